package jsonl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/ingest/jsonl"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
	"keiretsu/seeds"
)

const head = `{"keiretsu":{"format":"keiretsu-jsonl","version":1}}` + "\n"

func newGraph() (*kg.Graph, kg.Store) {
	store := kgtest.NewModel()
	return kg.NewGraph(store, kg.Options{Now: func() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }}), store
}

func export(t *testing.T, store kg.Store) (string, jsonl.Written) {
	t.Helper()
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var text bytes.Buffer
	written, err := jsonl.Write(t.Context(), snap, &text)
	if err != nil {
		t.Fatal(err)
	}
	return text.String(), written
}

func load(t *testing.T, g *kg.Graph, text string) ingest.Report {
	t.Helper()
	i := &ingest.Import{Format: jsonl.Format, Graph: g.Stream(), Files: []ingest.File{{Name: "f.jsonl", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}}}
	report, err := i.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestThereAndBack: what is written of the demo facts, read into an empty graph
// and written again is the same to the byte.
func TestThereAndBack(t *testing.T) {
	g, store := newGraph()
	if _, err := ingest.Load(t.Context(), g, factfile.Read(seeds.Files)); err != nil {
		t.Fatal(err)
	}
	first, written := export(t, store)
	other, copied := newGraph()
	report := load(t, other, first)
	second, _ := export(t, copied)
	if first != second {
		t.Errorf("the second export differs (-first +second):\n%s", cmp.Diff(strings.Split(first, "\n"), strings.Split(second, "\n")))
	}
	if report.Claims != written.Claims || report.Sources != written.Sources || report.Metrics != written.Metrics || report.Conflicts != written.Conflicts || report.Dropped.Count() != 0 {
		t.Errorf("written %+v, read %+v", written, report)
	}
	if again := load(t, other, first); again.Applied.Recorded != 0 || again.Applied.Known != written.Claims {
		t.Errorf("read again: %+v", again.Applied)
	}
}

// TestEveryStatement: each sample of what can be said comes back as it was.
func TestEveryStatement(t *testing.T) {
	for _, r := range kgtest.OneOfEverything() {
		c, ok := r.(*kg.Claim)
		if !ok {
			continue
		}
		want := &kg.Claim{Statement: c.Statement, Source: c.Source, Locator: c.Locator, AttributedTo: c.AttributedTo, Note: c.Note}
		text, err := jsonl.Line(want)
		if err != nil {
			t.Errorf("%T: %v", c.Statement, err)
			continue
		}
		var got []*kg.Claim
		for d, err := range jsonl.Read(ingest.Input{Name: "f", Reader: strings.NewReader(head + text)}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d.(*ingest.Claims).Claims...)
		}
		if diff := kgtest.Diff([]*kg.Claim{want}, got); diff != "" {
			t.Errorf("%s (-said +read):\n%s", text, diff)
		}
	}
}

