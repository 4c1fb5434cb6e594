package kg

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
)

// Page sizes.
const (
	// DefaultPage is the size of a page where the client names none.
	DefaultPage = 50
	// MaxPage is the largest page.
	MaxPage = 1000
)

// PageArgs are the arguments of a Relay connection. At most one of First and
// Last is set; a cursor is one that a page handed out.
type PageArgs struct {
	First, Last   *int
	After, Before *string
}

// window is a checked PageArgs.
type window struct {
	size    int
	reverse bool
}

func (a PageArgs) window() (window, error) {
	switch {
	case a.First != nil && a.Last != nil:
		return window{}, Invalidf("last", "first and last cannot be asked for together; page forward with first and after, or backward with last and before")
	case a.Last != nil:
		n, err := pageSize("last", *a.Last)
		return window{n, true}, err
	case a.First != nil:
		n, err := pageSize("first", *a.First)
		return window{n, false}, err
	}
	return window{DefaultPage, false}, nil
}

func pageSize(argument string, n int) (int, error) {
	if n < 0 || n > MaxPage {
		return 0, Invalidf(argument, "a page holds 0 to %d items, not %d", MaxPage, n)
	}
	return n, nil
}

// Item is one entry of a page.
type Item[T any] struct {
	// Cursor marks the place of the entry in its list.
	Cursor string
	Value  T
}

// Page is a part of a list.
type Page[T any] struct {
	Items []Item[T]
	// HasNext and HasPrevious say whether the list goes on behind and before
	// the page. Against the direction of paging they tell only what the
	// cursor tells: there is something on its other side.
	HasNext, HasPrevious bool
	count                func(context.Context) (int, error)
}

// Count returns the number of entries of the whole list; it is worked out only
// when asked for.
func (p *Page[T]) Count(ctx context.Context) (int, error) { return p.count(ctx) }

// Values returns the entries without their cursors.
func (p *Page[T]) Values() []T {
	values := make([]T, 0, len(p.Items))
	for _, item := range p.Items {
		values = append(values, item.Value)
	}
	return values
}

// WithItems returns the page with its entries replaced by what was made of them.
func WithItems[T, U any](p *Page[T], items []Item[U]) *Page[U] {
	return &Page[U]{Items: items, HasNext: p.HasNext, HasPrevious: p.HasPrevious, count: p.count}
}

// newPage makes a page of what was fetched in the direction of the window, one
// more than its size if there is more.
func newPage[T any](fetched []T, w window, a PageArgs, cursor func(T) string, count func(context.Context) (int, error)) *Page[T] {
	more := len(fetched) > w.size
	if more {
		fetched = fetched[:w.size]
	}
	p := &Page[T]{HasNext: more, HasPrevious: a.After != nil, count: count, Items: make([]Item[T], len(fetched))}
	if w.reverse {
		p.HasNext, p.HasPrevious = a.Before != nil, more
	}
	for i, value := range fetched {
		if w.reverse {
			i = len(fetched) - 1 - i
		}
		p.Items[i] = Item[T]{cursor(value), value}
	}
	return p
}

// A cursor is the place of an entry in its list: a version, the kind of list,
// and the place, in unpadded base64url. It stays good while others write, since
// it names a place and not a count.
const cursorVersion = 1

type listKind byte

const (
	relationList listKind = iota + 1
	observationList
	scanList
	searchList
	reachedList
	entryList
	pairList
)

// cursorBuilder and cursorReader write and read the parts of a place.
type cursorBuilder []byte

func newCursor(kind listKind) cursorBuilder { return cursorBuilder{cursorVersion, byte(kind)} }

func (b cursorBuilder) day(d Day) cursorBuilder { return binary.BigEndian.AppendUint32(b, uint32(d)) }

func (b cursorBuilder) place(p DatePlace) cursorBuilder { return b.day(p.Earliest).day(p.Latest) }

