package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/modelscan"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) scanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "scan FILE|FOLDER|REFERENCE…",
		Short: "Whether model files are safe to load: pickles, archives, configurations, templates",
		Long: `Looks for what would run, hide or reach out when a file is loaded, and executes nothing. What a file is, its content
decides; archives are looked into. Of a version in the registry only the parts that can hold code are fetched.
A file without findings yields none. Of a model in the registry, the waivers under ignore: of its manifest hold. Exit code 1: a file is not safe; 3: something could not be looked into to
its end. The rules are in docs/security-rules.md.`,
		Example: `  waybill scan model.pt
  waybill scan models/ --format sarif --output scan.sarif
  waybill scan sentiment@v1.2.0 --format json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.scan(args) },
	}
}

// While it scans, the process collects garbage less often: of small files that
// is a quarter of the time. The limit is for large ones.
const (
	scanGarbage = 400 // per cent
	scanMemory  = 128 << 20
)

func (a *app) scan(args []string) error {
	defer debug.SetGCPercent(debug.SetGCPercent(scanGarbage))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(scanMemory))
	var findings []report.Finding
	for _, arg := range args {
		found, waivers, err := a.scanOne(arg)
		if err != nil {
			return err
		}
		findings = append(findings, modelscan.Report(found, waivers, a.now())...)
	}
	return a.report(report.New(findings))
}

// scanOne scans a file, a folder or an artifact. An artifact has waivers: those
// that its manifest in the working tree has today, also for older versions.
func (a *app) scanOne(arg string) ([]modelscan.Finding, []modelscan.Waiver, error) {
	if _, err := os.Stat(a.inDir(arg)); errors.Is(err, fs.ErrNotExist) {
		r, isReference := a.asReference(arg)
		if !isReference {
			return nil, nil, usageError{fmt.Errorf("scan %s: there is no such file or folder, and it is not a reference like NAME@v1.0.0", arg)}
		}
		return a.scanReference(r)
	}
	found, err := modelscan.Path(a.ctx, a.inDir(arg), modelscan.Options{})
	for i := range found { // as it was asked for
		// The names of members are what they are: no path of ours to be cleaned.
		file, members, isMember := strings.Cut(found[i].Path, "!")
		if rel, err := filepath.Rel(a.workDir(), file); err == nil && !filepath.IsAbs(arg) {
			found[i].Path = filepath.ToSlash(rel)
			if isMember {
				found[i].Path += "!" + members
			}
		}
	}
	return found, nil, err
}

// scanReference scans the files of a version in the registry.
func (a *app) scanReference(r ref.Reference) ([]modelscan.Finding, []modelscan.Waiver, error) {
	w, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	defer w.SaveStats()
	var waivers []modelscan.Waiver
	if artifact, err := w.Artifact(r.Name); err == nil {
		waivers = modelcheck.Waivers(artifact)
	}
	found, err := a.scanVersion(w, r)
	return found, waivers, err
}

func (a *app) scanVersion(w *workspace.Workspace, r ref.Reference) ([]modelscan.Finding, error) {
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return nil, err
	}
	what, _, err := a.locate(w, l, r)
	if err != nil {
		return nil, err
	}
	remote, open, ranges, err := a.remoteFiles(w, r.Name, what)
	if err != nil {
		return nil, fmt.Errorf("scan %s: %w", r, err)
	}
	sizes := map[string]int64{}
	for _, f := range remote.Files {
		sizes[f.Path] = f.Size
	}
	var found []modelscan.Finding
	for _, f := range remote.Files {
		blob, size, err := open(f.Path)
		if err != nil {
			return nil, fmt.Errorf("scan %s: %w", r, err)
		}
		more, err := modelscan.File(a.ctx, blob, size, f.Path, modelscan.Options{Stat: sizesBeside(sizes, f.Path)})
		if err != nil {
			return nil, fmt.Errorf("scan %s: %w", r, err)
		}
		found = append(found, more...)
	}
	if a.verbose {
		a.note("fetched %s in %d requests", bytesText(ranges.Bytes), ranges.Requests)
	}
	return found, nil
}

// sizesBeside answers for the files of an artifact what Stat does for those of
// a folder.
func sizesBeside(sizes map[string]int64, file string) func(string) (int64, error) {
	return func(name string) (int64, error) {
		size, ok := sizes[filepath.ToSlash(filepath.Join(filepath.Dir(file), name))]
		if !ok {
			return 0, fs.ErrNotExist
		}
		return size, nil
	}
}
