package manifest

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// APIVersion is the only value that apiVersion may have.
const APIVersion = "waybill.dev/v1"

// Kind is the kind of a document.
type Kind string

const (
	KindProject Kind = "Project"
	KindModel   Kind = "Model"
	KindDataset Kind = "Dataset"
)

// File names by which documents are found, anywhere in the tree except for
// the project, which is at the root.
const (
	ProjectFile = "waybill.yaml"
	ModelFile   = "model.yaml"
	DatasetFile = "dataset.yaml"
)

// Pos is a place in a document. Line and Column start at 1.
type Pos struct {
	File         string // slash-separated, relative to the repository's root
	Line, Column int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Location is p as findings carry it.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (p Pos) Location() *report.Location {
	return &report.Location{File: p.File, Line: p.Line, Column: p.Column}
}

// Project is waybill.yaml.
type Project struct {
	Registry string // "ghcr.io/acme/reviews" or "oci-layout:DIR"
	People   map[string][]Person
	Stages   []Stage // as written
	Samples  Samples
	Freezes  []Freeze
	Contacts map[string]string
	// Digest is the digest of the file's bytes: the policy digest of events.
	Digest ref.Digest
}

// Stage returns the stage called name.
func (p *Project) Stage(name string) (Stage, bool) {
	for _, s := range p.Stages {
		if s.Name == name {
			return s, true
		}
	}
	return Stage{}, false
}

// StageNames returns the names as written.
func (p *Project) StageNames() []string {
	names := make([]string, len(p.Stages))
	for i, s := range p.Stages {
		names[i] = s.Name
	}
	return names
}

// Person is somebody who may approve. IDs are numeric and never reused;
// logins can be.
type Person struct {
	Login string
	ID    int64
}

// Stage is a named place that a version is assigned to, with its gate.
type Stage struct {
	Name        string
	From        []string      // the version must have been assigned to one of these
	Soak        time.Duration // for at least this long
	Environment string
	Approvals   Approvals
	Requires    []string  // check groups, see report.Group…
	Rollback    Approvals // of a rollback; the same as Approvals unless it was given
	// RollbackSoak is how long a version must have stayed for a rollback to go
	// back to it.
	RollbackSoak time.Duration
	Pos          Pos
}

// Approvals says how many people out of which groups must agree.
type Approvals struct {
	Required int
	From     []string
	Exclude  []string // author, committer, dispatcher
	MaxAge   time.Duration
}

// Samples says how much of a row may be shown.
type Samples string

const (
	SamplesNone   Samples = "none"
	SamplesMasked Samples = "masked"
	SamplesFull   Samples = "full"
)

// Freeze is a span of days, both included, in UTC, in which nothing but what
// Allow names may enter a stage.
type Freeze struct {
	From, To time.Time // midnight UTC of the first and the last day
	Allow    []string  // "promote", "rollback", "register"
	Pos      Pos
}

// Artifact is model.yaml or dataset.yaml. Exactly one of Model and Dataset is
// set, as Kind says.
type Artifact struct {
	Kind        Kind
	Name        string
	Path        string // slash-separated, relative to the repository's root
	Description string
	License     string
	Owners      []string
	Files       []FileSet
	Checks      []CheckSpec
	Model       *Model
	Dataset     *Dataset
	// Digest is the digest of the file's bytes.
	Digest ref.Digest
	Pos    Pos // of the document

	uses []use // what Project.Check looks at
}

// Dir returns the manifest's folder, "." for the root.
func (a *Artifact) Dir() string { return path.Dir(a.Path) }

// LockPath returns where the lock stands: beside the manifest.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (a *Artifact) LockPath() string {
	return strings.TrimSuffix(a.Path, ".yaml") + ".lock.json"
}

// Resolve turns a path as manifests write it (relative to the manifest, or
// with a leading "/" to the root) into one relative to the repository's root.
// It does not clean ".." away when that leaves the root: the parser refuses
// such paths.
func (a *Artifact) Resolve(p string) string {
	if rest, ok := strings.CutPrefix(p, "/"); ok {
		return path.Clean(rest)
	}
	return path.Join(a.Dir(), p)
}

// FileSet is the files of a split, or of the whole artifact when Split is "".
type FileSet struct {
	Split    string
	Patterns []Pattern
}

// Pattern is one file name or glob ("*", "?", "[…]", "{a,b}", "**").
type Pattern struct {
	Glob string
	Pos  Pos
}

// Dataset is what only dataset.yaml has.
type Dataset struct {
	Layout  Layout
	CSV     CSV
	Columns []Column
}

// CSV says how CSV files are written; what is zero is found out. Its fields are
// those of the reader's dialect, so that it converts.
type CSV struct {
	Delimiter byte
	Quote     byte
	Encoding  string
	NoHeader  bool
}

