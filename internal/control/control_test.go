package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// admin does what a test tells it to.
type admin struct {
	backup   func(ctx context.Context, to io.Writer, behind *Point) error
	outcome  BackupOutcome
	findings []Finding
	summary  CheckSummary
	stats    Stats
	// imported is what was asked for, and report what comes of it.
	imported ImportRequest
	report   ingest.Report
	// exported is the content of an export.
	exported string
	// fails is what everything but Backup ends with.
	fails error
}

func (a *admin) Check(_ context.Context, found func(Finding) error) (CheckSummary, error) {
	for _, f := range a.findings {
		if err := found(f); err != nil {
			return CheckSummary{}, err
		}
	}
	return a.summary, a.fails
}

func (a *admin) Stats(_ context.Context, checksum bool) (Stats, error) {
	s := a.stats
	if !checksum {
		s.Checksum = ""
	}
	return s, a.fails
}

func (a *admin) Reindex(context.Context) (Reindexed, error) { return Reindexed{7, 0.5}, a.fails }

func (a *admin) Backup(ctx context.Context, to io.Writer, behind *Point) error {
	return a.backup(ctx, to, behind)
}

func (a *admin) BackupDone(_ context.Context, o BackupOutcome) error {
	a.outcome = o
	return a.fails
}

func (a *admin) Import(_ context.Context, q ImportRequest, told func(ingest.Progress)) (ingest.Report, error) {
	a.imported = q
	for n := range int64(3) {
		told(ingest.Progress{Phase: ingest.Writing, Records: n, Of: 3})
	}
	return a.report, a.fails
}

func (a *admin) Export(_ context.Context, format string, to io.Writer) ([]string, error) {
	if _, err := io.WriteString(to, format+a.exported); err != nil {
		return nil, err
	}
	return []string{"when, “über”", "who"}, a.fails
}

var discard = slog.New(slog.DiscardHandler)

// offered serves the admin on a socket and returns a client of it.
func offered(t *testing.T, a Admin) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, SocketHandler(a, discard), discard) }()
	c, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if _, err := Dial(context.Background(), socket); !errors.Is(err, ErrNobody) {
			t.Errorf("after the end: %v, want ErrNobody", err)
		}
	})
	return c
}

// TestClientIsAnAdmin sends everything through the socket and finds it as it was.
func TestClientIsAnAdmin(t *testing.T) {
	a := &admin{}
	c := offered(t, a)
	point := &Point{Store: "00ff", Revision: 1 << 60, History: "abc"}
	content := bytes.Repeat([]byte("backup"), 100_000)
	a.backup = func(_ context.Context, to io.Writer, behind *Point) error {
		if diff := cmp.Diff(point, behind); diff != "" {
			t.Errorf("asked for what is behind (-sent +received):\n%s", diff)
		}
		_, err := to.Write(content)
		return err
	}
	for range 2 {
		var got bytes.Buffer
		if err := c.Backup(t.Context(), &got, point); err != nil || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("received %d bytes and %v, want %d", got.Len(), err, len(content))
		}
		point = nil
	}
	want := BackupOutcome{At: time.Unix(1e9, 0).UTC(), Increment: true, Revision: 7, Bytes: 8, Checksum: "c"}
	if err := c.BackupDone(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, a.outcome); diff != "" {
		t.Errorf("the outcome (-sent +received):\n%s", diff)
	}
	a.stats = Stats{
		Online: true, Store: "00ff", Revision: 7, Records: map[string]int64{"claim": 3}, Checksum: "sum", Disk: map[string]int64{"tables": 9},
		DiskFree: 1, DiskNeeded: 2, Levels: []Level{{6, 1, 9}}, MemoryTable: 3, Snapshots: 1, Unwritable: "full",
		Search: Search{5, 2, 1.5, "damaged"}, LastBackup: &want, LastFullBackup: &want, BackupFailures: 4,
	}
	for _, checksum := range []bool{true, false} {
		if !checksum {
			a.stats.Checksum = ""
		}
		got, err := c.Stats(t.Context(), checksum)
		if diff := cmp.Diff(a.stats, got); err != nil || diff != "" {
			t.Errorf("stats: %v (-sent +received):\n%s", err, diff)
		}
	}
	if done, err := c.Reindex(t.Context()); err != nil || done != (Reindexed{7, 0.5}) {
		t.Errorf("reindexed: %+v, %v", done, err)
	}
	a.findings = []Finding{{true, "claim", "claim/#1", "it is missing", false}, {false, "name", "name/2", "nothing has the id", true}}
	a.summary = CheckSummary{Point: Point{"00ff", 7, "abc"}, Checksum: "sum", Records: 3, Rows: map[string]int64{"id": 3}, Findings: 2, FactsSkipped: true}
	var got []Finding
	summary, err := c.Check(t.Context(), func(f Finding) error {
		got = append(got, f)
		return nil
	})
	if diff := cmp.Diff([]any{a.findings, a.summary}, []any{got, summary}); err != nil || diff != "" {
		t.Errorf("check: %v (-sent +received):\n%s", err, diff)
	}
	enough := errors.New("enough")
	if _, err := c.Check(t.Context(), func(Finding) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a check that is ended by its caller: %v", err)
	}
}

