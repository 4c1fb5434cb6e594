package kg_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// holders reads holdings from lines such as "a b 40", in which a owns 40 % of b.
// The share is one that ParseShare reads, without spaces, or "?" for none, and may
// be followed by a start and an end.
func holders(lines ...string) *maze {
	var owns []string
	for _, line := range lines {
		f := strings.Fields(line)
		owns = append(owns, strings.Join(append([]string{f[0], "OWNS", f[1]}, f[3:]...), " "))
	}
	m := mazeOf(owns...)
	for _, r := range m.relations {
		var n int
		if _, err := fmt.Sscanf(string(r.ID), "r%d", &n); err != nil {
			panic(err)
		}
		if text := strings.Fields(lines[n])[2]; text != "?" {
			share, err := kg.ParseShare(text)
			if err != nil {
				panic(err)
			}
			r.Stake = &share
		}
	}
	return m
}

// randomHolders draws a graph of holdings with cycles, loops, parallels, missing,
// ranged and contradicting stakes, companies claimed for more than all of them,
// dates of every kind, and a few deals beside.
func randomHolders(m *maze) *maze {
	n := &maze{Rand: m.Rand}
	for i := range 1 + n.IntN(7) {
		n.entities = append(n.entities, bare(kg.ID("abcdefg"[i:i+1]), kg.KindCompany))
	}
	dates := []string{"", "", "", "2009", "2010", "2010-06", "[..2010]", "[2010..]", "2012", "2015-01-01"}
	date := func() kg.PartialDate {
		if text := dates[n.IntN(len(dates))]; text != "" {
			return kg.MustDate(text)
		}
		return kg.PartialDate{}
	}
	most := []int{30, 60, 100}[n.IntN(3)] // so that some worlds are plausible
	for i := range n.IntN(4 * len(n.entities)) {
		r := &kg.Relation{
			ID: kg.ID(fmt.Sprintf("r-%02d%02d", n.IntN(100), i)), Type: kg.Owns, From: n.one().ID, To: n.one().ID,
			FromKind: kg.KindCompany, ToKind: kg.KindCompany, Start: date(), Stake: n.share(most),
		}
		if n.IntN(4) == 0 {
			r.End = date()
		}
		if i > 0 && n.IntN(6) == 0 {
			other := n.relations[n.IntN(i)]
			r.From, r.To = other.From, other.To
		}
		if n.IntN(8) == 0 {
			r.Type = kg.Acquired
		}
		if n.IntN(8) == 0 {
			r.Type, r.Stake = kg.Controls, nil
		}
		if n.IntN(8) == 0 {
			r.Attributes = []kg.Attribute{{Key: kg.AttributeDeclared, Value: kg.DeclaredIndirect}}
		}
		n.relations = append(n.relations, r)
	}
	slices.SortFunc(n.relations, byPlace)
	return n
}

func (m *maze) share(most int) *kg.Share {
	a, b := float64(m.IntN(most+1)), float64(m.IntN(most+1))
	switch m.IntN(10) {
	case 0:
		return nil
	case 1:
		return []*kg.Share{&kg.UnknownShare, &kg.ControllingShare, &kg.MinorityShare, &kg.WholeShare, new(kg.ExactShare(0))}[m.IntN(5)]
	case 2, 3:
		s := kg.Share{Min: min(a, b), Max: max(a, b)}
		if a != b {
			s.MinOpen, s.MaxOpen = m.IntN(3) == 0, m.IntN(3) == 0
		}
		return &s
	}
	return new(kg.ExactShare(a))
}

// on returns the OWNS relations that count on the day, in order.
func (m *maze) on(day *kg.Day) []*kg.Relation { return m.ofType(kg.Owns, day) }

func (m *maze) ofType(t kg.RelationType, day *kg.Day) []*kg.Relation {
	if day == nil {
		day = new(kg.DayOf(mazeDay))
	}
	var on []*kg.Relation
	for _, r := range m.relations {
		if r.Type == t && !r.Indirect() && (kg.When{AsOf: day}).Admits(r.Type, r.Start, r.End) {
			on = append(on, r)
		}
	}
	return on
}

