package kgtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"keiretsu/internal/kg"
)

// crowd returns n companies around a hub, and all that can be read of them.
func crowd(n int, text string) []kg.Record {
	records := []kg.Record{company("acme")}
	for i := range n {
		id := kg.ID(fmt.Sprintf("c%04d", i))
		r := relation("r"+id, kg.Supplies, id, "acme", "2014", "")
		r.Text = text
		o := observation("o"+id, "acme", "staff", "2014")
		o.Note = text
		c := claimOf("k"+id, &kg.NameStatement{Entity: "acme", Text: string(id), Kind: kg.NameAlias})
		c.Note = text
		records = append(records, company(id), r, o, c, &kg.Conflict{ID: "x" + id, About: id, Note: text})
	}
	return records
}

var snapshotBehaviours = []behaviour{
	ownership,
	{"stays as it was while others write", func(t *subject) {
		t.put(OneOfEverything()...)
		before := t.snapshot()
		want := everything(t, before)
		bare := entity("acme", kg.KindCompany, "Renamed")
		t.put(bare, relation("r-1", kg.Supplies, "acme", "zoe", "2020", ""), observation("o-1", "acme", "staff", "2014"),
			&kg.Conflict{ID: "x-2", About: "acme"}, claimOf("c-new", &kg.EntityStatement{Entity: "acme", Kind: kg.KindCompany}))
		var ids []kg.ID
		for _, r := range OneOfEverything() {
			ids = append(ids, r.RecordID())
		}
		t.delete(ids...)
		t.want("revision", before.Revision(), kg.Revision(1))
		t.want("what it answers", everything(t, before), want)
		after := t.snapshot()
		t.want("revision of a new one", after.Revision(), kg.Revision(3))
		t.want("stats of a new one", t.stats(), map[kg.RecordKind]int64{kg.RecordConflict: 1, kg.RecordClaim: 1})
	}},
	{"may stand beside many others", func(t *subject) {
		var all []kg.Snapshot
		for i := range 20 {
			t.put(entity("a", kg.KindCompany, fmt.Sprintf("name %d", i)))
			all = append(all, t.snapshot())
		}
		for i, s := range all {
			records, err := s.Get(t.Context(), []kg.ID{"a"})
			if err != nil {
				t.Fatalf("Get: %v", err)
			}
			t.want("record", records, []kg.Record{entity("a", kg.KindCompany, fmt.Sprintf("name %d", i))})
			if i%2 == 0 {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		}
	}},
	{"answers many at a time", func(t *subject) {
		t.put(crowd(50, "same")...)
		s := t.snapshot()
		want := everything(t, s)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 3 {
					t.want("answers", everything(t, s), want)
				}
			})
		}
		wg.Wait()
	}},
	{"answers in the middle of an answer", func(t *subject) {
		t.put(crowd(50, "same")...)
		s := t.snapshot()
		n := 0
		for r, err := range s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}) {
			if err != nil {
				t.Fatalf("Scan: %v", err)
			}
			for e, err := range s.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{r.RecordID()}, Direction: kg.Out}) {
				if err != nil {
					t.Fatalf("Relations: %v", err)
				}
				records, err := s.Get(t.Context(), []kg.ID{e.Relation.To})
				if err != nil || records[0] == nil {
					t.Fatalf("Get: %v, %v", records, err)
				}
				n++
			}
		}
		t.want("relations", n, 50)
	}},
	{"shows whole batches only, whoever writes meanwhile", func(t *subject) {
		const writers, batches, size = 2, 15, 20
		var wg sync.WaitGroup
		var writing atomic.Int32
		revisions := make(chan kg.Revision, writers*batches)
		writing.Store(writers)
		for w := range writers {
			wg.Go(func() {
				defer writing.Add(-1)
				for i := range batches {
					revision, err := t.store.Apply(t.Context(), &kg.Batch{At: noon, Put: crowd(size, fmt.Sprintf("batch %d of %d", i, w))})
					if err != nil {
						t.Errorf("Apply: %v", err)
						return
					}
					revisions <- revision
				}
			})
		}
		for range 3 {
			wg.Go(func() {
				last := kg.Revision(0)
				for writing.Load() > 0 && !t.Failed() {
					last = wholeBatch(t, last, size)
				}
			})
		}
		wg.Wait()
		close(revisions)
		seen := make(map[kg.Revision]bool)
		for r := range revisions {
			seen[r] = true
		}
		changes := t.changes(0)
		t.want("number of states", len(changes), len(seen))
		for i, c := range changes {
			if c.Revision != kg.Revision(i+1) || !seen[c.Revision] {
				t.Errorf("change %d has revision %d, which Apply returned: %v", i, c.Revision, seen[c.Revision])
			}
		}
	}},
}

