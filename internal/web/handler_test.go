package web

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

// get asks the handler as mounted on a mux, which is how a server holds it.
func get(t *testing.T, method, target string, header http.Header) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/graphiql", Handler())
	mux.Handle("/graphiql/", Handler())
	request := httptest.NewRequest(method, target, nil)
	request.Header = header
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, request)
	return recorder.Result()
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// built returns the only file of dist/assets that the pattern matches.
func built(t *testing.T, pattern string) string {
	t.Helper()
	names, err := fs.Glob(dist, "dist/assets/"+pattern)
	if err != nil || len(names) != 1 {
		t.Fatalf("files of dist/assets like %s: %v, %v; want one", pattern, names, err)
	}
	return root + strings.TrimPrefix(names[0], "dist")
}

func TestServesPageAndAssets(t *testing.T) {
	const immutable = "public, max-age=31536000, immutable"
	tests := []struct {
		name, target, contentType, cacheControl string
	}{
		{"page", "/graphiql/", "text/html; charset=utf-8", "no-cache"},
		{"script", built(t, "index-*.js"), "text/javascript; charset=utf-8", immutable},
		{"worker", built(t, "graphql.worker-*.js"), "text/javascript; charset=utf-8", immutable},
		{"style", built(t, "index-*.css"), "text/css; charset=utf-8", immutable},
		{"icon font", built(t, "codicon-*.ttf"), "font/ttf", immutable},
		{"icon", built(t, "icon-*.svg"), "image/svg+xml", immutable},
		{"licences", "/graphiql/LICENSES.md", "text/markdown; charset=utf-8", "no-cache"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response := get(t, http.MethodGet, test.target, nil)
			if response.StatusCode != http.StatusOK {
				t.Fatalf("status = %d, want 200", response.StatusCode)
			}
			want := map[string]string{
				"Content-Type":            test.contentType,
				"Cache-Control":           test.cacheControl,
				"Content-Security-Policy": contentSecurityPolicy,
				"Referrer-Policy":         "no-referrer",
				"X-Content-Type-Options":  "nosniff",
			}
			for name, value := range want {
				if got := response.Header.Get(name); got != value {
					t.Errorf("%s = %q, want %q", name, got, value)
				}
			}
			if body(t, response) == "" {
				t.Error("body is empty")
			}

			etag := response.Header.Get("ETag")
			again := get(t, http.MethodGet, test.target, http.Header{"If-None-Match": {etag}})
			if again.StatusCode != http.StatusNotModified || body(t, again) != "" {
				t.Errorf("asked again with ETag %s: status = %d, want 304 and no body", etag, again.StatusCode)
			}
			head := get(t, http.MethodHead, test.target, nil)
			if head.StatusCode != http.StatusOK || body(t, head) != "" {
				t.Errorf("HEAD: status = %d, want 200 and no body", head.StatusCode)
			}
		})
	}
}

// TestContentSecurityPolicy holds the policy against what a page with tokens in
// it must not allow.
func TestContentSecurityPolicy(t *testing.T) {
	policy := map[string]string{}
	for _, directive := range strings.Split(contentSecurityPolicy, "; ") {
		name, value, _ := strings.Cut(directive, " ")
		policy[name] = value
	}
	for name, want := range map[string]string{
		"default-src": "'self'", "script-src": "'self'", "connect-src": "'self'", "worker-src": "'self'",
		"object-src": "'none'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
	} {
		if policy[name] != want {
			t.Errorf("%s is %q, want %q", name, policy[name], want)
		}
	}
	for name, value := range policy {
		if strings.Contains(value, "unsafe-eval") || strings.Contains(value, "*") || strings.Contains(value, "unsafe-inline") && name != "style-src" {
			t.Errorf("%s allows %s", name, value)
		}
	}
	page := body(t, get(t, http.MethodGet, "/graphiql/", nil))
	for _, script := range regexp.MustCompile(`(?is)<script[^>]*>(.*?)</script>`).FindAllStringSubmatch(page, -1) {
		if strings.TrimSpace(script[1]) != "" || !strings.Contains(script[0], "src=") {
			t.Errorf("the page has a script in it: %s", script[0])
		}
	}
	if found := regexp.MustCompile(`(?i)\son[a-z]+\s*=|javascript:`).FindString(page); found != "" {
		t.Errorf("the page has a script in it: %s", found)
	}
}

