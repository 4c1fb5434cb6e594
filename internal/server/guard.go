package server

import (
	"context"
	"fmt"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
)

// guard refuses documents that would be too dear to validate, let alone to
// answer. It runs before gqlgen parses, because validation is quadratic in the
// number of equal names and, like cost estimation, walks a fragment once for
// every spread: a document of a kilobyte can stand for 2^24 fields.
type guard struct {
	limits Limits
	// cache is the one gqlgen looks into. What is in it was validated, so it
	// passed here before.
	cache graphql.Cache[*ast.QueryDocument]
}

var (
	_ graphql.HandlerExtension          = guard{}
	_ graphql.OperationParameterMutator = guard{}
)

func (guard) ExtensionName() string                   { return "DocumentGuard" }
func (guard) Validate(graphql.ExecutableSchema) error { return nil }

func (g guard) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	doc, ok := g.cache.Get(ctx, params.Query)
	if !ok {
		var err *gqlerror.Error
		if doc, err = g.parse(params.Query); err != nil {
			return err
		}
	}
	return checkOperationName(doc, params.OperationName)
}

// parse returns the document of a query that keeps the limits.
func (g guard) parse(query string) (*ast.QueryDocument, *gqlerror.Error) {
	if len(query) > g.limits.DocumentBytes {
		return nil, refuse(codeTooLarge, "the document is longer than the %d bytes allowed; values belong into variables", g.limits.DocumentBytes)
	}
	if err := checkTokens(query, g.limits); err != nil {
		return nil, err
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, g.limits.Tokens)
	if err != nil {
		parseErr := gqlerror.WrapIfUnwrapped(err)
		errcode.Set(parseErr, errcode.ParseFailed)
		return nil, parseErr
	}
	if err := checkDocument(doc, g.limits); err != nil {
		return nil, err
	}
	return doc, nil
}

// checkTokens bounds what the parser will have to look at. An unreadable token
// is left to the parser, which reports it with its place.
func checkTokens(query string, limits Limits) *gqlerror.Error {
	lex := lexer.New(&ast.Source{Input: query})
	for n := 1; ; n++ {
		token, err := lex.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return nil
		}
		if n > limits.Tokens {
			return refuse(codeTooComplex, "the document has more than the %d tokens allowed", limits.Tokens)
		}
		if token.Kind == lexer.Name && len(token.Value) > limits.NameBytes {
			return refuse(codeTooComplex, "a name in line %d is longer than the %d bytes allowed", token.Pos.Line, limits.NameBytes)
		}
		if !representable(token) {
			return refuse(codeBadUserInput, "a number in line %d is larger than any that is meant", token.Pos.Line)
		}
	}
}

// representable reports whether a token, if it is a number, fits into 64 bits.
// gqlparser panics on one that does not where validation lets it pass: as an id
// or as a scalar of our own.
func representable(token lexer.Token) bool {
	var err error
	switch token.Kind {
	case lexer.Int:
		_, err = strconv.ParseInt(token.Value, 10, 64)
	case lexer.Float:
		_, err = strconv.ParseFloat(token.Value, 64)
	}
	return err == nil
}

func checkOperationName(doc *ast.QueryDocument, name string) *gqlerror.Error {
	switch {
	case len(doc.Operations) == 0 || doc.Operations.ForName(name) != nil:
		return nil // gqlgen reports a document without operations
	case name == "":
		return refuseArgument("operationName", "the document has several operations; name the one to run")
	default:
		return refuseArgument("operationName", "the document has no operation of that name")
	}
}

// checkDocument reports the first limit that the document breaks, nil if it
// keeps them all.
func checkDocument(doc *ast.QueryDocument, limits Limits) *gqlerror.Error {
	s := newSurvey(doc, limits)
	return s.check(doc)
}

// survey walks a document twice. measure visits every definition once, finds
// circles and computes how large each would be with all spreads replaced; only
// then is it safe for merge to replace them, which needs at most
// Limits.Selections steps per root.
type survey struct {
	limits    Limits
	fragments map[string]*ast.FragmentDefinition
	sizes     map[*ast.FragmentDefinition]int
	reached   map[*ast.FragmentDefinition]bool
	// declared counts directives; described counts the selections of the
	// operation in hand that ask for the schema's own description.
	declared  int
	described int
	refusal   *gqlerror.Error
	// steps counts the selections visited; tests hold it against the limits.
	steps int
}

