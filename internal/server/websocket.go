package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"keiretsu/internal/auth"
	"keiretsu/internal/kg"
)

// The subprotocols: the one of today (github.com/enisdenjo/graphql-ws), and that
// of subscriptions-transport-ws, which older clients speak.
const (
	protocolToday  = "graphql-transport-ws"
	protocolLegacy = "graphql-ws"
)

// The codes with which a WebSocket is closed. docs/subscriptions.md tells clients
// what they mean and what to do; up to 4499 they are those of
// graphql-transport-ws, except closeTooSlow, which is ours.
const (
	closeGoingAway    = websocket.StatusGoingAway
	closeBadMessage   = websocket.StatusCode(4400)
	closeUnauthorized = websocket.StatusCode(4401)
	closeForbidden    = websocket.StatusCode(4403)
	closeNoProtocol   = websocket.StatusCode(4406)
	closeInitTimeout  = websocket.StatusCode(4408)
	closeDuplicate    = websocket.StatusCode(4409)
	closeInitTwice    = websocket.StatusCode(4429)
	closeTooSlow      = websocket.StatusCode(4490)
)

// maxOperationID bounds the ids that clients choose for their operations, in
// bytes.
const maxOperationID = 128

// webSockets is GraphQL over WebSocket.
type webSockets struct {
	*hub
	pages *origins
}

var _ graphql.Transport = webSockets{}

// Supports implements graphql.Transport.
func (webSockets) Supports(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// Do shakes hands and lets the socket live on its own: what belongs to the
// request ends with it.
func (t webSockets) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	s := &socket{
		hub: t.hub, exec: exec, opened: time.Now(), from: clientAddr(r, t.trusted), request: requestFrom(r.Context()),
		authorization: r.Header.Get("Authorization"), mayShow: t.pages.trusts(r), ops: make(map[string]*socketOperation),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if !t.enter() {
		s.cancel()
		t.reject(r.Context(), w, &problem{http.StatusServiceUnavailable, codeUnavailable, errGoingAway.Message})
		return
	}
	up := &upgrade{ResponseWriter: w}
	var err error
	s.conn, err = websocket.Accept(up, r, &websocket.AcceptOptions{
		Subprotocols:       []string{protocolToday, protocolLegacy},
		InsecureSkipVerify: true, // the origin has been looked at
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil { // the client has been told
		s.cancel()
		t.running.Done()
		requestFrom(r.Context()).code = codeBadUserInput
		return
	}
	requestFrom(r.Context()).code = "OK"
	s.net, s.legacy = up.conn, s.conn.Subprotocol() == protocolLegacy
	s.conn.SetReadLimit(t.bounds.MessageBytes)
	t.entered(s)
	go s.serve()
}

// enter lets the server wait for a socket that is about to be. It reports false
// where the server is stopping.
func (h *hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return false
	}
	h.running.Add(1)
	return true
}

// entered counts a socket in.
func (h *hub) entered(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sockets[s] = struct{}{}
	h.peak = max(h.peak, len(h.sockets))
	h.metrics.sockets.Inc()
	if h.stopping { // since it came
		h.running.Go(func() { s.goAway(0) })
	}
}

// left counts a socket out.
func (h *hub) left(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sockets, s)
	h.metrics.sockets.Dec()
	if h.peak >= crowd && len(h.sockets) <= h.peak/8 && !h.stopping {
		h.peak = len(h.sockets)
		h.running.Go(debug.FreeOSMemory)
	}
	h.running.Done()
}

// crowd is how many sockets take so much memory that it is worth a collection of
// garbage to give it back to the system when they have gone. Left to itself the
// runtime takes minutes for that.
const crowd = 1000

const (
	// socketBuffer is the size of the buffers of a socket, in bytes: enough for a
	// frame of the protocol, and little for ten thousand that wait.
	socketBuffer = 512
	// kernelBuffer bounds what the kernel keeps of what a client has not read.
	kernelBuffer = 64 << 10
)

// upgrade is a ResponseWriter whose connection gets buffers of its own.
type upgrade struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	u.conn = conn
	for c := conn; ; {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(kernelBuffer) // else the default bounds it
		}
		wrapped, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = wrapped.NetConn()
	}
	sent, err := buffers.Peek(buffers.Reader.Buffered())
	if err != nil {
		return nil, nil, err
	}
	early := bytes.Clone(sent)
	reader := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(socketBuffer, len(early)))
	if _, err := reader.Peek(len(early)); err != nil {
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(conn, socketBuffer)), nil
}

