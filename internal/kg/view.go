package kg

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// View is one moment of the graph, opened for a request: the one door for
// reads. Two fields of an answer never see two moments. It is safe for
// concurrent use; what it hands out is not to be changed, and not to be asked
// for more once it is closed.
type View struct {
	snap   Snapshot
	text   TextIndex
	today  Day
	opened time.Time
	budget Budget

	mu   sync.Mutex
	asOf *Day

	vocabulary     sync.Once
	vocabularyErr  error
	metrics        *vocabulary
	metricsInOrder []*Metric
}

// Close gives the moment back. It waits for calls that are under way.
func (v *View) Close() error { return v.snap.Close() }

// Revision is the moment's number.
func (v *View) Revision() Revision { return v.snap.Revision() }

// Stats counts the records of every kind.
func (v *View) Stats(ctx context.Context) (map[RecordKind]int64, error) { return v.snap.Stats(ctx) }

// TurnTo sets the clock of the world for everything asked of the view from now
// on: what was true then. A date that is not a day means its last day.
func (v *View) TurnTo(asOf PartialDate) error {
	day, err := lastDay("asOf", asOf)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asOf = &day
	return nil
}

// lastDay returns the day that an argument such as asOf means.
func lastDay(argument string, d PartialDate) (Day, error) {
	if !d.Placed() || d.Latest() == EndOfTime {
		return 0, Invalidf(argument, "a moment is a day, month or year such as 2020-06-30, not %s", d)
	}
	return d.Latest(), nil
}

