package bods_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/bods"
	"keiretsu/internal/ingest/ingesttest"
	"keiretsu/internal/kg"
)

func TestStatements(t *testing.T) {
	for _, name := range []string{"ferry.json", "weaver.jsonl", "grid.json", "mill.json", "old.json", "ends.jsonl", "quarry.jsonl", "lock.json"} {
		t.Run(name, func(t *testing.T) {
			g, store := ingesttest.NewGraph(t)
			files := ingesttest.Files(t, "testdata/"+name)
			ingesttest.History(t, g, bods.Format, files...)
			ingesttest.Want(t, "testdata/"+name[:strings.IndexByte(name, '.')]+".want", ingesttest.Claims(t, store))
		})
	}
}

// owners lists who owned shares of an entity on a day, as known by a moment.
func owners(t *testing.T, g *kg.Graph, of kg.ID, asOf string, known time.Time) string {
	t.Helper()
	ctx := context.Background()
	v, err := g.View(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	v.KnownBy(known)
	m, err := v.Entity(ctx, kg.EntityKey{ID: of})
	if err != nil || m == nil {
		return "not known"
	}
	page, err := m.DirectHoldings(ctx, kg.In, kg.HoldingOptions{AsOf: new(kg.MustDate(asOf).Latest())}, kg.PageArgs{})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, h := range page.Values() {
		from, err := h.FromMember(ctx)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s", from.Name(""), h.Stake))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// What was true and what was known are two clocks: an owner is replaced after the
// fact, a share changes and keeps its start, a record is closed without an end.
func TestOwnersOnBothClocks(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for file, cases := range map[string][]struct {
		of          kg.ID
		asOf, known string
		want        string
	}{
		"ferry.json": {
			{"bods:ferry", "2021-06-01", "2021-06-01", "Ada Quill 50 %, Ben Marsh 50 %"},
			{"bods:ferry", "2021-06-01", "2021-12-31", "Ben Marsh 50 %, Cleo Quill 50 %"},
			{"bods:ferry", "2021-06-01", "2025-01-01", "Ben Marsh 50 %, Cleo Quill 50 %"},
			{"bods:ferry", "2022-02-01", "2025-01-01", "Ben Marsh 100 %"},
			{"bods:ferry", "2022-02-01", "2022-01-01", "Ben Marsh 50 %, Cleo Quill 50 %"},
			{"bods:ferry", "2021-06-01", "2019-01-01", "not known"},
		},
		"weaver.jsonl": {
			{"bods:weaver", "2020", "2025-01-01", "Dora Pine 100 %"},
			{"bods:weaver", "2021-09-23", "2025-01-01", "Dora Pine 100 %"},
			{"bods:weaver", "2021-09-24", "2025-01-01", "Dora Pine 40 %, Elm Trust 60 %"},
			{"bods:weaver", "2022-12-31", "2025-01-01", "Dora Pine 30 %, Elm Trust 70 %"},
			{"bods:weaver", "2023-03-02", "2025-01-01", "Dora Pine 30 %, Elm Trust 80 %"},
			{"bods:weaver", "2023-03-03", "2025-01-01", "Elm Trust 80 %"},
			{"bods:weaver", "2023-03-03", "2022-12-31", "Dora Pine 30 %, Elm Trust 70 %"},
		},
	} {
		t.Run(file, func(t *testing.T) {
			g, _ := ingesttest.NewGraph(t)
			ingesttest.History(t, g, bods.Format, ingesttest.Files(t, "testdata/"+file)...)
			for _, c := range cases {
				if got := owners(t, g, c.of, c.asOf, day(c.known)); got != c.want {
					t.Errorf("%s as of %s, known by %s: got %s, want %s", c.of, c.asOf, c.known, got, c.want)
				}
			}
		})
	}
}

// What a source declares of chains is no chain: the state owns nothing that could
// be worked out, the ministry all of it.
func TestDeclaredSummariesAreNotFollowed(t *testing.T) {
	g, _ := ingesttest.NewGraph(t)
	ingesttest.History(t, g, bods.Format, ingesttest.Files(t, "testdata/grid.json")...)
	v, err := g.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for owner, want := range map[kg.ID]string{"bods:ministry": "100 % by 2 chains", "bods:state": "0 % by 0 chains"} {
		r, err := v.Ownership(t.Context(), owner, "bods:grid", 50, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s by %d chains", r.Effective, len(r.Chains)); got != want {
			t.Errorf("%s: got %s, want %s", owner, got, want)
		}
	}
	conflicts, err := v.Conflicts(t.Context())
	if err != nil || len(conflicts) > 0 {
		t.Errorf("%d conflicts, %v", len(conflicts), err)
	}
}

// Read into the same graph a second time, a history adds nothing and changes
// nothing.
func TestReadTwice(t *testing.T) {
	g, store := ingesttest.NewGraph(t)
	files := ingesttest.Files(t, "testdata/ferry.json")
	report := ingesttest.Import(t, g, bods.Format, files...)
	if report.Dropped.Count() > 0 {
		t.Errorf("dropped: %v", ingesttest.Dropped(report))
	}
	first := ingesttest.Claims(t, store)
	ingesttest.Want(t, "testdata/ferry.want", first) // an empty graph takes the moments of the source
	again := ingesttest.Import(t, g, bods.Format, files...)
	if again.Applied.Recorded > 0 || ingesttest.Claims(t, store) != first {
		t.Errorf("%+v\n%s", again.Applied, cmp.Diff(first, ingesttest.Claims(t, store)))
	}
}

// TestRolesOfPeopleInOtherFiles: entities, persons and what is between them may come in
// files of their own, in any order.
func TestRolesOfPeopleInOtherFiles(t *testing.T) {
	entities := ingesttest.File("entities", []byte(`{"statementId":"1","statementDate":"2020","recordId":"elm","recordType":"entity","recordDetails":{"name":"Elm"}}
{"statementId":"2","statementDate":"2020","recordId":"oak","recordType":"entity","recordDetails":{"name":"Oak"}}
`))
	persons := ingesttest.File("persons", []byte(`{"statementId":"3","statementDate":"2020","recordId":"ann","recordType":"person","recordDetails":{"names":[{"fullName":"Ann"}]}}
`))
	between := ingesttest.File("between", []byte(`{"statementId":"4","statementDate":"2020","recordId":"i4","recordType":"relationship","recordDetails":{"subject":"elm","interestedParty":"ann","interests":[{"type":"boardMember"}]}}
{"statementId":"5","statementDate":"2020","recordId":"i5","recordType":"relationship","recordDetails":{"subject":"elm","interestedParty":"oak","interests":[{"type":"boardMember"}]}}
`))
	for name, files := range map[string][]ingest.File{"first": {entities, persons, between}, "last": {between, persons, entities}} {
		t.Run(name, func(t *testing.T) {
			g, store := ingesttest.NewGraph(t)
			ingesttest.Import(t, g, bods.Format, files...)
			claims := ingesttest.Claims(t, store)
			for _, want := range []string{"bods:ann HOLDS_ROLE bods:elm, board member,", "bods:oak RELATED_TO bods:elm, is board member of,"} {
				if !strings.Contains(claims, want) {
					t.Errorf("%s is missing:\n%s", want, claims)
				}
			}
		})
	}
}

func TestStatementsThatAreDropped(t *testing.T) {
	good := `{"statementId":"a","statementDate":"2020","recordId":"r","recordType":"entity","recordDetails":{"name":"A"}}`
	of := func(kind, details string) string {
		return `{"statementId":"b","statementDate":"2020","recordId":"b","recordType":"` + kind + `","recordDetails":{` + details + "}}]"
	}
	for name, c := range map[string]struct{ text, want string }{
		"another shape":       {`[{"type":"Feature"},` + good + `]`, "f:1: this is no statement of BODS: it lacks a statementId"},
		"a number":            {"[3,\n" + good + "]", "f:1: this is no statement of BODS:  is a number"},
		"too long":            {"[" + good + ",\n" + of("relationship", `"subject":"r","interestedParty":"r","interests":"`+strings.Repeat("x", ingest.MaxTree)+`"`), "f:2: the record is longer than 4 MiB; none of this format is"},
		"no record":           {"[" + good + ",\n" + `{"statementId":"b"}]`, "f:2: the statement b lacks a recordId"},
		"about something":     {"[" + good + ",\n" + `{"statementId":"b","recordId":"r","recordType":"boat"}]`, `f:2: the statement b is about "boat"; expected entity, person or relationship`},
		"no details":          {"[" + good + ",\n" + `{"statementId":"b","recordId":"r","recordType":"entity"}]`, "f:2: the statement b lacks recordDetails"},
		"no date":             {"[" + good + ",\n" + `{"statementId":"b","recordId":"r","recordType":"entity","recordDetails":{"name":"B"}}]`, `f:2: the statement b has the date ""; expected one such as 2021-06-01`},
		"details of no shape": {"[" + good + ",\n" + `{"statementId":"b","statementDate":"2020","recordId":"r","recordType":"entity","recordDetails":{"name":[1]}}]`, "f:2: this is no statement of BODS: name is a array"},
		// Of these, the rest is taken.
		"a founding date":    {"[" + good + ",\n" + of("entity", `"name":"B","foundingDate":"2014-00-00"`), `f:2: "2014-00-00" is no date; it is left out`},
		"a birth date":       {"[" + good + ",\n" + of("person", `"names":[{"fullName":"B"}],"birthDate":"1970-02-30"`), `f:2: "1970-02-30" is no date; it is left out`},
		"a start":            {"[" + good + ",\n" + of("relationship", `"subject":"r","interestedParty":"r","interests":[{"type":"shareholding","startDate":"01/02/2014"}]`), `f:2: "01/02/2014" is no date; it is left out`},
		"an end":             {"[" + good + ",\n" + of("relationship", `"subject":"r","interestedParty":"r","interests":[{"type":"shareholding","endDate":"2014-13"}]`), `f:2: "2014-13" is no date; it is left out`},
		"a jurisdiction":     {"[" + good + ",\n" + of("entity", `"name":"B","jurisdiction":{"code":"England"}`), `f:2: the jurisdiction "" has the code "England"; expected one of ISO 3166 such as GB or US-DE`},
		"a nameless number":  {"[" + good + ",\n" + of("entity", `"name":"B","identifiers":[{"id":"77"}]`), `f:2: the identifier "77" has no scheme; it is left out`},
		"nothing is owned":   {"[" + good + ",\n" + of("relationship", `"interestedParty":"r"`), "f:2: the statement b names no subject"},
		"there is no holder": {"[" + good + ",\n" + of("relationship", `"subject":"r","interests":[]`), "f:2: the statement b names no interestedParty"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ingesttest.Read(t, bods.Format, "f", strings.NewReader(c.text))
			if diff := cmp.Diff([]string{c.want}, r.Problems); diff != "" || r.Broken != "" || len(r.Drafts) == 0 {
				t.Errorf("%d drafts, broken %q (-want +got):\n%s", len(r.Drafts), r.Broken, diff)
			}
		})
	}
}

func TestBrokenFiles(t *testing.T) {
	for _, path := range []string{"testdata/ferry.json", "testdata/weaver.jsonl"} {
		t.Run(path[len("testdata/"):], func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ingesttest.BrokenFiles(t, bods.Format, text)
		})
	}
}

// Nothing is left on the disk, whether the file is read to its end or not.
func TestTheDiskIsLeftClean(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	text, err := os.ReadFile("testdata/mill.json")
	if err != nil {
		t.Fatal(err)
	}
	for range bods.Read(ingesttest.Input("mill", text)) {
		break
	}
	ingesttest.Read(t, bods.Format, "mill", strings.NewReader(string(text)))
	ingesttest.Read(t, bods.Format, "mill", strings.NewReader(string(text[:len(text)/2])))
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

func FuzzRead(f *testing.F) {
	var seeds [][]byte
	for _, name := range []string{"ferry.json", "weaver.jsonl", "grid.json", "mill.json", "old.json", "ends.jsonl", "quarry.jsonl", "lock.json"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, text, text[:len(text)/3])
	}
	ingesttest.Fuzz(f, bods.Format, seeds...)
}
