package kg

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Revision numbers the moments of a store. It grows by one with every batch
// that changes something; 0 is the empty store.
type Revision uint64

// RecordKind names a family of records.
type RecordKind uint8

// The kinds of record.
const (
	RecordEntity RecordKind = iota + 1
	RecordRelation
	RecordObservation
	RecordSource
	RecordMetric
	RecordClaim
	RecordConflict
	// RecordRedirect stands where an id has passed to another record.
	RecordRedirect
	// RecordReceipt remembers a write that was done under a key.
	RecordReceipt
)

var recordKindNames = enumNames{"", "entity", "relation", "observation", "source", "metric", "claim", "conflict", "redirect", "receipt"}

// String returns the name, such as relation.
func (k RecordKind) String() string { return recordKindNames.text(uint8(k)) }

// RecordKinds returns every kind, in order.
func RecordKinds() []RecordKind {
	var kinds []RecordKind
	for k := RecordEntity; k <= RecordReceipt; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// Record is a thing with an id of its own: *Entity, *Relation, *Observation,
// *Source, *Metric, *Claim, *Conflict, *Redirect or *Receipt. All kinds share
// one space of ids.
type Record interface {
	RecordID() ID
	RecordKind() RecordKind
}

// Redirect sends an id that is no longer used to the record that took its place:
// for a relation that turned out to be another, that one; for an entity that is
// the same as another, and for its figures, those of the other; for a fact of
// which every claim has been taken back, the oldest of those claims.
type Redirect struct{ From, To ID }

// RecordID returns the old id.
func (r *Redirect) RecordID() ID { return r.From }

// RecordKind returns RecordRedirect.
func (r *Redirect) RecordKind() RecordKind { return RecordRedirect }

// Receipt remembers a write that was done under a key of the writer's own, so
// that a write that is sent again is not done again.
type Receipt struct {
	// ID is derived from By and the key.
	ID ID
	By string
	// Digest is a hash of what the write said.
	Digest string
	// Revision and At are those of the write.
	Revision Revision
	At       time.Time
}

// RecordID returns the receipt's id.
func (r *Receipt) RecordID() ID { return r.ID }

// RecordKind returns RecordReceipt.
func (r *Receipt) RecordKind() RecordKind { return RecordReceipt }

// Store keeps records. It is the port behind which engines stand; they are
// written in graph words, translate their driver's errors into the classes of
// errors.go, and hold no opinion about companies.
//
// A Store is safe for concurrent use. After Close every method returns ErrClosed.
type Store interface {
	// Snapshot opens the newest committed moment for reading. It must be
	// closed; until then it costs the engine space.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Apply commits the batch, all of it or nothing, with every index, and
	// returns once it would survive a power cut. The revision is that of the
	// state which holds the batch. A put that equals what is stored and a
	// delete of what is absent change nothing; a batch that changes nothing
	// leaves the revision as it was, so applying twice equals applying once.
	// A batch with more than MaxBatch records is refused with ErrTooLarge.
	Apply(ctx context.Context, b *Batch) (Revision, error)
	// Changes yields what happened after the revision, oldest first, one
	// change for every revision without a gap, up to the newest at the time
	// of the call.
	Changes(ctx context.Context, after Revision) iter.Seq2[Change, error]
	// Ping returns nil if the store can answer.
	Ping(ctx context.Context) error
	// Close waits for open snapshots' calls to end, then releases everything.
	Close() error
}

// Stager is a Store whose writers need not wait for one another's turn at the
// disk: while some batches are being forced to it, the next are worked out and
// taken. Graph uses it where an engine offers it.
//
// Batches become durable in the order in which they were taken, and only what is
// durable is seen by Snapshot, Changes and Ping. A crash may take back what was
// staged and not yet durable: always the newest batches, never one without those
// behind it.
type Stager interface {
	Store
	// Draft opens the newest staged moment, for whoever works out the batch to
	// stage next. Nothing may be told to others from it before the wait of a
	// batch that was staged later, an empty one if need be, has returned nil.
	Draft(ctx context.Context) (Snapshot, error)
	// Stage is Apply up to the point where all that is left is to wait. The
	// revision is that of the draft which holds the batch. Wait returns nil
	// once the batch, and all that was staged before it, would survive a power
	// cut; for a batch that changes nothing that is what it builds on. It may
	// be called more than once, or never. Where it returns the context's error,
	// the batch may become durable all the same; where it returns another, what
	// became of the batch is known when the store is opened again.
	Stage(ctx context.Context, b *Batch) (revision Revision, wait func(context.Context) error, err error)
}

// MaxBatch is the largest number of records in one batch.
const MaxBatch = 20_000

// Batch is a set of changes that become visible at once. A record is named at
// most once in it.
type Batch struct {
	// At is when the change is made, and By who makes it; the change log keeps
	// both.
	At time.Time
	By string
	// Put replaces or adds whole records. The engine finds and removes the
	// index rows of what a record said before.
	Put []Record
	// Fresh, where it is set, is aligned with Put: true says that the store has
	// nothing under the id of the record, so that an engine need not look.
	Fresh []bool
	// Delete removes records by id. Relations and observations are deleted
	// before or together with the entities they name.
	Delete []ID
}

// Change is what one revision did.
type Change struct {
	Revision Revision
	At       time.Time
	// By is who made the change, "" where nobody has said.
	By string
	// Touched names the records that the batch changed, in id order.
	Touched []Touch
}

// Touch names a record that a change put or deleted.
type Touch struct {
	Kind    RecordKind
	ID      ID
	Deleted bool
	// About are the entities of which the record speaks, or spoke before, as
	// TouchedBy gives them.
	About []ID
}

// TouchedBy returns the entities of which either record speaks, in id order,
// each once: what a change from the first to the second is about. Either may be
// nil. An entity speaks of itself under all of its ids, a relation of its ends, an observation of its
// subject, a claim of those it mentions, a conflict of the entity it is about, a
// redirect from one entity to another of both; all else of none.
func TouchedBy(before, after Record) []ID {
	about := append(entitiesOf(before), entitiesOf(after)...)
	slices.Sort(about)
	return slices.Compact(about)
}

func entitiesOf(r Record) []ID {
	switch r := r.(type) {
	case *Entity:
		return append([]ID{r.ID}, r.Merged...)
	case *Relation:
		return []ID{r.From, r.To}
	case *Observation:
		return []ID{r.Subject}
	case *Claim:
		return r.Statement.mentions()
	case *Conflict:
		return []ID{r.About}
	case *Redirect:
		if to, ok := mergedInto(r); ok {
			return []ID{r.From, to}
		}
	}
	return nil
}

// Snapshot is one moment of a store. It is safe for concurrent use. Closing it
// waits for its calls to end; a call after that returns ErrClosed.
//
// A sequence is used once and may be left early. What it yields belongs to the
// caller. An error is yielded last, with a zero value. Every call, and every
// sequence on its way, ends with the context's error when the context is done. A
// call made inside a sequence while Close waits is answered or refused.
//
// Unless a query says otherwise: ids that are absent or belong to another kind
// of record are passed over, an empty list of filters restricts nothing, every
// filter is honoured by the engine, bytes are compared as bytes, and a limit of
// 0 is no limit.
type Snapshot interface {
	// Revision is the moment's number.
	Revision() Revision
	// Get returns the records with these ids, aligned with them: nil where
	// there is none. Redirects are returned, not followed.
	Get(ctx context.Context, ids []ID) ([]Record, error)
	// Find returns for every key the entities that carry it, best name first
	// (NameKind), equals in id order.
	Find(ctx context.Context, keys []FindKey) ([][]Match, error)
	// Relations yields the relations that q asks for.
	Relations(ctx context.Context, q RelationQuery) iter.Seq2[Edge, error]
	// Observations yields the observations that q asks for.
	Observations(ctx context.Context, q ObservationQuery) iter.Seq2[Figured, error]
	// Claims yields the claims of the families, retracted ones included,
	// family by family in the order asked for, within a family in id order.
	Claims(ctx context.Context, families []string) iter.Seq2[*Claim, error]
	// ClaimsAbout yields the claims that q asks for, retracted ones included.
	ClaimsAbout(ctx context.Context, q ClaimQuery) iter.Seq2[Mention, error]
	// Conflicts yields the conflicts about the entities, or all of them where
	// about is nil: in order of entity id, predicate (bytes), conflict id.
	Conflicts(ctx context.Context, about []ID) iter.Seq2[*Conflict, error]
	// Scan yields all records of one kind.
	Scan(ctx context.Context, q ScanQuery) iter.Seq2[Record, error]
	// Stats counts the records of every kind, exactly.
	Stats(ctx context.Context) (map[RecordKind]int64, error)
	Close() error
}

// FindKey asks for entities by name or by identifier.
type FindKey struct {
	// Name is what FoldName gives, or CoreName where Core is set; used when
	// Scheme is "".
	Name string
	Core bool
	// Scheme and Value are what IdentifierKey gives.
	Scheme, Value string
	// Kinds keeps entities of these kinds.
	Kinds []EntityKind
	// Limit bounds the matches.
	Limit int
}

// Match is an entity that carries a key, with the standing of the name that
// does; for an identifier that is NamePreferred.
type Match struct {
	ID   ID
	Kind EntityKind
	Rank NameKind
}

// RelationQuery asks for relations at entities, or across the whole graph.
//
// They come entity by entity in the order of Of, and for each (or for the whole
// graph) ordered by Place of the start, then by id: that is by the earliest day
// the start can mean, then by the latest, open beginnings first, unknown starts
// last, equals by id. Reverse turns the order of relations round, not that of Of.
type RelationQuery struct {
	// Of is the frontier: distinct entities at which the relations stand.
	Of []ID
	// All asks for every relation of the graph once; Of, Direction and Kinds
	// are then not used.
	All bool
	// Direction says at which end the entity stands. With Both, a relation
	// from an entity to itself comes once.
	Direction Direction
	Types     []RelationType
	When      When
	// MinStake keeps relations whose share cannot be less, in percent; those
	// without a share pass only if it is 0.
	MinStake float64
	// Direct leaves out summaries of chains (Relation.Indirect). Whoever
	// follows relations from one entity to the next sets it.
	Direct bool
	// Kinds keeps relations whose other end is of these kinds.
	Kinds []EntityKind
	// After and Before keep what lies strictly behind or before the place in
	// the order (not in the direction of Reverse); nil restricts nothing.
	After, Before *RelationPlace
	Reverse       bool
	// Limit bounds the relations of each entity, or of the whole graph.
	Limit int
}

// Edge is a relation as found from an entity of the frontier.
type Edge struct {
	// At is the index in RelationQuery.Of, 0 for the whole graph.
	At int
	// Out: the entity is the relation's From, also where it is its To as well.
	// It means nothing for the whole graph.
	Out      bool
	Relation *Relation
}

// DatePlace is where a date stands in the order of dates. Unknown and yearly
// dates stand behind all others, at EndOfTime twice.
type DatePlace struct{ Earliest, Latest Day }

// Place returns where the date stands in the order of dates.
func (d PartialDate) Place() DatePlace {
	if !d.Placed() {
		return DatePlace{EndOfTime, EndOfTime}
	}
	return DatePlace{d.Earliest(), d.Latest()}
}

// Place returns where the period stands in the order of dates; unknown ones last.
func (p Period) Place() DatePlace {
	if p.IsZero() {
		return DatePlace{EndOfTime, EndOfTime}
	}
	return DatePlace{p.First(), p.Last()}
}

// Compare orders places.
func (p DatePlace) Compare(q DatePlace) int {
	return cmp.Or(cmp.Compare(p.Earliest, q.Earliest), cmp.Compare(p.Latest, q.Latest))
}

// RelationPlace is where a relation stands in its order.
type RelationPlace struct {
	Start DatePlace
	ID    ID
}

// Place returns where the relation stands in its order.
func (r *Relation) Place() RelationPlace { return RelationPlace{r.Start.Place(), r.ID} }

// Compare orders places.
func (p RelationPlace) Compare(q RelationPlace) int {
	return cmp.Or(p.Start.Compare(q.Start), strings.Compare(string(p.ID), string(q.ID)))
}

// Matches reports whether a relation, seen from the entity (or "" for the whole
// graph), passes the filters of q other than the place: the one definition of
// what they mean, for engines to call or to translate.
func (q *RelationQuery) Matches(r *Relation, from ID) bool {
	if !contains(q.Types, r.Type) || !q.When.Admits(r.Type, r.Start, r.End) {
		return false
	}
	if q.MinStake > 0 && (r.Stake == nil || !r.Stake.AtLeast(q.MinStake)) {
		return false
	}
	if q.Direct && r.Indirect() {
		return false
	}
	if q.All {
		return true
	}
	_, kind := r.Other(from)
	return contains(q.Kinds, kind)
}

// Admits reports whether the place lies between After and Before.
func (q *RelationQuery) Admits(p RelationPlace) bool {
	return (q.After == nil || p.Compare(*q.After) > 0) && (q.Before == nil || p.Compare(*q.Before) < 0)
}

func contains[T comparable](allowed []T, x T) bool {
	for _, a := range allowed {
		if a == x {
			return true
		}
	}
	return len(allowed) == 0
}

// ObservationQuery asks for observations of entities.
//
// They come entity by entity in the order of Of, and for each ordered by metric
// (bytes), then by Place of the period, unknown ones last, then by id.
type ObservationQuery struct {
	// Of are distinct entities.
	Of      []ID
	Metrics []string
	When    When
	// After and Before keep what lies strictly behind or before the place in
	// the order (not in the direction of Reverse).
	After, Before *ObservationPlace
	Reverse       bool
	// Limit bounds the observations of each entity.
	Limit int
}

// Figured is an observation as found from an entity.
type Figured struct {
	// At is the index in ObservationQuery.Of.
	At          int
	Observation *Observation
}

// ObservationPlace is where an observation stands in its order.
type ObservationPlace struct {
	Metric string
	Period DatePlace
	ID     ID
}

// Place returns where the observation stands in its order.
func (o *Observation) Place() ObservationPlace {
	return ObservationPlace{o.Metric, o.Period.Place(), o.ID}
}

// Compare orders places.
func (p ObservationPlace) Compare(q ObservationPlace) int {
	return cmp.Or(strings.Compare(p.Metric, q.Metric), p.Period.Compare(q.Period), strings.Compare(string(p.ID), string(q.ID)))
}

// Matches reports whether an observation passes the filters of q other than the place.
func (q *ObservationQuery) Matches(o *Observation) bool {
	return contains(q.Metrics, o.Metric) && q.When.AdmitsPeriod(o.Period)
}

// Admits reports whether the place lies between After and Before.
func (q *ObservationQuery) Admits(p ObservationPlace) bool {
	return (q.After == nil || p.Compare(*q.After) > 0) && (q.Before == nil || p.Compare(*q.Before) < 0)
}

// ScanQuery asks for all records of one kind: entities ordered by SortKey and
// then id, every other kind by id.
type ScanQuery struct {
	Kind RecordKind
	// Kinds keeps entities of these kinds; used for entities only.
	Kinds []EntityKind
	// After and Before keep what lies strictly behind or before the place in
	// the order (not in the direction of Reverse).
	After, Before *ScanPlace
	Reverse       bool
	Limit         int
}

// ScanPlace is where a record stands in the order of a scan.
type ScanPlace struct {
	// Key is the entity's SortKey; empty for other kinds.
	Key []byte
	ID  ID
}

// PlaceOf returns where a record stands in the order of a scan of its kind.
func PlaceOf(r Record) ScanPlace {
	if e, ok := r.(*Entity); ok {
		return ScanPlace{e.SortKey(), e.ID}
	}
	return ScanPlace{ID: r.RecordID()}
}

// Compare orders places.
func (p ScanPlace) Compare(q ScanPlace) int {
	return cmp.Or(bytes.Compare(p.Key, q.Key), strings.Compare(string(p.ID), string(q.ID)))
}

// Matches reports whether a record passes the filters of q other than the place.
func (q *ScanQuery) Matches(r Record) bool {
	if r.RecordKind() != q.Kind {
		return false
	}
	e, ok := r.(*Entity)
	return !ok || contains(q.Kinds, e.Kind)
}

// Admits reports whether the place lies between After and Before.
func (q *ScanQuery) Admits(p ScanPlace) bool {
	return (q.After == nil || p.Compare(*q.After) > 0) && (q.Before == nil || p.Compare(*q.Before) < 0)
}

// Check returns an ErrTooLarge or ErrInvalid unless an engine may apply the
// batch. Engines call it first.
func (b *Batch) Check() error {
	if n := len(b.Put) + len(b.Delete); n > MaxBatch {
		return fmt.Errorf("a batch of %d records, more than %d: %w", n, MaxBatch, ErrTooLarge)
	}
	if b.Fresh != nil && len(b.Fresh) != len(b.Put) {
		return fmt.Errorf("a batch says of %d of %d records that they are fresh: %w", len(b.Fresh), len(b.Put), ErrInvalid)
	}
	seen := make(map[ID]bool, len(b.Put)+len(b.Delete))
	once := func(id ID) error {
		if id == "" || seen[id] {
			return fmt.Errorf("a batch names the record %q twice or not at all: %w", id, ErrInvalid)
		}
		seen[id] = true
		return nil
	}
	for _, r := range b.Put {
		if err := once(r.RecordID()); err != nil {
			return err
		}
	}
	for _, id := range b.Delete {
		if err := once(id); err != nil {
			return err
		}
	}
	return nil
}

// Part is what an entity is to a claim that speaks of it.
type Part uint8

// The parts.
const (
	// PartItself: the claim is about the entity itself: that there is such a
	// thing, a name, an identifier, the end of its business year, an absence.
	PartItself Part = iota + 1
	// PartFrom and PartTo: the entity is an end of a relation.
	PartFrom
	PartTo
	// PartSubject: the claim states a figure of the entity.
	PartSubject
	// PartJudged: the claim says that the entity and another are one thing, or
	// that they are not.
	PartJudged
)

// Aspect is a part and, for an end of a relation, the type of the relation. In a
// query the type 0 is every type; in a mention it stands for no relation.
type Aspect struct {
	Part Part
	Type RelationType
}

// ClaimQuery asks for claims by the entities of which they speak. Whoever is
// merely quoted in a claim is not spoken of.
//
// They come entity by entity in the order of Of, and for each ordered by part,
// then by relation type, then by id. A relation from an entity to itself
// mentions it twice, and comes once for each end that is asked for.
type ClaimQuery struct {
	// Of are distinct entities. They need not exist any more: claims are
	// found by what they say.
	Of []ID
	// All asks for every claim of the graph once; Of is then not used. Those
	// of one family come together and in id order. In which order families
	// come is left to the engine: whoever reads all claims makes facts of one
	// family after the other, and those are put in order afterwards.
	All bool
	// As keeps claims that mention the entity (with All: any entity) in one
	// of these aspects.
	As []Aspect
}

// Mention is a claim as found from an entity.
type Mention struct {
	// At is the index in ClaimQuery.Of, 0 for the whole graph.
	At    int
	Claim *Claim
}

// Admits reports whether a claim that mentions an entity in this aspect passes q.
func (q *ClaimQuery) Admits(a Aspect) bool {
	for _, wanted := range q.As {
		if wanted == a || wanted == (Aspect{Part: a.Part}) {
			return true
		}
	}
	return len(q.As) == 0
}

// Mentioned is an entity of which a claim speaks.
type Mentioned struct {
	Entity ID
	Aspect
}

// Mentioned lists the entities of which the claim speaks, in order of part: one,
// the two ends of a relation, or the two of which it says whether they are one.
func (c *Claim) Mentioned() []Mentioned {
	ids := c.Statement.mentions()
	switch s := c.Statement.(type) {
	case *RelationStatement:
		return []Mentioned{{ids[0], Aspect{PartFrom, s.Type}}, {ids[1], Aspect{PartTo, s.Type}}}
	case *Figure:
		return []Mentioned{{ids[0], Aspect{Part: PartSubject}}}
	case *SameStatement, *DifferentStatement:
		return []Mentioned{{ids[0], Aspect{Part: PartJudged}}, {ids[1], Aspect{Part: PartJudged}}}
	}
	return []Mentioned{{ids[0], Aspect{Part: PartItself}}}
}

// TextIndex finds entities by words. It is a projection of the store: it may
// lag behind, and is rebuilt from zero at any time.
type TextIndex interface {
	// Search returns entities whose names fit the text, best first, equals in
	// id order, together with the number of all that fit. Text that holds no
	// letter or digit finds nothing.
	Search(ctx context.Context, q TextQuery) (hits []TextHit, total int, err error)
	// Resembling returns for each entity others of its kind, at most limit, of which
	// a whole name, but for the legal form, is nearly one of its own: sounds like it
	// in another script (阿里云 and Aliyun), says the same in another language (华为技术
	// and Huawei Technologies), has its words in another order, or is spelled a little
	// otherwise. Who is found by one is found by the other, unless
	// there are more than limit. The order depends on names and ids alone.
	Resembling(ctx context.Context, of []*Entity, limit int) ([][]Resemblance, error)
}

// Resemblance is an entity of which a name is nearly that of another.
type Resemblance struct {
	ID ID
	// Name is that of the entity asked about and Other that of this one, or both
	// are "" where it is not known which of them.
	Name, Other string
	// Likeness is from 0 to 1: 1 less the letters to change, add or drop to make one
	// of the other, by the letters of the longer.
	Likeness float64
	// Translated tells the words of one name that the other has in another language,
	// each with its meaning ("技术 technology"), where the rest of them is alike by
	// Likeness; "" where they are compared without translating.
	Translated string
}

// TextQuery asks for entities by words.
type TextQuery struct {
	// Text is what the user typed, in any language.
	Text  string
	Kinds []EntityKind
	// After is the last hit of the page before, or nil.
	After *TextHit
	Limit int
}

// TextHit is an entity found by words.
type TextHit struct {
	ID ID
	// Score orders the hits of one query, larger is better; it means nothing
	// across queries.
	Score float64
	// Matched is the name that fits best.
	Matched string
}
