package modelfile

import (
	"context"
	"encoding/xml"
	"io"
	"slices"
)

// PMML (Data Mining Group, PMML 4.4.1, "General Structure", "Data Dictionary",
// "Mining Schema" and "Output"). Read up to the model's own part: what it
// takes and gives stands before that.

var pmml = format{
	name:      "pmml",
	byContent: func(head []byte) bool { return xmlRoot(head) == "PMML" },
	byName:    func(string) bool { return false },
	rules: map[string]string{
		rulePMML: "A PMML document is XML up to its model, of at most 32 MiB and 100,000 fields.",
	},
	read: readPMML,
}

const (
	rulePMML = "PMM001"
	maxPMML  = 32 << 20 // up to the model's own part
)

// pmmlTypes are the types of values as the facts have them; dates keep PMML's
// name.
var pmmlTypes = map[string]string{"string": "string", "integer": "I64", "float": "F32", "double": "F64", "boolean": "BOOL"}

// pmmlField is a DataField.
type pmmlField struct {
	dtype  string
	values []string
}

// pmmlReader reads one document.
type pmmlReader struct {
	f       *Facts
	fields  map[string]*pmmlField
	field   *pmmlField
	model   string // its element, once it began
	targets []string
	n       int // fields and values
}

func readPMML(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	x := newXML(ctx, r, size, maxPMML)
	p := &pmmlReader{f: f, fields: map[string]*pmmlField{}}
	err := x.each(p.start, func(path []string) bool {
		return !(p.model != "" && len(path) == 2 && len(p.f.Outputs) > 0) && !(p.model != "" && len(path) == 1)
	})
	if err == nil && p.n > maxLabels {
		return broken(rulePMML, x.InputOffset(), "export the model again", "more than %d fields and values", maxLabels)
	}
	if err != nil {
		return x.broken(rulePMML, "PMML", err)
	}
	if x.doctype {
		detail(f, "documentType", true)
	}
	if len(p.targets) > 0 {
		detail(f, "targets", p.targets)
	}
	if len(p.targets) == 1 && p.fields[p.targets[0]] != nil {
		f.Labels = p.fields[p.targets[0]].values
	}
	return nil
}

// start reads an element; it ends the reading where the model's own part
// begins, behind MiningSchema and Output.
func (p *pmmlReader) start(path []string, e xml.StartElement) bool {
	name := e.Name.Local
	switch len(path) {
	case 0:
		detail(p.f, "version", attribute(e, "version"))
	case 1:
		switch name {
		case "Header", "MiningBuildTask", "DataDictionary", "TransformationDictionary", "Extension":
		case "":
			return false
		default:
			p.model = name
			p.f.Architecture = clipText(name)
			detail(p.f, "function", attribute(e, "functionName"))
			detail(p.f, "name", attribute(e, "modelName"))
		}
		if name == "Header" {
			detail(p.f, "description", attribute(e, "description"))
		}
	case 2:
		switch {
		case path[1] == "Header" && name == "Application":
			if tool := attribute(e, "name"); tool != "" {
				p.f.Frameworks = map[string]string{tool: attribute(e, "version")}
			}
		case path[1] == "DataDictionary" && name == "DataField":
			p.n++
			p.field = &pmmlField{dtype: pmmlDtype(attribute(e, "dataType"))}
			p.fields[attribute(e, "name")] = p.field
		case p.model != "":
			return name == "Extension" || name == "MiningSchema" || name == "Output"
		}
	case 3:
		switch {
		case path[2] == "DataField" && name == "Value" && attribute(e, "property") != "missing" && attribute(e, "property") != "invalid":
			p.n++
			p.field.values = append(p.field.values, attribute(e, "value"))
		case path[2] == "MiningSchema" && name == "MiningField":
			p.n++
			p.mining(attribute(e, "name"), attribute(e, "usageType"))
		case path[2] == "Output" && name == "OutputField":
			p.n++
			p.f.Outputs = append(p.f.Outputs, Value{Name: attribute(e, "name"), Kind: "tensor", Dtype: pmmlDtype(attribute(e, "dataType")), Shape: []int64{-1}})
		}
	}
	return p.n <= maxLabels
}

func (p *pmmlReader) mining(name, usage string) {
	v := Value{Name: name, Kind: "tensor", Shape: []int64{-1}}
	if field := p.fields[name]; field != nil {
		v.Dtype = field.dtype
	}
	switch usage {
	case "", "active":
		p.f.Inputs = append(p.f.Inputs, v)
	case "target", "predicted":
		if !slices.Contains(p.targets, name) && len(p.targets) < 1000 {
			p.targets = append(p.targets, name)
		}
	}
}

func pmmlDtype(name string) string {
	if dtype, ok := pmmlTypes[name]; ok {
		return dtype
	}
	return name
}
