package kg

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// GroupBy names what relations are counted by.
type GroupBy uint8

// The groupings.
const (
	// ByYear: the calendar year of the start, where the date settles it.
	ByYear GroupBy = iota + 1
	ByType
	ByFrom
	ByTo
	// BySource counts a relation once for every source that states it.
	BySource
	// ByEntity counts a relation at both its ends.
	ByEntity
)

var groupByNames = enumNames{"", "YEAR", "TYPE", "FROM", "TO", "SOURCE", "ENTITY"}

// String returns the name in capitals.
func (g GroupBy) String() string { return groupByNames.text(uint8(g)) }

// ParseGroupBy reads what String returns.
func ParseGroupBy(s string) (GroupBy, error) {
	g, err := groupByNames.parse("grouping", s)
	return GroupBy(g), err
}

// CountFilter says which relations are counted, and how.
type CountFilter struct {
	Types []RelationType
	// Of keeps relations at one entity, at either end; nil counts all.
	Of *Member
	// When restricts by time.
	When When
	// By names the groupings, at least one and each at most once.
	By []GroupBy
	// First bounds the groups, 1 to MaxPage.
	First int
}

// RelationCount is a group of relations. Only the parts that were grouped by
// are set; Year is 0 where the dates do not settle it.
type RelationCount struct {
	Year   int
	Type   RelationType
	Source *Source
	// Count is the number of relations.
	Count int
	// Sums adds up the money of the group, one sum a currency in order of
	// code; sums of different currencies are never added.
	Sums []MoneySum

	from, to, entity ID
	ends             *cohort
}

// MoneySum is the money of several relations in one currency.
type MoneySum struct {
	Money
	// Count is the number of relations that state an amount in the currency.
	Count int
}

// FromMember returns the entity at which the relations of the group start, or nil.
func (c *RelationCount) FromMember(ctx context.Context) (*Member, error) {
	return c.ends.optional(ctx, c.from)
}

// ToMember returns the entity to which the relations of the group lead, or nil.
func (c *RelationCount) ToMember(ctx context.Context) (*Member, error) {
	return c.ends.optional(ctx, c.to)
}

// EntityMember returns the entity at which the relations of the group stand, or nil.
func (c *RelationCount) EntityMember(ctx context.Context) (*Member, error) {
	return c.ends.optional(ctx, c.entity)
}

func (c *cohort) optional(ctx context.Context, id ID) (*Member, error) {
	if id == "" {
		return nil, nil
	}
	return c.member(ctx, id)
}

// group identifies a group; parts that are not grouped by are zero.
type group struct {
	year             int
	kind             RelationType
	from, to, entity ID
	source           ID
}

