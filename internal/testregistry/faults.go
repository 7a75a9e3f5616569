package testregistry

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// faults are what tests asked for. Registry.mu guards them.
type faults struct {
	failures       []failure
	cutUploads     []int64 // of the next bodies: bytes until the connection breaks
	cutDownloads   []int64
	expireToken    bool
	location       string
	wrongRange     string
	bytesPerSecond int64
	damaged        map[string]damage
}

// failure answers the next n requests whose "METHOD PATH" contains matching.
type failure struct {
	matching   string
	n, status  int
	retryAfter string
}

// damage is how what is served differs from what was pushed.
type damage int

const (
	intact damage = iota
	corrupt
	truncated
	oversize
)

// excess is what oversize adds: enough to pass every limit on manifests.
const excess = 5 << 20

// FailNext answers the next n requests with status and nothing else.
func (r *Registry) FailNext(n, status int) { r.FailMatching("", n, status) }

// FailMatching is FailNext for requests such as "PUT /v2/acme/m/manifests/v1"
// that contain substring. Each substring is counted on its own.
func (r *Registry) FailMatching(substring string, n, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	failures := slices.DeleteFunc(r.faults.failures, func(f failure) bool { return f.matching == substring })
	r.faults.failures = append(failures, failure{matching: substring, n: n, status: status})
}

// RetryAfter makes the failures asked for last carry the header.
func (r *Registry) RetryAfter(value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.faults.failures); n > 0 {
		r.faults.failures[n-1].retryAfter = value
	}
}

// CutNextUpload resets the connection of the next body of a blob once that
// many bytes arrived, or when a shorter body ends. Those bytes are kept.
func (r *Registry) CutNextUpload(after int64) { r.CutUploads(1, after) }

// CutUploads does what CutNextUpload does to the next n bodies, after those
// that were asked for before.
func (r *Registry) CutUploads(n int, after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.cutUploads = append(r.faults.cutUploads, slices.Repeat([]int64{after}, n)...)
}

// CutNextDownload closes the connection of the next GET of a blob after that
// many bytes of its body.
func (r *Registry) CutNextDownload(after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.cutDownloads = append(r.faults.cutDownloads, after)
}

// ExpireTokenDuringUpload reads the next body of a blob, throws it away, makes
// all tokens invalid and answers 401.
func (r *Registry) ExpireTokenDuringUpload() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.expireToken = true
}

// WrongLocation begins the next upload with that Location.
func (r *Registry) WrongLocation(url string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.location = url
}

// WrongRange makes answers to range requests wrong until it is called with "":
//
//	shifted    206, the Content-Range is that of the bytes one further
//	none       206 without Content-Range
//	multipart  206 as multipart/byteranges
//	short      206 with half of the bytes that Content-Range says
//	long       206 with 1000 bytes more
//	416        the range cannot be satisfied
func (r *Registry) WrongRange(kind string) {
	if kind != "" && !slices.Contains([]string{"shifted", "none", "multipart", "short", "long", "416"}, kind) {
		panic("test registry: no such wrong range: " + kind)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.wrongRange = kind
}

// Slow sends and receives the bytes of blobs at that speed, each body on its
// own; 0 is full speed.
func (r *Registry) Slow(bytesPerSecond int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.bytesPerSecond = bytesPerSecond
}

// Corrupt serves wrong bytes, of the right length, for the blob or manifest.
func (r *Registry) Corrupt(digest string) { r.damage(digest, corrupt) }

// Truncate serves only half of the blob or manifest. HEAD says what it was.
func (r *Registry) Truncate(digest string) { r.damage(digest, truncated) }

// Oversize serves 5 MiB more than the blob or manifest has. HEAD says what it
// was, and GET of a blob nothing about its length.
func (r *Registry) Oversize(digest string) { r.damage(digest, oversize) }

func (r *Registry) damage(digest string, how damage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults.damaged[digest] = how
}

// ExpireTokens makes all tokens given out so far invalid.
func (r *Registry) ExpireTokens() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.tokens)
}

// Down stops listening and breaks all connections, or listens again on the
// same port. What is stored stays.
func (r *Registry) Down(down bool) {
	if down {
		r.server.Close()
		return
	}
	if err := r.listen(r.URL); err != nil {
		panic("test registry: " + err.Error())
	}
}

// failing returns the failure that this request gets. r.mu is held.
func (r *Registry) failing(request string) (failure, bool) {
	for i := range r.faults.failures {
		if f := &r.faults.failures[i]; f.n > 0 && strings.Contains(request, f.matching) {
			f.n--
			return *f, true
		}
	}
	return failure{}, false
}

