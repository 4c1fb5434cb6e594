// Package companygen reads the synthetic company graphs that the program
// bench/companygen makes, so that loading can be measured at any size. It is also
// the shortest example of a reader.
//
// It must not know any store, nor how the graphs are made.
//
// Start with companygen.go.
package companygen
