// Package cli is the command line: flags, colours and progress on the outside,
// one file a verb, no decisions. Run can be called many times in one process,
// which tests and the demo do.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Exit codes.
const (
	exitOK           = 0 // done, PASS
	exitFail         = 1 // FAIL: findings, a refused gate, something inconsistent
	exitUsage        = 2 // bad usage or invalid manifest
	exitInconclusive = 3
	exitOutside      = 4 // registry, forge, network, disk
)

// version is set by the linker in releases.
var version = "devel"

// app is one run.
type app struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time

	dir, format, output, color string
	quiet, verbose             bool
	profile                    string // of the registry, for push
	chunk                      int64

	out  io.Writer       // stdout, or text
	text strings.Builder // collected when --output is given
	code int
}

// Main runs the command line with the process's environment and clock.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return Run(ctx, "", args, stdin, stdout, stderr)
}

// Run runs one command as if in dir ("" is the current folder) and returns
// its exit code.
func Run(ctx context.Context, dir string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, now: clock}
	root := a.root()
	root.SetArgs(args)
	if args == nil {
		root.SetArgs([]string{})
	}
	a.dir = dir
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.flush()
	}
	if err != nil {
		fmt.Fprintf(stderr, "waybill: %s\n", visible(err.Error()))
		return exitCode(err)
	}
	return a.code
}

// clock is the system's, or WAYBILL_NOW (RFC 3339) for reproducible runs.
func clock() time.Time {
	if t, err := time.Parse(time.RFC3339, os.Getenv("WAYBILL_NOW")); err == nil {
		return t
	}
	return time.Now()
}

func exitCode(err error) int {
	var many manifest.Errors
	var one *manifest.Error
	var usage usageError
	var corrupt *ledger.CorruptError
	switch {
	case errors.As(err, &many), errors.As(err, &one), errors.As(err, &usage), errors.Is(err, workspace.ErrUsage), errors.Is(err, render.ErrFormat):
		return exitUsage
	case errors.As(err, &corrupt):
		return exitFail
	}
	return exitOutside
}

// usageError is a mistake in flags or arguments.
type usageError struct{ error }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "waybill",
		Short: "Git-native MLOps: models and datasets that are checked, versioned, promoted and rolled back in Git",
		Long: `A repository holds manifests of models and datasets; their bytes go to any OCI registry.
Checks explain themselves, versions are tags, promotions pass gates, rollback is one step.`,
		Example: `  waybill demo                                   # the whole story in a folder of its own
  waybill init
  waybill add model sentiment model.safetensors vocab.json
  waybill push && git add -A && git commit -m "sentiment" && git push
  waybill register sentiment
  waybill promote sentiment --to staging
  waybill rollback sentiment --stage production --reason "wrong labels"`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.begin(cmd)
		},
		Args: cobra.ArbitraryArgs, // else cobra refuses unknown verbs itself, and not as bad usage
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			message := fmt.Sprintf("there is no command %q", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				message += "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return usageError{errors.New(message + "; \"waybill --help\" lists all")}
		},
	}
	root.SuggestionsMinimumDistance = 2
	f := root.PersistentFlags()
	f.StringVarP(&a.dir, "directory", "C", "", "run as if started in this folder")
	f.StringVar(&a.format, "format", "text", strings.Join(render.Formats(), ", "))
	f.StringVar(&a.output, "output", "", "write the result to this file")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no remarks")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "show everything, also what passed")
	f.StringVar(&a.color, "color", "auto", "auto, always or never")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see \"%s --help\"", err, cmd.CommandPath())}
	})
	for _, c := range []*cobra.Command{
		a.initCommand(), a.addCommand(), a.statusCommand(), a.lockCommand(), a.pushCommand(), a.pullCommand(), a.diffCommand(), a.checkCommand(), a.profileCommand(), a.driftCommand(), a.evaluateCommand(), a.benchCommand(),
		a.registerCommand(), a.promoteCommand(), a.approveCommand(), a.rollbackCommand(), a.holdCommand(), a.showCommand(), a.historyCommand(), a.whoCommand(), a.playbookCommand(),
		a.inspectCommand(), a.scanCommand(), a.verifyCommand(), a.doctorCommand(), a.gcCommand(), a.demoCommand(), a.schemaCommand(), a.actionCommand(),
	} {
		wrapArgs(c)
		root.AddCommand(c)
	}
	return root
}

// wrapArgs makes mistakes in arguments usage errors, in c and below it.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{fmt.Errorf("%w; usage: %s", err, cmd.UseLine())}
			}
			return nil
		}
	}
	for _, s := range c.Commands() {
		wrapArgs(s)
	}
}

// reporting are the verbs whose result is a report; the others write sections.
var reporting = []string{"check", "scan", "evaluate", "verify", "doctor", "register", "promote", "approve", "rollback", "hold"}

// begin refuses what cannot be written before any work is done.
func (a *app) begin(cmd *cobra.Command) error {
	if err := checkFormat(cmd.Name(), a.format); err != nil {
		return err
	}
	if a.color != "auto" && a.color != "always" && a.color != "never" {
		return usageError{fmt.Errorf("--color %q: expected auto, always or never", a.color)}
	}
	if a.out = a.stdout; a.output != "" {
		a.out = &a.text
	}
	return nil
}

func checkFormat(verb, format string) error {
	if err := render.CheckFormat(format); err != nil || slices.Contains(reporting, verb) {
		return err
	}
	return render.CheckSections(format)
}

// flush writes the file that --output names, whole or not at all.
func (a *app) flush() error {
	if a.output == "" || a.text.Len() == 0 {
		return nil
	}
	p := a.output
	if !filepath.IsAbs(p) && a.dir != "" {
		p = filepath.Join(a.dir, p)
	}
	return cas.WriteFile(p, []byte(a.text.String()), 0o644)
}

func (a *app) workDir() string {
	if a.dir == "" {
		return "."
	}
	return a.dir
}

func (a *app) open() (*workspace.Workspace, error) {
	parser, err := check.Parser()
	if err != nil {
		return nil, err
	}
	return workspace.Open(a.ctx, a.workDir(), workspace.Options{
		Parser: parser, Now: a.now, Getenv: a.getenv, Warn: a.warn,
		Registry: registry.Options{UserAgent: "waybill/" + version, Getenv: a.getenv, Now: a.now, Profile: a.profile, Chunk: a.chunk},
	})
}

func (a *app) warn(s string) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, "warning: %s\n", visible(s))
	}
}

// note is a remark for people: progress, never part of the result.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintln(a.stderr, visible(fmt.Sprintf(format, args...)))
	}
}

// options are how the result is drawn.
func (a *app) options() render.Options {
	o := render.Options{Verbose: a.verbose}
	f, isFile := a.out.(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	if terminal {
		o.Width, _, _ = term.GetSize(int(f.Fd()))
	}
	o.Color = a.color == "always" || a.color == "auto" && terminal && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
	return o
}

// result prints v as JSON, or its sections for people.
func (a *app) result(v any, sections ...report.Section) error {
	if a.format == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	return render.Sections(a.out, a.format, sections, a.options())
}

// report prints r and sets the exit code by its verdict.
func (a *app) report(r *report.Report) error {
	a.verdict(r)
	return render.Report(a.out, a.format, r, a.options())
}

func (a *app) verdict(r *report.Report) {
	switch r.Verdict {
	case report.Fail:
		a.code = exitFail
	case report.Inconclusive:
		a.code = exitInconclusive
	}
}

// visible escapes what could drive the terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < 0x20 && r != '\n' && r != '\t') || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '�'
		}
		return r
	}, s)
}
