package kg

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"
	"weak"
)

// ChangeFilter says which changes a follower is told of. Its zero value passes
// all of them.
type ChangeFilter struct {
	// Of keeps what is about one of these entities, see Touch.About, or about
	// what is the same: of those that are when the follower comes, and of those
	// that are judged to be later. They need not exist yet, or any more.
	Of []ID
	// Kinds keeps what was done to records of these kinds.
	Kinds []RecordKind
}

// sieve is a ChangeFilter made ready for use.
type sieve struct {
	of    map[ID]bool
	kinds kindSet
}

// kindSet is a set of record kinds, one bit each.
type kindSet uint16

const everyKind = ^kindSet(0)

func (f ChangeFilter) sieve() sieve {
	s := sieve{kinds: everyKind}
	if len(f.Of) > 0 {
		s.of = make(map[ID]bool, len(f.Of))
		for _, id := range f.Of {
			s.of[id] = true
		}
	}
	if len(f.Kinds) > 0 {
		s.kinds = 0
		for _, k := range f.Kinds {
			s.kinds |= 1 << k
		}
	}
	return s
}

// joins lists the ids of which a change tells that they name one thing, or have
// named one until then, a list for each.
func joins(c *Change) [][]ID {
	var joined [][]ID
	for i := range c.Touched {
		if t := &c.Touched[i]; (t.Kind == RecordEntity || t.Kind == RecordRedirect) && len(t.About) > 1 {
			joined = append(joined, t.About)
		}
	}
	return joined
}

// widened returns the sieve that keeps as well what is about those that are the
// same by now as one of whom it keeps everything.
func (s sieve) widened(joined [][]ID) sieve {
	if s.of == nil {
		return s
	}
	own := false // whether of is a copy: others may read it
	for again := true; again; {
		again = false
		for _, ids := range joined {
			if !slices.ContainsFunc(ids, func(id ID) bool { return s.of[id] }) {
				continue
			}
			for _, id := range ids {
				if s.of[id] {
					continue
				}
				if !own {
					s.of, own = maps.Clone(s.of), true
				}
				s.of[id], again = true, true
			}
		}
	}
	return s
}

func (s sieve) passes(t *Touch) bool {
	if s.kinds&(1<<t.Kind) == 0 {
		return false
	}
	if s.of == nil {
		return true
	}
	for _, id := range t.About {
		if s.of[id] {
			return true
		}
	}
	return false
}

// any reports whether something of the change is left.
func (s sieve) any(c *Change) bool {
	for i := range c.Touched {
		if s.passes(&c.Touched[i]) {
			return true
		}
	}
	return false
}

// left returns the change with what is left of it.
func (s sieve) left(c *Change) Change {
	out := *c
	if s.of == nil && s.kinds == everyKind {
		return out
	}
	out.Touched = nil
	for i := range c.Touched {
		if s.passes(&c.Touched[i]) {
			out.Touched = append(out.Touched, c.Touched[i])
		}
	}
	return out
}

// digest is what a change touches, for asking many sieves whether something is
// left: what that takes depends on the sieve, not on the change.
type digest struct {
	kinds  kindSet
	about  map[ID]kindSet
	joined [][]ID
}

func digestOf(c *Change) digest {
	d := digest{about: make(map[ID]kindSet), joined: joins(c)}
	for i := range c.Touched {
		t := &c.Touched[i]
		d.kinds |= 1 << t.Kind
		for _, id := range t.About {
			d.about[id] |= 1 << t.Kind
		}
	}
	return d
}

// passes is sieve.any of the change.
func (d digest) passes(s sieve) bool {
	if s.of == nil {
		return d.kinds&s.kinds != 0
	}
	for id := range s.of {
		if d.about[id]&s.kinds != 0 {
			return true
		}
	}
	return false
}

const (
	// maxWaiting bounds the changes that are kept for one follower. One that
	// does not take them reads the change log itself when it comes back.
	maxWaiting = 64
	// A reading of the change log ends after so many changes, or touches, so
	// that it neither lasts nor holds much.
	maxPieceChanges = 4096
	maxPieceTouches = 4096
)

// feed tells followers of changes. Those that have caught up are told by one
// reader of the change log, and share what it has read; the others read the log
// themselves, piece by piece, until they have caught up.
type feed struct {
	store Store

	// mu guards what follows, and the state of every follower. No call of the
	// store is made under it.
	mu sync.Mutex
	// live are the followers that have caught up. There is a teller while there
	// are any.
	live    []*Follower
	telling bool
	// told is up to where the teller has read.
	told Revision
	// news holds a word for the teller when there may be something to read.
	news chan struct{}

	// shared are the changes that somebody holds, so that nobody reads them again.
	sharing sync.Mutex
	shared  map[Revision]weak.Pointer[Change]
}

func newFeed(store Store) *feed {
	return &feed{store: store, news: make(chan struct{}, 1), shared: make(map[Revision]weak.Pointer[Change])}
}

