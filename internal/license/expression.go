package license

import (
	"fmt"
	"strings"
)

// Limits of an expression. The longest in use, of whole Linux distributions,
// are shorter.
const (
	maxLength = 1000
	maxDepth  = 16
)

// Expression is an SPDX licence expression: one licence, or several joined by
// AND or OR.
type Expression struct {
	Op Op            // "" for one licence
	Of []*Expression // two or more, of another Op than this; nil for one licence

	ID      string // as SPDX writes it, "LicenseRef-…" or "DocumentRef-…:LicenseRef-…"
	OrLater bool   // "+"
	With    string // an exception or "AdditionRef-…"
}

// Op joins licences.
type Op string

const (
	And Op = "AND" // all of them hold
	Or  Op = "OR"  // whoever gets the work chooses
)

// SyntaxError says why a text is no licence expression.
type SyntaxError struct {
	Text   string
	Offset int // byte of Text
	Reason string
	Hint   string
}

func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("license %s: %s", clip(e.Text), e.Reason)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Parse reads an SPDX licence expression: specification 2.3, annex D, and 3.0.1,
// annex "SPDX license expressions". Ids are known in every case, operators in
// upper or lower case. AND binds closer than OR, WITH and "+" closer than both.
// Deprecated ids are read; GPL-2.0+ and its like become GPL-2.0-or-later.
func Parse(s string) (*Expression, error) {
	p := &parser{text: s}
	if len(s) > maxLength {
		return nil, p.fail(0, fmt.Sprintf("has %d bytes, at most %d are read", len(s), maxLength), "")
	}
	p.next()
	e, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.token != "" {
		return nil, p.fail(p.at, fmt.Sprintf("%s follows a complete expression", clip(p.token)), "join licences with AND or OR")
	}
	return e, nil
}

