package badgerstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
)

// Store is a kg.Store in one folder. Open makes it.
type Store struct {
	db   *badger.DB
	dir  string
	log  *slog.Logger
	gate gate
	lock *folderLock
	mark *mark
	// needed is the space that must be free on the disk before anything is written.
	needed uint64

	// writing holds the right to write; whoever waits for it can give up.
	writing chan struct{}
	// broken is why nothing can be written any more, guarded by writing.
	broken error
	// counts belong to the newest revision, guarded by writing.
	counts map[kg.RecordKind]int64

	// mu guards the newest moment and the moments that snapshots hold.
	mu     sync.Mutex
	newest moment
	pins   []pin

	pieces pieces
	stopGC func()
	// beforePart is called before every transaction; tests let it fail.
	beforePart func() error
	// work counts what is read outside snapshots.
	work work
}

var _ kg.Store = (*Store)(nil)

// moment is a revision, and the engine's timestamp at which it is read. The
// store is created at timestamp 1 and every commit takes the next, so that a
// timestamp missing in the log is noticed; a commit that was cut short takes one
// without making a revision.
type moment struct {
	revision  kg.Revision
	timestamp uint64
}

const created = 1

// latest is read where it does not matter what is written meanwhile.
var latest = moment{timestamp: math.MaxUint64}

// pin counts the snapshots that are open at a moment.
type pin struct {
	moment
	snapshots int
}

// work counts what calls cost, for tests.
type work struct{ readers, rows atomic.Int64 }

// reader opens a reader at the moment.
func (s *Store) reader(ctx context.Context, m moment, w *work) *reader {
	w.readers.Add(1)
	return &reader{ctx: ctx, txn: s.db.NewTransactionAt(m.timestamp, false), work: w, pieces: s.pieces}
}

// Snapshot opens the newest committed moment.
func (s *Store) Snapshot(ctx context.Context) (kg.Snapshot, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, wrap("snapshot", err)
	}
	defer s.gate.inside.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.pins); n > 0 && s.pins[n-1].moment == s.newest {
		s.pins[n-1].snapshots++
	} else {
		s.pins = append(s.pins, pin{s.newest, 1})
	}
	return &snapshot{store: s, moment: s.newest}, nil
}

// unpin notes that a snapshot has been closed.
func (s *Store) unpin(m moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.pins, m, func(p pin, m moment) int { return cmp.Compare(p.timestamp, m.timestamp) })
	s.pins[i].snapshots--
	s.discard()
}

// discard lets the engine drop what only revisions hold that nobody can read
// any more. The caller holds mu.
func (s *Store) discard() {
	open := slices.IndexFunc(s.pins, func(p pin) bool { return p.snapshots > 0 })
	oldest := s.newest
	if open < 0 {
		open = len(s.pins)
	} else {
		oldest = s.pins[open].moment
	}
	s.pins = slices.Delete(s.pins, 0, open)
	s.db.SetDiscardTs(oldest.timestamp)
}

// Apply commits the batch.
func (s *Store) Apply(ctx context.Context, b *kg.Batch) (kg.Revision, error) {
	operation := fmt.Sprintf("apply batch of %d", len(b.Put)+len(b.Delete))
	if err := s.gate.enter(ctx); err != nil {
		return 0, wrap(operation, err)
	}
	defer s.gate.inside.Done()
	if err := b.Check(); err != nil {
		return 0, wrap(operation, err)
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return 0, wrap(operation, ctx.Err())
	}
	revision, err := s.apply(ctx, b)
	return revision, wrap(operation, err)
}

