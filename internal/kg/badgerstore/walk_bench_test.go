package badgerstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
)

// standstill is when these graphs are written and walked.
var standstill = time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC)

// conglomerate is a graph of many companies, shaped as real ones are: an
// ownership forest of at most eight levels and acquisitions whose sizes follow
// a power law, and partnerships of which some are preferential and some gather
// in six hubs.
type conglomerate struct {
	*rand.Rand
	size      int
	relations []*kg.Relation
	near      [][]int // by number of the company, either direction
}

func newConglomerate(size int, seed uint64) *conglomerate {
	g := &conglomerate{Rand: rand.New(rand.NewPCG(seed, 0)), size: size, near: make([][]int, size)}
	g.own()
	g.acquire()
	g.partner()
	return g
}

// id spreads companies that come early, and so are well connected, over the ids.
func (g *conglomerate) id(company int) kg.ID {
	return kg.ID(fmt.Sprintf("c%07d", company*7919%g.size))
}

func (g *conglomerate) relate(t kg.RelationType, from, to int, since, until int) *kg.Relation {
	day := func() string {
		return fmt.Sprintf("%d-%02d-%02d", since+g.IntN(until-since), 1+g.IntN(12), 1+g.IntN(28))
	}
	r := &kg.Relation{
		ID: kg.ID(fmt.Sprintf("r%08d", len(g.relations))), Type: t, From: g.id(from), To: g.id(to),
		FromKind: kg.KindCompany, ToKind: kg.KindCompany, Start: kg.MustDate(day()),
		Citations: []kg.Citation{{Claim: kg.ID(fmt.Sprintf("c-%08d", len(g.relations))), Source: "registry", Locator: fmt.Sprintf("row %d", len(g.relations))}},
	}
	g.relations = append(g.relations, r)
	g.near[from], g.near[to] = append(g.near[from], to), append(g.near[to], from)
	return r
}

func (g *conglomerate) own() {
	depth := make([]int, g.size)
	var parents []int
	for child := 1; child < g.size; child++ {
		if g.Float64() > 0.55 {
			continue
		}
		parent := g.IntN(child)
		if len(parents) > 0 && g.IntN(2) == 0 {
			parent = parents[g.IntN(len(parents))]
		}
		if depth[parent] == 8 {
			continue
		}
		depth[child] = depth[parent] + 1
		parents = append(parents, parent)
		stake := 100.0
		if g.Float64() < 0.45 {
			stake = 50.01 + math.Round(g.Float64()*4999)/100
		}
		g.relate(kg.Owns, parent, child, 1960, 2025).Stake = new(kg.ExactShare(stake))
	}
}

func (g *conglomerate) acquire() {
	taken := make([]bool, g.size)
	var acquirers []int
	for range g.size * 15 / 100 {
		from, to := g.IntN(g.size), g.IntN(g.size)
		if len(acquirers) > 0 && g.Float64() < 0.65 {
			from = acquirers[g.IntN(len(acquirers))]
		}
		if from == to || taken[to] {
			continue
		}
		taken[to] = true
		acquirers = append(acquirers, from)
		g.relate(kg.Acquired, from, to, 1990, 2025)
	}
}

func (g *conglomerate) partner() {
	together := make(map[[2]int]bool)
	var partners []int
	add := func(a, b int) bool {
		pair := [2]int{min(a, b), max(a, b)}
		if a == b || together[pair] {
			return false
		}
		together[pair] = true
		g.relate(kg.PartnersWith, a, b, 1985, 2025)
		return true
	}
	for rank := range 6 {
		hub := g.IntN(g.size)
		for left := int(float64(g.size) / 6 / math.Sqrt(float64(rank+1))); left > 0; {
			if add(hub, g.IntN(g.size)) {
				left--
			}
		}
	}
	for len(together) < g.size*23/10 {
		a, b := g.IntN(g.size), g.IntN(g.size)
		if len(partners) > 0 && g.IntN(2) == 0 {
			b = partners[g.IntN(len(partners))]
		}
		if add(a, b) {
			partners = append(partners, a, b)
		}
	}
}

// within returns how many companies a walk of up to that many hops comes to,
// counted anew on every hop, or more than most.
func (g *conglomerate) within(start, hops, most int) int {
	total, rim := 1, []int{start}
	for range hops {
		next := make(map[int]bool)
		for _, c := range rim {
			for _, other := range g.near[c] {
				next[other] = true
			}
			if total+len(next) > most {
				return most + 1
			}
		}
		total += len(next)
		rim = rim[:0]
		for c := range next {
			rim = append(rim, c)
		}
	}
	return total
}

