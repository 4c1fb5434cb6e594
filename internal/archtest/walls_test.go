package archtest

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is a folder with one purpose and the walls around it.
type room struct {
	path  string   // from the root; * stands for one folder name
	ours  []string // the rooms it may import, in the same notation
	tests []string // the rooms that its _test files may import besides
	why   string   // what the wall protects
}

// everything is what the place that joins the parts, and tests of the whole
// program, may import.
var everything = []string{"graph", "graph/*", "internal/*", "internal/*/*", "seeds"}

// rooms is every folder that may hold Go code.
var rooms = []room{
	{
		path: "internal/kg",
		why:  "the graph's rules hold whatever stores, searches, asks or serves it, and are tested without any of these",
	},
	{
		path: "internal/kg/badgerstore",
		ours: []string{"internal/kg"},
		why:  engineWhy,
	},
	{
		path: "internal/kg/dgraphstore",
		ours: []string{"internal/kg"},
		why:  engineWhy,
	},
	{
		path: testSupport,
		ours: []string{"internal/kg"},
		why:  "one suite judges every engine, so it can know none of them",
	},
	{
		path: "internal/ingest",
		ours: []string{"internal/kg"},
		why:  "the pipeline writes through kg.Graph.Apply alone, and takes drafts from any format",
	},
	{
		path:  "internal/ingest/*",
		ours:  []string{"internal/ingest", "internal/kg"},
		tests: []string{"internal/ingest/factfile", "seeds"},
		why:   "a reader knows one foreign format and hands drafts to the pipeline: no store, no other format",
	},
	{
		path: readerSupport,
		ours: []string{"internal/ingest", "internal/kg", testSupport},
		why:  "one judge for every reader, so it can know none of them",
	},
	{
		path:  "internal/export",
		ours:  []string{"internal/kg"},
		tests: []string{"internal/ingest", "internal/ingest/*", "seeds"},
		why:   "a format to write is made of one snapshot of any store, whoever asked for it and wherever it goes",
	},
	{
		path:  "internal/reconcile",
		ours:  []string{"internal/kg"},
		tests: []string{"internal/ingest", "internal/ingest/factfile", "internal/search", "seeds"},
		why:   "what fits a name in somebody's table is asked of a view, as any question is; how alike words are it is told",
	},
	{
		path: "internal/analysis",
		ours: []string{"internal/kg"},
		why:  "algorithms take a list of edges, whatever store it was read from and whoever asked",
	},
	{
		path: "internal/search",
		ours: []string{"internal/kg"},
		why:  "the index is a projection of the change log and can be rebuilt from any engine",
	},
	{
		path: "internal/auth",
		why:  "who asks is settled before anything is known of what they ask for",
	},
	{
		path: "internal/control",
		ours: []string{"internal/ingest", "internal/kg"},
		why:  "what administers a store over a socket knows no engine, so that commands do the same with and without a server",
	},
	{
		path: "internal/web",
		why:  "assets in a binary: they meet the graph over HTTP, as any client does",
	},
	{
		path: "bench/*",
		why:  "what makes data for measuring knows nothing of what is measured",
	},
	{
		path:  "seeds",
		tests: []string{"internal/ingest", "internal/ingest/factfile", "internal/kg"},
		why:   "facts are data; they enter through the ordinary pipeline, not through code of their own",
	},
	{
		path:  "graph",
		tests: everything,
		why:   "the public contract is a text; it does not depend on who answers it",
	},
	{
		path: "graph/model",
		ours: []string{"internal/kg"},
		why:  "GraphQL's own shapes translate kg's types and nothing else",
	},
	{
		path: generated,
		ours: []string{"graph/model", "internal/kg"},
		why:  "generated code binds GraphQL types to kg's; another import means that gqlgen.yml binds a type to the wrong room",
	},
	{
		path:  "graph/resolvers",
		ours:  []string{generated, "graph/model", "internal/analysis", "internal/kg"},
		tests: everything,
		why:   "a resolver makes one kg call; one that sees an engine or the index answers from another moment than its request's view",
	},
	{
		path:  "internal/server",
		ours:  []string{"graph", "graph/*", "internal/auth", "internal/kg", "internal/web"},
		tests: everything,
		why:   "HTTP serves whatever graph it is handed; engine and index are chosen in cmd/server",
	},
	{
		path: "cmd/server",
		ours: everything,
		why:  "the one place where engine, index, importers and server meet",
	},
	{
		path:  "internal/torture",
		tests: []string{"internal/kg", "internal/kg/badgerstore", "internal/search"},
		why:   "it judges the program from outside, as a client and as a failing machine; what it shared with the program it could not judge",
	},
	{
		path: "internal/archtest",
		why:  "it reads source text; an import would let the house judge itself",
	},
	{
		path: "bench",
		why:  "workloads measure the server from outside, as a client sees it",
	},
}

