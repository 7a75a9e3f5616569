// Package demo plays waybill's story in a folder: a bare repository as remote,
// a clone, and an OCI layout as registry. It runs the real commands, which it
// is given as a function, and really trains a small classifier.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Run runs one waybill command in dir.
type Run func(ctx context.Context, dir string, args ...string) (code int, stdout, stderr string)

// Options of Play.
type Options struct {
	Dir     string // "" is a temporary folder
	Reviews string // file of reviews, see the command's help; "" generates some
	Keep    bool   // keep a temporary folder
	Out     io.Writer
	Run     Run
}

// Play tells the story to Options.Out and ends with "demo: ok". Any command
// that does not end as the story says is an error.
func Play(ctx context.Context, o Options) error {
	rows := generate(2400)
	if o.Reviews != "" {
		f, err := os.Open(o.Reviews)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		defer f.Close()
		if rows, err = readReviews(o.Reviews, f); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "waybill-demo-")
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if !o.Keep {
			defer os.RemoveAll(dir)
		}
		o.Dir = dir
	}
	if entries, err := os.ReadDir(o.Dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("demo: %s is not empty; name a new folder", o.Dir)
	}
	s := &story{Options: o, ctx: ctx, work: filepath.Join(o.Dir, "work")}
	s.train, s.test = split(rows)
	for _, chapter := range []func(){s.begin, s.firstRelease, s.brokenLabels, s.secondRelease, s.goBack, s.lookBack} {
		if chapter(); s.err != nil {
			return fmt.Errorf("demo: %w", s.err)
		}
	}
	if o.Keep {
		s.say("\nLook around: %s (clone), %s (remote), %s (registry)", s.work, filepath.Join(o.Dir, "origin.git"), filepath.Join(o.Dir, "registry"))
	} else {
		s.say("\nTo look around, run it again with --dir DIR.")
	}
	s.say("demo: ok")
	return nil
}

// story is one run. After an error every step does nothing.
type story struct {
	Options
	ctx         context.Context
	work        string
	train, test []review
	before      string // a moment at which the bad version was in production
	err         error
}

