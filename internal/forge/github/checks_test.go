package github_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
)

// checks is a server's only check run.
type checks struct {
	run         object
	annotations int
	batches     []int
}

type sentRun struct {
	Name, Status, Conclusion string
	Output                   struct {
		Title, Summary string
		Annotations    []struct {
			StartLine   int    `json:"start_line"`
			EndLine     int    `json:"end_line"`
			StartColumn *int   `json:"start_column"`
			Level       string `json:"annotation_level"`
		}
	}
	ExternalID string `json:"external_id"`
	HeadSHA    string `json:"head_sha"`
}

func (c *checks) take(t *testing.T, after http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var sent sentRun
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		if len(sent.Output.Annotations) > 0 && (sent.Output.Title == "" || sent.Output.Summary == "") {
			t.Error("annotations without title or summary")
		}
		if r.Method == http.MethodPost {
			if c.run != nil {
				t.Error("a second check run was created")
			}
			c.run = object{"id": 9, "name": sent.Name, "head_sha": sent.HeadSHA, "external_id": sent.ExternalID, "status": sent.Status, "conclusion": sent.Conclusion}
		}
		c.annotations += len(sent.Output.Annotations)
		c.batches = append(c.batches, len(sent.Output.Annotations))
		c.run["output"] = object{"annotations_count": c.annotations}
		if after != nil {
			after(w, r)
			return
		}
		answer(w, 201, c.run)
	}
}

func aRun(annotations int) forge.CheckRun {
	run := forge.CheckRun{
		Name: "waybill", HeadSHA: shaA, ExternalID: "run-1", Status: forge.StatusCompleted, Conclusion: forge.ConclusionFailure,
		Title: "FAIL", Summary: "two checks failed",
	}
	for i := range annotations {
		run.Annotations = append(run.Annotations, forge.Annotation{Path: "model.yaml", StartLine: i + 1, Level: "failure", Message: "x"})
	}
	return run
}

func TestAnnotationsGoInBatches(t *testing.T) {
	for n, want := range map[int][]int{0: {0}, 1: {1}, 50: {50}, 51: {50, 1}, 125: {50, 50, 25}, 900: {50, 50, 50, 50, 50, 50, 50, 50, 50, 50}} {
		var c checks
		a := serve(t, map[string]http.HandlerFunc{"POST /check-runs": c.take(t, nil), "PATCH /check-runs/9": c.take(t, nil)})
		run, err := a.client().CreateCheckRun(ctx, aRun(n))
		if err != nil || run.ID != 9 || !slices.Equal(c.batches, want) {
			t.Errorf("%d annotations: got %+v, %v in %v, want %v", n, run.ID, err, c.batches, want)
		}
	}
}

func TestLostAnswerMakesNoSecondCheckRun(t *testing.T) {
	var c checks
	a := serve(t, map[string]http.HandlerFunc{
		"POST /check-runs":    c.take(t, cutOff),
		"PATCH /check-runs/9": inTurn(c.take(t, raw(502, "")), cutOff, c.take(t, nil)),
		"GET /check-runs/9":   func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, c.run) },
		"GET /commits/" + shaA + "/check-runs": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("check_name") != "waybill" || r.URL.Query().Get("filter") != "all" {
				t.Errorf("asked for %s", r.URL.RawQuery)
			}
			other := object{"id": 8, "name": "waybill", "head_sha": shaA, "external_id": "run-0"}
			answer(w, 200, object{"total_count": 2, "check_runs": []object{other, c.run}})
		},
	})
	run, err := a.client().CreateCheckRun(ctx, aRun(150))
	if err != nil || run.ID != 9 || c.annotations != 150 {
		t.Errorf("got %d, %v with %d annotations in %v", run.ID, err, c.annotations, c.batches)
	}
}

func TestCheckRunIsWhatGitHubTakes(t *testing.T) {
	var sent sentRun
	a := serve(t, map[string]http.HandlerFunc{
		"GET /check-runs/9": gives(200, object{"id": 9, "output": object{"annotations_count": 3}}),
		"PATCH /check-runs/9": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewDecoder(r.Body).Decode(&sent)
			answer(w, 200, object{})
		},
	})
	run := aRun(0)
	run.ID, run.Title, run.Summary = 9, "", string(make([]byte, 70_000))
	run.Annotations = []forge.Annotation{
		{Path: "a", StartLine: 0, EndLine: -4, Level: "made up", Message: "x", StartColumn: 3},
		{Path: "a", StartLine: 3, EndLine: 5, StartColumn: 1, Level: "warning", Message: "x"},
	}
	if _, err := a.client().UpdateCheckRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	first, second := sent.Output.Annotations[0], sent.Output.Annotations[1]
	if first.StartLine != 1 || first.EndLine != 1 || first.Level != "notice" || first.StartColumn == nil || second.StartColumn != nil {
		t.Errorf("sent %+v", sent.Output.Annotations)
	}
	if sent.Output.Title != "waybill" || len(sent.Output.Summary) > 65_535 || sent.Conclusion != "failure" {
		t.Errorf("sent %q with a summary of %d bytes", sent.Output.Title, len(sent.Output.Summary))
	}
}
