package badgerstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"keiretsu/internal/kg"
)

// formatVersion is the form of keys and values. A change to either, or to what
// kg makes of names and how it orders them, is a new form.
const formatVersion = 2

// Options say where a store is and what it may use.
type Options struct {
	// Dir is the folder of the store. It is made if it does not exist.
	Dir string
	// Memory is what the engine may hold, in bytes; 0 stands for 256 MiB, and
	// anything below 64 MiB for that. While much is loaded it takes about half
	// as much again. Files that it maps are not counted.
	Memory int64
	// Loading is for a store that is opened to write much into it: tables pile up
	// until there are many to merge at once. Loading takes less than half as many
	// writes to the disk; reading is slower until the next opening has merged them.
	// Memory 0 then stands for 512 MiB.
	Loading bool
	// Logger is told what goes on inside the engine; nil for nobody.
	Logger *slog.Logger
}

// Sizes of the engine, in bytes.
const (
	defaultMemory = 256 << 20
	loadingMemory = 512 << 20
	leastMemory   = 64 << 20
	// mostRows bounds the rows kept in memory before they become a table: more
	// makes no batch faster and every restart after a crash slower.
	mostRows = 128 << 20
	// valueThreshold is the length from which a value leaves the tree for the
	// value log. Almost none is that long.
	valueThreshold = 1 << 20
	valueLogFile   = 64 << 20
)

// collectEvery is how often the value log is cleared of what nobody refers to.
const collectEvery = 10 * time.Minute

const (
	lockName = "LOCK"
	// tablesDir is the folder, inside the store's, that belongs to Badger.
	tablesDir = "badger"
)

// badgerOptions divides the memory: an eighth for the rows written last, of
// which there are several such pieces on their way to a table while much is
// written, and a quarter for blocks read from disk.
func badgerOptions(o Options) badger.Options {
	memory, merged := int64(defaultMemory), 5
	if o.Loading {
		memory, merged = loadingMemory, 20
	}
	if o.Memory != 0 {
		memory = max(o.Memory, leastMemory)
	}
	return badger.DefaultOptions(filepath.Join(o.Dir, tablesDir)).
		WithMetricsEnabled(false).
		WithSyncWrites(!forcesLogs).
		WithDetectConflicts(false).
		WithMemTableSize(min(memory/8, mostRows)).
		WithNumMemtables(2).
		WithBlockCacheSize(memory / 4).
		WithNumCompactors(2).
		WithNumLevelZeroTables(merged).
		WithNumLevelZeroTablesStall(3 * merged).
		WithValueThreshold(valueThreshold).
		WithValueLogFileSize(valueLogFile).
		WithVerifyValueChecksum(true).
		// Tables are checked as a whole before the engine opens them, where a
		// damaged one is an error and not the end of the process.
		WithChecksumVerificationMode(options.OnBlockRead)
}

// Open opens the store in a folder, or creates it in an empty one. It refuses,
// with one line that names the folder and touching nothing, what another
// process uses (ErrUnavailable), what was written by a newer program, and what
// is damaged or incomplete.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := open(ctx, o, badgerOptions(o))
	if err != nil {
		return nil, wrap("open "+o.Dir, err)
	}
	return s, nil
}

func open(ctx context.Context, o Options, engine badger.Options) (*Store, error) {
	s, err := hold(o)
	if err != nil {
		return nil, err
	}
	if err := s.openHeld(ctx, engine); err != nil {
		return nil, err
	}
	return s, nil
}

// hold takes the folder for a store that is not open yet.
func hold(o Options) (*Store, error) {
	if err := checkRestored(o.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, plain("it cannot be made (use another folder, or move away what is in its place)", err)
	}
	lock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	return &Store{
		dir: o.Dir, log: o.Logger, lock: lock, pieces: usualPieces,
		writing: make(chan struct{}, 1), wake: make(chan struct{}, 1), last: durable(),
		stopGC: func() {}, stopForcing: func() {}, stopWatching: func() {},
		beforePart: func() error { return nil }, beforeForce: func() error { return nil },
	}, nil
}

// openHeld opens the store, or lets go of its folder.
func (s *Store) openHeld(ctx context.Context, engine badger.Options) error {
	err := s.open(ctx, engine)
	if err == nil {
		return nil
	}
	// What is open by now is closed for the sake of the caller who may try
	// again; the first error is the one to tell.
	if s.db != nil {
		_ = s.db.Close()
	}
	if s.mark != nil {
		_ = s.mark.close()
	}
	_ = s.lock.release()
	return err
}

