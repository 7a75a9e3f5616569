package approval

import (
	"fmt"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/ledger"
)

// Key is one to sign with. Its private half may be in an agent, on a security
// key or in a file: Sign returns an armored signature in Namespace over what it
// is given.
type Key struct {
	Public ssh.PublicKey
	Sign   func(statement []byte) (signature []byte, err error)
}

// KeyOf makes a key of what golang.org/x/crypto/ssh can sign with.
func KeyOf(signer ssh.Signer) Key {
	return Key{Public: signer.PublicKey(), Sign: func(statement []byte) ([]byte, error) {
		sig, err := sshsig.Sign(strings.NewReader(string(statement)), signer, sshsig.HashSHA512, Namespace)
		if err != nil {
			return nil, err
		}
		return sshsig.Armor(sig), nil
	}}
}

// Approve signs a statement.
func (k Key) Approve(s Statement) (ledger.Signed, error) {
	data, err := s.Bytes()
	if err != nil {
		return ledger.Signed{}, err
	}
	signature, err := k.Sign(data)
	if err != nil {
		return ledger.Signed{}, fmt.Errorf("sign with key %s: %w", ssh.FingerprintSHA256(k.Public), err)
	}
	return ledger.Signed{Statement: string(data), Signature: string(signature)}, nil
}

// Line is what allowed_signers has to have for login to approve with the key,
// and for nothing else.
func Line(login string, key ssh.PublicKey) string {
	return fmt.Sprintf("%s namespaces=%q %s", login, Namespace, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
}

// SigningKey is the key that made a signature, as the signature says; Verify
// tells whether that is true.
func SigningKey(s ledger.Signed) (ssh.PublicKey, error) {
	sig, err := parseSignature(s.Signature)
	if err != nil {
		return nil, fmt.Errorf("approval: the signature: %w", err)
	}
	return sig.PublicKey, nil
}
