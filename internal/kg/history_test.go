package kg_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// A chronicle is a random course of recording: writes, each at an instant.
type chronicle struct {
	*rand.Rand
	seed     uint64
	entries  []chronicleEntry
	entities []kg.ID
	kinds    map[kg.ID]kg.EntityKind
	claims   []*kg.Claim
	// same says who is the same as whom, by which claim, and different who is
	// not; mergers are all that were ever stated.
	same      map[kg.ID]*kg.Claim
	different [][2]kg.ID
	mergers   [][2]kg.ID
	// split is set where a judgement was taken back behind the last entry.
	split bool
	// now is the clock of the graphs that record it.
	now time.Time
}

type chronicleEntry struct {
	at    time.Time
	write kg.Write
}

var firstEntry = time.Date(2021, 3, 1, 9, 0, 0, 0, time.UTC)

// newChronicle makes the chronicle of a seed. Sources and metrics come with the
// first write, for they have no history.
func newChronicle(seed uint64) *chronicle {
	c := &chronicle{Rand: rand.New(rand.NewPCG(seed, 0x68_6973746f7279)), seed: seed, kinds: make(map[kg.ID]kg.EntityKind), same: make(map[kg.ID]*kg.Claim)}
	at := firstEntry
	for i := range 2 + c.IntN(5) {
		if i > 0 && !c.chance(15) {
			at = at.Add(time.Duration(1+c.IntN(1e6)) * time.Millisecond)
		}
		c.entries = append(c.entries, chronicleEntry{at, c.write(i == 0)})
	}
	return c
}

func (c *chronicle) chance(percent int) bool { return c.IntN(100) < percent }

func oneOf[T any](c *chronicle, list ...T) T { return list[c.IntN(len(list))] }

func (c *chronicle) write(first bool) kg.Write {
	var w chronicleWrite
	if first {
		w.Metrics = []*kg.Metric{
			{Name: "revenue", Definition: "Income.", Unit: kg.UnitMoney, AddsOverTime: true, SameAs: []string{"sales"}},
			{Name: "sales", Definition: "What was sold.", Unit: kg.UnitMoney, AddsOverTime: true},
			{Name: "staff", Definition: "Who works there.", Unit: "people"},
			{Name: "founded_date", Definition: "When it was founded.", Unit: kg.UnitDate},
		}
		for _, id := range []kg.ID{"s0", "s1", "s2"} {
			w.Sources = append(w.Sources, &kg.Source{ID: id, Title: string(id)})
		}
		w.Conflicts = []*kg.Conflict{{
			About: "e0", Predicate: "staff", Kind: kg.Apparent, Note: "as a person noted",
			Claims: []kg.Position{{Value: "many", Citations: []kg.Citation{{Source: "s0"}}}},
		}}
	}
	say := func(s kg.Statement) {
		// What is no part of a claim's identity follows from it, so that to record it
		// again is to say the same again.
		source, line := c.IntN(3), c.IntN(6)
		claim := &kg.Claim{Statement: s, Source: kg.ID(fmt.Sprint("s", source)), Locator: fmt.Sprint("line ", line)}
		if line > 3 {
			claim.Note = "seen"
		}
		if f, ok := s.(*kg.Figure); ok {
			f.Qualifier = kg.Qualifier((source + line) % 3)
		}
		w.Claims = append(w.Claims, claim)
		c.claims = append(c.claims, claim)
	}
	for range 1 + c.IntN(3) {
		id := kg.ID(fmt.Sprintf("e%d", len(c.entities)))
		c.entities = append(c.entities, id)
		c.kinds[id] = oneOf(c, kg.KindCompany, kg.KindCompany, kg.KindCompany, kg.KindPerson)
		say(&kg.EntityStatement{Entity: id, Kind: c.kinds[id]})
		say(&kg.NameStatement{Entity: id, Text: c.name(), Kind: kg.NamePreferred})
	}
	for range c.IntN(30) {
		of := oneOf(c, c.entities...)
		switch c.IntN(10) {
		case 0:
			say(&kg.EntityStatement{Entity: of, Kind: c.kinds[of]})
			say(&kg.NameStatement{Entity: of, Text: c.name(), Lang: oneOf(c, "", "en"), Kind: kg.NameKind(1 + c.IntN(4))})
		case 1:
			say(&kg.IdentifierStatement{Entity: of, Scheme: oneOf(c, "lei", "LEI"), Value: oneOf(c, "1", "2", " 1")})
			say(&kg.AbsenceStatement{
				Entity: of, Relation: oneOf(c, kg.Owns, kg.Controls), Direction: kg.In, Kind: oneOf(c, kg.AbsenceNone, kg.AbsenceUnknown),
				Reason: oneOf(c, "", "NATURAL_PERSONS"), Start: oneOf(c, kg.PartialDate{}, kg.MustDate("2014"), kg.MustDate("2015")),
			})
			say(&kg.FiscalYearStatement{Entity: of, End: kg.MustDate(oneOf(c, "--03-31", "--12-31"))})
		case 2, 3, 4:
			say(c.figure(of))
		default:
			if s := c.relation(); s != nil {
				say(s)
			}
		}
	}
	c.judge(&w)
	for range c.IntN(4) {
		w.Claims = append(w.Claims, oneOf(c, c.claims...)) // known already, told twice, or taken back before
	}
	for range c.IntN(5) {
		if claim := oneOf(c, c.claims...); !first && c.dispensable(claim) && !w.says(claim) {
			w.Retractions = append(w.Retractions, kg.Retract{ID: claim.ContentID(), Reason: "wrong"})
		}
	}
	return w.Write
}

