package ingest

import (
	"context"
	"hash/maphash"
	"slices"

	"keiretsu/internal/kg"
)

// trial finds out what an import would make of drafts, without writing. It is shown
// all of them twice: first to learn whom they describe, then to look at each.
type trial struct {
	*Import
	report Report
	// seed makes hashes of ids, by which those of millions are remembered.
	seed maphash.Seed
	// described are the entities and sources that some draft describes, hinted
	// the entities of which one tells something, made those of them of which an
	// entity was made.
	described, hinted, made map[uint64]bool
	// people are the described ones that are persons, or hinted to be where none
	// describes them.
	people, hintedPeople map[uint64]bool
	// gone are the claims that drafts take back.
	gone   map[uint64]bool
	drafts []Draft
	weight int
	// metrics are those that were read so far.
	metrics map[string]*kg.Metric
}

// nothing is a graph that holds nothing.
type nothing struct{}

func (nothing) Records(_ context.Context, ids []kg.ID) ([]kg.Record, error) {
	return make([]kg.Record, len(ids)), nil
}

func (nothing) Apply(context.Context, kg.Write) (kg.Applied, error) { return kg.Applied{}, nil }

func newTrial(i *Import) *trial {
	return &trial{
		Import: i, seed: maphash.MakeSeed(), described: make(map[uint64]bool), hinted: make(map[uint64]bool), made: make(map[uint64]bool),
		people: make(map[uint64]bool), hintedPeople: make(map[uint64]bool), gone: make(map[uint64]bool),
	}
}

func (t *trial) hash(id kg.ID) uint64 { return maphash.String(t.seed, string(id)) }

// learn notes whom a draft describes.
func (t *trial) learn(d Draft) {
	x := emptyIndex()
	d.declare(&x)
	for id := range x.people {
		t.people[t.hash(id)] = true
	}
	for id := range x.entities {
		t.described[t.hash(id)] = true
	}
	for id := range x.sources {
		t.described[t.hash(id)] = true
	}
	for _, n := range d.needs() {
		if n.hint != nil && n.entity != "" {
			t.hinted[t.hash(n.entity)] = true
			if entityKinds[n.hint.Kind.Value] == kg.KindPerson {
				t.hintedPeople[t.hash(n.entity)] = true
			}
		}
	}
}

func (t *trial) add(ctx context.Context, d Draft) error {
	t.report.count(d)
	t.drafts = append(t.drafts, d)
	if t.weight += weightOf(d); t.weight < batchWeight {
		return nil
	}
	return t.flush(ctx)
}

func (t *trial) flush(ctx context.Context) error {
	var graph Graph = nothing{}
	if t.Graph != nil {
		graph = t.Graph
	}
	x, err := newIndex(ctx, graph, t.drafts)
	if err != nil {
		return err
	}
	for name, m := range t.metrics {
		x.metrics[name] = m
	}
	b := &batch{index: x, origins: make(map[kg.WriteList][]Position)}
	write := func(d Draft) {
		before := b.lengths()
		d.write(b)
		if len(b.problems) > 0 {
			t.report.Dropped.addAll(b.problems)
			b.problems = nil
			b.cut(before)
		}
	}
	for _, d := range t.drafts {
		for _, id := range d.mentions() {
			if t.described[t.hash(id)] {
				x.sources[id] = true
				x.add(id)
			}
		}
		for _, made := range fromHints(d, x) {
			if h := t.hash(id(made.(*Entity).ID)); !t.made[h] {
				t.made[h] = true
				t.report.Made++
				made.declare(&x)
				write(made)
			}
		}
	}
	for _, d := range t.drafts {
		for _, id := range d.mentions() {
			h := t.hash(id)
			if t.hinted[h] {
				x.add(id)
			}
			if t.people[h] || t.hintedPeople[h] && !t.described[h] {
				x.people[id] = true
			}
		}
		write(d)
	}
	t.metrics = x.metrics
	t.drafts, t.weight = t.drafts[:0], 0
	return t.look(ctx, graph, b)
}

// look counts the claims that could be recorded, and those that are already.
func (t *trial) look(ctx context.Context, graph Graph, b *batch) error {
	seen := make(map[kg.ID]bool)
	for i, c := range b.out.Claims {
		err := c.Check()
		for _, m := range append(c.Mentioned(), kg.Mentioned{Entity: c.AttributedTo}) {
			if _, ok := b.entities[m.Entity]; !ok && m.Entity != "" && err == nil {
				err = kg.Invalidf("", "there is no entity %.40q", m.Entity)
			}
		}
		if err != nil {
			t.report.Dropped.add(&Problem{b.origins[kg.InClaims][i], reasonOf(err)})
			continue
		}
		seen[c.ContentID()] = true
	}
	ids := make([]kg.ID, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	records, err := graph.Records(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range records {
		switch c, ok := r.(*kg.Claim); {
		case !ok:
			t.report.Applied.Recorded++
		case c.Live():
			t.report.Applied.Known++
		case c.Retracted.Reason == Outdated:
			t.report.Applied.Recorded++
		default:
			t.report.Applied.Withheld++
		}
	}
	return t.lookBack(ctx, graph, b)
}

// lookBack counts the claims that would be taken back: those that stand, and those
// that the files themselves make.
func (t *trial) lookBack(ctx context.Context, graph Graph, b *batch) error {
	var ids []kg.ID
	for _, r := range b.out.Retractions {
		if h := t.hash(r.ID); !t.gone[h] {
			t.gone[h] = true
			ids = append(ids, r.ID)
		}
	}
	records, err := graph.Records(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range records {
		if c, ok := r.(*kg.Claim); !ok || c.Live() {
			t.report.Applied.Retracted++
		}
	}
	return nil
}
