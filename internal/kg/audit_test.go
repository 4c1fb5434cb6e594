package kg_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// audited returns what an audit of the store finds, a line each.
func audited(t *testing.T, store kg.Store) []string {
	t.Helper()
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var flaws []string
	err = kg.Audit(t.Context(), snap, func(f kg.Flaw) error {
		flaws = append(flaws, fmt.Sprintf("%s %s: %s (derived: %t)", f.Kind, f.ID, f.Problem, f.Derived))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return flaws
}

// chronicled returns a store with the chronicle of a seed.
func chronicled(t *testing.T, seed uint64) kg.Store {
	t.Helper()
	store := kgtest.NewModel()
	c := newChronicle(seed)
	g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return c.now }})
	for i, e := range c.entries {
		c.now = e.at
		if _, err := g.Apply(t.Context(), e.write); err != nil {
			t.Fatalf("seed %d, entry %d: %v", seed, i, err)
		}
	}
	return store
}

// TestAuditOfSoundGraphs finds nothing wrong with what Graph.Apply has made.
func TestAuditOfSoundGraphs(t *testing.T) {
	for seed := range uint64(150) {
		if flaws := audited(t, chronicled(t, seed+1)); len(flaws) > 0 {
			t.Errorf("chronicle %d:\n%s", seed+1, strings.Join(flaws, "\n"))
		}
	}
}

// spoiled applies a batch that no Graph would.
func spoiled(t *testing.T, store kg.Store, b *kg.Batch) {
	t.Helper()
	if _, err := store.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// facts returns all records of a store that are worked out from claims, and all
// others.
func factsAndOthers(t *testing.T, store kg.Store) (facts, others []kg.Record) {
	t.Helper()
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for _, kind := range kg.RecordKinds() {
		for r, err := range snap.Scan(t.Context(), kg.ScanQuery{Kind: kind}) {
			if err != nil {
				t.Fatal(err)
			}
			switch kind {
			case kg.RecordEntity, kg.RecordRelation, kg.RecordObservation, kg.RecordConflict:
				facts = append(facts, r)
			default:
				others = append(others, r)
			}
		}
	}
	return facts, others
}

// altered returns the fact with something else in it.
func altered(r kg.Record) kg.Record {
	switch r := r.(type) {
	case *kg.Entity:
		own := *r
		own.Names = append([]kg.Name{{Text: "another", Kind: kg.NamePreferred}}, r.Names...)
		return &own
	case *kg.Relation:
		own := *r
		own.Note += "another"
		return &own
	case *kg.Observation:
		own := *r
		own.Value++
		return &own
	case *kg.Conflict:
		own := *r
		own.Note += "another"
		return &own
	}
	return nil
}

// TestRepairOfFacts takes away, alters and adds facts of random graphs, and has
// them worked out again.
func TestRepairOfFacts(t *testing.T) {
	seen := map[kg.RecordKind]int{}
	for seed := range uint64(40) {
		store := chronicled(t, seed+1)
		want, others := factsAndOthers(t, store)
		g := kg.NewGraph(store, kg.Options{})
		ruled := func(r kg.Record) bool {
			c, ok := r.(*kg.Conflict)
			return !ok || c.Rule != ""
		}
		for i, r := range want {
			if !ruled(r) || i%3 != int(seed%3) {
				continue
			}
			seen[r.RecordKind()]++
			spoiled(t, store, &kg.Batch{Delete: []kg.ID{r.RecordID()}})
			flaws := strings.Join(audited(t, store), "\n")
			if !strings.Contains(flaws, fmt.Sprintf("%s %s: it is missing", r.RecordKind(), r.RecordID())) {
				t.Fatalf("chronicle %d: without %s the audit says\n%s", seed+1, r.RecordID(), flaws)
			}
		}
		for i, r := range want {
			if ruled(r) && i%3 == int(seed+1)%3 {
				spoiled(t, store, &kg.Batch{Put: []kg.Record{altered(r)}})
			}
		}
		spoiled(t, store, &kg.Batch{Put: []kg.Record{
			&kg.Entity{ID: "nobody", Kind: kg.KindCompany, Names: []kg.Name{{Text: "nobody", Kind: kg.NamePreferred}}},
			&kg.Relation{ID: "nothing", Type: kg.Owns, From: "nobody", To: "e0", FromKind: kg.KindCompany, ToKind: kg.KindCompany},
			&kg.Relation{ID: "nowhere", Type: kg.Owns, From: "e0", To: "gone", FromKind: kg.KindCompany, ToKind: kg.KindCompany},
			&kg.Observation{ID: "o", Figure: kg.Figure{Subject: "gone", Metric: "staff"}},
			&kg.Conflict{ID: "k", About: "gone", Predicate: "staff", Rule: "figures-apart"},
		}})
		repaired, err := g.Repair(t.Context(), func(f kg.Flaw) error {
			if !f.Derived {
				return fmt.Errorf("%+v cannot be repaired", f)
			}
			return nil
		})
		if err != nil || repaired < 5 {
			t.Fatalf("chronicle %d: %d repaired, %v", seed+1, repaired, err)
		}
		got, kept := factsAndOthers(t, store)
		if diff := kgtest.Diff([][]kg.Record{want, others}, [][]kg.Record{got, kept}); diff != "" {
			t.Fatalf("chronicle %d, repaired (-before +after):\n%s", seed+1, diff)
		}
		if flaws := audited(t, store); len(flaws) > 0 {
			t.Errorf("chronicle %d, repaired:\n%s", seed+1, strings.Join(flaws, "\n"))
		}
		if again, err := g.Repair(t.Context(), func(kg.Flaw) error { return nil }); again != 0 || err != nil {
			t.Errorf("chronicle %d: repaired again: %d, %v", seed+1, again, err)
		}
	}
	for _, kind := range []kg.RecordKind{kg.RecordEntity, kg.RecordRelation, kg.RecordObservation, kg.RecordConflict} {
		if seen[kind] < 10 {
			t.Errorf("only %d of the kind %s were taken away", seen[kind], kind)
		}
	}
}

// TestAuditOfClaims alters claims, and takes away what they name: no fact is
// worked out from those.
func TestAuditOfClaims(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(c *kg.Claim) *kg.Batch
		says  string
	}{
		"altered": {func(c *kg.Claim) *kg.Batch {
			own := *c
			own.Locator = "line 4711"
			return &kg.Batch{Put: []kg.Record{&own}}
		}, "does not fit its id"},
		"without its source": {func(c *kg.Claim) *kg.Batch {
			return &kg.Batch{Delete: []kg.ID{c.Source}}
		}, "its source"},
		"on another fact": {func(c *kg.Claim) *kg.Batch {
			own := *c
			own.Fact = "nowhere"
			return &kg.Batch{Put: []kg.Record{&own}}
		}, "it rests on nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			store := chronicled(t, 3)
			_, others := factsAndOthers(t, store)
			for _, r := range others {
				if c, ok := r.(*kg.Claim); ok && c.Live() {
					spoiled(t, store, test.spoil(c))
					break
				}
			}
			if flaws := strings.Join(audited(t, store), "\n"); !strings.Contains(flaws, test.says) || strings.Contains(flaws, "derived: true") {
				t.Errorf("the audit says %q, want %q", flaws, test.says)
			}
			before, err := store.Snapshot(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer before.Close()
			if n, err := kg.NewGraph(store, kg.Options{}).Repair(t.Context(), func(kg.Flaw) error { return nil }); n != 0 || err != nil {
				t.Errorf("%d repaired, %v; want nothing to be changed", n, err)
			}
		})
	}
}
