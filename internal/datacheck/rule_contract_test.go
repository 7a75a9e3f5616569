package datacheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/odcs"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

const contractHead = "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nschema:\n  - name: orders\n"

// runContract runs one entry over files whose names begin with the split's,
// with a contract beside the manifest.
func runContract(t *testing.T, entry, contract string, files map[string]string) ([]report.Finding, error) {
	t.Helper()
	dir := t.TempDir()
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: orders\nlicense: MIT\nfiles: {train: \"train*\", test: \"test*\"}\nchecks:\n  - "+entry+"\n")
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	byName := map[string][]table.File{}
	for split, of := range expand(t, a, dir) {
		if len(of) > 0 {
			byName[split] = of
		}
	}
	findings, _, err := Run(context.Background(), a, byName, Options{TempDir: dir, ReadFile: func(p string) ([]byte, error) {
		if p != "contract.odcs.yaml" {
			return nil, os.ErrNotExist
		}
		return []byte(contract), nil
	}})
	var out []report.Finding
	for _, f := range findings {
		if f.Check == "contract" {
			out = append(out, f)
		}
	}
	return out, err
}

// told prints what a finding says, in a line.
func told(f report.Finding) string {
	return fmt.Sprintf("%s %s %s [%s] %s:%d %s", f.Verdict, f.Severity, strings.TrimPrefix(f.Rule, "contract."), f.Subject, f.Location.File, f.Location.Line, f.Message)
}

const orders = "id,email,country,amount,day\n" +
	"1,a@x.de,DE,10,2026-01-01\n" +
	"2,,FR,20,2026-01-02\n" +
	"3,n/a,XX,-5,2026-01-03\n" +
	"3,a@x.de,DE,40,03.01.2026\n" +
	"5,e@x.de,DE,50,2026-01-05\n"

