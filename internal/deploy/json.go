package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Tags of yaml.v3.
const (
	tagString = "!!str"
	tagMerge  = "!!merge"
)

// readJSON builds the nodes that yaml.v3 would, if YAML were all that JSON is:
// it lacks pairs of surrogates (\ud83d\ude00).
func (f *file) readJSON() error {
	body := bytes.TrimPrefix(f.data, []byte(bom))
	begin := len(f.data) - len(body)
	var raw json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		var syntax *json.SyntaxError
		line, column := 1, 1
		if errors.As(err, &syntax) {
			at := min(begin+max(0, int(syntax.Offset)-1), len(f.data))
			line = max(1, f.line(at))
			column = 1 + utf8.RuneCount(f.data[min(at, f.lines[line-1]):at])
		}
		return f.fail(line, column, "not valid JSON: %s", clip(err.Error()))
	}
	f.offsets = map[*yaml.Node]int{}
	s := jsonScanner{f: f, at: begin, line: 1, column: 1}
	f.docs = []*yaml.Node{s.value()}
	return nil
}

// jsonScanner reads what is known to be valid JSON.
type jsonScanner struct {
	f            *file
	at           int
	line, column int // of at, in characters
}

// advance moves on by n bytes, which hold no line's end unless they are one.
func (s *jsonScanner) advance(n int) {
	s.column += utf8.RuneCount(s.f.data[s.at : s.at+n])
	s.at += n
}

// next is the first byte behind blanks, a comma or a colon.
func (s *jsonScanner) next() byte {
	for {
		switch c := s.f.data[s.at]; c {
		case '\n':
			s.at, s.line, s.column = s.at+1, s.line+1, 1
		case ' ', '\t', '\r', ',', ':':
			s.advance(1)
		default:
			return c
		}
	}
}

func (s *jsonScanner) value() *yaml.Node {
	c := s.next()
	n := &yaml.Node{Line: s.line, Column: s.column}
	s.f.offsets[n] = s.at
	switch c {
	case '{', '[':
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if c == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		s.advance(1)
		for c := s.next(); c != '}' && c != ']'; c = s.next() {
			n.Content = append(n.Content, s.value())
		}
		s.advance(1)
	case '"':
		end := s.at + quotedEnd(s.f.data[s.at:])
		n.Kind, n.Tag, n.Style = yaml.ScalarNode, tagString, yaml.DoubleQuotedStyle
		_ = json.Unmarshal(s.f.data[s.at:end], &n.Value) // it is valid
		s.advance(end - s.at)
	default:
		end := s.at
		for end < len(s.f.data) && !strings.ContainsRune(" \t\r\n,:]}", rune(s.f.data[end])) {
			end++
		}
		n.Kind, n.Value = yaml.ScalarNode, string(s.f.data[s.at:end])
		switch c {
		case 'n':
			n.Tag = "!!null"
		case 't', 'f':
			n.Tag = "!!bool"
		default:
			n.Tag = "!!float"
		}
		s.advance(end - s.at)
	}
	return n
}

// quotedEnd is the length of the text in double quotes at the beginning of b,
// or 0.
func quotedEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}
