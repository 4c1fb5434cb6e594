package wikidata

import (
	"cmp"
	"encoding/json"
	"iter"
	"strings"

	"keiretsu/internal/ingest"
)

// Format is Wikidata.
var Format = ingest.Format{
	Name:   "wikidata",
	Naming: true,
	Help:   "items of Wikidata: the JSON dump (an array with one item a line), or answers of wbgetentities",
	Record: func(locator string) string {
		// The id of a statement is that of the item, at times in small letters,
		// and more behind a $.
		item, _, _ := strings.Cut(locator, "$")
		return strings.ToUpper(item)
	},
	Read: Read,
}

// Read yields what stands in a file of items. Those that are no companies,
// organizations, persons or places give their names to what others say of them.
func Read(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		w := &writer{in: in, source: ingest.NewID("wikidata", in.Issue(in.Base()))}
		began := false
		for v, err := range in.Values("entities") {
			if err != nil {
				yield(nil, err)
				return
			}
			at := in.At(v.Line)
			it, wrong := parse(v.JSON)
			if wrong != "" {
				if !yield(nil, ingest.Problemf(at, "%s", wrong)) {
					return
				}
				continue
			}
			var drafts []ingest.Draft
			if !began {
				began, drafts = true, w.head()
			}
			w.wrong = w.wrong[:0]
			switch {
			case it == nil:
				w.passed("what is no item is passed over: properties, lexemes, media")
			case it.Missing == nil || in.Dataset != "":
				if in.Dataset != "" {
					drafts = append(drafts, &ingest.Record{At: at, Source: at.Text(w.source), Locator: it.ID})
				}
				if it.Missing == nil {
					drafts = append(drafts, w.drafts(at, it)...)
				}
			default:
				w.passed("an item is missing; import the file as an issue of a data set to take back what earlier ones said of it")
			}
			for _, d := range drafts {
				if !yield(d, nil) {
					return
				}
			}
			for _, reason := range w.wrong {
				if !yield(nil, ingest.Problemf(at, "%s", reason)) {
					return
				}
			}
		}
	}
}

// parse reads an item, which may be missing; nil where it is something else of Wikidata. Where it is
// nothing of it, it says why.
func parse(b json.RawMessage) (*item, string) {
	var it item
	if err := json.Unmarshal(b, &it); err != nil {
		return nil, "this is no item of Wikidata"
	}
	switch {
	case it.ID == "" || it.Type == "" && it.Missing == nil:
		return nil, "this is no item of Wikidata: it lacks an id or a type"
	case it.Missing != nil && isItem(it.ID):
		return &it, ""
	case it.Type != "item" || it.Missing != nil:
		return nil, ""
	case !isItem(it.ID):
		return nil, "the id of an item is a Q and a number"
	}
	return &it, ""
}

// head says what the file is, and what is measured in it.
func (w *writer) head() []ingest.Draft {
	at := w.in.At(1)
	drafts := []ingest.Draft{&ingest.Source{
		At: at, ID: at.Text(w.source), Title: at.Text("Wikidata: " + cmp.Or(w.in.Dataset, w.in.Base())), Publisher: at.Text("Wikimedia Foundation"), Kind: at.Text("knowledge base"),
		URL: at.Text("https://www.wikidata.org/"), Note: at.Text("CC0 1.0"),
	}}
	for _, m := range []struct{ name, definition, unit, overTime, overParts string }{
		{"founded_date", "When the company was founded.", "date", "", ""},
		{"dissolved_date", "When the company ceased to exist.", "date", "", ""},
		{"birth_date", "When the person was born.", "date", "", ""},
		{"death_date", "When the person died.", "date", "", ""},
		{"employees", "People employed.", "people", "no", "yes"},
		{"revenue", "Money earned from business in the period.", "money", "yes", "yes"},
		{"net_income", "Profit left after all costs and taxes.", "money", "yes", "yes"},
		{"total_assets", "All that a company owns, as in its balance sheet.", "money", "no", "yes"},
	} {
		drafts = append(drafts, &ingest.Metric{
			At: at, Name: at.Text(m.name), Definition: at.Text(m.definition), Unit: at.Text(m.unit),
			OverTime: at.Text(m.overTime), OverParts: at.Text(m.overParts), Default: true,
		})
	}
	return drafts
}
