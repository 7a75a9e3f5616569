package release

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

var update = flag.Bool("update", false, "write the golden files")

func digest(c string) ref.Digest { return ref.Digest("sha256:" + strings.Repeat(c, 64)) }

// model is a second version with everything there is to say.
func model() *source {
	limit := -0.01
	s := &source{
		name: "sentiment", kind: manifest.KindModel,
		artifact: &manifest.Artifact{Kind: manifest.KindModel, Name: "sentiment", Path: "models/sentiment/model.yaml", Description: "What reviewers feel.", Model: &manifest.Model{}},
		version: &ledger.Version{
			Version: ref.MustVersion("v1.1.0"), ContentDigest: digest("c"), Digest: digest("d"), Commit: strings.Repeat("1", 40),
			RegisteredAt: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), By: ledger.Actor{ID: 583231, Login: "octocat"}, Event: 12, Reason: "retrained on the spring's reviews",
			Evidence: &ledger.Evidence{Report: digest("e"), Verdicts: map[string]string{"evaluation": "PASS", "files": "PASS", "interface": "PASS"}},
		},
		previous: &ledger.Version{Version: ref.MustVersion("v1.0.0"), Commit: strings.Repeat("0", 40)},
		lock: &manifest.Lock{
			Files: []manifest.File{{Path: "model.safetensors", Size: 12_345_678, Digest: digest("1")}, {Path: "vocab.json", Size: 900, Digest: digest("2")}, {Path: "new.json", Size: 1200, Digest: digest("3")}},
			Total: manifest.Total{Files: 3, Bytes: 12_347_778}, Metrics: map[string]float64{"accuracy": 0.91, "f1": 0.9},
			Facts: &manifest.Facts{Format: "safetensors", Parameters: 1_200_000, Interface: &manifest.Interface{Outputs: []manifest.Port{{Name: "label", Type: "int64", Shape: []int64{-1}}, {Name: "score", Type: "float32", Shape: []int64{-1}}}}},
			Lineage: &manifest.Lineage{Datasets: map[string]manifest.LineageDataset{
				"train": {Name: "reviews", Split: "train", ContentDigest: digest("a")}, "evaluate": {Name: "other", ContentDigest: digest("b")},
			}, Code: digest("9")},
		},
		before: &manifest.Lock{
			Files: []manifest.File{{Path: "model.safetensors", Size: 12_000_000, Digest: digest("4")}, {Path: "vocab.json", Size: 900, Digest: digest("2")}, {Path: "old.json", Size: 2, Digest: digest("5")}},
			Total: manifest.Total{Files: 3, Bytes: 12_000_902}, Metrics: map[string]float64{"accuracy": 0.9},
			Facts: &manifest.Facts{Format: "safetensors", Parameters: 1_200_000, Interface: &manifest.Interface{Outputs: []manifest.Port{{Name: "label", Type: "int64", Shape: []int64{-1}}}}},
		},
		report: report.New([]report.Finding{
			{Check: "promotion.version", Subject: "v1.1.0", Group: report.GroupPromotion, Artifact: "sentiment", Verdict: report.Pass, Message: "v1.1.0 adds to v1.0.0 and breaks nobody: the output score is new"},
			{Check: "card.claims", Group: report.GroupCard, Severity: report.Warning, Artifact: "sentiment", Verdict: report.Fail, Message: "the card says 0.93"},
		}, report.TableSection("sentiment: Gates", []string{"Metric", ">Baseline", ">Candidate", ">Difference (95 % interval)", ">Margin", "Verdict"},
			[][]string{{"accuracy", "0.900", "0.910", "+0.010 (-0.002 to +0.022)", "0.01", "PASS"}}),
			report.Section{Title: "sentiment: Differences", Intervals: &report.Intervals{Unit: "candidate − baseline", Rows: []report.Interval{{Label: "accuracy", Value: 0.01, Lower: -0.002, Upper: 0.022, Limit: &limit, Verdict: report.Pass}}}},
			report.TextSection("Something else", "not shown")),
		datasets:   map[ref.Digest]ref.Version{digest("a"): ref.MustVersion("v1.4.0")},
		repository: "ghcr.io/acme/reviews/sentiment", event: strings.Repeat("f", 64),
		card: card.Parse([]byte("---\nlicense: mit\n---\n# Sentiment\n\nReads reviews.\n\n## Limits\n\nEnglish only.\n")),
	}
	return s
}

