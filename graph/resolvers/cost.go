package resolvers

import (
	"keiretsu/graph/generated"
	"keiretsu/graph/model"
	"keiretsu/internal/kg"
)

// What a question costs before it has given a single value, in values: what it
// reads on the way to them. On the demo facts, where reading a thousand values
// takes about 2 ms, a walk takes 1 to 5 ms, a search 2 to 20 ms, paths 5 to 15 ms,
// and an algorithm over the whole graph up to 50 ms.
const (
	walkCost      = 2_000
	searchCost    = 3_000
	pathsCost     = 5_000
	algorithmCost = 15_000
)

// addWalks adds to the cost of fields that read far more than they give. Without
// it sixty aliases of one of them are sixty walks for the price of sixty values.
func addWalks(root *generated.ComplexityRoot) {
	q := &root.Query
	q.Rank = func(child int, _ kg.Measure, _ []kg.RelationType, _ []kg.EntityKind, _ *kg.PartialDate, first *int) int {
		return algorithmCost + entries(first)*child
	}
	q.Components = func(child int, _ []kg.RelationType, _ []kg.EntityKind, _ *kg.PartialDate, first, nodes *int) int {
		return algorithmCost + entries(first)*max(1, entries(nodes))*child
	}
	q.CountRelations = func(child int, _ []kg.RelationType, _ *model.EntityKey, _ *kg.Period, _ *kg.Certainty, _ []kg.GroupBy, first *int) int {
		return walkCost + entries(first)*child
	}
	q.LargestDeals = func(child int, _ string, _ []kg.RelationType, _ *model.EntityKey, _ *kg.Period, _ *kg.Certainty, first *int) int {
		return walkCost + entries(first)*child
	}
	q.Paths = func(child int, _, _ model.EntityKey, _, first *int, _ []kg.RelationType, _ *kg.PartialDate) int {
		return pathsCost + entries(first)*child
	}
	q.Neighborhood = func(child int, _ model.EntityKey, _ *int, _ []kg.RelationType, _ *kg.PartialDate, limit *int) int {
		return walkCost + entries(limit)*child
	}
	q.Ownership = func(child int, _, _ model.EntityKey, _ *float64, _ *kg.PartialDate) int {
		return walkCost + child
	}
	for _, candidates := range []*func(int, *int) int{
		&root.Company.Candidates, &root.Organization.Candidates, &root.Person.Candidates, &root.Product.Candidates, &root.Segment.Candidates,
		&root.Place.Candidates, &root.Event.Candidates, &root.Work.Candidates, &root.Concept.Candidates,
	} {
		*candidates = func(child int, first *int) int { return searchCost + or(first, 10)*child }
	}
	q.MergeCandidates = func(child int, _ *float64, first *int, _ *string) int {
		return algorithmCost + or(first, kg.DefaultCandidatePairs)*child
	}
	search := q.Search
	q.Search = func(child int, text string, kinds []kg.EntityKind, first *int, after *string) int {
		return searchCost + search(child, text, kinds, first, after)
	}
	timeline := q.Timeline
	q.Timeline = func(
		child int, of model.EntityKey, during *kg.Period, certainty *kg.Certainty, kinds []kg.EventKind, first *int, after *string,
	) int {
		return walkCost + timeline(child, of, during, certainty, kinds, first, after)
	}
	traverse := q.Traverse
	q.Traverse = func(child int, from []*model.EntityKey, steps []*model.Step, asOf *kg.PartialDate, first *int, after *string) int {
		return walkCost + traverse(child, from, steps, asOf, first, after)
	}
}

// mostEntries is more than any of these fields gives at once: asking for more
// is refused when the argument is read, and need not cost more.
const mostEntries = 2_000

func entries(argument *int) int {
	if argument == nil {
		return 1
	}
	return min(max(*argument, 0), mostEntries)
}
