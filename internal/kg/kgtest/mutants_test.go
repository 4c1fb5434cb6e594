package kgtest

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"keiretsu/internal/kg"
)

// mutant is the model with something broken; what is nil is whole.
type mutant struct {
	kg.Store
	apply    func(b *kg.Batch) (kg.Revision, error)
	changes  func(c []kg.Change) []kg.Change
	snapshot func(s *brokenSnapshot)
}

func (m *mutant) Apply(ctx context.Context, b *kg.Batch) (kg.Revision, error) {
	if m.apply != nil {
		return m.apply(b)
	}
	return m.Store.Apply(ctx, b)
}

func (m *mutant) Changes(ctx context.Context, after kg.Revision) iter.Seq2[kg.Change, error] {
	return altered(m.Store.Changes(ctx, after), m.changes)
}

func (m *mutant) Snapshot(ctx context.Context) (kg.Snapshot, error) {
	s, err := m.Store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	broken := &brokenSnapshot{Snapshot: s, store: m.Store}
	if m.snapshot != nil {
		m.snapshot(broken)
	}
	return broken, nil
}

// brokenSnapshot alters questions before and answers after a snapshot has
// worked on them.
type brokenSnapshot struct {
	kg.Snapshot
	store       kg.Store
	context     func(context.Context) context.Context
	get         func(s kg.Snapshot, ids []kg.ID, found []kg.Record) []kg.Record
	key         func(k kg.FindKey) kg.FindKey
	matches     func(m []kg.Match) []kg.Match
	relationsOf func(q kg.RelationQuery) kg.RelationQuery
	edges       func(q kg.RelationQuery, e []kg.Edge) []kg.Edge
	figuresOf   func(q kg.ObservationQuery) kg.ObservationQuery
	figured     func(f []kg.Figured) []kg.Figured
	families    func(f []string) []string
	claims      func(c []*kg.Claim) []*kg.Claim
	about       func(ids []kg.ID) []kg.ID
	conflicts   func(c []*kg.Conflict) []*kg.Conflict
	scanOf      func(q kg.ScanQuery) kg.ScanQuery
	records     func(r []kg.Record) []kg.Record
	stats       func(m map[kg.RecordKind]int64)
	close       func() error
	newest      bool
}

// altered passes a whole sequence through f.
func altered[T any](seq iter.Seq2[T, error], f func([]T) []T) iter.Seq2[T, error] {
	if f == nil {
		return seq
	}
	return func(yield func(T, error) bool) {
		all, err := list(seq)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for _, x := range f(all) {
			if !yield(x, nil) {
				return
			}
		}
	}
}

func through[T any](f func(T) T, x T) T {
	if f == nil {
		return x
	}
	return f(x)
}

// moment is the snapshot to ask, which for some mutants is always the newest.
func (s *brokenSnapshot) moment() kg.Snapshot {
	if s.newest {
		if now, err := s.store.Snapshot(context.Background()); err == nil {
			return now
		}
	}
	return s.Snapshot
}

func (s *brokenSnapshot) Get(ctx context.Context, ids []kg.ID) ([]kg.Record, error) {
	found, err := s.moment().Get(through(s.context, ctx), ids)
	if err == nil && s.get != nil {
		found = s.get(s.Snapshot, ids, found)
	}
	return found, err
}

func (s *brokenSnapshot) Find(ctx context.Context, keys []kg.FindKey) ([][]kg.Match, error) {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i] = through(s.key, keys[i])
	}
	found, err := s.moment().Find(through(s.context, ctx), keys)
	for i := range found {
		found[i] = through(s.matches, found[i])
	}
	return found, err
}

func (s *brokenSnapshot) Relations(ctx context.Context, q kg.RelationQuery) iter.Seq2[kg.Edge, error] {
	seq := s.moment().Relations(through(s.context, ctx), through(s.relationsOf, q))
	if s.edges == nil {
		return seq
	}
	return altered(seq, func(e []kg.Edge) []kg.Edge { return s.edges(q, e) })
}

func (s *brokenSnapshot) Observations(ctx context.Context, q kg.ObservationQuery) iter.Seq2[kg.Figured, error] {
	return altered(s.moment().Observations(through(s.context, ctx), through(s.figuresOf, q)), s.figured)
}

func (s *brokenSnapshot) Claims(ctx context.Context, families []string) iter.Seq2[*kg.Claim, error] {
	return altered(s.moment().Claims(through(s.context, ctx), through(s.families, families)), s.claims)
}

