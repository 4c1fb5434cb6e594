package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSignals stops the real program with the signals that people and machines send.
func TestSignals(t *testing.T) {
	for name, signal := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "Ctrl-C": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			p, process := spawn(t, binary(t), "--addr", "127.0.0.1:0", "--data", t.TempDir())
			p.ready(t)
			if diff := cmp.Diff(in2014, acquired(t, p, "2014")); diff != "" {
				t.Errorf("acquired in 2014 (-want +got):\n%s", diff)
			}
			if err := process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := p.ended(t); code != 0 {
				t.Errorf("exit code %d, want 0:\n%s", code, &p.stderr)
			}
			if _, err := http.Get(p.url + "/healthz"); err == nil {
				t.Error("it answers after it has ended")
			}
		})
	}
}

// TestKilled kills the real program without warning, at moments from before its
// store exists until after its first answer. The next start makes good what was
// missing, the search index included.
func TestKilled(t *testing.T) {
	there := func(data, name string) func(*program) bool {
		return func(*program) bool {
			_, err := os.Stat(filepath.Join(data, name))
			return err == nil
		}
	}
	for name, moment := range map[string]func(data string) func(*program) bool{
		"store announced": func(data string) func(*program) bool { return there(data, "store/MARK") },
		"engine open":     func(data string) func(*program) bool { return there(data, "store/badger/MANIFEST") },
		"index begun":     func(data string) func(*program) bool { return there(data, "search") },
		"facts loaded": func(string) func(*program) bool {
			return func(p *program) bool { return strings.Contains(p.stderr.String(), "loaded the demo facts") }
		},
		"ready": func(string) func(*program) bool {
			return func(p *program) bool { return p.stdout.String() != "" }
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			p, process := spawn(t, binary(t), "--addr", "127.0.0.1:0", "--data", data)
			reached := moment(data)
			eventually(t, name, func() bool { return reached(p) })
			if err := process.Kill(); err != nil {
				t.Fatal(err)
			}
			p.ended(t)

			p = start(t, data)
			if diff := cmp.Diff(in2014, acquired(t, p, "2014")); diff != "" {
				t.Errorf("acquired in 2014 (-want +got):\n%s", diff)
			}
			eventually(t, "aliyun is found", func() bool { return found(t, p, "aliyun") == "Alibaba Cloud" })
			p.stop(t)
		})
	}
}

// TestDiskThatTakesNothing starts the real program on disks that are full or
// can only be read. They are mounted in a name space of their own, so that
// nobody else sees them and they end with the program.
func TestDiskThatTakesNothing(t *testing.T) {
	alone := ownMounts(t)
	if alone == nil {
		t.Log("NOT RUN: full and read-only disks. This system lets nobody mount a file system of their own; " +
			"run the tests as root or where `unshare --mount --map-root-user` works.")
		return
	}
	program := binary(t)
	filled := t.TempDir()
	start(t, filled).stop(t)
	for name, c := range map[string]struct {
		mount string // with $1 for the folder
		data  string
		words []string
	}{
		"full": {
			`mount -t tmpfs -o size=16m tmpfs "$1"`, t.TempDir(),
			[]string{"the disk has", "MiB left", "are needed"},
		},
		"new folder, read only": {
			`mount -t tmpfs -o ro tmpfs "$1"`, t.TempDir(),
			[]string{"cannot be made", "read-only file system"},
		},
		"old folder, read only": {
			`mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"`, filled,
			[]string{"cannot be written to", "read-only file system"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			script := c.mount + ` && exec "$2" --addr 127.0.0.1:0 --data "$1"`
			args := slices.Concat(alone[1:], []string{"sh", "-c", script, "sh", c.data, program})
			p, _ := spawn(t, alone[0], args...)
			refused(t, p, append(c.words, c.data)...)
		})
	}
}

// ownMounts returns the words before a command that give it mounts of its own,
// or nil where there are none to be had.
func ownMounts(t *testing.T) []string {
	t.Helper()
	for _, words := range [][]string{{"unshare", "--mount"}, {"unshare", "--mount", "--map-root-user"}} {
		try := slices.Concat(words[1:], []string{"mount", "-t", "tmpfs", "tmpfs", t.TempDir()})
		if exec.Command(words[0], try...).Run() == nil {
			return words
		}
	}
	return nil
}
