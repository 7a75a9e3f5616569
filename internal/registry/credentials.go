package registry

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// keychain finds credentials where Docker's login keeps them, helpers
// included, and for ghcr.io in a workflow's GITHUB_TOKEN.
type keychain struct {
	getenv func(string) string
	load   func() (credentials.Store, error) // once, and only when a registry asks

	mu      sync.Mutex
	problem error // why the store could not be used
}

func newKeychain(getenv func(string) string) *keychain {
	k := &keychain{getenv: getenv}
	k.load = sync.OnceValues(k.openStore)
	return k
}

func (k *keychain) openStore() (credentials.Store, error) {
	dir := k.getenv("DOCKER_CONFIG")
	if dir == "" {
		home := k.getenv("HOME")
		if home == "" && runtime.GOOS == "windows" {
			home = k.getenv("USERPROFILE")
		}
		if home == "" {
			return nil, nil
		}
		dir = filepath.Join(home, ".docker")
	}
	path := filepath.Join(dir, "config.json")
	store, err := credentials.NewStore(path, credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return store, nil
}

// credential is an auth.CredentialFunc. A store that fails, for example
// because its helper is not installed, is no reason to fail: what is public
// can be read without. Should the registry refuse us then, trouble tells.
func (k *keychain) credential(ctx context.Context, hostport string) (auth.Credential, error) {
	store, err := k.load()
	if err == nil && store != nil {
		var found auth.Credential
		found, err = store.Get(ctx, credentials.ServerAddressFromHostname(hostport))
		if err == nil && found != auth.EmptyCredential {
			return found, nil
		}
	}
	if ctx.Err() != nil {
		return auth.EmptyCredential, ctx.Err()
	}
	if err != nil {
		k.mu.Lock()
		k.problem = err
		k.mu.Unlock()
	}
	return k.fromWorkflow(hostport), nil
}

func (k *keychain) fromWorkflow(hostport string) auth.Credential {
	token := k.getenv("GITHUB_TOKEN")
	if hostport != "ghcr.io" || token == "" {
		return auth.EmptyCredential
	}
	user := k.getenv("GITHUB_ACTOR")
	if user == "" {
		user = "x-access-token"
	}
	return auth.Credential{Username: user, Password: token}
}

// trouble returns why stored credentials could not be read, or nil.
func (k *keychain) trouble() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.problem
}