// wholeBatch opens a snapshot of a crowd that is being rewritten, and sees that
// it is of one batch and no older than the last one.
func wholeBatch(t *subject, last kg.Revision, size int) kg.Revision {
	t.Helper()
	s, err := t.store.Snapshot(t.Context())
	if err != nil {
		t.Errorf("Snapshot: %v", err)
		return last
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Snapshot.Close: %v", err)
		}
	}()
	if s.Revision() < last {
		t.Errorf("a snapshot of revision %d after one of %d", s.Revision(), last)
	}
	if s.Revision() == 0 {
		return 0
	}
	texts := make(map[string]int)
	edges, err := drain(t, s.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.In}))
	if err != nil {
		t.Errorf("Relations: %v", err)
	}
	for _, e := range edges {
		texts[e.Relation.Text]++
	}
	figured, err := drain(t, s.Observations(t.Context(), kg.ObservationQuery{Of: []kg.ID{"acme"}}))
	if err != nil {
		t.Errorf("Observations: %v", err)
	}
	for _, f := range figured {
		texts[f.Observation.Note]++
	}
	conflicts, err := drain(t, s.Conflicts(t.Context(), nil))
	if err != nil {
		t.Errorf("Conflicts: %v", err)
	}
	for _, c := range conflicts {
		texts[c.Note]++
	}
	for text, n := range texts {
		if len(texts) != 1 || n != 3*size {
			t.Errorf("revision %d holds %d parts of %q; batches seen: %v", s.Revision(), n, text, texts)
		}
	}
	return s.Revision()
}

// everything returns all that a snapshot of OneOfEverything or a crowd answers.
func everything(t *subject, s kg.Snapshot) []any {
	t.Helper()
	var all []any
	keep := func(what string, answer any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		all = append(all, answer)
	}
	ctx := t.Context()
	for _, kind := range kg.RecordKinds() {
		records, err := drain(t, s.Scan(ctx, kg.ScanQuery{Kind: kind}))
		keep("Scan", records, err)
		got, err := s.Get(ctx, idsOf(records, func(r kg.Record) kg.Record { return r }))
		keep("Get", got, err)
	}
	matches, err := s.Find(ctx, []kg.FindKey{{Name: "acme"}, {Name: "renamed"}, {Scheme: "lei", Value: "5493001kjtiigc8y1r12"}})
	keep("Find", matches, err)
	edges, err := drain(t, s.Relations(ctx, kg.RelationQuery{Of: []kg.ID{"acme", "zoe"}, Direction: kg.Both}))
	keep("Relations", edges, err)
	graph, err := drain(t, s.Relations(ctx, kg.RelationQuery{All: true}))
	keep("Relations of all", graph, err)
	figured, err := drain(t, s.Observations(ctx, kg.ObservationQuery{Of: []kg.ID{"acme"}}))
	keep("Observations", figured, err)
	claims, err := drain(t, s.Claims(ctx, []string{(&kg.EntityStatement{Entity: "acme"}).Family()}))
	keep("Claims", claims, err)
	mentions, err := drain(t, s.ClaimsAbout(ctx, kg.ClaimQuery{Of: []kg.ID{"acme", "zoe"}}))
	keep("ClaimsAbout", mentions, err)
	conflicts, err := drain(t, s.Conflicts(ctx, nil))
	keep("Conflicts", conflicts, err)
	stats, err := s.Stats(ctx)
	keep("Stats", present(stats), err)
	return all
}

