package cli

import (
	"encoding/json"
	"fmt"
	"strings"
)

// lockMessage is the message of a commit that writes locks.
func lockMessage(done []pushed, run string) string {
	var names []string
	var b strings.Builder
	for _, p := range done {
		names = append(names, p.Name)
		fmt.Fprintf(&b, "%s: %s\n", p.Name, p.ContentDigest)
	}
	title := "Lock " + strings.Join(names, ", ")
	if len(names) > 3 {
		title = fmt.Sprintf("Lock %s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	if run != "" {
		b.WriteString("\nPushed by " + run + "\n")
	}
	return title + "\n\n" + b.String()
}

func artifactsJSON(done []pushed) string {
	type one struct {
		Name          string `json:"name"`
		ContentDigest string `json:"contentDigest"`
		Digest        string `json:"digest"`
		Reference     string `json:"reference"`
	}
	all := []one{}
	for _, p := range done {
		all = append(all, one{Name: p.Name, ContentDigest: string(p.ContentDigest), Digest: string(p.Digest), Reference: reference(p)})
	}
	data, err := json.Marshal(all)
	if err != nil {
		return "[]"
	}
	return string(data)
}

func pushSummary(done []pushed, out map[string]string) string {
	var b strings.Builder
	b.WriteString("### waybill push\n\n| artifact | content | reference |\n|--|--|--|\n")
	for _, p := range done {
		fmt.Fprintf(&b, "| %s | `%s` | `%s` |\n", p.Name, p.ContentDigest.Short(), reference(p))
	}
	switch {
	case out["pull-request-url"] != "":
		b.WriteString("\nThe locks are in the pull request " + out["pull-request-url"] + ".\n")
	case out["commit"] != "":
		fmt.Fprintf(&b, "\nThe locks are in commit %.12s.\n", out["commit"])
	case out["changed"] == "true":
		b.WriteString("\nThe locks changed, in this workspace only.\n")
	}
	return b.String()
}
