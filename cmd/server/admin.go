package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"keiretsu/internal/auth"
	"keiretsu/internal/control"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/search"
)

// What lies in a data folder.
func (f *folder) store() string   { return filepath.Join(f.Data, "store") }
func (f *folder) search() string  { return filepath.Join(f.Data, "search") }
func (f *folder) socket() string  { return filepath.Join(f.Data, "control.sock") }
func (f *folder) backups() string { return filepath.Join(f.Data, "backups.json") }

// administration is the control.Admin of a data folder that this process has
// open, for the commands of other processes or for its own.
type administration struct {
	folder  *folder
	store   *badgerstore.Store
	graph   *kg.Graph
	backups *backupLog
	log     *slog.Logger
	// index and lag are those of a server; nil where none runs.
	index *search.Index
	lag   *lag
	// importing is held by an import: there is one at a time.
	importing sync.Mutex
	// audit is the audit log of a server; nil where none runs.
	audit *auth.Log
}

var _ control.Admin = (*administration)(nil)

// Backup writes a backup of the store.
func (a *administration) Backup(ctx context.Context, to io.Writer, behind *control.Point) error {
	var point *badgerstore.Point
	if behind != nil {
		point = &badgerstore.Point{Store: behind.Store, Revision: kg.Revision(behind.Revision), History: behind.History}
	}
	_, err := a.store.Backup(ctx, to, point)
	return err
}

// BackupDone keeps what became of a backup.
func (a *administration) BackupDone(_ context.Context, o control.BackupOutcome) error {
	return a.backups.add(o)
}

// backupLog remembers in the data folder what became of the last backups.
type backupLog struct {
	path string

	mu sync.Mutex
	backupHistory
}

// backupHistory is what became of the last backups.
type backupHistory struct {
	// Last is the newest that was made, LastFull the newest full one; nil where
	// there is none.
	Last     *control.BackupOutcome `json:"last"`
	LastFull *control.BackupOutcome `json:"lastFull"`
	// Failures counts those that failed since the last one that did not.
	Failures int `json:"failures"`
}

// openBackupLog reads what is known. A file that makes no sense is forgotten:
// the backups themselves say what they are.
func openBackupLog(path string) (*backupLog, error) {
	l := &backupLog{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &l.backupHistory); err != nil {
		l.backupHistory = backupHistory{}
	}
	return l, nil
}

func (l *backupLog) add(o control.BackupOutcome) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Failed {
		l.Failures++
	} else {
		l.Last, l.Failures = &o, 0
		if !o.Increment {
			l.LastFull = &o
		}
	}
	text, err := json.Marshal(l.backupHistory)
	if err != nil {
		return err
	}
	return replaceFile(l.path, append(text, '\n'))
}

func (l *backupLog) history() backupHistory {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.backupHistory
}

// replaceFile puts content into a file: all of it or, where that fails, what was
// there before.
func replaceFile(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// open opens the data folder for a command, which it must not make, with a store as
// the options say but for its folder.
func (f *folder) open(ctx context.Context, o badgerstore.Options) (*administration, error) {
	if _, err := os.Stat(f.store()); err != nil {
		return nil, fmt.Errorf("there is no store in %s; name its folder by --data", f.Data)
	}
	o.Dir = f.store()
	store, err := badgerstore.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	backups, err := openBackupLog(f.backups())
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &administration{folder: f, store: store, graph: kg.NewGraph(store, kg.Options{}), backups: backups, log: o.Logger}, nil
}

func (a *administration) close() error { return a.store.Close() }

// administer calls do with what administers the data folder: the server that
// holds it, or else this process. An end by signal is an error like others: what
// was asked for has not been done.
func (f *folder) administer(ctx context.Context, m *Main, do func(context.Context, control.Admin) error) error {
	err := f.reach(ctx, badgerstore.Options{Logger: m.warnings()}, do)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errInterrupted
	}
	return err
}

var errInterrupted = errors.New("interrupted before it was done")

func (f *folder) reach(ctx context.Context, o badgerstore.Options, do func(context.Context, control.Admin) error) error {
	client, err := control.Dial(ctx, f.socket())
	if err == nil {
		return errors.Join(do(ctx, client), client.Close())
	}
	if !errors.Is(err, control.ErrNobody) {
		return err
	}
	here, err := f.open(ctx, o)
	if errors.Is(err, kg.ErrUnavailable) {
		return fmt.Errorf("%w; it does not answer at %s either, so stop it first", err, f.socket())
	}
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, here), here.close())
}

// bytesText returns a number of bytes for people.
func bytesText(n int64) string {
	const units = "KMGTP"
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	size, unit := float64(n)/(1<<10), 0
	for ; size >= 1<<10 && unit < len(units)-1; unit++ {
		size /= 1 << 10
	}
	return fmt.Sprintf("%.1f %ciB", size, units[unit])
}

// counted returns a number with its noun: "1 record", "2 records". Where more
// than an s is added, many is the form for %d of them.
func counted[N ~int | ~int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf(cmp.Or(many, "%d "+one+"s"), n)
}
