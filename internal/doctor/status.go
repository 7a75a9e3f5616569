package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// State is where one artifact stands, in short words for a table.
type State struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Manifest string `json:"manifest"` // "ok"; broken ones do not get this far
	Lock     string `json:"lock"`     // "ok", "missing", "conflicted", "invalid"
	Tree     string `json:"tree"`     // "ok", "changed", "missing", "invalid", "unknown" (no lock to compare with)
	Registry string `json:"registry"` // "ok", "not pushed", "unknown" (no lock, or it could not be asked)
	Ledger   string `json:"ledger"`   // "ok", "not registered", "unknown" (no lock)
	// Version is the one that the lock's content is registered as, "" for none.
	Version string `json:"version,omitempty"`
	// Stages are what the stages hold now, whatever the lock says.
	Stages map[string]string `json:"stages,omitempty"`
	// Next is the command that brings the artifact forward, "" when there is
	// none to give.
	Next string `json:"next,omitempty"`
}

// Status tells for each of artifacts how manifest, working tree, lock, registry
// and ledger compare. It asks the registry once for each artifact; one that
// does not answer is no error.
func Status(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, artifacts []*manifest.Artifact) ([]State, error) {
	states := make([]State, 0, len(artifacts))
	reg := asker{w: w}
	for _, a := range artifacts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := State{Name: a.Name, Kind: string(a.Kind), Manifest: "ok",
			Tree: "unknown", Registry: "unknown", Ledger: "unknown"}
		lock, word, _ := readLock(w, a)
		s.Lock = word
		// Files that are missing are worth saying without a lock, too.
		tree, err := treeDigest(ctx, w, a)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.Tree = "missing"
		case err != nil:
			s.Tree = "invalid"
		case lock != nil && tree == lock.ContentDigest:
			s.Tree = "ok"
		case lock != nil:
			s.Tree = "changed"
		}
		if lock != nil {
			if s.Registry, err = registryWord(ctx, &reg, a, lock); err != nil {
				return nil, err
			}
		}
		fillLedger(&s, l, lock)
		s.Next = next(w.Project, l, s)
		states = append(states, s)
	}
	return states, nil
}

func registryWord(ctx context.Context, reg *asker, a *manifest.Artifact, lock *manifest.Lock) (string, error) {
	if !lock.Pushed() {
		return "not pushed", nil
	}
	_, err := reg.resolve(ctx, a.Name, string(lock.Encoding.Digest))
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, workspace.ErrNotFound):
		return "not pushed", nil
	case err != nil:
		return "unknown", nil
	}
	return "ok", nil
}

func fillLedger(s *State, l *workspace.Ledger, lock *manifest.Lock) {
	if lock != nil {
		s.Ledger = "not registered"
	}
	known := l.State.Artifacts[s.Name]
	if known == nil {
		return
	}
	for stage, now := range known.Stages {
		if s.Stages == nil {
			s.Stages = map[string]string{}
		}
		s.Stages[stage] = now.Version.String()
	}
	if lock == nil {
		return
	}
	if v := known.ByContent(lock.ContentDigest); v != nil {
		s.Ledger, s.Version = "ok", v.Version.String()
	}
}

// next gives one step; after it the next status gives the one that follows.
func next(p *manifest.Project, l *workspace.Ledger, s State) string {
	switch {
	case s.Tree == "invalid" || s.Tree == "missing" && s.Registry != "ok":
		return "" // only a person knows where the files are
	case s.Lock == "conflicted" && s.Tree == "missing":
		return ""
	case s.Tree == "missing":
		return "waybill pull " + s.Name
	case s.Lock != "ok" || s.Tree == "changed" || s.Registry == "not pushed":
		return "waybill push " + s.Name
	case s.Version == "":
		return "waybill register " + s.Name
	}
	if known := l.State.Artifacts[s.Name]; known != nil {
		version, err := ref.ParseVersion(s.Version)
		if err != nil {
			return ""
		}
		_, held := known.Holds[version]
		v := known.Version(version)
		if held || known.Deprecated != nil || v == nil || v.Deprecated != nil {
			return ""
		}
	}
	for _, stage := range p.Stages {
		if s.Stages[stage.Name] != s.Version {
			return fmt.Sprintf("waybill promote %s --to %s", s.Name, stage.Name)
		}
	}
	return ""
}

// readLock returns the lock of a and a word about it; without a lock the error
// says why. A merge conflict has a word of its own, because it is mended
// differently.
func readLock(w *workspace.Workspace, a *manifest.Artifact) (*manifest.Lock, string, error) {
	lock, err := w.Lock(a)
	switch {
	case err == nil:
		return lock, "ok", nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, "missing", err
	}
	// Git writes its markers at the beginning of a line.
	if data, readErr := os.ReadFile(w.Path(a.LockPath())); readErr == nil {
		if bytes.HasPrefix(data, []byte("<<<<<<< ")) || bytes.Contains(data, []byte("\n<<<<<<< ")) {
			return nil, "conflicted", err
		}
	}
	return nil, "invalid", err
}

// treeDigest is the content digest of the files in the working tree.
func treeDigest(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact) (ref.Digest, error) {
	files, err := artifact.Scan(ctx, w.Root(), a, w.Stats(), nil)
	if err != nil {
		return "", err
	}
	return manifest.ContentDigest(files)
}
