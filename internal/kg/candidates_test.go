package kg_test

import (
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
	g := kg.NewGraph(kgtest.NewModel(), kg.Options{Text: plainIndex{{ID: "dynes", Matched: "Dyne"}, {ID: "dyne", Matched: "Dyne"}}})
	apply(t, g, resemblances())
	want := []string{
		"dyne-2 0.85, name Dyne +0.60, founded 1999 / 1999-04-04 +0.15, headquarters lyon +0.10",
		"other 0.40, identifier ticker DYN +0.40",
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

// All pairs are found page by page, each once.
func TestMergeCandidatesGoThroughAll(t *testing.T) {
	g, _ := newGraph(t)
	w := resemblances()
	for i := range 2*kg.CandidatesVisited + 10 {
		w.Claims = append(w.Claims, entity(kg.ID(fmt.Sprint("filler-", i)), kg.KindCompany, fmt.Sprintf("%08x", uint32(i)*2654435761))...)
	}
	w.Claims = append(w.Claims, entity("zz", kg.KindCompany, "00000000")...)
	apply(t, g, w)
	var got []string
	pages := 0
	for after := ""; ; pages++ {
		pairs, next, err := view(t, g).MergeCandidates(t.Context(), 0.35, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pairs {
			got = append(got, fmt.Sprintf("%s %s %.2f", p.Of.ID, p.ID, p.Score))
		}
		if after = next; after == "" {
			break
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"dyne dynes 0.36", "dyne-2 dyne 0.85", "dyne-2 dynes 0.36", "dyne-core dynes 0.36", "filler-0 zz 0.60", "other dyne 0.40"}, got); diff != "" || pages < 2 {
		t.Errorf("on %d pages (-want +got):\n%s", pages+1, diff)
	}
	for _, wrong := range []struct {
		score float64
		after string
	}{{-1, ""}, {1.5, ""}, {0.5, "nonsense"}} {
		if _, _, err := view(t, g).MergeCandidates(t.Context(), wrong.score, wrong.after); err == nil {
			t.Errorf("candidates of %+v", wrong)
		}
	}
}
