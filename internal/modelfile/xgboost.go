package modelfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
)

// XGBoost's models in UBJSON (ubjson.org, draft 12, as far as xgboost writes
// it: src/common/json.cc, UBJReader and UBJWriter): the same object as the JSON
// that trees.go reads. Arrays of numbers say their length and are passed over.

var xgboostUBJ = format{
	name: "xgboost",
	byContent: func(head []byte) bool {
		// Keys are sorted, and their lengths 64 bits.
		return bytes.HasPrefix(head, []byte("{L\x00\x00\x00\x00\x00\x00\x00\x07learner{"))
	},
	byName: func(string) bool { return false },
	rules: map[string]string{
		ruleUBJ: "An XGBoost model in UBJSON is whole, has a learner, and nests objects at most 64 deep.",
	},
	read: readXGBoostUBJ,
}

const (
	ruleUBJ       = "XGB002"
	maxUBJNesting = 64
	maxUBJParts   = 50_000_000
	maxUBJTexts   = 16 << 20 // of bytes kept
)

func readXGBoostUBJ(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	u := &ubjReader{cursor: newCursor(ctx, r, size, binary.BigEndian, ruleUBJ, "it may be cut short: copy it again, or save the model again", maxUBJParts)}
	var version []string
	learners := 0
	u.object(u.kind(), 0, func(key string, kind byte) {
		switch {
		case key == "learner" && kind == '{':
			learners++
			u.learner(kind, f)
		case key == "version":
			version = u.list(kind)
		default:
			u.skip(kind, 1)
		}
	})
	switch {
	case u.err != nil:
		return u.err
	case learners != 1:
		return broken(ruleUBJ, 0, u.hint, "it has %d learners", learners)
	case u.at != size:
		return broken(ruleUBJ, u.at, u.hint, "%d bytes follow the model", size-u.at)
	}
	if len(version) == 3 {
		f.Frameworks = map[string]string{"xgboost": fmt.Sprintf("%s.%s.%s", version[0], version[1], version[2])}
	}
	return nil
}

// learner reads what is not trees (xgboost src/learner.cc, LearnerIO::SaveModel).
func (u *ubjReader) learner(kind byte, f *Facts) {
	var names, types []string
	numbers := map[string]string{}
	u.object(kind, 1, func(key string, kind byte) {
		switch key {
		case "feature_names":
			names = u.list(kind)
		case "feature_types":
			types = u.list(kind)
		case "learner_model_param":
			u.texts(kind, 2, numbers)
		case "objective":
			objective := map[string]string{}
			u.texts(kind, 2, objective)
			detail(f, "objective", objective["name"])
		case "gradient_booster":
			u.booster(kind, 2, f)
		default:
			u.skip(kind, 2)
		}
	})
	if u.err != nil {
		return
	}
	treeInputs(f, numbers["num_feature"], names)
	if len(types) > 0 {
		detail(f, "featureTypes", types)
	}
	if n, err := strconv.ParseInt(numbers["num_class"], 10, 32); err == nil {
		detail(f, "classes", n)
	}
}

// booster reads the name and the number of trees of a gbtree; that of dart
// stands in it (src/gbm/gbtree.cc).
func (u *ubjReader) booster(kind byte, depth int, f *Facts) {
	u.object(kind, depth, func(key string, kind byte) {
		switch {
		case key == "name" && kind == 'S':
			f.Architecture = u.text()
		case (key == "model" || key == "gbtree") && kind == '{' && depth < 6:
			name := f.Architecture
			u.booster(kind, depth+1, f)
			f.Architecture = name
		case key == "gbtree_model_param":
			numbers := map[string]string{}
			u.texts(kind, depth+1, numbers)
			if n, err := strconv.ParseInt(numbers["num_trees"], 10, 64); err == nil {
				detail(f, "trees", n)
			}
		default:
			u.skip(kind, depth+1)
		}
	})
}

// ubjReader reads UBJSON from front to back.
type ubjReader struct {
	*cursor
	kept int // bytes of texts
}

// kind reads the marker of a value, past markers of nothing.
func (u *ubjReader) kind() byte {
	for u.ok() {
		if k := byte(u.number(1)); k != 'N' {
			return k
		}
	}
	return 0
}

// ubjWidths are the bytes of numbers by their markers.
var ubjWidths = map[byte]int{'i': 1, 'U': 1, 'C': 1, 'I': 2, 'l': 4, 'L': 8, 'd': 4, 'D': 8, 'Z': 0, 'T': 0, 'F': 0}

