package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"
	"go.opentelemetry.io/otel/trace"
)

// Config is what a [Server] needs. Schema, SDL, UI and Ready must be set; zero
// values elsewhere mean the default named.
type Config struct {
	// Schema answers the operations. Its Complexity functions must multiply by
	// the page size asked for, or Limits.Cost bounds nothing.
	Schema graphql.ExecutableSchema
	// SDL is the text served at /schema.graphql.
	SDL string
	// UI serves /graphiql and everything below it, as in web.Handler: it sees
	// whole paths, and sets the security headers that its page needs.
	UI http.Handler
	// Ready reports whether queries can be answered. It is called by /readyz,
	// with two seconds to answer; its error goes to the log, not to the caller.
	Ready func(context.Context) error
	// WithRequest, if set, is called once for each operation, before it runs.
	// The context it returns is the one resolvers see. The function it returns
	// is called exactly once, when the answer is complete, whether the operation
	// succeeded, failed, panicked or was abandoned; it is not called, and may be
	// nil, if WithRequest returns an error, which is shown to the client by its
	// class.
	WithRequest func(context.Context) (context.Context, func(), error)
	// Access says who may do what.
	Access Access
	// TLS, if set, makes Serve speak https; see [Certificate].
	TLS *tls.Config
	// Admin, if set, is what principals of scope admin reach at /admin/. It sees
	// whole paths.
	Admin http.Handler
	// Import, if set, is what principals of scope write reach below /import/:
	// it sees the path behind that, with a slash before it.
	Import http.Handler
	// Limits bounds bodies, documents, answers and error lists.
	Limits Limits
	// Introspection says who may read the schema; default everybody.
	Introspection Introspection
	// Reconcile answers under /reconcile; nil for nobody.
	Reconcile http.Handler
	// Exports are the formats in which all of the graph can be had below /export.
	// With DocumentsOnly there are none: they tell everything.
	Exports []Export
	// Documents may be asked for by their hash. DocumentsOnly refuses all others.
	Documents     *Documents
	DocumentsOnly bool
	// Traffic bounds requests, connections and the time they take.
	Traffic Traffic
	// Subscriptions bounds what those who subscribe may hold.
	Subscriptions Subscriptions
	// Principal, if set, names who sent a request, "" for somebody unknown.
	// Clients that are known share an allowance wherever they ask from.
	Principal func(context.Context) string
	// DrainTimeout is how long Serve waits for running requests when told to
	// stop; default 7 s, which with what follows it makes less than 10.
	DrainTimeout time.Duration
	// Tracer takes a trace of each request; nil for none.
	Tracer trace.TracerProvider
	// Collectors are served at /metrics together with the server's own.
	Collectors []prometheus.Collector
	// Logger takes the access log and the causes of internal errors; default
	// slog.Default().
	Logger *slog.Logger
}

// Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	log       *slog.Logger
	presenter presenter
	handler   http.Handler
	ready     func(context.Context) error
	tls       *tls.Config
	traffic   Traffic
	clients   *clients
	gate      *gate
	large     *gate
	exports   *gate
	principal func(context.Context) string
	metrics   *metrics
	hub       *hub
	drain     time.Duration
	draining  atomic.Bool
	unready   atomic.Bool // the last probe failed
	underWay  atomic.Int64
	tracing   tracing
}

