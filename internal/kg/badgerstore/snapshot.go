package badgerstore

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"keiretsu/internal/kg"
)

// snapshot is a revision number that keeps the engine from dropping what the
// revision holds. Every call reads through a transaction of its own at that
// moment, since a Badger transaction is not safe for concurrent use.
type snapshot struct {
	store *Store
	moment
	gate gate
	// work counts what its calls cost.
	work work
}

// Revision returns the moment's number.
func (s *snapshot) Revision() kg.Revision { return s.revision }

// enter opens a reader for one call; leave ends the call.
func (s *snapshot) enter(ctx context.Context) (*reader, error) {
	if err := s.store.gate.enter(ctx); err != nil {
		return nil, err
	}
	if err := s.gate.enter(ctx); err != nil {
		s.store.gate.inside.Done()
		return nil, err
	}
	return s.store.reader(ctx, s.moment, &s.work), nil
}

func (s *snapshot) leave(r *reader) {
	r.close()
	s.gate.inside.Done()
	s.store.gate.inside.Done()
}

// call runs one call that returns its answer at once.
func (s *snapshot) call(ctx context.Context, operation string, f func(*reader) error) error {
	r, err := s.enter(ctx)
	if err != nil {
		return wrap(operation, err)
	}
	defer s.leave(r)
	return wrap(operation, f(r))
}

// sequence runs one call that yields its answer. What f passes to emit is
// yielded; where emit returns false, f ends and returns nil.
func sequence[T any](ctx context.Context, s *snapshot, operation string, f func(r *reader, emit func(T) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		r, err := s.enter(ctx)
		if err != nil {
			yield(zero, wrap(operation, err))
			return
		}
		defer s.leave(r)
		left := false
		err = f(r, func(x T) bool {
			// Whoever consumes a sequence may well be the one to end the context.
			if err := ctx.Err(); err != nil {
				left = true
				yield(zero, wrap(operation, err))
				return false
			}
			left = !yield(x, nil)
			return !left
		})
		if err != nil && !left {
			yield(zero, wrap(operation, err))
		}
	}
}

