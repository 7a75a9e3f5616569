package evalcheck

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// mft are n cases of a test, of which the first failed ones do not pass.
func mft(test string, n, failed int) string {
	var b strings.Builder
	for i := range n {
		answer := "good"
		if i < failed {
			answer = "bad"
		}
		fmt.Fprintf(&b, "%s,mft,,good,%s,\n", test, answer)
	}
	return b.String()
}

const behaviourHead = "test,kind,case,expected,prediction,score\n"

func TestBehaviour(t *testing.T) {
	inv := "typos,inv,c1,,good,\ntypos,inv,c1,,good,\ntypos,inv,c2,,good,\ntypos,inv,c2,,bad,\n"
	for i, c := range []struct {
		content string
		params  []any
		want    []string
	}{
		{mft("negation", 20, 0), nil, []string{"PASS the test \"negation\" passed with 20 of 20 cases: as all must"}},
		{mft("negation", 20, 1), nil, []string{"FAIL \"negation\" (mft): 19 of 20 cases passed; and all must; the first that did not is in row 1"}},
		{mft("negation", 200, 1), []any{"min", 0.9}, []string{"PASS 199 of 200 cases: all of the 90 % interval (97.7 % to 99.974 %) keeps the asked-for 90 %"}},
		{mft("negation", 200, 60), []any{"min", 0.9}, []string{"FAIL is below the asked-for 90 %"}},
		{mft("negation", 20, 1), []any{"min", 0.9}, []string{"INCONCLUSIVE reaches below the asked-for 90 %; about "}},
		{mft("negation", 1, 0), []any{"min", 0.5}, []string{"INCONCLUSIVE 1 of 1 case passed"}},
		{mft("negation", 20, 1) + mft("names", 50, 0), []any{"tests", map[string]any{"negation": 0.5}}, []string{"PASS 2 tests passed; the nearest to its minimum is \"names\" with 50 of 50 cases"}},
		{mft("negation", 20, 1) + inv, nil, []string{"FAIL \"typos\" (inv): 1 of 2 cases passed", "FAIL \"negation\""}},
		{mft("negation", 20, 1) + inv, []any{"kinds", []any{"inv"}}, []string{"FAIL \"typos\" (inv): 1 of 2 cases passed; and all must; the first that did not is in row 24"}},
		{mft("negation", 20, 1), []any{"kinds", []any{"dir"}}, []string{"INCONCLUSIVE has no test of the kinds asked for"}},
		{mft("negation", 20, 0), []any{"tests", map[string]any{"names": int64(1)}}, []string{"INCONCLUSIVE eval/cases.csv has no test \"names\""}},
		{"", nil, []string{"INCONCLUSIVE the tests cannot be judged: eval/cases.csv has no rows"}},
		{"negation,mft,,good,,\n", nil, []string{"INCONCLUSIVE the tests cannot be judged: 1 row: there is no prediction"}},
		{"negation,mft\n", nil, []string{"INCONCLUSIVE eval/cases.csv"}},
		{mft("bad\x1b[0m", 2, 1), nil, []string{"FAIL \"bad"}},
	} {
		env := Env{File: files(t, "eval/cases.csv", behaviourHead+c.content)}
		found, _ := run(t, env, spec("evaluation.behaviour", append([]any{"file", "eval/cases.csv"}, c.params...)...))
		if len(found) != len(c.want) {
			t.Fatalf("case %d: %+v", i, found)
		}
		for j, f := range found {
			if wants(t, f, c.want[j]); t.Failed() {
				t.Fatalf("case %d", i)
			}
		}
	}
	wants(t, one(t, Env{File: files(t)}, spec("evaluation.behaviour", "file", "eval/cases.csv")), "INCONCLUSIVE eval/cases.csv does not exist")
	wants(t, one(t, Env{}, spec("evaluation.behaviour", "file", "eval/cases.csv")), "INCONCLUSIVE \"eval/cases.csv\" is not at hand")
}

