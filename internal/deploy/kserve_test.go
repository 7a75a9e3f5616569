package deploy

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	const head = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: x, annotations: {serving.kserve.io/deploymentMode: %s}}\nspec:\n"
	standard, serverless := fmt.Sprintf(head, "Standard"), fmt.Sprintf(head, "Serverless")
	const predictor = "  predictor: {name: v1, model: {storageUri: oci://x@sha256:aa}}\n"
	for name, c := range map[string]struct{ doc, want string }{
		"serverless":           {serverless + "  predictor:\n    canaryTrafficPercent: 0\n    model: {storageUri: s3://x}\n", ""},
		"no canary":            {standard + predictor, ""},
		"standard":             {standard + predictor + "  canary:\n  - {trafficPercent: 60, predictor: {name: v2, model: {storageUri: oci+native://x}}}\n  - {trafficPercent: 40, predictor: {name: v3}}\n", ""},
		"JSON":                 {`{"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "spec": {"predictor": {"canaryTrafficPercent": 100, "model": {}}}}`, ""},
		"other kinds":          {"kind: InferenceService\napiVersion: other/v1\n---\nkind: Pod\n---\n- x\n", ""},
		"no predictor":         {standard + "  x: y\n", "1: spec.predictor is missing"},
		"percent":              {serverless + "  predictor:\n    canaryTrafficPercent: 101\n", "6: spec.predictor.canaryTrafficPercent must be a whole number from 0 to 100"},
		"percent as text":      {serverless + "  predictor:\n    canaryTrafficPercent: \"10\"\n", "6: spec.predictor.canaryTrafficPercent must be a whole number from 0 to 100"},
		"percent, in standard": {standard + "  predictor:\n    canaryTrafficPercent: 10\n", "6: canaryTrafficPercent has no effect in the mode Standard; use spec.canary (KServe v0.20 or newer)"},
		"canary in serverless": {serverless + predictor + "  canary: []\n", "6: spec.canary has no effect in the mode Serverless; use spec.predictor.canaryTrafficPercent"},
		"both":                 {strings.Replace(standard, "Standard", "x", 1) + "  predictor: {canaryTrafficPercent: 1, model: {}}\n  canary: []\n", "5: canaryTrafficPercent and spec.canary are the canaries of two different modes; keep one of them"},
		"no model":             {standard + "  predictor: {name: v1}\n  canary: []\n", "5: spec.predictor has no model, which spec.canary needs"},
		"no list":              {standard + predictor + "  canary: {trafficPercent: 1}\n", "6: spec.canary is no list"},
		"sum":                  {standard + predictor + "  canary:\n  - {trafficPercent: 60, predictor: {name: v2}}\n  - {trafficPercent: 41, predictor: {name: v3}}\n", "7: the canaries' trafficPercent add up to 101; at most 100"},
		"names": {standard + predictor + "  canary:\n  - predictor: {name: v1}\n  - predictor: {name: v2}\n  - predictor: {name: v2}\n  - predictor: {}\n  - {}\n",
			"7: spec.canary[0].predictor.name is \"v1\", as that of the stable predictor\n9: spec.canary[2].predictor.name is \"v2\", as in line 8\n10: spec.canary[3].predictor.name is missing\n11: spec.canary[4].predictor is missing"},
		"what canaries may not have": {standard + predictor + "  canary:\n  - predictor:\n      name: v2\n      workerSpec: {}\n      maxReplicas: 1\n      scaleTarget: 1\n      scaleMetric: cpu\n      autoScaling: {}\n",
			"9: spec.canary[0].predictor.workerSpec is not allowed in a canary; set it in spec.predictor\n10: spec.canary[0].predictor.maxReplicas is not allowed in a canary; set it in spec.predictor\n11: spec.canary[0].predictor.scaleTarget is not allowed in a canary; set it in spec.predictor\n12: spec.canary[0].predictor.scaleMetric is not allowed in a canary; set it in spec.predictor\n13: spec.canary[0].predictor.autoScaling is not allowed in a canary; set it in spec.predictor"},
		"schemes":    {standard + "  predictor: {model: {storageUri: oci+fat://x}}\n", "5: spec.predictor.model.storageUri begins with \"oci+fat://\"; KServe knows oci, oci+modelcar, oci+native and oci+fetch"},
		"no scheme":  {standard + "  predictor: {model: {storageUri: 'x@sha256:aa'}}\n", "5: spec.predictor.model.storageUri has no scheme; write oci:// in front"},
		"aliases":    {standard + "  predictor: &p {name: v1, model: {storageUri: s3://x}}\n  canary:\n  - predictor: *p\n  - {predictor: {<<: *p}}\n  - {<<: {predictor: {}}}\n", "5: spec.canary[0].predictor.name is \"v1\", as that of the stable predictor"},
		"unreadable": {"a: b\nc: \"d", "2: not valid YAML: found unexpected end of stream"},
	} {
		t.Run(name, func(t *testing.T) {
			file := "x.yaml"
			if name == "JSON" {
				file = "x.json"
			}
			var got []string
			for _, p := range Check(file, []byte(c.doc)) {
				got = append(got, fmt.Sprintf("%d: %s", p.Line, p.Message))
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}
