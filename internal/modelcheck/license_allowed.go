package modelcheck

import (
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/license"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var licenseAllowed = Rule{
	ID:    "license.allowed",
	Doc:   "The licence of the manifest is one that is allowed, and none that is denied.",
	Group: report.GroupLicense,
	Params: map[string]any{
		"allow": licenseList("Licences and properties that are allowed. A licence is allowed by its name, or when all its properties are. The default is all."),
		"deny":  licenseList("Licences and properties that are denied, whatever allows them."),
	},
	run: runLicenseAllowed,
}

func licenseList(doc string) map[string]any {
	return map[string]any{
		"type": "array", "minItems": 1, "items": map[string]any{"type": "string", "minLength": 1},
		"description": doc + " The properties are " + strings.Join(license.PropertyNames(), ", ") + ".",
	}
}

// policy is a list of licences and properties.
type policy struct {
	properties license.Properties
	licenses   []*license.Expression
	given      bool
}

func parsePolicy(spec manifest.CheckSpec, key string) (policy, error) {
	var p policy
	for _, s := range texts(spec.Params[key]) {
		p.given = true
		if property, ok := license.ParseProperty(s); ok {
			p.properties |= property
			continue
		}
		e, err := license.Read(s)
		if err != nil {
			return p, fmt.Errorf("%s: %s: %w; a property is one of %s", spec.Pos, key, err, strings.Join(license.PropertyNames(), ", "))
		}
		p.licenses = append(p.licenses, e)
	}
	return p, nil
}

func (p policy) names(e *license.Expression) bool {
	for _, l := range p.licenses {
		if license.Same(l, e) {
			return true
		}
	}
	return false
}

func runLicenseAllowed(_ context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	allow, err := parsePolicy(spec, "allow")
	if err != nil {
		return nil, err
	}
	deny, err := parsePolicy(spec, "deny")
	if err != nil {
		return nil, err
	}
	if !allow.given && !deny.given {
		return nil, fmt.Errorf("%s: neither allow nor deny is given; name licences or properties", spec.Pos)
	}
	e, f := m.license()
	if f != nil {
		return []report.Finding{*f}, nil
	}
	if why := refused(e, allow, deny); why != "" {
		return []report.Finding{{
			Verdict:  report.Fail,
			Message:  fmt.Sprintf("the licence %s may not be used here: %s", e, why),
			Expected: expectedLicenses(spec), Observed: fmt.Sprintf("%s (%s)", e, license.PropertiesOf(e)),
			Hint: "use what is under another licence, or have the policy changed by who answers for it",
		}}, nil
	}
	return []report.Finding{{Verdict: report.Pass, Message: fmt.Sprintf("the licence %s is allowed", e), Expected: expectedLicenses(spec), Observed: e.String()}}, nil
}

// refused tells why a licence is not allowed, "" if it is. Of those joined by OR
// one suffices: whoever uses the work chooses.
func refused(e *license.Expression, allow, deny policy) string {
	switch {
	case deny.names(e):
		return fmt.Sprintf("%s is denied", e)
	case allow.names(e):
		return ""
	case e.Op != "":
		first := ""
		for _, o := range e.Of {
			why := refused(o, allow, deny)
			if e.Op == license.Or && why == "" || e.Op == license.And && why != "" {
				return why
			}
			if first == "" {
				first = why
			}
		}
		return first
	}
	has := license.PropertiesOf(e)
	if bad := has & deny.properties; bad != 0 {
		return fmt.Sprintf("%s is %s, which is denied", e, bad)
	}
	if rest := has &^ allow.properties; allow.given && rest != 0 {
		return fmt.Sprintf("%s is %s, which is not allowed", e, rest)
	}
	return ""
}

func expectedLicenses(spec manifest.CheckSpec) string {
	var parts []string
	if allow := texts(spec.Params["allow"]); len(allow) > 0 {
		parts = append(parts, strings.Join(allow, ", "))
	}
	if deny := texts(spec.Params["deny"]); len(deny) > 0 {
		parts = append(parts, "not "+strings.Join(deny, ", "))
	}
	return strings.Join(parts, "; ")
}
