package kg

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// This file answers who decides over a company. That is not a product of stakes:
// whoever has 51 % of a company that has 51 % of another has 26 % of the profit
// of the latter, and all of the votes that count.
//
// # Control
//
// An entity controls a company if it and the companies that it controls together
// hold more than a threshold of it: what one controls votes as one wishes. The
// relation is the least one of that kind, a fixpoint over consolidated votes; as
// the company control problem it is a standard example of recursion with sums,
// such as in S. Ceri, G. Gottlob and L. Tanca, Logic Programming and Databases
// (1990). The threshold is exclusive. 50 % is a majority; R. La Porta, F.
// Lopez-de-Silanes and A. Shleifer, "Corporate ownership around the world",
// Journal of Finance 54 (1999), look for owners at 10 and 20 %, where a share may
// decide in companies that are widely held.
//
// Stakes stand for votes, since sources seldom tell them apart. Control is what
// is certain: of an interval the lower end counts, and one that is open counts
// for more than its number, so that "more than 50 %" is control.
//
// Control that sources state without a share (CONTROLS: consolidation in the
// accounts, a majority of the votes) is control at any threshold, and what is
// controlled so votes as its controller wishes like everything else. Of the
// shares in between nothing follows from it.
//
// # The ultimate parent
//
// The ultimate parent of a company is the one entity that controls it, where
// shares decide with more than 50 %, and is not known to be controlled by anybody. There is none where no
// one is known to control the company, where control runs in a circle, and where
// sources let several entities control it, as where they claim more than 100 %.

// majority is the threshold of the ultimate parent.
const majority = 50

// Controls reports whether owner controls owned at the threshold, which is in
// percent and exclusive. It walks as Ownership does.
func (v *View) Controls(ctx context.Context, owner, owned ID, threshold float64, asOf *Day) (bool, error) {
	controls := false
	err := v.look(ctx, owner, owned, threshold, asOf, func(_ context.Context, g *stakes, owner, owned int32) error {
		controls = owner >= 0 && g.controlled(owner, threshold)[owned]
		return nil
	})
	return controls, err
}

// controlled returns what the entity at the place controls, never itself; nil
// where that is nothing.
func (g *stakes) controlled(by int32, threshold float64) map[int32]bool {
	type tally struct {
		votes float64
		more  bool // than the number
	}
	votes := make(map[int32]tally)
	var controlled map[int32]bool
	queue := []int32{by}
	take := func(n int32) {
		if controlled == nil {
			controlled = make(map[int32]bool)
		}
		controlled[n] = true
		queue = append(queue, n)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, to := range g.rules[queue[0]] {
			if to != by && !controlled[to] {
				take(to)
			}
		}
		for _, at := range g.out[queue[0]] {
			h := &g.holdings[at]
			if h.to == by || controlled[h.to] {
				continue
			}
			t := votes[h.to]
			t.votes, t.more = t.votes+h.share.Min, t.more || h.share.MinOpen
			votes[h.to] = t
			if t.votes > threshold+1/perPercent || t.more && t.votes > threshold-1/perPercent {
				take(h.to)
			}
		}
	}
	return controlled
}

// Parentage says who stands at the head of a company.
type Parentage struct {
	// Parent is the ultimate parent: a company, a person or a public body.
	// It is nil where none is established.
	Parent *Member
	// Reason says why there is no parent or, where owners of the parent may
	// control it, what is open about it; empty where there is nothing to say.
	Reason string
	// Chain leads from the company to its parent over all that control the
	// company, each controlling those before it; nil where there is no parent.
	Chain []*Member
	// Candidates are, in order of id, the entities that sources make parents
	// at once or in a circle; else those direct owners of the company, or of
	// its parent, that may hold more than 50 % of it as far as their stakes and
	// those of the others tell.
	Candidates []*Member
}

