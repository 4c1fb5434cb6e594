package csvtable

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// Format returns the format as the import command knows it, for tables that a
// mapping describes; nil where none is given, and then nothing can be read.
func Format(m *Mapping) ingest.Format {
	return ingest.Format{
		Name: "csv",
		Help: "any table, with a small --mapping file that says what its columns mean; --suggest drafts one",
		Read: func(in ingest.Input) iter.Seq2[ingest.Draft, error] {
			return func(yield func(ingest.Draft, error) bool) {
				if m == nil {
					yield(nil, ingest.Brokenf(in.At(0), "a table needs a mapping file (--mapping) that says what its columns mean; --suggest drafts one"))
					return
				}
				read(in, m, yield)
			}
		},
	}
}

// separators are the characters that may stand between cells.
var separators = []string{",", ";", "|", "\t"}

// table is a table that is being read.
type table struct {
	in        ingest.Input
	csv       *csv.Reader
	text      *ingest.TextReader
	separator rune
	header    []string
	columns   map[string]int
	// begin is the first line on which the next row can begin; open that the newest
	// row ended in the midst of a cell with quotes.
	begin int
	open  bool
}

// open reads up to the header.
func open(in ingest.Input, t Table) (*table, error) {
	text := in.Text()
	first, rest, skipped, err := headerLine(text, t.Skip)
	if err != nil {
		return nil, err
	}
	at := in.At(skipped + 1)
	switch {
	case strings.TrimSpace(first) == "":
		return nil, ingest.Brokenf(at, "the table has no header")
	case strings.Contains(strings.TrimRight(first, "\r\n"), "\r"):
		return nil, ingest.Brokenf(at, "the lines end in carriage returns alone; convert the file, for example with tr '\\r' '\\n'")
	}
	separator := t.Separator
	if separator == "" {
		var found []string
		for _, s := range separators {
			if strings.Contains(first, s) {
				found = append(found, s)
			}
		}
		switch len(found) {
		case 0:
			separator = "," // one column, then
		case 1:
			separator = found[0]
		default:
			return nil, ingest.Brokenf(at, "the header holds %s: say in the mapping which of them separates cells (table: separator)", strings.Join(quoted(found), " and "))
		}
	}
	tab := &table{in: in, text: text, separator: rune(separator[0]), columns: make(map[string]int), begin: skipped + 2}
	tab.csv = csv.NewReader(io.MultiReader(strings.NewReader(strings.Repeat("\n", skipped)+first), rest))
	tab.csv.Comma, tab.csv.FieldsPerRecord = tab.separator, -1
	if tab.header, err = tab.csv.Read(); err != nil {
		return nil, ingest.Brokenf(at, "the header cannot be read: a quote is not closed, or stands where none can")
	}
	tab.header = slices.Clone(tab.header)
	for n, name := range tab.header {
		name = strings.TrimSpace(name)
		tab.header[n] = name
		if _, twice := tab.columns[name]; twice && name != "" {
			return nil, ingest.Brokenf(at, "two columns are called %.40q; rename one", name)
		}
		if name != "" {
			tab.columns[name] = n
		}
	}
	return tab, nil
}

// listed names columns, of many the first.
func listed(columns []string) string {
	const most = 10
	words := quoted(columns[:min(len(columns), most)])
	for n, w := range words {
		words[n] = clip(w)
	}
	if more := len(columns) - len(words); more > 0 {
		words = append(words, strconv.Itoa(more)+" more")
	}
	return strings.Join(words, ", ")
}

func quoted(list []string) []string {
	var all []string
	for _, s := range list {
		all = append(all, strconv.Quote(s))
	}
	return all
}

// headerLine returns the first line that is not skipped and not empty, with its end,
// and what comes behind it.
func headerLine(text *ingest.TextReader, skip int) (line string, rest io.Reader, skipped int, err error) {
	lines := bufio.NewReader(text)
	for {
		text.Record()
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", nil, 0, err
		}
		if err != nil || skipped >= skip && strings.TrimSpace(line) != "" {
			return line, lines, skipped, nil
		}
		skipped++
	}
}

