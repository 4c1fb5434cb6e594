package export

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// readSchema compiles the schema of that id from files that may refer to one another.
// Formats such as dates and addresses are looked at too.
func readSchema(t *testing.T, id string, paths ...string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		own, _ := document.(map[string]any)["$id"].(string)
		if err := compiler.AddResource(own, document); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	schema, err := compiler.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// schemaFiles returns the schema files in a folder.
func schemaFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatal(errors.Join(err, errors.New("no schema files in "+dir)))
	}
	return paths
}

// breaks returns in what a JSON text breaks a schema.
func breaks(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}
