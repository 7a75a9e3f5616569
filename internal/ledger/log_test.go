package ledger

import (
	"bytes"
	"errors"
	"maps"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFileName(t *testing.T) {
	for seq, want := range map[int64]string{1: "events/000000.jsonl", 100: "events/000000.jsonl", 101: "events/000001.jsonl", maxSeq: "events/999999.jsonl"} {
		if got := FileName(seq); got != want {
			t.Errorf("%d: %s, want %s", seq, got, want)
		}
	}
}

func TestReadNothing(t *testing.T) {
	log, err := readFiles(map[string][]byte{"README.md": []byte("what this branch is")})
	if err != nil || len(log.Events()) != 0 || log.Head() != (Head{}) {
		t.Errorf("got %v, %v", log, err)
	}
}

func TestReadAcrossFiles(t *testing.T) {
	h := newHistory(t).random(rand.New(rand.NewSource(1)), 320, false)
	log := h.log()
	if !reflect.DeepEqual(log.Events(), h.events) || log.Head() != h.state.Head {
		t.Error("what was read is not what was written")
	}
	if len(h.files) != int(h.state.Head.Seq-1)/EventsPerFile+1 {
		t.Errorf("%d files for %d events", len(h.files), h.state.Head.Seq)
	}
	for name, data := range h.files {
		if n := bytes.Count(data, []byte("\n")); n > EventsPerFile {
			t.Errorf("%s has %d lines", name, n)
		}
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := Read([]string{FileName(1)}, func(string) ([]byte, error) { return nil, broken })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), FileName(1)) {
		t.Error(err)
	}
}

// Every way to damage a ledger of three files is refused, and the place named.
func TestReadRefuses(t *testing.T) {
	h := newHistory(t).random(rand.New(rand.NewSource(2)), 230, true)
	first, second, third := FileName(1), FileName(101), FileName(201)
	edit := func(name string, change func(lines []string) []string) func(map[string][]byte) {
		return func(files map[string][]byte) {
			files[name] = []byte(strings.Join(change(lines(files[name])), ""))
		}
	}
	replace := func(name string, line int, old, new string) func(map[string][]byte) {
		return edit(name, func(l []string) []string {
			changed := strings.Replace(l[line-1], old, new, 1)
			if changed == l[line-1] {
				t.Fatalf("%s does not occur in %s", old, l[line-1])
			}
			l[line-1] = changed
			return l
		})
	}
	for name, c := range map[string]struct {
		damage func(map[string][]byte)
		file   string
		line   int
		says   string
	}{
		"a byte of an event":     {replace(first, 17, `"octocat"`, `"octocats"`), first, 18, "one of the two was changed"},
		"the last event of file": {replace(first, 100, `"octocat"`, `"octocats"`), second, 1, "one of the two was changed"},
		"bad JSON":               {replace(second, 3, `{`, `[`), second, 3, "not canonical JSON"},
		"wrong seq":              {replace(second, 3, `"seq":103`, `"seq":104`), second, 3, "seq is 104, expected 103"},
		"a line gone":            {edit(second, func(l []string) []string { return slices.Delete(l, 4, 5) }), second, 5, "seq is 106, expected 105"},
		"two lines swapped":      {edit(second, func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }), second, 2, "seq is 103"},
		"a line twice":           {edit(third, func(l []string) []string { return slices.Insert(l, 5, l[4]) }), third, 6, "stand twice"},
		"the first line gone":    {edit(first, func(l []string) []string { return l[1:] }), first, 1, "seq is 2, expected 1"},
		"an empty line":          {edit(third, func(l []string) []string { return slices.Insert(l, 5, "\n") }), third, 6, "not canonical JSON"},
		"Windows line ends":      {edit(first, func(l []string) []string { l[0] = strings.TrimSuffix(l[0], "\n") + "\r\n"; return l }), first, 1, "follows the object"},
		"the end cut off":        {func(f map[string][]byte) { f[third] = f[third][:len(f[third])-9] }, third, 0, "cut off"},
		"the newline cut off":    {func(f map[string][]byte) { f[third] = f[third][:len(f[third])-1] }, third, 0, "cut off"},
		"an empty file":          {func(f map[string][]byte) { f[third] = nil }, third, 0, "empty"},
		"a middle file gone":     {func(f map[string][]byte) { delete(f, second) }, third, 0, second + " is expected here"},
		"the first file gone":    {func(f map[string][]byte) { delete(f, first) }, second, 0, first + " is expected here"},
		"a file too many":        {func(f map[string][]byte) { f["events/notes.txt"] = []byte("hello\n") }, "events/notes.txt", 0, "does not belong"},
		"a file too short":       {edit(second, func(l []string) []string { return l[:99] }), second, 0, "99 lines, 100 expected"},
		"a file too long": {func(f map[string][]byte) {
			f[first] = append(f[first], lines(f[second])[0]...)
		}, first, 0, "more than 100 lines"},
		"a huge file": {func(f map[string][]byte) { f[first] = make([]byte, maxFile+1) }, first, 0, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{}
			for name, data := range h.files {
				files[name] = bytes.Clone(data)
			}
			c.damage(files)
			_, err := readFiles(files)
			got := asCorrupt(t, err)
			if got.File != c.file || got.Line != c.line || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %s:%d: %s\nwant %s:%d: … %s …", got.File, got.Line, got.Reason, c.file, c.line, c.says)
			}
			if len(err.Error()) > 600 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}

