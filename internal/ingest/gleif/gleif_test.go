package gleif_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/gleif"
	"keiretsu/internal/ingest/ingesttest"
	"keiretsu/internal/kg"
)

const (
	leiTable  = "testdata/20230605-0800-gleif-goldencopy-lei2-golden-copy.csv"
	rrTable   = "testdata/20231106-0800-gleif-goldencopy-rr-golden-copy.csv"
	exemption = "testdata/20230609-0800-gleif-goldencopy-repex-golden-copy.csv"
)

func TestRecords(t *testing.T) {
	for name, paths := range map[string][]string{
		"lei2":     {"testdata/lei2.xml"},
		"rr":       {"testdata/rr.xml"},
		"rr-chain": {"testdata/rr-chain.xml"},
		"repex":    {exemption},
	} {
		t.Run(name, func(t *testing.T) {
			g, store := ingesttest.NewGraph(t)
			report := ingesttest.Import(t, g, gleif.Format, ingesttest.Files(t, paths...)...)
			if report.Dropped.Count() > 0 {
				t.Errorf("dropped: %v", ingesttest.Dropped(report))
			}
			first := ingesttest.Claims(t, store)
			ingesttest.Want(t, "testdata/"+name+".want", first)
			again := ingesttest.Import(t, g, gleif.Format, ingesttest.Files(t, paths...)...)
			if again.Applied.Recorded > 0 || ingesttest.Claims(t, store) != first {
				t.Errorf("imported again: %+v", again.Applied)
			}
		})
	}
}

// One record says the same in every form in which it is issued.
func TestFormsSayTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		paths []string
		// fewer: the other files hold the first of the records.
		fewer bool
	}{
		"relationships": {[]string{"testdata/rr-chain.xml", rrTable, "testdata/rr-chain-wrapped.json", "testdata/rr-chain-plain.json"}, false},
		"entities":      {[]string{"testdata/lei2.xml", leiTable}, false},
		"few entities":  {[]string{"testdata/lei2.xml", "testdata/lei2-wrapped.json"}, true},
		"exceptions":    {[]string{"testdata/repex.xml", "testdata/repex-wrapped.json"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var first string
			for i, p := range c.paths {
				g, store := ingesttest.NewGraph(t)
				ingesttest.Import(t, g, gleif.Format, ingesttest.Files(t, p)...)
				claims := regexp.MustCompile(`\| gleif:\S+`).ReplaceAllString(ingesttest.Claims(t, store), "| gleif")
				switch {
				case i == 0:
					first = claims
				case c.fewer:
					for line := range strings.Lines(claims) {
						if !strings.Contains(first, line) {
							t.Errorf("%s says: %s", p, line)
						}
					}
					if len(claims) < len(first)/3 {
						t.Errorf("%s says little:\n%s", p, claims)
					}
				default:
					if diff := cmp.Diff(strings.Split(first, "\n"), strings.Split(claims, "\n")); diff != "" {
						t.Errorf("%s and %s (-+):\n%s", c.paths[0], p, diff)
					}
				}
			}
		})
	}
}