// judge says at times that two entities are the same, or not, and takes back what
// was said of that.
func (c *chronicle) judge(w *chronicleWrite) {
	say := func(s kg.Statement) *kg.Claim {
		claim := &kg.Claim{Statement: s, Source: "s0", Locator: fmt.Sprint("judgement ", c.IntN(2))}
		w.Claims = append(w.Claims, claim)
		return claim
	}
	var merged []kg.ID
	for _, id := range c.entities {
		if c.same[id] != nil {
			merged = append(merged, id)
		}
	}
	// What is split counts as the same until the next write, so that no cycle of
	// mergers can come of the order in which things are told.
	var split kg.ID
	if len(merged) > 0 && c.chance(25) {
		split = oneOf(c, merged...)
		w.Retractions = append(w.Retractions, kg.Retract{ID: c.same[split].ContentID(), Reason: "they are two"})
	}
	for range c.IntN(3) {
		a, b := oneOf(c, c.entities...), oneOf(c, c.entities...)
		if c.kinds[a] != c.kinds[b] || c.canon(a) == c.canon(b) {
			continue
		}
		if c.chance(20) {
			say(&kg.DifferentStatement{Entity: a, Other: b})
			c.different = append(c.different, [2]kg.ID{a, b})
			continue
		}
		if c.same[a] != nil {
			continue
		}
		c.same[a] = &kg.Claim{Statement: &kg.SameStatement{Entity: a, As: b}}
		apart := slices.ContainsFunc(c.different, func(d [2]kg.ID) bool { return c.canon(d[0]) == c.canon(d[1]) })
		if apart || c.mergersRunInACircle() {
			delete(c.same, a)
			continue
		}
		c.same[a] = say(c.same[a].Statement)
	}
	if split != "" {
		delete(c.same, split)
	}
}

func (c *chronicle) canon(id kg.ID) kg.ID {
	for c.same[id] != nil {
		id = c.same[id].Statement.(*kg.SameStatement).As
	}
	return id
}

// mergersRunInACircle reports that some company has merged into itself.
func (c *chronicle) mergersRunInACircle() bool {
	left := slices.Clone(c.mergers)
	for {
		rest := slices.DeleteFunc(slices.Clone(left), func(m [2]kg.ID) bool {
			return !slices.ContainsFunc(left, func(n [2]kg.ID) bool { return c.canon(n[0]) == c.canon(m[1]) })
		})
		if len(rest) == len(left) {
			return len(left) > 0
		}
		left = rest
	}
}

// chronicleWrite is a write in the making.
type chronicleWrite struct{ kg.Write }

func (w *chronicleWrite) says(claim *kg.Claim) bool {
	return slices.ContainsFunc(w.Claims, func(c *kg.Claim) bool { return c.ContentID() == claim.ContentID() })
}

// retracts reports that something is taken back.
func (c *chronicle) retracts() bool {
	return slices.ContainsFunc(c.entries, func(e chronicleEntry) bool { return len(e.write.Retractions) > 0 })
}

// splits reports that entities that were the same are so no more.
func (c *chronicle) splits() bool {
	return c.split || slices.ContainsFunc(c.entries, func(e chronicleEntry) bool {
		return slices.ContainsFunc(e.write.Retractions, func(r kg.Retract) bool { return r.Reason == "they are two" })
	})
}

// dispensable reports that an entity can do without the claim: it does not say
// that there is such a thing, or what it is called first.
func (c *chronicle) dispensable(claim *kg.Claim) bool {
	switch claim.Statement.(type) {
	case *kg.EntityStatement:
		return false
	case *kg.NameStatement, *kg.IdentifierStatement:
		// Names are found as they are today, so what nobody bears any more
		// cannot be compared (TestAFormerNameIsKept).
		return false
	}
	return true
}

func (c *chronicle) name() string {
	return oneOf(c, "Ant", "ANT Ltd", "Änt", "Bee", "Bee Inc.", "Cricket", "Cricket Group", "Dragonfly")
}

func (c *chronicle) date() kg.PartialDate {
	text := oneOf(c, "", "", "2014", "2014-04", "2015", "2016", "2016-07-01", "[2014..]", "[..2015]", "[2014..2016]")
	if text == "" {
		return kg.PartialDate{}
	}
	return kg.MustDate(text)
}

