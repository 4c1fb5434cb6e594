// Package unpack opens the files of an import: plain ones, gzip, and the files
// in a zip archive, told apart by how they begin and not by their names. What
// unpacks to absurd sizes, ends too early or is damaged ends in one
// *ingest.Broken that says so.
//
// It must not know any format, nor what becomes of what is read.
//
// Start with unpack.go.
package unpack
