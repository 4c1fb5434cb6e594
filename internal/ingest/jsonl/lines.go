package jsonl

import (
	"errors"
	"fmt"

	"keiretsu/internal/kg"
)

// Version is that of the format. A reader refuses newer ones.
const Version = 1

// line is one line: exactly one of its members is set. The header comes first.
type line struct {
	Header   *header   `json:"keiretsu,omitempty"`
	Source   *source   `json:"source,omitempty"`
	Metric   *metric   `json:"metric,omitempty"`
	Claim    *claim    `json:"claim,omitempty"`
	Conflict *conflict `json:"conflict,omitempty"`
}

// identitiesStated is what the header of an export says of identities.
const identitiesStated = "stated"

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Identities is identitiesStated where the file says by its claims alone
	// which ids name one thing, as an export does; else "".
	Identities string `json:"identities,omitempty"`
}

type source struct {
	ID        kg.ID    `json:"id"`
	Title     string   `json:"title"`
	Publisher string   `json:"publisher,omitempty"`
	Author    string   `json:"author,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	URL       string   `json:"url,omitempty"`
	Published string   `json:"published,omitempty"`
	Updated   string   `json:"updated,omitempty"`
	Langs     []string `json:"langs,omitempty"`
	Note      string   `json:"note,omitempty"`
}

type metric struct {
	Name          string   `json:"name"`
	Definition    string   `json:"definition"`
	Unit          string   `json:"unit"`
	AddsOverTime  bool     `json:"addsOverTime,omitempty"`
	AddsOverParts bool     `json:"addsOverParts,omitempty"`
	SameAs        []string `json:"sameAs,omitempty"`
}

// claim is a claim: exactly one of the statements is set.
type claim struct {
	Entity     *entity     `json:"entity,omitempty"`
	Name       *name       `json:"name,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
	FiscalYear *fiscalYear `json:"fiscalYear,omitempty"`
	Relation   *relation   `json:"relation,omitempty"`
	Figure     *figure     `json:"figure,omitempty"`
	Same       *same       `json:"same,omitempty"`
	Different  *different  `json:"different,omitempty"`
	Absence    *absence    `json:"absence,omitempty"`

	Source       kg.ID  `json:"source"`
	Locator      string `json:"locator,omitempty"`
	AttributedTo kg.ID  `json:"attributedTo,omitempty"`
	Note         string `json:"note,omitempty"`
}

type entity struct {
	ID   kg.ID  `json:"id"`
	Kind string `json:"kind"`
}

type name struct {
	Of   kg.ID  `json:"of"`
	Text string `json:"text"`
	Lang string `json:"lang,omitempty"`
	Kind string `json:"kind"`
}

type identifier struct {
	Of     kg.ID  `json:"of"`
	Scheme string `json:"scheme"`
	Value  string `json:"value"`
}

type fiscalYear struct {
	Of  kg.ID  `json:"of"`
	End string `json:"end"`
}

type relation struct {
	Type       string      `json:"type"`
	From       kg.ID       `json:"from"`
	To         kg.ID       `json:"to"`
	Start      string      `json:"start,omitempty"`
	End        string      `json:"end,omitempty"`
	Stake      *stake      `json:"stake,omitempty"`
	Money      *money      `json:"money,omitempty"`
	Text       string      `json:"text,omitempty"`
	Attributes []attribute `json:"attributes,omitempty"`
}

type stake struct {
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	MinOpen bool    `json:"minOpen,omitempty"`
	MaxOpen bool    `json:"maxOpen,omitempty"`
	Wording string  `json:"wording,omitempty"`
}

type money struct {
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
}

type attribute struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

type figure struct {
	Of         kg.ID       `json:"of"`
	Metric     string      `json:"metric"`
	Value      *float64    `json:"value,omitempty"`
	Date       string      `json:"date,omitempty"`
	Unit       string      `json:"unit"`
	Qualifier  string      `json:"qualifier,omitempty"`
	Nature     string      `json:"nature,omitempty"`
	Period     string      `json:"period,omitempty"`
	Label      string      `json:"label,omitempty"`
	Scope      string      `json:"scope,omitempty"`
	Dimensions []attribute `json:"dimensions,omitempty"`
}

type same struct {
	Of kg.ID `json:"of"`
	As kg.ID `json:"as"`
}

type different struct {
	Of    kg.ID `json:"of"`
	Other kg.ID `json:"other"`
}

type absence struct {
	Of        kg.ID  `json:"of"`
	Relation  string `json:"relation"`
	Direction string `json:"direction"`
	Kind      string `json:"kind"`
	Reason    string `json:"reason,omitempty"`
	Text      string `json:"text,omitempty"`
	Start     string `json:"start,omitempty"`
	End       string `json:"end,omitempty"`
}

