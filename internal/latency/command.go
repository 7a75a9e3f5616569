package latency

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Command is a process to time, from its start to its exit. Its output is
// discarded, but for the end of what it says on standard error.
type Command struct {
	Args    []string // the first is the program
	Dir     string
	Stdin   string        // a file, opened anew for each run; "" for none
	Timeout time.Duration // of a run, 0 for none
	// Now is the clock. It must be monotonic.
	Now func() time.Time
}

// stderrTail is how much of standard error is kept; graceful is how long it is
// waited for after the exit: a child left behind may hold it open.
const (
	stderrTail = 2 << 10
	graceful   = 100 * time.Millisecond
)

// Run runs the command once.
func (c *Command) Run(ctx context.Context) (Outcome, error) {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("took longer than %s", c.Timeout))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = c.Dir
	if c.Stdin != "" {
		in, err := os.Open(c.Stdin)
		if err != nil {
			return Outcome{}, err
		}
		defer in.Close()
		cmd.Stdin = in
	}
	// A pipe of our own: Wait would not return before it is closed by all who
	// inherited it, and that is not the time of this process.
	r, w, err := os.Pipe()
	if err != nil {
		return Outcome{}, err
	}
	defer r.Close()
	cmd.Stderr = w
	begin := c.Now()
	err = cmd.Start()
	w.Close()
	if err != nil {
		return Outcome{}, err
	}
	tail := make(chan string, 1)
	go func() { tail <- readTail(r) }()
	err = cmd.Wait()
	o := Outcome{Took: c.Now().Sub(begin)}
	select {
	case o.Stderr = <-tail:
	case <-time.After(graceful):
		r.Close()
		o.Stderr = <-tail
	}
	var ended *exec.ExitError
	switch {
	case err == nil:
		return o, nil
	case ctx.Err() != nil:
		return o, context.Cause(ctx)
	case errors.As(err, &ended):
		o.Exit = ended.ExitCode() // -1 by a signal
		return o, nil
	}
	return o, err
}

// readTail reads all of r and keeps the end.
func readTail(r io.Reader) string {
	var tail []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		tail = append(tail, buf[:n]...)
		if extra := len(tail) - stderrTail; extra > 0 {
			tail = append(tail[:0], tail[extra:]...)
		}
		if err != nil {
			return strings.ToValidUTF8(string(tail), "\uFFFD")
		}
	}
}

// Split cuts a command line into arguments, as a shell would do that knows
// nothing but quotes: spaces separate, '…' and "…" keep together, a backslash
// keeps the meaning of a quote, space or backslash after it (not within '…')
// and is itself elsewhere, which leaves the paths of Windows alone. Nothing is
// expanded.
func Split(line string) ([]string, error) {
	var args []string
	var arg strings.Builder
	quote, inArg := byte(0), false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line) && strings.IndexByte(`"' \`, line[i+1]) >= 0:
			i++
			arg.WriteByte(line[i])
			inArg = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			arg.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inArg = c, true
		case strings.IndexByte(" \t\r\n", c) >= 0:
			if inArg {
				args = append(args, arg.String())
			}
			arg.Reset()
			inArg = false
		default:
			arg.WriteByte(c)
			inArg = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	case inArg:
		args = append(args, arg.String())
	}
	if len(args) == 0 || args[0] == "" {
		return nil, errors.New("names no program")
	}
	return args, nil
}
