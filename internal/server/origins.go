package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rs/cors"
)

// anyOrigin stands for all of them in [Access.Origins].
const anyOrigin = "*"

// CheckOrigins returns what is wrong with a list of origins that are to be
// allowed, if anything.
func CheckOrigins(origins []string, readsNeedToken bool) error {
	for _, origin := range origins {
		switch {
		case origin == anyOrigin && readsNeedToken:
			return errors.New("* lets pages of any origin read what needs no token, and reads need one: name the origins")
		case origin == anyOrigin || isOrigin(origin):
		default:
			return fmt.Errorf("%q is not an origin as a browser writes it: expected something like https://example.org or https://example.org:8443, in lower case, with nothing behind it", origin)
		}
	}
	return nil
}

// isOrigin reports whether a text is the origin of a page on the web, in the
// one form that browsers give it.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" || strings.ContainsAny(text, "*\\%") {
		return false
	}
	usual := map[string]string{"http": "80", "https": "443"}
	port, web := usual[u.Scheme]
	return web && text == u.Scheme+"://"+strings.ToLower(u.Host) && u.Port() != port && !strings.HasSuffix(u.Host, ":")
}

// origins decides which pages may send requests. Programs that are not browsers
// name no origin and are not concerned: what they may do depends on their
// tokens.
type origins struct {
	gate    *gatekeeper
	named   []string
	any     bool
	forThem *cors.Cors // answers pages of named origins
	forAll  *cors.Cors // answers pages of any origin
}

func newOrigins(g *gatekeeper) *origins {
	o := &origins{gate: g, any: slices.Contains(g.Origins, anyOrigin)}
	for _, origin := range g.Origins {
		if origin != anyOrigin {
			o.named = append(o.named, origin)
		}
	}
	options := cors.Options{
		AllowOriginFunc: func(string) bool { return true }, // decided before
		AllowedMethods:  []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:  []string{"Accept", "Content-Type", "Authorization", "Last-Event-ID", requestIDHeader},
		ExposedHeaders:  []string{requestIDHeader, MoreHeader, "Retry-After"},
		MaxAge:          600, // seconds
	}
	o.forThem = cors.New(options)
	options.AllowedHeaders = []string{"Accept", "Content-Type", "Last-Event-ID", requestIDHeader}
	o.forAll = cors.New(options)
	return o
}

// guard passes on what no page sent, and what a page sent that may; shared says
// that pages of other origins may at all.
func (o *origins) guard(shared bool, next http.Handler) http.Handler {
	refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		requestFrom(ctx).code = codeForbidden
		o.gate.refused(ctx, codeForbidden, "", nil)
		writeProblem(w, &problem{http.StatusForbidden, codeForbidden, "pages of other origins may not send requests here"})
	})
	// Where a browser names no origin it may still say that there is one.
	unnamed := http.NewCrossOriginProtection()
	unnamed.SetDenyHandler(refuse)
	fromNobody := unnamed.Handler(next)
	fromNamed, fromAny := o.forThem.Handler(next), o.forAll.Handler(next)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Values("Origin")
		switch {
		case len(sent) == 0:
			fromNobody.ServeHTTP(w, r)
		case len(sent) > 1:
			refuse.ServeHTTP(w, r)
		case ownOrigin(r, sent[0]):
			next.ServeHTTP(w, r)
		case shared && slices.Contains(o.named, sent[0]):
			fromNamed.ServeHTTP(w, r)
		case shared && o.any && isOrigin(sent[0]) && len(r.Header.Values("Authorization")) == 0:
			fromAny.ServeHTTP(w, r)
		default:
			refuse.ServeHTTP(w, r)
		}
	})
}

// trusts reports whether whoever sent the request may show a token: a program, a
// page of this server, or one of a named origin; not a page of any origin.
func (o *origins) trusts(r *http.Request) bool {
	sent := r.Header.Values("Origin")
	return len(sent) == 0 || len(sent) == 1 && (ownOrigin(r, sent[0]) || slices.Contains(o.named, sent[0]))
}

// ownOrigin reports whether a page of this server sent the request. The browser
// knows best, and says so where the connection is one it trusts; elsewhere the
// origin is compared with the address asked for. Behind a proxy that ends TLS
// the scheme cannot be told from here.
func ownOrigin(r *http.Request, origin string) bool {
	if !isOrigin(origin) {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	scheme, host, _ := strings.Cut(origin, "://")
	return strings.EqualFold(host, r.Host) && (r.TLS == nil || scheme == "https")
}
