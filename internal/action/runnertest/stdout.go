package runnertest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Limits of what becomes an annotation (ExecutionContext.cs:
// _maxCountPerIssueType, _maxIssueMessageLength; characters are UTF-16 units).
const (
	IssuesPerType = 10
	MessageLength = 4096
)

// Command is a workflow command as the runner understood it.
type Command struct {
	Name       string
	Properties map[string]string
	Data       string
}

// Result is what the runner made of a step's output.
type Result struct {
	// Commands are those that took effect, in order.
	Commands []Command
	// Issues are the errors, warnings and notices that become annotations:
	// the first IssuesPerType of each, messages cut to MessageLength.
	Issues []Command
	// Log is what was no command and is only shown.
	Log []string
	// Masks are the secrets that the log hides from then on.
	Masks []string
	// Stopped tells that commands were off at the end of the output.
	Stopped bool
	// Failed has what fails the step or makes it warn about a command.
	Failed []string
}

const stopCommands = "stop-commands"

// registered are the commands of ActionCommandManager.cs.
var registered = []string{
	stopCommands, "set-env", "set-output", "save-state", "add-mask", "add-path", "add-matcher", "remove-matcher",
	"debug", "warning", "error", "notice", "group", "endgroup", "echo",
}

// Lines cuts output as .NET's StreamReader.ReadLine does: at LF, CR LF and CR.
func Lines(output string) []string {
	output = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(output)
	all := strings.Split(output, "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// ParseStdout goes through lines of output as TryProcessCommand does. Standard
// error is read in the same way.
func ParseStdout(lines []string) Result {
	var r Result
	token := ""
	for _, line := range lines {
		c, ok := parseV2(line, token)
		if !ok {
			c, ok = parseV1(line, token)
		}
		switch {
		case !ok:
			r.Log = append(r.Log, line)
		case r.Stopped && token != "" && strings.EqualFold(c.Name, token):
			r.Stopped, token = false, ""
		case r.Stopped:
			r.Log = append(r.Log, line)
		case strings.EqualFold(c.Name, stopCommands):
			// ValidateStopToken: not empty, not the name of a command.
			if c.Data == "" || isRegistered(c.Data, "") || strings.EqualFold(c.Data, "pause-logging") {
				r.Failed = append(r.Failed, fmt.Sprintf("invalid stop-commands token %q", c.Data))
				continue
			}
			r.Stopped, token = true, c.Data
		default:
			r.take(c)
		}
	}
	return r
}

// take is what each command does, as far as tests ask.
func (r *Result) take(c Command) {
	r.Commands = append(r.Commands, c)
	switch name := strings.ToLower(c.Name); name {
	case "set-env", "add-path":
		r.Failed = append(r.Failed, "the command "+name+" is disabled")
	case "add-mask":
		if strings.TrimFunc(c.Data, unicode.IsSpace) == "" {
			r.Failed = append(r.Failed, "can't add secret mask for empty string")
			return
		}
		r.Masks = append(r.Masks, c.Data)
		for _, l := range Lines(c.Data) {
			if l != c.Data && strings.TrimFunc(l, unicode.IsSpace) != "" {
				r.Masks = append(r.Masks, l)
			}
		}
	case "error", "warning", "notice":
		r.issue(name, c)
	}
}

func (r *Result) issue(name string, c Command) {
	same := 0
	for _, i := range r.Issues {
		if strings.EqualFold(i.Name, name) {
			same++
		}
	}
	if same >= IssuesPerType {
		return
	}
	if units := utf16.Encode([]rune(c.Data)); len(units) > MessageLength {
		c.Data = string(utf16.Decode(units[:MessageLength]))
	}
	r.Issues = append(r.Issues, c)
}

// parseV2 reads ::name key=value,key=value::data (ActionCommand.TryParseV2).
func parseV2(line, token string) (Command, bool) {
	line = strings.TrimLeftFunc(line, unicode.IsSpace)
	rest, ok := strings.CutPrefix(line, "::")
	if !ok {
		return Command{}, false
	}
	info, data, ok := strings.Cut(rest, "::")
	if !ok {
		return Command{}, false
	}
	return command(info, data, ",", token, unescapeProperty, unescapeData)
}

// parseV1 reads ##[name key=value;key=value]data, wherever in the line it
// begins (ActionCommand.TryParse).
func parseV1(line, token string) (Command, bool) {
	_, rest, ok := strings.Cut(line, "##[")
	if !ok {
		return Command{}, false
	}
	info, data, ok := strings.Cut(rest, "]")
	if !ok {
		return Command{}, false
	}
	return command(info, data, ";", token, unescapeV1, unescapeV1)
}

func command(info, data, separator, token string, property, text *unescaper) (Command, bool) {
	name, properties, _ := strings.Cut(info, " ")
	if !isRegistered(name, token) {
		return Command{}, false
	}
	c := Command{Name: name, Properties: map[string]string{}, Data: text.replace(data)}
	for _, p := range strings.Split(strings.TrimFunc(properties, unicode.IsSpace), separator) {
		// Split(…, 2, RemoveEmptyEntries) skips leading separators, too.
		key, value, ok := strings.Cut(strings.TrimLeft(p, "="), "=")
		if ok && value != "" {
			c.Properties[strings.ToLower(key)] = property.replace(value)
		}
	}
	return c, true
}

func isRegistered(name, token string) bool {
	return token != "" && strings.EqualFold(name, token) ||
		slices.ContainsFunc(registered, func(r string) bool { return strings.EqualFold(r, name) })
}

// unescaper replaces one sequence after the other through the whole text, as
// the runner does; % comes last, so that %250A is the text "%0A".
type unescaper []string

var (
	unescapeData     = &unescaper{"%0D", "\r", "%0A", "\n", "%25", "%"}
	unescapeProperty = &unescaper{"%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%"}
	unescapeV1       = &unescaper{"%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%"}
)

func (u *unescaper) replace(s string) string {
	for i := 0; i < len(*u); i += 2 {
		s = strings.ReplaceAll(s, (*u)[i], (*u)[i+1])
	}
	return s
}
