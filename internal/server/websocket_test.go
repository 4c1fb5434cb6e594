package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/auth"
)

// caller is the other end of a WebSocket.
type caller struct {
	*websocket.Conn
	ctx context.Context
}

// call opens a WebSocket; header holds names and values in turn.
func (r running) call(t *testing.T, protocol string, header ...string) *caller {
	t.Helper()
	c, resp, err := r.dial(t, protocol, header...)
	if err != nil {
		t.Fatalf("%v (%+v)", err, resp)
	}
	return c
}

func (r running) dial(t *testing.T, protocol string, header ...string) (*caller, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	o := &websocket.DialOptions{HTTPClient: r.client, HTTPHeader: http.Header{}}
	if protocol != "" {
		o.Subprotocols = []string{protocol}
	}
	for i := 0; i < len(header); i += 2 {
		o.HTTPHeader.Add(header[i], header[i+1])
	}
	conn, resp, err := websocket.Dial(ctx, r.url+"/graphql", o)
	if err != nil {
		return nil, resp, err
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { _ = conn.CloseNow() })
	c := &caller{conn, ctx}
	*r.calls = append(*r.calls, c)
	return c, resp, nil
}

// acknowledged opens a WebSocket and has it acknowledged.
func (r running) acknowledged(t *testing.T) *caller {
	t.Helper()
	c := r.call(t, protocolToday)
	c.say(t, `{"type":"connection_init"}`)
	c.hear(t, `{"type":"connection_ack"}`)
	return c
}

func (c *caller) say(t *testing.T, text string) {
	t.Helper()
	if err := c.Write(c.ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hear wants these messages next.
func (c *caller) hear(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		_, text, err := c.Read(c.ctx)
		if err != nil {
			t.Fatalf("heard %v, want %s", err, w)
		}
		if string(text) != w {
			t.Fatalf("heard %s, want %s", text, w)
		}
	}
}

// closed wants the socket to be closed, and returns with what code.
func (c *caller) closed(t *testing.T) (websocket.StatusCode, string) {
	t.Helper()
	for {
		_, _, err := c.Read(c.ctx)
		if err == nil {
			continue
		}
		if end, ok := errors.AsType[websocket.CloseError](err); ok {
			return end.Code, end.Reason
		}
		t.Fatalf("ended with %v, want it to be closed", err)
	}
}

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting until %s", what)
		}
	}
}

// end hangs up, stops the server and wants it to end well.
func (r running) end(t *testing.T) {
	t.Helper()
	for _, c := range *r.calls {
		_ = c.CloseNow()
	}
	r.stop()
	if err := <-r.stopped; err != nil {
		t.Error(err)
	}
	if n := r.schema.clock.open(); n != 0 {
		t.Errorf("%d streams are left open", n)
	}
}

