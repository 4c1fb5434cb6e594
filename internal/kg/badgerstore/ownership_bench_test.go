package badgerstore

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"keiretsu/internal/kg"
)

// forest is a graph of companies of which 55 in 100 have one parent, with chains
// of at most eight holdings and numbers of children that follow a power law.
type forest struct {
	parent []int // by number of the company; -1 for none
	below  []int // the companies below each, however deep
	holds  []*kg.Relation
}

func newForest(size int, seed uint64) *forest {
	draw := rand.New(rand.NewPCG(seed, 0))
	f := &forest{parent: make([]int, size), below: make([]int, size)}
	depth := make([]int, size)
	var parents []int // one for each of their children
	for child := range size {
		f.parent[child] = -1
		if child == 0 || draw.Float64() > 0.55 {
			continue
		}
		parent := draw.IntN(child)
		if len(parents) > 0 && draw.IntN(2) == 0 {
			parent = parents[draw.IntN(len(parents))]
		}
		if depth[parent] == 8 {
			continue
		}
		f.parent[child], depth[child] = parent, depth[parent]+1
		parents = append(parents, parent)
		stake := 100.0
		if draw.Float64() < 0.45 {
			stake = 50.01 + math.Round(draw.Float64()*4999)/100
		}
		f.holds = append(f.holds, &kg.Relation{
			ID: kg.ID(fmt.Sprintf("r%08d", child)), Type: kg.Owns, From: f.id(parent), To: f.id(child),
			FromKind: kg.KindCompany, ToKind: kg.KindCompany, Stake: new(kg.ExactShare(stake)),
			Start:     kg.MustDate(fmt.Sprintf("%d-%02d-%02d", 1960+draw.IntN(65), 1+draw.IntN(12), 1+draw.IntN(28))),
			Citations: []kg.Citation{{Claim: kg.ID(fmt.Sprintf("c-%08d", child)), Source: "registry", Locator: fmt.Sprintf("row %d", child)}},
		})
		for p := parent; p >= 0; p = f.parent[p] {
			f.below[p]++
		}
	}
	return f
}

// id spreads companies that come early, and so have many below them, over the ids.
func (f *forest) id(company int) kg.ID {
	return kg.ID(fmt.Sprintf("c%07d", company*7919%len(f.parent)))
}

func (f *forest) top(company int) int {
	for f.parent[company] >= 0 {
		company = f.parent[company]
	}
	return company
}

// view returns a view of a store that holds the forest and lasts as long as the
// benchmark.
func (f *forest) view(b *testing.B) *kg.View {
	b.Helper()
	now := time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC)
	records := []kg.Record{&kg.Source{ID: "registry", Title: "A registry"}}
	for c := range f.parent {
		name := kg.Name{Text: fmt.Sprintf("Company No. %d", c), Kind: kg.NamePreferred}
		records = append(records, &kg.Entity{ID: f.id(c), Kind: kg.KindCompany, Names: []kg.Name{name}})
	}
	for _, r := range f.holds {
		records = append(records, r)
	}
	store := openTest(b, b.TempDir())
	for batch := range slices.Chunk(records, kg.MaxBatch) {
		if _, err := store.Apply(b.Context(), &kg.Batch{At: now, Put: batch}); err != nil {
			b.Fatal(err)
		}
	}
	v, err := kg.NewGraph(store, kg.Options{Now: func() time.Time { return now }}).View(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { v.Close() })
	return v
}

// BenchmarkOwnership asks for holdings in a forest of 100,000 companies, and
// tells how long half and 99 of 100 of the questions took at most.
func BenchmarkOwnership(b *testing.B) {
	f := newForest(100_000, 1)
	v := f.view(b)
	largest := slices.Index(f.below, slices.Max(f.below))
	draw := rand.New(rand.NewPCG(1, 5))
	owned := func() int {
		for {
			if c := draw.IntN(len(f.parent)); f.parent[c] >= 0 {
				return c
			}
		}
	}
	page := func(ctx context.Context, first int) (*kg.Page[*kg.Holding], error) {
		return v.Holdings(ctx, f.id(largest), kg.Out, kg.HoldingOptions{}, kg.PageArgs{First: &first})
	}
	for _, c := range []struct {
		name, unit string
		ask        func(ctx context.Context) (size int, err error)
	}{
		{"subsidiaries/first-50", "results", func(ctx context.Context) (int, error) {
			p, err := page(ctx, 50)
			if err != nil {
				return 0, err
			}
			return len(p.Items), nil
		}},
		{"subsidiaries/first-1000", "results", func(ctx context.Context) (int, error) {
			p, err := page(ctx, 1000)
			if err != nil {
				return 0, err
			}
			return len(p.Items), nil
		}},
		{"subsidiaries/all-counted", "results", func(ctx context.Context) (int, error) {
			p, err := page(ctx, 50)
			if err != nil {
				return 0, err
			}
			n, err := p.Count(ctx)
			if err == nil && n != f.below[largest] {
				err = fmt.Errorf("counted %d of %d", n, f.below[largest])
			}
			return n, err
		}},
		{"subsidiaries/effective-of-1000", "results", func(ctx context.Context) (int, error) {
			p, err := page(ctx, 1000)
			if err != nil {
				return 0, err
			}
			for _, h := range p.Values() {
				if _, err := h.Effective(ctx); err != nil {
					return 0, err
				}
			}
			return len(p.Items), nil
		}},
		{"ownership", "links", func(ctx context.Context) (int, error) {
			company := owned()
			r, err := v.Ownership(ctx, f.id(f.top(company)), f.id(company), 50, nil)
			if err != nil {
				return 0, err
			}
			return r.Chains[0].Length(), nil
		}},
		{"ultimate-parent", "links", func(ctx context.Context) (int, error) {
			company := owned()
			p, err := v.UltimateParent(ctx, f.id(company), nil)
			if err != nil {
				return 0, err
			}
			if p.Parent == nil || p.Parent.ID != f.id(f.top(company)) {
				return 0, fmt.Errorf("the head of %s was not found: %s", f.id(company), p.Reason)
			}
			return len(p.Chain) - 1, nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			total := 0
			for b.Loop() {
				start := time.Now()
				size, err := c.ask(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				took, total = append(took, time.Since(start)), total+size
			}
			slices.Sort(took)
			for unit, part := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
				b.ReportMetric(float64(took[int(part*float64(len(took)-1))])/float64(time.Millisecond), unit)
			}
			b.ReportMetric(float64(total)/float64(len(took)), c.unit)
		})
	}
}
