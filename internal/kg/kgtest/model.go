package kgtest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"keiretsu/internal/kg"
)

// NewModel returns an empty store in memory that keeps the port's contract in
// the plainest way: every revision is a map of its own, every question looks at
// all records and sorts what it found.
func NewModel() kg.Stager {
	empty := newMoment(0, nil)
	return &model{now: empty, shown: empty}
}

type model struct {
	gate gate

	mu sync.Mutex
	// now is the newest moment, of which snapshots see no more than shown. The
	// two differ while batches are staged for which nobody has waited.
	now, shown *moment
	changes    []kg.Change
}

// moment is the state of one revision. It is never changed.
type moment struct {
	revision kg.Revision
	records  map[kg.ID]kg.Record
	// at and of group the relations by either end and the observations by subject.
	at func() map[kg.ID][]*kg.Relation
	of func() map[kg.ID][]*kg.Observation
	// in groups the claims by family.
	in func() map[string][]*kg.Claim
	// keys holds the names under which the entities are found.
	keys func() map[*kg.Entity][]kg.NameKey
}

func newMoment(revision kg.Revision, records map[kg.ID]kg.Record) *moment {
	m := &moment{revision: revision, records: records}
	m.at = sync.OnceValue(func() map[kg.ID][]*kg.Relation {
		at := make(map[kg.ID][]*kg.Relation)
		for r := range every[*kg.Relation](m) {
			at[r.From] = append(at[r.From], r)
			if r.To != r.From {
				at[r.To] = append(at[r.To], r)
			}
		}
		return at
	})
	m.of = sync.OnceValue(func() map[kg.ID][]*kg.Observation {
		of := make(map[kg.ID][]*kg.Observation)
		for o := range every[*kg.Observation](m) {
			of[o.Subject] = append(of[o.Subject], o)
		}
		return of
	})
	m.in = sync.OnceValue(func() map[string][]*kg.Claim {
		in := make(map[string][]*kg.Claim)
		for c := range every[*kg.Claim](m) {
			in[c.Family()] = append(in[c.Family()], c)
		}
		return in
	})
	m.keys = sync.OnceValue(func() map[*kg.Entity][]kg.NameKey {
		keys := make(map[*kg.Entity][]kg.NameKey)
		for e := range every[*kg.Entity](m) {
			keys[e] = e.NameKeys()
		}
		return keys
	})
	return m
}

// every yields the moment's records of one type, in no order.
func every[T kg.Record](m *moment) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, r := range m.records {
			if x, ok := r.(T); ok && !yield(x) {
				return
			}
		}
	}
}

func (m *moment) isEntity(id kg.ID) bool {
	_, ok := m.records[id].(*kg.Entity)
	return ok
}

func (m *model) Snapshot(ctx context.Context) (kg.Snapshot, error) { return m.open(ctx, &m.shown) }

func (m *model) Draft(ctx context.Context) (kg.Snapshot, error) { return m.open(ctx, &m.now) }

func (m *model) open(ctx context.Context, which **moment) (kg.Snapshot, error) {
	leave, err := m.gate.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	m.mu.Lock()
	defer m.mu.Unlock()
	return &snapshot{store: &m.gate, moment: *which}, nil
}

func (m *model) Apply(ctx context.Context, b *kg.Batch) (kg.Revision, error) {
	revision, wait, err := m.Stage(ctx, b)
	if err == nil {
		err = wait(ctx)
	}
	return revision, err
}

