package torture

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// How long and how hard. A count of 0 stands for that of the length.
var (
	full     = flag.Bool("full", false, "run at full length, which takes about half an hour")
	seedFlag = flag.Uint64("seed", 0, "begin with this seed instead of a new one")
	cycles   = flag.Int("cycles", 0, "how often the program is killed")
	writes   = flag.Int("writes", 0, "how many writes are acknowledged in all while it is killed")
	entities = flag.Int("entities", 0, "how many entities are there before it is killed for the first time")
)

// or returns what a flag says, else the number for the length of this run.
func or(flagged, short, long int) int {
	switch {
	case flagged > 0:
		return flagged
	case *full:
		return long
	default:
		return short
	}
}

// patience is how long a test waits for what comes soon or not at all. Nothing
// is measured with it.
const patience = 2 * time.Minute

// roleVariable, when set, makes of the test binary another program.
const roleVariable = "KEIRETSU_TORTURE_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	code := m.Run()
	if err := os.RemoveAll(built.dir); err != nil && code == 0 {
		code = 1
	}
	os.Exit(code)
}

// play is the main function of the program that a role names.
func play(role string, args []string) error {
	switch role {
	case fillRole:
		return playFill(args)
	case clockRole:
		return playClock(args)
	}
	return fmt.Errorf("there is no role %q", role)
}

// stage runs the test binary in a role, to its end.
func stage(t testing.TB, role string, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", role, err)
	}
	return string(out)
}

// built is the program as a file, made when the first test needs it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// program returns the program as a file.
func program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		//nolint:usetesting // It outlives the test that needs it first.
		if built.dir, built.err = os.MkdirTemp("", "keiretsu-torture-"); built.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "keiretsu"), "keiretsu/cmd/server").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("build the program: %v", built.err)
	}
	return filepath.Join(built.dir, "keiretsu")
}

// seed returns the seed of this run and prints how to run the test with it again.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := *seedFlag
	if n == 0 {
		n = rand.Uint64N(1e9) + 1
	}
	length := ""
	if *full {
		length = " -full"
	}
	t.Logf("seed %d; again: go test ./internal/torture -count=1 -v -run '^%s$' -seed %d%s", n, t.Name(), n, length)
	return n
}

// chance returns a source of random numbers for one purpose, so that what one
// draws does not depend on what others have drawn.
func chance(seed uint64, purpose string, number int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", purpose, number)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// beside lets a test of a shortened run go on while another one waits. At full
// length each has the machine to itself, since times are measured.
func beside(t *testing.T) {
	if !*full {
		t.Parallel()
	}
}

// progress prints a line while a full run is under way.
func progress(t testing.TB, format string, args ...any) {
	t.Helper()
	if *full {
		t.Logf(format, args...)
	}
}
