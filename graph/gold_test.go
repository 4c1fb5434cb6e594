package graph_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// The files of testdata/gold hold what careful readers found in the five
// documents. These tests ask the seeds for all of it, through GraphQL alone.

type (
	goldEntity struct {
		ID    string
		Name  string
		Names []struct{ Text, Status string }
	}
	goldRelation struct {
		ID, Type, From, To string
		Props              struct {
			Date         string
			StakePercent *float64 `json:"stake_percent"`
			FormerName   string   `json:"former_name"`
		}
		Sources []goldPlace
	}
	goldObservation struct {
		ID, Subject, Metric, Unit string
		Value                     any // a number, or the text of a date
		Sources                   []goldPlace
	}
	goldConflict struct {
		ID, About, Predicate string
		Claims               []struct {
			Value  any // a number, words, or a list of entities
			Source goldPlace
		}
	}
	goldPlace struct {
		Doc  string
		Line int
	}
)

// readLines reads a file of testdata that holds one JSON value a line.
func readLines[T any](t *testing.T, name string) []T {
	t.Helper()
	text, err := os.ReadFile(path.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return all
}

// contract returns the text of an operation of testdata.
func contract(t *testing.T, operation string) string {
	t.Helper()
	text, err := os.ReadFile(path.Join("testdata", operation, "query.graphql"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// everything returns all nodes of a paged operation on one entity.
func everything[T any](t *testing.T, w *world, operation, name string) []T {
	t.Helper()
	query := contract(t, operation)
	var all []T
	for after := any(nil); ; {
		var data struct {
			Entity map[string]json.RawMessage
		}
		w.into(t, query, vars{"name": name, "first": 200, "after": after}, &data)
		var page struct {
			Nodes    []T
			PageInfo struct {
				HasNextPage bool
				EndCursor   string
			}
		}
		if err := json.Unmarshal(data.Entity[operation], &page); err != nil {
			t.Fatalf("%s of %s: %v", operation, name, err)
		}
		all = append(all, page.Nodes...)
		if !page.PageInfo.HasNextPage {
			return all
		}
		after = page.PageInfo.EndCursor
	}
}

// Shapes of answers.
type (
	cited struct {
		Citations []struct {
			Source  struct{ ID string }
			Locator string
		}
	}
	reference struct{ ID, Name string }
	relation  struct {
		cited
		ID, Type string
		From, To reference
		Start    string
		Stake    *struct{ Exact, Min, Max *float64 }
	}
	observation struct {
		cited
		ID, Metric, Unit, Date string
		Value                  *float64
	}
	conflict struct {
		About     reference
		Predicate string
		Kind      string
		Rule      *string
		Claims    []claim
	}
	claim struct {
		cited
		Value string
	}
)

// entityID is the id in the graph of an entity of the gold standard. Only the
// documents are called otherwise, since their ids belong to the sources.
func entityID(gold string) string {
	if n, ok := strings.CutPrefix(gold, "doc-"); ok {
		return "document-" + n
	}
	return gold
}

// cites reports that one of the citations names the document, at a line that
// is at most two away.
func (c cited) cites(p goldPlace) bool {
	for _, citation := range c.Citations {
		line, err := strconv.Atoi(strings.TrimPrefix(citation.Locator, "line "))
		if err == nil && citation.Source.ID == "doc-"+p.Doc && max(line, p.Line)-min(line, p.Line) <= 2 {
			return true
		}
	}
	return false
}

func TestGoldNames(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		asked := 0
		for _, e := range readLines[goldEntity](t, "gold/entities.jsonl") {
			names := []string{e.Name}
			for _, n := range e.Names {
				// One name may mean several things together, or be mangled.
				if n.Status != "garbled" && n.Status != "combined" && n.Status != "short" {
					names = append(names, n.Text)
				}
			}
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				asked++
				var data struct{ Entity *reference }
				w.into(t, contract(t, "entity"), vars{"name": name}, &data)
				if data.Entity == nil {
					t.Errorf("%q finds nothing; want %s", name, entityID(e.ID))
				} else if data.Entity.ID != entityID(e.ID) {
					t.Errorf("%q finds %s; want %s", name, data.Entity.ID, entityID(e.ID))
				}
			}
		}
		t.Logf("%d names", asked)
	})
}

// relationTypes says as what the types of the gold standard are recorded;
// those that are missing are RELATED_TO, or of another type with a label.
var relationTypes = map[string]string{
	"owns": "OWNS", "acquired": "ACQUIRED", "invested-in": "INVESTED_IN", "partners-with": "PARTNERS_WITH", "customer-of": "CUSTOMER_OF",
	"offers": "OFFERS", "part-of-segment": "PART_OF", "part-of": "PART_OF", "has-segment": "PART_OF", "holds-role": "HOLDS_ROLE",
	"founded": "FOUNDED", "operates-in": "OPERATES_IN", "competes-with": "COMPETES_WITH", "listed-on": "LISTED_ON",
	"affiliate-of": "AFFILIATE_OF", "merged-into": "MERGED_INTO", "headquartered-in": "HEADQUARTERED_IN",
	"spun-off-from": "SPUN_OFF_FROM", "supplies": "SUPPLIES",
}

func TestGoldRelations(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		names := make(map[string]string)
		for _, e := range readLines[goldEntity](t, "gold/entities.jsonl") {
			names[e.ID] = e.Name
		}
		known := make(map[string][]relation)
		all := readLines[goldRelation](t, "gold/relations.jsonl")
		for _, r := range all {
			if r.Props.FormerName != "" {
				if !hasName(t, w, names[r.From], r.Props.FormerName) {
					t.Errorf("%s: %s is not known as %q", r.ID, r.From, r.Props.FormerName)
				}
				continue
			}
			if known[r.From] == nil {
				known[r.From] = everything[relation](t, w, "relations", names[r.From])
			}
			if !slices.ContainsFunc(known[r.From], r.isStatedBy) {
				t.Errorf("%s is missing: %s %s %s %+v %+v", r.ID, r.From, r.Type, r.To, r.Props, r.Sources)
			}
		}
		t.Logf("%d relations", len(all))
	})
}

