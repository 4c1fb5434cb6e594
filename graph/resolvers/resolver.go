package resolvers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"keiretsu/graph/generated"
	"keiretsu/graph/model"
	"keiretsu/internal/analysis"
	"keiretsu/internal/kg"
)

// Resolver resolves the fields of the schema.
type Resolver struct {
	// Graph takes what mutations write; everything is read from the view of the
	// request.
	Graph *kg.Graph
	// Log takes the progress of what runs for seconds.
	Log *slog.Logger
}

// NewSchema returns the schema, ready to execute: it writes to the graph, and
// reads from the view in the context of the request, see model.WithViews.
func NewSchema(g *kg.Graph, log *slog.Logger) graphql.ExecutableSchema {
	c := generated.Config{Resolvers: &Resolver{Graph: g, Log: log}}
	c.Directives.At = at
	multiplyByPageSize(&c.Complexity)
	addWalks(&c.Complexity)
	c.Complexity.Update.Touched = func(child int) int { return 1 + model.MaxTouched*child }
	return generated.NewExecutableSchema(c)
}

// at is the directive @at: it turns the clocks of the request's view before any
// field is resolved.
func at(ctx context.Context, _ any, next graphql.Resolver, asOf *kg.PartialDate, knownAt *time.Time) (any, error) {
	if knownAt != nil {
		model.ViewFrom(ctx).KnownBy(*knownAt)
	}
	if asOf != nil {
		if err := model.ViewFrom(ctx).TurnTo(*asOf); err != nil {
			return nil, err
		}
	}
	return next(ctx)
}

var (
	intPointer  = reflect.TypeFor[*int]()
	textPointer = reflect.TypeFor[*string]()
)

// multiplyByPageSize sets the cost of every paged field: what stands below it
// counts once for each entry of the page. A field is known to be paged by its
// last arguments, (first, after, last, before) or (first, after), which gqlgen
// passes to the cost function behind the cost of the children.
//
// The entries of a page stand below edges and again below nodes; a client asks
// for one of the two.
func multiplyByPageSize(root *generated.ComplexityRoot) {
	types := reflect.ValueOf(root).Elem()
	for i := range types.NumField() {
		fields := types.Field(i)
		for j := range fields.NumField() {
			field := fields.Field(j)
			if first, last, paged := pageArguments(field.Type()); paged {
				field.Set(reflect.MakeFunc(field.Type(), func(args []reflect.Value) []reflect.Value {
					size := kg.DefaultPage
					for _, at := range []int{first, last} {
						if at > 0 && !args[at].IsNil() {
							size = int(args[at].Elem().Int())
						}
					}
					size = min(max(size, 0), kg.MaxPage)
					return []reflect.Value{reflect.ValueOf(1 + size*int(args[0].Int()))}
				}))
			}
		}
	}
}

// pageArguments returns where first and last stand among the arguments of a
// cost function; last is 0 where a field only pages forward.
func pageArguments(f reflect.Type) (first, last int, paged bool) {
	ends := func(types ...reflect.Type) bool {
		if f.Kind() != reflect.Func || f.NumIn() <= len(types) {
			return false
		}
		for i, t := range types {
			if f.In(f.NumIn()-len(types)+i) != t {
				return false
			}
		}
		return true
	}
	switch {
	case ends(intPointer, textPointer, intPointer, textPointer):
		return f.NumIn() - 4, f.NumIn() - 2, true
	case ends(intPointer, textPointer):
		return f.NumIn() - 2, 0, true
	}
	return 0, 0, false
}

// events reads a page of deals or other events at a company.
func events(
	ctx context.Context, m *kg.Member, t kg.RelationType, d kg.Direction, during *kg.Period, certainty *kg.Certainty, p kg.PageArgs,
) (*kg.Page[*kg.Link], error) {
	when, err := model.When(model.ViewFrom(ctx).Moment, nil, during, certainty)
	if err != nil {
		return nil, err
	}
	return m.Relations(ctx, kg.RelationFilter{Types: []kg.RelationType{t}, Direction: d, When: when}, p)
}

