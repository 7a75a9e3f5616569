package pii

// card finds the number of a payment card that begins at i: 13 to 19 digits,
// in one piece or in the groups that cards have (4-4-4-4 with up to three more,
// 4-6-5, 4-6-4) with single spaces or hyphens between, whose first digits an
// issuer has and whose check digit is that of ISO/IEC 7812-1 annex B (Luhn).
func card(text []byte, i int) Match {
	if text[i] < '2' || text[i] > '6' || numberBefore(text, i) {
		return Match{} // no issuer has it
	}
	var digits [19]byte
	n, group, groups := 0, 0, [8]int{}
	separator, end := byte(0), i
	for j := i; ; j++ {
		if j < len(text) && digit(text[j]) {
			if n == len(digits) {
				return Match{}
			}
			digits[n] = text[j] - '0'
			n++
			groups[group]++
			end = j + 1
			continue
		}
		// After four groups of four, what follows may be another number.
		if j+1 >= len(text) || text[j] != ' ' && text[j] != '-' || !digit(text[j+1]) || group+1 == len(groups) ||
			separator != 0 && text[j] != separator || groups == [8]int{4, 4, 4, 4} && text[j] == ' ' {
			break
		}
		separator = text[j]
		group++
	}
	if n < 13 || wordAt(text, end) || numberAt(text, end) {
		return Match{}
	}
	switch whole := group == 0; {
	case !whole && !(group == 3 && groups[0] == 4 && groups[1] == 4 && groups[2] == 4 && groups[3] >= 4 && groups[3] <= 7 ||
		group == 4 && groups[0] == 4 && groups[1] == 4 && groups[2] == 4 && groups[3] == 4 ||
		group == 2 && groups[0] == 4 && groups[1] == 6):
		return Match{}
	case whole && n == 13 && ean(digits[:n]):
		return Match{} // the number of an article; those of Germany begin as Visa's do
	}
	if !issued(digits[:n]) || !luhn(digits[:n]) {
		return Match{}
	}
	return Match{Card, i, end}
}

// issuers are the first digits and the lengths of the numbers of large
// networks, as they publish them; the prefixes from and to have equally many
// digits.
var issuers = []struct{ from, to, short, long int }{
	{4, 4, 13, 19},       // Visa
	{51, 55, 16, 16},     // Mastercard
	{2221, 2720, 16, 16}, // Mastercard
	{34, 34, 15, 15},     // American Express
	{37, 37, 15, 15},     // American Express
	{6011, 6011, 16, 19}, // Discover
	{644, 659, 16, 19},   // Discover
	{300, 305, 14, 19},   // Diners Club
	{3095, 3095, 14, 19}, // Diners Club
	{36, 36, 14, 19},     // Diners Club
	{38, 39, 14, 19},     // Diners Club
	{3528, 3589, 16, 19}, // JCB
	{62, 62, 16, 19},     // UnionPay
	{5018, 5018, 13, 19}, // Maestro
	{5020, 5020, 13, 19}, // Maestro
	{5038, 5038, 13, 19}, // Maestro
	{6304, 6304, 13, 19}, // Maestro
	{6759, 6763, 13, 19}, // Maestro
}

func issued(digits []byte) bool {
	n := len(digits)
	for _, x := range issuers {
		prefix := 0
		for k, size := 0, x.from; size > 0; k, size = k+1, size/10 {
			prefix = 10*prefix + int(digits[k])
		}
		// Visa has issued 13, 16 and 19 digits only.
		if x.from <= prefix && prefix <= x.to && x.short <= n && n <= x.long && (x.from != 4 || n%3 == 1) {
			return true
		}
	}
	return false
}

func luhn(digits []byte) bool {
	sum := 0
	for k := range digits {
		d := int(digits[len(digits)-1-k])
		if k%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// ean tells whether 13 digits have the check digit of GS1's article numbers
// (GS1 General Specifications, section 7.9.1).
func ean(digits []byte) bool {
	sum := 0
	for k, d := range digits {
		sum += int(d) * (1 + 2*(k%2))
	}
	return sum%10 == 0
}
