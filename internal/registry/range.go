package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// BlobRange asks for one closed range. Most registries answer that, though few
// say so in Accept-Ranges; some, and caches before others, send the whole blob
// (distribution-spec 1.1, "Pulling blobs": SHOULD).
func (r *remoteRepository) BlobRange(ctx context.Context, desc ocispec.Descriptor, offset, length int64) (io.ReadCloser, int64, error) {
	op := r.reading(fmt.Sprintf("read %d bytes from %d of blob %s", length, offset, short(desc)))
	if err := errors.Join(checkDescriptor(desc), checkPart(desc, offset, length)); err != nil {
		return nil, 0, op.fail(err)
	}
	if length == desc.Size {
		body, err := r.Blob(ctx, desc)
		return body, 0, err
	}
	ctx = auth.AppendRepositoryScope(ctx, r.repo.Reference, auth.ActionPull)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.endpoint("blobs/"+desc.Digest.String()), nil)
	if err != nil {
		return nil, 0, op.fail(err)
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	resp, err := r.host.client.Do(req)
	if err != nil {
		return nil, 0, r.host.fail(op, err)
	}
	body, start, err := readPart(resp, desc, offset, length)
	if err != nil {
		resp.Body.Close()
		return nil, 0, r.host.fail(op, err)
	}
	return remoteBlob{body, func(err error) error { return r.host.fail(op, err) }}, start, nil
}

func checkPart(desc ocispec.Descriptor, offset, length int64) error {
	if offset < 0 || length <= 0 || length > desc.Size || offset > desc.Size-length {
		return fmt.Errorf("the blob has %d bytes", desc.Size)
	}
	return nil
}

// readPart returns the body of an answer to a range request, and where it begins.
func readPart(resp *http.Response, desc ocispec.Descriptor, offset, length int64) (io.ReadCloser, int64, error) {
	nonsense := func(format string, args ...any) (io.ReadCloser, int64, error) {
		return nil, 0, fmt.Errorf("%w: %s", ErrRange, fmt.Sprintf(format, args...))
	}
	switch resp.StatusCode {
	case http.StatusOK:
		if n := resp.ContentLength; n >= 0 && n != desc.Size {
			return nonsense("the whole blob with %d bytes instead of %d", n, desc.Size)
		}
		return resp.Body, 0, nil
	case http.StatusPartialContent:
	case http.StatusRequestedRangeNotSatisfiable:
		return nonsense("416, though the blob has %d bytes", desc.Size)
	default:
		return nil, 0, responseError(resp)
	}
	// multipart/byteranges has its ranges inside, not here (RFC 9110, 14.4).
	header := resp.Header.Get("Content-Range")
	first, last, size, ok := parseContentRange(header)
	switch {
	case !ok:
		return nonsense("206 with Content-Range %q", clip(printable(header)))
	case first != offset || last != offset+length-1:
		return nonsense("206 with bytes %d to %d instead of %d to %d", first, last, offset, offset+length-1)
	case size >= 0 && size != desc.Size:
		return nonsense("206 of a blob with %d bytes instead of %d", size, desc.Size)
	case resp.ContentLength >= 0 && resp.ContentLength != length:
		return nonsense("206 with %d bytes instead of %d", resp.ContentLength, length)
	}
	return &exactly{ReadCloser: resp.Body, left: length}, offset, nil
}

// parseContentRange reads "bytes FIRST-LAST/SIZE"; size is -1 for "*"
// (RFC 9110, 14.4).
func parseContentRange(header string) (first, last, size int64, ok bool) {
	unit, rest, found := strings.Cut(strings.TrimSpace(header), " ")
	if !found || !strings.EqualFold(unit, "bytes") {
		return 0, 0, 0, false
	}
	span, total, hasTotal := strings.Cut(rest, "/")
	from, to, hasSpan := strings.Cut(span, "-")
	number := func(s string) int64 {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			return -1
		}
		return int64(n)
	}
	first, last, size = number(from), number(to), number(total)
	ok = hasTotal && hasSpan && first >= 0 && last >= first && (total == "*" || size > last)
	return first, last, size, ok
}

// exactly ends after left bytes, and with an error when they end before.
type exactly struct {
	io.ReadCloser
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := e.ReadCloser.Read(p)
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
