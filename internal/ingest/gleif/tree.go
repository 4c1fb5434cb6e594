package gleif

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"keiretsu/internal/ingest"
)

// node is an element of XML or a value of JSON, which both hold the same records.
type node struct {
	text  string
	attrs map[string]string
	// kids are the elements inside, by their names without a namespace.
	kids map[string][]*node
}

// at returns the node to which the names lead, each the first of its name; where
// there is none, an empty one.
func (n *node) at(names ...string) *node {
	for _, name := range names {
		list := n.kids[name]
		if len(list) == 0 {
			return &node{}
		}
		n = list[0]
	}
	return n
}

// value returns the text of the node to which the names lead.
func (n *node) value(names ...string) string { return strings.TrimSpace(n.at(names...).text) }

// each returns the members of a list. XML and the golden copy wrap them in
// elements of their own; files that were converted do not, or keep what belongs
// to a member beside it.
func (n *node) each(list, member string) []*node {
	var all []*node
	for _, l := range n.kids[list] {
		switch inside := l.kids[member]; {
		case len(inside) == 0:
			all = append(all, l)
		case len(l.kids) == 1:
			all = append(all, inside...)
		default:
			one := &node{text: inside[0].text, attrs: make(map[string]string)}
			for key, beside := range l.kids {
				one.attrs[key] = beside[0].text
			}
			all = append(all, one)
		}
	}
	return all
}

// recordNames are the elements that are records.
var recordNames = map[string]func(n *node) record{
	"LEIRecord":          entityIn,
	"RelationshipRecord": relationshipIn,
	"Exception":          exceptionIn,
}

// readXML yields the records of a file in XML. head is told the date of the
// content before the first record.
func readXML(in ingest.Input, head func(date string)) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		text := in.Text()
		text.Record()
		d := xml.NewDecoder(text)
		d.CharsetReader = otherCharset
		found := false
		root := ""
		for {
			token, err := d.Token()
			line, _ := d.InputPos()
			if errors.Is(err, io.EOF) && root != "" {
				if !found {
					yield(record{}, ingest.Brokenf(in.At(1), "the file holds no records of GLEIF; its root is %.40q", root))
				}
				return
			}
			start, ok := token.(xml.StartElement)
			switch {
			case err != nil:
				yield(record{}, brokenXML(in, line, err))
				return
			case !ok:
				continue
			}
			if root == "" {
				root = start.Name.Local
			}
			read := recordNames[start.Name.Local]
			if read == nil && start.Name.Local != "ContentDate" {
				found = found || start.Name.Local == "LEIRecords" || start.Name.Local == "RelationshipRecords" || start.Name.Local == "ReportingExceptions"
				continue
			}
			n, err := parseXML(d, start, d.InputOffset(), 0)
			if err != nil {
				at, _ := d.InputPos()
				yield(record{}, brokenXML(in, at, err))
				return
			}
			text.Record()
			if read == nil {
				head(n.text)
				continue
			}
			found = true
			r := read(n)
			r.line = line
			if !yield(r, nil) {
				return
			}
		}
	}
}

// maxDepth bounds elements inside one another; records have nine.
const maxDepth = 64

var errCharset = errors.New("another encoding")

// otherCharset refuses texts that say they are not UTF-8; ASCII is UTF-8 too.
func otherCharset(label string, text io.Reader) (io.Reader, error) {
	if strings.EqualFold(label, "us-ascii") || strings.EqualFold(label, "ascii") {
		return text, nil
	}
	return nil, errCharset
}

var errTooDeep = errors.New("elements lie more than 64 deep inside one another")

var errTooLong = fmt.Errorf("a record is longer than %d MiB", ingest.MaxTree>>20)

