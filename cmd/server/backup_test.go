package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// command runs a command to its end and returns what it wrote to standard
// output. It has to end in 0.
func command(t testing.TB, args ...string) string {
	t.Helper()
	p := run(t, nil, args...)
	if code := p.ended(t); code != 0 {
		t.Fatalf("%s: exit code %d:\n%s", strings.Join(args, " "), code, &p.stderr)
	}
	return p.stdout.String()
}

// refuses runs a command that has to end in 1 with one line that has the words.
func refuses(t testing.TB, args []string, words ...string) {
	t.Helper()
	p := run(t, nil, args...)
	code, said := p.ended(t), p.stderr.String()
	if code != 1 || strings.Count(said, "\n") != 1 {
		t.Errorf("%s: exit code %d and\n%s\nwant 1 and one line", strings.Join(args, " "), code, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("%s: it does not say %q: %s", strings.Join(args, " "), word, said)
		}
	}
}

var checksumShown = regexp.MustCompile(`checksum ([0-9a-f]{64})`)

// checksumIn returns the logical checksum that a command has shown.
func checksumIn(t testing.TB, said string) string {
	t.Helper()
	found := checksumShown.FindStringSubmatch(said)
	if found == nil {
		t.Fatalf("no checksum in: %s", said)
	}
	return found[1]
}

// TestBackupAndRestore makes backups of a folder while a server holds it and
// when none does, and serves what is restored from them.
func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	data, restored := filepath.Join(dir, "data"), filepath.Join(dir, "restored")
	online, offline, increment := filepath.Join(dir, "online"), filepath.Join(dir, "offline"), filepath.Join(dir, "increment")
	p := start(t, data)
	want := acquired(t, p, "2014")
	said := command(t, "--data", data, "backup", online)
	for _, word := range []string{online, "revision 1", "records of the"} {
		if !strings.Contains(said, word) {
			t.Errorf("it does not say %q: %s", word, said)
		}
	}
	if info, err := os.Stat(online); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a backup holds everything and can be read by others: %v, %v", info, err)
	}
	if _, metrics := get(t, p.url+"/metrics"); !strings.Contains(metrics, "keiretsu_backup_last_revision 1\n") || !strings.Contains(metrics, "keiretsu_backup_failures 0\n") {
		t.Errorf("the metrics do not tell of the backup:\n%s", metrics)
	}
	piped := command(t, "--data", data, "backup", "-")
	p.stop(t)
	sum := checksumIn(t, said)
	if got := checksumIn(t, command(t, "--data", data, "backup", offline)); got != sum {
		t.Errorf("with a server the checksum is %s, without %s", sum, got)
	}
	if got := checksumIn(t, command(t, "--data", data, "backup", "--after", online, increment)); got != sum {
		t.Errorf("the increment's checksum is %s, want %s", got, sum)
	}
	file, err := os.ReadFile(online)
	if err != nil {
		t.Fatal(err)
	}
	// The header differs in when it was made, and so does the end.
	if a, b := len(file), len(piped); a != b || !bytes.HasPrefix([]byte(piped), file[:20]) {
		t.Errorf("the file has %d bytes, what was piped %d", a, b)
	}
	if got := checksumIn(t, command(t, "--data", restored, "restore", online, increment)); got != sum {
		t.Errorf("restored: checksum %s, want %s", got, sum)
	}
	p = start(t, restored)
	if diff := cmp.Diff(want, acquired(t, p, "2014")); diff != "" {
		t.Errorf("the restored store answers (-before +after):\n%s", diff)
	}
	if got := checksumIn(t, command(t, "--data", restored, "backup", filepath.Join(dir, "again"))); got != sum {
		t.Errorf("backed up again: checksum %s, want %s", got, sum)
	}
	p.stop(t)
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// fileList returns the names and sizes of all that is in a folder.
func fileList(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		fmt.Fprintln(&b, path, info.Size(), info.ModTime())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBackupRefuses asks for what cannot be done.
func TestBackupRefuses(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	start(t, data).stop(t)
	file, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	command(t, "--data", data, "backup", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken")
	write(t, broken, string(whole[:len(whole)/2]))
	before := fileList(t, data)

	refuses(t, []string{"--data", data, "backup", file}, file+" exists", "--force")
	refuses(t, []string{"--data", data, "backup", filepath.Join(dir, "no", "folder")}, filepath.Join(dir, "no"))
	refuses(t, []string{"--data", data, "backup", "--after", broken, other}, broken, "damaged or cut short")
	refuses(t, []string{"--data", filepath.Join(dir, "nowhere"), "backup", other}, filepath.Join(dir, "nowhere"), "no store")
	refuses(t, []string{"--data", data, "restore", file}, data+" is not empty")
	refuses(t, []string{"--data", filepath.Join(dir, "new"), "restore", broken}, broken, "damaged or cut short")
	refuses(t, []string{"--data", filepath.Join(dir, "new"), "restore", file, broken}, broken, "damaged or cut short")
	for _, name := range []string{other, filepath.Join(dir, "new"), filepath.Join(dir, "nowhere")} {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s was made: %v", name, err)
		}
	}
	// What cannot be done is found out without opening the store.
	if diff := cmp.Diff(before, fileList(t, data)); diff != "" {
		t.Errorf("the folder has changed:\n%s", diff)
	}
	command(t, "--data", data, "backup", "--force", file)
	empty := t.TempDir()
	command(t, "--data", empty, "restore", file)
	start(t, empty).stop(t)
}

// TestControlSocket looks at the socket from its beginning to its end.
func TestControlSocket(t *testing.T) {
	data := t.TempDir()
	socket := filepath.Join(data, "control.sock")
	// As a process leaves it that is killed.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	p := start(t, data)
	info, err := os.Stat(socket)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v; want one for its owner alone", info, err)
	}
	command(t, "--data", data, "backup", filepath.Join(t.TempDir(), "file"))
	p.stop(t)
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket outlives its server: %v", err)
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 20), strings.Repeat("long", 20))
	p = start(t, long)
	if said := p.stderr.String(); !strings.Contains(said, "no control socket") || !strings.Contains(said, "shorter path") {
		t.Errorf("it does not warn of a path that is too long for a socket:\n%s", said)
	}
	refuses(t, []string{"--data", long, "backup", filepath.Join(t.TempDir(), "file")}, "in use by another process", "stop it first")
	p.stop(t)
	write(t, socket, "no socket")
	p = start(t, data)
	if said := p.stderr.String(); !strings.Contains(said, "in the way") {
		t.Errorf("it does not warn of a file in the place of the socket:\n%s", said)
	}
	p.stop(t)
	if text, err := os.ReadFile(socket); err != nil || string(text) != "no socket" {
		t.Errorf("a file in the place of the socket is now %q, %v", text, err)
	}
}

