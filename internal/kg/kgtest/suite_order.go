package kgtest

import (
	"fmt"
	"slices"

	"keiretsu/internal/kg"
)

// starts are dates in the order of starts; those of the same place carry the
// same number.
var starts = []struct {
	text  string
	place int
}{
	{"[..1969-12-31]", 0},
	{"[..2013]", 1},
	{"[..2014]", 2},
	{"0001", 3},
	{"1066-10-14", 4},
	{"1969-12-31", 5},
	{"1970-01-01", 6},
	{"1970", 7},
	{"2013", 8},
	{"2014-01-01", 9},
	{"2014-01", 10},
	{"[2014-01-01..2014-06]", 11},
	{"2014", 12},
	{"[2014-01..2014-12]", 12},
	{"[2014..2015]", 13},
	{"[2014..]", 14},
	{"2014-01-02", 15},
	{"2014-04", 16},
	{"[2015..]", 17},
	{"9999-12-31", 18},
	{"", 19},
	{"--03-31", 19},
	{"", 19},
}

// inPlaces calls add for each start with an id that is in order only among
// equals, last things first, and returns the ids in the order of starts.
func inPlaces(prefix string, add func(id kg.ID, start kg.PartialDate)) []kg.ID {
	ids := make([]kg.ID, len(starts))
	for i := len(starts) - 1; i >= 0; i-- {
		ids[i] = kg.ID(fmt.Sprintf("%s%02d.%02d", prefix, 99-starts[i].place, i))
		add(ids[i], date(starts[i].text))
	}
	return ids
}

