package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	mergeEntities = `mutation($in: MergeEntitiesInput!) { mergeEntities(input: $in) {
  entity { id name mergedIds names { text } } claim { summary note citation { source { id title } } } write { revision replayed recorded }
} }`
	splitEntity = `mutation($in: SplitEntityInput!) { splitEntity(input: $in) { entity { id mergedIds } claims { summary retraction { reason by } } write { revision retracted replayed } } }`
	neverMerge  = `mutation($in: NeverMergeInput!) { neverMerge(input: $in) { claim { summary } write { revision } } }`
)

// Two entities are merged, found under either id, told apart again and kept apart.
func TestEntitiesAreMergedAndSplit(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		merge := vars{"key": "merge", "from": "bolt", "into": "acme", "reason": "one register number"}
		for _, replayed := range []bool{false, true} {
			want := vars{"mergeEntities": vars{
				"entity": vars{"id": "acme", "name": "Acme Inc.", "mergedIds": []any{"bolt"}, "names": []any{vars{"text": "Acme Inc."}, vars{"text": "Bolt"}, vars{"text": "アクメ"}}},
				"claim":  vars{"summary": "bolt is the same as acme", "note": "one register number", "citation": vars{"source": vars{"id": "judgements", "title": "Judgements"}}},
				"write":  vars{"revision": 2.0, "replayed": replayed, "recorded": map[bool]float64{false: 1}[replayed]},
			}}
			if diff := cmp.Diff(any(want), w.data(t, mergeEntities, vars{"in": merge}), plain); diff != "" {
				t.Fatalf("merged, replayed %t (-want +got):\n%s", replayed, diff)
			}
		}
		const who = `query($id: ID!) { node(id: $id) { id ... on Entity { judgements { same entity other reason claim { recordedBy retraction { reason } } } } } }`
		if got := fmt.Sprint(w.data(t, who, vars{"id": "bolt"})); got != "map[node:map[id:acme judgements:[map[claim:map[recordedBy:token:anna retraction:<nil>] entity:bolt other:acme reason:one register number same:true]]]]" {
			t.Errorf("who bolt is: %s", got)
		}

		split := vars{"key": "split", "entity": "bolt", "reason": "another number"}
		for _, replayed := range []bool{false, true} {
			got := fmt.Sprint(w.data(t, splitEntity, vars{"in": split}))
			for _, words := range []string{"entity:map[id:bolt mergedIds:[]]", "retraction:map[by:token:anna reason:another number]", "revision:3", fmt.Sprint("replayed:", replayed)} {
				if !strings.Contains(got, words) {
					t.Errorf("split: nothing says %q in %s", words, got)
				}
			}
		}
		never := vars{"key": "never", "a": "acme", "b": "bolt", "reason": "two registers"}
		if got := fmt.Sprint(w.data(t, neverMerge, vars{"in": never})); !strings.Contains(got, "acme and bolt are not the same") {
			t.Errorf("kept apart: %s", got)
		}
		history := fmt.Sprint(w.data(t, `{ history(of: "bolt", first: 3) { nodes { action by reason claim { summary } } } }`, nil))
		for _, words := range []string{"acme and bolt are not the same", "reason:another number", "RECORDED by:token:anna claim:map[summary:bolt is the same as acme]"} {
			if !strings.Contains(history, words) {
				t.Errorf("nothing says %q in %s", words, history)
			}
		}
	})
}

// What cannot be judged is refused, with the argument concerned and a code that
// tells what contradicts from what cannot be right.
func TestJudgementsAreRefused(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		w.data(t, neverMerge, vars{"in": vars{"key": "never", "a": "acme", "b": "bolt", "reason": "two registers"}})
		for name, test := range map[string]struct {
			document string
			in       vars
			says     []string
		}{
			"kept apart":   {mergeEntities, vars{"key": "1", "from": "bolt", "into": "acme", "reason": "alike"}, []string{"input.into", "acme and bolt have been judged not to be the same"}},
			"other kinds":  {mergeEntities, vars{"key": "2", "from": "ann", "into": "acme", "reason": "alike"}, []string{"input.into", "only entities of one kind"}},
			"nobody":       {mergeEntities, vars{"key": "3", "from": "nobody", "into": "acme", "reason": "alike"}, []string{"input.from", `there is no entity "nobody"`}},
			"no reason":    {mergeEntities, vars{"key": "4", "from": "bolt", "into": "acme", "reason": " "}, []string{"input.reason", "needs a reason"}},
			"not merged":   {splitEntity, vars{"key": "5", "entity": "bolt", "reason": "two"}, []string{"input.entity", "bolt is not the same as another entity"}},
			"split nobody": {splitEntity, vars{"key": "6", "entity": "nobody", "reason": "two"}, []string{"input.entity", `there is no entity "nobody"`}},
			"oneself":      {neverMerge, vars{"key": "7", "a": "bolt", "b": "bolt", "reason": "two"}, []string{"input.b", "cannot be judged against itself"}},
		} {
			errs := w.errorsOf(t, test.document, vars{"in": test.in})
			text := fmt.Sprint(errs)
			for _, words := range test.says {
				if !strings.Contains(text, words) {
					t.Errorf("%s: nothing says %q in %s", name, words, text)
				}
			}
		}
	})
}

// Pairs that look alike are shown with what speaks for them, until they are judged.
func TestCandidatesAreShown(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		w.data(t, `mutation($in: PutEntityInput!) { putEntity(input: $in) { write { revision } } }`, vars{"in": vars{
			"key": "twin", "entity": vars{"id": "bolt-2", "kind": "COMPANY", "names": []any{vars{"text": "BOLT Ltd"}}, "citation": atLine1},
		}})
		const of = `{ entity(by: {id: "bolt"}) { candidates { node { id } score reasons { feature value weight } } }
			mergeCandidates { pairs { of { id } node { id } score } next } }`
		if got := fmt.Sprint(w.data(t, of, nil)); got != "map[entity:map[candidates:[map[node:map[id:bolt-2] reasons:[map[feature:name value:Bolt / BOLT Ltd weight:0.5]] score:0.5]]]"+
			" mergeCandidates:map[next:<nil> pairs:[map[node:map[id:bolt-2] of:map[id:bolt] score:0.5]]]]" {
			t.Errorf("candidates: %s", got)
		}
		w.data(t, neverMerge, vars{"in": vars{"key": "never", "a": "bolt", "b": "bolt-2", "reason": "two registers"}})
		if got := fmt.Sprint(w.data(t, of, nil)); got != "map[entity:map[candidates:[]] mergeCandidates:map[next:<nil> pairs:[]]]" {
			t.Errorf("judged: %s", got)
		}
	})
}
