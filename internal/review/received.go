package review

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
)

// File is the name of a story as JSON, among report files and in the artifact of
// a workflow run.
const File = "review.json"

// zipLimit is how large the artifact may be that holds a report of at most
// MaxJSON, beside whatever else was uploaded with it.
const zipLimit = 8 << 20

// Artifacts is what Received needs of a forge.
type Artifacts interface {
	RunArtifacts(ctx context.Context, runID int64) ([]forge.Artifact, error)
	DownloadArtifact(ctx context.Context, id, limit int64) ([]byte, error)
}

// Received reads the story that another workflow run left as an artifact with a
// name, the newest, since each attempt of a run leaves its own; nil when there is
// none. Whoever opens a pull request decides what is in it: see Parse.
func Received(ctx context.Context, f Artifacts, run int64, name string) (*Story, error) {
	all, err := f.RunArtifacts(ctx, run)
	if err != nil {
		return nil, err
	}
	var newest *forge.Artifact
	for i := range all {
		if a := &all[i]; a.Name == name && !a.Expired && (newest == nil || a.ID > newest.ID) {
			newest = a
		}
	}
	if newest == nil {
		return nil, nil
	}
	what := fmt.Sprintf("read artifact %q of run %d", name, run)
	if newest.Size > zipLimit {
		return nil, fmt.Errorf("%s: it has %d bytes, at most %d are read; upload only the file of output report", what, newest.Size, zipLimit)
	}
	data, err := f.DownloadArtifact(ctx, newest.ID, zipLimit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if sum := sha256.Sum256(data); newest.Digest != "" && newest.Digest != "sha256:"+hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("%s: its digest is not %s; run the job again", what, newest.Digest)
	}
	var story *Story
	out, err := storyIn(data)
	if err == nil {
		story, err = Parse(out)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return story, nil
}

// storyIn returns the one file of a zip that is of interest, by its exact name,
// in memory: nothing is unpacked, so no name in the zip leads anywhere.
func storyIn(data []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("it is no zip: %w", err)
	}
	var found *zip.File
	for _, f := range z.File {
		if f.Name != File {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("it has two files %s", File)
		}
		found = f
	}
	switch {
	case found == nil:
		return nil, fmt.Errorf("it has no file %s; upload the file of output report", File)
	case !found.Mode().IsRegular():
		return nil, fmt.Errorf("%s in it is no file", File)
	}
	r, err := found.Open()
	if err != nil {
		return nil, fmt.Errorf("%s in it: %w", File, err)
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, MaxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("%s in it: %w", File, err)
	}
	return out, nil // Parse refuses what is too long
}

// RunHead is what a workflow run was about, as the forge tells it.
type RunHead struct{ Owner, Repo, Branch, SHA string }

// Heads is what PullRequestOf needs of a forge.
type Heads interface {
	PullRequestsByHead(ctx context.Context, owner, branch string) ([]forge.PullRequest, error)
}

// PullRequestOf finds the open pull request that a run was about, nil when its
// head has moved on. The event's own list is empty for forks, and nothing that
// the run wrote is asked: a report could name another's pull request.
func PullRequestOf(ctx context.Context, f Heads, head RunHead) (*forge.PullRequest, error) {
	if head.Owner == "" || head.Branch == "" {
		return nil, nil // the fork was deleted
	}
	all, err := f.PullRequestsByHead(ctx, head.Owner, head.Branch)
	if err != nil {
		return nil, err
	}
	var found *forge.PullRequest
	for i := range all {
		pr := &all[i]
		if pr.Head.SHA != head.SHA || !strings.EqualFold(pr.Head.Repo, head.Repo) || !strings.EqualFold(pr.Head.Owner, head.Owner) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("pull requests %d and %d have the same head %.12s: which one the report is about cannot be told", found.Number, pr.Number, head.SHA)
		}
		found = pr
	}
	return found, nil
}
