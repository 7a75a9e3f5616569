package modelscan

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// JNJ001: chat templates are programs. Loaders that render them outside of
// Jinja's sandbox give them the whole of Python (CVE-2024-34359 of
// llama-cpp-python, CVE-2026-5760 of SGLang). This reads the expressions of a
// template with Jinja's own tokens (jinja2/lexer.py) and finds the ways out of
// it: names that begin with an underscore, the attr filter, imports, and the
// globals whose methods lead to modules. What real templates do (macros,
// namespaces, filters, method calls on texts) is not among them.

// maxTemplate bounds a template; real ones have up to 20 KB.
const maxTemplate = 512 << 10

// jinjaToken is one token of an expression. Texts are decoded: '\x5f' is "_".
type jinjaToken struct {
	kind byte // 'n' name, 's' string, 'd' number, else the operator's first byte
	text string
	at   int
}

// template scans the text of a template; what names it for people.
func (s *scan) template(in *input, base int64, what, text string) {
	if len(text) > maxTemplate {
		s.unread(in, modelarchive.RuleLimit, base, "%s has %d bytes; at most %d are read", what, len(text), maxTemplate)
		return
	}
	seen := map[string]bool{}
	for _, p := range templateProblems(text) {
		if seen[p.why] || len(seen) == 20 {
			continue
		}
		seen[p.why] = true
		at := base
		if base >= 0 {
			at += int64(p.at)
		}
		f := s.fail(in, "JNJ001", at, "%s %s", what, p.why)
		f.Details = map[string]any{"templateOffset": p.at}
	}
}

func (s *scan) templateFile(in *input) error {
	b, err := io.ReadAll(io.LimitReader(in.reader(), maxTemplate+1))
	if err != nil {
		return s.unfinished(in, err)
	}
	s.template(in, 0, "the template", string(b))
	s.secrets(in, 0, "", string(b))
	return nil
}

type jinjaProblem struct {
	at  int
	why string
}

// templateProblems goes over the blocks of a template.
func templateProblems(text string) []jinjaProblem {
	var out []jinjaProblem
	blocks := templateBlocks(text)
	made := madeNames(blocks)
	for _, b := range blocks {
		out = append(out, judge(b.tokens, b.statement)...)
		out = append(out, computed(b.tokens, made)...)
	}
	return out
}

// jinjaBlock is what stands between two marks.
type jinjaBlock struct {
	tokens    []jinjaToken
	statement bool // {% %}, not {{ }}
}

func templateBlocks(text string) []jinjaBlock {
	var out []jinjaBlock
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '{')
		if i < 0 || at+i+1 >= len(text) {
			return out
		}
		at += i
		switch text[at+1] {
		case '#':
			end := strings.Index(text[at+2:], "#}")
			if end < 0 {
				return out
			}
			at += 2 + end + 2
		case '{', '%':
			closing := "}}"
			if text[at+1] == '%' {
				closing = "%}"
			}
			tokens, end := jinjaTokens(text, at+2, closing)
			out = append(out, jinjaBlock{tokens, closing == "%}"})
			raw := len(tokens) == 1 && tokens[0].text == "raw"
			at = end
			if raw {
				m := endRaw.FindStringIndex(text[at:])
				if m == nil {
					return out
				}
				at += m[1]
			}
		default:
			at++
		}
	}
}

var endRaw = regexp.MustCompile(`\{%[-+]?\s*endraw\s*[-+]?%\}`)

// jinjaTokens reads an expression up to its closing mark, and where it ends.
// Marks within texts do not close it.
func jinjaTokens(text string, at int, closing string) ([]jinjaToken, int) {
	var out []jinjaToken
	braces := 0 // "}}" may close a dictionary and one around it
	for at < len(text) {
		c := text[at]
		switch {
		case strings.HasPrefix(text[at:], closing) && !(closing == "}}" && braces > 0):
			return out, at + 2
		case c == '-' && strings.HasPrefix(text[at+1:], closing):
			return out, at + 3
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			at++
		case c == '\'' || c == '"':
			end := at + 1
			for end < len(text) && text[end] != c {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			out = append(out, jinjaToken{'s', unescape(text[at+1 : min(end, len(text))]), at})
			at = end + 1
		case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80:
			end := at
			for end < len(text) && (text[end] == '_' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z' || text[end] >= '0' && text[end] <= '9' || text[end] >= 0x80) {
				end++
			}
			out = append(out, jinjaToken{'n', text[at:end], at})
			at = end
		case c >= '0' && c <= '9':
			end := at
			for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '_') {
				end++
			}
			out = append(out, jinjaToken{'d', text[at:end], at})
			at = end
		default:
			switch c {
			case '{':
				braces++
			case '}':
				braces--
			}
			out = append(out, jinjaToken{c, string(c), at})
			at++
		}
	}
	return out, min(at, len(text))
}

