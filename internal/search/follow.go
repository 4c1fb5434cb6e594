package search

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2/index/scorch"

	"keiretsu/internal/kg"
)

// Store is what the index needs of a kg.Store.
type Store interface {
	// Snapshot opens the newest committed moment.
	Snapshot(ctx context.Context) (kg.Snapshot, error)
	// Changes yields what happened after the revision, oldest first.
	Changes(ctx context.Context, after kg.Revision) iter.Seq2[kg.Change, error]
}

// Options say what to index, and where.
type Options struct {
	// Dir is the folder that holds the index. It is made if it is missing, and
	// no other process may use it.
	Dir string
	// Store is what the index follows. It must outlive the Index.
	Store Store
	// Logger is told when the index is built and when it cannot keep up. It must
	// not be nil.
	Logger *slog.Logger
}

// Index is a kg.TextIndex that follows a store. It is safe for concurrent use.
type Index struct {
	dir   string
	store Store
	log   *slog.Logger

	stop context.CancelFunc
	done chan struct{} // closed when the follower has ended
	wake chan struct{}

	mu     sync.Mutex
	shelf  *shelf        // what searches read; nil while there is none
	ruined []*shelf      // damaged ones, which the follower clears away
	moved  chan struct{} // closed when the index moves
	closed bool
	// anew are those who wait for the index to be built anew.
	anew []chan error
}

// pollInterval is how often the index looks for changes that nobody has told it
// of.
const pollInterval = 5 * time.Second

// Open returns the index that lies in the folder and lets it catch up with the
// store, or builds it, in the background. It follows the store until ctx is done
// or Close is called. Open fails only if the folder cannot be made.
func Open(ctx context.Context, o Options) (*Index, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("search: make the folder of the index: %w", err)
	}
	x := &Index{
		dir: o.Dir, store: o.Store, log: o.Logger,
		done: make(chan struct{}), wake: make(chan struct{}, 1), moved: make(chan struct{}),
	}
	ctx, x.stop = context.WithCancel(ctx)
	go x.follow(ctx)
	return x, nil
}

// Close stops following and closes the index. Searches under way are finished.
func (x *Index) Close() error {
	x.stop()
	<-x.done
	x.mu.Lock()
	s := x.shelf
	x.shelf, x.closed = nil, true
	x.announce()
	x.mu.Unlock()
	err := x.clear()
	if s != nil {
		err = errors.Join(err, s.close())
	}
	if err != nil {
		return fmt.Errorf("search: close the index: %w", err)
	}
	return nil
}

// Notify tells the index that the store has committed something. It returns at
// once.
func (x *Index) Notify() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// Revision returns up to which revision of the store the index has come; 0 while
// there is no index.
func (x *Index) Revision() kg.Revision {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shelf == nil {
		return 0
	}
	return x.shelf.state.revision
}

// Wait returns nil as soon as searches see the revision, the context's error if
// that is done before, or kg.ErrClosed.
func (x *Index) Wait(ctx context.Context, revision kg.Revision) error {
	x.Notify()
	for {
		ended := false
		select {
		case <-x.done:
			ended = true
		default:
		}
		x.mu.Lock()
		moved := x.moved
		there := x.shelf != nil && x.shelf.state.revision >= revision
		x.mu.Unlock()
		if there {
			return nil
		}
		if ended {
			return fmt.Errorf("search: wait for revision %d: the index no longer follows the store: %w", revision, kg.ErrClosed)
		}
		select {
		case <-moved:
		case <-x.done:
		case <-ctx.Done():
			return fmt.Errorf("search: wait for revision %d: %w", revision, ctx.Err())
		}
	}
}

// Rebuild builds the index anew beside the one that answers, which it then takes
// the place of, and returns the revision that it has come to. It returns the
// context's error if that is done before; the building goes on.
func (x *Index) Rebuild(ctx context.Context) (kg.Revision, error) {
	built := make(chan error, 1)
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return 0, fmt.Errorf("search: the index has been closed: %w", kg.ErrClosed)
	}
	x.anew = append(x.anew, built)
	x.mu.Unlock()
	x.Notify()
	select {
	case err := <-built:
		if err != nil {
			return 0, fmt.Errorf("search: build the index anew: %w", err)
		}
		return x.Revision(), nil
	case <-x.done:
		return 0, fmt.Errorf("search: the index no longer follows the store: %w", kg.ErrClosed)
	case <-ctx.Done():
		return 0, fmt.Errorf("search: build the index anew: %w", ctx.Err())
	}
}

// rebuild builds the index anew if somebody has asked for that.
func (x *Index) rebuild(ctx context.Context) error {
	x.mu.Lock()
	asked := x.anew
	x.anew = nil
	x.mu.Unlock()
	if len(asked) == 0 {
		return nil
	}
	err := x.build(ctx, "somebody asked for it")
	for _, built := range asked {
		built <- err
	}
	return err
}