// engineWhy is the reason around every engine.
const engineWhy = "an engine keeps bytes behind kg.Store; one that knows more cannot be exchanged for the other"

// readerSupport is for _test files of readers.
const readerSupport = "internal/ingest/ingesttest"

// testSupport is for _test files of any room, and for nothing that ships.
const testSupport = "internal/kg/kgtest"

// home is where an outside module may be imported.
type home struct {
	module    string   // prefix of the import path, whole elements
	rooms     []string // as in room.path; nil for none
	tests     []string // rooms whose _test files may import it besides
	testsOnly bool     // _test files of every room, and the test support
	why       string
}

// homes is every outside module that the code may import directly.
var homes = []home{
	{module: "github.com/dgraph-io/badger/v4", rooms: []string{"internal/kg/badgerstore"}, why: "above the port nobody knows which engine answers"},
	{module: "github.com/dgraph-io/ristretto/v2", rooms: []string{"internal/kg/badgerstore"}, why: "it is a part of Badger's own interface"},
	{module: "github.com/dgraph-io/dgo/v250", rooms: []string{"internal/kg/dgraphstore"}, why: "above the port nobody knows which engine answers"},
	{module: "github.com/blevesearch/bleve/v2", rooms: []string{"internal/search"}, why: "words and ranking stay behind kg.TextIndex"},
	{module: "github.com/hbollon/go-edlib", rooms: []string{"internal/search"}, why: "nearness of words is a matter of search; equality of names is kg's folding"},
	{module: "github.com/mozillazg/go-pinyin", rooms: []string{"internal/search"}, why: "a guessed reading helps to search, and must never decide who an entity is"},
	{module: "github.com/mozillazg/go-unidecode", rooms: []string{"internal/search"}, why: "a guessed spelling helps to search, and must never decide who an entity is"},
	{module: "golang.org/x/text", rooms: []string{"internal/kg", "internal/search"}, why: "names are folded and sorted in one place, so that every room agrees which are equal"},
	{module: "github.com/99designs/gqlgen", rooms: []string{"graph", "graph/*", "internal/server", "cmd/server"}, why: "GraphQL is one way to ask; the graph does not know it"},
	{module: "github.com/vektah/gqlparser/v2", rooms: []string{"graph", "graph/*", "internal/server", "cmd/server"}, tests: []string{"internal/web"}, why: "GraphQL is one way to ask; the graph does not know it"},
	{module: "gonum.org/v1/gonum", rooms: []string{"internal/analysis"}, why: "the graph's own rules, ownership among them, are written out where they can be read; only stock algorithms are borrowed"},
	{module: "github.com/goccy/go-yaml", rooms: []string{"internal/ingest", "internal/ingest/*"}, why: "a foreign format ends where drafts begin"},
	{module: "github.com/klauspost/compress", rooms: []string{"internal/kg/badgerstore", "internal/server"}, why: "compression is a matter of the wire and of backup files"},
	{module: "github.com/coder/websocket", rooms: []string{"internal/server"}, tests: []string{"cmd/server"}, why: "how subscribers are reached is a matter of HTTP"},
	{module: "github.com/rs/cors", rooms: []string{"internal/server"}, why: "which pages may ask is a matter of HTTP"},
	{module: "github.com/prometheus/client_golang", rooms: []string{"internal/server", "cmd/server"}, why: "other rooms report through their own types, so that measuring can change without them"},
	{module: "github.com/coreos/go-oidc/v3", rooms: []string{"internal/auth"}, why: "who may write is settled in one room"},
	{module: "go.opentelemetry.io/otel/sdk", rooms: []string{"cmd/server"}, tests: []string{"internal/server"}, why: "where traces go is chosen in one place"},
	{module: "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp", rooms: []string{"cmd/server"}, why: "where traces go is chosen in one place"},
	{module: "go.opentelemetry.io/otel/trace", rooms: []string{"internal/server", "cmd/server"}, why: "traces are made where requests are; other rooms do not know that they are watched"},
	{module: "go.opentelemetry.io/otel", rooms: []string{"internal/server", "cmd/server"}, why: "traces are made where requests are; other rooms do not know that they are watched"},
	{module: "golang.org/x/time", rooms: []string{"internal/server"}, why: "how often somebody may ask is decided at the door, once"},
	{module: "github.com/alecthomas/kong", rooms: []string{"cmd/server"}, why: "flags end in one struct; no room reads the command line"},
	{module: "github.com/vbauerster/mpb/v8", rooms: []string{"cmd/server"}, why: "who watches a command is known where it runs"},
	{module: "github.com/google/go-cmp", testsOnly: true, why: "it panics on surprises, which is right in a test and nowhere else"},
	{module: "github.com/piprate/json-gold", testsOnly: true, why: "a processor of JSON-LD that is not ours says whether ours writes what we mean"},
	{module: "github.com/santhosh-tekuri/jsonschema/v6", testsOnly: true, why: "whether an answer is what its format demands is asked in tests; what ships is written so that it is"},
	{module: "pgregory.net/rapid", testsOnly: true, why: "it makes up input for tests"},
	{module: "go.uber.org/goleak", testsOnly: true, why: "it looks for goroutines that a test left behind"},
}

