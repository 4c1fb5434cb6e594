// Package reconcile matches names in other people's tables with entities of the
// graph, over the Reconciliation Service API 0.2
// (https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/),
// which OpenRefine and others speak.
//
// [Handler] answers for the manifest, batches of queries, suggestions, previews
// and the fetching of further columns. It reads from one view per request, and
// merges nothing: who is the same as whom stays a judgement of people.
//
// It must not know HTTP's dangers (that is internal/server's part: limits, who may
// read, other origins), nor any engine.
//
// Start with handler.go for what may be asked; match.go holds the scoring, and
// properties.go what a column may hold.
package reconcile
