package badgerstore

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
)

// findings are what lies in Badger's folder, looked at without touching it.
// Badger itself repairs while it opens: it cuts logs off at the first damaged
// byte, removes tables that its manifest does not name, and starts from nothing
// where the manifest is gone.
type findings struct {
	// manifest reports that there is one; files are all others that hold data.
	manifest bool
	files    []string
	// tables is the largest timestamp in the tables, 0 where there are none.
	// Tables hold everything up to it, since memory is written out in order.
	tables uint64
	// fresh counts the tables that have not been merged with others yet, and
	// toMerge is the size of them and of those of the level that they go to.
	fresh   int
	toMerge int64
	// idle is what the disk gives back of files that are of no use.
	idle uint64
	// logs are Badger's logs, oldest first.
	logs []log
}

// log is what one of Badger's logs holds.
type log struct {
	name string
	// commits are its transactions, in the order in which they were written.
	commits []logged
	// size is how long they are together.
	size int64
}

// logged is a transaction in a log.
type logged struct {
	timestamp uint64
	// start is where in the file it begins.
	start int64
	// torn reports that the value log does not have what it refers to.
	torn bool
}

// inspect looks through Badger's folder and checks every table. What it cannot
// read or what is not as it was written is an error. Commits up to the one that
// was acknowledged last are known to be on the disk, value log and all.
func inspect(ctx context.Context, dir string, acknowledged uint64) (findings, error) {
	var f findings
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	for _, e := range entries {
		switch name := e.Name(); filepath.Ext(name) {
		case ".sst", ".mem", ".vlog":
			f.files = append(f.files, name)
		default:
			f.manifest = f.manifest || name == badger.ManifestFilename
		}
	}
	if !f.manifest {
		return f, nil
	}
	tables, err := readManifest(dir)
	if err != nil {
		return f, err
	}
	if f.tables, err = checkTables(ctx, dir, tables); err != nil {
		return f, err
	}
	if err := f.weigh(dir, tables); err != nil {
		return f, err
	}
	for _, name := range f.files { // in order of their names, and so of their numbers
		if filepath.Ext(name) != logEnding {
			continue
		}
		commits, size, err := readLog(filepath.Join(dir, name), acknowledged)
		if err != nil {
			return f, err
		}
		f.logs = append(f.logs, log{name, commits, size})
	}
	return f, nil
}

// weigh sums up how much there is of what.
func (f *findings) weigh(dir string, tables map[uint64]badger.TableManifest) error {
	known := make(map[string]bool)
	levels := make(map[uint8]int64)
	for id, m := range tables {
		path := table.NewFilename(id, dir)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		known[filepath.Base(path)] = true
		levels[m.Level] += info.Size()
		if m.Level == 0 {
			f.fresh++
		}
	}
	f.toMerge = levels[0]
	for level := uint8(1); level != 0; level++ {
		if levels[level] > 0 {
			f.toMerge += levels[level]
			break
		}
	}
	for _, name := range f.files {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if empty := info.Size() == 0; !empty && (filepath.Ext(name) != ".sst" || known[name]) {
			continue
		}
		if bytes, err := allocated(path); err == nil {
			f.idle += bytes
		}
	}
	return nil
}

// waiting returns how much Badger may write as soon as it opens the folder: a
// table of every log, and where that makes as many as it merges, what comes of
// merging them.
func (f findings) waiting(merged int) uint64 {
	logged := int64(0)
	for _, log := range f.logs {
		logged += log.size
	}
	if f.fresh+len(f.logs) < merged {
		return uint64(logged)
	}
	return uint64(2*logged + f.toMerge)
}

