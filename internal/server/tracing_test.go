package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestTraces(t *testing.T) {
	const traceID, parentID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	recorder := tracetest.NewSpanRecorder()
	r := newRig(t, func(c *Config) { c.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)) })
	r.schema.resolvers = true
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) { return nil, errors.New("broken") }
	a := r.post(t, bodyOf(t, `query Named { a: echo(text: "hunter2") b: echo(text: "hunter2") node(id: "hunter2") { children(first: 3) { id } } fail }`, nil),
		"traceparent", "00-"+traceID+"-"+parentID+"-01", "X-Request-Id", "req-1")
	for _, probe := range []string{"/healthz", "/readyz", "/metrics"} {
		r.do(t, httptest.NewRequest(http.MethodGet, probe, nil))
	}
	if got := a.header.Get("X-Trace-Id"); got != traceID {
		t.Errorf("X-Trace-Id %q, want that of the caller", got)
	}
	if got := r.log.records(t, "request")[0]["traceId"]; got != traceID {
		t.Errorf("the log says trace %v", got)
	}

	spans := recorder.Ended()
	names := map[string]string{}
	for _, s := range spans {
		names[s.SpanContext().SpanID().String()] = s.Name()
	}
	names[parentID] = "caller"
	var got []string
	for _, s := range spans {
		if s.SpanContext().TraceID().String() != traceID {
			t.Errorf("%s is of another trace", s.Name())
		}
		line := names[s.Parent().SpanID().String()] + " > " + s.Name()
		for _, attribute := range s.Attributes() {
			if key := string(attribute.Key); key != "keiretsu.total_ms" {
				line += fmt.Sprintf(" %s=%s", key, attribute.Value.String())
			}
			if strings.Contains(attribute.Value.String(), "hunter2") {
				t.Errorf("%s holds a literal of the document", s.Name())
			}
		}
		got = append(got, line)
	}
	want := []string{
		"query > echo keiretsu.calls=2 keiretsu.failed=0",
		"query > node keiretsu.calls=1 keiretsu.failed=0",
		"query > node.children keiretsu.calls=1 keiretsu.failed=0",
		"query > fail keiretsu.calls=1 keiretsu.failed=1",
		"POST /graphql > query graphql.operation.type=query graphql.operation.name=Named keiretsu.cost=10 keiretsu.code=INTERNAL keiretsu.errors=1",
		"caller > POST /graphql http.request.method=POST http.route=/graphql keiretsu.request_id=req-1 http.response.status_code=200 keiretsu.code=INTERNAL",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestNoTraces(t *testing.T) {
	r := newRig(t, nil)
	a := r.post(t, `{"query":"{ name }"}`, "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if a.header.Get("X-Trace-Id") != "" || r.log.records(t, "request")[0]["traceId"] != nil {
		t.Errorf("headers %v, log %s", a.header, r.log)
	}
}

// TestTracedNames wants nothing that clients make up among the names of spans.
func TestTracedNames(t *testing.T) {
	for path, want := range map[string]string{
		"/graphql": "/graphql", "/graphiql": "/graphiql", "/graphiql/assets/a.js": "/graphiql", "/admin/backup": "/admin",
		"/": "/", "/schema.graphql": "/schema.graphql", "/graphqlmore": "other", "/made/up": "other", "": "other",
	} {
		if got := route(path); got != want {
			t.Errorf("%s is traced as %s, want %s", path, got, want)
		}
	}
}
