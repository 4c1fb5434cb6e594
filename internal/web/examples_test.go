package web

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

func TestExamplesComeInTheOrderOfTheTabs(t *testing.T) {
	var operations []string
	for _, example := range Examples() {
		document, err := parser.ParseQuery(&ast.Source{Input: example.Query})
		if err != nil {
			t.Fatalf("%s: %v", example.Title, err)
		}
		if len(document.Operations) != 1 {
			t.Fatalf("%s: %d operations, want one", example.Title, len(document.Operations))
		}
		operations = append(operations, document.Operations[0].Name)
	}
	want := []string{
		"AcquiredIn", "PossiblyAcquiredIn", "EntityByName", "RelationsOf", "ObservationsOf",
		"PartnersOfSubsidiaries", "Search", "Conflicts", "RelationsDuring", "ChangesOf",
	}
	if diff := cmp.Diff(want, operations); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestExampleTitlesAreDistinctQuestions(t *testing.T) {
	var seen []string
	for _, example := range Examples() {
		if !strings.HasSuffix(example.Title, "?") {
			t.Errorf("title %q is not a question", example.Title)
		}
		if !strings.HasPrefix(example.Query, "# "+example.Title+"\n") {
			t.Errorf("%q is not the first comment of its operation", example.Title)
		}
		if slices.Contains(seen, example.Title) {
			t.Errorf("title %q comes twice", example.Title)
		}
		seen = append(seen, example.Title)
	}
}

func TestExampleVariablesFitTheirOperation(t *testing.T) {
	for _, example := range Examples() {
		t.Run(example.Title, func(t *testing.T) {
			var variables map[string]any
			if err := json.Unmarshal(example.Variables, &variables); err != nil {
				t.Fatal(err)
			}
			document, err := parser.ParseQuery(&ast.Source{Input: example.Query})
			if err != nil {
				t.Fatal(err)
			}
			declared := document.Operations[0].VariableDefinitions
			for name := range variables {
				if declared.ForName(name) == nil {
					t.Errorf("variable %s is not declared", name)
				}
			}
			for _, definition := range declared {
				if _, given := variables[definition.Variable]; definition.Type.NonNull && !given {
					t.Errorf("variable %s is required and not given", definition.Variable)
				}
			}
		})
	}
}

// The page holds the examples as they were when it was built.
func TestPageIsBuiltFromTheseExamples(t *testing.T) {
	script := body(t, get(t, "GET", built(t, "index-*.js"), nil))
	for _, example := range Examples() {
		for _, text := range []string{example.Query, string(example.Variables)} {
			if !strings.Contains(script, text) {
				t.Errorf("%s: the built page has another version: run npm run build in app", example.Title)
			}
		}
	}
}
