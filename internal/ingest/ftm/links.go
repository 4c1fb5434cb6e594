package ftm

import (
	"fmt"
	"slices"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// join is what becomes of a schema that joins entities.
type join struct {
	// named tells that the relation does not say which schema it was; an
	// attribute then does.
	named bool
	// from and to are the properties that name the ends.
	from, to string
	relation string
	// words say it where the entity does not say more; role for persons.
	words, role string
	// fromKind and toKind are those of ends that nothing describes.
	fromKind, toKind string
}

var links = map[string]join{
	"Ownership":      {false, "owner", "asset", "owns", "", "", "company", "company"},
	"Directorship":   {true, "director", "organization", "related_to", "is director of", "director", "person", "company"},
	"Employment":     {true, "employee", "employer", "related_to", "is employed by", "employee", "person", "company"},
	"Membership":     {true, "member", "organization", "related_to", "is a member of", "member", "person", "organization"},
	"Representation": {true, "agent", "client", "related_to", "represents", "", "company", "company"},
	"Succession":     {false, "successor", "predecessor", "succeeded", "", "", "company", "company"},
	"UnknownLink":    {true, "subject", "object", "related_to", "is linked to", "", "company", "company"},
	"Associate":      {true, "person", "associate", "related_to", "is an associate of", "", "person", "person"},
	"Family":         {true, "person", "relative", "related_to", "is family of", "", "person", "person"},
}

// kept are the properties that become attributes, by the name of the attribute.
var kept = []struct{ key, property string }{
	{"legal_basis", "legalBasis"},
	{"ownership_type", "ownershipType"},
	{"relationship", "relationship"},
	{"role", "role"},
	{"shares_count", "sharesCount"},
	{"shares_currency", "sharesCurrency"},
	{"shares_type", "sharesType"},
	{"shares_value", "sharesValue"},
	{"status", "status"},
	{"summary", "summary"},
}

// linkProperties are all that are taken of an entity that joins others, by its schema.
var linkProperties = func() map[string]map[string]bool {
	all := make(map[string]map[string]bool)
	for schema, j := range links {
		taken := map[string]bool{j.from: true, j.to: true, "startDate": true, "endDate": true, "date": true, "percentage": j.relation == "owns"}
		for _, k := range kept {
			taken[k.property] = true
		}
		all[schema] = taken
	}
	return all
}()

// link returns what becomes of an entity that joins others: a relation for every
// pair of its ends, of which there may be none, one or many.
func (w *writer) link(at ingest.Position, e *entity) (drafts []ingest.Draft, wrong []string) {
	j := links[e.Schema]
	from, to := e.values(j.from), e.values(j.to)
	if len(from) == 0 || len(to) == 0 {
		return nil, []string{fmt.Sprintf("the %s %.60q names no %s", e.Schema, e.ID, map[bool]string{true: j.from, false: j.to}[len(from) == 0])}
	}
	taken := func(ids []string) (left []string) {
		for _, id := range ids {
			// What is not taken would be held for a company that nothing describes.
			if schema := w.others[hashOf(id)]; schema != "" {
				wrong = append(wrong, fmt.Sprintf("the %s %.60q joins something of the schema %s, which is not taken", e.Schema, e.ID, schema))
			} else {
				left = append(left, id)
			}
		}
		return left
	}
	from, to = taken(from), taken(to)
	wrong = append(wrong, e.untaken(linkProperties[e.Schema])...)
	since, until, seen := "", "", ""
	pick := func(property string, better func(a, b string) bool) (best string) {
		for _, text := range e.values(property) {
			day := dateOf(text)
			if day == "" {
				wrong = append(wrong, fmt.Sprintf("%.40q is no date; it is left out", text))
			} else if best == "" || better(day, best) {
				best = day
			}
		}
		return best
	}
	earlier, later := func(a, b string) bool { return a < b }, func(a, b string) bool { return a > b }
	since, until, seen = pick("startDate", earlier), pick("endDate", later), pick("date", later)
	for _, f := range from {
		for _, t := range to {
			d := &ingest.Relation{
				At: at, Type: at.Text(j.relation), From: at.Text(entityID(f)), To: at.Text(entityID(t)), Text: at.Text(j.words), Cites: w.cites(at, e),
				FromHint: hint(at, f, j.fromKind), ToHint: hint(at, t, j.toKind),
			}
			w.words(at, e, j, d)
			switch {
			case j.relation == "succeeded":
				for _, day := range []string{since, seen, until} {
					if d.On.Value == "" {
						d.On = at.Text(day)
					}
				}
			case since != "":
				d.Since, d.Until = at.Text(since), at.Text(until)
			default:
				d.Until = at.Text(until)
				if seen != "" && (until == "" || seen < until) {
					d.Seen = at.Text(seen)
				}
			}
			drafts = append(drafts, d)
		}
	}
	return drafts, wrong
}

// words fills in what the entity says of the relation besides its ends and dates.
func (w *writer) words(at ingest.Position, e *entity, j join, d *ingest.Relation) {
	roles := strings.Join(e.values("role", "relationship"), "; ")
	switch {
	case j.role != "" && roles != "":
		d.Role = at.Text(ingest.Clipped(roles))
	case j.role != "":
		d.Role = at.Text(j.role)
	case (e.Schema == "UnknownLink" || e.Schema == "Family" || e.Schema == "Associate") && roles != "":
		d.Text = at.Text(ingest.Clipped(roles))
	}
	add := func(key, value string) {
		if value != "" {
			d.Attributes = append(d.Attributes, ingest.Attribute{Key: at.Text(key), Value: at.Text(ingest.Clipped(value))})
		}
	}
	for _, k := range kept {
		values := e.values(k.property)
		if len(values) > mostValues {
			values = append(values[:mostValues-1:mostValues-1], strings.Join(values[mostValues-1:], "; "))
		}
		for i, v := range values {
			add(k.key+ingest.Ordinal(i), v)
		}
	}
	if j.named {
		add("schema", e.Schema)
	}
	if e.Schema != "Ownership" {
		return
	}
	percents := slices.Compact(e.values("percentage"))
	if len(percents) == 1 {
		d.Stake = at.Text(percentage(percents[0]))
	}
	if wording := strings.Join(percents, "; "); wording != "" && wording != plainNumber(d.Stake.Value) {
		d.Wording = at.Text(ingest.Clipped(wording))
	}
	for _, kind := range e.values("ownershipType") {
		if strings.Contains(strings.ToLower(kind), "indirect") {
			add(kg.AttributeDeclared, kg.DeclaredIndirect)
			break
		}
	}
}

// mostValues is how many values of one property are attributes of their own; the
// last holds all others.
const mostValues = 9
