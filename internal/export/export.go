package export

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"keiretsu/internal/kg"
)

// Format is a format to write.
type Format struct {
	// Name is the word for it on the command line.
	Name string
	// Help says in one line what it is and what it is for.
	Help string
	// Write writes what the snapshot holds, and returns what it had to leave
	// out, a line for each reason with how often. The error is that of the
	// snapshot, of the writer, or of the context.
	Write func(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error)
}

// Formats returns all formats, by name.
func Formats() []Format {
	return []Format{
		{"bods", "statements of the Beneficial Ownership Data Standard 0.4, as a JSON array", writeBODS},
		{"csv", "tables in a zip archive, one for each kind of thing, for spreadsheets and databases", writeCSV},
		{"ftm", "entities of FollowTheMoney, one JSON object a line, for Aleph and OpenSanctions tools", writeFtM},
		{"graphml", "entities and relations as GraphML, for Gephi, yEd, Cytoscape and NetworkX", writeGraphML},
		{"jsonld", "linked data as one JSON-LD document, in terms of schema.org and PROV", writeJSONLD},
		{"nquads", "the same linked data as N-Quads, one statement a line, in a graph for each source", writeNQuads},
	}
}

// losses counts what a format could not say.
type losses struct {
	list []loss
	// always are what the format never says.
	always []string
}

// What no format of facts says. Claims are told by their ids alone.
const (
	lostClaims = "what each claim says by itself where several make one fact, and notes of claims: jsonl keeps them"
	lostJudged = "which claim says what, and who was judged not to be the same: jsonl keeps both"
	lostPast   = "who was judged not to be the same, when and by whom things were recorded, and what was taken back: backups keep all of it, jsonl the judgements"
)

type loss struct {
	what  string
	count int
}

// add counts something that was left out. What holds the reason.
func (l *losses) add(what string, count int) {
	if count == 0 {
		return
	}
	at := slices.IndexFunc(l.list, func(x loss) bool { return x.what == what })
	if at < 0 {
		l.list = append(l.list, loss{what, count})
		return
	}
	l.list[at].count += count
}

// lines returns a line for each reason, the most frequent first, and then what is
// never said.
func (l *losses) lines() []string {
	slices.SortStableFunc(l.list, func(a, b loss) int { return -cmp.Compare(a.count, b.count) })
	lines := make([]string, len(l.list))
	for i, x := range l.list {
		lines[i] = strconv.Itoa(x.count) + " " + x.what
	}
	return append(lines, l.always...)
}

// each calls do with every record of one kind, in the order of a scan.
func each[R kg.Record](ctx context.Context, snap kg.Snapshot, kind kg.RecordKind, do func(R) error) error {
	for record, err := range snap.Scan(ctx, kg.ScanQuery{Kind: kind}) {
		if err != nil {
			return err
		}
		if r, ok := record.(R); ok {
			if err := do(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// cited returns what citations rest on: claims, sources and places in them, each
// once and in their order.
func cited(citations []kg.Citation) (claims, sources, places []string) {
	once := func(list []string, text string) []string {
		if text == "" || slices.Contains(list, text) {
			return list
		}
		return append(list, text)
	}
	for _, c := range citations {
		claims = once(claims, string(c.Claim))
		sources = once(sources, string(c.Source))
		places = once(places, strings.TrimSpace(string(c.Source)+" "+c.Locator))
	}
	return claims, sources, places
}

// texts returns ids as texts.
func texts(ids []kg.ID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	return list
}

// number writes a number in its shortest form.
func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// attributeText writes attributes as key=value, separated by semicolons.
func attributeText(attributes []kg.Attribute) string {
	texts := make([]string, len(attributes))
	for i, a := range attributes {
		texts[i] = a.Key + "=" + a.Value
	}
	return strings.Join(texts, "; ")
}
