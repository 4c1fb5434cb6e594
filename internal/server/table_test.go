package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"keiretsu/internal/auth"
)

const tableSchema = `
type Query { company: Company companies: [Company!]! matrix: [[Thing]] things: [Thing] }
interface Thing { id: ID! }
type Company implements Thing { id: ID! name: String tags: [String!] at: Place subsidiaries: [Company!] people: [Person] citations: [Citation!]! page(first: Int, last: Int): Page! }
type Person implements Thing { id: ID! age: Int }
type Place { city: String streets: [String] }
type Page { nodes: [Thing!]! edges: [Edge!]! pageInfo: PageInfo! }
type Edge { node: Company! }
type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! }
type Citation { claim: ID! source: Source! }
type Source { title: String langs: [String!] }
`

func TestTables(t *testing.T) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: tableSchema})
	for name, c := range map[string]struct{ query, data, csv, ndjson string }{
		"one object": {
			`{ company { id at { city } n: name } }`,
			`{"company":{"id":"a","at":{"city":"Rome, Italy"},"n":"A \"b\""}}`,
			"company.id,company.at.city,company.n\na,\"Rome, Italy\",\"A \"\"b\"\"\"\n",
			`{"company.id":"a","company.at.city":"Rome, Italy","company.n":"A \"b\""}`,
		},
		"a row for each innermost element, with what is around it, wherever it was asked for": {
			`{ companies { subsidiaries { name } id } }`,
			`{"companies":[{"subsidiaries":[{"name":"x"},{"name":"y"}],"id":"a"},{"subsidiaries":[{"name":"z"}],"id":"b"}]}`,
			"companies.subsidiaries.name,companies.id\nx,a\ny,a\nz,b\n",
			`{"companies.subsidiaries.name":"x","companies.id":"a"}
{"companies.subsidiaries.name":"y","companies.id":"a"}
{"companies.subsidiaries.name":"z","companies.id":"b"}`,
		},
		"an empty list leaves a row of what holds it": {
			`{ companies { id subsidiaries { id } } }`,
			`{"companies":[{"id":"a","subsidiaries":[]},{"id":"b","subsidiaries":null}]}`,
			"companies.id,companies.subsidiaries.id\na,\nb,\n",
			`{"companies.id":"a","companies.subsidiaries.id":null}
{"companies.id":"b","companies.subsidiaries.id":null}`,
		},
		"lists side by side have rows of their own": {
			`{ company { id subsidiaries { id } people { age } } }`,
			`{"company":{"id":"a","subsidiaries":[{"id":"x"},{"id":"y"}],"people":[null,{"age":41}]}}`,
			"company.id,company.subsidiaries.id,company.people.age\na,x,\na,y,\na,,41\n",
			`{"company.id":"a","company.subsidiaries.id":"x","company.people.age":null}
{"company.id":"a","company.subsidiaries.id":"y","company.people.age":null}
{"company.id":"a","company.subsidiaries.id":null,"company.people.age":41}`,
		},
		"lists of values and citations are cells": {
			`{ company { tags citations { claim source { title langs } } at { streets } } }`,
			`{"company":{"tags":["p","q"],"citations":[{"claim":"c-1","source":{"title":"T","langs":["en","zh"]}},{"claim":"c-2","source":{"title":null,"langs":[]}}],"at":{"streets":[null,"s"]}}}`,
			"company.tags,company.citations.claim,company.citations.source.title,company.citations.source.langs,company.at.streets\np; q,c-1; c-2,T; ,en; zh,s\n",
			`{"company.tags":["p","q"],"company.citations.claim":["c-1","c-2"],"company.citations.source.title":["T",null],"company.citations.source.langs":["en","zh"],"company.at.streets":["s"]}`,
		},
		"fragments": {
			`{ things { __typename id ... on Company { name } ...P } } fragment P on Person { id age }`,
			`{"things":[{"__typename":"Company","id":"a","name":"A"},{"__typename":"Person","id":"b","age":12345678901234567890},null]}`,
			"things.__typename,things.id,things.name,things.age\nCompany,a,A,\nPerson,b,,12345678901234567890\n",
			`{"things.__typename":"Company","things.id":"a","things.name":"A","things.age":null}
{"things.__typename":"Person","things.id":"b","things.name":null,"things.age":12345678901234567890}`,
		},
		"lists in lists": {
			`{ matrix { id } }`,
			`{"matrix":[[{"id":"a"},null],null,[{"id":"b"}]]}`,
			"matrix.id\na\nb\n",
			`{"matrix.id":"a"}
{"matrix.id":"b"}`,
		},
		"nothing": {
			`{ company { id } companies { id } }`,
			`{"company":null,"companies":[]}`,
			"company.id,companies.id\n",
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc, errs := gqlparser.LoadQueryWithRules(schema, c.query, rules.NewDefaultRules())
			if errs != nil {
				t.Fatal(errs)
			}
			var data map[string]any
			if err := decode([]byte(c.data), &data); err != nil {
				t.Fatal(err)
			}
			shape := newTable(doc.Operations[0])
			var out strings.Builder
			if err := writeCSV(&out, shape, data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.csv, strings.ReplaceAll(out.String(), "\r\n", "\n")); diff != "" {
				t.Errorf("CSV (-want +got):\n%s", diff)
			}
			out.Reset()
			if err := writeNDJSON(&out, shape, data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.ndjson, strings.TrimSuffix(out.String(), "\n")); diff != "" {
				t.Errorf("NDJSON (-want +got):\n%s", diff)
			}
			for line := range strings.Lines(out.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("%s is not JSON", line)
				}
			}
		})
	}
}

