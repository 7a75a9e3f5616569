package datacheck

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/waybill-dev/waybill/internal/minhash"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

const (
	// nearMemory is how many bytes the texts of a check may take together:
	// about half a million of 30 words.
	nearMemory = 256 << 20
	// nearText0 is what a text takes besides its shingles and keys.
	nearText0 = 160
	// nearSteps is how many shingles are compared before a check gives up.
	nearSteps = 1 << 31
)

// nearTexts collects different texts as sets of shingles.
type nearTexts struct {
	column   string
	sides    []int8 // by file, as those of profile.Key; nil: all are of side 1
	scheme   nearScheme
	shingles func([]byte) minhash.Set
	kept     *atomic.Int64 // bytes, by all shards and groups of the check
	most     int64
	steps    int64

	rows  [2]int64 // with words, by side
	texts map[nearID]*nearText
	text  []byte
}

type nearScheme struct{ minhash.Scheme }

// orMore is said of a number when some may have been missed.
func (s nearScheme) orMore(similarity float64) string {
	if s.Recall(similarity) == 1 {
		return ""
	}
	return "or more "
}

// nearID is the beginning of a text's SHA-256.
type nearID [16]byte

type nearText struct {
	id    nearID
	set   minhash.Set
	keys  []uint64 // by band
	rows  [2]int64 // by side
	first [2]profile.Place
}

func nearTextsOf(column string, p nearParams, sides []int8) func() RowCheck {
	size, shingles := int(*p.Size), minhash.Words
	if p.Unit == "characters" {
		shingles = minhash.Characters
	}
	kept := new(atomic.Int64)
	return func() RowCheck {
		return &nearTexts{
			column: column, sides: sides, scheme: nearScheme{minhash.For(*p.Similarity)}, kept: kept, most: nearMemory, steps: nearSteps,
			shingles: func(text []byte) minhash.Set { return shingles(text, size) }, texts: map[nearID]*nearText{},
		}
	}
}

// full tells that there is more text than is kept.
func (n *nearTexts) full() bool { return n.kept.Load() > n.most }

func (n *nearTexts) Observe(b *table.Batch) {
	c := b.Column(n.column)
	side := 0
	if n.sides != nil {
		side = int(sideOf(n.sides, b.File)) - 1
	}
	if c == nil || side < 0 {
		return
	}
	for i := range b.Rows {
		if n.full() {
			n.texts = nil
			return
		}
		if !c.Null(i) {
			n.text = c.AppendText(n.text[:0], i)
			n.add(n.text, side, profile.Place{File: b.File, Row: b.Row(i)})
		}
	}
}

// add counts each row's text against the memory, whether it is a new one or
// not: so whether it is too much does not depend on how rows are spread over
// shards.
func (n *nearTexts) add(text []byte, side int, at profile.Place) {
	if int64(len(text)) > n.most/16 {
		n.kept.Add(n.most + 1)
		return
	}
	sum := sha256.Sum256(text)
	id := nearID(sum[:])
	t := n.texts[id]
	if t == nil {
		set := n.shingles(text)
		if len(set) == 0 {
			return // no words
		}
		t = &nearText{id: id, set: set, keys: n.scheme.Keys(make([]uint64, 0, n.scheme.Bands), set)}
		n.texts[id] = t
	}
	n.kept.Add(int64(8*(len(t.set)+len(t.keys)) + nearText0))
	n.rows[side]++
	t.count(side, 1, at)
}

func (t *nearText) count(side int, rows int64, at profile.Place) {
	if rows > 0 && (t.rows[side] == 0 || at.Compare(t.first[side]) < 0) {
		t.first[side] = at
	}
	t.rows[side] += rows
}

