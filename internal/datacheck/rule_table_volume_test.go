package datacheck

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

// volumes are the rows of versions, the newest first.
func volumes(rows ...int64) (out []Past) {
	for i, n := range rows {
		out = append(out, Past{Version: "v1." + string(rune('9'-i)) + ".0", Rows: map[string]int64{"train": n, "test": 1}})
	}
	return out
}

func TestTableVolume(t *testing.T) {
	files := strings.ReplaceAll(growthFiles, "10,a\n11,a\n", "10,a\n") // 9 and 1 rows
	for _, c := range []struct {
		history []Past
		againstCase
	}{
		// Growths 1/7, 1/6, 1/5, 1/4: the median is 0.183333, the MAD 0.0285714 and
		// the score of 1/8 0.6745 * (0.125 - 0.1833333) / 0.0285714. From Python's
		// statistics.median, of [1/7, 1/6, 1/5, 1/4] and of the distances to it:
		// MAD = median([.0404762, .0166667, .0166667, .0666667]) = 0.0285714.
		{volumes(8, 7, 6, 5, 4), againstCase{`{check: table.volume, split: train}`,
			"PASS [in train] train: there are 9 rows, 12.5 % more than in v1.9.0; the 5 versions before usually had 18.3 % more than their predecessors (robust z-score -1.377)"}},
		{volumes(8, 7, 6, 5, 4), againstCase{`{check: table.volume, split: train, factor: 1}`,
			"FAIL [in train] train: there are 9 rows, 12.5 % more than in v1.9.0; the 5 versions before usually had 18.3 % more than their predecessors (robust z-score -1.377)"}},
		// Versions of equal size: changes below 3.5 % are no news.
		{volumes(20, 20, 20, 20), againstCase{`{check: table.volume, split: train}`,
			"FAIL [in train] train: there are 9 rows, 55 % fewer than in v1.9.0; the 4 versions before usually had 0 % more than their predecessors (robust z-score -55)"}},
		{volumes(9, 9, 9, 9), againstCase{`{check: table.volume}`,
			"PASS [] there are 10 rows, 0 % more than in v1.9.0; the 4 versions before usually had 0 % more than their predecessors (robust z-score 0)"}},
		{volumes(9, 9, 9), againstCase{`{check: table.volume}`, "INCONCLUSIVE [] the rows of 3 earlier versions are known, 4 are needed"}},
		{volumes(9, 9, 9), againstCase{`{check: table.volume, firstRelease: allow}`, "PASS [] the rows of 3 earlier versions are known, 4 are needed; the check allows it"}},
		{volumes(0, 0, 0, 0), againstCase{`{check: table.volume, split: train}`, "INCONCLUSIVE [in train] train: the growth is not known: earlier versions had no rows"}},
		{volumes(9, 9, 9, 9, 9), againstCase{`{check: table.volume, versions: 3}`, "error: dataset.yaml:8:5: table.volume: versions 3 is not between 4 and 1000"}},
		{volumes(9, 9, 9, 9, 9), againstCase{`{check: table.volume, factor: 0}`, "error: dataset.yaml:8:5: table.volume: factor 0 is not above 0"}},
		{volumes(9, 9, 9, 9, 9), againstCase{`{check: table.volume, where: n > 3}`, "error: dataset.yaml:8:5: table.volume does not take where"}},
	} {
		testAgainst(t, files, []againstCase{c.againstCase}, againstRun{history: c.history})
	}
}

// A registry that does not answer leaves the check INCONCLUSIVE, and without a
// repository no version is known.
func TestTableVolumeUnknown(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/train.csv", "n\n1\n")
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [train.csv]\nchecks:\n  - {check: table.volume}\n")
	for want, baselines := range map[string]Baselines{
		"the rows of 0 earlier versions are known, 4 are needed":                               nil,
		"cannot be compared with earlier versions: registry.example: connection refused\uFFFD": noAnswer{},
	} {
		findings, _, err := Run(context.Background(), a, expand(t, a, dir), Options{Baselines: baselines})
		if err != nil {
			t.Fatal(err)
		}
		if f := findings[len(findings)-1]; f.Verdict != report.Inconclusive || f.Message != want {
			t.Errorf("%+v, want %s", f, want)
		}
	}
}

type noAnswer struct{}

func (noAnswer) Baseline(context.Context, Against) (*Baseline, error) { return nil, errors.New("no") }

func (noAnswer) History(context.Context, int) ([]Past, error) {
	return nil, errors.New("registry.example: connection refused\n")
}
