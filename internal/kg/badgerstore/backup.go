package badgerstore

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"keiretsu/internal/kg"
)

// Checksum is the logical checksum of a store at one moment.
type Checksum struct {
	Point
	// Records counts what the store holds.
	Records int64 `json:"records"`
	// Sum is the digest over all records and the change log, in hexadecimal.
	Sum string `json:"sum"`
}

// Checksum reads the whole store at its newest moment and sums it up.
func (s *Store) Checksum(ctx context.Context) (Checksum, error) {
	var sum Checksum
	err := s.atNewest(ctx, "checksum", func(r *reader, at kg.Revision) error {
		who, err := r.identity()
		if err != nil {
			return err
		}
		d := newDigest()
		if err := r.history(0, at, d, func(kg.Revision, []byte, []byte) error { return nil }); err != nil {
			return err
		}
		if err := r.everyRecord(d, func(kg.ID, []byte) error { return nil }); err != nil {
			return err
		}
		sum = Checksum{Point: Point{Store: storeName(who.store), Revision: at}, Records: d.held}
		sum.History, sum.Sum = d.sums()
		return nil
	})
	return sum, err
}

// Backup writes a backup of the newest moment: of everything, or of what has
// happened behind another backup. Writers go on meanwhile. A point that the
// store has not been through is an ErrInvalid that says so.
//
// It reads everything in either case, since the backup says what the store must
// hold once it has been restored.
func (s *Store) Backup(ctx context.Context, to io.Writer, behind *Point) (*Backup, error) {
	var b *Backup
	err := s.atNewest(ctx, "backup", func(r *reader, at kg.Revision) (err error) {
		b, err = r.backup(to, at, behind)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// atNewest calls f with a reader of the newest moment.
func (s *Store) atNewest(ctx context.Context, operation string, f func(r *reader, at kg.Revision) error) error {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	return snap.(*snapshot).call(ctx, operation, func(r *reader) error { return f(r, snap.Revision()) })
}

func (r *reader) identity() (who identity, err error) {
	err = r.meta(identityName, func(d *decoder) { who = d.identity() })
	return who, err
}

// history adds the change log behind a revision up to another to the digest,
// and passes every change on: its fields, and the entry that was added. All are
// valid during the call only.
func (r *reader) history(after, to kg.Revision, d *digest, f func(revision kg.Revision, fields, entry []byte) error) error {
	next := after + 1
	err := r.changes(after, to, func(revision kg.Revision, fields []byte) (bool, error) {
		if revision != next {
			return false, missing(changeRows.key(numberOf(uint64(next))))
		}
		next++
		return true, f(revision, fields, d.change(revision, fields))
	})
	if err == nil && next <= to {
		err = missing(changeRows.key(numberOf(uint64(next))))
	}
	return err
}

// everyRecord adds all records to the digest, in the order of ids, and passes on
// what was added.
func (r *reader) everyRecord(d *digest, f func(id kg.ID, entry []byte) error) error {
	_, err := r.sweep(spanOf(idRows.key()), false, func(key, value []byte) (bool, error) {
		id := idRows.id(key)
		record, err := r.recordBehind(id, value)
		if err != nil {
			return false, err
		}
		e := newEncoder()
		if err := e.record(record); err != nil {
			return false, err
		}
		return true, f(id, d.record(record.RecordKind(), id, e.b))
	})
	return err
}

// recordBehind returns the record that the row of an id leads to.
func (r *reader) recordBehind(id kg.ID, value []byte) (kg.Record, error) {
	a, err := parseAtID(id, value)
	if err != nil || a.record != nil {
		return a.record, err
	}
	ok, err := r.get(a.home, func(value []byte) error {
		a.record, err = parseHome(a.kind, id, value)
		return err
	})
	if err == nil && !ok {
		err = missing(a.home)
	}
	return a.record, err
}

func (r *reader) backup(to io.Writer, at kg.Revision, behind *Point) (*Backup, error) {
	who, err := r.identity()
	if err != nil {
		return nil, err
	}
	b := &Backup{BackupHeader: BackupHeader{
		Version: backupVersion, Format: formatVersion, Store: storeName(who.store), To: at, Made: time.Now().UTC().Truncate(time.Second),
	}}
	d := newDigest()
	if behind != nil {
		b.Increment, b.From, b.FromHistory = true, behind.Revision, behind.History
		if err := r.follows(d, b.Store, at, behind); err != nil {
			return nil, err
		}
	}
	w, err := newBackupWriter(to)
	if err != nil {
		return nil, err
	}
	if _, err := w.json(frameHeader, b.BackupHeader); err != nil {
		return nil, err
	}
	touched := make(map[kg.ID]bool)
	err = r.history(b.From, at, d, func(revision kg.Revision, fields, entry []byte) error {
		b.Changes++
		if b.Increment {
			in := newDecoder(fields)
			c := in.change(revision)
			if err := in.finish(); err != nil {
				return fmt.Errorf("change %d: %w", revision, err)
			}
			for _, t := range c.Touched {
				touched[t.ID] = true
			}
		}
		return w.entry(frameChanges, entry)
	})
	if err != nil {
		return nil, err
	}
	gone := slices.Sorted(maps.Keys(touched)) // as long as they are not met
	bury := func(until func(kg.ID) bool) error {
		for ; len(gone) > 0 && until(gone[0]); gone = gone[1:] {
			b.Deleted++
			if err := w.entry(frameRecords, appendRecord(nil, 0, gone[0], nil)); err != nil {
				return err
			}
		}
		return nil
	}
	err = r.everyRecord(d, func(id kg.ID, entry []byte) error {
		if err := bury(func(g kg.ID) bool { return g < id }); err != nil {
			return err
		}
		if b.Increment {
			if len(gone) == 0 || gone[0] != id {
				return nil
			}
			gone = gone[1:]
		}
		b.Records++
		return w.entry(frameRecords, entry)
	})
	if err == nil {
		err = bury(func(kg.ID) bool { return true })
	}
	if err != nil {
		return nil, err
	}
	b.Holds = d.held
	b.History, b.Checksum = d.sums()
	if err := w.finish(b.BackupTrailer); err != nil {
		return nil, err
	}
	b.Bytes = w.bytes
	return b, nil
}

// follows returns an ErrInvalid unless the store has been at the point, whose
// history it adds to the digest.
func (r *reader) follows(d *digest, store string, at kg.Revision, behind *Point) error {
	switch {
	case behind.Store != store:
		return kg.Invalidf("", "the earlier backup is of another store (%s; this one is %s)", behind.Store, store)
	case behind.Revision > at:
		return kg.Invalidf("", "the earlier backup ends at revision %d, and the store is at %d only: it has been restored to an earlier moment; make a full backup", behind.Revision, at)
	}
	if err := r.history(0, behind.Revision, d, func(kg.Revision, []byte, []byte) error { return nil }); err != nil {
		return err
	}
	if hexSum(d.history) != behind.History {
		return kg.Invalidf("", "the store came to revision %d by another way than the earlier backup: one of them has been restored and written to since; make a full backup", behind.Revision)
	}
	return nil
}
