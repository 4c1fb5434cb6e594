// Package kgtest judges engines. It holds what a test of any room may need in
// place of one, and what every engine must pass:
//
//   - [NewModel] is the port written down as plainly as possible: a map and a
//     sort. Where an engine and the model differ, the engine is wrong, or the
//     comment at the port is.
//   - [Run] is the contract suite: each sentence of the port as a test.
//   - [RunWorlds] compares an engine with the model on random worlds, which
//     find what nobody thought of.
//   - [Faulty] and [Counting] stand between a caller and a store, to make the
//     n-th step fail and to prove how often the store was asked.
//
// It must not know any engine, and only tests import it.
//
// Start with model.go, then suite.go.
package kgtest
