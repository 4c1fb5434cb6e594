package kg

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file turns the graph's own clock back: what had been recorded by a moment
// of the past. The store keeps facts for now only, and whoever reads them pays
// nothing for history. The facts of a past moment are worked out again from the
// claims that were known then, by the functions that work them out when claims
// are written (fact.go, derive.go, rules.go).

// KnownBy turns the graph's own clock: from now on the view answers by what had
// been recorded by that instant, the instant included. One that has not come yet
// means now. It is called before anything else is asked of the view.
//
// What nobody says has no past: metrics are as they are now,
// conflicts that a person noted appear as soon as the entity concerned was
// known, and Stats counts what the store holds. Who is the same as whom is as it
// was judged then. An id leads to the fact that it
// named then as long as some record has the id now; a name that no entity bears
// any more is not found.
func (v *View) KnownBy(at time.Time) {
	now := v.snap
	if past, ok := now.(*pastSnapshot); ok {
		now = past.now
	}
	v.snap = now
	if at.Before(v.opened) {
		v.snap = newPast(now, at, v.budget.Edges)
	}
}

// KnownBy returns a snapshot as it would have been at that instant, the instant
// included: what View.KnownBy answers by, for whoever reads a whole graph. It
// rests on now, which is to be closed in its place.
func KnownBy(now Snapshot, at time.Time) Snapshot { return newPast(now, at, math.MaxInt) }

func newPast(now Snapshot, at time.Time, claims int) *pastSnapshot {
	return &pastSnapshot{now: now, at: at, claims: claims, kinds: make(map[ID]EntityKind), who: newIdentities(), judged: make(map[ID]bool)}
}

// pastSnapshot is a snapshot as it would have been at an earlier time: a
// Snapshot in every respect, worked out from the claims of the one it stands on.
type pastSnapshot struct {
	now Snapshot
	at  time.Time
	// claims bounds how many claims one call may read.
	claims int

	mu sync.Mutex
	// kinds are those of the entities looked at so far, 0 where there was none.
	kinds map[ID]EntityKind
	// who says who the entities were, as far as it has been looked up: those in
	// judged, and all who were the same.
	who    *identities
	judged map[ID]bool
	// everybody reports that all judgements have been looked up.
	everybody bool
}

// Revision is that of the moment from which the past is seen.
func (p *pastSnapshot) Revision() Revision { return p.now.Revision() }

// Stats counts what the store holds.
func (p *pastSnapshot) Stats(ctx context.Context) (map[RecordKind]int64, error) {
	return p.now.Stats(ctx)
}

// Close closes the moment from which the past is seen.
func (p *pastSnapshot) Close() error { return p.now.Close() }

// recollection is one call of a past snapshot, with what is left of the claims
// that it may read.
type recollection struct {
	*pastSnapshot
	ctx  context.Context
	left int
}

func (p *pastSnapshot) recollect(ctx context.Context) *recollection {
	return &recollection{p, ctx, p.claims}
}

// recalled is the sequence of what work passes to emit; where emit returns
// false, work ends and returns nil.
func recalled[T any](ctx context.Context, p *pastSnapshot, work func(r *recollection, emit func(T) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		left := false
		err := work(p.recollect(ctx), func(x T) bool {
			if err := ctx.Err(); err != nil {
				left = true
				yield(zero, err)
				return false
			}
			left = !yield(x, nil)
			return !left
		})
		if err != nil && !left {
			yield(zero, err)
		}
	}
}

// spend counts a claim read.
func (r *recollection) spend() error {
	if r.left--; r.left < 0 {
		return tooComplexf("what was known at %s takes more than %d claims to work out; ask for fewer entities or types, or leave out knownAt",
			r.at.UTC().Format(time.RFC3339Nano), r.claims)
	}
	return nil
}

// identify makes sure that it is remembered who the entities were, and who else
// was the same.
func (r *recollection) identify(ids []ID) error {
	for {
		var unknown []ID
		r.mu.Lock()
		for _, id := range ids {
			if !r.everybody && !r.judged[id] {
				unknown = append(unknown, id)
			}
		}
		r.mu.Unlock()
		if len(unknown) == 0 {
			return nil
		}
		slices.Sort(unknown)
		unknown = slices.Compact(unknown)
		q := ClaimQuery{Of: unknown, As: []Aspect{{Part: PartJudged}}}
		same, err := r.judgements(r.now.ClaimsAbout(r.ctx, q))
		if err != nil {
			return err
		}
		r.mu.Lock()
		for _, id := range unknown {
			r.judged[id] = true
		}
		r.mu.Unlock()
		ids = same
	}
}

// identifyAll makes sure of everybody.
func (r *recollection) identifyAll() error {
	r.mu.Lock()
	done := r.everybody
	r.mu.Unlock()
	if done {
		return nil
	}
	if _, err := r.judgements(r.now.ClaimsAbout(r.ctx, ClaimQuery{All: true, As: []Aspect{{Part: PartJudged}}})); err != nil {
		return err
	}
	r.mu.Lock()
	r.everybody = true
	r.mu.Unlock()
	return nil
}

// judgements remembers those of some claims by which entities were the same, and
// returns these.
func (r *recollection) judgements(claims iter.Seq2[Mention, error]) ([]ID, error) {
	var same []ID
	for m, err := range claims {
		if err == nil {
			err = r.spend()
		}
		if err != nil {
			return nil, err
		}
		c := m.Claim.asOf(r.at)
		if c == nil || !c.Live() {
			continue
		}
		if s, ok := c.Statement.(*SameStatement); ok {
			r.mu.Lock()
			r.who.lead(s.Entity, s.As)
			r.mu.Unlock()
			same = append(same, s.Entity, s.As)
		}
	}
	return same, nil
}

