package modelcheck

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// formats are those that files are told to be of, as package modelfile names
// them, and what to do about a file of one that is not allowed.
var formats = map[string]string{
	"safetensors":    "",
	"gguf":           "",
	"onnx":           "",
	"npy":            "write the array as safetensors",
	"npz":            "write the arrays as safetensors",
	"pytorch":        "write its state_dict with safetensors.torch.save_file, or export it with torch.onnx.export",
	"pytorch-legacy": "write its state_dict with safetensors.torch.save_file, or export it with torch.onnx.export",
	"torchscript":    "export the module with torch.onnx.export",
	"pickle":         "export an estimator with skl2onnx, or save it with skops; write arrays as safetensors",
	"keras":          "export the model with model.export(path, format=\"onnx\")",
	"keras-h5":       "load it, and export the model with model.export(path, format=\"onnx\")",
	"hdf5":           "write the arrays as safetensors",
	"joblib":         "export an estimator with skl2onnx, or save it with skops; write arrays as safetensors",
	"savedmodel":     "convert the model with tf2onnx",
	"tflite":         "convert the model with tf2onnx",
	"catboost":       "save the model with save_model(path, format=\"onnx\")",
	"coreml":         "",
	"openvino":       "",
	"pmml":           "",
	"skops":          "export the estimator with skl2onnx",
	"xgboost":        "convert the model with onnxmltools",
	"lightgbm":       "convert the model with onnxmltools",
}

var filesFormats = Rule{
	ID:    "files.formats",
	Doc:   "Every file that is no text is of an allowed format, as its content says.",
	Group: report.GroupFiles,
	Params: map[string]any{
		"allow": map[string]any{
			"type": "array", "minItems": 1, "uniqueItems": true, "items": map[string]any{"enum": anyTexts(formatNames())}, "description": "The formats allowed.",
		},
		"ignore": map[string]any{
			"type": "array", "items": map[string]any{"type": "string", "minLength": 1}, "description": "Globs of files that may be of any format, such as images or a tokenizer.",
		},
	},
	Required: []string{"allow"},
	run:      runFilesFormats,
}

func formatNames() []string {
	var out []string
	for name := range formats {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func runFilesFormats(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	allow, ignore := texts(spec.Params["allow"]), texts(spec.Params["ignore"])
	if err := checkGlobs(spec, ignore); err != nil {
		return nil, err
	}
	var findings []report.Finding
	of := 0
	for _, f := range m.files {
		got, err := m.inspect(ctx, f)
		if err != nil {
			return nil, err
		}
		format := ""
		if got.bad != nil {
			format = got.bad.Format
		} else {
			format = got.facts.Format
		}
		if slices.Contains(allow, format) {
			of++
			continue
		}
		if matchesAny(ignore, f.Path) {
			continue
		}
		finding := report.Finding{
			Subject: f.Path, Location: m.locationOf(spec, f.Path),
			Expected: strings.Join(allow, ", "), Observed: format,
			Details: map[string]any{"path": f.Path, "format": format, "allow": allow},
		}
		if format == "" {
			isText, err := m.isText(f)
			if err != nil {
				return nil, err
			}
			if isText {
				continue
			}
			finding.Verdict, finding.Observed = report.Inconclusive, "a format that waybill does not read"
			finding.Message = f.Path + " is no text, and of no format that waybill reads: it may hold weights"
			finding.Hint = "store weights in an allowed format; if it holds none, name it under ignore: of this check"
		} else {
			finding.Verdict = report.Fail
			finding.Message = fmt.Sprintf("%s is a %s file, which is not allowed", f.Path, format)
			finding.Hint = formats[format]
			if finding.Hint == "" {
				finding.Hint = "convert it to " + strings.Join(allow, " or ") + ", or add " + format + " to allow:"
			}
		}
		findings = append(findings, finding)
	}
	if findings == nil {
		findings = []report.Finding{{Verdict: report.Pass, Message: fmt.Sprintf("%d of %s are of an allowed format (%s), the others hold no weights",
			of, count(len(m.files), "file"), strings.Join(allow, ", "))}}
	}
	return findings, nil
}

// isText tells whether the beginning and the end of a file are text. A format
// with weights that begins and ends so has a mark that waybill knows.
func (m *model) isText(f manifest.File) (bool, error) {
	file, size, err := m.open(f)
	if err != nil {
		return false, err
	}
	defer file.Close()
	const most = 4096
	for _, at := range []int64{0, max(0, size-most)} {
		b := make([]byte, min(most, size-at))
		n, err := file.ReadAt(b, at)
		if err != nil && err != io.EOF {
			return false, err
		}
		if !looksLikeText(b[:n]) {
			return false, nil
		}
	}
	return true, nil
}

// looksLikeText takes UTF-8, cut anywhere, without control characters but white
// space and escape.
func looksLikeText(b []byte) bool {
	for i := 0; i < utf8.UTFMax-1 && len(b) > 0 && !utf8.RuneStart(b[0]); i++ {
		b = b[1:]
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax || r < ' ' && bytes.IndexByte([]byte("\t\n\v\f\r\x1b"), byte(r)) < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func checkGlobs(spec manifest.CheckSpec, globs []string) error {
	for _, g := range globs {
		if !doublestar.ValidatePattern(g) {
			return fmt.Errorf("%s: ignore: %q is no glob; write one like \"*.bias\"", spec.Pos, g)
		}
	}
	return nil
}

func matchesAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(g string) bool {
		ok, err := doublestar.Match(g, name)
		return ok && err == nil
	})
}
