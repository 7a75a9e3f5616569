package manifest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
	"go.yaml.in/yaml/v3"
)

var (
	groupRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	loginRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\[bot\])?$`)
	// As the OCI distribution-spec has repository names, after a host.
	registryRE = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
)

// layoutPrefix begins a registry that is a folder.
const layoutPrefix = "oci-layout:"

func (d *document) project() *Project {
	registry := d.get(d.root, "registry")
	p := &Project{
		Registry: text(registry),
		People:   d.people(d.get(d.root, "people")),
		Samples:  SamplesNone,
		Contacts: map[string]string{},
	}
	if p.Registry != "" {
		d.checkRegistry(registry)
	}
	if s := text(d.get(d.get(d.root, "report"), "samples")); s != "" {
		p.Samples = Samples(s)
	}
	for _, e := range d.entries(d.get(d.root, "contacts")) {
		p.Contacts[e.key.Value] = text(e.value)
	}
	for _, item := range items(d.get(d.root, "freezes")) {
		p.Freezes = append(p.Freezes, d.freeze(item))
	}
	p.Stages = d.stages(d.get(d.root, "stages"), p.People)
	return p
}

func (d *document) checkRegistry(n *yaml.Node) {
	if dir, ok := strings.CutPrefix(n.Value, layoutPrefix); ok {
		if dir == "" || strings.ContainsFunc(dir, isControl) {
			d.report(n, "write it like oci-layout:.waybill/registry", "registry: no folder follows %q", layoutPrefix)
		}
		return
	}
	if scheme, rest, ok := strings.Cut(n.Value, "://"); ok {
		d.report(n, fmt.Sprintf("write %s", clip(rest)), "registry: leave out %s://", clip(scheme))
		return
	}
	if !registryRE.MatchString(n.Value) {
		d.report(n, "", "registry: expected HOST/PATH in lower case such as ghcr.io/acme/reviews, or oci-layout:DIR, got %s", show(n))
	}
}

func (d *document) people(n *yaml.Node) map[string][]Person {
	people := map[string][]Person{}
	for _, group := range d.entries(n) {
		if !groupRE.MatchString(group.key.Value) {
			d.report(group.key, "", "group %q: use letters, digits, - and _, at most 64", clip(group.key.Value))
			continue
		}
		members := []Person{}
		seen := map[int64]bool{}
		for _, item := range items(group.value) {
			login, id := d.get(item, "login"), d.get(item, "id")
			if text(login) != "" && !loginRE.MatchString(login.Value) {
				d.report(login, "", "login %q: not a login as forges have them", clip(login.Value))
			}
			number, ok := whole(id)
			if ok && seen[number] {
				d.report(id, "", "people.%s: id %d stands in this group already", clip(group.key.Value), number)
			}
			seen[number] = true
			members = append(members, Person{Login: text(login), ID: number})
		}
		people[group.key.Value] = members
	}
	return people
}

func (d *document) freeze(n *yaml.Node) Freeze {
	f := Freeze{Allow: strs(texts(d.get(n, "allow"))), Pos: d.pos(n)}
	day := func(key string) time.Time {
		value := d.get(n, key)
		if text(value) == "" {
			return time.Time{}
		}
		t, err := parseDate(value.Value)
		d.check(value, err)
		return t
	}
	f.From, f.To = day("from"), day("to")
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		d.report(d.get(n, "to"), "", "the freeze ends (%s) before it begins (%s)", f.To.Format(time.DateOnly), f.From.Format(time.DateOnly))
	}
	return f
}

func (d *document) stages(n *yaml.Node, people map[string][]Person) []Stage {
	entries := d.entries(n)
	names := make([]string, 0, len(entries))
	declared := make(map[string]bool, len(entries))
	for _, e := range entries {
		names = append(names, e.key.Value)
		declared[e.key.Value] = true
	}
	groups := slices.Sorted(maps.Keys(people))
	var stages []Stage
	from := map[string][]*yaml.Node{}
	for _, e := range entries {
		d.check(e.key, ref.CheckStage(e.key.Value))
		s := Stage{Name: e.key.Value, Environment: text(d.get(e.value, "environment")), Pos: d.pos(e.key)}
		for _, f := range texts(d.get(e.value, "from")) {
			if !declared[f.Value] {
				d.report(f, d.nearestOrAll(f.Value, names), "stage %q is not declared in this file", clip(f.Value))
				continue
			}
			from[s.Name] = append(from[s.Name], f)
		}
		s.From = strs(from[s.Name])
		s.Soak = d.duration(d.get(e.value, "soak"))
		if s.Soak > 0 && d.get(e.value, "from") == nil {
			d.report(d.get(e.value, "soak"), "add from:", "stages.%s.soak: says how long a version must have been in an earlier stage, but there is no from", clip(s.Name))
		}
		s.Requires = strs(texts(d.get(e.value, "requires")))
		s.Approvals = d.approvals(d.get(e.value, "approvals"), people, groups)
		s.Rollback = s.Approvals
		rollback := d.get(e.value, "rollback")
		if approvals := d.get(rollback, "approvals"); approvals != nil {
			s.Rollback = d.approvals(approvals, people, groups)
		}
		s.RollbackSoak = d.duration(d.get(rollback, "soak"))
		stages = append(stages, s)
	}
	d.circles(names, from)
	return stages
}

// circles reports every entry of from that closes a circle, by depth-first
// search in the order of the file.
func (d *document) circles(names []string, from map[string][]*yaml.Node) {
	const onPath, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = onPath
		path = append(path, name)
		for _, f := range from[name] {
			switch state[f.Value] {
			case onPath:
				if len(d.errs) > maxErrors {
					continue
				}
				circle := append(slices.Clone(path[slices.Index(path, f.Value):]), f.Value)
				d.report(f, "", "no version could ever enter: %s", clip(strings.Join(circle, " comes from ")))
			case 0:
				visit(f.Value)
			}
		}
		path = path[:len(path)-1]
		state[name] = done
	}
	for _, name := range names {
		if state[name] == 0 {
			visit(name)
		}
	}
}

// approvals reads an approvals mapping. groups are the names of people: who is
// in none of those that from names counts nowhere, not as an environment's
// reviewer either.
func (d *document) approvals(n *yaml.Node, people map[string][]Person, groups []string) Approvals {
	required, _ := whole(d.get(n, "required"))
	a := Approvals{
		Required: int(min(max(required, 0), 1000)), // the schema has bounds; this keeps a refused one harmless
		Exclude:  strs(texts(d.get(n, "exclude"))),
		MaxAge:   d.duration(d.get(n, "maxAge")),
	}
	from := texts(d.get(n, "from"))
	members, known := map[int64]bool{}, true
	for _, g := range from {
		if _, ok := people[g.Value]; !ok {
			known = false
			d.report(g, d.nearestOrAll(g.Value, groups), "group %q is not in people", clip(g.Value))
			continue
		}
		a.From = append(a.From, g.Value)
		for _, p := range people[g.Value] {
			if len(members) >= a.Required {
				break // enough; a hostile project has thousands of both
			}
			members[p.ID] = true
		}
	}
	if len(from) > 0 && known && a.Required > len(members) {
		d.report(d.get(n, "required"), "", "%d approvals are required, but of %s only %d can approve", a.Required, clip(list(a.From, "and")), len(members))
	}
	return a
}

// duration returns 0 for what is not a duration: the schema's format reports it.
func (d *document) duration(n *yaml.Node) time.Duration {
	v, err := ParseDuration(text(n))
	if err != nil {
		return 0
	}
	return v
}
