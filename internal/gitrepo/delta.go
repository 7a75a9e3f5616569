package gitrepo

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errDelta = errors.New("a delta is malformed")

// deltaSizes reads the sizes of base and result that every delta begins with.
func deltaSizes(delta []byte) (base, result int64, rest []byte, err error) {
	for _, p := range []*int64{&base, &result} {
		n, used := binary.Uvarint(delta)
		if used <= 0 || n > maxInflatedBytes {
			return 0, 0, nil, errDelta
		}
		*p, delta = int64(n), delta[used:]
	}
	return base, result, delta, nil
}

func deltaSize(delta []byte) (int64, error) {
	_, size, _, err := deltaSizes(delta)
	return size, err
}

// applyDelta rebuilds an object from its base: gitformat-pack(5), "Deltified
// representation". The result is grown as instructions yield it.
func applyDelta(base, delta []byte) ([]byte, error) {
	want, size, delta, err := deltaSizes(delta)
	if err != nil {
		return nil, err
	}
	if want != int64(len(base)) {
		return nil, fmt.Errorf("%w: made for a base of %d bytes, not %d", errDelta, want, len(base))
	}
	out := make([]byte, 0, min(size, int64(len(base)+len(delta))*2))
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		var piece []byte
		switch {
		case op&0x80 != 0:
			var from, n int64
			for bit := range 7 {
				if op&(1<<bit) == 0 {
					continue
				}
				if len(delta) == 0 {
					return nil, errDelta
				}
				if bit < 4 {
					from |= int64(delta[0]) << (8 * bit)
				} else {
					n |= int64(delta[0]) << (8 * (bit - 4))
				}
				delta = delta[1:]
			}
			if n == 0 {
				n = 0x10000
			}
			if from+n > int64(len(base)) {
				return nil, errDelta
			}
			piece = base[from : from+n]
		case op == 0 || int(op) > len(delta):
			return nil, errDelta
		default:
			piece, delta = delta[:op], delta[op:]
		}
		if int64(len(out)+len(piece)) > size {
			return nil, errDelta
		}
		out = append(out, piece...)
	}
	if int64(len(out)) != size {
		return nil, errDelta
	}
	return out, nil
}
