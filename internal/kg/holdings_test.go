package kg_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// chained lists what the entity leads to over the relations, level by level, as
// "id depth relation".
func chained(relations []*kg.Relation, of kg.ID, dir kg.Direction, maxDepth int) []string {
	seen := map[kg.ID]bool{of: true}
	var lines []string
	for depth, level := 1, []kg.ID{of}; len(level) > 0 && (maxDepth == 0 || depth <= maxDepth); depth++ {
		by := make(map[kg.ID]kg.ID)
		var next []kg.ID
		for _, r := range relations { // in order of place
			near, far := r.From, r.To
			if dir == kg.In {
				near, far = far, near
			}
			if slices.Contains(level, near) && !seen[far] && by[far] == "" {
				by[far] = r.ID
				next = append(next, far)
			}
		}
		slices.Sort(next)
		for _, id := range next {
			seen[id] = true
			lines = append(lines, fmt.Sprintf("%s %d %s", id, depth, by[id]))
		}
		level = next
	}
	return lines
}

func line(d *kg.Distant) string { return fmt.Sprintf("%s %d %s", d.Far, d.Depth, d.ID) }

// everyPageOf pages through a list both ways, and checks that both give the same
// and that pages know what is around them.
func everyPageOf[T any](t *testing.T, size int, page func(kg.PageArgs) (*kg.Page[T], error), text func(T) string) []string {
	t.Helper()
	var forth, back []string
	walk := func(next func(cursor *string) kg.PageArgs, take func(*kg.Page[T]) (cursor string, more bool)) {
		for cursor := (*string)(nil); ; {
			p, err := page(next(cursor))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := p.Count(t.Context()); err != nil {
				t.Fatal(err)
			} else if len(p.Items) == 0 && n > 0 {
				t.Fatalf("an empty page of %d", n)
			}
			if len(p.Items) == 0 {
				return
			}
			at, more := take(p)
			if !more {
				return
			}
			cursor = &at
		}
	}
	walk(func(cursor *string) kg.PageArgs { return kg.PageArgs{First: &size, After: cursor} }, func(p *kg.Page[T]) (string, bool) {
		for _, item := range p.Items {
			forth = append(forth, text(item.Value))
		}
		return p.Items[len(p.Items)-1].Cursor, p.HasNext
	})
	walk(func(cursor *string) kg.PageArgs { return kg.PageArgs{Last: &size, Before: cursor} }, func(p *kg.Page[T]) (string, bool) {
		var here []string
		for _, item := range p.Items {
			here = append(here, text(item.Value))
		}
		back = append(here, back...)
		return p.Items[0].Cursor, p.HasPrevious
	})
	if diff := gocmp.Diff(forth, back); diff != "" {
		t.Errorf("forward and backward differ (-forth +back):\n%s", diff)
	}
	return forth
}

func TestHoldingsEqualBruteForce(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		m = randomHolders(m)
		v := enter(t, m.store(t), kg.Budget{})
		members, err := v.Things(t.Context(), m.ids())
		if err != nil {
			t.Fatal(err)
		}
		for i, of := range m.ids() {
			dir := []kg.Direction{kg.Out, kg.In}[m.IntN(2)]
			o := kg.HoldingOptions{AsOf: m.day(), MaxDepth: m.IntN(4), MinStake: []float64{0, 0, 20, 50}[m.IntN(4)]}
			var on []*kg.Relation
			for _, r := range m.on(o.AsOf) {
				if o.MinStake == 0 || r.Stake != nil && r.Stake.Min >= o.MinStake {
					on = append(on, r)
				}
			}
			b := m.book(o.AsOf)
			check := func(h *kg.Holding) string {
				share, err := h.Effective(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				owner, owned := of, h.Far
				if dir == kg.In {
					owner, owned = owned, owner
				}
				if owner == owned {
					return line(&h.Distant)
				}
				if want := b.effective(owner, owned); !same(share, want) {
					t.Errorf("effective stake of %s in %s: got %s, want %s", owner, owned, share, want)
				}
				return line(&h.Distant)
			}
			size := 1 + m.IntN(4)
			for name, page := range map[string]func(kg.PageArgs) (*kg.Page[*kg.Holding], error){
				"alone": func(p kg.PageArgs) (*kg.Page[*kg.Holding], error) { return v.Holdings(t.Context(), of, dir, o, p) },
				"together": func(p kg.PageArgs) (*kg.Page[*kg.Holding], error) {
					return members[i].(*kg.Member).Holdings(t.Context(), dir, o, p)
				},
			} {
				got := everyPageOf(t, size, page, check)
				if diff := gocmp.Diff(chained(on, of, dir, o.MaxDepth), got); diff != "" {
					t.Errorf("%s of %s, %+v, %s (-want +got):\n%s", dir, of, o, name, diff)
				}
			}
			var direct []string
			for _, r := range on {
				if near, far := r.From, r.To; dir == kg.Out && near == of {
					direct = append(direct, fmt.Sprintf("%s 1 %s", far, r.ID))
				} else if dir == kg.In && far == of {
					direct = append(direct, fmt.Sprintf("%s 1 %s", near, r.ID))
				}
			}
			got := everyPageOf(t, size, func(p kg.PageArgs) (*kg.Page[*kg.Holding], error) {
				return members[i].(*kg.Member).DirectHoldings(t.Context(), dir, o, p)
			}, check)
			if diff := gocmp.Diff(direct, got); diff != "" {
				t.Errorf("direct ones, %s of %s, %+v (-want +got):\n%s", dir, of, o, diff)
			}
		}
	})
}

