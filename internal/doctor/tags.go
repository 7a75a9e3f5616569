package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// tags compares the remote's tags with those that the ledger implies.
func (e *examiner) tags(ctx context.Context) error {
	if e.l.Refs == nil {
		f := report.Finding{Check: checkTag, Verdict: report.Inconclusive,
			Message: "the remote could not be asked for its tags", Hint: "try again when the remote answers"}
		if e.l.Remote == nil {
			f.Severity, f.Message, f.Hint = report.Warning, "there is no remote, so there is no ledger", "git remote add origin URL"
		}
		e.add(f)
		return nil
	}
	log, err := e.l.Log()
	if err != nil {
		return err
	}
	implied, err := ledger.Projection(log.Events())
	if err != nil {
		return err
	}
	had := e.l.Refs.Tags
	var wrong []ledger.Tag
	replace := map[string]string{}
	for _, t := range implied {
		switch have := had[t.Name]; have {
		case workspace.TagID(t):
		case "":
			wrong = append(wrong, t)
		default:
			wrong = append(wrong, t)
			replace[t.Name] = have
		}
	}
	// What a newer waybill recorded may imply other tags than we know of.
	unknown := len(log.Unknown()) > 0
	var failed error
	if e.fix && len(wrong) > 0 && !unknown {
		failed = e.l.RepairTags(ctx, wrong, replace)
		// Part of a push may have been done, and a push without an error may
		// have left a tag out: only the remote knows.
		refs, err := e.l.Remote.Refs(ctx)
		switch {
		case err == nil:
			e.l.Refs = refs
		case failed == nil:
			failed = err
		}
	}
	e.judgeTags(implied, wrong, had, failed, unknown)
	return ctx.Err()
}

// judgeTags writes the findings; had is how the remote's tags were before they
// were mended.
func (e *examiner) judgeTags(implied, wrong []ledger.Tag, had map[string]string, failed error, unknown bool) {
	byArtifact := map[string][]report.Finding{}
	var mended []ledger.Tag
	for _, t := range wrong {
		name := artifactOf(t.Name)
		f := report.Finding{Check: checkTag, Artifact: name, Subject: t.Name, Verdict: report.Fail, Hint: hintFix,
			Expected: workspace.TagID(t), Observed: had[t.Name], Message: fmt.Sprintf("tag %s is missing at the remote", t.Name)}
		if had[t.Name] != "" {
			f.Message = fmt.Sprintf("tag %s was moved by hand: points to %.12s, ledger says %.12s", t.Name, e.target(t.Name, had[t.Name]), t.Target)
		}
		if e.l.Refs.Tags[t.Name] == workspace.TagID(t) {
			mended = append(mended, t)
			byArtifact[name] = append(byArtifact[name], report.Finding{})
			continue
		}
		if failed != nil {
			f.Message += fmt.Sprintf("; mending failed: %v", failed)
		}
		byArtifact[name] = append(byArtifact[name], soften(f, unknown))
	}
	for _, f := range e.strays(implied) {
		byArtifact[f.Artifact] = append(byArtifact[f.Artifact], soften(f, unknown))
	}
	for _, t := range mended {
		message := fmt.Sprintf("tag %s created", t.Name)
		if had[t.Name] != "" {
			message = fmt.Sprintf("tag %s moved back to %.12s", t.Name, t.Target)
		}
		e.fixed(checkTag, artifactOf(t.Name), t.Name, message)
	}
	for _, name := range e.names() {
		if len(byArtifact[name]) == 0 {
			e.add(report.Finding{Check: checkTag, Artifact: name, Verdict: report.Pass, Message: name + ": the remote's tags are those of the ledger"})
		}
		for _, f := range byArtifact[name] {
			if f.Check != "" {
				e.add(f)
			}
		}
	}
}

// strays are GTO's tags about our artifacts that no event implies. GTO and DVC
// believe them, but somebody may have meant them: they are not deleted here.
func (e *examiner) strays(implied []ledger.Tag) []report.Finding {
	ours := map[string]bool{}
	for _, t := range implied {
		ours[t.Name] = true
	}
	names := e.names()
	var out []report.Finding
	for _, tag := range slices.Sorted(maps.Keys(e.l.Refs.Tags)) {
		name := artifactOf(tag)
		if _, found := slices.BinarySearch(names, name); ours[tag] || name == "" || !found {
			continue
		}
		out = append(out, report.Finding{Check: checkTag, Artifact: name, Subject: tag, Severity: report.Warning, Verdict: report.Fail,
			Message: fmt.Sprintf("tag %s at the remote is not the ledger's; GTO and DVC will believe it", tag),
			Hint:    fmt.Sprintf("git push --delete %s 'refs/tags/%s'", e.l.Remote.Name(), tag)})
	}
	return out
}

// soften makes a finding what it is when part of the ledger is not understood.
func soften(f report.Finding, unknown bool) report.Finding {
	if unknown {
		f.Severity, f.Verdict, f.Hint = report.Warning, report.Inconclusive, "upgrade waybill: the ledger has events that this release does not know"
	}
	return f
}

func (e *examiner) target(tag, object string) string {
	if commit := e.l.Refs.Peeled[tag]; commit != "" {
		return commit
	}
	return object
}

// artifactOf is the artifact that a tag of GTO is about, "" for other tags.
func artifactOf(tag string) string {
	t, err := ledger.ParseTag(tag)
	if err != nil {
		return ""
	}
	return t.Artifact
}
