package kg

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
)

// MaxSteps is the largest number of steps of a traversal.
const MaxSteps = 10

// Step is one hop of a traversal: which relations lead on from the entities that
// have been reached so far.
type Step struct {
	// Types are the types that lead on; none given means all.
	Types []RelationType
	// Direction is seen from the entity that has been reached; 0 stands for Out.
	Direction Direction
	// During keeps events that happened in the period and states that held on
	// some day of it; the zero period restricts nothing.
	During Period
	// Certainty says whether During takes what the dates merely allow.
	Certainty Certainty
	// MinStake is in percent; relations without a share lead on only if it is 0.
	MinStake float64
	// Kinds are those of the entities that the step leads to; none given means all.
	Kinds []EntityKind
}

// Walk is a way through the graph. Links[i] joins Members[i] and Members[i+1],
// and its far end is the latter.
type Walk struct {
	Members []*Member
	Links   []*Link
}

// Length returns the number of links.
func (w *Walk) Length() int { return len(w.Links) }

// Reached is an entity at the end of a traversal.
type Reached struct {
	*Member
	// Walk is one way that leads there from one of the starts, with one link
	// for every step.
	Walk *Walk
}

const forwardOnly = "a traversal is paged forward only, with first and after"

// Traverse returns a page of the entities that the steps lead to from the
// starts, each once, in order of id (bytes). It only pages forward. A walk may
// come back to where it has been: only what the last step reaches counts.
//
// Each step asks for what was so on the day asOf, or on that of the view's
// clock. Where neither is set that is today, except for a step with a period,
// which its period alone restricts.
//
// Of several ways to an entity the one shown comes to it from the entity with
// the smallest id (bytes), by the first relation in its order, and so on back
// to the start.
//
// Starts that name no entity are passed over. A walk past the budget is an
// ErrTooComplex, since the ids that come first are not those that are reached
// first. Every page walks anew.
func (v *View) Traverse(ctx context.Context, from []ID, steps []Step, asOf *Day, p PageArgs) (*Page[*Reached], error) {
	queries, err := v.stepQueries(steps, asOf)
	if err != nil {
		return nil, err
	}
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	switch {
	case w.reverse:
		return nil, Invalidf("last", forwardOnly)
	case p.Before != nil:
		return nil, Invalidf("before", forwardOnly)
	}
	after, _, err := readCursors(p, readReachedCursor)
	if err != nil {
		return nil, err
	}
	starts, err := v.entities(ctx, from)
	if err != nil {
		return nil, err
	}
	hops, err := v.follow(ctx, starts, queries)
	if err != nil {
		return nil, err
	}
	all := slices.Sorted(maps.Keys(hops[len(hops)-1]))
	rest := all
	if after != nil {
		i, found := slices.BinarySearch(all, *after)
		if found {
			i++
		}
		rest = all[i:]
	}
	ways := make([]way, 0, w.size+1)
	var stops []ID
	for _, id := range rest[:min(len(rest), w.size+1)] {
		ways = append(ways, wayTo(id, hops))
		stops = append(stops, ways[len(ways)-1].stops...)
	}
	walks, err := v.walks(ctx, v.newCohort(stops), ways)
	if err != nil {
		return nil, err
	}
	reached := make([]*Reached, len(walks))
	for i, walk := range walks {
		for hop, l := range walk.Links {
			l.judge(queries[hop].When)
		}
		reached[i] = &Reached{Member: walk.Members[walk.Length()], Walk: walk}
	}
	count := func(context.Context) (int, error) { return len(all), nil }
	return newPage(reached, w, p, func(r *Reached) string { return reachedCursor(r.ID) }, count), nil
}

// stepQueries returns what each step asks the store, but for the frontier.
func (v *View) stepQueries(steps []Step, asOf *Day) ([]RelationQuery, error) {
	if len(steps) == 0 || len(steps) > MaxSteps {
		return nil, Invalidf("steps", "a traversal has 1 to %d steps, not %d", MaxSteps, len(steps))
	}
	set, err := v.momentOr(asOf)
	if err != nil {
		return nil, err
	}
	queries := make([]RelationQuery, len(steps))
	for i, s := range steps {
		if !(s.MinStake >= 0 && s.MinStake <= 100) {
			return nil, Invalidf(fmt.Sprintf("steps[%d].minStake", i), "a stake is a number of percent from 0 to 100, not %v", s.MinStake)
		}
		when := When{During: s.During, Certainty: s.Certainty, AsOf: set}
		if set == nil && s.During.IsZero() {
			when.AsOf = &v.today
		}
		queries[i] = RelationQuery{
			Direction: cmp.Or(s.Direction, Out), Types: s.Types, When: when, MinStake: s.MinStake, Kinds: s.Kinds, Direct: true,
		}
	}
	return queries, nil
}

