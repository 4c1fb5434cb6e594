package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

func TestFollowsWrites(t *testing.T) {
	store := filled(t, world()...)
	x := open(t, t.TempDir(), store)
	for _, step := range []struct {
		name  string
		batch kg.Batch
		text  string
		want  []kg.ID
	}{
		{
			"a new entity",
			kg.Batch{Put: []kg.Record{entity(kg.KindCompany, "freshippo", preferred("Freshippo"), alias("盒马"))}},
			"盒马",
			[]kg.ID{"freshippo"},
		},
		{
			"a new name",
			kg.Batch{Put: []kg.Record{entity(kg.KindCompany, "freshippo", preferred("Freshippo"), alias("Hema"))}},
			"hema",
			[]kg.ID{"freshippo"},
		},
		{
			"the name it had",
			kg.Batch{},
			"盒马", nil,
		},
		{
			"other records",
			kg.Batch{Put: []kg.Record{&kg.Source{ID: "doc", Title: "Freshippo"}, &kg.Relation{
				ID: "r", Type: kg.Owns, From: "alibaba-group", FromKind: kg.KindCompany, To: "freshippo", ToKind: kg.KindCompany,
			}}},
			"freshippo",
			[]kg.ID{"freshippo"},
		},
		{
			"passed to another id",
			kg.Batch{Put: []kg.Record{
				&kg.Redirect{From: "freshippo", To: "hema"}, entity(kg.KindCompany, "hema", preferred("Hema")),
			}, Delete: []kg.ID{"r"}},
			"hema",
			[]kg.ID{"hema"},
		},
		{
			"the id it had",
			kg.Batch{},
			"freshippo", nil,
		},
		{
			"deleted",
			kg.Batch{Delete: []kg.ID{"hema"}},
			"hema", nil,
		},
	} {
		t.Run(step.name, func(t *testing.T) {
			r := apply(t, store, &step.batch)
			x.Notify()
			if err := x.Wait(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if x.Revision() < r {
				t.Errorf("at revision %d after waiting for %d", x.Revision(), r)
			}
			if diff := cmp.Diff(step.want, found(t, x, step.text)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", step.text, diff)
			}
		})
	}
}

// journal is a logger that keeps what it is told.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// built returns why the index was built, each time.
func (j *journal) built() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var reasons []string
	for line := range strings.Lines(j.text.String()) {
		if _, reason, ok := strings.Cut(line, `msg="built the search index" because=`); ok {
			reason, _, _ = strings.Cut(reason, " entities=")
			reasons = append(reasons, strings.Trim(reason, `"`))
		}
	}
	return reasons
}

