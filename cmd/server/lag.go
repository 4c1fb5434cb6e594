package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/search"
)

// readyFlags say when the server counts as ready.
type readyFlags struct {
	ReadyLag time.Duration `default:"1m" placeholder:"DURATION" help:"For how long the search index may be behind the store before /readyz says 503, so that others answer meanwhile; 0 is for ever. Default ${default}, environment KEIRETSU_READY_LAG."`
}

// Validate checks the flags before anything is opened.
func (f *readyFlags) Validate() error {
	if f.ReadyLag < 0 {
		return errors.New("--ready-lag must not be less than 0")
	}
	return nil
}

// lag measures for how long the search index has been behind the store. It goes
// by this machine's ticks and not by the times in the change log, which follow a
// clock that people set.
type lag struct {
	now func() time.Time

	mu sync.Mutex
	// seen is the first time at which the store was seen at a revision that the
	// index has not come to yet; zero where it has.
	seen     time.Time
	revision kg.Revision
}

func newLag() *lag { return &lag{now: time.Now} }

// look takes note of where store and index are, and returns for how long the
// index has been behind at least: no longer than there has been looking.
func (l *lag) look(store, index kg.Revision) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.seen.IsZero() && index >= l.revision {
		l.seen = time.Time{}
	}
	if index >= store {
		return 0
	}
	if l.seen.IsZero() {
		l.seen, l.revision = now, store
	}
	return now.Sub(l.seen)
}

// readiness returns what /readyz asks: whether the store answers, and the index
// is not too far behind.
func readiness(store *badgerstore.Store, index *search.Index, l *lag, most time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := store.Ping(ctx); err != nil {
			return err
		}
		snap, err := store.Snapshot(ctx)
		if err != nil {
			return err
		}
		revision := snap.Revision()
		if err := snap.Close(); err != nil {
			return err
		}
		at := index.Revision()
		if behind := l.look(revision, at); most > 0 && behind > most {
			return fmt.Errorf("the search index is at revision %d and the store at %d, behind for %s: %w", at, revision, behind.Round(time.Second), kg.ErrUnavailable)
		}
		return nil
	}
}
