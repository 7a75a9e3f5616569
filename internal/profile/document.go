package profile

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/table"
)

const (
	// APIVersion and Kind are written into every profile.
	APIVersion = "waybill.dev/v1"
	Kind       = "Profile"
	// MaxDocument is the largest profile, in bytes, that is read.
	MaxDocument = 256 << 20

	maxFiles = 100_000
)

// Document is a Summary as people and programs read it, with the state from
// which Summary makes it again. Numbers that were computed have nine
// significant digits, more where the data differs only in later ones.
type Document struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Rows       int64            `json:"rows"`
	Shards     []string         `json:"shards,omitempty"` // i/n, when not all are in
	Files      []DocumentFile   `json:"files"`
	Columns    []DocumentColumn `json:"columns"`
}

// DocumentFile is a file that was read.
type DocumentFile struct {
	Path string `json:"path"`
}

// DocumentColumn is one column. What does not apply to it is absent.
type DocumentColumn struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // of untyped text: the narrowest type that all values fit
	Count int64  `json:"count"` // values: rows that are not null
	Nulls int64  `json:"nulls"`
	NaNs  int64  `json:"nans,omitempty"` // not a number, or infinite; in no statistic
	// Distinct is exact up to MaxDistinct values, fewer in tables of more than
	// 128 columns, else an estimate with a standard error of 0.8 %.
	Distinct         int64              `json:"distinct"`
	DistinctEstimate bool               `json:"distinctEstimate"`
	Min              any                `json:"min,omitempty"` // number or text
	Max              any                `json:"max,omitempty"`
	Mean             *float64           `json:"mean,omitempty"`
	StdDev           *float64           `json:"stddev,omitempty"` // of the sample (n-1)
	Quantiles        map[string]float64 `json:"quantiles,omitempty"`
	// QuantileError bounds the error of quantiles and of the histogram's
	// borders, relative to the number; absent when they are exact.
	QuantileError float64      `json:"quantileError,omitempty"`
	Top           []TopValue   `json:"top"`
	TopError      int64        `json:"topError,omitempty"` // how many rows a count may be too low by
	Histogram     *Histogram   `json:"histogram,omitempty"`
	Lengths       *TextLengths `json:"lengths,omitempty"` // of texts, in characters
	Conforms      *Conforms    `json:"conforms,omitempty"`
	Patterns      []TextShape  `json:"patterns,omitempty"`
	State         []byte       `json:"state"`
}

// TopValue is one of the most frequent values.
type TopValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Histogram has len(Counts)+1 ascending edges; only the last bin includes its
// upper one.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int64   `json:"counts"`
}

// TextLengths are those of texts, in characters.
type TextLengths struct {
	Min  int64   `json:"min"`
	Max  int64   `json:"max"`
	Mean float64 `json:"mean"`
}

// Conforms is which share of texts can be read as something else.
type Conforms struct {
	Integer   float64 `json:"integer"`
	Number    float64 `json:"number"`
	Date      float64 `json:"date"`
	Timestamp float64 `json:"timestamp"` // dates too
	Boolean   float64 `json:"boolean"`
}

// TextShape is how texts look: runs of letters are a, of digits 9.
type TextShape struct {
	Pattern string `json:"pattern"`
	Count   int64  `json:"count"`
}

// Quantiles are those that a profile has, by the names it gives them.
var Quantiles = []string{"0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"}

// Document returns the summary as a document.
func (s *Summary) Document(files []string) *Document {
	d := &Document{APIVersion: APIVersion, Kind: Kind, Rows: s.Rows, Files: []DocumentFile{}, Columns: []DocumentColumn{}}
	for _, f := range files {
		d.Files = append(d.Files, DocumentFile{f})
	}
	for _, c := range s.columns {
		d.Columns = append(d.Columns, c.document())
	}
	return d
}

func (c *columnSummary) document() DocumentColumn {
	out := DocumentColumn{Name: c.name, Count: c.rows - c.nulls, Nulls: c.nulls, Top: []TopValue{}}
	out.State = c.appendState(nil)
	m := c.many
	var top []Count
	if m != nil {
		out.Distinct, out.DistinctEstimate = min(max(m.distinct.estimate(), int64(c.level.distinct())+1), out.Count), true
		top, out.TopError = m.frequent.top(), m.frequent.lost
	} else {
		m = &many{numbers: numbers{spread: newBuckets()}} // without sketches of what is known
		for i := range c.few {
			m.observe(&c.few[i])
			top = append(top, Count{c.few[i].text, c.few[i].rows})
		}
		out.Distinct, top = int64(len(c.few)), firstCounts(top)
	}
	for _, t := range top {
		out.Top = append(out.Top, TopValue{t.Value, t.Rows})
	}
	out.Type = c.shownType(m)
	m.describe(&out)
	return out
}

