package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/auth"
)

func TestPostRequests(t *testing.T) {
	const graphqlJSON = "application/graphql-response+json"
	access, tokens := newAccess(t)
	r := newRig(t, func(c *Config) { c.Access = access })
	tests := []struct {
		name   string
		body   string
		header []string
		status int
		media  string
		want   string // the body of the answer
	}{
		{
			name: "query", body: `{"query":"{ name }"}`,
			status: 200, media: mediaJSON, want: `{"data":{"name":"text"}}`,
		},
		{
			name: "query under the newer media type", body: `{"query":"{ name }"}`, header: []string{"Accept", graphqlJSON},
			status: 200, media: mediaResponse, want: `{"data":{"name":"text"}}`,
		},
		{
			name: "mutation", body: `{"query":"mutation { rename(name: \"x\") }"}`, header: []string{"Authorization", "Bearer " + tokens[auth.ScopeWrite]},
			status: 200, media: mediaJSON, want: `{"data":{"rename":"text"}}`,
		},
		{
			name: "all parameters, null", body: `{"query":"{ name }","variables":null,"operationName":null,"extensions":null}`,
			status: 200, media: mediaJSON, want: `{"data":{"name":"text"}}`,
		},
		{
			name: "body in UTF-8, said so", body: `{"query":"{ name }"}`, header: []string{"Content-Type", "application/json; charset=UTF-8"},
			status: 200, media: mediaJSON, want: `{"data":{"name":"text"}}`,
		},
		{
			name: "syntax error", body: `{"query":"{"}`,
			status: 200, media: mediaJSON,
			want: `{"errors":[{"message":"Expected Name, found \u003cEOF\u003e","locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]}`,
		},
		{
			name: "syntax error under the newer media type", body: `{"query":"{"}`, header: []string{"Accept", graphqlJSON},
			status: 400, media: mediaResponse,
			want: `{"errors":[{"message":"Expected Name, found \u003cEOF\u003e","locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]}`,
		},
		{
			name: "unknown field under the newer media type", body: `{"query":"{ nam }"}`, header: []string{"Accept", graphqlJSON},
			status: 400, media: mediaResponse,
			want: `{"errors":[{"message":"Cannot query field \"nam\" on type \"Query\". Did you mean \"name\"?","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`,
		},
		{
			name: "missing variable under the newer media type", body: `{"query":"query($id: ID!) { node(id: $id) { id } }"}`, header: []string{"Accept", graphqlJSON},
			status: 400, media: mediaResponse,
			want: `{"errors":[{"message":"$id: a value is required","extensions":{"argument":"$id","code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "no operation", body: `{"query":"# nothing"}`,
			status: 200, media: mediaJSON,
			want: `{"errors":[{"message":"no operation provided","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`,
		},
		{
			name: "several operations, none named", body: `{"query":"query A { name } query B { name }"}`,
			status: 200, media: mediaJSON,
			want: `{"errors":[{"message":"the document has several operations; name the one to run","extensions":{"argument":"operationName","code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "subscription", body: `{"query":"subscription { ticks { n } }"}`,
			status: 200, media: mediaJSON,
			want: `{"errors":[{"message":"a subscription is answered as server-sent events, for which the header must say Accept: text/event-stream, or over a WebSocket","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`,
		},
		{
			name: "no media type in common", body: `{"query":"{ name }"}`, header: []string{"Accept", "text/html"},
			status: 406, media: mediaJSON,
			want: `{"errors":[{"message":"answers are application/graphql-response+json or application/json, those of subscriptions text/event-stream; the header Accept allows none of them","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "no content type", body: `{"query":"{ name }"}`, header: []string{"Content-Type", ""},
			status: 415, media: mediaJSON,
			want: `{"errors":[{"message":"the body must be JSON with Content-Type: application/json","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "form", body: `query={name}`, header: []string{"Content-Type", "application/x-www-form-urlencoded"},
			status: 415, media: mediaJSON,
			want: `{"errors":[{"message":"the body must be JSON with Content-Type: application/json","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "multipart form", body: `x`, header: []string{"Content-Type", "multipart/form-data; boundary=x"},
			status: 415, media: mediaJSON,
			want: `{"errors":[{"message":"the body must be JSON with Content-Type: application/json","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "bare document", body: `{ name }`, header: []string{"Content-Type", "application/graphql"},
			status: 415, media: mediaJSON,
			want: `{"errors":[{"message":"the body must be JSON with Content-Type: application/json","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "other charset", body: `{"query":"{ name }"}`, header: []string{"Content-Type", "application/json; charset=latin1"},
			status: 415, media: mediaJSON,
			want: `{"errors":[{"message":"the body must be encoded in UTF-8","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "compressed body", body: `{"query":"{ name }"}`, header: []string{"Content-Encoding", "gzip"},
			status: 415, media: mediaJSON,
			want: `{"errors":[{"message":"the body must not be compressed","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "no body", body: ``,
			status: 400, media: mediaJSON,
			want: `{"errors":[{"message":"the body is not valid JSON","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "text after the body", body: `{"query":"{ name }"} {`,
			status: 400, media: mediaJSON,
			want: `{"errors":[{"message":"the body is not valid JSON","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "batch", body: `[{"query":"{ name }"}]`,
			status: 400, media: mediaJSON,
			want: `{"errors":[{"message":"the body must be a JSON object with the parameter query","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "no query", body: `{"qeury":"{ name }"}`, header: []string{"Accept", graphqlJSON},
			status: 400, media: mediaJSON,
			want: `{"errors":[{"message":"the parameter query is missing; it holds the GraphQL document","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "query is a number", body: `{"query":7}`,
			status: 400, media: mediaJSON,
			want: `{"errors":[{"message":"the parameter query must be a string","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
		{
			name: "variables are a list", body: `{"query":"{ name }","variables":["a"]}`,
			status: 400, media: mediaJSON,
			want: `{"errors":[{"message":"the parameter variables must be an object","extensions":{"code":"BAD_USER_INPUT"}}]}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := r.post(t, test.body, test.header...)
			if a.status != test.status {
				t.Errorf("status %d, want %d", a.status, test.status)
			}
			if got, want := a.header.Get("Content-Type"), test.media+"; charset=utf-8"; got != want {
				t.Errorf("Content-Type %q, want %q", got, want)
			}
			if diff := cmp.Diff(test.want, a.body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGetRequests(t *testing.T) {
	r := newRig(t, nil)
	tests := []struct {
		name   string
		query  url.Values
		status int
		allow  string
		code   string
	}{
		{"query", url.Values{"query": {"{ name }"}}, 200, "", "OK"},
		{"query with variables", url.Values{"query": {"query($id: ID!) { node(id: $id) { id } }"}, "variables": {`{"id":"a"}`}}, 200, "", "OK"},
		{"named operation", url.Values{"query": {"query A { name } query B { name }"}, "operationName": {"B"}}, 200, "", "OK"},
		{"mutation", url.Values{"query": {`mutation { rename(name: "x") }`}}, 405, "POST", codeBadUserInput},
		{"mutation among queries", url.Values{"query": {`query A { name } mutation B { rename(name: "x") }`}, "operationName": {"B"}}, 405, "POST", codeBadUserInput},
		{"no query", url.Values{}, 400, "", codeBadUserInput},
		{"variables are no object", url.Values{"query": {"{ name }"}, "variables": {"[]"}}, 400, "", codeBadUserInput},
		{"extensions are no JSON", url.Values{"query": {"{ name }"}, "extensions": {"{"}}, 400, "", codeBadUserInput},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := r.do(t, httptest.NewRequest(http.MethodGet, "/graphql?"+test.query.Encode(), nil))
			if a.status != test.status || a.code() != test.code || a.header.Get("Allow") != test.allow {
				t.Errorf("status %d, code %s, Allow %q; want %d, %s, %q\n%s", a.status, a.code(), a.header.Get("Allow"), test.status, test.code, test.allow, a.body)
			}
		})
	}
	t.Run("no mutation ran", func(t *testing.T) {
		if n := r.schema.resolved["Mutation.rename"]; n != 0 {
			t.Errorf("%d mutations ran", n)
		}
	})
	t.Run("ill-formed query string", func(t *testing.T) {
		if a := r.do(t, httptest.NewRequest(http.MethodGet, "/graphql?query=%zz", nil)); a.status != 400 {
			t.Errorf("status %d, want 400", a.status)
		}
	})
}

func TestOtherMethods(t *testing.T) {
	r := newRig(t, nil)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodHead} {
		a := r.do(t, httptest.NewRequest(method, "/graphql", nil))
		if a.status != 405 || a.header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: status %d, Allow %q; want 405, GET, POST", method, a.status, a.header.Get("Allow"))
		}
	}
}

func TestNegotiation(t *testing.T) {
	tests := []struct {
		accept string
		want   string // "" for 406
	}{
		{"", mediaJSON},
		{"*/*", mediaJSON},
		{"application/*", mediaJSON},
		{"application/json", mediaJSON},
		{"application/graphql-response+json", mediaResponse},
		{"application/graphql-response+json, application/json;q=0.9", mediaResponse},
		{"application/graphql-response+json;q=0.8, application/json", mediaJSON},
		{"application/graphql-response+json, application/json", mediaResponse},
		{"application/json, application/graphql-response+json", mediaJSON},
		{"application/graphql-response+json, */*", mediaResponse},
		{"application/json;q=0, */*", mediaResponse},
		{"application/json;q=0", ""},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", mediaJSON},
		{"application/json; charset=utf-8", mediaJSON},
		{"multipart/mixed, application/json", mediaJSON},
		{"text/html", ""},
		{"nonsense", ""},
		{"application/json;q=high, application/json;q=nan", ""},
	}
	for _, test := range tests {
		t.Run(test.accept, func(t *testing.T) {
			media, ok := negotiate(test.accept)
			if ok != (test.want != "") || ok && media != test.want {
				t.Errorf("got %q, %t; want %q", media, ok, test.want)
			}
		})
	}
}

// countingReader counts what is read of a body that never ends.
type countingReader struct{ n int64 }

func (c *countingReader) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestLongBodiesAreNotKept(t *testing.T) {
	const limit = 256 << 10
	r := newRig(t, nil)
	for name, c := range map[string]struct {
		length int64
		expect string
		reads  int64
	}{
		"announced":                       {limit + 1, "", discarded},
		"not announced":                   {-1, "", discarded + limit + 1},
		"announced, and the client waits": {limit + 1, "100-continue", 0},
	} {
		t.Run(name, func(t *testing.T) {
			body := &countingReader{}
			req := postRequest(t.Context(), "", "Expect", c.expect)
			req.Body, req.ContentLength = io.NopCloser(body), c.length
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := r.do(t, req)
			runtime.ReadMemStats(&after)
			if a.status != 413 || a.code() != codeTooLarge {
				t.Errorf("status %d, %s; want 413, TOO_LARGE", a.status, a.body)
			}
			if body.n > c.reads+64<<10 {
				t.Errorf("read %d bytes, want at most about %d", body.n, c.reads)
			}
			if kept := after.TotalAlloc - before.TotalAlloc; kept > 8*limit {
				t.Errorf("%d bytes of memory for a body of which %d are allowed", kept, limit)
			}
		})
	}
	t.Run("just short enough", func(t *testing.T) {
		body := `{"query":"{ name }"}`
		if a := r.post(t, body+strings.Repeat(" ", limit-len(body))); a.code() != "OK" {
			t.Errorf("refused: %s", a.body)
		}
	})
	t.Run("long document", func(t *testing.T) {
		a := r.ask(t, `{ echo(text: "`+strings.Repeat("x", 64<<10)+`") }`, nil)
		if a.code() != codeTooLarge || len(a.body) > 300 {
			t.Errorf("answered %s", shorten(a.body, 500))
		}
	})
}

func TestInputIsNotSentBack(t *testing.T) {
	r := newRig(t, nil)
	secret := strings.Repeat("hunter2", 10_000)
	bodies := map[string]string{
		"broken JSON":         `{"query":"{ name }","variables":{"a":"` + secret,
		"wrong type":          `{"query":["` + secret + `"]}`,
		"unreadable document": `{"query":"{ § ` + secret[:1000] + `"}`,
		"unknown operation":   `{"query":"query A { name } query B { name }","operationName":"` + secret + `"}`,
		"not a name":          `{"query":"{ ` + secret + ` }"}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			if a := r.post(t, body); len(a.body) > 300 || strings.Contains(a.body, "hunter2") || a.code() == "OK" {
				t.Errorf("answered %s", shorten(a.body, 500))
			}
		})
	}
	t.Run("body breaks off", func(t *testing.T) {
		req := postRequest(t.Context(), "")
		req.Body = io.NopCloser(iotest.ErrReader(errors.New("read tcp 10.0.0.1: connection reset")))
		req.ContentLength = -1
		if a := r.do(t, req); a.status != 400 || strings.Contains(a.body, "10.0.0.1") {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	})
}

func TestEachOperationIsBracketed(t *testing.T) {
	type key struct{}
	type bracket struct{ opened, released int }
	setUp := func(t *testing.T, hook error) (rig, *bracket) {
		b := &bracket{}
		r := newRig(t, func(c *Config) {
			c.WithRequest = func(ctx context.Context) (context.Context, func(), error) {
				b.opened++
				if hook != nil {
					return nil, nil, hook
				}
				return context.WithValue(ctx, key{}, b), func() { b.released++ }, nil
			}
		})
		return r, b
	}
	query := func(class string) string { return `{"query":"{ name fail(class: \"` + class + `\") }"}` }

	tests := []struct {
		name string
		body string
		code string
		want bracket
	}{
		{"success", `{"query":"{ name }"}`, "OK", bracket{1, 1}},
		{"failing field", query("error"), codeInternal, bracket{1, 1}},
		{"panicking field", query("panic"), codeInternal, bracket{1, 1}},
		{"syntax error", `{"query":"{"}`, "GRAPHQL_PARSE_FAILED", bracket{0, 0}},
		{"refused document", `{"query":"{ node(id: \"a\") { ...A } } fragment A on Node { ...A }"}`, "GRAPHQL_VALIDATION_FAILED", bracket{0, 0}},
		{"subscription", `{"query":"subscription { ticks { n } }"}`, "GRAPHQL_VALIDATION_FAILED", bracket{0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, b := setUp(t, nil)
			r.schema.resolve["Query.fail"] = func(ctx context.Context, args map[string]any) (any, error) {
				if ctx.Value(key{}) != b {
					t.Error("the resolver does not see the context of the hook")
				}
				if b.released != 0 {
					t.Error("released before the answer was complete")
				}
				if args["class"] == "panic" {
					panic("broken")
				}
				return nil, errors.New("broken")
			}
			if a := r.post(t, test.body); a.code() != test.code {
				t.Errorf("answered %s, want %s", a.body, test.code)
			}
			if *b != test.want {
				t.Errorf("got %+v, want %+v", *b, test.want)
			}
		})
	}

	t.Run("client gone", func(t *testing.T) {
		r, b := setUp(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		r.schema.resolve["Query.fail"] = func(ctx context.Context, _ map[string]any) (any, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r.do(t, postRequest(ctx, query("")))
		if want := (bracket{1, 1}); *b != want {
			t.Errorf("got %+v, want %+v", *b, want)
		}
	})
	t.Run("client gone before it began", func(t *testing.T) {
		r, b := setUp(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if a := r.do(t, postRequest(ctx, query(""))); a.code() != codeUnavailable {
			t.Errorf("answered %s", a.body)
		}
		if want := (bracket{1, 1}); *b != want {
			t.Errorf("got %+v, want %+v", *b, want)
		}
	})
	t.Run("panic outside the fields", func(t *testing.T) {
		r, b := setUp(t, nil)
		r.schema.panics = true
		a := r.post(t, `{"query":"{ name }"}`, "Accept", mediaResponse)
		if a.status != 500 || a.code() != codeInternal {
			t.Errorf("status %d: %s", a.status, a.body)
		}
		if want := (bracket{1, 1}); *b != want {
			t.Errorf("got %+v, want %+v", *b, want)
		}
	})
	t.Run("hook fails", func(t *testing.T) {
		r, b := setUp(t, errUnavailableForTest)
		a := r.post(t, `{"query":"{ name }"}`, "Accept", mediaResponse)
		if a.code() != codeUnavailable || a.status != 503 || a.Data != nil {
			t.Errorf("status %d: %s", a.status, a.body)
		}
		if want := (bracket{1, 0}); *b != want {
			t.Errorf("got %+v, want %+v", *b, want)
		}
		if n := r.schema.resolved["Query.name"]; n != 0 {
			t.Errorf("the operation ran")
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"query":"{ name }","variables":{"a":[1,2.5,null,{"b":"c"}]},"operationName":"A","extensions":{}}`))
	f.Add([]byte(`[{"query":"{ name }"}]`))
	f.Add([]byte(`{"query":7}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		params, wrong := parseBody(body)
		if (params == nil) == (wrong == nil) {
			t.Fatalf("params %v and problem %v", params, wrong)
		}
		if wrong != nil && (wrong.status != http.StatusBadRequest || len(wrong.message) > 100) {
			t.Errorf("problem %+v", wrong)
		}
	})
}