func (b cursorBuilder) bytes(s []byte) cursorBuilder {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (b cursorBuilder) text(s string) cursorBuilder { return b.bytes([]byte(s)) }

func (b cursorBuilder) String() string { return base64.RawURLEncoding.EncodeToString(b) }

type cursorReader struct {
	rest []byte
	bad  bool
}

// openCursor returns a reader of the parts of a cursor; a cursor of another
// kind or version, or with anything left over in the end, is bad.
func openCursor(kind listKind, cursor string) *cursorReader {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(cursor) > 4*MaxIDLength || len(b) < 2 || b[0] != cursorVersion || b[1] != byte(kind) {
		return &cursorReader{bad: true}
	}
	return &cursorReader{rest: b[2:]}
}

func (r *cursorReader) day() Day {
	if len(r.rest) < 4 {
		r.bad = true
		return 0
	}
	d := Day(binary.BigEndian.Uint32(r.rest))
	r.rest = r.rest[4:]
	return d
}

func (r *cursorReader) place() DatePlace { return DatePlace{r.day(), r.day()} }

func (r *cursorReader) bytes() []byte {
	n, width := binary.Uvarint(r.rest)
	if width <= 0 || n > uint64(len(r.rest)-width) {
		r.bad = true
		return nil
	}
	b := r.rest[width : width+int(n)]
	r.rest = r.rest[width+int(n):]
	return b
}

func (r *cursorReader) text() string { return string(r.bytes()) }

func (r *cursorReader) err(argument string) error {
	if r.bad || len(r.rest) > 0 {
		return Invalidf(argument, "not a cursor of this list; use a cursor from one of its pages, unchanged")
	}
	return nil
}

// readCursors reads the two cursors of a page, where given.
func readCursors[P any](a PageArgs, read func(argument, cursor string) (P, error)) (after, before *P, err error) {
	for _, c := range []struct {
		argument string
		cursor   *string
		place    **P
	}{{"after", a.After, &after}, {"before", a.Before, &before}} {
		if c.cursor == nil {
			continue
		}
		p, err := read(c.argument, *c.cursor)
		if err != nil {
			return nil, nil, err
		}
		*c.place = &p
	}
	return after, before, nil
}

func relationCursor(p RelationPlace) string {
	return newCursor(relationList).place(p.Start).text(string(p.ID)).String()
}

func readRelationCursor(argument, cursor string) (RelationPlace, error) {
	r := openCursor(relationList, cursor)
	p := RelationPlace{Start: r.place(), ID: ID(r.text())}
	return p, r.err(argument)
}

func observationCursor(p ObservationPlace) string {
	return newCursor(observationList).text(p.Metric).place(p.Period).text(string(p.ID)).String()
}

func readObservationCursor(argument, cursor string) (ObservationPlace, error) {
	r := openCursor(observationList, cursor)
	p := ObservationPlace{Metric: r.text(), Period: r.place(), ID: ID(r.text())}
	return p, r.err(argument)
}

func scanCursor(p ScanPlace) string {
	return newCursor(scanList).bytes(p.Key).text(string(p.ID)).String()
}

func readScanCursor(argument, cursor string) (ScanPlace, error) {
	r := openCursor(scanList, cursor)
	p := ScanPlace{Key: r.bytes(), ID: ID(r.text())}
	return p, r.err(argument)
}

func searchCursor(h TextHit) string {
	b := newCursor(searchList)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(h.Score))
	return b.text(string(h.ID)).String()
}

func readSearchCursor(argument, cursor string) (TextHit, error) {
	r := openCursor(searchList, cursor)
	if len(r.rest) < 8 {
		r.bad = true
		return TextHit{}, r.err(argument)
	}
	score := math.Float64frombits(binary.BigEndian.Uint64(r.rest))
	r.rest = r.rest[8:]
	h := TextHit{Score: score, ID: ID(r.text())}
	if score-score != 0 {
		r.bad = true
	}
	return h, r.err(argument)
}