// Of twenty tests at their minimum, one looks bad by chance.
func TestBehaviourOfManyTests(t *testing.T) {
	content := behaviourHead + mft("t0", 40, 9)
	for i := range 19 {
		content += mft(fmt.Sprint("t", i+1), 40, 4)
	}
	env := Env{File: files(t, "c.csv", content)}
	found, _ := run(t, env, spec("evaluation.behaviour", "file", "c.csv", "min", 0.9))
	if len(found) != 20 {
		t.Fatal(len(found))
	}
	for _, f := range found {
		if f.Verdict != report.Inconclusive || f.Details["failing"] == nil {
			t.Errorf("%+v", f)
		}
	}
	if !strings.Contains(found[0].Message, "not clearly enough for one of several") {
		t.Error(found[0].Message)
	}
	alone := Env{File: files(t, "c.csv", behaviourHead+mft("t0", 40, 9))}
	wants(t, one(t, alone, spec("evaluation.behaviour", "file", "c.csv", "min", 0.9)), "FAIL ")
}

func TestParity(t *testing.T) {
	numbers := func(n int, off func(i int) float64) string {
		var b strings.Builder
		b.WriteString("id,score\n")
		for i := range n {
			fmt.Fprintf(&b, "%d,%g\n", i, 0.5+off(i))
		}
		return b.String()
	}
	same := numbers(100, func(int) float64 { return 0 })
	someOff := func(k int) string {
		return numbers(100, func(i int) float64 {
			if i < k {
				return 0.01
			}
			return 0
		})
	}
	lists := func(flips int) string {
		var b strings.Builder
		for i := range 100 {
			if i < flips {
				fmt.Fprintf(&b, "{\"id\": %d, \"logits\": [0.1, 0.3]}\n", i)
			} else {
				fmt.Fprintf(&b, "{\"id\": %d, \"logits\": [0.3, 0.1]}\n", i)
			}
		}
		return b.String()
	}
	for i, c := range []struct {
		a, b   string
		params []any
		want   []string
	}{
		{same, same, nil, []string{"PASS \"score\": 100 of 100 rows differ from the original by no more than the tolerance (atol 1e-08, rtol 1e-05), as all must"}},
		{someOff(1), same, nil, []string{"FAIL \"score\": 99 of 100 rows differ from the original by no more than the tolerance (atol 1e-08, rtol 1e-05), and all must; rows that differ most: 1"}},
		{someOff(1), same, []any{"atol", 0.1}, []string{"PASS "}},
		{someOff(1), same, []any{"mostly", 0.9}, []string{"PASS all of the 90 % interval"}},
		{someOff(9), same, []any{"mostly", 0.9}, []string{"INCONCLUSIVE "}},
		{someOff(40), same, []any{"mostly", 0.9}, []string{"FAIL "}},
		{lists(0), lists(0), []any{"maxFlips", int64(0)}, []string{"PASS ", "PASS \"logits\": 100 of 100 rows keep the class of the original, as all must"}},
		{lists(1), lists(0), []any{"maxFlips", int64(0), "atol", 1.0}, []string{"PASS ", "FAIL 99 of 100 rows keep the class"}},
		{lists(1), lists(0), []any{"maxFlips", 0.02, "atol", 1.0}, []string{"PASS ", "INCONCLUSIVE "}},
		{lists(1), lists(0), []any{"maxFlips", 0.1, "atol", 1.0}, []string{"PASS ", "PASS "}},
		{lists(60), lists(0), []any{"maxFlips", 0.1, "atol", 1.0}, []string{"PASS ", "FAIL "}},
		{strings.Replace(lists(0), "[0.3, 0.1]", "null", 5), lists(0), []any{"maxFlips", 0.1, "mostly", 0.5}, []string{"PASS ", "INCONCLUSIVE but only 95 of 100 rows have a list in both files"}},
		{same, same, []any{"maxFlips", 0.1}, []string{"PASS ", "INCONCLUSIVE no column has lists of numbers"}},
		{"id,score\n", "id,score\n", nil, []string{"INCONCLUSIVE the outputs cannot be compared"}},
		{"id,score\n1,2\n", "id,other\n1,2\n", nil, []string{"INCONCLUSIVE the outputs cannot be compared"}},
		{"id,score\n1,NaN\n", "id,score\n1,NaN\n", nil, []string{""}},
		{"id,score\n1,2\n1,2\n", "id,score\n1,2\n1,2\n", nil, []string{"INCONCLUSIVE the outputs cannot be compared"}},
	} {
		ext := ".csv"
		if strings.HasPrefix(c.a, "{") {
			ext = ".jsonl"
		}
		env := Env{File: files(t, "a"+ext, c.a, "b"+ext, c.b), Samples: manifest.SamplesFull}
		found, sections := run(t, env, spec("evaluation.parity", append([]any{"file", "a" + ext, "reference", "b" + ext, "key", "id"}, c.params...)...))
		if len(found) != len(c.want) || found[0].Verdict != report.Inconclusive && len(sections) != 1 {
			t.Fatalf("case %d: %+v", i, found)
		}
		for j, f := range found {
			if c.want[j] == "" {
				if f.Verdict == report.Pass {
					t.Errorf("case %d: %+v", i, f)
				}
				continue
			}
			if wants(t, f, c.want[j]); t.Failed() {
				t.Fatalf("case %d", i)
			}
		}
	}
	wants(t, one(t, Env{File: files(t, "a.csv", same)}, spec("evaluation.parity", "file", "a.csv", "reference", "b.csv")), "INCONCLUSIVE b.csv does not exist")
}

