package kg_test

import (
	"context"
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
)

// absences writes the absences of an entity that hold on a day in a line each.
func absences(t *testing.T, v *kg.View, id kg.ID, day string) []string {
	t.Helper()
	m, err := v.Entity(context.Background(), kg.EntityKey{ID: id})
	if err != nil || m == nil {
		t.Fatalf("%s: %v, %v", id, m, err)
	}
	var on *kg.Day
	if day != "" {
		on = new(kg.MustDate(day).Latest())
	}
	lines := []string{}
	for _, a := range m.AbsencesAsOf(on) {
		line := fmt.Sprintf("%s %s %s %s %s %s/%s", a.Relation, a.Direction, a.Kind, a.Reason, a.Text, a.Start, a.End)
		for _, c := range a.Citations {
			line += " " + string(c.Source) + ":" + c.Locator
		}
		lines = append(lines, line)
	}
	return lines
}

func noParent(reason, start, end string) *kg.AbsenceStatement {
	s := &kg.AbsenceStatement{Entity: "acme", Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceNone, Reason: reason}
	for at, text := range map[*kg.PartialDate]string{&s.Start: start, &s.End: end} {
		if text != "" {
			*at = kg.MustDate(text)
		}
	}
	return s
}

// What is absent is a fact like others: joined where sources agree, dated,
// remembered by both clocks, and told where nobody is found.
func TestAbsences(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	a.in(2020, basics())
	first := said("1", noParent("NATURAL_PERSONS", "2015", "2019"))
	a.in(2021, kg.Write{Claims: []*kg.Claim{
		first,
		{Statement: first.Statement, Source: "newer", Locator: "7"},
		said("2", noParent("NO_KNOWN_PERSON", "2019", "")),
		said("3", &kg.AbsenceStatement{Entity: "acme", Relation: kg.Owns, Direction: kg.In, Kind: kg.AbsenceUnknown, Text: "a trust"}),
	}})
	a.in(2022, kg.Write{Retractions: []kg.Retract{{ID: first.ContentID(), Reason: "wrong"}}})
	a.in(2023, kg.Write{Claims: []*kg.Claim{
		said("4", noParent("NO_KNOWN_PERSON", "2019", "2021")), // what had no end has come to one
		said("5", noParent("NO_KNOWN_PERSON", "", "")),
		said("6", noParent("NO_KNOWN_PERSON", "2022", "")), // and come back
	}})
	a.now = beginning(2025)
	trust := "OWNS IN UNKNOWN  a trust / doc:3"
	for _, c := range []struct {
		known int
		asOf  string
		want  []string
	}{
		{2020, "", []string{}},
		{2021, "", []string{trust, "CONTROLS IN NONE NATURAL_PERSONS  2015/2019 doc:1 newer:7", "CONTROLS IN NONE NO_KNOWN_PERSON  2019/ doc:2"}},
		{2021, "2016", []string{trust, "CONTROLS IN NONE NATURAL_PERSONS  2015/2019 doc:1 newer:7"}},
		{2021, "2014", []string{trust}},
		{2022, "", []string{trust, "CONTROLS IN NONE NATURAL_PERSONS  2015/2019 newer:7", "CONTROLS IN NONE NO_KNOWN_PERSON  2019/ doc:2"}},
		{2022, "2020", []string{trust, "CONTROLS IN NONE NO_KNOWN_PERSON  2019/ doc:2"}},
		{2023, "2020", []string{trust, "CONTROLS IN NONE NO_KNOWN_PERSON  2019/2021 doc:2 doc:4 doc:5"}},
		{2023, "2023", []string{trust, "CONTROLS IN NONE NO_KNOWN_PERSON  2022/ doc:6"}},
	} {
		if diff := gocmp.Diff(c.want, absences(t, knownBy(t, a.graph, beginning(c.known)), "acme", c.asOf)); diff != "" {
			t.Errorf("known in %d, as of %q (-want +got):\n%s", c.known, c.asOf, diff)
		}
	}
	v := view(t, a.graph)
	for day, want := range map[string]string{
		"2020": "nobody: no owner is recorded, and sources say why: a trust, NO_KNOWN_PERSON",
		"2010": "nobody: no owner is recorded, and sources say why: a trust",
	} {
		got, err := v.UltimateParent(context.Background(), "acme", new(kg.MustDate(day).Latest()))
		if err != nil || parentage(got) != want {
			t.Errorf("as of %s: got %s, %v, want %s", day, parentage(got), err, want)
		}
	}
	lines := history(t, v, "acme")
	mentioned(t, lines, "RECORDED  NONE CONTROLS acme, NO_KNOWN_PERSON, from 2019")
	mentioned(t, lines, "RECORDED  UNKNOWN OWNS acme, a trust")
	mentioned(t, lines, "RETRACTED  NONE CONTROLS acme, NATURAL_PERSONS, from 2015, until 2019: wrong")
}

// An absence needs its entity, and goes with it.
func TestAnAbsenceNeedsItsEntity(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	ghost := noParent("", "", "")
	ghost.Entity = "ghost"
	mentioned(t, problems(t, g, kg.Write{Claims: []*kg.Claim{said("1", ghost)}}), `there is no entity "ghost"`)
	about := noParent("NON_PUBLIC", "", "")
	about.Entity = "ann"
	apply(t, g, kg.Write{Claims: []*kg.Claim{said("1", about)}})
	applied := apply(t, g, kg.Write{Retractions: []kg.Retract{{ID: "ann", Reason: "never was"}}})
	if applied.Retracted != 3 {
		t.Errorf("%d claims were taken back, not the three about the entity", applied.Retracted)
	}
}
