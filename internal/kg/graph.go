package kg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Graph is the knowledge graph over a store: the one door for writes, and where
// views for reading come from. It is safe for concurrent use. There is at most
// one Graph over a store.
type Graph struct {
	store  Store
	text   TextIndex
	now    func() time.Time
	budget Budget
	feed   *feed
	// writing serialises Apply: what a write makes of the facts depends on
	// the state it finds.
	writing sync.Mutex
	// last is when the newest write was made, guarded by writing; zero until
	// that has been read.
	last time.Time
	// unwritten is set while a prepared stream writes.
	unwritten atomic.Pointer[unwritten]
}

// Options of a Graph.
type Options struct {
	// Text answers searches by words; nil where there is no such index.
	Text TextIndex
	// Now is the clock by which claims are recorded and "today" is told; nil
	// for the machine's.
	Now func() time.Time
	// Budget bounds the walks of a request; zero parts mean DefaultBudget's.
	Budget Budget
}

// NewGraph returns the graph that the store holds.
func NewGraph(store Store, o Options) *Graph {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Graph{store: store, text: o.Text, now: o.Now, budget: o.Budget.withDefaults(), feed: newFeed(store)}
}

// Check returns what Apply would refuse about the write, and writes nothing.
func (g *Graph) Check(ctx context.Context, w Write) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	snap, err := g.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	a, err := g.application(ctx, snap, w)
	if err != nil {
		return err
	}
	return a.prepare(ctx)
}

// Apply records a write: all of it or nothing, and returns once it would survive
// a power cut. What is wrong with it is told in full, as a *Rejection. Recording
// what the graph knows already changes nothing. Where ctx ends while the disk is
// being waited for, the error is the context's and the write may be recorded all
// the same.
func (g *Graph) Apply(ctx context.Context, w Write) (Applied, error) {
	applied, wait, err := g.stage(ctx, w)
	if err == nil {
		err = wait(ctx)
		g.feed.notify()
		if ctx.Err() != nil {
			// The write may be recorded all the same, and followers hear of it.
			go func() {
				_ = wait(context.WithoutCancel(ctx))
				g.feed.notify()
			}()
		}
	}
	if err == nil && applied.Replayed {
		applied.Taken, err = g.taken(ctx, applied.Revision)
	}
	if err != nil {
		return Applied{}, err
	}
	return applied, nil
}

// stage works a write out on top of all that was staged before it, and hands it
// to the store. The next write need not wait for the disk.
func (g *Graph) stage(ctx context.Context, w Write) (Applied, func(context.Context) error, error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	snap, err := g.draft(ctx)
	if err != nil {
		return Applied{}, nil, err
	}
	defer snap.Close()
	a, err := g.application(ctx, snap, w)
	if err != nil {
		return Applied{}, nil, err
	}
	if err := a.prepare(ctx); err != nil {
		return Applied{}, nil, err
	}
	if a.applied.Replayed {
		// What it repeats may not be durable yet.
		_, wait, err := g.hand(ctx, &Batch{At: a.at})
		return a.applied, wait, err
	}
	if err := a.materialise(ctx); err != nil {
		return Applied{}, nil, err
	}
	batch := a.batch()
	if len(a.moved) > 0 && len(batch.Put)+len(batch.Delete) > MaxBatch {
		return Applied{}, nil, a.tooLarge()
	}
	if u := g.unwritten.Load(); u != nil {
		u.note(batch)
	}
	revision, wait, err := g.hand(ctx, batch)
	if err != nil {
		return Applied{}, nil, err
	}
	a.applied.Revision = revision
	if revision > snap.Revision() {
		g.last = a.at
	}
	return a.applied, wait, nil
}

// draft opens the moment on which the next write builds.
func (g *Graph) draft(ctx context.Context) (Snapshot, error) {
	open := g.store.Snapshot
	if s, ok := g.store.(Stager); ok {
		open = s.Draft
	}
	snap, err := open(ctx)
	if u := g.unwritten.Load(); u != nil && err == nil && u.complete.Load() {
		return &sparing{snap, u}, nil
	}
	return snap, err
}

// hand gives a batch to the store.
func (g *Graph) hand(ctx context.Context, b *Batch) (Revision, func(context.Context) error, error) {
	if s, ok := g.store.(Stager); ok {
		return s.Stage(ctx, b)
	}
	revision, err := g.store.Apply(ctx, b)
	return revision, func(context.Context) error { return nil }, err
}

// taken returns the claims that a revision took back.
func (g *Graph) taken(ctx context.Context, revision Revision) ([]ID, error) {
	snap, err := g.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	var ids []ID
	for c, err := range g.store.Changes(ctx, revision-1) {
		if err != nil {
			return nil, err
		}
		for _, t := range c.Touched {
			if t.Kind == RecordClaim {
				ids = append(ids, t.ID)
			}
		}
		break
	}
	records, err := snap.Get(ctx, ids)
	if err != nil {
		return nil, err
	}
	var taken []ID
	for _, r := range records {
		if c, ok := r.(*Claim); ok && slices.ContainsFunc(entriesAfter(c, revision-1), func(e Entry) bool {
			return e.Revision == revision && e.Action == ActionRetracted
		}) {
			taken = append(taken, c.ID)
		}
	}
	return taken, nil
}