// TestTakenBackIsLeftOut: the export before something is said and after it has
// been taken back is the same.
func TestTakenBackIsLeftOut(t *testing.T) {
	g, store := newGraph()
	load(t, g, head+`{"source":{"id":"memo","title":"Memo"}}
{"claim":{"entity":{"id":"a","kind":"COMPANY"},"source":"memo"}}
{"claim":{"name":{"of":"a","text":"Acme","kind":"PREFERRED"},"source":"memo"}}`)
	before, _ := export(t, store)
	nick := &kg.Claim{Statement: &kg.NameStatement{Entity: "a", Text: "Ac", Kind: kg.NameAlias}, Source: "memo"}
	for _, w := range []kg.Write{{Claims: []*kg.Claim{nick}}, {Retractions: []kg.Retract{{ID: nick.ContentID(), Reason: "wrong"}}}} {
		if _, err := g.Apply(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	after, written := export(t, store)
	if before != after || written.TakenBack != 1 {
		t.Errorf("before:\n%safter:\n%s%+v", before, after, written)
	}
	if losses := (jsonl.Written{}).Losses(); len(losses) != 2 {
		t.Errorf("of a graph of which nothing was taken back: %v", losses)
	}
	if losses := strings.Join(written.Losses(), "\n"); !strings.Contains(losses, "(1)") {
		t.Errorf("losses:\n%s", losses)
	}
}

// problemsOf reads a file and lists what is wrong with it.
func problemsOf(text string) (list []string, broken bool) {
	for _, err := range jsonl.Read(ingest.Input{Name: "f", Reader: strings.NewReader(text)}) {
		if err != nil {
			list = append(list, err.Error())
			var b *ingest.Broken
			broken = errors.As(err, &b)
		}
	}
	return list, broken
}

func TestWhatIsWrongWithALine(t *testing.T) {
	for text, want := range map[string]string{
		`{"claim":`: "the line is not one JSON object",
		`[1]`:       " cannot be a array",
		`{"claim":{"entity":{"id":"a","kind":"COMPANY"},"source":"m"}} {}`:                              "more than one object stands in the line",
		`{"claim":{"entity":{"id":"a","kind":"PLANET"},"source":"m"}}`:                                  `kind: "PLANET" is not a known kind of entity`,
		`{"claim":{"entity":{"id":"a","kind":"COMPANY"}}}`:                                              "a claim needs a source",
		`{"claim":{"source":"m"}}`:                                                                      "a claim says exactly one thing",
		`{"claim":{"entity":{"id":7,"kind":"COMPANY"},"source":"m"}}`:                                   "claim.entity.id cannot be a number",
		`{"claim":{"colour":"red","source":"m"}}`:                                                       `unknown field "colour"`,
		`{"claim":{"figure":{"of":"a","metric":"users","unit":"people"},"source":"m"}}`:                 "a figure needs a value or a date",
		`{"claim":{"relation":{"type":"OWNS","from":"a","to":"b","start":"soon"},"source":"m"}}`:        `start: "soon"`,
		`{"source":{"id":"a","title":"A"},"metric":{"name":"b","definition":"B","unit":"people"}}`:      "a line holds exactly one",
		`{"source":{"id":"a","title":"A"},"claim":{"entity":{"id":"a","kind":"COMPANY"},"source":"m"}}`: "a line holds exactly one",
		`{}`: "a line holds exactly one",
		`{"keiretsu":{"format":"keiretsu-jsonl","version":1}}`: "the header stands in the first line alone",
	} {
		list, broken := problemsOf(head + text + "\n")
		if len(list) != 1 || !strings.HasPrefix(list[0], "f:2: ") || !strings.Contains(list[0], want) || broken {
			t.Errorf("%s: %q (broken: %t); want %q", text, list, broken, want)
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"cut off":         {head + `{"source":{"id":"memo","tit`, "f:2: the file ends in the middle of a record: it has been cut off"},
		"another format":  {"id,name\n1,Acme\n", `f:1: this is no jsonl file of Keiretsu: the first line of one is {"keiretsu":{"format":"keiretsu-jsonl","version":1}}`},
		"other JSON":      {`{"id":"a","schema":"Company"}` + "\n", "f:1: this is no jsonl file of Keiretsu"},
		"a later version": {`{"keiretsu":{"format":"keiretsu-jsonl","version":9}}` + "\n", "f:1: the file is of version 9 of the format, and this program knows 1; use a newer one"},
		"who is who":      {`{"keiretsu":{"format":"keiretsu-jsonl","version":1,"identities":"guessed"}}` + "\n", `f:1: identities: "guessed": expected "stated", or nothing`},
		"empty":           {"", "f:1: the file is empty"},
		"Latin-1":         {head + "{\"source\":{\"id\":\"m\",\"title\":\"M\xfcller\"}}\n", "f:2: the line is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			if list, broken := problemsOf(c.text); len(list) != 1 || !broken || !strings.HasPrefix(list[0], c.want) {
				t.Errorf("%q (broken: %t); want %q", list, broken, c.want)
			}
		})
	}
}

// FuzzRead: whatever stands in a file, what is read of it can be written, and
// reads the same again.
func FuzzRead(f *testing.F) {
	for _, r := range kgtest.OneOfEverything() {
		if c, ok := r.(*kg.Claim); ok {
			text, err := jsonl.Line(c)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add(`{"conflict":{"about":"a","predicate":"founded","kind":"APPARENT","positions":[{"value":"1999","citations":[{"source":"m"}]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for d, err := range jsonl.Read(ingest.Input{Name: "f", Reader: strings.NewReader(head + text)}) {
			claims, ok := d.(*ingest.Claims)
			if err != nil || !ok {
				continue
			}
			for _, c := range claims.Claims {
				if c.Check() != nil {
					continue // Apply would refuse it
				}
				first, err := jsonl.Line(c)
				if err != nil {
					t.Fatal(err)
				}
				for d, err := range jsonl.Read(ingest.Input{Name: "f", Reader: strings.NewReader(head + first)}) {
					if err != nil {
						t.Fatalf("%s: %v", first, err)
					}
					if second, err := jsonl.Line(d.(*ingest.Claims).Claims[0]); err != nil || second != first {
						t.Errorf("%s reads as %s, %v", first, second, err)
					}
				}
			}
		}
	})
}

// TestMergedEntities: who is the same as whom is written and read like everything
// else, and once it is taken back the export is as it was before.
func TestMergedEntities(t *testing.T) {
	g, store := newGraph()
	if _, err := ingest.Load(t.Context(), g, factfile.Read(seeds.Files)); err != nil {
		t.Fatal(err)
	}
	apart, _ := export(t, store)
	judge := func(s kg.Statement) kg.ID {
		applied, err := g.Apply(t.Context(), kg.Write{Claims: []*kg.Claim{{Statement: s, Source: "doc-000"}}})
		if err != nil {
			t.Fatal(err)
		}
		return applied.Claims[0]
	}
	var judgements []kg.ID
	companies, err := storeEntities(t, store, kg.KindCompany)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 12; i += 2 {
		judgements = append(judgements, judge(&kg.SameStatement{Entity: companies[i], As: companies[0]}))
	}
	judgements = append(judgements, judge(&kg.DifferentStatement{Entity: companies[2], Other: companies[0]}))
	merged, _ := export(t, store)
	if merged == apart {
		t.Fatal("the judgements are not in the export")
	}
	other, copied := newGraph()
	load(t, other, merged)
	if again, _ := export(t, copied); again != merged {
		t.Errorf("the second export differs (-first +second):\n%s", cmp.Diff(strings.Split(merged, "\n"), strings.Split(again, "\n")))
	}
	for _, id := range judgements {
		if _, err := g.Apply(t.Context(), kg.Write{Retractions: []kg.Retract{{ID: id, Reason: "two"}}}); err != nil {
			t.Fatal(err)
		}
	}
	if again, _ := export(t, store); again != apart {
		t.Errorf("split again (-before +after):\n%s", cmp.Diff(strings.Split(apart, "\n"), strings.Split(again, "\n")))
	}
}

// TestJudgementsLeaveNoTrace: what is judged under the graph's own source, as the
// API does it, is written with that source, and once it is taken back neither is.
func TestJudgementsLeaveNoTrace(t *testing.T) {
	g, store := newGraph()
	load(t, g, head+twins(2, 0))
	before, _ := export(t, store)
	same := &kg.Claim{Statement: &kg.SameStatement{Entity: "a0", As: "a1"}, Source: kg.JudgementSource, Note: "I know"}
	if _, err := g.Apply(t.Context(), kg.Write{Sources: []*kg.Source{kg.NewJudgementSource()}, Claims: []*kg.Claim{same}}); err != nil {
		t.Fatal(err)
	}
	judged, _ := export(t, store)
	other, copied := newGraph()
	if report := load(t, other, judged); report.Dropped.Count() != 0 {
		t.Errorf("read: %+v", report.Dropped)
	}
	if again, _ := export(t, copied); again != judged || !strings.Contains(judged, `"source":{"id":"judgements"`) {
		t.Errorf("the second export differs (-first +second):\n%s", cmp.Diff(strings.Split(judged, "\n"), strings.Split(again, "\n")))
	}
	if _, err := g.Apply(t.Context(), kg.Write{Retractions: []kg.Retract{{ID: same.ContentID(), Reason: "I do not"}}}); err != nil {
		t.Fatal(err)
	}
	if after, _ := export(t, store); after != before {
		t.Errorf("-before +after:\n%s", cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")))
	}
}

// twins are lines about pairs of companies, a0 and b0 and so on, of which both bear
// one LEI, and so many other names; all of the first come first.
func twins(pairs, names int) string {
	var b strings.Builder
	b.WriteString(`{"source":{"id":"memo","title":"Memo"}}` + "\n")
	for _, name := range []string{"a", "b"} {
		for n := range pairs {
			fmt.Fprintf(&b, `{"claim":{"entity":{"id":"%[1]s%[2]d","kind":"COMPANY"},"source":"memo"}}
{"claim":{"name":{"of":"%[1]s%[2]d","text":"%[1]s %[2]d","kind":"PREFERRED"},"source":"memo"}}
{"claim":{"identifier":{"of":"%[1]s%[2]d","scheme":"lei","value":"X%[2]d"},"source":"memo"}}
`, name, n)
			for i := range names {
				fmt.Fprintf(&b, `{"claim":{"name":{"of":"%[1]s%[2]d","text":"%[1]s %[2]d %[3]d","kind":"ALIAS"},"source":"memo"}}`+"\n", name, n, i)
			}
		}
	}
	return b.String()
}

// TestAnExportSaysItselfWhoIsWho: entities that an import joined by an identifier,
// and somebody split, stay split in a copy; the others are joined the same way
// round, however far apart they stand in the file; and whoever was in the graph
// before, under another id, is joined.
func TestAnExportSaysItselfWhoIsWho(t *testing.T) {
	const pairs, names = 100, 40 // more than one batch
	g, store := newGraph()
	if report := load(t, g, head+twins(pairs, names)); report.Merged != pairs {
		t.Fatalf("%d merged", report.Merged)
	}
	joined := func(i int) *kg.Claim {
		return &kg.Claim{Statement: &kg.SameStatement{Entity: kg.ID(fmt.Sprint("b", i)), As: kg.ID(fmt.Sprint("a", i))}, Source: "memo"}
	}
	var w kg.Write
	for i := range pairs {
		if i%3 < 2 {
			w.Retractions = append(w.Retractions, kg.Retract{ID: joined(i).ContentID(), Reason: "two"})
		}
		if i%3 == 1 { // the other way round than an import would
			s := joined(i).Statement.(*kg.SameStatement)
			s.Entity, s.As = s.As, s.Entity
			w.Claims = append(w.Claims, &kg.Claim{Statement: s, Source: "memo"})
		}
	}
	if _, err := g.Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	first, _ := export(t, store)
	other, copied := newGraph()
	report := load(t, other, first)
	if report.Merged != 0 || report.Dropped.Count() != 0 {
		t.Errorf("%d merged, %d dropped: %+v", report.Merged, report.Dropped.Count(), report.Dropped)
	}
	if second, _ := export(t, copied); first != second {
		t.Errorf("the second export differs (-first +second):\n%s", cmp.Diff(strings.Split(first, "\n"), strings.Split(second, "\n")))
	}
	third, _ := newGraph()
	load(t, third, head+`{"source":{"id":"memo","title":"Memo"}}
{"claim":{"entity":{"id":"z","kind":"COMPANY"},"source":"memo"}}
{"claim":{"name":{"of":"z","text":"Zed","kind":"PREFERRED"},"source":"memo"}}
{"claim":{"identifier":{"of":"z","scheme":"LEI","value":"x2"},"source":"memo"}}`)
	if report := load(t, third, first); report.Merged != 1 || report.Dropped.Count() != 0 {
		t.Errorf("%d merged with who was there before under another id, dropped %+v", report.Merged, report.Dropped)
	}
}

func storeEntities(t *testing.T, store kg.Store, kind kg.EntityKind) (ids []kg.ID, err error) {
	t.Helper()
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	for r, err := range snap.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity, Kinds: []kg.EntityKind{kind}}) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, r.RecordID())
	}
	return ids, nil
}
