package kg_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// changeLog reads the whole change log of a store.
func changeLog(t *testing.T, store kg.Store) []kg.Change {
	t.Helper()
	var log []kg.Change
	for c, err := range store.Changes(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, c)
	}
	return log
}

// wanted is what a follower must be told, the slow and obvious way.
func wanted(log []kg.Change, after kg.Revision, f kg.ChangeFilter) []kg.Change {
	var out []kg.Change
	for _, c := range log {
		if c.Revision <= after {
			continue
		}
		left := c
		left.Touched = nil
		for _, touch := range c.Touched {
			about := len(f.Of) == 0 || slices.ContainsFunc(touch.About, func(id kg.ID) bool { return slices.Contains(f.Of, id) })
			if about && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, touch.Kind)) {
				left.Touched = append(left.Touched, touch)
			}
		}
		if len(left.Touched) > 0 {
			out = append(out, left)
		}
	}
	return out
}

// start is the revision from which a follower is told.
func start(r kg.Revision) *kg.Revision { return &r }

// company is a write that records a company; every one changes something.
func company(id kg.ID) kg.Write {
	return kg.Write{Claims: entity(id, kg.KindCompany, string(id))}
}

// takeAll takes what there is at present.
func takeAll(t *testing.T, f *kg.Follower) []kg.Change {
	t.Helper()
	var all []kg.Change
	for {
		c, ok, err := f.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, c)
	}
}

func revisionsOf(changes []kg.Change) []kg.Revision {
	var revisions []kg.Revision
	for _, c := range changes {
		revisions = append(revisions, c.Revision)
	}
	return revisions
}

