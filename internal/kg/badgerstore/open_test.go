package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// fill applies 40 batches.
func fill(t testing.TB, s kg.Store) {
	t.Helper()
	for i := range 40 {
		apply(t, s, company(fmt.Sprintf("e%d", i)), relation(fmt.Sprintf("r%d", i), kg.Owns, fmt.Sprintf("e%d", i), "e0", "2014"))
	}
}

// closedFolder returns a folder with a store that was closed: all of it is in
// tables.
func closedFolder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	s := openTest(t, dir)
	fill(t, s)
	closeStore(t, s)
	return dir
}

// crashedFolder returns a folder as a process leaves it that is killed: all of
// it is in the log, which is made small since it is copied with its empty part.
func crashedFolder(t testing.TB) string {
	t.Helper()
	dir, copied := t.TempDir(), t.TempDir()
	s := openSmall(t, dir)
	fill(t, s)
	copyFolder(t, dir, copied)
	closeStore(t, s)
	return copied
}

func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	for range 20 {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		// The engine has made a table of a log meanwhile: once more.
		if err = os.RemoveAll(to); err == nil {
			err = os.CopyFS(to, os.DirFS(from))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// contents returns a checksum for every file of a folder, apart from the lock,
// which is written to say who has it.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = checksum(string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// only returns the one file in a store's folder that the pattern fits, apart from
// the log that is kept ready.
func only(t testing.TB, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, tablesDir, pattern))
	found = slices.DeleteFunc(found, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() == 0
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

// flip turns a bit of a file over.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 0x10
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenRefuses damages a folder in every way that Badger would answer with
// an empty or shortened store, or by ending the process.
func TestOpenRefuses(t *testing.T) {
	truncate := func(t *testing.T, path string, part float64) {
		t.Helper()
		info, err := os.Stat(path)
		if err == nil {
			err = os.Truncate(path, int64(float64(info.Size())*part))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		folder func(testing.TB) string
		damage func(t *testing.T, dir string)
		// says is what the error says beside the name of the folder.
		says string
	}{
		{"a damaged byte in the log", crashedFolder, func(t *testing.T, dir string) {
			path := only(t, dir, "*.mem")
			log, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			flip(t, path, int64(bytes.Index(log, idRows.key(idOf("e20")))))
		}, "the last 20 of the commits"},
		{"a log cut off", crashedFolder, func(t *testing.T, dir string) {
			path := only(t, dir, "*.mem")
			log, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, int64(bytes.Index(log, idRows.key(idOf("e39"))))); err != nil {
				t.Fatal(err)
			}
		}, "the last 1 of the commits"},
		{"no log", crashedFolder, func(t *testing.T, dir string) {
			remove(t, only(t, dir, "*.mem"))
		}, "the last 41 of the commits"},
		{"no manifest", closedFolder, func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "badger/MANIFEST"))
		}, "no badger/MANIFEST"},
		{"a manifest cut off", closedFolder, func(t *testing.T, dir string) {
			truncate(t, filepath.Join(dir, "badger/MANIFEST"), 0.8)
		}, "the last 41 of the commits"},
		{"a damaged manifest", closedFolder, func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, "badger/MANIFEST"), 20)
		}, "MANIFEST is damaged"},
		{"an empty manifest", closedFolder, func(t *testing.T, dir string) {
			truncate(t, filepath.Join(dir, "badger/MANIFEST"), 0)
		}, "MANIFEST is damaged"},
		{"no table", closedFolder, func(t *testing.T, dir string) {
			remove(t, only(t, dir, "*.sst"))
		}, "000001.sst is missing"},
		{"an empty table", closedFolder, func(t *testing.T, dir string) {
			truncate(t, only(t, dir, "*.sst"), 0)
		}, "000001.sst is damaged"},
		{"a table cut off", closedFolder, func(t *testing.T, dir string) {
			truncate(t, only(t, dir, "*.sst"), 0.5)
		}, "000001.sst is damaged"},
		{"a damaged table", closedFolder, func(t *testing.T, dir string) {
			flip(t, only(t, dir, "*.sst"), 100)
		}, "000001.sst is damaged"},
		{"nothing but the mark", closedFolder, func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, tablesDir))
		}, "data, which is gone"},
		{"no mark", closedFolder, func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, markName))
		}, "there is data but no MARK"},
		{"a damaged mark", closedFolder, func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, markName), 40)
			flip(t, filepath.Join(dir, markName), markPlace+40)
		}, "MARK is damaged"},
		{"an empty mark", closedFolder, func(t *testing.T, dir string) {
			truncate(t, filepath.Join(dir, markName), 0)
		}, "there is data but no MARK"},
		{"the mark of a newer program", closedFolder, func(t *testing.T, dir string) {
			remark(t, dir, func(s *standing) { s.format++ })
		}, "newer version of the program"},
		{"the mark of a later time", closedFolder, func(t *testing.T, dir string) {
			remark(t, dir, func(s *standing) { s.acknowledged++ })
		}, "the last 1 of the commits"},
		{"the mark of another store", closedFolder, func(t *testing.T, dir string) {
			remark(t, dir, func(s *standing) { s.store++ })
		}, "MARK belongs to another store"},
		{"a value log cut off", closedFolder, func(t *testing.T, dir string) {
			logs, err := filepath.Glob(filepath.Join(dir, tablesDir, "*.vlog"))
			if err != nil || len(logs) == 0 {
				t.Fatal(logs, err)
			}
			if err := os.Truncate(logs[0], 10); err != nil {
				t.Fatal(err)
			}
		}, "vlog is damaged (it has only 10 bytes)"},
		{"a value log with another head", closedFolder, func(t *testing.T, dir string) {
			logs, err := filepath.Glob(filepath.Join(dir, tablesDir, "*.vlog"))
			if err != nil || len(logs) == 0 {
				t.Fatal(logs, err)
			}
			flip(t, logs[0], 5)
		}, "vlog is damaged (its head is not one of ours)"},
		{"an empty key registry", closedFolder, func(t *testing.T, dir string) {
			truncate(t, filepath.Join(dir, "badger/KEYREGISTRY"), 0)
		}, "KEYREGISTRY is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := c.folder(t)
			c.damage(t, dir)
			before := contents(t, dir)
			s, err := Open(t.Context(), Options{Dir: dir})
			if err == nil {
				s.Close()
				t.Fatal("the store opened")
			}
			checkRefusal(t, err, dir, c.says)
			if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
				t.Errorf("the refused folder was touched (-before +after):\n%s", diff)
			}
		})
	}
	t.Run("value logs that a crash left without length", func(t *testing.T) {
		dir := closedFolder(t)
		for _, name := range []string{"000000.vlog", "999999.vlog"} {
			if err := os.WriteFile(filepath.Join(dir, tablesDir, name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := openTest(t, dir)
		if n := len(dump(t, s).Changes); n != 40 {
			t.Errorf("%d changes, want 40", n)
		}
		closeStore(t, s)
	})
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Options{Dir: path})
		checkRefusal(t, err, path, "not a directory")
	})
	t.Run("a folder in use", func(t *testing.T) {
		dir := t.TempDir()
		s := openTest(t, dir)
		_, err := Open(t.Context(), Options{Dir: dir})
		checkRefusal(t, err, dir, fmt.Sprintf("in use by another process (%d)", os.Getpid()))
		if !errors.Is(err, kg.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, kg.ErrUnavailable)
		}
		closeStore(t, s)
		closeStore(t, openTest(t, dir))
	})
	t.Run("a full disk", func(t *testing.T) {
		o := Options{Dir: t.TempDir(), Logger: discard}
		_, err := open(t.Context(), o, badgerOptions(o).WithMemTableSize(1<<50))
		checkRefusal(t, wrap("open "+o.Dir, err), o.Dir, "the disk has ")
		if !errors.Is(err, kg.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, kg.ErrUnavailable)
		}
	})
	t.Run("when the context has ended", func(t *testing.T) {
		dir := closedFolder(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Open(ctx, Options{Dir: dir}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	})
}

func checkRefusal(t *testing.T, err error, dir, says string) {
	t.Helper()
	if err == nil {
		t.Fatal("the store opened")
	}
	if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, dir) || !strings.Contains(text, says) {
		t.Errorf("the error is %q; want one line that names %s and says %q", text, dir, says)
	}
}

