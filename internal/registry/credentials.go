package registry

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// keychain finds credentials where Docker's login keeps them, helpers
// included, then where podman's does, and for ghcr.io in a workflow's
// GITHUB_TOKEN.
type keychain struct {
	getenv func(string) string
	load   func() ([]credentials.Store, error) // once, and only when a registry asks

	mu      sync.Mutex
	problem error // why a store could not be used
}

func newKeychain(getenv func(string) string) *keychain {
	k := &keychain{getenv: getenv}
	k.load = sync.OnceValues(k.openStores)
	return k
}

// files returns where credentials may be, in the order of who is asked first.
func (k *keychain) files() []string {
	var files []string
	home := k.getenv("HOME")
	if home == "" && runtime.GOOS == "windows" {
		home = k.getenv("USERPROFILE")
	}
	switch docker := k.getenv("DOCKER_CONFIG"); {
	case docker != "":
		files = append(files, filepath.Join(docker, "config.json"))
	case home != "":
		files = append(files, filepath.Join(home, ".docker", "config.json"))
	}
	// containers-auth.json(5): the same format.
	if file := k.getenv("REGISTRY_AUTH_FILE"); file != "" {
		files = append(files, file)
	}
	if dir := k.getenv("XDG_RUNTIME_DIR"); dir != "" {
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	}
	return files
}

func (k *keychain) openStores() (stores []credentials.Store, err error) {
	for _, file := range k.files() {
		store, openErr := credentials.NewStore(file, credentials.StoreOptions{})
		if openErr != nil {
			err = errors.Join(err, fmt.Errorf("read %s: %w", file, openErr))
			continue
		}
		stores = append(stores, store)
	}
	return stores, err
}

// credential is an auth.CredentialFunc. A store that fails, for example
// because its helper is not installed, is no reason to fail: what is public
// can be read without. Should the registry refuse us then, trouble tells.
func (k *keychain) credential(ctx context.Context, hostport string) (auth.Credential, error) {
	stores, problem := k.load()
	for _, store := range stores {
		found, err := store.Get(ctx, credentials.ServerAddressFromHostname(hostport))
		if err == nil && found != auth.EmptyCredential {
			return found, nil
		}
		if err != nil && problem == nil {
			problem = err
		}
	}
	if ctx.Err() != nil {
		return auth.EmptyCredential, ctx.Err()
	}
	if problem != nil {
		k.mu.Lock()
		k.problem = problem
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
