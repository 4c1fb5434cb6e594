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

	"keiretsu/internal/kg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// admin does what a test tells it to.
type admin struct {
	backup  func(ctx context.Context, to io.Writer, behind *Point) error
	outcome BackupOutcome
}

func (a *admin) Backup(ctx context.Context, to io.Writer, behind *Point) error {
	return a.backup(ctx, to, behind)
}

func (a *admin) BackupDone(_ context.Context, o BackupOutcome) error {
	a.outcome = o
	return nil
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
	go func() { served <- Serve(ctx, listener, Handler(a, discard), discard) }()
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
	go func() { served <- Serve(ctx, listener, Handler(a, discard), discard) }()
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
