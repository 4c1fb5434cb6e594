package kg

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"
)

// This file answers how much of one entity belongs to another. control.go
// answers who decides, which is another question; integrated.go does the sums.
//
// # Integrated ownership
//
// Let w(k,j) be the part of j that k holds. The integrated ownership of an owner
// in j is what it holds itself and what it has of others' holdings:
//
//	y(j) = w(owner,j) + Σ y(k)·w(k,j), over all k other than the owner
//
// that is y = w + y·W with the owner's own row taken out and its column, its
// incoming holdings, removed: what others hold of the owner is not the owner's.
// Over a chain stakes multiply, over several chains they add, and where companies
// hold one another the equations take the sum over every turn of the circle.
// Where P holds 60 % of A and 40 % of B, A holds 30 % of B and B 20 % of A, P has
// 72.3404 % of A and 61.7021 % of B.
//
// The definition is that of F. Brioschi, L. Buzzacchi and M. G. Colombo, "Risk
// capital financing and the separation of ownership and control in business
// groups", Journal of Banking and Finance 13 (1989), with the owner's own loops
// taken out as S. Baldone, F. Brioschi and S. Paleari do in "Ownership measures
// among firms connected by cross-shareholdings and a further analogy with
// input-output theory" (1998); without that, an owner who is owned in turn would
// have more of a company than there is. A. Chapelle and A. Szafarz, "Controlling
// firms through the majority voting rule", Physica A 355 (2005), set it beside
// control.
//
// # Intervals
//
// Stakes are intervals, and so is what follows from them: the lower end is the
// solution for the lower ends of all stakes, the upper end that for the upper
// ends. Both are least solutions in which no entity is more than wholly owned:
// where sources claim more than 100 % of a company, or nothing is known of stakes
// in a circle, the value is capped at 100 there and passed on as such. Whatever
// the stakes are within their intervals, the answer for them lies in the answer.
// That owners leave less for one another when one of them has more is not made
// use of. An end is open only where no choice of stakes attains it.
//
// # What counts
//
// Relations of type OWNS that their dates do not rule out on the day. Those
// without a stake have [0,100]. An indirect interest that a source declares is a
// summary of chains and counts for nothing by itself. Control that is no share
// (CONTROLS) is no ownership either.
//
// Several holdings of one owner in one company on one day are statements about
// one holding; later stakes have closed earlier ones (derive.go). A share
// that allows all that another one does says nothing more and is left out. If
// the others have a value in common, the holding is what they have in common; if
// not, sources contradict each other, and the holding is the smallest interval
// that covers them all.

// Bounds of the chains in a report.
const (
	// MaxChains is the largest number of chains.
	MaxChains = 20
	// MaxChainLength is the largest number of holdings in one chain.
	MaxChainLength = 10
)

// OwnershipReport says how much of one entity belongs to another.
type OwnershipReport struct {
	// Effective is the owner's integrated ownership: all chains, circles of
	// any length included, so that it can be more than the chains add up to.
	Effective Share
	// Controls: the owner, or companies it controls, together hold more than
	// the threshold of the entity (control.go).
	Controls bool
	// Chains are the ways from the owner to the owned, none of which passes
	// an entity twice, largest first: by the lower end of the share, then by
	// the upper end (both to ten digits behind the point), then by length,
	// then by the ids of the entities passed.
	Chains []*OwnershipChain
	// MoreChains: there may be further chains, smaller or longer ones.
	MoreChains bool
	// Unexplained is what the direct holdings of all recorded owners leave of
	// the entity, never below 0.
	Unexplained Share
}

// OwnershipChain is one way on which a share is held. Where several relations
// state one of its holdings, the link is the narrowest one that counts, the first
// by Place among equals.
type OwnershipChain struct {
	*Walk
	// Share is the product of the holdings.
	Share Share
}

