package modelcheck

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelscan"
	"github.com/waybill-dev/waybill/internal/report"
)

var securityScan = Rule{
	ID:     modelscan.Check,
	Doc:    "No file holds anything that makes it unsafe to load; what ignore: names is allowed until its day.",
	Group:  report.GroupSecurity,
	Always: true,
	run:    runSecurity,
}

// securityDocs is where the rules of the scan are documented.
const securityDocs = "https://waybill.dev/security-rules#"

func runSecurity(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	// To allow one finding takes a reason and a day; to allow all must not be easier.
	if spec.Severity != "" && spec.Severity != report.Error {
		return nil, fmt.Errorf("%s: severity: %s: the security scan is always an error; allow single findings under ignore:, with a reason and a day", spec.Pos, spec.Severity)
	}
	sizes := make(map[string]int64, len(m.files))
	for _, f := range m.files {
		sizes[f.Path] = f.Size
	}
	members := 0
	opts := modelscan.Options{Seen: func(p string) {
		if strings.Contains(p, "!") {
			members++
		}
	}}
	var found []modelscan.Finding
	for _, f := range m.files {
		// External data count only as far as they are files of the model: no
		// others are pulled with it.
		opts.Stat = func(name string) (int64, error) {
			size, ok := sizes[path.Join(path.Dir(f.Path), name)]
			if !ok {
				return 0, fs.ErrNotExist
			}
			return size, nil
		}
		more, err := m.scan(ctx, f, opts)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	now := time.Unix(math.MaxInt32, 0) // every waiver has expired
	if m.opts.Now != nil {
		now = m.opts.Now()
	}
	out := modelscan.Report(found, Waivers(m.artifact), now)
	for i := range out {
		f := &out[i]
		f.Doc = securityDocs + strings.ToLower(f.Rule)
		f.Message, f.Subject = escaped(f.Message), escaped(f.Subject)
		name, _ := f.Details["path"].(string)
		name, _, _ = strings.Cut(name, "!")
		f.Location = m.locationOf(spec, name)
		if f.Rule == "WVR002" {
			f.Location = m.unusedWaiver(f)
		}
	}
	if len(found) == 0 {
		scanned := count(len(m.files), "file")
		if members > 0 {
			scanned += " and " + count(members, "member") + " of archives"
		}
		out = append([]report.Finding{{
			Verdict: report.Pass, Rule: modelscan.Check,
			Message: "scanned " + scanned + ": nothing makes it unsafe to load them",
			Details: map[string]any{"files": len(m.files), "members": members},
		}}, out...)
	}
	return out, nil
}

// scan scans one file, under the path that the model has for it.
func (m *model) scan(ctx context.Context, f manifest.File, opts modelscan.Options) ([]modelscan.Finding, error) {
	file, size, err := m.open(f)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return modelscan.File(ctx, file, size, f.Path, opts)
}

// Waivers are what ignore: of a model's manifest allows.
func Waivers(a *manifest.Artifact) []modelscan.Waiver {
	if a.Model == nil {
		return nil
	}
	out := make([]modelscan.Waiver, len(a.Model.Ignore))
	for i, w := range a.Model.Ignore {
		out[i] = modelscan.Waiver{Rule: w.Rule, Path: w.Path, Reason: w.Reason, Expires: w.Expires, By: w.By}
	}
	return out
}

// unusedWaiver is where a waiver that matches nothing stands.
func (m *model) unusedWaiver(f *report.Finding) *report.Location {
	for _, w := range m.artifact.Model.Ignore {
		if escaped(w.Rule+" "+w.Path) == f.Subject {
			return w.Pos.Location()
		}
	}
	return m.location(manifest.CheckSpec{})
}
