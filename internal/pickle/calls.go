package pickle

import (
	"fmt"
	"strings"
)

// importOp is load_global, load_stack_global and, for its import, load_inst.
func (m *machine) importOp() {
	var args []*Value
	if m.op == opInst {
		args = append(args, m.popMark()...)
	}
	if m.op == opStackGlobal {
		name, module := m.pop(), m.pop()
		m.push(m.stackGlobal(module, name))
		return
	}
	module, n := m.src.line(maxNameLen)
	moduleText := string(module)
	name, k := m.src.line(maxNameLen)
	if m.src.ended && k == 0 {
		return // half a name imports nothing
	}
	if n > maxNameLen || k > maxNameLen {
		m.report("PKL004", "the name to import is longer than 4 KiB")
		m.push(unknown[Import])
		return
	}
	callee := m.importName(moduleText, string(name))
	if m.op != opInst {
		m.push(callee)
		return
	}
	m.call(callee, args)
}

func (m *machine) stackGlobal(module, name *Value) *Value {
	for _, v := range []*Value{module, name} {
		if v.Kind == String && v.Int <= int64(len(v.Text)) || v.Kind == String && v.Op == opUnicode || v.Kind == String && v.Op == opString {
			continue
		}
		what := v.describe()
		if v.Kind == String {
			what = fmt.Sprintf("str of %d bytes", v.Int)
		}
		m.report("PKL004", fmt.Sprintf("STACK_GLOBAL of %s . %s: what is imported cannot be told (%s where a short str belongs)", module, name, what))
		return unknown[Import]
	}
	return m.importName(module.Text, name.Text)
}

// importName records an import and judges it when it is first met.
func (m *machine) importName(module, name string) *Value {
	key := globalKey{module, name}
	if known, ok := m.globals[key]; ok {
		m.stream.Globals[known.index].Count++
		return known.value
	}
	if m.names += len(module) + len(name); len(m.globals) >= maxGlobals || m.names > maxNames {
		m.once("PKL013", "so many different imports that those from here on were not looked at")
		return unknown[Import]
	}
	if m.globals == nil {
		m.globals = map[globalKey]*imported{}
	}
	if m.arena != nil {
		module, name = strings.Clone(module), strings.Clone(name)
		key = globalKey{module, name}
	}
	v := &Value{Kind: Import, Op: m.op, Offset: m.opAt, Text: module, Name: name, Int: int64(len(m.stream.Globals)), memoized: true}
	m.memory -= valueCost + int64(len(module)+len(name))
	verdict := Lookup(module, name)
	if verdict.Class == NotListed && m.opts.Allow != nil && m.opts.Allow(module, name) {
		verdict = Verdict{Class: Allowed}
	}
	m.globals[key] = &imported{v, len(m.stream.Globals)}
	m.stream.Globals = append(m.stream.Globals, Global{
		Module: module, Name: name, Offset: m.opAt, Op: opName(m.op), Count: 1, Verdict: verdict,
	})
	m.judge(v, verdict)
	return v
}

func (m *machine) judge(v *Value, verdict Verdict) {
	if verdict.Class == Allowed {
		return
	}
	p := Problem{Offset: m.opAt, Opcode: opName(m.op), Import: v.Path()}
	say := func(rule, format string, args ...any) {
		p.Rule, p.Message = rule, fmt.Sprintf(format, args...)
		m.problemAt(p)
	}
	path := quotePath(v.Path())
	switch verdict.Class {
	case Dangerous:
		say("PKL001", "imports %s: %s", path, verdict.Why)
	case NotListed:
		say("PKL002", "imports %s, which is not known to be harmless", path)
	}
	if strings.Contains(v.Name, ".") {
		say("PKL003", "%s is reached through attributes of module %s: from protocol 4 on a name is followed from dot to dot, also into other modules",
			quotePath(v.Name), quotePath(v.Text))
	}
}

// allowed tells whether a callee may be called. What is not a name is not.
func (m *machine) allowed(callee *Value) bool {
	if callee.Kind != Import {
		return false
	}
	return m.stream.Globals[callee.Int].Verdict.Class == Allowed
}

