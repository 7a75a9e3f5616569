package githubtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// source is a Git repository on disk, whose objects are read through one
// git cat-file that lives as long as the server.
type source struct {
	dir string
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// ReadFrom lets the repository be a bare Git repository on disk: its branches,
// tags, commits and files are what the API answers, as they are at each request,
// and what is written through the API, Commit, SetBranch and Merge is written
// there. It needs git. Objects that only this fake knows stay known.
func (r *Repository) ReadFrom(dir string) error {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if r.source != nil {
		return fmt.Errorf("fake GitHub: %s reads from %s already", r.FullName(), r.source.dir)
	}
	s := &source{dir: dir, cmd: gitCommand(dir, "cat-file", "--batch")}
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if _, err := s.git(nil, "rev-parse", "--git-dir"); err != nil {
		return fmt.Errorf("fake GitHub: %s: %w", dir, err)
	}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("fake GitHub: %s: %w", dir, err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	r.source, r.git.source, r.mirrored = s, s, map[string]string{}
	r.sync()
	return nil
}

func gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GIT_") }),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	return cmd
}

func (s *source) git(stdin []byte, args ...string) (string, error) {
	cmd := gitCommand(s.dir, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func (s *source) close() {
	if s != nil {
		s.in.Close()
		_ = s.cmd.Wait()
	}
}

// object reads one; its kind is "" when it is not there (git-cat-file, "BATCH
// OUTPUT").
func (s *source) object(sha string) (kind string, content []byte) {
	if s == nil || !fullSHA.MatchString(sha) {
		return "", nil
	}
	if _, err := io.WriteString(s.in, sha+"\n"); err != nil {
		return "", nil
	}
	header, err := s.out.ReadString('\n')
	fields := strings.Fields(header)
	if err != nil || len(fields) != 3 {
		return "", nil
	}
	size, _ := strconv.Atoi(fields[2])
	content = make([]byte, size+1) // and a line feed
	if _, err := io.ReadFull(s.out, content); err != nil {
		return "", nil
	}
	return fields[1], content[:size]
}

// sync takes over the branches and tags as they are on disk. s.mu is held.
func (r *Repository) sync() {
	if r.source == nil {
		return
	}
	out, err := r.source.git(nil, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return // it is gone: nothing has changed
	}
	now := map[string]string{}
	for line := range strings.Lines(out) {
		sha, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		now[ref] = sha
	}
	for ref := range r.mirrored {
		if now[ref] == "" {
			delete(r.refs, ref)
		}
	}
	for ref, sha := range now {
		if r.refs[ref] != sha {
			r.refs[ref] = sha
			r.headMoved(ref)
		}
	}
	r.mirrored = now
}

// setRef points a branch or tag at an object, also on disk where the object can
// be there. It is false when somebody else was faster. s.mu is held.
func (r *Repository) setRef(ref, sha string) bool {
	if r.source != nil && r.export(sha) {
		// An old value of zeros is a ref that may not be there.
		if _, err := r.source.git(nil, "update-ref", ref, sha, or(r.mirrored[ref], strings.Repeat("0", 40))); err != nil {
			return false
		}
		r.mirrored[ref] = sha
	}
	r.refs[ref] = sha
	r.headMoved(ref)
	return true
}

func (r *Repository) dropRef(ref string) {
	if r.source != nil && r.mirrored[ref] != "" {
		if _, err := r.source.git(nil, "update-ref", "-d", ref, r.mirrored[ref]); err != nil {
			return
		}
		delete(r.mirrored, ref)
	}
	delete(r.refs, ref)
}

// export writes an object and all that it needs to disk, and tells whether that
// was possible.
func (r *Repository) export(sha string) bool {
	if kind, _ := r.source.object(sha); kind != "" {
		return true
	}
	kind, content, needs := r.git.object(sha)
	for _, n := range needs {
		if !r.export(n) {
			return false
		}
	}
	if kind == "" {
		return false
	}
	made, err := r.source.git(content, "hash-object", "-t", kind, "-w", "--stdin")
	return err == nil && made == sha
}
