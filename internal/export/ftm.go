package export

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// This file writes entities of FollowTheMoney as docs/formats/ftm.md reads them:
// things first, each with what is said of it, then what joins them. What came in
// that format goes out as it came, under the ids it had: every claim of such a
// source is written by itself. All else is written fact by fact.

// ftmSources begin the ids of sources that are files of the format, or data sets of
// which files were issues.
var ftmSources = []string{"ftm:file:", "ftm:dataset:"}

// ftmHeld is how many bytes of what joins entities are kept in memory.
const ftmHeld = 32 << 20

// ftmEntity is a line.
type ftmEntity struct {
	ID     string `json:"id"`
	Schema string `json:"schema"`
	// Caption is the name that is preferred, Referents other ids of the same thing.
	Caption    string              `json:"caption,omitempty"`
	Referents  []string            `json:"referents,omitempty"`
	Properties map[string][]string `json:"properties"`
	// Register is the country of the register that gave it its numbers.
	Register string `json:"-"`
}

// add gives a property values, each once; empty ones say nothing, and what has no
// property is passed over.
func (e *ftmEntity) add(property string, values ...string) {
	for _, v := range values {
		if property != "" && v != "" && !slices.Contains(e.Properties[property], v) {
			e.Properties[property] = append(e.Properties[property], v)
		}
	}
}

// line writes the entity, with the values of each property in order: it is a set.
func (e *ftmEntity) line() ([]byte, error) {
	var text bytes.Buffer
	for property, values := range e.Properties {
		slices.SortFunc(values, func(a, b string) int {
			return cmp.Or(-cmp.Compare(e.leads(property, a), e.leads(property, b)), strings.Compare(a, b))
		})
	}
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(e)
	return text.Bytes(), err
}

// leads is 1 for the country whose register gave the numbers of the entity, since
// readers take the first one for that; else 0.
func (e *ftmEntity) leads(property, value string) int {
	if value == e.Register && slices.Contains(placeProperties, property) {
		return 1
	}
	return 0
}

// placeProperties name countries, those that say best whose register knows an
// entity first.
var placeProperties = []string{"jurisdiction", "mainCountry", "country"}

// ftmWriter writes a graph.
type ftmWriter struct {
	to     io.Writer
	losses losses
	links  sortedLines
	// relations and figures count those that were looked at and written.
	relations, figures int
}

func writeFtM(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error) {
	w := &ftmWriter{to: to, losses: losses{always: []string{"claims, and the places in sources where they stand", lostClaims, lostPast}}, links: sortedLines{most: ftmHeld}}
	defer w.links.close()
	counts, err := snap.Stats(ctx)
	if err != nil {
		return nil, err
	}
	if err := batches(ctx, snap, func(batch []*kg.Entity) error { return w.batch(ctx, snap, batch) }); err != nil {
		return nil, err
	}
	if err := w.writeLinks(); err != nil {
		return nil, err
	}
	w.losses.add("relations of things that FollowTheMoney has no schema for", int(counts[kg.RecordRelation])-w.relations)
	w.losses.add("figures other than when somebody was founded, dissolved, born or died", int(counts[kg.RecordObservation])-w.figures)
	w.losses.add("conflicts", int(counts[kg.RecordConflict]))
	w.losses.add("definitions of metrics", int(counts[kg.RecordMetric]))
	w.losses.add("descriptions of sources, but for their publishers and addresses", int(counts[kg.RecordSource]))
	return w.losses.lines(), nil
}

func (w *ftmWriter) write(e *ftmEntity) error {
	line, err := e.line()
	if err == nil {
		_, err = w.to.Write(line)
	}
	return err
}

// writeLinks writes what joins entities, in order of ids. One that joins several
// was said piece by piece, and is put together again.
func (w *ftmWriter) writeLinks() error {
	var whole keyedLine
	flush := func() error {
		_, err := w.to.Write(whole.line)
		return err
	}
	for l, err := range w.links.all() {
		if err != nil {
			return err
		}
		if whole.line != nil && whole.key == l.key {
			if whole.line, err = joined(whole.line, l.line); err != nil {
				return err
			}
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		whole = l
	}
	return flush()
}

// joined makes one line of two that have the same id.
func joined(a, b []byte) ([]byte, error) {
	var one, other ftmEntity
	if err := json.Unmarshal(a, &one); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &other); err != nil {
		return nil, err
	}
	for property, values := range other.Properties {
		one.add(property, values...)
	}
	return one.line()
}

