package datacheck

import (
	"encoding/binary"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// automaton answers whether ASCII text matches a regular expression anywhere,
// at one table lookup a byte: the states of Ken Thompson's simulation, each
// computed once (Russ Cox, "Regular Expression Matching Can Be Simple And
// Fast", 2007, "Caching the NFA to build a DFA"), here all of them in advance,
// so that shards can share the table. Package regexp, whose programs it runs,
// answers for all other text.
type automaton struct {
	re    *regexp.Regexp
	next  []uint16 // by state and byte
	ends  []bool   // by state: a text that ends here matches
	stays [256]bool
}

const (
	maxStates       = 256
	maxInstructions = 500
	ascii           = utf8.RuneSelf
	// found is the state of a text that matches whatever follows.
	found = 1<<16 - 1
)

// newMatcher returns re.Match, or something faster that is the same.
func newMatcher(pattern string, re *regexp.Regexp) func([]byte) bool {
	if a := newAutomaton(pattern, re); a != nil {
		return a.match
	}
	return re.Match
}

// newAutomaton returns nil for expressions that would have too many states.
func newAutomaton(pattern string, re *regexp.Regexp) *automaton {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxInstructions {
		return nil
	}
	a := &automaton{re: re}
	b := &builder{prog: prog, numbers: map[string]uint16{}}
	for _, in := range prog.Inst {
		if in.Op == syntax.InstEmptyWidth {
			b.widths |= syntax.EmptyOp(in.Arg)
		}
	}
	b.number(nil, -1)
	for s := 0; s < len(b.states); s++ {
		if len(b.states) > maxStates {
			return nil
		}
		for r := range rune(ascii) {
			a.next = append(a.next, b.step(b.states[s], r))
		}
		_, matched := b.follow(b.states[s], -1)
		a.ends = append(a.ends, matched)
	}
	for c := range ascii {
		a.stays[c] = a.next[c] == 0
	}
	return a
}

func (a *automaton) match(text []byte) bool {
	i := 0
	for i < len(text) && a.stays[text[i]] {
		i++
	}
	s := uint(0)
	for _, c := range text[i:] {
		if c >= ascii {
			return a.re.Match(text)
		}
		n := a.next[s*ascii+uint(c)]
		if n == found {
			return true
		}
		s = uint(n)
	}
	return a.ends[s]
}

// builder finds the states of an automaton.
type builder struct {
	prog    *syntax.Prog
	widths  syntax.EmptyOp // what the program asks of places between characters
	states  []state
	numbers map[string]uint16
}

// state is where the threads of a program stand after some text, and what
// character was the last: all that decides about the rest.
type state struct {
	threads []uint32 // instructions, sorted
	before  rune     // one that stands for all of its kind; -1 at the beginning
}

// number returns the number of a state, which is made if it is new.
func (b *builder) number(threads []uint32, before rune) uint16 {
	// Characters that no instruction can tell apart here are taken as one.
	switch {
	case before == -1 && b.widths != 0:
	case before == '\n' && b.widths&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0:
	case syntax.IsWordChar(before) && b.widths&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0:
		before = 'a'
	default:
		before = '.'
	}
	slices.Sort(threads)
	threads = slices.Compact(threads)
	key := binary.LittleEndian.AppendUint32(nil, uint32(before))
	for _, t := range threads {
		key = binary.LittleEndian.AppendUint32(key, t)
	}
	n, ok := b.numbers[string(key)]
	if !ok {
		n = uint16(len(b.states))
		b.numbers[string(key)] = n
		b.states = append(b.states, state{threads, before})
	}
	return n
}

// step returns the state after another character.
func (b *builder) step(s state, r rune) uint16 {
	at, matched := b.follow(s, r)
	if matched {
		return found
	}
	var threads []uint32
	for _, pc := range at {
		if in := &b.prog.Inst[pc]; in.MatchRune(r) {
			threads = append(threads, in.Out)
		}
	}
	return b.number(threads, r)
}

// follow returns the instructions that wait for a character when r comes next
// (-1: the end), one thread beginning here among them, and whether one has
// matched.
func (b *builder) follow(s state, r rune) (waiting []uint32, matched bool) {
	holds := syntax.EmptyOpContext(s.before, r)
	seen := make([]bool, len(b.prog.Inst))
	stack := append(slices.Clone(s.threads), uint32(b.prog.Start))
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch in := &b.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return nil, true
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^holds == 0 {
				stack = append(stack, in.Out)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			waiting = append(waiting, pc)
		}
	}
	return waiting, false
}
