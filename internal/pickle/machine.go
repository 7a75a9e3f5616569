package pickle

import (
	"fmt"
	"math"
)

// machine runs one stream. Where CPython would stop with an error, it goes on
// with unknown values as long as opcodes can be told apart: a scan that stops
// where it thinks that Python stops could be led to stop early.
type machine struct {
	*scan
	src    *source
	stream Stream

	stack []*Value
	marks []int // as _pickle.c: a stack of its own

	memo     []*Value // by index
	again    []*Value // that are not plain and were had again: the only ones that stand in two places
	agains   int64    // how often
	outer    *machine // of raw data: the stream that they are in
	far      map[uint32]*Value
	memoized int // how many have been put, which is where MEMOIZE puts

	op       byte
	opAt     int64
	first    bool  // no opcode yet
	frameEnd int64 // 0 outside of frames
	stopped  bool

	globals map[globalKey]*imported
	names   int // bytes of them
	calls   map[callKey]int
	said    map[string]bool // problems that are said once a stream
}

type globalKey struct{ module, name string }

type imported struct {
	value *Value
	index int // of Stream.Globals
}

// callKey is an import, or what kind of value is called.
type callKey struct {
	callee *Value
	name   string
	op     byte
}

// Limits that no pickle of CPython's pickler comes near.
const (
	maxGlobals = 65_536
	maxFarMemo = 65_536  // memo entries out of order
	maxMemo    = 4 << 20 // memo entries in order
	maxPersIDs = 65_536
	maxNameLen = maxText
	maxNames   = 8 << 20 // bytes of all names
	maxSaid    = 1000
	// maxPassing is up to which depth of the stack values beyond
	// Limits.Memory keep their content.
	maxPassing = 4096
	valueCost  = 160
	itemCost   = 16
)

func newMachine(s *scan, src *source) *machine {
	m := &machine{scan: s, src: src, first: true}
	m.stream.Begin = src.at()
	return m
}

// run executes up to STOP or the break.
func (m *machine) run() {
	for !m.stopped {
		m.opAt = m.src.at()
		m.op = m.src.byte()
		if m.src.ended {
			m.broken("the stream ends without STOP")
			break
		}
		if m.frameEnd != 0 && m.opAt >= m.frameEnd {
			m.frameEnd = 0
		}
		m.result.Opcodes++
		if m.trace != nil {
			m.trace(m.opAt, m.op)
		}
		m.step()
		m.first = false
		if m.src.ended && !m.stream.Complete {
			m.broken(fmt.Sprintf("the stream ends within the arguments of %s", opName(m.op)))
			break
		}
		if m.frameEnd != 0 && m.src.at() > m.frameEnd {
			m.once("PKL007", "the opcode goes over the end of its frame: CPython reads on, pickle.py refuses or reads something else")
			m.frameEnd = 0
		}
		if len(m.stack)+len(m.marks) > m.limits.Stack {
			m.report("PKL013", fmt.Sprintf("the stack has more than %d values; the stream was not read further", m.limits.Stack))
			break
		}
	}
	m.stream.End = m.src.at()
	m.expansion()
}

