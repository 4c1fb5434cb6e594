package model

import (
	"context"

	"keiretsu/internal/kg"
)

type viewKey struct{}

// WithView returns a context in which fields read from the view.
func WithView(ctx context.Context, v *kg.View) context.Context {
	return context.WithValue(ctx, viewKey{}, v)
}

// ViewFrom returns the view from which the request reads. Every request has
// one: a context without is a broken invariant.
func ViewFrom(ctx context.Context) *kg.View {
	v, ok := ctx.Value(viewKey{}).(*kg.View)
	if !ok {
		panic("graph: a request without a view")
	}
	return v
}
