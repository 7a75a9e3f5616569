package datacheck

import (
	"context"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// TestOneUnit: a file that one worker reads is looked at by all of them, with
// the findings of one.
func TestOneUnit(t *testing.T) {
	rows := someReviews(4000)
	head, _, _ := strings.Cut(reviewChecks, "checks:")
	for _, yaml := range []string{reviewChecks, head + "checks:" + moreChecks} {
		a := parse(t, yaml)
		for _, name := range []string{"data.csv.gz", "data.jsonl"} {
			file := store(t, filepath.Join(t.TempDir(), name), rows)
			check := func(workers int) []report.Finding {
				findings, _, err := Run(context.Background(), a, map[string][]table.File{"": {file}}, Options{Workers: workers, Samples: manifest.SamplesFull, TempDir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				return findings
			}
			if got, want := check(4), check(1); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the findings of four workers differ:\n%+v\nwant\n%+v", name, got, want)
			}
		}
	}
}
