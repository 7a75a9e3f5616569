package license

import (
	"slices"
	"strings"
)

// Properties is what is known about the terms of a licence, as a set.
type Properties uint

// The properties, in the order in which they are listed. A licence has one of
// Permissive to StrongCopyleft and ShareAlike, or of Custom and Unknown, and
// any of the rest.
const (
	Permissive      Properties = 1 << iota // notices are kept, little else
	WeakCopyleft                           // changes to the work itself stay under it
	StrongCopyleft                         // derivatives stay under it
	NetworkCopyleft                        // also where they are only offered over a network
	ShareAlike                             // adaptations stay under it (contents and data)
	NonCommercial                          // no commercial use
	NoDerivatives                          // changed works are not shared
	UseRestricted                          // some uses are forbidden, and derivatives must pass that on
	Custom                                 // terms of one publisher: read them
	Unknown                                // nothing is known about the terms
)

var propertyNames = []string{"permissive", "weak-copyleft", "copyleft", "network-copyleft", "share-alike",
	"non-commercial", "no-derivatives", "use-restricted", "custom", "unknown"}

// PropertyNames returns the names of all properties, as manifests write them.
func PropertyNames() []string { return slices.Clone(propertyNames) }

// ParseProperty returns the property with a name.
func ParseProperty(name string) (Properties, bool) {
	i := slices.Index(propertyNames, name)
	if i < 0 {
		return 0, false
	}
	return 1 << i, true
}