func (s *brokenSnapshot) Conflicts(ctx context.Context, about []kg.ID) iter.Seq2[*kg.Conflict, error] {
	return altered(s.moment().Conflicts(through(s.context, ctx), through(s.about, about)), s.conflicts)
}

func (s *brokenSnapshot) Scan(ctx context.Context, q kg.ScanQuery) iter.Seq2[kg.Record, error] {
	return altered(s.moment().Scan(through(s.context, ctx), through(s.scanOf, q)), s.records)
}

func (s *brokenSnapshot) Stats(ctx context.Context) (map[kg.RecordKind]int64, error) {
	stats, err := s.moment().Stats(through(s.context, ctx))
	if err == nil && s.stats != nil {
		s.stats(stats)
	}
	return stats, err
}

func (s *brokenSnapshot) Close() error {
	if s.close != nil {
		return s.close()
	}
	return s.Snapshot.Close()
}

// of returns the maker of a mutant whose snapshots are broken.
func of(breakIt func(s *brokenSnapshot)) func() kg.Store {
	return func() kg.Store { return &mutant{Store: NewModel(), snapshot: breakIt} }
}

func asking(f func(q *kg.RelationQuery)) func() kg.Store {
	return of(func(s *brokenSnapshot) {
		s.relationsOf = func(q kg.RelationQuery) kg.RelationQuery { f(&q); return q }
	})
}

func answering(f func(q kg.RelationQuery, e []kg.Edge) []kg.Edge) func() kg.Store {
	return of(func(s *brokenSnapshot) { s.edges = f })
}

func asking2(f func(q *kg.ObservationQuery)) func() kg.Store {
	return of(func(s *brokenSnapshot) {
		s.figuresOf = func(q kg.ObservationQuery) kg.ObservationQuery { f(&q); return q }
	})
}

func scanning(f func(q *kg.ScanQuery)) func() kg.Store {
	return of(func(s *brokenSnapshot) {
		s.scanOf = func(q kg.ScanQuery) kg.ScanQuery { f(&q); return q }
	})
}

func keyed(f func(k *kg.FindKey)) func() kg.Store {
	return of(func(s *brokenSnapshot) {
		s.key = func(k kg.FindKey) kg.FindKey { f(&k); return k }
	})
}

// applying returns the maker of a mutant that applies batches its own way.
func applying(f func(s kg.Store, b *kg.Batch) (kg.Revision, error)) func() kg.Store {
	return func() kg.Store {
		m := &mutant{Store: NewModel()}
		m.apply = func(b *kg.Batch) (kg.Revision, error) { return f(m.Store, b) }
		return m
	}
}

// stagingMutant is the model with something broken about staging.
type stagingMutant struct {
	kg.Stager
	draft func(s kg.Stager) (kg.Snapshot, error)
	stage func(s kg.Stager, b *kg.Batch) (kg.Revision, func(context.Context) error, error)
}

func (m *stagingMutant) Draft(ctx context.Context) (kg.Snapshot, error) {
	if m.draft != nil {
		return m.draft(m.Stager)
	}
	return m.Stager.Draft(ctx)
}

func (m *stagingMutant) Stage(ctx context.Context, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
	if m.stage != nil {
		return m.stage(m.Stager, b)
	}
	return m.Stager.Stage(ctx, b)
}

// taking returns the maker of a mutant that stages batches its own way.
func taking(f func(s kg.Stager, b *kg.Batch) (kg.Revision, func(context.Context) error, error)) func() kg.Store {
	return func() kg.Store { return &stagingMutant{Stager: NewModel(), stage: f} }
}

func changing(f func(c []kg.Change) []kg.Change) func() kg.Store {
	return func() kg.Store { return &mutant{Store: NewModel(), changes: f} }
}

func byID[T any](id func(T) kg.ID) func([]T) []T {
	return func(list []T) []T {
		slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(string(id(a)), string(id(b))) })
		return list
	}
}