// apply commits the batch; the caller holds the right to write.
func (s *Store) apply(ctx context.Context, b *kg.Batch) (kg.Revision, error) {
	if s.broken != nil {
		return 0, fmt.Errorf("%w until the store is opened again, since a write failed: %w", kg.ErrUnavailable, s.broken)
	}
	// Only a writer moves newest, and this is the writer.
	r := s.reader(ctx, s.newest, &s.work)
	defer r.close()
	w := &writer{reader: r, counts: maps.Clone(s.counts)}
	for _, record := range b.Put {
		if err := w.put(record); err != nil {
			return 0, err
		}
	}
	for _, id := range b.Delete {
		if err := w.delete(id); err != nil {
			return 0, err
		}
	}
	if len(w.touched) == 0 {
		return s.newest.revision, nil
	}
	next := moment{s.newest.revision + 1, s.newest.timestamp + 1}
	slices.SortFunc(w.touched, func(a, b kg.Touch) int { return strings.Compare(string(a.ID), string(b.ID)) })
	w.finish(head{next.revision, w.counts}, &kg.Change{Revision: next.revision, At: b.At, By: b.By, Touched: w.touched})
	if err := checkSizes(w.rows); err != nil {
		return 0, err
	}
	if err := s.checkSpace(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.commit(w.rows, next.timestamp); err != nil {
		return 0, err
	}
	s.counts = w.counts
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = next
	s.discard()
	return next.revision, nil
}

// commit makes the rows last at the timestamp, and notes that they do. Where
// that fails half-way it is not known what a restart will find, and whatever
// came next would be mixed with it; so the store then takes no more writes.
func (s *Store) commit(rows []row, timestamp uint64) error {
	err := s.write(rows, timestamp)
	if err == nil {
		err = s.mark.acknowledge(timestamp)
	}
	if err != nil {
		s.broken = err
		return fmt.Errorf("%w: %w", kg.ErrUnavailable, err)
	}
	return nil
}

// write commits the rows, of which the last is the head, at the timestamp.
// Badger takes a seventh of its memory in one transaction; more rows take
// several. Nobody reads at the timestamp before all are written, and after a
// crash in between the head is that of the revision before (undo).
func (s *Store) write(rows []row, timestamp uint64) error {
	txn := s.db.NewTransactionAt(timestamp, true)
	defer func() { txn.Discard() }()
	for _, row := range rows {
		err := row.into(txn)
		if errors.Is(err, badger.ErrTxnTooBig) {
			if err := s.beforePart(); err != nil {
				return err
			}
			if err = txn.CommitAt(timestamp, nil); err == nil {
				txn = s.db.NewTransactionAt(timestamp, true)
				err = row.into(txn)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := s.beforePart(); err != nil {
		return err
	}
	return txn.CommitAt(timestamp, nil)
}

// into writes the row, or takes it away where it has no value.
func (r row) into(txn *badger.Txn) error {
	if r.value == nil {
		return txn.Delete(r.key)
	}
	return txn.Set(r.key, r.value)
}

// Bounds of one row. Badger's own are wider, but it does not survive the
// message about them.
const (
	maxKey   = 32 << 10
	maxValue = 16 << 20
)

func checkSizes(rows []row) error {
	for _, r := range rows {
		if len(r.key) > maxKey || len(r.value) > maxValue {
			return fmt.Errorf("a row with a key of %d and a value of %d bytes: %w", len(r.key), len(r.value), kg.ErrTooLarge)
		}
	}
	return nil
}

// writer turns records into the rows that change.
type writer struct {
	*reader
	rows    []row
	counts  map[kg.RecordKind]int64
	touched []kg.Touch
}

// put writes the rows of a record, and takes away those of what its id stood
// for before. A record that is stored as it is changes nothing.
func (w *writer) put(record kg.Record) error {
	fresh, err := rowsOf(record)
	if err != nil {
		return err
	}
	old, err := w.stored(record.RecordID())
	if err != nil {
		return err
	}
	before := len(w.rows)
	for _, row := range fresh {
		key := string(row.key)
		if value, had := old.rows[key]; !had || !bytes.Equal(value, row.value) {
			w.rows = append(w.rows, row)
		}
		delete(old.rows, key)
	}
	w.remove(old.rows)
	if len(w.rows) > before {
		w.recount(old.kind, record.RecordKind())
		w.touched = append(w.touched, kg.Touch{Kind: record.RecordKind(), ID: record.RecordID(), About: kg.TouchedBy(old.record, record)})
	}
	return nil
}

// delete takes away all rows of a record.
func (w *writer) delete(id kg.ID) error {
	old, err := w.stored(id)
	if err != nil || old.kind == 0 {
		return err
	}
	w.remove(old.rows)
	w.recount(old.kind, 0)
	w.touched = append(w.touched, kg.Touch{Kind: old.kind, ID: id, Deleted: true, About: kg.TouchedBy(old.record, nil)})
	return nil
}

func (w *writer) remove(rows map[string][]byte) {
	for key := range rows {
		w.rows = append(w.rows, row{key: []byte(key)})
	}
}

// recount notes that an id changed kind; 0 stands for no record.
func (w *writer) recount(from, to kg.RecordKind) {
	if from != 0 {
		w.counts[from]--
	}
	if to != 0 {
		w.counts[to]++
	}
}

// oldRows are the rows of what an id stands for; kind is 0 where that is nothing.
type oldRows struct {
	kind   kg.RecordKind
	record kg.Record
	rows   map[string][]byte
}

func (w *writer) stored(id kg.ID) (oldRows, error) {
	record, err := w.record(id)
	if err != nil || record == nil {
		return oldRows{}, err
	}
	rows, err := rowsOf(record)
	if err != nil {
		return oldRows{}, err
	}
	old := oldRows{record.RecordKind(), record, make(map[string][]byte, len(rows))}
	for _, row := range rows {
		old.rows[string(row.key)] = row.value
	}
	return old, nil
}

// finish writes where the store stands after the change.
func (w *writer) finish(h head, c *kg.Change) {
	e := newEncoder()
	e.change(c)
	w.rows = append(w.rows, row{changeRows.key(numberOf(uint64(c.Revision))), e.b}, h.row())
}

// The names of the meta rows.
const (
	identityName = "identity"
	headName     = "head"
)

func (h head) row() row {
	e := newEncoder()
	e.head(h)
	return row{metaRows.key(textOf(headName)), e.b}
}

func (i identity) row() row {
	e := newEncoder()
	e.identity(i)
	return row{metaRows.key(textOf(identityName)), e.b}
}

// head reads where the store stands.
func (r *reader) head() (h head, err error) {
	err = r.meta(headName, func(d *decoder) { h = d.head() })
	return h, err
}

func (r *reader) meta(name string, use func(*decoder)) error {
	key := metaRows.key(textOf(name))
	ok, err := r.get(key, func(value []byte) error {
		d := newDecoder(value)
		use(d)
		if err := d.finish(); err != nil {
			return fmt.Errorf("the row %s: %w", printKey(key), err)
		}
		return nil
	})
	if err == nil && !ok {
		err = missing(key)
	}
	return err
}

// Changes yields what happened after the revision.
func (s *Store) Changes(ctx context.Context, after kg.Revision) iter.Seq2[kg.Change, error] {
	s.mu.Lock()
	newest := s.newest.revision
	s.mu.Unlock()
	operation := fmt.Sprintf("changes after %d", after)
	return func(yield func(kg.Change, error) bool) {
		if err := s.gate.enter(ctx); err != nil {
			yield(kg.Change{}, wrap(operation, err))
			return
		}
		defer s.gate.inside.Done()
		// What has been logged stays as it is, so no snapshot needs to be held.
		r := s.reader(ctx, latest, &s.work)
		defer r.close()
		left := false
		next := after + 1
		err := r.changes(after, newest, func(revision kg.Revision, value []byte) (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			d := newDecoder(value)
			c := d.change(revision)
			if err := d.finish(); err != nil {
				return false, fmt.Errorf("change %d: %w", revision, err)
			}
			if revision != next {
				return false, missing(changeRows.key(numberOf(uint64(next))))
			}
			next++
			left = !yield(c, nil)
			return !left, nil
		})
		if err == nil && !left && next <= newest {
			err = missing(changeRows.key(numberOf(uint64(next))))
		}
		if err != nil {
			yield(kg.Change{}, wrap(operation, err))
		}
	}
}

// changes visits the change log behind after up to newest.
func (r *reader) changes(after, newest kg.Revision, f func(kg.Revision, []byte) (bool, error)) error {
	if after >= newest {
		return nil
	}
	s := span{lo: changeRows.key(numberOf(uint64(after) + 1)), hi: following(changeRows.key(numberOf(uint64(newest))))}
	_, err := r.sweep(s, false, func(key, value []byte) (bool, error) {
		terms, err := changeRows.parse(key)
		if err != nil {
			return false, err
		}
		return f(kg.Revision(terms[0].n), value)
	})
	return err
}

// Ping reads one row.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.gate.enter(ctx); err != nil {
		return wrap("ping", err)
	}
	defer s.gate.inside.Done()
	r := s.reader(ctx, latest, &s.work)
	defer r.close()
	_, err := r.head()
	return wrap("ping", err)
}

// Close waits for calls to end, then releases the folder. A second call
// returns ErrClosed.
func (s *Store) Close() error {
	if err := s.gate.close(); err != nil {
		return wrap("close", err)
	}
	s.stopGC()
	return wrap("close", errors.Join(s.db.Close(), s.mark.close(), s.lock.release()))
}