func TestAcquisitionsEqualBruteForce(t *testing.T) {
	periods := []kg.Period{{}, kg.MustPeriod("2010"), kg.MustPeriod("2009/2011"), kg.MustPeriod("2010-06/2012")}
	mazes(t, func(t *testing.T, m *maze) {
		m = randomHolders(m)
		for _, r := range m.relations { // deals and holdings change roles
			if r.Type == kg.Owns {
				r.Type, r.End = kg.Acquired, kg.PartialDate{}
			} else {
				r.Type = kg.Owns
			}
		}
		v := enter(t, m.store(t), kg.Budget{})
		members, err := v.Things(t.Context(), m.ids())
		if err != nil {
			t.Fatal(err)
		}
		for i, of := range m.ids() {
			dir := []kg.Direction{kg.Out, kg.In}[m.IntN(2)]
			o := kg.AcquisitionOptions{
				When:     kg.When{During: periods[m.IntN(len(periods))], Certainty: []kg.Certainty{kg.Certain, kg.Possible}[m.IntN(2)], AsOf: m.day()},
				MaxDepth: m.IntN(4),
			}
			var deals []*kg.Relation
			for _, r := range m.relations {
				if r.Type == kg.Acquired && !r.Indirect() && o.When.Admits(r.Type, r.Start, r.End) {
					deals = append(deals, r)
				}
			}
			want := chained(deals, of, dir, o.MaxDepth)
			for name, page := range map[string]func(kg.PageArgs) (*kg.Page[*kg.Distant], error){
				"alone": func(p kg.PageArgs) (*kg.Page[*kg.Distant], error) { return v.Acquisitions(t.Context(), of, dir, o, p) },
				"together": func(p kg.PageArgs) (*kg.Page[*kg.Distant], error) {
					return members[i].(*kg.Member).Acquisitions(t.Context(), dir, o, p)
				},
			} {
				if diff := gocmp.Diff(want, everyPageOf(t, 1+m.IntN(4), page, line)); diff != "" {
					t.Errorf("%s of %s, %s, %s (-want +got):\n%s", dir, of, o.When, name, diff)
				}
			}
		}
	})
}

// pyramid is a company with two subsidiaries, each of which has two, and so on.
func pyramid(depth int) *maze {
	var lines []string
	for i := 1; i < 1<<depth; i++ {
		lines = append(lines, fmt.Sprintf("n%03d n%03d 50", i, 2*i), fmt.Sprintf("n%03d n%03d 80", i, 2*i+1))
	}
	return holders(lines...)
}

