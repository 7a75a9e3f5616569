package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

func (c *comparison) artifact(was, is *manifest.Artifact) {
	c.name, c.at = is.Name, is.Pos.Location()
	if was.License != is.License {
		c.changed("license", or(was.License, "none"), or(is.License, "none"), "the license is another one")
	}
	c.checks(was.Checks, is.Checks)
	if was.Dataset != nil && is.Dataset != nil {
		c.at = is.Pos.Location()
		c.files(was.Files, is.Files)
		if was.Dataset.CSV != is.Dataset.CSV {
			c.changed("csv", "", "", "CSV files are read in another way")
		}
		c.columns(was.Dataset.Columns, is.Dataset.Columns)
	}
	if was.Model != nil && is.Model != nil {
		c.gates(was.Model, is.Model)
		c.at = is.Pos.Location()
		c.evaluation(was.Model, is.Model)
		c.waivers(was.Model, is.Model)
	}
}

// files tells which files of a dataset are chosen otherwise: rows that are in no
// file of it are not checked.
func (c *comparison) files(was, is []manifest.FileSet) {
	globs := func(s manifest.FileSet) []string {
		var out []string
		for _, p := range s.Patterns {
			out = append(out, p.Glob)
		}
		return out
	}
	for i, now := range pair(was, is, func(s manifest.FileSet) string { return s.Split }) {
		split := or(was[i].Split, "the dataset")
		switch {
		case now == nil:
			c.weaker("files "+was[i].Split, list(globs(was[i])), "", "files of %s are not named any more", split)
		case !slices.Equal(globs(was[i]), globs(*now)):
			c.changed("files "+was[i].Split, list(globs(was[i])), list(globs(*now)), "files of %s are chosen otherwise", split)
		}
	}
}

// pair matches each element of was with one of is that is about the same, in
// order where there are several; nil for one that is gone.
func pair[T any](was, is []T, about func(T) string) []*T {
	left := map[string][]*T{}
	for i := range is {
		left[about(is[i])] = append(left[about(is[i])], &is[i])
	}
	out := make([]*T, len(was))
	for i := range was {
		if k := about(was[i]); len(left[k]) > 0 {
			out[i], left[k] = left[k][0], left[k][1:]
		}
	}
	return out
}

func aboutCheck(s manifest.CheckSpec) string {
	return strings.Join([]string{s.Check, strings.Join(s.Columns, ","), strings.Join(s.Splits, ",")}, "\x00")
}

func checkName(s manifest.CheckSpec) string {
	out := s.Check
	for _, of := range [][]string{s.Columns, s.Splits} {
		if len(of) > 0 {
			out += " of " + strings.Join(of, ", ")
		}
	}
	return out
}

func (c *comparison) checks(was, is []manifest.CheckSpec) {
	for i, now := range pair(was, is, aboutCheck) {
		old, name := was[i], checkName(was[i])
		if now == nil {
			c.weaker("check "+name, name, "", "the check %s is gone", name)
			continue
		}
		c.at = now.Pos.Location()
		c.severity("check "+name, "the check "+name, old.Severity, now.Severity)
		if share(now.Mostly) < share(old.Mostly) {
			c.weaker("check "+name+" mostly", number(share(old.Mostly)), number(share(now.Mostly)), "the check %s must hold for fewer rows", name)
		}
		switch {
		case old.Where == now.Where:
		case old.Where == "":
			c.weaker("check "+name+" where", "all rows", now.Where, "the check %s looks at some rows only", name)
		default:
			c.changed("check "+name+" where", old.Where, now.Where, "the check %s looks at other rows", name)
		}
		if !slices.Equal(old.GroupBy, now.GroupBy) {
			c.changed("check "+name+" groupBy", list(old.GroupBy), list(now.GroupBy), "the check %s looks at other groups", name)
		}
		c.params(old.Check, "check "+name, "the check "+name, old.Params, now.Params)
	}
}

func share(mostly *float64) float64 {
	if mostly == nil {
		return 1
	}
	return *mostly
}

var severities = []report.Severity{report.Info, report.Warning, report.Error}

func (c *comparison) severity(subject, what string, was, is report.Severity) {
	rank := func(s report.Severity) int {
		if s == "" {
			s = report.Error
		}
		return slices.Index(severities, s)
	}
	if rank(is) < rank(was) {
		c.weaker(subject+" severity", string(severities[rank(was)]), string(severities[rank(is)]), "%s decides less than before", what)
	}
}

// looser tells, for parameters of which it is known, whether a greater number
// asks for less.
var looser = map[string]bool{
	"max": true, "margin": true, "relative": true, "maxDifference": true, "maxFlips": true, "rtol": true, "atol": true, "tolerance": true, "ratio": true, "maxAge": true,
	"maxRatio": true, "maxShare": true, "factor": true, "similarity": true,
	"min": false, "minRatio": false, "minShare": false, "minP": false, "confidence": false,
}

