package demo

const projectYAML = `apiVersion: waybill.dev/v1
kind: Project
registry: oci-layout:../registry
people:
  ml-leads: [{login: ada, id: 1001}, {login: bob, id: 1002}, {login: carol, id: 1003}]
stages:
  staging: {}
  production:
    from: [staging]
    approvals: {required: 2, from: [ml-leads], exclude: [author, committer], maxAge: 72h}
    rollback: {approvals: {required: 0}}
`

// deployYAML is what production runs, of which waybill writes one value. No
// version is there yet.
const deployYAML = `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: sentiment
spec:
  predictor:
    model:
      modelFormat: {name: safetensors}
      storageUri: oci://registry.example.com/sentiment@sha256:0000000000000000000000000000000000000000000000000000000000000000
`

const datasetYAML = `apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
description: Reviews with a sentiment label.
files:
  train: data/train.csv
  test: data/test.csv
columns:
  - {name: id, type: string, unique: true}
  - {name: text, type: string, nullable: false}
  - {name: label, type: int8, values: [0, 1]}
checks:
  - {check: table.rows, min: 100}
  - {check: text.length, column: text, min: 1, max: 10000, mostly: 0.99}
`

const modelYAML = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
task: text-classification
license: Apache-2.0
card: README.md
files: [model.safetensors, vocab.json]
datasets: {train: "reviews:train", evaluate: "reviews:test"}
interface:
  inputs: [{name: text, type: string, shape: [-1]}]
  outputs: [{name: score, type: float32, shape: [-1]}]
  labels: [negative, positive]
evaluation: {predictions: eval/predictions.csv, key: id, label: label, prediction: prediction, score: score}
gates:
  - {metric: accuracy, min: 0.60}
  - {metric: accuracy, notWorseThan: "#production", margin: 0.05, firstRelease: allow}
checks:
  - {check: files.size, max: 20MB}
deploy:
  production: [{file: /deploy/prod/inference.yaml, key: spec.predictor.model.storageUri, value: "oci://registry.example.com/sentiment@{digest}"}]
`

const card = `---
license: apache-2.0
pipeline_tag: text-classification
---
# sentiment

Tells positive from negative reviews: a logistic regression over hashed unigrams and bigrams.
`
