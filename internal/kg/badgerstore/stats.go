package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keiretsu/internal/kg"
)

// Stats says how a store stands.
type Stats struct {
	Store    string
	Revision kg.Revision
	// Records counts the records of every kind.
	Records map[kg.RecordKind]int64
	// Disk is what the parts of the folder take on the disk, in bytes: tables,
	// logs (of what is in memory only otherwise), values (those too long for
	// tables) and rest.
	Disk map[string]int64
	// Free is how much can still be written beside them, in bytes, what the store
	// holds ready included, and Needed how much there must be for it to take
	// writes.
	Free, Needed uint64
	// Levels are the levels of tables that hold any.
	Levels []Level
	// MemoryTable is the size up to which rows are kept in memory before they
	// become a table, in bytes.
	MemoryTable int64
	// Snapshots counts the moments that somebody holds open.
	Snapshots int
	// Unwritable says why nothing can be written at present; "" where it can.
	Unwritable string
}

// Level is one level of tables.
type Level struct {
	Level  int   `json:"level"`
	Tables int   `json:"tables"`
	Bytes  int64 `json:"bytes"`
}

// Stats returns how the store stands. It reads no records.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	var stats Stats
	err := s.atNewest(ctx, "stats", func(r *reader, at kg.Revision) error {
		who, err := r.identity()
		if err != nil {
			return err
		}
		h, err := r.head()
		if err != nil {
			return err
		}
		stats = Stats{Store: storeName(who.store), Revision: at, Records: h.counts, MemoryTable: s.db.Opts().MemTableSize}
		for _, l := range s.db.Levels() {
			if l.NumTables > 0 {
				stats.Levels = append(stats.Levels, Level{l.Level, l.NumTables, l.Size})
			}
		}
		if stats.Disk, err = diskOf(s.dir); err != nil {
			return err
		}
		stats.Free, stats.Needed, err = s.space.left()
		return err
	})
	if err != nil {
		return Stats{}, err
	}
	s.mu.Lock()
	for _, p := range s.pins {
		if p.snapshots > 0 {
			stats.Snapshots++
		}
	}
	s.mu.Unlock()
	if err := s.Writable(); err != nil {
		stats.Unwritable = firstLine(err.Error())
		if why, ok := errors.AsType[*kg.UnavailableError](err); ok {
			stats.Unwritable = why.Reason
		}
	}
	return stats, nil
}

// Writable returns nil if a write would be taken at present, else an
// ErrUnavailable that says why not.
func (s *Store) Writable() error {
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		return wrap("write", fmt.Errorf("%w: %w", errBroken, broken))
	}
	return wrap("write", s.space.check(0))
}

// diskOf sums up what the files of a store take on the disk by what they are for.
func diskOf(dir string) (map[string]int64, error) {
	parts := map[string]int64{"tables": 0, "logs": 0, "values": 0, "rest": 0}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		size, err := sizeOnDisk(path)
		if err != nil {
			return ignoreGone(err)
		}
		switch {
		case strings.HasSuffix(path, ".sst"):
			parts["tables"] += size
		case strings.HasSuffix(path, ".mem"):
			parts["logs"] += size
		case strings.HasSuffix(path, ".vlog"):
			parts["values"] += size
		default:
			parts["rest"] += size
		}
		return nil
	})
	return parts, err
}

// ignoreGone passes over files that the engine has removed meanwhile.
func ignoreGone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
