package wikidata

import (
	"maps"
	"slices"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// classes tell by what an item is an instance of (P31) of what kind it is.
var classes = map[string]string{
	"Q5":       "person",
	"Q4830453": "company", "Q783794": "company", "Q6881511": "company", "Q891723": "company", "Q167037": "company", "Q5621421": "company",
	"Q219577": "company", "Q22687": "company", "Q658255": "company", "Q778575": "company", "Q1058914": "company", "Q786820": "company",
	"Q43229": "organization", "Q327333": "organization", "Q7210356": "organization", "Q484652": "organization", "Q3918": "organization",
	"Q11691": "organization", "Q163740": "organization", "Q2659904": "organization", "Q192350": "organization",
	"Q6256": "place", "Q3624078": "place", "Q515": "place", "Q1549591": "place", "Q3957": "place", "Q486972": "place",
}

// companyOnly are properties that companies have. An owner (P127) is none of them:
// paintings, houses and ships have owners.
var companyOnly = []string{"P1278", "P946", "P414", "P5531", "P749", "P355", "P169", "P452", "P1128", "P1454", "P2139", "P2295", "P2403", "P3320"}

// kindOf returns the kind of an item, "" where it is none of ours.
func kindOf(it *item) string {
	best := ""
	for _, s := range it.best("P31", func(string) {}) {
		kind := classes[s.Main.entity()]
		if kind == "person" || kind == "place" {
			return kind
		}
		if best == "" || kind == "company" {
			best = kind
		}
	}
	if best == "" && slices.ContainsFunc(companyOnly, func(p string) bool { return len(it.Claims[p]) > 0 }) {
		return "company"
	}
	return best
}

// link is what a property that names another item becomes.
type link struct {
	relation, words string
	// back: the relation leads from the value to the item.
	back bool
	// end is the kind of a value that nothing describes.
	end string
}

var links = []struct {
	property string
	link
}{
	{"P127", link{"owns", "", true, "company"}},
	{"P1830", link{"owns", "", false, "company"}},
	{"P749", link{"controls", "parent organization", true, "company"}},
	{"P355", link{"controls", "parent organization", false, "company"}},
	{"P169", link{"holds_role", "chief executive officer", true, "person"}},
	{"P488", link{"holds_role", "chairperson", true, "person"}},
	{"P3320", link{"holds_role", "board member", true, "person"}},
	{"P1037", link{"holds_role", "director or manager", true, "person"}},
	{"P112", link{"founded", "", true, "person"}},
	{"P414", link{"listed_on", "", false, "organization"}},
	{"P452", link{"related_to", "is in the industry", false, "concept"}},
	{"P1056", link{"offers", "", false, "product"}},
	{"P17", link{"related_to", kg.InCountry, false, "place"}},
	{"P159", link{"headquartered_in", "", false, "place"}},
	{"P7888", link{"merged_into", "", false, "company"}},
	{"P1365", link{"succeeded", "", false, "company"}},
	{"P1366", link{"succeeded", "", true, "company"}},
	{"P1951", link{"invested_in", "", true, "company"}},
}

// absent are the properties for which it means something that there is no value,
// or one that is not known.
var absent = map[string]bool{"P127": true, "P749": true, "P169": true, "P355": true, "P1830": true}

// identifiers are the properties that are names given by registers.
var identifiers = []struct{ property, scheme string }{
	{"P1278", "lei"}, {"P946", "isin"}, {"P5531", "cik"}, {"P1320", "opencorporates"}, {"P297", "iso3166"},
}

// days are the properties that are a date.
var days = []struct{ property, metric string }{
	{"P571", "founded_date"}, {"P576", "dissolved_date"}, {"P569", "birth_date"}, {"P570", "death_date"},
}

// figures are the properties that are measured.
var figures = []struct {
	property, metric string
	// money: the unit is a currency. flow: the value is that of a span of time.
	money, flow bool
}{
	{"P1128", "employees", false, false}, {"P2139", "revenue", true, true}, {"P2295", "net_income", true, true}, {"P2403", "total_assets", true, false},
}

// writer makes drafts of items.
type writer struct {
	in     ingest.Input
	source string
	// wrong says why parts of an item were passed over.
	wrong []string
}

func (w *writer) passed(reason string) { w.wrong = append(w.wrong, reason) }

// date reads a date of a statement, if there is one.
func (w *writer) date(s *snak) string {
	day := s.date()
	if s != nil && s.Kind == "value" && day == "" {
		w.passed("a date is known to a century or less, or lies before the year 1")
	}
	return day
}

// text reads a text of a statement.
func (w *writer) text(s *snak) string {
	text := s.text()
	if text == "" {
		w.passed(noValue)
	}
	return text
}

// noValue is told of statements of which only the absence of a value could be taken.
const noValue = "a statement has no value that can be read, or none that is known"

func entityID(id string) string { return ingest.NewID("wd", id) }

func hint(at ingest.Position, id, kind string) *ingest.Hint {
	return &ingest.Hint{
		Kind: at.Text(kind), Name: at.Text("Wikidata " + id),
		Identifiers: []ingest.Identifier{{Scheme: at.Text("wikidata"), Value: at.Text(id)}},
	}
}

// drafts returns what becomes of an item.
func (w *writer) drafts(at ingest.Position, it *item) []ingest.Draft {
	kind := kindOf(it)
	if kind == "" {
		return []ingest.Draft{&ingest.Naming{
			At: at, Of: at.Text(entityID(it.ID)), Names: w.names(at, it), Cites: w.cites(at, it.ID),
			Reason: "an item is no company, organization, person or place, and nothing here names it",
		}}
	}
	d := &ingest.Entity{At: at, ID: at.Text(entityID(it.ID)), Kind: at.Text(kind), Names: w.names(at, it), Cites: w.cites(at, it.ID)}
	if len(d.Names) == 0 {
		d.Names = []ingest.Name{{Text: at.Text("Wikidata " + it.ID), Kind: at.Text("alias")}}
	}
	d.Identifiers = []ingest.Identifier{{Scheme: at.Text("wikidata"), Value: at.Text(it.ID)}}
	for _, i := range identifiers {
		for _, s := range it.best(i.property, w.passed) {
			if value := w.text(&s.Main); value != "" {
				d.Identifiers = append(d.Identifiers, ingest.Identifier{Scheme: at.Text(i.scheme), Value: at.Text(value), Cites: w.cites(at, s.ID)})
			}
		}
	}
	drafts := []ingest.Draft{d}
	for _, f := range days {
		for _, s := range it.best(f.property, w.passed) {
			if s.Main.Kind != "value" {
				w.passed(noValue)
			}
			if day := w.date(&s.Main); day != "" {
				drafts = append(drafts, &ingest.Figure{At: at, Of: d.ID, Metric: at.Text(f.metric), Date: at.Text(day), Cites: w.cites(at, s.ID), Note: w.note(at, s)})
			}
		}
	}
	if kind == "place" {
		return drafts
	}
	for _, f := range figures {
		for _, s := range it.best(f.property, w.passed) {
			amount, unit := s.Main.quantity()
			switch {
			case amount == nil:
				w.passed(noValue)
				continue
			case f.money && currencies[unit] == "":
				w.passed("an amount is in a currency that is not taken")
				continue
			}
			x := &ingest.Figure{At: at, Of: d.ID, Metric: at.Text(f.metric), Value: at.Text(number(amount)), Cites: w.cites(at, s.ID), Note: w.note(at, s)}
			if f.money {
				x.Unit = at.Text(currencies[unit])
			}
			since, until := w.date(s.first("P580")), w.date(s.first("P582"))
			switch when := w.date(s.first("P585")); {
			case isSpan(since) && isSpan(until) && since <= until:
				x.Period = at.Text(since + "/" + until)
			case !isSpan(when):
			case f.flow && len(when) > len("2014"):
				x.Label = at.Text(when) // the day on which a span of unknown length ends
			default:
				x.Period = at.Text(when)
			}
			drafts = append(drafts, x)
		}
	}
	for _, l := range links {
		for _, s := range it.best(l.property, w.passed) {
			if draft := w.link(at, it, s, l.property, l.link); draft != nil {
				drafts = append(drafts, draft)
			}
		}
	}
	return drafts
}

// isSpan reports that a date is known and no choice of several years, as periods want it.
func isSpan(date string) bool { return date != "" && !strings.HasPrefix(date, "[") }

func (w *writer) cites(at ingest.Position, locator string) []ingest.Citation {
	return []ingest.Citation{{Source: at.Text(w.source), Locator: locator}}
}

// note names the first reference of a statement that leads somewhere.
func (w *writer) note(at ingest.Position, s *statement) ingest.Text {
	for _, r := range s.References {
		for _, property := range []string{"P854", "P248"} {
			for i := range r.Snaks[property] {
				sn := &r.Snaks[property][i]
				told := sn.text()
				if told == "" {
					told = sn.entity()
				}
				if told == "" || len(told) > 1500 {
					continue
				}
				text := "Reference: " + told
				if got := r.Snaks["P813"]; len(got) > 0 && got[0].date() != "" {
					text += ", retrieved " + got[0].date()
				}
				return at.Text(text + ".")
			}
		}
	}
	return ingest.Text{}
}

// names returns every label and alias once: the English label, or else the first,
// preferred.
func (w *writer) names(at ingest.Position, it *item) []ingest.Name {
	var list []ingest.Name
	told := make(map[string]bool)
	add := func(l label, kind string) {
		text := strings.Join(strings.Fields(l.Value), " ")
		switch {
		case text == "" || told[text]:
			return
		case kg.FoldName(text) == "" || len(text) > 900:
			w.passed("a name is longer than 900 bytes, or has neither letters nor digits")
			return
		}
		told[text] = true
		lang := l.Language
		if !ingest.IsLanguage(lang) || lang == "mul" {
			lang = ""
		}
		if len(list) == 0 {
			kind = "preferred"
		}
		list = append(list, ingest.Name{Text: at.Text(text), Lang: at.Text(lang), Kind: at.Text(kind)})
	}
	for _, lang := range []string{"en", "mul"} {
		add(it.Labels[lang], "alias")
	}
	for _, lang := range slices.Sorted(maps.Keys(it.Labels)) {
		add(it.Labels[lang], "alias")
	}
	for _, lang := range slices.Sorted(maps.Keys(it.Aliases)) {
		for _, l := range it.Aliases[lang] {
			add(l, "alias")
		}
	}
	return list
}

// link returns what becomes of a statement that names another item, nobody, or
// somebody who is not known.
func (w *writer) link(at ingest.Position, it *item, s *statement, property string, l link) ingest.Draft {
	since, until, seen := w.date(s.first("P580")), w.date(s.first("P582")), w.date(s.first("P585"))
	if end := s.first("P582"); end != nil && end.Kind == "somevalue" && len(it.Modified) >= len("2006-01-02") {
		until = "[.." + it.Modified[:len("2006-01-02")] + "]" // it has ended, by when this was written
	}
	far := s.Main.entity()
	if far == "" {
		if !absent[property] || s.Main.Kind != "somevalue" && s.Main.Kind != "novalue" {
			w.passed(noValue)
			return nil
		}
		return &ingest.Absence{
			At: at, Entity: at.Text(entityID(it.ID)), Relation: at.Text(l.relation), Text: at.Text(l.words),
			Direction: at.Text(map[bool]string{true: "in", false: "out"}[l.back]),
			Kind:      at.Text(map[string]string{"somevalue": "unknown", "novalue": "none"}[s.Main.Kind]), Reason: at.Text(s.Main.Kind),
			Since: at.Text(since), Until: at.Text(until), Cites: w.cites(at, s.ID), Note: w.note(at, s),
		}
	}
	d := &ingest.Relation{
		At: at, Type: at.Text(l.relation), From: at.Text(entityID(it.ID)), To: at.Text(entityID(far)), Text: at.Text(l.words),
		ToHint: hint(at, far, l.end), Cites: w.cites(at, s.ID), Note: w.note(at, s),
	}
	if l.back {
		d.From, d.To, d.FromHint, d.ToHint = d.To, d.From, d.ToHint, nil
	}
	if part := s.first("P1107"); part != nil && (l.relation == "owns" || l.relation == "controls") {
		if share := part.percentage(); share != "" {
			d.Type, d.Text, d.Stake = at.Text("owns"), ingest.Text{}, at.Text(share)
		} else {
			w.passed("a proportion is no part of one and no percentage")
		}
	}
	if ticker := s.first("P249"); ticker != nil && ticker.text() != "" {
		d.Attributes = append(d.Attributes, ingest.Attribute{Key: at.Text("ticker"), Value: at.Text(ticker.text())})
	}
	switch kind, _ := kg.ParseRelationType(strings.ToUpper(l.relation)); {
	case kind.IsEvent() && seen != "":
		d.On = at.Text(seen)
	case kind.IsEvent():
		d.On = at.Text(since)
	default:
		d.Since, d.Until = at.Text(since), at.Text(until)
		if since == "" && seen != "" && !strings.HasPrefix(seen, "[") && (until == "" || until > seen) {
			d.Seen = at.Text(seen)
		}
	}
	return d
}
