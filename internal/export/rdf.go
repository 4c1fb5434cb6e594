package export

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// The names of terms, by the prefix that stands for them: schema.org
// (https://schema.org), PROV-O (https://www.w3.org/TR/prov-o), and our own for
// what neither has. docs/formats/export.md says what each means here.
var rdfPrefixes = []struct{ prefix, iri string }{
	{"keiretsu", "urn:keiretsu:term:"},
	{"prov", "http://www.w3.org/ns/prov#"},
	{"schema", "https://schema.org/"},
	{"xsd", "http://www.w3.org/2001/XMLSchema#"},
}

// edtfType is the datatype of dates that XML Schema has no type for, such as
// intervals: the Library of Congress's for EDTF.
const edtfType = "http://id.loc.gov/datatypes/edtf/EDTF"

// rdfNode is a thing with what is said of it.
type rdfNode struct {
	iri   string
	types []string // prefixed terms
	// sources are the IRIs of those who say so, unless a property has its own.
	sources    []string
	properties []rdfProperty
}

type rdfProperty struct {
	term    string // prefixed
	value   rdfValue
	sources []string
}

// rdfValue is an IRI, or a text with a language or a datatype.
type rdfValue struct {
	iri, text, lang string
	datatype        string // prefixed term or IRI, "" for a plain text
}

func (n *rdfNode) add(term string, value rdfValue) {
	if value != (rdfValue{}) {
		n.properties = append(n.properties, rdfProperty{term: term, value: value})
	}
}

func (n *rdfNode) text(term, text string) {
	if text != "" {
		n.add(term, rdfValue{text: text})
	}
}

func (n *rdfNode) number(term string, x float64) {
	n.add(term, rdfValue{text: number(x), datatype: "xsd:decimal"})
}

// resource returns the IRI of a record. Ids are percent-encoded but for what an
// IRI takes as it is.
func resource(id kg.ID) string {
	return "urn:keiretsu:" + strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(string(id)), "+", "%20"), "%3A", ":")
}

var (
	dayForm   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	monthForm = regexp.MustCompile(`^\d{4}-\d{2}$`)
	yearForm  = regexp.MustCompile(`^\d{4}$`)
	// langForm is what N-Quads takes for a language tag.
	langForm = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$`)
	// iriForm is what is taken for an address as it stands.
	iriForm = regexp.MustCompile("^https?://[^\\x00-\\x20<>\"{}|^`\\\\]+$")
)

// dateValue returns a date or period in the narrowest type that holds it.
func dateValue(text string) rdfValue {
	switch {
	case text == "":
		return rdfValue{}
	case dayForm.MatchString(text):
		return rdfValue{text: text, datatype: "xsd:date"}
	case monthForm.MatchString(text):
		return rdfValue{text: text, datatype: "xsd:gYearMonth"}
	case yearForm.MatchString(text):
		return rdfValue{text: text, datatype: "xsd:gYear"}
	case strings.HasPrefix(text, "--"):
		return rdfValue{text: text, datatype: "xsd:gMonthDay"}
	}
	return rdfValue{text: text, datatype: edtfType}
}

// langText returns a text in a language. Tags are in small letters, to which
// processors of JSON-LD turn them.
func langText(text, lang string) rdfValue {
	if !langForm.MatchString(lang) {
		lang = ""
	}
	return rdfValue{text: text, lang: strings.ToLower(lang)}
}

var entityTerms = map[kg.EntityKind]string{
	kg.KindCompany: "schema:Corporation", kg.KindOrganization: "schema:Organization", kg.KindPerson: "schema:Person",
	kg.KindProduct: "schema:Product", kg.KindSegment: "schema:Organization", kg.KindPlace: "schema:Place",
	kg.KindEvent: "schema:Event", kg.KindWork: "schema:CreativeWork", kg.KindConcept: "schema:DefinedTerm",
}

// ownTerm returns our term for a word in capitals: HOLDS_ROLE is keiretsu:HoldsRole.
func ownTerm(word string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.ToLower(word), "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return "keiretsu:" + b.String()
}

