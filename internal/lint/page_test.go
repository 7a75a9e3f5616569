package lint_test

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/action"
)

const pageHead = `<!-- Made of internal/action/inputs.go and internal/lint/page_test.go: go test ./internal/lint -update -->
# Actions

Each action puts the waybill that belongs to its commit on the ` + "`PATH`" + ` and runs one verb of it. Pin actions to the commit of a
release: that commit also holds the SHA-256 of the binary, so what you pin is what runs.

| action | what it does |
|--|--|
`

const pageInstall = `## Where the binary comes from

[scripts/install.sh](../scripts/install.sh) takes the first of these:

1. the binary that the input ` + "`binary`" + ` names (or ` + "`WAYBILL_BINARY`" + ` in the environment of the job), as it is;
2. ` + "`waybill`" + ` on the ` + "`PATH`" + `, if it has the SHA-256 that the commit of the action has for this platform;
3. ` + "`$RUNNER_TOOL_CACHE/waybill/VERSION/ARCH`" + `, with the same condition: a tool cache can be written by other jobs;
4. the release, from GitHub or the mirror that ` + "`download-url`" + ` names, in three tries, with the same condition.

Nothing is installed that does not have that SHA-256, and nothing asks for the newest version. A commit that is no release has
no sums; there waybill is built from source with the Go at hand, with a warning. Runners of Linux, macOS and Windows on x64
and arm64 are served; a container needs bash, and curl or wget. A tool cache that cannot be written costs a download for every job, not the job.

- **GitHub Enterprise Server, mirrors**: put the files of a release below ` + "`URL/vX.Y.Z/`" + ` and set ` + "`WAYBILL_DOWNLOAD_URL: URL`" + ` in
  the environment of the workflow. ` + "`https_proxy`" + ` and ` + "`no_proxy`" + ` are respected.
- **No network**: put the binary into the image of the runner and its folder on the ` + "`PATH`" + `, or name it in ` + "`WAYBILL_BINARY`" + `.
- **Verify by hand**: ` + "`gh attestation verify waybill-linux-amd64 -R waybill-dev/waybill`" + `.
`

// pageMore is what tables cannot say.
var pageMore = map[string]string{
	"check":    "With fewer permissions it does what is left and says which line is missing. How to set it up, also for forks: [github.md](github.md).",
	"register": "Which version, and what the release has: [releases.md](releases.md).",
	"promote":  "`plan` only reads: `contents: read, actions: read, pull-requests: read, packages: read`. `deployed` takes `contents: write, deployments: write`. How plan and apply go together, and what counts as an approval: [promotion.md](promotion.md).",
	"rollback": "`dry-run` and `drill` only read: `contents: read, actions: read, packages: read`. The step ends with 3 as long as a pull request waits for its merge. See [promotion.md](promotion.md#going-back).",
	"push":     "`pull-requests: write` only for `commit: pull-request`, `contents: write` for that and `commit: branch`. Events made with the workflow's own token start no workflows; give `token` one of an app if the pull request is to be checked.",
}

func actionsPage() string {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, verb := range action.Verbs() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", uses(verb), verb, action.VerbDoc(verb))
	}
	b.WriteString("\nEvery action also has the inputs of [setup](#setup), which say where the binary comes from.\n\n")
	b.WriteString(pageInstall)
	for _, verb := range action.Verbs() {
		inputs := action.Inputs(verb)
		if verb == "setup" {
			inputs = action.InstallInputs()
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```yaml\npermissions: {%s}\nsteps:\n  - uses: %s@COMMIT # VERSION\n```\n",
			verb, action.VerbDoc(verb), action.Permissions(verb), uses(verb))
		if more := pageMore[verb]; more != "" {
			b.WriteString("\n" + more + "\n")
		}
		b.WriteString("\n| input | default | |\n|--|--|--|\n")
		for _, in := range inputs {
			fallback := ""
			if in.Default != "" {
				fallback = "`" + in.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", in.Name, fallback, in.Doc)
		}
		b.WriteString("\n| output | |\n|--|--|\n")
		for _, out := range action.Outputs(verb) {
			fmt.Fprintf(&b, "| `%s` | %s |\n", out.Name, out.Doc)
		}
	}
	return b.String()
}

func uses(verb string) string {
	if verb == "setup" {
		return "waybill-dev/waybill"
	}
	return "waybill-dev/waybill/actions/" + verb
}
