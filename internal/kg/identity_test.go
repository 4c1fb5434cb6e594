package kg_test

import (
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

// sameAs and differentFrom are judgements of source doc.
func sameAs(id, as kg.ID) *kg.Claim {
	return said("judgement", &kg.SameStatement{Entity: id, As: as})
}

func differentFrom(a, b kg.ID) *kg.Claim {
	return said("judgement", &kg.DifferentStatement{Entity: a, Other: b})
}

// dump returns the records of a store by id, without those that are to be left out.
func dump(t *testing.T, store kg.Store, leaveOut func(kg.Record) bool) map[kg.ID]kg.Record {
	t.Helper()
	s, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	records := make(map[kg.ID]kg.Record)
	for _, kind := range kg.RecordKinds() {
		for _, r := range all(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kind})) {
			if !leaveOut(r) {
				records[r.RecordID()] = r
			}
		}
	}
	return records
}

func isJudgement(r kg.Record) bool {
	c, ok := r.(*kg.Claim)
	if !ok {
		return false
	}
	switch c.Statement.(type) {
	case *kg.SameStatement, *kg.DifferentStatement:
		return true
	}
	return false
}

// twins is a world of two companies that are one, with all that can be said of
// both: bolt-ltd holds what bolt holds and more.
func twins() kg.Write {
	w := basics()
	w.Metrics = append(w.Metrics, &kg.Metric{Name: "staff", Definition: "Who works there.", Unit: "people"})
	w.Claims = append(w.Claims, entity("bolt-ltd", kg.KindCompany, "Bolt Limited", "Volt")...)
	w.Claims = append(w.Claims, entity("cog", kg.KindCompany, "Cog")...)
	w.Claims = append(
		w.Claims,
		said("2", &kg.IdentifierStatement{Entity: "bolt", Scheme: "ticker", Value: "BLT"}),
		said("2", &kg.IdentifierStatement{Entity: "bolt-ltd", Scheme: "lei", Value: "5493"}),
		said("6", acquired("acme", "bolt-ltd", "2016-04")),
		said("7", acquired("bolt-ltd", "cog", "2018")),
		said("8", &kg.RelationStatement{Type: kg.HoldsRole, From: "ann", To: "bolt-ltd", Text: "Chair"}),
		said("9", &kg.Figure{Subject: "bolt", Metric: "staff", Value: 12, Unit: "people", Period: kg.MustPeriod("2019")}),
		said("10", &kg.Figure{Subject: "bolt-ltd", Metric: "staff", Value: 12, Unit: "people", Period: kg.MustPeriod("2019")}),
		said("11", &kg.Figure{Subject: "bolt-ltd", Metric: "staff", Value: 500, Unit: "people", Period: kg.MustPeriod("2019")}),
	)
	w.Conflicts = []*kg.Conflict{{
		About: "bolt-ltd", Predicate: "name", Kind: kg.Apparent, Note: "noted by hand",
		Claims: []kg.Position{{Value: "Bolt", Citations: []kg.Citation{{Source: "doc"}}}},
	}}
	return w
}

