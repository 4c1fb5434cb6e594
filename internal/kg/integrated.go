package kg

import (
	"context"
	"math"
	"slices"
)

// This file solves for integrated ownership; ownership.go says what that is.

// almost is how far two sums of fractions may lie apart and still be one:
// rounding, not a difference of stakes.
const almost = 1e-12

// integration works out the integrated ownership of one owner after another
// over the same stakes. It is used by one goroutine.
//
// For either end of the stakes it looks for the least solution of
//
//	y[j] = min(1, Σ y[k]·w(k,j)), y[owner] = 1, nothing flowing into the owner
//
// which exists, grows with every stake, and is the plain linear one where no
// company is claimed for more than all of it. What the owner does not reach over
// stakes above 0 has none of it. The rest is taken apart into its strongly
// connected components and solved one after the other, owners before owned: so
// there is an equation only where companies hold one another.
//
// The solution of such a knot is unique. It is reached, so something flows into
// it, and all its companies pass something on to one another, so all have more
// than nothing. Of two solutions x and z let t be the largest number for which
// x ≥ t·z, met by company j. If t were below 1, then j, with t times what z gives
// it, could have nothing from outside the knot, which is the same in both, and
// from within only companies that meet t as well; so the whole knot would meet
// it, and nothing would flow into it. Hence x ≥ z, and likewise z ≥ x.
type integration struct {
	stakes *stakes
	// By place in the stakes: the ends in fractions, whether they are open,
	// and the places where anything else than zero stands.
	lo, hi         []float64
	loOpen, hiOpen []bool
	touched        []int32
	// Tarjan's: the number of visiting, the lowest number reached, the number
	// of the component, all from 1; and the place inside a knot.
	number, low, component, inside []int32
}

func (g *stakes) integration() *integration {
	n := len(g.ids)
	return &integration{
		stakes: g, lo: make([]float64, n), hi: make([]float64, n), loOpen: make([]bool, n), hiOpen: make([]bool, n),
		number: make([]int32, n), low: make([]int32, n), component: make([]int32, n), inside: make([]int32, n),
	}
}

// of works out what the owner has of everything else; share tells it.
func (s *integration) of(ctx context.Context, owner int32) error {
	for _, n := range s.touched {
		s.lo[n], s.hi[n], s.loOpen[n], s.hiOpen[n] = 0, 0, false, false
	}
	s.touched = s.touched[:0]
	if err := s.solve(ctx, owner, s.hi, func(h *holding) float64 { return h.hi }, true); err != nil {
		return err
	}
	if s.stakes.exact {
		for _, n := range s.touched {
			s.lo[n] = s.hi[n]
		}
		return nil
	}
	if err := s.solve(ctx, owner, s.lo, func(h *holding) float64 { return h.lo }, false); err != nil {
		return err
	}
	if s.stakes.open {
		s.openEnds(owner)
	}
	return nil
}

// share returns the owner's share of the entity at the place.
func (s *integration) share(n int32) Share {
	return roundedShare(100*s.lo[n], 100*s.hi[n], s.loOpen[n], s.hiOpen[n])
}

