package badgerstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
)

// Store is a kg.Store in one folder. Open makes it.
type Store struct {
	db    *badger.DB
	dir   string
	log   *slog.Logger
	gate  gate
	lock  *folderLock
	mark  *mark
	logs  *logs
	space *space

	// writing holds the right to write; whoever waits for it can give up.
	writing chan struct{}
	// counts belong to the newest staged revision, guarded by writing.
	counts map[kg.RecordKind]int64

	// mu guards what follows up to wake.
	mu sync.Mutex
	// newest is the newest durable moment, staged the newest of all.
	newest, staged moment
	// pins are the moments that snapshots hold, in order.
	pins []pin
	// broken is why nothing can be written any more.
	broken error
	// pending is the group that is forced to the disk next, nil where nothing
	// waits for that; last is the newest group there has been.
	pending, last *group
	commits       uint64
	groups        uint64
	forcing       time.Duration
	// wake holds a word for every pending group.
	wake chan struct{}

	pieces                            pieces
	stopGC, stopForcing, stopWatching func()
	// beforePart is called before every transaction and beforeForce before every
	// group is forced to the disk; tests let them fail or wait.
	beforePart, beforeForce func() error
	// work counts what is read outside snapshots.
	work work
}

var _ kg.Stager = (*Store)(nil)

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

// Snapshot opens the newest durable moment.
func (s *Store) Snapshot(ctx context.Context) (kg.Snapshot, error) {
	return s.openMoment(ctx, "snapshot", &s.newest)
}

// Draft opens the newest staged moment.
func (s *Store) Draft(ctx context.Context) (kg.Snapshot, error) {
	return s.openMoment(ctx, "draft", &s.staged)
}

// openMoment opens the moment that stands there.
func (s *Store) openMoment(ctx context.Context, operation string, which *moment) (kg.Snapshot, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, wrap(operation, err)
	}
	defer s.gate.inside.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := s.pinOf(*which)
	if !found {
		s.pins = slices.Insert(s.pins, i, pin{moment: *which})
	}
	s.pins[i].snapshots++
	return &snapshot{store: s, moment: *which}, nil
}

// pinOf returns where the pin of the moment is, or would be.
func (s *Store) pinOf(m moment) (i int, found bool) {
	return slices.BinarySearchFunc(s.pins, m, func(p pin, m moment) int { return cmp.Compare(p.timestamp, m.timestamp) })
}

// unpin notes that a snapshot has been closed.
func (s *Store) unpin(m moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := s.pinOf(m)
	s.pins[i].snapshots--
	s.discard()
}

// discard lets the engine drop what only moments hold that nobody can read any
// more. The caller holds mu.
func (s *Store) discard() {
	oldest := s.newest.timestamp
	open := slices.IndexFunc(s.pins, func(p pin) bool { return p.snapshots > 0 })
	if open < 0 {
		open = len(s.pins)
	} else {
		oldest = min(oldest, s.pins[open].timestamp)
	}
	s.pins = slices.Delete(s.pins, 0, open)
	s.db.SetDiscardTs(oldest)
}

// write commits the rows, of which the last is the head, at the timestamp.
// Badger takes a seventh of its memory in one transaction; more rows take
// several. Nobody reads at the timestamp before all are written, and after a
// crash in between the head is that of the revision before (undo).
//
// Whatever takes more than one page of one log to write may reach the disk in any
// order. A commit that is one transaction in one log is seen to be whole; one of
// several transactions, or with values in the value log, is forced to the disk
// piece by piece, so that what comes later never lasts without it.
func (s *Store) write(rows []row, timestamp uint64) error {
	values := s.leaveTree(rows)
	if values {
		if err := s.logs.reserveValues(); err != nil {
			return err
		}
	}
	txn := s.db.NewTransactionAt(timestamp, true)
	defer func() { txn.Discard() }()
	parts := 0
	commit := func() error {
		if err := s.beforePart(); err != nil {
			return err
		}
		if err := txn.CommitAt(timestamp, nil); err != nil {
			return err
		}
		parts++
		return s.logs.follow()
	}
	force := func() error {
		if values {
			if err := s.logs.forceValues(); err != nil {
				return err
			}
		}
		return s.logs.force()
	}
	for _, row := range rows {
		err := row.into(txn)
		if errors.Is(err, badger.ErrTxnTooBig) {
			if err = commit(); err == nil {
				err = force()
			}
			if err == nil {
				txn = s.db.NewTransactionAt(timestamp, true)
				err = row.into(txn)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := commit(); err != nil || parts == 1 && !values {
		return err
	}
	return force()
}

// leaveTree reports that there are rows whose values go to the value log.
func (s *Store) leaveTree(rows []row) bool {
	return slices.ContainsFunc(rows, func(r row) bool { return int64(len(r.value)) >= s.db.Opts().ValueThreshold })
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

// sizeOf returns how many bytes rows take.
func sizeOf(rows []row) (n uint64) {
	for _, r := range rows {
		n += uint64(len(r.key) + len(r.value))
	}
	return n
}

// writer turns records into the rows that change.
type writer struct {
	*reader
	rows    []row
	counts  map[kg.RecordKind]int64
	touched []kg.Touch
}

// put writes the rows of a record, and takes away those of what its id stood
// for before, unless there is nothing. A record that is stored as it is changes
// nothing.
func (w *writer) put(record kg.Record, nothingBefore bool) error {
	fresh, err := rowsOf(record)
	if err != nil {
		return err
	}
	if nothingBefore {
		w.rows = append(w.rows, fresh...)
		w.recount(0, record.RecordKind())
		w.touched = append(w.touched, kg.Touch{Kind: record.RecordKind(), ID: record.RecordID(), About: kg.TouchedBy(nil, record)})
		return nil
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
	s.mu.Lock()
	newest := s.newest
	s.mu.Unlock()
	r := s.reader(ctx, newest, &s.work)
	defer r.close()
	_, err := r.head()
	return wrap("ping", err)
}

// Close waits for calls to end and for what they have staged, then releases the
// folder. A second call returns ErrClosed. Where a full disk holds a merge back,
// Close returns all the same: everything is on the disk, the engine closes when
// there is room, and the folder is in use until then or until the process ends.
func (s *Store) Close() error {
	if err := s.gate.close(); err != nil {
		return wrap("close", err)
	}
	s.stopForcing()
	s.stopGC()
	s.stopWatching()
	closed := make(chan error, 1)
	go func() {
		closed <- errors.Join(s.db.Close(), s.logs.close(), s.mark.close(), s.lock.release())
	}()
	select {
	case err := <-closed:
		return wrap("close", err)
	case <-s.space.stuck:
		s.log.Warn("the disk is full: the engine is left in the middle of a merge, which is begun anew when the folder is opened; nothing is lost", "folder", s.dir)
		return nil
	}
}
