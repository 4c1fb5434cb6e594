package kg_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

func TestControl(t *testing.T) {
	for name, c := range map[string]struct {
		holdings     []string
		owner, owned kg.ID
		threshold    float64
		want         bool
	}{
		"a majority":                             {[]string{"p a 51"}, "p", "a", 50, true},
		"half":                                   {[]string{"p a 50"}, "p", "a", 50, false},
		"more than half, no number":              {[]string{"p a >50"}, "p", "a", 50, true},
		"half or more":                           {[]string{"p a >=50"}, "p", "a", 50, false},
		"perhaps":                                {[]string{"p a 40..90"}, "p", "a", 50, false},
		"unknown":                                {[]string{"p a ?"}, "p", "a", 0, false},
		"anything at all":                        {[]string{"p a >0"}, "p", "a", 0, true},
		"nothing":                                {[]string{"p a 0"}, "p", "a", 0, false},
		"never more than all":                    {[]string{"p a 100"}, "p", "a", 100, false},
		"down a chain of small products":         {[]string{"p a 51", "a b 51", "b c 51"}, "p", "c", 50, true},
		"not past a minority":                    {[]string{"p a 49", "a b 100"}, "p", "b", 50, false},
		"past a minority at a lower threshold":   {[]string{"p a 21", "a b 100"}, "p", "b", 20, true},
		"with what it controls":                  {[]string{"p a 60", "p b 60", "a c 30", "b c 21"}, "p", "c", 50, true},
		"half, with what it controls":            {[]string{"p a 60", "p b 60", "a c 30", "b c 20"}, "p", "c", 50, false},
		"half and more, with what it controls":   {[]string{"p a 60", "p b 60", "a c 25", "b c >25"}, "p", "c", 50, true},
		"directly and with what it controls":     {[]string{"p a 60", "p c 25.1", "a c 25"}, "p", "c", 50, true},
		"sums of decimals":                       {[]string{"p a 60", "p b 60", "p c 16.7", "a c 16.7", "b c 16.6"}, "p", "c", 50, false},
		"one step after another":                 {[]string{"p a 60", "p b 30", "a b 30", "p c 30", "b c 30", "a d 20", "b d 20", "c d 20"}, "p", "d", 50, true},
		"own shares do not vote for their owner": {[]string{"p a 40", "a a 20"}, "p", "a", 50, false},
		"a circle controls itself":               {[]string{"p a 10", "a b 90", "b a 90"}, "p", "a", 50, false},
		"by one in the circle":                   {[]string{"p a 10", "a b 90", "b a 90"}, "a", "b", 50, true},
		"by what it controls":                    {[]string{"a b 60", "b a 60"}, "b", "a", 50, true},
		"whom sources contradict about":          {[]string{"p a 40", "p a 60"}, "p", "a", 50, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := enter(t, holders(c.holdings...).store(t), kg.Budget{})
			got, err := v.Controls(t.Context(), c.owner, c.owned, c.threshold, nil)
			if err != nil || got != c.want {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
			if r := ownership(t, v, c.owner, c.owned, c.threshold, nil); r.Controls != c.want {
				t.Errorf("the report says %v", r.Controls)
			}
		})
	}
}

// Control that sources state needs no share, carries on through what is held, and
// gives no part of anything.
func TestControlWithoutAShare(t *testing.T) {
	m := holders("b c 60", "p c 10", "q d 40")
	add := func(from, to kg.ID, attributes ...kg.Attribute) {
		m.relations = append(m.relations, &kg.Relation{
			ID: "c-" + from + to, Type: kg.Controls, From: from, To: to, FromKind: kg.KindCompany, ToKind: kg.KindCompany,
			Text: "accounting consolidation", Attributes: attributes,
		})
	}
	add("p", "b")
	add("q", "p", kg.Attribute{Key: kg.AttributeDeclared, Value: kg.DeclaredUltimate})
	v := enter(t, m.store(t), kg.Budget{})
	for _, c := range []struct {
		owner, owned kg.ID
		controls     bool
		effective    string
	}{
		{"p", "b", true, "0 %"},
		{"p", "c", true, "10 %"},
		{"q", "p", false, "0 %"},
		{"q", "c", false, "0 %"},
	} {
		r := ownership(t, v, c.owner, c.owned, 99, nil)
		if r.Controls != c.controls && c.owned != "c" || r.Effective.String() != c.effective {
			t.Errorf("%s in %s: controls %v, effective %s", c.owner, c.owned, r.Controls, r.Effective)
		}
		if got, err := v.Controls(t.Context(), c.owner, c.owned, 50, nil); err != nil || got != c.controls {
			t.Errorf("%s controls %s: %v, %v", c.owner, c.owned, got, err)
		}
	}
	for of, want := range map[kg.ID]string{"c": "p by c b p", "b": "p by b p", "p": "nobody: no owner is recorded"} {
		got, err := v.UltimateParent(t.Context(), of, nil)
		if err != nil || parentage(got) != want {
			t.Errorf("of %s: got %s, %v, want %s", of, parentage(got), err, want)
		}
	}
}

