package render

import "testing"

func TestInertCommits(t *testing.T) {
	for in, want := range map[string]string{
		"at 1a2b3c4d5e6f.": "at <code>1a2b3c4d5e6f</code>.",
		"1234567":          "1234567", // a number
		"abcdef":           "abcdef",  // too short
		"x1a2b3c4d":        "x1a2b3c4d",
		"1a2b3c4dx":        "1a2b3c4dx",
		"1a2b3c4d-1a2b3c4": "<code>1a2b3c4d</code>-<code>1a2b3c4</code>",
		// as long as a content digest
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	} {
		if got := Inert(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
