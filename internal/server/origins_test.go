package server

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keiretsu/internal/auth"
)

// The server of these tests is asked for as example.com.

func TestPagesOfOtherOrigins(t *testing.T) {
	access, tokens := newAccess(t)
	bearer := []string{"Authorization", "Bearer " + tokens[auth.ScopeWrite]}
	named := []string{"https://friend.example", "https://friend.example:8443", "http://localhost:3000"}
	tests := []struct {
		name    string
		origins []string
		header  []string
		tls     bool
		status  int
		allowed string // Access-Control-Allow-Origin
	}{
		{"no browser", nil, nil, false, 200, ""},
		{"same origin", nil, []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, false, 200, ""},
		{"same origin behind a proxy that renames", nil, []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://public.example"}, false, 200, ""},
		{"same origin, older browser", nil, []string{"Origin", "http://example.com"}, false, 200, ""},
		{"same origin behind a proxy that ends TLS", nil, []string{"Origin", "https://example.com"}, false, 200, ""},
		{"same origin over TLS", nil, []string{"Origin", "https://example.com"}, true, 200, ""},
		{"same host, plain page, over TLS", nil, []string{"Origin", "http://example.com"}, true, 403, ""},
		{"same host, another scheme, says the browser", nil, []string{"Origin", "https://example.com", "Sec-Fetch-Site", "cross-site"}, false, 403, ""},
		{"same site", nil, []string{"Origin", "https://other.example.com", "Sec-Fetch-Site", "same-site"}, false, 403, ""},
		{"another port", nil, []string{"Origin", "http://example.com:8080"}, false, 403, ""},
		{"foreign", nil, []string{"Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"}, false, 403, ""},
		{"foreign, older browser", nil, []string{"Origin", "http://evil.example"}, false, 403, ""},
		{"foreign without a name", nil, []string{"Sec-Fetch-Site", "cross-site"}, false, 403, ""},
		{"foreign with a token", nil, append(bearer, "Origin", "http://evil.example"), false, 403, ""},
		{"host as a prefix", nil, []string{"Origin", "http://example.com.evil.example"}, false, 403, ""},
		{"host as a suffix", nil, []string{"Origin", "http://evil-example.com"}, false, 403, ""},
		{"below the host", nil, []string{"Origin", "http://a.example.com"}, false, 403, ""},
		{"host as a user", nil, []string{"Origin", "http://example.com@evil.example"}, false, 403, ""},
		{"null", nil, []string{"Origin", "null"}, false, 403, ""},
		{"null, says the browser it is the same", nil, []string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, false, 403, ""},
		{"empty", nil, []string{"Origin", ""}, false, 403, ""},
		{"a file", nil, []string{"Origin", "file://"}, false, 403, ""},

		{"named", named, []string{"Origin", "https://friend.example", "Sec-Fetch-Site", "cross-site"}, false, 200, "https://friend.example"},
		{"named, with a port", named, []string{"Origin", "https://friend.example:8443"}, false, 200, "https://friend.example:8443"},
		{"named, with a token", named, append(bearer, "Origin", "https://friend.example"), false, 200, "https://friend.example"},
		{"not named", named, []string{"Origin", "https://evil.example"}, false, 403, ""},
		{"named, another scheme", named, []string{"Origin", "http://friend.example"}, false, 403, ""},
		{"named, another port", named, []string{"Origin", "https://friend.example:444"}, false, 403, ""},
		{"named, the usual port written out", named, []string{"Origin", "https://friend.example:443"}, false, 403, ""},
		{"named as a prefix", named, []string{"Origin", "https://friend.example.evil.example"}, false, 403, ""},
		{"named as a suffix", named, []string{"Origin", "https://notfriend.example"}, false, 403, ""},
		{"named as a port's prefix", named, []string{"Origin", "http://localhost:30001"}, false, 403, ""},
		{"below a named one", named, []string{"Origin", "https://a.friend.example"}, false, 403, ""},
		{"named in capitals", named, []string{"Origin", "https://FRIEND.example"}, false, 403, ""},
		{"named with a slash", named, []string{"Origin", "https://friend.example/"}, false, 403, ""},
		{"named with a dot", named, []string{"Origin", "https://friend.example."}, false, 403, ""},
		{"named as a user", named, []string{"Origin", "https://friend.example@evil.example"}, false, 403, ""},
		{"named and more", named, []string{"Origin", "https://friend.example https://evil.example"}, false, 403, ""},
		{"null among named", named, []string{"Origin", "null"}, false, 403, ""},
		{"own among named", named, []string{"Origin", "http://example.com"}, false, 200, ""},

		{"any", []string{"*"}, []string{"Origin", "https://whoever.example", "Sec-Fetch-Site", "cross-site"}, false, 200, "https://whoever.example"},
		{"any, with a token", []string{"*"}, append(bearer, "Origin", "https://whoever.example"), false, 403, ""},
		{"any and named, with a token", append(named, "*"), append(bearer, "Origin", "https://friend.example"), false, 200, "https://friend.example"},
		{"any, null", []string{"*"}, []string{"Origin", "null"}, false, 403, ""},
		{"any, no page of the web", []string{"*"}, []string{"Origin", "chrome-extension://abc"}, false, 403, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(c *Config) {
				c.Access = access
				c.Access.Origins = test.origins
			})
			for method, req := range map[string]*http.Request{
				"POST": postRequest(t.Context(), `{"query":"{ name }"}`),
				"GET":  httptest.NewRequest(http.MethodGet, "/graphql?query={name}", nil),
			} {
				for i := 0; i < len(test.header); i += 2 {
					req.Header.Set(test.header[i], test.header[i+1])
				}
				if test.tls {
					req.TLS = &tls.ConnectionState{}
				}
				if method == "GET" && req.Header.Get("Origin") == "" && req.Header["Origin"] == nil {
					continue // as when somebody follows a link
				}
				a := r.do(t, req)
				if a.status != test.status || (a.status == 403) != (a.code() == codeForbidden) {
					t.Errorf("%s: status %d, want %d: %s", method, a.status, test.status, a.body)
				}
				if got := a.header.Get("Access-Control-Allow-Origin"); got != test.allowed {
					t.Errorf("%s: Access-Control-Allow-Origin %q, want %q", method, got, test.allowed)
				}
				if got := a.header.Get("Access-Control-Allow-Credentials"); got != "" {
					t.Errorf("%s: Access-Control-Allow-Credentials %q, want none", method, got)
				}
				if test.allowed != "" && !strings.Contains(strings.Join(a.header.Values("Vary"), ", "), "Origin") {
					t.Errorf("%s: Vary %q would let a cache give the answer to others", method, a.header.Values("Vary"))
				}
			}
		})
	}
}