// beingMeasured marks in survey.sizes a fragment that is on the way down.
const beingMeasured = -1

func newSurvey(doc *ast.QueryDocument, limits Limits) *survey {
	s := &survey{
		limits:    limits,
		fragments: make(map[string]*ast.FragmentDefinition, len(doc.Fragments)),
		sizes:     make(map[*ast.FragmentDefinition]int, len(doc.Fragments)),
		reached:   make(map[*ast.FragmentDefinition]bool, len(doc.Fragments)),
	}
	for _, f := range doc.Fragments {
		if _, ok := s.fragments[f.Name]; !ok { // validation reads the first of equal names
			s.fragments[f.Name] = f
		}
	}
	return s
}

func (s *survey) check(doc *ast.QueryDocument) *gqlerror.Error {
	if len(doc.Operations) > s.limits.Operations {
		return refuse(codeTooComplex, "the document has more than the %d operations allowed", s.limits.Operations)
	}
	if len(doc.Fragments) > s.limits.Fragments {
		return refuse(codeTooComplex, "the document has more than the %d fragments allowed", s.limits.Fragments)
	}
	for _, op := range doc.Operations {
		if len(op.VariableDefinitions) > s.limits.Variables {
			return refuse(codeTooComplex, "an operation declares more than the %d variables allowed", s.limits.Variables)
		}
		for _, v := range op.VariableDefinitions {
			s.directives(v.Directives)
		}
		s.directives(op.Directives)
		s.measured(s.measure(op.SelectionSet))
	}
	for _, f := range doc.Fragments {
		s.measured(s.measureFragment(f))
	}
	if s.refusal != nil {
		return s.refusal
	}
	for _, op := range doc.Operations {
		s.described = 0
		s.merge([]ast.SelectionSet{op.SelectionSet}, place{root: true})
	}
	for _, f := range doc.Fragments {
		if !s.reached[f] { // of no use, but validation walks it all the same
			s.merge([]ast.SelectionSet{f.SelectionSet}, place{})
		}
	}
	return s.refusal
}

// refuse keeps the first refusal; later ones follow from it.
func (s *survey) refuse(err *gqlerror.Error) {
	if s.refusal == nil {
		s.refusal = err
	}
}

func (s *survey) measured(size int) {
	if size > s.limits.Selections {
		s.refuse(refuse(codeTooComplex, "the document stands for more than the %d selections allowed once its fragments are expanded", s.limits.Selections))
	}
}

func (s *survey) directives(list ast.DirectiveList) {
	s.declared += len(list)
	if s.declared > s.limits.Directives {
		s.refuse(refuse(codeTooComplex, "the document has more than the %d directives allowed", s.limits.Directives))
	}
	if list.ForName("defer") != nil {
		s.refuse(refuse(errcode.ValidationFailed, "@defer is not supported; the answer comes in one piece"))
	}
}

// measure returns the number of selections in the set with all spreads
// replaced, or some number above the limit.
func (s *survey) measure(set ast.SelectionSet) int {
	size := 0
	for _, selection := range set {
		s.steps++
		size++
		switch selection := selection.(type) {
		case *ast.Field:
			s.directives(selection.Directives)
			size += s.measure(selection.SelectionSet)
		case *ast.InlineFragment:
			s.directives(selection.Directives)
			size += s.measure(selection.SelectionSet)
		case *ast.FragmentSpread:
			s.directives(selection.Directives)
			if f := s.fragments[selection.Name]; f != nil {
				size += s.measureFragment(f)
			}
		}
		size = min(size, s.limits.Selections+1) // fifty fragments can overflow an int
	}
	return size
}

func (s *survey) measureFragment(f *ast.FragmentDefinition) int {
	switch size, seen := s.sizes[f]; {
	case size == beingMeasured:
		s.refuse(refuse(errcode.ValidationFailed, "the fragment %q spreads itself", f.Name))
		return 0
	case seen:
		return size
	}
	s.sizes[f] = beingMeasured
	s.directives(f.Directives)
	size := s.measure(f.SelectionSet)
	s.sizes[f] = size
	return size
}

// place is where in an answer a selection set stands.
type place struct {
	root          bool // of an operation
	depth         int
	introspection bool // below __schema or __type
	lists         int  // lists of introspection types above
}

