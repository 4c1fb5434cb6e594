package search

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"keiretsu/internal/kg"
)

// TestRebuild builds an index anew while others search it: each of them is
// answered, and the new one holds what the old one had lost.
func TestRebuild(t *testing.T) {
	store := filled(t, world()...)
	var j journal
	x := start(t, Options{Dir: t.TempDir(), Store: store, Logger: j.logger()})
	catchUp(t, x, store)
	lost := x.current()
	if err := lost.put(map[kg.ID]*kg.Entity{"amap": nil}, nil); err != nil {
		t.Fatal(err)
	}
	if ids := found(t, x, "autonavi"); len(ids) != 0 {
		t.Fatalf("taken out of the index and found: %v", ids)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if hits, _, err := x.Search(ctx, kg.TextQuery{Text: "aliyun"}); ctx.Err() == nil && (err != nil || len(hits) == 0) {
					t.Errorf("while it is built anew: %v, %v", hits, err)
				}
			}
		})
	}
	for range 2 {
		revision, err := x.Rebuild(t.Context())
		if err != nil || revision != 1 {
			t.Errorf("revision %d, %v; want 1", revision, err)
		}
	}
	stop()
	wg.Wait()
	if ids := found(t, x, "autonavi"); len(ids) != 1 {
		t.Errorf("built anew, it finds %v", ids)
	}
	if _, err := os.Stat(lost.path); !os.IsNotExist(err) {
		t.Errorf("the old index is still there: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Rebuild(cancelled); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Rebuild(t.Context()); !errors.Is(err, kg.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestInspect looks at indices that nobody has open, and leaves them as they are.
func TestInspect(t *testing.T) {
	store := filled(t, world()...)
	inspect := func(dir string, store Store) Standing {
		t.Helper()
		s, err := Inspect(t.Context(), dir, store)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := inspect(filepath.Join(t.TempDir(), "none"), store); s != (Standing{}) {
		t.Errorf("where there is none: %+v", s)
	}
	if s := inspect(t.TempDir(), store); s != (Standing{}) {
		t.Errorf("in an empty folder: %+v", s)
	}
	dir := t.TempDir()
	leave(t, dir, store)
	put(t, store, entity(kg.KindCompany, "late", preferred("Late")))
	if s := inspect(dir, store); s != (Standing{Revision: 1}) {
		t.Errorf("one that is behind: %+v, want revision 1", s)
	}
	if s := inspect(dir, filled(t, entity(kg.KindCompany, "other", preferred("Other")))); !strings.Contains(s.Problem, "another store") {
		t.Errorf("one of another store: %+v", s)
	}
	segments, err := filepath.Glob(filepath.Join(storePath(shelfPath(dir, 1)), "*.zap"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	if err := os.Truncate(segments[0], 10); err != nil {
		t.Fatal(err)
	}
	if s := inspect(dir, store); !strings.Contains(s.Problem, "cannot be used") {
		t.Errorf("a damaged one: %+v", s)
	}
}
