package kgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keiretsu/internal/kg"
)

// The environment that says which worlds RunWorlds visits.
const (
	// worldsVariable is how many, counted from seed 1; 100 where it is not set.
	worldsVariable = "KEIRETSU_WORLDS"
	// seedVariable is the seed of the only one to visit.
	seedVariable = "KEIRETSU_WORLD_SEED"
)

// RunWorlds compares what open returns with the model on random worlds. For
// each, open returns a fresh, empty store, which RunWorlds closes.
func RunWorlds(t *testing.T, open func(t *testing.T) kg.Store) {
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			engine, model := open(t), NewModel()
			Compare(t, seed, engine, model)
			for _, store := range []kg.Store{engine, model} {
				if err := store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		})
	}
}

func seeds(t testing.TB) []uint64 {
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		return []uint64{seed}
	}
	n := 100
	if text := os.Getenv(worldsVariable); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("%s is %q; expected a number of worlds", worldsVariable, text)
		}
	}
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i) + 1
	}
	return all
}

// Compare builds the world of the seed in two empty stores, and fails the test
// where the first does not answer as the second does. It stops at the first
// difference.
func Compare(t testing.TB, seed uint64, engine, model kg.Store) {
	t.Helper()
	w := World(seed)
	stores := []kg.Store{engine, model}
	differ := func(what, diff string) {
		t.Helper()
		t.Fatalf("world %d: %s\n(-model +engine):\n%s\nTo see it again: %s=%d go test -run '^%s$'",
			seed, what, diff, seedVariable, seed, strings.Split(t.Name(), "/")[0])
	}
	var old []kg.Snapshot // of the step before
	for i, step := range w.Steps {
		var revisions []kg.Revision
		var now []kg.Snapshot
		for _, store := range stores {
			revision, err := store.Apply(t.Context(), step.Batch)
			if err != nil {
				differ(fmt.Sprintf("step %d: Apply", i), err.Error())
			}
			revisions = append(revisions, revision)
			s, err := store.Snapshot(t.Context())
			if err != nil {
				differ(fmt.Sprintf("step %d: Snapshot", i), err.Error())
			}
			now = append(now, s)
		}
		if revisions[0] != revisions[1] || now[0].Revision() != now[1].Revision() {
			differ(fmt.Sprintf("step %d: revisions", i), fmt.Sprintf("applied %v, opened %d and %d", revisions, now[0].Revision(), now[1].Revision()))
		}
		for j, moment := range [][]kg.Snapshot{now, old} {
			if moment == nil {
				continue
			}
			for k, question := range step.Questions {
				if j > 0 && k%4 != i%4 {
					continue // some will do, to see that the past stays as it was
				}
				want, err := question.Ask(t.Context(), moment[1])
				if err != nil {
					differ(fmt.Sprintf("step %d: the model on %s", i, question.Text), err.Error())
				}
				got, err := question.Ask(t.Context(), moment[0])
				if err != nil {
					differ(fmt.Sprintf("step %d: %s", i-j, question.Text), err.Error())
				}
				if diff := Diff(want, got); diff != "" {
					differ(fmt.Sprintf("step %d, asked at %d: %s", i-j, i, question.Text), diff)
				}
			}
		}
		closeAll(t, old)
		old = now
	}
	closeAll(t, old)
	for after := range kg.Revision(len(w.Steps) + 1) {
		var changes [][]kg.Change
		for _, store := range stores {
			list, err := drain(t, store.Changes(t.Context(), after))
			if err != nil {
				differ("Changes", err.Error())
			}
			changes = append(changes, list)
		}
		if diff := Diff(changes[1], changes[0]); diff != "" {
			differ(fmt.Sprintf("Changes after %d", after), diff)
		}
	}
}

func closeAll(t testing.TB, snapshots []kg.Snapshot) {
	t.Helper()
	for _, s := range snapshots {
		if err := s.Close(); err != nil {
			t.Errorf("Snapshot.Close: %v", err)
		}
	}
}

