package badgerstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"keiretsu/internal/kg"
)

// A family is a set of rows with keys of one form, declared as a value.
// Building, cutting, parsing and printing keys all follow from the declaration.
type family struct {
	// prefix is the first byte of every key. It is never '!' (21), with which
	// Badger's own keys begin.
	prefix byte
	name   string
	fields []field
	// holds says what is in the value, serves which question the rows answer.
	holds, serves string
}

// field is one part of a key.
type field struct {
	name string
	part part
}

// part says how a field is written. Each keeps its order: comparing keys as
// bytes is comparing their fields one after the other.
type part uint8

const (
	// aByte is a small enumeration.
	aByte part = iota + 1
	// aHash is 8 bytes of the SHA-256 of a text whose order does not matter.
	// Two texts may share them, so whoever reads such a row compares the text
	// with what the value says.
	aHash
	// aNumber is 8 bytes, big-endian.
	aNumber
	// aPlace is a kg.DatePlace: two days of 4 bytes each, big-endian with the
	// sign bit turned over.
	aPlace
	// aText is any bytes: 00 is written 00 FF, and the end is 00 00.
	aText
	// anID is the id of a record as it is. It is the last field or none.
	anID
)

// The rows of a store, in the order in which they lie on disk.
var (
	metaRows = &family{
		0x01, "meta",
		[]field{{"name", aText}},
		"what the name says", "what is this, and where does it stand?",
	}
	changeRows = &family{
		0x02, "change",
		[]field{{"revision", aNumber}},
		"when, and the records touched", "what happened since a revision?",
	}
	idRows = &family{
		0x10, "id",
		[]field{{"id", anID}},
		"the kind; then the record (entity, source, metric, redirect), or the key of the row that holds it", "what is behind an id?",
	}
	kindRows = &family{
		0x11, "kind",
		[]field{{"kind", aByte}, {"id", anID}},
		"nothing", "which records of a kind are there (all but entities)?",
	}
	orderRows = &family{
		0x12, "order",
		[]field{{"kind of entity", aByte}, {"sort key", aText}, {"id", anID}},
		"nothing", "which entities are there, by name?",
	}
	nameRows = &family{
		0x18, "name",
		[]field{{"core", aByte}, {"folded name", aText}, {"kind of name", aByte}, {"id", anID}},
		"the kind of entity", "who bears a name?",
	}
	identifierRows = &family{
		0x19, "identifier",
		[]field{{"scheme", aText}, {"value", aText}, {"id", anID}},
		"the kind of entity", "who has an identifier?",
	}
	adjacencyRows = &family{
		0x28, "adjacency",
		[]field{{"entity", aHash}, {"direction", aByte}, {"type", aByte}, {"start", aPlace}, {"id", anID}},
		"the relation; the row at From is its home", "which relations stand at an entity?",
	}
	timelineRows = &family{
		0x29, "timeline",
		[]field{{"type", aByte}, {"start", aPlace}, {"id", anID}},
		"the relation", "which relations are there, by date?",
	}
	observationRows = &family{
		0x30, "observation",
		[]field{{"entity", aHash}, {"metric", aText}, {"period", aPlace}, {"id", anID}},
		"the observation, at home", "which figures of an entity are known?",
	}
	claimRows = &family{
		0x38, "claim",
		[]field{{"family", aHash}, {"id", anID}},
		"the claim, at home", "which claims are about one thing?",
	}
	mentionRows = &family{
		0x39, "mention",
		[]field{{"entity", aHash}, {"part", aByte}, {"type", aByte}, {"id", anID}},
		"the claim", "which claims speak of an entity's relations, figures and identity?",
	}
	conflictRows = &family{
		0x40, "conflict",
		[]field{{"about", aText}, {"predicate", aText}, {"id", anID}},
		"the conflict, at home", "what is disputed about an entity?",
	}

	keyspace = []*family{
		metaRows, changeRows, idRows, kindRows, orderRows, nameRows, identifierRows,
		adjacencyRows, timelineRows, observationRows, claimRows, mentionRows, conflictRows,
	}
)

// term is what a field of one key holds.
type term struct {
	part part
	// n holds a byte, hash or number, and a place as two days.
	n uint64
	// s holds a text or id.
	s string
}

func byteOf[T ~uint8](b T) term { return term{part: aByte, n: uint64(b)} }
func numberOf(n uint64) term    { return term{part: aNumber, n: n} }
func textOf(s string) term      { return term{part: aText, s: s} }
func idOf(id kg.ID) term        { return term{part: anID, s: string(id)} }

func flagOf(b bool) term {
	if b {
		return byteOf(uint8(1))
	}
	return byteOf(uint8(0))
}