// recording is n rounds in which the candidate takes ratio times the
// baseline's 10 ms.
func recording(n int, ratio float64) string {
	r := random(5)
	var b strings.Builder
	b.WriteString("command,round,seconds\n")
	for i := range n {
		x, y := 0.01*(1+0.1*r.Float64()), 0.01*(1+0.1*r.Float64())
		fmt.Fprintf(&b, "candidate,%d,%g\nbaseline,%d,%g\n", i+1, x*ratio, i+1, y)
	}
	return b.String()
}

func TestLatency(t *testing.T) {
	for i, c := range []struct {
		content string
		params  []any
		want    []string
	}{
		{recording(500, 1), []any{"max", "50ms"}, []string{"PASS "}},
		{recording(500, 10), []any{"max", "50ms"}, []string{"FAIL "}},
		{recording(50, 1), []any{"max", "50ms"}, []string{"INCONCLUSIVE "}},
		{recording(50, 1), []any{"max", "50ms", "percentile", int64(50)}, []string{"PASS "}},
		{recording(500, 1), []any{"ratio", 1.1, "percentile", int64(50)}, []string{"PASS "}},
		{recording(500, 1.5), []any{"ratio", 1.1, "max", "50ms", "percentile", int64(50)}, []string{"PASS ", "FAIL "}},
		{"seconds\n0.01\n0.02\n", []any{"ratio", 1.1}, []string{"INCONCLUSIVE there is no baseline"}},
		{"command,round,seconds\n", []any{"max", "50ms"}, []string{"INCONCLUSIVE "}},
		{"command,round,seconds\ncandidate,1,-3\n", []any{"max", "50ms"}, []string{"INCONCLUSIVE "}},
		{"command,round,seconds,exit\ncandidate,1,0.001,1\n", []any{"max", "50ms"}, []string{"INCONCLUSIVE "}},
	} {
		env := Env{File: files(t, "l.csv", c.content)}
		found, _ := run(t, env, spec("evaluation.latency", append([]any{"file", "l.csv"}, c.params...)...))
		if len(found) != len(c.want) {
			t.Fatalf("case %d: %+v", i, found)
		}
		for j, f := range found {
			if wants(t, f, c.want[j]); t.Failed() {
				t.Fatalf("case %d", i)
			}
		}
	}
	wants(t, one(t, Env{File: files(t)}, spec("evaluation.latency", "file", "l.csv", "max", "50ms")), "INCONCLUSIVE l.csv does not exist")
}
