package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/complexity"
	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"keiretsu/graph/resolvers"
)

// hostile names what each document of testdata/hostile is refused for. The
// texts are the guard's own: had validation or execution been reached, the
// answer would be another, if it came at all.
var hostile = map[string]struct{ code, message string }{
	"deep-fields":                              {codeTooComplex, "fields nest deeper than the 15 levels allowed"},
	"deep-fields-through-fragments":            {codeTooComplex, "fields nest deeper than the 15 levels allowed"},
	"deep-values":                              {"GRAPHQL_PARSE_FAILED", "exceeded maximum nesting depth of 1000"},
	"deferred":                                 {"GRAPHQL_VALIDATION_FAILED", "@defer is not supported; the answer comes in one piece"},
	"doubling-fragments":                       {codeTooComplex, "the document stands for more than the 1000 selections allowed once its fragments are expanded"},
	"doubling-introspection":                   {codeTooComplex, "the document stands for more than the 1000 selections allowed once its fragments are expanded"},
	"equal-names":                              {codeTooComplex, "the document stands for more than the 1000 selections allowed once its fragments are expanded"},
	"equal-names-in-fragments":                 {codeTooComplex, `"id" is asked for more than the 50 times allowed in one selection set`},
	"equal-names-in-merged-fields":             {codeTooComplex, `"id" is asked for more than the 50 times allowed in one selection set`},
	"equal-names-in-second-of-equal-fragments": {codeTooComplex, `"id" is asked for more than the 50 times allowed in one selection set`},
	"equal-names-in-unused-fragment":           {codeTooComplex, `"id" is asked for more than the 50 times allowed in one selection set`},
	"fragment-in-itself":                       {"GRAPHQL_VALIDATION_FAILED", `the fragment "B" spreads itself`},
	"fragment-in-itself-unused":                {"GRAPHQL_VALIDATION_FAILED", `the fragment "A" spreads itself`},
	"fragments-in-each-other":                  {"GRAPHQL_VALIDATION_FAILED", `the fragment "A" spreads itself`},
	"huge-number-as-date":                      {codeBadUserInput, "a number in line 1 is larger than any that is meant"},
	"huge-number-as-id":                        {codeBadUserInput, "a number in line 1 is larger than any that is meant"},
	"inline-fragments-in-merged-fields":        {codeTooComplex, "a selection set has more than the 50 inline fragments allowed"},
	"introspection-aliases":                    {codeTooComplex, "introspection stands for more than the 400 selections allowed"},
	"introspection-lists":                      {codeTooComplex, "introspection nests more than the 2 lists allowed"},
	"introspection-lists-merged":               {codeTooComplex, "introspection nests more than the 2 lists allowed"},
	"introspection-lists-of-one-type":          {codeTooComplex, "introspection nests more than the 2 lists allowed"},
	"long-name":                                {codeTooComplex, "a name in line 1 is longer than the 100 bytes allowed"},
	"many-aliases":                             {codeTooComplex, `"name" is asked for under more than the 100 aliases allowed in one selection set`},
	"many-directives":                          {codeTooComplex, "the document has more than the 100 directives allowed"},
	"many-directives-spread-out":               {codeTooComplex, "the document has more than the 100 directives allowed"},
	"many-fragments":                           {codeTooComplex, "the document has more than the 50 fragments allowed"},
	"many-inline-fragments":                    {codeTooComplex, "a selection set has more than the 50 inline fragments allowed"},
	"many-operations":                          {codeTooComplex, "the document has more than the 10 operations allowed"},
	"many-selections":                          {codeTooComplex, "the document stands for more than the 1000 selections allowed once its fragments are expanded"},
	"unknown-fragments":                        {codeTooComplex, "a selection set spreads more than the 100 fragments allowed"},
	"many-tokens":                              {codeTooComplex, "the document has more than the 2000 tokens allowed"},
	"many-variables":                           {codeTooComplex, "an operation declares more than the 50 variables allowed"},
	"nested-inline-fragments":                  {codeTooComplex, "a selection set has more than the 50 inline fragments allowed"},
}

