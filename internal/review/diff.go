package review

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/changes"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/report"
)

// diff compares with the base. What cannot be compared, because the registry
// does not have it any more, is a warning: it decides nothing.
func (t *teller) diff(ctx context.Context, a *Artifact, sub subject, target check.Target) error {
	if sub.change == Added {
		if n := len(target.Files); n > 0 {
			a.Headline = "new: " + report.Count(int64(n), "file")
		}
		return nil
	}
	lock, err := t.w.LockAt(t.o.Base, sub.base)
	if errors.Is(err, fs.ErrNotExist) {
		a.Headline = "the base has no lock of it to compare with"
		return nil
	}
	if err == nil {
		a.From = lock.ContentDigest
		if sub.change == Dependent || a.To == "" || lock.ContentDigest == a.To {
			if sub.change != Dependent && a.To != "" {
				a.Headline = "the same content"
			}
			return nil
		}
		err = t.compare(ctx, a, sub, target, func() (changes.Side, error) { return changes.Locked(ctx, t.w, sub.base, lock, "the base") })
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	f := finding("review.diff", a.Name, sub.head.Pos.Location())
	f.Severity, f.Verdict, f.Message = report.Warning, report.Inconclusive, "it could not be compared with the base: "+err.Error()
	a.Findings = append(a.Findings, f)
	return nil
}

func (t *teller) compare(ctx context.Context, a *Artifact, sub subject, target check.Target, base func() (changes.Side, error)) error {
	from, err := base()
	if err != nil {
		return err
	}
	to := changes.Side{Artifact: sub.head, Files: target.Files, Dir: target.Dir}
	to.Reference, to.ContentDigest = "this change", target.Content
	if target.Lock != nil && target.Lock.ContentDigest == target.Content {
		to.Metrics, to.Encoding = target.Lock.Metrics, target.Lock.Encoding.Digest
	}
	d, err := changes.Compare(ctx, t.w, from, to, changes.Options{})
	if err != nil {
		return err
	}
	a.Headline, a.Diff = headline(d), d.Sections()
	if d.Data != nil {
		return d.Data.Problem()
	}
	return nil
}

// headline is the difference in a line.
func headline(d *changes.Diff) string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if d.Data != nil {
		var added, removed, changed int64
		var columns []string
		for _, name := range slices.Sorted(maps.Keys(d.Data.Splits)) {
			s := d.Data.Splits[name]
			added, removed, changed = added+s.Rows.Added, removed+s.Rows.Removed, changed+s.Rows.Changed
			for _, c := range s.Schema.Added {
				columns = append(columns, "+"+c.Name)
			}
			for _, c := range s.Schema.Removed {
				columns = append(columns, "−"+c.Name)
			}
			for _, c := range s.Schema.Changed {
				columns = append(columns, c.Name+": "+c.From+" → "+c.To)
			}
		}
		for _, n := range []struct {
			n    int64
			sign string
		}{{added, "+"}, {removed, "−"}, {changed, "±"}} {
			if n.n > 0 {
				say("%s%s", n.sign, report.Count(n.n, "row"))
			}
		}
		slices.Sort(columns)
		if columns = slices.Compact(columns); len(columns) > 0 {
			say("columns %s", some(columns, 3))
		}
	}
	if m := d.Model; m != nil {
		if n := len(m.Tensors.Changed) + len(m.Tensors.Reshaped) + len(m.Tensors.Retyped); n > 0 {
			say("%s changed", report.Count(int64(n), "tensor"))
		}
		if m.Parameters.From != m.Parameters.To {
			say("%s → %s parameters", report.Thousands(m.Parameters.From), report.Thousands(m.Parameters.To))
		}
		if n := len(m.Interface); n > 0 {
			say("%s of the interface", report.Count(int64(n), "break"))
		}
	}
	for _, m := range d.Metrics[:min(len(d.Metrics), 2)] {
		if m.Pair.From != nil && m.Pair.To != nil {
			say("%s %s → %s", m.Name, short(*m.Pair.From), short(*m.Pair.To))
		}
	}
	if len(parts) == 0 {
		f := &d.Files
		say("%s", report.Count(int64(len(f.Added)+len(f.Removed)+len(f.Changed)+len(f.Moved)), "file")+" changed")
	}
	return strings.Join(parts, ", ")
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// some names the first of a list and counts the others.
func some(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
