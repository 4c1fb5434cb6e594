package factfile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// The keys of a file and of each kind of entry.
var (
	fileKeys   = []string{"source", "sources", "metrics", "entities", "relations", "figures", "conflicts"}
	sourceKeys = []string{"id", "title", "publisher", "author", "published", "updated", "lang", "kind", "url", "note"}
	metricKeys = []string{"id", "definition", "unit", "over_time", "over_parts", "same_as"}
	entityKeys = []string{"id", "kind", "name", "lang", "names", "identifiers", "fiscal_year_end", "note", "cite", "at"}
	nameKeys   = []string{"text", "lang", "kind", "cite", "at"}
	numberKeys = []string{"scheme", "value", "cite", "at"}
	relateKeys = []string{
		"type", "from", "to", "on", "since", "until", "seen", "stake", "wording", "price", "amount", "worth",
		"focus", "title", "label", "attributes", "attributed_to", "note", "cite", "at",
	}
	figureKeys = []string{
		"of", "metric", "value", "date", "unit", "is", "nature", "period", "label", "scope", "by", "attributed_to", "note", "cite", "at",
	}
	conflictKeys = []string{"about", "predicate", "kind", "note", "claims"}
	stanceKeys   = []string{"value", "cite", "at"}
	citationKeys = []string{"source", "at"}
)

// read turns the text of the file into drafts and problems.
func (f *file) read(text []byte) {
	body := f.parse(text)
	if body == nil {
		return
	}
	m, _ := f.mapping("a file", body, fileKeys)
	f.source = m.text("source")
	for _, e := range m.entries("sources", "a source", sourceKeys) {
		f.readSource(e)
	}
	for _, e := range m.entries("metrics", "a metric", metricKeys) {
		f.readMetric(e)
	}
	for _, e := range m.entries("entities", "an entity", entityKeys) {
		f.readEntity(e)
	}
	for _, e := range m.entries("relations", "a relation", relateKeys) {
		f.readRelation(e)
	}
	for _, e := range m.entries("figures", "a figure", figureKeys) {
		f.readFigure(e)
	}
	for _, e := range m.entries("conflicts", "a conflict", conflictKeys) {
		f.readConflict(e)
	}
}

func (f *file) readSource(m mapping) {
	s := &ingest.Source{
		At: m.start, ID: m.needed("id"), Title: m.needed("title"), Publisher: m.text("publisher"), Author: m.text("author"), Kind: m.text("kind"),
		URL: m.text("url"), Published: m.text("published"), Updated: m.text("updated"), Langs: m.texts("lang"), Note: m.text("note"),
	}
	f.unique(f.ids, s.ID)
	f.add(s)
}

func (f *file) readMetric(m mapping) {
	d := &ingest.Metric{
		At: m.start, Name: m.needed("id"), Definition: m.needed("definition"), Unit: m.needed("unit"),
		OverTime: m.needed("over_time"), OverParts: m.needed("over_parts"), SameAs: m.texts("same_as"),
	}
	f.unique(f.metrics, d.Name)
	f.add(d)
}

func (f *file) readEntity(m mapping) {
	lang := m.text("lang")
	if lang.Value == "" {
		lang = ingest.Text{Value: "en", At: m.start}
	}
	preferred := ingest.Name{Text: m.needed("name"), Lang: lang, Kind: ingest.Text{Value: "preferred", At: m.start}}
	e := &ingest.Entity{
		At: m.start, ID: m.needed("id"), Kind: m.needed("kind"), Names: []ingest.Name{preferred},
		FiscalYearEnd: m.text("fiscal_year_end"), Note: m.text("note"), Cites: f.citations(m, true),
	}
	for _, n := range m.entries("names", "a name", nameKeys) {
		name := ingest.Name{Text: n.needed("text"), Lang: lang, Kind: ingest.Text{Value: "alias", At: n.start}, Cites: f.citations(n, false)}
		if n.has("lang") {
			name.Lang = n.text("lang")
		}
		if n.has("kind") {
			name.Kind = n.text("kind")
		}
		e.Names = append(e.Names, name)
	}
	for _, i := range m.entries("identifiers", "an identifier", numberKeys) {
		e.Identifiers = append(e.Identifiers, ingest.Identifier{Scheme: i.needed("scheme"), Value: i.needed("value"), Cites: f.citations(i, false)})
	}
	f.unique(f.ids, e.ID)
	f.add(e)
}

// ownKeys are the keys of relations of one type alone, in the order in which
// they are looked at. All that hold money, or text, mean the same to the graph.
var ownKeys = []struct{ key, relation string }{
	{"price", "acquired"},
	{"amount", "invested_in"},
	{"worth", "partners_with"},
	{"title", "holds_role"},
	{"focus", "partners_with"},
}

func (f *file) readRelation(m mapping) {
	r := &ingest.Relation{
		At: m.start, Type: m.needed("type"), From: m.needed("from"), To: m.needed("to"),
		On: m.text("on"), Since: m.text("since"), Seen: m.text("seen"), Until: m.text("until"),
		Stake: m.text("stake"), Wording: m.text("wording"), Attributes: m.attributes("attributes"),
		AttributedTo: m.text("attributed_to"), Note: m.text("note"), Cites: f.citations(m, true),
	}
	r.Money = m.only(r.Type, "price", "amount", "worth")
	r.Text = m.only(r.Type, "title", "focus", "label")
	if r.Type.Value == "related_to" {
		m.need("label")
	}
	f.add(r)
}

