package auth

import (
	"crypto/subtle"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Tokens is a server's view of a [TokenFile]. It looks at the file each time a
// token is shown and reads it again when it has changed, so that a new token is
// accepted, and a revoked one refused, from the next request on. While the file
// is exposed or damaged it accepts no token. It is safe for concurrent use.
type Tokens struct {
	file TokenFile
	log  *slog.Logger
	now  func() time.Time
	// dummy is what the secret of an unknown token is compared with.
	dummy digest

	mu   sync.Mutex
	read bool
	info fs.FileInfo // of the file as it was read; nil for none
	rows map[string]stored
	err  error // why no token is accepted
}

// NewTokens returns a view of the file, which need not exist. It fails where
// the file cannot be trusted, so that a server need not start on it.
func NewTokens(file TokenFile, log *slog.Logger) (*Tokens, error) {
	if _, _, err := file.read(); err != nil {
		return nil, err
	}
	return &Tokens{file: file, log: log, now: time.Now, dummy: digestOf(randomText(secretBytes))}, nil
}

// Check returns why no token is accepted at present, nil if tokens are.
func (t *Tokens) Check() error {
	_, err := t.current()
	return err
}

// Any reports whether there is a token that is accepted.
func (t *Tokens) Any() bool {
	rows, err := t.current()
	if err != nil {
		return false
	}
	for _, row := range rows {
		if row.State(t.now()) == StateActive {
			return true
		}
	}
	return false
}

// settled is how old a change must be for the file's times to tell the next one
// from it: file systems count in ticks of some milliseconds, some in seconds.
const settled = 2 * time.Second

// current returns the rows of the file, by id. The map is not changed any more.
func (t *Tokens) current() (map[string]stored, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, err := os.Stat(t.file.Path)
	if absent(err) {
		now, err = nil, nil
	}
	if err != nil {
		t.read = false
		return nil, t.failed(err)
	}
	if t.read && t.same(now) {
		return t.rows, t.err
	}
	rows, info, err := t.file.read()
	t.info, t.read = info, true
	if err != nil {
		return nil, t.failed(err)
	}
	t.rows = make(map[string]stored, len(rows))
	for _, row := range rows {
		t.rows[row.ID] = row
	}
	if t.err != nil {
		t.log.Info("tokens are accepted again", slog.String("file", t.file.Path))
		t.err = nil
	}
	return t.rows, nil
}

// same reports whether the file is as it was when it was read.
func (t *Tokens) same(now fs.FileInfo) bool {
	if now == nil || t.info == nil {
		return now == nil && t.info == nil
	}
	return os.SameFile(now, t.info) && now.Size() == t.info.Size() && now.Mode() == t.info.Mode() &&
		now.ModTime().Equal(t.info.ModTime()) && t.now().Sub(now.ModTime()) > settled
}

// failed forgets all tokens, and says so once.
func (t *Tokens) failed(err error) error {
	if t.err == nil || t.err.Error() != err.Error() {
		t.log.Error("no token is accepted", slog.Any("error", err))
	}
	t.rows, t.err = nil, err
	return err
}

// principal returns who shows a token.
func (t *Tokens) principal(token string) (Principal, error) {
	id, secret, ok := splitToken(token)
	if !ok {
		return Principal{}, notAccepted(nil)
	}
	rows, err := t.current()
	if err != nil {
		return Principal{}, &Refusal{Class: ErrUnavailable, Message: "tokens cannot be checked at present; the operator finds the reason in the log"}
	}
	row, known := rows[id]
	want := row.sum
	if !known {
		want = t.dummy
	}
	got := digestOf(secret)
	// What takes its time depends on neither the id nor the secret.
	proved := subtle.ConstantTimeCompare(got[:], want[:]) == 1
	if !known || !proved {
		return Principal{}, notAccepted(nil)
	}
	switch row.State(t.now()) {
	case StateRevoked:
		return Principal{}, notAccepted(nil)
	case StateExpired:
		return Principal{}, expired()
	}
	return Principal{Name: "token:" + row.Name, Scope: row.Scope, Expires: row.Expires}, nil
}
