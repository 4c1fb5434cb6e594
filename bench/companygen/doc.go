// Command companygen writes a deterministic, synthetic company knowledge graph as
// two JSON-lines files (entities, relations) and a manifest: the same size and seed
// give the same bytes on every machine. The format companygen of the import command
// reads them.
//
// It must not know the graph: what it makes is data like any other.
//
// Start with run in main.go, and with README.md beside it for the shape of the data.
package main
