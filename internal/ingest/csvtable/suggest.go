package csvtable

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// sampled is how many rows are looked at for a suggestion.
const sampled = 50

// Suggest drafts a mapping file from the header of a table and its first rows. It
// is text for a person to look over: what it takes a column for may be wrong.
func Suggest(in ingest.Input) (string, error) {
	t, err := openAny(in)
	if err != nil {
		return "", err
	}
	s := &suggestion{table: t, used: make(map[string]bool)}
	for len(s.rows) < sampled {
		cells, _, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if _, ok := errors.AsType[*ingest.Problem](err); ok {
			continue
		}
		if err != nil {
			return "", err
		}
		s.rows = append(s.rows, slices.Clone(cells))
	}
	return s.write(), nil
}

// openAny opens a table, of whose separators it takes the most frequent one.
func openAny(in ingest.Input) (*table, error) {
	text := in.Text()
	first, rest, skipped, err := headerLine(text, 0)
	if err != nil {
		return nil, err
	}
	most := slices.MaxFunc(separators, func(a, b string) int { return strings.Count(first, a) - strings.Count(first, b) })
	in.Reader = io.MultiReader(strings.NewReader(strings.Repeat("\n", skipped)+first), rest)
	return open(in, Table{Separator: most})
}

// suggestion is a mapping that is being drafted.
type suggestion struct {
	table *table
	rows  [][]string
	used  map[string]bool
	b     strings.Builder
}

// The words by which columns are known, in several registers' habits.
var (
	buyers     = []string{"acquirer", "buyer", "purchaser", "acquiring company", "bidder"}
	targets    = []string{"target", "acquired", "acquiree", "target company", "acquired company"}
	owners     = []string{"owner", "parent", "shareholder", "holder", "parent company", "interested party", "owner name", "shareholder name"}
	owned      = []string{"subsidiary", "child", "asset", "owned", "issuer", "held company", "company", "company name"}
	investors  = []string{"investor", "investor name", "fund"}
	invested   = []string{"investee", "portfolio company", "startup", "company", "company name"}
	people     = []string{"person", "director", "officer", "full name", "person name", "director name", "officer name", "executive", "name"}
	employers  = []string{"company", "organisation", "organization", "employer", "company name"}
	roles      = []string{"role", "position", "title", "job title", "function"}
	products   = []string{"product", "product name", "brand", "service"}
	makers     = []string{"company", "manufacturer", "vendor", "maker", "company name"}
	companies  = []string{"company", "company name", "name", "legal name", "entity name", "organisation", "organization", "entity"}
	idWords    = []string{"id", "company id", "company number", "company no", "registration number", "reg no", "number", "code", "key"}
	dateWords  = []string{"date", "deal date", "announced", "announced date", "completed", "completion date", "closed", "year"}
	sinceWords = []string{"since", "from date", "start", "start date", "date from", "appointed", "appointed on", "appointment date", "valid from", "date", "year"}
	untilWords = []string{"until", "to date", "end", "end date", "date to", "resigned", "resigned on", "valid to"}
	stakeWords = []string{"stake", "share", "percent", "percentage", "ownership", "ownership percent", "stake percent", "shareholding", "interest"}
	priceWords = []string{"amount", "price", "value", "deal value", "consideration", "deal size", "investment", "sum"}
	moneyWords = []string{"currency", "ccy", "cur"}
)

// figures are columns that become figures, with the metric that each needs.
var figures = []struct {
	words                    []string
	metric, definition, unit string
}{
	{[]string{"employees", "headcount", "staff", "number of employees", "fte"}, "employees", "People who work there.", "people"},
	{[]string{"revenue", "sales", "turnover"}, "revenue", "Income from what the company sells.", "money"},
	{[]string{"profit", "net income", "net profit"}, "net_income", "What is left of the income after all costs and taxes.", "money"},
	{[]string{"users", "active users"}, "users", "People who use it.", "people"},
}

var identifiers = []struct {
	words  []string
	scheme string
}{
	{[]string{"lei", "lei code"}, "lei"},
	{[]string{"isin"}, "isin"},
	{[]string{"wikidata", "wikidata id", "qid"}, "wikidata"},
	{[]string{"ticker", "symbol"}, "ticker"},
}

