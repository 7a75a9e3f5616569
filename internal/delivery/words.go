package delivery

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

func (d *delivery) title() string {
	return fmt.Sprintf("Deploy %s %s to %s", d.name, d.version.Version, d.stage)
}

// message is the commit's. The trailers let "git log --grep" and git
// interpret-trailers find what brought a digest into a file.
func (d *delivery) message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nThe ledger assigned it by event %d.\n", d.title(), d.tenure.Event)
	if d.opts.Run != "" {
		fmt.Fprintf(&b, "Written by %s\n", d.opts.Run)
	}
	fmt.Fprintf(&b, "\nWaybill-Artifact: %s\nWaybill-Version: %s\nWaybill-Digest: %s\nWaybill-Event: %d\n", d.name, d.version.Version, d.version.Digest, d.tenure.Event)
	return b.String()
}

// body is the pull request's, in Markdown.
func (d *delivery) body(f *File) string {
	var b strings.Builder
	how := "promoted"
	if d.tenure.Kind == "rollback" {
		how = "rolled back"
	}
	fmt.Fprintf(&b, "The ledger has **%s %s** in **%s**. It takes effect when this is merged.\n\n", d.name, d.version.Version, d.stage)
	b.WriteString("| | |\n|--|--|\n")
	fmt.Fprintf(&b, "| version | %s |\n| content digest | `%s` |\n| digest | `%s` |\n| event | %d (%s) |\n",
		d.version.Version, d.version.ContentDigest, d.version.Digest, d.tenure.Event, how)
	if d.opts.Run != "" {
		fmt.Fprintf(&b, "| run | %s |\n", d.opts.Run)
	}
	fmt.Fprintf(&b, "\nIt changes in %s:\n\n", code(f.Path))
	const most = 20
	for i, c := range f.Changes {
		if i == most {
			fmt.Fprintf(&b, "- and %d more\n", len(f.Changes)-most)
			break
		}
		fmt.Fprintf(&b, "- line %d, %s: %s becomes %s\n", c.Line, code(c.Path), code(c.Text), code(c.To))
	}
	b.WriteString("\nThe branch is kept up to date by waybill: what is pushed onto it is written over. Close this pull request if another version takes the place of this one.\n")
	return b.String()
}

// code makes inline code of text that came from a file.
func code(s string) string {
	const most = 200
	s = report.Visible(s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	s = strings.NewReplacer("`", "'", "\n", " ", "\r", " ").Replace(s)
	if s == "" {
		s = " "
	}
	return "`" + s + "`"
}
