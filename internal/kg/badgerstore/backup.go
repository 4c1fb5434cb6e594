package badgerstore

import (
	"bytes"
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
	return r.windows(func(records []loaded) error {
		for _, l := range records {
			if l.err != nil {
				return l.err
			}
			e := newEncoder()
			if err := e.record(l.record); err != nil {
				return err
			}
			if err := f(l.id, d.record(l.record.RecordKind(), l.id, e.b)); err != nil {
				return err
			}
		}
		return nil
	})
}

// loaded is the record to which the row of an id leads, or why it cannot be read.
type loaded struct {
	id kg.ID
	// value is that of the row, home the key of the record's, nil where it
	// lives there.
	value, home []byte
	record      kg.Record
	err         error
}

const (
	// windowBytes is how much of homes is in memory at once, as they are encoded.
	windowBytes = 16 << 20
	// leastWindow and mostWindow bound the records of a window.
	leastWindow, mostWindow = 256, 50_000
)

// windows passes on all ids with what they lead to, in order, a window at a time.
// Homes lie in another order than ids, and reading each where its id is met costs
// a block of the table for every record; read in their own order, those of a
// window share blocks.
func (r *reader) windows(f func([]loaded) error) error {
	var window []loaded
	size := leastWindow
	flush := func() error {
		var homes []*loaded
		for i := range window {
			if l := &window[i]; l.err == nil && l.record == nil {
				homes = append(homes, l)
			}
		}
		slices.SortFunc(homes, func(a, b *loaded) int { return bytes.Compare(a.home, b.home) })
		total := 0
		for _, l := range homes {
			kind := kg.RecordKind(l.value[1])
			ok, err := r.get(l.home, func(value []byte) (err error) {
				total += len(value)
				l.record, l.err = parseHome(kind, l.id, value)
				return nil
			})
			if err != nil {
				return err
			}
			if !ok {
				l.err = missing(l.home)
			}
		}
		if err := f(window); err != nil {
			return err
		}
		if len(homes) > 0 {
			size = min(max(windowBytes/(total/len(homes)+1), leastWindow), mostWindow)
		}
		clear(window)
		window = window[:0]
		return nil
	}
	_, err := r.sweep(spanOf(idRows.key()), false, func(key, value []byte) (bool, error) {
		l := loaded{id: idRows.id(key), value: bytes.Clone(value)}
		var a atID
		if a, l.err = parseAtID(l.id, value); l.err == nil {
			l.record, l.home = a.record, a.home
			if a.record == nil && (len(a.home) == 0 || !slices.Contains(kg.RecordKinds(), a.kind)) {
				l.err = errMalformed
			}
		}
		if window = append(window, l); len(window) < size {
			return true, nil
		}
		return true, flush()
	})
	if err != nil {
		return err
	}
	return flush()
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
