package badgerstore

import (
	"fmt"
	"slices"
	"testing"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// hub is an entity with very many relations of a few types, both ways.
func hub(t testing.TB, s kg.Store, relations int) {
	t.Helper()
	types := []kg.RelationType{kg.Acquired, kg.InvestedIn, kg.PartnersWith, kg.Owns}
	records := []kg.Record{company("hub")}
	for i := range relations {
		other := fmt.Sprintf("e%06d", i)
		from, to := "hub", other
		if i%3 == 0 {
			from, to = to, from
		}
		records = append(records, company(other), relation(fmt.Sprintf("r-%06d", i*7919%relations), types[i%len(types)], from, to, startDate(i)))
		if len(records) >= 9_000 || i == relations-1 {
			apply(t, s, records...)
			records = nil
		}
	}
}

// TestPageOfHub pages through an entity with 20,000 relations and counts what
// is read for it.
func TestPageOfHub(t *testing.T) {
	const relations, page = 20_000, 50
	s := openTest(t, t.TempDir())
	hub(t, s, relations)
	snap := snapshotOf(t, s)
	whole := all(t, snap.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"hub"}, Direction: kg.Both}))
	if len(whole) != relations {
		t.Fatalf("the hub has %d relations, want %d", len(whole), relations)
	}
	if !slices.IsSortedFunc(whole, func(a, b kg.Edge) int { return a.Relation.Place().Compare(b.Relation.Place()) }) {
		t.Fatal("the relations of the hub are not in order")
	}
	middle := whole[relations/2].Relation.Place()
	year := kg.When{During: kg.MustPeriod("1975")}
	after := func(edges []kg.Edge, keep func(*kg.Relation) bool) []kg.Edge {
		var found []kg.Edge
		for _, e := range edges {
			if keep(e.Relation) && len(found) < page {
				found = append(found, e)
			}
		}
		return found
	}
	anything := func(*kg.Relation) bool { return true }
	backwards := slices.Clone(whole)
	slices.Reverse(backwards)
	for _, c := range []struct {
		name string
		q    kg.RelationQuery
		want []kg.Edge
		// rows bounds what may be read.
		rows int64
	}{
		{"first", kg.RelationQuery{Direction: kg.Both}, whole[:page], 5 * page},
		{"last", kg.RelationQuery{Direction: kg.Both, Reverse: true}, backwards[:page], 5 * page},
		{"after the middle", kg.RelationQuery{Direction: kg.Both, After: &middle}, whole[relations/2+1:][:page], 5 * page},
		{"before the middle", kg.RelationQuery{Direction: kg.Both, Before: &middle, Reverse: true}, backwards[relations/2:][:page], 5 * page},
		{
			"of one type",
			kg.RelationQuery{Direction: kg.Out, Types: []kg.RelationType{kg.Acquired}, After: &middle},
			after(whole[relations/2+1:], func(r *kg.Relation) bool { return r.Type == kg.Acquired && r.From == "hub" }), page + 1,
		},
		{
			"of a year",
			kg.RelationQuery{Direction: kg.Both, Types: []kg.RelationType{kg.Acquired, kg.InvestedIn}, When: year},
			after(whole, func(r *kg.Relation) bool {
				return (r.Type == kg.Acquired || r.Type == kg.InvestedIn) && year.Admits(r.Type, r.Start, r.End)
			}), 5 * page,
		},
		{"of the whole graph", kg.RelationQuery{All: true, After: &middle}, nil, 5 * page},
	} {
		t.Run(c.name, func(t *testing.T) {
			snap := snapshotOf(t, s)
			c.q.Of, c.q.Limit = []kg.ID{"hub"}, page
			got := all(t, snap.Relations(t.Context(), c.q))
			if c.q.All {
				for _, e := range after(whole[relations/2+1:], anything) {
					c.want = append(c.want, kg.Edge{Relation: e.Relation})
				}
			}
			if diff := kgtest.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := snap.work.rows.Load(); n > c.rows {
				t.Errorf("%d rows were read for a page of %d, more than %d", n, page, c.rows)
			}
		})
	}
}

// TestHopIsOneSweep reads the relations of 500 entities through one transaction
// and reads no row that it does not give.
func TestHopIsOneSweep(t *testing.T) {
	const entities, relations = 500, 6
	s := openTest(t, t.TempDir())
	var records []kg.Record
	var frontier []kg.ID
	for i := range entities {
		id := fmt.Sprintf("e%d", i)
		records = append(records, company(id))
		frontier = append(frontier, kg.ID(id))
		for j := range relations / 2 {
			records = append(records, relation(fmt.Sprintf("r-%d-%d", i, j), kg.Owns, id, fmt.Sprintf("e%d", (i+j+1)%entities), ""))
		}
	}
	apply(t, s, records...)
	snap := snapshotOf(t, s)
	edges := all(t, snap.Relations(t.Context(), kg.RelationQuery{Of: frontier, Direction: kg.Both}))
	if len(edges) != entities*relations {
		t.Errorf("%d relations, want %d", len(edges), entities*relations)
	}
	if n := snap.work.readers.Load(); n != 1 {
		t.Errorf("the hop took %d transactions", n)
	}
	if n := snap.work.rows.Load(); n != entities*relations {
		t.Errorf("%d rows were read for %d relations", n, entities*relations)
	}
}

// TestEntitiesOfOneHash mixes up the rows of two entities, as if their hashes
// were the same.
func TestEntitiesOfOneHash(t *testing.T) {
	s := openTest(t, t.TempDir())
	apply(t, s, company("a"), company("b"), relation("r", kg.Owns, "a", "b", ""))
	stray := relation("stray", kg.Owns, "other", "another", "")
	figure := &kg.Observation{ID: "stray", Figure: kg.Figure{Subject: "other", Metric: "staff"}}
	claim := &kg.Claim{ID: "stray", Statement: &kg.EntityStatement{Entity: "other"}}
	family := (&kg.EntityStatement{Entity: "a"}).Family()
	txn := s.db.NewTransactionAt(s.newest.timestamp, true)
	for _, r := range []row{
		{adjacencyRows.key(hashOf("a"), byteOf(kg.Out), byteOf(kg.Owns), placeOf(stray.Start.Place()), idOf("stray")), encode(t, stray)},
		{adjacencyRows.key(hashOf("a"), byteOf(kg.In), byteOf(kg.Owns), placeOf(stray.Start.Place()), idOf("stray")), encode(t, stray)},
		{observationRows.key(hashOf("a"), textOf("staff"), placeOf(figure.Period.Place()), idOf("stray")), encode(t, figure)},
		{claimRows.key(hashOf(family), idOf("stray")), encode(t, claim)},
	} {
		if err := txn.Set(r.key, r.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := txn.CommitAt(s.newest.timestamp, nil); err != nil {
		t.Fatal(err)
	}
	snap := snapshotOf(t, s)
	if edges := all(t, snap.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Both})); len(edges) != 1 || edges[0].Relation.ID != "r" {
		t.Errorf("the relations of another entity were found: %v", edges)
	}
	if figures := all(t, snap.Observations(t.Context(), kg.ObservationQuery{Of: []kg.ID{"a"}})); len(figures) != 0 {
		t.Errorf("the figures of another entity were found: %v", figures)
	}
	if claims := all(t, snap.Claims(t.Context(), []string{family})); len(claims) != 0 {
		t.Errorf("the claims of another family were found: %v", claims)
	}
}
