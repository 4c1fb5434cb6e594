package bods_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/bods"
	"keiretsu/internal/ingest/ingesttest"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// statements returns those of a file, in order of their dates: about entities and
// persons first.
func statements(t *testing.T, text []byte) []json.RawMessage {
	t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		all = nil
		for line := range strings.Lines(string(text)) {
			all = append(all, json.RawMessage(line))
		}
	}
	key := func(s json.RawMessage) string {
		var x struct{ StatementDate, RecordType, StatementType string }
		if err := json.Unmarshal(s, &x); err != nil {
			t.Fatal(err)
		}
		kind := "0"
		if x.RecordType == "relationship" || strings.HasPrefix(x.StatementType, "own") {
			kind = "1"
		}
		return x.StatementDate + kind
	}
	slices.SortStableFunc(all, func(a, b json.RawMessage) int { return strings.Compare(key(a), key(b)) })
	return all
}

// unnamed returns the statements that name nobody, which a file has with those that
// refer to them.
func unnamed(all []json.RawMessage) []json.RawMessage {
	return slices.DeleteFunc(slices.Clone(all), func(s json.RawMessage) bool { return !strings.Contains(string(s), "unspecifiedPersonDetails") })
}

// part returns a file of statements.
func part(name string, statements []json.RawMessage) ingest.File {
	var lines []string
	for _, s := range statements {
		lines = append(lines, string(s))
	}
	return ingesttest.File(name, []byte("["+strings.Join(lines, ",\n")+"]"))
}

// issue returns an import of files of a data set.
func issue(g *kg.Graph, files ...ingest.File) *ingest.Import {
	return &ingest.Import{Format: bods.Format, Files: files, Graph: g.Stream(), By: "test", Dataset: "register"}
}

func run(t *testing.T, i *ingest.Import) ingest.Report {
	t.Helper()
	report, err := i.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestFilesOfARegisterGoOn: wherever a register is cut into files, its parts say
// together what it says as one: whether they come one by one, in one go, or as files
// that overlap. Read again, none of them changes anything.
func TestFilesOfARegisterGoOn(t *testing.T) {
	for _, name := range []string{"ferry.json", "weaver.jsonl", "grid.json", "mill.json", "old.json", "ends.jsonl", "quarry.jsonl", "lock.json"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			all := statements(t, text)
			g, store := ingesttest.NewGraph(t)
			whole := run(t, issue(g, part("whole", all)))
			want := ingesttest.Claims(t, store)
			for cut := 1; cut < len(all); cut++ {
				first, second := part("first", all[:cut]), part("second", append(unnamed(all[:cut]), all[cut:]...))
				g, store := ingesttest.NewGraph(t)
				same := func(how string) {
					t.Helper()
					if diff := kgtest.Diff(strings.Split(want, "\n"), strings.Split(ingesttest.Claims(t, store), "\n")); diff != "" {
						t.Fatalf("cut behind %d, %s (-whole +parts):\n%s", cut, how, diff)
					}
				}
				run(t, issue(g, first))
				foreseen := issue(g, second)
				foreseen.DryRun = true
				dry := run(t, foreseen)
				report := run(t, issue(g, second))
				if dry.Applied.Retracted != report.Applied.Retracted || dry.Applied.Recorded != report.Applied.Recorded {
					t.Errorf("cut behind %d: a dry run foresaw %+v, and it was %+v", cut, dry, report)
				}
				same("one by one")
				ways := [][]ingest.File{{first}, {second}, {first, second}, {part("whole", all)}, {part("overlapping", append(unnamed(all[:cut-1]), all[cut-1:]...))}}
				again := ways[cut%len(ways)]
				if report := run(t, issue(g, again...)); report.Applied.Recorded+report.Applied.Retracted > 0 || report.Dropped.Count() > whole.Dropped.Count() {
					t.Errorf("cut behind %d, %s again: %+v", cut, again[0].Name, report)
				}
				same(again[0].Name + " again")
				g, store = ingesttest.NewGraph(t)
				run(t, issue(g, first, second))
				same("in one go")
			}
		})
	}
}

