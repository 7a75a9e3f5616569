package modelcheck

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// dtypeName is a data type as the readers of formats name it: those of
// safetensors and ONNX, and the blocks of GGUF.
const dtypeName = `^(BOOL|[IU](2|4|8|16|32|64)|F(4|16|32|64)|F6_[A-Z0-9]+|F8_[A-Z0-9]+|BF16|C(64|128)|string|I?Q[1-8]_[A-Z0-9_]+|TQ[12]_[0-9]|MXFP4|NVFP4)$`

var dtypePattern = regexp.MustCompile(dtypeName)

var filesDtypes = Rule{
	ID:    "files.dtypes",
	Doc:   "The tensors have allowed data types, and of each at most so many parameters.",
	Group: report.GroupFiles,
	Params: map[string]any{
		"allow": dtypeList("The data types allowed; all others are not."),
		"deny":  dtypeList("Data types that are not allowed."),
		"max": map[string]any{
			"type": "object", "minProperties": 1, "propertyNames": map[string]any{"pattern": dtypeName},
			"additionalProperties": map[string]any{"type": "integer", "minimum": 0}, "description": "The most parameters of a data type, by its name.",
		},
	},
	run: runFilesDtypes,
}

func dtypeList(doc string) map[string]any {
	return map[string]any{"type": "array", "minItems": 1, "uniqueItems": true, "items": map[string]any{"type": "string", "pattern": dtypeName},
		"description": doc + " Names are those of \"waybill inspect\": F16, BF16, F32, I8, Q4_K."}
}

func runFilesDtypes(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	allow, deny := texts(spec.Params["allow"]), texts(spec.Params["deny"])
	most, err := mostByDtype(spec)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(allow, deny) {
		if !dtypePattern.MatchString(name) {
			return nil, fmt.Errorf("%s: %q is no data type; \"waybill inspect\" prints their names", spec.Pos, name)
		}
	}
	if len(allow)+len(deny)+len(most) == 0 {
		return nil, fmt.Errorf("%s: files.dtypes without allow, deny or max; add one of them", spec.Pos)
	}
	var findings []report.Finding
	total := map[string]int64{}
	for _, f := range m.files {
		got, err := m.inspect(ctx, f)
		if err != nil {
			return nil, err
		}
		if got.bad != nil {
			continue // parameters says so
		}
		for _, dtype := range slices.Sorted(maps.Keys(got.facts.Dtypes)) {
			n := got.facts.Dtypes[dtype]
			if total[dtype] += n; total[dtype] < 0 {
				total[dtype] = 1<<63 - 1
			}
			if !slices.Contains(deny, dtype) && (len(allow) == 0 || slices.Contains(allow, dtype)) {
				continue
			}
			first := ""
			if i := slices.IndexFunc(got.facts.Tensors, tensorOf(dtype)); i >= 0 {
				first = ", the first of them in " + quoted(got.facts.Tensors[i].Name)
			}
			finding := report.Finding{
				Verdict: report.Fail, Subject: f.Path + " " + dtype, Location: m.locationOf(spec, f.Path),
				Message:  fmt.Sprintf("%s has %s of %s, which is not allowed%s", f.Path, parameterCount(n), dtype, first),
				Expected: "only " + strings.Join(allow, ", "), Observed: dtype,
				Hint:    "convert these tensors, or change allow: or deny:",
				Details: map[string]any{"path": f.Path, "dtype": dtype, "parameters": n},
			}
			if len(allow) == 0 {
				finding.Expected = "none of " + strings.Join(deny, ", ")
			}
			findings = append(findings, finding)
		}
	}
	for _, dtype := range slices.Sorted(maps.Keys(most)) {
		if total[dtype] > most[dtype] {
			findings = append(findings, report.Finding{
				Verdict: report.Fail, Subject: dtype,
				Message:  fmt.Sprintf("the model has %s of %s, at most %s are allowed", parameterCount(total[dtype]), dtype, report.Thousands(most[dtype])),
				Expected: "≤ " + report.Thousands(most[dtype]), Observed: report.Thousands(total[dtype]), Hint: "convert tensors to another type, or raise max",
				Details: map[string]any{"dtype": dtype, "parameters": total[dtype], "max": most[dtype]},
			})
		}
	}
	if findings != nil {
		return findings, nil
	}
	_, _, unknown, err := m.parameters(ctx)
	if err != nil {
		return nil, err
	}
	if unknown.why != "" {
		return []report.Finding{{Verdict: report.Inconclusive, Message: "the data types are not known: " + unknown.String(), Hint: unknown.hint}}, nil
	}
	return []report.Finding{{Verdict: report.Pass, Message: "the tensors have allowed data types: " + strings.Join(slices.Sorted(maps.Keys(total)), ", ")}}, nil
}

func mostByDtype(spec manifest.CheckSpec) (map[string]int64, error) {
	given, _ := spec.Params["max"].(map[string]any)
	out := map[string]int64{}
	for name, v := range given {
		n, ok := wholeNumber(v)
		if !ok || !dtypePattern.MatchString(name) {
			return nil, fmt.Errorf("%s: max: %s: %v: expected a data type and a whole number", spec.Pos, name, v)
		}
		out[name] = n
	}
	return out, nil
}

func parameterCount(n int64) string {
	if n == 1 {
		return "1 parameter"
	}
	return report.Thousands(n) + " parameters"
}
