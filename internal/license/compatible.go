package license

import (
	"fmt"
	"strings"
)

// Answer is what can be said about two licences.
type Answer int

// The answers are in order: of several licences that all must fit the least
// counts, of those that one may choose from the greatest.
const (
	No Answer = iota
	Unclear
	Yes
)

// Compatibility is an answer with its reason, which names both licences.
type Compatibility struct {
	Answer Answer
	Reason string
}

// Compatible tells whether what was made from a work under the licence base may
// be published under the licence derivative. It answers Yes and No only where
// the texts of the licences say so themselves; it is no legal advice.
//
// Of "A OR B" as base, one that fits suffices, of "A AND B" both must. A
// derivative under "A OR B" must be allowed under each, one under "A AND B"
// under one of them.
func Compatible(derivative, base *Expression) Compatibility {
	switch {
	case Same(derivative, base):
		return Compatibility{Yes, fmt.Sprintf("%s is the same licence", base)}
	case base.Op != "":
		return best(base.Op == Or, base.Of, func(b *Expression) Compatibility { return Compatible(derivative, b) })
	case derivative.Op != "":
		return best(derivative.Op == And, derivative.Of, func(d *Expression) Compatibility { return Compatible(d, base) })
	}
	return pair(derivative, base)
}

// best returns the greatest of the answers, or else the least.
func best(greatest bool, of []*Expression, ask func(*Expression) Compatibility) Compatibility {
	out := ask(of[0])
	for _, e := range of[1:] {
		if c := ask(e); greatest && c.Answer > out.Answer || !greatest && c.Answer < out.Answer {
			out = c
		}
	}
	return out
}

// pair is about two single licences that are not the same.
func pair(d, b *Expression) Compatibility {
	dp, bp := propertiesOf(d), propertiesOf(b)
	no := func(format string, args ...any) Compatibility { return Compatibility{No, fmt.Sprintf(format, args...)} }
	unclear := func(format string, args ...any) Compatibility {
		return Compatibility{Unclear, fmt.Sprintf(format, args...)}
	}
	// The terms of this derivative are not known well enough to miss something
	// in them.
	opaque := dp&(Custom|Unknown) != 0
	switch {
	case bp&NoDerivatives != 0:
		return no("%s does not allow that changed works are shared", b)
	case bp&NonCommercial != 0 && dp&NonCommercial == 0 && !opaque:
		return no("%s forbids commercial use, %s allows it", b, d)
	case bp&UseRestricted != 0 && dp&UseRestricted == 0 && !opaque:
		return no("%s forbids some uses and requires derivatives to pass that on, %s does not", b, d)
	case bp&Unknown != 0:
		return unclear("the terms of %s are not known", b)
	case bp&(Custom|UseRestricted) != 0:
		return unclear("%s has terms of its own for derivatives, which %s may not keep", b, d)
	case bp == Permissive:
		return permissive(d, b)
	case opaque:
		return unclear("whether %s keeps the terms of %s is not known", d, b)
	case later(d, b):
		return Compatibility{Yes, fmt.Sprintf("%s allows %s", b, d)}
	case bp == NonCommercial: // and so is the derivative
		return Compatibility{Yes, fmt.Sprintf("%s forbids commercial use too: keep the notices of %s", d, b)}
	case bp&(StrongCopyleft|ShareAlike) != 0 && dp&^(Permissive|NonCommercial|NoDerivatives) == 0 && b.With == "":
		return no("%s requires that derivatives stay under it, %s does not", b, d)
	case bp&NetworkCopyleft != 0 && dp&NetworkCopyleft == 0 && family(b.ID) != "EUPL": // which names others that will do, EUPL 1.2, article 5
		return no("%s holds for use over a network as well, %s does not", b, d)
	case bp&WeakCopyleft != 0:
		return unclear("%s requires that changes to the work stay under it; whether weights are that is not settled", b)
	}
	return unclear("%s requires its own or a compatible licence of derivatives; whether %s is one depends on how the parts go together", b, d)
}

// permissive is about a base that asks for little. That its notices are kept is
// for a person to see. What the GPL does not go together with is the FSF's
// view (https://www.gnu.org/licenses/license-list.html).
func permissive(d, b *Expression) Compatibility {
	id, how := gnu(d)
	switch {
	case d.With != "":
	case b.ID == "Apache-2.0" && (id == "GPL-2.0" || id == "GPL-1.0") && how == "only":
		return Compatibility{No, fmt.Sprintf("%s has terms about patents that %s does not allow", b, d)}
	case b.ID == "Apache-2.0" && (id == "GPL-2.0" || id == "GPL-1.0") && how == "":
		return Compatibility{Unclear, fmt.Sprintf("%s has terms about patents that %s allows from version 3 on, if at all", b, d)}
	case (b.ID == "BSD-4-Clause" || b.ID == "Apache-1.0" || b.ID == "Apache-1.1") && (strings.HasPrefix(id, "GPL-") || strings.HasPrefix(id, "AGPL-")):
		return Compatibility{No, fmt.Sprintf("%s asks for more than %s allows", b, d)}
	}
	return Compatibility{Yes, fmt.Sprintf("%s is permissive: keep its notices", b)}
}

// later tells whether the base itself allows the derivative's licence: a later
// version, or the one that its text names.
func later(d, b *Expression) bool {
	if d.With != "" || b.With != "" {
		return false
	}
	dID, dHow := gnu(d)
	bID, bHow := gnu(b)
	switch {
	// Where the id does not say whether later versions are allowed, they are not.
	case bHow == "or-later" && family(dID) == family(bID) && version(dID) >= version(bID):
		return true
	case dID == "GPL-3.0" && (bID == "LGPL-3.0" || bID == "CC-BY-SA-4.0"):
		return true // LGPL 3, section 2 b; creativecommons.org/compatiblelicenses
	case dID == "GPL-3.0" && bID == "LGPL-2.1", dID == "GPL-2.0" && bID == "LGPL-2.1":
		return dHow == "or-later" || dID == "GPL-2.0" || bHow == "or-later" // LGPL 2.1, section 3
	case dID == "CC-BY-SA-4.0" && strings.HasPrefix(bID, "CC-BY-SA-"), dID == "CC-BY-NC-SA-4.0" && strings.HasPrefix(bID, "CC-BY-NC-SA-"):
		return version(bID) >= "2.0" && !strings.Contains(bID[len("CC-BY-SA-"):], "IGO") // section 4 b of each: a later version
	}
	return false
}

// family and version are the parts of an id: "GPL" and "3.0".
func family(id string) string {
	if i := strings.LastIndexByte(id, '-'); i > 0 {
		return id[:i]
	}
	return id
}

func version(id string) string { return id[strings.LastIndexByte(id, '-')+1:] }
