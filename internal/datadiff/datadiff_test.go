package datadiff

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// tree is the files of one side by path; a path of the form SPLIT/NAME is of
// that split.
type tree map[string]string

func (files tree) write(t testing.TB) Side {
	t.Helper()
	s := Side{Dir: t.TempDir(), Name: "data"}
	for name, content := range files {
		p := filepath.Join(s.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		split, _, _ := strings.Cut(name, "/")
		s.Files = append(s.Files, manifest.File{Path: name, Size: int64(len(content)), Digest: ref.Of([]byte(content)), Split: split})
	}
	return s
}

func compare(t testing.TB, from, to tree, opts Options) (*Data, error) {
	t.Helper()
	a, b := from.write(t), to.write(t)
	r := Differing(a.Files, b.Files)
	a.Files, b.Files = r.From, r.To
	opts.Temp = t.TempDir()
	d, err := CompareData(context.Background(), a, b, r, opts)
	if left, _ := os.ReadDir(opts.Temp); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
	return d, err
}

func compareTrain(t testing.TB, from, to tree, opts Options) *Split {
	t.Helper()
	d, err := compare(t, from, to, opts)
	if err != nil {
		t.Fatal(err)
	}
	if d.Splits["train"] == nil {
		t.Fatalf("no split train in %+v", d)
	}
	return d.Splits["train"]
}

func parquetFile[T any](t testing.TB, rows ...T) string {
	t.Helper()
	var b bytes.Buffer
	if err := parquet.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRows(t *testing.T) {
	id := Options{Key: []string{"id"}}
	one := func(s string) tree { return tree{"train/a.csv": s} }
	type row struct {
		ID    int64   `parquet:"id"`
		Price float64 `parquet:"price"`
	}
	type narrow struct {
		ID    int32   `parquet:"id"`
		Price float64 `parquet:"price"`
	}
	type exact struct {
		ID    int64 `parquet:"id"`
		Price int64 `parquet:"price,decimal(2:18)"`
	}
	for _, c := range []struct {
		name     string
		from, to tree
		opts     Options
		want     Rows
		keyed    bool
	}{
		{"by key", one("id,x\n1,a\n2,b\n3,c\n"), one("id,x\n1,a\n2,B\n4,d\n5,e\n"), id, Rows{3, 4, 2, 1, 1}, true},
		{"the order of rows is none", one("id,x\n1,a\n2,b\n3,c\n"), one("id,x\n3,c\n1,a\n2,b\n"), id, Rows{3, 3, 0, 0, 0}, true},
		{"nor without a key", one("id,x\n1,a\n2,b\n3,c\n"), one("id,x\n3,c\n1,a\n2,b\n"), Options{}, Rows{3, 3, 0, 0, 0}, false},
		{"nor the order of columns", one("id,x\n1,a\n"), one("x,id\na,1\n"), id, Rows{1, 1, 0, 0, 0}, true},
		{"without a key a change is two", one("id,x\n1,a\n2,b\n"), one("id,x\n1,a\n2,B\n"), Options{}, Rows{2, 2, 1, 1, 0}, false},
		{"the manifest knows the key", one("id,x\n1,a\n2,b\n"), one("id,x\n1,a\n2,B\n"), Options{Unique: []string{"gone", "id"}}, Rows{2, 2, 0, 0, 1}, true},
		{"duplicates count", one("x\na\na\na\nb\n"), one("x\na\nb\nb\n"), Options{}, Rows{4, 3, 1, 2, 0}, false},
		{"keys that repeat", one("id,x\n1,a\n1,b\n2,c\n"), one("id,x\n1,a\n2,d\n"), id, Rows{3, 2, 1, 2, 0}, false},
		{"keys that repeat after", one("id,x\n1,a\n"), one("id,x\n1,a\n1,a\n"), id, Rows{1, 2, 1, 0, 0}, false},
		{"a key of two columns", one("id,n,x\n1,1,a\n1,2,b\n"), one("id,n,x\n1,1,a\n1,2,c\n"), Options{Key: []string{"id", "n"}}, Rows{2, 2, 0, 0, 1}, true},
		{"cells do not run together", one("id,x\na,bc\n"), one("id,x\nab,c\n"), Options{}, Rows{1, 1, 1, 1, 0}, false},
		{"null is not empty", one("id,x\n1,\n2,\"\"\n"), one("id,x\n1,\"\"\n2,\"\"\n"), id, Rows{2, 2, 0, 0, 1}, true},
		{"an added column changes no row", one("id,x\n1,a\n"), one("id,x,y\n1,a,9\n"), id, Rows{1, 1, 0, 0, 0}, true},
		{"files may be cut anew", one("id,x\n1,a\n2,b\n3,c\n"), tree{"train/1.csv": "id,x\n3,c\n", "train/2.csv": "id,x\n2,b\n1,a\n"}, id, Rows{3, 3, 0, 0, 0}, true},
		{"csv and parquet", one("id,price\n1,1.50\n2,3\n"), tree{"train/a.parquet": parquetFile(t, row{2, 3}, row{1, 1.5})}, id, Rows{2, 2, 0, 0, 0}, true},
		{"csv and decimals", one("id,price\n1,1.50\n2,3\n3,0.10\n"), tree{"train/a.parquet": parquetFile(t, exact{1, 150}, exact{2, 300}, exact{3, 11})}, id, Rows{3, 3, 0, 0, 1}, true},
		{"text is no decimal", one("id,price\n1,1.5e1\n"), tree{"train/a.csv": "id,price\n1,1.5e10\n", "train/b.parquet": parquetFile(t, exact{2, 150})}, id, Rows{1, 2, 1, 0, 1}, true},
		{"one key that is null", one("id,x\n,a\n2,b\n"), one("id,x\n,A\n2,b\n"), id, Rows{2, 2, 0, 0, 1}, true},
		{"keys that repeat because they are null", one("id,x\n,a\n,b\n"), one("id,x\n,a\n,c\n"), id, Rows{2, 2, 1, 1, 0}, false},
		{"a wider type", tree{"train/a.parquet": parquetFile(t, narrow{1, 2})}, tree{"train/a.parquet": parquetFile(t, row{1, 2}, row{2, 2})}, id, Rows{1, 2, 1, 0, 0}, true},
		{"json tells 1 from text", tree{"train/a.jsonl": "{\"id\":1,\"x\":1}\n"}, tree{"train/a.jsonl": "{\"id\":1,\"x\":\"1\"}\n"}, id, Rows{1, 1, 0, 0, 1}, true},
		{"a new split", tree{}, one("id,x\n1,a\n2,b\n"), id, Rows{0, 2, 2, 0, 0}, true},
		{"a split that is gone", one("id,x\n1,a\n2,b\n"), tree{}, id, Rows{2, 0, 0, 2, 0}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := compareTrain(t, c.from, c.to, c.opts)
			if s.Problem != "" {
				t.Fatal(s.Problem)
			}
			if s.Rows != c.want || len(s.Key) > 0 != c.keyed {
				t.Errorf("got %+v by %q, want %+v", s.Rows, s.Key, c.want)
			}
			if (s.Note != "") != strings.HasPrefix(c.name, "keys that repeat") {
				t.Errorf("note %q", s.Note)
			}
			if s.Samples != nil {
				t.Error("rows are shown although nobody allowed it")
			}
		})
	}
}

// TestLateKeys compares keys of JSON lines that the first rows do not have.
func TestLateKeys(t *testing.T) {
	var a strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&a, "{\"id\":%d,\"text\":\"some words that fill the file\"}\n", i)
	}
	s := compareTrain(t, tree{"train/a.jsonl": a.String() + `{"id":-1,"late":1}` + "\n"}, tree{"train/a.jsonl": a.String() + `{"id":-1,"late":2}` + "\n"}, Options{Key: []string{"id"}})
	if want := (Rows{200_001, 200_001, 0, 0, 1}); s.Rows != want || s.Problem != "" {
		t.Errorf("got %+v %s, want %+v", s.Rows, s.Problem, want)
	}
}

