// Package archtest holds the walls of the house as tests: which room may import
// which, where each outside module is at home, and a few rules for the
// repository as a whole.
//
// A wall that breaks fails with the file, the import and the reason the wall
// stands. The usual remedy is to move the code to the room it belongs to (the
// table in ARCHITECTURE.md says which). Moving a wall is a decision: change the
// table, and write down why in docs/adr.
//
// It reads source text only and must not import any other room.
//
// Start with walls_test.go for the two tables; house_test.go holds the rules
// that are not about imports; source_test.go reads the tree for both.
package archtest
