package bods

import (
	"cmp"
	"strings"
	"unicode"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// meaning is what a type of interest becomes.
type meaning struct {
	// relation is the type; roles are held by persons only.
	relation string
	// words say it, for other relations and for roles.
	words string
}

// meanings of the types of interest. What is not listed is told in its own words.
var meanings = map[string]meaning{
	"shareholding":                     {"owns", ""},
	"votingRights":                     {"votes", "holds voting rights in"},
	"appointmentOfBoard":               {"controls", "appointment of the board"},
	"controlViaCompanyRulesOrArticles": {"controls", "company rules or articles"},
	"controlByLegalFramework":          {"controls", "legal framework"},
	"boardMember":                      {"holds_role", "board member"},
	"boardChair":                       {"holds_role", "board chair"},
	"seniorManagingOfficial":           {"holds_role", "senior managing official"},
	"otherInfluenceOrControl":          {"related_to", "has other influence or control over"},
	"settlor":                          {"related_to", "is settlor of"},
	"trustee":                          {"related_to", "is trustee of"},
	"protector":                        {"related_to", "is protector of"},
	"beneficiaryOfLegalArrangement":    {"related_to", "is beneficiary of"},
	"nominee":                          {"related_to", "is nominee in"},
	"nominator":                        {"related_to", "is nominator in"},
	"":                                 {"related_to", "holds an interest in"},
	"unknownInterest":                  {"related_to", "holds an unknown interest in"},
	"unpublishedInterest":              {"related_to", "holds an unpublished interest in"},
}

func meaningOf(kind string) meaning {
	if m, ok := meanings[kind]; ok {
		return m
	}
	var words strings.Builder
	for _, r := range kind {
		if unicode.IsUpper(r) {
			words.WriteByte(' ')
		}
		words.WriteRune(unicode.ToLower(r))
	}
	return meaning{"related_to", "holds " + strings.TrimSpace(words.String()) + " in"}
}

// majority reports that a share cannot be half or less.
func majority(text string) bool {
	s, err := kg.ParseShare(text)
	return err == nil && (s.Min > 50 || s.Min == 50 && s.MinOpen)
}

// relation makes a draft of an interest, but for its dates.
func (r *reader) relation(at ingest.Position, s *statement, in *interest) *ingest.Relation {
	from, to := s.details.InterestedParty.record, s.details.Subject.record
	d := &ingest.Relation{At: at, From: at.Text(r.entityID(from)), To: at.Text(r.entityID(to)), Cites: r.cites(at, s, 0)}
	m := meaningOf(in.Type)
	stake := in.Share.text()
	switch {
	case m.relation == "votes" && majority(stake):
		m = meaning{"controls", "voting rights"}
	case m.relation == "votes":
		m.relation = "related_to"
	case m.relation == "holds_role":
		d.Role = at.Text(m.words) // of persons, who may stand in another file
		m = meaning{"related_to", "is " + m.words + " of"}
	}
	d.Type, d.Text = at.Text(m.relation), at.Text(m.words)
	add := func(key, value string) {
		if value = strings.Join(strings.Fields(value), " "); value != "" {
			d.Attributes = append(d.Attributes, ingest.Attribute{Key: at.Text(key), Value: at.Text(ingest.Clipped(value))})
		}
	}
	if m.relation == "owns" {
		d.Stake = at.Text(stake)
	} else {
		add("share", canonical(stake))
	}
	switch in.Direct {
	case "indirect":
		add(kg.AttributeDeclared, kg.DeclaredIndirect)
	case "unknown":
		add("direct_or_indirect", "unknown")
	}
	if in.Owner != nil {
		add("beneficial_ownership_or_control", map[bool]string{true: "yes", false: "no"}[*in.Owner])
	}
	add("details", in.Details)
	add("interest", in.Type)
	return d
}

// reasons tells for the codes of the standard in what way somebody is absent.
var reasons = map[string]string{
	"noBeneficialOwners":                              "none",
	"subjectUnableToConfirmOrIdentifyBeneficialOwner": "unknown",
	"interestedPartyHasNotProvidedInformation":        "unknown",
	"unknown":                             "unknown",
	"informationUnknownToPublisher":       "unknown",
	"subjectExemptFromDisclosure":         "withheld",
	"interestedPartyExemptFromDisclosure": "withheld",
}

// absence makes a draft of a party that is not named, at the other end.
func (r *reader) absence(at ingest.Position, s *statement, of, direction string, why *unspecified) *ingest.Absence {
	relation := "controls"
	for _, in := range s.details.Interests {
		if in.Type == "shareholding" {
			relation = "owns"
		}
	}
	return &ingest.Absence{
		At: at, Entity: at.Text(r.entityID(of)), Relation: at.Text(relation), Direction: at.Text(direction),
		Kind: at.Text(cmp.Or(reasons[camel(why.Reason)], "unknown")), Reason: at.Text(strings.Join(strings.Fields(why.Reason), " ")),
		Text: at.Text(ingest.Clipped(strings.Join(strings.Fields(why.Description), " "))), Cites: r.cites(at, s, 1),
	}
}

// entity makes drafts of an entity or person.
func (r *reader) entity(at ingest.Position, s *statement) []ingest.Draft {
	d := &ingest.Entity{At: at, ID: at.Text(r.entityID(s.record)), Kind: at.Text(entityKind(s)), Cites: r.cites(at, s, 0)}
	if t := s.details.EntityType.Type; s.kind == "entity" && t != "" && t != "registeredEntity" {
		d.Note = at.Text("BODS entity type: " + ingest.Clipped(camel(t))) // which the kind does not tell
	}
	add := func(text, kind string) {
		text = strings.Join(strings.Fields(text), " ")
		if kg.FoldName(text) != "" {
			d.Names = append(d.Names, ingest.Name{Text: at.Text(text), Kind: at.Text(kind)})
		}
	}
	add(s.details.Name, "legal")
	for _, n := range s.details.AlternateNames {
		add(n, "alias")
	}
	for i, n := range s.details.Names {
		full := cmp.Or(n.FullName, strings.TrimSpace(n.Given+" "+n.Family))
		switch {
		case n.Type == "former" || n.Type == "birth":
			add(full, "former")
		case i == 0 || n.Type == "legal" || n.Type == "individual":
			add(full, "legal")
		default:
			add(full, "alias")
		}
	}
	identify := func(scheme, value string) {
		if scheme = strings.Join(strings.Fields(scheme), " "); scheme != "" && strings.TrimSpace(value) != "" {
			d.Identifiers = append(d.Identifiers, ingest.Identifier{Scheme: at.Text(scheme), Value: at.Text(strings.TrimSpace(value))})
		}
	}
	for _, id := range s.details.Identifiers {
		code := strings.ToUpper(s.details.Jurisdiction.Code)
		switch {
		case id.Scheme == "XI-LEI" || strings.EqualFold(id.Scheme, "lei"):
			identify("lei", id.ID)
		case id.Scheme == "GB-COH":
			identify("reg:GB", id.ID)
		case id.Scheme == "" && code != "" && strings.Contains(strings.ToLower(id.SchemeName), "company number"):
			identify("reg:"+code, id.ID)
		default:
			identify(cmp.Or(id.Scheme, id.SchemeName), id.ID)
		}
	}
	drafts := []ingest.Draft{d}
	for _, f := range []struct{ metric, date string }{
		{"founded_date", s.details.FoundingDate},
		{"dissolved_date", s.details.DissolutionDate},
		{"birth_date", s.details.BirthDate},
		{"death_date", s.details.DeathDate},
	} {
		if date := day(f.date); date != "" {
			drafts = append(drafts, &ingest.Figure{At: at, Of: d.ID, Metric: at.Text(f.metric), Date: at.Text(date), Cites: d.Cites})
		}
	}
	if code := jurisdiction(s); code != "" && s.kind == "entity" {
		country, _ := ingest.Country(at, code)
		drafts = append(drafts, &ingest.Relation{
			At: at, Type: at.Text("related_to"), From: d.ID, To: country, Text: at.Text(kg.RegisteredIn), Cites: d.Cites,
		})
	}
	return drafts
}

// jurisdiction returns the code of the jurisdiction of an entity, "" where there is none.
func jurisdiction(s *statement) string {
	if code := strings.ToUpper(s.details.Jurisdiction.Code); ingest.IsJurisdiction(code) {
		return code
	}
	return ""
}

// place describes the jurisdiction of an entity the first time that one is named, so
// that it is there when the entity is; nil where it is known, or there is none.
func (r *reader) place(at ingest.Position, s *statement) ingest.Draft {
	code := jurisdiction(s)
	id, known := ingest.Country(at, code)
	if code == "" || s.kind != "entity" || r.places[kg.ID(id.Value)] || r.past != nil && r.past.places[kg.ID(id.Value)] {
		return nil
	}
	r.places[kg.ID(id.Value)] = true
	return &ingest.Entity{
		At: at, ID: id, Kind: known.Kind, Identifiers: known.Identifiers, Cites: r.cites(at, s, 0),
		Names: []ingest.Name{{Text: at.Text(cmp.Or(strings.Join(strings.Fields(s.details.Jurisdiction.Name), " "), code)), Kind: at.Text("alias")}},
	}
}

// particular returns what a draft of a record besides its names says, by which it is
// compared with what was said before: which date it is, or where it is registered.
func particular(d ingest.Draft) (what, value string) {
	switch d := d.(type) {
	case *ingest.Figure:
		return d.Metric.Value, d.Date.Value
	case *ingest.Relation:
		return "jurisdiction", d.To.Value
	}
	return "", ""
}

func entityKind(s *statement) string {
	switch {
	case s.kind == "person":
		return "person"
	case s.details.EntityType.Type == "state" || s.details.EntityType.Type == "stateBody":
		return "organization"
	}
	return "company"
}

// nameless returns why the record of a statement names nobody, nil where it does.
func nameless(s *statement) *unspecified {
	kind := s.details.PersonType
	if s.kind == "entity" {
		kind = s.details.EntityType.Type
	}
	why := s.details.UnspecifiedPerson
	if why == nil {
		why = s.details.UnspecifiedEntity
	}
	if kind = strings.ToLower(kind); !strings.HasPrefix(kind, "unknown") && !strings.HasPrefix(kind, "anonymous") && why == nil {
		return nil
	}
	if why == nil {
		why = &unspecified{Reason: "unknown", Description: s.details.MissingInformation}
	}
	return why
}
