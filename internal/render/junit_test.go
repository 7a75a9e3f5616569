package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
}

type junitDocument struct {
	XMLName xml.Name `xml:"testsuites"`
	junitCounts
	Suites []struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []struct {
			Name    string   `xml:"name,attr"`
			Class   string   `xml:"classname,attr"`
			Failure []string `xml:"failure"`
			Error   []string `xml:"error"`
			Skipped []string `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// checkJUnit reads a report back as XML, whose reader refuses what XML does
// not have, and counts again.
func checkJUnit(r *report.Report) error {
	var b bytes.Buffer
	if err := Report(&b, "junit", r, Options{}); err != nil {
		return err
	}
	if err := junitNames(b.Bytes()); err != nil {
		return fmt.Errorf("%w, in:\n%s", err, b.String())
	}
	var d junitDocument
	if err := xml.Unmarshal(b.Bytes(), &d); err != nil {
		return fmt.Errorf("%w, in:\n%s", err, b.String())
	}
	var all junitCounts
	for _, s := range d.Suites {
		got := junitCounts{Tests: len(s.Cases)}
		seen := map[string]bool{}
		for _, c := range s.Cases {
			got.Failures += len(c.Failure)
			got.Errors += len(c.Error)
			got.Skipped += len(c.Skipped)
			if seen[c.Name] || c.Class != s.Name {
				return fmt.Errorf("case %q of class %q in suite %q is there twice or astray", c.Name, c.Class, s.Name)
			}
			seen[c.Name] = true
		}
		if got != s.junitCounts {
			return fmt.Errorf("suite %q has %+v and says %+v", s.Name, got, s.junitCounts)
		}
		all.Tests += got.Tests
		all.Failures += got.Failures
		all.Errors += got.Errors
	}
	if all != d.junitCounts {
		return fmt.Errorf("all suites have %+v and the document says %+v", all, d.junitCounts)
	}
	if all.Tests != len(r.Findings) || all.Failures != r.Summary.Fail || all.Errors != r.Summary.Inconclusive {
		return fmt.Errorf("%+v for %d findings with %+v", all, len(r.Findings), r.Summary)
	}
	return nil
}

// junitNames fails on an element or attribute that is none of ours.
func junitNames(doc []byte) error {
	const known = " testsuites testsuite testcase failure error system-out name classname tests failures errors skipped time file line message type "
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			names := []string{e.Name.Local}
			for _, a := range e.Attr {
				names = append(names, a.Name.Local)
			}
			for _, n := range names {
				if !strings.Contains(known, " "+n+" ") {
					return fmt.Errorf("unknown name %s", n)
				}
			}
		case xml.Comment, xml.Directive:
			return fmt.Errorf("%T in the document", token)
		}
	}
}

func TestJUnit(t *testing.T) {
	twice := append(failing(), failing()...)
	for _, r := range []*report.Report{report.New(nil), report.New(failing(), sections()...), report.New(twice), hostile()} {
		if err := checkJUnit(r); err != nil {
			t.Error(err)
		}
	}
	for _, s := range markupSeeds {
		if err := checkJUnit(filled(s, 1)); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestJUnitIsForReports(t *testing.T) {
	for _, err := range []error{Sections(io.Discard, "junit", nil, Options{}), CheckSections("junit")} {
		if !errors.Is(err, ErrFormat) || err.Error() != `unknown format "junit" here: it is for reports of checks; use one of text, markdown, json, html` {
			t.Errorf("got %v", err)
		}
	}
	for _, name := range []string{"text", "html"} {
		if err := CheckSections(name); err != nil {
			t.Error(err)
		}
	}
}