// TestConversations has whole conversations: ">" is what the client says, "<"
// what it must hear, "tick" what happens in between.
func TestConversations(t *testing.T) {
	for name, c := range map[string]struct {
		protocol string
		lines    []string
		code     websocket.StatusCode
	}{
		"subscription": {protocolToday, []string{
			`> {"type":"connection_init"}`,
			`< {"type":"connection_ack"}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription { ticks(since: 0) { n } }"}}`,
			`tick`,
			`< {"id":"a","type":"next","payload":{"data":{"ticks":{"n":1}}}}`,
			`tick`,
			`< {"id":"a","type":"next","payload":{"data":{"ticks":{"n":2}}}}`,
			`> {"id":"a","type":"complete"}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription ($s: Int) { ticks(since: $s) { n text } }","variables":{"s":1}}}`,
			`< {"id":"a","type":"next","payload":{"data":{"ticks":{"n":2,"text":"text"}}}}`,
			`tick`,
			`< {"id":"a","type":"next","payload":{"data":{"ticks":{"n":3,"text":"text"}}}}`,
		}, 0},
		"legacy subscription": {protocolLegacy, []string{
			`> {"type":"connection_init","payload":{}}`,
			`< {"type":"connection_ack"}`,
			`< {"type":"ka"}`,
			`> {"id":"1","type":"start","payload":{"query":"subscription { ticks(since: 0) { n } }"}}`,
			`tick`,
			`< {"id":"1","type":"data","payload":{"data":{"ticks":{"n":1}}}}`,
			`> {"id":"1","type":"stop"}`,
			`> {"id":"2","type":"start","payload":{"query":"{ name }"}}`,
			`< {"id":"2","type":"data","payload":{"data":{"name":"text"}}}`,
			`< {"id":"2","type":"complete"}`,
			`> {"id":"3","type":"start","payload":{"query":"{ nam }"}}`,
			`< {"id":"3","type":"error","payload":{"message":"Cannot query field \"nam\" on type \"Query\". Did you mean \"name\"?","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}}`,
			`> {"type":"connection_terminate"}`,
		}, websocket.StatusNormalClosure},
		"two at a time": {protocolToday, []string{
			`> {"type":"connection_init","payload":null}`,
			`< {"type":"connection_ack"}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription { ticks(since: 0) { n } }"}}`,
			`tick`,
			`< {"id":"a","type":"next","payload":{"data":{"ticks":{"n":1}}}}`,
			`> {"id":"b","type":"subscribe","payload":{"query":"{ name }"}}`,
			`< {"id":"b","type":"next","payload":{"data":{"name":"text"}}}`,
			`< {"id":"b","type":"complete"}`,
			`tick`,
			`< {"id":"a","type":"next","payload":{"data":{"ticks":{"n":2}}}}`,
		}, 0},
		"pings": {protocolToday, []string{
			`> {"type":"ping"}`,
			`< {"type":"pong"}`,
			`> {"type":"connection_init"}`,
			`< {"type":"connection_ack"}`,
			`> {"type":"ping","payload":{"a":[1]}}`,
			`< {"type":"pong","payload":{"a":[1]}}`,
			`> {"type":"pong"}`,
			`> {"id":"none","type":"complete"}`,
			`> {"type":"ping"}`,
			`< {"type":"pong"}`,
		}, 0},
		"what is refused": {protocolToday, []string{
			`> {"type":"connection_init"}`,
			`< {"type":"connection_ack"}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"{"}}`,
			`< {"id":"a","type":"error","payload":[{"message":"Expected Name, found \u003cEOF\u003e","locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription { ticks(since: 9) { n } }"}}`,
			`< {"id":"a","type":"error","payload":[{"message":"since: it is 0","path":["ticks"],"locations":[{"line":1,"column":16}],"extensions":{"argument":"since","code":"BAD_USER_INPUT"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription { ticks { n } again: ticks { n } }"}}`,
			`< {"id":"a","type":"error","payload":[{"message":"a subscription has exactly one field, not 2","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription { ticks { at(first: 3000) { id } } }"}}`,
			`< {"id":"a","type":"error","payload":[{"message":"an update may hold about 6001 values, more than the 5000 allowed for one that is sent to everyone who asks; ask for fewer fields, and for the rest in a query","extensions":{"code":"TOO_COMPLEX"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"{ ...F } fragment F on Query { name ...F }"}}`,
			`< {"id":"a","type":"error","payload":[{"message":"the fragment \"F\" spreads itself","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"{ nodes(first: 200000) { id } }"}}`,
			`< {"id":"a","type":"error","payload":[{"message":"the operation may return about 400000 values, more than the 100000 allowed; ask for smaller pages or fewer fields","extensions":{"code":"TOO_COMPLEX"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":7}}`,
			`< {"id":"a","type":"error","payload":[{"message":"the parameter query must be a string","extensions":{"code":"BAD_USER_INPUT"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{}}`,
			`< {"id":"a","type":"error","payload":[{"message":"the parameter query is missing; it holds the GraphQL document","extensions":{"code":"BAD_USER_INPUT"}}]}`,
			`> {"id":"a","type":"subscribe"}`,
			`< {"id":"a","type":"error","payload":[{"message":"the body is not valid JSON","extensions":{"code":"BAD_USER_INPUT"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"mutation { rename(name: \"a\") }"}}`,
			`< {"id":"a","type":"error","payload":[{"message":"this needs a token with the scope write, in the header Authorization: Bearer TOKEN","extensions":{"code":"UNAUTHENTICATED"}}]}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"{ name }"}}`,
			`< {"id":"a","type":"next","payload":{"data":{"name":"text"}}}`,
			`< {"id":"a","type":"complete"}`,
		}, 0},
		"no subprotocol":         {"", nil, closeNoProtocol},
		"unknown subprotocol":    {"graphql-over-pigeon", nil, closeNoProtocol},
		"silence":                {protocolToday, nil, closeInitTimeout},
		"only pings":             {protocolToday, []string{`> {"type":"ping"}`, `< {"type":"pong"}`}, closeInitTimeout},
		"no JSON":                {protocolToday, []string{`> hello`}, closeBadMessage},
		"no object":              {protocolToday, []string{`> [1]`}, closeBadMessage},
		"two messages in one":    {protocolToday, []string{`> {"type":"ping"}{"type":"ping"}`}, closeBadMessage},
		"unknown type":           {protocolToday, []string{`> {"type":"start"}`}, closeBadMessage},
		"payload that is a text": {protocolToday, []string{`> {"type":"connection_init","payload":"Bearer x"}`}, closeBadMessage},
		"token that is a list":   {protocolToday, []string{`> {"type":"connection_init","payload":{"authorization":["Bearer x"]}}`}, closeBadMessage},
		"too early":              {protocolToday, []string{`> {"id":"a","type":"subscribe","payload":{"query":"{ name }"}}`}, closeUnauthorized},
		"init twice": {protocolToday, []string{
			`> {"type":"connection_init"}`,
			`< {"type":"connection_ack"}`,
			`> {"type":"connection_init"}`,
		}, closeInitTwice},
		"an id twice": {protocolToday, []string{
			`> {"type":"connection_init"}`,
			`< {"type":"connection_ack"}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription { ticks { n } }"}}`,
			`> {"id":"a","type":"subscribe","payload":{"query":"subscription { ticks { n } }"}}`,
		}, closeDuplicate},
		"no id": {protocolToday, []string{
			`> {"type":"connection_init"}`,
			`< {"type":"connection_ack"}`,
			`> {"type":"subscribe","payload":{"query":"{ name }"}}`,
		}, closeBadMessage},
		"a long id": {protocolToday, []string{
			`> {"type":"connection_init"}`,
			`< {"type":"connection_ack"}`,
			`> {"id":"` + strings.Repeat("a", maxOperationID+1) + `","type":"subscribe","payload":{"query":"{ name }"}}`,
		}, closeBadMessage},
		"a long message":      {protocolToday, []string{`> {"type":"ping","payload":{"a":"` + strings.Repeat("a", 64<<10) + `"}}`}, websocket.StatusMessageTooBig},
		"unknown token":       {protocolToday, []string{`> {"type":"connection_init","payload":{"Authorization":"Bearer nobody"}}`}, closeUnauthorized},
		"no bearer":           {protocolToday, []string{`> {"type":"connection_init","payload":{"Authorization":"nobody"}}`}, closeUnauthorized},
		"legacy, unknown one": {protocolLegacy, []string{`> {"type":"connection_init","payload":{"Authorization":"Bearer nobody"}}`, `< {"type":"connection_error","payload":{"extensions":{"code":"UNAUTHENTICATED"},"message":"the token is not accepted: it is unknown, revoked or damaged; ask for a new one"}}`}, closeUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, func(cfg *Config) {
				// Pings are not part of the conversation.
				cfg.Subscriptions = Subscriptions{InitTimeout: time.Minute, Heartbeat: time.Minute, Patience: time.Minute}
				if c.code == closeInitTimeout {
					cfg.Subscriptions.InitTimeout = 100 * time.Millisecond
				}
				cfg.Access.PlainTokens = true
			})
			conversation := r.call(t, c.protocol)
			for _, line := range c.lines {
				switch kind, text, _ := strings.Cut(line, " "); kind {
				case ">":
					conversation.say(t, text)
				case "<":
					conversation.hear(t, text)
				default:
					r.schema.clock.tick(1)
				}
			}
			if c.code != 0 {
				if code, reason := conversation.closed(t); code != c.code {
					t.Errorf("closed with %d (%s), want %d", code, reason, c.code)
				}
			}
			r.end(t)
		})
	}
	t.Run("binary", func(t *testing.T) {
		r := run(t, nil)
		c := r.call(t, protocolToday)
		if err := c.Write(c.ctx, websocket.MessageBinary, []byte(`{"type":"connection_init"}`)); err != nil {
			t.Fatal(err)
		}
		if code, _ := c.closed(t); code != closeBadMessage {
			t.Errorf("closed with %d", code)
		}
		r.end(t)
	})
}