// socket is one WebSocket.
type socket struct {
	hub     *hub
	exec    graphql.GraphExecutor
	conn    *websocket.Conn
	net     net.Conn
	ctx     context.Context // ends with it
	cancel  context.CancelFunc
	opened  time.Time
	from    netip.Addr
	request *request
	legacy  bool
	mayShow bool

	mu            sync.Mutex
	authorization string
	ready         bool // it has been acknowledged
	going         bool // no further operations are taken
	timer         *time.Timer
	ops           map[string]*socketOperation
	begun         int
	code          websocket.StatusCode // with which we have closed it, 0 if we have not
}

// message is one of the protocol. The legacy one has other names for its types.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// serve reads what the client sends until the socket ends, and then ends
// everything on it.
func (s *socket) serve() {
	defer s.hub.left(s)
	err := s.read()
	s.cancel()
	s.mu.Lock()
	s.going, s.ready = true, false
	if s.timer != nil {
		s.timer.Stop()
	}
	code, ops := s.code, s.ops
	s.ops = nil
	s.mu.Unlock()
	_ = s.conn.CloseNow() // where we have closed it, this waits for that
	for _, op := range ops {
		op.end()
	}
	if code == 0 {
		code = websocket.CloseStatus(err)
	}
	s.hub.log.LogAttrs(context.Background(), slog.LevelInfo, "socket",
		slog.Int("code", int(code)),
		slog.Int("operations", s.begun),
		slog.Float64("ms", float64(time.Since(s.opened).Microseconds())/1000),
		slog.String("requestId", s.request.id))
}

func (s *socket) read() error {
	if s.conn.Subprotocol() == "" {
		s.close(closeNoProtocol, "ask for the subprotocol "+protocolToday, closingGrace)
		return nil
	}
	s.mu.Lock()
	s.timer = time.AfterFunc(s.hub.bounds.InitTimeout, func() {
		s.close(closeInitTimeout, "the first message, connection_init, has not come in time", closingGrace)
	})
	s.mu.Unlock()
	for {
		kind, text, err := s.conn.Read(context.Background())
		if err != nil {
			return err
		}
		var m message
		if kind != websocket.MessageText || decode(text, &m) != nil || len(m.ID) > maxOperationID {
			s.close(closeBadMessage, "not a message of the protocol", closingGrace)
			return nil
		}
		if !s.handle(m) {
			return nil
		}
	}
}

// handle does what a message says. It reports false where the socket has been
// closed for it.
func (s *socket) handle(m message) bool {
	kind := m.Type
	if s.legacy {
		switch kind {
		case "start":
			kind = "subscribe"
		case "stop":
			kind = "complete"
		case "connection_terminate":
			s.close(websocket.StatusNormalClosure, "", closingGrace)
			return false
		}
	}
	switch kind {
	case "connection_init":
		return s.init(m.Payload)
	case "ping":
		s.send(message{Type: "pong", Payload: m.Payload})
	case "pong":
	case "subscribe":
		return s.subscribe(m)
	case "complete":
		if op := s.take(m.ID, nil); op != nil {
			op.end()
		}
	default:
		s.close(closeBadMessage, "not a message of the protocol", closingGrace)
		return false
	}
	return true
}

