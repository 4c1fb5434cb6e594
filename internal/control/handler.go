package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// maxBody is the longest body that a request may have, in bytes: the names of as many
// files as a command line takes, and a mapping.
const maxBody = 16 << 20

// errorTrailer is the HTTP trailer that tells of an error behind the first byte.
const errorTrailer = "Keiretsu-Error"

// handler answers for an Admin.
type handler struct {
	admin Admin
	log   *slog.Logger
}

// Handler answers the addresses of this package, which begin at /, by what admin
// says. What went wrong inside goes to the log and not to the caller. Addresses
// that name files of this machine are left out: see [SocketHandler].
func Handler(admin Admin, log *slog.Logger) http.Handler {
	return answers(&handler{admin, log}, http.NewServeMux())
}

// SocketHandler is Handler for the socket, where whoever asks may read the files
// of this machine as well as the server can.
func SocketHandler(admin Admin, log *slog.Logger) http.Handler {
	h := &handler{admin, log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /import", h.importFiles)
	return answers(h, mux)
}

func answers(h *handler, mux *http.ServeMux) http.Handler {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, struct{}{}) })
	mux.HandleFunc("GET /stats", h.stats)
	mux.HandleFunc("GET /check", h.check)
	mux.HandleFunc("POST /reindex", h.reindex)
	mux.HandleFunc("POST /backup", h.backup)
	mux.HandleFunc("POST /backup/outcome", h.backupOutcome)
	mux.HandleFunc("POST /export", h.export)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What takes long takes long: only its context ends it. A server's time
		// for reading a request would cancel that as well.
		patient := http.NewResponseController(w)
		_ = patient.SetReadDeadline(time.Time{})
		_ = patient.SetWriteDeadline(time.Time{})
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// backupRequest is the body of POST /backup.
type backupRequest struct {
	Behind *Point `json:"behind"`
}

