package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// Config says what a service answers from.
type Config struct {
	// View opens what a request reads; the handler closes it.
	View func(ctx context.Context) (*kg.View, error)
	// Alike says how alike two names are, from 0 to 1, whatever their case,
	// accents and script.
	Alike func(a, b string) float64
	// Timeout bounds a request; 0 means 30 seconds.
	Timeout time.Duration
	// Log takes what must not be shown to clients.
	Log *slog.Logger
}

// Bounds of a request.
const (
	maxBody       = 1 << 20
	maxQueries    = 50
	maxCandidates = 100
	maxExtendIDs  = 500
	maxExtendProp = 50
	maxValues     = 1000
	defaultLimit  = 10
)

// Handler returns the service, for the path /reconcile and all below it. It
// answers GET, and POST with a form.
func Handler(c Config) http.Handler {
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	s := &service{c}
	mux := http.NewServeMux()
	mux.HandleFunc("/reconcile", s.answer(s.root))
	mux.HandleFunc("/reconcile/{$}", s.answer(s.root))
	mux.HandleFunc("/reconcile/suggest/entity", s.answer(s.suggestEntity))
	mux.HandleFunc("/reconcile/suggest/property", s.answer(s.suggestProperty))
	mux.HandleFunc("/reconcile/suggest/type", s.answer(s.suggestType))
	mux.HandleFunc("/reconcile/properties", s.answer(s.proposeProperties))
	mux.HandleFunc("/reconcile/preview", s.preview)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing at this address; the service is at /reconcile")
	})
	return mux
}

type service struct{ Config }

// request is what a question came with.
type request struct {
	*kg.View
	form url.Values
	// base is the address of the service, as the client knows it.
	base string
}

// refusal is an error to tell, in words for the client.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

func refusef(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// answer opens a view for a question and writes what comes of it as JSON.
func (s *service) answer(ask func(ctx context.Context, r *request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
		defer cancel()
		var result any
		q, err := s.open(ctx, w, r)
		if err == nil {
			defer q.Close()
			result, err = ask(ctx, q)
		}
		if err != nil {
			s.fail(ctx, w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(result) // a client that left is no error of ours
	}
}

// open reads the form, and opens a view.
func (s *service) open(ctx context.Context, w http.ResponseWriter, r *http.Request) (*request, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		if media := r.Header.Get("Content-Type"); !strings.HasPrefix(media, "application/x-www-form-urlencoded") {
			return nil, &refusal{http.StatusUnsupportedMediaType, "send a form: Content-Type: application/x-www-form-urlencoded"}
		}
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, &refusal{http.StatusMethodNotAllowed, "use GET, or POST with a form"}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the form is longer than %d bytes: send smaller batches", maxBody)}
		}
		return nil, refusef("the form cannot be read")
	}
	view, err := s.View(ctx)
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return &request{view, r.Form, scheme + "://" + r.Host + "/reconcile"}, nil
}

// fail tells what is wrong: in its own words where it is the client's, else in
// none.
func (s *service) fail(ctx context.Context, w http.ResponseWriter, err error) {
	status, reason := http.StatusInternalServerError, "internal error"
	switch r, ok := errors.AsType[*refusal](err); {
	case ok:
		status, reason = r.status, r.reason
	case errors.Is(err, kg.ErrInvalid):
		status, reason = http.StatusBadRequest, err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		status, reason = http.StatusGatewayTimeout, "it took too long: send smaller batches"
	case errors.Is(err, kg.ErrUnavailable):
		status, reason = http.StatusServiceUnavailable, "not available at present; try again"
	default:
		s.Log.LogAttrs(ctx, slog.LevelError, "reconciliation", slog.Any("error", err))
	}
	fail(w, status, reason)
}

func fail(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "message": reason})
}

// root answers the address of the service itself: what it can do, a batch of
// queries, or a table to extend.
func (s *service) root(ctx context.Context, r *request) (any, error) {
	switch {
	case r.form.Has("queries"):
		return s.match(ctx, r, r.form.Get("queries"))
	case r.form.Has("extend"):
		return s.extend(ctx, r, r.form.Get("extend"))
	}
	return manifest(r.base), nil
}

// object is a JSON object.
type object map[string]any

func manifest(base string) object {
	service := func(path string) object { return object{"service_url": base, "service_path": path} }
	var types []object
	for _, k := range []kg.EntityKind{kg.KindCompany, kg.KindOrganization, kg.KindPerson, kg.KindProduct} {
		types = append(types, typeOf(k))
	}
	preview := base + "/preview?id={{id}}"
	return object{
		"versions":        []string{"0.2"},
		"name":            "Keiretsu",
		"identifierSpace": "urn:keiretsu:",
		"schemaSpace":     "urn:keiretsu:term:",
		"documentation":   "https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/",
		"view":            object{"url": preview},
		"preview":         object{"url": preview, "width": previewWidth, "height": previewHeight},
		"defaultTypes":    types,
		"batchSize":       maxQueries,
		"suggest": object{
			"entity": service("/suggest/entity"), "property": service("/suggest/property"), "type": service("/suggest/type"),
		},
		"extend": object{
			"propose_properties": service("/properties"),
			"property_settings": []object{
				{"name": "limit", "label": "Limit", "type": "number", "default": defaultLimit, "help_text": "The most values to fetch, 1 to 1000"},
				{"name": "asOf", "label": "As of", "type": "text", "default": "", "help_text": "A day such as 2016-12-31: relations that held then; today where it is empty"},
			},
		},
	}
}

// typeOf returns the type of entities of a kind: its id is that of the kind in
// the GraphQL schema.
func typeOf(k kg.EntityKind) object {
	word := k.String()
	return object{"id": word, "name": word[:1] + strings.ToLower(word[1:])}
}

// parseType reads the id of a type, in any case.
func parseType(id string) (kg.EntityKind, bool) {
	k, err := kg.ParseEntityKind(strings.ToUpper(strings.TrimSpace(id)))
	return k, err == nil
}

// decode reads a JSON value that came in a form.
func decode(what, text string, into any) error {
	dec := json.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(into); err != nil {
		return refusef("%s is not what the specification says: %s", what, reasonOf(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refusef("%s holds more than one JSON value", what)
	}
	return nil
}

// reasonOf says what is wrong with JSON, without the names of Go's types.
func reasonOf(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		article, place := "a", ""
		if strings.ContainsRune("aeiou", rune((wrong.Value + " ")[0])) {
			article = "an"
		}
		if wrong.Field != "" {
			place = ", at " + wrong.Field
		}
		return fmt.Sprintf("%s %s stands where it does not belong%s", article, wrong.Value, place)
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.reason
	}
	return "it is not valid JSON"
}

// members returns the entities that the ids mean, aligned with them: nil where
// there is none. Ids that have passed to another entity lead there.
func (r *request) members(ctx context.Context, ids []kg.ID) ([]*kg.Member, error) {
	things, err := r.Things(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]*kg.Member, len(ids))
	for i, thing := range things {
		list[i], _ = thing.(*kg.Member)
	}
	return list, nil
}

// unique returns a list without repetitions.
func unique[T comparable](list []T) []T {
	var out []T
	for _, x := range list {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
