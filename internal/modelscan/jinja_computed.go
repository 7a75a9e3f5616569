package modelscan

// Names of attributes that a template puts together, so that they stand nowhere:
// x['_' ~ '_class_' ~ '_'], or through a variable.

// joiners are filters and methods that make another text of a text.
var joiners = map[string]bool{"join": true, "replace": true, "format": true, "format_map": true, "reverse": true, "lower": true, "upper": true,
	"swapcase": true, "casefold": true, "trim": true, "strip": true, "lstrip": true, "rstrip": true, "translate": true, "removeprefix": true, "removesuffix": true,
	"decode": true, "center": true, "ljust": true, "rjust": true, "zfill": true, "capitalize": true, "string": true}

// puts tells whether an expression puts a text together: an operator on a text
// that it has itself, or a join. A text that begins with a letter and is only
// continued makes no hidden name.
func puts(tokens []jinjaToken) bool {
	kind := func(i int) byte {
		if i < 0 || i >= len(tokens) {
			return 0
		}
		return tokens[i].kind
	}
	continued := kind(0) == 's' && tokens[0].text != "" && (tokens[0].text[0]|0x20 >= 'a' && tokens[0].text[0]|0x20 <= 'z')
	found := false
	for i, t := range tokens {
		switch t.kind {
		case '|', '%', '*':
			continued = false
			if kind(i-1) == 's' && (t.kind != '|' || i+1 < len(tokens) && joiners[tokens[i+1].text]) {
				found = true
			}
			if t.kind == '|' && i+1 < len(tokens) && tokens[i+1].text == "join" {
				found = true
			}
		case '~':
			found = true
		case '+':
			found = found || kind(i-1) == 's' || kind(i+1) == 's'
		case '.':
			continued = false
			if kind(i-1) == 's' && i+1 < len(tokens) && joiners[tokens[i+1].text] {
				found = true
			}
		}
	}
	return found && !continued
}

// madeNames are the variables of a template that are set to such a text.
func madeNames(blocks []jinjaBlock) map[string]bool {
	made := map[string]bool{}
	for _, b := range blocks {
		if !b.statement {
			continue
		}
		tokens := b.tokens
		for len(tokens) > 0 && (tokens[0].kind == '-' || tokens[0].kind == '+') {
			tokens = tokens[1:]
		}
		if len(tokens) < 4 || tokens[0].text != "set" && tokens[0].text != "for" && tokens[0].text != "with" {
			continue
		}
		for i, t := range tokens {
			if t.kind == '=' || t.kind == 'n' && t.text == "in" {
				if puts(tokens[i+1:]) {
					for _, name := range tokens[1:i] {
						if name.kind == 'n' {
							made[name.text] = true
						}
					}
				}
				break
			}
		}
	}
	return made
}

// maxSubscript is how many tokens of a subscript are looked at.
const maxSubscript = 64

// notValues are words after which "[" begins a list.
var notValues = map[string]bool{"in": true, "if": true, "else": true, "elif": true, "or": true, "and": true, "not": true, "is": true, "print": true, "do": true}

// computed finds attributes read by a name that the template puts together, in
// subscripts and in filters.
func computed(tokens []jinjaToken, made map[string]bool) []jinjaProblem {
	var out []jinjaProblem
	for i, t := range tokens {
		switch {
		case t.kind == '[' && i > 0:
			if b := tokens[i-1]; b.kind != ')' && b.kind != ']' && b.kind != 's' && b.kind != '}' && (b.kind != 'n' || notValues[b.text]) {
				continue
			}
			depth, end := 0, i+1
			for ; end < len(tokens) && end-i < maxSubscript; end++ {
				if k := tokens[end].kind; k == '[' || k == '(' || k == '{' {
					depth++
				} else if k == ']' || k == ')' || k == '}' {
					if depth--; depth < 0 {
						break
					}
				}
			}
			if inner := tokens[i+1 : end]; puts(inner) || len(inner) > 0 && onlyNames(inner) && made[inner[len(inner)-1].text] {
				out = append(out, jinjaProblem{t.at, "reads an attribute by a name that it puts together"})
			}
		case t.kind == '|' && i+3 < len(tokens) && attributeFilters[tokens[i+1].text] && tokens[i+2].kind == '(':
			filter, first := tokens[i+1].text, tokens[i+3]
			second := jinjaToken{}
			if i+5 < len(tokens) && first.kind == 'n' && first.text == "attribute" && tokens[i+4].kind == '=' {
				second = tokens[i+5]
			}
			switch {
			case filter == "map" && first.kind == 's' && first.text == "attr":
				out = append(out, jinjaProblem{t.at, "uses the filter attr, which reads attributes by name"})
			case first.kind == '*', second.kind == 'n',
				(filter == "map" || filter == "selectattr" || filter == "rejectattr") && first.kind == 'n' && first.text != "attribute":
				out = append(out, jinjaProblem{t.at, "gives the filter " + filter + " the name of an attribute or filter that stands elsewhere"})
			}
		}
	}
	return out
}

// onlyNames tells a variable, or an attribute of one.
func onlyNames(tokens []jinjaToken) bool {
	for _, t := range tokens {
		if t.kind != 'n' && t.kind != '.' {
			return false
		}
	}
	return true
}
