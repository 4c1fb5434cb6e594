package kg_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// maze is a small graph to walk in.
type maze struct {
	*rand.Rand
	entities  []*kg.Entity
	relations []*kg.Relation // in their order
}

// mazeOf reads a graph of companies from lines such as "a OWNS b", which may go
// on with a start and an end; "-" stands for a date that is not known.
// Relations are called r00, r01, … in the order of the lines.
func mazeOf(lines ...string) *maze {
	m := &maze{}
	known := make(map[kg.ID]bool)
	for i, line := range lines {
		fields := append(strings.Fields(line), "-", "-")
		t, err := kg.ParseRelationType(fields[1])
		if err != nil {
			panic(err)
		}
		r := &kg.Relation{
			ID: kg.ID(fmt.Sprintf("r%02d", i)), Type: t, From: kg.ID(fields[0]), To: kg.ID(fields[2]),
			FromKind: kg.KindCompany, ToKind: kg.KindCompany,
		}
		for at, date := range []*kg.PartialDate{&r.Start, &r.End} {
			if text := fields[3+at]; text != "-" {
				*date = kg.MustDate(text)
			}
		}
		m.relations = append(m.relations, r)
		for _, id := range []kg.ID{r.From, r.To} {
			if !known[id] {
				known[id] = true
				m.entities = append(m.entities, bare(id, kg.KindCompany))
			}
		}
	}
	slices.SortFunc(m.relations, byPlace)
	return m
}

func bare(id kg.ID, kind kg.EntityKind) *kg.Entity {
	return &kg.Entity{ID: id, Kind: kind, Names: []kg.Name{{Text: string(id), Kind: kg.NamePreferred}}}
}

func byPlace(a, b *kg.Relation) int { return a.Place().Compare(b.Place()) }

// randomMaze returns the maze of a seed: up to a dozen entities, and relations
// with cycles, loops, parallels, missing and ranged stakes, and dates of every
// kind.
func randomMaze(seed uint64) *maze {
	m := &maze{Rand: rand.New(rand.NewPCG(seed, 0x6d617a65))}
	names := []kg.ID{"a", "aa", "ab", "b", "B", "c", "é", "z", "zz", "10", "9", "阿"}
	m.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	kinds := []kg.EntityKind{kg.KindCompany, kg.KindCompany, kg.KindPerson, kg.KindProduct}
	for _, id := range names[:1+m.IntN(len(names))] {
		m.entities = append(m.entities, bare(id, kinds[m.IntN(len(kinds))]))
	}
	dates := []string{"", "", "2009", "2010", "2010-06", "2010-06-15", "[..2010]", "[2010..]", "2012", "2015-01-01"}
	date := func() kg.PartialDate {
		if text := dates[m.IntN(len(dates))]; text != "" {
			return kg.MustDate(text)
		}
		return kg.PartialDate{}
	}
	stakes := []*kg.Share{nil, nil, new(kg.ExactShare(40)), new(kg.ExactShare(60)), {Min: 25, Max: 75}, &kg.ControllingShare, &kg.UnknownShare}
	for i := range m.IntN(3 * len(m.entities)) {
		from, to := m.one(), m.one()
		if i > 0 && m.IntN(4) == 0 {
			other := m.relations[m.IntN(i)]
			from, to = m.entity(other.From), m.entity(other.To)
		}
		m.relations = append(m.relations, &kg.Relation{
			ID: kg.ID(fmt.Sprintf("r-%02d%02d", m.IntN(100), i)), Type: m.types()[0],
			From: from.ID, FromKind: from.Kind, To: to.ID, ToKind: to.Kind,
			Start: date(), End: date(), Stake: stakes[m.IntN(len(stakes))],
		})
		if m.IntN(8) == 0 {
			m.relations[i].Attributes = []kg.Attribute{{Key: kg.AttributeDeclared, Value: kg.DeclaredIndirect}}
		}
	}
	slices.SortFunc(m.relations, byPlace)
	return m
}

