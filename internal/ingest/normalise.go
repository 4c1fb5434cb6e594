package ingest

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"keiretsu/internal/kg"
)

// The words of the vocabularies, as drafts write them.
var (
	relationTypes = words(kg.Owns, kg.Controls)
	entityKinds   = words(kg.KindCompany, kg.KindConcept)
	nameKinds     = words(kg.NamePreferred, kg.NameFormer)
	natures       = words(kg.Actual, kg.Superseded)
	conflictKinds = words(kg.Contradiction, kg.UnitConflict)
	answers       = map[string]bool{"yes": true, "no": false, "true": true, "false": false}
	qualifiers    = map[string]kg.Qualifier{
		"exactly": kg.Exactly,
		"about":   kg.About, "nearly": kg.About, "approximately": kg.About, "around": kg.About,
		"over": kg.MoreThan, "at least": kg.MoreThan, "more than": kg.MoreThan,
		"under": kg.LessThan, "up to": kg.LessThan, "at most": kg.LessThan, "less than": kg.LessThan,
	}
)

// words returns the values of an enumeration by their names in lower case.
func words[T interface {
	~uint8
	String() string
}](first, last T) map[string]T {
	byWord := make(map[string]T)
	for v := first; v <= last; v++ {
		byWord[strings.ToLower(v.String())] = v
	}
	return byWord
}

// word reads a word of a vocabulary; what names the vocabulary in the problem.
func word[T any](b *batch, what string, t Text, known map[string]T) T {
	v, ok := known[t.Value]
	if !ok && t.Value != "" {
		b.problems.add(t.At, "%.40q is not %s; %s", t.Value, what,
			meant(b, t.Value, known, "expected one of "+strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
	}
	return v
}

// WrongKind says what is wrong with a word for a kind of entity, "" where nothing is.
func WrongKind(text string) string { return wrongWord("a kind of entity", text, entityKinds) }

// WrongRelationType says what is wrong with a word for a type of relation, "" where
// nothing is.
func WrongRelationType(text string) string {
	return wrongWord("a type of relation", text, relationTypes)
}

func wrongWord[T any](what, text string, known map[string]T) string {
	b := &batch{}
	if word(b, what, Text{Value: text}, known); len(b.problems) > 0 {
		return b.problems[0].Reason
	}
	return ""
}

// meant asks whether the nearest of the known words was meant, and says
// something else where none is near.
func meant[S ~string, T any](b *batch, word S, known map[S]T, otherwise string) string {
	if len(b.problems) < maxSuggestions {
		if near := Nearest(string(word), keys(known)); near != "" {
			return "did you mean " + near + "?"
		}
	}
	return otherwise
}

// maxSuggestions bounds the work for a load in which nearly nothing is right.
const maxSuggestions = 10 * MaxProblems

func keys[S ~string, T any](m map[S]T) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s := range m {
			if !yield(string(s)) {
				return
			}
		}
	}
}

// read applies one of kg's readers to a text that was given.
func read[T any](b *batch, t Text, parse func(string) (T, error)) (v T) {
	if t.Value == "" {
		return v
	}
	v, err := parse(t.Value)
	if err != nil {
		b.problems.add(t.At, "%v", err)
	}
	return v
}

var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// IsLanguage reports that a text has the form of a language tag (BCP 47) whose language
// is in small letters, such as en or zh-Hant.
func IsLanguage(tag string) bool { return languageTag.MatchString(tag) }

func parseLanguage(s string) (string, error) {
	if !IsLanguage(s) {
		return "", kg.Invalidf("", "%.40q is not a language; expected a BCP 47 tag such as en, fr or zh-Hant", s)
	}
	return s, nil
}

// parseYearEnd reads MM-DD as a yearly date.
func parseYearEnd(s string) (kg.PartialDate, error) {
	end, err := kg.ParseDate("--" + s)
	if err != nil {
		return kg.PartialDate{}, kg.Invalidf("", "%.40q is not a day of the year; expected MM-DD such as 03-31", s)
	}
	return end, nil
}

func parseShare(s string) (*kg.Share, error) {
	share, err := kg.ParseShare(s)
	return &share, err
}

func parseMoney(s string) (*kg.Money, error) {
	money, err := kg.ParseMoney(s)
	return &money, err
}

// newID checks the id of what is added.
func (b *batch) newID(t Text) kg.ID {
	if err := id(t).Check(); err != nil && t.Value != "" {
		b.problems.add(t.At, "%v", err)
	}
	return id(t)
}