// Ownership reports how much of owned belongs to owner on the day asOf, nil for
// the day of the view's clock, else today. The threshold of control is in percent
// and exclusive.
//
// The walk goes from the owned to its owners and theirs, one call of the store a
// level; past the budget it is an ErrTooComplex.
func (v *View) Ownership(ctx context.Context, owner, owned ID, threshold float64, asOf *Day) (*OwnershipReport, error) {
	report := &OwnershipReport{}
	var ids []ID
	var found []chain
	var holdings []holding
	err := v.look(ctx, owner, owned, threshold, asOf, func(ctx context.Context, g *stakes, owner, owned int32) (err error) {
		report.Unexplained = g.unexplained(owned)
		if owner < 0 {
			return nil
		}
		sums := g.integration()
		if err := sums.of(ctx, owner); err != nil {
			return err
		}
		report.Effective = sums.share(owned)
		report.Controls = g.controlled(owner, threshold)[owned]
		ids, holdings = g.ids, g.holdings
		found, report.MoreChains, err = g.chains(ctx, owner, owned)
		return err
	})
	if err != nil {
		return nil, err
	}
	ways := make([]way, len(found))
	var stops []ID
	for i, c := range found {
		w := &ways[i]
		for _, at := range c.holdings {
			w.stops, w.relations = append(w.stops, ids[holdings[at].from]), append(w.relations, holdings[at].link)
		}
		w.stops = append(w.stops, ids[holdings[c.holdings[len(c.holdings)-1]].to])
		stops = append(stops, w.stops...)
	}
	walks, err := v.walks(ctx, v.newCohort(stops), ways)
	if err != nil {
		return nil, err
	}
	for i, w := range walks {
		report.Chains = append(report.Chains, &OwnershipChain{w, found[i].share})
	}
	return report, nil
}

// look checks the arguments of questions about an owner and an owned, reads
// everything that bears on them, and lets work answer. The places of the two
// are those in the stakes; that of the owner is -1 where nothing it holds leads
// to the owned.
func (v *View) look(ctx context.Context, owner, owned ID, threshold float64, asOf *Day,
	work func(ctx context.Context, g *stakes, owner, owned int32) error,
) error {
	if !(threshold >= 0 && threshold <= 100) {
		return Invalidf("threshold", "a threshold is a number of percent from 0 to 100, not %v", threshold)
	}
	ends := []ID{owner, owned}
	entities, err := v.entities(ctx, ends)
	if err != nil {
		return err
	}
	for i, argument := range []string{"owner", "owned"} {
		if entities[i] == nil {
			return Invalidf(argument, "there is no entity with the id %q", clip(string(ends[i])))
		}
		ends[i] = entities[i].ID
	}
	if ends[0] == ends[1] {
		return Invalidf("owned", "owner and owned are the same entity, %s", ends[0])
	}
	q, err := controlQuery(v, asOf)
	if err != nil {
		return err
	}
	w := v.newWeb("the ownership", q)
	ctx, leave := w.enter(ctx)
	defer leave()
	if err := w.spread(ctx, ends[1:], ends[0]); err != nil {
		return err
	}
	g := newStakes(w)
	at, ok := g.index[ends[0]]
	if !ok {
		at = -1
	}
	return work(ctx, g, at, g.index[ends[1]])
}

// stakes is who holds how much of whom on one day.
type stakes struct {
	ids      []ID
	index    map[ID]int32 // places in ids
	holdings []holding
	out, in  [][]int32 // holdings of and in the entity at the place
	// rules are those whom the entity at the place controls by what sources
	// say of it, whatever it holds; ruledBy those who control it.
	rules, ruledBy [][]int32
	// exact: every holding is one number. open: some end of some is open.
	exact, open bool
}

// holding is what one entity holds of another.
type holding struct {
	from, to int32
	share    Share
	lo, hi   float64 // ends of the share as fractions
	link     *Relation
}

// newStakes makes stakes of the relations that have been read of a web.
func newStakes(w *web) *stakes {
	g := &stakes{index: make(map[ID]int32, len(w.known)), exact: true}
	place := func(id ID) int32 {
		at, ok := g.index[id]
		if !ok {
			at = int32(len(g.ids))
			g.ids, g.index[id] = append(g.ids, id), at
			g.out, g.in = append(g.out, nil), append(g.in, nil)
			g.rules, g.ruledBy = append(g.rules, nil), append(g.ruledBy, nil)
		}
		return at
	}
	for _, id := range w.order {
		here := place(id)
		var fars []int32
		stated := make(map[int32][]*Relation)
		for _, r := range w.read[id] {
			far := place(w.far(r))
			if r.Type == Controls {
				from, to := place(r.From), place(r.To)
				g.rules[from], g.ruledBy[to] = append(g.rules[from], to), append(g.ruledBy[to], from)
				continue
			}
			if stated[far] == nil {
				fars = append(fars, far)
			}
			stated[far] = append(stated[far], r)
		}
		for _, far := range fars {
			h := holding{from: here, to: far}
			if w.query.Direction == In {
				h.from, h.to = far, here
			}
			h.share, h.link = oneHolding(stated[far])
			h.lo, h.hi = h.share.Min/100, h.share.Max/100
			_, exact := h.share.Exact()
			g.exact = g.exact && exact
			g.open = g.open || h.share.MinOpen || h.share.MaxOpen
			at := int32(len(g.holdings))
			g.holdings = append(g.holdings, h)
			g.out[h.from], g.in[h.to] = append(g.out[h.from], at), append(g.in[h.to], at)
		}
	}
	return g
}

