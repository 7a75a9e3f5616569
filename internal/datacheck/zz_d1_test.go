//go:build unix

package datacheck

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/table"
)

func TestZZ(t *testing.T) {
	p := os.Getenv("D1FILE")
	if p == "" {
		t.Skip()
	}
	if os.Getenv("D1HEAP") != "" {
		go func() {
			var best uint64
			for i := 0; ; i++ {
				time.Sleep(50 * time.Millisecond)
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				if m.HeapInuse > best*11/10 {
					best = m.HeapInuse
					f, _ := os.Create("/tmp/d1/heap.prof")
					pprof.Lookup("heap").WriteTo(f, 0)
					f.Close()
					fmt.Println(m.HeapInuse>>20, m.Sys>>20)
				}
			}
		}()
	}
	yaml, err := os.ReadFile("/work/main/internal/datacheck/testdata/bench/dataset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a := parse(t, string(yaml))
	start := time.Now()
	if _, _, err := Run(context.Background(), a, map[string][]table.File{"": {{Name: p, Path: p}}}, Options{}); err != nil {
		t.Fatal(err)
	}
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	fmt.Printf("cpu %.2f rss %d MiB wall %.1f\n", float64(u.Utime.Nano()+u.Stime.Nano())/1e9, u.Maxrss>>10, time.Since(start).Seconds())
}