// UltimateParent returns the ultimate parent of the entity with the id on the day
// asOf, nil for the day of the view's clock, else today. An id that names no
// entity has no owner.
//
// The walk goes up over everybody who holds anything, one call of the store a
// level; past the budget it is an ErrTooComplex.
func (v *View) UltimateParent(ctx context.Context, of ID, asOf *Day) (*Parentage, error) {
	q, err := controlQuery(v, asOf)
	if err != nil {
		return nil, err
	}
	found, err := v.parentages(ctx, []ID{of}, q)
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// UltimateParent is View.UltimateParent for the member, walking for all members
// of its cohort at once.
func (m *Member) UltimateParent(ctx context.Context, asOf *Day) (*Parentage, error) {
	c := m.cohort
	q, err := controlQuery(c.view, asOf)
	if err != nil {
		return nil, err
	}
	found, err := share(c, question("ultimate parent", q.When, PageArgs{}), func() ([]*Parentage, error) {
		return c.view.parentages(ctx, c.ids(), q)
	})
	if err != nil {
		return nil, err
	}
	return found[m.index], nil
}

// controlQuery asks for what control rests on, from the owned to the owners.
func controlQuery(v *View, asOf *Day) (RelationQuery, error) {
	q, err := HoldingOptions{AsOf: asOf}.query(v, In)
	q.Types = []RelationType{Owns, Controls}
	return q, err
}

func (v *View) parentages(ctx context.Context, ids []ID, q RelationQuery) ([]*Parentage, error) {
	found, g, err := v.ancestries(ctx, ids, q)
	if err != nil {
		return nil, err
	}
	named := slices.Clone(ids)
	for _, a := range found {
		for _, n := range slices.Concat(a.chain, a.candidates) {
			named = append(named, g.ids[n])
		}
		for _, at := range a.named() {
			named = append(named, g.ids[g.holdings[at].from])
		}
	}
	c := v.newCohort(named)
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	member := func(n int32) *Member { return c.members[g.ids[n]] }
	members := func(list []int32) (members []*Member) {
		for _, n := range list {
			members = append(members, member(n))
		}
		return members
	}
	parentages := make([]*Parentage, len(found))
	for i, a := range found {
		p := &Parentage{Chain: members(a.chain), Candidates: members(a.candidates)}
		if len(p.Chain) > 0 {
			p.Parent = p.Chain[len(p.Chain)-1]
		}
		p.Reason = a.reason(g, func(n int32) string {
			if m := member(n); m != nil {
				return m.Name("")
			}
			return string(g.ids[n])
		})
		if m := c.members[ids[i]]; m != nil && len(a.owners)+len(a.controllers) == 0 {
			p.Reason += unnamed(m.AbsencesAsOf(q.When.AsOf))
		}
		parentages[i] = p
	}
	return parentages, nil
}

// unnamed says what sources tell about owners whom they do not name.
func unnamed(absences []Absence) string {
	var told []string
	for _, a := range absences {
		if text := cmp.Or(a.Reason, a.Text, a.Kind.String()); a.Direction == In && (a.Relation == Owns || a.Relation == Controls) && !slices.Contains(told, text) {
			told = append(told, text)
		}
	}
	if len(told) == 0 {
		return ""
	}
	return ", and sources say why: " + strings.Join(told, ", ")
}

// ancestries reads everybody who owns any of the entities, and works out who
// stands at their heads.
func (v *View) ancestries(ctx context.Context, ids []ID, q RelationQuery) ([]*ancestry, *stakes, error) {
	w := v.newWeb("the way to the ultimate parent", q)
	ctx, leave := w.enter(ctx)
	defer leave()
	if err := w.spread(ctx, ids, ""); err != nil {
		return nil, nil, err
	}
	g := newStakes(w)
	control := &controllers{stakes: g, controlled: make(map[int32]map[int32]bool)}
	found := make([]*ancestry, len(ids))
	for i, id := range ids {
		a, err := control.ancestry(ctx, g.index[id])
		if err != nil {
			return nil, nil, err
		}
		found[i] = a
	}
	return found, g, nil
}

// controllers remembers what everybody controls.
type controllers struct {
	stakes     *stakes
	controlled map[int32]map[int32]bool
}

func (c *controllers) controls(a, b int32) bool {
	set, ok := c.controlled[a]
	if !ok {
		set = c.stakes.controlled(a, majority)
		c.controlled[a] = set
	}
	return set[b]
}

// ancestry is what is known of who stands at the head of an entity, by place.
type ancestry struct {
	// owners are the holdings of the direct owners, largest first.
	owners []int32
	// controllers are all that control it, those that are controlled
	// themselves before their own.
	controllers []int32
	// heads are the controllers whom nobody controls.
	heads []int32
	// chain and candidates are those of Parentage.
	chain, candidates []int32
}

func (c *controllers) ancestry(ctx context.Context, of int32) (*ancestry, error) {
	g := c.stakes
	a := &ancestry{owners: g.owners(of)}
	seen := map[int32]bool{of: true}
	for queue := []int32{of}; len(queue) > 0; queue = queue[1:] {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		above := slices.Clone(g.ruledBy[queue[0]])
		for _, at := range g.in[queue[0]] {
			above = append(above, g.holdings[at].from)
		}
		for _, from := range above {
			if seen[from] {
				continue
			}
			seen[from] = true
			queue = append(queue, from)
			if c.controls(from, of) {
				a.controllers = append(a.controllers, from)
			}
		}
	}
	above := make(map[int32]int, len(a.controllers))
	for _, n := range a.controllers {
		for _, m := range a.controllers {
			if m != n && c.controls(m, n) {
				above[n]++
			}
		}
		if above[n] == 0 && !c.controls(of, n) {
			a.heads = append(a.heads, n)
		}
	}
	byID := func(m, n int32) int { return cmp.Compare(g.ids[m], g.ids[n]) }
	slices.SortFunc(a.controllers, func(m, n int32) int { return cmp.Or(cmp.Compare(above[n], above[m]), byID(m, n)) })
	switch {
	case len(a.controllers) == 0:
		a.candidates = g.possibleControllers(of)
	case len(a.heads) == 1:
		head := a.heads[0]
		a.chain = []int32{of}
		for _, n := range a.controllers {
			if n == head || c.controls(head, n) {
				a.chain = append(a.chain, n)
			}
		}
		a.candidates = g.possibleControllers(head)
	case len(a.heads) > 1:
		a.candidates = slices.Clone(a.heads)
	default:
		a.candidates = slices.Clone(a.controllers)
	}
	slices.SortFunc(a.candidates, byID)
	return a, nil
}

// named returns the holdings of the owners that the reason names.
func (a *ancestry) named() []int32 {
	if len(a.controllers) > 0 {
		return nil
	}
	return a.owners[:min(len(a.owners), 5)]
}

// reason is that of Parentage.
func (a *ancestry) reason(g *stakes, name func(int32) string) string {
	names := func(list []int32) string {
		var texts []string
		for _, n := range list {
			texts = append(texts, name(n))
		}
		return strings.Join(texts, ", ")
	}
	switch {
	case len(a.owners)+len(a.controllers) == 0:
		return "no owner is recorded"
	case len(a.controllers) == 0:
		var told []string
		for _, at := range a.named() {
			told = append(told, name(g.holdings[at].from)+" "+g.holdings[at].share.String())
		}
		if more := len(a.owners) - len(told); more > 0 {
			told = append(told, fmt.Sprintf("and %d more", more))
		}
		return "no owner is known to hold more than 50 %: " + strings.Join(told, ", ")
	case len(a.heads) == 0:
		return "control runs in a circle: " + names(a.candidates)
	case len(a.heads) > 1:
		return "several control it by what the sources claim: " + names(a.candidates)
	case len(a.candidates) > 0:
		return "may be controlled in turn by: " + names(a.candidates)
	}
	return ""
}

// owners returns the holdings above 0 that others have in an entity, largest lower end
// first, then largest upper end, then in order of their ids.
func (g *stakes) owners(of int32) []int32 {
	owners := slices.DeleteFunc(slices.Clone(g.in[of]), func(at int32) bool { return g.holdings[at].from == of || g.holdings[at].hi == 0 })
	slices.SortFunc(owners, func(a, b int32) int {
		x, y := &g.holdings[a], &g.holdings[b]
		return cmp.Or(cmp.Compare(y.lo, x.lo), cmp.Compare(y.hi, x.hi), cmp.Compare(g.ids[x.from], g.ids[y.from]))
	})
	return owners
}

// possibleControllers returns the direct owners, other than itself, that may hold
// a majority of an entity by themselves: their stake allows it, and so does what
// others hold at least.
func (g *stakes) possibleControllers(of int32) []int32 {
	held := 0.0
	for _, at := range g.in[of] {
		held += g.holdings[at].share.Min
	}
	var possible []int32
	for _, at := range g.in[of] {
		h := &g.holdings[at]
		if most := min(h.share.Max, 100-(held-h.share.Min)); h.from != of && most > majority+1/perPercent {
			possible = append(possible, h.from)
		}
	}
	return possible
}
