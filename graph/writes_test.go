package graph_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
)

// eachWritten runs a test with a world of its own on every engine, for tests that write.
func eachWritten(t *testing.T, test func(t *testing.T, w *world)) {
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
			w.data(t, `mutation($in: WriteInput!) { write(input: $in) { write { revision } } }`, vars{"in": vars{
				"key":     "basics",
				"sources": []any{vars{"id": "doc", "title": "A report", "published": "2020"}},
				"metrics": []any{vars{"name": "revenue", "definition": "Income.", "unit": "money"}, vars{"name": "staff", "definition": "Who works there.", "unit": "people"}},
				"entities": []any{
					vars{"id": "acme", "kind": "COMPANY", "names": []any{vars{"text": "Acme Inc."}, vars{"text": "アクメ", "lang": "ja"}}, "citation": atLine1},
					vars{"id": "bolt", "kind": "COMPANY", "names": []any{vars{"text": "Bolt"}}, "citation": atLine1},
					vars{"id": "ann", "kind": "PERSON", "names": []any{vars{"text": "Ann Lee"}}, "citation": atLine1},
				},
			}})
			test(t, w)
		})
	}
}

var atLine1 = vars{"source": "doc", "locator": "line 1"}

const putRelation = `mutation($in: PutRelationInput!) { putRelation(input: $in) {
  relation { __typename id type start from { id } to { id } ... on Acquisition { stake { min max wording } price { amount currency } } citations { claim locator source { title } } }
  write { revision replayed recorded known claims { id summary recordedBy revision about { name } fact { __typename id } retraction { reason } } }
} }`

func TestMutationsAnswerWithWhatChanged(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		deal := vars{"key": "deal", "relation": vars{
			"type": "ACQUIRED", "from": "acme", "to": "bolt", "start": "2016-04", "citation": vars{"source": "doc", "locator": "line 5"},
			"stake": vars{"moreThan": 50, "wording": "a controlling stake"}, "money": vars{"amount": 1e9, "currency": "USD"},
		}}
		var put struct {
			PutRelation struct {
				Relation struct {
					ID        string
					Citations []struct{ Claim string }
				}
				Write struct{ Claims []struct{ ID string } }
			}
		}
		w.into(t, putRelation, vars{"in": deal}, &put)
		relation, claim := put.PutRelation.Relation.ID, put.PutRelation.Write.Claims[0].ID
		if put.PutRelation.Relation.Citations[0].Claim != claim {
			t.Errorf("the relation cites %v, the write recorded %s", put.PutRelation.Relation.Citations, claim)
		}
		want := vars{"putRelation": vars{
			"relation": vars{
				"__typename": "Acquisition", "id": relation, "type": "ACQUIRED", "start": "2016-04", "from": vars{"id": "acme"}, "to": vars{"id": "bolt"},
				"stake": vars{"min": 50.0, "max": 100.0, "wording": "a controlling stake"}, "price": vars{"amount": 1e9, "currency": "USD"},
				"citations": []any{vars{"claim": claim, "locator": "line 5", "source": vars{"title": "A report"}}},
			},
			"write": vars{"revision": 2.0, "replayed": true, "recorded": 0.0, "known": 0.0, "claims": []any{vars{
				"id": claim, "summary": "acme ACQUIRED bolt, on 2016-04, stake a controlling stake, 1000000000 USD", "recordedBy": "token:anna", "revision": 2.0,
				"about": []any{vars{"name": "Acme Inc."}, vars{"name": "Bolt"}}, "fact": vars{"__typename": "Acquisition", "id": relation}, "retraction": nil,
			}}},
		}}
		if diff := cmp.Diff(any(want), w.data(t, putRelation, vars{"in": deal}), plain); diff != "" {
			t.Errorf("sent again (-want +got):\n%s", diff)
		}

		figure := w.data(t, `mutation($in: PutObservationInput!) { putObservation(input: $in) { observation { value unit period subject { name } } } }`, vars{"in": vars{
			"key": "staff", "observation": vars{"subject": "bolt", "metric": "staff", "value": 12, "period": "2017", "citation": atLine1},
		}})
		if got := fmt.Sprint(figure); got != "map[putObservation:map[observation:map[period:2017 subject:map[name:Bolt] unit:people value:12]]]" {
			t.Errorf("a figure: %s", got)
		}

		gone := w.data(t, `mutation($in: RetractInput!) { retract(input: $in) { claims { id retraction { reason by revision } fact { id } } write { retracted revision } } }`, vars{"in": vars{
			"key": "gone", "retractions": []any{vars{"id": relation, "reason": "another Acme"}},
		}})
		wantGone := vars{"retract": vars{
			"claims": []any{vars{"id": claim, "retraction": vars{"reason": "another Acme", "by": "token:anna", "revision": 4.0}, "fact": nil}},
			"write":  vars{"retracted": 1.0, "revision": 4.0},
		}}
		if diff := cmp.Diff(any(wantGone), gone, plain); diff != "" {
			t.Errorf("taken back (-want +got):\n%s", diff)
		}
		history := w.data(t, `query($of: ID!) { revision node(id: $of) { __typename id } history(of: $of, first: 5) { totalCount nodes { revision action by reason claim { id summary } } } }`, vars{"of": relation})
		if got := fmt.Sprint(history); got != "map[history:map[nodes:[map[action:RETRACTED by:token:anna claim:map[id:"+claim+" summary:acme ACQUIRED bolt, on 2016-04, stake a controlling stake, 1000000000 USD] reason:another Acme revision:4]"+
			" map[action:RECORDED by:token:anna claim:map[id:"+claim+" summary:acme ACQUIRED bolt, on 2016-04, stake a controlling stake, 1000000000 USD] reason:<nil> revision:2]] totalCount:2]"+
			" node:map[__typename:Claim id:"+claim+"] revision:4]" {
			t.Errorf("history: %s", got)
		}
	})
}

