package check

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/evalcheck"
	"github.com/waybill-dev/waybill/internal/imagecheck"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/schemas"
)

// TestParser compiles the schema of every check: parsers do so only when an
// entry names one, and panic over one that is no schema.
func TestParser(t *testing.T) {
	p, err := Parser()
	if err != nil {
		t.Fatal(err)
	}
	try := func(kind, file string, checks []schemas.Check) {
		for _, c := range checks {
			yaml := fmt.Sprintf("apiVersion: waybill.dev/v1\nkind: %s\nname: some\nfiles: [a.csv]\nchecks: [{check: %s}]\n", kind, c.ID)
			p.Artifact(file, []byte(yaml)) // most lack parameters
		}
	}
	try("Dataset", "dataset.yaml", datacheck.Schemas())
	try("Dataset", "dataset.yaml", imagecheck.Schemas())
	try("Model", "model.yaml", modelcheck.Schemas())
	try("Model", "model.yaml", evalcheck.Schemas())
}
