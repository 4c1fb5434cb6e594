package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed dist
var dist embed.FS

const root = "/graphiql"

// contentSecurityPolicy lets the page reach its own origin and nothing else, and
// no other page put it into a frame. 'self' includes the WebSockets of the origin
// (Content Security Policy Level 3, 6.7.2.8).
// Monaco writes style elements, hence 'unsafe-inline' for styles; GraphiQL's
// fonts and some of Monaco's pictures are data: URLs.
const contentSecurityPolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
	"object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contentTypes is a table of our own because package mime also reads the
// machine's, which may lack an entry or have it wrong.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".md":   "text/markdown; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
}

// An asset is how one file of dist is served.
type asset struct {
	name         string
	contentType  string
	etag         string
	cacheControl string
}

// Handler serves GraphiQL at /graphiql/ and redirects /graphiql there. Mount
// it at both "/graphiql" and "/graphiql/", without stripping the prefix. It
// answers GET and HEAD; every other path is 404. It does not compress: that is
// for the server to do, once for all it serves. It is safe for concurrent use.
func Handler() http.Handler {
	assets := assetsByPath(dist)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", contentSecurityPolicy)
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		if r.URL.Path == root {
			// Relative, unlike what http.Redirect sends, so that a prefix added
			// by a proxy stays; temporary, because browsers keep permanent ones
			// for whatever is served at this address next.
			header.Set("Location", "graphiql/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		file, ok := assets[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		header.Set("Content-Type", file.contentType)
		header.Set("ETag", file.etag)
		header.Set("Cache-Control", file.cacheControl)
		http.ServeFileFS(w, r, dist, file.name)
	})
}

// assetsByPath lists what can be asked for: a path that is not a key does not
// exist, whatever it looks like. It panics on a file of unknown type, which
// the tests of this package meet first.
func assetsByPath(files fs.FS) map[string]asset {
	assets := make(map[string]asset)
	err := fs.WalkDir(files, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		contentType, ok := contentTypes[path.Ext(name)]
		if !ok {
			panic("web: no content type for " + name)
		}
		sum := sha256.Sum256(body)
		file := asset{
			name:        name,
			contentType: contentType,
			// Weak, so that it still holds when the server compresses the answer.
			etag:         `W/"` + hex.EncodeToString(sum[:8]) + `"`,
			cacheControl: "no-cache",
		}
		if strings.HasPrefix(name, "dist/assets/") {
			// Vite puts a hash of the content into these names.
			file.cacheControl = "public, max-age=31536000, immutable"
		}
		url := root + strings.TrimPrefix(name, "dist")
		assets[strings.TrimSuffix(url, "index.html")] = file
		return nil
	})
	if err != nil {
		panic("web: read embedded files: " + err.Error())
	}
	return assets
}