// next returns the cells of the next row and its line. The error is an
// *ingest.Problem where only this row is bad, io.EOF at the end.
func (t *table) next() (cells []string, line int, err error) {
	t.text.Record()
	cells, err = t.csv.Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		t.begin = bad.Line + 1
	}
	if !errors.Is(err, io.EOF) {
		t.open = bad != nil && errors.Is(bad.Err, csv.ErrQuote) && bad.StartLine != bad.Line
	}
	switch {
	case t.text.Exceeded():
		return nil, 0, ingest.Brokenf(t.in.At(t.begin), "the row that begins here is longer than %d MiB: perhaps a quote is opened in it and never closed", ingest.MaxRecord>>20)
	case t.open && bad != nil:
		return nil, 0, ingest.Problemf(t.in.At(bad.StartLine), "a quote is opened in this line and not closed by line %d", bad.Line)
	case errors.As(err, &bad):
		return nil, 0, ingest.Problemf(t.in.At(bad.StartLine), "quotes stand where none can: a cell with quotes is quoted as a whole, and those in it are doubled")
	case err != nil:
		return nil, 0, err
	}
	line, _ = t.csv.FieldPos(0)
	t.begin = line + 1
	for _, c := range cells {
		t.begin += strings.Count(c, "\n")
	}
	if len(cells) != len(t.header) {
		return nil, line, ingest.Problemf(t.in.At(line), "the row has %d cells and the header %d%s", len(cells), len(t.header), t.otherwise(cells))
	}
	return cells, line, nil
}

// otherwise says which separator a row may have used instead.
func (t *table) otherwise(cells []string) string {
	all := strings.Join(cells, "")
	for _, s := range separators {
		if rune(s[0]) != t.separator && strings.Count(all, s)+1 >= len(t.header) && len(t.header) > 1 {
			return "; it seems to be separated by " + strconv.Quote(s) + " and the header by " + strconv.Quote(string(t.separator))
		}
	}
	return ""
}

