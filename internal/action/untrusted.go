package action

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// stretch is the part of a step's output in which commands are off.
type stretch struct {
	a     *Action
	w     io.Writer
	token string
	depth int
	// midline: the last byte written was not a line end.
	midline bool
	// broken is the error after which nothing more is written.
	broken error
}

// Untrusted turns workflow commands off in what the runner reads, for text
// that is not ours, such as rows, cards or another program's output. The text
// is written to the writer it returns; Close turns commands on again.
//
// w must be what the runner reads, standard output or standard error, and at
// the beginning of a line, as commands are where a line begins. While a
// stretch is open, commands of this Action, such as Mask, still work: they turn
// commands on for themselves. Stretches may nest and be closed in any order;
// the last Close counts, and a Close too many does nothing. When commands
// cannot be turned off, there is an error and no writer, and the text must not
// be shown.
//
// Between stop-commands and its token the runner takes no command but the
// token (ActionCommandManager.TryProcessCommand), which is random and new each
// time.
func (a *Action) Untrusted(w io.Writer) (io.WriteCloser, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.OnRunner() {
		return &part{w: w}, nil
	}
	if a.stopped == nil {
		s := &stretch{a: a, w: w}
		if err := s.stop(); err != nil {
			return nil, fmt.Errorf("turn workflow commands off before text that is not ours: %w", err)
		}
		a.stopped = s
	}
	a.stopped.depth++
	return &part{w: w, s: a.stopped}, nil
}

// stop turns commands off with a new token.
func (s *stretch) stop() error {
	s.token = "waybill-" + s.a.random()
	_, err := io.WriteString(s.w, "::stop-commands::"+s.token+"\n")
	return err
}

// start turns commands on, on a line of its own.
func (s *stretch) start() error {
	line := "::" + s.token + "::\n"
	if s.midline {
		line = "\n" + line
	}
	s.midline = false
	_, err := io.WriteString(s.w, line)
	return err
}

// interrupt writes a command of ours. After an error nobody knows whether
// commands are on, so that nothing more is written.
func (s *stretch) interrupt(line string) error {
	if s.broken == nil {
		s.broken = s.start()
	}
	if s.broken == nil {
		_, s.broken = io.WriteString(s.w, line)
	}
	if s.broken == nil {
		s.broken = s.stop()
	}
	return s.broken
}

// part is one use of a stretch; on a laptop it has none.
type part struct {
	w    io.Writer
	s    *stretch
	once sync.Once
	done bool
}

var errClosed = errors.New("write of text that is not ours after its end")

func (p *part) Write(b []byte) (int, error) {
	if p.s == nil {
		return p.w.Write(b)
	}
	p.s.a.mu.Lock()
	defer p.s.a.mu.Unlock()
	if p.done {
		return 0, errClosed
	}
	if p.s.broken != nil {
		return 0, p.s.broken
	}
	n, err := p.w.Write(b)
	if n > 0 && n <= len(b) {
		p.s.midline = b[n-1] != '\n'
	}
	return n, err
}

// Close turns commands on, if this was the last open part. When that cannot be
// written commands stay off, which forges nothing.
func (p *part) Close() (err error) {
	if p.s == nil {
		return nil
	}
	p.once.Do(func() {
		a := p.s.a
		a.mu.Lock()
		defer a.mu.Unlock()
		p.done = true
		if p.s.depth--; p.s.depth > 0 {
			return
		}
		a.stopped = nil
		e := p.s.broken
		if e == nil {
			e = p.s.start()
		}
		if e != nil {
			err = fmt.Errorf("turn workflow commands on after text that is not ours: %w", e)
		}
	})
	return err
}
