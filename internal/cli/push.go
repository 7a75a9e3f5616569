package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/lock"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/transfer"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) pushCommand() *cobra.Command {
	var chunk string
	var withoutProfiles bool
	c := &cobra.Command{
		Use:   "push [NAME…]",
		Short: "Bring bytes, predictions and profiles to the registry and write the locks",
		Long: `Uploads what the registry does not have, attaches predictions, result files and the profiles of tables as evidence, and then writes the
lock: a push that is cut off leaves the lock as it was, and running it again sends only the rest. Without names: everything.
Only tables that changed are profiled; checks that compare with this version then need not fetch it.
How a registry takes uploads is chosen by its host; --profile and --chunk are for hosts that stand before others.`,
		Example: "  waybill push\n  waybill push sentiment\n  waybill push --chunk 4MiB      # a proxy limits the size of a request",
		RunE: func(_ *cobra.Command, names []string) error {
			if chunk != "" {
				n, err := manifest.ParseSize(chunk)
				if err != nil {
					return usageError{fmt.Errorf("--chunk: %w", err)}
				}
				// registry.Options has 0 for "as the profile says".
				if a.chunk = n; n == 0 {
					a.chunk = -1
				}
			}
			return a.push(names, !withoutProfiles)
		},
	}
	c.Flags().BoolVar(&withoutProfiles, "without-profiles", false, "do not profile the tables of datasets")
	c.Flags().StringVar(&chunk, "chunk", "", "send blobs in requests of this size, 0 for whole ones (default by registry)")
	c.Flags().StringVar(&a.profile, "profile", "", "treat the registry as generic, ghcr, ecr, gar, acr, dockerhub or quay (default by host)")
	return c
}

type pushed struct {
	Name          string     `json:"name"`
	ContentDigest ref.Digest `json:"contentDigest"`
	Digest        ref.Digest `json:"digest"`
	Repository    string     `json:"repository"`
	Tag           string     `json:"tag"`
	Uploaded      int        `json:"uploaded"`
	Skipped       int        `json:"skipped"`
	Bytes         int64      `json:"bytes"`
	LockChanged   bool       `json:"lockChanged"`
	Image         string     `json:"image,omitempty"` // for a volume of Kubernetes
}

func (a *app) push(names []string, profiles bool) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	out, err := a.pushAll(w, names, profiles)
	if err != nil {
		return err
	}
	return a.showPushed(out)
}