// plain compares vars with what JSON gives.
var plain = cmp.Transformer("plain", func(v vars) map[string]any { return v })

// errorsOf returns the errors of an operation as "argument: kind".
func (w *world) errorsOf(t *testing.T, query string, variables vars) []string {
	t.Helper()
	response := w.ask(t, query, variables)
	var list []string
	for _, err := range response.Errors {
		list = append(list, errorLine(err))
	}
	slices.Sort(list)
	return list
}

func errorLine(err error) string {
	if e, ok := errors.AsType[*kg.InvalidError](err); ok {
		return e.Argument + ": " + e.Reason
	}
	if e, ok := errors.AsType[*kg.NotFoundError](err); ok {
		return "NOT FOUND " + e.Argument + ": " + e.Reason
	}
	return err.Error()
}

// Everything that is wrong with a write is told at once, each with its path,
// and nothing is written.
func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		long := strings.Repeat("x", 3000)
		in := vars{
			"key":     "wrong",
			"sources": []any{vars{"id": "a b", "title": "x"}, vars{"id": "s2", "title": "", "published": "2020-13"}, vars{"id": "s3", "title": "x", "note": long}},
			"metrics": []any{vars{"name": "Not Snake", "definition": "x", "unit": "count"}},
			"entities": []any{
				vars{"id": "new", "kind": "COMPANY", "citation": atLine1},
				vars{"id": "acme", "kind": "PERSON", "citation": atLine1},
				vars{"id": "ann", "kind": "PERSON", "names": []any{vars{"text": "…"}}, "identifiers": []any{vars{"scheme": "", "value": "1"}}, "fiscalYearEnd": "2020", "citation": vars{"source": "nowhere"}},
			},
			"relations": []any{
				vars{"type": "ACQUIRED", "from": "acme", "to": "nobody", "citation": atLine1},
				vars{"type": "OWNS", "from": "acme", "to": "bolt", "start": "2020-02-30", "citation": atLine1},
				vars{"type": "OWNS", "from": "acme", "to": "bolt", "start": "2020", "end": "2019", "citation": atLine1},
				vars{"type": "OWNS", "from": "acme", "to": "bolt", "stake": vars{"exact": 140}, "citation": atLine1},
				vars{"type": "OWNS", "from": "acme", "to": "bolt", "stake": vars{"exact": 40, "atLeast": 10}, "citation": atLine1},
				vars{"type": "ACQUIRED", "from": "acme", "to": "bolt", "money": vars{"amount": 1, "currency": "XXQ"}, "citation": atLine1},
				vars{"type": "ACQUIRED", "from": "acme", "to": "bolt", "text": long, "citation": atLine1},
				vars{"type": "HOLDS_ROLE", "from": "acme", "to": "bolt", "citation": atLine1},
				vars{"type": "OWNS", "from": "acme", "to": "bolt", "attributes": []any{vars{"key": "a", "value": "1"}, vars{"key": "a", "value": "2"}}, "citation": atLine1},
				vars{"type": "MERGED_INTO", "from": "acme", "to": "acme", "citation": atLine1},
			},
			"observations": []any{
				vars{"subject": "acme", "metric": "profit", "value": 1, "citation": atLine1},
				vars{"subject": "acme", "metric": "revenue", "value": 1, "unit": "people", "citation": atLine1},
				vars{"subject": "acme", "metric": "staff", "citation": atLine1},
				vars{"subject": "acme", "metric": "staff", "value": 1, "period": "soon", "citation": vars{"source": "doc", "locator": long}},
			},
			"retractions": []any{vars{"id": "c-0000000000000000", "reason": "x"}, vars{"id": "acme", "reason": " "}},
		}
		got := w.errorsOf(t, `mutation($in: WriteInput!) { write(input: $in) { write { revision } } }`, vars{"in": in})
		want := []string{
			"input.sources[0].id", "input.sources[1].published", "input.sources[1].title", "input.sources[2].note",
			"input.metrics[0].name",
			"input.entities[0].names", "input.entities[1].kind", "input.entities[2].names[0].text", "input.entities[2].identifiers[0]", "input.entities[2].fiscalYearEnd",
			"input.entities[2].citation.source",
			"input.relations[0].to", "input.relations[1].start", "input.relations[2].end", "input.relations[3].stake", "input.relations[4].stake",
			"input.relations[5].money.currency", "input.relations[6].text", "input.relations[7].from", "input.relations[8].attributes", "input.relations[9].to",
			"input.observations[0].metric", "input.observations[1].unit", "input.observations[2]", "input.observations[3].citation.locator", "input.observations[3].period",
			"NOT FOUND input.retractions[0].id", "input.retractions[1].reason",
		}
		for _, path := range want {
			if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, path+": ") }) {
				t.Errorf("nothing is said of %s", path)
			}
		}
		for _, line := range got {
			if !slices.ContainsFunc(want, func(path string) bool { return strings.HasPrefix(line, path+": ") }) {
				t.Errorf("unexpected: %s", line)
			}
		}
		revision := w.data(t, `{ revision }`, nil)
		if fmt.Sprint(revision) != "map[revision:1]" {
			t.Errorf("after the refused write: %v", revision)
		}
	})
}

