package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"keiretsu/internal/kg"
)

// codecVersion is the first byte of every value. What follows is a list of
// fields without names, in the order of the functions below: numbers as
// varints, text with its length before it, dates as kg packs them.
//
// Version 1 knew neither who recorded something, nor the earlier spells of
// claims and descriptions of sources, nor what a change was about; such values
// are still read.
const codecVersion = 2

// errMalformed is what decoding anything else than what was encoded comes to.
// It is no error of a caller: the disk or this program is wrong.
var errMalformed = errors.New("malformed value")

// encoder appends fields to b.
type encoder struct{ b []byte }

func newEncoder() *encoder { return &encoder{b: append(make([]byte, 0, 256), codecVersion)} }

func (e *encoder) byte(b uint8)       { e.b = append(e.b, b) }
func (e *encoder) number(n uint64)    { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) count(n int)        { e.number(uint64(n)) }
func (e *encoder) float(f float64)    { e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(f)) }
func (e *encoder) period(p kg.Period) { e.packed(p.IsZero(), p.Append) }

func (e *encoder) date(d kg.PartialDate) { e.packed(d.IsZero(), d.Append) }

// packed writes what is absent as one zero byte, with which nothing that kg
// packs begins.
func (e *encoder) packed(absent bool, pack func([]byte) []byte) {
	if absent {
		e.byte(0)
		return
	}
	e.b = pack(e.b)
}

func (e *encoder) flags(flags ...bool) {
	var b uint8
	for i, set := range flags {
		if set {
			b |= 1 << i
		}
	}
	e.byte(b)
}

func (e *encoder) text(s string) {
	e.count(len(s))
	e.b = append(e.b, s...)
}

func (e *encoder) id(id kg.ID) { e.text(string(id)) }

// time writes the instant; the time zone is not kept.
func (e *encoder) time(t time.Time) {
	e.b = binary.AppendVarint(e.b, t.Unix())
	e.number(uint64(t.Nanosecond()))
}

// decoder cuts fields off a value. After the first that does not fit, all
// others are zero and err is set. Text that it returns lives in s, a copy of
// the value made at once; nothing returned points into b.
type decoder struct {
	b   []byte
	s   string
	at  int
	err error
	// version is the codecVersion with which the value was written.
	version uint8
}

func newDecoder(value []byte) *decoder {
	d := &decoder{b: value, s: string(value)}
	if d.version = d.byte(); d.err == nil && (d.version == 0 || d.version > codecVersion) {
		d.err = fmt.Errorf("version %d, and not 1 to %d: %w", d.version, codecVersion, errMalformed)
	}
	return d
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errMalformed
	}
	d.at = len(d.b)
}

// finish returns the error of a value that is malformed or longer than it should be.
func (d *decoder) finish() error {
	if d.at < len(d.b) {
		d.fail()
	}
	return d.err
}

func (d *decoder) byte() uint8 {
	if d.at >= len(d.b) {
		d.fail()
		return 0
	}
	d.at++
	return d.b[d.at-1]
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.b[d.at:])
	if size <= 0 {
		d.fail()
		return 0
	}
	d.at += size
	return n
}

// count reads the length of what takes at least one byte an item, so that a
// malformed value cannot ask for more memory than it has bytes.
func (d *decoder) count() int {
	n := d.number()
	if n > uint64(len(d.b)-d.at) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) float() float64 {
	if len(d.b)-d.at < 8 {
		d.fail()
		return 0
	}
	d.at += 8
	return math.Float64frombits(binary.LittleEndian.Uint64(d.b[d.at-8:]))
}

func cutPacked[T any](d *decoder, cut func([]byte) (T, []byte, error)) T {
	var zero T
	if d.at < len(d.b) && d.b[d.at] == 0 {
		d.at++
		return zero
	}
	x, rest, err := cut(d.b[d.at:])
	if err != nil {
		d.fail()
		return zero
	}
	d.at = len(d.b) - len(rest)
	return x
}

func (d *decoder) date() kg.PartialDate { return cutPacked(d, kg.CutDate) }
func (d *decoder) period() kg.Period    { return cutPacked(d, kg.CutPeriod) }