func (m *machine) step() {
	s := m.src
	switch m.op {
	case opNone:
		m.push(sharedNone)
	case opNewTrue:
		m.push(sharedTrue)
	case opNewFalse:
		m.push(sharedFalse)
	case opBinInt1:
		m.pushInt(int64(s.byte()))
	case opBinInt2:
		m.pushInt(int64(s.uint16()))
	case opBinInt:
		m.pushInt(int64(int32(s.uint32())))
	case opBinFloat:
		if b := s.take(8); b != nil {
			m.pushFloat(bigEndianFloat(b))
		}
	case opInt, opLong, opFloat:
		m.number()
	case opLong1:
		m.long(int64(s.byte()))
	case opLong4:
		m.long(int64(int32(s.uint32())))

	case opShortBinUnicode:
		m.text(String, uint64(s.byte()))
	case opBinUnicode:
		m.text(String, uint64(s.uint32()))
	case opBinUnicode8:
		m.text(String, s.uint64())
	case opShortBinString:
		m.text(String, uint64(s.byte()))
	case opBinString:
		m.text(String, uint64(s.uint32()))
	case opShortBinBytes:
		m.text(Bytes, uint64(s.byte()))
	case opBinBytes:
		m.text(Bytes, uint64(s.uint32()))
	case opBinBytes8, opByteArray8:
		m.text(Bytes, s.uint64())
	case opString, opUnicode:
		m.textLine()

	case opMark:
		m.marks = append(m.marks, len(m.stack))
	case opPop:
		m.popOp()
	case opPopMark:
		for _, v := range m.popMark() {
			m.thrownAway(v)
		}
	case opDup:
		v := m.top()
		m.hadAgain(v)
		m.push(v)

	case opEmptyTuple:
		m.push(sharedEmpty)
	case opTuple1, opTuple2, opTuple3:
		m.collect(Tuple, m.popN(int(m.op-opTuple1)+1))
	case opTuple:
		m.collect(Tuple, m.popMark())
	case opEmptyList:
		m.push(m.value(List))
	case opList:
		m.collect(List, m.popMark())
	case opEmptyDict:
		m.push(m.value(Dict))
	case opDict:
		m.collect(Dict, m.even(m.popMark()))
	case opEmptySet:
		m.push(m.value(Set))
	case opFrozenSet:
		m.collect(FrozenSet, m.popMark())
	case opAppend:
		m.put(m.popN(1))
	case opAppends, opAddItems:
		m.put(m.popMark())
	case opSetItem:
		m.put(m.popN(2))
	case opSetItems:
		m.put(m.even(m.popMark()))

	case opGet, opBinGet, opLongBinGet:
		m.memoGet()
	case opPut, opBinPut, opLongBinPut, opMemoize:
		m.memoPut()

	case opGlobal, opInst, opStackGlobal:
		m.importOp()
	case opReduce, opNewObj, opNewObjEx, opObj:
		m.callOp()
	case opBuild:
		m.build()
	case opPersID, opBinPersID:
		m.persistentID()
	case opExt1, opExt2, opExt4:
		m.extension()
	case opNextBuffer:
		m.report("PKL016", "the stream wants data from outside of itself (protocol 5 buffers): what they are cannot be seen here")
		m.push(m.value(Buffer))
	case opReadonlyBuffer:
		m.report("PKL016", "the stream makes a buffer of outside of itself read-only")
		m.top()

	case opProto:
		m.proto()
	case opFrame:
		m.frame()
	case opStop:
		m.stop()
	default:
		m.broken(fmt.Sprintf("the byte 0x%02x is no opcode", m.op))
	}
}

// value makes a new one, charged to Limits.Memory.
func (m *machine) value(k Kind) *Value {
	if m.memory <= 0 {
		m.stream.Partial = true
		if len(m.stack) > maxPassing {
			return unknown[k]
		}
		return &Value{Kind: k, Op: m.op, Offset: m.opAt, passing: true}
	}
	m.memory -= valueCost
	if m.arena != nil {
		v := m.arena.value()
		v.Kind, v.Op, v.Offset = k, m.op, m.opAt
		return v
	}
	if len(m.slab) == 0 {
		// Small pickles take little, large ones few allocations.
		m.slab = make([]Value, max(8, min(m.result.Opcodes/4, 256)))
	}
	v := &m.slab[0]
	m.slab = m.slab[1:]
	v.Kind, v.Op, v.Offset = k, m.op, m.opAt
	return v
}

// Values that are the same wherever they stand.
var (
	sharedNone  = &Value{Kind: None, Op: opNone}
	sharedTrue  = &Value{Kind: Bool, Op: opNewTrue, Int: 1}
	sharedFalse = &Value{Kind: Bool, Op: opNewFalse}
	sharedEmpty = &Value{Kind: Tuple, Op: opEmptyTuple}
	sharedInts  [256]Value
	unknown     [kinds]*Value
)

func init() {
	for i := range sharedInts {
		sharedInts[i] = Value{Kind: Int, Op: opBinInt1, Int: int64(i)}
	}
	for k := range unknown {
		unknown[k] = &Value{Kind: Unknown}
	}
}

func (v *Value) shared() bool {
	switch v.Kind {
	case None, Bool, Unknown:
		return true
	case Int:
		return v.Op == opBinInt1
	case Tuple:
		return v == sharedEmpty
	}
	return false
}

func (m *machine) push(v *Value) { m.stack = append(m.stack, v) }

func (m *machine) pushInt(n int64) {
	if n >= 0 && n < int64(len(sharedInts)) {
		m.push(&sharedInts[n])
		return
	}
	v := m.value(Int)
	if v.Kind == Int {
		v.Int = n
	}
	m.push(v)
}

func (m *machine) pushFloat(f float64) {
	v := m.value(Float)
	if v.Kind == Float {
		v.Int = int64(math.Float64bits(f))
	}
	m.push(v)
}

// fence is where the values since the last mark begin; what is below cannot be
// popped (Pdata.fence).
func (m *machine) fence() int {
	if len(m.marks) > 0 {
		return m.marks[len(m.marks)-1]
	}
	return 0
}

