package drift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// profiled is the profile of a file.
func profiled(t *testing.T, f table.File) table.File {
	t.Helper()
	s, err := profile.Scan(context.Background(), []table.File{f}, profile.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(s.Document([]string{f.Name}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return write(t, f.Name+".json", string(b))
}

// twoFiles are of so many rows, the second with other prices and countries.
func twoFiles(t *testing.T, rows int) [2]table.File {
	t.Helper()
	var a, b strings.Builder
	for i, w := range []*strings.Builder{&a, &b} {
		w.WriteString("price,country,stars,id\n")
		prices, words := draw(uint64(i+1), rows, 10, float64(i)*0.5), letters(uint64(i+5), rows, 3+i)
		for j := range prices {
			fmt.Fprintf(w, "%v,%s,%d,id%d\n", prices[j], words[j], j%5, j)
		}
	}
	return [2]table.File{write(t, "a.csv", a.String()), write(t, "b.csv", b.String())}
}

// Up to profile.MaxDistinct values of a column, its profile is as good as the
// data.
func TestCompleteProfiles(t *testing.T) {
	files := twoFiles(t, 3000)
	for _, method := range []string{"", "ks", "chi-square", "psi"} {
		o := Options{Method: method}
		want := mustCompare(t, files[0], files[1], o)
		got := mustCompare(t, profiled(t, files[0]), profiled(t, files[1]), o)
		for i := range want.Columns {
			if got, want := show(got.Columns[i]), show(want.Columns[i]); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
}

func TestProfiles(t *testing.T) {
	files := twoFiles(t, 12_000)
	profiles := [2]table.File{profiled(t, files[0]), profiled(t, files[1])}
	exact := mustCompare(t, files[0], files[1], Options{})
	for _, pair := range [][2]table.File{profiles, {profiles[0], files[1]}, {files[0], profiles[1]}} {
		r := mustCompare(t, pair[0], pair[1], Options{})
		price, want := r.Columns[0], exact.Columns[0]
		// A bin is a fortieth of a standard deviation's worth of the range here.
		if price.Method != "wasserstein" || math.Abs(*price.Statistic-*want.Statistic) > 0.02 || price.Verdict != want.Verdict || !strings.Contains(price.Convention, "bins of the profiles") {
			t.Errorf("%s %s: %s, want about %s", pair[0].Name, pair[1].Name, show(price), show(want))
		}
		for i := 1; i <= 2; i++ {
			if got, want := show(r.Columns[i]), show(exact.Columns[i]); got != want {
				t.Errorf("all values are known: got %s, want %s", got, want)
			}
		}
		if c := r.Columns[3]; !c.Skipped || !strings.HasPrefix(c.Note, "left out: mo") || r.Verdict == report.Inconclusive {
			t.Error(show(c))
		}
		if c := mustCompare(t, pair[0], pair[1], Options{Columns: []string{"id"}}).Columns[0]; c.Skipped || c.Verdict != report.Inconclusive || !strings.Contains(c.Note, "only the most frequent values") {
			t.Error(show(c))
		}
		for method, undecided := range map[string]bool{"psi": false, "js-distance": false, "kl": false, "tvd": false, "ks": true, "chi-square": true} {
			c := mustCompare(t, pair[0], pair[1], Options{Method: method, Columns: []string{"price"}}).Columns[0]
			if (c.Verdict == report.Inconclusive) != undecided || undecided && !strings.Contains(c.Note, "needs the values") {
				t.Error(show(c))
			}
		}
	}
	for _, method := range []string{"wasserstein", "psi", "hellinger"} {
		if c := mustCompare(t, profiles[0], profiles[0], Options{Method: method, Columns: []string{"price"}}).Columns[0]; c.Verdict != report.Pass || *c.Statistic != 0 {
			t.Error(show(c))
		}
	}
}

// Of a profile from elsewhere nothing is believed that does not add up.
func TestHostileProfiles(t *testing.T) {
	some := csv(t, "some.csv", draw(1, 100, 1, 0))
	for _, column := range []string{
		`"type":"float64","count":100,"histogram":{"edges":[0,1,2],"counts":[50]}`,
		`"type":"float64","count":100,"histogram":{"edges":[0,0],"counts":[100]}`,
		`"type":"float64","count":100,"histogram":{"edges":[0,1,2],"counts":[150,-50]}`,
		`"type":"float64","count":100,"histogram":{"edges":[-1e308,1e308],"counts":[100]}`,
		`"type":"float64","count":100,"histogram":{"edges":[0,1,2],"counts":[9223372036854775807,9223372036854775807]}`,
		`"type":"float64","count":9223372036854775807,"nans":-5,"histogram":{"edges":[0,1],"counts":[9223372036854775807]}`,
		`"type":"int64","count":100,"top":[{"value":"1","count":9223372036854775807},{"value":"2","count":9223372036854775807}]`,
		`"type":"int64","count":-3,"top":[{"value":"1","count":-3}]`,
		`"type":"int64","count":9000000000000000,"top":[{"value":"1","count":9000000000000000}]`,
	} {
		p := write(t, "p.json", `{"apiVersion":"waybill.dev/v1","kind":"Profile","rows":100,"columns":[{"name":"x",`+column+`}]}`)
		for _, method := range []string{"wasserstein", "psi"} {
			c := mustCompare(t, p, some, Options{Method: method, Type: Numeric}).Columns[0]
			if c.Verdict != report.Inconclusive {
				t.Errorf("%s: %s", column, show(c))
			}
		}
	}
	var data *table.DataError
	bad := write(t, "p.json", `{"apiVersion":"waybill.dev/v9","kind":"Profile","rows":1}`)
	if _, err := Compare(context.Background(), bad, some, Options{}); !errors.As(err, &data) || !strings.Contains(err.Error(), "p.json: not a profile") {
		t.Error(err)
	}
	// An array of JSON objects is data.
	rows := write(t, "rows.json", `[`+strings.Repeat(`{"x":1,"kind":"Profile"},`, 10)+`{"x":2,"kind":"Profile"}]`)
	if r := mustCompare(t, rows, rows, Options{}); len(r.Columns) != 2 || r.Verdict != report.Pass {
		t.Error(show(r))
	}
}

func BenchmarkProfiles(b *testing.B) {
	h := &histogram{deviation: 1}
	for i := range 21 {
		h.edges = append(h.edges, float64(i))
	}
	for i := range 20 {
		h.counts = append(h.counts, float64(1000+i))
	}
	s := &Side{rows: 1, columns: map[string]*column{}}
	for i := range 100 {
		name := fmt.Sprint(i)
		s.names = append(s.names, name)
		s.columns[name] = &column{finite: 20190, histogram: h, numbers: counter[float64]{over: true}}
	}
	for b.Loop() {
		for _, n := range s.names {
			compare(n, s, s, &presets[0], Options{})
		}
	}
}