// relation returns a statement between few entities, so that families are
// large, or nil where the types do not allow it.
func (c *chronicle) relation() *kg.RelationStatement {
	near := c.entities[:min(4, len(c.entities))]
	s := &kg.RelationStatement{
		Type: oneOf(c, kg.Owns, kg.Owns, kg.Acquired, kg.Acquired, kg.MergedInto, kg.PartnersWith, kg.CompetesWith, kg.HoldsRole, kg.Supplies, kg.RelatedTo, kg.Controls, kg.Controls),
		From: oneOf(c, near...), To: oneOf(c, near...), Start: c.date(),
	}
	if c.chance(15) {
		s.To = oneOf(c, c.entities...)
	}
	if !s.Type.IsEvent() && c.chance(40) {
		s.End = c.date()
	}
	if s.Start.Placed() && s.End.Placed() && s.Start.Earliest() > s.End.Latest() {
		s.Start, s.End = s.End, s.Start
	}
	if s.Type.CarriesStake() && c.chance(60) {
		share := oneOf(c, kg.ExactShare(40), kg.ExactShare(60), kg.ExactShare(0), kg.ControllingShare, kg.Share{Min: 25, Max: 50})
		s.Stake = &share
	}
	if s.Type == kg.Acquired && c.chance(40) {
		s.Money = &kg.Money{Amount: oneOf(c, 100.0, 100.2, 300), Currency: "USD"}
	}
	if (s.Type == kg.Owns || s.Type == kg.Controls) && c.chance(25) {
		s.Attributes = []kg.Attribute{{Key: kg.AttributeDeclared, Value: oneOf(c, kg.DeclaredIndirect, kg.DeclaredUltimate)}}
	}
	if s.Type == kg.HoldsRole || s.Type == kg.RelatedTo || s.Type == kg.Controls {
		s.Text = oneOf(c, "Chair", "CHAIR", "Treasurer")
	}
	person := func(id kg.ID) bool { return c.kinds[id] == kg.KindPerson }
	if person(s.To) && s.Type != kg.PartnersWith && s.Type != kg.RelatedTo || s.Type == kg.HoldsRole && !person(s.From) || s.Type == kg.MergedInto && (person(s.From) || s.From >= s.To) {
		return nil
	}
	if s.Type == kg.MergedInto {
		c.mergers = append(c.mergers, [2]kg.ID{s.From, s.To})
		if c.mergersRunInACircle() {
			c.mergers = c.mergers[:len(c.mergers)-1]
			return nil
		}
	}
	return s
}

func (c *chronicle) figure(of kg.ID) *kg.Figure {
	f := &kg.Figure{Subject: of, Metric: oneOf(c, "revenue", "sales", "staff", "founded_date")}
	switch f.Metric {
	case "staff":
		f.Unit, f.Value = "people", oneOf(c, 5.0, 50, 5000)
	case "founded_date":
		f.Unit, f.Date = kg.UnitDate, kg.MustDate(oneOf(c, "1999", "1999-04-04", "2001"))
		return f
	default:
		f.Unit, f.Value = "USD", oneOf(c, 10.0, 11, 30)
		f.Nature = oneOf(c, kg.Actual, kg.Actual, kg.Forecast, kg.Superseded)
	}
	if c.chance(80) {
		f.Period = kg.MustPeriod(oneOf(c, "2014", "2015", "2014/2015"))
	}
	return f
}

// record plays the entries up to an instant into an empty store. Where without
// is set, the claims in it are left out.
func (c *chronicle) record(t *testing.T, until time.Time, without map[kg.ID]bool) (*kg.Graph, kg.Store) {
	t.Helper()
	store := kgtest.NewModel()
	t.Cleanup(func() { store.Close() })
	g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return c.now }})
	for _, e := range c.entries {
		if e.at.After(until) {
			break
		}
		c.now = e.at
		w := e.write
		if without != nil {
			w.Claims = slices.DeleteFunc(slices.Clone(w.Claims), func(c *kg.Claim) bool { return without[c.ContentID()] })
			w.Retractions = slices.DeleteFunc(slices.Clone(w.Retractions), func(r kg.Retract) bool { return without[r.ID] })
		}
		if _, err := g.Apply(context.Background(), w); err != nil {
			t.Fatalf("seed %d: %v", c.seed, err)
		}
	}
	c.now = c.end()
	return g, store
}

// end is when the chronicle is read.
func (c *chronicle) end() time.Time { return c.entries[len(c.entries)-1].at.Add(24 * time.Hour) }

// instants returns some moments before, at, between and behind the entries.
func (c *chronicle) instants() []time.Time {
	instants := []time.Time{firstEntry.Add(-time.Hour), c.end().Add(-time.Nanosecond), c.end(), c.end().Add(time.Hour)}
	for _, e := range c.entries {
		instants = append(instants, e.at, e.at.Add(-time.Nanosecond))
	}
	c.Shuffle(len(instants), func(i, j int) { instants[i], instants[j] = instants[j], instants[i] })
	return instants[:4]
}

