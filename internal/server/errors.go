package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"keiretsu/internal/auth"
	"keiretsu/internal/kg"
)

// The values of extensions.code. Besides these a client sees
// GRAPHQL_PARSE_FAILED and GRAPHQL_VALIDATION_FAILED for a document that is not
// GraphQL, or not GraphQL of this schema.
//
//	code              further extensions            meaning
//	BAD_USER_INPUT    argument: "during", "$id"     the argument, variable or parameter cannot be right
//	AMBIGUOUS_NAME    candidates: [{id,name,kind}]  the name fits several entities; more: true if the list is cut
//	NOT_FOUND                                       a mutation names what does not exist
//	CONFLICT                                        the write contradicts what is stored by now
//	TOO_COMPLEX                                     the document breaks a limit of its shape or cost
//	TOO_LARGE                                       the request, the document or a batch is too long
//	TIMEOUT                                         the time allowed for one request is over
//	RATE_LIMITED                                    one client sends more requests than it may
//	UNAUTHENTICATED                                 it needs a token, or the one shown is not accepted
//	FORBIDDEN                                       the token lacks a scope, a page of another origin sent it, or nobody may ask it here
//	PERSISTED_QUERY_NOT_FOUND                       no document of this hash is known; send its text along
//	TOO_SLOW                                        a subscriber does not read what it is told
//	UNAVAILABLE                                     the store cannot answer, or takes no writes, at present
//	INTERNAL          requestId                     a fault of ours, found in the log under that id
const (
	codeBadUserInput      = "BAD_USER_INPUT"
	codeAmbiguousName     = "AMBIGUOUS_NAME"
	codeNotFound          = "NOT_FOUND"
	codeConflict          = "CONFLICT"
	codeTooComplex        = "TOO_COMPLEX"
	codeTooLarge          = "TOO_LARGE"
	codeTimeout           = "TIMEOUT"
	codeRateLimited       = "RATE_LIMITED"
	codeUnauthenticated   = "UNAUTHENTICATED"
	codePersistedNotFound = "PERSISTED_QUERY_NOT_FOUND"
	codeForbidden         = "FORBIDDEN"
	codeTooSlow           = "TOO_SLOW"
	codeUnavailable       = "UNAVAILABLE"
	codeInternal          = "INTERNAL"
)

// errPanic stands for a panic that is in the log already.
var errPanic = errors.New("panic")

// presenter decides what a client learns of an error: a code and a text that
// were meant for it, or that something went wrong here, and under which id.
type presenter struct {
	log      *slog.Logger
	maxRunes int
	timeout  time.Duration
}

// field implements graphql.ErrorPresenterFunc: it presents an error for the
// list of an answer, nil where the list is full.
func (p presenter) field(ctx context.Context, err error) *gqlerror.Error {
	if b := budgetFrom(ctx); b != nil && !b.admit(err) {
		return nil
	}
	return p.present(ctx, err)
}

// present returns what a client learns of an error.
func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	out := &gqlerror.Error{Extensions: map[string]any{}}
	field, argument := graphql.GetFieldContext(ctx), ""
	if cause, ok := errors.AsType[*gqlerror.Error](err); ok {
		out.Locations = cause.Locations
		out.Path, argument = splitPath(cause.Path, field)
	}
	code, message := p.describe(ctx, err, field, argument, out.Extensions)
	out.Extensions["code"] = code
	out.Message = shorten(message, p.maxRunes)
	return out
}