// unescape decodes a text as Jinja does: with Python's escapes.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		if white := strings.IndexByte("ntrfv", text[i]); white >= 0 {
			b.WriteByte("\n\t\r\f\v"[white])
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[i]]
		if digits > 0 && i+digits < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+1+digits], 16, 32); err == nil {
				b.WriteRune(rune(n))
				i += digits
				continue
			}
		}
		if text[i] >= '0' && text[i] <= '7' {
			end := i
			for end < len(text) && end < i+3 && text[end] >= '0' && text[end] <= '7' {
				end++
			}
			n, _ := strconv.ParseUint(text[i:end], 8, 32)
			b.WriteRune(rune(n))
			i = end - 1
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// identifierLike is a text that can name an attribute.
var identifierLike = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// leads are attributes that lead from an object to Python's inside, besides
// those that begin with an underscore (jinja2/sandbox.py, UNSAFE_*_ATTRIBUTES).
var leads = map[string]bool{
	"mro": true, "func_globals": true, "func_code": true, "func_closure": true, "func_defaults": true, "im_class": true, "im_func": true, "im_self": true,
	"gi_frame": true, "gi_code": true, "cr_frame": true, "cr_code": true, "ag_frame": true, "ag_code": true, "tb_frame": true, "f_globals": true, "f_builtins": true, "f_locals": true,
	"popen": true, "subclasses": true,
}

// gadgets are the globals of Jinja, Flask and Django whose attributes lead to
// modules.
var gadgets = map[string]bool{"lipsum": true, "cycler": true, "joiner": true, "get_flashed_messages": true, "url_for": true, "request": true, "self": true}

// attributeNames take an attribute's name as a text.
var attributeFilters = map[string]bool{"map": true, "selectattr": true, "rejectattr": true, "sort": true, "sum": true, "groupby": true, "unique": true, "min": true, "max": true}

func judge(tokens []jinjaToken, statement bool) []jinjaProblem {
	var out []jinjaProblem
	add := func(at int, format string, args ...any) {
		out = append(out, jinjaProblem{at, fmt.Sprintf(format, args...)})
	}
	at := func(i int) jinjaToken {
		if i < 0 || i >= len(tokens) {
			return jinjaToken{}
		}
		return tokens[i]
	}
	if statement {
		// "-" and "+" belong to the mark.
		first := 0
		for at(first).kind == '-' || at(first).kind == '+' {
			first++
		}
		switch t := at(first); t.text {
		case "import", "include", "extends":
			if t.kind == 'n' {
				add(t.at, "loads another template ({%% %s %%})", t.text)
			}
		case "from":
			add(t.at, "loads another template ({%% from … import %%})")
		}
	}
	for i := range tokens {
		t := tokens[i]
		before, after := at(i-1), at(i+1)
		switch t.kind {
		case 'n':
			if before.kind == '.' && (strings.HasPrefix(t.text, "_") || leads[t.text]) {
				add(t.at, "reads the attribute .%s", t.text)
			}
			if before.text == "filter" && before.kind == 'n' && t.text == "attr" || before.kind == '|' && t.text == "attr" {
				add(t.at, "uses the filter attr, which reads attributes by name")
			}
			if gadgets[t.text] && before.kind != '.' && before.kind != '|' && (after.kind == '.' || after.kind == '[' || after.kind == '|') {
				add(t.at, "reaches into %s, whose attributes lead to Python's modules", t.text)
			}
			if strings.HasPrefix(t.text, "__") && before.kind != '.' {
				add(t.at, "uses the name %s", quote(t.text))
			}
			if before.kind == '.' && (t.text == "format" || t.text == "format_map") && at(i-2).kind == 's' && formatAttribute.MatchString(at(i-2).text) {
				add(t.at, "formats a text that reads attributes (%s)", quote(at(i-2).text))
			}
		case 's':
			text, last := t.text, i
			for at(last+1).kind == '~' || at(last+1).kind == '+' || at(last+1).kind == 's' {
				next := last + 1
				if at(next).kind != 's' {
					next++
				}
				if at(next).kind != 's' || len(text) > 256 || next > i+32 {
					break
				}
				text += at(next).text
				last = next
			}
			for _, part := range strings.Split(text, ".") {
				if reason := hidden(part); reason != "" {
					add(t.at, "has the text %s, which %s", quote(text), reason)
					break
				}
			}
			if before.kind == '[' && (strings.HasPrefix(text, "_") && identifierLike.MatchString(text) && at(i-2).kind != 0 && at(i-2).kind != ',' && at(i-2).kind != '=' && at(i-2).kind != '(' || leads[text] && after.kind == ']' && (at(i-2).kind == 'n' || at(i-2).kind == ')' || at(i-2).kind == ']')) {
				add(t.at, "reads the attribute [%s]", quote(text))
			}
			if before.kind == '=' && at(i-2).text == "attribute" || before.kind == '(' && attributeFilters[at(i-2).text] && at(i-3).kind == '|' {
				for _, part := range strings.Split(text, ".") {
					if strings.HasPrefix(part, "_") || leads[part] {
						add(t.at, "reads the attribute %s through a filter", quote(text))
						break
					}
				}
			}
			// '_' * 2, and texts turned around or glued to make a name.
			if t.text == "_" && after.kind == '*' {
				add(t.at, "multiplies underscores to make a hidden name")
			}
		}
	}
	return out
}

// formatAttribute is a replacement field that reads an attribute or item whose
// name begins with an underscore.
var formatAttribute = regexp.MustCompile(`\{[^{}]*[.\[]_[^{}]*\}`)

// hidden says why a text is the name of one of Python's hidden attributes, or a
// part of one.
func hidden(text string) string {
	if len(text) < 4 || !identifierLike.MatchString(text) || strings.Trim(text, "_") == "" {
		return ""
	}
	switch {
	case strings.HasPrefix(text, "__") && strings.HasSuffix(text, "__"):
		return "names a hidden attribute of Python"
	case strings.HasPrefix(text, "__"), strings.HasSuffix(text, "__"):
		return "is part of the name of a hidden attribute of Python"
	}
	return ""
}