// application begins a write: under the moment that it brings along, if any.
func (g *Graph) application(ctx context.Context, snap Snapshot, w Write) (*application, error) {
	at, err := g.clock(ctx, snap.Revision())
	if err != nil || w.At.IsZero() {
		return newApplication(snap, w, at), err
	}
	given := w.At.UTC().Truncate(time.Millisecond)
	switch {
	case given.After(at):
		return nil, Invalidf("at", "%s lies in the future; a write is recorded under a moment that has come", given.Format(time.RFC3339Nano))
	case given.Before(g.last):
		// To say again what is known changes no past.
		a := newApplication(snap, w, g.last)
		a.late = Invalidf("at", "the graph has changed at %s, after %s, and what was known by a moment never changes; record the write under a later moment, or under now",
			g.last.Format(time.RFC3339Nano), given.Format(time.RFC3339Nano))
		return a, nil
	}
	return newApplication(snap, w, given), nil
}

// clock returns when a write is made: now, but never before the write before.
// Where the machine's clock has been set back, time stands still in the graph
// until it has caught up, so that moments and revisions keep one order.
func (g *Graph) clock(ctx context.Context, newest Revision) (time.Time, error) {
	if g.last.IsZero() && newest > 0 {
		for c, err := range g.store.Changes(ctx, newest-1) {
			if err != nil {
				return time.Time{}, err
			}
			g.last = c.At
		}
	}
	now := g.now().UTC().Truncate(time.Millisecond)
	if now.Before(g.last) {
		now = g.last
	}
	return now, nil
}

