package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFloodsAreTurnedAway fills the one place and the one seat of the queue.
func TestFloodsAreTurnedAway(t *testing.T) {
	started, finish := make(chan struct{}, 2), make(chan struct{})
	r := run(t, func(c *Config) { c.Traffic = Traffic{InFlight: 1, Queued: 1, QueueTimeout: time.Minute} })
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) {
		started <- struct{}{}
		<-finish
		return "done", nil
	}
	first := r.query(t, "{ fail }")
	<-started
	second := r.query(t, "{ fail }")
	for r.gate.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	a := r.post(t, `{"query":"{ name }"}`)
	if a.status != http.StatusServiceUnavailable || a.code() != codeUnavailable || a.header.Get("Retry-After") != "1" {
		t.Errorf("the third is answered %d %s, Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
	}
	if page := r.do(t, httptest.NewRequest(http.MethodGet, "/metrics", nil)).body; !strings.Contains(page, `keiretsu_turned_away_total{reason="in_flight"} 1`) {
		t.Error("it is not counted")
	}
	close(finish)
	for _, got := range []<-chan string{first, second} {
		if body := <-got; body != `{"data":{"fail":"done"}}` {
			t.Errorf("answered %s", body)
		}
	}
	r.stop()
	if err := <-r.stopped; err != nil {
		t.Error(err)
	}
}

func TestNobodyWaitsForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, Traffic{Queued: 5, QueueTimeout: 2 * time.Second})
		leave, ok := g.enter(t.Context())
		if !ok {
			t.Fatal("the first place is taken")
		}
		began := time.Now()
		if _, ok := g.enter(t.Context()); ok || time.Since(began) != 2*time.Second {
			t.Errorf("let in: %t, after %s", ok, time.Since(began))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ok := g.enter(gone); ok {
			t.Error("somebody who has left was let in")
		}
		leave()
		if _, ok := g.enter(t.Context()); !ok || g.waiting.Load() != 0 {
			t.Errorf("let in: %t, with %d waiting", ok, g.waiting.Load())
		}
	})
}

// TestLargeRequestsLeaveRoomForSmallOnes wants a request that costs much to wait
// for others of its kind, and a small one to wait for none of them.
func TestLargeRequestsLeaveRoomForSmallOnes(t *testing.T) {
	started, finish := make(chan struct{}, 2), make(chan struct{})
	r := run(t, func(c *Config) {
		c.Traffic = Traffic{InFlight: 1, Queued: 1, QueueTimeout: time.Minute, LargeCost: 10, LargeInFlight: 1}
	})
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) {
		started <- struct{}{}
		<-finish
		return "done", nil
	}
	const large = "{ fail nodes(first: 20) { id } }"
	first := r.query(t, large)
	<-started
	second := r.query(t, large)
	for r.large.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if a := r.post(t, `{"query":"{ nodes(first: 2) { id } }"}`); a.code() != "OK" {
		t.Errorf("a small one is answered %s", a.body)
	}
	if a := r.ask(t, large, nil); a.status != http.StatusServiceUnavailable || a.code() != codeUnavailable {
		t.Errorf("a third large one is answered %d %s", a.status, a.body)
	}
	close(finish)
	for _, got := range []<-chan string{first, second} {
		if body := <-got; !strings.HasPrefix(body, `{"data":{"fail":"done"`) {
			t.Errorf("answered %s", body)
		}
	}
	r.stop()
	if err := <-r.stopped; err != nil {
		t.Error(err)
	}
}

// stuckWriter is a client that does not read.
type stuckWriter struct {
	http.ResponseWriter
	began, end chan struct{}
}

func (w stuckWriter) Write(p []byte) (int, error) {
	close(w.began)
	<-w.end
	return len(p), nil
}

func TestSlowReadersKeepNoPlace(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Traffic = Traffic{InFlight: 1, Queued: 1, QueueTimeout: time.Minute} })
	w := stuckWriter{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ServeHTTP(w, postRequest(t.Context(), `{"query":"{ name }"}`))
	}()
	<-w.began
	if a := r.post(t, `{"query":"{ name }"}`); a.code() != "OK" {
		t.Errorf("answered %s while another client does not read", a.body)
	}
	close(w.end)
	<-done
}

