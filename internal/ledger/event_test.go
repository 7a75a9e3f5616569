package ledger

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")) // a checkout on Windows
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, got)
	}
}

// The lines are what every ledger in the world has: they must never change.
func TestGoldenLines(t *testing.T) {
	golden(t, "testdata/story.jsonl", story(t).files[FileName(1)])
}

func TestLineRoundTrip(t *testing.T) {
	forEachHistory(t, 50, false, func(t *testing.T, h *history) {
		for _, e := range append(h.events, story(t).events...) {
			line, err := e.Line()
			if err != nil {
				t.Fatal(err)
			}
			back, err := Parse(line)
			if err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if !reflect.DeepEqual(e, back) {
				t.Errorf("got  %+v\nwant %+v", back, e)
			}
		}
	})
}

// valid is a line with every field; tests damage it.
func valid(t testing.TB) string {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"), h.register("sentiment", "v0.2.0"))
	e := h.rollback("sentiment", "v0.2.0", "v0.1.0", "production")
	e.PolicyDigest, e.Run, e.Commit = digestOf("policy"), "local", commitOf(1)
	h.add(h.promote("sentiment", "v0.2.0", "production"))
	e = h.add(e)[0]
	line, err := e.Line()
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

func TestParseRefuses(t *testing.T) {
	line := valid(t)
	if _, err := Parse([]byte(line)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, says string }{
		{line, ``, "ends"},
		{line, `null`, "expected"},
		{line, `[]`, "expected"},
		{line, `{}`, "not an event of waybill"},
		{`}]`, `}],`, "not canonical JSON"},
		{`{"actor"`, ` {"actor"`, "not canonical JSON"},
		{`"kind":`, `"kind": `, "not canonical JSON"},
		{`"kind":"rollback"`, `"kind":"rollback","kind":"hold"`, "keys are sorted and stand once"},
		{`"apiVersion":"waybill.dev/v1"`, `"apiVersion":"waybill.dev/v1","Zeit":"1"`, "keys are sorted"},
		{`"artifact":"sentiment"`, `"artifact":"s\u0065ntiment"`, "an escape that RFC 8785 does not write"},
		{`"run":"local"`, `"run":"loc\/al"`, "an escape"},
		{`"run":"local"`, `"run":"loc\u000aal"`, "an escape"},
		{`"run":"local"`, `"run":"loc\u001Fal"`, "an escape"},
		{`"run":"local"`, "\"run\":\"lo\ncal\"", "control character"},
		{`"run":"local"`, "\"run\":\"\xff\"", "not UTF-8"},
		{`"run":"local"`, "\"run\":\"\\n\xff\"", "not UTF-8"},
		{`"run":"local"`, "\"s\":\"\xff\"", "not UTF-8"},
		{`"run":"local"`, `"run":"` + strings.Repeat("a", maxRun+1) + `"`, "at most 1024"},
		{`"run":"local"`, `"run":null`, "expected"},
		{`"run":"local"`, `"run":"` + strings.Repeat("a", maxLine) + `"`, "the line has"},
		{`"run":"local"`, `"s":` + strings.Repeat("[", 40) + strings.Repeat("]", 40), "nested deeper"},
		{`"run":"local"`, `"s":01`, "value is expected"},
		{`"run":"local"`, `"s":nul`, "value is expected"},
		{`"run":"local"`, `"s":1.`, "digit is expected"},
		{`"seq":4`, `"seq":04`, "whole number"},
		{`"seq":4`, `"seq":-4`, "whole number"},
		{`"seq":4`, `"seq":4.0`, "expected"},
		{`"seq":4`, `"seq":0`, "seq 0"},
		{`"seq":4`, `"seq":9007199254740992`, "2^53"},
		{`"seq":4`, `"seq":99999999999999999999999`, "2^53"},
		{`"seq":4,`, ``, "seq 0"},
		{`"previous":"`, `"previous":"A`, "previous"},
		{`"kind":"rollback"`, `"kind":"Rollback"`, "not an event of waybill"},
		{`"apiVersion":"waybill.dev/v1"`, `"apiVersion":""`, "not an event of waybill"},
		{`"artifact":"sentiment"`, `"artifact":"../x"`, "artifact name"},
		{`"stage":"production"`, `"stage":"prod/eu"`, "stage"},
		{`"stage":"production",`, ``, "must have stage"},
		{`"version":"v0.1.0"`, `"version":"v0.1"`, "version"},
		{`"from":"v0.2.0"`, `"from":""`, "version"},
		{`"from":"v0.2.0",`, ``, "must have from"},
		{`"commit":"`, `"commit":"0`, "commit"},
		{`"contentDigest":"sha256:`, `"contentDigest":"sha256:0`, "contentDigest"},
		{`"digest":"sha256:`, `"digest":"sha512:`, "digest"},
		{`"id":583231`, `"id":-1`, "whole number"},
		{`"login":"octocat"`, `"login":""`, "login is empty"},
		{`"login":"octocat"`, `"login":"` + strings.Repeat("a", 101) + `"`, "at most 100"},
		{`"at":"2026-03-01T12:00:00Z"`, `"at":"2026-03-01T12:00:00+00:00"`, "write it like"},
		{`"at":"2026-03-01T12:00:00Z",`, ``, "approvals[0]: at"},
		{`"time":"2026-03-01T12:00:0`, `"time":"2026-02-30T12:00:0`, "write it like"},
		{`"time":"2026-03-01T12:00:0`, `"time":"1969-03-01T12:00:0`, "write it like"},
		{`"time":"2026-03-01T12:00:0`, `"time":"2026-03-01T12:00:0.`, "write it like"},
	} {
		bad := strings.Replace(line, c.old, c.new, 1)
		if bad == line {
			t.Fatalf("%s does not occur in %s", c.old, line)
		}
		_, err := Parse([]byte(bad))
		if err == nil {
			t.Errorf("%.100s was accepted in place of %.100s", c.new, c.old)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.100s: %v does not say %q", c.new, err, c.says)
		} else if len(err.Error()) > 500 {
			t.Errorf("%.100s: the message has %d bytes", c.new, len(err.Error()))
		}
	}
}

// Each kind without each field that it must have.
func TestKindsMustHave(t *testing.T) {
	for kind, spec := range kinds {
		full := Event{APIVersion: APIVersion, Seq: 1, Previous: genesis, Time: day, Kind: kind, Artifact: "ab", Actor: octocat}
		for i, set := range []func(*Event){
			func(e *Event) { e.ArtifactKind = "Model" }, func(e *Event) { e.Version = ref.Version{Major: 1} }, func(e *Event) { e.From = ref.Version{Major: 2} },
			func(e *Event) { e.Stage = "prod" }, func(e *Event) { e.ContentDigest = digestOf("c") }, func(e *Event) { e.Digest = digestOf("d") },
			func(e *Event) { e.Commit = commitOf(1) },
		} {
			if spec.must&(1<<i) != 0 {
				set(&full)
			}
		}
		if _, err := full.Line(); err != nil {
			t.Errorf("%s with all it must have: %v", kind, err)
		}
		for i, unset := range []func(*Event){
			func(e *Event) { e.ArtifactKind = "" }, func(e *Event) { e.Version = ref.Version{} }, func(e *Event) { e.From = ref.Version{} },
			func(e *Event) { e.Stage = "" }, func(e *Event) { e.ContentDigest = "" }, func(e *Event) { e.Digest = "" },
			func(e *Event) { e.Commit = "" },
		} {
			e := full
			unset(&e)
			_, err := e.Line()
			if must := spec.must&(1<<i) != 0; must != (err != nil) {
				t.Errorf("%s without %s: %v", kind, fieldNames[i], err)
			}
		}
	}
}

func TestNewerWriters(t *testing.T) {
	line := valid(t)
	for name, c := range map[string]struct {
		old, new string
		known    bool
	}{
		"another field":          {`"run":"local"`, `"run":"local","runner":{"cores":[1,-2.5e+3,true,null],"os":"linux"}`, true},
		"another field in actor": {`"id":583231`, `"id":583231,"kind":"bot"`, true},
		"another kind":           {`"kind":"rollback"`, `"kind":"canary-start"`, false},
		"another apiVersion":     {`"apiVersion":"waybill.dev/v1"`, `"apiVersion":"waybill.dev/v2"`, false},
		"another kind and types": {`"kind":"rollback","policyDigest":"` + string(digestOf("policy")) + `"`, `"kind":"canary","policyDigest":{"a":1}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(line, c.old, c.new, 1)
			if changed == line {
				t.Fatalf("%s does not occur in %s", c.old, line)
			}
			e, err := Parse([]byte(changed))
			if err != nil {
				t.Fatalf("%v in %s", err, changed)
			}
			if e.Known() != c.known {
				t.Errorf("known: %v", e.Known())
			}
			if e.Seq != 4 || e.Artifact != "sentiment" || e.Time.IsZero() {
				t.Errorf("read as %+v", e)
			}
			if h, _ := e.Hash(); h != Hash([]byte(changed)) {
				t.Error("the hash is not that of the line")
			}
		})
	}
}

func TestLineRefuses(t *testing.T) {
	base := Event{APIVersion: APIVersion, Seq: 1, Previous: genesis, Time: day, Kind: KindHold, Artifact: "ab", Version: ref.Version{Major: 1}, Actor: octocat}
	for name, change := range map[string]func(*Event){
		"fraction of a second": func(e *Event) { e.Time = e.Time.Add(time.Millisecond) },
		"local time":           func(e *Event) { e.Time = e.Time.In(time.FixedZone("CET", 3600)) },
		"no time":              func(e *Event) { e.Time = time.Time{} },
		"unknown kind":         func(e *Event) { e.Kind = "canary" },
		"verdict":              func(e *Event) { e.Evidence = &Evidence{Verdicts: map[string]string{"data": "all is well"}} },
		"evidence kind":        func(e *Event) { e.Evidence = &Evidence{Others: map[string]ref.Digest{"report": digestOf("x")}} },
		"evidence digest":      func(e *Event) { e.Evidence = &Evidence{Others: map[string]ref.Digest{"profile": "x"}} },
		"too many approvals":   func(e *Event) { e.Approvals = make([]Approval, maxApprovals+1) },
		"reason not UTF-8":     func(e *Event) { e.Reason = "\xff" },
		"version":              func(e *Event) { e.Version.Pre = "a b" },
		"artifact kind":        func(e *Event) { e.ArtifactKind = "Cat" },
		"id beyond 2^53":       func(e *Event) { e.Actor.ID = 1 << 53 },
	} {
		e := base
		if _, err := e.Line(); err != nil {
			t.Fatal(err)
		}
		change(&e)
		if line, err := e.Line(); err == nil {
			t.Errorf("%s: wrote %s", name, line)
		}
	}
}

// FuzzEvent holds the scanner against encoding/json and the canonicalizer.
func FuzzEvent(f *testing.F) {
	h := story(f)
	for _, line := range lines(h.files[FileName(1)]) {
		f.Add([]byte(strings.TrimSuffix(line, "\n")))
	}
	line := valid(f)
	f.Add([]byte(strings.Replace(line, `"kind":"rollback"`, `"kind":"canary"`, 1)))
	f.Add([]byte(signedLine(f)))
	f.Add([]byte(strings.Replace(line, `"run":"local"`, `"s":["\u0001é",1.5e-7]`, 1)))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := Parse(line)
		if err != nil {
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("encoding/json refuses %s: %v", line, err)
		}
		if !e.Known() {
			return
		}
		for key, want := range map[string]any{"artifact": e.Artifact, "actor": e.Actor, "time": e.Time, "version": e.Version, "from": e.From, "seq": e.Seq,
			"reason": e.Reason, "signed": e.Signed, "run": e.Run, "approvals": e.Approvals, "commit": e.Commit, "digest": e.Digest} {
			got := reflect.New(reflect.TypeOf(want))
			if raw, ok := fields[key]; ok {
				if err := json.Unmarshal(raw, got.Interface()); err != nil {
					t.Fatalf("encoding/json refuses %s: %v", raw, err)
				}
			}
			if !sameJSON(t, got.Elem().Interface(), want) {
				t.Errorf("%s: encoding/json reads %v, the scanner %v", key, got.Elem(), want)
			}
		}
		again, err := e.Line()
		if err != nil {
			t.Fatalf("%s was read but cannot be written: %v", line, err)
		}
		back, err := Parse(again)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := back.Line(); err != nil || !bytes.Equal(again, twice) {
			t.Errorf("wrote %s, then %s (%v)", again, twice, err)
		}
		// A line may have fields that this release does not know; the same
		// value has the same bytes.
		if !bytes.Equal(again, line) && sameValue(t, again, line) {
			t.Errorf("two ways to write an event:\n%s\n%s", line, again)
		}
	})
}

func sameValue(t *testing.T, a, b []byte) bool {
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func sameJSON(t *testing.T, a, b any) bool {
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(x) == "null" || string(x) == "[]" {
		return string(y) == "null" || string(y) == "[]"
	}
	return bytes.Equal(x, y)
}