// oneHolding makes one holding of relations that speak of it, in order of their
// places, and names the one that shows it.
func oneHolding(relations []*Relation) (Share, *Relation) {
	var telling []*Relation
	for _, r := range relations {
		if r.Stake == nil || slices.ContainsFunc(telling, func(s *Relation) bool { return s.Stake.lies(*r.Stake) }) {
			continue
		}
		telling = slices.DeleteFunc(telling, func(s *Relation) bool { return r.Stake.lies(*s.Stake) })
		telling = append(telling, r)
	}
	if len(telling) == 0 {
		return UnknownShare, relations[0]
	}
	common, cover, agree := *telling[0].Stake, *telling[0].Stake, true
	link := telling[0]
	for _, r := range telling[1:] {
		if agree {
			common, agree = common.Intersect(*r.Stake)
		}
		cover = cover.cover(*r.Stake)
		if shareWidth(r.Stake) < shareWidth(link.Stake) {
			link = r
		}
	}
	if !agree {
		common = cover
	}
	return common, link
}

// lies reports that t allows all that s does.
func (s Share) lies(t Share) bool {
	return (s.Min > t.Min || s.Min == t.Min && (s.MinOpen || !t.MinOpen)) && (s.Max < t.Max || s.Max == t.Max && (s.MaxOpen || !t.MaxOpen))
}

// cover returns the smallest interval that allows all that either share does.
func (s Share) cover(t Share) Share {
	c := Share{Min: min(s.Min, t.Min), Max: max(s.Max, t.Max)}
	c.MinOpen = (s.MinOpen || s.Min > c.Min) && (t.MinOpen || t.Min > c.Min)
	c.MaxOpen = (s.MaxOpen || s.Max < c.Max) && (t.MaxOpen || t.Max < c.Max)
	return c
}

// perPercent is the number of steps in which computed shares are told: finer than
// any source states, coarser than what rounding leaves.
const perPercent = 1e9

// roundedShare returns the share between two computed ends.
func roundedShare(lo, hi float64, loOpen, hiOpen bool) Share {
	rounded := func(f float64) float64 { return math.Round(min(100, max(0, f))*perPercent) / perPercent }
	s := Share{Min: rounded(lo), Max: rounded(hi), MinOpen: loOpen, MaxOpen: hiOpen}
	if s.Max-s.Min < 1.5/perPercent {
		return ExactShare(s.Max)
	}
	return s
}

// unexplained returns what the direct holdings leave of the entity at the place.
func (g *stakes) unexplained(of int32) Share {
	var sum Share
	for _, at := range g.in[of] {
		h := &g.holdings[at].share
		sum.Min, sum.Max = sum.Min+h.Min, sum.Max+h.Max
		sum.MinOpen, sum.MaxOpen = sum.MinOpen || h.MinOpen, sum.MaxOpen || h.MaxOpen
	}
	over := sum.Max > 100+1/perPercent
	return roundedShare(100-sum.Max, 100-sum.Min, sum.MaxOpen && !over, sum.MinOpen)
}

// searchLimit bounds the steps of the search for chains.
const searchLimit = 20_000

// chain is one way of holdings.
type chain struct {
	holdings []int32
	share    Share
}

// trail is a chain on its way to the owned, placed by the most that it can still
// come to.
type trail struct {
	chain
	stops []int32
	// most are the ends of the largest share of which it can become a part,
	// in units of the ranking; least is its length then.
	most  [2]int64
	least int
}

