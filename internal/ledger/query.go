package ledger

import (
	"fmt"

	"github.com/waybill-dev/waybill/internal/ref"
)

// Version returns the registered version v, nil when there is none. What it
// points to belongs to the state.
func (a *Artifact) Version(v ref.Version) *Version {
	for i := len(a.Versions) - 1; i >= 0; i-- {
		if a.Versions[i].Version == v {
			return &a.Versions[i]
		}
	}
	return nil
}

// ByContent returns the version that has this content digest, nil when none.
func (a *Artifact) ByContent(d ref.Digest) *Version {
	for i := len(a.Versions) - 1; i >= 0; i-- {
		if a.Versions[i].ContentDigest == d {
			return &a.Versions[i]
		}
	}
	return nil
}

// Latest returns the greatest version, nil when none is registered. It is
// what GTO calls latest.
func (a *Artifact) Latest() *Version {
	var latest *Version
	for i := range a.Versions {
		if latest == nil || compare(a.Versions[i].Version, latest.Version) > 0 {
			latest = &a.Versions[i]
		}
	}
	return latest
}

// CanRegister tells why version of the artifact name cannot be registered for
// contentDigest at commit, nil when it can. When the content is registered
// already the error wraps ErrUnchanged and names its version.
func (s *State) CanRegister(name string, version ref.Version, commit string, contentDigest ref.Digest) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("register %s@%s: %w", name, version, fmt.Errorf(format, args...))
	}
	if err := ref.CheckName(name); err != nil {
		return refuse("%w", err)
	}
	if version.IsZero() {
		return refuse("a version is needed; the first is usually v0.1.0")
	}
	a := s.Artifacts[name]
	if a == nil {
		return nil
	}
	if same := a.ByContent(contentDigest); same != nil {
		return refuse("this content is %s@%s: %w", name, same.Version, ErrUnchanged)
	}
	latest := a.Latest()
	if latest == nil {
		return nil
	}
	if old := a.Version(version); old != nil {
		return refuse("the version exists (event %d, commit %.12s) with other content; the next is %s", old.Event, old.Commit, latest.Version.NextPatch())
	}
	// Without build metadata: precedence, as semver.org 2.0.0 section 10 has it.
	newer, newest := version, latest.Version
	newer.Build, newest.Build = "", ""
	if newer.Compare(newest) <= 0 {
		return refuse("it is not greater than %s; the next is %s", latest.Version, latest.Version.NextPatch())
	}
	for i := range a.Versions {
		if old := &a.Versions[i]; old.Commit == commit {
			return refuse("commit %.12s is %s already, and GTO stops at two versions of one artifact on one commit; register from a later commit", commit, old.Version)
		}
	}
	return nil
}
