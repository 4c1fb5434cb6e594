package kg

import "slices"

// RelationType says what a relation states, read from From to To: Alibaba
// ACQUIRED Youku.
type RelationType uint8

// The relation types.
const (
	Owns RelationType = iota + 1
	Acquired
	InvestedIn
	AffiliateOf
	PartnersWith
	CustomerOf
	Supplies
	CompetesWith
	Offers
	PartOf
	HoldsRole
	Founded
	MergedInto
	SpunOffFrom
	Succeeded
	OperatesIn
	HeadquarteredIn
	ListedOn
	// RelatedTo is any other relation; its Text holds the verb.
	RelatedTo
	// Controls is control that is no share of the equity, such as consolidation
	// in the accounts or a majority of the votes; its Text holds the basis.
	Controls
)

var relationTypeNames = enumNames{
	"", "OWNS", "ACQUIRED", "INVESTED_IN", "AFFILIATE_OF", "PARTNERS_WITH", "CUSTOMER_OF", "SUPPLIES", "COMPETES_WITH", "OFFERS", "PART_OF",
	"HOLDS_ROLE", "FOUNDED", "MERGED_INTO", "SPUN_OFF_FROM", "SUCCEEDED", "OPERATES_IN", "HEADQUARTERED_IN", "LISTED_ON", "RELATED_TO",
	"CONTROLS",
}

// String returns the name in capitals, such as PARTNERS_WITH.
func (t RelationType) String() string { return relationTypeNames.text(uint8(t)) }

// ParseRelationType reads what String returns.
func ParseRelationType(s string) (RelationType, error) {
	t, err := relationTypeNames.parse("relation type", s)
	return RelationType(t), err
}

// RelationTypes returns every type, in order.
func RelationTypes() []RelationType {
	var types []RelationType
	for t := Owns; t <= Controls; t++ {
		types = append(types, t)
	}
	return types
}

// relationRule is what a type of relation allows.
type relationRule struct {
	// event: it happens on a date; otherwise it holds from a start to an end.
	event bool
	// symmetric: A to B and B to A are the same statement.
	symmetric bool
	// stake, money: the values it may carry.
	stake, money bool
	// from and to are the kinds of its ends; nil allows every kind.
	from, to []EntityKind
}

var (
	actors   = []EntityKind{KindCompany, KindOrganization, KindPerson}
	holders  = []EntityKind{KindCompany, KindOrganization, KindPerson, KindSegment, KindProduct, KindEvent}
	bodies   = []EntityKind{KindCompany, KindOrganization, KindSegment, KindProduct}
	ventures = []EntityKind{KindCompany, KindOrganization, KindProduct, KindSegment, KindEvent}
)

var relationRules = map[RelationType]relationRule{
	Owns:            {stake: true, from: actors, to: bodies},
	Acquired:        {event: true, stake: true, money: true, from: actors, to: []EntityKind{KindCompany}},
	InvestedIn:      {event: true, stake: true, money: true, from: actors, to: []EntityKind{KindCompany}},
	AffiliateOf:     {from: bodies, to: bodies},
	PartnersWith:    {symmetric: true, money: true, from: holders, to: holders},
	CustomerOf:      {from: holders, to: holders},
	Supplies:        {from: holders, to: holders},
	CompetesWith:    {symmetric: true, from: holders, to: holders},
	Offers:          {from: holders, to: []EntityKind{KindProduct, KindCompany, KindSegment, KindConcept, KindEvent}},
	PartOf:          {},
	HoldsRole:       {from: []EntityKind{KindPerson}},
	Founded:         {event: true, from: actors, to: ventures},
	MergedInto:      {event: true, from: bodies, to: bodies},
	SpunOffFrom:     {event: true, from: bodies, to: bodies},
	Succeeded:       {event: true},
	OperatesIn:      {to: []EntityKind{KindPlace}},
	HeadquarteredIn: {to: []EntityKind{KindPlace}},
	ListedOn:        {to: []EntityKind{KindOrganization, KindCompany, KindProduct}},
	RelatedTo:       {},
	Controls:        {from: actors, to: bodies},
}

