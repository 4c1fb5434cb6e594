//go:build !linux && !darwin

package badgerstore

import (
	"math"
	"os"
)

// lockFile leaves it to Badger's own lock to keep other processes out.
func lockFile(*os.File) (held bool, err error) { return true, nil }

// freeSpace is not known.
func freeSpace(string) (uint64, error) { return math.MaxUint64, nil }

// sizeOnDisk returns the length of the file.
func sizeOnDisk(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
