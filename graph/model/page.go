package model

import (
	"context"

	"keiretsu/internal/kg"
)

// Connection is a Relay page: the edges, their nodes, and where the page stands.
type Connection[E, N any] struct {
	Edges    []E
	Nodes    []N
	PageInfo *PageInfo
	count    func(context.Context) (int, error)
}

// TotalCount counts the entries of the whole list.
func (c *Connection[E, N]) TotalCount(ctx context.Context) (int, error) { return c.count(ctx) }

// PageInfo says where a page stands in its list.
type PageInfo struct {
	HasNextPage, HasPreviousPage bool
	StartCursor, EndCursor       *string
}

// Edge is an entry of a list.
type Edge[N any] struct {
	Cursor string
	Node   N
}

// LinkEdge is an entry of a list that was reached by a relation.
type LinkEdge[N, R any] struct {
	Cursor    string
	Node      N
	Relation  R
	Certainty kg.Certainty
}

// RelationEdge is an entry of a RelationConnection.
type RelationEdge struct {
	Cursor    string
	Node      Relation
	Certainty kg.Certainty
}

// SearchEdge is a search result.
type SearchEdge struct {
	Cursor  string
	Node    Entity
	Score   float64
	Matched string
}

// HistoryEdge is an entry of a HistoryConnection.
type HistoryEdge = Edge[*HistoryEntry]

// HistoryConnection is a page of a history.
type HistoryConnection = Connection[*HistoryEdge, *HistoryEntry]

// The edges and pages of the schema.
type (
	// EntityEdge is an entry of an EntityConnection.
	EntityEdge = Edge[Entity]
	// EntityConnection is a page of entities.
	EntityConnection = Connection[*EntityEdge, Entity]
	// ProductEdge is an entry of a ProductConnection.
	ProductEdge = Edge[*Product]
	// ProductConnection is a page of products.
	ProductConnection = Connection[*ProductEdge, *Product]
	// RelationConnection is a page of relations.
	RelationConnection = Connection[*RelationEdge, Relation]
	// ObservationEdge is an entry of an ObservationConnection.
	ObservationEdge = Edge[*Observation]
	// ObservationConnection is a page of figures.
	ObservationConnection = Connection[*ObservationEdge, *Observation]
	// AcquirerEdge is an entry of an AcquirerConnection.
	AcquirerEdge = LinkEdge[Entity, *Acquisition]
	// AcquirerConnection is a page of acquirers.
	AcquirerConnection = Connection[*AcquirerEdge, Entity]
	// InvestmentEdge is an entry of an InvestmentConnection.
	InvestmentEdge = LinkEdge[*Company, *Investment]
	// InvestmentConnection is a page of companies invested in.
	InvestmentConnection = Connection[*InvestmentEdge, *Company]
	// PartnershipEdge is an entry of a PartnershipConnection.
	PartnershipEdge = LinkEdge[Entity, *Partnership]
	// PartnershipConnection is a page of partners.
	PartnershipConnection = Connection[*PartnershipEdge, Entity]
	// RoleEdge is an entry of a RoleConnection.
	RoleEdge = LinkEdge[Entity, *Role]
	// RoleConnection is a page of roles.
	RoleConnection = Connection[*RoleEdge, Entity]
	// SearchConnection is a page of search results.
	SearchConnection = Connection[*SearchEdge, Entity]
)

// Paging gathers the arguments of a connection.
func Paging(first *int, after *string, last *int, before *string) kg.PageArgs {
	return kg.PageArgs{First: first, After: after, Last: last, Before: before}
}

// When gathers the time arguments of a field; moment says as of when it is read
// where asOf does not.
func When(
	moment func(*kg.PartialDate) (*kg.Day, error), asOf *kg.PartialDate, during *kg.Period, certainty *kg.Certainty,
) (kg.When, error) {
	day, err := moment(asOf)
	w := kg.When{AsOf: day}
	if during != nil {
		w.During = *during
	}
	if certainty != nil {
		w.Certainty = *certainty
	}
	return w, err
}

