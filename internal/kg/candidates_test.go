package kg_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// resemblances is a world of entities some of which look alike.
func resemblances() kg.Write {
	w := basics()
	founded := func(id kg.ID, date string) *kg.Claim {
		return said("3", &kg.Figure{Subject: id, Metric: "founded_date", Unit: kg.UnitDate, Date: kg.MustDate(date)})
	}
	seat := func(id, place kg.ID) *kg.Claim {
		return said("4", &kg.RelationStatement{Type: kg.HeadquarteredIn, From: id, To: place})
	}
	number := func(id kg.ID, scheme, value string) *kg.Claim {
		return said("5", &kg.IdentifierStatement{Entity: id, Scheme: scheme, Value: value})
	}
	w.Claims = append(w.Claims, slices.Concat(
		entity("lyon", kg.KindPlace, "Lyon"), entity("paris", kg.KindPlace, "Paris"),
		entity("dyne", kg.KindCompany, "Dyne SA", "Dyne"), entity("dyne-2", kg.KindCompany, "Dyne"),
		entity("dyne-core", kg.KindCompany, "Dyne Ltd"), entity("dynes", kg.KindCompany, "Dynes"), entity("dyne-man", kg.KindPerson, "Dyne"),
		entity("other", kg.KindCompany, "Completely Different"),
		[]*kg.Claim{
			founded("dyne", "1999"), founded("dyne-2", "1999-04-04"), founded("dyne-core", "2005"),
			seat("dyne", "lyon"), seat("dyne-2", "lyon"), seat("dyne-core", "paris"),
			number("dyne", "lei", "A1"), number("dyne-core", "LEI", "B2"), number("dyne", "ticker", "DYN"), number("other", "ticker", "dyn"),
		},
	)...)
	return w
}

func candidatesOf(t *testing.T, g *kg.Graph, id kg.ID) []string {
	t.Helper()
	m, err := view(t, g).Entity(t.Context(), kg.EntityKey{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	found, err := m.Candidates(t.Context(), kg.MaxCandidatesOfOne)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, c := range found {
		if shown := fmt.Sprint(c.Score); len(shown) > len("0.1234") {
			t.Errorf("%s: a score of %s, which a sum of weights does not look like", c.ID, shown)
		}
		line := fmt.Sprintf("%s %.2f", c.ID, c.Score)
		for _, r := range c.Reasons {
			line += fmt.Sprintf(", %s %s %+.2f", r.Feature, r.Value, r.Weight)
		}
		lines = append(lines, line)
	}
	return lines
}

// Candidates share a name, or nearly, or a number; what else is known of them
// speaks for it or against.
func TestCandidatesAreScored(t *testing.T) {
	g := kg.NewGraph(kgtest.NewModel(), kg.Options{Text: plainIndex{{ID: "dynes", Matched: "Dyne"}, {ID: "dyne", Matched: "Dyne"}, {ID: "dain", Matched: "(dyne)"}, {ID: "dain-group", Matched: "[dyne]"}}})
	w := resemblances()
	w.Claims = append(w.Claims, slices.Concat(entity("dain", kg.KindCompany, "戴恩"), entity("dain-group", kg.KindCompany, "戴恩集团"))...)
	apply(t, g, w)
	want := []string{
		"dyne-2 0.85, name Dyne +0.60, founded 1999 / 1999-04-04 +0.15, headquarters lyon +0.10",
		"dain 0.45, name Dyne SA / 戴恩 +0.45",
		"other 0.40, identifier ticker DYN +0.40",
		"dain-group 0.36, name Dyne SA / 戴恩集团: 集团 group +0.36",
		"dynes 0.36, name Dyne SA / Dynes +0.36",
	}
	if diff := cmp.Diff(want, candidatesOf(t, g, "dyne")); diff != "" {
		t.Errorf("candidates of dyne (-want +got):\n%s", diff)
	}
	m, err := view(t, g).Entity(t.Context(), kg.EntityKey{ID: "dyne"})
	if err != nil {
		t.Fatal(err)
	}
	if some, err := m.Candidates(t.Context(), 1); err != nil || len(some) != 1 {
		t.Errorf("the best candidate: %v, %v", some, err)
	}
	if _, err := m.Candidates(t.Context(), kg.MaxCandidatesOfOne+1); err == nil {
		t.Error("more candidates than there are for one")
	}
}

// What has been judged is not asked again: neither of those that are one, nor of
// those that are not, under whatever id.
func TestWhatIsJudgedIsNoCandidate(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, resemblances())
	names := func() (ids []string) {
		for _, line := range candidatesOf(t, g, "dyne") {
			id, _, _ := strings.Cut(line, " ")
			ids = append(ids, id)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"dyne-2", "other"}, names()); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("other", "dynes"), differentFrom("dyne", "dynes")}})
	if diff := cmp.Diff([]string{"dyne-2"}, names()); diff != "" {
		t.Errorf("judged not to be the same (-want +got):\n%s", diff)
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("dyne-2", "dyne")}})
	if diff := cmp.Diff([]string(nil), names()); diff != "" {
		t.Errorf("judged to be the same (-want +got):\n%s", diff)
	}
}

