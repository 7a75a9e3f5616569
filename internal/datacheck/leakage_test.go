package datacheck

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/minhash"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

const leakageHead = `apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: "train*.csv", test: "test*.csv"}
columns:
  - {name: id, type: int64}
  - {name: noise, type: float64}
  - {name: price, type: float64}
  - {name: day, type: date}
checks:
`

const leakageHeader = "id,label,noise,price,text,word,hint,gap,day,class\n"

// leakageRows are rows sorted by label, with columns that tell much of it
// (price, hint, gap) and nothing (noise, word).
func leakageRows(n int) []string {
	rng := rand.New(rand.NewPCG(21, 22))
	words := strings.Fields("a kettle lamp chair cable that is too very good bad loud quiet heavy light small and but")
	rows := make([]string, n)
	for i := range rows {
		label := 2 * i / n
		price := float64(label*50) + 49*rng.Float64()
		gap := ""
		if label == 1 {
			gap = words[rng.IntN(len(words))]
		}
		var text []string
		for range 3 + rng.IntN(12) {
			text = append(text, words[rng.IntN(len(words))])
		}
		if i%50 > 0 && i%50 < 4 && i > 4 { // like, or the same as, the row before
			text = strings.Fields(strings.Split(rows[i-1], ",")[4])
			if i%50 == 2 {
				text[len(text)-1] = "really"
			}
		}
		if i%97 == 5 {
			text = strings.Fields("words that are in both splits and of both labels")
		}
		hint := fmt.Sprint("h", label*10+rng.IntN(10))
		if rng.IntN(100) == 0 {
			hint = "h5"
		}
		rows[i] = fmt.Sprintf("%d,%d,%v,%v,%s,%s,%s,%s,2026-01-%02d,c%d", i, label, rng.Float64(), price, strings.Join(text, " "), words[rng.IntN(len(words))], hint, gap, 1+i*28/n, rng.IntN(150))
	}
	return rows
}

// leakageRun writes rows of two splits into files of the sizes given (the last
// one for the rest) and returns what the checks find.
func leakageRun(t *testing.T, checks string, splits map[string][]string, opts Options, sizes ...int) []report.Finding {
	t.Helper()
	dir := t.TempDir()
	for split, rows := range splits {
		for i := 0; i == 0 || len(rows) > 0; i++ {
			n := len(rows)
			if i < len(sizes) {
				n = min(n, sizes[i])
			}
			data := leakageHeader + strings.Join(rows[:n], "\n")
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s%02d.csv", split, i)), []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
			rows = rows[n:]
		}
	}
	a := parse(t, leakageHead+checks)
	opts.TempDir = dir
	findings, _, err := Run(context.Background(), a, expand(t, a, dir), opts)
	if err != nil {
		t.Fatal(err)
	}
	var out []report.Finding
	for _, f := range findings {
		if f.Check != Readable && f.Check != schemaRule.ID {
			out = append(out, f)
		}
	}
	return out
}

func TestLeakage(t *testing.T) {
	rows := leakageRows(4000)
	for _, c := range []struct {
		check   string
		verdict report.Verdict
		message string
	}{
		{"{check: leakage.id, column: id, label: label}", report.Fail, "id: ROC AUC of one column alone for label: 1 (id); 4,000 rows"},
		{"{check: leakage.id, column: noise, label: label}", report.Pass, "noise: highest ROC AUC of one column alone for label: 0.4"},
		{"{check: leakage.id, column: day, label: label}", report.Fail, "ROC AUC "},
		{"{check: leakage.id, column: text, label: label, max: 0.99}", report.Inconclusive, "hardly ever occur twice"},
		{"{check: leakage.id, column: id, label: label, where: 'id < 100'}", report.Inconclusive, "too little to learn from"},
		{"{check: leakage.id, column: id, label: label, where: 'id < 0'}", report.Inconclusive, "too little to learn from"},
		{"{check: leakage.id, column: price, label: class}", report.Inconclusive, "class has more than 100 different values"},
		{"{check: leakage.id, column: id, label: lable}", report.Fail, "column lable is not in the data"},
		{"{check: leakage.feature, label: label}", report.Fail, "all columns: ROC AUC of one column alone for label: 1 (id), 1 (price), 1 (gap), 1 (day), 0.99"},
		{"{check: leakage.feature, label: label, columns: [noise, word]}", report.Pass, "noise, word: highest ROC AUC of one column alone for label: 0.4"},
		{"{check: leakage.feature, label: label, columns: [noise, text]}", report.Inconclusive, "text: nothing can be learned"},
		{"{check: leakage.feature, label: label, column: hint, max: 1}", report.Pass, "hint: highest ROC AUC of one column alone for label: 0.99"},
		{"{check: leakage.feature, label: label, column: noise, split: test}", report.Inconclusive, "too little to learn from"},
	} {
		got := leakageRun(t, "  - "+c.check+"\n", map[string][]string{"train": rows, "test": nil}, Options{})
		if len(got) != 1 || got[0].Verdict != c.verdict || !strings.Contains(got[0].Message, c.message) {
			t.Errorf("%s: %+v, want %s with %q", c.check, got, c.verdict, c.message)
		}
	}
}

