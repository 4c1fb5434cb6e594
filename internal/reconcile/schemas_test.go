package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var schemaFolder = flag.String("schemas", filepath.Join("testdata", "schemas"), "hold requests and answers against the JSON schemas in `FOLDER`, such as the specification's own")

// schemas are those of the folder, by the names of their files without .json.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	paths, err := filepath.Glob(filepath.Join(*schemaFolder, "*.json"))
	if err != nil || len(paths) == 0 {
		return nil, errors.Join(err, errors.New("no schemas in "+*schemaFolder))
	}
	compiler := jsonschema.NewCompiler()
	ids := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		var named struct {
			ID  string `json:"$id"`
			Old string `json:"id"` // draft 4
		}
		if err := json.Unmarshal(text, &named); err != nil {
			return nil, err
		}
		id := strings.TrimSuffix(named.ID+named.Old, "#")
		if err := compiler.AddResource(id, document); err != nil {
			return nil, err
		}
		ids[strings.TrimSuffix(filepath.Base(path), ".json")] = id
	}
	compiled := map[string]*jsonschema.Schema{}
	for name, id := range ids {
		if compiled[name], err = compiler.Compile(id); err != nil {
			return nil, err
		}
	}
	return compiled, nil
})

// keeps reports in what a JSON text breaks a schema.
func keeps(t *testing.T, name, text string) error {
	t.Helper()
	all, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	if all[name] == nil {
		t.Fatalf("there is no schema %s", name)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return all[name].Validate(value)
}

// The schemas of what is answered at each address, and of what is sent there.
var (
	answerSchemas = map[string]string{
		"/reconcile/suggest/entity":   "suggest-entities-response",
		"/reconcile/suggest/property": "suggest-properties-response",
		"/reconcile/suggest/type":     "suggest-types-response",
		"/reconcile/properties":       "data-extension-property-proposal",
	}
	sentSchemas = map[string][2]string{
		"queries": {"reconciliation-query-batch", "reconciliation-result-batch"},
		"extend":  {"data-extension-query", "data-extension-response"},
	}
)

// judged holds everything that a service takes and answers against the schemas.
func judged(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Helper()
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		media, _, err := mime.ParseMediaType(rec.Header().Get("Content-Type"))
		if err != nil {
			t.Errorf("%s: Content-Type %q: %v", r.URL.Path, rec.Header().Get("Content-Type"), err)
		}
		switch {
		case rec.Code != http.StatusOK:
			var told struct{ Status, Message string }
			if err := json.Unmarshal(rec.Body.Bytes(), &told); err != nil || media != "application/json" || told.Status != "error" || told.Message == "" {
				t.Errorf("%s: an error is not told: status %d, %s, %s", r.URL.Path, rec.Code, media, rec.Body)
			}
		case r.URL.Path == "/reconcile/preview":
			if media != "text/html" {
				t.Errorf("a preview is %s", media)
			}
		default:
			schema, ok := answerSchemas[r.URL.Path]
			if !ok {
				schema = "manifest"
			}
			for member, pair := range sentSchemas {
				if schema == "manifest" && r.Form.Has(member) {
					schema = pair[1]
					if err := keeps(t, pair[0], r.Form.Get(member)); err != nil {
						t.Errorf("%s was taken, and is none: %s\n%v", member, r.Form.Get(member), err)
					}
					break
				}
			}
			if err := keeps(t, schema, rec.Body.String()); err != nil || media != "application/json" {
				t.Errorf("%s is no %s (%s): %v\n%.2000s", r.URL.Path, schema, media, err, rec.Body)
			}
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// TestSchemasRefuse: each schema finds the mistakes that a service could make, so
// that what it lets pass means something. The specification's own find most of
// them; those marked with a star only ours do.
func TestSchemasRefuse(t *testing.T) {
	manifest := func(more string) string {
		return `{"versions":["0.2"],"name":"N","identifierSpace":"urn:x:","schemaSpace":"urn:x:"` + more + `}`
	}
	extend := func(cell string) string {
		return `{"meta":[{"id":"p","name":"P"}],"rows":{"e":{"p":[` + cell + `]}}}`
	}
	for schema, c := range map[string]struct{ good, bad []string }{
		"manifest": {
			good: []string{
				manifest(""), manifest(`,"batchSize":5`),
				manifest(`,"extend":{"property_settings":[{"type":"select","name":"n","label":"L","choices":[{"name":"a","value":"b"}]}]}`),
			},
			bad: []string{
				`{}`, `[]`, `{"name":"N","identifierSpace":"urn:x:","schemaSpace":"urn:x:"}`,
				`{"versions":["0.1"],"name":"N","identifierSpace":"urn:x:","schemaSpace":"urn:x:"}`,
				manifest(`,"view":{"url":"https://x.example/{id}"}`), manifest(`,"preview":{"url":"https://x.example/{{id}}","width":10}`),
				manifest(`,"defaultTypes":[{"id":"x"}]`), manifest(`,"defaultTypes":[{"id":"x","name":"X"},{"id":"x","name":"X"}]`),
				manifest(`,"extend":{"property_settings":[{"type":"number","name":"n","label":"L","default":"10"}]}`),
				`*` + manifest(`,"batch_size":5`), `*` + manifest(`,"suggest":{"entities":{}}`), `*` + manifest(`,"suggest":{"entity":{"service_url":"/suggest"}}`),
			},
		},
		"reconciliation-query-batch": {
			good: []string{`{}`, `{"q":{"query":"a"}}`, `{"q":{"properties":[{"pid":"p","v":[1,true,"x",{"id":"e"}]}]}}`, `{"q":{"query":"a","type":["t"],"limit":3,"type_strict":"any"}}`},
			bad:  []string{`[]`, `{"q":{}}`, `{"q":{"properties":[]}}`, `{"q":{"query":"a","type_strict":"very"}}`, `{"q":{"query":"a","typ":"t"}}`, `{"q":{"query":"a","properties":[{"pid":"p"}]}}`, `{"q":{"query":"a","properties":[{"pid":"p","v":null}]}}`},
		},
		"reconciliation-result-batch": {
			good: []string{`{"q":{"result":[]}}`, `{"q":{"result":[{"id":"e","name":"E","score":1.5,"match":true,"type":["t",{"id":"t","name":"T"}],"features":[{"id":"f","value":false}]}]}}`},
			bad: []string{
				`[]`, `{"q":{}}`, `{"q":[]}`, `{"q":{"result":[{"name":"E","score":1}]}}`, `{"q":{"result":[{"id":"e","name":"E","score":"1"}]}}`,
				`{"q":{"result":[{"id":"e","name":"E","score":1,"type":"t"}]}}`, `{"q":{"result":[{"id":"e","name":"E","score":1,"features":[{"id":"f","value":"x"}]}]}}`,
				`*{"q":{"result":[{"id":"e","name":"","score":1}]}}`, `*{"q":{"result":[{"id":"e","name":"E","score":1,"features":[{"id":"f"}]}]}}`,
			},
		},
		"suggest-entities-response": {
			good: []string{`{"result":[{"id":"e","name":"E","description":"d","notable":["t",{"id":"t","name":"T"}]}]}`},
			bad:  []string{`{}`, `[]`, `{"result":[{"id":"e"}]}`, `{"result":[{"id":"e","name":"E","notable":"t"}]}`, `*{"result":[{"id":"e","name":"E","types":[]}]}`},
		},
		"suggest-properties-response": {
			good: []string{`{"result":[]}`, `{"result":[{"id":"p","name":"P"}]}`},
			bad:  []string{`{}`, `{"result":{}}`, `{"result":[{"name":"P"}]}`, `*{"result":[{"id":"p","name":""}]}`},
		},
		"suggest-types-response": {
			good: []string{`{"result":[{"id":"t","name":"T","broader":[{"id":"u","name":"U"}]}]}`},
			bad:  []string{`{}`, `{"result":["t"]}`, `{"result":[{"id":"t","name":"T","broader":[{"id":"u"}]}]}`},
		},
		"data-extension-property-proposal": {
			good: []string{`{"properties":[]}`, `{"properties":[{"id":"p","name":"P"}],"type":"t","limit":3}`},
			bad:  []string{`{}`, `{"properties":[{"id":"p"}]}`, `{"properties":[],"type":["t"]}`, `{"properties":[],"limit":"3"}`},
		},
		"data-extension-query": {
			good: []string{`{"ids":[],"properties":[]}`, `{"ids":["e"],"properties":[{"id":"p","settings":{"limit":"3"}}]}`},
			bad:  []string{`{}`, `{"ids":["e"]}`, `{"ids":[1],"properties":[]}`, `{"ids":["e"],"properties":["p"]}`, `{"ids":["e"],"properties":[{"id":"p","settings":[]}]}`},
		},
		"data-extension-response": {
			good: []string{extend(`{},{"id":"e","name":"E"},{"str":"s"},{"float":1.5},{"int":1},{"date":"2016-12-31T00:00:00Z"}`)},
			bad: []string{
				`{"rows":{}}`, `{"meta":[]}`, `{"meta":[],"rows":[]}`, extend(`"s"`), extend(`{"str":1}`), extend(`{"float":"1"}`), extend(`{"int":1.5}`), extend(`{"date":"2016"}`),
				extend(`{"date":"2016-13-01T00:00:00Z"}`), extend(`{"str":"s","float":1}`), extend(`{"id":"e"}`), `{"meta":[{"id":"p"}],"rows":{}}`, `{"meta":[],"rows":{"e":{"p":{}}}}`,
			},
		},
	} {
		for _, text := range c.good {
			if err := keeps(t, schema, text); err != nil {
				t.Errorf("%s refuses %s: %v", schema, text, err)
			}
		}
		for _, text := range c.bad {
			text, onlyOurs := strings.CutPrefix(text, "*")
			if onlyOurs && flag.Lookup("schemas").Value.String() != flag.Lookup("schemas").DefValue {
				continue
			}
			if keeps(t, schema, text) == nil {
				t.Errorf("%s takes %s", schema, text)
			}
		}
	}
}

// TestEveryAddressKeepsItsSchema asks each address in each way in which the
// specification lets it be asked; judged finds what is wrong.
func TestEveryAddressKeepsItsSchema(t *testing.T) {
	r := newRig(t)
	const (
		queries = `{"q0":{"query":"Amap","type":["COMPANY","PERSON"],"limit":5,"type_strict":"should","properties":[
			{"pid":"identifier:lei","v":["x",5,true]},{"pid":"in:OWNS","v":{"id":"alibaba-group","name":"Alibaba"}},{"pid":"metric:revenue","v":1.5}]},
			"q1":{"properties":[{"pid":"name","v":"Jack Ma"}]},"q2":{"query":"Zzyzx Unheard Of"},"":{"query":"Jack Ma","type":"PERSON"}}`
		extend = `{"ids":["alibaba-group","jack-ma","nobody",""],"properties":[{"id":"name"},{"id":"founded"},{"id":"identifier:lei"},
			{"id":"in:OWNS","settings":{"limit":2,"asOf":"2014"}},{"id":"metric:revenue","settings":{}}]}`
	)
	asked := map[string][]url.Values{
		"/reconcile":                  {{}, {"queries": {queries}}, {"queries": {"{}"}}, {"extend": {extend}}, {"extend": {`{"ids":[],"properties":[]}`}}},
		"/reconcile/":                 {{}, {"queries": {queries}}},
		"/reconcile/suggest/entity":   {{}, {"prefix": {"a"}}, {"prefix": {"阿里"}, "cursor": {"3"}}, {"prefix": {"a"}, "cursor": {"100000"}}},
		"/reconcile/suggest/property": {{}, {"prefix": {"own"}}, {"cursor": {"200"}}},
		"/reconcile/suggest/type":     {{}, {"prefix": {"co"}}, {"cursor": {"100"}}},
		"/reconcile/properties":       {{}, {"type": {"COMPANY"}}, {"type": {"PERSON"}, "limit": {"3"}}},
		"/reconcile/preview":          {{"id": {"alibaba-group"}}, {"id": {"jack-ma"}}},
	}
	for path, forms := range asked {
		for _, form := range forms {
			text := form.Encode()
			post := httptest.NewRequest(http.MethodPost, path, strings.NewReader(text))
			post.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
			var bodies []string
			for _, request := range []*http.Request{httptest.NewRequest(http.MethodGet, path+"?"+text, nil), post} {
				rec := httptest.NewRecorder()
				r.ServeHTTP(rec, request)
				if rec.Code != http.StatusOK {
					t.Errorf("%s %s?%s: status %d: %s", request.Method, path, text, rec.Code, rec.Body)
				}
				bodies = append(bodies, rec.Body.String())
			}
			if bodies[0] != bodies[1] {
				t.Errorf("%s?%s: GET and POST differ:\n%s\n%s", path, text, bodies[0], bodies[1])
			}
		}
	}
	// The manifest names addresses; each of them is one of those above.
	var m struct {
		Suggest map[string]struct {
			URL  string `json:"service_url"`
			Path string `json:"service_path"`
		}
		Extend struct {
			Propose struct {
				URL  string `json:"service_url"`
				Path string `json:"service_path"`
			} `json:"propose_properties"`
		}
		View, Preview struct{ URL string }
	}
	r.get(t, "/reconcile", nil, &m)
	named := []string{m.Extend.Propose.URL + m.Extend.Propose.Path, strings.TrimSuffix(m.View.URL, "?id={{id}}"), strings.TrimSuffix(m.Preview.URL, "?id={{id}}")}
	for _, s := range m.Suggest {
		named = append(named, s.URL+s.Path)
	}
	for _, address := range named {
		if path, ok := strings.CutPrefix(address, "http://graph.example"); !ok || asked[path] == nil {
			t.Errorf("the manifest names %s, which is not among %v", address, slices.Sorted(maps.Keys(asked)))
		}
	}
}
