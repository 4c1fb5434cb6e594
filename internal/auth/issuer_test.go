package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fakeIssuer publishes keys, as far as it is let.
type fakeIssuer struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []map[string]string
	down    bool
	jwksURI string // where the keys are said to be; its own if empty
	named   string // who it says it is; itself if empty
	fetches atomic.Int32
}

func newFakeIssuer(t *testing.T) *fakeIssuer {
	t.Helper()
	f := &fakeIssuer{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		var answer any
		switch {
		case f.down:
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
			return
		case r.URL.Path == "/.well-known/openid-configuration":
			named, at := f.URL, f.URL+"/keys"
			if f.named != "" {
				named = f.named
			}
			if f.jwksURI != "" {
				at = f.jwksURI
			}
			// It claims to sign with everything, which must not matter.
			answer = map[string]any{"issuer": named, "jwks_uri": at, "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none", "RS512"}}
		case r.URL.Path == "/keys":
			f.fetches.Add(1)
			answer = map[string]any{"keys": f.keys}
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeIssuer) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// publish makes these the keys of the issuer.
func (f *fakeIssuer) publish(signers ...signer) {
	f.set(func() {
		f.keys = nil
		for _, s := range signers {
			f.keys = append(f.keys, s.public())
		}
	})
}

func raw(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signer signs tokens with one key.
type signer struct {
	alg, kid string
	key      crypto.Signer
}

func (s signer) public() map[string]string {
	jwk := map[string]string{"kid": s.kid, "alg": s.alg, "use": "sig"}
	switch key := s.key.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", raw(key.N.Bytes()), raw(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", raw(point[1:33]), raw(point[33:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", raw(key)
	}
	return jwk
}

func (s signer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	signed := encodeParts(t, map[string]any{"alg": s.alg, "kid": s.kid, "typ": "JWT"}, claims)
	sum := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch key := s.key.(type) {
	case *rsa.PrivateKey:
		if s.alg == "RS512" {
			long := sha512.Sum512([]byte(signed))
			signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA512, long[:])
		} else {
			signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		}
	case *ecdsa.PrivateKey:
		var r, q *big.Int
		r, q, err = ecdsa.Sign(rand.Reader, key, sum[:])
		signature = append(r.FillBytes(make([]byte, 32)), q.FillBytes(make([]byte, 32))...)
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(signed))
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + raw(signature)
}

func encodeParts(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw(h) + "." + raw(c)
}

func newRSA(t *testing.T, kid string) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{"RS256", kid, key}
}

func newEC(t *testing.T, kid string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{"ES256", kid, key}
}

func newEd(t *testing.T, kid string) signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{"EdDSA", kid, key}
}