// TestLeakageShards holds that files, workers and memory do not change what is
// found.
func TestLeakageShards(t *testing.T) {
	checks := `
  - {check: leakage.id, column: id, label: label}
  - {check: leakage.feature, label: label}
  - {check: leakage.feature, label: label, where: 'price < 80', split: train}
  - {check: leakage.date, column: day, between: [train, test], max: 0.5}
  - {check: leakage.date, column: day, between: [train, test], groupBy: label}
  - {check: split.ratio, shares: {train: 0.7, test: 0.3}, groupBy: label}
  - {check: label.conflicts, column: label, on: [text]}
  - {check: label.conflicts, column: label, on: [text, word], groupBy: hint, mostly: 0.9}
  - {check: text.near-duplicates, column: text}
  - {check: text.near-duplicates, column: text, groupBy: label, max: 0.01, unit: characters, similarity: 0.7}
  - {check: split.near-overlap, column: text, between: [train, test]}
  - {check: split.near-overlap, column: text, between: [test, train], where: 'label == "1"', similarity: 0.6}
`
	rows := leakageRows(3000)
	splits := map[string][]string{"train": rows[:2030], "test": rows[2030:]}
	run := func(opts Options, sizes ...int) []report.Finding {
		found := outcome(leakageRun(t, checks, splits, opts, sizes...))
		for i := range found {
			f := &found[i]
			// Which text another one is like first depends on no place, but its own does.
			f.Message, _, _ = strings.Cut(f.Message, " (first:")
			delete(f.Details, "examples")
		}
		return found
	}
	want := run(Options{Workers: 1})
	failed := map[string]bool{}
	for _, f := range want {
		if f.Verdict == report.Fail {
			failed[f.Check] = true
		}
	}
	if len(failed) < 6 {
		t.Fatalf("the data tests little: only %v fail of %+v", failed, want)
	}
	for i, sizes := range [][]int{{1, 999, 30}, {2000}, {500, 0, 500, 3}} {
		if got := run(Options{Workers: 1 + i, Memory: int64(i % 2)}, sizes...); !reflect.DeepEqual(got, want) {
			for j := range want {
				if j < len(got) && !reflect.DeepEqual(got[j], want[j]) {
					t.Errorf("%v:\n%+v\nwant\n%+v", sizes, got[j], want[j])
				}
			}
		}
	}
}

// TestLeakageMistakes are errors of manifests that their schema cannot see.
func TestLeakageMistakes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"train.csv", "test.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(leakageHeader), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for check, want := range map[string]string{
		"{check: text.near-duplicates, column: text, similarity: 0.2}":                      "similarity 0.2 is not between 0.3 and 1",
		"{check: text.near-duplicates, column: text, size: 21}":                             "size 21 is not between 1 and 20",
		"{check: text.near-duplicates, column: text, max: 2}":                               "max 2 is not a share",
		"{check: text.near-duplicates, column: text, mostly: 0.5}":                          "does not take mostly",
		"{check: split.near-overlap, column: text}":                                         "compares two splits",
		"{check: split.near-overlap, column: text, between: [train, test], groupBy: label}": "does not take groupBy",
		"{check: split.near-overlap, column: text, between: [train, test], size: 0}":        "size 0 is not between 1 and 20",
		"{check: label.conflicts, column: label, on: [text, label]}":                        "label is the label, it cannot be an input",
		"{check: leakage.date, column: day, split: train}":                                  "compares two splits",
		"{check: leakage.date, column: day, between: [train, test], max: 7}":                "max 7 is not a share",
		"{check: leakage.date, column: day, between: [train, test], mostly: 0.5}":           "does not take mostly",
		"{check: leakage.id, column: id, label: id}":                                        "id is the label itself",
		"{check: leakage.id, column: id, label: label, max: 0.4}":                           "max 0.4 is not between 0.5 and 1",
		"{check: leakage.feature, label: label, groupBy: word}":                             "does not take groupBy",
		"{check: leakage.feature, label: label, mostly: 0.5}":                               "does not take mostly",
		"{check: split.ratio, shares: {train: 0.8, test: 0.1}}":                             "the shares add up to 0.9, not to 1",
		"{check: split.ratio, shares: {train: 1.5, test: -0.5}}":                            "is not a share",
		"{check: split.ratio, shares: {train: 1}, tolerance: 3}":                            "tolerance 3 is not a share",
		"{check: split.ratio, shares: {train: 1}, split: train}":                            "does not take splits",
		"{check: split.ratio, shares: {train: 1}, column: id}":                              "does not take column",
	} {
		a := parse(t, leakageHead+"  - "+check+"\n")
		_, _, err := Run(context.Background(), a, expand(t, a, dir), Options{})
		mistakes := manifest.Errors{}
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "dataset.yaml:12:") {
			t.Errorf("%s: error %v, want one with %q", check, err, want)
		}
	}
}

