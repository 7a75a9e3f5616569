package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
)

const maxArtifacts = 1000

var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// artifactAnswer has a digest, which go-github's does not.
type artifactAnswer struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Size    int64  `json:"size_in_bytes"`
	Expired bool   `json:"expired"`
	Digest  string `json:"digest"`
	Run     struct {
		ID int64 `json:"id"`
	} `json:"workflow_run"`
}

// RunArtifacts returns what a workflow run left behind.
func (c *Client) RunArtifacts(ctx context.Context, runID int64) ([]forge.Artifact, error) {
	k := call{what: c.on("list the artifacts of run %d", runID), needs: forge.ToReadActions}
	type page struct {
		Artifacts []artifactAnswer `json:"artifacts"`
	}
	all, err := list(ctx, c, k, c.path("actions/runs/%d/artifacts", runID), maxArtifacts, func(p page) []artifactAnswer { return p.Artifacts })
	if err != nil {
		return nil, err
	}
	out := make([]forge.Artifact, len(all))
	for i, a := range all {
		if a.ID <= 0 || a.Size < 0 || a.Name == "" || len(a.Name) > 1024 || a.Run.ID != 0 && a.Run.ID != runID {
			return nil, badAnswer(k, "an artifact has the id %d, %d bytes and run %d", a.ID, a.Size, a.Run.ID)
		}
		if !sha256Digest.MatchString(a.Digest) {
			a.Digest = ""
		}
		out[i] = forge.Artifact{ID: a.ID, Name: a.Name, Size: a.Size, Expired: a.Expired, RunID: runID, Digest: a.Digest}
	}
	return out, nil
}

// DownloadArtifact returns the zip of an artifact, of at most limit bytes.
//
// The API answers 302 with an address, mostly on another host, that is good for
// a minute and holds its own signature: the token is not sent there, and the
// address is in no error and no log.
func (c *Client) DownloadArtifact(ctx context.Context, id, limit int64) ([]byte, error) {
	k := call{what: c.on("download artifact %d", id), needs: forge.ToReadActions}
	for attempt := 0; ; attempt++ {
		address, err := c.artifactAddress(ctx, k, id)
		if err != nil {
			return nil, err
		}
		data, err := c.download(ctx, address, limit)
		if err == nil {
			return data, nil
		}
		if attempt >= maxRetries || !worthRetrying(err) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s from %s: %w", k.what, clip(address.Host, 100), withoutAddress(err))
		}
		if err := c.sleep(ctx, backoff(attempt)); err != nil {
			return nil, fmt.Errorf("%s: %w", k.what, err)
		}
	}
}

// artifactAddress asks where an artifact is. go-github's DownloadArtifact
// loses the reason of a refusal.
func (c *Client) artifactAddress(ctx context.Context, k call, id int64) (*url.URL, error) {
	var location string
	stop := errors.New("redirect")
	httpClient := &http.Client{Transport: c.wire, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if req.Response.StatusCode == http.StatusFound { // 301 is a repository that was renamed
			location = req.URL.String()
			return stop
		}
		return c.wire.checkRedirect(req, via)
	}}
	req, err := c.newRequest(http.MethodGet, c.path("actions/artifacts/%d/zip", id), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.what, err)
	}
	resp, err := httpClient.Do(req.WithContext(withRepeat(ctx)))
	if resp != nil {
		defer resp.Body.Close()
	}
	if location == "" {
		if err == nil {
			err = checkAnswer(resp)
		}
		if err == nil {
			return nil, badAnswer(k, "it does not say where the artifact is")
		}
		return nil, c.failed(k, err)
	}
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != c.wire.base.Scheme {
		return nil, badAnswer(k, "the artifact is said to be where it cannot be fetched safely")
	}
	return u, nil
}

// download fetches from another host, without token.
func (c *Client) download(ctx context.Context, address *url.URL, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.wire.timeout+time.Duration(max(limit, 0)/slowest)*time.Second)
	defer cancel()
	httpClient := &http.Client{Transport: c.plain, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= 3 || req.URL.Scheme != address.Scheme {
			return errors.New("it redirects too often, or to plain http")
		}
		req.Header.Del("Referer") // the address before, with its signature
		return nil
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.userAgent)
	resp, err := httpClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= 500:
		return nil, &statusError{resp.StatusCode}
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the answer is %d", resp.StatusCode)
	case resp.ContentLength > limit:
		return nil, &tooLargeError{limit}
	}
	return readCapped(resp.Body, limit)
}
