package server

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"keiretsu/internal/auth"
	"keiretsu/internal/kg"
)

// mediaEvents is server-sent events (WHATWG HTML, 9.2), in the "distinct
// connections mode" of GraphQL over SSE: one operation for each request, an event
// next for every response and complete at the end.
const mediaEvents = "text/event-stream"

// acceptsEvents reports whether an Accept header names server-sent events.
func acceptsEvents(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		media, attributes, err := mime.ParseMediaType(part)
		if err != nil || media != mediaEvents {
			continue
		}
		q, given := attributes["q"]
		quality, err := strconv.ParseFloat(q, 64)
		return !given || err == nil && quality > 0
	}
	return false
}

// eventStream is an answer of server-sent events.
type eventStream struct {
	hub    *hub
	w      http.ResponseWriter
	line   *http.ResponseController
	ctx    context.Context
	resume *kg.Revision
	from   *http.Request
	sub    *subscription

	mu sync.Mutex // for writing
	// over is closed when there is nothing more to come; code says why.
	over chan struct{}
	code string
	gone bool
}

func (t httpTransport) newEventStream(w http.ResponseWriter, r *http.Request) (*eventStream, *problem) {
	s := &eventStream{hub: t.hub, w: w, line: http.NewResponseController(w), ctx: r.Context(), from: r, over: make(chan struct{}), code: "OK"}
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		revision, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return nil, badRequest("the header Last-Event-ID must be the id of an event of this server, which is a number")
		}
		after := kg.Revision(revision)
		s.resume = &after
	}
	return s, nil
}

// subscribe opens the subscription, or says why not.
func (s *eventStream) subscribe(exec graphql.GraphExecutor, op *graphql.OperationContext) (refused *graphql.Response) {
	s.sub, refused = s.hub.subscribe(s.ctx, exec, op, s.resume, clientAddr(s.from, s.hub.trusted), s)
	return refused
}

// serve tells of updates until there are no more, and returns the code of what
// ended it.
func (s *eventStream) serve() string {
	defer s.sub.close()
	s.begin()
	s.beat() // so that the client sees that it is listened to
	s.sub.start()
	beat := time.NewTicker(s.hub.bounds.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-s.over:
			return s.code
		case <-s.ctx.Done():
			return s.code
		case <-s.hub.draining:
			return s.code // without an event complete: the client is to come back
		case <-beat.C:
			if err := s.hub.keeper.still(s.ctx, s.from.Header.Get("Authorization")); err != nil {
				s.hub.metrics.dropped.WithLabelValues("access").Inc()
				s.failed(&graphql.Response{Errors: gqlerror.List{s.hub.presenter.present(s.ctx, err)}})
				continue
			}
			s.beat()
		}
	}
}

// beat sends a line that says nothing. Where the client is gone, the stream ends.
func (s *eventStream) beat() { _, _ = s.write([]byte(":\n\n"), s.hub.bounds.Patience) }

// once answers an operation that has one response.
func (s *eventStream) once(response *graphql.Response) {
	s.begin()
	s.end(response)
}

// begin sends the header. A stream has no end by which it must be read or
// written, only each event.
func (s *eventStream) begin() {
	_ = s.line.SetReadDeadline(time.Time{}) // it is watched for the client's leaving
	h := s.w.Header()
	h.Set("Content-Type", mediaEvents)
	h.Set("X-Accel-Buffering", "no") // nginx passes on what it gets
	s.w.WriteHeader(http.StatusOK)
}

// write sends a piece of the stream and returns how long that took.
func (s *eventStream) write(text []byte, patience time.Duration) (waited time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return 0, errLineGone
	}
	began := time.Now()
	if err = s.line.SetWriteDeadline(began.Add(max(patience, 0) + closingGrace)); err == nil {
		if _, err = s.w.Write(text); err == nil {
			err = s.line.Flush()
		}
	}
	waited = time.Since(began)
	if err != nil {
		s.finish("")
	}
	return waited, err
}

// errLineGone says that a line to a client has ended.
var errLineGone = errors.New("server: the line to the client is gone")

// finish lets serve return. The caller holds mu.
func (s *eventStream) finish(code string) {
	if s.gone {
		return
	}
	s.gone = true
	if code != "" {
		s.code = code
	}
	close(s.over)
}

// end sends the last response and ends the stream.
func (s *eventStream) end(response *graphql.Response) {
	if _, err := s.write(append(event(response, 0), "event: complete\ndata:\n\n"...), 0); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(codeOf(response.Errors))
}

// event is a response as an event. Its id, if it has one, is where to resume.
func event(response *graphql.Response, resume kg.Revision) []byte {
	var out bytes.Buffer
	if resume > 0 {
		out.WriteString("id: " + strconv.FormatUint(uint64(resume), 10) + "\n")
	}
	out.WriteString("event: next\ndata: ")
	out.Write(encode(response))
	out.WriteString("\n\n")
	return out.Bytes()
}

// update implements audience.
func (s *eventStream) update(response *graphql.Response, resume kg.Revision, patience time.Duration) (waited time.Duration, err error) {
	slow := time.AfterFunc(patience, s.hub.metrics.dropped.WithLabelValues("slow").Inc)
	waited, err = s.write(event(response, resume), patience)
	if !slow.Stop() && err == nil {
		s.end(&graphql.Response{Errors: gqlerror.List{s.hub.presenter.present(s.ctx, errTooSlow)}})
		err = errTooSlow
	}
	return waited, err
}

// errTooSlow is what a subscriber learns that does not read.
var errTooSlow = refuse(codeTooSlow, "updates come faster than they are read; connect again and resume, and ask for less or read faster")

// failed implements audience.
func (s *eventStream) failed(response *graphql.Response) { s.end(response) }

// still reports whether who showed the value of an Authorization header may go
// on reading.
func (g *gatekeeper) still(ctx context.Context, authorization string) error {
	ctx, err := g.enter(requestFrom(ctx).follow(ctx, ""), authorization)
	if err != nil {
		return err
	}
	return auth.PrincipalFrom(ctx).May(g.reading())
}
