package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/changes"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) diffCommand() *cobra.Command {
	var o diffFlags
	c := &cobra.Command{
		Use:   "diff REFERENCE [REFERENCE]",
		Short: "What differs between two states of a model or a dataset: files, columns, rows, tensors",
		Long: `A bare name is the working tree. One reference is compared with the working tree, a bare name with its newest version.
Rows are matched by --key, or by a column that the manifest says is unique; else, and where keys repeat, whole
rows are compared. Of models, tensors, vocabulary, configuration and interface are compared, and by how much values
changed. Only files that differ are read, or fetched. Differences are information: the exit code is 0.
Values of rows are shown as report.samples of waybill.yaml allows.`,
		Example: `  waybill diff reviews                              # the newest version and the working tree
  waybill diff reviews@v1.0.0 reviews --key id
  waybill diff reviews#production reviews@v1.1.0 --format markdown
  waybill diff reviews --from origin/main --to HEAD  # the locks of two commits`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return a.diff(args, o) },
	}
	c.Flags().StringSliceVar(&o.key, "key", nil, "columns that together identify a row")
	c.Flags().StringVar(&o.from, "from", "", "Git revision whose lock is the side before")
	c.Flags().StringVar(&o.to, "to", "", "Git revision whose lock is the side after (default the working tree)")
	return c
}

type diffFlags struct {
	key      []string
	from, to string
}

func (a *app) diff(args []string, o diffFlags) error {
	refs, err := diffRefs(args, o)
	if err != nil {
		return usageError{fmt.Errorf("diff: %w", err)}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	from, to, err := a.diffSides(w, refs, o, len(args) == 1 && refs[0].Bare())
	if err != nil {
		return fmt.Errorf("diff %s: %w", refs[0].Name, err)
	}
	d, err := changes.Compare(a.ctx, w, from, to, changes.Options{Key: o.key, Warn: a.warn})
	if err != nil {
		return fmt.Errorf("diff %s: %w", refs[0].Name, err)
	}
	if d.Data != nil {
		if problem := d.Data.Problem(); problem != nil {
			a.warn(fmt.Sprintf("diff %s: %v", d.Artifact, problem))
			a.code = exitOutside
		}
	}
	if d.Fetched > 0 {
		a.note("fetched %s: the files that differ, and of others the headers", bytesText(d.Fetched))
	}
	return a.result(d, d.Sections()...)
}

// diffRefs reads the arguments: two references of one artifact, or one to
// compare with the working tree or by revisions.
func diffRefs(args []string, o diffFlags) ([]ref.Reference, error) {
	var refs []ref.Reference
	for _, arg := range args {
		r, err := ref.Parse(arg)
		if err != nil {
			return nil, err
		}
		refs = append(refs, r)
	}
	switch {
	case len(refs) == 2 && refs[0].Name != refs[1].Name:
		return nil, fmt.Errorf("%s and %s are not states of one artifact", args[0], args[1])
	case o.to != "" && o.from == "":
		return nil, errors.New("--to needs --from, the revision to compare with")
	case o.from != "" && (len(refs) == 2 || !refs[0].Bare()):
		return nil, errors.New("--from and --to take the name of an artifact, without a version and alone")
	case len(refs) == 1:
		refs = append(refs, ref.Reference{Name: refs[0].Name, Split: refs[0].Split})
	case refs[0].Split != refs[1].Split:
		return nil, fmt.Errorf("%s and %s are not of one split", args[0], args[1])
	}
	return refs, nil
}

// diffSides resolves both sides; newest says that the first is the newest
// version although it is a bare name.
func (a *app) diffSides(w *workspace.Workspace, refs []ref.Reference, o diffFlags, newest bool) (from, to changes.Side, err error) {
	var l *workspace.Ledger
	if o.from == "" {
		if l, err = w.Ledger(a.ctx); err != nil {
			return from, to, err
		}
	}
	side := func(r ref.Reference, revision string, newest bool) (s changes.Side, err error) {
		switch {
		case revision != "":
			s, err = changes.At(a.ctx, w, r.Name, revision)
		case r.Bare() && !newest:
			s, err = changes.Working(a.ctx, w, r.Name)
		default:
			s, err = changes.Version(a.ctx, w, l, r)
		}
		if err == nil && r.Split != "" {
			err = s.Only(r.Split)
		}
		return s, err
	}
	if from, err = side(refs[0], o.from, newest); err != nil {
		return from, to, err
	}
	if to, err = side(refs[1], o.to, false); err != nil {
		return from, to, err
	}
	if from.Artifact.Kind != to.Artifact.Kind {
		return from, to, workspace.Usage("it was a %s and is a %s", from.Artifact.Kind, to.Artifact.Kind)
	}
	return from, to, nil
}
