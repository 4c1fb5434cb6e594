package graph_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is absent, and control without a share, are written and read like
// everything else; a summary that a source declares is shown and not followed.
func TestAbsencesAndControl(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		w.data(t, `mutation($in: WriteInput!) { write(input: $in) { write { revision } } }`, vars{"in": vars{
			"key": "control",
			"relations": []any{
				vars{"type": "CONTROLS", "from": "acme", "to": "bolt", "start": "2015", "text": "accounting consolidation, direct", "citation": atLine1},
				vars{"type": "OWNS", "from": "ann", "to": "bolt", "stake": vars{"exact": 80}, "attributes": []any{vars{"key": "declared", "value": "indirect"}}, "citation": atLine1},
			},
			"absences": []any{
				vars{"entity": "acme", "relation": "CONTROLS", "direction": "IN", "kind": "NONE", "reason": "NATURAL_PERSONS", "start": "2015", "citation": atLine1},
				vars{"entity": "acme", "relation": "OWNS", "direction": "IN", "kind": "UNKNOWN", "text": "a trust", "end": "2014", "citation": atLine1},
			},
		}})
		query := `query($asOf: PartialDate) {
  acme: company(name: "Acme") {
    absences(asOf: $asOf) { relation direction kind reason text start end citations { locator source { id } } }
    parentage { parent { id } reason }
  }
  bolt: company(name: "Bolt") {
    relations { nodes { type indirect from { id } ... on Link { label } } }
    owners { nodes { id } }
    ultimateParent { id }
  }
  ownership(owner: {id: "acme"}, owned: {id: "bolt"}) { controls effective { exact } }
  paths(from: {id: "ann"}, to: {id: "bolt"}) { length }
}`
		cites := []any{vars{"locator": "line 1", "source": vars{"id": "doc"}}}
		parent := vars{"relation": "CONTROLS", "direction": "IN", "kind": "NONE", "reason": "NATURAL_PERSONS", "text": nil, "start": "2015", "end": nil, "citations": cites}
		trust := vars{"relation": "OWNS", "direction": "IN", "kind": "UNKNOWN", "reason": nil, "text": "a trust", "start": nil, "end": "2014", "citations": cites}
		for asOf, absences := range map[any][]any{nil: {trust, parent}, "2013": {trust}, "2016": {parent}} {
			want := vars{
				"acme": vars{"absences": absences, "parentage": vars{"parent": nil, "reason": "no owner is recorded, and sources say why: NATURAL_PERSONS"}},
				"bolt": vars{
					"relations": vars{"nodes": []any{
						vars{"type": "CONTROLS", "indirect": false, "from": vars{"id": "acme"}, "label": "accounting consolidation, direct"},
						vars{"type": "OWNS", "indirect": true, "from": vars{"id": "ann"}},
					}},
					"owners":         vars{"nodes": []any{}},
					"ultimateParent": vars{"id": "acme"},
				},
				"ownership": vars{"controls": true, "effective": vars{"exact": 0.0}},
				"paths":     []any{},
			}
			if diff := cmp.Diff(any(want), w.data(t, query, vars{"asOf": asOf}), plain); diff != "" {
				t.Errorf("as of %v (-want +got):\n%s", asOf, diff)
			}
		}
		got := w.errorsOf(t, `mutation($in: WriteInput!) { write(input: $in) { write { revision } } }`, vars{"in": vars{"key": "bad", "absences": []any{
			vars{"entity": "acme", "relation": "OWNS", "direction": "BOTH", "kind": "NONE", "citation": atLine1},
			vars{"entity": "ghost", "relation": "OWNS", "direction": "IN", "kind": "NONE", "start": "2020-13", "citation": atLine1},
		}}})
		for i, want := range []string{
			"input.absences[0].direction: an absence at acme needs the end at which it stands, OUT or IN",
			`input.absences[1].entity: there is no entity "ghost"`,
			"input.absences[1].start: ",
		} {
			if len(got) != 3 || !strings.HasPrefix(got[i], want) {
				t.Errorf("refused with %q; want %q", got, want)
			}
		}
	})
}
