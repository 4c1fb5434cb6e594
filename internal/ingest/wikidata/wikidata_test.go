package wikidata

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest/ingesttest"
)

func TestItems(t *testing.T) {
	g, store := ingesttest.NewGraph(t)
	files := ingesttest.Files(t, "testdata/dump.json")
	report := ingesttest.Import(t, g, Format, files...)
	if report.Dropped.Count() > 0 {
		t.Errorf("dropped: %v", ingesttest.Dropped(report))
	}
	first := ingesttest.Claims(t, store)
	ingesttest.Want(t, "testdata/dump.want", first)
	again := ingesttest.Import(t, g, Format, files...)
	if again.Applied.Recorded > 0 || ingesttest.Claims(t, store) != first {
		t.Errorf("imported again: %+v", again.Applied)
	}
}

// An answer of the API says what the dump does.
func TestAnswersSayTheSame(t *testing.T) {
	claims := func(name string) string {
		g, store := ingesttest.NewGraph(t)
		ingesttest.Import(t, g, Format, ingesttest.Files(t, "testdata/"+name)...)
		return ingesttest.Claims(t, store)
	}
	dump := strings.ReplaceAll(claims("dump.json"), "wikidata:dump", "wikidata:answer")
	for line := range strings.Lines(claims("answer.json")) {
		if !strings.Contains(dump, line) {
			t.Errorf("the dump does not say: %s", line)
		}
	}
}

func snakOf(kind, value string) *snak {
	s := &snak{Kind: "value"}
	s.Value.Type, s.Value.Value = kind, json.RawMessage(value)
	return s
}

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		`{"time":"+2014-04-13T00:00:00Z","precision":11}`:       "2014-04-13",
		`{"time":"+2014-04-00T00:00:00Z","precision":10}`:       "2014-04",
		`{"time":"+2014-00-00T00:00:00Z","precision":9}`:        "2014",
		`{"time":"+2014-00-00T00:00:00Z","precision":11}`:       "2014",
		`{"time":"+2014-04-00T00:00:00Z","precision":11}`:       "2014-04",
		`{"time":"+2014-04-13T00:00:00Z","precision":9}`:        "2014",
		`{"time":"+2014-01-01T00:00:00Z","precision":8}`:        "[2010..2019]",
		`{"time":"+1900-01-01T00:00:00Z","precision":7}`:        "",
		`{"time":"-0044-03-15T00:00:00Z","precision":11}`:       "",
		`{"time":"+0000-00-00T00:00:00Z","precision":9}`:        "",
		`{"time":"+0001-00-00T00:00:00Z","precision":8}`:        "",
		`{"time":"+13798000000-00-00T00:00:00Z","precision":3}`: "",
		`{"time":"soon"}`: "",
		`[]`:              "",
	} {
		if got := snakOf("time", in).date(); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	for in, want := range map[string]string{
		`{"amount":"+0.43","unit":"1"}`:                                   "43",
		`{"amount":"+0.435","unit":"1"}`:                                  "43.5",
		`{"amount":"+0.333333","unit":"1"}`:                               "33.3333",
		`{"amount":"+1","unit":"1"}`:                                      "100",
		`{"amount":"0","unit":"1"}`:                                       "0",
		`{"amount":"+43","unit":"http://www.wikidata.org/entity/Q11229"}`: "43",
		`{"amount":"+43","unit":"1"}`:                                     "",
		`{"amount":"-0.1","unit":"1"}`:                                    "",
		`{"amount":"1e400","unit":"1"}`:                                   "",
		`{"amount":"1/3","unit":"1"}`:                                     "",
		`{}`:                                                              "",
	} {
		if got := snakOf("quantity", in).percentage(); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestLinesThatAreDropped(t *testing.T) {
	for text, want := range map[string][]string{
		`[{"id":"Q1"}]`:                                {"f:1: this is no item of Wikidata: it lacks an id or a type"},
		`[{"type":"item"},3]`:                          {"f:1: this is no item of Wikidata: it lacks an id or a type", "f:1: this is no item of Wikidata"},
		`[{"id":"P1","type":"item"}]`:                  {"f:1: the id of an item is a Q and a number"},
		`[{"id":"Q1","type":"item","claims":7}]`:       {"f:1: this is no item of Wikidata"},
		`{"entities":{"Q9":{"id":"Q9","missing":""}}}`: nil,
		`[{"id":"P16","type":"property"}]`:             nil,
	} {
		r := ingesttest.Read(t, Format, "f", strings.NewReader(text))
		if diff := cmp.Diff(want, r.Problems); diff != "" || r.Broken != "" {
			t.Errorf("%s: broken %q (-want +got):\n%s", text, r.Broken, diff)
		}
	}
}

func good(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBrokenFiles(t *testing.T) {
	for _, name := range []string{"dump.json", "answer.json"} {
		t.Run(name, func(t *testing.T) { ingesttest.BrokenFiles(t, Format, good(t, name)) })
	}
}

func FuzzRead(f *testing.F) {
	dump := good(f, "dump.json")
	ingesttest.Fuzz(f, Format, dump, dump[:len(dump)/2], good(f, "answer.json"), []byte(`{"id":"Q1","type":"item","claims":[],"labels":[]}`))
}