// CountRelations counts relations in groups, largest first; equal ones by year,
// type and ids, unknown years last.
func (v *View) CountRelations(ctx context.Context, f CountFilter) ([]*RelationCount, error) {
	if len(f.By) == 0 {
		return nil, Invalidf("by", "say what to count by: YEAR, TYPE, FROM, TO, SOURCE or ENTITY")
	}
	for i, b := range f.By {
		if slices.Contains(f.By[:i], b) {
			return nil, Invalidf("by", "%s is named twice", b)
		}
	}
	if f.First < 1 || f.First > MaxPage {
		return nil, Invalidf("first", "1 to %d groups can be asked for, not %d", MaxPage, f.First)
	}
	q := RelationQuery{All: true, Types: f.Types, When: f.When}
	if f.Of != nil {
		q = RelationQuery{Of: []ID{f.Of.ID}, Direction: Both, Types: f.Types, When: f.When}
	}
	w, ctx, cancel := v.newWalk(ctx, "countRelations")
	defer cancel()
	type tally struct {
		count int
		sums  map[string]*MoneySum
	}
	tallies := make(map[group]*tally)
	err := w.relations(ctx, q, func(e Edge) bool {
		for _, g := range groupsOf(e.Relation, f.By) {
			t := tallies[g]
			if t == nil {
				t = &tally{sums: make(map[string]*MoneySum)}
				tallies[g] = t
			}
			t.count++
			if m := e.Relation.Money; m != nil {
				if t.sums[m.Currency] == nil {
					t.sums[m.Currency] = &MoneySum{Money: Money{Currency: m.Currency}}
				}
				t.sums[m.Currency].Amount += m.Amount
				t.sums[m.Currency].Count++
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	order := slices.SortedFunc(maps.Keys(tallies), func(a, b group) int {
		return cmp.Or(cmp.Compare(tallies[b].count, tallies[a].count), compareGroups(a, b))
	})
	if len(order) > f.First {
		order = order[:f.First]
	}
	var ends, sources []ID
	for _, g := range order {
		for _, id := range []ID{g.from, g.to, g.entity} {
			if id != "" {
				ends = append(ends, id)
			}
		}
		sources = append(sources, g.source)
	}
	found, err := v.sourcesByID(ctx, sources)
	if err != nil {
		return nil, err
	}
	members := v.newCohort(ends)
	counts := make([]*RelationCount, len(order))
	for i, g := range order {
		c := &RelationCount{
			Year: g.year, Type: g.kind, Source: found[g.source], Count: tallies[g].count,
			from: g.from, to: g.to, entity: g.entity, ends: members,
		}
		for _, currency := range slices.Sorted(maps.Keys(tallies[g].sums)) {
			c.Sums = append(c.Sums, *tallies[g].sums[currency])
		}
		counts[i] = c
	}
	return counts, nil
}

func compareGroups(a, b group) int {
	year := func(y int) int {
		if y == 0 {
			return 1 << 30
		}
		return y
	}
	return cmp.Or(
		cmp.Compare(year(a.year), year(b.year)), cmp.Compare(a.kind, b.kind), strings.Compare(string(a.from), string(b.from)),
		strings.Compare(string(a.to), string(b.to)), strings.Compare(string(a.entity), string(b.entity)), strings.Compare(string(a.source), string(b.source)),
	)
}

// groupsOf returns the groups to which a relation counts.
func groupsOf(r *Relation, by []GroupBy) []group {
	groups := []group{{}}
	split := func(ids []ID, set func(*group, ID)) {
		var more []group
		for _, g := range groups {
			for _, id := range ids {
				own := g
				set(&own, id)
				more = append(more, own)
			}
		}
		groups = more
	}
	for _, b := range by {
		switch b {
		case ByYear:
			year, _ := r.Start.Year()
			for i := range groups {
				groups[i].year = year
			}
		case ByType:
			for i := range groups {
				groups[i].kind = r.Type
			}
		case ByFrom:
			split([]ID{r.From}, func(g *group, id ID) { g.from = id })
		case ByTo:
			split([]ID{r.To}, func(g *group, id ID) { g.to = id })
		case ByEntity:
			ends := []ID{r.From, r.To}
			if r.From == r.To {
				ends = ends[:1]
			}
			split(ends, func(g *group, id ID) { g.entity = id })
		case BySource:
			var sources []ID
			for _, c := range r.Citations {
				if !slices.Contains(sources, c.Source) {
					sources = append(sources, c.Source)
				}
			}
			split(sources, func(g *group, id ID) { g.source = id })
		}
	}
	return groups
}

// sourcesByID returns the sources with these ids; "" and what is no source are absent.
func (v *View) sourcesByID(ctx context.Context, ids []ID) (map[ID]*Source, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id ID) bool { return id == "" })
	slices.Sort(ids)
	set := &sourceSet{view: v, ids: slices.Compact(ids)}
	return set.all(ctx)
}

// LargestDeals returns the relations with the largest sums of money in one
// currency, largest first, equals by id: acquisitions by price, investments by
// amount, partnerships by worth. Relations without a sum, or with one in
// another currency, are passed over.
func (v *View) LargestDeals(ctx context.Context, currency string, f RelationFilter, of *Member, first int) ([]*Link, error) {
	if !IsCurrency(currency) {
		return nil, Invalidf("currency", "%q is not an ISO 4217 code such as USD", clip(currency))
	}
	if first < 1 || first > MaxPage {
		return nil, Invalidf("first", "1 to %d deals can be asked for, not %d", MaxPage, first)
	}
	q := RelationQuery{All: true, Types: f.Types, When: f.When}
	if of != nil {
		q = RelationQuery{Of: []ID{of.ID}, Direction: Both, Types: f.Types, When: f.When}
	}
	w, ctx, cancel := v.newWalk(ctx, "largestDeals")
	defer cancel()
	var deals []*Relation
	byMoney := func(a, b *Relation) int {
		return cmp.Or(cmp.Compare(b.Money.Amount, a.Money.Amount), strings.Compare(string(a.ID), string(b.ID)))
	}
	err := w.relations(ctx, q, func(e Edge) bool {
		if m := e.Relation.Money; m != nil && m.Currency == currency {
			deals = append(deals, e.Relation)
		}
		if len(deals) > 2*MaxPage {
			slices.SortFunc(deals, byMoney)
			deals = deals[:MaxPage]
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(deals, byMoney)
	return v.linksTo(deals[:min(first, len(deals))]), nil
}

// String writes the group for logs and tests.
func (c *RelationCount) String() string {
	var parts []string
	if c.Year != 0 {
		parts = append(parts, fmt.Sprint(c.Year))
	}
	if c.Type != 0 {
		parts = append(parts, c.Type.String())
	}
	for _, id := range []ID{c.from, c.to, c.entity} {
		if id != "" {
			parts = append(parts, string(id))
		}
	}
	if c.Source != nil {
		parts = append(parts, string(c.Source.ID))
	}
	text := fmt.Sprintf("%s: %d", strings.Join(parts, " "), c.Count)
	for _, s := range c.Sums {
		text += fmt.Sprintf(", %s in %d", s.Money, s.Count)
	}
	return text
}