// remark changes what the mark of a folder says.
func remark(t testing.TB, dir string, change func(*standing)) {
	t.Helper()
	s, err := readMark(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := openMark(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	change(&s)
	if err := errors.Join(m.write(s), m.close()); err != nil {
		t.Fatal(err)
	}
}

// TestEveryByteOfATableCounts turns over one bit of every byte of a small table:
// it is found out, or it changes nothing that is read.
func TestEveryByteOfATableCounts(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	apply(t, s, company("a"), relation("r", kg.Owns, "a", "a", "2014"))
	closeStore(t, s)
	path := only(t, dir, "*.sst")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := readManifest(filepath.Join(dir, tablesDir))
	if err != nil {
		t.Fatal(err)
	}
	unnoticed := 0
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0x10
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := checkTable(path, tables[1]); err == nil {
			unnoticed++
			t.Logf("byte %d of %d: unnoticed", at, len(whole))
		}
	}
	if unnoticed > 0 {
		t.Errorf("%d of %d damaged bytes were not noticed", unnoticed, len(whole))
	}
}

// TestLogIsReadAsBadgerDoes compares what is foretold of a log with what Badger
// finds in it, for logs cut off anywhere.
func TestLogIsReadAsBadgerDoes(t *testing.T) {
	whole := crashedFolder(t)
	log, err := os.ReadFile(only(t, whole, "*.mem"))
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndex(log, []byte("!badger!txn")) + 40
	for cut := end; cut > 0; cut -= 6007 {
		dir := t.TempDir()
		copyFolder(t, whole, dir)
		path := only(t, dir, "*.mem")
		if err := os.Truncate(path, int64(cut)); err != nil {
			t.Fatal(err)
		}
		remark(t, dir, func(s *standing) { s.acknowledged = 0 })
		found, err := inspect(t.Context(), filepath.Join(dir, tablesDir), 0)
		if err != nil {
			t.Fatal(err)
		}
		if found.last() == 0 {
			break // not even the creation of the store
		}
		s := openTest(t, dir)
		if s.newest.timestamp != found.last() {
			t.Errorf("cut off at %d, the log was said to reach to commit %d, and Badger finds %d", cut, found.last(), s.newest.timestamp)
		}
		closeStore(t, s)
	}
}

// TestDamageBetweenTwoLogs cuts the older of two logs off: what the newer one
// holds does not hide the gap.
func TestDamageBetweenTwoLogs(t *testing.T) {
	at := func(timestamps ...uint64) log {
		var l log
		for _, ts := range timestamps {
			l.commits = append(l.commits, logged{timestamp: ts})
		}
		return l
	}
	for _, c := range []struct {
		name     string
		findings findings
		last     uint64
		loose    int
	}{
		{"nothing", findings{}, 0, 0},
		{"tables", findings{tables: 41}, 41, 0},
		{"a log", findings{logs: []log{at(1, 2, 3)}}, 3, 0},
		{"two logs", findings{logs: []log{at(1, 2), at(3)}}, 3, 0},
		{"a commit in two logs", findings{logs: []log{at(1, 2), at(2, 3)}}, 3, 0},
		{"tables and logs", findings{tables: 3, logs: []log{at(2, 3), at(4, 5)}}, 5, 0},
		{"a log already in the tables", findings{tables: 9, logs: []log{at(2, 3)}}, 9, 0},
		{"a gap in the logs", findings{tables: 3, logs: []log{at(4), at(6, 7)}}, 4, 2},
		{"a gap behind the tables", findings{tables: 3, logs: []log{at(5)}}, 3, 1},
		{"a commit without its values", findings{logs: []log{{commits: []logged{{timestamp: 1}, {timestamp: 2, torn: true}}}, at(3)}}, 1, 2},
	} {
		c.findings.manifest = true
		if got := c.findings.last(); got != c.last {
			t.Errorf("%s: last commit %d, want %d", c.name, got, c.last)
		}
		if got := c.findings.loose(); got != c.loose {
			t.Errorf("%s: %d commits behind a gap, want %d", c.name, got, c.loose)
		}
		for acknowledged := range c.last + 2 {
			err := c.findings.check(standing{ready: true, written: 1, acknowledged: acknowledged})
			if refused := err != nil; refused != (acknowledged > c.last) {
				t.Errorf("%s: with commit %d acknowledged: %v", c.name, acknowledged, err)
			}
		}
	}
}

// TestCrashWhileCreating opens a folder that was announced and not finished.
func TestCrashWhileCreating(t *testing.T) {
	t.Run("an empty MARK", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, markName), make([]byte, markPlace), 0o644); err != nil {
			t.Fatal(err)
		}
		fill(t, openTest(t, dir))
	})
	for _, left := range []string{"MARK", "MARK badger"} {
		t.Run(left, func(t *testing.T) {
			dir := t.TempDir()
			s := &Store{dir: dir}
			var err error
			if s.mark, err = openMark(dir, standing{format: formatVersion}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.announce(1<<20), s.mark.close()); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(left, tablesDir) {
				db, err := openBadger(badgerOptions(Options{Dir: dir, Logger: discard}).WithLogger(nil))
				if err != nil {
					t.Fatal(err)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			fill(t, openTest(t, dir))
		})
	}
}

// TestMarkSurvivesATornWrite damages the place that was written last.
func TestMarkSurvivesATornWrite(t *testing.T) {
	dir := t.TempDir()
	m, err := openMark(dir, standing{format: 1, ready: true})
	if err != nil {
		t.Fatal(err)
	}
	for commit := range uint64(10) {
		if err := m.acknowledge(commit + 1); err != nil {
			t.Fatal(err)
		}
		if s, err := readMark(dir); err != nil || s != m.standing || s.acknowledged != commit+1 {
			t.Fatalf("read %+v, %v, want %+v", s, err, m.standing)
		}
		if commit == 0 {
			continue
		}
		place := int64(m.written%2) * markPlace
		flip(t, filepath.Join(dir, markName), place+40)
		if s, err := readMark(dir); err != nil || s.acknowledged != commit {
			t.Fatalf("after a torn write of %d: read %+v, %v", commit+1, s, err)
		}
		flip(t, filepath.Join(dir, markName), place+40)
	}
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
}

// manyRelations is a batch of as many records as there may be.
func manyRelations(start string) *kg.Batch {
	b := &kg.Batch{At: noon}
	for i := range kg.MaxBatch {
		from, to := fmt.Sprintf("company-number-%06d", i), fmt.Sprintf("company-number-%06d", i+1)
		b.Put = append(b.Put, relation(fmt.Sprintf("r-%016d", i), kg.Acquired, from, to, start))
	}
	return b
}

// TestLargestBatch applies as many records as a batch may hold, and changes
// them all at once, in a store whose transactions hold a hundredth of them.
func TestLargestBatch(t *testing.T) {
	s := openSmall(t, t.TempDir())
	for i, start := range []string{"2014-04", "2015-05"} {
		revision, err := s.Apply(t.Context(), manyRelations(start))
		if err != nil || revision != kg.Revision(i+1) {
			t.Fatalf("revision %d, %v", revision, err)
		}
		got := dump(t, s)
		if len(got.Records) != kg.MaxBatch || len(got.Edges) != kg.MaxBatch || got.Edges[0].Relation.Start.String() != start {
			t.Errorf("%d records, %d edges", len(got.Records), len(got.Edges))
		}
	}
}

// TestTornBatch stops a batch of many transactions after each of them, as a
// crash would, and finds nothing of it after a restart.
func TestTornBatch(t *testing.T) {
	for _, c := range []struct {
		name string
		// memory decides whether all of it is in the log, or most in tables.
		memory int64
		// leave gives the folder as the restart finds it.
		leave func(t *testing.T, s *Store) string
	}{
		{"killed", 4 << 20, func(t *testing.T, s *Store) string {
			copied := t.TempDir()
			copyFolder(t, s.dir, copied)
			return copied
		}},
		{"closed", 1 << 20, func(t *testing.T, s *Store) string {
			closeStore(t, s)
			return s.dir
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for parts := 1; tearBatch(t, c.memory, parts, c.leave); parts++ {
				if parts > 100 {
					t.Fatal("the batch does not come to an end")
				}
			}
		})
	}
}

// tearBatch lets a batch stop after so many transactions, if it takes more.
func tearBatch(t *testing.T, memory int64, parts int, leave func(*testing.T, *Store) string) (torn bool) {
	t.Helper()
	sized := func(o badger.Options) badger.Options { return o.WithMemTableSize(memory) }
	s := openTuned(t, t.TempDir(), sized)
	fill(t, s)
	apply(t, s, manyRelations("2014-04").Put[:1500]...)
	before := dump(t, s)
	next := manyRelations("2015-05")
	next.Put = append(next.Put[500:3000], company("new"))
	next.Delete = []kg.ID{"e0", "r0", "r-0000000000000003"}
	stopped := errors.New("stopped")
	left := parts
	s.beforePart = func() error {
		if left--; left < 0 {
			return stopped
		}
		return nil
	}
	_, err := s.Apply(t.Context(), next)
	if err == nil {
		if parts < 3 {
			t.Errorf("the batch was written in %d transactions, too few for this test", parts)
		}
		want := before.Stats[kg.RecordRelation] + 1500 - 2
		for range 2 {
			if got := dump(t, s).Stats[kg.RecordRelation]; got != want {
				t.Errorf("%d relations after the batch, want %d", got, want)
			}
			closeStore(t, s)
			s = openTuned(t, s.dir, sized)
		}
		return false
	}
	if !errors.Is(err, stopped) || !errors.Is(err, kg.ErrUnavailable) {
		t.Fatalf("Apply: %v", err)
	}
	same := func(when string) {
		t.Helper()
		if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
			t.Fatalf("%s, %d transactions of a batch are seen:\n%s", when, parts, diff)
		}
	}
	same("before a restart")
	s = openTuned(t, leave(t, s), sized)
	same("after a restart")
	apply(t, s, company("another"))
	if _, err := s.Apply(t.Context(), &kg.Batch{Delete: []kg.ID{"another"}}); err != nil {
		t.Fatal(err)
	}
	before.Revision, before.Changes = before.Revision+2, all(t, s.Changes(t.Context(), 0))
	closeStore(t, s)
	s = openTuned(t, s.dir, sized)
	if err := s.db.Flatten(1); err != nil {
		t.Fatal(err)
	}
	same("after a compaction")
	closeStore(t, s)
	return true
}