// hashOf stands for a text in keys.
func hashOf[T ~string](s T) term {
	sum := sha256.Sum256([]byte(s))
	return term{part: aHash, n: binary.BigEndian.Uint64(sum[:])}
}

func placeOf(p kg.DatePlace) term {
	return term{part: aPlace, n: uint64(uint32(p.Earliest)^1<<31)<<32 | uint64(uint32(p.Latest)^1<<31)}
}

func (v term) place() kg.DatePlace {
	return kg.DatePlace{Earliest: kg.Day(uint32(v.n>>32) ^ 1<<31), Latest: kg.Day(uint32(v.n) ^ 1<<31)}
}

// key builds the key with these values, or where there are fewer values than
// fields what all keys with them begin with.
func (f *family) key(values ...term) []byte {
	size := 1
	for _, v := range values {
		size += 10 + len(v.s)
	}
	k := append(make([]byte, 0, size), f.prefix)
	for i, v := range values {
		if f.fields[i].part != v.part {
			panic(fmt.Sprintf("badgerstore: the field %s of a key of %s cannot be %v", f.fields[i].name, f.name, v))
		}
		switch v.part {
		case aByte:
			k = append(k, byte(v.n))
		case aHash, aNumber, aPlace:
			k = binary.BigEndian.AppendUint64(k, v.n)
		case aText:
			k = appendText(k, v.s)
		case anID:
			k = append(k, v.s...)
		}
	}
	return k
}

func appendText(k []byte, s string) []byte {
	for i := strings.IndexByte(s, 0); i >= 0; i = strings.IndexByte(s, 0) {
		k = append(append(k, s[:i]...), 0, 0xFF)
		s = s[i+1:]
	}
	return append(append(k, s...), 0, 0)
}

// cutText reads what appendText wrote.
func cutText(k []byte) (s string, rest []byte, ok bool) {
	var b []byte
	for {
		i := bytes.IndexByte(k, 0)
		if i < 0 || i+1 == len(k) {
			return "", nil, false
		}
		b = append(b, k[:i]...)
		switch k[i+1] {
		case 0:
			return string(b), k[i+2:], true
		case 0xFF:
			b = append(b, 0)
			k = k[i+2:]
		default:
			return "", nil, false
		}
	}
}

// parse returns the values of a key of the family.
func (f *family) parse(k []byte) ([]term, error) {
	bad := fmt.Errorf("badgerstore: %x is not a key of %s", k, f.name)
	if len(k) == 0 || k[0] != f.prefix {
		return nil, bad
	}
	k = k[1:]
	values := make([]term, 0, len(f.fields))
	for _, field := range f.fields {
		v := term{part: field.part}
		switch field.part {
		case aByte:
			if len(k) < 1 {
				return nil, bad
			}
			v.n, k = uint64(k[0]), k[1:]
		case aHash, aNumber, aPlace:
			if len(k) < 8 {
				return nil, bad
			}
			v.n, k = binary.BigEndian.Uint64(k), k[8:]
		case aText:
			var ok bool
			if v.s, k, ok = cutText(k); !ok {
				return nil, bad
			}
		case anID:
			v.s, k = string(k), nil
		}
		values = append(values, v)
	}
	if len(k) > 0 {
		return nil, bad
	}
	return values, nil
}

// id returns the id with which a key of the family ends. A key that does not
// keep to the form gives some other id.
func (f *family) id(k []byte) kg.ID {
	rest := k[min(1, len(k)):]
	for _, field := range f.fields {
		size := 0
		switch field.part {
		case aByte:
			size = 1
		case aHash, aNumber, aPlace:
			size = 8
		case aText:
			size = bytes.Index(rest, []byte{0, 0}) + 2
		}
		rest = rest[min(size, len(rest)):]
	}
	return kg.ID(rest)
}

// String returns the value for people.
func (v term) String() string {
	switch v.part {
	case aHash:
		return fmt.Sprintf("#%016x", v.n)
	case aPlace:
		p := v.place()
		return p.Earliest.String() + "~" + p.Latest.String()
	case aText, anID:
		return strconv.Quote(v.s)
	}
	return strconv.FormatUint(v.n, 10)
}

// printKey returns a key for people: its family, then its fields.
func printKey(k []byte) string {
	for _, f := range keyspace {
		values, err := f.parse(k)
		if err != nil {
			continue
		}
		b := []byte(f.name)
		for _, v := range values {
			b = append(append(b, '/'), v.String()...)
		}
		return string(b)
	}
	return fmt.Sprintf("unknown/%x", k)
}

// following returns the smallest key behind all that begin with the prefix.
func following(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	panic("badgerstore: a prefix of FF alone")
}

// behind returns the smallest key behind k.
func behind(k []byte) []byte { return append(k[:len(k):len(k)], 0) }
