package kg

import (
	"cmp"
	"context"
	"time"
)

// Budget bounds what one field of a request may read when it walks the graph.
type Budget struct {
	// Nodes is the largest number of entities that one walk may reach.
	Nodes int
	// Edges is the largest number of relations that one walk may read.
	Edges int
	// Time is how long one walk may take.
	Time time.Duration
}

// DefaultBudget answers on a graph of millions of relations within a few seconds.
var DefaultBudget = Budget{Nodes: 50_000, Edges: 500_000, Time: 5 * time.Second}

func (b Budget) withDefaults() Budget {
	return Budget{
		Nodes: cmp.Or(b.Nodes, DefaultBudget.Nodes),
		Edges: cmp.Or(b.Edges, DefaultBudget.Edges),
		Time:  cmp.Or(b.Time, DefaultBudget.Time),
	}
}

// walk is one walk through a view, with what is left of its budget. It is used
// by one goroutine.
type walk struct {
	view         *View
	what         string
	budget       Budget
	nodes, edges int
}

// walkLess says what to do about a walk that is too long.
const walkLess = "ask for fewer steps, fewer types or a shorter length"

// newWalk begins a walk; what names it in errors. The context it returns ends
// with the walk's time and must be cancelled.
func (v *View) newWalk(ctx context.Context, what string) (*walk, context.Context, context.CancelFunc) {
	w := &walk{view: v, what: what, budget: v.budget}
	cause := tooComplexf("%s took longer than %s; %s", what, v.budget.Time, walkLess)
	ctx, cancel := context.WithTimeoutCause(ctx, v.budget.Time, cause)
	return w, ctx, cancel
}

// reach counts entities that the walk has come to.
func (w *walk) reach(n int) error {
	if w.nodes += n; w.nodes > w.budget.Nodes {
		return tooComplexf("%s reaches more than %d entities; %s", w.what, w.budget.Nodes, walkLess)
	}
	return nil
}

// relations calls visit with every relation that the query finds, in its order,
// until visit returns false. It is one call of the store.
func (w *walk) relations(ctx context.Context, q RelationQuery, visit func(Edge) bool) error {
	for e, err := range w.view.snap.Relations(ctx, q) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		if w.edges++; w.edges > w.budget.Edges {
			return tooComplexf("%s reads more than %d relations; %s", w.what, w.budget.Edges, walkLess)
		}
		if !visit(e) {
			return nil
		}
	}
	return nil
}
