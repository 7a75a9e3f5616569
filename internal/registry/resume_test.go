package registry_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Whatever a registry says about how much it has, the push ends.
func TestLiesAboutUploads(t *testing.T) {
	f := newFile(t, 4*mib)
	beyond := fmt.Sprintf("0-%d", f.desc.Size)
	for name, test := range map[string]struct {
		put, status, patch func(w http.ResponseWriter)
	}{
		"more than there is":          {status: ranged(204, beyond)},
		"no range":                    {status: ranged(204, "")},
		"not from the beginning":      {status: ranged(204, "5-10")},
		"not a range":                 {status: ranged(204, "0-18446744073709551615")},
		"negative":                    {status: ranged(204, "0--5")},
		"never more":                  {status: ranged(204, "0-1048575"), patch: ranged(202, "0-1048575")},
		"less after more":             {status: ranged(204, "0-1048575"), patch: ranged(202, "0-9")},
		"more than was sent":          {status: ranged(204, "0-1048575"), patch: ranged(202, beyond)},
		"416 at the right offset":     {status: ranged(204, "0-1048575"), patch: ranged(416, "0-1048575")},
		"416 at another offset":       {status: ranged(204, "0-1048575"), patch: ranged(416, "0-2097151")},
		"416 beyond":                  {status: ranged(204, "0-1048575"), patch: ranged(416, beyond)},
		"416 without range":           {status: ranged(204, "0-1048575"), patch: ranged(416, "")},
		"complete, but is not":        {status: ranged(204, fmt.Sprintf("0-%d", f.desc.Size-1))},
		"gone":                        {status: ranged(404, "")},
		"gone, says 400":              {status: ranged(400, "")},
		"no such thing":               {status: ranged(405, "")},
		"page of a portal":            {status: ranged(200, "")},
		"PATCH is gone":               {status: ranged(204, "0-1048575"), patch: ranged(404, "")},
		"PATCH is no method":          {status: ranged(204, "0-1048575"), patch: ranged(501, "")},
		"created, but is not":         {status: ranged(204, "0-1048575"), patch: ranged(201, "")},
		"redirects in circles":        {put: ranged(307, "")},
		"wrong digest, says registry": {put: func(w http.ResponseWriter) { refuse(w, 400, "DIGEST_INVALID") }},
		"wrong size, says registry":   {put: func(w http.ResponseWriter) { refuse(w, 400, "SIZE_INVALID") }},
		"forgets what it began":       {put: func(w http.ResponseWriter) { refuse(w, 404, "BLOB_UPLOAD_UNKNOWN") }},
		"202 to the PUT":              {put: ranged(202, "0-0")},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			var received int64
			repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
				if requests++; requests > 50 {
					t.Error("it does not end")
					panic(http.ErrAbortHandler)
				}
				n, _ := io.Copy(io.Discard, req.Body)
				received += n
				answer := map[string]func(http.ResponseWriter){"PUT": test.put, "GET": test.status, "PATCH": test.patch}[req.Method]
				switch {
				case req.Method == http.MethodPost:
					accept(w, "")
				case answer != nil:
					answer(w)
				case req.Method == http.MethodHead:
					w.WriteHeader(http.StatusNotFound)
				default:
					w.WriteHeader(http.StatusBadGateway)
				}
			})
			if err := repo.PushBlob(t.Context(), f.desc, f.open); err == nil {
				t.Error("the push claims to have worked")
			}
			if received > 7*f.desc.Size {
				t.Errorf("sent %d bytes for a blob of %d", received, f.desc.Size)
			}
		})
	}
}

// After a lie the upload begins again, and nothing is closed that has not all
// its bytes.
func TestUploadAfterALie(t *testing.T) {
	f := newFile(t, 4*mib)
	beyond := fmt.Sprintf("0-%d", f.desc.Size)
	for name, test := range map[string]struct{ status, patch string }{
		"status beyond the end": {beyond, ""},
		"PATCH beyond the end":  {"0-1048575", beyond},
	} {
		uploads, got := 0, int64(0)
		repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
			n, _ := io.Copy(io.Discard, req.Body)
			switch req.Method {
			case http.MethodPost:
				uploads++
				accept(w, "")
			case http.MethodGet:
				ranged(204, test.status)(w)
			case http.MethodPatch:
				accept(w, test.patch)
			case http.MethodHead:
				w.WriteHeader(http.StatusNotFound)
			case http.MethodPut:
				if uploads == 1 && n > 0 {
					panic(http.ErrAbortHandler)
				}
				got = n
				w.WriteHeader(http.StatusCreated)
			}
		})
		if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil || got != f.desc.Size || uploads != 2 {
			t.Errorf("%s: %v; closed after %d bytes of upload %d", name, err, got, uploads)
		}
	}
}

// "0-0" says nothing about what is there, so it is the size that a registry
// refuses which says so to the first PATCH.
func TestSmallPatchIsLearnedAtTheBeginning(t *testing.T) {
	f := newFile(t, 10*mib)
	var got []int64
	opts := options()
	opts.Chunk = 6 * mib
	repo := hostileWith(t, opts, func(w http.ResponseWriter, req *http.Request) {
		n, _ := io.Copy(io.Discard, req.Body)
		switch req.Method {
		case http.MethodPost:
			accept(w, "")
		case http.MethodGet:
			ranged(204, "0-0")(w)
		case http.MethodPatch:
			if got = append(got, n/mib); n > 4*mib {
				ranged(416, "0-0")(w)
				return
			}
			accept(w, "")
		case http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		}
	})
	if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil || fmt.Sprint(got) != "[6 4 4 2]" {
		t.Errorf("%v after PATCHes of %v MiB, want [6 4 4 2]", err, got)
	}
}