// TestBackupInterrupted tells a backup to stop before anybody reads it, and
// kills a restore half-way.
func TestBackupInterrupted(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	start(t, data).stop(t)
	program := binary(t)
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	// The pipe takes 64 kB and nobody reads: the backup waits in the middle.
	p, process := spawn(t, "sh", "-c", `exec "$0" --data "$1" backup - >"$2"`, program, data, pipe)
	buffer := make([]byte, 16)
	if _, err := reader.Read(buffer); err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.ended(t)
	file := filepath.Join(dir, "file")
	command(t, "--data", data, "backup", file)

	into := filepath.Join(dir, "restored")
	for range 5 {
		p, process := spawn(t, program, "--data", into, "restore", file)
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(filepath.Join(into, "store.restoring", "MARK")); err == nil {
				break
			}
			if _, err := os.Stat(filepath.Join(into, "store")); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the restore does not begin")
			}
		}
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.ended(t)
		if _, err := os.Stat(filepath.Join(into, "store")); err == nil {
			// It was quicker. Then all of it has to be there.
			command(t, "--data", into, "backup", "--force", filepath.Join(dir, "again"))
			if err := os.RemoveAll(into); err != nil {
				t.Fatal(err)
			}
			continue
		}
		refuses(t, []string{"--addr", "127.0.0.1:0", "--data", into}, "broken off")
	}
	command(t, "--data", into, "restore", file)
	start(t, into).stop(t)
}