// Follower is told of the changes of a graph, in order, each once and none left
// out, from some revision on. Between two calls it costs a few hundred bytes and
// no goroutine. One goroutine at a time may take from it; Close may come from
// another.
type Follower struct {
	feed  *feed
	sieve sieve
	wake  func()

	// at is the place in feed.live; -1 for one that has not caught up.
	at     int
	closed bool
	// waiting are changes of which something passes, oldest first. Everything up
	// to seen is among them, was taken, or does not pass.
	waiting []*Change
	seen    Revision
}

// Follow tells of what happened after a revision, and of what happens from then
// on; after nil, of what happens from now on. Only what would survive a power cut
// is told. A revision that has not been reached yet is refused. The follower must
// be closed.
//
// wake is called whenever there may be something to take after Take has found
// nothing. It must return at once and must not call the follower. What it leads to
// must not rely on the number of its calls.
func (g *Graph) Follow(ctx context.Context, after *Revision, filter ChangeFilter, wake func()) (*Follower, error) {
	snap, err := g.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	newest := snap.Revision()
	joined, err := known(ctx, snap, filter.Of)
	if err := errors.Join(err, snap.Close()); err != nil {
		return nil, err
	}
	f := &Follower{feed: g.feed, sieve: filter.sieve().widened(joined), wake: wake, at: -1, seen: newest}
	if after != nil {
		if *after > newest {
			return nil, Invalidf("since", "revision %d has not been reached yet; the newest is %d", *after, newest)
		}
		f.seen = *after
	}
	return f, nil
}

// Changes yields what a follower is told, and waits for more: until the loop is
// left or ctx is done, of which the error is yielded last.
func (g *Graph) Changes(ctx context.Context, after *Revision, filter ChangeFilter) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		more := make(chan struct{}, 1)
		f, err := g.Follow(ctx, after, filter, func() {
			select {
			case more <- struct{}{}:
			default:
			}
		})
		if err != nil {
			yield(Change{}, err)
			return
		}
		defer f.Close()
		for {
			c, ok, err := f.Take(ctx)
			switch {
			case err != nil:
				yield(Change{}, err)
				return
			case ok:
				if !yield(c, nil) {
					return
				}
				continue
			}
			select {
			case <-more:
			case <-ctx.Done():
				yield(Change{}, ctx.Err())
				return
			}
		}
	}
}

// Close ends the follower. It may be called more than once.
func (f *Follower) Close() {
	f.feed.mu.Lock()
	defer f.feed.mu.Unlock()
	f.closed, f.waiting = true, nil
	f.feed.leave(f)
}

// Take returns the next change with what the filter leaves of it, which is not to
// be changed. It reports false where there is none at present; wake is called when
// that may be different. After an error the follower stands where it stood, and
// Take may be called again.
func (f *Follower) Take(ctx context.Context) (c Change, ok bool, err error) {
	for {
		next, s, seen, caughtUp, err := f.next()
		if err != nil {
			return Change{}, false, err
		}
		if next != nil {
			return s.left(next), true, nil
		}
		if caughtUp {
			return Change{}, false, nil
		}
		found, s, reached, err := f.feed.read(ctx, seen, s)
		if err != nil {
			return Change{}, false, err
		}
		f.catchUp(found, s, seen, reached)
	}
}

// next takes the first change that waits, or tells up to where nothing does and
// whether the teller takes over from there; and what is kept of changes.
func (f *Follower) next() (c *Change, s sieve, seen Revision, caughtUp bool, err error) {
	f.feed.mu.Lock()
	defer f.feed.mu.Unlock()
	if f.closed {
		return nil, sieve{}, 0, false, fmt.Errorf("follow changes: the follower has been closed: %w", ErrClosed)
	}
	if len(f.waiting) > 0 {
		c = f.waiting[0]
		f.waiting[0] = nil // the array stays
		if f.waiting = f.waiting[1:]; len(f.waiting) == 0 {
			f.waiting = nil
		}
	}
	return c, f.sieve, f.seen, f.at >= 0, nil
}

// catchUp notes what was read of the log. Where that was nothing, the teller is
// told to take over.
func (f *Follower) catchUp(found []*Change, s sieve, from, reached Revision) {
	d := f.feed
	d.mu.Lock()
	defer d.mu.Unlock()
	f.waiting, f.sieve, f.seen = found, s, reached
	if f.closed {
		f.waiting = nil
		return
	}
	if reached == from && (!d.telling || f.seen >= d.told) {
		d.join(f)
	}
}

// join lets the teller tell the follower of everything after what it has seen.
// The caller holds mu.
func (d *feed) join(f *Follower) {
	f.at = len(d.live)
	d.live = append(d.live, f)
	if d.telling {
		return
	}
	d.telling, d.told = true, f.seen
	d.notify() // for what has happened since the follower looked
	go d.tell()
}

