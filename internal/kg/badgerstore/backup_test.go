package badgerstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// backUp writes a backup into a new file and returns its name.
func backUp(t testing.TB, s *Store, behind *Point) (string, *Backup) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var passing Passing
	b, err := s.Backup(t.Context(), io.MultiWriter(file, &passing), behind)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if passed, err := passing.Backup(); err != nil || *passed != *b {
		t.Fatalf("going by, it says of itself\n%+v (%v), and was written as\n%+v", passed, err, b)
	}
	read, err := ReadBackup(path)
	if err != nil {
		t.Fatal(err)
	}
	if *read != *b {
		t.Fatalf("the file says of itself\n%+v, and was written as\n%+v", read, b)
	}
	return path, b
}

// restored restores the files and opens what comes of it.
func restored(t testing.TB, files ...string) *Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if _, err := Restore(t.Context(), Restoration{Dir: dir, Files: files}); err != nil {
		t.Fatal(err)
	}
	return openTest(t, dir)
}

func checksumOf(t testing.TB, s *Store) Checksum {
	t.Helper()
	sum, err := s.Checksum(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestBackupsOfWorlds backs random worlds up after every step, restores the full
// backup and the first with all increments, and finds the same in both.
func TestBackupsOfWorlds(t *testing.T) {
	for seed := range uint64(8) {
		s := openTest(t, t.TempDir())
		var files []string
		var last *Point
		for _, step := range kgtest.World(seed + 1).Steps {
			if _, err := s.Apply(t.Context(), step.Batch); err != nil {
				t.Fatal(err)
			}
			path, b := backUp(t, s, last)
			files = append(files, path)
			point := b.Point()
			last = &point
		}
		full, b := backUp(t, s, nil)
		want := dump(t, s)
		if sum := checksumOf(t, s); sum.Sum != b.Checksum || sum.Point != b.Point() || sum.Records != b.Records {
			t.Errorf("world %d: the store sums up to %+v, its backup to %+v", seed+1, sum, b)
		}
		for name, chain := range map[string][]string{"full": {full}, "increments": files} {
			r := restored(t, chain...)
			if diff := kgtest.Diff(want, dump(t, r)); diff != "" {
				t.Errorf("world %d, restored from %s (-before +after):\n%s", seed+1, name, diff)
			}
			if sum := checksumOf(t, r); sum != checksumOf(t, s) {
				t.Errorf("world %d, restored from %s: %+v, want %+v", seed+1, name, sum, checksumOf(t, s))
			}
			// It goes on as the other would have.
			if revision := apply(t, r, company("another")); revision != want.Revision+1 {
				t.Errorf("world %d, restored from %s: the next revision is %d, want %d", seed+1, name, revision, want.Revision+1)
			}
			if _, err := r.Backup(t.Context(), io.Discard, last); err != nil {
				t.Errorf("world %d, restored from %s: an increment behind the last: %v", seed+1, name, err)
			}
		}
	}
}

// writing is a batch of a store that is written to all the time: records come,
// change and go.
func writing(i int) *kg.Batch {
	b := &kg.Batch{At: noon}
	for j := range 30 {
		e := company(fmt.Sprintf("e%d", (i*17+j*5)%400))
		e.Names[0].Text = fmt.Sprintf("%s in batch %d", e.ID, i)
		b.Put = append(b.Put, e)
		r := relation(fmt.Sprintf("r%d", (i*11+j*3)%300), kg.Owns, string(e.ID), fmt.Sprintf("e%d", j), startDate(i))
		b.Put = append(b.Put, r)
	}
	seen := map[kg.ID]bool{}
	b.Put = slices.DeleteFunc(b.Put, func(r kg.Record) bool {
		had := seen[r.RecordID()]
		seen[r.RecordID()] = true
		return had
	})
	for j := range 5 {
		if id := kg.ID(fmt.Sprintf("r%d", (i*11+j*50+1)%300)); !seen[id] {
			seen[id] = true
			b.Delete = append(b.Delete, id)
		}
	}
	return b
}

// TestBackupDuringWrites makes a full backup and five increments while another
// goroutine writes. Each must hold exactly what the store held at its revision,
// which a second store that stops there tells.
func TestBackupDuringWrites(t *testing.T) {
	s := openSmall(t, t.TempDir())
	for i := range 20 {
		if _, err := s.Apply(t.Context(), writing(i)); err != nil {
			t.Fatal(err)
		}
	}
	stop, stopped := make(chan struct{}), make(chan error)
	wrote := make(chan struct{}, 1000)
	go func() {
		for i := 20; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if _, err := s.Apply(context.Background(), writing(i)); err != nil {
				stopped <- err
				return
			}
			select {
			case wrote <- struct{}{}:
			default:
			}
		}
	}()
	var files []string
	var backups []*Backup
	var behind *Point
	for range 6 {
		path, b := backUp(t, s, behind)
		files, backups = append(files, path), append(backups, b)
		point := b.Point()
		behind = &point
		<-wrote
		<-wrote
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	name, _ := checksumOf(t, s), 0
	twin := openTest(t, t.TempDir())
	done := 0
	for i, b := range backups {
		for ; kg.Revision(done) < b.To; done++ {
			if _, err := twin.Apply(t.Context(), writing(done)); err != nil {
				t.Fatal(err)
			}
		}
		if i > 0 && (b.To <= b.From || b.Deleted == 0) {
			t.Errorf("backup %d goes from %d to %d and tells of %d deletions: there was nothing to see", i, b.From, b.To, b.Deleted)
		}
		want := checksumOf(t, twin)
		if b.Checksum != want.Sum || b.History != want.History || b.To != want.Revision {
			t.Errorf("backup %d says %s at revision %d, the store held %s", i, b.Checksum, b.To, want.Sum)
		}
		got := checksumOf(t, restored(t, files[:i+1]...))
		if want.Store = name.Store; got != want {
			t.Errorf("restored from %d backups: %+v, want %+v", i+1, got, want)
		}
	}
}

// chainOf returns a full backup of several blocks and an increment behind it.
func chainOf(t testing.TB) (full, increment string) {
	t.Helper()
	s := openTest(t, t.TempDir())
	random := rand.NewChaCha8([32]byte{1})
	for i := range 24 {
		noise := make([]byte, 64<<10)
		_, _ = random.Read(noise)
		apply(t, s, &kg.Source{ID: kg.ID(fmt.Sprintf("s%d", i)), Note: string(noise)}, company(fmt.Sprintf("e%d", i)))
	}
	full, b := backUp(t, s, nil)
	apply(t, s, company("late"))
	if _, err := s.Apply(t.Context(), &kg.Batch{Delete: []kg.ID{"e1"}}); err != nil {
		t.Fatal(err)
	}
	point := b.Point()
	increment, _ = backUp(t, s, &point)
	return full, increment
}

// boundaries returns where the frames of a backup file begin and end.
func boundaries(t *testing.T, file []byte) []int {
	t.Helper()
	at := len(BackupMagic)
	list := []int{0, at}
	for at < len(file)-endSize {
		at += frameHead + int(binary.BigEndian.Uint32(file[at+1:])) + frameTail
		list = append(list, at)
	}
	if at != len(file)-endSize || len(list) < 6 {
		t.Fatalf("frames end at %v of %d bytes", list, len(file))
	}
	return list
}

// TestDamagedBackups cuts and bends a full backup and an increment: restoring
// names the file, and leaves nothing behind.
func TestDamagedBackups(t *testing.T) {
	full, increment := chainOf(t)
	random := rand.New(rand.NewPCG(7, 7))
	for _, which := range []string{full, increment} {
		whole, err := os.ReadFile(which)
		if err != nil {
			t.Fatal(err)
		}
		damage := map[string][]byte{
			"longer":  append(bytes.Clone(whole), 0),
			"twice":   append(bytes.Clone(whole), whole...),
			"another": []byte("something else altogether, and long enough to have an end of its own"),
			"empty":   {},
		}
		cut := func(at int) { damage[fmt.Sprintf("cut at %d", at)] = whole[:at] }
		bend := func(at int) {
			bent := bytes.Clone(whole)
			bent[at] ^= 1 << random.IntN(8)
			damage[fmt.Sprintf("bent at %d", at)] = bent
		}
		bounds := boundaries(t, whole)
		for i, at := range bounds {
			cut(at)
			for near := range 8 {
				bend(min(at+near, len(whole)-1))
			}
			if i > 1 {
				// A block that is missing, and two that have changed places.
				damage[fmt.Sprintf("without what ends at %d", at)] = slices.Concat(whole[:bounds[i-1]], whole[at:])
				if i > 2 {
					damage[fmt.Sprintf("turned round before %d", at)] = slices.Concat(
						whole[:bounds[i-2]], whole[bounds[i-1]:at], whole[bounds[i-2]:bounds[i-1]], whole[at:])
				}
			}
		}
		for range 40 {
			cut(random.IntN(len(whole)))
			bend(random.IntN(len(whole)))
			bend(len(whole) - 1 - random.IntN(500))
		}
		for name, content := range damage {
			dir := t.TempDir()
			path := filepath.Join(dir, "damaged")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			files := []string{path}
			if which == increment {
				files = []string{full, path}
			}
			var passing Passing
			for piece := range slices.Chunk(content, 1000) {
				_, _ = passing.Write(piece)
			}
			if _, err := passing.Backup(); err == nil {
				t.Errorf("%s went by and was found whole", name)
			}
			_, err := Restore(t.Context(), Restoration{Dir: filepath.Join(dir, "store"), Files: files})
			if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: %v; want one line that names the file", filepath.Base(filepath.Dir(which)), name, err)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 1 {
				t.Errorf("%s: beside the file there is now %v", name, left)
			}
		}
	}
}

// TestUnfittingBackups puts files together that do not belong together.
func TestUnfittingBackups(t *testing.T) {
	s, other := openTest(t, t.TempDir()), openTest(t, t.TempDir())
	step := func(s *Store, name string, behind *Backup) (string, *Backup) {
		apply(t, s, company(name))
		if behind == nil {
			return backUp(t, s, nil)
		}
		point := behind.Point()
		return backUp(t, s, &point)
	}
	full, a := step(s, "a", nil)
	first, b := step(s, "b", a)
	second, c := step(s, "c", b)
	foreignFull, x := step(other, "a", nil)
	foreign, _ := step(other, "b", x)
	// A copy of the first backup goes another way.
	copied := restored(t, full)
	fork, f := step(copied, "another b", a)
	newer := filepath.Join(t.TempDir(), "newer")
	rewriteHeader(t, full, newer, `"format":2,`, `"format":9,`)
	older := filepath.Join(t.TempDir(), "older")
	rewriteHeader(t, full, older, `"version":1,`, `"version":0,`)
	for name, test := range map[string]struct {
		files []string
		says  string
	}{
		"no file":               {nil, "no backup"},
		"a missing file":        {[]string{"/nowhere/to/be/found"}, "/nowhere/to/be/found"},
		"a folder":              {[]string{t.TempDir()}, "is a folder"},
		"an increment alone":    {[]string{first}, "begins with a full backup"},
		"a gap":                 {[]string{full, second}, second + " begins behind revision 2"},
		"the wrong order":       {[]string{full, second, first}, "wrong order"},
		"one twice":             {[]string{full, first, first}, "wrong order"},
		"two full ones":         {[]string{full, foreignFull}, foreignFull + " is a full backup"},
		"of another store":      {[]string{full, foreign}, foreign + " is of another store"},
		"of another history":    {[]string{full, fork, second}, second + " does not belong behind " + fork},
		"of a newer program":    {[]string{newer}, newer + " was written by a newer version"},
		"of an older program":   {[]string{older}, older + " was written by an older version"},
		"the other way forward": {[]string{full, first, second}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			_, err := Restore(t.Context(), Restoration{Dir: dir, Files: test.files})
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("there is a folder now: %v", err)
			}
		})
	}
	for name, point := range map[string]Point{
		"of another store":   x.Point(),
		"of a later moment":  {a.Store, 99, a.History},
		"of another history": f.Point(),
	} {
		err := func() error {
			_, err := s.Backup(t.Context(), io.Discard, &point)
			return err
		}()
		var invalid *kg.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("an increment behind one %s: %v, want an InvalidError", name, err)
		}
	}
	if point := c.Point(); c.To != 3 || checksumOf(t, s).Point != point {
		t.Errorf("the last backup ends at %+v", point)
	}
}

