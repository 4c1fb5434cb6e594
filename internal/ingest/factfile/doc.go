// Package factfile reads facts that people write by hand: YAML files of
// sources, metrics, entities, relations, figures and conflicts, such as those
// in the folder seeds.
//
// It is strict, because its readers are people who cannot see what a machine
// made of a typing error: unknown and missing keys, lists where one value
// belongs, and everything in YAML that makes a text mean something else than it
// shows (anchors, tags, several documents) are problems with a place. A value is
// taken as the text that stands there, so nothing depends on what YAML thinks is
// a number, a date or a boolean.
//
// It must not know the graph or any store, and does not judge values: whether a
// date is one, or an id exists, is the pipeline's business.
//
// Start with read.go, then entries.go, which holds the keys of every kind of
// entry; yaml.go is what stands between them and the YAML library.
package factfile
