package datacheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// againstCase is checks of a dataset and what they say, one finding a line.
type againstCase struct{ checks, want string }

// againstRun says how runAgainst runs.
type againstRun struct {
	shards   bool // every row but the header is a file of its own
	profiles bool // of the other data
	samples  manifest.Samples
	history  []Past
}

// runAgainst runs checks over the files of an archive, of which dataset.yaml
// has no checks and baseline/ is an earlier version.
func runAgainst(t *testing.T, archive, checks string, how againstRun) (out string, fetched []string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var a *manifest.Artifact
	for _, f := range txtar.Parse([]byte(archive)).Files {
		text := string(f.Data)
		switch {
		case f.Name == "dataset.yaml":
			if how.shards {
				text = strings.ReplaceAll(text, ".csv", "-*.csv")
			}
			a = parse(t, text+"checks:\n"+checks)
		case how.shards && strings.HasSuffix(f.Name, ".csv"):
			lines := strings.SplitAfter(text, "\n")
			write(strings.TrimSuffix(f.Name, ".csv")+"-000.csv", lines[0])
			for i, line := range lines[1:] {
				if line != "" {
					write(fmt.Sprintf("%s-%03d.csv", strings.TrimSuffix(f.Name, ".csv"), i+1), lines[0]+line)
				}
			}
		default:
			write(f.Name, text)
		}
	}
	f := &folders{t: t, a: a, dir: dir, profiles: how.profiles, history: how.history}
	opts := Options{Samples: how.samples, Baselines: f, TempDir: dir, Workers: 1, Now: func() time.Time { return time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC) }}
	if how.shards {
		opts.Workers, opts.Memory = 4, 1
	}
	findings, _, err := Run(context.Background(), a, expand(t, a, dir), opts)
	if err != nil {
		return "error: " + err.Error(), nil
	}
	var lines []string
	for _, f := range findings {
		if f.Check != Readable && f.Check != schemaRule.ID {
			lines = append(lines, fmt.Sprintf("%s [%s] %s", f.Verdict, f.Subject, f.Message))
		}
	}
	return strings.Join(lines, "\n"), f.fetched
}

// testAgainst runs cases over the files as they are and in shards.
func testAgainst(t *testing.T, archive string, cases []againstCase, how againstRun) {
	t.Helper()
	places := regexp.MustCompile(`(; )?[a-z]+(-[0-9]+)?[.]csv rows? [0-9]+(, [0-9]+)*`)
	for _, c := range cases {
		whole, _ := runAgainst(t, archive, "  - "+c.checks+"\n", how)
		if whole != c.want && !(strings.HasPrefix(c.want, "error: ") && strings.HasPrefix(whole, c.want)) {
			t.Errorf("%s:\n%s\nwant\n%s", c.checks, whole, c.want)
		}
		if strings.HasPrefix(whole, "error: ") {
			continue
		}
		shards := how
		shards.shards = true
		if got, _ := runAgainst(t, archive, "  - "+c.checks+"\n", shards); places.ReplaceAllString(got, "") != places.ReplaceAllString(whole, "") {
			t.Errorf("%s, in shards:\n%s\nwant\n%s", c.checks, got, whole)
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