// states reads a page of what holds at an entity: at the moment asked for, else
// at that of the request, else today.
func states(
	ctx context.Context, m *kg.Member, t kg.RelationType, d kg.Direction, asOf *kg.PartialDate, minStake *float64, p kg.PageArgs, far ...kg.EntityKind,
) (*kg.Page[*kg.Link], error) {
	when, err := model.When(model.ViewFrom(ctx).MomentOrToday, asOf, nil, nil)
	if err != nil {
		return nil, err
	}
	f := kg.RelationFilter{Types: []kg.RelationType{t}, Direction: d, When: when, Kinds: far}
	if minStake != nil {
		f.MinStake = *minStake
	}
	return m.Relations(ctx, f, p)
}

// partnerships reads a page of partners: those of some day of the period, else as states does.
func partnerships(
	ctx context.Context, m *kg.Member, during *kg.Period, certainty *kg.Certainty, p kg.PageArgs,
) (*kg.Page[*kg.Link], error) {
	if during == nil {
		return states(ctx, m, kg.PartnersWith, kg.Both, nil, nil, p)
	}
	return events(ctx, m, kg.PartnersWith, kg.Both, during, certainty, p)
}

// meant returns the entity that the key in an argument means, or nil.
func meant(ctx context.Context, argument string, key model.EntityKey) (*kg.Member, error) {
	k, err := key.Key()
	if err != nil {
		return nil, within(argument, err)
	}
	m, err := model.ViewFrom(ctx).Entity(ctx, k)
	return m, within(argument, err)
}

// within tells of which argument the part is that an error names.
func within(argument string, err error) error {
	invalid, ok := errors.AsType[*kg.InvalidError](err)
	if !ok {
		return err
	}
	if invalid.Argument != "" {
		argument += "." + invalid.Argument
	}
	return &kg.InvalidError{Argument: argument, Reason: invalid.Reason}
}

// named returns the entity of the kind with that name, or nil.
func named(ctx context.Context, name string, kind kg.EntityKind) (*kg.Member, error) {
	return model.ViewFrom(ctx).Entity(ctx, kg.EntityKey{Name: name}, kind)
}

// acquisitions reads a page of what a company acquired, or of what those
// acquired as well.
func acquisitions(
	ctx context.Context, m *kg.Member, during *kg.Period, certainty *kg.Certainty, transitive *bool, p kg.PageArgs,
) (*kg.Page[*kg.Distant], error) {
	when, err := model.When(model.ViewFrom(ctx).Moment, nil, during, certainty)
	if err != nil {
		return nil, err
	}
	if or(transitive, false) {
		return m.Acquisitions(ctx, kg.Out, kg.AcquisitionOptions{When: when}, p)
	}
	return m.DirectAcquisitions(ctx, kg.Out, kg.AcquisitionOptions{When: when}, p)
}

// holdings reads a page of what a company owns or who owns it, directly or over
// any distance.
func holdings(
	ctx context.Context, m *kg.Member, d kg.Direction, asOf *kg.PartialDate, minStake *float64, transitive *bool, p kg.PageArgs,
) (*kg.Page[*kg.Holding], error) {
	day, err := model.ViewFrom(ctx).MomentOrToday(asOf)
	if err != nil {
		return nil, err
	}
	o := kg.HoldingOptions{AsOf: day, MinStake: or(minStake, 0)}
	if or(transitive, false) {
		return m.Holdings(ctx, d, o, p)
	}
	return m.DirectHoldings(ctx, d, o, p)
}

func parentage(ctx context.Context, m *kg.Member, asOf *kg.PartialDate) (*kg.Parentage, error) {
	day, err := model.ViewFrom(ctx).MomentOrToday(asOf)
	if err != nil {
		return nil, err
	}
	return m.UltimateParent(ctx, day)
}

