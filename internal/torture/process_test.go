package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output is what a program has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// last returns the last lines.
func (o *output) last(n int) string {
	lines := strings.Split(strings.TrimSpace(o.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// process is the program under way.
type process struct {
	*os.Process
	stdout, stderr output
	spawned        time.Time
	// gone is closed when it has ended, and code is set then.
	gone chan struct{}
	code int
	// url is where it answers once it is ready, without a slash at the end.
	url string
}

// spawn starts a command that is the program, or ends up as it. It does not
// outlive the test.
func spawn(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{gone: make(chan struct{}), spawned: time.Now()}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.Process = cmd.Process
	go func() {
		defer close(p.gone)
		_ = cmd.Wait()
		p.code = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	_ = p.Kill()
	<-p.gone
}

// interrupted waits that long, or until the process has ended by itself, and
// kills it.
func (p *process) interrupted(after time.Duration) {
	select {
	case <-time.After(after):
	case <-p.gone:
	}
	p.kill()
}

// stop asks the process to end and returns how long it took.
func (p *process) stop(t testing.TB) time.Duration {
	t.Helper()
	began := time.Now()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("the program has ended before it was told to:\n%s", p.stderr.last(20))
	}
	p.ended(t, 0)
	return time.Since(began)
}

// ended waits for the end of the process, which has to be that exit code.
func (p *process) ended(t testing.TB, code int) {
	t.Helper()
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Fatalf("still running after %s:\n%s", patience, p.stderr.last(20))
	}
	if p.code != code {
		t.Fatalf("exit code %d, want %d:\n%s", p.code, code, p.stderr.last(20))
	}
}

var clickHere = regexp.MustCompile(`(https?://\S+)/graphiql`)

var errEnded = errors.New("it ended instead of starting")

// ready waits until the program answers and returns how long that took since it
// was spawned, or an error if it has ended.
func (p *process) ready() (time.Duration, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		select {
		case <-p.gone:
			return 0, fmt.Errorf("%w: exit code %d: %s", errEnded, p.code, p.stderr.last(20))
		default:
		}
		if found := clickHere.FindStringSubmatch(p.stdout.String()); found != nil {
			p.url = found[1]
			if answer, err := http.Get(p.url + "/readyz"); err == nil {
				_ = answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					return time.Since(p.spawned), nil
				}
			}
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("not ready after %s: %s", patience, p.stderr.last(20))
		}
	}
}

// folder is a data folder with a token to write to it.
type folder struct {
	dir, token string
	// around are the words before the program's name, such as those that put
	// it into another name space.
	around []string
}

// newFolder makes a folder and a token in it.
func newFolder(t testing.TB, dir string, around ...string) *folder {
	t.Helper()
	f := &folder{dir: dir, around: around}
	f.token = strings.TrimSpace(f.command(t, "token", "create", "torture", "--scope", "write", "--expires", "never"))
	return f
}

// words returns the command line of the program on the folder.
func (f *folder) words(t testing.TB, args ...string) []string {
	t.Helper()
	return append(append(append([]string(nil), f.around...), program(t), "--data", f.dir), args...)
}

// spawn starts a server on the folder, which lets one client ask as often as it
// can.
func (f *folder) spawn(t testing.TB, args ...string) *process {
	t.Helper()
	words := f.words(t, append([]string{"--addr", "127.0.0.1:0", "--client-rate=-1"}, args...)...)
	return spawn(t, words[0], words[1:]...)
}

// serve starts a server on the folder and waits until it answers.
func (f *folder) serve(t testing.TB, args ...string) (*process, *client) {
	t.Helper()
	p := f.spawn(t, args...)
	if _, err := p.ready(); err != nil {
		t.Fatal(err)
	}
	return p, f.client(t, p)
}

// command runs a command of the program on the folder, which has to end in 0,
// and returns what it wrote to standard output.
func (f *folder) command(t testing.TB, args ...string) string {
	t.Helper()
	words := f.words(t, args...)
	p := spawn(t, words[0], words[1:]...)
	p.ended(t, 0)
	return p.stdout.String()
}

// checked is what the command check says of a whole folder.
type checked struct {
	Revision, Findings int
	// Checksum is the same for equal graphs, however they lie on the disk.
	Checksum string
}

// check lets the program compare every row with its record and every fact with
// its claims, and returns what was wrong, a line each.
func (f *folder) check(t testing.TB) (whole checked, wrong []string) {
	t.Helper()
	words := f.words(t, "check", "--json")
	p := spawn(t, words[0], words[1:]...)
	select {
	case <-p.gone:
	case <-time.After(10 * patience): // minutes for a hundred thousand entities
		t.Fatalf("check: still running after %s", 10*patience)
	}
	var last struct{ Summary checked }
	lines := strings.Split(strings.TrimSpace(p.stdout.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Summary.Checksum == "" && last.Summary.Findings == 0 {
		t.Fatalf("check: exit code %d, %v in %q: %s", p.code, err, lines[len(lines)-1], p.stderr.last(20))
	}
	return last.Summary, lines[:len(lines)-1]
}

// sparing copies a folder as it lies there, without the parts of files that hold
// nothing: the engine makes its files long and fills them later.
func sparing(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if !d.Type().IsRegular() {
			return nil // the control socket
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
		if err != nil {
			return err
		}
		err = eachPiece(path, func(at int64, piece []byte) error {
			_, err := out.WriteAt(piece, at)
			return err
		})
		return errors.Join(err, out.Truncate(info.Size()), out.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// pieceSize is how much of a file is looked at at a time.
const pieceSize = 64 << 10

var emptiness = make([]byte, pieceSize)

// eachPiece calls f with every piece of a file that does not hold zeros alone,
// in order.
func eachPiece(path string, f func(at int64, piece []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	const seekData = 3
	piece := make([]byte, pieceSize)
	for at := int64(0); at < info.Size(); {
		// Holes need not be read. A file system that knows of none says that
		// all is data.
		next, err := syscall.Seek(int(file.Fd()), at, seekData)
		if errors.Is(err, syscall.ENXIO) {
			return nil
		}
		if err == nil {
			at = next
		}
		n, err := file.ReadAt(piece[:min(pieceSize, info.Size()-at)], at)
		if n == 0 {
			return err
		}
		if !bytes.Equal(piece[:n], emptiness[:n]) {
			if err := f(at, piece[:n]); err != nil {
				return err
			}
		}
		at += int64(n)
	}
	return nil
}

// eventually waits until there is what is looked for.
func eventually(t testing.TB, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// together calls f with every number below n, that many at a time, and returns
// the first error.
func together(ctx context.Context, n, atATime int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, atATime) {
		wg.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}
