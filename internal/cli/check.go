package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [REFERENCE…]",
		Short: "Run the checks and gates and explain each failure",
		Long: `A bare name is the working tree or, where its files were not pulled, what the lock names; NAME@VERSION and NAME#STAGE are fetched from the registry and checked by the
manifest they were registered with. Without names: everything in the working tree. Exits 1 on FAIL, 3 on INCONCLUSIVE.`,
		Example: "  waybill check\n  waybill check reviews --format markdown\n  waybill check sentiment#production",
		RunE:    func(_ *cobra.Command, names []string) error { return a.check(names) },
	}
}

func (a *app) check(args []string) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	scratch, err := os.MkdirTemp("", "waybill-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	var targets []check.Target
	if len(args) == 0 {
		args = w.Names()
		if len(args) == 0 {
			return usageError{fmt.Errorf("there is no model.yaml or dataset.yaml yet; run \"waybill add\"")}
		}
	}
	for i, arg := range args {
		r, err := ref.Parse(arg)
		if err != nil {
			return usageError{err}
		}
		t, err := a.target(w, r, filepath.Join(scratch, fmt.Sprint(i), "files"))
		if err != nil {
			return fmt.Errorf("check %s: %w", arg, err)
		}
		targets = append(targets, t)
	}
	r, err := check.Run(a.ctx, w, targets...)
	if err != nil {
		return err
	}
	return a.report(r)
}

func (a *app) target(w *workspace.Workspace, r ref.Reference, dir string) (check.Target, error) {
	if r.Bare() {
		m, err := w.Artifact(r.Name)
		if err != nil {
			return check.Target{}, err
		}
		t, err := check.Working(a.ctx, w, m)
		if !errors.Is(err, fs.ErrNotExist) || t.Lock == nil || !t.Lock.Pushed() || !check.Absent(a.ctx, w, m, t.Lock) {
			return t, err
		}
		a.note("%s: its files are not here; taking those that the lock names (%s) from the registry", m.Name, t.Lock.ContentDigest.Short())
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return t, err
		}
		return check.Fetched(a.ctx, w, m, t.Lock, dir)
	}
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return check.Target{}, err
	}
	what, err := w.Resolve(a.ctx, l, r)
	if err != nil {
		return check.Target{}, err
	}
	var m *manifest.Artifact
	var lock *manifest.Lock
	if what.Commit == "" {
		if m, err = w.Artifact(r.Name); err == nil {
			lock, err = w.Lock(m)
		}
	} else if m, err = w.ArtifactAt(what.Commit, r.Name); err == nil {
		lock, err = w.LockAt(what.Commit, m)
	}
	if err != nil {
		return check.Target{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return check.Target{}, err
	}
	t, err := check.Fetched(a.ctx, w, m, lock, dir)
	t.Commit = what.Commit
	return t, err
}