// trust returns a gate that accepts the issuer's tokens, at noon.
func trust(t *testing.T, f *fakeIssuer) (*Gate, *Issuer) {
	t.Helper()
	issuer, err := NewIssuer(IssuerOptions{
		URL: f.URL, Audience: "keiretsu", ScopeClaim: "scope",
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer.fetches.pause = 0
	t.Cleanup(issuer.fetches.base.CloseIdleConnections)
	return &Gate{Issuer: issuer}, issuer
}

// claimsOf is a good token, changed.
func claimsOf(f *fakeIssuer, change func(map[string]any)) map[string]any {
	claims := map[string]any{
		"iss": f.URL, "aud": "keiretsu", "sub": "ann", "scope": "openid keiretsu:write",
		"exp": noon.Add(time.Hour).Unix(), "nbf": noon.Add(-time.Hour).Unix(), "iat": noon.Add(-time.Hour).Unix(),
	}
	if change != nil {
		change(claims)
	}
	return claims
}

func TestSignedTokens(t *testing.T) {
	f := newFakeIssuer(t)
	rs, es, ed, stranger := newRSA(t, "r1"), newEC(t, "e1"), newEd(t, "d1"), newRSA(t, "r1")
	f.publish(rs, es, ed)
	gate, issuer := trust(t, f)
	if err := issuer.discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	with := func(change func(map[string]any)) string { return rs.sign(t, claimsOf(f, change)) }
	set := func(name string, value any) string { return with(func(c map[string]any) { c[name] = value }) }
	without := func(name string) string { return with(func(c map[string]any) { delete(c, name) }) }
	// The key that everybody knows, as the secret of a signature.
	hs256 := func(secret []byte) string {
		signed := encodeParts(t, map[string]any{"alg": "HS256", "kid": "r1"}, claimsOf(f, nil))
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return signed + "." + raw(mac.Sum(nil))
	}
	der, err := x509.MarshalPKIXPublicKey(rs.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	unsigned := encodeParts(t, map[string]any{"alg": "none"}, claimsOf(f, nil)) + "."
	good := with(nil)
	parts := strings.Split(good, ".")
	foreign := newFakeIssuer(t)

	tests := map[string]struct {
		token string
		want  string // the principal and its scope, or the class of the refusal and a word of its message
	}{
		"RS256":                      {good, "oidc:ann write"},
		"ES256":                      {es.sign(t, claimsOf(f, nil)), "oidc:ann write"},
		"EdDSA":                      {ed.sign(t, claimsOf(f, nil)), "oidc:ann write"},
		"several audiences":          {set("aud", []string{"other", "keiretsu"}), "oidc:ann write"},
		"scopes as a list":           {set("scope", []string{"x", "keiretsu:admin", "keiretsu:read"}), "oidc:ann admin"},
		"read":                       {set("scope", "keiretsu:read"), "oidc:ann read"},
		"scopes of others":           {set("scope", "write admin other:write keiretsu:root keiretsu:none"), "oidc:ann none"},
		"no scope claim":             {without("scope"), "oidc:ann none"},
		"scopes that make no sense":  {set("scope", map[string]any{"keiretsu:admin": true}), "oidc:ann none"},
		"scopes of mixed kinds":      {set("scope", []any{"keiretsu:admin", 1}), "oidc:ann none"},
		"expired within the leeway":  {set("exp", noon.Add(-59*time.Second).Unix()), "oidc:ann write"},
		"expired":                    {set("exp", noon.Add(-60*time.Second).Unix()), "unauthenticated expired"},
		"expired long ago":           {set("exp", noon.AddDate(-1, 0, 0).Unix()), "unauthenticated expired"},
		"never expires":              {without("exp"), "unauthenticated not accepted"},
		"exp that is null":           {set("exp", nil), "unauthenticated not accepted"},
		"exp that is a text":         {set("exp", "tomorrow"), "unauthenticated not accepted"},
		"exp out of all bounds":      {set("exp", 1e300), "unauthenticated not accepted"},
		"soon, within the leeway":    {set("nbf", noon.Add(60*time.Second).Unix()), "oidc:ann write"},
		"not yet":                    {set("nbf", noon.Add(61*time.Second).Unix()), "unauthenticated not valid yet"},
		"no nbf":                     {without("nbf"), "oidc:ann write"},
		"another audience":           {set("aud", "other"), "unauthenticated not accepted"},
		"audience by prefix":         {set("aud", "keiretsu2"), "unauthenticated not accepted"},
		"no audience":                {without("aud"), "unauthenticated not accepted"},
		"another issuer":             {set("iss", foreign.URL), "unauthenticated not accepted"},
		"issuer with a slash":        {set("iss", f.URL+"/"), "unauthenticated not accepted"},
		"no issuer":                  {without("iss"), "unauthenticated not accepted"},
		"no subject":                 {without("sub"), "unauthenticated not accepted"},
		"subject with a line break":  {set("sub", "ann\nbob"), "unauthenticated not accepted"},
		"subject without end":        {set("sub", strings.Repeat("a", 201)), "unauthenticated not accepted"},
		"not signed":                 {unsigned, "unauthenticated not accepted"},
		"not signed, alg in capital": {strings.Replace(unsigned, raw([]byte(`{"alg":"none"}`)), raw([]byte(`{"alg":"NONE"}`)), 1), "unauthenticated not accepted"},
		"signature cut off":          {parts[0] + "." + parts[1] + ".", "unauthenticated not accepted"},
		"two parts":                  {parts[0] + "." + parts[1], "unauthenticated not accepted"},
		"HS256 with the key as PEM":  {hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "unauthenticated not accepted"},
		"HS256 with the key as DER":  {hs256(der), "unauthenticated not accepted"},
		"HS256 with the modulus":     {hs256(rs.key.Public().(*rsa.PublicKey).N.Bytes()), "unauthenticated not accepted"},
		"RS512":                      {signer{"RS512", "r1", rs.key}.sign(t, claimsOf(f, nil)), "unauthenticated not accepted"},
		"another's key, the same id": {stranger.sign(t, claimsOf(f, nil)), "unauthenticated not accepted"},
		"unknown key":                {signer{"RS256", "r9", stranger.key}.sign(t, claimsOf(f, nil)), "unauthenticated not accepted"},
		"claims exchanged":           {parts[0] + "." + strings.Split(set("sub", "bob"), ".")[1] + "." + parts[2], "unauthenticated not accepted"},
		"its own key in the header": {func() string {
			signed := encodeParts(t, map[string]any{"alg": "RS256", "jwk": stranger.public(), "jku": foreign.URL + "/keys"}, claimsOf(f, nil))
			sum := sha256.Sum256([]byte(signed))
			signature, err := rsa.SignPKCS1v15(rand.Reader, stranger.key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			return signed + "." + raw(signature)
		}(), "unauthenticated not accepted"},
		"no JSON": {"a.b.c", "unauthenticated not accepted"},
		"empty":   {"..", "unauthenticated not accepted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := gate.Principal(t.Context(), "Bearer "+test.token)
			if err == nil {
				if got := fmt.Sprint(p.Name, " ", p.Scope); got != test.want {
					t.Errorf("accepted as %s, want %s", got, test.want)
				}
				return
			}
			refusal, ok := errors.AsType[*Refusal](err)
			class, words, _ := strings.Cut(test.want, " ")
			if !ok || refusal.Class.Error() != class || !strings.Contains(refusal.Message, words) {
				t.Errorf("refused with %v: %v (%v), want %s", refusal.Class, err, refusal.Cause, test.want)
			}
		})
	}
	p, err := gate.Principal(t.Context(), "Bearer "+good)
	if err != nil || !p.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("expires %v, %v", p.Expires, err)
	}
	if foreign.fetches.Load() != 0 {
		t.Error("a token told the server where to look for keys")
	}
}

// TestKeysAreRotated takes a key that was not there before, and refuses one
// that is there no more once that is known.
func TestKeysAreRotated(t *testing.T) {
	f := newFakeIssuer(t)
	first, second := newEC(t, "one"), newEC(t, "two")
	f.publish(first)
	gate, issuer := trust(t, f)
	if err := issuer.discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows := func(s signer) error {
		_, err := gate.Principal(t.Context(), "Bearer "+s.sign(t, claimsOf(f, nil)))
		return err
	}
	if err := shows(first); err != nil {
		t.Fatal(err)
	}
	if err := shows(second); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("before it is published: %v", err)
	}
	f.publish(second)
	// A fetch of the keys that was under way may still answer with the old ones,
	// and whoever waits for a fetch learns of the new key before the old ones are
	// let go.
	eventually := func(holds func() bool) bool {
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if holds() {
				return true
			}
		}
		return false
	}
	if !eventually(func() bool { return shows(second) == nil }) {
		t.Errorf("after it was published: %v", shows(second))
	}
	if !eventually(func() bool { return errors.Is(shows(first), ErrUnauthenticated) }) {
		t.Errorf("the old key: %v", shows(first))
	}
}

