package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The classes of refusal.
var (
	// ErrUnauthenticated: nobody is known to ask, or what they show is not
	// accepted.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrForbidden: who asks is known and lacks the scope.
	ErrForbidden = errors.New("forbidden")
	// ErrUnavailable: what is shown cannot be checked at present.
	ErrUnavailable = errors.New("unavailable")
)

// Refusal is why someone may not do something.
type Refusal struct {
	// Class is one of the errors above.
	Class error
	// Message says what to do about it and is safe to show to anyone.
	Message string
	// Cause is for the log alone; nil where there is nothing to add.
	Cause error
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// Unwrap returns the class.
func (r *Refusal) Unwrap() error { return r.Class }

func unauthenticated(format string, args ...any) *Refusal {
	return &Refusal{Class: ErrUnauthenticated, Message: fmt.Sprintf(format, args...)}
}

// notAccepted is the one refusal of everything that is not, or no longer, a
// grant of ours: a guess learns nothing from it.
func notAccepted(cause error) *Refusal {
	return &Refusal{Class: ErrUnauthenticated, Message: "the token is not accepted: it is unknown, revoked or damaged; ask for a new one", Cause: cause}
}

func expired() *Refusal { return unauthenticated("the token has expired; ask for a new one") }

// Gate turns what a client shows into who it is. A nil Gate accepts no token.
// It is safe for concurrent use.
type Gate struct {
	// Tokens are those of the data folder; nil for none.
	Tokens *Tokens
	// Issuer is whose signed tokens are accepted besides; nil for nobody's.
	Issuer *Issuer
}

// maxAuthorization bounds what is looked at, in bytes. Signed tokens of an
// issuer that lists groups take a few thousand.
const maxAuthorization = 8 << 10

// Principal returns who shows the value of an Authorization header, which is
// Anonymous where the value is empty. Everything else that is not accepted is a
// [Refusal], even where nobody need be known: whoever shows a token means to be
// someone.
func (g *Gate) Principal(ctx context.Context, authorization string) (Principal, error) {
	if authorization == "" {
		return Anonymous, nil
	}
	scheme, token, ok := strings.Cut(authorization, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t,") || len(token) > maxAuthorization {
		return Principal{}, unauthenticated("the header Authorization must be Bearer, one space and one token")
	}
	switch {
	case g == nil:
	case strings.HasPrefix(token, tokenPrefix):
		if g.Tokens != nil {
			return g.Tokens.principal(token)
		}
	case g.Issuer != nil:
		return g.Issuer.principal(ctx, token)
	}
	return Principal{}, notAccepted(nil)
}
