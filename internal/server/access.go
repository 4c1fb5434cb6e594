package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"keiretsu/graph/model"
	"keiretsu/internal/auth"
)

// Access says who may do what. With its zero value everybody may read and
// nobody may write.
//
// Who asks is told by the header Authorization alone: a token in a URL, a
// cookie or a body is not looked at. Mutations need the scope write and /admin/
// needs admin; the pages of the UI and the probes are open to all, since they
// tell nothing.
type Access struct {
	// Gate turns the header Authorization into a principal; nil accepts no
	// token.
	Gate *auth.Gate
	// ReadsNeedToken makes queries, subscriptions, the schema and the metrics
	// need the scope read.
	ReadsNeedToken bool
	// PlainTokens accepts tokens on connections that are not encrypted, where
	// everyone on the way can read them.
	PlainTokens bool
	// Origins are those whose pages may send requests, exactly as a browser
	// writes them, such as https://example.org:8443; the page of this server
	// need not be named. "*" lets pages of any origin read what needs no token.
	// See [CheckOrigins].
	Origins []string
	// Audit takes a line for each write, before and after it, for each request
	// for administration and for each that is refused; nil keeps none. A write
	// that cannot be announced there does not happen.
	Audit *auth.Log
}

// gatekeeper holds requests against an Access.
type gatekeeper struct {
	Access
	presenter presenter
	log       *slog.Logger
	trusted   []netip.Prefix // as Traffic.TrustedProxies
}

type credentialsKey struct{}

// identified finds out who sends a request. Whether they may is decided where
// it arrives: what is open to all stays so for someone with a bad token.
func (g *gatekeeper) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		req := requestFrom(ctx)
		req.remote, req.path, req.encrypted = clientAddr(r, g.trusted).String(), r.URL.Path, r.TLS != nil
		shown := r.Header.Values("Authorization")
		if len(shown) > 1 {
			shown = []string{"several"} // which the gate refuses
		}
		if len(shown) == 1 {
			var err error
			if ctx, err = g.enter(ctx, shown[0]); err != nil {
				ctx = context.WithValue(ctx, credentialsKey{}, err)
			}
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// enter returns a context in which auth.PrincipalFrom tells who shows the value
// of an Authorization header, wherever it was found. The error is an
// *auth.Refusal.
func (g *gatekeeper) enter(ctx context.Context, authorization string) (context.Context, error) {
	req := requestFrom(ctx)
	if authorization != "" && !req.encrypted && !g.PlainTokens {
		return ctx, &auth.Refusal{Class: auth.ErrUnauthenticated, Message: "tokens are accepted over https only; this one was readable on its way here, so end it"}
	}
	p, err := g.Gate.Principal(ctx, authorization)
	if err != nil {
		if refusal, ok := errors.AsType[*auth.Refusal](err); ok && refusal.Cause != nil {
			g.log.LogAttrs(ctx, slog.LevelInfo, "token not accepted", slog.String("requestId", req.id),
				slog.String("error", shorten(refusal.Cause.Error(), 300)))
		}
		return ctx, err
	}
	req.principal = p.Name
	return auth.WithPrincipal(ctx, p), nil
}

// needs passes on what comes from someone with the scope. A token that is not
// accepted is refused whatever the scope.
func (g *gatekeeper) needs(scope auth.Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		err, _ := ctx.Value(credentialsKey{}).(error)
		if err == nil {
			err = auth.PrincipalFrom(ctx).May(scope)
		}
		if err != nil {
			g.reject(ctx, w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// reading is the scope that reading needs.
func (g *gatekeeper) reading() auth.Scope {
	if g.ReadsNeedToken {
		return auth.ScopeRead
	}
	return auth.ScopeNone
}

// graphQL passes on what may become an operation. Browsers cannot send a header
// with the handshake of a WebSocket: it shows its token afterwards, and each of
// its operations is held against the scopes.
func (g *gatekeeper) graphQL(next http.Handler) http.Handler {
	request, handshake := g.needs(g.reading(), next), g.needs(auth.ScopeNone, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			handshake.ServeHTTP(w, r)
			return
		}
		request.ServeHTTP(w, r)
	})
}

// administration passes on what comes from an administrator, with a line in the
// audit log before anything happens.
func (g *gatekeeper) administration(next http.Handler) http.Handler {
	return g.needs(auth.ScopeAdmin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.Audit != nil {
			if err := g.Audit.Append(g.entry(r.Context(), auth.EventAdmin)); err != nil {
				g.reject(r.Context(), w, errNoAudit)
				return
			}
		}
		next.ServeHTTP(w, r)
	}))
}

// importing passes on files from someone who may write, with the line for the audit
// log that is written when the import begins.
func (g *gatekeeper) importing(next http.Handler) http.Handler {
	return g.needs(auth.ScopeWrite, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(auth.WithEntry(r.Context(), g.entry(r.Context(), auth.EventBegin))))
	}))
}

// reject answers a request that is refused as a whole for who sent it.
func (g *gatekeeper) reject(ctx context.Context, w http.ResponseWriter, err error) {
	shown := g.presenter.present(ctx, err)
	code, _ := shown.Extensions["code"].(string)
	requestFrom(ctx).code = code
	g.refused(ctx, code, "", nil)
	challenge(ctx, w, code)
	w.Header().Set("Cache-Control", "no-store")
	writeProblem(w, &problem{statusOf(code), code, shown.Message})
}

