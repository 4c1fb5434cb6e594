package kg

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Bounds of what Neighborhood may be asked for.
const (
	// MaxDepth is the largest distance of a neighborhood.
	MaxDepth     = 10
	defaultDepth = 1
	// MaxNeighborhood is the largest number of entities of a neighborhood.
	MaxNeighborhood     = 2000
	defaultNeighborhood = 200
)

// NeighborhoodOptions say how much is asked for; the zero value asks for what
// stands in a relation with the entity.
type NeighborhoodOptions struct {
	// Depth is the largest distance in links, 1 to MaxDepth; nil for 1.
	Depth *int
	// Types are those of the links; none given means all.
	Types []RelationType
	// AsOf asks for what was so on a day; nil for the view's clock, or for
	// whatever has ever been so where none is set.
	AsOf *Day
	// Limit is the largest number of entities, the one in the middle included,
	// 1 to MaxNeighborhood; nil for 200.
	Limit *int
}

// Subgraph is a part of the graph.
type Subgraph struct {
	Members []*Member
	// Links join members; the far end is the one they lead to.
	Links []*Link
	// Truncated reports that there is more than this.
	Truncated bool
}

// Neighborhood returns the entities around one, in order of their distance and
// then of id (bytes), with the relations by which they were found and those
// found between them, in the order of relations. It is empty where the id names
// no entity.
//
// It goes out distance by distance. Of each entity it looks at the first
// relations, at most as many as the limit. Where not all that they lead to have
// room, the entities that have been reached take turns, in order of id: each
// adds the first that it leads to and that is not yet in. So everyone is shown
// with some of its neighbors and no hub fills the answer with its own. A
// distance at which something is left out is the last.
//
// What the budget leaves out is left out in the same way, and Truncated says so.
func (v *View) Neighborhood(ctx context.Context, of ID, o NeighborhoodOptions) (*Subgraph, error) {
	depth, err := countFrom1("depth", o.Depth, defaultDepth, MaxDepth)
	if err != nil {
		return nil, err
	}
	limit, err := countFrom1("limit", o.Limit, defaultNeighborhood, MaxNeighborhood)
	if err != nil {
		return nil, err
	}
	asOf, err := v.momentOr(o.AsOf)
	if err != nil {
		return nil, err
	}
	middle, err := v.entities(ctx, []ID{of})
	if err != nil {
		return nil, err
	}
	if middle[0] == nil {
		return &Subgraph{}, nil
	}
	n := &neighborhood{
		query: RelationQuery{Direction: Both, Types: o.Types, When: When{AsOf: asOf}, Direct: true},
		limit: limit,
		in:    map[ID]bool{middle[0].ID: true}, relations: make(map[ID]*Relation), order: []ID{middle[0].ID},
	}
	if err := n.grow(ctx, v, depth); err != nil {
		return nil, err
	}
	return n.subgraph(ctx, v)
}

// neighborhood is what has been found around an entity.
type neighborhood struct {
	query     RelationQuery
	limit     int
	in        map[ID]bool
	order     []ID
	relations map[ID]*Relation
	truncated bool
}

// grow goes out from the middle.
func (n *neighborhood) grow(ctx context.Context, v *View, depth int) error {
	w, ctx, cancel := v.newWalk(ctx, "the neighborhood")
	defer cancel()
	n.limit = min(n.limit, w.budget.Nodes)
	rim := n.order
	for range depth {
		if len(rim) == 0 || n.truncated {
			break
		}
		offers, err := n.offers(ctx, w, rim)
		if err != nil {
			return err
		}
		rim = n.take(rim, offers)
	}
	return nil
}

// offers returns the first relations of each entity. Where the budget does not
// allow for all that could be asked of them, all may offer equally many.
func (n *neighborhood) offers(ctx context.Context, w *walk, rim []ID) ([][]*Relation, error) {
	offers := make([][]*Relation, len(rim))
	most := min(n.limit, (w.budget.Edges-w.edges)/len(rim)-1)
	if most < 1 {
		n.truncated = true
		return offers, nil
	}
	q := n.query
	q.Of, q.Limit = rim, most+1
	err := w.relations(ctx, q, func(e Edge) bool {
		if len(offers[e.At]) == most {
			n.truncated = true
		} else {
			offers[e.At] = append(offers[e.At], e.Relation)
		}
		return true
	})
	if errors.Is(err, ErrTooComplex) {
		n.truncated = true
		return offers, nil
	}
	return offers, err
}

// take lets the entities of the rim add what they offer, in turns, and returns
// what was added, in id order.
func (n *neighborhood) take(rim []ID, offers [][]*Relation) []ID {
	var added []ID
	next := make([]int, len(rim))
	for turn := true; turn; {
		turn = false
		for i, id := range rim {
			far, ok := n.nextNew(id, offers[i], &next[i])
			if !ok {
				continue
			}
			if len(n.in) == n.limit {
				n.truncated, turn = true, false
				break
			}
			n.in[far], turn = true, true
			added = append(added, far)
		}
	}
	for _, offered := range offers {
		for _, r := range offered {
			if n.in[r.From] && n.in[r.To] {
				n.relations[r.ID] = r
			}
		}
	}
	slices.Sort(added)
	n.order = append(n.order, added...)
	return added
}

// nextNew returns the first entity behind next to which an offered relation
// leads and which is not in.
func (n *neighborhood) nextNew(id ID, offered []*Relation, next *int) (ID, bool) {
	for ; *next < len(offered); *next++ {
		if far, _ := offered[*next].Other(id); !n.in[far] {
			return far, true
		}
	}
	return "", false
}

// subgraph makes what was found ready to be asked further.
func (n *neighborhood) subgraph(ctx context.Context, v *View) (*Subgraph, error) {
	c := v.newCohort(slices.Clone(n.order))
	s := &Subgraph{Truncated: n.truncated}
	for _, id := range n.order {
		m, err := c.end(ctx, id)
		if err != nil {
			return nil, err
		}
		s.Members = append(s.Members, m)
	}
	relations := slices.SortedFunc(maps.Values(n.relations), func(a, b *Relation) int { return a.Place().Compare(b.Place()) })
	s.Links = v.linksAmong(c, relations, func(i int) ID { return relations[i].To })
	for _, l := range s.Links {
		l.judge(n.query.When)
	}
	return s, nil
}
