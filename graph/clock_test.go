package graph_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClock turns the world's clock: for a whole operation, for one field, and
// not at all.
func TestClock(t *testing.T) {
	const (
		listed    = `query($at: PartialDate, $asOf: PartialDate) @at(asOf: $at) { entity(by: { name: "Amap" }) { relations(types: [LISTED_ON], asOf: $asOf) { nodes { to { id } } } } }`
		segments  = `query($at: PartialDate) @at(asOf: $at) { entity(by: { name: "DingTalk" }) { relations(types: [PART_OF]) { nodes { to { id } } } } }`
		chairman  = `query($at: PartialDate, $asOf: PartialDate) @at(asOf: $at) { company(name: "Alibaba") { people(asOf: $asOf) { edges { node { id } relation { title } } } } }`
		glasses   = `query($at: PartialDate) @at(asOf: $at) { company(name: "Alibaba") { products(first: 1000) { nodes { id } } } }`
		customers = `query($at: PartialDate) @at(asOf: $at) { company(name: "Alibaba Cloud") { customers { totalCount nodes { id } } } }`
		bought    = `query($at: PartialDate) @at(asOf: $at) { company(name: "Alibaba") { acquisitions(during: "2014/2016") { nodes { id } } } }`
		staff     = `query($at: PartialDate) @at(asOf: $at) { entity(by: { name: "Alibaba Cloud" }) { observations(metric: "customers") { nodes { period } } } }`
		partners  = `query($at: PartialDate, $during: Period) @at(asOf: $at) { company(name: "Alibaba Cloud") { partners(during: $during) { nodes { id } } } }`
	)
	cases := []struct {
		name, query string
		vars        vars
		path        string
		want        []string // sorted
	}{
		{"a listing, at no time", listed, nil, "entity.relations.nodes.to.id", []string{"nasdaq"}},
		{"a listing, before it ended", listed, vars{"at": "2013"}, "entity.relations.nodes.to.id", []string{"nasdaq"}},
		{"a listing, after it ended", listed, vars{"at": "2015"}, "entity.relations.nodes.to.id", nil},
		{"a listing, in the year in which it ended", listed, vars{"at": "2014-06-30"}, "entity.relations.nodes.to.id", []string{"nasdaq"}},
		{"a listing, the field before the operation", listed, vars{"at": "2015", "asOf": "2013"}, "entity.relations.nodes.to.id", []string{"nasdaq"}},
		{"a listing, the field after the operation", listed, vars{"at": "2013", "asOf": "2015"}, "entity.relations.nodes.to.id", nil},

		{"a segment, before the move", segments, vars{"at": "2021-03-31"}, "entity.relations.nodes.to.id", []string{"innovation-initiatives"}},
		{"a segment, after the move", segments, vars{"at": "2021-04"}, "entity.relations.nodes.to.id", []string{"cloud-computing-segment"}},
		{
			"a segment, at no time", segments, nil,
			"entity.relations.nodes.to.id",
			[]string{"cloud-computing-segment", "innovation-initiatives"},
		},

		{"a role", chairman, vars{"at": "2017-11-12"}, "company.people.edges[relation.title=Executive Chairman].node.id", []string{"jack-ma"}},
		{"a role, today", chairman, nil, "company.people.edges[relation.title=Executive Chairman].node.id", []string{"jack-ma"}},

		{"a product, the day before it is sold", glasses, vars{"at": "2025-11-26"}, "company.products.nodes[id=quark-ai-glasses].id", nil},
		{"a product, the day on which it is sold", glasses, vars{"at": "2025-11-27"}, "company.products.nodes[id=quark-ai-glasses].id", []string{"quark-ai-glasses"}},
		{"a product, today", glasses, nil, "company.products.nodes[id=quark-ai-glasses].id", []string{"quark-ai-glasses"}},
		{"customers, whose beginning is not known", customers, vars{"at": "1900"}, "company.customers.totalCount", []string{"9"}},

		{"deals, at no time", bought, nil, "company.acquisitions.nodes.id", []string{"alibaba-pictures", "amap", "damai", "lazada", "youku"}},
		{"deals, before the later ones", bought, vars{"at": "2015"}, "company.acquisitions.nodes.id", []string{"alibaba-pictures", "amap"}},
		{"figures, before the later ones", staff, vars{"at": "2016"}, "entity.observations.nodes.period", []string{"2016-03-31"}},

		{"partners, before one of them", partners, vars{"at": "2022"}, "company.partners.nodes.id", []string{"intel", "microsoft-azure"}},
		{"partners, during a year", partners, vars{"during": "2023"}, "company.partners.nodes.id", []string{"nvidia"}},
	}
	onEveryEngine(t, func(t *testing.T, w *world) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				var got []string
				for _, row := range pick(map[string]any{"data": w.data(t, c.query, c.vars)}, "data."+c.path) {
					got = append(got, showRow(map[string]any{"value": row}, "value"))
				}
				slices.Sort(got)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	})
}

// TestStatesAreTodays keeps what has ended apart from what holds.
func TestStatesAreTodays(t *testing.T) {
	w := worldOf(t, `source: report
sources: [{id: report, title: A report}]
entities:
  - {id: firm, kind: company, name: Firm, at: 1}
  - {id: first-owner, kind: company, name: First Owner, at: 1}
  - {id: second-owner, kind: company, name: Second Owner, at: 1}
  - {id: next-owner, kind: company, name: Next Owner, at: 1}
  - {id: old-chief, kind: person, name: Old Chief, at: 1}
  - {id: new-chief, kind: person, name: New Chief, at: 1}
relations:
  - {type: owns, from: first-owner, to: firm, since: 2001, until: 2010-07-01, stake: 100, at: 2}
  - {type: owns, from: second-owner, to: firm, since: 2010-07-01, stake: 100, at: 3}
  - {type: owns, from: next-owner, to: firm, since: 2030, stake: 100, at: 4}
  - {type: holds_role, from: old-chief, to: firm, title: Chief, since: 2001, until: 2020, at: 5}
  - {type: holds_role, from: new-chief, to: firm, title: Chief, since: 2020, at: 6}
`)
	const states = `query($at: PartialDate, $asOf: PartialDate) @at(asOf: $at) {
  company(name: "Firm") { owners(asOf: $asOf) { nodes { id } } people(asOf: $asOf) { nodes { id } } }
}`
	for _, c := range []struct {
		at, asOf any
		want     string
	}{
		{nil, nil, "second-owner new-chief"},
		{"2005", nil, "first-owner old-chief"},
		{"2010-06-30", nil, "first-owner old-chief"},
		{"2010-07-01", nil, "second-owner old-chief"},
		{"2005", "2015", "second-owner old-chief"},
		{nil, "2031", "second-owner,next-owner new-chief"},
		{nil, "1999", "- -"},
	} {
		got := showRow(w.data(t, states, vars{"at": c.at, "asOf": c.asOf}), "company.owners.nodes.id company.people.nodes.id")
		if got != c.want {
			t.Errorf("at %v, asOf %v: got %s; want %s", c.at, c.asOf, got, c.want)
		}
	}
	all := showRow(w.data(t, `{ company(name: "Firm") { relations { totalCount } } }`, nil), "company.relations.totalCount")
	if all != "5" {
		t.Errorf("the generic relations are %s; want all 5", all)
	}
}