// book is who holds how much of whom, and who controls whom otherwise, the slow way.
type book struct {
	held  map[[2]kg.ID]kg.Share
	rules map[[2]kg.ID]bool
}

func (m *maze) book(day *kg.Day) book {
	stated := make(map[[2]kg.ID][]kg.Share)
	for _, r := range m.on(day) {
		pair := [2]kg.ID{r.From, r.To}
		stated[pair] = append(stated[pair], *cmp.Or(r.Stake, &kg.UnknownShare))
	}
	b := book{make(map[[2]kg.ID]kg.Share), make(map[[2]kg.ID]bool)}
	for _, r := range m.ofType(kg.Controls, day) {
		b.rules[[2]kg.ID{r.From, r.To}] = true
	}
	for pair, shares := range stated {
		b.held[pair] = merged(shares)
	}
	return b
}

// merged makes one share of what relations of one pair state.
func merged(shares []kg.Share) kg.Share {
	allows := func(s kg.Share, f float64) bool {
		return f > s.Min && f < s.Max || f == s.Min && !s.MinOpen || f == s.Max && !s.MaxOpen
	}
	// All ends are whole numbers, so that halves tell the shares apart.
	var grid []float64
	for f := 0.0; f <= 100; f += 0.5 {
		grid = append(grid, f)
	}
	says := func(s kg.Share) (set [201]bool) {
		for i, f := range grid {
			set[i] = allows(s, f)
		}
		return set
	}
	within := func(s, t [201]bool) bool {
		for i := range s {
			if s[i] && !t[i] {
				return false
			}
		}
		return true
	}
	var common, cover [201]bool
	for i := range common {
		common[i] = true
	}
	for _, s := range shares {
		if slices.ContainsFunc(shares, func(t kg.Share) bool { return within(says(t), says(s)) && !within(says(s), says(t)) }) {
			continue // it says nothing more
		}
		for i, ok := range says(s) {
			common[i] = common[i] && ok
			cover[i] = cover[i] || ok
		}
	}
	set := common
	if !slices.Contains(set[:], true) {
		set = cover
	}
	first, last := slices.Index(set[:], true), 200
	for !set[last] {
		last--
	}
	lo, hi := grid[first], grid[last]
	return kg.Share{Min: math.Floor(lo), Max: math.Ceil(hi), MinOpen: lo != math.Floor(lo), MaxOpen: hi != math.Ceil(hi)}
}

func (m *maze) ids() []kg.ID {
	var ids []kg.ID
	for _, e := range m.entities {
		ids = append(ids, e.ID)
	}
	return ids
}

// effective iterates the series of integrated ownership to its end.
func (b book) effective(owner, owned kg.ID) kg.Share {
	type end struct {
		of   func(kg.Share) float64
		open func(kg.Share) bool
		// most is what may flow into a company whose end is open.
		most float64
	}
	solve := func(e end) (float64, bool) {
		y := map[kg.ID]float64{owner: 1}
		for range 300_000 {
			next := map[kg.ID]float64{}
			for pair, s := range b.held {
				next[pair[1]] += y[pair[0]] * e.of(s) / 100
			}
			change := 0.0
			for id, f := range next {
				next[id] = min(1, f)
				if id != owner {
					change = max(change, math.Abs(next[id]-y[id]))
				}
			}
			next[owner] = 1
			y = next
			if change < 1e-15 {
				break
			}
		}
		open := make(map[kg.ID]bool)
		for range len(b.held) + 1 {
			for pair, s := range b.held {
				from, to := pair[0], pair[1]
				some := (y[from] > 0 || open[from]) && (e.of(s) > 0 || e.open(s))
				flow := 0.0
				for other, s := range b.held {
					if other[1] == to {
						flow += y[other[0]] * e.of(s) / 100
					}
				}
				if to != owner && flow < e.most && some && (open[from] || e.open(s)) {
					open[to] = true
				}
			}
		}
		return 100 * y[owned], open[owned]
	}
	lo, loOpen := solve(end{func(s kg.Share) float64 { return s.Min }, func(s kg.Share) bool { return s.MinOpen }, 1 - 1e-9})
	hi, hiOpen := solve(end{func(s kg.Share) float64 { return s.Max }, func(s kg.Share) bool { return s.MaxOpen && s.Max > 0 }, 1 + 1e-9})
	if hi-lo < 1e-9 {
		loOpen, hiOpen = false, false
	}
	return kg.Share{Min: lo, Max: hi, MinOpen: loOpen, MaxOpen: hiOpen}
}

