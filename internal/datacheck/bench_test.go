//go:build unix

package datacheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

// cpu reports the processor time of a benchmark beside the wall time, which
// says little on a busy machine.
func cpu(b *testing.B, bytes int64, run func()) {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run()
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	used := float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()) / 1e9
	b.ReportMetric(1000*used/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(bytes)*float64(b.N)/1e6/used, "MB/cpu-s")
}

func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct {
		name string
		rows int
	}{{"data.csv", 10_000}, {"data.csv", 500_000}, {"data.jsonl", 500_000}, {"data.parquet", 500_000}} {
		file := store(b, filepath.Join(b.TempDir(), c.name), someReviews(c.rows))
		info, err := os.Stat(file.Path)
		if err != nil {
			b.Fatal(err)
		}
		head, _, _ := strings.Cut(reviewChecks, "checks:")
		for name, yaml := range map[string]string{"columns": head, "all": reviewChecks, "more": head + "checks:" + moreChecks} {
			b.Run(fmt.Sprintf("%s/%d/%s", c.name, c.rows, name), func(b *testing.B) {
				a := parse(b, yaml)
				cpu(b, info.Size(), func() {
					if _, _, err := Run(context.Background(), a, map[string][]table.File{"": {file}}, Options{}); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
