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

// keepSize has space taken behind the end of a file, which stays where it is.
const keepSize = 1

// allocate sees to it that the disk has room for so many bytes of a file; what is
// written there already stays. Where grow is set, the file is as long afterwards.
// It returns ErrUnsupported where the file system cannot do that.
func allocate(f *os.File, size int64, grow bool) error {
	mode := uint32(keepSize)
	if grow {
		mode = 0
	}
	for {
		err := syscall.Fallocate(int(f.Fd()), mode, 0, size)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EOPNOTSUPP):
			return errors.ErrUnsupported
		case !errors.Is(err, syscall.EINTR):
			return os.NewSyscallError("fallocate", err)
		}
	}
}

// allocated returns what a file has of the disk.
func allocated(path string) (uint64, error) {
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		return 0, err
	}
	return uint64(s.Blocks) * 512, nil
}
