package server

import "cmp"

// Limits bounds what one request may ask for. A field left zero takes the value
// of [DefaultLimits].
type Limits struct {
	// BodyBytes is the largest request body, in bytes. A larger one is
	// answered 413 and not kept.
	BodyBytes int64
	// DocumentBytes is the longest GraphQL document, in bytes. Values belong
	// into variables, which count towards BodyBytes only. It also bounds what
	// the cache of validated documents can hold.
	DocumentBytes int
	// Tokens is the number of lexical tokens of a document, comments included.
	Tokens int
	// NameBytes is the longest name in a document. Misspelt names are compared
	// with every name of the schema in order to suggest the right one.
	NameBytes int
	// Operations, Fragments and Directives count over the whole document.
	Operations, Fragments, Directives int
	// Variables is the number of variables one operation declares.
	Variables int
	// Selections is the number of selections (fields, fragment spreads, inline
	// fragments) of one operation once every spread is replaced by what it
	// stands for.
	Selections int
	// Depth is how deep fields nest. The field ofType of the introspection types
	// does not count: it cannot branch, and clients nest it nine times.
	Depth int
	// EqualNames is how often one response name may occur in one selection set,
	// fragments merged in. Validation compares each pair.
	EqualNames int
	// RootFields is the number of fields that one operation asks for at its root,
	// fragments merged in. Each is a question of its own.
	RootFields int
	// Aliases is how often one field may be asked for under different names in
	// one selection set, fragments merged in.
	Aliases int
	// InlineFragments is the number of inline fragments that one selection set
	// may merge.
	InlineFragments int
	// Spreads is the number of fragments that one selection set may spread,
	// whether they are known or not. Validation compares each pair.
	Spreads int
	// IntrospectionFields is how often one operation asks for __schema or __type.
	IntrospectionFields int
	// IntrospectionLists is how many lists of the schema's own description may
	// nest; each multiplies the answer by the size of the schema. The standard
	// query of GraphiQL needs two (types, then their fields).
	IntrospectionLists int
	// IntrospectionSelections is Selections for what is asked below __schema and
	// __type, where each may be answered once for every argument of the schema
	// and no cost function counts it. The standard query stands for 240.
	IntrospectionSelections int
	// InputValues is the number of values that the arguments of one operation
	// hold, lists and objects taken apart, and a variable counted at each place
	// that uses it. Without it a hundred aliases read one list of a variable a
	// hundred times.
	InputValues int
	// Cost is the largest estimated number of values of an answer.
	Cost int
	// AnswerValues and AnswerBytes bound what an answer really holds, counted as
	// it is made: its fields and the entries of its lists, and its JSON before
	// compression. Estimates do not see how long a list without pages is.
	AnswerValues, AnswerBytes int
	// Errors is the number of errors in one answer; what was left out is counted
	// in its extensions.
	Errors int
	// MessageRunes is the longest error message, in characters.
	MessageRunes int
}

// DefaultLimits returns the limits in force where nothing else is said. They
// leave room for GraphiQL's introspection query and for pages of analysts' own
// making; the dearest documents found that keep them all take tens of
// milliseconds and tens of megabytes to validate, most far less.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes:               256 << 10,
		DocumentBytes:           64 << 10,
		Tokens:                  2000,
		NameBytes:               100,
		Operations:              10,
		Fragments:               50,
		Directives:              100,
		Variables:               50,
		Selections:              1000,
		Depth:                   15,
		EqualNames:              50,
		RootFields:              64,
		Aliases:                 100,
		InlineFragments:         50,
		Spreads:                 100,
		IntrospectionFields:     10,
		IntrospectionLists:      2,
		IntrospectionSelections: 400,
		InputValues:             20_000,
		Cost:                    100_000,
		AnswerValues:            200_000,
		AnswerBytes:             8 << 20,
		Errors:                  20,
		MessageRunes:            1000,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	return Limits{
		BodyBytes:               cmp.Or(l.BodyBytes, d.BodyBytes),
		DocumentBytes:           cmp.Or(l.DocumentBytes, d.DocumentBytes),
		Tokens:                  cmp.Or(l.Tokens, d.Tokens),
		NameBytes:               cmp.Or(l.NameBytes, d.NameBytes),
		Operations:              cmp.Or(l.Operations, d.Operations),
		Fragments:               cmp.Or(l.Fragments, d.Fragments),
		Directives:              cmp.Or(l.Directives, d.Directives),
		Variables:               cmp.Or(l.Variables, d.Variables),
		Selections:              cmp.Or(l.Selections, d.Selections),
		Depth:                   cmp.Or(l.Depth, d.Depth),
		EqualNames:              cmp.Or(l.EqualNames, d.EqualNames),
		RootFields:              cmp.Or(l.RootFields, d.RootFields),
		Aliases:                 cmp.Or(l.Aliases, d.Aliases),
		InlineFragments:         cmp.Or(l.InlineFragments, d.InlineFragments),
		Spreads:                 cmp.Or(l.Spreads, d.Spreads),
		IntrospectionFields:     cmp.Or(l.IntrospectionFields, d.IntrospectionFields),
		IntrospectionLists:      cmp.Or(l.IntrospectionLists, d.IntrospectionLists),
		IntrospectionSelections: cmp.Or(l.IntrospectionSelections, d.IntrospectionSelections),
		InputValues:             cmp.Or(l.InputValues, d.InputValues),
		Cost:                    cmp.Or(l.Cost, d.Cost),
		AnswerValues:            cmp.Or(l.AnswerValues, d.AnswerValues),
		AnswerBytes:             cmp.Or(l.AnswerBytes, d.AnswerBytes),
		Errors:                  cmp.Or(l.Errors, d.Errors),
		MessageRunes:            cmp.Or(l.MessageRunes, d.MessageRunes),
	}
}
