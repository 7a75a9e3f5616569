package datacheck

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

const (
	// maxPairs is how many different pairs of value and label are counted of a
	// column.
	maxPairs = 10_000
	// maxPredicted is how many different labels are told apart.
	maxPredicted = 100
	// maxBins is into how many parts of about equal size the numbers of a
	// column are put, and leastBin how many rows such a part has.
	maxBins  = 100
	leastBin = 10
)

// predictors counts, for each of some columns, the rows by value and label.
type predictors struct {
	label   string
	columns []*valueLabels
	rows    map[string]int64 // by label; nil when there are more than maxPredicted
	total   int64            // rows with a label
	text    []byte
	of      []string // labels of a batch, "" for none
}

// valueLabels is the counts of one column.
type valueLabels struct {
	name string
	kind table.Kind
	most int
	// pairs is nil past most. Numbers are put together, all whose upper bits
	// are the same, as far as that takes to have no more; whether and how far
	// depends only on which numbers and labels there are.
	pairs map[valueLabel]int64
	shift uint

	dict *table.Column
	ids  []valueID // by code of dict
}

type valueLabel struct {
	value valueID
	label string
}

// valueID stands for a value.
type valueID struct {
	class  valueClass
	hi, lo uint64 // of a number: bits in its order, 0; of a text: the beginning of its SHA-256
}

type valueClass uint8

const (
	isNull valueClass = iota
	isNumber
	isNoNumber // among numbers: NaN, or a text
	isOther
)

func newPredictors(label string, columns []string, schema table.Schema) func() RowCheck {
	return func() RowCheck {
		p := &predictors{label: label, rows: map[string]int64{}}
		for _, name := range columns {
			kind := schema[schema.Index(name)].Type.Kind
			p.columns = append(p.columns, &valueLabels{name: name, kind: kind, most: maxPairs, pairs: map[valueLabel]int64{}})
		}
		return p
	}
}

func (p *predictors) Observe(b *table.Batch) {
	label := b.Column(p.label)
	if label == nil || p.rows == nil {
		return
	}
	p.of = p.of[:0]
	names := map[string]string{}
	for i := range b.Rows {
		if label.Null(i) {
			p.of = append(p.of, "")
			continue
		}
		p.text = label.AppendText(p.text[:0], i)
		name, ok := names[string(p.text)]
		if !ok {
			name = labelName(p.text)
			names[string(p.text)] = name
		}
		p.of = append(p.of, name)
		p.add(name, 1)
	}
	for _, c := range p.columns {
		if p.rows != nil {
			c.observe(b.Column(c.name), p.of)
		}
	}
}

// labelName is the text of a label with a byte before it, so that it is not
// empty; long ones are known by their hash.
func labelName(text []byte) string {
	if len(text) > 2*maxSample {
		sum := sha256.Sum256(text)
		return "#" + string(sum[:16])
	}
	return "=" + string(text)
}

// add gives up past maxPredicted, which depends only on which labels there are.
func (p *predictors) add(name string, n int64) {
	p.total += n
	if p.rows == nil {
		return
	}
	if p.rows[name] += n; len(p.rows) > maxPredicted {
		p.rows = nil
		for _, c := range p.columns {
			c.pairs = nil
		}
	}
}

func (p *predictors) Merge(later RowCheck) {
	o := later.(*predictors)
	if o.rows == nil {
		p.rows = nil
	}
	for name, n := range o.rows {
		p.add(name, n)
	}
	for i, c := range p.columns {
		c.merge(o.columns[i])
	}
}

// observe counts the rows of a batch that have a label. A column that the file
// lacks has nulls.
func (v *valueLabels) observe(c *table.Column, labels []string) {
	for i, label := range labels {
		if label == "" {
			continue
		}
		if v.pairs == nil {
			return
		}
		v.add(valueLabel{v.id(c, i), label}, 1)
	}
}

func (v *valueLabels) id(c *table.Column, i int) valueID {
	if c == nil || c.Null(i) {
		return valueID{}
	}
	if c.Dict == nil {
		return v.make(c, i)
	}
	// A dictionary: make each value's once.
	if v.dict != c.Dict {
		v.dict, v.ids = c.Dict, v.ids[:0]
	}
	code := int(c.Codes[i])
	for len(v.ids) <= code {
		v.ids = append(v.ids, valueID{})
	}
	if v.ids[code] == (valueID{}) {
		v.ids[code] = v.make(c.Dict, code)
	}
	return v.ids[code]
}

// make returns the ID of a value that is not null.
func (v *valueLabels) make(c *table.Column, i int) valueID {
	switch v.kind {
	case table.Int, table.Uint, table.Float, table.Decimal:
		x, ok := c.Float(i)
		if !ok || math.IsNaN(x) {
			return valueID{class: isNoNumber}
		}
		return valueID{class: isNumber, hi: inOrder64(x)}
	case table.Date, table.Timestamp:
		at, ok := c.When(i)
		if !ok {
			return valueID{class: isNoNumber}
		}
		return valueID{class: isNumber, hi: inOrder64(float64(at.Unix()))}
	}
	sum := sha256.Sum256([]byte(c.Text(i)))
	return valueID{class: isOther, hi: binary.BigEndian.Uint64(sum[:]), lo: binary.BigEndian.Uint64(sum[8:])}
}

