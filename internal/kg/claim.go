package kg

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Claim is the unit that is stored: one source says one thing. A claim is never
// edited; a correction is a new claim, a deletion is a retraction.
type Claim struct {
	// ID is derived from the statement, the source and the place in it, so
	// that recording a claim twice is recording it once.
	ID ID
	// Statement is what is said.
	Statement Statement
	// Source says it, at Locator.
	Source  ID
	Locator string
	// AttributedTo is the entity whom the source itself quotes, or "".
	AttributedTo ID
	// Note is a remark of whoever recorded the claim; it is not part of its identity.
	Note string
	// Spell is since when the graph has known it, and until when.
	Spell
	// Earlier are the spells before: it was taken back and recorded again.
	// Oldest first.
	Earlier []Spell
}

// Spell is a time during which a claim stood. Graph.Apply sets all of it.
type Spell struct {
	// Fact is the entity, relation or observation that rests on the claim, or
	// rested on it when it was taken back.
	Fact ID
	// Recorded is when the graph learned of the claim, Revision the change by
	// which it did, and By who recorded it, such as token:anna; "" where
	// nobody has said.
	Recorded time.Time
	Revision Revision
	By       string
	// Retracted is set once the claim has been taken back.
	Retracted *Retraction
}

// Retraction says when, why and by whom a claim was taken back.
type Retraction struct {
	At       time.Time
	Revision Revision
	By       string
	Reason   string
}

// Live reports that the claim stands.
func (c *Claim) Live() bool { return c.Retracted == nil }

// asOf turns the claim into what was known of it at the moment, or returns nil
// where it had not been recorded yet.
func (c *Claim) asOf(at time.Time) *Claim {
	for c.Recorded.After(at) {
		last := len(c.Earlier) - 1
		if last < 0 {
			return nil
		}
		c.Spell, c.Earlier = c.Earlier[last], c.Earlier[:last]
	}
	if len(c.Earlier) == 0 {
		c.Earlier = nil
	}
	if c.Retracted != nil && c.Retracted.At.After(at) {
		c.Retracted = nil
	}
	return c
}

// RecordID returns the claim's id.
func (c *Claim) RecordID() ID { return c.ID }

// RecordKind returns RecordClaim.
func (c *Claim) RecordKind() RecordKind { return RecordClaim }

// Family is the key under which claims are read together: all that are about
// one entity itself, all of one type between the same two entities, or all
// that state the same figure.
func (c *Claim) Family() string { return c.Statement.Family() }

// ContentID returns the id that the contents give, whether or not the graph holds
// the claim.
func (c *Claim) ContentID() ID {
	parts := append(c.Statement.identity(), string(c.Source), c.Locator, string(c.AttributedTo))
	return derivedID(claimPrefix, parts...)
}

func (c *Claim) citation() Citation {
	return Citation{Claim: c.ID, Source: c.Source, Locator: c.Locator, AttributedTo: c.AttributedTo}
}

// Check returns an ErrInvalid unless what the claim says can be right by itself,
// whatever the graph holds.
func (c *Claim) Check() error { return c.Statement.check() }

// Statement is what a claim says. It is one of *EntityStatement,
// *NameStatement, *IdentifierStatement, *FiscalYearStatement,
// *RelationStatement, *Figure, *AbsenceStatement, *SameStatement and
// *DifferentStatement.
type Statement interface {
	// Family is the key of the claims that are read together.
	Family() string
	// mentions lists the entities it speaks of.
	mentions() []ID
	// identity lists what makes two statements the same.
	identity() []string
	// check returns an ErrInvalid unless it can be right by itself.
	check() error
}

// EntityStatement says that an entity exists and of what kind it is.
type EntityStatement struct {
	Entity ID
	Kind   EntityKind
}

// NameStatement says that an entity bears a name.
type NameStatement struct {
	Entity ID
	Text   string
	Lang   string
	Kind   NameKind
}

// IdentifierStatement says that a register knows an entity by a value.
type IdentifierStatement struct {
	Entity        ID
	Scheme, Value string
}

// FiscalYearStatement says on which day of every year an entity's business year ends.
type FiscalYearStatement struct {
	Entity ID
	// End is a yearly date.
	End PartialDate
}

// RelationStatement says that two entities stand in a relation.
type RelationStatement struct {
	Type       RelationType
	From, To   ID
	Start, End PartialDate
	Stake      *Share
	Money      *Money
	Text       string
	Attributes []Attribute
}

// SameStatement says that two ids name one thing, and under which of them it is
// known: what is said of Entity is said of As.
type SameStatement struct {
	Entity, As ID
}

// DifferentStatement says that two ids name two things, however alike they look.
// Which of them is named first means nothing.
type DifferentStatement struct {
	Entity, Other ID
}

// entityFamily is the family of the claims about an entity itself.
func entityFamily(id ID) string { return "e\x00" + string(id) }

// relationFamily is the family of the claims of one type between two entities.
func relationFamily(t RelationType, from, to ID) string {
	if t.IsSymmetric() && from > to {
		from, to = to, from
	}
	return "r\x00" + t.String() + "\x00" + string(from) + "\x00" + string(to)
}

