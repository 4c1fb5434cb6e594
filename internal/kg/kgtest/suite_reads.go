package kgtest

import (
	"reflect"
	"slices"
	"testing"

	"keiretsu/internal/kg"
)

var getBehaviours = []behaviour{
	{"aligns its answer with the ids", func(t *subject) {
		t.put(OneOfEverything()...)
		got := t.get("nobody", "zoe", "r-1", "nobody", "zoe", "metric:annual_active_users", "")
		var ids []kg.ID
		for _, r := range got {
			if r == nil {
				ids = append(ids, "")
				continue
			}
			ids = append(ids, r.RecordID())
		}
		t.want("ids", ids, []kg.ID{"", "zoe", "r-1", "", "zoe", "metric:annual_active_users", ""})
		t.want("answer to nothing", t.get(), []kg.Record{})
	}},
	{"returns redirects and does not follow them", func(t *subject) {
		t.put(company("a"), &kg.Redirect{From: "b", To: "a"}, &kg.Redirect{From: "c", To: "b"}, &kg.Redirect{From: "lost", To: "nobody"})
		t.want("records", t.get("c", "b", "lost"), []kg.Record{
			&kg.Redirect{From: "c", To: "b"}, &kg.Redirect{From: "b", To: "a"}, &kg.Redirect{From: "lost", To: "nobody"},
		})
	}},
	{"forgets what is deleted", func(t *subject) {
		t.put(OneOfEverything()...)
		var ids []kg.ID
		for _, r := range OneOfEverything() {
			ids = append(ids, r.RecordID())
		}
		t.delete(ids...)
		t.want("records", t.get(ids...), make([]kg.Record, len(ids)))
		for _, kind := range kg.RecordKinds() {
			t.want("scan of "+kind.String(), t.scan(kg.ScanQuery{Kind: kind}), []kg.ID{})
		}
		t.want("relations", t.relations(kg.RelationQuery{All: true}), []kg.ID{})
		t.put(OneOfEverything()...)
		t.want("records, put again", t.get(ids...), OneOfEverything())
	}},
}

// named returns an entity whose names all have one standing.
func named(id kg.ID, kind kg.EntityKind, standing kg.NameKind, names ...string) *kg.Entity {
	e := entity(id, kind, names...)
	for i := range e.Names {
		e.Names[i].Kind = standing
	}
	return e
}

