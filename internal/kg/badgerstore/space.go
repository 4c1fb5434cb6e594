package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"keiretsu/internal/kg"
)

// space keeps the store from writing while the disk is nearly full. Badger writes
// its logs and tables through mapped memory, where the system ends the process
// if the disk has no room for a page. So the logs have their space before they
// are written (logs), and writing stops while there is enough left for the tables
// that Badger is still to make of what it has.
//
// Other programs may take that too. A spare file holds some of it. It is given up
// for a table that is about to be made, for a log that cannot wait, or for opening
// the folder, and taken again, before anything else, when there is room. Once it
// is gone, merges wait (brake).
type space struct {
	dir string
	log *slog.Logger
	// needed must be free before anything is written, and so must be what the
	// engine is at together with memory, for tables of the rows that are still
	// there; least must be free before it opens the folder.
	needed, memory, least uint64
	// spare is the size of the spare file.
	spare uint64
	// logs are the engine's, once it is open, and atWork returns how much its
	// compactions may take before they give anything back.
	logs   *logs
	atWork func() uint64

	// closing is closed when the engine is about to be, and stuck when a merge
	// keeps it from that.
	closing, stuck chan struct{}
	isStuck        sync.Once

	mu sync.Mutex
	// free tells what the disk has left; tests let it say something else.
	free func(dir string) (uint64, error)
	// held is what the spare file has at present.
	held uint64
	// off is why nothing is written, nil where writing goes on.
	off *kg.UnavailableError
}

const spareName = "SPARE"

// lookEvery is how often the disk is looked at, apart from before every write. It
// costs about a microsecond.
const lookEvery = 100 * time.Millisecond

// newSpace returns the space of a folder, for an engine with memory and value log
// files of these sizes that has so much to write as soon as it is open.
func newSpace(dir string, logger *slog.Logger, memory, values int64, waiting uint64) *space {
	s := &space{
		dir: dir, log: logger, free: freeSpace,
		needed: max(4*uint64(memory), 2*(uint64(memory)+uint64(values))*11/10),
		memory: 3 * uint64(memory),
		least:  1<<20 + waiting,
		spare:  2 * uint64(memory),
		atWork: func() uint64 { return 0 }, closing: make(chan struct{}), stuck: make(chan struct{}),
	}
	if size, err := allocated(s.path()); err == nil {
		s.held = size
	}
	return s
}

func (s *space) path() string { return filepath.Join(s.dir, spareName) }

// setFree lets something else say what the disk has left.
func (s *space) setFree(free func(string) (uint64, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = free
}

// check returns nil if so many bytes may be written.
func (s *space) check(bytes uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	available, err := s.look()
	if err != nil {
		return err
	}
	if s.off != nil {
		return s.off
	}
	// Rows are written to a log, then to a table, then to another one.
	if needed := s.enough() + 4*bytes; available < needed {
		return full(available, needed)
	}
	return nil
}

// left returns what is available and what is needed.
func (s *space) left() (available, needed uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	available, err = s.look()
	return available, s.enough(), err
}

// watch looks at the disk.
func (s *space) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.look(); err != nil {
		s.log.Warn("how much is left on the disk cannot be told", "folder", s.dir, "error", err)
	}
}

// ease gives up the spare file if a table that is about to be made needs it. It
// reports that there is room.
func (s *space) ease() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, err := s.free(s.dir)
	switch {
	case err != nil || free >= s.spare:
		return true
	case s.held > 0:
		s.release()
		return true
	}
	return s.spare == 0
}

// brake holds a merge back that is about to make a table, until there is room. A
// store that is being closed is told that it will have to wait.
func (s *space) brake() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	closing := s.closing
	for !s.ease() {
		select {
		case <-tick.C:
		case <-closing:
			s.isStuck.Do(func() { close(s.stuck) })
			closing = nil
		}
	}
}

