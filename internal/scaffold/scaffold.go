// Package scaffold holds the workflows that "waybill init --github" writes:
// one that checks every pull request, one that writes the comment where the
// first may not, and those that release, promote and roll back.
//
//	for _, f := range scaffold.Workflows(scaffold.Options{Packages: true}) { … }
//
// It is pure: who calls it decides where files go and whether they may.
package scaffold

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Actions of others are pinned to commits, which nobody can move, of these
// releases. The workflows of this repository use the same ones.
const (
	checkout = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
	upload   = "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1"
)

// Unpinned stands where the commit of a release belongs and nobody knew it.
// GitHub refuses to run it.
var Unpinned = Pin{Commit: strings.Repeat("0", 40), Version: "v0.0.0"}

// Pin is the commit of waybill whose actions a workflow uses, and the version
// that its comment names.
type Pin struct{ Commit, Version string }

var (
	commitForm  = regexp.MustCompile(`^[0-9a-f]{40}$`)
	versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+([-+][0-9A-Za-z.-]{1,40})?$`)
)

// ParsePin reads COMMIT or COMMIT@VERSION.
func ParsePin(s string) (Pin, error) {
	commit, version, named := strings.Cut(s, "@")
	p := Pin{commit, version}
	if !named {
		p.Version = Unpinned.Version
	}
	switch {
	case !commitForm.MatchString(p.Commit):
		return Pin{}, errors.New("a pin is a commit of 40 hexadecimal digits, and may end with @ and the version: a tag can be moved, a commit cannot")
	case !versionForm.MatchString(p.Version):
		return Pin{}, fmt.Errorf("%.50q is no version such as v1.2.3", p.Version)
	}
	return p, nil
}

// Options say what the workflows are for. The zero value is usable.
type Options struct {
	Pin Pin // zero is Unpinned
	// Packages gives the check the right to read packages: for GHCR.
	Packages bool
	// Registry is the host that the job has to log in to before the check, ""
	// where GITHUB_TOKEN does or none has to.
	Registry string
	// Stages are the names that promotions and rollbacks offer, the last one
	// first. Without any, neither is written.
	Stages []string
	// Entry is the stage that new versions enter by themselves, "" for none.
	Entry string
}

// File is a file to write: Path is relative to the repository's root.
type File struct{ Path, Text string }

var (
	//go:embed templates/waybill-check.yml
	checkTemplate string
	//go:embed templates/waybill-comment.yml
	commentTemplate string
	//go:embed templates/waybill-release.yml
	releaseTemplate string
	//go:embed templates/waybill-promote.yml
	promoteTemplate string
	//go:embed templates/waybill-rollback.yml
	rollbackTemplate string
)

// Where the workflows go. That of the comment names the other by its name,
// which is in the template.
const (
	CheckPath    = ".github/workflows/waybill-check.yml"
	CommentPath  = ".github/workflows/waybill-comment.yml"
	ReleasePath  = ".github/workflows/waybill-release.yml"
	PromotePath  = ".github/workflows/waybill-promote.yml"
	RollbackPath = ".github/workflows/waybill-rollback.yml"
)

// Workflows returns them, that of the check and that of the comment first.
func Workflows(o Options) []File {
	if o.Pin == (Pin{}) {
		o.Pin = Unpinned
	}
	pin := func(action string) string {
		return fmt.Sprintf("waybill-dev/waybill/actions/%s@%s # %s", action, o.Pin.Commit, o.Pin.Version)
	}
	packages, write, login := "", "", ""
	if o.Packages {
		packages = "      packages: read # bytes in the registry\n"
		write = "      packages: write # the report of the checks, beside the bytes\n"
	}
	if o.Registry != "" {
		login = "      # Log in to " + printable(o.Registry) + " here; docs/github.md of waybill has the steps for ECR, GAR and ACR.\n"
	}
	fill := strings.NewReplacer("      #packages-write\n", write, "      #packages\n", packages, "      #login\n", login, " #stages\n", choice(o.Stages), "STAGE-LAST", last(o.Stages), "STAGE", o.Entry,
		"USES-CHECKOUT", checkout, "USES-UPLOAD", upload, "USES-CHECK", pin("check"), "USES-COMMENT", pin("comment"),
		"USES-REGISTER", pin("register"), "USES-PROMOTE", pin("promote"), "USES-ROLLBACK", pin("rollback"))
	release, entry, _ := strings.Cut(releaseTemplate, "  #entry\n")
	if o.Entry != "" {
		release += entry
	}
	files := []File{{CheckPath, checkTemplate}, {CommentPath, commentTemplate}, {ReleasePath, release}}
	if len(o.Stages) > 0 {
		files = append(files, File{PromotePath, promoteTemplate}, File{RollbackPath, rollbackTemplate})
	}
	for i := range files {
		files[i].Text = fill.Replace(files[i].Text)
	}
	return files
}

// choice lists names for people to choose from, the first one by default; in
// quotes, since a name may be "on" or "1e3".
func choice(names []string) string {
	return fmt.Sprintf("\n        default: %s\n        options: ['%s']\n", last(names), strings.Join(names, "', '"))
}

// last is the last stage, which comes first.
func last(names []string) string {
	if len(names) == 0 {
		return "''"
	}
	return "'" + names[0] + "'"
}

// printable keeps what a comment in YAML can hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x21 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}
