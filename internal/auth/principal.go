package auth

import (
	"context"
	"fmt"
	"time"
)

// Scope is what a principal may do. Each scope includes those before it.
type Scope int

// The scopes, in order. ScopeNone is that of someone who is known and was
// granted nothing.
const (
	ScopeNone Scope = iota
	ScopeRead
	ScopeWrite
	ScopeAdmin
)

var scopeNames = [...]string{"none", "read", "write", "admin"}

// String returns the name under which the scope is granted.
func (s Scope) String() string {
	if s < 0 || int(s) >= len(scopeNames) {
		return fmt.Sprintf("Scope(%d)", int(s))
	}
	return scopeNames[s]
}

// ParseScope returns the scope of a name that can be granted.
func ParseScope(name string) (Scope, bool) {
	for s := ScopeRead; s <= ScopeAdmin; s++ {
		if scopeNames[s] == name {
			return s, true
		}
	}
	return ScopeNone, false
}

// MarshalText returns the name of the scope.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name of a scope that can be granted.
func (s *Scope) UnmarshalText(text []byte) error {
	scope, ok := ParseScope(string(text))
	if !ok {
		return fmt.Errorf("%q is no scope: expected read, write or admin", text)
	}
	*s = scope
	return nil
}

// Principal is who sent a request.
type Principal struct {
	// Name is "token:" and the name of the token, "oidc:" and the subject, or
	// "anonymous". It is the author of what the principal writes.
	Name string
	// Scope is the highest scope that was granted.
	Scope Scope
	// Expires is when the grant ends; zero if it does not.
	Expires time.Time
}

// Anonymous is whoever shows nothing.
var Anonymous = Principal{Name: "anonymous"}

// IsAnonymous reports whether nobody is known to have sent the request.
func (p Principal) IsAnonymous() bool { return p.Name == "" || p.Name == Anonymous.Name }

// May returns nil if the principal has the scope, and the [Refusal] otherwise:
// an ErrUnauthenticated for nobody, an ErrForbidden that names the scope for
// someone.
func (p Principal) May(scope Scope) error {
	switch {
	case p.Scope >= scope:
		return nil
	case p.IsAnonymous():
		return unauthenticated("this needs a token with the scope %s, in the header Authorization: Bearer TOKEN", scope)
	default:
		return &Refusal{Class: ErrForbidden, Message: fmt.Sprintf("this needs the scope %s; the one in use has the scope %s", scope, p.Scope)}
	}
}

type principalKey struct{}

// WithPrincipal returns a context of a request that the principal has sent.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns who sent the request that ctx belongs to; Anonymous if
// nobody said.
func PrincipalFrom(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(Principal); ok {
		return p
	}
	return Anonymous
}
