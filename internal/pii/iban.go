package pii

// ibanLengths are those of SWIFT's IBAN registry, release 99.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
	"CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22,
	"GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30,
	"KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
	"MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
	"RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
	"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// iban finds the bank account whose country stands before the digit at i: in
// capitals, in one piece or in groups of four with spaces between, of the
// country's length, and 1 modulo 97 (ISO 13616-1, and ISO/IEC 7064 MOD 97-10).
func iban(text []byte, i int) Match {
	start := i - 2
	if start < 0 || i+1 >= len(text) || !upper(text[start]) || !upper(text[start+1]) || !digit(text[i+1]) || wordBefore(text, start) {
		return Match{}
	}
	want := ibanLengths[string(text[start:i])]
	if want == 0 {
		return Match{}
	}
	var account [34]byte
	n, j := 0, start
	grouped := start+4 < len(text) && text[start+4] == ' '
	for ; n < want; j++ {
		if grouped && n > 0 && n%4 == 0 {
			if j >= len(text) || text[j] != ' ' {
				return Match{}
			}
			j++
		}
		if j >= len(text) || !digit(text[j]) && !upper(text[j]) {
			return Match{}
		}
		account[n] = text[j]
		n++
	}
	if wordAt(text, j) {
		return Match{}
	}
	rest := 0
	for k := range want {
		c := account[(k+4)%want]
		if digit(c) {
			rest = (10*rest + int(c-'0')) % 97
		} else {
			rest = (100*rest + int(c-'A') + 10) % 97
		}
	}
	if rest != 1 {
		return Match{}
	}
	return Match{IBAN, start, j}
}
