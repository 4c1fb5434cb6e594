package export

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// This file writes statements of the Beneficial Ownership Data Standard 0.4
// (https://standard.openownership.org/en/0.4.0) as docs/formats/bods.md reads them:
// one record for every company, organization and person, and one for every two
// between which there are interests. A record is a chain of statements, one for
// each moment at which the graph learned something about it, so that both clocks
// come back: bodsrelation.go has the interests, this file all else.

// bodsStatement is a statement. docs/formats/bods.md says where each value is from.
type bodsStatement struct {
	StatementID        string           `json:"statementId"`
	StatementDate      string           `json:"statementDate"`
	DeclarationSubject string           `json:"declarationSubject"`
	RecordID           string           `json:"recordId"`
	RecordType         string           `json:"recordType"`
	RecordStatus       string           `json:"recordStatus"`
	RecordDetails      json.RawMessage  `json:"recordDetails"`
	PublicationDetails bodsPublication  `json:"publicationDetails"`
	Source             *bodsSourceNamed `json:"source,omitempty"`
}

type bodsPublication struct {
	PublicationDate string        `json:"publicationDate"`
	BODSVersion     string        `json:"bodsVersion"`
	Publisher       bodsPublisher `json:"publisher"`
}

type bodsPublisher struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

type bodsSourceNamed struct {
	Type        []string `json:"type"`
	Description string   `json:"description"`
	URL         string   `json:"url,omitempty"`
}

// bodsEntity is what is said of a company or organization.
type bodsEntity struct {
	IsComponent     bool             `json:"isComponent"`
	EntityType      bodsEntityType   `json:"entityType"`
	Name            string           `json:"name,omitempty"`
	AlternateNames  []string         `json:"alternateNames,omitempty"`
	Jurisdiction    *bodsPlace       `json:"jurisdiction,omitempty"`
	Identifiers     []bodsIdentifier `json:"identifiers,omitempty"`
	FoundingDate    string           `json:"foundingDate,omitempty"`
	DissolutionDate string           `json:"dissolutionDate,omitempty"`
}

type bodsEntityType struct {
	Type string `json:"type"`
}

type bodsPlace struct {
	Name string `json:"name"`
	Code string `json:"code"`
}

type bodsIdentifier struct {
	ID         string `json:"id"`
	Scheme     string `json:"scheme,omitempty"`
	SchemeName string `json:"schemeName,omitempty"`
	URI        string `json:"uri,omitempty"`
}

// bodsPerson is what is said of a person.
type bodsPerson struct {
	IsComponent bool             `json:"isComponent"`
	PersonType  string           `json:"personType"`
	Names       []bodsName       `json:"names,omitempty"`
	Identifiers []bodsIdentifier `json:"identifiers,omitempty"`
	BirthDate   string           `json:"birthDate,omitempty"`
	DeathDate   string           `json:"deathDate,omitempty"`
}

type bodsName struct {
	Type     string `json:"type"`
	FullName string `json:"fullName"`
}

// bodsWriter writes a graph.
type bodsWriter struct {
	snap    kg.Snapshot
	to      *bufio.Writer
	losses  losses
	sources map[kg.ID]*kg.Source
	between string
	// relations and figures count what was written of those.
	relations, figures int
}

func writeBODS(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error) {
	w := &bodsWriter{snap: snap, losses: losses{always: []string{lostJudged}}, to: bufio.NewWriter(to), sources: make(map[kg.ID]*kg.Source), between: "[\n"}
	counts, err := snap.Stats(ctx)
	if err != nil {
		return nil, err
	}
	for _, pass := range []func(context.Context, []*kg.Entity) error{w.describe, w.relate} {
		if err := batches(ctx, snap, func(batch []*kg.Entity) error { return pass(ctx, batch) }); err != nil {
			return nil, err
		}
	}
	end := "\n]\n"
	if w.between == "[\n" {
		end = "[]\n"
	}
	if _, err := w.to.WriteString(end); err != nil {
		return nil, err
	}
	w.losses.add("relations that are no interests in a company or organization, such as deals, partnerships and links in words", int(counts[kg.RecordRelation])-w.relations)
	w.losses.add("figures other than when somebody was founded, dissolved, born or died", int(counts[kg.RecordObservation])-w.figures)
	w.losses.add("conflicts", int(counts[kg.RecordConflict]))
	w.losses.add("definitions of metrics", int(counts[kg.RecordMetric]))
	return w.losses.lines(), w.to.Flush()
}

