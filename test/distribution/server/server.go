// Package server is what the tests and benchmarks of transfers have at the
// other end: distribution v3, and the network before it.
package server

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"
)

// Registry is distribution v3, which stores in a folder.
type Registry struct {
	Addr    string
	server  *httptest.Server
	stop    context.CancelFunc
	uploads atomic.Int64
}

// Start serves the registry in dir.
func Start(dir string) *Registry {
	logrus.SetOutput(io.Discard)
	ctx, stop := context.WithCancel(context.Background())
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": {"rootdirectory": dir},
			"delete":     {"enabled": true},
		},
	}
	config.HTTP.Secret = "secret"
	config.Log.AccessLog.Disabled = true
	config.Log.Level = "error"
	app := handlers.NewApp(ctx, config)

	r := &Registry{stop: stop}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/blobs/uploads/") {
			r.uploads.Add(1)
		}
		app.ServeHTTP(w, req)
	}))
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0) // broken connections are what is tested
	r.server.Start()
	r.Addr = strings.TrimPrefix(r.server.URL, "http://")
	return r
}

// Close stops it. The folder stays.
func (r *Registry) Close() {
	r.server.Close()
	r.stop()
}

// Uploads returns how many uploads were begun since it was called last.
func (r *Registry) Uploads() int64 { return r.uploads.Swap(0) }