// TestErrorsComeThrough lets things go wrong before the first byte and behind it.
func TestErrorsComeThrough(t *testing.T) {
	a := &admin{}
	c := offered(t, a)
	for name, test := range map[string]struct {
		err         error
		says, hides string
	}{
		"by the caller": {fmt.Errorf("wrapped: %w", kg.Invalidf("", "make a full backup")), "make a full backup", "wrapped"},
		"inside":        {errors.New("the disk at /dev/sda"), "the log of the server says why", "/dev/sda"},
		"for now":       {fmt.Errorf("secret: %w", kg.ErrUnavailable), "at present", "secret"},
		"at the end":    {fmt.Errorf("secret: %w", kg.ErrClosed), "at present", "secret"},
	} {
		a.fails, a.findings = test.err, nil
		for what, ask := range map[string]func() error{
			"stats":   func() error { _, err := c.Stats(t.Context(), false); return err },
			"reindex": func() error { _, err := c.Reindex(t.Context()); return err },
			"outcome": func() error { return c.BackupDone(t.Context(), BackupOutcome{}) },
			"check":   func() error { _, err := c.Check(t.Context(), func(Finding) error { return nil }); return err },
			"check with findings": func() error {
				a.findings = []Finding{{Family: "claim"}}
				_, err := c.Check(t.Context(), func(Finding) error { return nil })
				return err
			},
		} {
			if err := ask(); err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), test.hides) {
				t.Errorf("%s, %s: %v, want %q and not %q", what, name, err, test.says, test.hides)
			}
		}
		for _, begun := range []bool{false, true} {
			a.backup = func(_ context.Context, to io.Writer, _ *Point) error {
				if begun {
					_, _ = to.Write(make([]byte, 100_000))
				}
				return test.err
			}
			err := c.Backup(t.Context(), io.Discard, nil)
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), test.hides) {
				t.Errorf("%s (begun: %t): %v, want %q and not %q", name, begun, err, test.says, test.hides)
			}
		}
	}
}

// TestWhatIsNotAnswered sends what no client of ours sends.
func TestWhatIsNotAnswered(t *testing.T) {
	h := Handler(&admin{}, discard)
	for name, test := range map[string]struct {
		method, path, kind, body string
		status                   int
	}{
		"as a form sends it":   {"POST", "/backup", "application/x-www-form-urlencoded", "behind=", http.StatusUnsupportedMediaType},
		"as a page may":        {"POST", "/backup", "text/plain", "{}", http.StatusUnsupportedMediaType},
		"without a kind":       {"POST", "/backup/outcome", "", "{}", http.StatusUnsupportedMediaType},
		"by GET":               {"GET", "/backup", "application/json", "", http.StatusMethodNotAllowed},
		"nothing":              {"POST", "/backup", "application/json", "", http.StatusBadRequest},
		"something else":       {"POST", "/backup", "application/json", `{"before":1}`, http.StatusBadRequest},
		"too much":             {"POST", "/backup", "application/json", `{"behind":{"store":"` + strings.Repeat("x", maxBody) + `"}}`, http.StatusBadRequest},
		"an address elsewhere": {"GET", "/elsewhere", "", "", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.kind)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("status %d, want %d: %s", w.Code, test.status, w.Body)
			}
		})
	}
}