// timestamps returns those of the whole transactions in the logs, in order, each
// once.
func (f findings) timestamps() []uint64 {
	var all []uint64
	for _, log := range f.logs {
		for _, c := range log.commits {
			if !c.torn {
				all = append(all, c.timestamp)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// last returns the last commit up to which nothing is missing, 0 where there
// is none.
func (f findings) last() uint64 {
	last := f.tables
	for _, ts := range f.timestamps() {
		if ts == last+1 {
			last = ts
		}
	}
	return last
}

// loose counts the commits behind the last: those of a group that had not been
// acknowledged when the power went, of which the disk has the later ones.
func (f findings) loose() int {
	last := f.last()
	seen := make(map[uint64]bool)
	for _, log := range f.logs {
		for _, c := range log.commits {
			if c.timestamp > last {
				seen[c.timestamp] = true
			}
		}
	}
	return len(seen)
}

// check compares what was found with what the mark says must be there.
func (f findings) check(s standing) error {
	switch {
	case !f.manifest && len(f.files) > 0:
		return fmt.Errorf("there is data but no %s: the folder is damaged or only half copied; restore it from a backup",
			filepath.Join(tablesDir, badger.ManifestFilename))
	case s.ready && !f.manifest:
		return fmt.Errorf("%s says that it holds data, which is gone; restore the folder from a backup", markName)
	case s.written == 0 && f.manifest:
		return fmt.Errorf("there is data but no %s: the folder is damaged or only half copied; restore it from a backup", markName)
	case f.last() < s.acknowledged:
		return lost(s.acknowledged - f.last())
	}
	return nil
}

// readManifest returns the tables that Badger will open.
func readManifest(dir string) (map[uint64]badger.TableManifest, error) {
	file, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	m, _, err := badger.ReplayManifestFile(file, 0, badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		return nil, fmt.Errorf("its %s is damaged (%s); restore the folder from a backup", badger.ManifestFilename, firstLine(err.Error()))
	}
	return m.Tables, nil
}

// checkTables reads every block of every table and returns the largest
// timestamp.
func checkTables(ctx context.Context, dir string, tables map[uint64]badger.TableManifest) (uint64, error) {
	var (
		mu      sync.Mutex
		largest uint64
		failed  error
		wg      sync.WaitGroup
	)
	ids := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for id := range ids {
				version, err := checkTable(table.NewFilename(id, dir), tables[id])
				mu.Lock()
				largest = max(largest, version)
				if failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	for id := range tables {
		if ctx.Err() != nil {
			break
		}
		ids <- id
	}
	close(ids)
	wg.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return largest, failed
}

// checkTable reads a table as Badger would. Where the table is damaged, Badger
// returns an error or panics depending on where; here both are an error.
func checkTable(path string, m badger.TableManifest) (largest uint64, err error) {
	damaged := func(cause any) error {
		return fmt.Errorf("the table %s is damaged (%s); restore the folder from a backup", filepath.Base(path), firstLine(fmt.Sprint(cause)))
	}
	if err := checkFooter(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("the table %s is missing; restore the folder from a backup", filepath.Base(path))
		}
		return 0, damaged(err)
	}
	file, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, damaged(err)
	}
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(runtime.Error); ok {
				p = "its parts do not fit together"
			}
			err = damaged(p)
		}
		_ = file.Close(-1)
	}()
	t, err := table.OpenTable(file, table.Options{
		ReadOnly: true, BlockSize: 4 << 10, Compression: m.Compression, ChkMode: options.NoVerification,
	})
	if err != nil {
		return 0, damaged(err)
	}
	if err := t.VerifyChecksum(); err != nil {
		return 0, damaged(err)
	}
	return t.MaxVersion(), nil
}

// checkFooter makes sure that the lengths at the end of a table lie within it:
// Badger ends the process where they do not.
func checkFooter(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	for _, part := range []string{"checksum", "index"} {
		var length [4]byte
		if end -= 4; end < 0 {
			return fmt.Errorf("it has only %d bytes", info.Size())
		}
		if _, err := file.ReadAt(length[:], end); err != nil {
			return err
		}
		if end -= int64(binary.BigEndian.Uint32(length[:])); end < 0 {
			return fmt.Errorf("its %s is longer than the file", part)
		}
	}
	return nil
}

// The form of Badger's logs, which are not read by any function that it exports.
const (
	logHeader    = 20
	logPointer   = 1 << 1 // the value is in the value log
	logInBatch   = 1 << 6
	logEndsBatch = 1 << 7
	logMaxHeader = 2 + 3*binary.MaxVarintLen64
)

// readLog returns the transactions that a log holds whole, up to the first
// damaged byte: those that Badger would find. Of those behind the acknowledged
// one it also looks into the value log. It also returns how far it has read.
func readLog(path string, acknowledged uint64) (commits []logged, at int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<20)
	if _, err := in.Discard(logHeader); err != nil {
		return nil, 0, nil
	}
	var entry logEntry
	var now logged // the transaction that is being read, 0 where there is none
	for at = logHeader; ; at += int64(len(entry.body)) + crc32.Size {
		if ok, err := entry.read(in); err != nil || !ok {
			return commits, at, err
		}
		switch {
		case entry.body[0]&logInBatch != 0:
			ts := entry.timestamp()
			if now.timestamp == 0 {
				now = logged{timestamp: ts, start: at}
			}
			if ts == 0 || ts != now.timestamp {
				return commits, at, nil
			}
			if entry.body[0]&logPointer != 0 && ts > acknowledged {
				now.torn = now.torn || !valueIsThere(filepath.Dir(path), entry.value())
			}
		case entry.body[0]&logEndsBatch != 0:
			ts, err := strconv.ParseUint(string(entry.value()), 10, 64)
			if err != nil || ts != now.timestamp {
				return commits, at, nil
			}
			commits = append(commits, now)
			now = logged{}
		case now.timestamp != 0:
			return commits, at, nil
		}
	}
}