func TestTwoOriginsAreNone(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Access.Origins = []string{"https://friend.example"} })
	req := postRequest(t.Context(), `{"query":"{ name }"}`)
	req.Header["Origin"] = []string{"https://friend.example", "https://evil.example"}
	if a := r.do(t, req); a.status != 403 {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

// TestOtherAddressesAreNotShared asks for what pages of other origins never
// need, though they are named.
func TestOtherAddressesAreNotShared(t *testing.T) {
	access, tokens := newAccess(t)
	access.Origins = []string{"https://friend.example"}
	r := newRig(t, func(c *Config) {
		c.Access = access
		c.Admin = http.NotFoundHandler()
	})
	for _, path := range []string{"/admin/backup", "/metrics"} {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.Header.Set("Origin", "https://friend.example")
		req.Header.Set("Authorization", "Bearer "+tokens[auth.ScopeAdmin])
		if a := r.do(t, req); a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: status %d, headers %v", path, a.status, a.header)
		}
	}
	req := httptest.NewRequest(http.MethodGet, "/schema.graphql", nil)
	req.Header.Set("Origin", "https://friend.example")
	if a := r.do(t, req); a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "https://friend.example" {
		t.Errorf("the schema: status %d, headers %v", a.status, a.header)
	}
}

// TestReconciliationIsShared: version 0.2 of the protocol wants every address to
// be open to pages of other origins alike, where any are let in.
func TestReconciliationIsShared(t *testing.T) {
	for _, origins := range [][]string{{"https://refine.example"}, {"*"}} {
		r := newRig(t, func(c *Config) {
			c.Access.Origins = origins
			c.Reconcile = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Asked", r.URL.Path)
			})
		})
		for _, path := range []string{
			"/reconcile", "/reconcile/", "/reconcile/suggest/entity", "/reconcile/suggest/property", "/reconcile/suggest/type", "/reconcile/properties", "/reconcile/preview",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
				req := httptest.NewRequest(method, path, nil)
				req.Header.Set("Origin", "https://refine.example")
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				asked, status := path, http.StatusOK
				if method == http.MethodOptions {
					req.Header.Set("Access-Control-Request-Method", http.MethodPost)
					asked, status = "", http.StatusNoContent
				}
				a := r.do(t, req)
				if a.status != status || a.header.Get("X-Asked") != asked || a.header.Get("Access-Control-Allow-Origin") != "https://refine.example" {
					t.Errorf("%v: %s %s: status %d, headers %v", origins, method, path, a.status, a.header)
				}
			}
		}
	}
}

