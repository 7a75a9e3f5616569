package imagecheck

import (
	"context"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var imageLabels = Rule{
	ID:  "image.labels",
	Doc: "Every image has its label, and every label its image: files of the same name beside the images, or rows of a table that name them.",
	Params: map[string]any{
		"labels":   map[string]any{"type": "string", "enum": []any{".txt", ".xml", ".json"}, "description": "The extension of label files: cat.txt is that of cat.jpg."},
		"manifest": map[string]any{"type": "string", "minLength": 1, "description": "A table of the dataset, such as labels.csv, that names the images."},
		"file":     map[string]any{"type": "string", "minLength": 1, "description": "The column of the table that names the images. Default: file_name."},
	},
	bind: func(p *params) plan {
		sidecar, list, column := p.text("labels"), p.text("manifest"), p.text("file")
		switch {
		case (sidecar == "") == (list == ""):
			p.mistake("needs labels or manifest, one of them", "as in: labels: .txt")
		case sidecar != "" && !slices.Contains([]string{".txt", ".xml", ".json"}, sidecar):
			p.bad("labels")
		case sidecar != "" && column != "":
			p.mistake("file is a column of manifest", "leave it out")
		case list != "" && table.Format(list) == "":
			p.mistake(fmt.Sprintf("manifest: %s is no table", escape(list)), "tables are .csv, .tsv, .jsonl and .parquet")
		}
		if column == "" {
			column = "file_name"
		}
		return plan{judge: func(ctx context.Context, d *dataset) ([]report.Finding, error) {
			if sidecar != "" {
				return sidecars(d, sidecar), nil
			}
			return d.named(ctx, path.Clean(list), column)
		}}
	},
}

// sidecars matches images with label files of the same name: in the same
// folder or, as in YOLO datasets, in labels/ where the images are in images/.
func sidecars(d *dataset, ext string) []report.Finding {
	images := tally{
		subject: "images", noun: "image", problem: "have no label file", single: "has no label file", holds: "every image has its label file",
		expected: "a " + ext + " file of the same name for every image", hint: "label them, or leave them out of files:",
	}
	labels := tally{
		subject: "labels", noun: "label file", problem: "belong to no image", single: "belongs to no image", holds: "every label file has its image",
		expected: "an image of the same name for every " + ext + " file", hint: "add the images, or leave these files out of files:",
	}
	there := map[string]bool{}
	for _, f := range d.files {
		if extension(f.Path) == ext {
			there[stem(f.Path)] = true
		}
	}
	used := map[string]bool{}
	for _, im := range d.images {
		images.checked++
		beside := stem(im.Path)
		apart := yolo(beside)
		used[beside], used[apart] = true, true
		if !there[beside] && !there[apart] {
			images.fail(im.example(""))
		}
	}
	for _, f := range d.files {
		if extension(f.Path) != ext || !chosen(d.spec.Splits, f.Split) {
			continue
		}
		labels.checked++
		if !used[stem(f.Path)] {
			labels.fail(example{file: d.name(f.Path)})
		}
	}
	return []report.Finding{images.finding(d), labels.finding(d)}
}

func stem(file string) string { return strings.TrimSuffix(file, path.Ext(file)) }

// yolo returns where YOLO looks for the labels of an image: the last folder
// called images is called labels there (Ultralytics, img2label_paths).
func yolo(file string) string {
	file = "/" + file
	if i := strings.LastIndex(file, "/images/"); i >= 0 {
		file = file[:i] + "/labels/" + file[i+len("/images/"):]
	}
	return file[1:]
}

// named matches images with the rows of a table that name them, by paths from
// the table's folder (as Hugging Face's ImageFolder has them) or else from the
// dataset's.
func (d *dataset) named(ctx context.Context, list, column string) ([]report.Finding, error) {
	name := d.name(list)
	if !slices.ContainsFunc(d.files, func(f manifest.File) bool { return f.Path == list }) {
		return nil, manifest.Errors{{Pos: d.spec.Pos, Message: fmt.Sprintf("image.labels: manifest: %s is not among the files of the dataset", escape(list)), Hint: "add it to files:"}}
	}
	images := tally{
		subject: "images", noun: "image", problem: "are not named in " + escape(name), single: "is not named in " + escape(name), holds: "every image is named in " + escape(name),
		expected: "a row for every image", hint: "label them, or leave them out of files:",
	}
	rows := tally{
		subject: "labels", noun: "row", problem: "of " + escape(name) + " name no image of the dataset", single: "of " + escape(name) + " names no image of the dataset", holds: "every row of " + escape(name) + " names an image",
		expected: "an image for every row", hint: "add the images, or drop these rows",
	}
	known := map[string]bool{}
	for _, f := range d.files {
		if IsImage(f.Path) {
			known[f.Path] = false
		}
	}
	bad := func(err error) ([]report.Finding, error) {
		data, err := asDataError(err)
		if err != nil {
			return nil, err
		}
		return []report.Finding{{Verdict: report.Fail, Subject: "labels", Message: report.Visible(data.Error()), Expected: "a table that can be read to its end", Observed: report.Visible(data.Reason)}}, nil
	}
	r, err := table.Open(ctx, table.File{Name: name, Path: filepath.Join(d.dir, filepath.FromSlash(list))}, table.Options{Columns: []string{column}})
	if err != nil {
		return bad(err)
	}
	defer r.Close()
	for {
		batch, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return bad(err)
		}
		c := batch.Column(column)
		for i := range batch.Rows {
			rows.checked++
			if c == nil || c.Null(i) {
				rows.fail(example{file: fmt.Sprintf("row %d", batch.Row(i)), reason: "no name"})
				continue
			}
			text := c.Text(i)
			file := path.Join(path.Dir(list), text)
			if _, ok := known[file]; !ok {
				file = path.Clean(text)
			}
			if _, ok := known[file]; ok {
				known[file] = true
			} else {
				rows.fail(example{file: fmt.Sprintf("row %d", batch.Row(i)), reason: d.sample(text)})
			}
		}
	}
	if schema := r.Schema(); schema.Index(column) < 0 {
		return []report.Finding{{
			Verdict: report.Fail, Subject: "labels", Expected: "a column " + escape(column), Observed: "no such column",
			Message: fmt.Sprintf("%s has no column %s", escape(name), escape(column)), Hint: "the columns are " + listed(schema.Names()),
		}}, nil
	}
	for _, im := range d.images {
		if images.checked++; !known[im.Path] {
			images.fail(im.example(""))
		}
	}
	return []report.Finding{images.finding(d), rows.finding(d)}, nil
}

// sample returns what may be shown of a value of a table.
func (d *dataset) sample(value string) string {
	switch d.samples {
	case manifest.SamplesFull:
		return value
	case manifest.SamplesMasked:
		return report.Mask(value)
	}
	return ""
}

func listed(names []string) string {
	more := ""
	if n := len(names) - 10; n > 0 {
		names, more = names[:10], fmt.Sprintf(" and %d more", n)
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = escape(n)
	}
	return strings.Join(out, ", ") + more
}
