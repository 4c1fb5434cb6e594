package torture

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// verdict is what a start of the program on a damaged folder comes to.
type verdict string

const (
	refusedWhole verdict = "refused"  // in one line, and nothing was touched
	complete     verdict = "complete" // it answers as before the damage
	told         verdict = "told"     // it starts on something else, and the command check says what is wrong
	silent       verdict = "SILENT"   // it starts on something else, and nothing says so
	either       verdict = "either"   // as a wanted verdict: refused or complete, as chance has it
)

// wreck is a folder that is being damaged.
type wreck struct {
	testing.TB
	*rand.Rand
	dir string
	// other is a folder of another store, earlier the same one at an earlier moment.
	other, earlier string
}

func (w *wreck) path(name string) string { return filepath.Join(w.dir, name) }

func (w *wreck) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// files returns the files that a pattern fits; there is at least one.
func (w *wreck) files(pattern string) []string {
	w.Helper()
	found, err := filepath.Glob(w.path(pattern))
	w.must(err)
	if len(found) == 0 {
		w.Fatalf("there is no %s in the folder", pattern)
	}
	return found
}

// one returns one of the files that a pattern fits.
func (w *wreck) one(pattern string) string {
	w.Helper()
	found := w.files(pattern)
	return found[w.IntN(len(found))]
}

// fullest returns the file that holds most of those that a pattern fits: the
// engine begins a log before it needs it.
func (w *wreck) fullest(pattern string) string {
	w.Helper()
	return slices.MaxFunc(w.files(pattern), func(a, b string) int { return int(w.used(a) - w.used(b)) })
}

// used returns how far a file is filled: the engine makes files longer than
// what they hold.
func (w *wreck) used(path string) (end int64) {
	w.Helper()
	w.must(eachPiece(path, func(at int64, piece []byte) error {
		end = at + int64(len(bytes.TrimRight(piece, "\x00")))
		return nil
	}))
	return end
}

// flip turns one bit over in the used part of a file.
func (w *wreck) flip(path string) {
	w.Helper()
	w.flipAt(path, w.Int64N(max(1, w.used(path))))
}

func (w *wreck) flipAt(path string, at int64) {
	w.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	w.must(err)
	var b [1]byte
	_, err = file.ReadAt(b[:], at)
	w.must(err)
	b[0] ^= 1 << w.IntN(8)
	_, err = file.WriteAt(b[:], at)
	w.must(errors.Join(err, file.Close()))
}

// cut leaves a part of what a file holds.
func (w *wreck) cut(path string, part float64) {
	w.Helper()
	w.must(os.Truncate(path, int64(float64(w.used(path))*part)))
}

// gone removes all files that a pattern fits.
func (w *wreck) gone(pattern string) {
	w.Helper()
	for _, path := range w.files(pattern) {
		w.must(os.RemoveAll(path))
	}
}

// write puts a text in the place of a file or folder.
func (w *wreck) write(name, text string) {
	w.Helper()
	w.must(os.RemoveAll(w.path(name)))
	w.must(os.WriteFile(w.path(name), []byte(text), 0o600))
}

// take replaces the fullest file that a pattern fits, or a folder, by that of the same name in
// another data folder.
func (w *wreck) take(from, pattern string) {
	w.Helper()
	name := strings.TrimPrefix(w.fullest(pattern), w.dir)
	w.must(os.RemoveAll(w.path(name)))
	sparing(w, filepath.Join(from, name), w.path(name))
}

// badger and tables are the engine's folder and what lies in it.
const (
	badgerDir = "store/badger"
	logs      = badgerDir + "/*.mem"
	sorted    = badgerDir + "/*.sst"
	manifest  = badgerDir + "/MANIFEST"
	registry  = badgerDir + "/KEYREGISTRY"
	discards  = badgerDir + "/DISCARD"
	values    = badgerDir + "/*.vlog"
	mark      = "store/MARK"
	tokens    = "tokens.json"
	shelves   = "search/*"
)

// damage is one way to damage a folder.
type damage struct {
	name string
	// crashed takes a folder whose program was killed: its newest writes lie in
	// the log. Else the program was stopped, and all lies in tables.
	crashed bool
	want    verdict
	do      func(w *wreck)
}

