package kg

import "context"

// Stream makes many writes, one after the other, without waiting for the disk
// between them: what loads whole files goes several times as fast through it.
// It is used by one goroutine; others write to the graph meanwhile as always.
type Stream struct {
	graph *Graph
	// wait waits for the newest write, nil where there is none.
	wait func(context.Context) error
}

// Stream returns a stream of writes to the graph.
func (g *Graph) Stream() *Stream { return &Stream{graph: g} }

// Apply is Graph.Apply, but returns before the write would survive a power cut.
// A crash takes back the newest writes of a stream, never one without those
// behind it. Readers see the write a moment later.
func (s *Stream) Apply(ctx context.Context, w Write) (Applied, error) {
	applied, wait, err := s.graph.stage(ctx, w)
	if err != nil {
		return Applied{}, err
	}
	s.wait = wait
	return applied, nil
}

// Records returns the records with these ids as the writes of the stream leave
// them, aligned with the ids: nil where there is none.
func (s *Stream) Records(ctx context.Context, ids []ID) ([]Record, error) {
	snap, err := s.graph.draft(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	return snap.Get(ctx, ids)
}

// Sync returns once everything that was written would survive a power cut.
func (s *Stream) Sync(ctx context.Context) error {
	if s.wait == nil {
		return nil
	}
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.wait = nil
	s.graph.feed.notify()
	return nil
}
