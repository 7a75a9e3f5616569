package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestHidden has payloads that one reader runs and another takes for data.
func TestHidden(t *testing.T) {
	dtype := func(name string, size int) []byte {
		return asm(stackGlobal("numpy", "dtype"), str(name), opTuple1, opReduce, opMark, opBinInt1, 3, str("<"), opNone, opNone, opNone,
			opBinInt1, size, opBinInt1, size, opBinInt1, 0, opTuple, opBuild)
	}
	class := stackGlobal("joblib.numpy_pickle", "NumpyArrayWrapper")
	state := func(dtype []byte, n int) []byte {
		return asm(opEmptyDict, opMark, str("shape"), opBinInt1, n, opTuple1, str("dtype"), dtype, opSetItems, opBuild)
	}
	// joblib goes over the two items; who does not sees STOP.
	items := asm(".", strings.Repeat("\x00", 15))
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"wrong size in the state": {asm(opProto, 4, class, opEmptyTuple, opNewObj, state(dtype("f8", 0), 2), items, opPop, system(), opStop), "PKL009"},
		"object of protocol 0": {asm(opProto, 4, stackGlobal("copyreg", "_reconstructor"), class, stackGlobal("builtins", "object"), opNone, opTuple3, opReduce,
			state(dtype("V8", 8), 2), items, opPop, system(), opStop), "PKL001"},
		"names from the memo": {asm(opProto, 4, str("os"), opMemoize, str("system"), opMemoize, opPop, opPop, class, opEmptyTuple, opNewObj, state(dtype("V8", 8), 2),
			opBinGet, 0, opBinGet, 1, opStackGlobal, str("id"), opTuple1, opReduce, "...", opNone, opStop), "PKL014"},
		"names from the stack": {asm(opProto, 4, str("os"), str("system"), class, opEmptyTuple, opNewObj, state(dtype("V8", 8), 1),
			opPop, opStackGlobal, str("i"), opTuple1, opReduce, ".", opPop, opPop, opNone, opStop), "PKL014"},
		"method of the instance": {p4(stackGlobal("types", "SimpleNamespace"), opEmptyTuple, opNewObj, opEmptyDict, str("append"), stackGlobal("builtins", "type"), opSetItem, opBuild), "PKL005"},
	} {
		if r := scanBoth(t, c.data, Options{}); !strings.Contains(rulesOf(r), c.want) {
			t.Errorf("%s: no %s, but\n%s", name, c.want, list(r))
		}
	}
	for name, data := range map[string][]byte{
		"an attribute that is called append": p4(stackGlobal("types", "SimpleNamespace"), opEmptyTuple, opNewObj, opEmptyDict, str("append"), opNewTrue, opSetItem, opBuild),
	} {
		if r := scanBoth(t, data, Options{}); len(r.Problems) > 0 {
			t.Errorf("%s:\n%s", name, list(r))
		}
	}
}

// A pickle beyond Limits.Memory still imports what it imports: names are
// memoized and used again far behind.
func TestLargeHonestPickle(t *testing.T) {
	var b bytes.Buffer
	b.Write(asm(opProto, 4, opEmptyList, opMemoize, opMark))
	const n = 500_000
	for i := range n {
		b.Write(str(fmt.Sprintf("item %d", i)))
		b.WriteByte(opMemoize)
	}
	b.Write(asm(str("sklearn.preprocessing._data"), opMemoize, str("StandardScaler"), opMemoize, opStackGlobal, opMemoize))
	b.Write(asm(opLongBinGet, le4(n+1), str("MinMaxScaler"), opMemoize, opStackGlobal, opMemoize, opAppends, opStop))
	if r := scanBoth(t, b.Bytes(), Options{}); len(r.Problems) > 0 {
		t.Errorf("problems:\n%s", list(r))
	}
}

func TestReadErrorKeepsWhatWasSeen(t *testing.T) {
	r, err := Scan(io.MultiReader(bytes.NewReader(asm(opProto, 4, system())), iotest.ErrReader(errors.New("cut"))), Options{})
	if err == nil || r == nil || !strings.HasPrefix(rulesOf(r), "PKL001") {
		t.Errorf("result %v, error %v", r, err)
	}
}
