package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// MaxItems is the largest number of items in one write of a client.
const MaxItems = 1000

// The inputs of mutations.
type (
	// CitationInput says who says so, and where.
	CitationInput struct {
		Source       kg.ID
		Locator      *string
		AttributedTo *kg.ID
	}
	// NameInput is a name of an entity.
	NameInput struct {
		Text string
		Lang *string
		Kind *kg.NameKind
	}
	// AttributeInput is a further qualifier.
	AttributeInput struct{ Key, Value string }
	// ShareInput is a share in percent.
	ShareInput struct {
		Exact, AtLeast, MoreThan, AtMost, LessThan *float64
		Wording                                    *string
	}
	// MoneyInput is a sum of money.
	MoneyInput struct {
		Amount   float64
		Currency string
	}
	// EntityInput is an entity as a source knows it.
	EntityInput struct {
		ID            kg.ID
		Kind          kg.EntityKind
		Names         []*NameInput
		Identifiers   []*IdentifierInput
		FiscalYearEnd *DateText
		Citation      *CitationInput
		Note          *string
	}
	// RelationInput is a relation as a source knows it.
	RelationInput struct {
		Type       kg.RelationType
		From, To   kg.ID
		Start, End *DateText
		Stake      *ShareInput
		Money      *MoneyInput
		Text       *string
		Attributes []*AttributeInput
		Citation   *CitationInput
		Note       *string
	}
	// ObservationInput is a figure as a source knows it.
	ObservationInput struct {
		Subject      kg.ID
		Metric       string
		Value        *float64
		Date         *DateText
		Unit         *string
		Qualifier    *kg.Qualifier
		Nature       *kg.Nature
		Period       *PeriodText
		Label, Scope *string
		Dimensions   []*AttributeInput
		Citation     *CitationInput
		Note         *string
	}
	// AbsenceInput is what a source says is not there or not told.
	AbsenceInput struct {
		Entity       kg.ID
		Relation     kg.RelationType
		Direction    kg.Direction
		Kind         kg.AbsenceKind
		Reason, Text *string
		Start, End   *DateText
		Citation     *CitationInput
		Note         *string
	}
	// SourceInput is a document or data set.
	SourceInput struct {
		ID                      kg.ID
		Title                   string
		Publisher, Author, Kind *string
		Published, Updated      *DateText
		Langs                   []string
		URL, Note               *string
	}
	// MetricInput is a word of the vocabulary.
	MetricInput struct {
		Name, Definition, Unit      string
		AddsOverTime, AddsOverParts *bool
		SameAs                      []string
	}
	// RetractionInput says what to take back.
	RetractionInput struct {
		ID     kg.ID
		Reason string
	}
)

// Draft is a write in the making: what a client asks for, in the words of kg,
// and where in its arguments each part stands.
type Draft struct {
	Write kg.Write
	// Entities, Relations and Observations are the indexes of the claims that
	// tell, for each of these inputs in order, which fact came of it.
	Entities, Relations, Observations []int

	places map[kg.WriteList][]string
	// names are what the arguments of a judgement are called, by how kg does.
	names map[string]string
	wrong []error
	items int
}

// NewDraft returns an empty draft of the author's under a key, which rests on a
// revision unless that is nil.
func NewDraft(author, key string, since *int) *Draft {
	d := &Draft{Write: kg.Write{By: author, Key: key}, places: make(map[kg.WriteList][]string)}
	if key == "" {
		d.fail("input.key", "a key must not be empty")
	}
	if since != nil {
		if *since < 0 {
			d.fail("input.ifUnchangedSince", fmt.Sprintf("a revision is not negative, as %d is", *since))
		}
		revision := kg.Revision(max(*since, 0))
		d.Write.Since = &revision
	}
	return d
}

func (d *Draft) fail(argument, reason string) {
	d.wrong = append(d.wrong, &kg.InvalidError{Argument: argument, Reason: reason})
}

// parsed notes what was wrong with a text.
func (d *Draft) parsed(argument string, err error) {
	if err != nil {
		d.fail(argument, err.Error())
	}
}

