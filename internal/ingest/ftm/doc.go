// Package ftm reads entities of FollowTheMoney, the model of Aleph and
// OpenSanctions: one JSON object a line, plain or as a line of changes.
//
// docs/formats/ftm.md says schema by schema what becomes of them. Two things need
// care. Every property has any number of values, also those that name the ends of
// an Ownership or a Directorship, which are entities themselves; and what they
// hold is text as somebody typed it, percentages above all.
//
// It must not know what else is imported, or where files come from.
//
// Start with read.go, then things.go for entities, links.go for what joins them
// and percent.go for shares.
package ftm