// TestFollowersMissNothing has four writers write while followers with filters
// of all sorts come, go and come back where they left off.
func TestFollowersMissNothing(t *testing.T) {
	const perWriter = 150
	g, store := newGraph(t)
	apply(t, g, basics())

	ids := []kg.ID{"acme", "bolt", "ann", "w0-3", "w1-7", "w2-12", "w3-99", "nobody"}
	kinds := kg.RecordKinds()
	const newest = 1 + 4*perWriter + 1
	type told struct {
		filter  kg.ChangeFilter
		breaks  int
		changes []kg.Change
	}
	results := make([]told, 24)
	var writers, followers sync.WaitGroup
	for i := range results {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		r := &results[i]
		if i%3 > 0 {
			r.filter.Of = []kg.ID{ids[rng.IntN(len(ids))], ids[rng.IntN(len(ids))], "end"}
		}
		if i%4 > 1 {
			r.filter.Kinds = []kg.RecordKind{kinds[rng.IntN(len(kinds))], kg.RecordEntity}
		}
		followers.Go(func() {
			for at := kg.Revision(0); at < newest; r.breaks++ {
				stay := 1 + rng.IntN(100) // changes, until the line goes dead
				for c, err := range g.Changes(t.Context(), start(at), r.filter) {
					if err != nil {
						t.Error(err)
						return
					}
					r.changes, at = append(r.changes, c), c.Revision
					if stay--; stay == 0 || at == newest {
						break
					}
				}
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			for i := range perWriter {
				id := kg.ID(fmt.Sprintf("w%d-%d", w, i))
				write := company(id)
				if i%3 == 0 {
					write.Claims = append(write.Claims, said("9", acquired("acme", id, "2019")))
				}
				if _, err := g.Apply(t.Context(), write); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	apply(t, g, company("end"))
	followers.Wait()

	log := changeLog(t, store)
	if len(log) != newest {
		t.Fatalf("%d changes, want %d", len(log), newest)
	}
	breaks := 0
	for i, r := range results {
		breaks += r.breaks
		if diff := cmp.Diff(wanted(log, 0, r.filter), r.changes); diff != "" {
			t.Errorf("follower %d with %v was told (-want +got):\n%.2000s", i, r.filter, diff)
		}
	}
	if breaks < 2*len(results) {
		t.Errorf("only %d lines went dead", breaks)
	}
}

// TestFollowingBegins holds where a follower begins against what it asks for.
func TestFollowingBegins(t *testing.T) {
	for name, c := range map[string]struct {
		after *kg.Revision
		want  []kg.Revision
	}{
		"from the beginning": {start(0), []kg.Revision{1, 2, 3}},
		"from the first":     {start(1), []kg.Revision{2, 3}},
		"from the newest":    {start(2), []kg.Revision{3}},
		"from now on":        {nil, []kg.Revision{3}},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := newGraph(t)
			apply(t, g, basics())
			apply(t, g, company("corp"))
			f, err := g.Follow(t.Context(), c.after, kg.ChangeFilter{}, func() {})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			apply(t, g, company("dash"))
			if diff := cmp.Diff(c.want, revisionsOf(takeAll(t, f))); diff != "" {
				t.Errorf("told of (-want +got):\n%s", diff)
			}
		})
	}
	g, _ := newGraph(t)
	apply(t, g, basics())
	_, err := g.Follow(t.Context(), start(2), kg.ChangeFilter{}, func() {})
	if invalid, ok := errors.AsType[*kg.InvalidError](err); !ok || invalid.Argument != "since" {
		t.Errorf("following from the future: %v, want an invalid argument since", err)
	}
}

// TestAcknowledgedIsTold races a write against a follower that asks, with a
// revision from before it, at the same time.
func TestAcknowledgedIsTold(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	for i := range 500 {
		before := kg.Revision(1 + i)
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := g.Apply(t.Context(), company(kg.ID(fmt.Sprint("c", i)))); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			for c, err := range g.Changes(t.Context(), start(before), kg.ChangeFilter{}) {
				if err != nil || c.Revision != before+1 {
					t.Errorf("told of revision %d (%v), want %d", c.Revision, err, before+1)
				}
				return
			}
		})
		both.Wait()
	}
}

// TestFollowersAreWoken wants a follower that has found nothing to be woken by
// what passes its filter, and by nothing else.
func TestFollowersAreWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGraph(t)
		apply(t, g, basics())
		woken := 0
		f, err := g.Follow(t.Context(), nil, kg.ChangeFilter{Of: []kg.ID{"corp"}}, func() { woken++ })
		if err != nil {
			t.Fatal(err)
		}
		defer synctest.Wait() // for the teller to end
		defer f.Close()
		expect := func(after string, want int, revisions ...kg.Revision) {
			t.Helper()
			synctest.Wait()
			if woken != want {
				t.Errorf("after %s woken %d times, want %d", after, woken, want)
			}
			if diff := cmp.Diff(revisions, revisionsOf(takeAll(t, f))); diff != "" {
				t.Errorf("after %s told of (-want +got):\n%s", after, diff)
			}
		}
		expect("nothing", 0)
		apply(t, g, company("dash"))
		expect("a write about another", 0)
		apply(t, g, company("corp"))
		expect("a write", 1, 3)
		apply(t, g, kg.Write{Claims: []*kg.Claim{said("6", acquired("acme", "corp", "2017"))}})
		apply(t, g, kg.Write{Claims: []*kg.Claim{said("7", acquired("corp", "dash", "2018"))}})
		expect("two writes before it looks", 2, 4, 5)
		f.Close()
		apply(t, g, kg.Write{Claims: []*kg.Claim{said("8", acquired("corp", "bolt", "2018"))}})
		synctest.Wait()
		if woken != 2 {
			t.Error("woken after it was closed")
		}
		if _, _, err := f.Take(t.Context()); !errors.Is(err, kg.ErrClosed) {
			t.Errorf("taking from a closed follower: %v, want ErrClosed", err)
		}
	})
}

