package reconcile

import (
	"context"
	"encoding/json"
	"regexp"

	"keiretsu/internal/kg"
)

// extension asks for values of properties of entities.
type extension struct {
	IDs        []string `json:"ids"`
	Properties []struct {
		ID       string   `json:"id"`
		Settings settings `json:"settings"`
	} `json:"properties"`
}

// settings are those of the manifest; clients send numbers as texts, too.
type settings struct {
	Limit json.RawMessage `json:"limit"`
	AsOf  string          `json:"asOf"`
}

func (x settings) query(r *request) (valueQuery, error) {
	q := valueQuery{limit: defaultLimit}
	if len(x.Limit) > 0 {
		text := string(x.Limit)
		if x.Limit[0] == '"' && json.Unmarshal(x.Limit, &text) != nil {
			return q, refusef("a limit is a number from 1 to %d", maxValues)
		}
		var n float64
		if text != "" && text != "null" {
			if json.Unmarshal([]byte(text), &n) != nil || n < 1 {
				return q, refusef("a limit is a number from 1 to %d", maxValues)
			}
			q.limit = int(min(n, maxValues))
		}
	}
	var day *kg.PartialDate
	if x.AsOf != "" {
		date, err := kg.ParseDate(x.AsOf)
		if err != nil {
			return q, refusef("asOf: %s", err)
		}
		day = &date
	}
	var err error
	q.asOf, err = r.MomentOrToday(day)
	return q, err
}

// extend answers with the values of properties.
func (s *service) extend(ctx context.Context, r *request, text string) (any, error) {
	var x extension
	if err := decode("extend", text, &x); err != nil {
		return nil, err
	}
	switch {
	case len(x.IDs) > maxExtendIDs:
		return nil, refusef("at most %d rows can be extended at once, not %d", maxExtendIDs, len(x.IDs))
	case len(x.Properties) > maxExtendProp:
		return nil, refusef("at most %d properties can be fetched at once, not %d", maxExtendProp, len(x.Properties))
	}
	ids, pids := make([]kg.ID, len(x.IDs)), make([]string, len(x.Properties))
	for i, id := range x.IDs {
		ids[i] = kg.ID(id)
	}
	for i, p := range x.Properties {
		pids[i] = p.ID
	}
	members, err := r.members(ctx, ids)
	if err != nil {
		return nil, err
	}
	properties, err := r.find(ctx, pids)
	if err != nil {
		return nil, err
	}
	meta, rows := []object{}, object{}
	for _, id := range x.IDs {
		rows[id] = object{}
	}
	for i, p := range properties {
		if p == nil {
			return nil, refusef("there is no property %.60q; /reconcile/properties lists them", pids[i])
		}
		about := object{"id": p.id, "name": p.name}
		if p.kind != 0 {
			about["type"] = typeOf(p.kind)
		}
		meta = append(meta, about)
		q, err := x.Properties[i].Settings.query(r)
		if err != nil {
			return nil, err
		}
		for j, m := range members {
			cells := []object{}
			if m != nil {
				values, err := p.values(ctx, m, q)
				if err != nil {
					return nil, err
				}
				for _, v := range values[:min(len(values), q.limit)] {
					cells = append(cells, v.cell())
				}
			}
			rows[x.IDs[j]].(object)[p.id] = cells
		}
	}
	return object{"meta": meta, "rows": rows}, nil
}

var fullDay = regexp.MustCompile(`^\d{4}-(1[0-2]|0[1-9])-(3[01]|0[1-9]|[12][0-9])$`)

// cell writes a value as the protocol has it. Its dates are moments, so that only
// full days are dates; others are texts.
func (v value) cell() object {
	switch {
	case v.entity != nil:
		return object{"id": v.entity.ID, "name": v.entity.Name("")}
	case v.number != nil:
		return object{"float": *v.number}
	case fullDay.MatchString(v.text):
		return object{"date": v.text + "T00:00:00Z"}
	}
	return object{"str": v.text}
}
