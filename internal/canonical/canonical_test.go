package canonical

import "testing"

func TestMarshal(t *testing.T) {
	for _, c := range []struct {
		name string
		in   any
		want string
	}{
		{"keys sorted", map[string]any{"b": 1, "a": []any{true, nil}}, `{"a":[true,null],"b":1}`},
		{"no HTML escaping", map[string]string{"q": "<a>&b"}, `{"q":"<a>&b"}`},
		// RFC 8785 appendix B: numbers as ECMAScript prints them.
		{"numbers", []float64{1e30, 4.5, 2e-3, 1e-27, 100}, `[1e+30,4.5,0.002,1e-27,100]`},
		// RFC 8785 section 3.2.3: UTF-16 order puts U+1F600 before U+FB33.
		{"UTF-16 order", map[string]int{"\ufb33": 1, "\U0001f600": 2}, "{\"\U0001f600\":2,\"\ufb33\":1}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Marshal(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestMarshalIndent(t *testing.T) {
	got, err := MarshalIndent(map[string]any{"b": []int{}, "a": map[string]int{"x": 1}})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"a\": {\n    \"x\": 1\n  },\n  \"b\": []\n}\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMarshalRefusesNaN(t *testing.T) {
	nan := 0.0
	if _, err := Marshal(nan / nan); err == nil {
		t.Error("NaN was written")
	}
}
