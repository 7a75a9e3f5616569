package ledger

import (
	"fmt"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// Healthy says when a version counts as having been healthy in a stage.
type Healthy struct {
	// Deployed asks that a deployment file said so; being assigned does not do.
	Deployed bool
	// Soak is how long it stayed, from when it was deployed if Deployed, else
	// from when it was assigned.
	Soak time.Duration
}

// in tells why a tenure that ended does not show that its version was healthy,
// "" when it does.
func (h Healthy) in(t *Tenure) string {
	since := t.Since
	if h.Deployed {
		if t.Deployed == nil {
			return "was never recorded as deployed there"
		}
		if t.Deployed.At.After(since) {
			since = t.Deployed.At
		}
	}
	if stayed := max(0, t.Until.Sub(since)); stayed < h.Soak {
		return fmt.Sprintf("stayed for %s, less than %s", stayed, h.Soak)
	}
	return ""
}

// Candidate is a version that was in a stage before.
type Candidate struct {
	Version ref.Version
	Why     string // it cannot be gone back to; "" when it can
}

// Candidates are the versions that were in a stage before the current one, the
// newest first: those that are held, deprecated, were rolled back the last time
// they were there, or never were healthy there, say so. From a version that
// came by a rollback it goes further back: what that rollback left or passed
// over is out.
func (a *Artifact) Candidates(stage string, h Healthy) []Candidate {
	current := a.Stages[stage]
	if current == nil {
		return nil
	}
	seen := map[ref.Version]bool{current.Version: true}
	var out []Candidate
	for _, t := range current.before() {
		v := a.Version(t.Version)
		if seen[t.Version] || v == nil { // none cannot be in a folded state, only in a forged cache
			continue
		}
		seen[t.Version] = true
		why := t.passed
		if why == "" {
			why = a.unfit(v)
		}
		if why == "" {
			why = current.Unhealthy(t.Version, h)
		}
		out = append(out, Candidate{t.Version, why})
	}
	return out
}

// LastGood returns the version that a stage can be rolled back to: the first of
// its Candidates that nothing speaks against. When there is none the error wraps
// ErrNoGood and says why each candidate is out.
func LastGood(s *State, artifact, stage string, h Healthy) (Version, error) {
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
	var out []string
	for _, c := range a.Candidates(stage, h) {
		if c.Why == "" {
			return *a.Version(c.Version), nil
		}
		out = append(out, c.Version.String()+" "+c.Why)
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

// earlier is a tenure to go back to, unless passed says why not.
type earlier struct {
	*Tenure
	passed string
}

// before lists the tenures that a rollback looks at, newest first. Where a
// version came by a rollback, it goes on from where that version was before, so
// that no second rollback undoes the first. What a rollback ended is always
// among what the next one passes over.
func (a *Assignment) before() []earlier {
	var out []earlier
	t := &a.Tenure
	for i := len(a.History) - 1; i >= 0; i-- {
		if t.Kind == KindRollback {
			j := i
			for j >= 0 && a.History[j].Version != t.Version {
				j--
			}
			for ; i > j; i-- {
				c := earlier{Tenure: &a.History[i]}
				if c.passed = "was rolled back"; !c.RolledBack {
					c.passed = fmt.Sprintf("was passed over by the rollback to %s", t.Version)
				}
				out = append(out, c)
			}
			if j < 0 {
				break // a rollback to what was never there: all of it was passed over
			}
		}
		t = &a.History[i]
		out = append(out, earlier{Tenure: t})
	}
	return out
}

// unfit tells what speaks against v wherever it was.
func (a *Artifact) unfit(v *Version) string {
	if _, held := a.Holds[v.Version]; held {
		return "is on hold"
	}
	if v.Deprecated != nil {
		return "is deprecated"
	}
	return ""
}

// Unhealthy tells why no earlier tenure of v shows that it was healthy there,
// "" when one does. One that a rollback ended shows nothing. Of several reasons
// it is the newest's.
func (a *Assignment) Unhealthy(v ref.Version, h Healthy) string {
	why, before := "", false
	for i := len(a.History) - 1; i >= 0; i-- {
		t := &a.History[i]
		if t.Version != v {
			continue
		}
		problem := "was rolled back"
		if !t.RolledBack {
			problem = h.in(t)
		}
		if problem == "" {
			return ""
		}
		if !before {
			why, before = problem, true
		}
	}
	if !before {
		return "was never there before"
	}
	return why
}
