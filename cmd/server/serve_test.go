package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/graph"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/web"
)

const acquiredIn = `query AcquiredIn($during: Period!) {
  company(name: "Alibaba") {
    acquisitions(during: $during) {
      edges { node { name } relation { start citations { source { id } locator } } }
    }
  }
}`

// deal is an acquisition as an answer tells it: name, date, then source and
// place of every citation.
type deal []string

func acquired(t *testing.T, p *program, during string) []deal {
	t.Helper()
	var data struct {
		Company struct {
			Acquisitions struct {
				Edges []struct {
					Node     struct{ Name string }
					Relation struct {
						Start     string
						Citations []struct {
							Source  struct{ ID string }
							Locator string
						}
					}
				}
			}
		}
	}
	if errors := ask(t, p, acquiredIn, map[string]string{"during": during}, &data); errors != "" {
		t.Fatalf("acquired in %s: %s", during, errors)
	}
	var deals []deal
	for _, e := range data.Company.Acquisitions.Edges {
		d := deal{e.Node.Name, e.Relation.Start}
		for _, c := range e.Relation.Citations {
			d = append(d, c.Source.ID+" "+c.Locator)
		}
		deals = append(deals, d)
	}
	return deals
}

// in2014 is what the demo facts say.
var in2014 = []deal{
	{"Alibaba Pictures", "2014", "doc-002 line 49"},
	{"Amap", "2014", "doc-002 line 69", "doc-004 line 33"},
}

// TestFirstStart looks at everything that a server offers on an empty folder.
func TestFirstStart(t *testing.T) {
	p := start(t, filepath.Join(t.TempDir(), "not", "yet", "there"))
	for name, look := range map[string]func(*testing.T, *program){
		"says where to click":  testGreeting,
		"answers with sources": testSources,
		"search":               testSearch,
		"addresses":            testAddresses,
		"examples":             testExamples,
		"README":               testReadme,
	} {
		t.Run(name, func(t *testing.T) { look(t, p) })
	}
	p.stop(t)
	if _, err := http.Get(p.url + "/healthz"); err == nil {
		t.Error("it answers after it has stopped")
	}
}

func testSources(t *testing.T, p *program) {
	if diff := cmp.Diff(in2014, acquired(t, p, "2014")); diff != "" {
		t.Errorf("acquired in 2014 (-want +got):\n%s", diff)
	}
	if got := acquired(t, p, "2013"); got != nil {
		t.Errorf("acquired in 2013: %v, want nothing", got)
	}
}

func testGreeting(t *testing.T, p *program) {
	said := p.stdout.String()
	for _, path := range []string{"/graphiql", "/graphql", "/schema.graphql"} {
		if !strings.Contains(said, p.url+path) {
			t.Errorf("it did not say where %s is:\n%s", path, said)
		}
	}
	if strings.HasSuffix(p.url, ":0") {
		t.Errorf("it named the port that was asked for, %s, and not the one it got", p.url)
	}
}

func testSearch(t *testing.T, p *program) {
	for text, want := range map[string]string{"阿里云": "Alibaba Cloud", "aliyun": "Alibaba Cloud", "高德地图": "Amap"} {
		got := ""
		eventually(t, text+" is found", func() bool {
			got = found(t, p, text)
			return got != "" && !strings.Contains(got, "UNAVAILABLE")
		})
		if first, _, _ := strings.Cut(got, ", "); first != want {
			t.Errorf("%s finds %s, want %s first", text, got, want)
		}
	}
}

func testAddresses(t *testing.T, p *program) {
	for path, want := range map[string]string{
		"/":               "<title>",
		"/graphiql":       "<title>",
		"/graphiql/":      "<title>",
		"/healthz":        "ok",
		"/readyz":         "ready",
		"/schema.graphql": graph.SDL,
		"/metrics":        `keiretsu_records{kind="entity"}`,
		"/graphql?query=%7Bcompany(name%3A%22Alibaba%22)%7Bid%7D%7D": `{"data":{"company":{"id":"alibaba-group"}}}`,
	} {
		t.Run(path, func(t *testing.T) {
			if status, body := get(t, p.url+path); status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("status %d, want 200 and a body with %.60q, got:\n%.400s", status, want, body)
			}
		})
	}
	if status, body := get(t, p.url+"/elsewhere"); status != http.StatusNotFound || !strings.Contains(body, "/graphiql") {
		t.Errorf("/elsewhere: status %d, want 404 and where there is something:\n%s", status, body)
	}
}

