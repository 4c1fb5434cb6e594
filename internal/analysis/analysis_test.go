package analysis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
)

var quiet = slog.New(slog.DiscardHandler)

func list(n int, edges ...[2]int32) *kg.EdgeList {
	l := &kg.EdgeList{Edges: edges}
	for i := range n {
		l.IDs = append(l.IDs, kg.ID(fmt.Sprintf("n%02d", i)))
	}
	return l
}

func TestPageRankOfAStar(t *testing.T) {
	scores, err := Rank(context.Background(), quiet, list(4, [2]int32{1, 0}, [2]int32{2, 0}, [2]int32{3, 0}), kg.PageRank)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, s := range scores {
		sum += s.Value
	}
	if scores[0].ID != "n00" || scores[0].Value <= scores[1].Value || math.Abs(sum-1) > 1e-6 {
		t.Errorf("got %v, which add up to %v", scores, sum)
	}
	if scores[1].ID != "n01" || scores[1].Value != scores[3].Value {
		t.Errorf("equals are not in order of id: %v", scores)
	}
}

// Betweenness against its definition, by breadth-first counting of all shortest ways.
func TestBetweennessIsItsDefinition(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 3 + rng.IntN(6)
		var edges [][2]int32
		for i := range int32(n) {
			for j := range i {
				if rng.IntN(3) == 0 {
					edges = append(edges, [2]int32{i, j})
				}
			}
		}
		l := list(n, edges...)
		near := make([][]bool, n)
		for i := range near {
			near[i] = make([]bool, n)
		}
		for _, e := range edges {
			near[e[0]][e[1]], near[e[1]][e[0]] = true, true
		}
		ways := func(s int) (distance []int, count []float64) {
			distance, count = make([]int, n), make([]float64, n)
			for i := range distance {
				distance[i] = -1
			}
			distance[s], count[s] = 0, 1
			for queue := []int{s}; len(queue) > 0; queue = queue[1:] {
				for next := range n {
					if !near[queue[0]][next] {
						continue
					}
					if distance[next] < 0 {
						distance[next] = distance[queue[0]] + 1
						queue = append(queue, next)
					}
					if distance[next] == distance[queue[0]]+1 {
						count[next] += count[queue[0]]
					}
				}
			}
			return distance, count
		}
		want := make(map[kg.ID]float64)
		for s := range n {
			ds, cs := ways(s)
			for e := range n {
				de, ce := ways(e)
				for v := range n {
					if s != e && v != s && v != e && ds[e] > 0 && ds[v] >= 0 && de[v] >= 0 && ds[v]+de[v] == ds[e] {
						want[l.IDs[v]] += cs[v] * ce[v] / cs[e]
					}
				}
			}
		}
		scores, err := Rank(context.Background(), quiet, l, kg.Betweenness)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scores {
			if math.Abs(s.Value-want[s.ID]) > 1e-6 {
				t.Fatalf("seed %d: betweenness of %s is %v, want %v (%v)", seed, s.ID, s.Value, want[s.ID], edges)
			}
		}
	}
}

func TestComponents(t *testing.T) {
	got, err := Components(context.Background(), quiet, list(6, [2]int32{5, 1}, [2]int32{2, 3}, [2]int32{3, 4}))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]kg.ID{{"n02", "n03", "n04"}, {"n01", "n05"}, {"n00"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
}

func TestResultsAreTheSameEveryTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	var edges [][2]int32
	for range 600 {
		if a, b := int32(rng.IntN(200)), int32(rng.IntN(200)); a != b {
			edges = append(edges, [2]int32{a, b})
		}
	}
	l := list(200, edges...)
	for _, by := range []kg.Measure{kg.PageRank, kg.Betweenness} {
		first, err := Rank(context.Background(), quiet, l, by)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			again, err := Rank(context.Background(), quiet, l, by)
			if err != nil || !slices.Equal(first, again) {
				t.Fatalf("%s came out differently, %v", by, err)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	var tooComplex *kg.TooComplexError
	big := &kg.EdgeList{IDs: make([]kg.ID, 2), Edges: make([][2]int32, maxEdges+1)}
	if _, err := Rank(context.Background(), quiet, big, kg.PageRank); !errors.As(err, &tooComplex) {
		t.Errorf("PageRank took %d edges: %v", len(big.Edges), err)
	}
	if _, err := Components(context.Background(), quiet, big); !errors.As(err, &tooComplex) {
		t.Errorf("components took %d edges: %v", len(big.Edges), err)
	}
	wide := &kg.EdgeList{IDs: make([]kg.ID, 10_000), Edges: make([][2]int32, 10_000)}
	if _, err := Rank(context.Background(), quiet, wide, kg.Betweenness); !errors.As(err, &tooComplex) {
		t.Errorf("betweenness took 10,000 by 10,000: %v", err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Rank(done, quiet, list(2, [2]int32{0, 1}), kg.PageRank); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request ran: %v", err)
	}
	if _, err := Rank(context.Background(), quiet, list(2, [2]int32{0, 1}), 0); !errors.Is(err, kg.ErrInvalid) {
		t.Errorf("no measure: %v", err)
	}
	if s, err := Rank(context.Background(), quiet, list(0), kg.PageRank); err != nil || len(s) != 0 {
		t.Errorf("an empty list gave %v, %v", s, err)
	}
}

func BenchmarkBetweennessAtTheBound(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var edges [][2]int32
	for range 2000 {
		if x, y := int32(rng.IntN(500)), int32(rng.IntN(500)); x != y {
			edges = append(edges, [2]int32{x, y})
		}
	}
	l := list(500, edges...)
	for b.Loop() {
		if _, err := Rank(context.Background(), quiet, l, kg.Betweenness); err != nil {
			b.Fatal(err)
		}
	}
}