// eachNode calls do with everything that the snapshot holds: sources, metrics,
// entities, relations, observations, conflicts; a fact before its claims. The source
// of judgements comes last, and only where a fact cites it: whoever judges and takes
// it back leaves no trace.
func eachNode(ctx context.Context, snap kg.Snapshot, losses *losses, do func(*rdfNode) error) error {
	var judgements *kg.Source
	judged := false
	vouched := func(n *rdfNode, do func(*rdfNode) error, lists ...[]kg.Citation) error {
		for _, list := range lists {
			judged = judged || slices.ContainsFunc(list, func(c kg.Citation) bool { return c.Source == kg.JudgementSource })
		}
		return vouched(n, do, lists...)
	}
	err := each(ctx, snap, kg.RecordSource, func(s *kg.Source) error {
		if s.ID == kg.JudgementSource {
			judgements = s
			return nil
		}
		return do(sourceNode(s))
	})
	if err == nil {
		err = each(ctx, snap, kg.RecordMetric, func(m *kg.Metric) error { return do(metricNode(m)) })
	}
	if err == nil {
		err = each(ctx, snap, kg.RecordEntity, func(e *kg.Entity) error {
			losses.add("known unknowns", len(e.Absences))
			if !isBody(e.Kind) {
				for _, n := range e.Names {
					if n.Kind == kg.NameLegal {
						losses.add("that a name of neither a company nor an organization is the legal one", 1)
					}
				}
			}
			lists := [][]kg.Citation{e.Citations}
			for _, n := range e.Names {
				lists = append(lists, n.Citations)
			}
			for _, i := range e.Identifiers {
				lists = append(lists, i.Citations)
			}
			return vouched(entityNode(e), do, lists...)
		})
	}
	if err != nil {
		return err
	}
	for edge, err := range snap.Relations(ctx, kg.RelationQuery{All: true}) {
		if err != nil {
			return err
		}
		if err := vouched(relationNode(edge.Relation), do, edge.Relation.Citations); err != nil {
			return err
		}
		if shortcut := shortcutNode(edge.Relation); shortcut != nil {
			if err := do(shortcut); err != nil {
				return err
			}
		}
	}
	err = each(ctx, snap, kg.RecordObservation, func(o *kg.Observation) error {
		return vouched(observationNode(o), do, o.Citations)
	})
	if err == nil {
		err = each(ctx, snap, kg.RecordConflict, func(c *kg.Conflict) error {
			for _, p := range c.Claims {
				for _, cite := range p.Citations {
					judged = judged || cite.Source == kg.JudgementSource
					if cite.Claim == "" && (cite.Locator != "" || cite.AttributedTo != "") {
						losses.add("places in sources, and whom they quote, of conflicts that people noted", 1)
					}
				}
			}
			for _, n := range conflictNodes(c) {
				if err := do(n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil && judged && judgements != nil {
		err = do(sourceNode(judgements))
	}
	return err
}

// vouched hands out a fact, with the claims it rests on, and then those.
func vouched(n *rdfNode, do func(*rdfNode) error, lists ...[]kg.Citation) error {
	seen := map[kg.ID]bool{}
	var claims []*rdfNode
	for _, list := range lists {
		for _, c := range list {
			if c.Claim == "" || seen[c.Claim] {
				continue
			}
			seen[c.Claim] = true
			n.properties = append(n.properties, rdfProperty{term: "prov:wasDerivedFrom", value: rdfValue{iri: resource(c.Claim)}, sources: []string{""}})
			claim := &rdfNode{iri: resource(c.Claim), types: []string{"prov:Entity"}}
			claim.add("prov:hadPrimarySource", rdfValue{iri: resource(c.Source)})
			claim.text("keiretsu:locator", c.Locator)
			if c.AttributedTo != "" {
				claim.add("prov:wasAttributedTo", rdfValue{iri: resource(c.AttributedTo)})
			}
			claims = append(claims, claim)
		}
	}
	if err := do(n); err != nil {
		return err
	}
	for _, claim := range claims {
		if err := do(claim); err != nil {
			return err
		}
	}
	return nil
}

// sourcesOf returns the IRIs of the sources of citations.
func sourcesOf(citations []kg.Citation) []string {
	_, sources, _ := cited(citations)
	for i, s := range sources {
		sources[i] = resource(kg.ID(s))
	}
	return sources
}

func sourceNode(s *kg.Source) *rdfNode {
	n := &rdfNode{iri: resource(s.ID), types: []string{"schema:CreativeWork", "prov:Entity"}}
	n.text("schema:name", s.Title)
	n.text("schema:publisher", s.Publisher)
	n.text("schema:author", s.Author)
	n.text("schema:genre", s.Kind)
	if iriForm.MatchString(s.URL) {
		n.add("schema:url", rdfValue{iri: s.URL})
	} else {
		n.text("schema:url", s.URL)
	}
	n.add("schema:datePublished", dateValue(s.Published.String()))
	n.add("schema:dateModified", dateValue(s.Updated.String()))
	for _, lang := range s.Langs {
		n.text("schema:inLanguage", lang)
	}
	n.text("schema:abstract", s.Note)
	return n
}

func metricNode(m *kg.Metric) *rdfNode {
	n := &rdfNode{iri: resource(m.RecordID()), types: []string{"schema:StatisticalVariable"}}
	n.text("schema:name", m.Name)
	n.text("schema:description", m.Definition)
	n.text("schema:unitText", m.Unit)
	for _, yes := range []struct {
		is   bool
		term string
	}{{m.AddsOverTime, "keiretsu:addsOverTime"}, {m.AddsOverParts, "keiretsu:addsOverParts"}} {
		if yes.is {
			n.add(yes.term, rdfValue{text: "true", datatype: "xsd:boolean"})
		}
	}
	for _, other := range m.SameAs {
		n.add("keiretsu:closeTo", rdfValue{iri: resource(kg.MetricID(other))})
	}
	return n
}

func entityNode(e *kg.Entity) *rdfNode {
	n := &rdfNode{iri: resource(e.ID), types: []string{entityTerms[e.Kind]}, sources: sourcesOf(e.Citations)}
	if e.Kind == kg.KindSegment {
		n.types = append(n.types, "keiretsu:Segment")
	}
	with := func(term string, value rdfValue, citations []kg.Citation) {
		n.properties = append(n.properties, rdfProperty{term, value, sourcesOf(citations)})
	}
	body := isBody(e.Kind)
	for _, name := range e.Names {
		term := "schema:alternateName"
		switch {
		case name.Kind == kg.NamePreferred:
			term = "schema:name"
		case name.Kind == kg.NameLegal && body:
			term = "schema:legalName"
		case name.Kind == kg.NameFormer:
			term = "keiretsu:formerName"
		}
		with(term, langText(name.Text, name.Lang), name.Citations)
	}
	for _, i := range e.Identifiers {
		switch scheme := strings.ToLower(i.Scheme); {
		case scheme == "lei" && body:
			with("schema:leiCode", rdfValue{text: i.Value}, i.Citations)
		case scheme == "wikidata":
			with("schema:sameAs", rdfValue{iri: "http://www.wikidata.org/entity/" + url.PathEscape(i.Value)}, i.Citations)
		default:
			with("schema:identifier", rdfValue{text: i.Scheme + ":" + i.Value}, i.Citations)
		}
	}
	for _, id := range e.Merged {
		n.add("schema:sameAs", rdfValue{iri: resource(id)})
	}
	n.add("keiretsu:fiscalYearEnd", dateValue(e.FiscalYearEnd.String()))
	return n
}

func relationNode(r *kg.Relation) *rdfNode {
	n := &rdfNode{iri: resource(r.ID), types: []string{ownTerm(r.Type.String()), "schema:Role"}, sources: sourcesOf(r.Citations)}
	switch {
	case r.Type.IsEvent():
		n.types[1] = "schema:Action"
		n.add("schema:agent", rdfValue{iri: resource(r.From)})
		n.add("schema:object", rdfValue{iri: resource(r.To)})
	case r.Type == kg.HoldsRole:
		n.types[1] = "schema:OrganizationRole"
	}
	n.add("keiretsu:from", rdfValue{iri: resource(r.From)})
	n.add("keiretsu:to", rdfValue{iri: resource(r.To)})
	n.add("schema:startDate", dateValue(r.Start.String()))
	n.add("schema:endDate", dateValue(r.End.String()))
	if s := r.Stake; s != nil {
		n.number("keiretsu:stakeMinimum", s.Min)
		n.number("keiretsu:stakeMaximum", s.Max)
		n.text("keiretsu:stake", s.String())
		n.text("keiretsu:stakeWording", s.Wording)
	}
	if r.Money != nil {
		n.number("schema:price", r.Money.Amount)
		n.text("schema:priceCurrency", r.Money.Currency)
	}
	if r.Type == kg.HoldsRole {
		n.text("schema:roleName", r.Text)
	} else {
		n.text("schema:description", r.Text)
	}
	for _, a := range r.Attributes {
		n.text("keiretsu:attribute", a.Key+"="+a.Value)
	}
	if r.OpenedBy != "" {
		n.add("keiretsu:openedBy", rdfValue{iri: resource(r.OpenedBy)})
	}
	if r.EndedBy != "" {
		n.add("keiretsu:endedBy", rdfValue{iri: resource(r.EndedBy)})
	}
	n.text("keiretsu:note", r.Note)
	return n
}

// shortcutNode says what schema.org has a property for, without the dates, for a
// relation that has no end; nil for all others.
func shortcutNode(r *kg.Relation) *rdfNode {
	if r.End.Placed() || r.Indirect() {
		return nil
	}
	bodies := func(kinds ...kg.EntityKind) bool {
		for _, k := range kinds {
			if k != kg.KindCompany && k != kg.KindOrganization && k != kg.KindSegment {
				return false
			}
		}
		return true
	}
	subject, term, object := r.From, "", r.To
	switch {
	case r.Type == kg.Owns && bodies(r.FromKind, r.ToKind) && r.Stake != nil && (r.Stake.Min > 50 || r.Stake.Min == 50 && r.Stake.MinOpen):
		term = "schema:subOrganization"
	case r.Type == kg.PartOf && bodies(r.FromKind, r.ToKind):
		term = "schema:parentOrganization"
	case r.Type == kg.HoldsRole && bodies(r.ToKind):
		term = "schema:affiliation"
	case r.Type == kg.Founded && bodies(r.ToKind):
		subject, term, object = r.To, "schema:founder", r.From
	case r.Type == kg.Offers && r.ToKind == kg.KindProduct && bodies(r.FromKind):
		subject, term, object = r.To, "schema:manufacturer", r.From
	case r.Type == kg.HeadquarteredIn && bodies(r.FromKind):
		term = "schema:location"
	default:
		return nil
	}
	n := &rdfNode{iri: resource(subject), sources: sourcesOf(r.Citations)}
	n.add(term, rdfValue{iri: resource(object)})
	return n
}

func observationNode(o *kg.Observation) *rdfNode {
	n := &rdfNode{iri: resource(o.ID), types: []string{"schema:Observation"}, sources: sourcesOf(o.Citations)}
	n.add("schema:observationAbout", rdfValue{iri: resource(o.Subject)})
	n.add("schema:measuredProperty", rdfValue{iri: resource(kg.MetricID(o.Metric))})
	if o.Unit == kg.UnitDate {
		n.add("schema:value", dateValue(o.Date.String()))
	} else {
		n.number("schema:value", o.Value)
		n.text("schema:unitText", o.Unit)
	}
	if o.Qualifier != kg.Exactly {
		n.text("keiretsu:qualifier", o.Qualifier.String())
	}
	n.text("keiretsu:nature", o.Nature.String())
	n.add("schema:observationPeriod", dateValue(o.Period.String()))
	n.text("keiretsu:periodLabel", o.Label)
	n.text("keiretsu:scope", o.Scope)
	for _, d := range o.Dimensions {
		n.text("keiretsu:dimension", d.Key+"="+d.Value)
	}
	n.text("keiretsu:note", o.Note)
	return n
}

// conflictNodes returns a conflict and its sides.
func conflictNodes(c *kg.Conflict) []*rdfNode {
	n := &rdfNode{iri: resource(c.ID), types: []string{"keiretsu:Conflict"}}
	n.add("keiretsu:about", rdfValue{iri: resource(c.About)})
	n.text("keiretsu:predicate", c.Predicate)
	n.text("keiretsu:kind", c.Kind.String())
	n.text("keiretsu:rule", c.Rule)
	n.text("schema:description", c.Note)
	nodes := []*rdfNode{n}
	for i, p := range c.Claims {
		side := &rdfNode{iri: n.iri + "#" + number(float64(i+1)), types: []string{"keiretsu:Position"}}
		side.text("schema:value", p.Value)
		for _, cite := range p.Citations {
			if cite.Claim != "" {
				side.add("prov:wasDerivedFrom", rdfValue{iri: resource(cite.Claim)})
			} else {
				side.add("prov:hadPrimarySource", rdfValue{iri: resource(cite.Source)})
			}
		}
		n.add("keiretsu:position", rdfValue{iri: side.iri})
		nodes = append(nodes, side)
	}
	return nodes
}
