package export

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/ftm"
	"keiretsu/internal/ingest/ingesttest"
	"keiretsu/internal/kg"
)

// imported returns a snapshot of a graph that holds what stands in a file.
func imported(t *testing.T, f ingest.Format, name, text string) kg.Snapshot {
	t.Helper()
	g, store := ingesttest.NewGraph(t)
	ingesttest.Import(t, g, f, ingesttest.File(name, []byte(text)))
	return opened(t, store)
}

func opened(t *testing.T, store kg.Store) kg.Snapshot {
	t.Helper()
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = snap.Close() })
	return snap
}

// statements returns what a file of the format says: id, schema, property, value.
func statements(t *testing.T, text string) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	for line := range strings.Lines(text) {
		var e ftmEntity
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for property, values := range e.Properties {
			for _, v := range values {
				all[fmt.Sprintf("%s %s %s: %s", e.ID, e.Schema, property, v)] = true
			}
		}
	}
	return all
}

// TestFtMThereAndBack: what stands in a file that uses every schema and property
// which the reader takes is what is written, but for what is listed here.
func TestFtMThereAndBack(t *testing.T) {
	file, err := os.ReadFile("testdata/quay.ftm.json")
	if err != nil {
		t.Fatal(err)
	}
	text, losses := written(t, imported(t, ftm.Format, "quay.ftm.json", string(file)), "ftm")
	before, after := statements(t, string(file)), statements(t, text)
	var differs []string
	for s := range before {
		if !after[s] {
			differs = append(differs, "- "+s)
		}
	}
	for s := range after {
		if !before[s] {
			differs = append(differs, "+ "+s)
		}
	}
	slices.SortFunc(differs, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	want := []string{
		// A caption is a name, also where no other is given.
		"+ 3f0c-ab.12 Company name: Fen Lighters",
		// Schemata and properties that are not taken.
		"- adr-1 Address full: 1 Quay",
		// A weak alias is an alias here.
		"+ co-1 Company alias: QF",
		"- co-1 Company dissolutionDate: not yet", // no date
		"- co-1 Company sector: shipping",
		"- co-1 Company weakAlias: QF",
		// Countries are written in small letters.
		"- co-2 Company country: GB",
		"+ co-2 Company country: gb",
		// A time of the day is left out.
		"+ dir-1 Directorship startDate: 2001-05-06",
		"- dir-1 Directorship startDate: 2001-05-06T00:00:00",
		"- none Company name: …", // no letter in it
		// Of several starts the earliest is taken, and a date only where there is no start.
		"- own-2 Ownership date: 2017",
		"- own-2 Ownership startDate: 2016",
		"- own-7 Ownership recordId: A7",
		"- p-1 Person nationality: de",
		// Spaces are made one.
		"- p-2 Person name: Nell  Lark",
		"+ p-2 Person name: Nell Lark",
		// A succession has one date, which is its start.
		"- suc-2 Succession date: 2021",
		"+ suc-2 Succession startDate: 2021",
	}
	if diff := cmp.Diff(want, differs); diff != "" {
		t.Errorf("what differs (-want +got):\n%s", diff)
	}
	if want := []string{
		"4 definitions of metrics", "1 descriptions of sources, but for their publishers and addresses", "claims, and the places in sources where they stand", lostClaims, lostPast,
	}; !slices.Equal(losses, want) {
		t.Errorf("losses: %q, want %q", losses, want)
	}
	for _, schema := range []string{
		"Company", "LegalEntity", "Organization", "PublicBody", "Person", "Ownership", "Directorship", "Employment", "Membership", "Representation", "Succession",
		"UnknownLink", "Associate", "Family",
	} {
		if !slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool { return strings.Contains(line, `"schema":"`+schema+`"`) }) {
			t.Errorf("no %s is written", schema)
		}
	}

	g, store := ingesttest.NewGraph(t)
	ingesttest.Issue(t, g, ftm.Format, "quay", ingesttest.File("f.json", file))
	if issue, _ := written(t, opened(t, store), "ftm"); issue != text {
		t.Errorf("as an issue of a data set it is written otherwise:\n%s", cmp.Diff(text, issue))
	}
	again, _ := written(t, imported(t, ftm.Format, "another.json", text), "ftm")
	if again != text {
		t.Errorf("written, read and written again (-first +second):\n%s", cmp.Diff(strings.Split(text, "\n"), strings.Split(again, "\n")))
	}
}

