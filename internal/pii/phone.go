package pii

import "bytes"

// phone finds the phone number that begins at i, in one of three forms:
//
//   - international: + and 8 to 15 digits (ITU-T E.164), 11 of them after +1
//   - North American: 3-3-4 digits with the first of area and exchange from 2 to 9,
//     as 555-123-4567, 555.123.4567 or (555) 123-4567
//   - national: 9 to 12 digits that begin with the prefix 0 (11 to 15 after 00), in groups
//
// Digits stand in one piece only after a +: elsewhere they are identifiers or
// times. A date, also with a time behind, is none.
func phone(text []byte, i int) Match {
	plus := text[i] == '+'
	if wordBefore(text, i) || !plus && numberBefore(text, i) || plus && i+1 < len(text) && !digit(text[i+1]) && text[i+1] != '(' {
		return Match{}
	}
	if c := text[i]; digit(c) && c != '0' {
		// Spare what is neither 212- nor 1-212- the rest.
		if i+3 >= len(text) || digit(text[i+3]) && (c != '1' || digit(text[i+1])) {
			return Match{}
		}
	}
	if !plus && i >= 2 && text[i-1] == ' ' && digit(text[i-2]) {
		return Match{} // the rest of several numbers
	}
	var g groups
	end := g.read(text, i)
	if end == 0 || wordAt(text, end) || numberAt(text, end) || end+1 < len(text) && text[end] == ' ' && digit(text[end+1]) {
		return Match{}
	}
	found := false
	switch {
	case plus:
		found = g.international()
	default:
		found = g.northAmerican() || g.national()
	}
	if !found {
		return Match{}
	}
	return Match{Phone, i, end}
}

// groups are digits with what stands between them.
type groups struct {
	digits     [16]byte
	n          int
	sizes      [8]int
	count      int
	separators [8]byte // after each group; '(' for a bracket
	bracket    bool    // the first group stands in brackets
}

// read returns where the groups from i on end, or 0 if they are too many.
func (g *groups) read(text []byte, i int) (end int) {
	j := i
	if text[j] == '+' {
		j++
	}
	open := false
	if j < len(text) && text[j] == '(' {
		j++
		open, g.bracket = true, true
	}
	for j < len(text) {
		if digit(text[j]) {
			if g.n == len(g.digits) {
				return 0
			}
			if g.count == 0 {
				g.count = 1
			}
			g.digits[g.n] = text[j] - '0'
			g.n++
			g.sizes[g.count-1]++
			j++
			end = j
			continue
		}
		next, separator := j, text[j]
		switch {
		case open && text[j] == ')':
			open = false
			next++
			if next < len(text) && (text[next] == ' ' || text[next] == '-') {
				next++
			}
			separator = '('
		case bytes.IndexByte([]byte(" -./"), text[j]) >= 0:
			next++
			if next+1 < len(text) && text[j] == ' ' && text[next] == '(' && digit(text[next+1]) && !g.bracket {
				next++
				open, separator = true, '('
			}
		}
		if next == j || next >= len(text) || !digit(text[next]) || g.count == 0 {
			break
		}
		if g.count == len(g.sizes) {
			return 0
		}
		g.separators[g.count-1] = separator
		g.count++
		j = next
	}
	if open {
		return 0
	}
	return end
}

func (g *groups) international() bool {
	// A dot alone makes a number with a sign of it.
	if g.digits[0] == 0 || g.n < 8 || g.n > 15 || g.count == 2 && g.separators[0] == '.' {
		return false
	}
	return g.digits[0] != 1 || g.n == 11 && g.digits[1] >= 2
}

func (g *groups) northAmerican() bool {
	sizes, d, first := g.sizes[:g.count], g.digits[:g.n], 0
	if g.count == 4 && sizes[0] == 1 && d[0] == 1 && !g.bracket && g.separators[0] == g.separators[1] {
		sizes, d, first = sizes[1:], d[1:], 1
	}
	if len(sizes) != 3 || sizes[0] != 3 || sizes[1] != 3 || sizes[2] != 4 || d[0] < 2 || d[3] < 2 {
		return false
	}
	a, b := g.separators[first], g.separators[first+1]
	return a == '(' && (b == '-' || b == ' ' || b == '.') || a == b && (a == '-' || a == '.')
}

func (g *groups) national() bool {
	fewest, most := 9, 12
	if g.digits[1] == 0 {
		fewest, most = 11, 15 // 00 is the prefix of other countries
	}
	if g.n < fewest || g.n > most || g.count < 2 || g.digits[0] != 0 || g.sizes[0] < 2 || g.sizes[0] > 6 || g.digits[1] == 0 && g.digits[2] == 0 {
		return false
	}
	short := true
	for k, size := range g.sizes[:g.count] {
		if size < 2 || k >= 2 && k < g.count-1 && g.separators[k] != g.separators[1] || k == 0 && g.separators[0] == '.' && g.count < 3 {
			return false
		}
		short = short && size == 2
	}
	if short && g.count != 5 {
		return false // the bytes of something; France writes five pairs
	}
	return !g.date()
}

// date tells whether the groups begin with a day, a month and a year, in
// either order of the first two.
func (g *groups) date() bool {
	if g.count < 3 || g.sizes[0] != 2 || g.sizes[1] != 2 || g.sizes[2] != 4 {
		return false
	}
	d := g.digits
	century := 10*int(d[4]) + int(d[5])
	return d[0] <= 3 && d[2] <= 3 && (century == 19 || century == 20)
}
