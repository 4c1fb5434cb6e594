package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
)

// IssuerOptions says whose signed tokens are accepted.
type IssuerOptions struct {
	// URL names the issuer: https, or http on loopback. Its discovery document
	// is below it, at /.well-known/openid-configuration.
	URL string
	// Audience must be among those a token was issued for.
	Audience string
	// ScopeClaim is the claim that grants keiretsu:read, keiretsu:write or
	// keiretsu:admin: a list of texts, or one text separated by spaces. What
	// else it holds is ignored.
	ScopeClaim string
	// Logger takes the causes of what cannot be checked.
	Logger *slog.Logger
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Issuer accepts JSON Web Tokens (RFC 7519) that an OpenID Connect issuer has
// signed. It knows the issuer's keys only after [Issuer.Run] has found them; it
// is safe for concurrent use.
type Issuer struct {
	options  IssuerOptions
	client   *http.Client
	fetches  *pacedTransport
	verifier atomic.Pointer[oidc.IDTokenVerifier]
}

const (
	// leeway is by how much the clocks of issuer and server may differ.
	leeway = 60 * time.Second
	// fetchPause is the shortest time between two looks at the issuer's keys. A
	// token that names an unknown key causes one, and anybody can make up such
	// tokens.
	fetchPause = 5 * time.Second
	// fetchTimeout bounds one exchange with the issuer, in time.
	fetchTimeout = 10 * time.Second
	// maxFetched bounds what the issuer may answer, in bytes.
	maxFetched = 1 << 20
	// maxSubject bounds the subject of a token, in bytes.
	maxSubject = 200
)

// algorithms are those whose keys the issuer can publish: with any other, or
// none, whoever knows the published keys could sign.
var algorithms = []string{oidc.RS256, oidc.ES256, oidc.EdDSA}

// NewIssuer returns an issuer whose keys are not known yet. It fails if the
// options cannot be right.
func NewIssuer(o IssuerOptions) (*Issuer, error) {
	if err := checkAddress(o.URL); err != nil {
		return nil, fmt.Errorf("the issuer %s: %w", o.URL, err)
	}
	if o.Audience == "" || o.ScopeClaim == "" {
		return nil, errors.New("an issuer needs an audience and the name of the claim with the scopes")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	paced := &pacedTransport{base: &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		MaxIdleConns:      1,
		IdleConnTimeout:   time.Minute,
	}, pause: fetchPause}
	return &Issuer{options: o, fetches: paced, client: &http.Client{
		Transport: paced,
		Timeout:   fetchTimeout,
		// An issuer answers where it said it would.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// checkAddress wants keys and names of keys to come from where nobody on the
// way can exchange them.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("expected an address such as https://login.example.org/realm")
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return errors.New("it must be https (plain http is for loopback)")
	}
	return nil
}

// Run looks for the issuer's keys until they are found, at growing intervals,
// or ctx is done. Until then its tokens are refused as ErrUnavailable.
func (i *Issuer) Run(ctx context.Context) {
	defer i.fetches.base.CloseIdleConnections()
	const longest = time.Minute
	log := i.options.Logger.With(slog.String("issuer", i.options.URL))
	for pause := time.Second; ; pause = min(2*pause, longest) {
		err := i.discover(ctx)
		if err == nil {
			log.Info("the issuer's tokens are accepted")
			<-ctx.Done()
			return
		}
		if ctx.Err() != nil {
			return
		}
		log.Warn("the issuer's tokens cannot be checked yet", slog.String("error", shorten(err.Error())), slog.Duration("again in", pause))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// discover finds out where the issuer's keys are.
func (i *Issuer) discover(ctx context.Context) error {
	i.fetches.reset()
	ctx = oidc.ClientContext(ctx, i.client)
	provider, err := oidc.NewProvider(ctx, i.options.URL)
	if err != nil {
		return err
	}
	var found struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&found); err != nil {
		return err
	}
	if err := checkAddress(found.Keys); err != nil {
		return fmt.Errorf("its keys are at %s: %w", shorten(found.Keys), err)
	}
	i.fetches.reset()
	i.verifier.Store(oidc.NewVerifier(i.options.URL, keySet{oidc.NewRemoteKeySet(ctx, found.Keys)}, &oidc.Config{
		ClientID:             i.options.Audience,
		SupportedSigningAlgs: algorithms,
		SkipExpiryCheck:      true, // checked below, with our own leeway
	}))
	return nil
}

// principal returns who shows a signed token.
func (i *Issuer) principal(ctx context.Context, token string) (Principal, error) {
	unavailable := func(cause error) error {
		return &Refusal{Class: ErrUnavailable, Message: "tokens of the issuer cannot be checked at present; try again in a minute", Cause: cause}
	}
	if strings.Count(token, ".") != 2 {
		return Principal{}, notAccepted(nil)
	}
	verifier := i.verifier.Load()
	if verifier == nil {
		return Principal{}, unavailable(nil)
	}
	var unreachable *unreachableError
	verified, err := verifier.Verify(context.WithValue(ctx, unreachableKey{}, &unreachable), token)
	if err != nil {
		if unreachable != nil || ctx.Err() != nil {
			return Principal{}, unavailable(err)
		}
		return Principal{}, notAccepted(err)
	}
	var claims map[string]json.RawMessage
	if err := verified.Claims(&claims); err != nil {
		return Principal{}, notAccepted(err)
	}
	expires, err := instant(claims, "exp")
	if err != nil || expires.IsZero() {
		return Principal{}, notAccepted(errors.Join(errors.New("no valid exp"), err))
	}
	begins, err := instant(claims, "nbf")
	if err != nil {
		return Principal{}, notAccepted(err)
	}
	switch now := i.options.Now(); {
	case !now.Before(expires.Add(leeway)):
		return Principal{}, expired()
	case now.Add(leeway).Before(begins):
		return Principal{}, unauthenticated("the token is not valid yet; look at the clocks")
	}
	name := verified.Subject
	if name == "" || len(name) > maxSubject || strings.ContainsFunc(name, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsGraphic(r) }) {
		return Principal{}, notAccepted(errors.New("no usable sub"))
	}
	return Principal{Name: "oidc:" + name, Scope: granted(claims[i.options.ScopeClaim]), Expires: expires}, nil
}

// instant reads a NumericDate of RFC 7519; zero where there is none.
func instant(claims map[string]json.RawMessage, name string) (time.Time, error) {
	text, ok := claims[name]
	if !ok {
		return time.Time{}, nil
	}
	var seconds float64
	const farthest = 1 << 40 // the year 36812
	if err := json.Unmarshal(text, &seconds); err != nil || math.Abs(seconds) > farthest || string(text) == "null" {
		return time.Time{}, fmt.Errorf("the claim %s is no date", name)
	}
	return time.Unix(int64(seconds), 0), nil
}

// granted returns the highest scope that a claim names.
func granted(claim json.RawMessage) Scope {
	var words []string
	var text string
	switch {
	case json.Unmarshal(claim, &text) == nil:
		words = strings.Fields(text)
	case json.Unmarshal(claim, &words) != nil:
		return ScopeNone
	}
	highest := ScopeNone
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, "keiretsu:"); ok {
			if scope, ok := ParseScope(name); ok {
				highest = max(highest, scope)
			}
		}
	}
	return highest
}

