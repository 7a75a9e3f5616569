package modelfile

import (
	"context"
	"errors"
	"io"
)

// Cuts returns where the parts of a model's file end, ascending: first the
// header, then each tensor, the last at size. Two files of one model that
// differ in a few tensors differ in these parts only. It is nil for a file of
// no known format, and for one that breaks the rules of its format; errors are
// those of r.
func Cuts(r io.ReaderAt, size int64) ([]int64, error) {
	head := make([]byte, min(size, sniffLen))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, cutShort(err)
	}
	var starts []int64 // of the tensors
	var err error
	switch {
	case looksLikeGGUF(head):
		starts, err = ggufStarts(r, size)
	case looksLikeSafetensors(head):
		facts := Facts{}
		err = readSafetensors(context.Background(), r, size, &facts)
		for _, t := range facts.Tensors {
			starts = append(starts, t.Offset)
		}
	default:
		return nil, nil
	}
	if broken := (*FormatError)(nil); errors.As(err, &broken) {
		return nil, nil
	}
	if err != nil {
		return nil, cutShort(err)
	}
	var ends []int64
	at := int64(0)
	for _, start := range append(starts, size) {
		if start > at { // an empty tensor is no part
			ends = append(ends, start)
			at = start
		}
	}
	return ends, nil
}
