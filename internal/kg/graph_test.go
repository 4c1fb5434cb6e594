package kg_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// newGraph returns an empty graph whose clock stands still.
func newGraph(t *testing.T) (*kg.Graph, kg.Store) {
	t.Helper()
	store := kgtest.NewModel()
	t.Cleanup(func() { store.Close() })
	return graphOver(store), store
}

func graphOver(store kg.Store) *kg.Graph {
	return kg.NewGraph(store, kg.Options{Now: func() time.Time { return time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC) }})
}

// said returns a claim of source doc.
func said(locator string, s kg.Statement) *kg.Claim {
	return &kg.Claim{Statement: s, Source: "doc", Locator: locator}
}

func entity(id kg.ID, kind kg.EntityKind, names ...string) []*kg.Claim {
	claims := []*kg.Claim{said("1", &kg.EntityStatement{Entity: id, Kind: kind})}
	for i, n := range names {
		nameKind := kg.NameAlias
		if i == 0 {
			nameKind = kg.NamePreferred
		}
		claims = append(claims, said("1", &kg.NameStatement{Entity: id, Text: n, Kind: nameKind}))
	}
	return claims
}

func acquired(from, to kg.ID, on string) *kg.RelationStatement {
	s := &kg.RelationStatement{Type: kg.Acquired, From: from, To: to}
	if on != "" {
		s.Start = kg.MustDate(on)
	}
	return s
}

// basics is a small world: two companies, a person and a vocabulary.
func basics() kg.Write {
	return kg.Write{
		Sources: []*kg.Source{{ID: "doc", Title: "A report", Published: kg.MustDate("2020")}, {ID: "newer", Title: "Another", Published: kg.MustDate("2022")}},
		Metrics: []*kg.Metric{
			{Name: "revenue", Definition: "Income.", Unit: kg.UnitMoney, AddsOverTime: true},
			{Name: "founded_date", Definition: "When it was founded.", Unit: kg.UnitDate},
		},
		Claims: slices.Concat(
			entity("acme", kg.KindCompany, "Acme Inc.", "アクメ"), entity("bolt", kg.KindCompany, "Bolt"), entity("ann", kg.KindPerson, "Ann Lee"),
			[]*kg.Claim{said("5", acquired("acme", "bolt", "2016"))},
		),
	}
}

