package reconcile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
	"keiretsu/internal/search"
	"keiretsu/seeds"
)

// rig answers from the demo facts and two companies of one name. Whatever passes
// is held against the schemas of the specification.
type rig struct {
	http.Handler
	log *bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	store := kgtest.NewModel()
	index, err := search.Open(t.Context(), search.Options{Dir: filepath.Join(t.TempDir(), "index"), Store: store, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = index.Close() })
	g := kg.NewGraph(store, kg.Options{Text: index})
	if _, err := ingest.Load(t.Context(), g, factfile.Read(seeds.Files)); err != nil {
		t.Fatal(err)
	}
	w := kg.Write{Sources: []*kg.Source{{ID: "memo", Title: "Memo"}}}
	for _, s := range []kg.Statement{
		&kg.EntityStatement{Entity: "twin-1", Kind: kg.KindCompany}, &kg.NameStatement{Entity: "twin-1", Text: "Gemini Ltd", Kind: kg.NamePreferred},
		&kg.IdentifierStatement{Entity: "twin-1", Scheme: "LEI", Value: "529900T8BM49AURSDO55"},
		&kg.EntityStatement{Entity: "twin-2", Kind: kg.KindCompany}, &kg.NameStatement{Entity: "twin-2", Text: "Gemini", Kind: kg.NamePreferred},
		&kg.EntityStatement{Entity: "twin-3", Kind: kg.KindPerson}, &kg.NameStatement{Entity: "twin-3", Text: "<b>Gemini</b>", Kind: kg.NamePreferred},
		&kg.EntityStatement{Entity: "twin-4", Kind: kg.KindPerson}, &kg.NameStatement{Entity: "twin-4", Text: "Cox", Kind: kg.NameLegal},
		&kg.SameStatement{Entity: "twin-4", As: "twin-3"},
		&kg.EntityStatement{Entity: "registered", Kind: kg.KindCompany}, &kg.NameStatement{Entity: "registered", Text: "Castor Ltd", Kind: kg.NameLegal},
		&kg.RelationStatement{Type: kg.Owns, From: "twin-3", To: "twin-1", Start: date(t, "2001"), End: date(t, "2005")},
	} {
		w.Claims = append(w.Claims, &kg.Claim{Statement: s, Source: "memo"})
	}
	applied, err := g.Apply(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if err := index.Wait(t.Context(), applied.Revision); err != nil {
		t.Fatal(err)
	}
	r := &rig{log: &bytes.Buffer{}}
	r.Handler = judged(t, Handler(Config{View: g.View, Alike: search.Alike, Log: slog.New(slog.NewTextHandler(r.log, nil))}))
	return r
}

func date(t *testing.T, text string) kg.PartialDate {
	t.Helper()
	d, err := kg.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// get asks, and reads a JSON answer.
func (r *rig) get(t *testing.T, path string, form url.Values, into any) int {
	t.Helper()
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "http://graph.example"+path+"?"+form.Encode(), nil)
	r.ServeHTTP(rec, req)
	if into != nil {
		dec := json.NewDecoder(rec.Body)
		if err := dec.Decode(into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return rec.Code
}

// found is a candidate as the specification has it.
type found struct {
	ID, Name, Description string
	Score                 float64
	Match                 bool
	Type                  []struct{ ID, Name string }
	Features              []struct {
		ID    string
		Value any
	}
}

func (r *rig) ask(t *testing.T, query string) []found {
	t.Helper()
	var answer map[string]struct{ Result []found }
	if status := r.get(t, "/reconcile", url.Values{"queries": {`{"q0":` + query + `}`}}, &answer); status != 200 {
		t.Fatalf("%s: status %d", query, status)
	}
	return answer["q0"].Result
}

func TestQueries(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		query string
		want  string // ids of the candidates that score 80 at least; a star behind a match
	}{
		"a name":                              {`{"query":"Amap"}`, "amap*"},
		"a name in another script":            {`{"query":"高德地图"}`, "amap*"},
		"a slip":                              {`{"query":"Amapp"}`, ""},
		"namesakes":                           {`{"query":"Gemini"}`, "twin-2 twin-1"},
		"namesakes and a type":                {`{"query":"Gemini","type":"PERSON","type_strict":"all"}`, ""},
		"a type that most have":               {`{"query":"Gemini","type":["COMPANY"],"type_strict":"any"}`, "twin-2 twin-1"},
		"an identifier decides":               {`{"query":"Gemini","properties":[{"pid":"identifier:lei","v":"529900t8bm49aursdo55"}]}`, "twin-1*"},
		"an identifier alone":                 {`{"properties":[{"pid":"identifier:lei","v":["529900T8BM49AURSDO55"]}]}`, "twin-1*"},
		"a value that has another id now":     {`{"query":"Gemini","properties":[{"pid":"in:OWNS","v":{"id":"twin-4","name":"x"}}]}`, "twin-1*"},
		"a value that is an entity":           {`{"query":"Gemini","properties":[{"pid":"in:OWNS","v":{"id":"twin-3","name":"x"}}]}`, "twin-1*"},
		"a property that there is not":        {`{"query":"Amap","properties":[{"pid":"colour","v":true}]}`, "amap*"},
		"nothing like it":                     {`{"query":"Zzyzx Unheard Of"}`, ""},
		"a limit":                             {`{"query":"Gemini","limit":1}`, "twin-2"},
		"a text that is all punctuation":      {`{"query":"..."}`, ""},
		"an id":                               {`{"query":"twin-1"}`, "twin-1*"},
		"an id of another type":               {`{"query":"twin-1","type":"PERSON","type_strict":"all"}`, ""},
		"an identifier that cannot be":        {`{"query":"Amap","properties":[{"pid":"identifier:lei","v":" "}]}`, ""},
		"a limit of nought is the least":      {`{"query":"Gemini","limit":0}`, "twin-2"},
		"a number where a text is the custom": {`{"query":"Amap","properties":[{"pid":"founded","v":1901}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range r.ask(t, c.query) {
				if f.Score < 80 {
					continue
				}
				id := f.ID
				if f.Match {
					id += "*"
				}
				got = append(got, id)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
	amap := r.ask(t, `{"query":"Amap","type":"COMPANY"}`)[0]
	if amap.Name != "Amap" || amap.Score != 100 || len(amap.Type) != 1 || amap.Type[0].ID != "COMPANY" || amap.Type[0].Name != "Company" || len(amap.Features) != 2 {
		t.Errorf("%+v", amap)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	many := `{` + strings.Repeat(`"q":{"query":"a"},`, 1)
	for i := range 51 {
		many += `"q` + strings.Repeat("x", i) + `":{"query":"a"},`
	}
	many = strings.TrimSuffix(many, ",") + "}"
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"no JSON":            {url.Values{"queries": {"{"}}, "queries is not what the specification says"},
		"a list":             {url.Values{"queries": {"[]"}}, "an array stands where it does not belong"},
		"two values":         {url.Values{"queries": {"{} {}"}}, "more than one"},
		"an empty text":      {url.Values{"queries": {`{"q":{"query":""}}`}}, "is empty"},
		"nothing asked":      {url.Values{"queries": {`{"q":{"limit":3}}`}}, "needs a text or properties"},
		"a null":             {url.Values{"queries": {`{"q":null}`}}, "is null"},
		"no properties":      {url.Values{"queries": {`{"q":{"properties":[]}}`}}, "needs a text or properties"},
		"an unknown type":    {url.Values{"queries": {`{"q":{"query":"a","type":"Q43229"}}`}}, "there is no type"},
		"a type of a type":   {url.Values{"queries": {`{"q":{"query":"a","type":7}}`}}, "a type is a text"},
		"a strictness":       {url.Values{"queries": {`{"q":{"query":"a","type_strict":"very"}}`}}, "any, should or all"},
		"a value of a value": {url.Values{"queries": {`{"q":{"query":"a","properties":[{"pid":"name","v":{}}]}}`}}, "a value is a text"},
		"a long text":        {url.Values{"queries": {`{"q":{"query":"` + strings.Repeat("a", 1001) + `"}}`}}, "at most 1000 bytes"},
		"no such column":     {url.Values{"extend": {`{"ids":["amap"],"properties":[{"id":"colour"}]}`}}, "there is no property"},
		"a limit":            {url.Values{"extend": {`{"ids":["amap"],"properties":[{"id":"name","settings":{"limit":"many"}}]}`}}, "a number from 1"},
		"a date":             {url.Values{"extend": {`{"ids":["amap"],"properties":[{"id":"name","settings":{"asOf":"soon"}}]}`}}, "asOf"},
	} {
		t.Run(name, func(t *testing.T) {
			var answer struct{ Status, Message string }
			status := r.get(t, "/reconcile", c.form, &answer)
			if status != http.StatusBadRequest || answer.Status != "error" || !strings.Contains(answer.Message, c.want) {
				t.Errorf("status %d, %+v; want %q", status, answer, c.want)
			}
			if found := regexp.MustCompile(`(?i)json:|reconcile\.|\.go:|struct|map\[`).FindString(answer.Message); found != "" {
				t.Errorf("%q tells %q", answer.Message, found)
			}
		})
	}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
	}{
		"another method":    {httptest.NewRequest(http.MethodDelete, "/reconcile", nil), 405},
		"another body":      {httptest.NewRequest(http.MethodPost, "/reconcile", strings.NewReader("{}")), 415},
		"nothing there":     {httptest.NewRequest(http.MethodGet, "/reconcile/else", nil), 404},
		"no such preview":   {httptest.NewRequest(http.MethodGet, "/reconcile/preview?id=nobody", nil), 404},
		"a batch too large": {form("queries=" + url.QueryEscape(many)), 413},
		"a form too large":  {form(strings.Repeat("a", maxBody+1)), 413},
		"a form":            {form("queries=" + url.QueryEscape(`{"q":{"query":"Amap"}}`)), 200},
	} {
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, c.request)
		if rec.Code != c.status {
			t.Errorf("%s: status %d, want %d: %.200s", name, rec.Code, c.status, rec.Body)
		}
	}
}

func form(body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/reconcile", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// TestFaultsAreNotShown: what is wrong with the store stays in the log.
func TestFaultsAreNotShown(t *testing.T) {
	var log bytes.Buffer
	h := Handler(Config{
		View: func(context.Context) (*kg.View, error) { return nil, errors.New("the secret folder") },
		Log:  slog.New(slog.NewTextHandler(&log, nil)),
	})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/reconcile", nil))
	if rec.Code != 500 || strings.Contains(rec.Body.String(), "secret") || !strings.Contains(log.String(), "secret") {
		t.Errorf("status %d: %s; log: %s", rec.Code, rec.Body, &log)
	}
}

// TestFaultsAreNoAnswers: whichever read of the store fails, a query by identifier does
// not look as if nobody bore it. One that several bear, or that is none, is no fault.
func TestFaultsAreNoAnswers(t *testing.T) {
	store := kgtest.NewModel()
	w := kg.Write{Sources: []*kg.Source{{ID: "memo", Title: "Memo"}}}
	for _, s := range []kg.Statement{
		&kg.EntityStatement{Entity: "a", Kind: kg.KindCompany}, &kg.NameStatement{Entity: "a", Text: "Acme", Kind: kg.NamePreferred},
		&kg.IdentifierStatement{Entity: "a", Scheme: "LEI", Value: "529900T8BM49AURSDO55"}, &kg.IdentifierStatement{Entity: "a", Scheme: "X", Value: "1"},
		&kg.EntityStatement{Entity: "b", Kind: kg.KindCompany}, &kg.NameStatement{Entity: "b", Text: "Bolt", Kind: kg.NamePreferred},
		&kg.IdentifierStatement{Entity: "b", Scheme: "X", Value: "1"},
	} {
		w.Claims = append(w.Claims, &kg.Claim{Statement: s, Source: "memo"})
	}
	if _, err := kg.NewGraph(store, kg.Options{}).Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	query := url.Values{"queries": {`{"q0":{"properties":[{"pid":"identifier:lei","v":"529900T8BM49AURSDO55"},{"pid":"identifier:x","v":["1",":"]}]}}`}}
	for n := range 100 {
		faulty := kgtest.Faulty(store, n, kg.ErrUnavailable)
		rec := httptest.NewRecorder()
		h := Handler(Config{View: kg.NewGraph(faulty, kg.Options{}).View, Alike: search.Alike, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		h.ServeHTTP(rec, form(query.Encode()))
		whole := rec.Code == http.StatusOK && strings.Contains(rec.Body.String(), `"id":"a"`)
		if !whole && rec.Code != http.StatusServiceUnavailable {
			t.Fatalf("fault %d: status %d: %s", n, rec.Code, rec.Body)
		}
		if !faulty.Tripped() {
			if !whole {
				t.Errorf("without a fault: status %d: %s", rec.Code, rec.Body)
			}
			return
		}
	}
	t.Error("there is no end of reads")
}

func TestManifest(t *testing.T) {
	r := newRig(t)
	var m map[string]any
	r.get(t, "/reconcile", nil, &m)
	for _, member := range []string{"versions", "name", "identifierSpace", "schemaSpace"} {
		if m[member] == nil {
			t.Errorf("%s is missing", member)
		}
	}
	if diff := cmp.Diff([]any{"0.2"}, m["versions"]); diff != "" {
		t.Error(diff)
	}
	if url := m["preview"].(map[string]any)["url"]; url != "http://graph.example/reconcile/preview?id={{id}}" {
		t.Errorf("preview: %v", url)
	}
}

func TestExtend(t *testing.T) {
	r := newRig(t)
	types := map[string]string{} // of the columns that hold entities of one kind
	ask := func(properties string) map[string]any {
		t.Helper()
		var answer map[string]any
		if status := r.get(t, "/reconcile", url.Values{"extend": {`{"ids":["twin-1","amap","nobody"],"properties":` + properties + `}`}}, &answer); status != 200 {
			t.Fatalf("status %d: %v", status, answer)
		}
		for _, column := range answer["meta"].([]any) {
			column := column.(map[string]any)
			if of, ok := column["type"].(map[string]any); ok {
				types[column["id"].(string)] = of["id"].(string)
			}
		}
		return answer["rows"].(map[string]any)
	}
	rows := ask(`[{"id":"name"},{"id":"identifier:LEI"},{"id":"in:ACQUIRED"},{"id":"in:OWNS","settings":{"limit":"5","asOf":"2003-01-01"}}]`)
	want := map[string]any{
		"twin-1": map[string]any{
			"name": []any{map[string]any{"str": "Gemini Ltd"}}, "identifier:LEI": []any{map[string]any{"str": "529900T8BM49AURSDO55"}}, "in:ACQUIRED": []any{},
			"in:OWNS": []any{map[string]any{"id": "twin-3", "name": "<b>Gemini</b>"}},
		},
		"amap": map[string]any{
			"name": []any{map[string]any{"str": "Amap"}}, "identifier:LEI": []any{},
			"in:ACQUIRED": []any{map[string]any{"id": "alibaba-group", "name": "Alibaba Group Holding Limited"}}, "in:OWNS": []any{},
		},
		"nobody": map[string]any{"name": []any{}, "identifier:LEI": []any{}, "in:ACQUIRED": []any{}, "in:OWNS": []any{}},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var answer struct {
		Rows map[string]map[string][]map[string]string
	}
	r.get(t, "/reconcile", url.Values{"extend": {`{"ids":["registered","twin-4"],"properties":[{"id":"name"},{"id":"legal_name"}]}`}}, &answer)
	names := map[string]map[string][]map[string]string{
		"registered": {"name": {{"str": "Castor Ltd"}}, "legal_name": {{"str": "Castor Ltd"}}},
		"twin-4":     {"name": {{"str": "<b>Gemini</b>"}}, "legal_name": {{"str": "Cox"}}},
	}
	if diff := cmp.Diff(names, answer.Rows); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if rows := ask(`[{"id":"in:OWNS"}]`); len(rows["twin-1"].(map[string]any)["in:OWNS"].([]any)) != 0 {
		t.Error("a past owner is shown as one of today")
	}
	ask(`[{"id":"out:ACQUIRED"},{"id":"out:HEADQUARTERED_IN"},{"id":"in:HOLDS_ROLE"}]`)
	if diff := cmp.Diff(map[string]string{"out:ACQUIRED": "COMPANY", "out:HEADQUARTERED_IN": "PLACE", "in:HOLDS_ROLE": "PERSON"}, types); diff != "" {
		t.Errorf("types of columns (-want +got):\n%s", diff)
	}
}

// TestEveryPropertyHasValues: what is proposed can be fetched, and fits the cells
// of the specification.
func TestEveryPropertyHasValues(t *testing.T) {
	r := newRig(t)
	var proposed struct {
		Properties []struct{ ID, Name string }
	}
	r.get(t, "/reconcile/properties", url.Values{"type": {"COMPANY"}}, &proposed)
	if len(proposed.Properties) < 200 {
		t.Errorf("only %d properties are proposed", len(proposed.Properties))
	}
	kinds := map[string]int{}
	moment := regexp.MustCompile(`^\d{4}-\d\d-\d\dT00:00:00Z$`)
	for at := 0; at < len(proposed.Properties); at += maxExtendProp {
		var list []map[string]string
		for _, p := range proposed.Properties[at:min(at+maxExtendProp, len(proposed.Properties))] {
			if p.Name == "" {
				t.Errorf("%s has no name", p.ID)
			}
			list = append(list, map[string]string{"id": p.ID})
		}
		text, err := json.Marshal(map[string]any{"ids": []string{"alibaba-group", "jack-ma"}, "properties": list})
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Meta []struct{ ID, Name string }
			Rows map[string]map[string][]map[string]any
		}
		if status := r.get(t, "/reconcile", url.Values{"extend": {string(text)}}, &answer); status != 200 || len(answer.Meta) != len(list) {
			t.Fatalf("status %d, %d columns of %d", status, len(answer.Meta), len(list))
		}
		for _, row := range answer.Rows {
			for _, cells := range row {
				for _, cell := range cells {
					for key, v := range cell {
						kinds[key]++
						if key == "date" && !moment.MatchString(v.(string)) {
							t.Errorf("%v is no moment", v)
						}
					}
				}
			}
		}
	}
	for _, key := range []string{"id", "name", "float", "str", "date"} {
		if kinds[key] == 0 {
			t.Errorf("no cell has %s: %v", key, kinds)
		}
	}
}

func TestSuggestions(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ path, prefix, first string }{
		{"entity", "ama", "amap"},
		{"entity", "高德", "amap"},
		{"entity", "twin-2", "twin-2"},
		{"entity", "", ""},
		{"property", "owned", "in:OWNS"},
		{"property", "lei", "identifier:lei"},
		{"property", "zzz", ""},
		{"type", "com", "COMPANY"},
		{"type", "", "COMPANY"},
	} {
		var answer struct{ Result []struct{ ID, Name string } }
		r.get(t, "/reconcile/suggest/"+c.path, url.Values{"prefix": {c.prefix}}, &answer)
		first := ""
		if len(answer.Result) > 0 {
			first = answer.Result[0].ID
		}
		if first != c.first || len(answer.Result) > suggestions {
			t.Errorf("%s %q: %+v, want %q first", c.path, c.prefix, answer.Result, c.first)
		}
	}
	var page, next struct{ Result []struct{ ID string } }
	r.get(t, "/reconcile/suggest/property", nil, &page)
	r.get(t, "/reconcile/suggest/property", url.Values{"cursor": {"20"}}, &next)
	if len(page.Result) != suggestions || len(next.Result) != suggestions || page.Result[0] == next.Result[0] {
		t.Errorf("pages of %d and %d", len(page.Result), len(next.Result))
	}
}

func TestPreview(t *testing.T) {
	r := newRig(t)
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/reconcile/preview?id=twin-3", nil))
	if body := rec.Body.String(); rec.Code != 200 || !strings.Contains(body, "&lt;b&gt;Gemini&lt;/b&gt;") || strings.Contains(body, "<b>Gemini") {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
	if policy := rec.Header().Get("Content-Security-Policy"); policy != previewPolicy {
		t.Errorf("Content-Security-Policy: %s", policy)
	}
	rec = httptest.NewRecorder()
	r.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/reconcile/preview?id=alibaba-group", nil))
	for _, want := range []string{"Alibaba Group Holding Limited", "founded", "headquarters", "Hangzhou"} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the preview does not say %q:\n%s", want, rec.Body)
		}
	}
}

func TestEveryRelationHasVerbs(t *testing.T) {
	for _, kind := range kg.RelationTypes() {
		if v := verbs[kind]; v[0] == "" || v[1] == "" {
			t.Errorf("%s has no verbs", kind)
		}
	}
}