// IsEvent reports that relations of the type happen on a date; the others hold
// from a start to an end.
func (t RelationType) IsEvent() bool { return relationRules[t].event }

// IsSymmetric reports that the two ends can change places without changing what is said.
func (t RelationType) IsSymmetric() bool { return relationRules[t].symmetric }

// CarriesStake reports that relations of the type may hold a share.
func (t RelationType) CarriesStake() bool { return relationRules[t].stake }

// Ends returns the kinds of entity at which relations of the type may start, and
// to which they may lead; nil for every kind.
func (t RelationType) Ends() (from, to []EntityKind) {
	rule := relationRules[t]
	return slices.Clone(rule.from), slices.Clone(rule.to)
}

// checkEnds returns an ErrInvalid unless the type may join the kinds.
func (t RelationType) checkEnds(from, to EntityKind) error {
	rule := relationRules[t]
	if rule.from != nil && !slices.Contains(rule.from, from) {
		return Invalidf("from", "%s starts at one of %v, not at a %s", t, rule.from, from)
	}
	if rule.to != nil && !slices.Contains(rule.to, to) {
		return Invalidf("to", "%s leads to one of %v, not to a %s", t, rule.to, to)
	}
	return nil
}

// Attribute is a further qualifier of a relation or figure, in the words of its source.
type Attribute struct{ Key, Value string }

// AttributeDeclared is the key of the one attribute of a relation that has a
// meaning here: the source declares a summary of what lies between the two ends.
// Its value is DeclaredIndirect or DeclaredUltimate.
const AttributeDeclared = "declared"

// The values of AttributeDeclared.
const (
	// DeclaredIndirect: the relation sums up one or more chains over others.
	DeclaredIndirect = "indirect"
	// DeclaredUltimate: it leads from the head of all such chains.
	DeclaredUltimate = "ultimate"
)

// The words of a RELATED_TO that tell in which country an entity is. They are
// compared when candidates are; otherwise they are words like others.
const (
	RegisteredIn = "is registered in"
	SeatedIn     = "has its seat in"
	InCountry    = "is in the country"
	// LinkedTo says less: that the country plays a part.
	LinkedTo = "is linked to"
)

// declared returns what the attributes declare, or "".
func declared(attributes []Attribute) string {
	for _, a := range attributes {
		if a.Key == AttributeDeclared && (a.Value == DeclaredIndirect || a.Value == DeclaredUltimate) {
			return a.Value
		}
	}
	return ""
}

// Relation is a fact that joins two entities.
type Relation struct {
	ID       ID
	Type     RelationType
	From, To ID
	// FromKind and ToKind are the kinds of the two ends.
	FromKind, ToKind EntityKind
	// Start is when it began, or when an event happened.
	Start PartialDate
	// End is the first day on which a state held no longer, or the zero date.
	End PartialDate
	// OpenedBy is the deal that opened a holding, where one did.
	OpenedBy ID
	// EndedBy is the relation whose start closed this one, where no source
	// states the end itself.
	EndedBy ID
	// Stake is the share that an OWNS, ACQUIRED or INVESTED_IN speaks of; nil
	// where no source gives one.
	Stake *Share
	// Money is the price of an acquisition, the amount of an investment or
	// the worth of a partnership; nil where no source gives one.
	Money *Money
	// Text is the title of a role, the focus of a partnership, or the verb or
	// nuance of any other relation.
	Text       string
	Attributes []Attribute
	// Note is a remark of whoever recorded it.
	Note      string
	Citations []Citation
}

// RecordID returns the relation's id.
func (r *Relation) RecordID() ID { return r.ID }

// RecordKind returns RecordRelation.
func (r *Relation) RecordKind() RecordKind { return RecordRelation }

// Indirect reports that the relation is a summary of chains that a source
// declares. It is shown as what the source says; no walk follows it, no stake is
// worked out from it, and it controls nothing, for what it sums up would count
// twice.
func (r *Relation) Indirect() bool { return declared(r.Attributes) != "" }

// Other returns the end that is not id, and its kind; for a relation from an
// entity to itself that is the same entity.
func (r *Relation) Other(id ID) (ID, EntityKind) {
	if r.From == id {
		return r.To, r.ToKind
	}
	return r.From, r.FromKind
}

