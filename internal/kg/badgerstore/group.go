package badgerstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// group is the batches that one forcing of the disk makes durable: those that
// were staged while the group before was on its way.
type group struct {
	// newest is the last of its commits.
	newest  moment
	commits uint64
	// done is closed when it is known whether they are durable, and err says
	// why they may not be.
	done chan struct{}
	err  error
}

// durable is the group of a store in which nothing is staged.
func durable() *group {
	g := &group{done: make(chan struct{})}
	close(g.done)
	return g
}

// wait returns what became of the group, or the context's error.
func (g *group) wait(ctx context.Context) error {
	select {
	case <-g.done:
		return g.err
	default:
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Apply commits the batch.
func (s *Store) Apply(ctx context.Context, b *kg.Batch) (kg.Revision, error) {
	revision, wait, err := s.Stage(ctx, b)
	if err == nil {
		err = wait(ctx)
	}
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// Stage takes the batch, to be forced to the disk together with its neighbours.
func (s *Store) Stage(ctx context.Context, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
	operation := fmt.Sprintf("apply batch of %d", len(b.Put)+len(b.Delete))
	if err := s.gate.enter(ctx); err != nil {
		return 0, nil, wrap(operation, err)
	}
	defer s.gate.inside.Done()
	if err := b.Check(); err != nil {
		return 0, nil, wrap(operation, err)
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return 0, nil, wrap(operation, ctx.Err())
	}
	revision, g, err := s.stage(ctx, b)
	if err != nil {
		return 0, nil, wrap(operation, err)
	}
	return revision, func(ctx context.Context) error { return wrap(operation, g.wait(ctx)) }, nil
}

// stage writes the batch behind all that is staged and returns the group with
// which it becomes durable. The caller holds the right to write.
func (s *Store) stage(ctx context.Context, b *kg.Batch) (kg.Revision, *group, error) {
	s.mu.Lock()
	staged, last, broken := s.staged, s.last, s.broken
	s.mu.Unlock()
	if broken != nil {
		return 0, nil, fmt.Errorf("%w: %w", errBroken, broken)
	}
	// Only a writer moves staged, and this is the writer.
	r := s.reader(ctx, staged, &s.work)
	defer r.close()
	w := &writer{reader: r, counts: maps.Clone(s.counts)}
	for i, record := range b.Put {
		if err := w.put(record, len(b.Fresh) > 0 && b.Fresh[i]); err != nil {
			return 0, nil, err
		}
	}
	for _, id := range b.Delete {
		if err := w.delete(id); err != nil {
			return 0, nil, err
		}
	}
	if len(w.touched) == 0 {
		return staged.revision, last, nil
	}
	next := moment{staged.revision + 1, staged.timestamp + 1}
	slices.SortFunc(w.touched, func(a, b kg.Touch) int { return strings.Compare(string(a.ID), string(b.ID)) })
	w.finish(head{next.revision, w.counts}, &kg.Change{Revision: next.revision, At: b.At, By: b.By, Touched: w.touched})
	if err := checkSizes(w.rows); err != nil {
		return 0, nil, err
	}
	bytes := sizeOf(w.rows)
	if s.leaveTree(w.rows) {
		bytes += uint64(s.db.Opts().ValueLogFileSize)
	}
	if err := s.space.check(bytes); err != nil {
		return 0, nil, err
	}
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	if err := s.write(w.rows, next.timestamp); err != nil {
		// It is not known what a restart will find of it, and whatever came
		// next would be mixed with it.
		return 0, nil, s.fail(err)
	}
	s.counts = w.counts
	return next.revision, s.take(next), nil
}

// take adds a commit to the group that is forced to the disk next.
func (s *Store) take(commit moment) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staged = commit
	if s.pending == nil {
		s.pending = &group{done: make(chan struct{})}
		s.last = s.pending
		s.wake <- struct{}{}
	}
	s.pending.newest = commit
	s.pending.commits++
	return s.pending
}

// errBroken is told of every write after one has failed.
var errBroken = &kg.UnavailableError{Reason: "a write has failed, so nothing more is written until the server is started again; reading goes on"}

// fail ends writing until the store is opened again.
func (s *Store) fail(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = cause
	}
	return fmt.Errorf("%w: %w", errBroken, cause)
}

// startForcing lets staged groups be made durable, one after the other.
func (s *Store) startForcing() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var failed error
		for range s.wake {
			s.mu.Lock()
			g := s.pending
			s.pending = nil
			s.mu.Unlock()
			// What follows a group that may be lost may not outlive it.
			if failed == nil {
				failed = s.force(g)
			}
			g.err = failed
			close(g.done)
		}
	}()
	s.stopForcing = func() {
		close(s.wake)
		<-done
	}
}

// force makes a group durable, notes that it is, and lets readers see it.
func (s *Store) force(g *group) error {
	began := time.Now()
	err := s.beforeForce()
	if err == nil {
		err = s.logs.force()
	}
	if err == nil {
		err = s.mark.acknowledge(g.newest.timestamp)
	}
	if err != nil {
		return s.fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = g.newest
	s.commits += g.commits
	s.groups++
	s.forcing = time.Since(began)
	s.discard()
	return nil
}

// Activity is what a store has done since it was opened.
type Activity struct {
	// Commits counts the batches that changed something and are durable, Groups
	// the times that one or more of them were made so together.
	Commits, Groups uint64
	// Syncs counts the files forced to the disk; a group takes two at least.
	Syncs uint64
	// LastSync is how long the last group took.
	LastSync time.Duration
}

// Activity returns what the store has done since it was opened.
func (s *Store) Activity() Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Activity{
		Commits: s.commits, Groups: s.groups,
		Syncs: s.logs.forced.Load() + s.mark.synced.Load(), LastSync: s.forcing,
	}
}
