package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// shelf is a token file, and a server's view of it with a clock that is set.
type shelf struct {
	TokenFile
	tokens *Tokens
	gate   *Gate
	log    *bytes.Buffer
	clock  time.Time
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{TokenFile: TokenFile{filepath.Join(t.TempDir(), "tokens.json")}, log: &bytes.Buffer{}, clock: noon}
	var err error
	if s.tokens, err = NewTokens(s.TokenFile, slog.New(slog.NewTextHandler(s.log, nil))); err != nil {
		t.Fatal(err)
	}
	s.tokens.now = func() time.Time { return s.clock }
	s.gate = &Gate{Tokens: s.tokens}
	return s
}

// create adds a token that ends an hour after noon.
func (s *shelf) create(t *testing.T, name string, scope Scope) string {
	t.Helper()
	token, _, err := s.Create(t.Context(), name, scope, noon.Add(time.Hour), noon)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// shows returns who shows the token, or the refusal.
func (s *shelf) shows(t *testing.T, token string) (Principal, *Refusal) {
	t.Helper()
	p, err := s.gate.Principal(t.Context(), "Bearer "+token)
	if err == nil {
		return p, nil
	}
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		t.Fatalf("the error %v is no refusal", err)
	}
	return p, refusal
}

func (s *shelf) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTokenIsAcceptedUntilItEnds(t *testing.T) {
	s := newShelf(t)
	token := s.create(t, "ci", ScopeWrite)
	p, refusal := s.shows(t, token)
	want := Principal{Name: "token:ci", Scope: ScopeWrite, Expires: noon.Add(time.Hour)}
	if diff := cmp.Diff(want, p); refusal != nil || diff != "" {
		t.Fatalf("refused with %v; principal (-want +got):\n%s", refusal, diff)
	}
	s.clock = noon.Add(time.Hour - time.Second)
	if _, refusal := s.shows(t, token); refusal != nil {
		t.Errorf("a second before its end: %v", refusal)
	}
	s.clock = noon.Add(time.Hour)
	if _, refusal := s.shows(t, token); refusal == nil || !errors.Is(refusal, ErrUnauthenticated) || !strings.Contains(refusal.Message, "expired") {
		t.Errorf("at its end: %v, want that it has expired", refusal)
	}
}

