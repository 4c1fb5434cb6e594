package reconcile

import (
	"context"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// property is a column that entities can have.
type property struct {
	id, name, description string
	// kind is that of its values, where these are entities of one kind alone.
	kind kg.EntityKind
	// values returns what an entity has in the column, in a fixed order.
	values func(ctx context.Context, m *kg.Member, q valueQuery) ([]value, error)
}

// valueQuery says which values are asked for.
type valueQuery struct {
	asOf  *kg.Day
	limit int
}

// value is a value in a column: an entity, a number, or a text.
type value struct {
	entity *kg.Entity
	number *float64
	text   string
}

// String returns the value as text.
func (v value) String() string {
	if v.entity != nil {
		return v.entity.Name("")
	}
	return v.text
}

// How the ids of properties begin that there are any number of.
const (
	identifierPrefix = "identifier:"
	metricPrefix     = "metric:"
	outPrefix        = "out:"
	inPrefix         = "in:"
)

// verbs are the names of a relation read from its start and from its end.
var verbs = map[kg.RelationType][2]string{
	kg.Owns:            {"owns", "owned by"},
	kg.Acquired:        {"acquired", "acquired by"},
	kg.InvestedIn:      {"invested in", "investors"},
	kg.AffiliateOf:     {"affiliate of", "affiliates"},
	kg.PartnersWith:    {"partners with", "partners with"},
	kg.CustomerOf:      {"customer of", "customers"},
	kg.Supplies:        {"supplies", "suppliers"},
	kg.CompetesWith:    {"competes with", "competes with"},
	kg.Offers:          {"offers", "offered by"},
	kg.PartOf:          {"part of", "parts"},
	kg.HoldsRole:       {"holds a role at", "people with a role"},
	kg.Founded:         {"founded", "founders"},
	kg.MergedInto:      {"merged into", "merged with it"},
	kg.SpunOffFrom:     {"spun off from", "spun off"},
	kg.Succeeded:       {"succeeded", "succeeded by"},
	kg.OperatesIn:      {"operates in", "operate here"},
	kg.HeadquarteredIn: {"headquarters", "headquartered here"},
	kg.ListedOn:        {"listed on", "listed here"},
	kg.Controls:        {"controls", "controlled by"},
	kg.RelatedTo:       {"related to", "related from"},
}

// fixedProperties are those that every graph has.
var fixedProperties = slices.Concat(nameProperties(), []property{
	{id: "founded", name: "founded", description: "the date of founding, as precisely as known", values: founded},
	identifierProperty("lei"), identifierProperty("wikidata"), identifierProperty("isin"),
}, relationProperties())

func nameProperties() (list []property) {
	for _, n := range []struct {
		id, name string
		kind     kg.NameKind
	}{
		{"name", "name", kg.NamePreferred},
		{"legal_name", "legal name", kg.NameLegal},
		{"alias", "other name", kg.NameAlias},
		{"former_name", "former name", kg.NameFormer},
	} {
		list = append(list, property{id: n.id, name: n.name, values: func(_ context.Context, m *kg.Member, _ valueQuery) ([]value, error) {
			var values []value
			for i, name := range m.Names {
				// The first is what the entity is called here, preferred or not.
				if name.Kind == n.kind || i == 0 && n.kind == kg.NamePreferred {
					values = append(values, value{text: name.Text})
				}
			}
			return values, nil
		}})
	}
	return list
}

func identifierProperty(scheme string) property {
	return property{
		id: identifierPrefix + scheme, name: scheme, description: "identifier in the register " + scheme,
		values: func(_ context.Context, m *kg.Member, _ valueQuery) ([]value, error) {
			var values []value
			for _, i := range m.Identifiers {
				if strings.EqualFold(i.Scheme, scheme) {
					values = append(values, value{text: i.Value})
				}
			}
			return values, nil
		},
	}
}

func founded(ctx context.Context, m *kg.Member, _ valueQuery) ([]value, error) {
	date, err := m.Founded(ctx)
	if err != nil || date.IsZero() {
		return nil, err
	}
	return []value{{text: date.String()}}, nil
}

func relationProperties() (list []property) {
	for _, t := range kg.RelationTypes() {
		from, to := t.Ends()
		for _, end := range []struct {
			prefix, verb string
			direction    kg.Direction
			kinds        []kg.EntityKind
		}{{outPrefix, verbs[t][0], kg.Out, to}, {inPrefix, verbs[t][1], kg.In, from}} {
			if t.IsSymmetric() && end.direction == kg.In {
				continue
			}
			direction := end.direction
			if t.IsSymmetric() {
				direction = kg.Both
			}
			var kind kg.EntityKind
			if len(end.kinds) == 1 {
				kind = end.kinds[0]
			}
			list = append(list, property{
				id: end.prefix + t.String(), name: end.verb, description: "entities at the other end of " + t.String(), kind: kind,
				values: func(ctx context.Context, m *kg.Member, q valueQuery) ([]value, error) {
					f := kg.RelationFilter{Types: []kg.RelationType{t}, Direction: direction, When: kg.When{AsOf: q.asOf}, Direct: true}
					page, err := m.Relations(ctx, f, kg.PageArgs{First: &q.limit})
					if err != nil {
						return nil, err
					}
					var values []value
					var seen []kg.ID
					for _, link := range page.Values() {
						far, err := link.FarMember(ctx)
						if err != nil {
							return nil, err
						}
						if !slices.Contains(seen, far.ID) {
							seen = append(seen, far.ID)
							values = append(values, value{entity: far.Entity})
						}
					}
					return values, nil
				},
			})
		}
	}
	return list
}

// metricProperty has the figures of a metric, latest period first.
func metricProperty(metric *kg.Metric) property {
	return property{
		id: metricPrefix + metric.Name, name: strings.ReplaceAll(metric.Name, "_", " "), description: metric.Definition,
		values: func(ctx context.Context, m *kg.Member, q valueQuery) ([]value, error) {
			page, err := m.Observations(ctx, kg.ObservationFilter{Metric: metric.Name, When: kg.When{AsOf: q.asOf}}, kg.PageArgs{Last: &q.limit})
			if err != nil {
				return nil, err
			}
			var values []value
			for _, f := range slices.Backward(page.Values()) {
				if f.Unit == kg.UnitDate {
					values = append(values, value{text: f.Date.String()})
				} else {
					values = append(values, value{number: &f.Value, text: f.Text()})
				}
			}
			return values, nil
		},
	}
}

// all returns every property that can be proposed.
func (r *request) all(ctx context.Context) ([]property, error) {
	metrics, err := r.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	list := slices.Clone(fixedProperties)
	for _, m := range metrics {
		list = append(list, metricProperty(m))
	}
	return list, nil
}

// find returns the properties with these ids, nil where there is none. Any
// register is one, whether or not it is proposed.
func (r *request) find(ctx context.Context, ids []string) ([]*property, error) {
	list, err := r.all(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]*property, len(ids))
	for i, id := range ids {
		if at := slices.IndexFunc(list, func(p property) bool { return p.id == id }); at >= 0 {
			found[i] = &list[at]
		} else if scheme, ok := strings.CutPrefix(id, identifierPrefix); ok && scheme != "" && len(scheme) < 100 {
			p := identifierProperty(scheme)
			found[i] = &p
		}
	}
	return found, nil
}
