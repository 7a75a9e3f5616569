package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"go.yaml.in/yaml/v3"
)

// Error is one thing that is wrong with a document, and where.
type Error struct {
	Pos     Pos
	Message string
	Hint    string // what to do about it; may be ""
}

// Error returns the position, the message and the hint, in one line.
func (e *Error) Error() string {
	s := e.Pos.String() + ": " + e.Message
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Errors is everything that is wrong with a document, by position.
type Errors []*Error

// Error returns one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find an *Error.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// maxErrors is how many errors of a document are returned. Nobody reads more,
// and a hostile document has as many as it has bytes.
const maxErrors = 100

// sorted orders errors by position, drops what is said twice and cuts off
// what nobody would read.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column), cmp.Compare(a.Message, b.Message))
	})
	e = slices.CompactFunc(e, func(a, b *Error) bool { return *a == *b })
	if len(e) > maxErrors {
		rest := len(e) - maxErrors
		e = append(e[:maxErrors:maxErrors], &Error{Pos: e[maxErrors].Pos, Message: fmt.Sprintf("and %d more errors from here on", rest)})
	}
	return e
}

// didYouMean is a hint, or "" when no candidate is close. Past maxErrors nobody
// reads it, and a hostile document would have us compare everything with
// everything.
func (d *document) didYouMean(s string, candidates []string) string {
	if len(d.errs) > maxErrors {
		return ""
	}
	return didYouMean(s, candidates)
}

// nearestOrAll is a hint that names the candidate meant or, when none is
// close, all of them if they are few.
func (d *document) nearestOrAll(s string, candidates []string) string {
	if len(d.errs) > maxErrors {
		return ""
	}
	return nearestOrAll(s, candidates)
}

func didYouMean(s string, candidates []string) string {
	if near := ref.Nearest(s, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

func nearestOrAll(s string, candidates []string) string {
	if hint := didYouMean(s, candidates); hint != "" || len(candidates) == 0 || len(candidates) > 24 {
		return hint
	}
	return "expected one of " + strings.Join(candidates, ", ")
}

// show says what a value is, for "got …".
func show(n *yaml.Node) string {
	switch {
	case n == nil:
		return "nothing"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Tag == tagNull:
		return "nothing"
	case n.Tag == tagString || n.Tag == tagTimestamp:
		return fmt.Sprintf("%q", clip(n.Value))
	}
	return clip(n.Value)
}

// clip keeps hostile input out of error messages: 80 bytes are enough to
// recognise what was written.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
