// Package auth knows who asks and what they may do: it turns the value of an
// Authorization header into a [Principal] with a [Scope], from tokens kept in a
// file of the data folder or from signed tokens of an OpenID Connect issuer,
// and it keeps the audit log.
//
// It must not know GraphQL, the graph, or how a refusal is put on the wire: it
// is handed a text and answers with a principal or a [Refusal], whose message
// is safe to show. What needs which scope is decided by the server.
//
// Start reading at [Gate.Principal]. The file and the commands that change it
// are in tokenfile.go, what the server sees of it in tokens.go, OpenID Connect
// in issuer.go, the audit log in log.go.
package auth