// Countries are compared however they are told: by a register, as a seat, or by the
// city in which the headquarters are.
func TestCandidatesAreComparedByCountry(t *testing.T) {
	place := func(id kg.ID, code string) []*kg.Claim {
		claims := entity(id, kg.KindPlace, string(id))
		if code != "" {
			claims = append(claims, said("1", &kg.IdentifierStatement{Entity: id, Scheme: "ISO3166", Value: code}))
		}
		return claims
	}
	joins := func(kind kg.RelationType, from, to kg.ID, words string) *kg.Claim {
		return said("2", &kg.RelationStatement{Type: kind, From: from, To: to, Text: words})
	}
	for name, c := range map[string]struct {
		a, b []*kg.Claim
		want string
	}{
		"nothing is known of one":    {a: []*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.RegisteredIn)}, want: ""},
		"registered in one":          {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.RegisteredIn)}, []*kg.Claim{joins(kg.RelatedTo, "b", "country:FR", kg.RegisteredIn)}, "country FR +0.10"},
		"registered in two":          {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.RegisteredIn)}, []*kg.Claim{joins(kg.RelatedTo, "b", "country:DE", kg.RegisteredIn)}, "country FR / DE -0.20"},
		"registered in a part of it": {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.RegisteredIn)}, []*kg.Claim{joins(kg.RelatedTo, "b", "country:FR-IDF", kg.RegisteredIn)}, "country FR +0.10"},
		"one in two, one in one of them": {
			[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.RegisteredIn), joins(kg.RelatedTo, "a", "country:DE", kg.SeatedIn)},
			[]*kg.Claim{joins(kg.RelatedTo, "b", "country:DE", kg.RegisteredIn)},
			"country DE +0.10",
		},
		"two entries of one country": {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.SeatedIn)}, []*kg.Claim{joins(kg.RelatedTo, "b", "wd:Q142", kg.InCountry)}, "country FR +0.10"},
		"a country without a code":   {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.SeatedIn)}, []*kg.Claim{joins(kg.RelatedTo, "b", "utopia", kg.InCountry)}, ""},
		"the same without a code":    {[]*kg.Claim{joins(kg.RelatedTo, "a", "utopia", kg.SeatedIn)}, []*kg.Claim{joins(kg.RelatedTo, "b", "utopia", kg.InCountry)}, "country utopia +0.10"},
		"other words":                {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", "likes")}, []*kg.Claim{joins(kg.RelatedTo, "b", "country:FR", "likes")}, ""},
		"linked to two":              {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.LinkedTo)}, []*kg.Claim{joins(kg.RelatedTo, "b", "country:DE", kg.LinkedTo)}, ""},
		"linked to one":              {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:FR", kg.LinkedTo)}, []*kg.Claim{joins(kg.RelatedTo, "b", "wd:Q142", kg.InCountry)}, "country FR +0.10"},
		"linked to another":          {[]*kg.Claim{joins(kg.RelatedTo, "a", "country:DE", kg.LinkedTo)}, []*kg.Claim{joins(kg.RelatedTo, "b", "country:FR", kg.RegisteredIn)}, ""},
		"headquarters in one country": {
			[]*kg.Claim{joins(kg.HeadquarteredIn, "a", "country:FR", "")}, []*kg.Claim{joins(kg.HeadquarteredIn, "b", "country:FR", "")}, "country FR +0.10",
		},
		"a city and its country": {[]*kg.Claim{joins(kg.HeadquarteredIn, "a", "lyon", "")}, []*kg.Claim{joins(kg.RelatedTo, "b", "country:FR", kg.RegisteredIn)}, "country FR +0.10"},
		"two cities of a country": {
			[]*kg.Claim{joins(kg.HeadquarteredIn, "a", "lyon", "")},
			[]*kg.Claim{joins(kg.HeadquarteredIn, "b", "nice", "")},
			"country FR +0.10, headquarters lyon / nice -0.10",
		},
		"a city and its region": {[]*kg.Claim{joins(kg.HeadquarteredIn, "a", "rhone", "")}, []*kg.Claim{joins(kg.HeadquarteredIn, "b", "lyon", "")}, "country FR +0.10"},
		"one city":              {[]*kg.Claim{joins(kg.HeadquarteredIn, "a", "lyon", "")}, []*kg.Claim{joins(kg.HeadquarteredIn, "b", "lyon", "")}, "country FR +0.10, headquarters lyon +0.10"},
		"two cities of two countries": {
			[]*kg.Claim{joins(kg.HeadquarteredIn, "a", "lyon", "")},
			[]*kg.Claim{joins(kg.HeadquarteredIn, "b", "bonn", "")},
			"country FR / DE -0.20, headquarters lyon / bonn -0.10",
		},
		"places in a circle": {[]*kg.Claim{joins(kg.HeadquarteredIn, "a", "escher", "")}, []*kg.Claim{joins(kg.HeadquarteredIn, "b", "lyon", "")}, "headquarters escher / lyon -0.10"},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := newGraph(t)
			w := basics()
			w.Claims = append(w.Claims, slices.Concat(
				entity("a", kg.KindCompany, "Dyne"), entity("b", kg.KindCompany, "Dyne"),
				place("country:FR", "fr"), place("country:FR-IDF", "fr-idf"), place("wd:Q142", "FR"), place("country:DE", "DE"), place("utopia", ""), place("lyon", ""), place("nice", ""), place("rhone", ""), place("bonn", ""),
				place("escher", ""), place("escher-2", ""),
				[]*kg.Claim{
					joins(kg.PartOf, "lyon", "rhone", ""), joins(kg.PartOf, "rhone", "country:FR", ""), joins(kg.PartOf, "nice", "country:FR", ""), joins(kg.PartOf, "bonn", "country:DE", ""),
					joins(kg.PartOf, "escher", "escher-2", ""), joins(kg.PartOf, "escher-2", "escher", ""),
				}, c.a, c.b,
			)...)
			apply(t, g, w)
			want := []string{"b " + strings.TrimSuffix("?, name Dyne +0.60, "+c.want, ", ")}
			got := candidatesOf(t, g, "a")
			for i := range got {
				id, rest, _ := strings.Cut(got[i], " ")
				_, reasons, _ := strings.Cut(rest, ", ")
				got[i] = id + " ?, " + reasons
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// All pairs are found page by page, each once and in one order, whatever the size of
// the pages.
func TestMergeCandidatesGoThroughAll(t *testing.T) {
	index := plainIndex{{ID: "zz", Matched: "(completelydifferent)"}, {ID: "other", Matched: "(00000000)"}}
	g := kg.NewGraph(kgtest.NewModel(), kg.Options{Text: index})
	w := resemblances()
	for i := range kg.CandidatesVisited + 10 {
		w.Claims = append(w.Claims, entity(kg.ID(fmt.Sprint("filler-", i)), kg.KindCompany, fmt.Sprintf("%08x", uint32(i)*2654435761))...)
	}
	w.Claims = append(w.Claims, entity("zz", kg.KindCompany, "00000000")...)
	apply(t, g, w)
	all := func(first int) (got []string, pages int) {
		t.Helper()
		for after := ""; ; {
			pairs, next, err := view(t, g).MergeCandidates(t.Context(), 0.35, first, after)
			if err != nil {
				t.Fatal(err)
			}
			if len(pairs) > first {
				t.Errorf("%d pairs on a page of %d", len(pairs), first)
			}
			for _, p := range pairs {
				got = append(got, fmt.Sprintf("%s %s %.2f", p.Of.ID, p.ID, p.Score))
			}
			if pages++; next == "" {
				return got, pages
			}
			after = next
		}
	}
	want := []string{"filler-0 zz 0.60", "filler-0 other 0.45", "zz other 0.45", "other dyne 0.40", "dyne-2 dyne 0.85", "dyne-2 dynes 0.36", "dyne-core dynes 0.36", "dyne dynes 0.36"}
	got, pages := all(kg.MaxCandidatePairs)
	if diff := cmp.Diff(want, got); diff != "" || pages < 2 {
		t.Errorf("on %d pages (-want +got):\n%s", pages, diff)
	}
	for _, first := range []int{1, 3} {
		some, pages := all(first)
		if diff := cmp.Diff(got, some); diff != "" || pages < len(got)/first {
			t.Errorf("on %d pages of %d (-want +got):\n%s", pages, first, diff)
		}
	}
	for _, wrong := range []struct {
		score float64
		first int
		after string
	}{{-1, 1, ""}, {1.5, 1, ""}, {0.5, 1, "nonsense"}, {0.5, 0, ""}, {0.5, kg.MaxCandidatePairs + 1, ""}, {0.5, 1, "AQc"}} {
		if _, _, err := view(t, g).MergeCandidates(t.Context(), wrong.score, wrong.first, wrong.after); !errors.Is(err, kg.ErrInvalid) {
			t.Errorf("candidates of %+v: %v", wrong, err)
		}
	}
}

// A page that ends within the candidates of an entity goes on behind it where that
// entity is gone or has another name by then.
func TestMergeCandidatesGoOnWhileOthersWrite(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, resemblances())
	page := func(after string) (told []string, next string) {
		t.Helper()
		pairs, next, err := view(t, g).MergeCandidates(t.Context(), 0.35, 1, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pairs {
			told = append(told, fmt.Sprintf("%s %s", p.Of.ID, p.ID))
		}
		return told, next
	}
	_, next := page("")
	told, next := page(next)
	if diff := cmp.Diff([]string{"dyne-2 dyne"}, told); diff != "" {
		t.Fatal(diff)
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("dyne-2", "dyne")}})
	told, _ = page(next)
	if diff := cmp.Diff([]string{"dyne-core dynes"}, told); diff != "" {
		t.Errorf("behind one that is merged (-want +got):\n%s", diff)
	}
}
