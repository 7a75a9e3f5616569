// Package report is the one shape in which waybill says what it found: every
// check, scan, gate and evaluation returns findings, and everything that is
// shown (terminal, pull request, JSON, SARIF) is drawn from a Report.
//
// The JSON form is public and versioned by APIVersion; fields are added, never
// renamed.
package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// APIVersion is written into every report.
const APIVersion = "waybill.dev/v1"

// Verdict is the answer of a finding or a report.
type Verdict string

// A verdict is never a boolean: INCONCLUSIVE (too little data, missing
// baseline, provider error) neither promotes nor fails silently.
const (
	Pass         Verdict = "PASS"
	Fail         Verdict = "FAIL"
	Inconclusive Verdict = "INCONCLUSIVE"
)

// Severity says what a finding that is not PASS does: only errors decide the
// report's verdict and the exit code.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Check groups, by which stages say what they require.
const (
	GroupData       = "data"       // contents of datasets
	GroupFiles      = "files"      // files of models: present, readable, within budgets
	GroupSecurity   = "security"   // safe to load
	GroupInterface  = "interface"  // callers do not break
	GroupCard       = "card"       // the model card tells the truth
	GroupLicense    = "license"    // licences fit together
	GroupEvaluation = "evaluation" // gates on metrics
	GroupLineage    = "lineage"    // the lock tells where the bytes come from
	GroupPromotion  = "promotion"  // conditions of entering a stage
	GroupPolicy     = "policy"     // what a change of manifests loosens
	GroupState      = "state"      // ledger, tags, locks and registry agree
)

// Location points into a file of the repository. Line and Column start at 1;
// 0 means unknown.
type Location struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Finding is one thing that one check says.
type Finding struct {
	// ID is the same for the same finding in two runs, so that renderers and
	// code scanning can tell old from new. Finish fills it in.
	ID string `json:"id"`
	// Check is the name as manifests write it ("text.length"); Rule is the
	// rule within it that spoke, equal to Check where it has only one.
	Check string `json:"check"`
	Rule  string `json:"rule"`
	Group string `json:"group"`
	// Severity is what was configured; it says nothing about a PASS.
	Severity Severity  `json:"severity"`
	Verdict  Verdict   `json:"verdict"`
	Artifact string    `json:"artifact"`
	Location *Location `json:"location,omitempty"`
	// Message is one sentence that stands alone. Expected and Observed are
	// short, in the reader's units.
	Message  string `json:"message"`
	Expected string `json:"expected,omitempty"`
	Observed string `json:"observed,omitempty"`
	// Hint is what to do next, often a command.
	Hint string `json:"hint,omitempty"`
	// Doc is the documentation of the rule.
	Doc string `json:"doc,omitempty"`
	// Subject tells findings of one rule apart (a column, a path, a gate);
	// it goes into ID.
	Subject string `json:"subject,omitempty"`
	// Details is machine-readable: counts, paths, sample rows. Rows of data
	// appear here only as the project's report.samples allows.
	Details map[string]any `json:"details,omitempty"`
}

// Summary counts findings. PASS findings count in Pass whatever their
// severity; others count in Fail or Inconclusive when their severity is error,
// in Warning when it is warning, and nowhere when it is info.
type Summary struct {
	Pass         int `json:"pass"`
	Fail         int `json:"fail"`
	Inconclusive int `json:"inconclusive"`
	Warning      int `json:"warning"`
}

// Report is all findings of one run.
type Report struct {
	APIVersion string    `json:"apiVersion"`
	Title      string    `json:"title,omitempty"`
	Verdict    Verdict   `json:"verdict"`
	Summary    Summary   `json:"summary"`
	Findings   []Finding `json:"findings"`
	Sections   []Section `json:"sections"`
}

// New makes a finished report. See Finish.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func New(findings []Finding, sections ...Section) *Report {
	r := &Report{Findings: findings, Sections: sections}
	r.Finish()
	return r
}

// Finish fills in IDs, defaults, summary and verdict, and sorts the findings:
// what decides comes first, then by artifact, group, check and subject. It can be
// called again after findings were added.
func (r *Report) Finish() {
	r.APIVersion = APIVersion
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Sections == nil {
		r.Sections = []Section{}
	}
	for i := range r.Findings {
		r.Findings[i].finish()
	}
	sorting.Stable(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Artifact, b.Artifact),
			cmp.Compare(a.Group, b.Group), cmp.Compare(a.Check, b.Check), cmp.Compare(a.Subject, b.Subject))
	})
	r.Summary, r.Verdict = Summarize(r.Findings)
}

// Summarize counts findings and decides: FAIL if an error-severity finding
// failed, else INCONCLUSIVE if one is, else PASS. No findings are a PASS; a
// caller that required a group to have run must say so with a finding.
func Summarize(findings []Finding) (Summary, Verdict) {
	var s Summary
	for _, f := range findings {
		switch {
		case f.Verdict == Pass:
			s.Pass++
		case f.Severity == Warning:
			s.Warning++
		case f.Severity == Info:
		case f.Verdict == Fail:
			s.Fail++
		default:
			s.Inconclusive++
		}
	}
	switch {
	case s.Fail > 0:
		return s, Fail
	case s.Inconclusive > 0:
		return s, Inconclusive
	}
	return s, Pass
}

// ByGroup returns the verdict of every group that has a finding.
func (r *Report) ByGroup() map[string]Verdict {
	grouped := map[string][]Finding{}
	for _, f := range r.Findings {
		grouped[f.Group] = append(grouped[f.Group], f)
	}
	out := make(map[string]Verdict, len(grouped))
	for g, fs := range grouped {
		_, out[g] = Summarize(fs)
	}
	return out
}

func (f *Finding) finish() {
	if f.Rule == "" {
		f.Rule = f.Check
	}
	if f.Severity == "" {
		f.Severity = Error
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Artifact, f.Check, f.Rule, f.Subject}, "\x00")))
	f.ID = hex.EncodeToString(sum[:6])
}

// rank orders findings by how much a reader needs them.
func (f *Finding) rank() int {
	switch {
	case f.Verdict == Pass:
		return 4
	case f.Severity == Info:
		return 3
	case f.Severity == Warning:
		return 2
	case f.Verdict == Inconclusive:
		return 1
	}
	return 0
}
