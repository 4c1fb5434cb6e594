package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// subscriber is the other end of a WebSocket with one subscription.
type subscriber struct {
	*websocket.Conn
}

// dialing is how subscribers connect: through nothing that keeps connections.
var dialing = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// subscribe opens a subscription over a WebSocket and returns once it is
// acknowledged.
func subscribe(ctx context.Context, p *program, query string, variables any) (*subscriber, error) {
	conn, _, err := websocket.Dial(ctx, strings.Replace(p.url, "http", "ws", 1)+"/graphql", &websocket.DialOptions{
		HTTPClient: dialing, Subprotocols: []string{"graphql-transport-ws"},
	})
	if err != nil {
		return nil, err
	}
	s := &subscriber{conn}
	err = s.say(ctx, map[string]any{"type": "connection_init"})
	if err == nil {
		var m struct{ Type string }
		if err = s.hear(ctx, &m); err == nil && m.Type != "connection_ack" {
			err = fmt.Errorf("heard %s instead of connection_ack", m.Type)
		}
	}
	if err == nil {
		err = s.say(ctx, map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
	}
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return s, nil
}

func (s *subscriber) say(ctx context.Context, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return s.Write(ctx, websocket.MessageText, text)
}

func (s *subscriber) hear(ctx context.Context, message any) error {
	_, text, err := s.Read(ctx)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, message)
}

// update is what a subscription to changes is told.
type update struct {
	Revision int
	Complete bool
	Touched  []struct {
		Kind  string
		ID    string
		About []string
	}
}

const followChanges = `subscription($since: Int, $of: [ID!], $kinds: [RecordKind!]) {
  changes(since: $since, of: $of, kinds: $kinds) { revision complete touched { kind id about } }
}`

// next returns the next update.
func (s *subscriber) next(ctx context.Context) (update, error) {
	var m struct {
		Type    string
		Payload json.RawMessage
	}
	if err := s.hear(ctx, &m); err != nil {
		return update{}, err
	}
	var told struct{ Data struct{ Changes update } }
	if m.Type != "next" {
		return update{}, fmt.Errorf("heard %s: %s", m.Type, m.Payload)
	}
	return told.Data.Changes, json.Unmarshal(m.Payload, &told)
}

// writer writes to a server with a token.
type writer struct{ url, token string }

// newWriter makes a token for the data folder; p may be started later.
func newWriter(t testing.TB, data string) *writer {
	t.Helper()
	return &writer{token: strings.TrimSpace(command(t, "token", "create", "writer", "--scope", "write", "--data", data))}
}

// put records a company and returns the revision that knows it.
func (w *writer) put(ctx context.Context, id string) (int, error) {
	body, err := json.Marshal(map[string]any{
		"query": `mutation($in: WriteInput!) { write(input: $in) { write { revision } } }`,
		"variables": map[string]any{"in": map[string]any{
			"key":     "key-" + id,
			"sources": []any{map[string]any{"id": "diary", "title": "A diary"}},
			"entities": []any{map[string]any{
				"id": id, "kind": "COMPANY", "names": []any{map[string]any{"text": "Company " + id}}, "citation": map[string]any{"source": "diary"},
			}},
		}},
	})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+w.token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var result struct {
		Data struct {
			Write struct{ Write struct{ Revision int } }
		}
		Errors json.RawMessage
	}
	if err := json.NewDecoder(answer.Body).Decode(&result); err != nil {
		return 0, err
	}
	if result.Errors != nil {
		return 0, fmt.Errorf("%s", result.Errors)
	}
	return result.Data.Write.Write.Revision, nil
}

// serving starts a process on a data folder, with a writer.
func serving(t testing.TB, args ...string) (*program, *os.Process, *writer) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWriter(t, data)
	p, process := spawn(t, binary(t), append([]string{"--addr", "127.0.0.1:0", "--data", data}, args...)...)
	p.ready(t)
	w.url = p.url
	return p, process, w
}

