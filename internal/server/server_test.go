package server

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"keiretsu/internal/auth"
)

func TestRoutes(t *testing.T) {
	r := newRig(t, nil)
	tests := []struct {
		method, path string
		status       int
		want         string // contained in the body
	}{
		{"GET", "/", 302, ""},
		{"GET", "/graphiql", 200, "UI at /graphiql"},
		{"GET", "/graphiql/", 200, "UI at /graphiql/"},
		{"GET", "/graphiql/assets/a.js", 200, "UI at /graphiql/assets/a.js"},
		{"GET", "/schema.graphql", 200, "type Query"},
		{"GET", "/healthz", 200, "ok"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/readyz", 200, "ready"},
		{"GET", "/metrics", 200, "go_goroutines"},
		{"POST", "/healthz", 405, "can only be read"},
		{"POST", "/schema.graphql", 405, "can only be read"},
		{"POST", "/", 405, "can only be read"},
		{"GET", "/nonsense", 404, "There is nothing at this address. GraphiQL is at /graphiql"},
		{"GET", "/graphql/more", 404, "There is nothing at this address"},
		{"POST", "/nonsense", 404, "There is nothing at this address"},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			a := r.do(t, httptest.NewRequest(test.method, test.path, nil))
			if a.status != test.status || !strings.Contains(a.body, test.want) {
				t.Errorf("status %d, want %d; body %s", a.status, test.status, shorten(a.body, 200))
			}
			if test.path == "/" && test.status == 302 && a.header.Get("Location") != "graphiql/" {
				t.Errorf("leads to %q", a.header.Get("Location"))
			}
			if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Content-Security-Policy") == "" {
				t.Errorf("headers %v lack security", a.header)
			}
		})
	}
}

func TestNewWantsItsParts(t *testing.T) {
	whole := func() Config {
		return Config{
			Schema: newFakeSchema(), SDL: schemaText, UI: http.NotFoundHandler(),
			Ready: func(context.Context) error { return nil },
		}
	}
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"schema":     {func(c *Config) { c.Schema = nil }, "server: Config.Schema is missing"},
		"sdl":        {func(c *Config) { c.SDL = "" }, "server: Config.SDL is missing"},
		"ui":         {func(c *Config) { c.UI = nil }, "server: Config.UI is missing"},
		"ready":      {func(c *Config) { c.Ready = nil }, "server: Config.Ready is missing"},
		"collectors": {func(c *Config) { g := gauge("x"); c.Collectors = []prometheus.Collector{g, g} }, "server: register metrics: duplicate metrics collector registration attempted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := whole()
			test.change(&cfg)
			if _, err := New(cfg); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func gauge(name string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: "A number."})
}

func TestReadiness(t *testing.T) {
	var cause error
	r := newRig(t, func(c *Config) { c.Ready = func(context.Context) error { return cause } })
	probe := func() answer { return r.do(t, httptest.NewRequest(http.MethodGet, "/readyz", nil)) }
	if a := probe(); a.status != 200 {
		t.Errorf("status %d, want 200", a.status)
	}
	cause = errors.New("cannot open /var/lib/secret")
	for range 3 {
		a := probe()
		if want := "not ready: the store cannot answer at present\n"; a.status != 503 || a.body != want {
			t.Errorf("status %d: %q, want 503: %q", a.status, a.body, want)
		}
	}
	cause = nil
	if a := probe(); a.status != 200 {
		t.Errorf("status %d, want 200", a.status)
	}
	if n := len(r.log.records(t, "readiness changed")); n != 2 {
		t.Errorf("%d records of 2 changes", n)
	}
	r.draining.Store(true)
	if a := probe(); a.status != 503 || !strings.HasPrefix(a.body, "draining") {
		t.Errorf("status %d: %q", a.status, a.body)
	}
}

func TestRequestID(t *testing.T) {
	var seen string
	r := newRig(t, nil)
	r.schema.resolve["Query.fail"] = func(ctx context.Context, _ map[string]any) (any, error) {
		seen = RequestID(ctx)
		return nil, nil
	}
	tests := []struct {
		name, sent string
		kept       bool
	}{
		{"sane", "trace-1.a_b:C9", true},
		{"none", "", false},
		{"too long", strings.Repeat("a", 65), false},
		{"line break", "a\nb", false},
		{"markup", "<b>", false},
		{"not ASCII", "é", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := r.post(t, `{"query":"{ fail }"}`, "X-Request-Id", test.sent)
			got := a.header.Get("X-Request-Id")
			if got != seen || (got == test.sent) != test.kept || len(got) == 0 || len(got) > 64 {
				t.Errorf("sent %q, got back %q, resolvers saw %q", test.sent, got, seen)
			}
		})
	}
}