func TestSchemaAndColumns(t *testing.T) {
	from := "id,label,price,when,old\n1,cat,1,x,a\n2,dog,2,y,b\n3,cat,3,,c\n4,dog,,z,d\n"
	to := "id,price,label,when,new\n1,1,cat,x,5\n2,4,cat,y,6\n3,7,cow,,7\n4,nope,,z,8\n"
	s := compareTrain(t, tree{"train/a.csv": from}, tree{"train/a.csv": to}, Options{Key: []string{"id"}})
	want := Schema{Added: []Field{{"new", "number"}}, Removed: []Field{{"old", "text"}},
		Changed: []Retype{{"price", Pair[string]{"number", "text"}}}, Reordered: true}
	if !reflect.DeepEqual(s.Schema, want) {
		t.Errorf("schema %+v, want %+v", s.Schema, want)
	}
	byName := map[string]Column{}
	for _, c := range s.Columns {
		byName[c.Name] = c
	}
	label := byName["label"]
	if !label.Categorical || !reflect.DeepEqual(label.NewValues, []string{"cow"}) || !reflect.DeepEqual(label.VanishedValues, []string{"dog"}) || label.Nulls != (Pair[int64]{0, 1}) {
		t.Errorf("label %+v", label)
	}
	if p := byName["price"]; p.Min != nil || p.Mean != nil || p.Nulls != (Pair[int64]{1, 0}) {
		t.Errorf("price %+v", p)
	}
	if id := byName["id"]; id.Min.From != 1.0 || id.Max.To != 4.0 || *id.Mean.From != 2.5 || id.Categorical {
		t.Errorf("id %+v", id)
	}
	if w := byName["when"]; w.Categorical {
		t.Errorf("values that occur once are shown: %+v", w)
	}
}