// New returns a server that is ready to serve. It fails if cfg lacks a part or
// if two collectors collide.
func New(cfg Config) (*Server, error) {
	switch {
	case cfg.Schema == nil:
		return nil, errors.New("server: Config.Schema is missing")
	case cfg.SDL == "":
		return nil, errors.New("server: Config.SDL is missing")
	case cfg.UI == nil:
		return nil, errors.New("server: Config.UI is missing")
	case cfg.Ready == nil:
		return nil, errors.New("server: Config.Ready is missing")
	}
	if err := CheckOrigins(cfg.Access.Origins, cfg.Access.ReadsNeedToken); err != nil {
		return nil, fmt.Errorf("server: Config.Access.Origins: %w", err)
	}
	metrics, err := newMetrics(cfg.Collectors)
	if err != nil {
		return nil, fmt.Errorf("server: register metrics: %w", err)
	}
	limits := cfg.Limits.withDefaults()
	s := &Server{
		log:       cmp.Or(cfg.Logger, slog.Default()),
		ready:     cfg.Ready,
		tls:       cfg.TLS,
		drain:     cmp.Or(cfg.DrainTimeout, 7*time.Second),
		traffic:   cfg.Traffic.withDefaults(),
		clients:   newClients(cfg.Traffic),
		metrics:   metrics,
		principal: cfg.Principal,
	}
	s.gate, s.large = newGate(s.traffic.InFlight, s.traffic), newGate(s.traffic.LargeInFlight, s.traffic)
	// Who would have to wait for an export waits minutes: it is told at once.
	s.exports = &gate{slots: make(chan struct{}, s.traffic.Exports)}
	if s.principal == nil {
		s.principal = nobody
	}
	s.tracing = newTracing(cfg.Tracer)
	s.presenter = presenter{log: s.log, maxRunes: limits.MessageRunes, timeout: s.traffic.Timeout}

	keeper := &gatekeeper{Access: cfg.Access, presenter: s.presenter, log: s.log, trusted: s.traffic.TrustedProxies}
	pages := newOrigins(keeper)

	api := handler.New(cfg.Schema)
	cache := newTextCache(cachedDocuments, cachedDocumentBytes, func(text string, _ *ast.QueryDocument) int { return len(text) })
	api.SetQueryCache(cache)
	api.SetParserTokenLimit(limits.Tokens)
	api.SetErrorPresenter(s.presenter.field)
	api.SetRecoverFunc(s.presenter.recovered)
	api.Use(newPersisted(cfg.Documents, cfg.DocumentsOnly))
	api.Use(guard{limits: limits, cache: cache})
	api.Use(operations{keeper})
	api.Use(costLimit{schema: cfg.Schema, size: measureSchema(cfg.Schema.Schema()), limits: limits})
	if s.tracing.tracer != nil {
		api.Use(s.tracing)
	}
	api.Use(answerLimit{limits: limits, presenter: s.presenter})
	describe := introspection{mode: cfg.Introspection, principal: s.principal}
	api.Use(describe)
	if cfg.Introspection == IntrospectionToken || cfg.Introspection == IntrospectionClosed {
		api.SetDisableSuggestion(true)
		api.SetValidationRulesFn(rulesWithoutSuggestions)
	}
	s.hub = newHub(s, transport{
		limits:      limits,
		timeout:     s.traffic.Timeout,
		gate:        s.gate,
		large:       s.large,
		largeCost:   s.traffic.LargeCost,
		presenter:   s.presenter,
		metrics:     metrics,
		withRequest: cfg.WithRequest,
	}, cfg.Subscriptions, keeper)
	api.AddTransport(webSockets{s.hub, pages})
	api.AddTransport(tableTransport{s.hub})
	api.AddTransport(httpTransport{s.hub})

	mux := http.NewServeMux()
	for _, path := range []string{"/graphql", csvPath, ndjsonPath} {
		mux.Handle(path, pages.guard(true, keeper.graphQL(api)))
	}
	mux.Handle("/healthz", readOnly(text("ok\n")))
	mux.Handle("/readyz", readOnly(http.HandlerFunc(s.serveReady)))
	mux.Handle("/metrics", pages.guard(false, keeper.needs(keeper.reading(), readOnly(metrics.handler(s.log)))))
	mux.Handle("/schema.graphql", pages.guard(true, keeper.needs(keeper.reading(), readOnly(describe.serveSDL(cfg.SDL)))))
	if cfg.Reconcile != nil {
		reconcile := pages.guard(true, keeper.needs(keeper.reading(), s.within(cfg.Reconcile)))
		mux.Handle(reconcilePath, reconcile)
		mux.Handle(reconcilePath+"/", reconcile)
	}
	if len(cfg.Exports) > 0 && !cfg.DocumentsOnly {
		given := func(next http.Handler) http.Handler {
			return pages.guard(true, keeper.needs(keeper.reading(), readOnly(next)))
		}
		mux.Handle(exportPath, given(s.listExports(cfg.Exports)))
		for _, e := range cfg.Exports {
			mux.Handle(exportPath+"/"+e.Name, given(s.export(e)))
		}
	}
	if cfg.Admin != nil {
		mux.Handle("/admin/", pages.guard(false, keeper.administration(cfg.Admin)))
	}
	if cfg.Import != nil {
		mux.Handle("/import/", pages.guard(false, keeper.importing(http.StripPrefix("/import", cfg.Import))))
	}
	mux.Handle("/graphiql", cfg.UI)
	mux.Handle("/graphiql/", cfg.UI)
	mux.Handle("/{$}", readOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "graphiql/") // relative: a proxy may have put all this under a prefix
		w.WriteHeader(http.StatusFound)
	})))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "There is nothing at this address. GraphiQL is at /graphiql, the API at /graphql, its answers as tables at /graphql.csv and /graphql.ndjson, all of it as files below /export, its schema at /schema.graphql.", http.StatusNotFound)
	})

	compress, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false))
	if err != nil {
		return nil, fmt.Errorf("server: set up compression: %w", err)
	}
	inner := keeper.identified(s.paced(mux))
	s.handler = s.observed(secured(unlessStreamed(compress(inner), inner)))
	return s, nil
}

