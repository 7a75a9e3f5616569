package registry_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/registry"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

func TestBlobRange(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 100)
	for name, test := range map[string]struct {
		profile        testregistry.Profile
		offset, length int64
		start          int64
		asked          string
	}{
		"middle":            {testregistry.Generic(), 10, 20, 10, "bytes=10-29"},
		"first byte":        {testregistry.Generic(), 0, 1, 0, "bytes=0-0"},
		"end":               {testregistry.Generic(), 990, 10, 990, "bytes=990-999"},
		"all":               {testregistry.Generic(), 0, 1000, 0, ""},
		"no ranges offered": {testregistry.Profile{NoRange: true}, 10, 20, 0, "bytes=10-29"},
	} {
		t.Run(name, func(t *testing.T) {
			server := testregistry.New(t, testregistry.WithProfile(test.profile))
			repo := openWith(t, server.URL, options())
			desc := pushBlob(t, repo, data)
			r, start, err := repo.BlobRange(t.Context(), desc, test.offset, test.length)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := io.ReadAll(r)
			want := data[test.offset : test.offset+test.length]
			if test.start != test.offset {
				want = data
			}
			if err != nil || start != test.start || !bytes.Equal(got, want) {
				t.Errorf("%d bytes from %d, %v; want %d from %d", len(got), start, err, len(want), test.start)
			}
			if asked := strings.Join(server.Ranges(), " "); asked != test.asked {
				t.Errorf("asked for %q, want %q", asked, test.asked)
			}
		})
	}
}

func TestWrongRanges(t *testing.T) {
	server := testregistry.New(t)
	repo := openWith(t, server.URL, options())
	desc := pushBlob(t, repo, bytes.Repeat([]byte("0123456789"), 1000))
	for kind, want := range map[string]string{
		"shifted":   "206 with bytes 11 to 30 instead of 10 to 29",
		"none":      `206 with Content-Range ""`,
		"multipart": `206 with Content-Range ""`,
		"short":     "206 with 10 bytes instead of 20",
		"long":      "206 with 1020 bytes instead of 20",
		"416":       "416, though the blob has 10000 bytes",
	} {
		server.WrongRange(kind)
		_, _, err := repo.BlobRange(t.Context(), desc, 10, 20)
		wantError(t, err, registry.ErrRange, "read 20 bytes from 10 of blob sha256:", "makes no sense: "+want)
	}
	for _, part := range [][2]int64{{-1, 5}, {0, 0}, {0, -1}, {0, 10001}, {9999, 2}, {1 << 62, 1 << 62}} {
		if _, _, err := repo.BlobRange(t.Context(), desc, part[0], part[1]); err == nil || !strings.Contains(err.Error(), "the blob has 10000 bytes") {
			t.Errorf("%d bytes from %d: %v", part[1], part[0], err)
		}
	}
	_, _, err := repo.BlobRange(t.Context(), describe([]byte("absent")), 1, 2)
	wantError(t, err, registry.ErrNotFound)
}

func TestHostileRanges(t *testing.T) {
	desc := describe(make([]byte, 1000))
	for name, test := range map[string]struct {
		header string
		status int
		length int    // of the body
		want   string // of the error; "" for none
	}{
		"unknown size":    {"bytes 10-29/*", 206, 20, ""},
		"endless":         {"bytes 10-29/1000", 206, 1 << 20, ""},
		"ends early":      {"bytes 10-29/1000", 206, 7, "unexpected EOF"},
		"other blob":      {"bytes 10-29/999", 206, 20, "206 of a blob with 999 bytes instead of 1000"},
		"other unit":      {"lines 10-29/1000", 206, 20, "206 with Content-Range"},
		"backwards":       {"bytes 29-10/1000", 206, 20, "206 with Content-Range"},
		"beyond its size": {"bytes 10-29/20", 206, 20, "206 with Content-Range"},
		"not a number":    {"bytes 10-0x1d/1000", 206, 20, "206 with Content-Range"},
		"negative":        {"bytes -10-29/1000", 206, 20, "206 with Content-Range"},
		"overflow":        {"bytes 10-29/18446744073709551616", 206, 20, "206 with Content-Range"},
		"no size":         {"bytes 10-29", 206, 20, "206 with Content-Range"},
		"one more":        {"bytes 10-30/1000", 206, 21, "206 with bytes 10 to 30 instead of 10 to 29"},
	} {
		repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Range", test.header)
			w.WriteHeader(test.status)
			w.(http.Flusher).Flush() // so that no Content-Length tells
			w.Write(bytes.Repeat([]byte("x"), test.length))
		})
		r, _, err := repo.BlobRange(t.Context(), desc, 10, 20)
		if err == nil {
			var got []byte
			if got, err = io.ReadAll(r); len(got) > 20 {
				t.Errorf("%s: passed on %d bytes", name, len(got))
			}
			r.Close()
		}
		switch {
		case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		case err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }):
			t.Errorf("%s: the message is not clean: %q", name, err)
		case test.want == "unexpected EOF":
			wantError(t, err, registry.ErrUnreachable, "connection lost")
		}
	}
}

// Storage behind a registry gets the range, but not what the registry knows us by.
func TestRangeIsRedirected(t *testing.T) {
	data := []byte("0123456789")
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "" {
			t.Error("the token went to the storage")
		}
		w.Header().Set("Content-Range", "bytes 2-4/10")
		w.WriteHeader(http.StatusPartialContent)
		fmt.Fprint(w, map[string]string{"bytes=2-4": "234"}[req.Header.Get("Range")])
	}))
	defer storage.Close()
	registryServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, _, _ := req.BasicAuth(); user != "ada" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, req, storage.URL+"/signed", http.StatusTemporaryRedirect)
	}))
	defer registryServer.Close()
	reg := openAs(t, strings.TrimPrefix(registryServer.URL, "http://"), "ada", "secret")
	r, start, err := repository(t, reg, "sentiment").BlobRange(t.Context(), describe(data), 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); string(got) != "234" || start != 2 || err != nil {
		t.Errorf("%q from %d, %v", got, start, err)
	}
}

// A download that breaks says so in a way that callers can go on from.
func TestBrokenDownloads(t *testing.T) {
	server := testregistry.New(t)
	repo := openWith(t, server.URL, options())
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	desc := pushBlob(t, repo, data)
	server.CutNextDownload(300_000)
	r, err := repo.Blob(t.Context(), desc)
	if err != nil {
		t.Fatal(err)
	}
	head, err := io.ReadAll(r)
	r.Close()
	wantError(t, err, registry.ErrUnreachable, "read blob", "connection lost")
	n := int64(len(head))
	server.CutNextDownload(100_000)
	r, start, err := repo.BlobRange(t.Context(), desc, n, desc.Size-n)
	if err != nil || start != n {
		t.Fatalf("from %d, %v", start, err)
	}
	_, err = io.ReadAll(r)
	r.Close()
	wantError(t, err, registry.ErrUnreachable, "connection lost")
}
