package registry_test

import (
	"net/http"
	"testing"

	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

func TestMount(t *testing.T) {
	server := testregistry.New(t, testregistry.WithBearerAuth("ada", "secret"))
	reg := openAs(t, server.URL+"/acme", "ada", "secret")
	from, to := repository(t, reg, "from"), repository(t, reg, "to")
	desc := pushBlob(t, from, []byte("weights"))
	if done, err := to.Mount(t.Context(), desc, "from"); err != nil || !done {
		t.Fatalf("Mount = %v, %v", done, err)
	}
	if has, err := to.HasBlob(t.Context(), desc); err != nil || !has {
		t.Errorf("HasBlob = %v, %v", has, err)
	}
	// That there is nothing to mount says nothing about the host.
	before := requests(server, "POST")
	for range 3 {
		for _, name := range []string{"from", "nobody"} {
			if done, err := to.Mount(t.Context(), describe([]byte("absent")), name); err != nil || done {
				t.Fatalf("Mount of nothing = %v, %v", done, err)
			}
		}
	}
	if n := requests(server, "POST") - before; n != 0 {
		t.Errorf("asked %d times for what is not there", n)
	}
	second := pushBlob(t, from, []byte("more weights"))
	if done, err := to.Mount(t.Context(), second, "from"); err != nil || !done {
		t.Errorf("Mount = %v, %v", done, err)
	}
	if _, err := to.Mount(t.Context(), desc, "../from"); err == nil {
		t.Error("a name that is none: accepted")
	}
}

func TestMountIsGivenUp(t *testing.T) {
	server := testregistry.New(t, testregistry.WithProfile(testregistry.Profile{NoMount: true}))
	reg := open(t, server.URL, "")
	desc := pushBlob(t, repository(t, reg, "from"), []byte("weights"))
	before := requests(server, "POST")
	for range 5 {
		if done, err := repository(t, reg, "to").Mount(t.Context(), desc, "from"); err != nil || done {
			t.Fatalf("Mount = %v, %v", done, err)
		}
	}
	if n := requests(server, "POST") - before; n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	if n := requests(server, "DELETE /v2/to/blobs/uploads/"); n != 2 {
		t.Errorf("%d of 2 uploads were taken back", n)
	}
	for _, status := range []int{401, 403, 404, 405} {
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodHead {
				w.Header().Set("Content-Length", "7")
				return
			}
			w.WriteHeader(status)
		})
		if done, err := repo.Mount(t.Context(), desc, "from"); err != nil || done {
			t.Errorf("%d: Mount = %v, %v", status, done, err)
		}
	}
	server.Down(true)
	other := open(t, server.URL, "")
	_, err := repository(t, other, "to").Mount(t.Context(), desc, "from")
	wantError(t, err, registry.ErrUnreachable, "look for blob")
}
