package approval

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// noReply is the domain of the addresses that GitHub gives to accounts (GitHub
// docs, "Setting your commit email address").
const noReply = "@users.noreply.github.com"

// Directory knows people by id, login, address and key.
type Directory struct {
	groups    map[string][]manifest.Person
	ids       map[int64]manifest.Person
	logins    map[string]int64 // in lower case
	addresses map[string]owned // in lower case
	keys      map[string][]Signer
	owners    map[string]int64 // key -> person; only of keys that somebody of people has
}

type owned struct {
	id int64
	by Signer
}

// NewDirectory puts people and their keys together. It refuses what would let
// one person pass for two, or for another: a login with two ids, a key or an
// address of two people.
func NewDirectory(people map[string][]manifest.Person, signers []Signer) (*Directory, error) {
	d := &Directory{groups: people, ids: map[int64]manifest.Person{}, logins: map[string]int64{},
		addresses: map[string]owned{}, keys: map[string][]Signer{}, owners: map[string]int64{}}
	for _, group := range slices.Sorted(maps.Keys(people)) {
		for _, p := range people[group] {
			login := strings.ToLower(p.Login)
			if id, ok := d.logins[login]; ok && id != p.ID {
				return nil, fmt.Errorf("people: %s has two ids, %d and %d; correct one of them", p.Login, id, p.ID)
			}
			if known, ok := d.ids[p.ID]; ok && !strings.EqualFold(known.Login, p.Login) {
				return nil, fmt.Errorf("people: id %d has two logins, %s and %s; correct one of them", p.ID, known.Login, p.Login)
			}
			d.ids[p.ID], d.logins[login] = p, p.ID
		}
	}
	for _, s := range signers {
		if err := d.addAddresses(s); err != nil {
			return nil, err
		}
	}
	for _, s := range signers {
		if err := d.addKey(s); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// addAddresses takes the addresses that stand beside a login.
func (d *Directory) addAddresses(s Signer) error {
	var who *manifest.Person
	for _, p := range s.Principals {
		if person, ok := d.byLogin(p); ok {
			if who != nil && who.ID != person.ID {
				return shared(s, s, *who, person)
			}
			who = &person
		}
	}
	if who == nil {
		return nil
	}
	for _, p := range s.Principals {
		if !strings.Contains(p, "@") {
			continue
		}
		address := strings.ToLower(p)
		if other, ok := d.addresses[address]; ok && other.id != who.ID {
			return fmt.Errorf("%s and %s give the address %s to two people, %s and %s; it can be of one only",
				other.by.where(), s.where(), clip(p), d.ids[other.id].Login, who.Login)
		}
		if person, ok := d.byNoReply(address); ok && person.ID != who.ID {
			return shared(s, s, *who, person)
		}
		d.addresses[address] = owned{who.ID, s}
	}
	return nil
}

func (d *Directory) addKey(s Signer) error {
	blob := string(s.key.Marshal())
	for _, p := range s.Principals {
		person, ok := d.Person(p)
		if !ok {
			continue
		}
		if id, taken := d.owners[blob]; taken && id != person.ID {
			other := s // the same line, unless an earlier one has the key
			if earlier := d.keys[blob]; len(earlier) > 0 {
				other = earlier[0]
			}
			return shared(other, s, d.ids[id], person)
		}
		d.owners[blob] = person.ID
	}
	d.keys[blob] = append(d.keys[blob], s)
	return nil
}

func shared(a, b Signer, first, second manifest.Person) error {
	where := a.where()
	if a.Line != b.Line {
		where += " and " + b.where()
	}
	return fmt.Errorf("%s: one key for two people, %s and %s: two approvals would be one; each needs a key of their own", where, first.Login, second.Login)
}

// Person finds somebody by login, by a login's address at GitHub
// (ID+LOGIN@users.noreply.github.com), or by an address that is a principal
// beside their login in allowed_signers. Case does not matter.
func (d *Directory) Person(name string) (manifest.Person, bool) {
	if p, ok := d.byLogin(name); ok {
		return p, true
	}
	if !strings.Contains(name, "@") {
		return manifest.Person{}, false
	}
	name = strings.ToLower(name)
	if o, ok := d.addresses[name]; ok {
		return d.ids[o.id], true
	}
	return d.byNoReply(name)
}

// ByID finds somebody by the forge's number.
func (d *Directory) ByID(id int64) (manifest.Person, bool) {
	p, ok := d.ids[id]
	return p, ok
}

func (d *Directory) byLogin(login string) (manifest.Person, bool) {
	id, ok := d.logins[strings.ToLower(login)]
	return d.ids[id], ok
}

// byNoReply reads ID+LOGIN@… and the older LOGIN@…. The id decides: it outlives
// a change of login; a login that is somebody else's contradicts it.
func (d *Directory) byNoReply(address string) (manifest.Person, bool) {
	local, ok := strings.CutSuffix(address, noReply)
	if !ok {
		return manifest.Person{}, false
	}
	number, login, ok := strings.Cut(local, "+")
	if !ok {
		return d.byLogin(local)
	}
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return manifest.Person{}, false
	}
	p, ok := d.ids[id]
	if other, known := d.byLogin(login); known && other.ID != id {
		return manifest.Person{}, false
	}
	return p, ok
}

// Members are the people of groups, of all groups when there are none, by id.
func (d *Directory) Members(groups []string) map[int64]manifest.Person {
	if len(groups) == 0 {
		return maps.Clone(d.ids)
	}
	out := map[int64]manifest.Person{}
	for _, g := range groups {
		for _, p := range d.groups[g] {
			out[p.ID] = p
		}
	}
	return out
}
