package server

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// joinedType is the type of which a list is one cell and makes no rows: what a
// row says rests on all of its citations together.
const joinedType = "Citation"

// table is the shape in which the answers to an operation can be written as rows.
type table struct {
	root *tablePart
	// columns are the paths of its leaves, in the order in which they were asked for.
	columns []string
}

// tablePart is a field of the operation, fragments merged.
type tablePart struct {
	key string
	// parts are its fields; none for a leaf, whose column counts from 0.
	parts  []*tablePart
	column int
	// list: its value is a list; joined: the values of the list are one cell;
	// backward: it is a page that was asked for from the end of its list.
	list, joined, backward bool
}

// newTable returns the shape of an operation that has been validated.
func newTable(op *ast.OperationDefinition) *table {
	t := &table{root: &tablePart{}}
	t.root.add(op.SelectionSet)
	t.number(t.root, nil)
	return t
}

func (p *tablePart) add(selections ast.SelectionSet) {
	for _, s := range selections {
		switch s := s.(type) {
		case *ast.Field:
			part := p.part(s.Alias)
			part.list = s.Definition.Type.Elem != nil
			part.joined = part.list && (len(s.SelectionSet) == 0 || s.Definition.Type.Name() == joinedType)
			part.backward = s.Arguments.ForName("last") != nil
			part.add(s.SelectionSet)
		case *ast.InlineFragment:
			p.add(s.SelectionSet)
		case *ast.FragmentSpread:
			p.add(s.Definition.SelectionSet)
		}
	}
}

// part returns the field of this name in the answer.
func (p *tablePart) part(key string) *tablePart {
	at := slices.IndexFunc(p.parts, func(q *tablePart) bool { return q.key == key })
	if at < 0 {
		at = len(p.parts)
		p.parts = append(p.parts, &tablePart{key: key})
	}
	return p.parts[at]
}

// number gives every leaf its column.
func (t *table) number(p *tablePart, path []string) {
	for _, part := range p.parts {
		path := append(path, part.key)
		if len(part.parts) == 0 {
			part.column = len(t.columns)
			t.columns = append(t.columns, strings.Join(path, "."))
		}
		t.number(part, path)
	}
}

// rows hands out the rows of an answer until one is refused: one for every
// element of the innermost lists, with the cells of all that it stands in. Lists
// side by side have rows of their own, and what holds an empty list has a row
// without it. A cell is nil, a JSON value, or a list of them.
func (t *table) rows(data map[string]any, yield func(cells []any) bool) {
	t.root.rows(data, make([]any, len(t.columns)), yield)
}

func (p *tablePart) rows(object map[string]any, cells []any, yield func([]any) bool) bool {
	var branches []branch
	p.fill(object, cells, &branches)
	if len(branches) == 0 {
		empty := !slices.ContainsFunc(cells, func(cell any) bool { return cell != nil })
		return empty || yield(cells)
	}
	for _, b := range branches {
		for _, element := range b.elements {
			if !b.part.rows(element, slices.Clone(cells), yield) {
				return false
			}
		}
	}
	return true
}

// branch is a list that makes rows.
type branch struct {
	part     *tablePart
	elements []map[string]any
}

// fill sets the cells of an object and of the objects in it, and notes the lists.
func (p *tablePart) fill(object map[string]any, cells []any, branches *[]branch) {
	for _, part := range p.parts {
		value := object[part.key]
		switch {
		case value == nil:
		case part.joined:
			part.join(value, cells)
		case part.list:
			if elements := objectsIn(value, nil); len(elements) > 0 {
				*branches = append(*branches, branch{part, elements})
			}
		case len(part.parts) > 0:
			if inner, ok := value.(map[string]any); ok {
				part.fill(inner, cells, branches)
			}
		default:
			cells[part.column] = value
		}
	}
}

// join adds what a value holds to the lists in the cells of the part. An object that
// lacks something leaves a gap, nil, so that the lists of its cells stay side by side.
func (p *tablePart) join(value any, cells []any) {
	add := func(value any) {
		list, _ := cells[p.column].([]any)
		cells[p.column] = append(list, value)
	}
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if element != nil {
				p.join(element, cells)
			}
		}
	case map[string]any:
		for _, part := range p.parts {
			part.join(value[part.key], cells)
		}
	case nil:
		for _, part := range p.parts {
			part.join(nil, cells)
		}
		if len(p.parts) == 0 {
			add(nil)
		}
	default:
		add(value)
	}
}

// objectsIn returns the objects of a list, or of the lists in it.
func objectsIn(value any, found []map[string]any) []map[string]any {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			found = objectsIn(element, found)
		}
	case map[string]any:
		found = append(found, value)
	}
	return found
}

// cellText writes a cell as text: a list with a semicolon and a space between
// its values, unless there are none but gaps.
func cellText(cell any) string {
	switch cell := cell.(type) {
	case nil:
		return ""
	case string:
		return cell
	case []any:
		texts := make([]string, len(cell))
		for i, value := range cell {
			texts[i] = cellText(value)
		}
		if !slices.ContainsFunc(cell, func(value any) bool { return value != nil }) {
			return ""
		}
		return strings.Join(texts, "; ")
	default:
		text, _ := json.Marshal(cell) // it was JSON
		return string(text)
	}
}

// pageKey is the name under which a table asks of every page whether it is all of its
// list. Names that begin so are GraphQL's own, and no column is called so.
const pageKey = "__page"

// askPages returns selections that ask that of every page among them, too. They are
// copies, since documents are shared; fragments stand where they were spread.
func askPages(set ast.SelectionSet) ast.SelectionSet {
	asked := make(ast.SelectionSet, 0, len(set)+1)
	var on *ast.Definition
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			own := *s
			own.SelectionSet = askPages(s.SelectionSet)
			on = s.ObjectDefinition
			asked = append(asked, &own)
		case *ast.InlineFragment:
			own := *s
			own.SelectionSet = askPages(s.SelectionSet)
			asked = append(asked, &own)
		case *ast.FragmentSpread:
			asked = append(asked, &ast.InlineFragment{
				TypeCondition: s.Definition.TypeCondition, Directives: s.Directives, SelectionSet: askPages(s.Definition.SelectionSet),
				ObjectDefinition: s.Definition.Definition, Position: s.Position,
			})
		}
	}
	if on == nil {
		return asked
	}
	if info := on.Fields.ForName("pageInfo"); info != nil {
		page := &ast.Field{Alias: pageKey, Name: info.Name, Definition: info, ObjectDefinition: on}
		for _, name := range []string{"hasNextPage", "hasPreviousPage"} {
			page.SelectionSet = append(page.SelectionSet, &ast.Field{
				Alias: name, Name: name, Definition: &ast.FieldDefinition{Name: name, Type: ast.NonNullNamedType("Boolean", nil)},
			})
		}
		asked = append(asked, page)
	}
	return asked
}

// cut returns the paths of the lists of which an answer holds a page and not the end,
// sorted.
func (t *table) cut(data map[string]any) []string {
	found := make(map[string]bool)
	t.root.cut(data, nil, found)
	return slices.Sorted(maps.Keys(found))
}

func (p *tablePart) cut(value any, path []string, found map[string]bool) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			p.cut(element, path, found)
		}
	case map[string]any:
		if page, ok := value[pageKey].(map[string]any); ok && (page["hasNextPage"] == true && !p.backward || page["hasPreviousPage"] == true && p.backward) {
			found[strings.Join(path, ".")] = true
		}
		for _, part := range p.parts {
			part.cut(value[part.key], append(path, part.key), found)
		}
	}
}