// TestSocketsOfOtherOrigins shakes hands for pages of all sorts.
func TestSocketsOfOtherOrigins(t *testing.T) {
	access, tokens := newAccess(t)
	access.Origins = []string{"https://friend.example", anyOrigin}
	strict := access
	strict.Origins = access.Origins[:1]
	for name, c := range map[string]struct {
		access   Access
		origin   string // "own" is that of the server
		admitted bool
		token    websocket.StatusCode // with which a token is answered; 0 where it is accepted
	}{
		"a program":              {strict, "", true, 0},
		"own":                    {strict, "own", true, 0},
		"named":                  {strict, "https://friend.example", true, 0},
		"foreign":                {strict, "https://evil.example", false, 0},
		"null":                   {strict, "null", false, 0},
		"own as a prefix":        {strict, "own.evil.example", false, 0},
		"named as a prefix":      {strict, "https://friend.example.evil.example", false, 0},
		"named as a suffix":      {strict, "https://notfriend.example", false, 0},
		"below the named":        {strict, "https://a.friend.example", false, 0},
		"named, another scheme":  {strict, "http://friend.example", false, 0},
		"any, where any may":     {access, "https://evil.example", true, closeForbidden},
		"named, where any may":   {access, "https://friend.example", true, 0},
		"null, where any may":    {access, "null", false, 0},
		"nothing, where any may": {access, "", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, func(cfg *Config) { cfg.Access = c.access })
			var header []string
			if c.origin != "" {
				header = []string{"Origin", strings.Replace(c.origin, "own", r.url, 1)}
			}
			conn, resp, err := r.dial(t, protocolToday, header...)
			if (err == nil) != c.admitted {
				t.Fatalf("shaking hands: %v", err)
			}
			if !c.admitted {
				if resp.StatusCode != http.StatusForbidden {
					t.Errorf("status %d, want 403", resp.StatusCode)
				}
				r.end(t)
				return
			}
			conn.say(t, `{"type":"connection_init","payload":{"Authorization":"Bearer `+tokens[auth.ScopeRead]+`"}}`)
			if c.token == 0 {
				conn.hear(t, `{"type":"connection_ack"}`)
			} else if code, _ := conn.closed(t); code != c.token {
				t.Errorf("closed with %d, want %d", code, c.token)
			}
			r.end(t)
		})
	}
}