func (m *maze) one() *kg.Entity { return m.entities[m.IntN(len(m.entities))] }

// someone is the id of an entity, or now and then of nobody.
func (m *maze) someone() kg.ID {
	if m.IntN(20) == 0 {
		return "nobody"
	}
	return m.one().ID
}

func (m *maze) types() []kg.RelationType {
	all := []kg.RelationType{kg.Owns, kg.Acquired, kg.PartnersWith}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+m.IntN(len(all))]
}

// someTypes is a filter of types, which may be none.
func (m *maze) someTypes() []kg.RelationType {
	if m.IntN(2) == 0 {
		return nil
	}
	return m.types()
}

func (m *maze) day() *kg.Day {
	days := []string{"", "", "2009-12-31", "2010-06-15", "2013-01-01"}
	if text := days[m.IntN(len(days))]; text != "" {
		return new(kg.MustDate(text).Latest())
	}
	return nil
}

func (m *maze) entity(id kg.ID) *kg.Entity {
	at := slices.IndexFunc(m.entities, func(e *kg.Entity) bool { return e.ID == id })
	if at < 0 {
		return nil
	}
	return m.entities[at]
}

// store returns a store that holds the maze and lasts as long as the test.
func (m *maze) store(t testing.TB) kg.Store {
	t.Helper()
	store := kgtest.NewModel()
	t.Cleanup(func() { _ = store.Close() })
	b := &kg.Batch{}
	for _, e := range m.entities {
		b.Put = append(b.Put, e)
	}
	for _, r := range m.relations {
		b.Put = append(b.Put, r)
	}
	if _, err := store.Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return store
}

// mazeDay is the day on which all mazes are walked.
var mazeDay = time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC)

// enter returns a view of what the store holds.
func enter(t testing.TB, store kg.Store, budget kg.Budget) *kg.View {
	t.Helper()
	g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return mazeDay }, Budget: budget})
	v, err := g.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// mazes calls test with the mazes of many seeds: KEIRETSU_WORLDS says how many,
// KEIRETSU_WORLD_SEED names one.
func mazes(t *testing.T, test func(t *testing.T, m *maze)) {
	number := func(name string, otherwise uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	first, last := uint64(1), number("KEIRETSU_WORLDS", 100)
	if one := number("KEIRETSU_WORLD_SEED", 0); one != 0 {
		first, last = one, one
	}
	for seed := first; seed <= last; seed++ {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) { test(t, randomMaze(seed)) })
		if !ok {
			t.Fatalf("to see it again: KEIRETSU_WORLD_SEED=%d go test -run '^%s$'", seed, t.Name())
		}
	}
}

// walkText writes a walk such as "a -r00-> b <-r01- c".
func walkText(w *kg.Walk) string {
	text := string(w.Members[0].ID)
	for i, l := range w.Links {
		text += arrow(l.Relation, w.Members[i].ID, w.Members[i+1].ID)
		if l.Far != w.Members[i+1].ID {
			text += " (though its far end is " + string(l.Far) + ")"
		}
	}
	return text
}

func arrow(r *kg.Relation, from, to kg.ID) string {
	if r.From == from && r.To == to {
		return fmt.Sprintf(" -%s-> %s", r.ID, to)
	}
	return fmt.Sprintf(" <-%s- %s", r.ID, to)
}

// trail is a walk as the oracles know it.
type trail struct {
	stops     []kg.ID
	relations []*kg.Relation
}

func (w trail) String() string {
	text := string(w.stops[0])
	for i, r := range w.relations {
		text += arrow(r, w.stops[i], w.stops[i+1])
	}
	return text
}

func (w trail) end() kg.ID { return w.stops[len(w.stops)-1] }

// with returns the trail and one step more.
func (w trail) with(r *kg.Relation, to kg.ID) trail {
	return trail{append(slices.Clone(w.stops), to), append(slices.Clone(w.relations), r)}
}

