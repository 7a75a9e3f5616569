package ledger

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

func TestCacheRoundTrip(t *testing.T) {
	forEachHistory(t, 300, false, func(t *testing.T, h *history) {
		if got := reload(t, h.state); !reflect.DeepEqual(got, h.state) {
			t.Errorf("got  %+v\nwant %+v", got, h.state)
		}
	})
	for _, s := range []*State{story(t).state, new(State)} {
		if got := reload(t, s); !reflect.DeepEqual(got, s) {
			t.Errorf("got  %+v\nwant %+v", got, s)
		}
	}
}

// Whatever is done to a cache, it is loaded as it was or refused.
func TestCacheRefuses(t *testing.T) {
	data, err := newHistory(t).random(rand.New(rand.NewSource(4)), 80, false).state.MarshalCache()
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(what string, damaged []byte, says string) {
		t.Helper()
		s := State{Head: Head{Seq: 7}}
		if err := s.UnmarshalCache(damaged); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", what, err, says)
		}
		if s.Head.Seq != 7 || s.Artifacts != nil {
			t.Errorf("%s: the state was changed", what)
		}
	}
	refuse("nothing", nil, "not a cache")
	refuse("another format", bytes.Replace(data, []byte("state 2\n"), []byte("state 1\n"), 1), "another release")
	for i := len(cacheMagic); i < len(data); i += 13 {
		flipped := bytes.Clone(data)
		flipped[i] ^= 0x10
		refuse("flipped", flipped, "damaged")
		refuse("cut off", data[:i], "")
	}
	refuse("longer", append(bytes.Clone(data), 0), "damaged")
	refuse("sealed, longer", seal(append(bytes.Clone(data[len(cacheMagic):len(data)-4]), 0)), "left over")
	refuse("a huge length", seal([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}), "bytes are left")
	refuse("an endless number", seal(bytes.Repeat([]byte{0xff}, 20)), "does not end")
}

// seal makes a cache of a body, with the checksum right.
func seal(body []byte) []byte {
	data := append([]byte(cacheMagic), body...)
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

func FuzzCache(f *testing.F) {
	for seed := range 4 {
		data, err := newHistory(f).random(rand.New(rand.NewSource(int64(seed))), 20, false).state.MarshalCache()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[len(cacheMagic) : len(data)-crc32.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var s State
		if err := s.UnmarshalCache(seal(body)); err != nil {
			return
		}
		first, err := s.MarshalCache()
		if err != nil {
			t.Fatal(err)
		}
		var again State
		if err := again.UnmarshalCache(first); err != nil {
			t.Fatal(err)
		}
		if second, err := again.MarshalCache(); err != nil || !bytes.Equal(first, second) {
			t.Errorf("written twice, two results (%v)", err)
		}
		// A forged cache may be wrong, but nothing may panic.
		for name, a := range s.Artifacts {
			for stage, in := range a.Stages {
				_, _ = LastGood(&s, name, stage, Healthy{})
				e := Event{APIVersion: APIVersion, Kind: KindRollback, Artifact: name, Stage: stage, Version: in.Version, From: in.Version, hash: genesis}
				_, _ = Tags(e, &s)
				_, _ = Next(s.Head, &s, day, Event{Kind: KindPromote, Artifact: name, Stage: stage, Version: in.Version, ContentDigest: in.ContentDigest, Digest: in.Digest, Actor: octocat})
			}
			_ = s.CanRegister(name, ref.Version{Major: 9}, commitOf(1), digestOf("x"))
		}
	})
}