// ftmSchemata are the schemata of things, by kind.
var ftmSchemata = map[kg.EntityKind]string{kg.KindCompany: "Company", kg.KindOrganization: "Organization", kg.KindPerson: "Person"}

// batch writes entities, and keeps what leads from them to others.
func (w *ftmWriter) batch(ctx context.Context, snap kg.Snapshot, all []*kg.Entity) error {
	var things []*kg.Entity
	for _, e := range all {
		switch {
		case ftmSchemata[e.Kind] != "":
			things = append(things, e)
		case countryCode(e.ID) == "":
			w.losses.add("entities of kinds that FollowTheMoney has no schema for, such as products, places and concepts", 1)
		}
	}
	ids := idsOf(things)
	out, err := relationsAt(ctx, snap, kg.RelationQuery{Of: ids, Direction: kg.Out})
	if err != nil {
		return err
	}
	in, err := relationsAt(ctx, snap, kg.RelationQuery{Of: ids, Direction: kg.In, Types: []kg.RelationType{kg.Controls}})
	if err != nil {
		return err
	}
	dates, err := lifeDates(ctx, snap, ids)
	if err != nil {
		return err
	}
	var claimIDs, sourceIDs []kg.ID
	note := func(citations []kg.Citation) {
		for _, c := range citations {
			if isFtM(c.Source) { // the others are told by what they became
				claimIDs = append(claimIDs, c.Claim)
			} else if !slices.Contains(sourceIDs, c.Source) {
				sourceIDs = append(sourceIDs, c.Source)
			}
		}
	}
	for i, e := range things {
		note(e.Citations)
		for _, r := range slices.Concat(out[i], in[i]) {
			note(r.Citations)
		}
	}
	claims, err := records[*kg.Claim](ctx, snap, claimIDs)
	if err != nil {
		return err
	}
	sources, err := records[*kg.Source](ctx, snap, sourceIDs)
	if err != nil {
		return err
	}
	for i, e := range things {
		if err := ctx.Err(); err != nil {
			return err
		}
		around := &ftmAround{claims: claims, sources: sources, dates: dates[i]}
		for _, r := range out[i] {
			// Relations that read both ways are found at either end.
			if r.From == e.ID {
				around.out = append(around.out, r)
			}
		}
		around.in = in[i]
		if err := w.thing(e, around); err != nil {
			return err
		}
	}
	return nil
}

// ftmAround is what stands around an entity.
type ftmAround struct {
	out, in []*kg.Relation
	dates   map[string][]*kg.Observation
	// claims are those of files of the format, sources those of all others.
	claims  map[kg.ID]*kg.Claim
	sources map[kg.ID]*kg.Source
}

// own returns the claims of a relation that files of the format made, and whether
// others have a part in it too.
func (a *ftmAround) own(r *kg.Relation) (own []*kg.Claim, others bool) {
	for _, cite := range r.Citations {
		switch c := a.claims[cite.Claim]; {
		case !isFtM(cite.Source) || cite.Locator == "":
			others = true
		case c != nil && c.Fact == r.ID: // else it ended the relation, and says something else
			own = append(own, c)
		}
	}
	return own, others
}

func isFtM(source kg.ID) bool {
	return slices.ContainsFunc(ftmSources, func(prefix string) bool { return strings.HasPrefix(string(source), prefix) })
}

// identifierProperties are the properties for identifiers of a scheme, and the
// kinds whose schemata have them.
var identifierProperties = map[string]struct {
	property string
	kinds    []kg.EntityKind
}{
	"lei":            {"leiCode", nil},
	"wikidata":       {"wikidataId", nil},
	"isin":           {"isinCode", companies},
	"cik":            {"cikCode", companies},
	"permid":         {"permId", bodies},
	"ticker":         {"ticker", companies},
	"bic":            {"swiftBic", nil},
	"duns":           {"dunsCode", nil},
	"inn":            {"innCode", nil},
	"ogrn":           {"ogrnCode", nil},
	"vat":            {"vatCode", nil},
	"reg":            {"registrationNumber", nil},
	"tax":            {"taxNumber", nil},
	"opencorporates": {"opencorporatesUrl", nil},
}

