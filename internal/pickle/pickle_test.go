package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// files are the pickles that testdata/write.py has written, by name.
func files(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{"*.pkl", "*.joblib"} {
		names, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Base(name)] = data
		}
	}
	if len(out) < 20 {
		t.Fatalf("testdata has %d pickles; run testdata/write.py", len(out))
	}
	return out
}

// The libraries' own files are without problems, whichever way they are read.
func TestLibraries(t *testing.T) {
	for name, data := range files(t) {
		want := scanBoth(t, data, Options{})
		if len(want.Streams) != 1 || !want.Streams[0].Complete || want.Streams[0].Partial || want.Trailing != 0 || len(want.Problems) > 0 {
			t.Errorf("%s: %d streams, %d bytes trailing, problems:\n%s", name, len(want.Streams), want.Trailing, list(want))
		}
		for how, r := range map[string]io.Reader{
			"seeker": bytes.NewReader(data),
			"pipe":   io.MultiReader(bytes.NewReader(data)),
			"bytes":  iotest.OneByteReader(bytes.NewReader(data)),
		} {
			got, err := Scan(r, Options{})
			if err != nil || got.Opcodes != want.Opcodes || got.Streams[0].End != int64(len(data)) || got.Streams[0].Top.String() != want.Streams[0].Top.String() {
				t.Errorf("%s by %s: %v, %+v", name, how, err, got)
			}
		}
	}
}

// The opcodes stand where pickletools says.
func TestOffsets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "dis.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := files(t)
	for line := range strings.Lines(string(text)) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		var got []string
		s := newScan(Options{})
		s.trace = func(at int64, op byte) { got = append(got, fmt.Sprintf("%d:%s", at, opName(op))) }
		data := all[name]
		s.all(&source{buf: data, end: len(data), size: int64(len(data))})
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, " "), want)
		}
	}
}

