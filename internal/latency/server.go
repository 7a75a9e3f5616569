package latency

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

// Server is a process that answers each line of its standard input with a line
// on its standard output. A run is one line and its answer: the start of the
// process is no part of it.
type Server struct {
	Args    []string
	Dir     string
	Lines   [][]byte      // what is asked, over and over
	Timeout time.Duration // of an answer, 0 for none
	Now     func() time.Time

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *os.File
	answer *bufio.Reader
	stderr chan string
	asked  int
}

// Limits of what is asked and answered.
const (
	maxLines  = 1_000_000
	maxAnswer = 64 << 20
)

// closing is how long a server may take to end when its input has ended.
const closing = 2 * time.Second

// Lines cuts a file of questions. Every line is one, the last also without its
// line end.
func Lines(data []byte) ([][]byte, error) {
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	switch {
	case len(data) == 0:
		return nil, errors.New("has no lines")
	case len(lines) > maxLines:
		return nil, fmt.Errorf("has %d lines, at most %d can be asked", len(lines), maxLines)
	}
	return lines, nil
}

// Start starts the process. It ends with ctx, or with Close.
func (s *Server) Start(ctx context.Context) (err error) {
	s.cmd = exec.CommandContext(ctx, s.Args[0], s.Args[1:]...)
	s.cmd.Dir = s.Dir
	var opened []io.Closer
	defer func() {
		if err != nil {
			for _, f := range opened {
				f.Close()
			}
		}
	}()
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	opened = append(opened, s.in)
	out, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	opened = append(opened, out)
	errs, e, err := os.Pipe()
	if err != nil {
		return err
	}
	defer e.Close()
	opened = append(opened, errs)
	s.cmd.Stdout, s.cmd.Stderr = w, e
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.out, s.answer, s.stderr = out, bufio.NewReaderSize(out, 64<<10), make(chan string, 1)
	go func() { s.stderr <- readTail(errs); errs.Close() }()
	return nil
}

// Run asks the next line and waits for the answer.
func (s *Server) Run(ctx context.Context) (Outcome, error) {
	question := append(bytes.Clone(s.Lines[s.asked%len(s.Lines)]), '\n')
	s.asked++
	var late atomic.Bool
	if s.Timeout > 0 {
		timer := time.AfterFunc(s.Timeout, func() { late.Store(true); s.cmd.Process.Kill() })
		defer timer.Stop()
	}
	begin := s.Now()
	_, err := s.in.Write(question)
	if err == nil {
		err = s.await()
	}
	o := Outcome{Took: s.Now().Sub(begin)}
	switch {
	case err == nil:
		return o, nil
	case late.Load():
		return o, fmt.Errorf("took longer than %s to answer line %d", s.Timeout, s.asked)
	case errors.Is(err, errLong), errors.Is(err, errMore):
		return o, fmt.Errorf("the answer to line %d: %w", s.asked, err)
	}
	o.Exit, o.Stderr = s.end()
	if o.Exit == 0 {
		return o, fmt.Errorf("it ended without an answer to line %d; --lines takes a command that answers every line with one", s.asked)
	}
	return o, nil
}

var (
	errLong = fmt.Errorf("has more than %d MiB without a line end", maxAnswer>>20)
	errMore = errors.New("has more than one line; --lines takes a command that answers every line with one")
)

// await reads an answer and forgets it. What follows it would be taken for the
// answer to the next line, and no time.
func (s *Server) await() error {
	for size := 0; size <= maxAnswer; {
		piece, err := s.answer.ReadSlice('\n')
		size += len(piece)
		switch {
		case err == nil && s.answer.Buffered() > 0:
			return errMore
		case err == nil || !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
	return errLong
}

// Close ends the process.
func (s *Server) Close() {
	if s.out != nil {
		s.end()
	}
}

// end ends the process, by force if it does not follow the end of its input,
// and returns its exit code and the last of its standard error.
func (s *Server) end() (exit int, stderr string) {
	s.in.Close()
	timer := time.AfterFunc(closing, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	s.out.Close() // who still writes is told
	s.out = nil
	s.cmd.Wait()
	select {
	case stderr = <-s.stderr:
	case <-time.After(graceful):
	}
	return s.cmd.ProcessState.ExitCode(), stderr
}
