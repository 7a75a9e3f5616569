package gitrepo

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// tenThousand fills a ledger with 100 files of 100 events, 70 kB each.
func tenThousand(b *testing.B) (*world, *LedgerStore) {
	w := newWorld(b)
	l := store(b, w.dir)
	changed := map[string][]byte{}
	for file := range 100 {
		var text strings.Builder
		for i := range 100 {
			seq := file*100 + i
			sum := sha256.Sum256([]byte{byte(seq), byte(seq >> 8)})
			fmt.Fprintf(&text, `{"actor":{"id":583231,"login":"octocat"},"apiVersion":"waybill.dev/v1","artifact":"sentiment","contentDigest":"sha256:%x","digest":"sha256:%x","kind":"promote","previous":"%x","reason":"%s","seq":%d}`+"\n",
				sum, sha256.Sum256(sum[:1]), sha256.Sum256(sum[:]), strings.Repeat("because ", 40), seq)
		}
		changed[fmt.Sprintf("events/%06d.jsonl", file)] = []byte(text.String())
	}
	commit, err := l.Commit("", changed, "fill", author, noon)
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Push(ctx, "", commit, nil, true); err != nil {
		b.Fatal(err)
	}
	git(b, w.bare, "gc", "-q")
	return w, l
}

// BenchmarkRead opens the repository and reads all 10,000 events.
func BenchmarkRead(b *testing.B) {
	w, _ := tenThousand(b)
	for b.Loop() {
		names, read, err := store(b, w.dir).Files()
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			data, err := read(name)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data) * len(names)))
		}
	}
}

// BenchmarkAppend commits one more event, without the push.
func BenchmarkAppend(b *testing.B) {
	_, l := tenThousand(b)
	_, read, err := l.Files()
	if err != nil {
		b.Fatal(err)
	}
	data, err := read("events/000099.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		if _, err := l.Commit(l.Head(), map[string][]byte{"events/000099.jsonl": fmt.Appendf(data[:len(data):len(data)], "{%d}\n", n)}, "append", author, noon); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPack decodes what a first fetch of 10,000 events receives.
func BenchmarkPack(b *testing.B) {
	w, l := tenThousand(b)
	session, refs, err := l.remote.upload(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	objects, err := l.remote.downloadObjects(ctx, session, refs.Capabilities, ledgerRequest(git(b, w.bare, "rev-parse", "waybill/ledger"), ""), nil)
	if err != nil {
		b.Fatal(err)
	}
	raw := make([]rawObject, len(objects))
	for i, o := range objects {
		raw[i] = rawObject{o.kind, o.data}
	}
	pack, err := encodePack(raw)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := parsePack(pack, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefs opens a repository and asks a remote with 1,500 tags; git's own
// upload-pack, a process, is not counted in the CPU time of this one.
func BenchmarkRefs(b *testing.B) {
	w := newWorld(b)
	var tags []Tag
	for i := range 1500 {
		tags = append(tags, tag(fmt.Sprintf("sentiment@v1.0.%d", i), w.commit))
	}
	if err := store(b, w.dir).PushTags(ctx, tags, nil); err != nil {
		b.Fatal(err)
	}
	git(b, w.bare, "gc", "-q")
	for b.Loop() {
		r := open(b, w.dir)
		if _, err := r.Head(); err != nil {
			b.Fatal(err)
		}
		m, err := r.Remote(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if adv, err := m.Refs(ctx); err != nil || len(adv.Tags) != 1500 {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstFetch is what a fresh runner does: fetch and store it all.
func BenchmarkFirstFetch(b *testing.B) {
	w, _ := tenThousand(b)
	for b.Loop() {
		b.StopTimer()
		dir := w.clone(b, "--depth=1")
		l := store(b, dir)
		b.StartTimer()
		if _, err := l.Fetch(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