// damages lists all of them. Those that leave something to chance are there
// several times.
func damages() []damage {
	list := []damage{
		{"log cut after a tenth", true, refusedWhole, func(w *wreck) { w.cut(w.fullest(logs), 0.1) }},
		{"log cut in the middle", true, refusedWhole, func(w *wreck) { w.cut(w.fullest(logs), 0.5) }},
		{"log cut near its end", true, refusedWhole, func(w *wreck) { w.cut(w.fullest(logs), 0.98) }},
		{"log gone", true, refusedWhole, func(w *wreck) { w.gone(logs) }},
		{"log empty", true, refusedWhole, func(w *wreck) { w.must(os.Truncate(w.fullest(logs), 0)) }},
		{"log full of zeros", true, refusedWhole, func(w *wreck) {
			path := w.fullest(logs)
			info, err := os.Stat(path)
			w.must(err)
			w.must(errors.Join(os.Truncate(path, 0), os.Truncate(path, info.Size())))
		}},
		{"log of another store, as long as ours", true, told, func(w *wreck) { w.take(filepath.Join(w.other, "killed"), logs) }},
		{"table cut after a quarter", false, refusedWhole, func(w *wreck) { w.cut(w.one(sorted), 0.25) }},
		{"table cut in the middle", false, refusedWhole, func(w *wreck) { w.cut(w.one(sorted), 0.5) }},
		{"table without its last byte", false, refusedWhole, func(w *wreck) {
			path := w.one(sorted)
			w.must(os.Truncate(path, w.used(path)-1))
		}},
		{"table gone", false, refusedWhole, func(w *wreck) { w.must(os.Remove(w.one(sorted))) }},
		{"all tables gone", false, refusedWhole, func(w *wreck) { w.gone(sorted) }},
		{"table empty", false, refusedWhole, func(w *wreck) { w.must(os.Truncate(w.one(sorted), 0)) }},
		{"two tables changed places", false, either, func(w *wreck) {
			all := w.files(sorted)
			aside := w.path("aside")
			w.must(errors.Join(os.Rename(all[0], aside), os.Rename(all[1], all[0]), os.Rename(aside, all[1])))
		}},
		{"manifest gone", false, refusedWhole, func(w *wreck) { w.gone(manifest) }},
		{"manifest gone after a kill", true, refusedWhole, func(w *wreck) { w.gone(manifest) }},
		{"manifest empty", false, refusedWhole, func(w *wreck) { w.must(os.Truncate(w.path(manifest), 0)) }},
		{"manifest cut", false, refusedWhole, func(w *wreck) { w.cut(w.one(manifest), 0.6) }},
		{"manifest of an earlier moment", false, refusedWhole, func(w *wreck) { w.take(w.earlier, manifest) }},
		{"mark gone", false, refusedWhole, func(w *wreck) { w.gone(mark) }},
		{"mark gone after a kill", true, refusedWhole, func(w *wreck) { w.gone(mark) }},
		{"mark empty", false, refusedWhole, func(w *wreck) { w.must(os.Truncate(w.path(mark), 0)) }},
		{"mark damaged in both places", false, refusedWhole, func(w *wreck) {
			w.flipAt(w.path(mark), 30)
			w.flipAt(w.path(mark), 512+30)
		}},
		{"mark damaged in one place", false, complete, func(w *wreck) { w.flipAt(w.path(mark), int64(512*w.IntN(2)+30)) }},
		{"mark of a newer format", false, refusedWhole, func(w *wreck) { w.newer() }},
		{"key registry gone", false, either, func(w *wreck) { w.gone(registry) }},
		{"key registry empty", false, either, func(w *wreck) { w.must(os.Truncate(w.path(registry), 0)) }},
		{"key registry damaged", false, either, func(w *wreck) { w.flip(w.one(registry)) }},
		{"discard counts gone", false, complete, func(w *wreck) { w.gone(discards) }},
		{"discard counts empty", false, either, func(w *wreck) { w.must(os.Truncate(w.path(discards), 0)) }},
		{"discard counts made up", false, either, func(w *wreck) {
			w.must(os.WriteFile(w.path(discards), bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 9}, 1<<17), 0o600))
		}},
		{"value log gone", false, either, func(w *wreck) { w.gone(values) }},
		{"value log empty", false, complete, func(w *wreck) { w.must(os.Truncate(w.one(values), 0)) }},
		{"value log damaged at its head", true, either, func(w *wreck) { w.flipAt(w.one(values), int64(w.IntN(20))) }},
		{"folder copied to the middle of the log", true, refusedWhole, func(w *wreck) {
			w.gone(manifest) // what comes behind the log by name
			w.cut(w.fullest(logs), 0.5)
		}},
		{"folder copied without the engine's part", false, refusedWhole, func(w *wreck) { w.gone(badgerDir) }},
		{"folder copied without the last tables", false, refusedWhole, func(w *wreck) {
			all := w.files(sorted)
			for _, path := range all[len(all)/2:] {
				w.must(os.Remove(path))
			}
		}},
		{"folder copied, only the mark", false, refusedWhole, func(w *wreck) {
			w.gone(badgerDir)
			w.gone("search")
		}},
		{"mark of another store", false, refusedWhole, func(w *wreck) { w.take(filepath.Join(w.other, "stopped"), mark) }},
		{"engine's part of another store", false, refusedWhole, func(w *wreck) { w.take(filepath.Join(w.other, "stopped"), badgerDir) }},
		{"manifest of another store", false, either, func(w *wreck) { w.take(filepath.Join(w.other, "stopped"), manifest) }},
		{"first table of another store", false, refusedWhole, func(w *wreck) {
			w.take(filepath.Join(w.other, "stopped"), badgerDir+"/000001.sst")
		}},
		{"everything of an earlier moment but the mark", false, refusedWhole, func(w *wreck) { w.take(w.earlier, badgerDir) }},
		{"store is a file", false, refusedWhole, func(w *wreck) { w.write("store", "") }},
		{"search index gone", false, complete, func(w *wreck) { w.gone("search") }},
		{"search index empty", false, complete, func(w *wreck) { w.gone(shelves) }},
		{"search index cut", true, complete, func(w *wreck) { w.cut(w.one(shelves+"/store/*.zap"), 0.5) }},
		{"search index without its root", false, complete, func(w *wreck) { w.gone(shelves + "/store/root.bolt") }},
		{"search index with a root cut", false, complete, func(w *wreck) { w.cut(w.one(shelves+"/store/root.bolt"), 0.3) }},
		{"search index with a made-up head", false, complete, func(w *wreck) { w.must(os.WriteFile(w.one(shelves+"/index_meta.json"), []byte("{"), 0o600)) }},
		{"tokens made up", false, refusedWhole, func(w *wreck) { w.write(tokens, "anything") }},
		{"tokens cut", false, refusedWhole, func(w *wreck) { w.cut(w.one(tokens), 0.5) }},
		{"tokens empty", false, refusedWhole, func(w *wreck) { w.write(tokens, "") }},
		{"tokens are a folder", false, refusedWhole, func(w *wreck) {
			w.gone(tokens)
			w.must(os.Mkdir(w.path(tokens), 0o700))
		}},
		{"lock is a folder", false, refusedWhole, func(w *wreck) {
			w.gone("store/LOCK")
			w.must(os.Mkdir(w.path("store/LOCK"), 0o700))
		}},
		{"notes of backups made up", false, complete, func(w *wreck) { w.write("backups.json", "anything") }},
		{"socket in the way", true, complete, func(w *wreck) { w.write("control.sock", "") }},
	}
	for i := range 8 {
		list = append(list,
			damage{fmt.Sprintf("bit of the log %d", i+1), true, either, func(w *wreck) { w.flip(w.fullest(logs)) }},
			damage{fmt.Sprintf("bit of a table %d", i+1), false, either, func(w *wreck) { w.flip(w.one(sorted)) }})
	}
	for i := range 3 {
		list = append(list,
			damage{fmt.Sprintf("bit of the manifest %d", i+1), false, either, func(w *wreck) { w.flip(w.one(manifest)) }},
			damage{fmt.Sprintf("bit of the search index %d", i+1), false, complete, func(w *wreck) { w.flip(w.one(shelves + "/store/*")) }})
	}
	return list
}

