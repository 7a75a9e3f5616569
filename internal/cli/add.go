package cli

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func (a *app) addCommand() *cobra.Command {
	c := &cobra.Command{Use: "add", Short: "Write the manifest of a dataset or a model",
		Example: "  waybill add dataset reviews data/*.csv\n  waybill add dataset reviews data/*.csv --infer\n  waybill add model sentiment model.safetensors vocab.json"}
	for _, kind := range []manifest.Kind{manifest.KindDataset, manifest.KindModel} {
		word := strings.ToLower(string(kind))
		infer := false
		one := &cobra.Command{
			Use:   word + " NAME FILE…",
			Short: "Write " + word + ".yaml beside these files",
			Args:  cobra.MinimumNArgs(2),
			RunE:  func(_ *cobra.Command, args []string) error { return a.add(kind, args[0], args[1:], infer) },
		}
		if kind == manifest.KindDataset {
			one.Example = "  waybill add dataset reviews data/*.csv\n  waybill add dataset reviews data/train.csv data/test.csv --infer"
			one.Flags().BoolVar(&infer, "infer", false, "read the data, and propose columns and checks that it passes")
		}
		c.AddCommand(one)
	}
	return c
}

// add writes a manifest into the deepest folder that holds all files. With
// infer it says what they hold.
func (a *app) add(kind manifest.Kind, name string, args []string, infer bool) error {
	if err := ref.CheckName(name); err != nil {
		return usageError{err}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	if slices.Contains(w.Names(), name) {
		other, _ := w.Artifact(name)
		return usageError{fmt.Errorf("the name %q is taken by %s", name, other.Path)}
	}
	files, err := a.inRepository(w.Repo, args)
	if err != nil {
		return err
	}
	dir := path.Dir(files[0])
	for _, f := range files {
		for dir != "." && !strings.HasPrefix(f, dir+"/") {
			dir = path.Dir(dir)
		}
	}
	// A folder that is called data/ belongs to the manifest above it.
	if path.Base(dir) == "data" {
		dir = path.Dir(dir)
	}
	for i, f := range files {
		if dir != "." {
			files[i] = strings.TrimPrefix(f, dir+"/")
		}
	}
	file := manifest.DatasetFile
	if kind == manifest.KindModel {
		file = manifest.ModelFile
	}
	target := path.Join(dir, file)
	if _, err := os.Lstat(w.Path(target)); err == nil {
		return usageError{fmt.Errorf("%s exists already; put the files of %s into a folder of their own", target, name)}
	}
	data, err := manifestFor(kind, name, files)
	if err != nil {
		return err
	}
	did, next, inferred := "", "edit it (columns, checks, gates), then run: waybill push "+name, any(nil)
	if infer {
		proposal, err := a.infer(w.Path(dir), dir, files)
		if err != nil {
			return err
		}
		if proposal == nil {
			did = ", and no columns: nothing could be inferred, there are no rows"
		} else {
			data = append(data, proposal.YAML...)
			did, inferred = proposed(proposal), proposal
			next = "edit it (what holds for these rows need not be meant), then run: waybill check " + name
		}
	}
	p, err := check.Parser()
	if err != nil {
		return err
	}
	if _, err := p.Artifact(target, data); err != nil {
		return err
	}
	if err := cas.WriteFile(w.Path(target), data, 0o644); err != nil {
		return err
	}
	text := fmt.Sprintf("wrote %s with %s%s\nnext: %s", target, report.Count(int64(len(files)), "file"), did, next)
	result := map[string]any{"apiVersion": report.APIVersion, "manifest": target, "files": files}
	if inferred != nil {
		result["inferred"] = inferred
	}
	return a.result(result, report.TextSection("", text))
}

// inRepository turns arguments into paths relative to the repository's root.
func (a *app) inRepository(repo *gitrepo.Repo, args []string) ([]string, error) {
	base, err := filepath.Abs(a.workDir())
	if err != nil {
		return nil, err
	}
	if base, err = filepath.EvalSymlinks(base); err != nil {
		return nil, err
	}
	root, err := filepath.EvalSymlinks(repo.Root())
	if err != nil {
		return nil, err
	}
	var out []string
	for _, arg := range args {
		p := arg
		if !filepath.IsAbs(p) {
			p = filepath.Join(base, p)
		}
		// A glob that the shell did not expand.
		matches, err := filepath.Glob(p)
		if err != nil || len(matches) == 0 {
			return nil, usageError{fmt.Errorf("%s: no such file", arg)}
		}
		for _, m := range matches {
			rel, err := filepath.Rel(root, m)
			if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
				return nil, usageError{fmt.Errorf("%s: is not in the repository %s", arg, root)}
			}
			out = append(out, filepath.ToSlash(rel))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// manifestFor writes the smallest manifest that says what is known. Datasets
// whose files are called train…, test… or validation… get these splits.
func manifestFor(kind manifest.Kind, name string, files []string) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nname: %s\n", manifest.APIVersion, kind, name)
	var value any = files
	if kind == manifest.KindDataset {
		if splits := splitsOf(files); splits != nil {
			value = splits
		}
	}
	y, err := yaml.Marshal(map[string]any{"files": value})
	if err != nil {
		return nil, err
	}
	b.Write(y)
	return []byte(b.String()), nil
}

func splitsOf(files []string) map[string][]string {
	splits := map[string][]string{}
	for _, f := range files {
		found := ""
		for _, s := range []string{"train", "test", "validation"} {
			if strings.HasPrefix(strings.ToLower(path.Base(f)), s) {
				found = s
			}
		}
		if found == "" {
			return nil
		}
		splits[found] = append(splits[found], f)
	}
	return splits
}
