package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/action"
	"github.com/waybill-dev/waybill/internal/review"
)

// Jobs for different artifacts have comments of their own.
func TestMarker(t *testing.T) {
	if marker(nil) != "check" || marker([]string{"a", "b"}) != marker([]string{"b", "a"}) || marker([]string{"a"}) == marker([]string{"b"}) {
		t.Error(marker(nil), marker([]string{"a"}), marker([]string{"b"}))
	}
	o := review.CommentOptions{Marker: marker([]string{"a"})}
	if !strings.Contains(o.Mark(), o.Marker) {
		t.Errorf("%s is no marker for review: %s", o.Marker, o.Mark())
	}
}

// Every input of the table is read by the verb, with the default of action.yml.
func TestCheckInputs(t *testing.T) {
	env := map[string]string{}
	for _, in := range action.Inputs("check") {
		env["INPUT_"+strings.ToUpper(in.Name)] = in.Default
	}
	read := func() (checkInputs, error) {
		s := &step{Action: action.New(func(k string) string { return env[k] }, &bytes.Buffer{}), dir: "d", context: &action.Context{Temp: "t"}}
		return readCheckInputs(s)
	}
	in, err := read()
	if err != nil || in.comment != "auto" || in.checkRun != "auto" || !in.failInconclusive || in.reportDir != filepath.Join("t", "waybill") || in.dir != "d" {
		t.Errorf("defaults: %+v, %v", in, err)
	}
	for name, value := range map[string]string{"COMMENT": "yes", "CHECK-RUN": "1", "FAIL-ON-INCONCLUSIVE": "no", "SAMPLES": "all"} {
		before := env["INPUT_"+name]
		env["INPUT_"+name] = value
		if _, err := read(); err == nil || !strings.Contains(err.Error(), strings.ToLower(name)) {
			t.Errorf("%s %q: %v", name, value, err)
		}
		env["INPUT_"+name] = before
	}
}
