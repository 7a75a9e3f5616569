package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/report"
)

var jsonFormat = format{name: "json", report: jsonReport, sections: jsonSections}

func jsonReport(b *bytes.Buffer, r *report.Report, _ Options) error { return writeJSON(b, r) }

func jsonSections(b *bytes.Buffer, sections []report.Section, _ Options) error {
	if sections == nil {
		sections = []report.Section{}
	}
	return writeJSON(b, struct {
		APIVersion string           `json:"apiVersion"`
		Sections   []report.Section `json:"sections"`
	}{report.APIVersion, sections})
}

// writeJSON writes v as encoding/json has it, indented. Characters that would
// act on a terminal and that JSON leaves as they are (C1 controls, bidirectional
// overrides) are written as \uXXXX: the value is the same.
func writeJSON(b *bytes.Buffer, v any) error {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	p := plain.Bytes()
	from := 0
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r > 0x7e && acts(r) {
			b.Write(p[from:i])
			if r >= 0x10000 {
				hi, lo := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
				fmt.Fprintf(b, `\u%04x\u%04x`, hi, lo)
			} else {
				fmt.Fprintf(b, `\u%04x`, r)
			}
			from = i + size
		}
		i += size
	}
	b.Write(p[from:])
	return nil
}
