// Package scaffold holds the workflows that "waybill init --github" writes:
// one that checks every pull request, and one that writes the comment where the
// first may not.
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
}

// File is a file to write: Path is relative to the repository's root.
type File struct{ Path, Text string }

var (
	//go:embed templates/waybill-check.yml
	checkTemplate string
	//go:embed templates/waybill-comment.yml
	commentTemplate string
)

// Where the workflows go. That of the comment names the other by its name,
// which is in the template.
const (
	CheckPath   = ".github/workflows/waybill-check.yml"
	CommentPath = ".github/workflows/waybill-comment.yml"
)

// Workflows returns both workflows.
func Workflows(o Options) []File {
	if o.Pin == (Pin{}) {
		o.Pin = Unpinned
	}
	pin := func(action string) string {
		return fmt.Sprintf("waybill-dev/waybill/actions/%s@%s # %s", action, o.Pin.Commit, o.Pin.Version)
	}
	packages, login := "", ""
	if o.Packages {
		packages = "      packages: read # bytes that the checks read\n"
	}
	if o.Registry != "" {
		login = "      # Log in to " + printable(o.Registry) + " here; docs/github.md of waybill has the steps for ECR, GAR and ACR.\n"
	}
	fill := strings.NewReplacer("      #packages\n", packages, "      #login\n", login,
		"USES-CHECKOUT", checkout, "USES-UPLOAD", upload, "USES-CHECK", pin("check"), "USES-COMMENT", pin("comment"))
	return []File{{CheckPath, fill.Replace(checkTemplate)}, {CommentPath, fill.Replace(commentTemplate)}}
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
