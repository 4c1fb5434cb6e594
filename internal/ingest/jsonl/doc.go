// Package jsonl reads and writes Keiretsu's own format: one JSON object a line
// for every source, metric, standing claim and noted conflict. It is lossless for
// what the graph holds to be said: a graph that is written, read into an empty
// one and written again gives the same bytes. What it leaves out, [Losses] names.
//
// docs/formats/jsonl.md describes it for those who write such files themselves.
//
// It must not know any store: it writes what a kg.Snapshot tells, and what it
// reads becomes drafts like those of any other format.
//
// Start with lines.go, which holds every form of line, both ways; read.go and
// write.go are the two directions.
package jsonl
