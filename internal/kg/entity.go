package kg

import (
	"slices"
	"strings"
)

// EntityKind says what sort of thing an entity is. It never changes during the
// life of an entity.
type EntityKind uint8

// The kinds of entity.
const (
	KindCompany EntityKind = iota + 1
	// KindOrganization is a public body, medium, university or exchange.
	KindOrganization
	KindPerson
	// KindProduct is a product, platform, service or brand.
	KindProduct
	// KindSegment is a reporting segment of a company.
	KindSegment
	KindPlace
	KindEvent
	// KindWork is a publication.
	KindWork
	KindConcept
)

var entityKindNames = enumNames{"", "COMPANY", "ORGANIZATION", "PERSON", "PRODUCT", "SEGMENT", "PLACE", "EVENT", "WORK", "CONCEPT"}

// String returns the name in capitals, such as COMPANY.
func (k EntityKind) String() string { return entityKindNames.text(uint8(k)) }

// ParseEntityKind reads what String returns.
func ParseEntityKind(s string) (EntityKind, error) {
	k, err := entityKindNames.parse("kind of entity", s)
	return EntityKind(k), err
}

// EntityKinds returns every kind, in order.
func EntityKinds() []EntityKind {
	var kinds []EntityKind
	for k := KindCompany; k <= KindConcept; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// NameKind says what standing a name has. Lower values win when names compete.
type NameKind uint8

// The kinds of name, best first.
const (
	NamePreferred NameKind = iota + 1
	NameLegal
	NameAlias
	NameFormer
)

var nameKindNames = enumNames{"", "PREFERRED", "LEGAL", "ALIAS", "FORMER"}

// String returns the name in capitals, such as FORMER.
func (k NameKind) String() string { return nameKindNames.text(uint8(k)) }

// ParseNameKind reads what String returns.
func ParseNameKind(s string) (NameKind, error) {
	k, err := nameKindNames.parse("kind of name", s)
	return NameKind(k), err
}

// Name is one name of an entity.
type Name struct {
	// Text is the name as written.
	Text string
	// Lang is its BCP 47 language tag, or "" where none is known.
	Lang string
	Kind NameKind
	// Citations are where the name stands.
	Citations []Citation
}

// Identifier is a name given by a register: a ticker, an LEI, a company number.
type Identifier struct {
	// Scheme names the register, such as lei or HKEX. It is compared without
	// regard to case.
	Scheme string
	// Value is the identifier as the register writes it; compared without
	// regard to case and outer spaces.
	Value     string
	Citations []Citation
}

// Entity is a thing the graph speaks of. Its names and identifiers are what its
// claims agree on; its relations and figures are records of their own.
type Entity struct {
	ID   ID
	Kind EntityKind
	// Names holds at least one name: preferred ones first, then by kind,
	// language and text. Where other ids name it too, the preferred or legal name
	// that it has under its own comes before all.
	Names       []Name
	Identifiers []Identifier
	// FiscalYearEnd is the yearly date on which its business year ends, or
	// the zero date.
	FiscalYearEnd PartialDate
	// Absences are what sources say is not there or not told, by relation,
	// direction and start.
	Absences []Absence
	// Citations say where the entity is named.
	Citations []Citation
	// Merged are the other ids that name it, sorted: those of entities that
	// were judged to be the same as it. Each of them leads here.
	Merged []ID
}

// RecordID returns the entity's id.
func (e *Entity) RecordID() ID { return e.ID }

// RecordKind returns RecordEntity.
func (e *Entity) RecordKind() RecordKind { return RecordEntity }

// Name returns the preferred name in the language asked for; where none is
// known, any name in that language; else the preferred name. Languages are
// compared by their primary subtag, and "" asks for none in particular.
func (e *Entity) Name(lang string) string {
	primary := func(tag string) string {
		p, _, _ := strings.Cut(strings.ToLower(tag), "-")
		return p
	}
	if lang != "" {
		for _, n := range e.Names {
			if n.Kind != NameFormer && primary(n.Lang) == primary(lang) {
				return n.Text
			}
		}
	}
	if len(e.Names) == 0 {
		return string(e.ID)
	}
	return e.Names[0].Text
}

// NameKey is one key under which an entity is found by name.
type NameKey struct {
	// Fold is what FoldName or CoreName gives.
	Fold string
	// Core marks the second pass, in which legal forms have been dropped.
	Core bool
	// Rank is the standing of the best name with this key.
	Rank NameKind
}

// NameKeys returns the keys under which engines index the entity's names: for
// each name one of its full fold and one of its core. Order is stable.
func (e *Entity) NameKeys() []NameKey {
	var keys []NameKey
	add := func(k NameKey) {
		if k.Fold == "" {
			return
		}
		for i := range keys {
			if keys[i].Fold == k.Fold && keys[i].Core == k.Core {
				keys[i].Rank = min(keys[i].Rank, k.Rank)
				return
			}
		}
		keys = append(keys, k)
	}
	for _, n := range e.Names {
		fold := FoldName(n.Text)
		add(NameKey{Fold: fold, Rank: n.Kind})
		add(NameKey{Fold: CoreName(n.Text), Core: true, Rank: n.Kind})
	}
	slices.SortFunc(keys, func(a, b NameKey) int {
		if a.Core != b.Core {
			if b.Core {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Fold, b.Fold)
	})
	return keys
}

// IdentifierKey is the normal form of an identifier, under which engines index it.
func IdentifierKey(scheme, value string) (string, string) {
	return strings.ToLower(strings.TrimSpace(scheme)), strings.ToLower(strings.TrimSpace(value))
}

// SortKey places an entity among others in name order (Unicode collation of
// its name, root locale). Equal names are placed by id.
func (e *Entity) SortKey() []byte { return collationKey(e.Name("")) }