// entity resolves a reference to an entity.
func (b *batch) entity(t Text) kg.ID {
	if _, ok := b.entities[id(t)]; !ok && t.Value != "" {
		otherwise := "add it to the entities or correct the id"
		if b.sources[id(t)] {
			otherwise = "that is a source"
		}
		b.problems.add(t.At, "no entity has the id %.40q; %s", t.Value, meant(b, id(t), b.entities, otherwise))
	}
	return id(t)
}

// metric resolves a reference to a metric; it returns nil where there is none.
func (b *batch) metric(t Text) *kg.Metric {
	m := b.metrics[t.Value]
	if m == nil && t.Value != "" {
		b.problems.add(t.At, "no metric is called %.40q; %s", t.Value,
			meant(b, t.Value, b.metrics, "add it to the metrics with a definition and a unit"))
	}
	return m
}

// citations resolves the sources of citations.
func (b *batch) citations(cites []Citation) []kg.Citation {
	var resolved []kg.Citation
	for _, c := range cites {
		if !b.sources[id(c.Source)] && c.Source.Value != "" {
			b.problems.add(c.Source.At, "no source has the id %.40q; %s", c.Source.Value,
				meant(b, id(c.Source), b.sources, "add it to the sources or correct the id"))
		}
		resolved = append(resolved, kg.Citation{Source: id(c.Source), Locator: c.Locator})
	}
	return resolved
}

// claim adds one claim for each citation of a statement.
func (b *batch) claim(at Position, s kg.Statement, cites []Citation, attributedTo kg.ID, note string) {
	for _, c := range b.citations(cites) {
		b.out.Claims = append(b.out.Claims, &kg.Claim{Statement: s, Source: c.Source, Locator: c.Locator, AttributedTo: attributedTo, Note: note})
		b.came(kg.InClaims, at)
	}
}

// came notes where the newest item of a list came from.
func (b *batch) came(in kg.WriteList, at Position) { b.origins[in] = append(b.origins[in], at) }

func (d *Source) write(b *batch) {
	s := &kg.Source{
		ID: b.newID(d.ID), Title: d.Title.Value, Publisher: d.Publisher.Value, Author: d.Author.Value, Kind: d.Kind.Value,
		URL: d.URL.Value, Note: d.Note.Value, Published: read(b, d.Published, kg.ParseDate), Updated: read(b, d.Updated, kg.ParseDate),
	}
	for _, lang := range d.Langs {
		s.Langs = append(s.Langs, read(b, lang, parseLanguage))
	}
	b.out.Sources = append(b.out.Sources, s)
	b.came(kg.InSources, d.At)
}

func (d *Metric) write(b *batch) {
	if d.isLeft(&b.index) {
		return
	}
	m := &kg.Metric{
		Name: d.Name.Value, Definition: d.Definition.Value, Unit: d.Unit.Value,
		AddsOverTime:  word(b, "an answer", d.OverTime, answers),
		AddsOverParts: word(b, "an answer", d.OverParts, answers),
	}
	for _, same := range d.SameAs {
		b.metric(same)
		m.SameAs = append(m.SameAs, same.Value)
	}
	b.out.Metrics = append(b.out.Metrics, m)
	b.came(kg.InMetrics, d.At)
}

func (d *Entity) write(b *batch) {
	id := b.newID(d.ID)
	b.claim(d.At, &kg.EntityStatement{Entity: id, Kind: word(b, "a kind of entity", d.Kind, entityKinds)}, d.Cites, "", d.Note.Value)
	b.names(id, d.Names, d.Cites)
	for _, i := range d.Identifiers {
		b.claim(i.Scheme.At, &kg.IdentifierStatement{Entity: id, Scheme: i.Scheme.Value, Value: i.Value.Value}, own(i.Cites, d.Cites), "", "")
	}
	if end := read(b, d.FiscalYearEnd, parseYearEnd); !end.IsZero() {
		b.claim(d.FiscalYearEnd.At, &kg.FiscalYearStatement{Entity: id, End: end}, d.Cites, "", "")
	}
}

func (d *Naming) write(b *batch) {
	if _, ok := b.entities[id(d.Of)]; !ok {
		b.problems.add(d.At, "%s", d.Reason)
		return
	}
	b.names(id(d.Of), d.Names, d.Cites)
}

// names says what an entity is called.
func (b *batch) names(of kg.ID, names []Name, cites []Citation) {
	for _, n := range names {
		s := &kg.NameStatement{
			Entity: of, Text: n.Text.Value,
			Lang: read(b, n.Lang, parseLanguage), Kind: word(b, "a kind of name", n.Kind, nameKinds),
		}
		b.claim(n.Text.At, s, own(n.Cites, cites), "", "")
	}
}