// pageOf gives a page its Relay shape.
func pageOf[T, E, N any](p *kg.Page[T], shape func(kg.Item[T]) (E, N)) *Connection[E, N] {
	c := &Connection[E, N]{
		Edges: make([]E, len(p.Items)), Nodes: make([]N, len(p.Items)), count: p.Count,
		PageInfo: &PageInfo{HasNextPage: p.HasNext, HasPreviousPage: p.HasPrevious},
	}
	for i, item := range p.Items {
		c.Edges[i], c.Nodes[i] = shape(item)
	}
	if n := len(p.Items); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &p.Items[0].Cursor, &p.Items[n-1].Cursor
	}
	return c
}

// tryPageOf is pageOf for shapes that can fail.
func tryPageOf[T, E, N any](p *kg.Page[T], shape func(kg.Item[T]) (E, N, error)) (*Connection[E, N], error) {
	var failed error
	c := pageOf(p, func(item kg.Item[T]) (E, N) {
		e, n, err := shape(item)
		if failed == nil {
			failed = err
		}
		return e, n
	})
	if failed != nil {
		return nil, failed
	}
	return c, nil
}

// RelationsOf gives a page of relations its Relay shape.
func RelationsOf(p *kg.Page[*kg.Link]) *RelationConnection {
	return pageOf(p, func(item kg.Item[*kg.Link]) (*RelationEdge, Relation) {
		r := RelationOf(item.Value)
		return &RelationEdge{item.Cursor, r, item.Value.Certainty}, r
	})
}

// EntitiesOf gives a page of entities its Relay shape.
func EntitiesOf(p *kg.Page[*kg.Member]) *EntityConnection {
	return pageOf(p, func(item kg.Item[*kg.Member]) (*EntityEdge, Entity) {
		e := EntityOf(item.Value)
		return &EntityEdge{item.Cursor, e}, e
	})
}

// HitsOf gives a page of search results its Relay shape.
func HitsOf(p *kg.Page[*kg.Hit]) *SearchConnection {
	return pageOf(p, func(item kg.Item[*kg.Hit]) (*SearchEdge, Entity) {
		e := EntityOf(item.Value.Member)
		return &SearchEdge{item.Cursor, e, item.Value.Score, item.Value.Matched}, e
	})
}

// far fetches the far ends of a page of relations, all in one go, in order.
func far(ctx context.Context, p *kg.Page[*kg.Link]) (*kg.Page[reached], error) {
	items := make([]kg.Item[reached], len(p.Items))
	for i, item := range p.Items {
		m, err := item.Value.FarMember(ctx)
		if err != nil {
			return nil, err
		}
		items[i] = kg.Item[reached]{Cursor: item.Cursor, Value: reached{m, Bond{item.Value}}}
	}
	return kg.WithItems(p, items), nil
}

// reached is an entity with the relation by which it was reached.
type reached struct {
	member *kg.Member
	bond   Bond
}

// LinkedBy gives a page of relations the shape in which the far entity is the
// node and the edge carries the relation.
func LinkedBy[N, R any](
	ctx context.Context, p *kg.Page[*kg.Link], node func(*kg.Member) N, relation func(Bond) R,
) (*Connection[*LinkEdge[N, R], N], error) {
	q, err := far(ctx, p)
	if err != nil {
		return nil, err
	}
	return pageOf(q, func(item kg.Item[reached]) (*LinkEdge[N, R], N) {
		n := node(item.Value.member)
		return &LinkEdge[N, R]{item.Cursor, n, relation(item.Value.bond), item.Value.bond.Certainty}, n
	}), nil
}

// Reached gives a page of relations the shape in which only the far entity is told.
func Reached[N any](ctx context.Context, p *kg.Page[*kg.Link], node func(*kg.Member) N) (*Connection[*Edge[N], N], error) {
	q, err := far(ctx, p)
	if err != nil {
		return nil, err
	}
	return pageOf(q, func(item kg.Item[reached]) (*Edge[N], N) {
		n := node(item.Value.member)
		return &Edge[N]{item.Cursor, n}, n
	}), nil
}

// HistoryOf gives a page of a history its Relay shape; nil stays nil.
func HistoryOf(p *kg.Page[*kg.HistoryEntry]) *HistoryConnection {
	if p == nil {
		return nil
	}
	return pageOf(p, func(item kg.Item[*kg.HistoryEntry]) (*HistoryEdge, *HistoryEntry) {
		e := &HistoryEntry{item.Value}
		return &HistoryEdge{item.Cursor, e}, e
	})
}