const reconcilePath = "/reconcile"

// within lets a request take a place among those under way.
func (s *Server) within(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, ok := s.gate.enter(r.Context())
		if !ok {
			s.metrics.refused("in_flight")
			retryAfter(w, time.Second)
			writeProblem(w, &problem{http.StatusServiceUnavailable, codeUnavailable, "too many requests are being answered at present; send it again"})
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}

// unlessStreamed leaves alone what is a stream, which nobody may hold back.
func unlessStreamed(compressed, plain http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" || acceptsEvents(strings.Join(r.Header.Values("Accept"), ",")) {
			plain.ServeHTTP(w, r)
			return
		}
		compressed.ServeHTTP(w, r)
	})
}

// ServeHTTP answers one request, for use under another server or in a test.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Serve answers requests on the listener until ctx is done. Then /readyz turns
// to 503, the listener closes, subscriptions end (WebSockets with the code 1001),
// and requests under way have DrainTimeout to finish; what still runs after that
// is cancelled. It returns nil once nothing runs any more, so that the caller may
// close the store, and an error if the listener fails or a request ignores its
// cancellation.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := s.httpServer(requests)
	// The server must see the encrypted connections themselves, or it speaks no HTTP/2.
	var connections net.Listener = newBoundedListener(listener, s.traffic, s.metrics.refused)
	if s.tls != nil {
		connections = tls.NewListener(connections, s.tls)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(connections) }()
	select {
	case err := <-served:
		return fmt.Errorf("server: serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}

	s.draining.Store(true)
	s.log.Info("draining", slog.Duration("atMost", s.drain))
	ended := make(chan error, 1)
	go func() { ended <- s.hub.drain(s.drain) }()
	err := shutdown(srv, s.drain)
	if err != nil {
		s.log.Warn("requests cancelled at the end of the drain time")
		cancel()
		err = shutdown(srv, cancelledTimeout)
	}
	if err != nil {
		// What is left waits for its client, or does not look at its context.
		err = errors.Join(srv.Close(), s.ended(closedTimeout))
	}
	if err != nil {
		return fmt.Errorf("server: stop: requests run on %s after they were cancelled: %w", cancelledTimeout+closedTimeout, err)
	}
	if err := <-ended; err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("server: serve %s: %w", listener.Addr(), err)
	}
	return nil
}

// httpServer sets the time-outs that net/http leaves open: no client can hold a
// connection by being slow.
func (s *Server) httpServer(requests context.Context) *http.Server {
	return &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: s.traffic.HeaderTimeout,
		ReadTimeout:       s.traffic.BodyTimeout,
		WriteTimeout:      s.traffic.Timeout + s.traffic.ReadingTimeout,
		IdleTimeout:       s.traffic.IdleTimeout,
		MaxHeaderBytes:    s.traffic.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
}

// cancelledTimeout is how long a cancelled request may take to notice, and
// closedTimeout one whose connection is closed.
const (
	cancelledTimeout = time.Second
	closedTimeout    = time.Second
)

// ended waits until no request is under way.
func (s *Server) ended(within time.Duration) error {
	deadline := time.Now().Add(within)
	for s.underWay.Load() > 0 {
		if time.Now().After(deadline) {
			return context.DeadlineExceeded
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

func shutdown(srv *http.Server, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return srv.Shutdown(ctx)
}

// serveReady answers /readyz. The cause of a failure is logged when it starts
// and when it ends, not at every probe.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		http.Error(w, "draining: finishing what runs, taking nothing new", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	err := s.ready(ctx)
	if s.unready.Swap(err != nil) != (err != nil) {
		s.log.Info("readiness changed", slog.Bool("ready", err == nil), slog.Any("error", err))
	}
	if err != nil {
		http.Error(w, "not ready: the store cannot answer at present", http.StatusServiceUnavailable)
		return
	}
	text("ready\n").ServeHTTP(w, r)
}

func isProbe(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/metrics"
}

func text(content string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, content)
	})
}

func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This address can only be read.", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secured sets headers that suit answers which are data; the UI sets its own.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000") // a year
		}
		next.ServeHTTP(w, r)
	})
}
