package kg

// ConflictKind says in what way claims disagree.
type ConflictKind uint8

// The kinds of conflict.
const (
	// Contradiction: the claims cannot all hold.
	Contradiction ConflictKind = iota + 1
	// Apparent: they can hold together, being of another date, scope or rounding.
	Apparent
	// DerivedConflict: arithmetic over several facts shows it.
	DerivedConflict
	// UnitConflict: the values are orders of magnitude apart.
	UnitConflict
)

var conflictKindNames = enumNames{"", "CONTRADICTION", "APPARENT", "DERIVED", "UNIT"}

// String returns the name in capitals.
func (k ConflictKind) String() string { return conflictKindNames.text(uint8(k)) }

// ParseConflictKind reads what String returns.
func ParseConflictKind(s string) (ConflictKind, error) {
	k, err := conflictKindNames.parse("kind of conflict", s)
	return ConflictKind(k), err
}

// Conflict is a set of claims about one thing that cannot all be true, or seem not to.
type Conflict struct {
	ID ID
	// About is the entity concerned.
	About ID
	// Predicate names what is disputed: a metric, a relation type in lower
	// case, or a few words.
	Predicate string
	Kind      ConflictKind
	// Rule names the rule that found it, or is "" where a person noted it.
	Rule string
	// Note explains it.
	Note string
	// Claims are the positions, at least one.
	Claims []Position
}

// Position is one side of a conflict.
type Position struct {
	// Value is what is said, in a few words.
	Value     string
	Citations []Citation
}

// RecordID returns the conflict's id.
func (c *Conflict) RecordID() ID { return c.ID }

// RecordKind returns RecordConflict.
func (c *Conflict) RecordKind() RecordKind { return RecordConflict }
