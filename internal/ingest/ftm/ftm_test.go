package ftm

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/ingesttest"
)

func TestEntities(t *testing.T) {
	g, store := ingesttest.NewGraph(t)
	files := ingesttest.Files(t, "testdata/harbour.jsonl")
	report := ingesttest.Import(t, g, Format, files...)
	first := ingesttest.Claims(t, store)
	ingesttest.Want(t, "testdata/harbour.want", first)
	want := []string{
		`harbour.jsonl:1 harbour.jsonl:19: "not yet" is no date; it is left out`,
		"harbour.jsonl:7: the property nationality is not taken",
		`harbour.jsonl:13: the entity "co-9" is deleted; import the file as an issue of a data set to take back what earlier ones said of it`,
		`harbour.jsonl:21: the schema Address is not taken`,
		`harbour.jsonl:6: the Ownership "own-5" names no owner`,
	}
	if diff := cmp.Diff(want, ingesttest.Dropped(report)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	again := ingesttest.Import(t, g, Format, files...)
	if again.Applied.Recorded > 0 || ingesttest.Claims(t, store) != first {
		t.Errorf("imported again: %+v", again.Applied)
	}
}

// TestChanges: lines of changes take back what the data set said before of what they
// change or delete.
func TestChanges(t *testing.T) {
	g, store := ingesttest.NewGraph(t)
	ingesttest.Issue(t, g, Format, "harbour", ingesttest.Files(t, "testdata/harbour.jsonl")...)
	report := ingesttest.Issue(t, g, Format, "harbour", ingesttest.Files(t, "testdata/changes.jsonl")...)
	ingesttest.Want(t, "testdata/changes.want", ingesttest.Claims(t, store))
	want := []string{
		"changes.jsonl:5: the schema Address is not taken",
		"ftm:dataset:harbour, record co-1: is gone from the data set, and what it said stays: 1 claims still speak of country:DE",
		"ftm:dataset:harbour, record co-1: is gone from the data set, and what it said stays: 6 claims still speak of ftm:co-1",
	}
	got := ingesttest.Dropped(report)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " (such as")
	}
	if diff := cmp.Diff(want, got); diff != "" || report.Outdated != 16 {
		t.Errorf("%d outdated, dropped (-want +got):\n%s", report.Outdated, diff)
	}
}

