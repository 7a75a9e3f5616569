package imagecheck

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

const (
	maxExamples = 5
	maxShown    = 80 // characters of a path or reason
)

// How reports write things, by short names.
var (
	percent = report.Percent
	count   = report.Count
	plural  = report.Plural
	shown   = report.Rounded
)

// tally is the outcome of a check that counts files.
type tally struct {
	subject  string
	noun     string // what was counted: "image", "label file"
	problem  string // of those that failed: "have no label file"
	single   string // of one that failed: "has no label file"
	holds    string // of all when none failed: "every image can be decoded"
	expected string
	hint     string
	most     *float64 // largest share that may fail, for checks that have a parameter for it

	checked   int64 // undecided ones too
	failed    int64
	examples  []example
	undecided int64 // of which nothing can be said, and the first of them
	unknown   example
	details   map[string]any // besides what finding puts there
}

// example is a file with what is wrong with it.
type example struct {
	file   string
	reason string // "" when the check says it all
	more   map[string]any
}

func (t *tally) fail(e example) {
	if t.failed++; len(t.examples) < maxExamples {
		t.examples = append(t.examples, e)
	}
}

// skip counts a file that cannot be judged.
func (t *tally) skip(e example) {
	if t.undecided++; t.undecided == 1 {
		t.unknown = e
	}
}

// finding makes a finding of a tally, by the entry's mostly:. It passes only
// if it would whatever the undecided ones are.
func (t *tally) finding(d *dataset) report.Finding {
	mostly := d.spec.Mostly
	out := report.Finding{Subject: t.subject, Expected: t.expected, Details: t.details}
	if t.checked == 0 {
		out.Verdict, out.Observed = report.Inconclusive, "no "+plural(t.noun)
		out.Message = fmt.Sprintf("there are no %s to check", plural(t.noun))
		return out
	}
	// Quotients, not products, are compared with the shares of a manifest.
	share := float64(t.failed) / float64(t.checked)
	allowed := func(failed int64) bool {
		return failed == 0 || t.most != nil && float64(failed)/float64(t.checked) <= *t.most ||
			mostly != nil && float64(t.checked-failed)/float64(t.checked) >= *mostly
	}
	if out.Details == nil {
		out.Details = map[string]any{}
	}
	out.Details["files"], out.Details["failed"], out.Details["share"] = t.checked, t.failed, shown(share)
	if mostly != nil {
		out.Expected += fmt.Sprintf(" for at least %s of the %s", percent(*mostly), plural(t.noun))
	}
	problem := t.problem
	if t.failed == 1 {
		problem = t.single
	}
	counted := fmt.Sprintf("%s of %s (%s) %s", report.Thousands(t.failed), count(t.checked, t.noun), percent(share), problem)
	out.Observed = counted
	out.Message = counted
	if t.failed == 0 {
		out.Message = fmt.Sprintf("%s (%s)", t.holds, count(t.checked, t.noun))
	} else {
		out.Message += "; first: " + places(t.examples)
		var list []any
		for _, e := range t.examples {
			one := map[string]any{"file": e.file}
			if e.reason != "" {
				one["reason"] = e.reason
			}
			for k, v := range e.more {
				one[k] = v
			}
			list = append(list, one)
		}
		out.Details["examples"] = list
	}
	switch {
	case !allowed(t.failed):
		out.Verdict, out.Hint = report.Fail, t.hint
	case !allowed(t.failed + t.undecided):
		out.Verdict = report.Inconclusive
	default:
		out.Verdict = report.Pass
		if t.failed > 0 && t.most != nil && share <= *t.most {
			out.Message += fmt.Sprintf("; at most %s may", percent(*t.most))
		} else if t.failed > 0 {
			out.Message += fmt.Sprintf("; at most %s may", percent(1-*mostly))
		}
	}
	if t.undecided > 0 {
		out.Details["undecided"] = t.undecided
		unknown := fmt.Sprintf("%s of %s cannot be judged", report.Thousands(t.undecided), count(t.checked, t.noun))
		first := "; first: " + places([]example{t.unknown})
		if t.failed == 0 && out.Verdict != report.Pass {
			out.Message, out.Observed = unknown+first, unknown
		} else {
			out.Message += "; " + unknown + first
		}
	}
	return out
}

// places lists examples: "a.png (ends too early), b.png".
func places(examples []example) string {
	var out []string
	for _, e := range examples {
		s := escape(e.file)
		if e.reason != "" {
			s += " (" + escape(e.reason) + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// escape makes a path or reason fit to be shown: control characters as Go
// escapes them, and not too long; of a long path its end says more.
func escape(s string) string {
	if r := []rune(s); len(r) > maxShown {
		s = "…" + string(r[len(r)-maxShown:])
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
