package graph_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/kg/kgtest"
)

// worldOf returns a graph of the facts in a file, without an index.
func worldOf(t *testing.T, facts string) *world {
	t.Helper()
	store := kgtest.NewModel()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w := newWorld("model", store, nil)
	files := fstest.MapFS{"facts.yaml": {Data: []byte(facts)}}
	if _, err := ingest.Load(t.Context(), w.graph, factfile.Read(files)); err != nil {
		t.Fatal(err)
	}
	return w
}

// holding is a graph in which one company has n subsidiaries, each with a
// director, two partners that offer a product, two sources, and a figure that
// is disputed.
func holding(n int) string {
	var entities, relations, figures strings.Builder
	entity := func(kind, id string) {
		fmt.Fprintf(&entities, "  - {id: %s, kind: %s, name: The %s, cite: [report:1, register:2]}\n", id, kind, strings.ReplaceAll(id, "-", " "))
	}
	relation := func(kind, from, to, more string) {
		fmt.Fprintf(&relations, "  - {type: %s, from: %s, to: %s, at: 3%s}\n", kind, from, to, more)
	}
	entity("company", "holding")
	entity("person", "analyst")
	entity("person", "founder")
	for i := range n {
		unit := fmt.Sprintf("unit-%d", i)
		entity("company", unit)
		entity("person", unit+"-director")
		relation("owns", "holding", unit, ", stake: 60, attributed_to: analyst")
		relation("acquired", "holding", unit, ", on: 2014")
		relation("founded", "founder", unit, ", on: 2001")
		relation("holds_role", unit+"-director", unit, ", title: Director")
		for _, partner := range []string{unit + "-left", unit + "-right"} {
			entity("company", partner)
			entity("product", partner+"-app")
			relation("partners_with", unit, partner, ", focus: trade")
			relation("customer_of", partner, unit, "")
			relation("offers", partner, partner+"-app", "")
		}
		for year := 2019; year < 2023; year++ {
			fmt.Fprintf(&figures, "  - {of: %s, metric: staff, value: %d, period: %d, at: 4}\n", unit, 100+year, year)
		}
		fmt.Fprintf(&figures, "  - {of: %s, metric: staff, value: 7, period: 2020, at: 5}\n", unit)
	}
	return `source: report
sources:
  - {id: report, title: A report}
  - {id: register, title: A register}
metrics:
  - {id: staff, definition: People employed., unit: people, over_time: no, over_parts: yes}
  - {id: founded_date, definition: When it was founded., unit: date, over_time: no, over_parts: no}
entities:
` + strings.ReplaceAll(entities.String(), "cite", "at") + "relations:\n" + relations.String() + "figures:\n" + figures.String()
}

