package export

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/piprate/json-gold/ld"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
	"keiretsu/seeds"
)

// demo returns a snapshot of the demo facts and of what they do not have: texts
// with every character that a format must take care of, a known unknown, and
// somebody who is quoted.
func demo(t *testing.T) kg.Snapshot {
	t.Helper()
	store := kgtest.NewModel()
	g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }})
	if _, err := ingest.Load(t.Context(), g, factfile.Read(seeds.Files)); err != nil {
		t.Fatal(err)
	}
	const odd = `A "quoted" <name> & co; \ 阿里`
	source := &kg.Source{ID: "odd source", Title: odd, URL: "not an address"}
	source.ID = "odd:source"
	claims := []kg.Statement{
		&kg.EntityStatement{Entity: "odd#one/é", Kind: kg.KindCompany},
		&kg.NameStatement{Entity: "odd#one/é", Text: odd, Lang: "zh-Hans", Kind: kg.NamePreferred},
		&kg.NameStatement{Entity: "odd#one/é", Text: "Odd Ltd", Lang: "not a tag", Kind: kg.NameLegal},
		&kg.IdentifierStatement{Entity: "odd#one/é", Scheme: "LEI", Value: "529900T8BM49AURSDO55"},
		&kg.IdentifierStatement{Entity: "odd#one/é", Scheme: "wikidata", Value: "Q1359568"},
		&kg.AbsenceStatement{Entity: "odd#one/é", Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceWithheld, Reason: "NON_PUBLIC"},
		&kg.RelationStatement{Type: kg.Owns, From: "alibaba-group", To: "odd#one/é", Stake: &kg.ControllingShare},
	}
	w := kg.Write{Sources: []*kg.Source{source}}
	for _, s := range claims {
		w.Claims = append(w.Claims, &kg.Claim{Statement: s, Source: source.ID, Locator: "p. 1", AttributedTo: "alibaba-group"})
	}
	if _, err := g.Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = snap.Close() })
	return snap
}

func written(t *testing.T, snap kg.Snapshot, name string) (string, []string) {
	t.Helper()
	formats := Formats()
	at := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	var text bytes.Buffer
	losses, err := formats[at].Write(t.Context(), snap, &text)
	if err != nil {
		t.Fatal(err)
	}
	return text.String(), losses
}

// TestFormats: every format gives the same bytes twice, tells what it leaves out,
// and tells who waits when the writer fails.
func TestFormats(t *testing.T) {
	snap := demo(t)
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			first, losses := written(t, snap, f.Name)
			if again, _ := written(t, snap, f.Name); again != first {
				t.Error("the second export differs")
			}
			if len(losses) == 0 {
				t.Error("nothing is said to be left out")
			}
			for _, cut := range []int{0, len(first) / 2} {
				if _, err := f.Write(t.Context(), snap, &shortWriter{left: cut}); err == nil {
					t.Fatalf("no error when %d of %d bytes can be written", cut, len(first))
				}
			}
		})
	}
}

type shortWriter struct{ left int }

func (w *shortWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestCSV(t *testing.T) {
	snap := demo(t)
	text, losses := written(t, snap, "csv")
	archive, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][][]string{}
	for _, file := range archive.File {
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		if rows[file.Name], err = csv.NewReader(content).ReadAll(); err != nil {
			t.Errorf("%s: %v", file.Name, err)
		}
	}
	counts, err := snap.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]kg.RecordKind{
		"entities.csv": kg.RecordEntity, "relations.csv": kg.RecordRelation, "observations.csv": kg.RecordObservation,
		"metrics.csv": kg.RecordMetric, "sources.csv": kg.RecordSource,
	} {
		if got := len(rows[name]) - 1; got != int(counts[kind]) {
			t.Errorf("%s has %d rows, want %d", name, got, counts[kind])
		}
	}
	find := func(file, text string) []string {
		for _, row := range rows[file] {
			if strings.Contains(strings.Join(row, "\n"), text) {
				return row
			}
		}
		return nil
	}
	claim := func(s kg.Statement) string {
		c := kg.Claim{Statement: s, Source: "odd:source", Locator: "p. 1", AttributedTo: "alibaba-group"}
		return string(c.ContentID())
	}
	const odd = `A "quoted" <name> & co; \ 阿里`
	own := find("relations.csv", "odd#one/é")
	want := []string{
		own[0], "OWNS", "alibaba-group", "COMPANY", "odd#one/é", "COMPANY", "", "", own[8], "50", "100", "controlling",
		"", "", "", "", "", "", "", "", claim(&kg.RelationStatement{Type: kg.Owns, From: "alibaba-group", To: "odd#one/é", Stake: &kg.ControllingShare}), "odd:source p. 1",
	}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Errorf("relation (-want +got):\n%s", diff)
	}
	if got := find("entities.csv", "odd#one"); got[1] != "COMPANY" || got[2] != odd || got[3] != "zh-Hans" {
		t.Errorf("entity: %q", got)
	}
	if got := find("absences.csv", "NON_PUBLIC"); got[0] != "odd#one/é" || got[3] != "WITHHELD" {
		t.Errorf("absence: %q", got)
	}
	if !slices.ContainsFunc(losses, func(line string) bool { return strings.Contains(line, "quotes somebody else") }) {
		t.Errorf("losses: %q", losses)
	}
}

