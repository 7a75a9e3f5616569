package gitrepo

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"
)

const (
	modeFile = "100644"
	modeDir  = "40000"
)

// treeEntry is a line of a tree object in the ledger.
type treeEntry struct{ mode, name, id string }

// sortKey orders entries as git does: folders as if their name ended in "/".
func (e treeEntry) sortKey() string {
	if e.mode == modeDir {
		return e.name + "/"
	}
	return e.name
}

// parseTree reads a tree of the ledger: folders and plain files only, because
// nothing else is ever written there.
func parseTree(data []byte) ([]treeEntry, error) {
	var entries []treeEntry
	for len(data) > 0 {
		mode, rest, ok1 := bytes.Cut(data, []byte{' '})
		name, rest, ok2 := bytes.Cut(rest, []byte{0})
		if !ok1 || !ok2 || len(rest) < sha1.Size {
			return nil, errors.New("a tree is malformed")
		}
		e := treeEntry{string(mode), string(name), hex.EncodeToString(rest[:sha1.Size])}
		if e.mode != modeDir && e.mode != modeFile {
			return nil, fmt.Errorf("a tree has %q with mode %s; only files and folders belong there", clip(e.name), clip(e.mode))
		}
		if err := checkFileName(e.name); err != nil {
			return nil, err
		}
		entries = append(entries, e)
		data = rest[sha1.Size:]
	}
	return entries, nil
}

func encodeTree(entries []treeEntry) ([]byte, error) {
	sort.Slice(entries, func(i, j int) bool { return entries[i].sortKey() < entries[j].sortKey() })
	var b bytes.Buffer
	for _, e := range entries {
		id, err := hex.DecodeString(e.id)
		if err != nil {
			return nil, err
		}
		b.WriteString(e.mode + " " + e.name + "\x00")
		b.Write(id)
	}
	return b.Bytes(), nil
}

// checkFileName refuses what git fsck refuses in trees and what would leave a
// folder if it were ever written out.
func checkFileName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "/\\\x00") || strings.EqualFold(name, ".git") || len(name) > 255 {
		return fmt.Errorf("%q cannot be the name of a file in the ledger", clip(name))
	}
	return nil
}

// parseCommit reads what is needed of a commit object: its tree and parents.
func parseCommit(data []byte) (tree string, parents []string, err error) {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		key, id, _ := strings.Cut(line, " ")
		switch {
		case key == "tree" && tree == "" && isHash(id):
			tree = id
		case key == "parent" && tree != "" && isHash(id):
			parents = append(parents, id)
		case tree == "":
			return "", nil, errors.New("a commit is malformed")
		default:
			return tree, parents, nil
		}
	}
	return "", nil, errors.New("a commit is malformed")
}