// plain are claims of a data set as they would be of a file by itself.
var plain = regexp.MustCompile(`bods:dataset:register (\S+) of .*?, (?:new|updated|closed) [^ ,]+(?:, interest \d+)?`)

// TestADatasetSaysWhatItsFileSays, but for where it says it.
func TestADatasetSaysWhatItsFileSays(t *testing.T) {
	for _, name := range []string{"ferry.json", "weaver.jsonl", "mill.json", "old.json", "ends.jsonl", "quarry.jsonl", "lock.json"} {
		g, store := ingesttest.NewGraph(t)
		run(t, issue(g, ingesttest.Files(t, "testdata/"+name)...))
		base, _, _ := strings.Cut(name, ".")
		lines := strings.Split(plain.ReplaceAllString(ingesttest.Claims(t, store), "bods:file:"+base+" $1"), "\n")
		slices.Sort(lines[:len(lines)-1])
		ingesttest.Want(t, "testdata/"+base+".want", strings.Join(lines, "\n"))
	}
}

// registers of Ferry Lane, by statements in the order of their dates.
func ferry(t *testing.T) []json.RawMessage {
	t.Helper()
	text, err := os.ReadFile("testdata/ferry.json")
	if err != nil {
		t.Fatal(err)
	}
	return statements(t, text)
}

// TestFilesInTheWrongOrder: whoever gives them so is told. What is older than what the
// data set has told of its record since changes nothing, all else comes in.
func TestFilesInTheWrongOrder(t *testing.T) {
	all := ferry(t)
	older, newer := part("older", all[:6]), part("newer", append(slices.Clone(all[:3]), all[5:]...))
	i := issue(nil, newer, older)
	g, store := ingesttest.NewGraph(t)
	i.Graph = g.Stream()
	_, err := i.Run(t.Context())
	if broken, ok := errors.AsType[*ingest.Broken](err); !ok || broken.Error() !=
		"older:4: the statement s04 of 2019-09-11T11:17:23Z is older than what a file before this one tells of its record: give the files of a data set in the order of their statements" {
		t.Errorf("in one go: %v", err)
	}
	if claims := ingesttest.Claims(t, store); claims != "\n" {
		t.Errorf("something was written:\n%s", claims)
	}
	run(t, issue(g, newer))
	before := ingesttest.Claims(t, store)
	dry := issue(g, older)
	dry.DryRun = true
	for _, i := range []*ingest.Import{dry, issue(g, older)} {
		report := run(t, i)
		want := []string{`older:4 older:5: the statement s04 of 2019-09-11T11:17:23Z is older than what the data set has told of its record since: ` +
			`import its files in the order of their statements, or this one without --dataset`}
		if diff := cmp.Diff(want, ingesttest.Dropped(report)); diff != "" || report.Applied.Retracted > 0 {
			t.Errorf("one by one: %+v\n%s", report, diff)
		}
	}
	if diff := kgtest.Diff(strings.Split(before, "\n"), strings.Split(ingesttest.Claims(t, store), "\n")); diff != "" {
		t.Errorf("what is too old changes (-before +after):\n%s", diff)
	}
}

