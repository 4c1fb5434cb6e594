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
	// people are those of the entities that are persons.
	people  map[kg.ID]bool
	metrics map[string]*kg.Metric
}

func emptyIndex() index {
	return index{map[kg.ID]bool{}, map[kg.ID]kg.PartialDate{}, map[kg.ID]bool{}, map[string]*kg.Metric{}}
}

// newIndex looks up what the drafts mention, then adds what they declare.
func newIndex(ctx context.Context, graph Graph, drafts []Draft) (index, error) {
	x := emptyIndex()
	mentioned := map[kg.ID]bool{}
	for _, d := range drafts {
		for _, id := range d.mentions() {
			mentioned[id] = true
		}
	}
	delete(mentioned, "")
	ids := slices.Sorted(maps.Keys(mentioned))
	if err := x.lookUp(ctx, graph, ids, ids); err != nil {
		return x, fmt.Errorf("ingest: look up what the graph holds: %w", err)
	}
	for _, d := range drafts {
		d.declare(&x)
	}
	return x, nil
}

// lookUp notes what stands behind the ids, aligned with the names by which it is
// called: an entity that has become part of another still answers to its own.
func (x *index) lookUp(ctx context.Context, graph Graph, ids, names []kg.ID) error {
	records, err := graph.Records(ctx, ids)
	if err != nil {
		return err
	}
	var next, called []kg.ID
	for i, r := range records {
		switch r := r.(type) {
		case *kg.Source:
			x.sources[r.ID] = true
		case *kg.Metric:
			x.metrics[r.Name] = r
		case *kg.Entity:
			x.entities[names[i]] = r.FiscalYearEnd
			x.people[names[i]] = r.Kind == kg.KindPerson
		case *kg.Redirect:
			next, called = append(next, r.To), append(called, names[i])
		}
	}
	if len(next) == 0 {
		return nil
	}
	return x.lookUp(ctx, graph, next, called)
}

// add makes an entity known, whose year end may be known already.
func (x *index) add(id kg.ID) {
	if _, ok := x.entities[id]; !ok {
		x.entities[id] = kg.PartialDate{}
	}
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
	ids := []kg.ID{kg.MetricID(d.Name.Value)}
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

func (d *Naming) mentions() []kg.ID { return append(sourcesOf(d.Cites), id(d.Of)) }

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

func (d *Claims) mentions() []kg.ID {
	var ids []kg.ID
	for _, c := range d.Claims {
		ids = append(ids, c.Source, c.AttributedTo)
		for _, m := range c.Mentioned() {
			ids = append(ids, m.Entity)
		}
		if f, ok := c.Statement.(*kg.Figure); ok {
			ids = append(ids, kg.MetricID(f.Metric))
		}
	}
	return ids
}

func (d *Noted) mentions() []kg.ID {
	ids := []kg.ID{d.Conflict.About}
	for _, p := range d.Conflict.Claims {
		for _, c := range p.Citations {
			ids = append(ids, c.Source, c.AttributedTo)
		}
	}
	return ids
}

func (d *Retraction) mentions() []kg.ID { return d.Draft.mentions() }
func (d *Moment) mentions() []kg.ID     { return nil }
func (d *Settled) mentions() []kg.ID    { return nil }

func (d *Source) declare(x *index) { x.sources[id(d.ID)] = true }

// isLeft reports that the graph has a metric of the name, which stays as it is.
func (d *Metric) isLeft(x *index) bool {
	held := x.metrics[d.Name.Value]
	return d.Default && held != nil && held.Definition != ""
}

func (d *Metric) declare(x *index) {
	if d.isLeft(x) {
		return
	}
	x.metrics[d.Name.Value] = &kg.Metric{Name: d.Name.Value, Unit: d.Unit.Value}
}

func (d *Entity) declare(x *index) {
	end, known := x.entities[id(d.ID)]
	if !known && entityKinds[d.Kind.Value] == kg.KindPerson {
		x.people[id(d.ID)] = true
	}
	if stated, err := parseYearEnd(d.FiscalYearEnd.Value); err == nil {
		end = stated
	}
	x.entities[id(d.ID)] = end
}

func (d *Claims) declare(x *index) {
	for _, c := range d.Claims {
		switch s := c.Statement.(type) {
		case *kg.EntityStatement:
			x.add(s.Entity)
		case *kg.FiscalYearStatement:
			x.entities[s.Entity] = s.End
		}
	}
}

func (d *Naming) declare(*index)     {}
func (d *Relation) declare(*index)   {}
func (d *Figure) declare(*index)     {}
func (d *Conflict) declare(*index)   {}
func (d *Noted) declare(*index)      {}
func (d *Retraction) declare(*index) {}
func (d *Moment) declare(*index)     {}
func (d *Settled) declare(*index)    {}

func (d *Source) needs() []need  { return nil }
func (d *Metric) needs() []need  { return nil }
func (d *Entity) needs() []need  { return nil }
func (d *Moment) needs() []need  { return nil }
func (d *Settled) needs() []need { return nil }

func (d *Naming) needs() []need { return []need{{id(d.Of), nil}} }

func (d *Relation) needs() []need {
	return []need{{id(d.From), d.FromHint}, {id(d.To), d.ToHint}, {id(d.AttributedTo), nil}}
}

func (d *Figure) needs() []need {
	return []need{{id(d.Of), d.OfHint}, {id(d.AttributedTo), nil}}
}

func (d *Conflict) needs() []need { return []need{{id(d.About), nil}} }
func (d *Noted) needs() []need    { return []need{{d.Conflict.About, nil}} }

// needs leaves out what the claims themselves say exists.
func (d *Claims) needs() []need {
	said := make(map[kg.ID]bool)
	var needed []need
	for _, c := range d.Claims {
		if s, ok := c.Statement.(*kg.EntityStatement); ok {
			said[s.Entity] = true
		}
	}
	for _, c := range d.Claims {
		for _, m := range c.Mentioned() {
			if !said[m.Entity] {
				needed = append(needed, need{m.Entity, nil})
			}
		}
		needed = append(needed, need{c.AttributedTo, nil})
	}
	return needed
}

func (d *Retraction) needs() []need { return nil }