// store returns a store that holds the companies and lasts as long as the benchmark.
func (g *conglomerate) store(b *testing.B) kg.Store {
	b.Helper()
	store, err := badgerstore.Open(b.Context(), badgerstore.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	records := []kg.Record{&kg.Source{ID: "registry", Title: "A registry"}}
	for c := range g.size {
		records = append(records, &kg.Entity{
			ID: g.id(c), Kind: kg.KindCompany, Names: []kg.Name{{Text: fmt.Sprintf("Company No. %d", c), Kind: kg.NamePreferred}},
		})
	}
	for _, r := range g.relations {
		records = append(records, r)
	}
	for batch := range slices.Chunk(records, kg.MaxBatch) {
		if _, err := store.Apply(b.Context(), &kg.Batch{At: standstill, Put: batch}); err != nil {
			b.Fatal(err)
		}
	}
	return store
}

// measure runs the walk, which reports the size of its answer, and tells how
// long the half and how long 99 of 100 of the runs took at most.
func measure(b *testing.B, unit string, walk func(ctx context.Context) int) {
	var took []time.Duration
	size := 0
	for b.Loop() {
		start := time.Now()
		size += walk(b.Context())
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	at := func(part float64) float64 {
		return float64(took[int(part*float64(len(took)-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
	b.ReportMetric(float64(size)/float64(len(took)), unit)
}

// BenchmarkWalks walks in a graph of 100,000 companies.
func BenchmarkWalks(b *testing.B) {
	g := newConglomerate(100_000, 1)
	store := g.store(b)
	view := func(budget kg.Budget) *kg.View {
		v, err := kg.NewGraph(store, kg.Options{Now: func() time.Time { return standstill }, Budget: budget}).View(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { v.Close() })
		return v
	}
	const most = 1000
	hops := []kg.Step{{Direction: kg.Both}, {Direction: kg.Both}, {Direction: kg.Both}}
	b.Run("traverse/3-hops-to-1000", func(b *testing.B) {
		v, draw := view(kg.Budget{Nodes: most}), rand.New(rand.NewPCG(1, 1))
		var starts []kg.ID
		for len(starts) < 200 {
			if c := draw.IntN(g.size); g.within(c, len(hops), most) <= most && g.within(c, len(hops), most/4) > most/4 {
				starts = append(starts, g.id(c))
			}
		}
		run := 0
		measure(b, "results", func(ctx context.Context) int {
			from := starts[run%len(starts)]
			run++
			page, err := v.Traverse(ctx, []kg.ID{from}, hops, nil, kg.PageArgs{First: new(most)})
			if err != nil {
				b.Fatal(err)
			}
			return len(page.Items)
		})
	})
	b.Run("traverse/3-hops-stopped-at-1000", func(b *testing.B) {
		v, draw := view(kg.Budget{Nodes: most}), rand.New(rand.NewPCG(1, 2))
		measure(b, "stopped", func(ctx context.Context) int {
			_, err := v.Traverse(ctx, []kg.ID{g.id(draw.IntN(g.size))}, hops, nil, kg.PageArgs{First: new(most)})
			if errors.Is(err, kg.ErrTooComplex) {
				return 1
			}
			if err != nil {
				b.Fatal(err)
			}
			return 0
		})
	})
	for _, first := range []int{1, 10} {
		b.Run(fmt.Sprintf("paths/6-hops-first-%d", first), func(b *testing.B) {
			v, draw := view(kg.Budget{}), rand.New(rand.NewPCG(1, 3))
			refused := 0
			measure(b, "links", func(ctx context.Context) int {
				paths, err := v.Paths(ctx, g.id(draw.IntN(g.size)), g.id(draw.IntN(g.size)), kg.PathOptions{MaxLength: new(6), First: &first})
				if errors.Is(err, kg.ErrTooComplex) {
					refused++
					return 0
				}
				if err != nil {
					b.Fatal(err)
				}
				if len(paths) == 0 {
					return 0
				}
				return paths[0].Length()
			})
			b.ReportMetric(float64(refused), "refused")
		})
	}
	b.Run("neighborhood/2-deep-to-200", func(b *testing.B) {
		v, draw := view(kg.Budget{}), rand.New(rand.NewPCG(1, 4))
		measure(b, "entities", func(ctx context.Context) int {
			s, err := v.Neighborhood(ctx, g.id(draw.IntN(g.size)), kg.NeighborhoodOptions{Depth: new(2)})
			if err != nil {
				b.Fatal(err)
			}
			return len(s.Members)
		})
	})
}
