package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// increments is how many increments follow the full backup.
const increments = 5

var (
	checksumSaid = regexp.MustCompile(`checksum ([0-9a-f]{64})`)
	revisionSaid = regexp.MustCompile(`up to revision (\d+)`)
)

// backedUp is a backup as the command that made it describes it.
type backedUp struct {
	file, checksum string
	revision       int
}

// backUp makes a backup, an increment where there is one before it.
func (f *folder) backUp(t *testing.T, dir string, before ...backedUp) backedUp {
	t.Helper()
	b := backedUp{file: filepath.Join(dir, fmt.Sprintf("backup-%d", len(before)))}
	args := []string{"backup", b.file}
	if len(before) > 0 {
		args = append(args, "--after", before[len(before)-1].file)
	}
	said := f.command(t, args...)
	checksum, revision := checksumSaid.FindStringSubmatch(said), revisionSaid.FindStringSubmatch(said)
	if checksum == nil || revision == nil {
		t.Fatalf("the backup does not say what it holds: %s", said)
	}
	b.checksum = checksum[1]
	b.revision, _ = strconv.Atoi(revision[1])
	return b
}

// TestBackup makes a full backup and five increments while many write, kills the
// server, and restores: all of it, and the first half of it. What is restored
// has the checksum that the server had at that revision, holds every write that
// was acknowledged up to it and none behind it, and answers. Files that were cut
// or bent are refused, and nothing is made of them.
func TestBackup(t *testing.T) {
	beside(t)
	size, between := or(*entities, 300, 20_000), or(*writes, 60, 3000)/2
	s := seed(t)
	dir, files := t.TempDir(), t.TempDir()
	fill(t, dir, size, s)
	f := newFolder(t, dir)
	p, c := f.serve(t)
	crowd, _, _ := newTestCrowd(t, c, s, size)
	ctx, cancel := context.WithCancel(t.Context())
	idle := make(chan struct{})
	var worked error
	go func() {
		defer close(idle)
		worked = crowd.work(ctx, c)
	}()
	var chain []backedUp
	for range 1 + increments {
		enough := len(crowd.h.acknowledged()) + between
		eventually(t, "enough writes", func() bool { return len(crowd.h.acknowledged()) >= enough || closed(idle) })
		floor := crowd.h.floor()
		chain = append(chain, f.backUp(t, files, chain...))
		if last := chain[len(chain)-1]; last.revision < floor {
			t.Errorf("a backup that was begun after revision %d had been acknowledged holds %d", floor, last.revision)
		}
	}
	p.kill()
	cancel()
	<-idle
	if worked != nil {
		t.Fatal(worked)
	}

	// What the killed folder holds is what all else is compared with.
	p, c = f.serve(t)
	settled, err := crowd.settle(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	settled.report(t)
	ended := f.backUp(t, t.TempDir(), chain...)
	p.stop(t)
	whole := f.backUp(t, t.TempDir())
	if whole.checksum != ended.checksum || whole.revision != ended.revision {
		t.Errorf("increments come to revision %d and checksum %s, a full backup to %d and %s", ended.revision, ended.checksum, whole.revision, whole.checksum)
	}
	all := crowd.h.acknowledged()
	for _, half := range [][]backedUp{chain, chain[:1+increments/2]} {
		last := half[len(half)-1]
		restored := f.restore(t, half)
		if got, wrong := restored.check(t); got.Checksum != last.checksum || got.Revision != last.revision || len(wrong) > 0 {
			t.Errorf("restored: revision %d, checksum %s and %q; the server had %d and %s", got.Revision, got.Checksum, wrong, last.revision, last.checksum)
		}
		p, c := restored.serve(t)
		b, err := c.bank(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b.revision != last.revision {
			t.Errorf("the restored folder is at revision %d, want %d", b.revision, last.revision)
		}
		var then, later []*write
		for _, w := range all {
			if w.revision <= last.revision {
				then = append(then, w)
			} else {
				later = append(later, w)
			}
		}
		recalled, err := c.recall(t.Context(), then)
		if err != nil {
			t.Fatal(err)
		}
		recalled.report(t)
		for _, w := range sample(chance(s, "later", len(half)), later, 10) {
			found, err := c.traces(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if done, _, _ := judgeTraces(&write{key: w.key, traces: w.traces}, found); done {
				t.Errorf("%s is of revision %d, and in a backup up to %d", w.key, w.revision, last.revision)
			}
		}
		p.stop(t)
	}
	refusals := f.refusesBent(t, chain, s)
	t.Logf("backup: a full one and %d increments of %d companies and %d writes, while many wrote: restored to revision %d and %d with the checksums of the source; %d damaged or unfitting ones refused",
		increments, size, len(all), chain[increments].revision, chain[increments/2].revision, refusals)
}

// restore restores backups into a new folder.
func (f *folder) restore(t *testing.T, chain []backedUp) *folder {
	t.Helper()
	r := &folder{dir: filepath.Join(t.TempDir(), "restored")}
	args := []string{"restore"}
	for _, b := range chain {
		args = append(args, b.file)
	}
	if said := r.command(t, args...); !strings.Contains(said, chain[len(chain)-1].checksum) {
		t.Errorf("the restore does not name the checksum %s: %s", chain[len(chain)-1].checksum, said)
	}
	// Tokens are not in the store, and so not in its backups.
	r.token = strings.TrimSpace(r.command(t, "token", "create", "torture", "--scope", "write", "--expires", "never"))
	return r
}

// refusesBent damages each file of a chain, and tries to restore what is left.
func (f *folder) refusesBent(t *testing.T, chain []backedUp, s uint64) (refusals int) {
	t.Helper()
	r := chance(s, "bent", 0)
	for i, b := range chain {
		if !*full && i%3 != 0 {
			continue
		}
		text, err := os.ReadFile(b.file)
		if err != nil {
			t.Fatal(err)
		}
		bent := append([]byte(nil), text...)
		bent[r.IntN(len(bent))] ^= 1 << r.IntN(8)
		for how, content := range map[string][]byte{
			"cut": text[:r.IntN(len(text))], "bent": bent, "without its last byte": text[:len(text)-1], "with one byte more": append(bent[:len(text):len(text)], 0),
		} {
			file := filepath.Join(t.TempDir(), "damaged")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			names := make([]string, len(chain))
			for n, b := range chain {
				names[n] = b.file
			}
			names[i] = file
			f.refuses(t, fmt.Sprintf("backup %d, %s", i, how), file, names)
			refusals++
		}
	}
	f.refuses(t, "an increment left out", chain[3].file, []string{chain[0].file, chain[1].file, chain[3].file})
	f.refuses(t, "increments in the wrong order", "", []string{chain[0].file, chain[2].file, chain[1].file})
	f.refuses(t, "increments alone", chain[1].file, []string{chain[1].file, chain[2].file})
	return refusals + 3
}

// refuses wants a restore that ends in one line that names the file, and makes
// nothing.
func (f *folder) refuses(t *testing.T, what, file string, names []string) {
	t.Helper()
	into := filepath.Join(t.TempDir(), "restored")
	p := spawn(t, program(t), append([]string{"--data", into, "restore"}, names...)...)
	p.ended(t, 1)
	said := p.stderr.String()
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, file) || insides.MatchString(said) {
		t.Errorf("%s: want one line that names %s, not:\n%s", what, file, said)
	}
	if _, err := os.Stat(into); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: the refused restore has made something: %v", what, err)
	}
}
