package graph

import _ "embed"

//go:generate go tool gqlgen generate

// SDL is the schema as clients may read it.
//
//go:embed schema.graphqls
var SDL string
