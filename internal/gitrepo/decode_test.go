package gitrepo

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const someID = "1111111111111111111111111111111111111111"

// commits are what git accepts and what it does not.
var commits = []string{
	"tree " + someID + "\nparent " + someID + "\nparent " + zeroHash + "\nauthor A B <a@b> 1700000000 +0100\ncommitter C <c@d> 1 -0000\n\nsubject\n\nbody\n",
	"tree " + someID + "\nauthor <<a> <b@c>> 1 +0000\ncommitter \nencoding ISO-8859-1\ngpgsig -----BEGIN\n \n line\n -----END\n\nm\xe9",
	"tree " + someID + "\nauthor a <b> 1 +0000\ncommitter c <d> 1 +0000\nmergetag object " + someID + "\n type commit\n \n parent x\nparent " + someID + "\n\nm",
	"tree " + someID + "\ncommitter c <d> 1 +0000\nauthor a <b> 1 +0000\n\n\n\n",
	"tree " + someID + "\nencoding x\nparent " + someID + "\nauthor a <b>\n",
	"tree " + someID, "tree " + someID + "\n", "tree " + someID + "\n\n", "tree " + strings.Repeat("A", 40) + "\n\nm",
	"tree " + someID + "\r\n\r\nm", "tree x\n\nm", "tree " + someID + "\nparent x\n", "tree " + someID + "\nparent\n", "tree " + someID + "\nauthor > <\n",
	"", "\n", "\n\ntree " + someID, "parent " + someID + "\ntree " + someID + "\n", "tree  " + someID,
}

var trees = []string{
	"", "100644 a\x00" + someID[:20] + "40000 b\x00" + zeroHash[:20],
	"120000 link\x00" + someID[:20] + "160000 sub\x00" + someID[:20] + "100755 x\x00" + someID[:20] + "0100664 old\x00" + someID[:20] + "040000 d\x00" + someID[:20] + "7 m\x00" + someID[:20],
	"100644 a\x00" + someID[:19], "100644 a", "100644", "100644 \x00" + someID[:20], "9 a\x00" + someID[:20], "-1 a\x00" + someID[:20],
	"777777777777 a\x00" + someID[:20], " a\x00" + someID[:20], "100644 a b\x00" + someID[:20], "100644 ..\x00" + someID[:20], "100644 a/b\x00" + someID[:20],
}

var tags = []string{
	"object " + someID + "\ntype commit\ntag v1\ntagger a <b> 1 +0000\n\nm", "object " + someID + "\ntype tag\ntag v1\n",
	"object " + someID, "object x\ntype commit\ntag v1\n", "object " + someID + "\ntype what\ntag v1\n", "type commit\nobject " + someID, "", "\n\nobject " + someID,
}

// FuzzDecodeCommit holds commits to go-git's reading of them.
func FuzzDecodeCommit(f *testing.F) {
	for _, c := range commits {
		f.Add([]byte(c))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeCommit(data)
		want := &object.Commit{}
		if werr := want.Decode(memoryObject("commit", data)); (err == nil) != (werr == nil) {
			t.Fatalf("%q: %v; go-git: %v", data, err, werr)
		} else if err != nil {
			return
		}
		if got.tree != want.TreeHash || !slices.Equal(got.parents, want.ParentHashes) || got.message != want.Message ||
			got.author != (Identity{want.Author.Name, want.Author.Email}) || got.committer != (Identity{want.Committer.Name, want.Committer.Email}) {
			t.Fatalf("%q:\n%+v\ngo-git:\n%+v", data, got, want)
		}
	})
}

// FuzzDecodeTree holds trees to go-git's reading of them; names that lead
// elsewhere only we refuse.
func FuzzDecodeTree(f *testing.F) {
	for _, tree := range trees {
		f.Add([]byte(tree))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeTree(data)
		want := &object.Tree{}
		werr := want.Decode(memoryObject("tree", data))
		if err != nil && strings.Contains(err.Error(), "is not a file name") {
			return
		}
		if (err == nil) != (werr == nil) {
			t.Fatalf("%q: %v; go-git: %v", data, err, werr)
		}
		for i, e := range got {
			if (object.TreeEntry{Name: e.name, Mode: e.mode, Hash: e.hash}) != want.Entries[i] {
				t.Fatalf("%q: %+v; go-git: %+v", data, e, want.Entries[i])
			}
		}
		if err == nil && len(got) != len(want.Entries) {
			t.Fatalf("%q: %d entries; go-git: %d", data, len(got), len(want.Entries))
		}
	})
}

// FuzzTagTarget: a tag that go-git reads has the same target here.
func FuzzTagTarget(f *testing.F) {
	for _, tag := range tags {
		f.Add([]byte(tag))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := tagTarget(data)
		want := &object.Tag{}
		if werr := want.Decode(memoryObject("tag", data)); werr == nil && (err != nil || got != want.Target) {
			t.Fatalf("%q: %s, %v; go-git: %s", data, got, err, want.Target)
		}
		if err != nil && got != plumbing.ZeroHash {
			t.Fatalf("%q: %s and %v", data, got, err)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	for _, data := range []string{"", "\n", "parent " + someID, "tree x\n", "tree " + someID + "\nparent x\n"} {
		if _, err := decodeCommit([]byte(data)); err == nil || !strings.Contains(err.Error(), "malformed") {
			t.Errorf("commit %q: %v", data, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b"} {
		if _, err := decodeTree([]byte("100644 " + name + "\x00" + someID[:20])); err == nil || !strings.Contains(err.Error(), "is not a file name") {
			t.Errorf("tree with %q: %v", name, err)
		}
	}
	for _, data := range []string{"100644 a\x00short", "100644 a", "x a\x00" + someID[:20]} {
		if _, err := decodeTree([]byte(data)); err == nil || !strings.Contains(err.Error(), "malformed") {
			t.Errorf("tree %q: %v", data, err)
		}
	}
	for _, data := range []string{"", "object x\ntype commit\n", "object " + someID + "\ntype what\ntag v1\n", "object " + someID + "\ntag v1\n"} {
		if _, err := tagTarget([]byte(data)); err == nil || !strings.Contains(err.Error(), "malformed") {
			t.Errorf("tag %q: %v", data, err)
		}
	}
	big := &plumbing.MemoryObject{}
	big.SetSize(maxObjectBytes + 1)
	if _, err := readObject(big); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a commit that is too large: %v", err)
	}
}