// TestCutPages: lists of which there is more than a page are named, wherever they
// stand and however they were asked for, and the rows do not tell of it.
func TestCutPages(t *testing.T) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: tableSchema})
	doc, errs := gqlparser.LoadQueryWithRules(schema, `{ companies { all: page { nodes { id } } ...P } } fragment P on Company { back: page(last: 1) { edges { node { page { ... on Page { nodes { id } } } } } } }`, rules.NewDefaultRules())
	if errs != nil {
		t.Fatal(errs)
	}
	op := doc.Operations[0]
	shape := newTable(op)
	var asked strings.Builder
	formatter.NewFormatter(&asked, formatter.WithIndent(" ")).FormatQueryDocument(&ast.QueryDocument{Operations: ast.OperationList{{Operation: ast.Query, SelectionSet: askPages(op.SelectionSet)}}})
	const info = "__page: pageInfo { hasNextPage hasPreviousPage }"
	want := "query { companies { all: page { nodes { id } " + info + " } ... on Company { back: page(last: 1) { edges { node { page { ... on Page { nodes { id } " + info + " } } } } " + info + " } } } }"
	if diff := cmp.Diff(want, strings.Join(strings.Fields(asked.String()), " ")); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if len(op.SelectionSet[0].(*ast.Field).SelectionSet) != 2 {
		t.Error("the document itself was changed")
	}
	var data map[string]any
	const yes, no = `"__page":{"hasNextPage":true,"hasPreviousPage":false}`, `"__page":{"hasNextPage":false,"hasPreviousPage":true}`
	if err := decode([]byte(`{"companies":[
		{"all":{"nodes":[{"id":"a"}],`+no+`},"back":{"edges":[],`+yes+`}},
		{"all":{"nodes":[{"id":"b"}],`+yes+`},"back":{"edges":[{"node":{"page":{"nodes":[],`+yes+`}}}],`+yes+`}}]}`), &data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"companies.all", "companies.back.edges.node.page"}, shape.cut(data)); diff != "" {
		t.Errorf("cut (-want +got):\n%s", diff)
	}
	var out strings.Builder
	if err := writeCSV(&out, shape, data); err != nil || strings.Contains(out.String(), "true") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

// TestTablesOverHTTP asks for tables as one asks for answers, and is refused in
// the same words.
func TestTablesOverHTTP(t *testing.T) {
	access, tokens := newAccess(t)
	r := newRig(t, func(c *Config) { c.Access = access })
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) { return nil, errors.New("a fault") }
	get := func(path string, values url.Values) *http.Request {
		return httptest.NewRequest(http.MethodGet, path+"?"+values.Encode(), nil)
	}
	post := func(path, body string) *http.Request {
		req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		req.Header.Set("Content-Type", mediaJSON)
		return req
	}
	query := url.Values{"query": {"query Names { name }"}}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		media   string
		body    string // or, for an error, its code
	}{
		"CSV":               {get(csvPath, query), 200, "text/csv; charset=utf-8; header=present", "name\r\ntext\r\n"},
		"NDJSON":            {get(ndjsonPath, query), 200, "application/x-ndjson; charset=utf-8", "{\"name\":\"text\"}\n"},
		"by POST":           {post(csvPath, `{"query":"{ n: name }"}`), 200, "text/csv; charset=utf-8; header=present", "n\r\ntext\r\n"},
		"a mutation":        {post(csvPath, `{"query":"mutation { rename(name: \"x\") }"}`), 400, "application/json; charset=utf-8", codeBadUserInput},
		"a mutation by GET": {get(csvPath, url.Values{"query": {`mutation { rename(name: "x") }`}}), 400, "application/json; charset=utf-8", codeBadUserInput},
		"an invalid query":  {get(csvPath, url.Values{"query": {"{ nothing }"}}), 400, "application/graphql-response+json; charset=utf-8", "GRAPHQL_VALIDATION_FAILED"},
		"no query":          {get(csvPath, nil), 400, "application/json; charset=utf-8", codeBadUserInput},
		"by another method": {httptest.NewRequest(http.MethodPut, ndjsonPath, nil), 405, "application/json; charset=utf-8", codeBadUserInput},
		"a form":            {httptest.NewRequest(http.MethodPost, csvPath, strings.NewReader("query={name}")), 415, "application/json; charset=utf-8", codeBadUserInput},
		"half an answer":    {get(csvPath, url.Values{"query": {"{ name nullable: fail }"}}), 500, "application/graphql-response+json; charset=utf-8", codeInternal},
		"a subscription":    {get(ndjsonPath, url.Values{"query": {"subscription { ticks { n } }"}}), 400, "application/json; charset=utf-8", codeBadUserInput},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Header.Set("Authorization", "Bearer "+tokens[auth.ScopeWrite])
			a := r.do(t, c.request)
			if a.status != c.status || a.header.Get("Content-Type") != c.media {
				t.Errorf("status %d, Content-Type %q; want %d, %q\n%s", a.status, a.header.Get("Content-Type"), c.status, c.media, a.body)
			}
			if got := a.body; c.status == 200 && got != c.body {
				t.Errorf("body %q, want %q", got, c.body)
			}
			if c.status != 200 && a.code() != c.body {
				t.Errorf("code %s, want %s\n%s", a.code(), c.body, a.body)
			}
		})
	}
	if n := r.schema.resolved["Mutation.rename"]; n != 0 {
		t.Errorf("a mutation ran %d times", n)
	}
	if a := r.do(t, get(csvPath, query)); a.header.Get("Content-Disposition") != `attachment; filename="Names.csv"` {
		t.Errorf("Content-Disposition: %q", a.header.Get("Content-Disposition"))
	}
}