// TestTokensOfSockets shows tokens in every way there is.
func TestTokensOfSockets(t *testing.T) {
	access, tokens := newAccess(t)
	access.ReadsNeedToken = true
	bearer := func(s auth.Scope) string { return "Bearer " + tokens[s] }
	const renaming = `{"id":"a","type":"subscribe","payload":{"query":"mutation { rename(name: \"a\") }"}}`
	for name, c := range map[string]struct {
		header  []string
		payload string
		code    websocket.StatusCode
		writes  bool
	}{
		"none":                        {nil, ``, closeUnauthorized, false},
		"in the payload":              {nil, `{"Authorization":"` + bearer(auth.ScopeWrite) + `"}`, 0, true},
		"in the payload, small":       {nil, `{"authorization":"` + bearer(auth.ScopeRead) + `"}`, 0, false},
		"in the header":               {[]string{"Authorization", bearer(auth.ScopeWrite)}, ``, 0, true},
		"in both":                     {[]string{"Authorization", bearer(auth.ScopeRead)}, `{"Authorization":"` + bearer(auth.ScopeWrite) + `"}`, 0, true},
		"in a cookie":                 {[]string{"Cookie", "Authorization=" + tokens[auth.ScopeWrite]}, ``, closeUnauthorized, false},
		"under another name":          {nil, `{"token":"` + tokens[auth.ScopeWrite] + `"}`, closeUnauthorized, false},
		"a bad one behind a good one": {[]string{"Authorization", bearer(auth.ScopeWrite)}, `{"Authorization":"Bearer x"}`, closeUnauthorized, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, func(cfg *Config) { cfg.Access = access })
			conn := r.call(t, protocolToday, c.header...)
			if c.payload == "" {
				conn.say(t, `{"type":"connection_init"}`)
			} else {
				conn.say(t, `{"type":"connection_init","payload":`+c.payload+`}`)
			}
			if c.code != 0 {
				if code, _ := conn.closed(t); code != c.code {
					t.Errorf("closed with %d, want %d", code, c.code)
				}
			} else {
				conn.hear(t, `{"type":"connection_ack"}`)
				conn.say(t, renaming)
				if c.writes {
					conn.hear(t, `{"id":"a","type":"next","payload":{"data":{"rename":"text"}}}`, `{"id":"a","type":"complete"}`)
				} else {
					conn.hear(t, `{"id":"a","type":"error","payload":[{"message":"this needs the scope write; the one in use has the scope read","extensions":{"code":"FORBIDDEN"}}]}`)
				}
			}
			r.end(t)
		})
	}
	t.Run("in the URL", func(t *testing.T) {
		r := run(t, func(cfg *Config) { cfg.Access = access })
		r.url += "/graphql?access_token=" + tokens[auth.ScopeWrite] + "&Authorization=Bearer%20" + tokens[auth.ScopeWrite] + "#"
		conn := r.call(t, protocolToday)
		conn.say(t, `{"type":"connection_init"}`)
		if code, _ := conn.closed(t); code != closeUnauthorized {
			t.Errorf("closed with %d", code)
		}
		r.end(t)
	})
}

