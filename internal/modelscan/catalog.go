package modelscan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/pickle"
)

// Rule is one kind of finding.
type Rule struct {
	ID    string
	Title string // what is found
	Why   string // why it matters
	Hint  string // what to do next
	Refs  string // vulnerabilities in which it was used
}

// Catalog returns all rules, in the order of the documentation. Those about the
// structure of safetensors and GGUF files are of package modelfile; see Lookup.
func Catalog() []Rule {
	out := slices.Clone(rules)
	for _, r := range pickle.Rules {
		title, why, _ := strings.Cut(r.Doc, ". ")
		out = append(out, Rule{ID: r.ID, Title: strings.TrimSuffix(title, "."), Why: why, Hint: r.Hint, Refs: pickleRefs[r.ID]})
	}
	return out
}

// Lookup returns the rule with an ID.
func Lookup(id string) (Rule, bool) {
	if i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id }); i >= 0 {
		return rules[i], true
	}
	for _, r := range Catalog() {
		if r.ID == id {
			return r, true
		}
	}
	if doc := modelfile.RuleDoc(id); doc != "" {
		return Rule{ID: id, Title: "The file breaks a rule of its format", Why: doc, Hint: "get the file again, or write it again with the library of its format"}, true
	}
	return Rule{}, false
}

var pickleRefs = map[string]string{
	"PKL001": "CVE-2025-1716 (picklescan, pip.main), CVE-2025-32434 (torch), CVE-2024-34997 (joblib), CVE-2020-13092 (scikit-learn), CVE-2019-6446 (NumPy), GHSA-vvpj-8cmc-gx39 (pkgutil.resolve_name)",
	"PKL002": "CVE-2025-10157 (picklescan, submodules)",
	"PKL009": "nullifAI: a payload before a stream that breaks off",
}

const tamper = "do not load the file; get it again from whoever made it"

