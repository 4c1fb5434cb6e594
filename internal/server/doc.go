// Package server puts a GraphQL schema on the wire: routes, the GraphQL-over-HTTP
// transport, the limits a document must keep, the shape of errors, health,
// metrics, the access log, subscriptions over WebSocket and as server-sent
// events, and a shutdown that lets running queries finish.
//
// It must not know any storage engine, and it decides nothing about companies:
// it is given an executable schema and a hook that opens whatever one operation
// needs, and returns what they answer.
//
// One request takes this way:
//
//	ServeHTTP     request id, access log, recovery, security headers, gzip   request.go
//	  identified  who sends it, from the header Authorization                access.go
//	  routes      /graphql, /graphiql, /schema.graphql, probes, metrics      server.go
//	  origins     pages of other origins                                     origins.go
//	  needs       the scope that the address asks for                        access.go
//	  transport   method, media types, body, parameters                      transport.go
//	    persisted documents by their hash, trusted or sent before              documents.go
//	    guard     size and shape of the document, before validation          guard.go
//	    gqlgen    parsing, validation, variables
//	    access    the scope that the operation asks for                      access.go
//	    cost      how much the operation may ask for                         cost.go
//	    gate      a place among the requests under way                       traffic.go
//	    budget    how much the answer may hold, counted as it is made        budget.go
//	    WithRequest, then execution, then release                            transport.go
//	  tracing     spans of requests, operations and levels, where asked for    tracing.go
//	  presenter   classes of error into codes; the rest into the log         errors.go
//
// A subscription takes the same way once, to open its stream, and then only the
// last part of it for every update: subscriptions.go says how thousands wait at
// no cost, websocket.go and eventstream.go bring updates across.
//
// Exports (exports.go) are no operations: they need the scope for reading, have few
// places of their own, and last as long as their client reads.
//
// Nothing is trusted before the guard has seen it: validation and cost
// estimation are only bounded on documents that passed.
//
// Start reading at [Config] and [Limits]; the codes a client may see are in
// errors.go.
package server
