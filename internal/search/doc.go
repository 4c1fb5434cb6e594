// Package search finds entities by what people type: any of their names, in any
// language, whole or begun, misspelt or spelt by sound. [Index] keeps a bleve index
// behind [kg.TextIndex].
//
// # A projection
//
// The store is the truth; the index is made from it. [Index] follows the store's
// change log after each commit and keeps, in the same atomic batch as the names,
// the revision up to which it has come, together with a mark of that change by
// which it recognises the log again. When the folder is missing, damaged, of
// another format, ahead of the store or not of this store at all, it is built
// anew by one scan, beside the old one where that can still answer. Meanwhile
// only searches are refused (kg.ErrUnavailable): reading by id or by name does
// not come through here.
//
// # From a name to an order
//
// bleve's own analysers and query language are not used: what a word is and which
// names are equal is decided by kg's folding alone, names.go turns its words into
// terms, and question.go asks for terms. Whatever the user types is therefore
// text, never syntax.
//
// A search climbs down a ladder of questions (query.go), from the whole name to
// single words, until it has gathered up to 1,000 entities; rank.go then compares
// each of their names with the text and puts them in order. That order depends
// on the names and the text alone, not on how many entities there are or how the
// index is laid out, so that a cursor stays good while others write.
//
// # What it must not know
//
// No engine: it needs a snapshot and the change log (see [Store]). No claims, no
// GraphQL, and no opinion about who is who: readings and misspellings help to
// search and decide nothing.
//
// # Where to start reading
//
// names.go for what is indexed, query.go and rank.go for what is found and in
// which order, follow.go for how the index keeps up, folder.go for what lies on
// disk.
package search
