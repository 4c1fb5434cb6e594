package csvtable_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/csvtable"
	"keiretsu/internal/ingest/ingesttest"
)

func parsed(t testing.TB, text string) *csvtable.Mapping {
	t.Helper()
	m, err := csvtable.ParseMapping("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// read lists what is read of a table in words.
func read(m *csvtable.Mapping, text string) (list []string) {
	for d, err := range csvtable.Format(m).Read(ingest.Input{Name: "t.csv", Reader: strings.NewReader(text)}) {
		switch d := d.(type) {
		case nil:
			list = append(list, err.Error())
		case *ingest.Source:
			list = append(list, "source "+d.ID.Value+" "+d.Title.Value)
		case *ingest.Metric:
			list = append(list, "metric "+d.Name.Value)
		case *ingest.Entity:
			line := fmt.Sprintf("%s %s", d.Kind.Value, d.ID.Value)
			for _, n := range d.Names {
				line += fmt.Sprintf(" %s=%s", n.Kind.Value, n.Text.Value)
			}
			for _, i := range d.Identifiers {
				line += fmt.Sprintf(" %s:%s", i.Scheme.Value, i.Value.Value)
			}
			list = append(list, line+" ("+d.Cites[0].Locator+")")
		case *ingest.Figure:
			list = append(list, fmt.Sprintf("%s of %s: %s%s %s in %s", d.Metric.Value, d.Of.Value, d.Value.Value, d.Date.Value, d.Unit.Value, d.Period.Value))
		case *ingest.Relation:
			line := fmt.Sprintf("%s %s %s", d.From.Value, d.Type.Value, d.To.Value)
			for _, p := range []struct{ name, value string }{
				{"on", d.On.Value}, {"since", d.Since.Value}, {"until", d.Until.Value}, {"stake", d.Stake.Value}, {"money", d.Money.Value}, {"text", d.Text.Value},
			} {
				if p.value != "" {
					line += " " + p.name + " " + p.value
				}
			}
			for _, a := range d.Attributes {
				line += fmt.Sprintf(" %s=%s", a.Key.Value, a.Value.Value)
			}
			list = append(list, line)
		}
	}
	return list
}

func TestDeals(t *testing.T) {
	mapping, err := os.ReadFile("testdata/deals.yaml")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("testdata/deals.csv")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"source deals-2022 Deals in wind power",
		"company co:nordlicht-ag preferred=Nordlicht AG (deal D-1)", "company co:brise-gmbh preferred=Brise GmbH (deal D-1)",
		"co:nordlicht-ag acquired co:brise-gmbh on 2019-01-31 stake 51.5 money 1250000.50 EUR number=D-1",
		"company co:nordlicht-ag preferred=Nordlicht AG (deal D-2)", "company co:sturm-se preferred=Sturm SE (deal D-2)",
		"co:nordlicht-ag acquired co:sturm-se on 2020 number=D-2",
		"company co:wind-co preferred=Wind; & Co (deal D-3)", "company co:brise-gmbh preferred=Brise GmbH (deal D-3)",
		"co:wind-co acquired co:brise-gmbh on 2021-04-03 stake 100 number=D-3",
	}
	m := parsed(t, string(mapping))
	for name, text := range map[string]string{
		"as it is": string(table), "with a byte order mark": "\xef\xbb\xbf" + string(table),
		"from Windows": strings.ReplaceAll(string(table), "\n", "\r\n"), "without a last line end": strings.TrimSuffix(string(table), "\n"),
	} {
		if diff := cmp.Diff(want, read(m, text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	g, _ := ingesttest.NewGraph(t)
	report := ingesttest.Import(t, g, csvtable.Format(m), ingesttest.File("deals.csv", table))
	if report.Dropped.Count() != 0 || report.Relations != 3 || report.Applied.Entities != 4 {
		t.Errorf("%+v", report)
	}
}

const people = `
table: {separator: ","}
words:
  Kind: {P: person, C: company}
metrics:
  - {name: headcount, definition: People., unit: people}
rows:
  - entity: {id: "x:{ID}", kind: "{Kind}", name: "{Name}", aliases: ["{Aka}"], identifiers: {lei: "{LEI}"}}
  - relation: {type: owns, from: "x:{ID}", to: "x:{Of}", stake: "{Share}", fraction: true, since: "{Since}"}
  - figure: {of: "x:{ID}", metric: headcount, value: "{Staff}", period: "2020"}
`

const header = "ID,Kind,Name,Aka,LEI,Of,Share,Since,Staff\n"

func TestRows(t *testing.T) {
	m := parsed(t, people)
	begin := []string{"source csv:t t", "metric headcount"}
	cases := map[string]struct {
		rows string
		want []string
	}{
		"everything": {"1,C,Acme,Ac,LEI1,2,0.4,2014-04,120\n", []string{
			"company x:1 preferred=Acme alias=Ac lei:LEI1 (line 2)", "x:1 owns x:2 since 2014-04 stake 40", "headcount of x:1: 120  in 2020",
		}},
		"what is empty is not said": {"1,P,Ann,,,,,,\n", []string{"person x:1 preferred=Ann (line 2)"}},
		"several lines in a cell":   {"1,C,\"Ac\nme\",,,,,,\n2,C,Bolt,,,,,,\n", []string{"company x:1 preferred=Ac me (line 2)", "company x:2 preferred=Bolt (line 4)"}},
		"a bound":                   {"1,C,Acme,,,2,>0.25,,\n", []string{"company x:1 preferred=Acme (line 2)", "x:1 owns x:2 stake >25"}},
		"a span":                    {"1,C,Acme,,,2,0.25-0.5,,\n", []string{"company x:1 preferred=Acme (line 2)", "x:1 owns x:2 stake 25..50"}},
		"a span with dots":          {"1,C,Acme,,,2,0.25..0.5,,\n", []string{"company x:1 preferred=Acme (line 2)", "x:1 owns x:2 stake 25..50"}},
		"a share above the whole":   {"1,C,Acme,,,2,1.5,,\n", []string{`t.csv:2: stake: "150" is not a share; expected percent from 0 to 100 such as 97.1, >25, >=25, <50, 25..50, or controlling, wholly owned, minority`}},
		"no date":                   {"1,C,Acme,,,2,0.5,TBD,\n", []string{`t.csv:2: since: "TBD" is not a date; expected a date such as 2014, 2014-04, 2014-04-13, [2014..] or [..2014]`}},
		"a day that is none":        {"1,C,Acme,,,2,0.5,2021-02-31,\n", []string{`t.csv:2: since: "2021-02-31" has no day between 01 and 28`}},
		"a time of day":             {"1,C,Acme,,,2,0.5,2021-02-03T10:00:00,\n", []string{"company x:1 preferred=Acme (line 2)", "x:1 owns x:2 since 2021-02-03 stake 50"}},
		"spaces in ids":             {"a b,C,Acme,,,,,,\n", []string{"company x:a%20b preferred=Acme (line 2)"}},
		"too few cells":             {"1,C\n2,C,Bolt,,,,,,\n", []string{"t.csv:2: the row has 2 cells and the header 9", "company x:2 preferred=Bolt (line 3)"}},
		"another separator":         {"1;C;Acme;;;;;;\n2,C,Bolt,,,,,,\n", []string{`t.csv:2: the row has 1 cells and the header 9; it seems to be separated by ";" and the header by ","`, "company x:2 preferred=Bolt (line 3)"}},
		"an unknown word":           {"1,X,Acme,,,,,,\n", []string{`t.csv:2: the mapping has no word for "X" in the column "Kind"; add it to its words`}},
		"no name":                   {"1,C,,,,,,,\n", []string{`t.csv:2: the entity "x:1" has no name`}},
		"a number with a comma":     {"1,C,Acme,,,,,,\"1,5\"\n", []string{`t.csv:2: value: "1,5" is not a number as the mapping says they are written (table: decimal, thousands)`}},
		"an ambiguous date":         {"1,C,Acme,,,2,0.5,03/04/2021,\n", []string{`t.csv:2: since: "03/04/2021" can be read in several ways; say in the mapping in which order day, month and year stand (table: dates)`}},
		"a quote closed too late":   {"1,C,\"Acme,,,,,,\n2,C,Bolt\"x,,,,,,\n3,C,Cedar,,,,,,\n", []string{"t.csv:2: a quote is opened in this line and not closed by line 3", "company x:3 preferred=Cedar (line 4)"}},
		"a quote in the middle":     {"1,C,Ac\"me,,,,,,\n2,C,Bolt,,,,,,\n", []string{"t.csv:2: quotes stand where none can: a cell with quotes is quoted as a whole, and those in it are doubled", "company x:2 preferred=Bolt (line 3)"}},
		"cut off":                   {"1,C,Acme,,,,,,\n2,C,Bo", []string{"company x:1 preferred=Acme (line 2)", "t.csv:3: the file ends in the middle of a row: it has been cut off"}},
		"Latin-1":                   {"1,C,M\xfcller,,,,,,\n", []string{"t.csv:2: the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := read(m, header+c.rows)
			if name == "Latin-1" { // read ahead of the first row
				got = got[len(got)-1:]
				begin = nil
			}
			if diff := cmp.Diff(append(begin[:len(begin):len(begin)], c.want...), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			begin = []string{"source csv:t t", "metric headcount"}
		})
	}
}

func TestBrokenTables(t *testing.T) {
	m, open := parsed(t, people), parsed(t, strings.Replace(people, `{separator: ","}`, "{}", 1))
	for name, c := range map[string]struct {
		mapping    *csvtable.Mapping
		text, want string
	}{
		"no mapping":           {nil, header, "t.csv: a table needs a mapping file (--mapping) that says what its columns mean; --suggest drafts one"},
		"a missing column":     {m, strings.Replace(header, "LEI", "LIE", 1), `t.csv:1: the table has no column "LEI", which the mapping names; did you mean "LIE"?`},
		"a column twice":       {m, strings.Replace(header, "Aka", "Name", 1), `t.csv:1: two columns are called "Name"; rename one`},
		"two separators":       {open, strings.Replace(header, "Aka", "Aka;Alias", 1), `t.csv:1: the header holds "," and ";": say in the mapping which of them separates cells (table: separator)`},
		"empty":                {m, "", "t.csv:1: the file is empty"},
		"an endless quote":     {m, header + "1,C,\"" + strings.Repeat(strings.Repeat("x", 1000)+"\n", ingest.MaxRecord/900), "t.csv:2: the row that begins here is longer than 64 MiB: perhaps a quote is opened in it and never closed"},
		"an endless header":    {m, strings.Repeat("x", ingest.MaxRecord+1<<20), "t.csv:1: a record is longer than 64 MiB; none of this format is"},
		"carriage returns":     {m, strings.ReplaceAll(header+"1,C,Acme,,,,,,\n", "\n", "\r"), `t.csv:1: the lines end in carriage returns alone; convert the file, for example with tr '\r' '\n'`},
		"a quote never closed": {m, header + "1,C,\"Acme,,,,,,\n2,C,Bolt,,,,,,\n", "t.csv:2: a quote that opens in this line is never closed: all the rest of the file would be one cell"},
		"nothing but spaces":   {m, " \n \n", "t.csv:3: the table has no header"},
		"a torn header":        {m, "\"ID,Kind\n", "t.csv:1: the header cannot be read: a quote is not closed, or stands where none can"},
		"another format":       {m, `{"id": "1"}` + "\n", "t.csv:1: the header cannot be read: a quote is not closed, or stands where none can"},
	} {
		t.Run(name, func(t *testing.T) {
			list := read(c.mapping, c.text)
			if got := list[len(list)-1]; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestBrokenFiles(t *testing.T) {
	table, err := os.ReadFile("testdata/deals.csv")
	if err != nil {
		t.Fatal(err)
	}
	mapping, err := os.ReadFile("testdata/deals.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ingesttest.BrokenFiles(t, csvtable.Format(parsed(t, string(mapping))), table)
}

func TestMappingsThatCannotBe(t *testing.T) {
	const row = "rows: [{entity: {id: a, kind: company, name: c}}]\n"
	for text, want := range map[string]string{
		"":                           "the mapping is empty",
		"rows: []":                   "rows is empty",
		"rows: [{}]":                 "exactly one of entity, relation and figure",
		"rows:\n  - entity: {id: a}": "an entity needs kind",
		"rows: [{relation: {type: owns, from: a}}]":                       "a relation needs to",
		"rows: [{figure: {of: a, metric: users}}]":                        "a figure needs value or date",
		"rows: [{entity: {id: a, kind: compny, name: b}}]":                "did you mean company?",
		"rows: [{relation: {type: ownz, from: a, to: b}}]":                "did you mean owns?",
		"rows: [{relation: {type: owns, from: a, to: b, to_kind: boat}}]": "\"boat\" is not a kind of entity",
		row + "colour: red":             "m.yaml:2:1: the mapping cannot be read: unknown field \"colour\"",
		row + "table: {separator: x}":   "separator is one of",
		row + "table: {dates: dym}":     "dates is ymd, dmy or mdy",
		row + "table: {decimal: ;}":     "decimal is",
		row + "table: {thousands: '.'}": "thousands is one character",
		row + "table: {skip: -1}":       "skip is from 0 to 1000",
		"rows: {":                       "the mapping cannot be read",
	} {
		_, err := csvtable.ParseMapping("m.yaml", []byte(text))
		var broken *ingest.Broken
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestSkippedLines(t *testing.T) {
	m := parsed(t, "table: {skip: 2}\nrows: [{entity: {id: 'x:{ID}', kind: company, name: '{Name}'}}]")
	want := []string{"source csv:t t", "company x:1 preferred=Acme (line 6)"}
	if diff := cmp.Diff(want, read(m, "A list\nof companies\n\nID,Name\n\n1,Acme\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSuggestions: what is drafted for a header can be read, and reads the table
// as a person would.
func TestSuggestions(t *testing.T) {
	cases := map[string]struct {
		table string
		want  []string
	}{
		"deals": {"Date;Acquirer;Target;Stake;Deal value;Currency\n31.01.2019;Acme;Bolt;40;5;EUR\n", []string{
			"company company:acme preferred=Acme (line 2)", "company company:bolt preferred=Bolt (line 2)",
			"company:acme acquired company:bolt on 2019-01-31 stake 40 money 5 EUR",
		}},
		"holdings": {"Parent,Subsidiary,Ownership\nAcme,Bolt,40\n", []string{
			"company company:acme preferred=Acme (line 2)", "company company:bolt preferred=Bolt (line 2)", "company:acme owns company:bolt stake 40",
		}},
		"people": {"Name,Company,Position,Appointed on\nAnn Lee,Acme,Chair,2014-04-13\n", []string{
			"person person:ann-lee preferred=Ann Lee (line 2)", "company company:acme preferred=Acme (line 2)", "person:ann-lee holds_role company:acme since 2014-04-13 text Chair",
		}},
		"numbers with a comma": {"Buyer;Target;Date;Price;Currency;Stake\nAcme;Bolt;31.12.2014;1.250.000,50;EUR;51,5 %\n", []string{
			"company company:acme preferred=Acme (line 2)", "company company:bolt preferred=Bolt (line 2)", "company:acme acquired company:bolt on 2014-12-31 stake 51.5 money 1250000.50 EUR",
		}},
		"numbers in groups": {"Buyer;Target;Date;Price;Currency\nAcme;Bolt;2014;1,250,000;EUR\n", []string{
			"company company:acme preferred=Acme (line 2)", "company company:bolt preferred=Bolt (line 2)", "company:acme acquired company:bolt on 2014 money 1250000 EUR",
		}},
		"products": {"Vendor|Product\nAcme|Anvil\n", []string{
			"company company:acme preferred=Acme (line 2)", "product product:anvil preferred=Anvil (line 2)", "company:acme offers product:anvil",
		}},
		"investments": {"Investor,Startup,Year\nAcme,Bolt,2014\n", []string{
			"company company:acme preferred=Acme (line 2)", "company company:bolt preferred=Bolt (line 2)", "company:acme invested_in company:bolt on 2014",
		}},
		"figures": {"Company number\tCompany name\tLEI\tYear\tEmployees\tRevenue\n7\tAcme's\tX1\t2014\t120\t5\n", []string{
			"metric employees", "metric revenue", "company company:7 preferred=Acme's lei:X1 (line 2)",
			"employees of company:7: 120  in 2014", "revenue of company:7: 5 USD in 2014",
		}},
		"anything": {"it's,b\nx,y\n", []string{`t.csv:1: columns that the mapping does not name: "b"`, "company company:x preferred=x (line 2)"}},
		"many columns": {"a,Company,c,d,e,f,g,h,i,j,k,l,m\n1,Acme,,,,,,,,,,,\n", []string{
			`t.csv:1: columns that the mapping does not name: "a", "c", "d", "e", "f", "g", "h", "i", "j", "k", 2 more`, "company company:acme preferred=Acme (line 2)",
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			drafted, err := csvtable.Suggest(ingest.Input{Name: "t.csv", Reader: strings.NewReader(c.table)})
			if err != nil {
				t.Fatal(err)
			}
			got := read(parsed(t, drafted), c.table)
			if diff := cmp.Diff(append([]string{"source csv:t t"}, c.want...), got); diff != "" {
				t.Errorf("%s\n(-want +got):\n%s", drafted, diff)
			}
		})
	}
	if _, err := csvtable.Suggest(ingest.Input{Name: "t.csv", Reader: strings.NewReader("")}); err == nil {
		t.Error("a mapping is drafted for nothing")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(header+"1,C,Acme,Ac,LEI1,2,0.4,2014-04,120\n", people)
	f.Add("a;b\n1;\"2\n", "rows: [{entity: {id: 'x:{a}', kind: company, name: '{b|slug}'}}]")
	f.Fuzz(func(t *testing.T, table, mapping string) {
		if drafted, err := csvtable.Suggest(ingest.Input{Name: "t.csv", Reader: strings.NewReader(table)}); err == nil {
			if _, err := csvtable.ParseMapping("drafted", []byte(drafted)); err != nil {
				t.Errorf("the drafted mapping cannot be read: %v\n%s", err, drafted)
			}
		}
		if m, err := csvtable.ParseMapping("m", []byte(mapping)); err == nil {
			read(m, table)
		}
	})
}
