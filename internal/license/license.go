// Package license reads licence expressions and says what is known about the
// licences in them:
//
//	e, err := license.Read("apache-2.0")         // or "MIT OR Apache-2.0"
//	fmt.Println(e, license.PropertiesOf(e))      // Apache-2.0 permissive
//	c := license.Compatible(derivative, base)    // Yes, No or Unclear, with a reason
//
// [Parse] takes SPDX licence expressions and nothing else; [Read] also takes
// the identifiers of the Hugging Face Hub, which are SPDX's in lower case and
// some of its own ("openrail", "llama3.1", "gemma"). Those that SPDX does not
// list become a LicenseRef.
//
// Nothing here is legal advice. What the package says follows from tables that
// hold the terms people agree on; where they do not, it says that it is
// unclear, and a person must look.
package license

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// spdxList is written by testdata/spdx.py from the SPDX licence list
// (https://github.com/spdx/license-list-data, CC0-1.0).
//
//go:embed spdx.txt
var spdxList string

// list is the SPDX licence list. Keys are in lower case, since SPDX's ids are
// the same in every case; values are as SPDX writes them.
type list struct {
	version    string
	licenses   map[string]string
	exceptions map[string]string
	deprecated map[string]bool // ids of both kinds as SPDX writes them
}

var spdx = sync.OnceValue(func() list {
	l := list{licenses: map[string]string{}, exceptions: map[string]string{}, deprecated: map[string]bool{}}
	for line := range strings.Lines(spdxList) {
		word := strings.Fields(line)
		switch word[0] {
		case "version":
			l.version = word[1]
			continue
		case "license":
			l.licenses[strings.ToLower(word[1])] = word[1]
		case "exception":
			l.exceptions[strings.ToLower(word[1])] = word[1]
		}
		if len(word) > 2 {
			l.deprecated[word[1]] = true
		}
	}
	return l
})

// ListVersion is the version of the SPDX licence list that is known.
func ListVersion() string { return spdx().version }

// Deprecated tells whether SPDX advises against an id that it still knows.
func Deprecated(id string) bool { return spdx().deprecated[id] }

// Read reads a licence as people write it: an SPDX expression, or an id of the
// Hugging Face Hub.
func Read(s string) (*Expression, error) {
	if id, ok := hub[strings.ToLower(strings.TrimSpace(s))]; ok {
		return &Expression{ID: id}, nil
	}
	return Parse(s)
}

// hub maps the licence ids of the Hugging Face Hub that are not SPDX's, in
// lower case, to SPDX's or to a LicenseRef of ours. The list is that of the
// Hub's documentation (docs/hub/repositories-licenses.md in
// huggingface/hub-docs).
var hub = map[string]string{
	"openrail":                  "LicenseRef-OpenRAIL",
	"openrail++":                "LicenseRef-OpenRAIL-PlusPlus-M",
	"bigscience-openrail-m":     "LicenseRef-BigScience-OpenRAIL-M",
	"creativeml-openrail-m":     "LicenseRef-CreativeML-OpenRAIL-M",
	"bigscience-bloom-rail-1.0": "LicenseRef-BigScience-BLOOM-RAIL-1.0",
	"bigcode-openrail-m":        "LicenseRef-BigCode-OpenRAIL-M",
	"deepfloyd-if-license":      "LicenseRef-DeepFloyd-IF",
	"llama2":                    "LicenseRef-Llama-2",
	"llama3":                    "LicenseRef-Llama-3",
	"llama3.1":                  "LicenseRef-Llama-3.1",
	"llama3.2":                  "LicenseRef-Llama-3.2",
	"llama3.3":                  "LicenseRef-Llama-3.3",
	"llama4":                    "LicenseRef-Llama-4",
	"gemma":                     "LicenseRef-Gemma",
	"apple-ascl":                "LicenseRef-Apple-ASCL",
	"apple-amlr":                "LicenseRef-Apple-AMLR",
	"intel-research":            "LicenseRef-Intel-Research",
	"h-research":                "LicenseRef-H-Research",
	"grok2-community":           "LicenseRef-Grok-2",
	"openmdw-1.1":               "LicenseRef-OpenMDW-1.1",

	"fair-noncommercial-research-license": "LicenseRef-FAIR-Noncommercial-Research",

	"bsd":      "LicenseRef-BSD",
	"cc":       "LicenseRef-CC",
	"gpl":      "LicenseRef-GPL",
	"lgpl":     "LicenseRef-LGPL",
	"gfdl":     "LicenseRef-GFDL",
	"c-uda":    "C-UDA-1.0",
	"odc-by":   "ODC-By-1.0",
	"odbl":     "ODbL-1.0",
	"pddl":     "PDDL-1.0",
	"lgpl-lr":  "LGPLLR",
	"open-mdw": "OpenMDW-1.0",
	"unknown":  "LicenseRef-unknown",
	"other":    "LicenseRef-other",
}

// Same tells whether two licences are the same as far as what is written
// tells. GPL-3.0 is the same as both GPL-3.0-only and GPL-3.0-or-later: the id
// is deprecated because it does not say which.
func Same(a, b *Expression) bool {
	if a.Op != b.Op || a.With != b.With || len(a.Of) != len(b.Of) {
		return false
	}
	if a.Op == "" {
		return sameID(a, b)
	}
	// The order of operands means nothing. Expressions are short.
	used := make([]bool, len(b.Of))
next:
	for _, x := range a.Of {
		for i, y := range b.Of {
			if !used[i] && Same(x, y) {
				used[i] = true
				continue next
			}
		}
		return false
	}
	return true
}

// Agree tells whether two statements about the licence of one work go together:
// they name the same licence, or one names it and the other, as the Hugging
// Face Hub has it, only its family ("bsd", "gpl") or "other".
func Agree(a, b *Expression) bool {
	return Same(a, b) || a.Op == "" && b.Op == "" && (isOf(a, b) || isOf(b, a))
}

func isOf(one, all *Expression) bool {
	if all.ID == "LicenseRef-other" {
		return strings.HasPrefix(one.ID, "LicenseRef-") || strings.HasPrefix(one.ID, "DocumentRef-")
	}
	name, ok := strings.CutPrefix(all.ID, "LicenseRef-")
	if !ok {
		return false
	}
	switch name {
	case "BSD", "GPL", "LGPL", "GFDL", "CC":
		return strings.HasPrefix(one.ID, name+"-")
	case "OpenRAIL":
		return strings.Contains(one.ID, "RAIL")
	}
	return false
}

func sameID(a, b *Expression) bool {
	x, xHow := gnu(a)
	y, yHow := gnu(b)
	return x == y && (xHow == yHow || xHow == "" || yHow == "")
}

// gnu divides an id of the GNU licences into version and how it goes on: "only",
// "or-later" or "" where the id does not say. Of other licences "or-later" is
// "+".
func gnu(e *Expression) (id, how string) {
	if e.OrLater {
		return e.ID, "or-later"
	}
	for _, how := range []string{"only", "or-later"} {
		if id, ok := strings.CutSuffix(e.ID, "-"+how); ok {
			return id, how
		}
	}
	if strings.HasPrefix(e.ID, "LicenseRef-") || !strings.Contains(e.ID, "GPL") && !strings.HasPrefix(e.ID, "GFDL") {
		return e.ID, "only"
	}
	return e.ID, ""
}

// clip quotes and shortens hostile text for messages.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
