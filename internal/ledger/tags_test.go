package ledger

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

func TestParseTag(t *testing.T) {
	const r, a, d, c = TagRegistration, TagAssignment, TagDeprecation, TagCreation
	for in, want := range map[string]TagName{
		"rf@v1.2.3":                {Kind: r, Artifact: "rf", Version: "v1.2.3"},
		"rf@v1.2.3#4":              {Kind: r, Artifact: "rf", Version: "v1.2.3", Counted: true, Counter: 4},
		"rf@v1.2.3!":               {Kind: r, Artifact: "rf", Version: "v1.2.3", Removed: true},
		"rf@v1.2.3!#2":             {Kind: r, Artifact: "rf", Version: "v1.2.3", Removed: true, Counted: true, Counter: 2},
		"rf@v1.0.0-rc.1+b2":        {Kind: r, Artifact: "rf", Version: "v1.0.0-rc.1+b2"},
		"rf@v0.0.1":                {Kind: r, Artifact: "rf", Version: "v0.0.1"},
		"rf#prod":                  {Kind: a, Artifact: "rf", Stage: "prod"},
		"rf#prod#3":                {Kind: a, Artifact: "rf", Stage: "prod", Counted: true, Counter: 3},
		"rf#prod!":                 {Kind: a, Artifact: "rf", Stage: "prod", Removed: true},
		"rf#prod!#4":               {Kind: a, Artifact: "rf", Stage: "prod", Removed: true, Counted: true, Counter: 4},
		"rf@deprecated":            {Kind: d, Artifact: "rf"},
		"rf@deprecated#5":          {Kind: d, Artifact: "rf", Counted: true, Counter: 5},
		"rf@created":               {Kind: c, Artifact: "rf"},
		"rf@created#1":             {Kind: c, Artifact: "rf", Counted: true, Counter: 1},
		"rf#1":                     {Kind: a, Artifact: "rf", Stage: "1"},
		"rf#1#2":                   {Kind: a, Artifact: "rf", Stage: "1", Counted: true, Counter: 2},
		"m#deprecated":             {Kind: a, Artifact: "m", Stage: "deprecated"},
		"m#created":                {Kind: a, Artifact: "m", Stage: "created"},
		"rf#prod#03":               {Kind: a, Artifact: "rf", Stage: "prod", Counted: true, Counter: 3},
		"rf#prod#0":                {Kind: a, Artifact: "rf", Stage: "prod", Counted: true},
		"m#prod/eu#1":              {Kind: a, Artifact: "m", Stage: "prod/eu", Counted: true, Counter: 1},
		"M_1/x-y#A_b":              {Kind: a, Artifact: "M_1/x-y", Stage: "A_b"},
		"a//b@v1.0.0":              {Kind: r, Artifact: "a//b", Version: "v1.0.0"},
		"./x=m@v1.0.0":             {Kind: r, Artifact: "./x=m", Version: "v1.0.0"},
		"a/../b=m@v1.0.0":          {Kind: r, Artifact: "a/../b=m", Version: "v1.0.0"},
		".h/x=m@v1.0.0":            {Kind: r, Artifact: ".h/x=m", Version: "v1.0.0"},
		"x.lock=m@v1.0.0":          {Kind: r, Artifact: "x.lock=m", Version: "v1.0.0"},
		"a./b=m@v1.0.0":            {Kind: r, Artifact: "a./b=m", Version: "v1.0.0"},
		"sub/dir=model#prod!#12":   {Kind: a, Artifact: "sub/dir=model", Stage: "prod", Removed: true, Counted: true, Counter: 12},
		"x#s#999999999999999999":   {Kind: a, Artifact: "x", Stage: "s", Counted: true, Counter: 999999999999999999},
		"rf@v1.0.0-alpha-1.0a#001": {Kind: r, Artifact: "rf", Version: "v1.0.0-alpha-1.0a", Counted: true, Counter: 1},
	} {
		got, err := ParseTag(in)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", in, got, err, want)
			continue
		}
		if back, err := ParseTag(got.String()); err != nil || back != got {
			t.Errorf("%s prints as %s", in, got)
		}
	}
	for _, in := range []string{
		"", "v1.2.3", "release-7", "rf", "rf@", "rf#", "@v1.0.0", "#prod", "rf@1.0.0", "rf@V1.0.0", "rf@v1.0", "rf@v1", "rf@v01.0.0", "rf@latest",
		"a.b@v1.0.0", "m#prod_", "_m#prod", "-m#prod", "m-#prod", "m_@v1.0.0", "a=b=m@v1.0.0", "=m@v1.0.0", "a=@v1.0.0", "mödel@v1.0.0", "m#pröd",
		"m@deprecated!", "m@created!", "m@deprecated!#1", "m@Deprecated", "m#prod!!", "m#!", "m#prod!x", "m#prod#", "m#prod#x", "m#prod#-1", "m#prod#+1", "m#prod#1!",
		"m#prod#1#2", "m@v1.0.0#1#2", "m@v1.0.0##", "m#a b", "m#prod\n", "m@v1.0.0\n", "m@v1.0.0-", "m@v1.0.0-01", "m@v1.0.0+", "m@@v1.0.0", "m@v1.0.0@v1.0.0",
		"m#prod#9999999999999999999", "m:x@v1.0.0", "a b=m@v1.0.0",
	} {
		if got, err := ParseTag(in); err == nil {
			t.Errorf("%q was read as %+v", in, got)
		}
	}
}