// The chain of three that the register tells, and the head of it that follows
// from its links and not from the summary that it tells beside.
func TestTheHeadOfAGroup(t *testing.T) {
	g, _ := ingesttest.NewGraph(t)
	ingesttest.Import(t, g, gleif.Format, ingesttest.Files(t, "testdata/rr-chain.xml", exemption)...)
	v, err := g.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for of, want := range map[kg.ID]string{
		"lei:98450051BS9C610A8T78": "lei:984500501A1B1045PB30 by lei:98450051BS9C610A8T78 lei:2138002YAB7Z9KO21397 lei:984500501A1B1045PB30",
		"lei:020BQJXAXCZNLKIN7326": "nobody: no owner is recorded, and sources say why: NATURAL_PERSONS",
	} {
		p, err := v.UltimateParent(context.Background(), of, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := "nobody: " + p.Reason
		if p.Parent != nil {
			got = string(p.Parent.ID) + " by"
			for _, m := range p.Chain {
				got += " " + string(m.ID)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", of, got, want)
		}
	}
	report, err := v.Ownership(context.Background(), "lei:984500501A1B1045PB30", "lei:98450051BS9C610A8T78", 50, nil)
	if err != nil || !report.Controls || report.Effective.String() != "0 %" {
		t.Errorf("consolidation is control and no share: %+v, %v", report, err)
	}
}

func TestRecordsThatAreDropped(t *testing.T) {
	relationship := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(`<rr:RelationshipData xmlns:rr="http://www.gleif.org/data/schema/rr/2016" xmlns:gleif="x"><rr:RelationshipRecords>
<rr:RelationshipRecord><rr:Relationship>
<rr:StartNode><rr:NodeID>98450051BS9C610A8T78</rr:NodeID><rr:NodeIDType>LEI</rr:NodeIDType></rr:StartNode>
<rr:EndNode><rr:NodeID>984500501A1B1045PB30</rr:NodeID><rr:NodeIDType>LEI</rr:NodeIDType></rr:EndNode>
<rr:RelationshipType>IS_DIRECTLY_CONSOLIDATED_BY</rr:RelationshipType>
<rr:RelationshipPeriods><rr:RelationshipPeriod><rr:StartDate>2019-06-30T00:00:00Z</rr:StartDate><rr:PeriodType>RELATIONSHIP_PERIOD</rr:PeriodType></rr:RelationshipPeriod></rr:RelationshipPeriods>
<rr:RelationshipStatus>ACTIVE</rr:RelationshipStatus></rr:Relationship>
<rr:Registration><rr:LastUpdateDate>2023-01-11T11:21:01Z</rr:LastUpdateDate><rr:RegistrationStatus>PUBLISHED</rr:RegistrationStatus></rr:Registration>
</rr:RelationshipRecord></rr:RelationshipRecords></rr:RelationshipData>`)
	}
	for name, c := range map[string]struct {
		text string
		want []string
		// drafts counts what is read all the same, besides the source.
		drafts int
	}{
		"good":           {relationship(), nil, 1},
		"a wrong digit":  {relationship("98450051BS9C610A8T78", "98450051BS9C610A8T79"), []string{`f:2: "98450051BS9C610A8T79" is no LEI: it needs 18 letters or digits and two check digits (ISO 17442), and the remainder by 97 must be 1`}, 0},
		"no LEI at all":  {relationship("<rr:NodeID>98450051BS9C610A8T78</rr:NodeID>", ""), []string{"f:2: the record lacks an LEI"}, 0},
		"another number": {relationship("<rr:NodeIDType>LEI</rr:NodeIDType></rr:EndNode>", "<rr:NodeIDType>BIC</rr:NodeIDType></rr:EndNode>"), []string{`f:2: an end of the relationship is named by "BIC", not by an LEI`}, 0},
		"annulled":       {relationship("PUBLISHED", "ANNULLED"), []string{"f:2: the record of 98450051BS9C610A8T78 and 984500501A1B1045PB30 is annulled and says nothing"}, 0},
		"a new type":     {relationship("IS_DIRECTLY_CONSOLIDATED_BY", "IS_FRIEND_OF"), []string{`f:2: "IS_FRIEND_OF" is no known type of relationship`}, 0},
		"deleted": {
			relationship("</rr:Registration>", "</rr:Registration><rr:Extension><gleif:Deletion><gleif:DeletedAt>2024-01-02T08:00:00Z</gleif:DeletedAt></gleif:Deletion></rr:Extension>"),
			[]string{"f:2: GLEIF has deleted the record of 98450051BS9C610A8T78 (2024-01-02T08:00:00Z); import the file as an issue of a data set to take back what earlier ones said of it"},
			0,
		},
		"a bad date":   {relationship("2019-06-30T00:00:00Z", "30.6.2019"), []string{`f:2: "30.6.2019" is no date; it is left out`}, 1},
		"a new period": {relationship("RELATIONSHIP_PERIOD", "LEAP_YEAR"), []string{`f:2: "LEAP_YEAR" is no known type of period; it is left out`}, 1},
		"columns missing": {
			"LEI,Exception.Category,Exception.Reason.1\n020BQJXAXCZNLKIN7326,DIRECT_ACCOUNTING_CONSOLIDATION_PARENT\n020BQJXAXCZNLKIN7326,DIRECT_ACCOUNTING_CONSOLIDATION_PARENT,NO_LEI\n",
			[]string{"f:2: the line has 2 columns and the header 3"},
			1,
		},
		"exceptions": {
			"Exception.Reason.1,Exception.Reason.2,LEI,Exception.Category\nNO_LEI,BAD_MOOD,020BQJXAXCZNLKIN7326,ULTIMATE_ACCOUNTING_CONSOLIDATION_PARENT\n,,020BQJXAXCZNLKIN7326,ULTIMATE_ACCOUNTING_CONSOLIDATION_PARENT\nNO_LEI,,020BQJXAXCZNLKIN7326,SOMETHING\n",
			[]string{`f:2: "BAD_MOOD" is no known reason of exceptions`, "f:3: the exception of 020BQJXAXCZNLKIN7326 gives no reason", `f:4: "SOMETHING" is no known category of exceptions`},
			1,
		},
		"no record": {`[{"a":1},{"LEI":{"$":"020BQJXAXCZNLKIN7326"}}]`, []string{"f:1: this is no record of GLEIF: it has neither an LEI nor a relationship", "f:1: the record of 020BQJXAXCZNLKIN7326 has no name"}, 2},
		"two bad dates": {
			`[{"LEI":"020BQJXAXCZNLKIN7326","Entity":{"LegalName":"A","EntityCreationDate":"once","EntityExpirationDate":"never"}}]`,
			[]string{`f:1: "once" is no date; it is left out`, `f:1: "never" is no date; it is left out`},
			3,
		},
		"too long": {
			`[{"LEI":"020BQJXAXCZNLKIN7326","Entity":"` + strings.Repeat("x", ingest.MaxTree) + `"},{"LEI":"020BQJXAXCZNLKIN7326","Entity":{"LegalName":"A"}}]`,
			[]string{"f:1: the record is longer than 4 MiB; none of this format is"},
			3,
		},
		"a duplicate": {`[{"LEI":"020BQJXAXCZNLKIN7326","Entity":{"LegalName":"A"},"Registration":{"RegistrationStatus":"DUPLICATE"}}]`, []string{"f:1: the record of 020BQJXAXCZNLKIN7326 is duplicate and names no entity of its own"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := ingesttest.Read(t, gleif.Format, "f", strings.NewReader(c.text))
			if diff := cmp.Diff(c.want, r.Problems); diff != "" || r.Broken != "" || len(r.Drafts) != c.drafts+min(1, len(r.Drafts)) {
				t.Errorf("%d drafts, broken %q (-want +got):\n%s", len(r.Drafts), r.Broken, diff)
			}
		})
	}
}

// TestDeletions: a record that is deleted, annulled or no longer there says nothing
// any more, in an issue of a data set.
func TestDeletions(t *testing.T) {
	const head = "Relationship.StartNode.NodeID,Relationship.EndNode.NodeID,Relationship.RelationshipType,Registration.RegistrationStatus\n"
	row := func(kind, status string) string {
		return "98450051BS9C610A8T78,984500501A1B1045PB30," + kind + "," + status + "\n"
	}
	first := head + row("IS_DIRECTLY_CONSOLIDATED_BY", "PUBLISHED") + row("IS_ULTIMATELY_CONSOLIDATED_BY", "PUBLISHED")
	deleted := `{"relations":[{"Relationship":{"StartNode":{"NodeID":"98450051BS9C610A8T78"},"EndNode":{"NodeID":"984500501A1B1045PB30"},"RelationshipType":"IS_ULTIMATELY_CONSOLIDATED_BY"},
		"Extension":{"Deletion":{"DeletedAt":"2024-01-02T08:00:00Z"}}}]}`
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"the same issue":  {first, []string{"DIRECTLY", "ULTIMATELY"}},
		"other records":   {head + "984500501A1B1045PB30,98450051BS9C610A8T78,IS_FUND-MANAGED_BY,PUBLISHED\n", []string{"DIRECTLY", "FUND-MANAGED", "ULTIMATELY"}},
		"annulled":        {head + row("IS_DIRECTLY_CONSOLIDATED_BY", "ANNULLED"), []string{"ULTIMATELY"}},
		"deleted":         {deleted, []string{"DIRECTLY"}},
		"of another type": {head + row("IS_SUBFUND_OF", "PUBLISHED"), []string{"DIRECTLY", "SUBFUND", "ULTIMATELY"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, store := ingesttest.NewGraph(t)
			ingesttest.Issue(t, g, gleif.Format, "golden", ingesttest.File("rr-20240101.csv", []byte(first)))
			ingesttest.Issue(t, g, gleif.Format, "golden", ingesttest.File("rr-20240102", []byte(c.text)))
			var got []string
			for line := range strings.Lines(ingesttest.Claims(t, store)) {
				if _, kind, ok := strings.Cut(line, "type IS_"); ok && !strings.Contains(line, "retracted") {
					kind, _, _ = strings.Cut(kind, "_")
					got = append(got, kind)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("what stands (-want +got):\n%s\n%s", diff, ingesttest.Claims(t, store))
			}
		})
	}
}

// TestIssuesComeInOrder: an older issue would undo a newer one.
func TestIssuesComeInOrder(t *testing.T) {
	const text = "LEI,Exception.Category,Exception.Reason.1\n020BQJXAXCZNLKIN7326,DIRECT_ACCOUNTING_CONSOLIDATION_PARENT,NO_LEI\n"
	g, _ := ingesttest.NewGraph(t)
	for _, c := range []struct{ dataset, name, want string }{
		{"golden", "20240105-repex.csv", ""},
		{"golden", "20240105-0800-repex.csv", ""},
		{"golden", "20240104-repex.csv", "20240104-repex.csv:1: this is the issue of 2024-01-04, and the graph holds that of 2024-01-05: import issues in their order, or this one without --dataset"},
		{"other", "20240104-repex.csv", ""},
		{"", "20240104-repex.csv", ""},
		{"golden", "repex.csv", ""},
		{"golden", "20240106-repex.csv", ""},
	} {
		i := &ingest.Import{Format: gleif.Format, Files: []ingest.File{ingesttest.File(c.name, []byte(text))}, Graph: g.Stream(), Dataset: c.dataset}
		_, err := i.Run(t.Context())
		if got := fmt.Sprint(err); got != c.want && (c.want != "" || err != nil) {
			t.Errorf("%s of %q: got %v, want %q", c.name, c.dataset, err, c.want)
		}
	}
}

// What a record says of its state decides what holds.
func TestRelationsThatHaveEnded(t *testing.T) {
	for name, c := range map[string]struct{ status, end, want string }{
		"active":                {"ACTIVE", "", "from 2019-06-30,"},
		"inactive, with an end": {"INACTIVE", "2021-02-03T00:00:00+01:00", "from 2019-06-30, until 2021-02-03,"},
		"inactive, without one": {"INACTIVE", "", "from 2019-06-30, until [..2023-01-11],"},
	} {
		t.Run(name, func(t *testing.T) {
			header := "Relationship.StartNode.NodeID,Relationship.EndNode.NodeID,Relationship.RelationshipType,Relationship.RelationshipStatus," +
				"Relationship.Period.1.startDate,Relationship.Period.1.endDate,Relationship.Period.1.periodType,Registration.LastUpdateDate\n"
			row := "98450051BS9C610A8T78,984500501A1B1045PB30,IS_DIRECTLY_CONSOLIDATED_BY," + c.status + ",2019-06-30T00:00:00Z," + c.end + ",RELATIONSHIP_PERIOD,2023-01-11T11:21:01Z\n"
			g, store := ingesttest.NewGraph(t)
			ingesttest.Import(t, g, gleif.Format, ingesttest.File("rr.csv", []byte(header+row)))
			if claims := ingesttest.Claims(t, store); !strings.Contains(claims, "CONTROLS lei:98450051BS9C610A8T78, "+c.want) {
				t.Errorf("got:\n%s", claims)
			}
		})
	}
}

// A relationship that held, ended and began again is two relations, and periods without
// dates say nothing.
func TestPeriods(t *testing.T) {
	header := "Relationship.StartNode.NodeID,Relationship.EndNode.NodeID,Relationship.RelationshipType,Relationship.RelationshipStatus"
	row := "98450051BS9C610A8T78,984500501A1B1045PB30,IS_DIRECTLY_CONSOLIDATED_BY,ACTIVE"
	for n, period := range []string{",,DOCUMENT_FILING_PERIOD", "2015-01-01,2017-01-01,RELATIONSHIP_PERIOD", "2018-01-01,2018-12-31,ACCOUNTING_PERIOD", "2019-06-30,,RELATIONSHIP_PERIOD", ",,"} {
		header += fmt.Sprintf(",Relationship.Period.%[1]d.startDate,Relationship.Period.%[1]d.endDate,Relationship.Period.%[1]d.periodType", n+1)
		row += "," + period
	}
	g, store := ingesttest.NewGraph(t)
	ingesttest.Import(t, g, gleif.Format, ingesttest.File("rr.csv", []byte(header+"\n"+row+"\n")))
	claims := ingesttest.Claims(t, store)
	for _, want := range []string{"A8T78, from 2015-01-01, until 2017-01-01, ", "A8T78, from 2019-06-30, ", ", accounting_period 2018-01-01/2018-12-31, registration"} {
		if !strings.Contains(strings.ReplaceAll(claims, ", status", ", registration"), want) {
			t.Errorf("nothing says %q:\n%s", want, claims)
		}
	}
	if strings.Contains(claims, "document_filing_period") {
		t.Errorf("a period without dates is told:\n%s", claims)
	}
}

// What says that it is no UTF-8 is not read as if it were.
func TestOtherEncodings(t *testing.T) {
	text := func(encoding string) string {
		return strings.Replace(string(read(t, "testdata/repex.xml")), `encoding="UTF-8"`, `encoding="`+encoding+`"`, 1)
	}
	for encoding, want := range map[string]string{
		"ISO-8859-1": "f:1: the first line says that the file is not UTF-8; convert it, for example with iconv -f latin1 -t utf-8, and correct that line",
		"US-ASCII":   "",
	} {
		if r := ingesttest.Read(t, gleif.Format, "f", strings.NewReader(text(encoding))); r.Broken != want || (want == "") != (len(r.Drafts) > 0) {
			t.Errorf("%s: %d drafts, %q", encoding, len(r.Drafts), r.Broken)
		}
	}
}

// Where nothing else describes an entity that a record names, there is one with
// what is known of it; a record that comes later names it.
func TestWhoIsMerelyNamed(t *testing.T) {
	g, _ := ingesttest.NewGraph(t)
	report := ingesttest.Import(t, g, gleif.Format, ingesttest.Files(t, exemption)...)
	if report.Made != 11 {
		t.Errorf("%d entities were made", report.Made)
	}
	ingesttest.Import(t, g, gleif.Format, ingesttest.Files(t, "testdata/lei2.xml")...)
	v, err := g.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for value, want := range map[string]string{"020BQJXAXCZNLKIN7326": "LEI 020BQJXAXCZNLKIN7326", "004L5FPTUREIWK9T2N63": "Hutchin Hill Capital, LP"} {
		m, err := v.Entity(t.Context(), kg.EntityKey{Identifier: &kg.Identifier{Scheme: "lei", Value: value}})
		if err != nil || m == nil || m.Name("") != want {
			t.Errorf("%s: %v, %v; want %s", value, m, err, want)
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBrokenFiles(t *testing.T) {
	for _, path := range []string{"testdata/rr-chain.xml", rrTable, "testdata/rr-chain-wrapped.json"} {
		t.Run(path[len("testdata/"):], func(t *testing.T) { ingesttest.BrokenFiles(t, gleif.Format, read(t, path)) })
	}
}

func TestXMLThatIsNotOurs(t *testing.T) {
	deep := "<LEIData><LEIRecords><LEIRecord>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</LEIRecord></LEIRecords></LEIData>"
	for name, c := range map[string]struct{ text, want string }{
		"another root":      {"<?xml version=\"1.0\"?>\n<feed><entry/></feed>", `f:1: the file holds no records of GLEIF; its root is "feed"`},
		"entities":          {"<!DOCTYPE x [<!ENTITY a \"b\">]>\n<LEIData><LEIRecords><LEIRecord><LEI>&a;</LEI></LEIRecord></LEIRecords></LEIData>", "f:2: this is no XML (invalid character entity &a;)"},
		"too deep":          {deep, "f:1: this is no XML of GLEIF (elements lie more than 64 deep inside one another)"},
		"too long":          {"<LEIData><LEIRecords><LEIRecord>" + strings.Repeat("x", ingest.MaxTree) + "<a/>", "f:1: this is no XML of GLEIF (a record is longer than 4 MiB)"},
		"another encoding":  {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<LEIData/>", ""},
		"ends do not match": {"<LEIData>\n</Data>", "f:2: this is no XML (element <LEIData> closed by </Data>)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ingesttest.Read(t, gleif.Format, "f", strings.NewReader(c.text))
			if c.want != "" && r.Broken != c.want || r.Broken == "" {
				t.Errorf("got %q, want %q", r.Broken, c.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	var seeds [][]byte
	for _, path := range []string{"testdata/rr.xml", "testdata/repex.xml", leiTable, rrTable, exemption, "testdata/repex-wrapped.json", "testdata/rr-chain-plain.json"} {
		text := read(f, path)
		seeds = append(seeds, text, text[:len(text)/2])
	}
	seeds = append(seeds, bytes.Repeat([]byte("<LEIRecord>"), 10), []byte("LEI,Entity.LegalName\n020BQJXAXCZNLKIN7326,\"A\"\n"))
	ingesttest.Fuzz(f, gleif.Format, seeds...)
}
