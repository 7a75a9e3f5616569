package gitrepo

import (
	"fmt"
	"strings"
)

// parseConfig reads the syntax that git-config(1) describes under "Syntax".
func parseConfig(data []byte) (config, error) {
	p := &configParser{rest: strings.TrimPrefix(strings.ReplaceAll(string(data), "\r\n", "\n"), "\ufeff"), line: 1}
	var out config
	var section, sub string
	for {
		p.blank()
		if p.rest == "" {
			return out, nil
		}
		var err error
		if p.rest[0] == '[' {
			section, sub, err = p.header()
		} else if section == "" {
			err = p.errorf("a setting before the first [section]")
		} else {
			s := setting{section: section, sub: sub}
			s.key, s.value, err = p.setting()
			out = append(out, s)
		}
		if err != nil {
			return nil, err
		}
	}
}

type configParser struct {
	rest string
	line int
}

func (p *configParser) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", p.line, fmt.Sprintf(format, args...))
}

func (p *configParser) next() (byte, bool) {
	if p.rest == "" {
		return 0, false
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	if c == '\n' {
		p.line++
	}
	return c, true
}

// accept takes c if it comes next.
func (p *configParser) accept(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.next()
	return true
}

// blank skips white space and comments.
func (p *configParser) blank() {
	for p.rest != "" {
		switch p.rest[0] {
		case ' ', '\t', '\n', '\r', '\f', '\v':
			p.next()
		case '#', ';':
			end := strings.IndexByte(p.rest, '\n')
			if end < 0 {
				end = len(p.rest)
			}
			p.rest = p.rest[end:]
		default:
			return
		}
	}
}

// header reads [section], [section.sub] (old style, folded to lower case) and
// [section "sub"].
func (p *configParser) header() (section, sub string, err error) {
	p.next()
	i := 0
	for i < len(p.rest) && (isKeyByte(p.rest[i]) || p.rest[i] == '.') {
		i++
	}
	name := strings.ToLower(p.rest[:i])
	p.rest = p.rest[i:]
	if name == "" {
		return "", "", p.errorf("a section without a name")
	}
	if p.accept(']') {
		section, sub, _ = strings.Cut(name, ".")
		return section, sub, nil
	}
	p.rest = strings.TrimLeft(p.rest, " \t")
	if !p.accept('"') {
		return "", "", p.errorf("section %q: expected ] or a quoted subsection", name)
	}
	var b strings.Builder
	for {
		c, ok := p.next()
		if ok && c == '\\' {
			if c, ok = p.next(); ok && c != '\n' {
				b.WriteByte(c)
				continue
			}
		}
		if !ok || c == '\n' {
			return "", "", p.errorf("section %q: the subsection does not end", name)
		}
		if c == '"' {
			break
		}
		b.WriteByte(c)
	}
	if !p.accept(']') {
		return "", "", p.errorf("section %q: expected ]", name)
	}
	return name, b.String(), nil
}

// setting reads "key = value" or "key" alone, which means true.
func (p *configParser) setting() (key, value string, err error) {
	i := 0
	for i < len(p.rest) && isKeyByte(p.rest[i]) {
		i++
	}
	key = strings.ToLower(p.rest[:i])
	if key == "" || key[0] < 'a' || key[0] > 'z' {
		return "", "", p.errorf("expected a key, found %q", p.rest[:min(len(p.rest), 20)])
	}
	p.rest = strings.TrimLeft(p.rest[i:], " \t")
	switch {
	case p.rest == "" || strings.ContainsRune("\n#;", rune(p.rest[0])):
		return key, "true", nil
	case p.rest[0] != '=':
		return "", "", p.errorf("key %q: expected =", key)
	}
	p.next()
	p.rest = strings.TrimLeft(p.rest, " \t")
	value, err = p.value()
	return key, value, err
}

func (p *configParser) value() (string, error) {
	var b strings.Builder
	kept := 0 // bytes of b that trailing white space cannot take away
	quoted := false
	for {
		c, ok := p.next()
		switch {
		case !ok || c == '\n':
			if quoted {
				return "", p.errorf("a quoted value does not end")
			}
			s := b.String()
			return s[:kept] + strings.TrimRight(s[kept:], " \t\r"), nil
		case c == '"':
			quoted = !quoted
			kept = b.Len()
			continue
		case c == '\\':
			c, ok = p.next()
			if i := strings.IndexByte("nbt\"\\", c); ok && i >= 0 {
				b.WriteByte("\n\b\t\"\\"[i])
			} else if !ok || c != '\n' {
				return "", p.errorf("an unknown escape in a value")
			}
			kept = b.Len()
			continue
		case (c == '#' || c == ';') && !quoted:
			if end := strings.IndexByte(p.rest, '\n'); end >= 0 {
				p.rest = p.rest[end:]
			} else {
				p.rest = ""
			}
			continue
		}
		b.WriteByte(c)
		if quoted {
			kept = b.Len()
		}
	}
}

func isKeyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}
