package github

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
		err = decode(resp.Body, out)
	}
	return answer, err
}

// maxElements is how many values the arrays of one answer may have in all. A
// page of 100 of anything has some thousands; "null," would become a struct of
// hundreds of bytes.
const maxElements = 100_000

func decode(body io.Reader, out any) error {
	data, err := io.ReadAll(body) // capped by wire
	switch {
	case err != nil:
		return err
	case len(bytes.TrimSpace(data)) == 0:
		return nil // no answer at all: what it lacks is noticed
	case len(data) > 2*maxElements && elementsOf(data) > maxElements:
		return fmt.Errorf("its lists have more than %d elements, the most that is read", maxElements)
	}
	return json.Unmarshal(data, out)
}

// elementsOf counts the values in the arrays of JSON.
func elementsOf(data []byte) int {
	n := 0
	var within []byte // the open brackets
	for i := 0; i < len(data); i++ {
		switch b := data[i]; b {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			within = append(within, b)
			if b == '[' {
				n++
			}
		case ']', '}':
			within = within[:max(0, len(within)-1)]
		case ',':
			if len(within) > 0 && within[len(within)-1] == '[' {
				n++
			}
		}
	}
	return n
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
