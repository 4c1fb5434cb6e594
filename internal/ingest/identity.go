package ingest

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// isStrong reports that an identifier of the scheme names one thing only, so that
// two entities which bear it are one.
func isStrong(scheme string) bool {
	scheme = strings.ToLower(scheme)
	return scheme == "lei" || scheme == "wikidata" || scheme == "isin" || strings.HasPrefix(scheme, "reg:")
}

// join adds to a write that its entities are the same as others which bear one of
// their strong identifiers, in the graph or in the write: a claim that cites what
// states the identifier. Pairs that somebody has told apart stay apart.
func (l *loading) join(ctx context.Context, b *batch) error {
	stated, bearers, err := l.stated(ctx, b)
	if err != nil || len(stated) == 0 {
		return err
	}
	pairs := slices.DeleteFunc(l.pairs(stated, bearers), l.settled.holds)
	if len(pairs) == 0 {
		return nil
	}
	ids := make(map[kg.ID]bool)
	for _, p := range pairs {
		ids[p.entity], ids[p.as] = true, true
	}
	things, err := l.things(ctx, slices.Sorted(maps.Keys(ids)), b)
	if err != nil {
		return err
	}
	apart, err := l.apart(ctx, slices.Sorted(maps.Keys(ids)), b)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		one, other := things.of(p.entity), things.of(p.as)
		entity := p.entity
		if things.joined[entity] {
			entity = one.id // an id leads to one other at most
		}
		if one.id == other.id || one.kind != other.kind || apart[[2]kg.ID{p.entity, p.as}] || apart[[2]kg.ID{entity, p.as}] {
			continue
		}
		things.joined[entity] = true
		things.to[one.id] = other
		b.out.Claims = append(b.out.Claims, &kg.Claim{
			Statement: &kg.SameStatement{Entity: entity, As: p.as}, Source: p.by.Source, Locator: p.by.Locator,
			Note: bothBear(p.scheme, p.value),
		})
		b.came(kg.InClaims, p.at)
		l.report.Merged++
	}
	return nil
}

// bothBear is the note of a claim that two entities are one.
func bothBear(scheme, value string) string {
	scheme, value = kg.IdentifierKey(scheme, value)
	return fmt.Sprintf("both bear %s %s", scheme, value)
}

// bearing is a strong identifier that a write states.
type bearing struct {
	entity        kg.ID
	scheme, value string
	by            *kg.Claim
	at            Position
}

// stated lists the strong identifiers of a write, and who bears each in the graph.
func (l *loading) stated(ctx context.Context, b *batch) (stated []bearing, bearers [][]kg.ID, err error) {
	var keys []kg.Identifier
	for i, c := range b.out.Claims {
		s, ok := c.Statement.(*kg.IdentifierStatement)
		if !ok || !isStrong(s.Scheme) {
			continue
		}
		scheme, value := kg.IdentifierKey(s.Scheme, s.Value)
		stated = append(stated, bearing{s.Entity, scheme, value, c, b.origins[kg.InClaims][i]})
		keys = append(keys, kg.Identifier{Scheme: s.Scheme, Value: s.Value})
	}
	if bearers, err = l.Graph.Bearers(ctx, keys); err != nil {
		err = fmt.Errorf("ingest: look up identifiers: %w", err)
	}
	return stated, bearers, err
}

// pair says that an entity may be the same as another.
type pair struct {
	bearing
	as kg.ID
}

// pairs lists who may be the same as whom: those that come later as those that
// were there before.
func (l *loading) pairs(stated []bearing, bearers [][]kg.ID) []pair {
	var pairs []pair
	first := make(map[[2]string]kg.ID)
	for i, s := range stated {
		for _, other := range bearers[i] {
			if other != s.entity {
				pairs = append(pairs, pair{s, other})
			}
		}
		key := [2]string{s.scheme, s.value}
		switch other, ok := first[key]; {
		case !ok:
			first[key] = s.entity
		case other != s.entity:
			pairs = append(pairs, pair{s, other})
		}
	}
	return pairs
}

// thing is what an id names.
type thing struct {
	// id is that under which it is known.
	id   kg.ID
	kind kg.EntityKind
}

// things say what ids name, the write included.
type things struct {
	by map[kg.ID]thing
	// to leads from what the write joins, and joined are the ids of which it
	// says whom they are the same as, or which the graph has leading elsewhere.
	to     map[kg.ID]thing
	joined map[kg.ID]bool
}