// shownType is the type of the file, or the narrowest that all texts fit.
func (c *columnSummary) shownType(m *many) string {
	n := c.rows - c.nulls
	f := &m.conforming
	switch {
	case c.typ != (table.Type{}).String() || n == 0:
		return c.typ
	case f.integers == n && m.numbers.max < 1<<63:
		return "int64"
	case f.integers == n && m.numbers.min >= 0:
		return "uint64"
	case f.numbers == n:
		return "float64"
	case f.bools == n:
		return "bool"
	case f.dates == n:
		return "date"
	case f.times == n:
		return "timestamp"
	}
	return "string"
}

func (m *many) describe(out *DocumentColumn) {
	texts := m.texts > 0 && out.Type != "decimal"
	if numeric := out.Type != "string" && out.Type != "bytes"; numeric && m.numbers.count+m.numbers.nans == out.Count && out.Count > 0 {
		m.numbers.describe(out)
		texts = false
	} else if out.Count > 0 {
		out.Min, out.Max = m.minText, m.maxText
	}
	if !texts {
		return
	}
	share := func(n int64) float64 { return round(float64(n)/float64(m.texts), 1) }
	out.Lengths = &TextLengths{m.minLength, m.maxLength, round(float64(m.chars)/float64(m.texts), float64(m.maxLength-m.minLength))}
	f := &m.conforming
	out.Conforms = &Conforms{share(f.integers), share(f.numbers), share(f.dates), share(f.times), share(f.bools)}
	for _, s := range m.shapes.top() {
		out.Patterns = append(out.Patterns, TextShape{s.Value, s.Rows})
	}
}

func (s *numbers) describe(out *DocumentColumn) {
	out.NaNs = s.nans
	if s.count == 0 {
		return
	}
	out.Min, out.Max = s.min, s.max
	spread := s.max - s.min
	if _, mean, deviation := moments(&s.sum, &s.sq, s.count); !math.IsNaN(mean) && !math.IsInf(mean, 0) {
		mean = round(mean, spread)
		out.Mean = &mean
		if deviation = round(deviation, 0); !math.IsNaN(deviation) && !math.IsInf(deviation, 0) {
			out.StdDev = &deviation
		}
	}
	sorted := s.spread.sorted(s.min, s.max)
	out.QuantileError = s.spread.bound()
	out.Quantiles = map[string]float64{}
	for _, name := range Quantiles {
		q, _ := strconv.ParseFloat(name, 64)
		out.Quantiles[name] = round(quantile(sorted, s.count, q), spread)
	}
	edges, counts := histogram(sorted, s.min, s.max)
	for i := 1; i < len(edges)-1; i++ {
		edges[i] = round(edges[i], spread)
	}
	out.Histogram = &Histogram{edges, counts}
}

// round keeps nine significant digits of v, and as many more as v is larger
// than the spread of the data, in powers of ten: of instants in milliseconds,
// a day differs only in the sixth digit. 0 is no spread.
func round(v, spread float64) float64 {
	digits := 9
	if spread > 0 {
		digits = min(17, digits+max(0, exponent10(v)-exponent10(spread)))
	}
	out, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	return out
}

func exponent10(v float64) int {
	text := strconv.FormatFloat(v, 'e', 0, 64)
	e, _ := strconv.Atoi(text[strings.IndexByte(text, 'e')+1:])
	return e
}

// Read reads a document, which may come from anybody.
func Read(r io.Reader) (*Document, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("not a profile: larger than %d MiB", MaxDocument>>20)
	}
	d := &Document{}
	b, states := cutStates(b)
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("not a profile: %w", err)
	}
	if err := d.putStates(states); err != nil {
		return nil, err
	}
	switch {
	case d.APIVersion != APIVersion || d.Kind != Kind:
		return nil, fmt.Errorf("not a profile: apiVersion %.40q and kind %.40q, expected %q and %q; \"waybill profile --format json\" writes one", d.APIVersion, d.Kind, APIVersion, Kind)
	case d.Rows < 0 || d.Rows > maxCount:
		return nil, fmt.Errorf("not a profile: %d rows", d.Rows)
	case len(d.Columns) > table.MaxColumns || len(d.Files) > maxFiles || len(d.Shards) > maxFiles:
		return nil, fmt.Errorf("not a profile: %d columns of %d files", len(d.Columns), len(d.Files))
	}
	return d, nil
}

