package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// logs forces what Badger has written to its logs onto the disk. Badger's own
// Sync would hold a lock that every read and write needs, and forces the newest
// log only, while what is not on the disk yet may lie in the one that has just
// become full.
type logs struct {
	// dir is Badger's folder.
	dir string
	// sync is forceFile; tests watch it. forced counts its calls.
	sync   func(path string) error
	forced atomic.Uint64

	mu sync.Mutex
	// active is the log that is written to, behind the oldest that may hold
	// something the disk does not, and values the same for the value log.
	active, behind, values uint64
	// named is the newest log whose name the disk has.
	named uint64

	// size is that of a log file, 0 where no space is kept for logs. ahead is
	// what the log after the active one has of the disk.
	size, ahead uint64
	// makeRoom is asked for space on a full disk.
	makeRoom func()
}

// The names of Badger's logs end like this, behind a number.
const (
	logEnding      = ".mem"
	valueLogEnding = ".vlog"
)

// openLogs finds the logs of a folder that Badger has just opened. What lay in
// them before is on the disk (settle).
func openLogs(dir string, size int64, makeRoom func()) (*logs, error) {
	rows, err := numbered(dir, logEnding)
	if err != nil {
		return nil, err
	}
	values, err := numbered(dir, valueLogEnding)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || len(values) == 0 {
		return nil, errors.New("the engine has made no log")
	}
	newest := rows[len(rows)-1]
	return &logs{
		dir: dir, sync: forceFile, active: newest, behind: newest, values: values[len(values)-1],
		size: uint64(size), makeRoom: makeRoom,
	}, nil
}

// numbered returns the numbers of the files in the folder whose names end so, in
// order.
func numbered(dir, ending string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		if digits, ok := strings.CutSuffix(e.Name(), ending); ok {
			n, err := strconv.ParseUint(digits, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.Name(), err)
			}
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func (l *logs) path(n uint64) string {
	return filepath.Join(l.dir, fmt.Sprintf("%05d%s", n, logEnding))
}

func (l *logs) valuePath(n uint64) string {
	return filepath.Join(l.dir, fmt.Sprintf("%06d%s", n, valueLogEnding))
}

// follow notes whether Badger has gone on to a new log. A log is full when a
// transaction has made it so, and the next is begun by the transaction after
// that; so whoever has written one calls this before it counts as written.
func (l *logs) follow() error {
	moved, err := l.move()
	if err != nil || !moved {
		return err
	}
	if err = l.reserve(); errors.Is(err, syscall.ENOSPC) {
		l.makeRoom()
		err = l.reserve()
	}
	return err
}

// move finds the active log.
func (l *logs) move() (moved bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		info, err := os.Stat(l.path(l.active + 1))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return moved, nil
		}
		if err != nil {
			return moved, err
		}
		l.active++
		l.ahead, moved = 0, true
	}
}

// reserve sees to it that the active log and the next have their space on the
// disk. Badger makes a log as a file of holes, which it writes into through
// mapped memory; a disk that is full by then would end the process. The next one
// is begun in the middle of a transaction, so it is there before, without length:
// that is how Badger knows that it may use it.
func (l *logs) reserve() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size == 0 || l.ahead == l.size {
		return nil
	}
	active, err := os.OpenFile(l.path(l.active), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = errors.Join(allocate(active, int64(l.size), true), active.Close())
	if errors.Is(err, errors.ErrUnsupported) {
		l.size = 0
		return nil
	}
	if err != nil {
		return err
	}
	next, err := os.OpenFile(l.path(l.active+1), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(allocate(next, int64(l.size), false), forceData(next), next.Close())
	if err != nil {
		return err
	}
	if err := syncFolder(l.dir); err != nil {
		return err
	}
	l.ahead, l.named = l.size, l.active+1
	return nil
}

// reserveValues does the same for the value log, which is hardly ever used.
func (l *logs) reserveValues() error {
	if l.size == 0 {
		return nil
	}
	numbers, err := numbered(l.dir, valueLogEnding)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(l.valuePath(numbers[len(numbers)-1]), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		err = allocate(file, info.Size(), true)
	}
	return errors.Join(err, file.Close())
}

// oldValues reports that there is a file of the value log, apart from the newest,
// with something in it.
func (l *logs) oldValues() (bool, error) {
	numbers, err := numbered(l.dir, valueLogEnding)
	if err != nil {
		return false, err
	}
	for _, n := range numbers[:len(numbers)-1] {
		if info, err := os.Stat(l.valuePath(n)); err == nil && info.Size() > logHeader {
			return true, nil
		}
	}
	return false, nil
}

// held is the space on the disk that is kept for the next log.
func (l *logs) held() uint64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ahead
}

// close takes away the log that has not been begun.
func (l *logs) close() error {
	path := l.path(l.active + 1)
	info, err := os.Stat(path)
	if err == nil && info.Size() == 0 {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// force makes everything last that has been written to the logs by now.
func (l *logs) force() error {
	if !forcesLogs {
		return nil
	}
	l.mu.Lock()
	from, to, named := l.behind, l.active, l.named
	l.mu.Unlock()
	for n := from; n <= to; n++ {
		err := l.forceFile(l.path(n))
		if errors.Is(err, fs.ErrNotExist) {
			// Badger has made a table of it, of which the disk lacks no more
			// than the name.
			named = 0
			continue
		}
		if err != nil {
			return err
		}
	}
	if named < to {
		if err := syncFolder(l.dir); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behind, l.named = max(l.behind, to), max(l.named, to)
	return nil
}

// forceValues makes everything last that has been written to the value log.
func (l *logs) forceValues() error {
	if !forcesLogs {
		return nil
	}
	numbers, err := numbered(l.dir, valueLogEnding)
	if err != nil {
		return err
	}
	l.mu.Lock()
	from := l.values
	l.mu.Unlock()
	for _, n := range numbers {
		if n < from {
			continue
		}
		// A file that is gone held nothing that anybody refers to.
		if err := l.forceFile(l.valuePath(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := syncFolder(l.dir); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.values = max(l.values, numbers[len(numbers)-1])
	return nil
}

func (l *logs) forceFile(path string) error {
	l.forced.Add(1)
	return l.sync(path)
}

// forceFile makes the contents of a file last, whoever wrote them.
func forceFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(forceData(f), f.Close())
}

// settle readies a folder that was found in order for Badger: it takes away what
// lies behind the last whole commit, which nobody has been told of, and makes
// what stays last. After a kill without a power cut it may be in the memory of
// the system alone, and from now on it will be read.
func (f findings) settle(dir string) error {
	last, cut := f.last(), false
	for _, log := range slices.Backward(f.logs) {
		path := filepath.Join(dir, log.name)
		if i := slices.IndexFunc(log.commits, func(c logged) bool { return c.timestamp > last }); i >= 0 {
			if err := os.Truncate(path, log.commits[i].start); err != nil {
				return err
			}
			cut = true
		}
	}
	for _, name := range f.files {
		path := filepath.Join(dir, name)
		switch filepath.Ext(name) {
		case logEnding, valueLogEnding:
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			// A crash while Badger makes or removes a log leaves it without
			// contents, which Badger takes for a mistake.
			if info.Size() == 0 {
				err = os.Remove(path)
			} else {
				err = forceFile(path)
			}
			if err != nil {
				return err
			}
			cut = cut || info.Size() == 0
		}
	}
	if !cut {
		return nil
	}
	return syncFolder(dir)
}
