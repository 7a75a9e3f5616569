package modelfile

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
)

// Core ML's models (apple/coremltools, mlmodel/format/Model.proto,
// FeatureTypes.proto and NeuralNetwork.proto): the .mlmodel, or the one in the
// folder of an .mlpackage, walked where it stands. Weights are not read.

var coreML = format{
	name:      "coreml",
	byContent: looksLikeCoreML,
	byName:    func(string) bool { return false },
	rules: map[string]string{
		ruleCoreML: "A Core ML model is a protobuf message whose lengths fit into each other and into the file.",
	},
	read: readCoreML,
}

const (
	ruleCoreML         = "COR001"
	maxCoreMLSpec      = 100 // the version of the specification is 10 in 2026
	maxCoreMLPipelines = 8   // pipelines in pipelines
	maxCoreMLModels    = 1000
)

// looksLikeCoreML: a version, then a ModelDescription that begins with a
// FeatureDescription that begins with a name.
func looksLikeCoreML(head []byte) bool {
	if len(head) < 10 || head[0] != 0x08 || head[1] == 0 || head[1] > maxCoreMLSpec || head[2] != 0x12 {
		return false
	}
	at, outer := 3, uint64(1<<32)
	for range 3 {
		length, n := binary.Uvarint(head[at:])
		if at += n; n <= 0 || length == 0 || length >= outer || at >= len(head) {
			return false
		}
		if outer = length; head[at] != 0x0a {
			break
		}
		at++
	}
	name := head[at:min(len(head), at+int(min(outer, 16)))]
	return outer < 1<<12 && isText(name) && name[0] > ' '
}

// coreMLTypes are the kinds of model by their field.
var coreMLTypes = map[int]string{200: "pipelineClassifier", 201: "pipelineRegressor", 202: "pipeline", 300: "glmRegressor", 301: "supportVectorRegressor",
	302: "treeEnsembleRegressor", 303: "neuralNetworkRegressor", 304: "bayesianProbitRegressor", 400: "glmClassifier", 401: "supportVectorClassifier",
	402: "treeEnsembleClassifier", 403: "neuralNetworkClassifier", 404: "kNearestNeighborsClassifier", 500: "neuralNetwork", 501: "itemSimilarityRecommender",
	502: "mlProgram", 555: "customModel", 556: "linkedModel", 560: "classConfidenceThresholding", 600: "oneHotEncoder", 601: "imputer", 602: "featureVectorizer",
	603: "dictVectorizer", 604: "scaler", 606: "categoricalMapping", 607: "normalizer", 609: "arrayFeatureExtractor", 610: "nonMaximumSuppression", 900: "identity",
	2000: "textClassifier", 2001: "wordTagger", 2002: "visionFeaturePrint", 2003: "soundAnalysisPreprocessing", 2004: "gazetteer", 2005: "wordEmbedding",
	2006: "audioFeaturePrint", 3000: "serializedModel"}

// coreReader reads one file.
type coreReader struct {
	*protoReader
	f      *Facts
	models int
	custom []string // classes of custom layers and models; that another is linked
}

func readCoreML(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	p := &protoReader{ctx: ctx, r: r, size: size, limit: 16 << 20}
	p.broken = func(at int64, reason string, args ...any) error {
		return broken(ruleCoreML, at, "it may be cut short: copy it again, or export the model again", reason, args...)
	}
	c := &coreReader{protoReader: p, f: f}
	err := c.message(0, size, func(f protoField) error { return c.model(f, maxCoreMLPipelines) })
	if err != nil {
		return err
	}
	if len(c.custom) > 0 {
		detail(f, "custom", slices.Compact(slices.Sorted(slices.Values(c.custom))))
	}
	return nil
}

// model reads a field of Model; depth counts pipelines.
func (c *coreReader) model(f protoField, depth int) error {
	outermost := depth == maxCoreMLPipelines
	switch {
	case f.id == 1 && outermost:
		detail(c.f, "specification", int64(int32(f.number)))
	case f.id == 2 && outermost:
		return c.asMessage(f, c.description)
	case coreMLTypes[f.id] != "":
		if outermost {
			c.f.Architecture = coreMLTypes[f.id]
		}
		switch f.id {
		case 200, 201:
			// A PipelineClassifier and -Regressor have the Pipeline first.
			return c.asMessage(f, func(f protoField) error {
				if f.id != 1 {
					return nil
				}
				return c.pipeline(f, depth)
			})
		case 202:
			return c.pipeline(f, depth)
		case 303, 403, 500:
			return c.asMessage(f, func(f protoField) error { return c.layer(f, outermost) })
		case 555: // CustomModel.className
			return c.note(f, 10, "customModel")
		case 556: // its file is another
			c.custom = append(c.custom, "linkedModel")
		}
	}
	return nil
}