func TestAccessLog(t *testing.T) {
	r := newRig(t, nil)
	a := r.post(t, `{"query":"query Names { name }"}`, "X-Request-Id", "req-1")
	for _, probe := range []string{"/healthz", "/readyz", "/metrics"} {
		r.do(t, httptest.NewRequest(http.MethodGet, probe, nil))
	}
	records := r.log.records(t, "request")
	if len(records) != 1 {
		t.Fatalf("%d records, want 1\n%s", len(records), r.log)
	}
	got := records[0]
	if ms, ok := got["ms"].(float64); !ok || ms < 0 {
		t.Errorf("ms %v", got["ms"])
	}
	delete(got, "ms")
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "request", "method": "POST", "path": "/graphql", "operation": "Names",
		"status": 200.0, "code": "OK", "bytes": float64(len(a.body)), "requestId": "req-1",
		"principal": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestPanicsOutsideGraphQL(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.UI = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret state") })
	})
	req := httptest.NewRequest(http.MethodGet, "/graphiql", nil)
	req.Header.Set("X-Request-Id", "req-1")
	a := r.do(t, req)
	if want := "internal error, request req-1\n"; a.status != 500 || a.body != want {
		t.Errorf("status %d: %q, want 500: %q", a.status, a.body, want)
	}
	if len(r.log.records(t, "panic")) != 1 || r.log.records(t, "request")[0]["status"] != 500.0 {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestMetrics(t *testing.T) {
	stored := gauge("keiretsu_store_claims")
	stored.Set(7)
	r := newRig(t, func(c *Config) { c.Collectors = []prometheus.Collector{stored} })
	for i := range maxOperations + 20 {
		r.post(t, fmt.Sprintf(`{"query":"query Q%d { name }"}`, i))
	}
	r.post(t, `{"query":"{"}`)
	r.post(t, `{"query":"{ nodes(first: 999999) { id } }"}`)
	r.post(t, `broken`)
	page := r.do(t, httptest.NewRequest(http.MethodGet, "/metrics", nil)).body
	for _, want := range []string{
		"keiretsu_store_claims 7",
		"keiretsu_graphql_in_flight 0",
		`keiretsu_graphql_requests_total{code="OK"} 70`,
		`keiretsu_graphql_requests_total{code="GRAPHQL_PARSE_FAILED"} 1`,
		`keiretsu_graphql_requests_total{code="TOO_COMPLEX"} 1`,
		`keiretsu_graphql_requests_total{code="BAD_USER_INPUT"} 1`,
		`keiretsu_graphql_request_seconds_count{operation="Q0"} 1`,
		`keiretsu_graphql_request_seconds_count{operation="other"} 20`,
		`keiretsu_graphql_request_seconds_count{operation="refused"} 3`,
		"process_start_time_seconds",
	} {
		if !strings.Contains(page, want+"\n") && !strings.Contains(page, want+" ") {
			t.Errorf("no %s", want)
		}
	}
	if n := strings.Count(page, "keiretsu_graphql_request_seconds_count{"); n != maxOperations+2 {
		t.Errorf("%d names of operations, want %d", n, maxOperations+2)
	}
}

func TestAnswersAreCompressed(t *testing.T) {
	r := newRig(t, nil)
	long := strings.Repeat("long ", 1000)
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) { return long, nil }
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, postRequest(t.Context(), `{"query":"{ fail }"}`, "Accept-Encoding", "zstd, gzip", "Accept", mediaResponse))
	if got := rec.Header().Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q, want gzip", got)
	}
	unzip, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(unzip)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"data":{"fail":"` + long + `"}}`; string(body) != want {
		t.Errorf("body %s", shorten(string(body), 200))
	}
	if vary := strings.Join(rec.Header().Values("Vary"), ", "); vary != "Accept-Encoding, Accept" {
		t.Errorf("Vary %q", vary)
	}
}

func TestSlowClientsAreCutOff(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Traffic.Timeout = 7 * time.Second })
	srv := r.httpServer(t.Context())
	got := []any{srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout, srv.MaxHeaderBytes}
	want := []any{5 * time.Second, 10 * time.Second, 12 * time.Second, time.Minute, 16 << 10}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("time-outs (-want +got):\n%s", diff)
	}
}

// running is a server on a port of its own.
type running struct {
	rig
	url     string
	stop    context.CancelFunc
	stopped chan error
	client  *http.Client
	calls   *[]*caller // the WebSockets that were opened
}

func run(t *testing.T, change func(*Config)) running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	ctx, stop := context.WithCancel(t.Context())
	r := running{
		rig: newRig(t, change), url: "http://" + listener.Addr().String(),
		stop: stop, stopped: make(chan error, 1), client: &http.Client{Transport: transport}, calls: new([]*caller),
	}
	go func() { r.stopped <- r.Serve(ctx, listener) }()
	return r
}

// query sends a query in the background; its body, or what went wrong, arrives
// on the channel.
func (r running) query(t *testing.T, query string) <-chan string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		resp, err := r.client.Post(r.url+"/graphql", "application/json", strings.NewReader(string(body)))
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(text)
	}()
	return got
}

func TestDrainLetsRequestsFinish(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	r := run(t, nil)
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) {
		close(started)
		<-finish
		return "finished", nil
	}
	got := r.query(t, "{ fail }")
	<-started
	r.stop()
	for !r.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-r.stopped:
		t.Fatalf("stopped with a request under way: %v", err)
	default:
	}
	close(finish)
	if want := `{"data":{"fail":"finished"}}`; <-got != want {
		t.Errorf("the request under way was not answered")
	}
	if err := <-r.stopped; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://")); err == nil {
		t.Error("still accepts connections")
	}
}

func TestDrainCancelsWhatGoesOn(t *testing.T) {
	started := make(chan struct{})
	released := make(chan struct{})
	r := run(t, func(c *Config) {
		c.DrainTimeout = time.Millisecond
		c.WithRequest = func(ctx context.Context) (context.Context, func(), error) {
			return ctx, func() { close(released) }, nil
		}
	})
	r.schema.resolve["Query.fail"] = func(ctx context.Context, _ map[string]any) (any, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	got := r.query(t, "{ fail }")
	<-started
	r.stop()
	if err := <-r.stopped; err != nil {
		t.Error(err)
	}
	select {
	case <-released:
	default:
		t.Error("Serve returned before the request released what it held")
	}
	if body := <-got; !strings.Contains(body, codeUnavailable) {
		t.Errorf("answered %s, want UNAVAILABLE", body)
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := newRig(t, nil).Serve(t.Context(), listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want net.ErrClosed", err)
	}
}

func TestClientGoneReleasesTheRequest(t *testing.T) {
	started, released := make(chan struct{}), make(chan struct{})
	r := run(t, func(c *Config) {
		c.WithRequest = func(ctx context.Context) (context.Context, func(), error) {
			return ctx, func() { close(released) }, nil
		}
	})
	r.schema.resolve["Query.fail"] = func(ctx context.Context, _ map[string]any) (any, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/graphql", strings.NewReader(`{"query":"{ fail }"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := r.client.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	<-started
	leave()
	<-released
	<-done
	r.stop()
	if err := <-r.stopped; err != nil {
		t.Error(err)
	}
}

