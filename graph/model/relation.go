package model

import (
	"context"

	"keiretsu/internal/kg"
)

// Relation is one of the relation types below.
type Relation interface {
	Node
	IsRelation()
}

// Bond is what all relation types have in common.
type Bond struct{ *kg.Link }

// The relation types of the schema.
type (
	// Acquisition is a purchase of a company.
	Acquisition struct{ Bond }
	// Ownership is a holding.
	Ownership struct{ Bond }
	// Investment is money put into a company.
	Investment struct{ Bond }
	// Partnership is a collaboration.
	Partnership struct{ Bond }
	// Role is a role of a person.
	Role struct{ Bond }
	// Link is every other relation.
	Link struct{ Bond }
)

// IsNode marks a relation as a Node.
func (Bond) IsNode() {}

// IsRelation marks a relation as such.
func (Bond) IsRelation() {}

// RelationOf gives a link the shape of its type.
func RelationOf(l *kg.Link) Relation {
	b := Bond{l}
	switch l.Type {
	case kg.Acquired:
		return &Acquisition{b}
	case kg.Owns:
		return &Ownership{b}
	case kg.InvestedIn:
		return &Investment{b}
	case kg.PartnersWith:
		return &Partnership{b}
	case kg.HoldsRole:
		return &Role{b}
	}
	return &Link{b}
}

// From returns the entity at which the relation starts.
func (b Bond) From(ctx context.Context) (Entity, error) { return entity(b.FromMember(ctx)) }

// To returns the entity to which the relation leads.
func (b Bond) To(ctx context.Context) (Entity, error) { return entity(b.ToMember(ctx)) }

func entity(m *kg.Member, err error) (Entity, error) {
	if err != nil {
		return nil, err
	}
	return EntityOf(m), nil
}

// Start returns when it began or happened, or nil.
func (b Bond) Start() *kg.PartialDate { return known(b.Relation.Start) }

// End returns the first day on which it held no longer, or nil.
func (b Bond) End() *kg.PartialDate { return known(b.Relation.End) }

// Attributes returns its further qualifiers.
func (b Bond) Attributes() []*kg.Attribute { return attributes(b.Relation.Attributes) }

// Note returns the remark of whoever recorded it, or nil.
func (b Bond) Note() *string { return optional(b.Relation.Note) }

// Citations returns everyone who states it.
func (b Bond) Citations() []*Citation { return citations(b.Cited()) }

// Stake returns the share it speaks of, or nil.
func (b Bond) Stake() *Share {
	if b.Relation.Stake == nil {
		return nil
	}
	return &Share{*b.Relation.Stake}
}

func (b Bond) text() *string    { return optional(b.Text) }
func (b Bond) money() *kg.Money { return b.Money }

// Price returns what was paid, or nil.
func (a Acquisition) Price() *kg.Money { return a.money() }

// Label returns the nature of the holding, or nil.
func (o Ownership) Label() *string { return o.text() }

// Amount returns what was put in, or nil.
func (i Investment) Amount() *kg.Money { return i.money() }

// Focus returns what the partnership is about, or nil.
func (p Partnership) Focus() *string { return p.text() }

// Value returns what the partnership is said to be worth, or nil.
func (p Partnership) Value() *kg.Money { return p.money() }

// Title returns the title of the role, or nil.
func (r Role) Title() *string { return r.text() }

// Label returns the verb or nuance, or nil.
func (l Link) Label() *string { return l.text() }

// Share is a part of a whole in percent.
type Share struct{ kg.Share }

// Exact returns the percent where both ends agree, or nil.
func (s Share) Exact() *float64 {
	if exact, ok := s.Share.Exact(); ok {
		return &exact
	}
	return nil
}

// MinExclusive reports that the share is more than its lower end.
func (s Share) MinExclusive() bool { return s.MinOpen }

// MaxExclusive reports that the share is less than its upper end.
func (s Share) MaxExclusive() bool { return s.MaxOpen }

// Wording returns the source's words, or nil.
func (s Share) Wording() *string { return optional(s.Share.Wording) }

func attributes(list []kg.Attribute) []*kg.Attribute {
	pointers := make([]*kg.Attribute, len(list))
	for i := range list {
		pointers[i] = &list[i]
	}
	return pointers
}
