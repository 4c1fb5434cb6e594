package badgerstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"keiretsu/internal/kg"
)

// Relations yields the relations that q asks for.
func (s *snapshot) Relations(ctx context.Context, q kg.RelationQuery) iter.Seq2[kg.Edge, error] {
	operation := fmt.Sprintf("relations of %d entities", len(q.Of))
	if q.All {
		operation = "all relations"
	}
	return sequence(ctx, s, operation, func(r *reader, emit func(kg.Edge) bool) error {
		if q.All {
			return r.allRelations(&q, func(x *kg.Relation) bool { return emit(kg.Edge{Relation: x}) })
		}
		for at, id := range q.Of {
			left := false
			err := r.relationsAt(&q, id, func(x *kg.Relation) bool {
				left = !emit(kg.Edge{At: at, Out: x.From == id, Relation: x})
				return !left
			})
			if err != nil || left {
				return err
			}
		}
		return nil
	})
}

// passing returns a visit that passes on the relations of rows of the family
// which q takes, up to its limit. The relations are seen from the entity, "" for
// the whole graph.
func passing(q *kg.RelationQuery, f *family, from kg.ID, emit func(*kg.Relation) bool) visit {
	count := 0
	return func(key, value []byte) (bool, error) {
		record, err := parseHome(kg.RecordRelation, f.id(key), value)
		if err != nil {
			return false, err
		}
		x := record.(*kg.Relation)
		if f == adjacencyRows && !standsAt(x, from, directionIn(key), q.Direction) {
			return true, nil
		}
		if !q.Matches(x, from) || !q.Admits(x.Place()) {
			return true, nil
		}
		count++
		return emit(x) && (q.Limit <= 0 || count < q.Limit), nil
	}
}

// directionIn returns the direction that a key of an adjacency row holds.
func directionIn(key []byte) kg.Direction { return kg.Direction(key[1+8]) }

// standsAt reports that the row of the direction is the one by which the
// relation is found from the entity. It is not where another entity has the
// same hash, nor where the relation leads back to the entity and is found at
// its other end.
func standsAt(x *kg.Relation, id kg.ID, row, asked kg.Direction) bool {
	if row == kg.Out {
		return x.From == id
	}
	return x.To == id && (asked != kg.Both || x.From != x.To)
}

// relationsAt passes on the relations at one entity.
func (r *reader) relationsAt(q *kg.RelationQuery, id kg.ID, emit func(*kg.Relation) bool) error {
	f := passing(q, adjacencyRows, id, emit)
	here := hashOf(id)
	var directions []kg.Direction
	prefix := adjacencyRows.key(here)
	switch q.Direction {
	case kg.Out, kg.In:
		directions = []kg.Direction{q.Direction}
		prefix = adjacencyRows.key(here, byteOf(q.Direction))
	case kg.Both:
		directions = []kg.Direction{kg.Out, kg.In}
	default:
		return nil
	}
	// One seek for each of many types costs more than reading what a small
	// entity has and sorting it.
	if types := wanted(q.Types); len(types) == 0 || len(types)*len(directions) > 2 {
		whole, err := r.readSmall(prefix, q.Reverse, f)
		if whole || err != nil {
			return err
		}
	}
	var spans []span
	for _, d := range directions {
		types := wanted(q.Types)
		if len(types) == 0 {
			var err error
			if types, err = r.bytesBehind(adjacencyRows.key(here, byteOf(d)), q.Reverse); err != nil {
				return err
			}
		}
		spans = append(spans, relationSpans(q, adjacencyRows, []term{here, byteOf(d)}, types)...)
	}
	return r.merge(spans, q.Reverse, q.Limit, f)
}

// allRelations passes on the relations of the whole graph.
func (r *reader) allRelations(q *kg.RelationQuery, emit func(*kg.Relation) bool) error {
	types := wanted(q.Types)
	if len(types) == 0 {
		var err error
		if types, err = r.bytesBehind(timelineRows.key(), q.Reverse); err != nil {
			return err
		}
	}
	spans := relationSpans(q, timelineRows, nil, types)
	return r.merge(spans, q.Reverse, q.Limit, passing(q, timelineRows, "", emit))
}

// wanted returns the types as the bytes of keys, each once.
func wanted(types []kg.RelationType) []byte {
	var b []byte
	for _, t := range types {
		b = append(b, byte(t))
	}
	slices.Sort(b)
	return slices.Compact(b)
}

// relationSpans returns where the rows lie that q can take: those which begin
// with the terms, one of the types, and a start that q does not rule out.
func relationSpans(q *kg.RelationQuery, f *family, before []term, types []byte) []span {
	var spans []span
	for _, t := range types {
		terms := append(before[:len(before):len(before)], byteOf(t))
		key := func(p *kg.RelationPlace) []byte {
			if p == nil {
				return nil
			}
			return f.key(append(terms[:len(terms):len(terms)], placeOf(p.Start), idOf(p.ID))...)
		}
		after, before := key(q.After), key(q.Before)
		from, to, unknown := q.When.StartRange(kg.RelationType(t))
		for _, s := range placeSpans(f, terms, from, to, unknown) {
			spans = append(spans, s.within(after, before))
		}
	}
	return spans
}

// readSmall visits all rows with the prefix in the order of their starts if
// there are few of them; otherwise it visits none and reports false.
func (r *reader) readSmall(prefix []byte, reverse bool, f visit) (bool, error) {
	u := &run{span: spanOf(prefix), size: r.pieces.probe}
	if err := r.fill(u, reverse); err != nil || !u.ended {
		return false, err
	}
	// What stands before the start is of the same length in all rows.
	cut := len(adjacencyRows.key(hashOf(""), byteOf(kg.Out), byteOf(kg.Owns)))
	slices.SortFunc(u.rows, func(a, b row) int {
		if reverse {
			a, b = b, a
		}
		return bytes.Compare(a.key[cut:], b.key[cut:])
	})
	for _, row := range u.rows {
		if more, err := f(row.key, row.value); !more || err != nil {
			return true, err
		}
	}
	return true, nil
}
