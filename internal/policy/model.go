package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
)

func aboutGate(g manifest.Gate) string {
	parts := []string{g.Metric}
	switch {
	case g.NotWorseThan != nil:
		parts = append(parts, "not worse than "+g.NotWorseThan.String())
	case g.BetterThan != nil:
		parts = append(parts, "better than "+g.BetterThan.String())
	}
	if g.Min != nil {
		parts = append(parts, "min")
	}
	if g.Max != nil {
		parts = append(parts, "max")
	}
	return strings.Join(parts, " ")
}

func (c *comparison) gates(was, is *manifest.Model) {
	for i, now := range pair(was.Gates, is.Gates, aboutGate) {
		old, name := was.Gates[i], aboutGate(was.Gates[i])
		subject, what := "gate "+name, "the gate on "+name
		if now == nil {
			c.weaker(subject, name, "", "%s is gone", what)
			continue
		}
		c.at = now.Pos.Location()
		c.severity(subject, what, old.Severity, now.Severity)
		c.bound(subject+" min", what, "min", old.Min, now.Min, -1)
		c.bound(subject+" max", what, "max", old.Max, now.Max, 1)
		c.margins(subject, what, &old, now)
		if now.Confidence < old.Confidence || old.Sure && !now.Sure && (old.Min != nil || old.Max != nil) {
			c.weaker(subject+" confidence", number(old.Confidence), number(now.Confidence), "%s needs less certainty", what)
		}
		if gone := missing(old.Slices, now.Slices); len(gone) > 0 {
			c.weaker(subject+" slices", list(old.Slices), list(now.Slices), "%s need not hold in slices of %s", what, list(gone))
		}
		if old.FirstRelease != "allow" && now.FirstRelease == "allow" {
			c.weaker(subject+" firstRelease", "", "allow", "%s passes where there is nothing to compare with", what)
		}
		if old.OnInconclusive != "warn" && now.OnInconclusive == "warn" {
			c.weaker(subject+" onInconclusive", old.OnInconclusive, "warn", "%s lets pass what it cannot decide", what)
		}
	}
}

// evaluation compares what gates are judged by, and what else of a model checks
// look at: without it they have nothing to say.
func (c *comparison) evaluation(was, is *manifest.Model) {
	for _, d := range was.Datasets {
		i := slices.IndexFunc(is.Datasets, func(now manifest.DatasetUse) bool { return now.Role == d.Role })
		switch {
		case i < 0:
			c.changed("datasets "+d.Role, d.Ref.String(), "", "no dataset is named for %s any more", d.Role)
		case is.Datasets[i].Ref != d.Ref:
			c.changed("datasets "+d.Role, d.Ref.String(), is.Datasets[i].Ref.String(), "another dataset is named for %s", d.Role)
		}
	}
	if was.Card != "" && is.Card == "" {
		c.weaker("card", was.Card, "", "there is no model card any more")
	}
	if !was.Interface.IsZero() && is.Interface.IsZero() {
		c.weaker("interface", "declared", "", "the interface is declared no more")
	}
	old, now := was.Evaluation, is.Evaluation
	switch {
	case old == nil:
		return
	case now == nil:
		c.weaker("evaluation", old.Predictions, "", "there is no evaluation any more")
		return
	}
	c.at = now.Pos.Location()
	for _, f := range []struct {
		key     string
		was, is any
	}{{"predictions", old.Predictions, now.Predictions}, {"key", old.Key, now.Key}, {"label", old.Label, now.Label}, {"prediction", old.Prediction, now.Prediction},
		{"score", old.Score, now.Score}, {"scores", old.Scores, now.Scores}, {"positive", old.Positive, now.Positive}, {"threshold", threshold(old), threshold(now)},
		{"task", old.Task, now.Task}, {"query", old.Query, now.Query}, {"cluster", old.Cluster, now.Cluster}} {
		if !reflect.DeepEqual(f.was, f.is) {
			c.changed("evaluation "+f.key, show(f.was), show(f.is), "the evaluation has another %s", f.key)
		}
	}
	for _, f := range []struct {
		key     string
		was, is []string
	}{{"slices", old.Slices, now.Slices}, {"search", old.Search, now.Search}} {
		if gone := missing(f.was, f.is); len(gone) > 0 {
			c.weaker("evaluation "+f.key, list(f.was), list(f.is), "the evaluation does not look at slices of %s any more", list(gone))
		}
	}
}

