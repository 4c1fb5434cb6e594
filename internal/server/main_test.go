package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"go.uber.org/goleak"

	"keiretsu/graph/model"
	"keiretsu/internal/kg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const schemaText = `
type Query implements Named {
  name: String!
  echo(text: String!): String
  node(id: ID!): Node
  nodes(first: Int, filter: Filter): [Node!]!
  fail(class: String): String
}
type Mutation { rename(name: String!): String  apply(input: Change!): String }
input Change { key: ID!  text: String }
type Subscription { ticks(since: Int): Tick! }
type Tick { n: Int!, text: String, at(first: Int): [Node!] }
interface Named { name: String! }
type Node implements Named {
  id: ID!
  name: String!
  child: Node
  children(first: Int, during: When): [Node!]!
}
input Filter { during: When, kinds: [Kind!], since: Int, within: Filter }
enum Kind { COMPANY, PERSON }
scalar When
`

// fakeSchema executes operations the way generated code does, over made-up
// data: lists have one element, texts are "text". Fields whose outcome matters
// have a function.
type fakeSchema struct {
	schema  *ast.Schema
	resolve map[string]func(ctx context.Context, args map[string]any) (any, error)
	// clock is what the subscription ticks follows.
	clock *clock
	// panics makes Exec itself panic, which generated code never should.
	panics bool
	// resolvers makes fields with arguments, or functions, count as reading the graph.
	resolvers bool
	// resolved counts fields, by type and name.
	mu       sync.Mutex
	resolved map[string]int
}

func newFakeSchema() *fakeSchema {
	return &fakeSchema{
		schema:   gqlparser.MustLoadSchema(&ast.Source{Input: schemaText}),
		resolve:  map[string]func(context.Context, map[string]any) (any, error){},
		clock:    &clock{},
		resolved: map[string]int{},
	}
}

func (f *fakeSchema) Schema() *ast.Schema { return f.schema }

func (f *fakeSchema) Complexity(_ context.Context, _, _ string, child int, args map[string]any) (int, bool) {
	if first, ok := args["first"].(int64); ok && first < 1_000_000 {
		return int(first) * (child + 1), true
	}
	return 0, false
}

func (f *fakeSchema) Exec(ctx context.Context) graphql.ResponseHandler {
	if f.panics {
		panic("broken")
	}
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation == ast.Subscription {
		return f.subscription(ctx, op)
	}
	root := f.schema.Query
	if op.Operation.Operation == ast.Mutation {
		root = f.schema.Mutation
	}
	answered := false
	return func(ctx context.Context) *graphql.Response {
		if answered {
			return nil
		}
		answered = true
		var out bytes.Buffer
		f.object(ctx, &out, root, op.Operation.SelectionSet)
		return &graphql.Response{Data: out.Bytes()}
	}
}

// subscription executes ticks: for its stream, or for one tick.
func (f *fakeSchema) subscription(ctx context.Context, op *graphql.OperationContext) graphql.ResponseHandler {
	field := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})[0]
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: field})
	ticks, err := model.Subscribe[int](ctx, func(s *model.Subscribing) (model.Stream, error) {
		return f.clock.follow(s, field.ArgumentMap(op.Variables)["since"])
	})
	if err != nil {
		graphql.AddError(ctx, graphql.AddFieldLocationToError(ctx, err))
		return nil
	}
	return func(ctx context.Context) *graphql.Response {
		n, ok := <-ticks
		if !ok {
			return nil
		}
		ctx = context.WithValue(ctx, tickKey{}, n)
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: field})
		var out bytes.Buffer
		fmt.Fprintf(&out, `{%q:`, field.Alias)
		f.object(ctx, &out, f.schema.Types["Tick"], field.Selections)
		out.WriteByte('}')
		if len(graphql.GetErrors(ctx)) > 0 && f.clock.strict {
			return &graphql.Response{}
		}
		return &graphql.Response{Data: out.Bytes()}
	}
}

func (f *fakeSchema) object(ctx context.Context, out *bytes.Buffer, def *ast.Definition, set ast.SelectionSet) {
	out.WriteByte('{')
	for i, field := range graphql.CollectFields(graphql.GetOperationContext(ctx), set, append(def.Interfaces, def.Name)) {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, "%q:", field.Alias)
		f.field(ctx, out, def, field)
	}
	out.WriteByte('}')
}

func (f *fakeSchema) field(ctx context.Context, out *bytes.Buffer, def *ast.Definition, field graphql.CollectedField) {
	op := graphql.GetOperationContext(ctx)
	reads := f.resolvers && (len(field.Arguments) > 0 || f.resolve[def.Name+"."+field.Name] != nil)
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: def.Name, Field: field, IsResolver: reads})
	start := out.Len()
	null := func() {
		out.Truncate(start)
		out.WriteString("null")
	}
	defer func() {
		if p := recover(); p != nil {
			op.Error(ctx, op.Recover(ctx, p))
			null()
		}
	}()
	name := def.Name + "." + field.Name
	f.mu.Lock()
	f.resolved[name]++
	f.mu.Unlock()

	args := field.ArgumentMap(op.Variables)
	if err := coerce(ctx, args); err != nil {
		op.Error(ctx, err)
		null()
		return
	}
	value, err := op.ResolverMiddleware(ctx, func(ctx context.Context) (any, error) {
		if resolve := f.resolve[name]; resolve != nil {
			return resolve(ctx, args)
		}
		return nil, nil
	})
	if err != nil {
		op.Error(ctx, graphql.AddFieldLocationToError(ctx, err))
		null()
		return
	}
	if value != nil {
		text, _ := json.Marshal(value)
		out.Write(text)
		return
	}
	f.value(ctx, out, field.Definition.Type, field)
}

func (f *fakeSchema) value(ctx context.Context, out *bytes.Buffer, typ *ast.Type, field graphql.CollectedField) {
	if typ.Elem != nil {
		out.WriteByte('[')
		f.value(ctx, out, typ.Elem, field)
		out.WriteByte(']')
		return
	}
	switch def := f.schema.Types[typ.NamedType]; {
	case field.Name == "__typename":
		fmt.Fprintf(out, "%q", field.ObjectDefinition.Name)
	case len(field.Selections) > 0:
		f.object(ctx, out, def, field.Selections)
	case typ.NamedType == "Int":
		n, ok := ctx.Value(tickKey{}).(int)
		if !ok {
			n = 1
		}
		fmt.Fprint(out, n)
	default:
		out.WriteString(`"text"`)
	}
}

// coerce reads arguments the way generated code does: what a scalar refuses
// carries the path of the argument behind that of the field.
func coerce(ctx context.Context, args map[string]any) error {
	for name, value := range args {
		ctx := graphql.WithPathContext(ctx, graphql.NewPathWithField(name))
		switch value := value.(type) {
		case map[string]any:
			if err := coerce(ctx, value); err != nil {
				return err
			}
		default:
			if name == "during" {
				if _, ok := value.(string); !ok {
					return graphql.ErrorOnPath(ctx, fmt.Errorf("%T is not a string", value))
				}
				if value != "2014" {
					return graphql.ErrorOnPath(ctx, kg.Invalidf("", "not a date"))
				}
			}
		}
	}
	return nil
}

type tickKey struct{}

// clock ticks when it is told to; its streams tell of every tick.
type clock struct {
	mu      sync.Mutex
	now     int
	streams map[*clockStream]bool
	// err is what streams end with.
	err error
	// strict makes a tick with any error none at all.
	strict bool
}

// follow opens a stream of the ticks after one, or from now on.
func (c *clock) follow(s *model.Subscribing, since any) (model.Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stream := &clockStream{clock: c, wake: s.Wake, told: c.now}
	switch {
	case s.Resume != nil:
		stream.told = int(*s.Resume)
	case since != nil:
		stream.told = int(since.(int64))
	}
	if stream.told > c.now {
		return nil, kg.Invalidf("since", "it is %d", c.now)
	}
	if c.streams == nil {
		c.streams = map[*clockStream]bool{}
	}
	c.streams[stream] = true
	return stream, nil
}

// tick makes n ticks.
func (c *clock) tick(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	for s := range c.streams {
		s.wake()
	}
}

// fail ends all streams with an error.
func (c *clock) fail(err error) {
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
	c.tick(0)
}

// open counts the streams.
func (c *clock) open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams)
}

type clockStream struct {
	clock *clock
	wake  func()
	told  int
}

// Next returns the next tick. Every third is not one to resume from.
func (s *clockStream) Next(context.Context) (*model.StreamEvent, error) {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	switch {
	case s.clock.err != nil:
		return nil, s.clock.err
	case s.told == s.clock.now:
		return nil, nil
	}
	s.told++
	e := &model.StreamEvent{Value: s.told}
	if s.told%3 != 0 {
		e.Revision = kg.Revision(s.told)
	}
	return e, nil
}

func (s *clockStream) Close() {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	delete(s.clock.streams, s)
}

// logBuffer collects log lines of concurrent writers.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// records returns the log records with the message, decoded.
func (l *logBuffer) records(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}

// rig is a server over a fake schema, with its log.
type rig struct {
	*Server
	schema *fakeSchema
	log    *logBuffer
}

func newRig(t *testing.T, change func(*Config)) rig {
	t.Helper()
	r := rig{schema: newFakeSchema(), log: &logBuffer{}}
	cfg := Config{
		Schema: r.schema,
		SDL:    schemaText,
		UI:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "UI at "+r.URL.Path) }),
		Ready:  func(context.Context) error { return nil },
		Logger: slog.New(slog.NewJSONHandler(r.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

// answer is a decoded GraphQL answer.
type answer struct {
	status int
	header http.Header
	body   string

	Data   json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
	Extensions map[string]any
}

// code is that of the first error, or OK.
func (a answer) code() string {
	if len(a.Errors) == 0 {
		return "OK"
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

func (r rig) do(t *testing.T, req *http.Request) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, req)
	a := answer{status: rec.Code, header: rec.Header(), body: rec.Body.String()}
	if strings.Contains(rec.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
			t.Fatalf("answer %q: %v", shorten(a.body, 500), err)
		}
	}
	return a
}

// post sends a JSON body; header holds names and values in turn.
func (r rig) post(t *testing.T, body string, header ...string) answer {
	t.Helper()
	return r.do(t, postRequest(t.Context(), body, header...))
}

func postRequest(ctx context.Context, body string, header ...string) *http.Request {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// ask sends a document with variables.
func (r rig) ask(t *testing.T, query string, variables map[string]any) answer {
	t.Helper()
	return r.post(t, bodyOf(t, query, variables))
}

func bodyOf(t *testing.T, query string, variables map[string]any) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