// TestWalls checks every import of every Go file against the two tables.
func TestWalls(t *testing.T) {
	for _, f := range goFiles(t) {
		if _, ok := findRoom(f.room); !ok {
			t.Errorf("%s: %s is no room of the house: put the code where it belongs, or give the new room a row and a reason in %s",
				f.name, f.room, "internal/archtest/walls_test.go")
			continue
		}
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if reason := refuse(f.room, f.isTest(), imported); reason != "" {
				t.Errorf("%s: %s", f.place(spec.Pos()), reason)
			}
		}
	}
}

// refuse says why a room must not import a package, or nothing where it may.
func refuse(from string, test bool, imported string) string {
	if to, ok := strings.CutPrefix(imported, module+"/"); ok {
		return refuseOurs(from, test, to)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	return refuseOutside(from, test, imported)
}

func refuseOurs(from string, test bool, to string) string {
	if to == from { // an external test of the room itself
		return ""
	}
	if to == testSupport || to == readerSupport {
		if test && to == testSupport || from == readerSupport {
			return ""
		}
		if test && matches([]string{"internal/ingest/*", "internal/export", "graph"}, from) {
			return ""
		}
		return fmt.Sprintf("%s must not import %s outside _test files: test support does not ship", from, to)
	}
	r, ok := findRoom(from)
	if !ok {
		return fmt.Sprintf("%s is no room of the house", from)
	}
	if matches(r.ours, to) || test && matches(r.tests, to) {
		return ""
	}
	allowed := "nothing"
	if len(r.ours) > 0 {
		allowed = strings.Join(r.ours, ", ")
	}
	return fmt.Sprintf("%s must not import %s: %s (of ours it may import %s)", from, to, r.why, allowed)
}

func refuseOutside(from string, test bool, imported string) string {
	i := slices.IndexFunc(homes, func(h home) bool {
		return imported == h.module || strings.HasPrefix(imported, h.module+"/")
	})
	if i < 0 {
		return fmt.Sprintf("%s must not import %s: the module has no home yet; name its rooms in internal/archtest/walls_test.go and say in docs/dependencies.md why it earns its place", from, imported)
	}
	h := homes[i]
	if h.testsOnly {
		if test || from == testSupport {
			return ""
		}
		return fmt.Sprintf("%s must not import %s outside _test files: %s", from, imported, h.why)
	}
	if matches(h.rooms, from) || test && matches(h.tests, from) {
		return ""
	}
	return fmt.Sprintf("%s must not import %s: %s (its home is %s)", from, imported, h.why, strings.Join(h.rooms, ", "))
}

// findRoom returns the row of a folder, an exact one before one with a star.
func findRoom(dir string) (room, bool) {
	for _, r := range rooms {
		if r.path == dir {
			return r, true
		}
	}
	for _, r := range rooms {
		if matches([]string{r.path}, dir) {
			return r, true
		}
	}
	return room{}, false
}

func matches(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, dir)
		if err != nil {
			panic(err) // a pattern in one of the tables is malformed
		}
		return ok
	})
}

