package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/waybill-dev/waybill/internal/workspace"
)

// unused remembers, between runs, when something was first seen to be unused:
// registries on the network do not tell how old it is.
type unused struct {
	Registry string               `json:"registry"`
	Since    map[string]time.Time `json:"since"` // by NAME@DIGEST
}

func unusedFile(w *workspace.Workspace) string {
	return filepath.Join(w.Repo.GitDir(), "waybill", "gc.json")
}

// date fills in since when the items are unused, and remembers it. What is in
// use again is forgotten.
func (c *collector) date() error {
	reg, err := c.w.Registry()
	if err != nil {
		return err
	}
	before := readUnused(c.w)
	if before.Registry != reg.String() {
		before.Since = nil
	}
	now := unused{Registry: reg.String(), Since: map[string]time.Time{}}
	for i := range c.out.Items {
		item := &c.out.Items[i]
		at, known, err := reg.Stored(item.Digest)
		if err != nil && !errors.Is(err, workspace.ErrNotFound) {
			return err
		}
		if known {
			item.Since = at.UTC().Truncate(time.Second)
			continue
		}
		key := item.Artifact + "@" + string(item.Digest)
		if item.Since = before.Since[key]; item.Since.IsZero() {
			item.Since = c.w.Now()
		}
		now.Since[key] = item.Since
	}
	if reg.IsLayout() {
		return nil
	}
	return now.write(c.w)
}

// readUnused returns nothing when the file is missing or damaged: then the
// grace begins anew.
func readUnused(w *workspace.Workspace) unused {
	var u unused
	data, err := os.ReadFile(unusedFile(w))
	if err != nil || json.Unmarshal(data, &u) != nil {
		return unused{}
	}
	return u
}

func (u unused) write(w *workspace.Workspace) error {
	data, err := json.MarshalIndent(u, "", "  ")
	if err != nil {
		return err
	}
	file := unusedFile(w)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	part := file + ".part"
	if err := os.WriteFile(part, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("remember what is unused: %w", err)
	}
	if err := os.Rename(part, file); err != nil {
		return fmt.Errorf("remember what is unused: %w", err)
	}
	return nil
}
