package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"keiretsu/internal/kg"
)

// restoredAt is the timestamp of everything that was restored, the next after
// that at which a store is created.
const restoredAt = created + 1

// stagingSuffix makes of a store's folder the one beside it in which it is
// restored. It has its name only until everything is in it and has been checked.
const stagingSuffix = ".restoring"

// Restoration says what to restore.
type Restoration struct {
	// Dir is the folder of the store to be. It must not exist.
	Dir string
	// Files are a full backup and then the increments behind it, in order.
	Files []string
	// Logger is told what goes on; nil for nobody.
	Logger *slog.Logger
	// Progress, if set, is told how many entries of how many have been dealt
	// with: first while the files are verified, then while they are written.
	Progress func(verified, written, of int64)
}

// Restore makes the store that the backups hold, in a folder that does not exist
// yet, and returns what the last of them says with the checksum of the store. All files are read from end to end and compared with what the last one
// says that the store must hold before anything is written; the store is then
// made in a folder beside, read back, compared again, and given its name last.
// So there is all of it or none, wherever it is interrupted.
//
// The restored store has the name of the one that was backed up and is at the
// same revision with the same history: backups behind those that were restored
// can be made of either. Which of the two went on is told by the history.
func Restore(ctx context.Context, o Restoration) (*Backup, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if _, err := os.Stat(o.Dir); err == nil {
		return nil, fmt.Errorf("%s exists already; nothing is restored over it", o.Dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	m, err := openChain(o.Files)
	if err != nil {
		return nil, err
	}
	defer m.close()
	m.progress = o.Progress
	if err := m.verify(ctx); err != nil {
		return nil, err
	}
	staging := o.Dir + stagingSuffix
	if err := makeStaging(staging); err != nil {
		return nil, err
	}
	err = m.build(ctx, staging, o.Logger)
	if err == nil {
		err = os.Rename(staging, o.Dir)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(o.Dir))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(staging))
	}
	b := m.newest().Backup
	b.Checksum = m.becomes
	return &b, nil
}

// IsUnfinished reports that the path is what a restore of the store in dir leaves
// when it is killed, and the next one clears away.
func IsUnfinished(path, dir string) bool { return path == dir+stagingSuffix }

// checkRestored returns an error where a store that does not exist was about to
// be restored.
func checkRestored(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(dir + stagingSuffix); err == nil {
		return fmt.Errorf("a restore into it was broken off; run it again, or remove %s to begin with an empty store", dir+stagingSuffix)
	}
	return nil
}

