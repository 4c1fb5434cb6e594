package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBadWalks asks for walks that cannot be meant.
func TestBadWalks(t *testing.T) {
	const (
		a = `{ name: "Alibaba" }`
		b = `{ name: "Lazada" }`
	)
	steps := strings.TrimSuffix(strings.Repeat("{ types: [OWNS] }, ", 11), ", ")
	cases := []struct{ name, query, argument string }{
		{"no depth", `{ neighborhood(of: ` + a + `, depth: 0) { truncated } }`, "depth"},
		{"a depth of a thousand", `{ neighborhood(of: ` + a + `, depth: 1000) { truncated } }`, "depth"},
		{"room for nobody", `{ neighborhood(of: ` + a + `, limit: 0) { truncated } }`, "limit"},
		{"room for everybody", `{ neighborhood(of: ` + a + `, limit: 100000) { truncated } }`, "limit"},
		{"a path to where it starts", `{ paths(from: ` + a + `, to: { id: "alibaba-group" }) { length } }`, "to"},
		{"paths of no length", `{ paths(from: ` + a + `, to: ` + b + `, maxLength: 0) { length } }`, "maxLength"},
		{"paths of a thousand", `{ paths(from: ` + a + `, to: ` + b + `, maxLength: 1000) { length } }`, "maxLength"},
		{"no paths", `{ paths(from: ` + a + `, to: ` + b + `, first: 0) { length } }`, "first"},
		{"a walk without steps", `{ traverse(from: [` + a + `], steps: []) { totalCount } }`, "steps"},
		{"a walk of eleven steps", `{ traverse(from: [` + a + `], steps: [` + steps + `]) { totalCount } }`, "steps"},
		{"a walk from nowhere", `{ traverse(from: [], steps: [{ types: [OWNS] }]) { totalCount } }`, "from"},
		{"a step with a share of more than all", `{ traverse(from: [` + a + `], steps: [{ minStake: 101 }]) { totalCount } }`, "steps[0].minStake"},
		{"a walk paged by another list's cursor", `{ traverse(from: [` + a + `], steps: [{ types: [OWNS] }], after: "AQE") { totalCount } }`, "after"},
		{"a threshold beyond all", `{ ownership(owner: ` + a + `, owned: ` + b + `, threshold: 101) { controls } }`, "threshold"},
		{"a threshold below none", `{ ownership(owner: ` + a + `, owned: ` + b + `, threshold: -1) { controls } }`, "threshold"},
		{"counting by nothing", `{ countRelations(by: []) { count } }`, "by"},
		{"counting by the same twice", `{ countRelations(by: [YEAR, YEAR]) { count } }`, "by"},
		{"counting no groups", `{ countRelations(by: [YEAR], first: 0) { count } }`, "first"},
		{"deals in no currency", `{ largestDeals(currency: "dollars") { id } }`, "currency"},
		{"a series of nothing", `{ company(name: "Alibaba") { series(metric: "happiness") { unit } } }`, "metric"},
		{"a page of a timeline before the first", `{ timeline(of: ` + a + `, first: -1) { totalCount } }`, "first"},
		{"ranks of nobody", `{ rank(by: PAGERANK, first: 0) { score } }`, "first"},
		{"components with less than nobody", `{ components(nodes: -1) { size } }`, "nodes"},
		{"no instant", `query @at(knownAt: "yesterday") { sources { id } }`, "knownAt"},
		{"holdings as of no day", `{ company(name: "Alibaba") { subsidiaries(transitive: true, asOf: "[2014..]") { totalCount } } }`, "asOf"},
		{"a parent as of no day", `{ company(name: "Alibaba") { ultimateParent(asOf: "--11-11") { id } } }`, "asOf"},
	}
	onEveryEngine(t, func(t *testing.T, w *world) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { w.refuses(t, c.query, nil, c.argument) })
		}
	})
}