func (m *machine) underflow() {
	m.once("PKL009", "the stack has not the values that the opcode needs: loading breaks off here")
}

// top is the value on top.
func (m *machine) top() *Value {
	if len(m.stack) <= m.fence() {
		m.underflow()
		return unknown[0]
	}
	return m.stack[len(m.stack)-1]
}

func (m *machine) pop() *Value {
	v := m.top()
	if len(m.stack) > m.fence() {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v
}

// popN gives the last n values, valid until the next push.
func (m *machine) popN(n int) []*Value {
	for len(m.stack)-m.fence() < n {
		m.underflow()
		m.push(unknown[0])
	}
	values := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return values
}

// popMark gives the values since the last mark (marker in _pickle.c), valid
// until the next push.
func (m *machine) popMark() []*Value {
	if len(m.marks) == 0 {
		m.once("PKL009", "no MARK was set: loading breaks off here")
		values := m.stack
		m.stack = m.stack[:0]
		return values
	}
	at := m.marks[len(m.marks)-1]
	m.marks = m.marks[:len(m.marks)-1]
	values := m.stack[at:]
	m.stack = m.stack[:at]
	return values
}

func (m *machine) even(items []*Value) []*Value {
	if len(items)%2 != 0 {
		m.once("PKL009", "a key without a value: loading breaks off here")
		return items[:len(items)-1]
	}
	return items
}

// popOp is load_pop: a mark on top of everything goes first.
func (m *machine) popOp() {
	if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
		m.marks = m.marks[:n-1]
		return
	}
	m.thrownAway(m.pop())
}

// thrownAway reports calls made only for what they do. CPython's pickler
// throws the result of a call away only after it has memoized it (recursive
// tuples and reductions).
func (m *machine) thrownAway(v *Value) {
	if v.Kind != CallResult || v.memoized {
		return
	}
	m.problemAt(Problem{Rule: "PKL006", Offset: v.Offset, Opcode: opName(v.Op), Import: v.Path(),
		Message: fmt.Sprintf("the result of calling %s is thrown away: it is not part of what is loaded and was called for its effect", v.Callee)})
}

// collect pushes a container of items.
func (m *machine) collect(k Kind, items []*Value) {
	v := m.value(k)
	m.add(v, items)
	m.push(v)
}

// add retains items in v as far as memory goes.
func (m *machine) add(v *Value, items []*Value) {
	if v.Kind == Unknown || len(items) == 0 {
		return
	}
	v.Int += int64(len(items))
	if v.passing || m.memory <= 0 {
		m.stream.Partial = true
		if len(v.Items)+len(items) > 16 || !v.passing {
			return
		}
		for _, item := range items {
			v.Items = append(v.Items, keepable(item))
		}
		return
	}
	m.memory -= itemCost * int64(len(items))
	if m.counts && len(v.Items)+len(items) > maxCounted {
		switch v.Kind {
		case List, Set:
			m.addCounted(v, items, 1)
			return
		case Dict:
			m.addCounted(v, items, 2)
			return
		}
	}
	if m.arena != nil {
		v.Items = m.arena.room(v.Items, len(items))
	} else if v.Items == nil {
		v.Items = make([]*Value, 0, len(items))
	}
	for _, item := range items {
		v.Items = append(v.Items, retained(item))
	}
}

// maxCounted is up to how many items a list, set or dict has them all where
// plain ones may be counted only (Options.Findings).
const maxCounted = 64

// addCounted is add without plain items, which come in groups: a key and its
// value, where those with such a key matter.
func (m *machine) addCounted(v *Value, items []*Value, group int) {
	for ; len(items) >= group; items = items[group:] {
		counted := len(v.Items) >= maxCounted/2
		for _, item := range items[:group] {
			counted = counted && item.isPlain()
		}
		if !counted || group == 2 && isTelling(items[0]) {
			v.Items = m.arena.room(v.Items, group)
			for _, item := range items[:group] {
				v.Items = append(v.Items, retained(item))
			}
			continue
		}
		v.plain += int64(group)
		for _, item := range items[:group] {
			if !item.memoized && !item.again && !item.passing && !item.shared() {
				m.arena.spare = append(m.arena.spare, item)
			}
		}
	}
}

// isTelling tells whether what stands at a key of a dict is looked at: by
// attributes and by JoblibArray.
func isTelling(key *Value) bool {
	switch {
	case key.Kind != String || key.Text == "":
		return false
	case key.Text[0] == '_':
		return hooks[key.Text]
	}
	switch key.Text { // faster than looking in hooks and methods
	case "shape", "dtype", "numpy_array_alignment_bytes", "extend", "append", "add":
		return true
	}
	return false
}

