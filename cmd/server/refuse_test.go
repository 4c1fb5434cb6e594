package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// refused wants a program that ends at once with 1, after one line which says all of these.
func refused(t *testing.T, p *program, words ...string) {
	t.Helper()
	if code := p.ended(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	said := p.stderr.String()
	if !strings.HasPrefix(said, "keiretsu: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("it said, instead of one line:\n%s", said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("it did not say %q but %s", word, said)
		}
	}
	if p.stdout.String() != "" {
		t.Errorf("it wrote to its output:\n%s", &p.stdout)
	}
}

func TestBadArguments(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"unknown flag":          {args: []string{"--adr", "127.0.0.1:0"}, want: "unknown flag --adr"},
		"unknown word":          {args: []string{"serv"}, want: "unexpected argument serv"},
		"flag without value":    {args: []string{"--addr"}, want: "--addr"},
		"no port":               {args: []string{"--addr", "localhost"}, want: "expected HOST:PORT"},
		"nonsense":              {args: []string{"--addr", "http://a b"}, want: "is not a port"},
		"port out of range":     {args: []string{"--addr", "127.0.0.1:65536"}, want: `"65536" is not a port`},
		"port in words":         {args: []string{"--addr", "127.0.0.1:http"}, want: `"http" is not a port`},
		"host with spaces":      {args: []string{"--addr", "a b:80"}, want: `"a b" is not a host`},
		"another's address":     {args: []string{"--addr", "192.0.2.1:0"}, want: "cannot listen on 192.0.2.1:0"},
		"no subscriptions":      {args: []string{"--socket-subscriptions", "0"}, want: "--subscriptions and --socket-subscriptions must be more than 0"},
		"no folder":             {args: []string{"--data", ""}, want: "--data must name a folder"},
		"nonsense by variable":  {env: map[string]string{"KEIRETSU_ADDR": "nonsense"}, want: "--addr nonsense: expected HOST:PORT"},
		"what the variable has": {args: []string{"--addr", "127.0.0.1:0"}, env: map[string]string{"KEIRETSU_DATA": "/dev/null"}, want: "/dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			refused(t, run(t, c.env, c.args...), c.want)
			if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
				t.Errorf("it left %v behind (%v)", left, err)
			}
		})
	}
}

func TestFlagsBeatEnvironmentBeatsDefaults(t *testing.T) {
	env := map[string]string{"KEIRETSU_ADDR": "127.0.0.1:1", "KEIRETSU_DATA": "by-variable"}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want [5]any // data, address, nodes, edges and time of walks
	}{
		"defaults":           {nil, nil, [5]any{"./data", "127.0.0.1:8080", 50_000, 500_000, 5 * time.Second}},
		"environment":        {nil, env, [5]any{"by-variable", "127.0.0.1:1", 50_000, 500_000, 5 * time.Second}},
		"flags":              {[]string{"--addr=127.0.0.1:2", "--data=by-flag"}, env, [5]any{"by-flag", "127.0.0.1:2", 50_000, 500_000, 5 * time.Second}},
		"one of each":        {[]string{"--addr=127.0.0.1:2"}, env, [5]any{"by-variable", "127.0.0.1:2", 50_000, 500_000, 5 * time.Second}},
		"empty variables":    {nil, map[string]string{"KEIRETSU_ADDR": ""}, [5]any{"./data", "127.0.0.1:8080", 50_000, 500_000, 5 * time.Second}},
		"flag as in default": {[]string{"--data=./data"}, env, [5]any{"./data", "127.0.0.1:1", 50_000, 500_000, 5 * time.Second}},
		"budget of walks": {
			[]string{"--walk-nodes=7", "--walk-time=90ms"},
			map[string]string{"KEIRETSU_WALK_EDGES": "8"},
			[5]any{"./data", "127.0.0.1:8080", 7, 8, 90 * time.Millisecond},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got commands
			_, err := parse(&got, c.args, func(name string) string { return c.env[name] }, io.Discard, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if got := [5]any{got.Data, got.Serve.Addr, got.Serve.WalkNodes, got.Serve.WalkEdges, got.Serve.WalkTime}; got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestEnvironmentIsUsed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "by-variable")
	p := run(t, map[string]string{"KEIRETSU_ADDR": "127.0.0.1:0", "KEIRETSU_DATA": data})
	p.ready(t)
	p.stop(t)
	if _, err := os.Stat(filepath.Join(data, "store")); err != nil {
		t.Error(err)
	}
}

func TestHelpTeaches(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, c := range map[string]struct {
		args  []string
		words []string
	}{
		"of the program": {[]string{"--help"}, []string{
			"serve", "--data=", "./data", "KEIRETSU_DATA", "keiretsu serve --help",
			"Examples:", "/graphql", "GraphiQL", "/schema.graphql", "/readyz", "/metrics", "SIGTERM", "What did Alibaba acquire in 2014?",
		}},
		"of serving": {[]string{"serve", "--help"}, []string{
			"--addr=", "127.0.0.1:8080", "KEIRETSU_ADDR", "--data=", "--walk-nodes=", "KEIRETSU_WALK_TIME",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(t, nil, c.args...)
			if code := p.ended(t); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			said := p.stdout.String()
			for _, word := range c.words {
				if !strings.Contains(said, word) {
					t.Errorf("the help does not say %q:\n%s", word, said)
				}
			}
			for line := range strings.Lines(said) {
				if len([]rune(line)) > 100 {
					t.Errorf("a line of the help is too long for most terminals: %s", line)
				}
			}
			if p.stderr.String() != "" {
				t.Errorf("it complained: %s", &p.stderr)
			}
		})
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("asking for help left %v behind (%v)", left, err)
	}
}

func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	data := filepath.Join(t.TempDir(), "data")
	refused(t, run(t, nil, "--addr", taken.Addr().String(), "--data", data), taken.Addr().String(), "address already in use")
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data folder was touched (%v)", err)
	}
}