// eachChronicle calls test with the chronicles of many seeds: KEIRETSU_WORLDS
// says how many, KEIRETSU_WORLD_SEED names one.
func eachChronicle(t *testing.T, test func(t *testing.T, c *chronicle)) {
	number := func(variable string, usual uint64) uint64 {
		text := os.Getenv(variable)
		if text == "" {
			return usual
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		return n
	}
	first, last := uint64(1), number("KEIRETSU_WORLDS", 100)
	if one := number("KEIRETSU_WORLD_SEED", 0); one != 0 {
		first, last = one, one
	}
	for seed := first; seed <= last; seed++ {
		test(t, newChronicle(seed))
		if t.Failed() {
			t.Fatalf("to see it again: KEIRETSU_WORLD_SEED=%d go test -run '^%s$'", seed, t.Name())
		}
	}
}

// knownBy opens the graph as it was known at an instant.
func knownBy(t *testing.T, g *kg.Graph, at time.Time) *kg.View {
	t.Helper()
	v := view(t, g)
	v.KnownBy(at)
	return v
}

// all reads a sequence.
func all[T any](t *testing.T, seq func(yield func(T, error) bool)) []T {
	t.Helper()
	var list []T
	for x, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// comparison asks two snapshots the same.
type comparison struct {
	*testing.T
	c          *chronicle
	at         time.Time
	past, then kg.Snapshot
}

func compare[T any](c *comparison, what string, ask func(s kg.Snapshot) T) {
	c.Helper()
	if diff := kgtest.Diff(ask(c.then), ask(c.past)); diff != "" && !c.Failed() {
		c.Errorf("seed %d, known at %s: %s (-as it was +as it is remembered):\n%s", c.c.seed, c.at.Format(time.RFC3339Nano), what, diff)
	}
}

// facts compares what the port tells of facts.
func (c *comparison) facts() {
	ctx := context.Background()
	for _, kind := range []kg.RecordKind{kg.RecordEntity, kg.RecordRelation, kg.RecordObservation, kg.RecordConflict} {
		compare(c, "scan of "+kind.String(), func(s kg.Snapshot) []kg.Record { return all(c.T, s.Scan(ctx, kg.ScanQuery{Kind: kind})) })
		q := kg.ScanQuery{Kind: kind, Reverse: c.c.chance(50), Limit: c.c.IntN(4)}
		if records := all(c.T, c.then.Scan(ctx, q)); len(records) > 0 {
			after := kg.PlaceOf(records[c.c.IntN(len(records))])
			if q.After = &after; q.Reverse {
				q.After, q.Before = nil, &after
			}
		}
		if c.c.chance(30) {
			q.Kinds = []kg.EntityKind{kg.KindPerson}
		}
		compare(c, fmt.Sprintf("Scan(%+v)", q), func(s kg.Snapshot) []kg.Record { return all(c.T, s.Scan(ctx, q)) })
	}
	var keys []kg.FindKey
	for _, name := range []string{"Ant", "ANT Ltd", "Bee", "Bee Inc.", "Cricket", "Cricket Group", "Dragonfly", "Nobody"} {
		keys = append(keys, kg.FindKey{Name: kg.FoldName(name)}, kg.FindKey{Name: kg.CoreName(name), Core: true, Limit: c.c.IntN(3)})
	}
	keys = append(keys, kg.FindKey{Scheme: "lei", Value: "1"}, kg.FindKey{Scheme: "lei", Value: "2", Kinds: []kg.EntityKind{kg.KindPerson}})
	compare(c, "Find", func(s kg.Snapshot) [][]kg.Match {
		found, err := s.Find(ctx, keys)
		if err != nil {
			c.Fatal(err)
		}
		return found
	})
	compare(c, "all conflicts", func(s kg.Snapshot) []*kg.Conflict { return all(c.T, s.Conflicts(ctx, nil)) })
	about := c.frontier()
	compare(c, fmt.Sprintf("conflicts about %q", about), func(s kg.Snapshot) []*kg.Conflict { return all(c.T, s.Conflicts(ctx, about)) })
	for range 12 {
		q := c.relationQuery()
		compare(c, fmt.Sprintf("Relations(%+v)", q), func(s kg.Snapshot) []kg.Edge {
			edges := all(c.T, s.Relations(ctx, q))
			for i := range edges {
				edges[i].Out = edges[i].Out && !q.All
			}
			return edges
		})
	}
	for range 4 {
		q := kg.ObservationQuery{Of: c.frontier(), When: c.when(), Reverse: c.c.chance(50), Limit: c.c.IntN(3)}
		if c.c.chance(50) {
			q.Metrics = []string{"staff", "sales"}
		}
		compare(c, fmt.Sprintf("Observations(%+v)", q), func(s kg.Snapshot) []kg.Figured { return all(c.T, s.Observations(ctx, q)) })
	}
}

// claims compares what the port tells of claims, and what ids lead to.
func (c *comparison) claims(today kg.Snapshot) {
	ctx := context.Background()
	compare(c, "scan of claims", func(s kg.Snapshot) []kg.Record { return all(c.T, s.Scan(ctx, kg.ScanQuery{Kind: kg.RecordClaim})) })
	q := kg.ScanQuery{Kind: kg.RecordClaim, Reverse: true, Limit: 3}
	compare(c, "some claims", func(s kg.Snapshot) []kg.Record { return all(c.T, s.Scan(ctx, q)) })
	var families []string
	for _, claim := range c.c.claims {
		families = append(families, claim.Family())
	}
	slices.Sort(families)
	families = slices.Compact(families)
	compare(c, "claims", func(s kg.Snapshot) []*kg.Claim { return all(c.T, s.Claims(ctx, families)) })
	of := c.frontier()
	compare(c, fmt.Sprintf("claims about %q", of), func(s kg.Snapshot) []kg.Mention { return all(c.T, s.ClaimsAbout(ctx, kg.ClaimQuery{Of: of})) })

	var ids []kg.ID
	for _, s := range []kg.Snapshot{today, c.then} {
		for _, kind := range []kg.RecordKind{kg.RecordEntity, kg.RecordRelation, kg.RecordObservation, kg.RecordConflict, kg.RecordClaim, kg.RecordRedirect} {
			for _, r := range all(c.T, s.Scan(ctx, kg.ScanQuery{Kind: kind})) {
				ids = append(ids, r.RecordID())
			}
		}
	}
	get := func(s kg.Snapshot) []kg.Record {
		records, err := s.Get(ctx, ids)
		if err != nil {
			c.Fatal(err)
		}
		return records
	}
	now, then, past := get(today), get(c.then), get(c.past)
	for i, id := range ids {
		if now[i] == nil && c.c.splits() {
			continue // it was the id of something that several gave together
		}
		_, isConflict := then[i].(*kg.Conflict)
		relation, _ := then[i].(*kg.Relation)
		if passed, ok := then[i].(*kg.Redirect); ok && strings.HasPrefix(string(passed.To), "c-") {
			then[i] = nil // what had been taken back by then is remembered by its claims alone
		}
		if then[i] != nil && then[i].RecordKind() == kg.RecordRedirect && past[i] == nil && c.c.retracts() {
			continue // the claim after which a relation is called may have been taken back
		}
		switch {
		case now[i] == nil && (isConflict || relation != nil && relation.OpenedBy != ""):
			// What is worked out from several facts is gone without a trace.
			continue
		case then[i] == nil || then[i].RecordKind() == kg.RecordRedirect:
			if r, ok := past[i].(*kg.Redirect); ok {
				if to, err := c.then.Get(ctx, []kg.ID{r.To}); err != nil || to[0] == nil {
					c.Errorf("seed %d: %s leads to %s, which is not there: %v", c.c.seed, id, r.To, err)
				}
				continue
			}
		}
		if diff := kgtest.Diff(then[i], past[i]); diff != "" {
			c.Errorf("seed %d, known at %s: Get(%s) (-as it was +as it is remembered):\n%s", c.c.seed, c.at.Format(time.RFC3339Nano), id, diff)
		}
	}
}

func (c *comparison) frontier() []kg.ID {
	of := []kg.ID{"nobody"}
	for _, i := range c.c.Perm(len(c.c.entities))[:c.c.IntN(len(c.c.entities)+1)] {
		of = append(of, c.c.entities[i])
	}
	return of
}

func (c *comparison) when() (w kg.When) {
	if c.c.chance(30) {
		w.During, w.Certainty = kg.MustPeriod(oneOf(c.c, "2014", "2015/2016")), kg.Certainty(c.c.IntN(2))
	}
	if c.c.chance(30) {
		day := kg.MustDate(oneOf(c.c, "2014-06-01", "2015-12-31", "2030-01-01")).Latest()
		w.AsOf = &day
	}
	return w
}

func (c *comparison) relationQuery() kg.RelationQuery {
	q := kg.RelationQuery{
		Of: c.frontier(), All: c.c.chance(25), Direction: kg.Direction(1 + c.c.IntN(3)), When: c.when(),
		MinStake: oneOf(c.c, 0.0, 0, 0, 50), Reverse: c.c.chance(50), Limit: c.c.IntN(2) * (1 + c.c.IntN(4)),
	}
	for range c.c.IntN(4) {
		q.Types = append(q.Types, oneOf(c.c, kg.Owns, kg.Acquired, kg.MergedInto, kg.PartnersWith, kg.HoldsRole, kg.RelatedTo, kg.Controls))
	}
	if c.c.chance(30) {
		q.Kinds = []kg.EntityKind{oneOf(c.c, kg.KindPerson, kg.KindCompany, kg.KindPlace)}
	}
	for _, bound := range []**kg.RelationPlace{&q.After, &q.Before} {
		if c.c.chance(15) {
			*bound = &kg.RelationPlace{Start: c.c.date().Place(), ID: oneOf[kg.ID](c.c, "", "r-g", "r-z")}
		}
	}
	return q
}

// What is remembered of a moment is what was to be read at it.
func TestThePastIsAsItWas(t *testing.T) {
	eachChronicle(t, func(t *testing.T, c *chronicle) {
		g, _ := c.record(t, c.end(), nil)
		today := kg.SnapshotOf(view(t, g))
		for _, at := range c.instants() {
			oracle, _ := c.record(t, at, nil)
			v := comparison{t, c, at, kg.SnapshotOf(knownBy(t, g, at)), kg.SnapshotOf(view(t, oracle))}
			v.facts()
			v.claims(today)
			if t.Failed() {
				return
			}
		}
	})
}

// A claim that has been taken back counts until then and no longer, and the
// past before is as it was.
func TestWhatIsTakenBackWasKnownBefore(t *testing.T) {
	eachChronicle(t, func(t *testing.T, c *chronicle) {
		g, store := c.record(t, c.end(), nil)
		retraction := c.end().Add(-time.Hour)
		gone := c.retract(t, g, store, retraction)
		for _, at := range append(c.instants(), retraction, retraction.Add(-1), c.end()) {
			var without map[kg.ID]bool
			if !at.Before(retraction) {
				without = gone
			}
			oracle, _ := c.record(t, at, without)
			v := comparison{t, c, at, kg.SnapshotOf(knownBy(t, g, at)), kg.SnapshotOf(view(t, oracle))}
			v.facts()
			if without == nil {
				v.claims(kg.SnapshotOf(view(t, g)))
			}
			if t.Failed() {
				return
			}
		}
	})
}

// retract takes back some claims and returns all that do not stand any more.
func (c *chronicle) retract(t *testing.T, g *kg.Graph, store kg.Store, at time.Time) map[kg.ID]bool {
	t.Helper()
	ctx := context.Background()
	s, err := store.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	gone := make(map[kg.ID]bool)
	var w kg.Write
	for _, r := range all(t, s.Scan(ctx, kg.ScanQuery{Kind: kg.RecordClaim})) {
		claim := r.(*kg.Claim)
		switch {
		case !claim.Live():
			gone[claim.ID] = true
		case c.dispensable(claim) && c.chance(30):
			w.Retractions = append(w.Retractions, kg.Retract{ID: claim.ID, Reason: "wrong"})
			gone[claim.ID] = true
			if _, ok := claim.Statement.(*kg.SameStatement); ok {
				c.split = true
			}
		}
	}
	c.now = at
	if _, err := g.Apply(ctx, w); err != nil {
		t.Fatal(err)
	}
	c.now = c.end()
	return gone
}

// annals is a graph whose clock the test sets.
type annals struct {
	*testing.T
	now   time.Time
	store kg.Store
	graph *kg.Graph
}

func newAnnals(t *testing.T, o kg.Options) *annals {
	a := &annals{T: t, store: kgtest.NewModel()}
	t.Cleanup(func() { a.store.Close() })
	o.Now = func() time.Time { return a.now }
	a.graph = kg.NewGraph(a.store, o)
	return a
}

// in records claims at the beginning of a year.
func (a *annals) in(year int, w kg.Write) {
	a.Helper()
	a.now = beginning(year)
	apply(a.T, a.graph, w)
}

func beginning(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

func stakeFrom(start string, percent float64) *kg.RelationStatement {
	share := kg.ExactShare(percent)
	return &kg.RelationStatement{Type: kg.Owns, From: "acme", To: "bolt", Start: kg.MustDate(start), Stake: &share}
}

// A stake that fell from 100 to 40 to 30 percent to nothing, each told a year
// after it happened.
func TestAStakeReadsRightOnBothClocks(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	w := basics()
	w.Claims = slices.DeleteFunc(w.Claims, func(c *kg.Claim) bool {
		_, is := c.Statement.(*kg.RelationStatement)
		return is
	})
	a.in(2010, w)
	for _, told := range []struct {
		year    int
		start   string
		percent float64
	}{{2012, "2011", 100}, {2015, "2014-03", 40}, {2018, "2017", 30}, {2021, "2020-06-30", 0}} {
		a.in(told.year, kg.Write{Claims: []*kg.Claim{said(told.start, stakeFrom(told.start, told.percent))}})
	}
	a.now = beginning(2025)
	held := func(knownAt int, asOf string) string {
		v := view(t, a.graph)
		if knownAt != 0 {
			v.KnownBy(beginning(knownAt))
		}
		m, err := v.Entity(context.Background(), kg.EntityKey{ID: "bolt"})
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			return "no such company"
		}
		date := kg.MustDate(asOf)
		day, err := v.MomentOrToday(&date)
		if err != nil {
			t.Fatal(err)
		}
		page, err := m.Relations(context.Background(), kg.RelationFilter{Types: []kg.RelationType{kg.Owns}, Direction: kg.In, When: kg.When{AsOf: day}}, kg.PageArgs{})
		if err != nil {
			t.Fatal(err)
		}
		var stakes []string
		for _, l := range page.Values() {
			stakes = append(stakes, l.Stake.String())
		}
		return strings.Join(stakes, " and ")
	}
	moments := []string{"2010-12-31", "2011-12-31", "2014-02-01", "2014-12-31", "2016-12-31", "2018", "2020-06-29", "2020-06-30", "2030"}
	for _, c := range []struct {
		knownAt int
		want    []string
	}{
		{2009, slices.Repeat([]string{"no such company"}, 9)},
		{2010, make([]string, 9)},
		{2011, make([]string, 9)},
		{2012, []string{"", "100 %", "100 %", "100 %", "100 %", "100 %", "100 %", "100 %", "100 %"}},
		{2014, []string{"", "100 %", "100 %", "100 %", "100 %", "100 %", "100 %", "100 %", "100 %"}},
		{2015, []string{"", "100 %", "100 %", "40 %", "40 %", "40 %", "40 %", "40 %", "40 %"}},
		{2018, []string{"", "100 %", "100 %", "40 %", "40 %", "30 %", "30 %", "30 %", "30 %"}},
		{2021, []string{"", "100 %", "100 %", "40 %", "40 %", "30 %", "30 %", "", ""}},
		{2024, []string{"", "100 %", "100 %", "40 %", "40 %", "30 %", "30 %", "", ""}},
		{2030, []string{"", "100 %", "100 %", "40 %", "40 %", "30 %", "30 %", "", ""}},
		{0, []string{"", "100 %", "100 %", "40 %", "40 %", "30 %", "30 %", "", ""}},
	} {
		var got []string
		for _, asOf := range moments {
			got = append(got, held(c.knownAt, asOf))
		}
		if diff := gocmp.Diff(c.want, got); diff != "" {
			t.Errorf("known at the beginning of %d, as of %q (-want +got):\n%s", c.knownAt, moments, diff)
		}
	}
}

// Turned to a moment that has not come, or back to it, the view reads facts as
// any other does, and no claims.
func TestThePresentReadsNoClaims(t *testing.T) {
	store := kgtest.Counting(kgtest.NewModel())
	defer store.Close()
	apply(t, graphOver(store), basics())
	read := func(turn func(v *kg.View)) map[string]int {
		store.Reset()
		v := view(t, graphOver(store))
		turn(v)
		m, err := v.Entity(context.Background(), kg.EntityKey{ID: "acme"})
		if err != nil || m == nil {
			t.Fatal(m, err)
		}
		page, err := m.Relations(context.Background(), kg.RelationFilter{Direction: kg.Both}, kg.PageArgs{})
		if err != nil || len(page.Items) != 2 {
			t.Fatal(page, err)
		}
		if _, err := page.Values()[0].FarMember(context.Background()); err != nil {
			t.Fatal(err)
		}
		return store.Counts()
	}
	now := read(func(*kg.View) {})
	if now["Claims"]+now["ClaimsAbout"] > 0 {
		t.Errorf("reading for now reads claims: %v", now)
	}
	for name, turn := range map[string]func(*kg.View){
		"the future":    func(v *kg.View) { v.KnownBy(beginning(2100)) },
		"back to today": func(v *kg.View) { v.KnownBy(beginning(2025)); v.KnownBy(beginning(2100)) },
	} {
		if diff := gocmp.Diff(now, read(turn)); diff != "" {
			t.Errorf("turned to %s, other calls are made (-now +turned):\n%s", name, diff)
		}
	}
}

// A hop into the past is five calls, however many entities stand at its
// beginning: who they are the same as, what is said at them, who those at the far
// ends are the same as, what bears on the ownership of whom they own, and who all
// these are.
func TestAHopIntoThePastMakesFiveCalls(t *testing.T) {
	store := kgtest.Counting(kgtest.NewModel())
	defer store.Close()
	now := beginning(2020)
	g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return now }})
	apply(t, g, basics())
	var w kg.Write
	var of []kg.ID
	for i := range 50 {
		id := kg.ID(fmt.Sprint("c", i))
		of = append(of, id)
		w.Claims = append(w.Claims, entity(id, kg.KindCompany, string(id))...)
		w.Claims = append(w.Claims, said("2", acquired("acme", id, "2016")), said("3", acquired(id, "bolt", "2016")))
	}
	apply(t, g, w)
	now = beginning(2025)
	s := kg.SnapshotOf(knownBy(t, g, beginning(2022)))
	store.Reset()
	if edges := all(t, s.Relations(context.Background(), kg.RelationQuery{Of: of, Direction: kg.Both})); len(edges) != 200 {
		t.Errorf("found %d relations, want a deal and a holding at each end of 100", len(edges))
	}
	if diff := gocmp.Diff(map[string]int{"ClaimsAbout": 4, "Claims": 1}, store.Counts()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	store.Reset()
	if records, err := s.Get(context.Background(), of); err != nil || len(records) != 50 || records[0] == nil {
		t.Errorf("found %v, %v", records, err)
	}
	if diff := gocmp.Diff(map[string]int{"Get": 1, "Claims": 1}, store.Counts()); diff != "" {
		t.Errorf("calls for entities (-want +got):\n%s", diff)
	}
}

