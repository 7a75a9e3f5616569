package report

import "testing"

func TestSummarize(t *testing.T) {
	f := func(v Verdict, s Severity) Finding { return Finding{Verdict: v, Severity: s} }
	for _, c := range []struct {
		name    string
		in      []Finding
		want    Verdict
		summary Summary
	}{
		{"nothing", nil, Pass, Summary{}},
		{"pass", []Finding{f(Pass, Error)}, Pass, Summary{Pass: 1}},
		{"inconclusive is not a pass", []Finding{f(Pass, Error), f(Inconclusive, Error)}, Inconclusive, Summary{Pass: 1, Inconclusive: 1}},
		{"fail beats inconclusive", []Finding{f(Inconclusive, Error), f(Fail, Error)}, Fail, Summary{Fail: 1, Inconclusive: 1}},
		{"a warning decides nothing", []Finding{f(Fail, Warning), f(Inconclusive, Info), f(Pass, Warning)}, Pass, Summary{Pass: 1, Warning: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, v := Summarize(c.in)
			if v != c.want || s != c.summary {
				t.Errorf("got %s %+v, want %s %+v", v, s, c.want, c.summary)
			}
		})
	}
}

func TestFinishSortsAndIdentifies(t *testing.T) {
	r := New([]Finding{
		{Artifact: "b", Check: "x", Verdict: Pass},
		{Artifact: "b", Check: "x", Subject: "col", Verdict: Fail, Severity: Warning},
		{Artifact: "a", Check: "y", Verdict: Inconclusive},
		{Artifact: "a", Check: "y", Subject: "z", Verdict: Fail},
	})
	if r.Findings[0].Verdict != Fail || r.Findings[1].Verdict != Inconclusive || r.Findings[2].Severity != Warning || r.Findings[3].Verdict != Pass {
		t.Errorf("order: %+v", r.Findings)
	}
	seen := map[string]bool{}
	for _, f := range r.Findings {
		if seen[f.ID] || len(f.ID) != 12 || f.Rule == "" {
			t.Errorf("finding %+v", f)
		}
		seen[f.ID] = true
	}
	first := r.Findings[0].ID
	r.Findings[0].Message = "said otherwise"
	r.Finish()
	if r.Findings[0].ID != first {
		t.Error("the ID depends on the message")
	}
}

func TestByGroup(t *testing.T) {
	r := New([]Finding{{Group: GroupData, Verdict: Fail, Severity: Warning}, {Group: GroupFiles, Verdict: Inconclusive}})
	got := r.ByGroup()
	if len(got) != 2 || got[GroupData] != Pass || got[GroupFiles] != Inconclusive {
		t.Errorf("got %v", got)
	}
}