// Stage makes a moment of the batch, which is shown once somebody waits for it
// or for a later one.
func (m *model) Stage(ctx context.Context, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
	leave, err := m.gate.enter(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	if err := b.Check(); err != nil {
		return 0, nil, fmt.Errorf("kgtest: apply: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	staged := m.stage(b)
	return staged.revision, func(ctx context.Context) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if staged.revision > m.shown.revision {
			m.shown = staged
		}
		return nil
	}, nil
}

// stage returns the moment that holds the batch; the caller holds mu.
func (m *model) stage(b *kg.Batch) *moment {
	records := maps.Clone(m.now.records)
	if records == nil {
		records = make(map[kg.ID]kg.Record)
	}
	var touched []kg.Touch
	for _, r := range b.Put {
		old := records[r.RecordID()]
		if old != nil && Equal(old, r) {
			continue
		}
		records[r.RecordID()] = clone(r)
		touched = append(touched, kg.Touch{Kind: r.RecordKind(), ID: r.RecordID(), About: kg.TouchedBy(old, r)})
	}
	for _, id := range b.Delete {
		if old, ok := records[id]; ok {
			delete(records, id)
			touched = append(touched, kg.Touch{Kind: old.RecordKind(), ID: id, Deleted: true, About: kg.TouchedBy(old, nil)})
		}
	}
	if len(touched) == 0 {
		return m.now
	}
	slices.SortFunc(touched, func(a, b kg.Touch) int { return strings.Compare(string(a.ID), string(b.ID)) })
	m.now = newMoment(m.now.revision+1, records)
	m.changes = append(m.changes, kg.Change{Revision: m.now.revision, At: b.At, By: b.By, Touched: touched})
	return m.now
}

func (m *model) Changes(ctx context.Context, after kg.Revision) iter.Seq2[kg.Change, error] {
	m.mu.Lock()
	changes := m.changes[:m.shown.revision]
	m.mu.Unlock()
	return sequence(ctx, m.gate.enter, func() []kg.Change {
		return slices.DeleteFunc(slices.Clone(changes), func(c kg.Change) bool { return c.Revision <= after })
	})
}

func (m *model) Ping(ctx context.Context) error {
	leave, err := m.gate.enter(ctx)
	if err != nil {
		return err
	}
	leave()
	return nil
}

func (m *model) Close() error { return m.gate.close() }

type snapshot struct {
	store *gate
	gate  gate
	*moment
}

func (s *snapshot) enter(ctx context.Context) (leave func(), err error) {
	leaveStore, err := s.store.enter(ctx)
	if err != nil {
		return nil, err
	}
	leaveSnapshot, err := s.gate.enter(ctx)
	if err != nil {
		leaveStore()
		return nil, err
	}
	return func() { leaveSnapshot(); leaveStore() }, nil
}

func (s *snapshot) Revision() kg.Revision { return s.revision }

func (s *snapshot) Get(ctx context.Context, ids []kg.ID) ([]kg.Record, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	found := make([]kg.Record, len(ids))
	for i, id := range ids {
		found[i] = clone(s.records[id])
	}
	return found, nil
}

func (s *snapshot) Find(ctx context.Context, keys []kg.FindKey) ([][]kg.Match, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	found := make([][]kg.Match, len(keys))
	for i, key := range keys {
		for e := range every[*kg.Entity](s.moment) {
			rank, ok := s.carries(e, key)
			if ok && (len(key.Kinds) == 0 || slices.Contains(key.Kinds, e.Kind)) {
				found[i] = append(found[i], kg.Match{ID: e.ID, Kind: e.Kind, Rank: rank})
			}
		}
		slices.SortFunc(found[i], func(a, b kg.Match) int {
			return cmp.Or(cmp.Compare(a.Rank, b.Rank), strings.Compare(string(a.ID), string(b.ID)))
		})
		found[i] = first(key.Limit, found[i])
	}
	return found, nil
}

// carries reports whether the entity carries the key, and the standing of the
// name that does.
func (m *moment) carries(e *kg.Entity, key kg.FindKey) (kg.NameKind, bool) {
	if key.Scheme == "" {
		for _, k := range m.keys()[e] {
			if k.Fold == key.Name && k.Core == key.Core {
				return k.Rank, true
			}
		}
		return 0, false
	}
	for _, i := range e.Identifiers {
		if scheme, value := kg.IdentifierKey(i.Scheme, i.Value); scheme == key.Scheme && value == key.Value {
			return kg.NamePreferred, true
		}
	}
	return 0, false
}

func (s *snapshot) Relations(ctx context.Context, q kg.RelationQuery) iter.Seq2[kg.Edge, error] {
	return sequence(ctx, s.enter, func() []kg.Edge {
		if q.All {
			var edges []kg.Edge
			for r := range every[*kg.Relation](s.moment) {
				if q.Matches(r, "") && q.Admits(r.Place()) {
					edges = append(edges, kg.Edge{Relation: r})
				}
			}
			return inOrder(edges, comparePlaces, q.Reverse, q.Limit)
		}
		var edges []kg.Edge
		for at, id := range q.Of {
			if !s.isEntity(id) {
				continue
			}
			var here []kg.Edge
			for _, r := range s.at()[id] {
				if stands(q.Direction, r, id) && q.Matches(r, id) && q.Admits(r.Place()) {
					here = append(here, kg.Edge{At: at, Out: r.From == id, Relation: r})
				}
			}
			edges = append(edges, inOrder(here, comparePlaces, q.Reverse, q.Limit)...)
		}
		return edges
	})
}

func comparePlaces(a, b kg.Edge) int { return a.Relation.Place().Compare(b.Relation.Place()) }

func stands(d kg.Direction, r *kg.Relation, id kg.ID) bool {
	switch d {
	case kg.Out:
		return r.From == id
	case kg.In:
		return r.To == id
	}
	return d == kg.Both
}

func (s *snapshot) Observations(ctx context.Context, q kg.ObservationQuery) iter.Seq2[kg.Figured, error] {
	return sequence(ctx, s.enter, func() []kg.Figured {
		var figured []kg.Figured
		for at, id := range q.Of {
			if !s.isEntity(id) {
				continue
			}
			var here []kg.Figured
			for _, o := range s.of()[id] {
				if q.Matches(o) && q.Admits(o.Place()) {
					here = append(here, kg.Figured{At: at, Observation: o})
				}
			}
			compare := func(a, b kg.Figured) int { return a.Observation.Place().Compare(b.Observation.Place()) }
			figured = append(figured, inOrder(here, compare, q.Reverse, q.Limit)...)
		}
		return figured
	})
}

func (s *snapshot) Claims(ctx context.Context, families []string) iter.Seq2[*kg.Claim, error] {
	return sequence(ctx, s.enter, func() []*kg.Claim {
		var claims []*kg.Claim
		for _, family := range families {
			compare := func(a, b *kg.Claim) int { return strings.Compare(string(a.ID), string(b.ID)) }
			claims = append(claims, inOrder(slices.Clone(s.in()[family]), compare, false, 0)...)
		}
		return claims
	})
}

func (s *snapshot) ClaimsAbout(ctx context.Context, q kg.ClaimQuery) iter.Seq2[kg.Mention, error] {
	return sequence(ctx, s.enter, func() []kg.Mention {
		type placed struct {
			kg.Aspect
			kg.Mention
		}
		compare := func(a, b placed) int {
			return cmp.Or(
				cmp.Compare(a.At, b.At), cmp.Compare(a.Part, b.Part), cmp.Compare(a.Type, b.Type),
				strings.Compare(string(a.Claim.ID), string(b.Claim.ID)),
			)
		}
		if q.All {
			compare = func(a, b placed) int {
				return cmp.Or(strings.Compare(a.Claim.Family(), b.Claim.Family()), strings.Compare(string(a.Claim.ID), string(b.Claim.ID)))
			}
		}
		var found []placed
		for c := range every[*kg.Claim](s.moment) {
			for _, m := range c.Mentioned() {
				at := slices.Index(q.Of, m.Entity)
				if q.All {
					at = 0
				}
				if at < 0 || !q.Admits(m.Aspect) {
					continue
				}
				found = append(found, placed{m.Aspect, kg.Mention{At: at, Claim: c}})
				if q.All {
					break
				}
			}
		}
		var mentions []kg.Mention
		for _, p := range inOrder(found, compare, false, 0) {
			mentions = append(mentions, p.Mention)
		}
		return mentions
	})
}

func (s *snapshot) Conflicts(ctx context.Context, about []kg.ID) iter.Seq2[*kg.Conflict, error] {
	return sequence(ctx, s.enter, func() []*kg.Conflict {
		var conflicts []*kg.Conflict
		for c := range every[*kg.Conflict](s.moment) {
			if about == nil || slices.Contains(about, c.About) && s.isEntity(c.About) {
				conflicts = append(conflicts, c)
			}
		}
		return inOrder(conflicts, func(a, b *kg.Conflict) int {
			return cmp.Or(strings.Compare(string(a.About), string(b.About)), strings.Compare(a.Predicate, b.Predicate),
				strings.Compare(string(a.ID), string(b.ID)))
		}, false, 0)
	})
}

func (s *snapshot) Scan(ctx context.Context, q kg.ScanQuery) iter.Seq2[kg.Record, error] {
	type placed struct {
		place kg.ScanPlace
		kg.Record
	}
	return sequence(ctx, s.enter, func() []kg.Record {
		var found []placed
		for _, r := range s.records {
			if !q.Matches(r) {
				continue
			}
			if p := kg.PlaceOf(r); q.Admits(p) {
				found = append(found, placed{p, r})
			}
		}
		var records []kg.Record
		for _, p := range inOrder(found, func(a, b placed) int { return a.place.Compare(b.place) }, q.Reverse, q.Limit) {
			records = append(records, p.Record)
		}
		return records
	})
}

func (s *snapshot) Stats(ctx context.Context) (map[kg.RecordKind]int64, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	counts := make(map[kg.RecordKind]int64)
	for _, r := range s.records {
		counts[r.RecordKind()]++
	}
	return counts, nil
}

func (s *snapshot) Close() error {
	leave, err := s.store.enter(context.Background())
	if err != nil {
		return err
	}
	defer leave()
	return s.gate.close()
}

// inOrder sorts, turns round and cuts off, in this order.
func inOrder[T any](list []T, compare func(a, b T) int, reverse bool, limit int) []T {
	slices.SortFunc(list, compare)
	if reverse {
		slices.Reverse(list)
	}
	return first(limit, list)
}

func first[T any](limit int, list []T) []T {
	if limit > 0 && len(list) > limit {
		return list[:limit]
	}
	return list
}

// sequence yields copies of what all returns, from within the gate.
func sequence[T any](ctx context.Context, enter func(context.Context) (func(), error), all func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		leave, err := enter(ctx)
		if err != nil {
			yield(zero, err)
			return
		}
		defer leave()
		for _, x := range all() {
			if err := ctx.Err(); err != nil {
				yield(zero, err)
				return
			}
			if !yield(clone(x), nil) {
				return
			}
		}
	}
}

// gate counts the calls inside, so that closing can wait for them. A call that
// comes while it closes is turned away, also from inside another call: it does
// not wait for a lock that waits for it.
type gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	// empty is closed when the last call has left a closed gate.
	empty chan struct{}
}

func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, kg.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.inside++
	return g.leave, nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

func (g *gate) close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return kg.ErrClosed
	}
	g.closed = true
	if g.inside == 0 {
		g.mu.Unlock()
		return nil
	}
	g.empty = make(chan struct{})
	g.mu.Unlock()
	<-g.empty
	return nil
}
