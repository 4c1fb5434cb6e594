package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"keiretsu/internal/kg"
)

// write records drafts whose ends are all there, in as many writes as they take.
func (l *loading) write(ctx context.Context, x index, drafts []Draft) error {
	b := l.newBatch(x)
	said := make(map[kg.ID]bool)
	for n, d := range drafts {
		before := b.lengths()
		d.write(b)
		if len(b.problems) > 0 {
			// A draft comes in whole or not at all.
			l.report.Dropped.addAll(b.problems)
			b.problems = nil
			b.cut(before)
			continue
		}
		_, takesBack := d.(*Retraction)
		takesBack = takesBack && slices.ContainsFunc(b.out.Retractions[before.retractions:], func(r kg.Retract) bool { return said[r.ID] })
		if takesBack || len(b.out.Claims) > writeClaims && before.claims > 0 {
			// What it takes back must have been recorded before, or there is
			// no room for it.
			b.cut(before)
			if err := l.apply(ctx, b); err != nil {
				return err
			}
			return l.write(ctx, x, drafts[n:])
		}
		for _, c := range b.out.Claims[before.claims:] {
			said[c.ContentID()] = true
		}
	}
	return l.apply(ctx, b)
}

// describersFirst puts sources and metrics first, then what describes entities, then
// all else, each in its order: a batch may take several writes, and what one of them
// names must not wait for the next. What describes an entity anew behind its own
// correction stays there.
func describersFirst(drafts []Draft) []Draft {
	corrected := make(map[kg.ID]bool)
	turns := make([][]Draft, 3)
	for _, d := range drafts {
		turn := 2
		switch x := d.(type) {
		case *Source, *Metric:
			turn = 0
		case *Retraction:
			for _, entity := range described(x.Draft) {
				corrected[entity] = true
			}
		default:
			if entities := described(d); len(entities) > 0 && !slices.ContainsFunc(entities, func(e kg.ID) bool { return corrected[e] }) {
				turn = 1
			}
		}
		turns[turn] = append(turns[turn], d)
	}
	return slices.Concat(turns...)
}

// described lists the entities of which a draft says that they exist.
func described(d Draft) (entities []kg.ID) {
	switch d := d.(type) {
	case *Entity:
		return []kg.ID{id(d.ID)}
	case *Claims:
		for _, c := range d.Claims {
			if s, ok := c.Statement.(*kg.EntityStatement); ok {
				entities = append(entities, s.Entity)
			}
		}
	}
	return entities
}

func (l *loading) newBatch(x index) *batch {
	b := &batch{index: x, origins: make(map[kg.WriteList][]Position)}
	b.out.By, b.out.KeepRetracted, b.out.KeepExcept = l.By, true, Outdated
	return b
}

// lengths are how long the lists of a write are.
type lengths struct{ sources, metrics, claims, conflicts, retractions int }

func (b *batch) lengths() lengths {
	w := &b.out
	return lengths{len(w.Sources), len(w.Metrics), len(w.Claims), len(w.Conflicts), len(w.Retractions)}
}

// cut takes away all that came later.
func (b *batch) cut(to lengths) {
	w := &b.out
	w.Sources, w.Metrics, w.Claims = w.Sources[:to.sources], w.Metrics[:to.metrics], w.Claims[:to.claims]
	w.Conflicts, w.Retractions = w.Conflicts[:to.conflicts], w.Retractions[:to.retractions]
	for in, n := range map[kg.WriteList]int{
		kg.InSources: to.sources, kg.InMetrics: to.metrics, kg.InClaims: to.claims,
		kg.InConflicts: to.conflicts, kg.InRetractions: to.retractions,
	} {
		b.origins[in] = b.origins[in][:n]
	}
}

