package server

import (
	"container/list"
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What a client on another machine may do where nothing is said; see Traffic.
const (
	defaultClientRate        = 100
	defaultClientConnections = 200
)

// mostClients bounds the table of clients. One that is forgotten starts afresh,
// and whoever has that many addresses has that many allowances anyway.
const mostClients = 10_000

// clients knows who asks how often.
type clients struct {
	rate    rate.Limit
	burst   int
	here    bool // clients on this machine are bounded too
	trusted []netip.Prefix

	mu    sync.Mutex
	known map[string]*list.Element // of *client
	order list.List                // the one seen last in front
}

type client struct {
	key     string
	limiter *rate.Limiter
}

// newClients returns nil where nobody is bounded.
func newClients(t Traffic) *clients {
	if t.ClientRate < 0 {
		return nil
	}
	c := &clients{rate: rate.Limit(t.ClientRate), burst: t.ClientBurst, here: t.ClientRate > 0, trusted: t.TrustedProxies, known: map[string]*list.Element{}}
	if c.rate == 0 {
		c.rate = defaultClientRate
	}
	if c.burst <= 0 {
		c.burst = max(1, int(2*c.rate))
	}
	return c
}

// allow counts a request. Where it is one too many, wait is how long until the
// next is welcome.
func (c *clients) allow(r *http.Request, principal string) (wait time.Duration, ok bool) {
	if c == nil {
		return 0, true
	}
	return c.allowFrom(clientAddr(r, c.trusted), principal)
}

// allowFrom is allow for what was not sent as a request of its own.
func (c *clients) allowFrom(addr netip.Addr, principal string) (wait time.Duration, ok bool) {
	if c == nil || addr.IsLoopback() && !c.here {
		return 0, true
	}
	key := clientKey(addr, principal)
	now := time.Now()
	reservation := c.limiter(key).ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// clientKey names a client: by its principal if it is known, else by its address.
func clientKey(addr netip.Addr, principal string) string {
	if principal != "" {
		return "principal " + principal
	}
	return network(addr).String()
}

func (c *clients) limiter(key string) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.known[key]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*client).limiter
	}
	if len(c.known) >= mostClients {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.known, oldest.Value.(*client).key)
	}
	added := &client{key: key, limiter: rate.NewLimiter(c.rate, c.burst)}
	c.known[key] = c.order.PushFront(added)
	return added.limiter
}

// network returns the part of an address that one client holds: all of an IPv4
// address, the first 64 bits of an IPv6 one, of which a single line has at least
// that many to choose from.
func network(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// clientAddr returns the address that a request comes from: that of the
// connection, or where this is a trusted proxy, the last address in
// X-Forwarded-For that is not one. It is the zero Addr where there is none, as
// in a test.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addr := peer(r.RemoteAddr)
	if !within(addr, trusted) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := peer(strings.TrimSpace(hops[i]))
		if !hop.IsValid() {
			return addr // the rest of the list is whatever the client wrote
		}
		if addr = hop; !within(addr, trusted) {
			return addr
		}
	}
	return addr
}

// peer reads an address with or without a port.
func peer(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func within(addr netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// paced refuses the requests of clients that send too many. Probes are let
// through, since an answer to them says whether the server lives.
func (s *Server) paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isProbe(r.URL.Path) {
			if wait, ok := s.clients.allow(r, s.principal(r.Context())); !ok {
				s.metrics.refused("client_rate")
				retryAfter(w, wait)
				requestFrom(r.Context()).code = codeRateLimited
				writeProblem(w, &problem{http.StatusTooManyRequests, codeRateLimited, "too many requests from one client; wait as long as the header Retry-After says"})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// nobody is who asks where no identities are set up.
func nobody(context.Context) string { return "" }