var findBehaviours = []behaviour{
	{"puts the best name first and equals in id order", func(t *subject) {
		t.put(
			named("e", kg.KindCompany, kg.NameFormer, "Ant"), named("a", kg.KindProduct, kg.NameFormer, "ANT"),
			named("d", kg.KindCompany, kg.NameAlias, "ant"), named("b", kg.KindPerson, kg.NameLegal, "Ant!"),
			named("c", kg.KindCompany, kg.NamePreferred, "Änt"), named("0", kg.KindCompany, kg.NamePreferred, "a-nt"),
			named("far", kg.KindCompany, kg.NamePreferred, "Antler"), named("near", kg.KindCompany, kg.NamePreferred, "An", "t"),
		)
		t.want("matches", t.find(kg.FindKey{Name: "ant"}), [][]kg.Match{{
			{ID: "0", Kind: kg.KindCompany, Rank: kg.NamePreferred},
			{ID: "c", Kind: kg.KindCompany, Rank: kg.NamePreferred},
			{ID: "b", Kind: kg.KindPerson, Rank: kg.NameLegal},
			{ID: "d", Kind: kg.KindCompany, Rank: kg.NameAlias},
			{ID: "a", Kind: kg.KindProduct, Rank: kg.NameFormer},
			{ID: "e", Kind: kg.KindCompany, Rank: kg.NameFormer},
		}})
		t.want("limited", t.find(kg.FindKey{Name: "ant", Limit: 3})[0], []kg.Match{
			{ID: "0", Kind: kg.KindCompany, Rank: kg.NamePreferred},
			{ID: "c", Kind: kg.KindCompany, Rank: kg.NamePreferred},
			{ID: "b", Kind: kg.KindPerson, Rank: kg.NameLegal},
		})
		t.want("of kinds", t.find(kg.FindKey{Name: "ant", Kinds: []kg.EntityKind{kg.KindPerson, kg.KindProduct}, Limit: 2})[0], []kg.Match{
			{ID: "b", Kind: kg.KindPerson, Rank: kg.NameLegal},
			{ID: "a", Kind: kg.KindProduct, Rank: kg.NameFormer},
		})
		t.want("of a kind without any", t.find(kg.FindKey{Name: "ant", Kinds: []kg.EntityKind{kg.KindPlace}}), [][]kg.Match{{}})
	}},
	{"names an entity once, with the best of its names", func(t *subject) {
		e := named("a", kg.KindCompany, kg.NameFormer, "Ant", "ANT", "Ant Ltd")
		e.Names[1].Kind = kg.NameAlias
		t.put(e)
		t.want("matches", t.find(kg.FindKey{Name: "ant"}), [][]kg.Match{{{ID: "a", Kind: kg.KindCompany, Rank: kg.NameAlias}}})
		t.want("by core", t.find(kg.FindKey{Name: "ant", Core: true}), [][]kg.Match{{{ID: "a", Kind: kg.KindCompany, Rank: kg.NameAlias}}})
	}},
	{"keeps the two passes apart", func(t *subject) {
		t.put(named("a", kg.KindCompany, kg.NamePreferred, "Ant Ltd"), named("b", kg.KindCompany, kg.NameAlias, "Ant"))
		ids := func(key kg.FindKey) (ids []kg.ID) {
			for _, m := range t.find(key)[0] {
				ids = append(ids, m.ID)
			}
			return ids
		}
		t.want("ant", ids(kg.FindKey{Name: "ant"}), []kg.ID{"b"})
		t.want("core ant", ids(kg.FindKey{Name: "ant", Core: true}), []kg.ID{"a", "b"})
		t.want("antltd", ids(kg.FindKey{Name: "antltd"}), []kg.ID{"a"})
		t.want("core antltd", ids(kg.FindKey{Name: "antltd", Core: true}), []kg.ID(nil))
	}},
	{"finds by identifier", func(t *subject) {
		a, b := company("a"), entity("b", kg.KindProduct, "b")
		a.Identifiers = []kg.Identifier{{Scheme: "LEI", Value: " ABC "}, {Scheme: "lei", Value: "abc"}, {Scheme: "le", Value: "iabc"}}
		b.Identifiers = []kg.Identifier{{Scheme: "Lei", Value: "abc"}, {Scheme: "lei", Value: "abcd"}}
		t.put(b, a)
		lei := kg.FindKey{Scheme: "lei", Value: "abc"}
		both := []kg.Match{{ID: "a", Kind: kg.KindCompany, Rank: kg.NamePreferred}, {ID: "b", Kind: kg.KindProduct, Rank: kg.NamePreferred}}
		t.want("lei", t.find(lei)[0], both)
		t.want("an identifier is not a name", t.find(kg.FindKey{Name: "abc"})[0], []kg.Match{})
		t.want("nor a name an identifier", t.find(kg.FindKey{Scheme: "lei", Value: "a"})[0], []kg.Match{})
		lei.Limit = 1
		t.want("limited", t.find(lei)[0], both[:1])
		lei.Kinds = []kg.EntityKind{kg.KindProduct}
		t.want("of a kind", t.find(lei)[0], both[1:])
	}},
	{"answers key by key", func(t *subject) {
		t.put(company("a"), company("b"))
		a, b := []kg.Match{{ID: "a", Kind: kg.KindCompany, Rank: kg.NamePreferred}}, []kg.Match{{ID: "b", Kind: kg.KindCompany, Rank: kg.NamePreferred}}
		got := t.find(kg.FindKey{Name: "b"}, kg.FindKey{Name: "nobody"}, kg.FindKey{Name: "a"}, kg.FindKey{Name: "b"}, kg.FindKey{})
		t.want("matches", got, [][]kg.Match{b, nil, a, b, nil})
		t.want("no keys", len(t.find()), 0)
	}},
}

