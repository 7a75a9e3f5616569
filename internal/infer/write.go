package infer

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// maxPart is how many bytes columns: and checks: may each have: a manifest
// has at most 1 MiB.
const maxPart = 400 << 10

// writer writes a proposal as YAML. It is text, not a tree that is marshalled,
// because each line says in a comment what it was concluded from.
type writer struct {
	unique  map[string]bool // columns of many values, all different
	doc     *profile.Document
	texts   map[string]*textFacts
	splits  []string // those with rows
	files   int
	filesOf map[string]int // by column: how many have it

	out      bytes.Buffer
	declared []*column
	checks   int
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.out, format+"\n", args...)
}

func (w *writer) proposal() *Proposal {
	w.line("# Proposed from %s of %s: edit it. Every line holds for them, not for what is to come.", count(w.doc.Rows, "row"), count(int64(w.files), "file"))
	why, reasons := map[string]int{}, []string{}
	for _, d := range w.doc.Columns {
		reason := w.whyNot(d)
		if reason == "" && (len(w.declared) == maxColumns || w.out.Len() > maxPart) {
			reason = fmt.Sprintf("comes after the first %s", count(int64(len(w.declared)), "column"))
		}
		if reason != "" {
			if why[reason]++; why[reason] == 1 {
				reasons = append(reasons, reason)
			}
			continue
		}
		if len(w.declared) == 0 {
			w.line("columns:")
		}
		c := w.column(d)
		w.declared = append(w.declared, c)
		w.declare(c)
	}
	for _, reason := range reasons {
		n := why[reason]
		if n > 1 {
			verb, rest, _ := strings.Cut(reason, " ")
			reason = map[string]string{"is": "are", "has": "have", "comes": "come"}[verb] + " " + rest
		}
		w.line("# Left out: %s, which %s.", count(int64(n), "column"), reason)
	}
	w.writeChecks()
	return &Proposal{Rows: w.doc.Rows, Columns: len(w.declared), Checks: w.checks, LeftOut: len(w.doc.Columns) - len(w.declared), YAML: w.out.Bytes()}
}

func (w *writer) declare(c *column) {
	w.line("  - name: %s", scalar(c.Name))
	switch {
	case c.typ == "string" && c.Type == "float64" && w.texts[c.Name].long:
		w.line("    type: string # all are numbers, but of more digits than a number keeps")
	case c.typ == "string" && c.Type != c.typ:
		w.line("    type: string # all looks like %s, but is written as text: in quotes, or as in 007", c.Type)
	case c.typ != "":
		w.line("    type: %s", c.typ)
	case c.Count == 0:
		w.line("    # no type: there was no value")
	default:
		w.line("    # no type: values of several kinds, or of one that has no name here")
	}
	switch {
	case c.Nulls == 0 && w.doc.Rows >= leastRows:
		w.line("    nullable: false # no value was missing")
	case c.Nulls > 0:
		w.line("    # %s missing", were(c.Nulls, "value"))
	}
	if c.unique && c.key {
		w.line("    unique: true # %s, all different", count(c.Count, "value"))
	}
	if c.values != nil {
		w.line("    values: [%s] # each was there at least %s times", strings.Join(c.values, ", "), report.Thousands(c.least))
	}
}

func (w *writer) writeChecks() {
	w.line("checks:")
	if w.doc.Rows < leastRows {
		w.check("table.rows, min: 1", were(w.doc.Rows, "row")+" there, too few to propose more")
		return
	}
	w.check(fmt.Sprintf("table.rows, min: %d", w.doc.Rows/10*9+w.doc.Rows%10*9/10), were(w.doc.Rows, "row")+" there; this is 90 %")
	w.overlaps()
	for i, c := range w.declared {
		if w.out.Len() > 2*maxPart {
			w.line("  # no checks for the last %s: they would be too many", count(int64(len(w.declared)-i), "column"))
			return
		}
		w.columnChecks(c)
	}
}

// check writes an entry and why it is there.
func (w *writer) check(entry, why string) {
	w.line("  - {check: %s} # %s", entry, why)
	w.checks++
}

func (w *writer) columnChecks(c *column) {
	name := scalar(c.Name)
	low, isNumber := c.Min.(float64)
	high, _ := c.Max.(float64)
	switch {
	case c.values != nil:
	case c.typ == "string" && c.Lengths != nil:
		w.check(fmt.Sprintf("text.length, column: %s, max: %d, mostly: 0.99", name, roundAbove(c.Lengths.Max)), "the longest had "+report.Thousands(c.Lengths.Max))
	case c.key, !isNumber, c.NaNs > 0, low < 0, !numeric(c.typ):
	case strings.HasPrefix(c.typ, "float") && high <= 1:
		w.check("column.range, column: "+name+", min: 0, max: 1, severity: warning", "all were from 0 to 1")
	default:
		w.check("column.range, column: "+name+", min: 0, severity: warning", "none was negative")
	}
}

// overlaps proposes that splits share no rows: in a column whose values are all
// different, where that is so, and in the longest text as a comment, because
// nobody has looked.
func (w *writer) overlaps() {
	var unique, text *column
	for _, c := range w.declared {
		switch {
		case c.unique:
			if unique == nil || longest(c) > longest(unique) {
				unique = c
			}
		case c.typ == "string" && c.values == nil:
			if text == nil || longest(c) > longest(text) {
				text = c
			}
		}
	}
	// What models learn from is named first.
	order := slices.Clone(w.splits)
	sorting.Stable(order, func(a, b string) int { return rank(a) - rank(b) })
	for i, first := range order {
		for _, second := range order[i+1:] {
			entry := fmt.Sprintf("split.overlap, between: [%s, %s], column: ", scalar(first), scalar(second))
			if unique != nil {
				w.check(entry+scalar(unique.Name), "all values were different")
			}
			if text != nil {
				w.line("  # Not known; remove the # to know:\n  # - {check: %s%s}", entry, scalar(text.Name))
			}
		}
	}
}

func longest(c *column) int64 {
	if c.Lengths == nil {
		return 0
	}
	return c.Lengths.Max
}

func rank(split string) int {
	if split == "train" {
		return 0
	}
	return 1
}

func numeric(typ string) bool {
	return typ == "decimal" || strings.HasPrefix(typ, "int") || strings.HasPrefix(typ, "uint") || strings.HasPrefix(typ, "float")
}

// roundAbove returns the first power of two or ten above n.
func roundAbove(n int64) int64 {
	two, ten := int64(2), int64(10)
	for two <= n {
		two *= 2
	}
	for ten <= n {
		ten *= 10
	}
	return min(two, ten)
}

var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// scalar is text as YAML, quoted unless it is a word that YAML reads as text,
// in version 1.1 too.
func scalar(s string) string {
	var v any
	if plain.MatchString(s) && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(s)) && yaml.Unmarshal([]byte(s), &v) == nil && v == any(s) {
		return s
	}
	// The escapes of Go are those of YAML, but for bytes that are not text.
	return strconv.Quote(s)
}

// writable tells whether scalar can write s such that it is read again.
func writable(s string) bool { return utf8.ValidString(s) }

func count(n int64, noun string) string {
	return report.Thousands(n) + " " + noun + cond(n == 1, "", "s")
}

func were(n int64, noun string) string { return count(n, noun) + cond(n == 1, " was", " were") }

func cond(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}
