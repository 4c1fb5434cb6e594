package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// graph holds records, answers writes as it is told, and notes what it was asked.
type graph struct {
	holds   []kg.Record
	answer  error
	failing error // of Records
	asked   []kg.ID
	applied []kg.Write
}

func (g *graph) Records(_ context.Context, ids []kg.ID) ([]kg.Record, error) {
	g.asked = ids
	records := make([]kg.Record, len(ids))
	for _, r := range g.holds {
		if i := slices.Index(ids, r.RecordID()); i >= 0 {
			records[i] = r
		}
	}
	return records, g.failing
}

func (g *graph) Apply(_ context.Context, w kg.Write) (kg.Applied, error) {
	g.applied = append(g.applied, w)
	return kg.Applied{Recorded: len(w.Claims)}, g.answer
}

// at is a text at a line.
func at(line int, value string) ingest.Text {
	return ingest.Text{Value: value, At: ingest.Position{File: "f", Line: line, Column: 1}}
}

func cite(line int, source string) []ingest.Citation {
	return []ingest.Citation{{Source: at(line, source), Locator: "line 1"}, {Source: at(line, source), Locator: "line 2"}}
}

func entity(line int, id string) *ingest.Entity {
	return &ingest.Entity{
		At: at(line, "").At, ID: at(line, id), Kind: at(line, "company"), Cites: cite(line, "memo"),
		Names: []ingest.Name{{Text: at(line, "Acme"), Lang: at(line, "en"), Kind: at(line, "preferred")}},
	}
}

func figure(line int, of, period string) *ingest.Figure {
	return &ingest.Figure{
		At: at(line, "").At, Of: at(line, of), Metric: at(line, "users"), Value: at(line, "5"), Period: at(line, period), Cites: cite(line, "memo"),
	}
}

func sequence(drafts ...ingest.Draft) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		for _, d := range drafts {
			if !yield(d, nil) {
				return
			}
		}
	}
}

var (
	memo  = &ingest.Source{At: at(1, "").At, ID: at(1, "memo"), Title: at(1, "Memo")}
	users = &kg.Metric{Name: "users", Definition: "People.", Unit: "people"}
)

func TestLoadAsksTheGraphForWhatItDoesNotBring(t *testing.T) {
	g := &graph{holds: []kg.Record{users, &kg.Entity{ID: "acme", FiscalYearEnd: kg.MustDate("--06-30")}}}
	report, err := ingest.Load(t.Context(), g, sequence(figure(3, "acme", "FY2021"), memo))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]kg.ID{"acme", "memo", "metric:users"}, g.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	f := g.applied[0].Claims[0].Statement.(*kg.Figure)
	if f.Period != kg.MustPeriod("2020-07-01/2021-06-30") || f.Unit != "people" {
		t.Errorf("the figure is of %s, in %s", f.Period, f.Unit)
	}
	want := ingest.Report{Sources: 1, Figures: 1, Applied: ingest.Sum{Recorded: 2}, Took: report.Took}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	const text = "Read 1 sources, 0 metrics, 0 entities, 0 relations, 1 figures and 0 conflicts in 0s. " +
		"Of their claims 2 are new and 0 were known already (revision 0)."
	if report.Took = 0; report.String() != text {
		t.Errorf("report: %s", report)
	}
}

// TestYearEndOfTheLoadPrevails: what a load says of an entity is newer than what
// the graph holds; an entity that it repeats without a year end keeps the known one.
func TestYearEndOfTheLoadPrevails(t *testing.T) {
	held := &kg.Entity{ID: "acme", FiscalYearEnd: kg.MustDate("--06-30")}
	for stated, want := range map[string]string{"": "2020-07-01/2021-06-30", "12-31": "2021-01-01/2021-12-31"} {
		acme := entity(2, "acme")
		acme.FiscalYearEnd = at(2, stated)
		g := &graph{holds: []kg.Record{users, held}}
		if _, err := ingest.Load(t.Context(), g, sequence(figure(3, "acme", "FY2021"), acme, memo)); err != nil {
			t.Fatal(err)
		}
		claims := g.applied[0].Claims
		if got := claims[0].Statement.(*kg.Figure).Period; got != kg.MustPeriod(want) {
			t.Errorf("with the year end %q stated: %s, want %s", stated, got, want)
		}
	}
}