func (d *decoder) flags(flags ...*bool) {
	b := d.byte()
	for i, flag := range flags {
		*flag = b&(1<<i) != 0
	}
}

func (d *decoder) text() string {
	n := d.count()
	d.at += n
	return d.s[d.at-n : d.at]
}

func (d *decoder) id() kg.ID { return kg.ID(d.text()) }

func (d *decoder) time() time.Time {
	seconds, size := binary.Varint(d.b[d.at:])
	if size <= 0 {
		d.fail()
		return time.Time{}
	}
	d.at += size
	return time.Unix(seconds, int64(d.number()%1e9)).UTC()
}

// list reads a count and so many items; of none it makes nil.
func list[T any](d *decoder, item func() T) []T {
	n := d.count()
	if n == 0 {
		return nil
	}
	items := make([]T, 0, min(n, 64))
	for range n {
		x := item()
		if d.err != nil {
			return nil
		}
		items = append(items, x)
	}
	return items
}

func (e *encoder) citations(citations []kg.Citation) {
	e.count(len(citations))
	for _, c := range citations {
		e.id(c.Claim)
		e.id(c.Source)
		e.text(c.Locator)
		e.id(c.AttributedTo)
	}
}

func (d *decoder) citations() []kg.Citation {
	return list(d, func() kg.Citation {
		return kg.Citation{Claim: d.id(), Source: d.id(), Locator: d.text(), AttributedTo: d.id()}
	})
}

func (e *encoder) attributes(attributes []kg.Attribute) {
	e.count(len(attributes))
	for _, a := range attributes {
		e.text(a.Key)
		e.text(a.Value)
	}
}

func (d *decoder) attributes() []kg.Attribute {
	return list(d, func() kg.Attribute { return kg.Attribute{Key: d.text(), Value: d.text()} })
}

func (e *encoder) stake(s *kg.Share) {
	if s == nil {
		e.byte(0)
		return
	}
	e.flags(true, s.MinOpen, s.MaxOpen)
	e.float(s.Min)
	e.float(s.Max)
	e.text(s.Wording)
}

func (d *decoder) stake() *kg.Share {
	var s kg.Share
	var present bool
	if d.flags(&present, &s.MinOpen, &s.MaxOpen); !present {
		return nil
	}
	s.Min, s.Max, s.Wording = d.float(), d.float(), d.text()
	return &s
}

func (e *encoder) money(m *kg.Money) {
	e.flags(m != nil)
	if m != nil {
		e.float(m.Amount)
		e.text(m.Currency)
	}
}

func (d *decoder) money() *kg.Money {
	var present bool
	if d.flags(&present); !present {
		return nil
	}
	return &kg.Money{Amount: d.float(), Currency: d.text()}
}

// bearsAbsences is added to the kind of an entity with absences, which then
// stand behind everything else. Entities without are written as before there
// were any.
const bearsAbsences = 0x40

func (e *encoder) entity(x *kg.Entity) {
	kind := uint8(x.Kind)
	if len(x.Absences) > 0 {
		kind |= bearsAbsences
	}
	if len(x.Merged) > 0 {
		kind |= bearsMerged
	}
	e.byte(kind)
	if len(x.Merged) > 0 {
		e.ids(x.Merged)
	}
	e.count(len(x.Names))
	for _, n := range x.Names {
		e.text(n.Text)
		e.text(n.Lang)
		e.byte(uint8(n.Kind))
		e.citations(n.Citations)
	}
	e.count(len(x.Identifiers))
	for _, i := range x.Identifiers {
		e.text(i.Scheme)
		e.text(i.Value)
		e.citations(i.Citations)
	}
	e.date(x.FiscalYearEnd)
	e.citations(x.Citations)
	if len(x.Absences) > 0 {
		e.absences(x.Absences)
	}
}

func (e *encoder) absences(list []kg.Absence) {
	e.count(len(list))
	for _, a := range list {
		e.byte(uint8(a.Relation))
		e.byte(uint8(a.Direction))
		e.byte(uint8(a.Kind))
		e.text(a.Reason)
		e.text(a.Text)
		e.date(a.Start)
		e.date(a.End)
		e.citations(a.Citations)
	}
}

