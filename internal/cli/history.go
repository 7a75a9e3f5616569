package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func (a *app) historyCommand() *cobra.Command {
	var asOf, stage string
	c := &cobra.Command{
		Use:     "history NAME",
		Short:   "Every event of an artifact, newest first",
		Example: "  waybill history sentiment\n  waybill history sentiment --stage production --as-of 2026-03-03\n  waybill history sentiment --format json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.history(args[0], stage, asOf) },
	}
	c.Flags().StringVar(&asOf, "as-of", "", "as it stood at this time (RFC 3339, or a date)")
	c.Flags().StringVar(&stage, "stage", "", "only what concerns this stage")
	return c
}

// told is the history of an artifact.
type told struct {
	APIVersion string         `json:"apiVersion"`
	Name       string         `json:"name"`
	Stage      string         `json:"stage,omitempty"`
	AsOf       *time.Time     `json:"asOf,omitempty"`
	Events     []ledger.Event `json:"events"` // newest first
}

func (a *app) history(name, stage, asOf string) error {
	err := ref.CheckName(name)
	if err == nil && stage != "" {
		err = ref.CheckStage(stage)
	}
	at, timeErr := parseAsOf(asOf)
	if err == nil {
		err = timeErr
	}
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
	if l.State.Artifacts[name] == nil {
		if _, err := w.Artifact(name); err != nil {
			return err
		}
	}
	log, err := l.Log()
	if err != nil {
		return err
	}
	all := log.Events()
	if at != nil {
		all = log.AsOf(*at)
	}
	out := told{APIVersion: report.APIVersion, Name: name, Stage: stage, AsOf: at, Events: []ledger.Event{}}
	var rows [][]string
	for _, e := range slices.Backward(all) {
		if e.Artifact != name || stage != "" && e.Stage != stage {
			continue
		}
		out.Events = append(out.Events, e)
		rows = append(rows, []string{fmt.Sprint(e.Seq), e.Time.Format(time.RFC3339), string(e.Kind), eventVersion(&e), e.Stage, e.Actor.Login, eventText(&e)})
	}
	title := titleAsOf(name, at)
	if len(rows) == 0 {
		return a.result(out, report.TextSection(title, "nothing is recorded"))
	}
	return a.result(out, report.TableSection(title, []string{">event", "time", "what", "version", "stage", "by", "reason"}, rows))
}

func eventVersion(e *ledger.Event) string {
	switch {
	case !e.From.IsZero():
		return e.From.String() + " → " + e.Version.String()
	case e.Version.IsZero() && e.ContentDigest != "":
		return e.ContentDigest.Short()
	case e.Version.IsZero():
		return ""
	}
	return e.Version.String()
}

// eventText is the reason of an event, and what of it a reader would miss.
func eventText(e *ledger.Event) string {
	var parts []string
	switch {
	case e.Kind == ledger.KindApprove && e.Signed != nil:
		parts = append(parts, "signed")
	case e.Kind == ledger.KindApprove:
		parts = append(parts, "not signed: it does not count")
	case e.Kind == ledger.KindDeploy:
		parts = append(parts, fmt.Sprintf("commit %.10s", e.Commit))
	case len(e.Approvals) > 0:
		parts = append(parts, "approved by "+logins(e.Approvals))
	}
	if e.Reason != "" {
		parts = append(parts, e.Reason)
	}
	return strings.Join(parts, "; ")
}

// logins names who approved.
func logins(all []ledger.Approval) string {
	var names []string
	for _, g := range all {
		names = append(names, g.Login)
	}
	return strings.Join(names, ", ")
}

// parseAsOf reads --as-of, nil when it was not given.
func parseAsOf(s string) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			t = t.UTC()
			return &t, nil
		}
	}
	return nil, fmt.Errorf("--as-of %q: write it like 2026-03-03T12:00:00Z or 2026-03-03", s)
}
