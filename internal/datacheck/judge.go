package datacheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
)

// maxGroupFindings is how many groups that fail a check are named one by one.
const maxGroupFindings = 10

// judge makes the findings: first whether the data could be read, then check
// by check in the manifest's order.
func (r *run) judge(checks []*bound, sets []*set) ([]report.Finding, error) {
	out := r.readable()
	seen := map[[3]string]int{}
	at := map[*bound]*set{}
	for _, s := range sets {
		for _, c := range s.checks {
			at[c] = s
		}
	}
	for _, c := range checks {
		found := c.settled
		if file := r.unread(r.chosen(c.spec.Splits)); file != "" {
			found = []report.Finding{{
				Verdict: report.Inconclusive, Subject: c.subject(), Observed: "data that cannot be read",
				Message: fmt.Sprintf("not decided, because %s cannot be used", escape(file)),
			}}
		} else if s := at[c]; s != nil && c.plan.Judge != nil {
			var err error
			if found, err = r.judgeSet(c, s); err != nil {
				return nil, err
			}
		}
		for _, f := range found {
			f = r.complete(f, c)
			// Two entries may ask the same of the same rows; their findings
			// must have different IDs all the same.
			key := [3]string{f.Check, f.Rule, f.Subject}
			if seen[key]++; seen[key] > 1 {
				f.Subject = strings.TrimSpace(fmt.Sprintf("%s (%d)", f.Subject, seen[key]))
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// readable is the findings of the check that every dataset gets.
func (r *run) readable() []report.Finding {
	var out []report.Finding
	rows := int64(0)
	for _, s := range r.splits {
		out = append(out, r.broken[s]...)
		rows += r.rows[s]
	}
	if len(out) == 0 {
		files := int64(len(r.list))
		out = append(out, report.Finding{
			Verdict: report.Pass, Check: Readable, Observed: count(rows, "row"), Expected: "files that can be read to their end",
			Message: fmt.Sprintf("%s with %s can be read", count(files, "file"), count(rows, "row")),
		})
		if files == 0 {
			out[0].Verdict, out[0].Message, out[0].Observed = report.Inconclusive, "there are no files to read", "no files"
		}
	}
	for i := range out {
		f := &out[i]
		f.Rule, f.Group, f.Severity, f.Artifact, f.Doc = Readable, report.GroupData, report.Error, r.artifact.Name, docs+Readable
		f.Location = r.artifact.Pos.Location()
	}
	return out
}

// judgeSet judges one check by what was observed of its rows.
func (r *run) judgeSet(c *bound, s *set) ([]report.Finding, error) {
	subject := c.subject()
	o := s.total
	if n := o.filter.errors; n > 0 {
		out := unanswered("condition", n, o.filter.failed, Facts{files: r.list, samples: r.opts.Samples})
		out.Subject = subject
		return []report.Finding{out}, nil
	}
	if o.crowded {
		return []report.Finding{{
			Verdict: report.Inconclusive, Subject: subject, Expected: fmt.Sprintf("at most %s groups", report.Thousands(maxGroups)), Observed: "more groups",
			Message: fmt.Sprintf("groupBy: there are more than %s groups of %s", report.Thousands(maxGroups), list(c.spec.GroupBy, 10)),
			Hint:    "group by a column with fewer values",
		}}, nil
	}
	index := 0
	for i, other := range s.checks {
		if other == c {
			index = i
		}
	}
	if len(s.filter.GroupBy) == 0 {
		return r.judgeGroup(c, s, index, "")
	}
	return r.judgeGroups(c, s, index)
}

// unanswered is what is said of an expression that cannot be evaluated for n
// rows.
func unanswered(what string, n int64, failed profile.Examples, f Facts) report.Finding {
	first := failed[0]
	message := fmt.Sprintf("the %s cannot be evaluated for %s; first: %s row %d", what, count(n, "row"), escape(f.name(first.Place.File)), first.Place.Row)
	if f.samples == manifest.SamplesFull {
		message += ": " + escapeLong(first.Value) // may quote the row
	}
	return report.Finding{
		Verdict: report.Inconclusive, Message: message,
		Expected: "a condition that every row can answer", Observed: count(n, "row") + " that cannot",
		Hint: "leave such rows out first, as in: divisor != 0 and total / divisor > 1",
	}
}

func (r *run) judgeGroup(c *bound, s *set, index int, name string) ([]report.Finding, error) {
	facts, err := r.facts(c, s, index, s.total.group(name))
	if err != nil {
		return nil, err
	}
	if c.other != nil {
		if err = c.other.join(c.plan.Compare, name, &facts); err != nil {
			return nil, err
		}
	}
	return c.plan.Judge(facts), nil
}

// facts is what was observed of a group for the index-th check of a set.
func (r *run) facts(c *bound, s *set, index int, g *group) (Facts, error) {
	if g.facts == nil {
		var err error
		if g.facts, err = g.profile.Profile(); err != nil {
			return Facts{}, err
		}
	}
	schema, _ := r.schemaOf(r.chosen(c.spec.Splits))
	return Facts{Rows: g.rows, Profile: g.facts, Check: g.checks[index], Schema: schema, files: r.list, splitOf: r.splitOf, samples: r.opts.Samples}, nil
}

// judgeGroups names groups that do not pass, up to a number, and sums up the
// others.
func (r *run) judgeGroups(c *bound, s *set, index int) ([]report.Finding, error) {
	o := s.total
	var out []report.Finding
	subject := c.subject()
	by := list(c.spec.GroupBy, 10)
	passed, omitted := 0, map[report.Verdict]int{}
	for _, name := range sortedKeys(o.groups) {
		found, err := r.judgeGroup(c, s, index, name)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			switch {
			case f.Verdict == report.Pass:
				passed++
			case len(out) < maxGroupFindings:
				f.Subject = strings.TrimSpace(f.Subject + " [" + escape(name) + "]")
				f.Message = fmt.Sprintf("where %s: %s", escape(name), f.Message)
				out = append(out, f)
			default:
				omitted[f.Verdict]++
			}
		}
	}
	total := len(o.groups)
	for _, v := range []report.Verdict{report.Fail, report.Inconclusive} {
		if n := omitted[v]; n > 0 {
			out = append(out, report.Finding{
				Verdict: v, Subject: strings.TrimSpace(subject + " [" + strings.ToLower(string(v)) + " in more groups]"), Observed: fmt.Sprintf("%d more groups", n),
				Message: fmt.Sprintf("%d more of %d groups of %s do not pass", n, total, by),
			})
		}
	}
	switch {
	case total == 0:
		out = append(out, report.Finding{Verdict: report.Inconclusive, Subject: subject, Observed: "no rows", Message: strings.TrimPrefix(subject+": ", ": ") + "there are no rows to check"})
	case passed > 0:
		out = append(out, report.Finding{
			Verdict: report.Pass, Subject: strings.TrimSpace(subject + " [by " + by + "]"), Observed: fmt.Sprintf("%d of %s", passed, count(int64(total), "group")),
			Message: fmt.Sprintf("%sholds in %d of %s of %s", strings.TrimPrefix(subject+": ", ": "), passed, count(int64(total), "group"), by),
		})
	}
	return out, nil
}

// complete fills in what all findings of a check share.
func (r *run) complete(f report.Finding, c *bound) report.Finding {
	f.Check, f.Group, f.Artifact, f.Doc = c.spec.Check, report.GroupData, r.artifact.Name, docs+c.spec.Check
	f.Rule = cmp.Or(f.Rule, c.part, c.spec.Check)
	f.Severity = cmp.Or(c.spec.Severity, report.Error)
	if f.Location == nil {
		f.Location = c.spec.Pos.Location()
	}
	for _, name := range slices.Concat(c.spec.Columns, c.spec.GroupBy) {
		if len(name) > 2*maxSample {
			f.Subject, f.Message = strings.ReplaceAll(f.Subject, name, escape(name)), strings.ReplaceAll(f.Message, name, escape(name))
		}
	}
	// Two entries of one check on one column differ in these.
	if len(c.spec.Splits) > 0 {
		f.Subject = strings.TrimSpace(f.Subject + " in " + strings.Join(c.spec.Splits, ", "))
		f.Message = strings.Join(c.spec.Splits, ", ") + ": " + f.Message
	}
	if c.spec.Where != "" {
		f.Subject = strings.TrimSpace(f.Subject + " where " + c.spec.Where)
		f.Message += " (where " + escape(c.spec.Where) + ")"
	}
	return f
}