func (d *Draft) date(argument string, t *DateText) kg.PartialDate {
	if t == nil {
		return kg.PartialDate{}
	}
	d.parsed(argument, t.err)
	return t.date
}

func or[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

// claim adds a claim that stands at a path of the arguments.
func (d *Draft) claim(path string, c *CitationInput, note *string, s kg.Statement) int {
	d.places[kg.InClaims] = append(d.places[kg.InClaims], path)
	d.Write.Claims = append(d.Write.Claims, &kg.Claim{
		Statement: s, Source: c.Source, Locator: or(c.Locator, ""), AttributedTo: or(c.AttributedTo, ""), Note: or(note, ""),
	})
	return len(d.Write.Claims) - 1
}

// Entity adds an entity.
func (d *Draft) Entity(path string, in *EntityInput) {
	d.items++
	d.Entities = append(d.Entities, d.claim(path, in.Citation, in.Note, &kg.EntityStatement{Entity: in.ID, Kind: in.Kind}))
	for i, n := range in.Names {
		kind := kg.NameAlias
		if i == 0 {
			kind = kg.NamePreferred
		}
		d.items++
		d.claim(fmt.Sprintf("%s.names[%d]", path, i), in.Citation, nil,
			&kg.NameStatement{Entity: in.ID, Text: n.Text, Lang: or(n.Lang, ""), Kind: or(n.Kind, kind)})
	}
	for i, x := range in.Identifiers {
		d.items++
		d.claim(fmt.Sprintf("%s.identifiers[%d]", path, i), in.Citation, nil,
			&kg.IdentifierStatement{Entity: in.ID, Scheme: x.Scheme, Value: x.Value})
	}
	if in.FiscalYearEnd != nil {
		if end := d.date(path+".fiscalYearEnd", in.FiscalYearEnd); !end.IsZero() {
			d.claim(path+".fiscalYearEnd", in.Citation, nil, &kg.FiscalYearStatement{Entity: in.ID, End: end})
		}
	}
}

// Relation adds a relation.
func (d *Draft) Relation(path string, in *RelationInput) {
	d.items++
	s := &kg.RelationStatement{
		Type: in.Type, From: in.From, To: in.To, Start: d.date(path+".start", in.Start), End: d.date(path+".end", in.End),
		Stake: d.share(path+".stake", in.Stake), Text: or(in.Text, ""), Attributes: attributesIn(in.Attributes),
	}
	if in.Money != nil {
		s.Money = &kg.Money{Amount: in.Money.Amount, Currency: in.Money.Currency}
	}
	d.Relations = append(d.Relations, d.claim(path, in.Citation, in.Note, s))
}

// share reads bounds of a share: one end or both.
func (d *Draft) share(path string, in *ShareInput) *kg.Share {
	if in == nil {
		return nil
	}
	s := kg.Share{Max: 100, Wording: or(in.Wording, "")}
	switch {
	case in.Exact != nil && (in.AtLeast != nil || in.MoreThan != nil || in.AtMost != nil || in.LessThan != nil),
		in.AtLeast != nil && in.MoreThan != nil, in.AtMost != nil && in.LessThan != nil:
		d.fail(path, "say exact, or one lower bound, one upper bound or both")
	case in.Exact != nil:
		s.Min, s.Max = *in.Exact, *in.Exact
	case in.AtLeast == nil && in.MoreThan == nil && in.AtMost == nil && in.LessThan == nil:
		d.fail(path, "say exact or a bound; leave the stake out where nothing is known of it")
	default:
		s.MinOpen, s.MaxOpen = in.MoreThan != nil, in.LessThan != nil
		s.Min = or(in.AtLeast, or(in.MoreThan, 0))
		s.Max = or(in.AtMost, or(in.LessThan, 100))
	}
	return &s
}

// Observation adds a figure.
func (d *Draft) Observation(path string, in *ObservationInput, units map[string]string) {
	d.items++
	f := &kg.Figure{
		Subject: in.Subject, Metric: in.Metric, Unit: or(in.Unit, units[in.Metric]), Qualifier: or(in.Qualifier, kg.Exactly), Nature: or(in.Nature, kg.Actual),
		Label: or(in.Label, ""), Scope: or(in.Scope, ""), Dimensions: attributesIn(in.Dimensions),
	}
	switch {
	case in.Value != nil && in.Date != nil:
		d.fail(path, "a figure is either a value or a date, and not both")
	case in.Value != nil:
		f.Value = *in.Value
	case in.Date != nil:
		f.Date, f.Unit = d.date(path+".date", in.Date), or(in.Unit, kg.UnitDate)
	default:
		d.fail(path, "a figure needs a value, or where the metric is a date a date")
	}
	if in.Period != nil {
		d.parsed(path+".period", in.Period.err)
		f.Period = in.Period.period
	}
	d.Observations = append(d.Observations, d.claim(path, in.Citation, in.Note, f))
}

// Absence adds what is not there or not told.
func (d *Draft) Absence(path string, in *AbsenceInput) {
	d.items++
	d.claim(path, in.Citation, in.Note, &kg.AbsenceStatement{
		Entity: in.Entity, Relation: in.Relation, Direction: in.Direction, Kind: in.Kind, Reason: or(in.Reason, ""), Text: or(in.Text, ""),
		Start: d.date(path+".start", in.Start), End: d.date(path+".end", in.End),
	})
}

func attributesIn(inputs []*AttributeInput) []kg.Attribute {
	var list []kg.Attribute
	for _, a := range inputs {
		list = append(list, kg.Attribute{Key: a.Key, Value: a.Value})
	}
	slices.SortStableFunc(list, func(a, b kg.Attribute) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// Source adds a source.
func (d *Draft) Source(path string, in *SourceInput) {
	d.items++
	d.places[kg.InSources] = append(d.places[kg.InSources], path)
	d.Write.Sources = append(d.Write.Sources, &kg.Source{
		ID: in.ID, Title: in.Title, Publisher: or(in.Publisher, ""), Author: or(in.Author, ""), Kind: or(in.Kind, ""),
		URL: or(in.URL, ""), Note: or(in.Note, ""), Published: d.date(path+".published", in.Published), Updated: d.date(path+".updated", in.Updated),
		Langs: in.Langs,
	})
}

// Metric adds a word of the vocabulary.
func (d *Draft) Metric(path string, in *MetricInput) {
	d.items++
	d.places[kg.InMetrics] = append(d.places[kg.InMetrics], path)
	d.Write.Metrics = append(d.Write.Metrics, &kg.Metric{
		Name: in.Name, Definition: in.Definition, Unit: in.Unit,
		AddsOverTime: or(in.AddsOverTime, false), AddsOverParts: or(in.AddsOverParts, false), SameAs: in.SameAs,
	})
}

// Retraction adds what to take back.
func (d *Draft) Retraction(path string, in *RetractionInput) {
	d.items++
	d.places[kg.InRetractions] = append(d.places[kg.InRetractions], path)
	d.Write.Retractions = append(d.Write.Retractions, kg.Retract{ID: in.ID, Reason: in.Reason})
}

// Merge adds that an id names the same as another.
func (d *Draft) Merge(path string, from, into kg.ID, reason string, c *CitationInput) {
	d.names = map[string]string{"entity": "from", "as": "into"}
	d.judgement(path, c, reason, &kg.SameStatement{Entity: from, As: into})
}

// NeverMerge adds that two ids do not name the same.
func (d *Draft) NeverMerge(path string, a, b kg.ID, reason string, c *CitationInput) {
	d.names = map[string]string{"entity": "a", "other": "b"}
	d.judgement(path, c, reason, &kg.DifferentStatement{Entity: a, Other: b})
}

// judgement adds a judgement. Unless its author cites another, the source is the
// graph's own.
func (d *Draft) judgement(path string, c *CitationInput, reason string, s kg.Statement) {
	d.items++
	if c == nil {
		c = &CitationInput{Source: kg.JudgementSource}
		d.places[kg.InSources] = append(d.places[kg.InSources], path)
		d.Write.Sources = append(d.Write.Sources, kg.NewJudgementSource())
	}
	if strings.TrimSpace(reason) == "" {
		d.fail(path+".reason", "a judgement needs a reason")
	}
	d.claim(path, c, &reason, s)
}

// Split adds that an id stands for itself again.
func (d *Draft) Split(path string, entity kg.ID, reason string) {
	d.items++
	d.places[kg.InSplits] = append(d.places[kg.InSplits], path)
	d.Write.Splits = append(d.Write.Splits, kg.Split{Entity: entity, Reason: reason})
}

// Each adds every input of a list.
func Each[T any](path string, list []*T, add func(path string, in *T)) {
	for i, in := range list {
		add(fmt.Sprintf("%s[%d]", path, i), in)
	}
}

// Wrong lists what was found wrong with the draft itself.
func (d *Draft) Wrong() []error {
	switch {
	case d.items == 0:
		return append(d.wrong, &kg.InvalidError{Argument: "input", Reason: "there is nothing to write"})
	case d.items > MaxItems:
		return append(d.wrong, &kg.InvalidError{Argument: "input", Reason: fmt.Sprintf("a write has at most %d items, names and identifiers counted, not %d", MaxItems, d.items)})
	}
	return d.wrong
}

// TooLarge reports that the draft is not to be looked at further.
func (d *Draft) TooLarge() bool { return d.items > MaxItems }

// Located returns the problems of which an error of kg.Graph speaks, each with
// the path of its argument.
func (d *Draft) Located(err error) []error {
	rejection, ok := errors.AsType[*kg.Rejection](err)
	if !ok {
		if invalid, ok := errors.AsType[*kg.InvalidError](err); ok {
			argument := map[string]string{"since": "ifUnchangedSince"}[invalid.Argument]
			if argument == "" {
				argument = invalid.Argument
			}
			return []error{&kg.InvalidError{Argument: joined("input", argument), Reason: invalid.Reason}}
		}
		return []error{err}
	}
	var located []error
	for _, p := range rejection.Problems {
		path := d.places[p.In][p.Index]
		if e, ok := errors.AsType[*kg.InvalidError](p.Err); ok {
			located = append(located, &kg.InvalidError{Argument: argumentAt(path, d.called(e.Argument)), Reason: e.Reason})
		} else if e, ok := errors.AsType[*kg.NotFoundError](p.Err); ok {
			located = append(located, &kg.NotFoundError{Argument: joined(path, e.Argument), Reason: e.Reason})
		} else if e, ok := errors.AsType[*kg.DisputedError](p.Err); ok {
			located = append(located, &kg.DisputedError{Argument: argumentAt(path, d.called(e.Argument)), Reason: e.Reason})
		} else {
			located = append(located, p.Err)
		}
	}
	if rejection.More > 0 {
		located = append(located, &kg.InvalidError{Argument: "input", Reason: fmt.Sprintf("and %d more problems", rejection.More)})
	}
	return located
}

// called is the name that clients know an argument by.
func (d *Draft) called(argument string) string {
	if name := d.names[argument]; name != "" {
		return name
	}
	if argument == "note" && d.names != nil {
		return "reason"
	}
	return argument
}

// argumentAt joins the path of an input and the argument of which kg speaks. The
// parts of a citation stand at the input that a claim is made of, not at the
// name or identifier.
func argumentAt(path, argument string) string {
	switch argument {
	case "locator", "source", "attributedTo":
		if i := strings.LastIndexByte(path, '.'); i > 0 && (strings.HasPrefix(path[i:], ".names[") || strings.HasPrefix(path[i:], ".identifiers[") || path[i:] == ".fiscalYearEnd") {
			path = path[:i]
		}
		return path + ".citation." + argument
	}
	return joined(path, argument)
}

func joined(path, argument string) string {
	if argument == "" {
		return path
	}
	return path + "." + argument
}