func TestRedirectsToTheFolder(t *testing.T) {
	response := get(t, http.MethodGet, "/graphiql", nil)
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusTemporaryRedirect || location != "graphiql/" {
		t.Errorf("GET /graphiql = %d to %q, want 307 to graphiql/", response.StatusCode, location)
	}
}

func TestRefusesOtherMethods(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		response := get(t, method, "/graphiql/", nil)
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s = %d, Allow %q; want 405, GET, HEAD", method, response.StatusCode, response.Header.Get("Allow"))
		}
	}
}

// The handler is asked directly: a mux would clean most of these paths first.
func TestUnknownPathsAreNotFound(t *testing.T) {
	for _, target := range []string{
		"/",
		"/graphiql/nothing.js",
		"/graphiql/index.html",
		"/graphiql/assets",
		"/graphiql/assets/",
		"/graphiql/assets/index.js",
		"/graphiql/../handler.go",
		"/graphiql/assets/../../handler.go",
		"/graphiql/assets/..%2f..%2fhandler.go",
		"/graphiql/%2e%2e/handler.go",
		"/graphiql//etc/passwd",
		`/graphiql/..\handler.go`,
		"/graphiql/assets/../index.html",
		"/graphiql/..",
		"/graphiql/.",
		"/graphiql/./",
		"/graphiql/%2e%2e",
		"/graphiql/%2e%2e%2fhandler.go",
		"/graphiql/%252e%252e%252fhandler.go",
		"/graphiql/%c0%ae%c0%ae/handler.go",
		"/graphiql/..;/handler.go",
		"/graphiql/....//handler.go",
		"/graphiql/..%5c..%5chandler.go",
		"/graphiql/%5cetc%5cpasswd",
		"/graphiql/C:/windows/win.ini",
		"/graphiql/file:///etc/passwd",
		"/graphiql/index.html%00.js",
		"/graphiql/LICENSES.md%00",
		"/graphiql/LICENSES.md/",
		"/graphiql/LICENSES.md%20",
		"/graphiql/licenses.md",
		"/graphiql/.git/config",
		"/graphiql/assets/%2e%2e/%2e%2e/handler.go",
		"//graphiql/",
		"/graphiql//",
		"/graphiql/assets//",
		"/graphiql/%2f",
		"/graphiql/dist/",
		"/graphiql/" + strings.Repeat("../", 20) + "etc/passwd",
		"/graphiql/%00",
		"/graphiql/dist/index.html",
	} {
		t.Run(target, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, target, nil))
			if recorder.Code != http.StatusNotFound {
				t.Errorf("status = %d, want 404", recorder.Code)
			}
			if got := recorder.Header().Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options = %q, want nosniff", got)
			}
		})
	}
}

func TestPageRefersToExistingFilesOnly(t *testing.T) {
	page := body(t, get(t, http.MethodGet, "/graphiql/", nil))
	if !strings.Contains(page, "<title>Keiretsu GraphiQL</title>") {
		t.Error("the page has another title")
	}
	references := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(references) < 3 {
		t.Fatalf("references = %v, want an icon, a script and a style sheet at least", references)
	}
	for _, reference := range references {
		relative, ok := strings.CutPrefix(reference[1], "./")
		if !ok {
			t.Errorf("%s does not start with ./: the page would break under a path prefix", reference[1])
			continue
		}
		if got := get(t, http.MethodGet, path.Join(root, relative), nil).StatusCode; got != http.StatusOK {
			t.Errorf("%s: status = %d, want 200", reference[1], got)
		}
	}
}

func TestStylesLoadNothingFromElsewhere(t *testing.T) {
	names, err := fs.Glob(dist, "dist/assets/*.css")
	if err != nil || len(names) == 0 {
		t.Fatalf("style sheets: %v, %v", names, err)
	}
	remote := regexp.MustCompile(`(?i)(url\(\s*["']?|@import\s*["'])\s*([a-z]+:)?//[^"')]*`)
	local := regexp.MustCompile(`url\(["']?(\./[^"')]*)`)
	for _, name := range names {
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			t.Fatal(err)
		}
		if found := remote.FindString(string(content)); found != "" {
			t.Errorf("%s loads %s", name, found)
		}
		for _, reference := range local.FindAllStringSubmatch(string(content), -1) {
			if _, err := fs.Stat(dist, path.Join(path.Dir(name), reference[1])); err != nil {
				t.Errorf("%s refers to %s, which does not exist", name, reference[1])
			}
		}
	}
}
