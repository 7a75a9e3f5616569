package table

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/format"
)

// element is a SchemaElement without a name, which parquet-go would miss only
// after it has made room for all of them.
func element(leaf bool, children int64) string {
	s := []byte{}
	if leaf {
		s = append(s, "\x15\x02"...) // type: INT32
		s = append(s, 0x38, 0)       // name: ""
	} else {
		s = append(s, 0x48, 0)
	}
	if children != 0 {
		s = binary.AppendVarint(append(s, 0x15), children)
	}
	return string(append(s, 0))
}

// manyOf is a list of n structs.
func manyOf(n int, each string) string {
	return string(binary.AppendUvarint([]byte{0xfc}, uint64(n))) + strings.Repeat(each, n)
}

type hostileFooter struct{ name, says, data string }

// hostileFooters are short, and ask parquet-go for more memory or stack than
// there is.
func hostileFooters() []hostileFooter {
	const schema = "\x15\x02\x19" // version, then field 2
	leaf := element(true, 0)
	return []hostileFooter{
		{"2^31 row groups", "damaged", "\x49\xfc\xff\xff\xff\xff\x07\x00"},
		{"2^31 columns", "damaged", schema + "\xfc\xff\xff\xff\xff\x07\x00"},
		{"2^31 column chunks", "damaged", "\x49\x1c\x19\xfc\xff\xff\xff\xff\x07\x00\x00"},
		{"2^31 of a map", "damaged", "\x1b\xff\xff\xff\xff\x07\x88"},
		{"empty row groups", "claims 5000 row groups", "\x49" + manyOf(5000, "\x00") + "\x00"},
		{"empty column chunks", "claims 1 row groups", "\x49\x1c\x19" + manyOf(5000, "\x00") + "\x00\x00"},
		{"places for column chunks", "claims 2000 row groups of 2000 columns", schema + manyOf(2000, leaf) + "\x29" + manyOf(2000, "\x19\x0c\x00") + "\x00"},
		{"deep lists", "damaged", "\x19" + strings.Repeat("\x19", 5000) + "\x0c\x00"},
		{"deep structs", "damaged", strings.Repeat("\x1c", 5000) + strings.Repeat("\x00", 5001)},
		{"deep in a column chunk", "damaged", "\x49\x1c\x19\x1c\x19" + strings.Repeat("\x19", 5000) + "\x0c\x00\x00\x00\x00"},
		{"deep schema", "levels deep", schema + manyOf(5000, element(false, 1)) + "\x00"},
		{"leaves with children", "levels deep", schema + manyOf(5000, element(true, 1<<31-1)) + "\x00"},
		{"two schemas", "damaged", schema + "\x1c" + leaf + "\x0c\x04" + "\x04" + "\x19\x04\x1c" + leaf + "\x00"},
		{"many columns", "at most 131072", schema + manyOf(maxSchema+1, leaf) + "\x00"},
		// Field numbers that begin again after 32767.
		{"wrapped field", "damaged", "\x03\xfe\xff\x03\x00" + strings.Repeat("\xf3\x00", 2184) + "\xd9\xfc\xff\xff\xff\xff\x07\x00"},
	}
}

func TestHostileFooters(t *testing.T) {
	for _, c := range hostileFooters() {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, put(t, "f.parquet", framed(c.data)), c.says)
		})
	}
}

// What a footer may say is not refused.
func TestFooterLimits(t *testing.T) {
	chunk := strings.Repeat("\x15\x02", 8) + "\x00"
	for name, footer := range map[string]string{
		"nothing":  "\x00",
		"depth":    "\x15\x02\x19" + manyOf(maxSchemaDepth, element(false, 1)) + "\x00",
		"groups":   "\x15\x02\x19" + manyOf(3, element(true, 0)) + "\x29" + manyOf(50, "\x19"+manyOf(3, chunk)+"\x16\x02\x16\x02\x00") + "\x00",
		"siblings": "\x15\x02\x19" + manyOf(1, element(false, 400)) + "\x00",
	} {
		if _, err := checkFileMetaData([]byte(footer)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHostilePageHeaders(t *testing.T) {
	const good = "\x15\x00\x15\x00\x15\x00\x2c\x15\x02\x15\x00\x15\x00\x15\x00\x00\x00" // a page of one value and no bytes
	data := []byte("PAR1" + good + strings.Repeat("\x19", 1<<20))
	bad, end := int64(4+len(good)), int64(len(data))
	for name, m := range map[string]*format.ColumnMetaData{
		"deep":                 {DataPageOffset: bad, TotalCompressedSize: end - bad, NumValues: 1},
		"after the last value": {DataPageOffset: 4, TotalCompressedSize: end - 4, NumValues: 1},
		"dictionary":           {DataPageOffset: 4, DictionaryPageOffset: bad, TotalCompressedSize: int64(len(good)), NumValues: 1},
	} {
		if err := checkPages(bytes.NewReader(data), m); err == nil || !strings.Contains(err.Error(), "a page header cannot be read: it is damaged") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := checkPages(bytes.NewReader(data), &format.ColumnMetaData{DataPageOffset: 4, TotalCompressedSize: int64(len(good)), NumValues: 1}); err != nil {
		t.Error(err)
	}
}