// TestTooLargeForTheEngine applies what the port allows and the engine cannot
// hold: nothing is written, and the store goes on.
func TestTooLargeForTheEngine(t *testing.T) {
	s := openSmall(t, t.TempDir())
	fill(t, s)
	before := dump(t, s)
	long := strings.Repeat("x", maxValue)
	for name, b := range map[string]*kg.Batch{
		"a long value": {Put: []kg.Record{company("x"), &kg.Source{ID: "s", Note: long}}},
		"a long key":   {Put: []kg.Record{company("x"), &kg.Source{ID: kg.ID(long[:maxKey])}}},
	} {
		if _, err := s.Apply(t.Context(), b); !errors.Is(err, kg.ErrTooLarge) {
			t.Errorf("%s: error %v, want %v", name, err, kg.ErrTooLarge)
		}
		if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
			t.Errorf("%s changed something:\n%s", name, diff)
		}
	}
	apply(t, s, &kg.Source{ID: "s", Note: long[:maxValue-100]}, &kg.Source{ID: kg.ID(long[:maxKey-100])})
	if got := dump(t, s); len(got.Records) != len(before.Records)+2 {
		t.Errorf("%d records after adding 2 to %d", len(got.Records), len(before.Records))
	}
}

// TestLessMemoryAfterACrash opens a store with a smaller share of memory than its
// log takes.
func TestLessMemoryAfterACrash(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	s := openTuned(t, dir, func(o badger.Options) badger.Options { return o.WithMemTableSize(8 << 20) })
	apply(t, s, manyRelations("2014-04").Put[:9000]...)
	copyFolder(t, dir, copied)
	before := dump(t, s)
	for range 2 {
		again := t.TempDir()
		s = openSmall(t, copied)
		if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
			t.Errorf("after a restart with less memory:\n%s", diff)
		}
		copyFolder(t, copied, again)
		copied = again
	}
}

