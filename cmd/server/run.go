package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keiretsu/graph"
	"keiretsu/graph/model"
	"keiretsu/graph/resolvers"
	"keiretsu/internal/auth"
	"keiretsu/internal/control"
	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/reconcile"
	"keiretsu/internal/search"
	"keiretsu/internal/server"
	"keiretsu/internal/web"
	"keiretsu/seeds"
)

// Main is the program with its surroundings, so that a test can be its user.
type Main struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// Run does what the arguments say until it is done or ctx is, and returns the
// exit code: 0, also where it was told to stop before it had started, or 1 after
// one clear line on Stderr.
func (m *Main) Run(ctx context.Context, args []string) int {
	var c commands
	meant, err := parse(&c, args, m.Getenv, m.Stdout, m.Stderr)
	if err == nil {
		meant.BindTo(ctx, (*context.Context)(nil))
		err = meant.Run(m, &c.folder)
	}
	if err == nil || errors.Is(err, errHelp) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return 0
	}
	fmt.Fprintln(m.Stderr, "keiretsu:", strings.TrimSpace(err.Error()))
	return 1
}

// Run opens everything, answers until ctx is done, and closes everything.
func (c *serve) Run(ctx context.Context, m *Main, f *folder) (err error) {
	began := time.Now()
	log := slog.New(slog.NewTextHandler(m.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	c.boundMemory(m.Getenv)
	documents, err := c.trusted(resolvers.NewSchema(nil, log).Schema(), c.limits())
	if err != nil {
		return err
	}
	// The address is taken before the store is touched: the likeliest mistake
	// is a second server, and it should cost nothing.
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", c.Addr, cause(err))
	}
	defer listener.Close()
	entry, err := c.Access.open(f, listener.Addr(), log)
	if err != nil {
		return err
	}

	store, err := badgerstore.Open(ctx, badgerstore.Options{Dir: f.store(), Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	index, err := search.Open(ctx, search.Options{Dir: f.search(), Store: store, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	backups, err := openBackupLog(f.backups())
	if err != nil {
		return err
	}
	g := kg.NewGraph(store, kg.Options{Text: index, Budget: kg.Budget{Nodes: c.WalkNodes, Edges: c.WalkEdges, Time: c.WalkTime}})
	if entry.access.Audit, err = c.Access.auditLog(m, f, log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, entry.access.Audit.Close()) }()
	admin := &administration{folder: f, store: store, graph: g, backups: backups, log: log, index: index, lag: newLag(), audit: entry.access.Audit}
	defer f.offer(ctx, admin, log)()

	if err := loadSeeds(ctx, g, index, log); err != nil {
		return err
	}

	defer tell(ctx, g, index)()
	defer entry.watch(ctx)()

	follows := readiness(store, index, admin.lag, c.ReadyLag)
	traces, flush, err := c.traces(ctx, m.Getenv, log)
	if err != nil {
		return err
	}
	defer flush()
	srv, err := server.New(server.Config{
		Tracer:        traces,
		Schema:        resolvers.NewSchema(g, log),
		SDL:           graph.SDL,
		UI:            web.Handler(),
		Ready:         func(ctx context.Context) error { return errors.Join(entry.ready(), follows(ctx)) },
		Logger:        log,
		Limits:        c.limits(),
		Traffic:       c.traffic(),
		DrainTimeout:  c.DrainTimeout,
		Subscriptions: c.bounds(),
		Introspection: server.Introspection(c.Introspection),
		Documents:     documents,
		DocumentsOnly: c.DocumentsOnly,
		Access:        entry.access,
		TLS:           entry.tls,
		Admin:         http.StripPrefix("/admin", control.Handler(admin, log)),
		Reconcile:     reconcile.Handler(reconcile.Config{View: g.View, Alike: search.Alike, Timeout: c.RequestTimeout, Log: log}),
		Exports:       admin.overHTTP(),
		Import: &control.Uploads{
			Admin: admin, Logger: log, Keep: f.kept,
			Check: func(q control.ImportRequest) error {
				_, err := requested(q)
				return err
			},
			By: func(ctx context.Context) string { return auth.PrincipalFrom(ctx).Name },
		},
		Principal: knownName,
		WithRequest: func(ctx context.Context) (context.Context, func(), error) {
			ctx, done, err := model.WithViews(model.WithAuthor(ctx, auth.PrincipalFrom(ctx).Name), g.View)
			return ctx, func() {
				if err := done(); err != nil {
					log.Error("closing a view", slog.Any("error", err))
				}
			}, err
		},
		Collectors: []prometheus.Collector{&collector{graph: g, admin: admin, log: log}, storeCollector{store}},
	})
	if err != nil {
		return err
	}
	if err := m.greet(ctx, g, entry.scheme()+"://"+clickable(listener.Addr()), time.Since(began)); err != nil {
		return err
	}
	return srv.Serve(ctx, listener)
}

// knownName names who sent a request, "" for somebody unknown or without any
// scope here.
func knownName(ctx context.Context) string {
	if p := auth.PrincipalFrom(ctx); p.May(auth.ScopeRead) == nil {
		return p.Name
	}
	return ""
}

// cause drops the part of a network error that repeats the address.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// indexPatience is how long the start waits for the demo facts to be found by
// words, which takes the index a fraction of that. A start with facts of one's
// own waits for nothing.
const indexPatience = 2 * time.Second

// loadSeeds fills an empty graph with the demo facts.
func loadSeeds(ctx context.Context, g *kg.Graph, index *search.Index, log *slog.Logger) error {
	empty, err := g.IsEmpty(ctx)
	if err != nil || !empty {
		return err
	}
	report, err := ingest.Load(ctx, g, factfile.Read(seeds.Files))
	if err != nil {
		return fmt.Errorf("the built-in facts cannot be loaded: %w", err)
	}
	log.Info("loaded the demo facts", slog.String("report", report.String()))
	ctx, cancel := context.WithTimeout(ctx, indexPatience)
	defer cancel()
	if err := index.Wait(ctx, report.Applied.Revision); err != nil {
		log.Warn("searches do not find the demo facts yet", slog.Any("error", err))
	}
	return nil
}

// tell tells the index of every change at once, so that a search finds what was
// just written. Where that ends early, the index still looks for itself.
func tell(ctx context.Context, g *kg.Graph, index *search.Index) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, err := range g.Changes(ctx, nil, kg.ChangeFilter{}) {
			if err != nil {
				return
			}
			index.Notify()
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// greet says what is there and where to click.
func (m *Main) greet(ctx context.Context, g *kg.Graph, url string, took time.Duration) error {
	v, err := g.View(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	stats, err := v.Stats(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(m.Stdout, `
Keiretsu is ready (%s): %s, %s and %s from %s.

  Ask in the browser   %s/graphiql
  Ask from a program   %s/graphql
  Read the schema      %s/schema.graphql

Ctrl-C stops it.

`, took.Round(time.Millisecond), counted(stats[kg.RecordEntity], "entity", "%d entities"), counted(stats[kg.RecordRelation], "relation", ""),
		counted(stats[kg.RecordObservation], "figure", ""), counted(stats[kg.RecordSource], "source", ""), url, url, url)
	return err
}

// clickable returns the address as a browser on this machine takes it.
func clickable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
}