// batch returns what the write changes.
func (a *application) batch() *Batch {
	b := &Batch{At: a.at, By: a.write.By}
	for _, id := range slices.Sorted(maps.Keys(a.gone)) {
		if a.puts[id] == nil {
			b.Delete = append(b.Delete, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.puts)) {
		b.Put = append(b.Put, a.puts[id])
	}
	return b
}

// application is one write on its way into the store.
type application struct {
	snap     Snapshot
	write    Write
	at       time.Time
	revision Revision
	// late is why nothing may be recorded under the moment of the write, nil
	// where something may.
	late error

	known   map[ID]Record // what the store holds of all that is mentioned
	looked  map[ID]bool   // what has been looked for in it
	fresh   []*Claim      // claims that do not stand yet
	kinds   map[ID]EntityKind
	metrics *vocabulary
	// retracted are the claims that the write takes back, as they will be, and
	// leaving the entities that go with them.
	retracted map[ID]*Claim
	leaving   map[ID]bool
	// named are the families of which the write speaks, also where it finds
	// that there is nothing to do.
	named map[string]bool
	// before says which ids name one thing as it is stored, after as the write
	// leaves it. The two differ in what is judged anew: moved are the ids that
	// will be known under another than before.
	before, after *identities
	judged        map[ID]bool
	judgements    map[ID]*Claim // all claims about who they are
	moved         []ID
	// rested says on which facts the claims rest that stood before the write.
	rested map[ID]ID

	// puts and gone are what changes. What is in both is put: another record
	// has taken the place of one that is gone.
	puts    map[ID]Record
	gone    map[ID]bool
	applied Applied
	// touchedMetrics are the measures to look through for conflicts.
	touchedMetrics map[ID]map[string]bool
}

func newApplication(snap Snapshot, w Write, at time.Time) *application {
	a := &application{
		snap: snap, write: w, at: at, revision: snap.Revision() + 1,
		puts: make(map[ID]Record), gone: make(map[ID]bool), kinds: make(map[ID]EntityKind), touchedMetrics: make(map[ID]map[string]bool),
		retracted: make(map[ID]*Claim), leaving: make(map[ID]bool), named: make(map[string]bool),
		known: make(map[ID]Record), looked: make(map[ID]bool), judgements: make(map[ID]*Claim), rested: make(map[ID]ID),
	}
	a.before = newIdentities()
	a.after = a.before
	return a
}

// prepare checks the write against itself and against what the graph holds.
func (a *application) prepare(ctx context.Context) error {
	if err := a.write.check(a.snap.Revision()); err != nil {
		return err
	}
	bad := &Rejection{}
	ids := make(map[ID]bool)
	for i, s := range a.write.Sources {
		bad.add(InSources, i, s.check())
		ids[s.ID] = true
	}
	for _, r := range a.write.Retractions {
		ids[r.ID] = true
	}
	vocabulary, err := a.vocabulary(ctx, bad)
	if err != nil {
		return err
	}
	a.metrics = vocabulary
	seen := make(map[ID]bool)
	var claims []*Claim
	var at []int
	for i, c := range a.write.Claims {
		bad.add(InClaims, i, c.Statement.check()) // and what else is wrong with it
		own := *c
		own.ID, own.Spell, own.Earlier = c.ContentID(), Spell{Recorded: a.at, Revision: a.revision, By: a.write.By}, nil
		a.applied.Claims = append(a.applied.Claims, own.ID)
		if seen[own.ID] {
			a.applied.Known++
			continue
		}
		seen[own.ID] = true
		claims, at = append(claims, &own), append(at, i)
		ids[own.ID], ids[own.Source] = true, true
		for _, id := range own.Statement.mentions() {
			ids[id] = true
		}
		if own.AttributedTo != "" {
			ids[own.AttributedTo] = true
		}
	}
	for _, c := range a.write.Conflicts {
		ids[c.About] = true
		for _, p := range c.Claims {
			for _, cite := range p.Citations {
				ids[cite.Source] = true
			}
		}
	}
	receipt := a.write.receipt(a.at, a.revision)
	if receipt != nil {
		ids[receipt.ID] = true
	}
	if err := a.look(ctx, ids); err != nil {
		return err
	}
	if receipt != nil {
		if err := a.present(receipt); err != nil || a.applied.Replayed {
			return err
		}
	}
	for i, s := range a.write.Sources {
		bad.add(InSources, i, a.describe(s))
	}
	if a.write.KeepRetracted {
		claims, at = a.withhold(claims, at)
	}
	if err := a.retract(ctx, claims, bad); err != nil {
		return err
	}
	a.learnKinds(claims, at, bad)
	for i, c := range claims {
		for _, key := range familiesOf(c.Statement, a.before.class) {
			a.named[key] = true
		}
		old, _ := a.known[c.ID].(*Claim)
		if old != nil && old.Live() {
			a.applied.Known++
			continue
		}
		if err := a.checkClaim(c); err != nil {
			bad.add(InClaims, at[i], err)
			continue
		}
		if old != nil {
			c.Earlier = append(old.Earlier, old.Spell)
			if len(c.Earlier) > maxSpells {
				bad.add(InClaims, at[i], Invalidf("", "the claim has been taken back and recorded again %d times, which is enough", maxSpells))
			}
		}
		a.applied.Recorded++
		a.fresh = append(a.fresh, c)
	}
	if err := a.judge(ctx, at, claims, bad); err != nil {
		return err
	}
	for i, c := range a.write.Conflicts {
		bad.add(InConflicts, i, a.checkConflict(c))
	}
	if err := a.checkMergers(ctx, at, claims, bad); err != nil {
		return err
	}
	if err := bad.orNil(); err != nil {
		return err
	}
	if a.late != nil && a.recordsAnything() {
		return a.late
	}
	return nil
}

// recordsAnything reports that the write changes what was known: a metric or a
// conflict that a person notes has no past.
func (a *application) recordsAnything() bool {
	described := slices.ContainsFunc(a.write.Sources, func(s *Source) bool { return a.puts[s.ID] != nil })
	return described || len(a.fresh)+len(a.retracted) > 0
}

// present shows the receipt: it is kept if the write is the first under its key.
func (a *application) present(r *Receipt) error {
	first, ok := a.known[r.ID].(*Receipt)
	switch {
	case !ok:
		a.puts[r.ID] = r
	case first.Digest != r.Digest:
		return Invalidf("key", "the key %q was used for another write, in revision %d; a new write needs a new key", clip(a.write.Key), first.Revision)
	default:
		a.applied = Applied{Revision: first.Revision, Claims: a.applied.Claims, Replayed: true}
	}
	return nil
}

// withhold leaves out the claims that have been taken back.
func (a *application) withhold(claims []*Claim, at []int) (kept []*Claim, keptAt []int) {
	for i, c := range claims {
		if old, ok := a.known[c.ID].(*Claim); ok && !old.Live() && (a.write.KeepExcept == "" || old.Retracted.Reason != a.write.KeepExcept) {
			a.applied.Withheld++
			continue
		}
		kept, keptAt = append(kept, c), append(keptAt, at[i])
	}
	return kept, keptAt
}

// describe puts a source unless it is described so already.
func (a *application) describe(s *Source) error {
	own := *s
	own.Recorded, own.Revision, own.By, own.Earlier = a.at, a.revision, a.write.By, nil
	switch old := a.known[s.ID].(type) {
	case nil:
	case *Source:
		if old.describes(s) {
			return nil
		}
		if len(old.Earlier) == maxEditions {
			return Invalidf("", "%s has been described %d times, which is enough", s.ID, maxEditions+1)
		}
		before := *old
		before.Earlier = nil
		own.Earlier = append(old.Earlier, &before)
	default:
		return Invalidf("id", "the id %s is taken already (%s)", s.ID, old.RecordKind())
	}
	a.puts[s.ID] = &own
	return nil
}

// vocabulary returns the metrics of the store together with those of the write.
func (a *application) vocabulary(ctx context.Context, bad *Rejection) (*vocabulary, error) {
	byName := make(map[string]*Metric)
	for r, err := range a.snap.Scan(ctx, ScanQuery{Kind: RecordMetric}) {
		if err != nil {
			return nil, err
		}
		m := r.(*Metric)
		byName[m.Name] = m
	}
	for i, m := range a.write.Metrics {
		bad.add(InMetrics, i, m.check())
		byName[m.Name] = m
		a.puts[m.RecordID()] = m
	}
	for i, m := range a.write.Metrics {
		for _, other := range m.SameAs {
			if byName[other] == nil {
				bad.add(InMetrics, i, Invalidf("", "the metric %s is said to be the same as %q, which is not in the vocabulary", m.Name, clip(other)))
			} else if byName[other].Unit != m.Unit {
				bad.add(InMetrics, i, Invalidf("", "the metric %s (%s) cannot be the same as %s (%s): their units differ", m.Name, m.Unit, other, byName[other].Unit))
			}
		}
	}
	return newVocabulary(slices.Collect(maps.Values(byName))), nil
}

// learnKinds notes the kind of every entity that the store or the write knows.
func (a *application) learnKinds(claims []*Claim, at []int, bad *Rejection) {
	for id, r := range a.known {
		_, isMerged := mergedInto(r)
		if kind := a.storedKind(id); kind != 0 && !a.leaving[id] && (isMerged || r.RecordKind() == RecordEntity) {
			a.kinds[id] = kind
		}
	}
	named := make(map[ID]bool)
	for i, c := range claims {
		switch s := c.Statement.(type) {
		case *EntityStatement:
			if old, ok := a.known[s.Entity]; ok && a.storedKind(s.Entity) == 0 && !leadsToClaim(old) {
				bad.add(InClaims, at[i], Invalidf("id", "the id %s is taken already (%s)", s.Entity, old.RecordKind()))
			}
			if _, ok := a.puts[s.Entity]; ok {
				bad.add(InClaims, at[i], Invalidf("id", "the id %s is that of a source or metric already", s.Entity))
			}
			if kind := a.kinds[s.Entity]; kind != 0 && kind != s.Kind {
				bad.add(InClaims, at[i], Invalidf("kind", "%s is a %s and cannot become a %s; use another id", s.Entity, kind, s.Kind))
				continue
			}
			a.kinds[s.Entity] = s.Kind
		case *NameStatement:
			named[s.Entity] = true
		}
	}
	for i, c := range claims {
		if s, ok := c.Statement.(*EntityStatement); ok && a.isNew(s.Entity) && !named[s.Entity] {
			bad.add(InClaims, at[i], Invalidf("names", "the new entity %s has no name", s.Entity))
			named[s.Entity] = true
		}
	}
}

// isNew reports that no entity has the id.
func (a *application) isNew(id ID) bool { return a.storedKind(id) == 0 || a.leaving[id] }

// leadsToClaim reports that the record stands where a fact was of which every
// claim has been taken back: its id is free to be that of the same fact again.
func leadsToClaim(r Record) bool {
	redirect, ok := r.(*Redirect)
	return ok && isDerivedID(redirect.To) && strings.HasPrefix(string(redirect.To), claimPrefix)
}

func (a *application) checkClaim(c *Claim) error {
	var bad []error
	wrong := func(is bool, argument, format string, args ...any) {
		if is {
			bad = append(bad, Invalidf(argument, format, args...))
		}
	}
	wrong(!a.isSource(c.Source), "source", "there is no source %q", clip(string(c.Source)))
	missing := false
	for i, id := range c.Statement.mentions() {
		wrong(a.kinds[id] == 0, mentionedAs(c.Statement, i), "there is no entity %q", clip(string(id)))
		missing = missing || a.kinds[id] == 0
	}
	wrong(c.AttributedTo != "" && a.kinds[c.AttributedTo] == 0, "attributedTo", "there is no entity %q", clip(string(c.AttributedTo)))
	wrong(len(c.Locator) > maxText, "locator", "it is longer than %d bytes", maxText)
	wrong(len(c.Note) > maxText, "note", "it is longer than %d bytes", maxText)
	wrong(!utf8.ValidString(c.Note), "note", "it is not UTF-8")
	bad = append(bad, inArgument("locator", checkTexts(c.Locator)))
	switch s := c.Statement.(type) {
	case *RelationStatement:
		if !missing {
			bad = append(bad, s.Type.checkEnds(a.kinds[s.From], a.kinds[s.To]))
		}
	case *Figure:
		if m := a.metrics.metrics[s.Metric]; m != nil {
			bad = append(bad, m.checkUnit(s.Unit))
		} else {
			wrong(true, "metric", "there is no metric %q in the vocabulary; add it with a definition and a unit", clip(s.Metric))
		}
	}
	return errors.Join(bad...)
}

// mentionedAs returns how a statement calls the entity that it mentions with an index.
func mentionedAs(s Statement, i int) string {
	switch s.(type) {
	case *RelationStatement:
		return [...]string{"from", "to"}[i]
	case *Figure:
		return "subject"
	case *SameStatement:
		return [...]string{"entity", "as"}[i]
	case *DifferentStatement:
		return [...]string{"entity", "other"}[i]
	case *AbsenceStatement:
		return "entity"
	}
	return "id"
}

func (a *application) isSource(id ID) bool {
	if r, ok := a.puts[id]; ok && r.RecordKind() == RecordSource {
		return true
	}
	r, ok := a.known[id]
	return ok && r.RecordKind() == RecordSource
}

func (a *application) checkConflict(c *Conflict) error {
	switch {
	case a.kinds[c.About] == 0:
		return Invalidf("", "there is no entity %q", clip(string(c.About)))
	case c.Predicate == "" || len(c.Claims) == 0 || c.Kind < Contradiction || c.Kind > UnitConflict:
		return Invalidf("", "a conflict about %s needs a predicate, a kind and at least one claim", c.About)
	}
	own := *c
	for _, p := range c.Claims {
		if p.Value == "" || len(p.Citations) == 0 {
			return Invalidf("", "every claim of a conflict about %s needs a value and a citation", c.About)
		}
		for _, cite := range p.Citations {
			if !a.isSource(cite.Source) {
				return Invalidf("", "there is no source %q", clip(string(cite.Source)))
			}
		}
	}
	own.ID, own.About, own.Rule = c.notedID(c.About), a.after.canon(c.About), ""
	a.puts[own.ID] = &own
	return nil
}

// materialise works out the facts of every family that the write touches, and
// of those that bear on the ownership of a company that it touches. A family is
// that of all ids of its entities together.
func (a *application) materialise(ctx context.Context) error {
	touched := slices.Clone(a.fresh)
	for _, id := range slices.Sorted(maps.Keys(a.retracted)) {
		touched = append(touched, a.retracted[id])
	}
	moved, err := a.readMoved(ctx)
	if err != nil {
		return err
	}
	touched = append(touched, moved...)
	// What the write would take back may be gone by now, and that is a change.
	watched := make(map[string]bool)
	if a.write.Since != nil {
		maps.Copy(watched, a.named)
	}
	wanted := make(map[string]bool)
	for _, id := range a.moved {
		for _, other := range a.circle(id) {
			wanted[entityFamily(other)] = true
			watched[entityFamily(other)] = a.write.Since != nil
		}
	}
	companies := make(map[ID]*company)
	for _, c := range touched {
		for _, key := range familiesOf(c.Statement, a.circle) {
			wanted[key] = true
		}
		if s, ok := c.Statement.(*RelationStatement); ok && s.ownershipOf() != "" {
			for _, id := range a.circle(s.ownershipOf()) {
				companies[a.after.canon(id)] = &company{}
			}
		}
	}
	held, err := a.readCompanies(ctx, touched, companies, wanted)
	if err != nil {
		return err
	}
	groups, err := a.readFamilies(ctx, wanted, watched)
	if err != nil {
		return err
	}
	before, err := a.factsBefore(ctx, groups)
	if err != nil {
		return err
	}
	a.restJudgements()
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if g := groups[key]; isAboutEntity(g.claims[0].Statement) {
			a.materialiseEntity(g)
		}
	}
	a.materialiseRelations(groups, before, companies)
	a.materialiseHoldings(companies, held, before)
	a.materialiseObservations(groups, before)
	if err := a.moveNoted(ctx); err != nil {
		return err
	}
	return a.findConflicts(ctx)
}

