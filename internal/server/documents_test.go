package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
)

// extensions returns a body that names a document by its hash, with its text
// where that is not empty.
func persistedBody(hash, text string) string {
	query := ""
	if text != "" {
		query = fmt.Sprintf(`"query":%q,`, text)
	}
	return fmt.Sprintf(`{%s"extensions":{"persistedQuery":{"version":1,"sha256Hash":%q}}}`, query, hash)
}

// TestAutomaticPersistedQueries follows what Apollo's clients do: ask by hash,
// hear that it is unknown, send both, ask by hash.
func TestAutomaticPersistedQueries(t *testing.T) {
	const text = "query Names { name }"
	hash := hashOf(text)
	const unknown = `{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}]}`
	const answered = `{"data":{"name":"text"}}`
	get := func(hash, text string) *http.Request {
		values := url.Values{"extensions": {fmt.Sprintf(`{"persistedQuery":{"version":1,"sha256Hash":%q}}`, hash)}}
		if text != "" {
			values.Set("query", text)
		}
		return httptest.NewRequest(http.MethodGet, "/graphql?"+values.Encode(), nil)
	}
	for name, send := range map[string]func(r rig, hash, text string) answer{
		"POST": func(r rig, hash, text string) answer { return r.post(t, persistedBody(hash, text)) },
		"POST, own media type": func(r rig, hash, text string) answer {
			return r.post(t, persistedBody(hash, text), "Accept", mediaResponse)
		},
		"GET": func(r rig, hash, text string) answer { return r.do(t, get(hash, text)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			for i, step := range []struct{ text, want string }{{"", unknown}, {text, answered}, {"", answered}, {"", answered}} {
				if a := send(r, hash, step.text); a.status != http.StatusOK || a.body != step.want {
					t.Errorf("step %d: status %d, %s; want 200, %s", i+1, a.status, a.body, step.want)
				}
			}
		})
	}

	t.Run("the hash of another text", func(t *testing.T) {
		r := newRig(t, nil)
		other := hashOf("{ __typename }")
		a := r.post(t, persistedBody(other, text))
		if a.code() != codeBadUserInput || a.Errors[0].Message != "provided sha does not match query" {
			t.Errorf("answered %s", a.body)
		}
		if a := r.post(t, persistedBody(other, "")); a.body != unknown {
			t.Errorf("it was kept: %s", a.body)
		}
	})
	t.Run("what is no valid document is not kept", func(t *testing.T) {
		r := newRig(t, nil)
		for _, text := range []string{"{ nonsense }", "{", "{ node(id: 1) { ...A } } fragment A on Node { ...A }"} {
			r.post(t, persistedBody(hashOf(text), text))
			if a := r.post(t, persistedBody(hashOf(text), "")); a.body != unknown {
				t.Errorf("%s was kept: %s", text, a.body)
			}
		}
	})
	t.Run("hashes in capitals", func(t *testing.T) {
		r := newRig(t, nil)
		r.post(t, persistedBody(hash, text))
		if a := r.post(t, persistedBody(strings.ToUpper(hash), "")); a.body != answered {
			t.Errorf("answered %s", a.body)
		}
	})
	for name, extension := range map[string]string{
		"other version": `{"version":2,"sha256Hash":"` + hash + `"}`,
		"no version":    `{"sha256Hash":"` + hash + `"}`,
		"no hash":       `{"version":1}`,
		"short hash":    `{"version":1,"sha256Hash":"abc"}`,
		"no hex digits": `{"version":1,"sha256Hash":"` + strings.Repeat("z", 64) + `"}`,
		"a number":      `7`,
		"a list":        `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			a := newRig(t, nil).post(t, `{"query":"{ name }","extensions":{"persistedQuery":`+extension+`}}`)
			if a.code() != codeBadUserInput || a.Errors[0].Extensions["argument"] != "extensions.persistedQuery" {
				t.Errorf("answered %s", a.body)
			}
		})
	}
	t.Run("mutations not by GET", func(t *testing.T) {
		r := newRig(t, nil)
		const text = `mutation { rename(name: "x") }`
		r.post(t, persistedBody(hashOf(text), text))
		if a := r.do(t, get(hashOf(text), "")); a.status != http.StatusMethodNotAllowed {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	})
}

func TestTextsAreKeptWithinBounds(t *testing.T) {
	c := newTextCache(3, 10, func(_, text string) int { return len(text) })
	has := func(keys ...string) {
		t.Helper()
		for _, key := range []string{"a", "b", "c", "d", "long"} {
			_, ok := c.Get(t.Context(), key)
			want := false
			for _, k := range keys {
				want = want || k == key
			}
			if ok != want {
				t.Errorf("%s kept: %t, want %t", key, ok, want)
			}
		}
	}
	add := func(key string, length int) { c.Add(t.Context(), key, strings.Repeat("x", length)) }
	add("a", 2)
	add("b", 2)
	add("c", 2)
	has("a", "b", "c")
	c.Get(t.Context(), "a")
	add("d", 2) // a fourth: the one used longest ago goes
	has("a", "c", "d")
	add("long", 11) // longer than everything may be
	has("a", "c", "d")
	c.Get(t.Context(), "d")
	add("long", 7) // leaves room for three more
	has("d", "long")
	add("long", 1)
	if c.held != 3 {
		t.Errorf("holds %d, want 3", c.held)
	}
}

// writeFiles fills a folder.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTrustedDocuments(t *testing.T) {
	const inFile, inManifest, stranger = "query Names {\n  name\n}\n", "{ n: name }", "{ name }"
	dir := writeFiles(t, map[string]string{
		"names.graphql": inFile,
		"app/more.json": fmt.Sprintf(`{%q: %q}`, hashOf(inManifest), inManifest),
		"README.md":     "Not a document.",
	})
	documents, err := ReadDocuments(dir, newFakeSchema().schema, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, only := range []bool{false, true} {
		t.Run(fmt.Sprintf("only=%t", only), func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Documents, c.DocumentsOnly = documents, only })
			refused := "OK"
			if only {
				refused = codeForbidden
			}
			unknown := codePersistedNotFound
			if only {
				unknown = codeForbidden
			}
			for name, c := range map[string]struct{ body, code string }{
				"file by hash":                       {persistedBody(hashOf(inFile), ""), "OK"},
				"file by hash without its last line": {persistedBody(hashOf(strings.TrimSpace(inFile)), ""), "OK"},
				"file by text":                       {bodyOf(t, inFile, nil), "OK"},
				"manifest by hash":                   {persistedBody(hashOf(inManifest), ""), "OK"},
				"manifest by hash and text":          {persistedBody(hashOf(inManifest), inManifest), "OK"},
				"another hash":                       {persistedBody(hashOf("{ x: name }"), ""), unknown},
				"another text":                       {bodyOf(t, stranger, nil), refused},
				"another text with its hash":         {persistedBody(hashOf(stranger), stranger), refused},
				"hash of one, text of another":       {persistedBody(hashOf(inManifest), stranger), codeBadUserInput},
				"introspection":                      {bodyOf(t, "{ __schema { queryType { name } } }", nil), refused},
			} {
				t.Run(name, func(t *testing.T) {
					if a := r.post(t, c.body); a.code() != c.code {
						t.Errorf("answered %s, want %s", a.body, c.code)
					}
				})
			}
		})
	}
	t.Run("status", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Documents, c.DocumentsOnly = documents, true })
		if a := r.post(t, bodyOf(t, stranger, nil), "Accept", mediaResponse); a.status != http.StatusForbidden {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	})
}

func TestMistakesInTrustedDocuments(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"a/unknown.graphql":  "query Names {\n  name\n  zzz\n}\n",
		"a/unreadable.gql":   "query Names {\n  name(\n}\n",
		"b/circle.graphql":   `{ node(id: "a") { ...A } } fragment A on Node { ...A }`,
		"b/empty.graphql":    "fragment A on Node { id }",
		"c/hash.json":        "{\n  \"abc\":\n    \"{ name }\"\n}",
		"c/invalid.json":     fmt.Sprintf("{\n\n  %q: %q}", hashOf("{ zzz }"), "{ zzz }"),
		"c/list.json":        "[]",
		"c/no-text.json":     "{\n  \"abc\": 7}",
		"c/unfinished.json":  fmt.Sprintf("{\n  %q: %q", hashOf("{ name }"), "{ name }"),
		"d/deep.graphql":     "{ node(id: \"a\") " + strings.Repeat("{ child ", 15) + "{ id }" + strings.Repeat(" }", 16),
		"d/nothing/here.txt": "",
	})
	_, err := ReadDocuments(dir, newFakeSchema().schema, Limits{})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`a/unknown.graphql:3:3: Cannot query field "zzz" on type "Query".`,
		`a/unreadable.gql:3:1: Expected Name, found }`,
		`b/circle.graphql: the fragment "A" spreads itself`,
		`b/empty.graphql:1:1: Fragment "A" is never used.`,
		`c/hash.json:2: the document does not have the hash abc but ` + hashOf("{ name }"),
		`c/invalid.json:3: Cannot query field "zzz" on type "Query".`,
		`c/list.json:1: a manifest is a JSON object of documents by their SHA-256`,
		`c/no-text.json:2: this is not JSON, or a document that is no text`,
		`c/unfinished.json:2: the object does not end`,
		`d/deep.graphql: fields nest deeper than the 15 levels allowed`,
	}
	got := strings.Split(strings.ReplaceAll(filepath.ToSlash(err.Error()), filepath.ToSlash(dir)+"/", ""), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct{ path, want string }{
		"nothing there":         {filepath.Join(dir, "missing"), "trusted documents cannot be read"},
		"a file of other kind":  {filepath.Join(dir, "d/nothing/here.txt"), "files that end in .graphql, .gql or .json"},
		"a folder without them": {filepath.Join(dir, "d/nothing"), "there is no trusted document in this folder"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadDocuments(c.path, newFakeSchema().schema, Limits{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

func TestIntrospectionCanBeClosed(t *testing.T) {
	const known = "known"
	documents := map[string]string{
		"schema":             "{ __schema { queryType { name } } }",
		"type":               `{ name t: __type(name: "Node") { name } }`,
		"through a fragment": "{ ...A } fragment A on Query { ... { __schema { queryType { name } } } }",
	}
	for _, c := range []struct {
		mode           Introspection
		principal      string
		code           string
		status, schema int
	}{
		{"", "", "OK", 200, 200},
		{IntrospectionOpen, "", "OK", 200, 200},
		{IntrospectionToken, "", codeUnauthenticated, 401, 401},
		{IntrospectionToken, known, "OK", 200, 200},
		{IntrospectionClosed, "", codeForbidden, 403, 403},
		{IntrospectionClosed, known, codeForbidden, 403, 403},
	} {
		t.Run(fmt.Sprintf("%s %s", c.mode, c.principal), func(t *testing.T) {
			r := newRig(t, func(cfg *Config) {
				cfg.Introspection = c.mode
				cfg.Principal = func(context.Context) string { return c.principal }
			})
			for name, document := range documents {
				if a := r.post(t, bodyOf(t, document, nil), "Accept", mediaResponse); a.code() != c.code || a.status != c.status {
					t.Errorf("%s: status %d, %s; want %d, %s", name, a.status, a.body, c.status, c.code)
				}
			}
			if a := r.do(t, httptest.NewRequest(http.MethodGet, "/schema.graphql", nil)); a.status != c.schema || strings.Contains(a.body, "type Query") != (c.schema == 200) {
				t.Errorf("the schema's text: status %d, %s", a.status, shorten(a.body, 100))
			}
			if a := r.post(t, `{"query":"{ __typename name }"}`); a.code() != "OK" {
				t.Errorf("__typename: %s", a.body)
			}
		})
	}
}

// TestSuggestions wants the names of a closed schema not to be told by errors
// either. Each document makes another rule suggest something.
func TestSuggestions(t *testing.T) {
	for name, document := range map[string]string{
		"field":       "{ names }",
		"argument":    `{ echo(tetx: "a") }`,
		"directive":   "{ name @skip(iff: true) }",
		"type":        "{ name ...A } fragment A on Nodee { id }",
		"enum value":  "{ nodes(filter: {kinds: [COMPANI]}) { id } }",
		"input field": "{ nodes(filter: {kindz: []}) { id } }",
		"leaf":        `{ node(id: "a") }`,
	} {
		t.Run(name, func(t *testing.T) {
			told := func(mode Introspection) bool {
				a := newRig(t, func(c *Config) { c.Introspection = mode }).ask(t, document, nil)
				if a.code() != "GRAPHQL_VALIDATION_FAILED" {
					t.Errorf("answered %s", a.body)
				}
				return strings.Contains(a.body, "Did you mean")
			}
			if !told(IntrospectionOpen) {
				t.Error("an open schema suggests nothing")
			}
			if told(IntrospectionClosed) || told(IntrospectionToken) {
				t.Error("a closed schema suggests names")
			}
		})
	}
}

// FuzzPersistedQuery wants any extension to be refused, or to name a hash as it
// is kept.
func FuzzPersistedQuery(f *testing.F) {
	f.Add([]byte(`{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}`))
	f.Add([]byte(`{"persistedQuery":{"version":1.0,"sha256Hash":"` + strings.Repeat("A", 64) + `"}}`))
	f.Add([]byte(`{"persistedQuery":[1]}`))
	f.Add([]byte(`{"persistedQuery":null}`))
	f.Add([]byte(`{"persistedQuery":{"version":"1","sha256Hash":["x"]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var extensions map[string]any
		if decode(body, &extensions) != nil {
			return
		}
		hash, named, err := persistedHash(extensions)
		if err != nil {
			if _, ok := errors.AsType[*refusal](err); !ok || !named {
				t.Errorf("refused with %v, named %t", err, named)
			}
			return
		}
		if named && (len(hash) != 64 || strings.ToLower(hash) != hash) {
			t.Errorf("hash %q", hash)
		}
	})
}

// FuzzManifest wants any file of documents to be read or refused with its place.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(fmt.Sprintf("{%q: %q}", hashOf("{ name }"), "{ name }")))
	f.Add([]byte("{\"a\": 7}"))
	f.Add([]byte("[]"))
	schema := newFakeSchema().schema
	f.Fuzz(func(t *testing.T, content []byte) {
		r := &documentReader{
			documents: &Documents{texts: map[string]string{}}, schema: schema,
			guard: guard{limits: DefaultLimits(), cache: graphql.NoCache[*ast.QueryDocument]{}},
		}
		r.manifest("m.json", content)
		for _, mistake := range r.mistakes {
			if !strings.HasPrefix(mistake.Error(), "m.json:") {
				t.Errorf("without a place: %v", mistake)
			}
		}
		for hash, text := range r.documents.texts {
			if hashOf(text) != hash {
				t.Errorf("%q under the hash %s", text, hash)
			}
		}
	})
}
