// Package export writes what the graph holds in formats that other tools read.
//
// A [Format] is written from one kg.Snapshot, with little memory however large the
// graph is: facts as they are today, each with the sources and claims it rests on
// where the format has a place for them. Equal graphs give
// equal bytes. What the format cannot say is counted and told; the
// lossless format is jsonl, which lives beside its reader in internal/ingest.
//
// It must not know files, the network, or where the bytes go.
//
// Start with export.go; then csv.go for tables, graphml.go for programs that draw,
// rdf.go, which says in what terms linked data speak of the graph, and ftm.go and
// bods.go, which turn round what the readers of these formats do.
package export