// look turns writing off or on, as the disk has it, and returns what is available.
// The caller holds mu.
func (s *space) look() (available uint64, err error) {
	free, err := s.free(s.dir)
	if err != nil {
		return 0, err
	}
	available = free + s.held + s.logs.held()
	needed := s.enough()
	switch {
	case available < needed:
		s.turnOff(full(available, needed))
	case s.off == nil && s.held >= s.spare:
	case s.reserve() != nil:
		s.turnOff(full(available, needed))
	case s.off != nil:
		s.off = nil
		s.log.Info("there is room on the disk again, and writes are taken", "folder", s.dir, "free", available)
	}
	return available, nil
}

// enough returns what must be free before anything is written.
func (s *space) enough() uint64 { return max(s.needed, s.memory+s.atWork()) }

func (s *space) turnOff(why *kg.UnavailableError) {
	if s.off == nil {
		s.log.Warn("no writes are taken", "folder", s.dir, "reason", why.Reason)
	}
	s.off = why
}

// full is why a disk with so many bytes left is not written to.
func full(available, needed uint64) *kg.UnavailableError {
	return &kg.UnavailableError{Reason: fmt.Sprintf(
		"the disk has %d MiB left and %d MiB are needed: nothing is written until there is room, then writing resumes by itself; reading goes on",
		available>>20, (needed+1<<20-1)>>20)}
}

// reserve takes the space that writing needs to have for certain.
func (s *space) reserve() error {
	if s.logs != nil {
		if err := s.logs.reserve(); err != nil {
			return err
		}
	}
	if s.held >= s.spare {
		return nil
	}
	file, err := os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = errors.Join(allocate(file, int64(s.spare), true), file.Close())
	if errors.Is(err, errors.ErrUnsupported) {
		s.spare = 0
		return os.Remove(s.path())
	}
	if err != nil {
		return err
	}
	s.held = s.spare
	return nil
}

// release gives up the spare file.
func (s *space) release() {
	err := os.Remove(s.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("the spare space on the disk cannot be given up", "folder", s.dir, "error", err)
		return
	}
	s.held = 0
}

// makeRoom gives up the spare file for what cannot wait.
func (s *space) makeRoom() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release()
}

// admit returns an error where there is too little room for the engine to open
// the folder: even to be read, it writes something. It begins by giving so much
// back that is idle.
func (s *space) admit(create bool, idle uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, err := s.free(s.dir)
	if err != nil {
		return err
	}
	needed := s.least
	if create {
		needed = max(needed, s.needed)
	}
	free += idle
	if free+s.held < needed {
		return fmt.Errorf("the disk has %d MiB left and %d are needed: %w", (free+s.held)>>20, (needed+1<<20-1)>>20, kg.ErrUnavailable)
	}
	if free < needed {
		s.release()
	}
	return nil
}

// start takes what writing needs of the disk, or leaves writing off. The engine
// is open by now.
func (s *space) start(l *logs, atWork func() uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs, s.atWork = l, atWork
	free, err := s.free(s.dir)
	if err != nil {
		return err
	}
	available, needed := free+s.held, s.enough()
	if available < needed || s.reserve() != nil {
		s.turnOff(full(available, needed))
	}
	return nil
}

// atWork returns how much of the disk compactions may take before they remove
// what they were made from: all that is in the first level and in the one it is
// merged into, and beside that a piece of some level with what lies under it in
// the next.
func (s *Store) atWork() uint64 {
	const overlap = 12 // tables of the next level, each ten times as wide
	levels := s.db.Levels()
	first, piece := levels[0].Size, int64(0)
	for i, l := range levels[1:] {
		if l.IsBaseLevel {
			first += l.Size
		}
		under := l
		if i+2 < len(levels) {
			under = levels[i+2]
		}
		piece = max(piece, min(l.Size, l.TargetFileSize)+min(under.Size, overlap*under.TargetFileSize))
	}
	if levels[0].NumTables == 0 {
		first = 0
	}
	return uint64(first + piece)
}

// startWatching looks at the disk from time to time.
func (s *Store) startWatching() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-s.space.closing:
				return
			case <-tick.C:
				s.space.watch()
			}
		}
	}()
	s.stopWatching = func() {
		close(s.space.closing)
		<-done
	}
}
