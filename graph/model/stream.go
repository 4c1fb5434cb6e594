package model

import (
	"context"

	"keiretsu/internal/kg"
)

// Subscribing is what the transport and the resolver of a subscription agree on.
//
// GraphQL divides a subscription in two: its arguments are read once and give a
// stream of events, and then its selection is executed anew for each event, like
// a query. Here both are executions of the operation. The first, in a context of
// WithSubscribing, opens the stream and yields nothing; each of the others, in a
// context of WithEvent, yields that event. Between two events nothing runs and
// nothing is held but the stream.
type Subscribing struct {
	// Resume, if set, takes the place of the argument that says where to begin:
	// the client has been told of everything up to there.
	Resume *kg.Revision
	// Wake is called when there may be something to take after Stream has had
	// nothing; see kg.Graph.Follow.
	Wake func()
	// Stream is opened by the execution; nil where that failed. Whoever gave the
	// context closes it.
	Stream Stream
}

// Stream yields the events of a subscription.
type Stream interface {
	// Next returns the next event, nil where there is none at present.
	Next(ctx context.Context) (*StreamEvent, error)
	// Close ends the stream. It may be called while Next runs.
	Close()
}

// StreamEvent is something to tell a subscriber.
type StreamEvent struct {
	// Value is what the root field of the subscription yields.
	Value any
	// Revision is where to resume after the event; 0 where it is not a place to
	// resume from.
	Revision kg.Revision
}

type (
	subscribingKey struct{}
	eventKey       struct{}
)

// WithSubscribing returns a context in which a subscription opens its stream.
func WithSubscribing(ctx context.Context, s *Subscribing) context.Context {
	return context.WithValue(ctx, subscribingKey{}, s)
}

// WithEvent returns a context in which a subscription yields the event.
func WithEvent(ctx context.Context, e *StreamEvent) context.Context {
	return context.WithValue(ctx, eventKey{}, e)
}

// Subscribe is what a resolver of a subscription returns: the event of the
// context, or nothing, having opened the stream. A context with neither is a
// broken invariant.
func Subscribe[T any](ctx context.Context, open func(*Subscribing) (Stream, error)) (<-chan T, error) {
	events := make(chan T, 1)
	defer close(events)
	if e, ok := ctx.Value(eventKey{}).(*StreamEvent); ok {
		events <- e.Value.(T)
		return events, nil
	}
	s, ok := ctx.Value(subscribingKey{}).(*Subscribing)
	if !ok {
		panic("graph: a subscription without a transport for it")
	}
	stream, err := open(s)
	s.Stream = stream
	return events, err
}
