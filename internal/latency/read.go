package latency

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// Units are the units that recordings of others may have, in seconds.
var units = map[string]float64{"": 1, "s": 1, "ms": 1e-3, "us": 1e-6}

// Read reads a recording: a table (CSV, JSON lines, Parquet, Arrow) with the
// columns command, round and seconds, and exit where failed runs are to be told;
// or a table or text file with one column, the times of the candidate alone.
// unit says in what that one column is: s (also ""), ms or us.
//
// What is wrong with the contents is a *table.DataError that names the line, or
// the row where there are no lines.
func Read(ctx context.Context, f table.File, unit string) (*Samples, error) {
	scale, known := units[unit]
	if !known {
		return nil, fmt.Errorf("unit %q: expected s, ms or us", unit)
	}
	rd := &reader{file: f.Name, scale: scale, seen: map[run]bool{}, out: &Samples{}}
	var err error
	if table.Format(f.Name) == "" {
		err = rd.text(ctx, f.Path)
	} else {
		err = rd.table(ctx, f)
	}
	if err == nil && len(rd.out.Rows) == 0 {
		err = rd.fault(0, "has no runs")
	}
	if err != nil {
		return nil, err
	}
	return rd.out, nil
}

type run struct {
	command string
	round   int64
}

type reader struct {
	file  string
	scale float64
	seen  map[run]bool
	out   *Samples
}

func (r *reader) fault(line int64, format string, args ...any) error {
	return &table.DataError{File: r.file, Line: line, Reason: fmt.Sprintf(format, args...)}
}

// text reads a file with a number a line; empty lines and those that begin with
// # are left out.
func (r *reader) text(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		if system := new(fs.PathError); errors.As(err, &system) {
			err = system.Err
		}
		return fmt.Errorf("open %s: %w", r.file, err)
	}
	defer f.Close()
	r.out.Alone = true
	lines := bufio.NewScanner(f)
	for n := int64(1); lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read %s: %w", r.file, err)
		}
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if err := r.single(n, n, text); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return r.fault(0, "has a line too long for a number; expected one number a line, or a table (.csv, .jsonl, .parquet)")
	case err != nil:
		return fmt.Errorf("read %s: %w", r.file, err)
	}
	return nil
}

// single adds a run of the candidate in a recording without rounds.
func (r *reader) single(line, row int64, text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return r.fault(line, "%s: expected a number", quoted(text))
	}
	return r.add(line, Sample{Command: Candidate, Round: int64(len(r.out.Rows)), Seconds: v * r.scale}, row)
}

func (r *reader) table(ctx context.Context, f table.File) error {
	in, err := table.Open(ctx, f, table.Options{})
	if err != nil {
		return err
	}
	defer in.Close()
	schema := in.Schema()
	if len(schema) == 1 && schema[0].Name != "command" {
		r.out.Alone = true
		// A file without a header: its first line is a time too.
		if _, err := strconv.ParseFloat(schema[0].Name, 64); err == nil {
			if err := r.single(1, 1, schema[0].Name); err != nil {
				return err
			}
		}
	} else {
		for _, name := range []string{"command", "round", "seconds"} {
			if schema.Index(name) < 0 {
				return r.fault(0, "has no column %q; a recording has command, round and seconds, or is one column of times", name)
			}
		}
	}
	for {
		b, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Rows {
			if err := r.row(b, i); err != nil {
				return err
			}
		}
	}
}

func (r *reader) row(b *table.Batch, i int) error {
	line, row := int64(0), b.Row(i)
	if b.Lines != nil {
		line = b.Lines[i]
	}
	if r.out.Alone {
		v, ok := b.Columns[0].Float(i)
		if !ok {
			return r.fault(line, "row %d: %s: expected a number", row, quoted(b.Columns[0].Text(i)))
		}
		return r.add(line, Sample{Command: Candidate, Round: int64(len(r.out.Rows)), Seconds: v * r.scale}, row)
	}
	s := Sample{Command: b.Column("command").Text(i)}
	if names := []string{Candidate, Baseline, Again}; !slices.Contains(names, s.Command) {
		hint := ""
		if near := ref.Nearest(s.Command, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return r.fault(line, "row %d: command %s: expected candidate, baseline or baseline2%s", row, quoted(s.Command), hint)
	}
	round, ok := b.Column("round").Float(i)
	if !ok || round != math.Trunc(round) || !(round >= 0 && round < 1<<53) {
		return r.fault(line, "row %d: round %s: expected a whole number, at least 0", row, quoted(b.Column("round").Text(i)))
	}
	s.Round = int64(round)
	if s.Seconds, ok = b.Column("seconds").Float(i); !ok {
		return r.fault(line, "row %d: seconds %s: expected a number", row, quoted(b.Column("seconds").Text(i)))
	}
	if c := b.Column("exit"); c != nil && !c.Null(i) {
		exit, ok := c.Float(i)
		if !ok || exit != math.Trunc(exit) || math.Abs(exit) > math.MaxUint32 {
			return r.fault(line, "row %d: exit %s: expected an exit code", row, quoted(c.Text(i)))
		}
		s.Exit = int(int64(exit))
	}
	if key := (run{s.Command, s.Round}); r.seen[key] {
		return r.fault(line, "row %d: the %s ran in round %d before", row, s.Command, s.Round)
	} else if len(r.out.Rows) < MaxSamples {
		r.seen[key] = true
	}
	return r.add(line, s, row)
}

// add takes a run whose time makes sense.
func (r *reader) add(line int64, s Sample, row int64) error {
	switch {
	case !(s.Seconds >= minSeconds && s.Seconds <= MaxSeconds):
		return r.fault(line, "row %d: %s s: expected a time above 0 and up to %s s", row,
			strconv.FormatFloat(s.Seconds, 'g', -1, 64), report.Thousands(int64(MaxSeconds)))
	case len(r.out.Rows) >= MaxSamples:
		return r.fault(line, "has more than %s runs", report.Thousands(MaxSamples))
	}
	r.out.Rows = append(r.out.Rows, s)
	return nil
}

// quoted shows a piece of a file, shortened.
func quoted(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strconv.Quote(s)
}
