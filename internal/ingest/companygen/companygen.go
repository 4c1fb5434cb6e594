package companygen

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"keiretsu/internal/ingest"
)

// Format is the format as the import command knows it.
var Format = ingest.Format{
	Name: "companygen",
	Help: "synthetic company graphs of any size, as the program bench/companygen makes them",
	Read: Read,
}

// line is a line of either file of a graph.
type line struct {
	ID        string   `json:"id"`
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Employees *int     `json:"employees"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	Since     string   `json:"since"`
	Until     string   `json:"until"`
	Stake     *float64 `json:"stake"`
	Price     *int64   `json:"price"`
	Title     string   `json:"title"`
	Source    string   `json:"source"`
}

// registry is the source of what the entities say of themselves.
const registry = "registry"

var kinds = map[string]string{"Company": "company", "Person": "person", "Product": "product"}

var types = map[string]string{
	"OWNS": "owns", "ACQUIRED": "acquired", "PARTNERS_WITH": "partners_with", "HAS_ROLE": "holds_role", "MAKES": "offers",
}

// Read yields the drafts of entities.jsonl or relations.jsonl.
func Read(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		sources := make(map[string]bool)
		for text, err := range in.Lines() {
			if err != nil {
				yield(nil, err)
				return
			}
			at := in.At(text.Number)
			var l line
			if err := json.Unmarshal(text.Text, &l); err != nil {
				if text.Number == 1 {
					yield(nil, ingest.Brokenf(at, "this is no file of companygen: its lines are JSON objects with an id and a type"))
					return
				}
				if text.Unended {
					yield(nil, ingest.Brokenf(at, "the file ends in the middle of a record: it has been cut off"))
					return
				}
				if !yield(nil, ingest.Problemf(at, "the line is not the JSON object that belongs here")) {
					return
				}
				continue
			}
			for _, d := range l.drafts(at, sources) {
				if !yield(d, nil) {
					return
				}
			}
			if kinds[l.Type] == "" && types[l.Type] == "" && !yield(nil, ingest.Problemf(at, "%.40q is no type of entity or relation", l.Type)) {
				return
			}
		}
	}
}

// drafts returns what the line says, behind its source where that is new.
func (l *line) drafts(at ingest.Position, sources map[string]bool) []ingest.Draft {
	source := l.Source
	if source == "" {
		source = registry
	}
	cites := []ingest.Citation{{Source: at.Text("companygen:" + source), Locator: l.ID}}
	var drafts []ingest.Draft
	if len(sources) == 0 {
		drafts = append(drafts, &ingest.Metric{
			At: at, Name: at.Text("employees"), Definition: at.Text("People who work there."), Unit: at.Text("people"),
			OverTime: at.Text("no"), OverParts: at.Text("yes"), Default: true,
		})
	}
	if !sources[source] {
		sources[source] = true
		drafts = append(drafts, &ingest.Source{At: at, ID: cites[0].Source, Title: at.Text("Synthetic " + source), Kind: at.Text("generated")})
	}
	if kind := kinds[l.Type]; kind != "" {
		return append(drafts, l.entity(at, kind, cites)...)
	}
	if t := types[l.Type]; t != "" {
		return append(drafts, l.relation(at, t, cites))
	}
	return drafts
}

// id returns the id of an entity of the generator.
func id(at ingest.Position, s string) ingest.Text {
	if s == "" {
		return at.Text("")
	}
	return at.Text("cg:" + s)
}

func (l *line) entity(at ingest.Position, kind string, cites []ingest.Citation) []ingest.Draft {
	drafts := []ingest.Draft{&ingest.Entity{
		At: at, ID: id(at, l.ID), Kind: at.Text(kind), Cites: cites,
		Names: []ingest.Name{{Text: at.Text(l.Name), Kind: at.Text("preferred"), Lang: at.Text("en")}},
	}}
	if l.Employees != nil {
		drafts = append(drafts, &ingest.Figure{
			At: at, Of: id(at, l.ID), Metric: at.Text("employees"), Value: at.Text(strconv.Itoa(*l.Employees)), Cites: cites,
		})
	}
	return drafts
}

func (l *line) relation(at ingest.Position, relation string, cites []ingest.Citation) ingest.Draft {
	r := &ingest.Relation{At: at, Type: at.Text(relation), From: id(at, l.From), To: id(at, l.To), Text: at.Text(l.Title), Cites: cites}
	if relation == "acquired" {
		r.On = at.Text(l.Since)
	} else {
		r.Since, r.Until = at.Text(l.Since), at.Text(l.Until)
	}
	if l.Stake != nil {
		r.Stake = at.Text(strconv.FormatFloat(*l.Stake*100, 'f', 2, 64))
	}
	if l.Price != nil {
		r.Money = at.Text(fmt.Sprintf("%d USD", *l.Price))
	}
	return r
}
