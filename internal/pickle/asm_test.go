package pickle

import (
	"encoding/binary"
	"strings"
)

// asm assembles a pickle: opcodes are numbers, strings are bytes as they are.
func asm(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			out = append(out, byte(p))
		case rune:
			out = append(out, byte(p))
		case string:
			out = append(out, p...)
		case []byte:
			out = append(out, p...)
		default:
			panic("asm: a number, a string or bytes")
		}
	}
	return out
}

func le4(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func le8(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// str pushes a short str, global imports by GLOBAL, stackGlobal by
// STACK_GLOBAL.
func str(s string) []byte {
	if len(s) > 255 {
		return asm(opBinUnicode, le4(uint32(len(s))), s)
	}
	return asm(opShortBinUnicode, len(s), s)
}
func bin(s []byte) []byte { return asm(opBinBytes, le4(uint32(len(s))), s) }
func global(module, name string) []byte {
	return asm(opGlobal, module, "\n", name, "\n")
}
func stackGlobal(module, name string) []byte {
	return asm(str(module), str(name), opStackGlobal)
}

// p4 is a whole pickle of protocol 4 without frames.
func p4(parts ...any) []byte { return asm(opProto, 4, asm(parts...), opStop) }

// system is what nobody wants: os.system("id").
func system() []byte {
	return asm(stackGlobal("os", "system"), str("id"), opTuple1, opReduce)
}

// rulesOf are the rules that a pickle breaks, each once, in order.
func rulesOf(r *Result) string {
	var ids []string
	seen := map[string]bool{}
	for _, p := range r.Problems {
		if !seen[p.Rule] {
			seen[p.Rule] = true
			ids = append(ids, p.Rule)
		}
	}
	return strings.Join(ids, " ")
}
