package export

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// writeNQuads writes a statement a line (https://www.w3.org/TR/n-quads). What a
// source says stands in the graph that is called by the source, once for each of
// them; descriptions of sources, claims and conflicts stand in the default graph.
func writeNQuads(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error) {
	losses := losses{always: []string{"which claim says which name or identifier", lostClaims, lostPast}}
	out := bufio.NewWriter(to)
	err := eachNode(ctx, snap, &losses, func(n *rdfNode) error {
		subject := "<" + n.iri + ">"
		say := func(term string, value rdfValue, sources []string) error {
			statement := subject + " <" + expand(term) + "> " + value.nquads()
			if len(sources) == 0 {
				sources = []string{""}
			}
			for _, s := range sources {
				line := statement
				if s != "" {
					line += " <" + s + ">"
				}
				if _, err := out.WriteString(line + " .\n"); err != nil {
					return err
				}
			}
			return nil
		}
		for _, t := range n.types {
			if err := say("http://www.w3.org/1999/02/22-rdf-syntax-ns#type", rdfValue{iri: expand(t)}, n.sources); err != nil {
				return err
			}
		}
		for _, p := range n.properties {
			sources := p.sources
			if sources == nil {
				sources = n.sources
			}
			if err := say(p.term, p.value, sources); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return losses.lines(), out.Flush()
}

// expand returns the IRI of a prefixed term; IRIs are returned as they are.
func expand(term string) string {
	prefix, rest, _ := strings.Cut(term, ":")
	at := slices.IndexFunc(rdfPrefixes, func(p struct{ prefix, iri string }) bool { return p.prefix == prefix })
	if at < 0 {
		return term
	}
	return rdfPrefixes[at].iri + rest
}

var nquadsText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`)

func (v rdfValue) nquads() string {
	switch {
	case v.iri != "":
		return "<" + v.iri + ">"
	case v.lang != "":
		return `"` + nquadsText.Replace(v.text) + `"@` + v.lang
	case v.datatype != "":
		return `"` + nquadsText.Replace(v.text) + `"^^<` + expand(v.datatype) + ">"
	}
	return `"` + nquadsText.Replace(v.text) + `"`
}
