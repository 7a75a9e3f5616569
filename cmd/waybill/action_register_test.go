package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
)

// showReleases prints those there are, with their notes when asked.
func showReleases(ts *testscript.TestScript, _ bool, args []string) {
	all := jobOf(ts).repo.Releases()
	fmt.Fprintf(ts.Stdout(), "%d releases\n", len(all))
	for _, r := range all {
		fmt.Fprintf(ts.Stdout(), "%s %q draft=%t immutable=%t %v\n", r.Tag, r.Name, r.Draft, r.Immutable, slices.Sorted(maps.Keys(r.Assets)))
		if slices.Contains(args, r.Tag) {
			fmt.Fprintln(ts.Stdout(), r.Body)
		}
	}
}

// immutableReleases is the setting.
func immutableReleases(ts *testscript.TestScript, neg bool, _ []string) {
	jobOf(ts).repo.ImmutableReleases = !neg
}
