package torture

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
)

// clockRole makes of the test binary a program that writes to a folder by
// another clock: "DIR SHIFT NAME" with a Go duration. A Go program reads its
// clock without the C library and on Linux without a call of the system, so that
// no outside tool can turn the clock of the real program, and the machine's is
// not ours to turn. What counts for the program is how its clock stands to what
// the folder has seen. So this writes with a clock set forward, and for the real
// program after it the clock has been set back; and the other way round.
const clockRole = "clock"

func playClock(args []string) error {
	shift, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	ctx := context.Background()
	store, err := badgerstore.Open(ctx, badgerstore.Options{Dir: filepath.Join(args[0], "store")})
	if err != nil {
		return err
	}
	now := time.Now().Add(shift)
	g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return now }})
	write := func(i int) error {
		id := kg.ID(args[2] + strconv.Itoa(i))
		_, err := g.Apply(ctx, kg.Write{
			By: "torture", Sources: []*kg.Source{{ID: "clock", Title: "What was written by another clock"}},
			Claims: []*kg.Claim{
				{Source: "clock", Statement: &kg.EntityStatement{Entity: id, Kind: kg.KindCompany}},
				{Source: "clock", Statement: &kg.NameStatement{Entity: id, Text: "Clock " + string(id), Kind: kg.NamePreferred}},
			},
		})
		return err
	}
	// The clock also jumps while the program runs: an hour back, and on again.
	for i, jump := range []time.Duration{0, -time.Hour, 0, time.Minute} {
		now = time.Now().Add(shift + jump)
		err = errors.Join(err, write(i))
	}
	return errors.Join(err, store.Close())
}

// TestClock lets the real program write after clocks that were wrong: one ten
// years behind, so that for it ten years have passed; one a day ahead, so that
// its clock has been set back by a day; and one ten years ahead. Nothing is lost
// or in disorder: revisions go on, later changes never have an earlier time, and
// what was known at a moment only grows.
func TestClock(t *testing.T) {
	beside(t)
	const year = 365 * 24 * time.Hour
	f := newFolder(t, t.TempDir())
	s := seed(t)
	crowd := newCrowd(newHistory(), s, 0)
	for i, shift := range []time.Duration{-10 * year, 24 * time.Hour, 10 * year} {
		stage(t, clockRole, f.dir, shift.String(), fmt.Sprintf("clock%d", i))
		p, c := f.serve(t)
		before, err := c.revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := c.send(t.Context(), newWrite("doc", "putSource", vars{"source": vars{"id": "doc", "title": "A report"}})); err != nil {
				t.Fatal(err)
			}
			before++
		}
		for n := range 10 {
			key := fmt.Sprintf("real%dn%d", i, n)
			w := newWrite(key, "putEntity", vars{"entity": crowd.authors[0].entity(key, key)})
			if err := crowd.try(t.Context(), c, w); err != nil {
				t.Fatalf("after a clock %s off: %v", shift, err)
			}
			if w.revision != before+n+1 {
				t.Errorf("after a clock %s off, write %d became revision %d, want %d", shift, n, w.revision, before+n+1)
			}
		}
		if i%2 == 1 {
			p.kill()
		} else {
			p.stop(t)
		}
		p, c = f.serve(t)
		recalled, err := c.recall(t.Context(), crowd.h.acknowledged())
		if err != nil {
			t.Fatal(err)
		}
		recalled.report(t)
		order(t, c)
		p.stop(t)
		if _, wrong := f.check(t); len(wrong) > 0 {
			t.Errorf("after a clock %s off: %q", shift, wrong)
		}
	}
	t.Logf("clock: ten years on, a day back, ten years back: %d writes acknowledged and found, in one order", len(crowd.h.acknowledged()))
}

// order compares the order of revisions with that of times: in the histories of
// all companies, and in how many were known at each moment.
func order(t *testing.T, c *client) {
	t.Helper()
	var data struct {
		Revision int
		Entities struct{ Nodes []struct{ ID string } }
	}
	if err := c.ask(t.Context(), `{ revision entities(first: 1000) { nodes { id } } }`, nil, &data); err != nil {
		t.Fatal(err)
	}
	times := make(map[int]time.Time)
	for _, e := range data.Entities.Nodes {
		var one struct {
			History struct {
				Nodes []struct {
					Revision int
					At       time.Time
				}
			}
		}
		if err := c.ask(t.Context(), `query($id: ID!) { history(of: $id, first: 10) { nodes { revision at } } }`, vars{"id": e.ID}, &one); err != nil {
			t.Fatal(err)
		}
		for _, n := range one.History.Nodes {
			times[n.Revision] = n.At
		}
	}
	known := 0
	var last time.Time
	for revision := 1; revision <= data.Revision; revision++ {
		at, ok := times[revision]
		if !ok {
			continue // a change of sources alone
		}
		if at.Before(last) {
			t.Errorf("revision %d is of %s, and one before it of %s", revision, at, last)
		}
		last = at
		var then struct{ Entities struct{ TotalCount int } }
		if err := c.ask(t.Context(), `query($at: DateTime!) @at(knownAt: $at) { entities(first: 0) { totalCount } }`, vars{"at": at}, &then); err != nil {
			t.Fatal(err)
		}
		if then.Entities.TotalCount < max(1, known) {
			t.Errorf("at the time of revision %d %d companies were known, and %d before", revision, then.Entities.TotalCount, known)
		}
		known = then.Entities.TotalCount
	}
	if known != len(data.Entities.Nodes) {
		t.Errorf("at the time of the newest change %d companies were known, and %d are there", known, len(data.Entities.Nodes))
	}
}