// own returns the citations of a part, or where it has none those of the whole.
func own(cites, whole []Citation) []Citation {
	if len(cites) > 0 {
		return cites
	}
	return whole
}

func (d *Relation) write(b *batch) {
	s := &kg.RelationStatement{
		Type: word(b, "a type of relation", d.Type, relationTypes), From: b.entity(d.From), To: b.entity(d.To),
		Money: read(b, d.Money, parseMoney), Text: d.Text.Value, Attributes: attributes(d.Attributes),
	}
	if d.Role.Value != "" && b.people[id(d.From)] {
		s.Type, s.Text = kg.HoldsRole, d.Role.Value
	}
	s.Start, s.End = d.dates(b, s.Type)
	s.Stake = d.stake(b, s.Type)
	b.claim(d.At, s, d.Cites, b.entity(d.AttributedTo), d.Note.Value)
}

// dates returns when an event happened or a state began, and when a state ended.
func (d *Relation) dates(b *batch, t kg.RelationType) (start, end kg.PartialDate) {
	on, since, until, seen := read(b, d.On, kg.ParseDate), read(b, d.Since, kg.ParseDate), read(b, d.Until, kg.ParseDate), read(b, d.Seen, kg.ParseDate)
	switch name := d.Type.Value; {
	case t == 0: // reported already, and either form may be right
	case t.IsEvent():
		for _, given := range []struct {
			key  string
			text Text
		}{{"since", d.Since}, {"seen", d.Seen}, {"until", d.Until}} {
			if given.text.Value != "" {
				b.problems.add(given.text.At, `%s is an event and happens on a date; write "on" instead of %q`, name, given.key)
			}
		}
		return on, kg.PartialDate{}
	case d.On.Value != "":
		b.problems.add(d.On.At, `%s is a state and goes on; write "since" (began), "seen" (held then) or "until" (ended) instead of "on"`, name)
	case d.Since.Value != "" && d.Seen.Value != "":
		b.problems.add(d.Seen.At, `"since" says when it began; leave "seen" out`)
	case !since.IsZero():
		return since, until
	case !seen.IsZero() && kg.ByDate(seen).Latest() == kg.EndOfTime:
		b.problems.add(d.Seen.At, `%q does not say by when it held; expected a date such as 2014, 2014-04-13 or [..2014]`, d.Seen.Value)
	}
	return kg.ByDate(seen), until
}

// stake returns the share that the relation speaks of; nil where it speaks of none.
func (d *Relation) stake(b *batch, t kg.RelationType) *kg.Share {
	share := read(b, d.Stake, parseShare)
	for _, given := range []Text{d.Stake, d.Wording} {
		if given.Value != "" && t != 0 && !t.CarriesStake() {
			b.problems.add(given.At, "%s cannot carry a stake; only %s can", d.Type.Value, stakeTypes())
		}
	}
	if d.Wording.Value == "" {
		return share
	}
	if share == nil {
		unknown := kg.UnknownShare
		share = &unknown
	}
	share.Wording = d.Wording.Value
	return share
}

