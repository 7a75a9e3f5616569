package profile

import (
	"bufio"
	"io"
	"slices"
)

// KeyRows are the rows of one key in one file.
type KeyRows struct {
	File  int
	Rows  int64
	First []int64 // their numbers; at most MaxPlaces
}

// KeyMatches is what comparing the keys of two data found.
type KeyMatches struct {
	Rows    int64    // ours whose key theirs have too
	Missing int64    // ours whose key theirs lack
	First   Examples // the first of Missing, without values
}

// CompareKeys looks up the keys of our rows among those of theirs. Both are of a
// Key with Across, of as many columns in the same order. matched, which may be
// nil, gets the rows of every key that both have, which are valid until it
// returns. Both sides are read once, in the order of keys.
func CompareKeys(ours, theirs *KeyFacts, matched func(ours, theirs []KeyRows)) (KeyMatches, error) {
	var out KeyMatches
	a, err := newKeyGroups(ours.across)
	if err != nil {
		return out, err
	}
	b, err := newKeyGroups(theirs.across)
	if err != nil {
		return out, err
	}
	for a.more {
		if err := a.next(); err != nil {
			return out, err
		}
		for b.more && (b.rows == 0 || lessKey(b.key, a.key)) {
			if err := b.next(); err != nil {
				return out, err
			}
		}
		if b.rows == 0 || !a.key.same(b.key) {
			out.Missing += a.rows
			for _, f := range a.files {
				for _, row := range f.First {
					out.First.insert(Example{Place: Place{f.File, row}})
				}
			}
			continue
		}
		out.Rows += a.rows
		if matched != nil {
			matched(a.files, b.files)
		}
	}
	return out, nil
}

func lessKey(a, b key) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// keyGroups walks a set key by key.
type keyGroups struct {
	in    *merger
	head  key // the next row
	more  bool
	key   key
	rows  int64
	files []KeyRows
}

func newKeyGroups(s *keySet) (*keyGroups, error) {
	in, err := s.merger()
	if err != nil {
		return nil, err
	}
	g := &keyGroups{in: in}
	g.head, g.more, err = in.next()
	return g, err
}

// next goes on to the next key, of which there is one if g.more.
func (g *keyGroups) next() error {
	g.key, g.rows, g.files = g.head, 0, g.files[:0]
	for g.more && g.head.same(g.key) {
		p := g.head.place()
		if n := len(g.files); n == 0 || g.files[n-1].File != p.File {
			g.files = append(g.files, KeyRows{File: p.File})
		}
		f := &g.files[len(g.files)-1]
		if f.Rows++; f.Rows <= MaxPlaces {
			f.First = append(f.First, p.Row)
		}
		g.rows++
		var err error
		if g.head, g.more, err = g.in.next(); err != nil {
			return err
		}
	}
	return nil
}

// merger returns all keys in the order of compareKeys.
func (s *keySet) merger() (*merger, error) {
	if len(s.full) > 0 || !slices.IsSortedFunc(s.keys, compareKeys) {
		s.keys = s.take() // to be asked again
	}
	keys := s.keys
	m := &merger{}
	if err := m.push(&cursor{memory: keys}); err != nil {
		return nil, err
	}
	for _, p := range s.spans {
		if err := m.push(&cursor{span: p}); err != nil {
			return nil, err
		}
	}
	for _, r := range s.runs {
		in := bufio.NewReaderSize(io.NewSectionReader(s.spill.file, r.offset, r.size), 64<<10)
		if err := m.push(&cursor{in: in}); err != nil {
			return nil, err
		}
	}
	return m, nil
}