// callOp is load_reduce, load_newobj and load_obj.
func (m *machine) callOp() {
	if m.op == opObj {
		args := append([]*Value(nil), m.popMark()...)
		if len(args) == 0 {
			m.underflow()
			m.push(unknown[0])
			return
		}
		m.call(args[0], args[1:])
		return
	}
	var keywords *Value
	if m.op == opNewObjEx {
		keywords = m.pop()
	}
	tuple, callee := m.pop(), m.pop()
	if tuple.Kind != Tuple && tuple.Kind != Unknown && !(tuple.Kind == CallResult && m.op == opReduce) {
		m.once("PKL009", fmt.Sprintf("%s with a %s for arguments, where a tuple belongs: loading breaks off here", opName(m.op), tuple.Kind))
	}
	args := tuple.Items
	if keywords != nil {
		args = append(args[:len(args):len(args)], keywords)
	}
	m.call(callee, args)
}

// call pushes the result of calling callee, after it has judged that.
func (m *machine) call(callee *Value, args []*Value) {
	result := m.value(CallResult)
	if result.Kind == CallResult {
		result.Callee = retained(callee)
		switch {
		case !result.passing:
			if m.memory -= itemCost * int64(len(args)); m.memory > 0 {
				result.Args = args
			}
		case len(args) <= 16:
			for _, a := range args {
				result.Args = append(result.Args, keepable(a))
			}
		}
	}
	m.recordCall(callee, args)
	switch {
	case !m.allowed(callee):
		m.problemAt(Problem{Rule: "PKL005", Offset: m.opAt, Opcode: opName(m.op), Import: callee.Path(),
			Message: fmt.Sprintf("calls %s, which is not known to be harmless", showCall(callee, args))})
	default:
		if why := badArguments(callee, args); why != "" {
			m.problemAt(Problem{Rule: why.rule(), Offset: m.opAt, Opcode: opName(m.op), Import: callee.Path(),
				Message: fmt.Sprintf("calls %s: %s", showCall(callee, args), why.text())})
		}
	}
	m.push(result)
}

func showCall(callee *Value, args []*Value) string {
	return (&Value{Kind: CallResult, Callee: callee, Args: args}).String()
}

func (m *machine) recordCall(callee *Value, args []*Value) {
	key := callKey{op: m.op}
	if callee.Kind == Import {
		key.callee = callee
		m.stream.Globals[callee.Int].Called = true
	} else {
		key.name = callee.Kind.String()
	}
	if at, ok := m.calls[key]; ok {
		m.stream.Calls[at].Count++
		return
	}
	name := callee.Path()
	if callee.Kind != Import {
		name = key.name
	}
	if m.calls == nil {
		m.calls = map[callKey]int{}
	}
	m.calls[key] = len(m.stream.Calls)
	var b strings.Builder
	(&Value{}).showItems(&b, "(", args, ")", 3)
	m.stream.Calls = append(m.stream.Calls, Call{Callee: name, Op: opName(m.op), Offset: m.opAt, Count: 1, Args: b.String()})
}

// build is load_build: it calls __setstate__ of what stands on the stack, or
// sets attributes of it.
func (m *machine) build() {
	state := m.pop()
	built := m.top()
	switch built.Kind {
	case Unknown:
		return
	case Import:
		m.report("PKL005", fmt.Sprintf("BUILD sets attributes of %s itself, for everything that uses it", built))
		return
	case CallResult:
	case PersistentID:
		return
	default:
		m.misplaced(built, "BUILD sets the state of a")
		return
	}
	whose := built
	if built.Callee != nil && built.Callee.Kind == Import {
		whose = built.Callee
	}
	m.recordCall(whose, []*Value{state})
	if !built.passing {
		built.State = retained(state)
	}
	m.attributes(built, state)
	if inline, err := m.opts.Inline(built); err != nil {
		m.report("PKL009", fmt.Sprintf("raw data follow %s, but not how many bytes: %v", built.describe(), err))
		m.stopped = true
	} else if inline != (Inline{}) {
		m.inline(inline)
	}
}

// attributes looks for state that changes what an object does: the lookups of
// load_build, do_append and do_setitems find methods in an instance's dict.
func (m *machine) attributes(built, state *Value) {
	dicts := []*Value{state}
	if state.Kind == Tuple && len(state.Items) == 2 {
		dicts = state.Items
	}
	for _, d := range dicts {
		if d.Kind != Dict {
			continue
		}
		for i := 0; i+1 < len(d.Items); i += 2 {
			key := d.Items[i]
			if key.Kind == String && (hooks[key.Text] || methods[key.Text] && callable(d.Items[i+1])) {
				m.report("PKL005", fmt.Sprintf("BUILD gives %s an attribute %s, which later opcodes or Python itself then call", built.describe(), quote(key.Text)))
				return
			}
		}
	}
}

// methods are those that opcodes look up in the object itself. Data may have
// such names as well.
var methods = map[string]bool{"append": true, "add": true}