func TestClientRate(t *testing.T) {
	const here, there, elsewhere = "127.0.0.1:1000", "192.0.2.1:1000", "192.0.2.2:1000"
	type request struct{ from, principal, forwarded string }
	repeat := func(n int, r request) (list []request) {
		for range n {
			list = append(list, r)
		}
		return list
	}
	for name, c := range map[string]struct {
		traffic Traffic
		sent    []request
		refused int
	}{
		"burst, then no more":             {Traffic{ClientRate: 5}, repeat(13, request{from: there}), 3},
		"burst of its own":                {Traffic{ClientRate: 5, ClientBurst: 2}, repeat(13, request{from: there}), 11},
		"ports are one client":            {Traffic{ClientRate: 5, ClientBurst: 1}, []request{{from: there}, {from: "192.0.2.1:2000"}}, 1},
		"addresses are many":              {Traffic{ClientRate: 5, ClientBurst: 1}, []request{{from: there}, {from: elsewhere}}, 0},
		"this machine, by default":        {Traffic{}, repeat(1000, request{from: here}), 0},
		"this machine, with a token":      {Traffic{}, repeat(1000, request{from: here, principal: "a"}), 0},
		"this machine, by IPv6":           {Traffic{}, repeat(1000, request{from: "[::1]:7"}), 0},
		"this machine, where it is meant": {Traffic{ClientRate: 5, ClientBurst: 1}, repeat(3, request{from: here}), 2},
		"other machines, by default":      {Traffic{}, repeat(250, request{from: there}), 50},
		"nobody bounded":                  {Traffic{ClientRate: -1}, repeat(1000, request{from: there}), 0},
		"one IPv6 network": {
			Traffic{ClientRate: 5, ClientBurst: 1},
			[]request{{from: "[2001:db8::1]:1"}, {from: "[2001:db8::ffff:2]:1"}, {from: "[2001:db8:0:1::1]:1"}},
			1,
		},
		"IPv4 in IPv6": {Traffic{ClientRate: 5, ClientBurst: 1}, []request{{from: there}, {from: "[::ffff:192.0.2.1]:9"}}, 1},
		"who is known has one allowance everywhere": {
			Traffic{ClientRate: 5, ClientBurst: 1},
			[]request{{from: there, principal: "a"}, {from: elsewhere, principal: "a"}, {from: there, principal: "b"}},
			1,
		},
		"a header is not believed": {
			Traffic{ClientRate: 5, ClientBurst: 1},
			[]request{{from: there, forwarded: "198.51.100.1"}, {from: there, forwarded: "198.51.100.2"}},
			1,
		},
		"a trusted proxy is": {
			Traffic{ClientRate: 5, ClientBurst: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
			[]request{{from: here, forwarded: "198.51.100.1"}, {from: here, forwarded: "198.51.100.2"}, {from: here, forwarded: "made-up, 198.51.100.1"}},
			1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // where time stands still between requests
				r := newRig(t, func(cfg *Config) {
					cfg.Traffic = c.traffic
					cfg.Principal = func(ctx context.Context) string { name, _ := ctx.Value(sentBy{}).(string); return name }
				})
				refused := 0
				for _, sent := range c.sent {
					req := postRequest(context.WithValue(t.Context(), sentBy{}, sent.principal), `{"query":"{ name }"}`)
					req.RemoteAddr = sent.from
					if sent.forwarded != "" {
						req.Header.Set("X-Forwarded-For", sent.forwarded)
					}
					if a := r.do(t, req); a.status == http.StatusTooManyRequests {
						refused++
						if a.code() != codeRateLimited || a.header.Get("Retry-After") != "1" {
							t.Errorf("answered %s, Retry-After %q", a.body, a.header.Get("Retry-After"))
						}
					}
				}
				if refused != c.refused {
					t.Errorf("%d refused, want %d", refused, c.refused)
				}
			})
		})
	}
	t.Run("allowances grow again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(cfg *Config) { cfg.Traffic = Traffic{ClientRate: 0.1, ClientBurst: 1} })
			var got []string
			for range 3 {
				a := r.post(t, `{"query":"{ name }"}`)
				got = append(got, fmt.Sprint(a.status, a.header.Get("Retry-After")))
				time.Sleep(5 * time.Second)
			}
			if diff := cmp.Diff([]string{"200", "4295", "200"}, got); diff != "" {
				t.Errorf("status and Retry-After (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("probes are let through", func(t *testing.T) {
		r := newRig(t, func(cfg *Config) { cfg.Traffic = Traffic{ClientRate: 0.001, ClientBurst: 1} })
		for _, path := range []string{"/schema.graphql", "/healthz", "/readyz", "/metrics"} {
			if a := r.do(t, httptest.NewRequest(http.MethodGet, path, nil)); a.status != 200 {
				t.Errorf("%s: status %d", path, a.status)
			}
		}
	})
}