// unexplained is what no direct owner accounts for.
func (b book) unexplained(of kg.ID) (lo, hi float64) {
	lo, hi = 100, 100
	for pair, s := range b.held {
		if pair[1] == of {
			lo, hi = lo-s.Max, hi-s.Min
		}
	}
	return max(0, lo), max(0, hi)
}

// chains lists all loop-free chains, largest first.
func (b book) chains(owner, owned kg.ID) []string {
	type line struct {
		ids   []kg.ID
		share kg.Share
	}
	var found []line
	var follow func(l line)
	follow = func(l line) {
		last := l.ids[len(l.ids)-1]
		if last == owned {
			found = append(found, l)
			return
		}
		for pair, s := range b.held {
			if pair[0] == last && s.Max > 0 && !slices.Contains(l.ids, pair[1]) {
				follow(line{append(slices.Clone(l.ids), pair[1]), l.share.Times(s)})
			}
		}
	}
	follow(line{[]kg.ID{owner}, kg.WholeShare})
	digits := func(f float64) float64 { return math.Round(f * 1e10) }
	slices.SortFunc(found, func(a, b line) int {
		return cmp.Or(
			cmp.Compare(digits(b.share.Min), digits(a.share.Min)), cmp.Compare(digits(b.share.Max), digits(a.share.Max)),
			cmp.Compare(len(a.ids), len(b.ids)), slices.Compare(a.ids, b.ids),
		)
	})
	var texts []string
	for _, l := range found {
		texts = append(texts, fmt.Sprintf("%v %s", l.ids, about(l.share)))
	}
	return texts
}

// about writes a share to six digits.
func about(s kg.Share) string {
	open := map[bool]string{true: " open"}
	rounded := func(f float64) float64 { return math.Round(f*1e9) / 1e9 }
	return fmt.Sprintf("%.6f%s to %.6f%s", rounded(s.Min), open[s.MinOpen], rounded(s.Max), open[s.MaxOpen])
}

// same reports that two shares are the same but for a millionth of a percent.
func same(a, b kg.Share) bool {
	return math.Abs(a.Min-b.Min) < 1e-6 && math.Abs(a.Max-b.Max) < 1e-6 && a.MinOpen == b.MinOpen && a.MaxOpen == b.MaxOpen
}

// controls closes over consolidated votes.
func (b book) controls(owner kg.ID, threshold float64) map[kg.ID]bool {
	group := map[kg.ID]bool{owner: true}
	for grown := true; grown; {
		grown = false
		for pair := range b.held {
			votes, more := 0.0, false
			for other, s := range b.held {
				if other[1] == pair[1] && group[other[0]] {
					votes, more = votes+s.Min, more || s.MinOpen
				}
			}
			if !group[pair[1]] && (votes > threshold || votes == threshold && more) {
				group[pair[1]], grown = true, true
			}
		}
		for pair := range b.rules {
			if group[pair[0]] && !group[pair[1]] {
				group[pair[1]], grown = true, true
			}
		}
	}
	delete(group, owner)
	return group
}

func ownership(t *testing.T, v *kg.View, owner, owned kg.ID, threshold float64, asOf *kg.Day) *kg.OwnershipReport {
	t.Helper()
	r, err := v.Ownership(t.Context(), owner, owned, threshold, asOf)
	if err != nil {
		t.Fatalf("ownership of %s in %s: %v", owner, owned, err)
	}
	return r
}

func chainTexts(chains []*kg.OwnershipChain) []string {
	var texts []string
	for _, c := range chains {
		var ids []kg.ID
		for _, m := range c.Members {
			ids = append(ids, m.ID)
		}
		texts = append(texts, fmt.Sprintf("%v %s", ids, about(c.Share)))
	}
	return texts
}

