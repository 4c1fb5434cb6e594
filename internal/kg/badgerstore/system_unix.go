//go:build linux || darwin

package badgerstore

import (
	"errors"
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

// freeSpace returns how many bytes can still be written into the folder.
func freeSpace(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// sizeOnDisk returns what a file takes on the disk, which for one with holes is
// less than its length.
func sizeOnDisk(path string) (int64, error) {
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		return 0, err
	}
	return s.Blocks * 512, nil
}
