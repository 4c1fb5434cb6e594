package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/mapping"

	"keiretsu/internal/kg"
)

// format numbers what documents hold and how terms are made, kg's folding included.
// Raise it with every change: an index of another format is built anew.
const format = "4"

// The fields of a document, which stands for one entity. Those down to meaning hold
// the terms of all its names together, as names.go and reading.go make them.
const (
	fieldName     = "name"     // whole names
	fieldCore     = "core"     // whole names without legal forms
	fieldStart    = "start"    // short beginnings of whole names
	fieldWord     = "word"     // words
	fieldBegin    = "begin"    // short beginnings of words
	fieldPiece    = "piece"    // letters and pairs of letters of spaceless scripts
	fieldReading  = "reading"  // readings
	fieldSound    = "sound"    // short beginnings of readings
	fieldSounding = "sounding" // readings of whole names without legal forms
	fieldSkeleton = "skeleton" // whole names without legal forms, vowels and the order of words
	fieldMeaning  = "meaning"  // what whole names say, by which they are found in another language
	fieldKind     = "kind"     // the entity's kind
	fieldOrder    = "order"    // a place among all entities, see orderKey; for sorting only
	fieldNames    = "names"    // the names as encodeNames writes them; stored only
)

var (
	// indexed: terms alone, without the frequencies and lengths that a score
	// would need, since rank.go does not ask how often a word occurs elsewhere.
	indexed = (&mapping.FieldMapping{Index: true, SkipFreqNorm: true}).Options()
	sorted  = (&mapping.FieldMapping{Index: true, SkipFreqNorm: true, DocValues: true}).Options()
	stored  = (&mapping.FieldMapping{Store: true}).Options()
)

// terms makes one term of each line of a field.
type terms struct{}

// Analyze cuts the field into lines.
func (terms) Analyze(lines []byte) analysis.TokenStream {
	var stream analysis.TokenStream
	for len(lines) > 0 {
		end := slices.Index(lines, '\n')
		if end < 0 {
			end = len(lines)
		}
		stream = append(stream, &analysis.Token{Term: lines[:end:end], Position: len(stream) + 1})
		lines = lines[min(end+1, len(lines)):]
	}
	return stream
}

// termSets collects the distinct terms of each field.
type termSets map[string]map[string]struct{}

func (s termSets) add(field, term string) {
	if term == "" {
		return
	}
	set := s[field]
	if set == nil {
		set = make(map[string]struct{})
		s[field] = set
	}
	set[term] = struct{}{}
}

// newDocument returns the document of an entity.
func newDocument(e *kg.Entity) *document.Document {
	names := make([]folded, len(e.Names))
	sets := make(termSets)
	for i, n := range e.Names {
		f := foldEntityName(n)
		if e.Kind == kg.KindPerson {
			f.meanings = nil // people do not trade under translated names
		}
		names[i] = f
		sets.add(fieldName, f.closed)
		sets.add(fieldCore, f.core)
		beginnings(f.closed, maxShort, func(s string) { sets.add(fieldStart, s) })
		pieces(f.closed, func(s string) { sets.add(fieldPiece, s) })
		for _, w := range f.words {
			sets.add(fieldWord, w)
			beginnings(w, maxShort, func(s string) { sets.add(fieldBegin, s) })
		}
		for _, r := range f.readings {
			sets.add(fieldReading, r)
			beginnings(r, maxSound, func(s string) { sets.add(fieldSound, s) })
		}
		for _, r := range wholeReadings(f.core) {
			sets.add(fieldSounding, r)
		}
		for _, key := range skeletons(n.Text) {
			sets.add(fieldSkeleton, key)
		}
		for _, key := range f.meanings {
			sets.add(fieldMeaning, key)
		}
	}
	d := document.NewDocument(string(e.ID))
	var lines []byte
	for _, field := range []string{fieldName, fieldCore, fieldStart, fieldWord, fieldBegin, fieldPiece, fieldReading, fieldSound, fieldSounding, fieldSkeleton, fieldMeaning} {
		if len(sets[field]) == 0 {
			continue
		}
		lines = lines[len(lines):]
		for term := range sets[field] {
			lines = append(append(lines, term...), '\n')
		}
		d.AddField(document.NewTextFieldCustom(field, nil, lines, indexed, terms{}))
	}
	d.AddField(document.NewTextFieldCustom(fieldKind, nil, []byte(e.Kind.String()), indexed, terms{}))
	d.AddField(document.NewTextFieldCustom(fieldOrder, nil, []byte(orderKey(nameLength(kg.FoldName(e.Name(""))), e.ID)), sorted, terms{}))
	d.AddField(document.NewTextFieldCustom(fieldNames, nil, encodeNames(names), stored, terms{}))
	return d
}

// maxLength is the length of a name from which on lengths are not told apart.
const maxLength = 1<<12 - 1

// nameLength returns how many letters a folded name has, at most maxLength.
func nameLength(closed string) int { return min(utf8.RuneCountInString(closed), maxLength) }

// orderKey places an entity among all: by the length of its name, then by id.
func orderKey(length int, id kg.ID) string { return fmt.Sprintf("%03x", length) + string(id) }

// parseOrderKey takes apart what orderKey gives.
func parseOrderKey(key string) (int, kg.ID, error) {
	if len(key) < 3 {
		return 0, "", errDamaged
	}
	length, err := strconv.ParseUint(key[:3], 16, 12)
	if err != nil {
		return 0, "", errDamaged
	}
	return int(length), kg.ID(key[3:]), nil
}

// errDamaged reports bytes that this package has not written.
var errDamaged = errors.New("the index holds what was never written into it")

// encodeNames writes folded names: for each its standing as a byte, then text,
// closed, core, words, readings and meanings, each after its length; lists are
// joined with spaces.
func encodeNames(names []folded) []byte {
	var b []byte
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, f := range names {
		b = append(b, byte(f.standing))
		str(f.text)
		str(f.closed)
		str(f.core)
		str(strings.Join(f.words, " "))
		str(strings.Join(f.readings, " "))
		str(strings.Join(f.meanings, " "))
	}
	return b
}

// decodeNames reads what encodeNames writes.
func decodeNames(b []byte) ([]folded, error) {
	data := string(b) // of which all texts are parts
	bad := false
	str := func() string {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			bad = true
			return ""
		}
		at := len(data) - len(b) + size
		b = b[size+int(n):]
		return data[at : at+int(n)]
	}
	var names []folded
	for len(b) > 0 {
		f := folded{standing: kg.NameKind(b[0])}
		b = b[1:]
		f.text, f.closed, f.core = str(), str(), str()
		f.words, f.readings, f.meanings = strings.Fields(str()), strings.Fields(str()), strings.Fields(str())
		if bad {
			return nil, errDamaged
		}
		names = append(names, f)
	}
	return names, nil
}
