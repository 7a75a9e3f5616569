package infer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

const (
	maxColumns = 1000 // declared; nobody reads more
	maxName    = 100  // characters
	leastRows  = 20   // before "all are different" or "none is missing" means something
	maxKey     = 64   // characters, of keys that are text

	maxCategories   = 20
	leastOfCategory = 2
	meanOfCategory  = 5
	maxCategory     = 40 // characters
)

// column is what is proposed for one column.
type column struct {
	profile.DocumentColumn
	typ    string   // as manifests name it; "" when that is not certain
	unique bool     // all values are different
	key    bool     // and identify a row
	values []string // as YAML, the only ones there are
	least  int64    // rows that the rarest of values has
}

func (w *writer) column(d profile.DocumentColumn) *column {
	c := &column{DocumentColumn: d, typ: typeOf(d, w.texts[d.Name])}
	whole := strings.HasPrefix(c.typ, "int") || strings.HasPrefix(c.typ, "uint")
	different := !d.DistinctEstimate && d.Distinct == d.Count || w.unique[d.Name]
	c.unique = different && d.Count >= leastRows && (whole || c.typ == "string")
	c.key = c.unique && (whole || keyName(d.Name) || d.Lengths == nil || d.Lengths.Max <= maxKey)
	if whole || c.typ == "string" {
		c.categories(whole)
	}
	return c
}

// typeOf returns the narrowest type that every value is of, but text where
// digits look like names, and "" where files or JSON values differ.
func typeOf(d profile.DocumentColumn, t *textFacts) string {
	if d.Count == 0 || t == nil {
		if d.Count > 0 && slices.Contains(manifest.ColumnTypes, d.Type) {
			return d.Type
		}
		return ""
	}
	only := func(kinds ...table.Kind) bool {
		for k := range t.kinds {
			if !slices.Contains(kinds, k) {
				return false
			}
		}
		return true
	}
	numeric := strings.HasPrefix(d.Type, "int") || strings.HasPrefix(d.Type, "uint") || d.Type == "float64"
	switch {
	case !slices.Contains(manifest.ColumnTypes, d.Type):
		return "" // mixed
	case only(table.Untyped):
		if numeric && (t.padded || t.long) {
			return "string"
		}
		return d.Type
	case only(table.Int):
		if numeric {
			return d.Type
		}
	case only(table.Int, table.Float):
		return "float64"
	case only(table.Bool):
		return "bool"
	case only(table.List):
		return "list"
	case only(table.Struct):
		return "struct"
	case only(table.String):
		if d.Type == "date" || d.Type == "timestamp" {
			return d.Type
		}
		return "string"
	}
	return ""
}

// keyName tells whether a name says that a column identifies rows: id,
// user_id, userId, key, uuid.
func keyName(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains([]string{"id", "key", "uuid"}, w) }) || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID")
}

// categories sets values where the column has few of them, often, and all
// are short. They are the only values of the data that a proposal shows.
func (c *column) categories(whole bool) {
	d := c.DocumentColumn
	n := len(d.Top)
	if n == 0 || d.DistinctEstimate || d.Distinct != int64(n) || n > maxCategories || d.Count < max(meanOfCategory*d.Distinct, leastRows) || d.Top[n-1].Count < leastOfCategory {
		return
	}
	values, top := []string{}, slices.Clone(d.Top)
	if whole {
		sorting.By(top, func(a, b profile.TopValue) int {
			i, _ := table.ParseInt([]byte(a.Value))
			j, _ := table.ParseInt([]byte(b.Value))
			return cmp.Compare(i, j)
		})
	}
	for _, t := range top {
		v := t.Value
		if utf8.RuneCountInString(v) > maxCategory || !writable(v) {
			return
		}
		if whole {
			if i, ok := table.ParseInt([]byte(v)); !ok || i >= 1<<53 || i <= -1<<53 {
				return
			}
			values = append(values, v)
			continue
		}
		values = append(values, scalar(v))
	}
	c.values, c.least = values, d.Top[n-1].Count
}

// whyNot returns why a column cannot be declared, "" if it can.
func (w *writer) whyNot(d profile.DocumentColumn) string {
	switch {
	case d.Name == "":
		return "has no name"
	case utf8.RuneCountInString(d.Name) > maxName:
		return "has a name too long to write here"
	case !writable(d.Name):
		return "has a name that is not text"
	case w.filesOf[d.Name] < w.files:
		return "is not in all of the files"
	}
	return ""
}
