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
	// logged are the timestamps committed in the logs, in order, each once.
	logged []uint64
}

// inspect looks through Badger's folder and checks every table. What it cannot
// read or what is not as it was written is an error.
func inspect(ctx context.Context, dir string) (findings, error) {
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
	for _, name := range f.files {
		if filepath.Ext(name) != ".mem" {
			continue
		}
		logged, err := readLog(filepath.Join(dir, name))
		if err != nil {
			return f, err
		}
		f.logged = append(f.logged, logged...)
	}
	slices.Sort(f.logged)
	f.logged = slices.Compact(f.logged)
	return f, nil
}

// last returns the last commit up to which nothing is missing, 0 where there
// is none.
func (f findings) last() uint64 {
	last := f.tables
	for _, ts := range f.logged {
		if ts == last+1 {
			last = ts
		}
	}
	return last
}

// gap reports that there is something behind the last whole commit.
func (f findings) gap() bool {
	n := len(f.logged)
	return n > 0 && f.logged[n-1] > f.last()
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
	case f.gap():
		return fmt.Errorf("its log is damaged: commit %d is missing; restore the folder from a backup", f.last()+1)
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
	logEndsBatch = 1 << 7
	logMaxHeader = 2 + 3*binary.MaxVarintLen64
)

// readLog returns the timestamps of the transactions that a log holds whole, up
// to the first damaged byte: those that Badger would find.
func readLog(path string) ([]uint64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<20)
	if _, err := in.Discard(logHeader); err != nil {
		return nil, nil
	}
	var committed []uint64
	var entry []byte
	for {
		// The end of the log is a row of zeros, and so is the header there.
		header, err := in.Peek(logMaxHeader)
		if err != nil && err != io.EOF {
			return nil, err
		}
		size, key, value, ok := parseLogHeader(header)
		if !ok {
			return committed, nil
		}
		entry = slices.Grow(entry[:0], size+key+value+crc32.Size)[:size+key+value+crc32.Size]
		if _, err := io.ReadFull(in, entry); err != nil {
			return committed, nil
		}
		body, sum := entry[:size+key+value], entry[size+key+value:]
		if crc32.Checksum(body, y.CastagnoliCrcTable) != binary.BigEndian.Uint32(sum) {
			return committed, nil
		}
		if body[0]&logEndsBatch != 0 {
			ts, err := strconv.ParseUint(string(body[size+key:]), 10, 64)
			if err != nil {
				return committed, nil
			}
			committed = append(committed, ts)
		}
	}
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
