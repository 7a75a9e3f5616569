package cli

import (
	"context"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A key in hardware is known by its .pub; its file is a handle that only
// ssh-keygen can use.
func TestHardwareKeySignsThroughSSHKeygen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the ssh-keygen of this test is a shell script")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "id_ed25519_sk")
	public, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Name        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, make([]byte, ed25519.PublicKeySize), "ssh:"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		file: "a handle", file + ".pub": string(ssh.MarshalAuthorizedKey(public)), filepath.Join(dir, "ssh-keygen"): "#!/bin/sh\necho \"$@\"\nexec /bin/cat\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	a := &app{ctx: context.Background(), stderr: io.Discard, getenv: func(string) string { return "" }}
	for _, named := range []string{file, file + ".pub"} {
		key, err := a.keyFile(named)
		if err != nil {
			t.Fatal(err)
		}
		if ssh.FingerprintSHA256(key.Public) != ssh.FingerprintSHA256(public) {
			t.Error("another key")
		}
		got, err := key.Sign([]byte("statement"))
		if want := "-Y sign -n waybill-approval -f " + file + "\nstatement"; err != nil || string(got) != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
	t.Setenv("PATH", "")
	key, err := a.keyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.Sign(nil); err == nil || !strings.Contains(err.Error(), "ssh-keygen -Y sign") {
		t.Error(err)
	}
}
