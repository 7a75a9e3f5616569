package predictions_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

func Example() {
	dir, err := os.MkdirTemp("", "predictions")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	read := func(name, content string) *predictions.Set {
		f := table.File{Name: name, Path: filepath.Join(dir, name)}
		if err := os.WriteFile(f.Path, []byte(content), 0o644); err != nil {
			fmt.Println(err)
		}
		set, err := predictions.Read(context.Background(), predictions.Spec{
			Files: []table.File{f}, Key: "id", Label: "label", Prediction: "prediction",
		})
		if err != nil {
			fmt.Println(err)
		}
		return set
	}
	candidate := read("new.csv", "id,label,prediction\n1,cat,cat\n2,dog,dog\n")
	baseline := read("old.csv", "id,label,prediction\n2,dog,cat\n1,cat,cat\n")
	pair := predictions.Join(candidate, baseline)
	fmt.Println(pair.Candidate.Task, pair.Candidate.Classes, "paired by", pair.Paired)
	fmt.Println(pair.Candidate.Label, pair.Candidate.Prediction, pair.Baseline.Prediction)

	short := read("short.csv", "id,label,prediction\n1,cat,cat\n")
	fmt.Println(predictions.Join(short, baseline).Problems[0])
	// Output:
	// binary [cat dog] paired by key "id"
	// [0 1] [0 1] [0 0]
	// the candidate has 1 row, the baseline 2: 0 of the candidate and 1 of the baseline have no partner in the other; both must be predictions of the same rows
}