// All opcodes of pickletools, with the protocol that brought each, and no
// others.
func TestOpcodes(t *testing.T) {
	want := strings.Fields(`(MARK0 .STOP0 0POP0 1POP_MARK1 2DUP0 FFLOAT0 IINT0 JBININT1 KBININT11 LLONG0 MBININT21 NNONE0 PPERSID0 QBINPERSID1
		RREDUCE0 SSTRING0 TBINSTRING1 USHORT_BINSTRING1 VUNICODE0 XBINUNICODE1 aAPPEND0 bBUILD0 cGLOBAL0 dDICT0 }EMPTY_DICT1 eAPPENDS1
		gGET0 hBINGET1 iINST0 jLONG_BINGET1 lLIST0 ]EMPTY_LIST1 oOBJ1 pPUT0 qBINPUT1 rLONG_BINPUT1 sSETITEM0 tTUPLE0 )EMPTY_TUPLE1
		uSETITEMS1 GBINFLOAT1 80PROTO2 81NEWOBJ2 82EXT12 83EXT22 84EXT42 85TUPLE12 86TUPLE22 87TUPLE32 88NEWTRUE2 89NEWFALSE2 8aLONG12
		8bLONG42 BBINBYTES3 CSHORT_BINBYTES3 8cSHORT_BINUNICODE4 8dBINUNICODE84 8eBINBYTES84 8fEMPTY_SET4 90ADDITEMS4 91FROZENSET4
		92NEWOBJ_EX4 93STACK_GLOBAL4 94MEMOIZE4 95FRAME4 96BYTEARRAY85 97NEXT_BUFFER5 98READONLY_BUFFER5`)
	listed := map[string]bool{}
	for _, w := range want {
		listed[w] = true
	}
	n := 0
	for code, op := range opcodes {
		if op.name == "" {
			continue
		}
		n++
		key := fmt.Sprintf("%c%s%d", code, op.name, op.protocol)
		if code >= 0x80 {
			key = fmt.Sprintf("%x%s%d", code, op.name, op.protocol)
		}
		if !listed[key] {
			t.Errorf("opcode 0x%02x is %+v", code, op)
		}
		// And the machine knows it: it does not break off as at an unknown byte.
		for _, p := range scanBoth(t, []byte{byte(code)}, Options{}).Problems {
			if strings.Contains(p.Message, "no opcode") {
				t.Errorf("the machine does not know %s", op.name)
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d opcodes, want %d", n, len(want))
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		pickle []byte
		want   string
	}{
		{asm(opInt, "01\n", opStop), "True"},
		{asm(opInt, "-17\n", opStop), "-17"},
		{asm(opLong, "123456789012345678901234567890L\n", opStop), "123456789012345678901234567890"},
		{p4(opBinInt, le4(0xffffff00)), "-256"},
		{p4(opLong1, 0), "0"},
		{p4(opLong1, 1, 0xff), "-1"},
		{p4(opLong1, 2, 0, 1), "256"},
		{p4(opLong1, 9, strings.Repeat("\xff", 9)), "-1"},
		{p4(opLong1, 9, strings.Repeat("\x00", 8), 1), "18446744073709551616"},
		{p4(opBinFloat, "\x3f\xf8\x00\x00\x00\x00\x00\x00"), "1.5"},
		{asm(opFloat, "1e3\n", opStop), "1000"},
		{asm(opString, `'a\x41\n\101\''`, "\n", opStop), `"aA\nA'"`},
		{asm(opUnicode, `o\u0073\U0000002f`, "\n", opStop), `"os/"`},
		{p4(opMark, opNone, opNewTrue, opTuple), "(None, True)"},
		{p4(opMark, str("a"), bin([]byte{255}), opDict), `{"a", b"\xff"}`},
		{p4(opMark, opBinInt1, 1, opFrozenSet), "{1}"},
		{p4(opEmptySet, opMark, opBinInt1, 1, opBinInt1, 2, opAddItems), "{1, 2}"},
		{p4(opEmptyList, opNone, opAppend, opDup, opTuple1, opTuple2), "([None], ([None]))"},
		{p4(stackGlobal("collections", "Counter"), opEmptyDict, opTuple1, opReduce), "collections.Counter({})"},
		{p4(opEmptyList, opMemoize, opBinGet, 0, opAppend), "[[[[…]]]]"},
		{asm(opMark, "S'x'\n", opInst, "collections\nCounter\n", opStop), `collections.Counter("x")`},
		{asm(opMark, global("collections", "Counter"), "S'x'\n", opObj, opStop), `collections.Counter("x")`},
	} {
		got := scanBoth(t, c.pickle, Options{})
		if top := got.Streams[0].Top; top == nil || top.String() != c.want {
			t.Errorf("%q is %v, want %s", c.pickle, top, c.want)
		}
	}
}

// What others read from the tree.
func TestFacts(t *testing.T) {
	all := files(t)
	for p := range 6 {
		top := scanBoth(t, all[fmt.Sprintf("sklearn.%d.pkl", p)], Options{}).Streams[0].Top
		steps := top.Get("steps")
		if steps == nil || len(steps.Items) != 2 {
			t.Fatalf("protocol %d: steps are %s", p, steps)
		}
		sgd := steps.Items[1].Items[1]
		if v := sgd.Get("_sklearn_version"); v == nil || v.Text != "1.9.1" {
			t.Errorf("protocol %d: version %s", p, v)
		}
		scaler := steps.Items[0].Items[1]
		if n := scaler.Get("n_features_in_"); n == nil || n.Int != 3 {
			t.Errorf("protocol %d: %s features", p, n)
		}
		classes := sgd.Get("classes_")
		var shape *Value
		if p == 5 { // _frombuffer(data, dtype, shape, order)
			shape = classes.Args[2]
		} else { // _reconstruct, then (version, shape, dtype, order, data)
			shape = classes.State.Items[1]
		}
		if shape.String() != "(2)" {
			t.Errorf("protocol %d: the shape of the classes is %s", p, shape)
		}
	}
	mixed := scanBoth(t, all["mixed.joblib"], Options{}).Streams[0]
	if after := mixed.Top.Get("after"); after.String() != `[1, 2, "z"]` {
		t.Errorf("after the arrays comes %s", after)
	}
	if shape := mixed.Top.Get("F").Get("shape"); shape.String() != "(3, 4)" {
		t.Errorf("the shape of F is %s", shape)
	}

	storage := asm(opMark, str("storage"), global("torch", "HalfStorage"), str("0"), str("cpu"), opBinInt1, 6, opTuple, opBinPersID)
	tensor := asm(global("torch._utils", "_rebuild_tensor_v2"), opMark, storage, opBinInt1, 0, opBinInt1, 2, opBinInt1, 3, opTuple2,
		opBinInt1, 3, opBinInt1, 1, opTuple2, opNewFalse, global("collections", "OrderedDict"), opEmptyTuple, opReduce, opTuple, opReduce)
	state := p4(global("collections", "OrderedDict"), opEmptyTuple, opReduce, opMark, str("fc.weight"), tensor, opSetItems)
	got := scanBoth(t, state, Options{})
	weight := got.Streams[0].Top.Get("fc.weight")
	if len(got.Problems) > 0 || weight.Path() != "torch._utils._rebuild_tensor_v2" || weight.Args[2].String() != "(2, 3)" ||
		weight.Args[0].Items[0].Items[1].Path() != "torch.HalfStorage" || len(got.Streams[0].PersistentIDs) != 1 {
		t.Errorf("the tensor is %s with %v, problems:\n%s", weight, weight.Args, list(got))
	}
}

func TestGlobalsAndCalls(t *testing.T) {
	got := scanBoth(t, asm(opMark, p4(system())[2:len(p4(system()))-1], stackGlobal("os", "system"), stackGlobal("mine", "x"), opTuple, opStop), Options{}).Streams[0]
	if len(got.Globals) != 2 || got.Globals[0].Count != 2 || !got.Globals[0].Called || got.Globals[1].Called || got.Globals[0].Offset != 13 ||
		got.Globals[0].Verdict.Class != Dangerous || got.Globals[1].Verdict.Class != NotListed {
		t.Errorf("imports are %+v", got.Globals)
	}
	if len(got.Calls) != 1 || got.Calls[0].Callee != "os.system" || got.Calls[0].Args != `("id")` || got.Calls[0].Op != "REDUCE" {
		t.Errorf("calls are %+v", got.Calls)
	}
}

func TestItemSize(t *testing.T) {
	for name, want := range map[string]int64{"f8": 8, "U3": 12, "S3": 3, "V20": 20, "M8": 8, "b1": 1} {
		dtype := scanBoth(t, p4(stackGlobal("numpy", "dtype"), str(name), opTuple1, opReduce), Options{}).Streams[0].Top
		if size, objects, err := itemSize(dtype); size != want || objects || err != nil {
			t.Errorf("%s: %d, %v, %v", name, size, objects, err)
		}
	}
}

// Many warnings do not hide what is dangerous.
func TestDropped(t *testing.T) {
	got := scanBoth(t, p4(bytes.Repeat(asm(bin(p4(system())), opPop), 500), system()), Options{})
	if rules := rulesOf(got); rules != "PKL014 PKL001 PKL005" || got.Dropped != 300 {
		t.Errorf("%d problems dropped, left are those of %s", got.Dropped, rules)
	}
}

// torch's old format: five pickles, then raw storages.
func TestStacked(t *testing.T) {
	var data []byte
	for range 5 {
		data = append(data, p4(opNone)...)
	}
	begin := int64(len(data))
	data = append(data, make([]byte, 1000)...)
	got, err := Scan(bytes.NewReader(data), Options{})
	if err != nil || len(got.Streams) != 5 || got.Trailing != 1000 || got.Streams[4].End != begin {
		t.Errorf("%v: %+v", err, got)
	}
	if got := scanBoth(t, bytes.Repeat(p4(opNone), 50), Options{Limits: Limits{Streams: 10}}); len(got.Streams) != 10 || got.Trailing != 160 || !strings.Contains(rulesOf(got), "PKL013") {
		t.Errorf("beyond the limit: %d streams, %d bytes, %s", len(got.Streams), got.Trailing, rulesOf(got))
	}
	// Numbers that happen to look like the beginning of a pickle.
	noise := append(p4(opNone), "\x80\x02\x00\x00\x80\x3f"...)
	if got := scanBoth(t, noise, Options{}); len(got.Streams) != 1 || got.Trailing != 6 || rulesOf(got) != "PKL010" {
		t.Errorf("noise: %+v", got)
	}
}

// sparse is a file of a few parts and zeros between them, which counts what is
// read of it.
type sparse struct {
	parts map[int64][]byte
	size  int64
	at    int64
	read  int64
}

func (s *sparse) Read(b []byte) (int, error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), s.size-s.at))
	clear(b[:n])
	for at, part := range s.parts {
		for i, c := range part {
			if off := at + int64(i) - s.at; off >= 0 && off < int64(n) {
				b[off] = c
			}
		}
	}
	s.at += int64(n)
	s.read += int64(n)
	return n, nil
}

