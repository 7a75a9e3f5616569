package demo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func accuracy(m *model, rows []review) float64 {
	right := 0
	for _, r := range rows {
		if (m.score(features(r.text)) >= 0.5) == (r.label == 1) {
			right++
		}
	}
	return float64(right) / float64(len(rows))
}

func TestTrainLearns(t *testing.T) {
	trainRows, testRows := split(generate(2400))
	if got := accuracy(train(trainRows, 8, 3), testRows); got < 0.75 {
		t.Errorf("accuracy %.3f on held-out rows", got)
	}
}

func TestTrainIsDeterministic(t *testing.T) {
	rows := generate(300)
	a, _, err := train(rows, 2, 1).files()
	if err != nil {
		t.Fatal(err)
	}
	b, _, _ := train(rows, 2, 1).files()
	if !bytes.Equal(a, b) {
		t.Error("two trainings gave different weights")
	}
	if c, _, _ := train(rows, 2, 2).files(); bytes.Equal(a, c) {
		t.Error("the seed changes nothing")
	}
}

func TestReadReviews(t *testing.T) {
	var lines strings.Builder
	for i := range 120 {
		fmt.Fprintf(&lines, "%d\t%.1f\ttext, with a comma\r\n\n", i, float64(i%3)-1)
	}
	rows, err := readReviews("r.tsv", strings.NewReader("\ufeff"+lines.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 120 || rows[0].id != "0" || rows[0].label != 0 || rows[2].label != 1 || rows[2].text != "text, with a comma" {
		t.Errorf("%d rows, first %+v", len(rows), rows[0])
	}
	for in, want := range map[string]string{
		"1\t0.5":           "r.tsv:1: it has 2 fields",
		"1\tx\ty":          "r.tsv:1: the rating",
		"1\t1\ty\n1\t1\ty": "r.tsv:2: the id",
		"1\t1\t\xff":       "UTF-8",
		"1\t1\ty":          "at least 100",
	} {
		if _, err := readReviews("r.tsv", strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
}

func FuzzReadReviews(f *testing.F) {
	f.Add("1\t0.5\tfine\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = readReviews("f", strings.NewReader(s))
	})
}

func TestRealReviews(t *testing.T) {
	shared := os.Getenv("WAYBILL_SHARED")
	if shared == "" {
		t.Skip("WAYBILL_SHARED does not name a folder with reviews")
	}
	name := filepath.Join(shared, "data", "reviews", "movieReviewSnippets_GroundTruth.txt")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := readReviews(name, f)
	if err != nil {
		t.Fatal(err)
	}
	trainRows, testRows := split(rows)
	if got := accuracy(train(trainRows, 8, 3), testRows); got < 0.65 {
		t.Errorf("accuracy %.3f on %d held-out reviews", got, len(testRows))
	}
}
