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

func retract(id kg.ID) kg.Write {
	return kg.Write{Retractions: []kg.Retract{{ID: id, Reason: "wrong"}}, By: "token:anna"}
}

// problems lists what was wrong with a write, one line each.
func problems(t *testing.T, g *kg.Graph, w kg.Write) []string {
	t.Helper()
	before := view(t, g).Revision()
	_, err := g.Apply(context.Background(), w)
	if err == nil {
		t.Fatal("the write was done")
	}
	if after := view(t, g).Revision(); after != before {
		t.Errorf("the refused write made revision %d of %d", after, before)
	}
	return strings.Split(err.Error(), "\n")
}

// mentioned asks for one line that holds all the words.
func mentioned(t *testing.T, lines []string, words ...string) {
	t.Helper()
	for _, line := range lines {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return
		}
	}
	t.Errorf("nothing says %q; there is:\n%s", words, strings.Join(lines, "\n"))
}

// history writes the history of an id in a line each.
func history(t *testing.T, v *kg.View, id kg.ID) []string {
	t.Helper()
	page, err := v.History(context.Background(), id, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if page == nil {
		return nil
	}
	lines := []string{}
	for _, e := range page.Values() {
		line := fmt.Sprintf("%d %s %s", e.Revision, e.Action, e.By)
		if e.Stated != nil {
			line += " " + e.Stated.Summary()
		} else {
			line += " " + e.Source.Title
		}
		if e.Reason != "" {
			line += ": " + e.Reason
		}
		lines = append(lines, line)
	}
	return lines
}

// A deal that is taken back goes with the holding that it opened, what is left
// of its id leads to the claim, and to say it again brings all of it back.
func TestADealIsTakenBackAndSaidAgain(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	deal := dealOf(t, g)
	owned := kg.RelationFilter{Types: []kg.RelationType{kg.Owns, kg.Acquired}}
	if got := relations(t, g, "acme", owned); len(got) != 2 {
		t.Fatalf("before: %q", got)
	}
	applied := apply(t, g, retract(deal))
	if applied.Retracted != 1 || applied.Revision != 2 || applied.Relations != 1 {
		t.Errorf("retracting: %+v", applied)
	}
	if got := relations(t, g, "acme", owned); len(got) != 0 {
		t.Errorf("after: %q", got)
	}
	things, err := view(t, g).Things(context.Background(), []kg.ID{deal})
	if err != nil {
		t.Fatal(err)
	}
	stated, ok := things[0].(*kg.Stated)
	if !ok || stated.Live() || stated.Retracted.Reason != "wrong" || stated.Retracted.By != "token:anna" || stated.Fact != deal {
		t.Errorf("the id of the deal leads to %+v", things[0])
	}
	if gone, err := stated.Supports(context.Background()); gone != nil || err != nil {
		t.Errorf("the claim supports %v, %v", gone, err)
	}
	if again := apply(t, g, retract(deal)); again.Revision != 2 || again.Known != 1 {
		t.Errorf("retracting again: %+v", again)
	}

	back := apply(t, g, kg.Write{Claims: []*kg.Claim{said("5", acquired("acme", "bolt", "2016"))}, By: "token:ben"})
	if back.Recorded != 1 || back.Revision != 3 {
		t.Errorf("saying it again: %+v", back)
	}
	if got := relations(t, g, "acme", owned); len(got) != 2 {
		t.Errorf("said again: %q", got)
	}
	want := []string{
		"3 RECORDED token:ben acme ACQUIRED bolt, on 2016",
		"2 RETRACTED token:anna acme ACQUIRED bolt, on 2016: wrong",
		"1 RECORDED  acme ACQUIRED bolt, on 2016",
	}
	for _, id := range []kg.ID{deal, back.Claims[0]} {
		if diff := cmp.Diff(want, history(t, view(t, g), id)); diff != "" {
			t.Errorf("history of %s (-want +got):\n%s", id, diff)
		}
	}
}

// dealOf returns the id of the deal between acme and bolt.
func dealOf(t *testing.T, g *kg.Graph) kg.ID {
	t.Helper()
	m, err := view(t, g).Entity(context.Background(), kg.EntityKey{ID: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	page, err := m.Relations(context.Background(), kg.RelationFilter{Types: []kg.RelationType{kg.Acquired}, Direction: kg.Out}, kg.PageArgs{})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(err, page)
	}
	return page.Values()[0].ID
}

// An entity goes with all that is said of it, or not at all.
func TestAnEntityIsTakenBack(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	ctx := context.Background()
	mentioned(t, problems(t, g, retract("bolt")), "retractions[0]: id:", "1 claims still speak of bolt", "c-")
	entityClaim, nameClaim := claimOf(t, g, "acme", "acme is a COMPANY"), claimOf(t, g, "acme", `acme is called "Acme Inc." (PREFERRED)`)
	aliasClaim := claimOf(t, g, "acme", `acme is called "アクメ" (ALIAS)`)
	mentioned(t, problems(t, g, retract(entityClaim)), "nothing would say any more that acme exists", "2 claims")
	mentioned(t, problems(t, g, kg.Write{Retractions: []kg.Retract{{ID: nameClaim, Reason: "x"}, {ID: aliasClaim, Reason: "x"}}}), "without a name")

	both := retract("bolt")
	both.Retractions = append(both.Retractions, kg.Retract{ID: dealOf(t, g), Reason: "there is no such company"})
	if applied := apply(t, g, both); applied.Retracted != 3 {
		t.Errorf("taking back a company and its deal: %+v", applied)
	}
	m, err := view(t, g).Entity(ctx, kg.EntityKey{Name: "Bolt"})
	if m != nil || err != nil {
		t.Errorf("the company is found by name: %v, %v", m, err)
	}
	things, err := view(t, g).Things(ctx, []kg.ID{"bolt"})
	if stated, ok := things[0].(*kg.Stated); err != nil || !ok || stated.Summary() != "bolt is a COMPANY" {
		t.Errorf("the id of the company leads to %v, %v", things[0], err)
	}
	mentioned(t, problems(t, g, kg.Write{Claims: []*kg.Claim{said("5", acquired("acme", "bolt", "2016"))}}), `no entity "bolt"`)

	apply(t, g, kg.Write{Claims: entity("bolt", kg.KindOrganization, "Bolt again")})
	m, err = view(t, g).Entity(ctx, kg.EntityKey{ID: "bolt"})
	if err != nil || m == nil || m.Kind != kg.KindOrganization || m.Name("") != "Bolt again" {
		t.Errorf("recorded anew, the company is %v, %v", m, err)
	}
}

// TestAnEntityGoesClaimByClaim: taking back every claim about an entity is taking
// back the entity.
func TestAnEntityGoesClaimByClaim(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	w := kg.Write{}
	for _, c := range entity("ann", kg.KindPerson, "Ann Lee") {
		w.Retractions = append(w.Retractions, kg.Retract{ID: c.ContentID(), Reason: "wrong"})
	}
	if got := apply(t, g, w); got.Retracted != 2 || got.Entities != 1 {
		t.Errorf("%+v", got)
	}
	records, err := g.Records(context.Background(), []kg.ID{"ann"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := records[0].(*kg.Redirect); !ok {
		t.Errorf("ann is %T", records[0])
	}
}

// TestWhatWasTakenBackIsKeptSo, where a write asks for that.
func TestWhatWasTakenBackIsKeptSo(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	deal, nick := said("5", acquired("acme", "bolt", "2016")), entity("acme", kg.KindCompany, "Acme Inc.", "アクメ")[2]
	taken := retract(deal.ContentID())
	taken.Retractions = append(taken.Retractions, retract(nick.ContentID()).Retractions...)
	revision := apply(t, g, taken).Revision
	again := basics()
	again.KeepRetracted = true
	if got := apply(t, g, again); got.Withheld != 2 || got.Recorded != 0 || got.Revision != revision {
		t.Errorf("%+v", got)
	}
	again.KeepExcept = "some other reason"
	if got := apply(t, g, again); got.Withheld != 2 {
		t.Errorf("but for what was taken back for another reason: %+v", got)
	}
	again.KeepExcept = taken.Retractions[0].Reason
	if got := apply(t, g, again); got.Withheld != 0 || got.Recorded != 2 {
		t.Errorf("but for what was taken back for this reason: %+v", got)
	}
	apply(t, g, taken)
	again.KeepExcept = ""
	// What rests on nothing but what was taken back is refused.
	gone := kg.Write{}
	for _, c := range entity("ann", kg.KindPerson, "Ann Lee") {
		gone.Retractions = append(gone.Retractions, kg.Retract{ID: c.ContentID(), Reason: "wrong"})
	}
	apply(t, g, gone)
	again.Claims = append(again.Claims, said("9", &kg.NameStatement{Entity: "ann", Text: "Annie", Kind: kg.NameAlias}))
	mentioned(t, problems(t, g, again), `there is no entity "ann"`)
	again.KeepRetracted = false
	if got := apply(t, g, again); got.Recorded != 5 {
		t.Errorf("recorded again: %+v", got)
	}
}

// claimOf returns the id of the claim about an entity with that summary.
func claimOf(t *testing.T, g *kg.Graph, id kg.ID, summary string) kg.ID {
	t.Helper()
	page, err := view(t, g).History(context.Background(), id, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Values() {
		if e.Stated != nil && e.Stated.Summary() == summary {
			return e.Stated.ID
		}
	}
	t.Fatalf("no claim about %s says %q", id, summary)
	return ""
}

// A figure that is taken back takes its conflict with it.
func TestAFigureIsTakenBack(t *testing.T) {
	g, _ := newGraph(t)
	w := basics()
	revenue := func(value float64) *kg.Figure {
		return &kg.Figure{Subject: "acme", Metric: "revenue", Value: value, Unit: "USD", Period: kg.MustPeriod("2020")}
	}
	w.Claims = append(w.Claims, said("7", revenue(100)), said("8", revenue(300)))
	applied := apply(t, g, w)
	conflicts := func() int {
		m, err := view(t, g).Entity(context.Background(), kg.EntityKey{ID: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		list, err := m.Conflicts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if conflicts() != 1 {
		t.Fatalf("%d conflicts to begin with", conflicts())
	}
	wrong := applied.Claims[len(applied.Claims)-1]
	if got := apply(t, g, retract(wrong)); got.Retracted != 1 || got.Observations != 1 {
		t.Errorf("taking a figure back: %+v", got)
	}
	if conflicts() != 0 {
		t.Errorf("%d conflicts are left", conflicts())
	}
}

func TestWhatCannotBeTakenBack(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	holding := ""
	m, _ := view(t, g).Entity(context.Background(), kg.EntityKey{ID: "acme"})
	page, err := m.Relations(context.Background(), kg.RelationFilter{Types: []kg.RelationType{kg.Owns}, Direction: kg.Out}, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	holding = string(page.Values()[0].ID)
	claim := said("5", acquired("acme", "bolt", "2016")).ContentID()
	lines := problems(t, g, kg.Write{
		Retractions: []kg.Retract{
			{ID: "nothing", Reason: "x"},
			{ID: "doc", Reason: "x"},
			{ID: claim},
			{ID: claim, Reason: "a\x00b"},
			{ID: kg.ID(holding), Reason: "x"},
			{ID: claim, Reason: strings.Repeat("x", 3000)},
			{ID: claim, Reason: "x"},
			{ID: "metric:revenue", Reason: "x"},
		},
		Claims: []*kg.Claim{said("5", acquired("acme", "bolt", "2016"))},
	})
	for i, words := range [][]string{
		{"nothing with the id", "nothing"},
		{"doc is a source"},
		{"reason:", "needs a reason"},
		{"reason:", "control character"},
		{"rests on no claim of its own", string(dealOf(t, g))},
		{"reason:", "2000 bytes"},
		{"both records and takes back"},
		{"is a metric"},
	} {
		mentioned(t, lines, append(words, fmt.Sprintf("retractions[%d]", i))...)
	}
	var missing *kg.NotFoundError
	_, err = g.Apply(context.Background(), retract("nothing"))
	var rejection *kg.Rejection
	if !errors.As(err, &rejection) || !errors.As(rejection.Problems[0].Err, &missing) {
		t.Errorf("what is not there is refused with %v", err)
	}
}

// Under one key a write is done once, whatever has happened since.
func TestAKeyIsForOneWrite(t *testing.T) {
	g, _ := newGraph(t)
	w := basics()
	w.Key, w.By = "monday", "token:anna"
	first := apply(t, g, w)
	apply(t, g, retract(dealOf(t, g)))
	again := apply(t, g, w)
	if !again.Replayed || again.Revision != first.Revision || again.Recorded+again.Known != 0 || !slices.Equal(again.Claims, first.Claims) {
		t.Errorf("sent again: %+v", again)
	}
	if got := relations(t, g, "acme", deals); len(got) != 0 {
		t.Errorf("a write sent again brought back %q", got)
	}
	other := kg.Write{Claims: entity("coda", kg.KindCompany, "Coda"), Key: "monday", By: "token:anna"}
	mentioned(t, problems(t, g, other), "key:", `"monday"`, "revision 1", "new key")
	noted := basics()
	noted.Claims[0].Note = "but noted"
	noted.Key, noted.By = "monday", "token:anna"
	mentioned(t, problems(t, g, noted), "key:")
	other.By = "token:ben"
	if applied := apply(t, g, other); applied.Replayed || applied.Recorded != 2 {
		t.Errorf("the same key of somebody else: %+v", applied)
	}
	mentioned(t, problems(t, g, kg.Write{Key: strings.Repeat("k", 201)}), "key:", "200 bytes")
	mentioned(t, problems(t, g, kg.Write{Key: "a\nb"}), "key:", "control character")
}

// A write that rests on a revision is refused where what it touches has changed.
func TestAWriteRestsOnARevision(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	since := func(r kg.Revision, w kg.Write) kg.Write {
		w.Since = &r
		return w
	}
	rename := kg.Write{Claims: []*kg.Claim{said("9", &kg.NameStatement{Entity: "acme", Text: "Acme Holdings", Kind: kg.NameAlias})}, By: "token:ben"}
	apply(t, g, since(1, rename))
	_, err := g.Apply(context.Background(), since(1, kg.Write{Claims: []*kg.Claim{said("9", &kg.NameStatement{Entity: "acme", Text: "ACME", Kind: kg.NameAlias})}}))
	var conflict *kg.ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, kg.ErrConflict) || len(conflict.Changed) != 1 {
		t.Fatalf("a stale write: %v", err)
	}
	if c := conflict.Changed[0]; c.By != "token:ben" || c.Revision != 2 || c.Claim.Summary() != `acme is called "Acme Holdings" (ALIAS)` {
		t.Errorf("what changed: %+v", c)
	}
	apply(t, g, since(1, retract(dealOf(t, g)))) // nothing about the deal has changed
	mentioned(t, problems(t, g, since(2, kg.Write{Claims: []*kg.Claim{said("5", acquired("acme", "bolt", "2016"))}})), "changed since revision 2", "revision 3")
	mentioned(t, problems(t, g, since(99, kg.Write{})), "since:", "no revision 99 yet")

	source := kg.Write{Sources: []*kg.Source{{ID: "doc", Title: "A report, corrected"}}, By: "token:ben"}
	apply(t, g, since(3, source))
	source.Sources[0].Title = "Something else"
	mentioned(t, problems(t, g, since(3, source)), "changed since revision 3")
}

// Two people correct one mistake, each in words of their own, and say the same
// thing for the first time. The second finds nothing left to do with what has
// changed, and must be told all the same.
func TestAWriteRestsOnWhatIsDoneAlready(t *testing.T) {
	first := kg.Revision(1)
	for name, w := range map[string]func(deal kg.ID) kg.Write{
		"taking back": retract,
		"correcting": func(deal kg.ID) kg.Write {
			w := retract(deal)
			w.Claims = []*kg.Claim{said("5", &kg.NameStatement{Entity: "bolt", Text: "Bolt Ltd", Kind: kg.NameAlias})}
			return w
		},
		"recording": func(kg.ID) kg.Write {
			return kg.Write{Claims: []*kg.Claim{said("7", acquired("bolt", "acme", "2020"))}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := newGraph(t)
			apply(t, g, basics())
			deal := dealOf(t, g)
			apply(t, g, retract(deal))
			apply(t, g, kg.Write{Claims: []*kg.Claim{said("7", acquired("bolt", "acme", "2020"))}})
			stale := w(deal)
			stale.Since = &first
			mentioned(t, problems(t, g, stale), "changed since revision 1")
			now := view(t, g).Revision()
			stale.Since = &now
			apply(t, g, stale)
		})
	}
}

// A source keeps what it was described as.
func TestASourceIsDescribedAnew(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	a.in(2020, basics())
	a.in(2021, kg.Write{Sources: []*kg.Source{{ID: "doc", Title: "A report, corrected"}}, By: "token:ben"})
	a.in(2022, kg.Write{Sources: []*kg.Source{{ID: "doc", Title: "A report, corrected"}}, By: "token:anna"})
	a.now = beginning(2025)
	want := []string{"2 DESCRIBED token:ben A report, corrected", "1 DESCRIBED  A report"}
	if diff := cmp.Diff(want, history(t, view(t, a.graph), "doc")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for year, title := range map[int]string{2019: "", 2020: "A report", 2023: "A report, corrected"} {
		records, err := knownBy(t, a.graph, beginning(year)).Records(context.Background(), []kg.ID{"doc"})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s, ok := records[0].(*kg.Source); ok {
			got = s.Title
		}
		if got != title {
			t.Errorf("known in %d: %q, want %q", year, got, title)
		}
	}
	mentioned(t, problems(t, a.graph, kg.Write{Sources: []*kg.Source{{ID: "acme", Title: "x"}, {ID: "s", Title: "x", URL: "a\tb"}, {ID: "t", Title: " "}}}),
		"sources[0]: id:", "is taken already (entity)")
}

func TestNothingMergesIntoItself(t *testing.T) {
	g, _ := newGraph(t)
	apply(t, g, basics())
	apply(t, g, kg.Write{Claims: entity("coda", kg.KindCompany, "Coda")})
	merged := func(from, to kg.ID) *kg.Claim {
		return said("20", &kg.RelationStatement{Type: kg.MergedInto, From: from, To: to})
	}
	apply(t, g, kg.Write{Claims: []*kg.Claim{merged("acme", "bolt")}})
	mentioned(t, problems(t, g, kg.Write{Claims: []*kg.Claim{merged("coda", "acme"), merged("bolt", "coda")}}), "claims[1]: to:", "merged into bolt already")
	mentioned(t, problems(t, g, kg.Write{Claims: []*kg.Claim{merged("coda", "coda")}}), "coda")
	w := retract(merged("acme", "bolt").ContentID())
	w.Claims = []*kg.Claim{merged("bolt", "acme")}
	apply(t, g, w) // the other way round, after all
}

// A clock that is set back does not put the graph out of order, nor one that
// runs ahead.
func TestTheClockIsWrong(t *testing.T) {
	store := kgtest.NewModel()
	t.Cleanup(func() { store.Close() })
	now := beginning(2025)
	clock := kg.Options{Now: func() time.Time { return now }}
	g := kg.NewGraph(store, clock)
	for i, at := range []time.Time{beginning(2025), beginning(2025).AddDate(0, 0, -1), beginning(2035), beginning(2025)} {
		now = at
		if i == 2 {
			g = kg.NewGraph(store, clock) // opened anew, it knows no more than the store
		}
		w := kg.Write{Claims: entity(kg.ID(fmt.Sprint("e", i)), kg.KindCompany, fmt.Sprint("E", i))}
		if i == 0 {
			w.Sources = basics().Sources
		}
		apply(t, g, w)
	}
	var last time.Time
	n := 0
	for c, err := range store.Changes(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if c.At.Before(last) {
			t.Errorf("revision %d is of %s, before the one before it", c.Revision, c.At)
		}
		last = c.At
		n++
	}
	if n != 4 || !last.Equal(beginning(2035)) {
		t.Errorf("%d changes, the last of %s", n, last)
	}
}

// History is paged, newest first, and tells what was known at a moment.
func TestHistoryIsPaged(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	a.in(2020, basics())
	a.in(2021, retract(said("1", &kg.NameStatement{Entity: "acme", Text: "アクメ", Kind: kg.NameAlias}).ContentID()))
	a.now = beginning(2025)
	whole := history(t, view(t, a.graph), "acme")
	if len(whole) != 5 || !strings.HasPrefix(whole[0], "2 RETRACTED token:anna") {
		t.Fatalf("the whole history: %q", whole)
	}
	var paged []string
	v, ctx := view(t, a.graph), context.Background()
	size, after := 2, (*string)(nil)
	for {
		page, err := v.History(ctx, "acme", kg.PageArgs{First: &size, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Values() {
			paged = append(paged, fmt.Sprint(e.Revision, e.Action, e.Stated.ID))
		}
		if n, err := page.Count(ctx); err != nil || n != 5 {
			t.Errorf("the count is %d, %v", n, err)
		}
		if !page.HasNext {
			break
		}
		after = &page.Items[len(page.Items)-1].Cursor
	}
	slices.Sort(paged)
	if got := slices.Compact(paged); len(got) != 5 {
		t.Errorf("page by page: %q", got)
	}
	if then := history(t, knownBy(t, a.graph, beginning(2020)), "acme"); len(then) != 4 {
		t.Errorf("as known in 2020: %q", then)
	}
	if nothing := history(t, v, "nobody"); nothing != nil {
		t.Errorf("the history of nobody: %q", nothing)
	}
	bad := "garbage"
	if _, err := v.History(ctx, "acme", kg.PageArgs{After: &bad}); !errors.Is(err, kg.ErrInvalid) {
		t.Errorf("a bad cursor: %v", err)
	}
}