func TestOwnershipEqualsBruteForce(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		m = randomHolders(m)
		v := enter(t, m.store(t), kg.Budget{})
		asOf := m.day()
		b := m.book(asOf)
		for _, owner := range m.ids() {
			for _, owned := range m.ids() {
				if owner == owned {
					continue
				}
				threshold := float64(m.IntN(11) * 10)
				got := ownership(t, v, owner, owned, threshold, asOf)
				if want := b.effective(owner, owned); !same(got.Effective, want) {
					t.Errorf("effective stake of %s in %s: got %s, want %s", owner, owned, got.Effective, want)
				}
				if want := b.controls(owner, threshold)[owned]; got.Controls != want {
					t.Errorf("%s controls %s at %v: got %v, want %v", owner, owned, threshold, got.Controls, want)
				}
				if lo, hi := b.unexplained(owned); math.Abs(got.Unexplained.Min-lo)+math.Abs(got.Unexplained.Max-hi) > 1e-9 || got.Unexplained.Check() != nil {
					t.Errorf("unexplained of %s: got %s, want %v to %v", owned, got.Unexplained, lo, hi)
				}
				chains := b.chains(owner, owned)
				if diff := gocmp.Diff(chains[:min(len(chains), kg.MaxChains)], chainTexts(got.Chains)); diff != "" || got.MoreChains != (len(chains) > kg.MaxChains) {
					t.Errorf("chains from %s to %s, more %v (-want +got):\n%s", owner, owned, got.MoreChains, diff)
				}
				if err := got.Effective.Check(); err != nil {
					t.Errorf("effective stake of %s in %s: %v", owner, owned, err)
				}
				for _, c := range got.Chains {
					for i, l := range c.Links {
						if l.From != c.Members[i].ID || l.To != c.Members[i+1].ID || l.Far != l.To || !slices.ContainsFunc(m.on(asOf), func(r *kg.Relation) bool { return r.ID == l.ID }) {
							t.Errorf("the chain from %s to %s has %s as link %d", owner, owned, l.ID, i)
						}
					}
				}
			}
		}
	})
}

// settle returns the holders with every holding at one number that its share allows.
func (m *maze) settle(b book) *maze {
	exact := &maze{Rand: m.Rand, entities: m.entities}
	for i, pair := range slices.SortedFunc(maps.Keys(b.held), func(a, b [2]kg.ID) int { return slices.Compare(a[:], b[:]) }) {
		s := b.held[pair]
		f := s.Min + m.Float64()*(s.Max-s.Min)
		switch {
		case m.IntN(3) == 0 && !s.MinOpen:
			f = s.Min
		case m.IntN(2) == 0 && !s.MaxOpen:
			f = s.Max
		}
		exact.relations = append(exact.relations, &kg.Relation{
			ID: kg.ID(fmt.Sprintf("r%02d", i)), Type: kg.Owns, From: pair[0], To: pair[1],
			FromKind: kg.KindCompany, ToKind: kg.KindCompany, Stake: new(kg.ExactShare(f)),
		})
	}
	for pair := range b.rules {
		exact.relations = append(exact.relations, &kg.Relation{
			ID: kg.ID(fmt.Sprintf("c%s%s", pair[0], pair[1])), Type: kg.Controls, From: pair[0], To: pair[1],
			FromKind: kg.KindCompany, ToKind: kg.KindCompany,
		})
	}
	return exact
}

func TestEveryChoiceOfStakesLiesInTheInterval(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		m = randomHolders(m)
		ranges := enter(t, m.store(t), kg.Budget{})
		for range 3 {
			exact := enter(t, m.settle(m.book(nil)).store(t), kg.Budget{})
			for _, owner := range m.ids() {
				for _, owned := range m.ids() {
					if owner == owned {
						continue
					}
					all, one := ownership(t, ranges, owner, owned, 50, nil), ownership(t, exact, owner, owned, 50, nil)
					if f, ok := one.Effective.Exact(); !ok || f < all.Effective.Min-1e-6 || f > all.Effective.Max+1e-6 {
						t.Errorf("%s of %s: %s, which is not one number in %s", owner, owned, one.Effective, all.Effective)
					}
					if all.Controls && !one.Controls {
						t.Errorf("%s controls %s for certain, but not for one choice of stakes", owner, owned)
					}
				}
			}
		}
	})
}

