package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/playbook"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

func (a *app) playbookCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "playbook [NAME]",
		Short: "Write PLAYBOOK.md: who approves, how to roll back, whom to call",
		Long: `Writes ` + playbook.File + ` at the repository's root, of waybill.yaml, the manifests, allowed_signers and the workflows: what must
hold before a version enters a stage, who may approve, how to promote and roll back, freezes, whom to call, and what to do
when something is wrong. What stands between the lines <!-- keep --> and <!-- /keep --> is kept.

--check writes nothing and ends with 1 when the file is missing or stale. With --format markdown the page is printed;
with a NAME it is about that artifact alone, and is printed unless --output names a file.`,
		Example: `  waybill playbook
  waybill playbook --check                       # in CI
  waybill playbook sentiment --output docs/sentiment-playbook.md`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return a.playbook(name, check)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "whether the file is as it should be; write nothing")
	return c
}

// playbookState is what became of the file, for JSON.
type playbookState struct {
	APIVersion string `json:"apiVersion"`
	File       string `json:"file"`
	State      string `json:"state"`          // current, written, stale, missing
	Line       int    `json:"line,omitempty"` // stale: the first that differs
	Have       string `json:"have,omitempty"`
	Want       string `json:"want,omitempty"`
}

func (a *app) playbook(name string, check bool) error {
	file := a.output
	printed := a.format == "markdown" || a.format == "text" && name != "" && file == ""
	switch {
	case a.format == "html":
		return usageError{errors.New("a playbook is Markdown; --format markdown prints it")}
	case a.format == "json" && name != "" && file == "":
		return usageError{errors.New("--format json tells what became of a file: with a NAME add --output FILE")}
	case check && printed:
		return usageError{errors.New("--check looks at a file: leave out --format markdown, and with a NAME add --output FILE")}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	in, err := playbook.Load(w, name)
	if err != nil {
		return err
	}
	if printed {
		_, err := a.out.Write(playbook.Render(in)) // flush writes what --output names
		return err
	}
	full, shown := filepath.Join(w.Root(), playbook.File), playbook.File
	if file != "" {
		full, shown = a.path(file), file
	}
	a.output, a.out = "", a.stdout // FILE is the page, not what is said of it
	old, err := readPlaybook(full)
	if err != nil {
		return fmt.Errorf("playbook: %w", err)
	}
	if in.Keep, err = playbook.Kept(old); err != nil {
		return usageError{fmt.Errorf("playbook: %s: %w", shown, err)}
	}
	page := playbook.Render(in)
	s := playbookState{APIVersion: report.APIVersion, File: shown, State: "current"}
	if s.Line, s.Have, s.Want = playbook.Difference(old, page); s.Line == 0 {
		return a.playbookSaid(s, check)
	}
	switch {
	case check && len(old) == 0:
		s.State, s.Line, s.Have, s.Want = "missing", 0, "", ""
	case check:
		s.State = "stale"
	default:
		s = playbookState{APIVersion: s.APIVersion, File: shown, State: "written"}
		if err := cas.WriteFile(full, page, 0o644); err != nil {
			return err
		}
	}
	return a.playbookSaid(s, check)
}

func (a *app) playbookSaid(s playbookState, check bool) error {
	again := "waybill playbook"
	if s.File != playbook.File {
		again += " --output " + s.File
	}
	text := s.File + " is as it should be"
	switch s.State {
	case "missing":
		text = fmt.Sprintf("%s is missing; run: %s", s.File, again)
	case "stale":
		text = fmt.Sprintf("%s is stale; run: %s\nline %d\n- %s\n+ %s", s.File, again, s.Line, diffLine(s.Have), diffLine(s.Want))
	case "written":
		text = "wrote " + s.File
	}
	if check && s.State != "current" {
		a.code = exitFail
	}
	if a.format == "json" {
		return a.result(s)
	}
	_, err := fmt.Fprintln(a.out, visible(text))
	return err
}

func diffLine(s string) string { return render.Clip(render.Visible(s), 200) }

// readPlaybook returns nothing when there is no file.
func readPlaybook(file string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Dir(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	data, err := playbook.ReadFile(root, filepath.Base(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