func TestHoldingsReadOnlyTheLevelsOfThePage(t *testing.T) {
	store := kgtest.Counting(pyramid(5).store(t))
	v := enter(t, store, kg.Budget{})
	for name, c := range map[string]struct {
		options kg.HoldingOptions
		page    kg.PageArgs
		calls   int
	}{
		"the first":              {kg.HoldingOptions{}, kg.PageArgs{First: new(1)}, 1},
		"as many as the first":   {kg.HoldingOptions{}, kg.PageArgs{First: new(2)}, 2},
		"all":                    {kg.HoldingOptions{}, kg.PageArgs{First: new(100)}, 6},
		"the last":               {kg.HoldingOptions{}, kg.PageArgs{Last: new(1)}, 6},
		"not deep":               {kg.HoldingOptions{MaxDepth: 2}, kg.PageArgs{Last: new(1)}, 2},
		"as the stakes allow":    {kg.HoldingOptions{MinStake: 90}, kg.PageArgs{First: new(100)}, 1},
		"before what is not far": {kg.HoldingOptions{}, kg.PageArgs{Last: new(9), Before: cursorOf(t, v, "n001", "n005")}, 2},
		"behind what is far":     {kg.HoldingOptions{}, kg.PageArgs{First: new(1), After: cursorOf(t, v, "n001", "n005")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			store.Reset()
			if _, err := v.Holdings(t.Context(), "n001", kg.Out, c.options, c.page); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(map[string]int{"Relations": c.calls}, store.Counts()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// cursorOf returns the cursor of an entry in the list of what the entity owns.
func cursorOf(t *testing.T, v *kg.View, of, entry kg.ID) *string {
	t.Helper()
	page, err := v.Holdings(t.Context(), of, kg.Out, kg.HoldingOptions{}, kg.PageArgs{First: new(kg.MaxPage)})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range page.Items {
		if item.Value.Far == entry {
			return &item.Cursor
		}
	}
	t.Fatalf("%s has no %s", of, entry)
	return nil
}

func TestHoldingsOfManyAreReadTogether(t *testing.T) {
	store := kgtest.Counting(pyramid(4).store(t))
	v := enter(t, store, kg.Budget{})
	things, err := v.Things(t.Context(), []kg.ID{"n002", "n003", "n009", "n016"})
	if err != nil {
		t.Fatal(err)
	}
	store.Reset()
	var got []string
	for _, thing := range things {
		page, err := thing.(*kg.Member).Holdings(t.Context(), kg.Out, kg.HoldingOptions{}, kg.PageArgs{First: new(3)})
		if err != nil {
			t.Fatal(err)
		}
		n, err := page.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(n)
		for _, h := range page.Values() {
			far, err := h.FarMember(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			share, err := h.Effective(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprintf(", %s %s", far.ID, share)
		}
		got = append(got, text)
	}
	want := []string{
		"14, n004 50 %, n005 80 %, n008 25 %", "14, n006 50 %, n007 80 %, n012 25 %", "2, n018 50 %, n019 80 %", "0",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What the pages need, what counting them needs besides, and all far ends;
	// n016 is not asked again by the walk for the effective stakes.
	if diff := gocmp.Diff(map[string]int{"Relations": 4, "Get": 1}, store.Counts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHoldingsMayBeAskedAllAtOnce(t *testing.T) {
	v := enter(t, pyramid(5).store(t), kg.Budget{})
	page, err := v.Holdings(t.Context(), "n001", kg.Out, kg.HoldingOptions{}, kg.PageArgs{First: new(5)})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for _, h := range page.Values() {
		group.Go(func() {
			if share, err := h.Effective(t.Context()); err != nil || share.Min == 0 {
				t.Errorf("effective stake in %s: %s, %v", h.Far, share, err)
			}
		})
		group.Go(func() {
			if n, err := page.Count(t.Context()); err != nil || n != 62 {
				t.Errorf("counted %d, %v", n, err)
			}
		})
	}
	group.Wait()
}

func TestHoldingsKeepToTheBudget(t *testing.T) {
	store := pyramid(4).store(t) // 1 + 2 + 4 + 8 + 16
	for name, c := range map[string]struct {
		budget    kg.Budget
		page      int
		list, sum bool // whether the list and the effective stakes are too complex
	}{
		"enough":                 {kg.Budget{Nodes: 31, Edges: 30}, 10, false, false},
		"too few entities":       {kg.Budget{Nodes: 14}, 10, true, true},
		"too few relations":      {kg.Budget{Edges: 13}, 10, true, true},
		"enough for the page":    {kg.Budget{Nodes: 15, Edges: 14}, 10, false, true},
		"enough for a shorter":   {kg.Budget{Nodes: 7}, 5, false, true},
		"no time":                {kg.Budget{Time: 1}, 10, true, true},
		"relations short by one": {kg.Budget{Edges: 29}, 10, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			page, err := enter(t, store, c.budget).Holdings(t.Context(), "n001", kg.Out, kg.HoldingOptions{}, kg.PageArgs{First: &c.page})
			if errors.Is(err, kg.ErrTooComplex) != c.list || !c.list && err != nil {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			_, err = page.Values()[0].Effective(t.Context())
			if errors.Is(err, kg.ErrTooComplex) != c.sum || !c.sum && err != nil {
				t.Errorf("effective stakes: %v", err)
			}
			_, err = page.Count(t.Context())
			if errors.Is(err, kg.ErrTooComplex) != c.sum || !c.sum && err != nil {
				t.Errorf("count: %v", err)
			}
		})
	}
}

func TestBadQuestionsOfHoldingsAreRefused(t *testing.T) {
	v := enter(t, holders("p a 60").store(t), kg.Budget{})
	for name, c := range map[string]struct {
		dir      kg.Direction
		options  kg.HoldingOptions
		page     kg.PageArgs
		argument string
	}{
		"both ways":         {kg.Both, kg.HoldingOptions{}, kg.PageArgs{}, "direction"},
		"no way":            {0, kg.HoldingOptions{}, kg.PageArgs{}, "direction"},
		"a negative depth":  {kg.Out, kg.HoldingOptions{MaxDepth: -1}, kg.PageArgs{}, "maxDepth"},
		"a negative stake":  {kg.Out, kg.HoldingOptions{MinStake: -1}, kg.PageArgs{}, "minStake"},
		"too large a stake": {kg.Out, kg.HoldingOptions{MinStake: 101}, kg.PageArgs{}, "minStake"},
		"too large a page":  {kg.Out, kg.HoldingOptions{}, kg.PageArgs{First: new(1001)}, "first"},
		"a foreign cursor":  {kg.Out, kg.HoldingOptions{}, kg.PageArgs{After: new("AQMA")}, "after"},
		"half a cursor":     {kg.Out, kg.HoldingOptions{}, kg.PageArgs{Before: new("ATA")}, "before"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Holdings(t.Context(), "p", c.dir, c.options, c.page)
			invalid(t, err, c.argument)
		})
	}
	page, err := v.Holdings(t.Context(), "nobody", kg.Out, kg.HoldingOptions{}, kg.PageArgs{})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("nobody owns %v, %v", page, err)
	}
}