func (t *things) of(id kg.ID) thing {
	x := t.by[id]
	for {
		next, ok := t.to[x.id]
		if !ok {
			return x
		}
		x = next
	}
}

func (l *loading) things(ctx context.Context, ids []kg.ID, b *batch) (*things, error) {
	t := &things{make(map[kg.ID]thing), make(map[kg.ID]thing), make(map[kg.ID]bool)}
	for _, c := range b.out.Claims {
		switch s := c.Statement.(type) {
		case *kg.EntityStatement:
			t.by[s.Entity] = thing{s.Entity, s.Kind}
		case *kg.SameStatement:
			ids = append(ids, s.Entity, s.As)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	ask, names := ids, ids
	for len(ask) > 0 {
		records, err := l.Graph.Records(ctx, ask)
		if err != nil {
			return nil, fmt.Errorf("ingest: look up who is who: %w", err)
		}
		var next, called []kg.ID
		for i, r := range records {
			switch r := r.(type) {
			case *kg.Entity:
				t.by[names[i]] = thing{r.ID, r.Kind}
			case *kg.Redirect:
				t.joined[names[i]] = true
				next, called = append(next, r.To), append(called, names[i])
			}
		}
		ask, names = next, called
	}
	for _, c := range b.out.Claims {
		s, ok := c.Statement.(*kg.SameStatement)
		if !ok || t.joined[s.Entity] {
			continue
		}
		if one, other := t.of(s.Entity), t.of(s.As); one.id != other.id {
			t.joined[s.Entity] = true
			t.to[one.id] = other
		}
	}
	return t, nil
}

// apart lists the pairs, both ways round, of which somebody has said that they are
// not the same, in the write or before, or has taken back that they are. A data set
// that says so no longer tells nobody apart.
func (l *loading) apart(ctx context.Context, ids []kg.ID, b *batch) (map[[2]kg.ID]bool, error) {
	judgements, err := l.Graph.Judgements(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("ingest: look up who is who: %w", err)
	}
	apart := make(map[[2]kg.ID]bool)
	note := func(a, b kg.ID) { apart[[2]kg.ID{a, b}], apart[[2]kg.ID{b, a}] = true, true }
	for _, c := range append(judgements, b.out.Claims...) {
		switch s := c.Statement.(type) {
		case *kg.SameStatement:
			if !c.Live() && c.Retracted.Reason != Outdated {
				note(s.Entity, s.As)
			}
		case *kg.DifferentStatement:
			if c.Live() {
				note(s.Entity, s.Other)
			}
		}
	}
	return apart, nil
}

// settled is what files tell themselves of who is who (Settled). Entities are known
// by hashes of their ids, since there may be millions.
type settled struct {
	seed maphash.Seed
	// file is the last that said so.
	file string
	// bearing are those it describes that bear a strong identifier, leading those
	// of which it says that they are the same as others.
	bearing, leading map[uint64]struct{}
}

// learn is shown every draft before any is written.
func (s *settled) learn(d Draft) {
	switch d := d.(type) {
	case *Settled:
		s.file = d.At.File
		if s.bearing == nil {
			s.seed, s.bearing, s.leading = maphash.MakeSeed(), make(map[uint64]struct{}), make(map[uint64]struct{})
		}
	case *Claims:
		if s.bearing == nil || d.At.File != s.file {
			return
		}
		for _, c := range d.Claims {
			switch x := c.Statement.(type) {
			case *kg.IdentifierStatement:
				if isStrong(x.Scheme) {
					s.bearing[s.hash(x.Entity)] = struct{}{}
				}
			case *kg.SameStatement:
				s.leading[s.hash(x.Entity)] = struct{}{}
			}
		}
	}
}

func (s *settled) hash(id kg.ID) uint64 { return maphash.String(s.seed, string(id)) }

// holds reports that the pair is none to join: its file would have said so, or says
// whom the first is the same as.
func (s *settled) holds(p pair) bool {
	if s.bearing == nil {
		return false
	}
	_, leads := s.leading[s.hash(p.entity)]
	_, one := s.bearing[s.hash(p.entity)]
	_, other := s.bearing[s.hash(p.as)]
	return leads || one && other
}
