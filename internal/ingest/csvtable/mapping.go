package csvtable

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"keiretsu/internal/ingest"
)

// Mapping tells what the rows of a table say. Texts in it are templates:
// {Column} stands for the cell of that column.
type Mapping struct {
	// Source describes the table, which all that it says cites.
	Source SourceOf `yaml:"source"`
	Table  Table    `yaml:"table"`
	// Words translate the cells of a column.
	Words map[string]map[string]string `yaml:"words"`
	// Metrics are words for what the figures measure.
	Metrics []MetricOf `yaml:"metrics"`
	// Rows are what each row says, in this order.
	Rows []Row `yaml:"rows"`

	name string
}

// SourceOf describes the table. What is missing comes from the file's name.
type SourceOf struct {
	ID        string `yaml:"id"`
	Title     string `yaml:"title"`
	Publisher string `yaml:"publisher"`
	URL       string `yaml:"url"`
	Published string `yaml:"published"`
	// Locator is a template; without it the line is the place of what a row says.
	Locator string `yaml:"locator"`
}

// Table says how the table is written.
type Table struct {
	// Separator is one of , ; | and tab; without it the header tells.
	Separator string `yaml:"separator"`
	// Dates is ymd, dmy or mdy: in which order day, month and year stand.
	Dates string `yaml:"dates"`
	// Decimal and Thousands are the marks in numbers; a point and none.
	Decimal   string `yaml:"decimal"`
	Thousands string `yaml:"thousands"`
	// Skip counts the lines before the header.
	Skip int `yaml:"skip"`
}

// MetricOf is a word for what figures measure, as ingest.Metric has it.
type MetricOf struct {
	Name          string `yaml:"name"`
	Definition    string `yaml:"definition"`
	Unit          string `yaml:"unit"`
	AddsOverTime  bool   `yaml:"adds_over_time"`
	AddsOverParts bool   `yaml:"adds_over_parts"`
}

// Row is one thing that a row says: exactly one of its members is set.
type Row struct {
	Entity   *EntityOf   `yaml:"entity"`
	Relation *RelationOf `yaml:"relation"`
	Figure   *FigureOf   `yaml:"figure"`
}

// EntityOf says what the entity of a row is. All are templates.
type EntityOf struct {
	ID   string `yaml:"id"`
	Kind string `yaml:"kind"`
	Name string `yaml:"name"`
	Lang string `yaml:"lang"`
	// Legal, Aliases and Former are further names.
	Legal   string   `yaml:"legal_name"`
	Aliases []string `yaml:"aliases"`
	Former  []string `yaml:"former"`
	// Identifiers are values by scheme.
	Identifiers map[string]string `yaml:"identifiers"`
	FiscalYear  string            `yaml:"fiscal_year_end"`
	Note        string            `yaml:"note"`
}

// RelationOf says how two entities of a row are related. All are templates.
type RelationOf struct {
	Type  string `yaml:"type"`
	From  string `yaml:"from"`
	To    string `yaml:"to"`
	On    string `yaml:"on"`
	Since string `yaml:"since"`
	Seen  string `yaml:"seen"`
	Until string `yaml:"until"`
	// Stake is in percent; Fraction says that it is a fraction of 1.
	Stake    string `yaml:"stake"`
	Fraction bool   `yaml:"fraction"`
	// Amount and Currency are a sum of money.
	Amount     string            `yaml:"amount"`
	Currency   string            `yaml:"currency"`
	Text       string            `yaml:"text"`
	Attributes map[string]string `yaml:"attributes"`
	Note       string            `yaml:"note"`
	// FromName and ToName are names of the ends, and FromKind and ToKind what
	// they are, where no entity of any row describes them.
	FromName string `yaml:"from_name"`
	ToName   string `yaml:"to_name"`
	FromKind string `yaml:"from_kind"`
	ToKind   string `yaml:"to_kind"`
}

// FigureOf says which figure a row states. All are templates.
type FigureOf struct {
	Of        string            `yaml:"of"`
	Metric    string            `yaml:"metric"`
	Value     string            `yaml:"value"`
	Date      string            `yaml:"date"`
	Unit      string            `yaml:"unit"`
	Qualifier string            `yaml:"qualifier"`
	Nature    string            `yaml:"nature"`
	Period    string            `yaml:"period"`
	Label     string            `yaml:"label"`
	Scope     string            `yaml:"scope"`
	By        map[string]string `yaml:"by"`
	Note      string            `yaml:"note"`
}

// ParseMapping reads a mapping file; name is how errors call it. The error is an
// *ingest.Broken with the line.
func ParseMapping(name string, text []byte) (*Mapping, error) {
	m := &Mapping{name: name}
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(), yaml.DisallowUnknownField()).Decode(m)
	switch {
	case errors.Is(err, io.EOF):
		return nil, ingest.Brokenf(ingest.Position{File: name}, "the mapping is empty; keiretsu import csv --suggest TABLE drafts one")
	case err != nil:
		return nil, unread(name, err)
	}
	if reason := m.check(); reason != "" {
		return nil, ingest.Brokenf(ingest.Position{File: name}, "%s", reason)
	}
	return m, nil
}

