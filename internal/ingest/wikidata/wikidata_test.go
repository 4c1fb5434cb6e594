package wikidata

import (
	"encoding/json"
	"fmt"
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
	if diff := cmp.Diff([]string{
		"dump.json:2 dump.json:2 dump.json:2: a statement is deprecated",
		"dump.json:2: an amount is in a currency that is not taken",
		"dump.json:2: a statement without dates gives way to one that is preferred",
		"dump.json:4: a date is known to a century or less, or lies before the year 1",
		"dump.json:7: what is no item is passed over: properties, lexemes, media",
		"dump.json:6: an item is no company, organization, person or place, and nothing here names it",
	}, ingesttest.Dropped(report)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
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

// TestChangedItems: in an issue of a data set, a statement that an item has no longer
// is taken back, and with an item that is missing all of its statements.
func TestChangedItems(t *testing.T) {
	item := func(id string, statements ...string) string {
		return `{"id":"` + id + `","type":"item","labels":{"en":{"language":"en","value":"` + id + `"}},"claims":{"P31":[{"mainsnak":{"snaktype":"value","property":"P31","datavalue":` +
			`{"type":"wikibase-entityid","value":{"id":"Q4830453"}}},"type":"statement","rank":"normal","id":"` + id + `$0"}],"P127":[` + strings.Join(statements, ",") + `]}}`
	}
	owner := func(id, of string) string {
		return `{"mainsnak":{"snaktype":"value","property":"P127","datavalue":{"type":"wikibase-entityid","value":{"id":"` + of + `"}}},"type":"statement","rank":"normal","id":"` + id + `"}`
	}
	first := "[\n" + item("Q7", owner("q7$A", "Q8"), owner("Q7$B", "Q9")) + ",\n" + item("Q8", owner("Q8$A", "Q9")) + "\n]"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"the same":            {first, []string{"wd:Q8 OWNS wd:Q7", "wd:Q9 OWNS wd:Q7", "wd:Q9 OWNS wd:Q8"}},
		"one statement fewer": {"[\n" + item("Q7", owner("Q7$B", "Q9")) + "\n]", []string{"wd:Q9 OWNS wd:Q7", "wd:Q9 OWNS wd:Q8"}},
		"a missing item":      {`{"entities":{"Q7":{"id":"Q7","missing":""}}}`, []string{"wd:Q9 OWNS wd:Q8"}},
		"no company any more": {`{"entities":{"Q7":{"id":"Q7","type":"item","claims":{}}}}`, []string{"wd:Q9 OWNS wd:Q8"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, store := ingesttest.NewGraph(t)
			ingesttest.Issue(t, g, Format, "companies", ingesttest.File("a.json", []byte(first)))
			ingesttest.Issue(t, g, Format, "companies", ingesttest.File("b.json", []byte(c.text)))
			var got []string
			for line := range strings.Lines(ingesttest.Claims(t, store)) {
				if says, _, _ := strings.Cut(line, " |"); strings.Contains(says, " OWNS ") && !strings.Contains(line, "retracted") {
					got = append(got, strings.TrimSuffix(says, ", owned by"))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("what stands (-want +got):\n%s\n%s", diff, ingesttest.Claims(t, store))
			}
		})
	}
}

// TestWhatIsTaken: a painting has an owner and is no company; something of a rare class
// with a legal form is one. A figure is that of the span which its qualifiers say.
func TestWhatIsTaken(t *testing.T) {
	item := func(id, class, claims string) string {
		return `{"id":"` + id + `","type":"item","labels":{"en":{"language":"en","value":"` + id + `"}},"claims":{"P31":[` + statementOf("a", entityOf(class), "") + `],` + claims + `}}`
	}
	span := `"P580":[` + timeOf("+2019-04-01T00:00:00Z", 11) + `],"P582":[` + timeOf("+2020-03-31T00:00:00Z", 11) + `]`
	revenue := `{"snaktype":"value","datavalue":{"type":"quantity","value":{"amount":"+9","unit":"http://www.wikidata.org/entity/Q4916"}}}`
	g, store := ingesttest.NewGraph(t)
	ingesttest.Import(t, g, Format, ingesttest.File("f.json", []byte("[\n"+
		item("Q1", "Q3305213", `"P127":[`+statementOf("b", entityOf("Q2"), "")+`]`)+",\n"+
		item("Q2", "Q99999999", `"P1454":[`+statementOf("c", entityOf("Q422053"), "")+`],"P2139":[`+statementOf("d", revenue, span)+`]`)+"\n]")))
	claims := ingesttest.Claims(t, store)
	for what, told := range map[string]bool{"wd:Q1": false, "wd:Q2 is a COMPANY": true, "revenue of wd:Q2: 9 EUR, 2019-04-01/2020-03-31": true} {
		if strings.Contains(claims, what) != told {
			t.Errorf("%s: told %t, want %t:\n%s", what, !told, told, claims)
		}
	}
}

// TestWhatIsLeftOutIsTold: nothing of a property that is taken is lost in silence.
func TestWhatIsLeftOutIsTold(t *testing.T) {
	quantity := func(amount, unit string) string {
		return `{"snaktype":"value","datavalue":{"type":"quantity","value":{"amount":"` + amount + `","unit":"http://www.wikidata.org/entity/` + unit + `"}}}`
	}
	unknown, none := `{"snaktype":"somevalue"}`, `{"snaktype":"novalue"}`
	value := func(snak string) string { return statementOf("b", snak, "") }
	rank := func(rank string) string {
		return strings.Replace(value(entityOf("Q3")), `"rank":"normal"`, `"rank":"`+rank+`"`, 1)
	}
	for claims, want := range map[string][]string{
		`"P571":[` + value(timeOf("+1700-00-00T00:00:00Z", 7)) + `]`: {"f: a date is known to a century or less, or lies before the year 1"},
		`"P571":7`:                                                  {"f: the statements of a property cannot be read"},
		`"P571":[` + value(unknown) + `]`:                           {"f: " + noValue},
		`"P1128":[` + value(unknown) + `]`:                          {"f: " + noValue},
		`"P1128":[` + value(quantity("1p999999", "1")) + `]`:        {"f: " + noValue},
		`"P2139":[` + value(quantity("+9", "Q999")) + `]`:           {"f: an amount is in a currency that is not taken"},
		`"P1278":[` + value(none) + `]`:                             {"f: " + noValue},
		`"P159":[` + value(unknown) + `]`:                           {"f: " + noValue},
		`"P127":[` + value(unknown) + `]`:                           nil, // an absence
		`"P127":[` + rank("deprecated") + `]`:                       {"f: a statement is deprecated"},
		`"P127":[` + rank("preferred") + `,` + rank("normal") + `]`: {"f: a statement without dates gives way to one that is preferred"},
		`"P127":[` + statementOf("b", entityOf("Q3"), `"P1107":[`+quantity("+43", "1")+`]`) + `]`:                    {"f: a proportion is no part of one and no percentage"},
		`"P127":[` + statementOf("b", entityOf("Q3"), `"P580":[`+timeOf("+1700-00-00T00:00:00Z", 7)+`]`) + `]`:       {"f: a date is known to a century or less, or lies before the year 1"},
		`"P1128":[` + statementOf("b", quantity("+5", "1"), `"P585":[`+timeOf("-0010-00-00T00:00:00Z", 9)+`]`) + `]`: {"f: a date is known to a century or less, or lies before the year 1"},
	} {
		text := `[{"id":"Q1","type":"item","labels":{"en":{"language":"en","value":"One"}},"claims":{"P31":[` + value(entityOf("Q4830453")) + `],` + claims + `}}]`
		r := ingesttest.Read(t, Format, "f", strings.NewReader(text))
		for n, p := range r.Problems {
			r.Problems[n] = strings.Replace(p, "f:1:", "f:", 1)
		}
		if diff := cmp.Diff(want, r.Problems); diff != "" || r.Broken != "" {
			t.Errorf("%s: broken %q (-want +got):\n%s", claims, r.Broken, diff)
		}
	}
}

// TestItemsThatOthersName: an industry or a product is no entity by itself, and has its
// name where a company names it.
func TestItemsThatOthersName(t *testing.T) {
	g, store := ingesttest.NewGraph(t)
	item := func(id, class, claims string) string {
		return `{"id":"` + id + `","type":"item","labels":{"en":{"language":"en","value":"Name of ` + id + `"}},"claims":{"P31":[` + statementOf("a", entityOf(class), "") + `]` + claims + `}}`
	}
	report := ingesttest.Import(t, g, Format, ingesttest.File("f.json", []byte("[\n"+item("Q8", "Q268592", "")+",\n"+
		item("Q1", "Q4830453", `,"P452":[`+statementOf("b", entityOf("Q8"), "")+`],"P1056":[`+statementOf("c", entityOf("Q9"), "")+`]`)+",\n"+
		item("Q9", "Q2424752", "")+",\n"+item("Q10", "Q2424752", "")+"\n]")))
	if diff := cmp.Diff([]string{"f.json:5: an item is no company, organization, person or place, and nothing here names it"}, ingesttest.Dropped(report)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	claims := ingesttest.Claims(t, store)
	for _, want := range []string{
		`wd:Q8 is a CONCEPT | wikidata:f b`, `wd:Q8 is called "Name of Q8" (PREFERRED, en) | wikidata:f Q8`,
		`wd:Q9 is a PRODUCT | wikidata:f c`, `wd:Q9 is called "Name of Q9" (PREFERRED, en) | wikidata:f Q9`,
	} {
		if !strings.Contains(claims, want) {
			t.Errorf("lacks %s:\n%s", want, claims)
		}
	}
	if strings.Contains(claims, "Q10") {
		t.Errorf("nothing names Q10:\n%s", claims)
	}
}

func statementOf(id, snak, qualifiers string) string {
	return `{"id":"` + id + `","rank":"normal","mainsnak":` + snak + `,"qualifiers":{` + qualifiers + `}}`
}

func entityOf(id string) string {
	return `{"snaktype":"value","datavalue":{"type":"wikibase-entityid","value":{"id":"` + id + `"}}}`
}

func timeOf(at string, precision int) string {
	return fmt.Sprintf(`{"snaktype":"value","datavalue":{"type":"time","value":{"time":%q,"precision":%d}}}`, at, precision)
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
		`{"entities":{"Q9":{"id":"Q9","missing":""}}}`: {"f:1: an item is missing; import the file as an issue of a data set to take back what earlier ones said of it"},
		`[{"id":"P16","type":"property"}]`:             {"f:1: what is no item is passed over: properties, lexemes, media"},
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

func TestWorkedExample(t *testing.T) { ingesttest.WorkedExample(t, Format) }

func TestBrokenFiles(t *testing.T) {
	for _, name := range []string{"dump.json", "answer.json"} {
		t.Run(name, func(t *testing.T) { ingesttest.BrokenFiles(t, Format, good(t, name)) })
	}
}

func FuzzRead(f *testing.F) {
	dump := good(f, "dump.json")
	ingesttest.Fuzz(f, Format, dump, dump[:len(dump)/2], good(f, "answer.json"), []byte(`{"id":"Q1","type":"item","claims":[],"labels":[]}`))
}