// Random is a small world that a seed determines.
type Random struct {
	Seed  uint64
	Steps []Step
}

// Step is a batch and what to ask when it has been applied.
type Step struct {
	Batch     *kg.Batch
	Questions []Question
}

// Question is something to ask of a snapshot.
type Question struct {
	// Text is the question in words.
	Text string
	// Ask returns the answer, to be compared by Diff.
	Ask func(ctx context.Context, s kg.Snapshot) (any, error)
}

// World returns the world of a seed, which is the same on every machine. In it
// no relation, figure or conflict names an entity that is not there.
func World(seed uint64) *Random {
	g := &god{
		Rand: rand.New(rand.NewPCG(seed, 0x6b6569726574_7375)),
		live: make(map[kg.ID]kg.Record),
		now:  time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	g.metrics = some(g, 1, 4, []string{"sales", "Sales", "sales_of_parts", "staff", "users", "s"})
	w := &Random{Seed: seed}
	for range 3 + g.IntN(4) {
		b := g.batch()
		w.Steps = append(w.Steps, Step{b, g.questions()})
		if g.chance(25) {
			w.Steps = append(w.Steps, Step{b, nil}) // twice is once
		}
	}
	return w
}

// god makes a world and remembers what is in it.
type god struct {
	*rand.Rand
	live map[kg.ID]kg.Record
	// gone are ids of records that were deleted, and places of relations and
	// figures as they once were.
	gone    []kg.ID
	starts  []kg.RelationPlace
	periods []kg.ObservationPlace
	metrics []string
	made    int
	now     time.Time
}

func one[T any](g *god, list []T) T { return list[g.IntN(len(list))] }

// some returns from least to most members of the list, in any order.
func some[T any](g *god, least, most int, list []T) []T {
	n := min(least+g.IntN(most-least+1), len(list))
	var chosen []T
	for _, i := range g.Perm(len(list))[:n] {
		chosen = append(chosen, list[i])
	}
	return chosen
}

func (g *god) chance(percent int) bool { return g.IntN(100) < percent }

// all returns the ids of the live records of a kind, in id order.
func (g *god) all(kind kg.RecordKind) []kg.ID {
	var ids []kg.ID
	for id, r := range g.live {
		if r.RecordKind() == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// batch makes a batch and records what the world is like after it.
func (g *god) batch() *kg.Batch {
	g.now = g.now.Add(time.Duration(1 + g.IntN(1e9)))
	b := &kg.Batch{At: g.now}
	used := make(map[kg.ID]bool)
	put := func(r kg.Record) {
		if used[r.RecordID()] {
			return
		}
		used[r.RecordID()] = true
		b.Put = append(b.Put, clone(r))
		g.live[r.RecordID()] = r
	}
	remove := func(id kg.ID) {
		if used[id] {
			return
		}
		used[id] = true
		b.Delete = append(b.Delete, id)
		delete(g.live, id)
		g.gone = append(g.gone, id)
	}
	g.endSome(put, remove, used)
	for range 2 + g.IntN(8) {
		put(g.entity(g.id("e")))
	}
	if g.chance(80) {
		for _, id := range some(g, 0, 3, g.all(kg.RecordEntity)) {
			put(g.entity(id)) // renamed
		}
	}
	entities := g.all(kg.RecordEntity)
	hub := one(g, entities)
	for range g.IntN(25) {
		put(g.relation(g.id("r"), one(g, entities), one(g, entities)))
	}
	for range g.IntN(12) {
		put(g.relation(g.id("r"), hub, one(g, entities)))
	}
	for _, id := range some(g, 0, 6, g.all(kg.RecordRelation)) {
		put(g.relation(id, one(g, entities), hub)) // said anew, of others
	}
	for range g.IntN(15) {
		put(g.observation(g.id("o"), one(g, entities)))
	}
	for _, id := range some(g, 0, 3, g.all(kg.RecordObservation)) {
		put(g.observation(id, one(g, entities)))
	}
	for range g.IntN(12) {
		put(g.claim(entities))
	}
	for range g.IntN(4) {
		put(&kg.Conflict{ID: g.id("x"), About: one(g, entities), Predicate: one(g, append(g.metrics, "", "founded")), Kind: kg.Contradiction})
		put(&kg.Source{ID: g.id("s"), Title: g.name(), Published: g.date()})
		put(&kg.Metric{Name: one(g, g.metrics), Definition: g.name(), Unit: "count", AddsOverTime: g.chance(50)})
		put(&kg.Redirect{From: g.id("old"), To: one(g, entities)})
		put(&kg.Receipt{ID: g.id("k"), By: "token:anna", Digest: g.name(), Revision: 1, At: g.now})
	}
	for _, id := range some(g, 0, 4, g.all(one(g, kg.RecordKinds()))) {
		put(g.live[id]) // said again
	}
	for _, id := range some(g, 0, 2, g.gone) {
		if _, back := g.live[id]; !back {
			remove(id) // what is gone already
		}
	}
	g.Shuffle(len(b.Put), func(i, j int) { b.Put[i], b.Put[j] = b.Put[j], b.Put[i] })
	return b
}

// endSome removes some records, and together with an entity all that names it;
// at times a redirect takes its place.
func (g *god) endSome(put func(kg.Record), remove func(kg.ID), used map[kg.ID]bool) {
	for _, kind := range []kg.RecordKind{kg.RecordRelation, kg.RecordObservation, kg.RecordClaim, kg.RecordConflict, kg.RecordRedirect} {
		for _, id := range some(g, 0, 3, g.all(kind)) {
			remove(id)
		}
	}
	entities := g.all(kg.RecordEntity)
	if len(entities) < 4 {
		return
	}
	for _, id := range some(g, 0, 2, entities) {
		for _, other := range g.all(kg.RecordRelation) {
			if r, _ := g.live[other].(*kg.Relation); r.From == id || r.To == id {
				remove(other)
			}
		}
		for _, other := range g.all(kg.RecordObservation) {
			if o, _ := g.live[other].(*kg.Observation); o.Subject == id {
				remove(other)
			}
		}
		for _, other := range g.all(kg.RecordConflict) {
			if c, _ := g.live[other].(*kg.Conflict); c.About == id {
				remove(other)
			}
		}
		if heir := one(g, entities); heir != id && !used[heir] && g.chance(50) {
			put(&kg.Redirect{From: id, To: heir})
			continue
		}
		remove(id)
	}
}

// id returns a new id. Some are the beginning of others, and order among them
// is not that of making.
func (g *god) id(letter string) kg.ID {
	if g.made++; g.chance(10) && len(g.live) > 0 {
		longer := one(g, g.all(one(g, g.kinds()))) + kg.ID(one(g, []string{"-", "0", "é", "~", ":"}))
		if _, taken := g.live[longer]; !taken && !slices.Contains(g.gone, longer) {
			return longer
		}
	}
	return kg.ID(fmt.Sprintf("%s%x-%d", letter, g.IntN(256), g.made))
}

// kinds are the kinds of which there are records.
func (g *god) kinds() []kg.RecordKind {
	return slices.DeleteFunc(kg.RecordKinds(), func(k kg.RecordKind) bool { return len(g.all(k)) == 0 })
}

// names are names of which many are equal when folded, or without legal form.
var names = []string{
	"Ant", "ANT", "Änt", "a-nt", "Ant Ltd", "Ant Group", "Ant Group Co., Ltd.", "蚂蚁", "蚂蚁有限公司", "蚂蚁集团", "Ｔ-Mall", "T-Mall", "TMALL",
	"Tmall Genie", "株式会社アント", "アント", "Ant S.A.", "Société Ant", "ÉCLAIR", "éclair", "Ооо Ромашка", "Ромашка", "!?", "Zeta", "alpha", "Älpha", "Alpha",
}

func (g *god) name() string {
	if g.chance(30) {
		return one(g, names) + " " + one(g, names)
	}
	return one(g, names)
}

func (g *god) entity(id kg.ID) *kg.Entity {
	e := &kg.Entity{ID: id, Kind: one(g, kg.EntityKinds())}
	if old, ok := g.live[id].(*kg.Entity); ok {
		e.Kind = old.Kind
	}
	for range 1 + g.IntN(3) {
		e.Names = append(e.Names, kg.Name{Text: g.name(), Lang: one(g, []string{"", "en", "zh"}), Kind: kg.NameKind(1 + g.IntN(4))})
	}
	for range g.IntN(3) {
		e.Identifiers = append(e.Identifiers, kg.Identifier{Scheme: one(g, []string{"lei", "LEI", "wd"}), Value: one(g, []string{"1", "12", " 1", "A", "a"})})
	}
	if g.chance(20) {
		e.FiscalYearEnd = kg.MustDate("--03-31")
	}
	if g.chance(10) {
		e.Merged = []kg.ID{id + "-also", id + "-too"}
	}
	if g.chance(20) {
		e.Absences = []kg.Absence{{Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceNone, Reason: "NATURAL_PERSONS", Start: g.date(), End: g.date()}}
	}
	return e
}

// day returns a day of a few years around those that questions are about, or of
// a corner of time.
func (g *god) day() string {
	year := one(g, []string{"2013", "2014", "2014", "2015", "1969", "1970", "0001", "9999"})
	switch g.IntN(3) {
	case 0:
		return year
	case 1:
		return year + one(g, []string{"-01", "-02", "-12"})
	}
	return year + one(g, []string{"-01-01", "-01-31", "-12-31", "-02-28"})
}

// ordered returns two days of which the first does not begin behind the second's end.
func (g *god) ordered() (string, string) {
	a, b := g.day(), g.day()
	if kg.MustDate(a).Earliest() > kg.MustDate(b).Latest() {
		a, b = b, a
	}
	return a, b
}

func (g *god) date() kg.PartialDate {
	switch g.IntN(10) {
	case 0, 1:
		return kg.PartialDate{}
	case 2:
		return kg.MustDate("[" + g.day() + "..]")
	case 3:
		return kg.MustDate("[.." + g.day() + "]")
	case 4:
		a, b := g.ordered()
		return kg.MustDate("[" + a + ".." + b + "]")
	case 5:
		return kg.MustDate(one(g, []string{"--12-31", "2014", "2014-01-01"}))
	}
	return kg.MustDate(g.day())
}

func (g *god) period() kg.Period {
	switch g.IntN(7) {
	case 0:
		return kg.Period{}
	case 1:
		return kg.MustPeriod(g.day() + "/..")
	case 2:
		return kg.MustPeriod("../" + g.day())
	case 3:
		a, b := g.ordered()
		return kg.MustPeriod(a + "/" + b)
	case 4:
		return kg.MustPeriod(one(g, []string{"../..", "2014", "2014-01/2014-12"}))
	}
	return kg.MustPeriod(g.day())
}

func (g *god) share() *kg.Share {
	shares := []kg.Share{
		kg.ExactShare(40), kg.ExactShare(50), kg.ExactShare(100.0 / 3), kg.ControllingShare, kg.MinorityShare, kg.WholeShare, kg.UnknownShare,
		{Min: 25, Max: 50, MinOpen: true},
		{Min: 0, Max: 10, MinOpen: true, MaxOpen: true},
	}
	if g.chance(40) {
		return nil
	}
	s := one(g, shares)
	return &s
}

func (g *god) relation(id, from, to kg.ID) *kg.Relation {
	r := &kg.Relation{
		ID: id, Type: one(g, []kg.RelationType{kg.Owns, kg.Acquired, kg.PartnersWith, kg.HoldsRole, one(g, kg.RelationTypes())}),
		From: from, To: to, FromKind: g.kindOf(from), ToKind: g.kindOf(to), Start: g.date(), Stake: g.share(),
	}
	if !r.Type.IsEvent() && g.chance(50) {
		r.End = g.date()
	}
	if g.chance(10) {
		r.Money, r.Text = &kg.Money{Amount: float64(g.IntN(1e9)), Currency: "USD"}, g.name()
	}
	if g.chance(15) {
		r.Attributes = []kg.Attribute{{Key: kg.AttributeDeclared, Value: one(g, []string{kg.DeclaredIndirect, kg.DeclaredUltimate, "directly"})}}
	}
	g.starts = append(g.starts, r.Place())
	return r
}

func (g *god) kindOf(id kg.ID) kg.EntityKind {
	if e, ok := g.live[id].(*kg.Entity); ok {
		return e.Kind
	}
	return 0
}

func (g *god) observation(id, subject kg.ID) *kg.Observation {
	o := &kg.Observation{ID: id, Figure: kg.Figure{
		Subject: subject, Metric: one(g, g.metrics), Value: float64(g.IntN(1e6)) / 8, Unit: "count", Period: g.period(), Nature: kg.Nature(g.IntN(7)),
	}}
	g.periods = append(g.periods, o.Place())
	return o
}

// statements returns one statement for each family about the entities.
func statements(metric string, of, to kg.ID) []kg.Statement {
	list := []kg.Statement{
		&kg.NameStatement{Entity: of, Text: "Ant", Kind: kg.NameAlias},
		&kg.RelationStatement{Type: kg.Owns, From: of, To: to},
		&kg.AbsenceStatement{Entity: of, Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceNone},
		&kg.RelationStatement{Type: kg.PartnersWith, From: of, To: to},
		&kg.Figure{Subject: of, Metric: metric, Value: 1, Unit: "count"},
	}
	if of != to { // nothing is judged against itself
		list = append(list, &kg.SameStatement{Entity: of, As: to}, &kg.DifferentStatement{Entity: of, Other: to})
	}
	return list
}

func (g *god) claim(entities []kg.ID) *kg.Claim {
	id := g.id("c")
	if old := g.all(kg.RecordClaim); len(old) > 0 && g.chance(20) {
		id = one(g, old)
	}
	c := &kg.Claim{ID: id, Statement: one(g, statements(one(g, g.metrics), one(g, entities), one(g, entities))), Source: "s", Spell: kg.Spell{Recorded: g.now, Revision: 1, By: one(g, []string{"", "token:anna"})}}
	if g.chance(20) {
		c.Retracted = &kg.Retraction{At: g.now, By: "token:anna", Reason: "wrong"}
	}
	if g.chance(10) {
		c.Earlier = []kg.Spell{{Recorded: g.now, Retracted: &kg.Retraction{At: g.now, Reason: "wrong"}}}
	}
	return c
}

// questions asks about everything that is in the world, and some that is not.
func (g *god) questions() []Question {
	questions := []Question{g.askGet(), g.askFind(), g.askClaims(), g.askClaimsAbout(), g.askEveryClaim(), g.askConflicts(), g.askStats()}
	for _, kind := range kg.RecordKinds() {
		questions = append(questions, g.askScan(kind))
	}
	for range 8 {
		questions = append(questions, g.askRelations(), g.askObservations())
	}
	return append(questions, g.walkRelations(), g.walkObservations(), g.walkScan())
}

func (g *god) askGet() Question {
	var ids []kg.ID
	for _, kind := range kg.RecordKinds() {
		ids = append(ids, some(g, 0, 5, g.all(kind))...)
	}
	ids = append(append(ids, some(g, 0, 5, g.gone)...), "nobody")
	g.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return Question{fmt.Sprintf("Get(%q)", ids), func(ctx context.Context, s kg.Snapshot) (any, error) { return s.Get(ctx, ids) }}
}

func (g *god) askFind() Question {
	var keys []kg.FindKey
	for range 12 {
		key := kg.FindKey{Name: kg.FoldName(g.name())}
		if g.chance(50) {
			key = kg.FindKey{Name: kg.CoreName(g.name()), Core: true}
		}
		if g.chance(30) {
			key = kg.FindKey{}
			key.Scheme, key.Value = kg.IdentifierKey(one(g, []string{"lei", "WD"}), one(g, []string{"1", "12", "a", "b"}))
		}
		if g.chance(30) {
			key.Kinds = some(g, 1, 5, kg.EntityKinds())
		}
		if g.chance(50) {
			key.Limit = 1 + g.IntN(3)
		}
		keys = append(keys, key)
	}
	return Question{fmt.Sprintf("Find(%+v)", keys), func(ctx context.Context, s kg.Snapshot) (any, error) { return s.Find(ctx, keys) }}
}

func (g *god) askClaims() Question {
	var families []string
	entities := append(g.all(kg.RecordEntity), "nobody")
	for _, id := range some(g, 1, 6, entities) {
		families = append(families, one(g, statements(one(g, g.metrics), id, one(g, entities))).Family())
	}
	for _, id := range some(g, 0, 5, g.all(kg.RecordClaim)) {
		if c, ok := g.live[id].(*kg.Claim); ok {
			families = append(families, c.Family())
		}
	}
	slices.Sort(families)
	families = slices.Compact(families)
	g.Shuffle(len(families), func(i, j int) { families[i], families[j] = families[j], families[i] })
	return Question{fmt.Sprintf("Claims(%q)", families), func(ctx context.Context, s kg.Snapshot) (any, error) { return list(s.Claims(ctx, families)) }}
}

// aspects returns some aspects, of which some are asked for twice.
func (g *god) aspects() []kg.Aspect {
	var as []kg.Aspect
	for range g.IntN(5) {
		a := kg.Aspect{Part: kg.Part(1 + g.IntN(5))}
		if g.chance(50) {
			a.Type = one(g, []kg.RelationType{kg.Owns, kg.PartnersWith, kg.Supplies})
		}
		as = append(as, a)
	}
	return as
}

func (g *god) askClaimsAbout() Question {
	q := kg.ClaimQuery{Of: g.frontier(), As: g.aspects()}
	return Question{fmt.Sprintf("ClaimsAbout(%+v)", q), func(ctx context.Context, s kg.Snapshot) (any, error) { return list(s.ClaimsAbout(ctx, q)) }}
}

// askEveryClaim puts families in order: the contract leaves that to the engine.
func (g *god) askEveryClaim() Question {
	q := kg.ClaimQuery{All: true, As: g.aspects()}
	return Question{fmt.Sprintf("ClaimsAbout(%+v)", q), func(ctx context.Context, s kg.Snapshot) (any, error) {
		mentions, err := list(s.ClaimsAbout(ctx, q))
		ended := make(map[string]bool)
		for i, m := range mentions {
			family := m.Claim.Family()
			if i > 0 && mentions[i-1].Claim.Family() == family {
				continue
			}
			if ended[family] {
				return nil, fmt.Errorf("the family %q comes in pieces", family)
			}
			ended[family] = true
		}
		slices.SortStableFunc(mentions, func(a, b kg.Mention) int { return strings.Compare(a.Claim.Family(), b.Claim.Family()) })
		return mentions, err
	}}
}

func (g *god) askConflicts() Question {
	about := append(some(g, 0, 10, g.all(kg.RecordEntity)), "nobody")
	if g.chance(30) {
		about = nil
	}
	return Question{fmt.Sprintf("Conflicts(%q)", about), func(ctx context.Context, s kg.Snapshot) (any, error) { return list(s.Conflicts(ctx, about)) }}
}

func (g *god) askStats() Question {
	return Question{"Stats()", func(ctx context.Context, s kg.Snapshot) (any, error) {
		stats, err := s.Stats(ctx)
		return present(stats), err
	}}
}

func (g *god) scan(kind kg.RecordKind) kg.ScanQuery {
	q := kg.ScanQuery{Kind: kind, Reverse: g.chance(50), Limit: g.IntN(2) * g.IntN(10)}
	if g.chance(30) {
		q.Kinds = some(g, 1, 5, kg.EntityKinds())
	}
	bound := func() *kg.ScanPlace {
		if ids := g.all(kind); len(ids) > 0 && g.chance(40) {
			p := kg.PlaceOf(g.live[one(g, ids)])
			return &p
		}
		return nil
	}
	q.After, q.Before = bound(), bound()
	return q
}

func (g *god) askScan(kind kg.RecordKind) Question {
	q := g.scan(kind)
	return Question{scanText(q), func(ctx context.Context, s kg.Snapshot) (any, error) { return list(s.Scan(ctx, q)) }}
}

func (g *god) when() kg.When {
	var w kg.When
	if g.chance(40) {
		w.During = g.period()
	}
	w.Certainty = kg.Certainty(g.IntN(2))
	if g.chance(30) {
		day := kg.MustDate(g.day()).Earliest()
		w.AsOf = &day
	}
	return w
}

// frontier returns distinct ids, most of them of entities.
func (g *god) frontier() []kg.ID {
	of := append(some(g, 1, 12, g.all(kg.RecordEntity)), some(g, 0, 2, g.all(one(g, kg.RecordKinds()[1:])))...)
	of = append(of, "nobody")
	g.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	return of
}

func (g *god) relations() kg.RelationQuery {
	q := kg.RelationQuery{
		Of: g.frontier(), All: g.chance(15), Direction: kg.Direction(1 + g.IntN(3)), When: g.when(),
		Reverse: g.chance(50), Limit: g.IntN(2) * g.IntN(6),
	}
	if g.chance(40) {
		q.Types = some(g, 1, 6, kg.RelationTypes())
	}
	if g.chance(20) {
		q.Types = some(g, 1, 2, []kg.RelationType{kg.Owns, kg.Acquired, kg.PartnersWith})
	}
	if g.chance(25) {
		q.Kinds = some(g, 1, 5, kg.EntityKinds())
	}
	q.Direct = g.chance(30)
	if g.chance(25) {
		q.MinStake = one(g, []float64{0.5, 25, 100.0 / 3, 50, 100})
	}
	bound := func() *kg.RelationPlace {
		if len(g.starts) == 0 || g.chance(60) {
			return nil
		}
		p := one(g, g.starts)
		return &p
	}
	q.After, q.Before = bound(), bound()
	return q
}

func (g *god) askRelations() Question {
	q := g.relations()
	return Question{relationsText(q), func(ctx context.Context, s kg.Snapshot) (any, error) {
		edges, err := list(s.Relations(ctx, q))
		return ends(q, edges), err
	}}
}

// ends forgets at which end edges of the whole graph stand: the contract does
// not say.
func ends(q kg.RelationQuery, edges []kg.Edge) []kg.Edge {
	for i := range edges {
		edges[i].Out = edges[i].Out && !q.All
	}
	return edges
}

func relationsText(q kg.RelationQuery) string {
	after, before := show(q.After), show(q.Before)
	q.After, q.Before = nil, nil
	return fmt.Sprintf("Relations(%+v) behind %s and before %s", q, after, before)
}

func observationsText(q kg.ObservationQuery) string {
	after, before := show(q.After), show(q.Before)
	q.After, q.Before = nil, nil
	return fmt.Sprintf("Observations(%+v) behind %s and before %s", q, after, before)
}

func scanText(q kg.ScanQuery) string {
	after, before := show(q.After), show(q.Before)
	q.After, q.Before = nil, nil
	return fmt.Sprintf("Scan(%+v) behind %s and before %s", q, after, before)
}

func (g *god) observations() kg.ObservationQuery {
	q := kg.ObservationQuery{Of: g.frontier(), When: g.when(), Reverse: g.chance(50), Limit: g.IntN(2) * g.IntN(4)}
	if g.chance(40) {
		q.Metrics = append(some(g, 0, 2, g.metrics), "unheard")
	}
	bound := func() *kg.ObservationPlace {
		if len(g.periods) == 0 || g.chance(60) {
			return nil
		}
		p := one(g, g.periods)
		return &p
	}
	q.After, q.Before = bound(), bound()
	return q
}

func (g *god) askObservations() Question {
	q := g.observations()
	return Question{observationsText(q), func(ctx context.Context, s kg.Snapshot) (any, error) { return list(s.Observations(ctx, q)) }}
}

// walkRelations reads a list page by page, in the direction of Reverse, and
// wants the same as from reading it at once.
func (g *god) walkRelations() Question {
	q, size := g.relations(), 1+g.IntN(4)
	if entities := g.all(kg.RecordEntity); !q.All {
		q.Of = []kg.ID{one(g, entities)}
	}
	q.Limit = 0
	return Question{"pages of " + strconv.Itoa(size) + " of " + relationsText(q), func(ctx context.Context, s kg.Snapshot) (any, error) {
		whole, err := list(s.Relations(ctx, q))
		if err != nil {
			return nil, err
		}
		edges, err := walk(whole, size, func(last *kg.Edge) ([]kg.Edge, error) {
			q := q
			q.Limit = size
			if last != nil {
				place := last.Relation.Place()
				behind(q.Reverse, &q.After, &q.Before, &place)
			}
			return list(s.Relations(ctx, q))
		})
		return ends(q, edges), err
	}}
}

func (g *god) walkObservations() Question {
	q, size := g.observations(), 1+g.IntN(4)
	q.Of = []kg.ID{one(g, g.all(kg.RecordEntity))}
	q.Limit = 0
	return Question{"pages of " + strconv.Itoa(size) + " of " + observationsText(q), func(ctx context.Context, s kg.Snapshot) (any, error) {
		whole, err := list(s.Observations(ctx, q))
		if err != nil {
			return nil, err
		}
		return walk(whole, size, func(last *kg.Figured) ([]kg.Figured, error) {
			q := q
			q.Limit = size
			if last != nil {
				place := last.Observation.Place()
				behind(q.Reverse, &q.After, &q.Before, &place)
			}
			return list(s.Observations(ctx, q))
		})
	}}
}

func (g *god) walkScan() Question {
	q, size := g.scan(one(g, kg.RecordKinds())), 1+g.IntN(4)
	q.Limit = 0
	return Question{"pages of " + strconv.Itoa(size) + " of " + scanText(q), func(ctx context.Context, s kg.Snapshot) (any, error) {
		whole, err := list(s.Scan(ctx, q))
		if err != nil {
			return nil, err
		}
		return walk(whole, size, func(last *kg.Record) ([]kg.Record, error) {
			q := q
			q.Limit = size
			if last != nil {
				place := kg.PlaceOf(*last)
				behind(q.Reverse, &q.After, &q.Before, &place)
			}
			return list(s.Scan(ctx, q))
		})
	}}
}

// behind makes a query go on behind a place, seen in the direction of reading.
func behind[P any](reverse bool, after, before **P, place *P) {
	if reverse {
		*before = place
		return
	}
	*after = place
}

// walk reads a list page by page, and returns an error if it is not the whole.
func walk[T any](whole []T, size int, page func(last *T) ([]T, error)) ([]T, error) {
	var walked []T
	var last *T
	for len(walked) <= len(whole) {
		next, err := page(last)
		if err != nil {
			return nil, err
		}
		if len(next) > size {
			return nil, fmt.Errorf("a page of %d where %d were asked for", len(next), size)
		}
		if len(next) == 0 {
			break
		}
		walked = append(walked, next...)
		last = &walked[len(walked)-1]
	}
	if diff := Diff(whole, walked); diff != "" {
		return nil, fmt.Errorf("page by page it is another list than at once (-at once +by page):\n%s", diff)
	}
	return walked, nil
}

func show[T any](p *T) string {
	if p == nil {
		return "nothing"
	}
	return fmt.Sprintf("%+v", *p)
}
