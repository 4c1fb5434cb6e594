package badgerstore

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4/options"

	"keiretsu/internal/kg"
)

// randomText returns so many letters that do not compress.
func randomText(random *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('!' + random.IntN(90))
	}
	return string(b)
}

// bounded is how many times the live data tables and value log may take after
// merges and collection, and slack what they may take besides: the files that
// are still being written.
const (
	bounded = 3
	slack   = 4 << 20
)

// TestDiskStaysBounded writes the same records again and again, some too long for
// the tree, deletes some, and has the engine tidy up: what is superseded gives its
// space back.
func TestDiskStaysBounded(t *testing.T) {
	s := openTuned(t, t.TempDir(), smallest)
	random := rand.New(rand.NewPCG(1, 2))
	var live, written int64
	const rounds, short, long = 25, 200, 12
	for round := range rounds {
		live = 0
		b := &kg.Batch{At: noon}
		put := func(id string, length int) {
			b.Put = append(b.Put, &kg.Source{ID: kg.ID(id), Note: randomText(random, length)})
			live += int64(length)
			written += int64(length)
		}
		for i := range short {
			put(fmt.Sprintf("short-%d", i), 4<<10)
		}
		for i := range long {
			put(fmt.Sprintf("long-%d", i), 100<<10)
		}
		apply(t, s, b.Put...)
		put = func(id string, length int) {
			b.Put = append(b.Put, &kg.Source{ID: kg.ID(id), Note: randomText(random, length)})
			written += int64(length)
		}
		b.Put = nil
		put(fmt.Sprintf("gone-%d", round), 200<<10)
		apply(t, s, b.Put...)
		if _, err := s.Apply(t.Context(), &kg.Batch{Delete: idsOf(b.Put)}); err != nil {
			t.Fatal(err)
		}
	}
	size := func() int64 {
		parts, err := diskOf(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		return parts["tables"] + parts["values"]
	}
	before := size()
	for range 3 {
		if err := s.db.Flatten(1); err != nil {
			t.Fatal(err)
		}
		s.collect(t.Context())
	}
	after := size()
	t.Logf("%d KiB are live of %d written; they took %d before and %d after tidying up", live>>10, written>>10, before>>10, after>>10)
	if written < 8*live {
		t.Errorf("only %d bytes were written for %d that are live", written, live)
	}
	if after > bounded*live+slack {
		t.Errorf("%d bytes are on the disk for %d that are live, more than %d times as many", after, live, bounded)
	}
	// Tables go to the bottom, and not to a level in between where every merge
	// would take them along.
	for _, l := range s.db.Levels() {
		if l.Level > 0 && l.Level < 4 && l.NumTables > 0 {
			t.Errorf("there are %d tables in level %d", l.NumTables, l.Level)
		}
	}
}

// merge writes so much that what is in memory becomes tables, and merges them.
func merge(t *testing.T, s *Store) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 250 {
		apply(t, s, &kg.Source{ID: kg.ID(fmt.Sprintf("filler-%d", i)), Note: randomText(random, 30<<10)})
	}
	if err := s.db.Flatten(1); err != nil {
		t.Fatal(err)
	}
}

// halfGone returns a store of which most long values have been superseded, and
// what each source in it says.
func halfGone(t *testing.T, dir string) (*Store, map[kg.ID]string) {
	t.Helper()
	s := openTuned(t, dir, smallest)
	random := rand.New(rand.NewPCG(3, 4))
	want := make(map[kg.ID]string)
	for _, short := range []bool{false, true} {
		for i := range 60 {
			if short && i%5 == 0 {
				continue
			}
			id, note := kg.ID(fmt.Sprintf("s%d", i)), fmt.Sprint(i)
			if !short {
				note = randomText(random, 100<<10)
			}
			want[id] = note
			apply(t, s, &kg.Source{ID: id, Note: note})
		}
		merge(t, s)
		closeStore(t, s)
		s = openTuned(t, dir, smallest)
	}
	merge(t, s)
	return s, want
}

func valueFiles(t *testing.T, s *Store) []uint64 {
	t.Helper()
	numbers, err := numbered(filepath.Join(s.dir, tablesDir), valueLogEnding)
	if err != nil {
		t.Fatal(err)
	}
	return numbers
}