var (
	companies = []kg.EntityKind{kg.KindCompany}
	bodies    = []kg.EntityKind{kg.KindCompany, kg.KindOrganization}
)

// dateProperties are the properties for the dates of a life.
var dateProperties = map[string]struct {
	property string
	persons  bool // the schema of persons alone has it
}{
	"founded_date":   {"incorporationDate", false},
	"dissolved_date": {"dissolutionDate", false},
	"birth_date":     {"birthDate", true},
	"death_date":     {"deathDate", true},
}

// thing writes an entity, and keeps what leads from it.
func (w *ftmWriter) thing(e *kg.Entity, around *ftmAround) error {
	t := &ftmEntity{ID: ftmID(e.ID), Schema: ftmSchemata[e.Kind], Properties: make(map[string][]string)}
	for _, merged := range e.Merged {
		t.Referents = append(t.Referents, ftmID(merged))
	}
	described, known := w.describe(t, e, around)
	for _, r := range around.out {
		w.relations++
		if property := countryProperty(r); property != "" {
			t.add(property, strings.ToLower(countryCode(r.To)))
			w.losses.add("regions and cities of head offices", len(r.Attributes))
			known = true
			continue
		}
		if err := w.relation(r, around); err != nil {
			return err
		}
	}
	for _, r := range around.in {
		if own, _ := around.own(r); slices.ContainsFunc(own, isParent) {
			t.add("parent", ftmID(r.From))
			known = true
		}
	}
	if !described && !known {
		return nil // another entity names it, and that is all
	}
	w.registers(t, e)
	return w.write(t)
}

// describe adds what is said of the entity itself. It returns whether the entity
// is described, or merely named by others, and whether anything is known of it.
func (w *ftmWriter) describe(t *ftmEntity, e *kg.Entity, around *ftmAround) (described, known bool) {
	fromFtM := false
	for _, cite := range e.Citations {
		if !isFtM(cite.Source) {
			described = true
			w.provenance(t, around.sources[cite.Source])
			continue
		}
		fromFtM = true
		// What names another entity is the place where that is named.
		described = described || cite.Locator == t.ID || slices.Contains(t.Referents, cite.Locator)
		if c := around.claims[cite.Claim]; c != nil {
			if schema, ok := strings.CutPrefix(c.Note, "FollowTheMoney schema: "); ok {
				t.Schema = schema
			}
		}
	}
	for _, n := range e.Names {
		if slices.Contains(append([]string{t.ID}, t.Referents...), strings.TrimPrefix(n.Text, "FtM ")) && strings.HasPrefix(n.Text, "FtM ") {
			continue // no name, but words for an entity that has none
		}
		if n.Lang != "" {
			w.losses.add("languages of names", 1)
		}
		property := "name"
		switch n.Kind {
		case kg.NamePreferred:
			if t.Caption == "" {
				t.Caption = n.Text
			}
		case kg.NameAlias:
			property = "alias"
		case kg.NameFormer:
			property = "previousName"
		}
		if property == "alias" && !fromFtM && t.Properties["name"] == nil {
			property = "name" // which the format wants of everybody
		}
		t.add(property, n.Text)
		known = true
	}
	for _, i := range e.Identifiers {
		scheme, register, _ := strings.Cut(strings.ToLower(i.Scheme), ":")
		p, ok := identifierProperties[scheme]
		switch {
		case !ok || register != "" && scheme != "reg" && scheme != "tax" || p.kinds != nil && !slices.Contains(p.kinds, e.Kind):
			w.losses.add("identifiers for which FollowTheMoney has no property", 1)
			continue
		case scheme == "opencorporates":
			t.add(p.property, "https://opencorporates.com/companies/"+i.Value)
		default:
			t.add(p.property, i.Value)
		}
		known = true
	}
	for _, metric := range lifeMetrics {
		p := dateProperties[metric]
		for _, o := range around.dates[metric] {
			if text := w.date(o.Date); text != "" && (!p.persons || e.Kind == kg.KindPerson) {
				t.add(p.property, text)
				w.figures++
				known = true
			}
		}
	}
	w.losses.add("known unknowns", len(e.Absences))
	if !e.FiscalYearEnd.IsZero() {
		w.losses.add("ends of business years", 1)
	}
	return described, known
}

