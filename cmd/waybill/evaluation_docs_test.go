package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/cli"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

var update = flag.Bool("update", false, "write the outputs of the examples into the documentation")

const evaluationDocs = "../../docs/evaluation.md"

var (
	// block is a fenced block of the documentation: its language and its text.
	block = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	// example is the gate that README.md shows.
	example = regexp.MustCompile("(?s)```\n(\\$ waybill evaluate .*?)```")
	// usual begins the sections of every report on predictions.
	usual = regexp.MustCompile(`^([a-z]+: )?Metrics$`)
	// generated is a table that the test writes: its name and its text.
	generated = regexp.MustCompile(`(?s)<!-- (\w+) -->\n(.*?)<!-- /\w+ -->`)
)

// TestEvaluationDocs runs the commands of docs/evaluation.md, in order and in
// one folder, over predictions that it makes: what they print is what stands
// below them. A block of YAML is written to the file that its first line
// names. With -update the outputs and the tables are written there.
func TestEvaluationDocs(t *testing.T) {
	data, err := os.ReadFile(evaluationDocs)
	if err != nil {
		t.Fatal(err)
	}
	p := docsPlace(t)
	commands := 0
	text := block.ReplaceAllStringFunc(string(data), func(all string) string {
		m := block.FindStringSubmatch(all)
		first, _, _ := strings.Cut(m[2], "\n")
		if file, ok := strings.CutPrefix(first, "# "); ok && m[1] == "yaml" {
			p.write(file, []byte(m[2]))
			return all
		}
		if !strings.HasPrefix(first, "$ ") {
			return all
		}
		commands++
		got := "```" + m[1] + "\n" + p.commands(m[2], strings.Contains(m[2], "\n…\n")) + "```"
		if got != all && !*update {
			t.Errorf("the documentation says\n%s\nbut waybill prints\n%s\nrun: go test ./cmd/waybill -run TestEvaluationDocs -update", all, got)
		}
		return got
	})
	if commands == 0 {
		t.Error("no commands were found")
	}
	checkEvaluationDocs(t, text)
	tables := docsTables(t)
	text = generated.ReplaceAllStringFunc(text, func(all string) string {
		m := generated.FindStringSubmatch(all)
		want, ok := tables[m[1]]
		if !ok {
			t.Errorf("no table %s is generated", m[1])
		}
		delete(tables, m[1])
		if m[2] != want && !*update {
			t.Errorf("the table %s is\n%s\nand should be\n%s\nrun: go test ./cmd/waybill -run TestEvaluationDocs -update", m[1], m[2], want)
		}
		return fmt.Sprintf("<!-- %s -->\n%s<!-- /%s -->", m[1], want, m[1])
	})
	for name := range tables {
		t.Errorf("the documentation has no table %s", name)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if m := example.FindStringSubmatch(string(readme)); m == nil || !strings.Contains(text, m[1]) {
		t.Error("README.md shows a gate that is not in docs/evaluation.md, or shows none")
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(evaluationDocs, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commands runs the lines of a block that begin with "$ " and returns what the
// block should be. In a short one, … stands for what all reports have: the
// metrics and curves of the predictions.
func (p *place) commands(text string, short bool) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(line, "$ waybill ")
		if !ok {
			continue
		}
		out.WriteString(line)
		var stdout, stderr bytes.Buffer
		code := cli.Run(p.t.Context(), p.dir, arguments(command), strings.NewReader(""), &stdout, &stderr)
		for l := range strings.Lines(stdout.String() + stderr.String()) {
			l = strings.TrimRight(l, " \n")
			if short && usual.MatchString(l) {
				out.WriteString("…\n")
				break
			}
			out.WriteString(l + "\n")
		}
		if code != 0 {
			fmt.Fprintf(&out, "[exit code %d]\n", code)
		}
	}
	return out.String()
}

// arguments cuts a command at spaces outside of double quotes.
func arguments(command string) []string {
	var out []string
	for i, part := range strings.Split(strings.TrimSpace(command), `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// docsPlace is the repository that the examples run in: predictions of 2,000
// held-out rows by three models, and a model in production.
func docsPlace(t *testing.T) *place {
	t.Setenv("WAYBILL_NOW", "2026-12-01T09:00:00Z")
	p := newPlace(t, &testregistry.Registry{})
	origin := t.TempDir()
	p.git("init", "-q", "--bare", "-b", "main", origin)
	p.git("remote", "add", "origin", origin)
	p.write("waybill.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Project\nregistry: oci-layout:.waybill/registry\nstages: {production: {}}\n"))
	p.predictions()

	p.write("data/dataset.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: {test: test.csv}\n"))
	p.write("models/sentiment/model.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nlicense: MIT\nfiles: [model.bin]\ndatasets: {evaluate: \"reviews:test\"}\nevaluation: {predictions: predictions.csv, key: id, label: label, prediction: prediction, score: score}\n"))
	p.write("models/sentiment/model.bin", []byte("old"))
	old, err := os.ReadFile(filepath.Join(p.dir, "old.csv"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("models/sentiment/predictions.csv", old)
	p.run(0, "push")
	p.git("add", "waybill.yaml", "data/dataset.yaml", "data/dataset.lock.json", "models/sentiment/model.yaml", "models/sentiment/model.lock.json")
	p.git("commit", "-q", "-m", "sentiment")
	p.git("push", "-q", "-u", "origin", "main")
	p.run(0, "register")
	p.run(0, "promote", "sentiment", "--to", "production")
	p.write("models/sentiment/model.bin", []byte("new"))
	candidate, err := os.ReadFile(filepath.Join(p.dir, "new.csv"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("models/sentiment/predictions.csv", candidate)
	return p
}

// docsModel is how often a model is right, and how sure it is.
type docsModel struct {
	file  string
	right float64 // of rows on which it answers by itself
	same  float64 // share of rows that it answers as the old model does
	odds  map[string]float64
}

// predictions writes what three models answer to 2,000 rows: old.csv; new.csv,
// better but for German; worse.csv. Those of the first 200 rows are in
// old-200.csv and new-200.csv.
func (p *place) predictions() {
	random := rand.New(rand.NewPCG(6, 1))
	models := []docsModel{
		{file: "old", right: 0.87},
		{file: "new", right: 0.93, same: 0.85, odds: map[string]float64{"de": 0.45}},
		{file: "worse", right: 0.62, same: 0.85},
	}
	var dataset strings.Builder
	dataset.WriteString("id,label,lang,length,user\n")
	files := map[string]*strings.Builder{}
	start := func(name string) {
		files[name] = &strings.Builder{}
		files[name].WriteString("id,label,prediction,score,lang,length\n")
	}
	for _, m := range models {
		start(m.file)
	}
	start("old-200")
	start("new-200")
	for i := range 2000 {
		label := random.IntN(2)
		lang := []string{"en", "en", "en", "en", "en", "fr", "fr", "de"}[random.IntN(8)]
		length := 20 + random.IntN(400)
		fmt.Fprintf(&dataset, "%d,%d,%s,%d,u%d\n", i+1, label, lang, length, random.IntN(300))
		correct, confidence := false, 0.0
		for _, m := range models {
			if random.Float64() >= m.same {
				right := m.right
				if odds, ok := m.odds[lang]; ok {
					right = odds
				}
				correct = random.Float64() < right
				confidence = 0.5 + 0.4*math.Sqrt(random.Float64())
			}
			score := confidence
			if correct != (label == 1) {
				score = 1 - score
			}
			row := fmt.Sprintf("%d,%d,%d,%.4f,%s,%d\n", i+1, label, int(math.Round(score)), score, lang, length)
			files[m.file].WriteString(row)
			if b := files[m.file+"-200"]; b != nil && i < 200 {
				b.WriteString(row)
			}
		}
	}
	p.write("data/test.csv", []byte(dataset.String()))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		p.write(name+".csv", []byte(files[name].String()))
	}
}