func TestRefusedWrites(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		many := make([]any, 1001)
		for i := range many {
			many[i] = vars{"id": "acme", "reason": "x"}
		}
		for name, c := range map[string]struct {
			query string
			in    vars
			want  string
		}{
			"no key":           {`mutation($in: RetractInput!) { retract(input: $in) { write { revision } } }`, vars{"key": "", "retractions": many[:1]}, "input.key: "},
			"a key used":       {`mutation($in: RetractInput!) { retract(input: $in) { write { revision } } }`, vars{"key": "basics", "retractions": many[:1]}, "input.key: "},
			"nothing":          {`mutation($in: WriteInput!) { write(input: $in) { write { revision } } }`, vars{"key": "k"}, "input: there is nothing to write"},
			"too much":         {`mutation($in: RetractInput!) { retract(input: $in) { write { revision } } }`, vars{"key": "k", "retractions": many}, "input: a write has at most 1000 items"},
			"a negative state": {`mutation($in: RetractInput!) { retract(input: $in) { write { revision } } }`, vars{"key": "k", "ifUnchangedSince": -1, "retractions": []any{vars{"id": "ann", "reason": "x"}}}, "input.ifUnchangedSince: "},
			"a state to come":  {`mutation($in: RetractInput!) { retract(input: $in) { write { revision } } }`, vars{"key": "k", "ifUnchangedSince": 99, "retractions": []any{vars{"id": "ann", "reason": "x"}}}, "input.ifUnchangedSince: "},
		} {
			t.Run(name, func(t *testing.T) {
				got := w.errorsOf(t, c.query, vars{"in": c.in})
				if len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		}
	})
}

// Several mutations of one document are done one after the other, each by
// itself: what the first did stays where the second is refused.
func TestMutationsAreDoneInOrder(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		response := w.ask(t, `mutation {
			one: putSource(input: {key: "1", source: {id: "s", title: "One"}}) { source { title } write { revision } }
			two: putSource(input: {key: "2", source: {id: "s", title: "Two"}}) { source { title } write { revision } }
			none: retract(input: {key: "3", retractions: [{id: "nothing", reason: "x"}]}) { write { revision } }
		}`, nil)
		if len(response.Errors) != 1 {
			t.Fatal(response.Errors)
		}
		after := w.data(t, `{ revision history(of: "s") { nodes { source { title } revision } } }`, nil)
		if got := fmt.Sprint(after); got != "map[history:map[nodes:[map[revision:3 source:map[title:Two]] map[revision:2 source:map[title:One]]]] revision:3]" {
			t.Errorf("after: %s", got)
		}
		if string(response.Data) != "null" {
			t.Errorf("the answer holds data beside the error: %s", response.Data)
		}
	})
}
