package kg

import (
	"strings"
)

// enumNames holds the text forms of an enumeration, indexed by value.
type enumNames []string

func (n enumNames) text(i uint8) string {
	if int(i) < len(n) {
		return n[i]
	}
	return "?"
}

// parse finds the value of a text form; what names the enumeration in the error.
func (n enumNames) parse(what, s string) (uint8, error) {
	for i, name := range n {
		if name == s && name != "" {
			return uint8(i), nil
		}
	}
	return 0, Invalidf("", "%q is not a known %s; known are %s", clip(s), what, strings.Join(n.list(), ", "))
}

func (n enumNames) list() []string {
	var known []string
	for _, name := range n {
		if name != "" {
			known = append(known, name)
		}
	}
	return known
}
