package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// minSession is the smallest blob whose upload is worth a file.
	minSession = 16 << 20
	// maxSessionAge is after how long no registry is expected to know an
	// upload any more.
	maxSessionAge  = 7 * 24 * time.Hour
	maxSessionFile = 32 << 10
)

// session remembers one upload between runs: a file that holds its location,
// which may contain secrets, beside a lock that keeps a second process from
// going on with what the first one is at. All of it is best effort; without,
// an upload begins again. A nil session remembers nothing.
type session struct {
	path string
	lock *flock.Flock
	now  func() time.Time
}

// remembered is what the file holds. Repository and digest are in its name
// already, and here for whoever reads it.
type remembered struct {
	Repository string    `json:"repository"`
	Digest     string    `json:"digest"`
	Location   string    `json:"location"`
	Time       time.Time `json:"time"`
}

// openSession returns the session of a blob, or nil when dir is "", the blob
// is small, or another process is pushing the same one.
func openSession(dir string, now func() time.Time, repository string, desc ocispec.Descriptor) *session {
	if dir == "" || desc.Size < minSession || os.MkdirAll(dir, 0o700) != nil {
		return nil
	}
	sum := sha256.Sum256([]byte(repository + string(desc.Digest)))
	path := filepath.Join(dir, hex.EncodeToString(sum[:]))
	removeOld(dir, now())
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); !ok || err != nil {
		return nil
	}
	// The owner before may have removed the file after it was opened here, and
	// somebody else locked a new one.
	held, err := lock.Stat()
	named, nameErr := os.Stat(lock.Path())
	if err != nil || nameErr != nil || !os.SameFile(held, named) {
		lock.Unlock()
		return nil
	}
	return &session{path: path, lock: lock, now: now}
}

// removeOld removes what runs left that nobody went on with.
func removeOld(dir string, now time.Time) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		name, _, _ := strings.Cut(entry.Name(), ".")
		info, err := entry.Info()
		if err == nil && len(name) == 2*sha256.Size && info.Mode().IsRegular() && now.Sub(info.ModTime()) > maxSessionAge {
			os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// location returns where the upload is, or nil when there is none.
func (s *session) location() *url.URL {
	if s == nil {
		return nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var r remembered
	if info, err := f.Stat(); err != nil || info.Size() > maxSessionFile || json.NewDecoder(f).Decode(&r) != nil {
		return nil
	}
	if age := s.now().Sub(r.Time); age < 0 || age > maxSessionAge {
		return nil
	}
	location, err := url.Parse(r.Location)
	if err != nil || !location.IsAbs() {
		return nil
	}
	return location
}

// remember stores where the upload is now.
func (s *session) remember(repository string, desc ocispec.Descriptor, location *url.URL) {
	if s == nil {
		return
	}
	data, err := json.Marshal(remembered{repository, string(desc.Digest), location.String(), s.now().UTC()})
	if err != nil || len(data) > maxSessionFile {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*") // 0600
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if errors.Join(err, f.Close()) != nil || os.Rename(f.Name(), s.path) != nil {
		os.Remove(f.Name())
	}
}

// forget removes what is remembered.
func (s *session) forget() {
	if s != nil {
		os.Remove(s.path)
	}
}

// close lets other processes have the upload. Windows removes no file that is
// open, elsewhere the file must be gone before another can lock it.
func (s *session) close() {
	if s == nil {
		return
	}
	if runtime.GOOS == "windows" {
		s.lock.Unlock()
	}
	os.Remove(s.lock.Path())
	s.lock.Unlock()
}