// familyGroup is all claims, live or not, from which facts are worked out together.
type familyGroup struct {
	claims, live []*Claim
	// relations are those that the live claims give, if these are about some.
	relations []relationFact
}

func isAboutEntity(s Statement) bool {
	switch s.(type) {
	case *EntityStatement, *NameStatement, *IdentifierStatement, *FiscalYearStatement, *AbsenceStatement:
		return true
	}
	return false
}

// readFamilies reads the families that are wanted, as the write leaves them, and
// puts those together that are about the same. It refuses the write if one of
// those that are watched has changed.
func (a *application) readFamilies(ctx context.Context, wanted, watched map[string]bool) (map[string]*familyGroup, error) {
	groups := make(map[string]*familyGroup)
	add := func(c *Claim) {
		if c.Live() {
			a.rested[c.ID] = c.Fact
		}
		if own := a.retracted[c.ID]; own != nil {
			c = own
			a.puts[c.ID] = c
		}
		key := a.after.family(c.Statement)
		g := groups[key]
		if g == nil {
			g = &familyGroup{}
			groups[key] = g
		}
		if g.claims = append(g.claims, c); c.Live() {
			g.live = append(g.live, c)
		}
	}
	fresh := make(map[ID]bool)
	for _, c := range a.fresh {
		fresh[c.ID] = true
		add(c)
	}
	read := maps.Clone(wanted)
	maps.Copy(read, watched)
	var newer []Entry
	for c, err := range a.snap.Claims(ctx, slices.Sorted(maps.Keys(read))) {
		if err != nil {
			return nil, err
		}
		family := c.Family()
		if watched[family] {
			newer = append(newer, entriesAfter(c, *a.write.Since)...)
		}
		if wanted[family] && !fresh[c.ID] {
			add(c)
		}
	}
	return groups, a.checkSince(newer)
}

