package datacheck

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/table"
)

const schemaFiles = `
-- dataset.yaml --
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: train.csv, test: test.csv}
columns: [{name: price, type: float64}, {name: odd, type: int64}]
-- train.csv --
n,price,when,label,code,flag,empty,odd,more
1,2,2026-01-01,a,07,1,,x,
-- test.csv --
n,price,when,label,code,flag,empty,odd,more
2,3.5,2026-01-01T10:00:00Z,b,12a,0,5,3,x
-- baseline/train.csv --
n,price,label,gone,when,code,flag,empty,odd
1,2,1,x,2026-01-01,07,true,,1
-- baseline/test.csv --
n,price,label,gone,when,code,flag,empty,odd
2,3,b,,2026-02-01,12,false,,2
`

func TestSchemaChange(t *testing.T) {
	cases := []againstCase{
		{`{check: schema.change, against: "#production"}`,
			"FAIL [] 7 changes since reviews@v1.2.0 (#production): gone removed, when widened (date as text to timestamp as text), code retyped (int64 as text to string as text), " +
				"flag retyped (bool as text to int64 as text), odd retyped (int64 as text to string as text), more added, order changed"},
		{`{check: schema.change, against: "#production", allow: [added, widened, reordered], columns: [n, price, when, label, empty, more]}`,
			"PASS [n, price, when, label, empty, more] 3 changes since reviews@v1.2.0 (#production), which the check allows: when widened (date as text to timestamp as text), more added, order changed"},
		{`{check: schema.change, against: "#production", allow: [added], columns: [when, more]}`,
			"FAIL [when, more] 1 change since reviews@v1.2.0 (#production): when widened (date as text to timestamp as text); allowed: more added"},
		{`{check: schema.change, against: "#production", columns: [n, price], split: train}`, "PASS [n, price in train] train: the columns are those of reviews@v1.2.0 (#production)"},
		// Text of fewer kinds than before reads as before.
		{`{check: schema.change, against: "#production", columns: [label], split: train}`, "FAIL [label in train] train: 1 change since reviews@v1.2.0 (#production): label retyped (int64 as text to string as text)"},
		{`{check: schema.change, against: "#production", columns: [label], split: test}`, "PASS [label in test] test: the columns are those of reviews@v1.2.0 (#production)"},
		{`{check: schema.change, against: "#staging"}`, "INCONCLUSIVE [] cannot be compared with #staging: there is none yet: no reviews in staging is registered"},
	}
	testAgainst(t, schemaFiles, cases, againstRun{})
	testAgainst(t, schemaFiles, cases, againstRun{profiles: true})
	if _, fetched := runAgainst(t, schemaFiles, "  - "+cases[0].checks, againstRun{profiles: true}); len(fetched) > 0 {
		t.Error("fetched", fetched)
	}
	testAgainst(t, schemaFiles, []againstCase{
		{`{check: schema.change, against: "#production", allow: [wider]}`, `error: dataset.yaml:8:5: schema.change: allow: there is no change "wider"`},
		{`{check: schema.change, against: "#production", where: price > 2}`, "error: dataset.yaml:8:5: schema.change does not take where"},
		{`{check: schema.change, against: "#production", groupBy: n}`, "error: dataset.yaml:8:5: schema.change does not take groupBy"},
		{`{check: schema.change, against: "#production", mostly: 0.5}`, "error: dataset.yaml:8:5: schema.change does not take mostly"},
	}, againstRun{})
}