// leave takes the follower away from the teller. The caller holds mu.
func (d *feed) leave(f *Follower) {
	if f.at < 0 {
		return
	}
	last := len(d.live) - 1
	d.live[f.at] = d.live[last]
	d.live[f.at].at = f.at
	d.live[last] = nil
	d.live, f.at = d.live[:last], -1
	if last == 0 {
		d.live = nil
		d.notify()
	}
}

// notify says that there may be something to tell. It returns at once.
func (d *feed) notify() {
	select {
	case d.news <- struct{}{}:
	default:
	}
}

// tell reads the change log as it grows, for everyone who has caught up, and ends
// when there is nobody left.
func (d *feed) tell() {
	for range d.news {
		// An error is found again, and told, by the followers: they are sent to
		// read the log themselves.
		if err := d.tellNews(); err != nil {
			d.dismiss()
		}
		d.mu.Lock()
		done := len(d.live) == 0
		if done {
			d.telling = false
		}
		d.mu.Unlock()
		if done {
			return
		}
	}
}

// tellNews tells what has happened since the last time.
func (d *feed) tellNews() error {
	for {
		d.mu.Lock()
		told, alone := d.told, len(d.live) == 0
		d.mu.Unlock()
		if alone {
			return nil
		}
		reached := told
		for c, err := range d.store.Changes(context.Background(), told) {
			if err != nil {
				return err
			}
			reached = c.Revision
			d.deliver(d.share(&c))
		}
		if reached == told {
			return nil
		}
	}
}

// deliver gives a change to everyone who has caught up.
func (d *feed) deliver(c *Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = c.Revision
	touched := digestOf(c)
	for i := len(d.live) - 1; i >= 0; i-- { // backwards, since a follower may leave
		f := d.live[i]
		if c.Revision > f.seen {
			f.sieve = f.sieve.widened(touched.joined)
		}
		switch {
		case c.Revision <= f.seen:
		case !touched.passes(f.sieve):
			f.seen = c.Revision
		case len(f.waiting) == maxWaiting:
			d.leave(f) // and reads the change again
		default:
			f.seen = c.Revision
			f.waiting = append(f.waiting, c)
			if len(f.waiting) == 1 {
				f.wake()
			}
		}
	}
}

// dismiss lets everyone read the log themselves.
func (d *feed) dismiss() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.live) > 0 {
		f := d.live[len(d.live)-1]
		d.leave(f)
		f.wake()
	}
}

// read returns the changes after a revision of which something passes, oldest
// first, and up to which revision it has looked: as far as the log goes, or a
// piece of it. The sieve that it returns is for what comes after.
func (d *feed) read(ctx context.Context, after Revision, s sieve) (found []*Change, next sieve, reached Revision, err error) {
	reached = after
	touches := 0
	take := func(c *Change) (more bool) {
		reached = c.Revision
		s = s.widened(joins(c))
		if s.any(c) {
			found = append(found, c)
			touches += len(c.Touched)
		}
		return len(found) < maxWaiting && touches < maxPieceTouches && reached-after < maxPieceChanges
	}
	for c := d.held(reached + 1); c != nil; c = d.held(reached + 1) {
		if !take(c) {
			return found, s, reached, nil
		}
	}
	for c, err := range d.store.Changes(ctx, reached) {
		if err != nil {
			return nil, s, after, err
		}
		if !take(d.share(&c)) {
			break
		}
	}
	return found, s, reached, nil
}

// known returns all ids of the entities that some ids name, a list for each.
func known(ctx context.Context, snap Snapshot, ids []ID) ([][]ID, error) {
	var joined [][]ID
	for range 2 { // from an id to the entity, and from there to its other ids
		if len(ids) == 0 {
			break
		}
		records, err := snap.Get(ctx, ids)
		if err != nil {
			return nil, err
		}
		var next []ID
		for i, r := range records {
			if to, ok := mergedInto(r); ok {
				joined, next = append(joined, []ID{ids[i], to}), append(next, to)
			}
			if e, ok := r.(*Entity); ok && len(e.Merged) > 0 {
				joined = append(joined, append([]ID{e.ID}, e.Merged...))
			}
		}
		ids = next
	}
	return joined, nil
}

// held returns the change that made the revision if somebody holds it, else nil.
func (d *feed) held(revision Revision) *Change {
	d.sharing.Lock()
	defer d.sharing.Unlock()
	return d.shared[revision].Value()
}

// share returns the one copy of a change that all followers use. A change never
// becomes another.
func (d *feed) share(c *Change) *Change {
	d.sharing.Lock()
	defer d.sharing.Unlock()
	if there := d.shared[c.Revision].Value(); there != nil {
		return there
	}
	d.shared[c.Revision] = weak.Make(c)
	runtime.AddCleanup(c, d.forget, c.Revision)
	return c
}

// forget removes what nobody holds any more.
func (d *feed) forget(revision Revision) {
	d.sharing.Lock()
	defer d.sharing.Unlock()
	if d.shared[revision].Value() == nil {
		delete(d.shared, revision)
	}
}
