package kg

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEveryRelationTypeHasItsRule(t *testing.T) {
	for _, x := range RelationTypes() {
		if _, ok := relationRules[x]; !ok {
			t.Errorf("%s has no rule", x)
		}
	}
	if len(relationRules) != len(RelationTypes()) {
		t.Errorf("%d rules for %d types", len(relationRules), len(RelationTypes()))
	}
	for what, c := range map[string]struct {
		has  func(RelationType) bool
		want []RelationType
	}{
		"an event":     {RelationType.IsEvent, []RelationType{Acquired, InvestedIn, Founded, MergedInto, SpunOffFrom, Succeeded}},
		"symmetric":    {RelationType.IsSymmetric, []RelationType{PartnersWith, CompetesWith}},
		"with a stake": {RelationType.CarriesStake, []RelationType{Owns, Acquired, InvestedIn}},
	} {
		var got []RelationType
		for _, x := range RelationTypes() {
			if c.has(x) {
				got = append(got, x)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

// TestSymmetricRelationsTakeTheSameKinds keeps both directions of one statement
// equally valid.
func TestSymmetricRelationsTakeTheSameKinds(t *testing.T) {
	for _, x := range RelationTypes() {
		for _, from := range EntityKinds() {
			for _, to := range EntityKinds() {
				if x.IsSymmetric() && (x.checkEnds(from, to) == nil) != (x.checkEnds(to, from) == nil) {
					t.Errorf("%s joins %s and %s in one direction only", x, from, to)
				}
			}
		}
	}
}

func TestEndsOfRelations(t *testing.T) {
	for _, c := range []struct {
		x        RelationType
		from, to EntityKind
		want     string // part of the error, "" for none
	}{
		{Owns, KindCompany, KindCompany, ""},
		{Owns, KindPerson, KindProduct, ""},
		{Owns, KindProduct, KindCompany, "OWNS starts at one of [COMPANY ORGANIZATION PERSON], not at a PRODUCT"},
		{Owns, KindCompany, KindPerson, "OWNS leads to one of [COMPANY ORGANIZATION SEGMENT PRODUCT], not to a PERSON"},
		{Acquired, KindCompany, KindOrganization, "ACQUIRED leads to one of [COMPANY], not to a ORGANIZATION"},
		{HoldsRole, KindPerson, KindConcept, ""},
		{HoldsRole, KindCompany, KindCompany, "HOLDS_ROLE starts at one of [PERSON]"},
		{HeadquarteredIn, KindCompany, KindPlace, ""},
		{HeadquarteredIn, KindCompany, KindCompany, "HEADQUARTERED_IN leads to one of [PLACE]"},
		{RelatedTo, KindWork, KindConcept, ""},
		{Controls, KindPerson, KindCompany, ""},
		{Controls, KindPlace, KindCompany, "CONTROLS starts at one of"},
		{Controls, KindCompany, KindPerson, "CONTROLS leads to one of"},
		{PartOf, KindPlace, KindPlace, ""},
	} {
		err := c.x.checkEnds(c.from, c.to)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s from %s to %s: %v; want %q in it", c.x, c.from, c.to, err, c.want)
		}
	}
}

func TestTheOtherEnd(t *testing.T) {
	r := &Relation{From: "a", To: "b", FromKind: KindPerson, ToKind: KindCompany}
	if id, kind := r.Other("a"); id != "b" || kind != KindCompany {
		t.Errorf("from a: %s, a %s", id, kind)
	}
	if id, kind := r.Other("b"); id != "a" || kind != KindPerson {
		t.Errorf("from b: %s, a %s", id, kind)
	}
	loop := &Relation{From: "a", To: "a", FromKind: KindPlace, ToKind: KindPlace}
	if id, kind := loop.Other("a"); id != "a" || kind != KindPlace {
		t.Errorf("from itself: %s, a %s", id, kind)
	}
}

func TestWhen(t *testing.T) {
	in2014 := When{During: MustPeriod("2014")}
	maybe2014 := When{During: MustPeriod("2014"), Certainty: Possible}
	march := day("2014-03-01")
	asOf := When{AsOf: &march}
	for _, c := range []struct {
		name       string
		x          RelationType
		start, end string
		// whether it passes in2014, maybe2014 and asOf
		certain, possible, then bool
	}{
		{"an event on a day", Acquired, "2014-04-13", "", true, true, false},
		{"an event in the year", Acquired, "2014", "", true, true, true},
		{"an event in the year before", Acquired, "2013", "", false, false, true},
		{"an event in one of two years", Acquired, "[2013..2014]", "", false, true, true},
		{"an event since", Acquired, "[2013..]", "", false, true, true},
		{"an event until", Acquired, "[..2014]", "", false, true, true},
		{"an event of which nothing is known", Acquired, "", "", false, false, true},
		{"an event in the year after", Acquired, "2015", "", false, false, false},
		{"a state that began before", Owns, "2010", "", true, true, true},
		{"a state that began in the year", Owns, "2014", "", true, true, true},
		{"a state that began late in the year", Owns, "2014-12-31", "", true, true, false},
		{"a state that may have begun in the year", Owns, "[2013..2016]", "", false, true, true},
		{"a state that began after", Owns, "2015", "", false, false, false},
		{"a state that ended before", Owns, "2010", "2013", false, false, false},
		{"a state that ended on the first day, which is the first without it", Owns, "2010", "2014-01-01", false, false, false},
		{"a state that ended a day later", Owns, "2010", "2014-01-02", true, true, false},
		{"a state that ended in the year", Owns, "2010", "2014", false, true, true},
		{"a state that ended after", Owns, "2010", "2015", true, true, true},
		{"a state that ended at some time since", Owns, "2010", "[2012..]", false, true, true},
		{"a state without a start", Owns, "", "", false, true, true},
		{"a state without a start that ended before", Owns, "", "2013", false, false, false},
		{"a state without a start that ended after", Owns, "", "2015", false, true, true},
		{"a state until some time", Owns, "[..2012]", "", true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var start, end PartialDate
			if c.start != "" {
				start = MustDate(c.start)
			}
			if c.end != "" {
				end = MustDate(c.end)
			}
			got := [3]bool{in2014.Admits(c.x, start, end), maybe2014.Admits(c.x, start, end), asOf.Admits(c.x, start, end)}
			if want := [3]bool{c.certain, c.possible, c.then}; got != want {
				t.Errorf("certainly in 2014, possibly in 2014, as of 2014-03-01: %v, want %v", got, want)
			}
			if !(When{}).Admits(c.x, start, end) || !(When{Certainty: Possible}).Admits(c.x, start, end) {
				t.Error("no restriction restricts it")
			}
		})
	}
}

func TestWhenFiguresPass(t *testing.T) {
	march := day("2014-03-01")
	for _, c := range []struct {
		period                  string
		certain, possible, then bool
	}{
		{"2014", true, true, true},
		{"2014-03-02", true, true, false},
		{"2013/2014", false, true, true},
		{"2013", false, false, true},
		{"2014/..", false, true, true},
		{"../..", false, true, true},
		{"2015", false, false, false},
		{"", false, false, true},
	} {
		var p Period
		if c.period != "" {
			p = MustPeriod(c.period)
		}
		got := [3]bool{
			When{During: MustPeriod("2014")}.AdmitsPeriod(p),
			When{During: MustPeriod("2014"), Certainty: Possible}.AdmitsPeriod(p),
			When{AsOf: &march}.AdmitsPeriod(p),
		}
		if want := [3]bool{c.certain, c.possible, c.then}; got != want {
			t.Errorf("%q certainly in 2014, possibly in 2014, as of 2014-03-01: %v, want %v", c.period, got, want)
		}
		if !(When{}).AdmitsPeriod(p) {
			t.Errorf("no restriction restricts %q", c.period)
		}
	}
}

func anyWhen(t *rapid.T) When {
	w := When{During: anyPeriod(t), Certainty: rapid.SampledFrom([]Certainty{Certain, Possible}).Draw(t, "certainty")}
	if rapid.Bool().Draw(t, "as of") {
		d := MustDate(anyCalendar(t)).Earliest()
		w.AsOf = &d
	}
	return w
}

func TestWhatIsCertainIsPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, x, start, end, p := anyWhen(t), rapid.SampledFrom(RelationTypes()).Draw(t, "type"), anyDate(t), anyDate(t), anyPeriod(t)
		certain, possible := w, w
		certain.Certainty, possible.Certainty = Certain, Possible
		if certain.Admits(x, start, end) && !possible.Admits(x, start, end) {
			t.Errorf("%s from %q to %q is certain, and not possible: %s", x, start, end, w)
		}
		if certain.AdmitsPeriod(p) && !possible.AdmitsPeriod(p) {
			t.Errorf("%q is certain, and not possible: %s", p, w)
		}
	})
}

func TestLongerPeriodsAdmitMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, start, end, p := rapid.SampledFrom(RelationTypes()).Draw(t, "type"), anyDate(t), anyDate(t), anyPeriod(t)
		short, long := anyPeriod(t), anyPeriod(t)
		if short.IsZero() || long.IsZero() || !long.Contains(short) {
			return
		}
		possible := func(during Period) When { return When{During: during, Certainty: Possible} }
		if possible(short).Admits(x, start, end) && !possible(long).Admits(x, start, end) {
			t.Errorf("%s from %q to %q is possible in %s, and not in %s", x, start, end, short, long)
		}
		for _, certainty := range []Certainty{Certain, Possible} {
			if (When{During: short, Certainty: certainty}).AdmitsPeriod(p) && !(When{During: long, Certainty: certainty}).AdmitsPeriod(p) {
				t.Errorf("%q is %s in %s, and not in %s", p, certainty, short, long)
			}
		}
	})
}

func TestStartRangeLeavesNothingOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, x, start, end := anyWhen(t), rapid.SampledFrom(RelationTypes()).Draw(t, "type"), anyDate(t), anyDate(t)
		if !w.Admits(x, start, end) {
			return
		}
		from, to, unknown := w.StartRange(x)
		if start.Placed() && (start.Earliest() < from || start.Earliest() > to) {
			t.Errorf("%s from %q passes, and begins outside %s to %s: %s", x, start, from, to, w)
		}
		if !start.Placed() && !unknown {
			t.Errorf("%s without a start passes, and no such is to be looked for: %s", x, w)
		}
	})
}

func TestRestrictionsAreEqualByText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := anyWhen(t), anyWhen(t)
		same := v.During == w.During && v.Certainty == w.Certainty && (v.AsOf == nil) == (w.AsOf == nil) && (v.AsOf == nil || *v.AsOf == *w.AsOf)
		if (v.String() == w.String()) != same {
			t.Errorf("%q and %q are equal: %v", v, w, same)
		}
	})
}
