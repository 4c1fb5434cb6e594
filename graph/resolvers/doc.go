// Package resolvers holds the fields of the schema that need the graph and
// belong to one type. Each reads its arguments, makes one call of kg, and shapes
// a page; the kg.View it reads from travels in the context, one for a request.
//
// No rule about dates, stakes or names lives here, no store is known, and
// nothing here starts a goroutine: kg reads for all siblings at once, so a level
// of a query costs one call of the store.
//
// gqlgen keeps the signatures in schema.resolvers.go in step with the schema.
// Start reading at resolver.go.
package resolvers