func TestOwnershipGrowsWithStakes(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		m = randomHolders(m)
		less := m.settle(book{held: m.book(nil).held})
		if len(less.relations) == 0 {
			return
		}
		more := &maze{entities: less.entities}
		raised := m.IntN(len(less.relations))
		for i, r := range less.relations {
			r := *r
			if i == raised {
				r.Stake = new(kg.ExactShare(r.Stake.Min + m.Float64()*(100-r.Stake.Min)))
			}
			more.relations = append(more.relations, &r)
		}
		before, after := enter(t, less.store(t), kg.Budget{}), enter(t, more.store(t), kg.Budget{})
		for _, owner := range m.ids() {
			for _, owned := range m.ids() {
				if owner == owned {
					continue
				}
				x, y := ownership(t, before, owner, owned, 50, nil), ownership(t, after, owner, owned, 50, nil)
				if y.Effective.Min < x.Effective.Min-1e-6 || x.Controls && !y.Controls {
					t.Errorf("%s of %s fell from %s to %s", owner, owned, x.Effective, y.Effective)
				}
			}
		}
	})
}

// TestOutsideOwnersShareTheWhole: where nobody is claimed for more than all of
// it, those whom nobody owns have no more than all of a company between them, and
// all of it where everything is accounted for.
func TestOutsideOwnersShareTheWhole(t *testing.T) {
	mazes(t, func(t *testing.T, m *maze) {
		m = randomHolders(m)
		m = m.settle(book{held: m.book(nil).held})
		held := make(map[kg.ID]float64)
		for _, r := range m.relations {
			held[r.To] += r.Stake.Min
		}
		whole := m.IntN(2) == 0
		for _, r := range m.relations {
			if sum := held[r.To]; sum > 100 || whole && sum > 0 {
				r.Stake = new(kg.ExactShare(r.Stake.Min / sum * 100))
			}
		}
		v := enter(t, m.store(t), kg.Budget{})
		for _, owned := range m.ids() {
			sum := 0.0
			for _, owner := range m.ids() {
				if owner != owned && held[owner] == 0 {
					sum += ownership(t, v, owner, owned, 50, nil).Effective.Max
				}
			}
			if sum > 100+1e-6 {
				t.Errorf("all of %s comes to %v %%", owned, sum)
			}
		}
	})
}

