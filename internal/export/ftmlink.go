package export

import (
	"regexp"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// ftmEnds are the properties by which a schema names what it joins.
var ftmEnds = map[string]struct{ from, to string }{
	"Ownership":      {"owner", "asset"},
	"Directorship":   {"director", "organization"},
	"Employment":     {"employee", "employer"},
	"Membership":     {"member", "organization"},
	"Representation": {"agent", "client"},
	"Succession":     {"successor", "predecessor"},
	"UnknownLink":    {"subject", "object"},
	"Associate":      {"person", "associate"},
	"Family":         {"person", "relative"},
}

// ftmKept are the properties that are attributes here, by the name of the attribute.
var ftmKept = map[string]string{
	"legal_basis":     "legalBasis",
	"ownership_type":  "ownershipType",
	"relationship":    "relationship",
	"role":            "role",
	"shares_count":    "sharesCount",
	"shares_currency": "sharesCurrency",
	"shares_type":     "sharesType",
	"shares_value":    "sharesValue",
	"status":          "status",
	"summary":         "summary",
}

// ftmOrdinal tells attributes apart that are values of one property.
var ftmOrdinal = regexp.MustCompile(`_[2-9]$`)

// relation keeps what becomes of a relation. What files of the format say of it
// comes back as they said it; where others say it too, that is one more.
func (w *ftmWriter) relation(r *kg.Relation, around *ftmAround) error {
	if ftmSchemata[r.FromKind] == "" || ftmSchemata[r.ToKind] == "" {
		w.losses.add("relations with what FollowTheMoney has no schema for", 1)
		return nil
	}
	own, others := around.own(r)
	for _, c := range own {
		if isParent(c) {
			continue // a property of the company
		}
		s := c.Statement.(*kg.RelationStatement)
		if err := w.keep(w.said(c.Locator, s, r)); err != nil {
			return err
		}
	}
	if len(own) > 0 && !others {
		return nil
	}
	t := w.told(r)
	for _, id := range sourcesCited(r.Citations) {
		w.provenance(t, around.sources[id])
	}
	return w.keep(t)
}

func (w *ftmWriter) keep(t *ftmEntity) error {
	line, err := t.line()
	if err != nil {
		return err
	}
	return w.links.add(t.ID, line)
}

// said makes an entity again of what one of the format said.
func (w *ftmWriter) said(id string, s *kg.RelationStatement, r *kg.Relation) *ftmEntity {
	schema := attribute(s.Attributes, "schema")
	if ftmEnds[schema].from == "" {
		schema = ftmSchema(r)
	}
	t := w.joining(id, schema, r)
	w.dates(t, s.Type, s.Start, s.End)
	if s.Stake != nil {
		if s.Stake.Wording != "" {
			t.add("percentage", strings.Split(s.Stake.Wording, "; ")...)
		} else {
			t.add("percentage", percentText(*s.Stake))
		}
	}
	attributes := slices.SortedStableFunc(slices.Values(s.Attributes), compareFtMValues)
	for _, a := range attributes {
		t.add(ftmKept[ftmOrdinal.ReplaceAllString(a.Key, "")], a.Value)
	}
	return t
}

// told makes an entity of a relation that the format never said.
func (w *ftmWriter) told(r *kg.Relation) *ftmEntity {
	schema := ftmSchema(r)
	t := w.joining(string(r.ID), schema, r)
	w.dates(t, r.Type, r.Start, r.End)
	switch {
	case schema == "UnknownLink":
		words := strings.ToLower(strings.ReplaceAll(r.Type.String(), "_", " "))
		if r.Type == kg.RelatedTo && r.Text != "" {
			words = r.Text
		} else if r.Text != "" {
			words += ": " + r.Text
		}
		t.add("role", words)
		w.losses.add("relations without a schema of their own, such as control, partnership and acquisition: they are links in words", 1)
	case r.Type == kg.HoldsRole:
		t.add("role", r.Text)
	case r.Text != "":
		t.add("summary", r.Text)
	}
	if s := r.Stake; s != nil && schema == "Ownership" {
		t.add("percentage", percentText(*s))
		if s.Wording != "" {
			w.losses.add("wordings of stakes, where there is a number", 1)
		}
		if (s.MinOpen || s.MaxOpen) && s.Min > 0 && s.Max < 100 {
			w.losses.add("whether the ends of a range of stakes belong to it", 1)
		}
	} else if s != nil {
		w.losses.add("stakes of deals", 1)
	}
	if r.Money != nil {
		w.losses.add("sums of money", 1)
	}
	for _, a := range r.Attributes {
		switch property := ftmKept[a.Key]; {
		case a.Key == kg.AttributeDeclared:
			if schema == "Ownership" {
				t.add("ownershipType", a.Value) // indirect, or ultimate
			}
		case property == "status" || property == "summary" || schema == "Ownership" && property != "" && property != "relationship":
			t.add(property, a.Value)
		default:
			w.losses.add("attributes of relations", 1)
		}
	}
	if r.Indirect() && schema != "Ownership" {
		w.losses.add("that a relation is a summary of chains", 1)
	}
	return t
}

// joining returns an entity that joins the ends of a relation.
func (w *ftmWriter) joining(id, schema string, r *kg.Relation) *ftmEntity {
	t := &ftmEntity{ID: id, Schema: schema, Properties: make(map[string][]string)}
	ends, from, to := ftmEnds[schema], ftmID(r.From), ftmID(r.To)
	if r.Type == kg.MergedInto {
		from, to = to, from // who goes on comes after who is merged
	}
	t.add(ends.from, from)
	t.add(ends.to, to)
	return t
}

// dates says when it was: an event has one date; what is known to have held by a
// day has that day for its date.
func (w *ftmWriter) dates(t *ftmEntity, kind kg.RelationType, start, end kg.PartialDate) {
	switch {
	case kind == kg.Succeeded || kind == kg.MergedInto:
		t.add("startDate", w.date(start))
	case kind.IsEvent():
		t.add("date", w.date(start))
	default:
		if start.Placed() && start.Earliest() == kg.BeginningOfTime {
			t.add("date", strings.Trim(start.String(), "[.]"))
		} else {
			t.add("startDate", w.date(start))
		}
		t.add("endDate", w.date(end))
	}
}

// ftmSchema returns the schema that says best what a relation says.
func ftmSchema(r *kg.Relation) string {
	switch r.Type {
	case kg.Owns:
		return "Ownership"
	case kg.Succeeded, kg.MergedInto:
		return "Succession"
	case kg.HoldsRole:
		switch roleOf(r.Text) {
		case roleMember:
			return "Membership"
		case roleOther:
			return "Employment"
		}
		return "Directorship"
	}
	return "UnknownLink"
}

// percentText writes a share as people type it, so that it can be read again; ""
// where nothing is known.
func percentText(s kg.Share) string {
	switch exact, ok := s.Exact(); {
	case ok:
		return number(exact)
	case s.Min > 0 && s.Max < 100:
		return number(s.Min) + "-" + number(s.Max)
	case s.Min > 0 || s.MinOpen:
		return map[bool]string{true: ">", false: ">="}[s.MinOpen] + number(s.Min)
	case s.Max < 100 || s.MaxOpen:
		return map[bool]string{true: "<", false: "<="}[s.MaxOpen] + number(s.Max)
	}
	return ""
}