// describe returns the code and the text of an error and adds what else the
// code promises to extensions.
func (p presenter) describe(ctx context.Context, err error, field *graphql.FieldContext, argument string, extensions map[string]any) (code, message string) {
	if refused, ok := errors.AsType[*refusal](err); ok {
		if refused.argument != "" {
			extensions["argument"] = refused.argument
		}
		return refused.code, refused.message
	}
	if refused, ok := errors.AsType[*auth.Refusal](err); ok {
		return codeOfRefusal[refused.Class], refused.Message
	}
	if ambiguous, ok := errors.AsType[*kg.AmbiguousError](err); ok {
		candidates := make([]map[string]string, len(ambiguous.Candidates))
		for i, c := range ambiguous.Candidates {
			candidates[i] = map[string]string{"id": string(c.ID), "name": c.Name, "kind": c.Kind.String()}
		}
		extensions["candidates"] = candidates
		if ambiguous.More {
			extensions["more"] = true
		}
		return codeAmbiguousName, ambiguous.Error()
	}
	if invalid, ok := errors.AsType[*kg.InvalidError](err); ok {
		argument = joinArgument(argument, invalid.Argument)
		if argument == "" {
			return codeBadUserInput, invalid.Reason
		}
		extensions["argument"] = argument
		return codeBadUserInput, argument + ": " + invalid.Reason
	}
	if missing, ok := errors.AsType[*kg.NotFoundError](err); ok {
		if argument = joinArgument(argument, missing.Argument); argument == "" {
			return codeNotFound, missing.Reason
		}
		extensions["argument"] = argument
		return codeNotFound, argument + ": " + missing.Reason
	}
	if conflict, ok := errors.AsType[*kg.ConflictError](err); ok {
		extensions["changed"] = changed(conflict.Changed)
		return codeConflict, conflict.Error()
	}
	if disputed, ok := errors.AsType[*kg.DisputedError](err); ok {
		if argument = joinArgument(argument, disputed.Argument); argument == "" {
			return codeConflict, disputed.Reason
		}
		extensions["argument"] = argument
		return codeConflict, argument + ": " + disputed.Reason
	}
	if large, ok := errors.AsType[*kg.TooLargeError](err); ok {
		return codeTooLarge, large.Reason
	}
	if costly, ok := errors.AsType[*kg.TooComplexError](err); ok {
		return codeTooComplex, costly.Reason
	}
	if unavailable, ok := errors.AsType[*kg.UnavailableError](err); ok {
		p.logOnce(ctx, slog.LevelWarn, "store unavailable", err)
		return codeUnavailable, unavailable.Reason
	}
	switch {
	case errors.Is(err, kg.ErrInvalid):
		if argument != "" {
			extensions["argument"] = argument
		}
		return codeBadUserInput, "the input cannot be right"
	case errors.Is(err, kg.ErrNotFound):
		return codeNotFound, "there is nothing of that id"
	case errors.Is(err, kg.ErrConflict):
		return codeConflict, "the change contradicts what is stored by now; read again and retry"
	case errors.Is(err, kg.ErrTooComplex):
		return codeTooComplex, "answering would cost more than one request may; ask for less at a time"
	case errors.Is(err, kg.ErrTooLarge):
		return codeTooLarge, "the request or its answer is larger than allowed; ask for less at a time"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return codeTimeout, fmt.Sprintf("no complete answer within %s; ask for less", p.timeout)
	case errors.Is(err, context.Canceled):
		return codeUnavailable, "the request was cancelled"
	case errors.Is(err, kg.ErrUnavailable), errors.Is(err, kg.ErrClosed):
		p.logOnce(ctx, slog.LevelWarn, "store unavailable", err)
		return codeUnavailable, "the store cannot answer at present; try again"
	}
	if code, message, ok := describeDocument(err, extensions); ok {
		return code, message
	}
	if argument != "" {
		// Coercion failed in generated code or in a scalar of a library, whose
		// texts name Go types.
		extensions["argument"] = argument
		return codeBadUserInput, argument + ": not a valid value of type " + argumentType(field, argument)
	}
	if !errors.Is(err, errPanic) {
		p.logOnce(ctx, slog.LevelError, "internal error", err)
	}
	extensions["requestId"] = requestFrom(ctx).id
	return codeInternal, "internal error"
}

// CodeOf returns the code under which a client would learn of an error, and OK where
// there is none: for the audit log of what is not asked by way of a Server.
func CodeOf(err error) string {
	if err == nil {
		return "OK"
	}
	code, _ := presenter{log: slog.New(slog.DiscardHandler)}.describe(context.Background(), err, nil, "", make(map[string]any))
	return code
}

// changed tells what has changed since the revision on which a write rests.
func changed(entries []kg.Entry) []map[string]any {
	list := make([]map[string]any, len(entries))
	for i, e := range entries {
		item := map[string]any{"revision": e.Revision, "at": e.At, "by": e.By, "action": e.Action.String()}
		if e.Claim != nil {
			item["claim"], item["fact"], item["summary"] = e.Claim.ID, e.Claim.Fact, e.Claim.Summary()
		} else {
			item["source"] = e.Source.ID
		}
		list[i] = item
	}
	return list
}

