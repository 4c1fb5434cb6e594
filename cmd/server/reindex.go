package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keiretsu/internal/control"
	"keiretsu/internal/search"
)

// reindex is the command that builds the search index anew.
type reindex struct{}

// Help goes on where the first line of help ends.
func (c *reindex) Help() string {
	return `Nothing but search depends on the index, and it is built anew by itself where it
is missing or damaged. In a running server the old one answers until the new one
is complete.`
}

// Run builds it.
func (c *reindex) Run(ctx context.Context, m *Main, f *folder) error {
	return f.administer(ctx, m, func(ctx context.Context, admin control.Admin) error {
		done, err := admin.Reindex(ctx)
		if err != nil {
			return err
		}
		took := time.Duration(done.Seconds * float64(time.Second)).Round(time.Millisecond)
		_, err = fmt.Fprintf(m.Stdout, "%s: search index built anew up to revision %d in %s\n", f.Data, done.Revision, took)
		return err
	})
}

// Reindex builds the index anew: the one that is in service or, where there is
// none, the one on the disk.
func (a *administration) Reindex(ctx context.Context) (done control.Reindexed, err error) {
	index := a.index
	if index == nil {
		if index, err = search.Open(ctx, search.Options{Dir: a.folder.search(), Store: a.store, Logger: a.log}); err != nil {
			return control.Reindexed{}, err
		}
		defer func() { err = errors.Join(err, index.Close()) }()
	}
	began := time.Now()
	revision, err := index.Rebuild(ctx)
	if err != nil {
		return control.Reindexed{}, err
	}
	return control.Reindexed{Revision: uint64(revision), Seconds: time.Since(began).Seconds()}, nil
}