// retained is what a value that is charged for may hold: no others.
func retained(v *Value) *Value {
	if v.passing {
		return unknown[v.Kind]
	}
	return v
}

// keepable is what a passing value may hold: none that hold others.
func keepable(v *Value) *Value {
	if v.passing && (v.Items != nil || v.Args != nil || v.State != nil) {
		return unknown[v.Kind]
	}
	return v
}

// put is APPEND(S), SETITEM(S) and ADDITEMS: do_append, do_setitems and
// load_additems call methods of whatever stands on the stack.
func (m *machine) put(items []*Value) {
	into := m.top()
	mapping := m.op == opSetItem || m.op == opSetItems
	switch into.Kind {
	case List, Set:
		if mapping {
			m.misplaced(into, "items are set in")
		}
	case Dict:
		if !mapping {
			m.misplaced(into, "values are appended to")
			return
		}
	case CallResult:
		if mapping && isTensor(into) {
			m.misplaced(into, "items are set in a tensor,")
		}
		into.Mapping = mapping
	case Unknown:
		return
	default:
		m.misplaced(into, "values are put into")
		return
	}
	m.add(into, items)
}

func (m *machine) misplaced(v *Value, what string) {
	m.report("PKL005", fmt.Sprintf("%s %s: no pickler writes that, and its methods run", what, v.describe()))
}

// describe says what a value is, in a few words.
func (v *Value) describe() string {
	if v.Kind == Import || v.Kind == CallResult {
		return v.Kind.String() + " " + v.String()
	}
	return v.Kind.String()
}

func (m *machine) proto() {
	version := int(m.src.byte())
	switch {
	case version > highestProtocol:
		m.report("PKL008", fmt.Sprintf("protocol %d; CPython reads up to %d", version, highestProtocol))
	case !m.first:
		m.report("PKL008", "PROTO is not the first opcode of its stream: from here on names are looked up by other rules")
	}
	m.stream.Protocol = version
}

// frame is load_frame, which only reads ahead; pickle.py has _Unframer, which
// holds opcodes to the frame.
func (m *machine) frame() {
	n := m.src.uint64()
	at := m.src.at()
	switch left := m.src.left(); {
	case m.src.ended:
	case n > math.MaxInt64:
		m.report("PKL017", fmt.Sprintf("a frame of %d bytes: its length overflows", n))
	case m.frameEnd != 0 && m.opAt < m.frameEnd:
		m.once("PKL007", "a frame begins within another: CPython reads on, pickle.py refuses")
		m.frameEnd = at + int64(min(n, math.MaxInt64/2))
	case left >= 0 && n > uint64(left):
		m.once("PKL007", fmt.Sprintf("a frame of %d bytes, where %d are left", n, left))
	default:
		m.frameEnd = at + int64(min(n, math.MaxInt64/2))
	}
}

func (m *machine) stop() {
	m.stopped = true
	m.stream.Complete = true
	if m.frameEnd != 0 && m.src.at() < m.frameEnd {
		m.once("PKL007", "STOP comes before the end of its frame: what follows is the next pickle for CPython, and skipped by pickle.py")
	}
	if len(m.stack) <= m.fence() {
		m.once("PKL009", "STOP with nothing on the stack: loading fails, after everything before it was run")
		return
	}
	m.stream.Top = m.pop()
	for _, v := range m.stack {
		m.thrownAway(v)
	}
}

// broken ends the stream.
func (m *machine) broken(why string) {
	m.stopped = true
	if n := len(m.stream.Globals); n > 0 {
		why += fmt.Sprintf("; what comes before it is run all the same, and imports %d names", n)
	}
	m.problemAt(Problem{Rule: "PKL009", Offset: m.opAt, Opcode: opName(m.op), Message: why})
}

// report adds a problem at the current opcode.
func (m *machine) report(rule, message string) {
	m.problemAt(Problem{Rule: rule, Offset: m.opAt, Opcode: opName(m.op), Message: message})
}

// problemAt is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (m *machine) problemAt(p Problem) {
	p.Warning = isWarning(p.Rule)
	m.problem(p)
}

// once is report for what would be said over and over.
func (m *machine) once(rule, message string) {
	if m.said[rule+message] {
		return
	}
	if m.said == nil {
		m.said = map[string]bool{}
	}
	if len(m.said) < maxSaid {
		m.said[rule+message] = true
	}
	m.report(rule, message)
}