// parentage writes a parentage in one line.
func parentage(p *kg.Parentage) string {
	ids := func(members []*kg.Member) string {
		var list []string
		for _, m := range members {
			list = append(list, string(m.ID))
		}
		return strings.Join(list, " ")
	}
	parent := "nobody"
	if p.Parent != nil {
		parent = string(p.Parent.ID)
	}
	text := parent
	if len(p.Chain) > 0 {
		text += " by " + ids(p.Chain)
	}
	if len(p.Candidates) > 0 {
		text += " or " + ids(p.Candidates)
	}
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return text
}

func TestUltimateParent(t *testing.T) {
	for name, c := range map[string]struct {
		holdings []string
		of       kg.ID
		want     string
	}{
		"no owner":              {[]string{"a b 60"}, "a", "nobody: no owner is recorded"},
		"nobody at all":         {[]string{"a b 60"}, "x", "nobody: no owner is recorded"},
		"only itself":           {[]string{"a a 60"}, "a", "nobody: no owner is recorded"},
		"nothing is no holding": {[]string{"b a 0"}, "a", "nobody: no owner is recorded"},
		"an owner":              {[]string{"b a 60"}, "a", "b by a b"},
		"up a chain":            {[]string{"b a 60", "c b 60", "d c >50"}, "a", "d by a b c d"},
		"up to a minority":      {[]string{"b a 60", "c b 40"}, "a", "b by a b"},
		"jointly":               {[]string{"b a 30", "c a 30", "d b 60", "d c 60"}, "a", "d by a d"},
		"no majority":           {[]string{"b a 30", "c a 31", "d a 20..30"}, "a", "nobody: no owner is known to hold more than 50 %: c 31 %, b 30 %, d [20,30] %"},
		"unknown stakes":        {[]string{"b a ?", "c a 30"}, "a", "nobody or b: no owner is known to hold more than 50 %: c 30 %, b [0,100] %"},
		"others leave too little": {
			[]string{"b a ?", "c a 30", "d a 25"}, "a", "nobody: no owner is known to hold more than 50 %: c 30 %, d 25 %, b [0,100] %",
		},
		"many owners": {
			[]string{"b a 1", "c a 2", "d a 3", "e a 4", "f a 5", "g a 6", "h a 7"},
			"a",
			"nobody: no owner is known to hold more than 50 %: h 7 %, g 6 %, f 5 %, e 4 %, d 3 %, and 2 more",
		},
		"a parent that may have one":   {[]string{"b a 60", "c b ?"}, "a", "b by a b or c: may be controlled in turn by: c"},
		"a circle":                     {[]string{"b a 60", "a b 60"}, "a", "nobody or b: control runs in a circle: b"},
		"a circle above":               {[]string{"b a 60", "c b 60", "b c 60"}, "a", "nobody or b c: control runs in a circle: b, c"},
		"a circle below":               {[]string{"b a 60", "c b 60", "a b 40"}, "a", "c by a b c"},
		"two majorities":               {[]string{"b a 60", "c a 70"}, "a", "nobody or b c: several control it by what the sources claim: b, c"},
		"two majorities with one head": {[]string{"b a 60", "c a 70", "d b 100", "d c 100"}, "a", "d by a b c d"},
		"a contradiction":              {[]string{"b a 60", "b a 40"}, "a", "nobody or b: no owner is known to hold more than 50 %: b [40,60] %"},
		"one that has sold":            {[]string{"b a 60 2010 2020", "c a 60 2020"}, "a", "c by a c"},
	} {
		t.Run(name, func(t *testing.T) {
			v := enter(t, holders(c.holdings...).store(t), kg.Budget{})
			got, err := v.UltimateParent(t.Context(), c.of, nil)
			if err != nil {
				t.Fatal(err)
			}
			if parentage(got) != c.want {
				t.Errorf("got  %s\nwant %s", parentage(got), c.want)
			}
		})
	}
}

