package modelarchive

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
)

// counted counts the reads of a file.
type counted struct {
	io.ReaderAt
	n int
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.n++
	return c.ReaderAt.ReadAt(p, off)
}

// With the directory alone a member's header is read when the member is, and
// what it says then counts as ever.
func TestDirectoryOnly(t *testing.T) {
	var entries []entry
	for i := range 500 {
		entries = append(entries, entry{name: fmt.Sprintf("m/data/%d", i), data: fmt.Sprint("content ", i)})
	}
	b := zipOf(t, entries...)
	r := &counted{ReaderAt: bytes.NewReader(b)}
	z, err := OpenZip(t.Context(), r, int64(len(b)), Limits{DirectoryOnly: true})
	if err != nil || len(z.Members) != 500 || len(z.Problems) > 0 {
		t.Fatal(z, err)
	}
	if r.n > 4 {
		t.Errorf("%d reads", r.n)
	}
	whole := open(t, b)
	for _, i := range []int{0, 7, 499} {
		m := &z.Members[i]
		rc, err := m.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(rc)
		if err != nil || string(data) != fmt.Sprint("content ", i) || m.Offset != whole.Members[i].Offset {
			t.Errorf("%d: %q, %v, at %d", i, data, err, m.Offset)
		}
	}
	// A member whose header says another name.
	at := bytes.Index(b, []byte("m/data/3"))
	b[at] = 'x'
	if z, err = OpenZip(t.Context(), bytes.NewReader(b), int64(len(b)), Limits{DirectoryOnly: true}); err != nil {
		t.Fatal(err)
	}
	m := &z.Members[3]
	if len(m.Problems) > 0 || m.Section() == nil && m.Method == Stored {
		t.Errorf("problems before it was opened: %v", m.Problems)
	}
	if _, err := m.Open(); err != nil || !slices.ContainsFunc(m.Problems, func(p *Problem) bool { return p.Rule == RuleDisagree }) {
		t.Errorf("after: %v, %v", m.Problems, err)
	}
	// One that is not where the directory says.
	copy(b[bytes.Index(b, []byte("m/data/9"))-lenLocal:], "????")
	if z, err = OpenZip(t.Context(), bytes.NewReader(b), int64(len(b)), Limits{DirectoryOnly: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Members[9].Open(); err == nil || z.Members[9].Section() != nil {
		t.Error("a member without header was opened")
	}
	// Errors of reading are those of Open, and are tried again.
	z.Members[5].unread.r = failing{}
	if _, err := z.Members[5].Open(); err != errFailing || z.Members[5].Section() != nil {
		t.Error(err)
	}
	z.Members[5].unread.r = bytes.NewReader(b)
	if _, err := z.Members[5].Open(); err != nil {
		t.Error(err)
	}
}

var errFailing = fmt.Errorf("no network")

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errFailing }