func TestPercentages(t *testing.T) {
	for text, want := range map[string]string{
		"25": "25", "25%": "25", " 25.50 % ": "25.50", "33,3%": "33.3", "100 percent": "100",
		"25-50": "25..50", "25% - 50%": "25..50", "from 25 to 50%": "25..50", "between 25% and 50%": "25..50", "25 – 50": "25..50", "25..50": "25..50",
		">25%": ">25", "more than 25 %": ">25", "over 25": ">25", "≥ 25": ">=25", "at least 25%": ">=25", "75+": ">=75", "75% or more": ">=75",
		"<5": "<5", "less than 5%": "<5", "up to 10%": "<=10", "10 or less": "<=10",
		"150": "", "50-25": "", "a third": "", "1/3": "", "": "", "-5": "", "25 % of votes": "", "1,234.5": "", "100,000": "",
	} {
		if got := percentage(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestLinesThatAreDropped(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"a","schema":"Company","properties":{"name":"A"}}`:      "f:1: this is no entity of FollowTheMoney: properties is a string; values of properties are arrays of strings",
		`{"id":"a","schema":"Company","properties":{"name":[1]}}`:      "f:1: this is no entity of FollowTheMoney: properties is a number; values of properties are arrays of strings",
		`{"id":"a","properties":{"name":["A"]}}`:                       "f:1: this is no entity of FollowTheMoney: it lacks an id or a schema",
		`["a"]`:                                                        "f:1: this is no entity of FollowTheMoney",
		`{"op":"PUT","entity":{"id":"a","schema":"Company"}}`:          `f:1: this is no change of FollowTheMoney: the operation is "PUT"; expected ADD, MOD or DEL, and an entity`,
		`{"op":"ADD"}`:                                                 `f:1: this is no change of FollowTheMoney: the operation is "ADD"; expected ADD, MOD or DEL, and an entity`,
		`{"id":"a","schema":"Ownership","properties":{"owner":["b"]}}`: `f:1: the Ownership "a" names no asset`,
	} {
		r := ingesttest.Read(t, Format, "f", strings.NewReader(text))
		if diff := cmp.Diff([]string{want}, r.Problems); diff != "" || len(r.Drafts) > 0 || r.Broken != "" {
			t.Errorf("%s: %d drafts, broken %q (-want +got):\n%s", text, len(r.Drafts), r.Broken, diff)
		}
	}
}

// TestWhatIsNotTakenIsNoCompany: a ship that somebody owns is passed over, and so is
// that it is owned; other ends of the same entity are taken.
func TestWhatIsNotTakenIsNoCompany(t *testing.T) {
	g, store := ingesttest.NewGraph(t)
	report := ingesttest.Import(t, g, Format, ingesttest.File("f", []byte(`{"id":"own","schema":"Ownership","properties":{"owner":["ann"],"asset":["ship","acorn","elm"],"percentage":["40"]}}
{"id":"ship","schema":"Vessel","properties":{"name":["Windward"]}}
{"id":"ann","schema":"Person","properties":{"name":["Ann"]}}
{"id":"acorn","schema":"Company","properties":{"name":["Acorn"]}}
`)))
	want := []string{`f:1: the Ownership "own" joins something of the schema Vessel, which is not taken`, "f:2: the schema Vessel is not taken"}
	got := ingesttest.Dropped(report)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	claims := ingesttest.Claims(t, store)
	for what, told := range map[string]bool{"ftm:ann OWNS ftm:acorn, stake 40 %": true, "ftm:ann OWNS ftm:elm, stake 40 %": true, "ftm:elm is a COMPANY": true, "ftm:ship": false} {
		if strings.Contains(claims, what) != told {
			t.Errorf("%s: told %t, want %t:\n%s", what, !told, told, claims)
		}
	}
}

// TestRolesOfPeopleInOtherFiles: whether a director is a person may stand in another
// file, before or behind, or in the graph; who is described nowhere is one.
func TestRolesOfPeopleInOtherFiles(t *testing.T) {
	things := ingesttest.File("things", []byte(`{"id":"ann","schema":"Person","properties":{"name":["Ann"]}}
{"id":"elm","schema":"Company","properties":{"name":["Elm"]}}
{"id":"oak","schema":"Company","properties":{"name":["Oak"]}}
`))
	links := ingesttest.File("links", []byte(`{"id":"d1","schema":"Directorship","properties":{"director":["ann"],"organization":["elm"],"role":["Chair"]}}
{"id":"d2","schema":"Directorship","properties":{"director":["oak"],"organization":["elm"]}}
{"id":"d3","schema":"Directorship","properties":{"director":["bob"],"organization":["elm"]}}
`))
	for name, imports := range map[string][][]ingest.File{
		"people first":        {{things, links}},
		"people behind":       {{links, things}},
		"people in the graph": {{things}, {links}},
	} {
		t.Run(name, func(t *testing.T) {
			g, store := ingesttest.NewGraph(t)
			for _, files := range imports {
				foreseen, err := (&ingest.Import{Format: Format, Files: files, Graph: g.Stream(), DryRun: true}).Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if done := ingesttest.Import(t, g, Format, files...); done.Applied.Recorded != foreseen.Applied.Recorded || len(done.Dropped.Reasons) > 0 {
					t.Errorf("%+v was foreseen, and was %+v", foreseen.Applied, done)
				}
			}
			claims := ingesttest.Claims(t, store)
			for _, want := range []string{"ftm:ann HOLDS_ROLE ftm:elm", "ftm:oak RELATED_TO ftm:elm", "ftm:bob HOLDS_ROLE ftm:elm"} {
				if !strings.Contains(claims, want) {
					t.Errorf("%s is missing:\n%s", want, claims)
				}
			}
		})
	}
}

func good(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/harbour.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWorkedExample(t *testing.T) { ingesttest.WorkedExample(t, Format) }

func TestBrokenFiles(t *testing.T) { ingesttest.BrokenFiles(t, Format, good(t)) }

// Nothing is left on the disk, whether the file is read to its end or not.
func TestTheDiskIsLeftClean(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	n := 0
	for range Read(ingesttest.Input("f", good(t))) {
		if n++; n == 40 {
			break
		}
	}
	ingesttest.Read(t, Format, "f", strings.NewReader(string(good(t))))
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

func FuzzRead(f *testing.F) {
	text := good(f)
	ingesttest.Fuzz(f, Format, text, text[:len(text)/2], []byte(`{"id":"a","schema":"Person","properties":{"name":["A"]}}`))
}

func FuzzPercentage(f *testing.F) {
	f.Add("between 25% and 50%")
	f.Fuzz(func(t *testing.T, text string) { percentage(text) })
}