// Get returns the records with these ids.
func (s *snapshot) Get(ctx context.Context, ids []kg.ID) ([]kg.Record, error) {
	records := make([]kg.Record, len(ids))
	err := s.call(ctx, fmt.Sprintf("get %d records", len(ids)), func(r *reader) (err error) {
		for i, id := range ids {
			if records[i], err = r.record(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// Find returns the entities that carry the keys.
func (s *snapshot) Find(ctx context.Context, keys []kg.FindKey) ([][]kg.Match, error) {
	found := make([][]kg.Match, len(keys))
	err := s.call(ctx, fmt.Sprintf("find %d keys", len(keys)), func(r *reader) error {
		for i, k := range keys {
			if err := r.find(k, &found[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (r *reader) find(k kg.FindKey, found *[]kg.Match) error {
	family, prefix := nameRows, nameRows.key(flagOf(k.Core), textOf(k.Name))
	if k.Scheme != "" {
		family, prefix = identifierRows, identifierRows.key(textOf(k.Scheme), textOf(k.Value))
	}
	_, err := r.sweep(spanOf(prefix), false, func(key, value []byte) (bool, error) {
		if len(value) != 1 || len(key) <= len(prefix) {
			return false, fmt.Errorf("the row %s: %w", printKey(key), errMalformed)
		}
		m := kg.Match{Kind: kg.EntityKind(value[0]), Rank: kg.NamePreferred}
		if len(k.Kinds) > 0 && !slices.Contains(k.Kinds, m.Kind) {
			return true, nil
		}
		if family == nameRows {
			m.Rank = kg.NameKind(key[len(prefix)])
		}
		m.ID = family.id(key)
		*found = append(*found, m)
		return k.Limit <= 0 || len(*found) < k.Limit, nil
	})
	return err
}

// Observations yields the observations that q asks for.
func (s *snapshot) Observations(ctx context.Context, q kg.ObservationQuery) iter.Seq2[kg.Figured, error] {
	operation := fmt.Sprintf("observations of %d entities", len(q.Of))
	return sequence(ctx, s, operation, func(r *reader, emit func(kg.Figured) bool) error {
		for at, id := range q.Of {
			count, left := 0, false
			err := r.observations(&q, id, func(o *kg.Observation) bool {
				count++
				left = !emit(kg.Figured{At: at, Observation: o})
				return !left && (q.Limit <= 0 || count < q.Limit)
			})
			if err != nil || left {
				return err
			}
		}
		return nil
	})
}

// observations passes on the observations of one entity.
func (r *reader) observations(q *kg.ObservationQuery, id kg.ID, emit func(*kg.Observation) bool) error {
	subject := hashOf(id)
	var after, before []byte
	if q.After != nil {
		after = observationKey(subject, *q.After)
	}
	if q.Before != nil {
		before = observationKey(subject, *q.Before)
	}
	for _, s := range observationSpans(q, subject) {
		stopped := false
		_, err := r.sweep(s.within(after, before), q.Reverse, func(key, value []byte) (bool, error) {
			record, err := parseHome(kg.RecordObservation, observationRows.id(key), value)
			if err != nil {
				return false, err
			}
			o := record.(*kg.Observation)
			if o.Subject != id || !q.Matches(o) {
				return true, nil
			}
			stopped = !emit(o)
			return !stopped, nil
		})
		if err != nil || stopped {
			return err
		}
	}
	return nil
}

func observationKey(subject term, p kg.ObservationPlace) []byte {
	return observationRows.key(subject, textOf(p.Metric), placeOf(p.Period), idOf(p.ID))
}

// observationSpans returns where the observations lie that q can take, in the
// order in which q wants them.
func observationSpans(q *kg.ObservationQuery, subject term) []span {
	if len(q.Metrics) == 0 {
		return []span{spanOf(observationRows.key(subject))}
	}
	from, to := periodRange(q.When)
	metrics := slices.Compact(slices.Sorted(slices.Values(q.Metrics)))
	var spans []span
	for _, metric := range metrics {
		spans = append(spans, placeSpans(observationRows, []term{subject, textOf(metric)}, from, to, q.When.During.IsZero())...)
	}
	if q.Reverse {
		slices.Reverse(spans)
	}
	return spans
}

// periodRange bounds the first days of periods that pass; kg.When decides.
func periodRange(w kg.When) (from, to kg.Day) {
	from, to = kg.BeginningOfTime, kg.EndOfTime
	if w.AsOf != nil {
		to = *w.AsOf
	}
	if !w.During.IsZero() {
		to = min(to, w.During.Last())
		if w.Certainty == kg.Certain {
			from = w.During.First()
		}
	}
	return from, to
}

// placeSpans returns where the rows lie that begin with the terms, and then
// have a place whose earliest day lies within from and to, or is unknown where
// that is asked for too.
func placeSpans(f *family, terms []term, from, to kg.Day, unknown bool) []span {
	cut := len(f.key(terms...))
	key := func(earliest, latest kg.Day) []byte {
		place := placeOf(kg.DatePlace{Earliest: earliest, Latest: latest})
		return f.key(append(terms[:len(terms):len(terms)], place)...)
	}
	// What is unknown is placed at the end of time twice, where no date begins.
	first, nowhere := key(from, kg.BeginningOfTime), key(kg.EndOfTime, kg.EndOfTime)
	if unknown && to == kg.EndOfTime {
		return []span{{first, following(nowhere), cut}}
	}
	var spans []span
	if from <= to {
		spans = append(spans, span{first, following(key(min(to, kg.EndOfTime-1), kg.EndOfTime)), cut})
	}
	if unknown {
		spans = append(spans, span{nowhere, following(nowhere), cut})
	}
	return spans
}

// Claims yields the claims of the families.
func (s *snapshot) Claims(ctx context.Context, families []string) iter.Seq2[*kg.Claim, error] {
	return sequence(ctx, s, fmt.Sprintf("claims of %d families", len(families)), func(r *reader, emit func(*kg.Claim) bool) error {
		for _, family := range families {
			left := false
			err := r.claimsOf(family, func(c *kg.Claim) bool {
				left = !emit(c)
				return !left
			})
			if err != nil || left {
				return err
			}
		}
		return nil
	})
}

// Conflicts yields the conflicts about the entities.
func (s *snapshot) Conflicts(ctx context.Context, about []kg.ID) iter.Seq2[*kg.Conflict, error] {
	operation := fmt.Sprintf("conflicts about %d entities", len(about))
	return sequence(ctx, s, operation, func(r *reader, emit func(*kg.Conflict) bool) error {
		left := false
		pass := func(key, value []byte) (bool, error) {
			record, err := parseHome(kg.RecordConflict, conflictRows.id(key), value)
			if err != nil {
				return false, err
			}
			left = !emit(record.(*kg.Conflict))
			return !left, nil
		}
		if about == nil {
			_, err := r.sweep(spanOf(conflictRows.key()), false, pass)
			return err
		}
		for _, id := range slices.Compact(slices.Sorted(slices.Values(about))) {
			// A conflict may outlive the entity that it is about.
			a, ok, err := r.at(id)
			if err == nil && ok && a.kind == kg.RecordEntity {
				_, err = r.sweep(spanOf(conflictRows.key(textOf(string(id)))), false, pass)
			}
			if err != nil || left {
				return err
			}
		}
		return nil
	})
}

// Scan yields all records of one kind.
func (s *snapshot) Scan(ctx context.Context, q kg.ScanQuery) iter.Seq2[kg.Record, error] {
	return sequence(ctx, s, "scan of "+q.Kind.String(), func(r *reader, emit func(kg.Record) bool) error {
		family, spans, err := r.scanSpans(&q)
		if err != nil {
			return err
		}
		count := 0
		return r.merge(spans, q.Reverse, q.Limit, func(key, _ []byte) (bool, error) {
			id := family.id(key)
			record, err := r.record(id)
			if err == nil && record == nil {
				err = missing(idRows.key(idOf(id)))
			}
			if err != nil {
				return false, err
			}
			count++
			return emit(record) && (q.Limit <= 0 || count < q.Limit), nil
		})
	})
}

// scanSpans returns the rows that list the records q asks for.
func (r *reader) scanSpans(q *kg.ScanQuery) (*family, []span, error) {
	place := func(f *family, kind uint8, p *kg.ScanPlace) []byte {
		switch {
		case p == nil:
			return nil
		case f == orderRows:
			return f.key(byteOf(kind), textOf(string(p.Key)), idOf(p.ID))
		}
		return f.key(byteOf(kind), idOf(p.ID))
	}
	family, kinds := kindRows, []uint8{uint8(q.Kind)}
	if q.Kind == kg.RecordEntity {
		family, kinds = orderRows, nil
		for _, k := range q.Kinds {
			kinds = append(kinds, uint8(k))
		}
		if len(kinds) == 0 {
			var err error
			if kinds, err = r.bytesBehind(family.key(), q.Reverse); err != nil {
				return nil, nil, err
			}
		}
		slices.Sort(kinds)
		kinds = slices.Compact(kinds)
	}
	var spans []span
	for _, kind := range kinds {
		after, before := place(family, kind, q.After), place(family, kind, q.Before)
		spans = append(spans, spanOf(family.key(byteOf(kind))).within(after, before))
	}
	return family, spans, nil
}

// Stats counts the records of every kind.
func (s *snapshot) Stats(ctx context.Context) (map[kg.RecordKind]int64, error) {
	var h head
	err := s.call(ctx, "stats", func(r *reader) (err error) {
		h, err = r.head()
		return err
	})
	return h.counts, err
}

// Close gives up the moment.
func (s *snapshot) Close() error {
	if err := s.store.gate.enter(context.Background()); err != nil {
		return wrap("close a snapshot", err)
	}
	defer s.store.gate.inside.Done()
	if err := s.gate.close(); err != nil {
		return wrap("close a snapshot", err)
	}
	s.store.unpin(s.moment)
	return nil
}
