package approval

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Loosened is what a change of allowed_signers lets somebody do that they could
// not before.
type Loosened struct {
	Who       string // principal, as it stands there
	Line      int    // of the new file; 0: it stands there no more
	What      string // as in "alice may approve with another key, SHA256:…"
	Was, Is   string // spans or keys, "" for none
	Addresses bool   // whose part in a change is not seen any more
}

// Loosen compares two files of signers: keys that may approve now and could not,
// or may for longer, and addresses that are nobody's any more, so that who wrote
// a change under one of them is not kept from approving it.
func Loosen(base, head []Signer) []Loosened {
	var out []Loosened
	for _, s := range head {
		if !s.covers(Namespace) {
			continue
		}
		for _, p := range s.Principals {
			if strings.Contains(p, "@") && s.hasLogin() {
				continue // the line's login is told of
			}
			if l := s.looser(p, base); l != nil {
				out = append(out, *l)
			}
		}
	}
	for _, s := range base {
		for _, p := range s.Principals {
			gone := !slices.ContainsFunc(head, func(h Signer) bool { return h.has(p) })
			told := slices.ContainsFunc(out, func(l Loosened) bool { return l.Addresses && l.Who == p })
			if strings.Contains(p, "@") && gone && !told {
				out = append(out, Loosened{Who: p, Was: strings.Join(s.Principals, ","), Addresses: true,
					What: fmt.Sprintf("%s is nobody's address any more: who wrote a change under it is not kept from approving it", p)})
			}
		}
	}
	return out
}

// looser compares what a line lets p do with what the lines of base did.
func (s Signer) looser(p string, base []Signer) *Loosened {
	l := &Loosened{Who: p, Line: s.Line, Is: s.span()}
	for _, b := range base {
		if !b.has(p) || !b.covers(Namespace) || !bytes.Equal(b.key.Marshal(), s.key.Marshal()) {
			continue
		}
		earlier := b.after.IsZero() || !s.after.IsZero() && !s.after.Before(b.after)
		later := b.till.IsZero() || !s.till.IsZero() && !s.till.After(b.till)
		if earlier && later {
			return nil
		}
		l.Was = b.span()
	}
	l.What = fmt.Sprintf("%s may approve with a key that was not theirs, %s", p, ssh.FingerprintSHA256(s.key))
	if l.Was != "" {
		l.What = fmt.Sprintf("%s may approve for longer with key %s", p, ssh.FingerprintSHA256(s.key))
	}
	return l
}

func (s Signer) has(principal string) bool {
	return slices.ContainsFunc(s.Principals, func(p string) bool { return strings.EqualFold(p, principal) })
}

func (s Signer) hasLogin() bool {
	return slices.ContainsFunc(s.Principals, func(p string) bool { return !strings.Contains(p, "@") })
}

// span is the time in which the key is valid.
func (s Signer) span() string {
	day := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.Format(time.RFC3339)
	}
	return day(s.after, "always") + " to " + day(s.till, "for ever")
}
