package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The opcodes that bring a value with them: numbers, strings, memo.

// maxDigits is how many digits of a decimal int are looked at, maxLong how
// many bytes a counted int may have before it is a problem: converting is
// quadratic in them.
const (
	maxDigits = 64 << 10
	maxLong   = 64 << 10
)

func bigEndianFloat(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }

// number reads the decimals of protocol 0: load_int, load_long, load_float.
func (m *machine) number() {
	kept, n := m.src.line(maxDigits)
	line := strings.TrimSpace(string(kept))
	if m.op == opInt && (line == "00" || line == "01") {
		m.push([]*Value{sharedFalse, sharedTrue}[line[1]-'0'])
		return
	}
	if n > maxDigits {
		m.report("PKL017", fmt.Sprintf("a number of %d digits: reading it takes time in the square of them", n))
		m.push(unknown[Int])
		return
	}
	if m.op == opFloat {
		f, err := strconv.ParseFloat(line, 64)
		if err != nil && !strings.Contains(err.Error(), "range") {
			m.once("PKL009", fmt.Sprintf("%s is not a float: loading breaks off here", quote(line)))
		}
		m.pushFloat(f)
		return
	}
	line = strings.TrimSuffix(line, "L")
	i, err := strconv.ParseInt(line, 0, 64)
	if err == nil {
		m.pushInt(i)
		return
	}
	v := m.value(Int)
	if v.Kind == Int {
		v.Text = strings.Clone(clip(line, maxText))
		m.memory -= int64(len(v.Text))
	}
	digits := strings.TrimLeft(line, "+-")
	if digits == "" || strings.Trim(digits, "0123456789abcdefABCDEFxXoO_") != "" {
		m.once("PKL009", fmt.Sprintf("%s is not an int: loading breaks off here", quote(line)))
	}
	m.push(v)
}

// long is load_counted_long: little-endian, two's complement.
func (m *machine) long(n int64) {
	switch {
	case n < 0:
		m.report("PKL017", "an int of negative length: loading breaks off here")
		m.push(unknown[Int])
		return
	case n > maxLong:
		m.report("PKL017", fmt.Sprintf("an int of %d bytes: showing or computing with it takes time in the square of them", n))
		m.src.skip(n)
		m.push(unknown[Int])
		return
	}
	b := m.src.take(int(n))
	if n > 8 {
		v := m.value(Int)
		if b != nil && v.Kind == Int && n <= 256 {
			v.Text = bigInt(b)
			m.memory -= int64(len(v.Text))
		}
		m.push(v)
		return
	}
	var x uint64
	for i, c := range b {
		x |= uint64(c) << (8 * i)
	}
	if len(b) > 0 && len(b) < 8 && b[len(b)-1]&0x80 != 0 {
		x |= math.MaxUint64 << (8 * len(b))
	}
	m.pushInt(int64(x))
}

func bigInt(b []byte) string {
	be := make([]byte, len(b))
	for i, c := range b {
		be[len(b)-1-i] = c
	}
	x := new(big.Int).SetBytes(be)
	if be[0]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return x.String()
}

// text reads a counted str or bytes, of which it keeps the beginning.
func (m *machine) text(k Kind, n uint64) {
	if n > math.MaxInt64 {
		m.report("PKL017", fmt.Sprintf("a length of %d bytes overflows: loading breaks off here", n))
		m.broken("the length of the string overflows")
		return
	}
	if left := m.src.left(); left >= 0 && n > uint64(left) && n >= 1<<31 {
		m.report("PKL017", fmt.Sprintf("a length of %d bytes, where %d are left: CPython allocates them before it reads", n, left))
	}
	peek := m.src.peek(int(min(n, nestedWindow)))
	if m.memory <= 0 && k == String && int64(len(peek)) == int64(n) {
		// Large pickles go on importing by names from the memo.
		if v := knownNames()[string(peek)]; v != nil {
			m.src.skip(int64(n))
			m.push(v)
			return
		}
	}
	v := m.value(k)
	if v.Kind != Unknown {
		keep := peek
		if len(keep) > maxText {
			keep = keep[:maxText]
		}
		if v.passing && len(keep) > 256 {
			keep = keep[:256]
		}
		if m.arena != nil {
			v.Text = m.arena.text(keep)
		} else {
			v.Text = string(keep)
		}
		v.Int = int64(n)
		m.memory -= int64(len(keep))
	}
	m.nested(peek, int64(n))
	m.src.skip(int64(n))
	m.push(v)
}

// textLine is load_string and load_unicode.
func (m *machine) textLine() {
	kept, n := m.src.line(nestedWindow)
	var text []byte
	if m.op == opString {
		if n < 2 || kept[0] != '\'' && kept[0] != '"' || n == int64(len(kept)) && kept[n-1] != kept[0] {
			m.once("PKL009", "a STRING without quotes: loading breaks off here")
			text = kept
		} else {
			text = unescape(kept[1:min(n-1, int64(len(kept)))])
		}
	} else {
		text = rawUnicode(kept)
	}
	v := m.value(String)
	if v.Kind != Unknown {
		v.Text, v.Int = string(text[:min(len(text), maxText)]), n
		m.memory -= int64(len(v.Text))
	}
	m.nested(text, n)
	m.push(v)
}

