package ingest

import (
	"strconv"
	"time"

	"keiretsu/internal/kg"
)

// Position is a place in what was read. Lines and columns count from 1; a
// column is a character, not a byte. A line of 0 means the whole file, a column
// of 0 the whole line.
type Position struct {
	File         string
	Line, Column int
}

// String returns file:line:column, or what is known of it.
func (p Position) String() string {
	s := p.File
	for _, n := range []int{p.Line, p.Column} {
		if n == 0 {
			break
		}
		s += ":" + strconv.Itoa(n)
	}
	return s
}

// Text returns a value that stands at the place.
func (p Position) Text(value string) Text { return Text{Value: value, At: p} }

// Text is a value as it was written, and where. An empty Value was not given.
type Text struct {
	Value string
	At    Position
}

// Draft is one thing that a reader found, not yet understood: *Source, *Metric,
// *Entity, *Relation, *Figure, *Absence, *Claims, *Conflict, *Noted, *Retraction, *Moment,
// *Record, *Naming or *Settled.
// What a reader leaves empty because it was missing, the reader itself reports.
type Draft interface {
	// mentions lists the records whose state in the graph matters to it.
	mentions() []kg.ID
	// needs lists the entities that must be there before it can be recorded.
	needs() []need
	// declare makes known what it adds.
	declare(*index)
	// write adds to the write what it says.
	write(*batch)
}

// need is an entity that a draft names, and what it tells of it.
type need struct {
	entity kg.ID
	hint   *Hint
}

// Source is the draft of a document or data set that other drafts cite.
type Source struct {
	At                                      Position
	ID, Title, Publisher, Author, Kind, URL Text
	// Published and Updated are dates.
	Published, Updated Text
	// Langs are BCP 47 tags.
	Langs []Text
	Note  Text
}

// Metric is the draft of a word for what figures measure.
type Metric struct {
	At                     Position
	Name, Definition, Unit Text
	// OverTime and OverParts are yes or no: do values of consecutive periods,
	// or of the parts of a thing, add up?
	OverTime, OverParts Text
	// SameAs names metrics.
	SameAs []Text
	// Default leaves a metric of the name that the graph has as it is.
	Default bool
}

// Entity is the draft of a thing with its names. Each of Cites vouches for it,
// and for those of its names and identifiers that have no citations of their own.
type Entity struct {
	At          Position
	ID, Kind    Text
	Names       []Name
	Identifiers []Identifier
	// FiscalYearEnd is a day of the year, MM-DD.
	FiscalYearEnd Text
	Note          Text
	Cites         []Citation
}

// Name is one name of an Entity.
type Name struct {
	Text Text
	// Lang is a BCP 47 tag.
	Lang Text
	// Kind is preferred, legal, alias or former.
	Kind  Text
	Cites []Citation
}

// Identifier is the name that a register gives an Entity.
type Identifier struct {
	Scheme, Value Text
	Cites         []Citation
}

// Naming is the draft of the names of a thing that the format describes and that is
// no entity by itself, such as an industry. Where something that is read names it, or
// the graph knows it, it gets these names; else it is dropped. Formats whose readers
// yield it say so (Format.Naming). Of an id there are either Namings or Entities in
// the files of an import.
type Naming struct {
	At    Position
	Of    Text
	Names []Name
	// Reason says why it is dropped where nothing names it.
	Reason string
	Cites  []Citation
}

// Relation is the draft of a relation between two entities.
type Relation struct {
	At Position
	// Type is a relation type in lower case, such as holds_role.
	Type, From, To Text
	// On is the date of an event. A state has Since, or Seen where no more is
	// known than that it held then; and Until, the first day on which it no
	// longer did.
	On, Since, Seen, Until Text
	// Stake is a share as kg.ParseShare reads it, Wording the words of the
	// source for it.
	Stake, Wording Text
	// Money is an amount and a currency, as kg.ParseMoney reads them.
	Money Text
	// Text is what kg.Relation says of its field of that name.
	Text       Text
	Attributes []Attribute
	// Role is what From does if it is a person, whom the file may leave to others to
	// describe: the relation is then a holds_role of that text. "" where it makes no
	// difference.
	Role Text
	// AttributedTo is the entity whom the sources quote.
	AttributedTo, Note Text
	Cites              []Citation
	// FromHint and ToHint say what the source tells of an end that it does not
	// describe; nil where that is nothing.
	FromHint, ToHint *Hint
}

// Hint is what a draft tells of an entity that it names. Where all has been read
// and nothing describes the entity, one is made of its hint. It bears an alias,
// so that a real name that turns up later wins.
type Hint struct {
	// Kind is as in Entity. Name is a name, or words such as "LEI 5493…" where
	// none is known.
	Kind, Name  Text
	Identifiers []Identifier
	// Sure: nothing that is imported will describe the entity, so that it is made
	// where it is first named, and what names it need not wait for the end.
	Sure bool
}

// Figure is the draft of a number or date measured at an entity.
type Figure struct {
	At         Position
	Of, Metric Text
	// Value is a number; Date stands in its place where the metric is a date.
	Value, Date Text
	// Unit is a currency, or may be left out for the metric's own unit.
	Unit Text
	// Qualifier is a word such as over, about or at least; left out it is exactly.
	Qualifier Text
	// Nature is a word such as growth or forecast; left out it is actual.
	Nature Text
	// Period is a period as kg.ParsePeriod reads it, or a fiscal label such as
	// FY2021 or Q2 FY2026 of an entity whose fiscal year end is known.
	Period Text
	// Label is the period as printed.
	Label, Scope Text
	By           []Attribute
	// AttributedTo is the entity whom the sources quote.
	AttributedTo, Note Text
	Cites              []Citation
	// OfHint says what the source tells of an entity that it does not
	// describe; nil where that is nothing.
	OfHint *Hint
}

// Attribute is a further qualifier of a relation or figure.
type Attribute struct{ Key, Value Text }

// Conflict is the draft of a disagreement that no rule finds.
type Conflict struct {
	At               Position
	About, Predicate Text
	// Kind is contradiction, apparent, derived or unit.
	Kind, Note Text
	Claims     []Stance
}

// Stance is one side of a Conflict.
type Stance struct {
	Value Text
	Cites []Citation
}

// Citation names a source and the place in it.
type Citation struct {
	Source  Text
	Locator string
}

// Claims are claims whose every part is understood already, for formats that
// write the graph's own values. They are recorded together: those that say what a
// new entity is come with one that names it.
type Claims struct {
	// At is where the first stands, Places where each does, aligned with Claims.
	At     Position
	Places []Position
	// Claims have no ID and no spells.
	Claims []*kg.Claim
}

// Noted is a conflict whose every part is understood already.
type Noted struct {
	At Position
	// Conflict has no ID.
	Conflict *kg.Conflict
}

// Retraction is the draft of a source's own correction: what it said by a draft
// before, it says no longer. It comes behind that draft and, where the format
// has a history, in a later moment.
type Retraction struct {
	At Position
	// Draft is what was said: a *Entity, *Relation, *Figure, *Absence or *Claims with the
	// same contents, citations included. Claims that do not stand are passed over.
	Draft Draft
	// Reason says why it is no longer said.
	Reason Text
}

// Moment says when a source recorded what comes behind it, up to the next
// Moment. Moments of a file come in order. Only formats with a history have them.
type Moment struct {
	At Position
	// Time is when; to the millisecond, in UTC.
	Time time.Time
}

// Settled says that its file tells itself, by claims, who of those that it describes
// is the same as whom: the import joins no two of them by an identifier. It comes
// first in the file.
type Settled struct{ At Position }
