package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

func (a *app) approveCommand() *cobra.Command {
	var to, reason, key, statement, signed string
	c := &cobra.Command{
		Use:   "approve NAME@VERSION --to STAGE",
		Short: "Agree, with your SSH key, to a version entering a stage",
		Long: `Signs, in the namespace ` + approval.Namespace + `, that this content may enter this stage under the policy of now, and
appends that to the ledger. It counts when allowed_signers, beside waybill.yaml on the default branch, gives the key to
you, and waybill.yaml has you among the people that the stage asks for.

The key is that of --key, else of git config user.signingKey (with gpg.format ssh), else ~/.ssh/id_ed25519, id_ecdsa
or id_rsa. An agent is asked first; a key in hardware is used through the agent or through ssh-keygen.
To sign elsewhere: write the statement with --statement FILE, sign it with
"ssh-keygen -Y sign -n ` + approval.Namespace + ` -f KEY FILE", and bring it back with --signed FILE.`,
		Example: "  waybill approve sentiment@v0.2.0 --to production --reason \"read the report\"\n" +
			"  waybill approve sentiment@v0.2.0 --to production --key ~/.ssh/work.pub\n" +
			"  waybill approve sentiment@v0.2.0 --to production --signed approval.json",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := ref.Parse(args[0])
			if err == nil {
				err = ref.CheckStage(to)
			}
			if err != nil {
				return usageError{err}
			}
			if r.Bare() {
				return usageError{fmt.Errorf("%s: name the version that you agree to, as in %s@v0.1.0", r, r.Name)}
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			switch {
			case signed != "" && (key != "" || reason != "" || statement != ""), statement != "" && key != "":
				return usageError{errors.New("--statement, --signed and --key exclude each other; a signed statement has its own reason")}
			case statement != "":
				return a.writeStatement(w, r, to, reason, statement)
			}
			if signed == "" && a.getenv("GITHUB_ACTIONS") == "true" {
				a.warn("a key that a workflow can use speaks for everybody who can change the workflow; sign on your own machine")
			}
			opts := promotion.ApproveOptions{Reason: reason}
			if signed != "" {
				opts.Signed, err = a.readSigned(signed)
			} else {
				opts.Key, err = a.signingKey(w, key)
			}
			if err != nil {
				return err
			}
			o, err := promotion.Approve(a.ctx, w, r, to, opts)
			if err != nil {
				return err
			}
			a.noteLine(o)
			return a.outcomes([]*promotion.Outcome{o})
		},
	}
	c.Flags().StringVar(&to, "to", "", "the stage")
	c.Flags().StringVar(&reason, "reason", "", "why; it is signed too")
	c.Flags().StringVar(&key, "key", "", "the SSH key to sign with: private, or the .pub of one that an agent holds")
	c.Flags().StringVar(&statement, "statement", "", "write what would be signed to this file, and nothing else")
	c.Flags().StringVar(&signed, "signed", "", "the statement in this file, signed in FILE.sig")
	return c
}

// noteLine shows the line that allowed_signers lacks in one piece, to be copied:
// reports are wrapped.
func (a *app) noteLine(o *promotion.Outcome) {
	if o.Report == nil {
		return
	}
	for _, f := range o.Report.Findings {
		if line, ok := f.Details["line"].(string); ok {
			a.note("the line that %s lacks, with your login in place of LOGIN:\n%s", approval.SignersFile, line)
		}
	}
}

// writeStatement is the first half of signing elsewhere.
func (a *app) writeStatement(w *workspace.Workspace, r ref.Reference, stage, reason, file string) error {
	s, err := promotion.Statement(a.ctx, w, r, stage, reason)
	if err != nil {
		return err
	}
	data, err := s.Bytes()
	if err != nil {
		return usageError{err}
	}
	if err := cas.WriteFile(a.path(file), data, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "wrote %s; sign it with\n  ssh-keygen -Y sign -n %s -f KEY %s\nand bring it back with\n  waybill approve %s@%s --to %s --signed %s\n",
		visible(file), approval.Namespace, visible(file), r.Name, s.Version, stage, visible(file))
	return err
}

func (a *app) readSigned(file string) (*ledger.Signed, error) {
	statement, err := readSmall(a.path(file))
	if err != nil {
		return nil, usageError{fmt.Errorf("--signed: %w", err)}
	}
	signature, err := readSmall(a.path(file + ".sig"))
	if err != nil {
		return nil, usageError{fmt.Errorf("--signed: the signature: %w; make it with: ssh-keygen -Y sign -n %s -f KEY %s", err, approval.Namespace, file)}
	}
	return &ledger.Signed{Statement: string(statement), Signature: string(signature)}, nil
}

// path is a file that was named on the command line.
func (a *app) path(file string) string {
	if filepath.IsAbs(file) || a.dir == "" {
		return file
	}
	return filepath.Join(a.dir, file)
}

// maxSmall bounds keys, statements and signatures.
const maxSmall = 64 << 10

func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSmall {
		return nil, fmt.Errorf("%s is larger than %d bytes", file, maxSmall)
	}
	return data, nil
}
