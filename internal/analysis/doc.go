// Package analysis runs graph algorithms over a part of the graph: connected
// components, PageRank and betweenness. The algorithms are gonum's; what this
// package adds is a bound on size, so that no request runs for minutes, a
// progress line in the log for those that run for seconds, and an order of
// results that is the same every time.
//
// It takes a kg.EdgeList and knows neither store nor GraphQL. Start reading at
// analysis.go.
package analysis
