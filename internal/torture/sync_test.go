package torture

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSync watches what the program asks of the system. A kill cannot show that
// a write was never forced to the disk, since the system keeps what a process
// has written; a power cut would.
//
// One client writes, so that every answer stands for one write: before each, the
// log and then the mark beside it must have been forced to the disk since the
// answer before. Then many write at the same time, and there must have been as
// many forcings as the program says that it made groups of writes.
func TestSync(t *testing.T) {
	beside(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("this test needs strace; install it with `apt-get install strace` or the like, or let scripts/check do so")
	}
	const companies = 100
	alone, many := or(0, 40, 400), or(0, 200, 4000)
	s := seed(t)
	f := newFolder(t, t.TempDir())
	trace := filepath.Join(t.TempDir(), "trace")
	// -D leaves the program our child, and makes the tracer its own.
	f.around = []string{strace, "-D", "-f", "-y", "-s", "40", "-e", "trace=fsync,fdatasync,msync,write", "-e", "signal=none", "-o", trace}
	p, c := f.serve(t)
	fillThrough(t, c, companies)
	crowd, base, _ := newTestCrowd(t, c, s, companies)

	c.landmark(t)
	a := newAuthor(s, len(crowd.authors), companies)
	for range alone {
		w := a.compose()
		if err := crowd.try(t.Context(), c, w); err != nil {
			t.Fatal(err)
		}
		a.learn(w)
	}
	c.landmark(t)
	before, err := c.metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	idle := make(chan struct{})
	var worked error
	go func() {
		defer close(idle)
		worked = crowd.work(ctx, c)
	}()
	eventually(t, "enough writes", func() bool { return len(crowd.h.acknowledged()) >= alone+many })
	cancel()
	<-idle
	if worked != nil {
		t.Fatal(worked)
	}
	if _, err := crowd.settle(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	after, err := c.metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newest, err := c.revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j := judge(crowd.h.acknowledged(), base, newest)
	j.report(t)
	p.stop(t)

	seen := readTrace(t, trace)
	for _, since := range seen.alone {
		if !strings.HasSuffix(since, "log mark") {
			t.Errorf("before a write was acknowledged, %q were forced to the disk; want the log, then the mark", since)
		}
	}
	if len(seen.alone) != alone {
		t.Errorf("the trace shows %d answers to writes of one client, want %d", len(seen.alone), alone)
	}
	groups, commits := int(after[groupsMetric]), int(after[commitsMetric])
	if acknowledged := len(crowd.h.acknowledged()); commits < acknowledged || groups == 0 || groups > commits {
		t.Errorf("%d writes were acknowledged; the program says that it made %d commits in %d groups", acknowledged, commits, groups)
	}
	if seen.log < groups || seen.mark < groups {
		t.Errorf("%d groups were made after forcing the log %d times and the mark %d times", groups, seen.log, seen.mark)
	}
	t.Logf("sync: %d writes alone, each after a sync of the log and then of the mark; then %d commits in %d groups; in all %d groups, %d syncs of the log, %d of the mark",
		len(seen.alone), commits-int(before[commitsMetric]), groups-int(before[groupsMetric]), groups, seen.log, seen.mark)
}

// What the program tells of its commits since it was started.
const (
	groupsMetric  = "keiretsu_store_groups_total"
	commitsMetric = "keiretsu_store_commits_total"
)

// landmark asks for an address at which there is nothing, so that the answer can be
// found in a trace.
func (c *client) landmark(t *testing.T) {
	t.Helper()
	answer, err := c.http.Get(c.url + "/nothing")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Fatalf("status %d where there is nothing", answer.StatusCode)
	}
}

// traced is what a trace shows.
type traced struct {
	// alone is what was forced before each answer between two landmarks, since the
	// answer before, in order.
	alone []string
	// log and mark count all forcings of the log and of the mark.
	log, mark int
}

var (
	forcing = regexp.MustCompile(`^(\d+) +(fsync|fdatasync|msync)\((.*)$`)
	resumed = regexp.MustCompile(`^(\d+) +<\.\.\. (?:fsync|fdatasync|msync) resumed>.*= 0`)
)

// readTrace reads what strace has written. A call that takes its time is on two
// lines, and counts when it is done.
func readTrace(t *testing.T, path string) (seen traced) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	under := make(map[string]string) // by thread, what it is forcing
	var since []string
	landmarks := 0
	done := func(what string) {
		switch what {
		case "log":
			seen.log++
		case "mark":
			seen.mark++
		default: // the search index, which follows in its own time
			return
		}
		since = append(since, what)
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if call := forcing.FindStringSubmatch(line); call != nil {
			what := forcedFile(call[2], call[3])
			if strings.HasSuffix(line, "<unfinished ...>") {
				under[call[1]] = what
			} else if strings.HasSuffix(line, "= 0") {
				done(what)
			}
		} else if call := resumed.FindStringSubmatch(line); call != nil {
			done(under[call[1]])
		} else if strings.Contains(line, `"HTTP/1.1 404`) {
			landmarks++
			since = nil
		} else if strings.Contains(line, `"HTTP/1.1 200`) {
			if landmarks == 1 {
				seen.alone = append(seen.alone, strings.Join(since, " "))
			}
			since = nil
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return seen
}

// forcedFile names the file that a call forces. The engine keeps nothing but
// logs in memory that it maps and forces by address.
func forcedFile(call, arguments string) string {
	switch {
	case call == "msync", strings.Contains(arguments, ".mem>"):
		return "log"
	case strings.Contains(arguments, "/MARK>"):
		return "mark"
	default:
		return "other"
	}
}

// fillThrough records companies over HTTP.
func fillThrough(t *testing.T, c *client, size int) {
	t.Helper()
	var list []any
	for i := range size {
		list = append(list, vars{"id": company(i), "kind": "COMPANY", "names": []any{vars{"text": fmt.Sprintf("Company %d", i)}}, "citation": vars{"source": "registry"}})
	}
	registry := []any{vars{"id": "registry", "title": "A register of companies"}}
	if _, err := c.send(t.Context(), newWrite("fill", "write", vars{"sources": registry, "entities": list})); err != nil {
		t.Fatal(err)
	}
}
