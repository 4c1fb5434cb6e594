package torture

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The moments at which the program is ended.
type moment string

const (
	whileWriting    moment = "write"
	whileStarting   moment = "start"
	whileRecovering moment = "double" // killed again while it makes good the first time
	whileCompacting moment = "compaction"
	whileBackingUp  moment = "backup"
	whileImporting  moment = "import"
	whenTold        moment = "SIGTERM"
)

// plan returns the moment of each cycle: in every ten, four writes and one of
// each other, in an order of chance.
func plan(r *rand.Rand, n int) []moment {
	ten := []moment{
		whileWriting, whileWriting, whileWriting, whileWriting,
		whileStarting, whileRecovering, whileCompacting, whileBackingUp, whileImporting, whenTold,
	}
	var all []moment
	for len(all) < n {
		r.Shuffle(len(ten), func(i, j int) { ten[i], ten[j] = ten[j], ten[i] })
		all = append(all, ten...)
	}
	return all[:n]
}

// Bounds of time: what is promised, and what a test still takes from a machine
// on which much else runs.
const (
	readyWithin = 5 * time.Second
	stopWithin  = 10 * time.Second
	leniency    = 5
)

// killing is a run of TestKill.
type killing struct {
	*folder
	*rand.Rand
	crowd   *crowd
	base    int
	records map[string]int
	seeds   map[string]int // the records of a folder filled with the demo facts
	judgement
	kills, failedStarts int
	// usual is how long the last undisturbed start took, by which the moments
	// within a start are drawn.
	usual, slowestReady, slowestStop time.Duration
	checks, backups                  int
	// rebuilt counts the starts that could not use the search index, which is
	// no loss, but costs minutes.
	rebuilt int
}

// TestKill ends the program at moments of chance, again and again, while many
// write to it, and looks each time whether all that was promised is there.
func TestKill(t *testing.T) {
	beside(t)
	n, quota, size := or(*cycles, 10, 200), or(*writes, 1500, 100_000), or(*entities, 2000, 100_000)
	s := seed(t)
	dir := t.TempDir()
	fill(t, dir, size, s)
	k := &killing{folder: newFolder(t, dir), Rand: chance(s, "kill", 0)}
	p, c := k.serve(t)
	k.crowd, k.base, k.records = newTestCrowd(t, c, s, size)
	k.stop(t, p)
	k.seeds = seedRecords(t)

	moments := plan(k.Rand, n)
	began := time.Now()
	for i, m := range moments {
		// One in ten cycles, an import, has no writers.
		share := max(2, (quota-len(k.crowd.h.acknowledged()))/(n-i)*10/9)
		k.cycle(t, i, m, share/2+k.IntN(share))
		if t.Failed() || len(k.said) > 0 {
			k.report(t)
			t.Fatalf("cycle %d (%s) of %d", i, m, n)
		}
		if done := i + 1; done%10 == 0 {
			progress(t, "%d of %d cycles, %d writes acknowledged, slowest ready %s, %s", done, n,
				len(k.crowd.h.acknowledged()), k.slowestReady.Round(time.Millisecond), time.Since(began).Round(time.Second))
		}
	}
	k.finish(t, quota)
	t.Logf("kill: %d cycles, %d kills, %d acknowledged writes (%d moves, %d of them in conflict first, %d reads of the bank): "+
		"%d lost, %d torn, %d phantom or missing rows, %d out of order, %d failed starts, %d backups, %d checks, %d search indexes built again, "+
		"%d entities at the end, slowest ready %s, slowest SIGTERM %s, %s on %d processors",
		n, k.kills, len(k.crowd.h.acknowledged()), movesIn(k.crowd.h.acknowledged()), k.crowd.conflicts.Load(), k.crowd.reads.Load(),
		k.lost, k.torn, k.rows, k.order, k.failedStarts, k.backups, k.checks, k.rebuilt,
		expected(k.records, k.crowd.h.acknowledged())["entity"], k.slowestReady.Round(time.Millisecond), k.slowestStop.Round(time.Millisecond),
		time.Since(began).Round(time.Second), runtime.NumCPU())
}