func (s *sparse) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += s.at
	case io.SeekEnd:
		off += s.size
	}
	s.at = off
	return off, nil
}

// Five gigabytes of bytes are not read.
func TestSkips(t *testing.T) {
	const n = 5 << 30
	head := asm(opProto, 4, opMark, opBinBytes8, le8(n))
	tail := asm(system(), opList, opStop)
	file := &sparse{parts: map[int64][]byte{0: head, int64(len(head)) + n: tail}, size: int64(len(head)) + n + int64(len(tail))}
	got, err := Scan(file, Options{})
	if err != nil || rulesOf(got) != "PKL001 PKL005" || got.Streams[0].Top.Items[0].Int != n || got.Streams[0].End != file.size {
		t.Errorf("%v: %+v", err, got)
	}
	if file.read > 1<<20 {
		t.Errorf("%d bytes were read", file.read)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := Scan(io.MultiReader(bytes.NewReader(p4(opNone)[:2]), iotest.ErrReader(broken)), Options{})
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}

// What is held stays within the limit, whatever is asked for.
func TestMemory(t *testing.T) {
	t.Run("values", func(t *testing.T) { testMemory(t, false) })
	t.Run("findings", func(t *testing.T) { testMemory(t, true) })
}

func testMemory(t *testing.T, findings bool) {
	t.Helper()
	many := func(n int, parts ...any) []byte {
		return bytes.Repeat(asm(parts...), n)
	}
	// An import after everything else is still found, by names of the memo too.
	payload := asm(str("os"), str("system"), opStackGlobal)
	for name, data := range map[string][]byte{
		"strings":       p4(opEmptyList, many(500_000, str("some words"), opMemoize, opAppend), payload),
		"lists":         p4(opEmptyList, many(1_000_000, opEmptyList, opMemoize, opAppend), payload),
		"nested tuples": p4(opNone, many(2_000_000, opTuple1), payload),
		"stack":         p4(payload, many(3_000_000, opEmptyList)),
		"marks":         p4(payload, many(3_000_000, opMark)),
		"far memo":      p4(payload, farMemo(200_000)),
		"calls":         p4(payload, opEmptyList, many(500_000, stackGlobal("collections", "OrderedDict"), opEmptyTuple, opReduce, opEmptyDict, opBuild, opAppend)),
		"imports":       p4(payload, imports(100_000)),
		"persistent":    p4(payload, many(300_000, str("x"), opBinPersID)),
		"text":          p4(opEmptyList, many(20_000, opBinUnicode, le4(5000), strings.Repeat("w", 5000), opAppend), payload),
	} {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got := ScanBytes(data, Options{Limits: Limits{Memory: 8 << 20, Stack: 1 << 20}, Findings: findings})
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		if held > 64<<20 {
			t.Errorf("%s: %d MiB are held", name, held>>20)
		}
		if took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if !strings.Contains(rulesOf(got), "PKL001") {
			t.Errorf("%s: the import was not found: %q", name, rulesOf(got))
		}
		if tooMuch := name == "stack" || name == "marks" || name == "imports"; strings.Contains(rulesOf(got), "PKL013") != tooMuch {
			t.Errorf("%s: breaks %s", name, rulesOf(got))
		}
		runtime.KeepAlive(got)
		runtime.KeepAlive(data)
	}
}

func farMemo(n int) []byte {
	out := asm(opNone)
	for i := range n {
		out = append(out, asm(opLongBinPut, le4(uint32(1<<31+i*7)))...)
	}
	return out
}

func imports(n int) []byte {
	var out []byte
	for i := range n {
		out = append(out, asm(global("m", fmt.Sprint("n", i)), opPop)...)
	}
	return out
}

// Cut or changed anywhere, a file never makes the scan panic or hang.
func TestDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	samples := files(t)
	samples["payload"] = p4(system(), wrapper(1, 4, true), 3, "abc", "data")
	for name, data := range samples {
		if len(data) > 4000 {
			continue
		}
		for n := range data {
			got := scanBoth(t, data[:n], Options{})
			if len(got.Problems) == 0 {
				t.Errorf("%s cut after %d bytes is without problems", name, n)
			}
		}
		for range 300 {
			bad := bytes.Clone(data)
			for range 1 + rng.IntN(4) {
				bad[rng.IntN(len(bad))] = byte(rng.IntN(256))
			}
			scanBoth(t, bad, Options{})
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, data := range files(f) {
		if len(data) < 4000 {
			f.Add(data)
		}
	}
	f.Add(p4(system()))
	f.Add(p4(wrapper(8, 2, true), 1, "x", strings.Repeat("y", 16)))
	f.Add(p4(topDown(20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := scanBoth(t, data, Options{})
		streamed, err := Scan(bytes.NewReader(data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if list(got) != list(streamed) || got.Opcodes != streamed.Opcodes || got.Trailing != streamed.Trailing {
			t.Fatalf("from memory:\n%s from a reader:\n%s", list(got), list(streamed))
		}
		for _, s := range got.Streams {
			_ = s.Top.String()
			_ = s.Top.Get("x")
		}
	})
}

func BenchmarkScan(b *testing.B) {
	all := files(b)
	for _, name := range []string{"std.4.pkl", "sklearn.4.pkl", "forest.5.pkl", "pandas.4.pkl", "model.joblib"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(all[name])))
			for b.Loop() {
				if _, err := Scan(bytes.NewReader(all[name]), Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	words := p4(opEmptyDict, opMark, opPopMark, bytes.Repeat(asm(opMark, bytes.Repeat(asm(str("a word"), opMemoize, opBinInt2, 1, 2), 1000), opSetItems), 1000))
	b.Run("words", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(words)))
		for b.Loop() {
			if _, err := Scan(bytes.NewReader(words), Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
