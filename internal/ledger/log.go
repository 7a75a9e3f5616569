package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Log is a verified ledger: every event in order, none missing.
type Log struct {
	events []Event
	head   Head
}

// Events returns all events, oldest first. The caller must not change them.
func (l *Log) Events() []Event { return l.events }

// Head returns the end of the chain.
func (l *Log) Head() Head { return l.head }

// Unknown returns the events that only a newer waybill understands. Readers
// say so; Next refuses to append behind them.
func (l *Log) Unknown() []Event {
	var unknown []Event
	for _, e := range l.events {
		if !e.Known() {
			unknown = append(unknown, e)
		}
	}
	return unknown
}

// AsOf returns the events with a time up to and including t, ordered by seq:
// what was on record at t. Times go forward for each artifact but not across
// artifacts, so this need not be a prefix of the log. An event of a newer
// waybill whose time cannot be read is kept.
func (l *Log) AsOf(t time.Time) []Event {
	var events []Event
	for _, e := range l.events {
		if !e.Time.After(t) {
			events = append(events, e)
		}
	}
	return events
}

// Read verifies the chain over the event files of the ledger's branch. names
// are paths on the branch in any order, those outside events/ are left alone;
// read returns a file's content. Whatever is not as waybill wrote it, down to
// a byte, is a *CorruptError; an error of read is returned wrapped. No file at
// all is an empty ledger.
func Read(names []string, read func(name string) ([]byte, error)) (*Log, error) {
	var files []string
	for _, name := range names {
		if strings.HasPrefix(name, folder) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	for i, name := range files {
		if want := FileName(int64(i)*EventsPerFile + 1); name != want {
			return nil, &CorruptError{File: name, Reason: fmt.Sprintf("%s is expected here: a file is missing or does not belong", want)}
		}
	}
	r := reader{newest: map[string]time.Time{}}
	for i, name := range files {
		data, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("ledger: read %s: %w", name, err)
		}
		if err := r.file(name, data, i == len(files)-1); err != nil {
			return nil, err
		}
	}
	return &r.log, nil
}

// reader verifies files one after the other.
type reader struct {
	log     Log
	decoder decoder
	newest  map[string]time.Time // by artifact
}

func (r *reader) file(name string, data []byte, last bool) error {
	corrupt := func(reason string) error { return &CorruptError{File: name, Reason: reason} }
	switch {
	case len(data) > maxFile:
		return corrupt(fmt.Sprintf("%d bytes, at most %d", len(data), maxFile))
	case len(data) == 0:
		return corrupt("the file is empty")
	case data[len(data)-1] != '\n':
		return corrupt("the last line does not end in a newline: the file is cut off")
	}
	// One copy of the file; the events' strings are parts of it.
	text := string(data)
	for rest := text; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		if len(text) > len(rest) && r.log.head.Seq%EventsPerFile == 0 {
			return corrupt(fmt.Sprintf("more than %d lines", EventsPerFile))
		}
		start := len(text) - len(rest)
		if err := r.line(line, data[start:start+len(line)]); err != nil {
			return err
		}
		rest = after
	}
	if !last && r.log.head.Seq%EventsPerFile != 0 {
		return corrupt(fmt.Sprintf("%d lines, %d expected because another file follows: events are missing", lineNumber(r.log.head.Seq), EventsPerFile))
	}
	return nil
}

// line verifies one line and appends its event. raw has the same bytes, to be
// hashed without another copy.
func (r *reader) line(line string, raw []byte) error {
	head := &r.log.head
	seq := head.Seq + 1
	e, err := r.decoder.parse(line)
	switch {
	case err != nil:
		return corruptAt(seq, err.Error())
	case e.Seq != seq:
		return corruptAt(seq, fmt.Sprintf("seq is %d, expected %d: events are missing or stand twice", e.Seq, seq))
	case e.Previous != head.previous():
		return corruptAt(seq, fmt.Sprintf("previous is %s, the line before has %s: one of the two was changed", e.Previous, head.previous()))
	}
	if e.Known() {
		if newest := r.newest[e.Artifact]; e.Time.Before(newest) {
			return corruptAt(seq, fmt.Sprintf("time %s lies before an earlier event of %s (%s)", stamp(e.Time), e.Artifact, stamp(newest)))
		}
		r.newest[e.Artifact] = e.Time
	}
	e.hash = Hash(raw)
	head.Seq, head.Hash = seq, e.hash
	r.log.events = append(r.log.events, e)
	return nil
}

// Append returns the files that change, with their new content, when lines
// are added behind head. read returns a file as it is at head; it is asked for
// at most one. The lines are verified first: they must continue the chain.
func Append(read func(name string) ([]byte, error), head Head, lines [][]byte) (map[string][]byte, error) {
	changed := map[string][]byte{}
	end := head
	for _, line := range lines {
		e, err := Parse(line)
		seq := end.Seq + 1
		switch {
		case err != nil:
			return nil, fmt.Errorf("ledger: append event %d: %w", seq, err)
		case e.Seq != seq || e.Previous != end.previous():
			return nil, fmt.Errorf("ledger: append event %d: the line does not follow event %d (its seq is %d); take seq and previous from Next", seq, end.Seq, e.Seq)
		}
		name := FileName(seq)
		if _, ok := changed[name]; !ok && lineNumber(seq) > 1 {
			if changed[name], err = readTail(read, name, head); err != nil {
				return nil, err
			}
		}
		changed[name] = append(append(changed[name], line...), '\n')
		end = Head{Seq: seq, Hash: e.hash}
	}
	return changed, nil
}

// readTail reads the newest file and proves that it ends at head, so that
// nothing is appended to another ledger's file.
func readTail(read func(name string) ([]byte, error), name string, head Head) ([]byte, error) {
	data, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("ledger: read %s: %w", name, err)
	}
	text, ended := strings.CutSuffix(string(data), "\n")
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if n := strings.Count(text, "\n") + 1; !ended || n != lineNumber(head.Seq) || Hash([]byte(last)) != head.Hash {
		return nil, corruptAt(head.Seq, "the file does not end in the newest event that was read: it was changed meanwhile")
	}
	return slices.Clip(data), nil
}

// stamp writes a time as events do.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
