package kg_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// TestPreparedStream: what a stream makes of a graph, asking the store for as little as
// it can, is what ordinary writes make of it. The graph is empty, or others have
// written to it before, and write to it meanwhile.
func TestPreparedStream(t *testing.T) {
	for seed := range uint64(60) {
		plain, streamed := kgtest.NewModel(), kgtest.NewModel()
		g, other := graphOver(plain), graphOver(streamed)
		s := other.Stream()
		random := rand.New(rand.NewPCG(seed, 1))
		prepared := int(seed) / 4
		for n, w := range append([]kg.Write{basics()}, randomWrites(random, 25)...) {
			if n == prepared {
				if err := s.Prepare(t.Context(), 1_000); err != nil {
					t.Fatal(err)
				}
			}
			apply := s.Apply
			if n < prepared || random.IntN(4) == 0 {
				apply = other.Apply
			}
			want, wantErr := g.Apply(t.Context(), w)
			got, gotErr := apply(t.Context(), w)
			if diff := kgtest.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
				t.Fatalf("seed %d: %v and %v, applied (-plain +streamed):\n%s", seed, wantErr, gotErr, diff)
			}
		}
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if diff := kgtest.Diff(kgtest.Everything(t, plain), kgtest.Everything(t, streamed)); diff != "" {
			t.Fatalf("seed %d (-plain +streamed):\n%s", seed, diff)
		}
	}
}

// TestPrepareAmongWriters: what others write while the graph is read for a stream is
// not taken for absent.
func TestPrepareAmongWriters(t *testing.T) {
	store := kgtest.NewModel()
	g := graphOver(store)
	if _, err := g.Apply(t.Context(), basics()); err != nil {
		t.Fatal(err)
	}
	s := g.Stream()
	defer s.Close()
	done := make(chan error, 1)
	go func() {
		for i := range 50 {
			if _, err := g.Apply(t.Context(), kg.Write{Claims: entity(kg.ID(fmt.Sprintf("e%d", i)), kg.KindCompany, "Elsewhere")}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 5 {
		if err := s.Prepare(t.Context(), 1_000); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		applied, err := s.Apply(t.Context(), kg.Write{Claims: entity(kg.ID(fmt.Sprintf("e%d", i)), kg.KindCompany, "Elsewhere")})
		if err != nil || applied.Recorded != 0 {
			t.Fatalf("e%d: %d claims are new that were there: %v", i, applied.Recorded, err)
		}
	}
}

// randomWrites are writes about few entities, so that they bear on one another.
func randomWrites(random *rand.Rand, n int) []kg.Write {
	var writes []kg.Write
	var recorded []*kg.Claim
	id := func() kg.ID { return kg.ID(fmt.Sprintf("e%d", random.IntN(8))) }
	for line := range n {
		w := kg.Write{KeepRetracted: random.IntN(2) == 0}
		for range 1 + random.IntN(4) {
			a, b := id(), id()
			share := kg.ExactShare(float64(random.IntN(100)))
			from := fmt.Sprint(2000 + random.IntN(20))
			locator := fmt.Sprint(line)
			switch random.IntN(8) {
			case 0, 1:
				w.Claims = append(w.Claims, entity(a, kg.KindCompany, "Name "+string(a))...)
			case 2:
				w.Claims = append(w.Claims, said(locator, &kg.RelationStatement{Type: kg.Owns, From: a, To: b, Start: kg.MustDate(from), Stake: &share}))
			case 3:
				w.Claims = append(w.Claims, said(locator, acquired(a, b, from)))
			case 4:
				w.Claims = append(w.Claims, said(locator, &kg.RelationStatement{Type: kg.MergedInto, From: a, To: b, Start: kg.MustDate(from)}))
			case 5:
				w.Claims = append(w.Claims, said(locator, &kg.Figure{Subject: a, Metric: "revenue", Value: float64(random.IntN(3)), Unit: "USD", Period: kg.MustPeriod(from)}))
			case 6:
				w.Claims = append(w.Claims, said(locator, &kg.SameStatement{Entity: a, As: b}))
			case 7:
				if len(recorded) > 0 {
					w.Retractions = append(w.Retractions, kg.Retract{ID: recorded[random.IntN(len(recorded))].ContentID(), Reason: "wrong"})
				}
			}
		}
		recorded = append(recorded, w.Claims...)
		writes = append(writes, w)
	}
	return writes
}
