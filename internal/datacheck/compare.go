package datacheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// compared is the other side of one check's comparison.
type compared struct {
	name string
	// facts of a profile, which has no groups; nil when the data was read.
	profiled *Facts
	run      *run
	set      *set
	index    int // of the check in set
	history  []Past
}

// join gives the facts of a group what it is compared with.
func (c *compared) join(with *Comparison, group string, f *Facts) error {
	if with.History > 0 {
		f.History = c.history
		return nil
	}
	if with.Whole {
		group = ""
	}
	var err error
	if f.Baseline, err = c.facts(group); err == nil && with.Join != nil {
		f.Joined, err = with.Join(*f)
	}
	return err
}

// facts returns what is known of a group of the other data.
func (c *compared) facts(group string) (*Facts, error) {
	if c.profiled != nil {
		return c.profiled, nil
	}
	g := c.set.total.groups[group]
	if g == nil {
		g = c.set.observe(nil).group(group)
	}
	if g.facts == nil {
		var err error
		if g.facts, err = g.profile.Profile(); err != nil {
			return nil, err
		}
	}
	schema, _ := c.run.schemaOf(c.set.splits)
	return &Facts{
		Rows: g.rows, Profile: g.facts, Check: g.checks[c.index], Schema: schema, Name: c.name,
		files: c.run.list, splitOf: c.run.splitOf, samples: c.run.opts.Samples,
	}, nil
}

// baselines looks up what the checks compare with, and observes what must be
// read of it. Checks that cannot be compared are settled: a registry that does
// not answer leaves them INCONCLUSIVE.
func (r *run) baselines(ctx context.Context, checks []*bound, sets []*set, spill *profile.Spill) error {
	type found struct {
		*Baseline
		err    error
		checks []*bound // for which its rows must be read
	}
	var order []*found
	known := map[Against]*found{}
	for _, c := range checks {
		if c.plan.Compare == nil || c.plan.Judge == nil {
			continue
		}
		if c.plan.Compare.History > 0 {
			if err := r.history(ctx, c); err != nil {
				return err
			}
			continue
		}
		with := c.plan.Compare.With
		f := known[with]
		if f == nil {
			b, err := r.baseline(ctx, with)
			f = &found{Baseline: b, err: err}
			known[with] = f
			order = append(order, f)
		}
		ok := false
		if f.err == nil {
			ok, f.err = r.compareProfile(ctx, c, f.Baseline, sets)
		}
		if !ok {
			f.checks = append(f.checks, c)
		}
	}
	for _, f := range order {
		if f.err == nil && len(f.checks) > 0 {
			f.err = r.compareRows(ctx, f.Baseline, f.checks, spill)
		}
		if f.err == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, c := range f.checks {
			c.settle(noBaseline(c, f.err))
		}
	}
	return nil
}

func (r *run) baseline(ctx context.Context, with Against) (*Baseline, error) {
	if r.opts.Baselines == nil {
		return nil, fmt.Errorf("%s: %w: this dataset is checked without its repository", with, ErrNoBaseline)
	}
	return r.opts.Baselines.Baseline(ctx, with)
}

// history looks up the earlier versions that a check looks at.
func (r *run) history(ctx context.Context, c *bound) error {
	c.other = &compared{}
	if r.opts.Baselines == nil {
		return nil
	}
	var err error
	if c.other.history, err = r.opts.Baselines.History(ctx, c.plan.Compare.History); err == nil {
		return nil
	}
	c.settle(report.Finding{
		Verdict: report.Inconclusive, Subject: c.subject(), Expected: "earlier versions to compare with", Observed: "none",
		Message: "cannot be compared with earlier versions: " + escapeLong(err.Error()),
	})
	return ctx.Err()
}

// settle decides a check without its rows.
func (b *bound) settle(f report.Finding) {
	b.settled, b.plan.Judge = []report.Finding{f}, nil
}

func noBaseline(c *bound, err error) report.Finding {
	with := escape(c.plan.Compare.With.String())
	f := report.Finding{
		Verdict: report.Inconclusive, Subject: c.subject(), Expected: "data to compare with", Observed: "none",
		Message: fmt.Sprintf("cannot be compared with %s: %s", with, escapeLong(err.Error())),
	}
	switch {
	case !errors.Is(err, ErrNoBaseline):
	case c.plan.Compare.FirstRelease == "allow":
		f.Verdict, f.Message = report.Pass, fmt.Sprintf("there is no %s yet, and the check allows a first release", with)
	default:
		f.Hint = "a first release needs \"firstRelease: allow\" in the check"
	}
	return f
}