// announce wakes those who wait for the index to move. It is called with mu held.
func (x *Index) announce() {
	close(x.moved)
	x.moved = make(chan struct{})
}

// serving returns the shelf that searches read.
func (x *Index) serving() (*shelf, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.closed:
		return nil, fmt.Errorf("search: the index has been closed: %w", kg.ErrClosed)
	case x.shelf == nil:
		return nil, &kg.UnavailableError{Reason: "the search index is being built, which takes minutes for a graph of millions; everything that needs no search is answered"}
	}
	return x.shelf, nil
}

// serve lets searches read the shelf from now on, in place of the one before,
// which is removed.
func (x *Index) serve(s *shelf) {
	x.mu.Lock()
	old := x.shelf
	x.shelf = s
	x.announce()
	x.mu.Unlock()
	if old != nil {
		if err := old.discard(); err != nil {
			x.log.Warn("an old search index is left behind", "folder", old.path, "error", err)
		}
	}
}

// damaged takes a shelf out of service that cannot be read or written, and has it
// replaced.
func (x *Index) damaged(s *shelf, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.shelf != s {
		return
	}
	x.shelf, x.ruined = nil, append(x.ruined, s)
	x.log.Error("the search index is damaged and will be built anew", "error", err)
	x.Notify()
}

// troublePause is how long bleve rests after an error of its background work,
// which it would otherwise try again at once and without end.
const troublePause = time.Second

// trouble is told of errors of a shelf's background work. It is called where that
// work is done.
func (x *Index) trouble(s *shelf, err error) {
	if errors.Is(err, scorch.ErrAsyncPanic) {
		x.damaged(s, err)
		return
	}
	s.complain.Do(func() {
		x.log.Error("the search index cannot be brought to disk; it goes on in memory and is trying again", "error", err)
	})
	time.Sleep(troublePause)
}

// clear removes damaged shelves.
func (x *Index) clear() error {
	x.mu.Lock()
	ruined := x.ruined
	x.ruined = nil
	x.mu.Unlock()
	var errs []error
	for _, s := range ruined {
		errs = append(errs, s.discard())
	}
	return errors.Join(errs...)
}

// follow keeps the index up with the store until the context is done.
func (x *Index) follow(ctx context.Context) {
	defer close(x.done)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	said := ""
	for {
		err := x.keepUp(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, kg.ErrClosed):
			return
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			x.log.Warn("the search index cannot keep up with the store; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-x.wake:
		case <-tick.C:
		}
	}
}

// keepUp brings the index to the newest revision: it opens or builds a shelf if
// there is none to serve, then applies the changes since.
func (x *Index) keepUp(ctx context.Context) error {
	if err := x.clear(); err != nil {
		return err
	}
	if x.current() == nil {
		why, err := x.resume(ctx)
		if err == nil && why != "" {
			err = x.build(ctx, why)
		}
		if err != nil {
			return err
		}
	}
	if err := x.rebuild(ctx); err != nil {
		return err
	}
	for {
		s := x.current()
		if s == nil { // found damaged meanwhile, which has woken the follower
			return nil
		}
		moved, err := x.advance(ctx, s)
		if errors.Is(err, errGap) {
			return x.build(ctx, err.Error())
		}
		if err != nil || !moved {
			return err
		}
	}
}

// current returns the shelf in service, or nil.
func (x *Index) current() *shelf {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shelf
}

// resume puts the shelf that lies on disk into service. If there is none that can
// be used, it removes what there is and says why.
func (x *Index) resume(ctx context.Context) (why string, err error) {
	numbers, err := shelves(x.dir)
	if err != nil {
		return "", err
	}
	why = "there is none"
	for _, n := range numbers {
		if x.current() == nil {
			s, unfit, err := x.open(ctx, shelfPath(x.dir, n))
			if err != nil {
				return "", err
			}
			if s != nil {
				x.serve(s)
				continue
			}
			why = unfit
		}
		if err := os.RemoveAll(shelfPath(x.dir, n)); err != nil {
			return "", err
		}
	}
	if x.current() != nil {
		return "", nil
	}
	return why, nil
}

// open opens a shelf, or says why it is not fit for use.
func (x *Index) open(ctx context.Context, path string) (s *shelf, unfit string, err error) {
	s, err = openShelf(path, x.trouble)
	if errors.Is(err, errInUse) {
		return nil, "", err
	}
	if err != nil {
		return nil, "the one on disk cannot be used: " + err.Error(), nil
	}
	unfit, err = x.compare(ctx, s.state)
	if err != nil || unfit != "" {
		return nil, unfit, errors.Join(err, s.close())
	}
	return s, "", nil
}

