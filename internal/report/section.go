package report

// Section is a piece of a report that is not a finding: a diff, a profile, an
// evaluation, the state of a ledger. Exactly one of Table, Intervals,
// Histogram, Curves, Matrix and Text is set.
type Section struct {
	Title     string     `json:"title,omitempty"`
	Table     *Table     `json:"table,omitempty"`
	Intervals *Intervals `json:"intervals,omitempty"`
	Histogram *Histogram `json:"histogram,omitempty"`
	Curves    *Curves    `json:"curves,omitempty"`
	Matrix    *Matrix    `json:"matrix,omitempty"`
	Text      *string    `json:"text,omitempty"`
}

// Align says how a table's column is set.
type Align string

const (
	Left  Align = "left"
	Right Align = "right"
)

// Table is rows of cells, all as text: who makes the table rounds the numbers.
type Table struct {
	Columns []Column   `json:"columns"`
	Rows    [][]string `json:"rows"`
	// Omitted is how many rows were left out to keep the section short.
	Omitted int `json:"omitted,omitempty"`
}

// Column is the head of a table's column.
type Column struct {
	Title string `json:"title"`
	Align Align  `json:"align,omitempty"`
}

// Intervals compares point estimates with their uncertainty on one scale.
type Intervals struct {
	Unit string     `json:"unit,omitempty"`
	Rows []Interval `json:"rows"`
}

// Interval is one line of Intervals. Lower and Upper bound the confidence
// interval; Limit, where set, is the value that decides.
type Interval struct {
	Label   string   `json:"label"`
	Value   float64  `json:"value"`
	Lower   float64  `json:"lower"`
	Upper   float64  `json:"upper"`
	Limit   *float64 `json:"limit,omitempty"`
	Verdict Verdict  `json:"verdict,omitempty"`
}

// Histogram has len(Counts)+1 ascending edges.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int64   `json:"counts"`
}

// TableSection makes a section of a table from titles and rows. A title that
// begins with ">" is right-aligned.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func TableSection(title string, titles []string, rows [][]string) Section {
	t := &Table{Rows: rows}
	for _, c := range titles {
		col := Column{Title: c}
		if len(c) > 0 && c[0] == '>' {
			col = Column{Title: c[1:], Align: Right}
		}
		t.Columns = append(t.Columns, col)
	}
	return Section{Title: title, Table: t}
}

// TextSection makes a section of plain text.
func TextSection(title, text string) Section { return Section{Title: title, Text: &text} }