type conflict struct {
	About     kg.ID      `json:"about"`
	Predicate string     `json:"predicate"`
	Kind      string     `json:"kind"`
	Note      string     `json:"note,omitempty"`
	Positions []position `json:"positions"`
}

type position struct {
	Value     string     `json:"value"`
	Citations []citation `json:"citations"`
}

type citation struct {
	Source       kg.ID  `json:"source"`
	Locator      string `json:"locator,omitempty"`
	AttributedTo kg.ID  `json:"attributedTo,omitempty"`
}

// claimLine returns the line of a claim. It is an error where the format has no
// form for what the claim says.
func claimLine(c *kg.Claim) (*claim, error) {
	l := &claim{Source: c.Source, Locator: c.Locator, AttributedTo: c.AttributedTo, Note: c.Note}
	switch s := c.Statement.(type) {
	case *kg.EntityStatement:
		l.Entity = &entity{s.Entity, s.Kind.String()}
	case *kg.NameStatement:
		l.Name = &name{s.Entity, s.Text, s.Lang, s.Kind.String()}
	case *kg.IdentifierStatement:
		l.Identifier = &identifier{s.Entity, s.Scheme, s.Value}
	case *kg.FiscalYearStatement:
		l.FiscalYear = &fiscalYear{s.Entity, s.End.String()}
	case *kg.RelationStatement:
		l.Relation = &relation{
			Type: s.Type.String(), From: s.From, To: s.To, Start: s.Start.String(), End: s.End.String(),
			Text: s.Text, Attributes: attributeLines(s.Attributes),
		}
		if s.Stake != nil {
			l.Relation.Stake = &stake{s.Stake.Min, s.Stake.Max, s.Stake.MinOpen, s.Stake.MaxOpen, s.Stake.Wording}
		}
		if s.Money != nil {
			l.Relation.Money = &money{s.Money.Amount, s.Money.Currency}
		}
	case *kg.Figure:
		l.Figure = figureLine(s)
	case *kg.SameStatement:
		l.Same = &same{s.Entity, s.As}
	case *kg.DifferentStatement:
		l.Different = &different{s.Entity, s.Other}
	case *kg.AbsenceStatement:
		l.Absence = &absence{
			Of: s.Entity, Relation: s.Relation.String(), Direction: s.Direction.String(), Kind: s.Kind.String(),
			Reason: s.Reason, Text: s.Text, Start: s.Start.String(), End: s.End.String(),
		}
	default:
		return nil, fmt.Errorf("jsonl: there is no form for what the claim %s says (%T)", c.ID, s)
	}
	return l, nil
}

func figureLine(f *kg.Figure) *figure {
	l := &figure{
		Of: f.Subject, Metric: f.Metric, Date: f.Date.String(), Unit: f.Unit, Period: f.Period.String(),
		Label: f.Label, Scope: f.Scope, Dimensions: attributeLines(f.Dimensions),
	}
	if f.Date.IsZero() || f.Value != 0 {
		l.Value = &f.Value
	}
	if f.Qualifier != kg.Exactly {
		l.Qualifier = f.Qualifier.String()
	}
	if f.Nature != kg.Actual {
		l.Nature = f.Nature.String()
	}
	return l
}

func attributeLines(all []kg.Attribute) []attribute {
	var lines []attribute
	for _, a := range all {
		lines = append(lines, attribute(a))
	}
	return lines
}

