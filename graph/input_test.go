package graph_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"keiretsu/internal/kg"
)

// TestBadInputNamesTheArgument asks what cannot be right.
func TestBadInputNamesTheArgument(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ofEntities := w.page(t, `{ entities(PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } }`, "entities", "first: 1").end
		ofSearch := w.page(t, `{ search(text: "alibaba", PAGE) { totalCount pageInfo { ...info } edges { cursor node { id } } } }`, "search", "first: 1").end
		long := strings.Repeat("x", 5000)
		lists := map[string]string{
			"relations of an entity": `{ entity(by: { id: "alibaba-group" }) { relations(ARGUMENTS) { nodes { id } } } }`,
			"figures":                `{ entity(by: { id: "alibaba-group" }) { observations(ARGUMENTS) { nodes { id } } } }`,
			"entities":               `{ entities(ARGUMENTS) { nodes { id } } }`,
			"relations":              `{ relations(ARGUMENTS) { nodes { id } } }`,
			"acquisitions":           `{ company(name: "Alibaba") { acquisitions(ARGUMENTS) { nodes { id } } } }`,
			"acquirers":              `{ company(name: "Alibaba") { acquiredBy(ARGUMENTS) { nodes { id } } } }`,
			"subsidiaries":           `{ company(name: "Alibaba") { subsidiaries(ARGUMENTS) { nodes { id } } } }`,
			"owners":                 `{ company(name: "Alibaba") { owners(ARGUMENTS) { nodes { id } } } }`,
			"investments":            `{ company(name: "Alibaba") { investments(ARGUMENTS) { nodes { id } } } }`,
			"partners":               `{ company(name: "Alibaba") { partners(ARGUMENTS) { nodes { id } } } }`,
			"customers":              `{ company(name: "Alibaba") { customers(ARGUMENTS) { nodes { id } } } }`,
			"products":               `{ company(name: "Alibaba") { products(ARGUMENTS) { nodes { id } } } }`,
			"people":                 `{ company(name: "Alibaba") { people(ARGUMENTS) { nodes { id } } } }`,
			"roles":                  `{ person(name: "Jack Ma") { roles(ARGUMENTS) { nodes { id } } } }`,
			"makers":                 `{ product(name: "Taobao") { offeredBy(ARGUMENTS) { nodes { id } } } }`,
			"search":                 `{ search(text: "alibaba", ARGUMENTS) { nodes { id } } }`,
		}
		type bad struct{ name, query, argument string }
		var cases []bad
		for list, query := range lists {
			add := func(arguments, argument string) {
				cases = append(cases, bad{list + " with " + arguments, strings.Replace(query, "ARGUMENTS", arguments, 1), argument})
			}
			add("first: -1", "first")
			add("first: 1001", "first")
			add("first: 3000000000", "first")
			add(`after: ""`, "after")
			add(`after: "no cursor"`, "after")
			add(`after: "`+long+`"`, "after")
			add(fmt.Sprintf("after: %q", ofEntities[:len(ofEntities)-2]), "after")
			if list != "entities" {
				add(fmt.Sprintf("after: %q", ofEntities), "after")
			}
			if list != "search" {
				add(fmt.Sprintf("after: %q", ofSearch), "after")
				add("last: -1", "last")
				add("last: 1001", "last")
				add("first: 1, last: 1", "last")
				add(`last: 1, before: "no cursor"`, "before")
			}
		}
		cases = append(cases, []bad{
			{"a month that is none", `{ relations(during: "2014-13") { nodes { id } } }`, "during"},
			{"a day that is none", `{ relations(during: "2014-02-30") { nodes { id } } }`, "during"},
			{"a period that ends before it begins", `{ relations(during: "2016/2014") { nodes { id } } }`, "during"},
			{"a period without days", `{ relations(during: "") { nodes { id } } }`, "during"},
			{"a year as a number", `{ relations(during: 2014) { nodes { id } } }`, "during"},
			{"words for a period", `{ company(name: "Alibaba") { acquisitions(during: "last year") { nodes { id } } } }`, "during"},
			{"words for a period of figures", `{ company(name: "Alibaba") { observations(during: "FY2021") { nodes { id } } } }`, "during"},
			{"words for a date", `{ company(name: "Alibaba") { owners(asOf: "yesterday") { nodes { id } } } }`, "asOf"},
			{"an open date", `{ company(name: "Alibaba") { subsidiaries(asOf: "[2014..]") { nodes { id } } } }`, "asOf"},
			{"a date of every year", `{ entity(by: { id: "amap" }) { relations(asOf: "--11-11") { nodes { id } } } }`, "asOf"},
			{"a clock at no date", `query @at(asOf: "yesterday") { relations { nodes { id } } }`, "asOf"},
			{"a clock at an open date", `query @at(asOf: "[2014..]") { relations { nodes { id } } }`, "asOf"},
			{"an unknown metric", `{ entity(by: { id: "amap" }) { observations(metric: "happiness") { nodes { id } } } }`, "metric"},
			{"a metric without a name", `{ entity(by: { id: "amap" }) { observations(metric: "") { nodes { id } } } }`, "metric"},
			{"a share of more than all", `{ relations(minStake: 101) { nodes { id } } }`, "minStake"},
			{"a share of less than none", `{ company(name: "Alibaba") { subsidiaries(minStake: -0.1) { nodes { id } } } }`, "minStake"},
			{"a share of more than all, of an entity", `{ entity(by: { id: "amap" }) { relations(minStake: 100.5) { nodes { id } } } }`, "minStake"},
			{"a name of nothing", `{ company(name: "?!") { id } }`, "name"},
			{"an empty name", `{ person(name: "") { id } }`, "name"},
			{"a name without end", `{ product(name: "` + long + `") { id } }`, "name"},
			{"a key with a name of nothing", `{ entity(by: { name: "…" }) { id } }`, "by.name"},
			{"a key with an empty id", `{ entity(by: { id: "" }) { id } }`, "by.id"},
			{"a key with an empty scheme", `{ entity(by: { identifier: { scheme: "", value: "1060" } }) { id } }`, "by.identifier"},
			{"a key of conflicts with a name of nothing", `{ conflicts(about: { name: "" }) { id } }`, "about.name"},
			{"a search without end", `{ search(text: "` + long + `") { nodes { id } } }`, "text"},
			{"more ids than a page", `{ nodes(ids: ["x"` + strings.Repeat(`, "x"`, 1000) + `]) { id } }`, "ids"},
			{"an id that is none", `{ node(id: 1.5) { id } }`, ""},
		}...)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { w.refuses(t, c.query, nil, c.argument) })
		}
	})
}

