package export

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
)

// sortedLines puts lines in order of their keys, however many there are: what
// does not fit into memory waits in temporary files. Lines of one key come in
// order of their bytes, so that the order in which they were added plays no part.
type sortedLines struct {
	// most bounds the bytes that are kept in memory.
	most int
	held []keyedLine
	size int
	runs []*os.File
}

type keyedLine struct {
	key  string
	line []byte
}

func compareLines(a, b keyedLine) int {
	return cmp.Or(strings.Compare(a.key, b.key), bytes.Compare(a.line, b.line))
}

// add takes a line, which then belongs to it.
func (s *sortedLines) add(key string, line []byte) error {
	s.held = append(s.held, keyedLine{key, line})
	s.size += len(key) + len(line) + 64 // what Go keeps of each besides
	if s.size < s.most {
		return nil
	}
	return s.spill()
}

// spill writes what is held into a file of its own, in order.
func (s *sortedLines) spill() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep lines on the disk until their turn comes: %w", err)
		}
	}()
	file, err := os.CreateTemp("", "keiretsu-export-")
	if err != nil {
		return err
	}
	s.runs = append(s.runs, file)
	slices.SortFunc(s.held, compareLines)
	w := bufio.NewWriterSize(file, 1<<18)
	for _, l := range s.held {
		head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(l.key))), uint64(len(l.line)))
		for _, part := range [][]byte{head, []byte(l.key), l.line} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
	}
	s.held, s.size = nil, 0
	return w.Flush()
}

// all yields every line in order, once.
func (s *sortedLines) all() iter.Seq2[keyedLine, error] {
	return func(yield func(keyedLine, error) bool) {
		slices.SortFunc(s.held, compareLines)
		sources := []*lineRun{{held: s.held}}
		for _, file := range s.runs {
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				yield(keyedLine{}, fmt.Errorf("read lines back from the disk: %w", err))
				return
			}
			sources = append(sources, &lineRun{from: bufio.NewReaderSize(file, 1<<16)})
		}
		for _, r := range sources {
			if err := r.next(); err != nil {
				yield(keyedLine{}, err)
				return
			}
		}
		for {
			var first *lineRun
			for _, r := range sources {
				if !r.over && (first == nil || compareLines(r.head, first.head) < 0) {
					first = r
				}
			}
			if first == nil {
				return
			}
			if !yield(first.head, nil) {
				return
			}
			if err := first.next(); err != nil {
				yield(keyedLine{}, err)
				return
			}
		}
	}
}

// lineRun is a sequence of lines in order: those of a file, or those held.
type lineRun struct {
	from *bufio.Reader
	held []keyedLine
	head keyedLine
	over bool
}

func (r *lineRun) next() error {
	if r.from == nil {
		if r.over = len(r.held) == 0; !r.over {
			r.head, r.held = r.held[0], r.held[1:]
		}
		return nil
	}
	keySize, err := binary.ReadUvarint(r.from)
	if errors.Is(err, io.EOF) {
		r.over = true
		return nil
	}
	var lineSize uint64
	if err == nil {
		lineSize, err = binary.ReadUvarint(r.from)
	}
	both := make([]byte, keySize+lineSize)
	if err == nil {
		_, err = io.ReadFull(r.from, both)
	}
	if err != nil {
		return fmt.Errorf("read lines back from the disk: %w", err)
	}
	r.head = keyedLine{string(both[:keySize]), both[keySize:]}
	return nil
}

// close removes what lies on the disk.
func (s *sortedLines) close() {
	for _, file := range s.runs {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
}
