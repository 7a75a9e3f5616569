package action

import "slices"

// Input is one input of an action: what action.yml declares, what the verb
// reads and what docs/actions.md says. A test holds the three together.
type Input struct {
	Name string
	// Default is what action.yml sets; "" where the verb decides.
	Default string
	// Doc is a sentence for users, in Markdown.
	Doc string
}

// Output is one output of an action.
type Output struct{ Name, Doc string }

// verb is one action of the suite.
type verb struct {
	name, doc   string
	permissions string // of the token, as a workflow writes them
	inputs      []Input
	outputs     []Output
}

// install are the inputs of every action that scripts/install.sh reads; no Go
// code does.
var install = []Input{
	{"binary", "", "A waybill binary to use instead of the release that belongs to this action: for runners without a network. `WAYBILL_BINARY` in the environment does the same for a whole job. It is not verified."},
	{"download-url", "", "Where releases are mirrored, in place of `https://github.com/waybill-dev/waybill/releases/download`. `WAYBILL_DOWNLOAD_URL` in the environment does the same for a whole job. What comes from there is verified all the same."},
}

var (
	token     = Input{"token", "${{ github.token }}", "The token for the API of GitHub."}
	names     = Input{"names", "", "Names of artifacts, on lines or between commas."}
	directory = Input{"working-directory", ".", "Folder of the project, the one with `waybill.yaml`, in the workspace."}
)

