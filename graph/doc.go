// Package graph holds the public contract, schema.graphqls, and what executes
// it: graph/model (GraphQL's shapes), graph/resolvers (fields that need the
// graph), graph/generated (what gqlgen writes; never edited).
//
// The contract is a text. It must not know who answers it: no engine, no index,
// no HTTP.
//
// Start with schema.graphqls; testdata holds questions with their answers.
package graph