func threshold(e *manifest.Evaluation) any {
	if e.Threshold == nil {
		return nil
	}
	return *e.Threshold
}

// margins compares the margins of a gate, of all rows and inside slices.
func (c *comparison) margins(subject, what string, was, is *manifest.Gate) {
	zero := 0.0
	or := func(m *float64) *float64 {
		if m == nil {
			return &zero
		}
		return m
	}
	switch {
	case (was.Relative == nil) != (is.Relative == nil):
		c.changed(subject+" margin", marginOf(was), marginOf(is), "%s has a margin of another kind", what)
	case was.Relative != nil:
		c.bound(subject+" relative", what, "relative", was.Relative, is.Relative, c.direction(is))
	default:
		c.bound(subject+" margin", what, "margin", or(was.Margin), or(is.Margin), c.direction(is))
	}
	before, after := perSlice(was), perSlice(is)
	if after.MinRows > before.MinRows {
		c.weaker(subject+" minRows", fmt.Sprint(before.MinRows), fmt.Sprint(after.MinRows), "%s does not judge slices that it judged before", what)
	}
	if before.Margin == nil && after.Margin == nil {
		return // that of all rows, which was compared
	}
	old, now := before.Margin, after.Margin
	if old == nil {
		old = or(was.Margin)
	}
	if now == nil {
		now = or(is.Margin)
	}
	c.bound(subject+" slice margin", what, "the margin inside slices", old, now, c.direction(is))
}

// perSlice is what differs inside slices, with the default that is not written.
func perSlice(g *manifest.Gate) manifest.PerSlice {
	var out manifest.PerSlice
	if g.PerSlice != nil {
		out = *g.PerSlice
	}
	if out.MinRows == 0 {
		out.MinRows = 30
	}
	return out
}

// direction is 1 where a greater margin asks for less: "not worse". Of "better"
// it asks for more.
func (c *comparison) direction(g *manifest.Gate) float64 {
	if g.BetterThan != nil {
		return -1
	}
	return 1
}

func marginOf(g *manifest.Gate) string {
	switch {
	case g.Relative != nil:
		return number(*g.Relative) + " of the baseline"
	case g.Margin != nil:
		return number(*g.Margin)
	}
	return "0"
}

// waivers reports findings of the security scan, and breaks of the interface,
// that are allowed now.
func (c *comparison) waivers(was, is *manifest.Model) {
	for _, now := range is.Ignore {
		c.at = now.Pos.Location()
		what := fmt.Sprintf("findings of %s in %s", now.Rule, or(now.Path, "all files"))
		earlier := ""
		for _, old := range was.Ignore {
			if old.Rule == now.Rule && old.Path == now.Path && !now.Expires.After(old.Expires) {
				earlier = old.Rule
			}
		}
		if earlier == "" {
			c.weaker("ignore "+now.Rule+" "+now.Path, "", "until "+now.Expires.Format(time.DateOnly), "%s are allowed until %s: %s", what, now.Expires.Format(time.DateOnly), now.Reason)
		}
	}
	if is.Compatibility.Pos.Line > 0 {
		c.at = is.Compatibility.Pos.Location()
	}
	if w, n := strict(was.Compatibility.Use), strict(is.Compatibility.Use); n < w {
		c.weaker("compatibility", or(was.Compatibility.Use, "CLIENT"), or(is.Compatibility.Use, "CLIENT"), "fewer changes of the interface count as breaks")
	}
	if more := missing(is.Compatibility.Except, was.Compatibility.Except); len(more) > 0 {
		c.weaker("compatibility except", list(was.Compatibility.Except), list(is.Compatibility.Except), "the interface rules %s do not count", list(more))
	}
	for _, now := range is.Compatibility.Ignore {
		known := false
		for _, old := range was.Compatibility.Ignore {
			known = known || old.Rule == now.Rule && (old.Name == now.Name || old.Name == "")
		}
		if !known {
			c.at = now.Pos.Location()
			c.weaker("compatibility ignore "+now.Rule+" "+now.Name, "", now.Reason, "breaks of %s are allowed for %s", now.Rule, or(now.Name, "all names"))
		}
	}
}

// strict orders the sets of interface rules. STRICT has all of CLIENT's;
// SEMANTIC has fewest.
func strict(use string) int {
	switch use {
	case "STRICT":
		return 2
	case "SEMANTIC":
		return 0
	}
	return 1
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
