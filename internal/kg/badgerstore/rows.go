package badgerstore

import (
	"bytes"
	"fmt"

	"keiretsu/internal/kg"
)

// row is a key and its value, which is nil where the row is to be taken away.
type row struct{ key, value []byte }

// livesAtID reports that records of the kind have their row of the id as home:
// nobody sweeps over them in an order of their own.
func livesAtID(kind kg.RecordKind) bool {
	switch kind {
	case kg.RecordEntity, kg.RecordSource, kg.RecordMetric, kg.RecordRedirect, kg.RecordReceipt:
		return true
	}
	return false
}

// nothing is the value of a row whose key says everything.
var nothing = []byte{}

// rowsOf returns all rows of a record, each once. They follow from the record alone, so
// that what to take away is known from what was stored. The first is the row of
// the id; the second, where the record does not live there, is its home.
func rowsOf(r kg.Record) ([]row, error) {
	id, kind := r.RecordID(), r.RecordKind()
	e := newEncoder()
	if livesAtID(kind) {
		e.byte(uint8(kind))
	}
	if err := e.record(r); err != nil {
		return nil, fmt.Errorf("the %s %q: %w", kind, id, err)
	}
	value := e.b
	rows := make([]row, 1, 5)
	add := func(value []byte, f *family, terms ...term) {
		rows = append(rows, row{f.key(terms...), value})
	}
	switch r := r.(type) {
	case *kg.Entity:
		add(nothing, orderRows, byteOf(r.Kind), textOf(string(r.SortKey())), idOf(id))
		for _, n := range r.NameKeys() {
			add([]byte{byte(r.Kind)}, nameRows, flagOf(n.Core), textOf(n.Fold), byteOf(n.Rank), idOf(id))
		}
		known := make(map[[2]string]bool)
		for _, i := range r.Identifiers {
			scheme, key := kg.IdentifierKey(i.Scheme, i.Value)
			if k := [2]string{scheme, key}; !known[k] {
				known[k] = true
				add([]byte{byte(r.Kind)}, identifierRows, textOf(scheme), textOf(key), idOf(id))
			}
		}
	case *kg.Relation:
		start := placeOf(r.Start.Place())
		add(value, adjacencyRows, hashOf(r.From), byteOf(kg.Out), byteOf(r.Type), start, idOf(id))
		add(value, adjacencyRows, hashOf(r.To), byteOf(kg.In), byteOf(r.Type), start, idOf(id))
		add(value, timelineRows, byteOf(r.Type), start, idOf(id))
	case *kg.Observation:
		add(value, observationRows, hashOf(r.Subject), textOf(r.Metric), placeOf(r.Period.Place()), idOf(id))
	case *kg.Claim:
		add(value, claimRows, hashOf(r.Family()), idOf(id))
		for _, m := range r.Mentioned() {
			if m.Part != kg.PartItself { // the family of the entity has these
				add(value, mentionRows, hashOf(m.Entity), byteOf(m.Part), byteOf(m.Type), idOf(id))
			}
		}
	case *kg.Conflict:
		add(value, conflictRows, textOf(string(r.About)), textOf(r.Predicate), idOf(id))
	}
	if kind != kg.RecordEntity {
		add(nothing, kindRows, byteOf(kind), idOf(id))
	}
	if !livesAtID(kind) {
		home := rows[1].key
		value = append([]byte{codecVersion, byte(kind)}, home[:len(home)-len(id)]...)
	}
	rows[0] = row{idRows.key(idOf(id)), value}
	return rows, nil
}

// atID is what the row of an id says.
type atID struct {
	kind kg.RecordKind
	// record is set where it lives there, home is the key of its row where not.
	record kg.Record
	home   []byte
}

func parseAtID(id kg.ID, value []byte) (atID, error) {
	d := newDecoder(value)
	a := atID{kind: kg.RecordKind(d.byte())}
	if livesAtID(a.kind) {
		a.record = d.record(a.kind, id)
	} else {
		a.home = append(bytes.Clone(value[d.at:]), id...)
		d.at = len(value)
	}
	if err := d.finish(); err != nil {
		return atID{}, fmt.Errorf("the row of %q: %w", id, err)
	}
	return a, nil
}

// parseHome reads the row in which a record of the kind lives.
func parseHome(kind kg.RecordKind, id kg.ID, value []byte) (kg.Record, error) {
	d := newDecoder(value)
	r := d.record(kind, id)
	if err := d.finish(); err != nil {
		return nil, fmt.Errorf("the %s %q: %w", kind, id, err)
	}
	return r, nil
}