// TestCompleteFiles: records that are in none of them are gone, and come back with the
// statements that tell of them.
func TestCompleteFiles(t *testing.T) {
	all := ferry(t)
	g, store := ingesttest.NewGraph(t)
	run(t, issue(g, part("all", all)))
	want := ingesttest.Claims(t, store)
	// Of records that stay, it need not say again what it has said.
	without := slices.DeleteFunc(slices.Clone(all), func(s json.RawMessage) bool {
		return strings.Contains(string(s), `"cleo"`) || strings.Contains(string(s), `"relationship","recordStatus":"new"`)
	})
	i := issue(g, part("without", without))
	i.Complete = true
	report := run(t, i)
	live := slices.DeleteFunc(strings.Split(want, "\n"), func(line string) bool {
		return strings.Contains(line, "retracted") || strings.Contains(line, "bods:cleo")
	})
	still := slices.DeleteFunc(strings.Split(ingesttest.Claims(t, store), "\n"), func(line string) bool { return strings.Contains(line, "retracted") })
	if diff := cmp.Diff(live, still); diff != "" || report.Outdated != 4 {
		t.Errorf("%d outdated; what stands (-want +got):\n%s", report.Outdated, diff)
	}
	if report := run(t, issue(g, part("all", all))); report.Applied.Recorded != 4 {
		t.Errorf("come back: %+v", report)
	}
	if diff := cmp.Diff(undated(want), undated(ingesttest.Claims(t, store))); diff != "" {
		t.Errorf("come back (-want +got):\n%s", diff)
	}
}

var recordedOn = regexp.MustCompile(` on \d[0-9TZ:-]*[0-9Z]`)

// undated are claims without the moments under which they were recorded.
func undated(claims string) string { return recordedOn.ReplaceAllString(claims, "") }

// never is the write of a cut that does not come.
const never = 0

// TestInterruptedFiles: a file that goes on from another, interrupted wherever it may
// be, says the same when it is resumed, to the number of each change; and the same
// when it is begun anew, wherever the half of a statement was written.
func TestInterruptedFiles(t *testing.T) {
	for _, name := range []string{"ferry.json", "quarry.jsonl", "lock.json"} {
		for _, recorded := range []ingest.Recorded{ingest.RecordedAuto, ingest.RecordedNow} {
			t.Run(name+" "+string(recorded), func(t *testing.T) {
				text, err := os.ReadFile("testdata/" + name)
				if err != nil {
					t.Fatal(err)
				}
				all := statements(t, text)
				first, second := part("first", all[:len(all)/2]), part("second", all[len(all)/2:])
				begun := func() (*kg.Graph, kg.Store) {
					g, store := ingesttest.NewGraph(t)
					run(t, issue(g, first))
					return g, store
				}
				importing := func(g *kg.Graph, writes int) *ingest.Import {
					i := issue(g, second)
					i.Recorded = recorded
					i.Graph = &kgtest.PowerCut{Stream: g.Stream(), Writes: writes, Most: 3}
					return i
				}
				g, whole := begun()
				run(t, importing(g, never))
				want := ingesttest.Claims(t, whole)
				for writes := 1; ; writes++ {
					g, store := begun()
					var steps []ingest.Step
					i := importing(g, writes)
					i.Note = func(s ingest.Step) error { steps = append(steps, s); return nil }
					if _, err := i.Run(t.Context()); err == nil {
						break
					} else if !errors.Is(err, kgtest.ErrPower) {
						t.Fatal(err)
					}
					i = importing(g, never)
					i.Resume = steps
					run(t, i)
					if diff := kgtest.Diff(kgtest.Everything(t, whole), kgtest.Everything(t, store)); diff != "" {
						t.Fatalf("resumed behind %d writes (-whole +resumed):\n%s", writes, diff)
					}
					g, store = begun()
					i = importing(g, writes)
					if _, err := i.Run(t.Context()); !errors.Is(err, kgtest.ErrPower) {
						t.Fatal(err)
					}
					run(t, importing(g, never))
					if diff := cmp.Diff(undated(want), undated(ingesttest.Claims(t, store))); diff != "" {
						t.Fatalf("begun anew behind %d writes (-whole +anew):\n%s", writes, diff)
					}
				}
			})
		}
	}
}

