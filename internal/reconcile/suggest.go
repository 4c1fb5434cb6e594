package reconcile

import (
	"context"
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
	first := min(r.cursor()+suggestions, kg.MaxPage)
	page, err := r.Search(ctx, prefix, nil, kg.PageArgs{First: &first})
	if err != nil {
		return nil, err
	}
	list := []object{}
	for _, hit := range page.Values()[min(r.cursor(), len(page.Items)):] {
		list = append(list, object{"id": hit.ID, "name": hit.Name(""), "description": describe(hit.Entity), "notable": []object{typeOf(hit.Kind)}})
	}
	return object{"result": list}, nil
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
	limit := len(properties)
	if n, err := strconv.Atoi(r.form.Get("limit")); err == nil && n > 0 {
		limit = min(limit, n)
	}
	list := []object{}
	for _, p := range properties[:limit] {
		list = append(list, object{"id": p.id, "name": p.name})
	}
	return object{"type": r.form.Get("type"), "properties": list, "limit": limit}, nil
}