// canon returns under which id an entity was known that has been identified, and
// class all its ids.
func (r *recollection) canon(id ID) ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.who.canon(id)
}

func (r *recollection) class(id ID) []ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.who.class(id)
}

func (r *recollection) merged(id ID) []ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.who.merged(id)
}

// familyOf is the key of the family that a statement was of, identified.
func (r *recollection) familyOf(s Statement) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.who.family(s)
}

// namesakes returns for each of today's ids all ids that name the same now, or
// named then the same as one of these; the entities are identified.
func (r *recollection) namesakes(ids []ID) (map[ID][]ID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	today := make(map[ID][]ID, len(ids))
	records, err := r.now.Get(r.ctx, ids)
	if err != nil {
		return nil, err
	}
	led := make(map[ID][]ID) // to whom ids lead today
	for i, id := range ids {
		today[id] = []ID{id}
		switch record := records[i].(type) {
		case *Entity:
			today[id] = append(today[id], record.Merged...)
		case *Redirect:
			if to, ok := mergedInto(record); ok {
				led[to] = append(led[to], id)
			}
		}
	}
	survivors := slices.Sorted(maps.Keys(led))
	if len(survivors) > 0 {
		if records, err = r.now.Get(r.ctx, survivors); err != nil {
			return nil, err
		}
	}
	for i, survivor := range survivors {
		for _, id := range led[survivor] {
			if e, ok := records[i].(*Entity); ok {
				today[id] = append([]ID{survivor}, e.Merged...)
			}
		}
	}
	if err := r.identify(slices.Concat(slices.Collect(maps.Values(today))...)); err != nil {
		return nil, err
	}
	all := make(map[ID][]ID, len(ids))
	for id, class := range today {
		for _, other := range class {
			all[id] = append(all[id], r.class(other)...)
		}
		slices.Sort(all[id])
		all[id] = slices.Compact(all[id])
	}
	return all, nil
}

// known returns under which ids today's entities were known then, each once.
func (r *recollection) known(ids []ID) ([]ID, error) {
	namesakes, err := r.namesakes(ids)
	var known []ID
	for _, all := range namesakes {
		for _, id := range all {
			known = append(known, r.canon(id))
		}
	}
	slices.Sort(known)
	return slices.Compact(known), err
}

// family is claims that are read together: those that were known and had not
// been taken back.
type family []*Claim

// gather sorts claims into families, each claim once, by who is known as whom.
func gather[T any](r *recollection, claims iter.Seq2[T, error], claim func(T) *Claim) (map[string]family, error) {
	var list []*Claim
	var ids []ID
	seen := make(map[ID]bool)
	for x, err := range claims {
		if err == nil {
			err = r.spend()
		}
		if err != nil {
			return nil, err
		}
		if c := claim(x).asOf(r.at); c != nil && c.Live() && !seen[c.ID] {
			seen[c.ID] = true
			list, ids = append(list, c), append(ids, c.Statement.mentions()...)
		}
	}
	if err := r.identify(ids); err != nil {
		return nil, err
	}
	families := make(map[string]family)
	for _, c := range list {
		key := r.familyOf(c.Statement)
		families[key] = append(families[key], c)
	}
	return families, nil
}

