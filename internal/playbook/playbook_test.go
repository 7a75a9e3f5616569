package playbook

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/waybill-dev/waybill/internal/manifest"
)

var update = flag.Bool("update", false, "write the golden files")

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// full has everything that a page can say.
func full() Input {
	approvals := manifest.Approvals{Required: 2, From: []string{"ml-leads"}, Exclude: []string{"author", "committer", "dispatcher"}, MaxAge: 72 * time.Hour}
	return Input{
		Project: &manifest.Project{
			People: map[string][]manifest.Person{
				"ml-leads": {{Login: "octocat", ID: 583231}, {Login: "hubot", ID: 480938}},
				"sre":      {{Login: "carol", ID: 13}},
			},
			Stages: []manifest.Stage{
				{Name: "staging"},
				{Name: "production", From: []string{"staging"}, Soak: 24 * time.Hour, Environment: "production", Approvals: approvals,
					Requires: []string{"data", "evaluation"}, Rollback: manifest.Approvals{Required: 1, From: []string{"sre"}}, RollbackSoak: 90 * time.Minute},
			},
			Freezes:  []manifest.Freeze{{From: day("2026-12-20"), To: day("2027-01-03"), Allow: []string{"rollback"}}, {From: day("2027-04-01"), To: day("2027-04-01")}},
			Contacts: map[string]string{"sentiment": "#ml-oncall", "ml-leads": "ml@example.com"},
		},
		Artifacts: []*manifest.Artifact{
			{Kind: manifest.KindDataset, Name: "reviews", Path: "datasets/reviews/dataset.yaml", Dataset: &manifest.Dataset{}},
			{Kind: manifest.KindModel, Name: "sentiment", Path: "models/sentiment/model.yaml", Owners: []string{"ml-leads"}, Description: "Is it praise?", Model: &manifest.Model{
				Deploy: map[string][]manifest.DeployTarget{"production": {
					{File: "/deploy/prod.yaml", Key: "spec.image", Via: manifest.ViaPullRequest}, {File: "values.yaml", Via: manifest.ViaCommit}}},
			}},
		},
		Keys:      map[int64]bool{583231: true},
		Workflows: []Workflow{{File: "production.yml", Actions: []string{"promote"}, Dispatch: true}, {File: "release.yml", Actions: []string{"promote", "register"}, To: []string{"staging"}}, {File: "rollback.yml", Actions: []string{"rollback"}, Dispatch: true}},
		Keep:      "Ring Ada first.\n",
	}
}

func TestGolden(t *testing.T) {
	for name, in := range map[string]Input{
		"full":  full(),
		"empty": {Project: &manifest.Project{}},
	} {
		t.Run(name, func(t *testing.T) {
			file, got := filepath.Join("testdata", name+".md"), Render(in)
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if line, have, want := Difference(want, got); line > 0 {
				t.Errorf("line %d: %q, want %q; go test -update", line, want, have)
			}
			for range 20 { // maps are walked in another order each time
				if !bytes.Equal(got, Render(in)) {
					t.Fatal("the same input gives another page")
				}
			}
		})
	}
}

func TestKept(t *testing.T) {
	in := full()
	in.Keep = "mine\n<!-- keep -->\n  <!-- /keep -->\n\n  <b>also mine</b>\n"
	page := Render(in)
	for name, old := range map[string][]byte{"as written": page, "with CRLF": bytes.ReplaceAll(page, []byte("\n"), []byte("\r\n"))} {
		kept, err := Kept(old)
		if err != nil || kept != in.Keep {
			t.Errorf("%s: %q, %v", name, kept, err)
		}
		if line, _, _ := Difference(old, page); line != 0 {
			t.Errorf("%s: differs in line %d", name, line)
		}
	}
	for _, c := range []struct {
		old  string
		want error
	}{
		{"", nil}, {"\n", nil}, {headBegin + "\nno markers, and mine\n", ErrMarkers},
		{"# My own playbook\n", ErrForeign},
		{strings.Replace(string(page), keepBegin, "", 2), ErrMarkers},
		{strings.ReplaceAll(string(page), keepEnd, ""), ErrMarkers},
		{headBegin + "\n" + keepEnd + "\nx\n" + keepBegin + "\n", ErrMarkers},
	} {
		if kept, err := Kept([]byte(c.old)); kept != "" || err != c.want {
			t.Errorf("%.40q: %q, %v, want %v", c.old, kept, err, c.want)
		}
	}
}

func TestDifference(t *testing.T) {
	for _, c := range []struct {
		old, page  string
		line       int
		have, want string
	}{
		{"a\nb\n", "a\nb\n", 0, "", ""},
		{"a\nx\n", "a\nb\n", 2, "x", "b"},
		{"", "a\n", 1, "", "a"},
		{"a\n", "a\nb\n", 2, "", "b"},
		{"a\n\n", "a\n", 3, "", ""},
	} {
		if line, have, want := Difference([]byte(c.old), []byte(c.page)); line != c.line || have != c.have || want != c.want {
			t.Errorf("%q, %q: %d %q %q", c.old, c.page, line, have, want)
		}
	}
}

