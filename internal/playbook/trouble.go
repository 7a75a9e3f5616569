package playbook

import (
	"slices"

	"github.com/waybill-dev/waybill/internal/approval"
)

// troubles are what can be wrong at night. Sentences are short and say what to
// do.
func (p *page) troubles() {
	p.line("## When something is wrong\n")
	p.refused()
	p.leavers()
	p.outages()
}

// wrong comes before everything else: who reads it has no time.
func (p *page) wrong() {
	p.line("## What is served is wrong\n")
	p.line("1. Call somebody of the list above.")
	p.line("2. Roll back now, and look for the reason later. `--dry-run` shows what would happen; leave it out to do it:\n")
	p.clicks("rollback", "")
	var lines []string
	for _, s := range p.last() {
		lines = append(lines, p.each("waybill rollback NAME --stage "+s+` --reason "…" --dry-run`)...)
	}
	if len(lines) > 0 {
		p.commands(lines...)
	}
	p.line("3. Read the last lines of the rollback. *Not yet effective* means: merge the pull request it names, or commit and push the file.")
	p.line("4. Where no earlier version is good enough, name one: `--to VERSION`.")
	p.line("5. A bad version that is in no stage yet is kept out with a hold:\n")
	p.commands(p.each(`waybill hold NAME@VERSION --reason "…"`)...)
	p.line("A hold, also that of a rollback, lasts until somebody ends it: `waybill hold NAME@VERSION --release --reason \"…\"`. Do not end it at night.\n")
}

func (p *page) refused() {
	p.line("### Checks refuse a version\n")
	p.line("- FAIL: the version is bad, or the rule is. Do not loosen the rule to get through: that is a finding of its own in the pull request.")
	p.line("- INCONCLUSIVE: too little is known. Read what is missing: data, a baseline, a registry that did not answer. Run it again when that is there.")
	p.line("- `waybill check NAME --verbose` shows every check.\n")
	p.line("### A promotion is refused\n")
	p.line("Every line of the refusal is a condition that does not hold, with what to do. Nothing was changed.\n")
	p.table([]string{"it says", "do"}, [][]string{
		{"approvals are missing", "Ask the people it names. They sign with `waybill approve`."},
		{"the policy was changed since", "Approvals are for the policy they were given under. Ask again."},
		{"it is held", "`waybill show NAME` says by whom and why. Ask them; do not release it yourself."},
		{"a freeze, or too short in the stage before", "Wait, or roll back: a freeze can allow that."},
		{"it is older than what is there", "That is a rollback. Use `waybill rollback`."},
		{"this is attempt 2 of the run", "Start a new run. A re-run would carry the old approval."},
		{"the digest is not the planned one", "Somebody was faster. Plan again, and have it approved again."},
		{"a deployment file was edited by hand", "Put the value back that `waybill who NAME#STAGE` shows, or ask who edited it."},
		{"INCONCLUSIVE", "GitHub or the registry did not answer. Try again; nothing was decided."},
	})
	p.line("### The ledger is damaged, or behind\n")
	p.line("waybill names the file and line, and changes nothing. No promotion and no rollback goes through until it is mended.\n")
	p.line("1. Do not edit the branch `waybill/ledger`. Stop all promotions.")
	p.line("2. Find who pushed what, and the last good commit:\n")
	p.commands("git fetch origin waybill/ledger", "git log -p FETCH_HEAD", "waybill doctor")
	p.line("3. An administrator puts the last good commit back; then look again:\n")
	p.commands("git push origin +GOODCOMMIT:refs/heads/waybill/ledger", "waybill doctor")
	p.line("4. Find out how it could be pushed, and protect the branch.\n")
}

// leavers is about approvers who left and keys that were lost.
func (p *page) leavers() {
	p.line("### An approver has left\n")
	p.line("1. Open a pull request: take them out of `people:` in waybill.yaml, and their line out of `%s`.", approval.SignersFile)
	p.line("2. Put somebody else in. Too few people to approve means that nothing can be promoted.")
	p.line("3. After the merge, approvals for what is under way have to be given again: the policy is another one.\n")
	p.line("### A key was lost or stolen\n")
	p.line("1. Take its line out of `%s` on the default branch, at once if it was stolen. From then on its signatures count no more.", approval.SignersFile)
	p.line("2. Stolen: look what was approved with it, and hold what nobody remembers approving:\n")
	p.commands(p.each("waybill history NAME")...)
	p.line("3. Make a new key (`ssh-keygen -t ed25519`). `waybill approve` prints the line to add for it.\n")
}

func (p *page) outages() {
	p.line("### GitHub is down\n")
	p.line("waybill needs Git and the registry, no API and no workflows. While `git push` still works:\n")
	p.line("1. Work in a clone. `waybill approve`, `promote` and `rollback` do there what the workflows do.")
	p.line("2. Reviews cannot be read: approvals have to be signed.")
	p.line("3. Commit and push the deployment files that they edit. Later, record it: `waybill promote --deployed`.\n")
	p.line("When `git push` does not work either, nothing can be recorded:\n")
	p.line("1. `waybill show NAME` and `waybill who NAME#STAGE` still answer, from what this clone knew last.")
	p.line("2. To roll back, put the digest of an earlier version (`waybill who` lists them) where it is served, by hand. Write down what, when and why.")
	p.line("3. When Git is back, do the same with `waybill rollback`, with that reason, so that the ledger knows.\n")
	if !slices.ContainsFunc(p.in.Workflows, func(w Workflow) bool { return slices.Contains(w.Actions, "rollback") }) {
		return
	}
	p.line("### The rollback drill fails\n")
	p.line("Nothing is broken yet, and a rollback would be refused. Read what it says, and mend it today: see `waybill rollback --drill`.\n")
}
