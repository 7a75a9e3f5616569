package artifact

import (
	"io"

	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/table"
)

// Cuts is a transfer.Cuts: it knows where tensors end, and where the row groups
// of Parquet do. The content decides, not the name. Inside a row group rows
// move; tensors keep their length from version to version.
func Cuts(_ string, r io.ReaderAt, size int64) (ends []int64, shifting bool, err error) {
	if isParquet(r, size) {
		ends, err = table.RowGroupEnds(r, size)
		if err != nil {
			return nil, true, nil // damaged, or too large a footer
		}
		return ends, true, nil
	}
	ends, err = modelfile.Cuts(r, size)
	return ends, ends == nil, err
}

// isParquet looks for the mark at both ends.
func isParquet(r io.ReaderAt, size int64) bool {
	var head, tail [4]byte
	if size < 12 {
		return false
	}
	_, err1 := r.ReadAt(head[:], 0)
	_, err2 := r.ReadAt(tail[:], size-4)
	return err1 == nil && (err2 == nil || err2 == io.EOF) && string(head[:]) == "PAR1" && head == tail
}
