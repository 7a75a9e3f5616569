// Package pickle reads Python pickles without executing them.
//
// A pickle is a program for a small stack machine that imports names and calls
// them. [Scan] runs that program with values that stand for what Python would
// have made: nothing is imported, nothing is called. It says which names a
// stream imports, what it calls with what, and where it breaks the rules of
// [Rules]; and it leaves the value that loading would give as a tree of
// [Value], so that others read facts from it: the tensors of a state_dict, the
// class and the parameters of an estimator.
//
// What a stream means is what CPython's C unpickler makes of it
// (Modules/_pickle.c, from load on). Where pickle.py reads the same bytes
// differently, the difference is a problem of its own, PKL007.
//
// An import is fine if it is on the allowlist ([Lookup]): what torch, numpy,
// scipy, scikit-learn, joblib, pandas, XGBoost and LightGBM write. Everything
// else is a problem, whether it is called or not, since importing a module
// already runs it.
//
// Every stream is taken to be hostile. Bytes are read once and in order; long
// strings are skipped, by seeking where the reader can; what is held is
// bounded by [Limits]. A stream that breaks off is reported with what was seen
// before it did.
package pickle

import (
	"errors"
	"fmt"
	"io"
)

// Limits bound what a scan holds. The zero value stands for the defaults.
type Limits struct {
	// Memory is about how many bytes of values are held, 48 MiB by default.
	// Beyond it values are counted and checked but not kept: Stream.Partial.
	Memory int64
	// Stack is how many values the stack may have, 4,194,304 by default. A
	// stream that needs more is not read further (PKL013).
	Stack int
	// Streams is how many pickles one after the other are read, 1,000 by
	// default.
	Streams int
	// Problems is how many problems of each rule are kept, 200 by default: many
	// harmless ones do not crowd out another.
	Problems int
}

func (l Limits) withDefaults() Limits {
	set := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	if l.Memory <= 0 {
		l.Memory = 48 << 20
	}
	set(&l.Stack, 4<<20)
	set(&l.Streams, 1000)
	set(&l.Problems, 200)
	return l
}

// Options say how to scan. The zero value is what most callers want.
type Options struct {
	Limits Limits
	// Allow may add to the allowlist; it is asked for names that are on
	// neither list, in the spelling of the stream.
	Allow func(module, name string) bool
	// Inline is asked after each BUILD whether raw bytes follow that are not
	// opcodes. Without it JoblibArray is asked.
	Inline func(built *Value) (Inline, error)
	// Findings says that only what was found is wanted: problems, imports and
	// calls, which are the same, in half the time. Stream.Top and
	// Stream.PersistentIDs are then without what is below them, and values
	// that Inline gets must not be kept.
	Findings bool
}

// Inline says what stands in the stream after a BUILD instead of opcodes.
type Inline struct {
	// Padding says that first comes one byte, and as many bytes as it says.
	Padding bool
	// Bytes are then skipped.
	Bytes int64
	// Pickle says that then a pickle of its own follows.
	Pickle bool
}

// Result is what a scan found.
type Result struct {
	// Streams are the pickles, one after the other.
	Streams []Stream
	// Trailing are the bytes after the last pickle.
	Trailing int64
	// Problems are in the order in which they were met.
	Problems []Problem
	// Dropped counts problems beyond Limits.Problems. Who waives problems must
	// not take a scan with dropped ones for clean; Stream.Globals is whole.
	Dropped int
	// Opcodes counts those of all streams, nested ones included.
	Opcodes int64
}

// Stream is one pickle.
type Stream struct {
	Begin, End int64 // End is behind STOP, or where reading ended
	Protocol   int   // of PROTO, 0 without
	Complete   bool  // STOP was met
	// Globals are the imports, each once, in the order of the first; Calls
	// the calls, each callee and opcode once.
	Globals []Global
	Calls   []Call
	// PersistentIDs are what PERSID and BINPERSID ask the loader for, at most
	// 65,536.
	PersistentIDs []*Value
	// Top is what loading would give, nil if the stream broke off.
	Top *Value
	// Partial says that Top and PersistentIDs are not whole, because
	// Limits.Memory was reached. Imports and calls are.
	Partial bool
}

// Global is a name that a stream imports.
type Global struct {
	Module, Name string
	Offset       int64  // of the first such opcode
	Op           string // its name
	Count        int64
	Called       bool
	Verdict      Verdict
}

// Call is something that a stream calls.
type Call struct {
	Callee string // "module.name", or what kind of value it is
	Op     string // REDUCE, INST, OBJ, NEWOBJ, NEWOBJ_EX or BUILD
	Offset int64  // of the first such call
	Count  int64
	Args   string // of the first, shortened; hostile text is quoted
}

// Problem is one thing wrong with a stream.
type Problem struct {
	Rule    string // "PKL001"
	Warning bool   // it does not make the file unsafe by itself
	Offset  int64  // of the opcode
	Opcode  string // its name
	Import  string // "module.name" where the problem is about one
	Message string // what is wrong; hostile text is quoted and shortened
}

