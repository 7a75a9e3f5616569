package modelfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// JSON as configurations have it: what is large is walked, not kept.

// eachKey calls each with the decoder before the value of every key.
func eachKey(d *json.Decoder, each func(key string) error) error {
	open, err := d.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return errors.New("not an object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := each(name); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// maxSkipped is how deep values that are passed over may be in each other: the
// decoder keeps a number for each.
const maxSkipped = 1000

// skipJSON passes over one value.
func skipJSON(d *json.Decoder) error {
	_, err := plainJSON(d, false)
	return err
}

// plainJSON passes over one value, and returns it, or of a list the first
// element, when that is no object and no list; else nil.
func plainJSON(d *json.Decoder, ofList bool) (plain any, err error) {
	isList := false
	for depth, n := 0, 0; ; n++ {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			isList = isList || n == 0 && t == json.Delim('[')
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		default:
			if n == 0 && !ofList || n == 1 && isList && ofList {
				plain = t
			}
		}
		if depth > maxSkipped {
			return nil, fmt.Errorf("values in values, more than %d deep", maxSkipped)
		}
		if depth == 0 {
			return plain, nil
		}
	}
}

// readJSON reads an object that is all of data. Numbers are kept as they are
// written.
func readJSON(data []byte, each func(d *json.Decoder, key string) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := eachKey(d, func(key string) error { return each(d, key) }); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows its value")
	}
	return nil
}

// readObject reads a configuration.
func readObject(data []byte) (map[string]any, error) {
	var object map[string]any
	err := decodeJSON(data, &object)
	return object, err
}

// decodeJSON reads all of data. Python's json module writes NaN and Infinity,
// which are not JSON, and configurations have them: they are read as 0.
func decodeJSON(data []byte, v any) error {
	if _, err := decodeWhole(data, v); err != nil {
		at, err := decodeWhole(withoutNaN(data), v)
		if err == nil {
			return nil
		}
		bad := broken(ruleConfig, at, "write it again with the library that the model is for", "it is not the JSON it should be: %s", clipText(err.Error()))
		bad.Format = "huggingface"
		return bad
	}
	return nil
}

func decodeWhole(data []byte, v any) (int64, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err := d.Decode(v)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("something follows its value")
		}
	}
	return d.InputOffset(), err
}

// withoutNaN writes 0 for Python's constants, outside of strings, and keeps
// every byte where it stood: "NaN" has no room for null.
func withoutNaN(data []byte) []byte {
	out := bytes.Clone(data)
	inText := false
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '"':
			inText = !inText
		case inText && out[i] == '\\':
			i++
		case !inText && (out[i] == 'N' || out[i] == 'I' || out[i] == '-'):
			for _, constant := range []string{"NaN", "Infinity", "-Infinity"} {
				if bytes.HasPrefix(out[i:], []byte(constant)) {
					copy(out[i:], "0         "[:len(constant)])
					i += len(constant) - 1
					break
				}
			}
		}
	}
	return out
}

func textOf(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return clipText(s)
}

func wholeOf(m map[string]any, key string) int64 {
	n, ok := m[key].(json.Number)
	if !ok {
		return 0
	}
	if v, err := n.Int64(); err == nil {
		return v
	}
	v, err := n.Float64()
	if err != nil || v != math.Trunc(v) || math.Abs(v) >= 1<<62 {
		return 0
	}
	return int64(v)
}

func mapOf(m map[string]any, key string) map[string]any {
	v, _ := m[key].(map[string]any)
	return v
}
