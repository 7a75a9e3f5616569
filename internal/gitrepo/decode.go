package gitrepo

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// maxObjectBytes is the largest commit, tree or tag that is read: a folder of
// two million files.
const maxObjectBytes = 128 << 20

// commitObject is a commit of the clone. go-git's own type is not used, nor are
// those of trees and tags: its package verifies signatures and so brings a
// whole OpenPGP into the program.
type commitObject struct {
	hash, tree        plumbing.Hash
	parents           []plumbing.Hash
	author, committer Identity
	message           string
}

// fileEntry is a line of any tree; treeEntry is one of the ledger's.
type fileEntry struct {
	name string
	mode filemode.FileMode
	hash plumbing.Hash
}

// readObject reads a commit, a tree or a tag whole.
func readObject(o plumbing.EncodedObject) ([]byte, error) {
	if n := o.Size(); n < 0 || n > maxObjectBytes {
		return nil, fmt.Errorf("%d bytes; at most %d are read", n, maxObjectBytes)
	}
	in, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data := make([]byte, o.Size())
	_, err = io.ReadFull(in, data)
	return data, err
}

// headers are the lines before the first empty one of a commit or a tag.
type headers []byte

// next takes the first line away if it has this key.
func (h *headers) next(key string) (value []byte, ok bool) {
	line, rest, _ := bytes.Cut(*h, []byte{'\n'})
	found, value, _ := bytes.Cut(line, []byte{' '})
	if string(found) != key {
		return nil, false
	}
	*h = rest
	return value, true
}

// decodeCommit reads a commit as git does (commit.c, parse_commit_buffer): tree,
// parents, author and committer are the first lines in this order, of which only
// the tree must be there. What follows them before the message (encoding, gpgsig
// and its further lines, mergetag) is skipped; the message is not converted.
func decodeCommit(data []byte) (*commitObject, error) {
	head, message, _ := bytes.Cut(data, []byte("\n\n"))
	h, c := headers(head), &commitObject{}
	id, ok := h.next("tree")
	if !ok || !plumbing.IsHash(string(id)) {
		return nil, errors.New("a commit is malformed: it does not begin with its tree")
	}
	c.tree = plumbing.NewHash(string(id))
	for {
		id, ok := h.next("parent")
		if !ok {
			break
		}
		if !plumbing.IsHash(string(id)) {
			return nil, errors.New("a commit is malformed: a parent is not an object name")
		}
		c.parents = append(c.parents, plumbing.NewHash(string(id)))
	}
	if line, ok := h.next("author"); ok {
		c.author = parseIdentity(line)
	}
	if line, ok := h.next("committer"); ok {
		c.committer = parseIdentity(line)
	}
	c.message = string(message)
	return c, nil
}

// parseIdentity reads "NAME <EMAIL> TIME ZONE"; without brackets it is nobody.
func parseIdentity(line []byte) Identity {
	open, end := bytes.LastIndexByte(line, '<'), bytes.LastIndexByte(line, '>')
	if open < 0 || end < open {
		return Identity{}
	}
	return Identity{Name: string(bytes.Trim(line[:open], " ")), Email: string(line[open+1 : end])}
}

// decodeTree reads the lines "MODE NAME\x00ID" of a tree. Modes become one of
// those that git knows (cache.h, canon_mode).
func decodeTree(data []byte) ([]fileEntry, error) {
	text := string(data) // the names are parts of it
	entries := make([]fileEntry, 0, len(text)/40)
	for text != "" {
		mode, rest, ok1 := strings.Cut(text, " ")
		name, rest, ok2 := strings.Cut(rest, "\x00")
		n, err := strconv.ParseUint(mode, 8, 32)
		if !ok1 || !ok2 || err != nil || len(rest) < sha1.Size {
			return nil, errors.New("a tree is malformed")
		}
		if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
			return nil, fmt.Errorf("entry %q is not a file name", clip(name))
		}
		e := fileEntry{name: name, mode: canonicalMode(filemode.FileMode(n))}
		copy(e.hash[:], rest)
		entries = append(entries, e)
		text = rest[sha1.Size:]
	}
	return entries, nil
}

func canonicalMode(m filemode.FileMode) filemode.FileMode {
	switch m & 0o170000 {
	case 0o040000:
		return filemode.Dir
	case 0o100000:
		if m&0o111 != 0 {
			return filemode.Executable
		}
		return filemode.Regular
	case 0o120000:
		return filemode.Symlink
	}
	return filemode.Submodule
}

// tagTarget is the object that an annotated tag names.
func tagTarget(data []byte) (plumbing.Hash, error) {
	head, _, _ := bytes.Cut(data, []byte("\n\n"))
	h := headers(head)
	id, ok := h.next("object")
	ok = ok && plumbing.IsHash(string(id))
	if ok && len(h) > 0 {
		kind, _ := h.next("type")
		_, err := plumbing.ParseObjectType(string(kind))
		ok = err == nil
	}
	if !ok {
		return plumbing.ZeroHash, errors.New("a tag is malformed")
	}
	return plumbing.NewHash(string(id)), nil
}
