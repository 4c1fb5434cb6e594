package ingest_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// ledger is a format of one record a line: its id and a draft of [plain], or
// "gone".
var ledger = ingest.Format{Name: "ledger", Naming: true, Record: func(locator string) string { return locator }, Read: func(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		head := in.At(1)
		source := head.Text(ingest.NewID("ledger", in.Issue(in.Base())))
		if !yield(&ingest.Source{At: head, ID: source, Title: head.Text("Ledger")}, nil) {
			return
		}
		for line, err := range in.Lines() {
			if err != nil {
				yield(nil, err)
				return
			}
			at := in.At(line.Number)
			words := strings.Fields(string(line.Text))
			if in.Dataset != "" && !yield(&ingest.Record{At: at, Source: source, Locator: words[0]}, nil) {
				return
			}
			if words[1] == "gone" {
				continue
			}
			d := citedDraft(at, words[1:], ingest.Citation{Source: source, Locator: words[0]})
			if d == nil {
				err = ingest.Problemf(at, "what is %q?", words[1])
			}
			if !yield(d, err) {
				return
			}
		}
	}
}}

// issue returns an import of lines of a ledger.
func (w world) issue(lines ...string) *ingest.Import {
	i := &ingest.Import{Format: ledger, Files: files(strings.Join(lines, "\n")), Graph: w.graph.Stream(), By: "test", Dataset: "d"}
	ingest.SetBatch(i, 3)
	return i
}

// says lists what stands in the graph: who is called what, and who owns what.
func (w world) says(t *testing.T) []string {
	t.Helper()
	all := w.relations(t)
	for _, r := range kgtest.Everything(t, w.store) {
		if e, ok := r.(*kg.Entity); ok {
			var names []string
			for _, n := range e.Names {
				names = append(names, n.Text)
			}
			slices.Sort(names)
			all = append(all, fmt.Sprintf("%s: %s", e.ID, strings.Join(names, ", ")))
		}
	}
	slices.Sort(all)
	return all
}

func run(t *testing.T, i *ingest.Import) ingest.Report {
	t.Helper()
	report, err := i.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

var firstIssue = []string{
	"1 entity a company Acme lei X1", "2 entity b company Bolt", "3 owns a b 40%", "4 owns h b 10% hint", "5 entity c company Cee lei X1", "6 owns c b 3%",
}

func TestIssuesOfADataset(t *testing.T) {
	for name, c := range map[string]struct {
		issue    []string
		complete bool
		want     []string
		outdated int
		dropped  []string
	}{
		"the same": {
			firstIssue, true,
			[]string{"a b 3 %", "a b 40 %", "a: Acme, Cee", "b: Bolt", "h b 10 %", "h: Hinted h"},
			0, nil,
		},
		"part of it": {
			firstIssue[1:2], false,
			[]string{"a b 3 %", "a b 40 %", "a: Acme, Cee", "b: Bolt", "h b 10 %", "h: Hinted h"},
			0, nil,
		},
		"another name, another stake": {
			[]string{"2 entity b company Bold", "3 owns a b 41%"},
			false,
			[]string{"a b 3 %", "a b 41 %", "a: Acme, Cee", "b: Bold", "h b 10 %", "h: Hinted h"},
			2, nil,
		},
		"deleted relations": {
			[]string{"3 gone", "4 gone"},
			false,
			[]string{"a b 3 %", "a: Acme, Cee", "b: Bolt"},
			4, nil, // with the existence and the name of h
		},
		"a deleted entity of which others speak": {
			[]string{"2 gone", "3 gone"},
			false,
			[]string{"a b 3 %", "a: Acme, Cee", "b: Bolt", "h b 10 %", "h: Hinted h"},
			1,
			[]string{"is gone from the data set, and what it said stays: 2 claims still speak of b (such as"},
		},
		"an identifier that was wrong": {
			[]string{"5 entity c company Cee lei X2"},
			false,
			[]string{"a b 40 %", "a: Acme", "b: Bolt", "c b 3 %", "c: Cee", "h b 10 %", "h: Hinted h"},
			2, nil,
		},
		"a record that cannot be read any more": {
			[]string{"3 nonsense", "2 entity b company Bolt"},
			false,
			[]string{"a b 3 %", "a: Acme, Cee", "b: Bolt", "h b 10 %", "h: Hinted h"},
			1,
			[]string{`what is "nonsense"?`},
		},
		"all that is left": {
			[]string{"2 entity b company Bolt", "4 owns h b 10% hint"},
			true,
			[]string{"b: Bolt", "h b 10 %", "h: Hinted h"},
			9, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			run(t, w.issue(firstIssue...))
			before := kgtest.Everything(t, w.store)
			dry := w.issue(c.issue...)
			dry.DryRun, dry.Complete = true, c.complete
			foreseen := run(t, dry)
			if diff := kgtest.Diff(before, kgtest.Everything(t, w.store)); diff != "" {
				t.Errorf("the dry run changes (-before +after):\n%s", diff)
			}
			i := w.issue(c.issue...)
			i.Complete = c.complete
			report := run(t, i)
			if diff := cmp.Diff(c.want, w.says(t)); diff != "" {
				t.Errorf("the graph says (-want +got):\n%s", diff)
			}
			if report.Outdated != c.outdated || report.Applied.Retracted != c.outdated {
				t.Errorf("%d outdated, %d taken back; want %d", report.Outdated, report.Applied.Retracted, c.outdated)
			}
			if len(c.dropped) == 0 && foreseen.Outdated != report.Outdated {
				t.Errorf("a dry run foresaw %d", foreseen.Outdated)
			}
			if len(report.Dropped.Reasons) != len(c.dropped) || len(c.dropped) > 0 && !strings.HasPrefix(report.Dropped.Reasons[0].Reason, c.dropped[0]) {
				t.Errorf("dropped %+v", report.Dropped)
			}
			after := kgtest.Everything(t, w.store)
			again := w.issue(c.issue...)
			again.Complete = c.complete
			if report := run(t, again); report.Applied.Recorded+report.Outdated != 0 {
				t.Errorf("read again: %+v", report)
			}
			if diff := kgtest.Diff(after, kgtest.Everything(t, w.store)); diff != "" {
				t.Errorf("reading it again changes (-before +after):\n%s", diff)
			}
		})
	}
}

