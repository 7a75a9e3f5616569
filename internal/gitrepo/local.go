package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitdaemon "github.com/go-git/go-git/v5/plumbing/transport/git"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

// transportOf chooses by the protocol that parseEndpoint let through. go-git's
// transport/client would do the same, but brings a server and with it OpenPGP.
func transportOf(ep *transport.Endpoint) (transport.Transport, error) {
	switch ep.Protocol {
	case "file":
		return local{}, nil
	case "git":
		return gitdaemon.DefaultClient, nil
	case "http", "https":
		return githttp.DefaultClient, nil
	case "ssh":
		return ssh.DefaultClient, nil
	}
	return nil, fmt.Errorf("scheme %s is not supported", clip(ep.Protocol))
}

// local speaks to git's own programs for a repository on this machine, as
// gitprotocol-pack(5) has it under "File Transport".
type local struct{}

func (local) NewUploadPackSession(ep *transport.Endpoint, _ transport.AuthMethod) (transport.UploadPackSession, error) {
	return newLocalSession(transport.UploadPackServiceName, ep)
}

func (local) NewReceivePackSession(ep *transport.Endpoint, _ transport.AuthMethod) (transport.ReceivePackSession, error) {
	return newLocalSession(transport.ReceivePackServiceName, ep)
}

// localSession is one run of git-upload-pack or git-receive-pack.
type localSession struct {
	receives bool
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      io.ReadCloser
	said     *limitedBuffer // standard error; complete after end
	asked    bool           // the request was sent: the program ends by itself
	end      func() error
}

// newLocalSession starts the program. The folder is an absolute path
// (parseEndpoint), which cannot be taken for an option.
func newLocalSession(service string, ep *transport.Endpoint) (*localSession, error) {
	dir := ep.Path
	if runtime.GOOS == "windows" && filepath.VolumeName(strings.TrimPrefix(dir, "/")) != "" {
		dir = strings.TrimPrefix(dir, "/") // file:///C:/acme.git
	}
	cmd := exec.Command(service, dir)
	if cmd.Err != nil { // some installations have only git itself on the path
		cmd = exec.Command("git", strings.TrimPrefix(service, "git-"), dir)
	}
	s := &localSession{receives: service == transport.ReceivePackServiceName, cmd: cmd, said: &limitedBuffer{limit: 4 << 10}}
	cmd.Stderr = s.said
	cmd.WaitDelay = time.Second // for what a hook leaves running
	var err error
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if s.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.end = sync.OnceValue(func() error {
		s.in.Close()
		s.out.Close() // a program that still writes does not wait for us
		return cmd.Wait()
	})
	return s, nil
}

// Close ends the program: by a flush instead of a request where none was sent.
func (s *localSession) Close() error {
	if !s.asked {
		_, _ = s.in.Write(pktline.FlushPkt)
	}
	_ = s.end() // what it said has been read
	return nil
}

// until makes reading and writing fail as soon as ctx ends.
func (s *localSession) until(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		_ = s.cmd.Process.Kill()
		s.in.Close()
		s.out.Close()
	})
}

// failed is what err means, which is nil if the program ended without a word to
// us: that ctx ended, or what the program said to people.
func (s *localSession) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.asked = true
	if err != nil {
		_ = s.cmd.Process.Kill() // it may wait for a hook that waits for us
	}
	_ = s.end()
	said := strings.TrimSpace(s.said.String())
	switch {
	case strings.Contains(said, "does not appear to be a git repository"):
		return transport.ErrRepositoryNotFound
	case said == "" && err == nil:
		return io.ErrUnexpectedEOF
	case said == "":
		return err
	case err == nil:
		return errors.New(clip(said))
	}
	return fmt.Errorf("%w: %s", err, clip(said))
}

func (s *localSession) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

func (s *localSession) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	defer s.until(ctx)()
	refs := packp.NewAdvRefs()
	switch err := refs.Decode(s.out); {
	case errors.Is(err, packp.ErrEmptyInput):
		return nil, s.failed(ctx, nil)
	case err != nil && !errors.Is(err, packp.ErrEmptyAdvRefs):
		return nil, s.failed(ctx, err)
	}
	if refs.IsEmpty() && !s.receives {
		return nil, transport.ErrEmptyRemoteRepository
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	return refs, nil
}

func (s *localSession) UploadPack(ctx context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if req.IsEmpty() {
		return nil, transport.ErrEmptyUploadPackRequest
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	stop := s.until(ctx)
	var ask bytes.Buffer
	err := req.UploadRequest.Encode(&ask)
	if err == nil {
		err = req.UploadHaves.Encode(&ask, true)
	}
	if err == nil {
		err = pktline.NewEncoder(&ask).EncodeString("done\n")
	}
	if err == nil {
		err = s.ask(&ask)
	}
	res := packp.NewUploadPackResponse(req)
	if err == nil {
		err = res.Decode(&localPack{session: s, ctx: ctx, stop: stop})
	}
	if err != nil {
		defer stop()
		return nil, s.failed(ctx, err)
	}
	return res, nil
}

// ask sends the one request of a session.
func (s *localSession) ask(request io.Reader) error {
	s.asked = true
	_, err := io.Copy(s.in, request)
	return errors.Join(err, s.in.Close())
}

// localPack reads what upload-pack sends.
type localPack struct {
	session *localSession
	ctx     context.Context
	stop    func() bool
}

func (p *localPack) Read(b []byte) (int, error) {
	n, err := p.session.out.Read(b)
	if err != nil && p.ctx.Err() != nil {
		err = p.ctx.Err()
	}
	return n, err
}

func (p *localPack) Close() error {
	defer p.stop()
	return p.session.Close()
}

func (s *localSession) ReceivePack(ctx context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	defer s.until(ctx)()
	var ask bytes.Buffer
	if err := req.Encode(&ask); err != nil {
		return nil, err
	}
	if err := s.ask(&ask); err != nil {
		return nil, s.failed(ctx, err)
	}
	var in io.Reader = s.out
	if req.Capabilities.Supports(capability.Sideband64k) {
		d := sideband.NewDemuxer(sideband.Sideband64k, s.out)
		d.Progress = req.Progress
		in = d
	}
	report := packp.NewReportStatus()
	if err := report.Decode(in); err != nil {
		return nil, s.failed(ctx, err)
	}
	// The hooks that follow the report may print; let them end.
	_, _ = io.Copy(io.Discard, s.out)
	return report, report.Error()
}
