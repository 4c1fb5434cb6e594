package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"keiretsu/graph/model"
	"keiretsu/graph/resolvers"
	"keiretsu/internal/auth"
	"keiretsu/internal/kg"
)

// newAccess returns an access that knows a token of each scope, and these.
func newAccess(t *testing.T) (Access, map[auth.Scope]string) {
	t.Helper()
	file := auth.TokenFile{Path: filepath.Join(t.TempDir(), "tokens.json")}
	known := map[auth.Scope]string{}
	for scope := auth.ScopeRead; scope <= auth.ScopeAdmin; scope++ {
		token, _, err := file.Create(t.Context(), "the-"+scope.String()+"er", scope, time.Time{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		known[scope] = token
	}
	tokens, err := auth.NewTokens(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return Access{Gate: &auth.Gate{Tokens: tokens}, PlainTokens: true}, known
}

// auditLog is an audit log in memory, which may be full.
type auditLog struct {
	bytes.Buffer
	full bool
}

func (a *auditLog) Write(p []byte) (int, error) {
	if a.full {
		return 0, errors.New("no space left on device")
	}
	return a.Buffer.Write(p)
}

// entries returns the lines since the last call, without what differs each time.
func (a *auditLog) entries(t *testing.T) []auth.Entry {
	t.Helper()
	var entries []auth.Entry
	for line := range strings.Lines(a.String()) {
		var e auth.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if e.Time.IsZero() || e.RequestID == "" || e.Remote == "" || e.Path == "" {
			t.Errorf("the line %s lacks a part", line)
		}
		e.Time, e.RequestID, e.Remote, e.Path = time.Time{}, "", "", ""
		entries = append(entries, e)
	}
	a.Reset()
	return entries
}

// mutation is one field of the schema, asked for with arguments that may be
// right.
type mutation struct {
	field, query string
	variables    map[string]any
}

// mutationsOf lists every mutation of a schema.
func mutationsOf(schema *ast.Schema) []mutation {
	var all []mutation
	if schema.Mutation == nil {
		return nil
	}
	for _, field := range schema.Mutation.Fields {
		if strings.HasPrefix(field.Name, "__") {
			continue
		}
		m := mutation{field: field.Name, variables: map[string]any{}}
		var declared, passed []string
		for _, a := range field.Arguments {
			declared = append(declared, "$"+a.Name+": "+a.Type.String())
			passed = append(passed, a.Name+": $"+a.Name)
			m.variables[a.Name] = sample(schema, a.Type, 0)
		}
		m.query = field.Name
		if len(passed) > 0 {
			m.query += "(" + strings.Join(passed, ", ") + ")"
		}
		if def := schema.Types[field.Type.Name()]; def.IsCompositeType() {
			m.query += " { __typename }"
		}
		m.query = "mutation Change { " + m.query + " }"
		if len(declared) > 0 {
			m.query = strings.Replace(m.query, "Change", "Change("+strings.Join(declared, ", ")+")", 1)
		}
		all = append(all, m)
	}
	return all
}

// sample returns a value of an input type, with as little in it as may be.
func sample(schema *ast.Schema, typ *ast.Type, depth int) any {
	if typ.Elem != nil {
		return []any{sample(schema, typ.Elem, depth)}
	}
	switch def := schema.Types[typ.NamedType]; {
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	case def.Kind == ast.InputObject:
		value := map[string]any{}
		for _, f := range def.Fields {
			if f.Type.NonNull && f.DefaultValue == nil && depth < 10 {
				value[f.Name] = sample(schema, f.Type, depth+1)
			}
		}
		return value
	case typ.NamedType == "Int":
		return 1
	case typ.NamedType == "Float":
		return 0.5
	case typ.NamedType == "Boolean":
		return true
	default:
		return "2014"
	}
}

// ways are all the ways to send an operation that somebody may think of.
func ways(t *testing.T, m mutation) map[string]*http.Request {
	t.Helper()
	body := bodyOf(t, m.query, m.variables)
	variables, err := json.Marshal(m.variables)
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{"query": {m.query}, "variables": {string(variables)}, "operationName": {"Change"}}
	post := func(media, body string) *http.Request {
		return postRequest(t.Context(), body, "Content-Type", media)
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	for name, value := range map[string]string{"operations": body, "map": "{}", "query": m.query} {
		if err := parts.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	get := httptest.NewRequest(http.MethodGet, "/graphql?"+values.Encode(), nil)
	upgrade := httptest.NewRequest(http.MethodGet, "/graphql?"+values.Encode(), nil)
	upgrade.Header.Set("Connection", "Upgrade")
	upgrade.Header.Set("Upgrade", "h2c")
	override := httptest.NewRequest(http.MethodGet, "/graphql?"+values.Encode(), strings.NewReader(body))
	override.Header.Set("X-Http-Method-Override", "POST")
	override.Header.Set("Content-Type", mediaJSON)
	newer := post(mediaJSON, body)
	newer.Header.Set("Accept", mediaResponse)
	return map[string]*http.Request{
		"POST":                       post(mediaJSON, body),
		"POST, newer media type":     newer,
		"POST with the query in URL": httptest.NewRequest(http.MethodPost, "/graphql?"+values.Encode(), nil),
		"GET":                        get,
		"GET with a body":            override,
		"GET that wants an upgrade":  upgrade,
		"HEAD":                       httptest.NewRequest(http.MethodHead, "/graphql?"+values.Encode(), nil),
		"PUT":                        httptest.NewRequest(http.MethodPut, "/graphql", strings.NewReader(body)),
		"form":                       post("application/x-www-form-urlencoded", values.Encode()),
		"multipart form":             post(parts.FormDataContentType(), form.String()),
		"text":                       post("text/plain", body),
		"text that claims to be JSON": func() *http.Request {
			return post("text/plain; application/json", body)
		}(),
		"the document alone": post("application/graphql", m.query),
		"no media type":      post("", body),
		"batch":              post(mediaJSON, "["+body+"]"),
		"JSON lines":         post(mediaJSON, body+body),
	}
}

// schemaOfOurs is the schema that the program serves, over nothing.
func schemaOfOurs(t *testing.T, ran *int) graphql.ExecutableSchema {
	t.Helper()
	return counting{resolvers.NewSchema(nil, slog.New(slog.DiscardHandler)), ran}
}

// counting counts executions.
type counting struct {
	graphql.ExecutableSchema
	ran *int
}

func (c counting) Exec(ctx context.Context) graphql.ResponseHandler {
	*c.ran++
	return c.ExecutableSchema.Exec(ctx)
}

// TestEveryMutationNeedsAToken asks for each mutation of the schema in every way
// and without a token; then with tokens in all the wrong places.
func TestEveryMutationNeedsAToken(t *testing.T) {
	access, tokens := newAccess(t)
	admin := tokens[auth.ScopeAdmin]
	invented := []byte(admin)
	// Each letter of a secret is one of a to z and 2 to 7.
	if at := len(invented) - 2; invented[at] == 'a' {
		invented[at] = 'b'
	} else {
		invented[at] = 'a'
	}
	misplaced := map[string]func(*http.Request){
		"nowhere":             func(*http.Request) {},
		"in the URL":          func(r *http.Request) { addQuery(r, "token", admin) },
		"in the URL, RFC":     func(r *http.Request) { addQuery(r, "access_token", admin) },
		"in the URL, header":  func(r *http.Request) { addQuery(r, "Authorization", "Bearer "+admin) },
		"in a cookie":         func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "token", Value: admin}) },
		"in another cookie":   func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "Authorization", Value: "Bearer " + admin}) },
		"in another header":   func(r *http.Request) { r.Header.Set("X-Api-Key", admin) },
		"by another scheme":   func(r *http.Request) { r.SetBasicAuth("token", admin) },
		"without a scheme":    func(r *http.Request) { r.Header.Set("Authorization", admin) },
		"for a proxy":         func(r *http.Request) { r.Header.Set("Proxy-Authorization", "Bearer "+admin) },
		"as a protocol":       func(r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", "graphql-transport-ws, "+admin) },
		"one of two":          func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + admin, "Bearer x"} },
		"that can only read":  func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+tokens[auth.ScopeRead]) },
		"that nobody made":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+string(invented)) },
		"of an unknown maker": func(r *http.Request) { r.Header.Set("Authorization", "Bearer a.b.c") },
	}
	var ran int
	schemas := map[string]graphql.ExecutableSchema{
		"schema of ours": schemaOfOurs(t, &ran),
		"fake schema":    counting{newFakeSchema(), &ran},
	}
	for name, schema := range schemas {
		r := newRig(t, func(c *Config) { c.Access, c.Schema, c.Traffic.ClientRate = access, schema, -1 })
		for _, m := range mutationsOf(schema.Schema()) {
			for place, put := range misplaced {
				for way, req := range ways(t, m) {
					put(req)
					a := r.do(t, req)
					if refused := a.status >= 400 || len(a.Errors) > 0 && (a.code() == codeUnauthenticated || a.code() == codeForbidden); !refused || a.Data != nil {
						t.Errorf("%s: %s by %s, token %s: status %d, %s", name, m.field, way, place, a.status, a.body)
					}
				}
			}
			if a := r.do(t, ways(t, m)["POST"]); a.code() != codeUnauthenticated {
				t.Errorf("%s: %s was refused as %s, for something else than the missing token: %s", name, m.field, a.code(), a.body)
			}
		}
		if log := r.log.String(); strings.Contains(log, admin) || strings.Contains(log, admin[len(admin)-40:]) {
			t.Errorf("%s: a token is in the log", name)
		}
	}
	if ran != 0 {
		t.Errorf("%d operations ran", ran)
	}
}