// TestKeysMeanOneThing leaves out the parts of a key, or gives several.
func TestKeysMeanOneThing(t *testing.T) {
	const byVariable = `query($by: EntityKey!) { entity(by: $by) { id } }`
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.refuses(t, byVariable, vars{"by": vars{}}, "by")
		w.refuses(t, byVariable, vars{"by": vars{"id": nil}}, "by")
		w.refuses(t, byVariable, vars{"by": vars{"id": "amap", "name": "Amap"}}, "by")
		w.refuses(t, `query($about: EntityKey) { conflicts(about: $about) { id } }`, vars{"about": vars{}}, "about")
		for _, query := range []string{
			`{ entity(by: {}) { id } }`,
			`{ entity(by: { id: "amap", name: "Amap" }) { id } }`,
			`{ conflicts(about: {}) { id } }`,
			`query($name: String) { entity(by: { name: $name }) { id } }`,
		} {
			w.refuses(t, query, nil, "")
		}
	})
}

// refuses checks that the operation fails with one error that names the
// argument, or with "" that it is refused before anything is asked for.
func (w *world) refuses(t *testing.T, query string, variables vars, argument string) {
	t.Helper()
	response := w.ask(t, query, variables)
	if len(response.Errors) != 1 {
		t.Fatalf("%d errors %v; want one\n%.200s with %v\n%.200s", len(response.Errors), response.Errors, query, variables, response.Data)
	}
	err := response.Errors[0]
	if argument == "" {
		if err.Extensions["code"] != "GRAPHQL_VALIDATION_FAILED" {
			t.Errorf("%v with %v; want it refused by the schema\n%.200s", err, err.Extensions, query)
		}
		return
	}
	if got := named(err); got != argument {
		t.Errorf("%v names %q; want %q\n%.200s with %v", err, got, argument, query, variables)
	}
}

// named returns the argument that an error of the class kg.ErrInvalid names:
// in its own words, or by its place where the value could not even be read.
func named(err *gqlerror.Error) string {
	invalid, ok := errors.AsType[*kg.InvalidError](err)
	if !ok || invalid.Reason == "" {
		return fmt.Sprintf("nothing: %T", errors.Unwrap(err))
	}
	if invalid.Argument == "" && len(err.Path) > 0 {
		if name, ok := err.Path[len(err.Path)-1].(ast.PathName); ok {
			return string(name)
		}
	}
	return invalid.Argument
}

