package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/term"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// defaultKeys are tried in this order, in ~/.ssh.
var defaultKeys = []string{"id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"}

// signingKey finds the key to sign with.
func (a *app) signingKey(w *workspace.Workspace, flag string) (approval.Key, error) {
	if flag != "" {
		return a.keyFile(a.path(flag))
	}
	if key, literal := w.Repo.SigningKey(); literal {
		public, err := parsePublic([]byte(key))
		if err != nil {
			return approval.Key{}, usageError{fmt.Errorf("git config user.signingKey: %w", err)}
		}
		return a.agentOnly(public, "user.signingKey")
	} else if key != "" {
		return a.keyFile(a.path(key))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return approval.Key{}, usageError{fmt.Errorf("no home folder to look for a key in: %w; name one with --key FILE", err)}
	}
	for _, name := range defaultKeys {
		for _, file := range []string{name, name + ".pub"} { // an agent may hold what is no file here
			file = filepath.Join(home, ".ssh", file)
			if _, err := os.Stat(file); err == nil {
				return a.keyFile(file)
			}
		}
	}
	return approval.Key{}, usageError{fmt.Errorf("no SSH key: there is no user.signingKey with gpg.format ssh, and none of %s in ~/.ssh; name one with --key FILE, or make one with: ssh-keygen -t ed25519",
		strings.Join(defaultKeys, ", "))}
}

// keyFile is a key by its file, private or public.
func (a *app) keyFile(file string) (approval.Key, error) {
	data, err := readSmall(file)
	if err != nil {
		return approval.Key{}, usageError{err}
	}
	public, err := parsePublic(data)
	if err != nil {
		if beside, err := readSmall(file + ".pub"); err == nil {
			public, _ = parsePublic(beside)
		}
		return a.privateKey(file, public)
	}
	if private, ok := strings.CutSuffix(file, ".pub"); ok {
		if _, err := os.Stat(private); err == nil {
			return a.privateKey(private, public)
		}
	}
	return a.agentOnly(public, file)
}

func parsePublic(data []byte) (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey(data)
	return key, err
}

// privateKey opens a private key, or takes it from the agent that holds it;
// public is the one beside it, or nil.
func (a *app) privateKey(file string, public ssh.PublicKey) (approval.Key, error) {
	if public != nil {
		if key, ok := a.fromAgent(public); ok {
			return key, nil
		}
		if strings.HasPrefix(public.Type(), "sk-") {
			return a.hardwareKey(file, public), nil
		}
	}
	data, err := readSmall(file)
	if err != nil {
		return approval.Key{}, usageError{err}
	}
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if public == nil && locked.PublicKey != nil {
			if key, ok := a.fromAgent(locked.PublicKey); ok {
				return key, nil
			}
		}
		signer, err = a.unlock(file, data)
	}
	if err != nil {
		return approval.Key{}, usageError{fmt.Errorf("key %s: %w", file, err)}
	}
	return approval.KeyOf(signer), nil
}

// unlock asks for a passphrase where there is somebody to ask.
func (a *app) unlock(file string, data []byte) (ssh.Signer, error) {
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("it has a passphrase, and there is no terminal to ask for it; give it to an agent first: ssh-add %s", file)
	}
	fmt.Fprintf(a.stderr, "Passphrase of %s: ", visible(file))
	passphrase, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(a.stderr)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(data, passphrase)
	clear(passphrase)
	return signer, err
}

// agentOnly is a key of which there is no file.
func (a *app) agentOnly(public ssh.PublicKey, where string) (approval.Key, error) {
	if key, ok := a.fromAgent(public); ok {
		return key, nil
	}
	return approval.Key{}, usageError{fmt.Errorf("key %s (%s): no agent holds it and its private half is not beside it; run ssh-add, and see that SSH_AUTH_SOCK is set",
		where, ssh.FingerprintSHA256(public))}
}

// fromAgent asks the agent of SSH_AUTH_SOCK (ssh-agent(1)) for a key.
func (a *app) fromAgent(public ssh.PublicKey) (approval.Key, bool) {
	socket := a.getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return approval.Key{}, false
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(a.ctx, "unix", socket)
	if err != nil {
		a.warn(fmt.Sprintf("the SSH agent at %s does not answer: %v", socket, err))
		return approval.Key{}, false
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		a.warn(fmt.Sprintf("the SSH agent at %s: %v", socket, err))
	}
	for _, s := range signers {
		if bytes.Equal(s.PublicKey().Marshal(), public.Marshal()) {
			return approval.KeyOf(s), true // the connection lasts as long as the process
		}
	}
	conn.Close()
	return approval.Key{}, false
}

// hardwareKey signs through ssh-keygen, which speaks with security keys and asks
// to touch them.
func (a *app) hardwareKey(file string, public ssh.PublicKey) approval.Key {
	return approval.Key{Public: public, Sign: func(statement []byte) ([]byte, error) {
		cmd := exec.CommandContext(a.ctx, "ssh-keygen", "-Y", "sign", "-n", approval.Namespace, "-f", file)
		var out bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(statement), &out, a.stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("ssh-keygen -Y sign: %w; a security key needs OpenSSH 8.2 or newer, and your touch", err)
		}
		return out.Bytes(), nil
	}}
}