// about returns what is said in these aspects of the entities that were known
// under these ids.
func (r *recollection) about(of []ID, as ...Aspect) (map[string]family, error) {
	if len(of) == 0 || len(as) == 0 {
		return nil, nil
	}
	if err := r.identify(of); err != nil {
		return nil, err
	}
	var all []ID
	for _, id := range of {
		if r.canon(id) == id {
			all = append(all, r.class(id)...)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return gather(r, r.now.ClaimsAbout(r.ctx, ClaimQuery{Of: all, As: as}), func(m Mention) *Claim { return m.Claim })
}

// read returns the families with these keys.
func (r *recollection) read(keys []string) (map[string]family, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return gather(r, r.now.Claims(r.ctx, keys), func(c *Claim) *Claim { return c })
}

// everything calls visit with one family of the whole graph after the other, as
// far as their claims are of one of the aspects.
func (r *recollection) everything(visit func(f family), as ...Aspect) error {
	if err := r.identifyAll(); err != nil {
		return err
	}
	var here family
	key := ""
	// joined are the families of which there are several, of ids of one thing.
	joined := make(map[string]family)
	flush := func() {
		switch {
		case len(here) == 0:
		case slices.ContainsFunc(here[0].Statement.mentions(), func(id ID) bool { return len(r.class(id)) > 1 }):
			key := r.familyOf(here[0].Statement)
			joined[key] = append(joined[key], here...)
		default:
			visit(here)
		}
		here = nil
	}
	for m, err := range r.now.ClaimsAbout(r.ctx, ClaimQuery{All: true, As: as}) {
		if err == nil {
			err = r.spend()
		}
		if err != nil {
			return err
		}
		if k := m.Claim.Family(); k != key {
			flush()
			key = k
		}
		if c := m.Claim.asOf(r.at); c != nil && c.Live() {
			here = append(here, c)
		}
	}
	flush()
	for _, f := range joined {
		visit(f)
	}
	return nil
}

// entities returns the entities that were known under these ids, as far as there
// were any, and remembers their kinds.
func (r *recollection) entities(ids []ID) (map[ID]*Entity, error) {
	if err := r.identify(ids); err != nil {
		return nil, err
	}
	var keys []string
	for _, id := range ids {
		if r.canon(id) != id {
			continue
		}
		for _, other := range r.class(id) {
			keys = append(keys, entityFamily(other))
		}
	}
	families, err := r.read(keys)
	if err != nil {
		return nil, err
	}
	entities := make(map[ID]*Entity)
	for _, id := range ids {
		if e := entityFact(id, families[entityFamily(id)], r.merged(id)); e != nil {
			entities[id] = e
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.kinds[id] = 0
		if e := entities[id]; e != nil {
			r.kinds[id] = e.Kind
		}
	}
	return entities, nil
}

// learn makes sure that the kinds of the entities are remembered.
func (r *recollection) learn(ids []ID) error {
	var unknown []ID
	r.mu.Lock()
	for _, id := range ids {
		if _, ok := r.kinds[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	r.mu.Unlock()
	slices.Sort(unknown)
	_, err := r.entities(slices.Compact(unknown))
	return err
}

// kindOf returns the kind of an entity that has been learned, or 0 where there was none.
func (r *recollection) kindOf(id ID) EntityKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kinds[id]
}

// Get returns the records with these ids. An id that named no relation yet, or
// no longer, leads to the one that held the claim after which it is called; one
// of an entity that was the same as another leads there, and so do its figures.
func (p *pastSnapshot) Get(ctx context.Context, ids []ID) ([]Record, error) {
	records, err := p.now.Get(ctx, ids)
	if err != nil {
		return nil, err
	}
	r := p.recollect(ctx)
	var entities []ID
	var claims []*Claim
	var conflicts []*Conflict
	figures, relations, passed := make(map[ID]*Observation), make(map[ID]*Relation), make(map[ID]ID)
	found := make(map[ID]Record)
	for i, id := range ids {
		switch record := records[i].(type) {
		case *Metric:
			continue
		case *Source:
			if s := record.asOf(p.at); s != nil {
				records[i] = s
				continue
			}
		case *Claim:
			if c := record.asOf(p.at); c != nil {
				claims = append(claims, c)
				continue
			}
		case *Receipt:
			if !record.At.After(p.at) {
				continue
			}
		case *Conflict:
			conflicts = append(conflicts, record)
		case *Relation:
			relations[id] = record
		default:
			redirect, isRedirect := record.(*Redirect)
			switch {
			case !isDerivedID(id):
				entities = append(entities, id)
			case isRedirect:
				passed[id] = redirect.To
			}
			if strings.HasPrefix(string(id), observationPrefix+"-") {
				figures[id], _ = record.(*Observation)
			}
		}
		records[i] = nil
	}
	if err := r.pass(passed, relations, figures); err != nil {
		return nil, err
	}
	for _, recall := range []func() error{
		func() error { return r.recallEntities(entities, found) },
		func() error { return r.recallRelations(relations, found) },
		func() error { return r.recallFigures(figures, found) },
		func() error { return r.recallConflicts(conflicts, found) },
		func() error { return r.rest(claims) },
	} {
		if err := recall(); err != nil {
			return nil, err
		}
	}
	for i, id := range ids {
		if records[i] == nil {
			records[i] = found[id]
		}
	}
	return records, nil
}

// pass adds to relations and figures where the ids of old ones lead today, and
// those that have been taken back altogether since.
func (r *recollection) pass(passed map[ID]ID, relations map[ID]*Relation, figures map[ID]*Observation) error {
	for range maxRedirects {
		if len(passed) == 0 {
			break
		}
		ids := slices.Sorted(maps.Keys(passed))
		next := make([]ID, len(ids))
		for i, id := range ids {
			next[i] = passed[id]
		}
		records, err := r.now.Get(r.ctx, next)
		if err != nil {
			return err
		}
		clear(passed)
		for i, record := range records {
			switch record := record.(type) {
			case *Relation:
				relations[ids[i]] = record
			case *Redirect:
				passed[ids[i]] = record.To
			case *Observation:
				figures[ids[i]] = record
			case *Claim:
				switch s := record.Statement.(type) {
				case *RelationStatement:
					relations[ids[i]] = &Relation{Type: s.Type, From: s.From, To: s.To}
				case *Figure:
					figures[ids[i]] = &Observation{Figure: *s}
				}
			}
		}
	}
	return nil
}

func (r *recollection) recallEntities(ids []ID, found map[ID]Record) error {
	entities, err := r.entities(ids)
	if err != nil {
		return err
	}
	var known []ID
	for _, id := range ids {
		if e := entities[id]; e != nil {
			found[id] = e
		} else if canon := r.canon(id); canon != id {
			known = append(known, canon)
		}
	}
	if err := r.learn(known); err != nil {
		return err
	}
	for _, id := range ids {
		if canon := r.canon(id); canon != id && r.kindOf(canon) != 0 {
			found[id] = &Redirect{From: id, To: canon}
		}
	}
	return nil
}

// recallFigures finds what the ids of figures named; for each the figure that it
// names today, or nil.
func (r *recollection) recallFigures(today map[ID]*Observation, found map[ID]Record) error {
	var subjects []ID
	for _, o := range today {
		if o != nil {
			subjects = append(subjects, o.Subject)
		}
	}
	namesakes, err := r.namesakes(subjects)
	if err != nil {
		return err
	}
	keys := make(map[string]bool)
	for id, o := range today {
		keys[figureFamily(id)] = true
		if o != nil {
			for _, key := range familiesOf(&o.Figure, func(id ID) []ID { return namesakes[id] }) {
				keys[key] = true
			}
		}
	}
	stated, err := r.read(slices.Sorted(maps.Keys(keys)))
	if err != nil {
		return err
	}
	clear(keys)
	for _, f := range stated {
		for _, key := range familiesOf(f[0].Statement, r.class) {
			keys[key] = true
		}
	}
	families, err := r.read(slices.Sorted(maps.Keys(keys)))
	if err != nil {
		return err
	}
	subjects = nil
	for _, f := range families {
		subjects = append(subjects, r.canon(f[0].Statement.(*Figure).Subject))
	}
	if err := r.learn(subjects); err != nil {
		return err
	}
	for _, f := range families {
		o := observationFact(f, r.canon)
		if r.kindOf(o.Subject) == 0 {
			continue
		}
		for _, c := range f {
			if id := ownFact(c); id != o.ID {
				if _, asked := today[id]; asked {
					found[id] = &Redirect{From: id, To: o.ID}
				}
			}
		}
		if _, asked := today[o.ID]; asked {
			found[o.ID] = o
		}
	}
	return nil
}

// recallRelations finds what the ids of today's relations named.
func (r *recollection) recallRelations(today map[ID]*Relation, found map[ID]Record) error {
	var ends, held []ID
	for _, x := range today {
		ends = append(ends, x.From, x.To)
		if x.Type == Owns {
			held = append(held, x.To)
		}
	}
	namesakes, err := r.namesakes(ends)
	if err != nil {
		return err
	}
	keys := make(map[string]bool)
	for _, x := range today {
		for _, key := range familiesOf(&RelationStatement{Type: x.Type, From: x.From, To: x.To}, func(id ID) []ID { return namesakes[id] }) {
			keys[key] = true
		}
	}
	families, err := r.read(slices.Sorted(maps.Keys(keys)))
	if err != nil {
		return err
	}
	companies, err := r.known(held)
	if err != nil {
		return err
	}
	holdings, err := r.holdings(companies)
	if err != nil {
		return err
	}
	relations := make(map[ID]*Relation)
	for _, f := range families {
		for _, x := range relationFacts(f, r.canon, nil) {
			if x.Type != Owns {
				relations[x.ID] = x.Relation
			}
			for _, c := range x.claims {
				if id := relationID(c); today[id] != nil {
					found[id] = &Redirect{From: id, To: x.ID}
				}
			}
		}
	}
	for _, list := range holdings {
		for _, x := range list {
			relations[x.ID] = x
		}
	}
	maps.DeleteFunc(relations, func(id ID, _ *Relation) bool { return today[id] == nil })
	ends = nil
	for _, x := range relations {
		ends = append(ends, x.From, x.To)
	}
	if err := r.learn(ends); err != nil {
		return err
	}
	for id, x := range relations {
		if delete(found, id); r.setKinds(x) {
			found[id] = x
		}
	}
	return nil
}

func (r *recollection) recallConflicts(today []*Conflict, found map[ID]Record) error {
	if len(today) == 0 {
		return nil
	}
	about := make([]ID, len(today))
	for i, c := range today {
		about[i] = c.About
	}
	known, err := r.known(about)
	if err != nil {
		return err
	}
	conflicts, err := r.conflicts(known)
	for _, c := range conflicts {
		found[c.ID] = c
	}
	return err
}

// setKinds fills in the kinds of both ends, which have been learned. It reports
// whether there were such entities.
func (r *recollection) setKinds(x *Relation) bool {
	x.FromKind, x.ToKind = r.kindOf(x.From), r.kindOf(x.To)
	return x.FromKind != 0 && x.ToKind != 0
}

// rest makes claims that stood rest on the facts of the moment.
func (r *recollection) rest(claims []*Claim) error {
	var ids []ID
	for _, c := range claims {
		ids = append(ids, c.Statement.mentions()...)
	}
	if err := r.identify(ids); err != nil {
		return err
	}
	keys := make(map[string]bool)
	for _, c := range claims {
		if _, ok := c.Statement.(*RelationStatement); ok {
			for _, key := range familiesOf(c.Statement, r.class) {
				keys[key] = true
			}
		}
	}
	families, err := r.read(slices.Sorted(maps.Keys(keys)))
	if err != nil {
		return err
	}
	fact := make(map[ID]ID)
	for _, f := range families {
		for _, x := range relationFacts(f, r.canon, nil) {
			for _, c := range x.claims {
				fact[c.ID] = x.ID
			}
		}
	}
	for _, c := range claims {
		if !c.Live() {
			continue // it rests on what it rested on when it was taken back
		}
		switch s := c.Statement.(type) {
		case *RelationStatement:
			c.Fact = fact[c.ID]
		case *Figure:
			c.Fact = s.of(r.canon(s.Subject)).observationID()
		default:
			c.Fact = r.canon(s.mentions()[0])
		}
	}
	return nil
}

// Find returns the entities that carried the keys.
func (p *pastSnapshot) Find(ctx context.Context, keys []FindKey) ([][]Match, error) {
	wide := slices.Clone(keys)
	for i := range wide {
		wide[i].Limit = 0
	}
	found, err := p.now.Find(ctx, wide)
	if err != nil {
		return nil, err
	}
	var ids []ID
	for _, m := range slices.Concat(found...) {
		ids = append(ids, m.ID)
	}
	r := p.recollect(ctx)
	namesakes, err := r.namesakes(ids)
	if err != nil {
		return nil, err
	}
	known := func(id ID) []ID { // under which ids it was known
		var known []ID
		for _, other := range namesakes[id] {
			known = append(known, r.canon(other))
		}
		return known
	}
	for i := range ids {
		ids = append(ids, known(ids[i])...)
	}
	slices.Sort(ids)
	entities, err := r.entities(slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	for i, key := range keys {
		var matches []Match
		for _, m := range found[i] {
			for _, id := range known(m.ID) {
				e := entities[id]
				if e == nil || !contains(key.Kinds, e.Kind) || slices.ContainsFunc(matches, func(m Match) bool { return m.ID == id }) {
					continue
				}
				if rank := key.rank(e); rank != 0 {
					matches = append(matches, Match{ID: id, Kind: e.Kind, Rank: rank})
				}
			}
		}
		slices.SortFunc(matches, func(a, b Match) int {
			return cmp.Or(cmp.Compare(a.Rank, b.Rank), strings.Compare(string(a.ID), string(b.ID)))
		})
		if found[i] = matches; key.Limit > 0 {
			found[i] = matches[:min(key.Limit, len(matches))]
		}
	}
	return found, nil
}

// rank returns the standing of the name by which the entity carries the key, or 0.
func (k *FindKey) rank(e *Entity) NameKind {
	if k.Scheme == "" {
		for _, n := range e.NameKeys() {
			if n.Fold == k.Name && n.Core == k.Core {
				return n.Rank
			}
		}
		return 0
	}
	for _, i := range e.Identifiers {
		if scheme, value := IdentifierKey(i.Scheme, i.Value); scheme == k.Scheme && value == k.Value {
			return NamePreferred
		}
	}
	return 0
}

// Relations yields the relations that q asks for.
func (p *pastSnapshot) Relations(ctx context.Context, q RelationQuery) iter.Seq2[Edge, error] {
	return recalled(ctx, p, func(r *recollection, emit func(Edge) bool) error {
		find := r.relationsAt
		if q.All {
			find = r.allRelations
		}
		relations, err := find(&q)
		if err != nil {
			return err
		}
		lists, err := r.settle(&q, r.standing(&q, relations))
		for _, list := range lists {
			for _, e := range list {
				if !emit(e) {
					return nil
				}
			}
		}
		return err
	})
}

// ownershipAspects are the aspects of what is said about who owns an entity.
var ownershipAspects = []Aspect{{PartTo, Owns}, {PartTo, Acquired}, {PartFrom, MergedInto}}

// aspects lists what must be read at the entities of q to know their relations:
// of types that can be said either way round both ends, whatever the direction.
// Holdings are not among them, except where they lead to the companies held.
func (q *RelationQuery) aspects() []Aspect {
	out, in := q.Direction != In, q.Direction != Out
	var as []Aspect
	if len(q.Types) == 0 {
		if out {
			as = append(as, Aspect{Part: PartFrom})
		}
		if in {
			as = append(as, Aspect{Part: PartTo})
		}
	}
	for _, t := range RelationTypes() {
		switch {
		case !contains(q.Types, t):
			continue
		case t == Owns:
			if out {
				as = append(as, Aspect{PartFrom, Owns}, Aspect{PartFrom, Acquired})
			}
			continue
		}
		if out || t.IsSymmetric() {
			as = append(as, Aspect{PartFrom, t})
		}
		if in || t.IsSymmetric() {
			as = append(as, Aspect{PartTo, t})
		}
	}
	return as
}

// relationsAt works out the relations of the types of q that stand at its
// entities; some of them may stand there in another direction.
func (r *recollection) relationsAt(q *RelationQuery) ([]*Relation, error) {
	if q.Direction < Out || q.Direction > Both {
		return nil, nil
	}
	families, err := r.about(q.Of, q.aspects()...)
	if err != nil {
		return nil, err
	}
	held := make(map[ID]bool)
	if contains(q.Types, Owns) && q.Direction != Out {
		for _, id := range q.Of {
			held[id] = true
		}
	}
	var relations []*Relation
	for _, f := range families {
		s := f[0].Statement.(*RelationStatement)
		if contains(q.Types, Owns) && (s.Type == Owns || s.Type == Acquired) && q.Direction != In {
			held[r.canon(s.To)] = true
		}
		if s.Type != Owns && contains(q.Types, s.Type) {
			for _, x := range relationFacts(f, r.canon, nil) {
				relations = append(relations, x.Relation)
			}
		}
	}
	holdings, err := r.holdings(slices.Sorted(maps.Keys(held)))
	for _, list := range holdings {
		relations = append(relations, list...)
	}
	return relations, err
}

// allRelations works out the relations of the types of q of the whole graph.
func (r *recollection) allRelations(q *RelationQuery) ([]*Relation, error) {
	var as []Aspect
	for _, t := range q.Types {
		as = append(as, Aspect{PartFrom, t})
	}
	owns := contains(q.Types, Owns)
	switch {
	case len(q.Types) == 0:
		as = []Aspect{{Part: PartFrom}}
	case owns:
		as = append(as, ownershipAspects...)
	}
	var relations []*Relation
	companies := make(map[ID]*company)
	err := r.everything(func(f family) {
		s := f[0].Statement.(*RelationStatement)
		for _, x := range relationFacts(f, r.canon, nil) {
			if owns {
				bears(companies, x.Relation)
			}
			if s.Type != Owns && contains(q.Types, s.Type) {
				relations = append(relations, x.Relation)
			}
		}
	}, as...)
	for _, c := range companies {
		relations = append(relations, deriveHoldings(c.deals, c.holdings, c.mergers)...)
	}
	return relations, err
}

// bears adds a relation to what bears on the ownership of a company, if it does.
func bears(companies map[ID]*company, x *Relation) {
	id := (&RelationStatement{Type: x.Type, From: x.From, To: x.To}).ownershipOf()
	if id == "" {
		return
	}
	c := companies[id]
	if c == nil {
		c = &company{}
		companies[id] = c
	}
	switch x.Type {
	case Owns:
		c.holdings = append(c.holdings, x)
	case Acquired:
		c.deals = append(c.deals, x)
	case MergedInto:
		c.mergers = append(c.mergers, x)
	}
}

// holdings works out who held the entities.
func (r *recollection) holdings(held []ID) (map[ID][]*Relation, error) {
	families, err := r.about(held, ownershipAspects...)
	if err != nil {
		return nil, err
	}
	companies := make(map[ID]*company)
	for _, f := range families {
		for _, x := range relationFacts(f, r.canon, nil) {
			bears(companies, x.Relation)
		}
	}
	holdings := make(map[ID][]*Relation)
	for id, c := range companies {
		holdings[id] = deriveHoldings(c.deals, c.holdings, c.mergers)
	}
	return holdings, nil
}

// standing sorts relations to where q finds them, in its order: a list for each
// entity, or one for the whole graph. Kinds are left aside, not being known yet.
func (r *recollection) standing(q *RelationQuery, relations []*Relation) [][]Edge {
	ofAnyKind := *q
	ofAnyKind.Kinds = nil
	lists := make([][]Edge, max(1, len(q.Of)))
	frontier := make(map[ID]int, len(q.Of))
	for i, id := range q.Of {
		frontier[id] = i
	}
	for _, x := range relations {
		if !q.Admits(x.Place()) || !ofAnyKind.Matches(x, x.From) {
			continue
		}
		if q.All {
			lists[0] = append(lists[0], Edge{Relation: x})
			continue
		}
		if at, ok := frontier[x.From]; ok && q.Direction != In {
			lists[at] = append(lists[at], Edge{at, true, x})
		}
		if at, ok := frontier[x.To]; ok && (q.Direction == In || q.Direction == Both && x.From != x.To) {
			own := *x // found at both ends, it is handed out twice
			lists[at] = append(lists[at], Edge{at, x.From == x.To, &own})
		}
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b Edge) int {
			if q.Reverse {
				a, b = b, a
			}
			return a.Relation.Place().Compare(b.Relation.Place())
		})
	}
	return lists
}

// settle fills in the kinds of the ends of the first edges of every list, up to
// the limit of q, and drops those that led to entities of other kinds or not
// known then.
func (r *recollection) settle(q *RelationQuery, lists [][]Edge) ([][]Edge, error) {
	settled := make([][]Edge, len(lists))
	looked := make([]int, len(lists))
	for {
		var ends []ID
		until := slices.Clone(looked)
		for i, list := range lists {
			until[i] = len(list)
			if missing := q.Limit - len(settled[i]); q.Limit > 0 {
				until[i] = looked[i]
				if missing > 0 {
					until[i] = min(len(list), looked[i]+max(missing, looked[i]))
				}
			}
			for _, e := range list[looked[i]:until[i]] {
				ends = append(ends, e.Relation.From, e.Relation.To)
			}
		}
		if len(ends) == 0 {
			return settled, nil
		}
		if err := r.learn(ends); err != nil {
			return nil, err
		}
		for i, list := range lists {
			for _, e := range list[looked[i]:until[i]] {
				if !r.setKinds(e.Relation) || q.Limit > 0 && len(settled[i]) == q.Limit {
					continue
				}
				far := e.Relation.ToKind
				if !e.Out {
					far = e.Relation.FromKind
				}
				if q.All || contains(q.Kinds, far) {
					settled[i] = append(settled[i], e)
				}
			}
		}
		looked = until
	}
}

// Observations yields the observations that q asks for.
func (p *pastSnapshot) Observations(ctx context.Context, q ObservationQuery) iter.Seq2[Figured, error] {
	return recalled(ctx, p, func(r *recollection, emit func(Figured) bool) error {
		of, err := r.observations(q.Of)
		if err != nil {
			return err
		}
		for at, id := range q.Of {
			here := slices.DeleteFunc(of[id], func(o *Observation) bool { return !q.Matches(o) || !q.Admits(o.Place()) })
			slices.SortFunc(here, func(a, b *Observation) int {
				if q.Reverse {
					a, b = b, a
				}
				return a.Place().Compare(b.Place())
			})
			if q.Limit > 0 {
				here = here[:min(q.Limit, len(here))]
			}
			for _, o := range here {
				if !emit(Figured{at, o}) {
					return nil
				}
			}
		}
		return nil
	})
}

// observations works out the figures of the entities, as far as these were known.
func (r *recollection) observations(of []ID) (map[ID][]*Observation, error) {
	families, err := r.about(of, Aspect{Part: PartSubject})
	if err != nil {
		return nil, err
	}
	observations := make(map[ID][]*Observation)
	for _, f := range families {
		o := observationFact(f, r.canon)
		observations[o.Subject] = append(observations[o.Subject], o)
	}
	if err := r.learn(slices.Collect(maps.Keys(observations))); err != nil {
		return nil, err
	}
	maps.DeleteFunc(observations, func(id ID, _ []*Observation) bool { return r.kindOf(id) == 0 })
	return observations, nil
}

// Claims yields the claims of the families.
func (p *pastSnapshot) Claims(ctx context.Context, families []string) iter.Seq2[*Claim, error] {
	return recalled(ctx, p, func(r *recollection, emit func(*Claim) bool) error {
		return recallClaims(r, r.now.Claims(ctx, families), func(c *Claim) *Claim { return c }, emit)
	})
}

// ClaimsAbout yields the claims that q asks for.
func (p *pastSnapshot) ClaimsAbout(ctx context.Context, q ClaimQuery) iter.Seq2[Mention, error] {
	return recalled(ctx, p, func(r *recollection, emit func(Mention) bool) error {
		return recallClaims(r, r.now.ClaimsAbout(ctx, q), func(m Mention) *Claim { return m.Claim }, emit)
	})
}

// claimsAtOnce is how many claims are read before it is looked up on which
// relations they rested.
const claimsAtOnce = 256

// recallClaims passes on the claims that were known, as they were.
func recallClaims[T any](r *recollection, all iter.Seq2[T, error], claim func(T) *Claim, emit func(T) bool) error {
	var piece []T
	var claims []*Claim
	flush := func() (bool, error) {
		if err := r.rest(claims); err != nil {
			return false, err
		}
		for _, x := range piece {
			if !emit(x) {
				return false, nil
			}
		}
		piece, claims = piece[:0], claims[:0]
		return true, nil
	}
	for x, err := range all {
		if err == nil {
			err = r.spend()
		}
		if err != nil {
			return err
		}
		if c := claim(x).asOf(r.at); c != nil {
			piece, claims = append(piece, x), append(claims, c)
		}
		if len(piece) == claimsAtOnce {
			if more, err := flush(); !more {
				return err
			}
		}
	}
	_, err := flush()
	return err
}

// Conflicts yields the conflicts about the entities.
func (p *pastSnapshot) Conflicts(ctx context.Context, about []ID) iter.Seq2[*Conflict, error] {
	return recalled(ctx, p, func(r *recollection, emit func(*Conflict) bool) error {
		conflicts, err := r.conflicts(about)
		for _, c := range conflicts {
			if !emit(c) {
				return nil
			}
		}
		return err
	})
}

// conflicts finds the conflicts about the entities, or all where about is nil,
// by the rules, and adds those that were noted.
func (r *recollection) conflicts(about []ID) ([]*Conflict, error) {
	if about != nil && len(about) == 0 {
		return nil, nil
	}
	conflicts, err := r.noted(about)
	if err != nil {
		return nil, err
	}
	figures, holdings, err := r.disputable(about)
	if err != nil {
		return nil, err
	}
	metrics, err := r.vocabulary()
	if err != nil {
		return nil, err
	}
	for id, observations := range figures {
		conflicts = append(conflicts, figureConflicts(id, observations, metrics)...)
	}
	for _, list := range holdings {
		byOwner := make(map[ID][]*Relation)
		for _, h := range list {
			byOwner[h.From] = append(byOwner[h.From], h)
		}
		for _, held := range byOwner {
			conflicts = append(conflicts, stakeConflicts(held)...)
		}
		if whole := wholeConflict(list); whole != nil {
			conflicts = append(conflicts, whole)
		}
	}
	var ids []ID
	for _, c := range conflicts {
		ids = append(ids, c.About)
	}
	if err := r.learn(ids); err != nil {
		return nil, err
	}
	conflicts = slices.DeleteFunc(conflicts, func(c *Conflict) bool { return r.kindOf(c.About) == 0 })
	return sortConflicts(conflicts), nil
}

// noted returns the conflicts that people have noted about the entities, or all
// where about is nil.
func (r *recollection) noted(about []ID) ([]*Conflict, error) {
	today := about
	if about != nil {
		namesakes, err := r.namesakes(about)
		if err != nil {
			return nil, err
		}
		today = slices.Concat(slices.Collect(maps.Values(namesakes))...)
		if today, err = r.leading(today); err != nil {
			return nil, err
		}
	}
	var conflicts []*Conflict
	var ids []ID
	for c, err := range r.now.Conflicts(r.ctx, today) {
		if err != nil {
			return nil, err
		}
		if c.Rule == "" {
			conflicts, ids = append(conflicts, c), append(ids, c.About)
		}
	}
	namesakes, err := r.namesakes(ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(conflicts, func(c *Conflict) bool {
		c.About = r.canon(c.NotedAbout(namesakes[c.About]))
		return about != nil && !slices.Contains(about, c.About)
	}), nil
}

// leading returns under which ids entities are known today, each once.
func (r *recollection) leading(ids []ID) ([]ID, error) {
	records, err := r.now.Get(r.ctx, ids)
	leading := []ID{}
	for i, record := range records {
		if to, ok := mergedInto(record); ok {
			leading = append(leading, to)
		} else {
			leading = append(leading, ids[i])
		}
	}
	slices.Sort(leading)
	return slices.Compact(leading), err
}

// disputable works out what the rules look at: the figures of the entities and
// the holdings in them; of all where about is nil.
func (r *recollection) disputable(about []ID) (figures map[ID][]*Observation, holdings map[ID][]*Relation, err error) {
	if about != nil {
		of := slices.Compact(slices.Sorted(slices.Values(about)))
		if figures, err = r.observations(of); err != nil {
			return nil, nil, err
		}
		holdings, err = r.holdings(of)
		return figures, holdings, err
	}
	figures, holdings = make(map[ID][]*Observation), make(map[ID][]*Relation)
	companies := make(map[ID]*company)
	err = r.everything(func(f family) {
		if _, ok := f[0].Statement.(*Figure); ok {
			o := observationFact(f, r.canon)
			figures[o.Subject] = append(figures[o.Subject], o)
			return
		}
		for _, x := range relationFacts(f, r.canon, nil) {
			bears(companies, x.Relation)
		}
	}, append([]Aspect{{Part: PartSubject}}, ownershipAspects...)...)
	for id, c := range companies {
		holdings[id] = deriveHoldings(c.deals, c.holdings, c.mergers)
	}
	return figures, holdings, err
}

func (r *recollection) vocabulary() (*vocabulary, error) {
	var metrics []*Metric
	for m, err := range r.now.Scan(r.ctx, ScanQuery{Kind: RecordMetric}) {
		if err != nil {
			return nil, err
		}
		metrics = append(metrics, m.(*Metric))
	}
	return newVocabulary(metrics), nil
}

// Scan yields all records of one kind.
func (p *pastSnapshot) Scan(ctx context.Context, q ScanQuery) iter.Seq2[Record, error] {
	return recalled(ctx, p, func(r *recollection, emit func(Record) bool) error {
		switch q.Kind {
		case RecordMetric:
			for record, err := range r.now.Scan(ctx, q) {
				if err != nil || !emit(record) {
					return err
				}
			}
			return nil
		case RecordClaim, RecordRedirect, RecordSource, RecordReceipt:
			return r.sift(q, emit)
		}
		first := shortlist{query: q}
		if err := r.scan(q.Kind, first.add); err != nil {
			return err
		}
		for _, record := range first.records() {
			if !emit(record) {
				return nil
			}
		}
		return nil
	})
}

// scan passes on all records of a kind that is worked out from claims.
func (r *recollection) scan(kind RecordKind, add func(Record)) error {
	switch kind {
	case RecordEntity:
		return r.everything(func(f family) {
			id := r.canon(f[0].Statement.mentions()[0])
			if e := entityFact(id, f, r.merged(id)); e != nil {
				add(e)
			}
		}, Aspect{Part: PartItself})
	case RecordRelation:
		q := RelationQuery{All: true}
		relations, err := r.allRelations(&q)
		if err != nil {
			return err
		}
		lists, err := r.settle(&q, r.standing(&q, relations))
		for _, list := range lists {
			for _, e := range list {
				add(e.Relation)
			}
		}
		return err
	case RecordObservation:
		figures, _, err := r.disputable(nil)
		if err == nil {
			err = r.learn(slices.Collect(maps.Keys(figures)))
		}
		for id, list := range figures {
			for _, o := range list {
				if r.kindOf(id) != 0 {
					add(o)
				}
			}
		}
		return err
	case RecordConflict:
		conflicts, err := r.conflicts(nil)
		for _, c := range conflicts {
			add(c)
		}
		return err
	}
	return nil
}

// sift passes on those of today's claims or redirects that were known.
func (r *recollection) sift(q ScanQuery, emit func(Record) bool) error {
	limit := q.Limit
	q.Limit = 0
	var ids []ID
	count := 0
	flush := func() (more bool, err error) {
		records, err := r.Get(r.ctx, ids)
		ids = ids[:0]
		for _, record := range records {
			if record == nil || record.RecordKind() != q.Kind {
				continue
			}
			if count++; !emit(record) || count == limit {
				return false, nil
			}
		}
		return true, err
	}
	for record, err := range r.now.Scan(r.ctx, q) {
		if err == nil {
			err = r.spend()
		}
		if err != nil {
			return err
		}
		if ids = append(ids, record.RecordID()); len(ids) == claimsAtOnce {
			if more, err := flush(); !more {
				return err
			}
		}
	}
	_, err := flush()
	return err
}

// shortlist keeps the records that a scan asks for.
type shortlist struct {
	query ScanQuery
	list  []placedRecord
}

type placedRecord struct {
	place ScanPlace
	Record
}

// scanSlack is how many records more than its limit a shortlist holds.
const scanSlack = 1000

func (s *shortlist) add(r Record) {
	if !s.query.Matches(r) {
		return
	}
	place := PlaceOf(r)
	if !s.query.Admits(place) {
		return
	}
	s.list = append(s.list, placedRecord{place, r})
	if n := s.query.Limit; n > 0 && len(s.list) > 2*n+scanSlack {
		s.sort()
		clear(s.list[n:])
		s.list = s.list[:n]
	}
}

func (s *shortlist) sort() {
	slices.SortFunc(s.list, func(a, b placedRecord) int {
		if s.query.Reverse {
			a, b = b, a
		}
		return a.place.Compare(b.place)
	})
}

// records returns the records in the order of the scan.
func (s *shortlist) records() []Record {
	s.sort()
	if n := s.query.Limit; n > 0 {
		s.list = s.list[:min(n, len(s.list))]
	}
	records := make([]Record, len(s.list))
	for i, r := range s.list {
		records[i] = r.Record
	}
	return records
}

// searchThen is Search for a moment of the past. The index knows the names of
// today: of the entities that it finds, those that were known then are kept,
// each with the name that fits if it bore that name then, else with its name.
func (v *View) searchThen(ctx context.Context, q TextQuery, w window, p PageArgs) (*Page[*Hit], error) {
	var hits []*Hit
	err := v.hitsThen(ctx, q, func(h *Hit) bool {
		hits = append(hits, h)
		return len(hits) <= w.size
	})
	if err != nil {
		return nil, err
	}
	cursor := func(h *Hit) string { return searchCursor(TextHit{ID: h.ID, Score: h.Score}) }
	return newPage(hits, w, p, cursor, func(ctx context.Context) (int, error) {
		n, all := 0, q // several may count at once
		all.After, all.Limit = nil, MaxPage
		err := v.hitsThen(ctx, all, func(*Hit) bool { n++; return true })
		return n, err
	}), nil
}

// hitsThen calls visit with one hit after the other until it returns false.
func (v *View) hitsThen(ctx context.Context, q TextQuery, visit func(*Hit) bool) error {
	for seen := 0; ; {
		found, _, err := v.text.Search(ctx, q)
		if err != nil {
			return err
		}
		if seen += len(found); seen > v.budget.Nodes {
			return tooComplexf("more than %d names of today fit; search for more of the name, or leave out knownAt", v.budget.Nodes)
		}
		ids := make([]ID, len(found))
		for i, h := range found {
			ids[i] = h.ID
		}
		c := v.newCohort(ids)
		for _, h := range found {
			m, err := c.member(ctx, h.ID)
			if err != nil {
				return err
			}
			if m == nil {
				continue
			}
			if !slices.ContainsFunc(m.Names, func(n Name) bool { return n.Text == h.Matched }) {
				h.Matched = m.Name("")
			}
			if !visit(&Hit{m, h.Score, h.Matched}) {
				return nil
			}
		}
		if len(found) < q.Limit {
			return nil
		}
		q.After = &found[len(found)-1]
	}
}
