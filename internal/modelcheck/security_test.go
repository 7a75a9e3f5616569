package modelcheck_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/report"
)

// floats is a safetensors file of one tensor, "w", of float32.
func floats(t testing.TB, values ...float64) string {
	t.Helper()
	return tensors(t, map[string]string{"w": f32(values...)})
}

func f32(values ...float64) string {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
	}
	return "F32 " + string(data)
}

// tensors is a safetensors file; values are "DTYPE data".
func tensors(t testing.TB, named map[string]string) string {
	t.Helper()
	width := map[string]int{"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I8": 1, "I64": 8, "F8_E4M3": 1, "F8_E5M2": 1}
	var of []modelfile.NewTensor
	for name, v := range named {
		dtype, data, _ := strings.Cut(v, " ")
		of = append(of, modelfile.NewTensor{Name: name, Dtype: dtype, Shape: []int64{int64(len(data) / width[dtype])}, Data: []byte(data)})
	}
	var b bytes.Buffer
	if err := modelfile.WriteSafetensors(&b, of, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkAll is check with a manifest's text and options.
func checkAll(t *testing.T, files map[string]string, text string, opts modelcheck.Options) ([]report.Finding, error) {
	t.Helper()
	parser, err := manifest.NewParser(modelcheck.Schemas(), nil)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	a, err := parser.Artifact("model.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: ["+strings.Join(names, ", ")+"]\n"+text))
	if err != nil {
		return nil, err
	}
	dir := t.TempDir()
	var list []manifest.File
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, manifest.File{Path: name, Size: int64(len(files[name]))})
	}
	return modelcheck.Run(t.Context(), a, dir, list, opts)
}

func told(findings []report.Finding, check string) string {
	var out []string
	for _, f := range findings {
		if f.Check == check {
			rule := ""
			if f.Rule != "" && f.Rule != f.Check {
				rule = " " + f.Rule
			}
			out = append(out, string(f.Verdict)+rule+" "+f.Message)
		}
	}
	return strings.Join(out, "\n")
}

const (
	evilPickle  = "\x80\x02cos\nsystem\nU\x02id\x85R."
	ownPickle   = "\x80\x02cours\nThing\n."
	plainPickle = "\x80\x02]q\x00."
)

func TestSecurity(t *testing.T) {
	day := func(s string) func() time.Time {
		return func() time.Time {
			at, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	waive := "ignore:\n- {rule: PKL002, path: \"*.pkl\", reason: our own class, expires: 2027-01-01, by: ada}\n"
	for _, c := range []struct {
		name, content, text, now string
		want                     []string
	}{
		{"m.pkl", plainPickle, "", "", []string{"PASS scanned 1 file: nothing makes it unsafe to load them"}},
		{"m.npz", "", "", "", []string{"PASS scanned 1 file"}},
		{"m.pkl", evilPickle, "", "", []string{"FAIL PKL001 m.pkl: imports os.system"}},
		{"m.pkl", ownPickle, "", "", []string{"FAIL PKL002 m.pkl: "}},
		{"m.pkl", ownPickle, waive, "2026-12-31T23:59:59Z", []string{"PASS PKL002", "waived: our own class (ada)"}},
		{"m.pkl", ownPickle, waive, "2027-01-01T00:00:00Z", []string{"FAIL PKL002", "its waiver expired on 2027-01-01 (ada)"}},
		{"m.pkl", ownPickle, waive, "", []string{"FAIL PKL002", "its waiver expired"}}, // nobody says what day it is
		{"m.bin", ownPickle, waive, "2026-12-31T00:00:00Z", []string{"FAIL PKL002", "WVR002"}},
		{"m.pkl", evilPickle, waive, "2026-12-31T00:00:00Z", []string{"FAIL PKL001", "FAIL WVR002"}},
		{"m.pkl", plainPickle, waive, "2026-12-31T00:00:00Z", []string{"PASS scanned", "FAIL WVR002 the waiver of PKL002"}},
	} {
		opts := modelcheck.Options{}
		if c.now != "" {
			opts.Now = day(c.now)
		}
		findings, err := checkAll(t, map[string]string{c.name: c.content}, c.text, opts)
		if err != nil {
			t.Fatal(err)
		}
		got := told(findings, "security")
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s %q at %s: got\n%s\nwant %s", c.name, c.content, c.now, got, want)
			}
		}
		for _, f := range findings {
			if f.Check != "security" {
				continue
			}
			if f.Group != report.GroupSecurity || f.Artifact != "sentiment" || f.Location == nil || f.Doc == "" || f.Verdict == report.Fail && f.Hint == "" {
				t.Errorf("incomplete finding %+v", f)
			}
			if f.Rule == "WVR002" && (f.Severity != report.Warning || f.Location.Line != 6) {
				t.Errorf("an unused waiver: %+v", f)
			}
		}
	}
	// It cannot be made weaker at once.
	if _, err := checkAll(t, map[string]string{"m.pkl": evilPickle}, "checks: [{check: security, severity: info}]", modelcheck.Options{}); err == nil || !strings.Contains(err.Error(), "model.yaml:5:") {
		t.Errorf("security as information: %v", err)
	}
	for says, text := range map[string]string{
		"expires":   "ignore: [{rule: PKL002, reason: so}]",
		"reason":    "ignore: [{rule: PKL002, expires: 2027-01-01}]",
		"no glob":   "ignore: [{rule: PKL002, path: \"[\", reason: so, expires: 2027-01-01}]",
		"date":      "ignore: [{rule: PKL002, reason: so, expires: 2027-02-30}]",
		"rule":      "ignore: [{rule: all, reason: so, expires: 2027-01-01}]",
		"duplicate": "ignore: []\nignore: []",
	} {
		if _, err := checkAll(t, map[string]string{"m.pkl": ""}, text, modelcheck.Options{}); err == nil {
			t.Errorf("%s: %s was taken", says, text)
		}
	}
}