// A truncated ledger is valid: that is why the head is anchored in tags.
func TestTruncationKeepsChain(t *testing.T) {
	h := newHistory(t).random(rand.New(rand.NewSource(3)), 150, true)
	files := maps.Clone(h.files)
	files[FileName(101)] = []byte(lines(files[FileName(101)])[0])
	log, err := readFiles(files)
	if err != nil || log.Head().Seq != 101 {
		t.Errorf("got %v, %v", log, err)
	}
}

// chain writes events as they are, past the rules of Next.
func chain(t *testing.T, events ...Event) map[string][]byte {
	t.Helper()
	var head Head
	var data []byte
	for _, e := range events {
		e.APIVersion, e.Seq, e.Previous = APIVersion, head.Seq+1, head.previous()
		line, err := e.Line()
		if err != nil {
			t.Fatal(err)
		}
		data = append(append(data, line...), '\n')
		head = Head{Seq: e.Seq, Hash: Hash(line)}
	}
	return map[string][]byte{FileName(1): data}
}

func TestReadRefusesTimeGoingBack(t *testing.T) {
	h := newHistory(t)
	a, b, other := h.register("sentiment", "v0.1.0"), h.register("sentiment", "v0.2.0"), h.register("reviews", "v0.1.0")
	a.Time, b.Time, other.Time = day, day.Add(-time.Second), day.Add(-time.Hour)
	if _, err := readFiles(chain(t, a, other)); err != nil {
		t.Errorf("another artifact may be earlier: %v", err)
	}
	_, err := readFiles(chain(t, a, other, b))
	if c := asCorrupt(t, err); c.Seq != 3 || c.Line != 3 || !strings.Contains(c.Reason, "lies before an earlier event of sentiment") {
		t.Errorf("got %+v", c)
	}
}

func TestUnknownKind(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"))
	e := h.promote("sentiment", "v0.1.0", "production")
	events := h.add(e)
	line, err := events[0].Line()
	if err != nil {
		t.Fatal(err)
	}
	name := FileName(1)
	newer := strings.Replace(string(line), `"kind":"promote"`, `"kind":"canary-start"`, 1)
	h.files[name] = []byte(lines(h.files[name])[0] + newer + "\n")
	log := h.log()
	if u := log.Unknown(); len(u) != 1 || u[0].Kind != "canary-start" || u[0].Seq != 2 {
		t.Fatalf("unknown: %+v", u)
	}
	state, err := Fold(log.Events())
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Artifacts["sentiment"].Stages) != 0 || state.Head != log.Head() {
		t.Errorf("folded to %+v", state)
	}
	_, err = Next(log.Head(), state, day, about(KindHold, "sentiment", "v0.1.0"))
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "canary-start") || !strings.Contains(err.Error(), "upgrade waybill") {
		t.Errorf("got %v", err)
	}
	// The cache must not make writers forget it.
	data, err := state.MarshalCache()
	if err != nil {
		t.Fatal(err)
	}
	var cached State
	if err := cached.UnmarshalCache(data); err != nil {
		t.Fatal(err)
	}
	if _, err = Next(log.Head(), &cached, day, about(KindHold, "sentiment", "v0.1.0")); !errors.Is(err, ErrNewer) {
		t.Errorf("from the cache: %v", err)
	}
	if tags, err := Projection(log.Events()); err != nil || len(tags) != 1 {
		t.Errorf("tags %v, %v", tags, err)
	}
}