func movesIn(ws []*write) (n int) {
	for _, w := range ws {
		if w.move != nil {
			n++
		}
	}
	return n
}

// cycle starts the program, looks at what it holds, lets all write, and ends it.
func (k *killing) cycle(t *testing.T, i int, m moment, quota int) {
	switch m {
	case whileImporting:
		k.importing(t)
		return
	case whileStarting, whileRecovering:
		// Whatever it is doing by then: looking the tables through, replaying
		// the log, opening the index.
		for range map[moment]int{whileStarting: 1, whileRecovering: 2}[m] {
			k.spawn(t).interrupted(time.Duration(k.Float64() * float64(k.usual)))
			k.kills++
		}
	}
	p := k.spawn(t)
	took, err := p.ready()
	if err != nil {
		k.failedStarts++
		t.Errorf("cycle %d: %v", i, err)
		return
	}
	k.usual, k.slowestReady = took, max(k.slowestReady, took)
	if took > leniency*readyWithin {
		t.Errorf("cycle %d: ready after %s, want %s", i, took, readyWithin)
	}
	c := k.client(t, p)
	if err := k.look(t.Context(), c); err != nil {
		t.Errorf("cycle %d: %v; log of the server:\n%s", i, err, p.stderr.last(20))
		return
	}
	if i%or(0, 10, 50) == 9 {
		k.checkRows(t)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var worked error
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		worked = k.crowd.work(ctx, c)
	}()
	k.reached(t, p, m, quota, idle)
	switch m {
	case whenTold:
		took := p.stop(t)
		k.slowestStop = max(k.slowestStop, took)
		if took > leniency*stopWithin {
			t.Errorf("cycle %d: ended %s after SIGTERM, want %s", i, took, stopWithin)
		}
	case whileBackingUp:
		k.backup(t, p, i)
	default:
		p.interrupted(time.Duration(k.IntN(20)) * time.Millisecond)
	}
	k.kills++
	if strings.Contains(p.stderr.String(), "built the search index") {
		k.rebuilt++
		progress(t, "cycle %d: %s", i, rebuilding.FindString(p.stderr.String()))
	}
	cancel()
	<-idle
	if errors.Is(worked, errTorn) {
		k.wrong(&k.torn, "cycle %d: %v", i, worked)
	} else if worked != nil {
		t.Errorf("cycle %d: %v", i, worked)
	}
}

var rebuilding = regexp.MustCompile(`.*built the search index.*`)

// reached waits until as many writes have been acknowledged as the cycle is to
// have, and then for the moment.
func (k *killing) reached(t *testing.T, p *process, m moment, quota int, idle <-chan struct{}) {
	t.Helper()
	gone := func() bool { return closed(idle) } // nobody writes any more, and work says why
	enough := len(k.crowd.h.acknowledged()) + quota
	eventually(t, "enough writes", func() bool { return len(k.crowd.h.acknowledged()) >= enough || gone() })
	if m == whileCompacting {
		// A new table is either memory on its way to the disk or several
		// tables becoming one. Where there is none for long, this is a kill
		// while writing.
		before := tables(t, k.dir)
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline) && !gone(); time.Sleep(time.Millisecond) {
			if !slices.Equal(before, tables(t, k.dir)) {
				break
			}
		}
	}
	if closed(p.gone) {
		t.Fatalf("the program has ended by itself: exit code %d:\n%s", p.code, p.stderr.last(20))
	}
}

