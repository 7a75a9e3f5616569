package pickle

// Rule is one kind of Problem.
type Rule struct {
	ID      string
	Warning bool   // it does not make a file unsafe by itself
	Doc     string // what is wrong and why it matters
	Hint    string // what to do
}

// Rules are all that a scan may report.
var Rules = []Rule{
	{"PKL001", false, "The pickle imports something that runs code, reaches files, the network or other names.", "do not load the file; ask who made it for a format without code: safetensors, ONNX"},
	{"PKL002", false, "The pickle imports something that is not known to be harmless. Importing a module runs it, and loading may call what is imported.", "save plain data (a state_dict, arrays) instead of objects, or allow the import after you have read its code"},
	{"PKL003", false, "A name to import has dots: it is reached through attributes, by which one module leads into any other.", "do not load the file, unless you know the class that is nested there"},
	{"PKL004", false, "What is imported is put together on the stack and cannot be told.", "do not load the file: picklers do not write that"},
	{"PKL005", false, "Something that is not known to be harmless is called, or made to be called.", "do not load the file, unless you have read what is called"},
	{"PKL006", false, "The result of a call is thrown away: it was called for its effect.", "do not load the file: picklers do not write that"},
	{"PKL007", false, "Frames do not fit: CPython's two unpicklers read different pickles from the same bytes, and so may scanners.", "do not load the file: picklers do not write that"},
	{"PKL008", false, "PROTO stands where it does not belong or names a protocol that does not exist.", "do not load the file: picklers do not write that"},
	{"PKL009", false, "The stream breaks off or cannot be run. What comes before the break is run when it is loaded.", "get the file again; if its digest is as it should be, do not load it"},
	{"PKL010", true, "More follows after the end of the first pickle. torch's old format has that; other loaders ignore it or run it.", "make sure that the program that loads the file expects it"},
	{"PKL011", false, "What is imported stands in a registry of the program that loads the file (copyreg extensions).", "save the file again without extension codes"},
	{"PKL012", false, "A persistent id that is not torch's: the program that loads the file decides what it means.", "save plain data instead"},
	{"PKL013", false, "Loading or using the value takes far more memory or time than its bytes tell.", "do not load the file"},
	{"PKL014", true, "A string holds another pickle. Loading the file does not run it; something that unpickles the string does.", "find out what the string is for"},
	{"PKL015", false, "The memo is used as no pickler uses it, which hides from simpler scanners what is imported.", "do not load the file: picklers do not write that"},
	{"PKL016", false, "The pickle wants data from outside of itself.", "save the file again without out-of-band buffers"},
	{"PKL017", false, "A length or number is so large that reading it exhausts memory or time.", "do not load the file"},
}

func isWarning(id string) bool {
	for _, r := range Rules {
		if r.ID == id {
			return r.Warning
		}
	}
	return false
}