func hostileDocuments(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/hostile/*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no hostile documents: %v", err)
	}
	documents := map[string]string{}
	for _, file := range files {
		documents[strings.TrimSuffix(filepath.Base(file), ".graphql")] = readFile(t, file)
	}
	return documents
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHostileDocumentsAreRefusedBeforeValidation(t *testing.T) {
	documents := hostileDocuments(t)
	for name := range hostile {
		if _, ok := documents[name]; !ok {
			t.Errorf("no document %s", name)
		}
	}
	r := newRig(t, nil)
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			want, ok := hostile[name]
			if !ok {
				t.Fatal("the table does not say how it is refused")
			}
			a := r.ask(t, document, nil)
			if a.code() != want.code || len(a.Errors) != 1 || a.Errors[0].Message != want.message {
				t.Errorf("answered %s\nwant one error %s: %s", shorten(a.body, 500), want.code, want.message)
			}
			if len(r.schema.resolved) > 0 {
				t.Errorf("was executed: %v", r.schema.resolved)
			}
		})
	}
}

// TestGuardWorksWithinBounds counts steps instead of seconds: without its memo
// the guard itself would take 2^24 of them for the doubling documents.
func TestGuardWorksWithinBounds(t *testing.T) {
	limits := DefaultLimits()
	most := limits.Tokens + (limits.Operations+limits.Fragments)*limits.Selections
	for name, document := range hostileDocuments(t) {
		t.Run(name, func(t *testing.T) {
			doc, err := parser.ParseQuery(&ast.Source{Input: document})
			if err != nil {
				t.Logf("not parsed: %v", err)
				return
			}
			s := newSurvey(doc, limits)
			s.check(doc)
			if s.steps > most {
				t.Errorf("took %d steps, want at most %d", s.steps, most)
			}
		})
	}
}

// TestLimitsAreExact holds each limit against a document that just keeps it
// and one that just does not.
func TestLimitsAreExact(t *testing.T) {
	fields := func(n int, name string) string { return strings.Repeat(name+" ", n) }
	aliased := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d: name ", i)
		}
		return b.String()
	}
	tests := []struct {
		name   string
		limits Limits
		build  func(n int) string
		limit  int
	}{
		{"document", Limits{DocumentBytes: 50}, func(n int) string { return "{ name }" + strings.Repeat(" ", n-8) }, 50},
		{"tokens", Limits{Tokens: 20}, func(n int) string { return "{ " + aliased((n-2)/3) + fields((n-2)%3, "name") + "}" }, 20},
		{"name", Limits{NameBytes: 10}, func(n int) string { return "{ " + strings.Repeat("a", n) + ": name }" }, 10},
		{"operations", Limits{Operations: 3}, func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "query Q%d { name } ", i)
			}
			return b.String()
		}, 3},
		{"fragments", Limits{Fragments: 3}, func(n int) string {
			var b strings.Builder
			b.WriteString("{ name ")
			for i := range n {
				fmt.Fprintf(&b, "...F%d ", i)
			}
			b.WriteString("}")
			for i := range n {
				fmt.Fprintf(&b, "fragment F%d on Query { name } ", i)
			}
			return b.String()
		}, 3},
		{"directives", Limits{Directives: 3}, func(n int) string {
			return "{ " + fields(n, "name @skip(if: false)") + "}"
		}, 3},
		{"variables", Limits{Variables: 3}, func(n int) string {
			var declared, used strings.Builder
			for i := range n {
				fmt.Fprintf(&declared, "$v%d: Boolean! ", i)
				fmt.Fprintf(&used, "a%d: name @skip(if: $v%d) ", i, i)
			}
			return "query Q0(" + declared.String() + ") { " + used.String() + "}"
		}, 3},
		{"selections", Limits{Selections: 12}, func(n int) string {
			// Two spreads of a fragment of two fields are six selections, once expanded.
			return "{ ...F ...F " + aliased(n-6) + "} fragment F on Query { name __typename }"
		}, 12},
		{"depth", Limits{Depth: 4}, func(n int) string {
			return `{ node(id: "a") ` + strings.Repeat("{ child ", n-2) + "{ id }" + strings.Repeat(" }", n-1)
		}, 4},
		{"equal names", Limits{EqualNames: 4}, func(n int) string { return "{ " + fields(n, "name") + "}" }, 4},
		{"root fields", Limits{RootFields: 4}, func(n int) string {
			return "{ ...F " + aliased(n-1) + "} fragment F on Query { name name }"
		}, 4},
		{"input values", Limits{InputValues: 12}, func(n int) string {
			return "{ nodes(filter: { kinds: [" + fields(n-3, "COMPANY") + "] }, first: 1) { id } }"
		}, 12},
		{"aliases", Limits{Aliases: 4}, func(n int) string { return "{ " + aliased(n) + "}" }, 4},
		{"inline fragments", Limits{InlineFragments: 4}, func(n int) string { return "{ " + fields(n, "... { name }") + "}" }, 4},
		{"spreads", Limits{Spreads: 4}, func(n int) string {
			return "{ ...G name " + fields(n-1-n/2, "...F") + "} fragment G on Query { " + fields(n/2, "...F") + "name } fragment F on Query { name }"
		}, 4},
		{"introspection selections", Limits{IntrospectionSelections: 9}, func(n int) string {
			// The schema's list of types is one, its name under n-1 aliases the rest.
			return "{ __schema { types { " + strings.ReplaceAll(aliased(n-1), "name", "__typename") + "} } }"
		}, 9},
		{"introspection fields", Limits{IntrospectionFields: 4}, func(n int) string {
			return "{ " + strings.ReplaceAll(aliased(n), "name", "__schema { description }") + "}"
		}, 4},
		{"introspection lists", Limits{IntrospectionLists: 3}, func(n int) string {
			return "{ __schema { types " + strings.Repeat("{ interfaces ", n-1) + "{ name } " + strings.Repeat("} ", n-1) + "} }"
		}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Limits = test.limits })
			send := func(n int) answer {
				variables := map[string]any{"v0": true, "v1": true, "v2": true, "v3": true}
				body := bodyOf(t, test.build(n), variables)
				if test.name == "operations" {
					body = strings.Replace(body, "{", `{"operationName":"Q0",`, 1)
				}
				return r.post(t, body)
			}
			if a := send(test.limit); a.code() != "OK" {
				t.Errorf("at the limit: %s\n%s", a.body, test.build(test.limit))
			}
			if a := send(test.limit + 1); a.code() != codeTooComplex && a.code() != codeTooLarge {
				t.Errorf("one above the limit: %s\n%s", a.body, test.build(test.limit+1))
			}
		})
	}
}

func TestStandardIntrospectionPasses(t *testing.T) {
	r := newRig(t, nil)
	if a := r.ask(t, readFile(t, "testdata/introspection.graphql"), nil); a.code() != "OK" {
		t.Errorf("refused: %s", shorten(a.body, 500))
	}
}

// TestLimitsLeaveRoom asks what an analyst's page may well ask.
func TestLimitsLeaveRoom(t *testing.T) {
	r := newRig(t, nil)
	var b strings.Builder
	b.WriteString("query Compare($first: Int = 10) {\n")
	for i := range 60 {
		fmt.Fprintf(&b, "c%d: node(id: \"company-%d\") { ...Company }\n", i, i)
	}
	b.WriteString("}\nfragment Company on Node { id name child { id name children(first: $first, during: \"2014\") { id name } } }\n")
	if a := r.ask(t, b.String(), nil); a.code() != "OK" {
		t.Errorf("refused: %s", shorten(a.body, 500))
	}
}

func TestCostLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Cost = 100 })
	const query = "query($n: Int) { nodes(first: $n) { id name child { id } } }"
	if a := r.ask(t, query, map[string]any{"n": 20}); a.code() != "OK" {
		t.Errorf("first: 20 costs %s, want OK", a.body)
	}
	a := r.ask(t, query, map[string]any{"n": 21})
	if a.code() != codeTooComplex {
		t.Fatalf("first: 21 answered %s, want TOO_COMPLEX", a.body)
	}
	want := "the operation may return about 105 values, more than the 100 allowed; ask for smaller pages or fewer fields"
	if diff := cmp.Diff(want, a.Errors[0].Message); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestVariablesCountWhereverTheyAreUsed(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.InputValues = 30 })
	const query = `query($k: [Kind!]) { a: nodes(filter: {kinds: $k}) { ...F } ...G ... { c: nodes(filter: {kinds: $k}) { id } } }
		fragment F on Node { id @skip(if: false) } fragment G on Query { b: nodes(filter: {kinds: $k}) { ...F } }`
	// Three filters of one object and one list each, and two values of @skip: 8 and three times the entries.
	for n, want := range map[int]string{7: "OK", 8: codeTooComplex} {
		if a := r.ask(t, query, map[string]any{"k": slices.Repeat([]string{"PERSON"}, n)}); a.code() != want {
			t.Errorf("%d entries: %s, want %s", n, a.body, want)
		}
	}
}

// TestListsWithoutPagesCost asks for lists whose length is not said by first or
// last, which the cost functions of a schema leave out.
func TestListsWithoutPagesCost(t *testing.T) {
	schema := newFakeSchema()
	schema.schema = gqlparser.MustLoadSchema(&ast.Source{Input: `
		type Query { things(ids: [ID!]!): [Thing]! around(limit: Int = 200): Part! all: [Thing!]! ranked(nodes: Int, first: Int! = 20): [Thing!]! }
		type Part { things: [Thing!]! }
		type Thing { id: ID! tags: [String!]! more: [Thing!]! }`})
	ids := slices.Repeat([]any{"a"}, 300)
	for name, c := range map[string]struct {
		query string
		want  int
	}{
		"ids":             {`query($ids: [ID!]!) { things(ids: $ids) { id tags } }`, 1 + 300*2},
		"limit":           {`{ around(limit: 1000) { things { id } } }`, 1 + 1000*2},
		"limit, default":  {`{ around { things { id } } }`, 1 + 200*2},
		"limit, beyond":   {`{ around(limit: 2000000000) { things { id } } }`, 1 + mostEntries*2},
		"limit, negative": {`{ around(limit: -5) { things { id } } }`, 1},
		"bare list":       {`{ all { id more { id } } }`, 4},
		"list of scalars": {`{ all { tags } }`, 2},
		"first, default":  {`{ ranked { id } }`, 1 + 20},
	} {
		t.Run(name, func(t *testing.T) {
			doc, errs := gqlparser.LoadQueryWithRules(schema.schema, c.query, nil)
			if errs != nil {
				t.Fatal(errs)
			}
			plain := listsCounted{fixedCost{schema}}
			if got := complexity.Calculate(t.Context(), plain, doc.Operations[0], map[string]any{"ids": ids}); got != c.want {
				t.Errorf("costs %d, want %d", got, c.want)
			}
		})
	}
}

// fixedCost is a schema without cost functions.
type fixedCost struct{ graphql.ExecutableSchema }

func (fixedCost) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

// TestIntrospectionCosts holds what introspection may ask for against the schema
// that is served.
func TestIntrospectionCosts(t *testing.T) {
	schema := resolvers.NewSchema(nil, slog.New(slog.DiscardHandler)).Schema()
	size := measureSchema(schema)
	most := valuesForEachThing * size.things()
	aliases := func(n int, field string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d: %s ", i, field)
		}
		return b.String()
	}
	fields, args := size.fields.all, size.args.all
	for name, c := range map[string]struct {
		query       string
		least, most int
	}{
		"the standard query":   {readFile(t, "testdata/introspection.graphql"), most / 2, most},
		"names of types":       {"{ __schema { types { name } } }", 2 + size.types, 2 + size.types},
		"one type":             {`{ __type(name: "Company") { name kind } }`, 3, 3},
		"fields of one type":   {`{ __type(name: "Company") { fields { name } } }`, 2 + size.fields.most, 2 + size.fields.most},
		"fields of all types":  {"{ __schema { types { fields { name } } } }", 2 + size.types + fields, 2 + size.types + fields},
		"arguments of them":    {"{ __schema { types { fields { args { name } } } } }", 2 + size.types + fields + args, 2 + size.types + fields + args},
		"through fragments":    {"{ ...A } fragment A on Query { __schema { types { ...B } } } fragment B on __Type { name }", 2 + size.types, 2 + size.types},
		"aliases of fields":    {"{ __schema { types { fields { " + aliases(100, "name") + "} } } }", most + 1, 100 * (fields + 2*size.types)},
		"aliases of the whole": {"{ " + aliases(60, "__schema { types { fields { name description } } }") + "}", most + 1, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			doc, errs := gqlparser.LoadQueryWithRules(schema, c.query, nil)
			if errs != nil {
				t.Fatal(errs)
			}
			got := 0
			for _, field := range schemaFields(nil, doc.Operations[0].SelectionSet) {
				got += size.introspection(ast.SelectionSet{field}, described{1, false})
			}
			if got < c.least || got > c.most {
				t.Errorf("costs %d, want %d to %d", got, c.least, c.most)
			}
		})
	}
}

// countingCache counts what is asked of a cache.
type countingCache struct {
	graphql.Cache[*ast.QueryDocument]
	hits int
}

func (c *countingCache) Get(ctx context.Context, key string) (*ast.QueryDocument, bool) {
	doc, ok := c.Cache.Get(ctx, key)
	if ok {
		c.hits++
	}
	return doc, ok
}

func TestGuardTrustsWhatWasValidated(t *testing.T) {
	cache := &countingCache{Cache: lru.New[*ast.QueryDocument](1)}
	const query = "query A { name } query B { name }"
	// A cached document is not measured again, whatever the limits have become.
	g := guard{limits: Limits{DocumentBytes: 1}, cache: cache}
	doc, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		t.Fatal(err)
	}
	cache.Add(t.Context(), query, doc)
	if err := g.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: query, OperationName: "B"}); err != nil {
		t.Error(err)
	}
	// Which operation is meant differs from request to request.
	if err := g.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: query, OperationName: "C"}); err == nil {
		t.Error("an unknown operation was let through")
	}
	if cache.hits != 2 {
		t.Errorf("%d hits, want 2", cache.hits)
	}
}

// FuzzDocument wants any document to be refused or to be valid GraphQL that the
// validator can take, in a bounded number of steps and without a panic.
func FuzzDocument(f *testing.F) {
	for _, document := range hostileDocuments(f) {
		f.Add(document)
	}
	f.Add(readFile(f, "testdata/introspection.graphql"))
	f.Add(`query Q($v: [Int!]! = [1, 2]) @a { ...F ... on Query @skip(if: true) { x: name } } fragment F on Query { name }`)
	limits := DefaultLimits()
	schema := newFakeSchema().schema
	most := limits.Tokens + (limits.Operations+limits.Fragments)*limits.Selections
	f.Fuzz(func(t *testing.T, document string) {
		g := guard{limits: limits, cache: graphql.NoCache[*ast.QueryDocument]{}}
		doc, refused := g.parse(document)
		if refused != nil {
			return
		}
		s := newSurvey(doc, limits)
		s.check(doc)
		if s.steps > most {
			t.Errorf("took %d steps, want at most %d", s.steps, most)
		}
		validator.ValidateWithRules(schema, doc, nil)
	})
}
