package ledger

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/canonical"
)

func signedLine(t testing.TB) string {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"))
	line, err := h.add(h.approve("sentiment", "v0.1.0", "production"))[0].Line()
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// What was signed comes out of the ledger byte by byte: a signature over
// anything else is worth nothing.
func TestSignedIsKept(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"))
	draft := h.approve("sentiment", "v0.1.0", "production")
	want := *draft.Signed
	written := h.add(draft)[0]
	draft.Signed.Statement = "changed by the caller"
	line, err := written.Line()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := canonical.Marshal(json.RawMessage(line)); err != nil || string(again) != string(line) {
		t.Errorf("the line is not canonical (%v):\n%s\n%s", err, line, again)
	}
	read := h.log().Events()[1]
	state, err := Fold(h.log().Events())
	if err != nil {
		t.Fatal(err)
	}
	d := reload(t, state).Artifacts["sentiment"].Decisions[0]
	for where, got := range map[string]*Signed{"next": written.Signed, "line": read.Signed, "cache": d.Signed} {
		if got == nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, want %+v", where, got, want)
		}
	}
	if d.PolicyDigest != digestOf("policy") {
		t.Errorf("the policy's digest is %q", d.PolicyDigest)
	}
}

func TestSignedRefuses(t *testing.T) {
	line := signedLine(t)
	statement := line[strings.Index(line, `"statement":`):strings.Index(line, `},"stage"`)]
	for _, c := range []struct{ old, new, says string }{
		{statement, `"statement":""`, "signed.statement is empty"},
		{"," + statement, ``, "signed.statement is empty"},
		{statement, `"statement":"a\u0000b"`, "zero byte"},
		{statement, `"statement":"` + strings.Repeat("a", maxStatement+1) + `"`, "at most 8192"},
		{statement, `"statement":{}`, "expected"},
		{`"signature":"`, `"signature":"` + strings.Repeat("a", maxSignature), "at most 16384"},
		{`"signed":{`, `"signed":{"signature":"","statement":"a"},"signed":{`, "sorted and stand once"},
	} {
		bad := strings.Replace(line, c.old, c.new, 1)
		if bad == line {
			t.Fatalf("%s does not occur in %s", c.old, line)
		}
		if _, err := Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80s: %v does not say %q", c.new, err, c.says)
		}
	}
	newer := strings.Replace(line, `"signed":{`, `"signed":{"algorithm":["x"],`, 1)
	if e, err := Parse([]byte(newer)); err != nil || e.Signed == nil || e.Signed.Signature == "" {
		t.Errorf("a field of a newer writer: %v", err)
	}
}

func TestOnlyApprovalsAreSigned(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"))
	e := h.promote("sentiment", "v0.1.0", "production")
	e.Signed = &Signed{Statement: "a", Signature: "b"}
	if _, err := Next(h.state.Head, h.state, h.now, e); err == nil || !strings.Contains(err.Error(), "a promote event has no signed") {
		t.Error(err)
	}
	e = h.approve("sentiment", "v0.1.0", "production")
	e.Signed.Signature = ""
	if _, err := Next(h.state.Head, h.state, h.now, e); err == nil || !strings.Contains(err.Error(), "signed.signature is empty") {
		t.Error(err)
	}
}