// below returns the place of the selections of a field.
func (p place) below(field string) place {
	p.root = false
	if field == "__schema" || field == "__type" {
		p.introspection = true
	}
	if !p.introspection {
		p.depth++
		return p
	}
	switch field {
	case "ofType":
	case "types", "fields", "inputFields", "interfaces", "possibleTypes":
		p.lists++
		p.depth++
	default:
		p.depth++
	}
	return p
}

// strictest joins the places of fields that share a response name.
func (p place) strictest(q place) place {
	return place{
		depth:         max(p.depth, q.depth),
		introspection: p.introspection || q.introspection,
		lists:         max(p.lists, q.lists),
	}
}

// level gathers what the selection sets of one place merge into.
type level struct {
	introspection bool
	names         []string // response names in order of appearance
	fields        map[string][]*ast.Field
	aliases       map[string]int // distinct response names per field
	inline        int
	spreads       int
}

// merge checks the answer's shape below one place: selection sets that end up
// in the same object count together, wherever they are written.
func (s *survey) merge(sets []ast.SelectionSet, p place) {
	l := level{introspection: p.introspection, fields: map[string][]*ast.Field{}, aliases: map[string]int{}}
	for _, set := range sets {
		s.gather(&l, set)
	}
	if len(l.names) > 0 && p.depth >= s.limits.Depth {
		s.refuse(refuse(codeTooComplex, "fields nest deeper than the %d levels allowed", s.limits.Depth))
	}
	if p.root && len(l.names) > s.limits.RootFields {
		s.refuse(refuse(codeTooComplex, "an operation asks for more than the %d root fields allowed; send the rest in another request", s.limits.RootFields))
	}
	if p.lists > s.limits.IntrospectionLists {
		s.refuse(refuse(codeTooComplex, "introspection nests more than the %d lists allowed", s.limits.IntrospectionLists))
	}
	for _, name := range l.names {
		if s.refusal != nil {
			return
		}
		var sets []ast.SelectionSet
		var below place
		for _, f := range l.fields[name] {
			if len(f.SelectionSet) > 0 {
				sets = append(sets, f.SelectionSet)
				below = below.strictest(p.below(f.Name))
			}
		}
		if len(sets) > 0 {
			s.merge(sets, below)
		}
	}
}

func (s *survey) gather(l *level, set ast.SelectionSet) {
	for _, selection := range set {
		if s.refusal != nil {
			return
		}
		s.steps++
		if l.introspection {
			s.described++
			if s.described > s.limits.IntrospectionSelections {
				s.refuse(refuse(codeTooComplex, "introspection stands for more than the %d selections allowed", s.limits.IntrospectionSelections))
			}
		}
		switch selection := selection.(type) {
		case *ast.Field:
			same := l.fields[selection.Alias]
			if len(same) == 0 {
				l.names = append(l.names, selection.Alias)
				l.aliases[selection.Name]++
			}
			l.fields[selection.Alias] = append(same, selection)
			if len(same) >= s.limits.EqualNames {
				s.refuse(refuse(codeTooComplex, "%q is asked for more than the %d times allowed in one selection set", selection.Alias, s.limits.EqualNames))
			}
			if l.aliases[selection.Name] > s.limits.Aliases {
				s.refuse(refuse(codeTooComplex, "%q is asked for under more than the %d aliases allowed in one selection set", selection.Name, s.limits.Aliases))
			}
		case *ast.InlineFragment:
			l.inline++
			if l.inline > s.limits.InlineFragments {
				s.refuse(refuse(codeTooComplex, "a selection set has more than the %d inline fragments allowed", s.limits.InlineFragments))
			}
			s.gather(l, selection.SelectionSet)
		case *ast.FragmentSpread:
			l.spreads++
			if l.spreads > s.limits.Spreads {
				s.refuse(refuse(codeTooComplex, "a selection set spreads more than the %d fragments allowed", s.limits.Spreads))
			}
			if f := s.fragments[selection.Name]; f != nil {
				s.reached[f] = true
				s.gather(l, f.SelectionSet)
			}
		}
	}
}

// refusal is an error of this package whose text was written for clients.
type refusal struct {
	code     string
	argument string
	message  string
}

func (r *refusal) Error() string { return r.message }

func refuse(code, format string, args ...any) *gqlerror.Error {
	return gqlerror.Wrap(&refusal{code: code, message: fmt.Sprintf(format, args...)})
}

func refuseArgument(argument, message string) *gqlerror.Error {
	return gqlerror.Wrap(&refusal{code: codeBadUserInput, argument: argument, message: message})
}
