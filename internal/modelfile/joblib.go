package modelfile

import (
	"bufio"
	"context"
	"io"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// What joblib wrote with compression (joblib/numpy_pickle.py, dump, and
// joblib/compressor.py): one compressed stream that holds a pickle. Without
// compression it is a pickle with the bytes of its arrays in between, see
// pickled.go. A compressed stream can only be read from its beginning, weights
// too; so much of it is read, and no more.

var joblib = format{
	name:      "joblib",
	byContent: func(head []byte) bool { return modelarchive.Sniff(head).Compressed() },
	byName:    func(string) bool { return false },
	rules: map[string]string{
		ruleJoblib: "What joblib compressed ends as its compression does, with a checksum that fits.",
	},
	read: readJoblib,
}

const (
	ruleJoblib = "JOB001"
	// maxJoblib is how much is decompressed, maxJoblibKept how much of it is
	// held to look into small arrays.
	maxJoblib     = 256 << 20
	maxJoblibKept = 16 << 20
)

func readJoblib(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	head := make([]byte, min(size, sniffLen))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	kind := modelarchive.Sniff(head)
	source := &contextReader{ctx: ctx, r: io.NewSectionReader(r, 0, size)}
	stream, err := modelarchive.Decompress(kind, source)
	if err != nil {
		f.Format = "" // the mark is too short to hold it to anything
		return source.err
	}
	defer stream.Close()
	limited := &io.LimitedReader{R: stream, N: maxJoblib}
	in := bufio.NewReader(limited)
	if mark, _ := in.Peek(3); !pickled.byContent(mark) {
		f.Format = "" // something else that is compressed
		return source.err
	}
	detail(f, "compression", string(kind))
	noted := &notedReader{r: in}
	whole, err := readPickle(noted, noted, f)
	switch {
	case source.err != nil:
		return source.err
	case noted.err != nil:
		return broken(ruleJoblib, size, "it may be cut short: copy it again, or save the object again", "the %s stream cannot be read to its end: %s", kind, clipText(noted.err.Error()))
	case err != nil:
		return err
	case limited.N <= 0:
		detail(f, "notRead", "it has more than 256 MiB decompressed: what follows these was not read")
	case !whole:
		f.Format = ""
	}
	return nil
}

// notedReader keeps the beginning of what is read, and what went wrong.
type notedReader struct {
	r    io.Reader
	kept []byte
	err  error
}

func (n *notedReader) Read(p []byte) (int, error) {
	got, err := n.r.Read(p)
	n.kept = append(n.kept, p[:min(got, maxJoblibKept-len(n.kept))]...)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return got, err
}

func (n *notedReader) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at > int64(len(n.kept)) {
		return 0, io.EOF
	}
	got := copy(p, n.kept[at:])
	if got < len(p) {
		return got, io.EOF
	}
	return got, nil
}