// provenance says who published what is said.
func (w *ftmWriter) provenance(t *ftmEntity, source *kg.Source) {
	if source == nil {
		return
	}
	t.add("publisher", source.Publisher)
	if isAddress(source.URL) {
		t.add("sourceUrl", source.URL)
	}
}

// countryCode returns the code of a country that is an entity here, or "".
func countryCode(id kg.ID) string {
	code, ok := strings.CutPrefix(string(id), "country:")
	if !ok {
		return ""
	}
	return code
}

// countryProperty returns the property that says of an entity what the relation
// says of it and a country, or "".
func countryProperty(r *kg.Relation) string {
	if countryCode(r.To) == "" {
		return ""
	}
	switch {
	case r.Type == kg.HeadquarteredIn:
		return "mainCountry"
	case r.Type != kg.RelatedTo:
		return ""
	}
	return map[string]string{kg.RegisteredIn: "jurisdiction", kg.SeatedIn: "mainCountry", kg.LinkedTo: "country"}[r.Text]
}

// registers makes the numbers of an entity tell whose they are: a number has no
// place for its register, and readers take the first country for that.
func (w *ftmWriter) registers(t *ftmEntity, e *kg.Entity) {
	var of []string
	for _, i := range e.Identifiers {
		kind, code, _ := strings.Cut(strings.ToLower(i.Scheme), ":")
		if kind == "reg" || kind == "tax" {
			of = append(of, code)
		}
	}
	at := slices.IndexFunc(placeProperties, func(p string) bool { return len(t.Properties[p]) > 0 })
	for _, code := range of {
		switch {
		case t.Register != "" || !countryForm.MatchString(code):
		case at < 0:
			at, t.Register = 0, code
			t.add(placeProperties[0], code)
		case slices.Contains(t.Properties[placeProperties[at]], code):
			t.Register = code
		}
	}
	for _, code := range of {
		if code != t.Register && (code != "" || at >= 0) {
			w.losses.add("registers of numbers, where they are not of the first country", 1)
		}
	}
}

var countryForm = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]{1,3})?$`)

// isParent reports that a claim is what the property parent of a company says.
func isParent(c *kg.Claim) bool {
	s, ok := c.Statement.(*kg.RelationStatement)
	return ok && s.Type == kg.Controls && s.Text == "parent"
}

// date writes a date as the format has it: a day, month or year; "" where it is
// another.
func (w *ftmWriter) date(d kg.PartialDate) string {
	text := d.String()
	if text == "" {
		return ""
	}
	if !dayForm.MatchString(text) && !monthForm.MatchString(text) && !yearForm.MatchString(text) {
		w.losses.add("dates that are a range or have no beginning or end", 1)
		return ""
	}
	return text
}

var ftmIDForm = regexp.MustCompile(`^[0-9a-zA-Z]([0-9a-zA-Z.-]*[0-9a-zA-Z])?$`)

// ftmID returns the id under which the format knows an entity: the one it had
// there, else one of the letters that its ids are made of. What they do not hold is
// a hyphen, and a hash then keeps such ids apart.
func ftmID(id kg.ID) string {
	if own, ok := strings.CutPrefix(string(id), "ftm:"); ok {
		return unescapedID(own)
	}
	return ftmWord(string(id))
}

func ftmWord(id string) string {
	if ftmIDForm.MatchString(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', r == '.':
			return r
		}
		return '-'
	}, id), ".-") + "-" + hex.EncodeToString(sum[:4])
}

var escapedForm = regexp.MustCompile(`%[0-9A-F]{2}`)

// unescapedID turns back what an id could not hold and was written as % and two digits.
func unescapedID(id string) string {
	return escapedForm.ReplaceAllStringFunc(id, func(s string) string {
		b, err := hex.DecodeString(s[1:])
		if err != nil {
			return s
		}
		return string(b)
	})
}

// compareFtMValues orders values of one property as attributes keep them.
func compareFtMValues(a, b kg.Attribute) int {
	return cmp.Or(cmp.Compare(len(a.Key), len(b.Key)), strings.Compare(a.Key, b.Key))
}
