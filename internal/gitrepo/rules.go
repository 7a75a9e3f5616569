package gitrepo

import "strings"

// rules are refusals of GitHub's server by a phrase of what it says, as it was
// observed: "remote: error: GH013: Repository rule violations found for REF",
// then a line for each rule. Others, such as "required status checks", are
// shown as they came.
var rules = []struct{ said, rule string }{
	{"creations being restricted", `the rule "Restrict creations"`},
	{"updates being restricted", `the rule "Restrict updates"`},
	{"cannot update this protected ref", `the rule "Restrict updates"`},
	{"verified signatures", `the rule "Require signed commits", and the ledger's commits are not signed`},
	{"must be made through a pull request", `the rule "Require a pull request before merging"`},
	{"merge commits", `the rule "Require linear history"`},
}

// ruleHint says which rule of the repository refused a push, and how somebody
// who administers it lets waybill through; "" where no rule is known to have.
func ruleHint(said string) string {
	lower := strings.ToLower(said)
	ruled := false
	for _, sign := range []string{"gh013", "gh006", "repository rule violations", "protected branch", "protected ref", "protected tag"} {
		ruled = ruled || strings.Contains(lower, sign)
	}
	if !ruled {
		return ""
	}
	rule := "a rule of the repository"
	for _, r := range rules {
		if strings.Contains(lower, r.said) {
			rule = r.rule
			break
		}
	}
	return rule + " forbids it: in the repository's settings under Rules, Rulesets, put the GitHub App or deploy key that waybill pushes with " +
		"on the bypass list and give waybill its token, or leave refs/heads/" + LedgerBranch + " and waybill's tags out of the rule; " +
		"\"waybill doctor --github\" shows which rules there are"
}
