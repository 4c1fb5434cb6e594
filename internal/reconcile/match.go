package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// query asks for entities that fit a name, types and values of properties.
type query struct {
	Query      *string         `json:"query"`
	Type       texts           `json:"type"`
	TypeStrict string          `json:"type_strict"`
	Limit      *float64        `json:"limit"`
	Properties []propertyQuery `json:"properties"`

	kinds []kg.EntityKind
	limit int
	// id is the entity of which the text is the id, if there is one.
	id kg.ID
}

type propertyQuery struct {
	PID string `json:"pid"`
	V   terms  `json:"v"`
}

// texts is a text, or a list of them.
type texts []string

// UnmarshalJSON reads either.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = texts{one}
		return nil
	}
	var list []string
	if json.Unmarshal(b, &list) != nil {
		return refusef("a type is a text or a list of texts")
	}
	*t = list
	return nil
}

// term is a value to compare with: an entity by its id, or a text.
type term struct{ id, text string }

// terms is a value, or a list of them.
type terms []term

// UnmarshalJSON reads texts, numbers, truth values, and entities with an id.
func (t *terms) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		list = []json.RawMessage{b}
	}
	for _, item := range list {
		var text string
		var entity struct{ ID, Name string }
		switch {
		case json.Unmarshal(item, &text) == nil:
			*t = append(*t, term{text: text})
		case json.Unmarshal(item, &entity) == nil && entity.ID != "":
			*t = append(*t, term{entity.ID, entity.Name})
		case len(item) > 0 && strings.ContainsRune("-0123456789tf", rune(item[0])):
			*t = append(*t, term{text: string(item)})
		default:
			return refusef("a value is a text, a number, a truth value, or an object with an id")
		}
	}
	return nil
}

// check completes a query, or says what is wrong with it.
func (q *query) check() error {
	switch {
	case q.Query == nil && len(q.Properties) == 0:
		return refusef("a query needs a text or properties")
	case q.Query != nil && strings.TrimSpace(*q.Query) == "":
		return refusef("the text of a query is empty")
	case q.Query != nil && len(*q.Query) > 1000:
		return refusef("the text of a query has at most 1000 bytes")
	case len(q.Properties) > maxExtendProp:
		return refusef("a query has at most %d properties", maxExtendProp)
	case !slices.Contains([]string{"", "any", "should", "all"}, q.TypeStrict):
		return refusef("type_strict is any, should or all")
	}
	for _, id := range q.Type {
		if k, ok := parseType(id); ok {
			q.kinds = append(q.kinds, k)
		}
	}
	if len(q.Type) > 0 && len(q.kinds) == 0 {
		return refusef("there is no type %.40q; /reconcile/suggest/type lists them", q.Type[0])
	}
	q.limit = defaultLimit
	if q.Limit != nil {
		q.limit = int(min(max(*q.Limit, 1), maxCandidates))
	}
	return nil
}

// candidate is an entity that may be meant.
type candidate struct {
	*kg.Member
	score    float64
	features []object
	match    bool
}

// match answers a batch of queries.
func (s *service) match(ctx context.Context, r *request, text string) (any, error) {
	var batch map[string]*query
	if err := decode("queries", text, &batch); err != nil {
		return nil, err
	}
	if len(batch) > maxQueries {
		return nil, &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("a batch has at most %d queries, not %d", maxQueries, len(batch))}
	}
	for key, q := range batch {
		if q == nil {
			return nil, refusef("the query %.40q is null", key)
		}
		if err := q.check(); err != nil {
			return nil, err
		}
	}
	results := object{}
	for key, q := range batch {
		candidates, err := s.candidates(ctx, r, q)
		if err != nil {
			return nil, err
		}
		list := []object{}
		for _, c := range candidates {
			list = append(list, object{
				"id": c.ID, "name": c.Name(""), "description": describe(c.Entity), "score": math.Round(c.score*100) / 100,
				"match": c.match, "type": []object{typeOf(c.Kind)}, "features": c.features,
			})
		}
		results[key] = object{"result": list}
	}
	return results, nil
}

// describe tells namesakes apart in a few words.
func describe(e *kg.Entity) string {
	words := []string{typeOf(e.Kind)["name"].(string)}
	for i, id := range e.Identifiers {
		if i == 2 {
			break
		}
		words = append(words, id.Scheme+" "+id.Value)
	}
	return strings.Join(words, ", ")
}

// weightOfName is what the name counts for, where a property counts 1.
const weightOfName = 2

// certain is the score from which a candidate is taken for the entity meant, and
// runnerUp what the next one must stay below.
const (
	certain  = 95
	runnerUp = 85
)

