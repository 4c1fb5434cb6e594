package kgtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"keiretsu/internal/kg"
)

// staging makes a behaviour of what only a kg.Stager promises; a store that is
// none has nothing to keep.
func staging(name string, check func(t *subject, s kg.Stager)) behaviour {
	return behaviour{name, func(t *subject) {
		if s, ok := t.store.(kg.Stager); ok {
			check(t, s)
		}
	}}
}

// stage stages a batch of the records.
func (t *subject) stage(s kg.Stager, records ...kg.Record) (kg.Revision, func(context.Context) error) {
	t.Helper()
	revision, wait, err := s.Stage(t.Context(), &kg.Batch{At: noon, Put: records})
	if err != nil {
		t.Fatalf("Stage: %v", err)
	}
	return revision, wait
}

// draft opens the newest staged moment until the end of the test.
func (t *subject) draft(s kg.Stager) kg.Snapshot {
	t.Helper()
	d, err := s.Draft(t.Context())
	if err != nil {
		t.Fatalf("Draft: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil && !errors.Is(err, kg.ErrClosed) {
			t.Errorf("Close of a draft: %v", err)
		}
	})
	return d
}

// waited waits for a staged batch.
func (t *subject) waited(what string, wait func(context.Context) error) {
	t.Helper()
	t.finishes(what, func() {
		if err := wait(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
}

// entities returns the ids of the entities that a moment holds.
func (t *subject) entities(s kg.Snapshot) []kg.ID {
	t.Helper()
	all, err := drain(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}))
	if err != nil {
		t.Errorf("Scan: %v", err)
	}
	ids := idsOf(all, func(r kg.Record) kg.Record { return r })
	slices.Sort(ids)
	return ids
}

var stageBehaviours = []behaviour{
	staging("shows in the draft what is taken", func(t *subject, s kg.Stager) {
		t.put(company("a"))
		before := t.draft(s)
		revision, wait := t.stage(s, company("b"))
		t.want("revision of the batch", revision, kg.Revision(2))
		draft := t.draft(s)
		t.want("revision of the draft", draft.Revision(), kg.Revision(2))
		t.want("entities of the draft", t.entities(draft), []kg.ID{"a", "b"})
		t.want("entities of an older draft", t.entities(before), []kg.ID{"a"})
		t.waited("wait", wait)
		t.waited("wait again", wait)
		now := t.snapshot()
		t.want("revision after waiting", now.Revision(), kg.Revision(2))
		t.want("entities after waiting", t.entities(now), []kg.ID{"a", "b"})
	}),
	staging("shows others whole moments, in order", func(t *subject, s kg.Stager) {
		const batches = 50
		var waits []func(context.Context) error
		for i := range batches {
			revision, wait := t.stage(s, company(kg.ID(fmt.Sprintf("a-%02d", i))), company(kg.ID(fmt.Sprintf("b-%02d", i))))
			t.want("revision", revision, kg.Revision(i+1))
			waits = append(waits, wait)
			seen := t.snapshot()
			t.want("entities of a moment", len(t.entities(seen)), 2*int(seen.Revision()))
			if n := len(t.changes(0)); n < int(seen.Revision()) || n > i+1 {
				t.Errorf("%d changes are told between revision %d, which is shown, and %d, which is staged", n, seen.Revision(), i+1)
			}
		}
		t.waited("wait for one in the middle", waits[batches/2])
		if seen := t.snapshot().Revision(); seen < batches/2+1 {
			t.Errorf("revision %d is shown after waiting for %d", seen, batches/2+1)
		}
		t.waited("wait for the last", waits[batches-1])
		t.want("revision", t.snapshot().Revision(), kg.Revision(batches))
		for i, wait := range waits {
			t.waited(fmt.Sprintf("wait for %d, which is long past", i+1), wait)
		}
		for i, c := range t.changes(0) {
			t.want("revision of a change", c.Revision, kg.Revision(i+1))
		}
	}),
	staging("builds on what is staged", func(t *subject, s kg.Stager) {
		t.stage(s, company("a"))
		t.stage(s, relation("r", kg.Owns, "a", "a", "2014", ""))
		_, wait, err := s.Stage(t.Context(), &kg.Batch{At: noon, Delete: []kg.ID{"r", "a"}})
		if err != nil {
			t.Fatalf("Stage: %v", err)
		}
		t.waited("wait", wait)
		t.want("revision", t.snapshot().Revision(), kg.Revision(3))
		t.want("stats", t.stats(), map[kg.RecordKind]int64{})
	}),
	staging("lets a batch that changes nothing wait for what it builds on", func(t *subject, s kg.Stager) {
		t.stage(s, company("a"))
		for name, b := range map[string]*kg.Batch{
			"an equal put": {At: noon, Put: []kg.Record{company("a")}},
			"an empty one": {At: noon},
		} {
			revision, wait, err := s.Stage(t.Context(), b)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			t.want(name+": revision", revision, kg.Revision(1))
			t.waited(name+": wait", wait)
			t.want(name+": revision shown", t.snapshot().Revision(), kg.Revision(1))
		}
	}),
	staging("agrees with Apply on the order", func(t *subject, s kg.Stager) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		given := make(map[kg.Revision]bool)
		note := func(revision kg.Revision, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil || given[revision] {
				t.Errorf("revision %d was given twice, or not at all: %v", revision, err)
			}
			given[revision] = true
		}
		const writers, each = 4, 10
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					b := &kg.Batch{At: noon, Put: []kg.Record{company(kg.ID(fmt.Sprintf("e-%d-%d", w, i)))}}
					if w%2 == 0 {
						note(s.Apply(context.Background(), b))
						continue
					}
					revision, wait, err := s.Stage(context.Background(), b)
					if err == nil {
						err = wait(context.Background())
					}
					note(revision, err)
				}
			})
		}
		t.finishes("writers", wg.Wait)
		t.want("revision", t.snapshot().Revision(), kg.Revision(writers*each))
		t.want("entities", len(t.entities(t.snapshot())), writers*each)
	}),
	staging("refuses what Apply refuses", func(t *subject, s kg.Stager) {
		twice := &kg.Batch{At: noon, Put: []kg.Record{company("a"), company("a")}}
		_, _, err := s.Stage(t.Context(), twice)
		t.wantError("a record named twice", err, kg.ErrInvalid)
		_, _, err = s.Stage(t.Context(), &kg.Batch{At: noon, Delete: make([]kg.ID, kg.MaxBatch+1)})
		t.wantError("too many records", err, kg.ErrTooLarge)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err = s.Stage(over, &kg.Batch{At: noon, Put: []kg.Record{company("a")}})
		t.wantError("a context that has ended", err, context.Canceled)
		_, err = s.Draft(over)
		t.wantError("a draft when the context has ended", err, context.Canceled)
		t.want("revision of the draft", t.draft(s).Revision(), kg.Revision(0))
	}),
	staging("ends when the store is closed", func(t *subject, s kg.Stager) {
		_, wait := t.stage(s, company("a"))
		draft := t.draft(s)
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		t.waited("wait, after Close has seen to it", wait)
		_, _, err := s.Stage(t.Context(), &kg.Batch{At: noon})
		t.wantError("Stage", err, kg.ErrClosed)
		_, err = s.Draft(t.Context())
		t.wantError("Draft", err, kg.ErrClosed)
		_, err = draft.Get(t.Context(), []kg.ID{"a"})
		t.wantError("Get of a draft", err, kg.ErrClosed)
		t.wantError("Close of a draft", draft.Close(), kg.ErrClosed)
	}),
}
