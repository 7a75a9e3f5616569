package cli

import (
	"fmt"
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
	Reason        string             `json:"reason,omitempty"`
}

func (a *app) show(name, asOf string) error {
	r, err := ref.Parse(name)
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
	state, at := l.State, (*time.Time)(nil)
	if asOf != "" {
		t, err := parseTime(asOf)
		if err != nil {
			return usageError{err}
		}
		if state, err = l.AsOf(t); err != nil {
			return err
		}
		at = &t
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
		s.Stages[name] = shownStage{t.Version, t.ContentDigest, t.Digest, t.Since, t.By, t.Event, t.Deployed, t.Reason}
	}
	for _, h := range art.Holds {
		s.Holds = append(s.Holds, h)
	}
	sorting.By(s.Holds, func(x, y ledger.Hold) int { return x.Version.Compare(y.Version) })
	return s
}

func showSections(s shown) []report.Section {
	title := s.Name
	if s.AsOf != nil {
		title += " as of " + s.AsOf.Format(time.RFC3339)
	}
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
		stages = append(stages, []string{name, t.Version.String(), t.Since.Format(time.RFC3339), t.By.Login, deployed, t.Reason})
	}
	held := map[ref.Version]string{}
	var holds [][]string
	for _, h := range s.Holds {
		held[h.Version] = " held"
		holds = append(holds, []string{h.Version.String(), h.Since.Format(time.RFC3339), h.By.Login, h.Reason})
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
		out = append(out, report.TableSection("Stages", []string{"stage", "version", "since", "by", "deployed", "reason"}, stages))
	}
	if len(holds) > 0 {
		out = append(out, report.TableSection("Holds", []string{"version", "since", "by", "reason"}, holds))
	}
	return out
}

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "history NAME",
		Short:   "Every event of an artifact, oldest first",
		Example: "  waybill history sentiment\n  waybill history sentiment --format json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.history(args[0]) },
	}
}

func (a *app) history(name string) error {
	if err := ref.CheckName(name); err != nil {
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
	if l.State.Artifacts[name] == nil {
		if _, err := w.Artifact(name); err != nil {
			return err
		}
	}
	log, err := l.Log()
	if err != nil {
		return err
	}
	events, rows := []ledger.Event{}, [][]string{}
	for _, e := range log.Events() {
		if e.Artifact != name {
			continue
		}
		events = append(events, e)
		what := e.Version.String()
		if !e.From.IsZero() {
			what = e.From.String() + " → " + what
		}
		rows = append(rows, []string{fmt.Sprint(e.Seq), e.Time.Format(time.RFC3339), string(e.Kind), what, e.Stage, e.Actor.Login, e.Reason})
	}
	return a.result(map[string]any{"apiVersion": report.APIVersion, "name": name, "events": events},
		report.TableSection(name, []string{">event", "time", "what", "version", "stage", "by", "reason"}, rows))
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--as-of %q: write it like 2026-03-03T12:00:00Z or 2026-03-03", s)
}
