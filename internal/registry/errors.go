package registry

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"unicode"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// opError reads "REPOSITORY: OPERATION: WHAT; NEXT".
type opError struct {
	repository string
	op         string
	what       string
	next       string // what to do; may be empty
	kind       error  // a sentinel, or nil
	cause      error
}

func (e *opError) Error() string {
	s := e.repository + ": " + e.op + ": " + e.what
	if e.next != "" {
		s += "; " + e.next
	}
	return s
}

func (e *opError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}

// operation is what is being done, for errors.
type operation struct {
	repository string
	host       string                          // "" for a layout
	name       string                          // "push blob sha256:0123456789ab"
	push       bool                            // needs permission to write
	removes    bool                            // takes something away: nothing to create when it is not there
	workflow   bool                            // runs in GitHub Actions
	advice     func(operation, refusal) string // of the host's profile; may be nil
}

// elsewhereError is an upload that the registry wants sent to another host.
type elsewhereError struct {
	location, origin *url.URL
}

func (e *elsewhereError) Error() string {
	where := "at another host"
	if e.isPlain() {
		where = "in plain HTTP"
	}
	return fmt.Sprintf("the registry wants the upload %s, %s://%s, which is refused", where, e.location.Scheme, clip(printable(e.location.Host)))
}

func (e *elsewhereError) isPlain() bool {
	return e.origin.Scheme == "https" && e.location.Scheme == "http" && e.location.Hostname() == e.origin.Hostname()
}

// next tells what to do. A proxy that ends TLS without telling the registry is
// the usual reason for the first case.
func (e *elsewhereError) next() string {
	if e.isPlain() {
		return "the registry believes that it is spoken to in plain HTTP: its proxy must send X-Forwarded-Proto: https"
	}
	return "content and token are only sent to " + e.origin.Host + ": have the registry take uploads itself, without redirecting them"
}

// fail makes the error that the caller sees. It keeps one that is finished.
func (o operation) fail(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*opError](err); ok {
		return err
	}
	e := &opError{repository: o.repository, op: o.name, cause: err, what: printable(withoutQueries(err.Error()))}
	o.classify(e, err)
	return e
}

func (o operation) classify(e *opError, err error) {
	if response, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		o.classifyStatus(e, response)
		return
	}
	elsewhere, isElsewhere := errors.AsType[*elsewhereError](err)
	_, isContent := errors.AsType[contentError](err)
	switch {
	case errors.Is(err, context.Canceled):
		e.what = "canceled"
	case isContent:
		// not the registry's fault, whatever it looks like
	case isElsewhere:
		e.next = elsewhere.next()
	case errors.Is(err, context.DeadlineExceeded):
		e.kind, e.what = ErrUnreachable, "no answer in time"
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrUnsupported):
		// said by ourselves
	case errors.Is(err, ErrRange):
		e.kind = ErrRange
	case errors.Is(err, errdef.ErrNotFound):
		e.kind, e.what = ErrNotFound, "not found"
		e.next = o.next(refusal{status: http.StatusNotFound})
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		e.kind, e.what = ErrUnauthorized, "401 unauthorized: no credentials for "+o.host
		e.next = o.next(refusal{status: http.StatusUnauthorized})
	case errors.Is(err, syscall.ENOSPC):
		e.next = "free some disk space and try again"
	case o.host != "":
		o.classifyTransport(e, err)
	}
}

// classifyTransport handles requests that got no answer.
func (o operation) classifyTransport(e *opError, err error) {
	urlErr, isURL := errors.AsType[*url.Error](err)
	_, isNet := errors.AsType[net.Error](err)
	if !isURL && !isNet && !isCut(err) {
		return
	}
	e.kind = ErrUnreachable
	if isURL {
		e.what = printable(withoutQueries(urlErr.Err.Error()))
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	_, badCert := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case isDNS && dns.IsNotFound:
		e.what = "no such host: " + printable(dns.Name)
		e.next = `check "registry:" in waybill.yaml`
	case errors.Is(err, syscall.ECONNREFUSED):
		e.what = "connection refused by " + o.host
		e.next = "is the registry running?"
	case badCert:
		e.next = "install the registry's certificate authority on this machine"
	case isDial(err):
		e.next = "is the registry running, and can this machine reach it?"
	case isCut(err):
		e.what = "connection lost: " + e.what
		e.next = "try again"
	default:
		e.next = "check the network and try again"
	}
}

