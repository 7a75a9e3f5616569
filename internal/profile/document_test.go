package profile

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestReadStates: states are read as encoding/json alone would read them.
func TestReadStates(t *testing.T) {
	const head = `{"apiVersion":"waybill.dev/v1","kind":"Profile","rows":3,`
	for _, columns := range []string{
		`[{"name":"a","state":"AQID"},{"name":"b","state":""}, {"state": "BAUG" ,"name":"c"}]`,
		"[{\"name\":\"a\",\n\t\"state\":\"AQID\"}]",
		`[{"name":"a","state" :"AQID"},{"name":"b","State":"BAUG"},{"name":"c","st\u0061te":"BAUG"}]`,
		`[{"name":"a","state":"\u0041Q\/D"},{"name":"b","state":null},{"name":"c"}]`,
		`[{"name":" \"state\":\"AQID\"","min":"{\"state\":\"AQID\"}","state":"AQID"}]`,
		`[{"name":"a","state":"AQID","state":"BAUG"}]`,
		`[{"name":"a","state":"/wkAAAA="},{"name":"b","state":"/wAAAAA="}]`,
	} {
		text := head + `"state":"BBBB","columns":` + columns + "}"
		want := &Document{}
		if err := json.Unmarshal([]byte(text), want); err != nil {
			t.Fatal(err)
		}
		got, err := Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", columns, err)
			continue
		}
		for i := range want.Columns {
			if g, w := &got.Columns[i], &want.Columns[i]; len(g.State)+len(w.State) == 0 {
				g.State, w.State = nil, nil
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", columns, got.Columns, want.Columns)
		}
	}
	for _, columns := range []string{`[{"name":"a","state":"A!"}]`, `[{"name":"a","state":"AQID`, `[{"name":"a","state":`, `[{"name":"x,"state":"AQID"}]`, `[{"name":"a","state":7}]`} {
		if _, err := Read(strings.NewReader(head + `"columns":` + columns + "}")); err == nil || !strings.Contains(err.Error(), "not a profile") {
			t.Errorf("%s: %v", columns, err)
		}
	}
}

// BenchmarkRead reads the profile of a hundred columns.
func BenchmarkRead(b *testing.B) {
	d := &Document{APIVersion: APIVersion, Kind: Kind}
	for _, s := range fuzzSeeds(b)[:10] {
		for range 10 {
			d.Columns = append(d.Columns, DocumentColumn{Name: "c", State: s})
		}
	}
	text, err := json.Marshal(d)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
