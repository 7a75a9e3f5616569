package pickle

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// nestedWindow is how much of a string is looked into, nestedDepth how deep.
const (
	nestedWindow = 64 << 10
	nestedDepth  = 3
	minNested    = 12 // bytes; nothing harmful is shorter
)

// nested looks for a pickle in a string. It does nothing when the string is
// loaded; something must then load it. head are the first of n bytes.
func (m *machine) nested(head []byte, n int64) {
	if m.depth >= nestedDepth || len(head) < minNested {
		return
	}
	if startsPickle(head) && (head[0] == opProto || bytes.IndexByte(head, '\n') >= 0 || bytes.IndexByte(head, opStackGlobal) >= 0) {
		m.nestedIn(head, "")
		return
	}
	text := head
	if len(text) > 8 && isHex(text[:8]) {
		if b := decodeHex(text); b != nil && startsPickle(b) {
			m.nestedIn(b, "hexadecimal ")
			return
		}
	}
	if isBase64(text[:8]) {
		if b := decodeBase64(text); len(b) >= 2 && startsPickle(b) {
			m.nestedIn(b, "base64 ")
		}
	}
}

func (m *machine) nestedIn(data []byte, how string) {
	inner := &scan{result: &Result{}, kept: map[string]int{}, opts: Options{Allow: m.opts.Allow, Inline: noInline}, depth: m.depth + 1,
		limits: Limits{Memory: 1 << 20, Stack: 1 << 16, Streams: 1, Problems: 100}, memory: 1 << 20}
	sub := newMachine(inner, &source{buf: data, end: len(data), size: -1})
	sub.run()
	m.result.Opcodes += inner.result.Opcodes
	if !sub.stream.Complete && !sub.imports() {
		return
	}
	message := fmt.Sprintf("a %sstring holds another pickle of protocol %d; whatever unpickles it runs it", how, sub.stream.Protocol)
	var bad []string
	for _, g := range sub.stream.Globals {
		if g.Verdict.Class != Allowed && len(bad) < 5 {
			bad = append(bad, quotePath(g.Module+"."+g.Name))
		}
	}
	if len(bad) > 0 {
		message += "; it imports " + strings.Join(bad, ", ")
	}
	m.report("PKL014", message)
}

func noInline(*Value) (Inline, error) { return Inline{}, nil }

// startsPickle tells whether bytes may be the beginning of a pickle: PROTO, or
// an opcode with which a pickle of protocol 0 or 1 begins.
func startsPickle(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	if b[0] == opProto {
		return b[1] <= highestProtocol
	}
	switch b[0] {
	case opMark, opGlobal, opEmptyDict, opEmptyList, opEmptyTuple:
		return opcodes[b[1]].name != "" || b[0] == opGlobal && isName(string(b[1:2]))
	case opInt, opLong, opFloat, opString, opUnicode, opBinUnicode, opShortBinString, opBinString, opBinInt, opBinInt1, opBinInt2, opBinFloat, opNone:
		return true
	}
	return false
}

// begins tells whether a pickle may begin with a byte: any opcode that takes
// nothing from the stack or the memo.
func begins(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] {
	case opStop, opPop, opPopMark, opDup, opBinPersID, opReduce, opAppend, opBuild, opDict, opAppends, opGet, opBinGet, opInst, opLongBinGet,
		opList, opObj, opPut, opBinPut, opLongBinPut, opSetItem, opTuple, opSetItems, opNewObj, opTuple1, opTuple2, opTuple3, opAddItems,
		opFrozenSet, opNewObjEx, opStackGlobal, opMemoize, opReadonlyBuffer:
		return false
	}
	return opcodes[b[0]].name != ""
}

// imports tells whether the stream imports something that could be a name.
// Data that are no pickle hardly ever do.
func (m *machine) imports() bool {
	for _, g := range m.stream.Globals {
		if isName(g.Module) && isName(g.Name) {
			return true
		}
	}
	return false
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !isDigit(c, 16) {
			return false
		}
	}
	return true
}

func decodeHex(b []byte) []byte {
	n := 0
	for n < len(b) && isDigit(b[n], 16) {
		n++
	}
	out := make([]byte, n/2)
	if _, err := hex.Decode(out, b[:n/2*2]); err != nil {
		return nil
	}
	return out
}

func base64Char(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

func isBase64(b []byte) bool {
	for _, c := range b {
		if !base64Char(c) {
			return false
		}
	}
	return true
}

// decodeBase64 decodes what of b is base64, line breaks aside, in either
// alphabet.
func decodeBase64(b []byte) []byte {
	text := make([]byte, 0, len(b))
	for _, c := range b {
		switch {
		case c == '\n' || c == '\r':
			continue
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		case !base64Char(c):
			return decodeRaw(text)
		}
		text = append(text, c)
	}
	return decodeRaw(text)
}

func decodeRaw(text []byte) []byte {
	text = text[:len(text)/4*4+len(text)%4&^1] // a rest of one character is no byte
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	n, _ := base64.RawStdEncoding.Decode(out, text)
	return out[:n]
}
