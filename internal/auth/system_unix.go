//go:build linux || darwin

package auth

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lockFile takes the file for this process alone; held is false where another
// one has it.
func lockFile(f *os.File) (held bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// exposed reports whether others than its owner may read or write the file.
func exposed(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
