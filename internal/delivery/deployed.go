package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/deploy"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Seen is what Deployed found.
type Seen struct {
	// Recorded are the deploy events that it wrote.
	Recorded []ledger.Event
	// Results are those of each artifact and stage that has deployment files.
	Results []*Result
	// Report has one finding for each of them, or for each of its files.
	Report *report.Report
}

// Deployed looks at the deployment files on the default branch. Where all that
// name an artifact in a stage name what the ledger assigned, and nobody has
// recorded it, it records a deploy event, and tells the forge. A file that names
// another version is a warning while what is assigned was never deployed, for it
// may wait for a merge, and a FAIL afterwards; one that names what the ledger
// does not know is a FAIL.
//
// What could not be done for one stage does not keep the others from being done:
// the errors come together, with what was found.
func Deployed(ctx context.Context, w *workspace.Workspace, opts Options) (*Seen, error) {
	seen := &Seen{}
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	var findings []report.Finding
	var errs []error
	opts.Wrote = 0
	if len(l.State.Artifacts) == 0 {
		seen.Report = report.New(nil)
		return seen, nil
	}
	b, err := readBranch(ctx, w, l)
	if err != nil {
		return nil, fmt.Errorf("look what is deployed: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(l.State.Artifacts)) {
		a := l.State.Artifacts[name]
		m, err := b.manifest(w, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("look whether %s is deployed: %w", name, err))
			continue
		}
		for _, stage := range slices.Sorted(maps.Keys(a.Stages)) {
			d := newDelivery(w, l, b, m, name, stage, opts)
			d.assigned(&a.Stages[stage].Tenure)
			if err := d.look(); err != nil {
				errs = append(errs, fmt.Errorf("look whether %s is deployed in %s: %w", name, stage, err))
				continue
			}
			if len(d.result.Files) == 0 {
				continue
			}
			seen.Results = append(seen.Results, d.result)
			found, err := d.seen(ctx)
			findings = append(findings, found...)
			seen.Recorded = append(seen.Recorded, d.result.Recorded...)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s is deployed in %s: %w", name, stage, err))
			}
		}
	}
	seen.Report = report.New(findings)
	seen.Report.Title = "deployed"
	return seen, errors.Join(errs...)
}

// seen says what the files of one stage tell, and records it.
func (d *delivery) seen(ctx context.Context) ([]report.Finding, error) {
	d.judge()
	out := slices.Clone(d.result.Findings)
	held := d.held()
	if held != nil { // nobody is to merge it, nor to think that all is well
		out = append(out, *held)
	}
	for i := range d.result.Files {
		if f := &d.result.Files[i]; f.State == Planned && held == nil {
			out = append(out, d.differs(f))
		}
	}
	if !d.result.Effective {
		return out, nil
	}
	p := d.problem(&report.Location{File: d.result.Files[0].Path}, "%s has %s on the branch %s, as assigned by event %d", d.stage, d.version.Version, d.branch, d.tenure.Event)
	p.Verdict = report.Pass
	if held == nil {
		out = append(out, *p.Finding)
	}
	if d.tenure.Deployed != nil {
		return out, nil
	}
	err := errors.Join(d.record(ctx), d.announce(ctx))
	if err != nil { // what is recorded is not looked at again
		err = fmt.Errorf("%w; to do the rest, run: waybill promote %s@%s --to %s", err, d.name, d.version.Version, d.stage)
	}
	return out, err
}

// differs is the finding about a file that names something else than is
// assigned.
func (d *delivery) differs(f *File) report.Finding {
	c, there := f.Changes[0], (*ledger.Version)(nil)
	for _, one := range f.Changes {
		if v := d.named(one); v != nil && isHeld(d.l, d.name, v.Version) {
			c, there = one, v
			break
		}
	}
	says := report.Visible(c.Text)
	if c.Digest == none {
		says = "nothing"
	} else if v := d.named(c); v != nil {
		says = v.Version.String()
	}
	p := d.problem(&report.Location{File: f.Path, Line: c.Line}, "%s names %s, and %s is assigned by event %d", report.Visible(c.Path), says, d.version.Version, d.tenure.Event)
	p.Expected, p.Observed = d.version.Version.String(), says
	if there != nil {
		p.Message = fmt.Sprintf("%s names %s, which is held%s; %s is assigned by event %d", report.Visible(c.Path), says, d.why(there.Version), d.version.Version, d.tenure.Event)
		return *p.hint(fmt.Sprintf("put %s back: merge the pull request from %s, or where there is none run: waybill promote %s@%s --to %s",
			d.version.Version, d.branchOf(f), d.name, d.version.Version, d.stage))
	}
	if d.tenure.Deployed == nil {
		p.Severity = report.Warning
		p.Message += ": it is not merged yet"
		return *p.hint(fmt.Sprintf("merge the pull request from %s; \"waybill promote %s@%s --to %s\" opens it where there is none", d.branchOf(f), d.name, d.version.Version, d.stage))
	}
	p.Message += fmt.Sprintf(", and was deployed by event %d: the file was edited afterwards", d.tenure.Deployed.Event)
	return *p.hint(fmt.Sprintf("undo that change, or record what is meant: waybill promote or rollback %s", d.name))
}

// named is the version that stands where c would write, nil where that is none.
func (d *delivery) named(c deploy.Change) *ledger.Version {
	a := d.l.State.Artifacts[d.name]
	if c.Digest != "" {
		return knownBy(a, c.Digest)
	}
	if !c.Version.IsZero() {
		return a.Version(c.Version)
	}
	return nil
}

// held is the finding about an assigned version that is held, nil where it is
// not. The way out is a rollback, which also takes the pull request back.
func (d *delivery) held() *report.Finding {
	if !isHeld(d.l, d.name, d.version.Version) {
		return nil
	}
	at := &report.Location{File: manifest.ProjectFile}
	if len(d.result.Files) > 0 {
		at.File = d.result.Files[0].Path
	}
	p := d.problem(at, "%s, which is assigned to %s by event %d, is held%s: it is not written into any file",
		d.version.Version, d.stage, d.tenure.Event, d.why(d.version.Version))
	return p.hint(fmt.Sprintf("roll back, which closes a pull request that would write it: waybill rollback %s --stage %s --reason TEXT; or lift the hold: waybill hold %s@%s --release --reason TEXT",
		d.name, d.stage, d.name, d.version.Version))
}

// why is the reason of a hold, to stand behind it.
func (d *delivery) why(v ref.Version) string {
	const most = 200
	reason := []rune(report.Visible(d.l.State.Artifacts[d.name].Holds[v].Reason))
	switch {
	case len(reason) == 0:
		return ""
	case len(reason) > most:
		return " (" + string(reason[:most]) + "…)"
	}
	return " (" + string(reason) + ")"
}
