package model

import (
	"context"

	"keiretsu/internal/kg"
)

// Node is anything with an id of its own: an Entity, a Relation, *Observation or *Source.
type Node interface{ IsNode() }

// Entity is one of the entity types below.
type Entity interface {
	Node
	IsEntity()
}

// Thing is what all entity types have in common.
type Thing struct{ *kg.Member }

// The entity types, one for every kg.EntityKind.
type (
	// Company is a business.
	Company struct{ Thing }
	// Organization is a public body, medium, university or exchange.
	Organization struct{ Thing }
	// Person is a human being.
	Person struct{ Thing }
	// Product is a product, platform, service or brand.
	Product struct{ Thing }
	// Segment is a reporting segment of a company.
	Segment struct{ Thing }
	// Place is a country, region or city.
	Place struct{ Thing }
	// Event is something that takes place.
	Event struct{ Thing }
	// Work is a publication.
	Work struct{ Thing }
	// Concept is an idea or method with a name.
	Concept struct{ Thing }
)

// IsNode marks an entity as a Node.
func (Thing) IsNode() {}

// IsEntity marks an entity as such.
func (Thing) IsEntity() {}

// EntityOf gives a member the shape of its kind; nil stays nil.
func EntityOf(m *kg.Member) Entity {
	if m == nil {
		return nil
	}
	t := Thing{m}
	switch m.Kind {
	case kg.KindCompany:
		return &Company{t}
	case kg.KindOrganization:
		return &Organization{t}
	case kg.KindPerson:
		return &Person{t}
	case kg.KindProduct:
		return &Product{t}
	case kg.KindSegment:
		return &Segment{t}
	case kg.KindPlace:
		return &Place{t}
	case kg.KindEvent:
		return &Event{t}
	case kg.KindWork:
		return &Work{t}
	}
	return &Concept{t}
}

// CompanyOf gives a member the shape of a company; nil stays nil.
func CompanyOf(m *kg.Member) *Company {
	if m == nil {
		return nil
	}
	return &Company{Thing{m}}
}

// PersonOf gives a member the shape of a person; nil stays nil.
func PersonOf(m *kg.Member) *Person {
	if m == nil {
		return nil
	}
	return &Person{Thing{m}}
}

// ProductOf gives a member the shape of a product; nil stays nil.
func ProductOf(m *kg.Member) *Product {
	if m == nil {
		return nil
	}
	return &Product{Thing{m}}
}

// Name returns the preferred name, in the language asked for where one is known.
func (t Thing) Name(lang *string) string {
	if lang == nil {
		return t.Member.Name("")
	}
	return t.Member.Name(*lang)
}

// Names returns all names.
func (t Thing) Names() []*Name {
	names := make([]*Name, len(t.Member.Names))
	for i, n := range t.Member.Names {
		names[i] = &Name{n, t.Member}
	}
	return names
}

// Identifiers returns all identifiers.
func (t Thing) Identifiers() []*Identifier {
	identifiers := make([]*Identifier, len(t.Member.Identifiers))
	for i, id := range t.Member.Identifiers {
		identifiers[i] = &Identifier{id, t.Member}
	}
	return identifiers
}

// MergedIds returns its other ids.
func (t Thing) MergedIds() []kg.ID {
	if t.Merged == nil {
		return []kg.ID{}
	}
	return t.Merged
}

// Judgements returns what has been judged of who it is.
func (t Thing) Judgements(ctx context.Context) ([]*Judgement, error) {
	judgements, err := t.Member.Judgements(ctx)
	list := make([]*Judgement, len(judgements))
	for i, j := range judgements {
		list[i] = &Judgement{j}
	}
	return list, err
}

// Candidates returns entities that may be the same.
func (t Thing) Candidates(ctx context.Context, first *int) ([]*Candidate, error) {
	found, err := t.Member.Candidates(ctx, or(first, 10))
	list := make([]*Candidate, len(found))
	for i, c := range found {
		list[i] = &Candidate{c}
	}
	return list, err
}

// Relations returns a page of the relations in which the entity stands.
func (t Thing) Relations(
	ctx context.Context, types []kg.RelationType, direction *kg.Direction, during *kg.Period, certainty *kg.Certainty,
	asOf *kg.PartialDate, minStake *float64, first *int, after *string, last *int, before *string,
) (*RelationConnection, error) {
	when, err := When(ViewFrom(ctx).Moment, asOf, during, certainty)
	if err != nil {
		return nil, err
	}
	f := kg.RelationFilter{Types: types, Direction: kg.Both, When: when}
	if direction != nil {
		f.Direction = *direction
	}
	if minStake != nil {
		f.MinStake = *minStake
	}
	page, err := t.Member.Relations(ctx, f, Paging(first, after, last, before))
	if err != nil {
		return nil, err
	}
	return RelationsOf(page), nil
}

