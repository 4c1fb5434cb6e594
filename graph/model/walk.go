package model

import (
	"context"

	"keiretsu/internal/kg"
)

// EntitiesIn gives members their shapes.
func EntitiesIn(members []*kg.Member) []Entity {
	list := make([]Entity, len(members))
	for i, m := range members {
		list[i] = EntityOf(m)
	}
	return list
}

// RelationsIn gives links their shapes.
func RelationsIn(links []*kg.Link) []Relation {
	list := make([]Relation, len(links))
	for i, l := range links {
		list[i] = RelationOf(l)
	}
	return list
}

// Path is a way through the graph.
type Path struct{ *kg.Walk }

// Nodes returns the entities on the way.
func (p Path) Nodes() []Entity { return EntitiesIn(p.Members) }

// Relations returns the relations on the way.
func (p Path) Relations() []Relation { return RelationsIn(p.Links) }

// PathsOf gives walks their shape.
func PathsOf(walks []*kg.Walk) []*Path {
	list := make([]*Path, len(walks))
	for i, w := range walks {
		list[i] = &Path{w}
	}
	return list
}

// Subgraph is a part of the graph.
type Subgraph struct{ *kg.Subgraph }

// Nodes returns its entities.
func (s Subgraph) Nodes() []Entity { return EntitiesIn(s.Members) }

// Relations returns its relations.
func (s Subgraph) Relations() []Relation { return RelationsIn(s.Links) }

// Step is one step of a walk.
type Step struct {
	Types     []kg.RelationType
	Direction kg.Direction
	During    *kg.Period
	Certainty *kg.Certainty
	MinStake  *float64
	Kinds     []kg.EntityKind
}

// Step returns the step in the words of kg.
func (s Step) Step() kg.Step {
	step := kg.Step{Types: s.Types, Direction: s.Direction, Kinds: s.Kinds}
	if s.During != nil {
		step.During = *s.During
	}
	if s.Certainty != nil {
		step.Certainty = *s.Certainty
	}
	if s.MinStake != nil {
		step.MinStake = *s.MinStake
	}
	return step
}

// TraversalEdge is an entity that a walk reached.
type TraversalEdge struct {
	Cursor string
	Node   Entity
	Path   *Path
}

// TraversalConnection is a page of what a walk reached.
type TraversalConnection = Connection[*TraversalEdge, Entity]

// ReachedOf gives a page of what a walk reached its Relay shape.
func ReachedOf(p *kg.Page[*kg.Reached]) *TraversalConnection {
	return pageOf(p, func(item kg.Item[*kg.Reached]) (*TraversalEdge, Entity) {
		e := EntityOf(item.Value.Member)
		return &TraversalEdge{item.Cursor, e, &Path{item.Value.Walk}}, e
	})
}

// OwnershipReport says how much of one thing belongs to another.
type OwnershipReport struct{ *kg.OwnershipReport }

// Effective returns the share over all chains.
func (r OwnershipReport) Effective() *Share { return &Share{r.OwnershipReport.Effective} }

// Unexplained returns what no recorded owner accounts for.
func (r OwnershipReport) Unexplained() *Share { return &Share{r.OwnershipReport.Unexplained} }

// Paths returns the chains that carry it.
func (r OwnershipReport) Paths() []*Path {
	list := make([]*Path, len(r.Chains))
	for i, c := range r.Chains {
		list[i] = &Path{c.Walk}
	}
	return list
}

// Parentage says who is at the top of a company.
type Parentage struct{ *kg.Parentage }

// Parent returns who is at the top, or nil.
func (p Parentage) Parent() Entity { return EntityOf(p.Parentage.Parent) }

// Chain returns the way up.
func (p Parentage) Chain() []Entity { return EntitiesIn(p.Parentage.Chain) }

// Candidates returns who may be at the top.
func (p Parentage) Candidates() []Entity { return EntitiesIn(p.Parentage.Candidates) }

// OwnershipEdge is an owner, or a thing owned, with the holding.
type OwnershipEdge struct {
	Cursor   string
	Node     Entity
	Relation *Ownership
	holding  *kg.Holding
}

// Certainty returns how certain it is that the holding passes the filters of time.
func (e OwnershipEdge) Certainty() kg.Certainty { return e.holding.Certainty }

// Depth returns how many links away it is.
func (e OwnershipEdge) Depth() int { return e.holding.Depth }

// Effective returns the share over every chain.
func (e OwnershipEdge) Effective(ctx context.Context) (*Share, error) {
	s, err := e.holding.Effective(ctx)
	if err != nil {
		return nil, err
	}
	return &Share{s}, nil
}

// OwnershipConnection is a page of owners or holdings.
type OwnershipConnection = Connection[*OwnershipEdge, Entity]

// HoldingsOf gives a page of holdings its Relay shape.
func HoldingsOf(ctx context.Context, p *kg.Page[*kg.Holding]) (*OwnershipConnection, error) {
	return tryPageOf(p, func(item kg.Item[*kg.Holding]) (*OwnershipEdge, Entity, error) {
		m, err := item.Value.FarMember(ctx)
		if err != nil {
			return nil, nil, err
		}
		e := EntityOf(m)
		return &OwnershipEdge{item.Cursor, e, &Ownership{Bond{item.Value.Link}}, item.Value}, e, nil
	})
}

// AcquisitionEdge is an acquired company with its deal.
type AcquisitionEdge struct {
	Cursor   string
	Node     *Company
	Relation *Acquisition
	Depth    int
}

