package kg_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
)

// deeds is a world of deals, roles and figures.
func deeds(t *testing.T) *kg.Graph {
	t.Helper()
	g, _ := newGraph(t)
	w := basics()
	w.Claims = slices.DeleteFunc(w.Claims, func(c *kg.Claim) bool { _, deal := c.Statement.(*kg.RelationStatement); return deal })
	w.Claims = append(w.Claims, entity("core", kg.KindCompany, "Core")...)
	w.Metrics = append(w.Metrics, &kg.Metric{Name: "users", Definition: "…", Unit: "people"})
	deal := func(source kg.ID, from, to kg.ID, on string, money *kg.Money) {
		s := acquired(from, to, on)
		s.Money = money
		w.Claims = append(w.Claims, &kg.Claim{Statement: s, Source: source, Locator: "1"})
	}
	deal("doc", "acme", "bolt", "2014", &kg.Money{Amount: 5e6, Currency: "USD"})
	deal("newer", "acme", "bolt", "2014", nil)
	deal("doc", "acme", "core", "2014-06", &kg.Money{Amount: 7e6, Currency: "USD"})
	deal("doc", "bolt", "core", "2016", &kg.Money{Amount: 9e6, Currency: "EUR"})
	deal("doc", "core", "acme", "[2016..]", nil)
	w.Claims = append(w.Claims,
		said("2", &kg.RelationStatement{Type: kg.HoldsRole, From: "ann", To: "acme", Text: "Chair", Start: kg.MustDate("2010"), End: kg.MustDate("2015-06")}),
		said("3", &kg.RelationStatement{Type: kg.PartnersWith, From: "acme", To: "core", Start: kg.MustDate("2011-02"), Money: &kg.Money{Amount: 1e6, Currency: "USD"}}),
		said("4", &kg.NameStatement{Entity: "acme", Text: "Old Acme", Kind: kg.NameFormer}),
	)
	figure := func(source kg.ID, value float64, unit, metric, period, scope string) {
		f := &kg.Figure{Subject: "acme", Metric: metric, Value: value, Unit: unit, Scope: scope}
		if period != "" {
			f.Period = kg.MustPeriod(period)
		}
		w.Claims = append(w.Claims, &kg.Claim{Statement: f, Source: source, Locator: fmt.Sprint(value)})
	}
	figure("doc", 3e9, "USD", "revenue", "2019", "")
	figure("doc", 1e9, "USD", "revenue", "2018", "")
	figure("newer", 3.2e9, "USD", "revenue", "2019", "")
	figure("doc", 20e9, "CNY", "revenue", "2019", "")
	figure("doc", 2e9, "USD", "revenue", "2019", "China")
	figure("doc", 5e6, "people", "users", "", "")
	apply(t, g, w)
	return g
}

func member(t *testing.T, v *kg.View, id kg.ID) *kg.Member {
	t.Helper()
	m, err := v.Entity(context.Background(), kg.EntityKey{ID: id})
	if err != nil || m == nil {
		t.Fatalf("entity %s: %v, %v", id, m, err)
	}
	return m
}

