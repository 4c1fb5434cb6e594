package server

import (
	"context"
	"encoding/json"
	"math"

	"github.com/99designs/gqlgen/complexity"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// costLimit refuses operations whose estimated cost, the number of values in
// the fullest possible answer, or whose arguments are above the limits. Unlike
// gqlgen's own limit it answers with the code of the contract, and counts lists
// that the schema's cost functions leave out.
type costLimit struct {
	schema graphql.ExecutableSchema
	size   schemaSize
	limits Limits
}

var (
	_ graphql.HandlerExtension        = costLimit{}
	_ graphql.OperationContextMutator = costLimit{}
)

func (costLimit) ExtensionName() string                   { return "CostLimit" }
func (costLimit) Validate(graphql.ExecutableSchema) error { return nil }

func (c costLimit) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	input := inputs{variables: op.Variables, fragments: map[*ast.FragmentDefinition]int{}}
	if input.size(op.Operation.SelectionSet) > c.limits.InputValues {
		return refuse(codeTooComplex, "the arguments hold more than the %d values allowed, a variable counted at each place that uses it", c.limits.InputValues)
	}
	cost := complexity.Calculate(ctx, listsCounted{c.schema}, op.Operation, op.Variables)
	asked := schemaFields(nil, op.Operation.SelectionSet)
	if len(asked) > c.limits.IntrospectionFields {
		return refuse(codeTooComplex, "__schema and __type are asked for more than the %d times allowed", c.limits.IntrospectionFields)
	}
	description := 0
	for _, field := range asked {
		description += c.size.introspection(ast.SelectionSet{field}, described{1, false})
	}
	if most := valuesForEachThing * c.size.things(); description > most {
		return refuse(codeTooComplex, "introspection asks for about %d values, more than the %d allowed; the whole schema needs fewer, without aliases", description, most)
	}
	cost = min(cost, math.MaxInt-description) + description
	op.Stats.SetExtension(costStat, cost)
	if cost <= c.limits.Cost {
		return nil
	}
	return refuse(codeTooComplex, "the operation may return about %d values, more than the %d allowed; ask for smaller pages or fewer fields", cost, c.limits.Cost)
}

// costStat is where an operation keeps its estimated cost.
const costStat = "cost"

// costOf returns the estimated cost of an operation, 0 where it has none yet.
func costOf(op *graphql.OperationContext) int {
	cost, _ := op.Stats.GetExtension(costStat).(int)
	return cost
}

// inputs counts the values in the arguments of an operation.
type inputs struct {
	variables map[string]any
	fragments map[*ast.FragmentDefinition]int
}

// size returns the number of values in all arguments below a selection set,
// spreads replaced by what they stand for. The document was validated, so
// fragments make no circles and their definitions are known.
func (in inputs) size(set ast.SelectionSet) int {
	n := 0
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			n += in.arguments(selection.Arguments) + in.directives(selection.Directives) + in.size(selection.SelectionSet)
		case *ast.InlineFragment:
			n += in.directives(selection.Directives) + in.size(selection.SelectionSet)
		case *ast.FragmentSpread:
			below, counted := in.fragments[selection.Definition]
			if !counted {
				below = in.size(selection.Definition.SelectionSet)
				in.fragments[selection.Definition] = below
			}
			n += in.directives(selection.Directives) + below
		}
	}
	return n
}

func (in inputs) directives(list ast.DirectiveList) int {
	n := 0
	for _, d := range list {
		n += in.arguments(d.Arguments)
	}
	return n
}

func (in inputs) arguments(list ast.ArgumentList) int {
	n := 0
	for _, a := range list {
		n += in.literal(a.Value)
	}
	return n
}

func (in inputs) literal(v *ast.Value) int {
	if v.Kind == ast.Variable {
		return valuesIn(in.variables[v.Raw])
	}
	n := 1
	for _, child := range v.Children {
		n += in.literal(child.Value)
	}
	return n
}

// valuesIn returns the number of values in decoded JSON.
func valuesIn(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			n += valuesIn(element)
		}
	case map[string]any:
		for _, element := range v {
			n += valuesIn(element)
		}
	}
	return n
}

// listsCounted has a cost for lists that the schema itself gives none: those
// whose length the client says in another way than by a page. Lists that no
// argument bounds, such as the citations of a fact, count once; they are
// counted as the answer is made.
type listsCounted struct{ graphql.ExecutableSchema }