// parseXML reads the element that has started, of a record that began at an offset.
func parseXML(d *xml.Decoder, start xml.StartElement, began int64, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	n := &node{}
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		if n.attrs == nil {
			n.attrs = make(map[string]string)
		}
		n.attrs[a.Name.Local] = a.Value
	}
	var text strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		if d.InputOffset()-began > ingest.MaxTree {
			return nil, errTooLong
		}
		switch t := token.(type) {
		case xml.StartElement:
			kid, err := parseXML(d, t, began, depth+1)
			if err != nil {
				return nil, err
			}
			n.add(t.Name.Local, kid)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			n.text = strings.TrimSpace(text.String())
			return n, nil
		}
	}
}

func (n *node) add(name string, kid *node) {
	if n.kids == nil {
		n.kids = make(map[string][]*node)
	}
	n.kids[name] = append(n.kids[name], kid)
}

// brokenXML says where and why a file is no XML.
func brokenXML(in ingest.Input, line int, err error) error {
	if _, ok := errors.AsType[*ingest.Broken](err); ok {
		return err
	}
	syntax, ok := errors.AsType[*xml.SyntaxError](err)
	switch {
	case errors.Is(err, errCharset):
		return ingest.Brokenf(in.At(line), "the first line says that the file is not UTF-8; convert it, for example with iconv -f latin1 -t utf-8, and correct that line")
	case errors.Is(err, io.EOF) || ok && strings.Contains(syntax.Msg, "unexpected EOF"):
		return ingest.Brokenf(in.At(line), "the file is cut off: what began before has no end")
	case ok:
		return ingest.Brokenf(in.At(syntax.Line), "this is no XML (%s)", syntax.Msg)
	case errors.Is(err, errTooDeep) || errors.Is(err, errTooLong) || strings.HasPrefix(err.Error(), "xml:"):
		return ingest.Brokenf(in.At(line), "this is no XML of GLEIF (%s)", strings.TrimPrefix(err.Error(), "xml: "))
	}
	return err
}

// jsonLists are the members under which files in JSON keep their records.
var jsonLists = []string{"records", "relations", "exceptions", "LEIRecords", "RelationshipRecords", "ReportingExceptions"}

// readJSON yields the records of a file in JSON.
func readJSON(in ingest.Input) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		for v, err := range in.Values(jsonLists...) {
			if err != nil {
				yield(record{}, err)
				return
			}
			if len(v.JSON) > ingest.MaxTree {
				if !yield(record{}, ingest.TooLong(in.At(v.Line))) {
					return
				}
				continue
			}
			d := json.NewDecoder(bytes.NewReader(v.JSON))
			d.UseNumber()
			var value any
			if err := d.Decode(&value); err != nil {
				yield(record{}, ingest.Brokenf(in.At(v.Line), "this is no JSON (%v)", err))
				return
			}
			r := recordIn(nodeOf(value))
			r.line = v.Line
			if !yield(r, nil) {
				return
			}
		}
	}
}

// recordIn tells by its members which record a value of JSON is.
func recordIn(n *node) record {
	for _, name := range slices.Sorted(maps.Keys(recordNames)) {
		if inside := n.kids[name]; len(inside) == 1 {
			n = inside[0]
		}
	}
	switch {
	case n.kids["Relationship"] != nil:
		return relationshipIn(n)
	case n.kids["ExceptionCategory"] != nil:
		return exceptionIn(n)
	case n.kids["LEI"] != nil:
		return entityIn(n)
	}
	return record{}
}

// nodeOf makes a node of a value of JSON.
func nodeOf(v any) *node {
	n := &node{}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			switch {
			case key == "$":
				n.text = nodeOf(v[key]).text
			case strings.HasPrefix(key, "@"):
				if n.attrs == nil {
					n.attrs = make(map[string]string)
				}
				local := strings.TrimPrefix(key, "@")
				n.attrs[local[strings.LastIndexByte(local, ':')+1:]] = nodeOf(v[key]).text
			default:
				list, ok := v[key].([]any)
				if !ok {
					list = []any{v[key]}
				}
				for _, kid := range list {
					n.add(key[strings.LastIndexByte(key, ':')+1:], nodeOf(kid))
				}
			}
		}
	case []any:
		for _, kid := range v {
			n.add("", nodeOf(kid))
		}
	case string:
		n.text = v
	case json.Number:
		n.text = v.String()
	case bool:
		n.text = map[bool]string{true: "true", false: "false"}[v]
	}
	return n
}

