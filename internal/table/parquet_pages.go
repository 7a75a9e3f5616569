package table

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits of one page, far above what writers make (1 MiB and 20,000 rows by
// default), below what a machine cannot bear.
const (
	maxPageBytes  = 512 << 20
	maxPageValues = 1 << 27
)

// checkPages walks the page headers of a column chunk before parquet-go reads
// them: it allocates what they claim, up to 2 GiB a page, and levels packed
// into a few bytes become any number of values.
func checkPages(in io.ReaderAt, m *format.ColumnMetaData) error {
	if m.Codec == format.Lz4Raw || m.Codec == format.Lz4 {
		// parquet-go doubles the buffer for as long as a damaged LZ4 block
		// does not fit, that is forever.
		return errors.New("it is compressed with LZ4, which is not supported; write it with zstd or snappy")
	}
	offset := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		offset = m.DictionaryPageOffset // where parquet-go begins, wherever that is
	}
	end := offset + m.TotalCompressedSize
	if offset < 4 || end < offset {
		return fmt.Errorf("its pages begin at offset %d and have %d bytes", offset, m.TotalCompressedSize)
	}
	// All of them, also those after the last value: levels of the last row may
	// make parquet-go look at the next page.
	for offset < end {
		header, size, err := pageHeader(in, offset, end)
		if err != nil {
			return err
		}
		offset += int64(size) + int64(header.CompressedPageSize)
		n := max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues)
		switch {
		case header.CompressedPageSize < 0 || offset > end:
			return fmt.Errorf("a page claims %d bytes, past the end of its column", header.CompressedPageSize)
		case header.UncompressedPageSize < 0 || header.UncompressedPageSize > maxPageBytes:
			return fmt.Errorf("a page claims %d bytes uncompressed, at most %d are read", header.UncompressedPageSize, maxPageBytes)
		case n > maxPageValues || header.DictionaryPageHeader.V.NumValues > maxPageValues:
			return fmt.Errorf("a page claims %d values, at most %d are read", n, maxPageValues)
		}
	}
	return nil
}

// pageHeader decodes the header at offset and returns how long it is. Most
// take some tens of bytes, those with statistics of long values more.
func pageHeader(in io.ReaderAt, offset, end int64) (*format.PageHeader, int, error) {
	var failed error
	for _, window := range []int64{512, 64 << 10, 8 << 20} {
		buf := make([]byte, min(window, end-offset))
		n, err := in.ReadAt(buf, offset)
		if err != nil && err != io.EOF {
			return nil, 0, err
		}
		t := thriftReader{data: buf[:n]}
		if t.skip(thriftStruct, false, maxThriftDepth); t.failed {
			failed = errors.New("it is damaged") // or longer than the window
			if window >= end-offset {
				break
			}
			continue
		}
		r := new(thrift.CompactProtocol).NewReaderFromBytes(buf[:n])
		header := new(format.PageHeader)
		if failed = thrift.NewDecoder(r).Decode(header); failed == nil {
			return header, r.BytesRead(), nil
		}
		if window >= end-offset {
			break
		}
	}
	return nil, 0, fmt.Errorf("a page header cannot be read: %w", failed)
}