func addQuery(r *http.Request, name, value string) {
	q := r.URL.Query()
	q.Set(name, value)
	r.URL.RawQuery = q.Encode()
}

// TestWhoMayDoWhat holds each kind of caller against each kind of request.
func TestWhoMayDoWhat(t *testing.T) {
	access, tokens := newAccess(t)
	const rename = `mutation { rename(name: "x") }`
	header := map[string]string{
		"nobody": "", "reader": "Bearer " + tokens[auth.ScopeRead], "writer": "Bearer " + tokens[auth.ScopeWrite],
		"admin": "Bearer " + tokens[auth.ScopeAdmin], "stranger": "Bearer krt_x",
	}
	get := func(path string) func() *http.Request {
		return func() *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }
	}
	ask := func(query string) func() *http.Request {
		return func() *http.Request {
			return postRequest(t.Context(), bodyOf(t, query, nil), "Accept", mediaResponse)
		}
	}
	requests := map[string]func() *http.Request{
		"query": ask("{ name }"), "introspection": ask("{ __schema { queryType { name } } }"), "mutation": ask(rename),
		"query by GET": get("/graphql?query={name}"), "table": get("/graphql.csv?query={name}"), "reconciliation": get("/reconcile"), "export": get("/export/lines"), "exports": get("/export"), "schema": get("/schema.graphql"), "metrics": get("/metrics"),
		"admin": get("/admin/stats"), "page": get("/graphiql"), "health": get("/healthz"), "readiness": get("/readyz"),
	}
	// What each gets: nobody, reader, writer, admin, stranger.
	callers := []string{"nobody", "reader", "writer", "admin", "stranger"}
	for name, test := range map[string]struct {
		readsNeedToken bool
		want           map[string][]int
	}{
		"reads for all": {false, map[string][]int{
			"query":          {200, 200, 200, 200, 401},
			"introspection":  {200, 200, 200, 200, 401},
			"query by GET":   {200, 200, 200, 200, 401},
			"table":          {200, 200, 200, 200, 401},
			"reconciliation": {200, 200, 200, 200, 401},
			"export":         {200, 200, 200, 200, 401},
			"exports":        {200, 200, 200, 200, 401},
			"mutation":       {401, 403, 200, 200, 401},
			"schema":         {200, 200, 200, 200, 401},
			"metrics":        {200, 200, 200, 200, 401},
			"admin":          {401, 403, 403, 200, 401},
			"page":           {200, 200, 200, 200, 200},
			"health":         {200, 200, 200, 200, 200},
			"readiness":      {200, 200, 200, 200, 200},
		}},
		"reads need a token": {true, map[string][]int{
			"query":          {401, 200, 200, 200, 401},
			"introspection":  {401, 200, 200, 200, 401},
			"query by GET":   {401, 200, 200, 200, 401},
			"table":          {401, 200, 200, 200, 401},
			"reconciliation": {401, 200, 200, 200, 401},
			"export":         {401, 200, 200, 200, 401},
			"exports":        {401, 200, 200, 200, 401},
			"mutation":       {401, 403, 200, 200, 401},
			"schema":         {401, 200, 200, 200, 401},
			"metrics":        {401, 200, 200, 200, 401},
			"admin":          {401, 403, 403, 200, 401},
			"page":           {200, 200, 200, 200, 200},
			"health":         {200, 200, 200, 200, 200},
			"readiness":      {200, 200, 200, 200, 200},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				c.Access = access
				c.Access.ReadsNeedToken = test.readsNeedToken
				c.Admin = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
				c.Reconcile = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
				exported(func(context.Context, io.Writer) ([]string, error) { return nil, nil })(c)
			})
			for request, statuses := range test.want {
				for i, caller := range callers {
					req := requests[request]()
					if header[caller] != "" {
						req.Header.Set("Authorization", header[caller])
					}
					a := r.do(t, req)
					if a.status != statuses[i] {
						t.Errorf("%s by %s: status %d, want %d: %s", request, caller, a.status, statuses[i], shorten(a.body, 200))
					}
					wantCode := map[int]string{200: "OK", 401: codeUnauthenticated, 403: codeForbidden}[statuses[i]]
					if a.code() != wantCode {
						t.Errorf("%s by %s: code %s, want %s", request, caller, a.code(), wantCode)
					}
					wantChallenge := map[bool]string{true: `Bearer error="invalid_token"`, false: "Bearer"}[caller == "stranger"]
					if got := a.header.Get("WWW-Authenticate"); (a.status == 401) != (got == wantChallenge) {
						t.Errorf("%s by %s: WWW-Authenticate %q", request, caller, got)
					}
				}
			}
			if len(requests) != len(test.want) {
				t.Errorf("%d of %d kinds of request are asked for", len(test.want), len(requests))
			}
		})
	}
}

