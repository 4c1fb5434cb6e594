package web

import (
	"embed"
	"encoding/json"
	"io/fs"
	"strings"
)

//go:embed examples
var examples embed.FS

// An Example is a question in plain words and the operation that answers it.
type Example struct {
	// Title is the question, and the first comment of Query.
	Title string
	// Query is a GraphQL document with one named operation.
	Query string
	// Variables is the JSON object to send with Query.
	Variables json.RawMessage
}

// Examples returns the questions that GraphiQL opens with, in the order of its
// tabs. The caller owns the result.
func Examples() []Example {
	names, err := fs.Glob(examples, "examples/*.graphql")
	if err != nil {
		panic("web: list examples: " + err.Error())
	}
	list := make([]Example, 0, len(names))
	for _, name := range names {
		query := read(name)
		title, _, _ := strings.Cut(string(query), "\n")
		list = append(list, Example{
			Title:     strings.TrimSpace(strings.TrimPrefix(title, "#")),
			Query:     string(query),
			Variables: read(strings.TrimSuffix(name, ".graphql") + ".variables.json"),
		})
	}
	return list
}

// read returns an embedded example file. A missing one is an error of the
// build, which the tests of this package meet first.
func read(name string) []byte {
	body, err := examples.ReadFile(name)
	if err != nil {
		panic("web: " + err.Error())
	}
	return body
}