// whole reads a whole number of a kind, with its sign.
func (u *ubjReader) whole(kind byte) (int64, bool) {
	switch kind {
	case 'i':
		return int64(int8(u.number(1))), true
	case 'U':
		return int64(u.number(1)), true
	case 'I':
		return int64(int16(u.number(2))), true
	case 'l':
		return int64(int32(u.number(4))), true
	case 'L':
		return int64(u.number(8)), true
	}
	return 0, false
}

// length reads how many bytes or elements follow; there is at most one for
// each byte that is left.
func (u *ubjReader) length() int64 {
	at := u.at
	n, ok := u.whole(u.kind())
	if !ok || n < 0 || n > u.p.size-u.at {
		u.fail(at, "a length of %d where %d bytes are left", n, u.p.size-u.at)
		return 0
	}
	return n
}

func (u *ubjReader) text() string {
	n := u.length()
	if u.kept += int(min(n, maxShown)); u.kept > maxUBJTexts {
		u.fail(u.at, "names and texts of more than %d bytes", maxUBJTexts)
	}
	b := u.pieceAt(u.at, min(n, maxShown))
	u.pass(n)
	return clipText(string(b))
}

// object calls each for the keys of an object, which reads the value of the
// kind it is given.
func (u *ubjReader) object(kind byte, depth int, each func(key string, kind byte)) {
	if kind != '{' {
		u.skip(kind, depth)
		return
	}
	if depth > maxUBJNesting {
		u.fail(u.at, "objects in objects, more than %d deep", maxUBJNesting)
	}
	for u.ok() {
		if u.numberAt(u.at, 1) == '}' {
			u.at++
			return
		}
		kept := u.kept
		key := u.text()
		u.kept = kept
		if kind := u.kind(); u.err == nil {
			each(key, kind)
		}
	}
}

// array calls each for the kind of each element, until each passed over all
// or the end. Elements that are all of one kind of number may be passed over
// at once: then it returns their number of bytes, and calls nothing.
func (u *ubjReader) array(depth int, each func(kind byte)) {
	if depth > maxUBJNesting {
		u.fail(u.at, "arrays in arrays, more than %d deep", maxUBJNesting)
	}
	all, n := byte(0), int64(-1)
	if u.numberAt(u.at, 1) == '$' {
		u.at++
		all = byte(u.number(1))
	}
	if u.numberAt(u.at, 1) == '#' {
		u.at++
		n = u.length()
	} else if all != 0 {
		u.fail(u.at, "an array says the kind of its elements and not their number")
	}
	if width, fixed := ubjWidths[all]; fixed && each == nil {
		if n > u.p.size {
			n = u.p.size
		}
		u.pass(n * int64(width))
		return
	}
	for i := int64(0); i != n && u.ok(); i++ {
		if n < 0 && u.numberAt(u.at, 1) == ']' {
			u.at++
			return
		}
		kind := all
		if all == 0 {
			kind = u.kind()
		}
		if u.err != nil {
			return
		}
		if each != nil {
			each(kind)
		} else {
			u.skip(kind, depth+1)
		}
	}
}

// list reads texts and whole numbers; other elements are left out.
func (u *ubjReader) list(kind byte) []string {
	if kind != '[' {
		u.skip(kind, 1)
		return nil
	}
	var out []string
	u.array(1, func(kind byte) {
		if kind == 'S' {
			out = append(out, u.text())
		} else if v, ok := u.whole(kind); ok {
			out = append(out, strconv.FormatInt(v, 10))
		} else {
			u.skip(kind, 2)
		}
		if len(out) > maxLabels {
			u.fail(u.at, "a list of more than %d", maxLabels)
		}
	})
	return out
}

// texts reads the texts of an object.
func (u *ubjReader) texts(kind byte, depth int, into map[string]string) {
	u.object(kind, depth, func(key string, kind byte) {
		if kind == 'S' && len(into) < 1000 {
			into[key] = u.text()
		} else {
			u.skip(kind, depth+1)
		}
	})
}

// skip passes over a value.
func (u *ubjReader) skip(kind byte, depth int) {
	switch kind {
	case '{':
		u.object(kind, depth, func(_ string, kind byte) { u.skip(kind, depth+1) })
	case '[':
		u.array(depth, nil)
	case 'S', 'H':
		u.pass(u.length())
	default:
		width, known := ubjWidths[kind]
		if !known {
			u.fail(u.at-1, "the unknown kind %q of value", kind)
			return
		}
		u.pass(int64(width))
	}
}
