package ledger

import (
	"fmt"
	"strings"

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

// LastGood returns the version that a stage can be rolled back to: of the
// versions that were there before, the newest that is not the current one,
// not held, not deprecated, and not itself rolled back the last time it was
// there. When there is none the error wraps ErrNoGood and says why each
// candidate is out.
func LastGood(s *State, artifact, stage string) (Version, error) {
	none := func(why string) (Version, error) {
		return Version{}, fmt.Errorf("%s#%s: %w: %s", artifact, stage, ErrNoGood, why)
	}
	a := s.Artifacts[artifact]
	if a == nil {
		return none("the artifact is not registered")
	}
	current := a.Stages[stage]
	if current == nil {
		return none("no version was ever there")
	}
	seen := map[ref.Version]bool{current.Version: true}
	var out []string
	for i := len(current.History) - 1; i >= 0; i-- {
		t := &current.History[i]
		if seen[t.Version] {
			continue
		}
		seen[t.Version] = true
		v := a.Version(t.Version)
		if v == nil {
			continue // cannot be in a folded state, only in a forged cache
		}
		_, held := a.Holds[t.Version]
		switch {
		case t.RolledBack:
			out = append(out, fmt.Sprintf("%s was rolled back", t.Version))
		case held:
			out = append(out, fmt.Sprintf("%s is on hold", t.Version))
		case v.Deprecated != nil:
			out = append(out, fmt.Sprintf("%s is deprecated", t.Version))
		default:
			return *v, nil
		}
	}
	if len(out) == 0 {
		return none(fmt.Sprintf("%s is the first version there", current.Version))
	}
	const shown = 5
	if len(out) > shown {
		out = append(out[:shown], fmt.Sprintf("%d more", len(out)-shown))
	}
	return none(strings.Join(out, ", "))
}
