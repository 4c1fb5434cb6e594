// Package gleif reads what the Global LEI Foundation publishes: LEI records
// (level 1), relationship records (level 2) and reporting exceptions, each as the
// golden copy in CSV, as XML and as JSON, with values wrapped in "$" or plain.
// Which of them a file is, its content tells.
//
// docs/formats/gleif.md says field by field what becomes of them. Three things
// need care. A relationship leads from the child to its parent, ours from the
// parent to the child. Consolidation is accounting and no share: it becomes
// control, and the percentages that some records carry are kept as attributes and
// nothing else. An exception says why no parent is named, and becomes an absence.
//
// It must not know what else is imported, or where files come from.
//
// Start with read.go, then record.go for the shapes of records, drafts.go for
// what becomes of them, and tree.go and table.go for how they are written.
package gleif