func TestTypesOfParquet(t *testing.T) {
	type narrow struct {
		ID int32 `parquet:"id"`
	}
	type wide struct {
		ID int64 `parquet:"id"`
	}
	s := compareTrain(t, tree{"train/a.parquet": parquetFile(t, narrow{1}, narrow{2})}, tree{"train/a.parquet": parquetFile(t, wide{1}, wide{2})}, Options{})
	if want := []Retype{{"id", Pair[string]{"int32", "int64"}}}; !reflect.DeepEqual(s.Schema.Changed, want) || s.Rows != (Rows{2, 2, 0, 0, 0}) {
		t.Errorf("got %+v, %+v", s.Schema, s.Rows)
	}
}

// TestTimes finds the extremes of times, whose texts do not sort as they do:
// "…:01.5Z" stands before "…:01Z".
func TestTimes(t *testing.T) {
	type row struct {
		At time.Time `parquet:"at,timestamp(millisecond)"`
	}
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before := parquetFile(t, row{day.Add(1500 * time.Millisecond)}, row{day.Add(time.Second)}, row{day.Add(time.Second)})
	after := parquetFile(t, row{day}, row{day.Add(time.Hour)})
	s := compareTrain(t, tree{"train/a.parquet": before}, tree{"train/a.parquet": after}, Options{})
	got, _ := json.Marshal(s.Columns[0])
	for _, want := range []string{`"min":{"from":"2026-03-01T12:00:01Z","to":"2026-03-01T12:00:00Z"}`, `"max":{"from":"2026-03-01T12:00:01.5Z","to":"2026-03-01T13:00:00Z"}`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

// TestHostileText holds that nothing of the data drives a terminal.
func TestHostileText(t *testing.T) {
	head := "id,\"a\x1b[31m\nb\",gone\x1b\n"
	from, to := tree{"train/a\x1b.csv": head + "1,x,1\n2,x,2\n"}, tree{"train/a\x1b.csv": strings.Replace(head, "gone", "new", 1) + "1,\x1b]0;y\a,1\n2,\x1b]0;y\a,2\n"}
	for _, key := range [][]string{{"id"}, {"a\x1b[31m\nb"}} {
		a, b := from.write(t), to.write(t)
		d := Diff{Artifact: "reviews", Files: CompareFiles(a.Files, b.Files)}
		var err error
		if d.Data, err = CompareData(context.Background(), a, b, Differing(a.Files, b.Files), Options{Key: key, Samples: manifest.SamplesFull}); err != nil {
			t.Fatal(err)
		}
		if d.Data.Splits["train"].Columns[1].NewCount != 1 {
			t.Errorf("got %+v", d.Data.Splits["train"].Columns)
		}
		for _, s := range d.Sections() {
			texts := []string{s.Title}
			if s.Text != nil {
				texts = append(texts, *s.Text)
			} else {
				for _, r := range s.Table.Rows {
					texts = append(texts, r...)
				}
			}
			if i := slices.IndexFunc(texts, func(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }); i >= 0 {
				t.Errorf("%s: %q", s.Title, texts[i])
			}
		}
	}
}

func TestDependents(t *testing.T) {
	dataset := &manifest.Artifact{Name: "reviews", Dataset: &manifest.Dataset{}}
	declared := &manifest.Artifact{Name: "b", Model: &manifest.Model{Datasets: []manifest.DatasetUse{{Ref: ref.Reference{Name: "reviews"}}}}}
	trained := &manifest.Artifact{Name: "a", Model: &manifest.Model{}}
	other := &manifest.Artifact{Name: "c", Model: &manifest.Model{}}
	got := Dependents("reviews", []*manifest.Artifact{dataset, declared, trained, other}, func(a *manifest.Artifact) *manifest.Lock {
		if a != trained {
			return nil
		}
		return &manifest.Lock{Lineage: &manifest.Lineage{Datasets: map[string]manifest.LineageDataset{"train": {Name: "reviews"}}}}
	})
	if !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

func TestSamples(t *testing.T) {
	from := tree{"train/a.csv": "id,x\n1,Bob 7\n2,b\n3,c\n"}
	to := tree{"train/a.csv": "id,x\n3,c\n1,Eve 12\n4,\n"}
	s := compareTrain(t, from, to, Options{Key: []string{"id"}, Samples: manifest.SamplesFull})
	got, _ := json.Marshal(s.Samples)
	want := `{"added":[{"file":"data/train/a.csv","row":3,"cells":{"id":"4","x":null}}],` +
		`"removed":[{"file":"data/train/a.csv","row":2,"cells":{"id":"2","x":"b"}}],` +
		`"changed":[{"file":{"from":"data/train/a.csv","to":"data/train/a.csv"},"row":{"from":1,"to":2},"key":{"id":"1"},"columns":{"x":{"from":"Bob 7","to":"Eve 12"}}}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s = compareTrain(t, from, to, Options{Key: []string{"id"}, Samples: manifest.SamplesMasked})
	got, _ = json.Marshal(s.Samples.Changed[0].Columns)
	if want := `{"x":{"from":"xxx 9","to":"xxx 99"}}`; string(got) != want {
		t.Errorf("masked: got %s, want %s", got, want)
	}
}

// TestProperty compares with a map what random edits do, in so little memory
// that everything goes through the disk.
func TestProperty(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		before, after := map[int]int{}, map[int]int{}
		for range 300 {
			before[rng.IntN(500)] = rng.IntN(3)
			after[rng.IntN(500)] = rng.IntN(3)
		}
		file := func(rows map[int]int) tree {
			var b [2]strings.Builder
			for i := range b {
				b[i].WriteString("id,x\n")
			}
			for id, x := range rows { // in random order
				fmt.Fprintf(&b[rng.IntN(2)], "%d,%d\n", id, x)
			}
			return tree{"train/0.csv": b[0].String(), "train/1.csv": b[1].String()}
		}
		want := Rows{From: int64(len(before)), To: int64(len(after))}
		for id, x := range before {
			if y, ok := after[id]; !ok {
				want.Removed++
			} else if x != y {
				want.Changed++
			}
		}
		for id := range after {
			if _, ok := before[id]; !ok {
				want.Added++
			}
		}
		if s := compareTrain(t, file(before), file(after), Options{Key: []string{"id"}, Memory: 8 * 7 * recordSize}); s.Rows != want {
			t.Fatalf("seed %d: got %+v, want %+v", seed, s.Rows, want)
		}
	}
}

// TestMillion compares a million rows while at most 100,000 may be in memory.
func TestMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("a million rows")
	}
	const n = 1_000_000
	var a, b strings.Builder
	a.WriteString("id,x\n")
	b.WriteString("id,x\n")
	for i := range n {
		fmt.Fprintf(&a, "%d,%d\n", i, i%7)
		j := n - i // backwards: 1 to n
		fmt.Fprintf(&b, "%d,%d\n", j, (j+j%1000/999)%7)
	}
	s := compareTrain(t, tree{"train/a.csv": a.String()}, tree{"train/a.csv": b.String()}, Options{Key: []string{"id"}, Memory: 100_000 * recordSize})
	if want := (Rows{n, n, 1, 1, n / 1000}); s.Rows != want {
		t.Errorf("got %+v, want %+v", s.Rows, want)
	}
}

// TestSorterMemory holds the sorter to its bound.
func TestSorterMemory(t *testing.T) {
	s := newSorter(t.TempDir(), 5000*recordSize)
	defer s.close()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 23_456 {
		if err := s.add(record{key: hash{rng.Uint64(), 0}, at: place(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if cap(s.records) > 5000 || len(s.runs) != 4 {
		t.Errorf("%d records in memory, %d runs", cap(s.records), len(s.runs))
	}
	var last record
	n := 0
	err := mergeSorted([]*sorter{s}, func(r record) {
		if n > 0 && compareRecords(last, r) >= 0 {
			t.Fatalf("record %d is out of order", n)
		}
		last = r
		n++
	})
	if err != nil || n != 23_456 {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestBadFiles(t *testing.T) {
	whole := parquetFile(t, struct{ ID int64 }{1}, struct{ ID int64 }{2})
	good := tree{"train/a.parquet": whole, "test/t.csv": "x\n1\n"}
	for name, bad := range map[string]tree{
		"truncated parquet": {"train/a.parquet": whole[:len(whole)-9], "test/t.csv": "x\n2\n"},
		"ragged":            {"train/a.csv": "id,x\n1\n", "test/t.csv": "x\n2\n"},
		"empty":             {"train/a.csv": "", "test/t.csv": "x\n2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := compare(t, good, bad, Options{})
			if err != nil {
				t.Fatal(err)
			}
			problem := d.Problem()
			if problem == nil || !strings.Contains(problem.Error(), "data/train/a.") || d.Splits["train"].Problem == "" {
				t.Errorf("problem %v", problem)
			}
			if d.Splits["test"].Rows != (Rows{1, 1, 1, 1, 0}) {
				t.Errorf("the other split: %+v", d.Splits["test"])
			}
		})
	}
}

func TestMoves(t *testing.T) {
	from := tree{"train/a.csv": "id,x\n1,a\n2,b\n3,c\n4,d\n", "test/a.csv": "id,x\n5,e\n", "val/a.csv": "id,x\n6,f\n6,f\n"}
	to := tree{"train/a.csv": "id,x\n1,a\n2,b\n5,e\n", "test/a.csv": "id,x\n3,c\n4,D\n", "val/a.csv": "id,x\n6,f\n"}
	for _, c := range []struct {
		key  []string
		want []MovedRows
	}{
		// val repeats a key, so by key nothing is counted: 4,D is another row.
		{[]string{"id"}, []MovedRows{{"test", "train", 1}, {"train", "test", 1}}},
		{nil, []MovedRows{{"test", "train", 1}, {"train", "test", 1}}},
	} {
		d, err := compare(t, from, to, Options{Key: c.key})
		if err != nil || !reflect.DeepEqual(d.Moved, c.want) {
			t.Errorf("by %q: got %+v, %v, want %+v", c.key, d.Moved, err, c.want)
		}
	}
	delete(from, "val/a.csv")
	delete(to, "val/a.csv")
	d, err := compare(t, from, to, Options{Key: []string{"id"}})
	if want := []MovedRows{{"test", "train", 1}, {"train", "test", 2}}; err != nil || !reflect.DeepEqual(d.Moved, want) {
		t.Errorf("by unique keys: got %+v, %v, want %+v", d.Moved, err, want)
	}
}

func TestKeyError(t *testing.T) {
	_, err := compare(t, tree{"train/a.csv": "product,x\n1,2\n"}, tree{"train/a.csv": "product,x\n1,3\n"}, Options{Key: []string{"produkt"}})
	var wrong *KeyError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), `did you mean "product"`) {
		t.Errorf("got %v", err)
	}
}

func TestFiles(t *testing.T) {
	f := func(path, split, content string) manifest.File {
		return manifest.File{Path: path, Split: split, Size: int64(len(content)), Digest: ref.Of([]byte(content))}
	}
	from := []manifest.File{f("a", "train", "1"), f("b", "train", "22"), f("c", "train", "3"), f("d", "train", "4"), f("e", "train", "5")}
	to := []manifest.File{f("a", "train", "1"), f("b", "train", "2"), f("c", "test", "3"), f("e2", "train", "5"), f("g", "test", "7")}
	got := CompareFiles(from, to)
	want := Files{
		Added: []File{{"g", "test", 1}}, Removed: []File{{"d", "train", 1}}, Changed: []Change{{Path: "b", Size: Pair[int64]{2, 1}}},
		Moved:     []Move{{Pair[string]{"c", "c"}, Pair[string]{"train", "test"}, 1}, {Pair[string]{"e", "e2"}, Pair[string]{"train", "train"}, 1}},
		Unchanged: 1,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestReused holds that files of both sides are not read: those here do not
// even exist, under a new name in their split.
func TestReused(t *testing.T) {
	gone := manifest.File{Path: "train/gone.csv", Split: "train", Digest: ref.Of([]byte("gone"))}
	a, b := tree{"train/a.csv": "id\n1\n"}.write(t), tree{"train/a.csv": "id\n2\n"}.write(t)
	renamed := gone
	renamed.Path = "train/elsewhere.csv"
	r := Differing(append(a.Files, gone), append(b.Files, renamed))
	a.Files, b.Files = r.From, r.To
	d, err := CompareData(context.Background(), a, b, r, Options{})
	if err != nil || d.Reused != 1 || d.Splits["train"].Reused != 1 || d.Splits["train"].Rows != (Rows{1, 1, 1, 1, 0}) {
		t.Errorf("got %+v, %v", d, err)
	}
	twice := Differing([]manifest.File{gone, renamed}, []manifest.File{gone})
	if len(twice.From) != 1 || len(twice.To) != 0 {
		t.Errorf("a copy less: %+v", twice)
	}
}