// bodsVersion is what a record says since a moment.
type bodsVersion struct {
	at time.Time
	// details are those of the record.
	details any
	// cites are the citations on which it rests.
	cites []kg.Citation
	// over reports that nothing of it holds any more.
	over bool
}

// write writes the statements of a record, oldest first: one for each version
// that says something else than the one before.
func (w *bodsWriter) write(ctx context.Context, kind, record, subject string, versions []bodsVersion) error {
	var chain []bodsVersion
	var told []json.RawMessage
	for _, v := range versions {
		details, err := marshalPlain(v.details)
		if err != nil {
			return err
		}
		if len(chain) == 0 || !bytes.Equal(told[len(told)-1], details) {
			chain, told = append(chain, v), append(told, details)
		}
	}
	for i, v := range chain {
		s := bodsStatement{
			StatementDate: bodsMoment(v.at), DeclarationSubject: subject, RecordID: record, RecordType: kind, RecordStatus: "updated", RecordDetails: told[i],
		}
		switch {
		case i == len(chain)-1 && v.over:
			s.RecordStatus = "closed"
		case i == 0:
			s.RecordStatus = "new"
		}
		if err := w.publish(ctx, &s, v.cites); err != nil {
			return err
		}
		if err := w.statement(&s); err != nil {
			return err
		}
	}
	return nil
}

// statement writes a statement under an id that its contents give.
func (w *bodsWriter) statement(s *bodsStatement) error {
	text, err := marshalPlain(s)
	if err != nil {
		return err
	}
	s.StatementID = contentUUID(text)
	if text, err = marshalPlain(s); err != nil {
		return err
	}
	_, err = w.to.WriteString(w.between)
	w.between = ",\n"
	if err == nil {
		_, err = w.to.Write(text)
	}
	return err
}