// trails tries every walk there is along the steps.
func (m *maze) trails(from []kg.ID, steps []kg.Step, asOf *kg.Day) []trail {
	var all []trail
	for _, id := range slices.Compact(slices.Sorted(slices.Values(from))) {
		if m.entity(id) != nil {
			all = append(all, trail{stops: []kg.ID{id}})
		}
	}
	for _, s := range steps {
		when := kg.When{During: s.During, Certainty: s.Certainty, AsOf: asOf}
		if asOf == nil && s.During.IsZero() {
			when.AsOf = new(kg.DayOf(mazeDay))
		}
		var longer []trail
		for _, w := range all {
			for _, r := range m.relations {
				if r.Indirect() || len(s.Types) > 0 && !slices.Contains(s.Types, r.Type) || !when.Admits(r.Type, r.Start, r.End) {
					continue
				}
				if s.MinStake > 0 && (r.Stake == nil || r.Stake.Min < s.MinStake) {
					continue
				}
				leads := func(from, to kg.ID, toKind kg.EntityKind) bool {
					return w.end() == from && (len(s.Kinds) == 0 || slices.Contains(s.Kinds, toKind))
				}
				switch {
				case s.Direction != kg.In && leads(r.From, r.To, r.ToKind):
					longer = append(longer, w.with(r, r.To))
				case (s.Direction == kg.In || s.Direction == kg.Both) && leads(r.To, r.From, r.FromKind):
					longer = append(longer, w.with(r, r.From))
				}
			}
		}
		all = longer
	}
	return all
}

// shown is the rule by which one of several trails to an entity is shown.
func shown(v, w trail) int {
	for i := len(v.relations) - 1; i >= 0; i-- {
		if c := cmp.Or(cmp.Compare(v.stops[i], w.stops[i]), byPlace(v.relations[i], w.relations[i])); c != 0 {
			return c
		}
	}
	return 0
}

func TestTraversalsEqualAllWalks(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		v := enter(t, m.store(t), kg.Budget{})
		for range 5 {
			var from []kg.ID
			for range m.IntN(4) {
				from = append(from, m.someone())
			}
			steps := make([]kg.Step, 1+m.IntN(4))
			for i := range steps {
				steps[i] = kg.Step{Types: m.someTypes(), Direction: kg.Direction(m.IntN(4))}
				if m.IntN(3) == 0 {
					steps[i].MinStake = []float64{25, 50, 60}[m.IntN(3)]
				}
				if m.IntN(3) == 0 {
					steps[i].During = kg.MustPeriod([]string{"2010", "2009/2012", "2010-06"}[m.IntN(3)])
					steps[i].Certainty = kg.Certainty(m.IntN(2))
				}
				if m.IntN(3) == 0 {
					steps[i].Kinds = []kg.EntityKind{kg.KindCompany, kg.KindPerson}[m.IntN(2):]
				}
			}
			asOf := m.day()
			trails := m.trails(from, steps, asOf)
			slices.SortFunc(trails, func(v, w trail) int { return cmp.Or(cmp.Compare(v.end(), w.end()), shown(v, w)) })
			trails = slices.CompactFunc(trails, func(v, w trail) bool { return v.end() == w.end() })
			want := []string{}
			for _, w := range trails {
				want = append(want, w.String())
			}
			got, total := everyPage(t, v, from, steps, asOf, 1+m.IntN(5))
			if diff := gocmp.Diff(want, got); diff != "" || total != len(want) {
				t.Fatalf("from %v, steps %+v, as of %v: %d in total, want %d (-want +got):\n%s", from, steps, asOf, total, len(want), diff)
			}
		}
	})
}

