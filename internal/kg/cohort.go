package kg

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// A cohort is a set of entities read together: the nodes of all pages that one
// call of the store gave, or the ends of all its relations. What is asked of one
// member is fetched for all of them at once, so that a query over N parents
// makes one call of the store a level, however deep it nests and in whatever
// order its fields are resolved.
type cohort struct {
	view *View
	// fill fetches the members, once, when the first of them is needed.
	fill func(ctx context.Context) ([]*Entity, error)
	// asked are the ids that fill was given, aligned with what it returns; nil
	// where they are those of the entities. An id may lead to another entity.
	asked   []ID
	filling sync.Once
	fillErr error

	members  map[ID]*Member
	entities []*Entity

	mu    sync.Mutex
	calls map[string]*call

	citing  sync.Once
	sources *sourceSet
}

// call is one answer for the whole cohort, fetched once.
type call struct {
	once  sync.Once
	value any
	err   error
}

// newCohort returns the cohort of the entities with these ids.
func (v *View) newCohort(ids []ID) *cohort {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return &cohort{view: v, asked: ids, fill: func(ctx context.Context) ([]*Entity, error) { return v.entities(ctx, ids) }}
}

// cohortOf returns the cohort of entities that have been read already.
func (v *View) cohortOf(entities []*Entity) *cohort {
	return &cohort{view: v, fill: func(context.Context) ([]*Entity, error) { return entities, nil }}
}

func (c *cohort) load(ctx context.Context) error {
	c.filling.Do(func() {
		entities, err := c.fill(ctx)
		if err != nil {
			c.fillErr = err
			return
		}
		c.members = make(map[ID]*Member, len(entities))
		for i, e := range entities {
			if e == nil {
				continue
			}
			if c.members[e.ID] == nil {
				c.members[e.ID] = &Member{Entity: e, cohort: c, index: len(c.entities)}
				c.entities = append(c.entities, e)
			}
			if c.asked != nil {
				c.members[c.asked[i]] = c.members[e.ID]
			}
		}
	})
	return c.fillErr
}

// member returns the member with the id, or to which the id leads; nil where
// there is no such entity.
func (c *cohort) member(ctx context.Context, id ID) (*Member, error) {
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	return c.members[id], nil
}

func (c *cohort) ids() []ID {
	ids := make([]ID, len(c.entities))
	for i, e := range c.entities {
		ids[i] = e.ID
	}
	return ids
}

// share returns what fetch gives for the question, fetching it once for the
// whole cohort. Questions are told apart by their text.
func share[T any](c *cohort, question string, fetch func() (T, error)) (T, error) {
	c.mu.Lock()
	if c.calls == nil {
		c.calls = make(map[string]*call)
	}
	asked := c.calls[question]
	if asked == nil {
		asked = &call{}
		c.calls[question] = asked
	}
	c.mu.Unlock()
	asked.once.Do(func() { asked.value, asked.err = fetch() })
	value, _ := asked.value.(T)
	return value, asked.err
}

// Member is an entity as a view hands it out, together with those that were
// read beside it. Its methods fetch for all of these at once.
type Member struct {
	*Entity
	cohort *cohort
	index  int
}

// RelationFilter says which relations of an entity are asked for; the zero value
// asks for all of them.
type RelationFilter struct {
	Types     []RelationType
	Direction Direction
	When      When
	// MinStake is in percent; relations without a share pass only if it is 0.
	MinStake float64
	// Direct leaves out summaries of chains (Relation.Indirect).
	Direct bool
	// Kinds are those of the other end.
	Kinds []EntityKind
}

func (f RelationFilter) check() error {
	if f.MinStake < 0 || f.MinStake > 100 || f.MinStake != f.MinStake {
		return Invalidf("minStake", "a stake is a number of percent from 0 to 100, not %v", f.MinStake)
	}
	return nil
}

// question writes arguments so that equal ones give equal texts.
func question(name string, filter any, p PageArgs) string {
	text := fmt.Sprintf("%s %+v", name, filter)
	for _, n := range []*int{p.First, p.Last} {
		if n == nil {
			text += " -"
		} else {
			text += fmt.Sprintf(" %d", *n)
		}
	}
	for _, s := range []*string{p.After, p.Before} {
		if s == nil {
			text += " -"
		} else {
			text += fmt.Sprintf(" %q", *s)
		}
	}
	return text
}

// Relations returns a page of the entity's relations, ordered by start.
func (m *Member) Relations(ctx context.Context, f RelationFilter, p PageArgs) (*Page[*Link], error) {
	c := m.cohort
	pages, err := share(c, question("relations", f, p), func() ([]*Page[*Link], error) {
		return c.view.relationPages(ctx, c, f, p)
	})
	if err != nil {
		return nil, err
	}
	return pages[m.index], nil
}

// Observations returns a page of the entity's figures, ordered by metric and
// then by period, unknown periods last. An unknown metric is an error.
func (m *Member) Observations(ctx context.Context, f ObservationFilter, p PageArgs) (*Page[*Figures], error) {
	c := m.cohort
	pages, err := share(c, question("observations", f, p), func() ([]*Page[*Figures], error) {
		return c.view.observationPages(ctx, c, f, p)
	})
	if err != nil {
		return nil, err
	}
	return pages[m.index], nil
}

// Conflicts returns the conflicts about the entity.
func (m *Member) Conflicts(ctx context.Context) ([]*Dispute, error) {
	c := m.cohort
	byID, err := share(c, "conflicts", func() (map[ID][]*Dispute, error) {
		disputes, err := c.view.disputes(ctx, c.ids())
		if err != nil {
			return nil, err
		}
		byID := make(map[ID][]*Dispute)
		for _, d := range disputes {
			byID[d.About] = append(byID[d.About], d)
		}
		return byID, nil
	})
	return byID[m.ID], err
}

// foundedMetric is the figure that holds founding dates.
const foundedMetric = "founded_date"

// Founded returns the date on which the entity was founded, by the headline
// rule over what is stated as a figure, else the first date on which a relation
// says that someone founded it, else the zero date.
func (m *Member) Founded(ctx context.Context) (PartialDate, error) {
	c := m.cohort
	dates, err := share(c, "founded", func() (map[ID]PartialDate, error) { return c.view.founded(ctx, c.ids()) })
	return dates[m.ID], err
}

// Cited makes citations of the entity, of its names, identifiers or absences
// ready to load their sources.
func (m *Member) Cited(citations []Citation) []*Cited {
	c := m.cohort
	c.citing.Do(func() {
		var all [][]Citation
		for _, e := range c.entities {
			all = append(all, e.Citations)
			for _, n := range e.Names {
				all = append(all, n.Citations)
			}
			for _, i := range e.Identifiers {
				all = append(all, i.Citations)
			}
			for _, a := range e.Absences {
				all = append(all, a.Citations)
			}
		}
		c.sources = c.view.newSourceSet(all...)
	})
	return c.sources.cited(citations)
}
