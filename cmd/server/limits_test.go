package main

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/server"
)

// parsed returns the flags of serving as the arguments set them.
func parsed(t *testing.T, args ...string) (serve, error) {
	t.Helper()
	var c commands
	_, err := parse(&c, args, func(string) string { return "" }, io.Discard, io.Discard)
	return c.Serve, err
}

// TestDefaultLimits holds the defaults that the help tells against those that
// the server has where nobody says anything.
func TestDefaultLimits(t *testing.T) {
	flags, err := parsed(t)
	if err != nil {
		t.Fatal(err)
	}
	limits, want := flags.limits(), server.DefaultLimits()
	// What no flag sets keeps its default in the server.
	limits.NameBytes, limits.Operations, limits.Variables, limits.EqualNames = want.NameBytes, want.Operations, want.Variables, want.EqualNames
	limits.InlineFragments, limits.Spreads, limits.IntrospectionLists, limits.IntrospectionSelections = want.InlineFragments, want.Spreads, want.IntrospectionLists, want.IntrospectionSelections
	limits.IntrospectionFields = want.IntrospectionFields
	limits.Errors, limits.MessageRunes = want.Errors, want.MessageRunes
	if diff := cmp.Diff(want, limits); diff != "" {
		t.Errorf("limits (-server +flags):\n%s", diff)
	}
	traffic, wantTraffic := flags.traffic(), server.DefaultTraffic()
	traffic.HeaderBytes, traffic.LargeInFlight = wantTraffic.HeaderBytes, wantTraffic.LargeInFlight
	if diff := cmp.Diff(wantTraffic, traffic); diff != "" {
		t.Errorf("traffic (-server +flags):\n%s", diff)
	}
}

// TestEveryLimitCanBeSet gives each flag a value of its own and looks for it in
// what the server is told.
func TestEveryLimitCanBeSet(t *testing.T) {
	flags, err := parsed(t, "--max-body-bytes=1", "--max-document-bytes=2", "--max-tokens=3", "--max-depth=4", "--max-aliases=5",
		"--max-directives=6", "--max-root-fields=7", "--max-fragments=8", "--max-selections=9", "--max-input-values=10", "--max-cost=11",
		"--max-answer-values=12", "--max-answer-bytes=13", "--request-timeout=14ns", "--header-timeout=15ns", "--body-timeout=16ns",
		"--reading-timeout=17ns", "--idle-timeout=18ns", "--in-flight=19", "--queued=20", "--queue-timeout=21ns", "--client-rate=22",
		"--client-burst=23", "--connections=24", "--client-connections=25", "--large-cost=26", "--large-in-flight=27", "--exports=28", "--export-timeout=29ns")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(server.Limits{
		BodyBytes: 1, DocumentBytes: 2, Tokens: 3, Depth: 4, Aliases: 5, Directives: 6, RootFields: 7, Fragments: 8, Selections: 9,
		InputValues: 10, Cost: 11, AnswerValues: 12, AnswerBytes: 13,
	}, flags.limits()); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(server.Traffic{
		Timeout: 14, HeaderTimeout: 15, BodyTimeout: 16, ReadingTimeout: 17, IdleTimeout: 18, InFlight: 19, Queued: 20, QueueTimeout: 21,
		ClientRate: 22, ClientBurst: 23, Connections: 24, ClientConnections: 25, LargeCost: 26, LargeInFlight: 27, Exports: 28, ExportTimeout: 29,
	}, flags.traffic()); diff != "" {
		t.Errorf("traffic (-want +got):\n%s", diff)
	}
}