// chains returns the largest loop-free chains from owner to owned in the order of
// OwnershipReport; more reports that there may be others.
//
// The search takes up the most promising trail first, so that a chain is
// complete before any trail that could lead to a larger one is left.
func (g *stakes) chains(ctx context.Context, owner, owned int32) (found []chain, more bool, err error) {
	ahead := g.prospects(owned)
	if _, ok := ahead[owner]; !ok {
		return nil, false, nil
	}
	trails := &queue[trail]{before: func(a, b trail) bool { return g.compareTrails(a, b) < 0 }}
	heap.Push(trails, trail{chain: chain{share: WholeShare}, stops: []int32{owner}})
	for steps := 0; trails.Len() > 0; steps++ {
		if len(found) == MaxChains || steps == searchLimit {
			return found, true, nil
		}
		if steps%1000 == 0 {
			if err := context.Cause(ctx); err != nil {
				return nil, false, err
			}
		}
		t := heap.Pop(trails).(trail)
		last := t.stops[len(t.stops)-1]
		if last == owned {
			t.share = roundedShare(t.share.Min, t.share.Max, t.share.MinOpen, t.share.MaxOpen)
			found = append(found, t.chain)
			continue
		}
		for _, at := range g.out[last] {
			h := &g.holdings[at]
			p, ok := ahead[h.to]
			if !ok || h.hi == 0 || slices.Contains(t.stops, h.to) {
				continue
			}
			next := trail{
				chain: chain{append(slices.Clone(t.holdings), at), t.share.Times(h.share)},
				stops: append(slices.Clone(t.stops), h.to), least: len(t.stops) + p.length,
			}
			if next.least > MaxChainLength {
				more = true
				continue
			}
			next.most = [2]int64{rank(next.share.Min*p.lo, h.to != owned), rank(next.share.Max*p.hi, h.to != owned)}
			heap.Push(trails, next)
		}
	}
	return found, more, nil
}

// rank turns percent into units of the ranking. A bound of what a trail can
// become is rounded up, since factors taken in another order round otherwise;
// nothing and everything are what they are in any order.
func rank(percent float64, bound bool) int64 {
	r := int64(math.Round(percent * 1e10))
	if bound && percent > 0 && percent < 100 {
		r++
	}
	return r
}

func (g *stakes) compareTrails(a, b trail) int {
	return cmp.Or(
		cmp.Compare(b.most[0], a.most[0]), cmp.Compare(b.most[1], a.most[1]), cmp.Compare(a.least, b.least),
		slices.CompareFunc(a.stops, b.stops, func(x, y int32) int { return cmp.Compare(g.ids[x], g.ids[y]) }),
	)
}

// prospect is the most that can still be reached of a share, and the least
// number of holdings there.
type prospect struct {
	lo, hi float64
	length int
}

// prospects returns, for everything that leads to the owned, the best product of
// either end on a way there and the length of a shortest way (Dijkstra, on
// factors of at most 1).
func (g *stakes) prospects(owned int32) map[int32]prospect {
	ahead := map[int32]prospect{owned: {1, 1, 0}}
	for frontier := []int32{owned}; len(frontier) > 0; {
		var next []int32
		for _, n := range frontier {
			for _, at := range g.in[n] {
				h := &g.holdings[at]
				if _, ok := ahead[h.from]; !ok && h.hi > 0 {
					ahead[h.from] = prospect{length: ahead[n].length + 1}
					next = append(next, h.from)
				}
			}
		}
		frontier = next
	}
	best := func(factor func(*holding) float64, value func(*prospect) *float64) {
		type offer struct {
			node  int32
			value float64
		}
		offers := &queue[offer]{before: func(a, b offer) bool { return a.value > b.value }}
		done := make(map[int32]bool)
		for heap.Push(offers, offer{owned, 1}); offers.Len() > 0; {
			o := heap.Pop(offers).(offer)
			if done[o.node] {
				continue
			}
			done[o.node] = true
			p := ahead[o.node]
			*value(&p) = o.value
			ahead[o.node] = p
			for _, at := range g.in[o.node] {
				if h := &g.holdings[at]; factor(h) > 0 && !done[h.from] {
					heap.Push(offers, offer{h.from, o.value * factor(h)})
				}
			}
		}
	}
	best(func(h *holding) float64 { return h.lo }, func(p *prospect) *float64 { return &p.lo })
	best(func(h *holding) float64 { return h.hi }, func(p *prospect) *float64 { return &p.hi })
	return ahead
}

// queue is a heap (container/heap) of things with an order.
type queue[T any] struct {
	items  []T
	before func(a, b T) bool
}

func (q *queue[T]) Len() int           { return len(q.items) }
func (q *queue[T]) Less(i, j int) bool { return q.before(q.items[i], q.items[j]) }
func (q *queue[T]) Swap(i, j int)      { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue[T]) Push(x any)         { q.items = append(q.items, x.(T)) }

func (q *queue[T]) Pop() any {
	last := q.items[len(q.items)-1]
	q.items = q.items[:len(q.items)-1]
	return last
}