// TestWallsStand breaks each kind of wall on purpose.
func TestWallsStand(t *testing.T) {
	const allowed = ""
	cases := map[string]struct {
		from     string
		test     bool
		imported string
		want     string // part of the reason
	}{
		"standard library":            {"internal/kg", false, "encoding/json", allowed},
		"kg folds names":              {"internal/kg", false, "golang.org/x/text/unicode/norm", allowed},
		"engine meets graph":          {"internal/kg/badgerstore", false, "keiretsu/internal/kg", allowed},
		"engine meets driver":         {"internal/kg/badgerstore", false, "github.com/dgraph-io/badger/v4", allowed},
		"driver's inner package":      {"internal/kg/badgerstore", false, "github.com/dgraph-io/badger/v4/y", allowed},
		"reader meets pipeline":       {"internal/ingest/factfile", false, "keiretsu/internal/ingest", allowed},
		"server meets web":            {"internal/server", false, "keiretsu/internal/web", allowed},
		"main joins":                  {"cmd/server", false, "keiretsu/internal/kg/badgerstore", allowed},
		"suite in a test":             {"internal/kg/badgerstore", true, "keiretsu/internal/kg/kgtest", allowed},
		"external test of itself":     {"internal/kg", true, "keiretsu/internal/kg", allowed},
		"made-up input in a test":     {"internal/kg", true, "pgregory.net/rapid", allowed},
		"made-up input in the suite":  {testSupport, false, "pgregory.net/rapid", allowed},
		"example questions parse":     {"internal/web", true, "github.com/vektah/gqlparser/v2/parser", allowed},
		"web parses questions":        {"internal/web", false, "github.com/vektah/gqlparser/v2/parser", "GraphQL is one way to ask"},
		"golden questions":            {"graph", true, "keiretsu/internal/kg/badgerstore", allowed},
		"graph knows engine":          {"internal/kg", false, "keiretsu/internal/kg/badgerstore", "whatever stores"},
		"graph knows driver":          {"internal/kg", false, "github.com/dgraph-io/badger/v4", "its home is internal/kg/badgerstore"},
		"graph knows GraphQL":         {"internal/kg", false, "github.com/99designs/gqlgen/graphql", "GraphQL is one way to ask"},
		"engine knows engine":         {"internal/kg/dgraphstore", false, "keiretsu/internal/kg/badgerstore", "an engine keeps bytes"},
		"reader knows reader":         {"internal/ingest/ftm", false, "keiretsu/internal/ingest/gleif", "no other format"},
		"pipeline knows engine":       {"internal/ingest", false, "keiretsu/internal/kg/badgerstore", "kg.Graph.Apply alone"},
		"resolver knows index":        {"graph/resolvers", false, "keiretsu/internal/search", "one kg call"},
		"resolver knows engine":       {"graph/resolvers", false, "keiretsu/internal/kg/badgerstore", "one kg call"},
		"server knows engine":         {"internal/server", false, "keiretsu/internal/kg/badgerstore", "chosen in cmd/server"},
		"anyone knows main":           {"internal/server", true, "keiretsu/cmd/server", "chosen in cmd/server"},
		"torture fills a folder":      {"internal/torture", true, "keiretsu/internal/kg/badgerstore", allowed},
		"torture asks the server":     {"internal/torture", true, "keiretsu/internal/server", "judges the program from outside"},
		"suite ships":                 {"cmd/server", false, "keiretsu/internal/kg/kgtest", "does not ship"},
		"test tool ships":             {"internal/kg", false, "pgregory.net/rapid", "outside _test files"},
		"module without a home":       {"internal/server", false, "example.org/handy", "no home yet"},
		"module with a similar name":  {"internal/kg/badgerstore", false, "github.com/dgraph-io/badger/v44", "no home yet"},
		"package below a room":        {"internal/kg/badgerstore/rows", false, "keiretsu/internal/kg", "no room of the house"},
		"package beside the rooms":    {"internal/helpers", false, "keiretsu/internal/kg", "no room of the house"},
		"engine's tests know GraphQL": {"internal/kg/badgerstore", true, "keiretsu/graph/resolvers", "an engine keeps bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := refuse(c.from, c.test, c.imported)
			if c.want == allowed && got != "" {
				t.Errorf("refused: %s", got)
			}
			if c.want != allowed && !strings.Contains(got, c.want) {
				t.Errorf("reason %q does not say %q", got, c.want)
			}
		})
	}
}
