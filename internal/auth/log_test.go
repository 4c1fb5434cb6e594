package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// openLog returns a log at noon, and where it is.
func openLog(t *testing.T) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := OpenLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l.now = func() time.Time { return noon }
	t.Cleanup(func() { _ = l.Close() })
	return l, path
}

// lines reads a log back, which must consist of JSON objects.
func lines(t *testing.T, path string) []Entry {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var entries []Entry
	for line := range strings.Lines(string(text)) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		entries = append(entries, e)
	}
	return entries
}

func TestLogLines(t *testing.T) {
	l, path := openLog(t)
	e := Entry{
		Event: EventDone, RequestID: "r1", Principal: "token:ann", Remote: "192.0.2.1:5", Path: "/graphql", Operation: "Put\n",
		Fields: []string{"putEntity"}, Keys: []string{"k\"1"}, Code: "OK", Revision: 7, Counts: map[string]int{"claims": 2},
	}
	if err := l.Append(e); err != nil {
		t.Fatal(err)
	}
	e.Time = noon
	if diff := cmp.Diff([]Entry{e}, lines(t, path)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestLogIsOnlyAddedTo(t *testing.T) {
	l, path := openLog(t)
	var want []string
	for i := range 3 {
		id := fmt.Sprint("r", i)
		if err := l.Append(Entry{RequestID: id}); err != nil {
			t.Fatal(err)
		}
		want = append(want, id)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if l, err = OpenLog(path, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = l.Close() })
	if diff := cmp.Diff(want, ids(lines(t, path))); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func ids(entries []Entry) []string {
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.RequestID)
	}
	return ids
}

// TestLogOfManyWriters wants every line whole.
func TestLogOfManyWriters(t *testing.T) {
	l, path := openLog(t)
	const n = 200
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := l.Append(Entry{RequestID: fmt.Sprint(i), Path: strings.Repeat("x", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(lines(t, path)); got != n {
		t.Errorf("%d lines, want %d", got, n)
	}
}

func TestLogFollowsARotation(t *testing.T) {
	l, path := openLog(t)
	for i, between := range []func() error{
		func() error { return nil },
		func() error { return os.Rename(path, path+".1") },
		func() error { return os.Remove(path) },
	} {
		if err := between(); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(Entry{RequestID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"0"}, ids(lines(t, path+".1"))); diff != "" {
		t.Errorf("the old file (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2"}, ids(lines(t, path))); diff != "" {
		t.Errorf("the new file (-want +got):\n%s", diff)
	}
}

func TestLogGoesOnAfterATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.WriteFile(path, []byte(`{"event":"be`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 2 {
		if err := l.Append(Entry{RequestID: "r"}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(string(text), "\n"); len(got) != 4 || got[0] != `{"event":"be` || !json.Valid([]byte(got[1])) || !json.Valid([]byte(got[2])) {
		t.Errorf("lines %q", got)
	}
}

// narrow is a disk with room for so many bytes.
type narrow struct {
	bytes.Buffer
	room int
}

func (n *narrow) Write(p []byte) (int, error) {
	if len(p) > n.room {
		n.Buffer.Write(p[:n.room])
		cut := n.room
		n.room = 0
		return cut, errors.New("no space left on device")
	}
	n.room -= len(p)
	return n.Buffer.Write(p)
}

func TestLogSaysWhenItTakesNothing(t *testing.T) {
	var log bytes.Buffer
	disk := &narrow{room: 200}
	l := NewLog(disk, slog.New(slog.NewTextHandler(&log, nil)))
	var failed int
	for range 5 {
		if l.Append(Entry{RequestID: "r"}) != nil {
			failed++
		}
	}
	if failed != 4 && failed != 3 {
		t.Errorf("%d of 5 failed", failed)
	}
	disk.room = 10_000
	if err := l.Append(Entry{RequestID: "after"}); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(disk.String()), "\n")
	if last := got[len(got)-1]; !json.Valid([]byte(last)) || !strings.Contains(last, "after") {
		t.Errorf("the last line is %q", last)
	}
	if n := strings.Count(log.String(), "takes nothing"); n != 1 || !strings.Contains(log.String(), "takes lines again") {
		t.Errorf("server's log:\n%s", &log)
	}
}

func TestLogThatCannotBeOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "such", "folder", "audit.jsonl")
	if _, err := OpenLog(path, slog.Default()); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--audit-log") {
		t.Errorf("error %v", err)
	}
	l, path := openLog(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{}); err == nil {
		t.Error("a line went nowhere")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{}); err == nil {
		t.Error("a closed log took a line")
	}
}

// TestStrangersCannotFillTheDisk refuses far more than get a line.
func TestStrangersCannotFillTheDisk(t *testing.T) {
	l, path := openLog(t)
	for range maxRefusals + 1000 {
		l.Refused(Entry{Principal: "anonymous"}, false)
	}
	l.Refused(Entry{Principal: "token:ann"}, true)
	got := lines(t, path)
	if len(got) != maxRefusals+1 {
		t.Fatalf("%d lines, want %d", len(got), maxRefusals+1)
	}
	if last := got[maxRefusals]; last.Principal != "token:ann" || last.Suppressed != 1000 || last.Event != EventRefused {
		t.Errorf("the last line is %+v", last)
	}
	l.now = func() time.Time { return noon.Add(time.Minute) }
	l.Refused(Entry{Principal: "anonymous"}, false)
	if got := lines(t, path); len(got) != maxRefusals+2 || got[maxRefusals+1].Suppressed != 0 {
		t.Errorf("%d lines a minute later", len(got))
	}
}