// told writes what is known of an entity, a line each.
func told(t *testing.T, g *kg.Graph, id kg.ID) []string {
	t.Helper()
	ctx := t.Context()
	m, err := view(t, g).Entity(ctx, kg.EntityKey{ID: id})
	if err != nil || m == nil {
		t.Fatalf("%s: %v, %v", id, m, err)
	}
	lines := []string{fmt.Sprintf("%s %v", m.ID, m.Merged)}
	for _, n := range m.Names {
		lines = append(lines, n.Text)
	}
	for _, i := range m.Identifiers {
		lines = append(lines, i.Scheme+" "+i.Value)
	}
	lines = append(lines, relations(t, g, id, kg.RelationFilter{})...)
	figures, err := m.Observations(ctx, kg.ObservationFilter{}, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures.Values() {
		lines = append(lines, fmt.Sprintf("%s of %s: %v, cited %d times", f.Metric, f.Subject, f.Value, len(f.Citations)))
	}
	disputes, err := m.Conflicts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range disputes {
		lines = append(lines, fmt.Sprintf("conflict about %s: %s %s", d.About, d.Predicate, d.Rule))
	}
	return lines
}

// What is said of an entity that is the same as another is said of the other: its
// names, numbers, relations, figures and conflicts, and who owns it.
func TestMergedEntitiesAreOne(t *testing.T) {
	g, store := newGraph(t)
	apply(t, g, twins())
	old := oneRelation(t, g, "bolt-ltd", kg.Acquired, kg.In)
	stood := figureIDs(t, g, "bolt-ltd")
	before := dump(t, store, func(kg.Record) bool { return false })

	applied := apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("bolt-ltd", "bolt")}, By: "token:anna"})
	want := []string{
		"bolt [bolt-ltd]", "Bolt", "Bolt Limited", "Volt", "lei 5493", "ticker BLT",
		"acme ACQUIRED bolt 2016-04 doc:5 doc:6", "acme OWNS bolt 2016-04 doc:5 doc:6",
		"bolt ACQUIRED cog 2018 doc:7", "bolt OWNS cog 2018 doc:7", "ann HOLDS_ROLE bolt  doc:8",
		"staff of bolt: 12, cited 2 times", "staff of bolt: 500, cited 1 times",
		"conflict about bolt: name ", "conflict about bolt: staff figures-apart",
	}
	for _, id := range []kg.ID{"bolt", "bolt-ltd"} {
		got := told(t, g, id)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	things, err := view(t, g).Things(t.Context(), append(stood, old))
	if err != nil {
		t.Fatal(err)
	}
	for i, thing := range things {
		switch thing := thing.(type) {
		case *kg.Figures:
			if thing.Subject != "bolt" {
				t.Errorf("%s leads to a figure of %s", stood[i], thing.Subject)
			}
		case *kg.Link:
			if thing.To != "bolt" {
				t.Errorf("%s leads to a relation of %s", old, thing.To)
			}
		default:
			t.Errorf("an old id leads to %T", thing)
		}
	}
	for c := range kgClaims(t, kg.SnapshotOf(view(t, g)), "bolt-ltd") {
		if c.Fact != "bolt" {
			t.Errorf("%q rests on %s", c.Summary(), c.Fact)
		}
	}
	if flaws := audited(t, store); len(flaws) > 0 {
		t.Errorf("merged:\n%s", strings.Join(flaws, "\n"))
	}

	apply(t, g, kg.Write{Retractions: []kg.Retract{{ID: applied.Claims[0], Reason: "two after all"}}, By: "token:ben"})
	after := dump(t, store, isJudgement)
	if diff := kgtest.Diff(before, after); diff != "" {
		t.Errorf("split again (-before +after):\n%s", diff)
	}
	if flaws := audited(t, store); len(flaws) > 0 {
		t.Errorf("split:\n%s", strings.Join(flaws, "\n"))
	}
	wantHistory := []string{
		"3 RETRACTED token:ben bolt-ltd is the same as bolt: two after all",
		"2 RECORDED token:anna bolt-ltd is the same as bolt",
	}
	for _, id := range []kg.ID{"bolt", "bolt-ltd"} {
		if diff := cmp.Diff(wantHistory, history(t, view(t, g), id)[:2]); diff != "" {
			t.Errorf("history of %s (-want +got):\n%s", id, diff)
		}
	}
}