// apply records a write, joined to what the graph knows under other ids, and
// without what the graph refuses of it.
func (l *loading) apply(ctx context.Context, b *batch) error {
	if err := l.join(ctx, b); err != nil {
		return err
	}
	if _, err := l.turnClock(ctx, b); err != nil {
		return err
	}
	return l.applyJoined(ctx, b)
}

func (l *loading) applyJoined(ctx context.Context, b *batch) error {
	for !b.isEmpty() {
		applied, err := l.Graph.Apply(ctx, b.out)
		if err == nil {
			l.report.Applied.add(applied)
			return nil
		}
		rejection, ok := errors.AsType[*kg.Rejection](err)
		switch {
		case ok && len(rejection.Problems) > 0:
			l.drop(b, rejection)
		case errors.Is(err, kg.ErrTooLarge) && len(b.out.Claims) > 1:
			return l.halve(ctx, b)
		case errors.Is(err, kg.ErrTooLarge) && len(b.out.Claims) == 1:
			l.drop(b, &kg.Rejection{Problems: []kg.Problem{{In: kg.InClaims, Err: err}}})
		default:
			// Somebody else may have written since the clock was read.
			turned := false
			if errors.Is(err, kg.ErrInvalid) {
				var failed error
				if turned, failed = l.turnClock(ctx, b); failed != nil {
					return failed
				}
			}
			if !turned {
				return fmt.Errorf("ingest: write to the graph: %w", err)
			}
		}
	}
	return nil
}

func (b *batch) isEmpty() bool { return b.lengths() == lengths{} }

// drop takes what the graph refuses out of a write.
func (l *loading) drop(b *batch, rejection *kg.Rejection) {
	refused := make(map[kg.WriteList]map[int]bool)
	for _, p := range rejection.Problems {
		if refused[p.In] == nil {
			refused[p.In] = make(map[int]bool)
		}
		if refused[p.In][p.Index] {
			continue // it goes once, whatever else is wrong with it
		}
		refused[p.In][p.Index] = true
		if p.In == kg.InRetractions && errors.Is(p.Err, kg.ErrNotFound) {
			continue // what was never recorded need not be taken back
		}
		l.report.Dropped.add(&Problem{b.origins[p.In][p.Index], reasonOf(p.Err)})
	}
	w := &b.out
	w.Sources = without(w.Sources, refused[kg.InSources])
	w.Metrics = without(w.Metrics, refused[kg.InMetrics])
	w.Claims = without(w.Claims, refused[kg.InClaims])
	w.Conflicts = without(w.Conflicts, refused[kg.InConflicts])
	w.Retractions = without(w.Retractions, refused[kg.InRetractions])
	for in, indexes := range refused {
		b.origins[in] = without(b.origins[in], indexes)
	}
}

func without[T any](list []T, indexes map[int]bool) []T {
	if len(indexes) == 0 {
		return list
	}
	kept := make([]T, 0, len(list))
	for n, item := range list {
		if !indexes[n] {
			kept = append(kept, item)
		}
	}
	return kept
}

// halve records a write that is too large as two: what speaks of one thing stays
// together.
func (l *loading) halve(ctx context.Context, b *batch) error {
	half := len(b.out.Claims) / 2
	for half > 1 && b.out.Claims[half].Family() == b.out.Claims[half-1].Family() {
		half--
	}
	first, second := l.newBatch(b.index), l.newBatch(b.index)
	first.out, second.out = b.out, b.out
	first.out.Claims, second.out.Claims = b.out.Claims[:half], b.out.Claims[half:]
	first.out.Conflicts, first.out.Retractions = nil, nil
	second.out.Sources, second.out.Metrics = nil, nil
	maps.Copy(first.origins, b.origins)
	maps.Copy(second.origins, b.origins)
	first.origins[kg.InClaims], second.origins[kg.InClaims] = b.origins[kg.InClaims][:half], b.origins[kg.InClaims][half:]
	if err := l.applyJoined(ctx, first); err != nil {
		return err
	}
	return l.applyJoined(ctx, second)
}
