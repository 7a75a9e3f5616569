package gitrepo

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

// Limits on a pack that is read into memory: ten thousand events are 8 MB.
const (
	maxPackBytes     = 128 << 20 // compressed
	maxInflatedBytes = 512 << 20 // all objects together
	maxPackObjects   = 1 << 17
	maxDeltaDepth    = 4095 // pack-objects.h, OE_DEPTH_BITS
)

// packObject is one object of a pack, decoded.
type packObject struct {
	kind string
	id   string
	data []byte

	base    int    // index of the delta's base, -1 for none
	baseID  string // or its name
	pending bool   // data is still a delta
}

var packKinds = map[byte]string{1: "commit", 2: "tree", 3: "blob", 4: "tag"}

const (
	packOfsDelta = 6
	packRefDelta = 7
)

// parsePack decodes a whole pack as gitformat-pack(5) describes it, version 2
// or 3, and checks its trailer. A thin pack has deltas against objects that are
// not in it: base looks those up (nil: there are none). Nothing is allocated on
// the word of a header alone.
//
// go-git's parser does the same in four times the time and keeps no limit on
// what a pack inflates to.
func parsePack(pack []byte, base func(id string) (rawObject, bool)) ([]packObject, error) {
	if len(pack) < 12+sha1.Size || string(pack[:4]) != "PACK" {
		return nil, errors.New("pack: no pack header")
	}
	if v := binary.BigEndian.Uint32(pack[4:]); v != 2 && v != 3 {
		return nil, fmt.Errorf("pack: version %d is unknown", v)
	}
	body, trailer := pack[:len(pack)-sha1.Size], pack[len(pack)-sha1.Size:]
	if sum := sha1.Sum(body); !bytes.Equal(sum[:], trailer) {
		return nil, errors.New("pack: the checksum does not match; it was damaged on the way")
	}
	count := binary.BigEndian.Uint32(pack[8:])
	if count > maxPackObjects || int64(count) > int64(len(body)) {
		return nil, fmt.Errorf("pack: %d objects in %d bytes", count, len(body))
	}
	p := &packParser{body: body, in: bytes.NewReader(body), offsets: map[int64]int{}, outside: base}
	p.in.Seek(12, io.SeekStart)
	for i := range int(count) {
		if err := p.object(); err != nil {
			return nil, fmt.Errorf("pack: object %d of %d: %w", i+1, count, err)
		}
	}
	if p.in.Len() != 0 {
		return nil, fmt.Errorf("pack: %d bytes after the last object", p.in.Len())
	}
	if err := p.resolve(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return p.objects, nil
}

type packParser struct {
	body     []byte
	in       *bytes.Reader
	inflate  io.ReadCloser
	objects  []packObject
	offsets  map[int64]int
	inflated int64
	outside  func(id string) (rawObject, bool)
}

func (p *packParser) object() error {
	offset := int64(len(p.body) - p.in.Len())
	c, err := p.in.ReadByte()
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	kind, size := c>>4&7, int64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = p.in.ReadByte(); err != nil || shift > 40 {
			return errors.New("its size does not end")
		}
		size |= int64(c&0x7f) << shift
	}
	o := packObject{kind: packKinds[kind], base: -1}
	switch kind {
	case packOfsDelta:
		back, err := p.offset()
		if err != nil {
			return err
		}
		at, ok := p.offsets[offset-back]
		if !ok {
			return fmt.Errorf("its base at offset %d does not exist", offset-back)
		}
		o.base, o.pending = at, true
	case packRefDelta:
		var id [sha1.Size]byte
		if _, err := io.ReadFull(p.in, id[:]); err != nil {
			return io.ErrUnexpectedEOF
		}
		o.baseID, o.pending = hex.EncodeToString(id[:]), true
	default:
		if o.kind == "" {
			return fmt.Errorf("type %d is unknown", kind)
		}
	}
	if o.data, err = p.content(size); err != nil {
		return err
	}
	p.offsets[offset] = len(p.objects)
	p.objects = append(p.objects, o)
	return nil
}