// logEntry is one entry of a log, without its checksum.
type logEntry struct {
	body      []byte
	size, key int // of the header and the key in it
}

// read takes the next entry, if there is a whole one.
func (e *logEntry) read(in *bufio.Reader) (ok bool, err error) {
	// The end of the log is a row of zeros, and so is the header there.
	header, err := in.Peek(logMaxHeader)
	if err != nil && err != io.EOF {
		return false, err
	}
	size, key, value, ok := parseLogHeader(header)
	if !ok {
		return false, nil
	}
	length := size + key + value
	e.body = slices.Grow(e.body[:0], length+crc32.Size)[:length+crc32.Size]
	if _, err := io.ReadFull(in, e.body); err != nil {
		return false, nil //nolint:nilerr // the file is shorter than the entry says
	}
	sum := binary.BigEndian.Uint32(e.body[length:])
	e.body, e.size, e.key = e.body[:length], size, key
	return crc32.Checksum(e.body, y.CastagnoliCrcTable) == sum, nil
}

func (e *logEntry) value() []byte { return e.body[e.size+e.key:] }

// timestamp returns that of the key, 0 where it has none.
func (e *logEntry) timestamp() uint64 {
	if e.key < 8 {
		return 0
	}
	return y.ParseTs(e.body[e.size : e.size+e.key])
}

// valueIsThere reports that the value log has, whole, what a row of a log refers
// to.
func valueIsThere(dir string, pointer []byte) bool {
	if len(pointer) != 12 {
		return false
	}
	part := func(i int) uint32 { return binary.NativeEndian.Uint32(pointer[4*i:]) }
	file, err := os.Open((&logs{dir: dir}).valuePath(uint64(part(0))))
	if err != nil {
		return false
	}
	defer file.Close()
	var entry logEntry
	length, at := int64(part(1)), int64(part(2))
	whole, err := entry.read(bufio.NewReaderSize(io.NewSectionReader(file, at, length), 64<<10))
	return err == nil && whole && int64(len(entry.body))+crc32.Size == length
}

// parseLogHeader returns the lengths of a log entry's header, key and value.
func parseLogHeader(header []byte) (size, key, value int, ok bool) {
	if len(header) < 2 {
		return 0, 0, 0, false
	}
	size = 2
	var lengths [3]uint64
	for i := range lengths {
		n, used := binary.Uvarint(header[size:])
		if used <= 0 {
			return 0, 0, 0, false
		}
		lengths[i] = n
		size += used
	}
	if lengths[0] == 0 || lengths[0] > 1<<16 || lengths[1] > maxValue+1<<10 {
		return 0, 0, 0, false
	}
	return size, int(lengths[0]), int(lengths[1]), true
}
