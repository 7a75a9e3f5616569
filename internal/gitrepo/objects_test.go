package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// realPack makes git pack n similar files, with deltas of both kinds.
func realPack(t testing.TB, n int, args ...string) (pack []byte, want map[string]string) {
	t.Helper()
	isolate(t)
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	for i := range n {
		write(t, dir, fmt.Sprintf("events/%06d.jsonl", i), strings.Repeat(fmt.Sprintf("{\"seq\":%d}\n", i), 50)+strings.Repeat("the same in all\n", 200))
	}
	commitFile(t, dir, "other", "other")
	git(t, dir, "tag", "-a", "-m", "m", "v1")
	git(t, dir, append([]string{"repack", "-adfq"}, args...)...)
	names, _ := filepath.Glob(filepath.Join(dir, ".git", "objects", "pack", "*.pack"))
	pack, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	want = map[string]string{}
	for line := range strings.Lines(git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")) {
		id, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		want[id] = kind
	}
	return pack, want
}

func TestPack(t *testing.T) {
	for _, args := range [][]string{nil, {"--depth=50", "--window=50"}} {
		pack, want := realPack(t, 40, args...)
		objects, err := parsePack(pack, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(objects) != len(want) {
			t.Errorf("%d objects, want %d", len(objects), len(want))
		}
		for _, o := range objects {
			if want[o.id] != o.kind {
				t.Errorf("%s is a %q, git says %q", o.id, o.kind, want[o.id])
			}
		}
	}
}

// packEntry is one object for makePack; base makes it a REF_DELTA.
type packEntry struct {
	kind byte
	base string
	data []byte
	size int // announced, if not len(data)
}

func makePack(entries ...packEntry) []byte {
	var b bytes.Buffer
	b.WriteString("PACK")
	binary.Write(&b, binary.BigEndian, uint32(2))
	binary.Write(&b, binary.BigEndian, uint32(len(entries)))
	for _, e := range entries {
		size := e.size
		if size == 0 {
			size = len(e.data)
		}
		c := e.kind<<4 | byte(size&15)
		for size >>= 4; size > 0; size >>= 7 {
			b.WriteByte(c | 0x80)
			c = byte(size & 0x7f)
		}
		b.WriteByte(c)
		if e.base != "" {
			var id [sha1.Size]byte
			copy(id[:], unhex(e.base))
			b.Write(id[:])
		}
		z := zlib.NewWriter(&b)
		z.Write(e.data)
		z.Close()
	}
	return seal(b.Bytes())
}

func unhex(s string) []byte {
	var out []byte
	for i := 0; i+1 < len(s); i += 2 {
		var c byte
		fmt.Sscanf(s[i:i+2], "%02x", &c)
		out = append(out, c)
	}
	return out
}

func seal(body []byte) []byte {
	sum := sha1.Sum(body)
	return append(body, sum[:]...)
}

// appendDelta makes a delta that copies the whole base and appends tail.
func appendDelta(base []byte, tail string) []byte {
	d := binary.AppendUvarint(nil, uint64(len(base)))
	d = binary.AppendUvarint(d, uint64(len(base)+len(tail)))
	d = append(d, 0x80|0x10, byte(len(base)))
	return append(append(d, byte(len(tail))), tail...)
}

func TestThinPack(t *testing.T) {
	base := []byte("base")
	outside := func(id string) (rawObject, bool) {
		return rawObject{"blob", base}, id == objectID("blob", base)
	}
	second := []byte("base, more")
	// The first delta builds on the second, which builds on what is not there.
	pack := makePack(
		packEntry{kind: packRefDelta, base: objectID("blob", second), data: appendDelta(second, "!")},
		packEntry{kind: packRefDelta, base: objectID("blob", base), data: appendDelta(base, ", more")},
	)
	objects, err := parsePack(pack, outside)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.kind+" "+string(o.data))
	}
	if strings.Join(got, "|") != "blob base, more!|blob base, more|blob base" {
		t.Errorf("%q", got)
	}
	if _, err := parsePack(pack, nil); err == nil || !strings.Contains(err.Error(), "2 deltas have no base") {
		t.Errorf("without the base: %v", err)
	}
}

