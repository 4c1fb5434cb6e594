package kgtest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

var applyBehaviours = []behaviour{
	{"begins empty at revision 0", func(t *subject) {
		t.want("revision", t.snapshot().Revision(), kg.Revision(0))
		t.want("stats", t.stats(), map[kg.RecordKind]int64{})
		t.want("changes", t.changes(0), []kg.Change{})
		for _, kind := range kg.RecordKinds() {
			t.want("scan", t.scan(kg.ScanQuery{Kind: kind}), []kg.ID{})
		}
		t.want("relations", t.relations(kg.RelationQuery{All: true}), []kg.ID{})
		t.want("conflicts", t.conflicts(nil), []kg.ID{})
		if err := t.store.Ping(t.Context()); err != nil {
			t.Errorf("Ping: %v", err)
		}
	}},
	{"numbers the states one by one", func(t *subject) {
		for want := kg.Revision(1); want <= 5; want++ {
			got := t.put(company(kg.ID(fmt.Sprintf("company-%d", want))))
			t.want("revision of the batch", got, want)
			t.want("revision of the snapshot", t.snapshot().Revision(), want)
		}
		t.want("revision of a delete", t.delete("company-1", "company-2"), kg.Revision(6))
	}},
	{"twice equals once", func(t *subject) {
		b := &kg.Batch{At: noon, Put: OneOfEverything()}
		t.want("revision", t.apply(b), kg.Revision(1))
		stats := t.stats()
		t.want("revision of the second time", t.apply(b), kg.Revision(1))
		later := &kg.Batch{At: noon.Add(time.Hour), Put: OneOfEverything()}
		t.want("revision of a later time", t.apply(later), kg.Revision(1))
		t.want("stats", t.stats(), stats)
		t.want("number of changes", len(t.changes(0)), 1)
		t.want("conflicts", t.conflicts(nil), []kg.ID{"x-1"})
		t.want("relations", t.relations(kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.Both}), []kg.ID{"r-1"})

		t.delete("r-1", "o-1")
		t.want("revision of the same delete", t.delete("r-1", "o-1"), kg.Revision(2))
	}},
	{"leaves the revision where nothing changes", func(t *subject) {
		t.put(company("a"), company("b"))
		t.want("revision of an empty batch", t.apply(&kg.Batch{At: noon}), kg.Revision(1))
		t.want("revision of equal puts", t.put(company("b"), company("a")), kg.Revision(1))
		t.want("revision of an absent delete", t.delete("c"), kg.Revision(1))
		t.want("changes", len(t.changes(0)), 1)
		t.want("revision of one change among many", t.apply(&kg.Batch{At: noon, Put: []kg.Record{company("a")}, Delete: []kg.ID{"b", "c"}}), kg.Revision(2))
	}},
	{"keeps every field of every kind", func(t *subject) {
		t.put(OneOfEverything()...)
		want := OneOfEverything()
		ids := idsOf(want, func(r kg.Record) kg.Record { return r })
		t.want("records", t.get(ids...), want)
		r := t.edges(kg.RelationQuery{All: true})[0].Relation
		t.want("relation", r, t.get("r-1")[0])
		f := t.figured(kg.ObservationQuery{Of: []kg.ID{"acme"}, Metrics: []string{"annual_active_users"}})[0].Observation
		t.want("observation", f, t.get("o-1")[0])
		claims := at(t, func(s kg.Snapshot) ([]*kg.Claim, error) {
			return drain(t, s.Claims(t.Context(), []string{(&kg.EntityStatement{Entity: "acme"}).Family()}))
		})
		for _, c := range claims {
			t.want("claim", c, t.get(c.ID)[0])
		}
		conflicts := at(t, func(s kg.Snapshot) ([]*kg.Conflict, error) { return drain(t, s.Conflicts(t.Context(), nil)) })
		t.want("conflict", conflicts[0], t.get("x-1")[0])
		for _, kind := range kg.RecordKinds() {
			records := at(t, func(s kg.Snapshot) ([]kg.Record, error) {
				return drain(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kind}))
			})
			for _, r := range records {
				t.want("scanned "+kind.String(), r, t.get(r.RecordID())[0])
			}
		}
	}},
	{"keeps ids of any shape apart", func(t *subject) {
		ids := []kg.ID{
			"a", "a-", "a:", "a/", "a0", "aa", "aaa", "A", "ä", "b", "lei:5493001KJTIIGC8Y1R12", "高德", "\u200dz", "~", "\U0010ffff",
			kg.ID(strings.Repeat("a", kg.MaxIDLength)), kg.ID(strings.Repeat("a", kg.MaxIDLength-1)),
		}
		var batch []kg.Record
		for i, id := range ids {
			batch = append(batch, company(id), relation(kg.ID(fmt.Sprintf("r%d", i)), kg.Supplies, id, id, "2014", ""),
				observation(kg.ID(fmt.Sprintf("o%d", i)), id, "staff", "2014"),
				claimOf(kg.ID(fmt.Sprintf("c%d", i)), &kg.EntityStatement{Entity: id, Kind: kg.KindCompany}),
				claimOf(kg.ID(fmt.Sprintf("d%d", i)), &kg.RelationStatement{Type: kg.Supplies, From: id, To: id}))
		}
		t.put(batch...)
		for i, id := range ids {
			t.want("entity", t.get(id)[0], kg.Record(company(id)))
			t.want("relations", t.relations(kg.RelationQuery{Of: []kg.ID{id}, Direction: kg.Out}), []kg.ID{kg.ID(fmt.Sprintf("r%d", i))})
			t.want("observations", t.observations(kg.ObservationQuery{Of: []kg.ID{id}}), []kg.ID{kg.ID(fmt.Sprintf("o%d", i))})
			about := kg.ClaimQuery{Of: []kg.ID{id}, As: []kg.Aspect{{Part: kg.PartItself}, {Part: kg.PartTo}}}
			t.want("claims", idsOf(t.claimsAbout(about), func(m kg.Mention) kg.Record { return m.Claim }), []kg.ID{kg.ID(fmt.Sprintf("c%d", i)), kg.ID(fmt.Sprintf("d%d", i))})
		}
	}},
	{"replaces the whole record", func(t *subject) {
		t.put(OneOfEverything()...)
		bare := []kg.Record{
			company("acme"),
			relation("r-1", kg.Owns, "zoe", "acme", "", ""),
			observation("o-1", "acme", "staff", ""),
			&kg.Source{ID: "report", Title: "T"},
			&kg.Metric{Name: "annual_active_users"},
			&kg.Claim{ID: "c-1", Statement: &kg.EntityStatement{Entity: "zoe", Kind: kg.KindPerson}},
			&kg.Conflict{ID: "x-1", About: "zoe"},
			&kg.Redirect{From: "acme-inc", To: "zoe"},
		}
		t.put(bare...)
		t.want("records", t.get(idsOf(bare, func(r kg.Record) kg.Record { return r })...), bare)
	}},
	{"leaves no trace of what a relation said before", func(t *subject) {
		t.put(company("a"), company("b"), company("c"), relation("r", kg.Owns, "a", "b", "2014", ""))
		everywhere := func() [][]kg.ID {
			var found [][]kg.ID
			for _, id := range []kg.ID{"a", "b", "c"} {
				for _, d := range []kg.Direction{kg.Out, kg.In, kg.Both} {
					found = append(found, t.relations(kg.RelationQuery{Of: []kg.ID{id}, Direction: d}))
				}
			}
			return append(found, t.relations(kg.RelationQuery{All: true}), t.scan(kg.ScanQuery{Kind: kg.RecordRelation}))
		}
		r, none := []kg.ID{"r"}, []kg.ID(nil)
		ab := [][]kg.ID{r, none, r, none, r, r, none, none, none, r, r}
		t.want("at first", everywhere(), ab)
		t.put(relation("r", kg.Owns, "a", "b", "2009", ""))
		t.want("with another start", everywhere(), ab)
		t.put(relation("r", kg.Owns, "a", "b", "", ""))
		t.want("without a start", everywhere(), ab)
		t.put(relation("r", kg.Supplies, "a", "b", "[..2020]", ""))
		t.want("of another type", everywhere(), ab)
		t.want("of the old type", t.relations(kg.RelationQuery{Of: []kg.ID{"a"}, Direction: kg.Out, Types: []kg.RelationType{kg.Owns}}), none)
		t.want("of the old type in the graph", t.relations(kg.RelationQuery{All: true, Types: []kg.RelationType{kg.Owns}}), none)
		t.put(relation("r", kg.Supplies, "b", "c", "[..2020]", ""))
		t.want("between others", everywhere(), [][]kg.ID{none, none, none, r, none, r, none, r, r, r, r})
		t.put(relation("r", kg.Supplies, "c", "c", "[..2020]", ""))
		t.want("from one to itself", everywhere(), [][]kg.ID{none, none, none, none, none, none, r, r, r, r, r})
		t.delete("r")
		t.want("deleted", everywhere(), make([][]kg.ID, 11))
	}},
	{"leaves no trace of what a figure said before", func(t *subject) {
		t.put(company("a"), company("b"), observation("o", "a", "staff", "2014"))
		for _, o := range []*kg.Observation{
			observation("o", "a", "staff", "2009"),
			observation("o", "a", "staff", ""),
			observation("o", "a", "sales", "2015-04/.."),
			observation("o", "b", "sales", "2015-04/.."),
		} {
			t.put(o)
			for _, id := range []kg.ID{"a", "b"} {
				for _, metric := range []string{"staff", "sales"} {
					var want []kg.ID
					if o.Subject == id && o.Metric == metric {
						want = []kg.ID{"o"}
					}
					q := kg.ObservationQuery{Of: []kg.ID{id}, Metrics: []string{metric}}
					t.want(fmt.Sprintf("%s of %s for %s %s", metric, id, o.Metric, o.Period), t.observations(q), want)
				}
			}
		}
		t.delete("o")
		t.want("deleted", t.observations(kg.ObservationQuery{Of: []kg.ID{"a", "b"}}), []kg.ID{})
	}},
	{"leaves no trace of names and identifiers that have gone", func(t *subject) {
		e := entity("a", kg.KindCompany, "Old Name Ltd", "Second")
		e.Identifiers = []kg.Identifier{{Scheme: "lei", Value: "1"}}
		t.put(e)
		keys := []kg.FindKey{
			{Name: "oldnameltd"},
			{Name: "oldname", Core: true},
			{Name: "second"},
			{Name: "newname"},
			{Name: "newname", Core: true},
			{Scheme: "lei", Value: "1"},
			{Scheme: "lei", Value: "2"},
		}
		found := func() (at []int) {
			for i, matches := range t.find(keys...) {
				if len(matches) > 0 {
					at = append(at, i)
				}
			}
			return at
		}
		t.want("keys at first", found(), []int{0, 1, 2, 5})
		e.Names[0].Text = "New Name"
		e.Identifiers[0].Value = "2"
		t.put(e)
		t.want("keys after a change of names", found(), []int{2, 3, 4, 6})
		t.want("scan", t.scan(kg.ScanQuery{Kind: kg.RecordEntity}), []kg.ID{"a"})
		t.delete("a")
		t.want("keys after the end", found(), []int(nil))
	}},
	{"leaves no trace of what a claim or conflict said before", func(t *subject) {
		about := func(e kg.ID) kg.Record {
			return &kg.Claim{ID: "c", Statement: &kg.EntityStatement{Entity: e, Kind: kg.KindCompany}, Source: "s"}
		}
		family := func(e kg.ID) string { return (&kg.EntityStatement{Entity: e}).Family() }
		t.put(company("a"), company("b"), about("a"), &kg.Conflict{ID: "x", About: "a", Predicate: "p"})
		t.put(about("b"), &kg.Conflict{ID: "x", About: "b", Predicate: "q"})
		t.want("claims", t.claims(family("a")), []kg.ID{})
		t.want("claims", t.claims(family("b")), []kg.ID{"c"})
		t.want("conflicts", t.conflicts([]kg.ID{"a"}), []kg.ID{})
		t.want("conflicts", t.conflicts([]kg.ID{"b"}), []kg.ID{"x"})
		t.want("conflicts", t.conflicts(nil), []kg.ID{"x"})
		t.delete("c", "x")
		t.want("claims", t.claims(family("a"), family("b")), []kg.ID{})
		t.want("conflicts", t.conflicts(nil), []kg.ID{})
	}},
	{"lets an id pass to a record of another kind", func(t *subject) {
		t.put(company("a"), company("old"), observation("o", "old", "staff", "2014"), relation("r", kg.Owns, "old", "a", "2014", ""))
		t.apply(&kg.Batch{At: noon, Put: []kg.Record{&kg.Redirect{From: "old", To: "a"}}, Delete: []kg.ID{"o", "r"}})
		t.want("record", t.get("old"), []kg.Record{&kg.Redirect{From: "old", To: "a"}})
		t.want("entities", t.scan(kg.ScanQuery{Kind: kg.RecordEntity}), []kg.ID{"a"})
		t.want("redirects", t.scan(kg.ScanQuery{Kind: kg.RecordRedirect}), []kg.ID{"old"})
		t.want("names", t.find(kg.FindKey{Name: "old"}, kg.FindKey{Name: "old", Core: true}), make([][]kg.Match, 2))
		t.want("stats", t.stats(), map[kg.RecordKind]int64{kg.RecordEntity: 1, kg.RecordRedirect: 1})
		t.want("touched", t.changes(1)[0].Touched, []kg.Touch{
			{Kind: kg.RecordObservation, ID: "o", Deleted: true, About: []kg.ID{"old"}},
			{Kind: kg.RecordRedirect, ID: "old", About: []kg.ID{"a", "old"}},
			{Kind: kg.RecordRelation, ID: "r", Deleted: true, About: []kg.ID{"a", "old"}},
		})
		t.put(company("old"))
		t.want("redirects", t.scan(kg.ScanQuery{Kind: kg.RecordRedirect}), []kg.ID{})
		t.want("names", len(t.find(kg.FindKey{Name: "old"})[0]), 1)
	}},
	{"refuses a batch that names a record twice or not at all, and does none of it", func(t *subject) {
		t.put(company("a"))
		for name, b := range map[string]*kg.Batch{
			"put twice":       {Put: []kg.Record{company("b"), company("b")}},
			"put and deleted": {Put: []kg.Record{company("b")}, Delete: []kg.ID{"a", "b"}},
			"deleted twice":   {Put: []kg.Record{company("b")}, Delete: []kg.ID{"a", "a"}},
			"put without id":  {Put: []kg.Record{company("b"), company("")}},
			"deleted no id":   {Put: []kg.Record{company("b")}, Delete: []kg.ID{"a", ""}},
		} {
			_, err := t.store.Apply(t.Context(), b)
			t.wantError(name, err, kg.ErrInvalid)
		}
		t.want("entities", t.scan(kg.ScanQuery{Kind: kg.RecordEntity}), []kg.ID{"a"})
		t.want("revision", t.snapshot().Revision(), kg.Revision(1))
		t.want("changes", len(t.changes(0)), 1)
	}},
	{"refuses a batch that is too large, and does none of it", func(t *subject) {
		t.put(company("a"))
		b := &kg.Batch{At: noon, Delete: []kg.ID{"a"}}
		for i := range kg.MaxBatch {
			b.Delete = append(b.Delete, kg.ID(fmt.Sprintf("absent-%d", i)))
		}
		_, err := t.store.Apply(t.Context(), b)
		t.wantError("one too many", err, kg.ErrTooLarge)
		t.want("entities", t.scan(kg.ScanQuery{Kind: kg.RecordEntity}), []kg.ID{"a"})
	}},
	{"takes the largest batch at once", func(t *subject) {
		b := &kg.Batch{At: noon}
		for i := range kg.MaxBatch / 2 {
			id := kg.ID(fmt.Sprintf("company-%05d", i))
			b.Put = append(b.Put, entity(id, kg.KindCompany, fmt.Sprintf("Company %d Ltd", i), fmt.Sprintf("公司 %d", i)),
				relation("r"+id, kg.Supplies, id, "company-00000", "2014-04-13", ""))
		}
		t.want("revision", t.apply(b), kg.Revision(1))
		want := map[kg.RecordKind]int64{kg.RecordEntity: kg.MaxBatch / 2, kg.RecordRelation: kg.MaxBatch / 2}
		t.want("stats", t.stats(), want)
		t.want("touched", len(t.changes(0)[0].Touched), kg.MaxBatch)
		t.want("relations of the hub", len(t.relations(kg.RelationQuery{Of: []kg.ID{"company-00000"}, Direction: kg.In})), kg.MaxBatch/2)
	}},
	{"does nothing once its context is done", func(t *subject) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := t.store.Apply(ctx, &kg.Batch{At: noon, Put: []kg.Record{company("a")}})
		t.wantError("Apply", err, context.Canceled)
		t.want("entities", t.scan(kg.ScanQuery{Kind: kg.RecordEntity}), []kg.ID{})
	}},
	{"does not keep the caller's memory", func(t *subject) {
		records := OneOfEverything()
		t.put(records...)
		for _, r := range records {
			scribble(reflect.ValueOf(r))
		}
		want := OneOfEverything()
		t.want("records", t.get(idsOf(want, func(r kg.Record) kg.Record { return r })...), want)
	}},
}