func hasName(t *testing.T, w *world, of, name string) bool {
	t.Helper()
	var data struct {
		Entity struct{ Names []struct{ Text string } }
	}
	w.into(t, contract(t, "entity"), vars{"name": of}, &data)
	return slices.ContainsFunc(data.Entity.Names, func(n struct{ Text string }) bool { return n.Text == name })
}

func (r goldRelation) isStatedBy(x relation) bool {
	from, to, want := entityID(r.From), entityID(r.To), relationTypes[r.Type]
	forward, backward := x.From.ID == from && x.To.ID == to, x.From.ID == to && x.To.ID == from
	switch want {
	case "PARTNERS_WITH", "COMPETES_WITH", "PART_OF", "":
		if !forward && !backward {
			return false
		}
	default:
		if !forward {
			return false
		}
	}
	if want != "" && x.Type != want || !strings.HasPrefix(x.Start, r.Props.Date) {
		return false
	}
	if r.Props.StakePercent != nil && (x.Stake == nil || x.Stake.Exact == nil || math.Abs(*x.Stake.Exact-*r.Props.StakePercent) > 0.05) {
		return false
	}
	return !slices.ContainsFunc(r.Sources, func(p goldPlace) bool { return !x.cites(p) })
}

func TestGoldObservations(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		names := make(map[string]string)
		for _, e := range readLines[goldEntity](t, "gold/entities.jsonl") {
			names[e.ID] = e.Name
		}
		known := make(map[string][]observation)
		all := readLines[goldObservation](t, "gold/observations.jsonl")
		for _, o := range all {
			if known[o.Subject] == nil {
				known[o.Subject] = everything[observation](t, w, "observations", names[o.Subject])
			}
			if !slices.ContainsFunc(known[o.Subject], o.isStatedBy) {
				t.Errorf("%s is missing: %s %s %v %s %+v", o.ID, o.Subject, o.Metric, o.Value, o.Unit, o.Sources)
			}
		}
		t.Logf("%d observations", len(all))
	})
}