// Certainty returns how certain it is that the deal passes the filters of time.
func (e AcquisitionEdge) Certainty() kg.Certainty { return e.Relation.Certainty }

// AcquisitionConnection is a page of acquired companies.
type AcquisitionConnection = Connection[*AcquisitionEdge, *Company]

// AcquisitionsOf gives a page of deals its Relay shape, whatever their distance.
func AcquisitionsOf(ctx context.Context, p *kg.Page[*kg.Distant]) (*AcquisitionConnection, error) {
	return tryPageOf(p, func(item kg.Item[*kg.Distant]) (*AcquisitionEdge, *Company, error) {
		m, err := item.Value.FarMember(ctx)
		if err != nil {
			return nil, nil, err
		}
		c := CompanyOf(m)
		return &AcquisitionEdge{item.Cursor, c, &Acquisition{Bond{item.Value.Link}}, item.Value.Depth}, c, nil
	})
}

// Series is one measure of one thing over time.
type Series struct{ *kg.Series }

// SeriesOf gives series their shape.
func SeriesOf(list []*kg.Series) []*Series {
	shapes := make([]*Series, len(list))
	for i, s := range list {
		shapes[i] = &Series{s}
	}
	return shapes
}

// Scope returns what part of the subject it is about, or nil.
func (s Series) Scope() *string { return optional(s.Series.Scope) }

// Dimensions returns the further breakdown.
func (s Series) Dimensions() []*kg.Attribute { return attributes(s.Series.Dimensions) }

// Points returns the values.
func (s Series) Points() []*Point {
	points := make([]*Point, len(s.Series.Points))
	for i, p := range s.Series.Points {
		points[i] = &Point{p}
	}
	return points
}

// Point is the value of a series for one period.
type Point struct{ *kg.Point }

// Period returns the span or day, or nil.
func (p Point) Period() *kg.Period {
	if p.Point.Period.IsZero() {
		return nil
	}
	return &p.Point.Period
}

// Label returns what the source calls the period, or nil.
func (p Point) Label() *string { return optional(p.Point.Label) }

// Headline returns the figure to show.
func (p Point) Headline() *Observation { return &Observation{p.Point.Headline} }

// Alternatives returns the other figures.
func (p Point) Alternatives() []*Observation {
	list := make([]*Observation, len(p.Point.Alternatives))
	for i, f := range p.Point.Alternatives {
		list[i] = &Observation{f}
	}
	return list
}

// RelationCount is a group of relations.
type RelationCount struct{ *kg.RelationCount }

// Year returns the calendar year, or nil.
func (c RelationCount) Year() *int {
	if c.RelationCount.Year == 0 {
		return nil
	}
	return &c.RelationCount.Year
}

// Type returns the relation type, or nil.
func (c RelationCount) Type() *kg.RelationType {
	if c.RelationCount.Type == 0 {
		return nil
	}
	return &c.RelationCount.Type
}

// From returns where the relations start, or nil.
func (c RelationCount) From(ctx context.Context) (Entity, error) { return entity(c.FromMember(ctx)) }

// To returns where the relations lead, or nil.
func (c RelationCount) To(ctx context.Context) (Entity, error) { return entity(c.ToMember(ctx)) }

// Entity returns where the relations stand, or nil.
func (c RelationCount) Entity(ctx context.Context) (Entity, error) {
	return entity(c.EntityMember(ctx))
}

// Source returns who states the relations, or nil.
func (c RelationCount) Source() *Source {
	if c.RelationCount.Source == nil {
		return nil
	}
	return &Source{c.RelationCount.Source}
}

// Sums returns the money of the group.
func (c RelationCount) Sums() []*kg.MoneySum {
	sums := make([]*kg.MoneySum, len(c.RelationCount.Sums))
	for i := range c.RelationCount.Sums {
		sums[i] = &c.RelationCount.Sums[i]
	}
	return sums
}

// CountsOf gives counts their shape.
func CountsOf(counts []*kg.RelationCount) []*RelationCount {
	list := make([]*RelationCount, len(counts))
	for i, c := range counts {
		list[i] = &RelationCount{c}
	}
	return list
}

// Change is one thing that happened to an entity.
type Change struct{ *kg.TimelineEvent }

// When returns when it happened, or nil.
func (c Change) When() *kg.PartialDate { return known(c.TimelineEvent.When) }

// Relation returns the relation that began, ended or happened, or nil.
func (c Change) Relation() Relation {
	if c.Link == nil {
		return nil
	}
	return RelationOf(c.Link)
}

// Observation returns the figure reported, or nil.
func (c Change) Observation() *Observation {
	if c.Figure == nil {
		return nil
	}
	return &Observation{c.Figure}
}

// Citations returns where it is stated.
func (c Change) Citations() []*Citation { return citations(c.Cited()) }

// ChangeEdge is an entry of a timeline.
type ChangeEdge = Edge[*Change]

// ChangeConnection is a page of a timeline.
type ChangeConnection = Connection[*ChangeEdge, *Change]

// ChangesOf gives a page of events its Relay shape.
func ChangesOf(p *kg.Page[*kg.TimelineEvent]) *ChangeConnection {
	return pageOf(p, func(item kg.Item[*kg.TimelineEvent]) (*ChangeEdge, *Change) {
		c := &Change{item.Value}
		return &ChangeEdge{item.Cursor, c}, c
	})
}

// Ranked is an entity with its rank.
type Ranked struct {
	Node  Entity
	Score float64
}

// Component is a set of connected entities.
type Component struct {
	Size  int
	Nodes []Entity
}