func TestEffectiveStakes(t *testing.T) {
	for name, c := range map[string]struct {
		holdings     []string
		owner, owned kg.ID
		want         string
		unexplained  string
	}{
		"cross-holding, one": {[]string{"p a 60", "p b 40", "a b 30", "b a 20"}, "p", "a", "72.340425532 %", "20 %"},
		"cross-holding, two": {[]string{"p a 60", "p b 40", "a b 30", "b a 20"}, "p", "b", "61.70212766 %", "30 %"},
		"a state, its holding and a gas company": {
			[]string{"state holding 100", "holding gas 76.5", "state gas 23.5"}, "state", "gas", "100 %", "0 %",
		},
		"a direct stake":                        {[]string{"p a 86.6"}, "p", "a", "86.6 %", "13.4 %"},
		"nothing":                               {[]string{"p a 60", "q b 10"}, "q", "a", "0 %", "40 %"},
		"the other way round":                   {[]string{"p a 60"}, "a", "p", "0 %", "100 %"},
		"a range":                               {[]string{"p a 25..50", "a b 50"}, "p", "b", "[12.5,25] %", "50 %"},
		"control is no number":                  {[]string{"p a >50", "a b 50"}, "p", "b", "(25,50] %", "50 %"},
		"open at both ends":                     {[]string{"p a >50", "a b <50"}, "p", "b", "[0,50) %", "(50,100] %"},
		"open, but capped":                      {[]string{"p a >60", "p b <60", "a c 100", "b c 100"}, "p", "c", "(60,100] %", "0 %"},
		"open up to the whole":                  {[]string{"p a <50", "p b <50", "a c 100", "b c 100"}, "p", "c", "[0,100) %", "0 %"},
		"surely all of it":                      {[]string{"p a >60", "p b 40", "a c 100", "b c 100"}, "p", "c", "100 %", "0 %"},
		"an unknown stake":                      {[]string{"p a ?", "a b 80"}, "p", "b", "[0,80] %", "20 %"},
		"of an unknown stake":                   {[]string{"p a 80", "a b ?"}, "p", "b", "[0,80] %", "[0,100] %"},
		"more than all":                         {[]string{"p a 67", "p b 67", "p c 67", "a d 100", "b d 100", "c d 100", "d e 50"}, "p", "e", "50 %", "50 %"},
		"claimed for 201":                       {[]string{"p a 67", "q a 67", "r a 67"}, "p", "a", "67 %", "0 %"},
		"own shares":                            {[]string{"p a 80", "a a 20"}, "p", "a", "100 %", "0 %"},
		"own shares, and another owner":         {[]string{"p a 60", "q a 20", "a a 20"}, "p", "a", "75 %", "0 %"},
		"all of its own shares":                 {[]string{"p a 1", "a a 100"}, "p", "a", "100 %", "0 %"},
		"a circle that owns itself":             {[]string{"a b 100", "b a 100", "p c 10", "c a 0..50"}, "p", "a", "[0,100] %", "0 %"},
		"an unknown circle":                     {[]string{"p a 10", "a b ?", "b a ?"}, "p", "a", "[10,100] %", "[0,90] %"},
		"an owner who is owned":                 {[]string{"p a 60", "a p 50"}, "p", "a", "60 %", "40 %"},
		"by what it owns":                       {[]string{"p a 60", "a p 50"}, "a", "p", "50 %", "50 %"},
		"a holding that has ended":              {[]string{"p a 60 2010 2015", "p b 50", "b a 10"}, "p", "a", "5 %", "90 %"},
		"a holding to come":                     {[]string{"p a 60 2030"}, "p", "a", "0 %", "100 %"},
		"a holding that may have begun":         {[]string{"p a 60 2025"}, "p", "a", "60 %", "40 %"},
		"next to nothing, all the way round":    {[]string{"p a 0.001", "a b 99.999", "b a 99.999"}, "p", "a", "50.000250001 %", "0 %"},
		"two statements that agree":             {[]string{"p a 40..60", "p a 50..80"}, "p", "a", "[50,60] %", "[40,50] %"},
		"two statements, one without a stake":   {[]string{"p a ?", "p a 30"}, "p", "a", "30 %", "70 %"},
		"two statements that contradict":        {[]string{"p a 40", "p a 60"}, "p", "a", "[40,60] %", "[40,60] %"},
		"three, and one says nothing more":      {[]string{"p a >30", "p a 40", "p a 60"}, "p", "a", "[40,60] %", "[40,60] %"},
		"three that have no number in common":   {[]string{"p a 30..50", "p a 45..70", "p a 80..90"}, "p", "a", "[30,90] %", "[10,70] %"},
		"a change of stake in an unknown month": {[]string{"p a 40 2010 2025", "p a 60 2025"}, "p", "a", "[40,60] %", "[40,60] %"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ownership(t, enter(t, holders(c.holdings...).store(t), kg.Budget{}), c.owner, c.owned, 50, nil)
			if got.Effective.String() != c.want || got.Unexplained.String() != c.unexplained {
				t.Errorf("got %s, %s unexplained; want %s, %s", got.Effective, got.Unexplained, c.want, c.unexplained)
			}
		})
	}
}

// ring returns holdings of p in the first of a ring of companies, in which each
// holds so much of the next.
func ring(size int, first, stake string) *maze {
	lines := []string{"p c0000 " + first}
	for i := range size {
		lines = append(lines, fmt.Sprintf("c%04d c%04d %s", i, (i+1)%size, stake))
	}
	return holders(lines...)
}