// offset reads the big-endian base-128 number of an OFS_DELTA.
func (p *packParser) offset() (int64, error) {
	c, err := p.in.ReadByte()
	n := int64(c & 0x7f)
	for err == nil && c&0x80 != 0 && n < 1<<40 {
		c, err = p.in.ReadByte()
		n = (n+1)<<7 | int64(c&0x7f)
	}
	if err != nil || n >= 1<<40 || n <= 0 {
		return 0, errors.New("the offset of its base is malformed")
	}
	return n, nil
}

func (p *packParser) content(size int64) ([]byte, error) {
	if err := p.spend(size); err != nil {
		return nil, err
	}
	var err error
	if p.inflate == nil {
		p.inflate, err = zlib.NewReader(p.in)
	} else {
		err = p.inflate.(zlib.Resetter).Reset(p.in, nil)
	}
	if err != nil {
		return nil, err
	}
	// The buffer grows with what arrives, not with what was announced: deflate
	// makes at most about 1,032 bytes of one.
	var b bytes.Buffer
	b.Grow(int(min(size, int64(p.in.Len())*16+64)) + 1)
	if _, err := io.Copy(&b, io.LimitReader(p.inflate, size+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) != size {
		return nil, fmt.Errorf("has %d bytes or more, %d were announced", b.Len(), size)
	}
	return b.Bytes(), nil
}

func (p *packParser) spend(size int64) error {
	if size < 0 || size > maxInflatedBytes-p.inflated {
		return fmt.Errorf("together the objects have more than %d bytes", maxInflatedBytes)
	}
	p.inflated += size
	return nil
}

// resolve applies the deltas and names all objects.
func (p *packParser) resolve() error {
	byID := make(map[string]int, len(p.objects))
	for i := range p.objects {
		if o := &p.objects[i]; !o.pending {
			o.id = objectID(o.kind, o.data)
			byID[o.id] = i
		}
	}
	rounds := 0
	for left := 1; left > 0; {
		progress := false
		left = 0
		for i := range p.objects {
			n, err := p.undelta(i, byID, 0)
			if err != nil {
				return err
			}
			progress = progress || n > 0
			if p.objects[i].pending {
				left++
			}
		}
		if rounds++; left > 0 && (!progress && !p.borrow(byID) || rounds > maxDeltaDepth) {
			return fmt.Errorf("%d deltas have no base", left)
		}
	}
	return nil
}

// borrow takes in the bases that a thin pack leaves out. They become part of
// the result, which is then whole.
func (p *packParser) borrow(byID map[string]int) bool {
	found := false
	for i := range p.objects {
		id := p.objects[i].baseID
		if _, known := byID[id]; known || !p.objects[i].pending || id == "" || p.outside == nil {
			continue
		}
		if o, ok := p.outside(id); ok && p.spend(int64(len(o.data))) == nil {
			byID[id] = len(p.objects)
			p.objects = append(p.objects, packObject{kind: o.kind, id: id, data: o.data, base: -1})
			found = true
		}
	}
	return found
}

// undelta completes object i, its bases first, and counts what it completed.
// Zero: done already, or a base by name is not known yet.
func (p *packParser) undelta(i int, byID map[string]int, depth int) (int, error) {
	o := &p.objects[i]
	if !o.pending {
		return 0, nil
	}
	if depth > maxDeltaDepth {
		return 0, fmt.Errorf("a chain of more than %d deltas", maxDeltaDepth)
	}
	if o.base < 0 {
		at, ok := byID[o.baseID]
		if !ok {
			return 0, nil
		}
		o.base = at
	}
	n, err := p.undelta(o.base, byID, depth+1)
	if err != nil || p.objects[o.base].pending {
		return n, err
	}
	base := &p.objects[o.base]
	size, err := deltaSize(o.data)
	if err == nil {
		err = p.spend(size)
	}
	if err != nil {
		return n, err
	}
	if o.data, err = applyDelta(base.data, o.data); err != nil {
		return n, err
	}
	o.kind, o.pending = base.kind, false
	o.id = objectID(o.kind, o.data)
	byID[o.id] = i
	return n + 1, nil
}
