package pii

import "bytes"

// key finds a secret that has a form of its own, by the byte at i that few
// other words have:
//
//	AKIA… ASIA…           access key ids of AWS
//	AIza…                 API keys of Google
//	ghp_… github_pat_…    tokens of GitHub (gho_, ghu_, ghs_, ghr_ as well)
//	hf_…                  tokens of Hugging Face
//	sk_live_… rk_live_…   keys of Stripe
//	xoxb-…                tokens of Slack (xoxa, xoxe, xoxp, xoxr, xoxs)
//	sk-…                  keys of OpenAI, Anthropic and others
//	eyJ….eyJ….…           JSON web tokens, signed (RFC 7519, RFC 7515)
//	-----BEGIN … PRIVATE KEY-----   private keys in PEM (RFC 7468)
//
// Lengths and alphabets are those of the issuers' documentation and of
// gitleaks 8 (config/gitleaks.toml).
func key(text []byte, i int) Match {
	switch text[i] {
	case 'A':
		if end := after(text, i, "AIza", 35, 35, urlSafe); end > 0 && !urlSafeAt(text, end) {
			return found(text, i, end)
		}
		for _, prefix := range []string{"AKIA", "ASIA"} {
			if end := after(text, i, prefix, 16, 16, base32); end > 0 {
				return found(text, i, end)
			}
		}
	case '_':
		return withUnderscore(text, i)
	case '-':
		return withHyphen(text, i)
	case 'J':
		return webToken(text, i)
	}
	return Match{}
}

func withUnderscore(text []byte, i int) Match {
	for _, p := range []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"} {
		if start := i + 1 - len(p); start >= 0 {
			if end := after(text, start, p, 36, 255, alphanumeric); end > 0 {
				return found(text, start, end)
			}
		}
	}
	if start := i - len("github"); start >= 0 {
		if end := after(text, start, "github_pat_", 82, 82, func(c byte) bool { return alphanumeric(c) || c == '_' }); end > 0 {
			return found(text, start, end)
		}
	}
	if start := i - len("hf"); start >= 0 {
		if end := after(text, start, "hf_", 34, 34, alphanumeric); end > 0 {
			return found(text, start, end)
		}
	}
	for _, p := range []string{"sk_live_", "rk_live_"} {
		if start := i - 2; start >= 0 {
			if end := after(text, start, p, 24, 255, alphanumeric); end > 0 {
				return found(text, start, end)
			}
		}
	}
	return Match{}
}

func withHyphen(text []byte, i int) Match {
	if bytes.HasPrefix(text[i:], []byte("-----BEGIN ")) {
		line := text[i+len("-----BEGIN ") : min(len(text), i+64)]
		name, _, ok := bytes.Cut(line, []byte("-----"))
		if ok && (bytes.HasSuffix(name, []byte("PRIVATE KEY")) || bytes.HasSuffix(name, []byte("PRIVATE KEY BLOCK"))) {
			return Match{Key, i, i + len("-----BEGIN -----") + len(name)}
		}
		return Match{}
	}
	if start := i - 4; start >= 0 && bytes.IndexByte([]byte("abeprs"), text[i-1]) >= 0 {
		if end := after(text, start, "xox", 1, 1, alphanumeric); end == i {
			end = after(text, i, "-", 10, 512, func(c byte) bool { return alphanumeric(c) || c == '-' })
			if end > 0 && bytes.ContainsFunc(text[i:end], isDigit) {
				return found(text, start, end)
			}
		}
	}
	if start := i - 2; start >= 0 {
		// Words with hyphens are long as well, but not of all three.
		end := after(text, start, "sk-", 20, 512, urlSafe)
		if end > 0 && bytes.ContainsFunc(text[i:end], isDigit) && bytes.ContainsFunc(text[i:end], isUpper) && bytes.ContainsFunc(text[i:end], isLower) {
			return found(text, start, end)
		}
	}
	return Match{}
}

// webToken reads from the J of eyJ, which is {" in base64. Its header is
// short: a text full of beginnings must not be read to its end from each.
func webToken(text []byte, i int) Match {
	start := i - 2
	if start < 0 {
		return Match{}
	}
	end := after(text, start, "eyJ", 10, 512, urlSafe)
	if end == 0 {
		return Match{}
	}
	if end = after(text, end, ".eyJ", 4, 16384, urlSafe); end == 0 {
		return Match{}
	}
	if end = after(text, end, ".", 10, 4096, urlSafe); end == 0 {
		return Match{}
	}
	return found(text, start, end)
}

// after returns where the run of some bytes behind a prefix at i ends; 0 if
// the prefix is not there or the run is not of the length.
func after(text []byte, i int, prefix string, short, long int, of func(byte) bool) int {
	if !bytes.HasPrefix(text[i:], []byte(prefix)) {
		return 0
	}
	start := i + len(prefix)
	end := start
	for end < len(text) && end-start < long && of(text[end]) {
		end++
	}
	if end-start < short {
		return 0
	}
	return end
}

// found is a match of whole words.
func found(text []byte, start, end int) Match {
	if wordBefore(text, start) || wordAt(text, end) {
		return Match{}
	}
	return Match{Key, start, end}
}

func base32(c byte) bool { return upper(c) || '2' <= c && c <= '7' }

func urlSafe(c byte) bool { return alphanumeric(c) || c == '-' || c == '_' }

func urlSafeAt(text []byte, i int) bool { return i < len(text) && urlSafe(text[i]) }

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isUpper(r rune) bool { return 'A' <= r && r <= 'Z' }

func isLower(r rune) bool { return 'a' <= r && r <= 'z' }
