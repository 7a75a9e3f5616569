package table

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

// converter makes c the n values of a page or dictionary, dense. The result
// may share memory with the page.
type converter func(c *Column, values encoding.Values, n int) error

// leafElements returns the schema elements of the leaves, by leaf index.
func leafElements(m *format.FileMetaData) []*format.SchemaElement {
	var leaves []*format.SchemaElement
	for i := range m.Schema {
		if m.Schema[i].Type.Valid {
			leaves = append(leaves, &m.Schema[i])
		}
	}
	return leaves
}

var errShort = errors.New("a page has fewer values than its levels say")

// leafType maps physical and logical types as LogicalTypes.md of the Parquet
// format describes them. What it does not know is read as its physical type.
func leafType(c *parquet.Column, element *format.SchemaElement) (Type, converter, error) {
	typ := c.Type()
	physical := typ.Kind()
	var logical format.LogicalTypeValue
	if l := typ.LogicalType(); l != nil {
		logical = l.Value
	}
	switch l := logical.(type) {
	case *format.DecimalType:
		scale := int(l.Scale)
		if scale < 0 || scale > 1000 {
			return Type{}, nil, fmt.Errorf("a decimal has scale %d", scale)
		}
		return Type{Kind: Decimal, Scale: scale}, decimals(physical, scale), nil
	case *format.IntType:
		if physical == parquet.Int32 || physical == parquet.Int64 {
			kind := Int
			if !l.IsSigned {
				kind = Uint
			}
			return Type{Kind: kind, Bits: int(l.BitWidth)}, integers(physical, kind), nil
		}
	case *format.DateType:
		return Type{Kind: Date}, integers(physical, Int), nil
	case *format.TimeType:
		return Type{Kind: Time, Unit: unitOf(l.Unit)}, integers(physical, Int), nil
	case *format.TimestampType:
		return Type{Kind: Timestamp, Unit: unitOf(l.Unit), UTC: l.IsAdjustedToUTC}, integers(physical, Int), nil
	case *format.StringType, *format.EnumType, *format.JsonType:
		if physical == parquet.ByteArray {
			return Type{Kind: String}, byteArrays, nil
		}
	case *format.UUIDType:
		return Type{Kind: String}, uuids, nil
	case *format.NullType:
		return Type{}, nothings, nil // Untyped: nobody has said
	}
	if element != nil && physical == parquet.FixedLenByteArray && c.Type().Length() == 2 {
		if _, ok := element.LogicalType.Value.(*format.Float16Type); ok {
			return Type{Kind: Float, Bits: 16}, halves, nil
		}
	}
	return physicalType(physical)
}

func physicalType(physical parquet.Kind) (Type, converter, error) {
	switch physical {
	case parquet.Boolean:
		return Type{Kind: Bool}, booleans, nil
	case parquet.Int32:
		return Type{Kind: Int, Bits: 32}, integers(physical, Int), nil
	case parquet.Int64:
		return Type{Kind: Int, Bits: 64}, integers(physical, Int), nil
	case parquet.Int96:
		return Type{Kind: Timestamp, Unit: Micro}, int96s, nil
	case parquet.Float:
		return Type{Kind: Float, Bits: 32}, float32s, nil
	case parquet.Double:
		return Type{Kind: Float, Bits: 64}, float64s, nil
	case parquet.ByteArray:
		return Type{Kind: Bytes}, byteArrays, nil
	case parquet.FixedLenByteArray:
		return Type{Kind: Bytes}, fixedBytes, nil
	}
	return Type{}, nil, fmt.Errorf("physical type %v is not supported", physical)
}

func unitOf(u format.TimeUnit) Unit {
	if u.Value == nil {
		return Nano
	}
	switch u.Value.Duration() {
	case time.Millisecond:
		return Milli
	case time.Microsecond:
		return Micro
	}
	return Nano
}

// nothings reads the values of a column that has only nulls.
func nothings(c *Column, _ encoding.Values, n int) error {
	if n > 0 {
		return errors.New("a column of nulls has values")
	}
	c.Data, c.Offsets = nil, []uint32{0}
	return nil
}

func booleans(c *Column, v encoding.Values, n int) error {
	bits := v.Boolean() // one bit a value, lowest first
	if len(bits) < (n+7)/8 {
		return errShort
	}
	c.Bools = c.Bools[:0]
	for i := range n {
		c.Bools = append(c.Bools, bits[i>>3]&(1<<(i&7)) != 0)
	}
	return nil
}

func integers(physical parquet.Kind, kind Kind) converter {
	if physical == parquet.Int64 {
		return func(c *Column, v encoding.Values, n int) error {
			c.Ints = v.Int64()
			return cut(&c.Ints, n)
		}
	}
	return func(c *Column, v encoding.Values, n int) error {
		values := v.Int32()
		if err := cut(&values, n); err != nil {
			return err
		}
		c.Ints = c.Ints[:0]
		for _, x := range values {
			if kind == Uint {
				c.Ints = append(c.Ints, int64(uint32(x)))
			} else {
				c.Ints = append(c.Ints, int64(x))
			}
		}
		return nil
	}
}

