package ingest

import (
	"context"
	"fmt"
	"io"
	"iter"

	"keiretsu/internal/kg"
)

// This file lets the files of an import, which are an issue of a data set, go on from
// what the graph says that the data set has said, for formats with a Format.Follow.

// recall finds what the files go on from.
func (l *loading) recall(ctx context.Context) error {
	if l.Dataset == "" || l.Format.Follow == nil {
		return nil
	}
	if l.Graph != nil {
		if len(l.Resume) > 0 {
			l.since = l.Resume[0].Since
		} else {
			newest, err := l.Graph.Revision(ctx)
			if err != nil {
				return fmt.Errorf("ingest: look up what the graph holds: %w", err)
			}
			l.since = newest
		}
	}
	follow, err := l.Format.Follow(l.inputs(ctx), l.said(ctx))
	l.follow = follow
	return err
}

// said yields the claims that stood before the import, and those that had been taken
// back for another reason than that their data set says so no longer.
func (l *loading) said(ctx context.Context) iter.Seq2[*kg.Claim, error] {
	return func(yield func(*kg.Claim, error) bool) {
		if l.Graph == nil || l.since == 0 {
			return
		}
		held, err := l.Graph.Held(ctx)
		if err != nil {
			yield(nil, fmt.Errorf("ingest: count what the graph holds: %w", err))
			return
		}
		seen := int64(0)
		for c, err := range l.Graph.Claims(ctx, []kg.Aspect{{Part: kg.PartItself}, {Part: kg.PartFrom}, {Part: kg.PartSubject}}) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, fmt.Errorf("ingest: read what the data set has said: %w", err))
				return
			}
			if seen++; l.Progress != nil && seen%sweepTold == 0 {
				l.Progress(Progress{Phase: Recalling, Records: seen, Of: held})
			}
			gone := c.Retracted != nil && c.Retracted.Reason == Outdated && c.Retracted.Revision <= l.since
			if c.Revision <= l.since && !gone && !yield(c, nil) {
				return
			}
		}
	}
}

// inputs yields the files, each to be read before the next.
func (l *loading) inputs(ctx context.Context) iter.Seq2[Input, error] {
	return func(yield func(Input, error) bool) {
		for _, file := range l.Files {
			r, err := file.Open(ctx)
			if err != nil {
				yield(Input{}, err)
				return
			}
			goesOn := yield(Input{file.Name, l.Dataset, &leaving{ctx, r}}, nil)
			if err := r.Close(); err != nil && goesOn {
				yield(Input{}, err)
				return
			}
			if !goesOn {
				return
			}
		}
	}
}

// leaving is a file that ends with the context.
type leaving struct {
	ctx context.Context //nolint:containedctx // a reader of a file has no other way to be told
	io.Reader
}

func (r *leaving) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