func TestWorkflow(t *testing.T) {
	for _, c := range []struct {
		text     string
		actions  string
		dispatch bool
	}{
		{"on:\n  workflow_dispatch:\njobs:\n  a:\n    steps:\n      - uses: waybill-dev/waybill/actions/promote@0123 # v1\n", "promote", true},
		{"on: [push, workflow_dispatch]\n  uses: \"x/y/actions/rollback@v1\"\r\n  uses: x/y/actions/rollback@v2\n", "rollback", true},
		{"on: push\n  - uses: ./actions/register\n  - uses: 'x/y/actions/promote@v1'\n", "promote register", false},
		{"  - uses: actions/checkout@v5\n  - uses: actions/promote@v5\n", "", false},
		{"  # - uses: x/y/actions/promote@v1\n  run: echo uses: x/y/actions/promote@v1\n# workflow_dispatch\n", "", false},
		{"  - uses: x/y/actions/promoted@v1\n", "", false},
	} {
		w := workflow("a.yml", c.text)
		if got := strings.Join(w.Actions, " "); got != c.actions || w.Dispatch != c.dispatch {
			t.Errorf("%q: %q, %v", c.text, got, w.Dispatch)
		}
	}
}

var (
	span1 = regexp.MustCompile("`[^`\n]*`")
	ours1 = regexp.MustCompile(`</?code>|<!-- Made by [^\n]* -->|<!-- /?keep -->`)
)

// FuzzRender puts a text wherever people write one. Outside of code there may be
// no HTML but ours, no link, no mention, nothing that acts, and no line that
// could pass for a marker.
func FuzzRender(f *testing.F) {
	for _, s := range []string{"#ml-oncall", "<script>alert(1)</script>", "a | b", "`", "``` \n<img src=x>", "\n<!-- keep -->\n", "[x](javascript:1)", "![x](//e)",
		"@octocat", "\x1b[2J", "\u202e", "--> <b>", "\\|", "https://example.com", "&lt;b&gt;", "a\n```\n<b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in := full()
		in.Keep = ""
		in.Project.Contacts = map[string]string{s: s, "x": s, "ml-leads": s + s}
		in.Project.People[s] = []manifest.Person{{Login: s, ID: 1}}
		in.Project.Stages[1].Environment = s
		in.Project.Stages[1].Approvals.From = []string{"ml-leads", s}
		in.Project.Stages[1].Rollback.From = []string{s}
		in.Project.Stages[1].Requires = []string{s}
		in.Project.Freezes[0].Allow = []string{s}
		in.Artifacts[1].Description, in.Artifacts[1].Path, in.Artifacts[1].Owners = s, s, []string{s, "ml-leads"}
		in.Artifacts[1].Model.Deploy["production"] = []manifest.DeployTarget{{File: s, Key: s}}
		in.Workflows[0].File = s
		page := string(Render(in))
		if i := strings.IndexFunc(page, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || r == '\u202e' }); i >= 0 {
			t.Fatalf("%q at %d of the page", page[i], i)
		}
		if strings.Count(page, "\n"+keepBegin+"\n") != 1 || strings.Count(page, "\n"+keepEnd+"\n") != 1 {
			t.Fatal("a text made a marker")
		}
		block := false
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "```") {
				block = !block
				continue
			}
			if block {
				continue
			}
			rest := ours1.ReplaceAllString(span1.ReplaceAllString(line, ""), "")
			if i := strings.IndexAny(rest, "<`[]@"); i >= 0 && !strings.HasPrefix(rest[i:], "@VERSION") && !strings.HasPrefix(rest[i:], "@&#8203;") && !versioned.MatchString(rest[i:]) {
				t.Fatalf("%q gets through: %q", rest[i:], line)
			}
		}
		if block {
			t.Fatal("a block of code does not end")
		}
	})
}

// versioned is what follows a name in a reference, which is no mention.
var versioned = regexp.MustCompile(`^@(v[0-9]|sha256:|[^A-Za-z0-9]|$)`)

// What nobody starts promotes where it says, and not where it only records or
// tries something.
func TestByItself(t *testing.T) {
	in := full()
	for text, want := range map[string]string{
		"on: push\n - uses: x/y/actions/promote@v1\n   with:\n     mode: deployed\n":                        "",
		"on: push\n - uses: x/y/actions/promote@v1\n   with:\n     to: 'staging' # first\n":                 "staging",
		"on: push\n - uses: x/y/actions/promote@v1\n   with: {mode: apply, to: production}\n":               "production",
		"on: push\n - uses: x/y/actions/promote@v1\n   with: {to: \"${{ matrix.stage }}\"}\n":               "staging production",
		"on: push\n - uses: x/y/actions/promote@v1\n   # to: staging\n   with: {goto: staging}\n":           "",
		"on: schedule\n - uses: x/y/actions/rollback@v1\n   with:\n     drill: true\n     stage: staging\n": "",
		"on: repository_dispatch\n - uses: x/y/actions/rollback@v1\n   with: {stage: staging}\n":            "anything",
	} {
		in.Workflows = []Workflow{workflow("auto.yml", text)}
		got := []string{}
		_, page, _ := strings.Cut(string(Render(in)), "## Stage")
		for _, s := range in.Project.Stages {
			if _, part, _ := strings.Cut(page, "### Promote to `"+s.Name+"`"); strings.Contains(strings.SplitN(part, "###", 2)[0], "`auto.yml` does it by itself") {
				got = append(got, s.Name)
			}
		}
		if want == "anything" {
			if !strings.Contains(page, "`auto.yml` does it by itself") {
				t.Errorf("%q: not told", text)
			}
			continue
		}
		if strings.Join(got, " ") != want || want == "" && strings.Contains(page, "auto.yml") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
