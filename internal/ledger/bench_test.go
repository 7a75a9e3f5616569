package ledger

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

// large is a ledger of n events over the given number of artifacts, a third of
// them registrations: more versions than any real ledger has.
func large(tb testing.TB, n, artifacts int) *history {
	h := newHistory(tb)
	for i := 0; len(h.events) < n; i++ {
		name := fmt.Sprintf("model-%02d", i%artifacts)
		version := ref.Version{Minor: uint64(i/artifacts) + 1}.String()
		e := h.register(name, version)
		e.Reason = "merge of pull request 412: new reviews of March"
		var drafts []Event
		h.add(e)
		drafts = append(drafts, h.decision(KindApprove, name, version, "production"), h.promote(name, version, "production"))
		if i%5 == 0 {
			drafts = append(drafts, h.deploy(name, version, "production"))
		}
		h.now = h.now.Add(1e10)
		h.add(drafts...)
	}
	return h
}

func benchmarkRead(b *testing.B, artifacts int) {
	h := large(b, 10_000, artifacts)
	size := 0
	for _, data := range h.files {
		size += len(data)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		log, err := readFiles(h.files)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Fold(log.Events()); err != nil {
			b.Fatal(err)
		}
	}
}

// Parse, verify the chain and fold: the cold path.
func BenchmarkRead10k(b *testing.B)            { benchmarkRead(b, 20) }
func BenchmarkRead10kOneArtifact(b *testing.B) { benchmarkRead(b, 1) }

func BenchmarkLoadCache10k(b *testing.B) {
	data, err := large(b, 10_000, 20).state.MarshalCache()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := new(State).UnmarshalCache(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalCache10k(b *testing.B) {
	state := large(b, 10_000, 20).state
	b.ReportAllocs()
	for b.Loop() {
		if _, err := state.MarshalCache(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProjection10k(b *testing.B) {
	h := large(b, 10_000, 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Projection(h.events); err != nil {
			b.Fatal(err)
		}
	}
}

// One event behind 10,000: next, line, append.
func BenchmarkAppend(b *testing.B) {
	h := large(b, 10_000, 20)
	draft := about(KindHold, "model-00", "v0.1.0")
	b.ReportAllocs()
	for b.Loop() {
		events, err := Next(h.state.Head, h.state, h.now, draft)
		if err != nil {
			b.Fatal(err)
		}
		line, err := events[0].Line()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Append(h.read, h.state.Head, [][]byte{line}); err != nil {
			b.Fatal(err)
		}
	}
}