type sentBy struct{}

func TestTheTableOfClientsIsBounded(t *testing.T) {
	c := newClients(Traffic{ClientRate: 1, ClientBurst: 1})
	from := func(i int) *http.Request {
		return &http.Request{RemoteAddr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 1).String()}
	}
	for i := range mostClients + 100 {
		c.allow(from(i), "")
		c.allow(from(0), "") // is seen all the time, and so never forgotten
	}
	if len(c.known) != mostClients || c.order.Len() != mostClients {
		t.Errorf("%d clients in the table, %d in order; want %d", len(c.known), c.order.Len(), mostClients)
	}
	if _, ok := c.allow(from(0), ""); ok {
		t.Error("the busiest client was forgotten")
	}
}

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct{ peer, forwarded, want string }{
		"no proxy":              {"192.0.2.1:5", "", "192.0.2.1"},
		"untrusted proxy":       {"192.0.2.1:5", "198.51.100.1", "192.0.2.1"},
		"trusted proxy":         {"10.1.1.1:5", "198.51.100.1", "198.51.100.1"},
		"two trusted proxies":   {"10.1.1.1:5", "198.51.100.1, 10.2.2.2", "198.51.100.1"},
		"what the client wrote": {"10.1.1.1:5", "203.0.113.9, 198.51.100.1", "198.51.100.1"},
		"with a port":           {"[fd00::1]:5", "198.51.100.1:777", "198.51.100.1"},
		"IPv6":                  {"[fd00::1]:5", "2001:db8::1", "2001:db8::1"},
		"no header":             {"10.1.1.1:5", "", "10.1.1.1"},
		"nonsense":              {"10.1.1.1:5", "198.51.100.1, nonsense", "10.1.1.1"},
		"all trusted":           {"10.1.1.1:5", "10.9.9.9, 10.2.2.2", "10.9.9.9"},
		"no peer":               {"pipe", "", "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
			if got := clientAddr(r, trusted).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		traffic Traffic
		most    int
	}{
		"in all":                    {Traffic{Connections: 3, ClientConnections: -1}, 3},
		"from one address":          {Traffic{Connections: 10, ClientConnections: 2}, 2},
		"this machine, by default":  {Traffic{Connections: 5}, 5},
		"a trusted proxy has many":  {Traffic{Connections: 5, ClientConnections: 2, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, 5},
		"in all, even from a proxy": {Traffic{Connections: 1, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, func(cfg *Config) { cfg.Traffic = c.traffic })
			// ask reports whether a connection is served.
			ask := func(conn net.Conn) bool {
				t.Helper()
				_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
				text := make([]byte, 12)
				_, err := io.ReadFull(conn, text)
				return err == nil && string(text) == "HTTP/1.1 200"
			}
			dial := func() net.Conn {
				t.Helper()
				conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return conn
			}
			var open []net.Conn
			for range c.most {
				conn := dial()
				if !ask(conn) {
					t.Fatalf("connection %d of %d is refused", len(open)+1, c.most)
				}
				open = append(open, conn)
			}
			if ask(dial()) {
				t.Errorf("connection %d is served", c.most+1)
			}
			open[0].Close()
			for deadline := time.Now().Add(10 * time.Second); !ask(dial()); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("a place that is free again is not given away")
				}
			}
			r.stop()
			if err := <-r.stopped; err != nil {
				t.Error(err)
			}
		})
	}
}