// hostile is a first version of somebody who wants the notes to act.
func hostile() *source {
	const act = "@octocat #1 <script>alert(1)</script> [x](https://evil.example) ![i](https://evil.example/i.png) `c` | a |\x1b[31m\u202e"
	s := model()
	s.previous, s.before, s.report = nil, nil, nil
	s.artifact.Description, s.version.Reason, s.version.By.Login = act, act+"\n## heading", "a`b@c"
	s.lock.Metrics = map[string]float64{"a|b @octocat": 1}
	s.lock.Lineage = &manifest.Lineage{Image: act, Lockfiles: map[string]ref.Digest{act: digest("8")}}
	s.version.Evidence.Verdicts = map[string]string{"files": "PASS @octocat"}
	body := act + "\n</details>\n```\ncode @octocat\n~~~\n<!-- hidden -->\n" + strings.Repeat("long ", 5000)
	s.card = card.Parse([]byte("---\nsecret: front matter\n---\n# Card\n\n" + body))
	return s
}

func TestNotes(t *testing.T) {
	dataset := model()
	dataset.kind, dataset.card, dataset.report, dataset.previous, dataset.lock.Facts, dataset.lock.Lineage, dataset.lock.Metrics = manifest.KindDataset, nil, nil, nil, nil, nil, nil
	lost := model()
	lost.before = nil // the commit of the version before is gone
	for name, s := range map[string]*source{"model": model(), "hostile": hostile(), "dataset": dataset, "lost": lost} {
		got, golden := s.notes(), filepath.Join("testdata", name+".md")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: the notes are\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestHostileNotes holds the promise itself, whatever the golden file says.
func TestHostileNotes(t *testing.T) {
	notes := hostile().notes()
	for _, bad := range []string{"@octocat", "<script", "](http", "![", "\x1b", "\u202e", "<!--", "</details", "\n```", "\n## heading", "front matter", "#1 "} {
		if strings.Contains(notes, bad) {
			t.Errorf("the notes contain %q:\n%s", bad, notes)
		}
	}
	if len(notes) > 12_000 {
		t.Errorf("%d bytes of notes of a card that goes on and on", len(notes))
	}
	if !strings.HasSuffix(notes, fmt.Sprintf("\nledger: event 12, %s\n", strings.Repeat("f", 64))) {
		t.Errorf("the anchor is not the last line:\n%s", notes)
	}
}

func TestNotesLimit(t *testing.T) {
	s := model()
	var rows [][]string
	for i := range 5000 {
		rows = append(rows, []string{fmt.Sprintf("metric %d of many", i), "0.5"})
		s.lock.Metrics[fmt.Sprintf("metric %d", i)] = 0.5
		s.lock.Files = append(s.lock.Files, manifest.File{Path: strings.Repeat("x", 200) + fmt.Sprint(i), Digest: digest("7")})
	}
	s.report.Sections = append(s.report.Sections, report.TableSection("Metrics", []string{"Metric", "Value"}, rows))
	notes := s.notes()
	if len(notes) > 120_000 || !strings.Contains(notes, "ledger: event 12") || !strings.Contains(notes, "and 4,983 more") || !strings.Contains(notes, "and 4,952 more") || !strings.Contains(notes, "#### Gates") {
		t.Errorf("%d bytes of notes", len(notes))
	}
}

func TestTagged(t *testing.T) {
	commit, other := strings.Repeat("1", 40), strings.Repeat("2", 40)
	for _, c := range []struct {
		tags, peeled map[string]string
		want         string
	}{
		{nil, nil, "does not have the tag"},
		{map[string]string{"m@v1.0.0": commit}, nil, "lightweight"},
		{map[string]string{"m@v1.0.0": "object"}, map[string]string{"m@v1.0.0": other}, "is at commit 222222222222"},
		{map[string]string{"m@v1.0.0": "object"}, map[string]string{"m@v1.0.0": commit}, ""},
	} {
		got := tagged(&workspace.Ledger{Refs: &gitrepo.Advertised{Tags: c.tags, Peeled: c.peeled}}, "m@v1.0.0", commit)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
