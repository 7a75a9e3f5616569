package parity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

const (
	// maxKeys is how many rows with a key a comparison remembers,
	// maxPending how many bytes of rows that wait for their counterpart.
	maxKeys    = 50_000_000
	maxPending = 512 << 20
)

// cursor reads a file row by row.
type cursor struct {
	r       table.Reader
	columns []string
	key     string

	batch  *table.Batch
	at     int             // of batch
	values []*table.Column // of batch
	keys   *table.Column
	done   bool   // the last row was read
	text   []byte // of the key
	cells  []cell
}

func open(ctx context.Context, f table.File, columns []string, key string) (*cursor, error) {
	read := columns
	if key != "" {
		read = append([]string{key}, columns...)
	}
	r, err := table.Open(ctx, f, table.Options{Columns: read})
	if err != nil {
		return nil, err
	}
	return &cursor{r: r, columns: columns, key: key, cells: make([]cell, len(columns)), values: make([]*table.Column, len(columns))}, nil
}

// next goes to the next row; more is false after the last.
func (c *cursor) next() (more bool, err error) {
	if c.done {
		return false, nil
	}
	c.at++
	for c.batch == nil || c.at >= c.batch.Rows {
		c.batch, err = c.r.Next()
		if err == io.EOF {
			c.done = true
			return false, nil
		} else if err != nil {
			return false, err
		}
		c.at = 0
		for i, name := range c.columns {
			c.values[i] = c.batch.Column(name)
		}
		c.keys = c.batch.Column(c.key)
	}
	for i, column := range c.values {
		c.cells[i].read(column, c.at)
	}
	if c.keys != nil {
		c.text = c.keys.AppendText(c.text[:0], c.at)
	}
	return true, nil
}

func (c *cursor) row() int64 { return c.batch.Row(c.at) }

// noKey tells that the row has no key.
func (c *cursor) noKey() bool { return c.keys == nil || c.keys.Null(c.at) }

func (c *cell) read(column *table.Column, i int) {
	c.null = column == nil || column.Null(i)
	if c.null {
		return
	}
	c.number, c.isNumber = column.Float(i)
	if c.text = column.Bytes(i); c.text == nil && !c.isNumber {
		c.text = column.AppendText(nil, i)
	}
}

// rows compares all rows.
func (c *comparison) rows(ctx context.Context, columns []string) error {
	a, err := open(ctx, c.spec.A, columns, c.spec.Key)
	if err != nil {
		return err
	}
	defer a.r.Close()
	b, err := open(ctx, c.spec.B, columns, c.spec.Key)
	if err != nil {
		return err
	}
	defer b.r.Close()
	if c.spec.Key == "" {
		return c.byPosition(a, b)
	}
	m := &matching{comparison: c, seen: make(map[id]uint8)}
	return m.run(a, b)
}

func (c *comparison) judge(a, b []cell, rowA, rowB int64, key []byte) {
	c.result.Rows++
	for i := range c.judges {
		c.judges[i].row(a[i], b[i], rowA, rowB, key)
	}
}

func (c *comparison) byPosition(a, b *cursor) error {
	var rowsA, rowsB int64
	for {
		moreA, err := a.next()
		if err != nil {
			return err
		}
		moreB, err := b.next()
		if err != nil {
			return err
		}
		if moreA {
			rowsA++
		}
		if moreB {
			rowsB++
		}
		switch {
		case moreA && moreB:
			c.judge(a.cells, b.cells, a.row(), b.row(), nil)
		case !moreA && !moreB:
			if rowsA != rowsB {
				c.problem("%s has %s and %s has %s; without a key, rows are compared by position",
					c.spec.A.Name, report.Count(rowsA, "row"), c.spec.B.Name, report.Thousands(rowsB))
			}
			return nil
		}
	}
}

// id is the hash of a key.
type id [16]byte