// TestTokensThatEnd revokes a token while a subscription is open under it.
func TestTokensThatEnd(t *testing.T) {
	file := auth.TokenFile{Path: t.TempDir() + "/tokens.json"}
	token, _, err := file.Create(t.Context(), "reader", auth.ScopeRead, time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, func(cfg *Config) {
		cfg.Subscriptions = Subscriptions{Heartbeat: 50 * time.Millisecond, PongTimeout: time.Minute}
		tokens, err := auth.NewTokens(file, cfg.Logger)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Access = Access{Gate: &auth.Gate{Tokens: tokens}, PlainTokens: true, ReadsNeedToken: true}
	})
	conn := r.call(t, protocolToday)
	conn.say(t, `{"type":"connection_init","payload":{"Authorization":"Bearer `+token+`"}}`)
	conn.hear(t, `{"type":"connection_ack"}`)
	conn.say(t, `{"id":"a","type":"subscribe","payload":{"query":"subscription { ticks(since: 0) { n } }"}}`)
	r.schema.clock.tick(1)
	conn.hear(t, `{"id":"a","type":"next","payload":{"data":{"ticks":{"n":1}}}}`)
	events := r.events(t, `{"query":"subscription { ticks(since: 0) { n } }"}`, "Authorization", "Bearer "+token)
	events.hear(t, ":\n\n", "id: 1\nevent: next\ndata: {\"data\":{\"ticks\":{\"n\":1}}}\n\n")

	if _, err := file.Revoke(t.Context(), "reader", time.Now()); err != nil {
		t.Fatal(err)
	}
	if code, reason := conn.closed(t); code != closeUnauthorized || !strings.HasPrefix(reason, "the token is not accepted") {
		t.Errorf("closed with %d, %s", code, reason)
	}
	if rest := events.rest(t); !strings.Contains(rest, `"code":"UNAUTHENTICATED"`) || !strings.HasSuffix(rest, "event: complete\ndata:\n\n") {
		t.Errorf("the stream ended with %s", rest)
	}
	r.end(t)
}