var relationsBehaviours = []behaviour{
	{"come by place of the start, unknown ones last, from any place to any place", func(t *subject) {
		var batch []kg.Record
		places := make(map[kg.ID]kg.RelationPlace)
		ids := inPlaces("r", func(id kg.ID, start kg.PartialDate) {
			r := relation(id, kg.Owns, "a", "b", "", "")
			r.Start = start
			places[id] = r.Place()
			batch = append(batch, r)
		})
		// What stands elsewhere must not come along.
		batch = append(batch, company("a"), company("b"), company("aa"), relation("r-else", kg.Owns, "aa", "aa", "2014", ""))
		t.put(batch...)
		for i, q := range []kg.RelationQuery{
			{Of: []kg.ID{"a"}, Direction: kg.Out},
			{Of: []kg.ID{"b"}, Direction: kg.In},
			{Of: []kg.ID{"a"}, Direction: kg.Both},
			{Of: []kg.ID{"b"}, Direction: kg.Both},
		} {
			cut(t, len(ids), 1+2*i, ids, func(after, before int, reverse bool, limit int) []kg.ID {
				q := q
				q.Reverse, q.Limit = reverse, limit
				if after >= 0 {
					p := places[ids[after]]
					q.After = &p
				}
				if before < len(ids) {
					p := places[ids[before]]
					q.Before = &p
				}
				return t.relations(q)
			})
		}
		t.delete("r-else")
		all := kg.RelationQuery{All: true}
		t.want("all", t.relations(all), ids)
		all.Reverse = true
		t.want("all, reverse", t.relations(all), reversed(ids))
		after, before := places[ids[3]], places[ids[len(ids)-2]]
		all.After, all.Before = &after, &before
		t.want("all, between", t.relations(all), reversed(ids[4:len(ids)-2]))
		all.Limit = 2
		t.want("all, limited", t.relations(all), reversed(ids[len(ids)-4:len(ids)-2]))
		nobodys := kg.RelationPlace{Start: kg.MustDate("2014").Place(), ID: "zzz"}
		t.want("behind nobody's place", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Out, After: &nobodys, Limit: 1}), []kg.ID{ids[14]})
		t.want("before nobody's place", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Out, Before: &nobodys, Reverse: true, Limit: 1}), []kg.ID{ids[13]})
	}},
	{"come entity by entity as asked", func(t *subject) {
		t.put(
			company("a"), company("b"), company("c"), company("d"), &kg.Redirect{From: "old", To: "a"},
			relation("r-1", kg.Owns, "a", "b", "2016", ""), relation("r-2", kg.Owns, "b", "a", "2015", ""),
			relation("r-3", kg.Owns, "c", "a", "2014", ""), relation("r-4", kg.Owns, "d", "d", "2013", ""),
		)
		q := kg.RelationQuery{Of: []kg.ID{"d", "nobody", "c", "r-1", "a", "old", "b", ""}, Direction: kg.Both}
		seen := func() (seen []string) {
			for _, e := range t.edges(q) {
				seen = append(seen, fmt.Sprint(e.At, " ", e.Out, " ", e.Relation.ID))
			}
			return seen
		}
		t.want("edges", seen(), []string{"0 true r-4", "2 true r-3", "4 false r-3", "4 false r-2", "4 true r-1", "6 true r-2", "6 false r-1"})
		q.Reverse = true
		t.want("reverse", seen(), []string{"0 true r-4", "2 true r-3", "4 true r-1", "4 false r-2", "4 false r-3", "6 false r-1", "6 true r-2"})
		q.Limit = 1
		t.want("one of each", seen(), []string{"0 true r-4", "2 true r-3", "4 true r-1", "6 false r-1"})
		place := relation("r-2", kg.Owns, "", "", "2015", "").Place()
		q.After = &place
		t.want("behind a place", seen(), []string{"4 true r-1", "6 false r-1"})
		q.After, q.Before = nil, &place
		t.want("before a place", seen(), []string{"0 true r-4", "2 true r-3", "4 false r-3"})
		q.Of = nil
		t.want("of nobody", t.relations(q), []kg.ID{})
		t.want("of absent ones", t.relations(kg.RelationQuery{Of: []kg.ID{"nobody"}, Direction: kg.Out}), []kg.ID{})
	}},
	{"are not lost where a frontier names an entity twice", func(t *subject) {
		t.put(
			company("a"), company("b"), relation("r-1", kg.Owns, "a", "b", "2014", ""), relation("r-2", kg.Owns, "a", "a", "2015", ""),
			relation("r-3", kg.Owns, "b", "b", "2016", ""), observation("o-1", "a", "staff", "2014"), observation("o-2", "b", "staff", "2014"),
		)
		// At which of its places an entity's relations come, and whether at
		// both, is open.
		of := []kg.ID{"a", "b", "a"}
		seen := make(map[kg.ID][]kg.ID)
		for _, e := range t.edges(kg.RelationQuery{Of: of, Direction: kg.Out}) {
			if id := of[e.At]; !slices.Contains(seen[id], e.Relation.ID) {
				seen[id] = append(seen[id], e.Relation.ID)
			}
		}
		t.want("relations", seen, map[kg.ID][]kg.ID{"a": {"r-1", "r-2"}, "b": {"r-3"}})
		figures := make(map[kg.ID]kg.ID)
		for _, f := range t.figured(kg.ObservationQuery{Of: of}) {
			figures[of[f.At]] = f.Observation.ID
		}
		t.want("observations", figures, map[kg.ID]kg.ID{"a": "o-1", "b": "o-2"})
	}},
	{"stand at either end, whatever the type", func(t *subject) {
		t.put(
			company("a"), company("b"), relation("r-owns", kg.Owns, "a", "b", "2014", ""), relation("r-partners", kg.PartnersWith, "a", "b", "2015", ""),
			relation("r-competes", kg.CompetesWith, "b", "a", "2016", ""),
		)
		for _, c := range []struct {
			at   kg.ID
			d    kg.Direction
			want []kg.ID
		}{
			{"a", kg.Out, []kg.ID{"r-owns", "r-partners"}},
			{"a", kg.In, []kg.ID{"r-competes"}},
			{"a", kg.Both, []kg.ID{"r-owns", "r-partners", "r-competes"}},
			{"b", kg.Out, []kg.ID{"r-competes"}},
			{"b", kg.In, []kg.ID{"r-owns", "r-partners"}},
			{"b", kg.Both, []kg.ID{"r-owns", "r-partners", "r-competes"}},
		} {
			t.want(fmt.Sprintf("%s of %s", c.d, c.at), t.relations(kg.RelationQuery{Of: []kg.ID{c.at}, Direction: c.d}), c.want)
		}
	}},
	{"from an entity to itself come once", func(t *subject) {
		t.put(
			company("a"), company("b"), relation("r-2", kg.Owns, "a", "a", "2014", ""), relation("r-1", kg.Owns, "a", "b", "2015", ""),
			relation("r-3", kg.PartnersWith, "a", "a", "", ""),
		)
		t.want("out", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Out}), []kg.ID{"r-2", "r-1", "r-3"})
		t.want("in", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.In}), []kg.ID{"r-2", "r-3"})
		t.want("both", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Both}), []kg.ID{"r-2", "r-1", "r-3"})
		t.want("both, limited", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Both, Limit: 2}), []kg.ID{"r-2", "r-1"})
		t.want("both, reverse", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Both, Reverse: true, Limit: 2}), []kg.ID{"r-3", "r-1"})
		t.want("all", t.relations(kg.RelationQuery{All: true}), []kg.ID{"r-2", "r-1", "r-3"})
		for _, d := range []kg.Direction{kg.Out, kg.In, kg.Both} {
			for _, e := range t.edges(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: d}) {
				t.want(fmt.Sprintf("%s: %s is From of %s", d, "a", e.Relation.ID), e.Out, true)
			}
		}
	}},
	{"run in parallel", func(t *subject) {
		t.put(
			company("a"), company("b"), relation("r-1", kg.Owns, "a", "b", "2014", ""), relation("r-3", kg.Owns, "a", "b", "2014", ""),
			relation("r-2", kg.Owns, "a", "b", "2014", ""), relation("r-4", kg.Supplies, "a", "b", "2014", ""), relation("r-0", kg.Owns, "b", "a", "2014", ""),
		)
		t.want("both", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Both}), []kg.ID{"r-0", "r-1", "r-2", "r-3", "r-4"})
		t.delete("r-2")
		t.want("without one", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Both}), []kg.ID{"r-0", "r-1", "r-3", "r-4"})
	}},
	{"of the whole graph come once and use no frontier", func(t *subject) {
		t.put(
			company("a"), company("b"), company("c"), relation("r-1", kg.Owns, "a", "b", "2015", ""), relation("r-2", kg.Supplies, "b", "c", "2014", ""),
			relation("r-3", kg.Owns, "c", "c", "", ""),
		)
		q := kg.RelationQuery{All: true, Of: []kg.ID{"a", "nobody"}, Direction: kg.In, Kinds: []kg.EntityKind{kg.KindPlace}}
		t.want("all", t.relations(q), []kg.ID{"r-2", "r-1", "r-3"})
		for _, e := range t.edges(q) {
			t.want("At of "+string(e.Relation.ID), e.At, 0)
		}
		q.Types = []kg.RelationType{kg.Owns}
		t.want("of a type", t.relations(q), []kg.ID{"r-1", "r-3"})
		q.Limit = 1
		t.want("limited", t.relations(q), []kg.ID{"r-1"})
		q.Reverse = true
		t.want("limited, reverse", t.relations(q), []kg.ID{"r-3"})
	}},
	{"pass the filters of type, other end and stake", func(t *subject) {
		stake := func(r *kg.Relation, share kg.Share) *kg.Relation { r.Stake = &share; return r }
		to := func(r *kg.Relation, kind kg.EntityKind) *kg.Relation { r.ToKind = kind; return r }
		t.put(
			company("a"), entity("p", kg.KindPerson, "p"), entity("o", kg.KindOrganization, "o"), entity("s", kg.KindProduct, "s"),
			stake(relation("r-1", kg.Owns, "a", "a", "2011", ""), kg.ExactShare(60)),
			stake(to(relation("r-2", kg.Acquired, "a", "o", "2012", ""), kg.KindOrganization), kg.ControllingShare),
			stake(to(relation("r-3", kg.InvestedIn, "a", "o", "2013", ""), kg.KindOrganization), kg.ExactShare(49.9)),
			stake(to(relation("r-4", kg.Owns, "a", "o", "2014", ""), kg.KindOrganization), kg.UnknownShare),
			to(relation("r-5", kg.Owns, "a", "o", "2015", ""), kg.KindOrganization),
			to(relation("r-6", kg.Offers, "a", "s", "2016", ""), kg.KindProduct),
			&kg.Relation{
				ID: "r-8", Type: kg.Owns, From: "p", To: "a", FromKind: kg.KindPerson, ToKind: kg.KindCompany, Start: kg.MustDate("2018"), Stake: &kg.WholeShare,
				Attributes: []kg.Attribute{{Key: kg.AttributeDeclared, Value: kg.DeclaredIndirect}},
			},
			&kg.Relation{ID: "r-7", Type: kg.Owns, From: "p", To: "a", FromKind: kg.KindPerson, ToKind: kg.KindCompany, Start: kg.MustDate("2017"), Stake: &kg.WholeShare},
		)
		for _, c := range []struct {
			name string
			q    kg.RelationQuery
			want []kg.ID
		}{
			{"none", kg.RelationQuery{}, []kg.ID{"r-1", "r-2", "r-3", "r-4", "r-5", "r-6", "r-7", "r-8"}},
			{"empty lists", kg.RelationQuery{Types: []kg.RelationType{}, Kinds: []kg.EntityKind{}}, []kg.ID{"r-1", "r-2", "r-3", "r-4", "r-5", "r-6", "r-7", "r-8"}},
			{"a type", kg.RelationQuery{Types: []kg.RelationType{kg.Owns}}, []kg.ID{"r-1", "r-4", "r-5", "r-7", "r-8"}},
			{"two types", kg.RelationQuery{Types: []kg.RelationType{kg.Offers, kg.Acquired}}, []kg.ID{"r-2", "r-6"}},
			{"a type named twice", kg.RelationQuery{Types: []kg.RelationType{kg.Acquired, kg.Acquired}}, []kg.ID{"r-2"}},
			{"an unused type", kg.RelationQuery{Types: []kg.RelationType{kg.RelatedTo}}, nil},
			{"out only", kg.RelationQuery{Direction: kg.Out, Types: []kg.RelationType{kg.Owns}}, []kg.ID{"r-1", "r-4", "r-5"}},
			{"in only", kg.RelationQuery{Direction: kg.In, Types: []kg.RelationType{kg.Owns}}, []kg.ID{"r-1", "r-7", "r-8"}},
			{"a kind", kg.RelationQuery{Kinds: []kg.EntityKind{kg.KindOrganization}}, []kg.ID{"r-2", "r-3", "r-4", "r-5"}},
			{"kinds", kg.RelationQuery{Kinds: []kg.EntityKind{kg.KindPerson, kg.KindProduct}}, []kg.ID{"r-6", "r-7", "r-8"}},
			{"the kind of itself", kg.RelationQuery{Kinds: []kg.EntityKind{kg.KindCompany}}, []kg.ID{"r-1"}},
			{"any stake at all", kg.RelationQuery{MinStake: 0.01}, []kg.ID{"r-1", "r-2", "r-3", "r-7", "r-8"}},
			{"half", kg.RelationQuery{MinStake: 50}, []kg.ID{"r-1", "r-2", "r-7", "r-8"}},
			{"more than half", kg.RelationQuery{MinStake: 50.1}, []kg.ID{"r-1", "r-7", "r-8"}},
			{"all of it", kg.RelationQuery{MinStake: 100}, []kg.ID{"r-7", "r-8"}},
			{"without summaries", kg.RelationQuery{MinStake: 100, Direct: true}, []kg.ID{"r-7"}},
			{"a limit counts no summaries", kg.RelationQuery{Direct: true, Limit: 1, Reverse: true}, []kg.ID{"r-7"}},
			{"all together", kg.RelationQuery{Types: []kg.RelationType{kg.Owns, kg.Acquired}, Kinds: []kg.EntityKind{kg.KindOrganization}, MinStake: 50}, []kg.ID{"r-2"}},
			{"a limit counts what passes", kg.RelationQuery{Kinds: []kg.EntityKind{kg.KindProduct, kg.KindPerson}, Limit: 1}, []kg.ID{"r-6"}},
			{"also in reverse", kg.RelationQuery{MinStake: 50, Limit: 2, Reverse: true}, []kg.ID{"r-8", "r-7"}},
		} {
			c.q.Of = []kg.ID{"a"}
			if c.q.Direction == 0 {
				c.q.Direction = kg.Both
			}
			t.want(c.name, t.relations(c.q), c.want)
		}
		t.want("half of the graph", t.relations(kg.RelationQuery{All: true, MinStake: 50}), []kg.ID{"r-1", "r-2", "r-7", "r-8"})
		t.want("half of the graph without summaries", t.relations(kg.RelationQuery{All: true, MinStake: 50, Direct: true}), []kg.ID{"r-1", "r-2", "r-7"})
	}},
	{"pass the filters of time", func(t *subject) {
		t.put(
			company("a"), company("b"),
			relation("e-day", kg.Acquired, "a", "b", "2014-04-13", ""), relation("e-from", kg.Acquired, "a", "b", "[2013..]", ""),
			relation("e-late", kg.Acquired, "a", "b", "2016", ""), relation("e-none", kg.Acquired, "a", "b", "", ""),
			relation("e-until", kg.Acquired, "a", "b", "[..2014]", ""), relation("e-within", kg.Acquired, "a", "b", "[2013..2014]", ""),
			relation("e-year", kg.Acquired, "a", "b", "2014", ""),
			relation("s-2010", kg.Owns, "a", "b", "2010", ""), relation("s-ended", kg.Owns, "a", "b", "2010", "2013-06-01"),
			relation("s-ends", kg.Owns, "a", "b", "2012", "2014"), relation("s-ends-open", kg.Owns, "a", "b", "2012", "[2013..]"),
			relation("s-late", kg.Owns, "a", "b", "2015", ""), relation("s-none", kg.Owns, "a", "b", "", ""),
			relation("s-none-ended", kg.Owns, "a", "b", "", "2012"), relation("s-starts", kg.Owns, "a", "b", "2014", ""),
			relation("s-until", kg.Owns, "a", "b", "[..2012]", ""),
		)
		during := kg.MustPeriod("2014")
		day := kg.DayOf(noon.AddDate(-6, 0, 0)) // 2014-03-01
		for name, c := range map[string]struct {
			when kg.When
			want []kg.ID
		}{
			"certainly in 2014": {
				kg.When{During: during},
				[]kg.ID{"e-day", "e-year", "s-2010", "s-starts", "s-until"},
			},
			"possibly in 2014": {
				kg.When{During: during, Certainty: kg.Possible},
				[]kg.ID{"e-day", "e-from", "e-until", "e-within", "e-year", "s-2010", "s-ends", "s-ends-open", "s-none", "s-starts", "s-until"},
			},
			"as of 2014-03-01": {
				kg.When{AsOf: &day},
				[]kg.ID{"e-from", "e-none", "e-until", "e-within", "e-year", "s-2010", "s-ends", "s-ends-open", "s-none", "s-starts", "s-until"},
			},
			"certainly since 2014, as of 2014-03-01": {
				kg.When{During: kg.MustPeriod("2014/.."), AsOf: &day},
				[]kg.ID{"e-year", "s-2010", "s-starts", "s-until"},
			},
			"possibly until 2012": {
				kg.When{During: kg.MustPeriod("../2012"), Certainty: kg.Possible},
				[]kg.ID{"e-until", "s-2010", "s-ended", "s-ends", "s-ends-open", "s-none", "s-none-ended", "s-until"},
			},
			"ever, certainly": {
				kg.When{During: kg.MustPeriod("../..")},
				[]kg.ID{
					"e-day", "e-from", "e-late", "e-until", "e-within", "e-year", "s-2010", "s-ended", "s-ends", "s-ends-open", "s-late", "s-starts", "s-until",
				},
			},
			"ever, possibly": {
				kg.When{During: kg.MustPeriod("../.."), Certainty: kg.Possible},
				[]kg.ID{
					"e-day", "e-from", "e-late", "e-until", "e-within", "e-year", "s-2010", "s-ended", "s-ends", "s-ends-open", "s-late", "s-none",
					"s-none-ended", "s-starts", "s-until",
				},
			},
		} {
			for _, q := range []kg.RelationQuery{
				{Of: []kg.ID{"a"}, Direction: kg.Out, When: c.when},
				{Of: []kg.ID{"b"}, Direction: kg.In, When: c.when, Reverse: true},
				{Of: []kg.ID{"b"}, Direction: kg.Both, When: c.when},
				{Of: []kg.ID{"a"}, Direction: kg.Out, When: c.when, Types: []kg.RelationType{kg.Owns, kg.Acquired}},
				{All: true, When: c.when},
				{All: true, When: c.when, Reverse: true},
			} {
				got := t.relations(q)
				slices.Sort(got)
				t.want(name, got, c.want)
			}
		}
	}},
	{"answer a frontier of thousands", func(t *subject) {
		const n = 2000
		batch := []kg.Record{company("hub")}
		frontier := []kg.ID{"hub"}
		for i := range n {
			id := kg.ID(fmt.Sprintf("c%04d", i))
			batch = append(batch, company(id), relation("r"+id, kg.Supplies, id, "hub", fmt.Sprintf("%d", 1000+i), ""))
			frontier = append(frontier, id)
		}
		t.put(batch...)
		edges := t.edges(kg.RelationQuery{Of: frontier, Direction: kg.Both})
		t.want("edges", len(edges), 2*n)
		for i, e := range edges {
			if at := max(0, i-n+1); e.At != at || e.Out != (at > 0) {
				t.Fatalf("edge %d is at %d, out %v; want at %d, out %v", i, e.At, e.Out, at, at > 0)
			}
		}
	}},
}

