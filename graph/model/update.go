package model

import (
	"context"
	"sync"
	"time"

	"keiretsu/internal/kg"
)

// MaxTouched bounds the things in one update, and with it what one event can
// cost. A change of more is told in several.
const MaxTouched = 100

// Update is a part of a change.
type Update struct {
	change  *kg.Change
	touched []kg.Touch
	// Complete reports that it is the last part.
	Complete bool

	reading sync.Once
	things  []any
	err     error
}

// Revision returns the number of the change.
func (u *Update) Revision() int { return int(u.change.Revision) }

// At returns when it was made.
func (u *Update) At() time.Time { return u.change.At }

// By returns who made it, or nil.
func (u *Update) By() *string { return optional(u.change.By) }

// Touched returns what was changed.
func (u *Update) Touched() []*Touched {
	list := make([]*Touched, len(u.touched))
	for i := range u.touched {
		list[i] = &Touched{Touch: &u.touched[i], update: u, at: i}
	}
	return list
}

// thing returns the i-th of the things, read together with all others.
func (u *Update) thing(ctx context.Context, i int) (any, error) {
	u.reading.Do(func() {
		ids := make([]kg.ID, len(u.touched))
		for i, t := range u.touched {
			ids[i] = t.ID
		}
		u.things, u.err = ViewFrom(ctx).Things(ctx, ids)
	})
	if u.err != nil {
		return nil, u.err
	}
	return u.things[i], nil
}

// Touched is a thing that was changed.
type Touched struct {
	*kg.Touch
	update *Update
	at     int
}

// Node returns the thing as the request sees it, or nil.
func (t *Touched) Node(ctx context.Context) (Node, error) {
	thing, err := t.update.thing(ctx, t.at)
	return NodeOf(thing), err
}

// Updates is the stream of the subscription to changes.
type Updates struct {
	follower *kg.Follower
	// rest is what is still to be told of the change.
	change kg.Change
	rest   []kg.Touch
}

// UpdatesOf tells what a follower is told, in parts.
func UpdatesOf(f *kg.Follower) *Updates { return &Updates{follower: f} }

// Next returns the next part.
func (u *Updates) Next(ctx context.Context) (*StreamEvent, error) {
	if len(u.rest) == 0 {
		c, ok, err := u.follower.Take(ctx)
		if err != nil || !ok {
			return nil, err
		}
		u.change, u.rest = c, c.Touched
	}
	n := min(len(u.rest), MaxTouched)
	change := u.change
	update := &Update{change: &change, touched: u.rest[:n:n], Complete: n == len(u.rest)}
	e := &StreamEvent{Value: update}
	u.rest = u.rest[n:]
	if update.Complete {
		e.Revision = change.Revision
		u.change, u.rest = kg.Change{}, nil // so that nothing is held meanwhile
	}
	return e, nil
}

// Close ends the stream.
func (u *Updates) Close() { u.follower.Close() }
