package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// Uploads are files that are sent to be imported.
type Uploads struct {
	Admin Admin
	// Check returns what is wrong with a request, before its file is awaited.
	Check func(ImportRequest) error
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
// whole before anything of it is imported. The query may say name=NAME (what the file
// is called, which tells its source from others), dryRun=true, recorded=source or now,
// dataset=NAME and complete=true, and hold the mapping of a table as mapping; what else
// it says is refused. The answer is that of POST /import.
func (u *Uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := &handler{u.Admin, u.Logger}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fail(w, http.StatusMethodNotAllowed, "send the file by POST")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	q := ImportRequest{Format: r.URL.Path[1:], By: u.By(r.Context())}
	err := q.read(r.URL.Query())
	if err == nil {
		err = u.Check(q)
	}
	patient := http.NewResponseController(w)
	if err != nil {
		// Some clients listen to the answer at once, others when they have sent
		// the file; for them it is read as long as a request may take.
		_ = patient.EnableFullDuplex()
		fail(w, http.StatusBadRequest, err.Error())
		_ = patient.Flush()
		_, _ = io.Copy(io.Discard, r.Body)
		return
	}
	_ = patient.SetReadDeadline(time.Time{})
	_ = patient.SetWriteDeadline(time.Time{})
	path, remove, err := u.Keep(r.Context(), http.MaxBytesReader(w, r.Body, maxUpload))
	if err != nil {
		h.refuse(w, "upload", err)
		return
	}
	defer remove()
	q.Files[0].Path = path
	w.Header().Set("Content-Type", "application/x-ndjson")
	h.stream(w, r, "import", func(ctx context.Context, to io.Writer) error { return tellImport(ctx, u.Admin, q, to, w) })
}

// parameters are what the query of an upload may hold.
var parameters = []string{"complete", "dataset", "dryRun", "mapping", "name", "recorded"}

// maxName bounds the name of a file that is sent, in bytes.
const maxName = 255

// read takes what the query of an upload says. A misspelt parameter is refused, since
// the file would be imported in another way than is meant.
func (q *ImportRequest) read(query url.Values) error {
	for name := range query {
		if !slices.Contains(parameters, name) {
			return kg.Invalidf("", "there is no parameter %.40q; there are %s", name, strings.Join(parameters, ", "))
		}
	}
	name := query.Get("name")
	if len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) {
		return kg.Invalidf("name", "a name of a file has at most %d bytes and no control characters", maxName)
	}
	q.Files = []ImportFile{{Name: cmp.Or(name, "upload")}}
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

// Query returns the query of an upload of the first of the files that asks for the
// same.
func (q *ImportRequest) Query() url.Values {
	query := url.Values{}
	if len(q.Files) > 0 && q.Files[0].Name != "" {
		query.Set("name", q.Files[0].Name)
	}
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
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return ingest.Report{}, fmt.Errorf("nothing answers at %s (%w); look at the address, and whether the server runs", server, dial.Err)
	}
	if err != nil {
		return ingest.Report{}, err
	}
	defer leave(answer)
	return followImport(answer, progress)
}
