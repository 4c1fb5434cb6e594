package kg_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// part is a neighborhood in writing.
type part struct {
	Members   []kg.ID
	Relations []kg.ID
	Truncated bool
}

func partOf(t *testing.T, v *kg.View, of kg.ID, o kg.NeighborhoodOptions) part {
	t.Helper()
	s, err := v.Neighborhood(t.Context(), of, o)
	if err != nil {
		t.Fatal(err)
	}
	p := part{Truncated: s.Truncated}
	for _, m := range s.Members {
		p.Members = append(p.Members, m.ID)
	}
	for _, l := range s.Links {
		p.Relations = append(p.Relations, l.ID)
	}
	return p
}

// around follows the rule of Neighborhood to the letter, one relation at a time.
func (m *maze) around(of kg.ID, depth, limit int, types []kg.RelationType, asOf *kg.Day) part {
	if m.entity(of) == nil {
		return part{}
	}
	var p part
	distance := map[kg.ID]int{of: 0}
	found := make(map[kg.ID]bool)
	for d := 0; d < depth && !p.Truncated; d++ {
		var rim []kg.ID
		for id, away := range distance {
			if away == d {
				rim = append(rim, id)
			}
		}
		slices.Sort(rim)
		offers := make(map[kg.ID][]*kg.Relation)
		for _, id := range rim {
			for _, r := range m.relations {
				if r.Indirect() || r.From != id && r.To != id || len(types) > 0 && !slices.Contains(types, r.Type) || !(kg.When{AsOf: asOf}).Admits(r.Type, r.Start, r.End) {
					continue
				}
				if len(offers[id]) < limit {
					offers[id] = append(offers[id], r)
				} else {
					p.Truncated = true
				}
			}
		}
		isNew := func(id kg.ID) func(*kg.Relation) bool {
			return func(r *kg.Relation) bool {
				far, _ := r.Other(id)
				_, in := distance[far]
				return !in
			}
		}
		anyNew := func(id kg.ID) bool { return slices.ContainsFunc(offers[id], isNew(id)) }
		for slices.ContainsFunc(rim, anyNew) && len(distance) < limit {
			for _, id := range rim {
				if at := slices.IndexFunc(offers[id], isNew(id)); at >= 0 && len(distance) < limit {
					far, _ := offers[id][at].Other(id)
					distance[far] = d + 1
				}
			}
		}
		if slices.ContainsFunc(rim, anyNew) {
			p.Truncated = true
		}
		for _, offered := range offers {
			for _, r := range offered {
				_, from := distance[r.From]
				_, to := distance[r.To]
				if from && to {
					found[r.ID] = true
				}
			}
		}
	}
	for d := range depth + 1 {
		var level []kg.ID
		for id, away := range distance {
			if away == d {
				level = append(level, id)
			}
		}
		slices.Sort(level)
		p.Members = append(p.Members, level...)
	}
	for _, r := range m.relations {
		if found[r.ID] {
			p.Relations = append(p.Relations, r.ID)
		}
	}
	return p
}

func TestNeighborhoodsFollowTheRule(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		v := enter(t, m.store(t), kg.Budget{})
		for range 10 {
			of, depth, limit := m.someone(), 1+m.IntN(4), 1+m.IntN(14)
			o := kg.NeighborhoodOptions{Depth: &depth, Limit: &limit, Types: m.someTypes(), AsOf: m.day()}
			want := m.around(of, depth, limit, o.Types, o.AsOf)
			if diff := gocmp.Diff(want, partOf(t, v, of, o)); diff != "" {
				t.Fatalf("of %s, depth %d, limit %d, types %v, as of %v (-want +got):\n%s", of, depth, limit, o.Types, o.AsOf, diff)
			}
		}
	})
}