// TestWalksThatLeadNowhere ask in good faith and are answered honestly.
func TestWalksThatLeadNowhere(t *testing.T) {
	const nobody = `{ name: "No Such Company" }`
	onEveryEngine(t, func(t *testing.T, w *world) {
		for query, want := range map[string]string{
			`{ paths(from: ` + nobody + `, to: { name: "Alibaba" }) { length } }`:                                     `{"paths":[]}`,
			`{ traverse(from: [` + nobody + `], steps: [{ types: [OWNS] }]) { totalCount } }`:                         `{"traverse":{"totalCount":0}}`,
			`{ neighborhood(of: ` + nobody + `) { nodes { id } relations { id } truncated } }`:                        `{"neighborhood":{"nodes":[],"relations":[],"truncated":false}}`,
			`{ timeline(of: ` + nobody + `) { totalCount } }`:                                                         `{"timeline":{"totalCount":0}}`,
			`{ countRelations(of: ` + nobody + `, by: [YEAR]) { count } }`:                                            `{"countRelations":[]}`,
			`{ largestDeals(currency: "USD", of: ` + nobody + `) { id } }`:                                            `{"largestDeals":[]}`,
			`query @at(asOf: "2090") { company(name: "Lazada") { owners { totalCount } } }`:                           `{"company":{"owners":{"totalCount":1}}}`,
			`query @at(knownAt: "1990-01-01T00:00:00Z") { company(name: "Lazada") { id } entities { nodes { id } } }`: `{"company":null,"entities":{"nodes":[]}}`,
		} {
			var got, wanted any
			response := w.ask(t, query, nil)
			if len(response.Errors) > 0 {
				t.Errorf("%s: %v", query, response.Errors)
				continue
			}
			if err := json.Unmarshal(response.Data, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(want), &wanted); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
	})
}

// TestFiguresAddUpOnlyWhatBelongsTogether looks at the aggregates of the seeds.
func TestFiguresAddUpOnlyWhatBelongsTogether(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			query, path string
			want        []string
		}{
			"money by type, in its own currency": {
				`{ countRelations(types: [INVESTED_IN, PARTNERS_WITH], by: [TYPE]) { type count sums { amount currency count } } }`,
				"countRelations.sums.currency",
				[]string{"USD", "USD"},
			},
			"the largest investments": {
				`{ largestDeals(currency: "USD", types: [INVESTED_IN]) { to { id } } }`,
				"largestDeals.to.id",
				[]string{"lazada", "paytm-e-commerce"},
			},
			"nothing in another currency": {
				`{ largestDeals(currency: "EUR", types: [INVESTED_IN]) { to { id } } }`,
				"largestDeals.to.id", nil,
			},
			"who acquired most": {
				`{ countRelations(types: [ACQUIRED], by: [FROM], first: 1) { from { id } count } }`,
				"countRelations.from.id",
				[]string{"alibaba-group"},
			},
			"the most connected": {
				`{ countRelations(by: [ENTITY], first: 1) { entity { id } } }`,
				"countRelations.entity.id",
				[]string{"alibaba-group"},
			},
			"a series for every currency": {
				`{ entity(by: { id: "aidc" }) { series(metric: "revenue") { unit } } }`,
				"entity.series.unit",
				[]string{"CNY", "USD"},
			},
			"a headline and what it is not": {
				`{ entity(by: { id: "aidc" }) { series(metric: "revenue", unit: "CNY", during: "2024-04-01/2025-03-31") { points { headline { value } alternatives { value } } } } }`,
				"entity.series.points.alternatives.value",
				[]string{"132300000000"},
			},
			"ranks": {
				`{ rank(by: PAGERANK, types: [OWNS, ACQUIRED], first: 3) { score } }`,
				"rank.score", nil,
			},
		} {
			t.Run(name, func(t *testing.T) {
				response := w.ask(t, c.query, nil)
				if len(response.Errors) > 0 {
					t.Fatal(response.Errors)
				}
				var data any
				if err := json.Unmarshal(response.Data, &data); err != nil {
					t.Fatal(err)
				}
				if name == "ranks" {
					if n := len(pick(data, c.path)); n != 3 {
						t.Errorf("%d ranks, want 3: %s", n, response.Data)
					}
					return
				}
				var got []string
				for _, x := range pick(data, c.path) {
					if f, ok := x.(float64); ok {
						got = append(got, fmt.Sprintf("%.0f", f))
					} else {
						got = append(got, fmt.Sprint(x))
					}
				}
				if name == "a headline and what it is not" {
					if len(got) != 1 || got[0] != "132300000000" && got[0] != "133700000000" {
						t.Errorf("alternatives %v: %s", got, response.Data)
					}
					return
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s\n%s", diff, response.Data)
				}
			})
		}
	})
}

// TestCertaintyIsShown asks for what is possible and looks at what is certain.
func TestCertaintyIsShown(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		response := w.ask(t, `{ company(name: "Alibaba") { acquisitions(during: "2014", certainty: POSSIBLE) { edges { certainty node { id } } } } }`, nil)
		if len(response.Errors) > 0 {
			t.Fatal(response.Errors)
		}
		want := `{"company":{"acquisitions":{"edges":[` +
			`{"certainty":"CERTAIN","node":{"id":"alibaba-pictures"}},{"certainty":"CERTAIN","node":{"id":"amap"}},` +
			`{"certainty":"POSSIBLE","node":{"id":"ucweb"}}]}}}`
		var got, wanted any
		if err := json.Unmarshal(response.Data, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