// candidates returns the entities that fit a query, best first.
//
// The score is the mean of features from 0 to 100: how alike the best name is, at
// twice the weight of others, and for each property how alike the most alike of
// its values is. The entity's own id is as good as its name. An identifier that is the same makes it 100. With type_strict
// should, or none, another type costs a quarter; with any or all it is left out.
// A candidate is said to match if it scores 95 at least, and the next stays below 85.
func (s *service) candidates(ctx context.Context, r *request, q *query) ([]*candidate, error) {
	pids := make([]string, len(q.Properties))
	for i, p := range q.Properties {
		pids[i] = p.PID
	}
	properties, err := r.find(ctx, pids)
	if err != nil {
		return nil, err
	}
	members, err := s.gather(ctx, r, q)
	if err != nil {
		return nil, err
	}
	strict := q.TypeStrict == "any" || q.TypeStrict == "all"
	var list []*candidate
	for _, m := range members {
		typed := len(q.kinds) == 0 || slices.Contains(q.kinds, m.Kind)
		if strict && !typed {
			continue
		}
		c := &candidate{Member: m}
		sum, weight, identified := 0.0, 0.0, false
		feature := func(id string, value any) { c.features = append(c.features, object{"id": id, "value": value}) }
		if q.Query != nil {
			name := s.likeName(m.Entity, *q.Query)
			if m.ID == q.id {
				name = 100
			}
			feature("name", math.Round(name*100)/100)
			sum, weight = sum+weightOfName*name, weight+weightOfName
		}
		for i, p := range q.Properties {
			if properties[i] == nil {
				continue
			}
			values, err := properties[i].values(ctx, m, valueQuery{limit: maxCandidates})
			if err != nil {
				return nil, err
			}
			like := s.likeValues(values, p.V)
			feature(p.PID, math.Round(like*100)/100)
			sum, weight = sum+like, weight+1
			identified = identified || like == 100 && strings.HasPrefix(p.PID, identifierPrefix)
		}
		if weight > 0 {
			c.score = sum / weight
		}
		if identified {
			c.score = 100
		}
		if len(q.kinds) > 0 {
			feature("type", typed)
			if !typed {
				c.score *= 0.75
			}
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b *candidate) int {
		return cmp.Or(-cmp.Compare(a.score, b.score), strings.Compare(string(a.ID), string(b.ID)))
	})
	if len(list) > 0 && list[0].score >= certain && (len(list) == 1 || list[1].score < runnerUp) {
		list[0].match = true
	}
	return list[:min(len(list), q.limit)], nil
}

// gather finds whoever may be meant: by identifier, by id, and by words.
func (s *service) gather(ctx context.Context, r *request, q *query) ([]*kg.Member, error) {
	var ids []kg.ID
	for _, p := range q.Properties {
		scheme, ok := strings.CutPrefix(p.PID, identifierPrefix)
		if !ok {
			continue
		}
		for _, v := range p.V {
			if strings.TrimSpace(v.text) == "" {
				continue
			}
			m, err := r.Entity(ctx, kg.EntityKey{Identifier: &kg.Identifier{Scheme: scheme, Value: v.text}})
			switch {
			case errors.Is(err, kg.ErrAmbiguous), errors.Is(err, kg.ErrInvalid): // several bear it, or it is none: words decide
			case err != nil:
				return nil, err
			case m != nil:
				ids = append(ids, m.ID)
			}
		}
	}
	if q.Query != nil {
		named, err := r.members(ctx, []kg.ID{kg.ID(strings.TrimSpace(*q.Query))})
		if err != nil {
			return nil, err
		}
		if named[0] != nil {
			q.id = named[0].ID
			ids = append(ids, q.id)
		}
		kinds := q.kinds
		if q.TypeStrict != "any" && q.TypeStrict != "all" {
			kinds = nil
		}
		first := min(3*q.limit, maxCandidates)
		page, err := r.Search(ctx, *q.Query, kinds, kg.PageArgs{First: &first})
		if err != nil {
			return nil, err
		}
		for _, hit := range page.Values() {
			ids = append(ids, hit.ID)
		}
	}
	members, err := r.members(ctx, unique(ids))
	return slices.DeleteFunc(members, func(m *kg.Member) bool { return m == nil }), err
}

// likeName returns how alike a text and the best of an entity's names are, from
// 0 to 100. Former names lose a tenth.
func (s *service) likeName(e *kg.Entity, text string) float64 {
	best := 0.0
	for _, n := range e.Names {
		like := s.alike(n.Text, text)
		if n.Kind == kg.NameFormer {
			like *= 0.9
		}
		best = max(best, like)
	}
	return best
}

// alike compares two texts: equal names give 100, names that differ in their
// legal forms 97.
func (s *service) alike(a, b string) float64 {
	switch {
	case kg.FoldName(a) == kg.FoldName(b):
		return 100
	case kg.CoreName(a) != "" && kg.CoreName(a) == kg.CoreName(b):
		return 97
	}
	return 96 * s.Alike(a, b)
}

// likeValues returns how alike the most alike of the values and the terms are,
// from 0 to 100.
func (s *service) likeValues(values []value, wanted terms) float64 {
	best := 0.0
	for _, v := range values {
		for _, w := range wanted {
			switch {
			case w.id != "" && v.entity != nil:
				if string(v.entity.ID) == w.id || slices.Contains(v.entity.Merged, kg.ID(w.id)) {
					best = 100
				}
			case v.entity != nil:
				best = max(best, s.likeName(v.entity, w.text))
			case v.text == strings.TrimSpace(w.text) || strings.HasPrefix(v.text, strings.TrimSpace(w.text)+"-"):
				best = 100 // a year or month of the date
			default:
				best = max(best, s.alike(v.text, w.text))
			}
		}
	}
	return best
}
