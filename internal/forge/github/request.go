package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"
)

// apiVersion is sent so that a later default of the API changes nothing.
const apiVersion = "2022-11-28"

// response is an answer of 2xx.
type response struct {
	*http.Response
	nextPage int // 0 on the last page
}

// newRequest and send stand for go-github's client, of which only types and
// errors are used: its Client would bring the methods of every service into
// the binary, a thousand of them.
func (c *Client) newRequest(method, address string, body any) (*http.Request, error) {
	u, err := c.wire.base.Parse(address)
	if err != nil {
		return nil, err
	}
	var payload io.Reader
	if body != nil {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(body); err != nil {
			return nil, err
		}
		payload = &text
	}
	req, err := http.NewRequest(method, u.String(), payload)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.identify(req)
	return req, nil
}

func (c *Client) identify(req *http.Request) {
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", apiVersion)
	req.Header.Set("User-Agent", c.userAgent)
}

// send decodes the answer into out, which may be nil or an io.Writer.
func (c *Client) send(ctx context.Context, req *http.Request, out any) (*response, error) {
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer := &response{resp, nextPage(resp.Header)}
	if err := github.CheckResponse(resp); err != nil {
		return answer, err
	}
	switch out := out.(type) {
	case nil:
	case io.Writer:
		_, err = io.Copy(out, resp.Body)
	default:
		if err = json.NewDecoder(resp.Body).Decode(out); errors.Is(err, io.EOF) {
			err = nil // no answer at all: what it lacks is noticed
		}
	}
	return answer, err
}

// nextPage reads the Link header (RFC 8288).
func nextPage(h http.Header) int {
	for link := range strings.SplitSeq(h.Get("Link"), ",") {
		address, params, _ := strings.Cut(strings.TrimSpace(link), ";")
		if !strings.Contains(params, `rel="next"`) {
			continue
		}
		u, err := url.Parse(strings.Trim(address, "<>"))
		if err != nil {
			return 0
		}
		n, err := strconv.Atoi(u.Query().Get("page"))
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	return 0
}