// rewriteHeader copies a backup and changes its header, with the checksums that
// belong to that.
func rewriteHeader(t *testing.T, from, to, old, with string) {
	t.Helper()
	file, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	bounds := boundaries(t, file)
	header := bytes.Clone(file[bounds[1] : bounds[2]-frameTail])
	changed := bytes.Replace(header, []byte(old), []byte(with), 1)
	if bytes.Equal(changed, header) {
		t.Fatalf("the header does not say %s: %s", old, header)
	}
	changed = binary.BigEndian.AppendUint32(changed, frameSum(changed))
	if err := os.WriteFile(to, slices.Concat(file[:bounds[1]], changed, file[bounds[2]:]), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreInterrupted ends a restore at every stage, and finds nothing of it
// but what the next one clears away.
func TestRestoreInterrupted(t *testing.T) {
	s := openTest(t, t.TempDir())
	for i := range 3 {
		var records []kg.Record
		for j := range 9000 {
			records = append(records, company(fmt.Sprintf("e%d-%d", i, j)))
		}
		apply(t, s, records...)
	}
	full, b := backUp(t, s, nil)
	parent := t.TempDir()
	dir := filepath.Join(parent, "store")
	ends := 0
	for phase := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Restore(ctx, Restoration{Dir: dir, Files: []string{full}, Progress: func(verified, written, of int64) {
			if of != b.Records+b.Changes {
				t.Errorf("%d entries were announced, want %d", of, b.Records+b.Changes)
			}
			if phase == 0 && verified > 0 || written > 0 {
				cancel()
			}
		}})
		cancel()
		if errors.Is(err, context.Canceled) {
			ends++
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Errorf("cancelled, it left %v behind", left)
		}
	}
	if ends != 2 {
		t.Errorf("%d of 2 restores were cancelled", ends)
	}
	// As a process leaves it that is killed.
	staging := dir + stagingSuffix
	copyFolder(t, s.dir, staging)
	if _, err := Open(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "broken off") {
		t.Errorf("where a restore was broken off, a new store opens: %v", err)
	}
	lock, err := lockFolder(staging)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), Restoration{Dir: dir, Files: []string{full}}); !errors.Is(err, kg.ErrUnavailable) {
		t.Errorf("beside another restore: %v", err)
	}
	if err := lock.release(); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), Restoration{Dir: dir, Files: []string{full}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(staging); !os.IsNotExist(err) {
		t.Errorf("the folder of the restore is still there: %v", err)
	}
	if sum := checksumOf(t, openTest(t, dir)); sum.Sum != b.Checksum {
		t.Errorf("restored at last: %+v", sum)
	}
	before := contents(t, parent)
	if _, err := Restore(t.Context(), Restoration{Dir: dir, Files: []string{full}}); err == nil || !strings.Contains(err.Error(), dir+" exists") {
		t.Errorf("over a store: %v", err)
	}
	if diff := kgtest.Diff(before, contents(t, parent)); diff != "" {
		t.Errorf("a refused restore changed the folder:\n%s", diff)
	}
}

