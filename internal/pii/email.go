package pii

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// email finds the address around the @ at i: of RFC 5321 section 4.1.2 the
// Dot-string and the Domain, with the limits of section 4.5.3.1, and the
// letters of RFC 6531. Quoted local parts and addresses in brackets are not
// looked for, nor domains of one label. A name of a picture for screens of high
// resolution, such as icon@2x.png, is none.
func email(text []byte, i int) Match {
	start := i
	for start > 0 {
		r, size := utf8.DecodeLastRune(text[:start])
		if !localPart(r) {
			break
		}
		start -= size
	}
	for start < i && text[start] == '.' {
		start++
	}
	local := text[start:i]
	if len(local) == 0 || len(local) > 64 || local[len(local)-1] == '.' || bytes.Contains(local, []byte("..")) || !bytes.ContainsFunc(local, wordRune) {
		return Match{}
	}
	end := i + 1
	for end < len(text) && end-i <= 256 {
		r, size := utf8.DecodeRune(text[end:])
		if !wordRune(r) && r != '-' && r != '.' {
			break
		}
		end += size
	}
	domain := bytes.TrimRight(text[i+1:end], ".-")
	if len(domain) > 255 || !isDomain(domain) {
		return Match{}
	}
	return Match{Email, start, i + 1 + len(domain)}
}

func wordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return alphanumeric(byte(r))
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r))
}

// localPart is atext of RFC 5322, dots, and letters of all scripts.
func localPart(r rune) bool {
	return wordRune(r) || r < utf8.RuneSelf && bytes.IndexByte([]byte("!#$%&'*+-/=?^_`{|}~."), byte(r)) >= 0
}

func isDomain(domain []byte) bool {
	dot := bytes.LastIndexByte(domain, '.')
	if dot < 0 {
		return false
	}
	for label := range bytes.SplitSeq(domain, []byte(".")) {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	// No top-level domain has digits, but for those in Punycode.
	top := domain[dot+1:]
	if bytes.HasPrefix(top, []byte("xn--")) {
		return true
	}
	if utf8.RuneCount(top) < 2 || bytes.ContainsFunc(top, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		return false
	}
	scale := domain[:dot]
	return !(len(scale) == 2 && digit(scale[0]) && scale[1] == 'x')
}
