package ingest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"keiretsu/internal/kg"
)

// index knows every record that a load may name: those it adds and, of those it
// mentions, the ones that the graph holds.
type index struct {
	sources map[kg.ID]bool
	// entities holds the fiscal year ends, or the zero date.
	entities map[kg.ID]kg.PartialDate
	metrics  map[string]*kg.Metric
}

// newIndex looks up what the drafts mention, then adds what they declare.
func newIndex(ctx context.Context, graph Graph, drafts []Draft) (index, error) {
	x := index{map[kg.ID]bool{}, map[kg.ID]kg.PartialDate{}, map[string]*kg.Metric{}}
	mentioned := map[kg.ID]bool{}
	for _, d := range drafts {
		for _, id := range d.mentions() {
			mentioned[id] = true
		}
	}
	delete(mentioned, "")
	records, err := graph.Records(ctx, slices.Sorted(maps.Keys(mentioned)))
	if err != nil {
		return x, fmt.Errorf("ingest: look up what the graph holds: %w", err)
	}
	for _, r := range records {
		switch r := r.(type) {
		case *kg.Source:
			x.sources[r.ID] = true
		case *kg.Metric:
			x.metrics[r.Name] = r
		case *kg.Entity:
			x.entities[r.ID] = r.FiscalYearEnd
		}
	}
	for _, d := range drafts {
		d.declare(&x)
	}
	return x, nil
}

func id(t Text) kg.ID { return kg.ID(t.Value) }

func sourcesOf(cites []Citation) []kg.ID {
	var ids []kg.ID
	for _, c := range cites {
		ids = append(ids, id(c.Source))
	}
	return ids
}

func (d *Source) mentions() []kg.ID { return nil }

func (d *Metric) mentions() []kg.ID {
	var ids []kg.ID
	for _, same := range d.SameAs {
		ids = append(ids, kg.MetricID(same.Value))
	}
	return ids
}

func (d *Entity) mentions() []kg.ID {
	ids := append(sourcesOf(d.Cites), id(d.ID))
	for _, n := range d.Names {
		ids = append(ids, sourcesOf(n.Cites)...)
	}
	for _, i := range d.Identifiers {
		ids = append(ids, sourcesOf(i.Cites)...)
	}
	return ids
}

func (d *Relation) mentions() []kg.ID {
	return append(sourcesOf(d.Cites), id(d.From), id(d.To), id(d.AttributedTo))
}

func (d *Figure) mentions() []kg.ID {
	return append(sourcesOf(d.Cites), id(d.Of), id(d.AttributedTo), kg.MetricID(d.Metric.Value))
}

func (d *Conflict) mentions() []kg.ID {
	ids := []kg.ID{id(d.About)}
	for _, s := range d.Claims {
		ids = append(ids, sourcesOf(s.Cites)...)
	}
	return ids
}

func (d *Claim) mentions() []kg.ID {
	ids := []kg.ID{d.Claim.Source, d.Claim.AttributedTo}
	for _, m := range d.Claim.Mentioned() {
		ids = append(ids, m.Entity)
	}
	if f, ok := d.Claim.Statement.(*kg.Figure); ok {
		ids = append(ids, kg.MetricID(f.Metric))
	}
	return ids
}

func (d *Retraction) mentions() []kg.ID { return d.Draft.mentions() }
func (d *Moment) mentions() []kg.ID     { return nil }

func (d *Source) declare(x *index) { x.sources[id(d.ID)] = true }

func (d *Metric) declare(x *index) {
	x.metrics[d.Name.Value] = &kg.Metric{Name: d.Name.Value, Unit: d.Unit.Value}
}

func (d *Entity) declare(x *index) {
	end := x.entities[id(d.ID)]
	if stated, err := parseYearEnd(d.FiscalYearEnd.Value); err == nil {
		end = stated
	}
	x.entities[id(d.ID)] = end
}

func (d *Claim) declare(x *index) {
	switch s := d.Claim.Statement.(type) {
	case *kg.EntityStatement:
		x.entities[s.Entity] = x.entities[s.Entity]
	case *kg.FiscalYearStatement:
		x.entities[s.Entity] = s.End
	}
}

func (d *Relation) declare(*index)   {}
func (d *Figure) declare(*index)     {}
func (d *Conflict) declare(*index)   {}
func (d *Retraction) declare(*index) {}
func (d *Moment) declare(*index)     {}