func TestAppendRefuses(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"))
	next, err := Next(h.state.Head, h.state, h.now, about(KindHold, "sentiment", "v0.1.0"), about(KindReleaseHold, "sentiment", "v0.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	one, _ := next[0].Line()
	two, _ := next[1].Line()
	for name, c := range map[string]struct {
		read  func(string) ([]byte, error)
		head  Head
		lines [][]byte
		says  string
	}{
		"not the next":         {h.read, h.state.Head, [][]byte{two}, "does not follow"},
		"wrong order":          {h.read, h.state.Head, [][]byte{two, one}, "does not follow"},
		"another head":         {h.read, Head{Seq: 1, Hash: strings.Repeat("a", 64)}, [][]byte{one}, "does not follow"},
		"not an event":         {h.read, h.state.Head, [][]byte{[]byte("x")}, "append event 2"},
		"the file has changed": {func(string) ([]byte, error) { return append(bytes.Clone(h.files[FileName(1)]), one...), nil }, h.state.Head, [][]byte{one}, "changed meanwhile"},
		"the file is another": {func(n string) ([]byte, error) {
			return bytes.Replace(h.files[n], []byte("octocat"), []byte("hubotxx"), 1), nil
		}, h.state.Head, [][]byte{one}, "changed meanwhile"},
		"the file is gone": {func(string) ([]byte, error) { return nil, errors.New("gone") }, h.state.Head, [][]byte{one}, "gone"},
	} {
		if _, err := Append(c.read, c.head, c.lines); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
	}
	before := bytes.Clone(h.files[FileName(1)])
	buffer := append(bytes.Clone(before), make([]byte, 4096)...) // the caller's, with room behind the file
	changed, err := Append(func(string) ([]byte, error) { return buffer[:len(before)], nil }, h.state.Head, [][]byte{one, two})
	if err != nil {
		t.Fatal(err)
	}
	if want := string(before) + string(one) + "\n" + string(two) + "\n"; len(changed) != 1 || string(changed[FileName(1)]) != want {
		t.Errorf("got %q", changed)
	}
	if !bytes.Equal(buffer, append(bytes.Clone(before), make([]byte, 4096)...)) {
		t.Error("the caller's buffer was changed")
	}
}

func TestAsOf(t *testing.T) {
	forEachHistory(t, 100, false, func(t *testing.T, h *history) {
		log := h.log()
		last := day
		for _, e := range h.events {
			if e.Time.After(last) {
				last = e.Time
			}
		}
		if !reflect.DeepEqual(log.AsOf(last), h.events) {
			t.Error("as of the newest event is not everything")
		}
		if len(log.AsOf(day.Add(-time.Hour))) != 0 {
			t.Error("something before the beginning")
		}
		// At any time: sorted by seq, and each artifact's events are a prefix, so it folds.
		for _, e := range h.events {
			events := log.AsOf(e.Time)
			if !slices.IsSortedFunc(events, func(a, b Event) int { return int(a.Seq - b.Seq) }) {
				t.Error("not ordered by seq")
			}
			if _, err := Fold(events); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAsOfIsPrefixWhenTimesAreMonotone(t *testing.T) {
	forEachHistory(t, 100, true, func(t *testing.T, h *history) {
		log := h.log()
		prefix := new(State)
		for i, e := range h.events {
			if err := prefix.Apply(e); err != nil {
				t.Fatal(err)
			}
			got, err := Fold(log.AsOf(e.Time))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, prefix) {
				t.Fatalf("as of event %d differs from the fold of the first %d", e.Seq, i+1)
			}
		}
	})
}