// Family groups all statements about the entity itself.
func (s *EntityStatement) Family() string { return entityFamily(s.Entity) }

// Family groups all statements about the entity itself.
func (s *NameStatement) Family() string { return entityFamily(s.Entity) }

// Family groups all statements about the entity itself.
func (s *IdentifierStatement) Family() string { return entityFamily(s.Entity) }

// Family groups all statements about the entity itself.
func (s *FiscalYearStatement) Family() string { return entityFamily(s.Entity) }

// Family groups the statements of one type between the same two entities.
func (s *RelationStatement) Family() string { return relationFamily(s.Type, s.From, s.To) }

// Family groups the statements of one figure.
func (f *Figure) Family() string { return figureFamily(f.observationID()) }

// figureFamily is the family of the claims that state one figure.
func figureFamily(observation ID) string { return "f\x00" + string(observation) }

// Family groups the statements that the entity is the same as another, whichever.
func (s *SameStatement) Family() string { return sameFamily(s.Entity) }

// Family groups the statements that these two are not the same.
func (s *DifferentStatement) Family() string {
	return "d\x00" + string(min(s.Entity, s.Other)) + "\x00" + string(max(s.Entity, s.Other))
}

// sameFamily is the family of the claims that the entity is the same as another.
func sameFamily(id ID) string { return "s\x00" + string(id) }

func (f *Figure) observationID() ID { return derivedID(observationPrefix, f.identity()...) }

func (s *EntityStatement) mentions() []ID     { return []ID{s.Entity} }
func (s *NameStatement) mentions() []ID       { return []ID{s.Entity} }
func (s *IdentifierStatement) mentions() []ID { return []ID{s.Entity} }
func (s *FiscalYearStatement) mentions() []ID { return []ID{s.Entity} }
func (s *RelationStatement) mentions() []ID   { return []ID{s.From, s.To} }
func (f *Figure) mentions() []ID              { return []ID{f.Subject} }
func (s *SameStatement) mentions() []ID       { return []ID{s.Entity, s.As} }
func (s *DifferentStatement) mentions() []ID  { return []ID{s.Entity, s.Other} }

func (s *EntityStatement) identity() []string {
	return []string{"entity", string(s.Entity), s.Kind.String()}
}

func (s *NameStatement) identity() []string {
	return []string{"name", string(s.Entity), s.Text, s.Lang, s.Kind.String()}
}

func (s *IdentifierStatement) identity() []string {
	return []string{"identifier", string(s.Entity), s.Scheme, s.Value}
}

func (s *FiscalYearStatement) identity() []string {
	return []string{"fiscal year end", string(s.Entity), s.End.String()}
}

func (s *RelationStatement) identity() []string {
	parts := []string{"relation", s.Type.String(), string(s.From), string(s.To), s.Start.String(), s.End.String(), "", "", s.Text}
	if s.Stake != nil {
		parts[6] = s.Stake.String() + s.Stake.Wording
	}
	if s.Money != nil {
		parts[7] = s.Money.String()
	}
	for _, a := range s.Attributes {
		parts = append(parts, a.Key, a.Value)
	}
	return parts
}

func (s *SameStatement) identity() []string {
	return []string{"same", string(s.Entity), string(s.As)}
}

// identity is the same whichever of the two is named first.
func (s *DifferentStatement) identity() []string {
	return []string{"different", string(min(s.Entity, s.Other)), string(max(s.Entity, s.Other))}
}

// Bounds of text in a statement, in bytes.
const (
	maxNameText   = 1000
	maxText       = 2000
	maxAttributes = 50
)

func (s *EntityStatement) check() error {
	if err := s.Entity.Check(); err != nil {
		return inArgument("id", err)
	}
	if s.Kind < KindCompany || s.Kind > KindConcept {
		return Invalidf("kind", "%s has no kind; expected one of %v", s.Entity, EntityKinds())
	}
	return nil
}

func (s *NameStatement) check() error {
	switch {
	case strings.TrimSpace(s.Text) == "" || FoldName(s.Text) == "":
		return Invalidf("text", "a name of %s holds no letter or digit", s.Entity)
	case len(s.Text) > maxNameText:
		return Invalidf("text", "a name of %s is longer than %d bytes", s.Entity, maxNameText)
	case s.Kind < NamePreferred || s.Kind > NameFormer:
		return Invalidf("kind", "the name %q of %s has no kind", clip(s.Text), s.Entity)
	}
	return checkTexts(s.Text, s.Lang)
}

func (s *IdentifierStatement) check() error {
	scheme, value := IdentifierKey(s.Scheme, s.Value)
	if scheme == "" || value == "" || len(scheme)+len(value) > maxNameText {
		return Invalidf("", "an identifier of %s needs a scheme and a value", s.Entity)
	}
	return checkTexts(s.Scheme, s.Value)
}

func (s *FiscalYearStatement) check() error {
	if !s.End.IsYearly() {
		return Invalidf("", "the fiscal year end of %s must be a day of every year such as --03-31, not %q", s.Entity, s.End)
	}
	return nil
}

