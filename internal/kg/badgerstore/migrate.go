package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keiretsu/internal/kg"
)

// migrate writes the rows of a store of an older form anew.
//
// Format 1 knew neither who recorded something, nor earlier spells of claims and
// descriptions of sources, nor what a change was about; and where a claim mentions
// an entity it held the key of the claim instead of the claim. Every value of it
// can still be read (codecVersion), so all that is needed is to write every record
// and every change once more. The mark says first that this is done, so that no
// older program opens what is half written; the identity says last that it has
// been, and until then every start begins again.
func (s *Store) migrate(ctx context.Context) error {
	r := s.reader(ctx, s.newest, &s.work)
	defer r.close()
	var who identity
	if err := r.meta(identityName, func(d *decoder) { who = d.identity() }); err != nil {
		return err
	}
	if who.format == formatVersion {
		return nil
	}
	if err := s.space.check(0); err != nil {
		return fmt.Errorf("it is of format %d and has to be written anew: %w", who.format, err)
	}
	announced := s.mark.standing
	announced.format = formatVersion
	if err := s.mark.write(announced); err != nil {
		return plain("it cannot be written to", err)
	}
	s.log.Warn("the store is of an older format and is written anew; this is done once",
		"folder", s.dir, "format", who.format, "becomes", formatVersion, "revision", s.newest.revision)
	h := head{s.newest.revision, s.counts}
	var rows []row
	flush := func() error {
		if err := errors.Join(s.logs.follow(), s.space.check(sizeOf(rows))); err != nil {
			return err
		}
		if err := s.write(append(rows, h.row()), s.newest.timestamp+1); err != nil {
			return err
		}
		s.newest.timestamp++
		rows = rows[:0]
		return nil
	}
	add := func(fresh ...row) error {
		if rows = append(rows, fresh...); len(rows) < migratedAtOnce {
			return nil
		}
		return flush()
	}
	// Rows are read through readers of their own: one reader is one sweep.
	sweeper, records := s.reader(ctx, s.newest, &s.work), r
	defer sweeper.close()
	prefix := idRows.key()
	_, err := sweeper.sweep(span{lo: prefix, hi: following(prefix)}, false, func(key, _ []byte) (bool, error) {
		record, err := records.record(idRows.id(key))
		if err != nil {
			return false, err
		}
		fresh, err := rowsOf(record)
		if err != nil {
			return false, err
		}
		return true, add(fresh...)
	})
	if err != nil {
		return fmt.Errorf("write the records anew: %w", err)
	}
	err = sweeper.changes(0, s.newest.revision, func(revision kg.Revision, value []byte) (bool, error) {
		d := newDecoder(slices.Clone(value))
		c := d.change(revision)
		if err := d.finish(); err != nil {
			return false, fmt.Errorf("change %d: %w", revision, err)
		}
		e := newEncoder()
		e.change(&c)
		return true, add(row{changeRows.key(numberOf(uint64(revision))), e.b})
	})
	if err != nil {
		return fmt.Errorf("write the change log anew: %w", err)
	}
	who.format = formatVersion
	rows = append(rows, who.row())
	if err := flush(); err != nil {
		return err
	}
	if err := s.logs.force(); err != nil {
		return err
	}
	if err := s.mark.acknowledge(s.newest.timestamp); err != nil {
		return plain("it cannot be written to", err)
	}
	s.staged = s.newest
	s.db.SetDiscardTs(s.newest.timestamp)
	return nil
}

// migratedAtOnce is how many rows are written in one commit.
const migratedAtOnce = 5000