// register makes up statements about three parties of one company, in order: terms
// that begin, end, change and come back, several of a sort, days on which more than
// one statement is made.
func register(random *rand.Rand) (all []json.RawMessage) {
	day, n := 0, 0
	date := func(d int) string { return fmt.Sprintf("20%02d-0%d-01", 10+d/9, 1+d%9) }
	say := func(record, kind, status, details string) {
		n++
		all = append(all, json.RawMessage(fmt.Sprintf(`{"statementId":"s%d","statementDate":%q,"recordId":%q,"recordType":%q,"recordStatus":%q,"recordDetails":{%s}}`,
			n, date(day), record, kind, status, details)))
	}
	person := func() string {
		return fmt.Sprintf(`"names":[{"fullName":"P%d"}],"birthDate":"19%d"`, random.IntN(3), 70+random.IntN(2))
	}
	say("c", "entity", "new", `"name":"C"`)
	for p := range 3 {
		say(fmt.Sprint("p", p), "person", "new", person())
	}
	for range 14 {
		day += random.IntN(3)
		p := random.IntN(3)
		status := [...]string{"new", "updated", "updated", "updated", "closed"}[random.IntN(5)]
		if random.IntN(5) == 0 {
			say(fmt.Sprint("p", p), "person", status, person())
			continue
		}
		var interests []string
		for range random.IntN(3) {
			in := fmt.Sprintf(`{"type":%q`, [...]string{"shareholding", "shareholding", "nominee", "boardMember"}[random.IntN(4)])
			if random.IntN(4) > 0 {
				in += fmt.Sprintf(`,"share":{"exact":%d}`, 10*(1+random.IntN(3)))
			}
			since := random.IntN(day + 1)
			if random.IntN(4) > 0 {
				in += fmt.Sprintf(`,"startDate":%q`, date(since))
			}
			if random.IntN(4) == 0 {
				in += fmt.Sprintf(`,"endDate":%q`, date(since+1+random.IntN(3)))
			}
			interests = append(interests, in+"}")
		}
		say(fmt.Sprint("r", p), "relationship", status, fmt.Sprintf(`"subject":"c","interestedParty":"p%d","interests":[%s]`, p, strings.Join(interests, ",")))
	}
	return all
}

// TestRegistersOfAllSorts go on from file to file as they do in one.
func TestRegistersOfAllSorts(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		all := register(random)
		g, store := ingesttest.NewGraph(t)
		run(t, issue(g, part("whole", all)))
		want := ingesttest.Claims(t, store)
		g, store = ingesttest.NewGraph(t)
		for from := 0; from < len(all); {
			to := min(len(all), from+1+random.IntN(8))
			run(t, issue(g, part("part", all[from:to])))
			from = to
		}
		if diff := kgtest.Diff(strings.Split(undated(want), "\n"), strings.Split(undated(ingesttest.Claims(t, store)), "\n")); diff != "" {
			t.Fatalf("seed %d (-whole +parts):\n%s\n%s", seed, diff, all)
		}
	}
}

// FuzzFollow looks for a file that a data set does not take for the same when it comes
// again, or that upsets what goes on from it.
func FuzzFollow(f *testing.F) {
	for _, name := range []string{"ferry.json", "mill.json", "lock.json", "quarry.jsonl"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte("[]"))
		f.Add(text, text[:len(text)/2])
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		g, store := ingesttest.NewGraph(t)
		imported := func(text []byte) bool {
			_, err := issue(g, ingesttest.File("fuzz", text)).Run(t.Context())
			if _, ok := errors.AsType[*ingest.Broken](err); err != nil && !ok {
				t.Fatal(err)
			}
			return err == nil
		}
		if !imported(first) {
			return
		}
		once := ingesttest.Claims(t, store)
		imported(first)
		if diff := kgtest.Diff(strings.Split(once, "\n"), strings.Split(ingesttest.Claims(t, store), "\n")); diff != "" {
			t.Errorf("the same file again changes (-once +twice):\n%s", diff)
		}
		imported(second)
	})
}
