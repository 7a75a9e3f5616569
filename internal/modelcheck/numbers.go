package modelcheck

import (
	"strconv"

	"github.com/waybill-dev/waybill/internal/report"
)

// size writes bytes for people, in the SI units that manifests use, with three
// digits after the point at most.
func size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return count(int(n), "byte")
	}
	value, unit := float64(n), -1
	for value >= 999.9995 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	return strconv.FormatFloat(float64(int64(value*1000+0.5))/1000, 'f', -1, 64) + " " + units[unit:unit+1] + "B"
}

// beside is size, or all digits where rounding would make n look like the
// limit that it differs from.
func beside(n, limit int64) string {
	if n != limit && size(n) == size(limit) {
		return report.Thousands(n) + " bytes"
	}
	return size(n)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return report.Thousands(int64(n)) + " " + what + "s"
}