func (n *nearTexts) Merge(later RowCheck) {
	o := later.(*nearTexts)
	if n.full() {
		n.texts = nil
		return
	}
	for side := range n.rows {
		n.rows[side] += o.rows[side]
	}
	for id, t := range o.texts {
		mine := n.texts[id]
		if mine == nil {
			n.texts[id] = t
			continue
		}
		for side := range t.rows {
			mine.count(side, t.rows[side], t.first[side])
		}
	}
}

// given is the finding when there is too much text.
func (n *nearTexts) given(p nearParams) report.Finding {
	return report.Finding{
		Verdict: report.Inconclusive, Subject: n.column, Expected: fmt.Sprintf("texts whose shingles fit into %d MiB", n.most>>20), Observed: "more text",
		Message: fmt.Sprintf("%s: there is more text than is kept to compare: its shingles take more than %d MiB", n.column, n.most>>20),
		Hint:    "look at fewer rows with where: or split:",
	}
}

// nearFound is which texts are near another one.
type nearFound struct {
	near   []nearPair // by the text's place
	first  []nearPair // the first of near
	recall float64
	gaveUp bool // there were too many to compare
}

// nearPair is a text and one that it is like; with sides, one of side 1,
// which may be the text itself.
type nearPair struct{ text, like *nearText }

// find compares the texts that have a key in common. What it finds, and
// whether it gives up, depends on the texts alone: they are taken in the order
// of their hashes.
func (n *nearTexts) find(similarity float64) nearFound {
	side := 0
	if n.sides != nil {
		side = 1
	}
	found := nearFound{recall: n.scheme.Recall(similarity)}
	texts := slices.SortedFunc(maps.Values(n.texts), func(a, b *nearText) int { return bytes.Compare(a.id[:], b.id[:]) })
	like := make([]*nearText, len(texts))
	if n.sides != nil {
		for i, t := range texts {
			if t.rows[0] > 0 && t.rows[1] > 0 {
				like[i] = t
			}
		}
	}
	order := make([]keyed, len(texts))
	steps := n.steps
	for band := range n.scheme.Bands {
		for i, t := range texts {
			order[i] = keyed{t.keys[band], i}
		}
		slices.SortFunc(order, func(a, b keyed) int {
			if a.key != b.key {
				return cmp.Compare(a.key, b.key)
			}
			return a.text - b.text
		})
		for from := 0; from < len(order) && steps > 0; {
			to := from + 1
			for to < len(order) && order[to].key == order[from].key {
				to++
			}
			if to > from+1 {
				steps -= compareBucket(texts, like, order[from:to], side, similarity, steps)
			}
			from = to
		}
	}
	found.gaveUp = steps <= 0
	for i, t := range texts {
		if like[i] != nil {
			found.near = append(found.near, nearPair{t, like[i]})
		}
	}
	sorting.By(found.near, func(a, b nearPair) int { return a.text.first[side].Compare(b.text.first[side]) })
	found.first = found.near[:min(len(found.near), profile.MaxPlaces)]
	return found
}

// keyed is a text, by its number, with its key in a band.
type keyed struct {
	key  uint64
	text int
}

// compareBucket looks for each text of a bucket, unless it has one already, for
// another one that it is like. It stops after some steps, and returns how many
// it took. The texts looked for are of the side given, those that they may be
// like of side 0.
func compareBucket(texts, like []*nearText, bucket []keyed, side int, similarity float64, most int64) (steps int64) {
	for _, subject := range bucket {
		i, a := subject.text, texts[subject.text]
		if like[i] != nil || a.rows[side] == 0 {
			continue
		}
		for _, other := range bucket {
			j, b := other.text, texts[other.text]
			if i == j || b.rows[0] == 0 {
				continue
			}
			if steps++; steps > most {
				return steps
			}
			if !minhash.Comparable(a.set, b.set, similarity) {
				continue
			}
			steps += int64(len(a.set) + len(b.set))
			if minhash.AtLeast(a.set, b.set, similarity) {
				like[i] = b
				if side == 0 && like[j] == nil {
					like[j] = a
				}
				break
			}
		}
	}
	return steps
}
