package kg

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// claim returns a claim that has been recorded: its id is derived, and it is of
// revision 1 unless a test says otherwise.
func claim(s Statement, source ID, locator string) *Claim {
	c := &Claim{Statement: s, Source: source, Locator: locator, Spell: Spell{Revision: 1}}
	c.ID = c.ContentID()
	return c
}

// told writes relations in a line each, without their ids.
func told(facts []relationFact) []string {
	var lines []string
	for _, f := range facts {
		line := fmt.Sprintf("%s %s..%s", f.Type, f.Start, f.End)
		if f.Stake != nil {
			line += " " + f.Stake.String()
		}
		if f.Money != nil {
			line += " " + f.Money.String()
		}
		if f.Text != "" {
			line += " " + f.Text
		}
		for _, c := range f.Citations {
			line += fmt.Sprintf(" %s:%s", c.Source, c.Locator)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestClaimsThatAgreeAreOneRelation(t *testing.T) {
	on := func(start string) *RelationStatement {
		s := &RelationStatement{Type: Acquired, From: "a", To: "b"}
		if start != "" {
			s.Start = MustDate(start)
		}
		return s
	}
	owns := func(start, end, stake string) *RelationStatement {
		s := &RelationStatement{Type: Owns, From: "a", To: "b"}
		if start != "" {
			s.Start = MustDate(start)
		}
		if end != "" {
			s.End = MustDate(end)
		}
		if stake != "" {
			share, err := ParseShare(stake)
			if err != nil {
				t.Fatal(err)
			}
			s.Stake = &share
		}
		return s
	}
	role := func(title, start string) *RelationStatement {
		s := &RelationStatement{Type: HoldsRole, From: "a", To: "b", Text: title}
		if start != "" {
			s.Start = MustDate(start)
		}
		return s
	}
	priced := func(amount float64, currency string) *RelationStatement {
		s := on("2016")
		s.Money = &Money{amount, currency}
		return s
	}
	for name, c := range map[string]struct {
		statements []*RelationStatement
		want       []string
	}{
		"a year, and a list without years": {
			[]*RelationStatement{on("2016"), on("")}, []string{"ACQUIRED 2016.. s0:line 0 s1:line 1"},
		},
		"a year, and a month of it": {
			[]*RelationStatement{on("2016"), on("2016-04")}, []string{"ACQUIRED 2016-04.. s0:line 0 s1:line 1"},
		},
		"two rounds": {
			[]*RelationStatement{on("2014"), on("2016")}, []string{"ACQUIRED 2014.. s0:line 0", "ACQUIRED 2016.. s1:line 1"},
		},
		"an undated claim joins the first of two rounds": {
			[]*RelationStatement{on(""), on("2016"), on("2014")}, []string{"ACQUIRED 2014.. s0:line 0 s2:line 2", "ACQUIRED 2016.. s1:line 1"},
		},
		"open dates narrow each other": {
			[]*RelationStatement{owns("[2014..]", "", ""), owns("[..2017-11-12]", "", "")}, []string{"OWNS [2014-01-01..2017-11-12].. s0:line 0 s1:line 1"},
		},
		"a range of shares and a number in it": {
			[]*RelationStatement{owns("", "", "controlling"), owns("", "", "97.1")}, []string{"OWNS .. 97.1 % s0:line 0 s1:line 1"},
		},
		"shares that cannot be the same": {
			[]*RelationStatement{owns("2019", "", "100"), owns("2020-05", "", "40")}, []string{"OWNS 2019..2020-05 100 % s0:line 0 s1:line 1", "OWNS 2020-05.. 40 % s1:line 1"},
		},
		"four stakes, each closing the one before": {
			[]*RelationStatement{owns("2021-03", "", "30"), owns("2019", "", "100"), owns("2022", "", "0"), owns("2020-05", "", "40")},
			[]string{
				"OWNS 2019..2020-05 100 % s1:line 1 s3:line 3", "OWNS 2020-05..2021-03 40 % s0:line 0 s3:line 3",
				"OWNS 2021-03..2022 30 % s0:line 0 s2:line 2", "OWNS 2022..2022 0 % s2:line 2",
			},
		},
		"a stated end is kept": {
			[]*RelationStatement{owns("2019", "2019-06", "100"), owns("2020-05", "", "40")},
			[]string{"OWNS 2019..2019-06 100 % s0:line 0", "OWNS 2020-05.. 40 % s1:line 1"},
		},
		"dates that leave the order open close nothing": {
			[]*RelationStatement{owns("2020", "", "100"), owns("2020-05", "", "40")},
			[]string{"OWNS 2020-05.. 40 % s1:line 1", "OWNS 2020.. 100 % s0:line 0"},
		},
		"held again after it ended": {
			[]*RelationStatement{owns("2010", "2012", ""), owns("2015", "", "")}, []string{"OWNS 2010..2012 s0:line 0", "OWNS 2015.. s1:line 1"},
		},
		"another title is another role": {
			[]*RelationStatement{role("President", ""), role("Chairman", ""), role("PRESIDENT", "[..2017]"), role("", "")},
			[]string{"HOLDS_ROLE .. Chairman s1:line 1", "HOLDS_ROLE [..2017].. PRESIDENT s0:line 0 s2:line 2 s3:line 3"},
		},
		"prices apart, prices rounded, prices in two currencies": {
			[]*RelationStatement{priced(100, "USD"), priced(100.4, "USD"), priced(200, "USD"), priced(650, "CNY")},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			mixed := strings.HasPrefix(name, "prices") // which of two equal groups a third claim joins, its id decides
			var claims []*Claim
			for i, s := range c.statements {
				claims = append(claims, claim(s, ID(fmt.Sprintf("s%d", i)), fmt.Sprintf("line %d", i)))
			}
			var want []string
			for round := range 20 {
				rand.Shuffle(len(claims), func(i, j int) { claims[i], claims[j] = claims[j], claims[i] })
				facts := relationFacts(claims, apart, nil)
				var holdings []*Relation
				for _, f := range facts {
					if f.Type == Owns {
						holdings = append(holdings, f.Relation)
					}
				}
				deriveHoldings(nil, holdings, nil)
				got := told(facts)
				if round == 0 {
					want = got
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("the order of claims matters:\n%s", diff)
				}
			}
			if mixed {
				if len(want) != 2 {
					t.Fatalf("got %v, want two deals", want)
				}
				return
			}
			if diff := cmp.Diff(c.want, want); diff != "" {
				t.Errorf("relations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRelationsKeepTheirIDs(t *testing.T) {
	on := func(start, source string, revision Revision) *Claim {
		s := &RelationStatement{Type: Acquired, From: "a", To: "b"}
		if start != "" {
			s.Start = MustDate(start)
		}
		c := claim(s, ID(source), "")
		c.Revision = revision
		return c
	}
	settle := func(facts []relationFact) (rested map[ID]ID) {
		rested = make(map[ID]ID)
		for _, f := range facts {
			for _, c := range f.claims {
				rested[c.ID] = f.ID
			}
		}
		return rested
	}
	undated, late, early := on("", "z", 1), on("2016", "y", 2), on("2014", "x", 3)

	facts := relationFacts([]*Claim{undated}, apart, nil)
	first := facts[0].ID
	facts = relationFacts([]*Claim{undated, late}, apart, nil)
	if len(facts) != 1 || facts[0].ID != first {
		t.Fatalf("a year for an undated deal gave %v; want it under its old id %s", told(facts), first)
	}
	facts = relationFacts([]*Claim{undated, late, early}, apart, nil)
	if len(facts) != 2 || !slices.ContainsFunc(facts, func(f relationFact) bool { return f.ID == first }) {
		t.Fatalf("a second round gave %v; want two relations, one of them %s", told(facts), first)
	}
	rested := settle(facts)
	if again := relationFacts([]*Claim{early, undated, late}, apart, nil); !cmp.Equal(told(again), told(facts)) || again[0].ID != facts[0].ID {
		t.Errorf("working the same claims out again gave other relations")
	}

	// Without the year that held the two apart they become one.
	before := facts
	facts = relationFacts([]*Claim{undated, early}, apart, nil)
	if len(facts) != 1 {
		t.Fatalf("got %v", told(facts))
	}
	for _, old := range before {
		if heir := heirs(facts, rested)[old.ID]; old.ID != facts[0].ID && heir != "" && heir != facts[0].ID {
			t.Errorf("an old id leads to %s, want %s", heir, facts[0].ID)
		}
	}
}

// apart leaves every entity for itself.
func apart(id ID) ID { return id }

// A claim that moves from one relation to another and then to neither takes no
// id with it: two relations under one id would be one relation lost.
func TestRelationsNeverShareAnID(t *testing.T) {
	deal := func(revision Revision, start string, price float64) *Claim {
		s := &RelationStatement{Type: Acquired, From: "a", To: "b"}
		if start != "" {
			s.Start = MustDate(start)
		}
		if price > 0 {
			s.Money = &Money{price, "USD"}
		}
		c := claim(s, ID(fmt.Sprint(revision)), "")
		c.Revision = revision
		return c
	}
	var known []*Claim
	relations := 0
	for i, c := range []*Claim{deal(1, "2014", 0), deal(2, "", 100), deal(3, "2016", 0), deal(4, "2014", 200), deal(5, "2016", 300)} {
		known = append(known, c)
		facts := relationFacts(known, apart, nil)
		relations = len(facts)
		ids := make(map[ID]bool)
		for _, f := range facts {
			if ids[f.ID] {
				t.Errorf("with claim %d, two relations are called %s: %v", i+1, f.ID, told(facts))
			}
			ids[f.ID] = true
			if oldest := slices.MinFunc(f.claims, bySeniority); f.ID != relationID(oldest) {
				t.Errorf("with claim %d, the relation of claim %s is called %s", i+1, oldest.ID, f.ID)
			}
		}
	}
	if relations != 3 {
		t.Errorf("got %d relations, want 3", relations)
	}
}

func TestSymmetricRelationsAreOneFamily(t *testing.T) {
	a := &RelationStatement{Type: PartnersWith, From: "a", To: "b"}
	b := &RelationStatement{Type: PartnersWith, From: "b", To: "a"}
	if a.Family() != b.Family() {
		t.Error("partners in the other order are another family")
	}
	c, d := &RelationStatement{Type: Owns, From: "a", To: "b"}, &RelationStatement{Type: Owns, From: "b", To: "a"}
	if c.Family() == d.Family() {
		t.Error("owner and owned can change places")
	}
}

func TestEntityFacts(t *testing.T) {
	claims := []*Claim{
		claim(&EntityStatement{"amap", KindCompany}, "doc-2", "line 69"),
		claim(&NameStatement{"amap", "Amap", "en", NamePreferred}, "doc-2", "line 69"),
		claim(&NameStatement{"amap", "AutoNavi", "en", NameFormer}, "doc-4", "line 33"),
		claim(&NameStatement{"amap", "AutoNavi", "en", NameAlias}, "doc-4", "line 9"),
		claim(&NameStatement{"amap", "高德地图", "zh", NameAlias}, "doc-2", "line 69"),
		claim(&IdentifierStatement{"amap", "NASDAQ", "AMAP"}, "doc-2", "line 69"),
		claim(&IdentifierStatement{"amap", "nasdaq", " amap"}, "doc-4", "line 1"),
		claim(&FiscalYearStatement{"amap", MustDate("--03-31")}, "doc-2", "line 17"),
	}
	e := entityFact("amap", claims, nil)
	var names []string
	for _, n := range e.Names {
		names = append(names, fmt.Sprint(n.Text, " ", n.Kind, " ", len(n.Citations)))
	}
	want := []string{"Amap PREFERRED 1", "AutoNavi ALIAS 2", "高德地图 ALIAS 1"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if e.Names[1].Citations[0].Locator != "line 9" {
		t.Errorf("line 9 comes behind line 33: %v", e.Names[1].Citations)
	}
	if len(e.Identifiers) != 1 || len(e.Identifiers[0].Citations) != 2 {
		t.Errorf("identifiers that differ in case only: %+v", e.Identifiers)
	}
	if e.FiscalYearEnd.String() != "--03-31" {
		t.Errorf("fiscal year ends %s", e.FiscalYearEnd)
	}
	if got := e.Name("zh-Hans"); got != "高德地图" {
		t.Errorf("the Chinese name is %q", got)
	}
	if got := e.Name("fr"); got != "Amap" {
		t.Errorf("the French name is %q, want the preferred one", got)
	}
	if entityFact("amap", claims[1:], nil) != nil {
		t.Error("names alone make an entity")
	}
}
