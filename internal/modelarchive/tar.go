package modelarchive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// isTar holds a first block to its checksum (POSIX.1-2008, pax, "ustar
// Interchange Format"): old tars have no magic. Some writers add the bytes up with
// their signs, and readers take both (CPython's tarfile.py, calc_chksums).
func isTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	field, _, _ := strings.Cut(string(head[148:156]), "\x00")
	want, err := strconv.ParseInt(strings.TrimSpace(field), 8, 32)
	if err != nil {
		return false
	}
	var sum, signed int64
	for i, b := range head[:512] {
		if 148 <= i && i < 156 {
			b = ' '
		}
		sum += int64(b)
		signed += int64(int8(b))
	}
	return sum == want || signed == want
}

// ReadTar gives each member of a tar stream to visit, which may read its
// content. Links, devices and sparse files have a Problem; so have names that
// leave the folder or stand twice. A stream that breaks off ends with a *Problem.
func ReadTar(ctx context.Context, r io.Reader, limits Limits, visit func(m Member, content io.Reader) error) error {
	in := &offsetReader{r: r}
	t := tar.NewReader(in)
	seen := map[string]bool{}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if in.err != nil {
				return in.err
			}
			return &Problem{Rule: RuleOpaque, Offset: in.n, Unread: true, Message: "the tar file cannot be read past byte " + strconv.FormatInt(in.n, 10) + ": " + err.Error()}
		}
		if n == limits.members() {
			return &Problem{Rule: RuleLimit, Offset: in.n, Unread: true, Message: fmt.Sprintf("the tar file has more than %d members; the others were not looked into", limits.members())}
		}
		m := Member{Name: h.Name, Size: h.Size, Compressed: h.Size, Offset: in.n}
		tarProblems(&m, h)
		if seen[h.Name] && h.Typeflag != tar.TypeDir {
			m.problem(RuleDuplicate, in.n, "%s stands twice in the tar file: what is unpacked later replaces what was there", quote(h.Name))
		}
		seen[h.Name] = true
		if err := visit(m, &tarContent{t, in, &m}); err != nil {
			return err
		}
	}
}

func tarProblems(m *Member, h *tar.Header) {
	if why := pathProblem(h.Name); why != "" {
		m.problem(RulePath, m.Offset, "the name %s %s", quote(h.Name), why)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeXGlobalHeader:
	case tar.TypeSymlink, tar.TypeLink:
		p := m.problem(RulePath, m.Offset, "%s is a link to %s", quote(h.Name), quote(h.Linkname))
		p.Minor = pathProblem(h.Linkname) == ""
	case tar.TypeGNUSparse:
		m.problem(RuleOpaque, m.Offset, "%s is a sparse file", quote(h.Name)).Minor = true
	default:
		m.problem(RulePath, m.Offset, "%s is not a file but a device or pipe (type %q)", quote(h.Name), h.Typeflag)
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			m.problem(RuleOpaque, m.Offset, "%s is a sparse file", quote(h.Name)).Minor = true
			break
		}
	}
}

// tarContent ends with a *Problem where the tar file breaks off.
type tarContent struct {
	t  *tar.Reader
	in *offsetReader
	m  *Member
}

func (c *tarContent) Read(p []byte) (int, error) {
	n, err := c.t.Read(p)
	if err != nil && err != io.EOF && c.in.err == nil {
		err = &Problem{Rule: RuleOpaque, Offset: c.in.n, Unread: true, Message: fmt.Sprintf("%s breaks off: %v", quote(c.m.Name), err)}
	}
	return n, err
}

// offsetReader counts, and keeps errors that are not the archive's own.
type offsetReader struct {
	r   io.Reader
	n   int64
	err error
}

func (o *offsetReader) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	o.n += int64(n)
	var bad *Problem
	if err != nil && err != io.EOF && !errors.As(err, &bad) {
		o.err = err
	}
	return n, err
}
