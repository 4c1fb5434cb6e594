// Package model gives the graph's things the shapes that the GraphQL schema
// asks for: text forms of dates, periods and enumerations, one Go type for
// every object type, and one generic Relay page.
//
// Shapes wrap what a kg.View hands out; nothing is copied. The fields that all
// entities or all relations share are methods here, each a single call of kg;
// the fields of one type are resolvers, in graph/resolvers. No rule about dates,
// stakes or names lives here, and no store is known.
//
// Start reading at entity.go.
package model