// String lists the names: "non-commercial, share-alike".
func (p Properties) String() string {
	var out []string
	for i, name := range propertyNames {
		if p&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// PropertiesOf returns the properties of the licences in an expression, all
// together.
func PropertiesOf(e *Expression) Properties {
	var all Properties
	for _, l := range e.Licenses() {
		all |= propertiesOf(l)
	}
	return all
}

// propertiesOf is about one licence. Its id is looked up, then the family.
func propertiesOf(l *Expression) Properties {
	if p, ok := known[l.ID]; ok {
		return p
	}
	id := strings.TrimSuffix(strings.TrimSuffix(l.ID, "-or-later"), "-only")
	for _, f := range families {
		if strings.HasPrefix(id, f.prefix) {
			return f.properties
		}
	}
	if terms, ok := strings.CutPrefix(l.ID, "CC-BY-"); ok {
		return creativeCommons(terms)
	}
	return Unknown
}

// creativeCommons reads the terms out of an id: NC-SA-4.0.
func creativeCommons(terms string) Properties {
	p := Properties(0)
	for part := range strings.SplitSeq(terms, "-") {
		switch part {
		case "NC":
			p |= NonCommercial
		case "ND":
			p |= NoDerivatives
		case "SA":
			p |= ShareAlike
		}
	}
	if p == 0 {
		return Permissive
	}
	return p
}

// families are ids by their beginning; the first that fits counts.
var families = []struct {
	prefix     string
	properties Properties
}{
	{"AGPL-", StrongCopyleft | NetworkCopyleft},
	{"LGPL", WeakCopyleft},
	{"GPL-", StrongCopyleft},
	{"GFDL-", ShareAlike},
	{"MPL-", WeakCopyleft},
	{"EPL-", WeakCopyleft},
	{"CDDL-", WeakCopyleft},
	{"EUPL-", StrongCopyleft | NetworkCopyleft},
	{"OSL-", StrongCopyleft | NetworkCopyleft},
	{"SSPL-", StrongCopyleft | NetworkCopyleft},
	{"CECILL-2", StrongCopyleft},
	{"CECILL-B", Permissive},
	{"CECILL-C", WeakCopyleft},
	{"CDLA-Permissive-", Permissive},
	{"CDLA-Sharing-", ShareAlike},
	{"BSD-", Permissive},
	{"Apache-", Permissive},
	{"MIT", Permissive},
	{"AFL-", Permissive},
	{"Artistic-2", Permissive},
	{"BSL-", Permissive},
	{"ECL-", Permissive},
	{"ZPL-", Permissive},
	{"PolyForm-Noncommercial-", NonCommercial | Custom},
	{"BUSL-", UseRestricted | Custom},
	{"LicenseRef-Llama-", UseRestricted | Custom},
}

// known are ids that are no family.
var known = map[string]Properties{
	"0BSD": Permissive, "ISC": Permissive, "NCSA": Permissive, "PostgreSQL": Permissive, "Python-2.0": Permissive, "PSF-2.0": Permissive,
	"Unlicense": Permissive, "WTFPL": Permissive, "Zlib": Permissive, "CC0-1.0": Permissive, "CC-PDDC": Permissive, "PDDL-1.0": Permissive,
	"ODC-By-1.0": Permissive, "BlueOak-1.0.0": Permissive, "HPND": Permissive, "X11": Permissive, "UPL-1.0": Permissive, "curl": Permissive,
	"etalab-2.0": Permissive, "OpenMDW-1.0": Permissive, "MulanPSL-2.0": Permissive, "OFL-1.1": ShareAlike, "LPPL-1.3c": WeakCopyleft,
	"MS-PL": WeakCopyleft, "MS-RL": WeakCopyleft, "ODbL-1.0": ShareAlike, "LGPLLR": WeakCopyleft, "C-UDA-1.0": UseRestricted,
	"BSD-Protection": StrongCopyleft,
	// A BSD licence that forbids uses in nuclear facilities is not permissive.
	"BSD-3-Clause-No-Nuclear-License": UseRestricted, "BSD-3-Clause-No-Nuclear-License-2014": UseRestricted, "BSD-3-Clause-No-Military-License": UseRestricted,

	"LicenseRef-OpenRAIL":                  UseRestricted,
	"LicenseRef-OpenRAIL-PlusPlus-M":       UseRestricted,
	"LicenseRef-BigScience-OpenRAIL-M":     UseRestricted,
	"LicenseRef-CreativeML-OpenRAIL-M":     UseRestricted,
	"LicenseRef-BigScience-BLOOM-RAIL-1.0": UseRestricted,
	"LicenseRef-BigCode-OpenRAIL-M":        UseRestricted,
	"LicenseRef-DeepFloyd-IF":              UseRestricted | NonCommercial | Custom,
	"LicenseRef-Gemma":                     UseRestricted | Custom,
	"LicenseRef-Apple-ASCL":                Custom,
	"LicenseRef-Apple-AMLR":                NonCommercial | Custom,
	"LicenseRef-Intel-Research":            NonCommercial | Custom,
	"LicenseRef-H-Research":                NonCommercial | Custom,
	"LicenseRef-Grok-2":                    UseRestricted | Custom,
	"LicenseRef-OpenMDW-1.1":               Permissive,
	"LicenseRef-BSD":                       Permissive,

	"LicenseRef-FAIR-Noncommercial-Research": NonCommercial | Custom,

	"LicenseRef-GPL":     StrongCopyleft,
	"LicenseRef-LGPL":    WeakCopyleft,
	"LicenseRef-GFDL":    ShareAlike,
	"LicenseRef-CC":      Unknown, // it depends on which
	"LicenseRef-other":   Custom,
	"LicenseRef-unknown": Unknown,
}

// OfModel returns the licence under which a well-known family of models is
// published, by the name of a model on the Hugging Face Hub; nil if it is not
// one of them.
func OfModel(name string) *Expression {
	lower := strings.ToLower(name)
	for _, m := range models {
		if strings.HasPrefix(lower, m.prefix) {
			return &Expression{ID: hub[m.license]}
		}
	}
	return nil
}

// models are families whose licence names them; the Hub's licence ids, as
// their pages there declare them.
var models = []struct{ prefix, license string }{
	{"meta-llama/llama-2-", "llama2"},
	{"meta-llama/meta-llama-3-", "llama3"},
	{"meta-llama/meta-llama-3.1-", "llama3.1"},
	{"meta-llama/llama-3.1-", "llama3.1"},
	{"meta-llama/llama-3.2-", "llama3.2"},
	{"meta-llama/llama-3.3-", "llama3.3"},
	{"meta-llama/llama-4-", "llama4"},
	{"google/gemma-2b", "gemma"},
	{"google/gemma-7b", "gemma"},
	{"google/gemma-2-", "gemma"},
	{"google/gemma-3-", "gemma"},
	{"bigscience/bloom", "bigscience-bloom-rail-1.0"},
	{"bigcode/starcoder", "bigcode-openrail-m"},
	{"compvis/stable-diffusion-v1-", "creativeml-openrail-m"},
}