// place is how the YAML library begins what it says of an error.
var place = regexp.MustCompile(`^\[(\d+):(\d+)\] (.*)`)

// unread says what is wrong with YAML.
func unread(name string, err error) error {
	at, reason := ingest.Position{File: name}, strings.SplitN(yaml.FormatError(err, false, false), "\n", 2)[0]
	if found := place.FindStringSubmatch(reason); found != nil {
		at.Line, _ = strconv.Atoi(found[1])
		at.Column, _ = strconv.Atoi(found[2])
		reason = found[3]
	}
	return ingest.Brokenf(at, "the mapping cannot be read: %s", reason)
}

// check returns what is wrong with the mapping, or "".
func (m *Mapping) check() string {
	switch t := m.Table; {
	case t.Separator != "" && !slices.Contains(separators, t.Separator):
		return `table: separator is one of "," ";" "|" and "\t"`
	case t.Dates != "" && !slices.Contains([]string{"ymd", "dmy", "mdy"}, t.Dates):
		return "table: dates is ymd, dmy or mdy"
	case t.Decimal != "" && t.Decimal != "." && t.Decimal != ",":
		return `table: decimal is "." or ","`
	case len([]rune(t.Thousands)) > 1 || t.Thousands != "" && (t.Thousands == m.decimal() || strings.ContainsAny(t.Thousands, "0123456789-")):
		return "table: thousands is one character, and not the decimal mark"
	case t.Skip < 0 || t.Skip > 1000:
		return "table: skip is from 0 to 1000"
	case len(m.Rows) == 0:
		return "rows is empty: it says what each row of the table states"
	}
	for _, row := range m.Rows {
		if reason := row.check(); reason != "" {
			return "rows: " + reason
		}
	}
	return ""
}

func (r *Row) check() string {
	said := 0
	missing := ""
	need := func(what string, members map[string]string) {
		said++
		for _, member := range slices.Sorted(maps.Keys(members)) {
			if members[member] == "" && missing == "" {
				missing = what + " needs " + member
			}
		}
	}
	if e := r.Entity; e != nil {
		need("an entity", map[string]string{"id": e.ID, "kind": e.Kind, "name": e.Name})
	}
	if x := r.Relation; x != nil {
		need("a relation", map[string]string{"type": x.Type, "from": x.From, "to": x.To})
	}
	if f := r.Figure; f != nil {
		need("a figure", map[string]string{"of": f.Of, "metric": f.Metric, "value or date": f.Value + f.Date})
	}
	if said != 1 {
		return "each of them is exactly one of entity, relation and figure"
	}
	return cmp.Or(missing, r.checkWords())
}

// checkWords returns which word of our vocabularies is none, where it stands in the
// mapping itself and not in a column, or "".
func (r *Row) checkWords() string {
	wrong := ""
	check := func(what func(word string) string, word string) {
		if wrong == "" && !reference.MatchString(word) {
			wrong = what(strings.ToLower(word))
		}
	}
	if e := r.Entity; e != nil {
		check(ingest.WrongKind, e.Kind)
	}
	if x := r.Relation; x != nil {
		check(ingest.WrongRelationType, x.Type)
		check(ingest.WrongKind, x.FromKind)
		check(ingest.WrongKind, x.ToKind)
	}
	return wrong
}

// decimal is the mark between whole numbers and fractions.
func (m *Mapping) decimal() string {
	if m.Table.Decimal == "" {
		return "."
	}
	return m.Table.Decimal
}

// templates lists all templates of the mapping.
func (m *Mapping) templates() []string {
	all := []string{m.Source.Locator}
	for _, r := range m.Rows {
		if e := r.Entity; e != nil {
			all = append(all, e.ID, e.Kind, e.Name, e.Lang, e.Legal, e.FiscalYear, e.Note)
			all = slices.Concat(all, e.Aliases, e.Former, slices.Collect(maps.Values(e.Identifiers)))
		}
		if x := r.Relation; x != nil {
			all = append(all, x.Type, x.From, x.To, x.On, x.Since, x.Seen, x.Until, x.Stake, x.Amount, x.Currency, x.Text, x.Note,
				x.FromName, x.ToName, x.FromKind, x.ToKind)
			all = slices.AppendSeq(all, maps.Values(x.Attributes))
		}
		if f := r.Figure; f != nil {
			all = append(all, f.Of, f.Metric, f.Value, f.Date, f.Unit, f.Qualifier, f.Nature, f.Period, f.Label, f.Scope, f.Note)
			all = slices.AppendSeq(all, maps.Values(f.By))
		}
	}
	return all
}
