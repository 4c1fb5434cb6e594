package badgerstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// left lets the disk of a store have so many bytes left besides what the store
// holds of it.
func left(s *Store, bytes uint64) {
	s.space.setFree(func(string) (uint64, error) { return bytes, nil })
}

// TestFullDisk refuses writes before the engine could hit the end of the disk,
// goes on reading, and writes again when there is room. It says so once.
func TestFullDisk(t *testing.T) {
	s := openTest(t, t.TempDir())
	var said bytes.Buffer
	s.space.log = slog.New(slog.NewTextHandler(&said, nil))
	fill(t, s)
	before := dump(t, s)
	for range 3 {
		left(s, 20<<20)
		for range 3 {
			_, err := s.Apply(t.Context(), &kg.Batch{Put: []kg.Record{company("x")}})
			refusal, ok := errors.AsType[*kg.UnavailableError](err)
			if !ok || !errors.Is(err, kg.ErrUnavailable) || !strings.Contains(refusal.Reason, "MiB left and 159 MiB are needed") || strings.Contains(refusal.Reason, s.dir) {
				t.Fatalf("a write to a full disk: %v", err)
			}
			s.space.watch()
		}
		if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
			t.Errorf("a refused write changed something:\n%s", diff)
		}
		if err := s.Writable(); !errors.Is(err, kg.ErrUnavailable) {
			t.Errorf("writes are said to be taken: %v", err)
		}
		left(s, math.MaxUint32)
		s.space.watch()
		if err := s.Writable(); err != nil {
			t.Errorf("writes are off with an empty disk: %v", err)
		}
		if n := strings.Count(said.String(), "msg="); n != 2 {
			t.Errorf("the log has %d lines, want one for each turn:\n%s", n, said.String())
		}
		said.Reset()
	}
	apply(t, s, company("x"))
}

// TestLargeWriteNeedsMore refuses a write that would not fit, and takes a small
// one.
func TestLargeWriteNeedsMore(t *testing.T) {
	s := openTest(t, t.TempDir())
	left(s, s.space.needed)
	_, err := s.Apply(t.Context(), manyRelations("2014"))
	if !errors.Is(err, kg.ErrUnavailable) {
		t.Errorf("error %v, want %v", err, kg.ErrUnavailable)
	}
	apply(t, s, company("x"))
}

// TestMergesWaitForRoom: the spare file is given up for a table that is about to
// be made. Without it a merge waits, until there is room or the store is closed.
func TestMergesWaitForRoom(t *testing.T) {
	if !forcesLogs {
		t.Log("no space is held on this system")
		return
	}
	spare := func(s *Store) bool {
		_, err := os.Stat(s.space.path())
		return err == nil
	}
	s := openSmall(t, t.TempDir())
	for i := range 20 {
		apply(t, s, manyRelations(startDate(i)).Put[:400]...)
	}
	left(s, 0)
	if !spare(s) {
		t.Fatal("there is no spare file")
	}
	if !s.space.ease() || spare(s) {
		t.Error("the spare file is not given up for a table")
	}
	if s.space.ease() {
		t.Error("there is said to be room for another table")
	}
	before := dump(t, s)
	merged := make(chan error, 1)
	go func() { merged <- s.db.Flatten(1) }()
	for range 3 {
		if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
			t.Error(diff)
		}
	}
	select {
	case err := <-merged:
		t.Fatalf("a merge went on with a full disk: %v", err)
	default:
	}
	left(s, math.MaxUint32)
	if err := <-merged; err != nil {
		t.Error(err)
	}
	s.space.watch()
	if !spare(s) {
		t.Error("the spare file is not taken again")
	}

	left(s, 0)
	s.space.ease()
	held := make(chan struct{})
	go func() {
		s.space.brake()
		close(held)
	}()
	closeStore(t, s)
	left(s, math.MaxUint32)
	<-held
}

