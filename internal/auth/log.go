package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// The events of an audit log.
const (
	// EventBegin: a write is about to run. Its line is there before anything
	// happens; what became of it follows under the same request id.
	EventBegin = "begin"
	// EventDone: a write ran, and its answer is about to be sent.
	EventDone = "done"
	// EventAdmin: a request for administration is about to run.
	EventAdmin = "admin"
	// EventRefused: someone was not let do what they asked for.
	EventRefused = "refused"
)

// Entry is one line of an audit log. It holds nothing of what was written but
// names and keys.
type Entry struct {
	Time      time.Time `json:"time"` // UTC; set by the log
	Event     string    `json:"event"`
	RequestID string    `json:"requestId"`
	// Principal is the name of who asked.
	Principal string `json:"principal"`
	// Remote is the address of the client; behind a proxy that is not trusted to
	// tell it, the proxy's.
	Remote string `json:"remote"`
	// Path is that of the request.
	Path string `json:"path"`
	// Operation is the name of the GraphQL operation.
	Operation string `json:"operation,omitempty"`
	// Fields are the mutations that it asks for, in order.
	Fields []string `json:"fields,omitempty"`
	// Keys are the idempotency keys among their arguments.
	Keys []string `json:"keys,omitempty"`
	// Code is OK, or that of the first error.
	Code string `json:"code,omitempty"`
	// Revision is the newest one that the write made or found; 0 if it made
	// none.
	Revision uint64 `json:"revision,omitempty"`
	// Counts says how much was changed, by kind.
	Counts map[string]int `json:"counts,omitempty"`
	// Suppressed counts refusals before this one that have no line of their own.
	Suppressed int `json:"suppressed,omitempty"`
}

type entryKey struct{}

// WithEntry returns a context that carries the line about a request, for where it is
// known what the request does.
func WithEntry(ctx context.Context, e Entry) context.Context {
	return context.WithValue(ctx, entryKey{}, e)
}

// EntryFrom returns the line that the context carries; ok is false where it has none.
func EntryFrom(ctx context.Context) (e Entry, ok bool) {
	e, ok = ctx.Value(entryKey{}).(Entry)
	return e, ok
}

// Log is an audit log: JSON lines, only ever added to. It is safe for
// concurrent use.
//
// A line that was taken survives the death of the process at once, and a power
// cut as soon as the system has written it out, usually within half a minute.
// Who wrote what is besides part of the store, which survives both.
type Log struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	path string    // empty where to was given
	to   io.Writer // the file, if path is set
	file *os.File
	torn bool // the last line was not taken to its end
	// lost says that the last line was not taken.
	lost bool

	minute     time.Time // in which refusals are counted
	refused    int
	suppressed int
}

// maxRefusals is how many refusals of strangers get a line of their own in one
// minute. Anybody can cause them, and they must not be able to fill the disk.
const maxRefusals = 300

// OpenLog opens or makes a log in a file, which only its owner may read. Where
// it is moved away, as when logs are rotated, a new one is begun.
func OpenLog(path string, log *slog.Logger) (*Log, error) {
	l := &Log{log: log, now: time.Now, path: path}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("the audit log cannot be written: %w; --audit-log names another place", err)
	}
	return l, nil
}

// NewLog returns a log that is written to a stream.
func NewLog(to io.Writer, log *slog.Logger) *Log {
	return &Log{log: log, now: time.Now, to: to}
}

// open opens the file, and looks whether its last line is whole.
func (l *Log) open() error {
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.torn = false
	if size := info.Size(); info.Mode().IsRegular() && size > 0 {
		last := []byte{0}
		if _, err := file.ReadAt(last, size-1); err != nil {
			return errors.Join(err, file.Close())
		}
		l.torn = last[0] != '\n'
	}
	l.file, l.to = file, file
	return nil
}

// Close closes the file of the log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file, l.to = nil, nil
	return err
}

// Append adds a line. Where it fails, nothing that the line announces may
// happen.
func (l *Log) Append(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(e)
}

func (l *Log) append(e Entry) error {
	e.Time = l.now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := l.write(append(line, '\n')); err != nil {
		if !l.lost {
			l.log.Error("the audit log takes nothing, so nothing can be written", slog.Any("error", err))
		}
		l.lost = true
		return fmt.Errorf("audit log: %w", err)
	}
	if l.lost {
		l.log.Info("the audit log takes lines again")
	}
	l.lost = false
	return nil
}

// write adds a line in one piece, on a line of its own.
func (l *Log) write(line []byte) error {
	if err := l.follow(); err != nil {
		return err
	}
	if l.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := l.to.Write(line)
	if n > 0 {
		l.torn = line[n-1] != '\n'
	}
	return err
}

// follow begins a new file where the old one was moved away.
func (l *Log) follow() error {
	if l.path == "" {
		return nil
	}
	if l.file == nil {
		return fs.ErrClosed
	}
	there, err := os.Stat(l.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	here, hereErr := l.file.Stat()
	if err == nil && hereErr == nil && os.SameFile(there, here) {
		return nil
	}
	old := l.file
	if err := l.open(); err != nil {
		return err
	}
	return old.Close()
}

// Refused adds a line about someone who was not let do what they asked for.
// Those of principals that are known always have one; of the others a bounded
// number in a minute has, and the next line says how many have not. What cannot
// be added is in the server's log.
func (l *Log) Refused(e Entry, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if minute := l.now().Truncate(time.Minute); !minute.Equal(l.minute) {
		l.minute, l.refused = minute, 0
	}
	if !known {
		if l.refused++; l.refused > maxRefusals {
			l.suppressed++
			return
		}
	}
	e.Event, e.Suppressed = EventRefused, l.suppressed
	if l.append(e) == nil {
		l.suppressed = 0
	} else {
		l.suppressed++
	}
}