func TestThePastIsBounded(t *testing.T) {
	a := newAnnals(t, kg.Options{Budget: kg.Budget{Edges: 20}})
	a.in(2020, basics())
	a.now = beginning(2025)
	ctx := context.Background()
	page := func(ctx context.Context) error {
		m, err := knownBy(t, a.graph, beginning(2021)).Entity(ctx, kg.EntityKey{ID: "acme"})
		if err != nil {
			return err
		}
		_, err = m.Relations(ctx, kg.RelationFilter{Direction: kg.Both}, kg.PageArgs{})
		return err
	}
	if err := page(ctx); err != nil {
		t.Fatalf("a small past: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := page(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that is over: %v", err)
	}
	var w kg.Write
	for i := range 30 {
		w.Claims = append(w.Claims, said(fmt.Sprint(100+i), acquired("acme", "bolt", "2016")))
	}
	a.in(2020, w)
	a.now = beginning(2025)
	var costly *kg.TooComplexError
	if err := page(ctx); !errors.As(err, &costly) || !strings.Contains(costly.Reason, "2021-01-01T00:00:00Z") || !strings.Contains(costly.Reason, "20 claims") {
		t.Errorf("a large past: %v", err)
	}
}

// Where it was taken back that there is such an entity, nothing leads to it.
func TestNothingLeadsToWhatIsTakenBack(t *testing.T) {
	a := newAnnals(t, kg.Options{})
	a.in(2020, basics())
	ctx := context.Background()
	s := kg.SnapshotOf(view(t, a.graph))
	b := &kg.Batch{At: beginning(2021)}
	for c := range kgClaims(t, s, "bolt") {
		c.Retracted = &kg.Retraction{At: b.At, Revision: 2}
		b.Put = append(b.Put, c)
	}
	if _, err := a.store.Apply(ctx, b); err != nil {
		t.Fatal(err)
	}
	a.now = beginning(2025)
	for year, want := range map[int]int{2020: 2, 2022: 0} {
		s := kg.SnapshotOf(knownBy(t, a.graph, beginning(year)))
		got := len(all(t, s.Relations(ctx, kg.RelationQuery{Of: []kg.ID{"acme"}, Direction: kg.Out})))
		whole := len(all(t, s.Relations(ctx, kg.RelationQuery{All: true})))
		back := len(all(t, s.Relations(ctx, kg.RelationQuery{Of: []kg.ID{"bolt"}, Direction: kg.In, Limit: 1})))
		if got != want || whole != want || back != min(1, want) {
			t.Errorf("at the beginning of %d, %d, %d and %d relations lead to a company, want %d", year, got, whole, back, want)
		}
		records, err := s.Get(ctx, []kg.ID{"bolt"})
		if err != nil || (records[0] != nil) != (want > 0) {
			t.Errorf("at the beginning of %d the company is %v, %v", year, records[0], err)
		}
	}
}