// next takes the first of a list of faults; -1 when there is none.
func next(list *[]int64) int64 {
	if len(*list) == 0 {
		return -1
	}
	first := (*list)[0]
	*list = (*list)[1:]
	return first
}

// reset breaks the connection as a crashed proxy would.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// pace returns how many of n bytes may move at once, and waits as long as
// these take.
func (r *Registry) pace(req *http.Request, n int) int {
	r.mu.Lock()
	speed := r.faults.bytesPerSecond
	r.mu.Unlock()
	if speed <= 0 {
		return n
	}
	n = min(n, int(max(1, speed/50)))
	select {
	case <-req.Context().Done():
	case <-time.After(time.Duration(n) * time.Second / time.Duration(speed)):
	}
	return n
}

// arriving is the body of a request, counted and held up.
type arriving struct {
	registry *Registry
	req      *http.Request
}

func (a arriving) Read(p []byte) (int, error) {
	n, err := a.req.Body.Read(p[:a.registry.pace(a.req, len(p))])
	a.registry.received.Add(int64(n))
	return n, err
}

// drain reads what the client sends although it will be refused: a connection
// that is closed with bytes unread loses the answer. A client that waits for
// "100 Continue" sends nothing.
func (r *Registry) drain(req *http.Request) {
	body := io.Reader(req.Body)
	if strings.Contains(req.URL.Path, "/blobs/uploads/") {
		body = arriving{r, req}
	}
	if !strings.EqualFold(req.Header.Get("Expect"), "100-continue") {
		io.Copy(io.Discard, body)
	}
}

// leaving is the answer to a GET of a blob, counted, held up, and cut off when
// cut is not negative.
type leaving struct {
	http.ResponseWriter
	registry *Registry
	req      *http.Request
	cut      int64
	unsized  bool // leave Content-Length out
}

func (l *leaving) WriteHeader(status int) {
	if l.unsized {
		l.Header().Del("Content-Length")
	}
	if l.registry.options.profile.NoRange {
		l.Header().Del("Accept-Ranges")
	}
	l.ResponseWriter.WriteHeader(status)
}

func (l *leaving) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		part := p[written:]
		if l.cut >= 0 {
			part = part[:min(int64(len(part)), l.cut)]
		}
		if len(part) == 0 {
			l.close()
			return written, io.ErrClosedPipe
		}
		part = part[:l.registry.pace(l.req, len(part))]
		// Counted first: whoever has read the last byte may ask at once.
		l.registry.sent.Add(int64(len(part)))
		n, err := l.ResponseWriter.Write(part)
		written += n
		if err != nil {
			return written, err
		}
		if l.cut >= 0 {
			l.cut -= int64(n)
		}
	}
	return written, nil
}

// close sends what was written and nothing after it.
func (l *leaving) close() {
	control := http.NewResponseController(l.ResponseWriter)
	control.Flush()
	if conn, _, err := control.Hijack(); err == nil {
		conn.Close()
	}
}

// lieAbout answers a range request as WrongRange says. It returns false when
// the range is not a closed one within the size.
func lieAbout(w http.ResponseWriter, req *http.Request, kind string, content io.ReaderAt, size int64) bool {
	var first, last int64
	if n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &first, &last); n != 2 || first < 0 || last < first || last >= size {
		return false
	}
	length := last - first + 1
	header := w.Header()
	header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, size))
	switch kind {
	case "shifted":
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first+1, last+1, size))
	case "none":
		header.Del("Content-Range")
	case "short":
		length /= 2
	case "long":
		length += 1000
	case "416":
		header.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "UNSUPPORTED", "the range cannot be satisfied")
		return true
	}
	part := "--part\r\nContent-Type: application/octet-stream\r\nContent-Range: " + header.Get("Content-Range") + "\r\n\r\n"
	if kind == "multipart" {
		header.Del("Content-Range")
		header.Set("Content-Type", "multipart/byteranges; boundary=part")
	} else {
		header.Set("Content-Length", fmt.Sprint(length))
	}
	w.WriteHeader(http.StatusPartialContent)
	if kind == "multipart" {
		io.WriteString(w, part)
	}
	io.Copy(w, io.NewSectionReader(content, first, length))
	if kind == "multipart" {
		io.WriteString(w, "\r\n--part--\r\n")
	}
	return true
}
