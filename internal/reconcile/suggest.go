package reconcile

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"keiretsu/internal/kg"
)

// suggestions is how many are made at a time.
const suggestions = 20

// cursor reads from where on suggestions are asked for.
func (r *request) cursor() int {
	n, err := strconv.Atoi(r.form.Get("cursor"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (s *service) suggestEntity(ctx context.Context, r *request) (any, error) {
	prefix := strings.TrimSpace(r.form.Get("prefix"))
	if prefix == "" {
		return object{"result": []object{}}, nil
	}
	found, err := r.members(ctx, []kg.ID{kg.ID(prefix)})
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(m *kg.Member) bool { return m == nil })
	first := min(r.cursor()+suggestions, kg.MaxPage)
	page, err := r.Search(ctx, prefix, nil, kg.PageArgs{First: &first})
	if err != nil {
		return nil, err
	}
	for _, hit := range page.Values() {
		if !slices.ContainsFunc(found, func(m *kg.Member) bool { return m.ID == hit.ID }) {
			found = append(found, hit.Member)
		}
	}
	list := []object{}
	for _, m := range found {
		list = append(list, object{"id": m.ID, "name": m.Name(""), "description": describe(m.Entity), "notable": []object{typeOf(m.Kind)}})
	}
	return part(list, r.cursor()), nil
}

func (s *service) suggestProperty(ctx context.Context, r *request) (any, error) {
	properties, err := r.all(ctx)
	if err != nil {
		return nil, err
	}
	list := []object{}
	for _, p := range properties {
		if begins(p.name, r.form.Get("prefix")) || begins(p.id, r.form.Get("prefix")) {
			list = append(list, object{"id": p.id, "name": p.name, "description": p.description})
		}
	}
	return part(list, r.cursor()), nil
}

func (s *service) suggestType(_ context.Context, r *request) (any, error) {
	list := []object{}
	for _, k := range kg.EntityKinds() {
		if t := typeOf(k); begins(t["name"].(string), r.form.Get("prefix")) {
			list = append(list, t)
		}
	}
	return part(list, r.cursor()), nil
}

// part returns one page of a list.
func part(list []object, from int) object {
	from = min(from, len(list))
	return object{"result": list[from:min(from+suggestions, len(list))]}
}

// begins reports that a word of the text begins with the prefix.
func begins(text, prefix string) bool {
	text, prefix = strings.ToLower(text), strings.ToLower(strings.TrimSpace(prefix))
	return strings.HasPrefix(text, prefix) || strings.Contains(text, " "+prefix) || strings.Contains(text, ":"+prefix)
}

// proposeProperties lists what can be fetched of entities of a type.
func (s *service) proposeProperties(ctx context.Context, r *request) (any, error) {
	properties, err := r.all(ctx)
	if err != nil {
		return nil, err
	}
	answer := object{"type": r.form.Get("type")}
	if n, err := strconv.Atoi(r.form.Get("limit")); err == nil && n > 0 {
		answer["limit"] = n
		properties = properties[:min(n, len(properties))]
	}
	list := []object{}
	for _, p := range properties {
		list = append(list, object{"id": p.id, "name": p.name, "description": p.description})
	}
	answer["properties"] = list
	return answer, nil
}
