package playbook

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Limits of what is read; the files may be anybody's.
const (
	maxWorkflows = 200
	maxFile      = 1 << 20 // bytes
	workflowDir  = ".github/workflows"
)

// Load reads the working tree: the page belongs into the same commit as what it
// is made of. With a name it is about that artifact alone.
func Load(w *workspace.Workspace, name string) (Input, error) {
	in := Input{Project: w.Project, Artifacts: w.Artifacts, Keys: map[int64]bool{}}
	if name != "" {
		a, err := w.Artifact(name)
		if err != nil {
			return Input{}, err
		}
		in.Artifacts = []*manifest.Artifact{a}
	}
	root, err := os.OpenRoot(w.Root())
	if err != nil {
		return Input{}, err
	}
	defer root.Close()
	if err := in.keys(root); err != nil {
		return Input{}, workspace.Usage("playbook: %w", err)
	}
	return in, in.workflows(root)
}

// keys finds out who has a key.
func (in *Input) keys(root *os.Root) error {
	data, err := ReadFile(root, approval.SignersFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	signers, err := approval.ParseSigners(approval.SignersFile, data)
	if err != nil {
		return err
	}
	people, err := approval.NewDirectory(in.Project.People, signers)
	if err != nil {
		return err
	}
	for _, s := range signers {
		for _, principal := range s.Principals {
			if p, ok := people.Person(principal); ok {
				in.Keys[p.ID] = true
			}
		}
	}
	return nil
}

// Lines of a workflow, as text: a YAML that cannot be read is GitHub's to refuse.
var (
	usesRE     = regexp.MustCompile(`^\s*(?:-\s+)?uses:\s*["']?\S*/actions/([a-z]+)(?:@\S*)?["']?\s*(?:#.*)?$`)
	toRE       = regexp.MustCompile(`^[^#]*?(?:^|[\s{,])to:\s*["']?(\$\{\{|[a-z0-9][a-z0-9-]*)`)
	drillRE    = regexp.MustCompile(`^[^#]*?(?:^|[\s{,])drill:\s*["']?true\b`)
	dispatchRE = regexp.MustCompile(`^(?:\s*(?:-\s+)?|["']?on["']?:[^#]*)["']?workflow_dispatch\b`)
)

// ours are the actions that a playbook speaks of.
var ours = []string{"promote", "register", "rollback"}

func (in *Input) workflows(root *os.Root) error {
	dir, err := root.Open(workflowDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(maxWorkflows + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(entries) > maxWorkflows {
		return workspace.Usage("playbook: %s has more than %d files", workflowDir, maxWorkflows)
	}
	var names []string
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.Type().IsRegular() && (ext == ".yml" || ext == ".yaml") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	for _, n := range names {
		data, err := ReadFile(root, path.Join(workflowDir, n))
		if err != nil {
			return err
		}
		if w := workflow(n, string(data)); len(w.Actions) > 0 {
			in.Workflows = append(in.Workflows, w)
		}
	}
	return nil
}

func workflow(name, text string) Workflow {
	w := Workflow{File: name}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := usesRE.FindStringSubmatch(line); m != nil && slices.Contains(ours, m[1]) && !slices.Contains(w.Actions, m[1]) {
			w.Actions = append(w.Actions, m[1])
		}
		if m := toRE.FindStringSubmatch(line); m != nil && !slices.Contains(w.To, m[1]) {
			w.To = append(w.To, m[1])
		}
		w.Drill = w.Drill || drillRE.MatchString(line)
		w.Dispatch = w.Dispatch || dispatchRE.MatchString(line)
	}
	slices.Sort(w.Actions)
	return w
}

// ReadFile reads a file below root that is regular and not too large.
func ReadFile(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, err
}
