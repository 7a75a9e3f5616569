package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"os"
)

func gzipped(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

// sparse writes a model of PyTorch as torch.save does: stored members, the
// weights aligned to 64 bytes, zip64 where sizes need it (APPNOTE.TXT 4.5.3).
// The weights are zeros that take no place on the disk; their checksum is that
// of zeros.
func sparse(name string) error {
	const storages, each = 5, int64(1 << 30)
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	pickle := "\x80\x02}q\x00(" // {"w0": tensor, …}
	for i := range storages {
		key := string(rune('0' + i))
		pickle += "X\x02\x00\x00\x00w" + key + "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00" + key +
			"X\x03\x00\x00\x00cpuJ" + le4(int(each/4)) + "tQK\x00J" + le4(int(each/4)) + "\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
	}
	pickle += "u."
	zero := crc32.NewIEEE()
	piece := make([]byte, 1<<20)
	for range each >> 20 {
		zero.Write(piece)
	}
	at, directory, members := int64(0), []byte(nil), 0
	add := func(name string, content []byte, size int64, sum uint32) error {
		header := func(b []byte, mark string, own ...byte) []byte {
			b = append(append(b, mark...), own...)
			b = append(b, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0) // version 4.5, no flags, stored, no time
			return binary.LittleEndian.AppendUint32(b, sum)
		}
		local := header(nil, "PK\x03\x04")
		local = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(local, uint32(size)), uint32(size))
		pad := int((64 - (at+30+int64(len(name))+4)%64) % 64)
		local = binary.LittleEndian.AppendUint16(local, uint16(len(name)))
		local = binary.LittleEndian.AppendUint16(local, uint16(4+pad))
		local = append(local, name...)
		local = binary.LittleEndian.AppendUint16(append(local, "FB"...), uint16(pad))
		local = append(local, bytes.Repeat([]byte("Z"), pad)...)
		if _, err := f.WriteAt(append(local, content...), at); err != nil {
			return err
		}
		central := header(directory, "PK\x01\x02", 45, 0)
		central = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(central, uint32(size)), uint32(size))
		central = binary.LittleEndian.AppendUint16(central, uint16(len(name)))
		central = binary.LittleEndian.AppendUint16(central, 12)
		central = append(central, make([]byte, 2+2+2+4)...)
		central = binary.LittleEndian.AppendUint32(central, 0xffffffff)
		central = append(central, name...)
		central = append(central, 1, 0, 8, 0)
		directory = binary.LittleEndian.AppendUint64(central, uint64(at))
		at += int64(len(local)) + size
		members++
		return nil
	}
	if err := add("model/data.pkl", []byte(pickle), int64(len(pickle)), crc32.ChecksumIEEE([]byte(pickle))); err != nil {
		return err
	}
	for i := range storages {
		if err := add("model/data/"+string(rune('0'+i)), nil, each, zero.Sum32()); err != nil {
			return err
		}
	}
	if err := add("model/version", []byte("3\n"), 2, crc32.ChecksumIEEE([]byte("3\n"))); err != nil {
		return err
	}
	end := append([]byte("PK\x06\x06"), le8(44)...)
	end = append(end, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0) // versions, disks
	for _, v := range []int64{int64(members), int64(members), int64(len(directory)), at} {
		end = binary.LittleEndian.AppendUint64(end, uint64(v))
	}
	end = append(append(end, "PK\x06\x07\x00\x00\x00\x00"...), le8(uint64(at)+uint64(len(directory)))...)
	end = append(end, le4(1)...)
	end = append(end, "PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"...)
	_, err = f.WriteAt(append(directory, end...), at)
	return err
}