// challenge tells with an answer 401 what to show (RFC 6750).
func challenge(ctx context.Context, w http.ResponseWriter, code string) {
	if code != codeUnauthenticated {
		return
	}
	value := "Bearer"
	if ctx.Value(credentialsKey{}) != nil {
		value = `Bearer error="invalid_token"`
	}
	w.Header().Set("WWW-Authenticate", value)
}

// errNoAudit is what a writer learns when the audit log takes nothing.
var errNoAudit = &auth.Refusal{Class: auth.ErrUnavailable, Message: "nothing can be written at present, because the audit log takes nothing; the operator finds the reason in the log"}

// operations holds each operation against the scopes, whatever it came by, and
// keeps the audit log of those that write.
type operations struct{ *gatekeeper }

var (
	_ graphql.HandlerExtension        = operations{}
	_ graphql.OperationContextMutator = operations{}
	_ graphql.OperationInterceptor    = operations{}
)

// ExtensionName implements graphql.HandlerExtension.
func (operations) ExtensionName() string { return "Access" }

// Validate implements graphql.HandlerExtension.
func (operations) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses an operation before any of it runs.
func (o operations) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	scope := o.reading()
	if op.Operation.Operation == ast.Mutation {
		scope = auth.ScopeWrite
	}
	err := auth.PrincipalFrom(ctx).May(scope)
	if err == nil {
		return nil
	}
	code := codeForbidden
	if errors.Is(err, auth.ErrUnauthenticated) {
		code = codeUnauthenticated
	}
	o.refused(ctx, code, operationName(op), fieldsOf(op))
	return gqlerror.Wrap(err)
}

// InterceptOperation announces a mutation in the audit log, lets it run, and
// adds what became of it.
func (o operations) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation != ast.Mutation || o.Audit == nil {
		return next(ctx)
	}
	entry := o.entry(ctx, auth.EventBegin)
	entry.Operation, entry.Fields, entry.Keys = operationName(op), fieldsOf(op), keysOf(op)
	if err := o.Audit.Append(entry); err != nil {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{o.presenter.present(ctx, errNoAudit)}})
	}
	ctx, ledger := model.WithLedger(ctx)
	responses := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if entry.Event == auth.EventDone { // asked for more, there is none
			return response
		}
		entry.Event, entry.Code = auth.EventDone, outcome(ctx, response)
		applied := ledger.Sum()
		entry.Revision, entry.Counts = uint64(applied.Revision), counts(applied)
		// The write has happened: what cannot be told here is in the server's
		// log, and the next write is not let begin.
		_ = o.Audit.Append(entry)
		return response
	}
}

// outcome is the code of a response; of none at all, which is what becomes of a
// request that was given up, it says why.
func outcome(ctx context.Context, response *graphql.Response) string {
	switch {
	case response != nil:
		return codeOf(response.Errors)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return codeTimeout
	default:
		return codeUnavailable
	}
}

// entry is a line about a request.
func (g *gatekeeper) entry(ctx context.Context, event string) auth.Entry {
	req := requestFrom(ctx)
	return auth.Entry{
		Event: event, RequestID: req.id, Principal: auth.PrincipalFrom(ctx).Name,
		Remote: req.remote, Path: shorten(req.path, 200),
	}
}

// refused adds a line about what was not let happen.
func (g *gatekeeper) refused(ctx context.Context, code, operation string, fields []string) {
	if g.Audit == nil {
		return
	}
	entry := g.entry(ctx, auth.EventRefused)
	entry.Code, entry.Operation, entry.Fields = code, operation, fields
	g.Audit.Refused(entry, !auth.PrincipalFrom(ctx).IsAnonymous())
}

// codeOf is OK, or the code of the first error.
func codeOf(errs gqlerror.List) string {
	if len(errs) == 0 {
		return "OK"
	}
	code, _ := errs[0].Extensions["code"].(string)
	return code
}

func counts(a model.Sum) map[string]int {
	all := map[string]int{
		"recorded": a.Recorded, "known": a.Known, "retracted": a.Retracted, "replayed": a.Replayed,
		"entities": a.Entities, "relations": a.Relations, "observations": a.Observations,
	}
	for kind, n := range all {
		if n == 0 {
			delete(all, kind)
		}
	}
	return all
}

// fieldsOf returns the names of the root fields of an operation, in order.
func fieldsOf(op *graphql.OperationContext) []string {
	var names []string
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, nil) {
		names = append(names, field.Name)
	}
	return names
}

// keyName is what an idempotency key is called in the input of a mutation.
const keyName = "key"

// maxKeys bounds the keys of one line, maxKeyRunes the length of each.
const (
	maxKeys     = 20
	maxKeyRunes = 200
)

// keysOf returns the idempotency keys of an operation.
func keysOf(op *graphql.OperationContext) []string {
	var keys []string
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, nil) {
		args := field.ArgumentMap(op.Variables)
		for _, argument := range field.Definition.Arguments { // in the order of the schema
			input, _ := args[argument.Name].(map[string]any)
			if key, ok := input[keyName].(string); ok && len(keys) < maxKeys {
				keys = append(keys, shorten(key, maxKeyRunes))
			}
		}
	}
	return keys
}