var rules = []Rule{
	{"ARC001", "The name says one format, the content is another", "Scanners and people that trust the name do not look for what the content can do; loaders often go by the content.", "name the file for what it is, or do not use it", "CVE-2025-1889, CVE-2025-10155 (picklescan)"},
	{"ARC002", "A member of a zip file is marked as encrypted, patched or masked", "Some readers refuse such members and see nothing; torch's reader ignores the mark and loads them.", tamper, "CVE-2025-1945 (picklescan)"},
	{"ARC003", "The bytes of a member do not have the checksum that the zip file says", "Readers that check refuse them; readers that do not check load them.", tamper, "CVE-2025-10156 (picklescan)"},
	{"ARC004", "The directory of a zip file and the headers of its members disagree", "What one reader sees is not what another one loads.", tamper, "CVE-2025-1944 (picklescan)"},
	{"ARC005", "Two members have one name", "Some readers take the first, others the last.", tamper, ""},
	{"ARC006", "A name leaves the folder, or a member is a link or device", "Unpacking it writes or reads outside of the folder.", "do not unpack the file", "CVE-2025-51480 (ONNX), CVE-2024-27318 (ONNX)"},
	{"ARC007", "An archive is far larger inside than outside, or nested too deep", "Unpacking fills memory or disk; what lies behind a limit was not looked into.", "unpack it with limits and scan what is inside", ""},
	{"ARC008", "A member is encrypted", "It cannot be looked into.", "unpack it and scan what is inside, or publish it without a password", ""},
	{"ARC009", "A wrapper or compression that cannot be looked into, or one that breaks off", "What is inside was not scanned.", "unpack it and scan what is inside", "nullifAI: PyTorch files in 7z"},
	{"ARC010", "A program, library, or source code is inside", "A model is data; whoever unpacks or imports this runs code.", "remove it from the model, or read it before you load the model", ""},
	{"ARC011", "A zip file has bytes around or between its members, or is something else as well", "Two programs read two different files from the same bytes.", tamper, ""},

	{"HFR001", "The configuration names code that is loaded with the model", "With trust_remote_code the code of the repository, or of another one, runs on whoever loads the model.", "read the code, pin its revision, and load without trust_remote_code where possible", ""},
	{"HFR002", "A configuration or metadata holds a secret", "Whoever can read the model can use it.", "revoke the secret, then remove it from the file and publish again", ""},
	{"JNJ001", "A chat template reaches outside of its text", "A template is a program. Rendered outside of a sandbox it runs commands.", "do not use the template; take one from the model's authors", "CVE-2024-34359 (llama-cpp-python), CVE-2026-5760 (SGLang)"},

	{"KRS001", "A Keras model has a Lambda layer", "A Lambda holds Python bytecode that runs with the model.", "replace the Lambda by a registered layer", "CVE-2024-3660"},
	{"KRS002", "A Keras configuration names something outside of Keras", "Deserialization imports the module and calls what it finds there.", "do not load the file, unless the package is yours", "CVE-2025-1550"},
	{"KRS003", "A Keras configuration calls get_file", "Loading the model downloads any address to any place, also with safe_mode.", "do not load the file", "CVE-2025-8747"},
	{"KRS004", "A Keras configuration switches safe_mode off", "What follows in the file is loaded without protection.", "do not load the file", "CVE-2025-9906"},
	{"KRS005", "A Keras model has a TorchModuleWrapper", "Its content is a pickle, loaded with torch.load.", "do not load the file", "CVE-2025-49655"},
	{"KRS006", "A Keras .h5 model has a Lambda layer", "For .h5 files Keras ignores safe_mode.", "replace the Lambda by a registered layer and save as .keras", "CVE-2025-9905"},
	{"KRS007", "A .keras file keeps weights as .npz or pickle", "These are loaded with pickle allowed.", "save the model again, so that it has model.weights.h5", ""},
	{"KRS008", "An HDF5 file takes data from other files", "Loading the model reads any file of the machine into its weights, where whoever gets the model or its answers can see it.", "do not load the file; save the model again with all its data in it", "CVE-2026-1669"},

	{"ONX001", "External data of an ONNX model are outside of its folder, or not as said", "Loading reads any file of the machine into the model.", "do not load the file; keep external data beside the model", "CVE-2022-25882, CVE-2024-27318, CVE-2025-51480"},
	{"ONX002", "An ONNX model uses operators that ONNX Runtime does not bring", "They need a library of native code.", "export the model without custom operators, or ship and review the library", ""},
	{"ONX003", "An ONNX model uses an operator that runs Python", "Running the model runs Python code.", "export the model without it", ""},
	{"ONX004", "An ONNX model needs a set of operators that is not known", "Runtimes refuse it or misread it.", "export the model for a released set of operators", ""},

	{"SKO001", "A skops file has a type that skops does not trust by itself", "Loading imports its module and builds the object.", "trust it by name only after you have read its code", ""},
	{"SKO002", "A node of a skops file builds something else than it says", "The type that people are asked to trust is not the one that is used.", "do not load the file", "CVE-2025-54412, CVE-2025-54413"},
	{"TFS001", "A TensorFlow graph calls Python", "Running the model runs a Python function.", "export the model without py_function", ""},
	{"TFS002", "A TensorFlow graph reads or writes files", "Running the model reads or overwrites any file of the process.", "do not load the file, unless you know why it does so", ""},
	{"TFS003", "A TensorFlow graph has other operators that touch files", "They open files by name when the model runs.", "find out which files they open", ""},
	{"TSC001", "TorchScript code opens files", "Running the model opens files by name.", "find out which files it opens", ""},
	{"TSC002", "TorchScript code calls operators that PyTorch does not bring", "They need a library of native code.", "ship and review the library, or export the model without it", ""},
	{"WVR001", "A waiver has expired", "What it allowed is not allowed any more.", "mend what was waived, or decide again and set a new date", ""},
	{"WVR002", "A waiver matches nothing", "It may hide something later that nobody has decided about.", "remove it", ""},
}

// DocsFile is where the catalog is documented.
const DocsFile = "docs/security-rules.md"

// Markdown is the catalog as documentation.
func Markdown() string {
	var b strings.Builder
	for _, r := range Catalog() {
		fmt.Fprintf(&b, "### %s\n\n%s.", r.ID, strings.TrimSuffix(r.Title, "."))
		if r.Why != "" {
			fmt.Fprintf(&b, " %s", r.Why)
		}
		fmt.Fprintf(&b, "\n\n*What to do*: %s.\n\n", r.Hint)
		if r.Refs != "" {
			fmt.Fprintf(&b, "*Known from*: %s.\n\n", r.Refs)
		}
	}
	return b.String()
}
