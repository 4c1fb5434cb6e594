package kg_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// simplePaths tries every path there is, in the order in which Paths gives them.
func (m *maze) simplePaths(from, to kg.ID, longest int, types []kg.RelationType, asOf *kg.Day) []trail {
	if m.entity(from) == nil || m.entity(to) == nil {
		return nil
	}
	var all []trail
	var extend func(w trail)
	extend = func(w trail) {
		if w.end() == to {
			all = append(all, w)
			return
		}
		if len(w.relations) == longest {
			return
		}
		tried := make(map[kg.ID]bool)
		for _, r := range m.relations {
			if r.Indirect() || r.From != w.end() && r.To != w.end() || len(types) > 0 && !slices.Contains(types, r.Type) {
				continue
			}
			far, _ := r.Other(w.end())
			if tried[far] || slices.Contains(w.stops, far) || !(kg.When{AsOf: asOf}).Admits(r.Type, r.Start, r.End) {
				continue
			}
			tried[far] = true
			extend(w.with(r, far))
		}
	}
	extend(trail{stops: []kg.ID{from}})
	slices.SortFunc(all, func(v, w trail) int {
		return cmp.Or(cmp.Compare(len(v.stops), len(w.stops)), slices.Compare(v.stops, w.stops))
	})
	return all
}

func pathTexts(t *testing.T, v *kg.View, from, to kg.ID, o kg.PathOptions) []string {
	t.Helper()
	paths, err := v.Paths(t.Context(), from, to, o)
	if err != nil {
		t.Fatalf("from %s to %s: %v", from, to, err)
	}
	texts := []string{}
	for _, p := range paths {
		texts = append(texts, walkText(p))
	}
	return texts
}

func TestPathsEqualAllPaths(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		v := enter(t, m.store(t), kg.Budget{})
		for range 10 {
			from, to := m.someone(), m.someone()
			if from == to {
				continue
			}
			longest, first := 1+m.IntN(kg.MaxPathLength), 1+m.IntN(30)
			o := kg.PathOptions{MaxLength: &longest, First: &first, Types: m.someTypes(), AsOf: m.day()}
			want := []string{}
			for _, p := range m.simplePaths(from, to, longest, o.Types, o.AsOf) {
				want = append(want, p.String())
			}
			want = want[:min(len(want), first)]
			if diff := gocmp.Diff(want, pathTexts(t, v, from, to, o)); diff != "" {
				t.Fatalf("from %s to %s, %d of at most %d, types %v, as of %v (-want +got):\n%s", from, to, first, longest, o.Types, o.AsOf, diff)
			}
		}
	})
}

