package server

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

// Traffic bounds what clients may do to a server before it looks at what they
// ask. A field left zero takes the value of [DefaultTraffic].
type Traffic struct {
	// Timeout is the time for one GraphQL request, from the end of its header to
	// its complete answer. Its code is TIMEOUT.
	Timeout time.Duration
	// HeaderTimeout is the time to send the header of a request, BodyTimeout the
	// time to send header and body. A connection that takes longer is closed.
	HeaderTimeout, BodyTimeout time.Duration
	// ReadingTimeout is the time that a client has for reading an answer, beyond
	// Timeout. A connection that takes longer is closed.
	ReadingTimeout time.Duration
	// IdleTimeout is how long a connection may wait for its next request.
	IdleTimeout time.Duration
	// HeaderBytes is the largest header of a request.
	HeaderBytes int

	// InFlight is how many GraphQL requests are worked on at a time. Queued more
	// wait for up to QueueTimeout; the rest is answered UNAVAILABLE, to be sent
	// again.
	InFlight, Queued int
	QueueTimeout     time.Duration
	// LargeCost is the estimated cost above which a request is a large one.
	// LargeInFlight is how many of those are worked on at a time, with a queue of
	// their own, so that they leave room for the small ones; zero means as many
	// as there are processors.
	LargeCost, LargeInFlight int

	// Exports is how many exports are made at a time; more are UNAVAILABLE at
	// once. ExportTimeout is the time that one may take.
	Exports       int
	ExportTimeout time.Duration

	// ClientRate is how many requests a second one client may send in the long
	// run, and ClientBurst how many at once; more are answered RATE_LIMITED. Zero
	// means 100 and 200 for clients on other machines, and no bound for this one;
	// a negative rate bounds nobody.
	ClientRate  float64
	ClientBurst int

	// Connections is how many connections are open at a time, ClientConnections
	// how many of them from one address. More are closed as soon as they are
	// accepted. Zero ClientConnections means 200 for clients on other machines,
	// and no bound for this one; a negative number bounds nobody.
	Connections, ClientConnections int

	// TrustedProxies are the networks whose word on who the client is, the
	// header X-Forwarded-For, is taken. None is trusted by default.
	TrustedProxies []netip.Prefix
}

// DefaultTraffic returns the bounds in force where nothing else is said.
func DefaultTraffic() Traffic {
	return Traffic{
		Timeout:        10 * time.Second,
		HeaderTimeout:  5 * time.Second,
		BodyTimeout:    10 * time.Second,
		ReadingTimeout: 5 * time.Second,
		IdleTimeout:    60 * time.Second,
		HeaderBytes:    16 << 10,
		InFlight:       32,
		Queued:         256,
		QueueTimeout:   5 * time.Second,
		LargeCost:      5_000,
		LargeInFlight:  runtime.GOMAXPROCS(0),
		Exports:        2,
		ExportTimeout:  time.Hour,
		Connections:    20_000,
	}
}

func (t Traffic) withDefaults() Traffic {
	d := DefaultTraffic()
	t.Timeout = cmp.Or(t.Timeout, d.Timeout)
	t.HeaderTimeout = cmp.Or(t.HeaderTimeout, d.HeaderTimeout)
	t.BodyTimeout = cmp.Or(t.BodyTimeout, d.BodyTimeout)
	t.ReadingTimeout = cmp.Or(t.ReadingTimeout, d.ReadingTimeout)
	t.IdleTimeout = cmp.Or(t.IdleTimeout, d.IdleTimeout)
	t.HeaderBytes = cmp.Or(t.HeaderBytes, d.HeaderBytes)
	t.InFlight = cmp.Or(t.InFlight, d.InFlight)
	t.Queued = cmp.Or(t.Queued, d.Queued)
	t.QueueTimeout = cmp.Or(t.QueueTimeout, d.QueueTimeout)
	t.LargeCost = cmp.Or(t.LargeCost, d.LargeCost)
	t.LargeInFlight = cmp.Or(t.LargeInFlight, d.LargeInFlight)
	t.Exports = cmp.Or(t.Exports, d.Exports)
	t.ExportTimeout = cmp.Or(t.ExportTimeout, d.ExportTimeout)
	t.Connections = cmp.Or(t.Connections, d.Connections)
	return t
}

// gate lets a bounded number of requests through at a time and a bounded number
// wait. A flood then costs a refusal each, and no goroutine that waits for long.
type gate struct {
	slots    chan struct{}
	waiting  atomic.Int64
	most     int64
	patience time.Duration
}

func newGate(places int, t Traffic) *gate {
	return &gate{slots: make(chan struct{}, places), most: int64(t.Queued), patience: t.QueueTimeout}
}

// enter waits for a place, which the caller gives back with leave. It reports
// false where there is none to be had in time.
func (g *gate) enter(ctx context.Context) (leave func(), ok bool) {
	select {
	case g.slots <- struct{}{}:
		return g.leave, true
	default:
	}
	if g.waiting.Add(1) > g.most {
		g.waiting.Add(-1)
		return nil, false
	}
	defer g.waiting.Add(-1)
	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return g.leave, true
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, false
}

func (g *gate) leave() { <-g.slots }

// retryAfter tells a client when to come again, in whole seconds.
func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second))))
}
