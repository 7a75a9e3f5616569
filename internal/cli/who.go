package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/who"
)

func (a *app) whoCommand() *cobra.Command {
	var asOf string
	c := &cobra.Command{
		Use:   "who NAME#STAGE",
		Short: "What is in a stage, who let it in, on what evidence, and what nobody verified",
		Long: `One answer for an auditor, from the ledger and this clone alone: what is assigned and what is deployed, since when, by whom,
how it came, who approved it and whether their signatures hold, the verdicts, the policy, the data it was trained on, and
a list of what was not verified. With NAME@VERSION it says where that version is, and was.`,
		Example: `  waybill who sentiment#production
  waybill who sentiment#production --as-of 2026-03-03
  waybill who sentiment@v0.2.0 --format json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.who(args[0], asOf) },
	}
	c.Flags().StringVar(&asOf, "as-of", "", "as it stood at this time (RFC 3339, or a date)")
	return c
}

func (a *app) who(name, asOf string) error {
	r, err := ref.Parse(name)
	if err != nil {
		return usageError{err}
	}
	if r.Bare() || r.Split != "" {
		return usageError{fmt.Errorf("%s: name a stage or a version, as in %s#production or %s@v0.1.0", r, r.Name, r.Name)}
	}
	at, err := parseAsOf(asOf)
	if err != nil {
		return usageError{err}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	if r.Stage != "" {
		s, err := who.OfStage(a.ctx, w, r.Name, r.Stage, at)
		if err != nil {
			return err
		}
		return a.result(s, stageSections(s)...)
	}
	v, err := who.OfVersion(a.ctx, w, r, at)
	if err != nil {
		return err
	}
	return a.result(v, versionSections(v)...)
}

func titleAsOf(name string, at *time.Time) string {
	if at != nil {
		return name + " as of " + at.Format(time.RFC3339)
	}
	return name
}

// facts is a table of two columns whose rows without a value are left out.
type facts [][]string

// add is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (f *facts) add(what, value string) {
	if value != "" {
		*f = append(*f, []string{what, value})
	}
}

func (f facts) section(title string) report.Section {
	return report.TableSection(title, []string{"what", "answer"}, f)
}

func stageSections(s *who.Stage) []report.Section {
	title := titleAsOf(s.Artifact+"#"+s.Stage, s.AsOf)
	if s.Assigned == nil {
		return append([]report.Section{report.TextSection(title, "nothing was assigned")}, tail(&s.About, nil, s.Unverified)...)
	}
	var f facts
	t := s.Assigned
	f.add("assigned", fmt.Sprintf("%s since %s, %s", t.Version, stamp(t.Since), how(t)))
	switch d := s.Deployed; {
	case d == nil:
		f.add("deployed", "not recorded")
	case d.IsAssigned:
		f.add("deployed", fmt.Sprintf("%s since %s, commit %.10s", d.Version, stamp(d.At), d.Commit))
	default:
		f.add("deployed", fmt.Sprintf("another version: %s since %s, commit %.10s", d.Version, stamp(d.At), d.Commit))
	}
	f.add("by", actor(t.By))
	f.add("reason", t.Reason)
	f.add("run", t.Run)
	f.add("event", fmt.Sprint(t.Event))
	f.add("policy", policyText(t))
	aboutFacts(&f, s.Evidence, s.Registered, string(t.ContentDigest), string(t.Digest))
	out := []report.Section{f.section(title), approvalSection(s.Approvals)}
	return append(out, tail(&s.About, s.Earlier, s.Unverified)...)
}

func versionSections(v *who.Version) []report.Section {
	var f facts
	var now []string
	for _, t := range v.Stages {
		if t.Until.IsZero() {
			now = append(now, fmt.Sprintf("%s since %s", t.Stage, stamp(t.Since)))
		}
	}
	if len(now) == 0 {
		now = []string{"no stage"}
	}
	f.add("is in", strings.Join(now, ", "))
	aboutFacts(&f, v.Evidence, v.Registered, string(v.ContentDigest), string(v.Digest))
	out := []report.Section{f.section(titleAsOf(fmt.Sprintf("%s@%s", v.Artifact, v.Version), v.AsOf))}
	if len(v.Stages) > 0 {
		out = append(out, tenureSection("Stages", v.Stages))
	}
	return append(out, tail(&v.About, nil, v.Unverified)...)
}

func aboutFacts(f *facts, e *ledger.Evidence, r *who.Registered, content, digest string) {
	f.add("content", content)
	f.add("encoding", digest)
	if r != nil {
		f.add("registered", fmt.Sprintf("%s by %s, commit %.10s", stamp(r.At), actor(r.By), r.Commit))
		f.add("registering run", r.Run)
		f.add("registered because", r.Reason)
	}
	if e == nil {
		return
	}
	var verdicts []string
	for _, group := range slices.Sorted(maps.Keys(e.Verdicts)) {
		verdicts = append(verdicts, group+" "+e.Verdicts[group])
	}
	f.add("verdicts", strings.Join(verdicts, ", "))
	f.add("report", string(e.Report))
	for _, kind := range slices.Sorted(maps.Keys(e.Others)) {
		f.add(kind, string(e.Others[kind]))
	}
}

func tail(about *who.About, earlier []who.Tenure, unverified []string) []report.Section {
	var out []report.Section
	if len(about.TrainedOn) > 0 {
		var rows [][]string
		for _, d := range about.TrainedOn {
			version := "not registered"
			if !d.Version.IsZero() {
				version = d.Version.String()
			}
			name := d.Name
			if d.Split != "" {
				name += ":" + d.Split
			}
			rows = append(rows, []string{d.Role, name, version, string(d.ContentDigest)})
		}
		out = append(out, report.TableSection("Made from", []string{"for", "dataset", "version", "content"}, rows))
	}
	if len(about.Holds) > 0 {
		out = append(out, holdSection(about.Holds))
	}
	if d := about.Deprecated; d != nil {
		out = append(out, report.TextSection("Deprecated", fmt.Sprintf("%s by %s: %s", stamp(d.At), actor(d.By), report.Visible(d.Reason))))
	}
	if len(earlier) > 0 {
		out = append(out, tenureSection("Before", earlier))
	}
	if len(unverified) > 0 {
		rows := make([][]string, len(unverified))
		for i, u := range unverified {
			rows[i] = []string{u}
		}
		out = append(out, report.TableSection("Unverified", []string{"what nobody verified"}, rows))
	}
	return out
}

func approvalSection(all []who.Approval) report.Section {
	if len(all) == 0 {
		return report.TextSection("Approvals", "none")
	}
	var rows [][]string
	for _, g := range all {
		signature := g.Signature
		if g.Key != "" {
			signature += ": " + g.Key
		}
		event := ""
		if g.Event > 0 {
			event = fmt.Sprint(g.Event)
		}
		rows = append(rows, []string{g.Login, fmt.Sprint(g.ID), g.Via, stamp(g.At), signature, event, g.Reason})
	}
	return report.TableSection("Approvals", []string{"who", ">id", "via", "when", "signature", ">event", "reason"}, rows)
}

func tenureSection(title string, all []who.Tenure) report.Section {
	var rows [][]string
	for i := range all {
		t := &all[i]
		until := "now"
		if !t.Until.IsZero() {
			until = stamp(t.Until)
		}
		if t.RolledBack {
			until += ", rolled back"
		}
		deployed := "not recorded"
		if t.Deployed != nil {
			deployed = stamp(t.Deployed.At)
		}
		rows = append(rows, []string{t.Stage, t.Version.String(), stamp(t.Since), until, string(t.How), actor(t.By), strings.Join(t.Approvers, ", "), deployed, t.Reason})
	}
	return report.TableSection(title, []string{"stage", "version", "since", "until", "how", "by", "approved by", "deployed", "reason"}, rows)
}

func how(t *who.Tenure) string {
	switch {
	case t.How == ledger.KindRollback:
		return "by a rollback from " + t.From.String()
	case t.From.IsZero():
		return "promoted, the first there"
	}
	return "promoted, after " + t.From.String()
}

func policyText(t *who.Tenure) string {
	switch {
	case t.PolicyDigest == "":
		return ""
	case t.PolicyIsNow == nil:
		return string(t.PolicyDigest)
	case *t.PolicyIsNow:
		return string(t.PolicyDigest) + " (the policy of now)"
	}
	return string(t.PolicyDigest) + " (not the policy of now)"
}

// actor is who did something; a name without an id is nobody's word but their own.
func actor(by ledger.Actor) string {
	if by.ID == 0 {
		return by.Login
	}
	return fmt.Sprintf("%s (id %d)", by.Login, by.ID)
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }
