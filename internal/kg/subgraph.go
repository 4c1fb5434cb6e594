package kg

import (
	"context"
	"slices"
)

// Measure says by what the entities of an EdgeList are ranked.
type Measure uint8

// The measures.
const (
	// PageRank: how often a walk that follows relations in their direction
	// comes by, jumping to anywhere once in seven steps or so (damping 0.85;
	// Brin and Page, "The anatomy of a large-scale hypertextual Web search
	// engine", 1998).
	PageRank Measure = iota + 1
	// Betweenness: on how many shortest ways between two others an entity
	// lies, relations taken in either direction, every pair counted there and
	// back (Freeman 1977, computed as in Brandes 2001).
	Betweenness
)

var measureNames = enumNames{"", "PAGERANK", "BETWEENNESS"}

// String returns the name in capitals.
func (m Measure) String() string { return measureNames.text(uint8(m)) }

// ParseMeasure reads what String returns.
func ParseMeasure(s string) (Measure, error) {
	m, err := measureNames.parse("measure", s)
	return Measure(m), err
}

// EdgeList is a part of the graph as algorithms take it: entities by number and
// which of them are joined. It holds no loops and no edge twice.
type EdgeList struct {
	// IDs are the entities at which an edge stands, in order of id; their
	// numbers are their places here.
	IDs []ID
	// Edges lead from the entity at which the relation starts to that to which
	// it leads, in order.
	Edges [][2]int32
}

// EdgeList reads the relations that pass the filter, with both ends of the
// kinds asked for; summaries of chains are none of them. More than the budget of a walk is TooComplexError.
func (v *View) EdgeList(ctx context.Context, f RelationFilter) (*EdgeList, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	w, ctx, cancel := v.newWalk(ctx, "the part of the graph asked for")
	defer cancel()
	type edge struct{ from, to ID }
	seen := make(map[edge]bool)
	var ids []ID
	q := RelationQuery{All: true, Types: f.Types, When: f.When, MinStake: f.MinStake, Direct: true}
	err := w.relations(ctx, q, func(e Edge) bool {
		r := e.Relation
		if r.From == r.To || !contains(f.Kinds, r.FromKind) || !contains(f.Kinds, r.ToKind) || seen[edge{r.From, r.To}] {
			return true
		}
		seen[edge{r.From, r.To}] = true
		ids = append(ids, r.From, r.To)
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	list := &EdgeList{IDs: slices.Compact(ids)}
	number := make(map[ID]int32, len(list.IDs))
	for i, id := range list.IDs {
		number[id] = int32(i)
	}
	for e := range seen {
		list.Edges = append(list.Edges, [2]int32{number[e.from], number[e.to]})
	}
	slices.SortFunc(list.Edges, func(a, b [2]int32) int { return slices.Compare(a[:], b[:]) })
	return list, nil
}

// Members returns the entities with these ids, aligned with them, read together;
// nil where there is none.
func (v *View) Members(ctx context.Context, ids []ID) ([]*Member, error) {
	c := v.newCohort(slices.Clone(ids))
	members := make([]*Member, len(ids))
	for i, id := range ids {
		m, err := c.member(ctx, id)
		if err != nil {
			return nil, err
		}
		members[i] = m
	}
	return members, nil
}