// gtoGrammar is the grammar of the package comment of ParseTag as a pattern.
var gtoGrammar = regexp.MustCompile(`^(?:[a-zA-Z0-9\-_./]+=)?[a-zA-Z0-9](?:[a-zA-Z0-9\-/_]*[a-zA-Z0-9])?` +
	`(?:(?:#[a-zA-Z0-9](?:[a-zA-Z0-9\-/_]*[a-zA-Z0-9])?` +
	`|@v(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?` +
	`)!?|@deprecated|@created)(?:#[0-9]+)?$`)

// longNumber: GTO counts further than ParseTag, and knows v0.0.0, which is no
// version here.
var longNumber = regexp.MustCompile(`[0-9]{18}|@v0\.0\.0(?:[!#]|$)`)

func FuzzTag(f *testing.F) {
	for _, s := range []string{"rf@v1.2.3!#2", "rf#1#2", "m@deprecated#5", "a/b=m@v1.0.0-rc.1+b", "m@created", "x#prod/eu!", "a=b=m@v1.0.0", "m#prod#03"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTag(s)
		if matches := gtoGrammar.MatchString(s); (err == nil) != matches && len(s) < 60 && !longNumber.MatchString(s) {
			t.Fatalf("%q: the grammar matches: %v, ParseTag: %+v, %v", s, matches, got, err)
		}
		if err != nil {
			return
		}
		back, err := ParseTag(got.String())
		if err != nil || back != got {
			t.Errorf("%q was read as %+v, printed as %q, read as %+v", s, got, got, back)
		}
	})
}

func TestGoldenTags(t *testing.T) {
	tags, err := Projection(story(t).events)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, tag := range tags {
		fmt.Fprintf(&out, "%s -> %s\n%s <%s> %s\n%s\n", tag.Name, tag.Target, tag.TaggerName, tag.TaggerEmail, tag.Time.Format(time.RFC3339), tag.Message)
	}
	golden(t, "testdata/story.tags.txt", []byte(out.String()))
}

func TestTaggerIsCleaned(t *testing.T) {
	for _, login := range []string{"octocat", "github-actions[bot]", "a <b@c>\nd", "<>", "\x00", "Zoë", "x\u2028y", "  "} {
		name, email := tagger(Actor{ID: 7, Login: login})
		for _, s := range []string{name, email} {
			if s == "" || strings.ContainsAny(s, "<>\n\x00\u2028") || strings.TrimSpace(s) != s {
				t.Errorf("%q: %q %q", login, name, email)
			}
		}
		if !regexp.MustCompile(`^7\+[-A-Za-z0-9_.\[\]]+@users\.noreply\.waybill\.dev$`).MatchString(email) {
			t.Errorf("%q: %q", login, email)
		}
	}
}