// Complexity implements graphql.ExecutableSchema.
func (l listsCounted) Complexity(ctx context.Context, typeName, field string, child int, args map[string]any) (int, bool) {
	if cost, ok := l.ExecutableSchema.Complexity(ctx, typeName, field, child, args); ok {
		return cost, true
	}
	entries := 1
	switch {
	case args["ids"] != nil:
		if ids, ok := args["ids"].([]any); ok {
			entries = len(ids)
		}
	case args["first"] != nil:
		entries = count(args["first"])
	case args["limit"] != nil:
		entries = count(args["limit"])
	}
	if entries > 0 && child > (math.MaxInt-1)/entries {
		return math.MaxInt, true
	}
	return 1 + entries*child, true
}

// count returns a number of entries from an argument, as the various ways of
// writing one leave it. What is no number is refused when it is read.
func count(v any) int {
	n := 0
	switch v := v.(type) {
	case int:
		n = v
	case int64:
		n = int(v)
	case json.Number:
		if i, err := v.Int64(); err == nil {
			n = int(i)
		}
	}
	return min(max(n, 0), mostEntries)
}

// mostEntries is more than any field gives at once, so that asking for more
// costs no more.
const mostEntries = 2000

// schemaSize says how many things a schema describes: in all, and at most for
// one that holds them. gqlgen's estimate leaves introspection out.
type schemaSize struct {
	types, directives                    int
	fields, inputFields, args, enumNames held
	interfaces, possibleTypes            held
	directiveArgs                        held
}

// valuesForEachThing is how many values introspection may ask for, for each
// thing that the schema describes. The standard query, with every option on,
// asks for thirty.
const valuesForEachThing = 35

// things returns how many things the schema describes, each where it is held.
func (s schemaSize) things() int {
	n := s.types + s.directives
	for _, h := range []held{s.fields, s.inputFields, s.args, s.enumNames, s.interfaces, s.possibleTypes, s.directiveArgs} {
		n += h.all
	}
	return n
}

// held counts things that others hold.
type held struct{ all, most int }

func (h *held) add(n int) {
	h.all += n
	h.most = max(h.most, n)
}

func measureSchema(schema *ast.Schema) schemaSize {
	size := schemaSize{types: len(schema.Types), directives: len(schema.Directives)}
	for _, def := range schema.Types {
		switch def.Kind {
		case ast.InputObject:
			size.inputFields.add(len(def.Fields))
		case ast.Object, ast.Interface:
			size.fields.add(len(def.Fields))
			for _, f := range def.Fields {
				size.args.add(len(f.Arguments))
			}
		}
		size.enumNames.add(len(def.EnumValues))
		size.interfaces.add(len(def.Interfaces))
		size.possibleTypes.add(len(schema.GetPossibleTypes(def)))
	}
	for _, directive := range schema.Directives {
		size.directiveArgs.add(len(directive.Arguments))
	}
	return size
}

// described is a number of objects in the schema's description of itself. Where
// each is stands once for every thing of its kind, so that what all of them hold
// is known too.
type described struct {
	n    int
	each bool
}

// of returns how many things that many holders hold.
func (d described) of(h held) described {
	if d.each {
		return described{h.all, true}
	}
	return described{d.n * h.most, false}
}

// introspection returns how many values an operation asks for of the schema's
// description. The guard bounds its selections and the lists that nest.
func (s schemaSize) introspection(set ast.SelectionSet, parent described) int {
	cost := 0
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.InlineFragment:
			cost += s.introspection(selection.SelectionSet, parent)
		case *ast.FragmentSpread:
			cost += s.introspection(selection.Definition.SelectionSet, parent)
		case *ast.Field:
			below := described{parent.n, false}
			switch holder := selection.ObjectDefinition.Name; selection.Name {
			case "__schema", "__type":
				below = described{1, false}
			case "types":
				below = described{s.types, true}
			case "directives":
				below = described{s.directives, true}
			case "fields":
				below = parent.of(s.fields)
			case "inputFields":
				below = parent.of(s.inputFields)
			case "interfaces":
				below = parent.of(s.interfaces)
			case "possibleTypes":
				below = parent.of(s.possibleTypes)
			case "enumValues":
				below = parent.of(s.enumNames)
			case "args":
				below = parent.of(s.args)
				if holder == "__Directive" {
					below = parent.of(s.directiveArgs)
				}
			}
			cost += parent.n + s.introspection(selection.SelectionSet, below)
		}
	}
	return cost
}
