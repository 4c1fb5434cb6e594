package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
)

// reader reads rows at one moment for one call. It owns a transaction and at
// most one iterator, neither of which may be shared, so it is used by one
// goroutine and closed at the end of the call.
type reader struct {
	ctx context.Context
	txn *badger.Txn
	it  *badger.Iterator
	// family is the first byte of the keys that the iterator sees.
	family []byte
	work   *work
	pieces pieces
	// sinceCheck counts rows since the context was last looked at.
	sinceCheck int
}

// checkEvery is the number of rows after which a call looks whether it is
// still wanted.
const checkEvery = 128

func (r *reader) close() {
	if r.it != nil {
		r.it.Close()
	}
	r.txn.Discard()
}

// count notes a row read, and returns the context's error from time to time.
func (r *reader) count() error {
	r.work.rows.Add(1)
	if r.sinceCheck++; r.sinceCheck < checkEvery {
		return nil
	}
	r.sinceCheck = 0
	return r.ctx.Err()
}

// get calls use with the value of the key, which is valid during that call
// only. It reports whether there is such a row.
func (r *reader) get(key []byte, use func(value []byte) error) (bool, error) {
	if err := r.count(); err != nil {
		return false, err
	}
	item, err := r.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, item.Value(use)
}

// at reads the row of an id; ok is false where there is none.
func (r *reader) at(id kg.ID) (a atID, ok bool, err error) {
	ok, err = r.get(idRows.key(idOf(id)), func(value []byte) error {
		a, err = parseAtID(id, value)
		return err
	})
	return a, ok, err
}

// record returns the record with the id, or nil.
func (r *reader) record(id kg.ID) (kg.Record, error) {
	a, ok, err := r.at(id)
	if err != nil || !ok || a.record != nil {
		return a.record, err
	}
	ok, err = r.get(a.home, func(value []byte) error {
		a.record, err = parseHome(a.kind, id, value)
		return err
	})
	if err == nil && !ok {
		err = missing(a.home)
	}
	return a.record, err
}

// span is a range of keys: lo ≤ key < hi.
type span struct {
	lo, hi []byte
	// cut is the length of what the keys begin with that is no part of their
	// order where several spans are merged.
	cut int
}

// spanOf is the span of all keys with the prefix, ordered by what follows it.
func spanOf(prefix []byte) span { return span{prefix, following(prefix), len(prefix)} }

// within narrows the span to keys strictly behind after and before before;
// nil restricts nothing.
func (s span) within(after, before []byte) span {
	if after != nil {
		if lo := behind(after); bytes.Compare(lo, s.lo) > 0 {
			s.lo = lo
		}
	}
	if before != nil && bytes.Compare(before, s.hi) < 0 {
		s.hi = before
	}
	return s
}

func (s span) empty() bool { return bytes.Compare(s.lo, s.hi) >= 0 }

// seek moves the iterator to the first row of the span in the direction. All
// spans of one call are read in the same direction. The iterator is bound to
// one family of rows, lest it run on over the deleted rows of the next.
func (r *reader) seek(s span, reverse bool) {
	if family := s.lo[:1]; r.it == nil || !bytes.Equal(family, r.family) {
		if r.it != nil {
			r.it.Close()
		}
		r.family = bytes.Clone(family)
		r.it = r.txn.NewIterator(badger.IteratorOptions{Reverse: reverse, Prefix: r.family})
	}
	if !reverse {
		r.it.Seek(s.lo)
		return
	}
	r.it.Seek(s.hi)
	if r.it.Valid() && bytes.Compare(r.it.Item().Key(), s.hi) >= 0 {
		r.it.Next()
	}
}

// holds reports that the iterator stands on a row of the span.
func (r *reader) holds(s span, reverse bool) bool {
	if !r.it.Valid() {
		return false
	}
	if reverse {
		return bytes.Compare(r.it.Item().Key(), s.lo) >= 0
	}
	return bytes.Compare(r.it.Item().Key(), s.hi) < 0
}

// visit is called with a row. Key and value are valid during the call only;
// more is false to stop.
type visit func(key, value []byte) (more bool, err error)