func read(in ingest.Input, m *Mapping, yield func(ingest.Draft, error) bool) {
	t, err := open(in, m.Table)
	if err == nil {
		err = t.fits(m)
	}
	if err != nil {
		yield(nil, err)
		return
	}
	source := m.source(in)
	if !yield(source, nil) {
		return
	}
	for _, d := range m.metrics(in) {
		if !yield(d, nil) {
			return
		}
	}
	if unused := t.unused(m); len(unused) > 0 {
		if !yield(nil, ingest.Problemf(in.At(t.begin-1), "columns that the mapping does not name: %s", listed(unused))) {
			return
		}
	}
	// torn is a problem with the row before, which may be where the file was cut.
	var torn *ingest.Problem
	for {
		cells, line, err := t.next()
		if torn != nil && errors.Is(err, io.EOF) && t.open {
			yield(nil, ingest.Brokenf(torn.At, "a quote that opens in this line is never closed: all the rest of the file would be one cell"))
			return
		}
		if torn != nil && errors.Is(err, io.EOF) && t.text.Unended() {
			yield(nil, ingest.Brokenf(torn.At, "the file ends in the middle of a row: it has been cut off"))
			return
		}
		if torn != nil && !yield(nil, torn) {
			return
		}
		torn = nil
		if errors.Is(err, io.EOF) {
			return
		}
		if p, ok := errors.AsType[*ingest.Problem](err); ok {
			torn = p
			continue
		}
		if err != nil {
			yield(nil, err)
			return
		}
		r := &row{mapping: m, at: in.At(line), columns: t.columns, cells: cells}
		drafts := r.drafts(source.ID.Value)
		if r.problem != nil {
			if !yield(nil, r.problem) {
				return
			}
			continue
		}
		for _, d := range drafts {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// unused lists the columns that the mapping does not name.
func (t *table) unused(m *Mapping) []string {
	named := m.columns()
	return slices.DeleteFunc(slices.Clone(t.header), func(name string) bool {
		_, found := slices.BinarySearch(named, name)
		return found || name == ""
	})
}

// columns lists the columns that the mapping names, in order.
func (m *Mapping) columns() []string {
	named := slices.Collect(maps.Keys(m.Words))
	for _, template := range m.templates() {
		named = append(named, columns(template)...)
	}
	slices.Sort(named)
	return named
}

// fits returns an error unless the table has all columns that the mapping names.
func (t *table) fits(m *Mapping) error {
	for _, name := range m.columns() {
		if _, ok := t.columns[name]; ok {
			continue
		}
		hint := "there are " + strings.Join(quoted(t.header), ", ")
		if near := ingest.Nearest(name, maps.Keys(t.columns)); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		return ingest.Brokenf(t.in.At(1), "the table has no column %.40q, which the mapping names; %s", name, hint)
	}
	return nil
}

func (m *Mapping) source(in ingest.Input) *ingest.Source {
	at := in.At(1)
	s := m.Source
	if s.ID == "" {
		s.ID = ingest.NewID("csv", in.Base())
	}
	if s.Title == "" {
		s.Title = in.Base()
	}
	return &ingest.Source{
		At: at, ID: at.Text(s.ID), Title: at.Text(s.Title), Publisher: at.Text(s.Publisher), URL: at.Text(s.URL),
		Published: at.Text(s.Published), Kind: at.Text("table"),
	}
}

func (m *Mapping) metrics(in ingest.Input) []ingest.Draft {
	at := in.At(1)
	answer := map[bool]ingest.Text{true: at.Text("yes"), false: at.Text("no")}
	var drafts []ingest.Draft
	for _, x := range m.Metrics {
		drafts = append(drafts, &ingest.Metric{
			At: at, Name: at.Text(x.Name), Definition: at.Text(x.Definition), Unit: at.Text(x.Unit),
			OverTime: answer[x.AddsOverTime], OverParts: answer[x.AddsOverParts], Default: true,
		})
	}
	return drafts
}

// drafts returns what the row says.
func (r *row) drafts(source string) []ingest.Draft {
	locator := "line " + strconv.Itoa(r.at.Line)
	if l := r.fill(r.mapping.Source.Locator); l != "" {
		locator = l
	}
	cites := []ingest.Citation{{Source: r.at.Text(source), Locator: locator}}
	var drafts []ingest.Draft
	for _, said := range r.mapping.Rows {
		var d ingest.Draft
		switch {
		case said.Entity != nil:
			d = r.entity(said.Entity, cites)
		case said.Relation != nil:
			d = r.relation(said.Relation, cites)
		case said.Figure != nil:
			d = r.figure(said.Figure, cites)
		}
		if d != nil {
			drafts = append(drafts, d)
		}
	}
	return drafts
}

// entity returns the entity of the row; nil where the cells of its id are empty.
func (r *row) entity(m *EntityOf, cites []ingest.Citation) ingest.Draft {
	id := r.id(m.ID)
	if id == "" {
		return nil
	}
	e := &ingest.Entity{
		At: r.at, ID: r.at.Text(id), Kind: r.at.Text(strings.ToLower(r.fill(m.Kind))), Note: r.at.Text(r.fill(m.Note)),
		FiscalYearEnd: r.at.Text(r.fill(m.FiscalYear)), Cites: cites,
	}
	lang := r.at.Text(r.fill(m.Lang))
	add := func(template, kind string) {
		if name := r.fill(template); name != "" {
			e.Names = append(e.Names, ingest.Name{Text: r.at.Text(name), Lang: lang, Kind: r.at.Text(kind)})
		}
	}
	add(m.Name, "preferred")
	if len(e.Names) == 0 {
		r.wrong("the entity %.40q has no name", id)
	}
	if e.Kind.Value == "" {
		r.wrong("the entity %.40q has no kind", id)
	}
	add(m.Legal, "legal")
	for _, alias := range m.Aliases {
		add(alias, "alias")
	}
	for _, former := range m.Former {
		add(former, "former")
	}
	for _, scheme := range slices.Sorted(maps.Keys(m.Identifiers)) {
		if value := r.fill(m.Identifiers[scheme]); value != "" {
			e.Identifiers = append(e.Identifiers, ingest.Identifier{Scheme: r.at.Text(scheme), Value: r.at.Text(value)})
		}
	}
	return e
}

// relation returns the relation of the row; nil where the cells of an end are empty.
func (r *row) relation(m *RelationOf, cites []ingest.Citation) ingest.Draft {
	from, to := r.id(m.From), r.id(m.To)
	if from == "" || to == "" {
		return nil
	}
	x := &ingest.Relation{
		At: r.at, Type: r.at.Text(strings.ToLower(r.fill(m.Type))), From: r.at.Text(from), To: r.at.Text(to),
		On: r.at.Text(r.day("on", m.On)), Since: r.at.Text(r.day("since", m.Since)),
		Seen: r.at.Text(r.day("seen", m.Seen)), Until: r.at.Text(r.day("until", m.Until)),
		Stake: r.at.Text(r.stake(m.Stake, m.Fraction)), Text: r.at.Text(r.fill(m.Text)), Note: r.at.Text(r.fill(m.Note)),
		Attributes: r.attributes(m.Attributes), Cites: cites,
		FromHint: r.hint(m.FromName, m.FromKind), ToHint: r.hint(m.ToName, m.ToKind),
	}
	if x.Type.Value == "" {
		r.wrong("the relation from %.40q to %.40q has no type", from, to)
	}
	if amount := r.number("amount", m.Amount); amount != "" {
		currency := strings.ToUpper(r.fill(m.Currency))
		if currency == "" {
			r.wrong("the amount %.40s has no currency", amount)
		}
		x.Money = r.at.Text(amount + " " + currency)
		if _, err := kg.ParseMoney(x.Money.Value); err != nil {
			r.wrong("amount: %v", err)
		}
	}
	return x
}

// hint returns what the row tells of an end, nil where that is no name.
func (r *row) hint(name, kind string) *ingest.Hint {
	text := r.fill(name)
	if text == "" {
		return nil
	}
	h := &ingest.Hint{Name: r.at.Text(text), Kind: r.at.Text(strings.ToLower(r.fill(kind)))}
	if h.Kind.Value == "" {
		h.Kind = r.at.Text("company")
	}
	return h
}

// figure returns the figure of the row; nil where its subject or value is empty.
func (r *row) figure(m *FigureOf, cites []ingest.Citation) ingest.Draft {
	of, value, date := r.id(m.Of), r.number("value", m.Value), r.day("date", m.Date)
	if of == "" || value == "" && date == "" {
		return nil
	}
	return &ingest.Figure{
		At: r.at, Of: r.at.Text(of), Metric: r.at.Text(r.fill(m.Metric)), Value: r.at.Text(value), Date: r.at.Text(date),
		Unit: r.at.Text(r.fill(m.Unit)), Qualifier: r.at.Text(strings.ToLower(r.fill(m.Qualifier))), Nature: r.at.Text(strings.ToLower(r.fill(m.Nature))),
		Period: r.at.Text(r.date("period", m.Period)), Label: r.at.Text(r.fill(m.Label)), Scope: r.at.Text(r.fill(m.Scope)),
		By: r.attributes(m.By), Note: r.at.Text(r.fill(m.Note)), Cites: cites,
	}
}

func (r *row) attributes(templates map[string]string) []ingest.Attribute {
	var all []ingest.Attribute
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		if value := r.fill(templates[key]); value != "" {
			all = append(all, ingest.Attribute{Key: r.at.Text(key), Value: r.at.Text(value)})
		}
	}
	return all
}
