package factfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"keiretsu/internal/ingest"
)

// parse returns the body of the file's one document, or nil after a problem.
func (f *file) parse(text []byte) (body ast.Node) {
	top := ingest.Position{File: f.name, Line: 1, Column: 1}
	if len(text) > MaxFileSize {
		f.problem(top, "the file is larger than %d MiB; split it", MaxFileSize>>20)
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	// The lexer miscounts lines that end in CR LF.
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !f.clean(text) {
		return nil
	}
	defer func() {
		// The library is outside our hands, and its input is anybody's.
		if r := recover(); r != nil {
			f.problem(top, "the file cannot be understood as YAML")
			body = nil
		}
	}()
	tokens := rejoin(lexer.Tokenize(string(text)))
	if !f.tame(tokens) {
		return nil
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		f.syntax(err)
		return nil
	}
	switch {
	case len(parsed.Docs) > 1:
		f.problem(top, "the file holds %d documents separated by ---; write one", len(parsed.Docs))
		return nil
	case len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil:
		f.problem(top, "the file is empty; expected one of the keys %s", strings.Join(fileKeys, ", "))
		return nil
	}
	return parsed.Docs[0].Body
}

// rejoin puts words like doc-002:49 together again. In a list within braces the
// lexer takes them for a key and a value, but without a space behind the colon
// they are one plain text (YAML 1.2, 7.3.3).
func rejoin(tokens token.Tokens) token.Tokens {
	whole := tokens[:0]
	for i := 0; i < len(tokens); i++ {
		tk := tokens[i]
		if n := len(whole); tk.Type == token.MappingValueType && n > 0 && i+1 < len(tokens) {
			key, value := whole[n-1], tokens[i+1]
			if isPlain(key) && isPlain(value) && value.Position.Line == tk.Position.Line && value.Position.Column == tk.Position.Column+1 {
				key.Type, key.Value, key.Origin = token.StringType, key.Value+":"+value.Value, key.Origin+":"+value.Origin
				i++
				continue
			}
		}
		if n := len(whole); n > 0 {
			whole[n-1].Next, tk.Prev = tk, whole[n-1]
		}
		whole = append(whole, tk)
	}
	return whole
}

// isPlain reports a single value without quotes.
func isPlain(tk *token.Token) bool {
	switch tk.Type {
	case token.StringType, token.IntegerType, token.FloatType, token.BoolType, token.NullType,
		token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType, token.InfinityType, token.NanType:
		return true
	}
	return false
}

// clean reports bytes that have no place in a text of lines.
func (f *file) clean(text []byte) bool {
	found := len(f.problems)
	for n, line := range bytes.Split(text, []byte("\n")) {
		column, indented := 1, true
		for len(line) > 0 {
			r, size := utf8.DecodeRune(line)
			at := ingest.Position{File: f.name, Line: n + 1, Column: column}
			switch {
			case r == utf8.RuneError && size == 1:
				f.problem(at, "the file is not UTF-8 from here on; save it as UTF-8")
				return false
			case r == '\t' && indented:
				f.problem(at, "a tab in the indentation; use spaces")
				line = nil // one a line is enough
				continue
			case unicode.IsControl(r) && r != '\t':
				f.problem(at, "a control character (%U); remove it", r)
				return false
			}
			indented = indented && r == ' '
			line, column = line[size:], column+1
		}
	}
	return len(f.problems) == found
}

// What a file of facts never needs, and a parser might not survive.
const (
	maxNesting = 20   // lists and mappings within each other on one line
	maxColumn  = 100  // at which a key or a dash of an indented block stands
	maxKeys    = 1000 // of one indented mapping
)

// tame reports whatever in the file makes a text mean something else than it
// shows, and shapes on which the parser's time or stack would grow out of hand.
func (f *file) tame(tokens token.Tokens) bool {
	found := len(f.problems)
	nesting := 0
	var keys [maxColumn + 1]int // seen in the open mapping at that column
	block := func(tk *token.Token, isKey bool) bool {
		column := tk.Position.Column
		if column < 1 || column > maxColumn {
			f.problem(f.position(tk), "the indentation is deeper than %d columns", maxColumn)
			return false
		}
		clear(keys[column+1:])
		if isKey {
			keys[column]++
		}
		if keys[column] > maxKeys {
			f.problem(f.position(tk), "a mapping of more than %d keys", maxKeys)
			return false
		}
		return true
	}
	for _, tk := range tokens {
		ok := true
		switch tk.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			f.problem(f.position(tk), "anchors, aliases and merged keys are not read; write the value out, or quote the text if it begins with %s", tk.Value)
		case token.TagType, token.DirectiveType:
			f.problem(f.position(tk), "tags and directives are not read; quote the text if it begins with %s", tk.Value[:1])
		case token.MappingKeyType:
			f.problem(f.position(tk), "keys after a question mark are not read; write key: value, or quote the text")
		case token.MappingStartType, token.SequenceStartType:
			if nesting++; nesting > maxNesting {
				f.problem(f.position(tk), "more than %d lists and mappings within each other", maxNesting)
				ok = false
			}
		case token.MappingEndType, token.SequenceEndType:
			nesting--
		case token.SequenceEntryType:
			ok = block(tk, false)
		case token.MappingValueType:
			if nesting <= 0 && tk.Prev != nil {
				ok = block(tk.Prev, true)
			}
		}
		if !ok {
			return false
		}
	}
	return len(f.problems) == found
}

// syntax reports what the parser says.
func (f *file) syntax(err error) {
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		f.problem(f.position(known.GetToken()), "not YAML: %s", known.GetMessage())
		return
	}
	f.problem(ingest.Position{File: f.name, Line: 1, Column: 1}, "not YAML: %v", err)
}