// checkSince refuses a write that rests on what is not so any more.
func (a *application) checkSince(newer []Entry) error {
	if a.write.Since == nil {
		return nil
	}
	for _, s := range a.write.Sources {
		if old, ok := a.known[s.ID].(*Source); ok && old.Revision > *a.write.Since {
			newer = append(newer, describedEntry(old))
		}
	}
	if len(newer) == 0 {
		return nil
	}
	slices.SortFunc(newer, compareEntries)
	return &ConflictError{Since: *a.write.Since, Changed: newer[max(0, len(newer)-MaxProblems):]}
}

// company gathers what bears on the ownership of one company: deals, holdings and
// mergers as their claims give them.
type company struct{ deals, holdings, mergers []*Relation }

// ownershipOf returns the company on whose ownership the statement bears, or "".
func (s *RelationStatement) ownershipOf() ID {
	switch s.Type {
	case Owns, Acquired:
		return s.To
	case MergedInto:
		return s.From
	}
	return ""
}

// readCompanies returns the holdings that the store has in the companies, and
// adds the families of all claims that bear on who owns them.
func (a *application) readCompanies(ctx context.Context, touched []*Claim, companies map[ID]*company, wanted map[string]bool) (held []*Relation, err error) {
	if len(companies) == 0 {
		return nil, nil
	}
	add := func(t RelationType, from, to ID) {
		for _, key := range familiesOf(&RelationStatement{Type: t, From: from, To: to}, a.circle) {
			wanted[key] = true
		}
	}
	for _, c := range touched {
		if s, ok := c.Statement.(*RelationStatement); ok && (s.Type == Owns || s.Type == Acquired) {
			add(Owns, s.From, s.To)
			add(Acquired, s.From, s.To)
		}
	}
	stored := make(map[ID]bool)
	for id := range companies {
		for _, other := range a.circle(id) {
			stored[a.before.canon(other)] = true
		}
	}
	var bearing []*Relation
	ends := make(map[ID]bool)
	note := func(r *Relation) {
		bearing = append(bearing, r)
		ends[r.From], ends[r.To] = true, true
	}
	of := slices.Sorted(maps.Keys(stored))
	for e, err := range a.snap.Relations(ctx, RelationQuery{Of: of, Direction: In, Types: []RelationType{Owns, Acquired}}) {
		if err != nil {
			return nil, err
		}
		note(e.Relation)
		if e.Relation.Type == Owns {
			held = append(held, e.Relation)
		}
	}
	for e, err := range a.snap.Relations(ctx, RelationQuery{Of: of, Direction: Out, Types: []RelationType{MergedInto}}) {
		if err != nil {
			return nil, err
		}
		note(e.Relation)
	}
	if err := a.look(ctx, ends); err != nil {
		return nil, err
	}
	for _, r := range bearing {
		add(r.Type, r.From, r.To)
	}
	return held, nil
}

