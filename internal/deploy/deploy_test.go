package deploy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

var update = flag.Bool("update", false, "write the golden files anew")

// production is what the tests write.
var production = Value{
	Artifact: "sentiment", Stage: "production",
	Repository: "ghcr.io/acme/sentiment",
	Digest:     ref.Digest("sha256:" + strings.Repeat("d", 64)),
	Image:      ref.Digest("sha256:" + strings.Repeat("e", 64)),
	Version:    ref.MustVersion("v1.5.0"),
}

// targets reads entries of deploy: as the parser of model.yaml does.
func targets(t testing.TB, entries string) []manifest.DeployTarget {
	t.Helper()
	p, err := manifest.NewParser(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Artifact("model.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\ndeploy:\n  production:\n    "+strings.ReplaceAll(strings.TrimSpace(entries), "\n", "\n    ")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return a.Model.Deploy["production"]
}

// golden is a case of testdata: targets, the file as it is, and what becomes of
// it.
type golden struct {
	path    string
	archive *txtar.Archive
	targets []manifest.DeployTarget
	file    string
	data    []byte
}

func cases(t testing.TB, dir string) []*golden {
	t.Helper()
	files, err := filepath.Glob("testdata/" + dir + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	var all []*golden
	for _, path := range files {
		a, err := txtar.ParseFile(path)
		if err != nil || len(a.Files) < 2 {
			t.Fatal(path, err)
		}
		all = append(all, &golden{path: path, archive: a, targets: targets(t, string(a.Files[0].Data)), file: a.Files[1].Name, data: a.Files[1].Data})
	}
	return all
}

func (g *golden) name() string { return strings.TrimSuffix(filepath.Base(g.path), ".txtar") }

// holds compares what there is with the files behind the first two.
func (g *golden) holds(t *testing.T, got ...txtar.File) {
	t.Helper()
	if *update {
		a := &txtar.Archive{Files: append(g.archive.Files[:2:2], got...)}
		if err := os.WriteFile(g.path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := g.archive.Files[2:]
	if len(want) != len(got) {
		t.Fatalf("%d files, want %d; run go test -update", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("%s: got\n%s\nwant\n%s", want[i].Name, got[i].Data, want[i].Data)
		}
	}
}

func show(changes []Change) []byte {
	var b bytes.Buffer
	for _, c := range changes {
		fmt.Fprintf(&b, "%d:%d %s (%s): %s -> %s\n", c.Line, c.Column, c.Path, c.Part, c.Text, c.To)
	}
	return b.Bytes()
}

// TestEdit holds what becomes of the files of testdata/ok to what stands
// beside them. Each is written in other ways too, and must come out as the
// golden file written that way.
func TestEdit(t *testing.T) {
	for _, g := range cases(t, "ok") {
		t.Run(g.name(), func(t *testing.T) {
			out, changes, err := Edit(g.file, g.data, g.targets, production)
			if err != nil {
				t.Fatal(err)
			}
			g.holds(t, txtar.File{Name: "out", Data: out}, txtar.File{Name: "changes", Data: show(changes)})
			again, none, err := Edit(g.file, out, g.targets, production)
			if err != nil || len(none) > 0 || !bytes.Equal(again, out) {
				t.Errorf("the second time: %v, %v", none, err)
			}
			for name, write := range ways {
				got, _, err := Edit(g.file, write(g.data), g.targets, production)
				if err != nil || !bytes.Equal(got, write(out)) {
					t.Errorf("%s: %v, got\n%q\nwant\n%q", name, err, got, write(out))
				}
			}
		})
	}
}

// ways are other ways to write a file that says the same.
var ways = map[string]func([]byte) []byte{
	"CR LF":    func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) },
	"with BOM": func(b []byte) []byte { return append([]byte(bom), b...) },
	"BOM and CR LF": func(b []byte) []byte {
		return append([]byte(bom), bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))...)
	},
	"without last line": func(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) },
	"with more behind":  func(b []byte) []byte { return append(bytes.Clone(b), "  \n\n\n"...) },
}

func TestRefused(t *testing.T) {
	for _, g := range cases(t, "err") {
		t.Run(g.name(), func(t *testing.T) {
			v := production
			if g.name() == "no-image" {
				v.Image = ""
			}
			out, changes, err := Edit(g.file, g.data, g.targets, v)
			if err == nil || out != nil || changes != nil {
				t.Fatalf("accepted: %s", show(changes))
			}
			g.holds(t, txtar.File{Name: "error", Data: []byte(err.Error() + "\n")})
			for _, name := range []string{"CR LF", "without last line"} {
				if _, _, err2 := Edit(g.file, ways[name](g.data), g.targets, v); err2 == nil {
					t.Errorf("%s: accepted", name)
				} else if err2.Error() != err.Error() && !strings.Contains(err.Error(), "not valid") {
					t.Errorf("%s: got\n%v\nwant\n%v", name, err2, err)
				}
			}
		})
	}
}