var observationsBehaviours = []behaviour{
	{"come by metric, period and id, from any place to any place", func(t *subject) {
		list := []*kg.Observation{
			observation("o-9", "a", "Staff", "2014"),
			observation("o-8", "a", "sales", "../2013"),
			observation("o-7", "a", "sales", "../.."),
			observation("o-6", "a", "sales", "1969-12-31"),
			observation("o-5", "a", "sales", "2014-01-01"),
			observation("o-4", "a", "sales", "2014"),
			observation("o-41", "a", "sales", "2014-01/2014-12"),
			observation("o-3", "a", "sales", "2014/.."),
			observation("o-2", "a", "sales", ""),
			observation("o-20", "a", "sales", ""),
			observation("o-1", "a", "sales_of_parts", "2001"),
			observation("o-0", "a", "staff", "2000"),
		}
		batch := []kg.Record{company("a"), company("aa"), observation("o-else", "aa", "sales", "2014")}
		places := make(map[kg.ID]kg.ObservationPlace)
		var ids []kg.ID
		for _, o := range list {
			batch = append(batch, o)
			places[o.ID] = o.Place()
			ids = append(ids, o.ID)
		}
		t.put(batch...)
		cut(t, len(ids), 1, ids, func(after, before int, reverse bool, limit int) []kg.ID {
			q := kg.ObservationQuery{Of: []kg.ID{"a"}, Reverse: reverse, Limit: limit}
			if after >= 0 {
				p := places[ids[after]]
				q.After = &p
			}
			if before < len(ids) {
				p := places[ids[before]]
				q.Before = &p
			}
			return t.observations(q)
		})
		nobodys := kg.ObservationPlace{Metric: "sales_of", Period: kg.MustPeriod("2014").Place(), ID: "o"}
		t.want("behind nobody's place", t.observations(kg.ObservationQuery{Of: []kg.ID{"a"}, After: &nobodys}), []kg.ID{"o-1", "o-0"})
		t.want("metrics", t.observations(kg.ObservationQuery{Of: []kg.ID{"a"}, Metrics: []string{"staff", "Staff", "unheard"}}), []kg.ID{"o-9", "o-0"})
		place := places["o-4"]
		t.want("metrics behind a place of another", t.observations(kg.ObservationQuery{Of: []kg.ID{"a"}, Metrics: []string{"staff", "Staff"}, After: &place}), []kg.ID{"o-0"})
		t.want("metrics before a place, backwards", t.observations(kg.ObservationQuery{Of: []kg.ID{"a"}, Metrics: []string{"sales", "Staff"}, Before: &place, Reverse: true, Limit: 2}), []kg.ID{"o-5", "o-6"})
	}},
	{"come entity by entity as asked", func(t *subject) {
		t.put(
			company("a"), company("b"), company("c"), &kg.Redirect{From: "old", To: "a"},
			observation("o-1", "a", "staff", "2014"), observation("o-2", "a", "staff", "2013"), observation("o-3", "b", "sales", "2014"),
			observation("o-4", "b", "sales", ""), observation("o-5", "c", "staff", "2014"),
		)
		q := kg.ObservationQuery{Of: []kg.ID{"c", "nobody", "b", "o-1", "old", "a"}}
		seen := func() (seen []string) {
			for _, f := range t.figured(q) {
				seen = append(seen, fmt.Sprint(f.At, " ", f.Observation.ID))
			}
			return seen
		}
		t.want("figured", seen(), []string{"0 o-5", "2 o-3", "2 o-4", "5 o-2", "5 o-1"})
		q.Reverse = true
		t.want("reverse", seen(), []string{"0 o-5", "2 o-4", "2 o-3", "5 o-1", "5 o-2"})
		q.Limit = 1
		t.want("one of each", seen(), []string{"0 o-5", "2 o-4", "5 o-1"})
		q.Metrics = []string{"staff"}
		t.want("of a metric", seen(), []string{"0 o-5", "5 o-1"})
		q.Of = nil
		t.want("of nobody", t.observations(q), []kg.ID{})
	}},
	{"pass the filters of time", func(t *subject) {
		t.put(
			company("a"), observation("o-1", "a", "staff", "2013"), observation("o-2", "a", "staff", "2014"), observation("o-3", "a", "staff", "2014-06"),
			observation("o-4", "a", "staff", "2013/2014"), observation("o-5", "a", "staff", "2014-12-31/2015-01-01"), observation("o-6", "a", "staff", "2014/.."),
			observation("o-7", "a", "staff", "../2014"), observation("o-8", "a", "staff", ""), observation("o-9", "a", "staff", "2015"),
		)
		day := kg.DayOf(noon.AddDate(-6, 0, 0)) // 2014-03-01
		for name, c := range map[string]struct {
			when kg.When
			want []kg.ID
		}{
			"always":            {kg.When{}, []kg.ID{"o-7", "o-1", "o-4", "o-2", "o-6", "o-3", "o-5", "o-9", "o-8"}},
			"certainly in 2014": {kg.When{During: kg.MustPeriod("2014")}, []kg.ID{"o-2", "o-3"}},
			"possibly in 2014":  {kg.When{During: kg.MustPeriod("2014"), Certainty: kg.Possible}, []kg.ID{"o-7", "o-4", "o-2", "o-6", "o-3", "o-5"}},
			"since 2014":        {kg.When{During: kg.MustPeriod("2014/..")}, []kg.ID{"o-2", "o-6", "o-3", "o-5", "o-9"}},
			"as of 2014-03-01":  {kg.When{AsOf: &day}, []kg.ID{"o-7", "o-1", "o-4", "o-2", "o-6", "o-8"}},
			"both":              {kg.When{AsOf: &day, During: kg.MustPeriod("2014"), Certainty: kg.Possible}, []kg.ID{"o-7", "o-4", "o-2", "o-6"}},
		} {
			t.want(name, t.observations(kg.ObservationQuery{Of: []kg.ID{"a"}, When: c.when}), c.want)
			t.want(name+", backwards", t.observations(kg.ObservationQuery{Of: []kg.ID{"a"}, When: c.when, Reverse: true}), reversed(c.want))
			t.want(name+", limited", t.observations(kg.ObservationQuery{Of: []kg.ID{"a"}, When: c.when, Metrics: []string{"staff"}, Limit: 2}), first(2, c.want))
		}
	}},
}