func claimOf(id kg.ID, s kg.Statement) *kg.Claim {
	return &kg.Claim{ID: id, Statement: s, Source: "s", Spell: kg.Spell{Recorded: noon, Revision: 1}}
}

var claimsBehaviours = []behaviour{
	{"come family by family as asked, in id order, retracted ones included", func(t *subject) {
		retracted := claimOf("c-2", &kg.NameStatement{Entity: "a", Text: "A", Kind: kg.NameAlias})
		retracted.Retracted = &kg.Retraction{At: noon, Revision: 2, Reason: "wrong"}
		figure := &kg.Figure{Subject: "a", Metric: "staff", Value: 7, Unit: "people"}
		t.put(
			claimOf("c-3", &kg.EntityStatement{Entity: "a", Kind: kg.KindCompany}), retracted,
			claimOf("c-1", &kg.IdentifierStatement{Entity: "a", Scheme: "lei", Value: "1"}),
			claimOf("c-0", &kg.EntityStatement{Entity: "ab", Kind: kg.KindCompany}),
			claimOf("c-5", &kg.RelationStatement{Type: kg.PartnersWith, From: "a", To: "ab"}),
			claimOf("c-4", &kg.RelationStatement{Type: kg.PartnersWith, From: "ab", To: "a"}),
			claimOf("c-6", &kg.RelationStatement{Type: kg.Owns, From: "a", To: "ab"}),
			claimOf("c-7", figure),
		)
		a, ab := (&kg.EntityStatement{Entity: "a"}).Family(), (&kg.EntityStatement{Entity: "ab"}).Family()
		partners := (&kg.RelationStatement{Type: kg.PartnersWith, From: "a", To: "ab"}).Family()
		t.want("claims", t.claims(figure.Family(), partners, "no family", ab, a), []kg.ID{"c-7", "c-4", "c-5", "c-0", "c-1", "c-2", "c-3"})
		t.want("claims", t.claims(a, ab), []kg.ID{"c-1", "c-2", "c-3", "c-0"})
		t.want("claims of nothing", t.claims(), []kg.ID{})
		t.want("claims of an id", t.claims("a", ""), []kg.ID{})
		t.want("claims of the beginning of a family", t.claims(a[:len(a)-1], figure.Family()[:3]), []kg.ID{})
	}},
}

