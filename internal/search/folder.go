package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"

	"keiretsu/internal/kg"
)

// A shelf is one bleve index in a folder of its own, index-1, index-2 and so on
// in the folder of the Index. It is filled under a new number and counts from the
// moment when the last batch has written its state; a shelf without one is the
// rest of a building that was broken off. The one with the highest number is the
// one to serve, the others are cleared away.
type shelf struct {
	index bleve.Index
	path  string
	state state
	// kept is closed once the newest batch lies on disk.
	kept chan struct{}
	// complain is for saying once that background work fails.
	complain sync.Once
}

// state says how far a shelf has come. It is written in the batch that takes the
// shelf there.
type state struct {
	revision kg.Revision
	// mark is that of the change which led to the revision, see markOf.
	mark string
}

// stateKey is where bleve keeps the state, as "format revision mark".
var stateKey = []byte("state")

func (s state) encode() []byte { return fmt.Appendf(nil, "%s %d %s", format, s.revision, s.mark) }

func parseState(b []byte) (state, error) {
	if len(b) == 0 {
		return state{}, errors.New("it was not built to the end")
	}
	var s state
	var f string
	if _, err := fmt.Sscanf(string(b), "%s %d %s", &f, &s.revision, &s.mark); err != nil || f != format {
		return state{}, errors.New("it has another format")
	}
	return s, nil
}

const shelfPrefix = "index-"

// shelves returns the numbers of the shelves in a folder, highest first.
func shelves(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		var n int
		if name, ok := strings.CutPrefix(e.Name(), shelfPrefix); ok {
			if _, err := fmt.Sscanf(name, "%d", &n); err == nil && n > 0 && shelfPath(dir, n) == filepath.Join(dir, e.Name()) {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	return numbers, nil
}

func shelfPath(dir string, n int) string { return filepath.Join(dir, fmt.Sprint(shelfPrefix, n)) }

// settings of bleve. Batches return before they lie on disk: should the last ones
// be lost, the index catches up.
var settings = map[string]any{
	"unsafe_batch":           true,
	"bolt_timeout":           "1s", // for a shelf that another process has open
	"asyncErrorCallbackName": reporter,
}

const reporter = "keiretsu"

// reports holds whom to tell of errors in bleve's background work: a
// func(error) by the path that bleve knows the index by.
var reports sync.Map

func init() {
	// bleve takes the function by name, and swallows the errors without one.
	scorch.RegistryAsyncErrorCallbacks[reporter] = func(err error, store string) {
		if report, ok := reports.Load(store); ok {
			report.(func(error))(err)
		}
	}
}

// storePath is where bleve puts the files of an index.
func storePath(shelf string) string { return filepath.Join(shelf, "store") }

// errInUse reports a shelf that another process has open.
var errInUse = errors.New("another process has the search index open")

// newShelf makes an empty shelf. Errors of its background work go to trouble.
func newShelf(path string, trouble func(*shelf, error)) (*shelf, error) {
	return startShelf(path, trouble, func() (bleve.Index, error) {
		return bleve.NewUsing(path, bleve.NewIndexMapping(), scorch.Name, scorch.Name, maps.Clone(settings))
	})
}

func startShelf(path string, trouble func(*shelf, error), open func() (bleve.Index, error)) (*shelf, error) {
	s := &shelf{path: path}
	reports.Store(storePath(path), func(err error) { trouble(s, err) })
	err := guard(func() (err error) {
		s.index, err = open()
		return err
	})
	if err != nil {
		reports.Delete(storePath(path))
		return nil, err
	}
	return s, nil
}

// openShelf opens a shelf that lies on disk whole and sound.
func openShelf(path string, trouble func(*shelf, error)) (*shelf, error) {
	if err := clearSegments(storePath(path)); err != nil {
		return nil, err
	}
	s, err := startShelf(path, trouble, func() (bleve.Index, error) { return bleve.OpenUsing(path, settings) })
	if err != nil {
		if err.Error() == "timeout" { // what bleve's own database says of its lock
			return nil, errInUse
		}
		return nil, err
	}
	data, err := s.index.GetInternal(stateKey)
	if err == nil {
		s.state, err = parseState(data)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// clearSegments removes the segment files that are not whole, as the checksum at
// their end tells. A kill leaves one that bleve was writing, of which no snapshot
// knows yet. Where one does, bleve falls back on an older snapshot, and the index
// catches up from there; or it has none, and the index is built anew. bleve itself
// compares nothing, and reads segments as they lie in memory: over a damaged one
// it may panic, and not always where a panic can be caught.
func clearSegments(store string) error {
	names, err := filepath.Glob(filepath.Join(store, "*.zap"))
	if err != nil {
		return err
	}
	for _, name := range names {
		err := checkSegment(name)
		if errors.Is(err, errSegment) {
			err = os.Remove(name)
		}
		if err != nil {
			return fmt.Errorf("segment %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

// errSegment reports a segment file that is not as bleve wrote it.
var errSegment = errors.New("it is cut short or damaged")

func checkSegment(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < crc32.Size {
		return errSegment
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.LimitReader(f, info.Size()-crc32.Size)); err != nil {
		return err
	}
	var want [crc32.Size]byte
	if _, err := io.ReadFull(f, want[:]); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(want[:]) != sum.Sum32() {
		return errSegment
	}
	return nil
}

// closingPatience is how long a shelf that is closed may take to bring its last
// batches to disk.
const closingPatience = 2 * time.Second

// close closes the shelf once its last batches lie on disk. The wait is not only
// for their sake, and what does not get there in time is made good later: bleve
// does not bear being closed while it writes a segment out.
func (s *shelf) close() error {
	if s.kept != nil {
		select {
		case <-s.kept:
		case <-time.After(closingPatience):
		}
	}
	defer reports.Delete(storePath(s.path))
	return guard(s.index.Close)
}

// discard closes the shelf and removes it.
func (s *shelf) discard() error { return errors.Join(s.close(), os.RemoveAll(s.path)) }

// batchSize is how many entities go into one batch.
const batchSize = 5000

// put writes entities in one batch, in place of what the shelf held of them. An
// id without an entity is taken out. If to is given, the batch takes the shelf
// there.
func (s *shelf) put(entities map[kg.ID]*kg.Entity, to *state) error {
	batch := s.index.NewBatch()
	for id, e := range entities {
		if e == nil {
			batch.Delete(string(id))
		} else if err := batch.IndexAdvanced(newDocument(e)); err != nil {
			return err
		}
	}
	if to != nil {
		batch.SetInternal(stateKey, to.encode())
	}
	kept := make(chan struct{})
	batch.SetPersistedCallback(func(error) { close(kept) })
	if err := guard(func() error { return s.index.Batch(batch) }); err != nil {
		return err
	}
	s.kept = kept
	return nil
}