func TestLargeKnots(t *testing.T) {
	for name, c := range map[string]struct {
		size         int
		first, stake string
		want         func(around float64) float64 // of the last, from what gets round
	}{
		"solved directly":                  {150, "10", "99.9", func(r float64) float64 { return 0.1 * r / 0.999 / (1 - r) }},
		"solved by sweeps":                 {450, "10", "99.9", func(r float64) float64 { return 0.1 * r / 0.999 / (1 - r) }},
		"claimed for too much":             {150, "10", "100", func(float64) float64 { return 1 }},
		"claimed for too much, by sweeps":  {450, "10", "100", func(float64) float64 { return 1 }},
		"capped in one place":              {150, "100", "99.9", func(r float64) float64 { return r / 0.999 }},
		"capped in one place, by sweeps":   {450, "100", "99.9", func(r float64) float64 { return r / 0.999 }},
		"unknown stakes":                   {150, "10", "0..100", nil},
		"unknown stakes, by sweeps":        {450, "10", "0..100", nil},
		"unknown stakes, almost, directly": {150, "10", "99..100", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := ring(c.size, c.first, c.stake)
			last := kg.ID(fmt.Sprintf("c%04d", c.size-1))
			got := ownership(t, enter(t, m.store(t), kg.Budget{}), "p", last, 50, nil).Effective
			if c.want == nil {
				if math.Abs(got.Max-100) > 1e-6 || got.Min > 50 {
					t.Errorf("got %s", got)
				}
				return
			}
			stake, err := strconv.ParseFloat(c.stake, 64)
			if err != nil {
				t.Fatal(err)
			}
			want := 100 * c.want(math.Pow(stake/100, float64(c.size)))
			if f, ok := got.Exact(); !ok || math.Abs(f-want) > 1e-6 {
				t.Errorf("got %s, want %v", got, want)
			}
		})
	}
}

// TestKnotsOfEitherSizeAgree compares elimination with sweeps: a random knot
// that is small, and the same one with so many bystanders tied to it that it is
// too large.
func TestKnotsOfEitherSizeAgree(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 7))
	for round := range 20 {
		lines := []string{"p k00 5", "p k01 25..50"}
		for range 40 {
			lines = append(lines, fmt.Sprintf("k%02d k%02d %d..%d", draw.IntN(12), draw.IntN(12), draw.IntN(20), 20+draw.IntN(60)))
		}
		lines = append(lines, "k00 k01 1", "k01 k00 1")
		small := holders(lines...)
		for i := range 250 {
			lines = append(lines, fmt.Sprintf("k00 b%03d 1", i), fmt.Sprintf("b%03d k00 0.0000000001", i))
		}
		x := ownership(t, enter(t, small.store(t), kg.Budget{}), "p", "k01", 50, nil).Effective
		y := ownership(t, enter(t, holders(lines...).store(t), kg.Budget{}), "p", "k01", 50, nil).Effective
		if math.Abs(x.Min-y.Min)+math.Abs(x.Max-y.Max) > 1e-5 {
			t.Errorf("round %d: %s and %s", round, x, y)
		}
	}
}

func TestChainsAreBounded(t *testing.T) {
	var long, many, dense []string
	for i := range kg.MaxChainLength + 1 {
		long = append(long, fmt.Sprintf("n%02d n%02d 90", i, i+1))
	}
	for i := range kg.MaxChains + 5 {
		many = append(many, fmt.Sprintf("p m%02d %d", i, 10+i), fmt.Sprintf("m%02d q 1", i))
	}
	for i := range 30 {
		for j := range 30 {
			if i != j {
				dense = append(dense, fmt.Sprintf("d%02d d%02d ?", i, j))
			}
		}
	}
	for name, c := range map[string]struct {
		holdings     []string
		owner, owned kg.ID
		first        string
		number       int
		more         bool
	}{
		"as long as can be": {long[1:], "n01", "n11", "[n01 n02 n03 n04 n05 n06 n07 n08 n09 n10 n11] 34.867844 to 34.867844", 1, false},
		"too long":          {long, "n00", "n11", "", 0, true},
		"too many":          {many, "p", "q", "[p m24 q] 0.340000 to 0.340000", kg.MaxChains, true},
		"beyond counting":   {dense, "d00", "d29", "[d00 d29] 0.000000 to 100.000000", kg.MaxChains, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := ownership(t, enter(t, holders(c.holdings...).store(t), kg.Budget{}), c.owner, c.owned, 50, nil)
			texts := append(chainTexts(got.Chains), "")
			if len(got.Chains) != c.number || texts[0] != c.first || got.MoreChains != c.more {
				t.Errorf("got %d chains, more %v, the first %s", len(got.Chains), got.MoreChains, texts[0])
			}
			if got.Effective.Max == 0 {
				t.Error("chains that are not shown count, too")
			}
		})
	}
}