// only returns the value of the one of the keys that the relation has, and
// reports those that belong to another type and those that are too many.
func (m mapping) only(relation ingest.Text, keys ...string) ingest.Text {
	var value ingest.Text
	used := ""
	for _, key := range keys {
		if !m.has(key) {
			continue
		}
		text := m.text(key)
		i := slices.IndexFunc(ownKeys, func(own struct{ key, relation string }) bool { return own.key == key })
		_, unknown := kg.ParseRelationType(strings.ToUpper(relation.Value))
		switch {
		case i >= 0 && ownKeys[i].relation != relation.Value && unknown == nil:
			m.problem(m.keys[key], "%q belongs to %s, not to %s", key, ownKeys[i].relation, relation.Value)
		case used != "":
			m.problem(m.keys[key], "%q and %q say the same thing; leave one out", used, key)
		default:
			value, used = text, key
		}
	}
	return value
}

func (f *file) readFigure(m mapping) {
	d := &ingest.Figure{
		At: m.start, Of: m.needed("of"), Metric: m.needed("metric"), Value: m.text("value"), Date: m.text("date"), Unit: m.text("unit"),
		Qualifier: m.text("is"), Nature: m.text("nature"), Period: m.text("period"), Label: m.text("label"), Scope: m.text("scope"),
		By: m.attributes("by"), AttributedTo: m.text("attributed_to"), Note: m.text("note"), Cites: f.citations(m, true),
	}
	switch {
	case m.has("value") && m.has("date"):
		f.problem(m.keys["date"], `a figure has a "value" or a "date", not both`)
	case !m.has("date"):
		m.need("value")
	}
	f.add(d)
}

func (f *file) readConflict(m mapping) {
	c := &ingest.Conflict{At: m.start, About: m.needed("about"), Predicate: m.needed("predicate"), Kind: m.needed("kind"), Note: m.text("note")}
	if m.need("claims") {
		for _, s := range m.entries("claims", "a claim", stanceKeys) {
			c.Claims = append(c.Claims, ingest.Stance{Value: s.needed("value"), Cites: f.citations(s, true)})
		}
	}
	f.add(c)
}

// citations returns the places that an entry names: with "at" in a file whose
// source is named at its top, with "cite" in any other.
func (f *file) citations(m mapping, needed bool) []ingest.Citation {
	key, other, why := "cite", "at", `the file names no source at its top; write "cite: source:line"`
	sourced := f.source != (ingest.Text{})
	if sourced {
		key, other, why = "at", "cite", `the file names its source at the top; write "at: line"`
	}
	if m.has(other) {
		f.problem(m.keys[other], "%s", why)
		return nil
	}
	if needed {
		m.need(key)
	}
	if !m.has(key) {
		return nil
	}
	if sourced {
		return f.places(f.source, m.values["at"])
	}
	var cites []ingest.Citation
	for _, item := range f.items(`"cite"`, m.values["cite"]) {
		cites = append(cites, f.citation(item)...)
	}
	return cites
}

// citation reads source:line, or a mapping of a source and places in it.
func (f *file) citation(n ast.Node) []ingest.Citation {
	if shape(n) == "a mapping" {
		m, _ := f.mapping("a citation", n, citationKeys)
		source := m.needed("source")
		if !m.need("at") {
			return nil
		}
		return f.places(source, m.values["at"])
	}
	t := f.text("a citation", n)
	colon := strings.LastIndexByte(t.Value, ':')
	if colon < 1 || !lineNumber.MatchString(t.Value[colon+1:]) {
		if t.Value != "" {
			f.problem(t.At, "%.40q is not a citation; expected source:line such as doc-002:49, or {source: doc-002, at: page 12}", t.Value)
		}
		return nil
	}
	return []ingest.Citation{{Source: ingest.Text{Value: t.Value[:colon], At: t.At}, Locator: "line " + t.Value[colon+1:]}}
}

var lineNumber = regexp.MustCompile(`^[1-9][0-9]*$`)

// places reads the places in one source: line numbers or words, one or a list.
func (f *file) places(source ingest.Text, n ast.Node) []ingest.Citation {
	var cites []ingest.Citation
	for _, item := range f.items(`"at"`, n) {
		place := f.text(`"at"`, item)
		locator := place.Value
		if lineNumber.MatchString(locator) {
			locator = "line " + locator
		} else if _, words := item.(*ast.StringNode); !words && locator != "" {
			f.problem(place.At, "%.40q is no place; expected the number of a line, or words such as page 12", locator)
		}
		if slices.ContainsFunc(cites, func(c ingest.Citation) bool { return c.Locator == locator }) && locator != "" {
			f.problem(place.At, "%.40q is named twice", locator)
		}
		cites = append(cites, ingest.Citation{Source: source, Locator: locator})
	}
	return cites
}
