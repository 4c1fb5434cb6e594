package control

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// Uploads are files that are sent to be imported.
type Uploads struct {
	Admin Admin
	// Keep copies what is sent into a file of its own, to be removed after the
	// import.
	Keep func(ctx context.Context, from io.Reader) (path string, remove func(), err error)
	// By names who sends a request.
	By     func(context.Context) string
	Logger *slog.Logger
}

// maxUpload is the longest file that can be sent, in bytes.
const maxUpload = 64 << 30

// ServeHTTP answers POST /FORMAT: the body is a file, plain, gzip or zip. It is kept
// whole before anything of it is imported. The query may say dryRun=true,
// recorded=source or now, dataset=NAME and complete=true, and hold the mapping of a
// table as mapping. The answer is that of POST /import.
func (u *Uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := &handler{u.Admin, u.Logger}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fail(w, http.StatusMethodNotAllowed, "send the file by POST")
		return
	}
	patient := http.NewResponseController(w)
	_ = patient.SetReadDeadline(time.Time{})
	_ = patient.SetWriteDeadline(time.Time{})
	w.Header().Set("Cache-Control", "no-store")
	q := ImportRequest{Format: r.URL.Path[1:], By: u.By(r.Context())}
	if err := q.read(r.URL.Query()); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	path, remove, err := u.Keep(r.Context(), http.MaxBytesReader(w, r.Body, maxUpload))
	if err != nil {
		h.refuse(w, "upload", err)
		return
	}
	defer remove()
	q.Files = []ImportFile{{Path: path, Name: "upload"}}
	w.Header().Set("Content-Type", "application/x-ndjson")
	h.stream(w, r, "import", func(ctx context.Context, to io.Writer) error { return tellImport(ctx, u.Admin, q, to, w) })
}

// read takes what the query of an upload says.
func (q *ImportRequest) read(query url.Values) error {
	if q.Mapping = query.Get("mapping"); q.Mapping != "" {
		q.MappingName = "mapping"
	}
	q.Dataset = query.Get("dataset")
	for name, into := range map[string]*bool{"dryRun": &q.DryRun, "complete": &q.Complete} {
		switch said := query.Get(name); said {
		case "", "false":
		case "true":
			*into = true
		default:
			return kg.Invalidf(name, "%.20q is neither true nor false", said)
		}
	}
	switch q.Recorded = ingest.Recorded(query.Get("recorded")); q.Recorded {
	case ingest.RecordedAuto, ingest.RecordedSource, ingest.RecordedNow:
		return nil
	}
	return kg.Invalidf("recorded", "%.20q is neither source nor now", string(q.Recorded))
}

// Query returns the query of an upload that asks for the same.
func (q *ImportRequest) Query() url.Values {
	query := url.Values{}
	if q.Mapping != "" {
		query.Set("mapping", q.Mapping)
	}
	if q.DryRun {
		query.Set("dryRun", "true")
	}
	if q.Dataset != "" {
		query.Set("dataset", q.Dataset)
	}
	if q.Complete {
		query.Set("complete", "true")
	}
	if q.Recorded != ingest.RecordedAuto {
		query.Set("recorded", string(q.Recorded))
	}
	return query
}

// Upload sends a file to the server at an address, to be imported there with a
// token, and returns what came of it as Client.Import does.
func Upload(ctx context.Context, client *http.Client, server *url.URL, token string, q ImportRequest, file io.Reader, progress func(ingest.Progress)) (ingest.Report, error) {
	to := server.JoinPath("import", q.Format)
	to.RawQuery = q.Query().Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), file)
	if err != nil {
		return ingest.Report{}, err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := send(client, request)
	if err != nil {
		return ingest.Report{}, err
	}
	defer leave(answer)
	return followImport(answer, progress)
}