func TestTheLinkOfAChainIsTheNarrowest(t *testing.T) {
	m := holders("p a 30..50 2010", "p a ? 2009", "p a 40..45 2011", "p a 41..46 2012")
	got := ownership(t, enter(t, m.store(t), kg.Budget{}), "p", "a", 50, nil)
	if text := walkText(got.Chains[0].Walk); text != "p -r02-> a" || got.Effective.String() != "[41,45] %" {
		t.Errorf("got %s for %s", text, got.Effective)
	}
}

func TestOwnershipMakesOneCallALevel(t *testing.T) {
	store := kgtest.Counting(holders("p a 60", "p b 40", "a b 30", "b a 20", "b c 50", "c d 50", "q d 50", "r q 10", "d r 5").store(t))
	v := enter(t, store, kg.Budget{})
	store.Reset()
	r := ownership(t, v, "p", "d", 50, nil)
	for _, c := range r.Chains {
		for _, l := range c.Links {
			if _, err := l.FarMember(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	// d; c q; b r; a; and the ends of the report and of its chains.
	if diff := gocmp.Diff(map[string]int{"Relations": 4, "Get": 2}, store.Counts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOwnershipFollowsTheClock(t *testing.T) {
	m := holders("p a 40 2010 2012", "p a 30 2012 2014", "p a 100 2016")
	v := enter(t, m.store(t), kg.Budget{})
	if err := v.TurnTo(kg.MustDate("2013")); err != nil {
		t.Fatal(err)
	}
	for asOf, want := range map[string]string{"": "30 %", "2011": "40 %", "2012": "30 %", "2015": "0 %", "2017": "100 %", "2030": "100 %", "1900": "0 %"} {
		var day *kg.Day
		if asOf != "" {
			day = new(kg.MustDate(asOf).Latest())
		}
		if got := ownership(t, v, "p", "a", 50, day).Effective.String(); got != want {
			t.Errorf("as of %q: got %s, want %s", asOf, got, want)
		}
	}
}

func TestBadQuestionsOfOwnershipAreRefused(t *testing.T) {
	m := holders("p a 60")
	store := m.store(t)
	if _, err := store.Apply(t.Context(), &kg.Batch{Put: []kg.Record{&kg.Redirect{From: "old", To: "p"}}}); err != nil {
		t.Fatal(err)
	}
	v := enter(t, store, kg.Budget{})
	for name, c := range map[string]struct {
		owner, owned kg.ID
		threshold    float64
		argument     string
	}{
		"below nothing":           {"p", "a", -0.1, "threshold"},
		"above everything":        {"p", "a", 100.1, "threshold"},
		"not a number":            {"p", "a", math.NaN(), "threshold"},
		"of oneself":              {"p", "p", 50, "owned"},
		"of oneself by an old id": {"old", "p", 50, "owned"},
		"nobody owns":             {"nobody", "a", 50, "owner"},
		"of nobody":               {"p", "nobody", 50, "owned"},
		"a relation owns":         {"r00", "a", 50, "owner"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Ownership(t.Context(), c.owner, c.owned, c.threshold, nil)
			invalid(t, err, c.argument)
			_, err = v.Controls(t.Context(), c.owner, c.owned, c.threshold, nil)
			invalid(t, err, c.argument)
		})
	}
	if got := ownership(t, v, "old", "a", 50, nil); got.Effective != kg.ExactShare(60) || !got.Controls {
		t.Errorf("by an old id: got %s", got.Effective)
	}
}

func init() {
	walkers["ownership"] = func(ctx context.Context, v *kg.View) error {
		_, err := v.Ownership(ctx, "a", "d", 50, nil)
		return err
	}
	walkers["holdings"] = func(ctx context.Context, v *kg.View) error {
		p, err := v.Holdings(ctx, "a", kg.Out, kg.HoldingOptions{MinStake: 0}, kg.PageArgs{First: new(1)})
		if err != nil {
			return err
		}
		if _, err := p.Values()[0].Effective(ctx); err != nil {
			return err
		}
		_, err = p.Count(ctx)
		return err
	}
	walkers["ultimate parent"] = func(ctx context.Context, v *kg.View) error {
		_, err := v.UltimateParent(ctx, "d", nil)
		return err
	}
}