// sweep visits the rows of the span, in order or in reverse. It reports whether
// it came to the end of the span.
func (r *reader) sweep(s span, reverse bool, f visit) (ended bool, err error) {
	if s.empty() {
		return true, nil
	}
	for r.seek(s, reverse); r.holds(s, reverse); r.it.Next() {
		if err := r.count(); err != nil {
			return false, err
		}
		more, err := r.visit(f)
		if !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (r *reader) visit(f visit) (more bool, err error) {
	item := r.it.Item()
	err = item.Value(func(value []byte) (err error) {
		more, err = f(item.Key(), value)
		return err
	})
	return more, err
}

// run is a span being merged: the next rows of it, copied.
type run struct {
	span
	rows  []row
	ended bool
	// size is how many rows are read at once; it doubles with every reading.
	size int
}

// pieces are numbers of rows that are read at once where several orders are
// made one.
type pieces struct {
	// probe is read of an entity before its relations are looked for type by
	// type. Most entities have fewer.
	probe int
	// least, first and most are read of one span: if only few rows are wanted,
	// at first, and after some doubling.
	least, first, most int
}

var usualPieces = pieces{probe: 64, least: 4, first: 64, most: 512}

// merge visits the rows of several spans in the order of what follows their
// cut. Each span is read in pieces, with a seek for each, so that one iterator
// serves them all; limit, if not 0, is how many rows are likely to be wanted.
func (r *reader) merge(spans []span, reverse bool, limit int, f visit) error {
	if len(spans) == 1 {
		_, err := r.sweep(spans[0], reverse, f)
		return err
	}
	size := r.pieces.first
	if limit > 0 && len(spans) > 0 {
		size = min(size, limit/len(spans)+r.pieces.least)
	}
	var runs []*run
	for _, s := range spans {
		u := &run{span: s, size: size}
		if err := r.fill(u, reverse); err != nil {
			return err
		}
		if len(u.rows) > 0 {
			runs = append(runs, u)
		}
	}
	for len(runs) > 0 {
		first := 0
		for i := 1; i < len(runs); i++ {
			if inFront(runs[i].rows[0].key[runs[i].cut:], runs[first].rows[0].key[runs[first].cut:], reverse) {
				first = i
			}
		}
		u := runs[first]
		next := u.rows[0]
		u.rows = u.rows[1:]
		if more, err := f(next.key, next.value); !more || err != nil {
			return err
		}
		if len(u.rows) == 0 && !u.ended {
			if err := r.fill(u, reverse); err != nil {
				return err
			}
		}
		if len(u.rows) == 0 {
			runs = slices.Delete(runs, first, first+1)
		}
	}
	return nil
}

func inFront(a, b []byte, reverse bool) bool {
	if reverse {
		return bytes.Compare(a, b) > 0
	}
	return bytes.Compare(a, b) < 0
}

// fill reads the next piece of a run.
func (r *reader) fill(u *run, reverse bool) error {
	u.rows = u.rows[:0]
	ended, err := r.sweep(u.span, reverse, func(key, value []byte) (bool, error) {
		u.rows = append(u.rows, row{bytes.Clone(key), bytes.Clone(value)})
		return len(u.rows) < u.size, nil
	})
	if err != nil {
		return err
	}
	u.ended, u.size = ended, min(2*u.size, r.pieces.most)
	if !ended {
		if last := u.rows[len(u.rows)-1].key; reverse {
			u.hi = last
		} else {
			u.lo = behind(last)
		}
	}
	return nil
}

// bytesBehind returns, in ascending order, the different bytes that follow the
// prefix in keys: it seeks from one to the next.
func (r *reader) bytesBehind(prefix []byte, reverse bool) ([]byte, error) {
	var found []byte
	s := spanOf(prefix)
	for {
		var next byte
		ended, err := r.sweep(s, reverse, func(key, _ []byte) (bool, error) {
			next = key[len(prefix)]
			return false, nil
		})
		if err != nil {
			return nil, err
		}
		if ended {
			break
		}
		found = append(found, next)
		here := append(prefix[:len(prefix):len(prefix)], next)
		if reverse {
			s.hi = here
		} else {
			s.lo = following(here)
		}
	}
	slices.Sort(found)
	return found, nil
}
