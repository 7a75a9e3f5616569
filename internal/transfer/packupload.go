package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/waybill-dev/waybill/internal/ref"
)

// upload sends the new packs. Each is hashed, and so verified, before.
func (p *packer) upload(ctx context.Context) error {
	packs := p.packs[p.fresh:]
	total := int64(0)
	for _, b := range packs {
		total += b.Size
	}
	p.m.event(Event{Total: total})
	for _, b := range p.packs[:p.fresh] {
		if b.used {
			p.m.stats.Skipped++
		}
	}
	p.memory = make(chan []byte, packsInMemory)
	for range packsInMemory {
		p.memory <- nil
	}
	return each(ctx, len(packs), p.opts.Concurrency, func(ctx context.Context, i int) error {
		return p.uploadOne(ctx, &packs[i], fmt.Sprintf("pack %d of %d", i+1, len(packs)))
	})
}

func (p *packer) uploadOne(ctx context.Context, b *pack, name string) (err error) {
	// Opening thousands of small files once more costs more than all else, and
	// what is in memory cannot change any more.
	var content []byte
	if b.Size <= p.opts.maxInMemory {
		content = slices.Grow((<-p.memory)[:0], int(b.Size))
		defer func() { p.memory <- content }()
	}
	if b.Digest, err = p.hash(ctx, b, &content); err != nil {
		return err
	}
	desc := describePack(b.Blob)
	has, err := p.repo.HasBlob(ctx, desc)
	if err != nil {
		return fmt.Errorf("push %s: %w", name, err)
	}
	if has {
		p.m.skip(name, b.Size)
		return nil
	}
	var opened []*packReader
	err = p.repo.PushBlob(ctx, desc, func() (io.ReadCloser, error) {
		p.m.event(Event{Name: name, Total: b.Size})
		r := &packReader{size: b.Size, report: func(done int64) { p.m.event(Event{Name: name, Done: done, Total: b.Size}) }}
		if content != nil {
			r.r = bytes.NewReader(content)
		} else {
			r.r = &partsReader{sourceReader{sources: p.sources}, b.parts}
		}
		opened = append(opened, r)
		return r, nil
	})
	for _, r := range opened {
		r.Close() // a request that was given up may still read the memory
	}
	if err != nil {
		// The registry says that the digest is wrong; people need to know
		// which file made it so.
		if ctx.Err() == nil && content == nil {
			if _, why := p.hash(ctx, b, &content); why != nil {
				return why
			}
		}
		return fmt.Errorf("push %s: %w", name, err)
	}
	p.m.moved(true, b.Size)
	p.m.event(Event{Name: name, Done: b.Size, Total: b.Size})
	return nil
}

// hash reads a pack from the sources and returns its digest. Every chunk must
// be what the index will say. What was read is appended to keep, unless that is
// nil.
func (p *packer) hash(ctx context.Context, b *pack, keep *[]byte) (ref.Digest, error) {
	r := sourceReader{sources: p.sources}
	defer r.Close()
	whole, chunk := sha256.New(), sha256.New()
	buf := make([]byte, min(packBuffer, b.Size))
	sum := make([]byte, 0, sha256.Size)
	for _, part := range b.parts {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		chunk.Reset()
		unchanged := false
		for done := int64(0); done < int64(part.chunk.Length); {
			block := buf[:min(int64(len(buf)), int64(part.chunk.Length)-done)]
			if err := r.readAt(block, part.source, part.from+done); err != nil {
				return "", err
			}
			whole.Write(block)
			if *keep != nil {
				*keep = append(*keep, block...)
			}
			// What is known of a file after it was read holds for what was read.
			if unchanged = r.isUnchanged(part.source, len(block)); !unchanged {
				chunk.Write(block)
			}
			done += int64(len(block))
		}
		if unchanged {
			continue
		}
		if [32]byte(chunk.Sum(sum)) != part.chunk.Sum {
			return "", changedSource(p.sources[part.source].Path)
		}
	}
	return ref.FromSum(whole.Sum(sum)), nil
}
