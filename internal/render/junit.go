package render

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// junitFormat writes the XML of JUnit's Ant task, in the form that GitLab,
// Jenkins and the readers for GitHub share: suites of cases, each with at most
// one failure or error. It has no word for sections; they are left out.
var junitFormat = format{name: "junit", report: junitReport}

// maxName is how many characters of a case's name are shown.
const maxName = 400

// junitSuite is what one artifact's findings of one group come to.
type junitSuite struct {
	name             string
	findings         []*report.Finding
	failures, errors int
}

// junitReport writes a suite for each artifact and group and a case for each
// finding. A FAIL that decides is a failure. An INCONCLUSIVE that decides is an
// error, which is JUnit's word for a test that came to no answer: readers count
// what is skipped as passed, and INCONCLUSIVE never passes silently. Warnings
// and remarks decide nothing: their cases pass, and say what they have to say
// in system-out. Times are 0 because readers want a number.
func junitReport(b *bytes.Buffer, r *report.Report, _ Options) error {
	suites := junitSuites(r.Findings)
	failures, errors := 0, 0
	for _, s := range suites {
		failures += s.failures
		errors += s.errors
	}
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites")
	xmlAttr(b, "name", firstNonEmpty(r.Title, "waybill"))
	junitNumbers(b, len(r.Findings), failures, errors)
	b.WriteString(">\n")
	for _, s := range suites {
		b.WriteString("  <testsuite")
		xmlAttr(b, "name", s.name)
		junitNumbers(b, len(s.findings), s.failures, s.errors)
		b.WriteString(">\n")
		seen := map[string]int{}
		for _, f := range s.findings {
			// GitLab takes one of the cases that have the same name.
			name := clip(visible(checkName(f)), maxName)
			if seen[name]++; seen[name] > 1 {
				name += " #" + strconv.Itoa(seen[name])
			}
			junitCase(b, s.name, name, f)
		}
		b.WriteString("  </testsuite>\n")
	}
	b.WriteString("</testsuites>\n")
	return nil
}

func junitSuites(findings []report.Finding) []*junitSuite {
	var out []*junitSuite
	index := map[[2]string]*junitSuite{}
	for i := range findings {
		f := &findings[i]
		k := [2]string{f.Artifact, f.Group}
		s := index[k]
		if s == nil {
			// Readers split the class of a case at its points.
			s = &junitSuite{name: firstNonEmpty(f.Artifact, "waybill") + "." + firstNonEmpty(f.Group, "checks")}
			index[k] = s
			out = append(out, s)
		}
		s.findings = append(s.findings, f)
		switch junitAnswer(f) {
		case "failure":
			s.failures++
		case "error":
			s.errors++
		}
	}
	return out
}

// junitAnswer is the element that says why a case did not pass, as
// report.Summarize counts, or "".
func junitAnswer(f *report.Finding) string {
	switch {
	case f.Verdict == report.Pass || f.Severity == report.Warning || f.Severity == report.Info:
		return ""
	case f.Verdict == report.Fail:
		return "failure"
	}
	return "error"
}

func junitCase(b *bytes.Buffer, class, name string, f *report.Finding) {
	b.WriteString("    <testcase")
	xmlAttr(b, "name", name)
	xmlAttr(b, "classname", class)
	if f.Location != nil && f.Location.File != "" {
		xmlAttr(b, "file", f.Location.File)
		if f.Location.Line > 0 {
			xmlAttr(b, "line", strconv.Itoa(f.Location.Line))
		}
	}
	b.WriteString(` time="0"`)
	answer := junitAnswer(f)
	switch {
	case f.Verdict == report.Pass:
		b.WriteString("/>\n")
		return
	case answer == "":
		b.WriteString(">\n      <system-out>")
		_, word, _ := mark(f)
		b.WriteString(strings.TrimSuffix(word+": "+escape(f.Message)+"\n"+junitText(f), "\n"))
		answer = "system-out"
	default:
		b.WriteString(">\n      <" + answer)
		xmlAttr(b, "message", firstNonEmpty(f.Message, checkName(f)))
		xmlAttr(b, "type", ruleName(f))
		b.WriteString(">" + junitText(f))
	}
	b.WriteString("</" + answer + ">\n    </testcase>\n")
}

// junitText is the rest of a finding, a line each.
func junitText(f *report.Finding) string {
	var out []string
	for _, part := range [][2]string{
		{"at ", location(f.Location)}, {"expected: ", f.Expected}, {"observed: ", f.Observed}, {"→ ", f.Hint}, {"see ", f.Doc},
	} {
		if part[1] != "" {
			out = append(out, part[0]+escape(part[1]))
		}
	}
	return strings.Join(out, "\n")
}

func junitNumbers(b *bytes.Buffer, tests, failures, errors int) {
	for _, n := range []struct {
		name  string
		value int
	}{{"tests", tests}, {"failures", failures}, {"errors", errors}, {"skipped", 0}, {"time", 0}} {
		xmlAttr(b, n.name, strconv.Itoa(n.value))
	}
}

func xmlAttr(b *bytes.Buffer, name, value string) {
	b.WriteString(" " + name + `="` + escape(value) + `"`)
}