// init acknowledges the socket if who shows the token may come in. Browsers
// cannot send a header with the handshake, so the token stands in the payload.
func (s *socket) init(payload json.RawMessage) bool {
	var params map[string]any
	if len(payload) > 0 && decode(payload, &params) != nil {
		s.close(closeBadMessage, "the payload of connection_init must be an object", closingGrace)
		return false
	}
	shown := s.authorization
	for name, value := range params {
		if !strings.EqualFold(name, "Authorization") {
			continue
		}
		text, ok := value.(string)
		if !ok {
			s.close(closeBadMessage, "Authorization must be a text", closingGrace)
			return false
		}
		shown = text
	}
	err := s.hub.keeper.still(s.requestContext(""), shown)
	if err == nil && shown != "" && !s.mayShow {
		err = &auth.Refusal{Class: auth.ErrForbidden, Message: "pages of this origin may not show a token here"}
	}
	if err != nil {
		s.turnOut(err)
		return false
	}
	s.mu.Lock()
	if s.ready {
		s.mu.Unlock()
		s.close(closeInitTwice, "connection_init has come before", closingGrace)
		return false
	}
	s.ready, s.authorization = true, shown
	s.timer.Stop()
	if s.code == 0 {
		s.timer = time.AfterFunc(s.untilBeat(), s.beat)
	}
	s.mu.Unlock()
	s.send(message{Type: "connection_ack"})
	if s.legacy {
		s.send(message{Type: "ka"})
	}
	return true
}

// turnOut closes the socket to someone who may not use it, or not any more.
func (s *socket) turnOut(err error) {
	shown := s.hub.presenter.present(s.ctx, err)
	reason, _ := shown.Extensions["code"].(string)
	code := closeForbidden
	if reason == codeUnauthenticated {
		code = closeUnauthorized
	}
	if s.legacy {
		payload, _ := json.Marshal(map[string]any{"message": shown.Message, "extensions": shown.Extensions})
		s.send(message{Type: "connection_error", Payload: payload})
	}
	s.hub.keeper.refused(s.requestContext(""), reason, "", nil)
	s.close(code, shown.Message, closingGrace)
}

// untilBeat spreads the beats of many sockets.
func (s *socket) untilBeat() time.Duration {
	whole := s.hub.bounds.Heartbeat
	return whole - rand.N(whole/4+1) //nolint:gosec // Nobody gains by guessing it.
}