// kindsNow returns the kinds of the ends of the relations that the claims give.
func (a *application) kindsNow(claims []*Claim) map[ID]EntityKind {
	kinds := make(map[ID]EntityKind)
	for _, c := range claims {
		for _, id := range c.Statement.mentions() {
			id = a.after.canon(id)
			if kinds[id] = a.kinds[id]; kinds[id] == 0 {
				kinds[id] = a.storedKind(id)
			}
		}
	}
	return kinds
}

// factsBefore fetches the facts that the claims support so far, and where
// entities are joined or split what else has an id that these claims can give.
func (a *application) factsBefore(ctx context.Context, groups map[string]*familyGroup) (map[ID]Record, error) {
	ids := make(map[ID]bool)
	for _, g := range groups {
		for _, c := range g.claims {
			if c.Fact != "" {
				ids[c.Fact] = true
			}
			if len(a.moved) > 0 {
				ids[ownFact(c)] = true
			}
		}
	}
	wanted := slices.Sorted(maps.Keys(ids))
	records, err := a.snap.Get(ctx, wanted)
	if err != nil {
		return nil, err
	}
	facts := make(map[ID]Record, len(wanted))
	for i, r := range records {
		if r != nil {
			facts[wanted[i]] = r
		}
	}
	return facts, nil
}

// ownFact is the id of the fact that the claim alone would give, if no two
// entities were the same.
func ownFact(c *Claim) ID {
	switch s := c.Statement.(type) {
	case *RelationStatement:
		return relationID(c)
	case *Figure:
		return s.observationID()
	}
	return c.Statement.mentions()[0]
}

// restJudgements lets claims about who is who rest on what comes of them.
func (a *application) restJudgements() {
	for _, c := range slices.Concat(slices.Collect(maps.Values(a.judgements)), a.fresh) {
		switch c.Statement.(type) {
		case *SameStatement, *DifferentStatement:
			entity := c.Statement.mentions()[0]
			if own := a.puts[c.ID]; own == nil && c.Live() && a.retracted[c.ID] == nil && a.judged[entity] {
				a.rest([]*Claim{c}, a.after.canon(entity))
			}
		}
	}
}

// materialiseEntity works out an entity from what is said of all its ids, and
// lets those under which it is not known lead to it.
func (a *application) materialiseEntity(g *familyGroup) {
	id := a.after.canon(g.claims[0].Statement.mentions()[0])
	merged := a.after.merged(id)
	if e := entityFact(id, g.live, merged); e != nil {
		a.rest(g.live, id)
		a.put(e, a.known, &a.applied.Entities)
	} else if a.storedKind(id) != 0 {
		a.bury(id, g.claims, &a.applied.Entities)
	}
	for _, other := range merged {
		if a.before.canon(other) != id {
			a.puts[other] = &Redirect{From: other, To: id}
		}
	}
}

// bury puts the oldest of the claims that gave a fact in the place of the fact, of
// which every claim has been taken back: whoever has its id finds out why.
func (a *application) bury(fact ID, claims []*Claim, changed *int) {
	var oldest *Claim
	for _, c := range claims {
		if c.Live() || c.Fact != fact && ownFact(c) != fact {
			continue
		}
		if _, exists := c.Statement.(*EntityStatement); !exists && isAboutEntity(c.Statement) {
			continue // an entity leads to the claim that there is such a thing
		}
		if oldest == nil || bySeniority(c, oldest) < 0 {
			oldest = c
		}
	}
	*changed++
	a.gone[fact] = true
	if oldest != nil {
		a.puts[fact] = &Redirect{From: fact, To: oldest.ID}
	}
}

// materialiseRelations works out the relations of all families. Holdings are left
// to materialiseHoldings, which knows the deals as well.
func (a *application) materialiseRelations(groups map[string]*familyGroup, before map[ID]Record, companies map[ID]*company) {
	taken := make(map[ID]bool)
	var about []*familyGroup // the families of relations, and what these give
	var facts []relationFact
	dead := make(map[ID][]*Claim) // claims that stand no more, by the relations they gave
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		g := groups[key]
		s, ok := g.claims[0].Statement.(*RelationStatement)
		if !ok {
			continue
		}
		about = append(about, g)
		for _, c := range g.claims {
			if !c.Live() {
				dead[c.Fact] = append(dead[c.Fact], c)
			}
		}
		g.relations = relationFacts(g.live, a.after.canon, a.kindsNow(g.claims))
		of := companies[a.after.canon(s.ownershipOf())]
		for _, f := range g.relations {
			facts = append(facts, f)
			taken[f.ID] = true
			a.rest(f.claims, f.ID)
			switch s.Type {
			case Owns:
				of.holdings = append(of.holdings, f.Relation)
				continue
			case Acquired:
				of.deals = append(of.deals, f.Relation)
			case MergedInto:
				of.mergers = append(of.mergers, f.Relation)
			}
			a.put(f.Relation, before, &a.applied.Relations)
		}
	}
	for _, g := range about {
		a.leadNamesakes(g, taken)
	}
	heir := heirs(facts, a.rested)
	for _, old := range a.oldRelations(about, before) {
		switch {
		case taken[old] || a.puts[old] != nil:
		case heir[old] == "":
			a.bury(old, dead[old], &a.applied.Relations)
		case a.splits():
			a.gone[old] = true // it was that of several together
		default:
			a.puts[old] = &Redirect{From: old, To: heir[old]}
		}
	}
	if len(a.moved) > 0 {
		a.readdress(about, before, taken)
	}
}

