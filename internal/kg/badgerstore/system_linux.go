package badgerstore

import (
	"errors"
	"os"
	"syscall"
)

// forcesLogs: what Badger writes to its logs through mapped memory is forced to
// the disk by whoever has the file open.
const forcesLogs = true

// forceData makes the contents of a file last, and of what else there is to know
// about it only its size.
func forceData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
