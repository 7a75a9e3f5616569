package ledger

import (
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// decoder turns lines into events. It remembers the names and versions that
// it has checked, because a ledger says the same few again and again.
type decoder struct {
	scanner
	names    map[string]bool
	versions map[string]ref.Version
}

// parse reads one line; the event's strings are parts of it.
func (d *decoder) parse(line string) (Event, error) {
	if len(line) > maxLine {
		return Event{}, fmt.Errorf("the line has %d bytes, at most %d", len(line), maxLine)
	}
	e, err := d.event(line)
	if err == nil && e.Known() {
		return e, e.checkDecoded()
	}
	// What a newer writer calls "version" may not be what we call so: of its
	// events only the chain is asked for.
	if newer, nerr := d.header(line); nerr == nil {
		return newer, nil
	}
	if err == nil {
		err = fmt.Errorf("apiVersion %q, kind %q: not an event of waybill", clip(e.APIVersion), clip(string(e.Kind)))
	}
	return Event{}, err
}

// event reads a line all of whose fields mean what this release thinks.
func (d *decoder) event(line string) (Event, error) {
	d.scanner = scanner{s: line}
	var e Event
	err := d.object(func(key string) error { return d.field(&e, key) })
	if err == nil {
		err = d.end()
	}
	return e, err
}

// header reads the line of a newer writer.
func (d *decoder) header(line string) (Event, error) {
	d.scanner = scanner{s: line}
	var e Event
	err := d.object(func(key string) error {
		switch key {
		case "apiVersion", "kind", "previous", "seq":
			return d.field(&e, key)
		case "artifact", "time":
			// Only to show it, if it still is what it was.
			start := d.pos
			if d.field(&e, key) == nil {
				return nil
			}
			d.pos = start
		}
		return d.skip()
	})
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return Event{}, err
	}
	if e.Known() || e.APIVersion == "" || len(e.APIVersion) > maxLogin || !isWord(string(e.Kind)) {
		return Event{}, fmt.Errorf("not of a newer waybill")
	}
	return e, e.checkChain()
}

func (d *decoder) field(e *Event, key string) (err error) {
	switch key {
	case "actor":
		e.Actor, err = d.actor()
	case "apiVersion":
		e.APIVersion, err = d.text()
	case "approvals":
		err = d.array(func() error {
			a, err := d.approval()
			e.Approvals = append(e.Approvals, a)
			return err
		})
	case "artifact":
		e.Artifact, err = d.name(ref.CheckName)
	case "artifactKind":
		e.ArtifactKind, err = d.text()
	case "commit":
		e.Commit, err = d.text()
	case "contentDigest":
		e.ContentDigest, err = d.digest(key)
	case "digest":
		e.Digest, err = d.digest(key)
	case "evidence":
		e.Evidence, err = d.evidence()
	case "from":
		e.From, err = d.version()
	case "kind":
		var s string
		s, err = d.text()
		e.Kind = Kind(s)
	case "policyDigest":
		e.PolicyDigest, err = d.digest(key)
	case "previous":
		e.Previous, err = d.text()
	case "reason":
		e.Reason, err = d.text()
	case "run":
		e.Run, err = d.text()
	case "seq":
		e.Seq, err = d.integer()
	case "signed":
		e.Signed, err = d.signed()
	case "stage":
		e.Stage, err = d.name(ref.CheckStage)
	case "time":
		e.Time, err = d.time()
	case "version":
		e.Version, err = d.version()
	default:
		err = d.skip()
	}
	return err
}

func (d *decoder) actor() (Actor, error) {
	var a Actor
	err := d.object(func(key string) (err error) {
		switch key {
		case "id":
			a.ID, err = d.integer()
		case "login":
			a.Login, err = d.text()
		default:
			err = d.skip()
		}
		return err
	})
	return a, err
}

func (d *decoder) approval() (Approval, error) {
	var a Approval
	err := d.object(func(key string) (err error) {
		switch key {
		case "at":
			a.At, err = d.time()
		case "id":
			a.ID, err = d.integer()
		case "login":
			a.Login, err = d.text()
		case "via":
			a.Via, err = d.text()
		default:
			err = d.skip()
		}
		return err
	})
	return a, err
}

func (d *decoder) signed() (*Signed, error) {
	s := new(Signed)
	err := d.object(func(key string) (err error) {
		switch key {
		case "signature":
			s.Signature, err = d.text()
		case "statement":
			s.Statement, err = d.text()
		default:
			err = d.skip()
		}
		return err
	})
	return s, err
}

// evidence reads digests by kind; what is neither that nor a verdict comes
// from a newer writer.
func (d *decoder) evidence() (*Evidence, error) {
	e := new(Evidence)
	err := d.object(func(key string) (err error) {
		switch {
		case key == "report":
			e.Report, err = d.digest("evidence.report")
			return err
		case key == "verdicts":
			return d.object(func(group string) error {
				verdict, err := d.text()
				if e.Verdicts == nil {
					e.Verdicts = map[string]string{}
				}
				e.Verdicts[group] = verdict
				return err
			})
		}
		start := d.pos
		if digest, err := d.digest(key); err == nil && isWord(key) {
			if e.Others == nil {
				e.Others = map[string]ref.Digest{}
			}
			e.Others[key] = digest
			return nil
		}
		d.pos = start
		return d.skip()
	})
	return e, err
}

func (d *decoder) digest(what string) (ref.Digest, error) {
	s, err := d.text()
	if err != nil {
		return "", err
	}
	digest, err := ref.ParseDigest(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", clip(what), err)
	}
	return digest, nil
}

func (d *decoder) version() (ref.Version, error) {
	s, err := d.text()
	if err != nil {
		return ref.Version{}, err
	}
	if v, ok := d.versions[s]; ok {
		return v, nil
	}
	v, err := ref.ParseVersion(s)
	if err != nil {
		return ref.Version{}, err
	}
	if d.versions == nil {
		d.versions = map[string]ref.Version{}
	}
	d.versions[s] = v
	return v, nil
}

// name reads an artifact or a stage; they follow one rule.
func (d *decoder) name(check func(string) error) (string, error) {
	s, err := d.text()
	if err != nil || d.names[s] {
		return s, err
	}
	if err := check(s); err != nil {
		return "", err
	}
	if d.names == nil {
		d.names = map[string]bool{}
	}
	d.names[s] = true
	return s, nil
}

// time reads YYYY-MM-DDTHH:MM:SSZ. Other forms of RFC 3339 are refused: two
// ways to write an instant would be two lines for one event.
func (d *decoder) time() (time.Time, error) {
	s, err := d.text()
	if err != nil {
		return time.Time{}, err
	}
	if len(s) == len("2006-01-02T15:04:05Z") && s[10] == 'T' && s[13] == ':' && s[19] == 'Z' {
		if t, err := time.Parse(time.RFC3339, s); err == nil && t.Unix() >= 0 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: write it like 2026-03-01T12:00:00Z", clip(s))
}