func TestContract(t *testing.T) {
	entry := "{check: contract, file: contract.odcs.yaml}"
	property := func(name, rest string) string {
		return contractHead + "    properties:\n      - name: " + name + "\n        " + strings.ReplaceAll(rest, "\n", "\n        ") + "\n"
	}
	rule := func(name, rest string) string { return property(name, "quality:\n  - {"+rest+"}") }
	for name, c := range map[string]struct {
		entry, contract string
		want            []string // of the findings, columns and extra ones aside
	}{
		"nulls fail": {entry, rule("email", "metric: nullValues, mustBe: 0, dimension: completeness, description: Everybody has one"), []string{
			`FAIL error nullValues [email] contract.odcs.yaml:11 email: 1 of 5 rows (20 %) is null; the contract wants exactly 0 rows; first: train.csv row 2 ("Everybody has one")`}},
		"nulls by percent": {entry, rule("email", "metric: nullValues, mustBeLessOrEqualTo: 20, unit: percent"), []string{
			"PASS error nullValues [email] contract.odcs.yaml:11 email: 1 of 5 rows (20 %) is null; the contract wants at most 20 % of the rows; first: train.csv row 2"}},
		"nulls below percent": {entry, rule("email", "metric: nullValues, mustBeLessThan: 20, unit: percent, severity: warning"), []string{
			"FAIL warning nullValues [email] contract.odcs.yaml:11 email: 1 of 5 rows (20 %) is null; the contract wants less than 20 % of the rows; first: train.csv row 2"}},
		"missing": {entry, rule("email", "metric: missingValues, arguments: {missingValues: [null, '', n/a]}, mustBe: 2"), []string{
			"PASS error missingValues [email] contract.odcs.yaml:11 email: 2 of 5 rows (40 %) have missing values; the contract wants exactly 2 rows; first: train.csv rows 2, 3"}},
		"invalid by list": {entry, rule("country", "metric: invalidValues, arguments: {validValues: [DE, FR]}, mustBeLessThan: 1"), []string{
			"FAIL error invalidValues [country] contract.odcs.yaml:11 country: 1 of 5 rows (20 %) has an invalid value; the contract wants less than 1 row; first: train.csv row 3"}},
		"invalid by pattern, nulls are not": {entry, rule("email", "metric: invalidValues, arguments: {pattern: '^[a-z]@'}, mustNotBe: 0"), []string{
			"PASS error invalidValues [email] contract.odcs.yaml:11 email: 1 of 5 rows (20 %) has an invalid value; the contract wants not 0 rows; first: train.csv row 3"}},
		"look-around": {entry, rule("email", "metric: invalidValues, arguments: {pattern: '(?=x)'}, mustBe: 0"), []string{
			"INCONCLUSIVE warning invalidValues [email] contract.odcs.yaml:11 email: not run: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"}},
		"duplicates": {entry, rule("id", "metric: duplicateValues, mustBeBetween: [1, 2]"), []string{
			"PASS error duplicateValues [id] contract.odcs.yaml:11 id: 1 of 5 rows (20 %) repeats the value of an earlier row; the contract wants between 1 and 2 rows; first: train.csv row 4"}},
		"two together": {entry, property("id", "required: true\n") + "      - name: email\n    quality:\n      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [id, email]}}\n      - {metric: rowCount, mustBeGreaterThan: 5}\n", []string{
			"PASS error required [id] contract.odcs.yaml:9 id: no row is null (5 rows)",
			"PASS error duplicateValues [id, email] contract.odcs.yaml:14 id, email: 0 of 5 rows (0 %) repeat the values of earlier rows; the contract wants exactly 0 rows",
			"FAIL error rowCount [] contract.odcs.yaml:15 there are 5 rows; the contract wants more than 5 rows"}},
		"primary key": {entry, property("country", "primaryKey: true\nprimaryKeyPosition: 2\n") + "      - {name: id, primaryKey: true, primaryKeyPosition: 1}\n", []string{
			"PASS error required [country] contract.odcs.yaml:9 country: no row is null (5 rows)",
			"PASS error required [id] contract.odcs.yaml:13 id: no row is null (5 rows)",
			"PASS error primaryKey [id, country] contract.odcs.yaml:13 id, country: every row has a key of its own (5 rows)"}},
		"options": {entry, property("amount", "logicalType: integer\nlogicalTypeOptions: {minimum: 0, exclusiveMaximum: 50, multipleOf: 5, format: i8}\nunique: true\n"), []string{
			"PASS error logicalType [amount] contract.odcs.yaml:9 amount: all values are of logical type integer (5 values)",
			"PASS error unique [amount] contract.odcs.yaml:9 amount: all values are different (5 values)",
			"FAIL error minimum [amount] contract.odcs.yaml:11 amount: 1 of 5 values (20 %) is not at least 0; first: train.csv row 3",
			"FAIL error exclusiveMaximum [amount] contract.odcs.yaml:11 amount: 1 of 5 values (20 %) is not smaller than 50; first: train.csv row 5",
			"INCONCLUSIVE warning multipleOf [amount] contract.odcs.yaml:11 amount: not run: the option multipleOf is not one that waybill checks"}},
		"types": {entry, property("day", "logicalType: date\nlogicalTypeOptions: {maximum: 2026-01-04}\n"), []string{
			"FAIL error logicalType [day] contract.odcs.yaml:9 day: 1 of 5 values (20 %) is not of logical type date; first: train.csv row 4",
			"FAIL error maximum [day] contract.odcs.yaml:11 day: 2 of 5 values (40 %) are not times at or before 2026-01-04; first: train.csv rows 4, 5"}},
		"before a day": {entry, property("day", "logicalTypeOptions: {exclusiveMinimum: 2026-01-01, exclusiveMaximum: '2026-01-05'}\n"), []string{
			"FAIL error exclusiveMinimum [day] contract.odcs.yaml:10 day: 2 of 5 values (40 %) are not times after 2026-01-01; first: train.csv rows 1, 4",
			"FAIL error exclusiveMaximum [day] contract.odcs.yaml:10 day: 2 of 5 values (40 %) are not times before 2026-01-05; first: train.csv rows 4, 5"}},
		"small integers": {entry, property("amount", "logicalType: integer\nlogicalTypeOptions: {format: u8}\n"), []string{
			"FAIL error logicalType [amount] contract.odcs.yaml:9 amount: 1 of 5 values (20 %) is not of logical type integer; first: train.csv row 3"}},
		"no values": {"{check: contract, file: contract.odcs.yaml, where: 'email == nil'}", property("email", "quality:\n  - {metric: duplicateValues, mustBe: 0}\n  - {metric: invalidValues, mustBe: 0, arguments: {pattern: a}}\n  - {metric: nullValues, mustBe: 1}"), []string{
			"INCONCLUSIVE error duplicateValues [email where email == nil] contract.odcs.yaml:11 email: there are no values to check in 1 row (where email == nil)",
			"INCONCLUSIVE error invalidValues [email where email == nil] contract.odcs.yaml:12 email: there are no values to check in 1 row (where email == nil)",
			"PASS error nullValues [email where email == nil] contract.odcs.yaml:13 email: 1 of 1 row (100 %) is null; the contract wants exactly 1 row; first: train.csv row 2 (where email == nil)"}},
		"format": {entry, property("day", "logicalType: date\nlogicalTypeOptions: {format: dd.MM.yyyy}\n"), []string{
			"FAIL error format [day] contract.odcs.yaml:11 day: 4 of 5 values (80 %) are not written as dd.MM.yyyy; first: train.csv rows 1, 2, 3, 5"}},
		"text": {entry, property("country", "logicalType: string\nlogicalTypeOptions: {minLength: 2, maxLength: 1, pattern: '^D'}\n"), []string{
			"PASS error logicalType [country] contract.odcs.yaml:9 country: all values are of logical type string (5 values)",
			"PASS error minLength [country] contract.odcs.yaml:11 country: all values have at least 2 characters (5 values)",
			"FAIL error maxLength [country] contract.odcs.yaml:11 country: 5 of 5 values (100 %) do not have at most 1 character; first: train.csv rows 1, 2, 3, 4, 5",
			"FAIL error pattern [country] contract.odcs.yaml:11 country: 2 of 5 values (40 %) do not match ^D; first: train.csv rows 2, 3"}},
		"not run": {entry, property("id", "quality:\n  - {type: sql, query: SELECT 1, mustBe: 1, name: one}\n  - {type: custom, engine: soda, implementation: x}\n  - {type: text, description: It is true}\n  - {metric: duplicateValues, mustBe: 0, arguments: {other: 1}}"), []string{
			"INCONCLUSIVE warning sql [id] contract.odcs.yaml:11 id: not run: SQL needs a database: one",
			"INCONCLUSIVE warning custom [id] contract.odcs.yaml:12 id: not run: the rule is for soda",
			"INCONCLUSIVE warning text [id] contract.odcs.yaml:13 id: not run: a rule in words needs people: It is true",
			"INCONCLUSIVE warning duplicateValues [id] contract.odcs.yaml:14 id: not run: duplicateValues has arguments that the standard does not have: other"}},
		"severity of the entry": {"{check: contract, file: contract.odcs.yaml, severity: info}", rule("email", "metric: nullValues, mustBe: 0"), []string{
			"FAIL info nullValues [email] contract.odcs.yaml:11 email: 1 of 5 rows (20 %) is null; the contract wants exactly 0 rows; first: train.csv row 2"}},
		"where": {`{check: contract, file: contract.odcs.yaml, where: 'country == "DE"'}`, rule("email", "metric: nullValues, mustBe: 0"), []string{
			`PASS error nullValues [email where country == "DE"] contract.odcs.yaml:11 email: 0 of 3 rows (0 %) are null; the contract wants exactly 0 rows (where country == "DE")`}},
		"groups": {"{check: contract, file: contract.odcs.yaml, groupBy: [country]}", rule("email", "metric: nullValues, mustBe: 0"), []string{
			`FAIL error nullValues [email [country="FR"]] contract.odcs.yaml:11 where country="FR": email: 1 of 1 row (100 %) is null; the contract wants exactly 0 rows; first: train.csv row 2`,
			"PASS error nullValues [email [by country]] contract.odcs.yaml:11 email: holds in 2 of 3 groups of country"}},
		"no rows": {`{check: contract, file: contract.odcs.yaml, where: 'country == "ES"'}`, rule("email", "metric: duplicateValues, mustBe: 0"), []string{
			`INCONCLUSIVE error duplicateValues [email where country == "ES"] contract.odcs.yaml:11 email: there are no values to check in 0 rows (where country == "ES")`}},
	} {
		t.Run(name, func(t *testing.T) {
			// The same rows in three files are the same, but for the places.
			lines := strings.SplitAfter(orders, "\n")
			head := lines[0]
			shards := map[string]string{"train1.csv": head + lines[1] + lines[2], "train2.csv": head + lines[3], "train3.csv": head + lines[4] + lines[5]}
			one, err := runContract(t, c.entry, c.contract, map[string]string{"train.csv": orders})
			if err != nil {
				t.Fatal(err)
			}
			several, err := runContract(t, c.entry, c.contract, shards)
			if err != nil || len(several) != len(one) {
				t.Fatalf("%d findings for shards, want %d: %v", len(several), len(one), err)
			}
			var got []string
			for i, f := range one {
				if f.Doc != docs+"contract" || f.Observed == "" {
					t.Errorf("incomplete finding %+v", f)
				}
				before, _, _ := strings.Cut(told(f), "; first")
				if other, _, _ := strings.Cut(told(several[i]), "; first"); other != before {
					t.Errorf("shards: %s\nwant %s", other, before)
				}
				if f.Rule != "contract.column" && f.Rule != "contract.extra" {
					got = append(got, told(f))
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestContractColumns(t *testing.T) {
	contract := contractHead + "    properties:\n      - {name: identifier, physicalName: id}\n      - {name: emial, required: true}\n      - {name: day}\n"
	found, err := runContract(t, "{check: contract, file: /contract.odcs.yaml, schema: orders}", contract, map[string]string{"train.csv": orders, "test.csv": "id\n7\n"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, told(f))
	}
	want := []string{
		"FAIL error column [emial] contract.odcs.yaml:10 column emial is not in the data; the columns are id, email, country, amount, day; nothing that the contract says about it can be checked",
		"FAIL error column [day] contract.odcs.yaml:11 column day is not in the split test; nothing that the contract says about it can be checked",
		"FAIL info extra [extra columns] contract.odcs.yaml:7 the data has columns that the contract does not: email, country, amount",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestContractOfOtherTypes has JSON lines, whose cells have kinds.
func TestContractOfOtherTypes(t *testing.T) {
	contract := contractHead + "    properties:\n      - {name: n, logicalType: integer}\n      - {name: s, logicalType: string}\n      - {name: o, logicalType: object, properties: [{name: x}]}\n      - {name: h, logicalType: time}\n      - {name: u, logicalType: integer}\n      - {name: v, physicalName: u, logicalType: integer, logicalTypeOptions: {format: i64}}\n"
	found, err := runContract(t, "{check: contract, file: contract.odcs.yaml, split: test}", contract, map[string]string{
		"train.csv":  "n\n1\n",
		"test.jsonl": "{\"n\": 1.5, \"s\": \"a\", \"o\": {\"x\": 1}, \"h\": \"08:30:00\", \"u\": 18446744073709551615}\n{\"n\": 2, \"s\": 3, \"o\": null, \"h\": \"8:30:00\", \"u\": 1}\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]report.Verdict{}
	for _, f := range found {
		got[strings.TrimPrefix(f.Rule, "contract.")+" "+f.Subject] = f.Verdict
	}
	for subject, want := range map[string]report.Verdict{
		"logicalType n in test": report.Fail, "logicalType s in test": report.Fail, "logicalType o in test": report.Pass,
		"logicalType h in test": report.Fail, "logicalType u in test": report.Pass, "logicalType u in test (2)": report.Fail, "nested o in test": report.Inconclusive,
	} {
		if got[subject] != want {
			t.Errorf("%s: %s, want %s", subject, got[subject], want)
		}
	}
}

func TestContractMistakes(t *testing.T) {
	good := contractHead + "    properties:\n      - {name: id}\n"
	for name, c := range map[string]struct{ entry, contract, want string }{
		"no file":      {"{check: contract, file: other.yaml}", good, "dataset.yaml:7:5: contract: read other.yaml: file does not exist"},
		"outside":      {"{check: contract, file: ../../x.yaml}", good, "is not a file of the repository"},
		"no object":    {"{check: contract, file: contract.odcs.yaml, schema: order}", good, "dataset.yaml:7:5: contract: contract.odcs.yaml has no schema object called order; choose one with schema: orders"},
		"mostly":       {"{check: contract, file: contract.odcs.yaml, mostly: 0.5}", good, "contract does not take mostly"},
		"bad contract": {"{check: contract, file: contract.odcs.yaml}", good + "        quality: []\n        x: [\n", "contract.odcs.yaml:"},
		"bad metric":   {"{check: contract, file: contract.odcs.yaml}", contractHead + "    quality:\n      - {metric: rowcount, mustBe: 1}\n", `contract.odcs.yaml:9:18: there is no metric "rowcount"; did you mean rowCount?`},
	} {
		_, err := runContract(t, c.entry, c.contract, map[string]string{"train.csv": orders})
		mistakes := manifest.Errors{}
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestContractLikeAnother has an example with the verdicts that datacontract-cli
// 1.2.8 gives for it ("datacontract test", with a local CSV server added). Only
// of country it counts 1 duplicate, a value, where waybill counts 2 rows.
func TestContractLikeAnother(t *testing.T) {
	contract := contractHead + `    properties:
      - name: id
        logicalType: integer
        required: true
        unique: true
        quality:
          - {metric: duplicateValues, mustBeBetween: [1, 2]}
      - name: email
        logicalType: string
        logicalTypeOptions: {minLength: 4}
        quality:
          - {metric: nullValues, mustBeLessOrEqualTo: 20, unit: percent}
          - {metric: missingValues, arguments: {missingValues: [n/a]}, mustBe: 2}
          - {metric: invalidValues, arguments: {pattern: '^[a-z]@'}, mustBe: 1}
      - name: country
        logicalType: string
        logicalTypeOptions: {maxLength: 2, pattern: '^[A-Z]+$'}
        quality:
          - {metric: invalidValues, arguments: {validValues: [DE, FR]}, mustBe: 0}
      - name: amount
        logicalType: integer
        logicalTypeOptions: {minimum: 0, maximum: 50}
      - name: gone
        logicalType: string
    quality:
      - {metric: rowCount, mustBeBetween: [1, 5]}
      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [id, email]}}
`
	found, err := runContract(t, "{check: contract, file: contract.odcs.yaml}", contract, map[string]string{"train.csv": orders})
	if err != nil {
		t.Fatal(err)
	}
	fails := map[string]bool{"unique id": true, "minLength email": true, "invalidValues country": true, "minimum amount": true, "column gone": true}
	for _, f := range found {
		name := strings.TrimPrefix(f.Rule, "contract.") + " " + f.Subject
		if f.Rule != "contract.extra" && (f.Verdict == report.Fail) != fails[name] {
			t.Errorf("%s", told(f))
		}
		delete(fails, name)
	}
	if len(fails) > 0 {
		t.Errorf("nothing about %v", fails)
	}
}

// TestLogicalTypes has what each logical type says of the types that files have.
func TestLogicalTypes(t *testing.T) {
	all := "bool int8 int64 uint64 float32 float64 decimal string date timestamp list struct"
	for name, fit := range map[string]string{
		"string": "string", "boolean": "bool", "integer": "int8 int64 uint64 decimal", "number": "int8 int64 uint64 float32 float64 decimal",
		"date": "date", "timestamp": "timestamp", "time": "", "array": "list", "object": "struct", "map": "struct",
	} {
		for _, have := range strings.Fields(all) {
			typ, err := table.ParseType(have)
			if err != nil {
				t.Fatal(err)
			}
			l := logicalType{name: name, want: logicalTypes[name], wide: name == "integer"}
			if got, want := l.fits(typ) == table.Always, slices.Contains(strings.Fields(fit), have); got != want {
				t.Errorf("%s as %s: %v, want %v", have, name, got, want)
			}
		}
	}
	if f := (logicalType{name: "integer", want: logicalTypes["integer"], wide: true}).fits(table.Type{Kind: table.Decimal, Scale: 2}); f != table.Never {
		t.Error("decimal(…, 2) is no integer")
	}
	if f := (logicalType{name: "date", want: logicalTypes["date"], loose: true}).fits(table.Type{Kind: table.Timestamp}); f != table.Always {
		t.Error("in version 3.0 a timestamp is a date")
	}
	for _, name := range odcs.LogicalTypes {
		if _, ok := logicalTypes[name]; !ok {
			t.Errorf("%s has no type", name)
		}
	}
}

// TestContractTooLong holds that a hostile contract is refused before its terms
// are made.
func TestContractTooLong(t *testing.T) {
	contract := contractHead + "    quality:\n" + strings.Repeat("      - {metric: rowCount, mustBe: 5}\n", maxTerms+1)
	_, err := runContract(t, "{check: contract, file: contract.odcs.yaml}", contract, map[string]string{"train.csv": orders})
	if err == nil || !strings.Contains(err.Error(), "contract.odcs.yaml:7:5: the contract says 10,001 things about orders") {
		t.Error(err)
	}
}

// TestContractBroken holds that a contract about data that cannot be read says
// nothing about it.
func TestContractBroken(t *testing.T) {
	found, err := runContract(t, "{check: contract, file: contract.odcs.yaml}", contractHead+"    properties:\n      - {name: id}\n", map[string]string{"train.csv": "id,x\n1,2,3\n"})
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	for _, f := range found {
		if f.Verdict != report.Inconclusive {
			t.Errorf("%s", told(f))
		}
	}
}

// TestContractPercent has shares that floats round: 7 of 1,000 are 0.7 percent.
func TestContractPercent(t *testing.T) {
	for n := range int64(1001) {
		m := metric{Quality: &odcs.Quality{Unit: "percent", Must: []odcs.Condition{{Operator: odcs.Be, Values: []float64{float64(n) / 10}}}}}
		if f := m.judge(counted{count: n, of: 1000}, Facts{Rows: 1000}); f.Verdict != report.Pass {
			t.Errorf("%d of 1000: %s", n, f.Message)
		}
	}
	for op, want := range map[string][3]bool{ // of 1, 2 and 3
		odcs.Be: {false, true, false}, odcs.NotBe: {true, false, true}, odcs.GreaterThan: {false, false, true}, odcs.GreaterOrEqualTo: {false, true, true},
		odcs.LessThan: {true, false, false}, odcs.LessOrEqualTo: {true, true, false}, odcs.Between: {false, true, true}, odcs.NotBetween: {true, false, false},
	} {
		values := []float64{2}
		if strings.HasSuffix(op, "Between") {
			values = []float64{2, 3}
		}
		m := metric{Quality: &odcs.Quality{Metric: odcs.RowCount, Must: []odcs.Condition{{Operator: op, Values: values}}}}
		for i, pass := range want {
			if f := m.judge(counted{count: int64(i) + 1}, Facts{}); (f.Verdict == report.Pass) != pass {
				t.Errorf("%s 2 of %d: %s", op, i+1, f.Verdict)
			}
		}
	}
}

func TestJavaLayouts(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"yyyy-MM-dd", "2026-01-31", true}, {"yyyy-MM-dd", "2026-02-30", false}, {"yyyy-MM-dd", "2026-1-31", false},
		{"dd/MM/yyyy", "31/01/2026", true}, {"HH:mm:ss", "08:30:00", true}, {"HH:mm:ss", "8:30:00", false}, {"HH:mm:ss", "08:30:00.5", false},
		{"yyyy-MM-ddTHH:mm:ssZ", "2024-03-10T14:22:35Z", true}, {"yyyy-MM-ddTHH:mm:ssZ", "2024-03-10T14:22:35+1000", true},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-03-10T14:22:35.123+10:00", true}, {"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-03-10T14:22:35+10:00", false},
	} {
		layouts, fixed, ok := javaLayouts(c.pattern)
		if !ok || written(c.text, layouts, fixed) != c.want {
			t.Errorf("%s %s: %v, want %v (%v)", c.pattern, c.text, !c.want, c.want, layouts)
		}
	}
	for _, pattern := range []string{"", "yyyyy", "EEE", "'x'", "Zyyyy", "SSS", "yyyy2", strings.Repeat("yyyy", 100)} {
		if layouts, _, ok := javaLayouts(pattern); ok {
			t.Errorf("%q is read as %q", pattern, layouts)
		}
	}
}
