package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keiretsu/internal/control"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/search"
)

// spoil changes a store behind the back of its graph.
func spoil(t *testing.T, data string, change func(s kg.Snapshot) *kg.Batch) {
	t.Helper()
	f := folder{Data: data}
	store, err := badgerstore.Open(t.Context(), badgerstore.Options{Dir: f.store()})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Apply(t.Context(), change(snap))
	if err := errors.Join(err, snap.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestCheckAndRepair damages facts, claims and the search index of the demo, and
// checks with and without a server.
func TestCheckAndRepair(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	want := acquired(t, p, "2014")
	online := command(t, "--data", data, "check")
	if !strings.Contains(online, "revision 1:") || !strings.Contains(online, "facts as their claims give them, 0 things wrong") {
		t.Errorf("with a server: %s", online)
	}
	refuses(t, []string{"--data", data, "check", "--repair"}, "running server", "stop it")
	p.stop(t)
	if offline := command(t, "--data", data, "check"); offline != online {
		t.Errorf("without a server: %s\nwith one: %s", offline, online)
	}
	spoil(t, data, func(s kg.Snapshot) *kg.Batch {
		records, err := s.Get(t.Context(), []kg.ID{"amap"})
		if err != nil {
			t.Fatal(err)
		}
		amap := *records[0].(*kg.Entity)
		amap.Names = []kg.Name{{Text: "Another", Kind: kg.NamePreferred}}
		b := &kg.Batch{At: time.Now(), Put: []kg.Record{&amap}}
		for e, err := range s.Relations(t.Context(), kg.RelationQuery{Of: []kg.ID{"alibaba-group"}, Direction: kg.Out, Types: []kg.RelationType{kg.Acquired}}) {
			if err != nil {
				t.Fatal(err)
			}
			b.Delete = append(b.Delete, e.Relation.ID)
		}
		return b
	})
	segments, err := filepath.Glob(filepath.Join(data, "search", "*", "store", "*.zap"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	if err := os.Truncate(segments[0], 5); err != nil {
		t.Fatal(err)
	}
	refuses(t, []string{"--data", data, "check"}, data, "things are wrong", "check --repair")
	said := run(t, nil, "--data", data, "check", "--json")
	said.ended(t)
	families := map[string]int{}
	var summary control.CheckSummary
	lines := json.NewDecoder(strings.NewReader(said.stdout.String()))
	for lines.More() {
		var line struct {
			control.Finding
			Summary *control.CheckSummary
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatalf("%v in\n%s", err, &said.stdout)
		}
		if line.Summary != nil {
			summary = *line.Summary
			continue
		}
		if families[line.Family]++; !line.Repairable || line.Problem == "" {
			t.Errorf("it finds %+v", line.Finding)
		}
	}
	if families["facts"] < 3 || families["search"] != 1 || summary.Findings != families["facts"]+1 || summary.Revision != 2 {
		t.Errorf("it finds %v and sums up to %+v", families, summary)
	}
	repaired := command(t, "--data", data, "check", "--repair")
	for _, word := range []string{"repaired: must facts entity amap: it is not what its claims give", "repaired: should search index", "0 things wrong", "revision 3:"} {
		if !strings.Contains(repaired, word) {
			t.Errorf("the repair does not say %q:\n%s", word, repaired)
		}
	}
	p = start(t, data)
	for what, got := range map[string][]deal{"before": want, "after": acquired(t, p, "2014")} {
		if len(got) != len(in2014) {
			t.Errorf("%s: %v", what, got)
		}
	}
	eventually(t, "Amap is found by its name", func() bool { return strings.HasPrefix(found(t, p, "高德地图"), "Amap") })
	p.stop(t)

	spoil(t, data, func(s kg.Snapshot) *kg.Batch { return &kg.Batch{At: time.Now(), Delete: []kg.ID{"doc-000"}} })
	refuses(t, []string{"--data", data, "check"}, "wrong")
	left := run(t, nil, "--data", data, "check", "--repair")
	if code := left.ended(t); code != 1 || !strings.Contains(left.stdout.String(), "left: must facts claim") || !strings.Contains(left.stderr.String(), "takes a backup") {
		t.Errorf("exit code %d for what cannot be repaired:\n%.500s\n%s", code, &left.stdout, &left.stderr)
	}
}

// TestStatsAndReindex asks for both with and without a server.
func TestStatsAndReindex(t *testing.T) {
	data := t.TempDir()
	read := func(args ...string) (s control.Stats) {
		t.Helper()
		if err := json.Unmarshal([]byte(command(t, append([]string{"--data", data, "stats", "--json"}, args...)...)), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	refuses(t, []string{"--data", filepath.Join(data, "none"), "stats"}, "no store")
	p := start(t, data)
	command(t, "--data", data, "backup", filepath.Join(t.TempDir(), "b"))
	eventually(t, "the index is up to date", func() bool { return read().Search.Behind == 0 })
	online := read("--checksum")
	if !online.Online || online.Revision != 1 || online.Records["source"] != 5 || !online.Writable || online.Checksum == "" ||
		online.Disk["search"] == 0 || online.Disk["logs"] == 0 || online.DiskFree == 0 || online.LastBackup == nil || online.LastBackup.Revision != 1 ||
		online.LastBackup.Checksum != online.Checksum || online.LastFullBackup == nil || online.BackupFailures != 0 {
		t.Errorf("with a server: %+v", online)
	}
	for range 2 {
		if said := command(t, "--data", data, "reindex"); !strings.Contains(said, "up to revision 1 in") {
			t.Errorf("reindex: %s", said)
		}
		if got := found(t, p, "aliyun"); !strings.HasPrefix(got, "Alibaba Cloud") {
			t.Errorf("after building the index anew, aliyun finds %s", got)
		}
	}
	text := command(t, "--data", data, "stats")
	for _, word := range []string{"held by a running server", "5 sources", "201 entities", "taken", "up to date", "up to revision 1"} {
		if !strings.Contains(text, word) {
			t.Errorf("stats do not say %q:\n%s", word, text)
		}
	}
	_, metrics := get(t, p.url+"/metrics")
	for _, word := range []string{"keiretsu_search_lag_revisions 0", "keiretsu_search_lag_seconds 0", `keiretsu_store_disk_bytes{part="tables"}`, "keiretsu_store_disk_free_bytes", "keiretsu_store_writable 1"} {
		if !strings.Contains(metrics, "\n"+word) {
			t.Errorf("the metrics do not say %s", word)
		}
	}
	p.stop(t)
	offline := read("--checksum")
	if offline.Online || offline.Checksum != online.Checksum || offline.Store != online.Store || offline.LastBackup == nil {
		t.Errorf("without a server: %+v", offline)
	}
	command(t, "--data", data, "reindex")
	spoil(t, data, func(kg.Snapshot) *kg.Batch {
		return &kg.Batch{At: time.Now(), Put: []kg.Record{&kg.Source{ID: "late", Title: "Late"}}}
	})
	if s := read(); s.Search.Behind != 1 || s.Search.Revision != 1 {
		t.Errorf("behind by a write: %+v", s.Search)
	}
	full := filepath.Join(t.TempDir(), "missing", "b")
	refuses(t, []string{"--data", data, "backup", full}, "missing")
}

// TestBackupFailuresAreCounted reads again what became of some backups.
func TestBackupFailuresAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backups.json")
	l, err := openBackupLog(path)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1e9, 0).UTC()
	for _, o := range []control.BackupOutcome{
		{At: at, Revision: 1, Bytes: 10},
		{At: at, Revision: 2, Bytes: 20, Increment: true},
		{At: at, Failed: true},
		{At: at, Failed: true},
	} {
		if err := l.add(o); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openBackupLog(path)
	if err != nil {
		t.Fatal(err)
	}
	h := again.history()
	if h.Last == nil || h.Last.Revision != 2 || h.LastFull == nil || h.LastFull.Revision != 1 || h.Failures != 2 {
		t.Errorf("read again: %+v", h)
	}
	write(t, path, "{half")
	if again, err = openBackupLog(path); err != nil || again.history() != (backupHistory{}) {
		t.Errorf("a file that makes no sense: %+v, %v", again, err)
	}
}

// TestLag looks at an index that falls behind and catches up.
func TestLag(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := &lag{now: func() time.Time { return now }}
	for i, step := range []struct {
		after        time.Duration
		store, index kg.Revision
		want         time.Duration
	}{
		{0, 0, 0, 0},
		{time.Second, 5, 5, 0},
		{time.Second, 6, 5, 0},                    // seen for the first time
		{3 * time.Second, 7, 5, 3 * time.Second},  // still at the same place
		{time.Second, 9, 6, 0},                    // it has moved: behind from now on
		{2 * time.Second, 12, 8, 2 * time.Second}, // not where the store was when it was seen
		{time.Second, 20, 9, 0},                   // there
		{time.Hour, 20, 20, 0},                    // caught up
		{time.Second, 21, 20, 0},                  // behind anew
		{time.Minute, 21, 0, time.Minute},         // and without an index
		{time.Second, 21, 22, 0},                  // ahead for a moment
		{24 * time.Hour, 30, 22, 0},
		{time.Second, 30, 22, time.Second},
	} {
		now = now.Add(step.after)
		if got := l.look(step.store, step.index); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
}

// TestReadiness asks whether a server is ready whose index does not follow.
func TestReadiness(t *testing.T) {
	f := folder{Data: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	store, err := badgerstore.Open(t.Context(), badgerstore.Options{Dir: f.store()})
	if err != nil {
		t.Fatal(err)
	}
	index, err := search.Open(t.Context(), search.Options{Dir: f.search(), Store: store, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	revision, err := store.Apply(t.Context(), &kg.Batch{At: time.Now(), Put: []kg.Record{&kg.Source{ID: "s", Title: "S"}}})
	if err == nil {
		err = index.Wait(t.Context(), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := newLag()
	ready := readiness(store, index, l, time.Minute)
	if err := ready(t.Context()); err != nil {
		t.Errorf("up to date: %v", err)
	}
	if err := index.Close(); err != nil { // from now on it is at nothing
		t.Fatal(err)
	}
	if err := ready(t.Context()); err != nil {
		t.Errorf("behind since just now: %v", err)
	}
	l.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	if err := ready(t.Context()); !errors.Is(err, kg.ErrUnavailable) || !strings.Contains(err.Error(), "search index") {
		t.Errorf("behind for two minutes: %v", err)
	}
	if err := readiness(store, index, l, 0)(t.Context()); err != nil {
		t.Errorf("behind for two minutes, which may be for ever: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ready(context.Background()); !errors.Is(err, kg.ErrClosed) {
		t.Errorf("without a store: %v", err)
	}
}
