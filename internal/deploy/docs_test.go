package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// TestDocs holds docs/deploy.md to what is done: each deploy: is applied to
// the file of the diff behind it, and each message is one that a case of
// testdata/err has.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	var messages []byte
	files, _ := filepath.Glob("testdata/err/*.txtar")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, data...)
	}
	examples, entries := 0, ""
	for _, m := range fence.FindAllStringSubmatch(string(doc), -1) {
		switch m[1] {
		case "yaml":
			if entries != "" {
				t.Errorf("no diff for\n%s", entries)
			}
			entries = m[2]
		case "diff":
			name, diff, _ := strings.Cut(strings.TrimPrefix(m[2], "--- "), "\n")
			example(t, entries, name, diff)
			examples, entries = examples+1, ""
		case "":
			for line := range strings.Lines(m[2]) {
				if !bytes.Contains(messages, []byte("\n"+line)) {
					t.Errorf("nothing says %s", line)
				}
			}
		default:
			t.Errorf("what is %q", m[1])
		}
	}
	if examples < 5 {
		t.Errorf("%d examples", examples)
	}
}

func example(t *testing.T, entries, name, diff string) {
	t.Helper()
	lines := strings.SplitN(entries, "\n", 3)
	if len(lines) != 3 || lines[0] != "deploy:" || lines[1] != "  production:" {
		t.Fatalf("expected deploy: production: in\n%s", entries)
	}
	list := targets(t, strings.ReplaceAll(lines[2], "\n    ", "\n"))
	var before, after string
	for line := range strings.Lines(diff) {
		switch line[0] {
		case '-':
			before += line[1:]
		case '+':
			after += line[1:]
		default:
			before, after = before+line[1:], after+line[1:]
		}
	}
	for _, target := range list {
		if target.File != "/"+name {
			t.Errorf("%s is written, %s is shown", target.File, name)
		}
	}
	v := production
	v.Digest, v.Image = ref.Of([]byte("1.5")), ref.Of([]byte("1.5 as an image")) // what the page shows
	out, _, err := Edit(name, []byte(before), list, v)
	if err != nil || string(out) != after {
		t.Errorf("%s: %v, got\n%s\nwant\n%s", name, err, out, after)
	}
	if problems := Check(name, out); len(problems) > 0 {
		t.Errorf("%s: %v", name, problems)
	}
}
