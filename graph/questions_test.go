package graph_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// question is one of the questions of testdata and the answer that careful
// readers of the documents give.
type question struct {
	ID, Question   string
	AnswerType     string `json:"answer_type"`
	Answer         []any
	AlsoAcceptable []string `json:"also_acceptable"`
	Note           string
	// Because names the facts that prove the answer.
	Because []string
}

// reading is how a question is put to the graph.
type reading struct {
	id    string
	query string
	vars  vars
	// found takes the answer to the question from that to the query.
	found extract
}

// TestQuestions puts every question to the graph and judges the answer. All of
// them can be answered, or be known not to be.
func TestQuestions(t *testing.T) {
	places := make(map[string][]goldPlace)
	for _, r := range readLines[goldRelation](t, "gold/relations.jsonl") {
		places[r.ID] = r.Sources
	}
	for _, o := range readLines[goldObservation](t, "gold/observations.jsonl") {
		places[o.ID] = o.Sources
	}
	for _, c := range readLines[goldConflict](t, "gold/conflicts.jsonl") {
		for _, claim := range c.Claims {
			places[c.ID] = append(places[c.ID], claim.Source)
		}
	}
	byID := make(map[string]reading)
	for _, r := range readings {
		if _, twice := byID[r.id]; twice {
			t.Fatalf("%s is read twice", r.id)
		}
		byID[r.id] = r
	}
	questions := readLines[question](t, "questions.jsonl")
	if len(readings) != len(questions) {
		t.Errorf("%d readings of %d questions", len(readings), len(questions))
	}
	onEveryEngine(t, func(t *testing.T, w *world) {
		passed := 0
		for _, q := range questions {
			r, ok := byID[q.ID]
			if !ok {
				t.Errorf("%s %s: not in the table", q.ID, q.Question)
			} else if t.Run(q.ID, func(t *testing.T) { q.judge(t, w, r, places) }) {
				passed++
			}
		}
		t.Logf("passed %d of %d", passed, len(questions))
	})
}

// judge puts the question and compares the answer with the wanted one.
func (q question) judge(t *testing.T, w *world, r reading, places map[string][]goldPlace) {
	data := w.data(t, r.query, r.vars)
	for name, thing := range data.(map[string]any) {
		if thing == nil {
			t.Fatalf("%s\nthere is no %s", q.Question, name)
		}
	}
	facts := r.found(data)
	for _, f := range facts {
		if len(citationsIn(f.from).Citations) == 0 {
			t.Errorf("%v is not cited", f.value)
		}
	}
	var problem string
	switch q.AnswerType {
	case "not-stated":
		if len(facts) > 0 {
			problem = "the documents do not say"
		}
	case "claims":
		problem = q.missesClaim(facts)
	default:
		problem = q.differs(facts)
	}
	if problem != "" {
		t.Fatalf("%s\ngot %v\nwant %v\n%s", q.Question, shown(facts), q.Answer, problem)
	}
	if q.AnswerType == "not-stated" {
		return
	}
	// The facts that prove the answer are among those it cites.
	var proof cited
	for _, f := range facts {
		proof.Citations = append(proof.Citations, citationsIn(f.from).Citations...)
	}
	for _, id := range q.Because {
		if !slices.ContainsFunc(places[id], proof.cites) {
			t.Errorf("%s\nnothing cited proves %s, which stands at %v; cited are %v", q.Question, id, places[id], proof.Citations)
		}
	}
}

// missesClaim names a position that the answer lacks.
func (q question) missesClaim(facts []fact) string {
	for _, want := range q.Answer {
		if !slices.ContainsFunc(facts, func(f fact) bool { return claim{Value: f.value.(string)}.says(want) }) {
			return fmt.Sprintf("no claim says %v", want)
		}
	}
	return ""
}

// differs says what an answer lacks or has too much.
func (q question) differs(facts []fact) string {
	used := make([]bool, len(facts))
	last := -1
	for _, want := range q.Answer {
		at := -1
		for i, f := range facts {
			if q.fits(f, want) {
				used[i] = true
				if at < 0 {
					at = i
				}
			}
		}
		if at < 0 {
			return fmt.Sprintf("%v is missing", want)
		}
		if strings.HasPrefix(q.Note, "Order matters") && at < last {
			return "in another order"
		}
		last = at
	}
	for i, f := range facts {
		acceptable := slices.ContainsFunc(q.AlsoAcceptable, func(id string) bool { return f.value == entityID(id) })
		if !used[i] && !acceptable {
			return fmt.Sprintf("%v is too much", f.value)
		}
	}
	return ""
}

// qualifiers are the words of the gold standard for how exact a value is.
var qualifiers = map[string]string{"": "", "over": "MORE_THAN", "approximately": "ABOUT"}

// fits reports that a value is the wanted one: an entity, a date, a text, or a
// number with its unit.
func (q question) fits(f fact, want any) bool {
	if object, ok := want.(map[string]any); ok {
		unit, _ := object["unit"].(string)
		qualifier, _ := object["qualifier"].(string)
		if f.unit != unit || qualifier != "" && f.qualifier != qualifiers[qualifier] {
			return false
		}
		want = object["value"]
	}
	switch want := want.(type) {
	case float64:
		value, ok := f.value.(float64)
		return ok && near(value, want)
	case string:
		value, ok := f.value.(string)
		switch {
		case !ok:
			return false
		case q.AnswerType == "date":
			return strings.HasPrefix(value, want)
		case q.AnswerType == "entities":
			return value == entityID(want)
		}
		return value == entityID(want) || slices.Equal(words(spelled(value)), words(spelled(want)))
	}
	return false
}

var scales = map[string]float64{"million": 1e6, "billion": 1e9, "trillion": 1e12}

// spelled writes round sums in one way: 2.34 billion dollars is 2340000000 USD.
func spelled(text string) string {
	text = regexp.MustCompile(`([\d.]+) (million|billion|trillion)`).ReplaceAllStringFunc(text, func(s string) string {
		digits, scale, _ := strings.Cut(s, " ")
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return s
		}
		return strconv.FormatFloat(n*scales[scale], 'f', 0, 64)
	})
	return strings.ReplaceAll(text, "dollars", "USD")
}

func shown(facts []fact) []string {
	var texts []string
	for _, f := range facts {
		texts = append(texts, strings.TrimSpace(fmt.Sprint(f.value, " ", f.unit, " ", f.qualifier)))
	}
	return texts
}