// Direction says which end of a relation an entity stands at.
type Direction uint8

// The directions.
const (
	// Out: the entity is From.
	Out Direction = iota + 1
	// In: the entity is To.
	In
	// Both: either.
	Both
)

var directionNames = enumNames{"", "OUT", "IN", "BOTH"}

// String returns the name in capitals.
func (d Direction) String() string { return directionNames.text(uint8(d)) }

// ParseDirection reads what String returns.
func ParseDirection(s string) (Direction, error) {
	d, err := directionNames.parse("direction", s)
	return Direction(d), err
}

// When restricts relations and figures by time. The zero value restricts nothing.
type When struct {
	// During keeps events that happened in the period and states that held on
	// some day of it.
	During Period
	// Certainty says whether During takes what the dates merely allow.
	Certainty Certainty
	// AsOf keeps events that had happened and states that held on that day,
	// unless the dates rule it out; nil restricts nothing.
	AsOf *Day
}

// String writes the restriction in full: equal restrictions have equal texts.
func (w When) String() string {
	text := "during " + w.During.String() + " " + w.Certainty.String()
	if w.AsOf != nil {
		text += " as of " + w.AsOf.String()
	}
	return text
}

// Admits reports that a relation of the type with these dates passes.
//
// An event without a date is in no period, not even possibly. A state whose
// start is unknown possibly holds in every period before its end; a state whose
// end is unknown is taken to go on.
func (w When) Admits(t RelationType, start, end PartialDate) bool {
	if w.AsOf != nil {
		if start.Earliest() > *w.AsOf || !t.IsEvent() && end.Placed() && end.Latest() <= *w.AsOf {
			return false
		}
	}
	if w.During.IsZero() {
		return true
	}
	first, last := w.During.First(), w.During.Last()
	switch {
	case t.IsEvent() && w.Certainty == Certain:
		return start.Placed() && first <= start.Earliest() && start.Latest() <= last
	case t.IsEvent():
		return start.Placed() && start.Earliest() <= last && first <= start.Latest()
	case w.Certainty == Certain:
		return start.Placed() && start.Latest() <= last && (!end.Placed() || end.Earliest() > first)
	}
	return start.Earliest() <= last && (!end.Placed() || end.Latest() > first)
}

// CertaintyOf says whether the known dates settle that a relation which passes
// does so, or merely allow it.
func (w When) CertaintyOf(t RelationType, start, end PartialDate) Certainty {
	if w.AsOf != nil {
		begun := start.Placed() && start.Latest() <= *w.AsOf
		over := !t.IsEvent() && end.Placed() && end.Earliest() <= *w.AsOf
		if !begun || over {
			return Possible
		}
	}
	w.AsOf, w.Certainty = nil, Certain
	if !w.Admits(t, start, end) {
		return Possible
	}
	return Certain
}

// StartRange bounds the starts that can pass, whatever the type: a start whose
// earliest day lies outside [from, to] does not, nor, unless unknown is set,
// does a start that is not known. Engines use it to skip; Admits decides.
func (w When) StartRange(t RelationType) (from, to Day, unknown bool) {
	from, to, unknown = BeginningOfTime, EndOfTime, true
	if w.AsOf != nil {
		to = *w.AsOf
	}
	if w.During.IsZero() {
		return from, to, unknown
	}
	to = min(to, w.During.Last())
	if t.IsEvent() && w.Certainty == Certain {
		from = w.During.First()
	}
	return from, to, !t.IsEvent() && w.Certainty == Possible
}

// AdmitsPeriod reports that a figure of the period passes: inside During when
// Certain, sharing a day with it when Possible. A figure without a period is in
// none. AsOf keeps figures whose period had begun.
func (w When) AdmitsPeriod(p Period) bool {
	if w.AsOf != nil && !p.IsZero() && p.First() > *w.AsOf {
		return false
	}
	switch {
	case w.During.IsZero():
		return true
	case p.IsZero():
		return false
	case w.Certainty == Certain:
		return w.During.Contains(p)
	}
	return w.During.Overlaps(p)
}