// TestFollowersThatSleep wants one that does not take anything for long to be
// told of everything all the same, and not to hold it all meanwhile.
func TestFollowersThatSleep(t *testing.T) {
	store := kgtest.NewModel()
	defer store.Close()
	counting := kgtest.Counting(store)
	g := graphOver(counting)
	f, err := g.Follow(t.Context(), nil, kg.ChangeFilter{}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	apply(t, g, basics())
	takeAll(t, f)
	for i := range 500 {
		apply(t, g, company(kg.ID(fmt.Sprint("c", i))))
	}
	counting.Reset()
	if diff := cmp.Diff(revisionsOf(changeLog(t, store)[1:]), revisionsOf(takeAll(t, f))); diff != "" {
		t.Errorf("told of (-want +got):\n%s", diff)
	}
	if counting.Counts()["Changes"] == 0 {
		t.Error("500 changes were kept for it; it should have read the log")
	}
}

// TestManyFollowersReadOnce wants what thousands follow to be read once, and one
// who waits to cost next to nothing.
func TestManyFollowersReadOnce(t *testing.T) {
	const many, writes = 10_000, 20
	store := kgtest.NewModel()
	defer store.Close()
	counting := kgtest.Counting(store)
	g := graphOver(counting)
	apply(t, g, basics())

	measure := func() (bytes uint64, goroutines int) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
	}
	bytes, goroutines := measure()
	woken := make(chan int, many*writes)
	followers := make([]*kg.Follower, many)
	for i := range followers {
		f, err := g.Follow(t.Context(), nil, kg.ChangeFilter{}, func() { woken <- i })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.Close)
		takeAll(t, f)
		followers[i] = f
	}
	bytesNow, goroutinesNow := measure()
	if each := (int64(bytesNow) - int64(bytes)) / many; each > 1000 {
		t.Errorf("a follower that waits takes %d bytes, want at most 1000", each)
	}
	if n := goroutinesNow - goroutines; n > 1 {
		t.Errorf("%d followers that wait take %d goroutines, want one for all", many, n)
	}

	counting.Reset()
	told := make([]int, many)
	for i := range writes {
		apply(t, g, company(kg.ID(fmt.Sprint("c", i))))
	}
	for left := many * writes; left > 0; {
		i := <-woken
		n := len(takeAll(t, followers[i]))
		told[i] += n
		left -= n
	}
	for i, n := range told {
		if n != writes {
			t.Fatalf("follower %d was told of %d changes, want %d", i, n, writes)
		}
	}
	// One reading finds what there is, another that there is no more, and Apply
	// may have read one for its clock.
	if n := counting.Counts()["Changes"]; n > 2*writes+2 {
		t.Errorf("the change log was read %d times for %d writes and %d followers", n, writes, many)
	}
}

// TestFollowersOutliveFaults lets every call of the store fail once, while a
// follower is behind and while it has caught up.
func TestFollowersOutliveFaults(t *testing.T) {
	broken := errors.New("broken")
	for n := 0; ; n++ {
		store := kgtest.NewModel()
		writing := graphOver(store)
		apply(t, writing, basics())
		apply(t, writing, company("corp"))
		faulty := kgtest.Faulty(store, n, broken)
		g := graphOver(faulty)

		var told []kg.Revision
		at := kg.Revision(0)
		for attempt := 0; at < 3; attempt++ {
			if attempt > 2 {
				t.Fatalf("fault %d: at revision %d after %d attempts", n, at, attempt)
			}
			for c, err := range g.Changes(t.Context(), start(at), kg.ChangeFilter{}) {
				if err != nil {
					if !errors.Is(err, broken) {
						t.Fatalf("fault %d: %v", n, err)
					}
					break
				}
				told, at = append(told, c.Revision), c.Revision
				if at == 2 {
					for { // the fault may hit the write
						if _, err := g.Apply(t.Context(), company("dash")); err == nil {
							break
						}
					}
				}
				if at == 3 {
					break
				}
			}
		}
		if diff := cmp.Diff([]kg.Revision{1, 2, 3}, told); diff != "" {
			t.Errorf("fault %d: told of (-want +got):\n%s", n, diff)
		}
		tripped := faulty.Tripped()
		store.Close()
		if !tripped {
			break
		}
	}
}

// TestFollowersGiveUp wants one that waits to end with its context, and one that
// reads to end with the store.
func TestFollowersGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, store := newGraph(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			for _, err := range g.Changes(ctx, nil, kg.ChangeFilter{}) {
				ended <- err
			}
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v, want the context's error", err)
		}
		f, err := g.Follow(t.Context(), nil, kg.ChangeFilter{}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		store.Close()
		if _, _, err := f.Take(t.Context()); !errors.Is(err, kg.ErrClosed) {
			t.Errorf("over a closed store: %v, want ErrClosed", err)
		}
		synctest.Wait()
	})
}
