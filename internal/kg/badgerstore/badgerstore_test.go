package badgerstore

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"go.uber.org/goleak"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashVariable); dir != "" {
		writeUntilKilled(dir)
	}
	if dir := os.Getenv(syncVariable); dir != "" {
		writeAndTell(dir)
	}
	if dir := os.Getenv(fullVariable); dir != "" {
		writeOnFullDisk(dir)
	}
	goleak.VerifyTestMain(m)
}

func TestContract(t *testing.T) {
	kgtest.Run(t, func(t *testing.T) kg.Store { return openTest(t, t.TempDir()) })
}

func TestWorlds(t *testing.T) {
	kgtest.RunWorlds(t, func(t *testing.T) kg.Store { return openSmall(t, t.TempDir()) })
}

// TestWorldsInSmallPieces lets small worlds take the ways of large ones: what
// is merged is read row by row, and no entity is small.
func TestWorldsInSmallPieces(t *testing.T) {
	kgtest.RunWorlds(t, func(t *testing.T) kg.Store {
		s := openSmall(t, t.TempDir())
		s.pieces = pieces{probe: 1, least: 1, first: 1, most: 2}
		return s
	})
}

// openTest opens a store that lasts no longer than the test.
func openTest(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir, Memory: leastMemory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var discard = slog.New(slog.DiscardHandler)

// openSmall opens a store that writes its memory out to tables after a megabyte.
func openSmall(t testing.TB, dir string) *Store {
	t.Helper()
	return openTuned(t, dir, func(o badger.Options) badger.Options { return o.WithMemTableSize(1 << 20) })
}

// openTuned opens a store whose sizes are small and then changed.
func openTuned(t testing.TB, dir string, tune func(badger.Options) badger.Options) *Store {
	t.Helper()
	o := Options{Dir: dir, Logger: discard}
	engine := tune(badgerOptions(o).WithValueThreshold(64 << 10).WithBaseTableSize(64 << 10))
	s, err := open(context.Background(), o, engine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)

func apply(t testing.TB, s kg.Store, records ...kg.Record) kg.Revision {
	t.Helper()
	revision, err := s.Apply(context.Background(), &kg.Batch{At: noon, Put: records})
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

// snapshotOf opens a snapshot that lasts no longer than the test.
func snapshotOf(t testing.TB, s *Store) *snapshot {
	t.Helper()
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = snap.Close() })
	return snap.(*snapshot)
}

// all reads a sequence to its end.
func all[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for x, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// everything is all that a store can say without being asked for something.
type everything struct {
	Revision kg.Revision
	Stats    map[kg.RecordKind]int64
	Records  []kg.Record
	Edges    []kg.Edge
	Changes  []kg.Change
}

func dump(t testing.TB, store kg.Store) everything {
	t.Helper()
	ctx := context.Background()
	s, err := store.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := everything{Revision: s.Revision(), Changes: all(t, store.Changes(ctx, 0)), Edges: all(t, s.Relations(ctx, kg.RelationQuery{All: true}))}
	if e.Stats, err = s.Stats(ctx); err != nil {
		t.Fatal(err)
	}
	for kind, n := range e.Stats {
		if n == 0 {
			delete(e.Stats, kind)
		}
	}
	for _, kind := range kg.RecordKinds() {
		e.Records = append(e.Records, all(t, s.Scan(ctx, kg.ScanQuery{Kind: kind}))...)
	}
	return e
}

func company(id string) *kg.Entity {
	return &kg.Entity{ID: kg.ID(id), Kind: kg.KindCompany, Names: []kg.Name{{Text: id, Kind: kg.NamePreferred}}}
}

func relation(id string, t kg.RelationType, from, to, start string) *kg.Relation {
	r := &kg.Relation{ID: kg.ID(id), Type: t, From: kg.ID(from), To: kg.ID(to), FromKind: kg.KindCompany, ToKind: kg.KindCompany}
	if start != "" {
		r.Start = kg.MustDate(start)
	}
	r.Citations = []kg.Citation{{Claim: "c-0123456789abcdef", Source: "doc-000", Locator: "line 49"}}
	return r
}

// startDate spreads starts over the days of several years.
func startDate(i int) string { return kg.Day(i % 4000).String() }

func TestRestartKeepsEverything(t *testing.T) {
	for seed := range uint64(5) {
		dir, model := t.TempDir(), kgtest.NewModel()
		for i, step := range kgtest.World(seed + 1).Steps {
			s := openTest(t, dir)
			for _, store := range []kg.Store{s, model} {
				if _, err := store.Apply(t.Context(), step.Batch); err != nil {
					t.Fatal(err)
				}
			}
			closeStore(t, s)
			s = openTest(t, dir)
			if diff := kgtest.Diff(dump(t, model), dump(t, s)); diff != "" {
				t.Errorf("world %d, step %d, after a restart (-model +engine):\n%s", seed+1, i, diff)
			}
			closeStore(t, s)
		}
	}
}

// TestNoRowIsLeftBehind replaces and then deletes records with every kind of
// row, and finds nothing but the store's own rows.
func TestNoRowIsLeftBehind(t *testing.T) {
	s := openTest(t, t.TempDir())
	var ids []kg.ID
	for _, r := range everyField(t) {
		apply(t, s, r)
		ids = append(ids, r.RecordID())
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	changed := company(string(ids[0]))
	apply(t, s, changed)
	for i, r := range everyField(t) {
		if e, ok := r.(*kg.Relation); ok {
			e.Start, e.From = kg.MustDate("1999"), "another"
			apply(t, s, e)
		}
		if i == 0 {
			apply(t, s, &kg.Redirect{From: r.RecordID(), To: "elsewhere"})
		}
	}
	if _, err := s.Apply(t.Context(), &kg.Batch{Delete: ids}); err != nil {
		t.Fatal(err)
	}
	txn := s.db.NewTransactionAt(s.newest.timestamp, false)
	defer txn.Discard()
	it := txn.NewIterator(badger.DefaultIteratorOptions)
	defer it.Close()
	for it.Seek(idRows.key()); it.Valid(); it.Next() {
		t.Errorf("left behind: %s", printKey(it.Item().Key()))
	}
	if counts := dump(t, s).Stats; len(counts) != 0 {
		t.Errorf("counted after everything was deleted: %v", counts)
	}
}

// TestOldVersionsGo sees Badger drop what only closed snapshots could read, and
// keep what an open one can.
func TestOldVersionsGo(t *testing.T) {
	s := openSmall(t, t.TempDir())
	long := make([]byte, 20<<10)
	write := func(from, to int) {
		for i := from; i < to; i++ {
			apply(t, s, &kg.Source{ID: "s", Title: fmt.Sprint(i), Note: string(long)})
		}
	}
	versions := func() (n int) {
		if err := s.db.Flatten(1); err != nil {
			t.Fatal(err)
		}
		txn := s.db.NewTransactionAt(s.newest.timestamp, false)
		defer txn.Discard()
		it := txn.NewKeyIterator(idRows.key(idOf("s")), badger.IteratorOptions{AllVersions: true})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n++
		}
		return n
	}
	write(0, 100)
	old := snapshotOf(t, s)
	write(100, 400)
	if n := versions(); n < 300 {
		t.Errorf("%d versions are left while a snapshot of revision %d is open and the store is at %d", n, old.Revision(), s.newest.revision)
	}
	got, err := old.Get(t.Context(), []kg.ID{"s"})
	if err != nil || got[0].(*kg.Source).Title != "99" {
		t.Errorf("an open snapshot finds %v, %v", got, err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	write(400, 500)
	if n := versions(); n > 200 {
		t.Errorf("%d versions are left although no snapshot is open", n)
	}
	if len(s.pins) != 0 {
		t.Errorf("pins are left: %v", s.pins)
	}
}

// TestPinsFollowTheOldestSnapshot closes snapshots in every order.
func TestPinsFollowTheOldestSnapshot(t *testing.T) {
	s := openTest(t, t.TempDir())
	open := map[kg.Revision][]kg.Snapshot{}
	for i := range 4 {
		apply(t, s, company(fmt.Sprint(i)))
		for range 2 {
			snap := snapshotOf(t, s)
			open[snap.revision] = append(open[snap.revision], snap)
		}
	}
	for _, step := range []struct{ closes, oldest kg.Revision }{{2, 1}, {2, 1}, {4, 1}, {1, 1}, {1, 3}, {3, 3}, {3, 4}, {4, 0}} {
		if err := open[step.closes][0].Close(); err != nil {
			t.Fatal(err)
		}
		open[step.closes] = open[step.closes][1:]
		var oldest kg.Revision
		if len(s.pins) > 0 {
			oldest = s.pins[0].revision
		}
		if oldest != step.oldest {
			t.Errorf("after closing one of %d, the oldest moment held is %d, want %d", step.closes, oldest, step.oldest)
		}
	}
}

// TestWhatIsDeletedStaysDeleted deletes records of which many values were too
// long for the tree, lets Badger tidy everything up, and opens the store again.
func TestWhatIsDeletedStaysDeleted(t *testing.T) {
	dir := t.TempDir()
	smallLog := func(o badger.Options) badger.Options {
		return o.WithMemTableSize(1 << 20).WithValueLogFileSize(1 << 20)
	}
	s := openTuned(t, dir, smallLog)
	long := strings.Repeat("long ", 20<<10)
	var ids []kg.ID
	for i := range 100 {
		b := &kg.Batch{Put: []kg.Record{&kg.Source{ID: kg.ID(fmt.Sprintf("s%d", i)), Note: long}}}
		for j := range 100 {
			b.Put = append(b.Put, company(fmt.Sprintf("e%d-%d", i, j)))
		}
		apply(t, s, b.Put...)
		ids = append(ids, idsOf(b.Put)...)
	}
	for part := range slices.Chunk(ids, 500) {
		if _, err := s.Apply(t.Context(), &kg.Batch{Delete: part}); err != nil {
			t.Fatal(err)
		}
	}
	tidy := func() {
		if err := s.db.Flatten(1); err != nil {
			t.Fatal(err)
		}
		s.collect(t.Context())
	}
	for range 3 {
		tidy()
		if e := dump(t, s); len(e.Records) != 0 || len(e.Stats) != 0 {
			t.Fatalf("%d records are back", len(e.Records))
		}
		closeStore(t, s)
		s = openTuned(t, dir, smallLog)
	}
}