func TestLoadCollectsWhatIsWrong(t *testing.T) {
	drafts := func(yield func(ingest.Draft, error) bool) {
		for line := 70; line >= 10; line-- {
			if !yield(figure(line, "nobody", ""), nil) {
				return
			}
		}
		if yield(nil, &ingest.Problem{At: at(5, "").At, Reason: "torn"}) {
			yield(nil, fmt.Errorf("on page 2: %w", &ingest.Problem{At: at(4, "").At, Reason: "wet"}))
		}
	}
	g := &graph{holds: []kg.Record{users, &kg.Source{ID: "memo", Title: "Memo"}}}
	_, err := ingest.Load(t.Context(), g, drafts)
	var problems *ingest.Problems
	if !errors.As(err, &problems) || !errors.Is(err, kg.ErrInvalid) || !errors.Is(problems.List[0], kg.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	if len(problems.List) != ingest.MaxProblems || problems.More != 13 {
		t.Errorf("%d listed and %d more, want %d and 13", len(problems.List), problems.More, ingest.MaxProblems)
	}
	for i, want := range []string{"f:4:1: wet", "f:5:1: torn", `f:10:1: no entity has the id "nobody"; add it to the entities or correct the id`} {
		if got := problems.List[i].Error(); got != want {
			t.Errorf("problem %d is %s, want %s", i, got, want)
		}
	}
	if len(g.applied) > 0 {
		t.Error("something was written")
	}
}

func TestRejectionsAreToldByPlace(t *testing.T) {
	g := &graph{holds: []kg.Record{users}}
	g.answer = fmt.Errorf("graph: %w", &kg.Rejection{More: 7, Problems: []kg.Problem{
		{In: kg.InSources, Index: 0, Err: errors.New("no source")},
		{In: kg.InMetrics, Index: 0, Err: errors.New("no metric")},
		{In: kg.InClaims, Index: 0, Err: errors.New("no entity")},
		{In: kg.InClaims, Index: 1, Err: errors.New("no entity")}, // the same for the second citation
		{In: kg.InClaims, Index: 3, Err: errors.New("no name")},
		{In: kg.InClaims, Index: 4, Err: errors.New("no figure")},
		{In: kg.InConflicts, Index: 0, Err: errors.New("no conflict")},
	}})
	conflict := &ingest.Conflict{At: at(2, "").At, About: at(2, "acme"), Predicate: at(2, "users"), Kind: at(2, "unit")}
	metric := &ingest.Metric{At: at(6, "").At, Name: at(6, "sales"), Unit: at(6, "count")}
	_, err := ingest.Load(t.Context(), g, sequence(conflict, entity(4, "acme"), figure(5, "acme", ""), metric, memo))
	const want = "f:1:1: no source\nf:2:1: no conflict\nf:4:1: no entity\nf:4:1: no name\nf:5:1: no figure\nf:6:1: no metric\nand 7 more"
	if err == nil || err.Error() != want || !errors.Is(err, kg.ErrInvalid) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOtherErrorsKeepTheirClass(t *testing.T) {
	broken := errors.New("broken")
	failing := func(yield func(ingest.Draft, error) bool) { yield(nil, broken) }
	cases := map[string]struct {
		graph  *graph
		drafts iter.Seq2[ingest.Draft, error]
		want   error
	}{
		"reader":    {&graph{}, failing, broken},
		"lookup":    {&graph{failing: kg.ErrUnavailable}, sequence(memo), kg.ErrUnavailable},
		"write":     {&graph{answer: kg.ErrTooLarge}, sequence(memo), kg.ErrTooLarge},
		"rejection": {&graph{answer: &kg.Rejection{}}, sequence(memo), kg.ErrInvalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ingest.Load(t.Context(), c.graph, c.drafts); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