func lines(text string) map[string]*ftmEntity {
	all := make(map[string]*ftmEntity)
	for line := range strings.Lines(text) {
		e := &ftmEntity{}
		if err := json.Unmarshal([]byte(line), e); err != nil {
			panic(err)
		}
		all[e.ID] = e
	}
	return all
}

// TestFtMOfOthers: what never was in the format is written under ids that its
// programs take, joins what is written, and reads back as the same.
func TestFtMOfOthers(t *testing.T) {
	first, losses := written(t, demo(t), "ftm")
	all := lines(first)
	for _, e := range all {
		if !ftmIDForm.MatchString(e.ID) {
			t.Errorf("the id %q is none that FollowTheMoney takes", e.ID)
		}
		ends := ftmEnds[e.Schema]
		for _, end := range slices.Concat(e.Properties[ends.from], e.Properties[ends.to], e.Properties["parent"]) {
			if all[end] == nil {
				t.Errorf("%s joins %q, which is not written", e.ID, end)
			}
		}
		if ends.from == "" && len(e.Properties["name"]) == 0 {
			t.Errorf("%s has no name", e.ID)
		}
	}
	odd := all[ftmID("odd#one/é")]
	if odd == nil {
		t.Fatal("odd#one/é is not written")
	}
	want := &ftmEntity{ID: odd.ID, Schema: "Company", Caption: `A "quoted" <name> & co; \ 阿里`, Properties: map[string][]string{
		"name": {`A "quoted" <name> & co; \ 阿里`, "Odd Ltd"}, "leiCode": {"529900T8BM49AURSDO55"}, "wikidataId": {"Q1359568"},
	}}
	if diff := cmp.Diff(want, odd); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	held := ""
	for _, e := range all {
		if slices.Contains(e.Properties["asset"], odd.ID) {
			held = fmt.Sprint(e.Properties["owner"], e.Properties["percentage"])
		}
	}
	if held != "[alibaba-group] [>50]" {
		t.Errorf("it is held by %s", held)
	}
	for _, reason := range []string{"figures other than", "known unknowns", "sums of money", "links in words", "languages of names", "wordings of stakes", "kinds that FollowTheMoney has no schema for"} {
		if !slices.ContainsFunc(losses, func(l string) bool { return strings.Contains(l, reason) }) {
			t.Errorf("nothing is said of %s: %q", reason, losses)
		}
	}
	second, _ := written(t, imported(t, ftm.Format, "f.json", first), "ftm")
	for id, e := range all {
		delete(e.Properties, "publisher") // the reader does not take them
		delete(e.Properties, "sourceUrl")
		if diff := cmp.Diff(e, lines(second)[id]); diff != "" {
			t.Fatalf("%s, written, read and written again (-first +second):\n%s", id, diff)
		}
	}
	third, _ := written(t, imported(t, ftm.Format, "g.json", second), "ftm")
	if third != second {
		t.Error("the third export differs from the second")
	}
}