// TestBackupOfNothing backs up an empty store.
func TestBackupOfNothing(t *testing.T) {
	s := openTest(t, t.TempDir())
	full, b := backUp(t, s, nil)
	point := b.Point()
	apply(t, s, company("a"))
	increment, _ := backUp(t, s, &point)
	if got := dump(t, restored(t, full)); got.Revision != 0 || len(got.Records) > 0 {
		t.Errorf("restored from the backup of an empty store: %+v", got)
	}
	if diff := kgtest.Diff(dump(t, s), dump(t, restored(t, full, increment))); diff != "" {
		t.Errorf("restored from nothing and an increment (-before +after):\n%s", diff)
	}
}

// TestChecksumTellsGraphsApart compares stores that differ in one thing.
func TestChecksumTellsGraphsApart(t *testing.T) {
	sums := map[string]string{}
	for name, batches := range map[string][]*kg.Batch{
		"a and b":            {{At: noon, Put: []kg.Record{company("a"), company("b")}}},
		"a, then b":          {{At: noon, Put: []kg.Record{company("a")}}, {At: noon, Put: []kg.Record{company("b")}}},
		"at another time":    {{At: noon.Add(1), Put: []kg.Record{company("a"), company("b")}}},
		"a":                  {{At: noon, Put: []kg.Record{company("a")}}},
		"a redirect":         {{At: noon, Put: []kg.Record{company("a"), &kg.Redirect{From: "b", To: "a"}}}},
		"nothing":            nil,
		"a deleted after":    {{At: noon, Put: []kg.Record{company("a")}}, {At: noon, Delete: []kg.ID{"a"}}},
		"of a different one": {{At: noon, Put: []kg.Record{company("ab")}}},
	} {
		var found []string
		for range 2 {
			s := openTest(t, t.TempDir())
			for _, b := range batches {
				if _, err := s.Apply(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			found = append(found, checksumOf(t, s).Sum)
		}
		if found[0] != found[1] {
			t.Errorf("%s: two equal stores have the checksums %s and %s", name, found[0], found[1])
		}
		if twin, ok := sums[found[0]]; ok {
			t.Errorf("%s has the checksum of %s", name, twin)
		}
		sums[found[0]] = name
	}
}

// FuzzReadBackup hands any bytes to the reader of backup files.
func FuzzReadBackup(f *testing.F) {
	s := openTest(f, f.TempDir())
	apply(f, s, company("a"), relation("r", kg.Owns, "a", "a", "2014"))
	full, b := backUp(f, s, nil)
	point := b.Point()
	apply(f, s, company("b"))
	increment, _ := backUp(f, s, &point)
	for _, path := range []string{full, increment} {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	path := filepath.Join(f.TempDir(), "file")
	f.Fuzz(func(t *testing.T, file []byte) {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBackup(path); err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("an error that does not name the file: %v", err)
		}
	})
}

// TestRestoreFromAnOlderCodec restores what a program wrote whose codec was
// older. The store is written with this one, so its checksum is another.
func TestRestoreFromAnOlderCodec(t *testing.T) {
	s := openTest(t, t.TempDir())
	apply(t, s, company("a"))
	full, b := backUp(t, s, nil)
	old := filepath.Join(t.TempDir(), "old")
	file, err := os.Create(old)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newBackupWriter(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.json(frameHeader, b.BackupHeader); err != nil {
		t.Fatal(err)
	}
	d := newDigest()
	r, err := openBackup(full)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	c, err := r.change()
	if err == nil {
		err = w.entry(frameChanges, d.change(c.revision, c.fields))
	}
	if err != nil {
		t.Fatal(err)
	}
	// An entity was written by version 1 as it is now.
	for e, err := r.record(); e != nil; e, err = r.record() {
		e.fields[0] = 1
		if err = errors.Join(err, w.entry(frameRecords, d.record(e.kind, e.id, e.fields))); err != nil {
			t.Fatal(err)
		}
	}
	trailer := b.BackupTrailer
	trailer.History, trailer.Checksum = d.sums()
	if err := errors.Join(w.finish(trailer), file.Close()); err != nil {
		t.Fatal(err)
	}
	if trailer.Checksum == b.Checksum {
		t.Fatal("the older codec makes no difference")
	}
	if sum := checksumOf(t, restored(t, old)); sum != checksumOf(t, s) {
		t.Errorf("restored from an older codec: %+v, want %+v", sum, checksumOf(t, s))
	}
}