// matching pairs rows by key. Rows wait in pending until their counterpart
// comes.
type matching struct {
	*comparison
	seen         map[id]uint8 // 1: in A, 2: in B
	pending      [2]map[id]waiting
	pendingBytes int
	twice, null  [2]counted
	full         bool
}

type waiting struct {
	row   int64
	cells []cell
	bytes int
}

// counted is how many rows have a fault, and the first of them.
type counted struct{ rows, first int64 }

func (c *counted) add(row int64) {
	if c.rows++; c.rows == 1 {
		c.first = row
	}
}

func (m *matching) run(a, b *cursor) error {
	m.pending = [2]map[id]waiting{{}, {}}
	sides := [2]*cursor{a, b}
	more := [2]bool{true, true}
	for (more[0] || more[1]) && !m.full {
		var ids [2]id
		var fresh [2]bool
		for i, side := range sides {
			if !more[i] {
				continue
			}
			var err error
			if more[i], err = side.next(); err != nil {
				return err
			}
			if more[i] {
				ids[i], fresh[i] = m.identify(i, side)
			}
		}
		if fresh[0] && fresh[1] && ids[0] == ids[1] {
			m.judge(a.cells, b.cells, a.row(), b.row(), a.text)
			continue
		}
		for i, side := range sides {
			if fresh[i] {
				m.match(i, side, ids[i])
			}
		}
	}
	m.report()
	return nil
}

// identify hashes the key of a row, and tells whether the row is to be
// compared.
func (m *matching) identify(side int, c *cursor) (key id, fresh bool) {
	if c.noKey() {
		m.null[side].add(c.row())
		return key, false
	}
	hash := sha256.Sum256(c.text)
	copy(key[:], hash[:])
	bit := uint8(1) << side
	if m.seen[key]&bit != 0 {
		m.twice[side].add(c.row())
		return key, false
	}
	m.seen[key] |= bit
	m.full = m.full || len(m.seen) > maxKeys
	return key, true
}

// match compares a row with its counterpart, or lets it wait.
func (m *matching) match(side int, c *cursor, key id) {
	other := m.pending[1-side]
	if w, ok := other[key]; ok {
		delete(other, key)
		m.pendingBytes -= w.bytes
		if side == 0 {
			m.judge(c.cells, w.cells, c.row(), w.row, c.text)
		} else {
			m.judge(w.cells, c.cells, w.row, c.row(), c.text)
		}
		return
	}
	w := waiting{row: c.row(), cells: make([]cell, len(c.cells)), bytes: 100}
	for i, v := range c.cells {
		w.cells[i] = v
		w.cells[i].text = nil
		if !v.null {
			w.cells[i].text = bytes.Clone(v.text)
		}
		w.bytes += 50 + len(w.cells[i].text)
	}
	m.pending[side][key] = w
	m.pendingBytes += w.bytes
	m.full = m.full || m.pendingBytes > maxPending
}

// report says what was wrong with the keys.
func (m *matching) report() {
	if m.full {
		m.problem("%s and %s have too many rows, or too different orders of them, to be matched by %q; sort both by it and leave key out",
			m.spec.A.Name, m.spec.B.Name, m.spec.Key)
		return
	}
	names := [2]string{m.spec.A.Name, m.spec.B.Name}
	for i, name := range names {
		if n := m.null[i]; n.rows > 0 {
			m.problem("%s: %s without %q; the first is row %d", name, report.Count(n.rows, "row"), m.spec.Key, n.first)
		}
		if n := m.twice[i]; n.rows > 0 {
			m.problem("%s: %s whose %q stands in an earlier row; the first is row %d", name, report.Count(n.rows, "row"), m.spec.Key, n.first)
		}
		alone := counted{rows: int64(len(m.pending[i]))}
		for _, w := range m.pending[i] {
			if alone.first == 0 || w.row < alone.first {
				alone.first = w.row
			}
		}
		if alone.rows > 0 {
			m.problem("%s: %s whose %q is not in %s; the first is row %d", name, report.Count(alone.rows, "row"), m.spec.Key, names[1-i], alone.first)
		}
	}
}