// beat finds out whether somebody is still there and still may be.
func (s *socket) beat() {
	s.mu.Lock()
	shown := s.authorization
	s.mu.Unlock()
	if err := s.hub.keeper.still(s.requestContext(""), shown); err != nil {
		s.hub.metrics.dropped.WithLabelValues("access").Inc()
		s.turnOut(err)
		return
	}
	if s.legacy {
		s.send(message{Type: "ka"})
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.hub.bounds.PongTimeout)
	defer cancel()
	if err := s.conn.Ping(ctx); err != nil {
		if s.ctx.Err() == nil {
			s.hub.metrics.dropped.WithLabelValues("silent").Inc()
			s.hub.log.LogAttrs(s.ctx, slog.LevelInfo, "socket does not answer", slog.String("requestId", s.request.id))
		}
		_ = s.net.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready && s.code == 0 {
		s.timer.Reset(s.untilBeat())
	}
}

// requestContext returns a context for an operation, as if it had been sent by
// itself.
func (s *socket) requestContext(suffix string) context.Context {
	return graphql.StartOperationTrace(s.request.follow(s.ctx, suffix))
}

// maxReason is how long the reason of a close may be, in bytes (RFC 6455).
const maxReason = 123

// close ends the socket with a code, once. The client has the grace to read what
// is on its way, and to answer.
func (s *socket) close(code websocket.StatusCode, reason string, grace time.Duration) {
	s.mu.Lock()
	if s.code != 0 {
		s.mu.Unlock()
		return
	}
	s.code, s.going = code, true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	for len(reason) > maxReason {
		reason = shorten(reason, len([]rune(reason))-1)
	}
	cut := time.AfterFunc(grace, func() { _ = s.net.Close() })
	defer cut.Stop()
	_ = s.conn.Close(code, reason) // the client may be gone already
}

// send sends a message. Where that takes too long the socket is closed.
func (s *socket) send(m message) {
	if text, err := json.Marshal(m); err == nil {
		_, _ = s.write(text, s.hub.bounds.Patience) // a client that left is no error of ours
	}
}

// write sends a text and returns how long that took.
func (s *socket) write(text []byte, patience time.Duration) (waited time.Duration, err error) {
	began := time.Now()
	slow := time.AfterFunc(patience, s.drop)
	err = s.conn.Write(context.Background(), websocket.MessageText, text)
	if !slow.Stop() && err == nil {
		err = errTooSlow
	}
	return time.Since(began), err
}

// drop closes the socket of a client that does not read. What is on its way, and
// then the code, still reach one that reads again in time.
func (s *socket) drop() {
	s.hub.metrics.dropped.WithLabelValues("slow").Inc()
	s.close(closeTooSlow, errTooSlow.Message, closingGrace)
}

// goAway closes the socket since the server stops, when the queries and mutations
// on it have finished or the time is over.
func (s *socket) goAway(within time.Duration) {
	s.mu.Lock()
	s.going = true
	var finishing []*socketOperation
	for _, op := range s.ops {
		if !op.subscription {
			finishing = append(finishing, op)
		}
	}
	s.mu.Unlock()
	late := time.After(within)
	for _, op := range finishing {
		select {
		case <-op.done:
		case <-late:
		}
	}
	s.close(closeGoingAway, errGoingAway.Message, goingGrace)
}

// goingGrace is how long a client may take to answer that the server stops.
const goingGrace = 2 * time.Second

// socketOperation is an operation on a socket, from its first message to its
// last. It implements audience.
type socketOperation struct {
	socket *socket
	id     string
	ctx    context.Context // ends with it
	cancel context.CancelFunc
	began  time.Time
	// done is closed when it has been answered, or its subscription was opened.
	done chan struct{}

	// The socket's mu guards this.
	subscription bool

	// sub is set before done is closed.
	sub *subscription
}

// subscribe begins an operation. It reports false where the socket has been
// closed for it.
func (s *socket) subscribe(m message) bool {
	s.mu.Lock()
	switch {
	case !s.ready:
		s.mu.Unlock()
		s.close(closeUnauthorized, "the first message must be connection_init", closingGrace)
		return false
	case m.ID == "":
		s.mu.Unlock()
		s.close(closeBadMessage, "an operation needs an id", closingGrace)
		return false
	case s.ops[m.ID] != nil:
		s.mu.Unlock()
		s.close(closeDuplicate, "there is an operation of this id", closingGrace)
		return false
	}
	refused := error(nil)
	switch {
	case s.going:
		refused = errGoingAway
	case len(s.ops) >= s.hub.bounds.Line:
		s.hub.metrics.refused("line_subscriptions")
		refused = refuse(codeRateLimited, "there are more than the %d operations allowed on one connection; end some, or open another", s.hub.bounds.Line)
	}
	s.begun++
	op := &socketOperation{socket: s, id: m.ID, began: time.Now(), done: make(chan struct{})}
	op.ctx, op.cancel = context.WithCancel(s.requestContext("-" + strconv.Itoa(s.begun)))
	shown := s.authorization
	if refused == nil {
		s.ops[m.ID] = op
		s.hub.running.Add(1)
	}
	s.mu.Unlock()
	if refused != nil {
		op.tellErrors(gqlerror.List{s.hub.presenter.present(op.ctx, refused)})
		op.cancel()
		return true
	}
	// In a goroutine of its own: that of the socket stays small, and can be told
	// meanwhile that nobody wants the answer any more.
	go func() {
		defer s.hub.running.Done()
		op.run(shown, m.Payload)
	}()
	return true
}

// take removes an operation and returns it; nil where it is not there, or not the
// one that is meant.
func (s *socket) take(id string, meant *socketOperation) *socketOperation {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := s.ops[id]
	if op == nil || meant != nil && op != meant {
		return nil
	}
	delete(s.ops, id)
	return op
}

// end ends an operation that has been taken, and returns when nothing of it is
// sent any more.
func (op *socketOperation) end() {
	op.cancel()
	<-op.done
	if op.sub != nil {
		op.sub.close()
		op.log("OK")
	}
}

// run answers the operation, or opens its subscription.
func (op *socketOperation) run(authorization string, payload json.RawMessage) {
	h := op.socket.hub
	ctx, cancel := context.WithTimeout(op.ctx, h.timeout)
	defer cancel()
	done := h.metrics.begin()
	response := op.respond(ctx, authorization, payload)
	req := requestFrom(ctx)
	req.code = "OK"
	if response != nil {
		req.code = codeOf(response.Errors)
	}
	done(req.operation, req.code)
	if response == nil {
		close(op.done)
		op.sub.start()
		return
	}
	if response.Data != nil {
		_, _ = op.update(response, 0, h.bounds.Patience) // a client that left is no error of ours
	}
	// From its last message on the client may use the id again.
	if op.socket.take(op.id, op) != nil {
		if response.Data == nil {
			op.tellErrors(response.Errors)
		} else {
			op.tell("complete", nil)
		}
	}
	close(op.done)
	op.cancel()
	op.log(req.code)
}

// respond makes the response; none where a subscription was opened.
func (op *socketOperation) respond(ctx context.Context, authorization string, payload json.RawMessage) (response *graphql.Response) {
	s := op.socket
	h := s.hub
	defer h.rescue(ctx, &response)
	failed := func(err error) *graphql.Response {
		return &graphql.Response{Errors: gqlerror.List{h.presenter.present(ctx, err)}}
	}
	ctx, err := h.keeper.enter(ctx, authorization)
	if err != nil {
		return failed(err)
	}
	if _, ok := h.clients.allowFrom(s.from, h.principal(ctx)); !ok {
		h.metrics.refused("client_rate")
		return failed(refuse(codeRateLimited, "too many requests from one client; wait a moment"))
	}
	params, wrong := parseBody(payload)
	if wrong == nil && strings.TrimSpace(params.Query) == "" && params.Extensions["persistedQuery"] == nil {
		wrong = badRequest("the parameter query is missing; it holds the GraphQL document")
	}
	if wrong == nil {
		response, wrong = h.answer(ctx, s.exec, params, way{mutations: true, subscribe: func(o *graphql.OperationContext) (refused *graphql.Response) {
			s.mu.Lock()
			op.subscription = true
			s.mu.Unlock()
			lasting := auth.WithPrincipal(op.ctx, auth.PrincipalFrom(ctx))
			op.sub, refused = h.subscribe(lasting, s.exec, o, nil, s.from, op)
			return refused
		}})
	}
	if wrong != nil {
		return failed(refuse(wrong.code, "%s", wrong.message))
	}
	return response
}

// tell sends a message of the operation.
func (op *socketOperation) tell(kind string, payload json.RawMessage) {
	op.socket.send(message{ID: op.id, Type: kind, Payload: payload})
}

// tellErrors tells that the operation has failed, which ends it. The legacy
// protocol has room for one error.
func (op *socketOperation) tellErrors(errs gqlerror.List) {
	text := encodeErrors(errs)
	if op.socket.legacy {
		text = bytes.TrimSuffix(bytes.TrimPrefix(encodeErrors(errs[:1]), []byte("[")), []byte("]"))
	}
	op.tell("error", text)
}

// envelope puts a response into a message. A response is JSON already.
func (op *socketOperation) envelope(response *graphql.Response) []byte {
	kind := "next"
	if op.socket.legacy {
		kind = "data"
	}
	id, _ := json.Marshal(op.id) // a text, which cannot fail
	var out bytes.Buffer
	out.WriteString(`{"id":`)
	out.Write(id)
	out.WriteString(`,"type":"` + kind + `","payload":`)
	out.Write(encode(response))
	out.WriteByte('}')
	return out.Bytes()
}

// update implements audience.
func (op *socketOperation) update(response *graphql.Response, _ kg.Revision, patience time.Duration) (waited time.Duration, err error) {
	return op.socket.write(op.envelope(response), max(patience, 0))
}

// failed implements audience.
func (op *socketOperation) failed(response *graphql.Response) {
	if op.socket.take(op.id, op) == nil {
		return // it is being ended already
	}
	op.tellErrors(response.Errors)
	code := codeOf(response.Errors)
	op.socket.hub.running.Go(func() { // the worker that calls this must not wait for itself
		op.cancel()
		op.sub.close()
		op.log(code)
	})
}

// log writes the line of an operation.
func (op *socketOperation) log(code string) {
	req := requestFrom(op.ctx)
	updates := 0
	if op.sub != nil {
		updates = op.sub.updates
	}
	op.socket.hub.log.LogAttrs(context.Background(), slog.LevelInfo, "operation",
		slog.String("operation", req.operation),
		slog.String("code", code),
		slog.String("principal", req.principal),
		slog.Int("updates", updates),
		slog.Float64("ms", float64(time.Since(op.began).Microseconds())/1000),
		slog.String("requestId", req.id))
}

var _ audience = (*socketOperation)(nil)