// kgClaims yields the claims about the entity itself.
func kgClaims(t *testing.T, s kg.Snapshot, id kg.ID) func(yield func(*kg.Claim) bool) {
	return func(yield func(*kg.Claim) bool) {
		q := kg.ClaimQuery{Of: []kg.ID{id}, As: []kg.Aspect{{Part: kg.PartItself}}}
		for _, m := range all(t, s.ClaimsAbout(context.Background(), q)) {
			if !yield(m.Claim) {
				return
			}
		}
	}
}

// plainIndex finds entities of whose names one begins with the text, in the
// order in which they are listed.
type plainIndex []kg.TextHit

func (x plainIndex) Search(_ context.Context, q kg.TextQuery) (hits []kg.TextHit, total int, err error) {
	behind := q.After == nil
	for i, h := range x {
		h.Score = float64(len(x) - i)
		if !strings.HasPrefix(h.Matched, q.Text) {
			continue
		}
		total++
		if behind && len(hits) < q.Limit {
			hits = append(hits, h)
		}
		behind = behind || h.ID == q.After.ID
	}
	return hits, total, nil
}

// Resembling finds others of the kind that the index holds for a name with the sound
// of one of the entity's, a name in brackets, such as (dyne), or for what one says in
// another language, as [dyne].
func (x plainIndex) Resembling(_ context.Context, of []*kg.Entity, limit int) ([][]kg.Resemblance, error) {
	found := make([][]kg.Resemblance, len(of))
	for i, e := range of {
		for _, h := range x {
			for _, n := range e.Names {
				if h.ID != e.ID && h.Matched == "("+kg.CoreName(n.Text)+")" && len(found[i]) < limit {
					found[i] = append(found[i], kg.Resemblance{ID: h.ID, Likeness: 1})
				}
				if h.ID != e.ID && h.Matched == "["+kg.CoreName(n.Text)+"]" && len(found[i]) < limit {
					found[i] = append(found[i], kg.Resemblance{ID: h.ID, Likeness: 0.9, Name: n.Text, Other: "戴恩集团", Translated: "集团 group"})
				}
			}
		}
	}
	return found, nil
}