// TestUnknownKeysDoNotFloodTheIssuer makes up tokens, each of which names
// another key.
func TestUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	f := newFakeIssuer(t)
	known, unknown := newEC(t, "one"), newEC(t, "x")
	f.publish(known)
	gate, issuer := trust(t, f)
	issuer.fetches.pause = time.Hour
	if err := issuer.discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		unknown.kid = fmt.Sprint("made-up-", i)
		if p, err := gate.Principal(t.Context(), "Bearer "+unknown.sign(t, claimsOf(f, nil))); err == nil {
			t.Fatalf("accepted as %+v", p)
		}
	}
	if n := f.fetches.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times, want 1", n)
	}
	if _, err := gate.Principal(t.Context(), "Bearer "+known.sign(t, claimsOf(f, nil))); err != nil {
		t.Errorf("a known key meanwhile: %v", err)
	}
}

// TestTheIssuerIsNeededForNewKeysOnly takes the issuer away.
func TestTheIssuerIsNeededForNewKeysOnly(t *testing.T) {
	f := newFakeIssuer(t)
	known, unknown := newEC(t, "one"), newEC(t, "two")
	f.publish(known)
	gate, issuer := trust(t, f)
	shows := func(s signer) error {
		_, err := gate.Principal(t.Context(), "Bearer "+s.sign(t, claimsOf(f, nil)))
		return err
	}
	if err := shows(known); !errors.Is(err, ErrUnavailable) {
		t.Errorf("before the issuer was found: %v", err)
	}
	if err := issuer.discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := shows(known); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.down = true })
	if err := shows(known); err != nil {
		t.Errorf("a known key while the issuer is down: %v", err)
	}
	if err := shows(unknown); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an unknown key while the issuer is down: %v", err)
	}
}

