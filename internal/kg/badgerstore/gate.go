package badgerstore

import (
	"context"
	"sync"

	"keiretsu/internal/kg"
)

// gate counts the calls inside, so that closing can wait for them. It is not a
// sync.RWMutex: there a call from inside another would wait for a Close that
// waits for the outer one. Here it is turned away.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup
}

// enter returns ErrClosed or the context's error, or lets the caller in, who
// then leaves by inside.Done.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return kg.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	g.inside.Add(1)
	return nil
}

// close lets nobody in any more and waits until all have left. A second call
// returns ErrClosed.
func (g *gate) close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return kg.ErrClosed
	}
	g.closed = true
	g.mu.Unlock()
	g.inside.Wait()
	return nil
}