// unescape is PyBytes_DecodeEscape.
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		if at := strings.IndexByte(`\'"abfnrtv`, s[i]); at >= 0 {
			out = append(out, "\\'\"\a\b\f\n\r\t\v"[at])
			continue
		}
		digits, base := 3, 8
		start := i
		if s[i] == 'x' {
			digits, base, start = 2, 16, i+1
		}
		end := start
		for end < len(s) && end-start < digits && isDigit(s[end], base) {
			end++
		}
		if end == start {
			if s[i] != '\n' {
				out = append(out, '\\', s[i])
			}
			continue
		}
		c, _ := strconv.ParseUint(string(s[start:end]), base, 16)
		out = append(out, byte(c))
		i = end - 1
	}
	return out
}

// rawUnicode is PyUnicode_DecodeRawUnicodeEscape: Latin-1 with \uXXXX and
// \UXXXXXXXX, so that a name can be written in many ways.
func rawUnicode(s []byte) []byte {
	plain := true
	for _, c := range s {
		plain = plain && c != '\\' && c < utf8.RuneSelf
	}
	if plain {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		digits := 0
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case 'u':
				digits = 4
			case 'U':
				digits = 8
			}
		}
		if digits == 0 || i+2+digits > len(s) {
			out = utf8.AppendRune(out, rune(s[i]))
			if s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\' {
				i++
				out = append(out, '\\')
			}
			continue
		}
		c, err := strconv.ParseUint(string(s[i+2:i+2+digits]), 16, 32)
		if err != nil {
			out = append(out, s[i])
			continue
		}
		out = utf8.AppendRune(out, rune(min(c, utf8.MaxRune+1)))
		i += 1 + digits
	}
	return out
}

func isDigit(c byte, base int) bool {
	if base == 8 {
		return c >= '0' && c <= '7'
	}
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// memoGet is load_get and its kin.
func (m *machine) memoGet() {
	index, ok := m.memoIndex()
	if !ok {
		m.push(unknown[0])
		return
	}
	var v *Value
	if int(index) < len(m.memo) {
		v = m.memo[index]
	} else {
		v = m.far[index]
	}
	if v == nil && m.outer != nil && int(index) < len(m.outer.memo) {
		v = text(m.outer.memo[index])
	}
	if v == nil {
		v = unknown[0]
		if m.memoized <= maxMemo {
			m.report("PKL015", fmt.Sprintf("memo entry %d was never put: loading breaks off here, unless the loader kept the memo of an earlier pickle", index))
		}
	}
	m.hadAgain(v)
	m.push(v)
}

// hadAgain notes that v will stand in two places.
func (m *machine) hadAgain(v *Value) {
	if v.isPlain() {
		if v.Kind != Import && !v.memoized && !v.shared() {
			v.again = true
		}
		return
	}
	m.agains++
	if !v.again && v != sharedEmpty {
		v.again = true
		m.again = append(m.again, v)
	}
}

// memoPut is load_put and its kin. The pickler counts up, from 0 or, that of
// Python 2 in C, from 1.
func (m *machine) memoPut() {
	v := m.top()
	index := uint32(min(m.memoized, math.MaxUint32))
	if m.op != opMemoize {
		at, ok := m.memoIndex()
		if !ok {
			return
		}
		if int64(at) > int64(m.memoized)+1 {
			m.once("PKL015", fmt.Sprintf("memo entry %d is put after %d entries: CPython allocates all below it", at, m.memoized))
		}
		index = at
	}
	v = m.memoizable(v)
	switch {
	case int(index) < len(m.memo) && m.memo[index] != nil:
		m.once("PKL015", fmt.Sprintf("memo entry %d is put again with another value: tools that do not follow the memo see the first", index))
		m.memo[index] = v
		return
	case int(index) < len(m.memo):
		m.memo[index] = v
	case int(index) <= len(m.memo)+1 && index < maxMemo:
		for len(m.memo) < int(index) {
			m.memo = append(m.memo, nil)
		}
		m.memo = append(m.memo, v)
	default:
		if _, again := m.far[index]; again {
			m.memoized--
		} else if len(m.far) >= maxFarMemo {
			m.stream.Partial = true
			break
		}
		if m.far == nil {
			m.far = map[uint32]*Value{}
		}
		m.far[index] = v
	}
	m.memoized++
}

func (m *machine) memoizable(v *Value) *Value {
	if v.passing {
		return unknown[v.Kind]
	}
	if !v.memoized && !v.shared() {
		v.memoized = true
	}
	return v
}

func (m *machine) memoIndex() (uint32, bool) {
	switch m.op {
	case opBinGet, opBinPut:
		return uint32(m.src.byte()), true
	case opLongBinGet, opLongBinPut:
		return m.src.uint32(), true
	}
	kept, n := m.src.line(32)
	index, err := strconv.ParseUint(strings.TrimSpace(string(kept)), 10, 32)
	if err != nil || n > 32 {
		m.report("PKL015", fmt.Sprintf("memo entry %s: not a number that a pickler writes", quote(string(kept))))
		return 0, false
	}
	return uint32(index), true
}
