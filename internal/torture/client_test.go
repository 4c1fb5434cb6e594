package torture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// vars are variables of an operation.
type vars = map[string]any

// client asks a server on behalf of somebody who may write.
type client struct {
	http  http.Client
	url   string
	token string
}

func (f *folder) client(t testing.TB, p *process) *client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{http: http.Client{Transport: transport, Timeout: patience}, url: p.url, token: f.token}
}

// refusal is the first error of an answer.
type refusal struct {
	Message    string
	Extensions struct{ Code string }
}

func (r *refusal) Error() string { return r.Extensions.Code + ": " + r.Message }

// refused reports that an error is a refusal with the code.
func refused(err error, code string) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.Extensions.Code == code
}

// encode makes the body of a request.
func encode(query string, variables vars) []byte {
	body, err := json.Marshal(vars{"query": query, "variables": variables})
	if err != nil {
		panic(err) // the tests make the variables themselves
	}
	return body
}

// post sends a request and decodes its data. The error is a *refusal where the
// server has said no; any other error leaves it open whether it has heard.
func (c *client) post(ctx context.Context, body []byte, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []*refusal
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("status %d: %w in %.200q", response.StatusCode, err, text)
	}
	if len(answer.Errors) > 0 {
		return answer.Errors[0]
	}
	return json.Unmarshal(answer.Data, data)
}

// ask runs an operation.
func (c *client) ask(ctx context.Context, query string, variables vars, data any) error {
	return c.post(ctx, encode(query, variables), data)
}

// revision returns the newest revision.
func (c *client) revision(ctx context.Context) (int, error) {
	var data struct{ Revision int }
	err := c.ask(ctx, `{ revision }`, nil, &data)
	return data.Revision, err
}

// metrics returns the numbers that the server tells of itself, by name and labels.
func (c *client) metrics(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	numbers := make(map[string]float64)
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, number, ok := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(number, 64); ok && err == nil {
			numbers[name] = n
		}
	}
	return numbers, lines.Err()
}

// records returns how many records of each kind the server holds.
func (c *client) records(ctx context.Context) (map[string]int, error) {
	numbers, err := c.metrics(ctx)
	counts := make(map[string]int)
	for name, n := range numbers {
		if kind, ok := strings.CutPrefix(name, `keiretsu_records{kind="`); ok && n > 0 {
			counts[strings.TrimSuffix(kind, `"}`)] = int(n)
		}
	}
	if err == nil && len(counts) == 0 {
		err = errors.New("the metrics name no records")
	}
	return counts, err
}

// finds waits until a search for a text shows the entity.
func (c *client) finds(ctx context.Context, text, id string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var data struct {
			Search struct{ Nodes []struct{ ID string } }
		}
		err := c.ask(ctx, `query($text: String!) { search(text: $text, first: 10) { nodes { id } } }`, vars{"text": text}, &data)
		// While the index is built again, searches are refused.
		if err != nil && !refused(err, "UNAVAILABLE") {
			return err
		}
		for _, n := range data.Search.Nodes {
			if n.ID == id {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a search for %q does not find %s", text, id)
		}
	}
}
