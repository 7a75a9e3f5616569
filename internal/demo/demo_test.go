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
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/manifest"
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
func play(t *testing.T, ctx context.Context, answer func(dir, command string) (int, string)) (string, []string, error) {
	t.Helper()
	var ran []string
	var out strings.Builder
	err := Play(ctx, Options{Dir: t.TempDir(), Keep: true, Out: &out, Run: func(_ context.Context, dir string, args ...string) (int, string, string) {
		ran = append(ran, strings.Join(args, " "))
		code, stderr := answer(dir, ran[len(ran)-1])
		return code, `{"stages":{"production":{"since":"2026-11-01T12:00:00Z"}}}`, stderr
	}})
	return out.String(), ran, err
}

// asTold answers as a waybill without faults would, and writes the deployment
// file with write.
func asTold(write func(file string, times int) error) func(dir, command string) (int, string) {
	ran := map[string]int{}
	deployed := 0
	deploy := func(dir string, code int) (int, string) {
		deployed++
		if err := write(filepath.Join(dir, "deploy", "prod", "inference.yaml"), deployed); err != nil {
			return 4, err.Error()
		}
		return code, ""
	}
	return func(dir, command string) (int, string) {
		ran[command]++
		switch {
		case command == "check" && ran[command] == 2, strings.Contains(command, "--key ../keys/ada "),
			command == "promote sentiment@v0.1.0 --to production", command == "promote sentiment@v0.1.1 --to production":
			return 1, ""
		case strings.HasPrefix(command, "promote sentiment@") && strings.Contains(command, " --to production --reason "):
			return deploy(dir, 0)
		case strings.HasPrefix(command, "rollback "):
			return deploy(dir, 3)
		}
		return 0, ""
	}
}

// oneLine writes another digest.
func oneLine(file string, times int) error {
	return os.WriteFile(file, []byte(strings.Replace(deployYAML, strings.Repeat("0", 64), fmt.Sprintf("%064d", times), 1)), 0o644)
}

func TestPlay(t *testing.T) {
	// A repository of somebody else, as a hook names it, stays as it is.
	other := t.TempDir()
	t.Setenv("GIT_DIR", other)
	out, ran, err := play(t, t.Context(), asTold(oneLine))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasSuffix(out, "\ndemo: ok\n") {
		t.Errorf("ends with %q", out[max(0, len(out)-80):])
	}
	if !slices.Contains(ran, "show sentiment --as-of 2026-11-01T12:00:00Z") {
		t.Errorf("as-of does not ask for the moment before: %q", ran)
	}
	if !slices.Contains(ran, "who sentiment#production --as-of 2026-11-01T12:00:00Z") {
		t.Errorf("who let the bad version in is not asked: %q", ran)
	}
	if left, _ := os.ReadDir(other); len(left) > 0 {
		t.Errorf("the caller's GIT_DIR was written to: %v", left)
	}
}

func TestPlayStops(t *testing.T) {
	out, _, err := play(t, t.Context(), func(_, command string) (int, string) {
		if command == "push" {
			return 4, "push: the registry is away"
		}
		return 0, ""
	})
	if err == nil || !strings.Contains(err.Error(), "exit code 4, expected 0: push: the registry is away") || strings.Contains(out, "demo: ok") {
		t.Errorf("an unexpected exit code gave %v", err)
	}
	if _, _, err := play(t, t.Context(), func(string, string) (int, string) { return 0, "" }); err == nil || !strings.Contains(err.Error(), "expected 1") {
		t.Errorf("a self-approval that counts gave %v", err)
	}
	told := asTold(oneLine)
	if _, _, err := play(t, t.Context(), func(dir, command string) (int, string) {
		if command == "check" {
			return 0, ""
		}
		return told(dir, command)
	}); err == nil || !strings.Contains(err.Error(), "\"waybill check\" ended with exit code 0, expected 1") {
		t.Errorf("a broken training that passes gave %v", err)
	}
	for lines, write := range map[int]func(string, int) error{
		0: func(string, int) error { return nil },
		2: func(file string, times int) error {
			return os.WriteFile(file, []byte(strings.ReplaceAll(deployYAML, "sentiment", fmt.Sprint("s", times))), 0o644)
		},
	} {
		want := fmt.Sprintf("the deployment file changed in %d lines, expected 1", lines)
		if _, _, err := play(t, t.Context(), asTold(write)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ran, err := play(t, ctx, asTold(oneLine)); !errors.Is(err, context.Canceled) || len(ran) > 0 {
		t.Errorf("cancelled: %v after %q", err, ran)
	}
}

// TestKeys holds that ssh would take the keys, and that each is of its owner.
func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	lines, err := makeKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	signers, err := approval.ParseSigners(approval.SignersFile, lines)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := manifest.NewParser(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	project, err := parser.Project("waybill.yaml", []byte(projectYAML))
	if err != nil {
		t.Fatal(err)
	}
	people, err := approval.NewDirectory(project.People, signers)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != len(team) {
		t.Errorf("%d files, want the private keys of %q alone", len(entries), team)
	}
	for _, login := range team {
		name := filepath.Join(dir, login)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParsePrivateKey(data)
		if err != nil {
			t.Fatal(err)
		}
		if owner, err := people.Owner(key.PublicKey(), time.Now()); err != nil || owner.Login != login {
			t.Errorf("key of %s: owner %q, %v", login, owner.Login, err)
		}
		if p, ok := people.Person(login + "@example.com"); !ok || p.Login != login {
			t.Errorf("address of %s is that of %q", login, p.Login)
		}
		if info, err := os.Stat(name); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
			t.Errorf("%s: mode %v, %v; ssh wants 0600", name, info.Mode(), err)
		}
	}
}

func TestClip(t *testing.T) {
	if got := clip(strings.Repeat("x\n", 21)); strings.Count(got, "x") != 21 {
		t.Errorf("21 lines were clipped: %q", got)
	}
	if got := clip(strings.Repeat("x\n", 22)); strings.Count(got, "x") != 20 || !strings.HasSuffix(got, "\n… and 2 more lines\n") {
		t.Errorf("22 lines became %q", got)
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
