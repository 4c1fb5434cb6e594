package kg

import (
	"cmp"
	"strings"
)

// This file holds known unknowns: that a source was to name somebody and says
// that there is nobody, that it does not know, or that it may not tell. A graph
// without them cannot tell "has no parent" from "nobody has looked".

// AbsenceKind says in what way something is absent.
type AbsenceKind uint8

// The kinds of absence.
const (
	// AbsenceUnknown: there is or may be somebody, and the source does not
	// know whom.
	AbsenceUnknown AbsenceKind = iota + 1
	// AbsenceNone: the source says that there is nobody.
	AbsenceNone
	// AbsenceWithheld: the source knows or could know, and does not tell.
	AbsenceWithheld
)

var absenceKindNames = enumNames{"", "UNKNOWN", "NONE", "WITHHELD"}

// String returns the name in capitals, such as WITHHELD.
func (k AbsenceKind) String() string { return absenceKindNames.text(uint8(k)) }

// ParseAbsenceKind reads what String returns.
func ParseAbsenceKind(s string) (AbsenceKind, error) {
	k, err := absenceKindNames.parse("kind of absence", s)
	return AbsenceKind(k), err
}

// AbsenceStatement says that nobody stands at the other end of a relation of the
// entity, or nobody whom the source names.
type AbsenceStatement struct {
	Entity ID
	// Relation is the type of what is absent, Direction the end of it at which
	// the entity stands: CONTROLS and In for a parent that is not there.
	Relation  RelationType
	Direction Direction
	Kind      AbsenceKind
	// Reason is the code of the register, such as NATURAL_PERSONS, or "".
	Reason string
	// Text is what the source says further, in its words.
	Text string
	// Start and End are since when and until when it was so, as those of a state.
	Start, End PartialDate
}

// Absence is a fact: what agreeing claims say is absent.
type Absence struct {
	Relation     RelationType
	Direction    Direction
	Kind         AbsenceKind
	Reason, Text string
	Start, End   PartialDate
	Citations    []Citation
}

// Family groups all statements about the entity itself.
func (s *AbsenceStatement) Family() string { return entityFamily(s.Entity) }

func (s *AbsenceStatement) mentions() []ID { return []ID{s.Entity} }

func (s *AbsenceStatement) identity() []string {
	return []string{
		"absence", string(s.Entity), s.Relation.String(), s.Direction.String(), s.Kind.String(), s.Reason, s.Text, s.Start.String(), s.End.String(),
	}
}

func (s *AbsenceStatement) check() error {
	_, known := relationRules[s.Relation]
	switch {
	case !known:
		return Invalidf("relation", "an absence at %s needs the type of the relation that is not there", s.Entity)
	case s.Direction != Out && s.Direction != In:
		return Invalidf("direction", "an absence at %s needs the end at which it stands, OUT or IN", s.Entity)
	case s.Kind < AbsenceUnknown || s.Kind > AbsenceWithheld:
		return Invalidf("kind", "an absence at %s is UNKNOWN, NONE or WITHHELD", s.Entity)
	case len(s.Reason) > maxText:
		return Invalidf("reason", "it is longer than %d bytes", maxText)
	case len(s.Text) > maxText:
		return Invalidf("text", "it is longer than %d bytes", maxText)
	case s.Start.IsYearly():
		return Invalidf("start", "a day of every year cannot be the start of an absence")
	case s.End.IsYearly():
		return Invalidf("end", "a day of every year cannot be the end of an absence")
	case s.Start.Placed() && s.End.Placed() && s.Start.Earliest() > s.End.Latest():
		return Invalidf("end", "an absence at %s ends (%s) before it begins (%s)", s.Entity, s.End, s.Start)
	}
	return checkTexts(s.Reason, s.Text)
}

func (s *AbsenceStatement) summary() string {
	parts := []string{string(s.Entity) + " " + s.Relation.String() + " " + s.Kind.String()}
	if s.Direction == In {
		parts[0] = s.Kind.String() + " " + s.Relation.String() + " " + string(s.Entity)
	}
	for _, p := range []struct{ label, value string }{{"", s.Reason}, {"", s.Text}, {"from ", s.Start.String()}, {"until ", s.End.String()}} {
		if p.value != "" {
			parts = append(parts, p.label+p.value)
		}
	}
	return strings.Join(parts, ", ")
}

// fact returns the absence that the statement alone gives.
func (s *AbsenceStatement) fact() Absence {
	return Absence{Relation: s.Relation, Direction: s.Direction, Kind: s.Kind, Reason: s.Reason, Text: s.Text, Start: s.Start, End: s.End}
}

// compareAbsences orders absences: by relation, direction, start, end, kind,
// reason and text; unknown dates last.
func compareAbsences(a, b Absence) int {
	return cmp.Or(
		cmp.Compare(a.Relation, b.Relation), cmp.Compare(a.Direction, b.Direction), CompareDates(a.Start, b.Start), CompareDates(a.End, b.End),
		cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Reason, b.Reason), strings.Compare(a.Text, b.Text),
	)
}

// AbsencesAsOf returns what was absent on the day, unless the dates rule it out;
// all that was ever stated where day is nil. They come by relation, direction
// and start.
func (e *Entity) AbsencesAsOf(day *Day) []Absence {
	var list []Absence
	for _, a := range e.Absences {
		if day == nil || a.Start.Earliest() <= *day && (!a.End.Placed() || a.End.Latest() > *day) {
			list = append(list, a)
		}
	}
	return list
}