func textBatch(file int, texts ...string) *table.Batch {
	c := table.Column{Name: "text", Type: table.Type{Kind: table.String}, Offsets: []uint32{0}}
	for _, s := range texts {
		c.Data = append(c.Data, s...)
		c.Offsets = append(c.Offsets, uint32(len(c.Data)))
	}
	return &table.Batch{Rows: len(texts), First: 1, File: file, Columns: []table.Column{c}}
}

// TestTooMuchText holds that text is given up by how much there is, not by how
// it comes.
func TestTooMuchText(t *testing.T) {
	p := nearParams{Similarity: new(float64), Size: new(int64)}
	*p.Similarity, *p.Size = 0.8, 3
	texts := []string{"one two three four", "one two three four", "five six seven", "eight nine ten eleven"}
	for _, most := range []int64{1367, 1368} { // 4 texts of 21 keys, with 7 shingles
		for _, shards := range [][]int{{4}, {1, 3}, {2, 2}, {1, 1, 1, 1}} {
			kept := new(atomic.Int64)
			make := func() *nearTexts {
				n := nearTextsOf("text", p, nil)().(*nearTexts)
				n.kept, n.most = kept, most
				return n
			}
			total, rest := make(), texts
			var parts []*nearTexts
			for i, n := range shards {
				part := make()
				part.Observe(textBatch(i, rest[:n]...))
				parts, rest = append(parts, part), rest[n:]
			}
			for _, part := range parts {
				total.Merge(part)
			}
			want := 4*(nearText0+8*21)+8*7 > most
			if total.full() != want || !want && (len(total.texts) != 3 || total.rows[0] != 4) {
				t.Errorf("%v of %d bytes: full %v (%d), want %v", shards, most, total.full(), kept.Load(), want)
			}
		}
	}
}

// TestTooManyAlike has texts that share keys but are not alike enough.
func TestTooManyAlike(t *testing.T) {
	p := nearParams{Similarity: new(float64), Size: new(int64)}
	*p.Similarity, *p.Size = 0.5, 1
	n := nearTextsOf("text", p, nil)().(*nearTexts)
	rng := rand.New(rand.NewPCG(8, 9))
	var texts []string
	for i := range 300 {
		texts = append(texts, fmt.Sprintf("a b c d e %d %d %d %d %d %d", i, rng.IntN(99)+1000, rng.IntN(99)+2000, rng.IntN(99)+3000, rng.IntN(99)+4000, rng.IntN(99)+5000))
	}
	n.Observe(textBatch(0, texts...))
	near := 0 // by comparing each with each
	for _, a := range n.texts {
		for _, b := range n.texts {
			if a != b && minhash.AtLeast(a.set, b.set, 0.5) {
				near++
				break
			}
		}
	}
	if found := n.find(0.5); found.gaveUp || len(found.near) != near {
		t.Fatalf("given up %v; %d are near another, want %d", found.gaveUp, len(found.near), near)
	}
	n.steps = 1000
	found := n.find(0.5)
	if !found.gaveUp {
		t.Error("not given up")
	}
	f := Facts{Rows: 300, files: []table.File{{Name: "f"}}}
	out := p.finding(tally{column: "text", noun: "text", checked: 300}, nearFound{gaveUp: true, recall: 1}, 0, manifest.CheckSpec{}, f)
	if out.Verdict != report.Inconclusive || !strings.Contains(out.Message, "too many texts") {
		t.Errorf("%+v", out)
	}
}

