package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keiretsu/internal/control"
	"keiretsu/internal/kg/badgerstore"
)

// backup is the command that makes a backup.
type backup struct {
	File  string `arg:"" help:"File to write; - is standard output. It gets its name once it is complete, on the disk and read back."`
	After string `placeholder:"BASE" help:"Write only what has happened behind this earlier backup, a file; restoring then takes both. Default: everything, environment KEIRETSU_AFTER."`
	Force bool   `help:"Replace FILE if it exists. Default ${default}, environment KEIRETSU_FORCE." default:"false"`
}

// Help goes on where the first line of help ends.
func (c *backup) Help() string {
	return `A backup is consistent at one moment, also while a server holds the folder and
writes: the server then makes it, asked through its socket control.sock.`
}

// Run makes the backup.
func (c *backup) Run(ctx context.Context, m *Main, f *folder) error {
	if c.File == "-" && isTerminal(m.Stdout) {
		return errors.New("a backup is no text for a terminal; redirect the output or name a file")
	}
	if err := free(c.File, c.Force); err != nil {
		return err
	}
	var behind *control.Point
	if c.After != "" {
		base, err := badgerstore.ReadBackup(c.After)
		if err != nil {
			return err
		}
		p := base.Point()
		behind = &control.Point{Store: p.Store, Revision: uint64(p.Revision), History: p.History}
	}
	// Where nothing can be written, the store need not be opened to find out.
	var partial *os.File
	if c.File != "-" {
		var err error
		if partial, err = beside(c.File); err != nil {
			return err
		}
	}
	err := f.administer(ctx, m, func(ctx context.Context, admin control.Admin) error {
		made, err := c.make(ctx, m, admin, behind, partial)
		outcome := control.BackupOutcome{Failed: err != nil, At: time.Now().UTC().Truncate(time.Second)}
		if err == nil {
			outcome.Increment, outcome.Revision, outcome.Bytes, outcome.Checksum = made.Increment, uint64(made.To), made.Bytes, made.Checksum
		}
		if noted := admin.BackupDone(context.WithoutCancel(ctx), outcome); err == nil && noted != nil {
			return fmt.Errorf("the backup is complete, but stats will not show it: %w", noted)
		}
		return err
	})
	if partial != nil {
		_ = partial.Close() // where it is complete, it has been closed and has its name
		_ = os.Remove(partial.Name())
	}
	return err
}

// free returns an error where the file exists and is not to be replaced.
func free(file string, force bool) error {
	if file == "-" || force {
		return nil
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s exists; choose another name, or replace it by --force", file)
	}
	return nil
}

// beside opens a new file in the folder of another, which it becomes when it is complete.
func beside(file string) (*os.File, error) {
	partial, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*.partial")
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s cannot be written: %w; name a file in a folder that is there and may be written to", file, failed.Err)
	}
	return partial, err
}

// make writes the backup and returns what it says of itself.
func (c *backup) make(ctx context.Context, m *Main, admin control.Admin, behind *control.Point, partial *os.File) (*badgerstore.Backup, error) {
	if partial == nil {
		var passing badgerstore.Passing
		if err := admin.Backup(ctx, io.MultiWriter(m.Stdout, &passing), behind); err != nil {
			return nil, err
		}
		return passing.Backup()
	}
	made, err := c.fill(ctx, m, admin, behind, partial)
	if err != nil {
		return nil, err
	}
	what := "everything"
	if made.Increment {
		what = fmt.Sprintf("what happened behind revision %d,", made.From)
	}
	fmt.Fprintf(m.Stdout, "%s: %s up to revision %d: %s of the %d in the store, %s, checksum %s\n",
		c.File, what, made.To, counted(made.Records, "record", ""), made.Holds, bytesText(made.Bytes), made.Checksum)
	return made, nil
}

// fill writes the backup into a temporary file, reads it back and gives it its name.
func (c *backup) fill(ctx context.Context, m *Main, admin control.Admin, behind *control.Point, file *os.File) (*badgerstore.Backup, error) {
	line := newProgress(m.Stderr)
	defer line.done()
	began := time.Now()
	to := &counter{to: bufio.NewWriterSize(file, 1<<18), told: func(n int64) {
		line.say("backup: %s written in %s", bytesText(n), time.Since(began).Round(time.Second))
	}}
	if err := errors.Join(admin.Backup(ctx, to, behind), to.to.Flush(), file.Sync(), file.Close()); err != nil {
		return nil, err
	}
	made, err := badgerstore.ReadBackup(file.Name())
	if err != nil {
		return nil, fmt.Errorf("the backup did not come through whole; try again: %w", err)
	}
	return made, name(file.Name(), c.File, c.Force)
}

// name gives a complete file its name, for good. A file that has come up
// meanwhile is not replaced unless that is asked for.
func name(complete, file string, force bool) error {
	if err := rename(complete, file, force); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

func rename(complete, file string, force bool) error {
	if force {
		return os.Rename(complete, file)
	}
	err := os.Link(complete, file)
	if err == nil {
		return os.Remove(complete)
	}
	// Either it exists by now, or the file system has no second names.
	if err := free(file, force); err != nil {
		return err
	}
	return os.Rename(complete, file)
}

// counter counts what is written.
type counter struct {
	to   *bufio.Writer
	n    int64
	told func(int64)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	c.told(c.n)
	return n, err
}
