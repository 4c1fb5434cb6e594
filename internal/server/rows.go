package server

import (
	"encoding/json"
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
	// list: its value is a list; joined: the values of the list are one cell.
	list, joined bool
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

// join adds what a value holds to the lists in the cells of the part.
func (p *tablePart) join(value any, cells []any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			p.join(element, cells)
		}
	case map[string]any:
		for _, part := range p.parts {
			part.join(value[part.key], cells)
		}
	case nil:
	default:
		list, _ := cells[p.column].([]any)
		cells[p.column] = append(list, value)
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
// its values.
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
		return strings.Join(texts, "; ")
	default:
		text, _ := json.Marshal(cell) // it was JSON
		return string(text)
	}
}
