package metric

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// readCases reads what a script under testdata wrote.
func readCases[T any](t *testing.T, name string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if len(out) < 100 {
		t.Fatalf("%s has only %d cases", name, len(out))
	}
	return out
}

// compare holds a metric to a reference; nil where it must be undefined.
func compare(t *testing.T, name string, s *Sample, want *float64) {
	t.Helper()
	m, err := Find(name, s.Task)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Value(s)
	switch {
	case want == nil && !errors.As(err, new(*Undefined)):
		t.Errorf("%s = %v (error %v), want it to be undefined", name, got, err)
	case want != nil && (err != nil || !close9(got, *want)):
		t.Errorf("%s = %.12g (error %v), want %.12g", name, got, err, *want)
	case err == nil && (got < m.Low || got > m.High):
		t.Errorf("%s = %v is not from %v to %v", name, got, m.Low, m.High)
	}
}

// weighted computes a metric on weighted rows, NaN where it is undefined.
func weighted(t *testing.T, name string, s *Sample, weight []uint32) float64 {
	t.Helper()
	m, err := Find(name, s.Task)
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.Whole(s)
	if errors.As(err, new(*Undefined)) {
		return math.NaN()
	} else if err != nil {
		t.Fatal(err)
	}
	return w.Value(weight)
}

func close9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }

// undefinedAs asks for the reason why a metric has no value.
func undefinedAs(t *testing.T, name string, s *Sample, want string) {
	t.Helper()
	m, err := Find(name, s.Task)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := m.Value(s); err == nil || err.Error() != want {
		t.Errorf("%s = %v, %v\nwant: %s", name, v, err, want)
	}
}
