package action_test

import (
	"os"

	"github.com/waybill-dev/waybill/internal/action"
	"github.com/waybill-dev/waybill/internal/report"
)

func Example() {
	env := map[string]string{"GITHUB_ACTIONS": "true", "INPUT_NAMES": "sentiment, reviews"}
	a := action.New(func(key string) string { return env[key] }, os.Stdout)

	for _, name := range a.List("names") {
		end := a.Group("Check " + name)
		end()
	}
	a.Annotate([]report.Finding{{
		Check: "text.length", Artifact: "reviews", Verdict: report.Fail, Severity: report.Error,
		Location: &report.Location{File: "datasets/reviews/dataset.yaml", Line: 12},
		Message:  "3 texts are empty\n::add-mask::forged",
	}})
	// Output:
	// ::group::Check sentiment
	// ::endgroup::
	// ::group::Check reviews
	// ::endgroup::
	// ::error file=datasets/reviews/dataset.yaml,line=12,title=reviews%3A text.length::3 texts are empty ::add-mask::forged
}