var sequencesBehaviours = []behaviour{
	{"may be left early, or not begun", func(t *subject) {
		t.put(crowd(300, "")...)
		s := t.snapshot()
		leave(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}))
		leave(t, s.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.In}))
		leave(t, s.Relations(t.Context(), kg.RelationQuery{All: true}))
		leave(t, s.Observations(t.Context(), kg.ObservationQuery{Of: []kg.ID{"acme"}}))
		leave(t, s.Claims(t.Context(), []string{(&kg.EntityStatement{Entity: "acme"}).Family()}))
		leave(t, s.ClaimsAbout(t.Context(), kg.ClaimQuery{Of: []kg.ID{"acme"}}))
		leave(t, s.ClaimsAbout(t.Context(), kg.ClaimQuery{All: true}))
		leave(t, s.Conflicts(t.Context(), nil))
		s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordRelation})
		s.Relations(t.Context(), kg.RelationQuery{All: true})
		records, err := drain(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}))
		t.want("entities afterwards", len(records), 301)
		t.want("error afterwards", err, nil)
		t.finishes("Close after sequences left early", func() {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}},
	{"are left by a panic as by a break", func(t *subject) {
		t.put(crowd(3, "")...)
		s := t.snapshot()
		func() {
			defer func() { t.want("recovered", recover(), "out") }()
			for _, err := range s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}) {
				t.want("error", err, nil)
				panic("out")
			}
		}()
		t.finishes("Close after a panic in a sequence", func() {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}},
	{"and all other calls refuse a context that is done", func(t *subject) {
		t.put(OneOfEverything()...)
		s := t.snapshot()
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		for _, c := range append(storeCalls(t, t.store), snapshotCalls(t, s)...) {
			t.wantError(c.name, c.ask(canceled), context.Canceled)
			t.wantError(c.name, c.ask(expired), context.DeadlineExceeded)
			if err := c.ask(t.Context()); err != nil {
				t.Errorf("%s afterwards: %v", c.name, err)
			}
		}
	}},
	{"end with the context in their middle", func(t *subject) {
		const n = 3000
		t.put(crowd(n, "")...)
		s := t.snapshot()
		acme := []kg.ID{"acme"}
		middle(t, n, "Scan", func(ctx context.Context) iter.Seq2[kg.Record, error] {
			return s.Scan(ctx, kg.ScanQuery{Kind: kg.RecordEntity})
		})
		middle(t, n, "Relations", func(ctx context.Context) iter.Seq2[kg.Edge, error] {
			return s.Relations(ctx, kg.RelationQuery{Of: acme, Direction: kg.In})
		})
		middle(t, n, "Relations of all", func(ctx context.Context) iter.Seq2[kg.Edge, error] {
			return s.Relations(ctx, kg.RelationQuery{All: true})
		})
		middle(t, n, "Observations", func(ctx context.Context) iter.Seq2[kg.Figured, error] {
			return s.Observations(ctx, kg.ObservationQuery{Of: acme})
		})
		middle(t, n, "Claims", func(ctx context.Context) iter.Seq2[*kg.Claim, error] {
			return s.Claims(ctx, []string{(&kg.EntityStatement{Entity: "acme"}).Family()})
		})
		middle(t, n, "ClaimsAbout", func(ctx context.Context) iter.Seq2[kg.Mention, error] {
			return s.ClaimsAbout(ctx, kg.ClaimQuery{Of: acme})
		})
		middle(t, n, "ClaimsAbout everything", func(ctx context.Context) iter.Seq2[kg.Mention, error] {
			return s.ClaimsAbout(ctx, kg.ClaimQuery{All: true})
		})
		middle(t, n, "Conflicts", func(ctx context.Context) iter.Seq2[*kg.Conflict, error] { return s.Conflicts(ctx, nil) })
	}},
	{"yield elements that stay as they are while the sequence goes on", func(t *subject) {
		t.put(crowd(100, "text")...)
		s := t.snapshot()
		var kept, copies []*kg.Relation
		for e, err := range s.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.In}) {
			if err != nil {
				t.Fatalf("Relations: %v", err)
			}
			kept, copies = append(kept, e.Relation), append(copies, clone(e.Relation))
		}
		t.want("kept relations", kept, copies)
	}},
}

// leave begins a sequence and does not go on.
func leave[T any](t *subject, seq iter.Seq2[T, error]) {
	t.Helper()
	for _, err := range seq {
		t.want("error", err, nil)
		return
	}
	t.Errorf("a sequence is empty")
}