var changesBehaviours = []behaviour{
	{"have no gap and name what was touched in id order", func(t *subject) {
		t.put(company("b"), company("a"), relation("r", kg.Owns, "a", "b", "", ""))
		t.put(company("b"), company("a"))
		t.put(company("b"), entity("a", kg.KindCompany, "renamed"))
		t.apply(&kg.Batch{At: noon, By: "token:anna", Put: []kg.Record{company("c"), company("0")}, Delete: []kg.ID{"r", "b", "absent"}})
		want := []kg.Change{
			{Revision: 1, At: noon, Touched: []kg.Touch{
				{Kind: kg.RecordEntity, ID: "a", About: []kg.ID{"a"}},
				{Kind: kg.RecordEntity, ID: "b", About: []kg.ID{"b"}},
				{Kind: kg.RecordRelation, ID: "r", About: []kg.ID{"a", "b"}},
			}},
			{Revision: 2, At: noon, Touched: []kg.Touch{{Kind: kg.RecordEntity, ID: "a", About: []kg.ID{"a"}}}},
			{Revision: 3, At: noon, By: "token:anna", Touched: []kg.Touch{
				{Kind: kg.RecordEntity, ID: "0", About: []kg.ID{"0"}},
				{Kind: kg.RecordEntity, ID: "b", Deleted: true, About: []kg.ID{"b"}},
				{Kind: kg.RecordEntity, ID: "c", About: []kg.ID{"c"}},
				{Kind: kg.RecordRelation, ID: "r", Deleted: true, About: []kg.ID{"a", "b"}},
			}},
		}
		t.want("all", t.changes(0), want)
		t.want("after 1", t.changes(1), want[1:])
		t.want("after 2", t.changes(2), want[2:])
		t.want("after the newest", t.changes(3), []kg.Change{})
		t.want("after one to come", t.changes(1<<60), []kg.Change{})
	}},
	{"tell of what a record was about before and is about now", func(t *subject) {
		t.put(company("a"), company("b"), company("c"), relation("r", kg.Owns, "a", "b", "", ""))
		t.put(relation("r", kg.Owns, "a", "c", "", ""))
		t.want("touched", t.changes(1)[0].Touched, []kg.Touch{{Kind: kg.RecordRelation, ID: "r", About: []kg.ID{"a", "b", "c"}}})
	}},
	{"name records of every kind", func(t *subject) {
		records := OneOfEverything()
		t.put(records...)
		var want []kg.Touch
		for _, r := range records {
			want = append(want, kg.Touch{Kind: r.RecordKind(), ID: r.RecordID(), About: kg.TouchedBy(nil, r)})
		}
		slices.SortFunc(want, func(a, b kg.Touch) int { return strings.Compare(string(a.ID), string(b.ID)) })
		t.want("put", t.changes(0)[0].Touched, want)
		t.delete(idsOf(records, func(r kg.Record) kg.Record { return r })...)
		for i := range want {
			want[i].Deleted = true
		}
		t.want("deleted", t.changes(1)[0].Touched, want)
	}},
	{"keep the instant of the batch", func(t *subject) {
		instants := []time.Time{
			{},
			time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Unix(0, -1), time.Unix(0, 0),
			time.Date(2024, 6, 30, 23, 59, 59, 999_999_999, time.FixedZone("west", -11*3600)), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
		}
		for i, at := range instants {
			t.apply(&kg.Batch{At: at, Put: []kg.Record{company(kg.ID(fmt.Sprint(i)))}})
		}
		for i, c := range t.changes(0) {
			if !c.At.Equal(instants[i]) {
				t.Errorf("change %d is of %v, want %v", c.Revision, c.At, instants[i])
			}
		}
	}},
	{"end at the newest of the time of the call", func(t *subject) {
		t.put(company("a"))
		t.put(company("b"))
		var seen []kg.Revision
		for c, err := range t.store.Changes(t.Context(), 0) {
			if err != nil {
				t.Fatalf("Changes: %v", err)
			}
			seen = append(seen, c.Revision)
			t.put(company(kg.ID(fmt.Sprintf("more-%d", c.Revision))))
		}
		t.want("seen", seen, []kg.Revision{1, 2})
		t.want("number of changes", len(t.changes(0)), 4)
	}},
	{"are in order of number, also above 255", func(t *subject) {
		for i := range 300 {
			t.put(company(kg.ID(fmt.Sprint(i))))
		}
		next := kg.Revision(250)
		for _, c := range t.changes(250) {
			next++
			t.want("revision", c.Revision, next)
		}
		t.want("the last", next, kg.Revision(300))
	}},
	{"may be left early and end with the context", func(t *subject) {
		t.put(company("a"))
		t.put(company("b"))
		ctx, cancel := context.WithCancel(t.Context())
		leave(t, t.store.Changes(ctx, 0))
		cancel()
		changes, err := drain(t, t.store.Changes(ctx, 0))
		t.wantError("Changes", err, context.Canceled)
		t.want("changes", changes, []kg.Change{})
	}},
	{"belong to the caller", func(t *subject) {
		t.put(company("a"), company("b"))
		want := t.changes(0)
		for _, c := range t.changes(0) {
			scribble(reflect.ValueOf(&c))
		}
		t.want("changes", t.changes(0), want)
	}},
}