// TestOneStoreCallALevel counts the calls of the store for operations over
// many parents: they grow with the depth of the operation alone.
func TestOneStoreCallALevel(t *testing.T) {
	cases := []struct {
		name, query string
		want        map[string]int
	}{
		{
			name: "a company's subsidiaries' partners' products",
			query: `{ company(name: "The holding") { subsidiaries(first: 1000) { edges { node { ... on Company {
				partners { edges { relation { focus } node { name ... on Company { products { nodes { name } } } } } } } } } } } }`,
			// Each level is a call for the relations and one for their far ends.
			want: map[string]int{"Find": 1, "Get": 1 + 3, "Relations": 3},
		},
		{
			name: "relations with both ends and who states them",
			query: `{ entity(by: { name: "The holding" }) { relations(first: 1000) {
				nodes { from { name } to { name } citations { locator attributedTo { name } source { id title } } } } } }`,
			// The holding, the ends, the sources and the analyst whom they quote.
			want: map[string]int{"Find": 1, "Get": 4, "Relations": 1},
		},
		{
			name: "entities with relations, figures and conflicts",
			query: `{ entities(first: 1000) { nodes {
				relations(first: 3) { nodes { from { name } to { name } citations { source { id } } } }
				observations(first: 2) { nodes { subject { name } citations { source { id } } } }
				conflicts { about { name } claims { citations { source { id } } } }
			} } }`,
			want: map[string]int{"Scan": 1, "Relations": 1, "Observations": 1, "Conflicts": 1, "Get": 2 * 3},
		},
		{
			name: "where names, identifiers and entities stand",
			query: `{ entities(first: 1000) { nodes {
				citations { source { title } } names { citations { source { title } } } identifiers { citations { source { title } } } } } }`,
			want: map[string]int{"Scan": 1, "Get": 1},
		},
		{
			name:  "nothing is counted unless asked",
			query: `{ entities(first: 5) { nodes { relations(first: 1) { nodes { id } } observations(first: 1) { nodes { id } } } } }`,
			want:  map[string]int{"Scan": 1, "Relations": 1, "Observations": 1},
		},
		{
			name: "counts of many lists are one call",
			query: `{ entities(first: 1000) { totalCount nodes {
				relations(first: 1) { totalCount nodes { id } } observations(first: 1) { totalCount nodes { id } } } } }`,
			want: map[string]int{"Scan": 2, "Relations": 2, "Observations": 2},
		},
		{
			name:  "a count alone",
			query: `{ relations(types: [OWNS], first: 0) { totalCount } }`,
			want:  map[string]int{"Relations": 2},
		},
		{
			name: "every other list of a company",
			query: `{ company(name: "The holding") { subsidiaries(first: 1000) { nodes { ... on Company {
				acquiredBy { nodes { name } } owners { nodes { name } } people { nodes { name } } customers { nodes { name } }
				acquisitions { nodes { name } } investments { nodes { name } }
			} } } } }`,
			// Six lists beside each other; two of them are empty and have no ends to fetch.
			want: map[string]int{"Find": 1, "Get": 2 + 4, "Relations": 1 + 6},
		},
		{
			name:  "when companies were founded",
			query: `{ company(name: "The holding") { subsidiaries(first: 1000) { nodes { ... on Company { founded } } } } }`,
			// No figure says when, so that the founders are asked for.
			want: map[string]int{"Find": 1, "Get": 2, "Relations": 2, "Observations": 1},
		},
		{
			name: "roles of people, products' makers",
			query: `{ entities(kinds: [PERSON, PRODUCT], first: 1000) { nodes {
				... on Person { roles { nodes { name } } } ... on Product { offeredBy { nodes { name } } } } } }`,
			want: map[string]int{"Scan": 1, "Relations": 2, "Get": 2},
		},
	}
	for _, n := range []int{1, 40} {
		w := worldOf(t, holding(n))
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s/%d", c.name, n), func(t *testing.T) {
				w.calls.Reset()
				w.data(t, c.query, nil)
				want := map[string]int{"Snapshot": 1, "Close": 1}
				for call, times := range c.want {
					want[call] = times
				}
				if diff := cmp.Diff(want, w.calls.Counts()); diff != "" {
					t.Errorf("calls of the store (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestOneStoreCallForNodes asks for things of several kinds by their ids.
func TestOneStoreCallForNodes(t *testing.T) {
	const query = `query($ids: [ID!]!) { nodes(ids: $ids) {
		... on Company { name subsidiaries { nodes { name } } }
		... on Relation { from { name } to { name } }
		... on Observation { subject { name } }
		... on Source { title }
	} }`
	for _, n := range []int{1, 20} {
		w := worldOf(t, holding(n))
		ids := []string{"report", "no-such-id"}
		data := w.data(t, `{ entities(first: 1000) { nodes { id relations(first: 1000) { nodes { id } } observations { nodes { id } } } } }`, nil)
		for _, path := range []string{"entities.nodes", "entities.nodes.relations.nodes", "entities.nodes.observations.nodes"} {
			for _, node := range pick(data, path) {
				ids = append(ids, showRow(node, "id"))
			}
		}
		w.calls.Reset()
		w.data(t, query, vars{"ids": ids})
		// The things; the ends of relations; the subjects of figures; what companies hold.
		want := map[string]int{"Snapshot": 1, "Close": 1, "Get": 4, "Relations": 1}
		if diff := cmp.Diff(want, w.calls.Counts()); diff != "" {
			t.Errorf("%d ids: calls of the store (-want +got):\n%s", len(ids), diff)
		}
	}
}

// TestOneStoreCallForSearch fetches what a search finds.
func TestOneStoreCallForSearch(t *testing.T) {
	const query = `{ search(text: "alibaba", first: 100) { totalCount nodes { name relations(first: 2) { nodes { from { name } to { name } } } } } }`
	onEveryEngine(t, func(t *testing.T, w *world) {
		w.calls.Reset()
		w.data(t, query, nil)
		want := map[string]int{"Snapshot": 1, "Close": 1, "Get": 2, "Relations": 1}
		if diff := cmp.Diff(want, w.calls.Counts()); diff != "" {
			t.Errorf("calls of the store (-want +got):\n%s", diff)
		}
	})
}
