package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"

	"keiretsu/graph/model"
	"keiretsu/internal/kg"
)

// listener is a subscription as a transport runs it.
type listener struct {
	w      *world
	op     *graphql.OperationContext
	stream model.Stream
	woken  chan struct{}
}

// subscribe opens a subscription, or says why it cannot be.
func (w *world) subscribe(t *testing.T, query string, variables vars, resume *kg.Revision) (*listener, error) {
	t.Helper()
	l := &listener{w: w, woken: make(chan struct{}, 1)}
	s := &model.Subscribing{Resume: resume, Wake: func() {
		select {
		case l.woken <- struct{}{}:
		default:
		}
	}}
	ctx := graphql.StartOperationTrace(model.WithSubscribing(t.Context(), s))
	op, refused := w.exec.CreateOperationContext(ctx, &graphql.RawParams{Query: query, Variables: overTheWire(t, variables)})
	if refused != nil {
		return nil, refused
	}
	respond, ctx := w.exec.DispatchOperation(ctx, op)
	if response := respond(ctx); response != nil {
		return nil, errors.Unwrap(response.Errors[0])
	}
	l.op, l.stream = op, s.Stream
	t.Cleanup(s.Stream.Close)
	return l, nil
}

// next returns the next event as it is told, with where to resume after it.
func (l *listener) next(t *testing.T) (data any, resume kg.Revision) {
	t.Helper()
	var event *model.StreamEvent
	for event == nil {
		var err error
		if event, err = l.stream.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if event == nil {
			<-l.woken
		}
	}
	ctx, done, err := model.WithViews(t.Context(), l.w.graph.View)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	}()
	respond, ctx := l.w.exec.DispatchOperation(model.WithEvent(ctx, event), l.op)
	response := respond(ctx)
	if len(response.Errors) > 0 {
		t.Fatal(response.Errors)
	}
	if err := json.Unmarshal(response.Data, &data); err != nil {
		t.Fatal(err)
	}
	if again := respond(ctx); again != nil {
		t.Errorf("one event is told twice: %s", again.Data)
	}
	return data, event.Revision
}

// begin returns the revision.
func begin(r kg.Revision) *kg.Revision { return &r }

const follow = `subscription($since: Int, $of: [ID!], $kinds: [RecordKind!]) {
  changes(since: $since, of: $of, kinds: $kinds) { revision by complete touched { kind id deleted about node { __typename ... on Company { name } } } }
}`

// TestUpdatesTellWhatHappened reads one update of every sort.
func TestUpdatesTellWhatHappened(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		l, err := w.subscribe(t, follow, vars{"kinds": []string{"ENTITY", "RELATION", "SOURCE", "METRIC", "REDIRECT"}, "since": 0}, nil)
		if err != nil {
			t.Fatal(err)
		}
		expect := func(revision kg.Revision, by any, touched ...any) {
			t.Helper()
			data, resume := l.next(t)
			want := vars{"changes": vars{"revision": float64(revision), "by": by, "complete": true, "touched": touched}}
			if diff := cmp.Diff(any(want), data, plain); diff != "" {
				t.Errorf("revision %d (-want +got):\n%s", revision, diff)
			}
			if resume != revision {
				t.Errorf("resumes after %d, want %d", resume, revision)
			}
		}
		thing := func(kind, id string, node any, about ...any) vars {
			if about == nil {
				about = []any{}
			}
			return vars{"kind": kind, "id": id, "deleted": false, "about": about, "node": node}
		}
		acme, bolt := vars{"__typename": "Company", "name": "Acme Inc."}, vars{"__typename": "Company", "name": "Bolt"}
		expect(1, "token:anna",
			thing("ENTITY", "acme", acme, "acme"), thing("ENTITY", "ann", vars{"__typename": "Person"}, "ann"), thing("ENTITY", "bolt", bolt, "bolt"),
			thing("SOURCE", "doc", vars{"__typename": "Source"}), thing("METRIC", "metric:revenue", nil), thing("METRIC", "metric:staff", nil))

		var put struct {
			PutRelation struct{ Relation struct{ ID string } }
		}
		w.into(t, putRelation, vars{"in": vars{"key": "deal", "relation": vars{
			"type": "PARTNERS_WITH", "from": "acme", "to": "bolt", "start": "2016-04", "citation": atLine1,
		}}}, &put)
		relation := put.PutRelation.Relation.ID
		expect(2, "token:anna", thing("RELATION", relation, vars{"__typename": "Partnership"}, "acme", "bolt"))

		w.data(t, `mutation($in: RetractInput!) { retract(input: $in) { write { revision } } }`, vars{"in": vars{
			"key": "gone", "retractions": []any{vars{"id": relation, "reason": "another Acme"}},
		}})
		expect(3, "token:anna", thing("REDIRECT", relation, vars{"__typename": "Claim"}, "acme", "bolt"))
	})
}

