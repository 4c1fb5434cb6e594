package main

import (
	"errors"

	"github.com/vektah/gqlparser/v2/ast"

	"keiretsu/internal/server"
)

// documentFlags says which documents are answered, and who may read the schema.
type documentFlags struct {
	Introspection string `default:"open" enum:"open,token,closed" placeholder:"WHO" help:"Who may read the schema from the server: open for everybody, token for those who send one, closed for nobody. Default ${default}, environment KEIRETSU_INTROSPECTION."`
	Documents     string `placeholder:"PATH" help:"Trusted documents, which clients ask for by the SHA-256 of their text: a folder, a .graphql file, or a .json file that holds an object of texts by their hash. Mistakes in them stop the start. Environment KEIRETSU_DOCUMENTS."`
	DocumentsOnly bool   `help:"Answer trusted documents alone, and nothing else with FORBIDDEN. Environment KEIRETSU_DOCUMENTS_ONLY."`
}

// Validate checks the flags before anything is opened.
func (f *documentFlags) Validate() error {
	if f.DocumentsOnly && f.Documents == "" {
		return errors.New("--documents-only needs --documents, which names the documents to answer")
	}
	return nil
}

// trusted reads the documents that the flags name, nil where they name none.
func (f *documentFlags) trusted(schema *ast.Schema, limits server.Limits) (*server.Documents, error) {
	if f.Documents == "" {
		return nil, nil
	}
	return server.ReadDocuments(f.Documents, schema, limits)
}