func oneRelation(t *testing.T, g *kg.Graph, id kg.ID, of kg.RelationType, d kg.Direction) kg.ID {
	t.Helper()
	m, err := view(t, g).Entity(t.Context(), kg.EntityKey{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	page, err := m.Relations(t.Context(), kg.RelationFilter{Types: []kg.RelationType{of}, Direction: d}, kg.PageArgs{})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(page, err)
	}
	return page.Values()[0].ID
}

func figureIDs(t *testing.T, g *kg.Graph, id kg.ID) (ids []kg.ID) {
	t.Helper()
	m, err := view(t, g).Entity(t.Context(), kg.EntityKey{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	page, err := m.Observations(t.Context(), kg.ObservationFilter{}, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range page.Values() {
		ids = append(ids, f.ID)
	}
	return ids
}

// The history of what is one tells of all its ids, and every claim of whom it
// speaks, under whatever id.
// TestTheNameStays: what an entity is called does not change when another turns out
// to be the same, whatever that is called; unless it had nothing but an alias.
func TestTheNameStays(t *testing.T) {
	for name, test := range map[string]struct {
		own, other []*kg.NameStatement
		want       []string
	}{
		"both legal":     {[]*kg.NameStatement{{Text: "Zed Ltd", Kind: kg.NameLegal}}, []*kg.NameStatement{{Text: "Acme Ltd", Kind: kg.NameLegal}}, []string{"Zed Ltd", "Acme Ltd"}},
		"both preferred": {[]*kg.NameStatement{{Text: "Zed", Kind: kg.NamePreferred}}, []*kg.NameStatement{{Text: "Acme", Kind: kg.NamePreferred}}, []string{"Zed", "Acme"}},
		"a preferred one for a legal one": {
			[]*kg.NameStatement{{Text: "Zed Ltd", Lang: "en", Kind: kg.NameLegal}, {Text: "Nil", Kind: kg.NameAlias}},
			[]*kg.NameStatement{{Text: "Acme", Kind: kg.NamePreferred}, {Text: "Nil", Kind: kg.NamePreferred}},
			[]string{"Zed Ltd", "Nil", "Acme"},
		},
		"several legal ones": {
			[]*kg.NameStatement{{Text: "A Ltd", Kind: kg.NameLegal}, {Text: "B Ltd", Kind: kg.NameLegal}},
			[]*kg.NameStatement{{Text: "B Ltd", Kind: kg.NamePreferred}},
			[]string{"A Ltd", "B Ltd"},
		},
		"a name for a number": {[]*kg.NameStatement{{Text: "LEI 5493", Kind: kg.NameAlias}}, []*kg.NameStatement{{Text: "Zed Ltd", Kind: kg.NameLegal}}, []string{"Zed Ltd", "LEI 5493"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, store := newGraph(t)
			w := kg.Write{Sources: basics().Sources}
			for id, names := range map[kg.ID][]*kg.NameStatement{"own": test.own, "other": test.other} {
				w.Claims = append(w.Claims, said("1", &kg.EntityStatement{Entity: id, Kind: kg.KindCompany}))
				for _, n := range names {
					n.Entity = id
					w.Claims = append(w.Claims, said("1", n))
				}
			}
			apply(t, g, w)
			apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("other", "own")}})
			e := dump(t, store, isJudgement)["own"].(*kg.Entity)
			var got []string
			for _, n := range e.Names {
				got = append(got, n.Text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestHistoryKnowsEveryID(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, twins())
	apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("bolt-ltd", "bolt")}})
	deal := oneRelation(t, g, "bolt", kg.Acquired, kg.In)
	want := []string{"1 RECORDED  acme ACQUIRED bolt, on 2016", "1 RECORDED  acme ACQUIRED bolt-ltd, on 2016-04"}
	got := history(t, view(t, g), deal)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history of the deal (-want +got):\n%s", diff)
	}
	for _, id := range figureIDs(t, g, "bolt") {
		if lines := history(t, view(t, g), id); len(lines) == 0 {
			t.Errorf("the figure %s has no history", id)
		}
	}
	lines := history(t, view(t, g), "bolt-ltd")
	mentioned(t, lines, "bolt is called", "Bolt")
	mentioned(t, lines, "bolt-ltd is called", "Volt")
	mentioned(t, lines, "staff of bolt-ltd: 500")
	page, err := view(t, g).History(t.Context(), "bolt", kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Values() {
		about, err := e.Stated.About(t.Context())
		if err != nil || len(about) == 0 || !slices.ContainsFunc(about, func(m *kg.Member) bool { return m.ID == "bolt" }) {
			t.Errorf("%q is about %v, %v", e.Stated.Summary(), about, err)
		}
	}
}

// A judgement that contradicts another, or what is known, is refused with the
// names of all concerned.
func TestJudgementsThatCannotBe(t *testing.T) {
	for name, test := range map[string]struct {
		first []*kg.Claim
		write kg.Write
		says  string
		class error
	}{
		"one entity":   {nil, kg.Write{Claims: []*kg.Claim{sameAs("bolt", "bolt")}}, "bolt cannot be judged against itself", kg.ErrInvalid},
		"nobody":       {nil, kg.Write{Claims: []*kg.Claim{sameAs("bolt", "nobody")}}, `there is no entity "nobody"`, kg.ErrInvalid},
		"another kind": {nil, kg.Write{Claims: []*kg.Claim{sameAs("ann", "bolt")}}, "ann is a PERSON and bolt a COMPANY", kg.ErrInvalid},
		"twice": {
			[]*kg.Claim{sameAs("bolt-ltd", "bolt")},
			kg.Write{Claims: []*kg.Claim{sameAs("bolt-ltd", "cog")}},
			"bolt-ltd has been judged to be the same as bolt already", kg.ErrConflict,
		},
		"in a circle": {
			[]*kg.Claim{sameAs("bolt-ltd", "bolt"), sameAs("bolt", "cog")},
			kg.Write{Claims: []*kg.Claim{sameAs("cog", "bolt-ltd")}},
			"cog cannot be the same as bolt-ltd: that would run in a circle", kg.ErrInvalid,
		},
		"in a circle, in one write": {
			nil,
			kg.Write{Claims: []*kg.Claim{sameAs("bolt", "cog"), sameAs("cog", "bolt")}},
			"cog cannot be the same as bolt: that would run in a circle", kg.ErrInvalid,
		},
		"not the same": {
			[]*kg.Claim{differentFrom("cog", "bolt"), sameAs("bolt-ltd", "bolt")},
			kg.Write{Claims: []*kg.Claim{sameAs("bolt", "cog")}},
			"cog and bolt have been judged not to be the same", kg.ErrConflict,
		},
		"not the same, by way of others": {
			[]*kg.Claim{differentFrom("bolt-ltd", "cog"), sameAs("bolt-ltd", "bolt")},
			kg.Write{Claims: []*kg.Claim{sameAs("cog", "bolt")}},
			"bolt-ltd and cog have been judged not to be the same", kg.ErrConflict,
		},
		"two that are one": {
			[]*kg.Claim{sameAs("bolt-ltd", "bolt"), sameAs("cog", "bolt")},
			kg.Write{Claims: []*kg.Claim{differentFrom("cog", "bolt-ltd")}},
			"cog and bolt-ltd have been judged to be one thing (bolt)", kg.ErrConflict,
		},
		"both at once": {
			nil,
			kg.Write{Claims: []*kg.Claim{differentFrom("cog", "bolt"), sameAs("cog", "bolt")}},
			"cog and bolt have been judged to be one thing (bolt)", kg.ErrConflict,
		},
		"a company that merges into itself": {
			[]*kg.Claim{said("3", &kg.RelationStatement{Type: kg.MergedInto, From: "bolt", To: "acme"}), said("3", &kg.RelationStatement{Type: kg.MergedInto, From: "acme", To: "cog"})},
			kg.Write{Claims: []*kg.Claim{sameAs("bolt", "cog")}},
			"it would have merged into itself", kg.ErrInvalid,
		},
		"a merger within one company": {
			[]*kg.Claim{sameAs("bolt-ltd", "bolt")},
			kg.Write{Claims: []*kg.Claim{said("3", &kg.RelationStatement{Type: kg.MergedInto, From: "bolt", To: "bolt-ltd"})}},
			"bolt-ltd has merged into bolt already", kg.ErrInvalid,
		},
		"an entity taken back under another id": {
			[]*kg.Claim{sameAs("bolt-ltd", "bolt")}, retract("bolt-ltd"), "bolt-ltd has been judged to be the same as bolt; split it first", kg.ErrInvalid,
		},
		"an entity taken back that others are the same as": {
			[]*kg.Claim{sameAs("bolt-ltd", "bolt")}, retract("bolt"), "claims still speak of bolt", kg.ErrInvalid,
		},
		"another kind under a merged id": {
			[]*kg.Claim{sameAs("bolt-ltd", "bolt")},
			kg.Write{Claims: entity("bolt-ltd", kg.KindPerson, "Bolt")},
			"bolt-ltd is a COMPANY and cannot become a PERSON", kg.ErrInvalid,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := newGraph(t)
			apply(t, g, twins())
			if test.first != nil {
				apply(t, g, kg.Write{Claims: test.first})
			}
			mentioned(t, problems(t, g, test.write), test.says)
			_, err := g.Apply(t.Context(), test.write)
			var rejection *kg.Rejection
			if !errors.As(err, &rejection) || !slices.ContainsFunc(rejection.Problems, func(p kg.Problem) bool { return errors.Is(p.Err, test.class) }) {
				t.Errorf("the class of %v is not %v", err, test.class)
			}
		})
	}
}

// One write may take a judgement back and put another in its place, say again
// what another source says, and merge an entity that it brings itself.
func TestJudgementsOfOneWrite(t *testing.T) {
	g, store := newGraph(t)
	apply(t, g, twins())
	first := apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("bolt-ltd", "bolt")}})
	apply(t, g, kg.Write{
		Claims:      append(entity("bolt-sa", kg.KindCompany, "Bolt SA"), sameAs("bolt-ltd", "cog"), sameAs("bolt-sa", "bolt-ltd"), differentFrom("bolt", "cog")),
		Retractions: []kg.Retract{{ID: first.Claims[0], Reason: "it is the other"}},
	})
	if got := told(t, g, "bolt-sa")[0]; got != "cog [bolt-ltd bolt-sa]" {
		t.Errorf("bolt-sa is known as %s", got)
	}
	if got := told(t, g, "bolt")[0]; got != "bolt []" {
		t.Errorf("bolt is known as %s", got)
	}
	again := sameAs("bolt-ltd", "cog")
	again.Source = "newer"
	second := apply(t, g, kg.Write{Claims: []*kg.Claim{again}})
	if second.Recorded != 1 || second.Entities != 0 {
		t.Errorf("another source says so: %+v", second)
	}
	apply(t, g, kg.Write{Retractions: []kg.Retract{{ID: second.Claims[0], Reason: "wrong"}}})
	if got := told(t, g, "bolt-sa")[0]; got != "cog [bolt-ltd bolt-sa]" {
		t.Errorf("with one source less bolt-sa is known as %s", got)
	}
	if flaws := audited(t, store); len(flaws) > 0 {
		t.Errorf("%s", strings.Join(flaws, "\n"))
	}
}

