package modelfile

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlReader reads elements from the beginning. A document type is not followed,
// so that entities are those of XML itself; a tag or text is held only up to
// maxXMLToken, elements nest up to maxXMLDepth.
type xmlReader struct {
	*xml.Decoder
	source *contextReader
	left   int   // bytes that a token may still take
	limit  int64 // of what is read
	path   []string
	// text is called for what stands between tags; nil for nobody.
	text func(path []string, text []byte)
	// doctype says that there is a document type: other readers may follow it
	// to other files.
	doctype bool
}

const (
	maxXMLToken = 4 << 20
	maxXMLName  = 1 << 10
	maxXMLDepth = 1000
)

var errXMLToken = errors.New("a tag or text of more than 4 MiB")

func newXML(ctx context.Context, r io.ReaderAt, size, limit int64) *xmlReader {
	x := &xmlReader{limit: limit, source: &contextReader{ctx: ctx, r: io.NewSectionReader(r, 0, size)}}
	x.Decoder = xml.NewDecoder(x)
	x.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("the encoding %s is not read", quote(charset))
	}
	return x
}

// Read gives the decoder its bytes.
func (x *xmlReader) Read(p []byte) (int, error) {
	if x.left <= 0 {
		return 0, errXMLToken
	}
	n, err := x.source.Read(p[:min(len(p), x.left)])
	x.left -= n
	return n, err
}

// each calls start for every element, with the names of those around it, and
// end when it ends, until one says to stop or the file ends.
func (x *xmlReader) each(start func(path []string, e xml.StartElement) (more bool), end func(path []string) (more bool)) error {
	for {
		x.left = maxXMLToken
		token, err := x.RawToken()
		if err == io.EOF && len(x.path) == 0 {
			return nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch {
			case x.InputOffset() > x.limit:
				return fmt.Errorf("what is read of it has more than %d bytes", x.limit)
			case len(t.Name.Local) > maxXMLName:
				return fmt.Errorf("a name of %d bytes", len(t.Name.Local))
			case len(x.path) >= maxXMLDepth:
				return fmt.Errorf("elements in elements, more than %d deep", maxXMLDepth)
			}
			if !start(x.path, t) {
				return nil
			}
			x.path = append(x.path, t.Name.Local)
		case xml.EndElement:
			if len(x.path) == 0 || x.path[len(x.path)-1] != t.Name.Local {
				return fmt.Errorf("the end of %s, which did not begin here", quote(t.Name.Local))
			}
			x.path = x.path[:len(x.path)-1]
			if !end(x.path) {
				return nil
			}
		case xml.CharData:
			if x.text != nil {
				x.text(x.path, t)
			}
		case xml.Directive:
			x.doctype = x.doctype || bytes.HasPrefix(t, []byte("DOCTYPE"))
		}
	}
}

// broken makes a finding of what each gave.
func (x *xmlReader) broken(rule, what string, err error) error {
	if err == nil || x.source.err != nil {
		return x.source.err
	}
	return broken(rule, x.InputOffset(), "it may be cut short: copy it again, or export the model again", "it is not %s: %s", what, clipText(err.Error()))
}

// xmlRoot is the name of the first element, without its prefix; "" when head
// is no XML, or ends before.
func xmlRoot(head []byte) string {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for {
		head = bytes.TrimLeft(head, " \t\r\n")
		ends := ""
		switch {
		case bytes.HasPrefix(head, []byte("<?xml")):
			ends = "?>"
		case bytes.HasPrefix(head, []byte("<!--")):
			ends = "-->"
		case bytes.HasPrefix(head, []byte("<!DOCTYPE")):
			if ends = ">"; bytes.IndexByte(head, '[') >= 0 && bytes.IndexByte(head, '[') < bytes.IndexByte(head, '>') {
				ends = "]>"
			}
		case len(head) > 1 && head[0] == '<':
			name, _, _ := bytes.Cut(head[1:], []byte(">"))
			name = bytes.TrimRight(name[:max(0, min(len(name), bytes.IndexAny(append(bytes.Clone(name), ' '), " \t\r\n/")))], "/")
			if _, local, ok := bytes.Cut(name, []byte(":")); ok {
				name = local
			}
			return string(name)
		}
		_, rest, ok := bytes.Cut(head, []byte(ends))
		if ends == "" || !ok {
			return ""
		}
		head = rest
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return clipText(a.Value)
		}
	}
	return ""
}
