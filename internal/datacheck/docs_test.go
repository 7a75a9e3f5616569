package datacheck

import (
	"os"
	"strings"
	"testing"
)

// Every check has its section in the documentation.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			sections[id] = true
		}
	}
	ids := []string{Readable}
	for _, r := range Catalog() {
		ids = append(ids, r.ID)
	}
	for _, id := range ids {
		if !sections[id] {
			t.Errorf("docs/checks.md has no section %q", id)
		}
		delete(sections, id)
	}
	for id := range sections {
		t.Errorf("docs/checks.md has a section about %q, which is no check", id)
	}
}
