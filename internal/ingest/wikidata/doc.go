// Package wikidata reads items of Wikidata: the JSON dump, an array with one item
// a line, and answers of the API.
//
// docs/formats/wikidata.md says property by property what becomes of them. A
// statement there has a rank, qualifiers that date it, references, and may say
// that there is no value or that it is not known; all of that is used.
//
// It must not know what else is imported, or where files come from.
//
// Start with read.go, then item.go for the shapes, value.go for dates and numbers,
// and drafts.go for what becomes of what.
package wikidata
