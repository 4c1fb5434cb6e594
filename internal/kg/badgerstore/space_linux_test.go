package badgerstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// smallVariable may name a folder on a disk of 64 MiB or so, with nothing on it,
// where a test may not mount one of its own.
const smallVariable = "KEIRETSU_SMALL_DISK"

// smallDisk returns a folder on a disk that is soon full.
func smallDisk(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv(smallVariable); dir != "" {
		t.Cleanup(func() {
			remove(t, filepath.Join(dir, "store"), filepath.Join(dir, "filler"), filepath.Join(dir, "last"))
		})
		return dir
	}
	dir := t.TempDir()
	if err := syscall.Mount("keiretsu-test", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatalf("this test fills a disk and may not mount a small one (%v): run it as root, or have %s name an empty folder on a disk of 64 MiB", err, smallVariable)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// writerOnFullDisk is the child process and what it has said.
type writerOnFullDisk struct {
	t     *testing.T
	child *exec.Cmd
	tell  io.Writer
	lines *bufio.Scanner
	// told is the newest revision that it was told of.
	told kg.Revision
}

func startWriter(t *testing.T, dir string) *writerOnFullDisk {
	w := &writerOnFullDisk{t: t, child: exec.Command(os.Args[0])}
	w.child.Env = append(os.Environ(), fullVariable+"="+dir)
	w.child.Stderr = os.Stderr
	out, err := w.child.StdoutPipe()
	if err == nil {
		w.tell, err = w.child.StdinPipe()
	}
	if err == nil {
		err = w.child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.lines = bufio.NewScanner(out)
	t.Cleanup(w.kill)
	return w
}

func (w *writerOnFullDisk) kill() {
	_ = w.child.Process.Kill()
	_ = w.child.Wait()
}

// ask tells the child what to do and returns what it says to that.
func (w *writerOnFullDisk) ask(what string) string {
	w.t.Helper()
	if _, err := fmt.Fprintln(w.tell, what); err != nil || !w.lines.Scan() {
		w.t.Fatalf("the writer has ended: %v, %v", err, w.child.Wait())
	}
	line := w.lines.Text()
	if _, err := fmt.Sscanf(line, "written %d", &w.told); err != nil && !strings.HasPrefix(line, "re") {
		w.t.Fatalf("the writer says %q", line)
	}
	return line
}

// until writes on until the child has said so n times in a row.
func (w *writerOnFullDisk) until(what string, n int) {
	w.t.Helper()
	last := ""
	for in, all := 0, 0; in < n; all++ {
		last = w.ask("write")
		if in++; !strings.HasPrefix(last, what) {
			in = 0
		}
		if all == 10_000 {
			w.t.Fatalf("the writer does not come to say %q %d times in a row; it says %q", what, n, last)
		}
	}
}

// TestDiskFullByOthers fills the disk to its last byte beside a process that
// writes: its writes are refused, it goes on reading, and it writes again when
// there is room. It is killed in the end, and has lost nothing.
func TestDiskFullByOthers(t *testing.T) {
	disk := smallDisk(t)
	dir, filler := filepath.Join(disk, "store"), filepath.Join(disk, "filler")
	w := startWriter(t, dir)
	w.until("written", 50)
	for range 3 {
		w.fill(filler)
		w.until("refused the disk has ", 50)
		remove(t, filler)
		w.until("written", 50)
	}
	w.fill(filler)
	w.kill()
	remove(t, filler)

	s := openTuned(t, dir, smallest)
	same := func(when string) {
		t.Helper()
		if got := dump(t, s); got.Revision < w.told || len(got.Records) != int(got.Revision)*perWrite {
			t.Errorf("%s: revision %d with %d records; the writer was told of %d", when, got.Revision, len(got.Records), w.told)
		}
	}
	same("after a restart")
	if err := s.db.Flatten(1); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	fillDisk(t, filler, func() {})
	s = openTuned(t, dir, smallest)
	same("opened on a full disk")
	if _, err := s.Apply(t.Context(), &kg.Batch{Put: []kg.Record{company("x")}}); !errors.Is(err, kg.ErrUnavailable) {
		t.Errorf("a write to a store that was opened on a full disk: %v", err)
	}
	remove(t, filler)
	apply(t, s, company("x"))
	closeStore(t, s)
	remove(t, filepath.Join(dir, spareName))
	fillDisk(t, filler, func() {})
	before := contents(t, dir)
	_, err := Open(t.Context(), Options{Dir: dir, Memory: leastMemory})
	checkRefusal(t, err, dir, "the disk has 0 MiB left")
	if diff := kgtest.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("the refused folder was touched:\n%s", diff)
	}
}

// TestDiskFullByItself lets the store fill the disk.
func TestDiskFullByItself(t *testing.T) {
	disk := smallDisk(t)
	dir, others := filepath.Join(disk, "store"), filepath.Join(disk, "filler")
	if err := os.WriteFile(others, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	w := startWriter(t, dir)
	w.until("refused the disk has ", 50)
	free, err := freeSpace(disk)
	if err != nil || free == 0 {
		t.Errorf("the store has left %d bytes, %v", free, err)
	}
	w.kill()
	s := openTuned(t, dir, smallest)
	want := dump(t, s)
	if want.Revision < w.told || len(want.Records) != int(want.Revision)*perWrite {
		t.Errorf("revision %d with %d records; the writer was told of %d", want.Revision, len(want.Records), w.told)
	}
	// It is closed with nothing left on the disk at all, in the midst of merges or not.
	rest(s)
	last := filepath.Join(disk, "last")
	fillDisk(t, last, func() {})
	closeStore(t, s)
	remove(t, last, others)
	// The folder is free as soon as a merge that was held back has ended.
	again, err := Open(t.Context(), Options{Dir: dir, Memory: leastMemory})
	for range 100 {
		if !errors.Is(err, kg.ErrUnavailable) {
			break
		}
		time.Sleep(lookEvery)
		again, err = Open(t.Context(), Options{Dir: dir, Memory: leastMemory})
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := kgtest.Diff(want, dump(t, again)); diff != "" {
		t.Errorf("after it was closed on a full disk:\n%s", diff)
	}
	closeStore(t, again)
}

// fill fills the disk beside the writer, to its last byte. Once writes are refused
// it lets the engine come to an end with what it is at: that is what the room is
// for which is left then.
func (w *writerOnFullDisk) fill(path string) {
	w.t.Helper()
	refused := false
	fillDisk(w.t, path, func() {
		if !refused && strings.HasPrefix(w.ask("write"), "refused ") {
			refused = true
			w.ask("rest")
		}
	})
}

// fillDisk writes a file until the disk has no byte left, bit by bit, so that
// others see it coming.
func fillDisk(t *testing.T, path string, step func()) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	bit := make([]byte, 512<<10)
	for err == nil {
		step()
		_, err = file.Write(bit)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
