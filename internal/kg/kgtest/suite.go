package kgtest

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"keiretsu/internal/kg"
)

// Run checks a store against the contract at kg.Store and kg.Snapshot, one
// behaviour at a time. For each, open returns a fresh, empty store, which Run
// closes. What the contract leaves open, the suite leaves open too.
func Run(t *testing.T, open func(t *testing.T) kg.Store) {
	for _, topic := range contract {
		t.Run(topic.name, func(t *testing.T) {
			for _, b := range topic.behaviours {
				t.Run(b.name, func(t *testing.T) {
					store := open(t)
					t.Cleanup(func() {
						if err := store.Close(); err != nil && !errors.Is(err, kg.ErrClosed) {
							t.Errorf("Close: %v", err)
						}
					})
					b.check(&subject{TB: t, store: store})
				})
			}
		})
	}
}

type topic struct {
	name       string
	behaviours []behaviour
}

// behaviour is one thing that the contract promises.
type behaviour struct {
	name  string
	check func(t *subject)
}

var contract = []topic{
	{"Apply", applyBehaviours},
	{"Stage", stageBehaviours},
	{"Changes", changesBehaviours},
	{"Get", getBehaviours},
	{"Find", findBehaviours},
	{"Relations", relationsBehaviours},
	{"Observations", observationsBehaviours},
	{"Claims", claimsBehaviours},
	{"ClaimsAbout", claimsAboutBehaviours},
	{"Conflicts", conflictsBehaviours},
	{"Scan", scanBehaviours},
	{"Stats", statsBehaviours},
	{"Snapshot", snapshotBehaviours},
	{"Sequences", sequencesBehaviours},
	{"Close", closeBehaviours},
}

// subject is the store under test, with a test's words for what is done to it.
type subject struct {
	testing.TB
	store kg.Store
}

var noon = time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)

// put applies a batch of the records.
func (t *subject) put(records ...kg.Record) kg.Revision {
	t.Helper()
	return t.apply(&kg.Batch{At: noon, Put: records})
}

func (t *subject) delete(ids ...kg.ID) kg.Revision {
	t.Helper()
	return t.apply(&kg.Batch{At: noon, Delete: ids})
}

func (t *subject) apply(b *kg.Batch) kg.Revision {
	t.Helper()
	revision, err := t.store.Apply(t.Context(), b)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return revision
}

// snapshot opens the newest moment until the end of the test.
func (t *subject) snapshot() kg.Snapshot {
	t.Helper()
	s, err := t.store.Snapshot(t.Context())
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, kg.ErrClosed) {
			t.Errorf("Snapshot.Close: %v", err)
		}
	})
	return s
}

// at asks a question of the newest moment.
func at[T any](t *subject, ask func(s kg.Snapshot) (T, error)) T {
	t.Helper()
	s, err := t.store.Snapshot(t.Context())
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	answer, err := ask(s)
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Snapshot.Close: %v", err)
	}
	return answer
}

func (t *subject) get(ids ...kg.ID) []kg.Record {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([]kg.Record, error) { return s.Get(t.Context(), ids) })
}

func (t *subject) find(keys ...kg.FindKey) [][]kg.Match {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([][]kg.Match, error) { return s.Find(t.Context(), keys) })
}

func (t *subject) edges(q kg.RelationQuery) []kg.Edge {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([]kg.Edge, error) { return drain(t, s.Relations(t.Context(), q)) })
}

// relations returns the ids of the relations that q asks for.
func (t *subject) relations(q kg.RelationQuery) []kg.ID {
	t.Helper()
	return idsOf(t.edges(q), func(e kg.Edge) kg.Record { return e.Relation })
}

func (t *subject) figured(q kg.ObservationQuery) []kg.Figured {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([]kg.Figured, error) { return drain(t, s.Observations(t.Context(), q)) })
}

func (t *subject) observations(q kg.ObservationQuery) []kg.ID {
	t.Helper()
	return idsOf(t.figured(q), func(f kg.Figured) kg.Record { return f.Observation })
}

func (t *subject) claims(families ...string) []kg.ID {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([]kg.ID, error) {
		claims, err := drain(t, s.Claims(t.Context(), families))
		return idsOf(claims, func(c *kg.Claim) kg.Record { return c }), err
	})
}

func (t *subject) claimsAbout(q kg.ClaimQuery) []kg.Mention {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([]kg.Mention, error) { return drain(t, s.ClaimsAbout(t.Context(), q)) })
}

func (t *subject) conflicts(about []kg.ID) []kg.ID {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([]kg.ID, error) {
		conflicts, err := drain(t, s.Conflicts(t.Context(), about))
		return idsOf(conflicts, func(c *kg.Conflict) kg.Record { return c }), err
	})
}

func (t *subject) scan(q kg.ScanQuery) []kg.ID {
	t.Helper()
	return at(t, func(s kg.Snapshot) ([]kg.ID, error) {
		records, err := drain(t, s.Scan(t.Context(), q))
		return idsOf(records, func(r kg.Record) kg.Record { return r }), err
	})
}

