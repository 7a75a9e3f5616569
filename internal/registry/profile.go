package registry

import (
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
)

// profile is what is known of a kind of registry before it is asked.
type profile struct {
	name   string
	hosts  []string // patterns as path.Match reads them
	limits limits
	advice func(operation, refusal) string // what to do next; "" when nothing is special
}

// limits tell how much of a blob a registry takes in one request.
type limits struct {
	put   int64 // most bytes of a PUT that sends the whole blob; 0: any number
	patch int64 // most bytes of a PATCH; 0: any number, noPatch: it has none
}

const (
	noPatch = -1
	// smallPatch is what a registry gets that refused a larger PATCH or PUT;
	// the smallest limit that is known of (ghcr.io).
	smallPatch = 4 << 20
)

// profiles are tried in order; the first, for hosts that no other claims, is
// distribution-spec 1.1 as it stands.
var profiles = []profile{
	{name: "generic"},
	// A PATCH of more than 4 MiB is answered with 416, a PUT of any size is
	// taken (oras-project/rust-oci-client#35).
	{name: "ghcr", hosts: []string{"ghcr.io"}, limits: limits{patch: smallPatch}, advice: adviseGHCR},
	// PATCH is answered as if the blob were complete (kitops-ml/kitops#821).
	{name: "ecr", hosts: []string{"*.dkr.ecr.*.amazonaws.com", "*.dkr.ecr.*.amazonaws.com.cn", "public.ecr.aws"},
		limits: limits{patch: noPatch}, advice: adviseECR},
	// Chunked uploads are not supported (dotnet/sdk-container-builds#287).
	{name: "gar", hosts: []string{"gcr.io", "*.gcr.io", "*.pkg.dev"}, limits: limits{patch: noPatch}, advice: adviseGAR},
	{name: "acr", hosts: []string{"*.azurecr.io"}, advice: adviseACR},
	{name: "dockerhub", hosts: []string{"docker.io", "*.docker.io"}, advice: adviseDockerHub},
	// More than 20 GB must come in chunks (oras-project/oras-py#137).
	{name: "quay", hosts: []string{"quay.io"}, limits: limits{put: 20e9, patch: 20e9}},
}

// profileFor returns the profile of a host, with what the options override.
func profileFor(host string, opts Options) (profile, error) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	found := 0
	if opts.Profile != "" {
		found = slices.IndexFunc(profiles, func(p profile) bool { return p.name == opts.Profile })
		if found < 0 {
			var names []string
			for _, p := range profiles {
				names = append(names, p.name)
			}
			return profile{}, fmt.Errorf("registry profile %q is not known; there are %s", clip(opts.Profile), strings.Join(names, ", "))
		}
	} else if i := slices.IndexFunc(profiles, func(p profile) bool { return p.claims(host) }); i >= 0 {
		found = i
	}
	p := profiles[found]
	switch {
	case opts.Chunk > 0:
		p.limits = limits{put: opts.Chunk, patch: opts.Chunk}
	case opts.Chunk < 0:
		p.limits.patch = noPatch
	}
	return p, nil
}

func (p profile) claims(host string) bool {
	return slices.ContainsFunc(p.hosts, func(pattern string) bool {
		ok, _ := path.Match(pattern, host)
		return ok
	})
}

// whole tells whether a blob is sent with one PUT. Where PATCH does not exist
// there is no other way.
func (l limits) whole(size int64) bool {
	return l.put == 0 || size <= l.put || l.patch == noPatch
}

// piece returns how many of the bytes that are left go into one PATCH, which
// the registry wants to have at least least bytes unless it is the last.
func (l limits) piece(left, least int64) int64 {
	if l.patch > 0 {
		return min(left, max(l.patch, least))
	}
	return left
}

// lessons are the limits of a host and what its answers taught about them
// since the program began. Each lesson is learned once, so no two answers can
// send an upload back and forth.
type lessons struct {
	mu       sync.Mutex
	limits   limits
	mounted  bool // it has mounted a blob before
	refusals int  // to mount one
}

func (l *lessons) current() limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limits
}

// patchTooLarge notes that a PATCH of n bytes was refused, and tells whether a
// smaller one may do.
func (l *lessons) patchTooLarge(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n <= smallPatch || l.limits.patch == noPatch {
		return false
	}
	l.limits.patch = smallPatch
	return true
}

// putTooLarge notes that a PUT of n bytes was refused, and tells whether
// PATCHes may do.
func (l *lessons) putTooLarge(n int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n <= smallPatch || l.limits.patch == noPatch {
		return false
	}
	l.limits = limits{put: smallPatch, patch: smallPatch}
	return true
}

// cannotPatch notes that uploads cannot be continued on this host.
func (l *lessons) cannotPatch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits.patch = noPatch
}

// maxMountRefusals is how many refused mounts make a host one that never does.
const maxMountRefusals = 2

// mayMount tells whether asking for a mount is worth a request.
func (l *lessons) mayMount() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mounted || l.refusals < maxMountRefusals
}

func (l *lessons) mount(done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if done {
		l.mounted = true
	} else {
		l.refusals++
	}
}
