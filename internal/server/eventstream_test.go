package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// eventReader reads server-sent events.
type eventReader struct {
	resp *http.Response
	text *bufio.Reader
}

// events posts an operation and reads its events; header holds names and values
// in turn.
func (r running) events(t *testing.T, body string, header ...string) *eventReader {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return r.listen(t, req, header...)
}

func (r running) listen(t *testing.T, req *http.Request, header ...string) *eventReader {
	t.Helper()
	req.Header.Set("Accept", mediaEvents)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &eventReader{resp, bufio.NewReader(resp.Body)}
}

// hear wants these blocks next.
func (e *eventReader) hear(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		block := ""
		for !strings.HasSuffix(block, "\n\n") {
			line, err := e.text.ReadString('\n')
			block += line
			if err != nil {
				t.Fatalf("heard %q and then %v, want %q", block, err, w)
			}
		}
		if block != w {
			t.Fatalf("heard %q, want %q", block, w)
		}
	}
}

// rest reads to the end, passing over heartbeats.
func (e *eventReader) rest(t *testing.T) string {
	t.Helper()
	text, err := io.ReadAll(e.text)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for block := range strings.SplitAfterSeq(string(text), "\n\n") {
		if block != ":\n\n" {
			blocks = append(blocks, block)
		}
	}
	return strings.Join(blocks, "")
}

func (r running) page(t *testing.T, path string) string {
	t.Helper()
	resp, err := r.client.Get(r.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEventStreams reads streams of events from their first byte to where they
// are left.
func TestEventStreams(t *testing.T) {
	const (
		first  = "id: 1\nevent: next\ndata: {\"data\":{\"ticks\":{\"n\":1}}}\n\n"
		second = "id: 2\nevent: next\ndata: {\"data\":{\"ticks\":{\"n\":2}}}\n\n"
		third  = "event: next\ndata: {\"data\":{\"ticks\":{\"n\":3}}}\n\n" // not one to resume from
		fourth = "id: 4\nevent: next\ndata: {\"data\":{\"ticks\":{\"n\":4}}}\n\n"
		hello  = ":\n\n"
		end    = "event: complete\ndata:\n\n"
	)
	const query = "subscription { ticks(since: 0) { n } }"
	for name, c := range map[string]struct {
		body   string // by POST; by GET where it is empty
		header []string
		want   []string
		ends   bool
	}{
		"from the beginning":   {`{"query":"` + query + `"}`, nil, []string{hello, first, second, third, fourth}, false},
		"by GET":               {"", nil, []string{hello, first, second, third, fourth}, false},
		"resumed":              {`{"query":"` + query + `"}`, []string{"Last-Event-ID", "2"}, []string{hello, third, fourth}, false},
		"resumed at the end":   {`{"query":"` + query + `"}`, []string{"Last-Event-ID", "3"}, []string{hello, fourth}, false},
		"JSON would do":        {`{"query":"` + query + `"}`, []string{"Accept", "application/json, text/event-stream;q=0.5"}, []string{hello, first, second, third, fourth}, false},
		"a query":              {`{"query":"{ name }"}`, nil, []string{"event: next\ndata: {\"data\":{\"name\":\"text\"}}\n\n", end}, true},
		"not a document":       {`{"query":"{"}`, nil, []string{"event: next\ndata: {\"errors\":[{\"message\":\"Expected Name, found \\u003cEOF\\u003e\",\"locations\":[{\"line\":1,\"column\":2}],\"extensions\":{\"code\":\"GRAPHQL_PARSE_FAILED\"}}]}\n\n", end}, true},
		"a wrong argument":     {`{"query":"subscription { ticks(since: 9) { n } }"}`, nil, []string{"event: next\ndata: {\"errors\":[{\"message\":\"since: it is 3\",\"path\":[\"ticks\"],\"locations\":[{\"line\":1,\"column\":16}],\"extensions\":{\"argument\":\"since\",\"code\":\"BAD_USER_INPUT\"}}]}\n\n", end}, true},
		"a mutation, no token": {`{"query":"mutation { rename(name: \"a\") }"}`, nil, []string{"event: next\ndata: {\"errors\":[{\"message\":\"this needs a token with the scope write, in the header Authorization: Bearer TOKEN\",\"extensions\":{\"code\":\"UNAUTHENTICATED\"}}]}\n\n", end}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, nil)
			r.schema.clock.tick(3)
			var e *eventReader
			if c.body == "" {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/graphql?query="+url.QueryEscape(query), nil)
				if err != nil {
					t.Fatal(err)
				}
				e = r.listen(t, req, c.header...)
			} else {
				e = r.events(t, c.body, c.header...)
			}
			got := map[string]string{}
			for _, name := range []string{"Content-Type", "Cache-Control", "Content-Encoding", "X-Accel-Buffering"} {
				got[name] = e.resp.Header.Get(name)
			}
			want := map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "Content-Encoding": "", "X-Accel-Buffering": "no"}
			if diff := cmp.Diff(want, got); diff != "" || e.resp.StatusCode != http.StatusOK {
				t.Errorf("status %d, header (-want +got):\n%s", e.resp.StatusCode, diff)
			}
			last := len(c.want) - 1
			if c.ends {
				e.hear(t, c.want...)
				if rest := e.rest(t); rest != "" {
					t.Errorf("then %q", rest)
				}
			} else {
				e.hear(t, c.want[:last]...)
				r.schema.clock.tick(1)
				e.hear(t, c.want[last])
			}
			r.end(t)
		})
	}
}

