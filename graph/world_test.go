package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"

	"keiretsu/graph/model"
	"keiretsu/graph/resolvers"
	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/kg/kgtest"
	"keiretsu/internal/search"
	"keiretsu/seeds"
)

// today is the day on which the tests ask: after the latest date of the seeds.
func today() time.Time { return time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC) }

// engine is a store that must answer as every other does.
type engine struct {
	name string
	open func(ctx context.Context, dir string) (kg.Store, error)
}

var engines = []engine{
	{"model", func(context.Context, string) (kg.Store, error) { return kgtest.NewModel(), nil }},
	{"badger", func(ctx context.Context, dir string) (kg.Store, error) {
		return badgerstore.Open(ctx, badgerstore.Options{Dir: dir})
	}},
}

// world is a graph that can be asked.
type world struct {
	name  string
	graph *kg.Graph
	calls *kgtest.CountingStore
	exec  *executor.Executor
}

func newWorld(name string, store kg.Store, text kg.TextIndex) *world {
	calls := kgtest.Counting(store)
	g := kg.NewGraph(calls, kg.Options{Text: text, Now: today})
	return &world{name: name, graph: g, calls: calls, exec: executor.New(resolvers.NewSchema(g, slog.New(slog.DiscardHandler)))}
}

// seeded holds the worlds of the seeds, one for each engine, opened when first
// needed and shared by all tests: nobody writes to them.
var seeded = make(map[string]func() (*world, error))

// closers release what the worlds hold, the last one first.
var closers []func() error

// seededWorld loads the seeds into the engine, in a folder.
func seededWorld(e engine, dir string) (*world, error) {
	// The world outlives the test that is the first to need it.
	ctx := context.Background()
	store, err := e.open(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return nil, err
	}
	closers = append(closers, store.Close)
	// The index reads beside the graph, so that its calls do not count.
	index, err := search.Open(ctx, search.Options{Dir: filepath.Join(dir, "index"), Store: store, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	closers = append(closers, index.Close)
	w := newWorld(e.name, store, index)
	report, err := ingest.Load(ctx, w.graph, factfile.Read(seeds.Files))
	if err != nil {
		return nil, err
	}
	return w, index.Wait(ctx, report.Applied.Revision)
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "keiretsu-graph-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, e := range engines {
		seeded[e.name] = sync.OnceValues(func() (*world, error) { return seededWorld(e, filepath.Join(dir, e.name)) })
	}
	code := m.Run()
	for i := len(closers) - 1; i >= 0; i-- {
		if err := closers[i](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// onEveryEngine runs the test on the seeds in every engine.
func onEveryEngine(t *testing.T, test func(t *testing.T, w *world)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			w, err := seeded[e.name]()
			if err != nil {
				t.Fatal(err)
			}
			test(t, w)
		})
	}
}

type vars = map[string]any

// ask executes an operation as a server does: on one view, through the schema.
func (w *world) ask(t *testing.T, query string, variables vars) *graphql.Response {
	t.Helper()
	ctx, done, err := model.WithViews(model.WithAuthor(t.Context(), "token:anna"), w.graph.View)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	}()
	ctx = graphql.StartOperationTrace(ctx)
	operation, refused := w.exec.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: overTheWire(t, variables)})
	if refused != nil {
		return w.exec.DispatchError(graphql.WithOperationContext(ctx, operation), refused)
	}
	respond, ctx := w.exec.DispatchOperation(ctx, operation)
	return respond(ctx)
}

// overTheWire gives variables the types that they have after being sent.
func overTheWire(t *testing.T, variables vars) vars {
	t.Helper()
	text, err := json.Marshal(variables)
	if err != nil {
		t.Fatal(err)
	}
	var arrived vars
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&arrived); err != nil {
		t.Fatal(err)
	}
	return arrived
}

// data returns the answer to an operation that must not fail.
func (w *world) data(t *testing.T, query string, variables vars) any {
	t.Helper()
	response := w.ask(t, query, variables)
	if len(response.Errors) > 0 {
		t.Fatalf("%v\n%s\nwith %v", response.Errors, query, variables)
	}
	var data any
	if err := json.Unmarshal(response.Data, &data); err != nil {
		t.Fatal(err)
	}
	return data
}

// into decodes the answer to an operation that must not fail.
func (w *world) into(t *testing.T, query string, variables vars, target any) {
	t.Helper()
	response := w.ask(t, query, variables)
	if len(response.Errors) > 0 {
		t.Fatalf("%v\n%s\nwith %v", response.Errors, query, variables)
	}
	if err := json.Unmarshal(response.Data, target); err != nil {
		t.Fatalf("%v\n%s", err, response.Data)
	}
}

// failure returns the one error with which an operation must fail.
func (w *world) failure(t *testing.T, query string, variables vars) error {
	t.Helper()
	response := w.ask(t, query, variables)
	if len(response.Errors) != 1 {
		t.Fatalf("%d errors: %v; want one\n%s\nwith %v\n%s", len(response.Errors), response.Errors, query, variables, response.Data)
	}
	return errors.Unwrap(response.Errors[0])
}