// String writes the expression as SPDX does, with no more parentheses than
// needed.
func (e *Expression) String() string {
	if e.Op == "" {
		s := e.ID
		if e.OrLater {
			s += "+"
		}
		if e.With != "" {
			s += " WITH " + e.With
		}
		return s
	}
	parts := make([]string, len(e.Of))
	for i, o := range e.Of {
		if parts[i] = o.String(); o.Op == Or {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, " "+string(e.Op)+" ")
}

// Licenses returns the single licences in the expression, in order.
func (e *Expression) Licenses() []*Expression {
	if e.Op == "" {
		return []*Expression{e}
	}
	var out []*Expression
	for _, o := range e.Of {
		out = append(out, o.Licenses()...)
	}
	return out
}

type parser struct {
	text  string
	token string // "" at the end
	at    int    // where it begins
	end   int    // and ends
}

func (p *parser) fail(at int, reason, hint string) error {
	return &SyntaxError{Text: p.text, Offset: at, Reason: reason, Hint: hint}
}

// next reads a token: a parenthesis, or what stands between them and spaces.
func (p *parser) next() {
	i := p.end
	for i < len(p.text) && isSpace(p.text[i]) {
		i++
	}
	p.at = i
	for i < len(p.text) && !isSpace(p.text[i]) {
		if c := p.text[i]; c == '(' || c == ')' {
			if i == p.at {
				i++
			}
			break
		}
		i++
	}
	p.end = i
	p.token = p.text[p.at:i]
}

// is tells whether the token is an operator. SPDX 3.0 has them in upper or in
// lower case, not mixed.
func (p *parser) is(op string) bool { return p.token == op || p.token == strings.ToLower(op) }

// expression is OR over AND over single licences.
func (p *parser) expression(depth int) (*Expression, error) {
	if depth > maxDepth {
		return nil, p.fail(p.at, fmt.Sprintf("more than %d parentheses stand in each other", maxDepth), "")
	}
	return p.joined(Or, func() (*Expression, error) {
		return p.joined(And, func() (*Expression, error) { return p.single(depth) })
	})
}

// joined reads operands of one operator, and flattens those of the same one in
// parentheses.
func (p *parser) joined(op Op, operand func() (*Expression, error)) (*Expression, error) {
	var of []*Expression
	for {
		e, err := operand()
		if err != nil {
			return nil, err
		}
		if e.Op == op {
			of = append(of, e.Of...)
		} else {
			of = append(of, e)
		}
		if !p.is(string(op)) {
			break
		}
		p.next()
	}
	if len(of) == 1 {
		return of[0], nil
	}
	return &Expression{Op: op, Of: of}, nil
}

func (p *parser) single(depth int) (*Expression, error) {
	switch {
	case p.token == "":
		return nil, p.fail(p.at, "a licence is missing at the end", "")
	case p.token == ")" || p.is("AND") || p.is("OR") || p.is("WITH"):
		return nil, p.fail(p.at, fmt.Sprintf("a licence is missing before %s", p.token), "")
	case p.token == "(":
		p.next()
		e, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.token != ")" {
			if p.token != "" {
				return nil, p.fail(p.at, fmt.Sprintf("%s stands where AND, OR or a closing parenthesis should", clip(p.token)), "")
			}
			return nil, p.fail(p.at, "a parenthesis is not closed", "")
		}
		p.next()
		return e, nil
	}
	e, err := p.license()
	if err != nil {
		return nil, err
	}
	p.next()
	if !p.is("WITH") {
		return e, nil
	}
	p.next()
	if e.With, err = p.exception(); err != nil {
		return nil, err
	}
	p.next()
	return e, nil
}

func (p *parser) license() (*Expression, error) {
	token := p.token
	if id, ok := reference(token, "LicenseRef-"); ok {
		return &Expression{ID: id}, nil
	}
	known := spdx().licenses
	if id, ok := known[strings.ToLower(token)]; ok {
		return canonical(id), nil
	}
	if bare, ok := strings.CutSuffix(token, "+"); ok {
		if id, ok := known[strings.ToLower(bare)]; ok {
			e := canonical(id)
			e.OrLater = true
			return e, nil
		}
	}
	return nil, p.fail(p.at, fmt.Sprintf("%s is not in the SPDX licence list %s", clip(token), ListVersion()), suggest(token, known))
}

func (p *parser) exception() (string, error) {
	if p.token == "" {
		return "", p.fail(p.at, "an exception is missing after WITH", "")
	}
	if id, ok := reference(p.token, "AdditionRef-"); ok {
		return id, nil
	}
	if id, ok := spdx().exceptions[strings.ToLower(p.token)]; ok {
		return id, nil
	}
	return "", p.fail(p.at, fmt.Sprintf("%s is not among the exceptions of the SPDX licence list %s", clip(p.token), ListVersion()),
		suggest(p.token, spdx().exceptions))
}

// canonical turns the deprecated ids with "+" into those that took their place.
func canonical(id string) *Expression {
	if bare, ok := strings.CutSuffix(id, "+"); ok {
		if now, ok := spdx().licenses[strings.ToLower(bare+"-or-later")]; ok {
			return &Expression{ID: now}
		}
	}
	return &Expression{ID: id}
}

// reference reads [DocumentRef-X:]LicenseRef-Y, whose prefixes are written
// exactly so and whose names are of letters, digits, "-" and ".".
func reference(token, prefix string) (string, bool) {
	rest := token
	if document, ok := strings.CutPrefix(token, "DocumentRef-"); ok {
		name, after, ok := strings.Cut(document, ":")
		if !ok || !isName(name) {
			return "", false
		}
		rest = after
	}
	name, ok := strings.CutPrefix(rest, prefix)
	return token, ok && isName(name)
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	})
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// usual are names that people write for licences of the list.
var usual = map[string]string{
	"apache": "Apache-2.0", "apache2": "Apache-2.0", "apache2.0": "Apache-2.0", "apachelicense2.0": "Apache-2.0", "apachev2": "Apache-2.0",
	"bsd": "BSD-3-Clause", "bsd3": "BSD-3-Clause", "bsd2": "BSD-2-Clause", "mitlicense": "MIT",
	"gpl": "GPL-3.0-only", "gplv2": "GPL-2.0-only", "gplv3": "GPL-3.0-only", "agplv3": "AGPL-3.0-only", "lgplv3": "LGPL-3.0-only",
	"ccby": "CC-BY-4.0", "ccbysa": "CC-BY-SA-4.0", "ccbync": "CC-BY-NC-4.0", "cc0": "CC0-1.0", "mpl": "MPL-2.0",
}

// suggest names what may have been meant: the usual name of a licence, or the
// one id that differs only in what separates its parts.
func suggest(token string, known map[string]string) string {
	const custom = "for a licence that SPDX does not list write LicenseRef-NAME"
	bare := squeeze(token)
	if id, ok := usual[bare]; ok {
		return "did you mean " + id + "?"
	}
	best := ""
	for lower, id := range known {
		if squeeze(lower) == bare && (best == "" || id < best) {
			best = id
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return custom
}

func squeeze(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}