// makeStaging makes the folder in which a store is restored, in place of one
// that was left behind.
func makeStaging(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil {
		lock, err := lockFolder(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		if err := errors.Join(lock.release(), os.RemoveAll(dir)); err != nil {
			return err
		}
	}
	return os.Mkdir(dir, 0o755)
}

// chain is a full backup with the increments behind it, read as one.
type chain struct {
	files []*backupReader
	// heads are the next records of the files, nil where there are no more.
	heads []*recordEntry

	progress          func(verified, written, of int64)
	verified, written int64
	// becomes is the logical checksum of the restored store. It is another than
	// that of the files where these were made by a program whose codec was older.
	becomes string
}

func openChain(paths []string) (_ *chain, err error) {
	c := &chain{}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for _, path := range paths {
		r, err := openBackup(path)
		if err != nil {
			return nil, err
		}
		c.files = append(c.files, r)
	}
	if len(c.files) == 0 {
		return nil, errors.New("there is no backup to restore")
	}
	if first := c.files[0]; first.Increment {
		return nil, fmt.Errorf("%s is an increment behind revision %d; a restore begins with a full backup", first.path, first.From)
	}
	for i, r := range c.files[1:] {
		switch before := c.files[i]; {
		case !r.Increment:
			return nil, fmt.Errorf("%s is a full backup; it is restored alone or comes first", r.path)
		case r.Store != before.Store:
			return nil, fmt.Errorf("%s is of another store than %s (%s, not %s)", r.path, before.path, r.Store, before.Store)
		case r.From != before.To:
			return nil, fmt.Errorf("%s begins behind revision %d and %s ends at %d: one is missing between them, or they are in the wrong order", r.path, r.From, before.path, before.To)
		case r.FromHistory != before.History:
			return nil, fmt.Errorf("%s does not belong behind %s: the store had been restored and gone another way", r.path, before.path)
		}
	}
	return c, nil
}

func (c *chain) close() {
	for _, r := range c.files {
		r.close()
	}
}

func (c *chain) newest() *backupReader { return c.files[len(c.files)-1] }

// total is how many entries there are.
func (c *chain) total() (n int64) {
	for _, r := range c.files {
		n += r.Changes + r.Records + r.Deleted
	}
	return n
}

// tell reports progress, every so many entries.
func (c *chain) tell(done *int64, n int64) {
	const every = 4096
	before := *done
	*done += n
	if c.progress != nil && before/every != *done/every {
		c.progress(c.verified, c.written, c.total())
	}
}

// read passes on all changes, then the newest state of all records, in order.
func (c *chain) read(ctx context.Context, done *int64, change func(*changeEntry) error, record func(*recordEntry) error) error {
	for _, r := range c.files {
		for {
			e, err := r.change()
			if err == nil && e != nil {
				err = errors.Join(change(e), ctx.Err())
			}
			if err != nil {
				return err
			}
			if e == nil {
				break
			}
			c.tell(done, 1)
		}
	}
	c.heads = make([]*recordEntry, len(c.files))
	for i, r := range c.files {
		var err error
		if c.heads[i], err = r.record(); err != nil {
			return err
		}
	}
	for {
		e, n := c.next()
		if e == nil {
			break
		}
		if e.kind != 0 {
			if err := record(e); err != nil {
				return err
			}
		}
		// Only now: the record lies in what is read over.
		if err := c.advance(e.id); err != nil {
			return err
		}
		c.tell(done, n)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, r := range c.files {
		if err := r.end(); err != nil {
			return err
		}
	}
	return nil
}

// next returns what the newest file says of the smallest id that is left, and
// how many files speak of it.
func (c *chain) next() (newest *recordEntry, n int64) {
	for _, e := range c.heads {
		switch {
		case e == nil:
		case newest == nil || e.id < newest.id:
			newest, n = e, 1
		case e.id == newest.id:
			newest = e
			n++
		}
	}
	return newest, n
}

// advance reads on behind the id.
func (c *chain) advance(id kg.ID) error {
	for i, e := range c.heads {
		if e != nil && e.id == id {
			var err error
			if c.heads[i], err = c.files[i].record(); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify reads all files from end to end and makes sure that together they hold
// what the last one says, and that this program understands it.
func (c *chain) verify(ctx context.Context) error {
	d, becomes := newDigest(), newDigest()
	err := c.read(ctx, &c.verified, func(e *changeEntry) error {
		in := newDecoder(e.fields)
		in.change(e.revision)
		d.change(e.revision, e.fields)
		becomes.change(e.revision, e.fields)
		return in.finish()
	}, func(e *recordEntry) error {
		d.record(e.kind, e.id, e.fields)
		record, err := parseFields(e)
		if err != nil {
			return err
		}
		now := newEncoder()
		if err := now.record(record); err != nil {
			return err
		}
		becomes.record(e.kind, e.id, now.b)
		return nil
	})
	if err != nil {
		return err
	}
	_, c.becomes = becomes.sums()
	last := c.newest()
	if history, sum := d.sums(); history != last.History || sum != last.Checksum || d.held != last.Holds {
		return fmt.Errorf("%s says that the store holds something else than the backups give: one of them is not what it was", last.path)
	}
	return nil
}

// build writes the store into an empty folder and reads it back.
func (c *chain) build(ctx context.Context, dir string, log *slog.Logger) error {
	last := c.newest()
	var name uint64
	if _, err := fmt.Sscanf(last.Store, "%016x", &name); err != nil {
		return last.damaged("its header names no store")
	}
	// The store is made under the name that the mark announces.
	m, err := openMark(dir, standing{format: formatVersion, store: name})
	if err != nil {
		return err
	}
	if err := errors.Join(m.write(m.standing), m.close()); err != nil {
		return err
	}
	o := Options{Dir: dir, Logger: log}
	s, err := Open(ctx, o)
	if err != nil {
		return err
	}
	if err := errors.Join(c.fill(ctx, s), s.Close()); err != nil {
		return err
	}
	if s, err = Open(ctx, o); err != nil {
		return err
	}
	sum, err := s.Checksum(ctx)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	if sum.Sum != c.becomes || sum.Revision != last.To {
		return fmt.Errorf("the restored store does not hold what %s says; nothing is left of it", last.path)
	}
	return nil
}

// fill writes everything into an empty store, the head last.
func (c *chain) fill(ctx context.Context, s *Store) error {
	last := c.newest()
	if last.To == 0 {
		return nil
	}
	for _, r := range c.files {
		if err := r.rewind(); err != nil {
			return err
		}
	}
	batch := s.db.NewWriteBatchAt(restoredAt)
	defer batch.Cancel()
	h := head{revision: last.To, counts: make(map[kg.RecordKind]int64)}
	err := c.read(ctx, &c.written, func(e *changeEntry) error {
		return batch.Set(changeRows.key(numberOf(uint64(e.revision))), append(nothing, e.fields...))
	}, func(e *recordEntry) error {
		record, err := parseFields(e)
		if err != nil {
			return err
		}
		rows, err := rowsOf(record)
		if err != nil {
			return err
		}
		h.counts[e.kind]++
		if c.written%checkEvery == 0 {
			if err := errors.Join(s.logs.follow(), s.space.check(0)); err != nil {
				return err
			}
		}
		for _, row := range rows {
			if err := batch.Set(row.key, row.value); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = batch.Flush()
	}
	if err != nil {
		return err
	}
	return s.amend(nil, h)
}
