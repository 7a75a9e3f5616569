package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// evaluateFlags are what the command line says about files of predictions and
// the gate on them.
type evaluateFlags struct {
	candidate, baseline, dataset []string
	spec                         predictions.Spec
	task, positive               string
	scores                       map[string]string
	threshold                    float64
	gate                         evaluate.Gate
	margin, relative             float64
	min, max, sliceMargin        float64
	search                       []string
	dialect                      dialectFlags

	predictions string
	attach      bool
}

func (a *app) evaluateCommand() *cobra.Command {
	var o evaluateFlags
	c := &cobra.Command{
		Use:   "evaluate [NAME…]",
		Short: "Whether a model is really not worse: metrics with intervals, compared row by row",
		Long: `With names, or none for all models: computes the metrics of the manifest's evaluation from its predictions and decides the gates.
With --candidate: the same for files, without a manifest. Rows are matched by --key (default: the column id, where both files have
it), or else by position. A comparison PASSes when the bound of the difference, at --confidence, is within --margin; it FAILs when
the other bound is not; else it is INCONCLUSIVE, with the number of labelled rows that would decide.
With NAME@VERSION, --predictions FILE and --attach: stores what that version answers on the evaluation dataset of now, so that gates
can compare with it. Exits 1 on FAIL, 3 on INCONCLUSIVE. docs/evaluation.md has the methods and definitions.`,
		Example: `  waybill evaluate sentiment
  waybill evaluate --candidate new.csv --baseline old.csv --label label --metric accuracy --margin 0.01 --slices lang
  waybill evaluate --candidate new.parquet --label y --score p --metric roc_auc --min 0.9 --format json
  waybill evaluate --candidate new.csv --label label             # all metrics, no gate
  waybill evaluate sentiment@v1.0.0 --predictions old-on-new-test.csv --attach`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.check(a, cmd, names); err != nil {
				return usageError{fmt.Errorf("evaluate: %w", err)}
			}
			switch {
			case o.attach:
				return a.attachPredictions(names[0], o.predictions)
			case len(o.candidate) > 0:
				return a.evaluateFiles(&o)
			}
			return a.evaluateModels(names)
		},
	}
	o.add(c)
	return c
}

func (o *evaluateFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&o.candidate, "candidate", nil, "file of the model's predictions (repeatable, globs)")
	f.StringSliceVar(&o.baseline, "baseline", nil, "file of predictions to compare with, of the same rows")
	f.StringSliceVar(&o.dataset, "dataset", nil, "file of the evaluated rows, joined by key: labels and columns of slices are taken from it")
	f.StringVar(&o.spec.Key, "key", "", "column that identifies a row (default id, where all files have it)")
	f.StringVar(&o.spec.Label, "label", "", "column of the truth")
	f.StringVar(&o.spec.Prediction, "prediction", "", "column of the answer (default prediction, where the file has it)")
	f.StringVar(&o.spec.Score, "score", "", "column of the positive class's score (default score, where the file has it)")
	f.StringToStringVar(&o.scores, "scores", nil, "columns of the classes' scores: CLASS=COLUMN,…")
	f.Float64Var(&o.threshold, "threshold", 0.5, "score from which on the answer is the positive class, without a column of predictions")
	f.StringVar(&o.task, "task", "", "binary, multiclass, multilabel, regression, ranking or text (default as the columns look)")
	f.StringVar(&o.positive, "positive", "", `label that counts as positive (default 1, true or "positive")`)
	f.StringVar(&o.spec.Query, "query", "", "column that names a row's query, for ranking")
	f.StringVar(&o.spec.Cluster, "cluster", "", "column that names what rows have in common; intervals then resample clusters")
	f.StringVar(&o.gate.Metric, "metric", "", "metric of the gate, such as accuracy, f1, roc_auc, rmse or ndcg@10")
	f.Float64Var(&o.min, "min", 0, "smallest value allowed")
	f.Float64Var(&o.max, "max", 0, "greatest value allowed")
	f.Float64Var(&o.margin, "margin", 0, "how much worse than the baseline is allowed, in units of the metric")
	f.Float64Var(&o.relative, "relative", 0, "the margin as a share of the baseline's value")
	f.BoolVar(&o.gate.Better, "better", false, "ask that the candidate is better, by more than the margin")
	f.Float64Var(&o.gate.Confidence, "confidence", 0.95, "how sure one must be, one-sided; with --min or --max the interval then decides, not the value")
	f.StringSliceVar(&o.gate.Slices, "slices", nil, `columns in whose slices the gate must hold, too: lang, "lang*device", age:5`)
	f.Int64Var(&o.gate.MinRows, "min-rows", 30, "slices with fewer rows are not judged")
	f.Float64Var(&o.sliceMargin, "slice-margin", 0, "margin inside slices (default --margin)")
	f.StringSliceVar(&o.search, "search", nil, "columns among which the worst slices are looked for; decides nothing")
	f.IntVar(&o.gate.Resampling.Resamples, "resamples", 0, "resamples of the bootstrap (default by metric)")
	f.Uint64Var(&o.gate.Resampling.Seed, "seed", 1, "seed of the bootstrap")
	f.StringVar(&o.predictions, "predictions", "", "file to --attach")
	f.BoolVar(&o.attach, "attach", false, "store --predictions as what NAME@VERSION answers on the evaluation dataset of now")
	o.dialect.add(c)
}

