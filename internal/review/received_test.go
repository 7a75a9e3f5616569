package review

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/report"
)

type entry struct {
	name, content string
	mode          fs.FileMode
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode | 0o644)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStoryIn(t *testing.T) {
	story := entry{name: "review.json", content: "{}"}
	for name, c := range map[string]struct {
		data []byte
		want string // of the error, "" for none
	}{
		"alone":            {zipOf(t, story), ""},
		"beside others":    {zipOf(t, entry{name: "../../etc/passwd", content: "x"}, entry{name: "/a", content: "x"}, story, entry{name: `..\b`}), ""},
		"none":             {zipOf(t), "no file review.json"},
		"in a folder":      {zipOf(t, entry{name: "a/review.json"}), "no file review.json"},
		"leads out":        {zipOf(t, entry{name: "../review.json"}, entry{name: "./review.json"}, entry{name: "REVIEW.JSON"}), "no file review.json"},
		"twice":            {zipOf(t, story, story), "two files"},
		"a link":           {zipOf(t, entry{name: "review.json", content: "/etc/passwd", mode: fs.ModeSymlink}), "is no file"},
		"no zip":           {[]byte("PK\x03\x04 and nothing"), "no zip"},
		"empty":            {nil, "no zip"},
		"cut off":          {zipOf(t, story)[:40], "no zip"},
		"damaged contents": {damaged(zipOf(t, entry{name: "review.json", content: strings.Repeat("abc", 100)})), "review.json in it"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := storyIn(c.data)
			switch {
			case c.want == "" && (err != nil || string(out) != "{}"):
				t.Errorf("got %q, %v", out, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func damaged(data []byte) []byte {
	data[len("review.json")+32] ^= 0xff
	return data
}

// A few kilobytes may unpack to gigabytes: no more is read than is looked at.
func TestStoryInBomb(t *testing.T) {
	out, err := storyIn(zipOf(t, entry{name: "review.json", content: strings.Repeat("0", 64<<20)}))
	if err != nil || len(out) != MaxJSON+1 {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	if _, err := Parse(out); err == nil {
		t.Error("Parse takes what is too long")
	}
}

type runForge struct {
	artifacts  []forge.Artifact
	data       []byte
	downloaded int64
	pulls      []forge.PullRequest
}

func (f *runForge) RunArtifacts(context.Context, int64) ([]forge.Artifact, error) {
	return f.artifacts, nil
}

func (f *runForge) DownloadArtifact(_ context.Context, id, _ int64) ([]byte, error) {
	f.downloaded = id
	return f.data, nil
}

func (f *runForge) PullRequestsByHead(context.Context, string, string) ([]forge.PullRequest, error) {
	return f.pulls, nil
}

func TestReceived(t *testing.T) {
	text, err := (&Story{APIVersion: report.APIVersion, Kind: Kind, Head: strings.Repeat("1", 40), Verdict: report.Pass, Artifacts: []Artifact{}, Findings: []report.Finding{}}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	data := zipOf(t, entry{name: "review.json", content: string(text)})
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	f := &runForge{data: data, artifacts: []forge.Artifact{
		{ID: 9, Name: "other"}, {ID: 3, Name: "r"}, {ID: 5, Name: "r", Digest: digest}, {ID: 4, Name: "r"}, {ID: 8, Name: "r", Expired: true}}}
	out, err := Received(t.Context(), f, 1, "r")
	if err != nil || out == nil || f.downloaded != 5 {
		t.Errorf("%v of artifact %d, %v; want the newest that is there", out, f.downloaded, err)
	}
	if out, err := Received(t.Context(), f, 1, "none"); out != nil || err != nil {
		t.Errorf("an artifact that there is not: %v, %v", out, err)
	}
	whole := f.data
	f.data = zipOf(t, entry{name: "review.json", content: `{"kind": "Review", "surprise": 1}`})
	f.artifacts = []forge.Artifact{{ID: 1, Name: "r"}}
	if _, err := Received(t.Context(), f, 1, "r"); err == nil || !strings.Contains(err.Error(), "artifact \"r\" of run 1: read the review") {
		t.Errorf("no story: %v", err)
	}
	f.data = whole
	f.artifacts = []forge.Artifact{{ID: 1, Name: "r", Digest: "sha256:" + strings.Repeat("0", 64)}}
	if _, err := Received(t.Context(), f, 1, "r"); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("other bytes: %v", err)
	}
	f.artifacts, f.downloaded = []forge.Artifact{{ID: 1, Name: "r", Size: zipLimit + 1}}, 0
	if _, err := Received(t.Context(), f, 1, "r"); err == nil || f.downloaded != 0 {
		t.Errorf("a large one is downloaded: %v", err)
	}
}

func TestPullRequestOf(t *testing.T) {
	const sha, other = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222"
	run := RunHead{Owner: "mallory", Repo: "reviews", Branch: "patch", SHA: sha}
	pull := func(n int, sha, owner, repo string) forge.PullRequest {
		return forge.PullRequest{Number: n, Head: forge.Branch{SHA: sha, Ref: "patch", Owner: owner, Repo: repo}}
	}
	for name, c := range map[string]struct {
		pulls  []forge.PullRequest
		want   int // 0: none
		failed bool
	}{
		"one":                {[]forge.PullRequest{pull(1, sha, "mallory", "reviews")}, 1, false},
		"case of names":      {[]forge.PullRequest{pull(1, sha, "Mallory", "Reviews")}, 1, false},
		"none":               {nil, 0, false},
		"has moved on":       {[]forge.PullRequest{pull(1, other, "mallory", "reviews")}, 0, false},
		"of another owner":   {[]forge.PullRequest{pull(1, sha, "eve", "reviews")}, 0, false},
		"of another fork":    {[]forge.PullRequest{pull(1, sha, "mallory", "reviews-2")}, 0, false},
		"deleted repository": {[]forge.PullRequest{pull(1, sha, "", "")}, 0, false},
		"two with one head":  {[]forge.PullRequest{pull(1, sha, "mallory", "reviews"), pull(2, sha, "mallory", "reviews")}, 0, true},
		"one of two":         {[]forge.PullRequest{pull(1, other, "mallory", "reviews"), pull(2, sha, "mallory", "reviews")}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			pr, err := PullRequestOf(t.Context(), &runForge{pulls: c.pulls}, run)
			got := 0
			if pr != nil {
				got = pr.Number
			}
			if got != c.want || (err != nil) != c.failed {
				t.Errorf("pull request %d, %v", got, err)
			}
		})
	}
	gone := RunHead{Branch: "patch", SHA: sha}
	if pr, err := PullRequestOf(t.Context(), &runForge{pulls: []forge.PullRequest{pull(1, sha, "", "")}}, gone); pr != nil || err != nil {
		t.Errorf("a fork that was deleted: %v, %v", pr, err)
	}
}
