package model

import (
	"context"
	"sync"

	"keiretsu/internal/kg"
)

type authorKey struct{}

// WithAuthor returns a context in which writes are by that author, such as
// "token:ann".
func WithAuthor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, authorKey{}, name)
}

// AuthorFrom returns who writes in the context; empty if nobody is named.
func AuthorFrom(ctx context.Context) string {
	name, _ := ctx.Value(authorKey{}).(string)
	return name
}

// Ledger adds up what the mutations of one operation did, for whoever keeps a
// record of it. It is safe for concurrent use; a nil Ledger takes and holds
// nothing.
type Ledger struct {
	mu  sync.Mutex
	sum Sum
}

// Sum is what several writes did together; the counts are those of kg.Applied.
type Sum struct {
	// Revision is the newest one that a write made, or that it had made when it
	// was sent before.
	Revision kg.Revision
	// Replayed counts the writes that had been done before.
	Replayed                          int
	Recorded, Known, Retracted        int
	Entities, Relations, Observations int
}

type ledgerKey struct{}

// WithLedger returns a context whose writes are added up.
func WithLedger(ctx context.Context) (context.Context, *Ledger) {
	l := &Ledger{}
	return context.WithValue(ctx, ledgerKey{}, l), l
}

// LedgerFrom returns the ledger of the context, nil if it has none.
func LedgerFrom(ctx context.Context) *Ledger {
	l, _ := ctx.Value(ledgerKey{}).(*Ledger)
	return l
}

// Add counts what a write did.
func (l *Ledger) Add(a kg.Applied) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Revision = max(l.sum.Revision, a.Revision)
	l.sum.Recorded += a.Recorded
	l.sum.Known += a.Known
	l.sum.Retracted += a.Retracted
	l.sum.Entities += a.Entities
	l.sum.Relations += a.Relations
	l.sum.Observations += a.Observations
	if a.Replayed {
		l.sum.Replayed++
	}
}

// Sum returns what was done so far.
func (l *Ledger) Sum() Sum {
	if l == nil {
		return Sum{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum
}