// splits reports that the write takes back that entities are the same.
func (a *application) splits() bool {
	for _, c := range a.retracted {
		if _, ok := c.Statement.(*SameStatement); ok {
			return true
		}
	}
	return false
}

// leadNamesakes lets every id that a relation would have if no two entities were
// the same lead to the relation of which its claims are a part.
func (a *application) leadNamesakes(g *familyGroup, taken map[ID]bool) {
	families := make(map[string][]*Claim)
	for _, c := range g.live {
		families[c.Family()] = append(families[c.Family()], c)
	}
	if len(families) < 2 {
		return
	}
	of := make(map[ID]ID) // of which relation a claim is
	for _, f := range g.relations {
		for _, c := range f.claims {
			of[relationID(c)] = f.ID
		}
	}
	for _, claims := range families {
		for _, f := range relationFacts(claims, func(id ID) ID { return id }, nil) {
			if !taken[f.ID] {
				a.puts[f.ID] = &Redirect{From: f.ID, To: of[f.ID]}
			}
		}
	}
}

// oldRelations lists the relations on which the claims rest so far, in id order.
func (a *application) oldRelations(about []*familyGroup, before map[ID]Record) []ID {
	old := make(map[ID]bool)
	for _, g := range about {
		for _, c := range g.claims {
			if r, ok := before[a.rested[c.ID]].(*Relation); ok {
				old[r.ID] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(old))
}

// readdress lets the ids of old relations lead to where their claims are by now,
// where these have gone apart from the relation to which they led.
func (a *application) readdress(about []*familyGroup, before map[ID]Record, taken map[ID]bool) {
	for _, g := range about {
		for _, c := range g.claims {
			id := relationID(c)
			redirect, ok := before[id].(*Redirect)
			if !ok || taken[id] || a.puts[id] != nil || leadsToClaim(redirect) {
				continue
			}
			to := a.destination(redirect.To, before)
			if slices.ContainsFunc(g.relations, func(f relationFact) bool { return f.ID == to }) {
				continue
			}
			a.puts[id] = &Redirect{From: id, To: c.ID}
			for _, f := range g.relations {
				if slices.Contains(f.claims, c) {
					a.puts[id] = &Redirect{From: id, To: f.ID}
				}
			}
		}
	}
}

// destination returns where an id leads when the write is done, as far as before
// and the write know.
func (a *application) destination(id ID, before map[ID]Record) ID {
	for range maxRedirects {
		redirect, ok := a.puts[id].(*Redirect)
		if !ok && a.puts[id] == nil {
			redirect, ok = before[id].(*Redirect)
		}
		if !ok {
			break
		}
		id = redirect.To
	}
	return id
}

// materialiseHoldings works out who owns the companies, from the holdings that are
// stated and the deals in which they were bought. held are the holdings in them
// that the store has.
func (a *application) materialiseHoldings(companies map[ID]*company, held []*Relation, before map[ID]Record) {
	for _, r := range held {
		before[r.ID] = r
	}
	now := make(map[ID]bool) // holdings and conflicts that there are
	for _, id := range slices.Sorted(maps.Keys(companies)) {
		c := companies[id]
		holdings := deriveHoldings(c.deals, c.holdings, c.mergers)
		byOwner := make(map[ID][]*Relation)
		for _, h := range holdings {
			a.put(h, before, &a.applied.Relations)
			now[h.ID] = true
			byOwner[h.From] = append(byOwner[h.From], h)
		}
		for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
			for _, conflict := range stakeConflicts(byOwner[owner]) {
				a.puts[conflict.ID] = conflict
				now[conflict.ID] = true
			}
		}
		if whole := wholeConflict(holdings); whole != nil {
			a.puts[whole.ID] = whole
			now[whole.ID] = true
		}
		a.gone[wholeConflictID(id)] = !now[wholeConflictID(id)]
	}
	type pair struct{ owner, company ID }
	byPair := make(map[pair][]*Relation)
	for _, r := range held {
		if a.puts[r.ID] == nil && !now[r.ID] {
			a.gone[r.ID] = true
		}
		if id := wholeConflictID(r.To); !now[id] {
			a.gone[id] = true
		}
		key := pair{r.From, r.To}
		for _, s := range byPair[key] {
			if id := stakeConflictID(r, s); !now[id] {
				a.gone[id] = true
			}
		}
		byPair[key] = append(byPair[key], r)
	}
}

// materialiseObservations works out the figures of all families.
func (a *application) materialiseObservations(groups map[string]*familyGroup, before map[ID]Record) {
	type figures struct {
		*familyGroup
		fact *Observation // nil where no claim stands
	}
	var about []figures
	taken := make(map[ID]bool)
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		g := groups[key]
		if _, ok := g.claims[0].Statement.(*Figure); !ok {
			continue
		}
		o := observationFact(g.live, a.after.canon)
		about = append(about, figures{g, o})
		if o != nil {
			taken[o.ID] = true
			a.rest(g.live, o.ID)
			a.put(o, before, &a.applied.Observations)
			for _, c := range g.live {
				if id := ownFact(c); id != o.ID {
					a.puts[id] = &Redirect{From: id, To: o.ID}
				}
			}
		}
		for _, c := range g.claims {
			s := c.Statement.(*Figure)
			a.touchMetric(a.after.canon(s.Subject), s.Metric)
			if len(a.moved) > 0 {
				a.touchMetric(a.before.canon(s.Subject), s.Metric)
			}
		}
	}
	for _, g := range about {
		for _, c := range g.claims {
			ids := []ID{a.rested[c.ID]}
			if len(a.moved) > 0 {
				ids = append(ids, ownFact(c))
			}
			for _, id := range ids {
				if before[id] != nil && !taken[id] && a.puts[id] == nil {
					a.leave(id, before[id], g.familyGroup, g.fact)
				}
			}
		}
	}
}