func TestTokenWithoutEnd(t *testing.T) {
	s := newShelf(t)
	token, _, err := s.Create(t.Context(), "for-ever", ScopeRead, time.Time{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	s.clock = noon.AddDate(100, 0, 0)
	if p, refusal := s.shows(t, token); refusal != nil || !p.Expires.IsZero() {
		t.Errorf("principal %+v, refused with %v", p, refusal)
	}
}

// TestRevocationTakesEffectAtOnce shows a token from one call to the next,
// within the same tick of the file's clock.
func TestRevocationTakesEffectAtOnce(t *testing.T) {
	s := newShelf(t)
	s.clock = time.Now()
	for i := range 20 {
		name := fmt.Sprintf("n%d", i)
		token, _, err := s.Create(t.Context(), name, ScopeWrite, time.Time{}, s.clock)
		if err != nil {
			t.Fatal(err)
		}
		if _, refusal := s.shows(t, token); refusal != nil {
			t.Fatalf("round %d: new token: %v", i, refusal)
		}
		if _, err := s.Revoke(t.Context(), name, s.clock); err != nil {
			t.Fatal(err)
		}
		if _, refusal := s.shows(t, token); refusal == nil {
			t.Fatalf("round %d: accepted after it was revoked", i)
		}
	}
}

func TestUnknownRevokedAndDamagedAreRefusedAlike(t *testing.T) {
	s := newShelf(t)
	good := s.create(t, "good", ScopeAdmin)
	revoked := s.create(t, "revoked", ScopeAdmin)
	if _, err := s.Revoke(t.Context(), "revoked", noon); err != nil {
		t.Fatal(err)
	}
	late, _, err := s.Create(t.Context(), "late", ScopeAdmin, noon.Add(-time.Hour), noon.Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	stranger, _, _ := newToken()
	last := map[bool]string{true: "b", false: "a"}[strings.HasSuffix(good, "a")]
	goodID, _, _ := splitToken(good)
	_, strangerSecret, _ := splitToken(stranger)
	tests := map[string]string{
		"unknown":                            stranger,
		"revoked":                            revoked,
		"known id, another secret":           tokenPrefix + goodID + "_" + strangerSecret,
		"one character changed":              good[:len(good)-1] + last,
		"cut":                                good[:len(good)-1],
		"longer":                             good + "a",
		"capitals":                           strings.ToUpper(good[:4]) + good[4:],
		"capitals in the secret":             good[:30] + strings.ToUpper(good[30:]),
		"no secret":                          tokenPrefix + goodID + "_",
		"no id":                              tokenPrefix + "_" + strangerSecret,
		"prefix alone":                       tokenPrefix,
		"the hash for the secret":            tokenPrefix + goodID + "_" + s.rows(t)[goodID].SHA256[:secretLength],
		"expired, and the secret is guessed": late[:len(late)-1] + map[bool]string{true: "b", false: "a"}[strings.HasSuffix(late, "a")],
		"something else":                     "opensesame",
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			p, refusal := s.shows(t, token)
			if refusal == nil {
				t.Fatalf("accepted as %+v", p)
			}
			if diff := cmp.Diff(notAccepted(nil).Message, refusal.Message); diff != "" || !errors.Is(refusal, ErrUnauthenticated) {
				t.Errorf("class %v, message (-want +got):\n%s", refusal.Class, diff)
			}
			if p != (Principal{}) {
				t.Errorf("a refusal comes with a principal: %+v", p)
			}
		})
	}
	if _, refusal := s.shows(t, good); refusal != nil {
		t.Errorf("the good one is refused: %v", refusal)
	}
}

func (s *shelf) rows(t *testing.T) map[string]stored {
	t.Helper()
	rows, err := s.tokens.current()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestAuthorizationHeader(t *testing.T) {
	s := newShelf(t)
	token := s.create(t, "ci", ScopeRead)
	tests := map[string]struct {
		value    string
		accepted bool
	}{
		"bearer":                {"Bearer " + token, true},
		"scheme in lower case":  {"bearer " + token, true},
		"no scheme":             {token, false},
		"another scheme":        {"Basic " + token, false},
		"two spaces":            {"Bearer  " + token, false},
		"space behind":          {"Bearer " + token + " ", false},
		"two tokens":            {"Bearer " + token + " " + token, false},
		"two values in one":     {"Bearer " + token + ",Bearer " + token, false},
		"scheme alone":          {"Bearer", false},
		"scheme and space":      {"Bearer ", false},
		"longer than any token": {"Bearer " + strings.Repeat("a", maxAuthorization+1), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := s.gate.Principal(t.Context(), test.value)
			if (err == nil) != test.accepted || err != nil && !errors.Is(err, ErrUnauthenticated) {
				t.Errorf("principal %+v, error %v", p, err)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		for _, gate := range []*Gate{nil, {}, s.gate} {
			if p, err := gate.Principal(t.Context(), ""); err != nil || p != Anonymous {
				t.Errorf("principal %+v, error %v; want nobody and no error", p, err)
			}
		}
	})
	t.Run("nobody keeps tokens", func(t *testing.T) {
		for _, gate := range []*Gate{nil, {}} {
			if p, err := gate.Principal(t.Context(), "Bearer "+token); !errors.Is(err, ErrUnauthenticated) {
				t.Errorf("principal %+v, error %v", p, err)
			}
		}
	})
}

func TestScopesIncludeTheLower(t *testing.T) {
	for have := ScopeNone; have <= ScopeAdmin; have++ {
		for need := ScopeRead; need <= ScopeAdmin; need++ {
			err := Principal{Name: "token:x", Scope: have}.May(need)
			if (err == nil) != (have >= need) {
				t.Errorf("%s for %s: %v", have, need, err)
			}
			if err != nil && (!errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), need.String())) {
				t.Errorf("%s for %s: %v, want that it is forbidden and which scope is needed", have, need, err)
			}
		}
	}
	for _, nobody := range []Principal{Anonymous, {}, PrincipalFrom(context.Background())} {
		if err := nobody.May(ScopeRead); !errors.Is(err, ErrUnauthenticated) || !strings.Contains(err.Error(), "scope read") {
			t.Errorf("%+v: %v", nobody, err)
		}
	}
}

func TestPrincipalTravelsWithTheContext(t *testing.T) {
	p := Principal{Name: "token:ci", Scope: ScopeRead}
	if got := PrincipalFrom(WithPrincipal(t.Context(), p)); got != p {
		t.Errorf("got %+v", got)
	}
}

// TestTheFileHoldsNoSecret looks for a token in all that is left on disk.
func TestTheFileHoldsNoSecret(t *testing.T) {
	s := newShelf(t)
	token := s.create(t, "ci", ScopeWrite)
	_, secret, _ := splitToken(token)
	entries, err := os.ReadDir(filepath.Dir(s.Path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(s.Path), entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), secret) {
			t.Errorf("%s holds the secret", entry.Name())
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", entry.Name(), info.Mode(), err)
		}
	}
	if len(entries) != 2 {
		t.Errorf("%d files, want the tokens and their lock", len(entries))
	}
}

func TestSecretsAreRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token, id, _ := newToken()
		gotID, secret, ok := splitToken(token)
		raw, err := encoding.DecodeString(secret)
		if !ok || gotID != id || err != nil || len(raw)*8 != 256 {
			t.Fatalf("%s: id %s, secret of %d bits, %v", token, gotID, len(raw)*8, err)
		}
		if seen[id] || seen[secret] {
			t.Fatalf("%s came before", token)
		}
		seen[id], seen[secret] = true, true
	}
}

func TestList(t *testing.T) {
	s := newShelf(t)
	s.create(t, "first", ScopeRead)
	s.create(t, "second", ScopeAdmin)
	if _, err := s.Revoke(t.Context(), "first", noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.create(t, "first", ScopeWrite)
	tokens, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, token := range tokens {
		got = append(got, fmt.Sprint(token.Name, " ", token.Scope, " ", token.State(noon), " ", token.State(noon.Add(time.Hour))))
	}
	want := []string{"first read revoked revoked", "second admin active expired", "first write active expired"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestCreateRefuses(t *testing.T) {
	s := newShelf(t)
	s.create(t, "taken", ScopeRead)
	_, id, _ := newToken()
	for name, want := range map[string]string{
		"taken":                 "active token of the name taken already",
		"":                      "1 to 64 characters",
		strings.Repeat("a", 65): "1 to 64 characters",
		"two words":             "letters, digits",
		"line\nbreak":           "letters, digits",
		"é":                     "letters, digits",
		"-flag":                 "does not begin with -",
		id:                      "form of a token's id",
	} {
		if _, _, err := s.Create(t.Context(), name, ScopeRead, time.Time{}, noon); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	if tokens, err := s.List(); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

func TestRevoke(t *testing.T) {
	s := newShelf(t)
	s.create(t, "a", ScopeRead)
	if _, err := s.Revoke(t.Context(), "b", noon); err == nil || !strings.Contains(err.Error(), "no token of the name or id b") {
		t.Errorf("unknown: %v", err)
	}
	first, err := s.Revoke(t.Context(), "a", noon)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Revoke(t.Context(), "a", noon.Add(time.Hour))
	if err != nil || !again.Revoked.Equal(noon) {
		t.Errorf("revoked again at %v, %v", again.Revoked, err)
	}
	token := s.create(t, "a", ScopeWrite)
	if got, err := s.Revoke(t.Context(), first.ID, noon); err != nil || got.ID != first.ID {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if _, refusal := s.shows(t, token); refusal != nil {
		t.Errorf("the newer token of the name went too: %v", refusal)
	}
	if got, err := s.Revoke(t.Context(), "a", noon); err != nil || got.ID == first.ID {
		t.Errorf("by name: %+v, %v; want the newer one", got, err)
	}
	if _, refusal := s.shows(t, token); refusal == nil {
		t.Error("accepted after it was revoked by name")
	}
}

// TestCommandsAtOnce creates tokens from many sides; none may be lost.
func TestCommandsAtOnce(t *testing.T) {
	s := newShelf(t)
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, _, err := s.Create(t.Context(), fmt.Sprint("n", i), ScopeRead, time.Time{}, noon); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if tokens, err := s.List(); err != nil || len(tokens) != n {
		t.Errorf("%d tokens, %v; want %d", len(tokens), err, n)
	}
}

func TestAHeldLockIsWaitedFor(t *testing.T) {
	s := newShelf(t)
	unlock, err := lock(t.Context(), s.Path+".lock")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Create(ctx, "a", ScopeRead, time.Time{}, noon); err == nil || !strings.Contains(err.Error(), "another command") {
		t.Errorf("with the lock held: %v", err)
	}
	unlock()
	s.create(t, "a", ScopeRead)
}

// TestAFileThatCannotBeTrusted spoils the file under a running server, which
// then accepts nothing, says so once, and recovers.
func TestAFileThatCannotBeTrusted(t *testing.T) {
	rewrite := func(f func(string) string) func(*testing.T, *shelf) {
		return func(t *testing.T, s *shelf) {
			if err := os.WriteFile(s.Path, []byte(f(s.text(t))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	swap := func(from, to string) func(*testing.T, *shelf) {
		return rewrite(func(text string) string {
			if !strings.Contains(text, from) {
				panic("nothing to spoil: " + text)
			}
			return strings.Replace(text, from, to, 1)
		})
	}
	mode := func(m os.FileMode) func(*testing.T, *shelf) {
		return func(t *testing.T, s *shelf) {
			if err := os.Chmod(s.Path, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		spoil func(*testing.T, *shelf)
		want  string
	}{
		"readable by the group":  {mode(0o640), "chmod 600"},
		"readable by everyone":   {mode(0o604), "chmod 600"},
		"writable by the group":  {mode(0o620), "chmod 600"},
		"empty":                  {rewrite(func(string) string { return "" }), "is damaged (it is not JSON): restore it"},
		"cut":                    {rewrite(func(text string) string { return text[:len(text)/2] }), "is damaged (it is not JSON)"},
		"zeroes":                 {rewrite(func(text string) string { return strings.Repeat("\x00", len(text)) }), "is damaged (it is not JSON)"},
		"too long":               {rewrite(func(text string) string { return text + strings.Repeat(" ", maxFileBytes) }), "is longer than"},
		"newer":                  {swap(`"version": 1`, `"version": 2`), "newer version of the program (format 2, this one knows 1)"},
		"no version":             {swap(`"version": 1,`, ``), "it has no version"},
		"a field of later times": {swap(`"name"`, `"groups": [], "name"`), "unknown field"},
		"a scope of later times": {swap(`"write"`, `"root"`), "is no scope"},
		"no scope":               {swap(`"scope": "write",`, ``), "the scope of token 0"},
		"a name with a space":    {swap(`"ci"`, `"c i"`), "the name of token 0"},
		"a short hash":           {swap(`"sha256": "`, `"sha256": "","x": "`), "unknown field"},
		"an empty hash":          {rewrite(func(text string) string { return text[:strings.Index(text, `"sha256": "`)+11] + `"}]}` }), "the checksum of token 0"},
		"an id twice": {func(t *testing.T, s *shelf) {
			var c contents
			if err := json.Unmarshal([]byte(s.text(t)), &c); err != nil {
				t.Fatal(err)
			}
			c.Tokens = append(c.Tokens, c.Tokens[0])
			text, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			rewrite(func(string) string { return string(text) })(t, s)
		}, "the id of token 1"},
		"a folder": {func(t *testing.T, s *shelf) {
			if err := errors.Join(os.Remove(s.Path), os.Mkdir(s.Path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			token := s.create(t, "ci", ScopeWrite)
			whole := s.text(t)
			if _, refusal := s.shows(t, token); refusal != nil {
				t.Fatal(refusal)
			}
			test.spoil(t, s)
			for range 3 {
				_, refusal := s.shows(t, token)
				if refusal == nil || !errors.Is(refusal, ErrUnavailable) || strings.Contains(refusal.Message, s.Path) {
					t.Fatalf("refused with %v", refusal)
				}
			}
			if err := s.tokens.Check(); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), s.Path) {
				t.Errorf("reason %v, want %s and the file", err, test.want)
			}
			if n := strings.Count(s.log.String(), "no token is accepted"); n != 1 {
				t.Errorf("%d lines in the log, want 1:\n%s", n, s.log)
			}
			if _, err := NewTokens(s.TokenFile, slog.Default()); err == nil {
				t.Error("a server would start on it")
			}
			if _, err := s.List(); err == nil {
				t.Error("it can be listed")
			}
			if _, _, err := s.Create(t.Context(), "other", ScopeRead, time.Time{}, noon); err == nil {
				t.Error("a command wrote over it")
			}

			if err := os.RemoveAll(s.Path); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(s.Path, []byte(whole), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, refusal := s.shows(t, token); refusal != nil {
				t.Errorf("after the repair: %v", refusal)
			}
			if !strings.Contains(s.log.String(), "accepted again") {
				t.Errorf("the log does not say that it is over:\n%s", s.log)
			}
		})
	}
}

func TestNoFileIsNoToken(t *testing.T) {
	s := newShelf(t)
	token := s.create(t, "ci", ScopeRead)
	if !s.tokens.Any() {
		t.Error("there is none")
	}
	s.clock = noon.Add(2 * time.Hour)
	if s.tokens.Any() {
		t.Error("an expired one counts")
	}
	s.clock = noon
	if err := os.Remove(s.Path); err != nil {
		t.Fatal(err)
	}
	if _, refusal := s.shows(t, token); !errors.Is(refusal, ErrUnauthenticated) {
		t.Errorf("refused with %v", refusal)
	}
	if s.tokens.Any() || s.tokens.Check() != nil {
		t.Errorf("any %v, check %v", s.tokens.Any(), s.tokens.Check())
	}
}

// TestTheFileIsNotReadWhenItIsUnchanged counts on the times of a file that was
// left alone.
func TestTheFileIsNotReadWhenItIsUnchanged(t *testing.T) {
	s := newShelf(t)
	token := s.create(t, "ci", ScopeRead)
	old := noon.Add(-time.Hour)
	if err := os.Chtimes(s.Path, old, old); err != nil {
		t.Fatal(err)
	}
	if _, refusal := s.shows(t, token); refusal != nil {
		t.Fatal(refusal)
	}
	// The same file, times and length, with other bytes: only who reads it again
	// can tell.
	if err := os.WriteFile(s.Path, bytes.Repeat([]byte("x"), len(s.text(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.Path, old, old); err != nil {
		t.Fatal(err)
	}
	if _, refusal := s.shows(t, token); refusal != nil {
		t.Errorf("read again: %v", refusal)
	}
	if err := os.Chtimes(s.Path, old, old.Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, refusal := s.shows(t, token); refusal == nil {
		t.Error("not read again after its time had changed")
	}
}

// FuzzAuthorization shows anything: there is a principal or a refusal, and no
// stranger gets in.
func FuzzAuthorization(f *testing.F) {
	token, _, _ := newToken()
	for _, seed := range []string{"", "Bearer", "Bearer " + token, "Bearer a.b.c", "Basic x", "Bearer krt_", "bearer \x00", "Bearer krt__"} {
		f.Add(seed)
	}
	file := TokenFile{filepath.Join(f.TempDir(), "tokens.json")}
	if _, _, err := file.Create(f.Context(), "ci", ScopeAdmin, time.Time{}, noon); err != nil {
		f.Fatal(err)
	}
	tokens, err := NewTokens(file, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	gate := &Gate{Tokens: tokens}
	f.Fuzz(func(t *testing.T, value string) {
		p, err := gate.Principal(t.Context(), value)
		if err == nil && p != Anonymous || err != nil && !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%q: %+v, %v", value, p, err)
		}
	})
}