// compare says why a state is none that the store has been through, if it is not.
func (x *Index) compare(ctx context.Context, s state) (unfit string, err error) {
	snap, err := x.store.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	newest := snap.Revision()
	if err := snap.Close(); err != nil {
		return "", err
	}
	if s.revision > newest {
		return fmt.Sprintf("the one on disk is at revision %d, the store at %d only", s.revision, newest), nil
	}
	mark, err := x.markAt(ctx, s.revision)
	if err != nil {
		return "", err
	}
	if mark != s.mark {
		return "the one on disk was made from another store", nil
	}
	return "", nil
}

// noMark stands where a change is not in the log, as at revision 0.
const noMark = "-"

// markAt returns the mark of the change that led to a revision.
func (x *Index) markAt(ctx context.Context, revision kg.Revision) (string, error) {
	if revision == 0 {
		return noMark, nil
	}
	for c, err := range x.store.Changes(ctx, revision-1) {
		if err != nil {
			return "", err
		}
		if c.Revision == revision {
			return markOf(c), nil
		}
		break
	}
	return noMark, nil
}

// markOf returns a mark by which a change is known again: two stores that have
// come to the same revision by different ways are told apart.
func markOf(c kg.Change) string {
	h := fnv.New128a()
	number := func(n uint64) { _, _ = h.Write(binary.BigEndian.AppendUint64(nil, n)) }
	number(uint64(c.Revision))
	number(uint64(c.At.UnixNano()))
	for _, t := range c.Touched {
		number(uint64(t.Kind))
		number(uint64(len(t.ID)))
		_, _ = h.Write([]byte(t.ID))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// errGap reports changes that the store no longer remembers.
var errGap = errors.New("the store's change log does not reach back to it")

// advance applies the next changes to the shelf in service, as many as make a
// batch. It reports false if there are none.
func (x *Index) advance(ctx context.Context, s *shelf) (moved bool, err error) {
	to := s.state
	touched := make(map[kg.ID]bool)
	for c, err := range x.store.Changes(ctx, to.revision) {
		if err != nil {
			return false, err
		}
		if c.Revision != to.revision+1 {
			return false, errGap
		}
		for _, t := range c.Touched {
			// A redirect stands where an entity may have stood.
			if t.Kind == kg.RecordEntity || t.Kind == kg.RecordRedirect {
				touched[t.ID] = true
			}
		}
		to = state{c.Revision, markOf(c)}
		if len(touched) >= batchSize {
			break
		}
	}
	if to.revision == s.state.revision {
		return false, nil
	}
	if err := x.transfer(ctx, s, slices.Sorted(maps.Keys(touched)), to); err != nil {
		return false, err
	}
	x.mu.Lock()
	s.state = to
	x.announce()
	x.mu.Unlock()
	return true, nil
}

// transfer writes the newest state of the entities into the shelf. It may be newer
// than the changes it is told of, which come again and then change nothing.
func (x *Index) transfer(ctx context.Context, s *shelf, ids []kg.ID, to state) error {
	snap, err := x.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for {
		n := min(len(ids), batchSize)
		records, err := snap.Get(ctx, ids[:n])
		if err != nil {
			return err
		}
		entities := make(map[kg.ID]*kg.Entity, n)
		for i, r := range records {
			e, _ := r.(*kg.Entity)
			entities[ids[i]] = e
		}
		ids = ids[n:]
		reached := &to
		if len(ids) > 0 {
			reached = nil
		}
		if err := s.put(entities, reached); err != nil {
			x.damaged(s, err)
			return err
		}
		if len(ids) == 0 {
			return nil
		}
	}
}

// build makes a shelf of all entities and puts it into service.
func (x *Index) build(ctx context.Context, why string) error {
	begun := time.Now()
	numbers, err := shelves(x.dir)
	if err != nil {
		return err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[0] + 1
	}
	s, err := newShelf(shelfPath(x.dir, next), x.trouble)
	if err != nil {
		return errors.Join(err, os.RemoveAll(shelfPath(x.dir, next)))
	}
	n, err := x.fill(ctx, s)
	if err != nil {
		return errors.Join(err, s.discard())
	}
	x.serve(s)
	x.log.Info("built the search index", "because", why, "entities", n, "revision", s.state.revision, "took", time.Since(begun))
	return nil
}

// fill writes all entities into an empty shelf and returns their number.
func (x *Index) fill(ctx context.Context, s *shelf) (n int, err error) {
	snap, err := x.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	to := state{revision: snap.Revision()}
	if to.mark, err = x.markAt(ctx, to.revision); err != nil {
		return 0, err
	}
	entities := make(map[kg.ID]*kg.Entity, batchSize)
	for r, err := range snap.Scan(ctx, kg.ScanQuery{Kind: kg.RecordEntity}) {
		if err != nil {
			return 0, err
		}
		if len(entities) == batchSize {
			if err := s.put(entities, nil); err != nil {
				return 0, err
			}
			clear(entities)
		}
		entities[r.RecordID()] = r.(*kg.Entity)
		n++
	}
	if err := s.put(entities, &to); err != nil {
		return 0, err
	}
	s.state = to
	return n, nil
}
