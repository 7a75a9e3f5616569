package action

import (
	"fmt"
	"slices"
	"strings"
)

// Input returns an input without the white space around it, "" where it is not
// set: the runner does not tell the two apart. The runner names the variable
// INPUT_ and the name in upper case with underscores for spaces; hyphens stay.
// Composite actions get no such variables: action.yml sets them in env.
func (a *Action) Input(name string) string {
	return strings.TrimSpace(a.getenv("INPUT_" + strings.ToUpper(strings.ReplaceAll(name, " ", "_"))))
}

// Bool reads an input by YAML 1.2's core schema, as @actions/core does: true,
// True, TRUE, false, False, FALSE. An input that is not set is otherwise.
func (a *Action) Bool(name string, otherwise bool) (bool, error) {
	switch v := a.Input(name); v {
	case "":
		return otherwise, nil
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	default:
		return false, fmt.Errorf("input %s: %q is neither true nor false", name, clip(v, 100))
	}
}

// Lines reads an input of many lines: each without the white space around it,
// without blank ones.
func (a *Action) Lines(name string) []string {
	return fields(a.Input(name), "\r\n")
}

// List reads an input whose items stand on lines, or on one line between
// commas. Items are trimmed, empty ones and repetitions dropped; none can
// contain a comma.
func (a *Action) List(name string) []string {
	var items []string
	for _, item := range fields(a.Input(name), ",\r\n") {
		if !slices.Contains(items, item) {
			items = append(items, item)
		}
	}
	return items
}

func fields(s, separators string) []string {
	var out []string
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if f = strings.TrimSpace(f); f != "" {
			out = append(out, f)
		}
	}
	return out
}