// TestFtMOfMergedEntities: entities that are one have one line, with the ids that
// lead there; what others say of a relation stands beside what the format said.
func TestFtMOfMergedEntities(t *testing.T) {
	const file = `{"id":"a","schema":"Company","properties":{"name":["Quay"],"leiCode":["020BQJXAXCZNLKIN7326"]}}
{"id":"b","schema":"Company","properties":{"name":["Quay AG"],"leiCode":["020BQJXAXCZNLKIN7326"]}}
{"id":"c","schema":"Person","properties":{"name":["Gwen"]}}
{"id":"own","schema":"Ownership","properties":{"owner":["c"],"asset":["b"],"percentage":["about a half"]}}
{"id":"n","schema":"Company","properties":{"name":["Numbers"],"registrationNumber":["1"],"country":["us","de"]}}
`
	g, store := ingesttest.NewGraph(t)
	ingesttest.Import(t, g, ftm.Format, ingesttest.File("f.json", []byte(file)))
	_, err := g.Apply(t.Context(), kg.Write{
		Sources: []*kg.Source{{ID: "register", Title: "Register", Publisher: "The Office", URL: "https://office.example/a"}},
		Claims: []*kg.Claim{
			{Source: "register", Statement: &kg.RelationStatement{Type: kg.Owns, From: "ftm:c", To: "ftm:a", Start: kg.MustDate("2001"), Stake: new(kg.ExactShare(50))}},
			{Source: "register", Statement: &kg.EntityStatement{Entity: "numbered", Kind: kg.KindCompany}},
			{Source: "register", Statement: &kg.NameStatement{Entity: "numbered", Text: "Two numbers", Kind: kg.NameAlias}},
			{Source: "register", Statement: &kg.IdentifierStatement{Entity: "numbered", Scheme: "reg:IE", Value: "2"}},
			{Source: "register", Statement: &kg.IdentifierStatement{Entity: "numbered", Scheme: "reg:RA000001", Value: "3"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, losses := written(t, opened(t, store), "ftm")
	if want := "1 registers of numbers, where they are not of the first country"; !slices.Contains(losses, want) {
		t.Errorf("losses: %q", losses)
	}
	all := lines(text)
	var told *ftmEntity
	for id, e := range all {
		if e.Schema == "Ownership" && id != "own" {
			told, e.ID = e, "r"
		}
	}
	got := []*ftmEntity{all["a"], all["b"], all["own"], told, all["n"], all["numbered"]}
	want := []*ftmEntity{
		{ID: "a", Schema: "Company", Referents: []string{"b"}, Properties: map[string][]string{"name": {"Quay", "Quay AG"}, "leiCode": {"020BQJXAXCZNLKIN7326"}}},
		nil,
		{ID: "own", Schema: "Ownership", Properties: map[string][]string{"owner": {"c"}, "asset": {"a"}, "percentage": {"about a half"}}},
		{ID: "r", Schema: "Ownership", Properties: map[string][]string{
			"owner": {"c"}, "asset": {"a"}, "percentage": {"50"}, "startDate": {"2001"}, "publisher": {"The Office"}, "sourceUrl": {"https://office.example/a"},
		}},
		// Whose number it is, the first country says.
		{ID: "n", Schema: "Company", Properties: map[string][]string{"name": {"Numbers"}, "registrationNumber": {"1"}, "country": {"us", "de"}}},
		{ID: "numbered", Schema: "Company", Properties: map[string][]string{
			"name": {"Two numbers"}, "registrationNumber": {"2", "3"}, "jurisdiction": {"ie"}, "publisher": {"The Office"}, "sourceUrl": {"https://office.example/a"},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPercentText(t *testing.T) {
	for share, want := range map[string]string{
		"40": "40", "33.3": "33.3", "0": "0", ">25": ">25", ">=25": ">=25", "<5": "<5", "<=10": "<=10", "25..50": "25-50", "[25,50)": "25-50", "(0,100]": ">0", "[0,100)": "<100", "[0,100]": "",
	} {
		s, err := kg.ParseShare(share)
		if err != nil {
			t.Fatal(err)
		}
		if got := percentText(s); got != want {
			t.Errorf("%s: got %q, want %q", share, got, want)
		}
	}
}

func TestRoles(t *testing.T) {
	for title, want := range map[string]role{
		"Chair": roleChair, "Chairman of the Board": roleChair, "Vice Chairman": roleBoard, "deputy chair": roleBoard, "CEO": roleOfficer, "Chief Executive Officer": roleOfficer,
		"Managing Director": roleOfficer, "director": roleBoard, "board member": roleBoard, "Member of the Supervisory Board": roleBoard, "member": roleMember, "employee": roleOther, "": roleOther,
		"Boarding clerk": roleOther,
	} {
		if got := roleOf(title); got != want {
			t.Errorf("%q: got %d, want %d", title, got, want)
		}
	}
}
