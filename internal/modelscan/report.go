package modelscan

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/waybill-dev/waybill/internal/report"
)

// Check is the name of the check that a scan's findings are of.
const Check = "security"

// Waiver allows findings of one rule in some files, for a while and for a reason.
type Waiver struct {
	Rule string
	// Path is a glob (doublestar) over the file's path, with or without the
	// members behind "!"; "" is every file.
	Path    string
	Reason  string
	Expires time.Time // the first moment at which it does not hold; zero is never
	By      string
}

func (w Waiver) covers(f Finding) bool {
	if w.Rule != f.Rule {
		return false
	}
	if w.Path == "" {
		return true
	}
	path := filepath.ToSlash(f.Path)
	file, _, _ := strings.Cut(path, "!")
	for _, p := range []string{path, file} {
		if ok, err := doublestar.Match(w.Path, p); err == nil && ok {
			return true
		}
	}
	return false
}

func (w Waiver) who() string {
	if w.By == "" {
		return ""
	}
	return " (" + w.By + ")"
}

// Report makes the findings of a report. A waived finding passes and says why;
// one whose waiver has expired fails and says so; a waiver that covers nothing
// is a warning.
func Report(found []Finding, waivers []Waiver, now time.Time) []report.Finding {
	out := make([]report.Finding, 0, len(found))
	used := make([]bool, len(waivers))
	for _, f := range found {
		r := reported(f)
		for i, w := range waivers {
			if !w.covers(f) {
				continue
			}
			used[i] = true
			if !w.Expires.IsZero() && !now.Before(w.Expires) {
				r.Verdict, r.Severity = report.Fail, report.Error
				r.Message += fmt.Sprintf("; its waiver expired on %s%s", w.Expires.Format(time.DateOnly), w.who())
				r.Hint = "mend it, or decide again and set a new date"
				continue
			}
			r.Verdict = report.Pass
			r.Message += fmt.Sprintf("; waived: %s%s", w.Reason, w.who())
			r.Details["waived"] = w.Reason
			break
		}
		out = append(out, r)
	}
	for i, w := range waivers {
		if !used[i] {
			out = append(out, report.Finding{Check: Check, Rule: "WVR002", Group: report.GroupSecurity, Severity: report.Warning, Verdict: report.Fail,
				Message: fmt.Sprintf("the waiver of %s for %s matches nothing", w.Rule, quote(w.Path)), Hint: "remove it", Subject: w.Rule + " " + w.Path,
				Details: map[string]any{"path": w.Path}})
		}
	}
	return out
}

// docs is where the rules are documented, each under its ID.
const docs = "https://waybill.dev/security-rules#"

func reported(f Finding) report.Finding {
	rule, _ := Lookup(f.Rule)
	file, _, _ := strings.Cut(f.Path, "!")
	r := report.Finding{
		Check: Check, Rule: f.Rule, Group: report.GroupSecurity, Severity: report.Error, Verdict: report.Fail,
		Message: f.Path + ": " + f.Message, Hint: f.Hint, Subject: f.Path, Doc: docs + strings.ToLower(f.Rule),
		Location: &report.Location{File: filepath.ToSlash(file)},
		Details:  maps.Clone(f.Details),
	}
	if f.Offset >= 0 {
		r.Observed = fmt.Sprintf("byte %d", f.Offset)
		r.Subject += fmt.Sprintf(" byte %d", f.Offset)
	}
	if r.Hint == "" {
		r.Hint = rule.Hint
	}
	if f.Unread {
		r.Verdict = report.Inconclusive
	}
	if f.Severity == Warning {
		r.Severity = report.Warning
	}
	if r.Details == nil {
		r.Details = map[string]any{}
	}
	r.Details["path"] = f.Path
	if f.Offset >= 0 {
		r.Details["offset"] = f.Offset
	}
	if rule.Why != "" {
		r.Details["why"] = rule.Why
	}
	return r
}
