package badgerstore

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"keiretsu/internal/kg"
)

// supplier is a graph in which one company supplies many others, each relation
// told by some claims, of which the first is known from 2021 on and the others
// from 2023 on.
type supplier struct {
	customers, claims int
	// apart: the claims after the first speak of somebody else, of whom there
	// are no facts, so that the store is as large and its facts rest on one.
	apart bool
}

var (
	early = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	late  = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	today = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
)

// graph records it in a store that lasts as long as the benchmark. All claims of
// a relation stand at one place of one source, and those after the first are
// less precise, so that the fact is the same however often it is told: what is
// left is what history costs.
func (s supplier) graph(b *testing.B) *kg.Graph {
	b.Helper()
	now := early
	store := openTest(b, b.TempDir())
	g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return now }})
	record := func(w kg.Write) {
		if _, err := g.Apply(context.Background(), w); err != nil {
			b.Fatal(err)
		}
	}
	say := func(i int, statement kg.Statement) *kg.Claim {
		return &kg.Claim{Statement: statement, Source: "registry", Locator: fmt.Sprint("row ", i)}
	}
	company := func(i int, id kg.ID) []*kg.Claim {
		return []*kg.Claim{
			say(i, &kg.EntityStatement{Entity: id, Kind: kg.KindCompany}),
			say(i, &kg.NameStatement{Entity: id, Text: fmt.Sprint("Company No. ", i), Kind: kg.NamePreferred}),
		}
	}
	record(kg.Write{Sources: []*kg.Source{{ID: "registry", Title: "A registry"}}, Claims: company(-1, "hub")})
	for piece := range slices.Chunk(slices.Collect(upTo(s.customers)), 2500) {
		var first, more kg.Write
		for _, i := range piece {
			id := kg.ID(fmt.Sprintf("c%07d", i))
			first.Claims = append(first.Claims, company(i, id)...)
			supplies := func(start string, args ...any) *kg.RelationStatement {
				return &kg.RelationStatement{Type: kg.Supplies, From: "hub", To: id, Start: kg.MustDate(fmt.Sprintf(start, args...))}
			}
			year := 1970 + i%50
			first.Claims = append(first.Claims, say(i, supplies("%d-%02d-%02d", year, 1+i%12, 1+i%28)))
			for j := 1; j < s.claims; j++ {
				again := say(i, supplies("[%d..%d]", year-j, year+j))
				if more.Claims = append(more.Claims, again); s.apart {
					again.ID, again.Recorded = kg.ID(fmt.Sprintf("c-%010d-%05d", i, j)), late
					again.Statement.(*kg.RelationStatement).From = "somebody else"
				}
			}
		}
		now = early
		record(first)
		now = late
		for piece := range slices.Chunk(more.Claims, 7500) {
			if !s.apart {
				record(kg.Write{Claims: piece})
				continue
			}
			batch := &kg.Batch{At: late}
			for _, c := range piece {
				batch.Put = append(batch.Put, c)
			}
			if _, err := store.Apply(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	now = today
	return g
}

func upTo(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// ask opens the graph as it was known at an instant, asks, and returns how long
// that took.
func ask(b *testing.B, g *kg.Graph, at time.Time, question func(ctx context.Context, v *kg.View) error) time.Duration {
	b.Helper()
	began := time.Now()
	v, err := g.View(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	v.KnownBy(at)
	if err := question(b.Context(), v); err != nil {
		b.Fatal(err)
	}
	if err := v.Close(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// hubPage asks for the first page of what the hub supplies, with the companies
// at the far end.
func hubPage(ctx context.Context, v *kg.View) error {
	m, err := v.Entity(ctx, kg.EntityKey{ID: "hub"})
	if err != nil || m == nil {
		return fmt.Errorf("the hub: %v, %w", m, err)
	}
	page, err := m.Relations(ctx, kg.RelationFilter{Direction: kg.Out, Types: []kg.RelationType{kg.Supplies}}, kg.PageArgs{})
	if err != nil || len(page.Items) != kg.DefaultPage {
		return fmt.Errorf("a page of %d: %w", len(page.Items), err)
	}
	_, err = page.Values()[0].FarMember(ctx)
	return err
}

// customerPage asks for the relations of one of the many.
func customerPage(ctx context.Context, v *kg.View) error {
	m, err := v.Entity(ctx, kg.EntityKey{Name: "company no. 77"})
	if err != nil || m == nil {
		return fmt.Errorf("a customer: %v, %w", m, err)
	}
	page, err := m.Relations(ctx, kg.RelationFilter{Direction: kg.Both}, kg.PageArgs{})
	if err != nil || len(page.Items) != 1 {
		return fmt.Errorf("a page of %d: %w", len(page.Items), err)
	}
	return nil
}

// graphPage asks for the first page of all relations.
func graphPage(ctx context.Context, v *kg.View) error {
	page, err := v.Relations(ctx, kg.RelationFilter{}, kg.PageArgs{})
	if err != nil || len(page.Items) != kg.DefaultPage {
		return fmt.Errorf("a page of %d: %w", len(page.Items), err)
	}
	return nil
}

// namePage asks for the first page of all companies by name.
func namePage(ctx context.Context, v *kg.View) error {
	page, err := v.Entities(ctx, nil, kg.PageArgs{})
	if err != nil || len(page.Items) != kg.DefaultPage {
		return fmt.Errorf("a page of %d: %w", len(page.Items), err)
	}
	return nil
}

var questions = []struct {
	name string
	ask  func(ctx context.Context, v *kg.View) error
}{{"customer", customerPage}, {"hub", hubPage}, {"graph", graphPage}, {"names", namePage}}

// BenchmarkPresent asks in turn a graph whose facts rest on one claim each, and
// one of the same size whose facts rest on ten. Reading for now does not look at
// claims, so the ratio of the medians is that of two equal things.
func BenchmarkPresent(b *testing.B) {
	one, ten := supplier{2500, 10, true}.graph(b), supplier{2500, 10, false}.graph(b)
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) {
			var few, many []time.Duration
			for b.Loop() {
				few = append(few, ask(b, one, today, q.ask))
				many = append(many, ask(b, ten, today, q.ask))
			}
			b.ReportMetric(median(many)/median(few), "ten/one")
		})
	}
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2])
}

// BenchmarkPast asks for now, and for a moment of the past at which one claim in
// three had been recorded.
func BenchmarkPast(b *testing.B) {
	for _, customers := range []int{1000, 100_000} {
		g := supplier{customers, 3, false}.graph(b)
		for _, q := range questions {
			for _, clock := range []struct {
				name string
				at   time.Time
			}{{"now", today}, {"then", early.Add(time.Hour)}} {
				b.Run(fmt.Sprintf("%s/customers=%d/%s", q.name, customers, clock.name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						ask(b, g, clock.at, q.ask)
					}
				})
			}
		}
	}
}
