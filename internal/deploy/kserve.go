package deploy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// Problem is something in a deployment file that its reader would refuse, or
// would take for something else than it says.
type Problem struct {
	Line    int
	Message string
}

// Check looks offline at what KServe looks at when an InferenceService is
// applied, as far as it is about canaries and where models come from. There are
// two forms of canary: predictor.canaryTrafficPercent, which only the
// Serverless (Knative) mode knows, and from v0.20 on the list spec.canary of
// the Standard (RawDeployment) mode (pkg/apis/serving/v1beta1,
// inference_service.go). Other kinds of documents are not looked at. A file
// that cannot be read is one problem.
func Check(name string, data []byte) []Problem {
	f, err := read(name, data)
	var e *Error
	if errors.As(err, &e) {
		return []Problem{{Line: max(1, e.Line), Message: e.Message}}
	}
	var k kserve
	for _, root := range f.docs {
		if scalarAt(root, "kind") == "InferenceService" && strings.HasPrefix(scalarAt(root, "apiVersion"), "serving.kserve.io/") {
			k.service(root)
		}
	}
	sorting.Stable(k.problems, func(a, b Problem) int { return a.Line - b.Line })
	return k.problems
}

type kserve struct{ problems []Problem }

func (k *kserve) report(n *yaml.Node, format string, args ...any) {
	k.problems = append(k.problems, Problem{Line: max(1, n.Line), Message: fmt.Sprintf(format, args...)})
}

func (k *kserve) service(root *yaml.Node) {
	spec := child(root, "spec")
	stable := child(spec, "predictor")
	percent, canary := child(stable, "canaryTrafficPercent"), child(spec, "canary")
	mode := scalarAt(child(child(root, "metadata"), "annotations"), "serving.kserve.io/deploymentMode")
	standard := mode == "Standard" || mode == "RawDeployment"
	serverless := mode == "Serverless" || mode == "Knative"
	if stable == nil {
		if !lacks(spec, "predictor") {
			return
		}
		k.report(root, "spec.predictor is missing")
		return
	}
	k.storage(stable, "spec.predictor")
	if percent != nil {
		k.percent(percent, "spec.predictor.canaryTrafficPercent")
		if standard {
			k.report(percent, "canaryTrafficPercent has no effect in the mode %s; use spec.canary (KServe v0.20 or newer)", mode)
		}
	}
	if canary == nil {
		return
	}
	if percent != nil {
		k.report(percent, "canaryTrafficPercent and spec.canary are the canaries of two different modes; keep one of them")
	}
	if serverless {
		k.report(canary, "spec.canary has no effect in the mode %s; use spec.predictor.canaryTrafficPercent", mode)
	}
	if lacks(stable, "model") {
		k.report(stable, "spec.predictor has no model, which spec.canary needs")
	}
	k.canaries(canary, scalarAt(stable, "name"))
}

// lacks tells whether a mapping has no such key, and no merge key that may
// bring it.
func lacks(n *yaml.Node, key string) bool {
	return child(n, key) == nil && child(n, "<<") == nil
}

// notInCanary are keys of a predictor that KServe refuses in a canary: the
// stable predictor decides them.
var notInCanary = []string{"workerSpec", "maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"}

func (k *kserve) canaries(list *yaml.Node, stable string) {
	if list.Kind != yaml.SequenceNode {
		k.report(list, "spec.canary is no list")
		return
	}
	sum := 0
	names := map[string]int{}
	for i, c := range list.Content {
		where := fmt.Sprintf("spec.canary[%d]", i)
		if p := child(c, "trafficPercent"); p != nil {
			sum += k.percent(p, where+".trafficPercent")
		}
		predictor := child(c, "predictor")
		if predictor == nil && !lacks(c, "predictor") {
			continue
		}
		if predictor == nil {
			k.report(c, "%s.predictor is missing", where)
			continue
		}
		k.storage(predictor, where+".predictor")
		name := scalarAt(predictor, "name")
		switch first, seen := names[name]; {
		case name == "" && !lacks(predictor, "name"): // a merge key may bring it
		case name == "":
			k.report(predictor, "%s.predictor.name is missing", where)
		case name == stable:
			k.report(child(predictor, "name"), "%s.predictor.name is %q, as that of the stable predictor", where, clip(name))
		case seen:
			k.report(child(predictor, "name"), "%s.predictor.name is %q, as in line %d", where, clip(name), first)
		default:
			names[name] = child(predictor, "name").Line
		}
		for _, key := range notInCanary {
			if n := child(predictor, key); n != nil {
				k.report(n, "%s.predictor.%s is not allowed in a canary; set it in spec.predictor", where, key)
			}
		}
	}
	if sum > 100 {
		k.report(list, "the canaries' trafficPercent add up to %d; at most 100", sum)
	}
}

// percent returns a number from 0 to 100, or reports it and returns 0.
func (k *kserve) percent(n *yaml.Node, where string) int {
	p, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag == tagString || err != nil || p < 0 || p > 100 {
		k.report(n, "%s must be a whole number from 0 to 100", where)
		return 0
	}
	return p
}

// storage looks at the scheme of storageUri (ParseOciScheme in
// pkg/utils/storage.go).
func (k *kserve) storage(predictor *yaml.Node, where string) {
	n := child(child(predictor, "model"), "storageUri")
	if n == nil || n.Kind != yaml.ScalarNode {
		return
	}
	before, _, ok := strings.Cut(n.Value, "://")
	switch {
	case !ok && strings.Contains(n.Value, "@sha256:"):
		k.report(n, "%s.model.storageUri has no scheme; write oci:// in front", where)
	case !ok || !strings.HasPrefix(before, "oci"):
	case before != "oci" && before != "oci+modelcar" && before != "oci+native" && before != "oci+fetch":
		k.report(n, "%s.model.storageUri begins with %q; KServe knows oci, oci+modelcar, oci+native and oci+fetch", where, clip(before+"://"))
	}
}