// newer rewrites the mark as a later version of the program would have.
func (w *wreck) newer() {
	w.Helper()
	text, err := os.ReadFile(w.path(mark))
	w.must(err)
	places := regexp.MustCompile(`format=\d+ ([^\n]*?) sum=[0-9a-f]{8}`)
	w.must(os.WriteFile(w.path(mark), places.ReplaceAllFunc(text, func(place []byte) []byte {
		body := fmt.Sprintf("keiretsu-store format=9 %s", places.FindSubmatch(place)[1])
		sum := crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli))
		return fmt.Appendf(nil, "%s sum=%08x", strings.TrimPrefix(body, "keiretsu-store "), sum)
	}), 0o600))
}

// model is a folder before it is damaged, and what must be found in it.
type model struct {
	folder
	whole checked
	// names are companies that must be found by words.
	names []string
}

// newModel describes a folder by starting the program on a copy of it.
func newModel(t *testing.T, f *folder, ws []*write) model {
	t.Helper()
	m := model{folder: *f}
	for _, w := range ws {
		if w.field == "putEntity" {
			m.names = append(m.names, w.key)
		}
	}
	m.names = m.names[max(0, len(m.names)-3):]
	c := &folder{dir: filepath.Join(t.TempDir(), "copy"), token: f.token}
	sparing(t, f.dir, c.dir)
	p, _ := c.serve(t)
	var wrong []string
	if m.whole, wrong = c.check(t); len(wrong) > 0 {
		t.Fatalf("the folder is damaged before it is damaged: %q", wrong)
	}
	p.stop(t)
	return m
}

