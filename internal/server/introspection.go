package server

import (
	"context"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// Introspection says who may read the schema from the server.
type Introspection string

// The values of Introspection; the empty one is open.
const (
	// IntrospectionOpen lets everybody read it.
	IntrospectionOpen Introspection = "open"
	// IntrospectionToken lets those read it who are known, see Config.Principal.
	IntrospectionToken Introspection = "token"
	// IntrospectionClosed lets nobody read it. Errors of validation then suggest
	// no names either, from which it could be guessed.
	IntrospectionClosed Introspection = "closed"
)

// introspection lets operations ask for the description of the schema, or not.
type introspection struct {
	mode      Introspection
	principal func(context.Context) string
}

var (
	_ graphql.HandlerExtension        = introspection{}
	_ graphql.OperationContextMutator = introspection{}
)

func (introspection) ExtensionName() string                   { return "Introspection" }
func (introspection) Validate(graphql.ExecutableSchema) error { return nil }

func (i introspection) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if len(schemaFields(nil, op.Operation.SelectionSet)) > 0 {
		if closed := i.refusal(ctx); closed != nil {
			return refuse(closed.code, "%s", closed.message)
		}
	}
	op.DisableIntrospection = false
	return nil
}

// refusal says why somebody may not read the schema, nil where they may.
func (i introspection) refusal(ctx context.Context) *problem {
	switch {
	case i.mode == IntrospectionClosed:
		return &problem{http.StatusForbidden, codeForbidden, "this server does not describe its schema; queries are answered all the same, and GraphiQL runs them without completing what you type"}
	case i.mode == IntrospectionToken && i.principal(ctx) == "":
		return &problem{http.StatusUnauthorized, codeUnauthenticated, "this server describes its schema to those who send a token; in GraphiQL, add the header Authorization: Bearer … and reload the schema"}
	default:
		return nil
	}
}

// schemaFields adds to found the fields at the root of an operation that ask for
// the schema's description. __typename is none of them. The document was
// validated.
func schemaFields(found []*ast.Field, set ast.SelectionSet) []*ast.Field {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Name == "__schema" || selection.Name == "__type" {
				found = append(found, selection)
			}
		case *ast.InlineFragment:
			found = schemaFields(found, selection.SelectionSet)
		case *ast.FragmentSpread:
			found = schemaFields(found, selection.Definition.SelectionSet)
		}
	}
	return found
}

// serveSDL serves the text of the schema to whoever may read it.
func (i introspection) serveSDL(sdl string) http.Handler {
	serve := text(sdl)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closed := i.refusal(r.Context()); closed != nil {
			requestFrom(r.Context()).code = closed.code
			writeProblem(w, closed)
			return
		}
		serve.ServeHTTP(w, r)
	})
}

// rulesWithoutSuggestions returns the rules of validation in the forms that name
// nothing of the schema which the client has not named. gqlgen itself replaces
// the other two of the five that do.
func rulesWithoutSuggestions() *rules.Rules {
	r := rules.NewDefaultRules()
	r.ReplaceRule(rules.KnownArgumentNamesRule.Name, rules.KnownArgumentNamesRuleWithoutSuggestions.RuleFunc)
	r.ReplaceRule(rules.KnownTypeNamesRule.Name, rules.KnownTypeNamesRuleWithoutSuggestions.RuleFunc)
	r.ReplaceRule(rules.ValuesOfCorrectTypeRule.Name, rules.ValuesOfCorrectTypeRuleWithoutSuggestions.RuleFunc)
	return r
}