// contentUUID returns a UUID of version 8 (RFC 9562) that is a hash.
func contentUUID(text []byte) string {
	sum := sha256.Sum256(text)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// marshalPlain is json.Marshal without escapes for HTML.
func marshalPlain(v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// bodsMoment writes an instant; midnight as a day, which is what it was where the
// source had no time.
func bodsMoment(at time.Time) string {
	at = at.UTC()
	if at.Equal(at.Truncate(24 * time.Hour)) {
		return at.Format(time.DateOnly)
	}
	return at.Format(time.RFC3339Nano)
}

// publish says who published what a statement says, and where it is from.
func (w *bodsWriter) publish(ctx context.Context, s *bodsStatement, cites []kg.Citation) error {
	s.PublicationDetails = bodsPublication{PublicationDate: s.StatementDate, BODSVersion: "0.4", Publisher: bodsPublisher{Name: "unknown"}}
	named := &bodsSourceNamed{}
	var titles []string
	for i, id := range sourcesCited(cites) {
		source, err := w.source(ctx, id)
		if err != nil {
			return err
		}
		if source == nil {
			continue
		}
		kind := "thirdParty"
		if source.Kind == "register" {
			kind = "officialRegister"
		}
		if !slices.Contains(named.Type, kind) {
			named.Type = append(named.Type, kind)
		}
		titles = append(titles, source.Title)
		address := ""
		if isAddress(source.URL) {
			address = source.URL
		}
		if i == 0 {
			s.PublicationDetails.Publisher = bodsPublisher{cmp.Or(source.Publisher, source.Title), address}
			named.URL = address
		}
	}
	if len(titles) > 0 {
		named.Description = strings.Join(titles, "; ")
		s.Source = named
	}
	return nil
}

// mostSources bounds the sources that are remembered.
const mostSources = 10_000

func (w *bodsWriter) source(ctx context.Context, id kg.ID) (*kg.Source, error) {
	if s, ok := w.sources[id]; ok {
		return s, nil
	}
	found, err := records[*kg.Source](ctx, w.snap, []kg.ID{id})
	if err != nil {
		return nil, err
	}
	if len(w.sources) >= mostSources {
		clear(w.sources)
	}
	w.sources[id] = found[id]
	return found[id], nil
}

// recordID returns the record of an entity: what it was where it came in the
// format, else its id.
func recordID(id kg.ID) string {
	if own, ok := strings.CutPrefix(string(id), "bods:"); ok {
		return unescapedID(own)
	}
	return string(id)
}

// isBODS reports that a source is a file of the format, or a data set in it.
func isBODS(source kg.ID) bool {
	return strings.HasPrefix(string(source), "bods:file:") || strings.HasPrefix(string(source), "bods:dataset:")
}

// isParty reports that an entity can be the party of a relationship, and isBody
// that it can be its subject; a body has a legal name and an LEI, too.
func isParty(k kg.EntityKind) bool { return k == kg.KindPerson || isBody(k) }
func isBody(k kg.EntityKind) bool  { return k == kg.KindCompany || k == kg.KindOrganization }

// learned gathers the moments at which the graph learned something, in order.
type learned []time.Time

func (l *learned) add(c *kg.Claim) {
	for _, s := range append(c.Earlier[:len(c.Earlier):len(c.Earlier)], c.Spell) {
		*l = append(*l, s.Recorded.UTC())
		if s.Retracted != nil {
			*l = append(*l, s.Retracted.At.UTC())
		}
	}
}

func (l *learned) moments() []time.Time {
	slices.SortFunc(*l, time.Time.Compare)
	return slices.CompactFunc(*l, time.Time.Equal)
}

// allIDs returns the ids of entities, merged ones included, and to whom each belongs.
func allIDs(entities []*kg.Entity) (ids []kg.ID, owner map[kg.ID]int) {
	owner = make(map[kg.ID]int)
	for i, e := range entities {
		for _, id := range append([]kg.ID{e.ID}, e.Merged...) {
			ids = append(ids, id)
			owner[id] = i
		}
	}
	return ids, owner
}

// describe writes the records of entities and persons.
func (w *bodsWriter) describe(ctx context.Context, all []*kg.Entity) error {
	var parties []*kg.Entity
	for _, e := range all {
		switch {
		case isParty(e.Kind):
			parties = append(parties, e)
			w.losses.add("other ids of entities that were judged to be one", len(e.Merged))
		case countryCode(e.ID) == "":
			w.losses.add("entities that are neither companies, organizations nor persons", 1)
		}
	}
	ids, owner := allIDs(parties)
	when, dated, located := make([]learned, len(parties)), make([]bool, len(parties)), make([]bool, len(parties))
	types := make([]string, len(parties))
	q := kg.ClaimQuery{Of: ids, As: []kg.Aspect{{Part: kg.PartItself}, {Part: kg.PartSubject}, {Part: kg.PartFrom, Type: kg.RelatedTo}}}
	for m, err := range w.snap.ClaimsAbout(ctx, q) {
		if err != nil {
			return err
		}
		i := owner[ids[m.At]]
		switch s := m.Claim.Statement.(type) {
		case *kg.Figure:
			if !slices.Contains(lifeMetrics, s.Metric) {
				continue
			}
			dated[i] = true
		case *kg.RelationStatement:
			if s.Text != kg.RegisteredIn || countryCode(s.To) == "" {
				continue // in a record of its own, or not at all
			}
			located[i] = true
		case *kg.EntityStatement:
			if kind, ok := strings.CutPrefix(m.Claim.Note, "BODS entity type: "); ok && m.Claim.Live() {
				types[i] = kind
			}
		case *kg.AbsenceStatement:
			continue // a record of its own
		}
		when[i].add(m.Claim)
	}
	var registered []*kg.Entity
	for i, e := range parties {
		if located[i] {
			registered = append(registered, e)
		}
	}
	places, told, err := jurisdictions(ctx, w.snap, registered)
	if err != nil {
		return err
	}
	w.relations += told
	var lives []kg.ID
	for i, e := range parties {
		if dated[i] {
			lives = append(lives, e.ID)
		}
	}
	found, err := lifeDates(ctx, w.snap, lives)
	if err != nil {
		return err
	}
	for i, e := range parties {
		var dates map[string][]*kg.Observation
		if dated[i] {
			dates, found = found[0], found[1:]
		}
		b := &bodsRecord{id: recordID(e.ID), kind: e.Kind, entityType: types[i], located: located[i], told: make(map[string]bool)}
		if located[i] {
			b.place, places = places[0], places[1:]
		}
		versions, err := w.chainOf(ctx, b, e, dates, when[i].moments())
		if err != nil {
			return err
		}
		kind := "entity"
		if e.Kind == kg.KindPerson {
			kind = "person"
		}
		if err := w.write(ctx, kind, b.id, b.id, versions); err != nil {
			return err
		}
	}
	return nil
}

// chainOf returns what was said of an entity at each of the moments, now last.
func (w *bodsWriter) chainOf(ctx context.Context, b *bodsRecord, e *kg.Entity, dates map[string][]*kg.Observation, moments []time.Time) ([]bodsVersion, error) {
	var versions []bodsVersion
	for i, at := range moments {
		then, known := e, dates
		if i < len(moments)-1 {
			past := kg.KnownBy(w.snap, at)
			found, err := records[*kg.Entity](ctx, past, []kg.ID{e.ID})
			if err != nil {
				return nil, err
			}
			if then = found[e.ID]; then == nil {
				continue
			}
			all, err := lifeDates(ctx, past, []kg.ID{then.ID})
			if err != nil {
				return nil, err
			}
			known = all[0]
			if b.located {
				places, _, err := jurisdictions(ctx, past, []*kg.Entity{then})
				if err != nil {
					return nil, err
				}
				b.place = places[0]
			}
		}
		now := &w.losses
		if then != e {
			now = &losses{} // what was once left out is no loss of today
		}
		versions = append(versions, bodsVersion{at: at, details: b.details(then, known, now, w), cites: then.Citations})
	}
	return versions, nil
}

// jurisdictions returns for each entity the country in which it is registered, nil
// where no relation says so, and how many relations do.
func jurisdictions(ctx context.Context, snap kg.Snapshot, entities []*kg.Entity) (places []*bodsPlace, told int, err error) {
	if len(entities) == 0 {
		return nil, 0, nil
	}
	out, err := relationsAt(ctx, snap, kg.RelationQuery{Of: idsOf(entities), Direction: kg.Out, Types: []kg.RelationType{kg.RelatedTo}, Kinds: []kg.EntityKind{kg.KindPlace}})
	if err != nil {
		return nil, 0, err
	}
	first := make([]kg.ID, len(entities))
	var named []kg.ID
	for i, relations := range out {
		for _, r := range relations {
			if countryProperty(r) == "jurisdiction" && isBody(entities[i].Kind) && countryForm.MatchString(strings.ToLower(countryCode(r.To))) {
				told++
				first[i] = cmp.Or(first[i], r.To)
				named = append(named, r.To)
			}
		}
	}
	countries, err := records[*kg.Entity](ctx, snap, named)
	if err != nil {
		return nil, 0, err
	}
	places = make([]*bodsPlace, len(entities))
	for i, id := range first {
		if country := countries[id]; country != nil {
			places[i] = &bodsPlace{country.Name(""), strings.ToUpper(countryCode(id))}
		}
	}
	return places, told, nil
}

// bodsRecord is the record of an entity or person, on its way through its versions.
type bodsRecord struct {
	id         string
	kind       kg.EntityKind
	entityType string
	// place is where it is registered, as far as a relation says so, which located
	// tells of some moment.
	place   *bodsPlace
	located bool
	// told are the names that earlier statements of it gave; what was told once
	// and is not any more is a former name.
	told map[string]bool
}

// details returns what is said of the entity.
func (b *bodsRecord) details(e *kg.Entity, dates map[string][]*kg.Observation, lost *losses, w *bodsWriter) any {
	type name struct {
		text string
		kind kg.NameKind
	}
	var names []name
	for _, n := range e.Names {
		if n.Lang != "" {
			lost.add("languages of names", 1)
		}
		switch {
		case n.Text == "BODS record "+b.id:
			// No name, but words for a record that has none.
		case n.Kind == kg.NameFormer && b.told[n.Text]:
		case !slices.ContainsFunc(names, func(m name) bool { return m.text == n.Text }):
			names = append(names, name{n.Text, n.Kind})
		}
	}
	for _, n := range names {
		if n.kind != kg.NameFormer {
			b.told[n.text] = true
		}
	}
	if !e.FiscalYearEnd.IsZero() {
		lost.add("ends of business years", 1)
	}
	date := func(metric string) kg.PartialDate {
		found := slices.SortedFunc(slices.Values(dates[metric]), func(a, b *kg.Observation) int {
			return cmp.Or(cmp.Compare(a.Date.Span(), b.Date.Span()), kg.CompareDates(a.Date, b.Date))
		})
		if len(found) == 0 {
			return kg.PartialDate{}
		}
		if lost == &w.losses {
			w.figures++
		}
		return found[0].Date
	}
	if b.kind == kg.KindPerson {
		p := &bodsPerson{PersonType: "knownPerson", Identifiers: b.identifiers(e, "")}
		for _, n := range names {
			kind := map[kg.NameKind]string{kg.NamePreferred: "legal", kg.NameLegal: "legal", kg.NameAlias: "alternative", kg.NameFormer: "former"}[n.kind]
			p.Names = append(p.Names, bodsName{kind, n.text})
		}
		p.BirthDate, p.DeathDate = lost.dateText(date("birth_date")), lost.dateText(date("death_date"))
		return p
	}
	place := b.place
	for _, i := range e.Identifiers {
		if code, ok := strings.CutPrefix(strings.ToLower(i.Scheme), "reg:"); ok && place == nil && countryForm.MatchString(code) {
			place = &bodsPlace{strings.ToUpper(code), strings.ToUpper(code)}
		}
	}
	d := &bodsEntity{Jurisdiction: place}
	if place != nil {
		d.Identifiers = b.identifiers(e, place.Code)
	} else {
		d.Identifiers = b.identifiers(e, "")
	}
	d.EntityType.Type = bodsEntityTypeOf(b.entityType, b.kind)
	for i, n := range names {
		if i == 0 {
			d.Name = n.text
			continue
		}
		d.AlternateNames = append(d.AlternateNames, n.text)
		lost.add("whether further names of companies are legal, other or former ones", 1)
	}
	d.FoundingDate, d.DissolutionDate = lost.day(date("founded_date")), lost.day(date("dissolved_date"))
	return d
}

// bodsEntityTypeOf returns the type of an entity: as the format had it, else by kind.
func bodsEntityTypeOf(own string, kind kg.EntityKind) string {
	switch own {
	case "legalEntity", "arrangement", "state", "stateBody":
		return own
	}
	if kind == kg.KindOrganization {
		return "legalEntity"
	}
	return "registeredEntity"
}

// orgIDForm is what codes of org-id.guide look like, and those for papers of persons.
var orgIDForm = regexp.MustCompile(`^([A-Z]{2}|X[A-Z])-[A-Z0-9_]+$|^[A-Z]{3}-(PASSPORT|TAXID|IDCARD)$`)

// identifiers returns the identifiers of an entity, with the codes of org-id.guide
// where we know them. A company number of its own jurisdiction is called just that.
func (b *bodsRecord) identifiers(e *kg.Entity, place string) []bodsIdentifier {
	var list []bodsIdentifier
	for _, i := range e.Identifiers {
		id := bodsIdentifier{ID: i.Value}
		switch scheme := strings.ToLower(i.Scheme); {
		case scheme == "lei":
			id.Scheme, id.SchemeName = "XI-LEI", "Global Legal Entity Identifier Index"
		case scheme == "reg:gb":
			id.Scheme, id.SchemeName = "GB-COH", "Companies House"
		case place != "" && scheme == "reg:"+strings.ToLower(place):
			id.SchemeName = "Company number"
		case orgIDForm.MatchString(i.Scheme):
			id.Scheme = i.Scheme
		case scheme == "wikidata":
			id.SchemeName, id.URI = i.Scheme, "http://www.wikidata.org/entity/"+url.PathEscape(i.Value)
		default:
			id.SchemeName = i.Scheme
		}
		list = append(list, id)
	}
	return list
}

// day writes a date as a day, the first one that a month or year can mean, as the
// standard has it; "" where it has no beginning.
func (l *losses) day(d kg.PartialDate) string {
	switch text := d.String(); {
	case text == "" || dayForm.MatchString(text):
		return text
	case d.Earliest() == kg.BeginningOfTime:
		l.add("dates without a beginning", 1)
		return ""
	}
	l.add("dates of a month or year: the first day stands for them", 1)
	return d.Earliest().String()
}

// dateText writes a date that may be a month or year.
func (l *losses) dateText(d kg.PartialDate) string {
	if text := d.String(); monthForm.MatchString(text) || yearForm.MatchString(text) {
		return text
	}
	return l.day(d)
}
