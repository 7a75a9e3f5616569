package imagecheck

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// maxClasses is how many classes are told apart.
const maxClasses = 10_000

var imageClasses = Rule{
	ID:  "image.classes",
	Doc: "Images stand in one folder for each class; every split has all classes, every class enough images, and none far more than another.",
	Params: map[string]any{
		"min":      integer("Smallest number of images of a class, in each split. Default: 1."),
		"maxRatio": map[string]any{"type": "number", "minimum": 1, "description": "How many times as many images the largest class may have as the smallest, in each split."},
	},
	bind: func(p *params) plan {
		p.refuse("mostly", p.spec.Mostly != nil)
		least, ratio := int64(1), p.number("maxRatio", 1, math.MaxFloat64)
		if n := p.count("min", math.MaxInt32); n != nil {
			least = max(*n, 1)
		}
		return plan{judge: func(_ context.Context, d *dataset) ([]report.Finding, error) {
			return judgeClasses(d, least, ratio), nil
		}}
	},
}

// class is the folder that an image stands in. The folder of a split, or of
// the dataset, is no class.
func (im *picture) class() string {
	folder := path.Base(path.Dir(im.Path))
	if folder == "." || folder == im.Split {
		return ""
	}
	return folder
}

func judgeClasses(d *dataset, least int64, ratio *float64) []report.Finding {
	loose := tally{
		subject: "folders", noun: "image", problem: "stand in no folder of a class", single: "stands in no folder of a class", holds: "every image stands in the folder of a class",
		expected: "SPLIT/CLASS/FILE", hint: "move them into the folder of their class, or leave them out of files:",
	}
	number := map[string]map[string]int64{} // by split, by class
	classes := map[string]bool{}
	for _, s := range d.spec.Splits {
		number[s] = map[string]int64{}
	}
	for _, im := range d.images {
		loose.checked++
		class := im.class()
		if class == "" {
			loose.fail(im.example(""))
			continue
		}
		if number[im.Split] == nil {
			number[im.Split] = map[string]int64{}
		}
		number[im.Split][class]++
		if classes[class] = true; len(classes) > maxClasses {
			return []report.Finding{{
				Verdict: report.Inconclusive, Expected: fmt.Sprintf("at most %s classes", report.Thousands(maxClasses)), Observed: "more classes",
				Message: fmt.Sprintf("there are more than %s folders with images", report.Thousands(maxClasses)), Hint: "classes are folders that images stand in directly",
			}}
		}
	}
	out := []report.Finding{loose.finding(d)}
	if len(classes) == 0 {
		if loose.checked > 0 {
			out = append(out, report.Finding{Verdict: report.Inconclusive, Subject: "classes", Observed: "no classes", Message: "there are no classes to count"})
		}
		return out
	}
	out = append(out, enough(number, classes, least))
	if ratio != nil {
		for _, split := range slices.Sorted(maps.Keys(number)) {
			out = append(out, balance(split, number[split], *ratio, len(number) > 1))
		}
	}
	return out
}

// enough judges the number of images of each class in each split.
func enough(number map[string]map[string]int64, classes map[string]bool, least int64) report.Finding {
	f := report.Finding{Subject: "classes", Expected: fmt.Sprintf("at least %s of every class in every split", count(least, "image")), Verdict: report.Pass}
	var few []string
	var list []any
	failed := 0
	for _, split := range slices.Sorted(maps.Keys(number)) {
		for _, class := range slices.Sorted(maps.Keys(classes)) {
			n := number[split][class]
			if n >= least {
				continue
			}
			if failed++; failed > maxExamples {
				continue
			}
			where := ""
			if split != "" {
				where = " in " + escape(split)
			}
			few = append(few, fmt.Sprintf("%s%s (%s)", escape(class), where, report.Thousands(n)))
			list = append(list, map[string]any{"class": class, "split": split, "images": n})
		}
	}
	all := int64(len(classes) * len(number))
	f.Details = map[string]any{"classes": len(classes), "splits": len(number), "failed": failed}
	f.Observed = count(int64(len(classes)), "class")
	f.Message = fmt.Sprintf("every class has at least %s (%s", count(least, "image"), f.Observed)
	if len(number) > 1 {
		f.Message += fmt.Sprintf(", in each of %d splits", len(number))
	}
	f.Message += ")"
	if failed > 0 {
		have := "have"
		if failed == 1 {
			have = "has"
		}
		f.Verdict, f.Hint = report.Fail, "add images of these classes, or leave the classes out"
		f.Observed = fmt.Sprintf("%d of %s with fewer", failed, count(all, "class"))
		f.Message = fmt.Sprintf("%d of %s %s fewer than %s; first: %s", failed, count(all, "class"), have, count(least, "image"), strings.Join(few, ", "))
		if len(number) > 1 {
			f.Message = fmt.Sprintf("%d of %s, counted in each split, %s fewer than %s; first: %s", failed, count(all, "class"), have, count(least, "image"), strings.Join(few, ", "))
		}
		f.Details["examples"] = list
	}
	return f
}

// balance compares the largest class of a split with the smallest.
func balance(split string, number map[string]int64, most float64, several bool) report.Finding {
	f := report.Finding{Subject: strings.TrimSpace("balance " + split), Expected: fmt.Sprintf("at most %g times as many images", most), Verdict: report.Pass}
	where := ""
	if several {
		where = escape(split) + ": "
	}
	if len(number) < 2 {
		f.Verdict, f.Observed = report.Inconclusive, count(int64(len(number)), "class")
		f.Message = where + "there are no two classes to compare"
		return f
	}
	names := slices.Sorted(maps.Keys(number))
	small, large := names[0], names[0]
	for _, c := range names {
		if number[c] < number[small] {
			small = c
		}
		if number[c] > number[large] {
			large = c
		}
	}
	ratio := float64(number[large]) / float64(number[small])
	f.Observed = fmt.Sprintf("%.3g times", ratio)
	f.Message = fmt.Sprintf("%sthe smallest class, %s, has %s, the largest, %s, %.3g times as many (%s)",
		where, escape(small), count(number[small], "image"), escape(large), ratio, report.Thousands(number[large]))
	f.Details = map[string]any{"ratio": shown(ratio), "smallest": small, "largest": large}
	if ratio > most {
		f.Verdict, f.Hint = report.Fail, "add images of the small class, take some of the large one away, or weigh them in training"
	}
	return f
}