// TestMerged: formats of facts tell the other ids of what was judged to be one, so
// that tables and links which name those are understood; FollowTheMoney and BODS
// have tests of their own.
func TestMerged(t *testing.T) {
	store := kgtest.NewModel()
	g := kg.NewGraph(store, kg.Options{})
	w := kg.Write{Sources: []*kg.Source{{ID: "s", Title: "S"}}}
	for _, s := range []kg.Statement{
		&kg.EntityStatement{Entity: "new", Kind: kg.KindPerson}, &kg.NameStatement{Entity: "new", Text: "Ann", Kind: kg.NamePreferred},
		&kg.EntityStatement{Entity: "old", Kind: kg.KindPerson}, &kg.NameStatement{Entity: "old", Text: "Anna", Kind: kg.NameLegal},
		&kg.SameStatement{Entity: "old", As: "new"},
	} {
		w.Claims = append(w.Claims, &kg.Claim{Statement: s, Source: "s"})
	}
	if _, err := g.Apply(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	snap := opened(t, store)
	table, _ := written(t, snap, "csv")
	archive, err := zip.NewReader(strings.NewReader(table), int64(len(table)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := archive.Open("entities.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if at := slices.Index(rows[0], "merged_ids"); len(rows) != 2 || at < 0 || rows[1][at] != "old" {
		t.Errorf("entities.csv: %q", rows)
	}
	if text, _ := written(t, snap, "graphml"); !strings.Contains(text, `<data key="merged">old</data>`) {
		t.Errorf("GraphML:\n%s", text)
	}
	for _, format := range []string{"jsonld", "nquads"} {
		text, losses := written(t, snap, format)
		if !strings.Contains(text, "sameAs") || !strings.Contains(text, "urn:keiretsu:old") {
			t.Errorf("%s:\n%s", format, text)
		}
		if want := "1 that a name of neither a company nor an organization is the legal one"; !slices.Contains(losses, want) {
			t.Errorf("%s: losses %q, without %q", format, losses, want)
		}
	}
}

// TestJudgementsLeaveNoTrace: an export before two are judged to be one and after
// that was taken back is the same.
func TestJudgementsLeaveNoTrace(t *testing.T) {
	store := kgtest.NewModel()
	g := kg.NewGraph(store, kg.Options{})
	if _, err := ingest.Load(t.Context(), g, factfile.Read(seeds.Files)); err != nil {
		t.Fatal(err)
	}
	all := func() map[string]string {
		texts := map[string]string{}
		for _, f := range Formats() {
			texts[f.Name], _ = written(t, opened(t, store), f.Name)
		}
		return texts
	}
	before := all()
	same := &kg.Claim{Statement: &kg.SameStatement{Entity: "lazada", As: "amap"}, Source: kg.JudgementSource}
	if _, err := g.Apply(t.Context(), kg.Write{Sources: []*kg.Source{kg.NewJudgementSource()}, Claims: []*kg.Claim{same}}); err != nil {
		t.Fatal(err)
	}
	for name, text := range all() {
		if text == before[name] {
			t.Errorf("%s does not tell the two that are one from the two that were there before", name)
		}
	}
	if _, err := g.Apply(t.Context(), kg.Write{Retractions: []kg.Retract{{ID: same.ContentID(), Reason: "two"}}}); err != nil {
		t.Fatal(err)
	}
	for name, text := range all() {
		if text != before[name] {
			t.Errorf("%s (-before +after):\n%s", name, cmp.Diff(strings.Split(before[name], "\n"), strings.Split(text, "\n")))
		}
	}
}

// TestNothingIsLostInSilence: what a format of facts has no place for is named.
func TestNothingIsLostInSilence(t *testing.T) {
	snap := demo(t)
	for format, words := range map[string][]string{
		"bods":    {"figures", "conflicts", "metrics", "languages", "business years", "judged not to be", "which claim"},
		"csv":     {"quotes", "claim", "judged", "recorded", "taken back"},
		"ftm":     {"figures", "conflicts", "metrics", "languages", "business years", "places in sources", "judged", "recorded", "taken back"},
		"graphml": {"figures", "conflicts", "metrics", "languages", "business years", "descriptions of sources", "unknowns", "places in sources", "quote", "judged", "recorded", "taken back"},
		"jsonld":  {"unknowns", "which source or claim", "judged", "recorded", "taken back", "conflicts that people noted"},
		"nquads":  {"unknowns", "which claim says", "judged", "recorded", "taken back", "conflicts that people noted"},
	} {
		_, losses := written(t, snap, format)
		for _, word := range words {
			if !slices.ContainsFunc(losses, func(line string) bool { return strings.Contains(line, word) }) {
				t.Errorf("%s does not say that it leaves out %q: %q", format, word, losses)
			}
		}
	}
}

func TestGraphML(t *testing.T) {
	snap := demo(t)
	text, _ := written(t, snap, "graphml")
	type data struct {
		Key  string `xml:"key,attr"`
		Text string `xml:",chardata"`
	}
	var doc struct {
		Keys []struct {
			ID string `xml:"id,attr"`
		} `xml:"key"`
		Nodes []struct {
			ID   string `xml:"id,attr"`
			Data []data `xml:"data"`
		} `xml:"graph>node"`
		Edges []struct {
			Source string `xml:"source,attr"`
			Target string `xml:"target,attr"`
			Kind   string `xml:"directed,attr"`
			Data   []data `xml:"data"`
		} `xml:"graph>edge"`
	}
	if err := xml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	counts, err := snap.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Nodes) != int(counts[kg.RecordEntity]) || len(doc.Edges) != int(counts[kg.RecordRelation]) {
		t.Errorf("%d nodes and %d edges, want %d and %d", len(doc.Nodes), len(doc.Edges), counts[kg.RecordEntity], counts[kg.RecordRelation])
	}
	keys, nodes := map[string]bool{}, map[string]bool{}
	for _, k := range doc.Keys {
		keys[k.ID] = true
	}
	odd := false
	for _, n := range doc.Nodes {
		nodes[n.ID] = true
		for _, d := range n.Data {
			odd = odd || d.Key == "label" && d.Text == `A "quoted" <name> & co; \ 阿里`
			if !keys[d.Key] {
				t.Errorf("the key %s is not declared", d.Key)
			}
		}
	}
	if !odd {
		t.Error("the name with odd characters is not there")
	}
	mutual := 0
	for _, e := range doc.Edges {
		if !nodes[e.Source] || !nodes[e.Target] {
			t.Errorf("an edge from %s to %s, of which one is no node", e.Source, e.Target)
		}
		if e.Kind != "" {
			t.Errorf("the edge from %s to %s has directed=%q: NetworkX refuses a graph with edges of both kinds", e.Source, e.Target, e.Kind)
		}
		if slices.Contains(e.Data, data{"mutual", "true"}) {
			mutual++
		}
		for _, d := range e.Data {
			if !keys[d.Key] {
				t.Errorf("the key %s is not declared", d.Key)
			}
		}
	}
	if mutual == 0 {
		t.Error("no edge is said to read both ways")
	}
}

// quad is the form of a line of N-Quads, for statements without blank nodes.
var quad = regexp.MustCompile(`^(<[^\x00-\x20<>"{}|^` + "`" + `\\]+>) (<[^\x00-\x20<>"{}|^` + "`" + `\\]+>) (<[^\x00-\x20<>"{}|^` + "`" + `\\]+>|"(?:[^"\\\n\r]|\\["\\nr])*"(?:@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*|\^\^<[^\x00-\x20<>"]+>)?)( <[^\x00-\x20<>"]+>)? \.$`)

// TestLinkedData: N-Quads are well-formed, and the JSON-LD document says exactly
// what they say, as an independent processor reads it.
func TestLinkedData(t *testing.T) {
	snap := demo(t)
	lines, _ := written(t, snap, "nquads")
	want := map[string]bool{}
	graphs := map[string]bool{}
	for line := range strings.Lines(lines) {
		m := quad.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Fatalf("%s is no N-Quad", line)
		}
		want[strings.Join(m[1:4], " ")] = true
		graphs[m[4]] = true
	}
	for _, source := range []string{"", " <urn:keiretsu:doc-002>", " <urn:keiretsu:odd:source>"} {
		if !graphs[source] {
			t.Errorf("there is no graph%s", source)
		}
	}
	for _, statement := range []string{
		`<urn:keiretsu:alibaba-group> <https://schema.org/name> "Alibaba Group Holding Limited"@en`,
		`<urn:keiretsu:odd%23one%2F%C3%A9> <https://schema.org/name> "A \"quoted\" <name> & co; \\ 阿里"@zh-hans`,
		`<urn:keiretsu:odd%23one%2F%C3%A9> <https://schema.org/legalName> "Odd Ltd"`,
		`<urn:keiretsu:odd%23one%2F%C3%A9> <https://schema.org/leiCode> "529900T8BM49AURSDO55"`,
		`<urn:keiretsu:odd%23one%2F%C3%A9> <https://schema.org/sameAs> <http://www.wikidata.org/entity/Q1359568>`,
		`<urn:keiretsu:alibaba-group> <https://schema.org/subOrganization> <urn:keiretsu:odd%23one%2F%C3%A9>`,
		`<urn:keiretsu:odd:source> <https://schema.org/url> "not an address"`,
	} {
		if !want[statement] {
			t.Errorf("it does not say\n%s", statement)
		}
	}

	text, _ := written(t, snap, "jsonld")
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	options := ld.NewJsonLdOptions("")
	options.Format = "application/n-quads"
	read, err := ld.NewJsonLdProcessor().ToRDF(doc, options)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for line := range strings.Lines(read.(string)) {
		got[strings.TrimSuffix(line, " .\n")] = true
	}
	for statement := range want {
		if !got[statement] {
			t.Errorf("JSON-LD does not say\n%s", statement)
		}
	}
	if len(got) != len(want) {
		t.Errorf("JSON-LD makes %d statements, N-Quads %d", len(got), len(want))
	}
}