// TestFailedWrite lets a write fail after the engine has taken it: nobody sees
// it, nothing more is written, and opening again settles what it came to.
func TestFailedWrite(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	fill(t, s)
	before := dump(t, s)
	if err := s.mark.close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Apply(t.Context(), &kg.Batch{Put: []kg.Record{company("x")}}); !errors.Is(err, kg.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, kg.ErrUnavailable)
		}
	}
	if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("a failed write changed something:\n%s", diff)
	}
	_ = s.Close()
	s = openTest(t, dir)
	if s.newest.revision != before.Revision+1 {
		t.Errorf("the store is at revision %d after a write at %d that the engine had taken", s.newest.revision, before.Revision)
	}
	apply(t, s, company("y"))
}

// TestNothingIsWrittenAfterClose: Badger would panic.
func TestNothingIsWrittenAfterClose(t *testing.T) {
	s := openTest(t, t.TempDir())
	fill(t, s)
	snap := snapshotOf(t, s)
	closeStore(t, s)
	_, applied := s.Apply(t.Context(), &kg.Batch{Put: []kg.Record{company("x")}})
	_, read := snap.Get(t.Context(), []kg.ID{"e0"})
	for _, err := range []error{applied, read, snap.Close(), s.Close(), s.Ping(t.Context())} {
		if !errors.Is(err, kg.ErrClosed) {
			t.Errorf("error %v, want %v", err, kg.ErrClosed)
		}
	}
}