func TestTypesBecome(t *testing.T) {
	file := func(name string) columnType { return columnType{name: name} }
	text := func(name string) columnType { return columnType{name: name, text: true} }
	for _, c := range []struct {
		from, to columnType
		want     string
	}{
		{file("int32"), file("int32"), ""},
		{file("int32"), file("int64"), changeWidened},
		{file("int64"), file("int32"), changeNarrowed},
		{file("uint8"), file("int16"), changeWidened},
		{file("uint8"), file("int8"), changeRetyped},
		{file("int64"), file("float64"), changeWidened},
		{file("float64"), file("int64"), changeNarrowed},
		{file("float64"), file("float32"), changeNarrowed},
		{file("date"), file("timestamp"), changeWidened},
		{file("int64"), file("string"), changeRetyped},
		{file("time"), file("timestamp"), changeRetyped},
		{file("list"), file("list"), ""},
		// One of CSV, the other of Parquet.
		{text("int64"), file("int32"), ""},
		{text("int64"), file("float64"), changeWidened},
		{text("float64"), file("int64"), changeNarrowed},
		{text("string"), file("string"), ""},
		{text("string"), file("int64"), changeRetyped},
		{file("float32"), text("int64"), ""},
		{file("int8"), text("float64"), changeWidened},
		{file("string"), text("date"), ""},
		{file("bool"), text("int64"), changeRetyped},
		// Both of CSV.
		{text("float64"), text("int64"), ""},
		{text("int64"), text("float64"), changeWidened},
		{text("int64"), text(""), ""},
		{text(""), text("int64"), ""},
	} {
		if got := c.from.became(c.to); got != c.want {
			t.Errorf("%v to %v: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

// TestObservedTypes holds that the types of text are those that profiles name.
func TestObservedTypes(t *testing.T) {
	for _, values := range [][]string{
		{"1", "2"}, {"1", "-2"}, {"1", "2.5"}, {"18446744073709551615", "1"}, {"18446744073709551615", "-1"}, {"99999999999999999999999", "1"}, {"+5", "007"},
		{"true", "False"}, {"true", "1"}, {"2026-01-01", "2026-02-28"}, {"2026-01-01", "2026-01-01 10:00"}, {"2026-13-01", "2026-01-01"}, {"a", "1"}, {"", ""}, {"NaN", "1e5"}, {"inf", "0x10"},
	} {
		file := table.File{Name: "a.csv", Path: t.TempDir() + "/a.csv"}
		writeFile(t, file.Path, "c,d\n"+strings.Join(values, ",\n")+",\n")
		s, err := profile.Scan(context.Background(), []table.File{file}, profile.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want, ok := typesOf(s.Document(nil))
		if !ok {
			t.Fatal(values)
		}
		r, err := table.Open(context.Background(), file, table.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		got := newObservedTypes(r.Schema())
		got.Observe(b)
		if g, w := got.of["c"].text(), want.Check.(*observedTypes).of["c"].text(); g != w || fmt.Sprint(values) == "[ ]" && g != "" {
			t.Errorf("%v: %q, a profile says %q", values, g, w)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSchemaChangeOfFormats compares the same rows in files with types and
// without.
func TestSchemaChangeOfFormats(t *testing.T) {
	rows := someReviews(300)
	for _, c := range []struct{ before, now, declared, want string }{
		{"data.parquet", "data.parquet", "id", "PASS [] the columns are those of reviews@v1.2.0 (#production)"},
		{"data.csv", "data.parquet", "id", "PASS [] the columns are those of reviews@v1.2.0 (#production)"},
		{"data.parquet", "data.jsonl", "id", "PASS [] the columns are those of reviews@v1.2.0 (#production)"},
		// 1.50 is written as 1.5, but not all prices are whole: the declared type is theirs on both sides.
		{"data.jsonl", "data.csv", "price", "PASS [] the columns are those of reviews@v1.2.0 (#production)"},
	} {
		for _, profiles := range []bool{false, true} {
			dir := t.TempDir()
			if err := os.Mkdir(dir+"/baseline", 0o755); err != nil {
				t.Fatal(err)
			}
			store(t, dir+"/"+c.now, rows)
			store(t, dir+"/baseline/"+c.before, rows[:200])
			a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [\"data.*\"]\ncolumns: [{name: "+c.declared+", type: "+map[string]string{"id": "int64", "price": "float64"}[c.declared]+"}]\nchecks:\n"+
				"  - {check: schema.change, against: \"#production\"}\n")
			findings, _, err := Run(context.Background(), a, expand(t, a, dir), Options{Baselines: &folders{t: t, a: a, dir: dir, profiles: profiles}})
			if err != nil {
				t.Fatal(err)
			}
			f := findings[len(findings)-1]
			if got := fmt.Sprintf("%s [%s] %s", f.Verdict, f.Subject, f.Message); got != c.want {
				t.Errorf("%+v, profiles %v: %s", c, profiles, got)
			}
		}
	}
}
