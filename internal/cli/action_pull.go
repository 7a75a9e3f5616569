package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) actionPullCommand() *cobra.Command {
	return a.actionVerb("pull", "Fetch artifacts in a job, verified, through a cache of the runner",
		`Pulls like "waybill pull". Files are kept in a cache by their digest; each is hashed again before it is used, and the content digest of
the artifact is computed anew, so that a cache that somebody wrote to costs time and nothing else.`, a.actionPull)
}

// fetched is one artifact in the output artifacts.
type fetched struct {
	Name          string     `json:"name"`
	Version       string     `json:"version"` // "" for content that is not registered
	ContentDigest ref.Digest `json:"contentDigest"`
	Path          string     `json:"path"`
}

func (a *app) actionPull(s *step) error {
	a.dir = filepath.Join(s.dir, filepath.FromSlash(s.Input("working-directory")))
	refs, err := pullReferences(s.List("names"))
	if err != nil {
		return usageError{err}
	}
	a.useCache(s)
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	l, err := w.Ledger(a.ctx)
	if err != nil {
		return err
	}
	var out []fetched
	var shown []pulled
	hit := true
	for _, r := range refs {
		path, o, err := a.pullTarget(s, w, r, len(refs) > 1)
		if err != nil {
			return err
		}
		one, err := a.pullOne(w, l, r, o)
		if err != nil {
			return err
		}
		hit = hit && one.Bytes <= one.uncached
		out = append(out, fetched{r.Name, one.Version.String(), one.ContentDigest, path})
		shown = append(shown, one)
	}
	if err := a.pullOutputs(s, out, hit); err != nil {
		return err
	}
	return a.showPulled(shown)
}

func pullReferences(names []string) ([]ref.Reference, error) {
	if len(names) == 0 {
		return nil, errors.New("input names: it names no reference to fetch, such as sentiment@v1.2.0 or sentiment#production")
	}
	var refs []ref.Reference
	seen := map[string]bool{}
	for _, n := range names {
		r, err := ref.Parse(n)
		if err != nil {
			return nil, fmt.Errorf("input names: %w", err)
		}
		if seen[r.Name] {
			return nil, fmt.Errorf("input names: %s stands there twice, and its files would go to one folder; fetch one of them in another step", r.Name)
		}
		seen[r.Name] = true
		refs = append(refs, r)
	}
	return refs, nil
}

// useCache keeps files where the input says, else where they may outlive the
// job. WAYBILL_CACHE of the job stands.
func (a *app) useCache(s *step) {
	dir, getenv := s.Input("cache"), a.getenv
	switch {
	case dir != "":
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(s.dir, dir)
		}
		if absolute, err := filepath.Abs(dir); err == nil {
			dir = absolute // the project may be elsewhere
		}
	case getenv("WAYBILL_CACHE") != "" || s.context.ToolCache == "":
		return
	default:
		dir = filepath.Join(s.context.ToolCache, "waybill-cache")
	}
	a.getenv = func(key string) string {
		if key == "WAYBILL_CACHE" {
			return dir
		}
		return getenv(key)
	}
}

// pullTarget is where the files of r go: in the folder of the input dir, each
// artifact in its own when there are several; or where the manifest is.
func (a *app) pullTarget(s *step, w *workspace.Workspace, r ref.Reference, several bool) (string, pullFlags, error) {
	dir := s.Input("dir")
	if dir == "" {
		m, err := w.Artifact(r.Name)
		if err != nil {
			return "", pullFlags{}, err
		}
		return w.Dir(m), pullFlags{}, nil
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.dir, filepath.FromSlash(dir))
	}
	if several {
		dir = filepath.Join(dir, r.Name)
	}
	dir, err := filepath.Abs(dir)
	return dir, pullFlags{dir: dir}, err
}

func (a *app) pullOutputs(s *step, out []fetched, hit bool) error {
	data, err := json.Marshal(out)
	if err != nil {
		return err
	}
	values := map[string]string{"artifacts": string(data), "cache-hit": strconv.FormatBool(hit), "path": "", "digest": "", "version": ""}
	if len(out) == 1 {
		values["path"], values["digest"], values["version"] = out[0].Path, string(out[0].ContentDigest), out[0].Version
	}
	return s.outputs(values, "artifacts", "path", "digest", "version", "cache-hit")
}