// middle reads a sequence of n elements and ends its context at the tenth. How
// many more come is the engine's business, but not all of them.
func middle[T any](t *subject, n int, name string, ask func(ctx context.Context) iter.Seq2[T, error]) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := 0
	_, err := drain(t, func(yield func(T, error) bool) {
		for x, err := range ask(ctx) {
			if seen++; seen == 10 {
				cancel()
			}
			if !yield(x, err) {
				return
			}
		}
	})
	t.wantError(name, err, context.Canceled)
	if seen < 10 || seen > n/2 {
		t.Errorf("%s: %d elements of %d, where the context was done at the 10th", name, seen, n)
	}
}

var closeBehaviours = []behaviour{
	{"ends a snapshot", func(t *subject) {
		t.put(OneOfEverything()...)
		s, other := t.snapshot(), t.snapshot()
		begun := s.Relations(t.Context(), kg.RelationQuery{All: true})
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		for _, c := range snapshotCalls(t, s) {
			t.wantError(c.name, c.ask(t.Context()), kg.ErrClosed)
		}
		_, err := drain(t, begun)
		t.wantError("a sequence asked for before", err, kg.ErrClosed)
		t.wantError("Close again", s.Close(), kg.ErrClosed)
		t.want("revision", s.Revision(), kg.Revision(1))
		for _, c := range append(snapshotCalls(t, other), storeCalls(t, t.store)...) {
			if err := c.ask(t.Context()); err != nil {
				t.Errorf("%s of others: %v", c.name, err)
			}
		}
	}},
	{"ends a store and its snapshots", func(t *subject) {
		t.put(OneOfEverything()...)
		s := t.snapshot()
		if err := t.store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		for _, c := range append(storeCalls(t, t.store), snapshotCalls(t, s)...) {
			t.wantError(c.name, c.ask(t.Context()), kg.ErrClosed)
		}
		t.wantError("Close again", t.store.Close(), kg.ErrClosed)
		t.wantError("Close of the snapshot", s.Close(), kg.ErrClosed)
	}},
	{"of a snapshot waits for its calls", func(t *subject) {
		t.put(crowd(500, "")...)
		s := t.snapshot()
		waits(t, s, s.Close)
	}},
	{"of a store waits for its snapshots' calls", func(t *subject) {
		t.put(crowd(500, "")...)
		waits(t, t.snapshot(), t.store.Close)
	}},
	{"may be called by many at once, among calls", func(t *subject) {
		t.put(crowd(50, "")...)
		s := t.snapshot()
		var wg sync.WaitGroup
		var closed atomic.Int32
		for i := range 8 {
			for _, c := range append(snapshotCalls(t, s), storeCalls(t, t.store)...) {
				wg.Go(func() {
					if err := c.ask(t.Context()); err != nil && !errors.Is(err, kg.ErrClosed) {
						t.Errorf("%s: %v", c.name, err)
					}
				})
			}
			wg.Go(func() {
				closing := s.Close
				if i%2 == 1 {
					closing = t.store.Close
				}
				switch err := closing(); {
				case err == nil:
					closed.Add(1)
				case !errors.Is(err, kg.ErrClosed):
					t.Errorf("Close: %v", err)
				}
			})
		}
		t.finishes("closing", wg.Wait)
		if n := closed.Load(); n < 1 || n > 2 {
			t.Errorf("%d calls of Close succeeded, want one of the store and at most one of the snapshot", n)
		}
	}},
}

// waits sees that a Close which comes while a sequence is being read lets it
// run to its end, and comes back after it; and that a call from within the
// sequence is answered or refused, but does not wait for the Close that waits
// for it.
func waits(t *subject, s kg.Snapshot, closing func() error) {
	t.Helper()
	var closed atomic.Bool
	done := make(chan error, 1)
	t.finishes("a sequence that is being closed", func() {
		n := 0
		for _, err := range s.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.In}) {
			if err != nil {
				t.Errorf("the sequence ends after %d elements: %v", n, err)
			}
			if n++; n == 1 {
				go func() {
					err := closing()
					closed.Store(true)
					done <- err
				}()
			}
			for range 10 {
				runtime.Gosched()
			}
			if _, err := s.Get(t.Context(), []kg.ID{"acme"}); err != nil && !errors.Is(err, kg.ErrClosed) {
				t.Errorf("Get in the middle: %v", err)
			}
			if closed.Load() {
				t.Errorf("Close came back when %d elements had been read", n)
				return
			}
		}
		t.want("elements", n, 500)
	})
	t.finishes("Close", func() {
		if err := <-done; err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}
