package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
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