// pipeline reads the models of a Pipeline.
func (c *coreReader) pipeline(f protoField, depth int) error {
	if depth == 0 {
		return c.broken(f.at, "pipelines in pipelines, more than %d deep", maxCoreMLPipelines)
	}
	return c.asMessage(f, func(f protoField) error {
		if f.id != 1 {
			return nil
		}
		if c.models++; c.models > maxCoreMLModels {
			return c.broken(f.at, "more than %d models in pipelines", maxCoreMLModels)
		}
		return c.asMessage(f, func(f protoField) error { return c.model(f, depth-1) })
	})
}

// note keeps the text in a field of the message f.
func (c *coreReader) note(f protoField, id int, kind string) error {
	return c.asMessage(f, func(f protoField) error {
		if f.id != id || f.wire != wireBytes {
			return nil
		}
		name, err := c.text(f)
		if len(c.custom) < 1000 {
			c.custom = append(c.custom, kind+" "+name)
		}
		return err
	})
}

// layer reads a field of NeuralNetwork, which those of classifiers and
// regressors share: layers (1), in each its kind by field.
func (c *coreReader) layer(f protoField, outermost bool) error {
	switch {
	case f.id == 100 && outermost: // stringClassLabels, of NeuralNetworkClassifier
		return c.asMessage(f, func(f protoField) error {
			if f.id != 1 || f.wire != wireBytes || len(c.f.Labels) >= maxLabels {
				return nil
			}
			label, err := c.text(f)
			c.f.Labels = append(c.f.Labels, label)
			return err
		})
	case f.id != 1:
		return nil
	}
	n, _ := c.f.Details["layers"].(int64)
	detail(c.f, "layers", n+1)
	return c.asMessage(f, func(f protoField) error {
		if f.id != 500 { // CustomLayerParams
			return nil
		}
		return c.note(f, 10, "customLayer")
	})
}

// description reads a field of ModelDescription.
func (c *coreReader) description(f protoField) error {
	switch f.id {
	case 1:
		return c.feature(f, &c.f.Inputs)
	case 10:
		return c.feature(f, &c.f.Outputs)
	case 11:
		name, err := c.text(f)
		detail(c.f, "predicted", name)
		return err
	case 100:
		return c.asMessage(f, c.metadata)
	}
	return nil
}

// metadata reads a field of Metadata.
func (c *coreReader) metadata(f protoField) error {
	key, value := "", ""
	var err error
	switch f.id {
	case 1, 2, 3, 4:
		key = [...]string{1: "shortDescription", 2: "version", 3: "author", 4: "license"}[f.id]
		value, err = c.text(f)
		if f.id == 4 {
			c.f.License = value
		}
	case 100:
		err = c.asMessage(f, func(f protoField) (err error) {
			switch f.id {
			case 1:
				key, err = c.text(f)
			case 2:
				value, err = c.text(f)
			}
			return err
		})
	}
	if key == "" || err != nil {
		return err
	}
	const tool = "com.github.apple.coremltools.version"
	if key == tool {
		c.f.Frameworks = map[string]string{"coremltools": value}
	}
	if c.f.Metadata == nil {
		c.f.Metadata = map[string]string{}
	}
	if len(c.f.Metadata) < maxONNXKinds {
		c.f.Metadata[key] = value
	}
	return nil
}

// feature reads a FeatureDescription.
func (c *coreReader) feature(f protoField, into *[]Value) error {
	v := Value{}
	err := c.asMessage(f, func(f protoField) (err error) {
		switch f.id {
		case 1:
			v.Name, err = c.text(f)
		case 3:
			err = c.asMessage(f, func(f protoField) error { return c.featureType(f, &v) })
		}
		return err
	})
	if len(*into) < maxLabels {
		*into = append(*into, v)
	}
	return err
}

// featureType reads a field of FeatureType.
func (c *coreReader) featureType(f protoField, v *Value) error {
	switch f.id {
	case 1, 2, 3:
		v.Kind, v.Dtype, v.Shape = "tensor", [...]string{1: "I64", 2: "F64", 3: "string"}[f.id], []int64{}
	case 4:
		v.Kind, v.Dtype, v.Shape = "image", "U8", []int64{-1, -1}
		return c.asMessage(f, func(f protoField) error {
			if f.id == 1 || f.id == 2 { // width, height
				v.Shape[2-f.id] = int64(min(f.number, 1<<31))
			}
			return nil
		})
	case 5:
		v.Kind, v.Shape = "tensor", []int64{}
		return c.asMessage(f, func(f protoField) error {
			switch f.id {
			case 1:
				return c.numbers(f, func(d uint64) error {
					if len(v.Shape) >= maxRank {
						return c.broken(f.at, "an array of more than %d dimensions", maxRank)
					}
					v.Shape = append(v.Shape, max(int64(d), -1))
					return nil
				})
			case 2: // ArrayDataType: 0x10000 for floats, 0x20000 for whole numbers, and the bits
				v.Dtype = map[uint64]string{65552: "F16", 65568: "F32", 65600: "F64", 131104: "I32", 131080: "I8"}[f.number]
			}
			return nil
		})
	case 6, 7, 8:
		v.Kind = [...]string{6: "map", 7: "sequence", 8: "state"}[f.id]
	}
	return nil
}
