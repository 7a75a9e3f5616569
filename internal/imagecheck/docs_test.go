package imagecheck

import (
	"bytes"
	"context"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

var update = flag.Bool("update", false, "write what the examples of the documentation print")

const docsFile = "../../docs/checks.md"

var docsExample = regexp.MustCompile("(?s)\n```yaml\nchecks:\n  - (.*?)\n```\n(?:\n```text\n(.*?)```\n)?")

// TestDocs holds that every check has its section in the documentation, and
// that the example there prints what stands below it. With -update it is
// written there.
func TestDocs(t *testing.T) {
	looks := func(name string) []byte { return stored(t, "looks/"+name) }
	// The dataset of the examples.
	pets := tree{
		"train/cat/1.jpg": looks("1-poor.jpg"), "train/cat/2.png": looks("2.png"), "train/cat/3.jpg": looks("3-poor.jpg")[:900],
		"train/dog/4.png": looks("4.png"), "train/dog/5.png": looks("4.png"), "train/dog/6.png": looks("3-poor.jpg"),
		"test/cat/7.png": looks("1-half.png"), "test/cat/8.png": looks("2.png"), "test/cat/9.webp": stored(t, "formats/alpha.webp"),
		"train/cat/1.txt": nil, "train/cat/2.txt": nil, "train/cat/3.txt": nil, "train/dog/4.txt": nil, "train/dog/5.txt": nil, "train/dog/old.txt": nil,
	}
	before, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(before)
	for _, r := range catalog {
		head, rest, found := strings.Cut(text, "\n## "+r.ID+"\n")
		body, tail, more := strings.Cut(rest, "\n## ")
		example := docsExample.FindStringSubmatch(body)
		if !found || example == nil {
			t.Errorf("docs/checks.md has no section %q with an example", r.ID)
			continue
		}
		for name := range r.Params {
			if !strings.Contains(body, "`"+name) && !strings.Contains(example[1], name+":") {
				t.Errorf("%s: docs/checks.md does not say what %s is", r.ID, name)
			}
		}
		got := printed(t, pets, example[1])
		if got == example[2] {
			continue
		}
		if !*update {
			t.Errorf("%s: docs/checks.md says\n%s\nbut waybill prints\n%s\nrun: go test ./internal/imagecheck -run TestDocs -update", r.ID, example[2], got)
			continue
		}
		body = strings.Replace(body, example[0], "\n```yaml\nchecks:\n  - "+example[1]+"\n```\n\n```text\n"+got+"```\n", 1)
		text = head + "\n## " + r.ID + "\n" + body
		if more {
			text += "\n## " + tail
		}
	}
	if text != string(before) {
		// Somebody may have edited the file meanwhile.
		if now, err := os.ReadFile(docsFile); err != nil || !bytes.Equal(now, before) {
			t.Fatal("docs/checks.md was changed by somebody else; run again", err)
		}
		if err := os.WriteFile(docsFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// printed is what waybill check says of an entry.
func printed(t *testing.T, tr tree, entry string) string {
	t.Helper()
	a, err := parse(entry)
	if err != nil {
		t.Fatal(err)
	}
	dir, files := tr.write(t)
	found, err := Run(context.Background(), a, dir, files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	passes := true
	for i := range found {
		found[i].Location, found[i].Doc = nil, "" // lines of the example mean nothing, and this is the documentation
		passes = passes && found[i].Verdict == report.Pass
	}
	var out bytes.Buffer
	// Only with verbose are passes more than counted.
	if err := render.Report(&out, "text", report.New(found), render.Options{Verbose: passes}); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(out.String(), "\n\n") // without the headline
	return body
}
