package modelcheck

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/report"
)

var filesFinite = Rule{
	ID:    "files.finite",
	Doc:   "No tensor has NaN or infinite values, and none is all zeros. All weights are read.",
	Group: report.GroupFiles,
	Params: map[string]any{
		"ignore": map[string]any{"type": "array", "items": map[string]any{"type": "string", "minLength": 1}, "description": "Globs of names of tensors that are left alone, such as \"*.bias\"."},
		"zeros":  map[string]any{"enum": []any{"refuse", "allow"}, "default": "refuse", "description": "Whether a tensor may be all zeros. One of whole numbers, or of one element, always may."},
		"mostly": map[string]any{"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 1, "description": "The share of tensors that it must hold for."},
	},
	run: runFilesFinite,
}

// odd is what a tensor has that it should not.
type odd struct {
	nan, inf int64
	nonzero  bool
}

func (o *odd) add(more odd) {
	o.nan, o.inf, o.nonzero = o.nan+more.nan, o.inf+more.inf, o.nonzero || more.nonzero
}

// maxOdd is how many tensors are findings of their own.
const maxOdd = 50

func runFilesFinite(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	ignore := texts(spec.Params["ignore"])
	if err := checkGlobs(spec, ignore); err != nil {
		return nil, err
	}
	all, unknown, err := m.tensors(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t weights) bool { return matchesAny(ignore, t.Name) })
	results, err := m.readOdd(ctx, all)
	if err != nil {
		return nil, err
	}
	var findings []report.Finding
	bad, blocks := 0, 0
	for i, t := range all {
		if _, isFloat := floats[t.Dtype]; !isFloat && !isWhole(t.Dtype) {
			blocks++
		}
		says, hint := results[i].says(t, spec.Params["zeros"] == "allow")
		if says == "" {
			continue
		}
		if bad++; len(findings) < maxOdd {
			findings = append(findings, report.Finding{
				Verdict: report.Fail, Subject: escaped(t.path + " " + t.Name), Location: m.locationOf(spec, t.path),
				Message:  fmt.Sprintf("%s: the tensor %s %s", t.path, quoted(t.Name), says),
				Expected: "finite numbers, not all zero", Observed: says, Hint: hint,
				Details: map[string]any{"path": t.path, "tensor": escaped(t.Name), "nan": results[i].nan, "inf": results[i].inf},
			})
		}
	}
	mostly := 1.0
	if spec.Mostly != nil {
		mostly = *spec.Mostly
	}
	good := len(all) - bad
	switch {
	case float64(good) < mostly*float64(len(all)):
		return findings, nil
	case unknown.why != "":
		return []report.Finding{{Verdict: report.Inconclusive, Message: "not all weights could be read: " + unknown.String(), Hint: unknown.hint,
			Observed: count(len(all), "tensor") + " read"}}, nil
	}
	message := fmt.Sprintf("%d of %s have finite numbers that are not all zero", good, count(len(all), "tensor"))
	if blocks > 0 {
		message += fmt.Sprintf("; %d of them are of quantised types, of which only zeros are known", blocks)
	}
	return []report.Finding{{Verdict: report.Pass, Message: message, Details: map[string]any{"tensors": len(all), "odd": bad}}}, nil
}

// says tells what is wrong with a tensor, and what to do.
func (o odd) says(t weights, zeros bool) (what, hint string) {
	switch {
	case o.nan > 0 && o.inf > 0:
		what = fmt.Sprintf("has %s NaN and %s infinite values", report.Thousands(o.nan), report.Thousands(o.inf))
	case o.nan > 0:
		what = fmt.Sprintf("has %s NaN values", report.Thousands(o.nan))
	case o.inf > 0:
		what = fmt.Sprintf("has %s infinite values", report.Thousands(o.inf))
	case !o.nonzero && !zeros && !isWhole(t.Dtype) && elementsOf(t.Tensor) > 1:
		return "is all zeros", "train it again or write it again; if it is meant, name it under ignore:, or write zeros: allow"
	default:
		return "", ""
	}
	return what, "find the step of the training that diverged, or the conversion that overflowed; a mask that is meant goes under ignore:"
}

