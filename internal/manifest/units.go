package manifest

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var sizeRE = regexp.MustCompile(`^([0-9]{1,19}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)$`)

var sizeUnits = map[string]int64{
	"": 1, "B": 1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50,
}

// ParseSize reads a number of bytes: "512", "200MB" (SI, 200,000,000) or
// "1.5GiB" (binary). It refuses what is not a whole number of bytes.
func ParseSize(s string) (int64, error) {
	bad := func(why string) (int64, error) {
		return 0, fmt.Errorf("size %q: %s; write it like 512, 200MB or 1.5GiB", clip(s), why)
	}
	m := sizeRE.FindStringSubmatch(s)
	if m == nil {
		return bad("not a number with a unit")
	}
	unit, ok := sizeUnits[m[2]]
	if !ok {
		for known := range sizeUnits {
			if strings.EqualFold(known, m[2]) && known != "KB" {
				return bad(fmt.Sprintf("unknown unit %q, perhaps %q was meant", clip(m[2]), known))
			}
		}
		return bad(fmt.Sprintf("unknown unit %q", clip(m[2])))
	}
	n, ok := new(big.Rat).SetString(m[1]) // at most 28 digits, no exponent
	if !ok {
		return bad("not a number")
	}
	n.Mul(n, new(big.Rat).SetInt64(unit))
	switch {
	case !n.IsInt():
		return bad("not a whole number of bytes")
	case !n.Num().IsInt64():
		return bad("too large")
	}
	return n.Num().Int64(), nil
}

var durationRE = regexp.MustCompile(`^(?:([0-9]{1,9})d)?((?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|m|s))*)$`)

// ParseDuration reads a span of time like "90m", "24h", "7d" or "1d12h". A day
// is 24 hours. It refuses negative spans and those beyond 290 years.
func ParseDuration(s string) (time.Duration, error) {
	bad := func(why string) (time.Duration, error) {
		return 0, fmt.Errorf("duration %q: %s; write it like 90m, 24h or 7d", clip(s), why)
	}
	m := durationRE.FindStringSubmatch(s)
	if m == nil || s == "" {
		return bad("not a number with a unit")
	}
	var total time.Duration
	if m[1] != "" {
		days, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || days > math.MaxInt64/int64(24*time.Hour) {
			return bad("too long")
		}
		total = time.Duration(days) * 24 * time.Hour
	}
	if m[2] != "" {
		rest, err := time.ParseDuration(m[2])
		if err != nil || rest > math.MaxInt64-total {
			return bad("too long")
		}
		total += rest
	}
	return total, nil
}

// parseDate reads a day as midnight UTC.
func parseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("date %q: expected a day like 2026-12-20", clip(s))
	}
	return t, nil
}