// TestEventStreamsThatAreRefused asks in ways that are not for streams.
func TestEventStreamsThatAreRefused(t *testing.T) {
	r := run(t, nil)
	for name, c := range map[string]struct {
		method, query, accept, id string
		status                    int
		want                      string
	}{
		"a mutation by GET":  {http.MethodGet, `mutation { rename(name: "a") }`, mediaEvents, "", 405, "send mutations by POST"},
		"an id of another":   {http.MethodGet, "subscription { ticks { n } }", mediaEvents, "x7", 400, "Last-Event-ID must be the id of an event"},
		"a negative id":      {http.MethodGet, "subscription { ticks { n } }", mediaEvents, "-1", 400, "Last-Event-ID must be the id of an event"},
		"as JSON":            {http.MethodGet, "subscription { ticks { n } }", "application/json", "", 200, "Accept: text/event-stream, or over a WebSocket"},
		"as anything":        {http.MethodGet, "subscription { ticks { n } }", "*/*", "", 200, "Accept: text/event-stream, or over a WebSocket"},
		"events not wanted":  {http.MethodGet, "subscription { ticks { n } }", "text/event-stream;q=0, application/json", "", 200, "Accept: text/event-stream, or over a WebSocket"},
		"as something else":  {http.MethodGet, "subscription { ticks { n } }", "text/html", "", 406, "allows none of them"},
		"by another method":  {http.MethodPut, "subscription { ticks { n } }", mediaEvents, "", 405, ""},
		"without a document": {http.MethodGet, "", mediaEvents, "", 400, "the parameter query is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, r.url+"/graphql?query="+url.QueryEscape(c.query), nil)
			if err != nil {
				t.Fatal(err)
			}
			e := r.listen(t, req, "Accept", c.accept, "Last-Event-ID", c.id)
			if body := e.rest(t); e.resp.StatusCode != c.status || !strings.Contains(body, c.want) {
				t.Errorf("answered %d %s, want %d with %q", e.resp.StatusCode, body, c.status, c.want)
			}
		})
	}
	r.end(t)
}

// TestEventStreamsOutliveRequests wants a stream to live longer than a request
// may, to be told so, and to end with its client.
func TestEventStreamsOutliveRequests(t *testing.T) {
	r := run(t, func(cfg *Config) {
		cfg.Traffic = Traffic{Timeout: 50 * time.Millisecond, HeaderTimeout: 50 * time.Millisecond, BodyTimeout: 50 * time.Millisecond, ReadingTimeout: 50 * time.Millisecond}
		cfg.Subscriptions = Subscriptions{Heartbeat: 50 * time.Millisecond}
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/graphql?query="+url.QueryEscape("subscription { ticks(since: 0) { n } }"), nil)
	if err != nil {
		t.Fatal(err)
	}
	e := r.listen(t, req)
	for range 8 {
		e.hear(t, ":\n\n")
	}
	r.schema.clock.tick(1)
	for {
		line, err := e.text.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "data: {\"data\":{\"ticks\":{\"n\":1}}}\n" {
			break
		}
	}
	leave()
	until(t, "the stream is closed", func() bool { return r.schema.clock.open() == 0 })
	r.end(t)
}

// TestSlowReadersOfEvents has a client that does not read for a while.
func TestSlowReadersOfEvents(t *testing.T) {
	text := strings.Repeat("x", 256<<10)
	r := run(t, func(cfg *Config) { cfg.Subscriptions = Subscriptions{Patience: 300 * time.Millisecond} })
	r.schema.resolve["Tick.text"] = func(context.Context, map[string]any) (any, error) { return text, nil }
	e := r.events(t, `{"query":"subscription { ticks(since: 0) { text } }"}`)
	r.schema.clock.tick(100)
	until(t, "it is dropped", func() bool {
		return strings.Contains(r.page(t, "/metrics"), `keiretsu_subscribers_dropped_total{reason="slow"} 1`)
	})
	rest := e.rest(t)
	if tail := rest[max(0, len(rest)-300):]; !strings.Contains(tail, `"code":"TOO_SLOW"`) || !strings.HasSuffix(tail, "event: complete\ndata:\n\n") {
		t.Errorf("the stream ended with %s", tail)
	}
	r.end(t)
}

// TestErrorsInEventStreams ends a stream in the middle.
func TestErrorsInEventStreams(t *testing.T) {
	r := run(t, nil)
	e := r.events(t, `{"query":"subscription { ticks(since: 0) { n } }"}`)
	r.schema.clock.tick(1)
	e.hear(t, ":\n\n", "id: 1\nevent: next\ndata: {\"data\":{\"ticks\":{\"n\":1}}}\n\n")
	r.schema.clock.fail(errors.New("open /var/lib/keiretsu: disk on fire"))
	if rest := e.rest(t); strings.Contains(rest, "/var") || !strings.Contains(rest, `"code":"INTERNAL"`) || !strings.HasSuffix(rest, "event: complete\ndata:\n\n") {
		t.Errorf("the stream ended with %s", rest)
	}
	r.end(t)
	if lines := r.log.records(t, "request"); lines[len(lines)-1]["code"] != "INTERNAL" {
		t.Errorf("the access log says %v", lines)
	}
}
