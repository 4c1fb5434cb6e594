package badgerstore

import (
	"slices"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/ristretto/v2/z"
)

// BenchmarkBulk writes the rows of one store into an empty one: as they came, commit
// by commit, and through the engine's stream writer, which wants them sorted. Sorting
// is not counted, so that the ratio is the most that a stream writer could gain.
func BenchmarkBulk(b *testing.B) {
	s, _ := graphOf(b, 5_000)
	engine := badgerOptions(Options{}).WithLoggingLevel(badger.ERROR)
	type version struct {
		row
		at uint64
	}
	var sorted []version
	txn := s.db.NewTransactionAt(s.staged.timestamp, false)
	it := txn.NewIterator(badger.IteratorOptions{AllVersions: true})
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		value, err := item.ValueCopy(nil)
		if err != nil {
			b.Fatal(err)
		}
		if !item.IsDeletedOrExpired() {
			sorted = append(sorted, version{row{item.KeyCopy(nil), value}, item.Version()})
		}
	}
	it.Close()
	txn.Discard()
	came := slices.Clone(sorted)
	slices.SortStableFunc(came, func(a, b version) int { return int(a.at) - int(b.at) })
	open := func() *badger.DB {
		engine.Dir = b.TempDir()
		engine.ValueDir = engine.Dir
		db, err := badger.OpenManaged(engine)
		if err != nil {
			b.Fatal(err)
		}
		return db
	}
	check := func(errs ...error) {
		b.Helper()
		for _, err := range errs {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(came)), "ns/row")
	}
	b.Run("commits", func(b *testing.B) {
		for b.Loop() {
			db := open()
			for some := range chunked(came, func(v version) uint64 { return v.at }) {
				batch := db.NewWriteBatchAt(some[0].at)
				for _, v := range some {
					check(batch.Set(v.key, v.value))
				}
				check(batch.Flush())
			}
			check(db.Sync(), db.Close())
		}
		report(b)
	})
	b.Run("stream writer", func(b *testing.B) {
		for b.Loop() {
			db := open()
			w := db.NewStreamWriter()
			check(w.Prepare())
			for some := range slices.Chunk(sorted, 4096) {
				buffer := z.NewBuffer(1<<20, "bulk")
				for _, v := range some {
					badger.KVToBuffer(&pb.KV{Key: v.key, Value: v.value, Version: v.at, StreamId: 1}, buffer)
				}
				check(w.Write(buffer), buffer.Release())
			}
			check(w.Flush(), db.Close())
		}
		report(b)
	})
}

// chunked returns the runs of neighbours that have one key.
func chunked[T any, K comparable](all []T, key func(T) K) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(all) > 0 {
			n := 1
			for n < len(all) && key(all[n]) == key(all[0]) {
				n++
			}
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}