// everyPage writes the walks of all pages of a traversal.
func everyPage(t *testing.T, v *kg.View, from []kg.ID, steps []kg.Step, asOf *kg.Day, size int) (walks []string, total int) {
	t.Helper()
	walks = []string{}
	for p := (kg.PageArgs{First: &size}); ; {
		page, err := v.Traverse(t.Context(), from, steps, asOf, p)
		if err != nil {
			t.Fatal(err)
		}
		if total, err = page.Count(t.Context()); err != nil {
			t.Fatal(err)
		}
		if page.HasPrevious != (p.After != nil) || len(page.Items) > size {
			t.Fatalf("a page of %d, with one before it: %v", len(page.Items), page.HasPrevious)
		}
		for _, r := range page.Values() {
			if last := r.Walk.Members[r.Walk.Length()]; last != r.Member {
				t.Fatalf("the walk to %s ends at %s", r.ID, last.ID)
			}
			walks = append(walks, walkText(r.Walk))
		}
		if !page.HasNext {
			return walks, total
		}
		p.After = &page.Items[len(page.Items)-1].Cursor
	}
}

func TestTraversalsMakeOneCallAHop(t *testing.T) {
	store := kgtest.Counting(mazeOf("a OWNS b", "a OWNS c", "b OWNS d", "c OWNS e", "e PARTNERS_WITH f", "e PARTNERS_WITH g").store(t))
	v := enter(t, store, kg.Budget{})
	store.Reset()
	steps := []kg.Step{{Types: []kg.RelationType{kg.Owns}}, {Types: []kg.RelationType{kg.Owns}}, {Direction: kg.Both}}
	page, err := v.Traverse(t.Context(), []kg.ID{"a"}, steps, nil, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, r := range page.Values() {
		got = append(got, walkText(r.Walk))
		for _, l := range r.Walk.Links {
			if _, err := l.FromMember(t.Context()); err != nil {
				t.Error(err)
			}
			if far, err := l.FarMember(t.Context()); err != nil || far.ID != l.Far {
				t.Errorf("far end %v, %v", far, err)
			}
		}
	}
	want := []string{
		"a -r00-> b -r02-> d <-r02- b",
		"a -r01-> c -r03-> e <-r03- c",
		"a -r01-> c -r03-> e -r04-> f",
		"a -r01-> c -r03-> e -r05-> g",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("walks (-want +got):\n%s", diff)
	}
	// One to read the starts, one a hop, one to name what is shown.
	if diff := gocmp.Diff(map[string]int{"Get": 2, "Relations": 3}, store.Counts()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestTraversalsHonourTheClock(t *testing.T) {
	m := mazeOf("a OWNS b 2010 2015-01-01", "a OWNS c 2015-01-01", "b ACQUIRED d 2012", "c ACQUIRED e 2016")
	owned := kg.Step{Types: []kg.RelationType{kg.Owns}}
	bought := kg.Step{Types: []kg.RelationType{kg.Acquired}}
	in2012 := kg.Step{Types: []kg.RelationType{kg.Owns}, During: kg.MustPeriod("2012")}
	for name, c := range map[string]struct {
		clock, asOf string
		steps       []kg.Step
		want        []kg.ID
	}{
		"today":                          {"", "", []kg.Step{owned}, []kg.ID{"c"}},
		"the argument":                   {"", "2012-06-30", []kg.Step{owned}, []kg.ID{"b"}},
		"the clock":                      {"2012", "", []kg.Step{owned}, []kg.ID{"b"}},
		"the argument before the clock":  {"2012", "2020-01-01", []kg.Step{owned}, []kg.ID{"c"}},
		"before anything":                {"", "1900-01-01", []kg.Step{owned}, []kg.ID{}},
		"a period in place of today":     {"", "", []kg.Step{in2012}, []kg.ID{"b"}},
		"a period and a clock":           {"2020", "", []kg.Step{in2012}, []kg.ID{}},
		"each step its own":              {"", "", []kg.Step{in2012, bought}, []kg.ID{"d"}},
		"an event later than the moment": {"", "2015-06-01", []kg.Step{owned, bought}, []kg.ID{}},
	} {
		t.Run(name, func(t *testing.T) {
			v := enter(t, m.store(t), kg.Budget{})
			if c.clock != "" {
				if err := v.TurnTo(kg.MustDate(c.clock)); err != nil {
					t.Fatal(err)
				}
			}
			var asOf *kg.Day
			if c.asOf != "" {
				asOf = new(kg.MustDate(c.asOf).Latest())
			}
			page, err := v.Traverse(t.Context(), []kg.ID{"a"}, c.steps, asOf, kg.PageArgs{})
			if err != nil {
				t.Fatal(err)
			}
			got := []kg.ID{}
			for _, r := range page.Values() {
				got = append(got, r.ID)
			}
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWalksSayHowCertainTheyAre(t *testing.T) {
	v := enter(t, mazeOf("a OWNS b 2010-06 2030", "a OWNS c [2010..] 2030", "c OWNS c").store(t), kg.Budget{})
	certainty := func(links []*kg.Link) string {
		text := ""
		for _, l := range links {
			text += fmt.Sprintf("%s %s, ", l.ID, l.Certainty)
		}
		return text
	}
	in2012 := kg.Step{During: kg.MustPeriod("2012"), Certainty: kg.Possible}
	page, err := v.Traverse(t.Context(), []kg.ID{"a"}, []kg.Step{in2012}, nil, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range page.Values() {
		got += certainty(r.Walk.Links)
	}
	if want := "r00 CERTAIN, r01 POSSIBLE, "; got != want {
		t.Errorf("traverse: got %s, want %s", got, want)
	}
	day := new(kg.MustDate("2012-01-01").Latest())
	paths, err := v.Paths(t.Context(), "b", "c", kg.PathOptions{AsOf: day})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := certainty(paths[0].Links), "r00 CERTAIN, r01 POSSIBLE, "; got != want {
		t.Errorf("paths: got %s, want %s", got, want)
	}
	s, err := v.Neighborhood(t.Context(), "c", kg.NeighborhoodOptions{Depth: new(2), AsOf: day})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := certainty(s.Links), "r01 POSSIBLE, r00 CERTAIN, r02 POSSIBLE, "; got != want {
		t.Errorf("neighborhood: got %s, want %s", got, want)
	}
}

func TestTraversalsFollowOldIds(t *testing.T) {
	store := mazeOf("a OWNS b").store(t)
	if _, err := store.Apply(t.Context(), &kg.Batch{Put: []kg.Record{&kg.Redirect{From: "old", To: "a"}}}); err != nil {
		t.Fatal(err)
	}
	got, _ := everyPage(t, enter(t, store, kg.Budget{}), []kg.ID{"old", "a"}, []kg.Step{{}}, nil, 10)
	if diff := gocmp.Diff([]string{"a -r00-> b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// invalid fails the test unless the error blames the argument.
func invalid(t *testing.T, err error, argument string) {
	t.Helper()
	var e *kg.InvalidError
	if !errors.As(err, &e) || e.Argument != argument {
		t.Errorf("got the error %v, want one about %s", err, argument)
	}
}

func TestBadTraversalsAreRefused(t *testing.T) {
	v := enter(t, mazeOf("a OWNS b").store(t), kg.Budget{})
	for name, c := range map[string]struct {
		steps    []kg.Step
		page     kg.PageArgs
		argument string
	}{
		"no step":           {nil, kg.PageArgs{}, "steps"},
		"too many steps":    {make([]kg.Step, 1000), kg.PageArgs{}, "steps"},
		"a negative stake":  {[]kg.Step{{}, {MinStake: -1}}, kg.PageArgs{}, "steps[1].minStake"},
		"too large a stake": {[]kg.Step{{MinStake: 100.5}}, kg.PageArgs{}, "steps[0].minStake"},
		"too large a page":  {[]kg.Step{{}}, kg.PageArgs{First: new(1001)}, "first"},
		"backward":          {[]kg.Step{{}}, kg.PageArgs{Last: new(1)}, "last"},
		"before":            {[]kg.Step{{}}, kg.PageArgs{Before: new("x")}, "before"},
		"a foreign cursor":  {[]kg.Step{{}}, kg.PageArgs{After: new("AQMA")}, "after"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Traverse(t.Context(), []kg.ID{"a"}, c.steps, nil, c.page)
			invalid(t, err, c.argument)
		})
	}
}

// star is a hub with that many partners, p000 and so on.
func star(partners int) *maze {
	var lines []string
	for i := range partners {
		lines = append(lines, fmt.Sprintf("hub PARTNERS_WITH p%03d", i))
	}
	return mazeOf(lines...)
}

func TestTraversalsKeepToTheBudget(t *testing.T) {
	store := star(20).store(t)
	both := []kg.Step{{Direction: kg.Both}, {Direction: kg.Both}}
	for name, c := range map[string]struct {
		from   []kg.ID
		budget kg.Budget
		over   bool
	}{
		"enough":                   {[]kg.ID{"hub"}, kg.Budget{Nodes: 22, Edges: 40}, false},
		"one entity too many":      {[]kg.ID{"hub"}, kg.Budget{Nodes: 21}, true},
		"one relation too many":    {[]kg.ID{"hub"}, kg.Budget{Edges: 39}, true},
		"too many starts":          {[]kg.ID{"p000", "p001"}, kg.Budget{Nodes: 1}, true},
		"starts that do not count": {[]kg.ID{"hub", "hub", "nobody"}, kg.Budget{Nodes: 22, Edges: 40}, false},
		"no time":                  {[]kg.ID{"hub"}, kg.Budget{Time: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := enter(t, store, c.budget).Traverse(t.Context(), c.from, both, nil, kg.PageArgs{})
			if errors.Is(err, kg.ErrTooComplex) != c.over || !c.over && err != nil {
				t.Errorf("got %v, want it to be too complex: %v", err, c.over)
			}
		})
	}
}

// walkers ask for one of everything that walks.
var walkers = map[string]func(context.Context, *kg.View) error{
	"traverse": func(ctx context.Context, v *kg.View) error {
		_, err := v.Traverse(ctx, []kg.ID{"a"}, []kg.Step{{Direction: kg.Both}, {Direction: kg.Both}}, nil, kg.PageArgs{})
		return err
	},
	"paths": func(ctx context.Context, v *kg.View) error {
		_, err := v.Paths(ctx, "a", "d", kg.PathOptions{First: new(3)})
		return err
	},
	"neighborhood": func(ctx context.Context, v *kg.View) error {
		_, err := v.Neighborhood(ctx, "a", kg.NeighborhoodOptions{Depth: new(2)})
		return err
	},
}

func TestWalksTellWhatFails(t *testing.T) {
	m := mazeOf("a OWNS b", "b OWNS c", "c OWNS d", "a PARTNERS_WITH d")
	broken := errors.New("broken")
	for name, walk := range walkers {
		t.Run(name, func(t *testing.T) {
			store := m.store(t)
			for n := 1; ; n++ { // The first step opens the view.
				faulty := kgtest.Faulty(store, n, broken)
				err := walk(t.Context(), enter(t, faulty, kg.Budget{}))
				if !faulty.Tripped() {
					if err != nil || n < 5 {
						t.Errorf("without a fault after %d steps: %v", n, err)
					}
					return
				}
				if !errors.Is(err, broken) {
					t.Fatalf("fault %d: got %v", n, err)
				}
			}
		})
	}
}

func TestWalksStopWhenCancelled(t *testing.T) {
	store := mazeOf("a OWNS b", "b OWNS c", "c OWNS d").store(t)
	for name, walk := range walkers {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			v := enter(t, &cancelling{store, cancel}, kg.Budget{})
			if err := walk(ctx, v); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// cancelling ends a context when relations are first asked for.
type cancelling struct {
	kg.Store
	cancel context.CancelFunc
}

func (c *cancelling) Snapshot(ctx context.Context) (kg.Snapshot, error) {
	s, err := c.Store.Snapshot(ctx)
	return &cancellingSnapshot{s, c.cancel}, err
}

type cancellingSnapshot struct {
	kg.Snapshot
	cancel context.CancelFunc
}

func (s *cancellingSnapshot) Relations(ctx context.Context, q kg.RelationQuery) iter.Seq2[kg.Edge, error] {
	s.cancel()
	return s.Snapshot.Relations(ctx, q)
}
