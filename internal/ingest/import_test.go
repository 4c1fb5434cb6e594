package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// plain is a format of one draft a line, in words:
//
//	source ID
//	entity ID KIND NAME [SCHEME VALUE]…
//	call ID NAME
//	owns FROM TO STAKE [hint]
//	over LINE DRAFT
//	moment TIME
//
// Where a line says "broken", the file is.
var plain = ingest.Format{Name: "plain", History: true, Naming: true, Read: func(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		for line, err := range in.Lines() {
			if err != nil {
				yield(nil, err)
				return
			}
			at := in.At(line.Number)
			words := strings.Fields(string(line.Text))
			if words[0] == "broken" {
				yield(nil, ingest.Brokenf(at, "it is broken"))
				return
			}
			d := plainDraft(at, words)
			if d == nil {
				err = ingest.Problemf(at, "what is %q?", words[0])
			}
			if !yield(d, err) {
				return
			}
		}
	}
}}

func plainDraft(at ingest.Position, words []string) ingest.Draft {
	return citedDraft(at, words, ingest.Citation{Source: at.Text("memo"), Locator: "line " + fmt.Sprint(at.Line)})
}

func citedDraft(at ingest.Position, words []string, cites ...ingest.Citation) ingest.Draft {
	switch words[0] {
	case "source":
		return &ingest.Source{At: at, ID: at.Text(words[1]), Title: at.Text("Memo")}
	case "entity":
		e := &ingest.Entity{
			At: at, ID: at.Text(words[1]), Kind: at.Text(words[2]), Cites: cites,
			Names: []ingest.Name{{Text: at.Text(words[3]), Kind: at.Text("preferred")}},
		}
		for n := 4; n+1 < len(words); n += 2 {
			e.Identifiers = append(e.Identifiers, ingest.Identifier{Scheme: at.Text(words[n]), Value: at.Text(words[n+1])})
		}
		return e
	case "call":
		return &ingest.Naming{
			At: at, Of: at.Text(words[1]), Cites: cites, Reason: "nothing names it",
			Names: []ingest.Name{{Text: at.Text(words[2]), Kind: at.Text("preferred")}},
		}
	case "owns":
		r := &ingest.Relation{At: at, Type: at.Text("owns"), From: at.Text(words[1]), To: at.Text(words[2]), Stake: at.Text(words[3]), Cites: cites}
		if len(words) > 4 {
			r.FromHint = &ingest.Hint{Kind: at.Text("company"), Name: at.Text("Hinted " + words[1])}
		}
		return r
	case "moment":
		when, err := time.Parse(time.DateOnly, words[1])
		if err != nil {
			return nil
		}
		return &ingest.Moment{At: at, Time: when}
	case "over":
		line, err := strconv.Atoi(words[1])
		if err != nil {
			return nil
		}
		return &ingest.Retraction{At: at, Draft: plainDraft(ingest.Position{File: at.File, Line: line}, words[2:]), Reason: at.Text("no longer said")}
	}
	return nil
}

// files are files of lines.
func files(texts ...string) []ingest.File {
	var all []ingest.File
	for n, text := range texts {
		all = append(all, ingest.File{Name: fmt.Sprintf("f%d", n+1), Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}})
	}
	return all
}

// world is a graph at a standing clock.
type world struct {
	store kg.Store
	graph *kg.Graph
}

func newWorld() world {
	store := kgtest.NewModel()
	return world{store, kg.NewGraph(store, kg.Options{Now: func() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }})}
}

func (w world) load(t *testing.T, texts ...string) ingest.Report {
	t.Helper()
	i := &ingest.Import{Format: plain, Files: files(texts...), Graph: w.graph.Stream(), By: "test"}
	ingest.SetBatch(i, 3)
	report, err := i.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report.Took = 0
	return report
}

// relations lists the relations of the graph in words.
func (w world) relations(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, r := range kgtest.Everything(t, w.store) {
		if r, ok := r.(*kg.Relation); ok {
			all = append(all, fmt.Sprintf("%s %s %s", r.From, r.To, r.Stake))
		}
	}
	slices.Sort(all)
	return all
}

