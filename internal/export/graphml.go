package export

import (
	"bufio"
	"context"
	"encoding/xml"
	"io"
	"strings"

	"keiretsu/internal/kg"
)

// graphmlKeys are the attributes, as http://graphml.graphdrawing.org declares
// them. Those that readers know by name come first: label is what Gephi and
// NetworkX show, weight what they lay out by.
var graphmlKeys = []struct{ id, of, name, kind string }{
	{"label", "node", "label", "string"},
	{"kind", "node", "kind", "string"},
	{"names", "node", "names", "string"},
	{"identifiers", "node", "identifiers", "string"},
	{"merged", "node", "merged_ids", "string"},
	{"nclaims", "node", "claims", "string"},
	{"nsources", "node", "sources", "string"},
	{"type", "edge", "label", "string"},
	{"start", "edge", "start", "string"},
	{"end", "edge", "end", "string"},
	{"smin", "edge", "stake_min", "double"},
	{"smax", "edge", "stake_max", "double"},
	{"amount", "edge", "amount", "double"},
	{"currency", "edge", "currency", "string"},
	{"text", "edge", "text", "string"},
	{"attributes", "edge", "attributes", "string"},
	{"indirect", "edge", "indirect", "boolean"},
	{"mutual", "edge", "mutual", "boolean"},
	{"opened", "edge", "opened_by", "string"},
	{"ended", "edge", "ended_by", "string"},
	{"note", "edge", "note", "string"},
	{"claims", "edge", "claims", "string"},
	{"sources", "edge", "sources", "string"},
}

// writeGraphML writes every entity as a node and every relation as an edge. All
// edges are directed, those that read both ways too: NetworkX refuses
// graphs that have both kinds.
func writeGraphML(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error) {
	losses := losses{always: []string{lostPlaces, lostClaims, lostPast}}
	counts, err := snap.Stats(ctx)
	if err != nil {
		return nil, err
	}
	losses.add("figures: GraphML has nodes and edges", int(counts[kg.RecordObservation]))
	losses.add("conflicts", int(counts[kg.RecordConflict]))
	losses.add("descriptions of sources: edges name them by their ids", int(counts[kg.RecordSource]))
	losses.add("definitions of metrics", int(counts[kg.RecordMetric]))

	out := &graphml{Writer: bufio.NewWriter(to)}
	out.line(`<?xml version="1.0" encoding="UTF-8"?>`)
	out.line(`<graphml xmlns="http://graphml.graphdrawing.org/xmlns">`)
	for _, k := range graphmlKeys {
		out.line(`<key id="` + k.id + `" for="` + k.of + `" attr.name="` + k.name + `" attr.type="` + k.kind + `"/>`)
	}
	out.line(`<graph edgedefault="directed">`)
	err = each(ctx, snap, kg.RecordEntity, func(e *kg.Entity) error {
		losses.add("languages and standings of names", len(e.Names))
		losses.add("known unknowns", len(e.Absences))
		if !e.FiscalYearEnd.IsZero() {
			losses.add("ends of business years", 1)
		}
		out.node(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for edge, err := range snap.Relations(ctx, kg.RelationQuery{All: true}) {
		if err != nil {
			return nil, err
		}
		r := edge.Relation
		if r.Stake != nil && (r.Stake.MinOpen || r.Stake.MaxOpen || r.Stake.Wording != "") {
			losses.add("stakes of which the wording, or whether an end belongs to them, is left out", 1)
		}
		out.edge(r)
	}
	out.line(`</graph>`)
	out.line(`</graphml>`)
	return losses.lines(), out.Flush()
}

const lostPlaces = "places in sources, whom sources quote, and which of them says which name or identifier"

// graphml is a document on its way. What fails is told by the next Flush.
type graphml struct{ *bufio.Writer }

func (g *graphml) line(text string) { _, _ = g.WriteString(text + "\n") }

func (g *graphml) text(s string) { _ = xml.EscapeText(g, []byte(s)) }

// data writes an attribute, unless there is nothing to say.
func (g *graphml) data(key, value string) {
	if value == "" {
		return
	}
	_, _ = g.WriteString(`<data key="` + key + `">`)
	g.text(value)
	_, _ = g.WriteString(`</data>`)
}

func (g *graphml) node(e *kg.Entity) {
	_, _ = g.WriteString(`<node id="`)
	g.text(string(e.ID))
	_, _ = g.WriteString(`">`)
	g.data("label", e.Name(""))
	g.data("kind", e.Kind.String())
	var names, identifiers []string
	for _, n := range e.Names {
		names = append(names, n.Text)
	}
	for _, i := range e.Identifiers {
		identifiers = append(identifiers, i.Scheme+":"+i.Value)
	}
	g.data("names", strings.Join(names, "; "))
	g.data("identifiers", strings.Join(identifiers, "; "))
	g.data("merged", strings.Join(texts(e.Merged), "; "))
	claims, sources, _ := cited(e.Citations)
	g.data("nclaims", strings.Join(claims, "; "))
	g.data("nsources", strings.Join(sources, "; "))
	g.line(`</node>`)
}

func (g *graphml) edge(r *kg.Relation) {
	_, _ = g.WriteString(`<edge id="` + string(r.ID) + `" source="`)
	g.text(string(r.From))
	_, _ = g.WriteString(`" target="`)
	g.text(string(r.To))
	_, _ = g.WriteString(`">`)
	g.data("type", r.Type.String())
	g.data("start", r.Start.String())
	g.data("end", r.End.String())
	if r.Stake != nil {
		g.data("smin", number(r.Stake.Min))
		g.data("smax", number(r.Stake.Max))
	}
	if r.Money != nil {
		g.data("amount", number(r.Money.Amount))
		g.data("currency", r.Money.Currency)
	}
	g.data("text", r.Text)
	g.data("attributes", attributeText(r.Attributes))
	if r.Indirect() {
		g.data("indirect", "true")
	}
	if r.Type.IsSymmetric() {
		g.data("mutual", "true")
	}
	g.data("opened", string(r.OpenedBy))
	g.data("ended", string(r.EndedBy))
	g.data("note", r.Note)
	claims, sources, _ := cited(r.Citations)
	g.data("claims", strings.Join(claims, "; "))
	g.data("sources", strings.Join(sources, "; "))
	g.line(`</edge>`)
}