// codeOfRefusal has the code of each class of auth.Refusal.
var codeOfRefusal = map[error]string{
	auth.ErrUnauthenticated: codeUnauthenticated,
	auth.ErrForbidden:       codeForbidden,
	auth.ErrUnavailable:     codeUnavailable,
}

// describeDocument deals with what gqlgen finds wrong before execution.
func describeDocument(err error, extensions map[string]any) (code, message string, ok bool) {
	found, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		return "", "", false
	}
	switch code, _ = found.Extensions["code"].(string); code {
	case errcode.ParseFailed:
		return code, found.Message, true
	case errcode.ValidationFailed:
		if len(found.Path) > 1 && found.Path[0] == ast.PathName("variable") {
			argument := "$" + found.Path[1:].String()
			extensions["argument"] = argument
			return codeBadUserInput, argument + ": " + coercionMessage(found.Message), true
		}
		return code, found.Message, true
	}
	return "", "", false
}

// coercionMessage rewords what gqlparser says of a variable: its own texts
// describe the value by its Go kind.
func coercionMessage(text string) string {
	switch {
	case text == "must be defined":
		return "a value is required"
	case text == "cannot be null", text == "unknown field":
		return text
	case strings.HasPrefix(text, "cannot use "):
		if i := strings.LastIndex(text, " as "); i >= 0 {
			return "not a valid value of type " + text[i+len(" as "):]
		}
	case strings.HasPrefix(text, "must be a "):
		if name, _, ok := strings.Cut(strings.TrimPrefix(text, "must be a "), ","); ok {
			return "not a valid value of type " + name
		}
	case strings.Contains(text, " is not a valid "):
		return text
	}
	return "not a valid value of its type"
}

// splitPath separates what gqlgen joins when an argument cannot be read: the
// place in the answer and the argument's own path.
func splitPath(path ast.Path, field *graphql.FieldContext) (ast.Path, string) {
	if len(path) > 0 && path[0] == ast.PathName("variable") && field == nil {
		return nil, ""
	}
	if field == nil { // a directive of the operation: all there is to name is its argument
		return nil, path.String()
	}
	if field.Field.Field == nil || field.Field.Definition == nil {
		return path, ""
	}
	depth := len(field.Path())
	if len(path) <= depth {
		return path, ""
	}
	name, ok := path[depth].(ast.PathName)
	if !ok || field.Field.Definition.Arguments.ForName(string(name)) == nil {
		return path, ""
	}
	return path[:depth], path[depth:].String()
}

// joinArgument combines the path GraphQL knows with the one the domain knows,
// which may repeat its end.
func joinArgument(outer, inner string) string {
	switch {
	case outer == "":
		return inner
	case inner == "", outer == inner, strings.HasSuffix(outer, "."+inner):
		return outer
	default:
		return outer + "." + inner
	}
}

// argumentType returns the declared type of the argument that the path starts
// with.
func argumentType(field *graphql.FieldContext, path string) string {
	name := path
	if i := strings.IndexAny(path, ".["); i >= 0 {
		name = path[:i]
	}
	return field.Field.Definition.Arguments.ForName(name).Type.String()
}

// recovered implements graphql.RecoverFunc: the log gets the stack, the client
// an id to ask for it.
func (p presenter) recovered(ctx context.Context, panicked any) error {
	if requestFrom(ctx).logged.Add(1) > enough {
		return errPanic
	}
	p.log.ErrorContext(ctx, "panic",
		slog.String("requestId", requestFrom(ctx).id),
		slog.Any("panic", panicked),
		slog.String("stack", string(debug.Stack())))
	return errPanic
}

// enough is how many causes of one request the log takes.
const enough = 10

// logOnce logs the cause of an error of this request, unless so many are in the
// log that one more would tell nothing.
func (p presenter) logOnce(ctx context.Context, level slog.Level, text string, err error) {
	request := requestFrom(ctx)
	if request.logged.Add(1) > enough {
		return
	}
	if located, ok := errors.AsType[*gqlerror.Error](err); ok && located.Err != nil {
		err = located.Err // the place is logged beside it
	}
	p.log.Log(ctx, level, text,
		slog.String("requestId", request.id),
		slog.String("path", graphql.GetPath(ctx).String()),
		slog.Any("error", err))
}

// shorten cuts a text to at most n characters.
func shorten(text string, n int) string {
	if len(text) <= n || utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
