package main

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// closeBranch lets a ruleset forbid to commit onto a branch.
func closeBranch(ts *testscript.TestScript, _ bool, args []string) {
	jobOf(ts).repo.AddRuleset(githubtest.Ruleset{Name: "closed", Include: []string{"refs/heads/" + args[0]}, Rules: []map[string]any{{"type": "update"}}})
}
