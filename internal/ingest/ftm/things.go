package ftm

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unique"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// kinds are the schemata that are things here. LegalEntity stands for what may be
// a company or a person; most are companies.
var kinds = map[string]string{
	"Company": "company", "LegalEntity": "company", "Organization": "organization", "PublicBody": "organization", "Person": "person",
}

// identifiers are the properties that hold names given by registers, and their
// schemes here.
var identifiers = []struct{ property, scheme string }{
	{"leiCode", "lei"},
	{"wikidataId", "wikidata"},
	{"isinCode", "isin"},
	{"cikCode", "cik"},
	{"permId", "permid"},
	{"ticker", "ticker"},
	{"swiftBic", "bic"},
	{"dunsCode", "duns"},
	{"innCode", "inn"},
	{"ogrnCode", "ogrn"},
	{"vatCode", "vat"},
	{"registrationNumber", "reg"},
	{"taxNumber", "tax"},
	{"opencorporatesUrl", "opencorporates"},
}

// dates are the properties that become figures.
var dates = []struct{ property, metric string }{
	{"incorporationDate", "founded_date"}, {"dissolutionDate", "dissolved_date"}, {"birthDate", "birth_date"}, {"deathDate", "death_date"},
}

// nameProperties are the properties that hold names.
var nameProperties = []struct{ property, kind string }{
	{"name", "legal"}, {"alias", "alias"}, {"weakAlias", "alias"}, {"previousName", "former"},
}

// placeProperties are the properties that hold the codes of countries.
var placeProperties = []struct{ property, text string }{
	{"jurisdiction", kg.RegisteredIn}, {"mainCountry", kg.SeatedIn}, {"country", kg.LinkedTo},
}

// thingProperties are all that are taken of a thing.
var thingProperties = func() map[string]bool {
	taken := map[string]bool{"parent": true}
	for _, n := range nameProperties {
		taken[n.property] = true
	}
	for _, i := range identifiers {
		taken[i.property] = true
	}
	for _, d := range dates {
		taken[d.property] = true
	}
	for _, p := range placeProperties {
		taken[p.property] = true
	}
	return taken
}()

// untaken says which properties of an entity are not among those that are taken. A name
// of the model is not quoted, so that each is counted by itself.
func (e *entity) untaken(taken map[string]bool) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(e.Properties)) {
		if taken[name] || len(e.values(name)) == 0 {
			continue
		}
		if !modelProperty.MatchString(name) {
			name = fmt.Sprintf("%.40q", name)
		}
		wrong = append(wrong, fmt.Sprintf("the property %s is not taken", name))
	}
	return wrong
}

func (w *writer) cites(at ingest.Position, e *entity) []ingest.Citation {
	return []ingest.Citation{{Source: at.Text(w.source), Locator: e.ID}}
}

func entityID(id string) string { return ingest.NewID("ftm", id) }

// modelName matches what schemas of FollowTheMoney are called, modelProperty what
// their properties are.
var (
	modelName     = regexp.MustCompile(`^[A-Z][A-Za-z]{1,39}$`)
	modelProperty = regexp.MustCompile(`^[a-z][A-Za-z]{1,39}$`)
)

// named returns how problems call a schema. A name of the model is not quoted, so that
// each is counted by itself.
func (w *writer) named(schema string) string {
	if !modelName.MatchString(schema) {
		return fmt.Sprintf("%.40q", schema)
	}
	return unique.Make(schema).Value() // which is kept for every thing of the schema
}

// thing returns what becomes of an entity that joins no others.
func (w *writer) thing(at ingest.Position, e *entity) (drafts []ingest.Draft, wrong []string) {
	kind, ok := kinds[e.Schema]
	if !ok {
		w.others[hashOf(e.ID)] = w.named(e.Schema)
		return nil, []string{fmt.Sprintf("the schema %s is not taken", w.named(e.Schema))}
	}
	wrong = e.untaken(thingProperties)
	cites := w.cites(at, e)
	d := &ingest.Entity{At: at, ID: at.Text(entityID(e.ID)), Kind: at.Text(kind), Cites: cites}
	if e.Schema == "LegalEntity" || e.Schema == "PublicBody" {
		d.Note = at.Text("FollowTheMoney schema: " + e.Schema) // which the kind does not tell
	}
	told := make(map[string]bool)
	for _, n := range nameProperties {
		for _, text := range e.values(n.property) {
			if kg.FoldName(text) != "" && !told[text] {
				told[text] = true
				d.Names = append(d.Names, ingest.Name{Text: at.Text(text), Kind: at.Text(n.kind)})
			}
		}
	}
	if caption := strings.Join(strings.Fields(e.Caption), " "); kg.FoldName(caption) != "" {
		for i := range d.Names {
			if d.Names[i].Text.Value == caption {
				d.Names[i].Kind = at.Text("preferred")
			}
		}
		if !told[caption] && len(d.Names) == 0 {
			d.Names = append(d.Names, ingest.Name{Text: at.Text(caption), Kind: at.Text("preferred")})
		}
	}
	if len(d.Names) == 0 {
		d.Names = []ingest.Name{{Text: at.Text("FtM " + e.ID), Kind: at.Text("alias")}}
	}
	place := ""
	if places := e.values("jurisdiction", "mainCountry", "country"); len(places) > 0 {
		place = strings.ToUpper(places[0])
	}
	for _, i := range identifiers {
		for _, value := range e.values(i.property) {
			scheme := i.scheme
			switch scheme {
			case "reg", "tax":
				if place != "" {
					scheme += ":" + place
				}
			case "opencorporates":
				_, value, _ = strings.Cut(value, "/companies/")
			}
			if value != "" {
				d.Identifiers = append(d.Identifiers, ingest.Identifier{Scheme: at.Text(scheme), Value: at.Text(value)})
			}
		}
	}
	drafts = append(drafts, d)
	for _, f := range dates {
		for _, text := range e.values(f.property) {
			if day := dateOf(text); day != "" {
				drafts = append(drafts, &ingest.Figure{At: at, Of: d.ID, Metric: at.Text(f.metric), Date: at.Text(day), Cites: cites})
			} else {
				wrong = append(wrong, fmt.Sprintf("%.40q is no date; it is left out", text))
			}
		}
	}
	for _, p := range placeProperties {
		for _, code := range e.values(p.property) {
			country, hint := ingest.Country(at, strings.ToUpper(code))
			drafts = append(drafts, &ingest.Relation{
				At: at, Type: at.Text("related_to"), From: d.ID, To: country, ToHint: hint, Text: at.Text(p.text), Cites: cites,
			})
		}
	}
	for _, parent := range e.values("parent") {
		drafts = append(drafts, &ingest.Relation{
			At: at, Type: at.Text("controls"), From: at.Text(entityID(parent)), To: d.ID, Text: at.Text("parent"), Cites: cites,
			FromHint: hint(at, parent, "company"),
		})
	}
	return drafts, wrong
}

// hint is all that is told of an entity that is merely named.
func hint(at ingest.Position, id, kind string) *ingest.Hint {
	return &ingest.Hint{Kind: at.Text(kind), Name: at.Text("FtM " + id)}
}

var dateForm = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2})?)?(?:$|T)`)

// dateOf returns the day, month or year of a date, "" where it is none.
func dateOf(s string) string {
	day := strings.TrimSuffix(dateForm.FindString(s), "T")
	if _, err := kg.ParseDate(day); err != nil {
		return ""
	}
	return day
}