func TestServeReportsARequestThatCannotBeStopped(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	r := run(t, func(c *Config) { c.DrainTimeout = time.Millisecond })
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) {
		close(started)
		<-finish
		return nil, nil
	}
	got := r.query(t, "{ fail }")
	<-started
	r.stop()
	if err := <-r.stopped; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want one that says so", err)
	}
	close(finish)
	<-got
}

// TestLinesComeAtOnce: what an import says on its way is sent when it is flushed,
// also to clients that take compressed answers.
func TestLinesComeAtOnce(t *testing.T) {
	heard := make(chan struct{})
	access, tokens := newAccess(t)
	r := newRig(t, func(c *Config) {
		c.Access = access
		c.Import = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			_, _ = io.WriteString(w, "first\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-heard:
				_, _ = io.WriteString(w, "second\n")
			case <-r.Context().Done():
			}
		})
	})
	served := httptest.NewServer(r)
	defer served.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, encoding := range []string{"gzip", "identity"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, served.URL+"/import/jsonl", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tokens[auth.ScopeWrite])
		if encoding == "identity" { // gzip is what the client asks for by itself
			req.Header.Set("Accept-Encoding", encoding)
		}
		resp, err := served.Client().Do(req)
		if err != nil {
			t.Fatalf("%s: %v", encoding, err)
		}
		lines := bufio.NewReader(resp.Body)
		if line, err := lines.ReadString('\n'); err != nil || line != "first\n" {
			t.Fatalf("%s: status %d, %q, %v", encoding, resp.StatusCode, line, err)
		}
		heard <- struct{}{}
		if line, err := lines.ReadString('\n'); err != nil || line != "second\n" {
			t.Errorf("%s: %q, %v", encoding, line, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}