// int96s reads the timestamps of Impala, Hive and older Spark: nanoseconds of
// the day, then the Julian day. Microseconds reach the year 9999 that such
// files use for "never"; nanoseconds in 64 bits would not.
func int96s(c *Column, v encoding.Values, n int) error {
	values := v.Int96()
	if err := cut(&values, n); err != nil {
		return err
	}
	const julianDayOfEpoch, microsPerDay = 2440588, 86400 * 1e6
	c.Ints = c.Ints[:0]
	for _, x := range values {
		nanos := int64(uint64(x[1])<<32 | uint64(x[0]))
		days := int64(x[2]) - julianDayOfEpoch
		c.Ints = append(c.Ints, days*microsPerDay+nanos/1000)
	}
	return nil
}

func float32s(c *Column, v encoding.Values, n int) error {
	values := v.Float()
	if err := cut(&values, n); err != nil {
		return err
	}
	c.Floats = c.Floats[:0]
	for _, x := range values {
		c.Floats = append(c.Floats, float64(x))
	}
	return nil
}

func float64s(c *Column, v encoding.Values, n int) error {
	c.Floats = v.Double()
	return cut(&c.Floats, n)
}

// halves reads IEEE 754 half precision.
func halves(c *Column, v encoding.Values, n int) error {
	data, size := v.FixedLenByteArray()
	if size != 2 || len(data) < 2*n {
		return errShort
	}
	c.Floats = c.Floats[:0]
	for i := range n {
		c.Floats = append(c.Floats, half(binary.LittleEndian.Uint16(data[2*i:])))
	}
	return nil
}

func half(h uint16) float64 {
	exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		if f = math.Inf(1); fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 != 0 {
		return -f
	}
	return f
}

func byteArrays(c *Column, v encoding.Values, n int) error {
	data, offsets := v.ByteArray()
	if n == 0 {
		c.Data, c.Offsets = nil, []uint32{0}
		return nil
	}
	if err := checkOffsets(offsets, data, n); err != nil {
		return err
	}
	c.Data, c.Offsets = data, offsets[:n+1]
	return nil
}

func fixedBytes(c *Column, v encoding.Values, n int) error {
	data, size := v.FixedLenByteArray()
	if size < 0 || n > 0 && len(data)/n < size || uint64(len(data)) > math.MaxUint32 {
		return errShort
	}
	c.Data, c.Offsets = data, make([]uint32, n+1)
	for i := range c.Offsets {
		c.Offsets[i] = uint32(i * size)
	}
	return nil
}

func uuids(c *Column, v encoding.Values, n int) error {
	data, size := v.FixedLenByteArray()
	if size != 16 || len(data) < 16*n {
		return errShort
	}
	c.Data, c.Offsets = nil, []uint32{0}
	for i := range n {
		c.Data = appendUUID(c.Data, data[16*i:16*i+16])
		c.endText()
	}
	return nil
}

// appendUUID appends 16 bytes in the form of RFC 9562.
func appendUUID(dst, u []byte) []byte {
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// decimals reads unscaled two's complement integers of any physical type.
func decimals(physical parquet.Kind, scale int) converter {
	return func(c *Column, v encoding.Values, n int) error {
		var raw Column
		var err error
		switch physical {
		case parquet.Int32, parquet.Int64:
			err = integers(physical, Int)(&raw, v, n)
		case parquet.ByteArray:
			err = byteArrays(&raw, v, n)
		default:
			err = fixedBytes(&raw, v, n)
		}
		if err != nil {
			return err
		}
		c.Data, c.Offsets = nil, []uint32{0}
		for i := range n {
			var unscaled string
			if raw.Offsets == nil {
				unscaled = fmt.Sprint(raw.Ints[i])
			} else {
				b := raw.Data[raw.Offsets[i]:raw.Offsets[i+1]]
				if len(b) > 1024 {
					return fmt.Errorf("a decimal has %d bytes", len(b))
				}
				unscaled = bigEndian(b).String()
			}
			c.Data = append(c.Data, decimalText(unscaled, scale)...)
			c.endText()
		}
		return nil
	}
}

func bigEndian(b []byte) *big.Int {
	x := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return x
}

// decimalText puts the point scale digits from the end.
func decimalText(unscaled string, scale int) string {
	if scale == 0 {
		return unscaled
	}
	digits, negative := strings.CutPrefix(unscaled, "-")
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	if negative {
		return "-" + text
	}
	return text
}

func cut[T any](s *[]T, n int) error {
	if len(*s) < n {
		return errShort
	}
	*s = (*s)[:n:n]
	return nil
}