// TestConflictsMerge has a conflict within a shard whose first row agrees with
// the shards before, and one between shards.
func TestConflictsMerge(t *testing.T) {
	make := func(texts, labels []string) *conflicts {
		b, l := textBatch(0, texts...), textBatch(0, labels...).Columns[0]
		l.Name = "label"
		b.Columns = append(b.Columns, l)
		c := &conflicts{label: "label", on: []string{"text"}, kept: new(atomic.Int64), most: 100, inputs: map[[16]byte]*labelled{}, labels: map[string]string{}}
		c.Observe(b)
		return c
	}
	c := make([]string{"x", "y", "z"}, []string{"0", "0", "0"})
	c.Merge(make([]string{"x", "y", "x"}, []string{"0", "1", "2"}))
	c.Merge(make([]string{"x", "z"}, []string{"0", "0"}))
	got := c.judge(tally{column: "label", noun: "row", checked: c.rows}, manifest.CheckSpec{}, Facts{files: []table.File{{Name: "f"}}})
	if got.Details["failed"] != int64(6) || got.Details["conflicts"] != int64(2) || got.Details["rows"] != int64(8) {
		t.Errorf("%+v", got)
	}
}

// TestManyConflicts is what is said when rows are too many to keep: the keys
// decide.
func TestManyConflicts(t *testing.T) {
	k := conflictKeys{inputs: profile.Key{Columns: []string{"text"}}, pairs: profile.Key{Columns: []string{"text", "label"}}}
	share := 0.5
	for _, c := range []struct {
		repeated, skipped int64
		mostly            *float64
		want              report.Verdict
		message           string
	}{
		{10, 0, nil, report.Pass, "rows agree (100 rows)"},
		{7, 0, nil, report.Fail, "there are 3 labels too many for equal text"},
		{7, 0, &share, report.Inconclusive, "not counted"},
		{10, 0, &share, report.Pass, "rows agree"},
		{10, 2, nil, report.Inconclusive, "not counted"},
	} {
		f := Facts{Profile: &profile.Profile{Keys: map[string]*profile.KeyFacts{
			k.inputs.ID(): {Rows: 100, Repeated: 10}, k.pairs.ID(): {Rows: 100, Repeated: c.repeated},
		}}}
		t0 := tally{column: "label", noun: "row", checked: 100, holds: "rows agree"}
		got := k.judge(t0, &conflicts{skipped: c.skipped, most: 50}, manifest.CheckSpec{Mostly: c.mostly}, f)
		if got.Verdict != c.want || !strings.Contains(got.Message, c.message) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// TestManyTimes is what leakage.date says when there are too many to count.
func TestManyTimes(t *testing.T) {
	share, none := 0.5, 0.0
	for _, c := range []struct {
		train, test []string
		max         *float64
		want        report.Verdict
	}{
		{[]string{"2026-01-01"}, []string{"2026-01-02", "2026-01-03", "2026-01-04"}, nil, report.Pass},
		{[]string{"2026-01-02"}, []string{"2026-01-02", "2026-01-03", "2026-01-04"}, nil, report.Fail},
		{[]string{"2026-01-02"}, []string{"2026-01-02", "2026-01-03", "2026-01-04"}, &none, report.Fail},
		{[]string{"2026-01-02"}, []string{"2026-01-02", "2026-01-03", "2026-01-04"}, &share, report.Inconclusive},
		{[]string{"2026-01-02"}, []string{"2026-01-02", "2026-01-03"}, &share, report.Pass},
	} {
		for from := range len(c.test) {
			parts := []*splitTimes{}
			for range 3 {
				parts = append(parts, newSplitTimes("text", []int8{1, 2}, 2))
			}
			parts[0].Observe(textBatch(1, c.test[:from]...))
			parts[1].Observe(textBatch(0, c.train...))
			parts[2].Observe(textBatch(1, c.test[from:]...))
			parts[0].Merge(parts[1])
			parts[0].Merge(parts[2])
			got := leakageDateParams{Max: c.max}.judge("text", manifest.CheckSpec{Splits: []string{"train", "test"}}, Facts{Check: parts[0], files: make([]table.File, 2)})
			if got.Verdict != c.want {
				t.Errorf("%v: %+v", c, got)
			}
		}
	}
}
