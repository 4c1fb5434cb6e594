package badgerstore

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// mark is a small file beside Badger's that says what the store must hold. Badger
// cuts its log off at the first damaged byte and opens without a word; the mark
// is what tells that acknowledged commits are gone.
//
// It has two places, written in turn, so that a power cut in the middle of
// writing one leaves the other.
type mark struct {
	file *os.File
	standing
	// synced counts how often the file was forced to the disk.
	synced atomic.Uint64
}

// standing is what a mark says.
type standing struct {
	// format is the form of the store's rows, store the name in its identity.
	format, store uint64
	// written counts the writings of the mark; the larger one holds.
	written uint64
	// ready is false until the store has been created.
	ready bool
	// acknowledged is the timestamp of the last commit that a caller has been
	// told of.
	acknowledged uint64
	// memory is how much of the log Badger may have to hold when it opens, in
	// bytes: its MemTableSize at the time.
	memory int64
}

const (
	markName = "MARK"
	// markPlace is the length of one place: what disks write at once.
	markPlace = 512
	markForm  = "keiretsu-store format=%d store=%016x written=%d ready=%t acknowledged=%d memory=%d"
)

// readMark returns what the folder's mark says, or fs.ErrNotExist.
func readMark(dir string) (standing, error) {
	path := filepath.Join(dir, markName)
	data, err := os.ReadFile(path)
	if err != nil {
		return standing{}, err
	}
	if len(bytes.Trim(data, "\x00")) == 0 {
		// A crash before the first writing has reached the disk.
		return standing{}, fs.ErrNotExist
	}
	var newest standing
	found := false
	for ; len(data) > 0; data = data[min(markPlace, len(data)):] {
		if s, ok := parseStanding(data[:min(markPlace, len(data))]); ok && (!found || s.written > newest.written) {
			newest, found = s, true
		}
	}
	if !found {
		return standing{}, fmt.Errorf("%s is damaged", path)
	}
	return newest, nil
}

func (s standing) line() string {
	return fmt.Sprintf(markForm, s.format, s.store, s.written, s.ready, s.acknowledged, s.memory)
}

func parseStanding(place []byte) (s standing, ok bool) {
	text, sum, ok := strings.Cut(strings.TrimRight(string(place), " \n"), " sum=")
	if !ok || sum != checksum(text) {
		return standing{}, false
	}
	_, err := fmt.Sscanf(text, markForm, &s.format, &s.store, &s.written, &s.ready, &s.acknowledged, &s.memory)
	return s, err == nil
}

func checksum(text string) string {
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// openMark opens the mark of the folder for writing, with what it says.
func openMark(dir string, s standing) (*mark, error) {
	file, err := os.OpenFile(filepath.Join(dir, markName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return &mark{file: file, standing: s}, nil
}

// acknowledge notes that the commit is on the disk, before its writer is told.
func (m *mark) acknowledge(timestamp uint64) error {
	next := m.standing
	next.acknowledged = timestamp
	return m.write(next)
}

// write puts the standing into the older place and onto the disk.
func (m *mark) write(next standing) error {
	next.written++
	text := next.line()
	text += " sum=" + checksum(text)
	place := fmt.Sprintf("%-*s\n", markPlace-1, text)
	if _, err := m.file.WriteAt([]byte(place), int64(next.written%2)*markPlace); err != nil {
		return err
	}
	if err := forceData(m.file); err != nil {
		return err
	}
	m.standing = next
	m.synced.Add(1)
	return nil
}

func (m *mark) close() error { return m.file.Close() }