func (d *decoder) absences() []kg.Absence {
	return list(d, func() kg.Absence {
		return kg.Absence{
			Relation: kg.RelationType(d.byte()), Direction: kg.Direction(d.byte()), Kind: kg.AbsenceKind(d.byte()),
			Reason: d.text(), Text: d.text(), Start: d.date(), End: d.date(), Citations: d.citations(),
		}
	})
}

// bearsMerged is added to the kind of an entity with further ids, which then
// follow. Entities without are written as before there were any.
const bearsMerged = 0x80

func (e *encoder) ids(ids []kg.ID) {
	e.count(len(ids))
	for _, id := range ids {
		e.id(id)
	}
}

func (d *decoder) entity(id kg.ID) *kg.Entity {
	kind := d.byte()
	var merged []kg.ID
	if kind&bearsMerged != 0 {
		if merged = list(d, d.id); len(merged) == 0 {
			d.fail()
		}
	}
	x := &kg.Entity{
		ID: id, Kind: kg.EntityKind(kind &^ (bearsAbsences | bearsMerged)), Merged: merged,
		Names: list(d, func() kg.Name {
			return kg.Name{Text: d.text(), Lang: d.text(), Kind: kg.NameKind(d.byte()), Citations: d.citations()}
		}),
		Identifiers: list(d, func() kg.Identifier {
			return kg.Identifier{Scheme: d.text(), Value: d.text(), Citations: d.citations()}
		}),
		FiscalYearEnd: d.date(), Citations: d.citations(),
	}
	if kind&bearsAbsences != 0 {
		if x.Absences = d.absences(); len(x.Absences) == 0 {
			d.fail()
		}
	}
	return x
}

func (e *encoder) relation(r *kg.Relation) {
	e.byte(uint8(r.Type))
	e.id(r.From)
	e.id(r.To)
	e.byte(uint8(r.FromKind))
	e.byte(uint8(r.ToKind))
	e.date(r.Start)
	e.date(r.End)
	e.id(r.OpenedBy)
	e.id(r.EndedBy)
	e.stake(r.Stake)
	e.money(r.Money)
	e.text(r.Text)
	e.attributes(r.Attributes)
	e.text(r.Note)
	e.citations(r.Citations)
}

func (d *decoder) relation(id kg.ID) *kg.Relation {
	return &kg.Relation{
		ID: id, Type: kg.RelationType(d.byte()), From: d.id(), To: d.id(),
		FromKind: kg.EntityKind(d.byte()), ToKind: kg.EntityKind(d.byte()),
		Start: d.date(), End: d.date(), OpenedBy: d.id(), EndedBy: d.id(), Stake: d.stake(), Money: d.money(),
		Text: d.text(), Attributes: d.attributes(), Note: d.text(), Citations: d.citations(),
	}
}

func (e *encoder) figure(f *kg.Figure) {
	e.id(f.Subject)
	e.text(f.Metric)
	e.float(f.Value)
	e.date(f.Date)
	e.text(f.Unit)
	e.byte(uint8(f.Qualifier))
	e.byte(uint8(f.Nature))
	e.period(f.Period)
	e.text(f.Label)
	e.text(f.Scope)
	e.attributes(f.Dimensions)
}

func (d *decoder) figure() kg.Figure {
	return kg.Figure{
		Subject: d.id(), Metric: d.text(), Value: d.float(), Date: d.date(), Unit: d.text(),
		Qualifier: kg.Qualifier(d.byte()), Nature: kg.Nature(d.byte()), Period: d.period(),
		Label: d.text(), Scope: d.text(), Dimensions: d.attributes(),
	}
}

func (e *encoder) observation(o *kg.Observation) {
	e.figure(&o.Figure)
	e.text(o.Note)
	e.citations(o.Citations)
}

func (d *decoder) observation(id kg.ID) *kg.Observation {
	return &kg.Observation{ID: id, Figure: d.figure(), Note: d.text(), Citations: d.citations()}
}