// solve fills in one end. Where a knot is too large to be solved directly, the
// value comes from above or from below, so that it errs on the wide side.
func (s *integration) solve(ctx context.Context, owner int32, value []float64, weight func(*holding) float64, above bool) error {
	components := s.components(owner, weight)
	for _, component := range slices.Backward(components) {
		s.touched = append(s.touched, component...)
		if component[0] == owner {
			value[owner] = 1
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		k := knot{inflow: make([]float64, len(component)), ties: make([][]tie, len(component))}
		for i, n := range component {
			s.inside[n] = int32(i)
		}
		tied := false
		for i, n := range component {
			for _, at := range s.stakes.in[n] {
				h := &s.stakes.holdings[at]
				w := weight(h)
				switch {
				case w == 0 || s.component[h.from] == 0:
				case s.component[h.from] == s.component[n]:
					k.ties[i] = append(k.ties[i], tie{s.inside[h.from], w})
					tied = true
				default:
					k.inflow[i] += value[h.from] * w
				}
			}
		}
		if !tied {
			value[component[0]] = min(1, k.inflow[0])
			continue
		}
		solved, err := k.solve(ctx, above)
		if err != nil {
			return err
		}
		for i, n := range component {
			value[n] = solved[i]
		}
	}
	for _, component := range components {
		for _, n := range component {
			s.number[n], s.component[n] = 0, 0
		}
	}
	return nil
}

// components returns the strongly connected components of what the owner reaches
// over weights above 0, itself apart, each before those that lead to it (Tarjan
// 1972, with a stack of its own in place of recursion).
func (s *integration) components(owner int32, weight func(*holding) float64) [][]int32 {
	type visit struct {
		node int32
		next int // among the holdings of the node
	}
	var components [][]int32
	var path []visit
	var open []int32
	count := int32(0)
	begin := func(n int32) {
		count++
		s.number[n], s.low[n] = count, count
		open, path = append(open, n), append(path, visit{node: n})
	}
	begin(owner)
	for len(path) > 0 {
		v := &path[len(path)-1]
		if out := s.stakes.out[v.node]; v.next < len(out) {
			h := &s.stakes.holdings[out[v.next]]
			v.next++
			switch to := h.to; {
			case to == owner || weight(h) == 0 || s.component[to] != 0:
			case s.number[to] == 0:
				begin(to)
			default:
				s.low[v.node] = min(s.low[v.node], s.number[to])
			}
			continue
		}
		n := v.node
		path = path[:len(path)-1]
		if len(path) > 0 {
			above := path[len(path)-1].node
			s.low[above] = min(s.low[above], s.low[n])
		}
		if s.low[n] == s.number[n] {
			first := slices.Index(open, n)
			component := slices.Clone(open[first:])
			open = open[:first]
			for _, m := range component {
				s.component[m] = int32(len(components) + 1)
			}
			components = append(components, component)
		}
	}
	return components
}

// openEnds finds the ends that no choice within the stakes attains. A company's
// end is open where that of a stake in it is, or of an owner's share, and the
// other of the two is above 0; and where it is not capped.
func (s *integration) openEnds(owner int32) {
	queue := slices.Clone(s.touched)
	positive := func(n int32) bool { return s.lo[n] > 0 || s.loOpen[n] }
	for len(queue) > 0 {
		from := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, at := range s.stakes.out[from] {
			h := &s.stakes.holdings[at]
			if h.to == owner {
				continue
			}
			changed := false
			if !s.loOpen[h.to] && s.lo[h.to] < 1-almost && (h.share.MinOpen || s.loOpen[from]) &&
				positive(from) && (h.lo > 0 || h.share.MinOpen) {
				s.loOpen[h.to], changed = true, true
			}
			if !s.hiOpen[h.to] && (h.share.MaxOpen || s.hiOpen[from]) && s.hi[from] > 0 && h.hi > 0 && !s.overclaimed(h.to) {
				s.hiOpen[h.to], changed = true, true
			}
			if changed {
				queue = append(queue, h.to)
			}
		}
	}
}

// overclaimed reports that the largest shares flowing into an entity come to
// more than all of it.
func (s *integration) overclaimed(n int32) bool {
	if s.hi[n] < 1-almost {
		return false
	}
	sum := 0.0
	for _, at := range s.stakes.in[n] {
		h := &s.stakes.holdings[at]
		sum += s.hi[h.from] * h.hi
	}
	return sum > 1+almost
}

// knot is a strongly connected component: companies that hold one another, with
// what flows into each from without and from which others it flows.
type knot struct {
	inflow []float64
	ties   [][]tie
}

type tie struct {
	from   int32
	weight float64
}

// densest is the size up to which a knot is solved directly.
const densest = 200

func (k *knot) solve(ctx context.Context, above bool) ([]float64, error) {
	n := len(k.inflow)
	if slices.Max(k.inflow) == 0 { // lost to rounding: chains of next to nothing
		return make([]float64, n), nil
	}
	if n <= densest {
		all := slices.Repeat([]bool{true}, n)
		if y, ok := k.linear(all); ok {
			return y, nil
		}
		if y, ok, err := k.release(ctx); ok || err != nil {
			return y, err
		}
	}
	return k.sweep(ctx, above)
}

// release solves a knot in which stakes are claimed for more than all of a
// company. It begins with every company at 1, the cap, and lets go of those to
// which less flows, solving for them as if the others stayed: what flows can only
// shrink by that, and stays when no more are let go of.
func (k *knot) release(ctx context.Context) (y []float64, ok bool, err error) {
	free := make([]bool, len(k.inflow))
	y = slices.Repeat([]float64{1}, len(free))
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, false, err
		}
		let := false
		for j := range free {
			if !free[j] && k.flow(j, y) < 1-almost {
				free[j], let = true, true
			}
		}
		if !let {
			return y, true, nil
		}
		if y, ok = k.linear(free); !ok {
			return nil, false, nil
		}
	}
}