// tables returns the names of the engine's tables.
func tables(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "store", "badger", "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// backup kills the server, or the command, or both, in the middle of a backup.
// The file has its name only if it is whole.
func (k *killing) backup(t *testing.T, p *process, i int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup")
	words := k.words(t, "backup", file)
	command := spawn(t, words[0], words[1:]...)
	after := time.Duration(k.Float64() * float64(time.Second))
	if k.IntN(3) == 0 {
		command.interrupted(after)
	}
	p.interrupted(after)
	select {
	case <-command.gone:
	case <-time.After(patience):
		t.Fatalf("cycle %d: the backup outlives its server by %s", i, patience)
	}
	_, err := os.Stat(file)
	if there := err == nil; there != (command.code == 0) && command.code != -1 {
		t.Errorf("cycle %d: the backup ended with %d and its file is there: %t; it said:\n%s", i, command.code, there, command.stderr.last(20))
	}
	k.backups++
}

// look finds out what became of the last writes, and holds all that is known
// against what the program holds now.
func (k *killing) look(ctx context.Context, c *client) error {
	before := len(k.crowd.h.acknowledged())
	settled, err := k.crowd.settle(ctx, c)
	if err != nil {
		return err
	}
	k.add(settled)
	all := k.crowd.h.acknowledged()
	// The newest writes are those that a kill endangers; among the others the
	// same chance meets every write sooner or later, and at the end all.
	newest := all[max(0, before-300):]
	recalled, err := c.recall(ctx, append(slices.Clone(newest), sample(k.Rand, all, 100)...))
	if err != nil {
		return err
	}
	k.add(recalled)
	inspected, err := c.inspect(ctx, sample(k.Rand, all, 10))
	if err != nil {
		return err
	}
	k.add(inspected)
	return k.weigh(ctx, c, all)
}

// weigh compares revisions, balances and numbers of records.
func (k *killing) weigh(ctx context.Context, c *client, all []*write) error {
	b, err := c.bank(ctx)
	if err != nil {
		return err
	}
	k.add(judge(all, k.base, b.revision))
	k.add(judgeBank(all, b))
	got, err := c.records(ctx)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(expected(k.records, all), got); diff != "" {
		k.wrong(&k.rows, "records of each kind (-written +counted):\n%s", diff)
	}
	return nil
}

// finish looks at every write that was ever acknowledged, and checks the folder.
func (k *killing) finish(t *testing.T, quota int) {
	t.Helper()
	p, c := k.serve(t)
	if err := k.look(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	// What chance has left of the number.
	ctx, cancel := context.WithCancel(t.Context())
	var worked error
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		worked = k.crowd.work(ctx, c)
	}()
	eventually(t, "enough writes", func() bool { return len(k.crowd.h.acknowledged()) >= quota || closed(idle) })
	cancel()
	<-idle
	if worked != nil {
		t.Fatal(worked)
	}
	if err := k.look(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	all := k.crowd.h.acknowledged()
	recalled, err := c.recall(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	k.add(recalled)
	k.stop(t, p)
	k.checkRows(t)
	k.report(t)
}

// checkRows lets the program look for rows that are missing or too many.
func (k *killing) checkRows(t *testing.T) {
	t.Helper()
	_, wrong := k.check(t)
	for _, line := range wrong {
		k.wrong(&k.rows, "check: %s", line)
	}
	k.checks++
}

func (k *killing) stop(t *testing.T, p *process) {
	t.Helper()
	k.slowestStop = max(k.slowestStop, p.stop(t))
}

// importing kills the program up to three times while it fills an empty folder
// with the demo facts; then it finishes, and all of them are there, once.
func (k *killing) importing(t *testing.T) {
	t.Helper()
	f := newFolder(t, t.TempDir())
	for range 1 + k.IntN(3) {
		f.spawn(t).interrupted(time.Duration(k.IntN(600)) * time.Millisecond)
		k.kills++
	}
	p, c := f.serve(t)
	got, err := c.records(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k.seeds, got); diff != "" {
		k.wrong(&k.rows, "records after an import that was cut short (-undisturbed +cut short):\n%s", diff)
	}
	k.stop(t, p)
}

// seedRecords returns the records of the demo facts.
func seedRecords(t *testing.T) map[string]int {
	t.Helper()
	p, c := newFolder(t, t.TempDir()).serve(t)
	records, err := c.records(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	return records
}