// claim returns what the line says, without what Graph.Apply sets.
func (l *claim) claim() (*kg.Claim, error) {
	r := &parser{}
	c := &kg.Claim{Source: l.Source, Locator: l.Locator, AttributedTo: l.AttributedTo, Note: l.Note}
	said := 0
	say := func(s kg.Statement) {
		c.Statement = s
		said++
	}
	if e := l.Entity; e != nil {
		say(&kg.EntityStatement{Entity: e.ID, Kind: parse(r, "kind", e.Kind, kg.ParseEntityKind)})
	}
	if n := l.Name; n != nil {
		say(&kg.NameStatement{Entity: n.Of, Text: n.Text, Lang: n.Lang, Kind: parse(r, "kind", n.Kind, kg.ParseNameKind)})
	}
	if i := l.Identifier; i != nil {
		say(&kg.IdentifierStatement{Entity: i.Of, Scheme: i.Scheme, Value: i.Value})
	}
	if f := l.FiscalYear; f != nil {
		say(&kg.FiscalYearStatement{Entity: f.Of, End: parse(r, "end", f.End, kg.ParseDate)})
	}
	if l.Relation != nil {
		say(l.Relation.statement(r))
	}
	if l.Figure != nil {
		say(l.Figure.statement(r))
	}
	if s := l.Same; s != nil {
		say(&kg.SameStatement{Entity: s.Of, As: s.As})
	}
	if d := l.Different; d != nil {
		say(&kg.DifferentStatement{Entity: d.Of, Other: d.Other})
	}
	if a := l.Absence; a != nil {
		say(&kg.AbsenceStatement{
			Entity: a.Of, Relation: parse(r, "relation", a.Relation, kg.ParseRelationType), Direction: parse(r, "direction", a.Direction, kg.ParseDirection),
			Kind: parse(r, "kind", a.Kind, kg.ParseAbsenceKind), Reason: a.Reason, Text: a.Text,
			Start: parse(r, "start", a.Start, kg.ParseDate), End: parse(r, "end", a.End, kg.ParseDate),
		})
	}
	if said != 1 {
		return nil, errors.New("a claim says exactly one thing: entity, name, identifier, fiscalYear, relation, figure, absence, same or different")
	}
	if l.Source == "" {
		return nil, errors.New("a claim needs a source")
	}
	return c, r.err
}

func (l *relation) statement(r *parser) kg.Statement {
	s := &kg.RelationStatement{
		Type: parse(r, "type", l.Type, kg.ParseRelationType), From: l.From, To: l.To,
		Start: parse(r, "start", l.Start, kg.ParseDate), End: parse(r, "end", l.End, kg.ParseDate),
		Text: l.Text, Attributes: attributesOf(l.Attributes),
	}
	if l.Stake != nil {
		s.Stake = &kg.Share{Min: l.Stake.Min, Max: l.Stake.Max, MinOpen: l.Stake.MinOpen, MaxOpen: l.Stake.MaxOpen, Wording: l.Stake.Wording}
	}
	if l.Money != nil {
		s.Money = &kg.Money{Amount: l.Money.Amount, Currency: l.Money.Currency}
	}
	return s
}

func (l *figure) statement(r *parser) kg.Statement {
	f := &kg.Figure{
		Subject: l.Of, Metric: l.Metric, Date: parse(r, "date", l.Date, kg.ParseDate), Unit: l.Unit,
		Qualifier: parse(r, "qualifier", l.Qualifier, kg.ParseQualifier), Nature: parse(r, "nature", l.Nature, kg.ParseNature),
		Period: parse(r, "period", l.Period, kg.ParsePeriod), Label: l.Label, Scope: l.Scope, Dimensions: attributesOf(l.Dimensions),
	}
	switch {
	case l.Value != nil:
		f.Value = *l.Value
	case l.Date == "" && r.err == nil:
		r.err = errors.New("a figure needs a value or a date")
	}
	return f
}

func attributesOf(lines []attribute) []kg.Attribute {
	var all []kg.Attribute
	for _, l := range lines {
		all = append(all, kg.Attribute(l))
	}
	return all
}

// parser keeps the first thing that cannot be read.
type parser struct{ err error }

// parse reads a text; an empty one is the zero value.
func parse[T any](r *parser, member, text string, read func(string) (T, error)) (v T) {
	if text == "" {
		return v
	}
	v, err := read(text)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w", member, err)
	}
	return v
}

// conflictLine returns the line of a conflict that was noted about an entity, by
// the id that this had then.
func conflictLine(c *kg.Conflict, about kg.ID) *conflict {
	l := &conflict{About: about, Predicate: c.Predicate, Kind: c.Kind.String(), Note: c.Note}
	for _, p := range c.Claims {
		stated := position{Value: p.Value, Citations: []citation{}}
		for _, cite := range p.Citations {
			stated.Citations = append(stated.Citations, citation{cite.Source, cite.Locator, cite.AttributedTo})
		}
		l.Positions = append(l.Positions, stated)
	}
	return l
}

func (l *conflict) conflict() (*kg.Conflict, error) {
	r := &parser{}
	c := &kg.Conflict{About: l.About, Predicate: l.Predicate, Kind: parse(r, "kind", l.Kind, kg.ParseConflictKind), Note: l.Note}
	for _, p := range l.Positions {
		stated := kg.Position{Value: p.Value}
		for _, cite := range p.Citations {
			stated.Citations = append(stated.Citations, kg.Citation{Source: cite.Source, Locator: cite.Locator, AttributedTo: cite.AttributedTo})
		}
		c.Claims = append(c.Claims, stated)
	}
	return c, r.err
}
