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
	revision, wait, err := g.hand(ctx, a.batch())
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
	if s, ok := g.store.(Stager); ok {
		return s.Draft(ctx)
	}
	return g.store.Snapshot(ctx)
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

	// puts and gone are what changes. What is in both is put: another record
	// has taken the place of one that is gone.
	puts    map[ID]Record
	gone    map[ID]bool
	applied Applied
	// touchedMetrics are the measures to look through for conflicts.
	touchedMetrics map[ID]map[string]bool
}

func newApplication(snap Snapshot, w Write, at time.Time) *application {
	return &application{
		snap: snap, write: w, at: at, revision: snap.Revision() + 1,
		puts: make(map[ID]Record), gone: make(map[ID]bool), kinds: make(map[ID]EntityKind), touchedMetrics: make(map[ID]map[string]bool),
		retracted: make(map[ID]*Claim), leaving: make(map[ID]bool), named: make(map[string]bool),
	}
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
	if err := a.lookUp(ctx, ids); err != nil {
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
		a.named[c.Family()] = true
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
		if old, ok := a.known[c.ID].(*Claim); ok && !old.Live() {
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

func (a *application) lookUp(ctx context.Context, ids map[ID]bool) error {
	wanted := slices.Sorted(maps.Keys(ids))
	records, err := a.snap.Get(ctx, wanted)
	if err != nil {
		return err
	}
	a.known = make(map[ID]Record, len(wanted))
	for i, r := range records {
		if r != nil {
			a.known[wanted[i]] = r
		}
	}
	return nil
}

// learnKinds notes the kind of every entity that the store or the write knows.
func (a *application) learnKinds(claims []*Claim, at []int, bad *Rejection) {
	for id, r := range a.known {
		if e, ok := r.(*Entity); ok && !a.leaving[id] {
			a.kinds[id] = e.Kind
		}
	}
	named := make(map[ID]bool)
	for i, c := range claims {
		switch s := c.Statement.(type) {
		case *EntityStatement:
			if old, ok := a.known[s.Entity]; ok && old.RecordKind() != RecordEntity && !leadsToClaim(old) {
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
func (a *application) isNew(id ID) bool {
	_, ok := a.known[id].(*Entity)
	return !ok || a.leaving[id]
}

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
	parts := []string{"noted", string(c.About), c.Predicate}
	for _, p := range c.Claims {
		parts = append(parts, p.Value)
		if p.Value == "" || len(p.Citations) == 0 {
			return Invalidf("", "every claim of a conflict about %s needs a value and a citation", c.About)
		}
		for _, cite := range p.Citations {
			if !a.isSource(cite.Source) {
				return Invalidf("", "there is no source %q", clip(string(cite.Source)))
			}
			parts = append(parts, string(cite.Source), cite.Locator)
		}
	}
	own.ID = derivedID(conflictPrefix, parts...)
	own.Rule = ""
	a.puts[own.ID] = &own
	return nil
}

// materialise works out the facts of every family that the write touches, and
// of those that bear on the ownership of a company that it touches.
func (a *application) materialise(ctx context.Context) error {
	families := make(map[string][]*Claim)
	companies := make(map[ID]*company)
	touched := slices.Clone(a.fresh)
	for _, id := range slices.Sorted(maps.Keys(a.retracted)) {
		touched = append(touched, a.retracted[id])
	}
	fresh := make(map[ID]bool)
	for _, c := range a.fresh {
		families[c.Family()] = append(families[c.Family()], c)
		fresh[c.ID] = true
	}
	for _, c := range touched {
		if _, ok := families[c.Family()]; !ok {
			families[c.Family()] = nil
		}
		if s, ok := c.Statement.(*RelationStatement); ok {
			if id := s.ownershipOf(); id != "" && companies[id] == nil {
				companies[id] = &company{}
			}
		}
	}
	// What the write would take back may be gone by now, and that is a change.
	watched := make(map[string]bool)
	if a.write.Since != nil {
		maps.Copy(watched, a.named)
	}
	if err := a.readCompanies(ctx, touched, companies, families); err != nil {
		return err
	}
	read := maps.Clone(watched)
	for family := range families {
		read[family] = true
	}
	order := slices.Sorted(maps.Keys(read))
	var newer []Entry
	for c, err := range a.snap.Claims(ctx, order) {
		if err != nil {
			return err
		}
		family := c.Family()
		if watched[family] {
			newer = append(newer, entriesAfter(c, *a.write.Since)...)
		}
		if _, ok := families[family]; !ok {
			continue
		}
		if own := a.retracted[c.ID]; own != nil {
			c = own
		}
		if !fresh[c.ID] {
			families[family] = append(families[family], c)
		}
	}
	if err := a.checkSince(newer); err != nil {
		return err
	}
	before, err := a.factsBefore(ctx, families)
	if err != nil {
		return err
	}
	for _, family := range order {
		if len(families[family]) > 0 {
			a.materialiseFamily(families[family], before, companies)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(companies)) {
		a.materialiseHoldings(id, companies[id], before)
	}
	return a.findConflicts(ctx)
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

// company gathers what bears on the ownership of one company.
type company struct {
	// before are the holdings in it that the store has.
	before []*Relation
	// deals, holdings and mergers are as their claims give them.
	deals, holdings, mergers []*Relation
}

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

// readCompanies reads the holdings in the companies, and adds the families of
// all claims that bear on who owns them.
func (a *application) readCompanies(ctx context.Context, touched []*Claim, companies map[ID]*company, families map[string][]*Claim) error {
	ids := slices.Sorted(maps.Keys(companies))
	if len(ids) == 0 {
		return a.learnMoreKinds(ctx, families)
	}
	add := func(family string) {
		if _, ok := families[family]; !ok {
			families[family] = nil
		}
	}
	for _, c := range touched {
		if s, ok := c.Statement.(*RelationStatement); ok && (s.Type == Owns || s.Type == Acquired) {
			add(relationFamily(Owns, s.From, s.To))
			add(relationFamily(Acquired, s.From, s.To))
		}
	}
	for e, err := range a.snap.Relations(ctx, RelationQuery{Of: ids, Direction: In, Types: []RelationType{Owns, Acquired}}) {
		if err != nil {
			return err
		}
		r := e.Relation
		add(relationFamily(Owns, r.From, r.To))
		add(relationFamily(Acquired, r.From, r.To))
		if r.Type == Owns {
			companies[ids[e.At]].before = append(companies[ids[e.At]].before, r)
		}
	}
	for e, err := range a.snap.Relations(ctx, RelationQuery{Of: ids, Direction: Out, Types: []RelationType{MergedInto}}) {
		if err != nil {
			return err
		}
		add(relationFamily(MergedInto, e.Relation.From, e.Relation.To))
	}
	return a.learnMoreKinds(ctx, families)
}

// learnMoreKinds notes the kinds of the ends of families that were added.
func (a *application) learnMoreKinds(ctx context.Context, families map[string][]*Claim) error {
	missing := make(map[ID]bool)
	for family := range families {
		if from, to, ok := relationEnds(family); ok {
			for _, id := range []ID{from, to} {
				if a.kinds[id] == 0 {
					missing[id] = true
				}
			}
		}
	}
	ids := slices.Sorted(maps.Keys(missing))
	records, err := a.snap.Get(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range records {
		if e, ok := r.(*Entity); ok {
			a.kinds[e.ID] = e.Kind
		}
	}
	return nil
}

// factsBefore fetches the facts that the claims of the families support so far.
func (a *application) factsBefore(ctx context.Context, families map[string][]*Claim) (map[ID]Record, error) {
	ids := make(map[ID]bool)
	for _, claims := range families {
		for _, c := range claims {
			if c.Fact != "" {
				ids[c.Fact] = true
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

// materialiseFamily works out the facts of a family from all its claims, live or not.
func (a *application) materialiseFamily(claims []*Claim, before map[ID]Record, companies map[ID]*company) {
	live := make([]*Claim, 0, len(claims))
	for _, c := range claims {
		if c.Live() {
			live = append(live, c)
		} else if a.retracted[c.ID] != nil {
			a.puts[c.ID] = c
		}
	}
	switch s := claims[0].Statement.(type) {
	case *RelationStatement:
		a.materialiseRelations(s, claims, live, before, companies[s.ownershipOf()])
	case *Figure:
		if o := observationFact(live); o != nil {
			a.rest(live, o.ID)
			a.put(o, before, &a.applied.Observations)
		} else if id := s.observationID(); before[id] != nil {
			a.bury(id, claims, &a.applied.Observations)
		}
		if a.touchedMetrics[s.Subject] == nil {
			a.touchedMetrics[s.Subject] = make(map[string]bool)
		}
		for _, name := range a.metrics.close(s.Metric) {
			a.touchedMetrics[s.Subject][name] = true
		}
	default:
		id := s.mentions()[0]
		if e := entityFact(id, live); e != nil {
			a.rest(live, id)
			a.put(e, a.known, &a.applied.Entities)
		} else if _, ok := a.known[id].(*Entity); ok {
			a.bury(id, claims, &a.applied.Entities)
		}
	}
}

// bury puts the oldest claim on which a fact rested in the place of the fact, of
// which every claim has been taken back: whoever has its id finds out why.
func (a *application) bury(fact ID, claims []*Claim, changed *int) {
	var oldest *Claim
	for _, c := range claims {
		if c.Fact != fact || c.Live() {
			continue
		}
		if _, exists := c.Statement.(*EntityStatement); !exists && fact == c.Statement.mentions()[0] {
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

// materialiseRelations works out the relations of one family. Holdings are left
// to materialiseHoldings, which knows the deals as well.
func (a *application) materialiseRelations(s *RelationStatement, claims, live []*Claim, before map[ID]Record, of *company) {
	var old []*Relation
	for _, c := range claims {
		if r, ok := before[c.Fact].(*Relation); ok && !slices.Contains(old, r) {
			old = append(old, r)
		}
	}
	slices.SortFunc(old, func(a, b *Relation) int { return strings.Compare(string(a.ID), string(b.ID)) })
	facts, redirects := relationFacts(live, a.kinds, old)
	held := make(map[ID]bool)
	for _, f := range facts {
		a.rest(f.claims, f.ID)
		held[f.ID] = true
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
	for _, r := range redirects {
		a.puts[r.From] = r
		held[r.From] = true
	}
	for _, r := range old {
		if !held[r.ID] {
			a.bury(r.ID, claims, &a.applied.Relations)
		}
	}
}

// materialiseHoldings works out who owns a company, from the holdings that are
// stated and the deals in which it was bought.
func (a *application) materialiseHoldings(of ID, c *company, before map[ID]Record) {
	for _, r := range c.before {
		before[r.ID] = r
	}
	holdings := deriveHoldings(c.deals, c.holdings, c.mergers)
	byOwner := make(map[ID][]*Relation)
	now := make(map[ID]bool)
	for _, h := range holdings {
		a.put(h, before, &a.applied.Relations)
		now[h.ID] = true
		byOwner[h.From] = append(byOwner[h.From], h)
	}
	for _, r := range c.before {
		if a.puts[r.ID] == nil && !now[r.ID] {
			a.gone[r.ID] = true
		}
		if byOwner[r.From] == nil {
			byOwner[r.From] = []*Relation{}
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		a.findStakeConflicts(byOwner[owner], slices.DeleteFunc(slices.Clone(c.before), func(r *Relation) bool { return r.From != owner }))
	}
	if whole := wholeConflict(holdings); whole != nil {
		a.puts[whole.ID] = whole
	} else {
		a.gone[wholeConflictID(of)] = true
	}
}

// findStakeConflicts looks through the holdings of one owner in one company again.
func (a *application) findStakeConflicts(holdings, before []*Relation) {
	found := make(map[ID]bool)
	for _, c := range stakeConflicts(holdings) {
		a.puts[c.ID] = c
		found[c.ID] = true
	}
	for i, r := range before {
		for _, s := range before[:i] {
			if id := stakeConflictID(r, s); !found[id] {
				a.gone[id] = true
			}
		}
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
		if !a.gone[f.Observation.ID] {
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
