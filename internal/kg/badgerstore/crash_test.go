package badgerstore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"keiretsu/internal/kg"
)

// crashVariable, when set, makes of the test binary a program that writes to
// the store in the folder it names until it is killed.
const crashVariable = "KEIRETSU_CRASH_FOLDER"

// writeUntilKilled tells every revision on standard output once Apply has
// returned.
func writeUntilKilled(dir string) {
	s, err := Open(context.Background(), Options{Dir: dir})
	for i := 0; err == nil; i++ {
		var revision kg.Revision
		b := &kg.Batch{At: noon}
		for j := range 20 {
			b.Put = append(b.Put, company(fmt.Sprintf("e%d-%d", i, j)))
		}
		if revision, err = s.Apply(context.Background(), b); err == nil {
			fmt.Println(revision)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// syncVariable, when set, makes of the test binary a program that writes to the
// store in the folder it names, and says after every write that it is done.
const syncVariable = "KEIRETSU_SYNC_FOLDER"

const alone, writers, together = 30, 8, 25

// writeAndTell writes with one writer, then with several at once.
func writeAndTell(dir string) {
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: dir, Memory: leastMemory})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	write := func(id string) {
		if _, err := s.Apply(ctx, &kg.Batch{At: noon, Put: []kg.Record{company(id)}}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Println("open")
	for i := range alone {
		write(fmt.Sprintf("e%d", i))
		fmt.Println("written")
	}
	began := s.Activity().Groups
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range together {
				write(fmt.Sprintf("e%d-%d", w, i))
			}
		})
	}
	wg.Wait()
	fmt.Printf("groups=%d\n", s.Activity().Groups-began)
	os.Exit(0)
}

// TestKilledProcessLosesNothing kills a writer in the middle of its work, again
// and again, and finds every revision it was told of whole.
func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	for _, revisions := range []int{1, 20, 50} {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashVariable+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var told kg.Revision
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			number, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			told = kg.Revision(number)
			if n == revisions {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		s := openTest(t, dir)
		if newest := s.newest.revision; newest < told || newest > told+1 {
			t.Errorf("the store is at revision %d, and its writer was told of %d", newest, told)
		}
		e := dump(t, s)
		if len(e.Changes) != int(e.Revision) {
			t.Errorf("the change log of revision %d has %d entries", e.Revision, len(e.Changes))
		}
		touched := map[kg.ID]bool{}
		for _, c := range e.Changes {
			for _, x := range c.Touched {
				touched[x.ID] = true
			}
		}
		if n := int(e.Stats[kg.RecordEntity]); n != len(touched) || n != len(e.Records) {
			t.Errorf("%d entities were counted, %d logged and %d found", n, len(touched), len(e.Records))
		}
		// The next writer begins at the same names, so that its first batches
		// change nothing and the revision stays as it was.
		if _, err := s.Apply(t.Context(), &kg.Batch{Delete: idsOf(e.Records)}); err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
	}
}

func idsOf(records []kg.Record) []kg.ID {
	var ids []kg.ID
	for _, r := range records {
		ids = append(ids, r.RecordID())
	}
	return ids
}
