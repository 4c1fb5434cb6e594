package auth

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Token is what is known of one token: everything but its secret.
type Token struct {
	// ID finds the token; it is part of it and no secret.
	ID string `json:"id"`
	// Name is who writes with it. Of several tokens of one name at most one is
	// active.
	Name string `json:"name"`
	// Scope is what it grants.
	Scope Scope `json:"scope"`
	// Created, Expires and Revoked are in UTC, to the second. Expires is zero
	// for a token without end, Revoked for one that was not revoked.
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// The states of a token.
const (
	StateActive  = "active"
	StateExpired = "expired"
	StateRevoked = "revoked"
)

// State returns whether the token was accepted at that time, or why not.
func (t Token) State(at time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return StateRevoked
	case !t.Expires.IsZero() && !at.Before(t.Expires):
		return StateExpired
	default:
		return StateActive
	}
}

// TokenFile is the file that holds the tokens of a data folder. It is replaced
// as a whole, so that a reader sees the state before a change or after it, and
// a change that was reported survives a power cut. Commands that change it at
// the same time wait for each other.
type TokenFile struct {
	// Path is where it is. Beside it lies a lock, Path with .lock behind it.
	Path string
}

// fileVersion is the version of the file's format, written into it. An older
// program refuses a newer file.
const fileVersion = 1

// maxFileBytes bounds what is read: some ten thousand tokens.
const maxFileBytes = 4 << 20

// stored is a token as the file has it.
type stored struct {
	Token
	SHA256 string `json:"sha256"` // of the secret as it is written in the token, in hexadecimal

	sum digest
}

type contents struct {
	Version int      `json:"version"`
	Tokens  []stored `json:"tokens"`
}

// read returns what the file holds, and how it was found; nothing of either if
// there is none. It refuses a file that others than its owner may read or
// write, or that makes no sense.
func (f TokenFile) read() ([]stored, fs.FileInfo, error) {
	file, err := os.Open(f.Path)
	if absent(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the tokens cannot be read: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("the tokens in %s cannot be read: %w", f.Path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, info, fmt.Errorf("%s is not a regular file: move it away and create the tokens anew", f.Path)
	}
	if exposed(info) {
		return nil, info, fmt.Errorf("%s may be read or written by others than its owner (mode %04o): look who did, then run chmod 600 on it", f.Path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, info, fmt.Errorf("the tokens in %s cannot be read: %w", f.Path, err)
	}
	if len(text) > maxFileBytes {
		return nil, info, fmt.Errorf("%s is longer than %d bytes: no file of tokens is", f.Path, maxFileBytes)
	}
	tokens, err := parseTokens(text)
	if err != nil {
		return nil, info, fmt.Errorf("%s %w", f.Path, err)
	}
	return tokens, info, nil
}

// absent reports whether there is no file, or not even its folder.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func parseTokens(text []byte) ([]stored, error) {
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("is damaged (%s): restore it from a backup, or move it away and create the tokens anew", fmt.Sprintf(format, args...))
	}
	var version struct{ Version int }
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, damaged("it is not JSON")
	}
	if version.Version > fileVersion {
		return nil, fmt.Errorf("was written by a newer version of the program (format %d, this one knows %d): use that", version.Version, fileVersion)
	}
	var c contents
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, damaged("%v", err)
	}
	if c.Version != fileVersion {
		return nil, damaged("it has no version")
	}
	seen := make(map[string]bool, len(c.Tokens))
	for i := range c.Tokens {
		t := &c.Tokens[i]
		sum, err := hex.DecodeString(t.SHA256)
		switch {
		case !isID(t.ID) || seen[t.ID]:
			return nil, damaged("the id of token %d", i)
		case CheckTokenName(t.Name) != nil:
			return nil, damaged("the name of token %d", i)
		case t.Scope == ScopeNone:
			return nil, damaged("the scope of token %d", i)
		case err != nil || len(sum) != len(t.sum):
			return nil, damaged("the checksum of token %d", i)
		}
		seen[t.ID] = true
		copy(t.sum[:], sum)
	}
	return c.Tokens, nil
}

// maxNameBytes is the longest name of a token.
const maxNameBytes = 64

