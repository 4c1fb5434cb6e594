package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keiretsu/internal/web"
)

// TestNoWayOutOfTheAssets sends paths as no well-behaved client would, past
// everything that cleans them: there is nothing, or the way to a page of ours.
func TestNoWayOutOfTheAssets(t *testing.T) {
	r := run(t, func(c *Config) { c.UI = web.Handler() })
	defer func() {
		r.stop()
		if err := <-r.stopped; err != nil {
			t.Error(err)
		}
	}()
	out := []string{
		"..", "../", "../../../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
		"%252e%252e%252fetc%252fpasswd", "..%252f..%252fetc%252fpasswd", "....//....//etc/passwd", "..;/..;/etc/passwd",
		`..\..\..\windows\win.ini`, "..%5c..%5cwindows%5cwin.ini", "%c0%ae%c0%ae/etc/passwd", "%e0%80%ae%e0%80%ae/etc/passwd",
		"index.html%00", "LICENSES.md%00.js", "%00", "%0d%0aX-Bad:%20yes", "/etc/passwd", "//etc/passwd", "/%2fetc/passwd", "file:///etc/passwd",
		"C:/windows/win.ini", "assets/../../handler.go", "assets/..", "assets/%2e%2e/index.html", "assets", "assets/", "dist/index.html",
		".", "./", ".git/config", "~root", "%", "%zz", "%u002e%u002e/", "?/../../etc/passwd", "#/../etc/passwd", "a/b/c", "*", "assets/*", "LICENSES.md/",
	}
	var targets []string
	for _, path := range out {
		targets = append(targets, "/graphiql/"+path, "/"+path, "/graphiql"+path, "/graphql/"+path)
	}
	targets = append(targets, "//evil.example/%2e%2e", "///evil.example", `/\evil.example/..`, "/graphiql//evil.example/..", "http://evil.example/graphiql/../x", "*", "graphiql/", "..")
	address := strings.TrimPrefix(r.url, "http://")
	for _, target := range targets {
		answer, body := raw(t, address, target)
		if answer.StatusCode == http.StatusOK && !strings.Contains(body, "<title>Keiretsu GraphiQL</title>") {
			t.Errorf("%q: there is something else than the page: %s", target, shorten(body, 100))
		}
		for _, secret := range []string{"root:", "package web", "[fonts]", "<pre>", "embed"} {
			if strings.Contains(body, secret) {
				t.Errorf("%q: the answer holds %q", target, secret)
			}
		}
		if answer.Header.Get("X-Bad") != "" {
			t.Errorf("%q: it set a header", target)
		}
		if location := answer.Header.Get("Location"); location != "" {
			to, err := url.Parse(location)
			if err != nil || to.IsAbs() || to.Host != "" || strings.HasPrefix(location, "//") || strings.HasPrefix(location, `/\`) {
				t.Errorf("%q: it leads to %q", target, location)
			}
		}
	}
}

// raw sends a request line with the target as it is.
func raw(t *testing.T, address, target string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n", target)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%q: %v", target, err)
	}
	return answer, string(body)
}
