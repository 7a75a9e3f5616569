package ledger

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// cacheMagic begins every cached state. A change to State or to the order in
// codec.state makes another version: an old cache is then read anew from the
// ledger, never guessed at.
const cacheMagic = "waybill ledger state 2\n"

// maxCache bounds what UnmarshalCache reads.
const maxCache = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// MarshalCache returns the state in a private binary form, about half the size
// of its events and several times as fast to load as they are to verify. Keep
// it under the id of the commit that the events were read from.
func (s *State) MarshalCache() ([]byte, error) {
	c := codec{out: []byte(cacheMagic)}
	c.state(s)
	return binary.BigEndian.AppendUint32(c.out, crc32.Checksum(c.out, castagnoli)), nil
}

// UnmarshalCache reads what MarshalCache wrote. A cache is worth nothing that
// the ledger does not have: on any error drop it and fold again.
func (s *State) UnmarshalCache(data []byte) error {
	body := len(data) - crc32.Size
	switch {
	case len(data) > maxCache:
		return fmt.Errorf("ledger cache: %d bytes, at most %d", len(data), maxCache)
	case body < len(cacheMagic) || string(data[:len(cacheMagic)]) != cacheMagic:
		return fmt.Errorf("ledger cache: of another release of waybill, or not a cache")
	case binary.BigEndian.Uint32(data[body:]) != crc32.Checksum(data[:body], castagnoli):
		return fmt.Errorf("ledger cache: damaged")
	}
	c := codec{in: string(data[len(cacheMagic):body]), reading: true}
	var loaded State
	c.state(&loaded)
	if c.err == nil && c.in != "" {
		c.fail("%d bytes are left over", len(c.in))
	}
	if c.err != nil {
		return c.err
	}
	*s = loaded
	return nil
}

// clone returns a copy that shares nothing but strings.
func (a *Artifact) clone() *Artifact {
	w := codec{}
	w.artifact(a)
	r := codec{in: string(w.out), reading: true}
	out := new(Artifact)
	r.artifact(out)
	return out
}

// codec writes or reads: each method does both for one type, so that the two
// directions cannot come apart. Strings that are read are parts of the input.
// After an error nothing more is read.
type codec struct {
	out     []byte
	in      string
	reading bool
	err     error
}

func (c *codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("ledger cache: "+format, args...)
	}
	c.in = ""
}

func (c *codec) uint(n *uint64) {
	if !c.reading {
		c.out = binary.AppendUvarint(c.out, *n)
		return
	}
	*n = 0
	for shift := 0; ; shift += 7 {
		if len(c.in) == 0 || shift > 63 {
			c.fail("a number does not end")
			return
		}
		b := c.in[0]
		c.in = c.in[1:]
		*n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return
		}
	}
}

func (c *codec) int(n *int64) {
	u := uint64(*n)
	c.uint(&u)
	*n = int64(u)
}

func (c *codec) bool(b *bool) {
	var n uint64
	if *b {
		n = 1
	}
	c.uint(&n)
	*b = n != 0
}

// count writes or reads a length. One element has at least one byte, so a
// hostile length cannot make the reader allocate more than its input.
func (c *codec) count(n int) int {
	u := uint64(n)
	c.uint(&u)
	if c.reading && u > uint64(len(c.in)) {
		c.fail("a length of %d where %d bytes are left", u, len(c.in))
		return 0
	}
	return int(u)
}

func text[S ~string](c *codec, s *S) {
	n := c.count(len(*s))
	if !c.reading {
		c.out = append(c.out, *s...)
		return
	}
	*s, c.in = S(c.in[:n]), c.in[n:]
}

// time writes whole seconds; 0 is the zero time.
func (c *codec) time(t *time.Time) {
	var n int64
	if !t.IsZero() {
		n = t.Unix() + 1
	}
	c.int(&n)
	if !c.reading {
		return
	}
	switch {
	case n == 0:
		*t = time.Time{}
	case n > 0 && n < 1<<38: // the year 9999
		*t = time.Unix(n-1, 0).UTC()
	default:
		c.fail("a time beyond the year 9999")
	}
}

func (c *codec) version(v *ref.Version) {
	c.uint(&v.Major)
	c.uint(&v.Minor)
	c.uint(&v.Patch)
	text(c, &v.Pre)
	text(c, &v.Build)
}

// list keeps nil and empty apart from nothing: both are read as nil.
func list[T any](c *codec, xs *[]T, each func(*T)) {
	n := c.count(len(*xs))
	if c.reading {
		*xs = nil
		if n > 0 {
			*xs = make([]T, 0, min(n, 1024)) // n is only a claim as yet
		}
		for range n {
			if c.err != nil {
				return
			}
			var x T
			each(&x)
			*xs = append(*xs, x)
		}
		return
	}
	for i := range *xs {
		each(&(*xs)[i])
	}
}

