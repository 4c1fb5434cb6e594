package kg

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// figure reads "metric value unit [period or label] [qualifier] [nature] [scope]".
func figure(t *testing.T, metric string, value float64, unit string, more ...string) *Observation {
	t.Helper()
	o := &Observation{Figure: Figure{Subject: "x", Metric: metric, Value: value, Unit: unit}}
	for _, m := range more {
		key, v, _ := strings.Cut(m, "=")
		var err error
		switch key {
		case "period":
			o.Period, err = ParsePeriod(v)
		case "date":
			o.Date, err = ParseDate(v)
		case "is":
			o.Qualifier, err = ParseQualifier(v)
		case "nature":
			o.Nature, err = ParseNature(v)
		case "label":
			o.Label = v
		case "scope":
			o.Scope = v
		case "cite":
			source, at, _ := strings.Cut(v, ":")
			o.Citations = append(o.Citations, Citation{Source: ID(source), Locator: at})
		default:
			t.Fatalf("unknown %q", key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	o.ID = o.observationID()
	return o
}

var testVocabulary = newVocabulary([]*Metric{
	{Name: "revenue", Definition: "…", Unit: UnitMoney, AddsOverTime: true},
	{Name: "users", Definition: "…", Unit: "people"},
	{Name: "annual_users", Definition: "…", Unit: "people", SameAs: []string{"users"}},
	{Name: "buyers", Definition: "…", Unit: "people", SameAs: []string{"annual_users"}},
	{Name: "rank", Definition: "…", Unit: "rank"},
	{Name: "founded_date", Definition: "…", Unit: UnitDate},
})

func TestFiguresThatCannotAllHold(t *testing.T) {
	f := func(metric string, value float64, unit string, more ...string) *Observation {
		return figure(t, metric, value, unit, more...)
	}
	for name, c := range map[string]struct {
		figures []*Observation
		want    string // kind and number of positions of each conflict; "" for none
	}{
		"one year, two revenues":                   {[]*Observation{f("revenue", 133.7e9, "CNY", "period=2024-04-01/2025-03-31"), f("revenue", 132.3e9, "CNY", "period=2024-04-01/2025-03-31")}, "CONTRADICTION 2"},
		"two years":                                {[]*Observation{f("revenue", 1e9, "CNY", "period=2023"), f("revenue", 2e9, "CNY", "period=2024")}, ""},
		"a year and a quarter of it":               {[]*Observation{f("revenue", 4e9, "CNY", "period=2023"), f("revenue", 1e9, "CNY", "period=2023-01-01/2023-03-31")}, ""},
		"two currencies":                           {[]*Observation{f("revenue", 4e9, "CNY", "period=2023"), f("revenue", 6e8, "USD", "period=2023")}, ""},
		"two scopes":                               {[]*Observation{f("users", 4e6, "people", "scope=China"), f("users", 6e6, "people", "scope=India")}, ""},
		"worldwide and unsaid are one scope":       {[]*Observation{f("users", 4e6, "people", "scope=worldwide"), f("users", 6e6, "people")}, "CONTRADICTION 2"},
		"rounded":                                  {[]*Observation{f("users", 1.3e9, "people"), f("users", 1.34e9, "people")}, ""},
		"an undated figure may mean any year":      {[]*Observation{f("users", 721e6, "people"), f("users", 709e6, "people", "period=2023")}, "CONTRADICTION 2"},
		"a label means only itself":                {[]*Observation{f("users", 721e6, "people", "label=Q4 2023"), f("users", 909e6, "people", "period=2024")}, ""},
		"equal labels":                             {[]*Observation{f("users", 721e6, "people", "label=Q4 2023"), f("users", 909e6, "people", "label=Q4 2023")}, "CONTRADICTION 2"},
		"metrics that are close, directly or not":  {[]*Observation{f("users", 150e6, "people", "is=MORE_THAN"), f("annual_users", 350e6, "people"), f("buyers", 182e6, "people")}, "CONTRADICTION 3"},
		"more than less is no contradiction":       {[]*Observation{f("users", 150e6, "people", "is=MORE_THAN"), f("users", 350e6, "people")}, ""},
		"more than more is one":                    {[]*Observation{f("users", 400e6, "people", "is=MORE_THAN"), f("users", 350e6, "people")}, "CONTRADICTION 2"},
		"less than less is one":                    {[]*Observation{f("users", 300e6, "people", "is=LESS_THAN"), f("users", 350e6, "people")}, "CONTRADICTION 2"},
		"stocks at overlapping times":              {[]*Observation{f("users", 3e6, "people", "period=2023"), f("users", 5e6, "people", "period=2023-06")}, "CONTRADICTION 2"},
		"dates apart, with one that fits both":     {[]*Observation{f("founded_date", 0, "date", "date=1999-04-04"), f("founded_date", 0, "date", "date=1999-06-01"), f("founded_date", 0, "date", "date=1999")}, "CONTRADICTION 3"},
		"dates that fit":                           {[]*Observation{f("founded_date", 0, "date", "date=1999-04-04"), f("founded_date", 0, "date", "date=1999")}, ""},
		"actual and target":                        {[]*Observation{f("users", 1e9, "people", "nature=TARGET"), f("users", 5e6, "people")}, ""},
		"a thousand times apart":                   {[]*Observation{f("revenue", 903e6, "USD", "period=2022"), f("revenue", 903e9, "USD", "period=2022")}, "UNIT 2"},
		"withdrawn in the same sentence":           {[]*Observation{f("revenue", 29.6e9, "CNY", "label=Q2", "nature=SUPERSEDED", "cite=d:line 425"), f("revenue", 39.8e9, "CNY", "period=2025-07-01/2025-09-30", "cite=d:line 378", "cite=d:line 425")}, "CONTRADICTION 2"},
		"withdrawn elsewhere":                      {[]*Observation{f("revenue", 29.6e9, "CNY", "label=Q2", "nature=SUPERSEDED", "cite=d:line 425"), f("revenue", 39.8e9, "CNY", "period=2025-07-01/2025-09-30", "cite=d:line 1")}, ""},
		"growth of a year, and growth undated":     {[]*Observation{f("users", 30, "people", "nature=GROWTH"), f("users", 50, "people", "nature=GROWTH", "period=2023")}, ""},
		"one figure alone":                         {[]*Observation{f("rank", 3, "rank")}, ""},
		"two measures, each disputed, stay apart":  {[]*Observation{f("rank", 3, "rank"), f("rank", 5, "rank"), f("users", 5e6, "people"), f("users", 8e6, "people")}, "CONTRADICTION 2, CONTRADICTION 2"},
		"the years of a dispute are taken by year": {[]*Observation{f("revenue", 1e9, "USD", "period=2022"), f("revenue", 3e9, "USD", "period=2022"), f("revenue", 5e9, "USD", "period=2023")}, "CONTRADICTION 2"},
	} {
		t.Run(name, func(t *testing.T) {
			summary := func(figures []*Observation) string {
				var parts []string
				for _, c := range figureConflicts("x", figures, testVocabulary) {
					if c.About != "x" || c.ID == "" || c.Rule == "" || c.Note == "" {
						t.Errorf("incomplete conflict %+v", c)
					}
					parts = append(parts, c.Kind.String()+" "+string(rune('0'+len(c.Claims))))
				}
				return strings.Join(parts, ", ")
			}
			if got := summary(c.figures); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			slices.Reverse(c.figures)
			if got := summary(c.figures); got != c.want {
				t.Errorf("the other way round got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPrecisionIsTheLastDigitSaid(t *testing.T) {
	for value, want := range map[float64]float64{0: 1, 6: 1, 120: 10, 97.1: 0.1, 1.3e9: 1e8, 117600: 100, -12: 1, 0.5: 0.1} {
		if got := precision(value); got < want*0.999 || got > want*1.001 {
			t.Errorf("precision(%v) = %v, want %v", value, got, want)
		}
	}
}

func TestStakesThatCannotBothBeHeld(t *testing.T) {
	owns := func(id ID, start, end string, percent float64) *Relation {
		s := ExactShare(percent)
		r := &Relation{ID: id, Type: Owns, From: "a", To: "b", Stake: &s}
		if start != "" {
			r.Start = MustDate(start)
		}
		if end != "" {
			r.End = MustDate(end)
		}
		return r
	}
	if got := stakeConflicts([]*Relation{owns("r1", "2019", "2020-05", 100), owns("r2", "2020-05", "", 40)}); len(got) > 0 {
		t.Errorf("stakes that follow each other: %+v", got[0])
	}
	got := stakeConflicts([]*Relation{owns("r1", "", "", 100), owns("r2", "2020-05", "", 40)})
	if len(got) != 1 || got[0].About != "b" || len(got[0].Claims) != 2 {
		t.Fatalf("an undated stake beside another: %+v", got)
	}
	other := stakeConflicts([]*Relation{owns("r2", "2020-05", "", 40), owns("r1", "", "", 100)})
	if diff := cmp.Diff(got[0].ID, other[0].ID); diff != "" {
		t.Errorf("the order of relations changes the id: %s", diff)
	}
}

func TestOwnersCannotHoldMoreThanAll(t *testing.T) {
	owns := func(from ID, start, end string, percent float64) *Relation {
		s := ExactShare(percent)
		r := &Relation{ID: "r-" + from, Type: Owns, From: from, To: "b", Stake: &s, Citations: []Citation{{Source: from}}}
		if start != "" {
			r.Start = MustDate(start)
		}
		if end != "" {
			r.End = MustDate(end)
		}
		return r
	}
	for name, c := range map[string]struct {
		holdings []*Relation
		want     string
	}{
		"201 percent":               {[]*Relation{owns("x", "", "", 67), owns("y", "2015", "", 67), owns("z", "2012", "", 67)}, "The owners together are said to hold 201 %, more than all of it. x y z"},
		"all of it":                 {[]*Relation{owns("x", "", "", 60), owns("y", "", "", 40)}, ""},
		"rounded":                   {[]*Relation{owns("x", "", "", 33.4), owns("y", "", "", 33.4), owns("z", "", "", 33.4)}, ""},
		"one after the other":       {[]*Relation{owns("x", "2010", "2015", 80), owns("y", "2015", "", 80)}, ""},
		"for a while":               {[]*Relation{owns("x", "2010", "2015", 80), owns("y", "2012", "2013", 30)}, "The owners together are said to hold 110 %, more than all of it. x y"},
		"shares that may be little": {[]*Relation{{From: "x", To: "b", Stake: &UnknownShare}, owns("y", "", "", 100)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				got := ""
				if found := wholeConflict(c.holdings); found != nil {
					got = found.Note
					for _, p := range found.Claims {
						got += " " + string(p.Citations[0].Source)
					}
					if found.About != "b" || found.Kind != DerivedConflict {
						t.Errorf("%+v", found)
					}
				}
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				slices.Reverse(c.holdings)
			}
		})
	}
}

func TestHeadlineIsTheNewestThenTheMostPrecise(t *testing.T) {
	sources := map[ID]*Source{
		"old": {ID: "old", Published: MustDate("2016")}, "new": {ID: "new", Published: MustDate("2017-11-12")}, "undated": {ID: "undated"},
		"revised": {ID: "revised", Published: MustDate("2015"), Updated: MustDate("2018")},
	}
	at := func(value float64, source ID, more ...string) *Observation {
		return figure(t, "users", value, "people", append(more, "cite="+string(source)+":1")...)
	}
	for name, c := range map[string]struct {
		figures []*Observation
		want    float64
	}{
		"newest source":           {[]*Observation{at(1, "old"), at(2, "new"), at(3, "undated")}, 2},
		"newest revision":         {[]*Observation{at(1, "revised"), at(2, "new")}, 1},
		"most precise":            {[]*Observation{at(1.3e9, "new"), at(1.34e9, "new")}, 1.34e9},
		"exact beats more than":   {[]*Observation{at(5, "new", "is=MORE_THAN"), at(4, "new")}, 4},
		"undated source is older": {[]*Observation{at(1, "undated"), at(2, "old")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := headline(c.figures, sources).Value; got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			slices.Reverse(c.figures)
			if got := headline(c.figures, sources).Value; got != c.want {
				t.Errorf("the other way round got %v, want %v", got, c.want)
			}
		})
	}
	if headline(nil, sources) != nil {
		t.Error("no figures have a headline")
	}
}