// column returns the first unused column that is called by one of the words, the
// earlier ones being better.
func (s *suggestion) column(words []string) string {
	for _, w := range words {
		for _, name := range s.table.header {
			if !s.used[name] && name != "" && strings.Join(kg.FoldWords(name), " ") == w {
				s.used[name] = true
				return name
			}
		}
	}
	return ""
}

// both returns a column of each kind, or none.
func (s *suggestion) both(one, other []string) (a, b string, ok bool) {
	if a = s.column(one); a == "" {
		return "", "", false
	}
	if b = s.column(other); b == "" {
		delete(s.used, a)
		return "", "", false
	}
	return a, b, true
}

func (s *suggestion) put(format string, args ...any) { fmt.Fprintf(&s.b, format+"\n", args...) }

// text quotes a text of the mapping.
func text(t string) string { return "'" + strings.ReplaceAll(t, "'", "''") + "'" }

func cell(column string) string { return text("{" + column + "}") }

func (s *suggestion) write() string {
	base := s.table.in.Base()
	s.put("# A draft, made from the header of the table. Look over every line, above all those with a question mark.")
	s.put("# docs/formats/csv.md says what can stand here. Columns, each with a value:")
	for n, name := range s.table.header {
		example := ""
		for _, row := range s.rows {
			if example = strings.TrimSpace(row[n]); example != "" {
				break
			}
		}
		s.put("#   %s: %s", name, strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, clip(example)))
	}
	s.put("source:")
	s.put("  id: %s", text(ingest.NewID("csv", base)))
	s.put("  title: %s # what is the table called, and where is it from?", text(base))
	s.put("table:")
	s.put("  separator: %q", string(s.table.separator))
	s.put("  dates: %s # ? ymd, dmy or mdy", s.dates())
	decimal, thousands := s.marks()
	s.put(`  decimal: %q # ? "." or ","`, decimal)
	if thousands != "" {
		s.put(`  thousands: %q # ? stands between groups of three digits`, thousands)
	}
	s.put("rows:")
	switch {
	case s.deal(), s.investment(), s.holding(), s.person(), s.product():
	default:
		s.company(s.column(companies))
	}
	var unused []string
	for _, name := range s.table.header {
		if name != "" && !s.used[name] {
			unused = append(unused, name)
		}
	}
	if len(unused) > 0 {
		s.put("# ? Nothing is made of %s: add lines that name them, or leave them out.", listed(unused))
	}
	return s.b.String()
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// dates looks at the first dates of three numbers for one that has one order only.
func (s *suggestion) dates() string {
	for _, row := range s.rows {
		for _, c := range row {
			found := ordered.FindStringSubmatch(strings.TrimSpace(c))
			switch {
			case found == nil:
			case len(found[1]) == 4:
				return "ymd"
			case found[1] > "12" && len(found[1]) == 2:
				return "dmy"
			case found[2] > "12" && len(found[2]) == 2:
				return "mdy"
			}
		}
	}
	return "ymd"
}

var (
	// withPoint matches numbers that only a decimal point explains, withComma those
	// that only a decimal comma does, each perhaps with groups of three digits.
	withPoint = regexp.MustCompile(`^[-+<>=]*(?:\d{1,3}(?:(,)\d{3})+\.\d+|\d+\.(?:\d{1,2}|\d{4,})) ?%?$`)
	withComma = regexp.MustCompile(`^[-+<>=]*(?:\d{1,3}(?:(\.)\d{3})+,\d+|\d+,(?:\d{1,2}|\d{4,})) ?%?$`)
	// inGroups matches whole numbers in three groups of digits or more.
	inGroups = regexp.MustCompile(`^\d{1,3}(?:(?:(,)\d{3}){2,}|(?:(\.)\d{3}){2,})$`)
)

// marks looks at the first numbers for the marks that stand in them.
func (s *suggestion) marks() (decimal, thousands string) {
	points, commas := 0, 0
	for _, row := range s.rows {
		for _, c := range row {
			c = strings.TrimSpace(c)
			if found := withPoint.FindStringSubmatch(c); found != nil {
				points++
				thousands = cmp.Or(thousands, found[1])
			} else if found := withComma.FindStringSubmatch(c); found != nil {
				commas++
				thousands = cmp.Or(thousands, found[1])
			} else if found := inGroups.FindStringSubmatch(c); found != nil {
				thousands = cmp.Or(thousands, found[1], found[2])
			}
		}
	}
	decimal = "."
	if commas > points || commas == points && thousands == "." {
		decimal = ","
	}
	if thousands == decimal {
		thousands = "" // they contradict each other
	}
	return decimal, thousands
}

