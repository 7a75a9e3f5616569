package pickle

import "fmt"

// The opcodes, as Lib/pickletools.py and the enum of Modules/_pickle.c list
// them.
const (
	opMark           = '('
	opStop           = '.'
	opPop            = '0'
	opPopMark        = '1'
	opDup            = '2'
	opFloat          = 'F'
	opInt            = 'I'
	opBinInt         = 'J'
	opBinInt1        = 'K'
	opLong           = 'L'
	opBinInt2        = 'M'
	opNone           = 'N'
	opPersID         = 'P'
	opBinPersID      = 'Q'
	opReduce         = 'R'
	opString         = 'S'
	opBinString      = 'T'
	opShortBinString = 'U'
	opUnicode        = 'V'
	opBinUnicode     = 'X'
	opAppend         = 'a'
	opBuild          = 'b'
	opGlobal         = 'c'
	opDict           = 'd'
	opEmptyDict      = '}'
	opAppends        = 'e'
	opGet            = 'g'
	opBinGet         = 'h'
	opInst           = 'i'
	opLongBinGet     = 'j'
	opList           = 'l'
	opEmptyList      = ']'
	opObj            = 'o'
	opPut            = 'p'
	opBinPut         = 'q'
	opLongBinPut     = 'r'
	opSetItem        = 's'
	opTuple          = 't'
	opEmptyTuple     = ')'
	opSetItems       = 'u'
	opBinFloat       = 'G'

	opProto    = 0x80 // protocol 2
	opNewObj   = 0x81
	opExt1     = 0x82
	opExt2     = 0x83
	opExt4     = 0x84
	opTuple1   = 0x85
	opTuple2   = 0x86
	opTuple3   = 0x87
	opNewTrue  = 0x88
	opNewFalse = 0x89
	opLong1    = 0x8a
	opLong4    = 0x8b

	opBinBytes      = 'B' // protocol 3
	opShortBinBytes = 'C'

	opShortBinUnicode = 0x8c // protocol 4
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opEmptySet        = 0x8f
	opAddItems        = 0x90
	opFrozenSet       = 0x91
	opNewObjEx        = 0x92
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95

	opByteArray8     = 0x96 // protocol 5
	opNextBuffer     = 0x97
	opReadonlyBuffer = 0x98
)

// highestProtocol is what CPython reads.
const highestProtocol = 5

// opcodes has the name of each opcode and the protocol that brought it.
var opcodes = [256]struct {
	name     string
	protocol int
}{
	opMark: {"MARK", 0}, opStop: {"STOP", 0}, opPop: {"POP", 0}, opPopMark: {"POP_MARK", 1}, opDup: {"DUP", 0},
	opFloat: {"FLOAT", 0}, opInt: {"INT", 0}, opBinInt: {"BININT", 1}, opBinInt1: {"BININT1", 1}, opLong: {"LONG", 0},
	opBinInt2: {"BININT2", 1}, opNone: {"NONE", 0}, opPersID: {"PERSID", 0}, opBinPersID: {"BINPERSID", 1},
	opReduce: {"REDUCE", 0}, opString: {"STRING", 0}, opBinString: {"BINSTRING", 1}, opShortBinString: {"SHORT_BINSTRING", 1},
	opUnicode: {"UNICODE", 0}, opBinUnicode: {"BINUNICODE", 1}, opAppend: {"APPEND", 0}, opBuild: {"BUILD", 0},
	opGlobal: {"GLOBAL", 0}, opDict: {"DICT", 0}, opEmptyDict: {"EMPTY_DICT", 1}, opAppends: {"APPENDS", 1}, opGet: {"GET", 0},
	opBinGet: {"BINGET", 1}, opInst: {"INST", 0}, opLongBinGet: {"LONG_BINGET", 1}, opList: {"LIST", 0},
	opEmptyList: {"EMPTY_LIST", 1}, opObj: {"OBJ", 1}, opPut: {"PUT", 0}, opBinPut: {"BINPUT", 1},
	opLongBinPut: {"LONG_BINPUT", 1}, opSetItem: {"SETITEM", 0}, opTuple: {"TUPLE", 0}, opEmptyTuple: {"EMPTY_TUPLE", 1},
	opSetItems: {"SETITEMS", 1}, opBinFloat: {"BINFLOAT", 1},
	opProto: {"PROTO", 2}, opNewObj: {"NEWOBJ", 2}, opExt1: {"EXT1", 2}, opExt2: {"EXT2", 2}, opExt4: {"EXT4", 2},
	opTuple1: {"TUPLE1", 2}, opTuple2: {"TUPLE2", 2}, opTuple3: {"TUPLE3", 2}, opNewTrue: {"NEWTRUE", 2},
	opNewFalse: {"NEWFALSE", 2}, opLong1: {"LONG1", 2}, opLong4: {"LONG4", 2},
	opBinBytes: {"BINBYTES", 3}, opShortBinBytes: {"SHORT_BINBYTES", 3},
	opShortBinUnicode: {"SHORT_BINUNICODE", 4}, opBinUnicode8: {"BINUNICODE8", 4}, opBinBytes8: {"BINBYTES8", 4},
	opEmptySet: {"EMPTY_SET", 4}, opAddItems: {"ADDITEMS", 4}, opFrozenSet: {"FROZENSET", 4}, opNewObjEx: {"NEWOBJ_EX", 4},
	opStackGlobal: {"STACK_GLOBAL", 4}, opMemoize: {"MEMOIZE", 4}, opFrame: {"FRAME", 4},
	opByteArray8: {"BYTEARRAY8", 5}, opNextBuffer: {"NEXT_BUFFER", 5}, opReadonlyBuffer: {"READONLY_BUFFER", 5},
}

func opName(op byte) string {
	if name := opcodes[op].name; name != "" {
		return name
	}
	return fmt.Sprintf("0x%02x", op)
}