// momentOr returns the day, else that of the view's clock, else none.
func (v *View) momentOr(day *Day) (*Day, error) {
	if day != nil {
		return day, nil
	}
	return v.Moment(nil)
}

// arrival is how a traversal first came to an entity on one of its hops.
type arrival struct {
	from     ID
	relation *Relation
}

// follow walks from the entities, one query a hop, and returns for every hop
// the entities it reached.
func (v *View) follow(ctx context.Context, starts []*Entity, queries []RelationQuery) ([]map[ID]arrival, error) {
	w, ctx, cancel := v.newWalk(ctx, "the traversal")
	defer cancel()
	frontier := make(map[ID]arrival)
	for _, e := range starts {
		if e != nil {
			frontier[e.ID] = arrival{}
		}
	}
	if err := w.reach(len(frontier)); err != nil {
		return nil, err
	}
	hops := make([]map[ID]arrival, len(queries))
	for i, q := range queries {
		hops[i] = make(map[ID]arrival)
		if len(frontier) == 0 {
			continue
		}
		q.Of = slices.Sorted(maps.Keys(frontier))
		var over error
		err := w.relations(ctx, q, func(e Edge) bool {
			here := q.Of[e.At]
			far, _ := e.Relation.Other(here)
			if _, ok := hops[i][far]; ok {
				return true
			}
			hops[i][far] = arrival{here, e.Relation}
			over = w.reach(1)
			return over == nil
		})
		if err := cmp.Or(err, over); err != nil {
			return nil, err
		}
		frontier = hops[i]
	}
	return hops, nil
}

// way is a walk before its parts are made ready to be asked further.
type way struct {
	stops     []ID
	relations []*Relation
}

// wayTo returns the way to an entity that the last hop reached.
func wayTo(id ID, hops []map[ID]arrival) way {
	way := way{stops: make([]ID, len(hops)+1), relations: make([]*Relation, len(hops))}
	way.stops[len(hops)] = id
	for i := len(hops) - 1; i >= 0; i-- {
		a := hops[i][way.stops[i+1]]
		way.stops[i], way.relations[i] = a.from, a.relation
	}
	return way
}

// walks makes ways ready to be asked further. All their stops are in the
// cohort, and ways that have a hop in common share its link.
func (v *View) walks(ctx context.Context, c *cohort, ways []way) ([]*Walk, error) {
	type passage struct {
		hop           int
		relation, far ID
	}
	at := make(map[passage]int)
	var relations []*Relation
	var passages []passage
	for _, way := range ways {
		for hop, r := range way.relations {
			p := passage{hop, r.ID, way.stops[hop+1]}
			if _, ok := at[p]; !ok {
				at[p] = len(relations)
				relations, passages = append(relations, r), append(passages, p)
			}
		}
	}
	links := v.linksAmong(c, relations, func(i int) ID { return passages[i].far })
	walks := make([]*Walk, len(ways))
	for i, way := range ways {
		walk := &Walk{Members: make([]*Member, len(way.stops)), Links: make([]*Link, len(way.relations))}
		for j, id := range way.stops {
			m, err := c.end(ctx, id)
			if err != nil {
				return nil, err
			}
			walk.Members[j] = m
		}
		for hop, r := range way.relations {
			walk.Links[hop] = links[at[passage{hop, r.ID, way.stops[hop+1]}]]
		}
		walks[i] = walk
	}
	return walks, nil
}

// end returns the member with the id, to which some relation leads.
func (c *cohort) end(ctx context.Context, id ID) (*Member, error) {
	m, err := c.member(ctx, id)
	if m == nil && err == nil {
		err = fmt.Errorf("a relation leads to %s, which is not there", id)
	}
	return m, err
}

// linksAmong is links for relations between members of a cohort: asked for
// their ends, they need no call of the store.
func (v *View) linksAmong(c *cohort, relations []*Relation, far func(i int) ID) []*Link {
	links := make([]*Link, len(relations))
	cited := make([][]Citation, len(relations))
	for i, r := range relations {
		cited[i] = r.Citations
	}
	sources := v.newSourceSet(cited...)
	for i, r := range relations {
		links[i] = &Link{Relation: r, Far: far(i), ends: c, fars: c, sources: sources}
	}
	return links
}

func reachedCursor(id ID) string { return newCursor(reachedList).text(string(id)).String() }

func readReachedCursor(argument, cursor string) (ID, error) {
	r := openCursor(reachedList, cursor)
	id := ID(r.text())
	return id, r.err(argument)
}