func apply(t *testing.T, g *kg.Graph, w kg.Write) kg.Applied {
	t.Helper()
	applied, err := g.Apply(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

func view(t *testing.T, g *kg.Graph) *kg.View {
	t.Helper()
	v, err := g.View(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

// deals asks for acquisitions.
var deals = kg.RelationFilter{Types: []kg.RelationType{kg.Acquired}}

// relations writes the relations of an entity in a line each.
func relations(t *testing.T, g *kg.Graph, id kg.ID, f kg.RelationFilter) []string {
	t.Helper()
	ctx := context.Background()
	v := view(t, g)
	m, err := v.Entity(ctx, kg.EntityKey{ID: id})
	if err != nil || m == nil {
		t.Fatalf("entity %s: %v, %v", id, m, err)
	}
	if f.Direction == 0 {
		f.Direction = kg.Both
	}
	page, err := m.Relations(ctx, f, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, l := range page.Values() {
		line := fmt.Sprintf("%s %s %s %s", l.From, l.Type, l.To, l.Start)
		for _, c := range l.Citations {
			line += " " + string(c.Source) + ":" + c.Locator
		}
		lines = append(lines, line)
	}
	return lines
}

func TestApplyIsIdempotent(t *testing.T) {
	g, store := newGraph(t)
	first := apply(t, g, basics())
	if first.Revision != 1 || first.Recorded != 8 || first.Known != 0 || first.Entities != 3 || first.Relations != 2 {
		t.Errorf("the first time: %v", first)
	}
	again := apply(t, g, basics())
	if again.Revision != 1 || again.Recorded != 0 || again.Known != 8 || again.Entities+again.Relations+again.Observations != 0 {
		t.Errorf("the second time: %v", again)
	}
	changes := 0
	for _, err := range store.Changes(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		changes++
	}
	if changes != 1 {
		t.Errorf("the change log has %d entries, want 1", changes)
	}
}

func TestAgreeingSourcesAreOneFact(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	apply(t, g, kg.Write{Claims: []*kg.Claim{{Statement: acquired("acme", "bolt", ""), Source: "newer", Locator: "9"}}})
	apply(t, g, kg.Write{Claims: []*kg.Claim{{Statement: acquired("acme", "bolt", "2019"), Source: "newer", Locator: "10"}}})
	want := []string{"acme ACQUIRED bolt 2016 doc:5 newer:9", "acme ACQUIRED bolt 2019 newer:10"}
	if diff := cmp.Diff(want, relations(t, g, "bolt", deals)); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
}

func TestApplySaysAllThatIsWrong(t *testing.T) {
	g, store := newGraph(t)
	apply(t, g, basics())
	stake := kg.ExactShare(140)
	money := &kg.Figure{Subject: "acme", Metric: "revenue", Value: 1, Unit: "euros"}
	bad := kg.Write{
		Sources: []*kg.Source{{ID: "no title"}},
		Metrics: []*kg.Metric{{Name: "Revenue!", Definition: "x", Unit: "count"}, {Name: "sales", Definition: "x", Unit: "count", SameAs: []string{"revenue", "turnover"}}},
		Claims: slices.Concat(
			[]*kg.Claim{
				said("1", acquired("acme", "nobody", "2016")),
				said("2", acquired("acme", "ann", "2016")),
				said("3", &kg.RelationStatement{Type: kg.HoldsRole, From: "acme", To: "bolt"}),
				said("4", &kg.RelationStatement{Type: kg.Owns, From: "acme", To: "bolt", Stake: &stake}),
				said("5", &kg.Figure{Subject: "acme", Metric: "headcount", Value: 1, Unit: "people"}),
				said("6", money),
				{Statement: acquired("acme", "bolt", "2020"), Source: "nowhere", Locator: "1"},
				said("8", &kg.EntityStatement{Entity: "acme", Kind: kg.KindPerson}),
				said("9", &kg.EntityStatement{Entity: "nameless", Kind: kg.KindPerson}),
				said("10", &kg.EntityStatement{Entity: "doc", Kind: kg.KindWork}),
				said("11", &kg.EntityStatement{Entity: "r-0123456789abcdef", Kind: kg.KindWork}),
			},
		),
		Conflicts: []*kg.Conflict{{About: "nobody", Predicate: "x", Kind: kg.Contradiction, Claims: []kg.Position{{Value: "1"}}}},
	}
	_, err := g.Apply(context.Background(), bad)
	var rejection *kg.Rejection
	if !errors.As(err, &rejection) || !errors.Is(err, kg.ErrInvalid) {
		t.Fatalf("got %v, want a rejection", err)
	}
	got := make(map[string]bool)
	for _, p := range rejection.Problems {
		got[fmt.Sprintf("%s %d", p.In, p.Index)] = true
	}
	want := map[string]bool{"sources 0": true, "metrics 0": true, "metrics 1": true, "conflicts 0": true}
	for i := range bad.Claims {
		want[fmt.Sprintf("claims %d", i)] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items with problems (-want +got):\n%s\n%v", diff, err)
	}
	s, err := store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Revision() != 1 {
		t.Errorf("a rejected write made revision %d", s.Revision())
	}
}

func TestApplyBoundsWhatItSays(t *testing.T) {
	g, _ := newGraph(t)
	var w kg.Write
	for i := range 80 {
		w.Claims = append(w.Claims, said(fmt.Sprint(i), acquired("acme", "bolt", "2016")))
	}
	_, err := g.Apply(context.Background(), w)
	var rejection *kg.Rejection
	if !errors.As(err, &rejection) || len(rejection.Problems) != kg.MaxProblems || rejection.More != 3*80-kg.MaxProblems {
		t.Fatalf("got %v", err)
	}
	if !strings.HasSuffix(err.Error(), "and 190 more") {
		t.Errorf("the text does not count the rest: %s", err)
	}
}

func TestConflictsComeAndGoWithTheFigures(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	founded := func(date, locator string) *kg.Claim {
		return said(locator, &kg.Figure{Subject: "acme", Metric: "founded_date", Unit: kg.UnitDate, Date: kg.MustDate(date)})
	}
	disputed := func() (predicates []string) {
		conflicts, err := view(t, g).Conflicts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range conflicts {
			predicates = append(predicates, fmt.Sprintf("%s of %s: %d", c.Predicate, c.About, len(c.Claims)))
		}
		return predicates
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{founded("1999-04-04", "7"), founded("1999", "48")}})
	if got := disputed(); len(got) > 0 {
		t.Fatalf("dates that fit are disputed: %v", got)
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{founded("1999-06-01", "19")}})
	want := []string{"founded_date of acme: 3"}
	if diff := cmp.Diff(want, disputed()); diff != "" {
		t.Fatalf("conflicts (-want +got):\n%s", diff)
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{founded("2000", "20")}})
	want = []string{"founded_date of acme: 4"}
	if diff := cmp.Diff(want, disputed()); diff != "" {
		t.Fatalf("a further claim should widen the conflict, not add one (-want +got):\n%s", diff)
	}
	m, err := view(t, g).Entity(context.Background(), kg.EntityKey{ID: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := m.Founded(context.Background()); err != nil || d.String() != "1999-04-04" {
		// One source, two days: both equally precise, so the smaller id decides, always in the same way.
		if d.String() != "1999-06-01" {
			t.Errorf("founded %s, %v", d, err)
		}
	}
}

func TestOwnersAboveTheWholeAreOneConflict(t *testing.T) {
	g, _ := newGraph(t)
	w := basics()
	w.Claims = slices.Concat(w.Claims, entity("core", kg.KindCompany, "Core"), entity("dune", kg.KindCompany, "Dune"))
	apply(t, g, w)
	owns := func(from kg.ID, locator, end string) *kg.Claim {
		share := kg.ExactShare(67)
		s := &kg.RelationStatement{Type: kg.Owns, From: from, To: "dune", Stake: &share}
		if end != "" {
			s.End = kg.MustDate(end)
		}
		return said(locator, s)
	}
	notes := func() (notes []string) {
		conflicts, err := view(t, g).Conflicts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range conflicts {
			notes = append(notes, fmt.Sprint(c.About, " ", c.Kind, " ", len(c.Claims)))
		}
		return notes
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{owns("acme", "1", "")}})
	if got := notes(); len(got) > 0 {
		t.Fatalf("one owner: %v", got)
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{owns("bolt", "2", "")}})
	apply(t, g, kg.Write{Claims: []*kg.Claim{owns("core", "3", "")}})
	if diff := cmp.Diff([]string{"dune DERIVED 3"}, notes()); diff != "" {
		t.Errorf("three owners (-want +got):\n%s", diff)
	}
}

func TestNamesFindTheirEntity(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	claims := slices.Concat(
		entity("phoenix-us", kg.KindCompany, "Phoenix Inc."), entity("phoenix-uk", kg.KindCompany, "Phoenix Ltd"),
		entity("amap", kg.KindCompany, "Amap"), entity("amap-fans", kg.KindProduct, "Amap Fans"),
	)
	claims = append(claims,
		said("2", &kg.NameStatement{Entity: "amap", Text: "AutoNavi", Kind: kg.NameFormer}),
		said("2", &kg.NameStatement{Entity: "amap-fans", Text: "AutoNavi", Kind: kg.NameAlias}),
		said("2", &kg.IdentifierStatement{Entity: "amap", Scheme: "NASDAQ", Value: "AMAP"}),
	)
	apply(t, g, kg.Write{Claims: claims})
	ctx := context.Background()
	for name, c := range map[string]struct {
		key   kg.EntityKey
		kinds []kg.EntityKind
		want  kg.ID
	}{
		"as written":                     {kg.EntityKey{Name: "Acme Inc."}, nil, "acme"},
		"in another case":                {kg.EntityKey{Name: "ACME INC"}, nil, "acme"},
		"without its legal form":         {kg.EntityKey{Name: "acme"}, nil, "acme"},
		"with another legal form":        {kg.EntityKey{Name: "Acme GmbH"}, nil, "acme"},
		"in Japanese":                    {kg.EntityKey{Name: "アクメ"}, nil, "acme"},
		"in half-width Japanese":         {kg.EntityKey{Name: "ｱｸﾒ"}, nil, "acme"},
		"of nobody":                      {kg.EntityKey{Name: "No Such Company"}, nil, ""},
		"of another kind":                {kg.EntityKey{Name: "Ann Lee"}, []kg.EntityKind{kg.KindCompany}, ""},
		"an alias beats a former name":   {kg.EntityKey{Name: "autonavi"}, nil, "amap-fans"},
		"the kind asked for comes first": {kg.EntityKey{Name: "autonavi"}, []kg.EntityKind{kg.KindCompany}, "amap"},
		"full names come before cores":   {kg.EntityKey{Name: "phoenix ltd"}, nil, "phoenix-uk"},
		"by identifier":                  {kg.EntityKey{Identifier: &kg.Identifier{Scheme: "nasdaq", Value: "amap "}}, nil, "amap"},
		"by unknown identifier":          {kg.EntityKey{Identifier: &kg.Identifier{Scheme: "lei", Value: "x"}}, nil, ""},
		"by id":                          {kg.EntityKey{ID: "amap"}, nil, "amap"},
		"by the id of a source":          {kg.EntityKey{ID: "doc"}, nil, ""},
		"by an endless id":               {kg.EntityKey{ID: kg.ID(strings.Repeat("x", 10_000))}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := view(t, g).Entity(ctx, c.key, c.kinds...)
			if err != nil {
				t.Fatal(err)
			}
			var got kg.ID
			if m != nil {
				got = m.ID
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	_, err := view(t, g).Entity(ctx, kg.EntityKey{Name: "Phoenix"})
	var ambiguous *kg.AmbiguousError
	if !errors.As(err, &ambiguous) || !errors.Is(err, kg.ErrAmbiguous) {
		t.Fatalf("got %v, want an ambiguous name", err)
	}
	want := []kg.Candidate{{ID: "phoenix-uk", Name: "Phoenix Ltd", Kind: kg.KindCompany}, {ID: "phoenix-us", Name: "Phoenix Inc.", Kind: kg.KindCompany}}
	if diff := cmp.Diff(want, ambiguous.Candidates); diff != "" || ambiguous.More {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
	for _, name := range []string{"", " ", "…", strings.Repeat("x", 100_000)} {
		if _, err := view(t, g).Entity(ctx, kg.EntityKey{Name: name}); !errors.Is(err, kg.ErrInvalid) {
			t.Errorf("the name %.10q gave %v, want an error", name, err)
		}
	}
}

func TestManyBearersOfANameAreBounded(t *testing.T) {
	g, _ := newGraph(t)
	w := basics()
	for i := range 40 {
		w.Claims = append(w.Claims, entity(kg.ID(fmt.Sprintf("lee-%02d", i)), kg.KindPerson, "John Lee")...)
	}
	apply(t, g, w)
	_, err := view(t, g).Entity(context.Background(), kg.EntityKey{Name: "john lee"})
	var ambiguous *kg.AmbiguousError
	if !errors.As(err, &ambiguous) || len(ambiguous.Candidates) != kg.MaxCandidates || !ambiguous.More {
		t.Fatalf("got %v", err)
	}
}

func TestClocks(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	state := func(from, to kg.ID, start, end string) *kg.RelationStatement {
		s := &kg.RelationStatement{Type: kg.HoldsRole, From: from, To: to, Text: "Chair from " + start}
		if start != "" {
			s.Start = kg.MustDate(start)
		}
		if end != "" {
			s.End = kg.MustDate(end)
		}
		return s
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{
		said("1", state("ann", "acme", "2010", "2014-06-01")), said("2", state("ann", "bolt", "2014-06-01", "")), said("3", state("ann", "bolt", "2030", "")),
	}})
	v := view(t, g)
	held := func(day *kg.Day, err error) []string {
		if err != nil {
			t.Fatal(err)
		}
		var starts []string
		for _, line := range relations(t, g, "ann", kg.RelationFilter{Types: []kg.RelationType{kg.HoldsRole}, When: kg.When{AsOf: day}}) {
			starts = append(starts, strings.Fields(line)[3])
		}
		return starts
	}
	date := func(s string) *kg.PartialDate {
		d := kg.MustDate(s)
		return &d
	}
	for name, c := range map[string]struct {
		got  []string
		want []string
	}{
		"everything where no clock is set": {held(v.Moment(nil)), []string{"2010", "2014-06-01", "2030"}},
		"today":                            {held(v.MomentOrToday(nil)), []string{"2014-06-01"}},
		"the day before it changed":        {held(v.MomentOrToday(date("2014-05-31"))), []string{"2010"}},
		"the day it changed":               {held(v.MomentOrToday(date("2014-06-01"))), []string{"2014-06-01"}},
		"a year is its last day":           {held(v.MomentOrToday(date("2014"))), []string{"2014-06-01"}},
		"the far future":                   {held(v.MomentOrToday(date("2031"))), []string{"2014-06-01", "2030"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if err := v.TurnTo(kg.MustDate("2012")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2010"}, held(v.MomentOrToday(nil))); diff != "" {
		t.Errorf("after turning the clock (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2014-06-01"}, held(v.MomentOrToday(date("2015")))); diff != "" {
		t.Errorf("an argument overrides the clock (-want +got):\n%s", diff)
	}
	for _, open := range []string{"[2014..]", "--11-11"} {
		if err := v.TurnTo(kg.MustDate(open)); !errors.Is(err, kg.ErrInvalid) {
			t.Errorf("the clock can be turned to %s: %v", open, err)
		}
	}
}

// Whatever call of the store fails, a write is in it whole or not at all, and
// the same write goes through afterwards.
func TestAFailingStoreLeavesNothingHalfWritten(t *testing.T) {
	failure := errors.New("the disk is gone")
	more := kg.Write{Claims: []*kg.Claim{
		said("9", acquired("acme", "bolt", "2019")),
		said("10", &kg.Figure{Subject: "acme", Metric: "revenue", Value: 5e9, Unit: "USD", Period: kg.MustPeriod("2019")}),
		said("11", &kg.Figure{Subject: "acme", Metric: "revenue", Value: 7e9, Unit: "USD", Period: kg.MustPeriod("2019")}),
	}}
	calls := 0
	for n := 0; ; n++ {
		store := kgtest.NewModel()
		apply(t, graphOver(store), basics())
		_, err := graphOver(kgtest.Faulty(store, n, failure)).Apply(context.Background(), more)
		if err == nil {
			calls = n
			store.Close()
			break
		}
		if !errors.Is(err, failure) {
			t.Fatalf("call %d: got %v, want the store's error", n, err)
		}
		g := graphOver(store)
		if got := relations(t, g, "bolt", deals); len(got) != 1 {
			t.Fatalf("call %d: after the failure there are %v", n, got)
		}
		if applied := apply(t, g, more); applied.Recorded != 3 || applied.Revision != 2 {
			t.Fatalf("call %d: trying again gave %v", n, applied)
		}
		store.Close()
	}
	if calls < 5 {
		t.Errorf("only %d calls were made to fail", calls)
	}
}

func TestWritersTakeTurns(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	const writers = 16
	done := make(chan error, writers)
	for i := range writers {
		go func() {
			_, err := g.Apply(context.Background(), kg.Write{Claims: []*kg.Claim{{Statement: acquired("acme", "bolt", ""), Source: "newer", Locator: fmt.Sprint(i)}}})
			done <- err
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got := relations(t, g, "bolt", deals)
	if len(got) != 1 || strings.Count(got[0], "newer:") != writers {
		t.Errorf("got %v, want one deal with %d citations more", got, writers)
	}
}