// thing drafts an entity that is known by its name alone.
func (s *suggestion) thing(column, kind string) (id string) {
	id = text(kind + ":{" + column + "|slug}")
	s.put("  - entity:")
	s.put("      id: %s # ? better a column that is an id", id)
	s.put("      kind: %s", kind)
	s.put("      name: %s", cell(column))
	return id
}

// optional adds a member whose column there is.
func (s *suggestion) optional(member string, words []string) bool {
	column := s.column(words)
	if column != "" {
		s.put("      %s: %s", member, cell(column))
	}
	return column != ""
}

func (s *suggestion) relation(kind, from, to string) {
	s.put("  - relation:")
	s.put("      type: %s", kind)
	s.put("      from: %s", from)
	s.put("      to: %s", to)
}

func (s *suggestion) money() {
	if s.optional("amount", priceWords) && !s.optional("currency", moneyWords) {
		s.put("      currency: USD # ?")
	}
}

func (s *suggestion) deal() bool { return s.event("acquired", buyers, targets) }

func (s *suggestion) investment() bool { return s.event("invested_in", investors, invested) }

// event suggests a relation of two companies that happens on a day, at a price.
func (s *suggestion) event(relation string, from, to []string) bool {
	one, other, ok := s.both(from, to)
	if ok {
		s.relation(relation, s.thing(one, "company"), s.thing(other, "company"))
		s.optional("on", dateWords)
		s.optional("stake", stakeWords)
		s.money()
	}
	return ok
}

func (s *suggestion) holding() bool {
	owner, company, ok := s.both(owners, owned)
	if ok {
		s.relation("owns", s.thing(owner, "company"), s.thing(company, "company"))
		s.optional("since", sinceWords)
		s.optional("until", untilWords)
		if s.optional("stake", stakeWords) {
			s.put("      fraction: false # ? true where 0.4 means 40 %%")
		}
	}
	return ok
}

func (s *suggestion) person() bool {
	role := s.column(roles)
	if role == "" {
		return false
	}
	company, person, ok := s.both(employers, people)
	if ok {
		s.relation("holds_role", s.thing(person, "person"), s.thing(company, "company"))
		s.put("      text: %s", cell(role))
		s.optional("since", sinceWords)
		s.optional("until", untilWords)
	}
	return ok
}

func (s *suggestion) product() bool {
	product, company, ok := s.both(products, makers)
	if ok {
		maker, made := s.thing(company, "company"), s.thing(product, "product")
		s.relation("offers", maker, made)
		s.optional("since", sinceWords)
	}
	return ok
}

// company drafts an entity with identifiers and figures.
func (s *suggestion) company(name string) {
	if name == "" {
		name = s.table.header[0]
		s.used[name] = true
	}
	id := text("company:{" + name + "|slug}")
	if column := s.column(idWords); column != "" {
		id = text("company:{" + column + "}")
	}
	s.put("  - entity:")
	s.put("      id: %s # ?", id)
	s.put("      kind: company")
	s.put("      name: %s", cell(name))
	first := true
	for _, x := range identifiers {
		if column := s.column(x.words); column != "" {
			if first {
				s.put("      identifiers:")
				first = false
			}
			s.put("        %s: %s", x.scheme, cell(column))
		}
	}
	period := s.column([]string{"year", "fiscal year", "period", "date"})
	currency := s.column(moneyWords)
	var metrics []string
	for _, f := range figures {
		column := s.column(f.words)
		if column == "" {
			continue
		}
		s.put("  - figure:")
		s.put("      of: %s", id)
		s.put("      metric: %s", f.metric)
		s.put("      value: %s", cell(column))
		if period != "" {
			s.put("      period: %s", cell(period))
		}
		if f.unit == "money" && currency != "" {
			s.put("      unit: %s", cell(currency))
		} else if f.unit == "money" {
			s.put("      unit: USD # ?")
		}
		metrics = append(metrics, fmt.Sprintf("  - {name: %s, definition: %s, unit: %s}", f.metric, text(f.definition), f.unit))
	}
	if len(metrics) > 0 {
		s.put("metrics: # those that the graph does not know yet")
		s.put("%s", strings.Join(metrics, "\n"))
	}
}