// pushAll pushes the artifacts called names, all of them when there are none.
func (a *app) pushAll(w *workspace.Workspace, names []string, profiles bool) ([]pushed, error) {
	artifacts, err := w.Select(names)
	if err != nil {
		return nil, err
	}
	if len(artifacts) == 0 {
		return nil, usageError{fmt.Errorf("there is no model.yaml or dataset.yaml yet; run \"waybill add\"")}
	}
	out := []pushed{}
	for _, m := range artifacts {
		p, err := a.pushOne(w, m, profiles)
		if err != nil {
			return nil, fmt.Errorf("push %s: %w", m.Name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (a *app) showPushed(out []pushed) error {
	rows := make([][]string, len(out))
	for i, p := range out {
		lockWord := "unchanged"
		if p.LockChanged {
			lockWord = "written"
		}
		rows[i] = []string{p.Name, p.ContentDigest.Short(), fmt.Sprint(p.Uploaded), fmt.Sprint(p.Skipped), bytesText(p.Bytes), lockWord, p.Repository}
	}
	return a.result(map[string]any{"apiVersion": report.APIVersion, "pushed": out},
		report.TableSection("", []string{"artifact", "content", ">sent", ">there", ">bytes", "lock", "repository"}, rows))
}

func (a *app) pushOne(w *workspace.Workspace, m *manifest.Artifact, profiles bool) (pushed, error) {
	var out pushed
	hashing := a.progress("hashing", m.Name, 0)
	r, err := lock.Compute(a.ctx, w, m, lock.Options{Progress: hashing.bytes})
	hashing.end()
	if err != nil {
		return out, err
	}
	for _, advice := range artifact.Advice(r.Files) {
		a.warn(advice)
	}
	wantsImage := m.Model != nil && m.Model.Kubernetes
	if wantsImage {
		if err := artifact.CheckImage(r.Files); err != nil {
			return out, err
		}
	}
	repo, err := w.Repository(m.Name)
	if err != nil {
		return out, err
	}
	stats, err := a.send(w, m, repo, r)
	if err != nil {
		return out, err
	}
	for _, item := range r.Evidence {
		if _, err := evidence.Attach(a.ctx, repo, r.Encoding.Desc, item); err != nil {
			return out, err
		}
	}
	if profiles && m.Dataset != nil {
		if err := a.pushProfiles(w, m, repo, r); err != nil {
			return out, err
		}
	}
	tag := a.versionTag(w, m.Name, r.Lock.ContentDigest)
	if tag == "" {
		tag = "lock-" + r.Lock.ContentDigest.Short()
		if err := repo.Tag(a.ctx, r.Encoding.Desc, tag); err != nil {
			return out, err
		}
	}
	if wantsImage {
		if out.Image, err = a.sendImage(w, m, repo, r, artifact.ImageTag(tag), &stats); err != nil {
			return out, err
		}
	}
	changed, err := lock.Write(w, m, r.Lock)
	if err != nil {
		return out, err
	}
	w.SetHeld(m.Name, r.Encoding.Digest())
	for _, s := range r.Stale {
		a.warn(fmt.Sprintf("%s: lineage.stale: %s (%s) has changed since this model was made from it", m.Name, s.Name, s.Role))
	}
	return pushed{Image: out.Image, Name: m.Name, ContentDigest: r.Lock.ContentDigest, Digest: r.Lock.Encoding.Digest, Repository: repo.String(), Tag: tag,
		Uploaded: stats.Uploaded, Skipped: stats.Skipped, Bytes: stats.Bytes, LockChanged: changed}, nil
}

// send brings the bytes of r into repo, as layers or as packs.
func (a *app) send(w *workspace.Workspace, m *manifest.Artifact, repo registry.Repository, r *lock.Result) (transfer.Stats, error) {
	files := len(r.Files)
	if r.Encoding == nil {
		files = 0 // packs move, not files
	}
	sending := a.progress("sending", m.Name, files)
	defer sending.end()
	opts := transfer.Options{Progress: sending.event}
	dir := w.Dir(m)
	open := artifact.Files(dir)
	if r.Encoding == nil {
		enc, stats, err := artifact.PushPacked(a.ctx, repo, r.Files, open, artifact.PackOptions{
			Options: opts, Previous: a.earlier(w, m, ""),
			Unchanged: func(f manifest.File, info fs.FileInfo) bool {
				known, ok := w.Stats().Known(filepath.Join(dir, filepath.FromSlash(f.Path)), info)
				return ok && known.Digest == f.Digest
			},
		})
		if err == nil {
			r.Packed(enc)
		}
		return stats, err
	}
	stats, err := artifact.Push(a.ctx, repo, r.Encoding, r.Files, artifact.Dir(dir), artifact.PushOptions{Options: opts, MountFrom: a.holders(w, m)})
	if err != nil || r.Previous == nil {
		return stats, err
	}
	return stats, artifact.PushIndex(a.ctx, repo, r.Encoding, artifact.Changed(r.Files, r.Previous.Files), open)
}

// pushProfiles attaches the profiles of the tables. What cannot be read as a
// table has none; that is for the checks to fail.
func (a *app) pushProfiles(w *workspace.Workspace, m *manifest.Artifact, repo registry.Repository, r *lock.Result) error {
	reading := a.progress("profiling", m.Name, 0)
	set, err := check.MakeProfiles(a.ctx, w, check.Target{Artifact: m, Dir: w.Dir(m), Files: r.Files, Content: r.Lock.ContentDigest, Lock: r.Previous}, reading.bytes)
	reading.end()
	if err != nil || len(set.Entries) == 0 {
		return err
	}
	for _, skipped := range set.Skipped {
		a.warn(fmt.Sprintf("no profile: %v", skipped))
	}
	item, err := set.Evidence(a.ctx)
	if err != nil {
		return err
	}
	_, err = evidence.Attach(a.ctx, repo, r.Encoding.Desc, item)
	return err
}

// sendImage brings the image of r into repo, names it tag, adds to stats what
// was sent, and returns what a pod calls it.
func (a *app) sendImage(w *workspace.Workspace, m *manifest.Artifact, repo registry.Repository, r *lock.Result, tag string, stats *transfer.Stats) (string, error) {
	open := artifact.Files(w.Dir(m))
	image, err := a.image(w, m, repo, r)
	if err != nil {
		return "", err
	}
	sending := a.progress("sending the image of", m.Name, len(image.Layers))
	sent, err := artifact.PushImage(a.ctx, repo, image, open, transfer.Options{Progress: sending.event})
	sending.end()
	if err != nil {
		return "", err
	}
	w.SetImage(r.Encoding.Digest(), ref.Digest(image.Desc.Digest))
	stats.Uploaded += sent.Uploaded
	stats.Skipped += sent.Skipped
	stats.Bytes += sent.Bytes
	return fmt.Sprintf("%s@%s", repo, image.Desc.Digest), repo.Tag(a.ctx, image.Desc, tag)
}

// image returns the image of r: the one that was pushed from here before, whose
// files need not be read again, or else a new one.
func (a *app) image(w *workspace.Workspace, m *manifest.Artifact, repo registry.Repository, r *lock.Result) (*artifact.Image, error) {
	if known := w.Image(r.Encoding.Digest()); known != "" {
		if image, err := artifact.ReadImage(a.ctx, repo, r.Encoding, r.Files, known); err == nil {
			return image, nil
		}
	}
	hashing := a.progress("hashing the image of", m.Name, 0)
	defer hashing.end()
	return artifact.BuildImage(a.ctx, r.Encoding, r.Files, artifact.Files(w.Dir(m)), hashing.bytes)
}

// holders tells which other artifacts have a file of this digest, so that the
// registry can take it from there.
func (a *app) holders(w *workspace.Workspace, m *manifest.Artifact) func(ref.Digest) []string {
	names := map[ref.Digest][]string{}
	for _, other := range w.Artifacts {
		if other == m {
			continue
		}
		if l, err := w.Lock(other); err == nil && l.Pushed() {
			for _, f := range l.Files {
				names[f.Digest] = append(names[f.Digest], other.Name)
			}
		}
	}
	return func(d ref.Digest) []string { return names[d] }
}

// versionTag returns the registry's tag of the version that has the content, ""
// when it is not registered. A ledger that cannot be read must not stop a push.
func (a *app) versionTag(w *workspace.Workspace, name string, content ref.Digest) string {
	l, err := w.Ledger(a.ctx)
	if err != nil {
		a.warn(err.Error())
		return ""
	}
	if s := l.State.Artifacts[name]; s != nil {
		if v := s.ByContent(content); v != nil {
			return v.Version.OCITag()
		}
	}
	return ""
}

func (a *app) lockCommand() *cobra.Command {
	var ours, theirs bool
	var trainedOn []string
	c := &cobra.Command{
		Use:   "lock [NAME…]",
		Short: "Write the locks anew, without a registry",
		Long: `Computes what the files are and writes the lock. Lineage is captured when the content changes, and otherwise
kept: locking again never claims that old weights saw new data; --trained-on does.`,
		Example: "  waybill lock sentiment --trained-on reviews@v1.4.0\n  waybill lock sentiment --theirs     # after a merge conflict",
		RunE: func(_ *cobra.Command, names []string) error {
			if ours && theirs {
				return usageError{errors.New("--ours and --theirs exclude each other")}
			}
			if ours || theirs {
				return a.lockSide(names, ours)
			}
			return a.lock(names, trainedOn)
		},
	}
	c.Flags().BoolVar(&ours, "ours", false, "resolve a merge conflict in the lock with our side")
	c.Flags().BoolVar(&theirs, "theirs", false, "resolve a merge conflict in the lock with their side")
	c.Flags().StringArrayVar(&trainedOn, "trained-on", nil, "dataset that the weights were trained on (repeatable)")
	return c
}

func (a *app) lock(names, trainedOn []string) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	artifacts, err := w.Select(names)
	if err != nil {
		return err
	}
	var opts lock.Options
	for _, s := range trainedOn {
		r, err := ref.Parse(s)
		if err != nil {
			return usageError{fmt.Errorf("--trained-on: %w", err)}
		}
		opts.TrainedOn = append(opts.TrainedOn, r)
	}
	var rows [][]string
	out := []map[string]any{}
	for _, m := range artifacts {
		o := opts
		if m.Kind != manifest.KindModel {
			o.TrainedOn = nil
		}
		hashing := a.progress("hashing", m.Name, 0)
		o.Progress = hashing.bytes
		r, err := lock.Compute(a.ctx, w, m, o)
		hashing.end()
		if err != nil {
			return fmt.Errorf("lock %s: %w", m.Name, err)
		}
		changed, err := lock.Write(w, m, r.Lock)
		if err != nil {
			return err
		}
		word := "unchanged"
		if changed {
			word = "written"
		}
		for _, s := range r.Stale {
			a.warn(fmt.Sprintf("%s: lineage.stale: %s (%s) has changed since this model was made from it", m.Name, s.Name, s.Role))
		}
		rows = append(rows, []string{m.Name, r.Lock.ContentDigest.Short(), fmt.Sprint(r.Lock.Total.Files), bytesText(r.Lock.Total.Bytes), word})
		out = append(out, map[string]any{"name": m.Name, "contentDigest": r.Lock.ContentDigest, "changed": changed, "stale": r.Stale})
	}
	return a.result(map[string]any{"apiVersion": report.APIVersion, "locks": out},
		report.TableSection("", []string{"artifact", "content", ">files", ">bytes", "lock"}, rows))
}

func (a *app) lockSide(names []string, ours bool) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	artifacts, err := w.Select(names)
	if err != nil {
		return err
	}
	done := []string{}
	for _, m := range artifacts {
		p := w.Path(m.LockPath())
		data, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		resolved, err := lock.TakeSide(data, ours)
		if err != nil {
			if len(names) == 0 {
				continue // only the locks in conflict are meant
			}
			return usageError{fmt.Errorf("%s: %w", m.LockPath(), err)}
		}
		if err := cas.WriteFile(p, resolved, 0o644); err != nil {
			return err
		}
		done = append(done, m.LockPath())
	}
	if len(done) == 0 {
		return usageError{errors.New("no lock has a merge conflict")}
	}
	return a.result(map[string]any{"apiVersion": report.APIVersion, "resolved": done}, report.TextSection("", fmt.Sprintf("resolved %v", done)))
}

// bytesText is a size for people, in SI units.
func bytesText(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1000, 0
	for f >= 999.95 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}