// pacedTransport asks an issuer at most once in a pause, and reads a bounded
// answer.
type pacedTransport struct {
	base  *http.Transport
	pause time.Duration

	mu   sync.Mutex
	last time.Time
}

// unreachableError says that the issuer was not asked, or did not answer.
type unreachableError struct{ cause error }

func (e *unreachableError) Error() string { return e.cause.Error() }
func (e *unreachableError) Unwrap() error { return e.cause }

// keySet tells whether the issuer was out of reach, which the verifier turns
// into a text.
type keySet struct{ oidc.KeySet }

type unreachableKey struct{}

// VerifySignature implements oidc.KeySet.
func (k keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, token)
	if out, ok := ctx.Value(unreachableKey{}).(**unreachableError); ok {
		*out, _ = errors.AsType[*unreachableError](err)
	}
	return payload, err
}

// reset lets the next request pass.
func (p *pacedTransport) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Time{}
}

func (p *pacedTransport) admit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.last.IsZero() && now.Sub(p.last) < p.pause {
		return false
	}
	p.last = now
	return true
}

// RoundTrip implements http.RoundTripper.
func (p *pacedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.admit() {
		return nil, &unreachableError{fmt.Errorf("the issuer was asked less than %s ago", p.pause)}
	}
	answer, err := p.base.RoundTrip(r)
	if err != nil {
		return nil, &unreachableError{err}
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, &unreachableError{fmt.Errorf("%s answered %s", r.URL.Redacted(), answer.Status)}
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxFetched), answer.Body}
	return answer, nil
}

// shorten cuts a text for the log: an issuer's answer may be part of it.
func shorten(text string) string {
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