func TestSearchFindsWhatWasKnown(t *testing.T) {
	index := plainIndex{}
	a := newAnnals(t, kg.Options{Text: &index})
	w := basics()
	var later kg.Write
	for i := range 40 {
		id := kg.ID(fmt.Sprint("ant-", i))
		index = append(index, kg.TextHit{ID: id, Matched: fmt.Sprint("Ant ", i)})
		claims := entity(id, kg.KindCompany, fmt.Sprint("Ant ", i))
		if i == 10 {
			claims = entity(id, kg.KindCompany, "Known as before")
			later.Claims = append(later.Claims, said("7", &kg.NameStatement{Entity: id, Text: "Ant 10", Kind: kg.NameAlias}))
		}
		if i%10 == 0 {
			w.Claims = append(w.Claims, claims...)
		} else {
			later.Claims = append(later.Claims, claims...)
		}
	}
	a.in(2020, w)
	a.in(2022, later)
	a.now = beginning(2025)
	search := func(year int, first int, after *string) (names []string, next *string, count int) {
		page, err := knownBy(t, a.graph, beginning(year)).Search(context.Background(), "Ant", nil, kg.PageArgs{First: &first, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range page.Values() {
			names = append(names, h.Matched)
		}
		if page.HasNext {
			next = &page.Items[len(page.Items)-1].Cursor
		}
		if count, err = page.Count(context.Background()); err != nil {
			t.Fatal(err)
		}
		return names, next, count
	}
	names, next, count := search(2021, 3, nil)
	if diff := gocmp.Diff([]string{"Ant 0", "Known as before", "Ant 20"}, names); diff != "" || next == nil || count != 4 {
		t.Fatalf("the first page (-want +got):\n%s\nof %d, further: %v", diff, count, next != nil)
	}
	names, next, count = search(2021, 3, next)
	if diff := gocmp.Diff([]string{"Ant 30"}, names); diff != "" || next != nil || count != 4 {
		t.Errorf("the second page (-want +got):\n%s\nof %d, further: %v", diff, count, next != nil)
	}
	if names, next, count := search(2019, 3, nil); len(names) > 0 || next != nil || count != 0 {
		t.Errorf("before anything was known there are %v of %d", names, count)
	}
	if names, _, count := search(2023, 40, nil); len(names) != 40 || names[10] != "Ant 10" || count != 40 {
		t.Errorf("with everything known there are %v of %d", names, count)
	}
}
