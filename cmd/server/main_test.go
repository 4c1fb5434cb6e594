package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
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

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(built.dir); err != nil && code == 0 {
			code = 1
		}
		os.Exit(code)
	}))
}

// patience is how long a test waits for what comes soon or not at all.
const patience = time.Minute

// eventually waits until there is what is looked for.
func eventually(t testing.TB, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

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

// program is a server under way.
type program struct {
	stdout, stderr output
	// exit receives the exit code.
	exit chan int
	// tell asks it to stop.
	tell func()
	// url is where it answers, without a slash at the end.
	url string
}

var clickHere = regexp.MustCompile(`(https?://\S+)/graphiql`)

// ready waits until the program has said where to click.
func (p *program) ready(t testing.TB) {
	t.Helper()
	eventually(t, "the address to click", func() bool {
		select {
		case code := <-p.exit:
			t.Fatalf("ended with %d instead of starting:\n%s", code, &p.stderr)
		default:
		}
		if found := clickHere.FindStringSubmatch(p.stdout.String()); found != nil {
			p.url = found[1]
		}
		return p.url != ""
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the server:\n%s", &p.stderr)
		}
	})
}

// stop asks the program to stop, which has to end in 0.
func (p *program) stop(t testing.TB) {
	t.Helper()
	p.tell()
	if code := p.ended(t); code != 0 {
		t.Errorf("exit code %d after being told to stop, want 0:\n%s", code, &p.stderr)
	}
}

// ended waits for the exit code.
func (p *program) ended(t testing.TB) int {
	t.Helper()
	select {
	case code := <-p.exit:
		return code
	case <-time.After(patience):
		t.Fatalf("still running after %s:\n%s", patience, &p.stderr)
		return 0
	}
}

// standardInput is a variable of no program: its value is what a test gives one to
// read.
const standardInput = "<"

// run runs the program in this process, with this environment.
func run(t testing.TB, env map[string]string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{exit: make(chan int, 1), tell: cancel}
	m := Main{Stdin: strings.NewReader(env[standardInput]), Stdout: &p.stdout, Stderr: &p.stderr, Getenv: func(name string) string { return env[name] }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.exit <- m.Run(ctx, args)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return p
}

// start runs the program in this process on a free port and waits until it answers.
func start(t testing.TB, data string) *program {
	t.Helper()
	p := run(t, nil, "--addr", "127.0.0.1:0", "--data", data)
	p.ready(t)
	return p
}

// built is the program as a file, made when the first test needs it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// binary returns the program as a file.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		//nolint:usetesting // It outlives the test that needs it first.
		if built.dir, built.err = os.MkdirTemp("", "keiretsu-test-"); built.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "keiretsu"), ".").CombinedOutput(); err != nil {
			built.err = err
			os.Stderr.Write(out)
		}
	})
	if built.err != nil {
		t.Fatalf("build the program: %v", built.err)
	}
	return filepath.Join(built.dir, "keiretsu")
}

// spawn starts a command that is the program, or ends up as it.
func spawn(t testing.TB, name string, args ...string) (*program, *os.Process) {
	t.Helper()
	p := &program{exit: make(chan int, 1)}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.tell = func() { _ = cmd.Process.Signal(syscall.SIGTERM) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
		p.exit <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	return p, cmd.Process
}

// get returns status and body of an address.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// ask posts an operation, decodes its data into the result, and returns what
// errors the answer lists.
func ask(t testing.TB, p *program, query string, variables, data any) (errors string) {
	t.Helper()
	question, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(p.url+"/graphql", "application/json", bytes.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var result struct{ Data, Errors json.RawMessage }
	if err := json.NewDecoder(answer.Body).Decode(&result); err != nil {
		t.Fatal(err)
	}
	if data != nil && len(result.Data) > 0 {
		if err := json.Unmarshal(result.Data, data); err != nil {
			t.Fatal(err)
		}
	}
	return string(result.Errors)
}

// found returns the names that a search gives, or the errors in place of them.
func found(t testing.TB, p *program, text string) string {
	t.Helper()
	var data struct {
		Search struct{ Nodes []struct{ Name string } }
	}
	if errors := ask(t, p, `query($text: String!) { search(text: $text) { nodes { name } } }`, map[string]string{"text": text}, &data); errors != "" {
		return errors
	}
	var names []string
	for _, n := range data.Search.Nodes {
		names = append(names, n.Name)
	}
	return strings.Join(names, ", ")
}