// mutants are stores that do one thing wrong: what the suite must see in one of
// its topics and, unless blind is set, the random worlds too.
var mutants = []struct {
	name  string
	topic string
	blind bool
	open  func() kg.Store
}{
	{name: "puts unknown starts first", topic: "Relations", open: answering(func(_ kg.RelationQuery, edges []kg.Edge) []kg.Edge {
		slices.SortStableFunc(edges, func(a, b kg.Edge) int {
			first := func(e kg.Edge) int {
				if e.Relation.Start.Placed() {
					return 1
				}
				return 0
			}
			return (a.At-b.At)*2 + first(a) - first(b)
		})
		return edges
	})},
	{name: "orders relations by id", topic: "Relations", open: answering(func(_ kg.RelationQuery, edges []kg.Edge) []kg.Edge {
		return byID(func(e kg.Edge) kg.ID { return e.Relation.ID })(edges)
	})},
	{name: "forgets the limit", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.Limit = 0 })},
	{name: "limits all entities together", topic: "Relations", open: answering(func(q kg.RelationQuery, edges []kg.Edge) []kg.Edge { return first(q.Limit, edges) })},
	{name: "limits before it filters", topic: "Relations", open: of(func(s *brokenSnapshot) {
		s.relationsOf = func(q kg.RelationQuery) kg.RelationQuery { q.Kinds, q.Types, q.MinStake = nil, nil, 0; return q }
		s.edges = func(q kg.RelationQuery, edges []kg.Edge) []kg.Edge {
			return slices.DeleteFunc(edges, func(e kg.Edge) bool {
				from := kg.ID("")
				if !q.All {
					from = q.Of[e.At]
				}
				return !q.Matches(e.Relation, from)
			})
		}
	})},
	{name: "ignores kinds", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.Kinds = nil })},
	{name: "ignores types", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.Types = nil })},
	{name: "tells of summaries where they are not wanted", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.Direct = false })},
	{name: "ignores the stake", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.MinStake = 0 })},
	{name: "ignores certainty", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.When.Certainty = kg.Certain })},
	{name: "ignores the period", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.When.During = kg.Period{} })},
	{name: "ignores the day", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.When.AsOf = nil })},
	{name: "ignores After", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.After = nil })},
	{name: "ignores Before", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.Before = nil })},
	{name: "turns After and Before round in reverse", topic: "Relations", open: asking(func(q *kg.RelationQuery) {
		if q.Reverse {
			q.After, q.Before = q.Before, q.After
		}
	})},
	{name: "ignores Reverse", topic: "Relations", open: asking(func(q *kg.RelationQuery) { q.Reverse = false })},
	{name: "reverses the frontier too", topic: "Relations", open: answering(func(q kg.RelationQuery, edges []kg.Edge) []kg.Edge {
		if q.Reverse {
			slices.SortStableFunc(edges, func(a, b kg.Edge) int { return b.At - a.At })
		}
		return edges
	})},
	{name: "finds symmetric relations at both ends", topic: "Relations", open: asking(func(q *kg.RelationQuery) {
		if !q.All {
			q.Direction = kg.Both
		}
	})},
	{name: "shows loops twice", topic: "Relations", open: answering(func(q kg.RelationQuery, edges []kg.Edge) []kg.Edge {
		var twice []kg.Edge
		for _, e := range edges {
			twice = append(twice, e)
			if q.Direction == kg.Both && e.Relation.From == e.Relation.To {
				twice = append(twice, e)
			}
		}
		return twice
	})},
	{name: "applies kinds to the whole graph", topic: "Relations", open: answering(func(q kg.RelationQuery, edges []kg.Edge) []kg.Edge {
		return slices.DeleteFunc(edges, func(e kg.Edge) bool { return q.All && len(q.Kinds) > 0 && !slices.Contains(q.Kinds, e.Relation.ToKind) })
	})},
	{name: "counts At without those that are absent", topic: "Relations", open: answering(func(_ kg.RelationQuery, edges []kg.Edge) []kg.Edge {
		at, last := -1, -1
		for i := range edges {
			if edges[i].At != last {
				at, last = at+1, edges[i].At
			}
			edges[i].At = at
		}
		return edges
	})},
	{name: "ignores metrics", topic: "Observations", open: asking2(func(q *kg.ObservationQuery) { q.Metrics = nil })},
	{name: "forgets the limit of figures", topic: "Observations", open: asking2(func(q *kg.ObservationQuery) { q.Limit = 0 })},
	{name: "ignores the time of figures", topic: "Observations", open: asking2(func(q *kg.ObservationQuery) { q.When = kg.When{} })},
	{name: "ignores After of figures", topic: "Observations", open: asking2(func(q *kg.ObservationQuery) { q.After = nil })},
	{name: "orders figures by id", topic: "Observations", open: of(func(s *brokenSnapshot) {
		s.figured = byID(func(f kg.Figured) kg.ID { return f.Observation.ID })
	})},
	{name: "ignores the kinds of a key", topic: "Find", open: keyed(func(k *kg.FindKey) { k.Kinds = nil })},
	{name: "forgets the limit of a key", topic: "Find", open: keyed(func(k *kg.FindKey) { k.Limit = 0 })},
	{name: "mixes the two passes", topic: "Find", open: keyed(func(k *kg.FindKey) { k.Core = false })},
	{name: "orders matches by id", topic: "Find", open: of(func(s *brokenSnapshot) { s.matches = byID(func(m kg.Match) kg.ID { return m.ID }) })},
	{name: "follows redirects", topic: "Get", open: of(func(s *brokenSnapshot) {
		s.get = func(s kg.Snapshot, _ []kg.ID, found []kg.Record) []kg.Record {
			for i, r := range found {
				if r, ok := r.(*kg.Redirect); ok {
					if to, err := s.Get(context.Background(), []kg.ID{r.To}); err == nil {
						found[i] = to[0]
					}
				}
			}
			return found
		}
	})},
	{name: "leaves out what is absent", topic: "Get", open: of(func(s *brokenSnapshot) {
		s.get = func(_ kg.Snapshot, _ []kg.ID, found []kg.Record) []kg.Record {
			return slices.DeleteFunc(found, func(r kg.Record) bool { return r == nil })
		}
	})},
	{name: "shares memory", topic: "Snapshot", blind: true, open: of(func(s *brokenSnapshot) {
		var mu sync.Mutex
		kept := make(map[kg.ID]kg.Record)
		s.get = func(_ kg.Snapshot, ids []kg.ID, found []kg.Record) []kg.Record {
			mu.Lock()
			defer mu.Unlock()
			for i, id := range ids {
				if r, ok := kept[id]; ok {
					found[i] = r
				}
				kept[id] = found[i]
			}
			return found
		}
	})},
	{name: "hides retracted claims", topic: "Claims", open: of(func(s *brokenSnapshot) {
		s.claims = func(claims []*kg.Claim) []*kg.Claim {
			return slices.DeleteFunc(claims, func(c *kg.Claim) bool { return c.Retracted != nil })
		}
	})},
	{name: "sorts families", topic: "Claims", open: of(func(s *brokenSnapshot) {
		s.families = func(f []string) []string { return slices.Sorted(slices.Values(f)) }
	})},
	{name: "takes no entities for all", topic: "Conflicts", blind: true, open: of(func(s *brokenSnapshot) {
		s.about = func(ids []kg.ID) []kg.ID {
			if len(ids) == 0 {
				return nil
			}
			return ids
		}
	})},
	{name: "orders conflicts by id", topic: "Conflicts", open: of(func(s *brokenSnapshot) { s.conflicts = byID(func(c *kg.Conflict) kg.ID { return c.ID }) })},
	{name: "scans entities by id", topic: "Scan", open: of(func(s *brokenSnapshot) { s.records = byID(kg.Record.RecordID) })},
	{name: "scans every kind of entity", topic: "Scan", open: scanning(func(q *kg.ScanQuery) { q.Kinds = nil })},
	{name: "forgets the limit of a scan", topic: "Scan", open: scanning(func(q *kg.ScanQuery) { q.Limit = 0 })},
	{name: "ignores Before in a scan", topic: "Scan", open: scanning(func(q *kg.ScanQuery) { q.Before = nil })},
	{name: "counts redirects as entities", topic: "Stats", open: of(func(s *brokenSnapshot) {
		s.stats = func(m map[kg.RecordKind]int64) {
			m[kg.RecordEntity] += m[kg.RecordRedirect]
			delete(m, kg.RecordRedirect)
		}
	})},
	{name: "reads the newest moment", topic: "Snapshot", open: of(func(s *brokenSnapshot) { s.newest = true })},
	{name: "ignores the context", topic: "Sequences", blind: true, open: of(func(s *brokenSnapshot) { s.context = context.WithoutCancel })},
	{name: "stays open", topic: "Close", blind: true, open: of(func(s *brokenSnapshot) { s.close = func() error { return nil } })},
	{name: "closes under its readers", topic: "Close", blind: true, open: of(func(s *brokenSnapshot) {
		inner := s.Snapshot
		s.close = func() error {
			go inner.Close()
			return nil
		}
	})},
	{name: "numbers every batch", topic: "Apply", open: func() kg.Store {
		n := kg.Revision(0)
		return applying(func(s kg.Store, b *kg.Batch) (kg.Revision, error) {
			_, err := s.Apply(context.Background(), b)
			n++
			return n, err
		})()
	}},
	{name: "does half of a batch that is refused", topic: "Apply", blind: true, open: applying(func(s kg.Store, b *kg.Batch) (kg.Revision, error) {
		if err := b.Check(); err != nil {
			half := &kg.Batch{At: b.At, Put: b.Put[:min(1, len(b.Put))], Delete: b.Delete[:min(1, len(b.Delete))]}
			if _, err := s.Apply(context.Background(), half); err != nil {
				return 0, err
			}
			return 0, err
		}
		return s.Apply(context.Background(), b)
	})},
	{name: "takes batches of any size", topic: "Apply", blind: true, open: applying(func(s kg.Store, b *kg.Batch) (kg.Revision, error) {
		b.Delete = b.Delete[:min(len(b.Delete), kg.MaxBatch)]
		return s.Apply(context.Background(), b)
	})},
	{name: "never deletes", topic: "Apply", open: applying(func(s kg.Store, b *kg.Batch) (kg.Revision, error) {
		if err := b.Check(); err != nil {
			return 0, err
		}
		return s.Apply(context.Background(), &kg.Batch{At: b.At, Put: b.Put})
	})},
	{name: "drafts from what is durable", topic: "Stage", blind: true, open: func() kg.Store {
		return &stagingMutant{Stager: NewModel(), draft: func(s kg.Stager) (kg.Snapshot, error) { return s.Snapshot(context.Background()) }}
	}},
	{name: "tells before it is durable", topic: "Stage", blind: true, open: taking(func(s kg.Stager, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
		revision, _, err := s.Stage(context.Background(), b)
		return revision, func(context.Context) error { return nil }, err
	})},
	{name: "waits for nothing where nothing changes", topic: "Stage", blind: true, open: taking(func(s kg.Stager, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
		d, err := s.Draft(context.Background())
		if err != nil {
			return 0, nil, err
		}
		revision, wait, err := s.Stage(context.Background(), b)
		if revision == d.Revision() {
			wait = func(context.Context) error { return nil }
		}
		return revision, wait, err
	})},
	{name: "stages after the context has ended", topic: "Stage", blind: true, open: taking(func(s kg.Stager, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
		return s.Stage(context.Background(), b)
	})},
	{name: "leaves out the newest change", topic: "Changes", open: changing(func(c []kg.Change) []kg.Change { return c[:max(0, len(c)-1)] })},
	{name: "turns changes round", topic: "Changes", open: changing(func(c []kg.Change) []kg.Change { slices.Reverse(c); return c })},
	{name: "forgets what was deleted", topic: "Changes", open: changing(func(c []kg.Change) []kg.Change {
		for i := range c {
			c[i].Touched = slices.DeleteFunc(c[i].Touched, func(t kg.Touch) bool { return t.Deleted })
		}
		return c
	})},
	{name: "lists what was touched in any order", topic: "Changes", open: changing(func(c []kg.Change) []kg.Change {
		for i := range c {
			slices.Reverse(c[i].Touched)
		}
		return c
	})},
}

func TestSuiteSeesMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			i := slices.IndexFunc(contract, func(topic topic) bool { return topic.name == m.topic })
			for _, b := range contract[i].behaviours {
				r := &recorder{TB: t}
				r.run(func() { b.check(&subject{TB: r, store: m.open()}) })
				if r.Failed() {
					return
				}
			}
			t.Errorf("%s: no behaviour of it fails", m.topic)
		})
	}
}

func TestWorldsSeeMutants(t *testing.T) {
	for _, m := range mutants {
		if m.blind {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			const worlds = 30
			for seed := range uint64(worlds) {
				r := &recorder{TB: t}
				r.run(func() { Compare(r, seed, m.open(), NewModel()) })
				if r.Failed() {
					if said := strings.Join(r.said, "\n"); !strings.Contains(said, fmt.Sprintf("%s=%d", seedVariable, seed)) {
						t.Errorf("the failure does not say how to see it again:\n%s", said)
					}
					return
				}
			}
			t.Errorf("none of %d worlds shows it", worlds)
		})
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	said     []string
	failed   bool
	cleanups []func()
}

// run runs f as the body of the test.
func (r *recorder) run(f func()) {
	r.goroutine(f)
	for _, cleanup := range slices.Backward(r.cleanups) {
		r.goroutine(cleanup)
	}
}

func (r *recorder) goroutine(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		f()
	}()
	<-done
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Helper()          {}
