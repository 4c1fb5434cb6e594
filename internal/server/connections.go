package server

import (
	"net"
	"net/netip"
	"sync"
)

// boundedListener closes connections that are too many, in all or from one
// address, as soon as they are accepted: a connection that waits to be accepted
// would keep better clients out.
type boundedListener struct {
	net.Listener
	most    int
	perAddr int // 0 for no bound
	here    bool
	trusted []netip.Prefix
	refused func(reason string)

	mu   sync.Mutex
	open int
	from map[netip.Prefix]int
}

func newBoundedListener(listener net.Listener, t Traffic, refused func(reason string)) *boundedListener {
	l := &boundedListener{
		Listener: listener, most: t.Connections, perAddr: max(t.ClientConnections, 0), here: t.ClientConnections > 0,
		trusted: t.TrustedProxies, refused: refused, from: map[netip.Prefix]int{},
	}
	if t.ClientConnections == 0 {
		l.perAddr = defaultClientConnections
	}
	return l
}

// Accept returns the next connection that is not one too many.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		key := network(peer(conn.RemoteAddr().String()))
		reason := l.admit(key)
		if reason == "" {
			return &boundedConn{Conn: conn, release: sync.OnceFunc(func() { l.release(key) })}, nil
		}
		l.refused(reason)
		_ = conn.Close() // it was never used
	}
}

// admit counts a connection in, or says why not.
func (l *boundedListener) admit(key netip.Prefix) (reason string) {
	addr := key.Addr()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.open >= l.most:
		return "connections"
	case l.perAddr > 0 && l.from[key] >= l.perAddr && (l.here || !addr.IsLoopback()) && !within(addr, l.trusted):
		return "client_connections"
	}
	l.open++
	l.from[key]++
	return ""
}

func (l *boundedListener) release(key netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.from[key]--; l.from[key] == 0 {
		delete(l.from, key)
	}
}

// boundedConn counts itself out when it is closed.
type boundedConn struct {
	net.Conn
	release func()
}

// NetConn returns the connection that is counted.
func (c *boundedConn) NetConn() net.Conn { return c.Conn }

// Close closes the connection.
func (c *boundedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets net/http end its half first, so that a client which is still
// sending reads why it was refused.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