func (e *encoder) source(s *kg.Source) {
	e.description(s)
	e.count(len(s.Earlier))
	for _, earlier := range s.Earlier {
		e.description(earlier)
	}
}

func (d *decoder) source(id kg.ID) *kg.Source {
	s := d.description(id)
	if d.version > 1 {
		s.Earlier = list(d, func() *kg.Source { return d.description(id) })
	}
	return s
}

// description writes what a source is without what it was before.
func (e *encoder) description(s *kg.Source) {
	e.text(s.Title)
	e.text(s.Publisher)
	e.text(s.Author)
	e.text(s.Kind)
	e.text(s.URL)
	e.text(s.Note)
	e.date(s.Published)
	e.date(s.Updated)
	e.texts(s.Langs)
	e.time(s.Recorded)
	e.number(uint64(s.Revision))
	e.text(s.By)
}

func (d *decoder) description(id kg.ID) *kg.Source {
	s := &kg.Source{
		ID: id, Title: d.text(), Publisher: d.text(), Author: d.text(), Kind: d.text(), URL: d.text(), Note: d.text(),
		Published: d.date(), Updated: d.date(), Langs: list(d, d.text),
	}
	if d.version > 1 {
		s.Recorded, s.Revision, s.By = d.time(), kg.Revision(d.number()), d.text()
	}
	return s
}

func (e *encoder) texts(list []string) {
	e.count(len(list))
	for _, s := range list {
		e.text(s)
	}
}

func (e *encoder) metric(m *kg.Metric) {
	e.text(m.Name)
	e.text(m.Definition)
	e.text(m.Unit)
	e.flags(m.AddsOverTime, m.AddsOverParts)
	e.texts(m.SameAs)
}

func (d *decoder) metric() *kg.Metric {
	m := &kg.Metric{Name: d.text(), Definition: d.text(), Unit: d.text()}
	d.flags(&m.AddsOverTime, &m.AddsOverParts)
	m.SameAs = list(d, d.text)
	return m
}

func (e *encoder) conflict(c *kg.Conflict) {
	e.id(c.About)
	e.text(c.Predicate)
	e.byte(uint8(c.Kind))
	e.text(c.Rule)
	e.text(c.Note)
	e.count(len(c.Claims))
	for _, p := range c.Claims {
		e.text(p.Value)
		e.citations(p.Citations)
	}
}

func (d *decoder) conflict(id kg.ID) *kg.Conflict {
	return &kg.Conflict{
		ID: id, About: d.id(), Predicate: d.text(), Kind: kg.ConflictKind(d.byte()), Rule: d.text(), Note: d.text(),
		Claims: list(d, func() kg.Position { return kg.Position{Value: d.text(), Citations: d.citations()} }),
	}
}

// The forms of statement, as a claim's value names them.
const (
	statesEntity uint8 = iota + 1
	statesName
	statesIdentifier
	statesFiscalYear
	statesRelation
	statesFigure
	statesSame
	statesDifferent
	statesAbsence
)

func (e *encoder) claim(c *kg.Claim) error {
	if err := e.statement(c.Statement); err != nil {
		return err
	}
	e.id(c.Source)
	e.text(c.Locator)
	e.id(c.AttributedTo)
	e.text(c.Note)
	e.spell(c.Spell)
	e.count(len(c.Earlier))
	for _, s := range c.Earlier {
		e.spell(s)
	}
	return nil
}

func (e *encoder) spell(s kg.Spell) {
	e.id(s.Fact)
	e.time(s.Recorded)
	e.number(uint64(s.Revision))
	e.text(s.By)
	e.flags(s.Retracted != nil)
	if s.Retracted != nil {
		e.time(s.Retracted.At)
		e.number(uint64(s.Retracted.Revision))
		e.text(s.Retracted.By)
		e.text(s.Retracted.Reason)
	}
}

func (d *decoder) spell() kg.Spell {
	s := kg.Spell{Fact: d.id(), Recorded: d.time(), Revision: kg.Revision(d.number()), By: d.since2()}
	var retracted bool
	if d.flags(&retracted); retracted {
		s.Retracted = &kg.Retraction{At: d.time(), Revision: kg.Revision(d.number()), By: d.since2(), Reason: d.text()}
	}
	return s
}