// One thing has a bounded number of ids.
func TestIDsOfOneThingAreBounded(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	var w kg.Write
	for i := range kg.MaxIDs {
		id := kg.ID(fmt.Sprint("bolt-", i))
		w.Claims = append(w.Claims, entity(id, kg.KindCompany, "Bolt")...)
		if i > 0 {
			w.Claims = append(w.Claims, sameAs(id, "bolt"))
		}
	}
	apply(t, g, w)
	if got := len(strings.Fields(told(t, g, "bolt")[0])); got != kg.MaxIDs {
		t.Errorf("bolt has %d ids", got)
	}
	mentioned(t, problems(t, g, kg.Write{Claims: []*kg.Claim{sameAs("bolt-0", "bolt-5")}}), "101 ids", "at most 100")
}

// To join two of which a great deal is said is refused with a way out.
func TestHubsThatAreTooLarge(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, twins())
	for i := range 2 {
		var w kg.Write
		for j := range 3500 {
			scope := fmt.Sprint("branch ", i, " ", j)
			w.Claims = append(w.Claims, said(scope, &kg.Figure{Subject: "acme", Metric: "staff", Unit: "people", Value: 7, Scope: scope}))
		}
		apply(t, g, w)
	}
	_, err := g.Apply(t.Context(), kg.Write{Claims: append(entity("zack", kg.KindCompany, "Zack"), sameAs("acme", "zack"))})
	if !errors.Is(err, kg.ErrTooLarge) || !strings.Contains(err.Error(), "let the one of which less is said") {
		t.Errorf("joining hubs: %v", err)
	}
	apply(t, g, kg.Write{Claims: append(entity("zack", kg.KindCompany, "Zack"), sameAs("zack", "acme"))})
}

