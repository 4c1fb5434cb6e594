// Package kg is the knowledge graph itself: what a company, a relation, a
// figure, a date and a stake are, the rules that turn claims into facts, and
// the two doors through which everything passes.
//
// # What it holds
//
// The unit of storage is the [Claim]: one source says one thing. Facts —
// [Entity], [Relation], [Observation] — are what agreeing claims have in
// common; they are worked out when claims are written (fact.go) so that reading
// costs nothing extra. Where claims about one thing cannot all be true, a
// [Conflict] is kept beside them (conflict.go); nothing is resolved in silence.
//
// Writes have one door, [Graph.Apply]. Reads have one door, [View]: one
// snapshot for as long as a request lasts. Storage engines stand behind the
// port in store.go and hold no opinion about companies.
//
// # What it must not know
//
// No file, no socket, no engine, no GraphQL: only the standard library and
// golang.org/x/text. Whatever reads a foreign format lives in internal/ingest,
// whatever shapes an answer in graph/resolvers.
//
// # Where to start reading
//
// date.go and share.go for the arithmetic, claim.go for what is stored,
// fact.go for how claims become facts, store.go for the port, then graph.go
// (writes) and view.go (reads).
package kg