// TestSubscribersMissNothing has four writers write to a process while
// subscribers over both protocols are cut off and come back. Each must be told
// exactly what a reading of the whole log afterwards gives.
func TestSubscribersMissNothing(t *testing.T) {
	const perWriter = 60
	p, _, w := serving(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begin, err := w.put(ctx, "begin")
	if err != nil {
		t.Fatal(err)
	}

	type told struct {
		variables map[string]any
		updates   []update
		breaks    int
	}
	filters := []map[string]any{
		{},
		{"kinds": []string{"ENTITY"}},
		{"of": []string{"w0-3", "w1-30", "w2-59", "alibaba-group", "end"}},
		{"of": []string{"w3-7", "end"}, "kinds": []string{"CLAIM", "RELATION"}},
	}
	var results []*told
	var subscribers, writers sync.WaitGroup
	for i := range 8 {
		r := &told{variables: filters[i/2]}
		results = append(results, r)
		rng := rand.New(rand.NewPCG(11, uint64(i)))
		read := overWebSocket
		if i%2 == 1 {
			read = overEvents
		}
		subscribers.Go(func() {
			for since := begin; ; r.breaks++ {
				// Nothing is kept of a change that was not told to its end.
				whole := len(r.updates)
				stay := 1 + rng.IntN(40)
				err := read(ctx, p, since, r.variables, func(u update) bool {
					r.updates = append(r.updates, u)
					if u.Complete {
						since, whole = u.Revision, len(r.updates)
					}
					stay--
					return stay > 0 && !u.about("end")
				})
				if err != nil {
					t.Errorf("subscriber %d at %d: %v", i, since, err)
					return
				}
				r.updates = r.updates[:whole]
				if whole > 0 && r.updates[whole-1].about("end") {
					return
				}
			}
		})
	}
	for i := range 4 {
		writers.Go(func() {
			for j := range perWriter {
				if _, err := w.put(ctx, fmt.Sprintf("w%d-%d", i, j)); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
	writers.Wait()
	end, err := w.put(ctx, "end")
	if err != nil {
		t.Fatal(err)
	}
	subscribers.Wait()

	var log []update
	err = overWebSocket(ctx, p, begin, nil, func(u update) bool {
		log = append(log, u)
		return u.Revision < end || !u.Complete
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(log); n != 4*perWriter+1 || log[0].Revision != begin+1 || log[n-1].Revision != end || end-begin != n {
		t.Fatalf("the log has %d changes from %d to %d, want %d to %d", n, log[0].Revision, log[n-1].Revision, begin+1, end)
	}
	for i, r := range results {
		if diff := cmp.Diff(left(log, r.variables), r.updates); diff != "" {
			t.Errorf("subscriber %d with %v was told (-want +got):\n%.2000s", i, r.variables, diff)
		}
		if r.breaks < 1 && i < 4 {
			t.Errorf("subscriber %d was never cut off", i)
		}
	}
	p.stop(t)
}

func (u update) about(id string) bool {
	for _, touched := range u.Touched {
		if slices.Contains(touched.About, id) {
			return true
		}
	}
	return false
}

// left is what a filter leaves of a log, the slow and obvious way.
func left(log []update, variables map[string]any) []update {
	of, _ := variables["of"].([]string)
	kinds, _ := variables["kinds"].([]string)
	var out []update
	for _, u := range log {
		rest := u
		rest.Touched = nil
		for _, touched := range u.Touched {
			about := of == nil || slices.ContainsFunc(touched.About, func(id string) bool { return slices.Contains(of, id) })
			if about && (kinds == nil || slices.Contains(kinds, touched.Kind)) {
				rest.Touched = append(rest.Touched, touched)
			}
		}
		if rest.Touched != nil {
			out = append(out, rest)
		}
	}
	return out
}

// overWebSocket reads updates until it is told to stop, and then hangs up.
func overWebSocket(ctx context.Context, p *program, since int, variables map[string]any, more func(update) bool) error {
	all := map[string]any{"since": since, "of": variables["of"], "kinds": variables["kinds"]}
	s, err := subscribe(ctx, p, followChanges, all)
	if err != nil {
		return err
	}
	defer s.CloseNow()
	for {
		u, err := s.next(ctx)
		if err != nil {
			return err
		}
		if !more(u) {
			return nil
		}
	}
}

// overEvents is overWebSocket with server-sent events: the first time it says
// where to begin by the argument, later ones by Last-Event-ID.
func overEvents(ctx context.Context, p *program, since int, variables map[string]any, more func(update) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	text, err := json.Marshal(map[string]any{"since": 0, "of": variables["of"], "kinds": variables["kinds"]})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/graphql?query="+url.QueryEscape(followChanges)+"&variables="+url.QueryEscape(string(text)), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", strconv.Itoa(since))
	answer, err := dialing.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	for id := 0; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		if text, ok := strings.CutPrefix(line, "id: "); ok {
			if id, err = strconv.Atoi(strings.TrimSpace(text)); err != nil {
				return err
			}
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			var told struct {
				Data   struct{ Changes update }
				Errors json.RawMessage
			}
			if err := json.Unmarshal([]byte(text), &told); err != nil {
				return err
			}
			if told.Errors != nil {
				return fmt.Errorf("%s", told.Errors)
			}
			u := told.Data.Changes
			if u.Complete != (id == u.Revision) {
				return fmt.Errorf("an update of revision %d, complete %v, has the id %d", u.Revision, u.Complete, id)
			}
			if !more(u) {
				return nil
			}
		}
	}
}

// TestWritesReachSubscribers races writes against subscriptions that ask from
// before them.
func TestWritesReachSubscribers(t *testing.T) {
	p, _, w := serving(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before, err := w.put(ctx, "begin")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		var both sync.WaitGroup
		acknowledged := 0
		both.Go(func() {
			var err error
			if acknowledged, err = w.put(ctx, fmt.Sprint("c", i)); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			read := overWebSocket
			if i%2 == 1 {
				read = overEvents
			}
			err := read(ctx, p, before, nil, func(u update) bool {
				if u.Revision != before+1 {
					t.Errorf("told of %d, want %d", u.Revision, before+1)
				}
				return false
			})
			if err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if t.Failed() {
			break
		}
		before = acknowledged
	}
	p.stop(t)
}

// TestSubscribersAreToldToComeBack stops a process under subscribers.
func TestSubscribersAreToldToComeBack(t *testing.T) {
	p, process, w := serving(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []*subscriber
	for range 20 {
		s, err := subscribe(ctx, p, followChanges, map[string]any{"since": 0})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.CloseNow() })
		all = append(all, s)
	}
	streamed := make(chan error, 1)
	listening := make(chan struct{})
	go func() {
		hear := sync.OnceFunc(func() { close(listening) })
		streamed <- overEvents(ctx, p, 0, nil, func(update) bool { hear(); return true })
	}()
	<-listening
	if _, err := w.put(ctx, "last"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for {
			if _, _, err := s.Read(ctx); err != nil {
				if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
					t.Errorf("closed with %d (%v), want 1001", code, err)
				}
				break
			}
		}
	}
	if err := <-streamed; !errors.Is(err, io.EOF) {
		t.Errorf("the stream of events ended with %v, want its end", err)
	}
	if code := p.ended(t); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, &p.stderr)
	}
	if took := time.Since(began); took > slack*10*time.Second {
		t.Errorf("it took %s to stop", took)
	}
}

// footprint is what a process holds.
type footprint struct {
	rss, live  int64 // bytes in memory; of the heap and of stacks
	files      int
	goroutines int
}

var gauge = regexp.MustCompile(`(?m)^(go_\w+|keiretsu_\w+) (\S+)$`)

// footprintOf measures a server and its process.
func footprintOf(t testing.TB, p *program, process *os.Process) footprint {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.Pid))
	if err != nil {
		t.Fatalf("this test needs the proc file system of Linux: %v", err)
	}
	var f footprint
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			f.rss = kib << 10
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	f.files = len(files)
	_, page := get(t, p.url+"/metrics")
	for _, found := range gauge.FindAllStringSubmatch(page, -1) {
		value, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		switch found[1] {
		case "go_memstats_heap_alloc_bytes", "go_memstats_stack_inuse_bytes":
			f.live += int64(value)
		case "go_goroutines":
			f.goroutines = int(value)
		}
	}
	return f
}

// idleSubscribers is how many there are: as many as the variable says, which
// `make subscribers` sets to what is promised.
func idleSubscribers(t testing.TB) int {
	t.Helper()
	text := os.Getenv("KEIRETSU_TEST_SUBSCRIBERS")
	if text == "" {
		return 2000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("KEIRETSU_TEST_SUBSCRIBERS=%s is not a number of subscribers", text)
	}
	return n
}

// TestIdleSubscribers has thousands of subscribers wait, tells them something, and
// lets them go.
func TestIdleSubscribers(t *testing.T) {
	const perSubscriber = 40_000 // bytes
	n := idleSubscribers(t)
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if need := uint64(n + 500); files.Cur < need {
		t.Fatalf("%d subscribers need %d open files, and the limit is %d: raise it with ulimit -n %d, as root where the hard limit is lower", n, need, files.Cur, need)
	}
	p, process, w := serving(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	if _, err := w.put(ctx, "begin"); err != nil {
		t.Fatal(err)
	}
	for range 20 { // what is made once is made now
		s, err := subscribe(ctx, p, followChanges, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.CloseNow()
	}
	settle(t, p, process, "the first have left", func(f footprint) bool { return gone(t, p) })
	before := footprintOf(t, p, process)

	all := make([]*subscriber, n)
	told := make(chan time.Time, n)
	began := time.Now()
	var dialers, readers sync.WaitGroup
	defer readers.Wait()
	defer func() {
		for _, s := range all {
			if s != nil {
				_ = s.CloseNow()
			}
		}
	}()
	next := atomic.Int64{}
	for range 32 {
		dialers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				s, err := subscribe(ctx, p, followChanges, map[string]any{"kinds": []string{"ENTITY"}})
				if err != nil {
					t.Errorf("subscriber %d: %v", i, err)
					return
				}
				all[i] = s
				readers.Go(func() { // all the time, or it would not answer pings
					for {
						if _, err := s.next(ctx); err != nil {
							return
						}
						told <- time.Now()
					}
				})
			}
		})
	}
	dialers.Wait()
	if t.Failed() {
		t.FailNow()
	}
	eventually(t, "all have subscribed", func() bool {
		_, page := get(t, p.url+"/metrics")
		return strings.Contains(page, fmt.Sprintf("\nkeiretsu_subscriptions %d\n", n)) || strings.Contains(page, fmt.Sprintf("\nkeiretsu_subscriptions %e\n", float64(n)))
	})
	idle := footprintOf(t, p, process)
	each := (idle.rss - before.rss) / int64(n)
	t.Logf("%d subscribers in %s: %d bytes of memory each, of which %d on heap and stacks; %.2f goroutines and %.2f files each",
		n, time.Since(began).Round(time.Millisecond), each, (idle.live-before.live)/int64(n),
		float64(idle.goroutines-before.goroutines)/float64(n), float64(idle.files-before.files)/float64(n))
	if each > perSubscriber {
		t.Errorf("a subscriber that waits takes %d bytes, want at most %d", each, perSubscriber)
	}

	for round := range 3 {
		began := time.Now()
		if _, err := w.put(ctx, fmt.Sprint("event-", round)); err != nil {
			t.Fatal(err)
		}
		written := time.Since(began)
		var took []time.Duration
		for range n {
			select {
			case at := <-told:
				took = append(took, at.Sub(began))
			case <-time.After(patience):
				t.Fatalf("%d of %d were told", len(took), n)
			}
		}
		slices.Sort(took)
		t.Logf("written in %s; half were told after %s, all after %s", written.Round(time.Millisecond), took[n/2].Round(time.Millisecond), took[n-1].Round(time.Millisecond))
		if last := took[n-1]; last > 3*2*time.Second {
			t.Errorf("the last was told after %s, want 2 s (and three times that on a busy machine)", last)
		}
	}
	after := footprintOf(t, p, process)
	t.Logf("after three events: %d bytes each", (after.rss-before.rss)/int64(n))

	for _, s := range all {
		_ = s.CloseNow()
	}
	settle(t, p, process, "memory and files come back", func(f footprint) bool {
		return gone(t, p) && f.files <= before.files+20 && f.goroutines <= before.goroutines+20 && f.rss-before.rss < (idle.rss-before.rss)/2
	})
	p.stop(t)
}

// gone reports that nobody subscribes any more.
func gone(t testing.TB, p *program) bool {
	t.Helper()
	_, page := get(t, p.url+"/metrics")
	return strings.Contains(page, "\nkeiretsu_subscriptions 0\n") && strings.Contains(page, "\nkeiretsu_sockets 0\n")
}

// settle waits for a footprint, and meanwhile gives the process something to do,
// or it would not look for garbage.
func settle(t testing.TB, p *program, process *os.Process, what string, there func(footprint) bool) {
	t.Helper()
	began := time.Now()
	eventually(t, what, func() bool {
		found(t, p, "alibaba")
		ask(t, p, `{ entities(first: 500) { nodes { id name names { text } } } }`, nil, nil)
		return there(footprintOf(t, p, process))
	})
	f := footprintOf(t, p, process)
	t.Logf("%s after %s: %d MB in memory, %d MB live, %d files, %d goroutines", what, time.Since(began).Round(time.Millisecond), f.rss>>20, f.live>>20, f.files, f.goroutines)
}
