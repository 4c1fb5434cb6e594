package server

import (
	"context"
	"reflect"
	"runtime"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// answerLimit bounds what one answer holds while it is made, whatever was
// estimated of it. Once a bound is met nothing further is resolved, what runs
// is cancelled, and the answer is the error alone: half an answer that cannot be
// told from a whole one helps nobody. The answer to a mutation keeps what it has,
// as it says what was written; its further fields are not resolved, so that
// nothing further is written.
//
// It works for every transport. The events of a subscription are made outside
// of its reach; each of them is bounded by its cost.
type answerLimit struct {
	limits    Limits
	presenter presenter
}

var (
	_ graphql.HandlerExtension    = answerLimit{}
	_ graphql.ResponseInterceptor = answerLimit{}
	_ graphql.FieldInterceptor    = answerLimit{}
)

func (answerLimit) ExtensionName() string                   { return "AnswerLimit" }
func (answerLimit) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse gives the making of an answer its budget.
func (a answerLimit) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	op := graphql.GetOperationContext(ctx).Operation
	wrote := op != nil && op.Operation == ast.Mutation
	if wrote {
		cancel = func() {} // a write that has begun is told of, whatever else is not
	}
	b := &budget{limits: a.limits, stop: cancel, hands: make(chan struct{}, runtime.GOMAXPROCS(0))}
	ctx = context.WithValue(ctx, budgetKey{}, b)
	response := next(ctx)
	if response == nil {
		return nil
	}
	if len(response.Data) > a.limits.AnswerBytes {
		b.refuse(b.tooLarge())
	}
	if refused := b.refused.Load(); refused != nil {
		if wrote {
			response.Errors = append(gqlerror.List{a.presenter.present(ctx, refused)}, response.Errors...)
			return response
		}
		return &graphql.Response{Errors: gqlerror.List{a.presenter.present(ctx, refused)}}
	}
	omitted := b.omitted.Load()
	if more := len(response.Errors) - a.limits.Errors; more > 0 { // what validation found was listed before there was a budget
		response.Errors = response.Errors[:a.limits.Errors]
		omitted += int64(more)
	}
	if omitted > 0 {
		if response.Extensions == nil {
			response.Extensions = map[string]any{}
		}
		response.Extensions["errorsOmitted"] = omitted
	}
	return response
}

// InterceptField counts a field against the budget.
func (answerLimit) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	b := budgetFrom(ctx)
	if b == nil {
		return next(ctx)
	}
	if !b.spend(1, 0) {
		return nil, errOverBudget
	}
	value, err := b.resolve(ctx, next)
	if err == nil && value != nil {
		values, bytes := weigh(value)
		if field := graphql.GetFieldContext(ctx); field != nil {
			bytes += len(field.Field.Alias)
		}
		if !b.spend(values, bytes) {
			return nil, errOverBudget
		}
	}
	return value, err
}

// resolve runs a resolver when one of the request's hands is free. gqlgen
// starts all resolvers of a level at once; without this, one request with sixty
// walks has sixty times the share of the processors of one with a single walk.
// No resolver waits for another that has not begun.
func (b *budget) resolve(ctx context.Context, next graphql.Resolver) (any, error) {
	if field := graphql.GetFieldContext(ctx); field != nil && field.IsResolver {
		select {
		case b.hands <- struct{}{}:
			defer func() { <-b.hands }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return next(ctx)
}

// weigh returns how many entries a field's value adds to the answer and about
// how many bytes, at least: texts as long as they are, everything else eight,
// which is the least that a name, its quotes and a value take.
func weigh(value any) (entries, bytes int) {
	const least = 8
	v := reflect.ValueOf(value)
	for v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.String {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return 0, least + v.Len()
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return 0, least + v.Len()
		}
		return v.Len(), least + v.Len()
	default:
		return 0, least
	}
}

type budgetKey struct{}

// budgetFrom returns the budget of the answer that ctx makes, nil outside one.
func budgetFrom(ctx context.Context) *budget {
	b, _ := ctx.Value(budgetKey{}).(*budget)
	return b
}

// budget is what is left of the limits of one answer.
type budget struct {
	limits        Limits
	stop          context.CancelFunc
	hands         chan struct{}
	values, bytes atomic.Int64
	refused       atomic.Pointer[gqlerror.Error]
	errors        atomic.Int64
	omitted       atomic.Int64
}

// spend reports whether that much more may be added to the answer.
func (b *budget) spend(values, bytes int) bool {
	switch {
	case b.values.Add(int64(values)) > int64(b.limits.AnswerValues):
		b.refuse(refuse(codeTooComplex, "the answer would hold more than the %d values allowed; ask for smaller pages or fewer fields", b.limits.AnswerValues))
	case b.bytes.Add(int64(bytes)) > int64(b.limits.AnswerBytes):
		b.refuse(b.tooLarge())
	}
	return b.refused.Load() == nil
}

func (b *budget) tooLarge() *gqlerror.Error {
	return refuse(codeTooLarge, "the answer would be longer than the %d bytes allowed; ask for smaller pages or fewer fields", b.limits.AnswerBytes)
}

func (b *budget) refuse(err *gqlerror.Error) {
	if b.refused.CompareAndSwap(nil, err) {
		b.stop()
	}
}

// errOverBudget is the error of every field that is not resolved any more.
var errOverBudget = refuse(codeTooComplex, "the answer is too large")

// mustNotBeNull is what gqlgen adds for a field whose own error it does not
// find in the list.
const mustNotBeNull = "must not be null"

// admit reports whether one more error is shown. gqlgen looks through all errors
// of an answer for each field that must not be null, so that a list without end
// would cost its square.
func (b *budget) admit(err error) bool {
	if b.refused.Load() != nil {
		return false
	}
	if b.errors.Add(1) <= int64(b.limits.Errors) {
		return true
	}
	if located, ok := err.(*gqlerror.Error); !ok || located.Message != mustNotBeNull { //nolint:errorlint // Not what it wraps.
		b.omitted.Add(1)
	}
	return false
}
