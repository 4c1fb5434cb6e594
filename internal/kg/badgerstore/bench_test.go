package badgerstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"keiretsu/internal/kg"
)

// The benchmarks below read from one store each that is built anew: figures of
// one run may be compared with each other.

// BenchmarkHub reads a page of 50 at an entity with 100,000 relations.
func BenchmarkHub(b *testing.B) {
	const relations, page = 100_000, 50
	s := openTest(b, b.TempDir())
	hub(b, s, relations)
	snap := snapshotOf(b, s)
	middle := kg.RelationPlace{Start: kg.MustDate(startDate(2000)).Place()}
	year := kg.When{During: kg.MustPeriod("1975"), Certainty: kg.Possible}
	for _, c := range []struct {
		name string
		q    kg.RelationQuery
	}{
		{"first page", kg.RelationQuery{Direction: kg.Both}},
		{"middle page", kg.RelationQuery{Direction: kg.Both, After: &middle}},
		{"middle page backwards", kg.RelationQuery{Direction: kg.Both, Before: &middle, Reverse: true}},
		{"first page of a type in a year", kg.RelationQuery{Direction: kg.Out, Types: []kg.RelationType{kg.Acquired}, When: year}},
	} {
		c.q.Of, c.q.Limit = []kg.ID{"hub"}, page
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if n := len(all(b, snap.Relations(context.Background(), c.q))); n != page {
					b.Fatalf("%d relations", n)
				}
			}
		})
	}
	b.Run("all of it", func(b *testing.B) {
		n := 0
		for b.Loop() {
			for _, err := range snap.Relations(context.Background(), kg.RelationQuery{Of: []kg.ID{"hub"}, Direction: kg.Both}) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/relation")
	})
}

// graphOf fills a store with companies that have five relations and ten
// figures each.
func graphOf(b *testing.B, entities int) (*Store, []kg.ID) {
	b.Helper()
	s := openTest(b, b.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	var ids []kg.ID
	var records []kg.Record
	for i := range entities {
		id := fmt.Sprintf("company-%06d", i)
		ids = append(ids, kg.ID(id))
		records = append(records, company(id))
		for j := range 5 {
			other := fmt.Sprintf("company-%06d", random.IntN(entities))
			records = append(records, relation(fmt.Sprintf("r-%06d-%d", i, j), kg.RelationType(j+1), id, other, startDate(i*j)))
		}
		for j := range 10 {
			records = append(records, figure(i, j))
		}
		if len(records) >= 5_000 || i == entities-1 {
			apply(b, s, records...)
			records = nil
		}
	}
	return s, ids
}

func figure(entity, i int) *kg.Observation {
	return &kg.Observation{
		ID: kg.ID(fmt.Sprintf("o-%06d-%d", entity, i)),
		Figure: kg.Figure{
			Subject: kg.ID(fmt.Sprintf("company-%06d", entity)), Metric: []string{"revenue", "employees"}[i%2],
			Value: float64(i), Unit: "USD", Period: kg.MustPeriod(fmt.Sprint(2010 + i/2)),
		},
		Citations: []kg.Citation{{Claim: "c-0123456789abcdef", Source: "doc-000", Locator: "line 49"}},
	}
}

// BenchmarkGraph asks single questions of 20,000 companies.
func BenchmarkGraph(b *testing.B) {
	s, ids := graphOf(b, 20_000)
	// Read from tables, as after a restart.
	dir := s.dir
	closeStore(b, s)
	s = openTest(b, dir)
	snap := snapshotOf(b, s)
	ctx := context.Background()
	random := rand.New(rand.NewPCG(3, 4))
	draw := func(n int) []kg.ID {
		drawn := make([]kg.ID, n)
		for i, at := 0, random.IntN(len(ids)); i < n; i++ {
			drawn[i] = ids[(at+i*7)%len(ids)]
		}
		return drawn
	}
	b.Run("get 1", func(b *testing.B) {
		for b.Loop() {
			if found, err := snap.Get(ctx, draw(1)); err != nil || found[0] == nil {
				b.Fatal(found, err)
			}
		}
	})
	b.Run("find 1", func(b *testing.B) {
		for b.Loop() {
			name := kg.FoldName(string(draw(1)[0]))
			if found, err := snap.Find(ctx, []kg.FindKey{{Name: name}}); err != nil || len(found[0]) != 1 {
				b.Fatal(found, err)
			}
		}
	})
	for _, c := range []struct {
		name string
		q    kg.RelationQuery
	}{
		{"hop of 1000, both ways", kg.RelationQuery{Direction: kg.Both}},
		{"hop of 1000, one type", kg.RelationQuery{Direction: kg.Out, Types: []kg.RelationType{kg.Owns}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			edges := 0
			for b.Loop() {
				c.q.Of = draw(1000)
				edges += len(all(b, snap.Relations(ctx, c.q)))
			}
			b.ReportMetric(float64(edges)/float64(b.N), "relations/op")
		})
	}
	b.Run("observations of 1000, one metric", func(b *testing.B) {
		for b.Loop() {
			q := kg.ObservationQuery{Of: draw(1000), Metrics: []string{"revenue"}}
			if n := len(all(b, snap.Observations(ctx, q))); n != 5_000 {
				b.Fatalf("%d observations", n)
			}
		}
	})
	b.Run("scan page of entities", func(b *testing.B) {
		for b.Loop() {
			if n := len(all(b, snap.Scan(ctx, kg.ScanQuery{Kind: kg.RecordEntity, Limit: 50}))); n != 50 {
				b.Fatalf("%d entities", n)
			}
		}
	})
}

// BenchmarkApply loads batches of 5,000 new records: a company, its figures and
// its relations.
func BenchmarkApply(b *testing.B) {
	const size = 5_000
	s := openTest(b, b.TempDir())
	loaded, entity := 0, 0
	for b.Loop() {
		batch := &kg.Batch{At: noon}
		for len(batch.Put) < size {
			id := fmt.Sprintf("company-%06d", entity)
			batch.Put = append(batch.Put, company(id))
			for j := range 5 {
				batch.Put = append(batch.Put, figure(entity, j),
					relation(fmt.Sprintf("r-%06d-%d", entity, j), kg.RelationType(j+1), id, fmt.Sprintf("company-%06d", entity/2+j), startDate(entity+j)))
			}
			entity++
		}
		loaded += len(batch.Put)
		if _, err := s.Apply(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(loaded)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkApplyOne commits one record at a time: what syncing costs.
func BenchmarkApplyOne(b *testing.B) {
	s := openTest(b, b.TempDir())
	i := 0
	for b.Loop() {
		i++
		apply(b, s, company(fmt.Sprintf("company-%06d", i)))
	}
}

// BenchmarkWriters commits one record at a time, from one writer or several that
// each wait for their own: what sharing a sync gains.
func BenchmarkWriters(b *testing.B) {
	for _, writers := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s := openTest(b, b.TempDir())
			began := s.Activity()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						batch := &kg.Batch{At: noon, Put: []kg.Record{company(fmt.Sprintf("company-%06d", i))}}
						if _, err := s.Apply(context.Background(), batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			got := s.Activity()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(float64(got.Commits-began.Commits)/float64(got.Groups-began.Groups), "commits/group")
		})
	}
}
