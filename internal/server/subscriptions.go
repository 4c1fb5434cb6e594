package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"keiretsu/graph/model"
	"keiretsu/internal/kg"
)

// Subscriptions bounds what those who subscribe may hold. A field left zero
// takes the value of [DefaultSubscriptions].
type Subscriptions struct {
	// InitTimeout is how long a WebSocket may stay silent before its first
	// message.
	InitTimeout time.Duration
	// MessageBytes is the longest message that a WebSocket may send.
	MessageBytes int64
	// Heartbeat is how often a line is tested, and the token shown on it looked
	// at again. A WebSocket that does not answer within PongTimeout is cut.
	Heartbeat, PongTimeout time.Duration
	// Patience is how long the server waits for a subscriber to read before it
	// drops it: for one update, and for one that had caught up also in all until
	// it has caught up again.
	Patience time.Duration
	// InAll, Client and Line are how many subscriptions there may be: in all, of
	// one client, known by its token or else by its address, and on one
	// WebSocket, where it counts queries and mutations under way as well. Zero
	// Client means 1,000 for clients on other machines and no bound for this one;
	// a negative number bounds nobody.
	InAll, Client, Line int
}

// DefaultSubscriptions returns the bounds in force where nothing else is said.
func DefaultSubscriptions() Subscriptions {
	return Subscriptions{
		InitTimeout:  3 * time.Second,
		MessageBytes: 64 << 10,
		Heartbeat:    20 * time.Second,
		PongTimeout:  10 * time.Second,
		Patience:     5 * time.Second,
		InAll:        20_000,
		Line:         100,
	}
}

// defaultClientSubscriptions bounds clients on other machines where nothing is
// said.
const defaultClientSubscriptions = 1000

func (s Subscriptions) withDefaults() Subscriptions {
	d := DefaultSubscriptions()
	s.InitTimeout = cmp.Or(s.InitTimeout, d.InitTimeout)
	s.MessageBytes = cmp.Or(s.MessageBytes, d.MessageBytes)
	s.Heartbeat = cmp.Or(s.Heartbeat, d.Heartbeat)
	s.PongTimeout = cmp.Or(s.PongTimeout, d.PongTimeout)
	s.Patience = cmp.Or(s.Patience, d.Patience)
	s.InAll = cmp.Or(s.InAll, d.InAll)
	s.Line = cmp.Or(s.Line, d.Line)
	return s
}

// errGoingAway is what becomes of those who come when the server stops.
var errGoingAway = refuse(codeUnavailable, "the server is stopping; connect again in a moment, and resume")

// closingGrace is how long a line that is being closed may take to bring its last
// words across.
const closingGrace = 5 * time.Second

// hub runs the subscriptions of a server. One that waits for news holds its
// place in a stream and no goroutine; those for which there is news queue, and a
// few workers execute their operations, one update at a time, each in its turn.
type hub struct {
	transport
	bounds  Subscriptions
	keeper  *gatekeeper
	clients *clients
	trusted []netip.Prefix
	log     *slog.Logger
	// principal names who asks, as Config.Principal does.
	principal func(context.Context) string
	// most is how many updates are worked out at a time.
	most int

	mu      sync.Mutex
	first   *subscription // the queue
	last    *subscription
	working int
	open    int
	from    map[string]int
	sockets map[*socket]struct{}
	peak    int // the most sockets since memory was given back
	// draining is closed, and stopping set, when the server stops; running are the
	// goroutines that it waits for.
	draining chan struct{}
	stopping bool
	running  sync.WaitGroup
}

func newHub(s *Server, t transport, bounds Subscriptions, keeper *gatekeeper) *hub {
	return &hub{
		transport: t, bounds: bounds.withDefaults(), keeper: keeper, clients: s.clients, trusted: s.traffic.TrustedProxies,
		log: s.log, principal: s.principal, most: max(2, runtime.GOMAXPROCS(0)),
		from: make(map[string]int), sockets: make(map[*socket]struct{}), draining: make(chan struct{}),
	}
}

// audience is whom a subscription tells. Its methods are called by one worker at
// a time, and not after the subscription has been closed and has settled.
type audience interface {
	// update brings an update across and returns how long it had to wait for
	// that. Where this is more than the patience it ends the line itself. resume
	// is 0 where the update is not one to resume from. An error means that the
	// line is gone.
	update(r *graphql.Response, resume kg.Revision, patience time.Duration) (waited time.Duration, err error)
	// failed tells why there will be no further updates.
	failed(r *graphql.Response)
}