// leave builds an index in the folder and closes it.
func leave(t *testing.T, dir string, store Store) {
	t.Helper()
	x := start(t, Options{Dir: dir, Store: store})
	catchUp(t, x, store)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRestartGoesOnWhereItWas(t *testing.T) {
	dir, store := t.TempDir(), filled(t, world()...)
	leave(t, dir, store)
	for i := range 3 {
		name := fmt.Sprintf("Newcomer%d", i)
		put(t, store, entity(kg.KindCompany, kg.ID(name), preferred(name)))
		var j journal
		x := start(t, Options{Dir: dir, Store: store, Logger: j.logger()})
		catchUp(t, x, store)
		if ids := found(t, x, name); len(ids) == 0 || ids[0] != kg.ID(name) {
			t.Errorf("%q finds %v", name, ids)
		}
		if ids := found(t, x, "autonavi"); len(ids) != 1 {
			t.Errorf("what was there before is found as %v", ids)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if reasons := j.built(); reasons != nil {
			t.Errorf("built anew: %q", reasons)
		}
	}
}

func TestBuildsAnew(t *testing.T) {
	first := func(dir string) string { return shelfPath(dir, 1) }
	reopen := func(t *testing.T, dir string, change func(*shelf)) {
		t.Helper()
		s, err := openShelf(first(dir), func(_ *shelf, err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		change(s)
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		// harm is done to the index of the store; it returns the store to go on with.
		harm func(t *testing.T, dir string, store kg.Store) Store
		why  string
	}{
		{"missing", func(t *testing.T, dir string, store kg.Store) Store {
			remove(t, dir)
			return store
		}, "there is none"},
		{"emptied", func(t *testing.T, dir string, store kg.Store) Store {
			remove(t, first(dir))
			if err := os.Mkdir(first(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			return store
		}, "cannot be used"},
		{"not built to the end", func(t *testing.T, dir string, store kg.Store) Store {
			remove(t, first(dir))
			s, err := newShelf(first(dir), func(*shelf, error) {})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.put(map[kg.ID]*kg.Entity{"amap": world()[6]}, nil), s.close()); err != nil {
				t.Fatal(err)
			}
			return store
		}, "not built to the end"},
		{"another format", func(t *testing.T, dir string, store kg.Store) Store {
			reopen(t, dir, func(s *shelf) {
				b := s.index.NewBatch()
				b.SetInternal(stateKey, bytes.Replace(s.state.encode(), []byte(format), []byte(format+"0"), 1))
				s.writeForTest(t, b)
			})
			return store
		}, "another format"},
		{"ahead of the store", func(t *testing.T, dir string, store kg.Store) Store {
			reopen(t, dir, func(s *shelf) {
				to := s.state
				to.revision += 5
				if err := s.put(nil, &to); err != nil {
					t.Fatal(err)
				}
			})
			return store
		}, "the store at"},
		{"of another store", func(t *testing.T, dir string, store kg.Store) Store {
			other := filled(t, append(world(), entity(kg.KindCompany, "other", preferred("Other")))...)
			return other
		}, "made from another store"},
		{"behind a log that begins later", func(t *testing.T, dir string, store kg.Store) Store {
			put(t, store, entity(kg.KindCompany, "second", preferred("Second")))
			put(t, store, entity(kg.KindCompany, "third", preferred("Third")))
			return forgetful{store, 2}
		}, "made from another store"},
		{"at the last change that the log has lost", func(t *testing.T, dir string, store kg.Store) Store {
			put(t, store, entity(kg.KindCompany, "second", preferred("Second")))
			reopen(t, dir, func(s *shelf) {
				to := state{1, noMark}
				if err := s.put(nil, &to); err != nil {
					t.Fatal(err)
				}
			})
			put(t, store, entity(kg.KindCompany, "third", preferred("Third")))
			return forgetful{store, 2}
		}, "does not reach back"},
		{"a folder where a file should be", func(t *testing.T, dir string, store kg.Store) Store {
			name := filepath.Join(first(dir), "store", "root.bolt")
			remove(t, name)
			if err := os.Mkdir(name, 0o700); err != nil {
				t.Fatal(err)
			}
			return store
		}, "cannot be used"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var store Store = filled(t, world()...)
			leave(t, dir, store)
			store = c.harm(t, dir, store.(kg.Store))
			var j journal
			x := start(t, Options{Dir: dir, Store: store, Logger: j.logger()})
			catchUp(t, x, store)
			if ids := found(t, x, "autonavi"); len(ids) != 1 || ids[0] != "amap" {
				t.Errorf("the new index finds %v", ids)
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			reasons := j.built()
			if len(reasons) != 1 || !strings.Contains(reasons[0], c.why) {
				t.Errorf("built because of %q, wanted once, because of %q", reasons, c.why)
			}
			if numbers, err := shelves(dir); err != nil || len(numbers) != 1 {
				t.Errorf("the folder holds the shelves %v, error %v", numbers, err)
			}
		})
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

// forgetful is a store whose log begins behind a revision.
type forgetful struct {
	Store
	lost kg.Revision
}

func (f forgetful) Changes(ctx context.Context, after kg.Revision) iter.Seq2[kg.Change, error] {
	return f.Store.Changes(ctx, max(after, f.lost))
}

// TestDamagedFiles harms every file of an index in several ways. Whatever is done,
// the index works afterwards.
func TestDamagedFiles(t *testing.T) {
	origin, store := t.TempDir(), filled(t, world()...)
	leave(t, origin, store)
	var names []string
	err := filepath.WalkDir(origin, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(name, origin))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 3 {
		t.Fatalf("the index consists of %v", names)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, harm := range []struct {
		name string
		do   func(b []byte) []byte
	}{
		{"emptied", func([]byte) []byte { return nil }},
		{"cut in half", func(b []byte) []byte { return b[:len(b)/2] }},
		{"cut short", func(b []byte) []byte { return b[:len(b)-1] }},
		{"first byte", func(b []byte) []byte { b[0]++; return b }},
		{"last byte", func(b []byte) []byte { b[len(b)-1]++; return b }},
		{"many bytes", func(b []byte) []byte {
			for range 1 + len(b)/50 {
				b[random.IntN(len(b))] ^= byte(1 + random.IntN(255))
			}
			return b
		}},
	} {
		for _, name := range names {
			t.Run(harm.name+" "+filepath.Ext(name), func(t *testing.T) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(dir + name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(dir+name, harm.do(b), 0o600); err != nil {
					t.Fatal(err)
				}
				x := open(t, dir, store)
				if ids := found(t, x, "autonvai"); len(ids) != 1 || ids[0] != "amap" {
					t.Errorf("the index finds %v", ids)
				}
			})
		}
	}
}

// TestUnfinishedSegment leaves what a kill leaves: a segment that bleve was
// writing. The index is used as it is, and not built anew.
func TestUnfinishedSegment(t *testing.T) {
	dir, store := t.TempDir(), filled(t, world()...)
	leave(t, dir, store)
	segments, err := filepath.Glob(filepath.Join(storePath(shelfPath(dir, 1)), "*.zap"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	whole, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"fffffffffffe.zap": nil, "ffffffffffff.zap": whole[:len(whole)/2]} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(segments[0]), name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var j journal
	x := start(t, Options{Dir: dir, Store: store, Logger: j.logger()})
	catchUp(t, x, store)
	if ids := found(t, x, "autonvai"); len(ids) != 1 || ids[0] != "amap" {
		t.Errorf("the index finds %v", ids)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if reasons := j.built(); len(reasons) != 0 {
		t.Errorf("built because of %q, wanted the index as it was", reasons)
	}
}

func TestDamageFoundBySearching(t *testing.T) {
	store := filled(t, world()...)
	var j journal
	x := start(t, Options{Dir: t.TempDir(), Store: store, Logger: j.logger()})
	catchUp(t, x, store)
	d := document.NewDocument("amap")
	d.AddField(document.NewTextFieldCustom(fieldName, nil, []byte("amap"), indexed, terms{}))
	d.AddField(document.NewTextFieldCustom(fieldOrder, nil, []byte(orderKey(4, "amap")), sorted, terms{}))
	d.AddField(document.NewTextFieldCustom(fieldNames, nil, []byte{1, 200}, stored, terms{}))
	b := x.current().index.NewBatch()
	if err := b.IndexAdvanced(d); err != nil {
		t.Fatal(err)
	}
	x.current().writeForTest(t, b)
	_, _, err := x.Search(t.Context(), kg.TextQuery{Text: "amap"})
	if !errors.Is(err, kg.ErrUnavailable) {
		t.Errorf("error %v, wanted ErrUnavailable", err)
	}
	catchUp(t, x, store)
	if ids := found(t, x, "amap"); len(ids) != 1 {
		t.Errorf("the new index finds %v", ids)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if reasons := j.built(); len(reasons) != 2 {
		t.Errorf("built because of %q, wanted a second time", reasons)
	}
}

func (s *shelf) writeForTest(t *testing.T, b *bleve.Batch) {
	t.Helper()
	kept := make(chan struct{})
	b.SetPersistedCallback(func(error) { close(kept) })
	if err := s.index.Batch(b); err != nil {
		t.Fatal(err)
	}
	s.kept = kept
}

// gated is a store that cannot be read until its gate is opened.
type gated struct {
	kg.Store
	gate chan struct{}
}

func (g gated) Snapshot(ctx context.Context) (kg.Snapshot, error) {
	select {
	case <-g.gate:
		return g.Store.Snapshot(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestUnavailableWhileThereIsNoIndex(t *testing.T) {
	store := gated{filled(t, world()...), make(chan struct{})}
	x := start(t, Options{Dir: t.TempDir(), Store: store})
	if _, _, err := x.Search(t.Context(), kg.TextQuery{Text: "amap"}); !errors.Is(err, kg.ErrUnavailable) {
		t.Errorf("error %v, wanted ErrUnavailable", err)
	}
	if hits, total, err := x.Search(t.Context(), kg.TextQuery{Text: "?!"}); hits != nil || total != 0 || err != nil {
		t.Errorf("a search for nothing: %v, %d, %v", hits, total, err)
	}
	if r := x.Revision(); r != 0 {
		t.Errorf("at revision %d before anything was read", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, wanted that of the context", err)
	}
	close(store.gate)
	catchUp(t, x, store)
	if ids := found(t, x, "amap"); len(ids) != 1 {
		t.Errorf("found %v", ids)
	}
}

func TestClose(t *testing.T) {
	t.Run("while it waits for the store", func(t *testing.T) {
		x := start(t, Options{Dir: t.TempDir(), Store: gated{filled(t, world()...), make(chan struct{})}})
		waited := make(chan error)
		go func() { waited <- x.Wait(context.Background(), 1) }()
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		if err := <-waited; !errors.Is(err, kg.ErrClosed) {
			t.Errorf("waiting: error %v, wanted ErrClosed", err)
		}
	})
	t.Run("twice", func(t *testing.T) {
		x := open(t, t.TempDir(), filled(t, world()...))
		if err := errors.Join(x.Close(), x.Close()); err != nil {
			t.Error(err)
		}
		if _, _, err := x.Search(t.Context(), kg.TextQuery{Text: "amap"}); !errors.Is(err, kg.ErrClosed) {
			t.Errorf("searching: error %v, wanted ErrClosed", err)
		}
		if err := x.Wait(t.Context(), 1); !errors.Is(err, kg.ErrClosed) {
			t.Errorf("waiting: error %v, wanted ErrClosed", err)
		}
	})
	t.Run("after the store", func(t *testing.T) {
		store := filled(t, world()...)
		x := open(t, t.TempDir(), store)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		x.Notify()
		if err := x.Wait(t.Context(), 9); !errors.Is(err, kg.ErrClosed) {
			t.Errorf("waiting: error %v, wanted ErrClosed", err)
		}
		if ids := found(t, x, "amap"); len(ids) != 1 {
			t.Errorf("found %v", ids)
		}
	})
	t.Run("by the context of Open", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		x, err := Open(ctx, Options{Dir: t.TempDir(), Store: filled(t, world()...), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := x.Wait(context.Background(), 9); !errors.Is(err, kg.ErrClosed) {
			t.Errorf("waiting: error %v, wanted ErrClosed", err)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestSecondProcess opens the folder twice, as two processes would.
func TestSecondProcess(t *testing.T) {
	dir, store := t.TempDir(), filled(t, world()...)
	x := open(t, dir, store)
	// A segment that is still being written looks damaged.
	<-x.current().kept
	if _, err := openShelf(shelfPath(dir, 1), func(*shelf, error) {}); !errors.Is(err, errInUse) {
		t.Errorf("error %v, wanted errInUse", err)
	}
	if ids := found(t, x, "amap"); len(ids) != 1 {
		t.Errorf("the first one finds %v", ids)
	}
}

func TestOpenWithoutFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if x, err := Open(t.Context(), Options{Dir: filepath.Join(file, "index"), Store: filled(t), Logger: slog.Default()}); err == nil {
		t.Errorf("opened %v inside a file", errors.Join(x.Close()))
	}
}

// TestFaultsOfTheStore lets every step of reading the store fail once.
func TestFaultsOfTheStore(t *testing.T) {
	for n := 0; ; n++ {
		store := filled(t, world()...)
		faulty := kgtest.Faulty(store, n, errors.New("cannot read"))
		x := start(t, Options{Dir: t.TempDir(), Store: faulty})
		insist(t, x, 1)
		r := put(t, store, entity(kg.KindCompany, "second", preferred("Second")))
		insist(t, x, r)
		if ids := found(t, x, "second"); len(ids) != 1 {
			t.Errorf("after fault %d: found %v", n, ids)
		}
		if ids := found(t, x, "amap"); len(ids) != 1 {
			t.Errorf("after fault %d: found %v", n, ids)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if !faulty.Tripped() {
			break
		}
	}
}

// insist notifies the index until it has come to the revision.
func insist(t *testing.T, x *Index, r kg.Revision) {
	t.Helper()
	for x.Revision() < r {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		x.Notify()
		runtime.Gosched()
	}
}

// TestSearchesGoOn searches while others write and while the index is damaged and
// built anew.
func TestSearchesGoOn(t *testing.T) {
	store := filled(t, world()...)
	x := open(t, t.TempDir(), store)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				text := []string{"alibaba group", "gaode", "autonvai", "阿里"}[i]
				hits, total, err := x.Search(ctx, kg.TextQuery{Text: text, Limit: 5})
				switch {
				case errors.Is(err, kg.ErrUnavailable) || errors.Is(err, context.Canceled):
				case err != nil:
					t.Error(err)
				case len(hits) == 0 || total < len(hits):
					t.Errorf("%q: %d hits of %d", text, len(hits), total)
				}
			}
		})
	}
	var last kg.Revision
	for i := range 60 {
		name := fmt.Sprintf("Alibaba Venture %d", i)
		last = put(t, store, entity(kg.KindCompany, kg.ID(name), preferred(name)), entity(kg.KindCompany, "changing", preferred(name)))
		x.Notify()
		if i%20 == 10 {
			if s := x.current(); s != nil {
				x.damaged(s, errors.New("said by the test"))
			}
		}
		if i%20 == 15 {
			if err := x.Wait(t.Context(), last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := x.Wait(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	stop()
	wg.Wait()
	if _, total := find(t, x, kg.TextQuery{Text: "alibaba venture", Limit: 1}); total < 61 {
		t.Errorf("%d hits, wanted all 61 ventures", total)
	}
}

// TestTroubleInTheBackground shows that errors of bleve's own goroutines reach the
// index.
func TestTroubleInTheBackground(t *testing.T) {
	var j journal
	store := filled(t, world()...)
	x := start(t, Options{Dir: t.TempDir(), Store: store, Logger: j.logger()})
	catchUp(t, x, store)
	s := x.current()
	report, ok := reports.Load(storePath(s.path))
	if !ok {
		t.Fatal("nobody is told")
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { report.(func(error))(errors.New("no space left")) })
	}
	wg.Wait()
	j.mu.Lock()
	said := strings.Count(j.text.String(), "no space left")
	j.mu.Unlock()
	if said != 1 {
		t.Errorf("said %d times, wanted once", said)
	}
	if x.current() != s {
		t.Error("an index that cannot be written is no longer read")
	}
}
