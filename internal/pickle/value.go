package pickle

import (
	"math"
	"strconv"
	"strings"
)

// Kind is what a Value stands for.
type Kind uint8

// The kinds. A Call is whatever calling the callee would return: an object, an
// array, a tensor.
const (
	Unknown Kind = iota
	None
	Bool
	Int
	Float
	String
	Bytes // also bytearray
	Tuple
	List
	Dict
	Set
	FrozenSet
	Import // a name that was imported
	CallResult
	PersistentID
	Extension // of the registry of copyreg
	Buffer    // out of band
	kinds
)

var kindNames = [kinds]string{"unknown value", "None", "bool", "int", "float", "str", "bytes", "tuple", "list",
	"dict", "set", "frozenset", "import", "result of a call", "persistent id", "extension code", "buffer"}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// maxText is how much of a string is kept.
const maxText = 4 << 10

// Value stands for what Python would have made. Values are shared where the
// pickle shares them and may contain themselves: whoever walks them bounds the
// walk.
type Value struct {
	Kind Kind
	Op   byte // the opcode that made it
	// Mapping says so of the Items of a call's result.
	Mapping bool

	memoized bool // it can be had again
	again    bool // and was
	passing  bool // it is not charged for: do not retain
	walked   uint8

	Offset int64 // of the opcode
	// Text is a str or bytes, its first 4 KiB; an int of more than 64 bits in
	// decimal, if it is short; the module of an import; a persistent id of
	// protocol 0.
	Text string
	Name string // of an import
	// Int is an int, a bool, an extension code; the bits of a float; of str and
	// bytes the whole length in bytes; of containers the number of items
	// (a dict has two for each key); of an import its index in Stream.Globals.
	Int int64
	// Callee, Args: of a call. NEWOBJ_EX has the keywords as last argument.
	Callee *Value
	Args   []*Value
	// State is what BUILD set last.
	State *Value
	// Items are those of a container, or what was put into the result of a
	// call; of a mapping keys and values in turn. A persistent id has one.
	Items []*Value

	size  int64 // with all below it, once walked
	plain int64 // items that are not in Items; see addCounted
}

// bare is v without what is below it.
func (v *Value) bare() *Value {
	return &Value{Kind: v.Kind, Op: v.Op, Offset: v.Offset, Text: v.Text, Name: v.Name, Int: v.Int, Mapping: v.Mapping}
}

// isPlain tells whether nothing can be below v.
func (v *Value) isPlain() bool {
	return v.Kind <= Bytes || v.Kind == Import
}

// Float is the number of a Float or Int.
func (v *Value) Float() float64 {
	if v.Kind == Float {
		return math.Float64frombits(uint64(v.Int))
	}
	return float64(v.Int)
}

// Path is "module.name" of an import, or of the callee of a call's result;
// "" otherwise.
func (v *Value) Path() string {
	switch {
	case v == nil:
		return ""
	case v.Kind == Import:
		return v.Text + "." + v.Name
	case v.Kind == CallResult && v.Callee != nil && v.Callee.Kind == Import:
		return v.Callee.Path()
	}
	return ""
}

// Get finds the value of a str key in a dict, in a mapping made by a call, or
// in the dict that BUILD set on an object. It takes time in proportion to the
// items.
func (v *Value) Get(key string) *Value {
	if v == nil {
		return nil
	}
	if v.Kind == Dict || v.Mapping {
		var found *Value
		for i := 0; i+1 < len(v.Items); i += 2 {
			if k := v.Items[i]; k != nil && k.Kind == String && k.Text == key {
				found = v.Items[i+1] // the last one wins, as in a dict
			}
		}
		if found != nil {
			return found
		}
	}
	if v.Kind == CallResult && v.State != nil {
		state := v.State
		if state.Kind == Tuple && len(state.Items) == 2 {
			state = state.Items[0]
		}
		if state != v && state.Kind == Dict {
			return state.Get(key)
		}
	}
	return nil
}

// String shows a value in a few words, hostile text quoted and shortened.
func (v *Value) String() string {
	var b strings.Builder
	v.show(&b, 3)
	return b.String()
}

func (v *Value) show(b *strings.Builder, depth int) {
	if v == nil {
		b.WriteString("unknown value")
		return
	}
	switch v.Kind {
	case None:
		b.WriteString("None")
	case Bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v.Int != 0])
	case Int:
		if v.Text != "" {
			b.WriteString(clip(v.Text, 40))
			return
		}
		b.WriteString(strconv.FormatInt(v.Int, 10))
	case Float:
		b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case String:
		b.WriteString(quote(v.Text))
	case Bytes:
		b.WriteString("b" + quote(v.Text))
	case Import:
		b.WriteString(quotePath(v.Text + "." + v.Name))
	case CallResult:
		v.Callee.show(b, depth-1)
		v.showItems(b, "(", v.Args, ")", depth)
	case Tuple:
		v.showItems(b, "(", v.Items, ")", depth)
	case List:
		v.showItems(b, "[", v.Items, "]", depth)
	case Dict, Set, FrozenSet:
		v.showItems(b, "{", v.Items, "}", depth)
	default:
		b.WriteString(v.Kind.String())
	}
}

func (v *Value) showItems(b *strings.Builder, open string, items []*Value, closing string, depth int) {
	b.WriteString(open)
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		if depth <= 0 || i == 4 || b.Len() > 200 {
			b.WriteString("…")
			break
		}
		item.show(b, depth-1)
	}
	b.WriteString(closing)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

func quote(s string) string { return strconv.QuoteToASCII(clip(s, 80)) }

// quotePath leaves a name bare that can be shown as it is.
func quotePath(s string) string {
	if s = clip(s, 120); isName(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}

// isName tells whether s is made of what Python's module paths are made of.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '.' && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