// TestTheIssuerIsLookedFor starts without an issuer, which comes later.
func TestTheIssuerIsLookedFor(t *testing.T) {
	f := newFakeIssuer(t)
	key := newEC(t, "one")
	f.publish(key)
	f.set(func() { f.down = true })
	var log syncBuffer
	issuer, err := NewIssuer(IssuerOptions{
		URL: f.URL, Audience: "keiretsu", ScopeClaim: "scope",
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	gate := &Gate{Issuer: issuer}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		issuer.Run(ctx)
	}()
	wait := func(what string, there func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !there(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within a minute\n%s", what, &log)
			}
		}
	}
	wait("a word that it is not there", func() bool { return strings.Contains(log.String(), "cannot be checked yet") })
	f.set(func() { f.down = false })
	wait("the keys", func() bool {
		_, err := gate.Principal(t.Context(), "Bearer "+key.sign(t, claimsOf(f, nil)))
		return err == nil
	})
	cancel()
	<-done
}

func TestTheIssuerMustBeWhoItShould(t *testing.T) {
	for name, change := range map[string]func(*fakeIssuer){
		"another name":            func(f *fakeIssuer) { f.named = "https://login.example.org" },
		"keys over plain http":    func(f *fakeIssuer) { f.jwksURI = "http://login.example.org/keys" },
		"keys nowhere":            func(f *fakeIssuer) { f.jwksURI = "keys" },
		"keys in a file":          func(f *fakeIssuer) { f.jwksURI = "file:///etc/keys" },
		"a server that is broken": func(f *fakeIssuer) { f.down = true },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeIssuer(t)
			change(f)
			_, issuer := trust(t, f)
			if err := issuer.discover(t.Context()); err == nil {
				t.Error("it was believed")
			}
		})
	}
}

func TestIssuerOptions(t *testing.T) {
	whole := IssuerOptions{URL: "https://login.example.org/realm", Audience: "keiretsu", ScopeClaim: "scope"}
	if _, err := NewIssuer(whole); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*IssuerOptions){
		"no address":            func(o *IssuerOptions) { o.URL = "" },
		"plain http":            func(o *IssuerOptions) { o.URL = "http://login.example.org" },
		"plain http, in a name": func(o *IssuerOptions) { o.URL = "http://localhost.example.org" },
		"a password in it":      func(o *IssuerOptions) { o.URL = "https://a:b@login.example.org" },
		"no audience":           func(o *IssuerOptions) { o.Audience = "" },
		"no claim":              func(o *IssuerOptions) { o.ScopeClaim = "" },
	} {
		t.Run(name, func(t *testing.T) {
			o := whole
			change(&o)
			if _, err := NewIssuer(o); err == nil {
				t.Error("accepted")
			}
		})
	}
	for _, loopback := range []string{"http://localhost:8080", "http://127.0.0.1:8080/realm", "http://[::1]:8080"} {
		o := whole
		o.URL = loopback
		if _, err := NewIssuer(o); err != nil {
			t.Errorf("%s: %v", loopback, err)
		}
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
