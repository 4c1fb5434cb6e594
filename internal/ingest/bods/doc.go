// Package bods reads the Beneficial Ownership Data Standard: statements of version
// 0.4, and of 0.2 and 0.3, about entities, persons and the relationships between
// them.
//
// docs/formats/bods.md says field by field what becomes of them. The standard is a
// history: a record is a chain of statements, each of which tells how things stand
// by its date. A file is therefore put in order of date first, and each statement
// is compared with the one before it of the same record: what it changes, ends or
// says no longer decides what becomes of what was said. Files of a data set go on from
// what it has said, which is found in its claims.
//
// It must not know what else is imported, or where files come from.
//
// Start with read.go, then statement.go for the shapes of both versions, chain.go
// for what one statement makes of the one before, drafts.go for the words, and past.go
// for what the files of a data set go on from.
package bods
