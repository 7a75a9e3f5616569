package release

import (
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/render"
)

const (
	maxExcerptLines = 20
	maxExcerptChars = 1500
)

// excerpt quotes the first section of the card that says something, as text:
// whoever writes a card writes no markup, link, image or mention into a release,
// which goes out to all who watch the repository.
func (s *source) excerpt() string {
	if s.card == nil {
		return ""
	}
	var quoted []string
	left := maxExcerptChars
	for _, section := range s.card.Sections {
		if section.Empty() {
			continue
		}
		for line := range strings.Lines(section.Body) {
			line = strings.TrimSpace(line)
			if len(quoted) == maxExcerptLines || left <= 0 {
				quoted = append(quoted, "> …")
				break
			}
			if isHeading(line) && len(quoted) > 0 {
				break // a part of the section that says more than the first one
			}
			if line == "" {
				if n := len(quoted); n > 0 && quoted[n-1] != ">" {
					quoted = append(quoted, ">")
				}
				continue
			}
			line = render.Clip(line, left)
			left -= utf8.RuneCountInString(line)
			quoted = append(quoted, "> "+inert(line))
		}
		break
	}
	if n := len(quoted); n > 0 && quoted[n-1] == ">" {
		quoted = quoted[:n-1]
	}
	if len(quoted) == 0 {
		return ""
	}
	return headed("Card", strings.Join(quoted, "\n")+"\n\n")
}

func isHeading(line string) bool {
	rest := strings.TrimLeft(line, "#")
	return len(rest) < len(line) && strings.HasPrefix(rest, " ")
}

// inert is text that begins a line of its own, where more than in the middle of
// one has a meaning: headings, rules, quotes, lists.
func inert(s string) string {
	s = strings.TrimSpace(s)
	out := render.Inert(s)
	if strings.ContainsAny(s[:min(1, len(s))], "#>-+*=_~|:0123456789") {
		return "&#8203;" + out // a space without width
	}
	return out
}