// open opens what is in the locked folder.
func (s *Store) open(ctx context.Context, o badger.Options) error {
	standing, err := readMark(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		standing.format = formatVersion
	case err != nil:
		return fmt.Errorf("%w; restore the folder from a backup", err)
	case standing.format > formatVersion:
		return fmt.Errorf("it was written by a newer version of the program (format %d; this one reads up to %d)", standing.format, formatVersion)
	}
	found, err := inspect(ctx, o.Dir, standing.acknowledged)
	if err != nil {
		return err
	}
	if err := found.check(standing); err != nil {
		return err
	}
	if err := found.belongs(o.Dir, standing); err != nil {
		return err
	}
	if len(found.logs) > 0 {
		// A log is read back into memory as a whole, and Badger ends the process
		// where it does not fit.
		o.MemTableSize = max(o.MemTableSize, standing.memory)
	}
	s.space = newSpace(s.dir, s.log, o.MemTableSize, o.ValueLogFileSize, found.waiting(o.NumLevelZeroTables))
	if err := s.space.admit(!standing.ready, found.idle); err != nil {
		return err
	}
	if s.mark, err = openMark(s.dir, standing); err != nil {
		return plain("it cannot be written to", err)
	}
	if err := s.announce(o.MemTableSize); err != nil {
		return plain("it cannot be written to", err)
	}
	if n := found.loose(); n > 0 {
		s.log.Warn("what a crash left of commits that nobody was told of is taken away", "folder", s.dir, "commits", n)
	}
	if err := found.settle(o.Dir); err != nil {
		return plain("it cannot be written to", err)
	}
	o = o.WithLogger(logger{s.log, s.space.brake, func() { s.space.ease() }})
	if s.db, err = openBadger(o); err != nil {
		return err
	}
	if s.logs, err = openLogs(o.Dir, 2*o.MemTableSize, s.space.makeRoom); err != nil {
		return err
	}
	if err := s.space.start(s.logs, s.atWork); err != nil {
		return err
	}
	if !standing.ready {
		if err := s.create(); err != nil {
			return err
		}
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.startForcing()
	s.startWatching()
	s.startGC()
	return nil
}

// plain says in front of a system error what it means.
func plain(meaning string, err error) error { return fmt.Errorf("%s: %w", meaning, err) }

// announce notes, before anything else is written, how large logs may become,
// and of a new folder that it is about to become a store, so that one half made
// is told from one half lost.
func (s *Store) announce(memory int64) error {
	next := s.mark.standing
	next.memory = memory
	if next.written == 0 {
		var name [8]byte
		if _, err := rand.Read(name[:]); err != nil {
			return err
		}
		next.store = binary.BigEndian.Uint64(name[:])
	}
	if next == s.mark.standing {
		return nil
	}
	if err := s.mark.write(next); err != nil {
		return err
	}
	return syncFolder(s.dir)
}

// create writes the first rows of an empty store.
func (s *Store) create() error {
	who := identity{format: formatVersion, store: s.mark.store, created: time.Now()}
	if err := s.write([]row{who.row(), head{}.row()}, created); err != nil {
		return err
	}
	if err := s.logs.force(); err != nil {
		return err
	}
	next := s.mark.standing
	next.ready, next.acknowledged = true, created
	return s.mark.write(next)
}

// load reads where the store stands and makes sure that it is the one the mark
// speaks of.
func (s *Store) load(ctx context.Context) error {
	r := s.reader(ctx, latest, &s.work)
	defer r.close()
	var who identity
	if err := r.meta(identityName, func(d *decoder) { who = d.identity() }); err != nil {
		return err
	}
	h, err := r.head()
	if err != nil {
		return err
	}
	item, err := r.txn.Get(h.row().key)
	if err != nil {
		return err
	}
	s.newest, s.counts = moment{h.revision, item.Version()}, h.counts
	switch {
	case who.store != s.mark.store:
		return fmt.Errorf("its %s belongs to another store; restore the folder from a backup", markName)
	case s.newest.timestamp < s.mark.acknowledged:
		return lost(s.mark.acknowledged - s.newest.timestamp)
	}
	if err := s.undo(ctx, h); err != nil {
		return err
	}
	if s.newest.timestamp > s.mark.acknowledged {
		// Whoever reads it may rely on it from now on.
		if err := s.mark.acknowledge(s.newest.timestamp); err != nil {
			return plain("it cannot be written to", err)
		}
	}
	s.staged = s.newest
	s.db.SetDiscardTs(s.newest.timestamp)
	return nil
}

// undo takes back what a crash left of a batch that was written in several
// transactions: all that lies behind the head. It writes what was there before
// over it, as a commit of its own.
func (s *Store) undo(ctx context.Context, h head) error {
	last := s.db.MaxVersion()
	if last <= s.newest.timestamp {
		return nil
	}
	before := s.reader(ctx, s.newest, &s.work)
	defer before.close()
	torn := s.db.NewTransactionAt(last, false)
	defer torn.Discard()
	it := torn.NewIterator(badger.IteratorOptions{AllVersions: true, SinceTs: s.newest.timestamp})
	defer it.Close()
	var rows []row
	for it.Rewind(); it.Valid(); it.Next() {
		row := row{key: it.Item().KeyCopy(nil)}
		if n := len(rows); n > 0 && bytes.Equal(rows[n-1].key, row.key) {
			continue
		}
		_, err := before.get(row.key, func(value []byte) error {
			row.value = append(nothing, value...)
			return nil
		})
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	s.log.Warn("a batch that was cut short is taken back", "folder", s.dir, "revision", h.revision+1, "rows", len(rows))
	if err := s.write(append(rows, h.row()), last+1); err != nil {
		return err
	}
	s.newest.timestamp = last + 1
	return s.logs.force()
}

// lost is the error of a store that holds less than was promised.
func lost(commits uint64) error {
	return fmt.Errorf("the last %d of the commits that it acknowledged are missing: data is lost; restore the folder from a backup", commits)
}

const unopened = "the engine does not open it (restore the folder from a backup)"

// openBadger opens the engine. A panic of the engine's on this goroutine is an
// error like others.
func openBadger(o badger.Options) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %s", unopened, firstLine(fmt.Sprint(p)))
		}
	}()
	db, err = badger.OpenManaged(o)
	if err != nil {
		// Badger returns a database together with some errors.
		return nil, plain(unopened, errors.New(firstLine(err.Error())))
	}
	return db, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// startGC lets the engine give disk space back from time to time.