func TestWeights(t *testing.T) {
	zero, one := strings.Repeat("\x00", 4), "\x00\x3c"
	long := "F32 " + strings.Repeat("abcd", 300_000) // more than a piece
	onnxMessage := func(fields ...any) string {
		var b []byte
		for i := 0; i < len(fields); i += 2 {
			switch v := fields[i+1].(type) {
			case int:
				b = append(b, byte(fields[i].(int)<<3), byte(v))
			case string:
				b = append(binary.AppendUvarint(append(b, byte(fields[i].(int)<<3|2)), uint64(len(v))), v...)
			}
		}
		return string(b)
	}
	onnxModel := func(field int, data string) string {
		w := onnxMessage(1, 2, 2, 1, 8, "w", field, data)
		return onnxMessage(1, 8, 2, "waybill", 7, onnxMessage(5, w, 2, "g"), 8, onnxMessage(2, 20))
	}
	nan := "\x00\x00\xc0\x7f\x00\x00\x80\x3f"
	finite, duplicates := "checks: [{check: files.finite}]", "checks: [{check: files.duplicates, min: \"4\"}]"
	for _, c := range []struct {
		files       map[string]string
		text, check string
		want        []string
	}{
		{map[string]string{"m": floats(t, 1, 2, 0)}, finite, "files.finite", []string{"PASS 1 of 1 tensor have finite numbers"}},
		{map[string]string{"m": floats(t, 1, math.NaN(), 0)}, finite, "files.finite", []string{`FAIL m: the tensor "w" has 1 NaN values`}},
		{map[string]string{"m": floats(t, math.Inf(-1), math.NaN(), math.Inf(1))}, finite, "files.finite", []string{"has 1 NaN and 2 infinite"}},
		{map[string]string{"m": floats(t, 0, math.Copysign(0, -1))}, finite, "files.finite", []string{"FAIL", "is all zeros"}},
		{map[string]string{"m": floats(t, 0, 0)}, "checks: [{check: files.finite, zeros: allow}]", "files.finite", []string{"PASS"}},
		{map[string]string{"m": floats(t, 0, 0)}, "checks: [{check: files.finite, ignore: [\"w*\"]}]", "files.finite", []string{"PASS 0 of 0 tensors"}},
		{map[string]string{"m": floats(t, 0)}, finite, "files.finite", []string{"PASS"}},
		{map[string]string{"m": tensors(t, map[string]string{"n": "I64 " + strings.Repeat("\x00", 16)})}, finite, "files.finite", []string{"PASS"}},
		{map[string]string{"m": tensors(t, map[string]string{"a": f32(1), "b": f32(math.NaN())})}, "checks: [{check: files.finite, mostly: 0.5}]", "files.finite", []string{"PASS 1 of 2"}},
		{map[string]string{"m": tensors(t, map[string]string{"a": f32(1), "b": f32(math.NaN())})}, "checks: [{check: files.finite, mostly: 0.6}]", "files.finite", []string{`FAIL m: the tensor "b"`}},
		{map[string]string{"m": tensors(t, map[string]string{"h": "F16 " + one + "\x00\x7c" + "\x01\xfc"})}, finite, "files.finite", []string{"1 NaN and 1 infinite"}},
		{map[string]string{"m": tensors(t, map[string]string{"h": "BF16 \x80\x7f\xc0\xff"})}, finite, "files.finite", []string{"1 NaN and 1 infinite"}},
		{map[string]string{"m": tensors(t, map[string]string{"d": "F64 \x00\x00\x00\x00\x00\x00\xf0\x7f\x01\x00\x00\x00\x00\x00\xf0\xff"})}, finite, "files.finite", []string{"1 NaN and 1 infinite"}},
		{map[string]string{"m": tensors(t, map[string]string{"e": "F8_E4M3 \x7f\xff\x7e"})}, finite, "files.finite", []string{"has 2 NaN"}},
		{map[string]string{"m": tensors(t, map[string]string{"e": "F8_E5M2 \x7c\x7d\x7b"})}, finite, "files.finite", []string{"1 NaN and 1 infinite"}},
		{map[string]string{"m": tensors(t, map[string]string{"l": long + "\x00\x00\xc0\x7f"})}, finite, "files.finite", []string{"has 1 NaN"}},
		{map[string]string{"m.onnx": onnxModel(9, nan)}, finite, "files.finite", []string{`FAIL m.onnx: the tensor "w" has 1 NaN`}},
		{map[string]string{"m.onnx": onnxModel(4, nan)}, finite, "files.finite", []string{"INCONCLUSIVE", "not raw bytes"}},
		{map[string]string{"m.pkl": plainPickle}, finite, "files.finite", []string{"INCONCLUSIVE", "m.pkl is a pickle file"}},

		{map[string]string{"a": "same bytes", "b": "same bytes", "c": "more bytes"}, duplicates, "files.duplicates", []string{"FAIL a and b are the same file"}},
		{map[string]string{"a": "same", "b": "none"}, duplicates, "files.duplicates", []string{"PASS"}},
		{map[string]string{"a": "", "b": ""}, "checks: [{check: files.duplicates, min: \"0\"}]", "files.duplicates", []string{"PASS"}},
		{map[string]string{"m": tensors(t, map[string]string{"a": f32(1, 2), "b": f32(1, 2), "c": f32(2, 1)})}, duplicates, "files.duplicates", []string{`FAIL the tensors "a" and "b" have the same bytes (8 bytes)`}},
		{map[string]string{"m": tensors(t, map[string]string{"a": f32(1, 2), "b": f32(1, 2)})}, "checks: [{check: files.duplicates, min: \"4\", tied: [a, b]}]", "files.duplicates", []string{"PASS"}},
		{map[string]string{"m": tensors(t, map[string]string{"a": f32(1, 2), "b": f32(1, 2)})}, "checks: [{check: files.duplicates, min: \"4\", tied: [a]}]", "files.duplicates", []string{"FAIL"}},
		{map[string]string{"m": tensors(t, map[string]string{"a": "I8 " + zero, "b": f32(0)})}, duplicates, "files.duplicates", []string{"PASS"}},
		{map[string]string{"m": tensors(t, map[string]string{"a": long, "b": long})}, "checks: [{check: files.duplicates}]", "files.duplicates", []string{"FAIL the tensors"}},
		{map[string]string{"m": tensors(t, map[string]string{"a": f32(1, 2), "b": f32(1, 2)})}, "checks: [{check: files.duplicates}]", "files.duplicates", []string{"PASS"}},
		{map[string]string{"m.pkl": plainPickle}, duplicates, "files.duplicates", []string{"INCONCLUSIVE"}},

		{map[string]string{"m": floats(t, 1), "t.json": "{}"}, "checks: [{check: files.formats, allow: [safetensors]}]", "files.formats", []string{"PASS 1 of 2 files"}},
		{map[string]string{"m": plainPickle, "t.json": "{}"}, "checks: [{check: files.formats, allow: [safetensors]}]", "files.formats", []string{"FAIL m is a pickle file, which is not allowed"}},
		{map[string]string{"m.safetensors": plainPickle}, "checks: [{check: files.formats, allow: [safetensors]}]", "files.formats", []string{"FAIL m.safetensors is a pickle file"}},
		{map[string]string{"m.bin": "\x01\x02\x00"}, "checks: [{check: files.formats, allow: [safetensors]}]", "files.formats", []string{"INCONCLUSIVE m.bin is no text"}},
		{map[string]string{"m.bin": "\x01\x02\x00"}, "checks: [{check: files.formats, allow: [safetensors], ignore: [\"*.bin\"]}]", "files.formats", []string{"PASS"}},
		{map[string]string{"m": "text " + strings.Repeat("x", 9000) + "\x00\x01"}, "checks: [{check: files.formats, allow: [safetensors]}]", "files.formats", []string{"INCONCLUSIVE"}},

		{map[string]string{"m": floats(t, 1)}, "checks: [{check: files.dtypes, allow: [F32]}]", "files.dtypes", []string{"PASS the tensors have allowed data types: F32"}},
		{map[string]string{"m": floats(t, 1)}, "checks: [{check: files.dtypes, allow: [F16]}]", "files.dtypes", []string{`FAIL m has 1 parameter of F32, which is not allowed, the first of them in "w"`}},
		{map[string]string{"m": floats(t, 1)}, "checks: [{check: files.dtypes, deny: [F32]}]", "files.dtypes", []string{"FAIL"}},
		{map[string]string{"m": floats(t, 1), "n": floats(t, 1, 2)}, "checks: [{check: files.dtypes, max: {F32: 2}}]", "files.dtypes", []string{"FAIL the model has 3 parameters of F32, at most 2"}},
		{map[string]string{"m": floats(t, 1), "n": floats(t, 1, 2)}, "checks: [{check: files.dtypes, max: {F32: 3}}]", "files.dtypes", []string{"PASS"}},
		{map[string]string{"m": plainPickle}, "checks: [{check: files.dtypes, deny: [F32]}]", "files.dtypes", []string{"INCONCLUSIVE"}},
	} {
		findings, err := checkAll(t, c.files, c.text, modelcheck.Options{})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got := told(findings, c.check)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got\n%s\nwant %s", c.text, got, want)
			}
		}
	}
	for _, text := range []string{"checks: [{check: files.dtypes}]", "checks: [{check: files.dtypes, deny: [float64]}]", "checks: [{check: files.formats, allow: [pt]}]",
		"checks: [{check: files.finite, ignore: [\"[\"]}]", "checks: [{check: files.duplicates, min: lots}]", "checks: [{check: files.duplicates, tied: [\"{\"]}]"} {
		if _, err := checkAll(t, map[string]string{"m": ""}, text, modelcheck.Options{}); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

// A secret is found wherever it stands, and once.
func TestSecrets(t *testing.T) {
	key := "ghp_" + strings.Repeat("aB3", 12)
	const piece = 1 << 20
	for _, at := range []int{0, 100, piece - 8192 - 1, piece - 8192, piece - 40, piece - 10, piece, piece + 5, 2*piece - 8192, 3 * piece} {
		text := strings.Repeat("word\n", at/5) + strings.Repeat(" ", at%5) + key + " " + strings.Repeat("\nword", 10_000)
		findings, err := checkAll(t, map[string]string{"vocab.txt": text}, "checks: [{check: files.secrets}]", modelcheck.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := told(findings, "files.secrets")
		if strings.Count(got, "FAIL") != 1 || !strings.Contains(got, "ghp_…") || strings.Contains(got, key) {
			t.Errorf("at %d: %s", at, got)
		}
	}
	lines := "a\nb " + key + "\n\n" + key + "\n"
	findings, err := checkAll(t, map[string]string{"a.txt": lines, "b.bin": "\x00" + key, "c.txt": "nothing"}, "checks: [{check: files.secrets}]", modelcheck.Options{})
	if got := told(findings, "files.secrets"); err != nil || !strings.Contains(got, "line 2") || !strings.Contains(got, "line 4") || strings.Count(got, "FAIL") != 2 {
		t.Errorf("%s %v", got, err)
	}
	var b bytes.Buffer
	if err := modelfile.WriteSafetensors(&b, nil, map[string]string{"note": key}); err != nil {
		t.Fatal(err)
	}
	findings, err = checkAll(t, map[string]string{"m": b.String()}, "checks: [{check: files.secrets}]", modelcheck.Options{})
	if got := told(findings, "files.secrets"); err != nil || !strings.Contains(got, `the metadata "note"`) {
		t.Errorf("%s %v", got, err)
	}
	if _, err := checkAll(t, map[string]string{"m": "x"}, "checks: [{check: files.secrets, kinds: [key, email], ignore: [m]}]", modelcheck.Options{}); err != nil {
		t.Error(errors.Unwrap(err), err)
	}
}

// Every format of the documentation can be allowed.
func TestFormatNames(t *testing.T) {
	data, err := os.ReadFile("../../docs/model-files.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := 0
	for line := range strings.Lines(string(data)) {
		cell, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		cell, _, _ = strings.Cut("`"+cell, " | ")
		for _, name := range regexp.MustCompile("`([a-z0-9-]+)`").FindAllStringSubmatch(cell, -1) {
			documented++
			if _, err := checkAll(t, map[string]string{"m": "text"}, "checks: [{check: files.formats, allow: ["+name[1]+"]}]", modelcheck.Options{}); err != nil {
				t.Errorf("%s is documented: %v", name[1], err)
			}
		}
	}
	if documented < 10 {
		t.Errorf("found %d formats in the documentation", documented)
	}
}

// What is wrong with a broken file is said once, by files.readable; where that
// is a mere warning, the scan says it too. Either way nothing is called safe.
func TestBrokenFileOnce(t *testing.T) {
	files := map[string]string{"m.safetensors": "\xa0\x00\x00\x00\x00\x00\x00\x00{", "m.pt": "PK\x03\x04garbage", "m.pkl": "\x80\x04}q"}
	for _, c := range []struct {
		checks   []manifest.CheckSpec
		security string // rules of the scan
	}{
		{nil, "PKL009"},
		{[]manifest.CheckSpec{{Check: "files.readable", Severity: report.Warning}}, "ARC009 PKL009 SAF001"},
	} {
		dir := t.TempDir()
		a := &manifest.Artifact{Kind: manifest.KindModel, Path: "model.yaml", Name: "m", Model: &manifest.Model{}, Checks: c.checks}
		var list []manifest.File
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			list = append(list, manifest.File{Path: name, Size: int64(len(content))})
		}
		findings, err := modelcheck.Run(t.Context(), a, dir, list, modelcheck.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var readable, security []string
		for _, f := range findings {
			switch f.Check {
			case "files.readable":
				readable = append(readable, f.Rule)
			case "security":
				security = append(security, f.Rule)
			}
		}
		slices.Sort(readable)
		slices.Sort(security)
		if got := strings.Join(readable, " "); got != "SAF001 ZIP001" {
			t.Errorf("files.readable: %s", got)
		}
		if got := strings.Join(security, " "); got != c.security {
			t.Errorf("security: %q, want %q", got, c.security)
		}
	}
}

// What is not known because of many files names one of them, and how many more
// there are; a broken file is to be mended and not to be converted.
func TestUnreadWeights(t *testing.T) {
	dir := t.TempDir()
	var list []manifest.File
	for _, name := range []string{"a.safetensors", "b.safetensors", "c.safetensors"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("\xa0\x00\x00\x00\x00\x00\x00\x00{"), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, manifest.File{Path: name, Size: 9})
	}
	a := &manifest.Artifact{Kind: manifest.KindModel, Path: "model.yaml", Name: "m", Model: &manifest.Model{}, Checks: []manifest.CheckSpec{
		{Check: "files.parameters", Params: map[string]any{"max": int64(10)}}, {Check: "files.finite"}, {Check: "files.duplicates"},
		{Check: "files.dtypes", Params: map[string]any{"deny": []any{"F64"}}},
	}}
	findings, err := modelcheck.Run(t.Context(), a, dir, list, modelcheck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range findings {
		if f.Verdict != report.Inconclusive {
			continue
		}
		seen++
		if !strings.Contains(f.Message, "a.safetensors cannot be read, and so it is with 2 other files") || !strings.Contains(f.Hint, "files.readable") {
			t.Errorf("%s: %s (%s)", f.Check, f.Message, f.Hint)
		}
	}
	if seen != 4 {
		t.Errorf("%d findings are INCONCLUSIVE, want 4", seen)
	}
}