func TestBadLimits(t *testing.T) {
	for arg, want := range map[string]string{
		"--max-depth=0":                   "--max-depth must be more than 0",
		"--max-body-bytes=-1":             "--max-body-bytes must be more than 0",
		"--request-timeout=0s":            "--request-timeout must be more than 0",
		"--exports=0":                     "--exports must be more than 0",
		"--in-flight=0":                   "--in-flight must be more than 0",
		"--client-burst=-1":               "--client-burst and --large-in-flight must not be negative",
		"--client-rate=NaN":               "--client-rate must be a number",
		"--trusted-proxy=10.0.0.0/8,moon": "--trusted-proxy moon: expected a network such as 10.0.0.0/8 or an address",
		"--memory-limit=much":             "--memory-limit much: expected an amount of bytes such as 2GiB",
		"--memory-limit=9999999999GiB":    "--memory-limit 9999999999GiB: expected an amount",
		"--memory-limit=0":                "--memory-limit 0: expected an amount",
	} {
		t.Run(arg, func(t *testing.T) {
			if _, err := parsed(t, arg); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

func TestTrustedProxies(t *testing.T) {
	flags, err := parsed(t, "--trusted-proxy=10.1.2.3/8, 192.0.2.1,2001:db8::/32")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, network := range flags.traffic().TrustedProxies {
		got = append(got, network.String())
	}
	if diff := cmp.Diff([]string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"}, got); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
}

func TestMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for name, c := range map[string]struct {
		flag string
		env  string
		want int64 // 0 for what the machine gives
	}{
		"bytes":                        {"1000000000", "", 1_000_000_000},
		"MiB":                          {"512MiB", "", 512 << 20},
		"GiB":                          {"3 GiB", "", 3 << 30},
		"the runtime's own, left":      {"", "1GiB", before},
		"the flag before the variable": {"2GiB", "1GiB", 2 << 30},
		"the machine's":                {"", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(before)
			f := limitFlags{MemoryLimit: c.flag}
			got := f.boundMemory(func(string) string { return c.env })
			if c.want != 0 && got != c.want || got <= 0 || debug.SetMemoryLimit(-1) != got {
				t.Errorf("bound %d, in force %d; want %d", got, debug.SetMemoryLimit(-1), c.want)
			}
		})
	}
}

func TestMemoryOfTheMachine(t *testing.T) {
	const meminfo = "MemTotal:        8000 kB\nMemFree:         100 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no group":           {map[string]string{"/proc/meminfo": meminfo}, 8000 << 10},
		"a bounded group":    {map[string]string{"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory.max": "1048576\n"}, 1 << 20},
		"an unbounded one":   {map[string]string{"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory.max": "max\n"}, 8000 << 10},
		"the older kind":     {map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "2097152"}, 2 << 20},
		"more than there is": {map[string]string{"/proc/meminfo": meminfo, "/sys/fs/cgroup/memory.max": "9223372036854771712"}, 8000 << 10},
		"nothing tells":      {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := memory(func(name string) ([]byte, error) {
				if text, ok := c.files[name]; ok {
					return []byte(text), nil
				}
				return nil, errors.New("no such file")
			})
			if got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}

// TestTrustedDocuments starts with documents that are right, and with one that is not.
func TestTrustedDocuments(t *testing.T) {
	folder := t.TempDir()
	const text = `query Named($name: String!) { company(name: $name) { name } }`
	write(t, filepath.Join(folder, "named.graphql"), text+"\n")
	p := run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--documents", folder, "--documents-only", "--introspection=closed")
	p.ready(t)
	var data struct{ Company struct{ Name string } }
	if errors := ask(t, p, text, map[string]string{"name": "Alibaba"}, &data); errors != "" || data.Company.Name == "" {
		t.Errorf("the trusted document is answered %v, %s", data, errors)
	}
	if errors := ask(t, p, "{ metrics { name } }", nil, nil); !strings.Contains(errors, "FORBIDDEN") {
		t.Errorf("another document is answered %s", errors)
	}
	if status, _ := get(t, p.url+"/schema.graphql"); status != http.StatusForbidden {
		t.Errorf("the schema has status %d", status)
	}
	p.stop(t)

	write(t, filepath.Join(folder, "wrong.graphql"), "query Wrong {\n  metrics { title }\n}\n")
	refused(t, run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--documents", folder), filepath.Join(folder, "wrong.graphql")+":2:13: Cannot query field")
	refused(t, run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--documents-only"), "--documents-only needs --documents")
}
