package table

import (
	"fmt"
	"io"
)

// Limits of what a footer may say of the file, far above what is of use.
const (
	maxSchema      = 1 << 17 // columns, and the groups that they are in
	maxSchemaDepth = 127
	minGroupBytes  = 7  // of a row group in the footer: three fields
	minChunkBytes  = 16 // and of a column chunk: some ten
)

// checkMetadata walks the footer before parquet-go decodes it. Parquet-go makes
// room for as many elements as a list claims to have, follows values however
// deep they nest, and makes of the schema a tree that names the whole way to
// each column, with a place for each row group: a few bytes could ask for more
// memory than there is, and no recover helps against that. It returns how many
// columns there are, each leaf of a nested one for itself.
func checkMetadata(in io.ReaderAt, size int64) (leaves int64, err error) {
	footer, err := readFooter(in, size, maxFooter)
	if err != nil {
		return 0, err
	}
	return checkFileMetaData(footer)
}

func checkFileMetaData(footer []byte) (leaves int64, err error) {
	var schema schemaShape
	var groups, chunks int64
	t := thriftReader{data: footer}
	hasSchema, hasGroups, encrypted := false, false, false
	t.eachField(func(id int64, kind byte) bool {
		switch {
		case id == 2 && kind == thriftList: // FileMetaData.schema
			t.failed = t.failed || hasSchema // parquet-go would mix the two
			hasSchema = true
			t.list(func() { schema.add(t.schemaElement()) })
		case id == 4 && kind == thriftList: // FileMetaData.row_groups
			t.failed = t.failed || hasGroups
			hasGroups = true
			t.list(func() {
				groups++
				t.field(1, thriftList, func() { // RowGroup.columns
					t.list(func() {
						chunks++
						t.skip(thriftStruct, false, maxThriftDepth)
					})
				})
			})
		case id == 8 && kind == thriftStruct: // FileMetaData.encryption_algorithm
			encrypted = true
			return false
		default:
			return false
		}
		return true
	})
	switch {
	case t.failed:
		return 0, errDamagedFooter
	case encrypted:
		return 0, errEncrypted // some of its columns: the footer may be plain
	case schema.elements > maxSchema:
		return 0, fmt.Errorf("the schema has %d columns and groups, at most %d are read", schema.elements, maxSchema)
	case schema.deepest > maxSchemaDepth:
		return 0, fmt.Errorf("the schema is %d levels deep, at most %d are read", schema.deepest, maxSchemaDepth)
	case max(chunks, schema.leaves*groups)*minChunkBytes+groups*minGroupBytes > int64(len(footer)):
		return 0, fmt.Errorf("the Parquet footer claims %d row groups of %d columns in %d bytes", groups, schema.leaves, len(footer))
	}
	return schema.leaves, nil
}

// schemaElement returns what a SchemaElement says of the tree.
func (t *thriftReader) schemaElement() (leaf bool, children int64) {
	t.eachField(func(id int64, kind byte) bool {
		switch {
		case kind != thriftI32:
			return false
		case id == 1: // type
			leaf = true
			t.varint()
		case id == 5: // num_children
			children = t.varint()
		default:
			return false
		}
		return true
	})
	return leaf, children
}

// schemaShape measures a schema, whose elements come depth first, as parquet-go
// does: a leaf that claims children has them.
type schemaShape struct {
	elements, leaves int64
	deepest          int
	open             []int64 // of each group around the next element: children to come
}

func (s *schemaShape) add(leaf bool, children int64) {
	s.elements++
	if leaf {
		s.leaves++
	}
	if children > 0 {
		if s.deepest = max(s.deepest, len(s.open)+1); s.deepest <= maxSchemaDepth {
			s.open = append(s.open, children)
		}
		return
	}
	for last := len(s.open) - 1; last >= 0; last-- {
		if s.open[last]--; s.open[last] > 0 {
			return
		}
		s.open = s.open[:last]
	}
}