func (o goldObservation) isStatedBy(x observation) bool {
	if x.Metric != o.Metric || x.Unit != o.Unit || !slices.ContainsFunc(o.Sources, x.cites) {
		return false
	}
	switch value := o.Value.(type) {
	case string:
		return strings.HasPrefix(x.Date, value)
	case float64:
		return x.Value != nil && near(*x.Value, value)
	}
	return false
}

// near reports that two numbers differ by half a percent at most.
func near(a, b float64) bool { return math.Abs(a-b) <= 0.005*max(math.Abs(b), 1e-9) }

func TestGoldConflicts(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		var data struct{ Conflicts []conflict }
		w.into(t, `{ conflicts { about { id } predicate kind rule claims { value citations { source { id } locator } } } }`, nil, &data)
		gold := readLines[goldConflict](t, "gold/conflicts.jsonl")
		if len(data.Conflicts) != len(gold) {
			t.Errorf("%d conflicts; want %d", len(data.Conflicts), len(gold))
		}
		byRule := 0
		for _, c := range data.Conflicts {
			if c.Rule != nil {
				byRule++
			}
		}
		t.Logf("%d found by rule, %d noted", byRule, len(data.Conflicts)-byRule)

		// Every conflict stands for one of the gold standard: conflicts of one
		// entity can resemble each other, so the pairs are sought together.
		partner := make(map[int]int) // of a conflict known, the gold one
		var place func(i int, tried map[int]bool) bool
		place = func(i int, tried map[int]bool) bool {
			for j, c := range data.Conflicts {
				if tried[j] || !gold[i].isShownBy(c) {
					continue
				}
				tried[j] = true
				if other, taken := partner[j]; !taken || place(other, tried) {
					partner[j] = i
					return true
				}
			}
			return false
		}
		for i, c := range gold {
			if !place(i, make(map[int]bool)) {
				t.Errorf("%s is missing, or one of its claims: %s %s %v", c.ID, c.About, c.Predicate, c.Claims)
			}
		}
	})
}

func (g goldConflict) isShownBy(c conflict) bool {
	if c.About.ID != entityID(g.About) {
		return false
	}
	for _, want := range g.Claims {
		if !slices.ContainsFunc(c.Claims, func(x claim) bool { return x.says(want.Value) && x.cites(want.Source) }) {
			return false
		}
	}
	return true
}

var (
	number  = regexp.MustCompile(`-?\d+(?:\.\d+)?`)
	ordinal = strings.NewReplacer("1st", "first", "2nd", "second", "3rd", "third", "%", " percent ", "'s ", " ")
)

// says reports that the claim states the value: a number, exactly the entities
// of a list, or at least the words of a text.
func (c claim) says(value any) bool {
	switch value := value.(type) {
	case float64:
		return slices.ContainsFunc(number.FindAllString(c.Value, -1), func(text string) bool {
			n, err := strconv.ParseFloat(text, 64)
			return err == nil && near(n, value)
		})
	case string:
		said := words(c.Value)
		return !slices.ContainsFunc(words(value), func(word string) bool { return !slices.Contains(said, word) })
	case []any:
		said := strings.Split(c.Value, ", ")
		return len(said) == len(value) && !slices.ContainsFunc(value, func(id any) bool { return !slices.Contains(said, entityID(id.(string))) })
	}
	return false
}

// words splits a text into words that carry meaning.
func words(text string) []string {
	found := strings.FieldsFunc(ordinal.Replace(strings.ToLower(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.'
	})
	slices.Sort(found)
	return slices.DeleteFunc(slices.Compact(found), func(word string) bool {
		return slices.Contains([]string{"a", "and", "by", "in", "of", "the"}, word)
	})
}
