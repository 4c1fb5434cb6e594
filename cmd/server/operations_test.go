package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"keiretsu/graph"
)

// operationTime is the longest that any operation made at random may take. Under the
// race detector, which makes everything many times slower, none is held to it.
const operationTime = 500 * time.Millisecond

// TestRandomOperations asks a server on the demo facts what a generator makes of
// its schema: valid, nearly valid, and bent. Reads, writes and subscriptions, by POST
// and over WebSocket, with a token and without. KEIRETSU_OPERATIONS says how many, KEIRETSU_SEED which ones:
// the same seed makes the same operations, and without one they are always the same.
func TestRandomOperations(t *testing.T) {
	count, seed := environmentNumber(t, "KEIRETSU_OPERATIONS", 1500), environmentNumber(t, "KEIRETSU_SEED", 1)
	t.Logf("KEIRETSU_SEED=%d KEIRETSU_OPERATIONS=%d", seed, count)
	data := t.TempDir()
	token := strings.TrimSpace(command(t, "token", "create", "random", "--scope", "write", "--data", data))
	p := start(t, data)
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: graph.SDL})
	client := newClient(t)

	var mu sync.Mutex
	slowest, slowestText := time.Duration(0), ""
	codes := map[string]int{}
	ask := func(i uint64) {
		text, body := randomOperation(schema, seed, i)
		header := ""
		if i%2 == 1 {
			header = "Bearer " + token
		}
		way := exchange
		if i%4 >= 2 {
			way = overSocket
		}
		answer := way(client, p.url, body, header)
		for again := 0; again < 2 && answer.err == nil && answer.took > operationTime; again++ {
			// The best of three is what it costs; the others were held up.
			if next := way(client, p.url, body, header); next.err == nil {
				answer.took = min(answer.took, next.took)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		codes[answer.code()]++
		if answer.took > slowest {
			slowest, slowestText = answer.took, text
		}
		if answer.err != nil || answer.status >= 500 || answer.code() == "" || answer.code() == "INTERNAL" || len(answer.body) > 8<<20+64<<10 {
			t.Errorf("operation %d of seed %d is answered %d %.500s (%v)\n%.3000s", i, seed, answer.status, answer.body, answer.err, body)
		}
		if found := leaks.Find(answer.errors()); found != nil {
			t.Errorf("operation %d of seed %d: the answer tells %q: %.1000s\n%.3000s", i, seed, found, answer.errors(), body)
		}
	}
	var workers sync.WaitGroup
	next := make(chan uint64)
	for range 4 {
		workers.Go(func() {
			for i := range next {
				ask(i)
			}
		})
	}
	for i := range count {
		next <- i
	}
	close(next)
	workers.Wait()

	t.Logf("slowest %s; codes %v", slowest, codes)
	if slowest > slack*operationTime && !underRaceDetector {
		t.Errorf("one took %s, want %s:\n%.3000s", slowest, operationTime, slowestText)
	}
	if codes["OK"] < int(count)/10 {
		t.Errorf("only %d of %d are answered without an error: the generator has lost touch with the schema", codes["OK"], count)
	}
	if log := p.stderr.String(); strings.Contains(log, "msg=panic") || strings.Contains(log, `msg="internal error"`) {
		t.Error("the log tells of a panic or of an error that nobody expected")
	}
	p.stop(t)
}

func environmentNumber(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// exchange posts a body as clients of the newer media type do, whose status
// tells what happened.
func exchange(client *http.Client, url string, body []byte, authorization string) outcome {
	req, err := http.NewRequest(http.MethodPost, url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return outcome{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	began := time.Now()
	answer, err := client.Do(req)
	if err != nil {
		return outcome{err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return outcome{answer.StatusCode, text, time.Since(began), err}
}

// overSocket asks the same over a WebSocket of its own, and makes of what it hears
// there the answer that there would be to a request. A subscription is ended as soon
// as it is open.
func overSocket(_ *http.Client, url string, body []byte, authorization string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/graphql", &websocket.DialOptions{
		HTTPClient: dialing, Subprotocols: []string{"graphql-transport-ws"},
	})
	if err != nil {
		return outcome{err: err}
	}
	defer conn.CloseNow()
	conn.SetReadLimit(16 << 20)
	s := &subscriber{conn}
	var m struct {
		Type    string
		Payload json.RawMessage
	}
	shown := map[string]string{}
	if authorization != "" {
		shown["Authorization"] = authorization
	}
	err = s.say(ctx, map[string]any{"type": "connection_init", "payload": shown})
	if err == nil {
		err = s.hear(ctx, &m)
	}
	if err != nil || m.Type != "connection_ack" {
		return outcome{err: fmt.Errorf("heard %s instead of connection_ack: %w", m.Type, err)}
	}
	stopped := false
	answered := func(status int, text []byte, took time.Duration) outcome {
		o := outcome{status, text, took, nil}
		if o.code() == "UNAVAILABLE" {
			if o.status = http.StatusServiceUnavailable; stopped {
				o = outcome{http.StatusOK, []byte("{}"), took, nil}
			}
		}
		return o
	}
	began := time.Now()
	err = s.Write(ctx, websocket.MessageText, slices.Concat([]byte(`{"id":"1","type":"subscribe","payload":`), body, []byte("}")))
	lasting := bytes.Contains(body, []byte("subscription"))
	if err == nil && lasting {
		err = s.say(ctx, map[string]any{"type": "ping"})
	}
	for err == nil {
		if err = s.hear(ctx, &m); err != nil {
			break
		}
		took := time.Since(began)
		switch m.Type {
		case "next":
			return answered(http.StatusOK, m.Payload, took)
		case "error":
			return answered(http.StatusBadRequest, slices.Concat([]byte(`{"errors":`), m.Payload, []byte("}")), took)
		case "complete":
			return outcome{http.StatusOK, []byte("{}"), took, nil}
		case "pong":
			// The first says that the operation has arrived, the second that it is over.
			if !lasting {
				return outcome{http.StatusOK, []byte("{}"), took, nil}
			}
			lasting, stopped = false, true
			err = errors.Join(s.say(ctx, map[string]any{"id": "1", "type": "complete"}), s.say(ctx, map[string]any{"type": "ping"}))
		default:
			return outcome{err: fmt.Errorf("heard %s", m.Type)}
		}
	}
	if ended, ok := errors.AsType[websocket.CloseError](err); ok && ended.Code == 4400 {
		// What is no message of the protocol ends the line.
		told, _ := json.Marshal(map[string]any{"errors": []any{map[string]any{"message": ended.Reason, "extensions": map[string]any{"code": "4400"}}}})
		return outcome{http.StatusBadRequest, told, time.Since(began), nil}
	}
	return outcome{err: err}
}

// errors returns the errors of an answer: its data holds facts, in whatever words.
func (o outcome) errors() []byte {
	var answer struct{ Errors json.RawMessage }
	if json.Unmarshal(o.body, &answer) != nil {
		return o.body
	}
	return answer.Errors
}

// randomOperation returns a document and the body that asks it, the same for the
// same seed and number.
func randomOperation(schema *ast.Schema, seed, number uint64) (text string, body []byte) {
	m := &maker{rng: rand.New(rand.NewPCG(seed, number)), schema: schema, variables: map[string]any{}}
	m.careless = !m.one(3)
	text = m.operation()
	for m.careless && m.one(3) { // some are bent, a few of them several times
		text = m.bend(text)
	}
	sent := map[string]any{"query": text, "variables": m.variables}
	if m.wrong(20) {
		sent["operationName"] = pick(m, []any{"Q", "", "nothing", 7, nil})
	}
	if m.wrong(30) {
		sent["extensions"] = map[string]any{"persistedQuery": m.garbage(3)}
	}
	body, err := json.Marshal(sent)
	if err != nil {
		panic(err) // a mistake in the generator
	}
	if m.wrong(40) {
		body[m.rng.IntN(len(body))] ^= byte(1 << m.rng.IntN(8))
	}
	return text, body
}

// maker makes operations of a schema.
type maker struct {
	rng       *rand.Rand
	schema    *ast.Schema
	declared  []string
	fragments []string
	variables map[string]any
	aliases   int
	// careless operations have mistakes.
	careless bool
}

// one is true once in n times.
func (m *maker) one(n int) bool { return m.rng.IntN(n) == 0 }

// wrong is true once in n times where mistakes are made.
func (m *maker) wrong(n int) bool { return m.careless && m.one(n) }

func pick[T any](m *maker, list []T) T { return list[m.rng.IntN(len(list))] }

func (m *maker) operation() string {
	kind, root := "query", m.schema.Query
	if m.schema.Mutation != nil && m.one(4) {
		kind, root = "mutation", m.schema.Mutation
	}
	if m.schema.Subscription != nil && m.one(50) {
		kind, root = "subscription", m.schema.Subscription
	}
	selections := m.selections(root, 1+m.rng.IntN(4))
	declared := ""
	if len(m.declared) > 0 {
		declared = "(" + strings.Join(m.declared, ", ") + ")"
	}
	at := ""
	if kind == "query" && m.one(8) {
		at = " @at(" + pick(m, []string{`asOf: "2015"`, `knownAt: "2040-01-01T00:00:00Z"`, `asOf: "2014", knownAt: "1990-01-01T00:00:00Z"`}) + ")"
		if m.wrong(5) {
			at = pick(m, []string{` @at(asOf: "nonsense")`, " @at(knownAt: 7)", " @at()", " @at(asOf: null)"})
		}
	}
	return kind + " Q" + declared + at + " " + selections + " " + strings.Join(m.fragments, " ")
}

// selections returns a selection set on a type, down to a depth.
func (m *maker) selections(def *ast.Definition, depth int) string {
	var parts []string
	for range 1 + m.rng.IntN(4) {
		parts = append(parts, m.selection(def, depth))
	}
	return "{ " + strings.Join(parts, " ") + " }"
}

func (m *maker) selection(def *ast.Definition, depth int) string {
	switch {
	case m.one(25):
		return "__typename" + m.directives()
	case m.wrong(60):
		return pick(m, []string{"nonsense", "id { id }", "__schema { types { name } }", `__type(name: "Company") { fields { name } }`, "...Missing"})
	case m.one(12):
		on := def
		if possible := m.schema.GetPossibleTypes(def); len(possible) > 0 {
			on = pick(m, possible)
		}
		if m.wrong(30) {
			on = m.schema.Types[pick(m, []string{"Company", "Person", "Source", "Money"})]
		}
		return "... on " + on.Name + m.directives() + " " + m.selections(on, depth)
	case m.one(20):
		name := fmt.Sprintf("F%d", len(m.fragments))
		m.fragments = append(m.fragments, "") // taken, should the selections make another
		m.fragments[len(m.fragments)-1] = "fragment " + name + " on " + def.Name + " " + m.leaves(def)
		return "..." + name + m.directives()
	case len(def.Fields) == 0:
		return "__typename"
	}
	field := pick(m, def.Fields)
	of := m.schema.Types[field.Type.Name()]
	if depth == 0 && of.IsCompositeType() {
		return "__typename"
	}
	alias := ""
	if len(field.Arguments) > 0 || m.one(3) || m.aliases > 0 { // equal names conflict where their arguments differ
		alias = fmt.Sprintf("a%d: ", m.aliases)
		m.aliases++
	}
	if m.wrong(30) {
		alias = "a0: "
	}
	text := alias + field.Name + m.arguments(field.Arguments) + m.directives()
	if of.IsCompositeType() != m.wrong(60) {
		text += " " + m.selections(of, max(depth-1, 0))
	}
	return text
}

// leaves returns a selection set of what has no selections of its own.
func (m *maker) leaves(def *ast.Definition) string {
	names := []string{"__typename"}
	for _, field := range def.Fields {
		if !m.schema.Types[field.Type.Name()].IsCompositeType() && !strings.HasPrefix(field.Name, "__") && len(field.Arguments) == 0 {
			names = append(names, field.Name)
		}
	}
	return "{ " + strings.Join(names, " ") + " }"
}

func (m *maker) directives() string {
	switch right, wrong := m.rng.IntN(40), m.rng.IntN(60); {
	case right == 0:
		return " @include(if: true)"
	case right == 1:
		return " @skip(if: " + pick(m, []string{"false", "true"}) + ")"
	case m.careless && wrong == 0:
		return pick(m, []string{" @skip(if: null)", ` @skip(if: "no")`, " @include(if: $missing)"})
	case m.careless && wrong == 1:
		return pick(m, []string{" @nonsense", ` @at(asOf: "2014")`, " @deprecated", " @include", " @skip(if: false) @skip(if: true)"})
	}
	return ""
}

func (m *maker) arguments(list ast.ArgumentDefinitionList) string {
	var parts []string
	for _, a := range list {
		if !m.careless && (a.Name == "after" || a.Name == "before" || a.Name == "last") {
			continue // a cursor is one that was given, and last excludes first
		}
		if a.Type.NonNull && a.DefaultValue == nil && !m.wrong(60) || m.one(3) {
			parts = append(parts, a.Name+": "+m.argument(a.Type))
		}
	}
	if m.wrong(60) {
		parts = append(parts, "nonsense: 1")
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// argument returns a value as text, or a variable that holds it.
func (m *maker) argument(typ *ast.Type) string {
	value := m.value(typ, 3)
	if m.one(3) {
		name := fmt.Sprintf("v%d", len(m.declared))
		declaredType := typ.String()
		if m.wrong(30) {
			declaredType = pick(m, []string{"Int", "String!", "[ID!]", "EntityKey", "Company"})
		}
		m.declared = append(m.declared, "$"+name+": "+declaredType)
		if typ.NonNull || !m.one(30) {
			m.variables[name] = value
		}
		return "$" + name
	}
	return literal(value)
}

// enumName is a value that a document writes without quotes.
type enumName string

// value returns a value of a type, now and then a wrong one.
func (m *maker) value(typ *ast.Type, depth int) any {
	switch {
	case m.wrong(40):
		return m.garbage(depth)
	case !typ.NonNull && m.one(20):
		return nil
	case typ.Elem != nil:
		list := []any{}
		for range m.rng.IntN(4) {
			list = append(list, m.value(typ.Elem, depth))
		}
		return list
	}
	def := m.schema.Types[typ.NamedType]
	switch def.Kind {
	case ast.Enum:
		return enumName(pick(m, def.EnumValues).Name)
	case ast.InputObject:
		return m.object(def, depth)
	}
	if m.wrong(8) {
		return pick(m, wrongScalars[def.Name])
	}
	return pick(m, scalars[def.Name])
}

func (m *maker) object(def *ast.Definition, depth int) any {
	object := map[string]any{}
	if def.Directives.ForName("oneOf") != nil && !m.wrong(10) {
		field := pick(m, def.Fields)
		object[field.Name] = m.value(&ast.Type{NamedType: field.Type.NamedType, Elem: field.Type.Elem, NonNull: true}, depth-1)
		return object
	}
	for _, field := range def.Fields {
		wanted := field.Type.NonNull && field.DefaultValue == nil && !m.wrong(60)
		if wanted || depth > 0 && m.one(3) {
			object[field.Name] = m.value(field.Type, depth-1)
		}
	}
	return object
}

// scalars holds values that each scalar can have, if not always that anything is found.
var scalars = map[string][]any{
	"Int":     {0, 1, 2, 3, 5, 10, 20, 50, 100},
	"Float":   {0, 0.5, 50, 50.1, 100},
	"Boolean": {true, false},
	"ID":      {"alibaba-group", "doc-000", "doc-004", "amap", "nothing", "阿里巴巴", "claim:1", "' OR 1=1"},
	"String": {
		"Alibaba", "阿里云", "aliyun", "nothing of the kind", "Jack Ma", "revenue", "USD", "EUR", "zh", "en", "line 7", "lei", "Ant Group", "Tencent",
		"e\u0301\u0301", "𝔸", "2014", "*", "a~2", "+a -b", "\"", "\\", "${x}", "<script>", "k1", "k2", "k3",
	},
	"PartialDate": {"2014", "2014-04", "2014-04-13", "[2014..]", "[..2014]", "[2014..2016]", "--11-11"},
	"Period":      {"2014", "2014-04", "2014/2016", "2014-04-01/..", "../2016"},
	"DateTime":    {"2025-11-27T08:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"},
}

// wrongScalars holds values that each scalar refuses, or a field that takes it.
var wrongScalars = map[string][]any{
	"Int":         {-1, 1000, 1001, 2147483647, json.Number("2147483648"), json.Number("99999999999999999999"), 0.5, "7"},
	"Float":       {101, -1, json.Number("1e308"), json.Number("1e-320"), json.Number("1e999"), "50"},
	"Boolean":     {"true", 1, 0},
	"ID":          {"", "a\x00b", strings.Repeat("x", 3000), "../..", json.Number("7"), "%s%n", 7.5, true},
	"String":      {"", " ", strings.Repeat("long ", 500), "\x00", "\ufeff", "\u202e", "AAAA", "bm9uc2Vuc2U", "XXX", 7, false},
	"PartialDate": {"2014-13", "0000", "99999", "2014~", "", "now", 2014, "2014/2015", "[2016..2014]", strings.Repeat("9", 500)},
	"Period":      {"2016/2014", "/", "", "2014/", 2014, "2014/2015/2016", "../..", strings.Repeat("2014/", 500)},
	"DateTime":    {"2025-02-30T08:00:00Z", "yesterday", "", 0, "2025-11-27"},
}

// garbage returns a value of no type in particular.
func (m *maker) garbage(depth int) any {
	switch m.rng.IntN(8) {
	case 0:
		return nil
	case 1:
		return pick(m, wrongScalars["Int"])
	case 2:
		return pick(m, wrongScalars["String"])
	case 3:
		return true
	case 4:
		return enumName("NONSENSE")
	case 5:
		if depth > 0 {
			return []any{m.garbage(depth - 1), m.garbage(depth - 1)}
		}
	case 6:
		if depth > 0 {
			return map[string]any{"nonsense": m.garbage(depth - 1), "id": m.garbage(depth - 1)}
		}
	}
	return pick(m, wrongScalars["Float"])
}

// literal writes a value as a document does.
func literal(value any) string {
	switch value := value.(type) {
	case enumName:
		return string(value)
	case []any:
		var parts []string
		for _, v := range value {
			parts = append(parts, literal(v))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for name, v := range value {
			parts = append(parts, name+": "+literal(v))
		}
		slices.Sort(parts) // the same seed makes the same text
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // a mistake in the table
		}
		return string(text)
	}
}

// bend changes a document where nobody should.
func (m *maker) bend(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return text
	}
	i, j := m.rng.IntN(len(words)), m.rng.IntN(len(words))
	switch m.rng.IntN(7) {
	case 0:
		words = slices.Delete(words, i, i+1)
	case 1:
		words = slices.Insert(words, i, words[j])
	case 2:
		words[i], words[j] = words[j], words[i]
	case 3: // a piece of it again, elsewhere
		from, to := min(i, j), max(i, j)
		words = slices.Insert(words, m.rng.IntN(len(words)), slices.Clone(words[from:to])...)
	case 4:
		return text[:m.rng.IntN(len(text)+1)]
	case 5:
		flipped := []byte(text)
		flipped[m.rng.IntN(len(flipped))] ^= byte(1 << m.rng.IntN(8))
		return strings.ToValidUTF8(string(flipped), "\ufffd") + " "
	default:
		words = slices.Insert(words, i, pick(m, []string{"{", "}", "(", ")", "[", "]", "$", "!", "...", "@", "|", ":", "\"", "\"\"\"", "#", "\x00", "fragment", "on", "null", "1e", "-", "&", "\\u0000"}))
	}
	if len(words) == 0 {
		return " "
	}
	return strings.Join(words, " ")
}
