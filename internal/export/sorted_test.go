package export

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// TestSortedLines: whatever fits into memory, all lines come back in order, and
// nothing is left on the disk.
func TestSortedLines(t *testing.T) {
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprintf("key-%03d|line %d", i/3, i%3))
	}
	for name, c := range map[string]struct{ most, files int }{
		"all of it fits": {1 << 20, 0},
		"a part fits":    {10_000, 3},
		"one line fits":  {1, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			s := &sortedLines{most: c.most}
			shuffled := slices.Clone(want)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for _, l := range shuffled {
				if err := s.add(l[:7], []byte(l[8:])); err != nil {
					t.Fatal(err)
				}
			}
			if len(s.runs) != c.files {
				t.Errorf("%d files, want %d", len(s.runs), c.files)
			}
			var got []string
			for l, err := range s.all() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, l.key+"|"+string(l.line))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %d lines, not in order: %.200q", len(got), got)
			}
			s.close()
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("%v, %v are left", left, err)
			}
		})
	}
}

// TestSortedLinesTellWhatFails: a folder that takes no files, and a file that was cut.
func TestSortedLinesTellWhatFails(t *testing.T) {
	t.Run("no room", func(t *testing.T) {
		t.Setenv("TMPDIR", "/dev/null")
		s := &sortedLines{most: 1}
		if err := s.add("k", []byte("l")); err == nil {
			t.Error("no error")
		}
		s.close()
	})
	t.Run("cut", func(t *testing.T) {
		t.Setenv("TMPDIR", t.TempDir())
		s := &sortedLines{most: 1}
		defer s.close()
		if err := s.add("key", []byte("a longer line")); err != nil {
			t.Fatal(err)
		}
		if err := s.runs[0].Truncate(6); err != nil {
			t.Fatal(err)
		}
		var failed error
		for _, err := range s.all() {
			failed = err
		}
		if failed == nil {
			t.Error("no error")
		}
	})
}