// TestSubscriptionsAreBounded opens one too many in every sense.
func TestSubscriptionsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		bounds Subscriptions
		lines  int
		reason string
	}{
		"in all":    {Subscriptions{InAll: 3}, 2, "subscriptions"},
		"a client":  {Subscriptions{Client: 3}, 2, "client_subscriptions"},
		"on a line": {Subscriptions{Line: 3}, 1, "line_subscriptions"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, func(cfg *Config) { cfg.Subscriptions = c.bounds })
			lines := make([]*caller, c.lines)
			for i := range lines {
				lines[i] = r.acknowledged(t)
			}
			subscribe := func(i int) {
				lines[i%len(lines)].say(t, fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"subscription { ticks(since: 0) { n } }"}}`, i))
			}
			refused := func(i int) {
				t.Helper()
				subscribe(i)
				line := lines[i%len(lines)]
				_, text, err := line.Read(line.ctx)
				if err != nil || !strings.Contains(string(text), `"type":"error"`) || !strings.Contains(string(text), `"code":"RATE_LIMITED"`) {
					t.Errorf("the one too many is answered %s (%v)", text, err)
				}
			}
			for i := range 3 {
				subscribe(i)
			}
			until(t, "streams are >= 3", func() bool { return r.schema.clock.open() >= 3 })
			refused(3)
			if page := r.page(t, "/metrics"); !strings.Contains(page, `keiretsu_turned_away_total{reason="`+c.reason+`"} 1`) || !strings.Contains(page, "keiretsu_subscriptions 3") {
				t.Error("it is not counted")
			}
			lines[0].say(t, `{"id":"0","type":"complete"}`)
			until(t, "streams are <= 2", func() bool { return r.schema.clock.open() <= 2 })
			subscribe(0)
			until(t, "streams are >= 3", func() bool { return r.schema.clock.open() >= 3 })
			r.end(t)
		})
	}
}

// TestRatesHoldOnSockets wants operations on a socket to count like requests.
func TestRatesHoldOnSockets(t *testing.T) {
	r := run(t, func(cfg *Config) { cfg.Traffic = Traffic{ClientRate: .001, ClientBurst: 3} })
	c := r.acknowledged(t) // the handshake is the first
	ask := `{"id":"a","type":"subscribe","payload":{"query":"{ name }"}}`
	for range 2 {
		c.say(t, ask)
		c.hear(t, `{"id":"a","type":"next","payload":{"data":{"name":"text"}}}`, `{"id":"a","type":"complete"}`)
	}
	c.say(t, ask)
	c.hear(t, `{"id":"a","type":"error","payload":[{"message":"too many requests from one client; wait a moment","extensions":{"code":"RATE_LIMITED"}}]}`)
	r.end(t)
}

// deaf opens a WebSocket whose client reads nothing until it is told to.
func (r running) deaf(t *testing.T) (c *caller, listen func()) {
	t.Helper()
	listening := make(chan struct{})
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(128 << 10)
		}
		return &deafConn{Conn: conn, hears: 2 << 10, listening: listening}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport}
	return r.acknowledged(t), sync.OnceFunc(func() { close(listening) })
}

// deafConn reads a little, and then nothing before it listens.
type deafConn struct {
	net.Conn
	hears     int
	listening chan struct{}
}

func (c *deafConn) Read(p []byte) (int, error) {
	if c.hears <= 0 {
		<-c.listening
		return c.Conn.Read(p)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.hears)])
	c.hears -= n
	return n, err
}

// TestSlowReadersAreDropped has one client not read while others do: they get
// everything, and it gets the code, if it reads again in time.
func TestSlowReadersAreDropped(t *testing.T) {
	const ticks = 400
	text := strings.Repeat("x", 4<<10)
	r := run(t, func(cfg *Config) { cfg.Subscriptions = Subscriptions{Patience: 3 * time.Second} })
	r.schema.resolve["Tick.text"] = func(context.Context, map[string]any) (any, error) { return text, nil }
	const ask = `{"id":"a","type":"subscribe","payload":{"query":"subscription { ticks { n text } }"}}`
	slow, listen := r.deaf(t)
	slow.say(t, ask)
	readers := make([]*caller, 4)
	for i := range readers {
		readers[i] = r.acknowledged(t)
		readers[i].say(t, ask)
	}
	until(t, "streams are >= len(readers)+1", func() bool { return r.schema.clock.open() >= len(readers)+1 })
	var all sync.WaitGroup
	for _, c := range readers {
		all.Go(func() {
			for n := range ticks {
				var heard struct {
					Payload struct {
						Data struct{ Ticks struct{ N int } }
					}
				}
				_, text, err := c.Read(c.ctx)
				if err == nil {
					err = json.Unmarshal(text, &heard)
				}
				if err != nil || heard.Payload.Data.Ticks.N != n+1 {
					t.Errorf("heard of %d (%v), want %d", heard.Payload.Data.Ticks.N, err, n+1)
					return
				}
			}
		})
	}
	for range ticks {
		r.schema.clock.tick(1)
	}
	all.Wait()
	until(t, "it is dropped", func() bool {
		return strings.Contains(r.page(t, "/metrics"), `keiretsu_subscribers_dropped_total{reason="slow"} 1`)
	})
	listen()
	if code, reason := slow.closed(t); code != closeTooSlow || reason == "" {
		t.Errorf("the slow one is closed with %d, %s", code, reason)
	}
	until(t, "streams are <= len(readers)", func() bool { return r.schema.clock.open() <= len(readers) })
	r.end(t)
}

// TestSilentClientsAreCut has a client that answers no ping.
func TestSilentClientsAreCut(t *testing.T) {
	r := run(t, func(cfg *Config) {
		cfg.Subscriptions = Subscriptions{Heartbeat: time.Second, PongTimeout: time.Second, Patience: time.Minute}
	})
	c, listen := r.deaf(t)
	defer listen()
	c.say(t, `{"id":"a","type":"subscribe","payload":{"query":"subscription { ticks { n } }"}}`)
	until(t, "streams are != 0", func() bool { return r.schema.clock.open() != 0 })
	until(t, "streams are <= 0", func() bool { return r.schema.clock.open() <= 0 })
	if page := r.page(t, "/metrics"); !strings.Contains(page, `keiretsu_subscribers_dropped_total{reason="silent"} 1`) || !strings.Contains(page, "keiretsu_sockets 0") {
		t.Error("it is not counted")
	}
	r.end(t)
}

// TestErrorsOnSockets wants a broken stream to end with what clients may see, and
// the cause in the log.
func TestErrorsOnSockets(t *testing.T) {
	r := run(t, nil)
	c := r.acknowledged(t)
	c.say(t, `{"id":"a","type":"subscribe","payload":{"query":"subscription Beats { ticks(since: 0) { n } }"}}`)
	r.schema.clock.tick(1)
	c.hear(t, `{"id":"a","type":"next","payload":{"data":{"ticks":{"n":1}}}}`)
	r.schema.clock.fail(errors.New("open /var/lib/keiretsu: disk on fire"))
	_, text, err := c.Read(c.ctx)
	if err != nil || strings.Contains(string(text), "/var") || !strings.Contains(string(text), `"code":"INTERNAL"`) || !strings.Contains(string(text), `"type":"error"`) {
		t.Errorf("heard %s (%v)", text, err)
	}
	until(t, "streams are <= 0", func() bool { return r.schema.clock.open() <= 0 })
	r.end(t)
	if !strings.Contains(r.log.String(), "disk on fire") {
		t.Error("the log does not say why")
	}
	lines := r.log.records(t, "operation")
	if len(lines) != 1 || lines[0]["operation"] != "Beats" || lines[0]["code"] != "INTERNAL" || lines[0]["updates"] != 1.0 {
		t.Errorf("the lines of operations are %v", lines)
	}
}

// TestPanicsOnSockets lets a field panic while an update is made.
func TestPanicsOnSockets(t *testing.T) {
	r := run(t, nil)
	r.schema.clock.strict = true
	r.schema.resolve["Tick.text"] = func(context.Context, map[string]any) (any, error) { panic("oh") }
	c := r.acknowledged(t)
	c.say(t, `{"id":"a","type":"subscribe","payload":{"query":"subscription { ticks(since: 0) { text } }"}}`)
	r.schema.clock.tick(1)
	_, text, err := c.Read(c.ctx)
	if err != nil || !strings.Contains(string(text), `"code":"INTERNAL"`) || !strings.Contains(string(text), `"type":"error"`) {
		t.Errorf("heard %s (%v)", text, err)
	}
	c.say(t, `{"id":"b","type":"subscribe","payload":{"query":"{ name }"}}`)
	c.hear(t, `{"id":"b","type":"next","payload":{"data":{"name":"text"}}}`, `{"id":"b","type":"complete"}`)
	r.end(t)
}

// TestDrainClosesSockets stops a server under a subscription and a query that
// takes its time: the query is answered, and then all are told to come back.
func TestDrainClosesSockets(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	r := run(t, nil)
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) {
		close(started)
		<-finish
		return "finished", nil
	}
	idle, busy := r.acknowledged(t), r.acknowledged(t)
	for _, c := range []*caller{idle, busy} {
		c.say(t, `{"id":"a","type":"subscribe","payload":{"query":"subscription { ticks { n } }"}}`)
	}
	busy.say(t, `{"id":"b","type":"subscribe","payload":{"query":"{ fail }"}}`)
	<-started
	until(t, "streams are >= 2", func() bool { return r.schema.clock.open() >= 2 })
	events := r.events(t, `{"query":"subscription { ticks(since: 0) { n } }"}`)
	events.hear(t, ":\n\n")
	r.stop()
	if code, _ := idle.closed(t); code != closeGoingAway {
		t.Errorf("the idle one is closed with %d", code)
	}
	if rest := events.rest(t); rest != "" {
		t.Errorf("the stream ended with %q, want nothing, so that the client comes back", rest)
	}
	busy.say(t, `{"id":"c","type":"subscribe","payload":{"query":"{ name }"}}`)
	busy.hear(t, `{"id":"c","type":"error","payload":[{"message":"the server is stopping; connect again in a moment, and resume","extensions":{"code":"UNAVAILABLE"}}]}`)
	close(finish)
	busy.hear(t, `{"id":"b","type":"next","payload":{"data":{"fail":"finished"}}}`, `{"id":"b","type":"complete"}`)
	if code, _ := busy.closed(t); code != closeGoingAway {
		t.Errorf("the busy one is closed with %d", code)
	}
	r.end(t)
}

// TestManySubscriptionsShareWorkers wakes many at once, several times, and wants
// each to hear everything in order while few goroutines work.
func TestManySubscriptionsShareWorkers(t *testing.T) {
	const many, ticks = 300, 20
	r := run(t, nil)
	lines := make([]*caller, 10)
	for i := range lines {
		lines[i] = r.acknowledged(t)
	}
	for i := range many {
		lines[i%len(lines)].say(t, fmt.Sprintf(`{"id":"%d","type":"subscribe","payload":{"query":"subscription { ticks(since: 0) { n } }"}}`, i))
	}
	until(t, "streams are >= many", func() bool { return r.schema.clock.open() >= many })
	go func() {
		for range ticks {
			r.schema.clock.tick(1)
		}
	}()
	told := make([][]int, many)
	var all sync.WaitGroup
	for _, c := range lines {
		all.Go(func() {
			for range ticks * many / len(lines) {
				var heard struct {
					ID      int `json:",string"`
					Payload struct {
						Data struct{ Ticks struct{ N int } }
					}
				}
				_, text, err := c.Read(c.ctx)
				if err == nil {
					err = json.Unmarshal(text, &heard)
				}
				if err != nil {
					t.Error(err)
					return
				}
				told[heard.ID] = append(told[heard.ID], heard.Payload.Data.Ticks.N)
			}
		})
	}
	all.Wait()
	want := make([]int, ticks)
	for i := range want {
		want[i] = i + 1
	}
	for i, got := range told {
		if !slices.Equal(got, want) {
			t.Fatalf("subscription %d: %s", i, cmp.Diff(want, got))
		}
	}
	r.end(t)
}

// TestEveryMutationOnASocketNeedsAToken sends each mutation of the schema over
// WebSocket and for an answer of events, without a token and with one that can
// only read.
func TestEveryMutationOnASocketNeedsAToken(t *testing.T) {
	access, tokens := newAccess(t)
	var ran int
	schemas := map[string]graphql.ExecutableSchema{
		"schema of ours": schemaOfOurs(t, &ran),
		"fake schema":    counting{newFakeSchema(), &ran},
	}
	for name, schema := range schemas {
		for held, c := range map[string]struct{ header, code string }{
			"none":   {"", codeUnauthenticated},
			"reader": {"Bearer " + tokens[auth.ScopeRead], codeForbidden},
		} {
			t.Run(name+", "+held, func(t *testing.T) {
				r := run(t, func(cfg *Config) { cfg.Access, cfg.Schema = access, schema })
				var header []string
				if c.header != "" {
					header = []string{"Authorization", c.header}
				}
				conn := r.call(t, protocolToday, header...)
				conn.say(t, `{"type":"connection_init"}`)
				conn.hear(t, `{"type":"connection_ack"}`)
				for _, m := range mutationsOf(schema.Schema()) {
					body := bodyOf(t, m.query, m.variables)
					conn.say(t, `{"id":"a","type":"subscribe","payload":`+body+`}`)
					_, text, err := conn.Read(conn.ctx)
					if err != nil || !strings.Contains(string(text), `"type":"error"`) || !strings.Contains(string(text), `"code":"`+c.code+`"`) {
						t.Errorf("%s over WebSocket is answered %s (%v)", m.field, text, err)
					}
					if said := r.events(t, body, header...).rest(t); !strings.Contains(said, `"code":"`+c.code+`"`) || strings.Contains(said, `"data"`) {
						t.Errorf("%s for events is answered %s", m.field, said)
					}
				}
				r.end(t)
			})
		}
	}
	if ran != 0 {
		t.Errorf("%d operations ran", ran)
	}
}

// TestHostileDocumentsOnSockets sends the corpus of hostile documents as
// operations of a socket: what is refused over HTTP is refused here.
func TestHostileDocumentsOnSockets(t *testing.T) {
	r := run(t, nil)
	c := r.acknowledged(t)
	for name, d := range hostileDocuments(t) {
		body := bodyOf(t, d, nil)
		if int64(len(body)) > r.hub.bounds.MessageBytes-100 {
			continue // the message is too long, which TestConversations shows
		}
		c.say(t, `{"id":"a","type":"subscribe","payload":`+body+`}`)
		_, text, err := c.Read(c.ctx)
		if err != nil || !strings.Contains(string(text), `"type":"error"`) || !strings.Contains(string(text), `"code":"`+hostile[name].code+`"`) {
			t.Fatalf("%s is answered %.500s (%v), want %s", name, text, err, hostile[name].code)
		}
	}
	r.end(t)
}
