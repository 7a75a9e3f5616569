package pickle

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Each rule has samples that break it and near misses that do not.
func TestRules(t *testing.T) {
	ordered := stackGlobal("collections", "OrderedDict")
	inner := p4(system())
	// ten lists, each ten times the one before
	laughs := func(levels int) []byte {
		b := asm(opEmptyList, opMemoize)
		for i := range levels {
			b = append(b, asm(opEmptyList, opMemoize, opMark, strings.Repeat(string([]byte{opBinGet, byte(i)}), 10), opAppends)...)
		}
		return b
	}
	storage := asm(opMark, str("storage"), global("torch", "FloatStorage"), str("0"), str("cpu"), opBinInt1, 6, opTuple)
	for _, c := range []struct {
		name   string
		pickle []byte
		want   string // rules, in order
	}{
		{"system", p4(system()), "PKL001 PKL005"},
		{"system, protocol 0", asm(global("posix", "system"), opMark, "S'id'\n", opTuple, opReduce, opStop), "PKL001 PKL005"},
		{"system, Python 2", asm(global("commands", "getoutput"), opMark, "S'id'\n", opTuple, opReduce, opStop), "PKL001 PKL005"},
		{"eval, Python 2", asm(global("__builtin__", "eval"), opMark, "S'1'\n", opTuple, opReduce, opStop), "PKL001 PKL005"},
		{"only imported", p4(stackGlobal("os", "system")), "PKL001"},
		{"module below a dangerous one", p4(stackGlobal("os.path", "join")), "PKL001"},
		{"module below a dangerous one, not listed itself", p4(stackGlobal("urllib.request", "urlopen")), "PKL001"},
		{"__import__", p4(stackGlobal("builtins", "__import__"), str("os"), opTuple1, opReduce), "PKL001 PKL005"},
		{"getattr", p4(stackGlobal("builtins", "getattr"), ordered, str("pop"), opTuple2, opReduce), "PKL001 PKL005"},
		{"attrgetter", p4(stackGlobal("operator", "attrgetter"), str("system"), opTuple1, opReduce), "PKL001 PKL005"},
		{"methodcaller", p4(stackGlobal("_operator", "methodcaller"), str("x"), opTuple1, opReduce), "PKL001 PKL005"},
		{"partial", p4(stackGlobal("functools", "partial"), ordered, opTuple1, opReduce), "PKL001 PKL005"},
		{"resolve_name", p4(stackGlobal("pkgutil", "resolve_name"), str("os:system"), opTuple1, opReduce), "PKL001 PKL005"},
		{"importlib", p4(stackGlobal("importlib", "import_module"), str("os"), opTuple1, opReduce), "PKL001 PKL005"},
		{"ufunc by name", p4(stackGlobal("numpy._core", "_ufunc_reconstruct"), str("os"), str("system"), opTuple2, opReduce), "PKL001 PKL005"},
		{"torch.load", p4(stackGlobal("torch.storage", "_load_from_bytes"), bin(nil), opTuple1, opReduce), "PKL001 PKL005"},
		{"dangerous argument of an allowed callable", p4(stackGlobal("collections", "defaultdict"), stackGlobal("os", "getcwd"), opTuple1, opReduce), "PKL001"},
		{"encode with a codec", p4(stackGlobal("_codecs", "encode"), str("x"), str("rot13"), opTuple2, opReduce), "PKL001"},
		{"encode with latin1", p4(stackGlobal("_codecs", "encode"), str("x"), str("latin1"), opTuple2, opReduce), ""},
		{"OrderedDict", p4(ordered, opEmptyTuple, opReduce), ""},
		{"numpy.core and numpy._core", p4(stackGlobal("numpy.core.multiarray", "_reconstruct"), opPop, stackGlobal("numpy._core.multiarray", "_reconstruct")), ""},
		{"_reconstructor of object", p4(global("copy_reg", "_reconstructor"), global("collections", "OrderedDict"), global("__builtin__", "object"), opNone, opTuple3, opReduce), ""},
		{"_reconstructor of something else", p4(global("copy_reg", "_reconstructor"), global("subprocess", "Popen"), global("__builtin__", "object"), opNone, opTuple3, opReduce), "PKL001"},

		{"a class of one's own", p4(stackGlobal("__main__", "Net"), opEmptyTuple, opNewObj), "PKL002 PKL005"},
		{"module of a similar name", p4(stackGlobal("collectionsx", "OrderedDict")), "PKL002"},
		{"module below an allowed one", p4(stackGlobal("collections.abc", "Mapping")), "PKL002"},
		{"a function of an allowed module", p4(stackGlobal("numpy", "load")), "PKL001"},
		{"an unlisted one of an allowed module", p4(stackGlobal("numpy", "piecewise")), "PKL002"},
		{"lower-case name among classes", p4(stackGlobal("torch.nn.modules.linear", "init")), "PKL002"},
		{"module alias among classes", p4(stackGlobal("torch.nn.modules.linear", "F")), "PKL002"},
		{"class among classes", p4(stackGlobal("torch.nn.modules.linear", "Linear")), ""},

		{"dots in a name", p4(stackGlobal("pathlib", "os.system")), "PKL001 PKL003"},
		{"dots into another module", p4(stackGlobal("__future__", "_ssl.X")), "PKL001 PKL003"},
		{"dots to a class", p4(stackGlobal("mine", "Outer.Inner")), "PKL002 PKL003"},
		{"dots from an allowed name", p4(stackGlobal("collections", "OrderedDict.__init__")), "PKL001 PKL003"},

		{"module on the stack is bytes", p4(bin([]byte("os")), str("system"), opStackGlobal), "PKL004"},
		{"name is the result of a call", p4(str("os"), ordered, opEmptyTuple, opReduce, opStackGlobal), "PKL004"},
		{"name from the memo", p4(str("collections"), opMemoize, opPop, str("OrderedDict"), opMemoize, opPop, opBinGet, 0, opBinGet, 1, opStackGlobal), ""},

		{"INST", asm(opMark, "S'id'\n", opInst, "os\nsystem\n", opStop), "PKL001 PKL005"},
		{"OBJ", asm(opMark, global("os", "system"), "S'id'\n", opObj, opStop), "PKL001 PKL005"},
		{"NEWOBJ_EX", p4(stackGlobal("mine", "C"), opEmptyTuple, opEmptyDict, opNewObjEx), "PKL002 PKL005"},
		{"call of a call's result", p4(ordered, opEmptyTuple, opReduce, opEmptyTuple, opReduce), "PKL005"},
		{"BUILD of a class itself", p4(ordered, opEmptyDict, str("x"), opNone, opSetItem, opBuild), "PKL005"},
		{"BUILD with a hook", p4(ordered, opEmptyTuple, opReduce, opEmptyDict, str("__setstate__"), ordered, opSetItem, opBuild), "PKL005"},
		{"BUILD of an object", p4(ordered, opEmptyTuple, opReduce, opEmptyDict, str("state"), opNone, opSetItem, opBuild), ""},
		{"type with three arguments", p4(stackGlobal("builtins", "type"), str("C"), opEmptyTuple, opEmptyDict, opTuple3, opReduce), "PKL005"},
		{"type of None", p4(stackGlobal("builtins", "type"), opNone, opTuple1, opReduce), ""},
		{"items set in a tensor", p4(global("torch._utils", "_rebuild_tensor_v2"), opEmptyTuple, opReduce, opBinInt1, 0, opBinInt1, 1, opSetItem), "PKL005"},
		{"items set in an OrderedDict", p4(ordered, opEmptyTuple, opReduce, opBinInt1, 0, opBinInt1, 1, opSetItem), ""},
		{"items appended to a dict", p4(opEmptyDict, opNone, opAppend), "PKL005"},

		{"result popped", p4(ordered, opEmptyTuple, opReduce, opPop, opNone), "PKL006"},
		{"results popped to the mark", p4(opMark, ordered, opEmptyTuple, opReduce, opPopMark, opNone), "PKL006"},
		{"result left below", p4(ordered, opEmptyTuple, opReduce, opNone), "PKL006"},
		{"result popped, but memoized", p4(ordered, opEmptyTuple, opReduce, opMemoize, opPop, opBinGet, 0), ""},
		{"dict popped", p4(opEmptyDict, opPop, opNone), ""},
		{"mark popped", p4(opMark, opPop, opNone), ""},

		{"opcode over the frame's end", p4(opFrame, le8(2), str("abc")), "PKL007"},
		{"frame in a frame", p4(opFrame, le8(11), opFrame, le8(0), opNone), "PKL007"},
		{"STOP before the frame's end", asm(opProto, 4, opFrame, le8(3), opNone, opStop, opNone), "PKL007 PKL010"},
		{"frame beyond the end", p4(opFrame, le8(1000), opNone), "PKL007"},
		{"frame that fits", p4(opFrame, le8(2), opNone), ""},
		{"two frames", p4(opFrame, le8(1), opNone, opFrame, le8(3), opPop, opNone), ""},

		{"PROTO twice", p4(opProto, 4, opNone), "PKL008"},
		{"PROTO 6", asm(opProto, 6, opNone, opStop), "PKL008"},
		{"PROTO 5", asm(opProto, 5, opNone, opStop), ""},

		{"cut off", asm(opProto, 4, ordered), "PKL009"},
		{"cut off after a payload", asm(opProto, 4, system()), "PKL001 PKL005 PKL009"},
		{"no opcode after a payload", asm(opProto, 4, system(), 0xff, opStop), "PKL001 PKL005 PKL009"},
		{"a payload after an underflow", p4(opPop, system()), "PKL009 PKL001 PKL005"},
		{"cut off in a string", asm(opProto, 4, opBinBytes, le4(100), "abc"), "PKL009"},
		{"nothing", nil, "PKL009"},
		{"empty stack at STOP", p4(), "PKL009"},
		{"odd SETITEMS", p4(opEmptyDict, opMark, opNone, opSetItems), "PKL009"},
		{"no mark", p4(opTuple), "PKL009"},

		{"two pickles", append(p4(opNone), p4(opNone)...), "PKL010"},
		{"payload in the second", append(p4(opNone), p4(system())...), "PKL001 PKL005 PKL010"},
		{"payload of protocol 0 in the second", append(p4(opNone), asm(global("os", "system"), opStop)...), "PKL001 PKL010"},
		{"broken payload in the second", append(p4(opNone), asm(opProto, 2, global("os", "system"), 0xff)...), "PKL001 PKL009 PKL010"},
		{"bytes after the end", append(p4(opNone), "\x00\x01"...), "PKL010"},
		{"one pickle", p4(opNone), ""},

		{"EXT1", p4(opExt1, 1), "PKL011"},
		{"EXT4", p4(opExt4, le4(70000)), "PKL011"},

		{"PERSID", asm(opPersID, "7\n", opStop), "PKL012"},
		{"BINPERSID", p4(str("weights"), opBinPersID), "PKL012"},
		{"storage of another class", p4(opMark, str("storage"), stackGlobal("collections", "OrderedDict"), str("0"), str("cpu"), opBinInt1, 6, opTuple, opBinPersID), "PKL012"},
		{"storage of torch.Size", p4(opMark, str("storage"), global("torch", "Size"), str("0"), str("cpu"), opBinInt1, 6, opTuple, opBinPersID), "PKL012"},
		{"torch's storage", p4(storage, opBinPersID), ""},

		{"billion laughs", p4(laughs(11)), "PKL013"},
		{"ten thousand laughs", p4(laughs(4)), ""},
		{"laughs by DUP", p4(opNone, strings.Repeat(string([]byte{opDup, opTuple2}), 40)), "PKL013"},
		{"tuples of laughs", p4(opNone, strings.Repeat(string([]byte{opDup, opTuple2}), 10)), ""},
		{"laughs filled from the top", p4(topDown(30)), "PKL013"},
		{"bytes(10**12)", p4(stackGlobal("builtins", "bytes"), opLong1, 5, "\x00\x10\xa5\xd4\x68", opTuple1, opReduce), "PKL013"},
		{"bytes(100)", p4(stackGlobal("builtins", "bytes"), opBinInt1, 100, opTuple1, opReduce), ""},

		{"pickle in bytes", p4(bin(inner)), "PKL014"},
		{"pickle in base64", p4(str(base64.StdEncoding.EncodeToString(inner))), "PKL014"},
		{"pickle in hexadecimal", p4(str(hex.EncodeToString(inner))), "PKL014"},
		{"pickle in a pickle in base64", p4(str(base64.StdEncoding.EncodeToString(p4(bin(inner))))), "PKL014"},
		{"pickle of protocol 0 in bytes", p4(bin(asm(global("os", "system"), opMark, "S'id'\n", opTuple, opReduce, opStop))), "PKL014"},
		{"text", p4(str("collections of many words, not a pickle at all")), ""},
		{"base64 of text", p4(str(base64.StdEncoding.EncodeToString([]byte("collections of words\n, not a pickle")))), ""},
		{"hash in hexadecimal", p4(str("8004d5a1b2c3d4e5f60718293a4b5c6d7e8f9012")), ""},

		{"GET of what was not put", p4(opBinGet, 3), "PKL015"},
		{"PUT far ahead", p4(opNone, opLongBinPut, le4(1<<30)), "PKL015"},
		{"PUT again", p4(str("collections"), opBinPut, 0, opPop, str("os"), opBinPut, 0), "PKL015"},
		{"PUT from one", asm(opNone, opBinPut, 1, opPop, opBinGet, 1, opStop), ""},
		{"PUT in order", asm(opNone, opPut, "0\n", opPop, opNone, opPut, "1\n", opPop, opGet, "0\n", opStop), ""},

		{"NEXT_BUFFER", asm(opProto, 5, opNextBuffer, opReadonlyBuffer, opStop), "PKL016"},
		{"bytearray in band", asm(opProto, 5, opByteArray8, le8(3), "abc", opStop), ""},

		{"negative LONG4", p4(opLong4, le4(1<<31)), "PKL017"},
		{"BINUNICODE8 that overflows", p4(opBinUnicode8, le8(1<<63)), "PKL017 PKL009"},
		{"BINBYTES8 beyond the end", p4(opBinBytes8, le8(1<<40)), "PKL017 PKL009"},
		{"LONG of 100,000 digits", asm(opLong, strings.Repeat("1", 100_000), "L\n", opStop), "PKL017"},
		{"LONG4 of 16 bytes", p4(opLong4, le4(16), strings.Repeat("\x01", 16)), ""},
		{"LONG of 30 digits", asm(opLong, strings.Repeat("1", 30), "L\n", opStop), ""},

		{"array that joblib skips", p4(wrapper(8, 2, true), asm(15, strings.Repeat("\xff", 15), strings.Repeat("\xff", 16))), ""},
		{"payload where joblib skips", p4(wrapper(1, len(inner), false), inner), "PKL014"},
	} {
		got := scanBoth(t, c.pickle, Options{})
		if rules := rulesOf(got); rules != c.want {
			t.Errorf("%s: breaks %q, want %q:\n%s", c.name, rules, c.want, list(got))
		}
		streamed, err := Scan(strings.NewReader(string(c.pickle)), Options{})
		if err != nil || list(streamed) != list(got) {
			t.Errorf("%s: read from a seeker: %v:\n%s\nwant\n%s", c.name, err, list(streamed), list(got))
		}
	}
}