// TestPreflight asks as a browser does before it sends what a form could not.
func TestPreflight(t *testing.T) {
	named, all := []string{"https://friend.example"}, []string{"*"}
	tests := []struct {
		name            string
		origins         []string
		origin          string
		method, headers string
		status          int
		allowed         string // Access-Control-Allow-Headers, where the origin is allowed
	}{
		{"named", named, "https://friend.example", "POST", "authorization,content-type", 204, "authorization,content-type"},
		{"not named", named, "https://evil.example", "POST", "content-type", 403, ""},
		{"nobody is named", nil, "https://friend.example", "POST", "content-type", 403, ""},
		{"null", named, "null", "POST", "content-type", 403, ""},
		{"another method", named, "https://friend.example", "PUT", "content-type", 204, ""},
		{"another header", named, "https://friend.example", "POST", "content-type,x-http-method-override", 204, ""},
		{"any", all, "https://whoever.example", "POST", "content-type", 204, "content-type"},
		{"any, with a token", all, "https://whoever.example", "POST", "authorization,content-type", 204, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			access, _ := newAccess(t)
			access.Origins = test.origins
			r := newRig(t, func(c *Config) { c.Access = access })
			req := httptest.NewRequest(http.MethodOptions, "/graphql", nil)
			req.Header.Set("Origin", test.origin)
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			req.Header.Set("Access-Control-Request-Method", test.method)
			req.Header.Set("Access-Control-Request-Headers", test.headers)
			a := r.do(t, req)
			wantOrigin := ""
			if test.allowed != "" {
				wantOrigin = test.origin
			}
			if a.status != test.status || a.header.Get("Access-Control-Allow-Origin") != wantOrigin || a.header.Get("Access-Control-Allow-Headers") != test.allowed {
				t.Errorf("status %d, want %d; headers %v", a.status, test.status, a.header)
			}
			if a.header.Get("Access-Control-Allow-Credentials") != "" || a.header.Get("Access-Control-Allow-Private-Network") != "" {
				t.Errorf("headers %v allow more", a.header)
			}
		})
	}
}

func TestCheckOrigins(t *testing.T) {
	for _, good := range []string{"https://example.org", "http://example.org", "https://example.org:8443", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:8080", "*"} {
		if err := CheckOrigins([]string{good}, false); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "null", "example.org", "https://", "https://example.org/", "https://example.org/path", "https://Example.org", "HTTPS://example.org",
		"https://*.example.org", "https://example.org:443", "http://example.org:80", "https://example.org:", "https://:8443", "https://a:b@example.org",
		"ftp://example.org", "file://", "https://example.org?x", "https://example.org#x", "https://example.org https://other.org", "**", `https://example.org\x`,
		"https://example.org:port",
	} {
		if err := CheckOrigins([]string{"https://good.example", bad}, false); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
	if err := CheckOrigins([]string{"*"}, true); err == nil || !strings.Contains(err.Error(), "name the origins") {
		t.Errorf("* where reads need a token: %v", err)
	}
	if _, err := New(Config{
		Schema: newFakeSchema(), SDL: schemaText, UI: http.NotFoundHandler(), Ready: newRig(t, nil).ready,
		Access: Access{Origins: []string{"null"}},
	}); err == nil {
		t.Error("a server allows the origin null")
	}
}
