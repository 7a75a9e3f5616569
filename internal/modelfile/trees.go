package modelfile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Models of trees as text: XGBoost's JSON (xgboost, doc/tutorials/
// saving_model.rst and src/learner.cc) and LightGBM's own format (LightGBM,
// src/boosting/gbdt_model_text.cpp). Their numbers are splits and leaves, not
// tensors, so that parameters are not known.

var xgboost = format{
	name:      "xgboost",
	byContent: looksLikeXGBoost,
	byName:    func(string) bool { return false },
	rules: map[string]string{
		ruleXGBoost: "An XGBoost model is a JSON object with a learner, of at most 256 MiB.",
	},
	read: readXGBoost,
}

var lightgbm = format{
	name: "lightgbm",
	byContent: func(head []byte) bool {
		return bytes.HasPrefix(head, []byte("tree\nversion=")) || bytes.HasPrefix(head, []byte("tree\r\nversion="))
	},
	byName: func(string) bool { return false },
	rules: map[string]string{
		ruleLightGBM: "A LightGBM model has a heading of lines KEY=VALUE of at most 16 MiB, with features as many as it says.",
	},
	read: readLightGBM,
}

const (
	ruleXGBoost  = "XGB001"
	ruleLightGBM = "LGB001"
	maxXGBoost   = 256 << 20
	maxLightGBM  = 16 << 20
)

func looksLikeXGBoost(head []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{"))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return ok && (bytes.HasPrefix(rest, []byte(`"learner"`)) || bytes.HasPrefix(rest, []byte(`"version"`)) && bytes.Contains(rest, []byte(`"learner"`)))
}

func readXGBoost(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	const hint = "it may be cut short: copy it again, or save the model again"
	if size > maxXGBoost {
		return broken(ruleXGBoost, 0, "save the model as .ubj", "it has %s, at most %d are read", countBytes(uint64(size)), maxXGBoost)
	}
	source := &contextReader{ctx: ctx, r: io.NewSectionReader(r, 0, size)}
	d := json.NewDecoder(source)
	d.UseNumber()
	var version []int64
	err := eachKey(d, func(key string) error {
		switch key {
		case "version":
			return d.Decode(&version)
		case "learner":
			return xgboostLearner(d, f)
		}
		return skipJSON(d)
	})
	if source.err != nil {
		return source.err
	}
	if err != nil {
		return broken(ruleXGBoost, d.InputOffset(), hint, "it is not an XGBoost model: %s", clipText(err.Error()))
	}
	if len(version) == 3 {
		f.Frameworks = map[string]string{"xgboost": fmt.Sprintf("%d.%d.%d", version[0], version[1], version[2])}
	}
	return nil
}

// contextReader remembers what reading gave, so that it is not taken for a
// fault of the JSON, and ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (c *contextReader) Read(p []byte) (int, error) {
	if c.err = c.ctx.Err(); c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// xgboostLearner reads what is not trees.
func xgboostLearner(d *json.Decoder, f *Facts) error {
	var names []string
	var numbers struct {
		Features string `json:"num_feature"`
		Classes  string `json:"num_class"`
	}
	err := eachKey(d, func(key string) error {
		switch key {
		case "feature_names":
			return d.Decode(&names)
		case "learner_model_param":
			return d.Decode(&numbers)
		case "objective":
			var o struct {
				Name string `json:"name"`
			}
			err := d.Decode(&o)
			detail(f, "objective", clipText(o.Name))
			return err
		case "gradient_booster":
			return eachKey(d, func(key string) error {
				if key != "name" {
					return skipJSON(d)
				}
				return d.Decode(&f.Architecture)
			})
		}
		return skipJSON(d)
	})
	f.Architecture = clipText(f.Architecture)
	treeInputs(f, numbers.Features, names)
	if n, err := strconv.ParseInt(numbers.Classes, 10, 32); err == nil {
		detail(f, "classes", n)
	}
	return err
}

// treeInputs sets the input of a model of trees.
func treeInputs(f *Facts, features string, names []string) {
	n, err := strconv.ParseInt(features, 10, 32)
	if err != nil || n < 0 {
		n = -1
	}
	f.Inputs = []Value{{Name: "X", Kind: "tensor", Shape: []int64{-1, n}}}
	for i := range names {
		names[i] = clipText(names[i])
	}
	if len(names) > 0 {
		detail(f, "features", names)
	}
}

// readLightGBM reads the heading, which ends before the first tree.
func readLightGBM(_ context.Context, r io.ReaderAt, size int64, f *Facts) error {
	const hint = "it may be cut short: copy it again, or save the model again"
	var heading []byte
	for end := -1; end < 0; {
		n := min(size, max(64<<10, 4*int64(len(heading))))
		data := make([]byte, n)
		if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), data); err != nil {
			return err
		}
		heading = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		switch end = bytes.Index(heading, []byte("\n\n")); {
		case end >= 0:
			heading = heading[:end]
		case n == size:
			return broken(ruleLightGBM, size, hint, "the file ends within its heading")
		case n > maxLightGBM:
			return broken(ruleLightGBM, 0, hint, "the heading is longer than %d bytes", maxLightGBM)
		}
	}
	keys := map[string]string{}
	for line := range strings.Lines(string(heading)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			keys[key] = value
		}
	}
	names := strings.Fields(keys["feature_names"])
	last, err := strconv.ParseInt(keys["max_feature_idx"], 10, 32)
	if err != nil || last < -1 || last+1 != int64(len(names)) {
		return broken(ruleLightGBM, 0, hint, "max_feature_idx is %s, and %d features are named", quote(keys["max_feature_idx"]), len(names))
	}
	f.Architecture = "gbdt"
	treeInputs(f, strconv.FormatInt(last+1, 10), names)
	detail(f, "objective", clipText(keys["objective"]))
	detail(f, "version", clipText(keys["version"]))
	if n, err := strconv.ParseInt(keys["num_class"], 10, 32); err == nil && n > 1 {
		detail(f, "classes", n)
	}
	if sizes := keys["tree_sizes"]; sizes != "" {
		detail(f, "trees", int64(len(strings.Fields(sizes))))
	}
	return nil
}