func stakeTypes() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(relationTypes)) {
		if relationTypes[name].CarriesStake() {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// attributes returns them in order of their keys, as kg wants them.
func attributes(drafts []Attribute) []kg.Attribute {
	var sorted []kg.Attribute
	for _, a := range drafts {
		sorted = append(sorted, kg.Attribute{Key: a.Key.Value, Value: a.Value.Value})
	}
	slices.SortFunc(sorted, func(a, b kg.Attribute) int { return strings.Compare(a.Key, b.Key) })
	return sorted
}

func (d *Figure) write(b *batch) {
	m := b.metric(d.Metric)
	f := &kg.Figure{
		Subject: b.entity(d.Of), Metric: d.Metric.Value,
		Value: read(b, d.Value, kg.ParseNumber), Date: read(b, d.Date, kg.ParseDate), Unit: d.Unit.Value,
		Qualifier: word(b, "a word for how exact a value is", d.Qualifier, qualifiers),
		Nature:    word(b, "a nature of figures", d.Nature, natures),
		Label:     d.Label.Value, Scope: d.Scope.Value, Dimensions: attributes(d.By),
	}
	if m != nil {
		f.Unit = d.unit(b, m)
		d.fits(b, m)
	}
	f.Period = d.period(b)
	if f.Label == "" && isFiscal(d.Period.Value) {
		f.Label = d.Period.Value
	}
	b.claim(d.At, f, d.Cites, b.entity(d.AttributedTo), d.Note.Value)
}

// unit returns the unit of the figure, which is the metric's unless that is money.
func (d *Figure) unit(b *batch, m *kg.Metric) string {
	unit := d.Unit
	switch {
	case m.Unit == kg.UnitMoney && unit.Value == "":
		b.problems.add(d.At, `%s is a sum of money; add its currency, such as "unit: USD"`, m.Name)
	case m.Unit == kg.UnitMoney && !kg.IsCurrency(unit.Value):
		b.problems.add(unit.At, "%s is a sum of money, and %.40q is not an ISO 4217 code such as USD", m.Name, unit.Value)
	case m.Unit == kg.UnitMoney:
		return unit.Value
	case unit.Value != "" && unit.Value != m.Unit:
		b.problems.add(unit.At, `%s is measured in %s, not in %.40q; leave "unit" out`, m.Name, m.Unit, unit.Value)
	}
	return m.Unit
}

// fits reports a number where the metric is a date, and the reverse.
func (d *Figure) fits(b *batch, m *kg.Metric) {
	switch {
	case m.Unit == kg.UnitDate && d.Value.Value != "":
		b.problems.add(d.Value.At, `%s is a date; write "date" instead of "value"`, m.Name)
	case m.Unit != kg.UnitDate && d.Date.Value != "":
		b.problems.add(d.Date.At, `%s is measured in %s; write "value" instead of "date"`, m.Name, m.Unit)
	}
}

func (d *Figure) period(b *batch) kg.Period {
	if isFiscal(d.Period.Value) {
		end, known := b.entities[id(d.Of)]
		if known && end.IsZero() {
			b.problems.add(d.Period.At, `%s has no fiscal year end, so %s means no days; add "fiscal_year_end: MM-DD" to the entity`, d.Of.Value, d.Period.Value)
		}
		if end.IsZero() {
			return kg.Period{}
		}
		return read(b, d.Period, func(label string) (kg.Period, error) { return fiscalPeriod(label, end) })
	}
	return read(b, d.Period, func(s string) (kg.Period, error) {
		p, err := kg.ParsePeriod(s)
		if err != nil && strings.ContainsFunc(s, unicode.IsLetter) {
			err = errors.New(err.Error() + `, or a fiscal label such as FY2021 or Q2 FY2026; a printed period of unknown days goes into "label"`)
		}
		return p, err
	})
}

func (d *Conflict) write(b *batch) {
	c := &kg.Conflict{
		About: b.entity(d.About), Predicate: d.Predicate.Value, Note: d.Note.Value,
		Kind: word(b, "a kind of conflict", d.Kind, conflictKinds),
	}
	for _, s := range d.Claims {
		c.Claims = append(c.Claims, kg.Position{Value: s.Value.Value, Citations: b.citations(s.Cites)})
	}
	b.out.Conflicts = append(b.out.Conflicts, c)
	b.came(kg.InConflicts, d.At)
}

func (d *Claims) write(b *batch) {
	for i, c := range d.Claims {
		at := d.Places[i]
		for _, m := range c.Mentioned() {
			b.entity(at.Text(string(m.Entity)))
		}
		b.entity(at.Text(string(c.AttributedTo)))
		b.citations([]Citation{{Source: at.Text(string(c.Source))}})
		if f, ok := c.Statement.(*kg.Figure); ok {
			b.metric(at.Text(f.Metric))
		}
		b.out.Claims = append(b.out.Claims, c)
		b.came(kg.InClaims, at)
	}
}

func (d *Noted) write(b *batch) {
	b.entity(d.At.Text(string(d.Conflict.About)))
	b.out.Conflicts = append(b.out.Conflicts, d.Conflict)
	b.came(kg.InConflicts, d.At)
}

// write takes the claims that the draft makes out of a write of its own.
func (d *Retraction) write(b *batch) {
	said := &batch{index: b.index, origins: make(map[kg.WriteList][]Position)}
	d.Draft.write(said)
	b.problems = append(b.problems, said.problems...)
	for _, c := range said.out.Claims {
		b.out.Retractions = append(b.out.Retractions, kg.Retract{ID: c.ContentID(), Reason: d.Reason.Value})
		b.came(kg.InRetractions, d.At)
	}
}

// write does nothing: whoever divides drafts into writes looks at moments first.
func (d *Moment) write(*batch) {}

func (d *Settled) write(*batch) {}