// or returns what an optional argument holds, or its default.
func or[T any](argument *T, otherwise T) T {
	if argument == nil {
		return otherwise
	}
	return *argument
}

// count checks an optional number of things.
func count(argument string, n *int, otherwise, least int) (int, error) {
	if got := or(n, otherwise); got < least || got > kg.MaxPage {
		return 0, kg.Invalidf(argument, "%d to %d can be asked for, not %d", least, kg.MaxPage, got)
	}
	return or(n, otherwise), nil
}

// around returns the entity in the middle, or nil, and the moment.
func around(ctx context.Context, of model.EntityKey, asOf *kg.PartialDate) (*kg.Member, *kg.Day, error) {
	m, err := meant(ctx, "of", of)
	if err != nil {
		return nil, nil, err
	}
	day, err := model.ViewFrom(ctx).Moment(asOf)
	return m, day, err
}

// optionally returns the entity that an optional key means; unknown reports that
// a key was given and means nothing.
func optionally(ctx context.Context, key *model.EntityKey) (m *kg.Member, unknown bool, err error) {
	if key == nil {
		return nil, false, nil
	}
	m, err = meant(ctx, "of", *key)
	return m, m == nil, err
}

// meantAll returns the ids that two keys mean, or nil where one means nothing.
func meantAll(ctx context.Context, one string, a model.EntityKey, other string, b model.EntityKey) ([]kg.ID, error) {
	x, err := meant(ctx, one, a)
	if err != nil {
		return nil, err
	}
	y, err := meant(ctx, other, b)
	if err != nil {
		return nil, err
	}
	if x == nil || y == nil {
		return nil, nil
	}
	return []kg.ID{x.ID, y.ID}, nil
}

// startsOf returns the ids that keys mean, without those that mean nothing.
func startsOf(ctx context.Context, keys []*model.EntityKey) ([]kg.ID, error) {
	if len(keys) == 0 || len(keys) > kg.MaxPage {
		return nil, kg.Invalidf("from", "a walk starts from 1 to %d entities, not from %d", kg.MaxPage, len(keys))
	}
	var ids []kg.ID
	for i, key := range keys {
		m, err := meant(ctx, fmt.Sprintf("from[%d]", i), *key)
		if err != nil {
			return nil, err
		}
		if m != nil {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}

func stepsOf(inputs []*model.Step) []kg.Step {
	steps := make([]kg.Step, len(inputs))
	for i, s := range inputs {
		steps[i] = s.Step()
	}
	return steps
}

// part reads the part of the graph that an algorithm runs over.
func part(ctx context.Context, types []kg.RelationType, kinds []kg.EntityKind, asOf *kg.PartialDate) (*kg.EdgeList, error) {
	when, err := model.When(model.ViewFrom(ctx).Moment, asOf, nil, nil)
	if err != nil {
		return nil, err
	}
	return model.ViewFrom(ctx).EdgeList(ctx, kg.RelationFilter{Types: types, Kinds: kinds, When: when})
}

func ranked(ctx context.Context, scores []analysis.Score) ([]*model.Ranked, error) {
	ids := make([]kg.ID, len(scores))
	for i, s := range scores {
		ids[i] = s.ID
	}
	members, err := model.ViewFrom(ctx).Members(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]*model.Ranked, len(scores))
	for i, s := range scores {
		list[i] = &model.Ranked{Node: model.EntityOf(members[i]), Score: s.Value}
	}
	return list, nil
}

func shaped(ctx context.Context, components [][]kg.ID, told int) ([]*model.Component, error) {
	var ids []kg.ID
	for _, c := range components {
		ids = append(ids, c[:min(told, len(c))]...)
	}
	members, err := model.ViewFrom(ctx).Members(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]*model.Component, len(components))
	for i, c := range components {
		n := min(told, len(c))
		list[i] = &model.Component{Size: len(c), Nodes: model.EntitiesIn(members[:n])}
		members = members[n:]
	}
	return list, nil
}
