package pickle

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// scanBoth is ScanBytes, which finds the same with Options.Findings: the tests
// of this package scan with it, so that all samples hold for both.
func scanBoth(t testing.TB, data []byte, opts Options) *Result {
	t.Helper()
	whole := ScanBytes(data, opts)
	opts.Findings = true
	fast := ScanBytes(data, opts)
	if a, b := found(whole), found(fast); a != b {
		t.Errorf("with Findings:\n%s\nwithout:\n%s", b, a)
	}
	for i, s := range fast.Streams {
		top := whole.Streams[i].Top
		if (s.Top == nil) != (top == nil) || top != nil && (s.Top.Kind != top.Kind || s.Top.Text != top.Text || s.Top.Int != top.Int) {
			t.Errorf("with Findings the value is %v, without %v", s.Top, top)
		}
		if len(s.PersistentIDs) != len(whole.Streams[i].PersistentIDs) {
			t.Errorf("with Findings %d persistent ids, without %d", len(s.PersistentIDs), len(whole.Streams[i].PersistentIDs))
		}
	}
	return whole
}

// found is all that Options.Findings must not change.
func found(r *Result) string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%+v\n", p)
	}
	for _, s := range r.Streams {
		fmt.Fprintf(&b, "%d-%d protocol %d %t %t\n", s.Begin, s.End, s.Protocol, s.Complete, s.Partial)
		for _, g := range s.Globals {
			fmt.Fprintf(&b, "%+v\n", g)
		}
		for _, c := range s.Calls {
			fmt.Fprintf(&b, "%+v\n", c)
		}
	}
	fmt.Fprintf(&b, "%d trailing, %d dropped, %d opcodes\n", r.Trailing, r.Dropped, r.Opcodes)
	return b.String()
}

// Containers of which plain items are counted only: what matters in them is
// found behind any number of others.
func TestFindingsBehindPlainItems(t *testing.T) {
	var items, pairs []any
	for i := range 500 {
		items = append(items, opBinInt, le4(uint32(i+1000)), str(fmt.Sprintf("item %d", i)), opBinFloat, le8(uint64(i)))
		pairs = append(pairs, str(fmt.Sprintf("key %d", i)), opBinInt, le4(uint32(i+1000)))
	}
	plain, dict := asm(items...), asm(pairs...)
	object := asm(stackGlobal("types", "SimpleNamespace"), opEmptyTuple, opNewObj)
	laughs := func(shared int, opcode ...any) []byte {
		b := asm(opEmptyList, opMemoize)
		for i := range 12 {
			b = append(b, asm(opEmptyList, opMemoize, opMark, plain, bytes.Repeat([]byte{opBinGet, byte(i)}, shared), opAppends)...)
		}
		return append(b, asm(opcode...)...)
	}
	doubled := asm(opEmptyList)
	for range 40 {
		doubled = append(doubled, asm(opDup, opTuple2)...)
	}
	for _, c := range []struct {
		name, want string
		pickle     []byte
	}{
		{"names from the memo after a list has them", "PKL001 PKL005", p4(opEmptyList, opMark, plain, str("os"), opMemoize, str("system"), opMemoize, opAppends, opPop,
			opEmptyList, opMark, plain, plain, opAppends, opPop, opBinGet, 0, opBinGet, 1, opStackGlobal, str("id"), opTuple1, opReduce)},
		{"names after an item that is in a list twice", "PKL001 PKL005", p4(opEmptyList, opMark, plain, str("x"), opDup, opAppends, opPop, system())},
		{"call in a list", "PKL001 PKL005", p4(opEmptyList, opMark, plain, system(), opAppends)},
		{"hook behind many keys", "PKL005", p4(object, opEmptyDict, opMark, dict, str("__setstate__"), opNone, dict, opSetItems, opBuild)},
		{"method behind many keys", "PKL005", p4(object, opEmptyDict, opMark, dict, str("append"), stackGlobal("builtins", "type"), opSetItems, opBuild)},
		{"attributes behind many keys", "", p4(object, opEmptyDict, opMark, dict, opSetItems, opBuild)},
		{"lists that name lists, behind many items", "PKL013", p4(laughs(10))},
		{"lists that double", "PKL013", p4(doubled)},
		{"list in itself", "", p4(opEmptyList, opMemoize, opMark, plain, opBinGet, 0, opAppends)},
		{"list that is fetched and filled later", "PKL013", p4(opEmptyList, opMemoize, opEmptyList, opMemoize, opMark, bytes.Repeat([]byte{opBinGet, 0}, 100), opAppends,
			opEmptyList, opMemoize, opMark, bytes.Repeat([]byte{opBinGet, 1}, 100), opAppends,
			opEmptyList, opMemoize, opMark, bytes.Repeat([]byte{opBinGet, 2}, 100), opAppends,
			opEmptyList, opMemoize, opMark, bytes.Repeat([]byte{opBinGet, 3}, 100), opAppends,
			opBinGet, 0, opMark, plain, opAppends, opPop)},
		{"joblib's array, its shape behind many keys", "", p4(stackGlobal("joblib.numpy_pickle", "NumpyArrayWrapper"), opEmptyTuple, opNewObj, opEmptyDict, opMark, dict,
			str("shape"), opBinInt1, 2, opTuple1, str("dtype"), stackGlobal("numpy", "dtype"), str("f8"), opTuple1, opReduce,
			str("numpy_array_alignment_bytes"), opBinInt1, 16, dict, opSetItems, opBuild, 0, strings.Repeat("\xff", 16))},
	} {
		if r := scanBoth(t, c.pickle, Options{}); rulesOf(r) != c.want {
			t.Errorf("%s: %s, want %s:\n%s", c.name, rulesOf(r), c.want, list(r))
		}
	}
}

// What isTelling keeps is what attributes looks for.
func TestTellingKeys(t *testing.T) {
	for _, names := range []map[string]bool{hooks, methods} {
		for name := range names {
			if !isTelling(&Value{Kind: String, Text: name}) {
				t.Errorf("%s is not kept", name)
			}
		}
	}
}

// A scan leaves nothing of its values to the next, and results outlive it.
func TestFindingsOneAfterTheOther(t *testing.T) {
	opts := Options{Findings: true}
	bad := ScanBytes(p4(system()), opts)
	want := found(bad)
	for name, data := range files(t) {
		first := found(ScanBytes(data, opts))
		for range 3 {
			if again := found(ScanBytes(data, opts)); again != first {
				t.Errorf("%s: at first\n%s\nthen\n%s", name, first, again)
			}
		}
	}
	if got := found(bad); got != want {
		t.Errorf("the result has become\n%s\nfrom\n%s", got, want)
	}
}