// stats returns the counts of the kinds of which there are any.
func (t *subject) stats() map[kg.RecordKind]int64 {
	t.Helper()
	return present(at(t, func(s kg.Snapshot) (map[kg.RecordKind]int64, error) { return s.Stats(t.Context()) }))
}

func (t *subject) changes(after kg.Revision) []kg.Change {
	t.Helper()
	changes, err := drain(t, t.store.Changes(t.Context(), after))
	if err != nil {
		t.Fatalf("Changes: %v", err)
	}
	return changes
}

// want fails the test unless the two say the same.
func (t *subject) want(what string, got, want any) {
	t.Helper()
	if diff := Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// wantError fails the test unless the error is of the class.
func (t *subject) wantError(what string, err, class error) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Errorf("%s: error %v, want %v", what, err, class)
	}
}

// finishes fails the test if f has not come back after a time that no machine
// needs: without it, a store that waits for itself would look like a slow one.
func (t *subject) finishes(what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s does not come to an end", what)
	}
}

// drain reads a sequence to its end and sees to it that an error comes last and alone.
func drain[T any](t testing.TB, seq iter.Seq2[T, error]) ([]T, error) {
	t.Helper()
	var all []T
	var end error
	for x, err := range seq {
		if end != nil {
			t.Errorf("a sequence goes on after its error %v", end)
			return all, end
		}
		if end = err; err != nil {
			if !reflect.ValueOf(&x).Elem().IsZero() {
				t.Errorf("a sequence yields %v together with the error %v", x, err)
			}
			continue
		}
		all = append(all, x)
	}
	return all, end
}

// list reads a sequence to its end or its first error.
func list[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for x, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

func idsOf[T any](list []T, record func(T) kg.Record) []kg.ID {
	var ids []kg.ID
	for _, x := range list {
		ids = append(ids, record(x).RecordID())
	}
	return ids
}

func present(stats map[kg.RecordKind]int64) map[kg.RecordKind]int64 {
	for kind, n := range stats {
		if n == 0 {
			delete(stats, kind)
		}
	}
	return stats
}

func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// call is one way to ask something.
type call struct {
	name string
	ask  func(ctx context.Context) error
}

// storeCalls are the store's methods apart from Close, each in a form that
// changes nothing.
func storeCalls(t testing.TB, store kg.Store) []call {
	return []call{
		{"Snapshot", func(ctx context.Context) error {
			s, err := store.Snapshot(ctx)
			if err == nil {
				err = s.Close()
			}
			return err
		}},
		{"Apply", func(ctx context.Context) error { _, err := store.Apply(ctx, &kg.Batch{At: noon}); return err }},
		{"Changes", func(ctx context.Context) error { _, err := drain(t, store.Changes(ctx, 0)); return err }},
		{"Ping", store.Ping},
	}
}

// snapshotCalls are a snapshot's methods that can fail, apart from Close, each
// with a question to which OneOfEverything has an answer.
func snapshotCalls(t testing.TB, s kg.Snapshot) []call {
	calls := []call{
		{"Get", func(ctx context.Context) error { _, err := s.Get(ctx, []kg.ID{"acme"}); return err }},
		{"Find", func(ctx context.Context) error { _, err := s.Find(ctx, []kg.FindKey{{Name: "acme"}}); return err }},
		{"Stats", func(ctx context.Context) error { _, err := s.Stats(ctx); return err }},
	}
	return append(calls, sequenceCalls(t, s)...)
}

// sequenceCalls are those of snapshotCalls that answer with a sequence.
func sequenceCalls(t testing.TB, s kg.Snapshot) []call {
	read := func(name string, q kg.RelationQuery) call {
		return call{name, func(ctx context.Context) error { _, err := drain(t, s.Relations(ctx, q)); return err }}
	}
	return []call{
		read("Relations", kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.Both}),
		read("Relations of all", kg.RelationQuery{All: true}),
		{"Observations", func(ctx context.Context) error {
			_, err := drain(t, s.Observations(ctx, kg.ObservationQuery{Of: []kg.ID{"acme"}}))
			return err
		}},
		{"Claims", func(ctx context.Context) error {
			_, err := drain(t, s.Claims(ctx, []string{(&kg.EntityStatement{Entity: "acme"}).Family()}))
			return err
		}},
		{"ClaimsAbout", func(ctx context.Context) error {
			_, err := drain(t, s.ClaimsAbout(ctx, kg.ClaimQuery{Of: []kg.ID{"acme"}}))
			return err
		}},
		{"ClaimsAbout everything", func(ctx context.Context) error {
			_, err := drain(t, s.ClaimsAbout(ctx, kg.ClaimQuery{All: true}))
			return err
		}},
		{"Conflicts", func(ctx context.Context) error { _, err := drain(t, s.Conflicts(ctx, nil)); return err }},
		{"Scan of entities", func(ctx context.Context) error {
			_, err := drain(t, s.Scan(ctx, kg.ScanQuery{Kind: kg.RecordEntity}))
			return err
		}},
		{"Scan of relations", func(ctx context.Context) error {
			_, err := drain(t, s.Scan(ctx, kg.ScanQuery{Kind: kg.RecordRelation}))
			return err
		}},
	}
}