// A write that rests on a revision is refused where somebody has joined what it
// speaks of, or spoken of what it joins.
func TestJudgementsAreChanges(t *testing.T) {
	g, _ := newGraph(t)
	seen := apply(t, g, twins()).Revision
	apply(t, g, kg.Write{Claims: []*kg.Claim{said("20", &kg.NameStatement{Entity: "bolt-ltd", Text: "Bolt & Sons", Kind: kg.NameAlias})}})
	var conflict *kg.ConflictError
	if _, err := g.Apply(t.Context(), kg.Write{Claims: []*kg.Claim{sameAs("bolt-ltd", "bolt")}, Since: &seen}); !errors.As(err, &conflict) {
		t.Errorf("joining what has changed: %v", err)
	}
	seen = apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("bolt-ltd", "bolt")}}).Revision
	apply(t, g, kg.Write{Claims: []*kg.Claim{said("21", &kg.NameStatement{Entity: "bolt-ltd", Text: "Bolt & Daughters", Kind: kg.NameAlias})}})
	rename := kg.Write{Claims: []*kg.Claim{said("22", &kg.NameStatement{Entity: "bolt", Text: "Bolt & Co", Kind: kg.NameAlias})}, Since: &seen}
	if _, err := g.Apply(t.Context(), rename); !errors.As(err, &conflict) {
		t.Errorf("a name beside one that was told under another id: %v", err)
	}
}