// TestReadersBesideAWriter reads old and new moments from several goroutines
// while batches are written and memory is turned into tables.
func TestReadersBesideAWriter(t *testing.T) {
	s := openSmall(t, t.TempDir())
	const entities, rounds, readers = 50, 60, 4
	put := func(round int) {
		b := &kg.Batch{At: noon}
		for i := range entities {
			id := fmt.Sprintf("e%d", i)
			e := company(id)
			e.Names[0].Text = fmt.Sprintf("round %d", round)
			r := relation("r-"+id, kg.Owns, id, fmt.Sprintf("e%d", (i+round)%entities), startDate(round))
			b.Put = append(b.Put, e, r)
		}
		if _, err := s.Apply(context.Background(), b); err != nil {
			t.Error(err)
		}
	}
	put(0)
	done := make(chan struct{})
	errs := make(chan error, readers)
	for range readers {
		go func() {
			for {
				select {
				case <-done:
					errs <- nil
					return
				default:
				}
				if err := readRound(s, entities); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	for round := 1; round <= rounds; round++ {
		put(round)
	}
	close(done)
	for range readers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// readRound makes sure that all answers of a snapshot are of one batch.
func readRound(s *Store, entities int) error {
	ctx := context.Background()
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	name := fmt.Sprintf("round %d", snap.Revision()-1)
	found, err := snap.Find(ctx, []kg.FindKey{{Name: kg.FoldName(name)}})
	if err != nil || len(found[0]) != entities {
		return fmt.Errorf("%s: %d entities have its name: %w", name, len(found[0]), err)
	}
	var ids []kg.ID
	for r, err := range snap.Scan(ctx, kg.ScanQuery{Kind: kg.RecordEntity}) {
		if err != nil || r.(*kg.Entity).Name("") != name {
			return fmt.Errorf("%s: scan found %v: %w", name, r, err)
		}
		ids = append(ids, r.RecordID())
	}
	slices.Sort(ids)
	edges := 0
	for e, err := range snap.Relations(ctx, kg.RelationQuery{Of: ids, Direction: kg.Out}) {
		if err != nil || e.Relation.Start.String() != startDate(int(snap.Revision()-1)) {
			return fmt.Errorf("%s: relations found %v: %w", name, e.Relation, err)
		}
		edges++
	}
	if edges != entities || len(ids) != entities {
		return fmt.Errorf("%s: %d entities, %d relations", name, len(ids), edges)
	}
	return nil
}