var claimsAboutBehaviours = []behaviour{
	{"come entity by entity, by part, by type and by id, retracted ones included", func(t *subject) {
		retracted := claimOf("c-2", &kg.RelationStatement{Type: kg.Owns, From: "a", To: "ab"})
		retracted.Retracted = &kg.Retraction{At: noon, Revision: 2, Reason: "wrong"}
		quoting := claimOf("c-9", &kg.EntityStatement{Entity: "b", Kind: kg.KindCompany})
		quoting.AttributedTo = "a"
		t.put(
			claimOf("c-8", &kg.EntityStatement{Entity: "a", Kind: kg.KindCompany}), claimOf("c-4", &kg.NameStatement{Entity: "a", Text: "A", Kind: kg.NameAlias}),
			claimOf("c-3", &kg.Figure{Subject: "a", Metric: "staff", Value: 7, Unit: "people"}), quoting, retracted,
			claimOf("c-1", &kg.RelationStatement{Type: kg.Acquired, From: "a", To: "ab"}), claimOf("c-0", &kg.RelationStatement{Type: kg.Owns, From: "a", To: "b"}),
			claimOf("c-5", &kg.RelationStatement{Type: kg.PartnersWith, From: "ab", To: "a"}), claimOf("c-6", &kg.RelationStatement{Type: kg.Owns, From: "a", To: "a"}),
			claimOf("c-7", &kg.RelationStatement{Type: kg.Supplies, From: "ab", To: "b"}),
		)
		about := func(of []kg.ID, as ...kg.Aspect) (found []string) {
			for _, m := range t.claimsAbout(kg.ClaimQuery{Of: of, As: as}) {
				found = append(found, string(of[m.At]+" "+m.Claim.ID))
			}
			return found
		}
		// c-6 is told twice: at both of its ends.
		t.want("about a", about([]kg.ID{"a"}), []string{"a c-4", "a c-8", "a c-0", "a c-2", "a c-6", "a c-1", "a c-6", "a c-5", "a c-3"})
		t.want("about others, and one who is not there", about([]kg.ID{"b", "nobody", "ab"}), []string{
			"b c-9", "b c-0", "b c-7", "ab c-5", "ab c-7", "ab c-2", "ab c-1",
		})
		t.want("about nobody", about([]kg.ID{}), []string(nil))
		t.want("as itself", about([]kg.ID{"a", "b"}, kg.Aspect{Part: kg.PartItself}), []string{"a c-4", "a c-8", "b c-9"})
		t.want("as a start", about([]kg.ID{"a"}, kg.Aspect{Part: kg.PartFrom}), []string{"a c-0", "a c-2", "a c-6", "a c-1"})
		t.want("as an end", about([]kg.ID{"a", "ab"}, kg.Aspect{Part: kg.PartTo}), []string{"a c-6", "a c-5", "ab c-2", "ab c-1"})
		t.want("as the subject of figures", about([]kg.ID{"a", "ab"}, kg.Aspect{Part: kg.PartSubject}), []string{"a c-3"})
		t.want("of types, asked for twice and in no order", about([]kg.ID{"a"},
			kg.Aspect{Part: kg.PartTo, Type: kg.Owns}, kg.Aspect{Part: kg.PartFrom, Type: kg.Acquired}, kg.Aspect{Part: kg.PartTo, Type: kg.Owns},
			kg.Aspect{Part: kg.PartFrom, Type: kg.Supplies}), []string{"a c-1", "a c-6"})
		t.want("of a type, and of all", about([]kg.ID{"a"}, kg.Aspect{Part: kg.PartFrom, Type: kg.Acquired}, kg.Aspect{Part: kg.PartFrom}),
			[]string{"a c-0", "a c-2", "a c-6", "a c-1"})
		t.want("a type does not reach into other parts", about([]kg.ID{"a"}, kg.Aspect{Part: kg.PartSubject, Type: kg.Owns}), []string(nil))
		t.want("the claim", t.claimsAbout(kg.ClaimQuery{Of: []kg.ID{"ab"}, As: []kg.Aspect{{Part: kg.PartTo, Type: kg.Owns}}}), []kg.Mention{{Claim: retracted}})
	}},
	{"follow what is put and deleted", func(t *subject) {
		about := func(id kg.ID) []kg.ID {
			return idsOf(t.claimsAbout(kg.ClaimQuery{Of: []kg.ID{id}}), func(m kg.Mention) kg.Record { return m.Claim })
		}
		t.put(claimOf("c-1", &kg.RelationStatement{Type: kg.Owns, From: "a", To: "b"}), claimOf("c-2", &kg.Figure{Subject: "a", Metric: "staff"}))
		t.want("a", about("a"), []kg.ID{"c-1", "c-2"})
		t.put(claimOf("c-1", &kg.RelationStatement{Type: kg.Supplies, From: "b", To: "c"}), claimOf("c-2", &kg.EntityStatement{Entity: "c", Kind: kg.KindPlace}))
		t.want("a, of whom nothing is said any more", about("a"), []kg.ID(nil))
		t.want("b", about("b"), []kg.ID{"c-1"})
		t.want("c", about("c"), []kg.ID{"c-2", "c-1"})
		t.delete("c-1")
		t.want("b afterwards", about("b"), []kg.ID(nil))
		t.put(company("c-2"))
		t.want("c afterwards", about("c"), []kg.ID(nil))
	}},
	{"come once each and family by family for the whole graph", func(t *subject) {
		figure := &kg.Figure{Subject: "a", Metric: "staff", Value: 7, Unit: "people"}
		t.put(
			claimOf("c-3", &kg.EntityStatement{Entity: "a", Kind: kg.KindCompany}), claimOf("c-1", &kg.NameStatement{Entity: "a", Text: "A", Kind: kg.NameAlias}),
			claimOf("c-4", &kg.RelationStatement{Type: kg.PartnersWith, From: "a", To: "b"}), claimOf("c-0", &kg.RelationStatement{Type: kg.PartnersWith, From: "b", To: "a"}),
			claimOf("c-5", &kg.RelationStatement{Type: kg.Owns, From: "a", To: "a"}), claimOf("c-2", figure), claimOf("c-6", figure),
		)
		every := func(as ...kg.Aspect) [][]kg.ID {
			return families(t, t.claimsAbout(kg.ClaimQuery{All: true, Of: []kg.ID{"b"}, As: as}))
		}
		t.want("all", every(), [][]kg.ID{{"c-0", "c-4"}, {"c-1", "c-3"}, {"c-2", "c-6"}, {"c-5"}})
		t.want("figures", every(kg.Aspect{Part: kg.PartSubject}), [][]kg.ID{{"c-2", "c-6"}})
		t.want("relations", every(kg.Aspect{Part: kg.PartFrom}), [][]kg.ID{{"c-0", "c-4"}, {"c-5"}})
		t.want("relations by their other end", every(kg.Aspect{Part: kg.PartTo}), [][]kg.ID{{"c-0", "c-4"}, {"c-5"}})
		t.want("of types and more", every(kg.Aspect{Part: kg.PartFrom, Type: kg.Owns}, kg.Aspect{Part: kg.PartTo, Type: kg.Supplies}, kg.Aspect{Part: kg.PartItself}),
			[][]kg.ID{{"c-1", "c-3"}, {"c-5"}})
	}},
}