// CheckTokenName returns what is wrong with the name of a token, if anything.
// It is part of what others see and of log lines, and must not be taken for an
// id.
func CheckTokenName(name string) error {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._-@", c)
	}
	switch {
	case name == "" || len(name) > maxNameBytes:
		return fmt.Errorf("a token's name has 1 to %d characters", maxNameBytes)
	case strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) || strings.HasPrefix(name, "-"):
		return fmt.Errorf("a token's name consists of letters, digits and . _ - @, and does not begin with -")
	case isID(name):
		return errors.New("this name has the form of a token's id")
	default:
		return nil
	}
}

// List returns the tokens in order of creation, all states among them.
func (f TokenFile) List() ([]Token, error) {
	rows, _, err := f.read()
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, len(rows))
	for i := range rows {
		tokens[i] = rows[i].Token
	}
	return tokens, nil
}

// Create adds a token and returns it as its bearer must show it, which is the
// only time that anyone sees it, and what is kept of it. Expires is zero for a
// token without end.
func (f TokenFile) Create(ctx context.Context, name string, scope Scope, expires, now time.Time) (secret string, t Token, err error) {
	if err := CheckTokenName(name); err != nil {
		return "", Token{}, err
	}
	secret, id, sum := newToken()
	row := stored{
		Token:  Token{ID: id, Name: name, Scope: scope, Created: toSecond(now), Expires: toSecond(expires)},
		SHA256: hex.EncodeToString(sum[:]),
	}
	err = f.change(ctx, func(rows []stored) ([]stored, error) {
		for i := range rows {
			if rows[i].Name == name && rows[i].State(now) == StateActive {
				return nil, fmt.Errorf("there is an active token of the name %s already: choose another name, or revoke that one first", name)
			}
		}
		return append(rows, row), nil
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, row.Token, nil
}

// Revoke ends the token of that id, or the active one of that name. Revoking
// again what is revoked changes nothing.
func (f TokenFile) Revoke(ctx context.Context, nameOrID string, now time.Time) (Token, error) {
	var revoked Token
	err := f.change(ctx, func(rows []stored) ([]stored, error) {
		// Newest first: among tokens of one name the newest is the active one,
		// if any is.
		for _, row := range slices.Backward(rows) {
			if row.ID != nameOrID && row.Name != nameOrID {
				continue
			}
			i := slices.IndexFunc(rows, func(s stored) bool { return s.ID == row.ID })
			if rows[i].Revoked.IsZero() {
				rows[i].Revoked = toSecond(now)
			}
			revoked = rows[i].Token
			return rows, nil
		}
		return nil, fmt.Errorf("there is no token of the name or id %s; \"keiretsu token list\" shows those there are", nameOrID)
	})
	return revoked, err
}

func toSecond(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// change replaces the file by what edit makes of its rows.
func (f TokenFile) change(ctx context.Context, edit func([]stored) ([]stored, error)) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return fmt.Errorf("the folder of the tokens cannot be made: %w", err)
	}
	unlock, err := lock(ctx, f.Path+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	rows, _, err := f.read()
	if err != nil {
		return err
	}
	if rows, err = edit(rows); err != nil {
		return err
	}
	text, err := json.MarshalIndent(contents{fileVersion, rows}, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(f.Path, append(text, '\n')); err != nil {
		return fmt.Errorf("the tokens cannot be written to %s: %w", f.Path, err)
	}
	return nil
}

// replace puts a file that only its owner may read in the place of another, and
// returns when that would survive a power cut.
func replace(path string, text []byte) (err error) {
	folder := filepath.Dir(path)
	next, err := os.CreateTemp(folder, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = next.Close()
			_ = os.Remove(next.Name())
		}
	}()
	if _, err := next.Write(text); err != nil {
		return err
	}
	if err := next.Sync(); err != nil {
		return err
	}
	if err := next.Close(); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return err
	}
	return syncFolder(folder)
}

// syncFolder makes a rename in the folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// lockPatience is how long a command waits for another one, which holds the
// lock for a few milliseconds.
const lockPatience = 10 * time.Second

// lock keeps other commands away from the file of tokens until unlock is
// called. The lock file stays: removing it would let two in.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the tokens cannot be locked: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		held, err := lockFile(file)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the tokens cannot be locked: %s: %w", path, err), file.Close())
		}
		if held {
			return func() { _ = file.Close() }, nil // which lets go of the lock
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("another command is changing the tokens; it holds %s", path), file.Close())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
