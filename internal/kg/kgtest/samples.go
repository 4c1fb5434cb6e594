package kgtest

import (
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// OneOfEverything returns records of every kind that hold every field, each
// with a value that a careless encoding would change.
func OneOfEverything() []kg.Record {
	elsewhere := time.Date(2019, 12, 31, 23, 59, 59, 123456789, time.FixedZone("east", 8*3600))
	citations := []kg.Citation{
		{Claim: "c-1", Source: "report", Locator: "line 49", AttributedTo: "zoe"},
		{Claim: "c-2", Source: "report"},
	}
	attributes := []kg.Attribute{{Key: "seats", Value: "2"}, {Key: "wording", Value: "“über”\n\x00 高"}}
	stake := kg.Share{Min: 100.0 / 3, Max: 72.3404, MinOpen: true, MaxOpen: true, Wording: "a third, and more"}
	money := kg.Money{Amount: 177_000_000.25, Currency: "USD"}
	figure := kg.Figure{
		Subject: "acme", Metric: "annual_active_users", Value: 1.0000000000000002e300, Unit: "people",
		Qualifier: kg.MoreThan, Nature: kg.Forecast, Period: kg.MustPeriod("2014-04/.."), Label: "FY2014", Scope: "全球",
		Dimensions: attributes,
	}
	dated := kg.Figure{Subject: "acme", Metric: "launch", Date: kg.MustDate("[2014-04..2015]"), Unit: kg.UnitDate}
	records := []kg.Record{
		&kg.Entity{
			ID: "acme", Kind: kg.KindCompany,
			Names: []kg.Name{
				{Text: "Acme", Lang: "en", Kind: kg.NamePreferred, Citations: citations},
				{Text: "阿克梅有限公司", Lang: "zh-Hans", Kind: kg.NameLegal},
				{Text: strings.Repeat("é", 500), Kind: kg.NameFormer},
			},
			Identifiers:   []kg.Identifier{{Scheme: "LEI", Value: " 5493001KJTIIGC8Y1R12", Citations: citations}},
			FiscalYearEnd: kg.MustDate("--03-31"),
			Absences: []kg.Absence{
				{Relation: kg.Owns, Direction: kg.In, Kind: kg.AbsenceUnknown, Text: "a \"trust\"", Start: kg.MustDate("2014"), Citations: citations},
				{Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceNone, Reason: "NATURAL_PERSONS", End: kg.MustDate("[2014..]")},
			},
			Citations: citations,
			Merged:    []kg.ID{"acme-ltd", "lei:5493001KJTIIGC8Y1R12"},
		},
		entity("zoe", kg.KindPerson, "Zoë"),
		&kg.Relation{
			ID: "r-1", Type: kg.Owns, From: "zoe", To: "acme", FromKind: kg.KindPerson, ToKind: kg.KindCompany,
			Start: kg.MustDate("[..1066-10-14]"), End: kg.MustDate("9999"), OpenedBy: "r-3", EndedBy: "r-2", Stake: &stake, Money: &money,
			Text: "控股 \"and\" more", Attributes: attributes, Note: "a\tnote", Citations: citations,
		},
		&kg.Observation{ID: "o-1", Figure: figure, Note: "as printed", Citations: citations},
		&kg.Observation{ID: "o-2", Figure: dated},
		&kg.Source{
			ID: "report", Title: "Annual report", Publisher: "Acme", Author: "Zoë", Kind: "report", URL: "https://example.org/?a=b&c",
			Note: "scanned", Published: kg.MustDate("2015-05"), Updated: kg.MustDate("2016"), Langs: []string{"en", "zh-Hans"},
			Recorded: elsewhere, Revision: 3, By: "token:anna",
			Earlier: []*kg.Source{
				{ID: "report", Title: "Report"},
				{ID: "report", Title: "Annual report", Note: "two\nlines", Langs: []string{"en"}, Recorded: elsewhere, Revision: 2, By: "seeds"},
			},
		},
		&kg.Metric{
			Name: "annual_active_users", Definition: "whoever came once in a year", Unit: "people",
			AddsOverTime: true, AddsOverParts: true, SameAs: []string{"users", "buyers"},
		},
		&kg.Conflict{
			ID: "x-1", About: "acme", Predicate: "founded", Kind: kg.DerivedConflict, Rule: "dates", Note: "one of them is wrong",
			Claims: []kg.Position{{Value: "1999", Citations: citations}, {Value: "1998"}},
		},
		&kg.Redirect{From: "acme-inc", To: "acme"},
		&kg.Receipt{ID: "k-1", By: "token:anna", Digest: "00ff", Revision: 1 << 40, At: elsewhere},
	}
	for i, s := range []kg.Statement{
		&kg.EntityStatement{Entity: "acme", Kind: kg.KindCompany},
		&kg.NameStatement{Entity: "acme", Text: "Acme", Lang: "en", Kind: kg.NamePreferred},
		&kg.IdentifierStatement{Entity: "acme", Scheme: "LEI", Value: "5493001KJTIIGC8Y1R12"},
		&kg.FiscalYearStatement{Entity: "acme", End: kg.MustDate("--02-29")},
		&kg.RelationStatement{
			Type: kg.Owns, From: "zoe", To: "acme", Start: kg.MustDate("[2014..]"), End: kg.MustDate("[..2020]"),
			Stake: &stake, Money: &money, Text: "holds", Attributes: attributes,
		},
		&kg.RelationStatement{Type: kg.CompetesWith, From: "zoe", To: "acme"},
		&kg.RelationStatement{Type: kg.Controls, From: "zoe", To: "acme", Text: "votes", Attributes: []kg.Attribute{{Key: kg.AttributeDeclared, Value: kg.DeclaredUltimate}}},
		&kg.AbsenceStatement{
			Entity: "acme", Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceWithheld, Reason: "NON_PUBLIC", Text: "“not told”",
			Start: kg.MustDate("2014"), End: kg.MustDate("[2014..]"),
		},
		&figure,
		&dated,
		&kg.SameStatement{Entity: "acme-ltd", As: "acme"},
		&kg.DifferentStatement{Entity: "zoe", Other: "acme"},
	} {
		records = append(records, &kg.Claim{
			ID: kg.ID("c-" + string(rune('1'+i))), Statement: s, Source: "report", Locator: "line 49", AttributedTo: "zoe", Note: "noted",
			Spell: kg.Spell{
				Fact: "acme", Recorded: elsewhere, Revision: 1 << 40, By: "token:anna",
				Retracted: &kg.Retraction{At: elsewhere.Add(time.Nanosecond), Revision: 1<<40 + 1, By: "token:ben", Reason: "withdrawn"},
			},
			Earlier: []kg.Spell{
				{Fact: "zoe", Recorded: elsewhere, Revision: 7, Retracted: &kg.Retraction{At: elsewhere, Revision: 8, Reason: "wrong"}},
				{Recorded: elsewhere, Revision: 9, By: "seeds", Retracted: &kg.Retraction{At: elsewhere, Revision: 10, By: "seeds", Reason: "wrong"}},
			},
		})
	}
	return append(records, &kg.Claim{ID: "c-bare", Statement: &kg.EntityStatement{Entity: "zoe", Kind: kg.KindPerson}, Source: "report"})
}

// entity returns an entity whose first name is preferred and the others aliases.
func entity(id kg.ID, kind kg.EntityKind, names ...string) *kg.Entity {
	e := &kg.Entity{ID: id, Kind: kind}
	for i, name := range names {
		standing := kg.NameAlias
		if i == 0 {
			standing = kg.NamePreferred
		}
		e.Names = append(e.Names, kg.Name{Text: name, Kind: standing})
	}
	return e
}

func company(id kg.ID) *kg.Entity { return entity(id, kg.KindCompany, string(id)) }

// relation returns a relation between two companies; start and end may be "".
func relation(id kg.ID, t kg.RelationType, from, to kg.ID, start, end string) *kg.Relation {
	return &kg.Relation{
		ID: id, Type: t, From: from, To: to, FromKind: kg.KindCompany, ToKind: kg.KindCompany, Start: date(start), End: date(end),
	}
}

// observation returns a figure of a company; period may be "".
func observation(id, subject kg.ID, metric, period string) *kg.Observation {
	o := &kg.Observation{ID: id, Figure: kg.Figure{Subject: subject, Metric: metric, Value: 1, Unit: "count"}}
	if period != "" {
		o.Period = kg.MustPeriod(period)
	}
	return o
}

func date(text string) kg.PartialDate {
	if text == "" {
		return kg.PartialDate{}
	}
	return kg.MustDate(text)
}