func entityIn(n *node) record {
	of, registration := n.at("Entity"), n.at("Registration")
	e := &entity{
		lei: n.value("LEI"), category: of.value("EntityCategory"), status: of.value("EntityStatus"),
		authority: of.value("RegistrationAuthority", "RegistrationAuthorityID"), number: of.value("RegistrationAuthority", "RegistrationAuthorityEntityID"),
		created: of.value("EntityCreationDate"), expired: of.value("EntityExpirationDate"), registration: registration.value("RegistrationStatus"),
		jurisdiction: of.value("LegalJurisdiction"),
		office:       address{of.value("HeadquartersAddress", "Country"), of.value("HeadquartersAddress", "Region"), of.value("HeadquartersAddress", "City")},
	}
	legal := of.at("LegalName")
	e.names = append(e.names, name{legal.text, legal.attrs["lang"], ""})
	for _, list := range []string{"OtherEntityName", "TransliteratedOtherEntityName"} {
		for _, other := range of.each(list+"s", list) {
			e.names = append(e.names, name{other.text, other.attrs["lang"], other.attrs["type"]})
		}
	}
	for _, s := range of.kids["SuccessorEntity"] {
		e.successors = append(e.successors, s.value("SuccessorLEI"))
	}
	for _, event := range of.each("LegalEntityEvents", "LegalEntityEvent") {
		if e.expired == "" && event.value("LegalEntityEventType") == "DISSOLUTION" {
			e.expired = event.value("LegalEntityEventEffectiveDate")
		}
	}
	return record{entity: e, deleted: deletion(n)}
}

func relationshipIn(n *node) record {
	of, registration := n.at("Relationship"), n.at("Registration")
	r := &relationship{
		child: of.value("StartNode", "NodeID"), childType: of.value("StartNode", "NodeIDType"),
		parent: of.value("EndNode", "NodeID"), parentType: of.value("EndNode", "NodeIDType"),
		kind: of.value("RelationshipType"), status: of.value("RelationshipStatus"),
		registration: registration.value("RegistrationStatus"), updated: registration.value("LastUpdateDate"),
		sources: registration.value("ValidationSources"), documents: registration.value("ValidationDocuments"), reference: registration.value("ValidationReference"),
	}
	for _, p := range of.each("RelationshipPeriods", "RelationshipPeriod") {
		r.periods = append(r.periods, period{p.value("StartDate"), p.value("EndDate"), p.value("PeriodType")})
	}
	for _, q := range of.each("RelationshipQualifiers", "RelationshipQualifier") {
		r.qualifiers = append(r.qualifiers, qualifier{q.value("QualifierDimension"), q.value("QualifierCategory")})
	}
	for _, q := range of.each("RelationshipQuantifiers", "RelationshipQuantifier") {
		r.quantifiers = append(r.quantifiers, quantifier{q.value("MeasurementMethod"), q.value("QuantifierAmount"), q.value("QuantifierUnits")})
	}
	return record{relationship: r, deleted: deletion(n)}
}

func exceptionIn(n *node) record {
	e := &exception{lei: n.value("LEI"), category: n.value("ExceptionCategory")}
	for _, r := range n.kids["ExceptionReason"] {
		e.reasons = append(e.reasons, strings.TrimSpace(r.text))
	}
	for _, r := range n.kids["ExceptionReference"] {
		e.references = append(e.references, strings.TrimSpace(r.text))
	}
	return record{exception: e, deleted: deletion(n)}
}

// deletion returns when the register took a record back, which files of changes
// tell in its extension.
func deletion(n *node) string {
	d := n.at("Extension", "Deletion")
	if at := d.value("DeletedAt"); at != "" {
		return at
	}
	if len(n.at("Extension").kids["Deletion"]) > 0 {
		return "a date that is not given"
	}
	return ""
}