func callable(v *Value) bool {
	return v == nil || v.Kind == Import || v.Kind == CallResult || v.Kind == Unknown || v.Kind == PersistentID || v.Kind == Extension
}

var hooks = map[string]bool{
	"__setstate__": true, "__class__": true, "__dict__": true, "__reduce__": true, "__reduce_ex__": true,
	"__getattr__": true, "__getattribute__": true, "__setitem__": true, "__init__": true, "__new__": true,
	"__call__": true, "__del__": true, "extend": true,
}

// persistentID is load_persid and load_binpersid: the loader's own function
// decides what it is. torch's ask for a storage.
func (m *machine) persistentID() {
	v := m.value(PersistentID)
	var id *Value
	if m.op == opPersID {
		kept, n := m.src.line(maxText)
		id = m.value(String)
		if id.Kind == String {
			id.Text, id.Int = string(kept), n
			m.memory -= int64(len(kept))
		}
	} else {
		id = m.pop()
	}
	if v.Kind == PersistentID {
		v.Items = []*Value{retained(id)}
		if v.passing {
			v.Items[0] = keepable(id)
		}
	}
	if !isTorchStorage(id) {
		m.report("PKL012", fmt.Sprintf("the persistent id %s is not torch's: whatever loads this decides what it means", id))
	}
	if len(m.stream.PersistentIDs) < maxPersIDs && !v.passing {
		m.stream.PersistentIDs = append(m.stream.PersistentIDs, v)
	} else {
		m.stream.Partial = true
	}
	m.push(v)
}

// isTorchStorage tells whether an id is what torch/serialization.py
// (persistent_id) writes: ('storage', storage type, key, location, elements),
// in its old format with a view of the storage as sixth.
func isTorchStorage(id *Value) bool {
	if id.Kind != Tuple || len(id.Items) < 5 || len(id.Items) > 6 {
		return false
	}
	kind, class, key := id.Items[0], id.Items[1], id.Items[2]
	return kind.Text == "storage" && class.Kind == Import && key.Kind == String && id.Items[3].Kind == String && id.Items[4].Kind == Int &&
		(class.Text == "torch" || class.Text == "torch.storage" || class.Text == "torch.cuda") && strings.HasSuffix(class.Name, "Storage")
}

// isTensor tells whether a value is what torch's functions rebuild.
func isTensor(v *Value) bool {
	return v.Callee != nil && v.Callee.Kind == Import &&
		(v.Callee.Text == "torch._utils" || v.Callee.Text == "torch._tensor") && strings.HasPrefix(v.Callee.Name, "_rebuild")
}

// extension is load_extension: the registry of the process that loads says
// what a code stands for.
func (m *machine) extension() {
	var code int64
	switch m.op {
	case opExt1:
		code = int64(m.src.byte())
	case opExt2:
		code = int64(m.src.uint16())
	default:
		code = int64(int32(m.src.uint32()))
	}
	m.report("PKL011", fmt.Sprintf("extension code %d: what it imports stands in the registry of the program that loads it (copyreg)", code))
	v := m.value(Extension)
	if v.Kind == Extension {
		v.Int = code
	}
	m.push(v)
}

// badArgument is why an allowed callee must not be called with its arguments:
// the rule and the reason.
type badArgument string

func (b badArgument) rule() string { return string(b[:6]) }
func (b badArgument) text() string { return string(b[7:]) }

// badArguments judges the arguments of those allowed callees for which they
// matter.
func badArguments(callee *Value, args []*Value) badArgument {
	switch callee.Name {
	case "encode", "type", "bytes", "bytearray":
	default:
		return ""
	}
	module, name := canonicalName(callee.Text, callee.Name)
	switch module + "." + name {
	case "_codecs.encode":
		// Pickles of protocol 2 bring bytes as str in Latin-1. Other codecs are
		// modules that are imported by name.
		if len(args) == 2 && args[1].Kind == String && (args[1].Text == "latin1" || args[1].Text == "latin-1") {
			return ""
		}
		if len(args) == 1 {
			return ""
		}
		return "PKL001 a codec other than latin1 is imported by its name"
	case "builtins.type":
		if len(args) != 1 {
			return "PKL005 it makes a new class of what the pickle says"
		}
	case "builtins.bytes", "builtins.bytearray":
		if len(args) == 1 && args[0].Kind == Int && (args[0].Int > 1<<30 || args[0].Text != "") {
			return "PKL013 so many bytes are allocated when it is loaded"
		}
	}
	return ""
}
