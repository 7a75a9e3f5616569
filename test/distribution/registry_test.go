package distribution

import (
	"os"
	"testing"

	"github.com/waybill-dev/waybill/test/distribution/server"
)

// address returns that of distribution, which runs in this process, or of the
// registry that WAYBILL_TEST_REGISTRY names.
func address(t *testing.T) string {
	t.Helper()
	if other := os.Getenv("WAYBILL_TEST_REGISTRY"); other != "" {
		return other
	}
	registry := server.Start(t.TempDir())
	t.Cleanup(registry.Close)
	return registry.Addr
}

// resumes tells whether the registry keeps what arrived before a connection
// broke.
func resumes() bool { return os.Getenv("WAYBILL_TEST_RESUMES") != "no" }

// newMachine is a machine with a link of its own to the registry.
func newMachine(t *testing.T, registry string) *machine {
	t.Helper()
	link, err := server.NewLink(registry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	return &machine{t: t, home: t.TempDir(), link: link}
}
