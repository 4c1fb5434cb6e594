package csvtable

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// reference matches {Column} and {Column|slug}.
var reference = regexp.MustCompile(`\{([^{}|]+)(\|slug)?\}`)

// columns lists the columns that a template names.
func columns(template string) []string {
	var names []string
	for _, found := range reference.FindAllStringSubmatch(template, -1) {
		names = append(names, strings.TrimSpace(found[1]))
	}
	return names
}

// row is a row of the table.
type row struct {
	mapping *Mapping
	// at is the line, columns where each column is.
	at      ingest.Position
	columns map[string]int
	cells   []string
	// problem is the first thing that is wrong with it.
	problem error
}

func (r *row) wrong(format string, args ...any) {
	if r.problem == nil {
		r.problem = ingest.Problemf(r.at, format, args...)
	}
}

// cell returns the cell of a column in one line, translated where the mapping has
// words for it.
func (r *row) cell(column string) string {
	value := strings.TrimSpace(r.cells[r.columns[column]])
	if strings.ContainsAny(value, "\r\n\t") {
		value = strings.Join(strings.Fields(value), " ")
	}
	words := r.mapping.Words[column]
	if len(words) == 0 || value == "" {
		return value
	}
	meant, ok := words[value]
	if !ok {
		r.wrong("the mapping has no word for %.40q in the column %q; add it to its words", value, column)
	}
	return meant
}

// fill returns what a template says for the row. It is empty where one of the
// cells that it names is, so that "lei:{LEI}" says nothing where there is none.
func (r *row) fill(template string) string {
	empty := false
	text := reference.ReplaceAllStringFunc(template, func(ref string) string {
		found := reference.FindStringSubmatch(ref)
		value := r.cell(strings.TrimSpace(found[1]))
		if found[2] != "" {
			value = slug(value)
		}
		empty = empty || value == ""
		return value
	})
	if empty {
		return ""
	}
	return strings.TrimSpace(text)
}

// id is fill for ids, in which some characters must not stand.
func (r *row) id(template string) string {
	text := r.fill(template)
	scheme, value, ok := strings.Cut(text, ":")
	if !ok {
		return text
	}
	return ingest.NewID(scheme, value)
}

// slug makes the part of an id of a name.
func slug(name string) string {
	return strings.Join(kg.FoldWords(name), "-")
}

// number is fill for numbers, which it writes as the pipeline reads them.
func (r *row) number(what, template string) string { return r.plain(what, r.fill(template)) }

// plain returns a number as the pipeline reads it.
func (r *row) plain(what, text string) string {
	if text == "" {
		return ""
	}
	plain := text
	if mark := r.mapping.Table.Thousands; mark != "" {
		whole, _, _ := strings.Cut(plain, r.mapping.decimal())
		if !grouped(whole, mark) {
			r.wrong("%s: %.40q is not grouped in thousands by %q", what, text, mark)
		}
		plain = strings.ReplaceAll(plain, mark, "")
	}
	if r.mapping.decimal() == "," {
		if strings.Contains(plain, ".") {
			r.wrong(`%s: %.40q has a point, and the mapping says that decimals come behind a comma`, what, text)
		}
		plain = strings.Replace(plain, ",", ".", 1)
	}
	if _, err := kg.ParseNumber(plain); err != nil || strings.Contains(plain, "_") {
		r.wrong("%s: %.40q is not a number as the mapping says they are written (table: decimal, thousands)", what, text)
	}
	return plain
}

// grouped reports that marks stand between groups of three digits, if anywhere.
func grouped(whole, mark string) bool {
	groups := strings.Split(strings.TrimLeft(whole, "+-"), mark)
	for n, g := range groups {
		if n > 0 && len(g) != 3 || n == 0 && len(groups) > 1 && (len(g) == 0 || len(g) > 3) {
			return false
		}
	}
	return true
}

// bound matches a share with a bound, such as >25 or >= 50.
var bound = regexp.MustCompile(`^(>=|<=|>|<)?\s*([^%]+?)\s*%?$`)

// stake is fill for shares.
func (r *row) stake(template string, fraction bool) string {
	text := r.fill(template)
	found := bound.FindStringSubmatch(text)
	if text == "" || found == nil || !strings.ContainsAny(text, "0123456789") || strings.Contains(text, "..") {
		return text // a word such as controlling, or a range, which the pipeline reads
	}
	plain := r.plain("stake", found[2])
	if fraction {
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil {
			return text
		}
		// Twelve digits are more than any source has, and end what binary
		// fractions add.
		plain = strconv.FormatFloat(f*100, 'g', 12, 64)
	}
	return found[1] + plain
}

var (
	ordered = regexp.MustCompile(`^(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})$`)
	isoDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// date is fill for dates, which it writes as the pipeline reads them. Only dates of
// three numbers have an order of their own; a year, or EDTF, stays as it is.
func (r *row) date(what, template string) string {
	text := r.fill(template)
	text, _, _ = strings.Cut(text, "T") // a time of day behind an ISO date
	found := ordered.FindStringSubmatch(text)
	if found == nil || isoDate.MatchString(text) {
		return text
	}
	part := found[1:]
	switch r.mapping.Table.Dates {
	case "dmy":
		slices.Reverse(part)
	case "mdy":
		part = []string{part[2], part[0], part[1]}
	case "ymd":
	default:
		r.wrong("%s: %.40q can be read in several ways; say in the mapping in which order day, month and year stand (table: dates)", what, text)
		return ""
	}
	if len(part[0]) != 4 || len(part[1]) > 2 || len(part[2]) > 2 {
		r.wrong("%s: %.40q is not a date in the order %s with a year of four digits", what, text, r.mapping.Table.Dates)
		return ""
	}
	return fmt.Sprintf("%s-%02s-%02s", part[0], part[1], part[2])
}
