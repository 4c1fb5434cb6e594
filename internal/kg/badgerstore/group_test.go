package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// held lets no group of the store reach the disk until its function is called,
// with the error that forcing then ends in.
func held(t testing.TB, s *Store) (release func(error)) {
	next, given := make(chan error, 1), false
	s.beforeForce = func() error { return <-next }
	release = func(err error) {
		if !given {
			given = true
			next <- err
			close(next)
		}
	}
	t.Cleanup(func() { release(nil) })
	return release
}

// stageOne stages a batch of one company.
func stageOne(t testing.TB, s *Store, id string) func(context.Context) error {
	t.Helper()
	_, wait, err := s.Stage(context.Background(), &kg.Batch{At: noon, Put: []kg.Record{company(id)}})
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// TestGroupCommit stages batches while the disk is busy: they are made durable
// together, and nobody but the next writer sees them before.
func TestGroupCommit(t *testing.T) {
	s := openTest(t, t.TempDir())
	fill(t, s)
	before, began := dump(t, s), s.Activity()
	release := held(t, s)
	waits := []func(context.Context) error{stageOne(t, s, "a")}
	for i := range 20 {
		waits = append(waits, stageOne(t, s, fmt.Sprintf("b%d", i)))
	}
	draft, err := s.Draft(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := draft.Revision(), before.Revision+21; got != want {
		t.Errorf("the draft is of revision %d, want %d", got, want)
	}
	if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("what is staged is seen:\n%s", diff)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	_, nothing, err := s.Stage(t.Context(), &kg.Batch{At: noon, Put: []kg.Record{company("a")}})
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	for _, wait := range append(waits, nothing) {
		if err := wait(impatient); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting for a busy disk: %v", err)
		}
	}
	release(nil)
	for _, wait := range append(waits, nothing) {
		if err := wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := waits[0](impatient); err != nil {
		t.Errorf("asked when it is durable long since: %v", err)
	}
	if got := dump(t, s); got.Revision != before.Revision+21 || len(got.Changes) != int(got.Revision) {
		t.Errorf("revision %d with %d changes", got.Revision, len(got.Changes))
	}
	if err := draft.Close(); err != nil {
		t.Error(err)
	}
	after := s.Activity()
	if commits, groups := after.Commits-began.Commits, after.Groups-began.Groups; commits != 21 || groups > 2 {
		t.Errorf("%d commits in %d groups, want 21 in 2 at most", commits, groups)
	}
	if syncs := after.Syncs - began.Syncs; forcesLogs && syncs != 2*(after.Groups-began.Groups) {
		t.Errorf("%d files were forced to the disk for %d groups", syncs, after.Groups-began.Groups)
	}
	if after.LastSync <= 0 {
		t.Error("forcing the disk took no time")
	}
}

// TestEveryCommitIsForced writes one batch after the other.
func TestEveryCommitIsForced(t *testing.T) {
	s := openTest(t, t.TempDir())
	began := s.Activity()
	fill(t, s)
	apply(t, s, company("e0"))
	got := s.Activity()
	if commits, groups, syncs := got.Commits-began.Commits, got.Groups-began.Groups, got.Syncs-began.Syncs; commits != 40 || groups != 40 || forcesLogs && syncs != 80 {
		t.Errorf("%d commits, %d groups and %d syncs for 40 batches and one that changes nothing", commits, groups, syncs)
	}
}

// TestFailedForce lets the disk fail while batches wait for it: all of them hear
// of it, nothing more is written, and reading goes on.
func TestFailedForce(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	fill(t, s)
	before := dump(t, s)
	release := held(t, s)
	waits := []func(context.Context) error{stageOne(t, s, "a"), stageOne(t, s, "b"), stageOne(t, s, "c")}
	broken := errors.New("the disk is gone")
	release(broken)
	for _, wait := range waits {
		for range 2 {
			if err := wait(t.Context()); !errors.Is(err, kg.ErrUnavailable) || !errors.Is(err, broken) {
				t.Errorf("wait: %v", err)
			}
		}
	}
	for _, records := range [][]kg.Record{{company("d")}, {company("a")}, nil} {
		if _, err := s.Apply(t.Context(), &kg.Batch{Put: records}); !errors.Is(err, kg.ErrUnavailable) {
			t.Errorf("a write after the failure: %v", err)
		}
	}
	if diff := kgtest.Diff(before, dump(t, s)); diff != "" {
		t.Errorf("a failed write is seen:\n%s", diff)
	}
	closeStore(t, s)
	s = openTest(t, dir)
	apply(t, s, company("d"))
}

// TestCloseWaitsForTheDisk closes a store in which batches are staged.
func TestCloseWaitsForTheDisk(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	release := held(t, s)
	waits := []func(context.Context) error{stageOne(t, s, "a"), stageOne(t, s, "b")}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	for s.Ping(t.Context()) == nil { // until Close has begun
	}
	release(nil)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	for _, wait := range waits {
		if err := wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := dump(t, openTest(t, dir)); got.Revision != 2 {
		t.Errorf("revision %d after a restart", got.Revision)
	}
}

// TestPinsOfDrafts holds moments that are staged and moments that are durable.
func TestPinsOfDrafts(t *testing.T) {
	s := openTest(t, t.TempDir())
	apply(t, s, company("a"))
	release := held(t, s)
	wait := stageOne(t, s, "b")
	draft, err := s.Draft(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := snapshotOf(t, s)
	if got := []kg.Revision{old.Revision(), draft.Revision()}; !slices.Equal(got, []kg.Revision{1, 2}) {
		t.Errorf("a snapshot and a draft are of revisions %d", got)
	}
	if len(s.pins) != 2 || s.pins[0].revision != 1 || s.pins[1].revision != 2 {
		t.Errorf("the pins are %v", s.pins)
	}
	release(nil)
	if err := errors.Join(wait(t.Context()), draft.Close(), old.Close()); err != nil {
		t.Error(err)
	}
	if len(s.pins) != 0 {
		t.Errorf("pins are left: %v", s.pins)
	}
}

// disk is what of a store's folder would outlive a power cut: it follows what is
// forced, and at a cut gets any pages of what is not.
type disk struct {
	t *testing.T
	s *Store
	// dir holds every log as it was when it was forced last.
	dir string
	// before is called before a log is forced.
	before func()
}

const page = 4096

// diskUnder follows an open store. Compactions must be off, since files are
// copied one after the other.
func diskUnder(t *testing.T, s *Store) *disk {
	d := &disk{t, s, t.TempDir(), func() {}}
	keep := func(path string) {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(d.dir, filepath.Base(path)), data, 0o644)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	for _, ending := range []string{logEnding, valueLogEnding} {
		for _, path := range d.live(ending) {
			keep(path)
		}
	}
	s.logs.sync = func(path string) error {
		d.before()
		err := forceFile(path)
		if err == nil {
			keep(path)
		}
		return err
	}
	return d
}

func (d *disk) live(ending string) []string {
	paths, err := filepath.Glob(filepath.Join(d.s.dir, tablesDir, "*"+ending))
	if err != nil {
		d.t.Fatal(err)
	}
	return paths
}

// cut returns the folder as a power cut may leave it.
func (d *disk) cut(random *rand.Rand) string {
	d.t.Helper()
	left := d.t.TempDir()
	tables := filepath.Join(left, tablesDir)
	if err := os.Mkdir(tables, 0o755); err != nil {
		d.t.Fatal(err)
	}
	// The logs first: what is in a table by then is in both.
	for _, ending := range []string{logEnding, valueLogEnding} {
		for _, path := range d.live(ending) {
			d.mix(path, filepath.Join(tables, filepath.Base(path)), random)
		}
	}
	others := append(d.live("MANIFEST"), d.live("KEYREGISTRY")...)
	for _, path := range append(others, d.live(".sst")...) {
		d.copy(path, filepath.Join(tables, filepath.Base(path)))
	}
	d.copy(filepath.Join(d.s.dir, markName), filepath.Join(left, markName))
	return left
}

func (d *disk) copy(from, to string) {
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// mix writes a log of which some pages are as they were forced last, and some as
// they are in memory.
func (d *disk) mix(from, to string, random *rand.Rand) {
	now, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) || len(now) == 0 {
		return
	}
	if err != nil {
		d.t.Fatal(err)
	}
	forced, err := os.ReadFile(filepath.Join(d.dir, filepath.Base(from)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	if err != nil && random.IntN(4) == 0 {
		return // not even its name
	}
	lost := random.IntN(100)
	for at := 0; at < len(now); at += page {
		if random.IntN(100) >= lost {
			continue
		}
		end := min(at+page, len(now))
		clear(now[at:end])
		copy(now[at:end], forced[min(at, len(forced)):])
	}
	if err := os.WriteFile(to, now, 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// TestPowerCut cuts the power while batches are staged, some of them of many
// transactions or with long values, and others are on their way to the disk. Any
// pages of what was not forced are lost. What was acknowledged is found, whole,
// and nothing without what came before it.
func TestPowerCut(t *testing.T) {
	if !forcesLogs {
		t.Log("the engine forces its own logs on this system")
	}
	const seeds = 2
	var kept, dropped int
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			dir := t.TempDir()
			// Without compactions, the engine stops making tables of logs after
			// the second, so that there are several.
			tune := func(o badger.Options) badger.Options {
				return o.WithMemTableSize(1 << 20).WithValueLogFileSize(1 << 20).WithNumCompactors(0).
					WithNumLevelZeroTables(1).WithNumLevelZeroTablesStall(2).WithNumMemtables(1000)
			}
			s := openTuned(t, dir, tune)
			fill(t, s)
			d := diskUnder(t, s)
			model := []everything{dump(t, s)}
			first := model[0].Revision
			history := kgtest.NewModel()
			replay(t, history, s)
			// cuts are folders, with the revision acknowledged at the time.
			type cut struct {
				folder       string
				acknowledged kg.Revision
				staged       kg.Revision
			}
			var cuts []cut
			d.before = func() {
				if random.IntN(20) == 0 {
					cuts = append(cuts, cut{d.cut(random), dump(t, s).Revision, model[len(model)-1].Revision})
				}
			}
			for range 4 {
				release := held(t, s)
				var last func(context.Context) error
				for range 1 + random.IntN(30) {
					b := randomBatch(random)
					_, wait, err := s.Stage(t.Context(), b)
					if err == nil {
						_, err = history.Apply(t.Context(), b)
					}
					if err != nil {
						t.Fatal(err)
					}
					model = append(model, dump(t, history))
					last = wait
				}
				cuts = append(cuts, cut{d.cut(random), dump(t, s).Revision, model[len(model)-1].Revision})
				release(nil)
				if err := last(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range cuts {
				after := openTuned(t, c.folder, tune)
				found := dump(t, after)
				if found.Revision < c.acknowledged {
					t.Errorf("revision %d was acknowledged, and %d is found", c.acknowledged, found.Revision)
				}
				if found.Revision > c.acknowledged {
					kept++
				}
				if found.Revision < c.staged {
					dropped++
				}
				want := model[found.Revision-first]
				if diff := kgtest.Diff(want, found); diff != "" {
					t.Errorf("revision %d:\n%.2000s", found.Revision, diff)
				}
				apply(t, after, company("later"))
				closeStore(t, after)
				after = openTuned(t, c.folder, tune)
				if got := dump(t, after).Revision; got != found.Revision+1 {
					t.Errorf("revision %d after one more write on %d and a restart", got, found.Revision)
				}
				closeStore(t, after)
			}
		})
	}
	t.Logf("of staged batches, some survived in %d folders and some were dropped in %d", kept, dropped)
	if dropped == 0 || kept == 0 {
		t.Error("one of the two is not tested")
	}
}

// replay brings a model to where the store stands.
func replay(t testing.TB, model kg.Store, s *Store) {
	t.Helper()
	for i := range 40 {
		apply(t, model, company(fmt.Sprintf("e%d", i)), relation(fmt.Sprintf("r%d", i), kg.Owns, fmt.Sprintf("e%d", i), "e0", "2014"))
	}
	if diff := kgtest.Diff(dump(t, model), dump(t, s)); diff != "" {
		t.Fatal(diff)
	}
}

// randomBatch changes some of a few records.
func randomBatch(random *rand.Rand) *kg.Batch {
	b := &kg.Batch{At: noon}
	records := 1 + random.IntN(60)
	if random.IntN(10) == 0 {
		records = 800 // more than one transaction takes
	}
	for i := range records {
		id := fmt.Sprintf("x%d", i)
		e := company(id)
		e.Names[0].Text = fmt.Sprintf("name %d", random.IntN(1000))
		b.Put = append(b.Put, e)
	}
	if random.IntN(5) == 0 {
		b.Put = append(b.Put, &kg.Source{ID: "s", Note: strings.Repeat(fmt.Sprint(random.IntN(10)), 100<<10)})
	}
	return b
}

// TestPiecesAreForcedInOrder writes a batch of several transactions: none is begun
// before the one ahead of it is on the disk, and nor is what comes after it.
func TestPiecesAreForcedInOrder(t *testing.T) {
	s := openTuned(t, t.TempDir(), func(o badger.Options) badger.Options {
		return o.WithMemTableSize(1 << 20).WithValueLogFileSize(1 << 20)
	})
	d := diskUnder(t, s)
	held(t, s)
	stageOne(t, s, "before")
	unforced := func() (names []string) {
		for _, path := range append(d.live(logEnding), d.live(valueLogEnding)...) {
			now, err := os.ReadFile(path)
			if err != nil {
				continue // a table by now
			}
			forced, err := os.ReadFile(filepath.Join(d.dir, filepath.Base(path)))
			if err != nil || !bytes.Equal(now, forced) {
				names = append(names, filepath.Base(path))
			}
		}
		return names
	}
	if len(unforced()) == 0 && forcesLogs {
		t.Error("a batch that nobody has forced to the disk is there")
	}
	parts := 0
	s.beforePart = func() error {
		if names := unforced(); parts > 0 && len(names) > 0 && forcesLogs {
			t.Errorf("transaction %d of a batch is written while %s is not on the disk", parts+1, names)
		}
		parts++
		return nil
	}
	long := &kg.Source{ID: "s", Note: strings.Repeat("long ", 20<<10)}
	for name, b := range map[string]*kg.Batch{
		"many records": {At: noon, Put: manyRelations("2014").Put[:1500]},
		"a long value": {At: noon, Put: []kg.Record{long}},
	} {
		parts = 0
		if _, _, err := s.Stage(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if names := unforced(); len(names) > 0 && forcesLogs {
			t.Errorf("%s: staged in %d transactions, while %s is not on the disk", name, parts, names)
		}
		if name == "many records" && parts < 3 {
			t.Errorf("%s: %d transactions", name, parts)
		}
	}
}

// TestTornValue loses the value of a row that is there, of a batch that nobody
// was told of.
func TestTornValue(t *testing.T) {
	s := openSmall(t, t.TempDir())
	fill(t, s)
	before := dump(t, s)
	held(t, s)
	stageOne(t, s, "before")
	note := strings.Repeat("long ", 20<<10)
	if _, _, err := s.Stage(t.Context(), &kg.Batch{At: noon, Put: []kg.Record{&kg.Source{ID: "s", Note: note}}}); err != nil {
		t.Fatal(err)
	}
	stageOne(t, s, "after")
	for _, c := range []struct {
		name     string
		lose     func(t *testing.T, path string)
		revision kg.Revision
	}{
		{"nothing", func(*testing.T, string) {}, before.Revision + 3},
		{"a byte", func(t *testing.T, path string) {
			values, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			flip(t, path, int64(bytes.Index(values, []byte(note)))+50_000)
		}, before.Revision + 1},
		{"the end", func(t *testing.T, path string) {
			if err := os.Truncate(path, 60_000); err != nil {
				t.Fatal(err)
			}
		}, before.Revision + 1},
		{"the file", func(t *testing.T, path string) { remove(t, path) }, before.Revision + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			copyFolder(t, s.dir, dir)
			c.lose(t, only(t, dir, "*"+valueLogEnding))
			after := openSmall(t, dir)
			if got := dump(t, after); got.Revision != c.revision {
				t.Errorf("revision %d, want %d", got.Revision, c.revision)
			}
		})
	}
}

// TestLossBelowTheMark takes a page from what was acknowledged: that is
// not a tail, and the store is refused.
func TestLossBelowTheMark(t *testing.T) {
	tune := func(o badger.Options) badger.Options {
		return o.WithMemTableSize(1 << 20).WithNumCompactors(0).WithNumLevelZeroTables(1000).WithNumLevelZeroTablesStall(2000)
	}
	s := openTuned(t, t.TempDir(), tune)
	fill(t, s)
	copied := t.TempDir()
	copyFolder(t, s.dir, copied)
	path := only(t, copied, "*"+logEnding)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[2*page : 3*page])
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	before := contents(t, copied)
	_, err = Open(t.Context(), Options{Dir: copied})
	checkRefusal(t, err, copied, "of the commits that it acknowledged are missing")
	if diff := kgtest.Diff(before, contents(t, copied)); diff != "" {
		t.Error(diff)
	}
}

// TestEveryLogIsForced has Badger begin new logs, of which the older may not be on
// the disk, and remove some.
func TestEveryLogIsForced(t *testing.T) {
	var forced []string
	l := &logs{dir: t.TempDir(), active: 1, behind: 1, values: 3}
	l.sync = func(path string) error {
		_, err := os.Stat(path)
		if err == nil {
			forced = append(forced, filepath.Base(path))
		}
		return err
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, names ...string) {
		t.Helper()
		if err := errors.Join(l.follow(), l.force(), l.forceValues()); err != nil {
			t.Error(err)
		}
		if forcesLogs && !slices.Equal(forced, names) {
			t.Errorf("%s: forced were %q, want %q", what, forced, names)
		}
		forced = nil
	}
	write("00001.mem", "x")
	write("000002.vlog", "x")
	write("000003.vlog", "x")
	want("one log", "00001.mem", "000003.vlog")
	write("00002.mem", "x")
	write("00003.mem", "x")
	write("00004.mem", "")
	write("000004.vlog", "x")
	want("two logs more, and one that is not begun", "00001.mem", "00002.mem", "00003.mem", "000003.vlog", "000004.vlog")
	want("the same again", "00003.mem", "000004.vlog")
	write("00004.mem", "x")
	remove(t, filepath.Join(l.dir, "00003.mem"))
	want("one that has become a table", "00004.mem", "000004.vlog")
	l.sync = func(string) error { return errors.ErrUnsupported }
	if err := l.force(); forcesLogs && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a disk that fails: %v", err)
	}
}

// TestManyWriters lets writers share what forcing the disk costs.
func TestManyWriters(t *testing.T) {
	s := openTest(t, t.TempDir())
	// On a disk that forces at once nobody would ever have to wait for others.
	s.beforeForce = func() error { time.Sleep(25 * time.Millisecond); return nil }
	g := kg.NewGraph(s, kg.Options{})
	began := s.Activity()
	const writers, each = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				source := &kg.Source{ID: kg.ID(fmt.Sprintf("doc-%d-%d", w, i)), Title: "a"}
				if _, err := g.Apply(context.Background(), kg.Write{Sources: []*kg.Source{source}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := s.Activity()
	commits, groups := got.Commits-began.Commits, got.Groups-began.Groups
	if commits != writers*each || groups == 0 || groups > commits/2 {
		t.Errorf("%d commits of %d writers took %d groups", commits, writers, groups)
	}
	t.Logf("%d commits in %d groups", commits, groups)
}