func TestPackRefuses(t *testing.T) {
	good := makePack(packEntry{kind: 3, data: []byte("hello")})
	if _, err := parsePack(good, nil); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(good)
	damaged[14] ^= 1
	body := good[:len(good)-sha1.Size]
	for name, pack := range map[string][]byte{
		"pack header":         []byte("PACK"),
		"checksum":            damaged,
		"version":             seal(append([]byte("PACK\x00\x00\x00\x09"), body[8:]...)),
		"4294967295 objects":  seal(append([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"), body[12:]...)),
		"object 2 of 2":       seal(append([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x02"), body[12:]...)),
		"after the last":      seal(append(bytes.Clone(body), 0)),
		"type 0 is unknown":   makePack(packEntry{kind: 0, data: []byte("x")}),
		"were announced":      makePack(packEntry{kind: 3, data: []byte("xy"), size: 1}),
		"has 2 bytes":         makePack(packEntry{kind: 3, data: []byte("xy"), size: 300}),
		"together":            makePack(packEntry{kind: 3, data: []byte("xy"), size: maxInflatedBytes + 1}),
		"base at offset":      seal(append(bytes.Clone(body[:12]), 0x61, 0x05, 0x78)),
		"malformed":           seal(append(bytes.Clone(body[:12]), 0x61, 0x00)),
		"1 deltas":            makePack(packEntry{kind: packRefDelta, base: strings.Repeat("1", 40), data: []byte{0, 0}}),
		"a delta is malforme": makePack(packEntry{kind: 3, data: []byte("x")}, packEntry{kind: packRefDelta, base: objectID("blob", []byte("x")), data: []byte{1, 5, 0}}),
		"made for a base":     makePack(packEntry{kind: 3, data: []byte("x")}, packEntry{kind: packRefDelta, base: objectID("blob", []byte("x")), data: []byte{2, 1, 0x91, 0, 1}}),
	} {
		if _, err := parsePack(pack, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A small pack must not make the reader allocate much.
func TestPackBomb(t *testing.T) {
	var before, after runtime.MemStats
	var packs [][]byte
	for _, size := range []int{maxInflatedBytes - 1, 1 << 28} {
		packs = append(packs, makePack(packEntry{kind: 3, data: []byte("x"), size: size}))
	}
	huge := binary.AppendUvarint(binary.AppendUvarint(nil, 1), maxInflatedBytes-100)
	packs = append(packs, makePack(packEntry{kind: 3, data: []byte("x")}, packEntry{kind: packRefDelta, base: objectID("blob", []byte("x")), data: append(huge, 1, 'y')}))
	runtime.ReadMemStats(&before)
	for _, pack := range packs {
		if _, err := parsePack(pack, nil); err == nil {
			t.Error("a bomb was accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes allocated for %d packs", n, len(packs))
	}
}

func TestLoose(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	git(t, dir, "init", "-q", "--bare")
	l := looseObjects(filepath.Join(dir, "objects"))
	for _, data := range []string{"", "x", strings.Repeat("long ", 100_000)} {
		id, err := l.write("blob", []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := l.read("blob", id, MaxFileBytes); string(got) != data || err != nil {
			t.Errorf("%d bytes: read %d, %v", len(data), len(got), err)
		}
		if got := git(t, dir, "cat-file", "-s", id); got != fmt.Sprint(len(data)) {
			t.Errorf("git sees %s bytes, want %d", got, len(data))
		}
		if _, err := l.read("tree", id, MaxFileBytes); err == nil {
			t.Error("a blob was read as a tree")
		}
		if len(data) > 1 {
			if _, err := l.read("blob", id, int64(len(data)-1)); err == nil {
				t.Error("the limit was passed")
			}
		}
	}
	fsck(t, dir)
	// An object under another's name is not taken for it.
	x, other := objectID("blob", []byte("x")), l.path(objectID("blob", []byte("y")))
	data, _ := os.ReadFile(l.path(x))
	if err := os.MkdirAll(filepath.Dir(other), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.read("blob", objectID("blob", []byte("y")), 10); err == nil || !strings.Contains(err.Error(), "changed on disk") {
		t.Errorf("a wrong content: %v", err)
	}
	os.Remove(other)
	// What git wrote, compressed, is read as well.
	write(t, dir, "file", strings.Repeat("git ", 1000))
	id := git(t, dir, "hash-object", "-w", "file")
	if got, err := l.read("blob", id, MaxFileBytes); len(got) != 4000 || err != nil {
		t.Errorf("git's own: %d bytes, %v", len(got), err)
	}
}

func TestTreesLikeGit(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	for _, name := range []string{"a.b", "a/x", "a0", "b/c/d", "Z", "é"} {
		write(t, dir, name, name)
	}
	git(t, dir, "add", "-A")
	for _, id := range []string{git(t, dir, "write-tree"), git(t, dir, "write-tree", "--prefix=b/")} {
		l := looseObjects(filepath.Join(dir, ".git", "objects"))
		data, err := l.read("tree", id, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := parseTree(data)
		if err != nil {
			t.Fatal(err)
		}
		for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
			entries[i], entries[j] = entries[j], entries[i]
		}
		if again, err := encodeTree(entries); !bytes.Equal(again, data) || err != nil {
			t.Errorf("tree %s is encoded as %q, %v", id, again, err)
		}
	}
}

func FuzzPack(f *testing.F) {
	f.Add(makePack()[12 : len(makePack())-sha1.Size])
	hello := []byte("hello")
	one := makePack(packEntry{kind: 3, data: hello}, packEntry{kind: packRefDelta, base: objectID("blob", hello), data: appendDelta(hello, "!")})
	f.Add(one[12 : len(one)-sha1.Size])
	f.Add([]byte{0x61, 0x05, 0x78, 0x9c})
	f.Fuzz(func(t *testing.T, data []byte) {
		for n := range byte(4) { // the checksum is not what is tested here
			pack := seal(append([]byte{'P', 'A', 'C', 'K', 0, 0, 0, 2, 0, 0, 0, n}, data...))
			objects, err := parsePack(pack, nil)
			if err != nil {
				continue
			}
			for _, o := range objects {
				if o.pending || objectID(o.kind, o.data) != o.id {
					t.Fatalf("object %+v", o)
				}
			}
		}
	})
}

func FuzzDelta(f *testing.F) {
	f.Add([]byte("base"), appendDelta([]byte("base"), "tail"))
	f.Add([]byte("base"), []byte{4, 2, 0x91, 1, 2})
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		out, err := applyDelta(base, delta)
		if size, serr := deltaSize(delta); err == nil && (serr != nil || int64(len(out)) != size) {
			t.Fatalf("%d bytes, announced %d", len(out), size)
		}
	})
}

func FuzzLoose(f *testing.F) {
	dir := f.TempDir()
	id, _ := looseObjects(dir).write("blob", []byte("hello"))
	seed, _ := os.ReadFile(looseObjects(dir).path(id))
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		if out, err := inflateLoose("blob", data, 1<<16); err == nil && len(out) > 1<<16 {
			t.Fatalf("%d bytes", len(out))
		}
	})
}

func FuzzTree(f *testing.F) {
	seed, _ := encodeTree([]treeEntry{{modeFile, "a", zeroHash}, {modeDir, "b", zeroHash}})
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data)
		if err != nil {
			return
		}
		for _, e := range entries {
			if strings.ContainsAny(e.name, "/\\\x00") || e.name == ".." {
				t.Fatalf("name %q", e.name)
			}
		}
		again, err := encodeTree(entries)
		if err != nil || len(again) != len(data) {
			t.Fatalf("%q is encoded as %q, %v", data, again, err)
		}
	})
}

func FuzzCommit(f *testing.F) {
	f.Add([]byte("tree " + zeroHash + "\nparent " + zeroHash + "\nauthor a <b> 0 +0000\n\nm\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, parents, err := parseCommit(data)
		for _, id := range append(parents, tree) {
			if err == nil && !isHash(id) {
				t.Fatalf("%q gives %q", data, id)
			}
		}
	})
}

func FuzzRevision(f *testing.F) {
	for _, rev := range []string{"HEAD~2^3", "main^{commit}", "@", "sentiment#production#1", "a..b", "HEAD@{1}"} {
		f.Add(rev)
	}
	f.Fuzz(func(t *testing.T, rev string) {
		base, steps, err := parseRevision(rev)
		if err == nil && (strings.Contains(base, "..") || len(steps) > 1000) {
			t.Fatalf("%q gives %q, %d steps", rev, base, len(steps))
		}
	})
}

func FuzzTag(f *testing.F) {
	f.Add("sentiment@v1.0.0", "Octo Cat", "o@example.com", "message\n")
	f.Add("a", "<\n>", "\x00", "\x00\n\n")
	f.Fuzz(func(t *testing.T, name, who, email, message string) {
		tag := Tag{Name: name, Target: zeroHash, Tagger: Signature{who, email}, Time: noon, Message: message}
		if tag.check() != nil {
			return
		}
		head, _, ok := strings.Cut(string(tag.encode()), "\n\n")
		lines := strings.Split(head, "\n")
		if !ok || len(lines) != 4 || strings.ContainsRune(string(tag.encode()), 0) || strings.Count(lines[3], "<") != 1 || strings.Count(lines[3], ">") != 1 {
			t.Fatalf("%q", tag.encode())
		}
	})
}