func (f *file) position(tk *token.Token) ingest.Position {
	return ingest.Position{File: f.name, Line: max(1, tk.Position.Line), Column: max(1, tk.Position.Column)}
}

// at is where a node begins.
func (f *file) at(n ast.Node) ingest.Position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return f.at(n.Values[0])
		}
	case *ast.MappingValueNode:
		return f.position(n.Key.GetToken())
	}
	return f.position(n.GetToken())
}

// shape names what a node is, for problems.
func shape(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	}
	return "one value"
}

// scalar returns the text of a single value as it stands there.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return strings.TrimSpace(n.Value), true
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(n.GetToken().Value), true
	}
	return "", false
}

// text returns a single value; what names it in problems.
func (f *file) text(what string, n ast.Node) ingest.Text {
	at := f.at(n)
	value, ok := scalar(n)
	switch {
	case !ok && openDate(n) != "":
		f.problem(at, `%s is a list; put the date in quotes: "[%.40s]"`, what, openDate(n))
	case !ok && shape(n) == "nothing", ok && value == "":
		f.problem(at, "%s is empty; give a value or leave the key out", what)
	case !ok:
		f.problem(at, "%s is %s; expected one value", what, shape(n))
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		f.problem(at, "%s holds a control character", what)
		value = ""
	}
	return ingest.Text{Value: value, At: at}
}

// openDate returns the text of a date such as [2014..] that lacks its quotes and
// so became a list, or "" for everything else.
func openDate(n ast.Node) string {
	if list, ok := n.(*ast.SequenceNode); ok && len(list.Values) == 1 {
		if text, _ := scalar(list.Values[0]); strings.Contains(text, "..") {
			return text
		}
	}
	return ""
}

// items returns the items of a list, or a single value as a list of it.
func (f *file) items(what string, n ast.Node) []ast.Node {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return []ast.Node{n}
	}
	if len(list.Values) == 0 {
		f.problem(f.at(n), "%s is an empty list; give a value or leave the key out", what)
	}
	return list.Values
}

// mapping is a YAML mapping that has been checked for unknown and repeated keys.
type mapping struct {
	*file
	// what names it in problems, with its article.
	what   string
	start  ingest.Position
	values map[string]ast.Node
	keys   map[string]ingest.Position
}

// mapping reads a node as a mapping with keys out of those known; nil are all.
// It returns one without keys after a problem.
func (f *file) mapping(what string, n ast.Node, known []string) (m mapping, ok bool) {
	m = mapping{f, what, f.at(n), make(map[string]ast.Node), make(map[string]ingest.Position)}
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		f.problem(m.start, "%s is %s; expected a mapping of keys to values", what, shape(n))
		return m, false
	}
	for _, pair := range pairs {
		at := f.at(pair)
		key, ok := scalar(pair.Key)
		switch first, again := m.keys[key]; {
		case !ok || key == "":
			f.problem(at, "a key of %s is no text", what)
		case again:
			f.problem(at, "%q stands twice in %s; the first is at %s", key, what, first)
		case known != nil && !slices.Contains(known, key):
			f.problem(at, "%.40q is not a key of %s; %s", key, what, meant(key, known))
		default:
			m.keys[key], m.values[key] = at, pair.Value
		}
	}
	return m, true
}

func meant(word string, known []string) string {
	if near := ingest.Nearest(word, slices.Values(known)); near != "" {
		return "did you mean " + near + "?"
	}
	return "expected one of " + strings.Join(known, ", ")
}

func (m mapping) has(key string) bool { return m.values[key] != nil }

// need reports a key that is missing.
func (m mapping) need(key string) bool {
	if !m.has(key) {
		m.problem(m.start, "%s needs the key %q", m.what, key)
	}
	return m.has(key)
}

// text returns the single value of a key, empty where the key is missing.
func (m mapping) text(key string) ingest.Text {
	if !m.has(key) {
		return ingest.Text{}
	}
	return m.file.text(fmt.Sprintf("%q", key), m.values[key])
}

// needed returns the single value of a key that must be there.
func (m mapping) needed(key string) ingest.Text {
	m.need(key)
	return m.text(key)
}

// texts returns the values of a key that takes one value or a list of them.
func (m mapping) texts(key string) []ingest.Text {
	if !m.has(key) {
		return nil
	}
	var texts []ingest.Text
	for _, item := range m.items(fmt.Sprintf("%q", key), m.values[key]) {
		texts = append(texts, m.file.text(fmt.Sprintf("an item of %q", key), item))
	}
	return texts
}

// entries returns the mappings in the list of a key; what names one of them.
func (m mapping) entries(key, what string, known []string) []mapping {
	if !m.has(key) {
		return nil
	}
	list, ok := m.values[key].(*ast.SequenceNode)
	if !ok {
		m.problem(m.at(m.values[key]), "%q is %s; expected a list", key, shape(m.values[key]))
		return nil
	}
	var entries []mapping
	for _, item := range list.Values {
		if entry, ok := m.mapping(what, item, known); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}

// attributes returns the keys and values of a mapping under a key.
func (m mapping) attributes(key string) []ingest.Attribute {
	if !m.has(key) {
		return nil
	}
	pairs, _ := m.mapping(fmt.Sprintf("%q", key), m.values[key], nil)
	var attributes []ingest.Attribute
	for name, at := range pairs.keys {
		attributes = append(attributes, ingest.Attribute{Key: ingest.Text{Value: name, At: at}, Value: pairs.text(name)})
	}
	slices.SortFunc(attributes, func(a, b ingest.Attribute) int { return strings.Compare(a.Key.Value, b.Key.Value) })
	return attributes
}