// TestSubscribersFollowWhatTheyAskFor holds the arguments against what is told.
func TestSubscribersFollowWhatTheyAskFor(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		w.data(t, putRelation, vars{"in": vars{"key": "deal", "relation": vars{"type": "PARTNERS_WITH", "from": "acme", "to": "bolt", "citation": atLine1}}})
		// The same under another key: nothing but the receipt is new.
		w.data(t, putRelation, vars{"in": vars{"key": "again", "relation": vars{"type": "PARTNERS_WITH", "from": "acme", "to": "bolt", "citation": atLine1}}})
		cases := map[string]struct {
			variables vars
			resume    *kg.Revision
			want      []string
		}{
			"everything":          {vars{"since": 0}, nil, []string{"1 source", "1 metric", "1 entity", "1 claim", "2 relation", "2 claim", "4 entity", "4 claim"}},
			"since a revision":    {vars{"since": 1}, nil, []string{"2 relation", "2 claim", "4 entity", "4 claim"}},
			"from now on":         {nil, nil, []string{"4 entity", "4 claim"}},
			"where it was cut":    {vars{"since": 0}, begin(2), []string{"4 entity", "4 claim"}},
			"about an entity":     {vars{"since": 0, "of": []string{"bolt", "end"}}, nil, []string{"1 entity", "1 claim", "2 relation", "2 claim", "4 entity", "4 claim"}},
			"about one to come":   {vars{"since": 0, "of": []string{"end"}}, nil, []string{"4 entity", "4 claim"}},
			"of a kind":           {vars{"since": 0, "kinds": []string{"ENTITY", "SOURCE"}}, nil, []string{"1 source", "1 entity", "4 entity"}},
			"a kind of an entity": {vars{"since": 0, "of": []string{"acme", "end"}, "kinds": []string{"RELATION", "ENTITY"}}, nil, []string{"1 entity", "2 relation", "4 entity"}},
		}
		listeners := make(map[string]*listener)
		for name, c := range cases {
			var err error
			if listeners[name], err = w.subscribe(t, follow, c.variables, c.resume); err != nil {
				t.Fatal(err)
			}
		}
		w.data(t, `mutation($in: PutEntityInput!) { putEntity(input: $in) { write { revision } } }`, vars{"in": vars{
			"key": "end", "entity": vars{"id": "end", "kind": "COMPANY", "names": []any{vars{"text": "End"}}, "citation": atLine1},
		}})
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				var told []string
				for len(told) == 0 || told[len(told)-1] != c.want[len(c.want)-1] {
					data, _ := listeners[name].next(t)
					told = append(told, kindsIn(data)...)
				}
				if diff := cmp.Diff(c.want, told); diff != "" {
					t.Errorf("told of (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// kindsIn lists the kinds of what an update touches, each behind the revision.
func kindsIn(data any) []string {
	update := data.(map[string]any)["changes"].(map[string]any)
	there := map[string]bool{}
	for _, touched := range update["touched"].([]any) {
		there[strings.ToLower(touched.(map[string]any)["kind"].(string))] = true
	}
	var list []string
	for _, kind := range []string{"source", "metric", "entity", "relation", "claim", "redirect", "receipt"} {
		if there[kind] {
			list = append(list, fmt.Sprint(update["revision"], " ", kind))
		}
	}
	return list
}

// TestLargeChangesComeInParts wants a change of many things to be told in
// updates of a bounded size, of which only the last is one to resume from, and
// each of them to cost as many calls of the store as one of few.
func TestLargeChangesComeInParts(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		l, err := w.subscribe(t, follow, vars{"kinds": []string{"ENTITY"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var entities []any
		for i := range 250 {
			entities = append(entities, vars{"id": fmt.Sprintf("c%03d", i), "kind": "COMPANY", "names": []any{vars{"text": fmt.Sprint("C", i)}}, "citation": atLine1})
		}
		w.data(t, `mutation($in: WriteInput!) { write(input: $in) { write { revision } } }`, vars{"in": vars{"key": "many", "entities": entities}})
		next := 0
		for _, part := range []struct {
			size     int
			complete bool
			resume   kg.Revision
		}{{100, false, 0}, {100, false, 0}, {50, true, 2}} {
			w.calls.Reset()
			data, resume := l.next(t)
			if n := w.calls.Counts()["Get"]; n != 1 {
				t.Errorf("an update of %d things took %d calls of Get, want 1", part.size, n)
			}
			update := data.(map[string]any)["changes"].(map[string]any)
			touched := update["touched"].([]any)
			if len(touched) != part.size || update["complete"] != part.complete || update["revision"] != 2.0 || resume != part.resume {
				t.Errorf("a part of %d things, complete %v, revision %v, resumed from %d; want %+v", len(touched), update["complete"], update["revision"], resume, part)
			}
			for _, thing := range touched {
				if want := fmt.Sprintf("c%03d", next); thing.(map[string]any)["id"] != want {
					t.Fatalf("told of %v, want %s", thing, want)
				}
				next++
			}
		}
	})
}

// TestSubscriptionsThatAreRefused reads why.
func TestSubscriptionsThatAreRefused(t *testing.T) {
	eachWritten(t, func(t *testing.T, w *world) {
		many := make([]string, kg.MaxPage+1)
		for name, c := range map[string]struct {
			variables vars
			want      string
		}{
			"from the future":    {vars{"since": 2}, "since: revision 2 has not been reached yet; the newest is 1"},
			"before the first":   {vars{"since": -1}, "since: a revision is 0 or more, not -1"},
			"of too many":        {vars{"of": many}, "of: at most 1000 entities can be followed, not 1001; leave the argument out to follow all"},
			"of unknown kinds":   {vars{"kinds": []string{"RECEIPT"}}, `RECEIPT is not a valid RecordKind`},
			"of lower-case kind": {vars{"kinds": []string{"entity"}}, `not a known kind of record`},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := w.subscribe(t, follow, c.variables, nil)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %s", err, c.want)
				}
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		l, err := w.subscribe(t, follow, vars{"since": 0}, nil)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := l.stream.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("next in a context that is done: %v", err)
		}
	})
}