// nothing is an answer that holds nothing.
var nothing = regexp.MustCompile(`^(null|\[\])$|"(edges|nodes)":\[\]}*$`)

// answers wants an answer without errors that holds something. What it holds is
// the matter of the golden questions.
func answers(t *testing.T, p *program, query string, variables any) {
	t.Helper()
	var data map[string]json.RawMessage
	if errors := ask(t, p, query, variables, &data); errors != "" {
		t.Fatalf("%s\n%s", query, errors)
	}
	for _, value := range data {
		if nothing.Match(value) {
			t.Errorf("%s\nis answered with nothing: %s", query, value)
		}
	}
}

// testExamples asks what GraphiQL opens with.
func testExamples(t *testing.T, p *program) {
	for _, example := range web.Examples() {
		t.Run(example.Title, func(t *testing.T) {
			if !strings.Contains(example.Query, "\nsubscription ") {
				answers(t, p, example.Query, example.Variables)
				return
			}
			s, err := subscribe(t.Context(), p, example.Query, example.Variables)
			if err != nil {
				t.Fatal(err)
			}
			defer s.CloseNow()
			if u, err := s.next(t.Context()); err != nil || len(u.Touched) == 0 {
				t.Errorf("told %v (%v)", u, err)
			}
		})
	}
}

var recordCounts = regexp.MustCompile(`(?m)^keiretsu_(records|store_revision).*$`)

func TestRestartKeepsEverything(t *testing.T) {
	data := t.TempDir()
	whole := func(p *program) []string {
		_, metrics := get(t, p.url+"/metrics")
		_, answer := get(t, p.url+"/graphql?query="+url.QueryEscape(`{ entities(first: 1000) { nodes { id names { text } } } relations(first: 1000) { nodes { id } } }`))
		return append(recordCounts.FindAllString(metrics, -1), answer)
	}
	p := start(t, data)
	before := whole(p)
	if !strings.Contains(p.stderr.String(), "loaded the demo facts") {
		t.Errorf("the first start did not say that it has loaded the demo facts")
	}
	p.stop(t)

	p = start(t, data)
	if diff := cmp.Diff(before, whole(p)); diff != "" {
		t.Errorf("after a restart (-before +after):\n%.2000s", diff)
	}
	if log := p.stderr.String(); strings.Contains(log, "loaded the demo facts") || strings.Contains(log, "built the search index") {
		t.Errorf("the second start made anew what was there")
	}
	p.stop(t)
}

// TestOwnFactsStayAlone starts on a folder with somebody's own facts, which the
// index has not seen: none of the demo facts join them, and search catches up.
func TestOwnFactsStayAlone(t *testing.T) {
	data := t.TempDir()
	record := func(id kg.ID, name string) {
		t.Helper()
		store, err := badgerstore.Open(t.Context(), badgerstore.Options{Dir: filepath.Join(data, "store")})
		if err != nil {
			t.Fatal(err)
		}
		said := func(s kg.Statement) *kg.Claim { return &kg.Claim{Statement: s, Source: "diary", Locator: "page 3"} }
		_, err = kg.NewGraph(store, kg.Options{}).Apply(t.Context(), kg.Write{
			Sources: []*kg.Source{{ID: "diary", Title: "A diary"}},
			Claims: []*kg.Claim{
				said(&kg.EntityStatement{Entity: id, Kind: kg.KindCompany}),
				said(&kg.NameStatement{Entity: id, Text: name, Kind: kg.NamePreferred}),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	finds := func(p *program, text, want string) {
		t.Helper()
		eventually(t, text+" finds "+want, func() bool { return found(t, p, text) == want })
	}

	record("lighthouse", "Lighthouse Works")
	p := start(t, data)
	finds(p, "lighthouse", "Lighthouse Works")
	if got := found(t, p, "alibaba"); got != "" {
		t.Errorf("a graph of one's own has the demo facts as well: %s", got)
	}
	p.stop(t)

	record("windmill", "Windmill Works")
	p = start(t, data)
	finds(p, "windmill", "Windmill Works")
	p.stop(t)

	if err := os.RemoveAll(filepath.Join(data, "search")); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	finds(p, "lighthouse", "Lighthouse Works")
	finds(p, "windmill", "Windmill Works")
	p.stop(t)
}

func TestStopsWhileStarting(t *testing.T) {
	p := run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	p.stop(t)
}

func TestAddressToClick(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080",
		"[::1]:8080":     "[::1]:8080",
		"0.0.0.0:8080":   "localhost:8080",
		"[::]:8080":      "localhost:8080",
	} {
		if got := clickable(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("listening on %s: click on %s, want %s", addr, got, want)
		}
	}
}

// testReadme asks what the README shows.
func testReadme(t *testing.T, p *program) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := func(language string) (found []string) {
		for _, b := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			found = append(found, b[1])
		}
		return found
	}

	query := regexp.MustCompile(`(?s)'query=(.*)'`).FindStringSubmatch(blocks("sh")[0])
	_, answer := get(t, p.url+"/graphql?query="+url.QueryEscape(query[1]))
	var got, want any
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(blocks("json")[0]), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the answer shown (-want +got):\n%s", diff)
	}

	questions := blocks("graphql")
	if len(questions) < 5 {
		t.Errorf("%d questions to paste, want at least 5", len(questions))
	}
	for _, question := range questions {
		answers(t, p, question, nil)
	}
}