func (s *Store) startGC() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(collectEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.collect(ctx)
			}
		}
	}()
	s.stopGC = func() {
		cancel()
		<-done
	}
}

// collect rewrites value log files until none is worth it.
func (s *Store) collect(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.collectOne()
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
			return
		}
		if err != nil {
			s.log.Warn("the value log could not be tidied", "folder", s.dir, "error", err)
			return
		}
	}
}

// collectOne rewrites one file of the value log. Badger removes the old file as
// soon as nobody can be reading it; an iterator keeps it until the new one is on
// the disk.
func (s *Store) collectOne() error {
	if old, err := s.logs.oldValues(); err != nil || !old {
		return errors.Join(err, badger.ErrNoRewrite)
	}
	if err := s.space.check(uint64(s.db.Opts().ValueLogFileSize)); err != nil {
		return err
	}
	if err := s.logs.reserveValues(); err != nil {
		return err
	}
	txn := s.db.NewTransactionAt(latest.timestamp, false)
	reading := txn.NewIterator(badger.IteratorOptions{})
	err := s.db.RunValueLogGC(0.5)
	if err == nil {
		err = errors.Join(s.logs.follow(), s.logs.forceValues(), s.logs.force())
		if err != nil {
			// The old file is needed when the store is opened again, so the
			// iterator stays open.
			return s.fail(err)
		}
	}
	reading.Close()
	txn.Discard()
	return err
}

// folderLock keeps other processes out of a folder.
type folderLock struct{ file *os.File }

// lockFolder takes the folder for this process. Its lock file holds the
// process's number.
func lockFolder(dir string) (*folderLock, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, plain("it cannot be written to (use another folder, or move away what is in the way)", err)
	}
	held, err := lockFile(file)
	if err != nil || !held {
		defer file.Close()
		if err != nil {
			return nil, plain("it cannot be locked", err)
		}
		return nil, fmt.Errorf("%w: %s", kg.ErrUnavailable, inUse(file))
	}
	if err = file.Truncate(0); err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) { // on a full disk, the lock has to do without a number
		_ = file.Close()
		return nil, plain("it cannot be written to", err)
	}
	return &folderLock{file}, nil
}

func inUse(file *os.File) string {
	number := make([]byte, 20)
	n, _ := file.ReadAt(number, 0)
	if pid := strings.TrimSpace(string(number[:n])); pid != "" {
		return "it is in use by another process (" + pid + ")"
	}
	return "it is in use by another process"
}

// release lets others in. The file stays, empty: to remove it would be to
// remove one that another process has locked meanwhile.
func (l *folderLock) release() error { return errors.Join(l.file.Truncate(0), l.file.Close()) }

// syncFolder makes the names in a folder last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