// leave says what becomes of the id of a figure that is not one any more. fact is
// what its claims give now, nil where none of them stands.
func (a *application) leave(id ID, stored Record, g *familyGroup, fact *Observation) {
	own := func(c *Claim) bool { return ownFact(c) == id }
	switch {
	case fact != nil && stored.RecordKind() == RecordRedirect && !leadsToClaim(stored):
		a.puts[id] = &Redirect{From: id, To: fact.ID}
	case leadsToClaim(stored):
	case slices.ContainsFunc(g.claims, func(c *Claim) bool { return !c.Live() && (own(c) || c.Fact == id) }):
		a.bury(id, g.claims, &a.applied.Observations)
	default:
		a.gone[id] = true // it was that of several together
	}
}

// touchMetric has the figures of an entity that are close to a metric looked
// through for conflicts.
func (a *application) touchMetric(subject ID, metric string) {
	if a.touchedMetrics[subject] == nil {
		a.touchedMetrics[subject] = make(map[string]bool)
	}
	for _, name := range a.metrics.close(metric) {
		a.touchedMetrics[subject][name] = true
	}
}

// rest notes on which fact the claims rest, and keeps those that are new or moved.
func (a *application) rest(claims []*Claim, fact ID) {
	for _, c := range claims {
		if c.Fact != fact || c.Revision == a.revision {
			c.Fact = fact
			a.puts[c.ID] = c
		}
	}
}

func (a *application) put(r Record, before map[ID]Record, changed *int) {
	if old, ok := before[r.RecordID()]; ok && reflect.DeepEqual(old, r) {
		return
	}
	*changed++
	a.puts[r.RecordID()] = r
}

// findConflicts looks through the touched measures of every entity again.
func (a *application) findConflicts(ctx context.Context) error {
	subjects := slices.Sorted(maps.Keys(a.touchedMetrics))
	if len(subjects) == 0 {
		return nil
	}
	metrics := make(map[string]bool)
	for _, names := range a.touchedMetrics {
		maps.Copy(metrics, names)
	}
	figures := make(map[ID]map[ID]*Observation)
	note := func(o *Observation) {
		if figures[o.Subject] == nil {
			figures[o.Subject] = make(map[ID]*Observation)
		}
		figures[o.Subject][o.ID] = o
	}
	q := ObservationQuery{Of: subjects, Metrics: slices.Sorted(maps.Keys(metrics))}
	for f, err := range a.snap.Observations(ctx, q) {
		if err != nil {
			return err
		}
		if _, stays := a.puts[f.Observation.ID].(*Observation); stays || a.puts[f.Observation.ID] == nil && !a.gone[f.Observation.ID] {
			note(f.Observation)
		}
	}
	for _, r := range a.puts {
		if o, ok := r.(*Observation); ok {
			note(o)
		}
	}
	before := make(map[ID][]*Conflict)
	for c, err := range a.snap.Conflicts(ctx, subjects) {
		if err != nil {
			return err
		}
		before[c.About] = append(before[c.About], c)
	}
	for _, subject := range subjects {
		touched := a.touchedMetrics[subject]
		var observations []*Observation
		for _, o := range figures[subject] {
			if touched[o.Metric] {
				observations = append(observations, o)
			}
		}
		found := make(map[ID]bool)
		for _, c := range figureConflicts(subject, observations, a.metrics) {
			found[c.ID] = true
			a.puts[c.ID] = c
		}
		for _, c := range before[subject] {
			if (c.Rule == ruleFigures || c.Rule == ruleWithdrawn) && touched[c.Predicate] && !found[c.ID] {
				a.gone[c.ID] = true
			}
		}
	}
	return nil
}

// View opens the newest moment of the graph for reading. It must be closed.
func (g *Graph) View(ctx context.Context) (*View, error) {
	snap, err := g.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	now := g.now()
	return &View{snap: snap, text: g.text, today: DayOf(now), opened: now, budget: g.budget}, nil
}

// Records returns the newest records with these ids, aligned with them: nil
// where there is none. It serves those who prepare a write.
func (g *Graph) Records(ctx context.Context, ids []ID) ([]Record, error) {
	snap, err := g.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	return snap.Get(ctx, ids)
}

// IsEmpty reports that nothing has ever been recorded.
func (g *Graph) IsEmpty(ctx context.Context) (bool, error) {
	snap, err := g.store.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer snap.Close()
	return snap.Revision() == 0, nil
}

// Ping returns nil if the graph can be read.
func (g *Graph) Ping(ctx context.Context) error { return g.store.Ping(ctx) }

// String names the counts of an applied write, for logs and reports.
func (a Applied) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d claims recorded, %d known already; %d entities, %d relations and %d figures added or changed; revision %d",
		a.Recorded, a.Known, a.Entities, a.Relations, a.Observations, a.Revision)
	return b.String()
}