// subscription is one operation that yields updates.
type subscription struct {
	hub    *hub
	ctx    context.Context // ends with it
	cancel context.CancelFunc
	exec   graphql.GraphExecutor
	op     *graphql.OperationContext
	stream model.Stream
	to     audience
	client string

	// The hub's mu guards these.
	state   state
	again   bool          // there has been news since a worker took it
	next    *subscription // in the queue
	settled chan struct{} // closed when no worker has it any more

	// The worker that has it owns these.
	live    bool // it has caught up before
	waited  time.Duration
	updates int
}

type state uint8

const (
	resting state = iota
	queued
	worked
	closed
)

// subscribe opens the subscription op for the audience. ctx ends with the line;
// resume, if set, takes the place of the argument that says where to begin. Where
// it cannot be opened the response says why.
func (h *hub) subscribe(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, resume *kg.Revision, from netip.Addr, to audience) (*subscription, *graphql.Response) {
	refused := func(err *gqlerror.Error) *graphql.Response {
		return exec.DispatchError(graphql.WithOperationContext(ctx, op), gqlerror.List{err})
	}
	if cost := costOf(op); cost > h.largeCost {
		return nil, refused(refuse(codeTooComplex, "an update may hold about %d values, more than the %d allowed for one that is sent to everyone who asks; ask for fewer fields, and for the rest in a query", cost, h.largeCost))
	}
	if fields := graphql.CollectFields(op, op.Operation.SelectionSet, nil); len(fields) != 1 {
		return nil, refused(refuse(errcode.ValidationFailed, "a subscription has exactly one field, not %d", len(fields)))
	}
	client, reason := h.admit(from, h.principal(ctx))
	if reason != "" {
		h.metrics.refused(reason)
		if reason == "draining" {
			return nil, refused(errGoingAway)
		}
		return nil, refused(refuse(codeRateLimited, "there are too many subscriptions at present; end some, or come back later"))
	}
	s := &subscription{hub: h, exec: exec, op: op, to: to, client: client}
	s.ctx, s.cancel = context.WithCancel(ctx)
	// All who sent the same document share one copy of it.
	op.RawQuery = op.Operation.Position.Src.Input
	opening := &model.Subscribing{Resume: resume, Wake: s.wake}
	response := h.opened(model.WithSubscribing(s.ctx, opening), exec, op)
	if response == nil && opening.Stream == nil {
		response = refused(gqlerror.Wrap(errors.New("server: a subscription opened no stream")))
	}
	if response != nil {
		s.cancel()
		h.dismiss(client)
		return nil, response
	}
	s.stream = opening.Stream
	return s, nil
}

// opened executes a subscription for its stream.
func (h *hub) opened(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext) (response *graphql.Response) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	defer h.rescue(ctx, &response)
	responses, ctx := exec.DispatchOperation(ctx, op)
	return responses(ctx)
}

// rescue turns a panic into a response.
func (h *hub) rescue(ctx context.Context, response **graphql.Response) {
	if p := recover(); p != nil {
		*response = &graphql.Response{Errors: gqlerror.List{h.presenter.present(ctx, h.presenter.recovered(ctx, p))}}
	}
}

// admit counts a subscription in, or says why not.
func (h *hub) admit(from netip.Addr, principal string) (client, reason string) {
	client = clientKey(from, principal)
	most := h.bounds.Client
	if most == 0 && from.IsLoopback() {
		most = -1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.stopping:
		return "", "draining"
	case h.open >= h.bounds.InAll:
		return "", "subscriptions"
	case most >= 0 && h.from[client] >= cmp.Or(most, defaultClientSubscriptions):
		return "", "client_subscriptions"
	}
	h.open++
	h.from[client]++
	h.metrics.subscriptions.Inc()
	return client, ""
}

// dismiss counts a subscription out.
func (h *hub) dismiss(client string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.metrics.subscriptions.Dec()
	h.open--
	if h.from[client]--; h.from[client] == 0 {
		delete(h.from, client)
	}
}

// start lets the subscription be worked on.
func (s *subscription) start() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.state == resting {
		s.hub.enqueue(s)
	}
}

// wake says that there may be something to tell. It returns at once.
func (s *subscription) wake() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	switch s.state {
	case resting:
		s.hub.enqueue(s)
	case worked:
		s.again = true
	}
}

// enqueue lets a worker take the subscription in its turn. The caller holds mu.
func (h *hub) enqueue(s *subscription) {
	s.state, s.again, s.next = queued, false, nil
	if h.last == nil {
		h.first = s
	} else {
		h.last.next = s
	}
	h.last = s
	h.hire()
}

