package wikidata

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// item is an item of Wikidata, as far as it is read.
type item struct {
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Modified string         `json:"modified"`
	Labels   texts[label]   `json:"labels"`
	Aliases  texts[[]label] `json:"aliases"`
	// Claims are lists of statements by property: most properties are never read.
	Claims  texts[json.RawMessage] `json:"claims"`
	Missing *json.RawMessage       `json:"missing"`
}

// texts is an object by its keys. Where it is empty, PHP writes an empty array.
type texts[T any] map[string]T

// UnmarshalJSON reads either.
func (t *texts[T]) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return nil
	}
	return json.Unmarshal(b, (*map[string]T)(t))
}

type label struct {
	Language string `json:"language"`
	Value    string `json:"value"`
}

type statement struct {
	ID         string        `json:"id"`
	Rank       string        `json:"rank"`
	Main       snak          `json:"mainsnak"`
	Qualifiers texts[[]snak] `json:"qualifiers"`
	References []struct {
		Snaks texts[[]snak] `json:"snaks"`
	} `json:"references"`
}

// snak is a property with a value, with one that is not known (somevalue), or
// with none (novalue).
type snak struct {
	Kind  string `json:"snaktype"`
	Value struct {
		Value json.RawMessage `json:"value"`
		Type  string          `json:"type"`
	} `json:"datavalue"`
}

// entity returns the id of the item that a snak names, "" where it names none.
func (s *snak) entity() string {
	if s.Kind != "value" || s.Value.Type != "wikibase-entityid" {
		return ""
	}
	var v struct {
		ID      string `json:"id"`
		Type    string `json:"entity-type"`
		Numeric int64  `json:"numeric-id"`
	}
	if json.Unmarshal(s.Value.Value, &v) != nil {
		return ""
	}
	if v.ID == "" && v.Type == "item" && v.Numeric > 0 {
		v.ID = "Q" + strconv.FormatInt(v.Numeric, 10)
	}
	if !isItem(v.ID) {
		return ""
	}
	return v.ID
}

// isItem reports that an id is that of an item.
func isItem(id string) bool {
	return len(id) > 1 && len(id) < 20 && id[0] == 'Q' && strings.Trim(id[1:], "0123456789") == ""
}

// text returns the text of a snak, "" where it has none.
func (s *snak) text() string {
	var v string
	if s.Kind != "value" || s.Value.Type != "string" || json.Unmarshal(s.Value.Value, &v) != nil {
		return ""
	}
	return strings.Join(strings.Fields(v), " ")
}

// first returns the first qualifier of a property, or nil.
func (s *statement) first(property string) *snak {
	if list := s.Qualifiers[property]; len(list) > 0 {
		return &list[0]
	}
	return nil
}

// dated reports that qualifiers say when the statement holds.
func (s *statement) dated() bool {
	return s.first("P580") != nil || s.first("P582") != nil || s.first("P585") != nil
}

// best returns the statements of a property that count: those that are dated, and
// of the others the preferred ones, or where there are none the normal ones.
// Deprecated ones never do. passed is told why another does not.
func (it *item) best(property string, passed func(reason string)) []*statement {
	if len(it.Claims[property]) == 0 {
		return nil
	}
	var list []statement
	if json.Unmarshal(it.Claims[property], &list) != nil {
		passed("the statements of a property cannot be read")
		return nil
	}
	preferred := false
	for i := range list {
		preferred = preferred || list[i].Rank == "preferred"
	}
	var best []*statement
	for i := range list {
		switch s := &list[i]; {
		case s.Rank == "preferred" || s.Rank == "normal" && (!preferred || s.dated()):
			best = append(best, s)
		case s.Rank == "normal":
			passed("a statement without dates gives way to one that is preferred")
		default:
			passed("a statement is deprecated")
		}
	}
	return best
}
