package modelfile

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
)

// CatBoost's own format (catboost/libs/model/model.cpp, TFullModel::Save, and
// catboost/libs/model/flatbuffers/model.fbs): "CBM1", the length of a
// FlatBuffer, and the FlatBuffer, TModelCore.

var catboost = format{
	name:      "catboost",
	byContent: func(head []byte) bool { return bytes.HasPrefix(head, []byte("CBM1")) },
	byName:    func(string) bool { return false },
	rules: map[string]string{
		ruleCatBoost: "The header of a CatBoost model is as long as it says, and its tables lie within it.",
	},
	read: readCatBoost,
}

const (
	ruleCatBoost     = "CAT001"
	maxCatBoostSteps = 2_000_000
)

func readCatBoost(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	const hint = "it may be cut short: copy it again, or save the model again"
	c := &catboostReader{newFlatBuffer(ctx, r, 8, size, ruleCatBoost, hint, maxCatBoostSteps)}
	if n := int64(c.numberAt(4, 4)); c.holds(8, n) {
		c.p.size = 8 + n
	}
	core := c.root()
	detail(f, "version", c.text(core, 0))
	info := c.vector(core, 2, 4)
	for i := range info.n {
		if !c.ok() {
			break
		}
		pair := c.tableAt(info, i)
		c.info(c.text(pair, 0), c.text(pair, 1), f)
	}
	trees := c.sub(core, 1)
	detail(f, "dimension", int64(int32(c.number(trees, 0, 4))))
	detail(f, "trees", c.vector(trees, 2, 4).n)
	names, n := c.features(trees)
	if c.err != nil {
		return c.err
	}
	f.Architecture = "catboost"
	f.Inputs = []Value{{Name: "X", Kind: "tensor", Shape: []int64{-1, n}}}
	if slices.ContainsFunc(names, func(s string) bool { return s != "" }) {
		detail(f, "features", names)
	}
	return nil
}

// catboostReader reads one model.
type catboostReader struct{ *flatBuffer }

// info reads an entry of the map in which CatBoost keeps JSON and texts
// (catboost/libs/train_lib/train_model.cpp).
func (c *catboostReader) info(key, value string, f *Facts) {
	var parsed map[string]any
	switch key {
	case "catboost_version_info":
		f.Metadata = fillMap(f.Metadata, map[string]string{key: value})
	case "train_finish_time":
		detail(f, "trained", value)
	case "params":
		if decodeJSON([]byte(value), &parsed) == nil {
			detail(f, "objective", textOf(mapOf(parsed, "loss_function"), "type"))
		}
	case "class_params":
		if decodeJSON([]byte(value), &parsed) == nil {
			list, _ := parsed["class_names"].([]any)
			for _, v := range list[:min(len(list), maxLabels)] {
				switch v := v.(type) {
				case string:
					f.Labels = append(f.Labels, clipText(v))
				case json.Number:
					f.Labels = append(f.Labels, clipText(v.String()))
				}
			}
		}
	}
}

// features are those of numbers and of categories, in the order in which a
// caller passes them (features.fbs, TFloatFeature and TCatFeature). Those of
// texts and embeddings are not among them.
func (c *catboostReader) features(trees fbTable) (names []string, n int64) {
	for _, kind := range []struct{ list, index, name int }{{5, 2, 4}, {4, 1, 2}} {
		list := c.vector(trees, kind.list, 4)
		for i := range list.n {
			if !c.ok() {
				return nil, 0
			}
			feature := c.tableAt(list, i)
			index := int64(int32(c.number(feature, kind.index, 4)))
			if index < 0 || index >= maxLabels {
				c.fail(feature.at, "a feature has the number %d", index)
				return nil, 0
			}
			for int64(len(names)) <= index {
				names = append(names, "")
			}
			names[index] = c.text(feature, kind.name)
		}
	}
	return names, int64(len(names))
}
