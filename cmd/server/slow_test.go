package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestSlowClientsAreCutOff opens connections that send their header, or their
// body, a byte at a time, and others that do not read what they asked for. The
// time-outs are short here; with the defaults all of it takes 15 s.
func TestSlowClientsAreCutOff(t *testing.T) {
	const many, patient = 50, 4 * 15 * time.Second // machines do other things as well
	p := run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir(),
		"--header-timeout=3s", "--body-timeout=3s", "--request-timeout=4s", "--reading-timeout=2s", "--idle-timeout=1s")
	p.ready(t)
	address := strings.TrimPrefix(p.url, "http://")
	dial := func() (net.Conn, error) { return net.DialTimeout("tcp", address, patient) }

	// drip sends text a byte at a time until the server has had enough.
	drip := func(begin, text string) error {
		conn, err := dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_, _ = io.Copy(io.Discard, conn) // until the server closes
		}()
		if _, err := io.WriteString(conn, begin); err != nil {
			return nil // cut off
		}
		deadline := time.After(patient)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-closed:
				return nil
			case <-deadline:
				return fmt.Errorf("still open after %s", patient)
			case <-tick.C:
				_, _ = io.WriteString(conn, text[i%len(text):][:1]) // whether it arrives is seen by the reader
			}
		}
	}
	for name, client := range map[string]func() error{
		"headers": func() error {
			return drip("", "GET /graphql?query={conflicts{id}} HTTP/1.1\r\nX-Header: aaaaaaaaaaaaaaaaaaaaaa")
		},
		"bodies": func() error {
			return drip("POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", " ")
		},
		"idle": func() error { return drip("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "\r") },
		"readers": func() error {
			conn, err := dial()
			if err != nil {
				return err
			}
			defer conn.Close()
			if err := conn.SetWriteDeadline(time.Now().Add(patient)); err != nil {
				return err
			}
			// It asks and asks and reads none of the answers: the server stops
			// reading when it cannot write, and closes in the end.
			for err == nil {
				_, err = io.WriteString(conn, strings.Repeat("GET /schema.graphql HTTP/1.1\r\nHost: a\r\n\r\n", 100))
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("still open after %s", patient)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var clients sync.WaitGroup
			for range many {
				clients.Go(func() {
					if err := client(); err != nil {
						t.Error(err)
					}
				})
			}
			// Whoever asks properly is answered all the while, on a connection that
			// is not about to be closed for having been idle.
			http.DefaultClient.CloseIdleConnections()
			if got := acquired(t, p, "2014"); len(got) != len(in2014) {
				t.Errorf("meanwhile: %v", got)
			}
			began := time.Now()
			clients.Wait()
			t.Logf("%d cut off within %s", many, time.Since(began))
		})
	}
	p.stop(t)
}

// TestStopsWhateverClientsDo tells the real program to stop while clients are in
// the middle of a header, of a body, of reading, or do nothing.
func TestStopsWhateverClientsDo(t *testing.T) {
	p, process := spawn(t, binary(t), "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--drain-timeout=300ms")
	p.ready(t)
	for name, begun := range map[string]string{
		"header": "GET /graphql?query={conflicts{id}} HTTP/1.1\r\nX-Header: a",
		"body":   "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"reader": strings.Repeat("GET /schema.graphql HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		"idle":   "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
		"silent": "",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, begun); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	acquired(t, p, "2014") // the others have arrived by now
	began := time.Now()
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.ended(t); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, &p.stderr)
	}
	t.Logf("ended within %s", time.Since(began))
	if took := time.Since(began); took > slack*10*time.Second {
		t.Errorf("ended after %s, want 10 s", took)
	}
}
