package datadiff

import "testing"

func TestMeans(t *testing.T) {
	for _, c := range []struct {
		from, to float64
		want     string
	}{
		{0.486500519, 0.600697906, "0.4865 → 0.6007"},
		{0.486500519, 0.486511111, "0.4865 → 0.48651"},
		{99.5, 199.5, "99.5 → 199.5"},
		{1234567.25, 1234999, "1234567 → 1234999"},
		{0, 0.000123456789, "0 → 0.0001235"},
		{-2.000000001, -2, "-2.000000001 → -2"},
		{1e300, 2.34567891e300, "1e+300 → 2.34567891e+300"},
		{5, 5, "5"},
	} {
		if got := means(&Pair[*float64]{From: &c.from, To: &c.to}); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	five := 5.0
	if got := means(&Pair[*float64]{To: &five}); got != "– → 5" {
		t.Error(got)
	}
}