func TestDataFolderInUse(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	refused(t, run(t, nil, "--addr", "127.0.0.1:0", "--data", data), data, "in use by another process", fmt.Sprint(os.Getpid()))
	acquired(t, first, "2014")
	first.stop(t)
	start(t, data).stop(t)
}

// TestUnusableDataFolder starts on folders that an earlier server has filled and
// something has changed since, and on what is no folder.
func TestUnusableDataFolder(t *testing.T) {
	filled := t.TempDir()
	start(t, filled).stop(t)
	mark := func(data string) string { return filepath.Join(data, "store", "MARK") }
	for name, c := range map[string]struct {
		// spoil returns the folder to name.
		spoil func(t *testing.T, data string) string
		words []string
	}{
		"a file in its place": {
			func(t *testing.T, data string) string { return mark(data) },
			[]string{"cannot be made", "not a directory"},
		},
		"below a file": {
			func(t *testing.T, data string) string { return filepath.Join(mark(data), "below") },
			[]string{"cannot be made", "not a directory"},
		},
		"a newer format": {
			func(t *testing.T, data string) string {
				rewriteMark(t, mark(data), "format=2 ", "format=1000 ")
				return data
			},
			[]string{"written by a newer version of the program", "format 1000"},
		},
		"a damaged mark": {
			func(t *testing.T, data string) string {
				write(t, mark(data), "nothing that makes sense")
				return data
			},
			[]string{"damaged", "restore the folder from a backup"},
		},
		"tables lost": {
			func(t *testing.T, data string) string {
				if err := os.RemoveAll(filepath.Join(data, "store", "badger")); err != nil {
					t.Fatal(err)
				}
				return data
			},
			[]string{"restore the folder from a backup"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(data, os.DirFS(filled)); err != nil {
				t.Fatal(err)
			}
			folder := c.spoil(t, data)
			refused(t, run(t, nil, "--addr", "127.0.0.1:0", "--data", folder), append(c.words, folder)...)
		})
	}
}

// rewriteMark changes every standing in the mark of a store and sums it up
// again, as a program of another version would have written it.
func rewriteMark(t *testing.T, name, from, to string) {
	t.Helper()
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var changed strings.Builder
	for _, standing := range regexp.MustCompile(`(keiretsu-store .*) sum=[0-9a-f]+`).FindAllStringSubmatch(string(old), -1) {
		text := strings.Replace(standing[1], from, to, 1)
		if text == standing[1] {
			t.Fatalf("the mark does not say %q: %s", from, text)
		}
		sum := crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))
		fmt.Fprintf(&changed, "%-511s\n", fmt.Sprintf("%s sum=%08x", text, sum))
	}
	write(t, name, changed.String())
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