// TestLogsHaveTheirSpace: a log is never written to where the disk might have no
// room for it, whatever Badger makes of its length.
func TestLogsHaveTheirSpace(t *testing.T) {
	if !forcesLogs {
		t.Log("no space is kept on this system")
		return
	}
	dir := t.TempDir()
	s := openTuned(t, dir, func(o badger.Options) badger.Options {
		return o.WithMemTableSize(1 << 20).WithValueLogFileSize(1 << 20)
	})
	first := s.logs.active
	for i := range 30 {
		apply(t, s, manyRelations(startDate(i)).Put[:400]...)
		for n, length := range map[uint64]int64{s.logs.active: 2 << 20, s.logs.active + 1: 0} {
			info, err := os.Stat(s.logs.path(n))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := allocated(s.logs.path(n)); err != nil || got < 2<<20 || info.Size() != length {
				t.Errorf("log %d of length %d has %d bytes of the disk (%v), with log %d active", n, info.Size(), got, err, s.logs.active)
			}
		}
	}
	if s.logs.active < first+3 {
		t.Errorf("the engine has gone from log %d to log %d only", first, s.logs.active)
	}
	next := s.logs.path(s.logs.active + 1)
	closeStore(t, s)
	if _, err := os.Stat(next); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log that was kept ready is left behind: %v", err)
	}
}

// TestLogsWithoutContents opens a folder in which a kill has left logs that were
// being made or removed: Badger would call that a mistake.
func TestLogsWithoutContents(t *testing.T) {
	for _, name := range []string{"00000.mem", "00007.mem", "000000.vlog", "000007.vlog"} {
		dir := closedFolder(t)
		if err := os.WriteFile(dir+"/"+tablesDir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, dir)
		if got := dump(t, s).Revision; got != 40 {
			t.Errorf("%s: revision %d", name, got)
		}
		closeStore(t, s)
	}
}

// fullVariable, when set, makes of the test binary a program that does as it is
// told with the store in the folder it names: for every line "write" it writes,
// reads, and says what became of it; for "rest" it waits until the engine has
// come to an end with what it is at.
const fullVariable = "KEIRETSU_FULL_FOLDER"

// smallest has the engine make do with little room.
func smallest(o badger.Options) badger.Options {
	return o.WithMemTableSize(1 << 20).WithValueLogFileSize(1 << 20).WithValueThreshold(64 << 10).
		WithBaseTableSize(256 << 10).WithBaseLevelSize(1 << 20)
}

// perWrite is how many sources the program writes at once.
const perWrite = 10

func writeOnFullDisk(dir string) {
	ctx := context.Background()
	o := Options{Dir: dir, Logger: discard}
	s, err := open(ctx, o, smallest(badgerOptions(o)))
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	long := make([]byte, 4<<10)
	random := rand.New(rand.NewPCG(1, 2))
	written := 0
	told := bufio.NewScanner(os.Stdin)
	for i := 0; told.Scan(); i++ {
		if told.Text() == "rest" {
			rest(s)
			fmt.Println("rested")
			continue
		}
		b := &kg.Batch{At: noon}
		for j := range perWrite {
			for k := range long {
				long[k] = byte('a' + random.IntN(26))
			}
			b.Put = append(b.Put, &kg.Source{ID: kg.ID(fmt.Sprintf("s%06d-%d", i, j)), Note: string(long)})
		}
		revision, err := s.Apply(ctx, b)
		var refusal *kg.UnavailableError
		switch {
		case err == nil:
			written++
			fmt.Println("written", revision)
		case errors.As(err, &refusal):
			fmt.Println("refused", refusal.Reason)
		default:
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		snap, err := s.Snapshot(ctx)
		if err == nil {
			var stats map[kg.RecordKind]int64
			stats, err = snap.Stats(ctx)
			if n := stats[kg.RecordSource]; err == nil && n != int64(perWrite*written) {
				err = fmt.Errorf("%d sources, want %d", n, perWrite*written)
			}
			if err == nil && written > 0 {
				_, err = snap.Get(ctx, []kg.ID{"s000000-0"})
			}
			err = errors.Join(err, snap.Close())
		}
		if err != nil {
			fmt.Println("failed: reading:", err)
			os.Exit(1)
		}
	}
}

// rest returns when tables have not changed for longer than the engine takes to
// begin with merges.
func rest(s *Store) {
	before := ""
	for same := 0; same < 120; same++ {
		free, err := freeSpace(s.dir)
		if now := fmt.Sprint(free, err, s.db.Levels()); now != before {
			before, same = now, 0
		}
		time.Sleep(10 * time.Millisecond)
	}
}
