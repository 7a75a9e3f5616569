package approval

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

func TestStatement(t *testing.T) {
	data, err := statement().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"waybill.dev/v1","artifact":"sentiment","at":"2026-03-01T12:00:00Z","contentDigest":"` + string(ref.Of([]byte("content"))) +
		`","digest":"` + string(ref.Of([]byte("encoding"))) + `","kind":"Approval","ledger":"` + strings.Repeat("a", 64) +
		`","policyDigest":"` + string(ref.Of([]byte("policy"))) + `","reason":"passed the pilot: <ok> \"é\"","stage":"production","version":"v0.2.0"}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
	if s, err := ParseStatement(data); err != nil || s != statement() {
		t.Errorf("%+v: %v", s, err)
	}
}

func TestStatementRefuses(t *testing.T) {
	for name, change := range map[string]func(*Statement){
		"apiVersion": func(s *Statement) { s.APIVersion = "waybill.dev/v2" }, "kind": func(s *Statement) { s.Kind = "Rejection" },
		"ledger": func(s *Statement) { s.Ledger = strings.Repeat("A", 64) }, "artifact": func(s *Statement) { s.Artifact = "../x" },
		"version": func(s *Statement) { s.Version = ref.Version{} }, "stage": func(s *Statement) { s.Stage = "" },
		"content": func(s *Statement) { s.ContentDigest = "" }, "digest": func(s *Statement) { s.Digest = "sha256:0" },
		"policy": func(s *Statement) { s.PolicyDigest = "" }, "no time": func(s *Statement) { s.At = time.Time{} },
		"fraction": func(s *Statement) { s.At = s.At.Add(1) }, "zone": func(s *Statement) { s.At = s.At.In(time.FixedZone("x", 3600)) },
		"reason": func(s *Statement) { s.Reason = strings.Repeat("a", maxReason+1) }, "not UTF-8": func(s *Statement) { s.Reason = "\xff" },
		"zero byte": func(s *Statement) { s.Reason = "\x00" }, "too long": func(s *Statement) { s.Reason = strings.Repeat("\x01", maxReason) },
	} {
		s := statement()
		change(&s)
		if data, err := s.Bytes(); err == nil {
			t.Errorf("%s: wrote %s", name, data)
		}
	}
}

func TestParseStatementRefuses(t *testing.T) {
	data, err := statement().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	for name, bad := range map[string]string{
		"a newline":       good + "\n",
		"a space":         strings.Replace(good, `,"kind"`, `, "kind"`, 1),
		"another field":   strings.Replace(good, `,"kind"`, `,"force":true,"kind"`, 1),
		"a field twice":   strings.Replace(good, `"stage":"production"`, `"stage":"staging","stage":"production"`, 1),
		"another case":    strings.Replace(good, `"stage"`, `"Stage"`, 1),
		"another order":   strings.Replace(strings.Replace(good, `"apiVersion":"waybill.dev/v1",`, "", 1), `}`, `,"apiVersion":"waybill.dev/v1"}`, 1),
		"an offset":       strings.Replace(good, `12:00:00Z`, `12:00:00+00:00`, 1),
		"another escape":  strings.Replace(good, `pilot`, `\u0070ilot`, 1),
		"no stage":        strings.Replace(good, `"stage":"production",`, ``, 1),
		"a null":          strings.Replace(good, `"stage":"production"`, `"stage":null`, 1),
		"two of them":     good + good,
		"an empty reason": strings.Replace(good, `"passed the pilot: <ok> \"é\""`, `""`, 1),
		"nothing":         "", "null": "null", "endless": strings.Repeat(" ", maxStatement+1),
	} {
		if bad == good {
			t.Fatalf("%s changes nothing", name)
		}
		if s, err := ParseStatement([]byte(bad)); err == nil {
			t.Errorf("%s was read as %+v", name, s)
		}
	}
}

func FuzzParseStatement(f *testing.F) {
	data, err := statement().Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(bytes.Replace(data, []byte("é"), []byte(`\u0001`), 1))
	f.Add(bytes.Replace(data, []byte(`"v0.2.0"`), []byte(`"v1.0.0-rc.1+b"`), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseStatement(data)
		if err != nil {
			return
		}
		again, err := s.Bytes()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("two ways to write a statement:\n%s\n%s (%v)", data, again, err)
		}
		var loose map[string]any
		if err := json.Unmarshal(data, &loose); err != nil || loose["stage"] != s.Stage || loose["contentDigest"] != string(s.ContentDigest) {
			t.Errorf("another reader sees something else: %v %v", loose, err)
		}
	})
}