// topDown is lists that are put into each other before they are filled.
func topDown(levels int) []byte {
	var b []byte
	for range levels {
		b = append(b, opEmptyList, opMemoize, opPop)
	}
	for i := levels - 1; i > 0; i-- {
		b = append(b, asm(opBinGet, i, opMark, opBinGet, i-1, opBinGet, i-1, opBinGet, i-1, opAppends, opPop)...)
	}
	return append(b, opBinGet, byte(levels-1))
}

// wrapper is what joblib writes before an array.
func wrapper(size, n int, padded bool) []byte {
	dtype := asm(stackGlobal("numpy", "dtype"), str(fmt.Sprintf("V%d", size)), opTuple1, opReduce)
	state := asm(opEmptyDict, opMark, str("shape"), opBinInt1, n, opTuple1, str("dtype"), dtype)
	if padded {
		state = append(state, asm(str("numpy_array_alignment_bytes"), opBinInt1, 16)...)
	}
	return asm(stackGlobal("joblib.numpy_pickle", "NumpyArrayWrapper"), opEmptyTuple, opNewObj, state, opSetItems, opBuild)
}

func list(r *Result) string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  %s %d %s: %s\n", p.Rule, p.Offset, p.Opcode, p.Message)
	}
	return b.String()
}

// Every rule is listed once, in order, with what to do.
func TestRulesListed(t *testing.T) {
	for i, r := range Rules {
		if want := fmt.Sprintf("PKL%03d", i+1); r.ID != want || r.Doc == "" || r.Hint == "" {
			t.Errorf("rule %d is %+v, want %s with texts", i, r, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		pickle  []byte
		warning bool
	}{
		{p4(bin(p4(system()))), true},
		{append(p4(opNone), p4(opNone)...), true},
		{p4(stackGlobal("mine", "C")), false},
		{p4(wrapper(1, len(p4(system())), false), p4(system())), false},
	} {
		for _, p := range scanBoth(t, c.pickle, Options{}).Problems {
			if p.Warning != c.warning {
				t.Errorf("%s %s: warning %v, want %v", p.Rule, p.Message, p.Warning, c.warning)
			}
		}
	}
}

func TestAllow(t *testing.T) {
	mine := func(module, name string) bool { return module == "mine" || module == "os" }
	got := scanBoth(t, p4(stackGlobal("mine", "Outer.C"), opEmptyTuple, opNewObj), Options{Allow: mine})
	if rules := rulesOf(got); rules != "" {
		t.Errorf("an import that the caller allows breaks %s", rules)
	}
	if rules := rulesOf(scanBoth(t, p4(system()), Options{Allow: mine})); rules != "PKL001 PKL005" {
		t.Errorf("the caller cannot allow what is dangerous, but it breaks only %q", rules)
	}
}

// What the lists say may not contradict itself by accident: these are allowed
// although their module is dangerous.
func TestListsOverlap(t *testing.T) {
	want := "joblib.numpy_pickle joblib.numpy_pickle_compat numpy.lib.polynomial sklearn.externals.joblib.numpy_pickle torch.jit._pickle torch.serialization"
	got := map[string]bool{}
	for key := range lists().allowed {
		for m := key.module; m != ""; m = parent(m) {
			if _, dangerous := lists().whole[m]; dangerous {
				got[key.module] = true
			}
		}
		if why, both := lists().single[key]; both {
			t.Errorf("%s.%s is on both lists: %s", key.module, key.name, why)
		}
	}
	for m := range strings.FieldsSeq(want) {
		if !got[m] {
			t.Errorf("%s is not on both lists", m)
		}
		delete(got, m)
	}
	if len(got) > 0 {
		t.Errorf("also on both lists: %v", got)
	}
}
