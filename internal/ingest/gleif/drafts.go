package gleif

import (
	"fmt"
	"regexp"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// writer makes drafts of records.
type writer struct {
	in     ingest.Input
	source string
}

// citation says where in the file a record is. The locator is what the register
// itself calls the record, so that the next issue of the file says the same.
func (w *writer) citation(at ingest.Position, locator string) []ingest.Citation {
	return []ingest.Citation{{Source: at.Text(w.source), Locator: locator}}
}

// drafts returns what becomes of a record, and what is wrong with it.
func (w *writer) drafts(r record) ([]ingest.Draft, []error) {
	at := w.in.At(r.line)
	p := &problems{at: at}
	var drafts []ingest.Draft
	switch {
	case r.entity == nil && r.relationship == nil && r.exception == nil:
		p.add("this is no record of GLEIF: it has neither an LEI nor a relationship")
	case r.deleted != "" && w.in.Dataset == "":
		p.add("GLEIF has deleted the record of %s (%s); import the file as an issue of a data set to take back what earlier ones said of it", r.subject(), r.deleted)
	case r.deleted != "":
	case r.entity != nil:
		drafts = w.entity(at, r.entity, p)
	case r.relationship != nil:
		drafts = w.relationship(at, r.relationship, p)
	default:
		drafts = w.exception(at, r.exception, p)
	}
	if isLEI(r.subject()) && w.in.Dataset != "" {
		drafts = append([]ingest.Draft{&ingest.Record{At: at, Source: at.Text(w.source), Locator: r.locator()}}, drafts...)
	}
	return drafts, p.list
}

// problems collects what is wrong with a record.
type problems struct {
	at   ingest.Position
	list []error
}

func (p *problems) add(format string, args ...any) {
	p.list = append(p.list, ingest.Problemf(p.at, format, args...))
}

// lei checks an LEI and reports whether it can be one.
func (p *problems) lei(s string) bool {
	switch {
	case s == "":
		p.add("the record lacks an LEI")
		return false
	case !isLEI(s):
		p.add("%.40q is no LEI: it needs 18 letters or digits and two check digits (ISO 17442), and the remainder by 97 must be 1", s)
		return false
	}
	return true
}

// isLEI checks the form of ISO 17442 and the check digits of ISO 7064, mod 97-10.
func isLEI(s string) bool {
	if len(s) != 20 || s[18] < '0' || s[18] > '9' || s[19] < '0' || s[19] > '9' {
		return false
	}
	remainder := 0
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9':
			remainder = (remainder*10 + int(c-'0')) % 97
		case 'A' <= c && c <= 'Z':
			remainder = (remainder*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return remainder == 1
}

func entityID(lei string) string { return ingest.NewID("lei", lei) }

// hint is all that a record tells of an entity that it merely names.
func hint(at ingest.Position, lei string) *ingest.Hint {
	return &ingest.Hint{
		Kind: at.Text("company"), Name: at.Text("LEI " + lei),
		Identifiers: []ingest.Identifier{{Scheme: at.Text("lei"), Value: at.Text(lei)}},
	}
}

var dateForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)

// date returns the day of a moment, as the register writes it: in its own zone,
// which is that of the day it means.
func (p *problems) date(s string) string {
	if s == "" {
		return ""
	}
	day := dateForm.FindString(s)
	if _, err := kg.ParseDate(day); day == "" || err != nil {
		p.add("%.40q is no date; it is left out", s)
		return ""
	}
	return day
}

// kinds of entities that are no companies.
var kinds = map[string]string{"RESIDENT_GOVERNMENT_ENTITY": "organization", "INTERNATIONAL_ORGANIZATION": "organization"}

// nameKinds is the standing of further names.
var nameKinds = map[string]string{
	"": "legal", "PREVIOUS_LEGAL_NAME": "former", "ALTERNATIVE_LANGUAGE_LEGAL_NAME": "legal",
}

func (w *writer) entity(at ingest.Position, e *entity, p *problems) []ingest.Draft {
	if !p.lei(e.lei) {
		return nil
	}
	switch e.registration {
	case "ANNULLED", "DUPLICATE":
		p.add("the record of %s is %s and names no entity of its own", e.lei, strings.ToLower(e.registration))
		return nil
	}
	cites := w.citation(at, e.locator())
	d := &ingest.Entity{At: at, ID: at.Text(entityID(e.lei)), Kind: at.Text("company"), Cites: cites}
	if kind := kinds[e.category]; kind != "" {
		d.Kind = at.Text(kind)
	}
	for _, n := range e.names {
		text := strings.Join(strings.Fields(n.text), " ")
		if kg.FoldName(text) == "" {
			continue
		}
		kind, known := nameKinds[n.kind]
		if !known {
			kind = "alias"
		}
		lang := strings.ToLower(n.lang)
		if !ingest.IsLanguage(lang) {
			lang = ""
		}
		d.Names = append(d.Names, ingest.Name{Text: at.Text(text), Lang: at.Text(lang), Kind: at.Text(kind)})
	}
	if len(d.Names) == 0 {
		p.add("the record of %s has no name", e.lei)
		return nil
	}
	identify := func(scheme, value string) {
		d.Identifiers = append(d.Identifiers, ingest.Identifier{Scheme: at.Text(scheme), Value: at.Text(value)})
	}
	identify("lei", e.lei)
	// RA999999 and RA888888 stand for no register at all.
	if e.number != "" && e.authority != "" && e.authority != "RA999999" && e.authority != "RA888888" {
		identify("reg:"+e.authority, e.number)
	}
	drafts := []ingest.Draft{d}
	for _, f := range []struct{ metric, date string }{{"founded_date", e.created}, {"dissolved_date", e.expired}} {
		if day := p.date(f.date); day != "" {
			drafts = append(drafts, &ingest.Figure{At: at, Of: d.ID, Metric: at.Text(f.metric), Date: at.Text(day), Cites: cites})
		}
	}
	if ingest.IsJurisdiction(e.jurisdiction) {
		drafts = append(drafts, located(at, e, cites, "related_to", kg.RegisteredIn, e.jurisdiction))
	}
	if countryForm.MatchString(e.office.country) {
		office := located(at, e, cites, "headquartered_in", "", e.office.country)
		office.Attributes = attribute(attribute(nil, at, "city", e.office.city), at, "region", e.office.region)
		drafts = append(drafts, office)
	}
	for _, lei := range e.successors {
		if p.lei(lei) {
			drafts = append(drafts, &ingest.Relation{
				At: at, Type: at.Text("succeeded"), From: at.Text(entityID(lei)), To: d.ID, On: at.Text(p.date(e.expired)), Cites: cites,
				FromHint: hint(at, lei),
			})
		}
	}
	return drafts
}

var countryForm = regexp.MustCompile(`^[A-Z]{2}$`)

// located returns in which country, or part of one, an entity is, in one way or another.
func located(at ingest.Position, e *entity, cites []ingest.Citation, relation, text, code string) *ingest.Relation {
	country, hint := ingest.Country(at, code)
	return &ingest.Relation{At: at, Type: at.Text(relation), Text: at.Text(text), From: at.Text(entityID(e.lei)), To: country, ToHint: hint, Cites: cites}
}

func attribute(list []ingest.Attribute, at ingest.Position, key, value string) []ingest.Attribute {
	if value = strings.Join(strings.Fields(value), " "); value == "" {
		return list
	}
	return append(list, ingest.Attribute{Key: at.Text(key), Value: at.Text(value)})
}

// meaning is what a type of relationship becomes.
type meaning struct {
	relation, text, declared string
	// up: ours leads from parent to child, theirs the other way round.
	up bool
}

var meanings = map[string]meaning{
	"IS_DIRECTLY_CONSOLIDATED_BY":   {"controls", directBasis, "", true},
	"IS_ULTIMATELY_CONSOLIDATED_BY": {"controls", ultimateBasis, kg.DeclaredUltimate, true},
	"IS_INTERNATIONAL_BRANCH_OF":    {"part_of", "international branch", "", false},
	"IS_SUBFUND_OF":                 {"part_of", "sub-fund", "", false},
	"IS_FUND-MANAGED_BY":            {"related_to", "is managed by", "", false},
	"IS_FEEDER_TO":                  {"related_to", "is a feeder fund of", "", false},
}

const (
	directBasis   = "accounting consolidation, direct"
	ultimateBasis = "accounting consolidation, ultimate"
)

func (w *writer) relationship(at ingest.Position, r *relationship, p *problems) []ingest.Draft {
	for _, end := range []struct{ lei, kind string }{{r.child, r.childType}, {r.parent, r.parentType}} {
		if end.kind != "" && end.kind != "LEI" {
			p.add("an end of the relationship is named by %.40q, not by an LEI", end.kind)
			return nil
		}
		if !p.lei(end.lei) {
			return nil
		}
	}
	m, known := meanings[r.kind]
	if !known {
		p.add("%.40q is no known type of relationship", r.kind)
		return nil
	}
	switch r.registration {
	case "ANNULLED", "DUPLICATE":
		p.add("the record of %s and %s is %s and says nothing", r.child, r.parent, strings.ToLower(r.registration))
		return nil
	}
	d := &ingest.Relation{
		At: at, Type: at.Text(m.relation), From: at.Text(entityID(r.child)), To: at.Text(entityID(r.parent)), Text: at.Text(m.text),
		FromHint: hint(at, r.child), ToHint: hint(at, r.parent), Cites: w.citation(at, r.locator()),
	}
	if m.up {
		d.From, d.To, d.FromHint, d.ToHint = d.To, d.From, d.ToHint, d.FromHint
	}
	var held []period // the spans of the relationship
	var spans []string
	add := func(key, value string) { d.Attributes = attribute(d.Attributes, at, key, value) }
	for _, x := range r.periods {
		start, end := p.date(x.start), p.date(x.end)
		switch x.kind {
		case "RELATIONSHIP_PERIOD":
			held = append(held, period{start, end, x.kind})
		case "ACCOUNTING_PERIOD", "DOCUMENT_FILING_PERIOD":
			if start+end == "" {
				continue
			}
			spans = append(spans, x.kind)
			add(fmt.Sprintf("%s%s", strings.ToLower(x.kind), numbered(spans, x.kind)), start+"/"+end)
		default:
			p.add("%.40q is no known type of period; it is left out", x.kind)
		}
	}
	for i, q := range r.quantifiers {
		// 1.00 and 100.00 both stand for full consolidation, and for no share.
		add("quantifier"+ingest.Ordinal(i), strings.Join([]string{q.method, q.amount, q.units}, " "))
	}
	if len(r.quantifiers) > 0 {
		d.Note = at.Text("The quantifier is kept as printed. It measures consolidation, not a share of the equity.")
	}
	for i, q := range r.qualifiers {
		add("qualifier"+ingest.Ordinal(i), q.dimension+" "+q.category)
	}
	add("type", r.kind)
	add("status", r.status)
	add("registration_status", r.registration)
	add("validation_sources", r.sources)
	add("validation_documents", r.documents)
	add("validation_reference", ingest.Clipped(r.reference))
	add(kg.AttributeDeclared, m.declared)
	if len(held) == 0 {
		held = []period{{}}
	}
	var drafts []ingest.Draft
	for _, x := range held {
		if r.status == "INACTIVE" && x.end == "" {
			// It has ended, and nobody says when: at the latest when that was entered.
			if day := p.date(r.updated); day != "" && day >= x.start {
				x.end = "[.." + day + "]"
			}
		}
		one := *d
		one.Since, one.Until = at.Text(x.start), at.Text(x.end)
		drafts = append(drafts, &one)
	}
	return drafts
}

// numbered returns what tells the newest of equal kinds from those before it.
func numbered(all []string, kind string) string {
	n := 0
	for _, s := range all {
		if s == kind {
			n++
		}
	}
	return ingest.Ordinal(n - 1)
}

// absences tells for every reason of an exception in what way a parent is absent.
var absences = map[string]string{
	"NATURAL_PERSONS":           "none", // whoever controls it consolidates nothing
	"NON_CONSOLIDATING":         "none",
	"NO_KNOWN_PERSON":           "none", // nobody controls it, as where shares are spread
	"NO_LEI":                    "unknown",
	"NON_PUBLIC":                "withheld",
	"BINDING_LEGAL_COMMITMENTS": "withheld",
	"LEGAL_OBSTACLES":           "withheld",
	"DISCLOSURE_DETRIMENTAL":    "withheld",
	"DETRIMENT_NOT_EXCLUDED":    "withheld",
	"CONSENT_NOT_OBTAINED":      "withheld",
}

var bases = map[string]string{
	"DIRECT_ACCOUNTING_CONSOLIDATION_PARENT":   directBasis,
	"ULTIMATE_ACCOUNTING_CONSOLIDATION_PARENT": ultimateBasis,
}

func (w *writer) exception(at ingest.Position, e *exception, p *problems) []ingest.Draft {
	if !p.lei(e.lei) {
		return nil
	}
	basis, known := bases[e.category]
	if !known {
		p.add("%.60q is no known category of exceptions", e.category)
		return nil
	}
	var drafts []ingest.Draft
	for _, reason := range e.reasons {
		kind, known := absences[reason]
		if !known {
			p.add("%.60q is no known reason of exceptions", reason)
			continue
		}
		d := &ingest.Absence{
			At: at, Entity: at.Text(entityID(e.lei)), Relation: at.Text("controls"), Direction: at.Text("in"), Kind: at.Text(kind),
			Reason: at.Text(reason), Text: at.Text(basis), Cites: w.citation(at, e.locator()), Hint: hint(at, e.lei),
		}
		if len(e.references) > 0 {
			d.Note = at.Text(ingest.Clipped("Reference: " + strings.Join(e.references, ", ")))
		}
		drafts = append(drafts, d)
	}
	if len(e.reasons) == 0 {
		p.add("the exception of %s gives no reason", e.lei)
	}
	return drafts
}