func TestCountRelations(t *testing.T) {
	v := view(t, deeds(t))
	deal := []kg.RelationType{kg.Acquired}
	for name, c := range map[string]struct {
		filter kg.CountFilter
		of     kg.ID
		want   []string
	}{
		"by year": {
			kg.CountFilter{Types: deal, By: []kg.GroupBy{kg.ByYear}},
			"",
			[]string{"2014: 2, 12000000 USD in 2", "2016: 1, 9000000 EUR in 1", ": 1"},
		},
		"by buyer": {
			kg.CountFilter{Types: deal, By: []kg.GroupBy{kg.ByFrom}},
			"",
			[]string{"acme: 2, 12000000 USD in 2", "bolt: 1, 9000000 EUR in 1", "core: 1"},
		},
		"of one company": {
			kg.CountFilter{Types: deal, By: []kg.GroupBy{kg.ByYear, kg.ByTo}},
			"acme",
			[]string{"2014 bolt: 1, 5000000 USD in 1", "2014 core: 1, 7000000 USD in 1", "acme: 1"},
		},
		"by source, a deal told by two counts for both": {
			kg.CountFilter{Types: deal, By: []kg.GroupBy{kg.BySource}},
			"",
			[]string{"doc: 4, 12000000 USD in 2, 9000000 EUR in 1", "newer: 1, 5000000 USD in 1"},
		},
		"most connected": {
			kg.CountFilter{Types: deal, By: []kg.GroupBy{kg.ByEntity}, First: 2},
			"",
			[]string{"acme: 3, 12000000 USD in 2", "core: 3, 7000000 USD in 1, 9000000 EUR in 1"},
		},
		"in a period": {
			kg.CountFilter{Types: deal, By: []kg.GroupBy{kg.ByType}, When: kg.When{During: kg.MustPeriod("2014")}},
			"",
			[]string{"ACQUIRED: 2, 12000000 USD in 2"},
		},
		"nothing there": {
			kg.CountFilter{Types: []kg.RelationType{kg.Supplies}, By: []kg.GroupBy{kg.ByType}}, "", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.of != "" {
				c.filter.Of = member(t, v, c.of)
			}
			if c.filter.First == 0 {
				c.filter.First = 100
			}
			counts, err := v.CountRelations(context.Background(), c.filter)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range counts {
				got = append(got, n.String())
			}
			for i := range got { // sums come in order of code
				got[i] = sumsByLine(got[i])
				c.want[i] = sumsByLine(c.want[i])
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
	for name, f := range map[string]kg.CountFilter{
		"by nothing": {First: 1}, "twice by one": {First: 1, By: []kg.GroupBy{kg.ByYear, kg.ByYear}},
		"no groups": {By: []kg.GroupBy{kg.ByYear}}, "too many groups": {By: []kg.GroupBy{kg.ByYear}, First: kg.MaxPage + 1},
	} {
		if _, err := v.CountRelations(context.Background(), f); !errors.Is(err, kg.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// sumsByLine sorts the sums behind a count.
func sumsByLine(line string) string {
	parts := strings.Split(line, ", ")
	slices.Sort(parts[1:])
	return strings.Join(parts, ", ")
}

func TestLargestDeals(t *testing.T) {
	v := view(t, deeds(t))
	links, err := v.LargestDeals(context.Background(), "USD", kg.RelationFilter{Types: []kg.RelationType{kg.Acquired}}, nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range links {
		got = append(got, fmt.Sprint(l.To, " ", l.Money))
	}
	if diff := cmp.Diff([]string{"core 7000000 USD", "bolt 5000000 USD"}, got); diff != "" {
		t.Errorf("deals (-want +got):\n%s", diff)
	}
	for _, currency := range []string{"", "dollars", "usd"} {
		if _, err := v.LargestDeals(context.Background(), currency, kg.RelationFilter{}, nil, 1); !errors.Is(err, kg.ErrInvalid) {
			t.Errorf("the currency %q passed: %v", currency, err)
		}
	}
}

func TestSeriesNeverMix(t *testing.T) {
	v := view(t, deeds(t))
	series, err := member(t, v, "acme").Series(context.Background(), kg.SeriesFilter{Metric: "revenue"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range series {
		line := s.Unit + " " + s.Scope
		for _, p := range s.Points {
			line += fmt.Sprintf(" | %s %s", p.Period, p.Headline.Text())
			for _, a := range p.Alternatives {
				line += " not " + a.Text()
			}
		}
		got = append(got, line)
	}
	want := []string{
		"CNY  | 2019 20000000000 CNY",
		"USD  | 2018 1000000000 USD | 2019 3200000000 USD not 3000000000 USD",
		"USD China | 2019 2000000000 USD",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	if _, err := member(t, v, "acme").Series(context.Background(), kg.SeriesFilter{Metric: "headcount"}); !errors.Is(err, kg.ErrInvalid) {
		t.Errorf("an unknown metric: %v", err)
	}
}

func TestTimeline(t *testing.T) {
	v := view(t, deeds(t))
	ctx := context.Background()
	tell := func(id kg.ID, f kg.TimelineFilter) (lines []string) {
		page, err := v.Timeline(ctx, member(t, v, id), f, kg.PageArgs{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Values() {
			text, err := e.Text(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Cited()) == 0 {
				t.Errorf("%s is not cited", text)
			}
			lines = append(lines, fmt.Sprintf("%s %s: %s", e.When, e.Kind, text))
		}
		return lines
	}
	want := []string{
		"2010 ROLE_STARTED: Ann Lee took up a role at Acme Inc., Chair",
		"2011-02 PARTNERED: Acme Inc. became a partner of Core for 1000000 USD",
		"2014 ACQUIRED: Acme Inc. acquired Bolt for 5000000 USD",
		"2014-06 ACQUIRED: Acme Inc. acquired Core for 7000000 USD",
		"2015-06 ROLE_ENDED: Ann Lee gave up a role at Acme Inc., Chair",
		"2016 DIVESTED: Acme Inc. no longer owns Core",
		"[2016..] ACQUIRED: Core acquired Acme Inc.",
		"2018 FIGURE_REPORTED: revenue: 1000000000 USD (2018)",
		"2019 FIGURE_REPORTED: revenue: 2000000000 USD (2019), China",
		" RENAMED: no longer named Old Acme",
	}
	got := tell("acme", kg.TimelineFilter{})
	got = slices.DeleteFunc(got, func(line string) bool { // the order of the figures of one year is that of their ids
		return strings.Contains(line, "FIGURE") && !slices.Contains(want, line)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if got := tell("acme", kg.TimelineFilter{When: kg.When{During: kg.MustPeriod("2014")}}); len(got) != 2 {
		t.Errorf("in 2014: %v", got)
	}
	if got := tell("acme", kg.TimelineFilter{Kinds: []kg.EventKind{kg.EventRenamed}}); len(got) != 1 {
		t.Errorf("renamings: %v", got)
	}

	var paged []string
	args := kg.PageArgs{First: new(int)}
	*args.First = 2
	for {
		page, err := v.Timeline(ctx, member(t, v, "acme"), kg.TimelineFilter{}, args)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			text, _ := item.Value.Text(ctx)
			paged = append(paged, fmt.Sprintf("%s %s: %s", item.Value.When, item.Value.Kind, text))
			args.After = &item.Cursor
		}
		if !page.HasNext {
			if n, err := page.Count(ctx); err != nil || n != len(paged) {
				t.Errorf("the count is %d, %v; paging gave %d", n, err, len(paged))
			}
			break
		}
	}
	if diff := cmp.Diff(tell("acme", kg.TimelineFilter{}), paged); diff != "" {
		t.Errorf("page by page (-whole +paged):\n%s", diff)
	}
}

// TestOnePageIsCountedByMany asks one page for its count from several goroutines,
// as aliases of the field do. The race detector looks on.
func TestOnePageIsCountedByMany(t *testing.T) {
	page, err := view(t, deeds(t)).Relations(t.Context(), kg.RelationFilter{}, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	want := len(page.Items)
	var counting sync.WaitGroup
	for range 8 {
		counting.Go(func() {
			if n, err := page.Count(t.Context()); err != nil || n != want {
				t.Errorf("counted %d, %v; want %d", n, err, want)
			}
		})
	}
	counting.Wait()
}
