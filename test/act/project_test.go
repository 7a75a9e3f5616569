package act

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const manifestText = `apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
description: Product reviews with a sentiment label.
license: CC-BY-4.0
files: {train: data/train.csv}
columns:
  - {name: id, type: int64, unique: true}
  - {name: text, type: string, nullable: false}
  - {name: label, type: int64, values: [0, 1]}
checks:
  - {check: table.rows, min: 100}
  - {check: text.length, column: text, min: 3, max: 200}
`

const modelText = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
task: text-classification
license: Apache-2.0
files: [model.safetensors]
datasets: {train: reviews}
`

// start commits a project with a dataset and a model to main.
func (l *lab) start() {
	l.t.Helper()
	l.introduce()
	l.push("main", "Start")
}

// introduce writes it into the working tree. The bytes go to the registry:
// whoever checks has to fetch them.
func (l *lab) introduce() {
	l.t.Helper()
	l.waybill("init", "--registry", l.registry)
	l.workflows()
	l.put("datasets/reviews/dataset.yaml", manifestText)
	l.put("models/sentiment/model.yaml", modelText)
	l.data(200, "fine")
	l.model(1)
	l.waybill("push")
}

// workflows lets waybill write them.
func (l *lab) workflows() {
	l.t.Helper()
	l.waybill("init", "--github")
}

// data writes rows, of which the last has a text of its own.
func (l *lab) data(rows int, last string) {
	l.t.Helper()
	var b strings.Builder
	b.WriteString("id,text,label\n")
	for i := range rows {
		text := fmt.Sprintf("review number %d", i)
		if i == rows-1 {
			text = last
		}
		fmt.Fprintf(&b, "%d,%q,%d\n", i, text, i%2)
	}
	l.put("datasets/reviews/data/train.csv", b.String())
}

// model writes weights of two tensors.
func (l *lab) model(weight float32) {
	l.t.Helper()
	const header = `{"bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"weight":{"dtype":"F32","shape":[4,2],"data_offsets":[8,40]}}`
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	for i := range 10 {
		b, _ = binary.Append(b, binary.LittleEndian, weight*float32(i))
	}
	l.put("models/sentiment/model.safetensors", string(b))
}