// cutState is the first byte of what stands for a state that was cut out: no
// version of a state.
const cutState = 0xff

// cutStates takes the states out of a document, of which they are nearly all:
// encoding/json looks at every byte several times. Before each stands a key,
// since a quote within a string would have a backslash before it.
func cutStates(b []byte) (rest []byte, states [][]byte) {
	key := []byte(`"state":`)
	rest = make([]byte, 0, len(b)/4)
	for {
		at := bytes.Index(b, key)
		if at < 0 {
			return append(rest, b...), states
		}
		isKey := at > 0 && strings.IndexByte(" \n\r\t{,", b[at-1]) >= 0
		at += len(key)
		if at < len(b) && b[at] == ' ' {
			at++
		}
		rest, b = append(rest, b[:at]...), b[at:]
		if !isKey || len(b) == 0 || b[0] != '"' {
			continue
		}
		end := 1 + bytes.IndexByte(b[1:], '"')
		if end == 0 || bytes.IndexByte(b[:end], '\\') >= 0 {
			continue
		}
		rest = append(rest, '"')
		rest = base64.StdEncoding.AppendEncode(rest, binary.LittleEndian.AppendUint32([]byte{cutState}, uint32(len(states))))
		states = append(states, b[1:end])
		b = b[end:]
	}
}

// putStates puts back what cutStates took.
func (d *Document) putStates(states [][]byte) error {
	for i := range d.Columns {
		c := &d.Columns[i]
		if len(c.State) != 5 || c.State[0] != cutState {
			continue
		}
		at := binary.LittleEndian.Uint32(c.State[1:])
		if int64(at) >= int64(len(states)) {
			continue // nobody's state
		}
		state, err := base64.StdEncoding.AppendDecode(nil, states[at])
		if err != nil {
			return fmt.Errorf("not a profile: the state of column %.80q is not base64: %w", c.Name, err)
		}
		c.State = state
	}
	return nil
}

// Summary makes the summary again, from the states alone: whatever else the
// document says is not believed.
func (d *Document) Summary() (*Summary, error) {
	s := NewSummary()
	s.Rows = d.Rows
	for _, c := range d.Columns {
		if s.byName[c.Name] != nil {
			return nil, fmt.Errorf("two columns are called %.80q", c.Name)
		}
		column, err := decodeState(c.Name, c.State, d.Rows)
		if err != nil {
			return nil, fmt.Errorf("column %.80q: %w", c.Name, err)
		}
		column.raise(levelOf(len(d.Columns)))
		s.columns = append(s.columns, column)
		s.byName[c.Name] = column
	}
	s.leveled = len(s.columns)
	return s, nil
}

// Merger makes one document of many, of which it holds one at a time.
type Merger struct {
	total         *Summary
	files, shards []string
	seen          map[string]bool
}

// NewMerger returns a merger of no documents.
func NewMerger() *Merger { return &Merger{total: NewSummary(), seen: map[string]bool{}} }

// Add merges d. A shard that was added before, of the same files, is refused:
// its rows would count twice.
func (m *Merger) Add(d *Document) error {
	s, err := d.Summary()
	if err != nil {
		return err
	}
	if m.total.Rows+s.Rows > maxCount {
		return fmt.Errorf("more than %d rows", int64(maxCount))
	}
	paths := make([]string, len(d.Files))
	for i, f := range d.Files {
		paths[i] = f.Path
	}
	for _, shard := range d.Shards {
		key := shard + "\x00" + strings.Join(paths, "\x00")
		if m.seen[key] {
			return fmt.Errorf("shard %.40s of the same files is there twice", shard)
		}
		m.seen[key] = true
		m.shards = append(m.shards, shard)
	}
	for _, p := range paths {
		if !m.seen["file\x00"+p] {
			m.seen["file\x00"+p] = true
			m.files = append(m.files, p)
		}
	}
	m.total.Merge(s)
	return nil
}

// Document returns what was merged.
func (m *Merger) Document() *Document {
	d := m.total.Document(m.files)
	d.Shards = incomplete(m.shards)
	return d
}

// incomplete returns the shards, or none when they are all.
func incomplete(shards []string) []string {
	shards = slices.Compact(slices.Sorted(slices.Values(shards)))
	if len(shards) > 0 && strings.HasSuffix(shards[0], "/"+strconv.Itoa(len(shards))) {
		return nil
	}
	return shards
}