// A reason cannot forge a trailer.
func TestMessageHasOneEventTrailer(t *testing.T) {
	h := newHistory(t)
	e := h.register("sentiment", "v0.1.0")
	e.Reason = "x\nwaybill-event: 00\r\n\u0085\u2029waybill-event: 11"
	e = h.add(e)[0]
	tags, err := Tags(e, new(State))
	if err != nil || len(tags) != 1 {
		t.Fatal(tags, err)
	}
	want := "Registering artifact sentiment version v0.1.0\n\nwaybill-event: " + e.hash + "\nwaybill-reason: x waybill-event: 00 waybill-event: 11\n"
	if tags[0].Message != want {
		t.Errorf("got %q", tags[0].Message)
	}
}

// What a tag is depends neither on when nor from what it is computed.
func TestProjectionIsStable(t *testing.T) {
	forEachHistory(t, 200, false, func(t *testing.T, h *history) {
		all, err := Projection(h.events)
		if err != nil {
			t.Fatal(err)
		}
		read, err := Projection(h.log().Events())
		if err != nil || !reflect.DeepEqual(all, read) {
			t.Errorf("what is read gives other tags (%v)", err)
		}
		var one []Tag
		state := new(State)
		for i, e := range h.events {
			tags, err := Tags(e, state)
			if err != nil {
				t.Fatal(err)
			}
			one = append(one, tags...)
			if err := state.Apply(e); err != nil {
				t.Fatal(err)
			}
			if i%7 == 0 { // from the cache, as a second machine would
				state = reload(t, state)
			}
			if !slices.Equal(one, all[:len(one)]) {
				t.Fatalf("the tags of the first %d events are no prefix of all", i+1)
			}
		}
		if len(one) != len(all) {
			t.Errorf("%d tags one by one, %d at once", len(one), len(all))
		}
	})
}

// Every tag obeys the rules that gto and dvc need (gto-tags: annotated names
// of the grammar, unique, counters rising, never two events of a stage of a
// version in one second).
func TestTagRules(t *testing.T) {
	forEachHistory(t, 1000, false, func(t *testing.T, h *history) {
		tags, err := Projection(h.events)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		counters := map[string]int64{}
		newest := map[string]time.Time{}
		for _, tag := range tags {
			n, err := ParseTag(tag.Name)
			if err != nil || n.String() != tag.Name || n.Kind == TagCreation {
				t.Fatalf("%s: %+v, %v", tag.Name, n, err)
			}
			if names[tag.Name] {
				t.Errorf("%s twice", tag.Name)
			}
			names[tag.Name] = true
			if n.Counted != (n.Kind != TagRegistration) {
				t.Errorf("%s: only registrations have no counter", tag.Name)
			}
			if n.Counted {
				if n.Counter != counters[n.Artifact]+1 {
					t.Errorf("%s follows counter %d", tag.Name, counters[n.Artifact])
				}
				counters[n.Artifact] = n.Counter
			}
			// Within one event all removals share a second; else time moves on.
			if tag.Time.Before(newest[n.Artifact]) || tag.Time.Equal(newest[n.Artifact]) && !n.Removed {
				t.Errorf("%s at %s, the newest tag is of %s", tag.Name, tag.Time, newest[n.Artifact])
			}
			newest[n.Artifact] = tag.Time
			if len(tag.Target) != 40 || tag.Time.Nanosecond() != 0 || !strings.HasSuffix(tag.Message, "\n") {
				t.Errorf("%+v", tag)
			}
		}
		for name, a := range h.state.Artifacts {
			if a.Counter != counters[name] {
				t.Errorf("%s: counter %d, the tags say %d", name, a.Counter, counters[name])
			}
		}
	})
}

