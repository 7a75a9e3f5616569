package promotion

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
)

// account excludes by account, or by address where the forge knows no account.
func (b *ballot) account(e *excluded, a forge.Account, address, did string) (known bool) {
	if a.ID > 0 {
		e.add(a.ID, did)
		return true
	}
	return b.address(e, address, did)
}

func (b *ballot) address(e *excluded, address, did string) (known bool) {
	if p, ok := b.people.Person(address); ok {
		e.add(p.ID, did)
		return true
	}
	if id := noReplyID(address); id > 0 {
		e.add(id, did)
		return true
	}
	if address == "" {
		address = "nobody"
	}
	if !slices.Contains(e.unverified, address) {
		e.unverified = append(e.unverified, address)
	}
	return false
}

// noReplyID is the account of ID+LOGIN@users.noreply.github.com (GitHub docs,
// "Setting your commit email address"), 0 for other addresses.
func noReplyID(address string) int64 {
	local, ok := strings.CutSuffix(strings.ToLower(address), "@users.noreply.github.com")
	number, _, plus := strings.Cut(local, "+")
	id, err := strconv.ParseInt(number, 10, 64)
	if !ok || !plus || err != nil {
		return 0
	}
	return id
}

// coAuthors are the addresses of "Co-authored-by: NAME <ADDRESS>" lines (GitHub
// docs, "Creating a commit with multiple authors"), wherever in the message they
// stand.
func coAuthors(message string) []string {
	const key = "co-authored-by:"
	var out []string
	for line := range strings.Lines(message) {
		line = strings.TrimSpace(line)
		if len(line) < len(key) || !strings.EqualFold(line[:len(key)], key) {
			continue
		}
		address := strings.TrimSpace(line[len(key):])
		if i := strings.LastIndexByte(address, '<'); i >= 0 {
			address, _, _ = strings.Cut(address[i+1:], ">")
		}
		if address = strings.TrimSpace(address); !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	return out
}
