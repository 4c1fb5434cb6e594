package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceIDHeader names the trace of an answer, so that somebody who has the
// answer can find the trace.
const traceIDHeader = "X-Trace-Id"

// tracedLevels bounds the spans below one operation.
const tracedLevels = 50

// tracing makes spans: one for a request, one for its operation, and one for
// each level of fields that read the graph. It names operations and fields and
// counts, and never holds a value, an argument or the text of a document, which
// has literals in it. The zero value traces nothing.
//
// The names of attributes are those of OpenTelemetry's conventions for HTTP and
// GraphQL, https://opentelemetry.io/docs/specs/semconv/.
type tracing struct {
	tracer trace.Tracer
}

var (
	_ graphql.HandlerExtension    = tracing{}
	_ graphql.ResponseInterceptor = tracing{}
	_ graphql.FieldInterceptor    = tracing{}
)

func newTracing(provider trace.TracerProvider) tracing {
	if provider == nil {
		return tracing{}
	}
	return tracing{provider.Tracer("keiretsu/internal/server")}
}

func (tracing) ExtensionName() string                   { return "Tracing" }
func (tracing) Validate(graphql.ExecutableSchema) error { return nil }

// requestTrace is the span of a request; nil where there is none.
type requestTrace struct{ span trace.Span }

// request begins the span of a request, as part of the trace that the header
// traceparent names, if any. Probes have none.
func (t tracing) request(ctx context.Context, w http.ResponseWriter, r *http.Request) (context.Context, *requestTrace) {
	if t.tracer == nil || isProbe(r.URL.Path) {
		return ctx, nil
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, shorten(r.Method, 16)+" "+route(r.URL.Path), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", shorten(r.Method, 16)),
		attribute.String("http.route", route(r.URL.Path)),
		attribute.String("keiretsu.request_id", requestFrom(ctx).id)))
	w.Header().Set(traceIDHeader, span.SpanContext().TraceID().String())
	return ctx, &requestTrace{span}
}

// route returns the address without what clients make up.
func route(path string) string {
	for _, prefix := range []string{"/graphiql", "/admin", exportPath, reconcilePath} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return prefix
		}
	}
	switch path {
	case "/graphql", csvPath, ndjsonPath, "/schema.graphql", "/":
		return path
	}
	return "other"
}

// end completes the span with what came of the request.
func (t *requestTrace) end(req *request, status int) {
	if t == nil {
		return
	}
	t.span.SetAttributes(attribute.Int("http.response.status_code", status))
	if req.code != "" {
		t.span.SetAttributes(attribute.String("keiretsu.code", req.code))
	}
	if status >= http.StatusInternalServerError || req.code == codeInternal {
		t.span.SetStatus(codes.Error, req.code)
	}
	t.span.End()
}

// attributes returns what the access log says of the trace.
func (t *requestTrace) attributes() []slog.Attr {
	if t == nil {
		return nil
	}
	return []slog.Attr{slog.String("traceId", t.span.SpanContext().TraceID().String())}
}

// levels gathers the calls of one operation by where in the document they are.
type levels struct {
	mu     sync.Mutex
	order  []string
	byPath map[string]*callsAt
}

// callsAt is what the calls of one level came to.
type callsAt struct {
	calls       int
	first, last time.Time
	total       time.Duration
	failed      int
}

type levelsKey struct{}

// InterceptResponse makes the span of an operation, and below it one for each
// level.
func (t tracing) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil {
		return next(ctx)
	}
	kind := string(op.Operation.Operation)
	ctx, span := t.tracer.Start(ctx, kind, trace.WithAttributes(
		attribute.String("graphql.operation.type", kind),
		attribute.String("graphql.operation.name", shorten(op.Operation.Name, 100)),
		attribute.Int("keiretsu.cost", costOf(op))))
	defer span.End()
	if !span.IsRecording() || op.Operation.Operation == ast.Subscription {
		return next(ctx)
	}
	gathered := &levels{byPath: map[string]*callsAt{}}
	response := next(context.WithValue(ctx, levelsKey{}, gathered))
	gathered.report(ctx, t.tracer)
	if response != nil && len(response.Errors) > 0 {
		code, _ := response.Errors[0].Extensions["code"].(string)
		span.SetAttributes(attribute.String("keiretsu.code", code), attribute.Int("keiretsu.errors", len(response.Errors)))
		if code == codeInternal {
			span.SetStatus(codes.Error, code)
		}
	}
	return response
}

// InterceptField notes how long a field took that reads the graph.
func (tracing) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	gathered, _ := ctx.Value(levelsKey{}).(*levels)
	field := graphql.GetFieldContext(ctx)
	if gathered == nil || field == nil || !field.IsResolver {
		return next(ctx)
	}
	began := time.Now()
	value, err := next(ctx)
	gathered.add(field, began, time.Now(), err)
	return value, err
}

// add notes a call under the names of the fields that lead there. Siblings of a
// list are one level, whatever aliases they have.
func (l *levels) add(field *graphql.FieldContext, began, ended time.Time, err error) {
	var names []string
	for f := field; f != nil; f = f.Parent {
		if f.Index == nil && f.Field.Field != nil {
			names = append(names, f.Field.Name)
		}
	}
	slices.Reverse(names)
	path := strings.Join(names, ".")
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.byPath[path]
	if at == nil {
		if len(l.order) >= tracedLevels {
			return
		}
		at = &callsAt{first: began}
		l.byPath[path] = at
		l.order = append(l.order, path)
	}
	at.calls++
	at.total += ended.Sub(began)
	if began.Before(at.first) {
		at.first = began
	}
	if ended.After(at.last) {
		at.last = ended
	}
	if err != nil {
		at.failed++
	}
}

// report makes a span of each level, from its first call to the end of its last.
func (l *levels) report(ctx context.Context, tracer trace.Tracer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, path := range l.order {
		at := l.byPath[path]
		_, span := tracer.Start(ctx, path, trace.WithTimestamp(at.first), trace.WithAttributes(
			attribute.Int("keiretsu.calls", at.calls),
			attribute.Int("keiretsu.failed", at.failed),
			attribute.Float64("keiretsu.total_ms", float64(at.total.Microseconds())/1000)))
		span.End(trace.WithTimestamp(at.last))
	}
}
