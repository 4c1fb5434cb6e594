package export

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// schemas judges JSON by JSON Schema (draft 2020-12), as far as the standards that
// we write use it. A keyword that it does not know ends the test: it would judge
// too kindly.
type schemas map[string]any // by $id

func readSchemas(t *testing.T, paths ...string) schemas {
	t.Helper()
	all := make(schemas)
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		var s map[string]any
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		all[s["$id"].(string)] = s
	}
	return all
}

// schemaFiles returns the schema files in a folder.
func schemaFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no schema files in %s: %v", dir, err)
	}
	return paths
}

// judge returns what is wrong with a value by the schema of that name.
func (all schemas) judge(t *testing.T, name string, text []byte) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	j := &judge{all: all, root: all[name]}
	wrong := j.wrong("", j.root, v)
	if j.unknown != "" {
		t.Fatalf("the keyword %s is not known here", j.unknown)
	}
	return wrong
}

type judge struct {
	all     schemas
	root    any
	unknown string
}

// annotations say nothing of what is right.
var annotations = []string{"$id", "$schema", "$comment", "$defs", "title", "description", "version", "codelist", "openCodelist", "propertyOrder"}

func (j *judge) wrong(at string, schema, v any) (list []string) {
	s, ok := schema.(map[string]any)
	if !ok {
		j.unknown = fmt.Sprintf("%v", schema)
		return nil
	}
	if id, ok := s["$id"].(string); ok {
		defer func(root any) { j.root = root }(j.root)
		j.root = j.all[id]
	}
	say := func(format string, args ...any) { list = append(list, at+": "+fmt.Sprintf(format, args...)) }
	fits := func(schema any) bool { return len(j.wrong(at, schema, v)) == 0 }
	object, isObject := v.(map[string]any)
	array, isArray := v.([]any)
	text, isText := v.(string)
	n, isNumber := v.(float64)
	for keyword, arg := range s {
		switch keyword {
		case "$ref":
			list = append(list, j.refer(at, arg.(string), v)...)
		case "type":
			_, isBool := v.(bool)
			if !map[string]bool{"object": isObject, "array": isArray, "string": isText, "number": isNumber, "boolean": isBool}[arg.(string)] {
				say("it is no %s", arg)
			}
		case "enum":
			if !slices.ContainsFunc(arg.([]any), func(x any) bool { return reflect.DeepEqual(x, v) }) {
				say("%v is none of %v", v, arg)
			}
		case "const":
			if !reflect.DeepEqual(arg, v) {
				say("%v is not %v", v, arg)
			}
		case "required":
			for _, name := range arg.([]any) {
				if _, ok := object[name.(string)]; isObject && !ok {
					say("it has no %s", name)
				}
			}
		case "properties":
			for name, inner := range arg.(map[string]any) {
				if x, ok := object[name]; ok {
					list = append(list, j.wrong(at+"/"+name, inner, x)...)
				}
			}
		case "additionalProperties":
			known, _ := s["properties"].(map[string]any)
			for name := range object {
				if _, ok := known[name]; !ok && arg == false {
					say("%s is not written", name)
				}
			}
		case "minProperties":
			if isObject && float64(len(object)) < arg.(float64) {
				say("it has only %d properties", len(object))
			}
		case "items":
			for i, x := range array {
				list = append(list, j.wrong(fmt.Sprintf("%s/%d", at, i), arg, x)...)
			}
		case "minLength", "maxLength":
			if size := float64(utf8.RuneCountInString(text)); isText && (keyword == "minLength" && size < arg.(float64) || keyword == "maxLength" && size > arg.(float64)) {
				say("%q has another length than %s %v", text, keyword, arg)
			}
		case "minimum":
			if isNumber && n < arg.(float64) {
				say("%v is less than %v", n, arg)
			}
		case "maximum":
			if isNumber && n > arg.(float64) {
				say("%v is more than %v", n, arg)
			}
		case "pattern":
			if isText && !regexp.MustCompile(arg.(string)).MatchString(text) {
				say("%q does not match %s", text, arg)
			}
		case "format":
			if isText && !j.formatted(arg.(string), text) {
				say("%q is no %s", text, arg)
			}
		case "allOf":
			for _, inner := range arg.([]any) {
				list = append(list, j.wrong(at, inner, v)...)
			}
		case "anyOf", "oneOf":
			n := 0
			for _, inner := range arg.([]any) {
				if fits(inner) {
					n++
				}
			}
			if n == 0 || keyword == "oneOf" && n > 1 {
				say("it fits %d of the %d that %s allows", n, len(arg.([]any)), keyword)
			}
		case "not":
			if fits(arg) {
				say("it is what it must not be")
			}
		case "if":
			if then, ok := s["then"]; ok && fits(arg) {
				list = append(list, j.wrong(at, then, v)...)
			}
		case "then": // with if
		default:
			if !slices.Contains(annotations, keyword) {
				j.unknown = keyword
			}
		}
	}
	slices.Sort(list)
	return list
}

// refer judges by a schema that is named: one by its id, or a definition in it.
func (j *judge) refer(at, ref string, v any) []string {
	id, path, _ := strings.Cut(ref, "#")
	target := j.root
	if id != "" {
		target = j.all[id]
	}
	root := target
	for _, key := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		inner, _ := target.(map[string]any)
		target = inner[key]
	}
	if target == nil {
		j.unknown = "$ref " + ref
		return nil
	}
	defer func(root any) { j.root = root }(j.root)
	j.root = root
	return j.wrong(at, target, v)
}

func (j *judge) formatted(format, text string) bool {
	switch format {
	case "date":
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	case "date-time":
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	case "uri":
		u, err := url.Parse(text)
		return err == nil && u.Scheme != ""
	}
	j.unknown = "format " + format
	return false
}
