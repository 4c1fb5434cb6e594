package ingest

import "keiretsu/internal/kg"

// Absence is the draft of a known unknown: a source says that nobody stands at
// the other end of a relation of the entity, or nobody whom it names.
type Absence struct {
	At     Position
	Entity Text
	// Relation is a relation type in lower case; Direction is out or in: the
	// end of it at which the entity stands.
	Relation, Direction Text
	// Kind is unknown, none or withheld.
	Kind Text
	// Reason is the code of a register, Text what the source says further.
	Reason, Text Text
	// Since and Until are as those of the draft of a state.
	Since, Until Text
	Note         Text
	Cites        []Citation
	// Hint says what the source tells of an entity that it does not describe;
	// nil where that is nothing.
	Hint *Hint
}

var (
	absenceKinds = words(kg.AbsenceUnknown, kg.AbsenceWithheld)
	directions   = words(kg.Out, kg.In)
)

func (d *Absence) mentions() []kg.ID { return append(sourcesOf(d.Cites), id(d.Entity)) }
func (d *Absence) needs() []need     { return []need{{id(d.Entity), d.Hint}} }
func (d *Absence) declare(*index)    {}

func (d *Absence) write(b *batch) {
	b.claim(d.At, &kg.AbsenceStatement{
		Entity: b.entity(d.Entity), Relation: word(b, "a type of relation", d.Relation, relationTypes),
		Direction: word(b, "an end of a relation", d.Direction, directions), Kind: word(b, "a kind of absence", d.Kind, absenceKinds),
		Reason: d.Reason.Value, Text: d.Text.Value, Start: read(b, d.Since, kg.ParseDate), End: read(b, d.Until, kg.ParseDate),
	}, d.Cites, "", d.Note.Value)
}