// since2 reads a text that version 1 did not write.
func (d *decoder) since2() string {
	if d.version == 1 {
		return ""
	}
	return d.text()
}

func (d *decoder) claim(id kg.ID) *kg.Claim {
	c := &kg.Claim{
		ID: id, Statement: d.statement(), Source: d.id(), Locator: d.text(), AttributedTo: d.id(), Note: d.text(),
		Spell: d.spell(),
	}
	if d.version > 1 {
		c.Earlier = list(d, d.spell)
	}
	return c
}

func (e *encoder) statement(s kg.Statement) error {
	switch s := s.(type) {
	case *kg.EntityStatement:
		e.byte(statesEntity)
		e.id(s.Entity)
		e.byte(uint8(s.Kind))
	case *kg.NameStatement:
		e.byte(statesName)
		e.id(s.Entity)
		e.text(s.Text)
		e.text(s.Lang)
		e.byte(uint8(s.Kind))
	case *kg.IdentifierStatement:
		e.byte(statesIdentifier)
		e.id(s.Entity)
		e.text(s.Scheme)
		e.text(s.Value)
	case *kg.FiscalYearStatement:
		e.byte(statesFiscalYear)
		e.id(s.Entity)
		e.date(s.End)
	case *kg.RelationStatement:
		e.byte(statesRelation)
		e.byte(uint8(s.Type))
		e.id(s.From)
		e.id(s.To)
		e.date(s.Start)
		e.date(s.End)
		e.stake(s.Stake)
		e.money(s.Money)
		e.text(s.Text)
		e.attributes(s.Attributes)
	case *kg.Figure:
		e.byte(statesFigure)
		e.figure(s)
	case *kg.SameStatement:
		e.byte(statesSame)
		e.id(s.Entity)
		e.id(s.As)
	case *kg.DifferentStatement:
		e.byte(statesDifferent)
		e.id(s.Entity)
		e.id(s.Other)
	case *kg.AbsenceStatement:
		e.byte(statesAbsence)
		e.id(s.Entity)
		e.byte(uint8(s.Relation))
		e.byte(uint8(s.Direction))
		e.byte(uint8(s.Kind))
		e.text(s.Reason)
		e.text(s.Text)
		e.date(s.Start)
		e.date(s.End)
	default:
		return fmt.Errorf("a claim with a statement of type %T: %w", s, kg.ErrInvalid)
	}
	return nil
}

func (d *decoder) statement() kg.Statement {
	switch form := d.byte(); form {
	case statesEntity:
		return &kg.EntityStatement{Entity: d.id(), Kind: kg.EntityKind(d.byte())}
	case statesName:
		return &kg.NameStatement{Entity: d.id(), Text: d.text(), Lang: d.text(), Kind: kg.NameKind(d.byte())}
	case statesIdentifier:
		return &kg.IdentifierStatement{Entity: d.id(), Scheme: d.text(), Value: d.text()}
	case statesFiscalYear:
		return &kg.FiscalYearStatement{Entity: d.id(), End: d.date()}
	case statesRelation:
		return &kg.RelationStatement{
			Type: kg.RelationType(d.byte()), From: d.id(), To: d.id(), Start: d.date(), End: d.date(),
			Stake: d.stake(), Money: d.money(), Text: d.text(), Attributes: d.attributes(),
		}
	case statesFigure:
		f := d.figure()
		return &f
	case statesSame:
		return &kg.SameStatement{Entity: d.id(), As: d.id()}
	case statesDifferent:
		return &kg.DifferentStatement{Entity: d.id(), Other: d.id()}
	case statesAbsence:
		return &kg.AbsenceStatement{
			Entity: d.id(), Relation: kg.RelationType(d.byte()), Direction: kg.Direction(d.byte()), Kind: kg.AbsenceKind(d.byte()),
			Reason: d.text(), Text: d.text(), Start: d.date(), End: d.date(),
		}
	}
	d.fail()
	return nil
}

