package model

import (
	"context"
	"sync"

	"keiretsu/internal/kg"
)

type readingKey struct{}

// reading is the view from which a request reads at present.
type reading struct {
	open func(context.Context) (*kg.View, error)

	mu   sync.Mutex
	view *kg.View
}

// WithView returns a context in which fields read from the view.
func WithView(ctx context.Context, v *kg.View) context.Context {
	return context.WithValue(ctx, readingKey{}, &reading{view: v})
}

// WithViews is WithView for a request that may write: it opens a view, and
// another one after every write. The function it returns closes the last.
func WithViews(ctx context.Context, open func(context.Context) (*kg.View, error)) (context.Context, func() error, error) {
	v, err := open(ctx)
	if err != nil {
		return nil, nil, err
	}
	r := &reading{open: open, view: v}
	return context.WithValue(ctx, readingKey{}, r), func() error { return r.current().Close() }, nil
}

func readingFrom(ctx context.Context) *reading {
	r, ok := ctx.Value(readingKey{}).(*reading)
	if !ok {
		panic("graph: a request without a view")
	}
	return r
}

func (r *reading) current() *kg.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// ViewFrom returns the view from which the request reads. Every request has
// one: a context without is a broken invariant.
func ViewFrom(ctx context.Context) *kg.View { return readingFrom(ctx).current() }

// Renew lets the request read what has been written by now. Nothing that was
// handed out before is to be asked for more.
func Renew(ctx context.Context) error {
	r := readingFrom(ctx)
	v, err := r.open(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	old := r.view
	r.view = v
	r.mu.Unlock()
	return old.Close()
}