// Merging and splitting leaves no trace but in the judgements, whatever is known
// and whoever is merged with whom. Where merges are not split in the order from
// the last to the first, ids that relations had meanwhile may go on to lead to
// what became of these.
func TestSplittingUndoesMerging(t *testing.T) {
	eachChronicle(t, func(t *testing.T, c *chronicle) {
		g, store := c.record(t, c.end(), nil)
		c.now = c.end()
		before := dump(t, store, isJudgement)
		var recorded []kg.ID
		for range 1 + c.IntN(5) {
			a, b := oneOf(c, c.entities...), oneOf(c, c.entities...)
			applied, err := g.Apply(t.Context(), kg.Write{Claims: []*kg.Claim{{Statement: &kg.SameStatement{Entity: a, As: b}, Source: "s0", Locator: "test"}}})
			var rejection *kg.Rejection
			if errors.As(err, &rejection) {
				continue // they cannot be the same
			}
			if err != nil {
				t.Fatal(err)
			}
			if applied.Recorded > 0 {
				recorded = append(recorded, applied.Claims[0])
			}
			if flaws := audited(t, store); len(flaws) > 0 {
				t.Fatalf("seed %d, merged:\n%s", c.seed, strings.Join(flaws, "\n"))
			}
		}
		inOrder := c.chance(50)
		for len(recorded) > 0 {
			var w kg.Write
			for range min(len(recorded), 1+c.IntN(2)) {
				i := len(recorded) - 1
				if !inOrder {
					i = c.IntN(len(recorded))
				}
				w.Retractions = append(w.Retractions, kg.Retract{ID: recorded[i], Reason: "two"})
				recorded = slices.Delete(recorded, i, i+1)
			}
			apply(t, g, w)
			if flaws := audited(t, store); len(flaws) > 0 {
				t.Fatalf("seed %d, split:\n%s", c.seed, strings.Join(flaws, "\n"))
			}
		}
		after := dump(t, store, isJudgement)
		for id, r := range after {
			if r.RecordKind() == kg.RecordRedirect && before[id] == nil && !inOrder && strings.HasPrefix(string(id), "r-") {
				delete(after, id)
			}
		}
		if diff := kgtest.Diff(before, after); diff != "" {
			t.Errorf("seed %d (-before +after):\n%s", c.seed, diff)
		}
	})
}