func TestNeighborhood(t *testing.T) {
	m := mazeOf("a OWNS b", "a OWNS b", "a OWNS a", "c OWNS a", "b OWNS c", "c OWNS d", "d OWNS e 2001 2005")
	for name, c := range map[string]struct {
		of   kg.ID
		o    kg.NeighborhoodOptions
		want part
	}{
		"what stands around": {"a", kg.NeighborhoodOptions{}, part{Members: []kg.ID{"a", "b", "c"}, Relations: []kg.ID{"r00", "r01", "r02", "r03"}}},
		"two links away": {"a", kg.NeighborhoodOptions{Depth: new(2)}, part{
			Members: []kg.ID{"a", "b", "c", "d"}, Relations: []kg.ID{"r00", "r01", "r02", "r03", "r04", "r05"},
		}},
		"of one type":               {"a", kg.NeighborhoodOptions{Types: []kg.RelationType{kg.Acquired}}, part{Members: []kg.ID{"a"}}},
		"whatever has ever been so": {"e", kg.NeighborhoodOptions{}, part{Members: []kg.ID{"e", "d"}, Relations: []kg.ID{"r06"}}},
		"on a day":                  {"e", kg.NeighborhoodOptions{AsOf: new(kg.MustDate("2009").Latest())}, part{Members: []kg.ID{"e"}}},
		"only itself":               {"d", kg.NeighborhoodOptions{Limit: new(1)}, part{Members: []kg.ID{"d"}, Truncated: true}},
		"exactly full":              {"d", kg.NeighborhoodOptions{Limit: new(3)}, part{Members: []kg.ID{"d", "c", "e"}, Relations: []kg.ID{"r06", "r05"}}},
		"nobody":                    {"nobody", kg.NeighborhoodOptions{}, part{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := gocmp.Diff(c.want, partOf(t, enter(t, m.store(t), kg.Budget{}), c.of, c.o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadNeighborhoodsAreRefused(t *testing.T) {
	v := enter(t, mazeOf("a OWNS b").store(t), kg.Budget{})
	for name, c := range map[string]struct {
		o        kg.NeighborhoodOptions
		argument string
	}{
		"no depth":  {kg.NeighborhoodOptions{Depth: new(0)}, "depth"},
		"too deep":  {kg.NeighborhoodOptions{Depth: new(1000)}, "depth"},
		"no limit":  {kg.NeighborhoodOptions{Limit: new(0)}, "limit"},
		"too large": {kg.NeighborhoodOptions{Limit: new(2001)}, "limit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Neighborhood(t.Context(), "a", c.o)
			invalid(t, err, c.argument)
		})
	}
}

// twoHubs is an entity beside two hubs of very different size and a leaf.
func twoHubs() *maze {
	lines := []string{"a OWNS big", "a OWNS leaf", "a OWNS small", "leaf OWNS l0"}
	for i := range 90 {
		lines = append(lines, fmt.Sprintf("big OWNS b%02d", i))
	}
	for i := range 5 {
		lines = append(lines, fmt.Sprintf("small OWNS s%02d", i))
	}
	return mazeOf(lines...)
}

func TestNeighborhoodsAreFair(t *testing.T) {
	v := enter(t, twoHubs().store(t), kg.Budget{})
	got := partOf(t, v, "a", kg.NeighborhoodOptions{Depth: new(2), Limit: new(11)})
	want := []kg.ID{"a", "big", "leaf", "small", "b00", "b01", "b02", "l0", "s00", "s01", "s02"}
	if diff := gocmp.Diff(want, got.Members); diff != "" || !got.Truncated {
		t.Errorf("truncated %v (-want +got):\n%s", got.Truncated, diff)
	}
}

func TestTheBudgetCutsNeighborhoods(t *testing.T) {
	store := twoHubs().store(t)
	two := kg.NeighborhoodOptions{Depth: new(2)}
	for name, c := range map[string]struct {
		budget  kg.Budget
		members int
		cut     bool
	}{
		"enough":                       {kg.Budget{}, 100, false},
		"no more entities":             {kg.Budget{Nodes: 8}, 8, true},
		"relations for the first hop":  {kg.Budget{Edges: 6}, 4, true},
		"some relations for everybody": {kg.Budget{Edges: 3 + 3*5}, 4 + 3 + 3 + 1, true},
		"no relations":                 {kg.Budget{Edges: 1}, 1, true},
		"no time":                      {kg.Budget{Time: 1}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := enter(t, store, c.budget).Neighborhood(t.Context(), "a", two)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Members) != c.members || s.Truncated != c.cut {
				t.Errorf("got %d entities, truncated %v; want %d, %v", len(s.Members), s.Truncated, c.members, c.cut)
			}
		})
	}
}

func TestNeighborhoodsReadNoMoreThanTheyShow(t *testing.T) {
	store := kgtest.Counting(star(300).store(t))
	// Opening the view, reading the middle, asking for its relations, ten of
	// them and one to know that there are more, naming what is shown: any
	// further step fails.
	faulty := kgtest.Faulty(store, 1+1+1+(10+1)+1, errors.New("read on"))
	v := enter(t, faulty, kg.Budget{})
	store.Reset()
	if got := partOf(t, v, "hub", kg.NeighborhoodOptions{Limit: new(10)}); len(got.Members) != 10 || len(got.Relations) != 9 || !got.Truncated {
		t.Errorf("got %+v", got)
	}
	if diff := gocmp.Diff(map[string]int{"Get": 2, "Relations": 1}, store.Counts()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