// check looks at how the flags go together.
func (o *evaluateFlags) check(a *app, cmd *cobra.Command, names []string) error {
	set := cmd.Flags().Changed
	files := len(o.candidate) > 0
	switch {
	case !o.judges(set) && render.CheckSections(a.format) != nil:
		return render.CheckSections(a.format)
	case o.attach && (len(names) != 1 || o.predictions == ""):
		return errors.New("--attach needs one NAME@VERSION and --predictions FILE")
	case o.predictions != "" && !o.attach:
		return errors.New("--predictions is stored with --attach; to evaluate a file, name it with --candidate")
	case files && (len(names) > 0 || o.attach):
		return errors.New("give names, or files with --candidate, not both")
	case !files && o.set(cmd) != "":
		return fmt.Errorf("--%s is about files; name one with --candidate", o.set(cmd))
	case !files:
		return nil
	case o.spec.Label == "":
		return errors.New("name the column of the truth with --label")
	case set("margin") && set("relative"):
		return errors.New("--margin and --relative are two ways to say the same; keep one")
	case len(o.baseline) == 0 && (set("margin") || set("relative") || o.gate.Better):
		return errors.New("there is nothing to compare with; name a file with --baseline")
	case o.gate.Metric == "" && (set("margin") || set("relative") || set("min") || set("max") || o.gate.Better):
		return errors.New("which metric? name it with --metric")
	case !(o.gate.Confidence > 0.5 && o.gate.Confidence < 1):
		return fmt.Errorf("--confidence %v: expected a number above 0.5 and below 1", o.gate.Confidence)
	case !isMargin(o.margin) || !isMargin(o.relative) || !isMargin(o.sliceMargin):
		return errors.New("a margin is a number from 0 on")
	case !isFinite(o.min) || !isFinite(o.max):
		return errors.New("--min and --max are finite numbers")
	case set("min") && set("max") && o.min > o.max:
		return fmt.Errorf("--min %v is above --max %v: nothing could pass", o.min, o.max)
	case len(o.gate.Slices) == 0 && (set("min-rows") || set("slice-margin")):
		return errors.New("--min-rows and --slice-margin are about slices; name their columns with --slices")
	case o.gate.MinRows < 1:
		return fmt.Errorf("--min-rows %d: expected 1 or more", o.gate.MinRows)
	case o.gate.Resampling.Resamples < 0 || o.gate.Resampling.Resamples > 1_000_000:
		return errors.New("--resamples: expected 1 to 1,000,000")
	}
	o.take(set)
	if o.positive != "" {
		o.spec.Positive = o.positive
	}
	o.spec.Task, o.spec.Scores = metric.Task(o.task), o.scores
	return nil
}

