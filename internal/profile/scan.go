package profile

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/table"
)

// Shard is the Index-th (from 1) of Count shares of the rows. The zero value
// is all of them.
type Shard struct{ Index, Count int }

// ParseShard reads i/n.
func ParseShard(s string) (Shard, error) {
	index, count, _ := strings.Cut(s, "/")
	i, err := strconv.Atoi(index)
	n, err2 := strconv.Atoi(count)
	if err != nil || err2 != nil || i < 1 || i > n || n > maxFiles {
		return Shard{}, fmt.Errorf("shard %q: expected i/n with i from 1 to n, such as 2/4", s)
	}
	return Shard{i, n}, nil
}

func (s Shard) String() string { return strconv.Itoa(s.Index) + "/" + strconv.Itoa(s.Count) }

// ScanOptions say how to scan. The zero value is all rows on all cores.
type ScanOptions struct {
	Shard   Shard
	Workers int // 0: as many as there are cores
}

// unit is parts of a file that one worker reads.
type unit struct {
	file  int
	parts table.Range
}

// unitsPerScan is into how many units the data is cut at most, besides its
// files. It does not depend on the workers, so neither does what is found.
const unitsPerScan = 32

// Scan summarizes files in one pass. The shards of the same files together
// are the whole; a share is cut at table.Parts.
func Scan(ctx context.Context, files []table.File, opts ScanOptions) (*Summary, error) {
	files = slices.Clone(files)
	units, err := makeUnits(ctx, files, opts.Shard)
	if err != nil {
		return nil, err
	}
	workers := opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if len(units) == 1 { // as most files of many small ones are
		return readUnit(ctx, files[units[0].file], units[0], workers)
	}
	atOnce := min(2*workers, len(units))
	if atOnce > 1 {
		if atOnce, err = summariesAtOnce(ctx, files[units[0].file], atOnce); err != nil {
			return nil, err
		}
	}
	total := NewSummary()
	// Merged in their order, whichever is ready first, so that of several errors
	// it is always the same one that is returned. A unit begins when one before
	// it is merged, so that few summaries are held at a time.
	type result struct {
		*Summary
		err error
	}
	done := make([]chan result, len(units))
	for i := range done {
		done[i] = make(chan result, 1)
	}
	ahead := make(chan struct{}, atOnce)
	g, ctx := errgroup.WithContext(ctx)
	var next sync.Mutex
	started := 0
	readers := min(workers, atOnce)
	for range readers {
		g.Go(func() error {
			for {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
					return ctx.Err()
				}
				next.Lock()
				i := started
				started++
				next.Unlock()
				if i >= len(units) {
					return nil
				}
				s, err := readUnit(ctx, files[units[i].file], units[i], workers/readers)
				done[i] <- result{s, err}
				if err != nil {
					return nil // what comes later does not count
				}
			}
		})
	}
	g.Go(func() error {
		for i := range units {
			select {
			case s := <-done[i]:
				if s.err != nil {
					return s.err
				}
				total.Merge(s.Summary)
				<-ahead
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return total, nil
}

// columnsAtOnce is how many columns are held besides those of the whole, unless
// a table has more.
const columnsAtOnce = 2 * fullColumns

// summariesAtOnce is how many units may be held at a time: at most most, fewer
// of wide tables. Files mostly have the columns of the first. What is found does
// not depend on it.
func summariesAtOnce(ctx context.Context, first table.File, most int) (int, error) {
	r, err := table.Open(ctx, first, table.Options{Columns: []string{}})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return max(1, min(most, columnsAtOnce/max(1, len(r.Schema())))), nil
}

// makeUnits indexes the files, cuts their parts into units, and leaves those of
// the shard.
func makeUnits(ctx context.Context, files []table.File, shard Shard) ([]unit, error) {
	parts, total := make([]int, len(files)), 0
	for i, f := range files {
		f, err := table.Index(ctx, f)
		if err != nil {
			return nil, err
		}
		files[i] = f
		n, err := table.Parts(ctx, f)
		if err != nil {
			return nil, err
		}
		parts[i] = n
		total += max(n, 1) // a file without rows still has columns
	}
	from, to := 0, total
	if shard.Count > 0 {
		from, to = total*(shard.Index-1)/shard.Count, total*shard.Index/shard.Count
	}
	step := 1 + (to-from)/unitsPerScan
	var out []unit
	first := 0 // of this file, among the parts of all
	for i, n := range parts {
		n = max(n, 1)
		for at := max(from-first, 0); at < min(to-first, n); at += step {
			out = append(out, unit{i, table.Range{From: at, To: min(at+step, to-first, n)}})
		}
		first += n
	}
	return out, nil
}

// readUnit summarizes a unit, its columns with so many workers.
func readUnit(ctx context.Context, f table.File, u unit, workers int) (*Summary, error) {
	r, err := table.Open(ctx, f, table.Options{File: u.file, Parts: u.parts})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := NewSummary()
	s.AddSchema(r.Schema())
	if len(s.columns) > columnsAtOnce && table.Format(f.Name) == ".parquet" {
		return s, s.readWide(ctx, f, u, max(workers, 1))
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		s.Observe(b, workers)
	}
}

// Of a wide file so many columns are read at a time, by so many workers. The
// former decides how rows are cut into batches, hence does not depend on the
// workers.
const (
	columnsPerRead = 128
	readsAtOnce    = 4
)

// readWide reads some columns at a time: the pages and dictionaries that stand
// for a batch would fill the memory, were they of all columns of a wide file.
func (s *Summary) readWide(ctx context.Context, f table.File, u unit, workers int) error {
	var groups [][]string
	for i, c := range s.columns {
		if i%columnsPerRead == 0 {
			groups = append(groups, nil)
		}
		last := &groups[len(groups)-1]
		*last = append(*last, c.name)
	}
	rows, failed := make([]int64, len(groups)), make([]error, len(groups))
	var g errgroup.Group
	g.SetLimit(min(workers, readsAtOnce))
	for i, names := range groups {
		g.Go(func() error {
			rows[i], failed[i] = s.readColumns(ctx, f, u, names)
			return nil
		})
	}
	g.Wait()
	s.Rows += rows[0]
	return cmp.Or(failed...) // of several always the same one
}

// readColumns reads some columns of a unit, and returns how many rows it has.
func (s *Summary) readColumns(ctx context.Context, f table.File, u unit, names []string) (rows int64, err error) {
	r, err := table.Open(ctx, f, table.Options{Columns: names, File: u.file, Parts: u.parts})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += int64(b.Rows)
		s.observe(b, 1)
	}
}