// inOrder64 returns bits that are in the order of the numbers.
func inOrder64(x float64) uint64 {
	if x == 0 {
		x = 0 // not -0
	}
	b := math.Float64bits(x)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

func (v *valueLabels) add(k valueLabel, n int64) {
	if v.pairs == nil {
		return
	}
	if k.value.class == isNumber {
		k.value.hi = k.value.hi >> v.shift << v.shift
	}
	v.pairs[k] += n
	for len(v.pairs) > v.most {
		if k.value.class == isOther || v.shift == 63 {
			v.pairs = nil
			return
		}
		v.coarsen(v.shift + 1)
	}
}

// coarsen puts numbers together that differ in the lower bits.
func (v *valueLabels) coarsen(shift uint) {
	if shift <= v.shift {
		return
	}
	v.shift = shift
	pairs := v.pairs
	v.pairs = make(map[valueLabel]int64, len(pairs))
	for k, n := range pairs {
		if k.value.class == isNumber {
			k.value.hi = k.value.hi >> shift << shift
		}
		v.pairs[k] += n
	}
}

func (v *valueLabels) merge(o *valueLabels) {
	if v.pairs == nil || o.pairs == nil {
		v.pairs = nil
		return
	}
	v.coarsen(o.shift)
	for k, n := range o.pairs {
		v.add(k, n)
	}
}

// bin is the rows that a prediction takes as alike, by label.
type bin struct {
	rows   int64
	labels map[string]int64
}

// bins puts values together: each on its own or, when there are many numbers
// for the rows, neighbours in parts of about equal size. Labels have no say in
// that.
func (v *valueLabels) bins() []bin {
	byValue := map[valueID]*bin{}
	total := int64(0)
	for k, n := range v.pairs {
		b := byValue[k.value]
		if b == nil {
			b = &bin{labels: map[string]int64{}}
			byValue[k.value] = b
		}
		b.rows += n
		b.labels[k.label] += n
		if k.value.class == isNumber {
			total += n
		}
	}
	var values []valueID
	numbers := int64(0)
	for id := range byValue {
		values = append(values, id)
		if id.class == isNumber {
			numbers++
		}
	}
	sorting.By(values, func(a, b valueID) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
	})
	parts := max(1, min(maxBins, total/leastBin))
	var out []bin
	before, last := int64(0), int64(-1)
	for _, id := range values {
		b := byValue[id]
		if id.class != isNumber || numbers <= parts {
			out = append(out, *b)
			continue
		}
		part := int64(float64(before) / float64(total) * float64(parts))
		if before += b.rows; part != last {
			out, last = append(out, *b), part
			continue
		}
		into := &out[len(out)-1]
		into.rows += b.rows
		for label, n := range b.labels {
			into.labels[label] += n
		}
	}
	return out
}

// score tells how well the bins of a column predict each of the labels given
// from the other rows: the area under the ROC curve, 0.5 for no better than
// chance and 1 for certainty, averaged over the labels by their rows (each
// against all others, as scikit-learn's roc_auc_score does with
// multi_class="ovr" and average="weighted"): an unweighted mean would let a few
// misspelled labels hide what is known of the rest. ok is false when most rows
// share their bin with no other, from which nothing can be predicted.
func score(bins []bin, labels []string) (auc float64, ok bool) {
	alone, total := int64(0), int64(0)
	for _, b := range bins {
		total += b.rows
		if b.rows == 1 {
			alone++
		}
	}
	if 2*alone > total || len(labels) == 0 {
		return 0, false
	}
	sum, rows := 0.0, int64(0)
	for _, label := range labels {
		with := int64(0)
		for _, b := range bins {
			with += b.labels[label]
		}
		rows += with
		sum += float64(pairAUC(bins, label, total) * float64(with))
	}
	return sum / float64(rows), true
}

// pairAUC is the area under the ROC curve by leave-pair-out cross-validation:
// of all pairs of a row with the label and a row without, the share in which
// the first one's bin, with both rows left out, has the label more often. Ties
// count half. It is exact, needs no random halves, and an uninformative column
// gets 0.5 however many values it has: A. Airola, T. Pahikkala, W. Waegeman,
// B. De Baets, T. Salakoski, "An experimental comparison of cross-validation
// techniques for estimating the area under the ROC curve" (2011).
func pairAUC(bins []bin, label string, total int64) float64 {
	type point struct {
		score   float64
		with    int64
		without int64
	}
	with := int64(0)
	for _, b := range bins {
		with += b.labels[label]
	}
	prior := float64(with-1) / float64(total-2)
	rate := func(hits, rows int64) float64 {
		if rows == 0 {
			return prior
		}
		return float64(hits) / float64(rows)
	}
	var points []point
	won := 0.0 // in halves, so that it is a whole number
	for _, b := range bins {
		k := b.labels[label]
		if k > 0 {
			points = append(points, point{score: rate(k-1, b.rows-1), with: k})
		}
		if k < b.rows {
			points = append(points, point{score: rate(k, b.rows-1), without: b.rows - k})
		}
		// Two rows of one bin have the same score when both are left out; below,
		// the row with the label has the lower one.
		won += float64(k * (b.rows - k))
	}
	sorting.By(points, func(a, b point) int { return cmp.Compare(a.score, b.score) })
	below := int64(0)
	for from := 0; from < len(points); {
		to, w, wo := from, int64(0), int64(0)
		for ; to < len(points) && points[to].score == points[from].score; to++ {
			w += points[to].with
			wo += points[to].without
		}
		won += float64(w * (2*below + wo))
		below += wo
		from = to
	}
	return won / float64(2*with*(total-with))
}
