// Package ingest is the road from a foreign format into the graph: readers hand
// it drafts, and it hands kg.Graph.Apply one write.
//
// A [Draft] is what a reader found, as text with the place where it stands
// (draft.go). [Load] reads dates, periods, shares, money and words of a
// vocabulary (normalise.go, fiscal.go), resolves every id that a draft names
// against the load itself and the graph (index.go), and either writes all of it
// or nothing. Whatever is wrong, here or in the graph's own eyes, is reported
// with its place, all of it at once (problem.go). A [Report] says what came of a
// load.
//
// [Load] is for what people write, where anything wrong stops everything.
// [Import] is for files of registers, of any size: it streams them in batches,
// drops the records that cannot be used and counts them by reason, and goes on
// where it was interrupted (import.go, apply.go). A [Format] is what it needs to
// know of a format (format.go), and text.go what readers of text share. Where files
// are an issue of a data set, what it says no longer is taken back at the end
// (compare.go); files of a format that tells changes go on from what the data set
// has said (follow.go).
//
// A new format is a new package below this one that yields drafts; nothing here
// changes for it.
//
// It must not know any format, any engine, or where files come from; and rules
// about companies are kg's: here text becomes kg's types, and kg says whether
// they can be right.
//
// Start with draft.go, then load.go and import.go.
package ingest