func (s *SameStatement) check() error { return checkPair("as", s.Entity, s.As) }

func (s *DifferentStatement) check() error { return checkPair("other", s.Entity, s.Other) }

// checkPair returns an ErrInvalid unless a judgement is about two entities.
func checkPair(argument string, a, b ID) error {
	if a == b {
		return Invalidf(argument, "%s cannot be judged against itself; name two entities", clip(string(a)))
	}
	return nil
}

func (s *RelationStatement) check() error {
	rule, known := relationRules[s.Type]
	if !known {
		return Invalidf("type", "a relation between %s and %s has no type", s.From, s.To)
	}
	var bad []error
	wrong := func(is bool, argument, format string, args ...any) {
		if is {
			bad = append(bad, Invalidf(argument, format, args...))
		}
	}
	wrong(s.Start.IsYearly(), "start", "%s from %s to %s: a day of every year cannot be its date", s.Type, s.From, s.To)
	wrong(s.End.IsYearly(), "end", "%s from %s to %s: a day of every year cannot be its date", s.Type, s.From, s.To)
	wrong(rule.event && s.End.Placed(), "end", "%s from %s to %s happens on a date and has no end", s.Type, s.From, s.To)
	wrong(!rule.event && s.Start.Placed() && s.End.Placed() && s.Start.Earliest() > s.End.Latest(),
		"end", "%s from %s to %s ends (%s) before it begins (%s)", s.Type, s.From, s.To, s.End, s.Start)
	wrong(s.Stake != nil && !rule.stake, "stake", "%s cannot carry a stake; only OWNS, ACQUIRED and INVESTED_IN can", s.Type)
	wrong(s.Money != nil && !rule.money, "money", "%s cannot carry a sum of money; only ACQUIRED, INVESTED_IN and PARTNERS_WITH can", s.Type)
	wrong(s.Type == RelatedTo && s.Text == "", "text", "RELATED_TO from %s to %s needs a label that says how", s.From, s.To)
	wrong(len(s.Text) > maxText, "text", "%s from %s to %s: its text is longer than %d bytes", s.Type, s.From, s.To, maxText)
	if s.Stake != nil {
		bad = append(bad, inArgument("stake", s.Stake.Check()))
	}
	if s.Money != nil {
		wrong(!IsCurrency(s.Money.Currency), "money.currency", "%q is not an ISO 4217 currency code", clip(s.Money.Currency))
		wrong(s.Money.Amount-s.Money.Amount != 0, "money.amount", "a sum must be a finite number")
	}
	return errors.Join(append(bad, inArgument("text", checkTexts(s.Text)), checkAttributes("attributes", s.Attributes))...)
}

func (f *Figure) check() error {
	var bad []error
	wrong := func(is bool, argument, format string, args ...any) {
		if is {
			bad = append(bad, Invalidf(argument, format, args...))
		}
	}
	wrong(f.Unit == UnitDate && f.Date.IsZero(), "date", "%s of %s needs a date", f.Metric, f.Subject)
	wrong(f.Unit != UnitDate && !f.Date.IsZero(), "date", "%s of %s is measured in %s and cannot be a date", f.Metric, f.Subject, f.Unit)
	wrong(f.Value-f.Value != 0, "value", "%s of %s must be a finite number", f.Metric, f.Subject)
	wrong(len(f.Scope) > maxText, "scope", "%s of %s: its scope is longer than %d bytes", f.Metric, f.Subject, maxText)
	wrong(len(f.Label) > maxText, "label", "%s of %s: its label is longer than %d bytes", f.Metric, f.Subject, maxText)
	return errors.Join(append(bad, inArgument("scope", checkTexts(f.Scope)), inArgument("label", checkTexts(f.Label)), checkAttributes("dimensions", f.Dimensions))...)
}

// checkTexts returns an ErrInvalid unless the texts are UTF-8 without control
// characters: ids and indexes rest on texts that are what they look like.
func checkTexts(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return Invalidf("", "%q is not UTF-8", clip(strings.ToValidUTF8(s, "?")))
		}
		if strings.ContainsFunc(s, unicode.IsControl) {
			return Invalidf("", "%q holds a control character", clip(s))
		}
	}
	return nil
}

func checkAttributes(argument string, attributes []Attribute) error {
	if len(attributes) > maxAttributes {
		return Invalidf(argument, "at most %d are allowed, not %d", maxAttributes, len(attributes))
	}
	if !slices.IsSortedFunc(attributes, func(a, b Attribute) int { return strings.Compare(a.Key, b.Key) }) {
		return Invalidf(argument, "they must be sorted by key")
	}
	for i, a := range attributes {
		if a.Key == "" || len(a.Key)+len(a.Value) > maxText || (i > 0 && attributes[i-1].Key == a.Key) {
			return Invalidf(argument, "%q must have a key of its own and at most %d bytes", clip(a.Key), maxText)
		}
		if err := checkTexts(a.Key, a.Value); err != nil {
			return inArgument(argument, err)
		}
	}
	return nil
}