// TestReadmeWrites sends what the README does, as curl would.
func TestReadmeWrites(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	body := regexp.MustCompile(`(?s)-d @- <<'END'\n(.*?)\nEND\n`).FindSubmatch(text)
	if body == nil {
		t.Fatal("the README writes nothing")
	}
	data := t.TempDir()
	p := start(t, data)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/graphql", strings.NewReader(strings.ReplaceAll(string(body[1]), "\n", "")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(command(t, "token", "create", "anna", "--scope", "write", "--data", data)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct {
		Errors []any
		Data   struct {
			PutRelation struct {
				Relation struct {
					Start     string
					Citations []struct{ Locator string }
				}
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if deal := got.Data.PutRelation.Relation; len(got.Errors) > 0 || deal.Start != "2014-07" || len(deal.Citations) != 3 {
		t.Errorf("%+v; want three citations, and the month that the last states", got)
	}
}

// TestTablesAsDocumented asks what docs/tables.md shows.
func TestTablesAsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/tables.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)'query=(.*?)'\n```\n\n(.*?)\n\n").FindSubmatch(text)
	if shown == nil {
		t.Fatal("the page shows no table")
	}
	p := start(t, t.TempDir())
	_, got := get(t, p.url+"/graphql.csv?query="+url.QueryEscape(string(shown[1])))
	want := strings.ReplaceAll(strings.TrimPrefix(string(shown[2]), "    "), "\n    ", "\r\n") + "\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table shown (-want +got):\n%s", diff)
	}
	p.stop(t)
}

// TestTables asks for what Alibaba acquired in 2014 as a table.
func TestTables(t *testing.T) {
	p := start(t, t.TempDir())
	values := url.Values{"query": {`query Deals { company(name: "Alibaba") { acquisitions(during: "2014") { edges { to: node { name } relation { start citations { source { id } locator } } } } } }`}}
	status, table := get(t, p.url+"/graphql.csv?"+values.Encode())
	const columns = "company.acquisitions.edges."
	want := [][]string{
		{columns + "to.name", columns + "relation.start", columns + "relation.citations.source.id", columns + "relation.citations.locator"},
	}
	for _, d := range in2014 {
		row := []string{d[0], d[1], "", ""}
		for i, cited := range d[2:] {
			source, locator, _ := strings.Cut(cited, " ")
			if i > 0 {
				row[2], row[3] = row[2]+"; ", row[3]+"; "
			}
			row[2], row[3] = row[2]+source, row[3]+locator
		}
		want = append(want, row)
	}
	got, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if diff := cmp.Diff(want, got); status != http.StatusOK || err != nil || diff != "" {
		t.Errorf("status %d, %v (-want +got):\n%s\n%s", status, err, diff, table)
	}
	for query, want := range map[string]string{
		`{ entities { nodes { id } } sources { id } }`: "entities",
		`{ entities(last: 1000) { nodes { id } } }`:    "",
		`{ company(name: "Alibaba") { deals: acquisitions(first: 1) { ...D } } } fragment D on AcquisitionConnection { edges { node { relations(last: 1) { edges { node { id } } } } } }`: "company.deals, company.deals.edges.node.relations",
	} {
		resp, err := http.Get(p.url + "/graphql.ndjson?" + url.Values{"query": {query}}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if more := resp.Header.Get("Keiretsu-More"); errors.Join(err, resp.Body.Close()) != nil || resp.StatusCode != http.StatusOK || more != want || strings.Contains(string(body), "__page") {
			t.Errorf("%s: status %d, more %q, want %q\n%.200s", query, resp.StatusCode, more, want, body)
		}
	}
	p.stop(t)
}
