package profile

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/table"
)

// checkRead holds the fast ways to read a text to the general one.
func checkRead(t *testing.T, text []byte) {
	t.Helper()
	fast, slow := read(text), readAny(text)
	if shape := knownShapes[fast.shape]; fast.shape != shapeUnknown && shape != string(appendAnyShape(nil, text)) {
		t.Errorf("%q: shape %q, want %q", text, shape, appendAnyShape(nil, text))
	}
	same := fast.number == slow.number && math.Signbit(fast.number) == math.Signbit(slow.number) || fast.number != fast.number && slow.number != slow.number
	fast.shape, fast.number, slow.number = shapeUnknown, 0, 0
	if !same || fast != slow {
		t.Errorf("%q: %+v (the number is the same: %t), want %+v", text, fast, same, slow)
	}
	number, ok := table.ParseNumber(text)
	when, isTime := table.ParseTime(text)
	if _, isBool := table.ParseBool(text); fast.isNumber != ok || fast.isTime != (isTime && !ok) || fast.isBool != isBool {
		t.Errorf("%q: %+v; as a number %v, %t, as a time %v, %t, as a bool %t", text, fast, number, ok, when, isTime, isBool)
	}
}

var readTexts = []string{
	"", "-", ".", "-.", "+", "0", "-0", "-0.0", "0.0", "00", "007", "00.5", "0.5", ".5", "5.", "-.5", "-5.", "1.5.2", "1-5", "--1", "+1", "+1.5",
	"123456789012345", "1234567890123456", "12345678901234567", "9007199254740993", "123456789012.345", "1234567890123.456", "0.000000000000001",
	"0.30000000000000004", "1e5", "1E-5", "1e", "e5", "1e999", "0x10", "1_000", "inf", "-Inf", "Infinity", "nan", "NaN", "nano", "info", "123e-56789", "12 apples",
	"true", "True", "FALSE", "tRUE", "no", "yes", "a", "ä", "9ä", "\xff", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "9999-12-31", "0000-02-29",
	"2024-04-31", "2024-00-10", "2024-13-10", "2024-01-00", "2024-01-32", "2024-1-01", "20240101", "2024-01-01T", "2024-01-01T00:00", "2024-01-01 00:00",
	"2024-01-01T00:00:00", "2024-01-01 00:00:00", "2024-01-01T00:00:00Z", "2024-01-01 23:59:59Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z",
	"2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.123456789", "2024-01-01 00:00:00.1234567890", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.", "2024-01-01T00:00:00,5Z",
	"2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00ZZ", "2024-01-01t00:00:00z", "2024-01-01T00:00:005", "2024-01-01T00:00:00 ", "2024-01-01T-1:00:00Z", "2024-01-01 0:00:00",
	"1969-12-31T23:59:59.999999999Z", "1234-5678", "abcd-ef-gh", "2024-01-01x",
}

func TestRead(t *testing.T) {
	for _, text := range readTexts {
		checkRead(t, []byte(text))
	}
	rng := rand.New(rand.NewPCG(17, 18))
	for day := int64(-719_528); day < 2_932_897; day += 1 + rng.Int64N(40) { // the years that four digits can name
		checkRead(t, time.Unix(day*86_400, 0).UTC().AppendFormat(nil, time.DateOnly))
		at := time.Unix(day*86_400+rng.Int64N(86_400), rng.Int64N(1e9)).UTC()
		checkRead(t, at.AppendFormat(nil, []string{time.RFC3339Nano, "2006-01-02 15:04:05.999", "2006-01-02T15:04:05"}[rng.IntN(3)]))
	}
	for range 100_000 {
		checkRead(t, fmt.Appendf(nil, "%.*f", rng.IntN(12), (rng.Float64()-0.5)*math.Pow(10, float64(rng.IntN(10)))))
		text := []byte(readTexts[rng.IntN(len(readTexts))])
		for i := range text {
			if rng.IntN(8) == 0 {
				text[i] = "0123456789.-+eTZ: n"[rng.IntN(19)]
			}
		}
		checkRead(t, text)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range readTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkRead(t, text)
		if got, want := appendShape(nil, text), appendAnyShape(nil, text); !bytes.Equal(got, want) {
			t.Errorf("the shape of %q is %q, want %q", text, got, want)
		}
	})
}

