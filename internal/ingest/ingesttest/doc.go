// Package ingesttest judges readers of formats: it loads what they read into a
// graph and writes down what came of it, and hands them files that are broken in
// every way. It is for tests alone.
//
// It must not know any format.
package ingesttest