func elementsOf(t modelfile.Tensor) int64 {
	n := int64(1)
	for _, d := range t.Shape {
		if d == 0 {
			return 0
		}
		if n > 1<<40/max(d, 1) {
			return 1 << 40
		}
		n *= d
	}
	return n
}

// readOdd reads the weights of all tensors. Large ones are read by several
// workers at once.
func (m *model) readOdd(ctx context.Context, all []weights) ([]odd, error) {
	type part struct {
		tensor int
		at, n  int64
	}
	const most = 64 << 20
	var parts []part
	files := map[string]*os.File{}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for i, t := range all {
		if files[t.path] == nil {
			f, err := m.root.Open(filepath.FromSlash(t.path))
			if err != nil {
				return nil, err
			}
			files[t.path] = f
		}
		for at := int64(0); at < t.Bytes; at += most {
			parts = append(parts, part{i, t.Offset + at, min(most, t.Bytes-at)})
		}
	}
	found := make([]odd, len(parts))
	err := readers(ctx, len(parts), func(i int, buffer []byte) error {
		p := parts[i]
		t := all[p.tensor]
		look := floats[t.Dtype]
		if look == nil {
			look = anyNonzero
		}
		if err := pieces(ctx, files[t.path], p.at, p.n, buffer, func(b []byte) { look(b, &found[i]) }); err != nil {
			return fmt.Errorf("read the tensor %s of %s: %w", quoted(t.Name), t.path, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]odd, len(all))
	for i, p := range parts {
		out[p.tensor].add(found[i])
	}
	return out, nil
}

// floats look at numbers by their bits: all exponent bits set is infinite, or
// NaN if there is a fraction as well; only the sign set is zero. Pieces end
// between numbers, since their sizes are powers of two.
var floats = map[string]func(b []byte, o *odd){
	"F16":  func(b []byte, o *odd) { look16(b, o, 0x7c00) },
	"BF16": func(b []byte, o *odd) { look16(b, o, 0x7f80) },
	"F32": func(b []byte, o *odd) {
		const infinite = 0x7f800000
		any := uint32(0)
		for len(b) >= 4 {
			v := binary.LittleEndian.Uint32(b) &^ (1 << 31)
			b = b[4:]
			any |= v
			if v >= infinite {
				o.count(v == infinite)
			}
		}
		o.nonzero = o.nonzero || any != 0
	},
	"F64": func(b []byte, o *odd) {
		const infinite = 0x7ff0000000000000
		any := uint64(0)
		for len(b) >= 8 {
			v := binary.LittleEndian.Uint64(b) &^ (1 << 63)
			b = b[8:]
			any |= v
			if v >= infinite {
				o.count(v == infinite)
			}
		}
		o.nonzero = o.nonzero || any != 0
	},
	// OCP 8-bit floating point specification 1.0, table 1: E4M3 has no infinity.
	"F8_E4M3": func(b []byte, o *odd) {
		for _, v := range b {
			v &= 0x7f
			o.nonzero = o.nonzero || v != 0
			if v == 0x7f {
				o.count(false)
			}
		}
	},
	"F8_E5M2": func(b []byte, o *odd) {
		for _, v := range b {
			v &= 0x7f
			o.nonzero = o.nonzero || v != 0
			if v >= 0x7c {
				o.count(v == 0x7c)
			}
		}
	},
}

func look16(b []byte, o *odd, infinite uint16) {
	any := uint16(0)
	for len(b) >= 2 {
		v := binary.LittleEndian.Uint16(b) &^ (1 << 15)
		b = b[2:]
		any |= v
		if v >= infinite {
			o.count(v == infinite)
		}
	}
	o.nonzero = o.nonzero || any != 0
}

func (o *odd) count(infinite bool) {
	if infinite {
		o.inf++
	} else {
		o.nan++
	}
}

func anyNonzero(b []byte, o *odd) {
	if !o.nonzero {
		o.nonzero = slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
	}
}

// isWhole tells types whose elements are whole numbers.
func isWhole(dtype string) bool {
	return dtype == "BOOL" || len(dtype) > 1 && (dtype[0] == 'I' || dtype[0] == 'U') && dtype[1] >= '0' && dtype[1] <= '9'
}

// tensorOf finds tensors of a data type.
func tensorOf(dtype string) func(modelfile.Tensor) bool {
	return func(t modelfile.Tensor) bool { return t.Dtype == dtype }
}
