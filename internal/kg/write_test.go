package kg_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"keiretsu/internal/kg"
)

// A write that brings its own moment is known from then on, whenever it came.
func TestAWriteIsRecordedUnderItsOwnMoment(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	a.now = beginning(2025)
	w := basics()
	w.At = beginning(2020).Add(1500 * time.Microsecond)
	apply(t, a.graph, w)
	told := kg.Write{At: beginning(2021), Claims: []*kg.Claim{said("9", stakeFrom("2019", 40))}}
	apply(t, a.graph, told)
	taken := kg.Write{At: beginning(2021), Retractions: []kg.Retract{{ID: told.Claims[0].ContentID(), Reason: "wrong"}}}
	apply(t, a.graph, taken)

	for _, c := range []struct {
		at   time.Time
		want int
	}{
		{beginning(2020), 0},
		{beginning(2020).Add(time.Millisecond), 2}, // the deal, and the holding it opens
		{beginning(2021).Add(-time.Nanosecond), 2},
		{beginning(2021), 2},
	} {
		v := knownBy(t, a.graph, c.at)
		page, err := v.Relations(context.Background(), kg.RelationFilter{}, kg.PageArgs{})
		if err != nil || len(page.Items) != c.want {
			t.Errorf("known at %s: %d relations, %v; want %d", c.at, len(page.Items), err, c.want)
		}
	}
	var at []string
	for c, err := range a.store.Changes(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, c.At.Format(time.RFC3339Nano))
	}
	if got, want := strings.Join(at, " "), "2020-01-01T00:00:00.001Z 2021-01-01T00:00:00Z 2021-01-01T00:00:00Z"; got != want {
		t.Errorf("the changes are of %s, want %s", got, want)
	}
}

// The past is closed: nothing is recorded under a moment before the newest
// change, or after now; what is known already may be said again.
func TestMomentsThatCannotBe(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	a.in(2020, basics())
	a.now = beginning(2025)
	claim := &kg.NameStatement{Entity: "acme", Text: "Acme Holdings", Kind: kg.NameAlias}
	source := &kg.Source{ID: "late", Title: "A late one"}
	for name, c := range map[string]struct {
		write kg.Write
		want  string
	}{
		"in the future":           {kg.Write{At: beginning(2026), Claims: []*kg.Claim{said("7", claim)}}, "lies in the future"},
		"before the newest":       {kg.Write{At: beginning(2019), Claims: []*kg.Claim{said("7", claim)}}, "the graph has changed at 2020-01-01T00:00:00Z, after 2019-01-01T00:00:00Z"},
		"a source before it":      {kg.Write{At: beginning(2019), Sources: []*kg.Source{source}}, "the graph has changed at"},
		"a retraction before it":  {kg.Write{At: beginning(2019), Retractions: []kg.Retract{{ID: "ann", Reason: "never was"}}}, "the graph has changed at"},
		"known already":           {kg.Write{At: beginning(2019), Claims: basics().Claims, Sources: basics().Sources, Metrics: basics().Metrics}, ""},
		"at the newest change":    {kg.Write{At: beginning(2020), Claims: []*kg.Claim{said("6", claim)}}, ""},
		"with something wrong":    {kg.Write{At: beginning(2019), Claims: []*kg.Claim{said("7", &kg.NameStatement{Entity: "ghost", Text: "G", Kind: kg.NameAlias})}}, `no entity "ghost"`},
		"in the future and wrong": {kg.Write{At: beginning(2026), Claims: []*kg.Claim{said("7", noParent("", "--03-31", ""))}}, "lies in the future"},
	} {
		t.Run(name, func(t *testing.T) {
			for how, err := range map[string]error{"checked": a.graph.Check(t.Context(), c.write), "applied": func() error { _, err := a.graph.Apply(t.Context(), c.write); return err }()} {
				if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, kg.ErrInvalid) || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: %v; want %q", how, err, c.want)
				}
			}
		})
	}
	// What changed nothing moved no clock.
	apply(t, a.graph, kg.Write{Claims: basics().Claims})
	apply(t, a.graph, kg.Write{At: beginning(2021), Claims: []*kg.Claim{said("8", claim)}})
}

// A write that is sent again under its key is answered, however late it comes,
// and the moment is part of what it says.
func TestAMomentIsPartOfAWriteUnderAKey(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	a.now = beginning(2025)
	w := basics()
	w.Key, w.At = "once", beginning(2020)
	first := apply(t, a.graph, w)
	apply(t, a.graph, kg.Write{Claims: []*kg.Claim{said("8", noParent("", "", ""))}})
	if again := apply(t, a.graph, w); !again.Replayed || again.Revision != first.Revision {
		t.Errorf("sent again: %+v", again)
	}
	w.At = beginning(2021)
	if _, err := a.graph.Apply(t.Context(), w); !errors.Is(err, kg.ErrInvalid) || !strings.Contains(err.Error(), "another write") {
		t.Errorf("under another moment: %v", err)
	}
}
