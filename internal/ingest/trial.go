package ingest

import (
	"context"
	"errors"
	"slices"

	"keiretsu/internal/kg"
)

// trial finds out what an import would make of drafts, without writing. It takes
// for granted that entities and sources that a draft names are there.
type trial struct {
	*Import
	report Report
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
	for _, d := range t.drafts {
		for _, id := range d.mentions() {
			x.sources[id] = true
			x.add(id)
		}
		before := b.lengths()
		d.write(b)
		if len(b.problems) > 0 {
			t.report.Dropped.addAll(b.problems)
			b.problems = nil
			b.cut(before)
		}
	}
	t.metrics = x.metrics
	t.drafts, t.weight = t.drafts[:0], 0
	return t.look(ctx, graph, b)
}

// look counts the claims that could be recorded, and those that are already.
func (t *trial) look(ctx context.Context, graph Graph, b *batch) error {
	seen := make(map[kg.ID]bool)
	for i, c := range b.out.Claims {
		if err := c.Check(); err != nil {
			reason := err.Error()
			if invalid, ok := errors.AsType[*kg.InvalidError](err); ok {
				reason = invalid.Reason
			}
			t.report.Dropped.add(&Problem{b.origins[kg.InClaims][i], reason})
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
		default:
			t.report.Applied.Withheld++
		}
	}
	return nil
}