// hire finds the queue a worker. The caller holds mu.
func (h *hub) hire() {
	if h.first != nil && h.working < h.most && !h.stopping {
		h.working++
		h.running.Go(h.work)
	}
}

// work tells subscribers of what there is, until there is nothing.
func (h *hub) work() {
	for {
		s := h.take()
		if s == nil || !h.tell(s) {
			return
		}
	}
}

// take returns the first subscription of the queue; nil sends the worker home.
func (h *hub) take() *subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.first != nil {
		s := h.first
		if h.first = s.next; h.first == nil {
			h.last = nil
		}
		s.next = nil
		if s.state == queued { // not closed meanwhile
			s.state = worked
			return s
		}
	}
	h.working--
	return nil
}

// trifle is what a write may take without the subscriber being at fault: the
// server has other things to do.
const trifle = 20 * time.Millisecond

// handOver is how long a worker may wait for a subscriber to read before somebody
// takes its place.
const handOver = time.Millisecond

// tell tells a subscription of its next update, or lets it rest. It reports
// whether the caller is still a worker.
func (h *hub) tell(s *subscription) (working bool) {
	response, resume := s.update()
	switch {
	case s.ctx.Err() != nil:
		h.settle(s)
		return true
	case response == nil:
		s.live, s.waited = true, 0
		h.rest(s)
		return true
	}
	replaced := time.AfterFunc(handOver, h.stepAside)
	if response.Data == nil {
		// What cannot be told leaves a gap, and nobody is told what comes after
		// it as if there were none.
		s.to.failed(response)
		s.cancel()
	} else {
		patience := h.bounds.Patience
		if s.live {
			patience -= s.waited
		}
		waited, err := s.to.update(response, resume, patience)
		if waited > trifle {
			s.waited += waited
		}
		s.updates++
		h.metrics.updates.Inc()
		if err != nil {
			s.cancel()
		}
	}
	working = replaced.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !working && h.working < h.most {
		h.working++
		working = true
	}
	if s.ctx.Err() != nil {
		h.settled(s)
	} else {
		h.enqueue(s)
	}
	return working
}

// stepAside lets another worker take the place of one that waits.
func (h *hub) stepAside() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.working--
	h.hire()
}

// rest lets a subscription wait for news.
func (h *hub) rest(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case s.state == closed:
		h.settled(s)
	case s.again:
		h.enqueue(s)
	default:
		s.state = resting
	}
}

// settle notes that nobody works on a subscription that has ended.
func (h *hub) settle(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settled(s)
}

// settled is settle for a caller that holds mu.
func (h *hub) settled(s *subscription) {
	s.state = closed
	if s.settled != nil {
		close(s.settled)
		s.settled = nil
	}
}

// update executes the subscription for its next event. The response is nil where
// there is none at present.
func (s *subscription) update() (response *graphql.Response, resume kg.Revision) {
	h := s.hub
	ctx, cancel := context.WithTimeout(s.ctx, h.timeout)
	defer cancel()
	defer h.rescue(ctx, &response)
	event, err := s.stream.Next(ctx)
	if err != nil {
		return s.exec.DispatchError(graphql.WithOperationContext(ctx, s.op), gqlerror.List{gqlerror.Wrap(err)}), 0
	}
	if event == nil {
		return nil, 0
	}
	return h.execute(model.WithEvent(ctx, event), s.exec, s.op), event.Revision
}

// close ends the subscription and returns when its audience is told nothing any
// more. It is called once, by whoever opened it and not by its audience.
func (s *subscription) close() {
	s.cancel()
	s.stream.Close()
	s.hub.dismiss(s.client)
	s.hub.mu.Lock()
	var settled chan struct{}
	if s.state == worked {
		settled = make(chan struct{})
		s.settled = settled
	}
	s.state = closed
	s.hub.mu.Unlock()
	if settled != nil {
		<-settled
	}
}

// drain ends all lines, and returns nil once nothing runs any more. Queries and
// mutations under way have half the time to finish.
func (h *hub) drain(within time.Duration) error {
	h.mu.Lock()
	h.stopping = true
	close(h.draining)
	lines := make([]*socket, 0, len(h.sockets))
	for s := range h.sockets {
		lines = append(lines, s)
	}
	h.mu.Unlock()
	for _, s := range lines {
		h.running.Go(func() { s.goAway(within / 2) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(within):
		return errors.New("server: stop: subscribers are still being told of updates")
	}
}