// families returns the ids of the claims of each family, in order of the first
// of them; a family that comes in two pieces fails the test.
func families(t testing.TB, mentions []kg.Mention) [][]kg.ID {
	t.Helper()
	var groups [][]kg.ID
	seen := make(map[string]bool)
	last := ""
	for _, m := range mentions {
		family := m.Claim.Family()
		if family != last {
			if seen[family] {
				t.Errorf("the family %q comes in pieces", family)
			}
			seen[family], last = true, family
			groups = append(groups, nil)
		}
		n := len(groups) - 1
		groups[n] = append(groups[n], m.Claim.ID)
	}
	slices.SortFunc(groups, slices.Compare)
	return groups
}

var conflictsBehaviours = []behaviour{
	{"come in order of entity, predicate and id", func(t *subject) {
		t.put(
			company("a"), company("ab"), company("b"),
			&kg.Conflict{ID: "x-1", About: "b", Predicate: "founded"}, &kg.Conflict{ID: "x-4", About: "a", Predicate: "staff"},
			&kg.Conflict{ID: "x-3", About: "a", Predicate: "staff"}, &kg.Conflict{ID: "x-5", About: "a", Predicate: "Staff"},
			&kg.Conflict{ID: "x-2", About: "ab", Predicate: ""}, &kg.Conflict{ID: "x-0", About: "a", Predicate: "staff and more"},
		)
		t.want("all", t.conflicts(nil), []kg.ID{"x-5", "x-3", "x-4", "x-0", "x-2", "x-1"})
		t.want("of some, in whatever order they are asked for", t.conflicts([]kg.ID{"b", "x-1", "nobody", "a", "b"}), []kg.ID{"x-5", "x-3", "x-4", "x-0", "x-1"})
		t.want("of one", t.conflicts([]kg.ID{"ab"}), []kg.ID{"x-2"})
		t.want("of none", t.conflicts([]kg.ID{}), []kg.ID{})
	}},
}

