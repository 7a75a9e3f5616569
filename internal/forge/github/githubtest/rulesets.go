package githubtest

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// ruleset protects branches or tags.
type ruleset struct {
	id               int64
	name, target     string
	enforcement      string
	include, exclude []string
	rules            []object
	created          time.Time
}

// Ruleset is one as AddRuleset takes it. Patterns are full ref names with * for
// a path element, "~ALL" or "~DEFAULT_BRANCH"; rules are JSON objects with at
// least a type, which may be one that no client knows yet.
type Ruleset struct {
	Name             string
	Target           string // branch (when empty) or tag
	Enforcement      string // active (when empty), evaluate, disabled
	Include, Exclude []string
	Rules            []map[string]any
}

// AddRuleset makes one; its rules creation, update, deletion and
// non_fast_forward are kept.
func (r *Repository) AddRuleset(in Ruleset) int64 {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	s := &ruleset{
		id: r.server.nextID(), name: in.Name, target: or(in.Target, "branch"), enforcement: or(in.Enforcement, "active"),
		include: in.Include, exclude: in.Exclude, rules: in.Rules, created: r.server.now(),
	}
	r.rulesets = append(r.rulesets, s)
	return s.id
}

func (r *Repository) applies(s *ruleset, ref string) bool {
	kind := map[string]string{"branch": "refs/heads/", "tag": "refs/tags/"}[s.target]
	hit := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, ref)
			return ok || p == "~ALL" || p == "~DEFAULT_BRANCH" && ref == "refs/heads/"+r.DefaultBranch
		})
	}
	return kind != "" && strings.HasPrefix(ref, kind) && hit(s.include) && !hit(s.exclude)
}

// ruled refuses what an active ruleset forbids.
func (c *call) ruled(ref, rule string) *problem {
	for _, s := range c.repo.rulesets {
		forbids := slices.ContainsFunc(s.rules, func(r object) bool { return r["type"] == rule })
		if s.enforcement == "active" && forbids && c.repo.applies(s, ref) && !c.repo.TokenBypassesRules {
			return invalid("Repository rule violations found\n\nCannot " + strings.ReplaceAll(rule, "_", " ") + " this ref: " + ref)
		}
	}
	return nil
}

func rulesetRoutes() []route {
	return []route{
		{"GET " + repo + "/rulesets", "metadata:read", false, listRulesets},
		{"GET " + repo + "/rulesets/{id}", "metadata:read", false, getRuleset},
		{"GET " + repo + "/rules/branches/{branch}", "metadata:read", false, listBranchRules},
	}
}

func (c *call) rulesetJSON(s *ruleset) object {
	return object{
		"id": s.id, "name": s.name, "target": s.target, "source_type": "Repository", "source": c.repo.FullName(), "enforcement": s.enforcement,
		"node_id": nodeID("RRS", s.id), "created_at": stamp(s.created), "updated_at": stamp(s.created),
		"_links": object{"self": object{"href": c.repo.url("/rulesets/%d", s.id)}, "html": object{"href": c.repo.html("/rules/%d", s.id)}},
	}
}

// listRulesets knows the parameter targets, such as "branch,tag".
func listRulesets(c *call) (int, any, *problem) {
	found := c.repo.rulesets
	if targets := c.req.URL.Query().Get("targets"); targets != "" {
		found = slices.DeleteFunc(slices.Clone(found), func(s *ruleset) bool {
			return !slices.Contains(strings.Split(targets, ","), s.target)
		})
	}
	return http.StatusOK, page(c, found, c.rulesetJSON), nil
}

func getRuleset(c *call) (int, any, *problem) {
	id, p := c.id("id")
	if p != nil {
		return 0, nil, p
	}
	i := slices.IndexFunc(c.repo.rulesets, func(s *ruleset) bool { return s.id == id })
	if i < 0 {
		return 0, nil, notFound()
	}
	s := c.repo.rulesets[i]
	o := c.rulesetJSON(s)
	none := func(list []string) []string { return append([]string{}, list...) }
	o["conditions"] = object{"ref_name": object{"include": none(s.include), "exclude": none(s.exclude)}}
	o["rules"], o["current_user_can_bypass"] = s.rules, "never"
	return http.StatusOK, o, nil
}

func listBranchRules(c *call) (int, any, *problem) {
	ref := "refs/heads/" + c.req.PathValue("branch")
	var found []object
	for _, s := range c.repo.rulesets {
		if s.enforcement != "active" || !c.repo.applies(s, ref) {
			continue
		}
		for _, rule := range s.rules {
			o := object{"ruleset_source_type": "Repository", "ruleset_source": c.repo.FullName(), "ruleset_id": s.id}
			for k, v := range rule {
				o[k] = v
			}
			found = append(found, o)
		}
	}
	return http.StatusOK, page(c, found, func(o object) object { return o }), nil
}