// flow is what flows into a company.
func (k *knot) flow(j int, y []float64) float64 {
	sum := k.inflow[j]
	for _, t := range k.ties[j] {
		sum += y[t.from] * t.weight
	}
	return sum
}

// linear solves for the free companies, the others being at 1, by Gaussian
// elimination with partial pivoting. It fails where the system is singular or
// its solution is not between 0 and 1.
func (k *knot) linear(free []bool) ([]float64, bool) {
	row := make([]int, len(free))
	n := 0
	for j := range free {
		if free[j] {
			row[j] = n
			n++
		}
	}
	cells := make([]float64, n*(n+1))
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = cells[i*(n+1) : (i+1)*(n+1)]
	}
	for j := range free {
		if !free[j] {
			continue
		}
		r := rows[row[j]]
		r[row[j]] = 1
		r[n] = k.inflow[j]
		for _, t := range k.ties[j] {
			if free[t.from] {
				r[row[t.from]] -= t.weight
			} else {
				r[n] += t.weight
			}
		}
	}
	if !eliminate(rows) {
		return nil, false
	}
	y := slices.Repeat([]float64{1}, len(free))
	for j := range free {
		if !free[j] {
			continue
		}
		solved := rows[row[j]][n]
		if !(solved >= -almost && solved <= 1+almost) {
			return nil, false
		}
		y[j] = min(1, max(0, solved))
	}
	return y, true
}

// eliminate solves the rows, whose last cell is the right-hand side, in place;
// the solution is left there. It reports false where they are singular.
func eliminate(rows [][]float64) bool {
	n := len(rows)
	for c := range n {
		pivot := c
		for i := c + 1; i < n; i++ {
			if math.Abs(rows[i][c]) > math.Abs(rows[pivot][c]) {
				pivot = i
			}
		}
		if math.Abs(rows[pivot][c]) < almost {
			return false
		}
		rows[c], rows[pivot] = rows[pivot], rows[c]
		for i := c + 1; i < n; i++ {
			f := rows[i][c] / rows[c][c]
			if f == 0 {
				continue
			}
			for j := c; j <= n; j++ {
				rows[i][j] -= f * rows[c][j]
			}
		}
	}
	for c := n - 1; c >= 0; c-- {
		for j := c + 1; j < n; j++ {
			rows[c][n] -= rows[c][j] * rows[j][n]
		}
		rows[c][n] /= rows[c][c]
	}
	return true
}

// settled is the change below which sweep takes its values for the solution.
const settled = 1e-14

// sweep solves a knot by passing through its companies again and again, falling
// from 1 or rising from 0 until nothing changes any more.
func (k *knot) sweep(ctx context.Context, above bool) ([]float64, error) {
	y := make([]float64, len(k.inflow))
	if above {
		y = slices.Repeat([]float64{1}, len(y))
	}
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		change := 0.0
		for j := range y {
			flow := min(1, k.flow(j, y))
			change = max(change, math.Abs(flow-y[j]))
			y[j] = flow
		}
		if change < settled {
			return y, nil
		}
	}
}
