package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"keiretsu/internal/ingest"
)

// ErrNobody says that no server listens on a socket.
var ErrNobody = errors.New("no server listens")

// Client is the Admin of a server in another process.
type Client struct {
	http *http.Client
}

// Dial returns the Admin of the server that listens on the socket, or ErrNobody.
func Dial(ctx context.Context, socket string) (*Client, error) {
	var dialer net.Dialer
	c := &Client{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}}}
	err := c.get(ctx, "/", &struct{}{})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EINVAL) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", socket, err)
	}
	return c, nil
}

// Close lets go of idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Backup copies what the server sends. Whether the file came through whole is
// told by its end.
func (c *Client) Backup(ctx context.Context, to io.Writer, behind *Point) error {
	answer, err := c.ask(ctx, http.MethodPost, "/backup", backupRequest{behind})
	if err != nil {
		return err
	}
	defer leave(answer)
	if _, err := io.Copy(to, answer.Body); err != nil {
		return err
	}
	return told(answer)
}

// BackupDone tells the server.
func (c *Client) BackupDone(ctx context.Context, o BackupOutcome) error {
	return c.post(ctx, "/backup/outcome", o, &struct{}{})
}

// Stats asks the server.
func (c *Client) Stats(ctx context.Context, checksum bool) (s Stats, err error) {
	path := "/stats"
	if checksum {
		path += "?checksum=true"
	}
	err = c.get(ctx, path, &s)
	return s, err
}

// Reindex asks the server, and waits until it has been done.
func (c *Client) Reindex(ctx context.Context) (done Reindexed, err error) {
	err = c.post(ctx, "/reindex", struct{}{}, &done)
	return done, err
}

// Check passes on what the server finds.
func (c *Client) Check(ctx context.Context, found func(Finding) error) (CheckSummary, error) {
	answer, err := c.ask(ctx, http.MethodGet, "/check", nil)
	if err != nil {
		return CheckSummary{}, err
	}
	defer leave(answer)
	lines := json.NewDecoder(answer.Body)
	for {
		var line checkLine
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			if err = told(answer); err == nil {
				err = errors.New("the running server broke the check off")
			}
		}
		if err != nil {
			return CheckSummary{}, err
		}
		if line.Summary != nil {
			return *line.Summary, nil
		}
		if line.Finding != nil {
			if err := found(*line.Finding); err != nil {
				return CheckSummary{}, err
			}
		}
	}
}

// Import lets the server import files of this machine.
func (c *Client) Import(ctx context.Context, q ImportRequest, progress func(ingest.Progress)) (ingest.Report, error) {
	answer, err := c.ask(ctx, http.MethodPost, "/import", q)
	if err != nil {
		return ingest.Report{}, err
	}
	defer leave(answer)
	return followImport(answer, progress)
}

// Export copies what the server sends.
func (c *Client) Export(ctx context.Context, format string, to io.Writer) (losses []string, err error) {
	answer, err := c.ask(ctx, http.MethodPost, "/export", exportRequest{format})
	if err != nil {
		return nil, err
	}
	defer leave(answer)
	if _, err := io.Copy(to, answer.Body); err != nil {
		return nil, err
	}
	if err := told(answer); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(answer.Trailer.Get(lossesTrailer)), &losses); err != nil {
		return nil, errors.New("the running server broke the export off")
	}
	return losses, nil
}

// followImport reads what tellImport writes.
func followImport(answer *http.Response, progress func(ingest.Progress)) (report ingest.Report, err error) {
	lines := json.NewDecoder(answer.Body)
	complete := false
	for {
		var line importLine
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			if err = told(answer); err == nil && !complete {
				err = errors.New("the running server broke the import off")
			}
			return report, err
		}
		if err != nil {
			return report, err
		}
		if line.Progress != nil {
			progress(*line.Progress)
		}
		if line.Report != nil {
			report, complete = *line.Report, true
		}
	}
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.exchange(ctx, http.MethodGet, path, nil, into)
}

func (c *Client) post(ctx context.Context, path string, body, into any) error {
	return c.exchange(ctx, http.MethodPost, path, body, into)
}

func (c *Client) exchange(ctx context.Context, method, path string, body, into any) error {
	answer, err := c.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer leave(answer)
	return json.NewDecoder(answer.Body).Decode(into)
}

// ask asks the server for something.
func (c *Client) ask(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://keiretsu"+path, sent)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return send(c.http, request)
}

// send sends a request. An answer that is an error is returned as one.
func send(client *http.Client, request *http.Request) (*http.Response, error) {
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer leave(answer)
		var f struct {
			failure
			// Errors are those of a server that refuses whoever asks.
			Errors []struct {
				Message string `json:"message"`
			} `json:"errors"`
		}
		err := json.NewDecoder(io.LimitReader(answer.Body, maxBody)).Decode(&f)
		switch {
		case err == nil && f.Error != "":
		case err == nil && len(f.Errors) > 0:
			f.Error = f.Errors[0].Message
		default:
			f.Error = "it answered " + answer.Status
		}
		return nil, fmt.Errorf("the running server says: %s", f.Error)
	}
	return answer, nil
}

// leave lets go of an answer. There is nothing to lose by it.
func leave(answer *http.Response) { _ = answer.Body.Close() }

// told returns the error that came behind the body of an answer.
func told(answer *http.Response) error {
	if text := answer.Trailer.Get(errorTrailer); text != "" {
		return fmt.Errorf("the running server says: %s", text)
	}
	return nil
}
