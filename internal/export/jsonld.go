package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"

	"keiretsu/internal/kg"
)

// writeJSONLD writes one document (https://www.w3.org/TR/json-ld11), a node a
// line. It says which claims a fact rests on and which sources those are from; it
// has no graph for each source, as N-Quads do.
func writeJSONLD(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error) {
	losses := losses{always: []string{"which source or claim says which name or identifier: nquads tells the source", lostClaims, lostPast}}
	out := &jsonld{Writer: bufio.NewWriter(to)}
	out.text("{\n\"@context\": {")
	for i, p := range rdfPrefixes {
		if i > 0 {
			out.text(", ")
		}
		out.value(p.prefix)
		out.text(": ")
		out.value(p.iri)
	}
	out.text("},\n\"@graph\": [")
	before := "\n"
	err := eachNode(ctx, snap, &losses, func(n *rdfNode) error {
		out.text(before)
		before = ",\n"
		out.node(n)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	out.text("\n]\n}\n")
	return losses.lines(), out.Flush()
}

// jsonld is a document on its way. What fails is told by the Flush at its end.
type jsonld struct {
	*bufio.Writer
	buffer bytes.Buffer
}

func (j *jsonld) text(s string) { _, _ = j.WriteString(s) }

func (j *jsonld) value(v any) {
	j.buffer.Reset()
	enc := json.NewEncoder(&j.buffer)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a string, or a map of them
	_, _ = j.Write(bytes.TrimRight(j.buffer.Bytes(), "\n"))
}

// node writes a node; properties of one name, which need not stand together,
// become one list.
func (j *jsonld) node(n *rdfNode) {
	j.text(`{"@id": `)
	j.value(n.iri)
	if len(n.types) > 0 {
		j.text(`, "@type": `)
		j.value(n.types)
	}
	var order []string
	values := map[string][]map[string]string{}
	for _, p := range n.properties {
		if values[p.term] == nil {
			order = append(order, p.term)
		}
		values[p.term] = append(values[p.term], p.value.jsonld())
	}
	for _, term := range order {
		j.text(", ")
		j.value(term)
		j.text(": ")
		j.value(values[term])
	}
	j.text("}")
}

func (v rdfValue) jsonld() map[string]string {
	switch {
	case v.iri != "":
		return map[string]string{"@id": v.iri}
	case v.lang != "":
		return map[string]string{"@value": v.text, "@language": v.lang}
	case v.datatype != "":
		return map[string]string{"@value": v.text, "@type": v.datatype}
	}
	return map[string]string{"@value": v.text}
}
