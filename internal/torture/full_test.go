package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// disk is a small disk of its own, which nobody else sees and which ends with
// the test.
type disk struct {
	// around are the words before a command that let it see the disk.
	around []string
	// dir is where the disk is for commands, here the same place for us.
	dir, here string
}

// newDisk mounts a disk of that many megabytes in a name space of its own, held
// by a process that waits for us to end.
func newDisk(t *testing.T, megabytes int) disk {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dm tmpfs "$1" && echo mounted && exec cat`, megabytes)
	for _, c := range []struct{ unshare, enter []string }{
		{[]string{"--mount"}, []string{"-m"}},
		{[]string{"--mount", "--map-root-user"}, []string{"-U", "-m", "--preserve-credentials"}},
	} {
		holder := exec.Command("unshare", append(c.unshare, "sh", "-c", script, "sh", dir)...)
		wait, err := holder.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said output
		holder.Stdout, holder.Stderr = &said, os.Stderr
		if err := holder.Start(); err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_ = holder.Wait()
		}()
		t.Cleanup(func() {
			_ = wait.Close()
			<-gone
		})
		ended := false
		eventually(t, "a disk", func() bool {
			select {
			case <-gone:
				ended = true
			default:
			}
			return ended || said.String() != ""
		})
		if !ended {
			return disk{
				around: append(append([]string{"nsenter", "-t", fmt.Sprint(holder.Process.Pid)}, c.enter...), "--"),
				dir:    dir, here: fmt.Sprintf("/proc/%d/root%s", holder.Process.Pid, dir),
			}
		}
	}
	t.Fatal("this test needs a small disk; run it as root, or where `unshare --mount --map-root-user` works")
	return disk{}
}

// free returns how many bytes the disk has left.
func (d disk) free(t *testing.T) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.here, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// ballast takes space away from the disk until so many bytes are left, as
// another program would.
func (d disk) ballast(t *testing.T, left int64) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(d.here, "ballast"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// Between the two, the program may have taken some.
	err = syscall.ENOSPC
	for tries := 0; errors.Is(err, syscall.ENOSPC) && tries < 100; tries++ {
		info, statErr := file.Stat()
		if statErr != nil {
			t.Fatal(statErr)
		}
		err = nil
		if more := d.free(t) - left; more > 0 {
			err = syscall.Fallocate(int(file.Fd()), 0, info.Size(), more)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// relieve gives back what ballast has taken.
func (d disk) relieve(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(d.here, "ballast")); err != nil {
		t.Fatal(err)
	}
}

// TestDiskFull fills the disk to the last byte while many write. Writes are
// refused, and say so; all else goes on; and nothing that was acknowledged is
// missing, neither when there is space again nor after a kill on the full disk.
func TestDiskFull(t *testing.T) {
	beside(t)
	const (
		companies = 100
		step      = 48 << 20
	)
	rounds, quota := or(*cycles, 2, 10), or(*writes, 300, 10_000)
	s := seed(t)
	d := newDisk(t, 1024)
	f := newFolder(t, filepath.Join(d.dir, "data"), d.around...)
	p, c := f.serve(t)
	fillThrough(t, c, companies)
	crowd, base, records := newTestCrowd(t, c, s, companies)
	refusals := 0
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		idle := make(chan struct{})
		var worked error
		go func() {
			defer close(idle)
			worked = crowd.work(ctx, c)
		}()
		enough := quota * (round + 1) / rounds
		eventually(t, "enough writes", func() bool { return len(crowd.h.acknowledged()) >= enough || closed(idle) })
		// In steps, so that the program meets every stage of a full disk with
		// writers at work; they stop where they are refused.
		for left := d.free(t) - step; left > step && !closed(idle); left -= step {
			d.ballast(t, left)
			before := len(crowd.h.acknowledged())
			eventually(t, "another write, or none", func() bool { return len(crowd.h.acknowledged()) > before || closed(idle) })
		}
		d.ballast(t, 0)
		eventually(t, "the first refusal", func() bool { return closed(idle) })
		cancel()
		if worked != nil {
			t.Fatalf("%v; log of the server:\n%s", worked, p.stderr.last(20))
		}

		for i := range 20 {
			d.ballast(t, 0) // the program may have given some back
			w := newWrite(fmt.Sprintf("full%dn%d", round, i), "putEntity", vars{"entity": crowd.authors[0].entity(fmt.Sprintf("full%dn%d", round, i), "full")})
			if _, err := c.send(t.Context(), w); !refused(err, "UNAVAILABLE") {
				t.Errorf("a write on a full disk: %v, want UNAVAILABLE", err)
			}
			refusals++
		}
		if _, err := c.bank(t.Context()); err != nil {
			t.Errorf("a read on a full disk: %v", err)
		}
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			if status := c.status(t, path); status != http.StatusOK {
				t.Errorf("%s on a full disk: %d", path, status)
			}
		}
		if closed(p.gone) {
			t.Fatalf("the full disk has ended the program: exit code %d:\n%s", p.code, p.stderr.last(20))
		}
		if round%2 == 1 {
			p.kill()
			// It may refuse to start on a full disk, or read from it.
			again := f.spawn(t)
			if _, err := again.ready(); err != nil && (again.code != 1 || strings.Count(again.stderr.String(), "\n") != 1 || !strings.Contains(err.Error(), "disk")) {
				t.Errorf("a start on a full disk: %v", err)
			}
			again.kill()
			d.relieve(t)
			p, c = f.serve(t)
		} else {
			d.relieve(t)
		}
		// The writes that were refused while many wrote are taken now.
		open := len(crowd.h.unanswered())
		eventually(t, "writes are taken again", func() bool {
			settled, err := crowd.settle(t.Context(), c)
			if err != nil && !refused(err, "UNAVAILABLE") {
				t.Fatal(err)
			}
			settled.report(t)
			return err == nil
		})
		if open == 0 {
			t.Error("nothing was refused while many wrote")
		}
	}
	if status := c.status(t, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz on a disk with room again: %d", status)
	}
	p.stop(t)
	p, c = f.serve(t)
	k := killing{folder: f, Rand: chance(s, "full", 0), crowd: crowd, base: base, records: records}
	all := crowd.h.acknowledged()
	recalled, err := c.recall(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	k.add(recalled)
	if err := k.weigh(t.Context(), c, all); err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	k.checkRows(t)
	k.report(t)
	t.Logf("disk full: %d times, %d writes acknowledged, %d lost, %d torn, %d refused while it was full", rounds, len(all), k.lost, k.torn, refusals)
}

// closed reports that a channel is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
