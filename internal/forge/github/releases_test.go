package github_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
)

func TestReleaseByTag(t *testing.T) {
	said := map[string]any{"id": 1, "tag_name": "m@v1.0.0", "html_url": "https://github.com/acme/reviews/releases/tag/m@v1.0.0"}
	status := http.StatusOK
	a := serve(t, map[string]http.HandlerFunc{"GET /releases/tags/m@v1.0.0": func(w http.ResponseWriter, _ *http.Request) { answer(w, status, said) }})
	if r, err := a.client().ReleaseByTag(t.Context(), "m@v1.0.0"); err != nil || r.ID != 1 || r.URL == "" {
		t.Errorf("%+v, %v", r, err)
	}
	for name, change := range map[string]func(){
		"another tag": func() { said["tag_name"] = "m@v2.0.0" },
		"a draft":     func() { said["tag_name"], said["draft"] = "m@v1.0.0", true },
	} {
		change()
		if _, err := a.client().ReleaseByTag(t.Context(), "m@v1.0.0"); err == nil {
			t.Errorf("%s is taken for the release", name)
		}
	}
	status = http.StatusNotFound
	if _, err := a.client().ReleaseByTag(t.Context(), "m@v1.0.0"); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("%v is not ErrNotFound", err)
	}
	if _, err := a.client().ReleaseByTag(t.Context(), ""); err == nil || errors.Is(err, forge.ErrNotFound) {
		t.Errorf("no tag: %v", err)
	}
}

// TestUpdateDraft never says what becomes of the draft: a release that somebody
// published meanwhile would be one again.
func TestUpdateDraft(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{"PATCH /releases/1": func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"id": 1, "tag_name": "m@v1.0.0", "draft": true, "body": "notes"})
	}})
	r, err := a.client().UpdateDraft(t.Context(), 1, forge.Release{Tag: "m@v1.0.0", Body: "notes", Draft: true})
	if err != nil || r.Body != "notes" {
		t.Errorf("%+v, %v", r, err)
	}
	if sent := strings.Join(a.sent, ""); strings.Contains(sent, "draft") || !strings.Contains(sent, `"body":"notes"`) {
		t.Errorf("sent %s", sent)
	}
}
