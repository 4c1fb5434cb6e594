package kg

import (
	"context"
	"iter"
	"time"
)

// Stream makes many writes, one after the other, without waiting for the disk
// between them: what loads whole files goes several times as fast through it.
// It is used by one goroutine; others write to the graph meanwhile as always.
type Stream struct {
	graph *Graph
	// wait waits for the newest write, nil where there is none.
	wait func(context.Context) error
	// unwritten is what the stream knows of the graph, nil where it was not
	// prepared.
	unwritten *unwritten
}

// Stream returns a stream of writes to the graph. It is closed after its last.
func (g *Graph) Stream() *Stream { return &Stream{graph: g} }

// worthReading is how many records are read in the time that one write of a claim
// saves when it is known what the graph does not hold.
const worthReading = 8

// Prepare is told that about so many claims will be written. Where that is much
// against what the graph holds, the stream takes down in at most 64 MiB what that is, for
// which it reads the graph once, and from then on asks the store for nothing that
// cannot be there. Others read and write meanwhile.
func (s *Stream) Prepare(ctx context.Context, claims int64) error {
	snap, u, err := s.takeNotes(ctx, claims)
	if u == nil || err != nil {
		return err
	}
	defer snap.Close()
	s.unwritten = u
	for _, kind := range RecordKinds() {
		if err := u.read(ctx, snap, kind); err != nil {
			return err
		}
	}
	u.complete.Store(true)
	return nil
}

// takeNotes lets everything be noted that is written from now on, and returns a
// snapshot of what has been before: nothing where that is not worth reading.
func (s *Stream) takeNotes(ctx context.Context, claims int64) (Snapshot, *unwritten, error) {
	s.graph.writing.Lock()
	defer s.graph.writing.Unlock()
	snap, err := s.graph.draft(ctx)
	if err != nil {
		return nil, nil, err
	}
	stats, err := snap.Stats(ctx)
	held := int64(0)
	for _, n := range stats {
		held += n
	}
	if err != nil || held > claims*worthReading {
		snap.Close()
		return nil, nil, err
	}
	u := newUnwritten(held + claims)
	s.graph.unwritten.Store(u)
	return snap, u, nil
}

// Close lets go of what the stream remembers. What was written stays.
func (s *Stream) Close() {
	if s.unwritten != nil {
		s.graph.unwritten.CompareAndSwap(s.unwritten, nil)
	}
	s.unwritten = nil
}

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

// Bearers returns for every identifier the entities that bear it as the writes of
// the stream leave them, in id order: aligned with the identifiers, of which
// Scheme and Value alone are looked at.
func (s *Stream) Bearers(ctx context.Context, identifiers []Identifier) ([][]ID, error) {
	if len(identifiers) == 0 {
		return nil, nil
	}
	snap, err := s.graph.draft(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	keys := make([]FindKey, len(identifiers))
	for i, x := range identifiers {
		keys[i].Scheme, keys[i].Value = IdentifierKey(x.Scheme, x.Value)
	}
	found, err := snap.Find(ctx, keys)
	if err != nil {
		return nil, err
	}
	bearers := make([][]ID, len(found))
	for i, matches := range found {
		for _, m := range matches {
			bearers[i] = append(bearers[i], m.ID)
		}
	}
	return bearers, nil
}

// Judgements returns the claims that say of one of the ids that it is, or is not,
// the same as another, taken back or not, as the writes of the stream leave them.
func (s *Stream) Judgements(ctx context.Context, ids []ID) ([]*Claim, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	snap, err := s.graph.draft(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	var claims []*Claim
	for m, err := range snap.ClaimsAbout(ctx, ClaimQuery{Of: ids, As: []Aspect{{Part: PartJudged}}}) {
		if err != nil {
			return nil, err
		}
		claims = append(claims, m.Claim)
	}
	return claims, nil
}

// Revision returns the number of the newest change, 0 where there is none.
func (s *Stream) Revision(ctx context.Context) (Revision, error) {
	snap, err := s.graph.draft(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	return snap.Revision(), nil
}

// Held counts the claims as the writes of the stream leave them.
func (s *Stream) Held(ctx context.Context) (int64, error) {
	snap, err := s.graph.draft(ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	stats, err := snap.Stats(ctx)
	return stats[RecordClaim], err
}

// Claims yields every claim, as the writes of the stream leave them at the time of
// the call, that speaks of an entity in one of the aspects, taken back or not: those
// of one family together and in id order.
func (s *Stream) Claims(ctx context.Context, as []Aspect) iter.Seq2[*Claim, error] {
	return func(yield func(*Claim, error) bool) {
		snap, err := s.graph.draft(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer snap.Close()
		for m, err := range snap.ClaimsAbout(ctx, ClaimQuery{All: true, As: as}) {
			if !yield(m.Claim, err) || err != nil {
				return
			}
		}
	}
}

// Clock returns the moments between which Write.At of the next write must lie: that
// of the newest change, zero where there is none, and now.
func (s *Stream) Clock(ctx context.Context) (newest, now time.Time, err error) {
	s.graph.writing.Lock()
	defer s.graph.writing.Unlock()
	snap, err := s.graph.draft(ctx)
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	defer snap.Close()
	now, err = s.graph.clock(ctx, snap.Revision())
	return s.graph.last, now, err
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