// TestNothingFound asks for what there is not, which is no error.
func TestNothingFound(t *testing.T) {
	cases := map[string]string{
		`{ entity(by: { name: "No Such Company" }) { id } }`:                              `{"entity":null}`,
		`{ entity(by: { id: "no-such-id" }) { id } }`:                                     `{"entity":null}`,
		`{ entity(by: { id: "doc-002" }) { id } }`:                                        `{"entity":null}`,
		`{ entity(by: { identifier: { scheme: "HKEX", value: "1" } }) { id } }`:           `{"entity":null}`,
		`{ entity(by: { identifier: { scheme: "none", value: "1060" } }) { id } }`:        `{"entity":null}`,
		`{ company(name: "Jack Ma") { id } }`:                                             `{"company":null}`,
		`{ person(name: "Alibaba") { id } }`:                                              `{"person":null}`,
		`{ product(name: "无此产品") { id } }`:                                                `{"product":null}`,
		`{ node(id: "") { id } }`:                                                         `{"node":null}`,
		`{ node(id: "` + strings.Repeat("x", 5000) + `") { id } }`:                        `{"node":null}`,
		`{ nodes(ids: ["no-such-id", "amap"]) { id } }`:                                   `{"nodes":[null,{"id":"amap"}]}`,
		`{ nodes(ids: []) { id } }`:                                                       `{"nodes":[]}`,
		`{ node(id: 7) { id } }`:                                                          `{"node":null}`,
		`{ conflicts(about: { name: "No Such Company" }) { id } }`:                        `{"conflicts":[]}`,
		`{ conflicts(about: { name: "Hangzhou" }) { id } }`:                               `{"conflicts":[]}`,
		`{ search(text: "") { totalCount nodes { id } } }`:                                `{"search":{"totalCount":0,"nodes":[]}}`,
		`{ search(text: "zzzzzzzzzz") { totalCount nodes { id } } }`:                      `{"search":{"totalCount":0,"nodes":[]}}`,
		`{ entity(by: { id: "hangzhou" }) { observations { totalCount nodes { id } } } }`: `{"entity":{"observations":{"totalCount":0,"nodes":[]}}}`,
		`{ company(name: "Vendio") { partners { totalCount nodes { id } } founded } }`:    `{"company":{"partners":{"totalCount":0,"nodes":[]},"founded":null}}`,
		`{ relations(during: "1066") { totalCount nodes { id } } }`:                       `{"relations":{"totalCount":0,"nodes":[]}}`,
		`{ entity(by: { identifier: { scheme: "hkex", value: "1060" } }) { id } }`:        `{"entity":{"id":"alibaba-pictures"}}`,
	}
	onEveryEngine(t, func(t *testing.T, w *world) {
		for query, want := range cases {
			response := w.ask(t, query, nil)
			if len(response.Errors) > 0 || string(response.Data) != want {
				t.Errorf("%.200s\ngot %s %v\nwant %s", query, response.Data, response.Errors, want)
			}
		}
	})
}

// TestAmbiguousNames asks by names that fit several entities.
func TestAmbiguousNames(t *testing.T) {
	w := worldOf(t, `source: report
sources: [{id: report, title: A report}]
entities:
  - {id: phoenix-media, kind: company, name: Phoenix, at: 1}
  - {id: phoenix-steel, kind: company, name: PHOENIX, at: 2}
  - {id: fenghuang, kind: company, name: Fenghuang, names: [{text: Phoenix}], at: 3}
  - {id: joaquin, kind: person, name: Joaquin, names: [{text: Phoenix}], at: 4}
  - {id: arizona, kind: place, name: Phoenix, at: 5}
  - {id: griffin-inc, kind: company, name: Griffin Inc., at: 6}
  - {id: griffin-ltd, kind: company, name: Griffin Ltd., at: 7}
`)
	companies := []kg.Candidate{
		{ID: "phoenix-media", Name: "Phoenix", Kind: kg.KindCompany}, {ID: "phoenix-steel", Name: "PHOENIX", Kind: kg.KindCompany},
	}
	griffins := []kg.Candidate{
		{ID: "griffin-inc", Name: "Griffin Inc.", Kind: kg.KindCompany}, {ID: "griffin-ltd", Name: "Griffin Ltd.", Kind: kg.KindCompany},
	}
	place := kg.Candidate{ID: "arizona", Name: "Phoenix", Kind: kg.KindPlace}
	for query, want := range map[string][]kg.Candidate{
		`{ company(name: "phoenix") { id } }`:              companies,
		`{ entity(by: { name: "Phoenix" }) { id } }`:       append([]kg.Candidate{place}, companies...),
		`{ conflicts(about: { name: "Phoenix" }) { id } }`: append([]kg.Candidate{place}, companies...),
		`{ company(name: "Griffin") { id } }`:              griffins,
	} {
		ambiguous, ok := errors.AsType[*kg.AmbiguousError](w.failure(t, query, nil))
		if !ok || ambiguous.More {
			t.Errorf("%s: %v; want an ambiguous name with all its candidates", query, w.failure(t, query, nil))
		} else if diff := cmp.Diff(want, ambiguous.Candidates); diff != "" {
			t.Errorf("%s: candidates -want +got:\n%s", query, diff)
		}
	}
	for query, want := range map[string]string{
		// The kind asked for decides, and so does a name that is given in full.
		`{ person(name: "Phoenix") { id } }`:             `{"person":{"id":"joaquin"}}`,
		`{ company(name: "Griffin Ltd.") { id } }`:       `{"company":{"id":"griffin-ltd"}}`,
		`{ entity(by: { id: "phoenix-steel" }) { id } }`: `{"entity":{"id":"phoenix-steel"}}`,
	} {
		response := w.ask(t, query, nil)
		if len(response.Errors) > 0 || string(response.Data) != want {
			t.Errorf("%s\ngot %s %v\nwant %s", query, response.Data, response.Errors, want)
		}
	}
}
