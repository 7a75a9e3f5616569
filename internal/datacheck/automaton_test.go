package datacheck

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestAutomaton holds automata to package regexp, on patterns put together by
// chance and on texts that nearly match them.
func TestAutomaton(t *testing.T) {
	atoms := []string{"a", "b", "k", "_", " ", ".", "[0-9]", "[^a]", `\d`, `\w`, `\W`, `\s`, `\b`, `\B`, "^", "$", `\A`, `\z`, "(?i:K)", "(?m:^)", "(?m:$)", "(?s:.)", "é", "[à-ü]", `\n`, "(ab|ba)", "(|a)", `\x{10ffff}`}
	repeats := []string{"", "", "", "", "*", "+", "?", "{2}", "{1,3}", "*?"}
	letters := []string{"a", "b", "k", "K", "_", " ", "0", "9", "\n", "é", "\u212a", "\xff", "ab", "ba", "aa"}
	rng := rand.New(rand.NewPCG(21, 22))
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	tables, matches, all := 0, 0, 0
	for range 3000 {
		var pattern strings.Builder
		for range 1 + rng.IntN(5) {
			pattern.WriteString(pick(atoms))
			if atom := pattern.String(); !strings.HasSuffix(atom, "*") {
				pattern.WriteString(pick(repeats))
			}
			if rng.IntN(6) == 0 {
				pattern.WriteString("|")
			}
		}
		re, err := regexp.Compile(pattern.String())
		if err != nil {
			continue
		}
		a := newAutomaton(pattern.String(), re)
		if a == nil {
			continue
		}
		tables++
		for range 20 {
			var text strings.Builder
			for range rng.IntN(8) {
				text.WriteString(pick(letters))
			}
			want := re.MatchString(text.String())
			if got := a.match([]byte(text.String())); got != want {
				t.Fatalf("%q on %q: %v, want %v", pattern.String(), text.String(), got, want)
			}
			if all++; want {
				matches++
			}
		}
	}
	if tables < 2000 || matches < all/10 || matches > all*9/10 {
		t.Errorf("the test tests little: %d patterns, %d of %d match", tables, matches, all)
	}
}

// TestAutomatonTooLarge has expressions that package regexp must answer.
func TestAutomatonTooLarge(t *testing.T) {
	for _, pattern := range []string{"[ab]*a[ab]{12}", strings.Repeat("x?", 300), "(a{100}){5}"} {
		re := regexp.MustCompile(pattern)
		if newAutomaton(pattern, re) != nil {
			t.Errorf("%s: not too large", pattern)
		}
		text := []byte(strings.Repeat("ab", 20))
		if newMatcher(pattern, re)(text) != re.Match(text) {
			t.Errorf("%s: wrong", pattern)
		}
	}
}
