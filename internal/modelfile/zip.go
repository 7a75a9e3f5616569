package modelfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// Formats that are zip files: which one, the members tell. A zip file of none
// of them is of no known format. Members that are stored are read where they
// stand, and the weights not at all.

var zipped = format{
	name:      "zip",
	byContent: func(head []byte) bool { return bytes.HasPrefix(head, []byte("PK\x03\x04")) },
	byName: func(name string) bool {
		name = strings.ToLower(name)
		return strings.HasSuffix(name, ".npz") || strings.HasSuffix(name, ".keras")
	},
	rules: zipRules,
	read:  readZipped,
}

const (
	ruleZip      = "ZIP001"
	ruleTorch    = "PTH001"
	ruleStorage  = "PTH002"
	ruleKeras    = "KER001"
	maxMember    = 16 << 20 // bytes read of a member that is a configuration
	maxZipMember = 100_000
)

var zipRules = map[string]string{
	ruleZip:     "A zip file ends with a directory of at most 100,000 members, and these can be read.",
	ruleTorch:   "A PyTorch file has a data.pkl that ends as a pickle does.",
	ruleStorage: "Every storage that a tensor of a PyTorch file names is there, and long enough for it.",
	ruleKeras:   "The config.json of a Keras file is a JSON object of at most 16 MiB.",
}

const hintZip = "it may be cut short: copy or download it again and compare the sizes"

// zipFile is a zip file that is being looked into.
type zipFile struct {
	members map[string]*modelarchive.Member
	names   []string // sorted
}

func readZipped(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	_, far := r.(distant)
	opened, err := modelarchive.OpenZip(ctx, r, size, modelarchive.Limits{Members: maxZipMember, DirectoryOnly: far})
	if errors.Is(err, modelarchive.ErrNotZip) {
		return broken(ruleZip, size, hintZip, "the file begins like a zip file and does not end with its directory")
	}
	if err != nil {
		return err
	}
	z := &zipFile{members: map[string]*modelarchive.Member{}}
	for i := range opened.Members {
		m := &opened.Members[i]
		// Of two members of one name readers take the last.
		z.members[m.Name] = m
	}
	for name := range z.members {
		z.names = append(z.names, name)
	}
	slices.Sort(z.names)
	f.Format = ""
	switch folder, isTorch := z.torchFolder(); {
	case isTorch:
		f.Format = "pytorch"
		return z.readTorch(ctx, r, folder, f)
	case z.members["config.json"] != nil && z.members["metadata.json"] != nil:
		f.Format = "keras"
		return z.readKeras(f)
	case z.members["schema.json"] != nil:
		return z.readSkops(f)
	case len(z.names) > 0 && !slices.ContainsFunc(z.names, func(n string) bool { return path.Ext(n) != ".npy" }):
		f.Format = "npz"
		return z.readNPZ(f)
	}
	return nil
}

// read returns the content of a member that should be small.
func (z *zipFile) read(name, rule string) ([]byte, error) {
	m := z.members[name]
	if m.Size > maxMember {
		return nil, broken(rule, m.Offset, hintZip, "%s has %s, at most %d are read", quote(name), countBytes(uint64(m.Size)), maxMember)
	}
	rc, err := m.Open()
	if err != nil {
		return nil, asZipError(err, m)
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, maxMember+1))
	if err != nil {
		return nil, asZipError(err, m)
	}
	if len(data) > maxMember {
		return nil, broken(rule, m.Offset, hintZip, "%s has more bytes than the directory says", quote(name))
	}
	return data, nil
}

// asZipError tells what is wrong with a member from what is wrong with the
// disk.
func asZipError(err error, m *modelarchive.Member) error {
	var p *modelarchive.Problem
	if errors.As(err, &p) {
		return broken(ruleZip, p.Offset, hintZip, "%s: %s", quote(m.Name), p.Message)
	}
	return err
}

// readNPZ reads the headers of the arrays (numpy/lib/_npyio_impl.py, savez).
func (z *zipFile) readNPZ(f *Facts) error {
	f.Dtypes = map[string]int64{}
	members := make([]*modelarchive.Member, len(z.names))
	for i, name := range z.names {
		members[i] = z.members[name]
	}
	slices.SortFunc(members, func(a, b *modelarchive.Member) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, m := range members {
		rc, err := m.Open()
		if err != nil {
			return asZipError(err, m)
		}
		a, err := readNPYHeader(rc, m.Size)
		rc.Close()
		var bad *FormatError
		switch {
		case errors.As(err, &bad):
			bad.Offset += m.Offset
			bad.Reason = quote(m.Name) + ": " + bad.Reason
			return bad
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return broken(ruleNPYHeader, m.Offset, hintNPY, "%s ends within its header", quote(m.Name))
		case err != nil:
			return asZipError(err, m)
		}
		a.add(f, clipText(strings.TrimSuffix(m.Name, ".npy")), m.Offset)
	}
	return nil
}