// parentageOf works out a parentage but for the texts, from who controls whom.
func (m *maze) parentageOf(b book, of kg.ID) string {
	controls := func(a, c kg.ID) bool { return b.controls(a, 50)[c] }
	owned := false
	for pair := range b.rules {
		owned = owned || pair[1] == of && pair[0] != of
	}
	ids := m.ids()
	slices.Sort(ids)
	for pair, s := range b.held {
		owned = owned || pair[1] == of && pair[0] != of && s.Max > 0
	}
	var above, heads []kg.ID
	for _, id := range ids {
		if id != of && controls(id, of) {
			above = append(above, id)
		}
	}
	for _, id := range above {
		if !controls(of, id) && !slices.ContainsFunc(above, func(other kg.ID) bool { return other != id && controls(other, id) }) {
			heads = append(heads, id)
		}
	}
	switch {
	case !owned:
		return "nobody: no owner"
	case len(above) == 0:
		return "nobody: no owner is known"
	case len(heads) == 0:
		return fmt.Sprintf("nobody: circle %v", above)
	case len(heads) > 1:
		return fmt.Sprintf("nobody: several %v", heads)
	}
	return fmt.Sprint(heads[0])
}

func TestUltimateParentEqualsBruteForce(t *testing.T) {
	short := func(p *kg.Parentage) string {
		var candidates []kg.ID
		for _, m := range p.Candidates {
			candidates = append(candidates, m.ID)
		}
		switch {
		case p.Parent != nil:
			return string(p.Parent.ID)
		case p.Reason == "no owner is recorded":
			return "nobody: no owner"
		case strings.HasPrefix(p.Reason, "no owner is known"):
			return "nobody: no owner is known"
		case strings.HasPrefix(p.Reason, "control runs in a circle"):
			return fmt.Sprintf("nobody: circle %v", candidates)
		}
		return fmt.Sprintf("nobody: several %v", candidates)
	}
	mazes(t, func(t *testing.T, m *maze) {
		m = randomHolders(m)
		v := enter(t, m.store(t), kg.Budget{})
		asOf := m.day()
		b := m.book(asOf)
		members, err := v.Things(t.Context(), m.ids())
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range m.ids() {
			alone, err := v.UltimateParent(t.Context(), id, asOf)
			if err != nil {
				t.Fatal(err)
			}
			if want := m.parentageOf(b, id); short(alone) != want {
				t.Errorf("of %s: got %s, want %s", id, short(alone), want)
			}
			together, err := members[i].(*kg.Member).UltimateParent(t.Context(), asOf)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(parentage(alone), parentage(together)); diff != "" {
				t.Errorf("of %s, alone and together:\n%s", id, diff)
			}
			if n := len(alone.Chain); n > 0 && (alone.Chain[0].ID != id || alone.Chain[n-1].ID != alone.Parent.ID) {
				t.Errorf("of %s: the chain is that of %s", id, parentage(alone))
			}
		}
	})
}

func TestUltimateParentsAreFoundTogether(t *testing.T) {
	store := kgtest.Counting(holders("a b 60", "b c 60", "c d 60", "x y 60", "y z 60").store(t))
	v := enter(t, store, kg.Budget{})
	members, err := v.Things(t.Context(), []kg.ID{"d", "z", "b", "a"})
	if err != nil {
		t.Fatal(err)
	}
	store.Reset()
	var got []string
	for _, m := range members {
		p, err := m.(*kg.Member).UltimateParent(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, parentage(p))
	}
	if diff := gocmp.Diff([]string{"a by d c b a", "x by z y x", "a by b a", "nobody: no owner is recorded"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// d z b a; c y; x; and all that are named.
	if diff := gocmp.Diff(map[string]int{"Relations": 3, "Get": 1}, store.Counts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