// splitsOf are those of the baseline with which a check compares.
func splitsOf(b *Baseline, c *bound) []string {
	if b.Splits != nil || c.plan.Compare.Whole {
		return b.Splits
	}
	return c.spec.Splits
}

// compareProfile tries to make do with a profile of the baseline.
func (r *run) compareProfile(ctx context.Context, c *bound, b *Baseline, sets []*set) (bool, error) {
	if c.plan.Compare.Profiled == nil || c.plan.Filter.key() != (&Filter{}).key() || b.Profile == nil {
		return false, nil
	}
	d, err := b.Profile(ctx, splitsOf(b, c))
	if err != nil || d == nil {
		return false, err
	}
	current, err := r.factsOf(c, sets)
	if err != nil {
		return false, err
	}
	facts, ok := c.plan.Compare.Profiled(d, current)
	if ok {
		facts.Name = b.Name
		facts.samples = r.opts.Samples
		c.other = &compared{name: b.Name, profiled: &facts}
	}
	return ok, nil
}

// factsOf is what was observed for a check without groups.
func (r *run) factsOf(c *bound, sets []*set) (Facts, error) {
	for _, s := range sets {
		if i := slices.Index(s.checks, c); i >= 0 {
			return r.facts(c, s, i, s.total.group(""))
		}
	}
	return Facts{}, nil
}

// compareRows reads the rows of a baseline, once for all checks.
func (r *run) compareRows(ctx context.Context, b *Baseline, checks []*bound, spill *profile.Spill) error {
	files, err := b.Files(ctx)
	if err != nil {
		return err
	}
	o := newRun(r.artifact, files, r.opts)
	if err := o.open(ctx); err != nil {
		return err
	}
	var plans []*bound
	for _, c := range checks {
		p, finding := o.bindOther(c, b)
		if finding != nil {
			c.settle(*finding)
			continue
		}
		plans = append(plans, p)
	}
	sets, err := o.scan(ctx, plans, spill)
	if err != nil {
		return err
	}
	at := 0
	for _, c := range checks {
		if c.plan.Judge == nil {
			continue // settled
		}
		p := plans[at]
		at++
		if file := o.unread(o.chosen(p.plan.Splits)); file != "" {
			c.settle(cannotCompare(c, b, fmt.Sprintf("%s there cannot be read", escape(file))))
			continue
		}
		for _, s := range sets {
			if i := slices.Index(s.checks, p); i >= 0 {
				c.other = &compared{name: b.Name, run: o, set: s, index: i}
				if s.total.crowded {
					c.settle(cannotCompare(c, b, fmt.Sprintf("there are more than %s groups in it", report.Thousands(maxGroups))))
				} else if s.total.filter.errors > 0 {
					c.settle(cannotCompare(c, b, "its condition cannot be evaluated for some of the rows there"))
				}
			}
		}
	}
	return nil
}

// bindOther makes the plan of the other side of c.
func (r *run) bindOther(c *bound, b *Baseline) (*bound, *report.Finding) {
	splits := splitsOf(b, c)
	fail := func(reason string) (*bound, *report.Finding) {
		f := cannotCompare(c, b, reason)
		return nil, &f
	}
	for _, s := range splits {
		if _, ok := r.files[s]; !ok {
			return fail(fmt.Sprintf("it has no split %q", s))
		}
	}
	if len(r.list) == 0 {
		return fail("it has no files")
	}
	if file := r.unread(r.chosen(splits)); file != "" {
		return fail(fmt.Sprintf("%s there cannot be read", escape(file)))
	}
	have, absent := r.schemaOf(r.chosen(splits))
	have = slices.DeleteFunc(slices.Clone(have), func(f table.Field) bool { return absent[f.Name] != "" })
	for _, name := range c.plan.Filter.columns() {
		if !c.plan.Compare.Whole && have.Index(name) < 0 {
			return fail(fmt.Sprintf("it has no column %s", escape(name)))
		}
	}
	if c.plan.Compare.FileTypes {
		have = r.filesSchema(r.chosen(splits))
	}
	plan, err := c.plan.Compare.Bind(have)
	if err != nil {
		return fail(err.Error())
	}
	plan.Splits = splits
	plan.Judge = func(Facts) []report.Finding { return nil } // it is not settled
	spec := c.spec
	spec.Splits = splits
	return &bound{rule: c.rule, spec: spec, plan: plan}, nil
}

func cannotCompare(c *bound, b *Baseline, reason string) report.Finding {
	return report.Finding{
		Verdict: report.Inconclusive, Subject: c.subject(), Expected: "data that can be compared with", Observed: reason,
		Message: strings.TrimPrefix(fmt.Sprintf("%s: cannot be compared with %s: %s", c.subject(), b.Name, reason), ": "),
	}
}