// aspectIn returns the aspect in which a claim, given by its value, mentions the
// first of its entities, without reading the rest.
func aspectIn(value []byte) kg.Aspect {
	if len(value) > 2 {
		switch value[1] {
		case statesRelation:
			return kg.Aspect{Part: kg.PartFrom, Type: kg.RelationType(value[2])}
		case statesFigure:
			return kg.Aspect{Part: kg.PartSubject}
		case statesSame, statesDifferent:
			return kg.Aspect{Part: kg.PartJudged}
		}
	}
	return kg.Aspect{Part: kg.PartItself}
}

// record writes the fields of a record; its id is not among them, since the key
// has it.
func (e *encoder) record(r kg.Record) error {
	switch r := r.(type) {
	case *kg.Entity:
		e.entity(r)
	case *kg.Relation:
		e.relation(r)
	case *kg.Observation:
		e.observation(r)
	case *kg.Source:
		e.source(r)
	case *kg.Metric:
		e.metric(r)
	case *kg.Claim:
		return e.claim(r)
	case *kg.Conflict:
		e.conflict(r)
	case *kg.Redirect:
		e.id(r.To)
	case *kg.Receipt:
		e.text(r.By)
		e.text(r.Digest)
		e.number(uint64(r.Revision))
		e.time(r.At)
	default:
		return fmt.Errorf("a record of type %T: %w", r, kg.ErrInvalid)
	}
	return nil
}

func (d *decoder) record(kind kg.RecordKind, id kg.ID) kg.Record {
	switch kind {
	case kg.RecordEntity:
		return d.entity(id)
	case kg.RecordRelation:
		return d.relation(id)
	case kg.RecordObservation:
		return d.observation(id)
	case kg.RecordSource:
		return d.source(id)
	case kg.RecordMetric:
		return d.metric()
	case kg.RecordClaim:
		return d.claim(id)
	case kg.RecordConflict:
		return d.conflict(id)
	case kg.RecordRedirect:
		return &kg.Redirect{From: id, To: d.id()}
	case kg.RecordReceipt:
		return &kg.Receipt{ID: id, By: d.text(), Digest: d.text(), Revision: kg.Revision(d.number()), At: d.time()}
	}
	d.fail()
	return nil
}

// change writes what one revision did, without its number, which the key has.
func (e *encoder) change(c *kg.Change) {
	e.time(c.At)
	e.text(c.By)
	e.count(len(c.Touched))
	for _, t := range c.Touched {
		e.byte(uint8(t.Kind))
		e.id(t.ID)
		e.flags(t.Deleted)
		e.count(len(t.About))
		for _, id := range t.About {
			e.id(id)
		}
	}
}

func (d *decoder) change(revision kg.Revision) kg.Change {
	return kg.Change{
		Revision: revision, At: d.time(), By: d.since2(),
		Touched: list(d, func() kg.Touch {
			t := kg.Touch{Kind: kg.RecordKind(d.byte()), ID: d.id()}
			d.flags(&t.Deleted)
			if d.version > 1 {
				t.About = list(d, d.id)
			}
			return t
		}),
	}
}

// head is where the store stands: its newest revision, and how many records of
// every kind that holds.
type head struct {
	revision kg.Revision
	counts   map[kg.RecordKind]int64
}

func (e *encoder) head(h head) {
	e.number(uint64(h.revision))
	kinds := kg.RecordKinds()
	e.count(len(kinds))
	for _, kind := range kinds {
		e.number(uint64(h.counts[kind]))
	}
}

func (d *decoder) head() head {
	h := head{revision: kg.Revision(d.number()), counts: make(map[kg.RecordKind]int64)}
	for i, n := range list(d, d.number) {
		h.counts[kg.RecordKind(i+1)] = int64(n)
	}
	return h
}

// identity is what a store is: the form of its rows, and a name by which it is
// told from others.
type identity struct {
	format  uint64
	store   uint64
	created time.Time
}

func (e *encoder) identity(i identity) {
	e.number(i.format)
	e.number(i.store)
	e.time(i.created)
}

func (d *decoder) identity() identity {
	return identity{format: d.number(), store: d.number(), created: d.time()}
}