func TestPaths(t *testing.T) {
	m := mazeOf(
		"a OWNS b", "b OWNS c", "c OWNS d", "d OWNS a 2001 2005", "b PARTNERS_WITH b", "b ACQUIRED a 2010", "x OWNS y",
	)
	for name, c := range map[string]struct {
		from, to kg.ID
		o        kg.PathOptions
		want     []string
	}{
		"the shortest":              {"a", "c", kg.PathOptions{}, []string{"a <-r05- b -r01-> c"}},
		"of equals, by ids":         {"a", "c", kg.PathOptions{First: new(5)}, []string{"a <-r05- b -r01-> c", "a <-r03- d <-r02- c"}},
		"parallels by their order":  {"a", "b", kg.PathOptions{}, []string{"a <-r05- b"}},
		"of one type":               {"a", "b", kg.PathOptions{Types: []kg.RelationType{kg.Owns}}, []string{"a -r00-> b"}},
		"on a day":                  {"d", "a", kg.PathOptions{AsOf: new(kg.MustDate("2009").Latest())}, []string{"d <-r02- c <-r01- b <-r00- a"}},
		"whatever has ever been so": {"d", "a", kg.PathOptions{}, []string{"d -r03-> a"}},
		"no longer than asked":      {"a", "c", kg.PathOptions{MaxLength: new(1)}, []string{}},
		"not connected":             {"a", "x", kg.PathOptions{MaxLength: new(10)}, []string{}},
		"from nobody":               {"nobody", "a", kg.PathOptions{}, []string{}},
		"to nobody":                 {"a", "nobody", kg.PathOptions{}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := pathTexts(t, enter(t, m.store(t), kg.Budget{}), c.from, c.to, c.o)
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathsHonourTheClock(t *testing.T) {
	v := enter(t, mazeOf("a OWNS b 2001 2005", "a OWNS c", "c OWNS b").store(t), kg.Budget{})
	if err := v.TurnTo(kg.MustDate("2020")); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"a -r01-> c -r02-> b"}, pathTexts(t, v, "a", "b", kg.PathOptions{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadPathsAreRefused(t *testing.T) {
	store := mazeOf("a OWNS b").store(t)
	if _, err := store.Apply(t.Context(), &kg.Batch{Put: []kg.Record{&kg.Redirect{From: "old", To: "a"}}}); err != nil {
		t.Fatal(err)
	}
	v := enter(t, store, kg.Budget{})
	for name, c := range map[string]struct {
		from, to kg.ID
		o        kg.PathOptions
		argument string
	}{
		"to itself":               {"a", "a", kg.PathOptions{}, "to"},
		"to itself, by an old id": {"a", "old", kg.PathOptions{}, "to"},
		"no length":               {"a", "b", kg.PathOptions{MaxLength: new(0)}, "maxLength"},
		"too long":                {"a", "b", kg.PathOptions{MaxLength: new(1000)}, "maxLength"},
		"no path":                 {"a", "b", kg.PathOptions{First: new(0)}, "first"},
		"too many":                {"a", "b", kg.PathOptions{First: new(101)}, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Paths(t.Context(), c.from, c.to, c.o)
			invalid(t, err, c.argument)
		})
	}
}

func TestPathsReadFewerNeighborsFirst(t *testing.T) {
	// A chain from a to the hub, which lies before the target.
	lines := []string{"a OWNS b", "b OWNS c", "c OWNS d", "d OWNS hub", "hub OWNS z"}
	for i := range 50 {
		lines = append(lines, fmt.Sprintf("hub PARTNERS_WITH p%02d", i))
	}
	store := kgtest.Counting(mazeOf(lines...).store(t))
	for _, c := range []struct {
		from, to kg.ID
		want     string
	}{
		{"a", "z", "a -r00-> b -r01-> c -r02-> d -r03-> hub -r04-> z"},
		{"z", "a", "z <-r04- hub <-r03- d <-r02- c <-r01- b <-r00- a"},
	} {
		v := enter(t, store, kg.Budget{Edges: 65})
		store.Reset()
		got := pathTexts(t, v, c.from, c.to, kg.PathOptions{MaxLength: new(10)})
		if diff := gocmp.Diff([]string{c.want}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// One to read the ends, one a hop, one to name what is shown.
		if diff := gocmp.Diff(map[string]int{"Get": 2, "Relations": 5}, store.Counts()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	}
}

func TestPathsKeepToTheBudget(t *testing.T) {
	store := star(40).store(t)
	two := kg.PathOptions{First: new(2), MaxLength: new(10)}
	for name, c := range map[string]struct {
		budget kg.Budget
		o      kg.PathOptions
		over   bool
	}{
		"enough":                {kg.Budget{Nodes: 3, Edges: 42}, kg.PathOptions{}, false},
		"one entity too many":   {kg.Budget{Nodes: 1}, kg.PathOptions{}, true},
		"one relation too many": {kg.Budget{Edges: 1}, kg.PathOptions{}, true},
		"no time":               {kg.Budget{Time: 1}, kg.PathOptions{}, true},
		"a second path":         {kg.Budget{Nodes: 42, Edges: 200}, two, false},
		"no second path":        {kg.Budget{Nodes: 2}, two, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := enter(t, store, c.budget).Paths(t.Context(), "p000", "p001", c.o)
			if errors.Is(err, kg.ErrTooComplex) != c.over || !c.over && err != nil {
				t.Errorf("got %v, want it to be too complex: %v", err, c.over)
			}
		})
	}
}

// clique returns relations between all of that many companies.
func clique(size int) []string {
	var lines []string
	for i := range size {
		for j := range i {
			lines = append(lines, fmt.Sprintf("k%02d PARTNERS_WITH k%02d", j, i))
		}
	}
	return lines
}

func TestPathsDoNotLoseTheirWay(t *testing.T) {
	// Millions of ways lead into the clique and none of them out of it but by
	// the entity through which they came.
	lines := append(clique(30), "a OWNS gate", "gate OWNS z", "gate OWNS k00", "gate OWNS k01")
	v := enter(t, mazeOf(lines...).store(t), kg.Budget{Edges: 2000})
	got := pathTexts(t, v, "a", "z", kg.PathOptions{First: new(100), MaxLength: new(10)})
	if diff := gocmp.Diff([]string{"a -r435-> gate -r436-> z"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPathsThatLeadNowhereAreCounted(t *testing.T) {
	// Each of the twenty ways to the gate leads into the clique once more.
	lines := append(clique(30), "gate OWNS z", "gate OWNS k00")
	for i := range 20 {
		lines = append(lines, fmt.Sprintf("a OWNS m%02d", i), fmt.Sprintf("m%02d OWNS gate", i))
	}
	store := mazeOf(lines...).store(t)
	o := kg.PathOptions{First: new(21), MaxLength: new(10)}
	if got := pathTexts(t, enter(t, store, kg.Budget{}), "a", "z", o); len(got) != 20 {
		t.Errorf("got %d paths, want 20", len(got))
	}
	if _, err := enter(t, store, kg.Budget{Edges: 2 * len(lines)}).Paths(t.Context(), "a", "z", o); !errors.Is(err, kg.ErrTooComplex) {
		t.Errorf("got %v", err)
	}
}

func TestPathsThroughACrowd(t *testing.T) {
	m := mazeOf(clique(12)...)
	v := enter(t, m.store(t), kg.Budget{})
	want := []string{}
	for _, p := range m.simplePaths("k00", "k11", 4, nil, nil)[:100] {
		want = append(want, p.String())
	}
	got := pathTexts(t, v, "k00", "k11", kg.PathOptions{First: new(100), MaxLength: new(10)})
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
