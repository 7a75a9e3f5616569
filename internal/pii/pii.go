// Package pii finds personal data and secrets in texts: e-mail addresses,
// phone numbers, payment cards, bank accounts, IP addresses and keys.
//
//	f := pii.New(pii.Email | pii.Card)
//	for _, m := range f.Find(nil, text) {
//		fmt.Println(m.Kind, pii.Mask(m.Kind, text[m.Start:m.End]))
//	}
//
// It looks for forms, not for people: every kind has a grammar, most have a
// check digit, a registry or a place where they may stand. Where a form is
// also that of harmless data (identifiers, times, prices, versions), it is
// not reported. Names and postal addresses have no form and are not found.
//
// Texts are scanned once, byte by byte. Most bytes of most texts can be part
// of no kind's beginning and cost one look-up in a table.
package pii

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kinds is a set of kinds of personal data.
type Kinds uint8

// The kinds, in the order in which they are listed.
const (
	Email Kinds = 1 << iota
	Phone
	Card
	IBAN
	IP
	Key

	All = Email | Phone | Card | IBAN | IP | Key
)

// names are those of manifests, by bit.
var names = []string{"email", "phone", "credit-card", "iban", "ip", "key"}

// Names returns the names of all kinds.
func Names() []string { return slices.Clone(names) }

// Parse returns the kind with a name.
func Parse(name string) (Kinds, bool) {
	i := slices.Index(names, name)
	if i < 0 {
		return 0, false
	}
	return 1 << i, true
}

// List returns the kinds of a set one by one.
func (k Kinds) List() []Kinds {
	var out []Kinds
	for i := range names {
		if one := Kinds(1 << i); k&one != 0 {
			out = append(out, one)
		}
	}
	return out
}

// String lists the names of a set: "email, phone".
func (k Kinds) String() string {
	var out []string
	for i, name := range names {
		if k&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// Match is where a kind stands in a text.
type Match struct {
	Kind       Kinds
	Start, End int
}

// Finder finds some of the kinds. It is safe for concurrent use.
type Finder struct {
	kinds   Kinds
	trigger [256]Kinds // which kinds a byte may point at
}

// New returns a finder of some kinds.
func New(kinds Kinds) *Finder {
	f := &Finder{kinds: kinds & All}
	for c := byte('0'); c <= '9'; c++ {
		f.trigger[c] = Phone | Card | IBAN | IP
	}
	f.trigger['+'] = Phone
	f.trigger['('] = Phone
	f.trigger['@'] = Email
	for _, c := range []byte("AJ-_") {
		f.trigger[c] = Key
	}
	for i := range f.trigger {
		f.trigger[i] &= f.kinds
	}
	return f
}

// Find appends the first match of each kind in a text to dst, in the order in
// which they stand there.
func (f *Finder) Find(dst []Match, text []byte) []Match {
	missing := f.kinds
	for i := 0; i < len(text); i++ {
		look := f.trigger[text[i]] & missing
		if look == 0 {
			continue
		}
		c := text[i]
		var m Match
		switch {
		case c == '@':
			m = email(text, i)
		case digit(c):
			if i > 0 && digit(text[i-1]) {
				continue
			}
			m = number(text, i, look)
		case c == '+' || c == '(':
			m = phone(text, i)
		default:
			m = key(text, i)
		}
		if m.Kind != 0 {
			dst = append(dst, m)
			if missing &^= m.Kind; missing == 0 {
				break
			}
			i = max(i, m.End-1)
		}
	}
	return dst
}

// number looks for what begins with the digit at i, or with the two letters
// before it.
func number(text []byte, i int, look Kinds) Match {
	if look&IBAN != 0 {
		if m := iban(text, i); m.Kind != 0 {
			return m
		}
	}
	if wordBefore(text, i) {
		return Match{}
	}
	if look&IP != 0 {
		if m := address(text, i); m.Kind != 0 {
			return m
		}
	}
	if look&(Card|Phone) == 0 {
		return Match{}
	}
	// A card is no phone number, also when only those are looked for.
	m := card(text, i)
	if m.Kind == 0 {
		m = phone(text, i)
	}
	if m.Kind&look == 0 {
		return Match{}
	}
	return m
}

// Mask returns what may be shown of a match where values are masked: enough to
// find it in the row, too little to know it.
func Mask(kind Kinds, match []byte) string {
	keep := 1
	switch kind {
	case IBAN:
		keep = 2 // the country
	case Key:
		keep = 4 // whose key it is: AKIA, ghp_
	case IP:
		return "…"
	}
	shown := ""
	for _, r := range string(match[:min(len(match), 4*keep)]) {
		if keep--; keep < 0 || r == utf8.RuneError || !unicode.IsGraphic(r) {
			break
		}
		shown += string(r)
	}
	if kind == Email {
		return shown + "…@…"
	}
	return shown + "…"
}

func digit(c byte) bool { return c-'0' < 10 }

func upper(c byte) bool { return c-'A' < 26 }

func alphanumeric(c byte) bool { return digit(c) || c|0x20-'a' < 26 }

// wordBefore tells whether a letter, digit or underscore ends at i, so that
// what begins there is only part of a word.
func wordBefore(text []byte, i int) bool {
	if i == 0 {
		return false
	}
	if c := text[i-1]; c < utf8.RuneSelf {
		return alphanumeric(c) || c == '_'
	}
	r, _ := utf8.DecodeLastRune(text[:i])
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

// wordAt tells whether a letter, digit or underscore begins at i.
func wordAt(text []byte, i int) bool {
	if i >= len(text) {
		return false
	}
	if c := text[i]; c < utf8.RuneSelf {
		return alphanumeric(c) || c == '_'
	}
	r, _ := utf8.DecodeRune(text[i:])
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

// numberBefore tells whether i continues a number or name of several parts,
// as the last one of 1.5, 12:34 or x-9 does.
func numberBefore(text []byte, i int) bool {
	if i < 2 {
		return false
	}
	switch text[i-1] {
	case ',', '/', ':':
		return digit(text[i-2])
	case '.', '-':
		return alphanumeric(text[i-2])
	}
	return false
}

// numberAt tells whether the number that ends at i goes on.
func numberAt(text []byte, i int) bool {
	return i+1 < len(text) && strings.IndexByte(".,-/:", text[i]) >= 0 && digit(text[i+1])
}
