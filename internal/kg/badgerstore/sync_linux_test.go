package badgerstore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemIsAskedToSync watches the calls of the system that a writer makes: a
// kill would not show one that is missing, since the system keeps what a process
// wrote.
func TestSystemIsAskedToSync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("this test needs strace; install it, with `apt-get install strace` or the like, or let scripts/check do so")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	child := exec.Command(strace, "-f", "-y", "-s", "64", "-e", "trace=fsync,fdatasync,msync,write", "-e", "signal=none", "-o", trace, os.Args[0])
	child.Env = append(os.Environ(), syncVariable+"="+t.TempDir())
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// What has been synced since the last word of the child's, in order.
	var since []string
	var written, inLog, inMark, groups int
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.Contains(line, "sync(") && strings.Contains(line, logEnding):
			since, inLog = append(since, "log"), inLog+1
		case strings.Contains(line, "sync(") && strings.Contains(line, markName):
			since, inMark = append(since, "mark"), inMark+1
		case strings.Contains(line, `"open\n"`):
			since, inLog, inMark = nil, 0, 0
		case strings.Contains(line, `"written\n"`):
			written++
			if got := strings.Join(since, " "); !strings.HasSuffix(got, "log mark") {
				t.Errorf("before write %d was acknowledged, synced were %q; want the log, then the mark", written, got)
			}
			since, inLog, inMark = nil, 0, 0
		case strings.Contains(line, `"groups=`):
			_, text, _ := strings.Cut(line, `"groups=`)
			if _, err := fmt.Sscan(strings.TrimSuffix(text[:strings.IndexByte(text, '"')], `\n`), &groups); err != nil {
				t.Fatal(err)
			}
			if inLog < groups || inMark < groups {
				t.Errorf("%d groups were acknowledged after %d syncs of the log and %d of the mark", groups, inLog, inMark)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if written != alone || groups == 0 || groups > writers*together {
		t.Errorf("%d writes alone and %d groups of %d writes together were seen", written, groups, writers*together)
	}
}
