package analysis

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/graph/network"
	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"keiretsu/internal/kg"
)

// The bounds. They keep an answer within a few seconds on one core.
const (
	// maxEdges bounds the edges that PageRank and components take.
	maxEdges = 500_000
	// maxWork bounds entities times edges, to which the time of betweenness
	// is proportional.
	maxWork = 1_000_000
)

const (
	damping = 0.85
	// gonum starts PageRank anywhere and adds in any order. It is run until
	// that makes no difference at the eighth decimal place, and no more places
	// are told, so that equal questions have equal answers.
	tolerance = 1e-13
	digits    = 1e8
)

// Score is an entity with its rank.
type Score struct {
	ID kg.ID
	// Value is between 0 and 1 for PageRank, where all values add up to 1, and
	// a number of ways for betweenness.
	Value float64
}

// Rank returns the entities of the list by a measure, largest first, equals by
// id. A list beyond the bound is a *kg.TooComplexError. A context that is done
// stops it before it begins, not in the middle.
func Rank(ctx context.Context, log *slog.Logger, list *kg.EdgeList, by kg.Measure) ([]Score, error) {
	if err := admit(ctx, list); err != nil {
		return nil, err
	}
	if len(list.IDs) == 0 {
		return nil, nil
	}
	defer report(log, by.String(), list)()
	var values map[int64]float64
	switch by {
	case kg.PageRank:
		values = network.PageRankSparse(directed(list), damping, tolerance)
	case kg.Betweenness:
		if work := len(list.IDs) * len(list.Edges); work > maxWork {
			return nil, &kg.TooComplexError{Reason: fmt.Sprintf(
				"betweenness of %d entities and %d relations is too much for one request (at most %d when multiplied); ask for fewer types or kinds",
				len(list.IDs), len(list.Edges), maxWork)}
		}
		values = network.Betweenness(undirected(list))
	default:
		return nil, kg.Invalidf("by", "name a measure: PAGERANK or BETWEENNESS")
	}
	scores := make([]Score, len(list.IDs))
	for i, id := range list.IDs {
		scores[i] = Score{id, math.Round(values[int64(i)]*digits) / digits}
	}
	slices.SortFunc(scores, func(a, b Score) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), strings.Compare(string(a.ID), string(b.ID)))
	})
	return scores, nil
}

// Components returns the connected components of the list, relations taken in
// either direction: each in order of id, the largest first, equals by first id.
func Components(ctx context.Context, log *slog.Logger, list *kg.EdgeList) ([][]kg.ID, error) {
	if err := admit(ctx, list); err != nil {
		return nil, err
	}
	defer report(log, "components", list)()
	var components [][]kg.ID
	for _, nodes := range topo.ConnectedComponents(undirected(list)) {
		ids := make([]kg.ID, len(nodes))
		for i, n := range nodes {
			ids[i] = list.IDs[n.ID()]
		}
		slices.Sort(ids)
		components = append(components, ids)
	}
	slices.SortFunc(components, func(a, b []kg.ID) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(string(a[0]), string(b[0])))
	})
	return components, nil
}

func admit(ctx context.Context, list *kg.EdgeList) error {
	if len(list.Edges) > maxEdges {
		return &kg.TooComplexError{Reason: fmt.Sprintf(
			"%d relations are too many for one request (at most %d); ask for fewer types or kinds", len(list.Edges), maxEdges)}
	}
	return ctx.Err()
}

// report says in the log that an algorithm has begun, and returns what says that it is done.
func report(log *slog.Logger, what string, list *kg.EdgeList) func() {
	began := time.Now()
	attributes := []any{slog.String("algorithm", what), slog.Int("entities", len(list.IDs)), slog.Int("relations", len(list.Edges))}
	log.Info("analysis begins", attributes...)
	return func() {
		log.Info("analysis is done", append(attributes, slog.Duration("took", time.Since(began).Round(time.Millisecond)))...)
	}
}

func directed(list *kg.EdgeList) *simple.DirectedGraph {
	g := simple.NewDirectedGraph()
	for i := range list.IDs {
		g.AddNode(simple.Node(i))
	}
	for _, e := range list.Edges {
		g.SetEdge(g.NewEdge(simple.Node(e[0]), simple.Node(e[1])))
	}
	return g
}

func undirected(list *kg.EdgeList) *simple.UndirectedGraph {
	g := simple.NewUndirectedGraph()
	for i := range list.IDs {
		g.AddNode(simple.Node(i))
	}
	for _, e := range list.Edges {
		g.SetEdge(g.NewEdge(simple.Node(e[0]), simple.Node(e[1])))
	}
	return g
}