func (h *handler) backup(w http.ResponseWriter, r *http.Request) {
	var q backupRequest
	if !h.read(w, r, &q) {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	h.stream(w, r, "backup", func(ctx context.Context, to io.Writer) error { return h.admin.Backup(ctx, to, q.Behind) })
}

func (h *handler) backupOutcome(w http.ResponseWriter, r *http.Request) {
	var o BackupOutcome
	if !h.read(w, r, &o) {
		return
	}
	if err := h.admin.BackupDone(r.Context(), o); err != nil {
		h.refuse(w, "backup outcome", err)
		return
	}
	answer(w, struct{}{})
}

func (h *handler) stats(w http.ResponseWriter, r *http.Request) {
	s, err := h.admin.Stats(r.Context(), r.URL.Query().Get("checksum") == "true")
	if err != nil {
		h.refuse(w, "stats", err)
		return
	}
	answer(w, s)
}

func (h *handler) reindex(w http.ResponseWriter, r *http.Request) {
	if !h.read(w, r, &struct{}{}) {
		return
	}
	done, err := h.admin.Reindex(r.Context())
	if err != nil {
		h.refuse(w, "reindex", err)
		return
	}
	answer(w, done)
}

// checkLine is a line of the answer of GET /check: a finding, or the summary,
// which comes last.
type checkLine struct {
	*Finding
	Summary *CheckSummary `json:"summary,omitempty"`
}

func (h *handler) check(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	h.stream(w, r, "check", func(ctx context.Context, to io.Writer) error {
		lines := json.NewEncoder(to)
		summary, err := h.admin.Check(ctx, func(f Finding) error { return lines.Encode(checkLine{Finding: &f}) })
		if err != nil {
			return err
		}
		return lines.Encode(checkLine{Summary: &summary})
	})
}

// importLine is a line of the answer of POST /import: how far it has come, and in
// the end the report.
type importLine struct {
	Progress *ingest.Progress `json:"progress,omitempty"`
	Report   *ingest.Report   `json:"report,omitempty"`
}

// importEvery is how often an import tells how far it has come.
const importEvery = 200 * time.Millisecond

func (h *handler) importFiles(w http.ResponseWriter, r *http.Request) {
	var q ImportRequest
	if !h.read(w, r, &q) {
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	h.stream(w, r, "import", func(ctx context.Context, to io.Writer) error { return tellImport(ctx, h.admin, q, to, w) })
}

// tellImport imports, and writes how far it has come and then the report as JSON
// lines, each sent on at once.
func tellImport(ctx context.Context, admin Admin, q ImportRequest, to io.Writer, w http.ResponseWriter) error {
	lines := json.NewEncoder(to)
	sent := http.NewResponseController(w)
	tell := func(l importLine) error {
		return errors.Join(lines.Encode(l), sent.Flush())
	}
	var last time.Time
	report, err := admin.Import(ctx, q, func(p ingest.Progress) {
		if now := time.Now(); now.Sub(last) >= importEvery {
			last = now
			_ = tell(importLine{Progress: &p}) // who has gone ends the import by its context
		}
	})
	if err != nil && report.Applied.Revision == 0 {
		return err
	}
	return errors.Join(err, tell(importLine{Report: &report}))
}

// exportRequest is the body of POST /export.
type exportRequest struct {
	Format string `json:"format"`
}

// lossesTrailer is the HTTP trailer that tells, as JSON, what an export left out.
const lossesTrailer = "Keiretsu-Losses"

func (h *handler) export(w http.ResponseWriter, r *http.Request) {
	var q exportRequest
	if !h.read(w, r, &q) {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Add("Trailer", lossesTrailer)
	h.stream(w, r, "export", func(ctx context.Context, to io.Writer) error {
		losses, err := h.admin.Export(ctx, q.Format, to)
		if err != nil {
			return err
		}
		text, err := json.Marshal(losses)
		w.Header().Set(lossesTrailer, string(text))
		return err
	})
}

// read decodes the body, or refuses it.
func (h *handler) read(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "send application/json")
		return false
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		fail(w, http.StatusBadRequest, "the body is not the JSON that belongs here")
		return false
	}
	return true
}

// stream lets f write the answer. An error before the first byte is an answer of
// its own, one behind it a trailer.
func (h *handler) stream(w http.ResponseWriter, r *http.Request, what string, f func(context.Context, io.Writer) error) {
	// Compressing twice costs time, and hides how far it has come.
	w.Header().Set("No-Gzip-Compression", "true")
	w.Header().Add("Trailer", errorTrailer)
	body := &body{w: w}
	err := f(r.Context(), body)
	switch {
	case err == nil:
	case !body.begun:
		w.Header().Del("Trailer")
		h.refuse(w, what, err)
	default:
		_, text := h.problem(what, err)
		w.Header().Set(errorTrailer, text)
	}
}

// body notes whether anything has been written.
type body struct {
	w     http.ResponseWriter
	begun bool
}

func (b *body) Write(p []byte) (int, error) {
	b.begun = true
	return b.w.Write(p)
}

// refuse answers with an error.
func (h *handler) refuse(w http.ResponseWriter, what string, err error) {
	status, text := h.problem(what, err)
	fail(w, status, text)
}

// problem logs an error and returns what may be told of it.
func (h *handler) problem(what string, err error) (status int, text string) {
	var invalid *kg.InvalidError
	if errors.As(err, &invalid) {
		return http.StatusConflict, invalid.Error()
	}
	h.log.Error("administration failed", slog.String("what", what), slog.Any("error", err))
	switch {
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, "the server is stopping; try again when it is back"
	case errors.Is(err, kg.ErrUnavailable), errors.Is(err, kg.ErrClosed):
		return http.StatusServiceUnavailable, "the store cannot do this at present; the log of the server says why"
	}
	return http.StatusInternalServerError, "it failed; the log of the server says why"
}

// failure is the body of an answer that is an error.
type failure struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, text string) {
	body, _ := json.Marshal(failure{text}) // a text can always be written
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who has gone hears nothing
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // as above
}
