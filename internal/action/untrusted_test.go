package action

import (
	"errors"
	"io"
	"strings"
	"testing"
)

const hostile = "::error::forged\n##[warning]forged\n::stop-commands::x\n::x::\n  ::add-mask::forged\r::set-output name=a::b"

func TestUntrusted(t *testing.T) {
	s := newStep(t)
	w, err := s.Untrusted(s.out)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, hostile)
	s.Mask("secret")
	io.WriteString(w, hostile)
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, hostile); err == nil {
		t.Error("text was written after Close")
	}
	s.Notice("after")
	got := s.stdout()
	if len(got.Commands) != 2 || got.Masks[0] != "secret" || got.Commands[1].Data != "after" || got.Stopped || len(got.Failed) > 0 {
		t.Errorf("the runner reads %+v", got)
	}
	if text := strings.Join(got.Log, "\n"); strings.Count(text, "::error::forged") != 2 || strings.Contains(text, "secret") {
		t.Errorf("the log is %q", text)
	}
}

func TestUntrustedNests(t *testing.T) {
	s := newStep(t)
	outer, _ := s.Untrusted(s.out)
	inner, err := s.Untrusted(s.out)
	if err != nil {
		t.Fatal(err)
	}
	outer.Close()
	outer.Close()
	io.WriteString(inner, hostile)
	if got := s.stdout(); !got.Stopped || len(got.Commands) > 0 {
		t.Errorf("with one part open the runner reads %+v", got)
	}
	inner.Close()
	s.Notice("after")
	if got := s.stdout(); got.Stopped || len(got.Commands) != 1 {
		t.Errorf("after the last Close the runner reads %+v", got)
	}
}

func TestUntrustedOnALaptop(t *testing.T) {
	s := newStep(t)
	delete(s.env, "GITHUB_ACTIONS")
	w, err := s.Untrusted(s.out)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "text")
	if err := w.Close(); err != nil || s.out.String() != "text" {
		t.Errorf("got %q, %v", s.out, err)
	}
}

// failing breaks at one write and works again.
type failing struct {
	w    io.Writer
	left int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.left--; f.left == -1 {
		return 0, errors.New("broken pipe")
	}
	return f.w.Write(b)
}

// TestUntrustedBreaks: wherever the output breaks, for one write only, nothing that is not ours is a
// command, and no secret is shown.
func TestUntrustedBreaks(t *testing.T) {
	for n := range 9 {
		s := newStep(t)
		out := &failing{s.out, n}
		s.Action.out = out
		w, err := s.Untrusted(out)
		if err != nil {
			if n > 0 {
				t.Errorf("%d: %v", n, err)
			}
			continue
		}
		io.WriteString(w, hostile)
		s.Mask("secret")
		broke := out.left < 0
		io.WriteString(w, hostile)
		err = w.Close()
		got := s.stdout()
		for _, c := range got.Commands {
			if c.Name != "add-mask" || c.Data != "secret" {
				t.Errorf("%d: the runner takes %+v", n, c)
			}
		}
		for _, l := range got.Log {
			if strings.Contains(l, "secret") {
				t.Errorf("%d: the log shows %q", n, l)
			}
		}
		// The first two writes are stop-commands and the text, whose error is the
		// writer's.
		if broke && n > 1 && n < 5 && (err == nil || s.Err() == nil) {
			t.Errorf("%d: Close says %v, Err %v", n, err, s.Err())
		}
	}
}

func FuzzUntrusted(f *testing.F) {
	f.Add(hostile, "\n")
	f.Add("\u00a0::error::x", "::waybill-::")
	f.Fuzz(func(t *testing.T, one, two string) {
		s := newLog()
		w, err := s.Untrusted(s.out)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, one)
		s.Mask("secret")
		io.WriteString(w, two)
		w.Close()
		s.Notice("after")
		got := s.stdout()
		if len(got.Commands) != 2 || got.Commands[0].Name != "add-mask" || got.Commands[1].Name != "notice" || got.Stopped {
			t.Fatalf("the runner reads %+v", got)
		}
	})
}