// gtoReader is what GTO and DVC make of tags, by their documented rules.
type gtoReader struct {
	versions map[string]map[string]ref.Version // artifact -> commit -> version
	stages   map[string][]Tag                  // "artifact#stage", by tagger date
	all      map[string][]Tag
}

func readAsGTO(t *testing.T, tags []Tag) *gtoReader {
	g := &gtoReader{versions: map[string]map[string]ref.Version{}, stages: map[string][]Tag{}, all: map[string][]Tag{}}
	// A fetch gives tags in the order of their names.
	tags = slices.Clone(tags)
	slices.SortFunc(tags, func(a, b Tag) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(tags, func(a, b Tag) int { return a.Time.Compare(b.Time) })
	for _, tag := range tags {
		n, err := ParseTag(tag.Name)
		if err != nil {
			t.Fatal(err)
		}
		g.all[n.Artifact] = append(g.all[n.Artifact], tag)
		switch n.Kind {
		case TagRegistration:
			if g.versions[n.Artifact] == nil {
				g.versions[n.Artifact] = map[string]ref.Version{}
			}
			if old, ok := g.versions[n.Artifact][tag.Target]; ok {
				t.Fatalf("ManyVersions: %s and %s on one commit", old, n.Version)
			}
			g.versions[n.Artifact][tag.Target] = ref.MustVersion(n.Version)
		case TagAssignment:
			key := n.Artifact + "#" + n.Stage
			g.stages[key] = append(g.stages[key], tag)
		}
	}
	return g
}

// active returns the newest assignment of every version that is in the stage:
// of its events there the newest is an assignment.
func (g *gtoReader) active(artifact, stage string) map[ref.Version]time.Time {
	in := map[ref.Version]time.Time{}
	for _, tag := range g.stages[artifact+"#"+stage] {
		n, _ := ParseTag(tag.Name)
		v := g.versions[artifact][tag.Target]
		if n.Removed {
			delete(in, v)
		} else {
			in[v] = tag.Time
		}
	}
	return in
}

// show: the newest assignment among the active.
func (g *gtoReader) show(artifact, stage string) (best ref.Version) {
	active := g.active(artifact, stage)
	for v, at := range active {
		if best.IsZero() || at.After(active[best]) {
			best = v
		}
	}
	return best
}

// which: the greatest version among the active.
func (g *gtoReader) which(artifact, stage string) (best ref.Version) {
	for v := range g.active(artifact, stage) {
		if best.IsZero() || v.Compare(best) > 0 {
			best = v
		}
	}
	return best
}

// dvc: the newest tag of the stage, even if it is a removal.
func (g *gtoReader) dvc(artifact, stage string) ref.Version {
	tags := g.stages[artifact+"#"+stage]
	return g.versions[artifact][tags[len(tags)-1].Target]
}

// latest: the greatest registered version.
func (g *gtoReader) latest(artifact string) (best ref.Version) {
	for _, v := range g.versions[artifact] {
		if best.IsZero() || v.Compare(best) > 0 {
			best = v
		}
	}
	return best
}

// All three readers name the version that the ledger names, for every stage,
// after every event.
func TestReadersOfTagsAgree(t *testing.T) {
	rollbacks := 0
	forEachHistory(t, 1000, false, func(t *testing.T, h *history) {
		var tags []Tag
		state := new(State)
		for _, e := range h.events {
			more, err := Tags(e, state)
			if err != nil {
				t.Fatal(err)
			}
			tags = append(tags, more...)
			if err := state.Apply(e); err != nil {
				t.Fatal(err)
			}
			if e.Kind == KindRollback {
				rollbacks++
			}
			g := readAsGTO(t, tags)
			a := state.Artifacts[e.Artifact]
			if got := g.latest(a.Name); a.Latest() != nil && got != a.Latest().Version {
				t.Errorf("latest %s, the ledger says %s", got, a.Latest().Version)
			}
			for stage, s := range a.Stages {
				show, which, dvc := g.show(a.Name, stage), g.which(a.Name, stage), g.dvc(a.Name, stage)
				if show != s.Version || which != s.Version || dvc != s.Version {
					t.Errorf("after event %d (%s) %s#%s: show %s, which %s, dvc %s; the ledger says %s", e.Seq, e.Kind, a.Name, stage, show, which, dvc, s.Version)
				}
			}
			if e.Kind == KindDeprecate && e.Version.IsZero() {
				all := g.all[a.Name]
				if n, _ := ParseTag(all[len(all)-1].Name); n.Kind != TagDeprecation {
					t.Errorf("after its deprecation the newest tag of %s is %+v", a.Name, n)
				}
			}
		}
	})
	if rollbacks < 100 {
		t.Errorf("only %d rollbacks: the histories prove little", rollbacks)
	}
}

// The usual cases write the fewest tags.
func TestTagsOfRollback(t *testing.T) {
	h := newHistory(t)
	for _, v := range []string{"v0.1.0", "v0.2.0", "v0.3.0"} {
		h.add(h.register("sentiment", v))
	}
	names := func(drafts ...Event) (out []string) {
		for _, e := range drafts {
			before := reload(t, h.state)
			e = h.add(e)[0]
			tags, err := Tags(e, before)
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range tags {
				v := slices.IndexFunc(h.state.Artifacts["sentiment"].Versions, func(v Version) bool { return v.Commit == tag.Target })
				out = append(out, fmt.Sprintf("%s %s +%d", tag.Name, h.state.Artifacts["sentiment"].Versions[v].Version, tag.Time.Sub(e.Time)/time.Second))
			}
		}
		return out
	}
	equal := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	equal(names(h.promote("sentiment", "v0.1.0", "production")), "sentiment#production#1 v0.1.0 +0")
	equal(names(h.promote("sentiment", "v0.2.0", "staging")), "sentiment#staging#2 v0.2.0 +0")
	equal(names(h.promote("sentiment", "v0.2.0", "production")), "sentiment#production#3 v0.2.0 +0")
	equal(names(h.rollback("sentiment", "v0.2.0", "v0.1.0", "production")),
		"sentiment#production!#4 v0.2.0 +0", "sentiment#production#5 v0.1.0 +1")
	equal(names(h.promote("sentiment", "v0.2.0", "production"), h.promote("sentiment", "v0.3.0", "production")),
		"sentiment#production#6 v0.2.0 +0", "sentiment#production#7 v0.3.0 +0")
	// Two versions back: the one between would come up again for `which`.
	equal(names(h.rollback("sentiment", "v0.3.0", "v0.1.0", "production")),
		"sentiment#production!#8 v0.2.0 +0", "sentiment#production!#9 v0.3.0 +0", "sentiment#production#10 v0.1.0 +1")
	// Back to a greater version: the bad one leaves all the same.
	equal(names(h.rollback("sentiment", "v0.1.0", "v0.2.0", "production")),
		"sentiment#production!#11 v0.1.0 +0", "sentiment#production#12 v0.2.0 +1")
	equal(names(h.promote("sentiment", "v0.2.0", "production")), "sentiment#production#13 v0.2.0 +0")
	equal(names(about(KindHold, "sentiment", "v0.2.0"), about(KindDeprecate, "sentiment", "v0.2.0"), h.deploy("sentiment", "v0.2.0", "production")))
	equal(names(about(KindDeprecate, "sentiment", "")), "sentiment@deprecated#14 v0.3.0 +0")
}

func reload(t *testing.T, s *State) *State {
	t.Helper()
	data, err := s.MarshalCache()
	if err != nil {
		t.Fatal(err)
	}
	out := new(State)
	if err := out.UnmarshalCache(data); err != nil {
		t.Fatal(err)
	}
	return out
}