// TestDamage damages copies of a folder in every way there is, and starts the
// program on each. It either refuses, in one line that says what to do, and
// touches nothing; or it answers as it did before. It never starts on less.
func TestDamage(t *testing.T) {
	beside(t)
	s := seed(t)
	stopped, killed, earlier := grown(t, s)
	other := t.TempDir()
	otherStopped, otherKilled, _ := grown(t, s+1)
	sparing(t, otherStopped.dir, filepath.Join(other, "stopped"))
	sparing(t, otherKilled.dir, filepath.Join(other, "killed"))

	list := damages()
	verdicts := make(map[verdict]int)
	var table strings.Builder
	done := 0
	for i, d := range list {
		// A shortened run takes every fourth, and others the next time.
		if !*full && (uint64(i)+s)%4 != 0 {
			continue
		}
		done++
		t.Run(d.name, func(t *testing.T) {
			m := stopped
			if d.crashed {
				m = killed
			}
			f := &folder{dir: filepath.Join(t.TempDir(), "data"), token: m.token}
			sparing(t, m.dir, f.dir)
			d.do(&wreck{TB: t, Rand: chance(s, d.name, 0), dir: f.dir, other: other, earlier: earlier})
			got, line := f.start(t, m)
			if got != d.want && (d.want != either || got != refusedWhole && got != complete) {
				t.Errorf("it is %s, want %s", got, d.want)
			}
			verdicts[got]++
			fmt.Fprintf(&table, "\n  %-46s %-9s %s", d.name, got, strings.ReplaceAll(line, f.dir, "DATA"))
		})
	}
	t.Run("lock held", func(t *testing.T) {
		f := &folder{dir: filepath.Join(t.TempDir(), "data"), token: stopped.token}
		sparing(t, stopped.dir, f.dir)
		p, c := f.serve(t)
		second := f.spawn(t)
		second.ended(t, 1)
		said := second.stderr.String()
		if strings.Count(said, "\n") != 1 || !strings.Contains(said, f.dir) || !strings.Contains(said, fmt.Sprint(p.Pid)) {
			t.Errorf("a second server on one folder says, instead of one line that names it and the first:\n%s", said)
		}
		verdicts[refusedWhole]++
		fmt.Fprintf(&table, "\n  %-46s %-9s %s", "lock held", refusedWhole, strings.ReplaceAll(strings.TrimSpace(said), f.dir, "DATA"))
		if _, err := c.revision(t.Context()); err != nil {
			t.Errorf("the first server: %v", err)
		}
		p.stop(t)
	})
	t.Logf("damage: %d cases: %d refused, %d complete, %d told by check, %d silent losses:%s", done+1, verdicts[refusedWhole], verdicts[complete],
		verdicts[told], verdicts[silent], table.String())
}

