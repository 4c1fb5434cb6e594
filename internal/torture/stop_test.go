package torture

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestStop tells the program to end while many write, some are slow, and some
// have sent half of what they meant to. It finishes what runs, lets nobody wait
// for ever, and nothing that was acknowledged is missing afterwards.
func TestStop(t *testing.T) {
	beside(t)
	const companies = 100
	s := seed(t)
	f := newFolder(t, t.TempDir())
	p, c := f.serve(t)
	fillThrough(t, c, companies)
	crowd, base, records := newTestCrowd(t, c, s, companies)
	rounds := or(*cycles, 1, 20)
	var slowest time.Duration
	for range rounds {
		var worked error
		idle := make(chan struct{})
		go func() {
			defer close(idle)
			worked = crowd.work(t.Context(), c)
		}()
		for _, sent := range []string{
			"",                       // connected, and not a word
			"POST /graphql HTTP/1.1", // in the middle of the header
			"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", // of the body
			"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",                                                             // waits for its next request
		} {
			slow, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = slow.Close() })
			if _, err := slow.Write([]byte(sent)); err != nil {
				t.Fatal(err)
			}
		}
		follower, socket := follow(t, c), openSocket(t, c)
		enough := len(crowd.h.acknowledged()) + 60
		eventually(t, "enough writes", func() bool { return len(crowd.h.acknowledged()) >= enough || closed(idle) })
		took := p.stop(t)
		<-idle
		if worked != nil {
			t.Fatal(worked)
		}
		if slowest = max(slowest, took); took > leniency*stopWithin {
			t.Errorf("it ended %s after SIGTERM, want %s", took, stopWithin)
		}
		if err := <-follower; err != nil {
			t.Error(err)
		}
		if code := <-socket; code != 1001 {
			t.Errorf("a WebSocket was closed with %d, want 1001", code)
		}
		p, c = f.serve(t)
		settled, err := crowd.settle(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		settled.report(t)
	}
	k := killing{folder: f, Rand: chance(s, "stop", 0), crowd: crowd, base: base, records: records}
	all := crowd.h.acknowledged()
	recalled, err := c.recall(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	k.add(recalled)
	if err := k.weigh(t.Context(), c, all); err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	k.report(t)
	t.Logf("SIGTERM: %d times, %d writes acknowledged, %d lost, %d torn, slowest end %s", rounds, len(all), k.lost, k.torn, slowest.Round(time.Millisecond))
}

// follow asks for changes as a stream of events, and returns what the end of the
// stream says: nothing if it came to its end, and every change was told in order.
func follow(t *testing.T, c *client) <-chan error {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, c.url+"/graphql",
		strings.NewReader(string(encode(`subscription { changes(since: 0) { revision complete } }`, nil))))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the changes as a stream: status %d", response.StatusCode)
	}
	ended := make(chan error, 1)
	go func() {
		defer response.Body.Close()
		next, lines := 1, bufio.NewScanner(response.Body)
		for lines.Scan() {
			var revision int
			if _, text, ok := strings.Cut(lines.Text(), `"revision":`); ok {
				if _, err := fmt.Sscan(text, &revision); err != nil {
					ended <- err
					return
				}
				if revision != next && revision != next-1 {
					ended <- fmt.Errorf("a follower was told of revision %d where %d comes next", revision, next)
					return
				}
				next = revision + 1
			}
		}
		ended <- lines.Err()
	}()
	return ended
}

// openSocket opens a WebSocket for subscriptions and returns the code with which
// it is closed, 0 where it ends without one.
func openSocket(t *testing.T, c *client) <-chan int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /graphql HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
		strings.TrimPrefix(c.url, "http://"))
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("a WebSocket is not opened: %v, %v", response, err)
	}
	for _, message := range []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":"subscription { changes { revision } }"}}`} {
		// A client's frame: text, whole, shorter than 126 bytes, with a mask of zeros.
		if _, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(message)), 0, 0, 0, 0}, message...)); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan int, 1)
	go func() {
		code := 0
		defer func() { closed <- code }()
		for {
			var head [2]byte
			if _, err := io.ReadFull(in, head[:]); err != nil {
				return
			}
			length := int64(head[1])
			if length == 126 {
				var long [2]byte
				if _, err := io.ReadFull(in, long[:]); err != nil {
					return
				}
				length = int64(binary.BigEndian.Uint16(long[:]))
			}
			content := make([]byte, length)
			if _, err := io.ReadFull(in, content); err != nil {
				return
			}
			const closing = 0x88
			if head[0] == closing && length >= 2 {
				code = int(binary.BigEndian.Uint16(content))
			}
		}
	}()
	return closed
}