var verbs = []verb{
	{"setup", "Puts the waybill that belongs to this commit of the action on the `PATH` of later steps.", "contents: read", nil, []Output{
		{"binary", "Path of the binary."},
		{"version", "Version of the release, or `devel` where the binary was built from source or given."},
	}},
	{"check", "Checks what a pull request changes and tells the whole story in one comment, a check run, annotations and a summary.", "contents: read, pull-requests: write, checks: write, packages: read", []Input{
		token,
		named(names, "Names of artifacts to look at, on lines or between commas. Without any: what changed, and what depends on it."),
		directory,
		{"comment", "auto", "Write the comment: `auto` where the token may, `true` to fail where it may not, `false` never."},
		{"check-run", "auto", "Write the check run: `auto`, `true` or `false`, as for `comment`."},
		{"fail-on-inconclusive", "true", "Fail the step also when too little is known to decide. What is INCONCLUSIVE never promotes, whatever stands here."},
		{"samples", "", "Rows of data in comments and reports: `none`, `masked` or `full`; at most what `report.samples` of the project allows."},
		{"base", "", "Commit to compare with. Without it: what the event says, which for a pull request is the first parent of the merge commit."},
		{"report-dir", "", "Folder for the report files. Without it: `waybill` in the runner's temporary folder."},
	}, []Output{
		{"verdict", "`PASS`, `FAIL` or `INCONCLUSIVE`."},
		{"fail", "Number of findings that fail."},
		{"inconclusive", "Number of findings that are inconclusive."},
		{"warning", "Number of warnings."},
		{"changed", "What changed, as a JSON list for a matrix: of each artifact `name`, `kind`, `path`, and `change`, which is `added`, `changed`, `removed` or `dependent`."},
		{"report", "Path of the story as JSON, the file that `actions/comment` reads."},
		{"html", "Path of the report as one HTML file."},
		{"sarif", "Path of the findings as SARIF."},
		{"junit", "Path of the findings as JUnit XML."},
		{"comment-url", "Where the comment is; empty if none was written."},
		{"check-run-url", "Where the check run is; empty if none was written."},
	}},
	{"comment", "Writes the comment for a pull request from a fork, in a `workflow_run` workflow, from the report that the first workflow left. That report is taken for hostile.", "actions: read, pull-requests: write", []Input{
		token,
		{"artifact", "waybill-report", "Name of the workflow artifact that holds the report."},
	}, []Output{
		{"comment-url", "Where the comment is; empty if none was written."},
		{"pull-request", "Number of the pull request."},
		{"verdict", "The verdict that the run of the fork reported. It is not evidence."},
	}},
	{"push", "Pushes the bytes of artifacts to the registry and writes the lock back.", "contents: write, pull-requests: write, packages: write", []Input{
		token,
		named(names, "Names of artifacts to push, on lines or between commas. Without any: all."),
		directory,
		{"commit", "none", "How the lock comes back: `pull-request` opens or updates one, `branch` commits onto the branch, `none` leaves it in the workspace."},
		{"branch", "", "Branch for the lock. Without it: for `pull-request` one named after the content, so that running again opens no second one; for `branch` the one that the workflow runs on."},
		{"message", "", "Message of the commit. Without it: one that names what was pushed."},
	}, []Output{
		{"artifacts", "What was pushed, as a JSON list of name, content digest, digest and reference."},
		{"digest", "Content digest, if exactly one artifact was pushed."},
		{"changed", "`true` if a lock changed."},
		{"commit", "The commit with the lock; empty if none was made."},
		{"pull-request-url", "Where the pull request is; empty if there is none."},
	}},
	{"pull", "Fetches artifacts from the registry, verified, through a cache of the runner.", "contents: read, packages: read", []Input{
		token,
		named(names, "References to fetch, on lines or between commas: `sentiment@v1.2.0`, `sentiment#production`."),
		directory,
		{"dir", "", "Folder to put the files in; of several artifacts, each in a folder of its name there. Without it: where the manifests say."},
		{"cache", "", "Folder of the cache, keyed by content digest and verified on every hit. Without it: `waybill-cache` in the runner's tool cache."},
	}, []Output{
		{"artifacts", "What was fetched, as a JSON list of name, version, content digest and path."},
		{"path", "Folder of the files, if exactly one artifact was fetched."},
		{"digest", "Content digest, if exactly one artifact was fetched."},
		{"version", "Version, if exactly one artifact was fetched and it has one."},
		{"cache-hit", "`true` if nothing that the cache keeps, which is files of 64 KiB and more, had to be fetched."},
	}},
	{"register", "Registers what is new on the default branch: checks it again, gives it the version that the change asks for, and makes a release with notes.", "contents: write, packages: write", []Input{
		token,
		named(names, "Names of artifacts to register, on lines or between commas. Without any: all that have a lock, datasets first. Content that is registered already gets no new version."),
		directory,
		{"bump", "auto", "How the version follows: `auto`, which is `major` (below v1.0.0 `minor`) for what breaks callers of a model or readers of a dataset, `minor` for what adds to it, else `patch`; or one of these three, which for a model that breaks its callers is refused where it is too little."},
		{"release", "true", "Make a GitHub release of each version: a draft, then its files, then public. One that an earlier run of this repository did not finish is completed."},
		{"latest", "false", "Mark the release as the latest of the repository. A pre-release never is."},
		{"reason", "", "Why, for the ledger."},
	}, []Output{
		{"artifacts", "What was looked at, as a JSON list of `name`, `kind`, `version`, `contentDigest`, `digest`, `tag`, `event`, `release-url` and `done`, which is true for what this run registered. What was refused has no version."},
		{"registered", "What this run registered, as a JSON list of `NAME@VERSION`, for a matrix."},
		{"verdict", "`PASS`, `FAIL` or `INCONCLUSIVE`: the worst of all. Without anything new it is `PASS`."},
		{"version", "Version, if exactly one artifact was looked at or registered."},
		{"content-digest", "Content digest of that version."},
	}},
	{"promote", "Plans a promotion, applies it in a job with `environment:`, and records what was deployed.", "contents: write, pull-requests: write, deployments: write, actions: read, packages: read", []Input{
		token,
		{"name", "", "The artifact, with its version: `sentiment@v1.2.0`. A bare name is the newest version. Modes `plan` and `apply`."},
		{"to", "", "The stage. Modes `plan` and `apply`."},
		{"mode", "plan", "`plan` decides and writes nothing; `apply` decides again and promotes; `deployed` records which assigned versions the deployment files on the default branch name."},
		{"digest", "", "The content digest that was planned, the output `content-digest` of the job with `mode: plan`. `apply` needs it and refuses any other content."},
		{"reason", "", "Why, for the ledger."},
		directory,
	}, []Output{
		{"verdict", "`PASS`, `FAIL` or `INCONCLUSIVE`. Of a plan it is `PASS` also when only approvals are missing."},
		{"artifact", "Name of the artifact."},
		{"version", "Its version."},
		{"content-digest", "Content digest of the version: what is approved."},
		{"digest", "Digest of the version in the registry."},
		{"from", "Version that the stage had before; empty if it had none."},
		{"event", "Number of the ledger's event: of the promotion, also an earlier one, or of the refusal that was recorded. Empty for a plan."},
		{"tag", "Git tag of the assignment; empty if none was written now."},
		{"effective", "`true` if every deployment file on the default branch names the version, or there is none; `false` if one waits for a merge. Empty for a plan or a refusal."},
		{"environment", "Environment of the stage, for a job's `environment:`: the policy's, or one of the stage's name. Empty for a refusal of `apply`."},
		{"deployment-url", "Page of the deployments to the environment; empty if none was made."},
		{"pull-request-url", "Where the pull request with the deployment file is; several, on lines of their own, if there are several files. Empty if there is none."},
	}},
	{"rollback", "Puts the last version that was healthy in a stage back into it, holds the one that leaves, and writes the digest straight onto the default branch where it may.", "contents: write, pull-requests: write, deployments: write, actions: read, packages: read", []Input{
		token,
		{"name", "", "The artifact. A drill without it tries all."},
		{"stage", "", "The stage. A drill without it tries all."},
		{"reason", "", "Why, for the ledger. Needed, except for `dry-run` and `drill`."},
		{"to", "", "The version to go back to, such as `v1.1.0`: one that was in the stage and is not held. Without it: the last that was healthy there."},
		{"accept-break", "false", "Go back also where callers of what is served now break, or that is not known."},
		{"dry-run", "false", "Show what would be done, with the lines of the deployment files that would change, and write nothing."},
		{"drill", "false", "Say whether a rollback would work now, and write nothing: for a scheduled workflow."},
		directory,
	}, []Output{
		{"verdict", "`PASS`, `FAIL`, or `INCONCLUSIVE`, which it also is as long as the rollback is not effective."},
		{"version", "The version that the stage has now, or would have."},
		{"from", "The version that left, which is held."},
		{"digest", "Digest of the version in the registry."},
		{"content-digest", "Content digest of the version."},
		{"event", "Number of the ledger's event: of the promotion, also an earlier one, or of the refusal that was recorded. Empty for a plan."},
		{"effective", "`true` if every deployment file on the default branch names the version, or there is none; `false` if one waits for a merge, or it was refused. Empty for a drill or dry run."},
		{"pull-request-url", "Where the pull request with the deployment file is; several, on lines of their own, if there are several files. Empty if there is none."},
	}},
}

func named(i Input, doc string) Input {
	i.Doc = doc
	return i
}

// Verbs lists the actions of the suite in the order of docs/actions.md.
func Verbs() []string {
	var out []string
	for _, v := range verbs {
		out = append(out, v.name)
	}
	return out
}

// Inputs are the inputs that "waybill action VERB" reads, nil for a verb that
// there is not.
func Inputs(name string) []Input { return slices.Clone(find(name).inputs) }

// Outputs are the outputs that "waybill action VERB" sets.
func Outputs(name string) []Output { return slices.Clone(find(name).outputs) }

// InstallInputs are the inputs that every action has for scripts/install.sh.
func InstallInputs() []Input { return slices.Clone(install) }

// VerbDoc is what an action does, in a sentence.
func VerbDoc(name string) string { return find(name).doc }

// Permissions are those that the token of an action needs to do all that it
// can, in the form of a workflow's permissions; see docs/actions.md.
func Permissions(name string) string { return find(name).permissions }

func find(name string) verb {
	for _, v := range verbs {
		if v.name == name {
			return v
		}
	}
	return verb{}
}