func TestEndsMayComeLater(t *testing.T) {
	w := newWorld()
	report := w.load(t,
		"source memo\nowns a b 40%\nowns c b 10% hint\nowns d b 5%\nowns x a 1%\nentity b company Bolt",
		"entity a company Acme\nowns x b 2% hint",
	)
	want := []string{"a b 40 %", "c b 10 %", "x a 1 %", "x b 2 %"}
	if diff := cmp.Diff(want, w.relations(t)); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	wanted := ingest.Report{
		Sources: 1, Entities: 2, Relations: 5, Made: 2, Recorded: ingest.RecordedNow, Applied: report.Applied,
		Dropped: ingest.Tally{Reasons: []ingest.Reason{{Reason: `no entity has the id "d"; did you mean a?`, Count: 1, First: []string{"f1:4"}}}},
	}
	wanted.Dropped.Reasons[0].Reason = report.Dropped.Reasons[0].Reason // what is near is another test's matter
	if diff := cmp.Diff(wanted, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	records, err := w.graph.Records(t.Context(), []kg.ID{"c"})
	if err != nil {
		t.Fatal(err)
	}
	if c := records[0].(*kg.Entity); c.Names[0].Text != "Hinted c" || c.Names[0].Kind != kg.NameAlias {
		t.Errorf("c is %v", c.Names)
	}
}

// TestNamings: what is no entity by itself gives its names to what something names,
// wherever it stands in the files, and to what the graph knows.
func TestNamings(t *testing.T) {
	w := newWorld()
	dropped := func(r ingest.Report) []string {
		var all []string
		for _, reason := range r.Dropped.Reasons {
			all = append(all, fmt.Sprintf("%s: %v", reason.Reason, reason.First))
		}
		return all
	}
	report := w.load(t, "source memo\ncall g Gamma\ncall x Xylon\nentity a company Acme\nowns g b 10% hint", "owns h b 20% hint\nentity b company Bolt\ncall h Hydra\ncall c Cee")
	if diff := cmp.Diff([]string{"nothing names it: [f1:3 f2:4]"}, dropped(report)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	want := []string{"a: Acme", "b: Bolt", "g b 10 %", "g: Gamma, Hinted g", "h b 20 %", "h: Hinted h, Hydra"}
	if diff := cmp.Diff(want, w.says(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	report = w.load(t, "call a Acmee\ncall y Ypsilon")
	if diff := cmp.Diff([]string{"nothing names it: [f1:2]"}, dropped(report)); diff != "" || report.Applied.Recorded != 1 {
		t.Errorf("later: %+v, dropped (-want +got):\n%s", report.Applied, diff)
	}
	// A trial says the same.
	trial := &ingest.Import{Format: plain, Files: files("source memo\ncall a Arche\ncall g2 Gamma\nowns g2 b 1% hint\ncall z Zed"), Graph: w.graph.Stream(), DryRun: true}
	report, err := trial.Run(t.Context())
	if diff := cmp.Diff([]string{"nothing names it: [f1:5]"}, dropped(report)); diff != "" || err != nil || report.Applied.Recorded != 5 {
		t.Errorf("trial: %v, %+v, dropped (-want +got):\n%s", err, report.Applied, diff)
	}
}

func TestImportingTwiceChangesNothing(t *testing.T) {
	w := newWorld()
	text := "source memo\nowns a b 40%\nowns c b 10% hint\nentity b company Bolt\nentity a company Acme\nover 5 entity a company Acme"
	first := w.load(t, text)
	before := kgtest.Everything(t, w.store)
	second := w.load(t, text)
	if diff := kgtest.Diff(before, kgtest.Everything(t, w.store)); diff != "" {
		t.Errorf("the second import changes (-before +after):\n%s", diff)
	}
	t.Log(w.relations(t), first)
	if second.Applied.Recorded != 0 || second.Applied.Known+second.Applied.Withheld != first.Applied.Recorded {
		t.Errorf("first %+v, second %+v", first.Applied, second.Applied)
	}
}

// TestWhatWasTakenBackStays: a person has found a claim of the file wrong.
func TestWhatWasTakenBackStays(t *testing.T) {
	w := newWorld()
	text := "source memo\nentity a company Acme\nentity b company Bolt\nowns a b 40%"
	w.load(t, text)
	for _, r := range kgtest.Everything(t, w.store) {
		if r, ok := r.(*kg.Relation); ok {
			if _, err := w.graph.Apply(t.Context(), kg.Write{Retractions: []kg.Retract{{ID: r.ID, Reason: "wrong"}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	report := w.load(t, text)
	if got := w.relations(t); len(got) > 0 || report.Applied.Withheld != 1 || report.Applied.Recorded != 0 {
		t.Errorf("relations %v, %+v", got, report.Applied)
	}
}

// TestRetractionsOfAFile: what a file itself takes back, in the same batch or a
// later one, and what was never recorded.
func TestRetractionsOfAFile(t *testing.T) {
	w := newWorld()
	report := w.load(t, strings.Join([]string{
		"source memo", "entity a company Acme", "entity b company Bolt",
		"owns a b 40%", "over 4 owns a b 40%", "owns a b 50%", "over 1 owns b a 3%",
	}, "\n"))
	if diff := cmp.Diff([]string{"a b 50 %"}, w.relations(t)); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	if report.Applied.Retracted != 1 || report.Retractions != 2 || report.Dropped.Count() != 0 {
		t.Errorf("report %+v", report)
	}
}

// TestABatchMayTakeSeveralWrites: what is taken back must have been recorded before,
// and what comes behind it in the batch is named already.
func TestABatchMayTakeSeveralWrites(t *testing.T) {
	w := newWorld()
	i := &ingest.Import{Format: plain, Graph: w.graph.Stream(), Files: files(strings.Join([]string{
		"source memo", "entity a company Acme", "owns a c 40%", "entity b company Bolt", "owns a b 10%", "over 5 owns a b 10%", "entity c company Cee",
		"over 7 entity c company Cee", "entity c company See",
	}, "\n"))}
	report, err := i.Run(t.Context())
	if err != nil || report.Dropped.Count() > 0 {
		t.Errorf("%v, dropped %+v", err, report.Dropped)
	}
	if diff := cmp.Diff([]string{"a c 40 %"}, w.relations(t)); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a: Acme", "b: Bolt", "c: See"}, w.says(t)[1:]); diff != "" {
		t.Errorf("entities (-want +got):\n%s", diff)
	}
}

// weighed is a graph that knows the largest write.
type weighed struct {
	*kg.Stream
	most int
}

func (g *weighed) Apply(ctx context.Context, w kg.Write) (kg.Applied, error) {
	g.most = max(g.most, len(w.Claims)+len(w.Retractions))
	return g.Stream.Apply(ctx, w)
}

// TestBatchesAreBounded by the claims that drafts become or take back, for all their
// citations.
func TestBatchesAreBounded(t *testing.T) {
	cited := ingest.Format{Name: "cited", Read: func(in ingest.Input) iter.Seq2[ingest.Draft, error] {
		return func(yield func(ingest.Draft, error) bool) {
			at := in.At(1)
			cites := []ingest.Citation{{Source: at.Text("memo"), Locator: "here"}, {Source: at.Text("memo"), Locator: "there"}}
			drafts := []ingest.Draft{citedDraft(at, []string{"source", "memo"})}
			for n := range 20 {
				name := fmt.Sprint("c", n)
				drafts = append(drafts, citedDraft(at, []string{"entity", name, "company", name, "x", name, "y", name}, cites...))
			}
			for _, d := range drafts[1:] {
				drafts = append(drafts, &ingest.Retraction{At: at, Draft: d, Reason: at.Text("no longer said")})
			}
			for _, d := range drafts {
				if !yield(d, nil) {
					return
				}
			}
		}
	}}
	g := &weighed{Stream: newWorld().graph.Stream()}
	i := &ingest.Import{Format: cited, Files: files("x"), Graph: g}
	ingest.SetBatch(i, 20)
	report, err := i.Run(t.Context())
	if err != nil || report.Applied.Recorded != 160 || report.Applied.Retracted != 160 {
		t.Errorf("%v, %+v", err, report)
	}
	if g.most > 20+8 { // a batch, and the draft that filled it
		t.Errorf("a write of %d", g.most)
	}
}

// TestStrongIdentifiersJoin: two ids that bear one LEI are one thing at once,
// whether they come in one batch, in several, or in another import.
func TestStrongIdentifiersJoin(t *testing.T) {
	lines := []string{
		"source memo", "entity z company Zed", "entity a company Acme lei 5493ABC", "owns z a 40%", "entity b company ACME lei 5493abc isin US1",
		"entity c company Acme! isin us1 wikidata Q7", "entity d company Dee ticker 5493ABC", "entity e person Ann lei 5493ABC", "owns b d 30%",
		"entity f company Eff wikidata q7",
	}
	want := []string{"a d 30 %", "z a 40 %"}
	for name, imports := range map[string][]string{
		"one import":      {strings.Join(lines, "\n")},
		"several imports": {strings.Join(lines[:4], "\n"), strings.Join(append([]string{lines[0]}, lines[4:]...), "\n")},
	} {
		t.Run(name, func(t *testing.T) {
			w, merged := newWorld(), 0
			for _, text := range imports {
				merged += w.load(t, text).Merged
			}
			if diff := cmp.Diff(want, w.relations(t)); diff != "" || merged != 3 {
				t.Errorf("%d merged, relations (-want +got):\n%s", merged, diff)
			}
			before := kgtest.Everything(t, w.store)
			for _, text := range imports {
				if again := w.load(t, text); again.Merged != 0 {
					t.Errorf("read again, %d are merged", again.Merged)
				}
			}
			if diff := kgtest.Diff(before, kgtest.Everything(t, w.store)); diff != "" {
				t.Errorf("reading it again changes (-before +after):\n%s", diff)
			}
		})
	}
}

// TestWhatWasToldApartStaysApart, by a split or beforehand.
func TestWhatWasToldApartStaysApart(t *testing.T) {
	w := newWorld()
	text := "source memo\nentity a company Acme lei X1\nentity b company Bolt lei X1"
	w.load(t, text)
	for _, r := range kgtest.Everything(t, w.store) {
		c, ok := r.(*kg.Claim)
		if !ok {
			continue
		}
		if _, ok := c.Statement.(*kg.SameStatement); ok {
			if _, err := w.graph.Apply(t.Context(), kg.Write{Retractions: []kg.Retract{{ID: c.ID, Reason: "a branch, not the company"}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if again := w.load(t, text); again.Merged != 0 || again.Applied.Recorded != 0 {
		t.Errorf("after a split: %+v", again)
	}
	told := kg.Write{Claims: []*kg.Claim{{Statement: &kg.DifferentStatement{Entity: "c", Other: "a"}, Source: "memo"}}}
	w.load(t, "source memo\nentity c company Cee")
	if _, err := w.graph.Apply(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	if again := w.load(t, "source memo\nentity c company Cee lei X1"); again.Merged != 1 {
		t.Errorf("told apart from a, and not from b: %+v", again)
	}
}

// TestHistoryOfTheSource: what a file with a history says is recorded when its
// source recorded it, where nothing later is in the graph.
func TestHistoryOfTheSource(t *testing.T) {
	text := strings.Join([]string{
		"moment 2020-01-01", "source memo", "entity a company Acme", "entity b company Bolt", "owns a b 40%",
		"moment 2021-01-01", "over 5 owns a b 40%", "owns a b 50%", "moment 2999-01-01", "owns b a 1%",
	}, "\n")
	late := "moment 2019-01-01\nsource memo\nentity c company Cee"
	known := func(w world) map[string]string {
		moments := make(map[string]string)
		for _, r := range kgtest.Everything(t, w.store) {
			c, ok := r.(*kg.Claim)
			if !ok {
				continue
			}
			if s, ok := c.Statement.(*kg.RelationStatement); ok {
				moments[s.Stake.String()] = c.Recorded.Format(time.DateOnly)
				if c.Retracted != nil {
					moments[s.Stake.String()] += " to " + c.Retracted.At.Format(time.DateOnly)
				}
			}
		}
		return moments
	}
	w := newWorld()
	report := w.load(t, text)
	want := map[string]string{"40 %": "2020-01-01 to 2021-01-01", "50 %": "2021-01-01", "1 %": "2024-01-01"}
	if diff := cmp.Diff(want, known(w)); diff != "" || report.Recorded != ingest.RecordedSource || report.Shifted != 1 {
		t.Errorf("%+v, recorded (-want +got):\n%s", report, diff)
	}
	before := kgtest.Everything(t, w.store)
	w.load(t, text)
	if diff := kgtest.Diff(before, kgtest.Everything(t, w.store)); diff != "" {
		t.Errorf("read again (-before +after):\n%s", diff)
	}
	if report := w.load(t, late); report.Recorded != ingest.RecordedNow {
		t.Errorf("an older history: %+v", report)
	}
	i := &ingest.Import{Format: plain, Files: files(late + "\nentity d company Dee"), Graph: w.graph.Stream(), Recorded: ingest.RecordedSource}
	if _, err := i.Run(t.Context()); !errors.Is(err, kg.ErrInvalid) || !strings.Contains(err.Error(), "the files begin on 2019-01-01, and the graph has changed on 2024-01-01") {
		t.Errorf("an older history all the same: %v", err)
	}
	w = newWorld()
	i = &ingest.Import{Format: plain, Files: files(text), Graph: w.graph.Stream(), Recorded: ingest.RecordedNow}
	if _, err := i.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want = map[string]string{"40 %": "2024-01-01 to 2024-01-01", "50 %": "2024-01-01", "1 %": "2024-01-01"}
	if diff := cmp.Diff(want, known(w)); diff != "" {
		t.Errorf("as of now (-want +got):\n%s", diff)
	}
}

// shared is a graph to which somebody else writes before every second write.
type shared struct {
	*kg.Stream
	other  func()
	writes int
}

func (g *shared) Apply(ctx context.Context, w kg.Write) (kg.Applied, error) {
	if g.writes++; g.writes%2 == 1 {
		g.other()
	}
	return g.Stream.Apply(ctx, w)
}

// TestHistoryBesideOtherWrites: what somebody writes while a batch is on its way is
// newer than that.
func TestHistoryBesideOtherWrites(t *testing.T) {
	others := 0
	store := kgtest.NewModel()
	w := world{store, kg.NewGraph(store, kg.Options{Now: func() time.Time { return time.Date(2024, 1, 1, 0, 0, others, 0, time.UTC) }})}
	i := &ingest.Import{Format: plain, Files: files("moment 2020-01-01\nsource memo\nentity a company Acme\nmoment 2021-01-01\nentity b company Bolt\nowns a b 40%")}
	i.Graph = &shared{Stream: w.graph.Stream(), other: func() {
		others++
		if _, err := w.graph.Apply(t.Context(), kg.Write{Sources: []*kg.Source{{ID: "other", Title: fmt.Sprint(others)}}}); err != nil {
			t.Error(err)
		}
	}}
	report, err := i.Run(t.Context())
	if err != nil || report.Recorded != ingest.RecordedSource || report.Shifted != 5 {
		t.Errorf("%v, %+v", err, report)
	}
	if diff := cmp.Diff([]string{"a b 40 %"}, w.relations(t)); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
}

func TestBadRecordsAreDropped(t *testing.T) {
	w := newWorld()
	report := w.load(t, strings.Join([]string{
		"source memo", "entity a company Acme", "entity b company Bolt", "entity a person Ann",
		"owns a b lots", "owns a b many", "nonsense", "entity c planet Cee", "entity ... company ...", "owns a b 7%",
	}, "\n"))
	if diff := cmp.Diff([]string{"a b 7 %"}, w.relations(t)); diff != "" {
		t.Errorf("relations (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for _, r := range report.Dropped.Reasons {
		got[strings.Join(r.First, " ")] = fmt.Sprint(r.Count, " ", r.Reason)
	}
	for place, want := range map[string]string{
		"f1:4":      "1 a is a COMPANY and cannot become a PERSON",
		"f1:5 f1:6": `2 "lots" is not a share`,
		"f1:7":      `1 what is "nonsense"?`,
		"f1:8":      `1 "planet" is not a kind of entity`,
	} {
		if !strings.HasPrefix(got[place], want) {
			t.Errorf("%s: %q; want %q…", place, got[place], want)
		}
	}
}

// TestBrokenFilesCostNothing: whatever came before in the file or in others.
func TestBrokenFilesCostNothing(t *testing.T) {
	w := newWorld()
	good := "source memo\nentity a company Acme"
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"broken at the end":     {[]string{good, good + "\nbroken"}, "f2:3: it is broken"},
		"Latin-1":               {[]string{good, good + "\nentity b company M\xfcller"}, "f2:3: the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"},
		"empty":                 {[]string{""}, "f1:1: the file is empty"},
		"nothing of it good":    {[]string{"<xml>\n<more>"}, `f1:1: nothing in the file can be read as plain; the first record because: what is "<xml>"?`},
		"one of two is nothing": {[]string{good, "<xml>\n<more>"}, `f2:1: nothing in the file can be read as plain; the first record because: what is "<xml>"?`},
	} {
		t.Run(name, func(t *testing.T) {
			i := &ingest.Import{Format: plain, Files: files(c.texts...), Graph: w.graph.Stream()}
			_, err := i.Run(t.Context())
			if broken, ok := errors.AsType[*ingest.Broken](err); !ok || broken.Error() != c.want {
				t.Errorf("ends in %v; want %s", err, c.want)
			}
			if all := kgtest.Everything(t, w.store); len(all) > 0 {
				t.Errorf("the graph holds %v", all)
			}
		})
	}
}

func TestDryRun(t *testing.T) {
	w := newWorld()
	w.load(t, "source memo\nentity a company Acme")
	before := len(kgtest.Everything(t, w.store))
	i := &ingest.Import{Format: plain, Files: files("source memo\nentity a company Acme\nentity b company Bolt\nowns a b 7%\nowns a b lots\nnonsense"), Graph: w.graph.Stream(), DryRun: true}
	report, err := i.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Read() != 5 || report.Applied.Recorded != 3 || report.Applied.Known != 2 || report.Dropped.Count() != 2 || len(kgtest.Everything(t, w.store)) != before {
		t.Errorf("%+v", report)
	}
}

// TestDryRunForesees: a dry run tells what the import then does, in whatever order
// the files name and describe things.
func TestDryRunForesees(t *testing.T) {
	for name, texts := range map[string][]string{
		"an end that nobody describes":     {"source memo", "entity a company Acme", "owns a nobody 7%", "owns nobody a 7%"},
		"an end that is described later":   {"source memo", "owns a b 7%", "entity a company Acme", "entity b company Bolt"},
		"an end in another file":           {"source memo\nowns a b 7%\nentity a company Acme", "entity b company Bolt\nowns b c 8%"},
		"an end that another draft hints":  {"source memo", "entity a company Acme", "owns a h 9%", "owns h a 7% hint", "owns h a 8% hint"},
		"an end that is there":             {"entity a company Acme", "owns here a 7%", "owns a gone 7%"},
		"a hint of what is there":          {"entity a company Acme", "owns here a 7% hint"},
		"a hint of what is described":      {"source memo", "owns a b 7% hint", "entity a company Acme", "entity b company Bolt"},
		"one draft with two missing ends":  {"source memo", "owns x y 7%"},
		"what is hinted by what is broken": {"source memo", "owns a nobody 7% hint"},
	} {
		t.Run(name, func(t *testing.T) {
			if len(texts) == 1 || !strings.Contains(texts[0], "\n") {
				texts = []string{strings.Join(texts, "\n")}
			}
			w := newWorld()
			if strings.Contains(texts[0], "here") {
				w.load(t, "source memo\nentity here company Here")
			}
			var reports []ingest.Report
			for _, dry := range []bool{true, false} {
				i := &ingest.Import{Format: plain, Files: files(texts...), Graph: w.graph.Stream(), DryRun: dry}
				r, err := i.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				reports = append(reports, r)
			}
			foreseen, done := reports[0], reports[1]
			if foreseen.Applied.Recorded != done.Applied.Recorded || foreseen.Applied.Known != done.Applied.Known || foreseen.Made != done.Made || foreseen.Read() != done.Read() {
				t.Errorf("foreseen %+v\ndone %+v", foreseen, done)
			}
			if diff := cmp.Diff(places(done.Dropped), places(foreseen.Dropped)); diff != "" {
				t.Errorf("dropped (-done +foreseen):\n%s", diff)
			}
		})
	}
}

// places lists where and how often things were dropped: what to suggest instead is
// known better when all is there.
func places(t ingest.Tally) []string {
	var list []string
	for _, r := range t.Reasons {
		said, _, _ := strings.Cut(r.Reason, ";")
		list = append(list, fmt.Sprint(said, " ", r.Count, " ", r.First))
	}
	slices.Sort(list)
	return list
}

// TestResume: an import that is interrupted ten times and goes on each time
// leaves the same records and the same changes as one that is not.
func TestResume(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 0))
		texts := []string{"source memo", "source memo"}
		for range 120 {
			a, b := random.IntN(30), random.IntN(30)
			texts[random.IntN(2)] += [...]string{
				fmt.Sprintf("\nentity e%d company E%d", a, a),
				fmt.Sprintf("\nowns e%d e%d %d%%", a, b, random.IntN(50)),
				fmt.Sprintf("\nowns e%d e%d 1%% hint", a, b),
				"\nnonsense",
			}[random.IntN(4)]
		}
		whole, parts := newWorld(), newWorld()
		want := whole.load(t, texts...)
		var steps []ingest.Step
		cuts := 0
		for {
			i := &ingest.Import{
				Format: plain, Files: files(texts...), By: "test", Resume: slices.Clone(steps),
				Graph: &kgtest.PowerCut{Stream: parts.graph.Stream(), Writes: 1 + random.IntN(8)},
				Note:  func(s ingest.Step) error { steps = append(steps, s); return nil },
			}
			if cuts == 10 {
				i.Graph = parts.graph.Stream()
			}
			ingest.SetBatch(i, 3)
			got, err := i.Run(t.Context())
			if err == nil {

				if diff := cmp.Diff(want.Dropped, got.Dropped); diff != "" {
					t.Errorf("seed %d: dropped (-whole +resumed):\n%s", seed, diff)
				}
				break
			}
			if !errors.Is(err, kgtest.ErrPower) {
				t.Fatal(err)
			}
			cuts++
		}
		if diff := kgtest.Diff(kgtest.Everything(t, whole.store), kgtest.Everything(t, parts.store)); diff != "" {
			t.Fatalf("seed %d, %d cuts (-whole +resumed):\n%s", seed, cuts, diff)
		}
	}
}

// TestCancelledImportSaysSo, and leaves a beginning of the files that is durable.
func TestCancelledImportSaysSo(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	text := "source memo\nentity a company Acme"
	for n := range 100 {
		text += fmt.Sprintf("\nentity a%d company A%d", n, n)
	}
	i := &ingest.Import{Format: plain, Files: files(text), Graph: w.graph.Stream(), Note: func(s ingest.Step) error {
		if s.Done > 50 {
			cancel()
		}
		return nil
	}}
	ingest.SetBatch(i, 3)
	report, err := i.Run(ctx)
	if !errors.Is(err, context.Canceled) || report.Entities == 0 || report.Entities > 60 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestProgressInJSON: clients over HTTP read the words.
func TestProgressInJSON(t *testing.T) {
	p := ingest.Progress{Phase: ingest.Recalling, Records: 1, Of: 2, Bytes: 3, OfBytes: 4}
	text, err := json.Marshal(p)
	if want := `{"phase":"recalling","records":1,"of":2,"bytes":3,"ofBytes":4}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v; want %s", text, err, want)
	}
	var back ingest.Progress
	if err := json.Unmarshal(text, &back); err != nil || back != p {
		t.Errorf("read back: %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"phase":"resting"}`), &back); err == nil {
		t.Error("a phase that there is not is read")
	}
}