var scanBehaviours = []behaviour{
	{"orders entities by name, other kinds by id", func(t *subject) {
		t.put(
			entity("6", kg.KindCompany, "Zebra"), entity("5", kg.KindPerson, "äpfel"), entity("4", kg.KindCompany, "Banana"),
			entity("3", kg.KindProduct, "apple"), entity("2", kg.KindCompany, "Banana"), entity("1", kg.KindPlace, "阿里"), entity("0", kg.KindCompany, "éclair"),
			relation("r-b", kg.Owns, "6", "4", "2014", ""), relation("r-a", kg.Owns, "6", "4", "2015", ""), relation("r-", kg.Owns, "6", "4", "", ""),
			&kg.Source{ID: "s-2", Title: "A"}, &kg.Source{ID: "s-1", Title: "B"}, &kg.Metric{Name: "z"}, &kg.Metric{Name: "a"},
			&kg.Redirect{From: "old", To: "6"}, &kg.Redirect{From: "older", To: "6"},
		)
		entities := []kg.ID{"5", "3", "2", "4", "0", "6", "1"}
		t.want("entities", t.scan(kg.ScanQuery{Kind: kg.RecordEntity}), entities)
		t.want("reverse", t.scan(kg.ScanQuery{Kind: kg.RecordEntity, Reverse: true}), reversed(entities))
		t.want("relations", t.scan(kg.ScanQuery{Kind: kg.RecordRelation}), []kg.ID{"r-", "r-a", "r-b"})
		t.want("sources", t.scan(kg.ScanQuery{Kind: kg.RecordSource, Reverse: true}), []kg.ID{"s-2", "s-1"})
		t.want("metrics", t.scan(kg.ScanQuery{Kind: kg.RecordMetric}), []kg.ID{"metric:a", "metric:z"})
		t.want("redirects", t.scan(kg.ScanQuery{Kind: kg.RecordRedirect}), []kg.ID{"old", "older"})
		t.want("claims", t.scan(kg.ScanQuery{Kind: kg.RecordClaim}), []kg.ID{})

		t.want("companies", t.scan(kg.ScanQuery{Kind: kg.RecordEntity, Kinds: []kg.EntityKind{kg.KindCompany}}), []kg.ID{"2", "4", "0", "6"})
		t.want("two kinds", t.scan(kg.ScanQuery{Kind: kg.RecordEntity, Kinds: []kg.EntityKind{kg.KindPlace, kg.KindPerson}}), []kg.ID{"5", "1"})
		t.want("kinds are for entities", t.scan(kg.ScanQuery{Kind: kg.RecordSource, Kinds: []kg.EntityKind{kg.KindPlace}}), []kg.ID{"s-1", "s-2"})
		t.want("limit", t.scan(kg.ScanQuery{Kind: kg.RecordEntity, Kinds: []kg.EntityKind{kg.KindPlace, kg.KindProduct}, Limit: 1}), []kg.ID{"3"})

		t.put(entity("6", kg.KindCompany, "Aardvark"))
		t.want("renamed", t.scan(kg.ScanQuery{Kind: kg.RecordEntity, Limit: 2}), []kg.ID{"6", "5"})
	}},
	{"starts and stops at any place", func(t *subject) {
		entities := []kg.Record{
			entity("d", kg.KindCompany, "Alpha"), entity("b", kg.KindCompany, "Beta"), entity("c", kg.KindCompany, "Beta"),
			entity("a", kg.KindCompany, "Gamma"), entity("e", kg.KindCompany, "阿里"),
		}
		sources := []kg.Record{&kg.Source{ID: "s"}, &kg.Source{ID: "s-1"}, &kg.Source{ID: "s-10"}, &kg.Source{ID: "s-2"}, &kg.Source{ID: "t"}}
		t.put(append(entities, sources...)...)
		for _, list := range [][]kg.Record{entities, sources} {
			ids := idsOf(list, func(r kg.Record) kg.Record { return r })
			cut(t, len(list), 1, ids, func(after, before int, reverse bool, limit int) []kg.ID {
				q := kg.ScanQuery{Kind: list[0].RecordKind(), Reverse: reverse, Limit: limit}
				if after >= 0 {
					p := kg.PlaceOf(list[after])
					q.After = &p
				}
				if before < len(list) {
					p := kg.PlaceOf(list[before])
					q.Before = &p
				}
				return t.scan(q)
			})
		}
		between := kg.PlaceOf(entity("b~", kg.KindCompany, "Beta"))
		t.want("behind nobody's place", t.scan(kg.ScanQuery{Kind: kg.RecordEntity, After: &between}), []kg.ID{"c", "a", "e"})
		t.want("before nobody's place", t.scan(kg.ScanQuery{Kind: kg.RecordEntity, Before: &between, Reverse: true}), []kg.ID{"b", "d"})
	}},
}

