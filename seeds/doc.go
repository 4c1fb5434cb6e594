// Package seeds holds the demo facts: what five documents say about Alibaba,
// as files that a person can read, check and extend without knowing Go.
//
// sources.yaml lists the documents, metrics/ the words for what figures
// measure, entities/ the things the facts are about, facts/ what each document
// says of them, and conflicts.yaml the disagreements that no rule finds.
//
// The package must not know how the files are read: they enter the graph
// through the ordinary pipeline, as facts about anything else would. README.md
// describes their form; start there.
package seeds
