package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exported is a format that writes by the function.
func exported(write func(ctx context.Context, to io.Writer) ([]string, error)) func(*Config) {
	return func(c *Config) {
		c.Exports = []Export{{Name: "lines", Help: "a line for each", File: "all.txt", Media: "text/plain", Write: write}}
	}
}

func ended(t *testing.T, r running) {
	t.Helper()
	r.stop()
	if err := <-r.stopped; err != nil {
		t.Error(err)
	}
}

// TestExports wants the whole file, packed or not, with its name, and behind it
// what it leaves out.
func TestExports(t *testing.T) {
	content := strings.Repeat("a line of many\n", 100_000)
	r := run(t, exported(func(_ context.Context, to io.Writer) ([]string, error) {
		_, err := io.WriteString(to, content)
		return []string{"2 colours", "1 smell"}, err
	}))
	defer ended(t, r)
	r.client.Transport.(*http.Transport).DisableCompression = true
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/export/lines", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, %v", method, resp.StatusCode, err)
		}
		if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="all.txt"` {
			t.Errorf("%s: Content-Disposition %s", method, got)
		}
		want, losses := content, `["2 colours","1 smell"]`
		if method == http.MethodHead {
			want, losses = "", ""
		}
		if string(body) != want || resp.Trailer.Get(LossesTrailer) != losses {
			t.Errorf("%s: %d bytes, trailer %q", method, len(body), resp.Trailer.Get(LossesTrailer))
		}
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(r.url + "/export/lines")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != content || !resp.Uncompressed || resp.Trailer.Get(LossesTrailer) == "" {
		t.Errorf("packed: %t, %d bytes, %v, trailer %v", resp.Uncompressed, len(body), err, resp.Trailer)
	}

	list := httptest.NewRecorder()
	r.ServeHTTP(list, httptest.NewRequest(http.MethodGet, "/export", nil))
	if diff := cmp.Diff(`{"formats":[{"name":"lines","help":"a line for each","file":"all.txt"}]}`+"\n", list.Body.String()); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	for path, status := range map[string]int{"/export/rows": 404, "/export/": 404, "/export/lines/x": 404} {
		if a := r.do(t, httptest.NewRequest(http.MethodGet, path, nil)); a.status != status {
			t.Errorf("%s: status %d", path, a.status)
		}
	}
	if a := r.do(t, httptest.NewRequest(http.MethodPost, "/export/lines", nil)); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", a.status)
	}
}

// TestTrustedDocumentsAreNotPassedBy: where only some questions may be asked, not
// everything is told.
func TestTrustedDocumentsAreNotPassedBy(t *testing.T) {
	r := newRig(t, func(c *Config) {
		exported(func(context.Context, io.Writer) ([]string, error) { return nil, nil })(c)
		c.Documents, c.DocumentsOnly = &Documents{}, true
	})
	for _, path := range []string{"/export", "/export/lines"} {
		if a := r.do(t, httptest.NewRequest(http.MethodGet, path, nil)); a.status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, a.status)
		}
	}
}

// TestExportsAreFew: who finds no place is told at once, and a place is free again
// when its client has left.
func TestExportsAreFew(t *testing.T) {
	started, over := make(chan struct{}), make(chan error)
	r := run(t, func(c *Config) {
		exported(func(ctx context.Context, to io.Writer) ([]string, error) {
			started <- struct{}{}
			<-ctx.Done()
			over <- ctx.Err()
			return nil, ctx.Err()
		})(c)
		c.Traffic = Traffic{Exports: 1}
	})
	defer ended(t, r)
	for range 2 {
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/export/lines", nil)
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan error, 1)
		go func() {
			resp, err := r.client.Do(req)
			if err == nil {
				err = resp.Body.Close()
			}
			asked <- err
		}()
		<-started
		a := r.do(t, httptest.NewRequest(http.MethodGet, "/export/lines", nil))
		if a.status != http.StatusServiceUnavailable || a.code() != codeUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Content-Disposition") != "" {
			t.Errorf("a second one: status %d, %s, %v", a.status, a.body, a.header)
		}
		leave()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Errorf("the work ended with %v", err)
		}
		if err := <-asked; !errors.Is(err, context.Canceled) {
			t.Errorf("the client ended with %v", err)
		}
		for len(r.exports.slots) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// TestExportsThatFail: before the first byte an error is an answer, behind it the
// answer breaks off, so that half a file is not taken for a whole one.
func TestExportsThatFail(t *testing.T) {
	for name, before := range map[string]int{"at once": 0, "behind a part": 3 * exportBuffer} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, packed), func(t *testing.T) {
				r := run(t, exported(func(_ context.Context, to io.Writer) ([]string, error) {
					if _, err := io.WriteString(to, strings.Repeat("a", before)); err != nil {
						return nil, err
					}
					return nil, errors.New("the secret disk")
				}))
				defer ended(t, r)
				r.client.Transport.(*http.Transport).DisableCompression = !packed
				resp, err := r.client.Get(r.url + "/export/lines")
				var body []byte
				if err == nil { // what packs well has not even begun to be sent
					defer resp.Body.Close()
					body, err = io.ReadAll(resp.Body)
				}
				if before == 0 {
					if err != nil || resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), codeInternal) || resp.Header.Get("Content-Disposition") != "" {
						t.Errorf("status %d, %v: %s", resp.StatusCode, err, body)
					}
				} else if err == nil {
					t.Errorf("%d bytes look like all", len(body))
				}
				if strings.Contains(string(body), "secret") || !strings.Contains(r.log.String(), "secret") {
					t.Errorf("told: %.200s; log: %s", body, r.log)
				}
			})
		}
	}
}

// TestExportsTakeTheirTime: one lasts longer than a request may, yet neither without
// end nor for a client that does not read.
func TestExportsTakeTheirTime(t *testing.T) {
	block := []byte(strings.Repeat("a", exportBuffer))
	// writes goes on until a time has passed, or an error ends it.
	writes := func(lasting time.Duration, ended chan<- error) func(ctx context.Context, to io.Writer) ([]string, error) {
		return func(ctx context.Context, to io.Writer) ([]string, error) {
			var err error
			for began := time.Now(); err == nil && time.Since(began) < lasting; {
				if _, err = to.Write(block); err == nil {
					err = ctx.Err()
				}
			}
			ended <- err
			return nil, err
		}
	}
	traffic := Traffic{Timeout: time.Millisecond, BodyTimeout: 20 * time.Millisecond, ReadingTimeout: 100 * time.Millisecond, ExportTimeout: time.Minute}
	t.Run("longer than a request", func(t *testing.T) {
		over := make(chan error, 1)
		r := run(t, func(c *Config) { exported(writes(300*time.Millisecond, over))(c); c.Traffic = traffic })
		defer ended(t, r)
		resp, err := r.client.Get(r.url + "/export/lines")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || <-over != nil || resp.Trailer.Get(LossesTrailer) != "[]" {
			t.Errorf("%v, trailer %v", err, resp.Trailer)
		}
	})
	t.Run("not without end", func(t *testing.T) {
		over := make(chan error, 1)
		r := run(t, func(c *Config) {
			exported(writes(time.Hour, over))(c)
			c.Traffic = traffic
			c.Traffic.ExportTimeout = 50 * time.Millisecond
		})
		defer ended(t, r)
		r.client.Transport.(*http.Transport).DisableCompression = true // packed, it may not have begun to be sent
		resp, err := r.client.Get(r.url + "/export/lines")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Error("it looks like all")
		}
		if err := <-over; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
	t.Run("nobody reads", func(t *testing.T) {
		over := make(chan error, 1)
		r := run(t, func(c *Config) { exported(writes(time.Hour, over))(c); c.Traffic = traffic })
		defer ended(t, r)
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /export/lines HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-over; err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
}
