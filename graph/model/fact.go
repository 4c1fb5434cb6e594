package model

import (
	"context"

	"keiretsu/internal/kg"
)

// Observation is a figure.
type Observation struct{ *kg.Figures }

// IsNode marks a figure as a Node.
func (Observation) IsNode() {}

// Subject returns the entity that the figure is about.
func (o Observation) Subject(ctx context.Context) (Entity, error) {
	return entity(o.SubjectMember(ctx))
}

// Value returns the number, or nil where the figure is a date.
func (o Observation) Value() *float64 {
	if o.Unit == kg.UnitDate {
		return nil
	}
	return &o.Figures.Value
}

// Date returns the date, or nil where the figure is a number.
func (o Observation) Date() *kg.PartialDate { return known(o.Figures.Date) }

// Period returns the span or day it speaks of, or nil.
func (o Observation) Period() *kg.Period {
	if o.Figures.Period.IsZero() {
		return nil
	}
	return &o.Figures.Period
}

// Label returns what the source calls the period, or nil.
func (o Observation) Label() *string { return optional(o.Figures.Label) }

// Scope returns what part of the subject it is about, or nil.
func (o Observation) Scope() *string { return optional(o.Figures.Scope) }

// Dimensions returns the further breakdown.
func (o Observation) Dimensions() []*kg.Attribute { return attributes(o.Figures.Dimensions) }

// Note returns the remark of whoever recorded it, or nil.
func (o Observation) Note() *string { return optional(o.Figures.Note) }

// Citations returns everyone who states it.
func (o Observation) Citations() []*Citation { return citations(o.Cited()) }

// Source is a document or data set.
type Source struct{ *kg.Source }

// IsNode marks a source as a Node.
func (Source) IsNode() {}

// Publisher returns who published it, or nil.
func (s Source) Publisher() *string { return optional(s.Source.Publisher) }

// Author returns who wrote it, or nil.
func (s Source) Author() *string { return optional(s.Source.Author) }

// Kind returns what sort of document it is, or nil.
func (s Source) Kind() *string { return optional(s.Source.Kind) }

// Published returns when it appeared, or nil.
func (s Source) Published() *kg.PartialDate { return known(s.Source.Published) }

// Updated returns when its newest parts appeared, or nil.
func (s Source) Updated() *kg.PartialDate { return known(s.Source.Updated) }

// Lang returns its first language, or nil.
func (s Source) Lang() *string {
	if len(s.Source.Langs) == 0 {
		return nil
	}
	return &s.Source.Langs[0]
}

// Langs returns its languages.
func (s Source) Langs() []string { return append([]string{}, s.Source.Langs...) }

// URL returns its address, or nil.
func (s Source) URL() *string { return optional(s.Source.URL) }

// Note returns the remark of whoever recorded it, or nil.
func (s Source) Note() *string { return optional(s.Source.Note) }

// Citation is where a fact is stated.
type Citation struct{ *kg.Cited }

func citations(cited []*kg.Cited) []*Citation {
	list := make([]*Citation, len(cited))
	for i, c := range cited {
		list[i] = &Citation{c}
	}
	return list
}

// Source returns the source.
func (c Citation) Source(ctx context.Context) (*Source, error) {
	s, err := c.SourceRecord(ctx)
	if err != nil {
		return nil, err
	}
	return &Source{s}, nil
}

// Locator returns where in the source it stands, or nil.
func (c Citation) Locator() *string { return optional(c.Cited.Locator) }

// AttributedTo returns whom the source itself quotes, or nil.
func (c Citation) AttributedTo(ctx context.Context) (Entity, error) {
	return entity(c.AttributedMember(ctx))
}

// Conflict is a set of claims that cannot all be true.
type Conflict struct{ *kg.Dispute }

// ConflictsOf gives disputes their shape.
func ConflictsOf(disputes []*kg.Dispute) []*Conflict {
	list := make([]*Conflict, len(disputes))
	for i, d := range disputes {
		list[i] = &Conflict{d}
	}
	return list
}

// About returns the entity concerned.
func (c Conflict) About(ctx context.Context) (Entity, error) { return entity(c.AboutMember(ctx)) }

// Rule returns the rule that found it, or nil.
func (c Conflict) Rule() *string { return optional(c.Conflict.Rule) }

// Note returns an explanation, or nil.
func (c Conflict) Note() *string { return optional(c.Conflict.Note) }

// Claims returns the positions.
func (c Conflict) Claims() []*Position {
	sides := c.Sides()
	claims := make([]*Position, len(sides))
	for i, s := range sides {
		claims[i] = &Position{s}
	}
	return claims
}

// Position is one side of a conflict.
type Position struct{ *kg.Side }

// Citations returns who takes the side.
func (c Position) Citations() []*Citation { return citations(c.Cited) }

// NodeOf gives what kg.View.Things returns its shape; nil stays nil.
func NodeOf(thing any) Node {
	switch t := thing.(type) {
	case *kg.Member:
		return EntityOf(t)
	case *kg.Link:
		return RelationOf(t)
	case *kg.Figures:
		return &Observation{t}
	case *kg.Source:
		return &Source{t}
	case *kg.Stated:
		return &Claim{t}
	}
	return nil
}
