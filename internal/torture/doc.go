// Package torture ends the real program in every way that a machine knows, and
// compares what is there afterwards with what was promised. It is made of tests
// alone: this file is all that is compiled into anything else.
//
// # How it judges
//
// A test builds the program once, starts it as a process of its own, and writes
// to it over HTTP with a real token, as a client does. Every write goes into a
// history (history_test.go): what was sent, when, whether an answer came, and
// at which revision. The rules by which a history is judged are few and know
// nothing of the program:
//
//   - What was acknowledged stays: sent again under its key, it is answered as
//     done before, at the same revision.
//   - What was not acknowledged is whole or absent, never a part of it.
//   - Every revision belongs to exactly one write, and there are no others.
//   - A write that was acknowledged before another was sent has the smaller
//     revision, and nobody reads a revision older than one acknowledged before.
//   - The sum of all accounts of a bank is the same at every revision, whatever
//     is moved between them at the same time (bank_test.go).
//   - As many records of each kind are there as the writes have made.
//
// history_test.go also breaks each rule on purpose, so that a judge who has
// fallen asleep is noticed.
//
// # What it must not know
//
// How the store keeps bytes. It damages files by name and place, and reads
// through GraphQL, metrics and the commands. Only what fills a folder beforehand
// (fill_test.go) and what turns the clock (clock_test.go) use packages of the
// program directly, in a process of their own.
//
// # Where to start reading
//
// kill_test.go for the main loop, writers_test.go for what is written,
// process_test.go for how the program is started and ended, damage_test.go for
// the ways to damage a folder.
//
// # Running it
//
// go test ./internal/torture runs all of it shortened; make torture at full
// length. Each test prints its seed. The flag -seed gives the same plan and the
// same writes again; how goroutines and processes take turns is the machine's.
package torture