// TestValuesSurviveCollection has the value log cleared of most of what it holds:
// every other value is read as it was, before and after a restart.
func TestValuesSurviveCollection(t *testing.T) {
	dir := t.TempDir()
	s, want := halfGone(t, dir)
	same := func(when string) {
		t.Helper()
		snap := snapshotOf(t, s)
		seen := 0
		for _, r := range all(t, snap.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordSource})) {
			note, ok := want[r.RecordID()]
			if !ok {
				continue
			}
			if seen++; r.(*kg.Source).Note != note {
				t.Errorf("%s, %s has another value", when, r.RecordID())
			}
		}
		if err := snap.Close(); err != nil || seen != len(want) {
			t.Errorf("%s, %d of %d sources are there: %v", when, seen, len(want), err)
		}
	}
	before := valueFiles(t, s)
	for range 3 {
		s.collect(t.Context())
		same("after collection")
		merge(t, s)
	}
	left := valueFiles(t, s)
	if slices.ContainsFunc(before[:3], func(n uint64) bool { return slices.Contains(left, n) }) {
		t.Errorf("of files %d of the value log, %d are left", before, left)
	}
	closeStore(t, s)
	s = openTuned(t, dir, smallest)
	same("after a restart")
}

// TestOldValuesStayUntilDurable lets the disk fail while the value log is cleared:
// a file whose contents were moved is still there.
func TestOldValuesStayUntilDurable(t *testing.T) {
	s, _ := halfGone(t, t.TempDir())
	before := valueFiles(t, s)
	failed := false
	s.logs.sync = func(string) error {
		failed = true
		return os.ErrDeadlineExceeded
	}
	s.collect(t.Context())
	if !failed && forcesLogs {
		t.Fatal("nothing was forced to the disk")
	}
	for _, n := range before {
		if !slices.Contains(valueFiles(t, s), n) && forcesLogs {
			t.Errorf("file %d of the value log was removed before its contents were on the disk elsewhere", n)
		}
	}
	if err := s.Writable(); err == nil && forcesLogs {
		t.Error("the store takes writes after the disk has failed")
	}
}

// TestMemoryIsDivided: what the engine holds follows from one number.
func TestMemoryIsDivided(t *testing.T) {
	for _, memory := range []int64{0, 1, 64 << 20, 256 << 20, 512 << 20, 8 << 30} {
		o := badgerOptions(Options{Memory: memory})
		rows := int64(o.NumMemtables+1) * o.MemTableSize
		if limit := max(memory, leastMemory); memory > 0 && rows+o.BlockCacheSize > limit {
			t.Errorf("with %d MiB, %d are for rows and %d for blocks", limit>>20, rows>>20, o.BlockCacheSize>>20)
		}
		if o.MemTableSize > mostRows {
			t.Errorf("with %d MiB, a crash leaves %d MiB to read", memory>>20, o.MemTableSize>>20)
		}
	}
}

// TestEngineIsTheOneWeKnow: what is said about Badger in RELIABILITY.md was found
// out about one release, and some of it leans on what that release does.
func TestEngineIsTheOneWeKnow(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/dgraph-io/badger/v4 v4.9.6\n"; !strings.Contains(string(mod), want) {
		t.Errorf("go.mod does not ask for %s: before another release is taken, go through the table in RELIABILITY.md, "+
			"read what it does to its logs (logs.go, inspect.go), run `go test -bench Apply` before and after, and change this test", strings.TrimSpace(want))
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"DropPrefix", "DropAll", "BanNamespace"} {
			if strings.Contains(string(text), "."+call+"(") {
				t.Errorf("%s calls %s, which loses writes that come in meanwhile", name, call)
			}
		}
	}
	o := badgerOptions(Options{})
	if o.NumMemtables < 2 || o.ValueThreshold < 1<<20 || len(o.EncryptionKey) > 0 || o.DetectConflicts ||
		!o.VerifyValueChecksum || o.ChecksumVerificationMode != options.OnBlockRead {
		t.Errorf("options with which others have come to grief: %+v", o)
	}
}
