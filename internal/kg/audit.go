package kg

import (
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"
)

// This file looks a whole graph through: whether what its claims say can stand,
// and whether its facts are what the claims give.

// Flaw is a record that is not as it should be.
type Flaw struct {
	Kind RecordKind
	ID   ID
	// Problem says what is wrong with it.
	Problem string
	// Derived reports that working the facts out again heals it.
	Derived bool
}

// Sound returns an error where a record shows by itself that it was altered: the
// id of a claim follows from what the claim says.
func Sound(r Record) error {
	if c, ok := r.(*Claim); ok && c.ContentID() != c.ID {
		return fmt.Errorf("what it says does not fit its id")
	}
	return nil
}

// Audit looks the graph of a snapshot through and passes on what is wrong: claims
// that were altered or lack what they name, then facts that are not what the
// claims give. Where claims are wrong, facts are not looked at.
//
// It takes the graph entity by entity, on all processors. What it keeps in memory
// are the ids of all entities.
func Audit(ctx context.Context, snap Snapshot, found func(Flaw) error) error {
	a := &audit{ctx: ctx, snap: snap, found: found}
	return a.run()
}

// Repair works out again every fact that is not what its claims give, and
// returns how many that were. It changes nothing where claims are wrong. Like
// Apply it is a write: what it changes is in the change log.
func (g *Graph) Repair(ctx context.Context, found func(Flaw) error) (repaired int, err error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	snap, err := g.draft(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	at, err := g.clock(ctx, snap.Revision())
	if err != nil {
		return 0, err
	}
	a := &audit{ctx: ctx, snap: snap, found: found}
	batch := &Batch{At: at, By: RepairAuthor}
	flush := func(least int) error {
		n := len(batch.Put) + len(batch.Delete)
		if n < least || n == 0 {
			return nil
		}
		_, err := g.store.Apply(ctx, batch)
		batch.Put, batch.Delete = nil, nil
		repaired += n
		g.last = at
		return err
	}
	a.heal = func(id ID, r Record) error {
		if r == nil {
			batch.Delete = append(batch.Delete, id)
		} else {
			batch.Put = append(batch.Put, r)
		}
		return flush(MaxBatch / 4)
	}
	if err := a.run(); err != nil {
		return repaired, err
	}
	return repaired, flush(1)
}

// RepairAuthor is the author of what Repair writes.
const RepairAuthor = "repair"

// auditAtOnce is how many records or entities are looked at together.
const auditAtOnce = 256

// audit is one look through a graph.
type audit struct {
	ctx   context.Context
	snap  Snapshot
	found func(Flaw) error
	// heal, if set, takes what belongs in the place of a fact: nil for nothing.
	heal func(id ID, r Record) error

	// spoken are the entities of which claims that stand speak.
	spoken map[ID]bool
	// resting are facts that are not there although claims rest on them.
	resting map[ID]ID
	// relations and observations count the facts looked at.
	relations, observations int64
}

func (a *audit) run() error {
	a.spoken, a.resting = make(map[ID]bool), make(map[ID]ID)
	sound, err := a.claims()
	if err != nil || !sound {
		return err
	}
	there := make(map[ID]bool)
	for r, err := range a.snap.Scan(a.ctx, ScanQuery{Kind: RecordEntity}) {
		if err != nil {
			return err
		}
		there[r.RecordID()] = true
	}
	if err := a.pages(slices.Sorted(maps.Keys(there)), nil); err != nil {
		return err
	}
	left, err := a.left(there)
	if err != nil {
		return err
	}
	absent := make(map[ID]bool)
	for id := range a.spoken {
		if !there[id] {
			absent[id] = true
		}
	}
	for id := range left {
		absent[id] = true
	}
	if err := a.pages(slices.Sorted(maps.Keys(absent)), left); err != nil {
		return err
	}
	for _, fact := range slices.Sorted(maps.Keys(a.resting)) {
		claim := a.resting[fact]
		if err := a.found(Flaw{RecordClaim, claim, fmt.Sprintf("it rests on %s, which is not there", fact), false}); err != nil {
			return err
		}
	}
	return nil
}

// claims looks at every claim that stands, and reports whether all are sound.
func (a *audit) claims() (sound bool, err error) {
	sound = true
	var piece []*Claim
	flush := func() error {
		ids := make(map[ID]bool)
		for _, c := range piece {
			for _, id := range []ID{c.Source, c.AttributedTo, c.Fact} {
				ids[id] = true
			}
		}
		delete(ids, "")
		wanted := slices.Sorted(maps.Keys(ids))
		records, err := a.snap.Get(a.ctx, wanted)
		if err != nil {
			return err
		}
		kinds := make(map[ID]RecordKind, len(wanted))
		for i, r := range records {
			if r != nil {
				kinds[wanted[i]] = r.RecordKind()
			}
		}
		for _, c := range piece {
			problem := ""
			switch {
			case Sound(c) != nil:
				problem = Sound(c).Error()
			case kinds[c.Source] != RecordSource:
				problem = fmt.Sprintf("its source %s is not there", c.Source)
			}
			if c.AttributedTo != "" {
				a.spoken[c.AttributedTo] = true
			}
			for _, id := range c.Statement.mentions() {
				a.spoken[id] = true
			}
			switch kinds[c.Fact] {
			case RecordEntity, RecordRelation, RecordObservation:
			default:
				a.resting[c.Fact] = c.ID
			}
			if problem == "" {
				continue
			}
			sound = false
			if err := a.found(Flaw{RecordClaim, c.ID, problem, false}); err != nil {
				return err
			}
		}
		piece = piece[:0]
		return nil
	}
	for m, err := range a.snap.ClaimsAbout(a.ctx, ClaimQuery{All: true}) {
		if err != nil {
			return false, err
		}
		if !m.Claim.Live() {
			continue
		}
		if piece = append(piece, m.Claim); len(piece) == auditAtOnce {
			if err := flush(); err != nil {
				return false, err
			}
		}
	}
	return sound, flush()
}

// endOfKnowledge is an instant behind everything that is recorded.
var endOfKnowledge = time.Unix(1<<40, 0)

// pages compares the facts of all these entities with what the claims give, as
// many pages at once as there are processors, and tells what it found in their
// order. In left are the facts of entities that are not there, of which a snapshot
// does not speak.
func (a *audit) pages(ids []ID, left map[ID][]Record) error {
	pages := slices.Collect(slices.Chunk(ids, auditAtOnce))
	for some := range slices.Chunk(pages, runtime.GOMAXPROCS(0)) {
		looks, errs := make([]*look, len(some)), make([]error, len(some))
		var all sync.WaitGroup
		for i, page := range some {
			looks[i] = &look{audit: a, past: newPast(a.snap, endOfKnowledge, math.MaxInt)}
			all.Go(func() { errs[i] = looks[i].page(page, left) })
		}
		all.Wait()
		for i, l := range looks {
			if errs[i] != nil {
				return errs[i]
			}
			if err := a.take(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// take takes down what a look at a page has found.
func (a *audit) take(l *look) error {
	a.relations += l.relations
	a.observations += l.observations
	for _, id := range l.there {
		delete(a.resting, id)
	}
	for _, m := range l.amiss {
		if err := a.found(m.Flaw); err != nil {
			return err
		}
		if a.heal != nil && m.Derived {
			if err := a.heal(m.ID, m.given); err != nil {
				return err
			}
		}
	}
	return nil
}

// look is a look at a page of entities. It changes nothing of the audit, for others
// look at the same time.
type look struct {
	*audit
	// past gives the facts as claims give them.
	past *pastSnapshot
	// relations and observations count the facts looked at, there are those of
	// them that are missing elsewhere.
	relations, observations int64
	there                   []ID
	amiss                   []amiss
}

// amiss is a flaw with what belongs in the place of the fact.
type amiss struct {
	Flaw
	given Record
}

// page compares the facts of some entities with what the claims give. A relation
// is looked at where it ends.
func (l *look) page(ids []ID, left map[ID][]Record) error {
	if err := l.entities(ids); err != nil {
		return err
	}
	q := RelationQuery{Of: ids, Direction: In}
	want, stored := make(map[ID]Record), make(map[ID]Record)
	for _, id := range ids {
		for _, r := range left[id] {
			stored[r.RecordID()] = r
		}
	}
	for e, err := range l.past.Relations(l.ctx, q) {
		if err != nil {
			return err
		}
		want[e.Relation.ID] = e.Relation
	}
	for e, err := range l.snap.Relations(l.ctx, q) {
		if err != nil {
			return err
		}
		l.relations++
		stored[e.Relation.ID] = e.Relation
	}
	figures := ObservationQuery{Of: ids}
	for f, err := range l.past.Observations(l.ctx, figures) {
		if err != nil {
			return err
		}
		want[f.Observation.ID] = f.Observation
	}
	for f, err := range l.snap.Observations(l.ctx, figures) {
		if err != nil {
			return err
		}
		l.observations++
		stored[f.Observation.ID] = f.Observation
	}
	for c, err := range l.past.Conflicts(l.ctx, ids) {
		if err != nil {
			return err
		}
		want[c.ID] = c
	}
	for c, err := range l.snap.Conflicts(l.ctx, ids) {
		if err != nil {
			return err
		}
		stored[c.ID] = c
	}
	l.compare(want, stored)
	return nil
}

// entities compares the entities with what the claims about them give.
func (l *look) entities(ids []ID) error {
	given := make(map[ID]Record)
	if err := l.past.recollect(l.ctx).recallEntities(ids, given); err != nil {
		return err
	}
	records, err := l.snap.Get(l.ctx, ids)
	if err != nil {
		return err
	}
	want, stored := make(map[ID]Record), make(map[ID]Record)
	for i, id := range ids {
		_, merged := mergedInto(records[i])
		if _, ok := records[i].(*Entity); ok || merged {
			stored[id] = records[i]
		}
		if r := given[id]; r != nil {
			want[id] = r
		} else if l.spoken[id] {
			l.amiss = append(l.amiss, amiss{Flaw{RecordEntity, id, "claims speak of it, and none says that it exists", false}, nil})
			delete(stored, id)
		}
	}
	l.compare(want, stored)
	return nil
}

// compare takes down facts that differ, in order of id.
func (l *look) compare(want, stored map[ID]Record) {
	ids := make(map[ID]Record, len(want))
	maps.Copy(ids, want)
	maps.Copy(ids, stored)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		given, has := want[id], stored[id]
		if _, missed := l.resting[id]; missed {
			l.there = append(l.there, id)
		}
		problem := ""
		switch {
		case has == nil:
			problem = "it is missing: claims give it"
		case given == nil:
			problem = "no claim gives it"
		case !reflect.DeepEqual(given, has):
			problem = "it is not what its claims give"
		default:
			continue
		}
		l.amiss = append(l.amiss, amiss{Flaw{ids[id].RecordKind(), id, problem, true}, given})
	}
}

// left returns the facts about entities that are not there. That there are some
// is told by their number.
func (a *audit) left(there map[ID]bool) (map[ID][]Record, error) {
	stats, err := a.snap.Stats(a.ctx)
	if err != nil {
		return nil, err
	}
	left := make(map[ID][]Record)
	add := func(about ID, r Record) {
		if !there[about] {
			left[about] = append(left[about], r)
		}
	}
	if stats[RecordRelation] != a.relations {
		for e, err := range a.snap.Relations(a.ctx, RelationQuery{All: true}) {
			if err != nil {
				return nil, err
			}
			add(e.Relation.To, e.Relation)
		}
	}
	if stats[RecordObservation] != a.observations {
		for r, err := range a.snap.Scan(a.ctx, ScanQuery{Kind: RecordObservation}) {
			if err != nil {
				return nil, err
			}
			add(r.(*Observation).Subject, r)
		}
	}
	for c, err := range a.snap.Conflicts(a.ctx, nil) {
		if err != nil {
			return nil, err
		}
		if c.Rule != "" {
			add(c.About, c)
		}
	}
	return left, nil
}