func (s *story) begin() {
	s.say("# A team makes a repository, and says what its data and its model are.")
	if s.err = os.MkdirAll(s.Dir, 0o755); s.err != nil {
		return
	}
	s.git(s.Dir, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
	s.git(s.Dir, "clone", "--quiet", "origin.git", "work")
	s.git(s.work, "config", "user.name", "Demo")
	s.git(s.work, "config", "user.email", "demo@example.com")
	s.git(s.work, "checkout", "--quiet", "-B", "main")
	s.waybill(0, "init", "--registry", "oci-layout:../registry")
	s.write("datasets/reviews/dataset.yaml", datasetYAML)
	s.write("models/sentiment/model.yaml", modelYAML)
	s.write("models/sentiment/README.md", card)
	s.writeData(s.train)
}

func (s *story) firstRelease() {
	s.say("\n# A first classifier is trained, checked and released.")
	s.fit(s.train, 1, 1)
	s.waybill(0, "push")
	s.waybill(0, "check")
	s.commit("Sentiment: first model")
	s.waybill(0, "register")
	s.waybill(0, "promote", "sentiment", "--to", "staging")
	s.waybill(0, "promote", "sentiment@v0.1.0", "--to", "production", "--reason", "first release")
}

func (s *story) brokenLabels() {
	s.say("\n# Somebody breaks the label column and trains again. The checks refuse it.")
	broken := make([]review, len(s.train))
	copy(broken, s.train)
	for i := range broken {
		broken[i].label = 1 - broken[i].label
		if i%10 == 0 {
			broken[i].label = 2
		}
	}
	s.writeData(broken)
	s.fit(broken, 1, 2)
	s.waybill(1, "check")
	s.say("# Refused, as it should be. The data is restored.")
	s.writeData(s.train)
}

func (s *story) secondRelease() {
	s.say("\n# An honest training, with more epochs, is released.")
	s.fit(s.train, 8, 3)
	s.waybill(0, "push")
	s.waybill(0, "check")
	s.commit("Sentiment: trained longer")
	s.waybill(0, "register")
	s.waybill(0, "promote", "sentiment", "--to", "staging")
	s.waybill(0, "promote", "sentiment", "--to", "production")
}

func (s *story) goBack() {
	s.say("\n# Complaints arrive. One step back, and nothing rolls it forward again.")
	out := s.quietly("show", "sentiment", "--format", "json")
	var shown struct {
		Stages map[string]struct{ Since time.Time }
	}
	if s.err == nil {
		s.err = json.Unmarshal([]byte(out), &shown)
	}
	since := shown.Stages["production"].Since
	if s.err == nil && since.IsZero() {
		s.err = errors.New("\"waybill show sentiment --format json\" names nothing in production")
	}
	s.before = since.UTC().Format(time.RFC3339)
	s.waybill(0, "rollback", "sentiment", "--stage", "production", "--reason", "complaints about sarcasm")
	s.waybill(1, "promote", "sentiment@v0.1.1", "--to", "production")
}

func (s *story) lookBack() {
	s.say("\n# What is where, since when, by whom, and why: now, and at any moment before.")
	s.waybill(0, "show", "sentiment")
	s.waybill(0, "history", "sentiment")
	s.waybill(0, "show", "sentiment", "--as-of", s.before)
	s.waybill(0, "doctor")
}

func (s *story) fit(rows []review, epochs int, seed uint64) {
	if s.err != nil {
		return
	}
	if s.err = s.ctx.Err(); s.err != nil {
		return
	}
	m := train(rows, epochs, seed)
	weights, vocabulary, err := m.files()
	if err != nil {
		s.err = err
		return
	}
	test := s.test
	s.say("$ train --epochs %d datasets/reviews/data/train.csv    # hashed bag of words, logistic regression, %d rows", epochs, len(rows))
	s.put("models/sentiment/model.safetensors", weights)
	s.put("models/sentiment/vocab.json", vocabulary)
	s.put("models/sentiment/eval/predictions.csv", predictionsCSV(m, test))
	s.indent(fmt.Sprintf("wrote model.safetensors, vocab.json, and predictions on %d held-out rows", len(test)))
}

func (s *story) writeData(train []review) {
	s.put("datasets/reviews/data/train.csv", reviewsCSV(train))
	s.put("datasets/reviews/data/test.csv", reviewsCSV(s.test))
	s.say("# wrote datasets/reviews/data: %d rows to train on, %d held out", len(train), len(s.test))
}

func (s *story) commit(message string) {
	s.git(s.work, "add", "--all")
	s.git(s.work, "commit", "--quiet", "-m", message)
	s.git(s.work, "push", "--quiet", "-u", "origin", "main")
}

func (s *story) write(name, text string) {
	s.put(name, []byte(text))
	s.say("# wrote %s", name)
}

func (s *story) put(name string, data []byte) {
	if s.err != nil {
		return
	}
	p := filepath.Join(s.work, filepath.FromSlash(name))
	if s.err = os.MkdirAll(filepath.Dir(p), 0o755); s.err == nil {
		s.err = os.WriteFile(p, data, 0o644)
	}
}

// waybill runs a command as a user would type it, and expects an exit code.
func (s *story) waybill(want int, args ...string) {
	if s.err != nil {
		return
	}
	s.say("$ waybill %s", typed(args))
	code, stdout, stderr := s.Run(s.ctx, s.work, args...)
	s.indent(stdout)
	if code != want || stderr != "" {
		s.indent(stderr)
	}
	if code != want {
		s.err = fmt.Errorf("\"waybill %s\" ended with exit code %d, expected %d: %s", typed(args), code, want, strings.TrimSpace(stderr))
	}
}

func (s *story) quietly(args ...string) string {
	if s.err != nil {
		return ""
	}
	code, stdout, stderr := s.Run(s.ctx, s.work, args...)
	if code != 0 {
		s.err = fmt.Errorf("\"waybill %s\" ended with exit code %d: %s", typed(args), code, stderr)
	}
	return stdout
}

func (s *story) git(dir string, args ...string) {
	if s.err != nil {
		return
	}
	s.say("$ git %s", typed(args))
	c := exec.CommandContext(s.ctx, "git", args...)
	c.Dir, c.Env = dir, gitEnv(os.Environ())
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			err = errors.New("git is not installed")
		}
		s.err = fmt.Errorf("git %s: %w: %s", typed(args), err, strings.TrimSpace(out.String()))
	}
}

// gitEnv is the environment of the story's git: the caller's without its
// GIT_ variables and configuration. A GIT_DIR, which hooks have set, would send
// the story's commits into the caller's repository; commit.gpgsign would ask
// for a key.
func gitEnv(env []string) []string {
	out := make([]string, 0, len(env)+4)
	for _, e := range env {
		name, _, _ := strings.Cut(strings.ToUpper(e), "=")
		if !strings.HasPrefix(name, "GIT_") || name == "GIT_EXEC_PATH" {
			out = append(out, e)
		}
	}
	return append(out, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

func (s *story) say(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.Out, format+"\n", args...)
	}
}

// indent prints output below its command.
func (s *story) indent(text string) {
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			s.say("  %s", line)
		}
	}
}

// typed shows arguments as somebody would type them.
func typed(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if strings.ContainsAny(a, " '\"$#") {
			a = `"` + a + `"`
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}
