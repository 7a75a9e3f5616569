package pii

import (
	"bytes"
	"net/netip"
)

// address finds the IPv4 or IPv6 address that begins at i and that somebody
// can be found by: private, shared, local, multicast and reserved ones are not
// reported.
//
// Four small numbers with dots between are also how software is numbered. What
// follows the word version, or has no number of two digits, is taken for that.
// IPv6 addresses are those of 2000::/3, which is all that IANA has allocated
// for use in public; others look like code (std::vector, 12:30).
func address(text []byte, i int) Match {
	if numberBefore(text, i) {
		return Match{}
	}
	end, dots, colons, wide := i, 0, 0, false
	for end < len(text) && end-i < 46 {
		c := text[end]
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case digit(c):
			wide = wide || end > i && digit(text[end-1])
		case c|0x20-'a' >= 6:
			goto ended
		}
		// The fifth character of an IPv6 address of 2000::/3 is a colon.
		if end == i+4 && c != ':' && dots == 0 {
			return Match{}
		}
		end++
	}
ended:
	if colons >= 2 && end > i+5 && text[i+4] == ':' && (text[i] == '2' || text[i] == '3') {
		for end > i && (text[end-1] == '.' || text[end-1] == ':' && text[end-2] != ':') {
			end-- // of the sentence
		}
		if i >= 2 && text[i-1] == ':' && text[i-2]|0x20-'a' < 6 {
			return Match{} // the end of another address
		}
		if a, err := netip.ParseAddr(string(text[i:end])); err == nil && a.Is6() && !wordAt(text, end) {
			return Match{IP, i, end}
		}
		return Match{}
	}
	if dots < 3 || !wide {
		return Match{}
	}
	if colon := bytes.IndexByte(text[i:end], ':'); colon >= 0 {
		end = i + colon // a port
	}
	for end > i && text[end-1] == '.' {
		end--
	}
	a, err := netip.ParseAddr(string(text[i:end]))
	if err != nil || !a.Is4() || wordAt(text, end) || !public(a) || versionBefore(text, i) {
		return Match{}
	}
	return Match{IP, i, end}
}

// public tells whether an IPv4 address is one of a host in the internet, by
// IANA's registry of special-purpose addresses (RFC 6890).
func public(a netip.Addr) bool {
	b := a.As4()
	switch {
	case !a.IsGlobalUnicast(), a.IsPrivate(), b[0] == 0, b[0] >= 240:
		return false
	case b[0] == 100 && b[1]&0xc0 == 64: // shared by customers of a provider (RFC 6598)
		return false
	}
	return true
}

// versionBefore tells whether the word before i announces a version.
func versionBefore(text []byte, i int) bool {
	before := bytes.TrimRight(text[max(0, i-16):i], " :=\"'")
	word := before[bytes.LastIndexAny(before, " \t\n,;.(")+1:]
	switch string(bytes.ToLower(word)) {
	case "version", "ver", "v", "release", "build", "firmware", "driver":
		return true
	}
	return false
}