// Moment returns the day as of which events and generic relations are read: the
// argument's, else the clock's, else none.
func (v *View) Moment(asOf *PartialDate) (*Day, error) {
	if asOf != nil {
		day, err := lastDay("asOf", *asOf)
		return &day, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asOf, nil
}

// MomentOrToday returns the day as of which states are read: as Moment, but
// today where neither argument nor clock says.
func (v *View) MomentOrToday(asOf *PartialDate) (*Day, error) {
	day, err := v.Moment(asOf)
	if day == nil && err == nil {
		day = &v.today
	}
	return day, err
}

// maxRedirects bounds the ids an old id can pass through.
const maxRedirects = 8

// Records returns the records with these ids, aligned with them: nil where
// there is none. Ids that have passed to another record lead there.
func (v *View) Records(ctx context.Context, ids []ID) ([]Record, error) {
	records, err := v.snap.Get(ctx, ids)
	if err != nil {
		return nil, err
	}
	for range maxRedirects {
		var passed []ID
		var at []int
		for i, r := range records {
			if to, ok := r.(*Redirect); ok {
				passed, at = append(passed, to.To), append(at, i)
			}
		}
		if len(passed) == 0 {
			return records, nil
		}
		next, err := v.snap.Get(ctx, passed)
		if err != nil {
			return nil, err
		}
		for j, r := range next {
			records[at[j]] = r
		}
	}
	return nil, fmt.Errorf("an id passes through more than %d others", maxRedirects)
}

// entities returns the entities with these ids, aligned with them.
func (v *View) entities(ctx context.Context, ids []ID) ([]*Entity, error) {
	records, err := v.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	entities := make([]*Entity, len(ids))
	for i, r := range records {
		entities[i], _ = r.(*Entity)
	}
	return entities, nil
}

// Things returns what the ids name, aligned with them, ready to be asked
// further: *Member, *Link, *Figures, *Source or *Stated; nil where an id names
// nothing of these.
func (v *View) Things(ctx context.Context, ids []ID) ([]any, error) {
	if len(ids) > MaxPage {
		return nil, Invalidf("ids", "at most %d ids can be asked for at once, not %d", MaxPage, len(ids))
	}
	records, err := v.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	var entities []*Entity
	var relations []*Relation
	var observations []*Observation
	var claims []*Claim
	for _, r := range records {
		switch r := r.(type) {
		case *Entity:
			entities = append(entities, r)
		case *Relation:
			relations = append(relations, r)
		case *Observation:
			observations = append(observations, r)
		case *Claim:
			claims = append(claims, r)
		}
	}
	members := v.cohortOf(entities)
	if err := members.load(ctx); err != nil {
		return nil, err
	}
	links, figures, stated := v.linksTo(relations), v.figures(observations), v.stated(claims)
	things := make([]any, len(ids))
	for i, r := range records {
		switch r := r.(type) {
		case *Entity:
			things[i] = members.members[r.ID]
		case *Relation:
			things[i], links = links[0], links[1:]
		case *Observation:
			things[i], figures = figures[0], figures[1:]
		case *Source:
			things[i] = r
		case *Claim:
			things[i], stated = stated[0], stated[1:]
		}
	}
	return things, nil
}

// EntityKey asks for one entity; exactly one of its parts is set.
type EntityKey struct {
	ID         ID
	Name       string
	Identifier *Identifier
}

// findLimit bounds what one name is looked up for: the candidates to show, and one more.
const findLimit = MaxCandidates + 1

// Entity returns the one entity that the key means, of one of the kinds if any
// are given, or nil where there is none.
//
// A name is first compared in full, then without legal forms. Among the
// entities that fit, a preferred name beats a legal one, that an alias, and
// that a former name; if several are equally good the error is an
// *AmbiguousError.
func (v *View) Entity(ctx context.Context, key EntityKey, kinds ...EntityKind) (*Member, error) {
	id, err := v.resolve(ctx, key, kinds)
	if id == "" || err != nil {
		return nil, err
	}
	entities, err := v.entities(ctx, []ID{id})
	if err != nil || entities[0] == nil || !contains(kinds, entities[0].Kind) {
		return nil, err
	}
	c := v.cohortOf(entities)
	return c.member(ctx, entities[0].ID)
}

func (v *View) resolve(ctx context.Context, key EntityKey, kinds []EntityKind) (ID, error) {
	switch {
	case key.ID != "":
		if len(key.ID) > MaxIDLength {
			return "", nil
		}
		return key.ID, nil
	case key.Identifier != nil:
		scheme, value := IdentifierKey(key.Identifier.Scheme, key.Identifier.Value)
		if scheme == "" || value == "" {
			return "", Invalidf("identifier", "an identifier needs a scheme and a value")
		}
		found, err := v.snap.Find(ctx, []FindKey{{Scheme: scheme, Value: value, Kinds: kinds, Limit: findLimit}})
		if err != nil {
			return "", err
		}
		return v.best(ctx, scheme+" "+value, found[0])
	}
	if len(key.Name) > maxNameText {
		return "", Invalidf("name", "a name has at most %d bytes", maxNameText)
	}
	fold, core := FoldName(key.Name), CoreName(key.Name)
	if fold == "" {
		return "", Invalidf("name", "a name holds a letter or digit")
	}
	found, err := v.snap.Find(ctx, []FindKey{
		{Name: fold, Kinds: kinds, Limit: findLimit},
		{Name: core, Core: true, Kinds: kinds, Limit: findLimit},
	})
	if err != nil {
		return "", err
	}
	if len(found[0]) > 0 {
		return v.best(ctx, key.Name, found[0])
	}
	return v.best(ctx, key.Name, found[1])
}

// best returns the one match of the best rank.
func (v *View) best(ctx context.Context, name string, matches []Match) (ID, error) {
	if len(matches) == 0 {
		return "", nil
	}
	equals := slices.IndexFunc(matches, func(m Match) bool { return m.Rank != matches[0].Rank })
	if equals < 0 {
		equals = len(matches)
	}
	if equals == 1 {
		return matches[0].ID, nil
	}
	ambiguous := &AmbiguousError{Name: clip(name), More: equals > MaxCandidates}
	ids := make([]ID, 0, MaxCandidates)
	for _, m := range matches[:min(equals, MaxCandidates)] {
		ids = append(ids, m.ID)
	}
	entities, err := v.entities(ctx, ids)
	if err != nil {
		return "", err
	}
	for _, e := range entities {
		if e != nil {
			ambiguous.Candidates = append(ambiguous.Candidates, Candidate{ID: e.ID, Name: e.Name(""), Kind: e.Kind})
		}
	}
	return "", ambiguous
}

// Entities returns a page of all entities, in name order.
func (v *View) Entities(ctx context.Context, kinds []EntityKind, p PageArgs) (*Page[*Member], error) {
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	after, before, err := readCursors(p, readScanCursor)
	if err != nil {
		return nil, err
	}
	q := ScanQuery{Kind: RecordEntity, Kinds: kinds, After: after, Before: before, Reverse: w.reverse, Limit: w.size + 1}
	var entities []*Entity
	for r, err := range v.snap.Scan(ctx, q) {
		if err != nil {
			return nil, err
		}
		entities = append(entities, r.(*Entity))
	}
	c := v.cohortOf(entities)
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	members := make([]*Member, len(entities))
	for i, e := range entities {
		members[i] = c.members[e.ID]
	}
	count := func(ctx context.Context) (int, error) {
		n := 0
		for _, err := range v.snap.Scan(ctx, ScanQuery{Kind: RecordEntity, Kinds: kinds}) {
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	}
	return newPage(members, w, p, func(m *Member) string { return scanCursor(PlaceOf(m.Entity)) }, count), nil
}

// Hit is an entity found by words.
type Hit struct {
	*Member
	Score   float64
	Matched string
}

// Search returns a page of the entities whose names fit the text, best first.
// It only pages forward.
func (v *View) Search(ctx context.Context, text string, kinds []EntityKind, p PageArgs) (*Page[*Hit], error) {
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	if v.text == nil {
		return nil, fmt.Errorf("search: no index is open: %w", ErrUnavailable)
	}
	if len(text) > maxNameText {
		return nil, Invalidf("text", "a search has at most %d bytes", maxNameText)
	}
	after, _, err := readCursors(PageArgs{After: p.After}, readSearchCursor)
	if err != nil {
		return nil, err
	}
	q := TextQuery{Text: text, Kinds: kinds, After: after, Limit: w.size + 1}
	if _, past := v.snap.(*pastSnapshot); past {
		return v.searchThen(ctx, q, w, p)
	}
	found, total, err := v.text.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	ids := make([]ID, len(found))
	for i, h := range found {
		ids[i] = h.ID
	}
	c := v.newCohort(slices.Clone(ids))
	var hits []*Hit
	for _, h := range found {
		// The index may be a moment ahead of the view or behind it.
		m, err := c.member(ctx, h.ID)
		if err != nil {
			return nil, err
		}
		if m != nil {
			hits = append(hits, &Hit{m, h.Score, h.Matched})
		}
	}
	cursor := func(h *Hit) string { return searchCursor(TextHit{ID: h.ID, Score: h.Score}) }
	return newPage(hits, w, p, cursor, func(context.Context) (int, error) { return total, nil }), nil
}

// Link is a relation as a view hands it out, together with those that were read
// beside it.
type Link struct {
	*Relation
	// Far is the end at which the entity that was asked does not stand; for a
	// relation asked for by itself, its To.
	Far ID
	// Certainty says whether the known dates settle that it passes the filters
	// of time by which it was asked for, or merely allow it.
	Certainty Certainty

	ends    *cohort // both ends of all relations read together
	fars    *cohort // the far ends alone
	sources *sourceSet
}

// FromMember returns the entity at which the relation starts.
func (l *Link) FromMember(ctx context.Context) (*Member, error) { return l.end(ctx, l.ends, l.From) }

// ToMember returns the entity to which the relation leads.
func (l *Link) ToMember(ctx context.Context) (*Member, error) { return l.end(ctx, l.ends, l.To) }

// FarMember returns the entity at the far end.
func (l *Link) FarMember(ctx context.Context) (*Member, error) { return l.end(ctx, l.fars, l.Far) }

func (l *Link) end(ctx context.Context, among *cohort, id ID) (*Member, error) {
	m, err := among.member(ctx, id)
	if m == nil && err == nil {
		err = fmt.Errorf("relation %s leads to %s, which is not there", l.ID, id)
	}
	return m, err
}

// Cited returns where the relation is stated.
func (l *Link) Cited() []*Cited { return l.sources.cited(l.Citations) }

// links makes relations ready to be asked further; far names the far end of
// the relation with an index.
func (v *View) links(relations []*Relation, far func(i int) ID) []*Link {
	var ends, fars []ID
	var cited [][]Citation
	links := make([]*Link, len(relations))
	for i, r := range relations {
		links[i] = &Link{Relation: r, Far: far(i)}
		ends, fars = append(ends, r.From, r.To), append(fars, links[i].Far)
		cited = append(cited, r.Citations)
	}
	both, others, sources := v.newCohort(ends), v.newCohort(fars), v.newSourceSet(cited...)
	for _, l := range links {
		l.ends, l.fars, l.sources = both, others, sources
	}
	return links
}

// judge sets the certainty with which the link passes the restriction.
func (l *Link) judge(w When) { l.Certainty = w.CertaintyOf(l.Type, l.Start, l.End) }

// linksTo is links for relations asked for by themselves.
func (v *View) linksTo(relations []*Relation) []*Link {
	return v.links(relations, func(i int) ID { return relations[i].To })
}

// relationPages returns one page for every member of the cohort, in one call of the store.
func (v *View) relationPages(ctx context.Context, c *cohort, f RelationFilter, p PageArgs) ([]*Page[*Link], error) {
	q, w, err := relationQuery(f, p)
	if err != nil {
		return nil, err
	}
	q.Of = c.ids()
	var edges []Edge
	var relations []*Relation
	for e, err := range v.snap.Relations(ctx, q) {
		if err != nil {
			return nil, err
		}
		edges, relations = append(edges, e), append(relations, e.Relation)
	}
	links := v.links(relations, func(i int) ID {
		far, _ := edges[i].Relation.Other(q.Of[edges[i].At])
		return far
	})
	fetched := make([][]*Link, len(q.Of))
	for i, e := range edges {
		links[i].judge(q.When)
		fetched[e.At] = append(fetched[e.At], links[i])
	}
	counts := func(ctx context.Context) ([]int, error) {
		return share(c, question("count relations", f, PageArgs{}), func() ([]int, error) {
			all := q
			all.After, all.Before, all.Limit, all.Reverse = nil, nil, 0, false
			n := make([]int, len(q.Of))
			for e, err := range v.snap.Relations(ctx, all) {
				if err != nil {
					return nil, err
				}
				n[e.At]++
			}
			return n, nil
		})
	}
	pages := make([]*Page[*Link], len(q.Of))
	for i := range pages {
		pages[i] = newPage(fetched[i], w, p, func(l *Link) string { return relationCursor(l.Place()) }, countAt(counts, i))
	}
	return pages, nil
}

func countAt(counts func(context.Context) ([]int, error), i int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		n, err := counts(ctx)
		if err != nil {
			return 0, err
		}
		return n[i], nil
	}
}

func relationQuery(f RelationFilter, p PageArgs) (RelationQuery, window, error) {
	if err := f.check(); err != nil {
		return RelationQuery{}, window{}, err
	}
	w, err := p.window()
	if err != nil {
		return RelationQuery{}, w, err
	}
	after, before, err := readCursors(p, readRelationCursor)
	if err != nil {
		return RelationQuery{}, w, err
	}
	return RelationQuery{
		Direction: f.Direction, Types: f.Types, When: f.When, MinStake: f.MinStake, Direct: f.Direct, Kinds: f.Kinds,
		After: after, Before: before, Reverse: w.reverse, Limit: w.size + 1,
	}, w, nil
}

// Relations returns a page of the relations of the whole graph, ordered by start.
// Direction and Kinds of the filter are not used.
func (v *View) Relations(ctx context.Context, f RelationFilter, p PageArgs) (*Page[*Link], error) {
	q, w, err := relationQuery(f, p)
	if err != nil {
		return nil, err
	}
	q.All = true
	var relations []*Relation
	for e, err := range v.snap.Relations(ctx, q) {
		if err != nil {
			return nil, err
		}
		relations = append(relations, e.Relation)
	}
	count := func(ctx context.Context) (int, error) {
		all := q // several aliases may ask at once
		all.After, all.Before, all.Limit, all.Reverse = nil, nil, 0, false
		n := 0
		for _, err := range v.snap.Relations(ctx, all) {
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	}
	links := v.linksTo(relations)
	for _, l := range links {
		l.judge(q.When)
	}
	return newPage(links, w, p, func(l *Link) string { return relationCursor(l.Place()) }, count), nil
}

// ObservationFilter says which figures of an entity are asked for.
type ObservationFilter struct {
	// Metric names one metric, or is "" for all.
	Metric string
	When   When
}

// Figures is a figure as a view hands it out, together with those that were
// read beside it.
type Figures struct {
	*Observation
	subjects *cohort
	sources  *sourceSet
}

// SubjectMember returns the entity that the figure is about.
func (f *Figures) SubjectMember(ctx context.Context) (*Member, error) {
	m, err := f.subjects.member(ctx, f.Subject)
	if m == nil && err == nil {
		err = fmt.Errorf("observation %s is about %s, which is not there", f.ID, f.Subject)
	}
	return m, err
}

// Cited returns where the figure is stated.
func (f *Figures) Cited() []*Cited { return f.sources.cited(f.Citations) }

func (v *View) figures(observations []*Observation) []*Figures {
	var subjects []ID
	var cited [][]Citation
	for _, o := range observations {
		subjects = append(subjects, o.Subject)
		cited = append(cited, o.Citations)
	}
	about, sources := v.newCohort(subjects), v.newSourceSet(cited...)
	figures := make([]*Figures, len(observations))
	for i, o := range observations {
		figures[i] = &Figures{Observation: o, subjects: about, sources: sources}
	}
	return figures
}

func (v *View) observationPages(ctx context.Context, c *cohort, f ObservationFilter, p PageArgs) ([]*Page[*Figures], error) {
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	after, before, err := readCursors(p, readObservationCursor)
	if err != nil {
		return nil, err
	}
	q := ObservationQuery{Of: c.ids(), When: f.When, After: after, Before: before, Reverse: w.reverse, Limit: w.size + 1}
	if f.Metric != "" {
		if err := v.checkMetric(ctx, f.Metric); err != nil {
			return nil, err
		}
		q.Metrics = []string{f.Metric}
	}
	var at []int
	var observations []*Observation
	for o, err := range v.snap.Observations(ctx, q) {
		if err != nil {
			return nil, err
		}
		at, observations = append(at, o.At), append(observations, o.Observation)
	}
	fetched := make([][]*Figures, len(q.Of))
	for i, figure := range v.figures(observations) {
		fetched[at[i]] = append(fetched[at[i]], figure)
	}
	counts := func(ctx context.Context) ([]int, error) {
		return share(c, question("count observations", f, PageArgs{}), func() ([]int, error) {
			all := q
			all.After, all.Before, all.Limit, all.Reverse = nil, nil, 0, false
			n := make([]int, len(q.Of))
			for o, err := range v.snap.Observations(ctx, all) {
				if err != nil {
					return nil, err
				}
				n[o.At]++
			}
			return n, nil
		})
	}
	pages := make([]*Page[*Figures], len(q.Of))
	for i := range pages {
		pages[i] = newPage(fetched[i], w, p, func(f *Figures) string { return observationCursor(f.Place()) }, countAt(counts, i))
	}
	return pages, nil
}

// Metrics returns the vocabulary of figures, in order of name.
func (v *View) Metrics(ctx context.Context) ([]*Metric, error) {
	v.vocabulary.Do(func() {
		for r, err := range v.snap.Scan(ctx, ScanQuery{Kind: RecordMetric}) {
			if err != nil {
				v.vocabularyErr = err
				return
			}
			v.metricsInOrder = append(v.metricsInOrder, r.(*Metric))
		}
		v.metrics = newVocabulary(v.metricsInOrder)
	})
	return v.metricsInOrder, v.vocabularyErr
}

func (v *View) checkMetric(ctx context.Context, name string) error {
	if _, err := v.Metrics(ctx); err != nil {
		return err
	}
	if v.metrics.metrics[name] == nil {
		return Invalidf("metric", "there is no metric %q; the field metrics lists them", clip(name))
	}
	return nil
}

// founded returns the founding dates that are known of these entities.
func (v *View) founded(ctx context.Context, ids []ID) (map[ID]PartialDate, error) {
	stated := make(map[ID][]*Observation)
	var cited [][]Citation
	for o, err := range v.snap.Observations(ctx, ObservationQuery{Of: ids, Metrics: []string{foundedMetric}}) {
		if err != nil {
			return nil, err
		}
		stated[ids[o.At]] = append(stated[ids[o.At]], o.Observation)
		cited = append(cited, o.Observation.Citations)
	}
	sources, err := v.newSourceSet(cited...).all(ctx)
	if err != nil {
		return nil, err
	}
	dates := make(map[ID]PartialDate)
	var rest []ID
	for _, id := range ids {
		if o := headline(stated[id], sources); o != nil {
			dates[id] = o.Date
		} else {
			rest = append(rest, id)
		}
	}
	q := RelationQuery{Of: rest, Direction: In, Types: []RelationType{Founded}, Limit: 1}
	for e, err := range v.snap.Relations(ctx, q) {
		if err != nil {
			return nil, err
		}
		dates[rest[e.At]] = e.Relation.Start
	}
	return dates, nil
}

// Dispute is a conflict as a view hands it out.
type Dispute struct {
	*Conflict
	subjects *cohort
	sources  *sourceSet
}

// AboutMember returns the entity that the conflict is about.
func (d *Dispute) AboutMember(ctx context.Context) (*Member, error) {
	m, err := d.subjects.member(ctx, d.About)
	if m == nil && err == nil {
		err = fmt.Errorf("conflict %s is about %s, which is not there", d.ID, d.About)
	}
	return m, err
}

// Side is one position of a dispute.
type Side struct {
	Value string
	Cited []*Cited
}

// Sides returns the positions.
func (d *Dispute) Sides() []*Side {
	sides := make([]*Side, len(d.Claims))
	for i, p := range d.Claims {
		sides[i] = &Side{p.Value, d.sources.cited(p.Citations)}
	}
	return sides
}

// maxConflicts bounds the conflicts of one answer.
const maxConflicts = 1000

// Conflicts returns all conflicts; more than a thousand are ErrTooLarge.
func (v *View) Conflicts(ctx context.Context) ([]*Dispute, error) { return v.disputes(ctx, nil) }

func (v *View) disputes(ctx context.Context, about []ID) ([]*Dispute, error) {
	var conflicts []*Conflict
	var ids []ID
	var cited [][]Citation
	for c, err := range v.snap.Conflicts(ctx, about) {
		if err != nil {
			return nil, err
		}
		if len(conflicts) == maxConflicts {
			return nil, fmt.Errorf("more than %d conflicts; ask about one entity: %w", maxConflicts, ErrTooLarge)
		}
		conflicts, ids = append(conflicts, c), append(ids, c.About)
		for _, p := range c.Claims {
			cited = append(cited, p.Citations)
		}
	}
	subjects, sources := v.newCohort(ids), v.newSourceSet(cited...)
	disputes := make([]*Dispute, len(conflicts))
	for i, c := range conflicts {
		disputes[i] = &Dispute{c, subjects, sources}
	}
	return disputes, nil
}

// Sources returns all sources, in order of id.
func (v *View) Sources(ctx context.Context) ([]*Source, error) {
	var sources []*Source
	for r, err := range v.snap.Scan(ctx, ScanQuery{Kind: RecordSource}) {
		if err != nil {
			return nil, err
		}
		sources = append(sources, r.(*Source))
	}
	return sources, nil
}

// Cited is a citation whose source is fetched, together with those of the
// facts beside it, when it is first asked for.
type Cited struct {
	Citation
	set *sourceSet
}

// SourceRecord returns the source.
func (c *Cited) SourceRecord(ctx context.Context) (*Source, error) {
	sources, err := c.set.all(ctx)
	if err != nil {
		return nil, err
	}
	s := sources[c.Source]
	if s == nil {
		return nil, fmt.Errorf("claim %s cites %s, which is not there", c.Claim, c.Source)
	}
	return s, nil
}

// AttributedMember returns the entity whom the source itself quotes, or nil.
func (c *Cited) AttributedMember(ctx context.Context) (*Member, error) {
	if c.AttributedTo == "" {
		return nil, nil
	}
	return c.set.quoted.member(ctx, c.AttributedTo)
}

// sourceSet is the sources of a set of citations, fetched together once, and
// the entities whom they quote.
type sourceSet struct {
	view   *View
	ids    []ID
	quoted *cohort

	once  sync.Once
	found map[ID]*Source
	err   error
}

func (v *View) newSourceSet(citations ...[]Citation) *sourceSet {
	seen := make(map[ID]bool)
	s := &sourceSet{view: v}
	var quoted []ID
	for _, list := range citations {
		for _, c := range list {
			if c.AttributedTo != "" {
				quoted = append(quoted, c.AttributedTo)
			}
			if !seen[c.Source] {
				seen[c.Source] = true
				s.ids = append(s.ids, c.Source)
			}
		}
	}
	slices.SortFunc(s.ids, func(a, b ID) int { return strings.Compare(string(a), string(b)) })
	s.quoted = v.newCohort(quoted)
	return s
}

func (s *sourceSet) all(ctx context.Context) (map[ID]*Source, error) {
	s.once.Do(func() {
		if len(s.ids) == 0 {
			return
		}
		records, err := s.view.Records(ctx, s.ids)
		if err != nil {
			s.err = err
			return
		}
		s.found = make(map[ID]*Source, len(records))
		for i, r := range records {
			if source, ok := r.(*Source); ok {
				s.found[s.ids[i]] = source
			}
		}
	})
	return s.found, s.err
}

func (s *sourceSet) cited(citations []Citation) []*Cited {
	cited := make([]*Cited, len(citations))
	for i, c := range citations {
		cited[i] = &Cited{c, s}
	}
	return cited
}
