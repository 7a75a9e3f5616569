package card

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Count is a number of parameters that the card claims.
type Count struct {
	Value   float64
	Unit    float64 // half of what the last written digit counts: 7B is 6.5 to 7.5 billion
	Written string
	Line    int
}

const number = `(\d{1,3}(?:[,_]\d{3})+|\d{1,15}(?:\.\d{1,6})?)[ ]?(thousand|million|billion|trillion|[kmbt])?`

var (
	// "110M parameters", "66 million trainable params"
	before = regexp.MustCompile(`(?i)(?:^|[^\w.,-])` + number + `[- ](?:[a-z-]{1,20} )?param(?:eter)?s?\b`)
	// "Parameters: 7B", "| Number of parameters | 110M |", "**Parameters:** 7B"
	after = regexp.MustCompile(`(?i)\bparam(?:eter)?s?(?: count| size)?[*_ ]{0,4}[:|=][*_ ]{0,4}~?` + number + `(?:\W|$)`)
	whole = regexp.MustCompile(`(?i)^~?` + number + `(?: param(?:eter)?s)?$`)
)

// counts finds how many parameters the text says the model has: the first 20.
func (c *Card) counts() {
	for line, l := range c.Lines {
		l = l[:min(len(l), 2000)]
		if !strings.Contains(strings.ToLower(l), "param") {
			continue
		}
		for _, form := range []*regexp.Regexp{before, after} {
			for _, m := range form.FindAllStringSubmatch(l, 5) {
				n, ok := toCount(m[1], m[2])
				if !ok || n.Value < 100 {
					continue // hyperparameters, "2 parameters of generate()"
				}
				n.Line = line
				if c.Parameters = append(c.Parameters, n); len(c.Parameters) >= 20 {
					return
				}
			}
		}
	}
}

func parseCount(s string) (Count, bool) {
	m := whole.FindStringSubmatch(strings.TrimSpace(s[:min(len(s), 100)]))
	if m == nil {
		return Count{}, false
	}
	return toCount(m[1], m[2])
}

func toCount(digits, scale string) (Count, bool) {
	plain := strings.NewReplacer(",", "", "_", "").Replace(digits)
	v, err := strconv.ParseFloat(plain, 64)
	if err != nil {
		return Count{}, false
	}
	_, fraction, _ := strings.Cut(plain, ".")
	by := 1.0
	switch strings.ToLower(scale) {
	case "k", "thousand":
		by = 1e3
	case "m", "million":
		by = 1e6
	case "b", "billion":
		by = 1e9
	case "t", "trillion":
		by = 1e12
	}
	n := Count{Value: v * by, Unit: 0.5 * math.Pow10(-len(fraction)) * by, Written: digits}
	if len(scale) > 1 {
		n.Written += " "
	}
	n.Written += scale
	return n, true
}
