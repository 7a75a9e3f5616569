package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
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
		// does not fit, that is forever, and makes zeros of a good one that
		// takes more than a third of its size.
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
		body := offset + int64(size)
		offset = body + int64(header.CompressedPageSize)
		n := max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues)
		switch {
		case header.CompressedPageSize < 0 || offset > end:
			return fmt.Errorf("a page claims %d bytes, past the end of its column", header.CompressedPageSize)
		case header.UncompressedPageSize < 0 || header.UncompressedPageSize > maxPageBytes:
			return fmt.Errorf("a page claims %d bytes uncompressed, at most %d are read", header.UncompressedPageSize, maxPageBytes)
		case n > maxPageValues || header.DictionaryPageHeader.V.NumValues > maxPageValues:
			return fmt.Errorf("a page claims %d values, at most %d are read", n, maxPageValues)
		}
		if err := checkExpansion(in, m.Codec, header, body); err != nil {
			return err
		}
	}
	return nil
}

// checkExpansion makes sure that the data of a page becomes about as many bytes
// as its header says: parquet-go lets it become any number.
func checkExpansion(in io.ReaderAt, codec format.CompressionCodec, header *format.PageHeader, at int64) error {
	if codec == format.Uncompressed {
		return nil
	}
	packed, want := int64(header.CompressedPageSize), int64(header.UncompressedPageSize)
	if header.Type == format.DataPageV2 {
		v2 := &header.DataPageHeaderV2.V
		levels := int64(v2.DefinitionLevelsByteLength) + int64(v2.RepetitionLevelsByteLength)
		if v2.DefinitionLevelsByteLength < 0 || v2.RepetitionLevelsByteLength < 0 || levels > min(packed, want) {
			return fmt.Errorf("a page of %d bytes claims %d of levels", packed, levels)
		}
		if v2.IsCompressed.Valid && !v2.IsCompressed.V || packed == levels {
			return nil
		}
		at, packed, want = at+levels, packed-levels, want-levels
	}
	data := io.NewSectionReader(in, at, packed)
	switch codec {
	case format.Snappy:
		return checkSnappy(data, want)
	case format.Zstd:
		if oneZstdFrame(data, want) {
			return nil
		}
		z, err := zstd.NewReader(data, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		return checkStream(z, want)
	case format.Gzip:
		// Deflate makes at most 1,032 bytes of one (RFC 1951: 258 of two bits).
		if packed*1032 <= maxPageBytes {
			return nil
		}
		z, err := gzip.NewReader(data)
		if err != nil {
			return err
		}
		return checkStream(z, want)
	case format.Brotli:
		return checkStream(brotli.NewReader(data), want)
	}
	return nil
}

// checkStream decompresses without keeping anything. What is damaged is left
// for the reader to say.
func checkStream(r io.Reader, want int64) error {
	if n, _ := io.Copy(io.Discard, io.LimitReader(r, want+1)); n > want {
		return fmt.Errorf("a page claims %d bytes uncompressed, its data becomes more", want)
	}
	return nil
}

// checkSnappy reads the size that a Snappy block claims: parquet-go allocates
// it, up to 4 GiB ("Snappy compressed format description", section 1).
func checkSnappy(data *io.SectionReader, want int64) error {
	head := make([]byte, min(data.Size(), binary.MaxVarintLen64))
	if _, err := data.ReadAt(head, 0); err != nil {
		return err
	}
	if n, _ := binary.Uvarint(head); n != uint64(want) {
		return fmt.Errorf("a page claims %d bytes uncompressed, its data %d", want, n)
	}
	return nil
}

// oneZstdFrame tells whether data is a single frame that declares to hold want
// bytes, to which the decoder holds it (RFC 8878, section 3.1.1).
func oneZstdFrame(data *io.SectionReader, want int64) bool {
	head := make([]byte, min(data.Size(), zstd.HeaderMaxSize))
	if _, err := data.ReadAt(head, 0); err != nil && err != io.EOF {
		return false
	}
	var h zstd.Header
	if h.Decode(head) != nil || h.Skippable || !h.HasFCS || h.FrameContentSize != uint64(want) {
		return false
	}
	for at := int64(h.HeaderSize); ; {
		var block [3]byte
		if _, err := data.ReadAt(block[:], at); err != nil {
			return false
		}
		b := int64(block[0]) | int64(block[1])<<8 | int64(block[2])<<16
		size := b >> 3
		if b>>1&3 == 1 { // one byte, repeated
			size = 1
		}
		at += 3 + size
		if b&1 == 1 { // the last
			if h.HasCheckSum {
				at += 4
			}
			return at == data.Size()
		}
	}
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