// TestLongAnswersAreNotCutOff mounts the handler on a server with little patience.
func TestLongAnswersAreNotCutOff(t *testing.T) {
	long := make(chan struct{})
	a := &admin{backup: func(ctx context.Context, to io.Writer, _ *Point) error {
		select {
		case <-long:
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err := io.WriteString(to, "whole")
		return err
	}}
	s := httptest.NewUnstartedServer(http.StripPrefix("/admin", Handler(a, discard)))
	s.Config.ReadTimeout, s.Config.WriteTimeout = 20*time.Millisecond, 20*time.Millisecond
	s.Start()
	defer s.Close()
	timer := time.AfterFunc(200*time.Millisecond, func() { close(long) })
	defer timer.Stop()
	r, err := http.Post(s.URL+"/admin/backup", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "whole" {
		t.Errorf("status %d, %q, %v", r.StatusCode, body, err)
	}
}

// TestServeCancelsWhatTakesTooLong stops serving while a backup waits for ever.
func TestServeCancelsWhatTakesTooLong(t *testing.T) {
	begun := make(chan struct{})
	a := &admin{backup: func(ctx context.Context, to io.Writer, _ *Point) error {
		_, _ = to.Write(make([]byte, 100_000))
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}}
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, listener, SocketHandler(a, discard), discard) }()
	c, err := Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() { asked <- c.Backup(context.Background(), io.Discard, nil) }()
	<-begun
	cancel()
	if err := <-asked; err == nil || !strings.Contains(err.Error(), "the server is stopping") {
		t.Errorf("the caller is told: %v", err)
	}
	if err := errors.Join(c.Close(), <-served); err != nil {
		t.Error(err)
	}
}

// TestImportThroughTheSocket: the request, how far it has come and the report
// arrive, also where it fails on its way.
func TestImportThroughTheSocket(t *testing.T) {
	a := &admin{report: ingest.Report{Entities: 3, Took: time.Second, Applied: ingest.Sum{Recorded: 7, Revision: 2}}}
	a.report.Dropped.Reasons = []ingest.Reason{{Reason: "so", Count: 1, First: []string{"f:1"}}}
	c := offered(t, a)
	q := ImportRequest{Format: "plain", Files: []ImportFile{{"/x/y", "y"}}, DryRun: true, Resume: true, By: "local:ann"}
	for n := range 1000 { // as a pattern of the shell may name
		name := fmt.Sprintf("registers/of/owners/statements-%04d.json", n)
		q.Files = append(q.Files, ImportFile{"/home/ann/" + name, name})
	}
	var seen []ingest.Progress
	report, err := c.Import(t.Context(), q, func(p ingest.Progress) { seen = append(seen, p) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(q, a.imported); diff != "" {
		t.Errorf("asked for (-sent +received):\n%s", diff)
	}
	if diff := cmp.Diff(a.report, report); diff != "" {
		t.Errorf("report (-sent +received):\n%s", diff)
	}
	if len(seen) == 0 || seen[0] != (ingest.Progress{Phase: ingest.Writing, Of: 3}) {
		t.Errorf("progress %+v", seen)
	}
	a.fails = kg.Invalidf("", "line 7 is torn")
	if report, err = c.Import(t.Context(), q, func(ingest.Progress) {}); err == nil || !strings.Contains(err.Error(), "line 7 is torn") || report.Applied.Recorded != 7 {
		t.Errorf("on its way: %+v, %v", report, err)
	}
	a.report = ingest.Report{}
	if _, err = c.Import(t.Context(), q, func(ingest.Progress) {}); err == nil || !strings.Contains(err.Error(), "line 7 is torn") {
		t.Errorf("at once: %v", err)
	}
}

func TestExportThroughTheSocket(t *testing.T) {
	a := &admin{exported: strings.Repeat(" lines", 50_000)}
	c := offered(t, a)
	var got bytes.Buffer
	losses, err := c.Export(t.Context(), "jsonl", &got)
	if err != nil || got.String() != "jsonl"+a.exported {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	if diff := cmp.Diff([]string{"when, “über”", "who"}, losses); diff != "" {
		t.Errorf("losses (-want +got):\n%s", diff)
	}
	a.fails = errors.New("the store is gone")
	if _, err := c.Export(t.Context(), "jsonl", io.Discard); err == nil || strings.Contains(err.Error(), "gone") {
		t.Errorf("an inner error: %v", err)
	}
}

// TestOnlyTheSocketImports: over HTTP nobody may name files of this machine.
func TestOnlyTheSocketImports(t *testing.T) {
	a := &admin{}
	answer := httptest.NewRecorder()
	q := httptest.NewRequest(http.MethodPost, "/import", strings.NewReader(`{"format":"plain","files":[{"path":"/etc/passwd","name":"p"}]}`))
	q.Header.Set("Content-Type", "application/json")
	Handler(a, discard).ServeHTTP(answer, q)
	if answer.Code != http.StatusNotFound || a.imported.Format != "" {
		t.Errorf("status %d, %+v", answer.Code, a.imported)
	}
}