// TestWhatComesBackToADataset is recorded again; what a person has taken back is
// not, nor is what other sources say touched.
func TestWhatComesBackToADataset(t *testing.T) {
	w := newWorld()
	w.load(t, "source memo\nentity m company Memo\nentity n company Nemo\nowns m n 1%")
	run(t, w.issue(firstIssue...))
	want := w.says(t)
	all := w.issue("2 gone")
	all.Complete = true
	run(t, all)
	if diff := cmp.Diff([]string{"m n 1 %", "m: Memo", "n: Nemo"}, w.says(t)); diff != "" {
		t.Errorf("all gone (-want +got):\n%s", diff)
	}
	if report := run(t, w.issue(firstIssue...)); report.Applied.Withheld != 0 {
		t.Errorf("come back: %+v", report)
	}
	if diff := cmp.Diff(want, w.says(t)); diff != "" {
		t.Errorf("come back (-want +got):\n%s", diff)
	}
	for _, r := range kgtest.Everything(t, w.store) {
		if r, ok := r.(*kg.Relation); ok && r.From == "h" {
			if _, err := w.graph.Apply(t.Context(), kg.Write{Retractions: []kg.Retract{{ID: r.ID, Reason: "wrong"}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if report := run(t, w.issue(firstIssue...)); report.Applied.Withheld != 1 || report.Applied.Recorded != 0 {
		t.Errorf("found wrong: %+v", report)
	}
}

// TestNamesComeAndGoWithTheEntity: what is no entity by itself bears its names as long
// as something names it, in whatever issue.
func TestNamesComeAndGoWithTheEntity(t *testing.T) {
	w := newWorld()
	first := []string{"1 call h Hydra", "2 owns h b 10% hint", "3 entity b company Bolt", "4 call x Xylon"}
	for _, c := range []struct {
		what     string
		issue    []string
		complete bool
		want     []string
		outdated int
	}{
		{"named", first, true, []string{"b: Bolt", "h b 10 %", "h: Hinted h, Hydra"}, 0},
		{"the same", first, true, []string{"b: Bolt", "h b 10 %", "h: Hinted h, Hydra"}, 0},
		{"called otherwise, and named elsewhere", []string{"1 call h Hyra"}, false, []string{"b: Bolt", "h b 10 %", "h: Hinted h, Hyra"}, 1},
		{"named no longer", []string{"1 call h Hyra", "2 gone", "3 entity b company Bolt"}, false, []string{"b: Bolt"}, 4},
		{"named again", first, true, []string{"b: Bolt", "h b 10 %", "h: Hinted h, Hydra"}, 0},
	} {
		i := w.issue(c.issue...)
		i.Complete = c.complete
		report := run(t, i)
		if diff := cmp.Diff(c.want, w.says(t)); diff != "" || report.Outdated != c.outdated {
			t.Errorf("%s: %d outdated, want %d (-want +got):\n%s", c.what, report.Outdated, c.outdated, diff)
		}
	}
}

// TestInterruptedIssue: an issue that is interrupted wherever it may be, and goes on,
// leaves the same records and the same changes as one that is not.
func TestInterruptedIssue(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 1))
		issue := func() []string {
			records := make(map[string]string)
			for range 60 {
				a, b, key := random.IntN(20), random.IntN(20), random.IntN(40)
				records[fmt.Sprint("e", a)] = fmt.Sprintf("e%d entity e%d company E%d%d lei L%d", a, a, a, random.IntN(3), random.IntN(30))
				records[fmt.Sprint("o", key)] = fmt.Sprintf("o%d owns e%d e%d %d%% hint", key, a, b, 1+random.IntN(50))
				records[fmt.Sprint("h", key)] = fmt.Sprintf("h%d owns h%d e%d %d%% hint", key, b, a, 1+random.IntN(50))
				records[fmt.Sprint("n", b)] = fmt.Sprintf("n%d call h%d H%d", b, b, random.IntN(3))
			}
			lines := slices.Sorted(maps.Values(records))
			random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			return lines
		}
		whole, parts := newWorld(), newWorld()
		first, second := issue(), issue()
		for _, w := range []world{whole, parts} {
			run(t, w.issue(first...))
		}
		i := whole.issue(second...)
		i.Complete = seed%2 == 0
		want := run(t, i)
		if want.Outdated == 0 {
			t.Errorf("seed %d: nothing was taken back", seed)
		}
		var steps []ingest.Step
		for cuts := 0; ; cuts++ {
			i := parts.issue(second...)
			i.Complete = seed%2 == 0
			i.Resume = slices.Clone(steps)
			i.Note = func(s ingest.Step) error { steps = append(steps, s); return nil }
			if cuts < 30 {
				i.Graph = &kgtest.PowerCut{Stream: parts.graph.Stream(), Writes: 1 + random.IntN(12)}
			}
			got, err := i.Run(t.Context())
			if err == nil {
				if diff := cmp.Diff([]any{want.Outdated, want.Dropped}, []any{got.Outdated, got.Dropped}); diff != "" {
					t.Errorf("seed %d, %d cuts: outdated and dropped (-whole +resumed):\n%s", seed, cuts, diff)
				}
				break
			}
			if !errors.Is(err, kgtest.ErrPower) {
				t.Fatal(err)
			}
		}
		if diff := kgtest.Diff(kgtest.Everything(t, whole.store), kgtest.Everything(t, parts.store)); diff != "" {
			t.Fatalf("seed %d (-whole +resumed):\n%s", seed, diff)
		}
	}
}

func TestWhatCannotBeADataset(t *testing.T) {
	for name, c := range map[string]struct {
		format   ingest.Format
		dataset  string
		complete bool
		want     string
	}{
		"no ids":             {plain, "d", false, "the records of plain have no ids that stay the same from file to file, so its files cannot be issues of a data set"},
		"complete, of what?": {ledger, "", true, "files can be complete for a data set only; name it (--dataset NAME)"},
		"no name":            {ledger, "a/b", false, `"a/b" cannot be the name of a data set: expected 1 to 64 letters, digits, dots, hyphens and underscores`},
	} {
		t.Run(name, func(t *testing.T) {
			i := &ingest.Import{Format: c.format, Files: files("1 gone"), Graph: newWorld().graph.Stream(), Dataset: c.dataset, Complete: c.complete}
			_, err := i.Run(t.Context())
			if invalid, ok := errors.AsType[*kg.InvalidError](err); !ok || invalid.Reason != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
