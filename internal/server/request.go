package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const requestIDHeader = "X-Request-Id"

// request is what is known of one HTTP request while it is served.
type request struct {
	id     string
	logged atomic.Int32 // causes of errors written to the log
	// operation and code are written by the transport and read after it.
	operation string
	code      string
	// principal is the name of who sent it, empty for nobody known.
	principal string
	// remote, path and encrypted are those of the HTTP request.
	remote, path string
	encrypted    bool
}

type requestKey struct{}

// requestFrom returns the request that ctx belongs to; outside one, an empty
// request.
func requestFrom(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{}
}

// follow returns a context for what is done later on the line that the request
// opened, as a request of its own.
func (r *request) follow(ctx context.Context, suffix string) context.Context {
	return context.WithValue(ctx, requestKey{}, &request{id: r.id + suffix, remote: r.remote, path: r.path, encrypted: r.encrypted})
}

// RequestID returns the id of the HTTP request that ctx belongs to, which the
// client sees in the header X-Request-Id and in the extensions of internal
// errors. It is empty outside a request.
func RequestID(ctx context.Context) string { return requestFrom(ctx).id }

// requestID returns the id the caller sent if it is one that can be logged and
// echoed without thought, else a new one.
func requestID(sent string) string {
	if len(sent) == 0 || len(sent) > 64 {
		return rand.Text()
	}
	for _, c := range []byte(sent) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return rand.Text()
		}
	}
	return sent
}

// observed gives each request an id and a line in the access log, and turns a
// panic that nothing else caught into a plain 500.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.underWay.Add(1)
		defer s.underWay.Add(-1)
		req := &request{id: requestID(r.Header.Get(requestIDHeader))}
		ctx := context.WithValue(r.Context(), requestKey{}, req)
		w.Header().Set(requestIDHeader, req.id)
		ctx, trace := s.tracing.request(ctx, w, r)
		rec := &recorder{ResponseWriter: w}
		start := time.Now()
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				_ = s.presenter.recovered(ctx, p)
				if rec.status == 0 {
					http.Error(rec, "internal error, request "+req.id, http.StatusInternalServerError)
				}
			}
			trace.end(req, rec.status)
			if isProbe(r.URL.Path) {
				return
			}
			s.log.LogAttrs(ctx, slog.LevelInfo, "request", append([]slog.Attr{
				slog.String("method", shorten(r.Method, 16)),
				slog.String("path", shorten(r.URL.Path, 200)),
				slog.String("operation", req.operation),
				slog.Int("status", rec.status),
				slog.String("code", req.code),
				slog.String("principal", req.principal),
				slog.Float64("ms", float64(time.Since(start).Microseconds())/1000),
				slog.Int64("bytes", rec.bytes),
				slog.String("requestId", req.id),
			}, trace.attributes()...)...)
		}()
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher, for whoever compresses answers asks for that alone.
func (r *recorder) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
