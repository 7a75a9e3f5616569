package modelscan

import (
	"bufio"
	"regexp"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// tfPython are operators that call Python functions of the process (tensorflow/
// python/ops/script_ops.py).
var tfPython = map[string]bool{"PyFunc": true, "PyFuncStateless": true, "EagerPyFunc": true}

// tfFiles read or write any file whose name the graph gives.
var tfFiles = map[string]bool{"ReadFile": true, "WriteFile": true}

// tfOther touch files as well. Those of checkpoints (SaveV2, RestoreV2,
// MergeV2Checkpoints) and of vocabulary tables (InitializeTableFromTextFileV2)
// are in every SavedModel and are not among them.
var tfOther = map[string]bool{
	"MatchingFiles": true, "WholeFileReader": true, "WholeFileReaderV2": true, "TextLineReader": true, "TextLineReaderV2": true,
	"FixedLengthRecordReader": true, "FixedLengthRecordReaderV2": true, "TFRecordReader": true, "TFRecordReaderV2": true,
	"TextLineDataset": true, "TFRecordDataset": true, "TFRecordDatasetV2": true, "FixedLengthRecordDataset": true, "FixedLengthRecordDatasetV2": true,
	"MatchingFilesDataset": true, "CSVDataset": true, "CSVDatasetV2": true, "SqlDataset": true,
	"SaveDataset": true, "SaveDatasetV2": true, "LoadDataset": true, "DatasetToTFRecord": true, "ExperimentalDatasetToTFRecord": true,
	"CreateSummaryFileWriter": true, "CreateSummaryDbWriter": true, "ImportEvent": true, "DebugIdentity": true, "DebugIdentityV2": true, "DebugIdentityV3": true,
	"PrintV2": true, "LMDBReader": true, "LMDBDataset": true,
}

// savedModel walks saved_model.pb (tensorflow/core/protobuf/saved_model.proto,
// meta_graph.proto; framework/graph.proto, function.proto): the operators of all
// graphs and of all functions in their libraries.
func (s *scan) savedModel(in *input) error {
	if ok, err := s.random(in); !ok || err != nil {
		return err
	}
	where := "the graph"
	node := func(f *protoField) error { // NodeDef
		if f.number != 2 {
			return nil
		}
		at := f.at
		op, err := f.text()
		if err != nil {
			return err
		}
		s.tfOperator(in, at, op, where)
		return nil
	}
	graph := func(f *protoField) error { // GraphDef
		switch f.number {
		case 1:
			where = "the graph"
			return f.into(node)
		case 2: // FunctionDefLibrary
			return f.into(func(f *protoField) error {
				if f.number != 1 {
					return nil
				}
				return f.into(func(f *protoField) error { // FunctionDef
					if f.number != 3 {
						return nil
					}
					where = "a function of the graph"
					return f.into(node)
				})
			})
		}
		return nil
	}
	p := newProto(in)
	err := p.message(in.size, func(f *protoField) error {
		if f.number != 2 {
			return s.ctx.Err()
		}
		return f.into(func(f *protoField) error { // MetaGraphDef
			switch f.number {
			case 2:
				return f.into(graph)
			case 7: // object_graph_def
				return f.into(func(f *protoField) error { return s.savedObject(in, f) })
			}
			return nil
		})
	})
	if err != nil && !s.ours(err) {
		s.unread(in, modelarchive.RuleOpaque, p.at, "the SavedModel cannot be read past byte %d: %v", p.at, err)
		return nil
	}
	return err
}

// textOperator is an operator in the text form of a SavedModel.
var textOperator = regexp.MustCompile(`\bop\s*:\s*["']([^"'\n]{1,100})["']`)

// savedModelText scans saved_model.pbtxt, which TensorFlow loads where there is
// no saved_model.pb.
func (s *scan) savedModelText(in *input) error {
	r := bufio.NewReaderSize(in.reader(), 1<<16)
	at := int64(0)
	for {
		line, err := r.ReadSlice('\n')
		for _, m := range textOperator.FindAllSubmatchIndex(line, -1) {
			s.tfOperator(in, at+int64(m[0]), string(line[m[2]:m[3]]), "the graph")
		}
		at += int64(len(line))
		if err != nil && err != bufio.ErrBufferFull {
			return s.unfinished(in, endIsFine(err))
		}
	}
}

func (s *scan) tfOperator(in *input, at int64, op, where string) {
	switch {
	case tfPython[op]:
		s.fail(in, "TFS001", at, "the operator %s in %s calls Python", op, where)
	case tfFiles[op]:
		s.fail(in, "TFS002", at, "the operator %s in %s reads or writes any file", op, where)
	case tfOther[op]:
		s.warn(in, "TFS003", at, "the operator %s in %s touches files", op, where)
	}
}

// savedObject looks at the metadata of Keras in SavedObjectGraph.nodes (1),
// SavedObject.user_object (4), SavedUserObject.metadata (3).
func (s *scan) savedObject(in *input, f *protoField) error {
	if f.number != 1 {
		return nil
	}
	return f.into(func(f *protoField) error {
		if f.number != 4 {
			return nil
		}
		return f.into(func(f *protoField) error {
			if f.number != 3 {
				return nil
			}
			return s.kerasText(in, f)
		})
	})
}

// kerasMetadata walks keras_metadata.pb (keras/protobuf/saved_metadata.proto):
// SavedMetadata.nodes (1), SavedObject.metadata (4).
func (s *scan) kerasMetadata(in *input) error {
	p := newProto(in)
	err := p.message(in.size, func(f *protoField) error {
		if f.number != 1 {
			return nil
		}
		return f.into(func(f *protoField) error {
			if f.number != 4 {
				return nil
			}
			return s.kerasText(in, f)
		})
	})
	if err != nil && !s.ours(err) {
		s.unread(in, modelarchive.RuleOpaque, p.at, "the metadata of Keras cannot be read past byte %d: %v", p.at, err)
		return nil
	}
	return err
}

// kerasText scans the JSON of one object.
func (s *scan) kerasText(in *input, f *protoField) error {
	at, length := f.at, f.value
	text, err := f.text()
	if err != nil || !strings.HasPrefix(text, "{") {
		return err
	}
	if length > maxProtoText {
		s.unread(in, modelarchive.RuleLimit, at, "the configuration of a layer has %d bytes; only the first %d were read", length, maxProtoText)
	}
	c := &config{s: s, in: in, base: at, keras: true}
	return c.read(strings.NewReader(text))
}