// A location cannot tell us who to be.
func TestLocationWithPassword(t *testing.T) {
	f := newFile(t, mib)
	repo := hostile(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "" {
			t.Errorf("%s with %q", req.Method, req.Header.Get("Authorization"))
		}
		io.Copy(io.Discard, req.Body)
		w.Header().Set("Location", "http://eve:secret@"+req.Host+"/upload")
		w.WriteHeader(map[string]int{http.MethodPost: 202, http.MethodPut: 201}[req.Method])
	})
	if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil {
		t.Fatal(err)
	}
}

func ranged(status int, span string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if span != "" {
			w.Header().Set("Range", span)
		}
		if status != 201 {
			w.Header().Set("Location", "/upload/1")
		}
		w.WriteHeader(status)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"no"}]}`, code)
}

// Bytes that were damaged on their way are sent again.
func TestDamagedOnItsWay(t *testing.T) {
	f := newFile(t, mib)
	puts := 0
	repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
		switch io.Copy(io.Discard, req.Body); req.Method {
		case http.MethodPost:
			accept(w, "")
		case http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case http.MethodPut:
			if puts++; puts == 1 {
				refuse(w, http.StatusBadRequest, "DIGEST_INVALID")
				return
			}
			w.WriteHeader(http.StatusCreated)
		}
	})
	if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil || puts != 2 {
		t.Errorf("%v after %d tries", err, puts)
	}
}

// A PATCH from the beginning that is refused believes where the registry is.
func TestEmptyRangeThatWasNotEmpty(t *testing.T) {
	f := newFile(t, 3*mib)
	var pieces []string
	patches := 0
	opts := options()
	opts.Chunk = 2 * mib
	repo := hostileWith(t, opts, func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		if span := req.Header.Get("Content-Range"); span != "" {
			pieces = append(pieces, span)
		}
		switch req.Method {
		case http.MethodPost:
			accept(w, "")
		case http.MethodGet:
			ranged(204, "0-0")(w)
		case http.MethodPatch:
			switch patches++; patches {
			case 1:
				panic(http.ErrAbortHandler)
			case 2:
				ranged(416, "0-999")(w)
			default:
				accept(w, "")
			}
		case http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		}
	})
	if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil {
		t.Fatal(err)
	}
	if want := "[0-2097151 0-2097151 1000-2098151 2098152-3145727]"; fmt.Sprint(pieces) != want {
		t.Errorf("sent %v, want %s", pieces, want)
	}
}

// A registry may ask for pieces of a certain size at least.
func TestSmallestPiece(t *testing.T) {
	f := newFile(t, 11*mib)
	for least, want := range map[string]string{"5242880": "[5 5 1]", "1024": "[4 4 3]", "-1": "[4 4 3]", "x": "[4 4 3]", "9223372036854775808": "[11]"} {
		var got []int64
		opts := options()
		opts.Chunk = 4 * mib
		repo := hostileWith(t, opts, func(w http.ResponseWriter, req *http.Request) {
			n, _ := io.Copy(io.Discard, req.Body)
			switch req.Method {
			case http.MethodPost:
				w.Header().Set("OCI-Chunk-Min-Length", least)
				accept(w, "")
			case http.MethodPatch:
				got = append(got, n/mib)
				accept(w, "")
			case http.MethodPut:
				w.WriteHeader(http.StatusCreated)
			}
		})
		if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil || fmt.Sprint(got) != want {
			t.Errorf("at least %s: %v after PATCHes of %v MiB, want %s", least, err, got, want)
		}
	}
}

// Signed locations are used as they came, newest first.
func TestLocationIsKeptByteForByte(t *testing.T) {
	f := newFile(t, mib)
	var asked []string
	n := 0
	repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodHead {
			asked = append(asked, req.Method+" "+req.RequestURI)
		}
		n++
		w.Header().Set("Location", fmt.Sprintf("/up%%2Fload/%d?sig=a%%2fb+c%%3D&b=2&a=1;x", n))
		switch req.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
		case http.MethodGet:
			ranged(204, "0-1023")(w)
		case http.MethodPatch:
			io.Copy(io.Discard, req.Body)
			w.WriteHeader(http.StatusAccepted)
		case http.MethodPut:
			if n, _ := io.Copy(io.Discard, req.Body); n > 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusCreated)
		}
	})
	err := repo.PushBlob(t.Context(), f.desc, f.open)
	digest := strings.Replace(f.desc.Digest.String(), ":", "%3A", 1)
	want := []string{
		"POST /v2/sentiment/blobs/uploads/",
		"PUT /up%2Fload/1?sig=a%2fb+c%3D&b=2&a=1;x&digest=" + digest,
		"GET /up%2Fload/1?sig=a%2fb+c%3D&b=2&a=1;x",
		"PATCH /upload/1",
		"PUT /up%2Fload/4?sig=a%2fb+c%3D&b=2&a=1;x&digest=" + digest,
	}
	if err != nil || strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v\n%s\nwant\n%s", err, strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
}
