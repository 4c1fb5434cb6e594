package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/bods"
	"keiretsu/internal/ingest/gleif"
	"keiretsu/internal/ingest/ingesttest"
)

// imported returns worlds of files that were imported, one on every engine.
func imported(t *testing.T, format ingest.Format, paths []string, test func(t *testing.T, w *world)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			store, err := e.open(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			w := newWorld(e.name, store, nil)
			ingesttest.Import(t, w.graph, format, ingesttest.Files(t, paths...)...)
			test(t, w)
		})
	}
}

// TestGLEIF asks for the head of a group of three, and why a company has none.
func TestGLEIF(t *testing.T) {
	paths := []string{
		"../internal/ingest/gleif/testdata/rr-chain.xml",
		"../internal/ingest/gleif/testdata/20230609-0800-gleif-goldencopy-repex-golden-copy.csv",
	}
	imported(t, gleif.Format, paths, func(t *testing.T, w *world) {
		query := `query($lei: String!) { entity(by: {identifier: {scheme: "LEI", value: $lei}}) { ... on Company {
  ultimateParent { id } parentage { chain { id } reason }
  relations(types: [CONTROLS], direction: IN) { nodes { indirect from { id } start ... on Link { label } } }
  absences { kind reason text citations { locator source { title published } } }
} } }`
		if diff := cmp.Diff(any(vars{"entity": vars{
			"ultimateParent": vars{"id": "lei:984500501A1B1045PB30"},
			"parentage":      vars{"reason": "", "chain": []any{vars{"id": "lei:98450051BS9C610A8T78"}, vars{"id": "lei:2138002YAB7Z9KO21397"}, vars{"id": "lei:984500501A1B1045PB30"}}},
			"relations": vars{"nodes": []any{
				vars{"indirect": false, "from": vars{"id": "lei:2138002YAB7Z9KO21397"}, "start": "2018-06-30", "label": "accounting consolidation, direct"},
				vars{"indirect": true, "from": vars{"id": "lei:984500501A1B1045PB30"}, "start": "2018-06-30", "label": "accounting consolidation, ultimate"},
			}},
			"absences": []any{},
		}}), sorted(w.data(t, query, vars{"lei": "98450051bs9c610a8t78"})), plain); diff != "" {
			t.Errorf("a chain of three (-want +got):\n%s", diff)
		}
		absence := func(basis, category string) vars {
			return vars{"kind": "NONE", "reason": "NATURAL_PERSONS", "text": "accounting consolidation, " + basis, "citations": []any{vars{
				"locator": "020BQJXAXCZNLKIN7326 " + category + "_ACCOUNTING_CONSOLIDATION_PARENT",
				"source":  vars{"title": "GLEIF: reporting exceptions, 2023-06-09", "published": "2023-06-09"},
			}}}
		}
		if diff := cmp.Diff(any(vars{"entity": vars{
			"ultimateParent": nil,
			"parentage":      vars{"reason": "no owner is recorded, and sources say why: NATURAL_PERSONS", "chain": []any{}},
			"relations":      vars{"nodes": []any{}},
			"absences":       []any{absence("direct", "DIRECT"), absence("ultimate", "ULTIMATE")},
		}}), w.data(t, query, vars{"lei": "020BQJXAXCZNLKIN7326"}), plain); diff != "" {
			t.Errorf("a company without a parent (-want +got):\n%s", diff)
		}
	})
}

// sorted puts relations of one start in order of whether they are summaries:
// their ids follow from hashes.
func sorted(data any) any {
	nodes := pick(data, "entity.relations")[0].(vars)["nodes"].([]any)
	if len(nodes) == 2 && nodes[0].(vars)["indirect"] == true {
		nodes[0], nodes[1] = nodes[1], nodes[0]
	}
	return data
}

// TestBODS asks for owners on one day by what was known on two.
func TestBODS(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			store, err := e.open(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			})
			w := newWorld(e.name, store, nil)
			ingesttest.History(t, w.graph, bods.Format, ingesttest.Files(t, "../internal/ingest/bods/testdata/ferry.json")...)
			ingesttest.Import(t, w.graph, bods.Format, ingesttest.Files(t, "../internal/ingest/bods/testdata/grid.json")...)
			owners := func(asOf, known string) string {
				data := w.data(t, `query($asOf: PartialDate!, $known: DateTime!) @at(asOf: $asOf, knownAt: $known) {
  entity(by: {id: "bods:ferry"}) { ... on Company { owners { edges { node { name } relation { stake { exact } } } } } } }`, vars{"asOf": asOf, "known": known})
				var list []string
				for _, edge := range pick(data, "entity.owners.edges") {
					list = append(list, fmt.Sprintf("%v %v", pick(edge, "node.name")[0], pick(edge, "relation.stake.exact")[0]))
				}
				slices.Sort(list)
				return strings.Join(list, ", ")
			}
			for _, c := range []struct{ asOf, known, want string }{
				{"2021-06-01", "2021-06-01T00:00:00Z", "Ada Quill 50, Ben Marsh 50"},
				{"2021-06-01", "2021-12-31T00:00:00Z", "Ben Marsh 50, Cleo Quill 50"},
				{"2022-02-01", "2025-01-01T00:00:00Z", "Ben Marsh 100"},
			} {
				if got := owners(c.asOf, c.known); got != c.want {
					t.Errorf("as of %s, known at %s: got %s, want %s", c.asOf, c.known, got, c.want)
				}
			}
			data := w.data(t, `{ ownership(owner: {id: "bods:ministry"}, owned: {id: "bods:grid"}) { effective { exact } }
  entity(by: {id: "bods:grid"}) { relations(types: [OWNS], direction: IN) { nodes { indirect from { name } } } } }`, nil)
			if got := pick(data, "ownership.effective.exact")[0]; got != 100.0 {
				t.Errorf("the ministry has %v", got)
			}
			var indirect []string
			for _, r := range pick(data, "entity.relations.nodes") {
				if pick(r, "indirect")[0] == true {
					indirect = append(indirect, fmt.Sprint(pick(r, "from.name")[0]))
				}
			}
			if diff := cmp.Diff([]string{"Republic of Moor"}, indirect); diff != "" {
				t.Errorf("declared of chains (-want +got):\n%s", diff)
			}
		})
	}
}
