package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"keiretsu/internal/kg/badgerstore"
)

// restore is the command that makes a data folder from backups.
type restore struct {
	Full       string   `arg:"" help:"A full backup."`
	Increments []string `arg:"" optional:"" name:"increment" help:"The increments behind it, in the order in which they were made."`
}

// Help goes on where the first line of help ends.
func (c *restore) Help() string {
	return `The data folder (--data) must not exist or be empty. Every file is verified from
end to end before anything is written; the store gets its name last. The search
index is built at the next start; tokens.json is not in a backup.`
}

// Run restores the store.
func (c *restore) Run(ctx context.Context, m *Main, f *folder) error {
	made, err := f.vacant()
	if err != nil {
		return err
	}
	line := newProgress(m.Stderr)
	b, err := badgerstore.Restore(ctx, badgerstore.Restoration{
		Dir: f.store(), Files: append([]string{c.Full}, c.Increments...),
		Progress: func(verified, written, of int64) {
			if written == 0 {
				line.say("restore: %d of %d entries verified", verified, of)
			} else {
				line.say("restore: %d of %d entries written", written, of)
			}
		},
	})
	line.done()
	if err != nil {
		if made {
			// Only where it is empty, and then it was not there before.
			_ = os.Remove(f.Data)
		}
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return errInterrupted
		}
		return err
	}
	fmt.Fprintf(m.Stdout, "%s: restored revision %d with %s, checksum %s\n", f.Data, b.To, counted(b.Holds, "record", ""), b.Checksum)
	return nil
}

// vacant returns an error unless a store can be restored into the folder, and
// whether it is one that does not exist yet.
func (f *folder) vacant() (fresh bool, err error) {
	entries, err := os.ReadDir(f.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		// What an earlier restore has left is cleared away by the next.
		if !badgerstore.IsUnfinished(filepath.Join(f.Data, e.Name()), f.store()) {
			return false, fmt.Errorf("%s is not empty (it holds %s); restore into a new folder", f.Data, e.Name())
		}
	}
	return false, nil
}
