package demo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	if got := accuracy(train(trainRows, 8, 3), testRows); got < 0.85 || got > 0.93 {
		t.Errorf("accuracy %.3f on held-out rows, want 0.85 to 0.93", got)
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
		"1\t0.5":    "r.tsv:1: it has 2 fields",
		"1\tx\ty":   "r.tsv:1: the rating",
		"1\tNaN\ty": "r.tsv:1: the rating",
		"1\t1\t ":   "r.tsv:1: it has no text",
		"\t1\ty":    "r.tsv:1: it has no id",
		"\n1\t1\t" + strings.Repeat("a", maxLine): "r.tsv:2: the line is longer",
		"1\t1\ty\n1\t1\ty":                        "r.tsv:2: the id",
		"1\t1\t\xff":                              "UTF-8",
		"1\t1\ty":                                 "at least 100",
	} {
		if _, err := readReviews("r.tsv", strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
}

func TestExp(t *testing.T) {
	for x := -40.0; x <= 40; x += 0.37 {
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 4e-16*want {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
	}
}

// TestTrainIsPortable holds the weights of a training to those that were found
// before, bit by bit in float64. Running it with GOARCH=386 or on arm64 shows
// what an unrounded product or math.Exp would change.
func TestTrainIsPortable(t *testing.T) {
	h := fnv.New64a()
	m := train(generate(2400), 8, 3)
	for _, w := range append(m.weights, m.bias) {
		h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(w)))
	}
	if got, want := h.Sum64(), uint64(0x849f0e5af8d9558c); got != want {
		t.Errorf("weights %#x, want %#x", got, want)
	}
}

// play runs the story with a waybill that answers as asked.
func play(t *testing.T, ctx context.Context, answer func(command string) (int, string)) (string, []string, error) {
	t.Helper()
	var ran []string
	var out strings.Builder
	err := Play(ctx, Options{Dir: t.TempDir(), Keep: true, Out: &out, Run: func(_ context.Context, _ string, args ...string) (int, string, string) {
		ran = append(ran, strings.Join(args, " "))
		code, stderr := answer(ran[len(ran)-1])
		return code, `{"stages":{"production":{"since":"2026-11-01T12:00:00Z"}}}`, stderr
	}})
	return out.String(), ran, err
}

// asTold answers as a waybill without faults would.
func asTold() func(string) (int, string) {
	checks := 0
	return func(command string) (int, string) {
		if command == "check" {
			checks++
		}
		if command == "check" && checks == 2 || command == "promote sentiment@v0.1.1 --to production" {
			return 1, ""
		}
		return 0, ""
	}
}

func TestPlay(t *testing.T) {
	// A repository of somebody else, as a hook names it, stays as it is.
	other := t.TempDir()
	t.Setenv("GIT_DIR", other)
	out, ran, err := play(t, t.Context(), asTold())
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasSuffix(out, "\ndemo: ok\n") {
		t.Errorf("ends with %q", out[max(0, len(out)-80):])
	}
	if !slices.Contains(ran, "show sentiment --as-of 2026-11-01T12:00:00Z") {
		t.Errorf("as-of does not ask for the moment before: %q", ran)
	}
	if left, _ := os.ReadDir(other); len(left) > 0 {
		t.Errorf("the caller's GIT_DIR was written to: %v", left)
	}
}

func TestPlayStops(t *testing.T) {
	out, _, err := play(t, t.Context(), func(command string) (int, string) {
		if command == "push" {
			return 4, "push: the registry is away"
		}
		return 0, ""
	})
	if err == nil || !strings.Contains(err.Error(), "exit code 4, expected 0: push: the registry is away") || strings.Contains(out, "demo: ok") {
		t.Errorf("an unexpected exit code gave %v", err)
	}
	if _, _, err := play(t, t.Context(), func(string) (int, string) { return 0, "" }); err == nil || !strings.Contains(err.Error(), "expected 1") {
		t.Errorf("a broken training that passes gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ran, err := play(t, ctx, asTold()); !errors.Is(err, context.Canceled) || len(ran) > 0 {
		t.Errorf("cancelled: %v after %q", err, ran)
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