// isCut tells whether a connection broke that once stood. What the reset of a
// connection looks like depends on the system and on who notices it first,
// reader or writer.
func isCut(err error) bool {
	op, isOp := errors.AsType[*net.OpError](err)
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		isOp && op.Op != "dial" && !op.Timeout() || err != nil && isHTTP2(err.Error())
}

// isHTTP2 tells whether a stream or connection of HTTP/2 broke. net/http
// exports no types for that.
func isHTTP2(message string) bool {
	return strings.Contains(message, "stream error: stream ID ") || strings.Contains(message, "http2: ")
}

// isDial tells whether no connection came to be.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

const nextCreate = "some registries (Amazon ECR) need the repository to be created before the first push"

func (o operation) classifyStatus(e *opError, response *errcode.ErrorResponse) {
	status := response.StatusCode
	e.what = statusText(response)
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.kind = ErrUnauthorized
	case status == http.StatusNotFound:
		e.kind = ErrNotFound
	case isNoMethod(status), hasCode(response, errcode.ErrorCodeUnsupported):
		e.kind = ErrUnsupported
	case isTemporary(status), status >= 500:
		e.kind = ErrUnreachable
	}
	no := refusal{status: status}
	if len(response.Errors) > 0 {
		no.code = response.Errors[0].Code
	}
	e.next = o.next(no)
	if later, ok := errors.AsType[*laterError](e.cause); ok {
		e.what += fmt.Sprintf(" (the registry asks to wait %v)", later.asked)
	}
}

func (o operation) next(r refusal) string {
	if r.status == http.StatusNotFound && o.removes {
		return ""
	}
	if r.isUpload() {
		return "the registry lost the upload: try again; if it is several servers, they need the same storage and secret"
	}
	if o.advice != nil {
		if advice := o.advice(o, r); advice != "" {
			return advice
		}
	}
	switch {
	case r.status == http.StatusUnauthorized:
		return "log in first: docker login " + o.host
	case r.status == http.StatusForbidden && o.push:
		return "the account may not push here: ask the registry's owner, or log in as another: docker login " + o.host
	case r.status == http.StatusForbidden:
		return "the account may not read here: ask the registry's owner, or log in as another: docker login " + o.host
	case r.status == http.StatusNotFound && o.push:
		return nextCreate
	case r.status == http.StatusRequestEntityTooLarge:
		return "the registry, or a proxy before it, limits the size of a request: raise that limit, push in smaller pieces (--chunk 1MiB), or split the file"
	case r.status == http.StatusTooManyRequests:
		return "wait a while and try again"
	case isTemporary(r.status), r.status >= 500 && r.status != http.StatusNotImplemented:
		return "the registry has a problem: try again later"
	}
	return ""
}

// statusText is "403 denied: requested access is denied": the registry's own
// words where it sent any, made harmless.
func statusText(response *errcode.ErrorResponse) string {
	text := strings.ToLower(http.StatusText(response.StatusCode))
	if len(response.Errors) > 0 {
		first := response.Errors[0]
		if code := strings.ToLower(strings.ReplaceAll(first.Code, "_", " ")); code != "" {
			text = printable(code)
		}
		if first.Message != "" {
			text += ": " + printable(first.Message)
		}
	}
	return fmt.Sprintf("%d %s", response.StatusCode, text)
}

func hasCode(response *errcode.ErrorResponse, code string) bool {
	return len(response.Errors) > 0 && response.Errors[0].Code == code
}

// responseError reads the body of a refusal, as distribution-spec 1.1, "Error
// Codes", defines it. The caller closes the body.
func responseError(resp *http.Response) error {
	e := &errcode.ErrorResponse{Method: resp.Request.Method, URL: resp.Request.URL, StatusCode: resp.StatusCode}
	var body struct {
		Errors errcode.Errors `json:"errors"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, 8<<10)).Decode(&body) == nil {
		e.Errors = body.Errors
	}
	return e
}

var queryRE = regexp.MustCompile(`(https?://[^\s"?]*)\?[^\s"]*`)

// withoutQueries shortens the URLs in a message. Registries send downloads to
// storage with URLs that are signed: whoever reads one in a log may use it.
func withoutQueries(message string) string { return queryRE.ReplaceAllString(message, "$1?…") }

// printable makes text from outside fit for a terminal and a log.
func printable(s string) string {
	const limit = 300
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
