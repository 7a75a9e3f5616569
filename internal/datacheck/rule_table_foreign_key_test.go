package datacheck

import "testing"

const foreignFiles = `
-- dataset.yaml --
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: train.csv, test: test.csv}
columns: [{name: n, type: int64}]
-- train.csv --
n,lang,country
1,de,at
2,en,gb
3,en,de
4,,gb
5,fr,
-- test.csv --
n,lang,country
6,xx,
7,de,at
-- languages/languages.csv --
lang,code,country
German,de,at
English,en,gb
German,de,ch
-- baseline/train.csv --
n,lang,country
1,de,at
-- baseline/test.csv --
n,lang,country
6,en,gb
`

func TestForeignKey(t *testing.T) {
	testAgainst(t, foreignFiles, []againstCase{
		{`{check: table.foreign-key, column: lang, references: languages, to: [code]}`, "FAIL [lang] lang: 2 of 6 rows (33.3 %) have no partner in languages; first: train.csv row 5; test.csv row 1"},
		{`{check: table.foreign-key, column: lang, references: languages, to: [code], split: train}`, "FAIL [lang in train] train: lang: 1 of 4 rows (25 %) has no partner in languages; first: train.csv row 5"},
		{`{check: table.foreign-key, columns: [lang, country], references: languages, to: [code, country]}`, "FAIL [lang, country] lang, country: 1 of 4 rows (25 %) has no partner in languages; first: train.csv row 3"},
		{`{check: table.foreign-key, column: lang, references: languages, to: [code], where: n < 5}`, "PASS [lang where n < 5] lang: every row has its partner in languages (3 rows) (where n < 5)"},
		{`{check: table.foreign-key, column: lang, references: languages, to: [code], max: 0.4}`, "PASS [lang] lang: 2 of 6 rows (33.3 %) have no partner in languages; at most 40 % may; first: train.csv row 5; test.csv row 1"},
		{`{check: table.foreign-key, column: lang, references: languages, to: [code], mostly: 0.6}`, "PASS [lang] lang: 2 of 6 rows (33.3 %) have no partner in languages; at most 40 % may; first: train.csv row 5; test.csv row 1"},
		{`{check: table.foreign-key, column: lang, references: languages, to: [code], groupBy: country}`,
			"FAIL [lang [country=null]] where country=null: lang: 2 of 2 rows (100 %) have no partner in languages; first: train.csv row 5; test.csv row 1\nPASS [lang [by country]] lang: holds in 3 of 4 groups of country"},
		{`{check: table.foreign-key, column: lang, references: languages}`, "FAIL [lang] lang: 6 of 6 rows (100 %) have no partner in languages; first: train.csv rows 1, 2, 3, 5; test.csv row 1"},
		{`{check: table.foreign-key, column: lang, references: "#production", split: train}`, "FAIL [lang in train] train: lang: 1 of 4 rows (25 %) has no partner in reviews@v1.2.0 (#production); first: train.csv row 5"},
		{`{check: table.foreign-key, column: country, references: languages, where: n == 5}`, "INCONCLUSIVE [country where n == 5] country: there are no rows to check; 1 row has a null there (where n == 5)"},
		{`{check: table.foreign-key, column: n, references: languages}`, "INCONCLUSIVE [n] n: cannot be compared with languages: it has no column n; its columns are lang, code, country"},
		{`{check: table.foreign-key, column: lang, references: "#staging"}`, "INCONCLUSIVE [lang] cannot be compared with #staging: there is none yet: no reviews in staging is registered"},
		{`{check: table.foreign-key, column: missing, references: languages}`, "FAIL [missing] column missing is not in the data; the columns are n, lang, country"},
		{`{check: table.foreign-key, references: languages}`, "error: dataset.yaml:8:5: table.foreign-key needs the columns that refer"},
		{`{check: table.foreign-key, columns: [n, lang], references: languages, to: [code]}`, "error: dataset.yaml:8:5: table.foreign-key: 1 column in to:, 2 in columns:"},
		{`{check: table.foreign-key, column: lang, references: languages, max: 2}`, "error: dataset.yaml:8:5: table.foreign-key: max 2 is not a share between 0 and 1"},
	}, againstRun{})
}