// What is written while entities are one is, when they are split, as if they had
// never been.
func TestWhatIsWrittenWhileMerged(t *testing.T) {
	eachChronicle(t, func(t *testing.T, c *chronicle) {
		_, apart := c.record(t, c.end(), nil) // with the judgements of the chronicle
		store := kgtest.NewModel()
		t.Cleanup(func() { store.Close() })
		g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return c.now }})
		var recorded []kg.ID
		for i, e := range c.entries {
			c.now = e.at
			apply(t, g, e.write)
			if i+1 == len(c.entries) || len(recorded) > 2 {
				continue
			}
			near := c.entities[:min(4, len(c.entities))]
			applied, err := g.Apply(t.Context(), kg.Write{Claims: []*kg.Claim{{Statement: &kg.SameStatement{Entity: oneOf(c, near...), As: oneOf(c, near...)}, Source: "s0", Locator: "test"}}})
			if err == nil && applied.Recorded > 0 {
				recorded = append(recorded, applied.Claims...)
			}
			// What comes next must be possible whoever is one by now.
			if next := c.entries[i+1].write; g.Check(t.Context(), next) != nil {
				for _, id := range recorded {
					apply(t, g, kg.Write{Retractions: []kg.Retract{{ID: id, Reason: "two"}}})
				}
				recorded = nil
			}
		}
		for _, id := range recorded {
			apply(t, g, kg.Write{Retractions: []kg.Retract{{ID: id, Reason: "two"}}})
		}
		facts := func(store kg.Store) map[kg.ID]kg.Record {
			records := dump(t, store, func(r kg.Record) bool {
				return isJudgement(r) || r.RecordKind() == kg.RecordRedirect || r.RecordKind() == kg.RecordSource
			})
			for _, r := range records {
				if claim, ok := r.(*kg.Claim); ok {
					plain(claim)
				}
			}
			return records
		}
		if diff := kgtest.Diff(facts(apart), facts(store)); diff != "" {
			t.Errorf("seed %d (-never merged +merged and split):\n%s", c.seed, diff)
		}
		if flaws := audited(t, store); len(flaws) > 0 {
			t.Errorf("seed %d:\n%s", c.seed, strings.Join(flaws, "\n"))
		}
	})
}

// plain leaves of a claim what does not depend on other writes: revisions do, and
// so does on what it rested when it was taken back.
func plain(c *kg.Claim) {
	strip := func(s *kg.Spell) {
		s.Revision = 0
		if s.Retracted != nil {
			s.Retracted.Revision, s.Fact = 0, ""
		}
	}
	strip(&c.Spell)
	for i := range c.Earlier {
		strip(&c.Earlier[i])
	}
}

// Who follows an entity hears of what is said of all its ids, also of those that
// are judged to be its own only later.
func TestFollowersOfOneIDHearOfAll(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, twins())
	apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("bolt-ltd", "bolt")}})
	follow := func(id kg.ID, news chan struct{}) *kg.Follower {
		f, err := g.Follow(t.Context(), nil, kg.ChangeFilter{Of: []kg.ID{id}, Kinds: []kg.RecordKind{kg.RecordClaim}}, func() { news <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.Close)
		if _, ok, err := f.Take(t.Context()); ok || err != nil {
			t.Fatalf("a change before any: %t, %v", ok, err)
		}
		return f
	}
	name := func(id kg.ID, text string) kg.Revision {
		return apply(t, g, kg.Write{Claims: []*kg.Claim{said("30", &kg.NameStatement{Entity: id, Text: text, Kind: kg.NameAlias})}}).Revision
	}
	toldMerged, toldLater := make(chan struct{}, 100), make(chan struct{}, 100)
	merged, later := follow("bolt-ltd", toldMerged), follow("cog", toldLater)
	first := name("bolt", "Bolt One")
	second := apply(t, g, kg.Write{Claims: []*kg.Claim{sameAs("cog", "bolt")}}).Revision
	third := name("bolt", "Bolt Two")
	fourth := name("bolt-ltd", "Bolt Three")
	name("acme", "Acme Two")
	for what, test := range map[string]struct {
		follower *kg.Follower
		news     chan struct{}
		want     []kg.Revision
	}{
		"a merged id":          {merged, toldMerged, []kg.Revision{first, second, third, fourth}},
		"one merged meanwhile": {later, toldLater, []kg.Revision{second, third, fourth}},
	} {
		var got []kg.Revision
		for len(got) < len(test.want) {
			c, ok, err := test.follower.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				got = append(got, c.Revision)
				continue
			}
			select {
			case <-test.news:
			case <-time.After(time.Minute):
				t.Fatalf("%s: nothing after %v", what, got)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