func optional[T any](c *codec, p **T, each func(*T)) {
	there := *p != nil
	c.bool(&there)
	if c.reading {
		*p = nil
		if there && c.err == nil {
			*p = new(T)
		}
	}
	if *p != nil {
		each(*p)
	}
}

// dict writes a map in the order of its keys.
func dict[K comparable, V any](c *codec, m *map[K]V, compare func(a, b K) int, key func(*K), value func(*V)) {
	n := c.count(len(*m))
	if !c.reading {
		keys := slices.Collect(maps.Keys(*m))
		sorting.By(keys, compare)
		for _, k := range keys {
			v := (*m)[k]
			key(&k)
			value(&v)
		}
		return
	}
	*m = nil
	for range n {
		if c.err != nil {
			return
		}
		var k K
		var v V
		key(&k)
		value(&v)
		if *m == nil {
			*m = make(map[K]V, min(n, 1024))
		}
		(*m)[k] = v
	}
}

func words[V any](c *codec, m *map[string]V, value func(*V)) {
	dict(c, m, strings.Compare, func(k *string) { text(c, k) }, value)
}

func (c *codec) state(s *State) {
	c.int(&s.Head.Seq)
	text(c, &s.Head.Hash)
	list(c, &s.Unknown, func(u *Unknown) {
		c.int(&u.Seq)
		text(c, &u.APIVersion)
		text(c, &u.Kind)
	})
	words(c, &s.Artifacts, func(a **Artifact) {
		if c.reading {
			*a = new(Artifact)
		}
		c.artifact(*a)
	})
}

func (c *codec) artifact(a *Artifact) {
	text(c, &a.Name)
	text(c, &a.Kind)
	list(c, &a.Versions, c.registered)
	words(c, &a.Stages, func(s **Assignment) {
		if c.reading {
			*s = new(Assignment)
		}
		c.tenure(&(*s).Tenure)
		list(c, &(*s).History, c.tenure)
		list(c, &(*s).tagged, c.version)
	})
	dict(c, &a.Holds, ref.Version.Compare, c.version, func(h *Hold) {
		c.version(&h.Version)
		c.mark(&h.Since, &h.By, &h.Reason, &h.Event)
	})
	list(c, &a.Decisions, c.decision)
	optional(c, &a.Deprecated, c.deprecation)
	c.time(&a.Newest)
	list(c, &a.Events, c.int)
	c.int(&a.Counter)
}

func (c *codec) registered(v *Version) {
	c.version(&v.Version)
	text(c, &v.ContentDigest)
	text(c, &v.Digest)
	text(c, &v.Commit)
	c.mark(&v.RegisteredAt, &v.By, &v.Reason, &v.Event)
	optional(c, &v.Evidence, func(e *Evidence) {
		text(c, &e.Report)
		words(c, &e.Verdicts, func(s *string) { text(c, s) })
		words(c, &e.Others, func(d *ref.Digest) { text(c, d) })
	})
	c.grounds(&v.Approvals, &v.PolicyDigest, &v.Run)
	optional(c, &v.Deprecated, c.deprecation)
}

func (c *codec) tenure(t *Tenure) {
	c.version(&t.Version)
	text(c, &t.ContentDigest)
	text(c, &t.Digest)
	c.mark(&t.Since, &t.By, &t.Reason, &t.Event)
	c.time(&t.Until)
	text(c, &t.Kind)
	c.grounds(&t.Approvals, &t.PolicyDigest, &t.Run)
	optional(c, &t.Deployed, func(d *Deployment) {
		c.mark(&d.At, &d.By, &d.Run, &d.Event)
		text(c, &d.Commit)
	})
	c.bool(&t.RolledBack)
}

func (c *codec) decision(d *Decision) {
	text(c, &d.Kind)
	text(c, &d.Stage)
	c.version(&d.Version)
	text(c, &d.ContentDigest)
	c.mark(&d.At, &d.By, &d.Reason, &d.Event)
	optional(c, &d.Signed, func(s *Signed) {
		text(c, &s.Statement)
		text(c, &s.Signature)
	})
	c.grounds(&d.Approvals, &d.PolicyDigest, &d.Run)
}

func (c *codec) deprecation(m *Mark) { c.mark(&m.At, &m.By, &m.Reason, &m.Event) }

// mark is when, who, why and by which event.
func (c *codec) mark(at *time.Time, by *Actor, note *string, event *int64) {
	c.time(at)
	c.int(&by.ID)
	text(c, &by.Login)
	text(c, note)
	c.int(event)
}

// grounds is what an event rests on.
func (c *codec) grounds(approvals *[]Approval, policy *ref.Digest, run *string) {
	list(c, approvals, func(a *Approval) {
		c.int(&a.ID)
		text(c, &a.Login)
		c.time(&a.At)
		text(c, &a.Via)
	})
	text(c, policy)
	text(c, run)
}