// grown returns two folders of one store: stopped, with several tables, and
// killed, with its newest writes in the log. The third is what the store was a
// while before.
func grown(t *testing.T, s uint64) (stopped, killed model, earlier string) {
	t.Helper()
	const companies = 300
	dir := t.TempDir()
	fill(t, dir, companies, s)
	f := newFolder(t, dir)
	p, c := f.serve(t)
	crowd, _, _ := newTestCrowd(t, c, s, companies)
	a := newAuthor(s, len(crowd.authors), companies)
	grow := func(c *client) {
		for range 60 {
			w := a.compose()
			if err := crowd.try(t.Context(), c, w); err != nil {
				t.Fatal(err)
			}
			a.learn(w)
		}
	}
	grow(c)
	p.stop(t)
	earlier = filepath.Join(t.TempDir(), "earlier")
	sparing(t, dir, earlier)
	for range 2 {
		p, c = f.serve(t)
		grow(c)
		p.stop(t)
	}
	ended := folder{dir: filepath.Join(t.TempDir(), "stopped"), token: f.token}
	sparing(t, dir, ended.dir)
	stopped = newModel(t, &ended, crowd.h.acknowledged())
	p, c = f.serve(t)
	grow(c)
	p.kill()
	return stopped, newModel(t, f, crowd.h.acknowledged()), earlier
}

var (
	// remedies are words that say what to do.
	remedies = regexp.MustCompile(`restore|newer version|move it away|use another folder`)
	// insides are what no message may show.
	insides = regexp.MustCompile(`goroutine |panic:|\.go:\d|runtime error|0x[0-9a-f]{6}|SIG[A-Z]{3}`)
)

// start starts the program on a damaged folder and says what came of it.
func (f *folder) start(t *testing.T, m model) (got verdict, line string) {
	t.Helper()
	before := fingerprint(t, f.dir)
	p := f.spawn(t)
	if _, err := p.ready(); err != nil {
		if !errors.Is(err, errEnded) {
			t.Fatal(err)
		}
		said := p.stderr.String()
		line = strings.TrimSpace(said)
		if p.code != 1 || !strings.HasPrefix(said, "keiretsu: ") || strings.Count(said, "\n") != 1 {
			t.Errorf("exit code %d, and instead of one line it said:\n%s", p.code, said)
		}
		if !strings.Contains(said, f.dir) || !remedies.MatchString(said) {
			t.Errorf("the line does not name the folder and what to do: %s", said)
		}
		if found := insides.FindString(said); found != "" {
			t.Errorf("the line shows the program's insides (%s): %s", found, said)
		}
		if diff := cmp.Diff(before, fingerprint(t, f.dir)); diff != "" {
			t.Errorf("a refused start has changed files (-before +after):\n%s", diff)
		}
		return refusedWhole, line
	}
	p.stop(t)
	if strings.Contains(p.stderr.String(), "goroutine ") {
		t.Errorf("its log shows a stack:\n%s", p.stderr.last(40))
	}
	switch whole, wrong := f.check(t); {
	case len(wrong) > 0:
		return told, wrong[0]
	case whole != m.whole:
		t.Errorf("it started on something else than what was there (-before +after):\n%s", cmp.Diff(m.whole, whole))
		return silent, ""
	}
	p, c := f.serve(t)
	for _, id := range m.names {
		if err := c.finds(t.Context(), nameOf(id), id); err != nil {
			t.Errorf("it started, and %v", err)
		}
	}
	if status := c.status(t, "/readyz"); status != http.StatusOK {
		t.Errorf("it started, and /readyz answers %d", status)
	}
	if _, err := c.send(t.Context(), newWrite("after", "putEntity", vars{"entity": newAuthor(1, 999, 1).entity("after", "after")})); err != nil {
		t.Errorf("it started, and takes no writes: %v", err)
	}
	p.stop(t)
	return complete, ""
}

// status returns what an address answers, once that is no longer 503.
func (c *client) status(t *testing.T, path string) int {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		answer, err := c.http.Get(c.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		// While the index catches up the program is not ready, and says so.
		if answer.StatusCode == http.StatusOK || time.Now().After(deadline) {
			return answer.StatusCode
		}
	}
}

// fingerprint returns a hash for every file of a folder, apart from locks, which
// are written to say who holds them.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	prints := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, dir)
		if d.IsDir() || !d.Type().IsRegular() || slices.Contains([]string{"LOCK", "tokens.json.lock"}, d.Name()) {
			prints[name] = d.Type().String()
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := sha256.New()
		err = eachPiece(path, func(at int64, piece []byte) error {
			fmt.Fprintf(sum, "%d:", at)
			sum.Write(bytes.TrimRight(piece, "\x00"))
			return nil
		})
		prints[name] = fmt.Sprintf("%d bytes %x", info.Size(), sum.Sum(nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return prints
}