// cut asks for what lies between every two of n places (from -1 to n, which are
// none), or between every step-th of them, in both orders and with limits, and
// compares with what stands there.
func cut(t *subject, n, step int, ids []kg.ID, ask func(after, before int, reverse bool, limit int) []kg.ID) {
	t.Helper()
	for after := -1; after < n; after += step {
		for before := n; before >= 0; before -= step {
			var want []kg.ID
			if after+1 < before {
				want = ids[after+1 : before]
			}
			what := func(order string, limit int) string {
				return order + " between " + place(ids, after) + " and " + place(ids, before) + limited(limit)
			}
			for _, limit := range []int{0, 2} {
				t.want(what("forward", limit), ask(after, before, false, limit), first(limit, want))
				t.want(what("backward", limit), ask(after, before, true, limit), first(limit, reversed(want)))
			}
			if t.Failed() {
				return // the others would say the same
			}
		}
	}
}

func place(ids []kg.ID, i int) string {
	if i < 0 || i >= len(ids) {
		return "the end"
	}
	return string(ids[i])
}

func limited(limit int) string {
	if limit == 0 {
		return ""
	}
	return ", limited"
}

var statsBehaviours = []behaviour{
	{"are exact", func(t *subject) {
		records := OneOfEverything()
		want := make(map[kg.RecordKind]int64)
		for _, r := range records {
			want[r.RecordKind()]++
		}
		t.put(records...)
		t.want("at first", t.stats(), want)
		t.put(records...)
		t.want("put twice", t.stats(), want)
		t.put(company("acme"), &kg.Source{ID: "r-1"})
		want[kg.RecordRelation]--
		want[kg.RecordSource]++
		t.want("after another kind took an id", t.stats(), present(want))
		t.delete("zoe", "nobody", "o-1")
		want[kg.RecordEntity]--
		want[kg.RecordObservation]--
		t.want("after deletes", t.stats(), want)
		for _, kind := range kg.RecordKinds() {
			t.want("as many as a scan of "+kind.String(), int64(len(t.scan(kg.ScanQuery{Kind: kind}))), want[kind])
		}
	}},
	{"belong to the caller", func(t *subject) {
		t.put(company("a"))
		stats := at(t, func(s kg.Snapshot) (map[kg.RecordKind]int64, error) { return s.Stats(t.Context()) })
		stats[kg.RecordEntity] = 100
		t.want("stats", t.stats(), map[kg.RecordKind]int64{kg.RecordEntity: 1})
	}},
}

// ownership is checked for every way to read.
var ownership = behaviour{"what is read belongs to the caller", func(t *subject) {
	t.put(OneOfEverything()...)
	s := t.snapshot()
	family := (&kg.EntityStatement{Entity: "acme"}).Family()
	read := func() []any {
		var all []any
		records, err := s.Get(t.Context(), idsOf(OneOfEverything(), func(r kg.Record) kg.Record { return r }))
		all = append(all, records, err)
		matches, err := s.Find(t.Context(), []kg.FindKey{{Name: "acme"}, {Name: "zoe"}})
		all = append(all, matches, err)
		edges, err := drain(t, s.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.In}))
		all = append(all, edges, err)
		graph, err := drain(t, s.Relations(t.Context(), kg.RelationQuery{All: true}))
		all = append(all, graph, err)
		figured, err := drain(t, s.Observations(t.Context(), kg.ObservationQuery{Of: []kg.ID{"acme"}}))
		all = append(all, figured, err)
		claims, err := drain(t, s.Claims(t.Context(), []string{family}))
		all = append(all, claims, err)
		mentions, err := drain(t, s.ClaimsAbout(t.Context(), kg.ClaimQuery{Of: []kg.ID{"acme"}}))
		all = append(all, mentions, err)
		conflicts, err := drain(t, s.Conflicts(t.Context(), nil))
		all = append(all, conflicts, err)
		for _, kind := range kg.RecordKinds() {
			records, err := drain(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kind}))
			all = append(all, records, err)
		}
		return all
	}
	want := clone(read())
	for _, answer := range read() {
		if answer != nil {
			scribble(reflect.ValueOf(answer))
		}
	}
	t.want("the second answer", read(), want)
}}