// lenient are the values by which a parameter lets more pass, strictly those by
// which it lets less.
var (
	lenient  = map[string]any{"firstRelease": "allow", "onInconclusive": "warn", "future": "allow", "vanished": "allow", "extra": "allow", "repeated": true, "weekdaysOnly": true}
	strictly = map[string]any{"strict": true, "order": true, "exclusiveMin": true, "exclusiveMax": true}
)

// wider tells, for lists of which it is known, whether a longer one lets more
// pass; where one word means two things, the check is named.
var wider = map[string]bool{"allow": true, "column.values values": true, "column.not-values values": false, "kinds": false, "tokens": false}

// params compares the parameters of a check, which its catalog gives meaning.
func (c *comparison) params(check, subject, what string, was, is map[string]any) {
	keys := slices.Concat(slices.Sorted(maps.Keys(was)), slices.Sorted(maps.Keys(is)))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		old, before := was[key]
		now, after := is[key]
		if before && after && reflect.DeepEqual(old, now) {
			continue
		}
		subject := subject + " " + key
		x, xNumber := toNumber(old)
		y, yNumber := toNumber(now)
		greater, known := looser[key]
		switch {
		case known && before && !after:
			c.weaker(subject, show(old), "", "%s has no %s any more", what, key)
		case known && !before: // one more condition, or in place of a stricter default
			c.changed(subject, "", show(now), "%s says %s now", what, key)
		case known && xNumber && yNumber:
			if x != y && (y > x) == greater {
				c.weaker(subject, show(old), show(now), "%s asks for less: %s was %s", what, key, show(old))
			}
		case lenient[key] != nil || strictly[key] != nil:
			if after && now == lenient[key] || before && old == strictly[key] {
				c.weaker(subject, show(old), show(now), "%s lets more pass: %s: %s", what, key, or(show(now), "not set"))
			}
		case shorter(check, key, old, now):
			c.weaker(subject, show(old), show(now), "%s asks for less: another %s", what, key)
		default:
			c.changed(subject, show(old), show(now), "%s has another %s", what, key)
		}
	}
}

// shorter tells whether a list lacks what made a check stricter, or has more of
// what makes it looser.
func shorter(check, key string, was, is any) bool {
	more, known := wider[check+" "+key]
	if !known {
		more, known = wider[key]
	}
	old, before := was.([]any)
	now, after := is.([]any)
	if !known || !before && !more || !after && more { // without a list its default holds
		return false
	}
	if more {
		old, now = now, old
	}
	return slices.ContainsFunc(old, func(x any) bool {
		return !slices.ContainsFunc(now, func(y any) bool { return reflect.DeepEqual(x, y) })
	})
}

// toNumber reads numbers, sizes and durations.
func toNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case string:
		if n, err := manifest.ParseSize(v); err == nil {
			return float64(n), true
		}
		d, err := manifest.ParseDuration(v)
		return float64(d), err == nil
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func show(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func (c *comparison) columns(was, is []manifest.Column) {
	for i, now := range pair(was, is, func(x manifest.Column) string { return x.Name }) {
		old := was[i]
		subject, what := "column "+old.Name, "the column "+old.Name
		if now == nil {
			c.weaker(subject, old.Name, "", "%s is declared no more", what)
			continue
		}
		c.at = now.Pos.Location()
		nullable := func(x manifest.Column) bool { return x.Nullable == nil || *x.Nullable }
		switch {
		case old.Type != "" && now.Type == "":
			c.weaker(subject+" type", old.Type, "", "%s has no type any more", what)
		case old.Type != "" && old.Type != now.Type:
			c.changed(subject+" type", old.Type, now.Type, "%s has another type", what)
		}
		if nullable(*now) && !nullable(old) {
			c.weaker(subject+" nullable", "false", "true", "%s may lack values", what)
		}
		if old.Unique && !now.Unique {
			c.weaker(subject+" unique", "true", "false", "values of %s may repeat", what)
		}
		switch {
		case len(old.Values) > 0 && len(now.Values) == 0:
			c.weaker(subject+" values", fmt.Sprint(old.Values), "any", "%s may have any value", what)
		case len(old.Values) > 0 && len(missing(now.Values, old.Values)) > 0:
			c.weaker(subject+" values", fmt.Sprint(old.Values), fmt.Sprint(now.Values), "%s may have more values", what)
		}
		c.bound(subject+" min", what, "min", old.Min, now.Min, -1)
		c.bound(subject+" max", what, "max", old.Max, now.Max, 1)
	}
}

// bound compares an optional number of which more asks for less (sign 1) or for
// more (sign -1).
func (c *comparison) bound(subject, what, key string, was, is *float64, sign float64) {
	switch {
	case was == nil:
	case is == nil:
		c.weaker(subject, number(*was), "", "%s has no %s any more", what, key)
	case sign*(*is-*was) > 0:
		c.weaker(subject, number(*was), number(*is), "%s asks for less: %s was %s", what, key, number(*was))
	}
}