// TestAWellFormedOperationIsAnswered200 holds the older media type to what its
// clients expect: a refusal of what is asked is an answer, one of who asks is
// none.
func TestAWellFormedOperationIsAnswered200(t *testing.T) {
	access, tokens := newAccess(t)
	r := newRig(t, func(c *Config) { c.Access = access })
	const rename = `{"query":"mutation { rename(name: \"x\") }"}`
	for name, test := range map[string]struct {
		header []string
		status int
		code   string
		want   string
	}{
		"nobody":      {nil, 200, codeUnauthenticated, "scope write"},
		"reader":      {[]string{"Authorization", "Bearer " + tokens[auth.ScopeRead]}, 200, codeForbidden, "needs the scope write; the one in use has the scope read"},
		"bad token":   {[]string{"Authorization", "Bearer nonsense"}, 401, codeUnauthenticated, "unknown, revoked or damaged"},
		"bad scheme":  {[]string{"Authorization", "Basic eDp5"}, 401, codeUnauthenticated, "must be Bearer"},
		"empty value": {[]string{"Authorization", ""}, 200, codeUnauthenticated, "scope write"},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.post(t, rename, test.header...)
			if a.status != test.status || a.code() != test.code || a.Data != nil || !strings.Contains(a.body, test.want) {
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
	if n := r.schema.resolved["Mutation.rename"]; n != 0 {
		t.Errorf("%d mutations ran", n)
	}
}

func TestTokensTravelEncrypted(t *testing.T) {
	access, tokens := newAccess(t)
	access.PlainTokens = false
	r := newRig(t, func(c *Config) { c.Access = access })
	ask := func(encrypted bool, header ...string) answer {
		req := postRequest(t.Context(), `{"query":"{ name }"}`, header...)
		if encrypted {
			req.TLS = &tls.ConnectionState{}
		}
		return r.do(t, req)
	}
	token := []string{"Authorization", "Bearer " + tokens[auth.ScopeRead]}
	if a := ask(false, token...); a.status != 401 || !strings.Contains(a.body, "https only") {
		t.Errorf("in plain text: status %d: %s", a.status, a.body)
	}
	if a := ask(true, token...); a.status != 200 || a.header.Get("Strict-Transport-Security") == "" {
		t.Errorf("encrypted: status %d, headers %v", a.status, a.header)
	}
	if a := ask(false); a.status != 200 || a.header.Get("Strict-Transport-Security") != "" {
		t.Errorf("without a token: status %d, headers %v", a.status, a.header)
	}
}

func TestResolversKnowWhoAsks(t *testing.T) {
	access, tokens := newAccess(t)
	r := newRig(t, func(c *Config) { c.Access = access })
	var got string
	r.schema.resolve["Query.fail"] = func(ctx context.Context, _ map[string]any) (any, error) {
		got = auth.PrincipalFrom(ctx).Name
		return nil, nil
	}
	r.post(t, `{"query":"{ fail }"}`, "Authorization", "Bearer "+tokens[auth.ScopeWrite])
	if got != "token:the-writeer" {
		t.Errorf("somebody called %q", got)
	}
	r.post(t, `{"query":"{ fail }"}`)
	if got != "anonymous" {
		t.Errorf("somebody called %q", got)
	}
	records := r.log.records(t, "request")
	if records[0]["principal"] != "token:the-writeer" || records[1]["principal"] != "" {
		t.Errorf("access log: %v", records)
	}
}

// TestAudit wants a line before a write, one after it, and one for each refusal.
func TestAudit(t *testing.T) {
	access, tokens := newAccess(t)
	var log auditLog
	access.Audit = auth.NewLog(&log, slog.New(slog.DiscardHandler))
	access.ReadsNeedToken = true
	r := newRig(t, func(c *Config) {
		c.Access = access
		c.Admin = http.NotFoundHandler()
	})
	writer := []string{"Authorization", "Bearer " + tokens[auth.ScopeWrite]}
	r.schema.resolve["Mutation.rename"] = func(ctx context.Context, _ map[string]any) (any, error) {
		if got := log.entries(t); len(got) != 1 || got[0].Event != auth.EventBegin {
			t.Errorf("when the write runs, the log says %+v", got)
		}
		model.LedgerFrom(ctx).Add(kg.Applied{Revision: 7, Recorded: 2, Entities: 1})
		return "done", nil
	}
	written := auth.Entry{
		Event: auth.EventDone, Principal: "token:the-writeer", Operation: "Change", Fields: []string{"rename"}, Code: "OK",
		Revision: 7, Counts: map[string]int{"recorded": 2, "entities": 1},
	}
	failed := written
	failed.Code, failed.Revision, failed.Counts = codeConflict, 0, nil

	t.Run("write", func(t *testing.T) {
		r.post(t, bodyOf(t, `mutation Change { rename(name: "x") }`, nil), writer...)
		if diff := cmp.Diff([]auth.Entry{written}, log.entries(t)); diff != "" {
			t.Errorf("lines after it (-want +got):\n%s", diff)
		}
	})
	t.Run("write with a key", func(t *testing.T) {
		r.post(t, bodyOf(t, `mutation Change($in: Change!) { apply(input: $in) }`, map[string]any{"in": map[string]any{"key": "k-1", "text": "a secret"}}), writer...)
		got := log.entries(t)
		if len(got) != 2 || len(got[0].Keys) != 1 || got[0].Keys[0] != "k-1" || len(got[1].Keys) != 1 {
			t.Errorf("lines %+v, want the key in both", got)
		}
		if strings.Contains(fmt.Sprint(got), "secret") {
			t.Errorf("lines %+v tell what was written", got)
		}
	})
	t.Run("write that fails", func(t *testing.T) {
		r.schema.resolve["Mutation.rename"] = func(context.Context, map[string]any) (any, error) { return nil, kg.ErrConflict }
		r.post(t, bodyOf(t, `mutation Change { rename(name: "x") }`, nil), writer...)
		got := log.entries(t)
		if len(got) != 2 || got[0].Event != auth.EventBegin || got[0].Code != "" {
			t.Fatalf("lines %+v", got)
		}
		if diff := cmp.Diff(failed, got[1]); diff != "" {
			t.Errorf("line after it (-want +got):\n%s", diff)
		}
	})
	t.Run("query", func(t *testing.T) {
		r.post(t, `{"query":"{ name }"}`, writer...)
		if got := log.entries(t); got != nil {
			t.Errorf("lines %+v, want none", got)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		reader := []string{"Authorization", "Bearer " + tokens[auth.ScopeRead]}
		const rename = `{"query":"mutation Change { rename(name: \"x\") }"}`
		r.post(t, rename, reader...)
		r.post(t, rename)
		r.post(t, rename, "Authorization", "Bearer nonsense")
		r.post(t, rename, append(writer, "Origin", "https://evil.example")...)
		r.do(t, httptest.NewRequest(http.MethodGet, "/admin/backup", nil))
		want := []auth.Entry{
			{Event: auth.EventRefused, Principal: "token:the-reader", Operation: "Change", Fields: []string{"rename"}, Code: codeForbidden},
			{Event: auth.EventRefused, Principal: "anonymous", Code: codeUnauthenticated},
			{Event: auth.EventRefused, Principal: "anonymous", Code: codeUnauthenticated},
			{Event: auth.EventRefused, Principal: "token:the-writeer", Code: codeForbidden},
			{Event: auth.EventRefused, Principal: "anonymous", Code: codeUnauthenticated},
		}
		if diff := cmp.Diff(want, log.entries(t)); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
	t.Run("administration", func(t *testing.T) {
		req := httptest.NewRequest(http.MethodPost, "/admin/backup", nil)
		req.Header.Set("Authorization", "Bearer "+tokens[auth.ScopeAdmin])
		r.do(t, req)
		if diff := cmp.Diff([]auth.Entry{{Event: auth.EventAdmin, Principal: "token:the-adminer"}}, log.entries(t)); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

// TestAuditNamesTheClient takes a proxy's word for who that is only where it is
// trusted.
func TestAuditNamesTheClient(t *testing.T) {
	for name, test := range map[string]struct {
		trusted string
		want    string
	}{
		"a stranger's word": {"198.51.100.0/24", "192.0.2.1"},
		"a proxy's word":    {"192.0.2.0/24", "203.0.113.9"},
	} {
		t.Run(name, func(t *testing.T) {
			var log auditLog
			r := newRig(t, func(c *Config) {
				c.Access.Audit = auth.NewLog(&log, slog.New(slog.DiscardHandler))
				c.Traffic.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(test.trusted)}
			})
			r.post(t, `{"query":"mutation { rename(name: \"x\") }"}`, "X-Forwarded-For", "203.0.113.9")
			var got auth.Entry
			if err := json.Unmarshal(log.Bytes(), &got); err != nil || got.Remote != test.want {
				t.Errorf("line %s: %v, want the address %s", &log, err, test.want)
			}
		})
	}
}

// TestNothingIsWrittenUnannounced fills the disk of the audit log.
func TestNothingIsWrittenUnannounced(t *testing.T) {
	access, tokens := newAccess(t)
	log := auditLog{full: true}
	access.Audit = auth.NewLog(&log, slog.New(slog.DiscardHandler))
	administered := 0
	r := newRig(t, func(c *Config) {
		c.Access = access
		c.Admin = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { administered++ })
	})
	header := []string{"Authorization", "Bearer " + tokens[auth.ScopeAdmin], "Accept", mediaResponse}
	const rename = `{"query":"mutation { rename(name: \"x\") }"}`
	if a := r.post(t, rename, header...); a.status != 503 || a.code() != codeUnavailable || a.Data != nil || !strings.Contains(a.body, "audit log") {
		t.Errorf("a write: status %d: %s", a.status, a.body)
	}
	if n := r.schema.resolved["Mutation.rename"]; n != 0 {
		t.Errorf("%d writes ran", n)
	}
	req := httptest.NewRequest(http.MethodPost, "/admin/backup", nil)
	req.Header.Set("Authorization", header[1])
	if a := r.do(t, req); a.status != 503 || administered != 0 {
		t.Errorf("administration: status %d, %d ran", a.status, administered)
	}
	if a := r.post(t, `{"query":"{ name }"}`, header...); a.status != 200 || a.code() != "OK" {
		t.Errorf("a query: status %d: %s", a.status, a.body)
	}
	log.full = false
	if a := r.post(t, rename, header...); a.code() != "OK" {
		t.Errorf("when there is room again: %s", a.body)
	}
}

// TestTokensThatCannotBeChecked spoils the file of tokens under the server.
func TestTokensThatCannotBeChecked(t *testing.T) {
	file := auth.TokenFile{Path: filepath.Join(t.TempDir(), "tokens.json")}
	token, _, err := file.Create(t.Context(), "ann", auth.ScopeWrite, time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := auth.NewTokens(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.Access = Access{Gate: &auth.Gate{Tokens: tokens}, PlainTokens: true} })
	spoil(t, file.Path)
	a := r.post(t, `{"query":"{ name }"}`, "Authorization", "Bearer "+token)
	if a.status != 503 || a.code() != codeUnavailable || strings.Contains(a.body, "tokens.json") {
		t.Errorf("with a token: status %d: %s", a.status, a.body)
	}
	if a := r.post(t, `{"query":"{ name }"}`); a.status != 200 {
		t.Errorf("without a token: status %d: %s", a.status, a.body)
	}
}

func spoil(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
}