// Scan reads all pickles of r from its beginning. If r is an io.Seeker, long
// data are skipped by seeking. The error is one of reading, and the result then
// has what was seen before it; whatever is wrong with the content is a Problem.
func Scan(r io.Reader, opts Options) (*Result, error) {
	src, err := newSource(r)
	if err != nil {
		return nil, fmt.Errorf("scan pickle: %w", err)
	}
	defer src.release()
	s := newScan(opts)
	defer s.release()
	s.all(src)
	if src.err != nil && !errors.Is(src.err, io.EOF) {
		return s.result, fmt.Errorf("scan pickle: %w", src.err)
	}
	return s.result, nil
}

// ScanBytes is Scan for a pickle in memory.
func ScanBytes(data []byte, opts Options) *Result {
	s := newScan(opts)
	defer s.release()
	s.all(&source{buf: data, end: len(data), size: int64(len(data))})
	return s.result
}

// scan is what the streams of a result share.
type scan struct {
	result  *Result
	opts    Options
	limits  Limits
	kept    map[string]int // problems, by rule
	memory  int64          // of Limits.Memory, what is left
	slab    []Value
	arena   *arena                  // instead of slab; nil if values are kept
	counts  bool                    // plain items of large containers are counted only
	depth   int                     // of pickles in strings
	doubted int64                   // bytes that asOpcodes ran
	trace   func(at int64, op byte) // for tests
}

func newScan(opts Options) *scan {
	s := &scan{result: &Result{}, opts: opts, limits: opts.Limits.withDefaults(), kept: map[string]int{}}
	s.memory = s.limits.Memory
	if s.opts.Inline == nil {
		s.opts.Inline = JoblibArray
		s.counts = opts.Findings
	}
	if opts.Findings {
		s.arena = arenas.Get().(*arena)
	}
	return s
}

// release gives back what the values are made of.
func (s *scan) release() {
	if s.arena == nil {
		return
	}
	s.arena.release()
	s.arena = nil
}

// detach leaves of a stream what does not live in the arena.
func (s *Stream) detach() {
	if s.Top != nil {
		s.Top = s.Top.bare()
	}
	for i, v := range s.PersistentIDs {
		s.PersistentIDs[i] = v.bare()
	}
}

// all reads one stream after the other. What follows the first is a stream if
// it ends with STOP, or imports something before it breaks off; otherwise it
// is data, like the storages after the pickles of torch's old format.
func (s *scan) all(src *source) {
	for {
		begin := src.at()
		more := len(src.peek(1)) > 0
		if !more && begin > 0 {
			break
		}
		if len(s.result.Streams) >= s.limits.Streams {
			s.problem(Problem{Rule: "PKL013", Offset: begin, Message: fmt.Sprintf(
				"more than %d pickles one after the other; the rest was not read", s.limits.Streams)})
			s.result.Trailing = src.drain() - begin
			break
		}
		if begin > 0 && !begins(src.peek(1)) {
			s.trailing(src, begin)
			break
		}
		marked := more && src.peek(1)[0] == opProto
		problems, dropped := len(s.result.Problems), s.result.Dropped
		m := newMachine(s, src)
		if s.arena != nil {
			s.arena.lend(m)
		}
		m.run()
		if s.arena != nil {
			s.arena.takeBack(m)
			m.stream.detach()
		}
		if begin > 0 && !m.imports() && !(marked && m.stream.Complete) {
			// Raw data may happen to be a pickle; one that imports nothing
			// does no harm.
			for _, p := range s.result.Problems[problems:] {
				s.kept[p.Rule]--
			}
			s.result.Problems, s.result.Dropped = s.result.Problems[:problems], dropped
			if !m.stream.Complete {
				s.trailing(src, begin)
				break
			}
		}
		if begin > 0 && len(s.result.Streams) == 1 {
			s.problem(Problem{Rule: "PKL010", Warning: true, Offset: begin, Opcode: "STOP",
				Message: "another pickle follows the first; a loader that reads once does not see it, one that reads on runs it too"})
		}
		s.result.Streams = append(s.result.Streams, m.stream)
		if !m.stream.Complete {
			s.result.Trailing = src.drain() - m.stream.End
			break
		}
	}
}

func (s *scan) trailing(src *source, begin int64) {
	s.result.Trailing = src.drain() - begin
	s.problem(Problem{Rule: "PKL010", Warning: true, Offset: begin, Opcode: "STOP",
		Message: fmt.Sprintf("%d bytes follow the last pickle that are not one", s.result.Trailing)})
}

func (s *scan) problem(p Problem) {
	if s.kept[p.Rule] >= s.limits.Problems {
		s.result.Dropped++
		return
	}
	s.kept[p.Rule]++
	s.result.Problems = append(s.result.Problems, p)
}
