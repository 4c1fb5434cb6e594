//go:build !linux

package badgerstore

import (
	"errors"
	"os"
)

// forcesLogs is false where a file can be forced to the disk without what was
// written to it through memory that somebody else has mapped. Badger then does
// it with every transaction.
const forcesLogs = false

func forceData(f *os.File) error { return f.Sync() }

// allocate does not take space ahead.
func allocate(*os.File, int64, bool) error { return errors.ErrUnsupported }

func allocated(string) (uint64, error) { return 0, errors.ErrUnsupported }
