package cli

import (
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

func (a *app) showCommand() *cobra.Command {
	var asOf string
	c := &cobra.Command{
		Use:     "show NAME",
		Short:   "Versions, stages and holds, now or as of a time",
		Example: "  waybill show sentiment\n  waybill show sentiment --as-of 2026-03-03T12:00:00Z --format json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.show(args[0], asOf) },
	}
	c.Flags().StringVar(&asOf, "as-of", "", "as it stood at this time (RFC 3339, or a date)")
	return c
}

type shown struct {
	APIVersion string                `json:"apiVersion"`
	Name       string                `json:"name"`
	Kind       string                `json:"kind"`
	AsOf       *time.Time            `json:"asOf,omitempty"`
	Versions   []shownVersion        `json:"versions"`
	Stages     map[string]shownStage `json:"stages"`
	Holds      []ledger.Hold         `json:"holds"`
	Deprecated *ledger.Mark          `json:"deprecated,omitempty"`
}

type shownVersion struct {
	Version       ref.Version      `json:"version"`
	ContentDigest ref.Digest       `json:"contentDigest"`
	Digest        ref.Digest       `json:"digest"`
	Commit        string           `json:"commit"`
	RegisteredAt  time.Time        `json:"registeredAt"`
	By            ledger.Actor     `json:"by"`
	Event         int64            `json:"event"`
	Evidence      *ledger.Evidence `json:"evidence,omitempty"`
}

type shownStage struct {
	Version       ref.Version        `json:"version"`
	ContentDigest ref.Digest         `json:"contentDigest"`
	Digest        ref.Digest         `json:"digest"`
	Since         time.Time          `json:"since"`
	By            ledger.Actor       `json:"by"`
	Event         int64              `json:"event"`
	Deployed      *ledger.Deployment `json:"deployed"`
	Approvals     []ledger.Approval  `json:"approvals"`
	Reason        string             `json:"reason,omitempty"`
}

func (a *app) show(name, asOf string) error {
	r, err := ref.Parse(name)
	if err != nil {
		return usageError{err}
	}
	at, err := parseAsOf(asOf)
	if err != nil {
		return usageError{err}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return err
	}
	state := l.State
	if at != nil {
		if state, err = l.AsOf(*at); err != nil {
			return err
		}
	}
	art := state.Artifacts[r.Name]
	if art == nil {
		if _, err := w.Artifact(r.Name); err != nil && l.State.Artifacts[r.Name] == nil {
			return err
		}
		art = &ledger.Artifact{Name: r.Name}
		if m, err := w.Artifact(r.Name); err == nil {
			art.Kind = string(m.Kind)
		}
	}
	s := showArtifact(art)
	s.AsOf = at
	return a.result(s, showSections(s)...)
}

func showArtifact(art *ledger.Artifact) shown {
	s := shown{APIVersion: report.APIVersion, Name: art.Name, Kind: art.Kind, Versions: []shownVersion{}, Stages: map[string]shownStage{},
		Holds: []ledger.Hold{}, Deprecated: art.Deprecated}
	for _, v := range art.Versions {
		s.Versions = append(s.Versions, shownVersion{v.Version, v.ContentDigest, v.Digest, v.Commit, v.RegisteredAt, v.By, v.Event, v.Evidence})
	}
	for name, t := range art.Stages {
		approvals := t.Approvals
		if approvals == nil {
			approvals = []ledger.Approval{}
		}
		s.Stages[name] = shownStage{t.Version, t.ContentDigest, t.Digest, t.Since, t.By, t.Event, t.Deployed, approvals, t.Reason}
	}
	for _, h := range art.Holds {
		s.Holds = append(s.Holds, h)
	}
	sorting.By(s.Holds, func(x, y ledger.Hold) int { return x.Version.Compare(y.Version) })
	return s
}

func showSections(s shown) []report.Section {
	title := titleAsOf(s.Name, s.AsOf)
	if len(s.Versions) == 0 {
		return []report.Section{report.TextSection(title, "no version was registered")}
	}
	in := map[ref.Version]string{}
	var stages [][]string
	for _, name := range slices.Sorted(maps.Keys(s.Stages)) {
		t := s.Stages[name]
		in[t.Version] += " " + name
		deployed := "not recorded"
		if t.Deployed != nil {
			deployed = t.Deployed.At.Format(time.RFC3339)
		}
		stages = append(stages, []string{name, t.Version.String(), t.Since.Format(time.RFC3339), t.By.Login, logins(t.Approvals), deployed, t.Reason})
	}
	held := map[ref.Version]string{}
	for _, h := range s.Holds {
		held[h.Version] = " held"
	}
	var versions [][]string
	for _, v := range slices.Backward(s.Versions) {
		state := in[v.Version] + held[v.Version]
		if state == "" {
			state = " –"
		}
		versions = append(versions, []string{v.Version.String(), v.ContentDigest.Short(), v.Commit[:min(10, len(v.Commit))],
			v.RegisteredAt.Format(time.RFC3339), v.By.Login, state[1:]})
	}
	out := []report.Section{report.TableSection(title, []string{"version", "content", "commit", "registered", "by", "where"}, versions)}
	if len(stages) > 0 {
		out = append(out, report.TableSection("Stages", []string{"stage", "version", "since", "by", "approved by", "deployed", "reason"}, stages))
	}
	if len(s.Holds) > 0 {
		out = append(out, holdSection(s.Holds))
	}
	return out
}

func holdSection(all []ledger.Hold) report.Section {
	var rows [][]string
	for _, h := range all {
		rows = append(rows, []string{h.Version.String(), h.Since.Format(time.RFC3339), h.By.Login, h.Reason})
	}
	return report.TableSection("Holds", []string{"version", "since", "by", "reason"}, rows)
}