func TestShapesOfASCII(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	for range 100_000 {
		text := make([]byte, rng.IntN(80))
		for i := range text {
			if text[i] = byte(rng.IntN(128)); rng.IntN(3) > 0 {
				text[i] = "ab19 -"[rng.IntN(6)]
			}
		}
		if got, ok := appendASCIIShape(nil, text); !ok || !bytes.Equal(got, appendAnyShape(nil, text)) {
			t.Fatalf("%q: %q, want %q", text, got, appendAnyShape(nil, text))
		}
	}
	if _, ok := appendASCIIShape(nil, []byte("aä")); ok {
		t.Error("a text that is not ASCII is")
	}
}

// TestFrequentTexts: texts that are made late are those of the values.
func TestFrequentTexts(t *testing.T) {
	f := newFrequent()
	for i := range 50_000 {
		text := fmt.Appendf(nil, "text %d", i)
		if i%3 == 0 {
			text = fmt.Appendf(nil, "again %d", i%300)
		}
		f.addText(hashText(text), text, 1)
		v := uint64(i % 7)
		f.addFixed(hashInt(int64(v)), v, 1)
	}
	f.settle(func(v uint64) string { return fmt.Sprint("number ", v) })
	again := 0
	for _, e := range f.entries {
		if n := uint64(0); strings.HasPrefix(e.text, "number ") {
			if fmt.Sscanf(e.text, "number %d", &n); hashInt(int64(n)) != e.hash {
				t.Errorf("%q has another hash", e.text)
			}
		} else if hashText([]byte(e.text)) != e.hash {
			t.Errorf("%q has another hash", e.text)
		}
		if strings.HasPrefix(e.text, "again ") {
			again++
		}
	}
	if again != 100 || f.lost == 0 {
		t.Errorf("%d of 100 frequent values, %d lost", again, f.lost)
	}
}

func TestRarest(t *testing.T) {
	f := newFrequent()
	for i, c := range []int64{1, 70, 1, 5, 1000, 70, 63, 64, 1 << 40} {
		f.find(hashInt(int64(i))).count = c
	}
	for i, want := range []int64{1, 1, 5, 63, 64, 70, 70, 1000, 1 << 40} {
		if got := f.rarest(i + 1); got != want {
			t.Errorf("%d: %d, want %d", i+1, got, want)
		}
	}
}

// TestFixedOverflow: too many values of a fixed-width column are the same
// summary whether their texts are made before or after.
func TestFixedOverflow(t *testing.T) {
	for _, typ := range []table.Type{
		{Kind: table.Int, Bits: 64}, {Kind: table.Uint, Bits: 64}, {Kind: table.Float, Bits: 64}, {Kind: table.Date},
		{Kind: table.Time, Unit: table.Micro}, {Kind: table.Timestamp, Unit: table.Milli, UTC: true},
	} {
		fast, slow := &columnSummary{typ: typ.String(), kind: typ}, &columnSummary{typ: typ.String(), kind: typ}
		for i := range MaxDistinct + 5000 {
			v := uint64(i)*3 + 40
			if typ.Kind == table.Float {
				v = math.Float64bits(float64(v) / 7)
			}
			col := fixedColumn(typ, v)
			fast.rows, slow.rows = fast.rows+1, slow.rows+1
			fast.addFixed(col, 1)
			if slow.add(col, 0, 1); slow.many == nil && i > MaxDistinct {
				t.Fatal("few values")
			}
		}
		if !bytes.Equal(fast.appendState(nil), slow.appendState(nil)) {
			t.Errorf("%s: the states differ", typ)
		}
	}
}
