// Package csvtable reads tables whose meaning a small mapping file tells: which
// columns make an entity, a relation or a figure of each row. It never guesses:
// a row that does not fit the header, or a cell that is not what the mapping says,
// is a problem with its line. [Suggest] drafts a mapping from a header, for people
// to correct.
//
// docs/formats/csv.md describes mapping files.
//
// It must not know any store, and does not judge values: whether a date is one,
// or an id exists, is the pipeline's business.
//
// Start with mapping.go, then read.go; template.go is how cells become values.
package csvtable
