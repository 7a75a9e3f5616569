package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/doctor"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

func (a *app) gcCommand() *cobra.Command {
	var apply bool
	var grace string
	c := &cobra.Command{
		Use:   "gc",
		Short: "Delete from the registry what nothing names any more",
		Long: `Shows what was pushed and is named by no lock, at the tips of all branches and tags, at HEAD or in the working
tree, and by no version of the ledger. Only manifests that have no other tags than those that push sets are looked at:
anything else is somebody's. --apply deletes them, with their evidence, when they have been unused for the grace.

A registry on the network does not tell how old something is: there the grace begins when gc first sees it unused,
which is remembered in .git/waybill/gc.json. Registries collect the blobs themselves; an OCI layout folder loses them
here. REGISTRY/NAME must belong to this repository alone.`,
		Example: "  waybill gc\n  waybill gc --apply --grace 30d",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			age, err := manifest.ParseDuration(grace)
			if grace == "0" {
				age, err = 0, nil
			}
			if err != nil {
				return usageError{fmt.Errorf("--grace: %w", err)}
			}
			return a.gc(doctor.GCOptions{Apply: apply, Grace: age})
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "delete; without it nothing changes")
	c.Flags().StringVar(&grace, "grace", "30d", "how long it must have been unused")
	return c
}

func (a *app) gc(opts doctor.GCOptions) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return err
	}
	g, err := doctor.CollectGarbage(a.ctx, w, l, opts)
	if errors.Is(err, doctor.ErrReach) {
		fmt.Fprintf(a.stderr, "waybill: %s\n", visible(err.Error()))
		a.code = exitFail
		return nil
	}
	if err != nil {
		return err
	}
	if n := g.Failed(); n > 0 {
		a.note("%d of %d could not be deleted", n, len(g.Items))
		a.code = exitOutside
	}
	return a.result(g, gcSections(g, opts.Grace)...)
}

func gcSections(g *doctor.Garbage, grace time.Duration) []report.Section {
	var rows [][]string
	var bytes int64
	for _, item := range g.Items {
		state := item.State
		switch state {
		case doctor.StateWaits:
			state = "waits until " + item.Since.Add(grace).Format(time.DateOnly)
		case doctor.StateFailed:
			state += ": " + item.Error
		case doctor.StateGoes, doctor.StateDeleted:
			bytes += item.Bytes
		}
		rows = append(rows, []string{item.Artifact, strings.Join(item.Tags, " "), item.Digest.Short(), bytesText(item.Bytes),
			item.Since.Format(time.DateOnly), state, item.Why})
	}
	summary := fmt.Sprintf("encodings in use: %d; ", g.Kept)
	switch {
	case len(rows) == 0:
		summary += "none was found that nothing names"
	case bytes == 0:
		summary += "nothing goes yet"
	case g.Applied:
		summary += bytesText(bytes) + " were named by what was deleted"
	default:
		summary += bytesText(bytes) + " are named by what --apply would delete"
	}
	switch n := g.Blobs.Count; {
	case n == 0:
	case g.Applied:
		summary += fmt.Sprintf("; %d blobs (%s) were removed", n, bytesText(g.Blobs.Bytes))
	default:
		summary += fmt.Sprintf("; %d blobs (%s) belong to no manifest", n, bytesText(g.Blobs.Bytes))
	}
	sections := []report.Section{report.TextSection("", summary)}
	if len(rows) > 0 {
		sections = append([]report.Section{report.TableSection("", []string{"artifact", "tags", "digest", ">bytes", "since", "what", "why"}, rows)}, sections...)
	}
	return sections
}
