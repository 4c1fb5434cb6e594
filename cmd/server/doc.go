// Command server is Keiretsu: the one binary. It opens the store in the data
// folder, loads the built-in facts into it if it is empty, and answers GraphQL
// until it is told to stop.
//
// Here and only here engine, index, importers and server meet: main.go is
// signals and the exit code, config.go the flags, run.go the wiring. A command
// beside serving has a file of its own; admin.go is what those that administer a
// folder have in common, whether a server holds it or not.
package main
