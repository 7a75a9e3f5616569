package demo

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// team are the people of projectYAML. The first makes the versions.
var team = []string{"ada", "bob", "carol"}

// makeKeys makes everybody an SSH key in dir, without a passphrase, in the
// format of ssh-keygen (OpenSSH, PROTOCOL.key), which need not be there. It
// returns the lines of allowed_signers (ssh-keygen(1), ALLOWED SIGNERS). The
// public halves are not written: beside one, an agent of whoever runs the demo
// would be asked.
func makeKeys(dir string) (signers []byte, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, login := range team {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, fmt.Errorf("key of %s: %w", login, err)
		}
		block, err := ssh.MarshalPrivateKey(private, login)
		if err != nil {
			return nil, fmt.Errorf("key of %s: %w", login, err)
		}
		if err := os.WriteFile(filepath.Join(dir, login), pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
		key, err := ssh.NewPublicKey(public)
		if err != nil {
			return nil, fmt.Errorf("key of %s: %w", login, err)
		}
		signers = fmt.Appendf(signers, "%s,%s@example.com namespaces=\"waybill-approval\" %s", login, login, ssh.MarshalAuthorizedKey(key))
	}
	return signers, nil
}
