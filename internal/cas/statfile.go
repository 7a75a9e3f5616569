package cas

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// The cache file, integers little-endian:
//
//	"waybill stat 1\n"
//	uint32 n                                  number of entries
//	n × { uint16 length, path, device, inode, size, mtime, ctime as 64 bits each, sum [32]byte }   sorted by path
//	uint32 CRC-32 (IEEE) of everything before
//
// It is a cache of this machine: another version of the format is simply
// not read.
const (
	statMagic    = "waybill stat 1\n"
	fixedSize    = 5*8 + 32
	maxStatFile  = 1 << 30
	maxPathBytes = 1<<16 - 1
)

// loadEntries returns nil for a file that is missing or damaged.
func loadEntries(path string) (map[string]entry, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxStatFile {
		return nil, nil
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	entries, _ := decodeEntries(data)
	return entries, nil
}

func decodeEntries(data []byte) (map[string]entry, bool) {
	const head = len(statMagic) + 4
	if len(data) < head+4 || string(data[:len(statMagic)]) != statMagic {
		return nil, false
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, false
	}
	n := int(binary.LittleEndian.Uint32(body[len(statMagic):]))
	rest := body[head:]
	if n > maxEntries || n > len(rest)/(2+fixedSize) {
		return nil, false
	}
	// One string for all paths: a hundred thousand small ones cost more time
	// than everything else here.
	text := string(rest)
	entries := make(map[string]entry, n)
	for range n {
		if len(rest) < 2 {
			return nil, false
		}
		length := int(binary.LittleEndian.Uint16(rest))
		if len(rest) < 2+length+fixedSize {
			return nil, false
		}
		path := text[2 : 2+length]
		entries[path] = decodeEntry(rest[2+length:])
		rest, text = rest[2+length+fixedSize:], text[2+length+fixedSize:]
	}
	return entries, len(rest) == 0
}

func decodeEntry(b []byte) entry {
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return entry{
		stamp: stamp{device: word(0), inode: word(1), size: int64(word(2)), mtime: int64(word(3)), ctime: int64(word(4))},
		sum:   [32]byte(b[5*8 : fixedSize]),
	}
}

func encodeEntries(entries map[string]entry) []byte {
	paths := slices.Sorted(maps.Keys(entries))
	var out bytes.Buffer
	out.WriteString(statMagic)
	word := func(v uint64) { out.Write(binary.LittleEndian.AppendUint64(nil, v)) }
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(paths))))
	for _, path := range paths {
		e := entries[path]
		out.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(path))))
		out.WriteString(path)
		word(e.device)
		word(e.inode)
		word(uint64(e.size))
		word(uint64(e.mtime))
		word(uint64(e.ctime))
		out.Write(e.sum[:])
	}
	out.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(out.Bytes())))
	return out.Bytes()
}

// Save writes the cache file if anything changed, and makes its folder. Of
// two processes that save at the same time the last one wins; what the other
// one knew is hashed again some day.
func (c *StatCache) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" || !c.dirty {
		return nil
	}
	maps.DeleteFunc(c.entries, func(path string, _ entry) bool { return len(path) > maxPathBytes })
	if len(c.entries) > maxEntries {
		maps.DeleteFunc(c.entries, func(path string, _ entry) bool { _, ok := c.used[path]; return !ok })
	}
	if len(c.entries) > maxEntries {
		return nil // more files than the format holds: not worth an error
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return fmt.Errorf("save stat cache: %w", err)
	}
	if err := WriteFile(c.path, encodeEntries(c.entries), 0o644); err != nil {
		return fmt.Errorf("save stat cache: %w", err)
	}
	c.dirty = false
	return nil
}