// Observations returns a page of the figures about the entity.
func (t Thing) Observations(
	ctx context.Context, metric *string, during *kg.Period, certainty *kg.Certainty,
	first *int, after *string, last *int, before *string,
) (*ObservationConnection, error) {
	when, err := When(ViewFrom(ctx).Moment, nil, during, certainty)
	if err != nil {
		return nil, err
	}
	f := kg.ObservationFilter{When: when}
	if metric != nil {
		// In a filter no name stands for all metrics; whoever asks for one has to name it.
		if *metric == "" {
			return nil, kg.Invalidf("metric", "a metric has a name; the field metrics lists them")
		}
		f.Metric = *metric
	}
	page, err := t.Member.Observations(ctx, f, Paging(first, after, last, before))
	if err != nil {
		return nil, err
	}
	return pageOf(page, func(item kg.Item[*kg.Figures]) (*ObservationEdge, *Observation) {
		o := &Observation{item.Value}
		return &ObservationEdge{item.Cursor, o}, o
	}), nil
}

// Series returns the figures of one metric over time.
func (t Thing) Series(
	ctx context.Context, metric string, unit *string, during *kg.Period, certainty *kg.Certainty,
) ([]*Series, error) {
	when, err := When(ViewFrom(ctx).Moment, nil, during, certainty)
	if err != nil {
		return nil, err
	}
	f := kg.SeriesFilter{Metric: metric, When: when}
	if unit != nil {
		f.Unit = *unit
	}
	series, err := t.Member.Series(ctx, f)
	return SeriesOf(series), err
}

// Citations returns where the entity is named.
func (t Thing) Citations() []*Citation { return citations(t.Cited(t.Member.Citations)) }

// Conflicts returns where claims about the entity cannot all be true.
func (t Thing) Conflicts(ctx context.Context) ([]*Conflict, error) {
	disputes, err := t.Member.Conflicts(ctx)
	return ConflictsOf(disputes), err
}

// Absences returns what sources say is not there or not told.
func (t Thing) Absences(ctx context.Context, asOf *kg.PartialDate) ([]*Absence, error) {
	day, err := ViewFrom(ctx).Moment(asOf)
	if err != nil {
		return nil, err
	}
	list := t.AbsencesAsOf(day)
	absences := make([]*Absence, len(list))
	for i, a := range list {
		absences[i] = &Absence{a, t.Member}
	}
	return absences, nil
}

// Founded returns when the company was founded, or nil.
func (c Company) Founded(ctx context.Context) (*kg.PartialDate, error) {
	d, err := c.Member.Founded(ctx)
	return known(d), err
}

// Name is a name of an entity.
type Name struct {
	kg.Name
	of *kg.Member
}

// Lang returns the language tag, or nil.
func (n Name) Lang() *string { return optional(n.Name.Lang) }

// Citations returns where the name stands.
func (n Name) Citations() []*Citation { return citations(n.of.Cited(n.Name.Citations)) }

// Identifier is a name given by a register.
type Identifier struct {
	kg.Identifier
	of *kg.Member
}

// Citations returns where the identifier stands.
func (i Identifier) Citations() []*Citation { return citations(i.of.Cited(i.Identifier.Citations)) }

// Absence is a known unknown.
type Absence struct {
	kg.Absence
	of *kg.Member
}

// Reason returns the code of the register, or nil.
func (a Absence) Reason() *string { return optional(a.Absence.Reason) }

// Text returns what the source says further, or nil.
func (a Absence) Text() *string { return optional(a.Absence.Text) }

// Start returns since when it is so, or nil.
func (a Absence) Start() *kg.PartialDate { return known(a.Absence.Start) }

// End returns the first day on which it was so no longer, or nil.
func (a Absence) End() *kg.PartialDate { return known(a.Absence.End) }

// Citations returns everyone who says so.
func (a Absence) Citations() []*Citation { return citations(a.of.Cited(a.Absence.Citations)) }

// known returns a pointer to the date, or nil where it is not known.
func known(d kg.PartialDate) *kg.PartialDate {
	if d.IsZero() {
		return nil
	}
	return &d
}
