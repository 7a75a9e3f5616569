package approval

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// options reads "OPTION[,OPTION…] " at the start of text, as sshsigopt_parse of
// sshsig.c does, and returns what follows. Names are case-insensitive, values
// stand in double quotes, in which \" is a quote.
func (s *Signer) options(text string) (rest string, err error) {
	seen := map[string]bool{}
	for {
		i := strings.IndexAny(text, "=, \t")
		if i < 0 {
			return "", errNoKey
		}
		name, value := strings.ToLower(text[:i]), ""
		hasValue := text[i] == '='
		if text = text[i:]; hasValue {
			if value, text, err = unquote(text[1:]); err != nil {
				return "", fmt.Errorf("option %s: %w", clip(name), err)
			}
		}
		if seen[name] {
			return "", fmt.Errorf("option %s stands there twice", clip(name))
		}
		seen[name] = true
		if err := s.option(name, value, hasValue); err != nil {
			return "", err
		}
		switch {
		case text == "":
			return "", errNoKey
		case isSpace(text[0]):
			if !s.after.IsZero() && !s.till.IsZero() && !s.till.After(s.after) {
				return "", errors.New("valid-before is not after valid-after: the key is never valid")
			}
			return trimSpace(text), nil
		case text[0] != ',':
			return "", fmt.Errorf("%q follows option %s: options are separated by commas", text[0], clip(name))
		}
		text = text[1:]
	}
}

func (s *Signer) option(name, value string, hasValue bool) (err error) {
	switch name {
	case "cert-authority":
		return errors.New("cert-authority: whoever has that key could sign as anybody; name each person's own key")
	case "namespaces", "valid-after", "valid-before":
		if !hasValue || value == "" {
			return fmt.Errorf("option %s needs a value, as in %s=\"…\"", name, name)
		}
	default:
		return fmt.Errorf("%q is neither a type of key nor an option; options are namespaces, valid-after and valid-before", clip(name))
	}
	switch name {
	case "namespaces":
		s.namespaces = strings.Split(value, ",")
	case "valid-after":
		s.after, err = parseTime(value)
	case "valid-before":
		s.till, err = parseTime(value)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	return nil
}

// unquote reads "…" and returns what follows it.
func unquote(text string) (value, rest string, err error) {
	text, ok := strings.CutPrefix(text, `"`)
	if !ok {
		return "", "", errors.New(`its value must stand in quotes: "…"`)
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '"':
			i++
		case text[i] == '"':
			return out.String(), text[i+1:], nil
		}
		out.WriteByte(text[i])
	}
	return "", "", errors.New("its quotes do not end")
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without a Z.
func parseTime(s string) (time.Time, error) {
	digits := strings.TrimRight(s, "Zz")
	if len(s)-len(digits) <= 1 {
		for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
			if len(digits) != len(layout) || strings.Trim(digits, "0123456789") != "" {
				continue
			}
			if t, err := time.Parse(layout, digits); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q: expected YYYYMMDD[Z], YYYYMMDDHHMM[Z] or YYYYMMDDHHMMSS[Z]", clip(s))
}

// covers tells whether the key may sign in namespace: a list of patterns with
// * and ?, of which those with ! forbid (ssh_config(5), PATTERNS).
func (s Signer) covers(namespace string) bool {
	if s.namespaces == nil {
		return true
	}
	found := false
	for _, p := range s.namespaces {
		p, not := strings.CutPrefix(p, "!")
		if !matches(p, namespace) {
			continue
		}
		if not {
			return false
		}
		found = true
	}
	return found
}

// matches is match_pattern of OpenSSH's match.c, in time that is linear in
// both for each star: of several stars only the last is ever tried again.
func matches(pattern, s string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// valid tells why the key was not valid at a time, nil if it was. Both ends
// belong to the span, as in sshsig.c.
func (s Signer) valid(at time.Time) error {
	if !s.after.IsZero() && at.Before(s.after) {
		return fmt.Errorf("the key is valid only from %s on", s.after.Format(time.RFC3339))
	}
	if !s.till.IsZero() && at.After(s.till) {
		return fmt.Errorf("the key was valid only until %s", s.till.Format(time.RFC3339))
	}
	return nil
}