// Layout says how a dataset's files become layers.
type Layout string

const (
	LayoutAuto   Layout = "auto" // packed past 400 files
	LayoutPlain  Layout = "plain"
	LayoutPacked Layout = "packed"
)

// Column declares a column and, in short form, checks on it.
type Column struct {
	Name        string
	Type        string // as in ColumnTypes
	Description string
	Nullable    *bool
	Unique      bool
	Values      []any // string, int64, float64 or bool
	Min, Max    *float64
	Pos         Pos
}

// ColumnTypes are the values of a column's type.
var ColumnTypes = []string{
	"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
	"float32", "float64", "decimal", "string", "bytes", "date", "timestamp", "list", "struct",
}

// CheckSpec is one entry of checks:.
type CheckSpec struct {
	Check    string
	Severity report.Severity
	Mostly   *float64 // share of rows that must hold, in (0, 1]
	Where    string   // row filter, an expression
	GroupBy  []string
	Columns  []string       // from column: or columns:
	Splits   []string       // from split:, splits: or between:
	Params   map[string]any // the catalog's parameters: string, int64, float64, bool, []any, map[string]any
	Pos      Pos
}

// Model is what only model.yaml has.
type Model struct {
	Task        string
	Card        string // relative to the manifest
	Code        []string
	Datasets    []DatasetUse
	Environment Environment
	Interface   Interface
	Evaluation  *Evaluation
	Gates       []Gate
	Deploy      map[string][]DeployTarget
	Kubernetes  bool // push stores a container image as well
	// Compatibility says which changes of the interface count as breaks.
	Compatibility Compatibility
	// Ignore allows findings of the security scan.
	Ignore []Waiver
}

// Waiver allows findings of one rule in some files, for a while and for a reason.
type Waiver struct {
	Rule   string
	Path   string // a glob over files of the model; "" is all
	Reason string
	// Expires is midnight UTC of the first day on which it does not hold.
	Expires time.Time
	By      string
	Pos     Pos
}

// Compatibility is which rules about the interface are in use. The rules are
// those of the package compat; the schema lists their IDs.
type Compatibility struct {
	Use    string // STRICT, CLIENT or SEMANTIC; "" is CLIENT
	Except []string
	Ignore []CompatibilityIgnore
	Pos    Pos
}

// CompatibilityIgnore lets one rule pass for one input, output, label or
// domain, or for all when Name is "".
type CompatibilityIgnore struct {
	Rule, Name, Reason string
	Pos                Pos
}

// DatasetUse is one entry of datasets:, by role ("train", "evaluate").
type DatasetUse struct {
	Role string
	Ref  ref.Reference
	Pos  Pos
}

// Environment is what the model was trained in.
type Environment struct {
	Lockfiles []string
	Image     string
}

// Interface is what callers rely on.
type Interface struct {
	Inputs  []Port   `json:"inputs,omitempty"`
	Outputs []Port   `json:"outputs,omitempty"`
	Labels  []string `json:"labels,omitempty"`
}

// IsZero tells whether no interface was declared.
func (i Interface) IsZero() bool {
	return len(i.Inputs) == 0 && len(i.Outputs) == 0 && len(i.Labels) == 0
}

// Port is an input or output tensor. A dimension of -1 is free.
type Port struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Shape []int64 `json:"shape,omitempty"`
}

// Evaluation says where predictions on held-out rows stand.
type Evaluation struct {
	Predictions string // relative to the manifest
	Key         string // column that identifies a row
	Label       string // column of the truth
	Prediction  string // column of the predicted label or value
	Score       string // column of the score, optional
	Positive    any    // label that counts as positive; nil: 1, true or "positive"
	Slices      []string
	Task        string            // what the model answers; "" as the columns look
	Scores      map[string]string // column of each class's score, by class
	Threshold   *float64          // score from which on the answer is the positive class; nil: 0.5
	Query       string            // column that names the query of a row
	Cluster     string            // column that names what makes rows depend on each other
	Search      []string          // columns among which the worst slices are looked for
	Pos         Pos
}

// Gate is one entry of gates:.
type Gate struct {
	Metric       string
	Min, Max     *float64
	NotWorseThan *ref.Reference
	BetterThan   *ref.Reference
	Margin       *float64
	Relative     *float64 // margin as a share of |baseline|
	Confidence   float64  // default 0.95
	// Sure tells that the manifest names the confidence: then the interval, not
	// the value, must hold against Min and Max.
	Sure           bool
	Slices         []string
	PerSlice       *PerSlice
	FirstRelease   string // "allow" or "" (refuse)
	OnInconclusive string // "fail" (default) or "warn"
	Severity       report.Severity
	Pos            Pos
}

// PerSlice overrides a gate's rule inside slices.
type PerSlice struct {
	MinRows int64
	Margin  *float64
}
