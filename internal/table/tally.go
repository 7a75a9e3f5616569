package table

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// tally is what is counted in a range of bytes.
type tally struct {
	quote byte
	lines int64 // line ends
	odd   int   // 1 if quotes are odd in number
	// edges is about the line ends that end a record, by whether the range
	// begins outside (0) or inside (1) of quotes; of JSON lines, by whether it
	// begins in a line with nothing before it (0) or with something (1).
	edges [2]edge
	text  bool // JSON lines: the line that is not ended has something in it
}

// after tells with which of edges the next range goes on, when this one began
// with open.
func (t *tally) after(open int) int {
	switch {
	case t.quote != 0:
		return open ^ t.odd
	case t.text:
		return 1
	case t.edges[0].ends > 0:
		return 0
	}
	return open
}

// edge counts line ends that end a record.
type edge struct {
	ends, blanks int64 // all, and those of blank lines
	first        int64 // offset behind the first one
	firstLines   int64 // line ends up to it and with it
	firstBlank   int64 // 1 if it ends a blank line
}

// records counts a block, whose first two bytes are those before it; its third
// stands at offset in the file.
func (t *tally) records(block []byte, offset int64) {
	b := block[2:]
	// A blank line is what lineBuffer and csvReader take for it: nothing, or a
	// CR, between two line ends.
	returns := bytes.IndexByte(block, '\r') >= 0
	if bytes.IndexByte(b, t.quote) < 0 && !bytes.Contains(block, []byte("\n\n")) && (!returns || !bytes.Contains(block, []byte("\n\r\n"))) {
		n := int64(bytes.Count(b, []byte{'\n'}))
		if n > 0 {
			e := &t.edges[t.odd]
			if e.ends == 0 {
				e.first, e.firstLines = offset+int64(bytes.IndexByte(b, '\n'))+1, t.lines+1
			}
			e.ends += n
			t.lines += n
		}
		return
	}
	var padded [64]byte
	for at := 0; at < len(b); at += 64 {
		w := b[at:]
		if len(w) >= 64 {
			w = w[:64]
		} else {
			copy(padded[:], w)
			w = padded[:]
		}
		newlines, quotes := masks((*[64]byte)(w), t.quote)
		// Bit i of inside: quotes up to i are odd in number.
		inside := quotes
		for shift := 1; shift < 64; shift *= 2 {
			inside ^= inside << shift
		}
		inside ^= -uint64(t.odd)
		t.odd ^= bits.OnesCount64(quotes) & 1
		if newlines == 0 {
			continue
		}
		blank := newlines << 1
		if block[at+1] == '\n' {
			blank |= 1
		}
		if blank &= newlines; returns {
			blank |= afterReturn(newlines, block[at:])
		}
		t.edges[0].add(newlines&^inside, blank, newlines, offset+int64(at), t.lines)
		t.edges[1].add(newlines&inside, blank, newlines, offset+int64(at), t.lines)
		t.lines += int64(bits.OnesCount64(newlines))
	}
}

// afterReturn returns which line ends follow a line end and a CR. b begins two
// bytes before those that newlines is of.
func afterReturn(newlines uint64, b []byte) (out uint64) {
	for rest := newlines; rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); b[i+1] == '\r' && b[i] == '\n' {
			out |= 1 << i
		}
	}
	return out
}

// add counts the ends of records among 64 bytes, which stand at offset and
// before which there were so many lines.
func (e *edge) add(ends, blank, newlines uint64, offset, lines int64) {
	if ends == 0 {
		return
	}
	if e.ends == 0 {
		first := bits.TrailingZeros64(ends)
		e.first = offset + int64(first) + 1
		e.firstLines = lines + int64(bits.OnesCount64(newlines<<(63-first)))
		e.firstBlank = int64(blank >> first & 1)
	}
	e.ends += int64(bits.OnesCount64(ends))
	e.blanks += int64(bits.OnesCount64(ends & blank))
}

// masks returns which of 64 bytes are line ends, and which are quotes, eight
// at a time: "Determine if a word has a zero byte" of Anderson's Bit Twiddling
// Hacks, in the form that is exact for every byte.
func masks(b *[64]byte, quote byte) (newlines, quotes uint64) {
	const ones, low = 0x0101010101010101, 0x7f7f7f7f7f7f7f7f
	q := ones * uint64(quote)
	for i := 0; i < 8; i++ {
		w := binary.LittleEndian.Uint64(b[8*i:])
		x, y := w^(ones*'\n'), w^q
		x = ^((x&low + low) | x | low)
		y = ^((y&low + low) | y | low)
		// The product gathers the highest bits of the bytes in the highest byte.
		newlines |= (x >> 7 * 0x0102040810204080) >> 56 << (8 * i)
		quotes |= (y >> 7 * 0x0102040810204080) >> 56 << (8 * i)
	}
	return newlines, quotes
}

// countLines counts a block of JSON lines, like records. A blank line has
// nothing but jsonSpace in it.
func (t *tally) countLines(block []byte, offset int64) {
	b := block[2:]
	defer func() {
		e := t.edges[0]
		e.blanks, e.firstBlank = e.blanks-e.firstBlank, 0
		t.edges[1] = e
	}()
	e := &t.edges[0]
	for at := 0; at < len(b); {
		i := bytes.IndexByte(b[at:], '\n')
		line := b[at:]
		if i >= 0 {
			line = b[at : at+i]
		}
		if !t.text && len(line) > 0 {
			t.text = line[len(line)-1] == '}' || len(bytes.Trim(line, jsonSpace)) > 0
		}
		if i < 0 {
			return
		}
		at += i + 1
		t.lines++
		e.ends++
		if !t.text {
			e.blanks++
		}
		if e.ends == 1 {
			e.first, e.firstLines = offset+int64(at), 1
			if !t.text {
				e.firstBlank = 1
			}
		}
		t.text = false
	}
}