// judges tells whether there will be a verdict of a gate or of checks, rather
// than tables alone.
func (o *evaluateFlags) judges(set func(string) bool) bool {
	return !o.attach && (len(o.candidate) == 0 || o.gate.Metric != "" && (len(o.baseline) > 0 || set("min") || set("max")))
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func isMargin(v float64) bool { return v >= 0 && isFinite(v) }

// take fills in the parts of the gate for which not to be given is not to be 0.
func (o *evaluateFlags) take(set func(string) bool) {
	for name, flag := range map[string]struct{ value, to any }{
		"min":          {o.min, &o.gate.Min},
		"max":          {o.max, &o.gate.Max},
		"margin":       {o.margin, &o.gate.Margin},
		"relative":     {o.relative, &o.gate.Relative},
		"slice-margin": {o.sliceMargin, &o.gate.SliceMargin},
		"threshold":    {o.threshold, &o.spec.Threshold},
	} {
		if set(name) {
			v := flag.value.(float64)
			*flag.to.(**float64) = &v
		}
	}
	o.gate.Decide = set("confidence")
}

// set is a flag about files that was given, "" when none was.
func (o *evaluateFlags) set(cmd *cobra.Command) string {
	for _, name := range []string{"baseline", "dataset", "key", "label", "prediction", "score", "scores", "threshold", "task", "positive", "query", "cluster",
		"metric", "min", "max", "margin", "relative", "better", "confidence", "slices", "min-rows", "slice-margin", "search", "resamples", "seed"} {
		if cmd.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// evaluateFiles answers for files, without a manifest.
func (a *app) evaluateFiles(o *evaluateFlags) error {
	candidate, baseline, err := a.readPredictions(o)
	var data *table.DataError
	var column *predictions.ColumnError
	if errors.As(err, &data) || errors.As(err, &column) {
		return usageError{err} // there is nothing to judge
	}
	if err != nil {
		return err
	}
	return a.showEvaluation(o, candidate, baseline)
}

// readPredictions reads the files; baseline is nil when there is none.
func (a *app) readPredictions(o *evaluateFlags) (candidate, baseline *predictions.Set, err error) {
	dialect, err := o.dialect.dialect()
	if err != nil {
		return nil, nil, err
	}
	files := func(args []string) ([]table.File, error) {
		if len(args) == 0 {
			return nil, nil
		}
		names, err := a.expand(args)
		if err != nil {
			return nil, err
		}
		out := make([]table.File, len(names))
		for i, n := range names {
			out[i] = table.File{Name: n, Path: a.inDir(n), Dialect: dialect}
			a.noteAssumed(out[i])
		}
		return out, nil
	}
	spec := o.spec
	if spec.Files, err = files(o.candidate); err != nil {
		return nil, nil, err
	}
	if spec.Dataset, err = files(o.dataset); err != nil {
		return nil, nil, err
	}
	second, err := files(o.baseline)
	if err != nil {
		return nil, nil, err
	}
	if spec.Key == "" {
		spec.Key = predictions.DefaultKey(a.ctx, slices.Concat(spec.Files, second, spec.Dataset)...)
	}
	spec.Columns = evaluate.SliceColumns(slices.Concat(o.gate.Slices, o.search))
	if candidate, err = predictions.Read(a.ctx, a.withDefaults(spec)); err != nil || second == nil {
		return candidate, nil, err
	}
	spec.Files, spec.Columns = second, nil
	if spec.Task == "" && candidate.Sample != nil {
		spec.Task = candidate.Sample.Task // one kind of answer, found out once
	}
	baseline, err = predictions.Read(a.ctx, a.withDefaults(spec))
	return candidate, baseline, err
}

// withDefaults names the columns prediction and score where the files have them
// and nothing else was named.
func (a *app) withDefaults(s predictions.Spec) predictions.Spec {
	r, err := table.Open(a.ctx, s.Files[0], table.Options{Columns: []string{}})
	if err != nil {
		return s // Read says what is wrong
	}
	defer r.Close()
	has := func(name string) bool { return r.Schema().Index(name) >= 0 }
	if s.Prediction == "" && s.Label != "prediction" && has("prediction") {
		s.Prediction = "prediction"
	}
	if s.Score == "" && s.Scores == nil && s.Label != "score" && has("score") {
		s.Score = "score"
	}
	if s.Prediction == "" && s.Score == "" && s.Scores == nil {
		s.Prediction = "prediction" // the error says that it is not there
	}
	return s
}

// overview is what evaluate answers when it was not asked to judge a metric.
type overview struct {
	APIVersion string                `json:"apiVersion"`
	Verdict    report.Verdict        `json:"verdict"`
	Task       metric.Task           `json:"task,omitempty"`
	N          int64                 `json:"n"`
	Metrics    []evaluate.Comparison `json:"metrics"`
	Problems   []string              `json:"problems,omitempty"`
	Notes      []string              `json:"notes,omitempty"`
}

// showEvaluation judges and shows.
func (a *app) showEvaluation(o *evaluateFlags, candidate, baseline *predictions.Set) error {
	var pair *predictions.Pair
	if baseline != nil {
		o.gate.Against = strings.Join(o.baseline, ", ")
		pair = predictions.Join(candidate, baseline)
	}
	if o.gate.Metric == "" {
		return a.showMetrics(o, candidate, pair)
	}
	o.gate.Search = len(o.search) > 0
	var answer *evaluate.Answer
	switch {
	case pair != nil:
		answer = evaluate.JudgePair(pair, o.gate)
	case o.gate.Min == nil && o.gate.Max == nil:
		return a.showMetrics(o, candidate, nil)
	default:
		answer = evaluate.Judge(candidate, o.gate)
	}
	sections := evaluate.Show(candidate, pair, []*evaluate.Answer{answer}, o.gate.Slices)
	if a.format == "json" {
		a.decide(answer.Verdict)
		return a.result(answer, sections...)
	}
	f := answer.Finding()
	f.Check = "gate." + o.gate.Metric
	return a.report(report.New([]report.Finding{f}, sections...))
}

// showMetrics measures without judging. What cannot be measured is
// INCONCLUSIVE.
func (a *app) showMetrics(o *evaluateFlags, candidate *predictions.Set, pair *predictions.Pair) error {
	out := overview{APIVersion: report.APIVersion, Verdict: report.Pass, N: candidate.N, Problems: candidate.Problems, Notes: candidate.Notes, Metrics: []evaluate.Comparison{}}
	if pair != nil {
		out.Problems, out.Notes = append(out.Problems, pair.Problems...), append(out.Notes, pair.Notes...)
	}
	sections := evaluate.Show(candidate, pair, nil, o.gate.Slices)
	switch {
	case len(out.Problems) > 0:
		out.Verdict = report.Inconclusive
		if len(candidate.Problems) == 0 {
			sections = append([]report.Section{report.TextSection("The two cannot be compared", strings.Join(out.Problems, "\n"))}, sections...)
		}
	case pair != nil:
		out.Task, out.Metrics = pair.Candidate.Task, evaluate.CompareAll(pair, o.gate)
		sections = append(evaluate.ComparedSections(out.Metrics), sections...)
	default:
		out.Task, out.Metrics = candidate.Sample.Task, evaluate.MeasureAll(candidate.Sample, 0.975)
	}
	a.decide(out.Verdict)
	return a.result(out, sections...)
}

// decide sets the exit code.
func (a *app) decide(v report.Verdict) {
	switch v {
	case report.Fail:
		a.code = exitFail
	case report.Inconclusive:
		a.code = exitInconclusive
	}
}

// evaluateModels runs the checks of models' evaluations, and shows what their
// predictions say.
func (a *app) evaluateModels(args []string) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	if len(args) == 0 {
		for _, m := range w.Artifacts {
			if m.Model != nil && (m.Model.Evaluation != nil || len(m.Model.Gates) > 0) {
				args = append(args, m.Name)
			}
		}
		if len(args) == 0 {
			return usageError{errors.New("evaluate: no model.yaml has an evaluation; add it, or name files with --candidate")}
		}
	}
	scratch, err := os.MkdirTemp("", "waybill-evaluate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	var targets []check.Target
	for i, arg := range args {
		r, err := ref.Parse(arg)
		if err != nil {
			return usageError{fmt.Errorf("evaluate: %w", err)}
		}
		t, err := a.target(w, r, filepath.Join(scratch, strconv.Itoa(i), "files"))
		if err != nil {
			return fmt.Errorf("evaluate %s: %w", arg, err)
		}
		if t.Artifact.Model == nil {
			return usageError{fmt.Errorf("evaluate %s: it is a dataset; only models have predictions", arg)}
		}
		targets = append(targets, t)
	}
	r, err := check.Evaluate(a.ctx, w, targets...)
	if err != nil {
		return err
	}
	return a.report(r)
}

// attachPredictions stores what a version answers on the evaluation dataset of
// now.
func (a *app) attachPredictions(arg, file string) error {
	r, err := ref.Parse(arg)
	if err != nil || r.Bare() {
		return usageError{fmt.Errorf("evaluate --attach: %s: expected NAME@VERSION or NAME#STAGE", arg)}
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	defer w.SaveStats()
	done, err := check.Attach(a.ctx, w, r, table.File{Name: file, Path: a.inDir(file)})
	if err != nil {
		return fmt.Errorf("evaluate %s: %w", arg, err)
	}
	return a.result(done, report.TextSection("", done.Message))
}
